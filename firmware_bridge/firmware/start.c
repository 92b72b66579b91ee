/* From reset to main: vectors, memory, the loop. */
#include <stddef.h>
#include <stdint.h>

#include "core.h"
#include "hal.h"

extern uint32_t _stack_top, _data_start, _data_end, _data_load, _bss_start, _bss_end;

void systick_handler(void);
void timer0_handler(void);
void uart0_handler(void);

/* The compiler may call these for copies and zeroes that it finds in the code. */
void *memcpy(void *target, const void *source, size_t count) {
    uint8_t *to = target;
    for (const uint8_t *from = source; count--;) *to++ = *from++;
    return target;
}

void *memset(void *target, int value, size_t count) {
    for (uint8_t *to = target; count--;) *to++ = (uint8_t)value;
    return target;
}

/* Any fault: stand still, and the watchdog resets. */
static void fault(void) {
    for (;;) {}
}

__attribute__((noreturn)) void reset_handler(void) {
    const uint32_t *from = &_data_load;
    for (uint32_t *to = &_data_start; to < &_data_end;) *to++ = *from++;
    for (uint32_t *to = &_bss_start; to < &_bss_end;) *to++ = 0;
    hal_init();
    core_init();
    for (;;) {
        core_poll();
        hal_sleep();
    }
}

typedef void (*handler)(void);

__attribute__((section(".vectors"), used)) static const handler vectors[16 + 20] = {
    [0] = (handler)(void *)&_stack_top,
    [1] = reset_handler,
    [2] = fault, [3] = fault, [4] = fault, [5] = fault, [6] = fault, [11] = fault, [12] = fault, [14] = fault,
    [15] = systick_handler,
    [16 + 5] = uart0_handler,
    [16 + 19] = timer0_handler, /* the others are not enabled */
};
