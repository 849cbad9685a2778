/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Registration of self-made addresses by the DHCPv6 client (RFC 9686). */
#include "dhcp6_answers.h"

/* --- registration (RFC 9686) --- */

static int do_register(struct world *w, const char *addr, nsec_t valid_s)
{
    struct ipaddr a = addr_of(addr);
    nsec_t until = valid_s ? w->now + valid_s * SEC : NSEC_NEVER;
    int rc = dhcp6_client_register(w->x, &a, until, until, w->now);

    world_drain(w);
    return rc;
}

/* Stateless, with a server that wants to know of addresses. */
static void be_asked(struct world *w)
{
    begin(w, DHCP6_MODE_STATELESS);
    struct dhcp6_message *m = answer(w, DHCP6_REPLY);
    m->has |= DHCP6_HAS_ADDR_REG_ENABLE;
    m->refresh_time_s = DHCP6_INFINITY;
    m->has |= DHCP6_HAS_REFRESH_TIME;
    world_give(w, m);
}

static void acknowledge(struct world *w)
{
    const struct dhcp6_message *sent = last_sent(w);
    struct dhcp6_message m = {.type = DHCP6_ADDR_REG_REPLY, .xid = sent->xid, .addr = sent->addr};

    m.has = DHCP6_HAS_ADDR;
    world_give(w, &m);
}

static void test_registration(void **state)
{
    struct world w;

    (void)state;
    begin(&w, DHCP6_MODE_STATELESS);
    assert_int_equal(do_register(&w, "2001:db8::a", 1000), 0);
    assert_int_equal(do_register(&w, "2001:db8::b", 1000), 0);
    assert_none_since(&w, 1); /* nobody wants to know */
    struct dhcp6_message *m = answer(&w, DHCP6_REPLY);
    m->has |= DHCP6_HAS_ADDR_REG_ENABLE;
    world_give(&w, m);
    assert_int_equal(w.n_sent, 3);
    const struct dhcp6_message *sent = last_sent(&w);
    struct ipaddr expected = addr_of("2001:db8::b");
    assert_int_equal(sent->type, DHCP6_ADDR_REG_INFORM);
    assert_int_equal(sent->has, DHCP6_HAS_CLIENT_ID | DHCP6_HAS_ADDR | DHCP6_HAS_ELAPSED);
    assert_true(ipaddr_equal(&sent->addr.addr, &expected));
    assert_true(ipaddr_equal(&world_last(&w)->from, &expected));
    assert_int_equal(sent->addr.valid_s, 1000);
    acknowledge(&w);
    world_wait(&w, 50 * SEC);
    assert_int_equal(w.n_sent, 3 + 2); /* the other one three times in all */
    assert_int_equal(last_sent(&w)->addr.addr.b[15], 0xa);
    assert_in_range(last_sent(&w)->addr.valid_s, 990, 998);
    close_world(&w);
}

static void test_what_is_not_registered(void **state)
{
    struct world w;

    (void)state;
    be_asked(&w);
    unsigned n = w.n_sent;
    assert_int_equal(do_register(&w, "fe80::1", 1000), -EINVAL);
    assert_int_equal(do_register(&w, "ff02::1", 1000), -EINVAL);
    assert_int_equal(do_register(&w, "::1", 1000), -EINVAL);
    assert_int_equal(do_register(&w, "10.0.0.1", 1000), -EINVAL);
    assert_none_since(&w, n);
    for (unsigned i = 0; i < DHCP6_REGISTRATIONS_MAX; i++) {
        char text[IPADDR_STRLEN];
        snprintf(text, sizeof(text), "fd00::%x", i + 1);
        assert_int_equal(do_register(&w, text, 100), 0);
    }
    assert_int_equal(do_register(&w, "fd00::ffff", 1000), -ENOSPC);
    world_wait(&w, 101 * SEC);
    assert_int_equal(do_register(&w, "fd00::ffff", 1000), 0);
    close_world(&w);

    be_bound(&w);
    assert_int_equal(do_register(&w, "2001:db8::1", 1000), -EINVAL); /* from DHCPv6 itself */
    close_world(&w);
}

static void test_registration_is_refreshed(void **state)
{
    struct world w;

    (void)state;
    be_asked(&w);
    nsec_t t0 = w.now;
    assert_int_equal(do_register(&w, "2001:db8::a", 1000), 0);
    acknowledge(&w);
    unsigned n = w.n_sent;
    for (unsigned i = 0; i < 60; i++) { /* a router that says 1000 s every ten seconds */
        world_wait(&w, 10 * SEC);
        assert_int_equal(do_register(&w, "2001:db8::a", 1000), 0);
    }
    assert_none_since(&w, n);
    uint32_t xid = last_sent(&w)->xid;
    world_wait_until(&w, t0 + 880 * SEC);
    assert_int_not_equal(last_sent(&w)->xid, xid);
    assert_in_range(w.sent[n].at - t0, 720 * SEC, 880 * SEC);
    world_wait_until(&w, t0 + 890 * SEC);
    assert_int_equal(w.n_sent, n + 3);
    world_wait(&w, 10000 * SEC); /* it ends when it is known to end: nothing is said */
    assert_int_equal(w.n_sent, n + 3);
    assert_int_equal(dhcp6_client_deadline(w.x), NSEC_NEVER);
    close_world(&w);
}

static void test_registration_for_ever(void **state)
{
    struct world w;

    (void)state;
    be_asked(&w);
    assert_int_equal(do_register(&w, "2001:db8::a", 0), 0);
    assert_int_equal(last_sent(&w)->addr.valid_s, DHCP6_INFINITY);
    acknowledge(&w);
    unsigned n = w.n_sent;
    world_wait(&w, 4 * 3600 * SEC * 11 / 10);
    assert_true(w.n_sent > n);
    close_world(&w);
}

static void test_unregistration(void **state)
{
    struct world w;
    struct ipaddr addr = addr_of("2001:db8::a");

    (void)state;
    be_asked(&w);
    assert_int_equal(do_register(&w, "2001:db8::a", 1000), 0);
    acknowledge(&w);
    dhcp6_client_unregister(w.x, &addr, w.now);
    world_drain(&w);
    assert_last(&w, DHCP6_ADDR_REG_INFORM);
    assert_int_equal(last_sent(&w)->addr.valid_s, 0);
    assert_true(ipaddr_equal(&world_last(&w)->from, &addr));
    unsigned n = w.n_sent;
    world_wait(&w, 10000 * SEC); /* once: the address is not there any more */
    assert_none_since(&w, n);
    dhcp6_client_unregister(w.x, &addr, w.now);
    world_drain(&w);
    assert_none_since(&w, n);
    assert_int_equal(do_register(&w, "2001:db8::a", 1000), 0);
    assert_int_equal(w.n_sent, n + 1);
    close_world(&w);
}

static void test_registration_begins_anew_on_another_link(void **state)
{
    struct world w;

    (void)state;
    be_asked(&w);
    assert_int_equal(do_register(&w, "2001:db8::a", 1000), 0);
    acknowledge(&w);
    world_start(&w);
    world_wait(&w, 100 * MSEC);
    assert_last(&w, DHCP6_INFORMATION_REQUEST);
    struct dhcp6_message *m = answer(&w, DHCP6_REPLY);
    world_give(&w, m); /* this one does not want to know */
    assert_last(&w, DHCP6_INFORMATION_REQUEST);
    world_wait(&w, 1000 * SEC);
    assert_last(&w, DHCP6_INFORMATION_REQUEST);
    close_world(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_registration),
        cmocka_unit_test(test_what_is_not_registered),
        cmocka_unit_test(test_registration_is_refreshed),
        cmocka_unit_test(test_registration_for_ever),
        cmocka_unit_test(test_unregistration),
        cmocka_unit_test(test_registration_begins_anew_on_another_link),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
