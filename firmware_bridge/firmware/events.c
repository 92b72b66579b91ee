#include "events.h"

#include <stddef.h>

static struct event queue[EVENTS_KEPT];
static uint8_t first, count;
static uint32_t newest;

void events_init(void) {
    first = count = 0;
    newest = 0;
}

static void drop_oldest(void) {
    first = (uint8_t)((first + 1) % EVENTS_KEPT);
    count--;
}

void events_add(uint8_t kind, uint64_t time_us, int32_t value) {
    if (count == EVENTS_KEPT) drop_oldest();
    struct event *event = &queue[(first + count++) % EVENTS_KEPT];
    event->time_us = time_us;
    event->counter = ++newest;
    event->value = value;
    event->kind = kind;
}

const struct event *events_oldest(void) { return count ? &queue[first] : NULL; }

void events_taken(uint32_t counter) {
    while (count && queue[first].counter <= counter) drop_oldest();
}

uint32_t events_newest(void) { return newest; }
