/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which replies an exchange believes, on a simulated network: forged ones, broken ones, and none of them. */
#include "exchange_sim.h"

/* Ways to spoil a reply so that it is not to what was asked. */
enum spoil {
    SPOIL_ID,
    SPOIL_NAME,
    SPOIL_TYPE,
    SPOIL_CLASS,
    SPOIL_QR,
    SPOIL_OPCODE,
    SPOIL_QDCOUNT_0,
    SPOIL_QDCOUNT_2,
    SPOIL_SHORT,
    SPOIL_EMPTY,
    N_SPOILS,
};

static enum spoil spoil_as;

static size_t spoil(enum spoil how, uint8_t *bytes, size_t len)
{
    size_t behind_name = DNS_HEADER_LEN + dname_len(bytes + DNS_HEADER_LEN);

    switch (how) {
    case SPOIL_ID:
        bytes[1] ^= 1;
        break;
    case SPOIL_NAME:
        bytes[DNS_HEADER_LEN + 1] = '7';
        break;
    case SPOIL_TYPE:
        bytes[behind_name + 1] ^= 1;
        break;
    case SPOIL_CLASS:
        bytes[behind_name + 3] ^= 2;
        break;
    case SPOIL_QR:
        bytes[2] &= 0x7f;
        break;
    case SPOIL_OPCODE:
        bytes[2] |= 0x20;
        break;
    case SPOIL_QDCOUNT_0:
        put_be16(bytes + 4, 0);
        break;
    case SPOIL_QDCOUNT_2:
        put_be16(bytes + 4, 2);
        break;
    case SPOIL_SHORT:
        return DNS_HEADER_LEN - 1;
    default:
        return 0;
    }
    return len;
}

/* A forger is faster than the server. */
static void forged_first_server(struct sim *sim, const struct query *q)
{
    uint8_t bytes[PACKET_MAX];
    size_t len = spoil(spoil_as, bytes, make_reply(q, 0, 3, bytes));

    sim_reply(sim, q, bytes, len, DELAY / 2);
    reply_flags(sim, q, 0, 1, DELAY);
}

static void test_forged_first(void **state)
{
    (void)state;
    for (spoil_as = 0; spoil_as < N_SPOILS; spoil_as++) {
        struct sim *sim = sim_new(20, 2, 100, 10);
        struct ask ask;
        sim->servers[0] = forged_first_server;
        sim_ask(sim, &ask, "example.org");
        sim_run(sim);
        assert_true(ask.answered);
        assert_int_equal(get_be16(ask.reply + 6), 1); /* the right one */
        assert_int_equal(sim->n_queries, 1);
        assert_int_equal(stats_of(sim).disbelieved, 1);
        sim_free(sim);
    }
}

/* Over TCP nothing better follows: the next server. */
static void wrong_over_tcp_server(struct sim *sim, const struct query *q)
{
    if (q->tcp)
        forged_first_server(sim, q);
    else
        truncating_server(sim, q);
}

static void test_wrong_over_tcp(void **state)
{
    (void)state;
    for (spoil_as = 0; spoil_as < N_SPOILS; spoil_as++) {
        struct sim *sim = sim_new(21, 2, 100, 10);
        struct ask ask;
        sim->servers[0] = wrong_over_tcp_server;
        sim->servers[1] = good_server;
        sim_ask(sim, &ask, "example.org");
        sim_run(sim);
        assert_true(ask.answered);
        assert_int_equal(sim->asked_of[1], 1);
        sim_free(sim);
    }
}

/* Does not keep the letter case of questions, not even over TCP. */
static void lower_case_server(struct sim *sim, const struct query *q)
{
    uint8_t bytes[PACKET_MAX];
    size_t len = make_reply(q, 0, 1, bytes);

    dname_lower(bytes + DNS_HEADER_LEN, bytes + DNS_HEADER_LEN, dname_len(bytes + DNS_HEADER_LEN));
    sim_reply(sim, q, bytes, len, DELAY);
}

static void test_wrong_case(void **state)
{
    (void)state;
    struct sim *sim = sim_new(22, 1, 100, 10);
    struct ask ask;

    sim->servers[0] = lower_case_server;
    sim_ask(sim, &ask, "a-name-with-many-letters.example.org");
    sim_run(sim);
    assert_true(ask.answered);
    assert_int_equal(ask.done_at - ask.asked_at, 2 * DELAY);
    assert_int_equal(stats_of(sim).sent_tcp, 1);
    assert_int_equal(stats_of(sim).disbelieved, 1);
    sim_free(sim);
}

/* Ways in which a reply to what was asked can be malformed. */
enum breakage {
    BREAK_JUNK,
    BREAK_COUNT,
    BREAK_CUT,
    BREAK_POINTER,
    BREAK_RDLEN,
    BREAK_OPT_IN_ANSWER,
    N_BREAKAGES
};

static enum breakage break_as;

static void broken_server(struct sim *sim, const struct query *q)
{
    enum { OWNER = 2, RR_FIXED = 10 };
    uint8_t bytes[PACKET_MAX] = {0};
    size_t len = make_reply(q, 0, 1, bytes);
    size_t rr = len - 4 - RR_FIXED;

    switch (break_as) {
    case BREAK_JUNK:
        len++;
        break;
    case BREAK_COUNT:
        put_be16(bytes + 6, 2);
        break;
    case BREAK_CUT:
        len--;
        break;
    case BREAK_POINTER:
        put_be16(bytes + rr - OWNER, (uint16_t)(0xc000 | (rr - OWNER)));
        break;
    case BREAK_RDLEN: /* an address of three bytes */
        put_be16(bytes + rr + 8, 3);
        len--;
        break;
    default:
        put_be16(bytes + rr, RR_OPT);
    }
    sim_reply(sim, q, bytes, len, DELAY);
}

static void test_broken_then_right(void **state)
{
    (void)state;
    for (break_as = 0; break_as < N_BREAKAGES; break_as++) {
        struct sim *sim = sim_new(23, 2, 100, 10);
        struct ask ask;
        sim->servers[0] = broken_server;
        sim->servers[1] = good_server;
        sim_ask(sim, &ask, "example.org");
        sim_run(sim);
        assert_true(ask.answered);
        assert_int_equal(ask.done_at - ask.asked_at, 2 * DELAY);
        assert_int_equal(stats_of(sim).disbelieved, 1);
        sim_free(sim);
    }
}

static void garbage_server(struct sim *sim, const struct query *q)
{
    uint8_t bytes[PACKET_MAX];

    random_bytes(sim, bytes, sizeof(bytes));
    sim_reply(sim, q, bytes, (size_t)(next_random(sim) % sizeof(bytes)), DELAY);
}

static void test_garbage(void **state)
{
    (void)state;
    struct sim *sim = sim_new(24, 2, 100, 10);

    sim->servers[0] = garbage_server;
    sim->servers[1] = good_server;
    struct ask ask = sim_resolve(sim);
    assert_true(ask.answered);
    sim_free(sim);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forged_first), cmocka_unit_test(test_wrong_over_tcp),
        cmocka_unit_test(test_wrong_case),   cmocka_unit_test(test_broken_then_right),
        cmocka_unit_test(test_garbage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
