/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A server calls: RECONFIGURE that proves itself, and all that does not (RFC 9915 s16.11, s18.2.11, s20.4). */
#include "dhcp6_answers.h"
#include "dhcp6_authentic.h"

static const uint8_t key[MD5_DIGEST_SIZE] = {0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77,
                                             0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff};

/* RENEW, by that key, count 2, for the client of these tests from server_1; its HMAC is from another implementation. */
static const uint8_t vector[] = {
    0x0a, 0x00, 0x00, 0x00, 0x00, 0x01, 0x00, 0x0a, 0x00, 0x03, 0x00, 0x01, 0x02, 0x00,
    0x5e, 0x10, 0x00, 0x01, 0x00, 0x02, 0x00, 0x0a, 0x00, 0x03, 0x00, 0x01, 0x02, 0x00,
    0x5e, 0x10, 0x00, 0xf1, 0x00, 0x13, 0x00, 0x01, 0x05, 0x00, 0x0b, 0x00, 0x1c, 0x03,
    0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0x02, 0x73, 0xcb, 0xe7,
    0x74, 0x26, 0xd4, 0x9e, 0x63, 0x54, 0x13, 0x42, 0xe1, 0xe6, 0xf2, 0x2c, 0x89,
};

static void key_auth(struct dhcp6_message *m, uint8_t count)
{
    static uint8_t auth[AUTH_LEN];

    put_auth(m, auth, AUTH_KEY, count, key);
}

/* Bound, with a key that came with count 1. */
static void be_bound_with_key(struct world *w)
{
    begin(w, DHCP6_MODE_STATEFUL);
    assert_true(last_sent(w)->has & DHCP6_HAS_RECONF_ACCEPT);
    give_usual(w, DHCP6_ADVERTISE);
    world_wait(w, 1100 * MSEC);
    assert_int_equal(last_sent(w)->type, DHCP6_REQUEST);
    assert_true(last_sent(w)->has & DHCP6_HAS_RECONF_ACCEPT);
    struct dhcp6_message *m = usual(w, DHCP6_REPLY);
    key_auth(m, 1);
    world_give(w, m);
    assert_true(w->bound);
    w->to = addr_of("fe80::5eff:fe10:1");
}

static struct dhcp6_message *call_for(struct world *w, uint8_t exchange, uint8_t count)
{
    static uint8_t auth[AUTH_LEN];
    struct dhcp6_message *m = answer(w, DHCP6_RECONFIGURE);

    m->xid = 0;
    m->n_ia = 0;
    m->has &= ~DHCP6_HAS_IA;
    m->reconf_msg = exchange;
    m->has |= DHCP6_HAS_RECONF_MSG;
    put_auth(m, auth, AUTH_HMAC, count, NULL);
    return m;
}

static void give_call(struct world *w, const struct dhcp6_message *m)
{
    uint8_t bytes[1024];

    world_input(w, bytes, write_authentic(m, key, bytes, sizeof(bytes)));
}

static void call(struct world *w, uint8_t exchange, uint8_t count)
{
    give_call(w, call_for(w, exchange, count));
}

static void test_a_vector(void **state)
{
    struct world w;

    (void)state;
    be_bound_with_key(&w);
    unsigned n = w.n_sent;
    for (size_t i = 0; i < sizeof(vector); i++) { /* any byte of it changed */
        uint8_t changed[sizeof(vector)];
        memcpy(changed, vector, sizeof(vector));
        changed[i] ^= 1;
        world_input(&w, changed, sizeof(changed));
        world_input(&w, vector, i); /* cut */
        assert_none_since(&w, n);
    }
    world_input(&w, vector, sizeof(vector));
    assert_int_equal(w.n_sent, n + 1);
    assert_last(&w, DHCP6_RENEW);
    assert_memory_equal(last_sent(&w)->server_id.at, server_1, sizeof(server_1));
    assert_int_equal(last_sent(&w)->ia[0].n_leases, 1);

    struct dhcp6_message *m = usual(&w, DHCP6_REPLY);
    put_dns(m, "2001:db8::54");
    world_give(&w, m);
    assert_int_equal(dhcp6_client_names(w.x)->n_servers, 2);
    assert_int_equal(dhcp6_client_deadline(w.x), w.now + 1800 * SEC);
    world_wait(&w, 10 * SEC);
    n = w.n_sent;
    world_input(&w, vector, sizeof(vector)); /* once more, as somebody who has heard it would */
    assert_none_since(&w, n);
    world_wait(&w, 1790 * SEC);
    assert_last(&w, DHCP6_RENEW);
    n = w.n_sent;
    m = usual(&w, DHCP6_REPLY);
    key_auth(m, 1); /* the key again, with the count of the first time */
    world_give(&w, m);
    world_input(&w, vector, sizeof(vector));
    assert_none_since(&w, n);
    close_world(&w);
}

static void test_rebind_and_information_request(void **state)
{
    struct world w;

    (void)state;
    be_bound_with_key(&w);
    nsec_t t1 = dhcp6_client_deadline(w.x);
    world_wait(&w, 10 * SEC);
    call(&w, DHCP6_REBIND, 2);
    assert_last(&w, DHCP6_REBIND);
    give_usual(&w, DHCP6_REPLY); /* without a key: the same server's stays */
    world_wait(&w, 10 * SEC);
    call(&w, DHCP6_INFORMATION_REQUEST, 3);
    assert_last(&w, DHCP6_INFORMATION_REQUEST);
    struct dhcp6_message *m = answer(&w, DHCP6_REPLY);
    put_dns(m, "2001:db8::99");
    world_give(&w, m);
    assert_int_equal(dhcp6_client_names(w.x)->n_servers, 1);
    assert_int_equal(w.n_stands, 1);
    assert_int_equal(dhcp6_client_deadline(w.x), t1 + 10 * SEC); /* the leases go on as before */

    unsigned n = w.n_sent;
    call(&w, DHCP6_INFORMATION_REQUEST, 4); /* too soon after the last one */
    assert_none_since(&w, n);
    world_wait(&w, 2 * SEC);
    call(&w, DHCP6_INFORMATION_REQUEST, 5);
    assert_last(&w, DHCP6_INFORMATION_REQUEST);
    world_wait_until(&w, t1 + 10 * SEC); /* nobody answers */
    assert_last(&w, DHCP6_RENEW);
    close_world(&w);
}

static void test_one_at_a_time(void **state)
{
    struct world w;

    (void)state;
    be_bound_with_key(&w);
    call(&w, DHCP6_RENEW, 2);
    unsigned n = w.n_sent;
    assert_last(&w, DHCP6_RENEW);
    world_wait(&w, 2 * SEC);
    call(&w, DHCP6_REBIND, 3); /* while the exchange goes on (s18.2.11) */
    assert_none_since(&w, n);
    give_usual(&w, DHCP6_REPLY);
    call(&w, DHCP6_REBIND, 3);
    assert_last(&w, DHCP6_REBIND);
    close_world(&w);
}

/* A server that gives a new key with each REPLY calls no more often for that. */
static void test_a_new_key_gives_no_haste(void **state)
{
    struct world w;

    (void)state;
    be_bound_with_key(&w);
    call(&w, DHCP6_REBIND, 2);
    assert_last(&w, DHCP6_REBIND);
    struct dhcp6_message *m = usual(&w, DHCP6_REPLY);
    key_auth(m, 8); /* the count is new */
    world_give(&w, m);
    unsigned n = w.n_sent;
    call(&w, DHCP6_REBIND, 9);
    assert_none_since(&w, n);
    world_wait(&w, 2 * SEC);
    call(&w, DHCP6_REBIND, 10);
    assert_last(&w, DHCP6_REBIND);
    close_world(&w);
}

/* Each call differs in one thing from a good one. */
static void spoil_call(struct world *w, struct dhcp6_message *m, unsigned how)
{
    static const uint8_t other[] = {0, 3, 0, 1, 2, 0, 0x5e, 0x10, 0, 2};
    static uint8_t auth[AUTH_LEN];

    memcpy(auth, m->auth.at, sizeof(auth));
    m->auth.at = auth;
    switch (how) {
    case 0:
        w->to = addr_of("ff02::1");
        break;
    case 1:
        w->to = (struct ipaddr){{0}}; /* not told */
        break;
    case 2:
        m->server_id = (struct dhcp6_bytes){server_2, sizeof(server_2)};
        break;
    case 3:
        m->has &= ~DHCP6_HAS_SERVER_ID;
        break;
    case 4:
        m->client_id = (struct dhcp6_bytes){other, sizeof(other)};
        break;
    case 5:
        m->has &= ~DHCP6_HAS_CLIENT_ID;
        break;
    case 6:
        m->has &= ~DHCP6_HAS_RECONF_MSG;
        break;
    case 7:
        m->reconf_msg = DHCP6_SOLICIT;
        break;
    case 8:
        m->has &= ~DHCP6_HAS_AUTH;
        break;
    case 9:
    case 10:
    case 11:
        auth[how - 9] ^= 1; /* protocol, algorithm, method */
        break;
    case 12:
        auth[AUTH_VALUE - 1] = AUTH_KEY;
        break;
    case 13:
        auth[10] = 1; /* the count that came with the key */
        break;
    case 14:
        auth[3] = 0x80; /* half of the way round: lower */
        auth[10] = 1;
        break;
    default:
        m->auth.len--;
        break;
    }
}
enum { SPOILT_CALLS = 16 };

static void test_calls_that_are_dropped(void **state)
{
    struct world w;

    (void)state;
    for (unsigned how = 0; how < SPOILT_CALLS; how++) {
        be_bound_with_key(&w);
        unsigned n = w.n_sent;
        struct dhcp6_message *m = call_for(&w, DHCP6_RENEW, 2);
        spoil_call(&w, m, how);
        give_call(&w, m);
        assert_none_since(&w, n);
        w.to = addr_of("fe80::5eff:fe10:1");
        call(&w, DHCP6_RENEW, 2); /* it has cost nothing */
        assert_last(&w, DHCP6_RENEW);
        close_world(&w);
    }
}

static void test_without_a_key(void **state)
{
    static const uint8_t other_key[MD5_DIGEST_SIZE] = {1};
    struct world w;
    uint8_t bytes[1024];

    (void)state;
    be_bound(&w);
    w.to = addr_of("fe80::5eff:fe10:1");
    unsigned n = w.n_sent;
    call(&w, DHCP6_RENEW, 2);
    static const uint8_t no_key[MD5_DIGEST_SIZE];
    world_input(&w, bytes, write_authentic(call_for(&w, DHCP6_RENEW, 3), no_key, bytes, sizeof(bytes)));
    assert_none_since(&w, n);
    close_world(&w);

    be_bound_with_key(&w);
    n = w.n_sent;
    world_input(&w, bytes, write_authentic(call_for(&w, DHCP6_RENEW, 2), other_key, bytes, sizeof(bytes)));
    assert_none_since(&w, n);
    close_world(&w);
}

/* The key goes with its server, and with the leases. */
static void test_the_life_of_a_key(void **state)
{
    struct world w;

    (void)state;
    be_bound_with_key(&w);
    world_wait(&w, 2880 * SEC);
    struct dhcp6_message *m = usual(&w, DHCP6_REPLY);
    m->server_id = (struct dhcp6_bytes){server_2, sizeof(server_2)};
    world_give(&w, m); /* another one has them now, and gives no key */
    unsigned n = w.n_sent;
    call(&w, DHCP6_RENEW, 2);
    assert_none_since(&w, n);
    close_world(&w);

    be_bound_with_key(&w);
    call(&w, DHCP6_RENEW, 7);
    give_usual(&w, DHCP6_REPLY);
    static uint8_t saved[WORLD_SAVED];
    size_t len = w.saved_len;
    memcpy(saved, w.saved, len);
    close_world(&w);
    world_init(&w, DHCP6_MODE_STATEFUL, NULL);
    w.settings.saved = saved;
    w.settings.saved_len = len;
    world_open(&w);
    world_start(&w);
    world_wait(&w, 100 * MSEC);
    assert_last(&w, DHCP6_CONFIRM);
    world_give(&w, answer(&w, DHCP6_REPLY));
    w.to = addr_of("fe80::5eff:fe10:1");
    n = w.n_sent;
    call(&w, DHCP6_RENEW, 7); /* the count is saved with it */
    assert_none_since(&w, n);
    call(&w, DHCP6_RENEW, 8);
    assert_last(&w, DHCP6_RENEW);
    close_world(&w);
}

static void test_stateless(void **state)
{
    struct world w;

    (void)state;
    begin(&w, DHCP6_MODE_STATELESS);
    assert_true(last_sent(&w)->has & DHCP6_HAS_RECONF_ACCEPT);
    struct dhcp6_message *m = answer(&w, DHCP6_REPLY);
    put_dns(m, "2001:db8::53");
    key_auth(m, 1);
    world_give(&w, m);
    assert_true(w.bound);
    w.to = addr_of("fe80::5eff:fe10:1");
    unsigned n = w.n_sent;
    call(&w, DHCP6_RENEW, 2); /* there is nothing to renew */
    call(&w, DHCP6_REBIND, 2);
    assert_none_since(&w, n);
    call(&w, DHCP6_INFORMATION_REQUEST, 2);
    assert_last(&w, DHCP6_INFORMATION_REQUEST);
    m = answer(&w, DHCP6_REPLY);
    put_dns(m, "2001:db8::54");
    world_give(&w, m);
    struct ipaddr other = addr_of("2001:db8::54");
    assert_true(ipaddr_equal(&dhcp6_client_names(w.x)->servers[0], &other));
    world_wait(&w, 2 * SEC);
    call(&w, DHCP6_INFORMATION_REQUEST, 3);
    assert_last(&w, DHCP6_INFORMATION_REQUEST);
    close_world(&w);
}

/* Who calls is asked, and is to answer (s18.2.6); but not for ever. */
static void test_the_caller_is_asked(void **state)
{
    struct world w;

    (void)state;
    begin(&w, DHCP6_MODE_STATELESS);
    assert_false(last_sent(&w)->has & DHCP6_HAS_SERVER_ID);
    struct dhcp6_message *m = answer(&w, DHCP6_REPLY);
    key_auth(m, 1);
    world_give(&w, m);
    w.to = addr_of("fe80::5eff:fe10:1");
    call(&w, DHCP6_INFORMATION_REQUEST, 2);
    assert_last(&w, DHCP6_INFORMATION_REQUEST);
    assert_true(last_sent(&w)->has & DHCP6_HAS_SERVER_ID);
    assert_int_equal(last_sent(&w)->server_id.len, sizeof(server_1));
    assert_memory_equal(last_sent(&w)->server_id.at, server_1, sizeof(server_1));
    m = answer(&w, DHCP6_REPLY);
    m->server_id = (struct dhcp6_bytes){server_2, sizeof(server_2)};
    put_dns(m, "2001:db8::bad");
    world_give(&w, m);
    assert_int_equal(dhcp6_client_names(w.x)->n_servers, 0);

    world_wait(&w, 60 * SEC);
    assert_false(last_sent(&w)->has & DHCP6_HAS_SERVER_ID);
    m = answer(&w, DHCP6_REPLY);
    m->server_id = (struct dhcp6_bytes){server_2, sizeof(server_2)};
    put_dns(m, "2001:db8::54");
    world_give(&w, m);
    assert_int_equal(dhcp6_client_names(w.x)->n_servers, 1);
    close_world(&w);
}

static void test_stopped(void **state)
{
    struct world w;

    (void)state;
    be_bound_with_key(&w);
    world_stop(&w);
    unsigned n = w.n_sent;
    call(&w, DHCP6_RENEW, 2);
    assert_none_since(&w, n);
    close_world(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_vector),
        cmocka_unit_test(test_rebind_and_information_request),
        cmocka_unit_test(test_one_at_a_time),
        cmocka_unit_test(test_a_new_key_gives_no_haste),
        cmocka_unit_test(test_calls_that_are_dropped),
        cmocka_unit_test(test_without_a_key),
        cmocka_unit_test(test_the_life_of_a_key),
        cmocka_unit_test(test_stateless),
        cmocka_unit_test(test_the_caller_is_asked),
        cmocka_unit_test(test_stopped),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
