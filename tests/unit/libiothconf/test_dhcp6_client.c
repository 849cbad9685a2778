/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The DHCPv6 client, transition by transition, against messages made by hand: discovery, whom it believes,
 * modes. Leases: test_dhcp6_lease.c; registrations: test_dhcp6_register.c. */
#include "dhcp6_answers.h"

static bool allocation_fails;

void *__real_calloc(size_t n, size_t size);
/* Seen by shared libraries too, which are linked with it as well. */
__attribute__((visibility("default"))) void *__wrap_calloc(size_t n, size_t size);

void *__wrap_calloc(size_t n, size_t size)
{
    return allocation_fails ? NULL : __real_calloc(n, size);
}

/* --- from nothing to an address --- */

static void test_new_checks(void **state)
{
    struct world w;

    (void)state;
    world_init(&w, DHCP6_MODE_OFF, NULL);
    w.settings.duid.len = 0;
    assert_int_equal(dhcp6_client_new(&w.env, &w.settings, &w.x), -EINVAL);
    world_init(&w, DHCP6_MODE_OFF, NULL);
    allocation_fails = true;
    int rc = dhcp6_client_new(&w.env, &w.settings, &w.x);
    allocation_fails = false;
    assert_int_equal(rc, -ENOMEM);
    assert_null(w.x);
    dhcp6_client_free(NULL);
}

static void test_off_is_silent(void **state)
{
    struct world w;

    (void)state;
    open_world(&w, DHCP6_MODE_OFF);
    assert_int_equal(dhcp6_client_deadline(w.x), NSEC_NEVER);
    world_start(&w);
    assert_int_equal(dhcp6_client_deadline(w.x), NSEC_NEVER);
    world_stop(&w);
    assert_none_since(&w, 0);
    close_world(&w);
}

static void test_four_messages(void **state)
{
    struct world w;

    (void)state;
    begin(&w, DHCP6_MODE_STATEFUL);
    const struct dhcp6_message *m = last_sent(&w);
    assert_int_equal(m->type, DHCP6_SOLICIT);
    assert_true(m->has & DHCP6_HAS_RAPID_COMMIT);
    assert_int_equal(m->elapsed_cs, 0);
    assert_int_equal(m->ia[0].iaid, 0x5e100001);
    assert_int_equal(m->ia[0].n_leases, 0);
    assert_true(dhcp6_asks_for(m, DHCP6_OPT_SOL_MAX_RT) && dhcp6_asks_for(m, DHCP6_OPT_DNS_SERVERS));
    assert_true(dhcp6_asks_for(m, DHCP6_OPT_DOMAIN_LIST) && dhcp6_asks_for(m, DHCP6_OPT_ADDR_REG_ENABLE));
    uint32_t xid = m->xid;

    give_usual(&w, DHCP6_ADVERTISE);
    assert_none_since(&w, 1); /* others may advertise as well */
    world_wait(&w, 1100 * MSEC);
    m = last_sent(&w);
    assert_int_equal(m->type, DHCP6_REQUEST);
    assert_int_not_equal(m->xid, xid);
    assert_int_equal(m->server_id.len, sizeof(server_1));
    assert_memory_equal(m->server_id.at, server_1, sizeof(server_1));
    assert_int_equal(m->ia[0].n_leases, 1);

    nsec_t before = w.now;
    give_usual(&w, DHCP6_REPLY);
    assert_int_equal(w.n_bound, 1);
    assert_int_equal(w.n_stands, 1);
    assert_true(stands(&w, "2001:db8::1"));
    assert_int_equal(w.stands[0].preferred_until, before + 3600 * SEC);
    assert_int_equal(w.stands[0].valid_until, before + 7200 * SEC);
    assert_int_equal(dhcp6_client_deadline(w.x), before + 1800 * SEC);
    const struct client_names *names = dhcp6_client_names(w.x);
    assert_int_equal(names->n_servers, 1);
    assert_int_equal(names->n_domains, 1);
    assert_memory_equal(names->domains[0], "\7example\3org", 13);
    assert_true(w.saved_len > 0);
    close_world(&w);
}

static void test_two_messages(void **state)
{
    struct world w;

    (void)state;
    begin(&w, DHCP6_MODE_STATEFUL);
    give_usual(&w, DHCP6_REPLY); /* not what it says it is */
    assert_false(w.bound);
    struct dhcp6_message *m = usual(&w, DHCP6_REPLY);
    m->has |= DHCP6_HAS_RAPID_COMMIT;
    world_give(&w, m);
    assert_true(w.bound);
    assert_int_equal(w.n_sent, 1);
    close_world(&w);
}

static void test_without_rapid_commit(void **state)
{
    struct world w;

    (void)state;
    world_init(&w, DHCP6_MODE_STATEFUL, NULL);
    w.settings.no_rapid_commit = true;
    world_open(&w);
    world_start(&w);
    world_wait(&w, 100 * MSEC);
    assert_false(last_sent(&w)->has & DHCP6_HAS_RAPID_COMMIT);
    struct dhcp6_message *m = usual(&w, DHCP6_REPLY);
    m->has |= DHCP6_HAS_RAPID_COMMIT;
    world_give(&w, m);
    assert_false(w.bound);
    close_world(&w);
}

static void test_solicit_backs_off(void **state)
{
    struct world w;
    nsec_t last = 0, gap = SEC / 2;

    (void)state;
    begin(&w, DHCP6_MODE_STATEFUL);
    last = world_last(&w)->at;
    uint32_t xid = last_sent(&w)->xid;
    for (unsigned i = 0; i < 20; i++) {
        world_wait_until(&w, dhcp6_client_deadline(w.x));
        nsec_t now = world_last(&w)->at;
        assert_last(&w, DHCP6_SOLICIT);
        assert_int_equal(last_sent(&w)->xid, xid);
        if (i == 0)
            assert_in_range(now - last, SEC + 1, SEC * 11 / 10);
        else if (gap * 21 / 10 < 3600 * SEC)
            assert_in_range(now - last, gap * 19 / 10, gap * 21 / 10);
        else
            assert_in_range(now - last, 3600 * SEC * 9 / 10, 3600 * SEC * 11 / 10);
        gap = now - last;
        last = now;
    }
    assert_int_equal(last_sent(&w)->elapsed_cs, 0xffff);
    close_world(&w);
}

static void test_servers_set_the_longest_silence(void **state)
{
    struct world w;
    static const struct {
        uint32_t says;
        nsec_t longest;
    } rows[] = {{60, 60 * SEC}, {59, 3600 * SEC}, {86400, 86400 * SEC}, {86401, 3600 * SEC}, {0, 3600 * SEC}};

    (void)state;
    for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
        begin(&w, DHCP6_MODE_STATEFUL);
        struct dhcp6_message *m = answer(&w, DHCP6_ADVERTISE);
        put_status(m, DHCP6_NO_ADDRS_AVAIL);
        m->sol_max_rt_s = rows[i].says;
        m->has |= DHCP6_HAS_SOL_MAX_RT;
        world_give(&w, m);
        world_wait(&w, 10 * 86400 * SEC);
        nsec_t gap = dhcp6_client_deadline(w.x) - world_last(&w)->at;
        assert_in_range(gap, rows[i].longest * 9 / 10, rows[i].longest * 11 / 10);
        close_world(&w);
    }
}

/* --- whom to choose, whom to believe --- */

static void test_the_highest_preference(void **state)
{
    struct world w;
    struct dhcp6_message *m;

    (void)state;
    begin(&w, DHCP6_MODE_STATEFUL);
    give_usual(&w, DHCP6_ADVERTISE);
    m = usual(&w, DHCP6_ADVERTISE);
    m->server_id = (struct dhcp6_bytes){server_2, sizeof(server_2)};
    m->preference = 7;
    m->has |= DHCP6_HAS_PREFERENCE;
    world_give(&w, m);
    give_usual(&w, DHCP6_ADVERTISE);
    world_wait(&w, 1100 * MSEC);
    assert_last(&w, DHCP6_REQUEST);
    assert_memory_equal(last_sent(&w)->server_id.at, server_2, sizeof(server_2));
    close_world(&w);
}

static void test_preference_255_is_taken_at_once(void **state)
{
    struct world w;

    (void)state;
    begin(&w, DHCP6_MODE_STATEFUL);
    struct dhcp6_message *m = usual(&w, DHCP6_ADVERTISE);
    m->preference = 255;
    m->has |= DHCP6_HAS_PREFERENCE;
    world_give(&w, m);
    assert_last(&w, DHCP6_REQUEST);
    close_world(&w);
}

static void test_a_late_advertisement_is_taken_at_once(void **state)
{
    struct world w;

    (void)state;
    begin(&w, DHCP6_MODE_STATEFUL);
    world_wait(&w, 1100 * MSEC);
    assert_last(&w, DHCP6_SOLICIT);
    give_usual(&w, DHCP6_ADVERTISE);
    assert_last(&w, DHCP6_REQUEST);
    close_world(&w);
}

static void test_what_is_not_believed(void **state)
{
    struct world w;

    (void)state;
    for (unsigned how = 0; how < SPOILT; how++) {
        begin(&w, DHCP6_MODE_STATEFUL);
        struct dhcp6_message *m = usual(&w, DHCP6_ADVERTISE);
        m->preference = 255;
        m->has |= DHCP6_HAS_PREFERENCE;
        spoil(m, how);
        world_give(&w, m);
        assert_last(&w, DHCP6_SOLICIT);
        give_usual(&w, DHCP6_ADVERTISE);
        world_wait(&w, 1100 * MSEC);
        assert_last(&w, DHCP6_REQUEST);
        unsigned n = w.n_sent;
        m = usual(&w, DHCP6_REPLY);
        spoil(m, how);
        world_give(&w, m);
        assert_false(w.bound);
        assert_none_since(&w, n);
        m = usual(&w, DHCP6_REPLY); /* of a server that was not asked */
        m->server_id = (struct dhcp6_bytes){server_2, sizeof(server_2)};
        world_give(&w, m);
        assert_false(w.bound);
        give_usual(&w, DHCP6_REPLY);
        assert_true(w.bound);
        close_world(&w);
    }
}

static void test_other_packets(void **state)
{
    struct world w;
    struct client_packet p = {.way = CLIENT_ICMP6, .bytes = (const uint8_t *)"\7\0\0\0", .len = 4};

    (void)state;
    begin(&w, DHCP6_MODE_STATEFUL);
    dhcp6_client_input(w.x, &p, w.now);
    world_input(&w, "", 0);
    world_input(&w, "\7", 1);
    world_input(&w, "\14\0\0\0", 4);
    assert_none_since(&w, 1);
    close_world(&w);
}

static void test_advertised_and_refused(void **state)
{
    struct world w;
    static const enum dhcp6_status_code codes[] = {DHCP6_NO_ADDRS_AVAIL, DHCP6_NOT_ON_LINK, DHCP6_NO_BINDING};
    nsec_t wait = SEC;

    (void)state;
    begin(&w, DHCP6_MODE_STATEFUL);
    for (unsigned i = 0; i < 9; i++) {
        struct dhcp6_message *m = usual(&w, DHCP6_ADVERTISE);
        m->preference = 255;
        m->has |= DHCP6_HAS_PREFERENCE;
        world_give(&w, m);
        assert_last(&w, DHCP6_REQUEST);
        m = answer(&w, DHCP6_REPLY);
        if (i % 2)
            put_ia_status(m, codes[i % ARRAY_LEN(codes)]);
        else
            put_status(m, codes[i % ARRAY_LEN(codes)]);
        world_give(&w, m);
        assert_in_range(dhcp6_client_deadline(w.x) - w.now, wait, wait * 11 / 10);
        wait = wait < 64 * SEC ? 2 * wait : wait;
        world_wait_until(&w, dhcp6_client_deadline(w.x));
        assert_last(&w, DHCP6_SOLICIT);
    }
    close_world(&w);
}

static void test_a_server_that_advertises_and_vanishes(void **state)
{
    struct world w;

    (void)state;
    begin(&w, DHCP6_MODE_STATEFUL);
    give_usual(&w, DHCP6_ADVERTISE);
    world_wait(&w, 1100 * MSEC);
    unsigned requests = 1;
    while (world_wait_until(&w, dhcp6_client_deadline(w.x)), last_sent(&w)->type == DHCP6_REQUEST)
        requests = w.n_sent - 1;
    assert_int_equal(requests, 10);
    assert_last(&w, DHCP6_SOLICIT);
    close_world(&w);
}

/* --- stateless --- */

static void test_information_request(void **state)
{
    struct world w;

    (void)state;
    begin(&w, DHCP6_MODE_STATELESS);
    const struct dhcp6_message *sent = last_sent(&w);
    assert_int_equal(sent->type, DHCP6_INFORMATION_REQUEST);
    assert_int_equal(sent->n_ia, 0);
    assert_true(dhcp6_asks_for(sent, DHCP6_OPT_INF_MAX_RT));
    assert_true(dhcp6_asks_for(sent, DHCP6_OPT_INFORMATION_REFRESH_TIME));
    struct dhcp6_message *m = answer(&w, DHCP6_REPLY);
    put_dns(m, "2001:db8::53");
    put_dns(m, "ff02::1");
    put_dns(m, "2001:db8::53");
    put_domain(m, "example.org");
    put_domain(m, "EXAMPLE.org");
    put_domain(m, ".");
    world_give(&w, m);
    assert_int_equal(w.n_bound, 1);
    assert_int_equal(w.n_names, 1);
    assert_int_equal(dhcp6_client_names(w.x)->n_servers, 1); /* once, and no group */
    assert_int_equal(dhcp6_client_names(w.x)->n_domains, 1);
    assert_int_equal(dhcp6_client_deadline(w.x), w.now + 86400 * SEC);
    world_wait(&w, 86400 * SEC + 100 * MSEC);
    assert_int_equal(w.n_sent, 2);
    m = answer(&w, DHCP6_REPLY);
    put_dns(m, "2001:db8::53");
    put_domain(m, "example.org");
    world_give(&w, m);
    assert_int_equal(w.n_bound, 1); /* the same as before */
    assert_int_equal(w.n_names, 1);
    close_world(&w);
}

static void test_refresh_times(void **state)
{
    static const struct {
        uint32_t says;
        nsec_t after;
    } rows[] = {{0, 600 * SEC}, {599, 600 * SEC}, {601, 601 * SEC}, {DHCP6_INFINITY, 0}};
    struct world w;

    (void)state;
    for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
        begin(&w, DHCP6_MODE_STATELESS);
        struct dhcp6_message *m = answer(&w, DHCP6_REPLY);
        m->refresh_time_s = rows[i].says;
        m->has |= DHCP6_HAS_REFRESH_TIME;
        world_give(&w, m);
        assert_int_equal(dhcp6_client_deadline(w.x), rows[i].after ? w.now + rows[i].after : NSEC_NEVER);
        close_world(&w);
    }
}

static void test_modes(void **state)
{
    struct world w;

    (void)state;
    open_world(&w, DHCP6_MODE_OFF);
    world_start(&w);
    dhcp6_client_mode(w.x, DHCP6_MODE_STATELESS, w.now);
    world_wait(&w, 100 * MSEC);
    assert_last(&w, DHCP6_INFORMATION_REQUEST);
    struct dhcp6_message *m = answer(&w, DHCP6_REPLY);
    put_dns(m, "2001:db8::53");
    world_give(&w, m);

    dhcp6_client_mode(w.x, DHCP6_MODE_STATEFUL, w.now);
    world_wait(&w, 100 * MSEC);
    assert_last(&w, DHCP6_SOLICIT);
    assert_int_equal(dhcp6_client_names(w.x)->n_servers, 1); /* they stand meanwhile */
    m = usual(&w, DHCP6_REPLY);
    m->has |= DHCP6_HAS_RAPID_COMMIT;
    world_give(&w, m);
    assert_int_equal(w.n_stands, 1);
    unsigned n = w.n_sent;
    dhcp6_client_mode(w.x, DHCP6_MODE_STATEFUL, w.now);
    world_wait(&w, SEC);
    assert_none_since(&w, n);

    dhcp6_client_mode(w.x, DHCP6_MODE_STATELESS, w.now);
    world_drain(&w);
    assert_last(&w, DHCP6_RELEASE);
    assert_int_equal(w.n_stands, 0);
    world_wait(&w, 100 * MSEC);
    assert_last(&w, DHCP6_INFORMATION_REQUEST);

    dhcp6_client_mode(w.x, DHCP6_MODE_OFF, w.now);
    world_wait(&w, 100 * SEC);
    assert_int_equal(dhcp6_client_deadline(w.x), NSEC_NEVER);
    close_world(&w);
}

/* --- FQDN --- */

static void test_fqdn(void **state)
{
    static const uint8_t name[] = "\4host\7example\3org";
    struct world w;

    (void)state;
    world_init(&w, DHCP6_MODE_STATEFUL, name);
    world_open(&w);
    world_start(&w);
    world_wait(&w, 100 * MSEC);
    const struct dhcp6_message *m = last_sent(&w);
    assert_true(m->has & DHCP6_HAS_FQDN);
    assert_int_equal(m->fqdn.flags, DHCP6_FQDN_S);
    assert_false(m->fqdn.partial);
    assert_memory_equal(m->fqdn.name, name, sizeof(name));
    assert_true(dhcp6_asks_for(m, DHCP6_OPT_CLIENT_FQDN));
    dhcp6_client_mode(w.x, DHCP6_MODE_STATELESS, w.now);
    world_wait(&w, 100 * MSEC);
    assert_last(&w, DHCP6_INFORMATION_REQUEST);
    assert_false(last_sent(&w)->has & DHCP6_HAS_FQDN); /* RFC 4704 s5 */
    close_world(&w);
}

static void test_the_longest_message(void **state)
{
    uint8_t name[DNAME_MAX];
    char text[300] = "";
    struct world w;

    (void)state;
    while (strlen(text) < 252)
        strcat(text, "a.");
    strcat(text, "b");
    assert_int_equal(dname_from_text(text, strlen(text), name), DNAME_MAX);
    world_init(&w, DHCP6_MODE_STATEFUL, name);
    w.settings.duid.len = DUID_MAX;
    world_open(&w);
    world_start(&w);
    world_wait(&w, 100 * MSEC);
    struct dhcp6_message *m = answer(&w, DHCP6_REPLY);
    uint8_t server[DUID_MAX] = {0};
    m->server_id = (struct dhcp6_bytes){server, sizeof(server)};
    m->has |= DHCP6_HAS_RAPID_COMMIT;
    for (unsigned i = 0; i < DHCP6_LEASES_MAX; i++) {
        put_lease(m, "2001:db8::", 3600, 7200);
        m->ia[0].leases[i].addr.b[15] = (uint8_t)(i + 1);
    }
    for (unsigned i = 0; i < DHCP6_DOMAINS_MAX; i++) {
        memcpy(m->domains[i], name, sizeof(name));
        m->domains[i][1] = (uint8_t)('c' + i);
    }
    m->n_domains = DHCP6_DOMAINS_MAX;
    m->has |= DHCP6_HAS_DOMAINS;
    world_give(&w, m);
    assert_int_equal(dhcp6_client_names(w.x)->n_domains, DHCP6_DOMAINS_MAX);
    assert_true(w.saved_len > DHCP6_DOMAINS_MAX * DNAME_MAX);
    world_wait(&w, 1800 * SEC);
    assert_last(&w, DHCP6_RENEW);
    assert_int_equal(last_sent(&w)->ia[0].n_leases, DHCP6_LEASES_MAX);
    close_world(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_new_checks),
        cmocka_unit_test(test_off_is_silent),
        cmocka_unit_test(test_four_messages),
        cmocka_unit_test(test_two_messages),
        cmocka_unit_test(test_without_rapid_commit),
        cmocka_unit_test(test_solicit_backs_off),
        cmocka_unit_test(test_servers_set_the_longest_silence),
        cmocka_unit_test(test_the_highest_preference),
        cmocka_unit_test(test_preference_255_is_taken_at_once),
        cmocka_unit_test(test_a_late_advertisement_is_taken_at_once),
        cmocka_unit_test(test_what_is_not_believed),
        cmocka_unit_test(test_other_packets),
        cmocka_unit_test(test_advertised_and_refused),
        cmocka_unit_test(test_a_server_that_advertises_and_vanishes),
        cmocka_unit_test(test_information_request),
        cmocka_unit_test(test_refresh_times),
        cmocka_unit_test(test_modes),
        cmocka_unit_test(test_fqdn),
        cmocka_unit_test(test_the_longest_message),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
