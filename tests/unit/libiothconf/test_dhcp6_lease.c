/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The leases of the DHCPv6 client: renewal, their times, restarts, release, and addresses that are taken. */
#include "dhcp6_answers.h"

/* --- renewal --- */

static void test_renew(void **state)
{
    struct world w;

    (void)state;
    be_bound(&w);
    unsigned n = w.n_sent;
    world_wait(&w, 1800 * SEC - 1);
    assert_none_since(&w, n);
    world_wait(&w, 1);
    const struct dhcp6_message *m = last_sent(&w);
    assert_int_equal(m->type, DHCP6_RENEW);
    assert_true(m->has & DHCP6_HAS_SERVER_ID);
    assert_int_equal(m->ia[0].n_leases, 1);
    nsec_t gap = dhcp6_client_deadline(w.x) - w.now;
    assert_in_range(gap, 9 * SEC, 11 * SEC);
    struct dhcp6_message *reply = usual(&w, DHCP6_REPLY); /* from another server */
    reply->server_id = (struct dhcp6_bytes){server_2, sizeof(server_2)};
    world_give(&w, reply);
    assert_int_equal(w.n_adds, 1);
    unsigned bound = w.n_bound, names = w.n_names;
    give_usual(&w, DHCP6_REPLY);
    assert_int_equal(w.n_adds, 2);
    assert_int_equal(w.stands[0].valid_until, w.now + 7200 * SEC);
    assert_int_equal(w.n_bound, bound); /* it is the same configuration */
    assert_int_equal(w.n_names, names);
    assert_int_equal(dhcp6_client_deadline(w.x), w.now + 1800 * SEC);
    close_world(&w);
}

static void test_rebind_then_the_end(void **state)
{
    struct world w;

    (void)state;
    be_bound(&w);
    nsec_t t0 = w.now;
    world_wait_until(&w, t0 + 2880 * SEC);
    assert_last(&w, DHCP6_REBIND);
    assert_false(last_sent(&w)->has & DHCP6_HAS_SERVER_ID);
    assert_int_equal(world_last(&w)->at, t0 + 2880 * SEC);
    world_wait_until(&w, t0 + 7200 * SEC - 1);
    assert_int_equal(w.n_stands, 1);
    assert_last(&w, DHCP6_REBIND);
    world_wait(&w, 1);
    assert_int_equal(w.n_stands, 0);
    assert_int_equal(w.n_lost, 1);
    assert_int_equal(dhcp6_client_names(w.x)->n_servers, 0);
    assert_int_equal(w.saved_len, 0);
    world_wait(&w, 100 * MSEC);
    assert_last(&w, DHCP6_SOLICIT);
    close_world(&w);
}

static void test_rebind_is_answered_by_another(void **state)
{
    struct world w;

    (void)state;
    be_bound(&w);
    world_wait(&w, 2880 * SEC);
    struct dhcp6_message *m = usual(&w, DHCP6_REPLY);
    m->server_id = (struct dhcp6_bytes){server_2, sizeof(server_2)};
    world_give(&w, m);
    assert_int_equal(w.n_stands, 1);
    world_wait(&w, 1800 * SEC);
    assert_last(&w, DHCP6_RENEW);
    assert_memory_equal(last_sent(&w)->server_id.at, server_2, sizeof(server_2));
    close_world(&w);
}

static void test_a_server_that_forgot(void **state)
{
    struct world w;

    (void)state;
    be_bound(&w);
    world_wait(&w, 1800 * SEC);
    struct dhcp6_message *m = answer(&w, DHCP6_REPLY);
    put_ia_status(m, DHCP6_NO_BINDING);
    world_give(&w, m);
    const struct dhcp6_message *sent = last_sent(&w);
    assert_int_equal(sent->type, DHCP6_REQUEST);
    assert_int_equal(sent->ia[0].n_leases, 1);
    assert_int_equal(w.n_stands, 1); /* until then it is used */
    m = answer(&w, DHCP6_REPLY);
    put_lease(m, "2001:db8::2", 3600, 7200);
    world_give(&w, m);
    assert_int_equal(w.n_stands, 1);
    assert_true(stands(&w, "2001:db8::2"));
    assert_int_equal(w.n_lost, 0);
    assert_int_equal(w.n_bound, 2);
    close_world(&w);
}

static void test_no_use_in_a_renewal(void **state)
{
    struct world w;

    (void)state;
    for (unsigned how = 0; how < SPOILT; how++) {
        if (how == 17)
            continue; /* that is one that takes the address away */
        be_bound(&w);
        world_wait(&w, 1800 * SEC);
        struct dhcp6_message *m = usual(&w, DHCP6_REPLY);
        spoil(m, how);
        unsigned n = w.n_sent;
        world_give(&w, m);
        assert_int_equal(w.n_adds, 1);
        assert_int_equal(w.n_stands, 1);
        assert_none_since(&w, n);
        world_wait(&w, 11 * SEC);
        assert_last(&w, DHCP6_RENEW);
        assert_int_equal(w.n_sent, n + 1);
        close_world(&w);
    }
}

static void test_addresses_come_and_go(void **state)
{
    struct world w;

    (void)state;
    be_bound(&w);
    world_wait(&w, 1800 * SEC);
    struct dhcp6_message *m = answer(&w, DHCP6_REPLY);
    put_lease(m, "2001:db8::2", 3600, 7200); /* beside the first, which is not named */
    put_lease(m, "2001:db8::3", 0, 7200);    /* deprecated */
    put_dns(m, "2001:db8::54");
    world_give(&w, m);
    assert_int_equal(w.n_stands, 3);
    assert_int_equal(w.n_bound, 2);
    assert_int_equal(dhcp6_client_names(w.x)->n_domains, 0);
    world_wait(&w, 1800 * SEC);
    assert_last(&w, DHCP6_RENEW);
    assert_int_equal(last_sent(&w)->ia[0].n_leases, 3);
    m = answer(&w, DHCP6_REPLY);
    put_lease(m, "2001:db8::1", 0, 0);
    put_lease(m, "2001:db8::2", 3600, 7200);
    put_lease(m, "2001:db8::3", 0, 0);
    world_give(&w, m);
    assert_int_equal(w.n_stands, 1);
    assert_true(stands(&w, "2001:db8::2"));
    world_wait(&w, 1800 * SEC);
    m = answer(&w, DHCP6_REPLY);
    put_lease(m, "2001:db8::2", 0, 0);
    world_give(&w, m);
    assert_int_equal(w.n_stands, 0);
    assert_int_equal(w.n_lost, 1);
    world_wait(&w, 2 * SEC);
    assert_last(&w, DHCP6_SOLICIT);
    close_world(&w);
}

static void test_more_addresses_than_there_is_room_for(void **state)
{
    struct world w;
    char text[IPADDR_STRLEN];

    (void)state;
    begin(&w, DHCP6_MODE_STATEFUL);
    for (unsigned round = 0; round < 4; round++) {
        struct dhcp6_message *m = answer(&w, DHCP6_REPLY);
        m->has |= DHCP6_HAS_RAPID_COMMIT;
        m->ia[0].t1_s = 10;
        for (unsigned i = 0; i < DHCP6_LEASES_MAX; i++) {
            snprintf(text, sizeof(text), "2001:db8::%x", round * 0x10 + i + 1);
            put_lease(m, text, 3600, 7200);
        }
        world_give(&w, m);
        assert_int_equal(w.n_stands, DHCP6_LEASES_MAX);
        world_wait(&w, 10 * SEC);
        assert_last(&w, DHCP6_RENEW);
    }
    close_world(&w);
}

static void test_a_renewal_on_another_link(void **state)
{
    struct world w;

    (void)state;
    be_bound(&w);
    world_wait(&w, 1800 * SEC);
    unsigned n = w.n_sent;
    struct dhcp6_message *m = answer(&w, DHCP6_REPLY);
    put_ia_status(m, DHCP6_NO_ADDRS_AVAIL);
    world_give(&w, m);
    assert_none_since(&w, n); /* what stands, stands */
    assert_int_equal(w.n_stands, 1);
    m = answer(&w, DHCP6_REPLY);
    put_ia_status(m, DHCP6_NOT_ON_LINK);
    world_give(&w, m);
    assert_int_equal(w.n_stands, 0);
    assert_int_equal(w.n_lost, 1);
    world_wait(&w, 2 * SEC);
    assert_last(&w, DHCP6_SOLICIT);
    close_world(&w);
}

static void test_one_ends_before_the_other(void **state)
{
    struct world w;

    (void)state;
    begin(&w, DHCP6_MODE_STATEFUL);
    struct dhcp6_message *m = answer(&w, DHCP6_REPLY);
    m->has |= DHCP6_HAS_RAPID_COMMIT;
    put_lease(m, "2001:db8::1", 100, 100);
    put_lease(m, "2001:db8::2", 3600, 7200);
    world_give(&w, m);
    world_wait(&w, 100 * SEC);
    assert_int_equal(w.n_stands, 1);
    assert_true(stands(&w, "2001:db8::2"));
    assert_int_equal(w.n_lost, 0);
    assert_last(&w, DHCP6_REBIND);
    close_world(&w);
}

/* --- times --- */

static void test_times(void **state)
{
    static const struct {
        uint32_t t1, t2, preferred, valid;
        nsec_t renew, rebind; /* after how many seconds; 0: never */
    } rows[] = {
        {0, 0, 3600, 7200, 1800, 2880},
        {0, 0, 0, 7200, 3600, 5760}, /* deprecated */
        {100, 0, 3600, 7200, 100, 2880},
        {0, 1000, 3600, 7200, 1000, 1000}, /* half of it would come after T2 */
        {10, 20, DHCP6_INFINITY, DHCP6_INFINITY, 10, 20},
        {0, 0, DHCP6_INFINITY, DHCP6_INFINITY, 0, 0},
        {DHCP6_INFINITY, DHCP6_INFINITY, 3600, 7200, 0, 0},
        {7200, 9000, 3600, 7200, 1800, 2880}, /* not before the end */
        {1000, 9000, 3600, 7200, 1000, 2880},
        {0, 0, 1, 1, 0, 0}, /* it ends before it could be renewed */
        {1, 1, 3600, 7200, 1, 1},
    };
    struct world w;

    (void)state;
    for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
        begin(&w, DHCP6_MODE_STATEFUL);
        struct dhcp6_message *m = answer(&w, DHCP6_REPLY);
        m->has |= DHCP6_HAS_RAPID_COMMIT;
        m->ia[0].t1_s = rows[i].t1;
        m->ia[0].t2_s = rows[i].t2;
        put_lease(m, "2001:db8::1", rows[i].preferred, rows[i].valid);
        world_give(&w, m);
        nsec_t t0 = w.now;
        unsigned n = w.n_sent;
        if (rows[i].renew == 0) {
            assert_int_equal(dhcp6_client_deadline(w.x), w.stands[0].valid_until);
        } else {
            world_wait_until(&w, t0 + rows[i].renew * SEC - 1);
            assert_none_since(&w, n);
            world_wait(&w, 1);
            assert_last(&w, rows[i].renew < rows[i].rebind ? DHCP6_RENEW : DHCP6_REBIND);
            world_wait_until(&w, t0 + rows[i].rebind * SEC);
            assert_last(&w, DHCP6_REBIND);
        }
        close_world(&w);
    }
}

/* --- links and restarts --- */

static void test_the_link_was_down(void **state)
{
    struct world w;

    (void)state;
    be_bound(&w);
    world_wait(&w, 60 * SEC);
    world_start(&w);
    world_wait(&w, 100 * MSEC);
    const struct dhcp6_message *m = last_sent(&w);
    assert_int_equal(m->type, DHCP6_CONFIRM);
    assert_false(m->has & (DHCP6_HAS_SERVER_ID | DHCP6_HAS_ORO));
    assert_int_equal(m->ia[0].n_leases, 1);
    assert_int_equal(m->ia[0].leases[0].valid_s, 0);
    assert_int_equal(w.n_stands, 1);
    struct dhcp6_message *reply = answer(&w, DHCP6_REPLY);
    reply->server_id = (struct dhcp6_bytes){server_2, sizeof(server_2)}; /* any server knows the link */
    reply->n_ia = 0;
    put_status(reply, DHCP6_SUCCESS);
    world_give(&w, reply);
    assert_int_equal(w.n_adds, 2); /* said again, in case that the stack has lost it */
    assert_int_equal(w.n_bound, 2);
    world_wait(&w, 1800 * SEC);
    assert_last(&w, DHCP6_RENEW);
    assert_memory_equal(last_sent(&w)->server_id.at, server_1, sizeof(server_1));
    close_world(&w);
}

static void test_the_link_is_another(void **state)
{
    struct world w;

    (void)state;
    be_bound(&w);
    world_start(&w);
    world_wait(&w, 100 * MSEC);
    struct dhcp6_message *m = answer(&w, DHCP6_REPLY);
    put_status(m, DHCP6_NOT_ON_LINK);
    world_give(&w, m);
    assert_int_equal(w.n_stands, 0);
    assert_int_equal(w.n_lost, 1);
    assert_last(&w, DHCP6_SOLICIT);
    assert_int_equal(last_sent(&w)->ia[0].n_leases, 0);
    close_world(&w);
}

static void test_nobody_confirms(void **state)
{
    struct world w;

    (void)state;
    be_bound(&w);
    unsigned n = w.n_sent;
    world_start(&w);
    nsec_t t0 = w.now;
    world_wait(&w, 11 * SEC);
    assert_in_range(w.n_sent - n, 4, 6);
    assert_last(&w, DHCP6_CONFIRM);
    assert_true(world_last(&w)->at < t0 + 10 * SEC + 100 * MSEC);
    assert_int_equal(w.n_bound, 2);
    assert_int_equal(w.n_stands, 1);
    n = w.n_sent;
    world_wait(&w, 100 * SEC);
    assert_none_since(&w, n);
    close_world(&w);
}

static void test_taken_while_it_is_confirmed(void **state)
{
    struct world w;

    (void)state;
    begin(&w, DHCP6_MODE_STATEFUL);
    struct dhcp6_message *m = answer(&w, DHCP6_REPLY);
    m->has |= DHCP6_HAS_RAPID_COMMIT;
    put_lease(m, "2001:db8::1", 3600, 7200);
    put_lease(m, "2001:db8::2", 3600, 7200);
    world_give(&w, m);
    world_start(&w);
    world_wait(&w, 100 * MSEC);
    assert_last(&w, DHCP6_CONFIRM);
    struct ipaddr taken = addr_of("2001:db8::1");
    dhcp6_client_verdict(w.x, &taken, true, w.now);
    world_drain(&w); /* DECLINE, then CONFIRM of the one that is left */
    assert_last(&w, DHCP6_CONFIRM);
    assert_int_equal(last_sent(&w)->ia[0].n_leases, 1);
    assert_int_equal(w.n_stands, 1);
    close_world(&w);
}

/* Another client with what the first one saved. */
static void restart(struct world *w, struct world *again, nsec_t age)
{
    world_init(again, DHCP6_MODE_STATEFUL, NULL);
    again->now = 5 * SEC;
    again->settings.saved = w->saved;
    again->settings.saved_len = w->saved_len;
    again->settings.saved_age = age;
    world_open(again);
    close_world(w);
    world_start(again);
    world_wait(again, 100 * MSEC);
}

static void test_a_saved_lease(void **state)
{
    struct world w, again;

    (void)state;
    be_bound(&w);
    restart(&w, &again, 1000 * SEC);
    assert_last(&again, DHCP6_CONFIRM);
    assert_int_equal(again.n_stands, 0); /* not before somebody says so */
    assert_int_equal(again.n_saves, 0);
    struct dhcp6_message *m = answer(&again, DHCP6_REPLY);
    put_status(m, DHCP6_SUCCESS);
    world_give(&again, m);
    assert_int_equal(again.n_stands, 1);
    assert_int_equal(again.stands[0].valid_until, 5 * SEC + 6200 * SEC);
    assert_int_equal(again.stands[0].preferred_until, 5 * SEC + 2600 * SEC);
    assert_int_equal(again.n_bound, 1);
    assert_int_equal(dhcp6_client_names(again.x)->n_servers, 1);
    world_wait_until(&again, 5 * SEC + 800 * SEC);
    assert_last(&again, DHCP6_RENEW);
    assert_memory_equal(last_sent(&again)->server_id.at, server_1, sizeof(server_1));
    close_world(&again);
}

static void test_a_saved_lease_that_is_old(void **state)
{
    static const nsec_t ages[] = {7200 * SEC, 86400 * 365 * SEC, -1};
    struct world w, again;

    (void)state;
    for (unsigned i = 0; i < ARRAY_LEN(ages); i++) {
        be_bound(&w);
        restart(&w, &again, ages[i]);
        assert_last(&again, DHCP6_SOLICIT);
        close_world(&again);
    }
    be_bound(&w); /* beyond T2, before the end */
    restart(&w, &again, 7100 * SEC);
    assert_last(&again, DHCP6_CONFIRM);
    world_wait(&again, 12 * SEC);
    assert_last(&again, DHCP6_REBIND);
    assert_int_equal(again.n_stands, 1);
    world_wait_until(&again, 105 * SEC);
    assert_int_equal(again.n_stands, 0);
    close_world(&again);
}

static void test_a_saved_lease_of_another(void **state)
{
    struct world w, again;

    (void)state;
    be_bound(&w);
    w.saved[10] ^= 1; /* of the client identifier */
    restart(&w, &again, 0);
    assert_last(&again, DHCP6_SOLICIT);
    close_world(&again);
    be_bound(&w);
    w.saved_len--;
    restart(&w, &again, 0);
    assert_last(&again, DHCP6_SOLICIT);
    close_world(&again);
}

static void test_stop_releases(void **state)
{
    struct world w;

    (void)state;
    be_bound(&w);
    unsigned n = w.n_sent;
    world_stop(&w);
    const struct dhcp6_message *m = last_sent(&w);
    assert_int_equal(m->type, DHCP6_RELEASE);
    assert_memory_equal(m->server_id.at, server_1, sizeof(server_1));
    assert_int_equal(m->ia[0].n_leases, 1);
    assert_int_equal(w.n_stands, 0);
    assert_int_equal(w.saved_len, 0);
    assert_int_equal(w.n_lost, 0);
    assert_int_equal(dhcp6_client_names(w.x)->n_servers, 0);
    world_wait(&w, 100 * SEC);
    assert_int_equal(w.n_sent, n + 4);
    assert_int_equal(dhcp6_client_deadline(w.x), NSEC_NEVER);
    world_stop(&w);
    assert_int_equal(w.n_sent, n + 4);

    world_start(&w);
    world_wait(&w, 100 * MSEC);
    struct dhcp6_message *reply = usual(&w, DHCP6_REPLY);
    reply->has |= DHCP6_HAS_RAPID_COMMIT;
    world_give(&w, reply);
    world_stop(&w);
    n = w.n_sent;
    world_start(&w); /* the farewell is over */
    world_wait(&w, 900 * MSEC);
    assert_int_equal(w.n_sent, n + 1);
    assert_last(&w, DHCP6_SOLICIT);
    world_stop(&w); /* nothing to release */
    assert_last(&w, DHCP6_SOLICIT);
    assert_int_equal(dhcp6_client_deadline(w.x), NSEC_NEVER);
    close_world(&w);
}

static void test_a_release_is_acknowledged(void **state)
{
    struct world w;

    (void)state;
    be_bound(&w);
    world_stop(&w);
    struct dhcp6_message *m = answer(&w, DHCP6_REPLY);
    m->n_ia = 0;
    m->server_id = (struct dhcp6_bytes){server_2, sizeof(server_2)};
    world_give(&w, m);
    assert_int_not_equal(dhcp6_client_deadline(w.x), NSEC_NEVER);
    m = answer(&w, DHCP6_REPLY);
    m->n_ia = 0;
    put_status(m, DHCP6_NO_BINDING);
    world_give(&w, m);
    assert_int_equal(dhcp6_client_deadline(w.x), NSEC_NEVER);
    close_world(&w);
}

/* --- addresses that are taken --- */

static void test_decline(void **state)
{
    struct world w;

    (void)state;
    be_bound(&w);
    give_verdict(&w, "2001:db8::1", true);
    const struct dhcp6_message *sent = last_sent(&w);
    assert_int_equal(sent->type, DHCP6_DECLINE);
    assert_int_equal(sent->ia[0].n_leases, 1);
    assert_int_equal(w.n_stands, 0);
    assert_int_equal(w.n_lost, 1);
    struct dhcp6_message *m = answer(&w, DHCP6_REPLY);
    m->n_ia = 0;
    put_status(m, DHCP6_SUCCESS);
    world_give(&w, m);
    world_wait(&w, 1100 * MSEC);
    assert_last(&w, DHCP6_SOLICIT);
    give_usual(&w, DHCP6_ADVERTISE);
    world_wait(&w, 1100 * MSEC);
    m = answer(&w, DHCP6_REPLY);
    put_lease(m, "2001:db8::2", 3600, 7200);
    world_give(&w, m);
    give_verdict(&w, "2001:db8::2", false);
    assert_true(w.bound && stands(&w, "2001:db8::2"));
    give_verdict(&w, "2001:db8::77", true); /* not ours at all */
    assert_int_equal(w.n_stands, 1);
    close_world(&w);
}

static void test_one_of_two_is_taken(void **state)
{
    struct world w;

    (void)state;
    be_bound(&w);
    world_wait(&w, 1800 * SEC);
    struct dhcp6_message *m = usual(&w, DHCP6_REPLY);
    put_lease(m, "2001:db8::2", 3600, 7200);
    world_give(&w, m);
    world_wait(&w, 1800 * SEC);
    assert_last(&w, DHCP6_RENEW);
    m = usual(&w, DHCP6_REPLY);
    put_lease(m, "2001:db8::2", 3600, 7200);
    struct dhcp6_message late = *m;
    give_verdict(&w, "2001:db8::2", true);
    assert_int_equal(w.n_stands, 1);
    assert_int_equal(w.n_lost, 0);
    world_give(&w, &late); /* what was asked before counts no more */
    assert_int_equal(w.n_stands, 1);
    assert_false(stands(&w, "2001:db8::2"));
    give_verdict(&w, "2001:db8::1", true);
    assert_last(&w, DHCP6_DECLINE);
    assert_int_equal(last_sent(&w)->ia[0].n_leases, 2); /* both, in one message */
    close_world(&w);
}

/* A server that knows no better gives the same address for ever. */
static void test_taken_again_and_again(void **state)
{
    struct world w;
    nsec_t waited = 0;

    (void)state;
    begin(&w, DHCP6_MODE_STATEFUL);
    for (unsigned i = 0; i < 9; i++) {
        struct dhcp6_message *m = usual(&w, DHCP6_REPLY);
        m->has |= DHCP6_HAS_RAPID_COMMIT;
        world_give(&w, m);
        assert_true(w.bound);
        give_verdict(&w, "2001:db8::1", true);
        m = answer(&w, DHCP6_REPLY);
        m->n_ia = 0;
        world_give(&w, m);
        waited = dhcp6_client_deadline(w.x) - w.now;
        world_wait_until(&w, dhcp6_client_deadline(w.x));
        assert_last(&w, DHCP6_SOLICIT);
    }
    assert_in_range(waited, 64 * SEC, 71 * SEC);
    close_world(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_renew),
        cmocka_unit_test(test_rebind_then_the_end),
        cmocka_unit_test(test_rebind_is_answered_by_another),
        cmocka_unit_test(test_a_server_that_forgot),
        cmocka_unit_test(test_no_use_in_a_renewal),
        cmocka_unit_test(test_addresses_come_and_go),
        cmocka_unit_test(test_more_addresses_than_there_is_room_for),
        cmocka_unit_test(test_a_renewal_on_another_link),
        cmocka_unit_test(test_one_ends_before_the_other),
        cmocka_unit_test(test_times),
        cmocka_unit_test(test_the_link_was_down),
        cmocka_unit_test(test_the_link_is_another),
        cmocka_unit_test(test_nobody_confirms),
        cmocka_unit_test(test_taken_while_it_is_confirmed),
        cmocka_unit_test(test_a_saved_lease),
        cmocka_unit_test(test_a_saved_lease_that_is_old),
        cmocka_unit_test(test_a_saved_lease_of_another),
        cmocka_unit_test(test_stop_releases),
        cmocka_unit_test(test_a_release_is_acknowledged),
        cmocka_unit_test(test_decline),
        cmocka_unit_test(test_one_of_two_is_taken),
        cmocka_unit_test(test_taken_again_and_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
