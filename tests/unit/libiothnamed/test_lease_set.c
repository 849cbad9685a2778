/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Leases by name and by address, and the answers of the rule `lease`. */
#include "lease_world.h"
#include "query_world.h"

#include <errno.h>

#define NOW INT64_C(1700000000) /* of query_world.h */

static void add(struct lease_set *s, const char *name, const char *addr, int64_t ends)
{
    struct lease_record r = a_record(name, addr, ends);

    assert_int_equal(lease_set_add(s, &r), 0);
}

static struct lease_set *a_set(void)
{
    struct lease_set *s = lease_set_new(1000);

    assert_non_null(s);
    add(s, "laptop.lan", "10.0.0.7", NOW + 3600);
    add(s, "laptop.lan", "10.0.0.3", NOW + 20);
    add(s, "laptop.lan", "fd00::7", NOW + 3600);
    add(s, "old.lan", "10.0.0.8", NOW);
    add(s, "deep.in.the.lan", "10.0.0.9", INT64_MAX);
    add(s, "x.gone.lan", "10.0.0.10", NOW - 1);
    add(s, "other.net", "10.0.0.11", NOW + 3600);
    add(s, "la.lan", "10.0.0.12", NOW + 3600);
    add(s, "six.lan", "fd00::6", NOW + 3600);
    assert_int_equal(lease_set_finish(s), 0);
    return s;
}

static unsigned addrs_of(const struct lease_set *s, const char *text, bool v4,
                         struct lease_found ret[static LEASE_ADDRS_MAX])
{
    uint8_t name[DNAME_MAX];

    assert_true(dname_from_text(text, strlen(text), name) > 0);
    return lease_set_addrs(s, name, v4, NOW, ret);
}

static bool has_name(const struct lease_set *s, const char *text)
{
    uint8_t name[DNAME_MAX];

    assert_true(dname_from_text(text, strlen(text), name) > 0);
    return lease_set_has_name(s, name, NOW);
}

static void names_have_addresses(void **state)
{
    struct lease_set *s = a_set();
    struct lease_found found[LEASE_ADDRS_MAX];

    (void)state;
    assert_int_equal(lease_set_count(s), 9);
    assert_int_equal(addrs_of(s, "laptop.lan", true, found), 2);
    assert_int_equal(ipaddr_to_v4(&found[0].addr), 0x0a000007); /* the last to end first */
    assert_int_equal(ipaddr_to_v4(&found[1].addr), 0x0a000003);
    assert_int_equal(found[1].ends_s, NOW + 20);
    assert_int_equal(addrs_of(s, "laptop.lan", false, found), 1);
    assert_int_equal(found[0].addr.b[15], 7);
    assert_int_equal(addrs_of(s, "old.lan", true, found), 0);
    assert_int_equal(addrs_of(s, "lapto.lan", true, found), 0);
    assert_int_equal(addrs_of(s, "lan", true, found), 0);
    assert_int_equal(addrs_of(s, ".", true, found), 0);
    lease_set_unref(s);
}

static void what_has_names_below_it_is_there(void **state)
{
    struct lease_set *s = a_set();

    (void)state;
    assert_true(has_name(s, "laptop.lan"));
    assert_true(has_name(s, "lan"));
    assert_true(has_name(s, "."));
    assert_true(has_name(s, "the.lan"));
    assert_true(has_name(s, "in.the.lan"));
    assert_false(has_name(s, "he.lan"));
    assert_false(has_name(s, "gone.lan"));
    assert_false(has_name(s, "old.lan"));
    assert_false(has_name(s, "deeper.in.the.lan"));
    assert_false(has_name(s, "x.deep.in.the.lan"));
    lease_set_unref(s);
}

static void addresses_have_names(void **state)
{
    struct lease_set *s = a_set();
    uint8_t name[DNAME_MAX];
    int64_t ends = 0;
    struct ipaddr addr = ipaddr_of_v4(0x0a000009);

    (void)state;
    assert_int_equal(lease_set_name(s, &addr, NOW, name, &ends), 17);
    assert_name(name, "deep.in.the.lan");
    assert_true(ends == INT64_MAX);
    addr = ipaddr_of_v4(0x0a000008);
    assert_int_equal(lease_set_name(s, &addr, NOW, name, &ends), 0);
    addr = ipaddr_of_v4(0x0a00000d);
    assert_int_equal(lease_set_name(s, &addr, NOW, name, &ends), 0);
    assert_true(ends == INT64_MAX);
    lease_set_unref(s);
}

static void what_is_no_lease_is_passed_over(void **state)
{
    struct lease_set *s = lease_set_new(2);
    struct lease_record r = a_record("a.lan", "10.0.0.1", NOW + 1);

    (void)state;
    r.state = LEASE_RECORD_RELEASED;
    assert_int_equal(lease_set_add(s, &r), 0);
    r.state = LEASE_RECORD_DECLINED;
    assert_int_equal(lease_set_add(s, &r), 0);
    r.state = LEASE_RECORD_CLAIM;
    assert_int_equal(lease_set_add(s, &r), 0);
    r = a_record(".", "10.0.0.1", NOW + 1);
    assert_int_equal(lease_set_add(s, &r), 0);
    assert_int_equal(lease_set_count(s), 0);
    add(s, "a.lan", "10.0.0.1", NOW + 1);
    add(s, "b.lan", "10.0.0.2", NOW + 1);
    r = a_record("c.lan", "10.0.0.3", NOW + 1);
    assert_int_equal(lease_set_add(s, &r), -E2BIG);
    assert_int_equal(lease_set_finish(s), 0);
    assert_false(has_name(s, "c.lan"));
    lease_set_unref(s);
}

/* Of more than an answer holds it has those that last; what has ended stands behind all of them. */
static void a_name_of_many_leases_has_those_that_last(void **state)
{
    enum { MANY = 1000 };
    struct lease_set *s = lease_set_new(MANY);
    struct lease_found found[LEASE_ADDRS_MAX];
    char addr[64];

    (void)state;
    for (int i = 0; i < MANY; i++) {
        snprintf(addr, sizeof(addr), "10.0.%d.%d", i >> 8 & 255, i & 255);
        add(s, "many.lan", addr, NOW - MANY + 1 + i + LEASE_ADDRS_MAX / 2);
    }
    assert_int_equal(lease_set_finish(s), 0);
    assert_int_equal(addrs_of(s, "many.lan", true, found), LEASE_ADDRS_MAX / 2);
    for (unsigned i = 0; i < LEASE_ADDRS_MAX / 2; i++)
        assert_int_equal(ipaddr_to_v4(&found[i].addr), 0x0a000000 + MANY - 1 - i);
    assert_true(has_name(s, "many.lan"));
    lease_set_unref(s);
}

static void many_leases(void **state)
{
    enum { MANY = 20000 };
    struct lease_set *s = lease_set_new(MANY);
    struct lease_found found[LEASE_ADDRS_MAX];
    char name[64], addr[64];
    struct lease_record r;

    (void)state;
    for (unsigned i = 0; i < MANY; i++) {
        uint32_t a = 0x0a000000 + i * 7919 % MANY;
        snprintf(name, sizeof(name), "n%u.lan", i);
        snprintf(addr, sizeof(addr), "10.0.%u.%u", a >> 8 & 255, a & 255);
        r = a_record(name, addr, NOW + 1);
        assert_int_equal(lease_set_add(s, &r), 0);
    }
    assert_int_equal(lease_set_finish(s), 0);
    for (unsigned i = 0; i < MANY; i++) {
        uint8_t back[DNAME_MAX];
        int64_t ends;
        snprintf(name, sizeof(name), "n%u.lan", i);
        assert_int_equal(addrs_of(s, name, true, found), 1);
        assert_int_equal(ipaddr_to_v4(&found[0].addr), 0x0a000000 + i * 7919 % MANY);
        assert_true(lease_set_name(s, &found[0].addr, NOW, back, &ends) > 0);
        assert_name(back, name);
    }
    lease_set_unref(s);
}

/* --- answers --- */

static struct lease_set *set_of_world;

static void open_with(struct world *w, const char *rules, struct lease_set *set)
{
    struct snapshot *old, *snap;
    char text[1024];

    snprintf(text, sizeof(text), "net all ::/0\nnet me 192.168.1.0/24\noption leasettl 1m\n%s", rules);
    world_open(w, text);
    struct lease_sets *sets = calloc(1, sizeof(*sets) + 2 * sizeof(struct lease_set *));
    assert_non_null(sets);
    atomic_init(&sets->users, 1);
    sets->count = w->env.snap->config->n_leases;
    assert_in_range(sets->count, 1, 2);
    for (unsigned i = 0; i < sets->count; i++)
        sets->list[i] = lease_set_ref(set);
    old = (struct snapshot *)w->env.snap;
    assert_int_equal(snapshot_with_leases(old, sets, &snap), 0);
    snapshot_unref(old);
    lease_sets_unref(sets);
    w->env.snap = snap;
    set_of_world = set;
}

static void close_world(struct world *w)
{
    world_close(w);
    lease_set_unref(set_of_world);
}

static struct got *ask(struct world *w, const char *name, uint16_t type)
{
    return world_ask(w, (struct ask){.name = name, .type = type, .flags = DNS_RD});
}

#define ADDRESSES "auth lease all .lan leases.mdb\n"
#define REVERSE   "auth lease all 10.0.0.0/8 leases.mdb\n"

static void leases_are_answered(void **state)
{
    struct world w;

    (void)state;
    open_with(&w, ADDRESSES REVERSE, a_set());
    struct got *g = ask(&w, "Laptop.LAN", RR_A);
    assert_int_equal(g->rcode, RCODE_NOERROR);
    assert_true(g->header.flags & DNS_AA);
    assert_int_equal(g->header.count[DNS_ANSWER], 2);
    assert_true(g->rr[0].ttl == 20 && g->rr[1].ttl == 20); /* RFC 2181 s5.2 */
    g = ask(&w, "laptop.lan", RR_AAAA);
    assert_int_equal(g->header.count[DNS_ANSWER], 1);
    assert_int_equal(g->rr[0].rdlen, 16);
    g = ask(&w, "six.lan", RR_ANY); /* RFC 8482 s4.1: one RRset of those that are there */
    assert_int_equal(g->header.count[DNS_ANSWER], 1);
    assert_int_equal(g->rr[0].type, RR_AAAA);
    g = ask(&w, "laptop.lan", RR_ANY);
    assert_int_equal(g->rr[0].type, RR_A);
    g = ask(&w, "laptop.lan", RR_MX);
    assert_int_equal(g->rcode, RCODE_NOERROR);
    assert_int_equal(g->header.count[DNS_ANSWER], 0);
    assert_int_equal(ask(&w, "in.the.lan", RR_A)->rcode, RCODE_NOERROR);
    g = ask(&w, "old.lan", RR_A);
    assert_int_equal(g->rcode, RCODE_NXDOMAIN);
    assert_int_equal(g->rr[0].type, RR_SOA);
    assert_int_equal(g->rr[0].ttl, 5);
    assert_int_equal(ask(&w, "other.net", RR_A)->rcode, RCODE_REFUSED); /* of another domain */
    assert_int_equal(ask(&w, "lan", RR_SOA)->rcode, RCODE_NOERROR);
    close_world(&w);
}

static void addresses_are_answered(void **state)
{
    struct world w;

    (void)state;
    open_with(&w, ADDRESSES REVERSE, a_set());
    struct got *g = ask(&w, "7.0.0.10.in-addr.arpa", RR_PTR);
    assert_int_equal(g->header.count[DNS_ANSWER], 1);
    assert_int_equal(g->rr[0].ttl, 60);
    assert_int_equal(ask(&w, "7.0.0.10.in-addr.arpa", RR_TXT)->rcode, RCODE_NOERROR);
    assert_int_equal(ask(&w, "8.0.0.10.in-addr.arpa", RR_PTR)->rcode, RCODE_NXDOMAIN);
    assert_int_equal(ask(&w, "0.0.10.in-addr.arpa", RR_PTR)->rcode, RCODE_NOERROR);
    assert_int_equal(ask(&w, "x.0.0.10.in-addr.arpa", RR_PTR)->rcode, RCODE_NXDOMAIN);
    g = ask(&w, "10.in-addr.arpa", RR_SOA);
    assert_int_equal(g->header.count[DNS_ANSWER], 1);
    close_world(&w);
}

/* Other rules about the same names know what has no lease. */
static void other_rules_go_on(void **state)
{
    struct world w;

    (void)state;
    open_with(&w,
              "auth lease all .lan leases.mdb\nauth hash me .lan fd00:1::\nauth static all .lan\n"
              "static A printer.lan 10.0.0.99\n",
              a_set());
    assert_int_equal(ask(&w, "laptop.lan", RR_A)->header.count[DNS_ANSWER], 2);
    assert_int_equal(ask(&w, "la.lan", RR_AAAA)->header.count[DNS_ANSWER], 1); /* hashed */
    assert_int_equal(ask(&w, "any.lan", RR_AAAA)->header.count[DNS_ANSWER], 1);
    struct ask other = {.from = "10.0.0.1", .name = "printer.lan", .type = RR_A};
    assert_int_equal(world_ask(&w, other)->header.count[DNS_ANSWER], 1);
    other.name = "la.lan";
    other.type = RR_AAAA;
    assert_int_equal(world_ask(&w, other)->rcode, RCODE_NOERROR); /* static does not know it, but it exists */
    other.name = "nobody.lan";
    assert_int_equal(world_ask(&w, other)->rcode, RCODE_NXDOMAIN);
    close_world(&w);
}

/* A name of ours is never asked upstream; what is none of ours is. */
static void upstream_hears_of_no_lease(void **state)
{
    struct world w;

    (void)state;
    open_with(&w, "auth lease all .lan leases.mdb\nauth fwd all .\ndns 192.0.2.1\n", a_set());
    struct got *g = ask(&w, "la.lan", RR_AAAA);
    assert_int_equal(g->outcome, QUERY_REPLY);
    assert_int_equal(g->rcode, RCODE_NOERROR);
    assert_int_equal(ask(&w, "nobody.lan", RR_A)->outcome, QUERY_FORWARD);
    close_world(&w);
    open_with(&w,
              "auth lease all .lan leases.mdb\nauth error all .lan nxdomain\nauth fwd all .\ndns 192.0.2.1\n",
              a_set());
    assert_int_equal(ask(&w, "nobody.lan", RR_A)->rcode, RCODE_NXDOMAIN);
    assert_int_equal(ask(&w, "la.lan", RR_AAAA)->rcode, RCODE_NOERROR);
    assert_int_equal(ask(&w, "la.lan", RR_A)->header.count[DNS_ANSWER], 1);
    close_world(&w);
}

static void aliases_lead_to_leases(void **state)
{
    struct world w;

    (void)state;
    open_with(&w, "auth lease all .lan leases.mdb\nauth static all .home\nstatic CNAME www.home laptop.lan\n",
              a_set());
    assert_int_equal(ask(&w, "www.home", RR_A)->header.count[DNS_ANSWER], 3);
    close_world(&w);
}

static void without_a_file_nobody_knows(void **state)
{
    struct world w;

    (void)state;
    open_with(&w, ADDRESSES, NULL);
    assert_int_equal(ask(&w, "laptop.lan", RR_A)->rcode, RCODE_SERVFAIL);
    close_world(&w);
}

static void rules_of_several_files(void **state)
{
    struct world w;

    (void)state;
    open_with(&w, "auth lease all .lan a\nauth lease all .lan b\nauth lease all .net b\n", a_set());
    assert_int_equal(w.env.snap->config->n_leases, 2);
    assert_int_equal(ask(&w, "nobody.lan", RR_A)->rcode, RCODE_NXDOMAIN); /* from a to b */
    assert_int_equal(ask(&w, "other.net", RR_A)->header.count[DNS_ANSWER], 1);
    close_world(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_have_addresses),
        cmocka_unit_test(what_has_names_below_it_is_there),
        cmocka_unit_test(addresses_have_names),
        cmocka_unit_test(what_is_no_lease_is_passed_over),
        cmocka_unit_test(a_name_of_many_leases_has_those_that_last),
        cmocka_unit_test(many_leases),
        cmocka_unit_test(leases_are_answered),
        cmocka_unit_test(addresses_are_answered),
        cmocka_unit_test(other_rules_go_on),
        cmocka_unit_test(upstream_hears_of_no_lease),
        cmocka_unit_test(aliases_lead_to_leases),
        cmocka_unit_test(without_a_file_nobody_knows),
        cmocka_unit_test(rules_of_several_files),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
