/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Look-ups of a handle, waited for and not, against a server that behaves as it is told (fake_server.h). */
#include "failing_memory.h"
#include "fake_server.h"
#include "standing_clock.h"

#include "base/clock.h"
#include "libiothdns/resolve.h"

#include <malloc.h>
#include <stdlib.h>

/* A handle that asks these servers; `more` is further configuration. */
static struct iothdns *handle_of(const struct fake_server *s, unsigned n, const char *more)
{
    char config[1024];
    int len = 0;

    for (unsigned i = 0; i < n; i++)
        len += snprintf(config + len, sizeof(config) - (size_t)len, "nameserver 127.0.0.1@%u\n", s[i].port);
    snprintf(config + len, sizeof(config) - (size_t)len, "%s", more);
    struct iothdns *d = iothdns_init_strcfg(NULL, config);
    assert_non_null(d);
    return d;
}

static void assert_fails(int result, int error)
{
    assert_int_equal(result, -1);
    assert_int_equal(errno, error);
}

static void test_addresses(void **state)
{
    (void)state;
    struct fake_server s;
    fake_start(&s);
    struct iothdns *d = handle_of(&s, 1, "");
    struct in_addr a[60];
    struct in6_addr aaaa[60];

    assert_int_equal(iothdns_lookup_a(d, "www.example", a, 1), 1);
    assert_int_equal(a[0].s_addr, htonl(0xc0000201));
    assert_int_equal(iothdns_lookup_a(d, "www.example", NULL, 0), 1);
    assert_int_equal(iothdns_lookup_aaaa(d, "www.example", aaaa, 60), 1);
    assert_int_equal(aaaa[0].s6_addr[15], 1);
    assert_int_equal(iothdns_lookup_a(d, "many.example", a, 60), 50);
    memset(a, 0, sizeof(a));
    assert_int_equal(iothdns_lookup_a(d, "many.example", a, 3), 50);
    assert_int_equal(a[3].s_addr, 0);

    assert_int_equal(iothdns_lookup_aaaa(d, "v4.example", aaaa, 60), 0);
    assert_int_equal(iothdns_lookup_aaaa_compat(d, "www.example", aaaa, 60), 1);
    assert_false(IN6_IS_ADDR_V4MAPPED(&aaaa[0]));
    assert_int_equal(iothdns_lookup_aaaa_compat(d, "v4.example", aaaa, 60), 1);
    assert_true(IN6_IS_ADDR_V4MAPPED(&aaaa[0]));
    assert_int_equal(aaaa[0].s6_addr[12], 192);
    assert_int_equal(aaaa[0].s6_addr[15], 1);
    iothdns_fini(d);

    d = handle_of(&s, 1, "options no-aaaa\n");
    assert_int_equal(iothdns_lookup_aaaa(d, "www.example", aaaa, 60), 0);
    assert_int_equal(iothdns_lookup_aaaa_compat(d, "www.example", aaaa, 60), 1);
    assert_true(IN6_IS_ADDR_V4MAPPED(&aaaa[0]));
    iothdns_fini(d);
    fake_stop(&s);
}

static void test_failures(void **state)
{
    (void)state;
    struct fake_server s;
    fake_start(&s);
    struct iothdns *d = handle_of(&s, 1, "");
    struct in_addr a;

    assert_fails(iothdns_lookup_a(d, "nx.example", &a, 1), ENOENT);
    assert_int_equal(iothdns_lookup_a(d, "nodata.example", &a, 1), 0);
    assert_fails(iothdns_lookup_a(d, "servfail.example", &a, 1), EAGAIN);
    assert_fails(iothdns_lookup_a(d, "refused.example", &a, 1), EAGAIN);
    assert_fails(iothdns_lookup_a(d, "a..b", &a, 1), EINVAL);
    assert_fails(iothdns_lookup_a(d, "", &a, 1), EINVAL);
    assert_fails(iothdns_lookup_cb(d, "www.example", 65536, NULL, NULL), EINVAL);
    nsec_t start = monotonic_now();
    iothdns_set_timeout(d, 200);
    assert_fails(iothdns_lookup_a(d, "silent.example", &a, 1), ETIMEDOUT);
    assert_true(monotonic_now() - start >= 200 * NSEC_PER_MSEC);
    iothdns_set_timeout(d, 0);
    assert_fails(iothdns_lookup_a(d, "www.example", &a, 1), ETIMEDOUT);
    iothdns_set_timeout(d, -1);
    assert_int_equal(iothdns_lookup_a(d, "www.example", &a, 1), 1);
    fake_stop(&s);
    assert_fails(iothdns_lookup_a(d, "www.example", &a, 1), ECONNREFUSED);
    iothdns_fini(d);

    d = handle_of(&s, 1, "options timeout:30 attempts:5\n"); /* nobody is there: no reason to wait */
    start = monotonic_now();
    assert_fails(iothdns_lookup_a(d, "www.example", &a, 1), ECONNREFUSED);
    assert_true(monotonic_now() - start < 20 * NSEC_PER_SEC);
    iothdns_fini(d);

    d = iothdns_init_strcfg(NULL, "nameserver fe80::1%nosuchlink\n");
    assert_fails(iothdns_lookup_a(d, "www.example", &a, 1), ENODEV);
    iothdns_fini(d);
}

/* timeout:1 attempts:2: two questions, a second apart, and two seconds in all. */
static void test_resolvconf_timing(void **state)
{
    (void)state;
    struct fake_server s;
    fake_start(&s);
    struct iothdns *d = handle_of(&s, 1, "options timeout:1 attempts:2\n");
    struct in_addr a;
    nsec_t start = monotonic_now();

    assert_fails(iothdns_lookup_a(d, "silent.example", &a, 1), ETIMEDOUT);
    nsec_t took = monotonic_now() - start;
    assert_true(took >= 2 * NSEC_PER_SEC);
    if (took < 2100 * NSEC_PER_MSEC) /* else the machine may have stood still when the second was due */
        assert_int_equal(s.n_udp, 2);
    iothdns_fini(d);
    fake_stop(&s);
}

static void test_aliases(void **state)
{
    (void)state;
    struct fake_server s;
    fake_start(&s);
    struct iothdns *d = handle_of(&s, 1, "");
    struct in_addr a;

    assert_int_equal(iothdns_lookup_a(d, "alias.www.example", &a, 1), 1);
    assert_int_equal(a.s_addr, htonl(0xc0000201));
    assert_fails(iothdns_lookup_a(d, "loop.example", &a, 1), ELOOP);
    iothdns_fini(d);
    fake_stop(&s);
}

/* What a callback saw. */
struct seen {
    unsigned n;
    int section;
    char name[IOTHDNS_MAXNAME];
    uint16_t type;
    int result; /* what it returns */
};

static int see(int section, struct iothdns_rr *rr, struct iothdns_pkt *pkt, void *arg)
{
    struct seen *seen = arg;

    (void)pkt;
    seen->n++;
    seen->section = section;
    seen->type = rr->type;
    strcpy(seen->name, rr->name);
    return seen->result;
}

static void test_callbacks(void **state)
{
    (void)state;
    struct fake_server s;
    fake_start(&s);
    struct iothdns *d = handle_of(&s, 1, "");
    struct seen seen = {0};

    assert_int_equal(iothdns_lookup_cb(d, "WWW.example", IOTHDNS_TYPE_TXT, see, &seen), 0);
    assert_int_equal(seen.n, 1); /* no OPT */
    assert_int_equal(seen.section, IOTHDNS_SEC_ANSWER);
    assert_string_equal(seen.name, "WWW.example"); /* whatever letters went out */
    assert_int_equal(seen.type, IOTHDNS_TYPE_TXT);
    assert_int_equal(iothdns_lookup_cb(d, "mIxed.example", IOTHDNS_TYPE_A, see, &seen), 0);
    assert_string_equal(seen.name, "mIxed.example");
    seen = (struct seen){.result = 7};
    assert_int_equal(iothdns_lookup_cb(d, "many.example", IOTHDNS_TYPE_A, see, &seen), 7);
    assert_int_equal(seen.n, 1);
    seen = (struct seen){0};
    assert_fails(iothdns_lookup_cb(d, "nx.example", IOTHDNS_TYPE_A, see, &seen), ENOENT);
    assert_int_equal(iothdns_ask(d, "nx.example", IOTHDNS_TYPE_A, IOTHDNS_ASK_ANYREPLY, -1, see, &seen), 0);
    assert_int_equal(seen.n, 0);
    iothdns_fini(d);
    fake_stop(&s);
}

static void test_tcp(void **state)
{
    (void)state;
    struct fake_server s;
    fake_start(&s);
    struct iothdns *d = handle_of(&s, 1, "");
    struct in_addr a;
    struct seen seen = {0};

    set_clock(true);
    assert_int_equal(iothdns_lookup_a(d, "tc.example", &a, 1), 1);
    assert_int_equal(s.n_tcp, 1);
    assert_int_equal(iothdns_lookup_cb_tcp(d, "www.example", IOTHDNS_TYPE_A, see, &seen), 0);
    assert_int_equal(seen.n, 1);
    assert_int_equal(s.n_tcp, 2);
    assert_int_equal(s.n_udp, 1);
    iothdns_fini(d);

    d = handle_of(&s, 1, "options use-vc\n");
    assert_int_equal(iothdns_lookup_a(d, "www.example", &a, 1), 1);
    assert_int_equal(s.n_tcp, 3);
    assert_int_equal(s.n_udp, 1);
    set_clock(false);
    iothdns_fini(d);
    fake_stop(&s);
}

static void test_forgers(void **state)
{
    (void)state;
    struct fake_server s;
    fake_start(&s);
    struct iothdns *d = handle_of(&s, 1, "");
    struct in_addr a;

    for (unsigned i = 0; i < 20; i++) {
        a.s_addr = 0;
        assert_int_equal(iothdns_lookup_a(d, "forged.example", &a, 1), 1);
        assert_int_equal(a.s_addr, htonl(0xc0000201));
    }
    iothdns_fini(d);
    fake_stop(&s);
}

static void test_flags(void **state)
{
    (void)state;
    struct fake_server s;
    fake_start(&s);
    struct iothdns *d = handle_of(&s, 1, "");
    struct seen seen = {0};
    struct resolve_question q = {.name = (const uint8_t *)"\3www\7example", .type = RR_A};
    const struct resolvconf *conf = resolve_conf_get(d);

    assert_int_equal(iothdns_ask(d, "www.example", 1, 0, -1, see, &seen), 0);
    assert_int_equal(s.flags, DNS_RD);
    assert_false(s.dnssec_ok);
    assert_int_equal(
        iothdns_ask(d, "www.example", 1, IOTHDNS_ASK_DNSSEC | IOTHDNS_ASK_NOCHECK, -1, see, &seen), 0);
    assert_int_equal(s.flags, DNS_RD | DNS_CD);
    assert_true(s.dnssec_ok);

    assert_int_equal(resolve_all(d, conf, &q, 1),
                     0); /* the server says AD, but who says that it may be trusted? */
    assert_int_equal(q.error, 0);
    assert_int_equal(get_be16(q.reply + 2) & DNS_AD, 0);
    resolve_free(&q, 1);
    resolve_conf_put(conf);
    iothdns_fini(d);

    d = handle_of(&s, 1, "options trust-ad\n");
    conf = resolve_conf_get(d);
    assert_int_equal(resolve_all(d, conf, &q, 1), 0);
    assert_int_equal(get_be16(q.reply + 2) & DNS_AD, DNS_AD);
    assert_int_equal(s.flags, DNS_RD | DNS_AD);
    resolve_free(&q, 1);
    assert_int_equal(resolve_all(d, conf, &q, 0), -EINVAL);
    assert_int_equal(resolve_all(d, conf, &q, RESOLVE_MAX + 1), -EINVAL);
    resolve_conf_put(conf);
    iothdns_fini(d);
    fake_stop(&s);
}

/* A and AAAA at once, or one after the other. */
static void test_at_once(void **state)
{
    (void)state;
    static const char *const options[] = {"", "options single-request\n"};
    struct fake_server s;
    fake_start(&s);

    for (size_t i = 0; i < ARRAY_LEN(options); i++) {
        struct iothdns *d = handle_of(&s, 1, options[i]);
        const struct resolvconf *conf = resolve_conf_get(d);
        struct resolve_question q[] = {{.name = (const uint8_t *)"\3www\7example", .type = RR_A},
                                       {.name = (const uint8_t *)"\3www\7example", .type = RR_AAAA},
                                       {.name = (const uint8_t *)"\2nx\7example", .type = RR_A},
                                       {.name = (const uint8_t *)"\10servfail", .type = RR_A}};
        assert_int_equal(resolve_all(d, conf, q, 4), 0);
        assert_true(q[0].error == 0 && q[1].error == 0 && q[2].error == 0);
        assert_int_equal(q[2].reply[3] & DNS_RCODE, RCODE_NXDOMAIN);
        assert_int_equal(q[3].error, -EAGAIN);
        assert_null(q[3].reply);
        resolve_free(q, 4);
        resolve_conf_put(conf);
        iothdns_fini(d);
    }
    fake_stop(&s);
}

static void test_search_list(void **state)
{
    (void)state;
    struct fake_server s;
    fake_start(&s);
    struct iothdns *d = handle_of(&s, 1, "search a.example b.example\n");
    struct seen seen = {0};
    struct in_addr a;

    assert_int_equal(iothdns_lookup_cb(d, "host", IOTHDNS_TYPE_A, see, &seen), 0);
    assert_string_equal(seen.name, "host.a.example");
    assert_int_equal(iothdns_lookup_cb(d, "host.", IOTHDNS_TYPE_A, see, &seen), 0);
    assert_string_equal(seen.name, "host");
    assert_int_equal(iothdns_ask(d, "host", IOTHDNS_TYPE_A, IOTHDNS_ASK_NOSEARCH, -1, see, &seen), 0);
    assert_string_equal(seen.name, "host");
    set_clock(true);
    s.n_udp = 0;
    assert_fails(iothdns_lookup_a(d, "nx", &a, 1), ENOENT);
    assert_int_equal(s.n_udp, 3);
    set_clock(false);
    assert_int_equal(iothdns_lookup_a(d, "nodata", &a, 1), 0);
    assert_fails(iothdns_lookup_a(d, "servfail", &a, 1), EAGAIN);
    iothdns_fini(d);
    fake_stop(&s);
}

static void test_several_servers(void **state)
{
    (void)state;
    struct fake_server s[2];
    fake_start(&s[0]);
    fake_start(&s[1]);
    struct iothdns *d = handle_of(s, 2, "");
    struct in_addr a;

    set_clock(true);
    for (unsigned i = 0; i < 20; i++)
        assert_int_equal(iothdns_lookup_a(d, "www.example", &a, 1), 1);
    assert_int_equal(s[0].n_udp, 20);
    s[0].servfail = true;
    assert_int_equal(iothdns_lookup_a(d, "www.example", &a, 1), 1);
    assert_int_equal(s[1].n_udp, 1);
    set_clock(false);
    s[0].servfail = false;
    s[0].silent = true;
    for (unsigned i = 0; i < 10; i++)
        assert_int_equal(iothdns_lookup_a(d, "www.example", &a, 1), 1);
    iothdns_fini(d);

    set_clock(true);
    s[0].silent = false;
    s[0].n_udp = s[1].n_udp = 0;
    d = handle_of(s, 2, "options rotate\n");
    for (unsigned i = 0; i < 20; i++)
        assert_int_equal(iothdns_lookup_a(d, "www.example", &a, 1), 1);
    assert_int_equal(s[0].n_udp, 10);
    assert_int_equal(s[1].n_udp, 10);
    set_clock(false);
    iothdns_fini(d);
    fake_stop(&s[0]);
    fake_stop(&s[1]);
}

/* --- many threads --- */

struct worker {
    pthread_t thread;
    struct iothdns *d;
    unsigned good; /* rounds of look-ups */
};

static bool all_are_answered(struct iothdns *d)
{
    struct in6_addr in6;
    struct in_addr a;

    return iothdns_lookup_a(d, "www.example", &a, 1) == 1 && a.s_addr == htonl(0xc0000201) &&
           iothdns_lookup_aaaa(d, "alias.www.example", &in6, 1) == 1 &&
           iothdns_lookup_a(d, "nx.example", &a, 1) == -1 && errno == ENOENT;
}

/* While the machine stands still time passes: what was too late for that is asked again. */
static void *worker_main(void *arg)
{
    struct worker *w = arg;

    for (unsigned tries = 0; w->good < 20 && tries < 40; tries++) {
        errno = 0;
        if (all_are_answered(w->d))
            w->good++;
        else if (errno != ETIMEDOUT)
            break;
    }
    return NULL;
}

static void test_threads(void **state)
{
    (void)state;
    struct fake_server s;
    struct worker workers[16];
    fake_start(&s);
    struct iothdns *d = handle_of(&s, 1, "");
    char config[64];

    s.loss = 5;
    for (unsigned i = 0; i < ARRAY_LEN(workers); i++) {
        workers[i] = (struct worker){.d = d};
        assert_int_equal(pthread_create(&workers[i].thread, NULL, worker_main, &workers[i]), 0);
    }
    snprintf(config, sizeof(config), "127.0.0.1@%u", s.port);
    for (unsigned i = 0; i < 20; i++)
        assert_int_equal(iothdns_update_strcfg(d, config), 0);
    for (unsigned i = 0; i < ARRAY_LEN(workers); i++) {
        pthread_join(workers[i].thread, NULL);
        assert_int_equal(workers[i].good, 20);
    }
    iothdns_fini(d);
    fake_stop(&s);
}

/* --- sessions --- */

struct told {
    unsigned n;
    int error;
    char name[IOTHDNS_MAXNAME];
    unsigned records;
    struct iothdns_session *session; /* starts another one there, once */
    struct iothdns_lookup *victim;   /* cancels it */
};

static void tell(struct iothdns_lookup *lookup, int error, struct iothdns_header *header,
                 struct iothdns_pkt *pkt, void *arg)
{
    struct told *t = arg;
    struct iothdns_rr rr;

    t->n++;
    t->error = error;
    assert_true((error == 0) == (header != NULL) && (error == 0) == (pkt != NULL));
    if (header)
        strcpy(t->name, header->qname);
    while (pkt && iothdns_get_rr(pkt, &rr, NULL) > 0)
        t->records++;
    if (t->session) {
        assert_non_null(iothdns_lookup_start(t->session, "again.example", RR_A, 0, -1, tell, t));
        t->session = NULL;
    }
    iothdns_lookup_cancel(t->victim);
    t->victim = NULL;
    iothdns_lookup_cancel(lookup); /* itself: nothing happens */
}

/* Serves the session until n look-ups have ended. */
static void serve(struct iothdns_session *session, unsigned n)
{
    nsec_t end = monotonic_now() + 60 * NSEC_PER_SEC;

    while (n > 0) {
        struct pollfd p = {.fd = iothdns_session_fd(session), .events = POLLIN};
        assert_true(monotonic_now() < end);
        assert_true(poll(&p, 1, iothdns_session_timeout(session)) >= 0);
        int told = iothdns_dispatch(session);
        assert_true(told >= 0 && (unsigned)told <= n);
        n -= (unsigned)told;
    }
}

static void test_session(void **state)
{
    (void)state;
    struct fake_server s;
    fake_start(&s);
    struct iothdns *d = handle_of(&s, 1, "search a.example b.example\n");
    struct iothdns_session *session = iothdns_session_open(d);
    struct told good = {0}, nx = {0}, silent = {0}, tcp = {0}, dotted = {0}, soa = {0};

    assert_non_null(session);
    assert_int_equal(iothdns_session_deadline(session), INT64_MAX);
    assert_int_equal(iothdns_session_timeout(session), -1);
    assert_int_equal(iothdns_dispatch(session), 0);
    nsec_t start = monotonic_now();
    assert_non_null(iothdns_lookup_start(session, "Host", RR_A, 0, -1, tell, &good));
    assert_non_null(iothdns_lookup_start(session, "nx", RR_A, 0, -1, tell, &nx));
    assert_non_null(iothdns_lookup_start(session, "silent.example", RR_A, 0, 300, tell, &silent));
    assert_non_null(iothdns_lookup_start(session, "tc.example", RR_TXT, 0, -1, tell, &tcp));
    assert_non_null(iothdns_lookup_start(session, "Host.", RR_A, 0, -1, tell, &dotted));
    assert_non_null(iothdns_lookup_start(session, "nx.example", RR_A, IOTHDNS_ASK_ANYREPLY, -1, tell, &soa));
    assert_true(iothdns_session_deadline(session) > start);
    serve(session, 6);
    assert_true(monotonic_now() - start >= 300 * NSEC_PER_MSEC);
    assert_int_equal(good.error, 0);
    assert_string_equal(good.name, "Host.a.example");
    assert_int_equal(good.records, 1);
    assert_int_equal(nx.error, ENOENT);
    assert_int_equal(silent.error, ETIMEDOUT);
    assert_int_equal(tcp.error, 0);
    assert_string_equal(dotted.name, "Host");
    assert_int_equal(soa.error, 0);
    assert_int_equal(soa.records, 0);
    assert_int_equal(good.n + nx.n + silent.n + tcp.n + dotted.n + soa.n, 6);
    assert_int_equal(iothdns_session_deadline(session), INT64_MAX);
    iothdns_session_close(session);
    iothdns_fini(d);
    fake_stop(&s);
}

static void test_session_changes(void **state)
{
    (void)state;
    struct fake_server s;
    fake_start(&s);
    struct iothdns *d = handle_of(&s, 1, "");
    struct iothdns_session *session = iothdns_session_open(d);
    struct told cancelled = {0}, victim = {0}, chain = {.session = session}, left = {0};

    struct iothdns_lookup *l = iothdns_lookup_start(session, "www.example", RR_A, 0, -1, tell, &cancelled);
    iothdns_lookup_cancel(l);
    chain.victim = iothdns_lookup_start(session, "silent.example", RR_A, 0, -1, tell, &victim);
    assert_non_null(iothdns_lookup_start(session, "www.example", RR_A, 0, -1, tell, &chain));
    serve(session, 2);
    assert_int_equal(chain.n, 2);
    assert_string_equal(chain.name, "again.example");
    assert_int_equal(cancelled.n + victim.n, 0);

    assert_null(iothdns_lookup_start(session, "a..b", RR_A, 0, -1, tell, &left));
    assert_int_equal(errno, EINVAL);
    assert_null(iothdns_lookup_start(session, "a", -1, 0, -1, tell, &left));
    assert_int_equal(errno, EINVAL);
    unsigned n = 0;
    while (iothdns_lookup_start(session, "silent.example", RR_A, 0, -1, tell, &left))
        n++;
    assert_true(errno == ENOBUFS && n == 256);
    iothdns_session_close(session); /* with all that is under way */
    assert_int_equal(left.n, 0);
    iothdns_session_close(NULL);
    iothdns_fini(d);

    d = iothdns_init_strcfg(NULL,
                            "nameserver fe80::1%nosuchlink\n"); /* over before it begins, told by dispatch */
    session = iothdns_session_open(d);
    struct told none = {0};
    assert_non_null(iothdns_lookup_start(session, "a", RR_A, 0, -1, tell, &none));
    assert_int_equal(none.n, 0);
    assert_int_equal(iothdns_session_timeout(session), 0);
    assert_int_equal(iothdns_dispatch(session), 1);
    assert_int_equal(none.error, ENODEV);
    iothdns_session_close(session);
    iothdns_fini(d);
    fake_stop(&s);
}

/* Who starts and cancels, and serves nothing, needs no more memory with each. (Sanitizers count none.) */
static void test_start_and_cancel(void **state)
{
    (void)state;
    struct fake_server s;
    size_t used = 0;
    fake_start(&s);
    struct iothdns *d = handle_of(&s, 1, "");
    struct iothdns_session *session = iothdns_session_open(d);

    for (unsigned i = 0; i < 500; i++) {
        struct told told = {0};
        struct iothdns_lookup *l = iothdns_lookup_start(session, "silent.example", RR_A, 0, -1, tell, &told);
        assert_non_null(l);
        iothdns_lookup_cancel(l);
        if (i == 50)
            used = mallinfo2().uordblks;
    }
    assert_true(mallinfo2().uordblks <= used + 4096);
    iothdns_session_close(session);
    iothdns_fini(d);
    fake_stop(&s);
}

/* --- no memory --- */

/* Whichever allocation fails, there is an answer or an error, and nothing is lost (as the sanitizers see). */
static void test_out_of_memory(void **state)
{
    (void)state;
    struct fake_server s;
    char config[64];
    struct in_addr a;
    bool whole = false;
    fake_start(&s);

    snprintf(config, sizeof(config), "nameserver 127.0.0.1@%u\nsearch x.example\n", s.port);
    for (int i = 0; i < 200 && !whole; i++) {
        struct told told = {0};
        allocations_left = i;
        struct iothdns *d = iothdns_init_strcfg(NULL, config);
        if (d)
            iothdns_set_timeout(d, 200);
        int n = d ? iothdns_lookup_a(d, "tc", &a, 1) : -1;
        struct iothdns_session *session = d ? iothdns_session_open(d) : NULL;
        struct iothdns_lookup *l =
            session ? iothdns_lookup_start(session, "www", RR_A, 0, 200, tell, &told) : NULL;
        if (l)
            serve(session, 1);
        whole = allocations_left > 0 && n == 1 && l &&
                told.error == 0; /* or the machine stood still: once more */
        allocations_left = -1;
        iothdns_session_close(session);
        iothdns_fini(d);
    }
    assert_true(whole);
    fake_stop(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_addresses),         cmocka_unit_test(test_failures),
        cmocka_unit_test(test_resolvconf_timing), cmocka_unit_test(test_aliases),
        cmocka_unit_test(test_callbacks),         cmocka_unit_test(test_tcp),
        cmocka_unit_test(test_forgers),           cmocka_unit_test(test_flags),
        cmocka_unit_test(test_at_once),           cmocka_unit_test(test_search_list),
        cmocka_unit_test(test_several_servers),   cmocka_unit_test(test_threads),
        cmocka_unit_test(test_session),           cmocka_unit_test(test_session_changes),
        cmocka_unit_test(test_out_of_memory),     cmocka_unit_test(test_start_and_cancel),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
