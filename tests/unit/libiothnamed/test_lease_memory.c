/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Out of memory at each allocation in turn while a lease file is read: an error, the last copy stays, and the next look reads it. */
#include "lease_world.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "libiothdns/failing_memory.h"
#include "libiothnamed/lease_keeper.h"

static char folder[] = "/tmp/leases-XXXXXX", path[64];

static void a_file_is_read(void **state)
{
    struct lease_file_writer w;
    struct lease_file *f = NULL;
    int round = 0, error = -ENOMEM;
    bool left_out;
    char name[32], addr[32];

    (void)state;
    for (; !f; round++) {
        allocations_left = round;
        f = lease_file_new(path);
        allocations_left = -1;
    }
    for (round = 0; error == -ENOMEM; round++) { /* there is no file yet */
        allocations_left = round;
        enum lease_file_state s = lease_file_look(f, 1000, &error, &left_out);
        allocations_left = -1;
        assert_int_equal(s, error < 0 ? LEASE_FILE_BAD : LEASE_FILE_CHANGED);
    }
    lease_writer_open(&w, path);
    for (unsigned i = 0; i < 300; i++) {
        snprintf(name, sizeof(name), "a-name-of-some-length-%u.lan", i);
        snprintf(addr, sizeof(addr), "10.0.%u.%u", i >> 8, i & 255);
        write_lease(&w, name, addr, 1000);
    }
    lease_writer_close(&w);
    error = -ENOMEM;
    for (round = 0; error == -ENOMEM; round++) {
        allocations_left = round;
        enum lease_file_state s = lease_file_look(f, 1000, &error, &left_out);
        allocations_left = -1;
        assert_int_equal(s, error < 0 ? LEASE_FILE_BAD : LEASE_FILE_CHANGED);
        assert_int_equal(lease_set_count(lease_file_set(f)), error < 0 ? 0 : 300);
    }
    assert_int_equal(error, 0);
    assert_true(round > 6);
    lease_file_free(f);
}

static void say_nothing(void *arg, enum log_level level, const char *line)
{
    (void)arg;
    (void)level;
    (void)line;
}

static void a_keeper_is_made_and_asked(void **state)
{
    struct diags diags = {0};
    struct config *c = NULL;
    const char *text = "net all ::/0\nauth lease all .lan leases\nauth lease all .home other\n";
    struct lease_keeper *k = NULL;
    const struct log log = {.write = say_nothing};
    const struct lease_keeper_settings settings = {.log = &log};
    struct lease_sets *sets = NULL;

    (void)state;
    assert_int_equal(config_parse("/tmp/x.rc", text, strlen(text), &c, &diags), 0);
    diags_fini(&diags);
    for (int round = 0, e = -ENOMEM; e == -ENOMEM; round++) {
        allocations_left = round;
        e = lease_keeper_new(&settings, &k);
        if (e == 0 && (e = lease_keeper_want(k, c)) == 0 && !(sets = lease_keeper_sets(k, c)))
            e = -ENOMEM;
        allocations_left = -1;
        assert_true(e == 0 || e == -ENOMEM);
        lease_keeper_stop(k);
        k = NULL;
    }
    assert_int_equal(sets->count, 2);
    lease_sets_unref(sets);
    config_free(c);
}

static int make_folder(void **state)
{
    (void)state;
    if (!mkdtemp(folder))
        return -1;
    snprintf(path, sizeof(path), "%s/leases", folder);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    unlink(path);
    return rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_is_read),
        cmocka_unit_test(a_keeper_is_made_and_asked),
    };

    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
