/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A proxy whose stack dies of an assertion inside lwIP while its threads serve: it says that it is not well, and ends as always. */
#include "io/daemon_options.h"
#include "libotip/proxy_state.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "lab.h"
#include "lwip/mortal.h"

static struct otip_proxy *start(const char *extstack, const char *intstack)
{
    struct daemon_options options = {.program = "otip_rproxy"};
    struct daemon_host host = {0};
    struct daemon_config *config;
    void *service = NULL;
    char why[PROXY_WHY_MAX] = "";

    assert_true(daemon_add_word(&options, "extstack", extstack));
    assert_true(daemon_add_word(&options, "intstack", intstack));
    assert_true(daemon_add_word(&options, "name", "renzo.otip"));
    assert_true(daemon_add_word(&options, "base", "fc00::"));
    assert_true(daemon_add_word(&options, "passwd", "mypassword"));
    assert_true(daemon_add_word(&options, "tcp", "22,127.0.0.1,22"));
    if (otip_proxy_load(&options, &config, why, sizeof(why)) < 0 ||
        otip_proxy_start(config, &host, &service, why, sizeof(why)) < 0)
        fail_msg("%s", why);
    daemon_options_fini(&options);
    return service;
}

static void die(struct ioth *stack)
{
    int fd = ioth_msocket(stack, AF_INET6, SOCK_DGRAM, 0);

    assert_true(fd >= 0);
    assert_int_equal(ioth_setsockopt(fd, MORTAL_LEVEL, MORTAL_NOW, NULL, 0), -1);
    assert_int_equal(errno, ENOTRECOVERABLE);
    ioth_close(fd);
}

static bool is_ill(void *arg)
{
    return !proxy_is_alive(arg);
}

static bool serves(void *arg)
{
    struct otip_proxy_stats stats;

    otip_proxy_stats(arg, &stats);
    return stats.addresses_open > 0 && proxy_is_alive(arg);
}

static void check(bool external)
{
    char mortal[256], lwip[256];

    snprintf(mortal, sizeof(mortal), "stack=mortal,vnl=%s,eth", lab_vnl());
    snprintf(lwip, sizeof(lwip), "stack=lwip,vnl=%s,eth", lab_vnl());
    struct otip_proxy *p = external ? start(mortal, "stack=kernel") : start(lwip, mortal);
    assert_true(lab_wait(serves, p));
    die(external ? p->extstack : p->intstack);
    assert_true(lab_wait(is_ill, p));
    otip_proxy_stop(p);
}

static void the_external_stack_dies(void **state)
{
    (void)state;
    check(true);
}

static void the_internal_stack_dies(void **state)
{
    (void)state;
    check(false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_external_stack_dies),
        cmocka_unit_test(the_internal_stack_dies),
    };

    setenv("IOTH_PLUGIN_PATH", MORTAL_FOLDER, 1);
    return lab_run(tests);
}
