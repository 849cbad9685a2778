/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Authority: the algorithm of RFC 1034 s4.3.2, wildcards (RFC 4592), DNAME (RFC 6672), negative answers (RFC 2308),
 * delegations and their glue (RFC 9471), from a zone file and from static records. */
#include "zone_world.h"

#define RULE "net all ::/0\nauth zone all example x.zone\n"
#define SOA  "authority example 60 SOA ns.example.com hostmaster.example 1 3600 900 604800 60\n"

#define HEAD                                                                                                 \
    "$ORIGIN example.\n$TTL 3600\n"                                                                          \
    "@ SOA ns.example.com. hostmaster 1 3600 900 604800 60\n"                                                \
    "@ NS ns.example.com.\n@ NS ns.example.net.\n"

/* RFC 4592 s2.2.1, and the answers that it lists. */
static void wildcards_as_in_the_rfc(void **state)
{
    struct world w;
    (void)state;
    world_open_zone(&w, RULE,
                    HEAD
                    "* TXT \"this is a wildcard\"\n* MX 10 host1\nsub.* TXT \"this is not a wildcard\"\n"
                    "host1 A 192.0.2.1\n_ssh._tcp.host1 SRV 0 0 22 host1\n_ssh._tcp.host2 SRV 0 0 22 host1\n"
                    "subdel NS ns.example.com.\n");

    expect(&w, "host3.example", RR_MX,
           "NOERROR AA\nanswer host3.example 3600 MX 10 host1.example\n"
           "additional host1.example 3600 A 192.0.2.1\n");
    expect(&w, "host3.example", RR_A, "NOERROR AA\n" SOA);
    expect(&w, "foo.bar.example", RR_TXT,
           "NOERROR AA\nanswer foo.bar.example 3600 TXT \"this is a wildcard\"\n");
    expect(&w, "host1.example", RR_MX, "NOERROR AA\n" SOA);
    expect(&w, "sub.*.example", RR_MX, "NOERROR AA\n" SOA);
    expect(&w, "_telnet._tcp.host1.example", RR_SRV, "NXDOMAIN AA\n" SOA);
    expect(&w, "host.subdel.example", RR_A, "NOERROR\nauthority subdel.example 3600 NS ns.example.com\n");
    expect(&w, "ghost.*.example", RR_MX, "NXDOMAIN AA\n" SOA);
    /* s2.2.2: empty non-terminals exist, and nothing is made for them */
    expect(&w, "_tcp.host1.example", RR_TXT, "NOERROR AA\n" SOA);
    expect(&w, "host2.example", RR_TXT, "NOERROR AA\n" SOA);
    /* asked for by its own name it is a name like others */
    expect(&w, "*.example", RR_TXT, "NOERROR AA\nanswer *.example 3600 TXT \"this is a wildcard\"\n");
    expect(&w, "HOST3.Example", RR_MX,
           "NOERROR AA\nanswer HOST3.Example 3600 MX 10 host1.Example\n"
           "additional host1.Example 3600 A 192.0.2.1\n");
    world_close(&w);
}

/* RFC 4592 s4.4, s4.5: aliases of wildcards; names in their data that end in the wildcard itself. */
static void wildcard_aliases(void **state)
{
    struct world w;
    (void)state;
    world_open_zone(
        &w, RULE,
        HEAD
        "*.c CNAME t.c\nt.c A 192.0.2.1\n*.self MX 5 *.self\n*.mail MX 5 mx.a.mail\nmx.a.mail A 192.0.2.2\n"
        "*.out CNAME x.elsewhere.\n");

    expect(&w, "a.c.example", RR_A,
           "NOERROR AA\nanswer a.c.example 3600 CNAME t.c.example\nanswer t.c.example 3600 A 192.0.2.1\n");
    expect(&w, "a.b.c.example", RR_A,
           "NOERROR AA\nanswer a.b.c.example 3600 CNAME t.c.example\nanswer t.c.example 3600 A 192.0.2.1\n");
    expect(&w, "a.c.example", RR_CNAME, "NOERROR AA\nanswer a.c.example 3600 CNAME t.c.example\n");
    expect(&w, "longer.self.example", RR_MX,
           "NOERROR AA\nanswer longer.self.example 3600 MX 5 *.self.example\n");
    expect(&w, "x.y.mail.example", RR_MX,
           "NOERROR AA\nanswer x.y.mail.example 3600 MX 5 mx.a.mail.example\n"
           "additional mx.a.mail.example 3600 A 192.0.2.2\n");
    expect(&w, "a.out.example", RR_A, "NOERROR AA\nanswer a.out.example 3600 CNAME x.elsewhere\n");
    world_close(&w);
}

/* Hosts that one wildcard stands for are hosts of their own; two records that name one host give its addresses once. */
static void hosts_of_one_wildcard(void **state)
{
    struct world w;
    (void)state;
    world_open_zone(&w, RULE,
                    HEAD
                    "two MX 1 a.h\ntwo MX 2 b.h\nsame SRV 1 0 1 c.h\nsame SRV 2 0 2 c.h\n*.h A 192.0.2.9\n");

    expect(&w, "two.example", RR_MX,
           "NOERROR AA\nanswer two.example 3600 MX 1 a.h.example\nanswer two.example 3600 MX 2 b.h.example\n"
           "additional a.h.example 3600 A 192.0.2.9\nadditional b.h.example 3600 A 192.0.2.9\n");
    expect(&w, "same.example", RR_SRV,
           "NOERROR AA\nanswer same.example 3600 SRV 1 0 1 c.h.example\nanswer same.example 3600 SRV 2 0 2 "
           "c.h.example\nadditional c.h.example 3600 A 192.0.2.9\n");
    world_close(&w);
}

static void no_such_name_and_no_such_data(void **state)
{
    struct world w;
    (void)state;
    world_open_zone(&w, RULE, HEAD "a.b.c A 192.0.2.1\nx CNAME nothing\ny CNAME a.b.c\n");

    expect(&w, "nothing.example", RR_A, "NXDOMAIN AA\n" SOA);
    expect(&w, "z.a.b.c.example", RR_A, "NXDOMAIN AA\n" SOA);
    expect(&w, "b.c.example", RR_A, "NOERROR AA\n" SOA);
    expect(&w, "a.b.c.example", RR_AAAA, "NOERROR AA\n" SOA);
    /* RFC 2308 s2.1, s2.2.1: of an alias the code is that of its target (RFC 6604 s3) */
    expect(&w, "x.example", RR_A, "NXDOMAIN AA\nanswer x.example 3600 CNAME nothing.example\n" SOA);
    expect(&w, "y.example", RR_AAAA, "NOERROR AA\nanswer y.example 3600 CNAME a.b.c.example\n" SOA);
    /* the spelling is the question's */
    expect(&w, "NoThing.EXAMPLE", RR_A,
           "NXDOMAIN AA\nauthority EXAMPLE 60 SOA ns.example.com hostmaster.EXAMPLE 1 3600 900 604800 60\n");
    world_close(&w);
}

static void the_apex(void **state)
{
    struct world w;
    struct got *g;
    (void)state;
    world_open_zone(
        &w, RULE,
        "$ORIGIN example.\n@ 30 SOA ns hostmaster 1 3600 900 604800 60\n@ 40 NS ns\nns 50 A 192.0.2.1\n");

    expect(&w, "example", RR_SOA,
           "NOERROR AA\nanswer example 30 SOA ns.example hostmaster.example 1 3600 900 604800 60\n");
    expect(&w, "example", RR_NS,
           "NOERROR AA\nanswer example 40 NS ns.example\nadditional ns.example 50 A 192.0.2.1\n");
    /* the TTL of a "no" is the lower one of that of the SOA and its minimum (RFC 2308 s3) */
    expect(&w, "example", RR_A,
           "NOERROR AA\nauthority example 30 SOA ns.example hostmaster.example 1 3600 900 604800 60\n");
    /* DS lies at the parent, which is not ours */
    expect(&w, "example", RR_DS,
           "NOERROR AA\nauthority example 30 SOA ns.example hostmaster.example 1 3600 900 604800 60\n");
    g = world_ask(&w, (struct ask){.name = "example", .type = RR_ANY});
    assert_int_equal(g->header.count[DNS_ANSWER], 1); /* RFC 8482 s4.1: one RRset */
    g = world_ask(&w, (struct ask){.name = "example", .type = RR_AXFR});
    assert_int_equal(g->rcode, RCODE_REFUSED);
    g = world_ask(&w, (struct ask){.name = "exampl", .type = RR_A});
    assert_int_equal(g->rcode, RCODE_REFUSED);
    world_close(&w);
}

static void delegations(void **state)
{
    struct world w;
    (void)state;
    world_open_zone(
        &w, RULE,
        HEAD "sub NS ns.sub\nsub NS ns.example.com.\nsub NS ns.other\nsub DS 1 8 2 00\n"
             "ns.sub A 192.0.2.1\nns.sub AAAA 2001:db8::1\nother NS ns.other\nns.other A 192.0.2.2\n"
             "x.sub A 192.0.2.3\nwww CNAME a.sub\n*.sub A 192.0.2.4\nmx MX 1 ns.sub\ndeep.other NS ns.sub\n");
    static const char *const below[] = {"sub.example", "a.sub.example", "x.sub.example", "ns.sub.example",
                                        "b.a.sub.example"};
    struct got *g;

    for (size_t i = 0; i < ARRAY_LEN(below); i++) {
        g = world_ask(&w, (struct ask){.name = below[i], .type = RR_A});
        assert_int_equal(g->rcode, RCODE_NOERROR);
        assert_false(g->header.flags & DNS_AA);
        assert_int_equal(g->header.count[DNS_ANSWER], 0);
        assert_int_equal(g->header.count[DNS_AUTHORITY], 3);
        assert_int_equal(g->header.count[DNS_ADDITIONAL], 3);
        for (unsigned n = 0; n < 3; n++)
            assert_name(g->rr[n].owner, "sub.example");
    }
    g = world_ask(&w, (struct ask){.name = "sub.example", .type = RR_NS});
    assert_int_equal(g->header.count[DNS_ANSWER], 0);
    assert_false(g->header.flags & DNS_AA);
    /* DS is of the parent (RFC 4035 s3.1.4.1) */
    expect(&w, "sub.example", RR_DS, "NOERROR AA\nanswer sub.example 3600 DS \\# 5 0001080200\n");
    expect(&w, "other.example", RR_DS, "NOERROR AA\n" SOA);
    expect(&w, "a.other.example", RR_DS,
           "NOERROR\nauthority other.example 3600 NS ns.other.example\nadditional ns.other.example 3600 A "
           "192.0.2.2\n");
    /* the topmost cut counts */
    expect(&w, "x.deep.other.example", RR_A,
           "NOERROR\nauthority other.example 3600 NS ns.other.example\nadditional ns.other.example 3600 A "
           "192.0.2.2\n");
    /* an alias of ours that leads below a cut: the alias is authoritative, and the referral behind it */
    g = world_ask(&w, (struct ask){.name = "www.example", .type = RR_A});
    assert_true(g->header.flags & DNS_AA);
    assert_int_equal(g->header.count[DNS_ANSWER], 1);
    assert_int_equal(g->header.count[DNS_AUTHORITY], 3);
    assert_int_equal(g->header.count[DNS_ADDITIONAL], 3);
    (void)state;
    world_close(&w);
}

static void glue_that_must_fit(void **state)
{
    char text[8192] = HEAD "big NS ns.small\nns.small A 192.0.2.9\nsmall NS ns.small\n",
         *at = text + strlen(text);
    struct world w;
    (void)state;

    for (unsigned i = 0; i < 13; i++)
        at += sprintf(at, "big NS ns%u.big\nns%u.big A 192.0.2.%u\nns%u.big AAAA 2001:db8::%u\n", i, i, i, i,
                      i);
    for (unsigned i = 0; i < 14; i++)
        at += sprintf(at,
                      "wide NS n%u.elsewhere\nn%u.elsewhere A 192.0.2.%u\nn%u.elsewhere AAAA 2001:db8::%u\n",
                      i, i, i, i, i);
    world_open_zone(&w, RULE, text);

    /* RFC 9471 s3.1: addresses of servers below the cut must fit, in 512 bytes they do not */
    struct got *g = world_ask(&w, (struct ask){.name = "x.big.example", .type = RR_A});
    assert_true(g->header.flags & DNS_TC);
    g = world_ask(&w, (struct ask){.name = "x.big.example", .type = RR_A, .edns = true, .udp_size = 1232});
    assert_false(g->header.flags & DNS_TC);
    assert_int_equal(g->header.count[DNS_AUTHORITY], 14);
    assert_int_equal(g->header.count[DNS_ADDITIONAL], 1 + 26 + 1);
    /* those of others are help, as far as there is room */
    g = world_ask(&w, (struct ask){.name = "x.wide.example", .type = RR_A});
    assert_false(g->header.flags & DNS_TC);
    assert_int_equal(g->header.count[DNS_AUTHORITY], 14);
    assert_in_range(g->header.count[DNS_ADDITIONAL], 1, 27);
    assert_true(g->len <= 512);
    world_close(&w);
}

static void dname(void **state)
{
    char longest[300] = "", *at = longest;
    struct world w;
    (void)state;
    world_open_zone(
        &w, RULE,
        HEAD "d DNAME t\nd A 192.0.2.1\nt A 192.0.2.2\nx.t A 192.0.2.3\nout DNAME elsewhere.\n"
             "alias.t CNAME x.t\nlong DNAME aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.bbbbbbbbbbbbbbbbbbbbbbbb.t\n"
             "loop DNAME x.loop\nroot DNAME .\n");

    expect(&w, "x.d.example", RR_A,
           "NOERROR AA\nanswer d.example 3600 DNAME t.example\nanswer x.d.example 3600 CNAME x.t.example\n"
           "answer x.t.example 3600 A 192.0.2.3\n");
    /* the name itself is not redirected (RFC 6672 s2.3) */
    expect(&w, "d.example", RR_A, "NOERROR AA\nanswer d.example 3600 A 192.0.2.1\n");
    expect(&w, "d.example", RR_DNAME, "NOERROR AA\nanswer d.example 3600 DNAME t.example\n");
    expect(&w, "d.example", RR_TXT, "NOERROR AA\n" SOA);
    expect(&w, "nx.d.example", RR_A,
           "NXDOMAIN AA\nanswer d.example 3600 DNAME t.example\nanswer nx.d.example 3600 CNAME "
           "nx.t.example\n" SOA);
    expect(&w, "x.d.example", RR_CNAME,
           "NOERROR AA\nanswer d.example 3600 DNAME t.example\nanswer x.d.example 3600 CNAME x.t.example\n");
    expect(&w, "alias.d.example", RR_A,
           "NOERROR AA\nanswer d.example 3600 DNAME t.example\nanswer alias.d.example 3600 CNAME "
           "alias.t.example\n"
           "answer alias.t.example 3600 CNAME x.t.example\nanswer x.t.example 3600 A 192.0.2.3\n");
    expect(&w, "a.B.out.example", RR_A,
           "NOERROR AA\nanswer out.example 3600 DNAME elsewhere\nanswer a.B.out.example 3600 CNAME "
           "a.B.elsewhere\n");
    expect(&w, "com.root.example", RR_A,
           "NOERROR AA\nanswer root.example 3600 DNAME .\nanswer com.root.example 3600 CNAME com\n");
    for (unsigned i = 0; i < 4; i++)
        at += sprintf(at, "%.*s.", i == 3 ? 12 : 62,
                      "0123456789012345678901234567890123456789012345678901234567890123");
    strcpy(at, "long.example");
    expect(&w, longest, RR_A,
           "YXDOMAIN AA\nanswer long.example 3600 DNAME "
           "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.bbbbbbbbbbbbbbbbbbbbbbbb.t.example\n");
    struct got *g = world_ask(&w, (struct ask){.name = "a.loop.example", .type = RR_A, .tcp = true});
    assert_int_equal(g->rcode, RCODE_SERVFAIL);
    world_close(&w);
}

static void every_record_comes_first_now_and_then(void **state)
{
    struct world w;
    unsigned first[4] = {0};
    (void)state;
    world_open_zone(&w, RULE,
                    HEAD "a A 192.0.2.0\na A 192.0.2.1\na A 192.0.2.2\na A 192.0.2.3\n"
                         "t TXT a\nt TXT bb\nt TXT ccc\nc CNAME a\n");

    for (unsigned id = 0; id < 65536; id += 97) {
        uint8_t packet[512];
        struct ask a = {.name = id % 2 ? "c.example" : "a.example", .type = RR_A};
        size_t len = make_query(&a, packet);
        put_be16(packet, (uint16_t)id);
        struct got *g = world_run(&w, "192.0.2.9", false, packet, len, NULL);
        unsigned aliases = id % 2, seen = 0;
        assert_int_equal(g->n, 4 + aliases);
        for (unsigned i = 0; i < 4; i++)
            seen |= 1u << g->bytes[g->rr[i + aliases].rdata + 3];
        assert_int_equal(seen, 15);
        first[g->bytes[g->rr[aliases].rdata + 3]]++;
    }
    for (unsigned i = 0; i < 4; i++)
        assert_in_range(first[i], 150, 190);
    /* records of different lengths */
    unsigned lens = 0;
    for (unsigned id = 0; id < 65536; id += 9973) {
        uint8_t packet[512];
        size_t len = make_query(&(struct ask){.name = "t.example", .type = RR_TXT}, packet);
        put_be16(packet, (uint16_t)id);
        struct got *g = world_run(&w, "192.0.2.9", false, packet, len, NULL);
        assert_int_equal(g->n, 3);
        assert_int_equal(g->rr[0].rdlen + g->rr[1].rdlen + g->rr[2].rdlen, 9);
        lens |= 1u << g->rr[0].rdlen;
    }
    assert_int_equal(lens, 4 + 8 + 16);
    world_close(&w);
}

static void answers_that_do_not_fit(void **state)
{
    char text[16384] = HEAD "c CNAME big\nm MX 1 big\n", *at = text + strlen(text);
    struct world w;
    (void)state;
    for (unsigned i = 0; i < 100; i++)
        at += sprintf(at, "big A 192.0.2.%u\n", i);
    world_open_zone(&w, RULE, text);

    struct got *g = world_ask(&w, (struct ask){.name = "big.example", .type = RR_A});
    assert_true(g->header.flags & DNS_TC);
    assert_int_equal(g->header.count[DNS_ANSWER], 0);
    g = world_ask(&w, (struct ask){.name = "c.example", .type = RR_A});
    assert_true(g->header.flags & DNS_TC);
    g = world_ask(&w, (struct ask){.name = "c.example", .type = RR_A, .tcp = true});
    assert_false(g->header.flags & DNS_TC);
    assert_int_equal(g->header.count[DNS_ANSWER], 101);
    /* addresses beside an answer are left out */
    expect(&w, "m.example", RR_MX, "NOERROR AA\nanswer m.example 3600 MX 1 big.example\n");
    world_close(&w);
}

/* --- static records: in which zone they lie --- */

static void static_zones(void **state)
{
    struct world w;
    (void)state;
    world_open(
        &w,
        "net all ::/0\nauth static all .test\noption nsname ns.here\n"
        "static 60 A a.test 192.0.2.1\nstatic 60 A *.w.test 192.0.2.2\n"
        "static 60 NS sub.test ns.sub.test\nstatic 60 A ns.sub.test 192.0.2.3\nstatic 60 A b.sub.test "
        "192.0.2.4\n"
        "static 90 SOA zone.test ns.zone.test h.zone.test 1 2 3 4 30\nstatic 60 NS zone.test ns.zone.test\n"
        "static 60 A a.zone.test 192.0.2.5\nstatic 60 DNAME d.test zone.test\nstatic 60 DS zone.test 1 8 2 "
        "00\n");
    static const char made[] = "authority test 300 SOA ns.here hostmaster.test 2026 3600 900 604800 300\n";
    static const char own[] = "authority zone.test 30 SOA ns.zone.test h.zone.test 1 2 3 4 30\n";
    char text[512];

    expect(&w, "a.w.test", RR_A, "NOERROR AA\nanswer a.w.test 60 A 192.0.2.2\n");
    snprintf(text, sizeof(text), "NXDOMAIN AA\n%s", made);
    expect(&w, "x.test", RR_A, text);
    expect(&w, "b.sub.test", RR_A,
           "NOERROR\nauthority sub.test 60 NS ns.sub.test\nadditional ns.sub.test 60 A 192.0.2.3\n");
    /* a name with SOA is a zone of ours: NS there do not delegate, and it says its own "no" */
    expect(&w, "a.zone.test", RR_A, "NOERROR AA\nanswer a.zone.test 60 A 192.0.2.5\n");
    snprintf(text, sizeof(text), "NXDOMAIN AA\n%s", own);
    expect(&w, "x.zone.test", RR_A, text);
    snprintf(text, sizeof(text), "NOERROR AA\n%s", own);
    expect(&w, "zone.test", RR_A, text);
    expect(&w, "zone.test", RR_NS, "NOERROR AA\nanswer zone.test 60 NS ns.zone.test\n");
    expect(&w, "zone.test", RR_DS, "NOERROR AA\nanswer zone.test 60 DS \\# 5 0001080200\n");
    expect(&w, "a.d.test", RR_A,
           "NOERROR AA\nanswer d.test 60 DNAME zone.test\nanswer a.d.test 60 CNAME a.zone.test\n"
           "answer a.zone.test 60 A 192.0.2.5\n");
    expect(&w, "test", RR_NS, "NOERROR AA\nanswer test 3600 NS ns.here\n");
    (void)state;
    world_close(&w);
}

/* NS at the domain of a rule do not delegate, whichever rule of this client it is. */
static void static_apexes(void **state)
{
    struct world w;
    (void)state;
    world_open(&w,
               "net all ::/0\nnet few 10.0.0.0/8\n"
               "auth hash few .h.test fc00::\nauth static all .test\nauth static all .\n"
               "static 60 NS h.test ns.h.test\nstatic 60 AAAA h.test fc00::1\nstatic 60 NS test ns.h.test\n");

    struct got *g = world_ask(&w, (struct ask){.from = "10.0.0.1", .name = "h.test", .type = RR_AAAA});
    assert_string_equal(reply_text(g), "NOERROR AA\nanswer h.test 60 AAAA fc00::1\n");
    g = world_ask(&w, (struct ask){.from = "10.0.0.1", .name = "h.test", .type = RR_NS});
    assert_string_equal(reply_text(g), "NOERROR AA\nanswer h.test 60 NS ns.h.test\n");
    /* for others it is delegated */
    g = world_ask(&w, (struct ask){.from = "11.0.0.1", .name = "x.h.test", .type = RR_AAAA});
    assert_string_equal(reply_text(g), "NOERROR\nauthority h.test 60 NS ns.h.test\n");
    /* and test is the domain of a rule for the names below it */
    expect(&w, "test", RR_NS, "NOERROR AA\nanswer test 60 NS ns.h.test\n");
    world_close(&w);
}

/* A host that the client could not ask for is not shown to it beside an answer. */
static void hidden_hosts(void **state)
{
    struct world w;
    (void)state;
    world_open(&w, "net all ::/0\nnet staff 10.0.0.0/8\n"
                   "auth static all home.test\nauth static staff .home.test\n"
                   "static 60 MX home.test 10 mail.home.test\nstatic 60 A mail.home.test 192.0.2.1\n");

    struct got *g = world_ask(&w, (struct ask){.from = "10.0.0.1", .name = "home.test", .type = RR_MX});
    assert_string_equal(
        reply_text(g),
        "NOERROR AA\nanswer home.test 60 MX 10 mail.home.test\nadditional mail.home.test 60 A 192.0.2.1\n");
    g = world_ask(&w, (struct ask){.from = "11.0.0.1", .name = "home.test", .type = RR_MX});
    assert_string_equal(reply_text(g), "NOERROR AA\nanswer home.test 60 MX 10 mail.home.test\n");
    world_close(&w);
}

/* A wildcard or a name above the domain of the rule is not for it. */
static void static_domains_are_borders(void **state)
{
    struct world w;
    (void)state;
    world_open(&w, "net all ::/0\nauth static all .a.test\n"
                   "static A *.test 192.0.2.1\nstatic DNAME test other\nstatic A x.a.test 192.0.2.2\n");

    struct got *g = world_ask(&w, (struct ask){.name = "y.a.test", .type = RR_A});
    assert_int_equal(g->rcode, RCODE_NXDOMAIN);
    expect(&w, "x.a.test", RR_A, "NOERROR AA\nanswer x.a.test 3600 A 192.0.2.2\n");
    world_close(&w);
}

/* The DS of a zone whose parent is here too are the parent's. */
static void child_and_parent(void **state)
{
    struct world w;
    (void)state;
    world_open_zone(&w,
                    "net all ::/0\nauth zone all example x.zone\nauth static all .\n"
                    "static 60 NS example ns.example\nstatic 60 DS example 1 8 2 00\n",
                    HEAD);

    expect(&w, "example", RR_DS, "NOERROR AA\nanswer example 60 DS \\# 5 0001080200\n");
    struct got *g = world_ask(&w, (struct ask){.name = "example", .type = RR_NS});
    assert_int_equal(g->header.count[DNS_ANSWER], 2);
    assert_true(g->header.flags & DNS_AA);
    world_close(&w);
}

/* Aliases go from one source to the other. */
static void aliases_between_sources(void **state)
{
    struct world w;
    (void)state;
    world_open_zone(
        &w,
        "net all ::/0\nauth zone all example x.zone\nauth static all .test\nauth hash all .h fc00::\n"
        "static 60 CNAME s.test a.example\n",
        HEAD
        "a CNAME b.test.\nc CNAME s.test.\ns A 192.0.2.7\nh CNAME x.h.\nmx.t CNAME www.t\nwww.t MX 1 s\n");

    expect(&w, "c.example", RR_A,
           "NXDOMAIN AA\nanswer c.example 3600 CNAME s.test\nanswer s.test 60 CNAME a.example\n"
           "answer a.example 3600 CNAME b.test\nauthority test 300 SOA test hostmaster.test 2026 3600 900 "
           "604800 300\n");
    struct got *g = world_ask(&w, (struct ask){.name = "h.example", .type = RR_AAAA});
    assert_int_equal(g->header.count[DNS_ANSWER], 2);
    expect(
        &w, "mx.t.example", RR_MX,
        "NOERROR AA\nanswer mx.t.example 3600 CNAME www.t.example\nanswer www.t.example 3600 MX 1 s.example\n"
        "additional s.example 3600 A 192.0.2.7\n");
    world_close(&w);
}

/* What a configuration says is made once, however often its bases change. */
static void snapshots_share_records(void **state)
{
    struct world w;
    (void)state;
    world_open_zone(&w, RULE "static A a.test 192.0.2.1\n", HEAD);
    struct snapshot *other = world_snapshot(&w, NULL);
    assert_ptr_equal(other->pool, w.env.snap->pool);
    assert_ptr_equal(other->zones, w.env.snap->zones);
    /* and stays with its snapshots when the configuration has no use for it any more */
    shared_config_forget_records(w.config);
    expect(&w, "example", RR_NS,
           "NOERROR AA\nanswer example 3600 NS ns.example.com\nanswer example 3600 NS ns.example.net\n");
    snapshot_unref(other);
    world_close(&w);
}

static void a_zone_that_is_not_there(void **state)
{
    struct world w;
    (void)state;
    world_open(&w, RULE);
    expect(&w, "a.example", RR_A, "SERVFAIL\n");
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wildcards_as_in_the_rfc),
        cmocka_unit_test(wildcard_aliases),
        cmocka_unit_test(hosts_of_one_wildcard),
        cmocka_unit_test(no_such_name_and_no_such_data),
        cmocka_unit_test(the_apex),
        cmocka_unit_test(delegations),
        cmocka_unit_test(glue_that_must_fit),
        cmocka_unit_test(dname),
        cmocka_unit_test(every_record_comes_first_now_and_then),
        cmocka_unit_test(answers_that_do_not_fit),
        cmocka_unit_test(static_zones),
        cmocka_unit_test(static_apexes),
        cmocka_unit_test(hidden_hosts),
        cmocka_unit_test(static_domains_are_borders),
        cmocka_unit_test(child_and_parent),
        cmocka_unit_test(aliases_between_sources),
        cmocka_unit_test(snapshots_share_records),
        cmocka_unit_test(a_zone_that_is_not_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
