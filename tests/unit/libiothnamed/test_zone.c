/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The table of static records: RRsets, their order and TTLs, duplicates, names without records. */
#include "config_world.h"

#include "libiothnamed/zone.h"
#include "wire/rrtype.h"

static const struct siphash_key key = {{1, 2}};

struct world {
    struct config *config;
    struct zone *zone;
};

static struct world world_of(const char *text)
{
    struct world w = {.config = parse_good(text)};

    assert_int_equal(zone_build(w.config, &key, &w.zone), 0);
    return w;
}

static void world_fini(struct world *w)
{
    zone_free(w->zone);
    config_free(w->config);
}

static const struct zone_node *find(const struct world *w, const char *text)
{
    uint8_t name[DNAME_MAX];
    int len = dname_from_text(text, strlen(text), name);

    assert_true(len > 0);
    return zone_find(w->zone, name, (size_t)len);
}

static void test_empty(void **state)
{
    struct world w = world_of("");
    (void)state;

    assert_null(find(&w, "."));
    assert_null(find(&w, "a"));
    world_fini(&w);
    zone_free(NULL);
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
    (void)state;

    assert_non_null(node);
    assert_int_equal(node->count, 2);
    assert_int_equal(node->rrsets[0].type, RR_A);
    assert_int_equal(node->rrsets[1].type, RR_TXT);
    const struct rrset *a = zone_rrset(node, RR_A);
    assert_ptr_equal(a, &node->rrsets[0]);
    assert_int_equal(a->count, 3);
    assert_int_equal(a->ttl, 10);
    for (unsigned i = 0; i < 3; i++) {
        static const uint8_t last[] = {2, 1, 3};
        assert_int_equal(a->rdata[i].len, 4);
        assert_int_equal(a->rdata[i].bytes[3], last[i]);
    }
    assert_int_equal(zone_rrset(node, RR_TXT)->ttl, 3600);
    assert_null(zone_rrset(node, RR_AAAA));
    assert_int_equal(find(&w, "b.test")->count, 1);
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
        assert_int_equal(find(&w, empty[i])->count, 0);
    }
    assert_int_equal(find(&w, "b.c.b.test")->count, 1);
    assert_int_equal(find(&w, "a.b.c.b.test")->count, 1);
    assert_null(find(&w, "c.test"));
    assert_null(find(&w, "y.x.test"));
    world_fini(&w);
}

static void test_root_record(void **state)
{
    struct world w = world_of("static A . 10.0.0.1\nstatic A a 10.0.0.1");
    (void)state;

    assert_int_equal(find(&w, ".")->count, 1);
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
        assert_int_equal(node->rrsets[0].rdata[0].bytes[3], i % 256);
    }
    assert_null(find(&w, "h20000.z0.test"));
    world_fini(&w);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_empty),
        cmocka_unit_test(test_rrsets),
        cmocka_unit_test(test_empty_non_terminals),
        cmocka_unit_test(test_root_record),
        cmocka_unit_test(test_many),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
