/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What travels with a stack: who owns it is told of the stack's end in the right order, and his sockets are not in
   the way. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "ioth.h"
#include "libioth/slot.h"

/* An owner with a socket, who notes what he is told. */
static struct owner {
    int fd, hold; /* hold: what to return */
    char told[32];
} owner;

static void note(const char *word)
{
    strcat(owner.told, word);
}

static int on_hold(void *data)
{
    assert_ptr_equal(data, &owner);
    note("h");
    return owner.hold;
}

static void on_resume(void *data)
{
    (void)data;
    note("r");
}

static void on_finish(void *data)
{
    (void)data;
    note("f");
    ioth_close(owner.fd);
}

static void on_destroy(void *data)
{
    (void)data;
    note("d");
}

static const struct slot_hooks hooks = {on_hold, on_resume, on_finish, on_destroy};

static struct ioth *new_owned_stack(void)
{
    struct ioth *stack = ioth_newstack("kernel", NULL);

    assert_non_null(stack);
    owner = (struct owner){.fd = ioth_msocket(stack, AF_INET, SOCK_DGRAM, 0), .hold = 1};
    assert_true(owner.fd >= 0);
    assert_null(ioth_slot_attach(stack, NULL, NULL));
    assert_ptr_equal(ioth_slot_attach(stack, &owner, &hooks), &owner);
    assert_ptr_equal(ioth_slot_attach(stack, &owner.hold, &hooks), &owner);
    return stack;
}

static void test_the_end(void **state)
{
    struct ioth *stack = new_owned_stack();

    (void)state;
    assert_int_equal(ioth_delstack(stack), 0);
    assert_string_equal(owner.told, "hfd");
}

/* Somebody else's socket keeps the stack, and the owner goes on. */
static void test_busy(void **state)
{
    struct ioth *stack = new_owned_stack();
    int fd = ioth_msocket(stack, AF_INET, SOCK_DGRAM, 0);

    (void)state;
    assert_int_equal(ioth_delstack(stack), -1);
    assert_int_equal(errno, EBUSY);
    assert_string_equal(owner.told, "hr");
    ioth_close(fd);
    assert_int_equal(ioth_delstack(stack), 0);
    assert_string_equal(owner.told, "hrhfd");
}

/* An owner who cannot stand still now. */
static void test_not_now(void **state)
{
    struct ioth *stack = new_owned_stack();

    (void)state;
    owner.hold = -EBUSY;
    assert_int_equal(ioth_delstack(stack), -1);
    assert_int_equal(errno, EBUSY);
    assert_string_equal(owner.told, "h");
    owner.hold = 1;
    assert_int_equal(ioth_delstack(stack), 0);
    assert_string_equal(owner.told, "hhfd");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_end),
        cmocka_unit_test(test_busy),
        cmocka_unit_test(test_not_now),
    };

    return cmocka_run_group_tests_name("what travels with a stack", tests, NULL, NULL);
}
