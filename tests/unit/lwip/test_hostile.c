/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Frames that somebody made up. FRAMES in the environment says how many, else ROUNDS. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "frames.h"

enum { ROUNDS = 200000, REST_EVERY = 50 };

static uint64_t chance_state = 88172645463325252u;

/* xorshift64: the same frames in each run. */
static uint32_t chance(uint32_t below)
{
    chance_state ^= chance_state << 13;
    chance_state ^= chance_state >> 7;
    chance_state ^= chance_state << 17;
    return (uint32_t)(chance_state >> 32) % below;
}

static uint8_t interesting_byte(void)
{
    static const uint8_t bytes[] = {0,    1,    2,    4,    5,  8, 0x0f, 0x10, 0x20, 0x3f, 0x40, 0x7f,
                                    0x80, 0xc0, 0xfe, 0xff, 17, 6, 43,   44,   58,   60,   136};

    return chance(3) == 0 ? (uint8_t)chance(256) : bytes[chance(sizeof(bytes))];
}

static size_t mutate(uint8_t *frame, size_t len)
{
    uint32_t changes = chance(6), i;

    if (chance(8) == 0)
        len = 14 + chance((uint32_t)len - 13);
    else if (chance(8) == 0 && len < 1000)
        len += chance(500);
    for (i = 0; i < changes; i++)
        frame[12 + chance((uint32_t)(len > 13 ? len - 12 : 1))] = interesting_byte();
    if (chance(8) != 0)
        frame_fix_checksums(frame, len);
    return len;
}

static unsigned count_seeds(void)
{
    uint8_t frame[FRAME_BYTES];
    unsigned n = 0;

    while (frame_seed(n, frame) != 0)
        n++;
    return n;
}

static void test_seeds(void **state)
{
    struct target *target = target_new();
    uint8_t frame[FRAME_BYTES];
    unsigned n;
    size_t len;

    (void)state;
    for (n = 0; (len = frame_seed(n, frame)) != 0; n++) {
        target_acknowledge(target, frame, len);
        assert_int_equal(target_input(target, frame, len), 0);
        target_rest(target);
    }
    assert_in_range(target_connections(target), 1, 2);
    target_free(target);
}

static void test_mutations(void **state)
{
    struct target *target = target_new();
    const char *wanted = getenv("FRAMES");
    long rounds = wanted == NULL ? ROUNDS : atol(wanted), i;
    unsigned n = count_seeds(), seed;
    uint8_t frame[FRAME_BYTES];
    size_t len;

    (void)state;
    for (i = 0; i < rounds; i++) {
        memset(frame, (int)chance(256), sizeof(frame));
        seed = chance(n);
        len = frame_seed(seed, frame);
        target_acknowledge(target, frame, len);
        len = mutate(frame, len);
        if (target_input(target, frame, len) < 0)
            fail_msg("frame %ld, from seed %u, ended the stack", i, seed);
        if (i % REST_EVERY == 0)
            target_rest(target);
    }
    print_message("%u connections on the way\n", target_connections(target));
    assert_in_range(target_connections(target), 1, rounds);
    target_free(target);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_seeds),
        cmocka_unit_test(test_mutations),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
