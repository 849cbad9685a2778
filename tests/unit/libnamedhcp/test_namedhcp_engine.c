/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a server is made of when it is given a configuration. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "libnamedhcp/namedhcp_engine.h"
#include "libnamedhcp/store.h"

#define NET 0x0a010000u /* 10.1.0.0 */

static struct namedhcp_engine *engine_of(const char *text, struct store *store)
{
    const struct namedhcp_ground ground = {.store = store, .serve4 = true, .now = {NSEC_PER_SEC, 1000000}};
    struct namedhcp_draft *draft = NULL;
    struct namedhcp_config *config = NULL;
    struct namedhcp_engine *engine = NULL;
    char why[NAMEDHCP_WHY_MAX] = "";

    assert_int_equal(namedhcp_draft_new(true, &draft), 0);
    assert_int_equal(namedhcp_draft_text(draft, "t.rc", text, strlen(text)), 0);
    assert_int_equal(namedhcp_draft_finish(draft, &config), 0);
    namedhcp_draft_free(draft);
    if (namedhcp_engine_new(config, &ground, &engine, why, sizeof(why)) < 0)
        fail_msg("%s", why);
    return engine;
}

static void addresses_that_no_host_has_are_not_leased(void **state)
{
    struct store *store = NULL;

    (void)state;
    assert_int_equal(store_open(NULL, &store), 0);
    struct namedhcp_engine *e = engine_of("serverid 10.1.0.1\n"
                                          "subnet 10.1.0.0/24\npool 10.1.0.0-10.1.0.255\n"
                                          "subnet 10.2.0.0/31\npool 10.2.0.0-10.2.0.1\n"
                                          "fixed 02:00:00:00:00:07=10.1.0.7\n",
                                          store);
    assert_false(lease_in_pool(e->leases, 0, NET));
    assert_false(lease_in_pool(e->leases, 0, NET + 255));
    assert_false(lease_in_pool(e->leases, 0, NET + 7));
    assert_true(lease_in_pool(e->leases, 0, NET + 1) && lease_in_pool(e->leases, 0, NET + 254));
    assert_true(lease_in_pool(e->leases, 1, 0x0a020000) && lease_in_pool(e->leases, 1, 0x0a020001));
    namedhcp_engine_free(e);
    store_close(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_that_no_host_has_are_not_leased),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
