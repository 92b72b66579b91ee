/* The queue of events that the host has not taken yet. */
#ifndef EVENTS_H
#define EVENTS_H

#include <stdbool.h>
#include <stdint.h>

#define EVENTS_KEPT 32 /* the oldest is dropped for a new one; its counter is then missing, which the host sees */

struct event {
    uint64_t time_us;
    uint32_t counter;
    int32_t value;
    uint8_t kind;
};

void events_init(void);
void events_add(uint8_t kind, uint64_t time_us, int32_t value);
const struct event *events_oldest(void); /* null: none waits */
void events_taken(uint32_t counter);     /* up to this one */
uint32_t events_newest(void);            /* counter of the newest event ever; 0: none yet */

#endif
