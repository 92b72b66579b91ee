/* Input pins: debounce, and what a change means by the pin's role. */
#ifndef INPUTS_H
#define INPUTS_H

#include <stdbool.h>
#include <stdint.h>

/* An event: what, when (us since the start), and its value. */
typedef void (*tell_function)(uint8_t kind, uint64_t time_us, int32_t value);

void inputs_init(uint64_t now_us, uint8_t levels);
/* Returns whether the values are within their limits; equal settings change nothing. */
bool inputs_set_pin(uint8_t pin, uint8_t role, uint8_t active_low, uint8_t debounce_ms, uint64_t now_us);
bool inputs_set_timing(uint16_t hold_ms, uint16_t double_press_ms);
void inputs_change(uint8_t levels, uint64_t time_us, tell_function tell);
void inputs_tick(uint64_t now_us, tell_function tell);
uint8_t inputs_active(void); /* bit n: pin n is active */

#endif
