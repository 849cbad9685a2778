/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Files are what their names say, and those of a folder are opened as its owner. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io/own_file.h"

static char folder[32], path[48], other[48];

static int make_folder(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/own-file-XXXXXX");
    if (!mkdtemp(folder))
        return -1;
    snprintf(path, sizeof(path), "%s/file", folder);
    snprintf(other, sizeof(other), "%s/other", folder);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    unlink(path);
    unlink(other);
    return rmdir(folder);
}

static void make(const char *name, const char *text)
{
    int fd = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
}

static void files_are_made_and_found(void **state)
{
    bool made = false;
    struct stat st;
    int fd = own_file_open(path, 0640, &made);

    (void)state;
    assert_true(fd >= 0);
    assert_true(made);
    assert_int_equal(fstat(fd, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0640);
    close(fd);
    fd = own_file_open(path, 0640, &made);
    assert_true(fd >= 0);
    assert_false(made);
    close(fd);
}

static void what_is_no_file_is_refused(void **state)
{
    (void)state;
    make(other, "somebody else's");
    assert_int_equal(symlink(other, path), 0);
    assert_int_equal(own_file_open(path, 0600, NULL), -ELOOP);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(symlink("nothing", path), 0);
    assert_int_equal(own_file_open(path, 0600, NULL), -ELOOP);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_int_equal(own_file_open(path, 0600, NULL), -ENOTSUP);
    assert_int_equal(own_file_open(folder, 0600, NULL), -EISDIR);
    assert_int_equal(own_file_open("/nowhere/at/all", 0600, NULL), -ENOENT);
    assert_string_equal(own_file_reason(-ENOENT), "its folder is not there");
    assert_non_null(own_file_reason(-ENOSPC));
}

static void a_hard_link_leads_root_nowhere(void **state)
{
    (void)state;
    make(other, "somebody else's");
    assert_int_equal(link(other, path), 0);
    int fd = own_file_open(path, 0600, NULL);
    if (geteuid() == 0) {
        assert_int_equal(fd, -EMLINK);
    } else {
        assert_true(fd >= 0);
        close(fd);
    }
}

/* In a folder of somebody else's root can do what that one can, and then everything again. */
static void a_folder_is_its_owners(void **state)
{
    const struct passwd *nobody = getpwnam("nobody");
    struct stat st;

    (void)state;
    if (geteuid() != 0 || !nobody || chown(folder, nobody->pw_uid, nobody->pw_gid) < 0)
        skip(); /* only root can become somebody, and not in each user namespace */
    make(other, "root's");
    own_file_as_owner(path);
    int of_root = own_file_open(other, 0600, NULL), fd = own_file_open(path, 0600, NULL);
    own_file_as_before();
    assert_int_equal(of_root, -EACCES);
    assert_true(fd >= 0);
    assert_int_equal(fstat(fd, &st), 0);
    assert_int_equal(st.st_uid, nobody->pw_uid);
    assert_int_equal(st.st_gid, nobody->pw_gid);
    close(fd);
    fd = own_file_open(other, 0600, NULL);
    assert_true(fd >= 0);
    close(fd);
}

/* Whoever owns a folder on the way can put a link in place of the next. */
static void a_way_is_its_owners(void **state)
{
    const struct passwd *nobody = getpwnam("nobody");
    char there[96];

    (void)state;
    if (geteuid() != 0 || !nobody || chown(folder, nobody->pw_uid, nobody->pw_gid) < 0)
        skip();
    assert_int_equal(symlink("/", path), 0);
    snprintf(there, sizeof(there), "%s/own-file-of-nobody", path);
    own_file_as_owner(there);
    int fd = own_file_open(there, 0600, NULL);
    own_file_as_before();
    assert_int_equal(fd, -EACCES);
    assert_int_equal(own_file_check_folder(there, F_OK), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, make_folder, remove_folder)
    const struct CMUnitTest tests[] = {
        TEST(files_are_made_and_found),
        TEST(what_is_no_file_is_refused),
        TEST(a_hard_link_leads_root_nowhere),
        TEST(a_folder_is_its_owners),
        TEST(a_way_is_its_owners),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
