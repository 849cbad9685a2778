/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Stacks of a service: each string once, and what is said when there is none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <ioth.h>
#include <stdlib.h>
#include <string.h>

#include "libiothconf/open/open_stack.h"

static void strings_are_checked(void **state)
{
    char why[256] = "";

    (void)state;
    assert_int_equal(open_stack_check("stack", NULL, why, sizeof(why)), 0);
    assert_int_equal(open_stack_check("stack", "stack=kernel", why, sizeof(why)), 0);
    assert_int_equal(open_stack_check("fstack", "stack=lwip,foo=1", why, sizeof(why)), -EINVAL);
    assert_int_equal(strncmp(why, "fstack: at 'foo=1': ", 20), 0);
    assert_int_equal(open_stack_check("fstack", "eth,stack=nosuch,vnl=x", why, sizeof(why)), -ENOENT);
    assert_int_equal(strncmp(why, "fstack: there is no stack 'nosuch', expected one such as ", 57), 0);
    assert_int_equal(open_stack_find("stack='nosuch,dad=0'", why, sizeof(why)), -ENOENT);
    assert_int_equal(strncmp(why, "there is no stack 'nosuch',", 27), 0);
    assert_int_equal(open_stack_find("stack={kernel},eth", why, sizeof(why)), 0);
    assert_int_equal(open_stack_find(NULL, why, sizeof(why)), 0);
}

/* Who forgets "stack=" has named a network that is not there. */
static void a_stack_is_no_network(void **state)
{
    char why[256] = "";

    (void)state;
    assert_int_equal(open_stack_check_vnl("stack", "kernel", why, sizeof(why)), -EINVAL);
    assert_string_equal(
        why, "stack: 'kernel' is a stack and no virtual network, expected stack=kernel, or a network "
             "such as vde:///tmp/hub");
    assert_int_equal(open_stack_check_vnl("stack", "kernel,eth", why, sizeof(why)), -EINVAL);
    assert_int_equal(open_stack_check_vnl("stack", "vde:///tmp/hub", why, sizeof(why)), 0);
    assert_int_equal(open_stack_check_vnl("stack", "/tmp/hub", why, sizeof(why)), 0);
    assert_int_equal(open_stack_check_vnl("stack", "nosuchkind", why, sizeof(why)), 0);
}

static void one_stack_a_string(void **state)
{
    struct open_stacks s = {0};
    struct ioth *a = NULL, *b = NULL, *c = NULL;
    char why[256];

    (void)state;
    assert_int_equal(open_stacks_find(&s, "stack", NULL, NULL, &a, why, sizeof(why)), 0);
    assert_int_equal(open_stacks_find(&s, "stack", "stack=kernel", NULL, &b, why, sizeof(why)), 0);
    assert_int_equal(open_stacks_find(&s, "stack", NULL, NULL, &c, why, sizeof(why)), 0);
    assert_true(a && b && a != b && a == c && s.n == 2);
    open_stacks_close(&s);
    assert_int_equal(s.n, 0);
    open_stacks_close(&s);
}

static void keep_line(void *arg, enum log_level level, const char *line)
{
    char *said = arg;

    (void)level;
    strcat(strcat(said, line), "\n");
}

static void what_is_made_is_said(void **state)
{
    char said[4096] = "", why[256];
    const struct log log = {.write = keep_line, .arg = said};
    struct ioth *stack = NULL;

    (void)state;
    if (open_stack_find("stack=lwip", why, sizeof(why)) < 0)
        skip();
    assert_int_equal(open_stack("stack", NULL, &log, &stack, why, sizeof(why)), 0);
    ioth_delstack(stack);
    assert_string_equal(said, "");
    assert_int_equal(open_stack("stack", "stack=lwip", &log, &stack, why, sizeof(why)), 0);
    ioth_delstack(stack);
    assert_string_equal(said, "this stack is on no network, expected vnl= in its string what=stack "
                              "string=\"stack=lwip\"\n");
    said[0] = '\0';
    assert_int_equal(open_stack("stack", "stack=lwip,vnl=null://,eth", &log, &stack, why, sizeof(why)), 0);
    ioth_delstack(stack);
    assert_string_equal(said, "making a stack what=stack string=\"stack=lwip,vnl=null://,eth\"\n");
}

static void what_is_not_there_is_said(void **state)
{
    struct ioth *stack = (struct ioth *)&state;
    struct ioth *before = stack;
    char why[256];

    (void)state;
    assert_true(open_stack("dnsstack", "stack=nosuchkind", NULL, &stack, why, sizeof(why)) < 0);
    assert_ptr_equal(stack, before);
    assert_int_equal(strncmp(why, "cannot make the dnsstack 'stack=nosuchkind': ", 45), 0);
    assert_non_null(strstr(why, ": there is no stack 'nosuchkind', "));
    assert_true(open_stack("stack", "stack=nosuchkind,vnl=vde:///no/hub", NULL, &stack, why, sizeof(why)) <
                0);
    assert_non_null(strstr(why, ": there is no stack 'nosuchkind', "));
    assert_true(open_stack("stack", "stack=vdestack,vnl=vdee:///tmp", NULL, &stack, why, sizeof(why)) < 0);
    assert_non_null(strstr(why, ": there is no kind 'vdee' of virtual networks, expected "));
    assert_true(
        open_stack("stack", "stack=vdestack,vnl=vde:///no/hub[3],eth", NULL, &stack, why, sizeof(why)) < 0);
    assert_non_null(strstr(why, ": its virtual network is not there: does the hub or switch run"));
}

/* Without a network: before anything is made. */
static void kinds_of_networks_are_looked_for(void **state)
{
    char why[256];

    (void)state;
    assert_int_equal(open_stack_check("stack", "stack=kernel,vnl='vdee:///x'", why, sizeof(why)), -ENOENT);
    assert_non_null(strstr(why, "stack: there is no kind 'vdee' of virtual networks, expected "));
    assert_int_equal(open_stack_check("stack", "stack=kernel,vnl=vde:///x,vnl=no://y", why, sizeof(why)),
                     -ENOENT);
    assert_non_null(strstr(why, "'no'"));
    assert_int_equal(open_stack_check("stack", "stack=kernel,vnl=vde:///no/hub", why, sizeof(why)), 0);
    assert_int_equal(open_stack_check("stack", "stack=kernel,vnl=/no/hub", why, sizeof(why)), 0);
    assert_int_equal(open_stack_check_vnl("iface a", "vdee://x", why, sizeof(why)), -ENOENT);
    assert_int_equal(open_stack_check_vnl("iface a", "hub:///x", why, sizeof(why)), 0);
}

static void the_systems_interfaces_are_left_alone(void **state)
{
    char why[256];

    (void)state;
    assert_true(open_stack_is_virtual("stack=lwip,vnl=vde:///x") &&
                open_stack_is_virtual("STACK=lwip,VNL=x"));
    assert_false(open_stack_is_virtual("stack=kernel"));
    assert_false(open_stack_is_virtual(NULL));
    assert_true(open_stack_is_system(NULL) && open_stack_is_system("stack=kernel") &&
                open_stack_is_system("eth,STACK=Kernel,ip=10.0.0.1/8") &&
                open_stack_is_system("ip=10.0.0.1/8") && open_stack_is_system("eth, stack='kernel' "));
    assert_false(open_stack_is_system("stack=lwip,vnl=vde:///x") || open_stack_is_system("stack=kernels"));
    assert_false(open_stack_is_system("vnl=vde:///tmp/stack=kernel,stack=lwip"));
    assert_false(open_stack_is_virtual("stack=kernel,statedir=/var/vnl=x"));
    assert_int_equal(open_stack_bring_up(NULL, NULL, "lo", why, sizeof(why)), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(strings_are_checked),
        cmocka_unit_test(a_stack_is_no_network),
        cmocka_unit_test(one_stack_a_string),
        cmocka_unit_test(what_is_not_there_is_said),
        cmocka_unit_test(kinds_of_networks_are_looked_for),
        cmocka_unit_test(what_is_made_is_said),
        cmocka_unit_test(the_systems_interfaces_are_left_alone),
    };
    unsetenv("LD_LIBRARY_PATH"); /* with either of them nobody knows where modules lie */
    unsetenv("VDEPLUGIN_PATH");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
