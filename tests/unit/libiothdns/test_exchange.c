/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The plan of exchanges, whom they believe, and their limits, on a simulated network. */
#include "exchange_sim.h"

/* --- allocations that fail --- */

static int allocations_left = -1; /* -1: any number */

static bool allocation_fails(void)
{
    if (allocations_left > 0)
        allocations_left--;
    else if (allocations_left == 0)
        return true;
    return false;
}

void *__real_calloc(size_t n, size_t size);
void *__real_reallocarray(void *p, size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_reallocarray(void *p, size_t n, size_t size);

void *__wrap_calloc(size_t n, size_t size)
{
    return allocation_fails() ? NULL : __real_calloc(n, size);
}

void *__wrap_reallocarray(void *p, size_t n, size_t size)
{
    return allocation_fails() ? NULL : __real_reallocarray(p, n, size);
}

/* --- servers --- */

static void slow_server(struct sim *sim, const struct query *q)
{
    reply_flags(sim, q, 0, 1, 1000 * MSEC);
}

static void nxdomain_server(struct sim *sim, const struct query *q)
{
    reply_flags(sim, q, RCODE_NXDOMAIN, 0, DELAY);
}

static void servfail_server(struct sim *sim, const struct query *q)
{
    reply_flags(sim, q, RCODE_SERVFAIL, 0, DELAY);
}

static void refused_port(struct sim *sim, const struct query *q)
{
    sim_fail(sim, q, DELAY);
}

static void truncating_server(struct sim *sim, const struct query *q)
{
    reply_flags(sim, q, q->tcp ? 0 : DNS_TC, q->tcp ? 2 : 0, DELAY);
}

static void truncating_without_tcp(struct sim *sim, const struct query *q)
{
    if (q->tcp)
        sim_fail(sim, q, DELAY);
    else
        truncating_server(sim, q);
}

/* As servers do that are older than EDNS: the query comes back with FORMERR, counts and all. */
static void old_server(struct sim *sim, const struct query *q)
{
    uint8_t bytes[PACKET_MAX];

    if (!has_opt(q)) {
        good_server(sim, q);
        return;
    }
    size_t len = make_reply(q, RCODE_FORMERR, 0, bytes);
    put_be16(bytes + 10, 1);
    sim_reply(sim, q, bytes, len, DELAY);
}

/* ... or the header alone. */
static void older_server(struct sim *sim, const struct query *q)
{
    uint8_t bytes[PACKET_MAX];

    if (!has_opt(q)) {
        good_server(sim, q);
        return;
    }
    make_reply(q, RCODE_FORMERR, 0, bytes);
    memset(bytes + 4, 0, 8);
    sim_reply(sim, q, bytes, DNS_HEADER_LEN, DELAY);
}

static void badvers_server(struct sim *sim, const struct query *q)
{
    uint8_t bytes[PACKET_MAX];
    struct dns_writer dw;
    struct reader r = reader_of(q->bytes, q->len);
    struct dns_header header = dns_read_header(&r);
    struct dns_question question;

    if (!has_opt(q)) {
        good_server(sim, q);
        return;
    }
    dns_read_question(&r, &question);
    dns_writer_init(&dw, bytes, sizeof(bytes), header.id, DNS_QR);
    dns_reserve_opt(&dw, 0);
    assert_int_equal(dns_put_question(&dw, question.name, question.type, question.class), 0);
    assert_int_equal(dns_put_opt(&dw, RCODE_BADVERS, false, NULL, 0), 0);
    sim_reply(sim, q, bytes, dns_finish(&dw), DELAY);
}

/* --- questions and answers --- */

static void test_answer(void **state)
{
    (void)state;
    struct sim *sim = sim_new(1, 2, 100, 10);
    struct ask ask;

    sim->servers[0] = good_server;
    sim_ask(sim, &ask, "example.org");
    sim_run(sim);
    assert_true(ask.answered);
    assert_int_equal(ask.done_at - ask.asked_at, DELAY);
    assert_int_equal(sim->n_queries, 1);
    struct exchange_stats stats = stats_of(sim);
    assert_int_equal(stats.asked, 1);
    assert_int_equal(stats.answered, 1);
    assert_int_equal(stats.sent_udp, 1);
    assert_int_equal(stats.disbelieved + stats.failed + stats.sent_tcp + stats.coalesced, 0);
    sim_free(sim);
}

static void test_nxdomain_is_an_answer(void **state)
{
    (void)state;
    struct sim *sim = sim_new(2, 1, 100, 10);
    struct ask ask;

    sim->servers[0] = nxdomain_server;
    sim_ask(sim, &ask, "nothing.example.org");
    sim_run(sim);
    assert_true(ask.answered);
    sim_free(sim);
}

/* RD, one question, EDNS with our size and DO; id and letter case differ from one question to the next. */
static void test_message(void **state)
{
    (void)state;
    struct sim *sim = sim_new(3, 1, 100, 10);
    struct ask ask[20];
    unsigned ids = 0, spellings = 0;

    for (unsigned i = 0; i < ARRAY_LEN(ask); i++) {
        sim->servers[0] = good_server;
        sim_ask(sim, &ask[i], "abcdefghijklmnopqrstuvwxyz.example.org");
        sim_run(sim);
        struct query *q = sim->queries[i];
        struct reader r = reader_of(q->bytes, q->len);
        struct dns_header header = dns_read_header(&r);
        struct dns_question question;
        struct dns_rr rr;
        struct dns_edns edns;
        dns_read_question(&r, &question);
        dns_read_rr(&r, &rr);
        assert_int_equal(header.flags, DNS_RD);
        assert_int_equal(header.qdcount, 1);
        assert_int_equal(header.count[DNS_ADDITIONAL], 1);
        assert_int_equal(dns_read_opt(&r, &rr, &edns), 0);
        assert_int_equal(edns.udp_size, DNS_UDP_EDNS);
        assert_true(edns.dnssec_ok);
        assert_int_equal(reader_left(&r), 0);
        if (i > 0) {
            ids += memcmp(q->bytes, sim->queries[0]->bytes, 2) != 0;
            spellings += memcmp(q->bytes + 12, sim->queries[0]->bytes + 12, 20) != 0;
        }
    }
    assert_true(ids >= ARRAY_LEN(ask) - 2);
    assert_int_equal(spellings, ARRAY_LEN(ask) - 1);
    sim_free(sim);
}

static void test_checking_disabled(void **state)
{
    (void)state;
    struct sim *sim = sim_new(4, 1, 100, 10);
    struct ask plain, cd;

    sim->servers[0] = good_server;
    sim_ask(sim, &plain, "example.org");
    cd = (struct ask){.type = RR_A};
    memcpy(cd.name, plain.name, sizeof(cd.name));
    struct exchange_question question = question_of(&cd);
    question.checking_disabled = true;
    question.dnssec_ok = false;
    assert_int_equal(sim_try_question(sim, &cd, &question), 0);
    assert_int_equal(sim->n_queries, 2); /* another question: not coalesced */
    assert_int_equal(get_be16(sim->queries[1]->bytes + 2), DNS_RD | DNS_CD);
    assert_int_equal(sim->queries[1]->bytes[sim->queries[1]->len - 4] & 0x80, 0);
    sim_run(sim);
    assert_true(plain.answered && cd.answered);
    sim_free(sim);
}

/* --- silence and loss --- */

static void test_dead_first_server(void **state)
{
    (void)state;
    struct sim *sim = sim_new(5, 2, 100, 10);
    struct ask ask;

    sim->servers[1] = good_server;
    sim_ask(sim, &ask, "example.org");
    sim_run(sim);
    assert_true(ask.answered);
    assert_int_equal(ask.done_at - ask.asked_at, 300 * MSEC + DELAY);
    sim_free(sim);
}

static void test_all_dead(void **state)
{
    (void)state;
    struct sim *sim = sim_new(6, 2, 100, 10);
    struct ask ask;

    sim_ask(sim, &ask, "example.org");
    sim_run(sim);
    assert_false(ask.answered);
    assert_int_equal(ask.done_at - ask.asked_at, EXCHANGE_TOTAL);
    assert_int_equal(sim->n_queries, EXCHANGE_ATTEMPTS_MAX);
    assert_int_equal(sim->asked_of[0], EXCHANGE_ATTEMPTS_MAX / 2);
    nsec_t last = sim->queries[EXCHANGE_ATTEMPTS_MAX - 1]->at - ask.asked_at;
    assert_in_range(last, 3200 * MSEC, 3300 * MSEC);
    for (unsigned i = 2; i < sim->n_queries; i++)
        assert_true(sim->queries[i]->at - sim->queries[i - 1]->at >=
                    sim->queries[i - 1]->at - sim->queries[i - 2]->at);
    assert_int_equal(stats_of(sim).failed, 1);
    sim_free(sim);
}

/* A reply to the first attempt is an answer, whatever was asked since. */
static void test_late_answer(void **state)
{
    (void)state;
    struct sim *sim = sim_new(7, 2, 100, 10);
    struct ask ask;

    sim->servers[0] = slow_server;
    sim_ask(sim, &ask, "example.org");
    sim_run(sim);
    assert_true(ask.answered);
    assert_int_equal(ask.done_at - ask.asked_at, 1000 * MSEC);
    sim_free(sim);
}

/* With a known round trip the second attempt does not wait 300 ms. */
static void test_interval_follows_round_trip(void **state)
{
    (void)state;
    struct sim *sim = sim_new(8, 1, 100, 10);
    struct ask ask;

    sim->servers[0] = good_server;
    sim_ask(sim, &ask, "known.example.org");
    sim_run(sim);
    sim->servers[0] = NULL;
    sim_ask(sim, &ask, "lost.example.org");
    sim_run(sim);
    assert_false(ask.answered);
    assert_int_equal(sim->queries[2]->at - ask.asked_at, 150 * MSEC);
    assert_int_equal(sim->n_queries, 1 + EXCHANGE_ATTEMPTS_MAX);
    assert_in_range(sim->queries[EXCHANGE_ATTEMPTS_MAX]->at - ask.asked_at, 3200 * MSEC, 3300 * MSEC);
    sim_free(sim);
}

static void test_half_of_the_packets_lost(void **state)
{
    (void)state;
    enum { SEEDS = 25, EXCHANGES = 400 };
    static struct ask asks[EXCHANGES];
    unsigned answered = 0;
    uint64_t sent = 0;

    for (unsigned seed = 1; seed <= SEEDS; seed++) {
        struct sim *sim = sim_new(seed, 2, EXCHANGES, 10);
        sim->loss_percent = 50;
        sim->servers[0] = sim->servers[1] = good_server;
        for (unsigned i = 0; i < EXCHANGES; i++) {
            char name[40];
            snprintf(name, sizeof(name), "host-%u-%u.example.org", seed, i);
            sim_ask(sim, &asks[i], name);
            sim_run_until(sim, sim->now + 25 * MSEC);
        }
        sim_run(sim);
        for (unsigned i = 0; i < EXCHANGES; i++)
            answered += asks[i].answered;
        sent += stats_of(sim).sent_udp;
        sim_free(sim);
    }
    print_message("half of all packets lost: %u of %u answered (%.1f %%), %.2f attempts each\n", answered,
                  SEEDS * EXCHANGES, 100.0 * answered / (SEEDS * EXCHANGES),
                  (double)sent / (SEEDS * EXCHANGES));
    assert_true(answered > SEEDS * EXCHANGES * 90 / 100);
}

/* --- refusals and failures --- */

static void test_servfail_then_right(void **state)
{
    (void)state;
    struct sim *sim = sim_new(9, 2, 100, 10);
    struct ask ask;

    sim->servers[0] = servfail_server;
    sim->servers[1] = good_server;
    sim_ask(sim, &ask, "example.org");
    sim_run(sim);
    assert_true(ask.answered);
    assert_int_equal(ask.done_at - ask.asked_at, 2 * DELAY);
    sim_free(sim);
}

static void test_all_refuse(void **state)
{
    (void)state;
    struct sim *sim = sim_new(10, 3, 100, 10);
    struct ask ask;

    sim->servers[0] = sim->servers[1] = sim->servers[2] = servfail_server;
    sim_ask(sim, &ask, "example.org");
    sim_run(sim);
    assert_false(ask.answered);
    assert_int_equal(ask.done_at - ask.asked_at, 3 * DELAY);
    assert_int_equal(sim->n_queries, 3);
    sim_free(sim);
}

/* The first is silent, the second refuses: the first is asked on. */
static void test_refusal_beside_silence(void **state)
{
    (void)state;
    struct sim *sim = sim_new(11, 2, 100, 10);
    struct ask ask;

    sim->servers[1] = servfail_server;
    sim_ask(sim, &ask, "example.org");
    sim_run(sim);
    assert_false(ask.answered);
    assert_int_equal(sim->asked_of[1], 1);
    assert_int_equal(sim->asked_of[0], EXCHANGE_ATTEMPTS_MAX - 1);
    assert_int_equal(ask.done_at - ask.asked_at, EXCHANGE_TOTAL);
    sim_free(sim);
}

static void test_refused_ports(void **state)
{
    (void)state;
    struct sim *sim = sim_new(12, 2, 100, 10);
    struct ask ask;

    sim->servers[0] = sim->servers[1] = refused_port;
    sim_ask(sim, &ask, "example.org");
    sim_run(sim);
    assert_false(ask.answered);
    assert_int_equal(sim->n_queries, 4); /* each has a second chance */
    assert_true(ask.done_at - ask.asked_at < NSEC_PER_SEC);
    sim_free(sim);
}

static void test_refused_port_then_right(void **state)
{
    (void)state;
    struct sim *sim = sim_new(13, 2, 100, 10);
    struct ask ask;

    sim->servers[0] = refused_port;
    sim->servers[1] = good_server;
    sim_ask(sim, &ask, "example.org");
    sim_run(sim);
    assert_true(ask.answered);
    assert_int_equal(ask.done_at - ask.asked_at, 2 * DELAY);
    sim_free(sim);
}

/* More servers than one exchange asks: those that are held down give their turn to the others. */
static void test_many_dead_servers(void **state)
{
    (void)state;
    struct sim *sim = sim_new(15, N_SERVERS, 100, 10);
    struct ask ask;

    sim->servers[N_SERVERS - 1] = good_server;
    for (unsigned i = 0; i < 4; i++) {
        sim_ask(sim, &ask, "example.org");
        sim_run(sim);
    }
    sim_ask(sim, &ask, "example.org");
    sim_run(sim);
    assert_true(ask.answered);
    sim_free(sim);
}

/* --- TCP --- */

static void test_truncation(void **state)
{
    (void)state;
    struct sim *sim = sim_new(16, 1, 100, 10);
    struct ask ask;

    sim->servers[0] = truncating_server;
    sim_ask(sim, &ask, "example.org");
    sim_run(sim);
    assert_true(ask.answered);
    assert_false(get_be16(ask.reply + 2) & DNS_TC);
    assert_int_equal(ask.done_at - ask.asked_at, 2 * DELAY);
    assert_int_equal(stats_of(sim).sent_tcp, 1);
    sim_free(sim);
}

static void test_tcp_closes(void **state)
{
    (void)state;
    struct sim *sim = sim_new(17, 2, 100, 10);
    struct ask ask;

    sim->servers[0] = truncating_without_tcp;
    sim->servers[1] = good_server;
    sim_ask(sim, &ask, "example.org");
    sim_run(sim);
    assert_true(ask.answered);
    assert_int_equal(ask.done_at - ask.asked_at, 3 * DELAY);
    assert_int_equal(sim->n_queries, 3);
    sim_free(sim);
}

static void test_tcp_closes_and_nobody_else(void **state)
{
    (void)state;
    struct sim *sim = sim_new(18, 1, 100, 10);
    struct ask ask;

    sim->servers[0] = truncating_without_tcp;
    sim_ask(sim, &ask, "example.org");
    sim_run(sim);
    assert_false(ask.answered);
    assert_int_equal(ask.done_at - ask.asked_at, 2 * DELAY);
    sim_free(sim);
}

static void truncating_always(struct sim *sim, const struct query *q)
{
    reply_flags(sim, q, DNS_TC, 0, DELAY);
}

static void test_truncated_over_tcp_is_broken(void **state)
{
    (void)state;
    struct sim *sim = sim_new(19, 1, 100, 10);
    struct ask ask;

    sim->servers[0] = truncating_always;
    sim_ask(sim, &ask, "example.org");
    sim_run(sim);
    assert_false(ask.answered);
    assert_int_equal(sim->n_queries, 2);
    sim_free(sim);
}

/* --- whom to believe --- */

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
    struct ask ask;

    sim->servers[0] = garbage_server;
    sim->servers[1] = good_server;
    sim_ask(sim, &ask, "example.org");
    sim_run(sim);
    assert_true(ask.answered);
    sim_free(sim);
}

/* --- EDNS --- */

static void test_edns_fallback(void **state)
{
    (void)state;
    server_fn *const servers[] = {old_server, older_server, badvers_server};

    for (unsigned i = 0; i < ARRAY_LEN(servers); i++) {
        struct sim *sim = sim_new(25, 2, 100, 10);
        struct ask ask;
        sim->servers[0] = servers[i];
        sim_ask(sim, &ask, "example.org");
        sim_run(sim);
        assert_true(ask.answered);
        assert_int_equal(ask.done_at - ask.asked_at, 2 * DELAY);
        assert_int_equal(sim->asked_of[0], 2);
        assert_true(has_opt(sim->queries[0]));
        assert_false(has_opt(sim->queries[1]));
        sim_free(sim);
    }
}

static void formerr_server(struct sim *sim, const struct query *q)
{
    reply_flags(sim, q, RCODE_FORMERR, 0, DELAY);
}

static void test_formerr_without_edns_is_a_refusal(void **state)
{
    (void)state;
    struct sim *sim = sim_new(26, 2, 100, 10);
    struct ask ask;

    sim->servers[0] = formerr_server;
    sim->servers[1] = good_server;
    sim_ask(sim, &ask, "example.org");
    sim_run(sim);
    assert_true(ask.answered);
    assert_int_equal(ask.done_at - ask.asked_at, 3 * DELAY);
    sim_free(sim);
}

/* --- waiting together, limits, ends --- */

static void test_coalescing(void **state)
{
    (void)state;
    struct sim *sim = sim_new(27, 2, 100, 5);
    struct ask asks[5], other;

    sim->servers[0] = good_server;
    for (unsigned i = 0; i < ARRAY_LEN(asks); i++)
        sim_ask(sim, &asks[i], "example.org");
    assert_int_equal(sim_try(sim, &other, "example.org"), -EAGAIN);
    assert_int_equal(sim->n_queries, 1);
    sim_run(sim);
    for (unsigned i = 0; i < ARRAY_LEN(asks); i++)
        assert_true(asks[i].answered);
    assert_int_equal(stats_of(sim).coalesced, 4);
    assert_int_equal(stats_of(sim).answered, 1);
    sim_free(sim);
}

static void test_different_questions_are_not_coalesced(void **state)
{
    (void)state;
    struct sim *sim = sim_new(28, 2, 100, 5);
    struct ask first, type = {.type = RR_AAAA}, servers = {.type = RR_A};

    sim_ask(sim, &first, "example.org");
    memcpy(type.name, first.name, sizeof(type.name));
    memcpy(servers.name, first.name, sizeof(servers.name));
    struct exchange_question question = question_of(&type);
    assert_int_equal(sim_try_question(sim, &type, &question), 0);
    struct exchange_servers list = {.id = 8, .count = 1, .servers = sim->endpoints};
    question = question_of(&servers);
    assert_int_equal(exchange_ask(sim->table, &question, &list, &servers.waiter, sim->now), 0);
    assert_int_equal(stats_of(sim).coalesced, 0);
    assert_int_equal(stats_of(sim).asked, 3);

    exchange_abandon(sim->table);
    sim->list.id = 8; /* for the check of the third */
    servers.waits = true;
    servers.sim = sim;
    servers.asked_at = sim->now;
    sim->n_waiting++;
    struct exchange_event e;
    unsigned done = 0;
    while (exchange_next(sim->table, &e) != EXCHANGE_NONE) {
        if (e.kind == EXCHANGE_CLOSE)
            on_close(sim, &e);
        done += e.kind == EXCHANGE_DONE;
        assert_true(e.kind != EXCHANGE_SEND); /* the third had not been sent */
    }
    assert_int_equal(done, 3);
    sim->n_waiting = 0;
    sim_free(sim);
}

static void test_no_servers(void **state)
{
    (void)state;
    struct sim *sim = sim_new(29, 0, 100, 5);
    struct ask ask;

    assert_int_equal(sim_try(sim, &ask, "example.org"), -EDESTADDRREQ);
    assert_true(exchange_deadline(sim->table) == NSEC_NEVER);
    sim_free(sim);
}

static void test_max_exchanges(void **state)
{
    (void)state;
    enum { MAX = 100 };
    struct sim *sim = sim_new(30, 1, MAX, 5);
    struct ask asks[MAX + 1];
    char name[40];

    for (unsigned round = 0; round < 3; round++) {
        for (unsigned i = 0; i <= MAX; i++) {
            snprintf(name, sizeof(name), "host%u.example.org", i);
            assert_int_equal(sim_try(sim, &asks[i], name), i < MAX ? 0 : -EAGAIN);
        }
        sim_run(sim);
    }
    sim_free(sim);
}

static void test_abandon(void **state)
{
    (void)state;
    struct sim *sim = sim_new(31, 2, 100, 5);
    struct ask asks[20];
    char name[40];

    for (unsigned i = 0; i < ARRAY_LEN(asks); i++) {
        snprintf(name, sizeof(name), "host%u.example.org", i);
        sim_ask(sim, &asks[i], name);
        sim_run_until(sim, sim->now + 50 * MSEC);
    }
    exchange_abandon(sim->table);
    sim_drain(sim);
    for (unsigned i = 0; i < ARRAY_LEN(asks); i++)
        assert_true(!asks[i].waits && !asks[i].answered);
    assert_true(exchange_deadline(sim->table) == NSEC_NEVER);
    sim_free(sim);
}

/* Whatever comes for attempts that are over, or never were, does nothing. */
static void test_nothing_after_the_end(void **state)
{
    (void)state;
    struct sim *sim = sim_new(32, 1, 100, 5);
    struct ask ask;
    uint8_t bytes[PACKET_MAX];
    struct exchange_event e;

    sim->servers[0] = good_server;
    sim_ask(sim, &ask, "example.org");
    sim_run(sim);
    size_t len = make_reply(sim->queries[0], 0, 1, bytes);
    for (unsigned i = 0; i < 2; i++) {
        attempt_id id = i == 0 ? sim->queries[0]->attempt : UINT64_MAX;
        exchange_input(sim->table, id, bytes, len, sim->now);
        exchange_failed(sim->table, id, sim->now);
        exchange_unsent(sim->table, id, sim->now);
        exchange_again(sim->table, id, sim->now);
        exchange_guessed(sim->table, id, sim->now);
        exchange_attach(sim->table, id, bytes);
        assert_null(exchange_attached(sim->table, id));
        assert_int_equal(exchange_next(sim->table, &e), EXCHANGE_NONE);
    }
    exchange_timeout(sim->table, sim->now + EXCHANGE_TOTAL);
    assert_int_equal(exchange_next(sim->table, &e), EXCHANGE_NONE);
    assert_int_equal(stats_of(sim).disbelieved, 0);
    sim_free(sim);
}

/* What a DONE event points to outlives questions asked while it is looked at. */
static void test_ask_while_looking_at_the_answer(void **state)
{
    (void)state;
    struct sim *sim = sim_new(33, 1, 1, 5);
    struct ask first, second = {.type = RR_AAAA};
    struct exchange_event e;

    sim_ask(sim, &first, "example.org");
    exchange_abandon(sim->table);
    assert_int_equal(exchange_next(sim->table, &e), EXCHANGE_CLOSE);
    on_close(sim, &e);
    assert_int_equal(exchange_next(sim->table, &e), EXCHANGE_DONE);
    memcpy(second.name, first.name, sizeof(second.name));
    struct exchange_question question = question_of(&second);
    assert_int_equal(exchange_ask(sim->table, &question, &sim->list, &second.waiter, sim->now), -EAGAIN);
    on_done(sim, &e);
    sim_drain(sim);
    sim_free(sim);
}

static void test_settings(void **state)
{
    (void)state;
    struct exchange_table *table = NULL;
    struct sim sim = {.random = 1};
    struct exchange_settings settings = {.max = 0, .max_waiters = 1, .random = random_bytes, .arg = &sim};

    assert_int_equal(exchange_table_new(&settings, &table), -EINVAL);
    settings.max = EXCHANGE_MAX + 1;
    assert_int_equal(exchange_table_new(&settings, &table), -EINVAL);
    assert_null(table);
    exchange_table_free(NULL);
}

static void test_out_of_memory(void **state)
{
    (void)state;
    struct sim rng = {.random = 1};
    struct exchange_settings settings = {.max = 100, .max_waiters = 1, .random = random_bytes, .arg = &rng};
    struct exchange_table *table = NULL;

    for (int n = 0; n < 2; n++) {
        allocations_left = n;
        assert_int_equal(exchange_table_new(&settings, &table), -ENOMEM);
        assert_null(table);
    }
    allocations_left = -1;
    assert_int_equal(exchange_table_new(&settings, &table), 0);
    exchange_table_free(table);

    struct sim *sim = sim_new(34, 1, 100, 1);
    struct ask ask;
    int failures = 0;
    sim->servers[0] = good_server;
    assert_int_equal(heap_reserve(&sim->packets, 16), 0);
    for (int n = 0; n < 10; n++, failures++) {
        ask = (struct ask){.type = RR_A, .name = "\3foo"};
        struct exchange_question question = question_of(&ask);
        ask.sim = sim;
        ask.asked_at = sim->now;
        allocations_left = n;
        int error = exchange_ask(sim->table, &question, &sim->list, &ask.waiter, sim->now);
        allocations_left = -1;
        if (error == 0)
            break;
        assert_int_equal(error, -ENOMEM);
        assert_true(exchange_deadline(sim->table) == NSEC_NEVER);
    }
    assert_in_range(failures, 2, 9);
    ask.waits = true;
    sim->n_waiting++;
    sim_drain(sim);
    sim_run(sim);
    assert_true(ask.answered);
    sim_free(sim);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answer),
        cmocka_unit_test(test_nxdomain_is_an_answer),
        cmocka_unit_test(test_message),
        cmocka_unit_test(test_checking_disabled),
        cmocka_unit_test(test_dead_first_server),
        cmocka_unit_test(test_all_dead),
        cmocka_unit_test(test_late_answer),
        cmocka_unit_test(test_interval_follows_round_trip),
        cmocka_unit_test(test_half_of_the_packets_lost),
        cmocka_unit_test(test_servfail_then_right),
        cmocka_unit_test(test_all_refuse),
        cmocka_unit_test(test_refusal_beside_silence),
        cmocka_unit_test(test_refused_ports),
        cmocka_unit_test(test_refused_port_then_right),
        cmocka_unit_test(test_many_dead_servers),
        cmocka_unit_test(test_truncation),
        cmocka_unit_test(test_tcp_closes),
        cmocka_unit_test(test_tcp_closes_and_nobody_else),
        cmocka_unit_test(test_truncated_over_tcp_is_broken),
        cmocka_unit_test(test_forged_first),
        cmocka_unit_test(test_wrong_over_tcp),
        cmocka_unit_test(test_wrong_case),
        cmocka_unit_test(test_broken_then_right),
        cmocka_unit_test(test_garbage),
        cmocka_unit_test(test_edns_fallback),
        cmocka_unit_test(test_formerr_without_edns_is_a_refusal),
        cmocka_unit_test(test_coalescing),
        cmocka_unit_test(test_different_questions_are_not_coalesced),
        cmocka_unit_test(test_no_servers),
        cmocka_unit_test(test_max_exchanges),
        cmocka_unit_test(test_abandon),
        cmocka_unit_test(test_nothing_after_the_end),
        cmocka_unit_test(test_ask_while_looking_at_the_answer),
        cmocka_unit_test(test_settings),
        cmocka_unit_test(test_out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
