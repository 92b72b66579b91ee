#include "core.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "events.h"
#include "frame.h"
#include "hal.h"
#include "inputs.h"
#include "protocol.h"

#define NEWER_BELOW 0x8000u /* a sequence that is farther ahead is behind: they count modulo 65,536 */
#define SILENCE_US 2000000u
#define HEARTBEAT_US 500000u
#define MEASURE_US 1000000u
#define EVENT_RETRY_FIRST_US 50000u
#define EVENT_RETRY_LONGEST_US 800000u
#define BATTERY_STEP_MV 100
#define TEMPERATURE_STEP_DECIDEGREES 20

struct message { /* one that is being written */
    uint8_t bytes[PAYLOAD_LONGEST];
    uint8_t count;
};

static struct frame_parser parser;
static struct message welcome; /* of this session, for a repeated greeting */
static struct message answer;  /* to the last command, for its repeat */
static uint32_t session;       /* 0: not greeted */
static uint16_t last_sequence;
static bool answer_kept;
static uint8_t commanded_lamp, shown_lamp, relays;
static bool host_silent;
static uint64_t now_us, heard_us, heartbeat_us, measure_us, event_us, buzz_until_us;
static uint32_t event_retry_us;
static int32_t told_battery_mv, told_temperature;

static void put8(struct message *message, uint8_t value) { message->bytes[message->count++] = value; }

static void put16(struct message *message, uint16_t value) {
    put8(message, (uint8_t)value);
    put8(message, (uint8_t)(value >> 8));
}

static void begin(struct message *message, uint8_t kind, uint16_t sequence) {
    message->count = 0;
    put8(message, kind);
    put16(message, sequence);
}

static void put32(struct message *message, uint32_t value) {
    put16(message, (uint16_t)value);
    put16(message, (uint16_t)(value >> 16));
}

static void put64(struct message *message, uint64_t value) {
    put32(message, (uint32_t)value);
    put32(message, (uint32_t)(value >> 32));
}

static uint16_t get16(const uint8_t *bytes) { return (uint16_t)(bytes[0] | bytes[1] << 8); }

static uint32_t get32(const uint8_t *bytes) { return get16(bytes) | (uint32_t)get16(bytes + 2) << 16; }

/* A message that finds no room is lost, as on the line: the host asks again, an event is sent again. */
static void write(const struct message *message) {
    uint8_t frame[FRAME_LONGEST];
    (void)hal_send(frame, frame_make(message->bytes, message->count, frame));
}

static void happen(uint8_t kind, uint64_t time_us, int32_t value) {
    if (events_oldest() == NULL) {
        event_us = 0;
        event_retry_us = EVENT_RETRY_FIRST_US;
    }
    events_add(kind, time_us, value);
}

static void show_lamp(void) {
    uint8_t lamp = host_silent ? LAMP_FAULT : commanded_lamp;
    if (lamp == shown_lamp) return;
    shown_lamp = lamp;
    hal_show_lamp((enum lamp)lamp);
}

static void make_nak(uint8_t command, uint16_t sequence, uint8_t reason, struct message *message) {
    uint8_t version = reason == VERSION ? PROTOCOL_VERSION : 0;
    begin(message, NAK, sequence);
    put8(message, command);
    put8(message, reason);
    put8(message, version);
    put8(message, version);
}

static void refuse(uint8_t command, uint16_t sequence, uint8_t reason) {
    struct message message;
    make_nak(command, sequence, reason, &message);
    write(&message);
}

static void make_welcome(uint16_t sequence) {
    const struct event *oldest = events_oldest();
    uint16_t capabilities = HAS_LAMP | HAS_BUZZER;
    if (hal_relays) capabilities |= HAS_RELAY;
    if (told_battery_mv != HAL_NO_READING) capabilities |= HAS_BATTERY;
    if (told_temperature != HAL_NO_READING) capabilities |= HAS_TEMPERATURE;
    begin(&welcome, WELCOME, sequence);
    put8(&welcome, PROTOCOL_VERSION);
    put16(&welcome, capabilities);
    put8(&welcome, hal_pins);
    put8(&welcome, hal_relays);
    put8(&welcome, (uint8_t)hal_reset_cause());
    put8(&welcome, inputs_active());
    put16(&welcome, hal_resolution_us);
    put8(&welcome, FIRMWARE_MAJOR);
    put8(&welcome, FIRMWARE_MINOR);
    put8(&welcome, FIRMWARE_PATCH);
    put32(&welcome, session);
    put32(&welcome, oldest ? oldest->counter : events_newest() + 1);
    put64(&welcome, now_us);
    put64(&welcome, hal_now_us());
    for (int index = 0; index < NAME_BYTES; index++) put8(&welcome, (uint8_t)hal_board_name[index]);
}

static void greet(const uint8_t *body, uint8_t count, uint16_t sequence) {
    uint32_t proposed = count == 6 ? get32(body + 2) : 0;
    if (!proposed || !body[0] || body[0] > body[1]) {
        refuse(HELLO, sequence, BAD_VALUE);
        return;
    }
    if (body[0] > PROTOCOL_VERSION || body[1] < PROTOCOL_VERSION) {
        refuse(HELLO, sequence, VERSION);
        return;
    }
    uint16_t newer = (uint16_t)(sequence - last_sequence);
    if (proposed != session) {
        make_welcome(sequence);
        session = proposed;
        event_us = 0;
        event_retry_us = EVENT_RETRY_FIRST_US;
        last_sequence = sequence;
        answer_kept = false;
    } else if (newer > 0 && newer < NEWER_BELOW) { /* proposed again; a late copy of the first changes nothing */
        last_sequence = sequence;
        answer_kept = false;
    }
    welcome.bytes[1] = (uint8_t)sequence;
    welcome.bytes[2] = (uint8_t)(sequence >> 8);
    write(&welcome);
}

static uint8_t buzz(const uint8_t *body) {
    uint16_t frequency_hz = get16(body), duration_ms = get16(body + 2);
    if (frequency_hz < 100 || frequency_hz > 10000 || duration_ms < 1 || duration_ms > 2000) return BAD_VALUE;
    buzz_until_us = now_us + duration_ms * 1000u;
    hal_buzz(frequency_hz);
    return 0;
}

static uint8_t set_relay(uint8_t relay, uint8_t closed) {
    if (relay >= RELAYS_MOST || closed > 1) return BAD_VALUE;
    if (relay >= hal_relays) return NOT_AVAILABLE;
    relays = (uint8_t)((relays & ~(1u << relay)) | (unsigned)closed << relay);
    hal_set_relays(relays);
    return 0;
}

/* Returns 0 if the command is done, else why not. */
static uint8_t carry_out(uint8_t kind, const uint8_t *body, uint8_t count) {
    static const uint8_t lengths[] = {[PING] = 0, [SET_LAMP] = 1, [BUZZ] = 4, [SET_RELAY] = 2, [SET_PIN] = 4,
                                      [SET_TIMING] = 4};
    if (kind >= sizeof lengths || kind < PING) return UNKNOWN_COMMAND;
    if (count != lengths[kind]) return BAD_VALUE;
    switch (kind) {
    case SET_LAMP:
        if (body[0] >= LAMPS) return BAD_VALUE;
        commanded_lamp = body[0];
        show_lamp();
        return 0;
    case BUZZ: return buzz(body);
    case SET_RELAY: return set_relay(body[0], body[1]);
    case SET_PIN:
        if (body[0] < PINS_MOST && body[0] >= hal_pins) return NOT_AVAILABLE;
        return inputs_set_pin(body[0], body[1], body[2], body[3], now_us) ? 0 : BAD_VALUE;
    case SET_TIMING: return inputs_set_timing(get16(body), get16(body + 2)) ? 0 : BAD_VALUE;
    default: return 0;
    }
}

static void command(uint8_t kind, uint16_t sequence, const uint8_t *body, uint8_t count) {
    if (!session) {
        refuse(kind, sequence, NOT_GREETED);
        return;
    }
    uint16_t newer = (uint16_t)(sequence - last_sequence);
    if (newer >= NEWER_BELOW) return; /* a late copy of an earlier command */
    if (newer > 0) {
        uint8_t reason = carry_out(kind, body, count);
        if (reason) {
            make_nak(kind, sequence, reason, &answer);
        } else if (kind == PING) {
            begin(&answer, PONG, sequence);
            put64(&answer, now_us);
            put64(&answer, hal_now_us());
        } else {
            begin(&answer, ACK, sequence);
            put8(&answer, kind);
        }
        last_sequence = sequence;
        answer_kept = true;
    }
    if (answer_kept) write(&answer);
}

static void take(const uint8_t *payload, uint8_t count) {
    uint8_t kind = payload[0];
    uint16_t sequence = get16(payload + 1);
    const uint8_t *body = payload + HEADER_BYTES;
    count = (uint8_t)(count - HEADER_BYTES);
    if (kind >= FROM_CONTROLLER) return;
    heard_us = now_us;
    if (kind == HELLO) {
        greet(body, count, sequence);
    } else if (kind == EVENT_TAKEN) {
        if (count != 8 || !session || get32(body) != session) return;
        const struct event *oldest = events_oldest();
        events_taken(get32(body + 4));
        if (events_oldest() != oldest) {
            event_us = 0;
            event_retry_us = EVENT_RETRY_FIRST_US;
        }
    } else {
        command(kind, sequence, body, count);
    }
}

static void send_event(void) {
    const struct event *event = events_oldest();
    if (!session || event == NULL || now_us < event_us) return;
    event_us = now_us + event_retry_us;
    event_retry_us = event_retry_us * 2 < EVENT_RETRY_LONGEST_US ? event_retry_us * 2 : EVENT_RETRY_LONGEST_US;
    struct message message;
    begin(&message, EVENT, 0);
    put32(&message, session);
    put32(&message, event->counter);
    put64(&message, event->time_us);
    put8(&message, event->kind);
    put32(&message, (uint32_t)event->value);
    write(&message);
}

static void send_heartbeat(void) {
    if (now_us < heartbeat_us) return;
    heartbeat_us = now_us + HEARTBEAT_US;
    struct message message;
    begin(&message, HEARTBEAT, 0);
    put32(&message, session);
    put64(&message, now_us);
    put32(&message, events_newest());
    put8(&message, shown_lamp);
    put8(&message, host_silent ? HOST_SILENT : 0);
    write(&message);
}

/* Tells a reading that differs from the last one told by a step. */
static void tell_reading(uint8_t kind, int32_t value, int32_t step, int32_t *told) {
    if (value == HAL_NO_READING) return;
    if (*told != HAL_NO_READING && value - *told < step && *told - value < step) return;
    *told = value;
    happen(kind, now_us, value);
}

static void measure(void) {
    if (now_us < measure_us) return;
    measure_us = now_us + MEASURE_US;
    tell_reading(BATTERY, hal_battery_mv(), BATTERY_STEP_MV, &told_battery_mv);
    tell_reading(TEMPERATURE, hal_temperature_decidegrees(), TEMPERATURE_STEP_DECIDEGREES, &told_temperature);
}

void core_init(void) {
    now_us = hal_now_us();
    parser = (struct frame_parser){0};
    session = 0;
    answer_kept = host_silent = false;
    commanded_lamp = shown_lamp = LAMP_OFF;
    relays = 0;
    heard_us = heartbeat_us = measure_us = now_us;
    event_us = buzz_until_us = 0;
    event_retry_us = EVENT_RETRY_FIRST_US;
    told_battery_mv = told_temperature = HAL_NO_READING;
    events_init();
    inputs_init(now_us, hal_levels());
    hal_show_lamp(LAMP_OFF);
    hal_set_relays(0);
    hal_buzz(0);
    measure();
}

void core_poll(void) {
    struct pin_change change;
    int byte;
    while (hal_next_pin_change(&change)) inputs_change(change.levels, change.time_us, happen);
    now_us = hal_now_us(); /* after the changes: none of them lies in the future */
    inputs_tick(now_us, happen);
    while ((byte = hal_receive()) >= 0) {
        uint8_t count = frame_take(&parser, (uint8_t)byte);
        if (!count) continue;
        now_us = hal_now_us();
        take(parser.bytes, count);
    }
    host_silent = now_us - heard_us >= SILENCE_US;
    show_lamp();
    if (buzz_until_us && now_us >= buzz_until_us) {
        buzz_until_us = 0;
        hal_buzz(0);
    }
    measure();
    send_heartbeat();
    send_event();
    hal_feed_watchdog();
}
