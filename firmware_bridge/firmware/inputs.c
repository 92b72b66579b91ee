#include "inputs.h"

#include "hal.h"
#include "protocol.h"

#define VALUE_MOST 1000000

struct pin {
    uint8_t role, active_low, debounce_ms;
    bool active;   /* after debouncing */
    bool moving;   /* the level changed and was not still for long enough yet */
    bool settling; /* moving since the start or new settings: what it comes to is no change */
    bool level;
    uint64_t first_us, changed_us; /* first and last edge of the movement */
    uint64_t since_us;             /* last change of `active` */
    uint64_t last_press_us;
    bool press_counts;             /* a second press may make it a double one */
    bool hold_told;
};

static struct pin pins[PINS_MOST];
static uint16_t hold_ms, double_press_ms;

static const uint8_t default_roles[PINS_MOST] = {
    ROLE_FOOT_SWITCH, ROLE_FREEZE, ROLE_EXPOSURE, ROLE_PROBE, ROLE_ENCLOSURE, ROLE_NONE, ROLE_NONE, ROLE_NONE,
};

static bool is_active(const struct pin *pin) { return pin->level != pin->active_low; }

static bool is_state(const struct pin *pin) { return pin->role == ROLE_PROBE || pin->role == ROLE_ENCLOSURE; }

static void settle(struct pin *pin, uint64_t now_us) {
    pin->active = false;
    pin->moving = pin->settling = true;
    pin->first_us = pin->changed_us = now_us;
    pin->press_counts = false;
    pin->hold_told = true;
}

void inputs_init(uint64_t now_us, uint8_t levels) {
    hold_ms = 1000;
    double_press_ms = 400;
    for (uint8_t number = 0; number < PINS_MOST; number++) {
        struct pin *pin = &pins[number];
        pin->role = number < hal_pins ? default_roles[number] : (uint8_t)ROLE_NONE;
        pin->active_low = 1;
        pin->debounce_ms = 20;
        pin->level = levels >> number & 1;
        pin->since_us = now_us;
        settle(pin, now_us);
    }
}

bool inputs_set_pin(uint8_t number, uint8_t role, uint8_t active_low, uint8_t debounce_ms, uint64_t now_us) {
    if (number >= hal_pins || role >= ROLES || active_low > 1 || debounce_ms < 1 || debounce_ms > 200) return false;
    struct pin *pin = &pins[number];
    if (pin->role == role && pin->active_low == active_low && pin->debounce_ms == debounce_ms) return true;
    pin->role = role;
    pin->active_low = active_low;
    pin->debounce_ms = debounce_ms;
    settle(pin, now_us);
    return true;
}

bool inputs_set_timing(uint16_t new_hold_ms, uint16_t new_double_press_ms) {
    if (new_hold_ms < 200 || new_hold_ms > 10000) return false;
    if (new_double_press_ms < 100 || new_double_press_ms > 2000) return false;
    hold_ms = new_hold_ms;
    double_press_ms = new_double_press_ms;
    return true;
}

void inputs_change(uint8_t levels, uint64_t time_us, tell_function tell) {
    inputs_tick(time_us, tell); /* the loop may be late: what was still for long enough before this change counts */
    for (uint8_t number = 0; number < hal_pins; number++) {
        struct pin *pin = &pins[number];
        bool level = levels >> number & 1;
        if (level == pin->level) continue;
        pin->level = level;
        pin->changed_us = time_us;
        if (!pin->moving) pin->first_us = time_us;
        pin->moving = true;
    }
}

static void switched(struct pin *pin, tell_function tell) {
    uint64_t at_us = pin->first_us;
    bool active = pin->active;
    switch (pin->role) {
    case ROLE_FREEZE: tell(active ? FREEZE_ON : FREEZE_OFF, at_us, 0); break;
    case ROLE_PROBE: tell(active ? PROBE_CONNECTED : PROBE_DISCONNECTED, at_us, 0); break;
    case ROLE_ENCLOSURE: tell(active ? ENCLOSURE_OPENED : ENCLOSURE_CLOSED, at_us, 0); break;
    case ROLE_EXPOSURE:
        if (active) {
            tell(EXPOSURE_START, at_us, 0);
        } else {
            uint64_t length_us = at_us - pin->since_us;
            bool longest = length_us >= (uint64_t)VALUE_MOST * 1000;
            tell(EXPOSURE_END, at_us, longest ? VALUE_MOST : (int32_t)((uint32_t)length_us / 1000));
        }
        break;
    case ROLE_FOOT_SWITCH:
        if (active) {
            bool is_double = pin->press_counts && at_us - pin->last_press_us <= double_press_ms * 1000u;
            pin->press_counts = !is_double;
            pin->last_press_us = at_us;
            tell(is_double ? FOOT_SWITCH_DOUBLE : FOOT_SWITCH_PRESS, at_us, 0);
        }
        break;
    default: break;
    }
    pin->since_us = at_us;
    pin->hold_told = !(pin->role == ROLE_FOOT_SWITCH && active);
}

void inputs_tick(uint64_t now_us, tell_function tell) {
    for (uint8_t number = 0; number < hal_pins; number++) {
        struct pin *pin = &pins[number];
        if (pin->moving && now_us - pin->changed_us >= pin->debounce_ms * 1000u) {
            bool silent = pin->settling && !is_state(pin); /* a pedal that is down at the start is not a press */
            pin->moving = pin->settling = false;
            if (is_active(pin) != pin->active) {
                pin->active = !pin->active;
                if (silent) pin->since_us = pin->first_us;
                else switched(pin, tell);
            }
        }
        if (!pin->hold_told && pin->active && now_us - pin->since_us >= hold_ms * 1000u) {
            pin->hold_told = true;
            tell(FOOT_SWITCH_HOLD, pin->since_us + hold_ms * 1000u, 0);
        }
    }
}

uint8_t inputs_active(void) {
    uint8_t active = 0;
    for (uint8_t number = 0; number < hal_pins; number++) active |= (uint8_t)(pins[number].active << number);
    return active;
}
