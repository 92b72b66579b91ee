/* What a board has to give. To port the firmware, write these functions; nothing else touches the hardware. */
#ifndef HAL_H
#define HAL_H

#include <stdbool.h>
#include <stdint.h>

#include "protocol.h"

#define HAL_NO_READING INT32_MIN

struct pin_change {
    uint64_t time_us;
    uint8_t levels; /* bit n: level of pin n */
};

extern const char hal_board_name[NAME_BYTES]; /* ASCII, filled up with zero bytes */
extern const uint8_t hal_pins;                /* number of inputs, at most PINS_MOST */
extern const uint8_t hal_relays;              /* at most RELAYS_MOST */
extern const uint16_t hal_resolution_us;      /* how late a pin change may be stamped */

void hal_init(void);                                 /* once, before anything else */
uint64_t hal_now_us(void);                           /* since the start; never goes back */
int hal_receive(void);                               /* next byte from the line, -1: none */
bool hal_send(const uint8_t *bytes, uint16_t count); /* all of them or, if there is no room, none */
uint8_t hal_levels(void);                            /* of the pins, now */
bool hal_next_pin_change(struct pin_change *change); /* oldest one not yet fetched; false: none */
void hal_show_lamp(enum lamp lamp);
void hal_buzz(uint16_t frequency_hz);                /* 0: silence */
void hal_set_relays(uint8_t closed);                 /* bit n: relay n */
int32_t hal_battery_mv(void);                        /* or HAL_NO_READING */
int32_t hal_temperature_decidegrees(void);           /* or HAL_NO_READING */
enum reset_cause hal_reset_cause(void);
void hal_feed_watchdog(void);
void hal_sleep(void);                                /* until an interrupt, a millisecond at most */

#endif
