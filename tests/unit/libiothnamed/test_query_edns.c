/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What replies say beside records: extended errors, NSID, keepalive, cookies, class CHAOS; and whether there is a
 * reply at all, under the rate limit. */
#include "query_world.h"

enum { NSID = 3, COOKIE = 10, KEEPALIVE = 11, EDE = 15 };

static const char rules[] = "dns 192.0.2.53\n"
                            "net local 192.168.1.0/24\n"
                            "net guests 192.168.2.0/24\n"
                            "net home 192.168.3.0/24\n"
                            "auth error local closed.test\n"
                            "auth error local blocked.test nxdomain\n"
                            "auth hash local .hash.test base.example\n"
                            "auth static local .test.local\n"
                            "auth static local .loop\n"
                            "auth fwd home .\n"
                            "static A one.test.local 192.168.1.1\n"
                            "static CNAME a.loop b.loop\n"
                            "static CNAME b.loop a.loop\n"
                            "static CNAME out.test.local elsewhere.example\n";

/* A question for a name from 192.168.1.1, with these EDNS options. */
static struct got *ask_with(struct world *w, const char *from, bool tcp, const char *name, uint16_t type,
                            uint16_t class, const void *options, uint16_t options_len)
{
    uint8_t packet[512], wire[DNAME_MAX];
    struct dns_writer dw;
    assert_true(dname_from_text(name, strlen(name), wire) > 0);
    dns_writer_init(&dw, packet, sizeof(packet), 7, DNS_RD);
    assert_int_equal(dns_put_question(&dw, wire, type, class), 0);
    if (options)
        assert_int_equal(dns_put_opt(&dw, 0, false, options, options_len), 0);
    return world_run(w, from, tcp, packet, dns_finish(&dw), NULL);
}

/* The data of an option in the reply; NULL: it is not there. */
static const uint8_t *option_of(const struct got *g, uint16_t code, size_t *ret_len)
{
    for (unsigned i = 0; i < g->n; i++) {
        if (g->rr[i].type != RR_OPT)
            continue;
        struct reader r = reader_of(g->bytes + g->rr[i].rdata, g->rr[i].rdlen);
        while (reader_left(&r)) {
            uint16_t found = reader_u16(&r);
            *ret_len = reader_u16(&r);
            const uint8_t *data = reader_take(&r, *ret_len);
            if (found == code)
                return data;
        }
    }
    return NULL;
}

/* The extended error of the reply, or -1. */
static int ede_of(const struct got *g)
{
    size_t len;
    const uint8_t *data = option_of(g, EDE, &len);
    return data ? get_be16(data) : -1;
}

static void reasons(void **state)
{
    static const struct {
        const char *from, *name;
        uint16_t type, class, flags;
        unsigned rcode;
        int ede;
    } rows[] = {
        {"192.168.1.1", "www.example", RR_A, CLASS_IN, DNS_RD, RCODE_REFUSED, 18},
        {"192.168.2.1", "one.test.local", RR_A, CLASS_IN, DNS_RD, RCODE_REFUSED, 18},
        {"10.0.0.1", "one.test.local", RR_A, CLASS_IN, DNS_RD, RCODE_REFUSED, 18},
        {"192.168.1.1", "closed.test", RR_A, CLASS_IN, DNS_RD, RCODE_REFUSED, 18},
        {"192.168.1.1", "blocked.test", RR_A, CLASS_IN, DNS_RD, RCODE_NXDOMAIN, 15},
        {"192.168.1.1", "x.hash.test", RR_AAAA, CLASS_IN, DNS_RD, RCODE_SERVFAIL, 14},
        {"192.168.1.1", "test.local", RR_AXFR, CLASS_IN, DNS_RD, RCODE_REFUSED, 18},
        {"192.168.1.1", "test.local", RR_A, 4, DNS_RD, RCODE_REFUSED, 21},
        {"192.168.1.1", "test.local", RR_MAILB, CLASS_IN, DNS_RD, RCODE_NOTIMP, 21},
        {"192.168.1.1", "a.loop", RR_A, CLASS_IN, DNS_RD, RCODE_SERVFAIL, 0},
        {"192.168.3.1", "www.example", RR_A, CLASS_IN, 0, RCODE_REFUSED, 20},
        {"192.168.3.1", "host.invalid", RR_A, CLASS_IN, DNS_RD, RCODE_NXDOMAIN, 0},
        {"192.168.1.1", "one.test.local", RR_A, CLASS_IN, DNS_RD, RCODE_NOERROR, -1},
        {"192.168.1.1", "none.test.local", RR_A, CLASS_IN, DNS_RD, RCODE_NXDOMAIN, -1},
        {"192.168.1.1", "out.test.local", RR_A, CLASS_IN, DNS_RD, RCODE_NOERROR, -1},
    };
    struct world w;
    (void)state;
    world_open(&w, rules);
    for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
        uint8_t packet[512], name[DNAME_MAX];
        struct dns_writer dw;
        assert_true(dname_from_text(rows[i].name, strlen(rows[i].name), name) > 0);
        for (unsigned edns = 0; edns < 2; edns++) {
            dns_writer_init(&dw, packet, sizeof(packet), 7, rows[i].flags);
            dns_put_question(&dw, name, rows[i].type, rows[i].class);
            if (edns)
                dns_put_opt(&dw, 0, false, NULL, 0);
            struct got *g = world_run(&w, rows[i].from, false, packet, dns_finish(&dw), NULL);
            assert_int_equal(g->rcode, rows[i].rcode);
            assert_int_equal(ede_of(g), edns ? rows[i].ede : -1);
        }
    }
    world_close(&w);
}

static void upstream_that_does_not_answer(void **state)
{
    struct world w;
    (void)state;
    world_open(&w, rules);
    struct ask a = {
        .from = "192.168.3.1", .name = "www.example", .type = RR_A, .flags = DNS_RD, .edns = true};
    struct got *g = world_ask(&w, a);
    assert_int_equal(g->outcome, QUERY_FORWARD);
    uint8_t name[DNAME_MAX];
    memcpy(name, g->need.name, sizeof(name));
    struct forward_given given = {.question = g->need.question, .servers_id = g->need.servers->id};
    given.question.name = name;
    a.given = &given;
    g = world_ask(&w, a);
    assert_int_equal(g->rcode, RCODE_SERVFAIL);
    assert_int_equal(ede_of(g), 22);
    given.why = EDE_NETWORK;
    assert_int_equal(ede_of(world_ask(&w, a)), 23);
    given.why = EDE_BUSY;
    assert_int_equal(ede_of(world_ask(&w, a)), 0);
    world_close(&w);
}

/* An extended error takes what room there is, and cuts nothing. */
static void a_reason_cuts_nothing(void **state)
{
    struct world w;
    char name[256];
    (void)state;
    world_open(&w, "net local 192.168.1.0/24\n");
    unsigned whole = 0, bare = 0;
    for (unsigned len = 1; len < 60; len++) {
        snprintf(name, sizeof(name), "%.60s.%.60s.%.60s.%.*s",
                 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
                 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
                 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", (int)len,
                 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
        struct ask a = {.from = "192.168.1.1", .name = name, .type = RR_A, .edns = true};
        uint8_t packet[512];
        size_t asked = make_query(&a, packet);
        for (size_t room = asked; room < asked + 50; room++) {
            struct got g = {0};
            struct ipaddr client;
            assert_int_equal(ipaddr_parse("192.168.1.1", 11, &client), 0);
            g.outcome = query_run(&w.env, &client, true, packet, asked, NULL, g.bytes, room, &g.len, &g.need);
            assert_int_equal(g.outcome, QUERY_REPLY);
            take_apart(&g);
            assert_int_equal(g.rcode, RCODE_REFUSED);
            assert_false(g.header.flags & DNS_TC);
            size_t ede_len = 0;
            bool there = option_of(&g, EDE, &ede_len);
            assert_int_equal(there, room >= asked + 6);
            whole += there && ede_len > 2;
            bare += there && ede_len == 2;
        }
    }
    assert_true(whole > 0 && bare > 0);
    world_close(&w);
}

static void nsid(void **state)
{
    static const uint8_t option[] = {0, NSID, 0, 0};
    struct world w;
    size_t len;
    (void)state;
    world_open(&w, rules);
    assert_null(option_of(ask_with(&w, "192.168.1.1", false, "one.test.local", RR_A, CLASS_IN, option, 4),
                          NSID, &len));
    world_close(&w);

    world_open(
        &w, "net local 192.168.1.0/24\nauth static local .test.local\nstatic A one.test.local 192.168.1.1\n"
            "option nsid \"box 3\"\n");
    const uint8_t *data = option_of(
        ask_with(&w, "192.168.1.1", false, "one.test.local", RR_A, CLASS_IN, option, 4), NSID, &len);
    assert_non_null(data);
    assert_int_equal(len, 5);
    assert_memory_equal(data, "box 3", 5);
    assert_null(
        option_of(ask_with(&w, "192.168.1.1", false, "one.test.local", RR_A, CLASS_IN, "", 0), NSID, &len));
    world_close(&w);
}

static void keepalive(void **state)
{
    static const uint8_t option[] = {0, KEEPALIVE, 0, 0};
    struct world w;
    size_t len;
    (void)state;
    world_open(&w, rules);
    const uint8_t *data = option_of(
        ask_with(&w, "192.168.1.1", true, "one.test.local", RR_A, CLASS_IN, option, 4), KEEPALIVE, &len);
    assert_non_null(data);
    assert_int_equal(len, 2);
    assert_int_equal(get_be16(data), 600); /* of `tcptimeout` 60, in tenths */
    assert_null(option_of(ask_with(&w, "192.168.1.1", false, "one.test.local", RR_A, CLASS_IN, option, 4),
                          KEEPALIVE, &len));
    world_close(&w);
}

/* All options at once, some of them twice or unknown. */
static void options_together(void **state)
{
    static const uint8_t options[] = {
        0xfd, 0xe9, 0, 3, 'a', 'b',    'c', 0, COOKIE, 0, 8,    1, 2, 3,   4,   5, 6,         7, 8,
        0,    NSID, 0, 0, 0,   COOKIE, 0,   1, 0xff,   0, NSID, 0, 2, 'x', 'y', 0, KEEPALIVE, 0, 0};
    struct world w;
    size_t len;
    (void)state;
    world_open(
        &w, "net local 192.168.1.0/24\nauth static local .test.local\nstatic A one.test.local 192.168.1.1\n"
            "option nsid box\n");
    struct got *g =
        ask_with(&w, "192.168.1.1", true, "other.example", RR_A, CLASS_IN, options, sizeof(options));
    assert_int_equal(g->rcode, RCODE_REFUSED);
    const uint8_t *cookie = option_of(g, COOKIE, &len);
    assert_non_null(cookie);
    assert_int_equal(len, COOKIE_LEN);
    assert_memory_equal(cookie, "\1\2\3\4\5\6\7\10", 8);
    assert_non_null(option_of(g, NSID, &len));
    assert_non_null(option_of(g, KEEPALIVE, &len));
    assert_int_equal(ede_of(g), 18);
    assert_null(option_of(g, 0xfde9, &len));
    world_close(&w);
}

/* RFC 7873 s5.4: a message without a question asks for a cookie, or whether the one it has is good. */
static void a_cookie_without_a_question(void **state)
{
    uint8_t packet[12 + 11 + 4 + COOKIE_LEN] = {0x12, 0x34, [11] = 1, [14] = RR_OPT, [15] = 4};
    uint8_t *option = packet + 12 + 11, *len_of = packet + 12 + 9;
    struct world w;
    size_t len;
    (void)state;
    world_open(&w, "net local 192.168.1.0/24\nauth static local .test.local\n");
    option[1] = COOKIE;
    len_of[1] = 4 + 8;
    option[3] = 8;
    memcpy(option + 4, "client's", 8);
    struct got *g = world_run(&w, "192.0.2.1", false, packet, 12 + 11 + 4 + 8, NULL);
    assert_int_equal(g->rcode, RCODE_NOERROR);
    assert_int_equal(g->header.qdcount, 0);
    const uint8_t *cookie = option_of(g, COOKIE, &len);
    assert_true(cookie && len == COOKIE_LEN);

    /* the one that it was given is good; a changed one is not */
    len_of[1] = 4 + COOKIE_LEN;
    option[3] = COOKIE_LEN;
    memcpy(option + 4, cookie, COOKIE_LEN);
    g = world_run(&w, "192.0.2.1", false, packet, sizeof(packet), NULL);
    assert_int_equal(g->rcode, RCODE_NOERROR);
    assert_true(g->n == 1 && g->rr[0].ttl >> 24 == 0);
    packet[sizeof(packet) - 1] ^= 1;
    g = world_run(&w, "192.0.2.1", false, packet, sizeof(packet), NULL);
    assert_int_equal(g->rcode | (g->rr[0].ttl >> 24) << 4, RCODE_BADCOOKIE);
    assert_true(option_of(g, COOKIE, &len) && len == COOKIE_LEN);
    world_close(&w);
}

static void class_chaos(void **state)
{
    static const struct {
        const char *from, *name;
        uint16_t type;
        unsigned rcode;
        const char *text;
    } rows[] = {
        {"192.168.1.1", "version.bind", RR_TXT, RCODE_NOERROR, "a server"},
        {"192.168.1.1", "VERSION.Server", RR_TXT, RCODE_NOERROR, "a server"},
        {"192.168.1.1", "hostname.bind", RR_TXT, RCODE_NOERROR, "box"},
        {"192.168.1.1", "id.server", RR_ANY, RCODE_NOERROR, "box"},
        {"192.168.1.1", "id.server", RR_A, RCODE_NOERROR, NULL},
        {"192.168.1.1", "authors.bind", RR_TXT, RCODE_REFUSED, NULL},
        {"192.168.9.1", "version.bind", RR_TXT, RCODE_REFUSED, NULL},
    };
    struct world w;
    (void)state;
    world_open(&w, rules);
    struct got *g = ask_with(&w, "192.168.1.1", false, "version.bind", RR_TXT, CLASS_CH, NULL, 0);
    assert_int_equal(g->rcode, RCODE_REFUSED);
    world_close(&w);

    world_open(&w, "net local 192.168.1.0/24\nauth static local .test.local\n"
                   "option chaosversion 'a server'\noption chaosid box\n");
    for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
        g = ask_with(&w, rows[i].from, false, rows[i].name, rows[i].type, CLASS_CH, NULL, 0);
        assert_int_equal(g->rcode, rows[i].rcode);
        assert_int_equal(g->header.count[DNS_ANSWER], rows[i].text != NULL);
        if (!rows[i].text)
            continue;
        assert_int_equal(g->rr[0].class, CLASS_CH);
        assert_int_equal(g->rr[0].ttl, 0);
        assert_int_equal(g->bytes[g->rr[0].rdata], strlen(rows[i].text));
        assert_memory_equal(g->bytes + g->rr[0].rdata + 1, rows[i].text, strlen(rows[i].text));
    }
    world_close(&w);
}

static void any_is_not_forwarded(void **state)
{
    struct world w;
    (void)state;
    world_open(&w, rules);
    for (unsigned tcp = 0; tcp < 2; tcp++) {
        struct got *g = world_ask(
            &w,
            (struct ask){
                .from = "192.168.3.1", .name = "www.example", .type = RR_ANY, .flags = DNS_RD, .tcp = tcp});
        assert_int_equal(g->outcome, QUERY_REPLY);
        assert_int_equal(g->rcode, RCODE_NOERROR);
        assert_int_equal(g->n, 1);
        assert_int_equal(g->rr[0].type, RR_HINFO);
        assert_memory_equal(g->bytes + g->rr[0].rdata, "\7RFC8482", 9);
    }
    world_close(&w);
}

/* --- rate limiting --- */

static const char limited[] = "net all ::/0\n"
                              "net home 192.168.3.0/24\n"
                              "dns 192.0.2.53\n"
                              "auth static all .test.local\n"
                              "auth fwd home .\n"
                              "static A one.test.local 192.168.1.1\n"
                              "option rrl 3\n";

struct tally {
    unsigned answered, truncated, silent;
};

static struct tally ask_ten(struct world *w, const char *from, bool tcp, const void *options,
                            uint16_t options_len)
{
    struct tally t = {0};
    for (unsigned i = 0; i < 10; i++) {
        struct got *g = ask_with(w, from, tcp, "one.test.local", RR_A, CLASS_IN, options, options_len);
        t.answered += g->outcome == QUERY_REPLY && g->header.count[DNS_ANSWER] == 1;
        t.truncated +=
            g->outcome == QUERY_REPLY && (g->header.flags & DNS_TC) && g->header.count[DNS_ANSWER] == 0;
        t.silent += g->outcome == QUERY_DROP;
    }
    return t;
}

static void assert_tally(struct tally t, unsigned answered, unsigned truncated, unsigned silent)
{
    assert_int_equal(t.answered, answered);
    assert_int_equal(t.truncated, truncated);
    assert_int_equal(t.silent, silent);
}

static void the_rate_limit_and_who_is_exempt(void **state)
{
    static const uint8_t client_cookie[] = {0, COOKIE, 0, 8, 1, 2, 3, 4, 5, 6, 7, 8};
    struct worker_counters counters = {0};
    struct world w;
    (void)state;
    world_open(&w, limited);
    assert_int_equal(rrl_new(&world_key, &w.env.rrl), 0);
    w.env.counters = &counters;

    assert_tally(ask_ten(&w, "192.0.2.1", false, NULL, 0), 3, 3, 4);
    assert_int_equal(counters.rrl_slipped, 3);
    assert_int_equal(counters.rrl_dropped, 4);
    assert_tally(ask_ten(&w, "192.0.2.77", false, NULL, 0), 0, 5, 5);
    assert_tally(ask_ten(&w, "192.0.2.1", true, NULL, 0), 10, 0, 0);
    assert_tally(ask_ten(&w, "127.0.0.1", false, NULL, 0), 10, 0, 0);
    assert_tally(ask_ten(&w, "::1", false, NULL, 0), 10, 0, 0);
    assert_tally(ask_ten(&w, "192.168.3.1", false, NULL, 0), 10, 0, 0);

    /* A cookie that the client has made up is none; the one that it gets for it, with an empty answer, is. */
    size_t len;
    assert_tally(ask_ten(&w, "198.51.100.1", false, client_cookie, sizeof(client_cookie)), 3, 3, 4);
    struct got *g;
    do
        g = ask_with(&w, "198.51.100.1", false, "one.test.local", RR_A, CLASS_IN, client_cookie,
                     sizeof(client_cookie));
    while (g->outcome != QUERY_REPLY);
    uint8_t good[COOKIE_OPT_LEN] = {0, COOKIE, 0, COOKIE_LEN};
    memcpy(good + 4, option_of(g, COOKIE, &len), COOKIE_LEN);
    assert_tally(ask_ten(&w, "198.51.100.1", false, good, sizeof(good)), 10, 0, 0);
    assert_tally(ask_ten(&w, "198.51.100.2", false, good, sizeof(good)), 0, 5, 5);

    w.env.now += 10 * NSEC_PER_SEC;
    assert_tally(ask_ten(&w, "192.0.2.1", false, NULL, 0), 3, 4, 3);
    rrl_free(w.env.rrl);
    world_close(&w);
}

static void no_rate_limit(void **state)
{
    struct world w;
    (void)state;
    world_open(
        &w, "net all ::/0\nauth static all .test.local\nstatic A one.test.local 192.168.1.1\noption rrl 0\n");
    assert_int_equal(rrl_new(&world_key, &w.env.rrl), 0);
    for (unsigned i = 0; i < 100; i++)
        assert_tally(ask_ten(&w, "192.0.2.1", false, NULL, 0), 10, 0, 0);
    rrl_free(w.env.rrl);
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reasons),
        cmocka_unit_test(upstream_that_does_not_answer),
        cmocka_unit_test(a_reason_cuts_nothing),
        cmocka_unit_test(nsid),
        cmocka_unit_test(keepalive),
        cmocka_unit_test(options_together),
        cmocka_unit_test(a_cookie_without_a_question),
        cmocka_unit_test(class_chaos),
        cmocka_unit_test(any_is_not_forwarded),
        cmocka_unit_test(the_rate_limit_and_who_is_exempt),
        cmocka_unit_test(no_rate_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
