/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the server says with authority where static records stand at the apex of another rule, where nothing fits, and whose
 * hosts it shows. */
#include "zone_world.h"

#define ZONE_HEAD "$ORIGIN example.\n$TTL 60\n@ SOA ns.x. h 1 2 3 4 5\n@ NS ns.x.\n"

/* An SOA and NS that were written down are told instead of those that we would make up. */
static void static_records_at_the_apex_of_a_hash_rule(void **state)
{
    struct world w;
    (void)state;
    world_open(&w, "net all ::/0\nauth hash all .hash.local fc00::\n"
                   "static 50 SOA hash.local ns.example. host.example. 7 1 2 3 40\n"
                   "static 50 NS hash.local ns.example\n");
    expect(&w, "hash.local", RR_SOA,
           "NOERROR AA\nanswer hash.local 50 SOA ns.example host.example 7 1 2 3 40\n");
    expect(&w, "hash.local", RR_NS, "NOERROR AA\nanswer hash.local 50 NS ns.example\n");
    /* RFC 2308 s3: what is not there is believed for the lower of both */
    expect(&w, "x.Hash.local", RR_TXT,
           "NOERROR AA\nauthority Hash.local 40 SOA ns.example host.example 7 1 2 3 40\n");
    world_close(&w);

    world_open(&w, "net all ::/0\nauth hash all .hash.local fc00::\nstatic 50 NS hash.local ns.example\n");
    expect(
        &w, "hash.local", RR_SOA,
        "NOERROR AA\nanswer hash.local 300 SOA ns.example hostmaster.hash.local 2026 3600 900 604800 300\n");
    world_close(&w);
}

/* A "no" whose SOA has no room is cut, as any answer is: the client asks again over TCP. */
static void an_soa_that_does_not_fit(void **state)
{
    static const char label[] = "0123456789012345678901234567890123456789012345678901234567890";
    struct world w;
    char text[2048], host[256], asked[256];
    (void)state;
    snprintf(host, sizeof(host), "%s.%s.%s.%.50s.net", label, label, label, label);
    snprintf(asked, sizeof(asked), "%s.%s.%s.%.50s.zone.test", label, label, label, label);
    for (unsigned is_static = 0; is_static < 2; is_static++) {
        snprintf(text, sizeof(text), "net all ::/0\nauth static all .zone.test\noption nsname %s\n%s%s%s",
                 host, is_static ? "static SOA zone.test " : "static A a.zone.test 192.0.2.1",
                 is_static ? host : "", is_static ? ". h.test. 1 2 3 4 5\n" : "\n");
        world_open(&w, text);
        struct got *g = world_ask(&w, (struct ask){.name = asked, .type = RR_A});
        assert_string_equal(reply_text(g), "NXDOMAIN AA TC\n");
        g = world_ask(&w, (struct ask){.name = asked, .type = RR_A, .tcp = true});
        assert_int_equal(g->header.flags & DNS_TC, 0);
        assert_int_equal(g->header.count[DNS_AUTHORITY], 1);
        world_close(&w);
    }
}

static const char *const listed[] = {"ads.test"};

/* Its rules stand for names of one list. */
static void world_open_with_a_list(struct world *w, const char *text)
{
    struct list_draft draft = {0};
    struct lists *lists = calloc(1, sizeof(*lists) + sizeof(*lists->files));
    uint8_t name[DNAME_MAX];
    world_open(w, text);
    assert_non_null(lists);
    assert_int_equal(w->config->config->n_lists, 1);
    for (size_t i = 0; i < ARRAY_LEN(listed); i++) {
        int len = dname_from_text(listed[i], strlen(listed[i]), name);
        assert_true(len > 0 && list_draft_add(&draft, name, (size_t)len, true) == 0);
    }
    lists->count = 1;
    lists->files[0].path = strdup("names");
    assert_int_equal(list_build(&draft, &world_key, &lists->files[0].names), 0);
    w->config->lists = lists;
    snapshot_unref((struct snapshot *)w->env.snap);
    w->env.snap = world_snapshot(w, NULL);
}

/* A host is told beside an answer only to whom a question for it would be answered, so not one that a list blocks, whatever the
 * name that was asked for. */
static void a_blocked_host_is_not_shown(void **state)
{
    struct world w;
    (void)state;
    world_open_with_a_list(&w, "net all ::/0\nauth error all @names\nauth static all .test\n"
                               "static 60 MX m.test 10 x.ads.test\nstatic 60 MX m.test 20 good.test\n"
                               "static 60 A x.ads.test 192.0.2.1\nstatic 60 A good.test 192.0.2.2\n");
    struct got *g = world_ask(&w, (struct ask){.name = "x.ads.test", .type = RR_A});
    assert_int_equal(g->rcode, RCODE_NXDOMAIN);
    g = world_ask(&w, (struct ask){.name = "m.test", .type = RR_MX});
    assert_int_equal(g->header.count[DNS_ANSWER], 2);
    assert_int_equal(g->header.count[DNS_ADDITIONAL], 1);
    assert_addr(g, 2, "192.0.2.2");
    world_close(&w);
}

/* DNAMEs that lead to each other end as a chain of aliases does that is one: once around, and a failure. */
static void names_that_lead_in_a_circle(void **state)
{
    struct world w;
    (void)state;
    world_open_zone(&w, "net all ::/0\nauth zone all example x.zone\n",
                    ZONE_HEAD "a DNAME b\nb DNAME c\nc DNAME d\nd DNAME e\ne DNAME a\n");
    struct got *g = world_ask(&w, (struct ask){.name = "x.a.example", .type = RR_A});
    assert_int_equal(g->rcode, RCODE_SERVFAIL);
    world_close(&w);
}

/* Its store takes many pages. */
static void a_large_zone(void **state)
{
    enum { NAMES = 60000 };
    struct world w;
    char *text, name[32];
    size_t size;
    (void)state;
    FILE *out = open_memstream(&text, &size);
    assert_non_null(out);
    fputs(ZONE_HEAD, out);
    for (unsigned i = 0; i < NAMES; i++)
        fprintf(out, "n%u TXT \"%0100u\"\n", i, i);
    fclose(out);
    world_open_zone(&w, "net all ::/0\nauth zone all example x.zone\n", text);
    free(text);
    for (unsigned i = 0; i < NAMES; i += 997) {
        snprintf(name, sizeof(name), "n%u.example", i);
        struct got *g = world_ask(&w, (struct ask){.name = name, .type = RR_TXT});
        assert_int_equal(g->header.count[DNS_ANSWER], 1);
    }
    world_close(&w);
}

/* A message counts records in 16 bits. */
static void a_name_with_too_many_records(void **state)
{
    enum { RECORDS = UINT16_MAX + 1 };
    char *text, *reports;
    size_t size;
    (void)state;
    FILE *out = open_memstream(&text, &size);
    assert_non_null(out);
    fputs(ZONE_HEAD, out);
    for (unsigned i = 0; i < RECORDS; i++)
        fprintf(out, "many A 10.%u.%u.%u\n", i >> 16, i >> 8 & 255, i & 255);
    fclose(out);
    assert_null(zone_of_text("example", text, &reports));
    assert_non_null(strstr(reports, "many.example has more than 65535 records of one type"));
    free(reports);
    free(text);
}

static void a_password_for_a_base_that_is_not_known(void **state)
{
    struct world w;
    (void)state;
    world_open(&w, "net all ::/0\ndns 192.0.2.1\nauth otip all .otip.test base.example secret\n");
    struct got *g = world_ask(&w, (struct ask){.name = "host.otip.test", .type = RR_AAAA});
    assert_int_equal(g->rcode, RCODE_SERVFAIL);
    world_close(&w);
}

/* RFC 6891 s6.1.1: OPT is no type to ask for. */
static void a_question_for_opt(void **state)
{
    struct world w;
    (void)state;
    world_open(&w, "net all ::/0\nauth static all .test\nstatic A a.test 192.0.2.1\n");
    assert_int_equal(world_ask(&w, (struct ask){.name = "a.test", .type = RR_OPT})->rcode, RCODE_FORMERR);
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(static_records_at_the_apex_of_a_hash_rule),
        cmocka_unit_test(an_soa_that_does_not_fit),
        cmocka_unit_test(a_blocked_host_is_not_shown),
        cmocka_unit_test(names_that_lead_in_a_circle),
        cmocka_unit_test(a_large_zone),
        cmocka_unit_test(a_name_with_too_many_records),
        cmocka_unit_test(a_password_for_a_base_that_is_not_known),
        cmocka_unit_test(a_question_for_opt),
    };
    return cmocka_run_group_tests_name("authority", tests, NULL, NULL);
}
