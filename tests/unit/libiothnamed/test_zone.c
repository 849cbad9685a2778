/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The store of records: RRsets, their TTLs, duplicates, names without records, what is kept in which form. */
#include "config_world.h"

#include "libiothnamed/zone_build.h"
#include "libiothnamed/zone_pool.h"
#include "wire/rrtype.h"

static const struct siphash_key key = {{1, 2}};

struct world {
    struct config *config;
    struct zone *zone;
};

static struct world world_of(const char *text)
{
    struct world w = {.config = parse_good(text)};

    assert_int_equal(zone_pool_build(w.config, &key, &w.zone), 0);
    return w;
}

static void world_fini(struct world *w)
{
    zone_unref(w->zone);
    config_free(w->config);
}

static uint8_t *wire_of(const char *text)
{
    static uint8_t name[DNAME_MAX];

    assert_true(dname_from_text(text, strlen(text), name) > 0);
    return name;
}

static const struct zone_node *find(const struct world *w, const char *text)
{
    return zone_find(w->zone, wire_of(text));
}

static const uint8_t *rdata_of(const struct zone_node *node, const struct zone_rrset *set, unsigned i,
                               size_t *ret_len)
{
    static uint8_t room[ZONE_NAMES_MAX];

    return zone_rdata(node, set, zone_record_at(set, i), room, ret_len);
}

static void test_empty(void **state)
{
    struct world w = world_of("");
    (void)state;

    assert_null(find(&w, "."));
    assert_null(find(&w, "a"));
    assert_null(find(&w, "a.b.c.d"));
    assert_null(zone_apex(w.zone));
    assert_int_equal(zone_names(w.zone), 0);
    world_fini(&w);
    zone_unref(NULL);
}

static void test_rrsets(void **state)
{
    struct world w = world_of("static 20 A a.test 10.0.0.2\n"
                              "static TXT a.test x\n"
                              "static 30 A A.Test 10.0.0.1\n"
                              "static 10 A a.test 10.0.0.3\n"
                              "static 5 A a.test 10.0.0.1\n" /* again, after the one with 30 */
                              "static A b.test 10.0.0.9\n");
    const struct zone_node *node = find(&w, "a.test");
    size_t len;
    (void)state;

    assert_non_null(node);
    assert_int_equal(node->n_rrsets, 2);
    const struct zone_rrset *a = zone_first_rrset(node);
    assert_int_equal(a->type, RR_A);
    assert_int_equal(zone_next_rrset(a)->type, RR_TXT);
    assert_ptr_equal(zone_rrset(node, RR_A), a);
    assert_int_equal(a->count, 3);
    assert_int_equal(zone_rrset_ttl(a), 10);
    for (unsigned i = 0; i < 3; i++) {
        static const uint8_t last[] = {2, 1, 3};
        assert_int_equal(rdata_of(node, a, i, &len)[3], last[i]);
        assert_int_equal(len, 4);
    }
    assert_int_equal(zone_rrset_ttl(zone_rrset(node, RR_TXT)), 3600);
    assert_null(zone_rrset(node, RR_AAAA));
    assert_null(zone_rrset(NULL, RR_A));
    assert_int_equal(find(&w, "b.test")->n_rrsets, 1);
    world_fini(&w);
}

/* A record lies there as it goes into a message whose question is for its owner. */
static void test_form(void **state)
{
    static const uint8_t mx[] =
        "\xc0\x0c\0\x0f\0\x01\0\0\0\x3c\0\x09\0\x0a\4mail\xc0\x0e" /* b.test, at 12 + 2 */
        "\xc0\x0c\0\x0f\0\x01\0\0\0\x3c\0\x0b\0\x14\7example";
    struct world w = world_of("static 60 MX a.b.test 10 mail.B.TEST\n"
                              "static 60 MX a.b.test 20 example\n"
                              "static 60 CNAME c.test c.test.c.test\n"
                              "static 60 CNAME *.w.test *.w.test\n"
                              "static 60 SOA s.test s.test a.s.test 1 2 3 4 5\n");
    const struct zone_rrset *set = zone_rrset(find(&w, "a.b.test"), RR_MX);
    size_t len;
    (void)state;

    assert_int_equal(set->size, sizeof(mx));
    assert_memory_equal(set->records, mx, sizeof(mx));
    assert_int_equal(set->stride, 0);
    assert_int_equal(zone_record_at(set, 1), 21);
    assert_memory_equal(rdata_of(find(&w, "a.b.test"), set, 0, &len), "\0\x0a\4mail\1b\4test", 15);
    assert_int_equal(len, 15);

    set = zone_rrset(find(&w, "c.test"), RR_CNAME); /* all of the owner behind "c.test" */
    assert_int_equal(set->size, ZONE_RR_HEAD + 7 + 2);
    assert_memory_equal(rdata_of(find(&w, "c.test"), set, 0, &len), "\1c\4test\1c\4test", 15);
    set = zone_rrset(find(&w, "*.w.test"), RR_CNAME); /* the question has another label there */
    assert_int_equal(set->size, ZONE_RR_HEAD + 2 + 2);
    assert_memory_equal(rdata_of(find(&w, "*.w.test"), set, 0, &len), "\1*\1w\4test", 10);
    set = zone_rrset(find(&w, "s.test"), RR_SOA);
    assert_int_equal(set->size, ZONE_RR_HEAD + 2 + 4 + 20);
    rdata_of(find(&w, "s.test"), set, 0, &len);
    assert_int_equal(len, 8 + 10 + 20);
    world_fini(&w);
}

static void test_empty_non_terminals(void **state)
{
    static const char *const empty[] = {".", "test", "b.test", "c.b.test"};
    struct world w =
        world_of("static A a.b.c.b.test 10.0.0.1\nstatic A b.c.b.test 10.0.0.1\nstatic A x.test 10.0.0.1\n");
    (void)state;

    for (size_t i = 0; i < ARRAY_LEN(empty); i++) {
        assert_non_null(find(&w, empty[i]));
        assert_int_equal(find(&w, empty[i])->n_rrsets, 0);
    }
    assert_int_equal(find(&w, "b.c.b.test")->n_rrsets, 1);
    assert_int_equal(find(&w, "a.b.c.b.test")->n_rrsets, 1);
    assert_null(find(&w, "c.test"));
    assert_null(find(&w, "y.x.test"));
    world_fini(&w);
}

static void test_closest(void **state)
{
    static const struct {
        const char *name;
        int closest; /* labels */
    } cases[] = {
        {"test", 1},       {"x.test", 1},       {"y.x.test", 1},
        {"b.test", 2},     {"z.b.test", 2},     {"1.2.3.4.5.6.7.8.b.test", 2},
        {"b.c.b.test", 4}, {"x.b.c.b.test", 4}, {"x.y.c.b.test", 3},
        {"org", 0},        {"a.b.org", 0},
    };
    struct world w = world_of("static A a.b.c.b.test 10.0.0.1\n");
    struct zone_look look;
    (void)state;

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        zone_look_up(w.zone, wire_of(cases[i].name), &look);
        assert_non_null(look.closest);
        assert_int_equal(look.closest_labels, cases[i].closest);
        assert_int_equal(look.node != NULL, (unsigned)cases[i].closest == look.labels);
    }
    world_fini(&w);
}

static void test_flags(void **state)
{
    struct world w =
        world_of("static NS cut.test ns.cut.test\nstatic A ns.cut.test 10.0.0.1\n"
                 "static SOA zone.test a.test b.test 1 2 3 4 5\nstatic NS zone.test ns.test\n"
                 "static DNAME d.test e.test\nstatic A *.w.test 10.0.0.1\nstatic A x.d.test 10.0.0.1\n"
                 "static NS . ns.test\n");
    (void)state;

    assert_int_equal(find(&w, ".")->flags, 0);
    assert_int_equal(find(&w, "test")->flags, 0);
    assert_int_equal(find(&w, "cut.test")->flags, ZONE_NODE_CUT);
    assert_int_equal(find(&w, "ns.cut.test")->flags, ZONE_NODE_SHADED);
    assert_int_equal(find(&w, "zone.test")->flags, ZONE_NODE_SOA);
    assert_int_equal(find(&w, "d.test")->flags, ZONE_NODE_DNAME);
    assert_int_equal(find(&w, "x.d.test")->flags, ZONE_NODE_SHADED);
    assert_int_equal(find(&w, "w.test")->flags, ZONE_NODE_WILDCARD);
    assert_int_equal(find(&w, "*.w.test")->flags, 0);
    world_fini(&w);
}

static void test_targets(void **state)
{
    struct world w = world_of("static MX test 10 a.test\nstatic MX test 20 other\nstatic MX test 30 A.TEST\n"
                              "static A a.test 10.0.0.1\nstatic SRV _x.test 1 2 3 a.test\n");
    const struct zone_rrset *mx = zone_rrset(find(&w, "test"), RR_MX);
    const struct zone_node *a = find(&w, "a.test");
    (void)state;

    assert_ptr_equal(zone_target(w.zone, mx, 0), a);
    assert_null(zone_target(w.zone, mx, 1));
    assert_ptr_equal(zone_target(w.zone, mx, 2), a);
    assert_ptr_equal(zone_target(w.zone, zone_rrset(find(&w, "_x.test"), RR_SRV), 0), a);
    assert_null(zone_target(w.zone, zone_rrset(a, RR_A), 0));
    world_fini(&w);
}

static void test_root_record(void **state)
{
    struct world w = world_of("static A . 10.0.0.1\nstatic A a 10.0.0.1");
    (void)state;

    assert_int_equal(find(&w, ".")->n_rrsets, 1);
    world_fini(&w);
}

static void test_many(void **state)
{
    enum { COUNT = 20000 };
    char *text = NULL, name[64];
    size_t size;
    FILE *f = open_memstream(&text, &size);
    (void)state;

    for (int i = 0; i < COUNT; i++)
        fprintf(f, "static A h%d.z%d.test 10.0.%d.%d\n", i, i % 100, i / 256 % 256, i % 256);
    fclose(f);
    struct world w = world_of(text);
    for (int i = 0; i < COUNT; i++) {
        snprintf(name, sizeof(name), "h%d.z%d.test", i, i % 100);
        const struct zone_node *node = find(&w, name);
        assert_non_null(node);
        assert_int_equal(zone_first_rrset(node)->records[ZONE_RR_HEAD + 3], i % 256);
    }
    assert_null(find(&w, "h20000.z0.test"));
    assert_true(zone_bytes(w.zone) < COUNT * 80);
    world_fini(&w);
    free(text);
}

/* Names of the most labels, and of the most bytes. */
static void test_long_names(void **state)
{
    char text[1024] = "static A ", *at = text + strlen(text);
    (void)state;

    for (unsigned i = 0; i < 126; i++)
        at += sprintf(at, "%c.", 'a' + i % 26);
    strcpy(at, "z 10.0.0.1\n");
    struct world w = world_of(text);
    *strrchr(text, ' ') = '\0';
    assert_int_equal(find(&w, text + strlen("static A "))->name_len, 255);
    assert_int_equal(zone_names(w.zone), 128);
    text[strlen("static A ")] = '9';
    assert_null(find(&w, text + strlen("static A ")));
    struct zone_look look;
    zone_look_up(w.zone, wire_of(text + strlen("static A ")), &look);
    assert_int_equal(look.closest_labels, 126);
    world_fini(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_empty),   cmocka_unit_test(test_rrsets),
        cmocka_unit_test(test_form),    cmocka_unit_test(test_empty_non_terminals),
        cmocka_unit_test(test_closest), cmocka_unit_test(test_flags),
        cmocka_unit_test(test_targets), cmocka_unit_test(test_root_record),
        cmocka_unit_test(test_many),    cmocka_unit_test(test_long_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
