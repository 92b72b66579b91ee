/* Payload and CRC-16 between two flags, escaped as in HDLC. */
#ifndef FRAME_H
#define FRAME_H

#include <stdbool.h>
#include <stdint.h>

#include "protocol.h"

struct frame_parser {
    uint8_t bytes[PAYLOAD_LONGEST + 2]; /* payload and CRC, without escapes */
    uint8_t count;
    bool escaped;
    bool spoiled; /* too long, or wrongly escaped: nothing counts until the next flag */
};

uint16_t frame_crc(const uint8_t *bytes, uint16_t count);

/* Takes one byte. Returns the payload's length if the byte ends a good frame, else 0; the payload is in parser->bytes
   until the next call. */
uint8_t frame_take(struct frame_parser *parser, uint8_t byte);

/* Writes the frame of a payload and returns its length, at most FRAME_LONGEST. */
uint16_t frame_make(const uint8_t *payload, uint8_t count, uint8_t *frame);

#endif
