/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Upstream's answers as clients get them: fresh, stale, renewed, none; their TTLs; what they cost in the cache. */
#include "query_world.h"

static const char configuration[] = "net local 192.168.1.0/24\n"
                                    "dns 8.8.8.8\n"
                                    "option servestale 1000\n"
                                    "auth cache local .\n"
                                    "auth fwd local .\n";

static int open_world(void **state)
{
    static struct world w;

    world_open(&w, configuration);
    *state = &w;
    return 0;
}

static int close_world(void **state)
{
    world_close(*state);
    return 0;
}

/* A reply to what the query needs: n addresses, or NXDOMAIN with an SOA. Returns its length. */
static size_t make_reply(const struct forward_need *need, unsigned n, uint32_t ttl, uint8_t *reply)
{
    static const uint8_t soa[22] = {[20] = 0xff, [21] = 0xff}; /* minimum 65535 */
    struct dns_writer w;

    dns_writer_init(&w, reply, DNS_MSG_MAX, 7, (uint16_t)(DNS_QR | DNS_RA | (n ? 0 : RCODE_NXDOMAIN)));
    dns_put_question(&w, need->name, need->question.type, CLASS_IN);
    for (unsigned i = 0; i < n; i++) {
        uint8_t rdata[4] = {192, 0, 2, (uint8_t)i};
        assert_int_equal(dns_put_rr(&w, DNS_ANSWER, need->name, RR_A, CLASS_IN, ttl, rdata, sizeof(rdata)),
                         0);
    }
    if (n == 0)
        assert_int_equal(
            dns_put_rr(&w, DNS_AUTHORITY, (const uint8_t *)"", RR_SOA, CLASS_IN, ttl, soa, sizeof(soa)), 0);
    return dns_finish(&w);
}

static struct cache_key key_of(const struct forward_need *need)
{
    return (struct cache_key){.upstreams = need->servers->id,
                              .type = need->question.type,
                              .class = CLASS_IN,
                              .name = need->name,
                              .name_len = need->question.name_len};
}

/* Asks, and keeps n addresses as the answer, for ttl seconds. */
static struct forward_need ask_and_keep(struct world *w, const struct ask *a, unsigned n, uint32_t ttl)
{
    static uint8_t reply[DNS_MSG_MAX], answer[ANSWER_MAX];
    const struct answer_limits limits = {0, 86400};
    struct got *g = world_ask(w, *a);
    struct forward_need need = g->need;
    struct cache_key key = key_of(&need);
    uint32_t keep;

    assert_int_equal(g->outcome, QUERY_FORWARD);
    int len = answer_make(reply, make_reply(&need, n, ttl, reply), &limits, answer, &keep);
    assert_true(len > 0);
    cache_put(w->cache, &key, answer, (size_t)len, w->env.now, keep);
    return need;
}

static struct forward_given nothing(const struct forward_need *need, bool not_yet)
{
    struct forward_given given = {.question = need->question,
                                  .servers_id = need->servers->id,
                                  .not_yet = not_yet,
                                  .why = EDE_NO_ANSWER};

    given.question.name = need->name;
    return given;
}

/* --- stale --- */

static void stale_when_upstream_is_silent(void **state)
{
    struct world *w = *state;
    struct ask a = {.name = "www.example.org", .type = RR_A, .flags = DNS_RD};
    struct forward_need need = ask_and_keep(w, &a, 2, 100);

    w->env.now += 100 * NSEC_PER_SEC;
    struct got *g = world_ask(w, a);
    assert_int_equal(g->outcome, QUERY_FORWARD); /* upstream first */
    assert_true(g->need.stale);

    for (unsigned not_yet = 0; not_yet < 2; not_yet++) {
        struct forward_given given = nothing(&need, not_yet);
        a.given = &given;
        g = world_ask(w, a);
        assert_int_equal(g->outcome, QUERY_REPLY);
        assert_int_equal(g->rcode, RCODE_NOERROR);
        assert_int_equal(g->header.count[DNS_ANSWER], 2);
        assert_int_equal(g->rr[0].ttl, STALE_TTL);
        assert_int_equal(g->rr[1].ttl, STALE_TTL);
    }

    a.given = NULL; /* and at once for a while, when upstream has just failed */
    struct cache_key key = key_of(&need);
    cache_put_failure(w->cache, &key, EDE_NO_ANSWER, w->env.now, 5);
    g = world_ask(w, a);
    assert_int_equal(g->outcome, QUERY_REPLY);
    assert_int_equal(g->rr[0].ttl, STALE_TTL);

    w->env.now += 1000 * NSEC_PER_SEC; /* servestale is over */
    g = world_ask(w, a);
    assert_int_equal(g->outcome, QUERY_FORWARD);
    assert_false(g->need.stale);
    struct forward_given given = nothing(&need, false);
    a.given = &given;
    assert_int_equal(world_ask(w, a)->rcode, RCODE_SERVFAIL);
}

static void nothing_stale_yet_nothing_said(void **state)
{
    struct world *w = *state;
    struct ask a = {.name = "www.example.org", .type = RR_A, .flags = DNS_RD};
    struct got *g = world_ask(w, a);
    struct forward_need need = g->need;
    struct forward_given given = nothing(&need, true);

    a.given = &given;
    assert_int_equal(world_ask(w, a)->outcome, QUERY_FORWARD);
    given.not_yet = false;
    assert_int_equal(world_ask(w, a)->rcode, RCODE_SERVFAIL);
}

/* The codes of RFC 8914 for stale answers, in the OPT record. */
static void stale_answers_say_so(void **state)
{
    static const struct {
        unsigned n;
        uint16_t code;
    } rows[] = {{1, 3}, {0, 19}};
    struct world *w = *state;

    for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
        char name[] = "x0.example.org";
        name[1] = (char)('0' + i);
        struct ask a = {.name = name, .type = RR_A, .flags = DNS_RD, .edns = true};
        struct forward_need need = ask_and_keep(w, &a, rows[i].n, 100);
        w->env.now += 200 * NSEC_PER_SEC;
        struct forward_given given = nothing(&need, false);
        a.given = &given;
        struct got *g = world_ask(w, a);
        assert_int_equal(g->rcode, rows[i].n ? RCODE_NOERROR : RCODE_NXDOMAIN);
        const struct dns_rr *opt = &g->rr[g->n - 1];
        assert_int_equal(opt->type, RR_OPT);
        assert_int_equal(get_be16(g->bytes + opt->rdata), 15);
        assert_int_equal(get_be16(g->bytes + opt->rdata + 4), rows[i].code);
    }
}

/* A fresh answer wins over the stale one, also if it may not be kept. */
static void the_answer_itself_wins(void **state)
{
    static uint8_t reply[DNS_MSG_MAX], answer[ANSWER_MAX];
    const struct answer_limits limits = {0, 86400};
    struct world *w = *state;
    struct ask a = {.name = "www.example.org", .type = RR_A, .flags = DNS_RD};
    struct forward_need need = ask_and_keep(w, &a, 2, 100);
    uint32_t keep;

    w->env.now += 100 * NSEC_PER_SEC;
    struct forward_given given = nothing(&need, false);
    int len = answer_make(reply, make_reply(&need, 1, 0, reply), &limits, answer, &keep);
    assert_int_equal(keep, 0);
    given.answer = answer;
    given.answer_len = (size_t)len;
    a.given = &given;
    struct got *g = world_ask(w, a);
    assert_int_equal(g->header.count[DNS_ANSWER], 1);
    assert_int_equal(g->rr[0].ttl, 0);
}

/* --- failures, renewal --- */

static void a_failure_is_not_asked_for_again(void **state)
{
    struct world *w = *state;
    struct ask a = {.name = "www.example.org", .type = RR_A, .flags = DNS_RD, .edns = true};
    struct forward_need need = world_ask(w, a)->need;
    struct cache_key key = key_of(&need);

    cache_put_failure(w->cache, &key, EDE_NO_ANSWER, w->env.now, 5);
    struct got *g = world_ask(w, a);
    assert_int_equal(g->outcome, QUERY_REPLY);
    assert_int_equal(g->rcode, RCODE_SERVFAIL);
    assert_int_equal(get_be16(g->bytes + g->rr[g->n - 1].rdata + 4), 13);
    a.type = RR_AAAA;
    assert_int_equal(world_ask(w, a)->outcome, QUERY_FORWARD);
    a.type = RR_A;
    w->env.now += 5 * NSEC_PER_SEC;
    assert_int_equal(world_ask(w, a)->outcome, QUERY_FORWARD);
}

static void a_popular_answer_wants_to_be_renewed(void **state)
{
    struct world *w = *state;
    struct ask a = {.name = "www.example.org", .type = RR_A, .flags = DNS_RD};

    ask_and_keep(w, &a, 1, 100);
    assert_false(world_ask(w, a)->need.refresh);
    w->env.now += 95 * NSEC_PER_SEC;
    a.flags = 0; /* who desires no recursion causes none */
    assert_false(world_ask(w, a)->need.refresh);
    a.flags = DNS_RD;
    struct got *g = world_ask(w, a);
    assert_int_equal(g->outcome, QUERY_REPLY);
    assert_true(g->need.refresh);
    assert_int_equal(g->need.question.type, RR_A);
    assert_name(g->need.question.name, "www.example.org");
    assert_false(world_ask(w, a)->need.refresh); /* said once */
}

/* --- TTLs --- */

static void ttls_have_a_floor_and_a_ceiling(void **state)
{
    static uint8_t reply[DNS_MSG_MAX], answer[ANSWER_MAX];
    static const struct {
        uint32_t ttl, floor, ceiling, kept;
        unsigned n;
    } rows[] = {
        {300, 0, 86400, 300, 1}, {0, 0, 86400, 0, 1},          {5, 60, 86400, 60, 1},
        {0, 60, 86400, 60, 1},   {200000, 0, 86400, 86400, 1}, {200000, 0, 100, 100, 2},
        {5, 60, 86400, 60, 0},   {40000, 0, 86400, 10800, 0},  {40000, 0, 700, 700, 0},
    };
    struct world *w = *state;

    for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
        struct ask a = {.name = "www.example.org", .type = RR_A, .flags = DNS_RD};
        struct forward_need need = world_ask(w, a)->need;
        const struct answer_limits limits = {rows[i].floor, rows[i].ceiling};
        uint32_t keep;
        size_t reply_len = make_reply(&need, rows[i].n, rows[i].ttl, reply);
        int len = answer_make(reply, reply_len, &limits, answer, &keep);
        assert_int_equal(keep, rows[i].kept);
        struct forward_given given = nothing(&need, false);
        given.answer = answer;
        given.answer_len = (size_t)len;
        a.given = &given;
        assert_int_equal(world_ask(w, a)->rr[0].ttl, rows[i].kept); /* clients see the same */
    }
}

/* --- what an answer costs --- */

/* A full cache of answers with n addresses under different names: bytes of memory each. */
static double cost(struct world *w, unsigned n, size_t *ret_wire)
{
    static uint8_t reply[DNS_MSG_MAX], answer[ANSWER_MAX];
    const struct answer_limits limits = {0, 86400};
    struct cache *c;
    struct cache_stats stats;
    char name[60];

    assert_int_equal(cache_new(4 << 20, &world_key, &c), 0);
    for (unsigned i = 0; i < 60000; i++) {
        snprintf(name, sizeof(name), "host-%06u.department.example.org", i);
        struct forward_need need = {.servers = w->env.snap->upstreams};
        need.question = (struct exchange_question){.name = need.name, .type = RR_A, .class = CLASS_IN};
        need.question.name_len = (uint8_t)dname_from_text(name, strlen(name), need.name);
        struct cache_key key = key_of(&need);
        uint32_t keep;
        *ret_wire = make_reply(&need, n, 300, reply);
        int len = answer_make(reply, *ret_wire, &limits, answer, &keep);
        cache_put(c, &key, answer, (size_t)len, w->env.now, keep);
    }
    cache_stats(c, &stats);
    cache_free(c);
    return (double)stats.bytes / (double)stats.entries;
}

static void an_answer_costs_little(void **state)
{
    static const unsigned n[] = {0, 1, 2, 4, 8, 16, 30};

    for (unsigned i = 0; i < ARRAY_LEN(n); i++) {
        size_t wire;
        double bytes = cost(*state, n[i], &wire);
        print_message("%u addresses, %zu bytes on the wire: %.0f bytes each in a full cache\n", n[i], wire,
                      bytes);
        assert_true(bytes <= 1.5 * (double)wire + 100);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(stale_when_upstream_is_silent, open_world, close_world),
        cmocka_unit_test_setup_teardown(nothing_stale_yet_nothing_said, open_world, close_world),
        cmocka_unit_test_setup_teardown(stale_answers_say_so, open_world, close_world),
        cmocka_unit_test_setup_teardown(the_answer_itself_wins, open_world, close_world),
        cmocka_unit_test_setup_teardown(a_failure_is_not_asked_for_again, open_world, close_world),
        cmocka_unit_test_setup_teardown(a_popular_answer_wants_to_be_renewed, open_world, close_world),
        cmocka_unit_test_setup_teardown(ttls_have_a_floor_and_a_ceiling, open_world, close_world),
        cmocka_unit_test_setup_teardown(an_answer_costs_little, open_world, close_world),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
