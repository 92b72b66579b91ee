/* Feeds the firmware's portable part byte soup, spoiled frames, pin changes and time; built with sanitizers by
   test_firmware_soup.py. Usage: firmware_soup SEED ROUNDS */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "frame.h"

void hosted_boot(uint64_t at_us, int why, uint8_t levels);
void hosted_receive(const uint8_t *bytes, uint16_t count);
void hosted_set_levels(uint8_t levels, uint64_t at_us);
void hosted_poll(uint64_t at_us);
uint16_t hosted_take_output(uint8_t *bytes, uint16_t most);
int hosted_lamp(void);

static uint32_t state;

static uint32_t chance(uint32_t below) {
    state = state * 1664525u + 1013904223u;
    return (state >> 8) % below;
}

static uint16_t make_soup(uint8_t *bytes) {
    uint16_t count = (uint16_t)chance(200);
    for (uint16_t index = 0; index < count; index++) bytes[index] = (uint8_t)chance(4) == 0 ? 0x7D + chance(2) : chance(256);
    return count;
}

static uint16_t make_frame(uint8_t *bytes) {
    uint8_t payload[PAYLOAD_LONGEST];
    uint8_t count = (uint8_t)(HEADER_BYTES + chance(PAYLOAD_LONGEST + 1 - HEADER_BYTES));
    if (chance(2)) count = (uint8_t)(HEADER_BYTES + chance(9));
    payload[0] = (uint8_t)chance(chance(8) ? 9 : 256);
    payload[1] = (uint8_t)chance(256);
    payload[2] = (uint8_t)chance(chance(2) ? 1 : 256);
    for (uint8_t index = HEADER_BYTES; index < count; index++) payload[index] = (uint8_t)chance(chance(2) ? 8 : 256);
    uint16_t length = frame_make(payload, count, bytes);
    if (!chance(4)) bytes[chance(length)] ^= (uint8_t)(1u << chance(8));
    return length;
}

int main(int count, char **words) {
    uint8_t bytes[FRAME_LONGEST + 256], output[4096];
    uint64_t now_us = 1000, sent = 0;
    if (count != 3) return 2;
    state = (uint32_t)strtoul(words[1], NULL, 10);
    hosted_boot(now_us, 1, 0xFF);
    for (long round = strtol(words[2], NULL, 10); round > 0; round--) {
        hosted_receive(bytes, chance(3) ? make_frame(bytes) : make_soup(bytes));
        if (!chance(3)) hosted_set_levels((uint8_t)chance(256), now_us - chance(900));
        now_us += 1000 + chance(chance(50) ? 5000 : 3000000);
        hosted_poll(now_us);
        sent += hosted_take_output(output, sizeof output);
        if (hosted_lamp() < 0 || hosted_lamp() > LAMP_FAULT) return 3;
        if (!chance(20000)) hosted_boot(now_us, 3, (uint8_t)chance(256));
    }
    printf("%llu\n", (unsigned long long)sent);
    return sent ? 0 : 4;
}
