/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Frames that somebody made up, put into lwip by the shortest way: FRAMES in the environment says how many, else ROUNDS.
 * The stack survives, answers to the end, and its memory does not grow. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "lab/holdings.h"
#include "target.h"

enum {
    ROUNDS = 300000,
    REST_EVERY = 50,
    SETTLED = 200000,       /* by then all tables are as full as they get */
    GROWTH_MAX = 256 * 1024 /* what the fill of its tables may differ by */
};

static void put(struct target *target, const uint8_t *frame, size_t len)
{
    assert_int_equal(target_input(target, frame, len), 0);
}

static void test_seeds(void **state)
{
    struct target *target = target_new();
    struct frame_peer peer = {0};
    uint8_t frame[FRAME_BYTES];
    unsigned n;
    size_t len;

    (void)state;
    for (n = 0; n < frame_seeds(); n++) {
        len = frame_seed(n, frame);
        frame_peer_say(&peer, frame, len);
        put(target, frame, len);
        target_rest(target, &peer);
    }
    assert_in_range(target_connections(target), 1, 2);
    target_free(target);
}

static void reset_all(struct target *target, struct frame_peer *peer)
{
    uint8_t frame[FRAME_BYTES];
    size_t len;

    while ((len = frame_peer_reset(peer, frame)) > 0)
        put(target, frame, len);
}

static void test_mutations(void **state)
{
    struct target *target = target_new();
    const char *wanted = getenv("FRAMES");
    long rounds = wanted == NULL ? ROUNDS : atol(wanted), i;
    struct frame_peer peer = {0};
    struct chance random = {0};
    uint8_t frame[FRAME_BYTES];
    size_t len, heap = 0, heap_end;

    (void)state;
    for (i = 0; i < rounds; i++) {
        len = frame_make(&random, &peer, frame);
        if (target_input(target, frame, len) < 0)
            fail_msg("frame %ld ended the stack", i);
        if (i % REST_EVERY == 0) {
            target_rest(target, &peer);
            reset_all(target, &peer);
        }
        if (i == SETTLED)
            heap = holdings_now().heap;
    }
    heap_end = holdings_now().heap;
    print_message("%u connections on the way, heap %+ld bytes\n", target_connections(target),
                  i > SETTLED ? (long)(heap_end - heap) : 0);
    assert_in_range(target_connections(target), 1, rounds);
    if (i > SETTLED)
        assert_true(heap_end <= heap + GROWTH_MAX);
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
