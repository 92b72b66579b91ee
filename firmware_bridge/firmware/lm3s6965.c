/* The board: Luminary LM3S6965 evaluation kit (Cortex-M3, 50 MHz), real or as qemu-system-arm -M lm3s6965evb.

   Line: UART0, 115200 baud, 8N1. Pins 0 to 3: PE0 to PE3, pin 4: PF1 (the kit's buttons up, down, left, right, select;
   pulled up). Lamp: PB0 scanning, PB1 result, PB2 not sure, PB3 fault, and the kit's own light (PF0) for the fault.
   Relays: PB4, PB5. Buzzer: PD1 (PWM1). Temperature: the chip's own sensor; there is no battery.
   Source of addresses and bits: LM3S6965 data sheet (DS-LM3S6965). */
#include "core.h"
#include "hal.h"

#define REGISTER(address) (*(volatile uint32_t *)(address))
#define SYSCTL(offset) REGISTER(0x400FE000u + (offset))
#define UART(offset) REGISTER(0x4000C000u + (offset))
#define WATCHDOG(offset) REGISTER(0x40000000u + (offset))
#define TIMER0(offset) REGISTER(0x40030000u + (offset))
#define ADC(offset) REGISTER(0x40038000u + (offset))
#define PWM(offset) REGISTER(0x40028000u + (offset))
#define PORT_A 0x40004000u
#define PORT_B 0x40005000u
#define PORT_D 0x40007000u
#define PORT_E 0x40024000u
#define PORT_F 0x40025000u
#define GPIO(port, offset) REGISTER((port) + (offset))
#define GPIO_PINS(port, mask) REGISTER((port) + ((mask) << 2)) /* reads and writes these pins alone */
#define SYSTICK_CONTROL REGISTER(0xE000E010u)
#define SYSTICK_RELOAD REGISTER(0xE000E014u)
#define SYSTICK_COUNT REGISTER(0xE000E018u)
#define INTERRUPT_STATE REGISTER(0xE000ED04u)
#define SYSTICK_PENDING (1u << 26)
#define INTERRUPT_ENABLE REGISTER(0xE000E100u)
#define INTERRUPT_DISABLE REGISTER(0xE000E180u)
#define UART0_INTERRUPT (1u << 5)
#define TIMER0_INTERRUPT (1u << 19)

#define CLOCK_HZ 50000000u
#define CYCLES_PER_US (CLOCK_HZ / 1000000)
#define TICK_CYCLES (CLOCK_HZ / 1000)
#define ROUND_US 320000u /* SysTick has 24 bits; an interrupt that comes late costs no time within a round */
#define ROUND_CYCLES (ROUND_US * CYCLES_PER_US)
#define RECEIVED_KEPT 256
#define SENT_KEPT 1024
#define CHANGES_KEPT 64
#define WATCHDOG_CYCLES (CLOCK_HZ / 4) /* it resets the second time that it runs out: after half a second */
#define WATCHDOG_KEY 0x1ACCE551u /* opens its registers; anything else locks them against a program gone astray */

const char hal_board_name[NAME_BYTES] = "lm3s6965evb";
const uint8_t hal_pins = 5;
const uint8_t hal_relays = 2;
const uint16_t hal_resolution_us = 1000; /* pins are looked at every millisecond */

static volatile uint32_t rounds; /* of SysTick; enough for 43 years */
static volatile uint32_t ticks;  /* milliseconds, more or less */
static enum reset_cause cause;

/* Rings with one writer and one reader each; the interrupt is one of the two. */
static volatile uint8_t received[RECEIVED_KEPT], sent[SENT_KEPT];
static volatile uint16_t received_in, received_out, sent_in, sent_out;
static volatile struct pin_change changes[CHANGES_KEPT];
static volatile uint16_t changes_in, changes_out;
static uint8_t last_levels;

uint8_t hal_levels(void) {
    return (uint8_t)((GPIO_PINS(PORT_E, 0x0Fu) & 0x0Fu) | (GPIO_PINS(PORT_F, 0x02u) & 0x02u) << 3);
}

static uint64_t read_clock(void) {
    uint32_t elapsed, count, pending;
    do {
        elapsed = rounds;
        count = SYSTICK_COUNT;
        pending = INTERRUPT_STATE & SYSTICK_PENDING;
    } while (elapsed != rounds);
    if (pending && count > ROUND_CYCLES / 2) elapsed++; /* a round has ended, and its interrupt has not run yet */
    return (uint64_t)elapsed * ROUND_US + (ROUND_CYCLES - 1 - count) / CYCLES_PER_US;
}

void systick_handler(void) { rounds++; }

void timer0_handler(void) {
    uint8_t levels = hal_levels();
    uint16_t next = (uint16_t)((changes_in + 1) % CHANGES_KEPT);
    TIMER0(0x024) = 1;
    ticks++;
    if (levels == last_levels || next == changes_out) return; /* no room: the next tick sees the change again */
    last_levels = levels;
    changes[changes_in].time_us = read_clock();
    changes[changes_in].levels = levels;
    changes_in = next;
}

static void fill_transmitter(void) {
    while (sent_out != sent_in && !(UART(0x18) & 1u << 5)) {
        UART(0x00) = sent[sent_out];
        sent_out = (uint16_t)((sent_out + 1) % SENT_KEPT);
    }
    if (sent_out == sent_in) UART(0x38) &= ~(1u << 5);
    else UART(0x38) |= 1u << 5;
}

void uart0_handler(void) {
    UART(0x44) = UART(0x40);
    while (!(UART(0x18) & 1u << 4)) {
        uint32_t data = UART(0x00); /* a byte with a framing or overrun error is passed on: the CRC finds it */
        uint16_t next = (uint16_t)((received_in + 1) % RECEIVED_KEPT);
        if (next == received_out) continue;
        received[received_in] = (uint8_t)data;
        received_in = next;
    }
    fill_transmitter();
}

uint64_t hal_now_us(void) {
    static uint64_t last_us;
    uint64_t now_us = read_clock();
    if (now_us > last_us) last_us = now_us;
    return last_us;
}

int hal_receive(void) {
    if (received_out == received_in) return -1;
    uint8_t byte = received[received_out];
    received_out = (uint16_t)((received_out + 1) % RECEIVED_KEPT);
    return byte;
}

bool hal_send(const uint8_t *bytes, uint16_t count) {
    uint16_t used = (uint16_t)((sent_in + SENT_KEPT - sent_out) % SENT_KEPT);
    if (count >= SENT_KEPT - used) return false;
    while (count--) {
        sent[sent_in] = *bytes++;
        sent_in = (uint16_t)((sent_in + 1) % SENT_KEPT);
    }
    INTERRUPT_DISABLE = UART0_INTERRUPT;
    fill_transmitter();
    INTERRUPT_ENABLE = UART0_INTERRUPT;
    return true;
}

bool hal_next_pin_change(struct pin_change *change) {
    if (changes_out == changes_in) return false;
    change->time_us = changes[changes_out].time_us;
    change->levels = changes[changes_out].levels;
    changes_out = (uint16_t)((changes_out + 1) % CHANGES_KEPT);
    return true;
}

void hal_show_lamp(enum lamp lamp) {
    GPIO_PINS(PORT_B, 0x0Fu) = lamp == LAMP_OFF ? 0 : 1u << (lamp - LAMP_SCANNING);
    GPIO_PINS(PORT_F, 0x01u) = lamp == LAMP_FAULT;
}

void hal_set_relays(uint8_t closed) { GPIO_PINS(PORT_B, 0x30u) = (uint32_t)closed << 4; }

void hal_buzz(uint16_t frequency_hz) {
    PWM(0x008) = 0; /* output off */
    if (!frequency_hz) return;
    uint32_t cycles = CLOCK_HZ / 64 / frequency_hz; /* PWM clock: system clock / 64 */
    PWM(0x040) = 0;
    PWM(0x050) = cycles - 1;
    PWM(0x05C) = cycles / 2;
    PWM(0x064) = 0x80Cu; /* generator B: high at the load, low at the comparator */
    PWM(0x040) = 1;
    PWM(0x008) = 1u << 1;
}

int32_t hal_battery_mv(void) { return HAL_NO_READING; }

int32_t hal_temperature_decidegrees(void) {
    ADC(0x028) = 1u << 3; /* start sequencer 3 */
    for (int wait = 0; ADC(0x0AC) & 1u << 8; wait++)
        if (wait == 1000) return HAL_NO_READING;
    int32_t reading = (int32_t)(ADC(0x0A8) & 0x3FFu);
    return 1475 - 2250 * reading / 1023; /* data sheet, section 12.2.5 */
}

enum reset_cause hal_reset_cause(void) { return cause; }

void hal_feed_watchdog(void) {
    static uint32_t fed_ticks;
    static uint64_t fed_us;
    uint64_t now_us = hal_now_us();
    if (ticks == fed_ticks || now_us == fed_us) return; /* a clock that stands still is a fault too */
    fed_ticks = ticks;
    fed_us = now_us;
    WATCHDOG(0xC00) = WATCHDOG_KEY;
    WATCHDOG(0x00C) = 1;
    WATCHDOG(0xC00) = 0;
}

void hal_sleep(void) { __asm__ volatile("wfi"); }

static void start_clock(void) {
    uint32_t bits = SYSCTL(0x05C);
    cause = bits & 1u << 3   ? RESET_WATCHDOG
            : bits & 1u << 4 ? RESET_SOFTWARE
            : bits & 1u << 2 ? RESET_BROWN_OUT
            : bits & 1u << 1 ? RESET_POWER_ON
            : bits & 1u      ? RESET_EXTERNAL
                             : RESET_UNKNOWN;
    SYSCTL(0x05C) = 0;
    /* 8 MHz crystal, PLL to 200 MHz, divided by 4. In steps: bypass, power up, wait for the lock, use. */
    uint32_t rcc = (SYSCTL(0x060) & ~(1u << 0 | 3u << 4 | 0xFu << 6 | 0xFu << 23 | 7u << 17)) | 1u << 11;
    SYSCTL(0x060) = rcc & ~(1u << 22);
    rcc |= 0xEu << 6 | 3u << 23 | 1u << 22 | 1u << 20 | 7u << 17;
    rcc &= ~(1u << 13);
    SYSCTL(0x060) = rcc;
    for (int wait = 0; wait < 100000 && !(SYSCTL(0x050) & 1u << 6); wait++) {}
    SYSCTL(0x060) = rcc & ~(1u << 11);
    SYSCTL(0x100) |= 1u << 20 | 1u << 16 | 1u << 3; /* PWM, ADC, watchdog */
    SYSCTL(0x104) |= 1u << 16 | 1u << 0;            /* timer 0, UART0 */
    SYSCTL(0x108) |= 0x3Bu;                         /* ports A, B, D, E, F */
    (void)SYSCTL(0x108);                            /* three cycles until they answer */
}

static void make_output(uint32_t port, uint32_t mask) {
    GPIO(port, 0x400) |= mask;
    GPIO(port, 0x51C) |= mask;
}

static void make_input(uint32_t port, uint32_t mask) {
    GPIO(port, 0x400) &= ~mask;
    GPIO(port, 0x510) |= mask; /* pulled up */
    GPIO(port, 0x51C) |= mask;
}

static void use_function(uint32_t port, uint32_t mask) {
    GPIO(port, 0x420) |= mask;
    GPIO(port, 0x51C) |= mask;
}

void hal_init(void) {
    start_clock();
    make_output(PORT_B, 0x3Fu);
    make_output(PORT_F, 0x01u);
    make_input(PORT_E, 0x0Fu);
    make_input(PORT_F, 0x02u);
    use_function(PORT_A, 0x03u);
    use_function(PORT_D, 0x02u);
    UART(0x30) = 0;
    UART(0x24) = 27; /* 50 MHz / 16 / 115200 = 27 + 8/64 */
    UART(0x28) = 8;
    UART(0x2C) = 0x70; /* 8 bits, no parity, 1 stop bit, FIFOs */
    UART(0x34) = 0;    /* interrupts at 1/8 */
    UART(0x38) = 1u << 4 | 1u << 6; /* received, and received long ago */
    UART(0x30) = 0x301;
    ADC(0x000) &= ~(1u << 3);
    ADC(0x014) &= ~(0xFu << 12); /* sequencer 3 is started by software ... */
    ADC(0x0A4) = 0xE;            /* ... and takes one sample, of the temperature */
    ADC(0x000) |= 1u << 3;
    last_levels = hal_levels();
    SYSTICK_RELOAD = ROUND_CYCLES - 1;
    SYSTICK_COUNT = 0;
    SYSTICK_CONTROL = 7;
    TIMER0(0x000) = 0; /* 32 bits, periodic: the pins are looked at, and the loop woken */
    TIMER0(0x004) = 2;
    TIMER0(0x028) = TICK_CYCLES - 1;
    TIMER0(0x018) = 1;
    TIMER0(0x00C) = 1;
    INTERRUPT_ENABLE = UART0_INTERRUPT | TIMER0_INTERRUPT;
    WATCHDOG(0xC00) = WATCHDOG_KEY;
    WATCHDOG(0x000) = WATCHDOG_CYCLES;
    WATCHDOG(0x008) = 3; /* run, and reset at the second time-out */
    WATCHDOG(0xC00) = 0;
    while (ticks < 2) {} /* the pull-ups have their level by then */
}
