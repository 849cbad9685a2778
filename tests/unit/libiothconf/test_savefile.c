/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Small files that are replaced as a whole. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "libiothconf/savefile.h"

static char folder[32];

static int setup(void **state)
{
    (void)state;
    snprintf(folder, sizeof(folder), "/tmp/ioth-save-XXXXXX");
    return mkdtemp(folder) != NULL ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    return rmdir(folder);
}

static const char *path_of(const char *name)
{
    static char path[96];

    snprintf(path, sizeof(path), "%s/%s", folder, name);
    return path;
}

static void assert_content(const char *name, const void *bytes, size_t len)
{
    uint8_t *read;
    nsec_t age = -1;

    assert_int_equal(savefile_read(folder, name, &read, &age), len);
    assert_memory_equal(read, bytes, len);
    assert_in_range(age, 0, 60 * NSEC_PER_SEC);
    free(read);
}

static unsigned files(void)
{
    DIR *dir = opendir(folder);
    unsigned n = 0;

    for (const struct dirent *entry; (entry = readdir(dir)) != NULL;)
        n += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
    closedir(dir);
    return n;
}

static void test_write_and_read(void **state)
{
    static uint8_t large[SAVEFILE_MAX];
    struct stat st;

    (void)state;
    for (size_t i = 0; i < sizeof(large); i++)
        large[i] = (uint8_t)(i * 13);
    assert_int_equal(savefile_write(folder, "a", "old content", 11), 0);
    assert_content("a", "old content", 11);
    assert_int_equal(savefile_write(folder, "a", large, sizeof(large)), 0);
    assert_content("a", large, sizeof(large));
    assert_int_equal(savefile_write(folder, "a", "x", 1), 0);
    assert_content("a", "x", 1);
    assert_int_equal(stat(path_of("a"), &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    assert_int_equal(files(), 1);
    assert_int_equal(savefile_write(folder, "a", NULL, 0), 0);
    assert_int_equal(savefile_write(folder, "a", NULL, 0), 0);
    assert_int_equal(files(), 0);
}

static void test_age(void **state)
{
    struct timeval times[2] = {{.tv_sec = time(NULL) - 1000}, {.tv_sec = time(NULL) - 1000}};
    uint8_t *read;
    nsec_t age;

    (void)state;
    assert_int_equal(savefile_write(folder, "a", "x", 1), 0);
    assert_int_equal(utimes(path_of("a"), times), 0);
    assert_int_equal(savefile_read(folder, "a", &read, &age), 1);
    assert_in_range(age, 999 * NSEC_PER_SEC, 1060 * NSEC_PER_SEC);
    free(read);
    times[0].tv_sec = times[1].tv_sec = time(NULL) + 1000; /* the clock was set back */
    assert_int_equal(utimes(path_of("a"), times), 0);
    assert_int_equal(savefile_read(folder, "a", &read, &age), 1);
    assert_int_equal(age, 0);
    free(read);
    assert_int_equal(unlink(path_of("a")), 0);
}

static void test_errors(void **state)
{
    uint8_t *read = NULL;
    nsec_t age;
    FILE *file;

    (void)state;
    assert_int_equal(savefile_check_folder(folder), 0);
    assert_int_equal(savefile_check_folder("/nowhere"), -ENOENT);
    assert_int_equal(savefile_check_folder("/dev/null"), -ENOTDIR);
    assert_int_equal(savefile_read(folder, "a", &read, &age), -ENOENT);
    assert_int_equal(savefile_write("/nowhere", "a", "x", 1), -ENOENT);
    assert_int_equal(savefile_read("/nowhere", "a", &read, &age), -ENOENT);
    file = fopen(path_of("large"), "w");
    assert_int_equal(ftruncate(fileno(file), SAVEFILE_MAX + 1), 0);
    fclose(file);
    assert_int_equal(savefile_read(folder, "large", &read, &age), -EFBIG);
    assert_null(read);
    assert_int_equal(unlink(path_of("large")), 0);
    /* Nor waits at a FIFO. */
    assert_int_equal(mkfifo(path_of("fifo"), 0600), 0);
    assert_int_equal(savefile_read(folder, "fifo", &read, &age), -EINVAL);
    assert_null(read);
    assert_int_equal(savefile_write(folder, "fifo", "x", 1), 0);
    assert_content("fifo", "x", 1);
    assert_int_equal(unlink(path_of("fifo")), 0);
    /* Not through a link that somebody has put there. */
    assert_int_equal(symlink("/etc/hostname", path_of("link")), 0);
    assert_int_equal(savefile_read(folder, "link", &read, &age), -ELOOP);
    assert_int_equal(savefile_write(folder, "link", "x", 1), 0);
    assert_content("link", "x", 1);
    assert_int_equal(unlink(path_of("link")), 0);
}

/* What somebody who was killed left behind is no obstacle. */
static void test_leftover(void **state)
{
    char name[32];
    FILE *file;

    (void)state;
    snprintf(name, sizeof(name), ".a.%d.new", (int)gettid());
    file = fopen(path_of(name), "w");
    assert_non_null(file);
    fputs("half of", file);
    fclose(file);
    assert_int_equal(savefile_write(folder, "a", "whole", 5), 0);
    assert_content("a", "whole", 5);
    assert_int_equal(files(), 1);
    assert_int_equal(unlink(path_of("a")), 0);
}

static void *write_often(void *arg)
{
    static const uint8_t bytes[4096] = {1};
    int errors = 0;

    (void)arg;
    for (int i = 0; i < 20; i++)
        errors += savefile_write(folder, "a", bytes, sizeof(bytes)) != 0;
    return (void *)(intptr_t)errors;
}

static void *create(void *arg)
{
    int rc = savefile_create(folder, "a", arg, 1);

    assert_true(rc == 0 || rc == -EEXIST);
    return (void *)(intptr_t)rc;
}

/* Of those who make a file one does; who replaces it at the same time as others does so. */
static void test_several(void **state)
{
    enum { THREADS = 8 };
    pthread_t threads[THREADS];
    unsigned made = 0;
    struct stat st;
    void *result;

    (void)state;
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, create, &"12345678"[i]), 0);
    for (size_t i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(threads[i], &result), 0);
        made += result == NULL;
    }
    assert_int_equal(made, 1);
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, write_often, NULL), 0);
    for (size_t i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(threads[i], &result), 0);
        assert_null(result);
    }
    assert_int_equal(stat(path_of("a"), &st), 0);
    assert_int_equal(st.st_size, 4096);
    assert_int_equal(files(), 1);
    assert_int_equal(unlink(path_of("a")), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_write_and_read), cmocka_unit_test(test_age),     cmocka_unit_test(test_errors),
        cmocka_unit_test(test_leftover),       cmocka_unit_test(test_several),
    };

    return cmocka_run_group_tests_name("what a client keeps", tests, setup, teardown);
}
