/* A board in memory, for the tests of the portable part on the host: the clock is what the caller says. */
#include <string.h>

#include "core.h"
#include "hal.h"

#define LINE_KEPT 8192
#define CHANGES_KEPT 64
#define BUZZES_KEPT 1000000 /* more than any test sends */

const char hal_board_name[NAME_BYTES] = "hosted";
const uint8_t hal_pins = 5;
const uint8_t hal_relays = 2;
const uint16_t hal_resolution_us = 0;

static uint64_t now_us;
static uint8_t received[LINE_KEPT], sent[LINE_KEPT];
static uint16_t received_count, received_out, sent_count;
static struct pin_change changes[CHANGES_KEPT];
static uint8_t change_count, change_out, levels;
static int lamp, relays, buzzer_hz, cause;
static uint16_t buzzes_hz[BUZZES_KEPT];
static uint32_t buzzes;
static int32_t temperature_decidegrees = HAL_NO_READING;
static int fed;

void hal_init(void) {}
uint64_t hal_now_us(void) { return now_us; }
int hal_receive(void) { return received_out < received_count ? received[received_out++] : -1; }

bool hal_send(const uint8_t *bytes, uint16_t count) {
    if (count > LINE_KEPT - sent_count) return false;
    memcpy(sent + sent_count, bytes, count);
    sent_count = (uint16_t)(sent_count + count);
    return true;
}

uint8_t hal_levels(void) { return levels; }

bool hal_next_pin_change(struct pin_change *change) {
    if (change_out == change_count) {
        change_out = change_count = 0;
        return false;
    }
    *change = changes[change_out++];
    return true;
}

void hal_show_lamp(enum lamp shown) { lamp = (int)shown; }

void hal_buzz(uint16_t frequency_hz) {
    buzzer_hz = frequency_hz;
    if (frequency_hz && buzzes < BUZZES_KEPT) buzzes_hz[buzzes++] = frequency_hz;
}

void hal_set_relays(uint8_t closed) { relays = closed; }
int32_t hal_battery_mv(void) { return HAL_NO_READING; }
int32_t hal_temperature_decidegrees(void) { return temperature_decidegrees; }
enum reset_cause hal_reset_cause(void) { return (enum reset_cause)cause; }
void hal_feed_watchdog(void) { fed++; }
void hal_sleep(void) {}

void hosted_boot(uint64_t at_us, int why, uint8_t initial_levels) {
    now_us = at_us;
    cause = why;
    levels = initial_levels;
    received_count = received_out = sent_count = 0;
    change_count = change_out = 0;
    buzzes = 0;
    fed = 0;
    core_init();
}

/* More than fits is lost, as on a line that is not read. */
void hosted_receive(const uint8_t *bytes, uint16_t count) {
    if (count > LINE_KEPT - received_count) count = (uint16_t)(LINE_KEPT - received_count);
    memcpy(received + received_count, bytes, count);
    received_count = (uint16_t)(received_count + count);
}

void hosted_set_levels(uint8_t new_levels, uint64_t at_us) {
    if (new_levels == levels || change_count == CHANGES_KEPT) return;
    levels = new_levels;
    changes[change_count++] = (struct pin_change){at_us, new_levels};
}

void hosted_poll(uint64_t at_us) {
    now_us = at_us;
    core_poll();
    received_count = received_out = 0;
}

uint16_t hosted_take_output(uint8_t *bytes, uint16_t most) {
    uint16_t count = sent_count < most ? sent_count : most;
    memcpy(bytes, sent, count);
    memmove(sent, sent + count, (size_t)(sent_count - count));
    sent_count = (uint16_t)(sent_count - count);
    return count;
}

int hosted_lamp(void) { return lamp; }
int hosted_relays(void) { return relays; }
int hosted_buzzes(void) { return (int)buzzes; }
int hosted_buzz(uint32_t index) { return buzzes_hz[index]; }
int hosted_buzzer_hz(void) { return buzzer_hz; }
int hosted_fed(void) { return fed; }
void hosted_set_temperature(int32_t decidegrees) { temperature_decidegrees = decidegrees; }
