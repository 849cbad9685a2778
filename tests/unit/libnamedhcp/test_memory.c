/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Out of memory at each allocation in turn: an error, nothing lost, and what was there stands. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "libiothdns/failing_memory.h"
#include "libnamedhcp/dhcp4_server.h"
#include "libnamedhcp/dhcp6_server.h"
#include "libnamedhcp/lease_table.h"
#include "libnamedhcp/name_policy.h"
#include "libnamedhcp/namedhcp_config.h"
#include "libnamedhcp/store.h"

#define NOW INT64_C(1800000000)

/* How often a thing is done that needs few allocations; a test that gets there goes in circles. */
#define ROUNDS_MAX 10000

/* --- the configuration --- */

static const char text[] =
    "stack stack=lwip\niface a\ndomain lan\nallow *.lan\nbind 02:00:00:00:00:01=a.lan\n"
    "bind id:0001=b.lan\nname %duid%.lan\ndns fd00::1,10.0.0.1\ndnssearch lan\nntp 10.0.0.2\n"
    "dnr 1 dns.lan fd00::1,10.0.0.1 alpn=dot\ndnr 0 other.lan\ncaptive-portal https://a/\n"
    "option6 bootfile-url http://a/\noption6 65001 0102\nsubnet 10.0.0.0/24\n"
    "pool 10.0.0.10-10.0.0.19\npool 10.0.0.30-10.0.0.39\nfixed 02:00:00:00:00:02=10.0.0.7\n"
    "option routers 10.0.0.1\nsubnet 10.0.1.0/24\nby-name off\nleases /x\nleases-group y\n";

static int read_config(struct namedhcp_config **ret)
{
    struct namedhcp_draft *d = NULL;
    int e = namedhcp_draft_new(false, &d);

    if (e == 0)
        e = namedhcp_draft_text(d, "t.rc", text, sizeof(text) - 1);
    if (e == 0)
        e = namedhcp_draft_option(d, "dns", "10.0.0.9");
    if (e == 0)
        e = namedhcp_draft_finish(d, ret);
    namedhcp_draft_free(d);
    return e;
}

static void a_configuration(void **state)
{
    int e = -ENOMEM, round = 0;

    (void)state;
    for (; e == -ENOMEM && round < ROUNDS_MAX; round++) {
        struct namedhcp_config *c = NULL;
        allocations_left = round;
        e = read_config(&c);
        allocations_left = -1;
        assert_int_equal(c != NULL, e == 0);
        namedhcp_config_free(c);
    }
    assert_int_equal(e, 0);
    assert_true(round > 10);
}

/* --- names and leases --- */

static struct name_policy_client a_client(const uint8_t *identity, const uint8_t *name)
{
    return (struct name_policy_client){.identity = identity, .identity_len = 4, .wanted = name};
}

static int use_names(struct name_policy **ret)
{
    static const uint8_t lan[] = "\3lan";
    static const uint8_t *const domains[] = {lan};
    static const char *const patterns[] = {"*.lan"};
    static const struct name_binding bound = {.mac = {2}, .name = "\1b\3lan"};
    const struct name_policy_settings settings = {.bindings = &bound,
                                                  .n_bindings = 1,
                                                  .domains = domains,
                                                  .n_domains = 1,
                                                  .patterns = patterns,
                                                  .n_patterns = 1,
                                                  .made = "%duid%.lan",
                                                  .claims = true,
                                                  .claims_max = 1000,
                                                  .claims_keep_s = 86400};
    int e = name_policy_new(&settings, ret);

    for (unsigned i = 0; i < 200 && e >= 0; i++) { /* the table of claims grows */
        uint8_t name[] = "\4name\3lan", identity[4], got[DNAME_MAX];
        int64_t ends;
        put_be32(identity, i);
        name[1] = (uint8_t)('a' + i / 26);
        name[2] = (uint8_t)('a' + i % 26);
        struct name_policy_client client = a_client(identity, name);
        assert_int_equal(name_policy_find(*ret, &client, NOW, got), NAME_GIVEN);
        e = name_policy_use(*ret, &client, got, NOW, &ends);
    }
    return e < 0 ? e : 0;
}

static void names(void **state)
{
    int e = -ENOMEM, round = 0;

    (void)state;
    for (; e == -ENOMEM && round < ROUNDS_MAX; round++) {
        struct name_policy *p = NULL;
        allocations_left = round;
        e = use_names(&p);
        allocations_left = -1;
        name_policy_free(p);
    }
    assert_int_equal(e, 0);
    assert_true(round > 200);
}

static struct server_lease a_lease(uint32_t addr)
{
    struct server_lease l = {
        .addr = ipaddr_of_v4(addr), .identity_len = 4, .name = "\1a\3lan", .ends = NOW + 60};

    put_be32(l.identity, addr);
    return l;
}

static int use_leases(struct lease_table **ret)
{
    const struct lease_pool pool = {.first = 0x0a000001, .last = 0x0a0000fe};
    const struct lease_settings settings = {.pools = &pool, .n_pools = 1, .leases_max = 1000};
    int e = lease_table_new(&settings, ret);
    uint32_t forgotten;

    for (uint32_t addr = pool.first; addr <= pool.last && e == 0; addr++) {
        struct server_lease l = a_lease(addr);
        e = lease_put(*ret, 0, &l, false, NOW, &forgotten);
    }
    return e;
}

static void leases(void **state)
{
    int e = -ENOMEM, round = 0;

    (void)state;
    for (; e == -ENOMEM && round < ROUNDS_MAX; round++) {
        struct lease_table *t = NULL;
        allocations_left = round;
        e = use_leases(&t);
        allocations_left = -1;
        lease_table_free(t);
    }
    assert_int_equal(e, 0);
    assert_true(round > 200);
}

/* --- the servers --- */

static void no_chance(void *arg, void *bytes, size_t len)
{
    (void)arg;
    memset(bytes, 7, len);
}

static int use_servers(struct dhcp4_server **ret4, struct dhcp6_server **ret6)
{
    static const struct dhcp4_subnet subnet = {.network = 0x0a000000, .bits = 24, .links = 1};
    const struct server_env env = {.random = no_chance};
    const struct dhcp4_server_settings set4 = {
        .subnets = &subnet, .n_subnets = 1, .server_id = 0x0a000001, .waiting_max = 4};
    const struct dhcp6_server_settings set6 = {
        .duid = (const uint8_t *)"\0\3\0\1\2\0\0\0\0\1", .duid_len = 10, .waiting_max = 4};
    int e = dhcp4_server_new(&env, &set4, ret4);

    return e < 0 ? e : dhcp6_server_new(&env, &set6, ret6);
}

static void servers(void **state)
{
    int e = -ENOMEM, round = 0;

    (void)state;
    for (; e == -ENOMEM && round < ROUNDS_MAX; round++) {
        struct dhcp4_server *four = NULL;
        struct dhcp6_server *six = NULL;
        allocations_left = round;
        e = use_servers(&four, &six);
        allocations_left = -1;
        assert_int_equal(six != NULL, e == 0);
        dhcp4_server_free(four);
        dhcp6_server_free(six);
    }
    assert_int_equal(e, 0);
    assert_true(round > 3);
}

/* --- the store: what LMDB needs it says itself --- */

static int count(void *arg, const struct server_lease *lease)
{
    (void)lease;
    ++*(unsigned *)arg;
    return 0;
}

static int use_store(const char *path, unsigned *n)
{
    struct server_lease lease = a_lease(1);
    struct store *s = NULL;
    unsigned damaged;
    int e = store_open(path, &s);

    if (e == 0)
        e = store_put(s, &lease);
    if (e == 0)
        e = store_commit(s);
    if (e == 0)
        e = store_load(s, count, n, &damaged);
    store_close(s);
    return e;
}

static void a_store(void **state)
{
    char folder[] = "/tmp/memory-XXXXXX", path[64], lock[64];
    int e = -ENOMEM, round = 0;
    unsigned n = 0;

    (void)state;
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/leases", folder);
    snprintf(lock, sizeof(lock), "%s/leases-lock", folder);
    assert_int_equal(use_store(path, &n), 0);
    for (; e == -ENOMEM && round < ROUNDS_MAX; round++) { /* of a file that is there it is checked, too */
        n = 0;
        allocations_left = round;
        e = use_store(path, &n);
        allocations_left = -1;
    }
    assert_int_equal(e, 0);
    assert_int_equal(n, 1);
    assert_true(round > 2);
    unlink(path);
    unlink(lock);
    rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_configuration), cmocka_unit_test(names),   cmocka_unit_test(leases),
        cmocka_unit_test(servers),         cmocka_unit_test(a_store),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
