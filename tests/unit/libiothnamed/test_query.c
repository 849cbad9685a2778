/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The way of a question through the rules, source by source, without a socket. */
#include "query_world.h"

static const char scenario[] = "net local 192.168.1.0/24\n"
                               "net local fc00::/64\n"
                               "net six fc00::/64\n"
                               "dns 8.8.8.8\n"
                               "auth error local bad.test.local\n"
                               "auth error local worse.test.local nxdomain\n"
                               "auth static local .test.local\n"
                               "auth static local 192.168.1.0/24\n"
                               "auth static local hash.local\n"
                               "auth hash local .hash.local hash.local\n"
                               "auth hrev local hash.local/64\n"
                               "auth otip six .otip fc00:: mypassword\n"
                               "auth hash local .later.net base.example.org\n"
                               "auth cache local .\n"
                               "auth fwd local .\n"
                               "static A one.test.local 192.168.1.1\n"
                               "static 60 A many.test.local 192.168.1.2\n"
                               "static 60 A many.test.local 192.168.1.3\n"
                               "static A deep.down.test.local 192.168.1.4\n"
                               "static CNAME alias.test.local x.hash.local\n"
                               "static CNAME second.test.local alias.test.local\n"
                               "static CNAME out.test.local www.example.org\n"
                               "static CNAME dead.test.local nothing.test.local\n"
                               "static CNAME loop.test.local pool.test.local\n"
                               "static CNAME pool.test.local loop.test.local\n"
                               "static CNAME forbidden.test.local bad.test.local\n"
                               "static MX one.test.local 10 mail.test.local\n"
                               "static PTR 192.168.1.1 one.test.local\n"
                               "static AAAA hash.local fc00::\n";

static int open_scenario(void **state)
{
    static struct world w;
    world_open(&w, scenario);
    *state = &w;
    return 0;
}

static int close_scenario(void **state)
{
    world_close(*state);
    return 0;
}

static void static_records(void **state)
{
    struct got *g = world_ask(*state, (struct ask){.name = "one.test.local", .type = RR_A, .flags = DNS_RD});
    assert_int_equal(g->outcome, QUERY_REPLY);
    assert_int_equal(g->header.id, 0x1234);
    assert_int_equal(g->header.flags, DNS_QR | DNS_AA | DNS_RD | DNS_RA);
    assert_int_equal(g->header.count[DNS_ANSWER], 1);
    assert_addr(g, 0, "192.168.1.1");
    assert_int_equal(g->rr[0].ttl, 3600);

    g = world_ask(*state, (struct ask){.name = "many.test.local", .type = RR_A});
    assert_int_equal(g->header.count[DNS_ANSWER], 2);
    assert_int_equal(g->rr[1].ttl, 60);

    g = world_ask(*state, (struct ask){.name = "1.1.168.192.in-addr.arpa", .type = RR_PTR});
    assert_int_equal(g->header.count[DNS_ANSWER], 1);
}

static void assert_negative(const struct got *g, unsigned rcode, const char *apex)
{
    assert_int_equal(g->outcome, QUERY_REPLY);
    assert_int_equal(g->rcode, rcode);
    assert_int_equal(g->header.count[DNS_ANSWER], 0);
    assert_int_equal(g->header.count[DNS_AUTHORITY], 1);
    assert_int_equal(g->rr[0].type, RR_SOA);
    assert_name(g->rr[0].owner, apex);
}

static void static_negatives(void **state)
{
    assert_negative(world_ask(*state, (struct ask){.name = "one.test.local", .type = RR_AAAA}), RCODE_NOERROR,
                    "test.local");
    assert_negative(world_ask(*state, (struct ask){.name = "none.test.local", .type = RR_A}), RCODE_NXDOMAIN,
                    "test.local");
    assert_negative(world_ask(*state, (struct ask){.name = "down.test.local", .type = RR_A}), RCODE_NOERROR,
                    "test.local");
    assert_negative(world_ask(*state, (struct ask){.name = "x.one.test.local", .type = RR_A}), RCODE_NXDOMAIN,
                    "test.local");
    assert_negative(world_ask(*state, (struct ask){.name = "9.1.168.192.in-addr.arpa", .type = RR_PTR}),
                    RCODE_NXDOMAIN, "1.168.192.in-addr.arpa");
}

static void refused_where_no_rule_serves(void **state)
{
    struct got *g =
        world_ask(*state, (struct ask){.from = "10.0.0.1", .name = "one.test.local", .type = RR_A});
    assert_int_equal(g->rcode, RCODE_REFUSED);
    assert_int_equal(g->header.flags & (DNS_AA | DNS_RA), 0);
    assert_int_equal(g->n, 0);
    g = world_ask(*state, (struct ask){.name = "bad.test.local", .type = RR_A});
    assert_int_equal(g->rcode, RCODE_REFUSED);
    assert_negative(world_ask(*state, (struct ask){.name = "worse.test.local", .type = RR_A}), RCODE_NXDOMAIN,
                    "worse.test.local");
}

static void aliases(void **state)
{
    struct got *g = world_ask(*state, (struct ask){.name = "second.test.local", .type = RR_AAAA});
    assert_int_equal(g->rcode, RCODE_NOERROR);
    assert_int_equal(g->header.count[DNS_ANSWER], 3);
    assert_int_equal(g->rr[0].type, RR_CNAME);
    assert_int_equal(g->rr[1].type, RR_CNAME);
    assert_name(g->rr[2].owner, "x.hash.local");

    g = world_ask(*state, (struct ask){.name = "alias.test.local", .type = RR_CNAME});
    assert_int_equal(g->header.count[DNS_ANSWER], 1);
    g = world_ask(*state, (struct ask){.name = "dead.test.local", .type = RR_A});
    assert_int_equal(g->rcode, RCODE_NXDOMAIN);
    assert_int_equal(g->header.count[DNS_ANSWER], 1);
    g = world_ask(*state, (struct ask){.name = "forbidden.test.local", .type = RR_A});
    assert_int_equal(g->rcode, RCODE_NOERROR);
    assert_int_equal(g->header.count[DNS_ANSWER], 1);
    g = world_ask(*state, (struct ask){.name = "loop.test.local", .type = RR_A});
    assert_int_equal(g->rcode, RCODE_SERVFAIL);
    assert_int_equal(g->n, 0);
}

static void aliases_lead_upstream_only_with_recursion(void **state)
{
    struct got *g = world_ask(*state, (struct ask){.name = "out.test.local", .type = RR_A});
    assert_int_equal(g->outcome, QUERY_REPLY);
    assert_int_equal(g->rcode, RCODE_NOERROR);
    assert_int_equal(g->header.count[DNS_ANSWER], 1);
    g = world_ask(*state, (struct ask){.name = "out.test.local", .type = RR_A, .flags = DNS_RD});
    assert_int_equal(g->outcome, QUERY_FORWARD);
    assert_name(g->need.question.name, "www.example.org");
}

static void hash_and_reverse(void **state)
{
    struct world *w = *state;
    struct got *g = world_ask(w, (struct ask){.name = "ReNzo.Hash.Local", .type = RR_AAAA});
    assert_addr(g, 0, "fc00::4cc:8049:6765:d03a");
    assert_int_equal(g->rr[0].ttl, 600);
    assert_name(g->question.name, "ReNzo.Hash.Local");
    assert_name(g->rr[0].owner, "ReNzo.Hash.Local");
    assert_negative(world_ask(w, (struct ask){.name = "renzo.hash.local", .type = RR_A}), RCODE_NOERROR,
                    "hash.local");

    const char *reverse = "a.3.0.d.5.6.7.6.9.4.0.8.c.c.4.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.c.f.ip6.arpa";
    const char *apex = "0.0.0.0.0.0.0.0.0.0.0.0.0.0.c.f.ip6.arpa";
    g = world_ask(w, (struct ask){.name = reverse, .type = RR_PTR});
    assert_int_equal(g->header.count[DNS_ANSWER], 1);
    assert_negative(world_ask(w, (struct ask){.name = reverse, .type = RR_TXT}), RCODE_NOERROR, apex);
    g = world_ask(w, (struct ask){.name = reverse + 2, .type = RR_PTR});
    assert_negative(g, RCODE_NOERROR, apex);
    char other[128];
    snprintf(other, sizeof(other), "b%s", reverse + 1);
    g = world_ask(w, (struct ask){.name = other, .type = RR_PTR});
    assert_negative(g, RCODE_NXDOMAIN, apex);
    assert_int_equal(g->rr[0].ttl, 5);
    assert_negative(
        world_ask(w, (struct ask){.name = "g.0.0.0.0.0.0.0.0.0.0.0.0.0.0.c.f.ip6.arpa", .type = RR_PTR}),
        RCODE_NXDOMAIN, apex);
    g = world_ask(w, (struct ask){.name = apex, .type = RR_SOA});
    assert_int_equal(g->header.count[DNS_ANSWER], 1);

    /* The same text and address, but not the name that the reverse is about. */
    world_ask(w, (struct ask){.name = "www.renzo.hash.local", .type = RR_AAAA});
    uint32_t known = hrev_count(w->hrev);
    g = world_ask(w, (struct ask){.name = "www\\.renzo.hash.local", .type = RR_AAAA});
    assert_int_equal(g->header.count[DNS_ANSWER], 1);
    char www[DNAME_TEXT_MAX];
    struct ipaddr addr;
    uint8_t name[DNAME_MAX];
    memcpy(addr.b, g->bytes + g->rr[0].rdata, sizeof(addr.b));
    assert_int_equal(hrev_count(w->hrev), known);
    assert_true(hrev_find(w->hrev, &addr, w->env.now, name) > 0);
    assert_string_equal(dname_to_text(name, www), "www.renzo.hash.local");

    w->env.now += 700 * NSEC_PER_SEC;
    assert_negative(world_ask(w, (struct ask){.name = reverse, .type = RR_PTR}), RCODE_NXDOMAIN, apex);
}

static void one_time_addresses(void **state)
{
    struct world *w = *state;
    w->env.wall_s = 32 * 1000 + 30;
    struct got *g = world_ask(w, (struct ask){.from = "fc00::1", .name = "renzo.otip", .type = RR_AAAA});
    assert_int_equal(g->header.count[DNS_ANSWER], 1);
    assert_int_equal(g->rr[0].ttl, 2);
    uint8_t before[16];
    memcpy(before, g->bytes + g->rr[0].rdata, 16);
    w->env.wall_s += 2;
    g = world_ask(w, (struct ask){.from = "fc00::1", .name = "renzo.otip", .type = RR_AAAA});
    assert_int_equal(g->rr[0].ttl, 32);
    assert_memory_not_equal(before, g->bytes + g->rr[0].rdata, 16);
    /* The other net has no such rule: it goes on to fwd. */
    g = world_ask(w, (struct ask){.name = "renzo.otip", .type = RR_AAAA, .flags = DNS_RD});
    assert_int_equal(g->outcome, QUERY_FORWARD);
}

static void apexes(void **state)
{
    /* fwd matches test.local for this client, but names below local are never forwarded: it is ours. */
    struct got *g = world_ask(*state, (struct ask){.name = "test.local", .type = RR_SOA, .flags = DNS_RD});
    assert_int_equal(g->header.count[DNS_ANSWER], 1);
    assert_name(g->rr[0].owner, "test.local");
    /* fwd matches later.net, and decides. */
    g = world_ask(*state, (struct ask){.name = "later.net", .type = RR_SOA, .flags = DNS_RD});
    assert_int_equal(g->outcome, QUERY_FORWARD);
    /* a static rule that names the apex adds SOA to its records */
    g = world_ask(*state, (struct ask){.name = "hash.local", .type = RR_SOA});
    assert_int_equal(g->header.count[DNS_ANSWER], 1);
    assert_int_equal(g->rr[0].type, RR_SOA);
    g = world_ask(*state, (struct ask){.name = "hash.local", .type = RR_AAAA});
    assert_addr(g, 0, "fc00::");
    assert_negative(world_ask(*state, (struct ask){.name = "hash.local", .type = RR_NS}), RCODE_NOERROR,
                    "hash.local");

    struct world w;
    world_open(&w, "net world ::/0\nauth static world .dom.example\noption nsname ns.dom.example\n"
                   "static A one.dom.example 192.0.2.1\n");
    g = world_ask(&w, (struct ask){.name = "dom.example", .type = RR_SOA});
    assert_int_equal(g->header.flags & DNS_AA, DNS_AA);
    assert_int_equal(g->rr[0].type, RR_SOA);
    g = world_ask(&w, (struct ask){.name = "dom.example", .type = RR_NS});
    assert_int_equal(g->rr[0].type, RR_NS);
    assert_negative(world_ask(&w, (struct ask){.name = "dom.example", .type = RR_A}), RCODE_NOERROR,
                    "dom.example");
    g = world_ask(&w, (struct ask){.name = "example", .type = RR_A});
    assert_int_equal(g->rcode, RCODE_REFUSED);
    world_close(&w);
}

static void an_unknown_base_fails(void **state)
{
    struct world *w = *state;
    struct got *g = world_ask(w, (struct ask){.name = "a.later.net", .type = RR_AAAA});
    assert_int_equal(g->rcode, RCODE_SERVFAIL);
    struct base_value values[8] = {0};
    for (unsigned i = 0; i < w->config->config->n_bases; i++)
        values[i] =
            (struct base_value){.known = true, .count = 2, .addrs = {{{0xfd, [15] = 1}}, {{0xfd, 1}}}};
    snapshot_unref((struct snapshot *)w->env.snap);
    w->env.snap = world_snapshot(w, values);
    g = world_ask(w, (struct ask){.name = "a.later.net", .type = RR_AAAA});
    assert_int_equal(g->header.count[DNS_ANSWER], 2);
    g = world_ask(w, (struct ask){.name = "hash.local", .type = RR_AAAA});
    assert_addr(g, 0, "fc00::"); /* static records come first */
}

/* An upstream's reply to `name`, as what the forwarder gives back. */
static struct forward_given upstream_says(struct got *asked, uint16_t rcode, unsigned records, uint32_t ttl,
                                          bool soa)
{
    static uint8_t name[DNAME_MAX], reply[DNS_MSG_MAX], answer[ANSWER_MAX];
    struct forward_given given = {.question = asked->need.question, .servers_id = asked->need.servers->id};
    memcpy(name, asked->need.name, DNAME_MAX);
    given.question.name = name;
    struct dns_writer w;
    dns_writer_init(&w, reply, sizeof(reply), 7, (uint16_t)(DNS_QR | DNS_RA | DNS_AD) | rcode);
    dns_put_question(&w, name, given.question.type, CLASS_IN);
    for (unsigned i = 0; i < records; i++) {
        uint8_t rdata[5] = {4, 't', 'x', (uint8_t)(i >> 8), (uint8_t)i};
        const uint8_t *bytes = given.question.type == RR_A ? rdata + 1 : rdata;
        assert_int_equal(dns_put_rr(&w, DNS_ANSWER, name, given.question.type, CLASS_IN, ttl, bytes,
                                    given.question.type == RR_A ? 4 : 5),
                         0);
    }
    uint8_t rdata[22] = {[21] = 20};
    if (soa)
        assert_int_equal(dns_put_rr(&w, DNS_AUTHORITY, (const uint8_t *)"", RR_SOA, CLASS_IN, 900, rdata, 22),
                         0);
    size_t len = dns_finish(&w);
    uint32_t keep;
    const struct answer_limits limits = {0, 86400};
    int n = answer_make(reply, len, &limits, answer, &keep);
    assert_true(n > 0);
    given.answer = answer;
    given.answer_len = (size_t)n;
    assert_int_equal(keep, soa ? 20 : records ? ttl : 0);
    return given;
}

static void forwarding(void **state)
{
    struct ask a = {.name = "WWW.example.org", .type = RR_A, .flags = DNS_RD | DNS_CD | DNS_AD | DNS_Z};
    struct got *g = world_ask(*state, a);
    assert_int_equal(g->outcome, QUERY_FORWARD);
    assert_true(g->need.question.checking_disabled);
    struct forward_given given = upstream_says(g, RCODE_NOERROR, 2, 300, false);
    a.given = &given;
    g = world_ask(*state, a);
    assert_int_equal(g->outcome, QUERY_REPLY);
    assert_int_equal(g->header.flags, DNS_QR | DNS_RD | DNS_RA | DNS_CD);
    assert_int_equal(g->header.count[DNS_ANSWER], 2);
    assert_name(g->rr[1].owner, "WWW.example.org");

    given.answer = NULL;
    g = world_ask(*state, a);
    assert_int_equal(g->rcode, RCODE_SERVFAIL);
    a.flags = 0;
    g = world_ask(*state, a);
    assert_int_equal(g->rcode, RCODE_REFUSED);
}

static void a_forwarded_answer_behind_an_alias(void **state)
{
    struct ask a = {.name = "out.test.local", .type = RR_A, .flags = DNS_RD};
    struct got *g = world_ask(*state, a);
    struct forward_given given = upstream_says(g, RCODE_NOERROR, 2, 300, false);
    a.given = &given;
    g = world_ask(*state, a);
    assert_int_equal(g->header.count[DNS_ANSWER], 3);
    assert_name(g->rr[2].owner, "www.example.org");
    assert_int_equal(g->header.flags & DNS_AA, DNS_AA);
}

static void the_cache(void **state)
{
    struct world *w = *state;
    struct ask a = {.name = "txt.example.org", .type = RR_TXT, .flags = DNS_RD};
    struct got *g = world_ask(w, a);
    struct forward_given given = upstream_says(g, RCODE_NOERROR, 3, 100, false);
    struct cache_key key = {.upstreams = given.servers_id,
                            .type = RR_TXT,
                            .class = CLASS_IN,
                            .name = given.question.name,
                            .name_len = given.question.name_len};
    cache_put(w->cache, &key, given.answer, given.answer_len, w->env.now, 100);
    w->env.now += 40 * NSEC_PER_SEC;
    a.flags = 0; /* also without recursion */
    g = world_ask(w, a);
    assert_int_equal(g->outcome, QUERY_REPLY);
    assert_int_equal(g->header.count[DNS_ANSWER], 3);
    assert_int_equal(g->rr[2].ttl, 60);
    a.edns = a.dnssec_ok = true; /* another question */
    a.flags = DNS_RD;
    assert_int_equal(world_ask(w, a)->outcome, QUERY_FORWARD);
    a.edns = a.dnssec_ok = false;
    w->env.now += 61 * NSEC_PER_SEC;
    assert_int_equal(world_ask(w, a)->outcome, QUERY_FORWARD);
}

static void negative_answers_are_kept_as_the_soa_says(void **state)
{
    struct ask a = {.name = "nothing.example.org", .type = RR_A, .flags = DNS_RD};
    struct forward_given given = upstream_says(world_ask(*state, a), RCODE_NXDOMAIN, 0, 0, true);
    a.given = &given;
    struct got *g = world_ask(*state, a);
    assert_int_equal(g->rcode, RCODE_NXDOMAIN);
    assert_int_equal(g->rr[0].ttl, 20); /* of 900, since its minimum is 20 */
    upstream_says(world_ask(*state, (struct ask){.name = "x.org", .type = RR_A, .flags = DNS_RD}),
                  RCODE_NXDOMAIN, 0, 0, false);
}

/* Upstream's answer to `a` comes and is kept. */
static void forward_and_keep(struct world *w, const struct ask *a)
{
    struct got *g = world_ask(w, *a);
    assert_int_equal(g->outcome, QUERY_FORWARD);
    struct forward_given given = upstream_says(g, RCODE_NOERROR, 1, 300, false);
    struct cache_key key = {.upstreams = given.servers_id,
                            .type = a->type,
                            .class = CLASS_IN,
                            .name = given.question.name,
                            .name_len = given.question.name_len};
    cache_put(w->cache, &key, given.answer, given.answer_len, w->env.now, 300);
}

static void the_cache_does_not_undo_the_rules(void **state)
{
    (void)state;
    struct world w;
    world_open(&w, "net kids 10.0.1.0/24\nnet all 10.0.0.0/8\ndns 8.8.8.8\n"
                   "auth cache all .\nauth error kids .ads.example\nauth fwd all .\n");
    struct ask a = {.from = "10.0.2.1", .name = "x.ads.example", .type = RR_A, .flags = DNS_RD};
    forward_and_keep(&w, &a);
    assert_int_equal(world_ask(&w, a)->rcode, RCODE_NOERROR);
    a.from = "10.0.1.1"; /* what others asked is in the cache, but this client's rules would not have asked */
    assert_int_equal(world_ask(&w, a)->rcode, RCODE_REFUSED);
    world_close(&w);

    world_open(&w, "net lab 10.0.1.0/24\nnet all 10.0.0.0/8\ndns 8.8.8.8\nauth cache all .\n"
                   "auth fwd lab .test\nauth fwd all .\n");
    a.name = "x.test";
    forward_and_keep(&w, &a);
    a.from = "10.0.2.1"; /* whose rules do not forward names of local meaning */
    assert_int_equal(world_ask(&w, a)->rcode, RCODE_NXDOMAIN);
    world_close(&w);
}

static void an_alias_does_not_pass_over_the_rule_of_its_target(void **state)
{
    (void)state;
    struct world w;
    world_open(&w, "net in 10.0.0.0/8\nnet all ::/0\ndns 8.8.8.8\nauth fwd in .example.org\n"
                   "auth static all .\nstatic CNAME alias.example.net www.example.org\n");
    struct ask a = {.from = "10.0.0.1", .name = "alias.example.net", .type = RR_A};
    struct got *g = world_ask(&w, a);
    assert_int_equal(g->rcode,
                     RCODE_NOERROR); /* and not that the target does not exist: that is for fwd to say */
    assert_int_equal(g->header.count[DNS_ANSWER], 1);
    a.flags = DNS_RD;
    assert_int_equal(world_ask(&w, a)->outcome, QUERY_FORWARD);
    world_close(&w);
}

/* fwd leaves a local name to its apex, whether the client asks for the apex or an alias leads there. */
static void an_alias_leads_to_a_local_apex(void **state)
{
    (void)state;
    struct world w;
    world_open(&w, "net all ::/0\ndns 8.8.8.8\nauth static all x.example.net\nauth fwd all .\n"
                   "auth static all .a.test\nstatic CNAME x.example.net a.test\n");
    for (uint16_t rd = 0; rd <= DNS_RD; rd = (uint16_t)(rd + DNS_RD)) {
        struct got *g = world_ask(&w, (struct ask){.name = "x.example.net", .type = RR_SOA, .flags = rd});
        assert_int_equal(g->outcome, QUERY_REPLY);
        assert_int_equal(g->rcode, RCODE_NOERROR);
        assert_int_equal(g->header.count[DNS_ANSWER], 2);
        assert_name(g->rr[1].owner, "a.test");
    }
    world_close(&w);
}

static void the_root_itself(void **state)
{
    (void)state;
    static const char *const rules[] = {"hash w . fc00::", "otip w . fc00:: secret", "static w ."};
    for (size_t i = 0; i < ARRAY_LEN(rules); i++) {
        char text[200];
        struct world w;
        snprintf(text, sizeof(text),
                 "net w ::/0\nauth static w alias.test\nauth %s\nstatic CNAME alias.test .\n", rules[i]);
        world_open(&w, text);
        assert_negative(world_ask(&w, (struct ask){.name = ".", .type = RR_AAAA}), RCODE_NOERROR, ".");
        struct got *g = world_ask(&w, (struct ask){.name = ".", .type = RR_SOA});
        assert_int_equal(g->header.count[DNS_ANSWER], 1);
        g = world_ask(&w, (struct ask){.name = "alias.test", .type = RR_AAAA});
        assert_int_equal(g->header.count[DNS_ANSWER], 1);
        world_close(&w);
    }
}

static void cut_with_tc(void **state)
{
    struct ask a = {.name = "big.example.org", .type = RR_TXT, .flags = DNS_RD};
    struct forward_given given = upstream_says(world_ask(*state, a), RCODE_NOERROR, 100, 300, false);
    a.given = &given;
    struct got *g = world_ask(*state, a);
    assert_int_equal(g->header.flags & DNS_TC, DNS_TC);
    assert_int_equal(g->n, 0);
    assert_true(g->len <= 512);
    a.edns = true;
    given.question.dnssec_ok = false;
    g = world_ask(*state, a);
    assert_int_equal(g->header.flags & DNS_TC, DNS_TC);
    assert_int_equal(g->n, 1); /* OPT */
    a.tcp = true;
    g = world_ask(*state, a);
    assert_int_equal(g->header.flags & DNS_TC, 0);
    assert_int_equal(g->header.count[DNS_ANSWER], 100);

    given = upstream_says(
        world_ask(*state, (struct ask){.name = "big.example.org", .type = RR_TXT, .flags = DNS_RD}),
        RCODE_NOERROR, 40, 300, false);
    a.tcp = false;
    a.udp_size = 4096; /* the client's word, bounded by ours */
    g = world_ask(*state, a);
    assert_int_equal(g->header.flags & DNS_TC, 0);
    a.udp_size = 600;
    g = world_ask(*state, a);
    assert_int_equal(g->header.flags & DNS_TC, DNS_TC);
    assert_true(g->len <= 600);
}

static void local_names_stay(void **state)
{
    static const char *const names[][2] = {
        {"x.localhost", "localhost"},
        {"foo.invalid", "invalid"},
        {"x.home.arpa", "home.arpa"},
        {"1.0.0.10.in-addr.arpa", "10.in-addr.arpa"},
        {"b._dns-sd._udp.0.1.20.172.in-addr.arpa", "20.172.in-addr.arpa"},
        {"1.2.20.172.in-addr.arpa", "20.172.in-addr.arpa"},
        {"1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.e.f.ip6.arpa", "8.e.f.ip6.arpa"},
    };
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        assert_negative(world_ask(*state, (struct ask){.name = names[i][0], .type = RR_PTR, .flags = DNS_RD}),
                        RCODE_NXDOMAIN, names[i][1]);
    assert_int_equal(
        world_ask(*state, (struct ask){.name = "1.0.0.172.in-addr.arpa", .type = RR_PTR, .flags = DNS_RD})
            ->outcome,
        QUERY_FORWARD);

    struct world w;
    world_open(
        &w, "net a 10.0.0.0/8\ndns 8.8.8.8\nauth fwd a 10.1.0.0/16\nauth fwd a .corp.test\nauth fwd a .\n");
    assert_int_equal(world_ask(&w, (struct ask){.from = "10.0.0.1",
                                                .name = "1.2.1.10.in-addr.arpa",
                                                .type = RR_PTR,
                                                .flags = DNS_RD})
                         ->outcome,
                     QUERY_FORWARD);
    assert_int_equal(
        world_ask(&w, (struct ask){.from = "10.0.0.1", .name = "a.corp.test", .type = RR_A, .flags = DNS_RD})
            ->outcome,
        QUERY_FORWARD);
    assert_int_equal(
        world_ask(&w, (struct ask){.from = "10.0.0.1", .name = "a.test", .type = RR_A, .flags = DNS_RD})
            ->rcode,
        RCODE_NXDOMAIN);
    world_close(&w);
}

static void what_only_the_form_decides(void **state)
{
    struct world *w = *state;
    uint8_t packet[512];
    struct ask a = {.name = "one.test.local", .type = RR_A};
    size_t len = make_query(&a, packet);
    packet[2] = 0x28; /* opcode UPDATE: the opcode comes back (RFC 1035 s4.1.1), nothing else does */
    packet[3] = 0x7f;
    struct got *g = world_run(w, "192.168.1.1", false, packet, len, NULL);
    assert_int_equal(g->header.flags & ~DNS_RA, DNS_QR | 0x2800 | RCODE_NOTIMP);
    packet[2] = 0x80;
    assert_int_equal(world_run(w, "192.168.1.1", false, packet, len, NULL)->outcome, QUERY_DROP);
    packet[2] = packet[3] = 0;
    for (size_t cut = 0; cut < len; cut++) {
        g = world_run(w, "192.168.1.1", false, packet, cut, NULL);
        assert_int_equal(g->outcome, cut < 12 ? QUERY_DROP : QUERY_REPLY);
        if (cut >= 12)
            assert_int_equal(g->rcode, RCODE_FORMERR);
    }
    packet[5] = 0;
    assert_int_equal(world_run(w, "192.168.1.1", false, packet, 12, NULL)->rcode, RCODE_FORMERR);

    a.type = RR_AXFR;
    assert_int_equal(world_ask(w, a)->rcode, RCODE_REFUSED);
    a.type = RR_MAILA;
    assert_int_equal(world_ask(w, a)->rcode, RCODE_NOTIMP);
    a.type = RR_ANY;
    assert_int_equal(world_ask(w, a)->header.count[DNS_ANSWER], 1);

    a.type = RR_A;
    a.edns = true;
    len = make_query(&a, packet);
    packet[len - DNS_OPT_LEN + 6] = 1; /* EDNS version */
    g = world_run(w, "192.168.1.1", false, packet, len, NULL);
    assert_int_equal(g->rcode, 0); /* the low bits of BADVERS */
    assert_int_equal(g->rr[0].type, RR_OPT);
    assert_int_equal(g->rr[0].ttl >> 24, 1);
}

static void teaching_is_a_matter_of_mode(void **state)
{
    (void)state;
    static const char *const modes[] = {"always", "net", "same", "never"};
    static const char *const askers[] = {"2001:db8::1", "fc00::1", "fc00::4cc:8049:6765:d03a"};
    static const bool learns[4][3] = {{1, 1, 1}, {0, 1, 1}, {0, 0, 1}, {0, 0, 0}};
    for (unsigned m = 0; m < 4; m++)
        for (unsigned i = 0; i < 3; i++) {
            char text[300];
            snprintf(
                text, sizeof(text),
                "net w ::/0\nauth hash w .hash.local fc00::\nauth hrev w fc00::/64\noption hrevmode %s\n",
                modes[m]);
            struct world w;
            world_open(&w, text);
            world_ask(&w, (struct ask){.from = askers[i], .name = "renzo.hash.local", .type = RR_AAAA});
            assert_int_equal(hrev_count(w.hrev), learns[m][i]);
            world_close(&w);
        }
}

int main(void)
{
#define IN_SCENARIO(test) cmocka_unit_test_setup_teardown(test, open_scenario, close_scenario)
    const struct CMUnitTest tests[] = {
        IN_SCENARIO(static_records),
        IN_SCENARIO(static_negatives),
        IN_SCENARIO(refused_where_no_rule_serves),
        IN_SCENARIO(aliases),
        IN_SCENARIO(aliases_lead_upstream_only_with_recursion),
        IN_SCENARIO(hash_and_reverse),
        IN_SCENARIO(one_time_addresses),
        IN_SCENARIO(apexes),
        IN_SCENARIO(an_unknown_base_fails),
        IN_SCENARIO(forwarding),
        IN_SCENARIO(a_forwarded_answer_behind_an_alias),
        IN_SCENARIO(the_cache),
        IN_SCENARIO(negative_answers_are_kept_as_the_soa_says),
        cmocka_unit_test(the_cache_does_not_undo_the_rules),
        cmocka_unit_test(an_alias_does_not_pass_over_the_rule_of_its_target),
        cmocka_unit_test(an_alias_leads_to_a_local_apex),
        cmocka_unit_test(the_root_itself),
        IN_SCENARIO(cut_with_tc),
        IN_SCENARIO(local_names_stay),
        IN_SCENARIO(what_only_the_form_decides),
        cmocka_unit_test(teaching_is_a_matter_of_mode),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
