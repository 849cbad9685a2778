/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Lease files that come, change, go, are replaced, damaged, of another version; and the thread that looks at them. */
#include "lease_world.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "libiothnamed/config.h"
#include "libiothnamed/lease_keeper.h"
#include "libiothnamed/log_world.h"

#define NOW INT64_C(1800000000)

enum { PAGE = 4096, MAX = 1000 };

static char folder[64], path[96], other[96];
static int make_place(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/leases-XXXXXX");
    if (!mkdtemp(folder))
        return -1;
    snprintf(path, sizeof(path), "%s/leases", folder);
    snprintf(other, sizeof(other), "%s/other", folder);
    lines = 0;
    last_line[0] = '\0';
    return 0;
}

static int remove_place(void **state)
{
    (void)state;
    if (unlink(path) < 0)
        rmdir(path);
    unlink(other);
    return rmdir(folder);
}

static void make_file(const char *where, unsigned n)
{
    struct lease_file_writer w;
    char name[32], addr[32];

    lease_writer_open(&w, where);
    for (unsigned i = 0; i < n; i++) {
        snprintf(name, sizeof(name), "n%u.lan", i);
        snprintf(addr, sizeof(addr), "10.0.%u.%u", i >> 8, i & 255);
        write_lease(&w, name, addr, NOW + 1);
    }
    lease_writer_close(&w);
}

struct looked {
    enum lease_file_state state;
    int error;
    bool left_out;
};

static struct looked look(struct lease_file *f)
{
    struct looked l = {.error = 0};

    l.state = lease_file_look(f, MAX, &l.error, &l.left_out);
    return l;
}

static void expect(struct lease_file *f, enum lease_file_state state, int error)
{
    struct looked l = look(f);

    assert_int_equal(l.state, state);
    if (state == LEASE_FILE_BAD)
        assert_int_equal(l.error, error);
}

static uint32_t count(struct lease_file *f)
{
    return lease_set_count(lease_file_set(f));
}

static void a_file_comes_and_changes_and_goes(void **state)
{
    struct lease_file *f = lease_file_new(path);
    struct lease_file_writer w;

    (void)state;
    expect(f, LEASE_FILE_CHANGED, 0); /* there is none: no leases */
    assert_int_equal(count(f), 0);
    expect(f, LEASE_FILE_SAME, 0);
    close(open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
    expect(f, LEASE_FILE_CHANGED, 0);
    expect(f, LEASE_FILE_SAME, 0);
    lease_writer_open(&w, path);
    expect(f, LEASE_FILE_CHANGED, 0);
    expect(f, LEASE_FILE_SAME, 0);
    write_lease(&w, "a.lan", "10.0.0.1", NOW);
    expect(f, LEASE_FILE_CHANGED, 0);
    assert_int_equal(count(f), 1);
    write_lease(&w, "b.lan", "10.0.0.2", NOW);
    expect(f, LEASE_FILE_CHANGED, 0);
    assert_int_equal(count(f), 2);
    expect(f, LEASE_FILE_SAME, 0);
    lease_writer_close(&w);
    unlink(path);
    expect(f, LEASE_FILE_BAD, -ENOENT); /* what is leased stays leased */
    assert_int_equal(count(f), 2);
    make_file(path, 1);
    expect(f, LEASE_FILE_CHANGED, 0);
    assert_int_equal(count(f), 1);
    lease_file_free(f);
}

static void another_file_takes_its_place(void **state)
{
    struct lease_file *f = lease_file_new(path);

    (void)state;
    make_file(path, 3);
    make_file(other, 5);
    expect(f, LEASE_FILE_CHANGED, 0);
    rename(other, path);
    expect(f, LEASE_FILE_CHANGED, 0);
    assert_int_equal(count(f), 5);
    unlink(path);
    assert_int_equal(symlink(path, path), 0); /* one that cannot be opened */
    expect(f, LEASE_FILE_BAD, -ESTALE);
    assert_int_equal(count(f), 5);
    lease_file_free(f);
}

static void files_that_are_none(void **state)
{
    struct lease_file *f = lease_file_new(path);
    struct lease_file_writer w;

    (void)state;
    assert_int_equal(mkdir(path, 0700), 0);
    expect(f, LEASE_FILE_BAD, -EBADMSG);
    rmdir(path);
    assert_int_equal(mkfifo(path, 0600), 0);
    expect(f, LEASE_FILE_BAD, -EBADMSG);
    unlink(path);
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_int_equal(write(fd, "no leases", 9), 9);
    close(fd);
    expect(f, LEASE_FILE_BAD, -EBADMSG);
    assert_null(lease_file_set(f));
    unlink(path);
    make_file(path, 1);
    lease_writer_open(&w, path);
    writer_begin(&w);
    writer_put_raw(&w, "V", 1, "namedhcp\7", 9);
    writer_commit(&w);
    lease_writer_close(&w);
    expect(f, LEASE_FILE_BAD, -EPROTONOSUPPORT);
    assert_null(lease_file_set(f));
    lease_file_free(f);
}

static void more_than_the_most_are_left_out(void **state)
{
    struct lease_file *f = lease_file_new(path);

    (void)state;
    make_file(path, MAX + 1);
    struct looked l = look(f);
    assert_int_equal(l.state, LEASE_FILE_CHANGED);
    assert_true(l.left_out);
    assert_int_equal(count(f), MAX);
    lease_file_free(f);
}

/* Each page in turn made of zeros, of ones, of another page, its bytes changed: a copy, or an error. */
static void damaged_pages(void **state)
{
    struct stat st;
    unsigned bad = 0;

    (void)state;
    make_file(path, 200);
    int fd = open(path, O_RDWR | O_CLOEXEC);
    assert_int_equal(fstat(fd, &st), 0);
    size_t len = (size_t)st.st_size, pages = len / PAGE;
    uint8_t *sound = malloc(len), *page = malloc(PAGE);
    assert_true(sound && page);
    assert_int_equal(pread(fd, sound, len, 0), len);
    for (size_t i = 0; i < pages; i++) {
        for (unsigned way = 0; way < 3 + 100; way++) {
            struct lease_file *f = lease_file_new(path);
            memcpy(page, sound + (way == 2 ? (i + 1) % pages : i) * PAGE, PAGE);
            if (way < 2)
                memset(page, way == 0 ? 0 : 0xff, PAGE);
            if (way > 2)
                page[way < 53 ? way - 3 : PAGE - 1 - (way - 53) * 37] ^= (uint8_t)(1u << (way + i) % 8);
            assert_int_equal(pwrite(fd, page, PAGE, (off_t)(i * PAGE)), PAGE);
            struct looked l = look(f);
            assert_int_not_equal(l.state, LEASE_FILE_SAME);
            if (l.state == LEASE_FILE_BAD)
                assert_true(l.error == -EBADMSG || l.error == -EPROTONOSUPPORT || l.error == -EAGAIN);
            bad += l.state == LEASE_FILE_BAD;
            lease_file_free(f);
        }
        assert_int_equal(pwrite(fd, sound + i * PAGE, PAGE, (off_t)(i * PAGE)), PAGE);
    }
    assert_true(bad > 2 * 8);
    for (size_t cut = 1; cut < len; cut += 499) {
        struct lease_file *f = lease_file_new(path);
        assert_int_equal(ftruncate(fd, (off_t)(len - cut)), 0);
        look(f);
        lease_file_free(f);
    }
    close(fd);
    free(sound);
    free(page);
}

/* --- the thread --- */

static unsigned changes;

static void count_change(void *arg)
{
    (void)arg;
    pthread_mutex_lock(&log_lock);
    changes++;
    pthread_mutex_unlock(&log_lock);
}

static struct config *configured(const char *text)
{
    struct diags diags = {0};
    struct config *config = NULL;
    char all[256], file[128];

    snprintf(all, sizeof(all), "net all ::/0\n%s", text);
    snprintf(file, sizeof(file), "%s/named.rc", folder);
    assert_int_equal(config_parse(file, all, strlen(all), &config, &diags), 0);
    diags_fini(&diags);
    return config;
}

static uint32_t kept(struct lease_keeper *k, const struct config *c, unsigned i)
{
    struct lease_sets *sets = lease_keeper_sets(k, c);

    assert_non_null(sets);
    assert_true(i < sets->count);
    uint32_t n = sets->list[i] ? lease_set_count(sets->list[i]) : UINT32_MAX;
    lease_sets_unref(sets);
    return n;
}

static double seconds(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void wait_until_kept(struct lease_keeper *k, const struct config *c, unsigned i, uint32_t n)
{
    for (double end = seconds() + 60; kept(k, c, i) != n; usleep(5000))
        assert_true(seconds() < end);
}

static void wait_until_said(const char *text)
{
    for (double end = seconds() + 60;; usleep(5000)) {
        pthread_mutex_lock(&log_lock);
        bool said = strstr(last_line, text);
        pthread_mutex_unlock(&log_lock);
        if (said)
            return;
        assert_true(seconds() < end);
    }
}

static struct lease_keeper *new_keeper(void)
{
    const struct lease_keeper_settings settings = {.log = &log_lines, .changed = count_change};
    struct lease_keeper *k = NULL;

    assert_int_equal(lease_keeper_new(&settings, &k), 0);
    return k;
}

static void the_keeper_follows_a_file(void **state)
{
    struct lease_keeper *k = new_keeper();
    struct config *c = configured("auth lease all .lan leases\n");
    struct lease_file_writer w;

    (void)state;
    lease_writer_open(&w, path);
    write_lease(&w, "a.lan", "10.0.0.1", NOW);
    assert_int_equal(lease_keeper_want(k, c), 0); /* there is no thread yet */
    assert_int_equal(kept(k, c, 0), 1);
    changes = 0;
    assert_int_equal(lease_keeper_start(k), 0);
    write_lease(&w, "b.lan", "10.0.0.2", NOW);
    wait_until_kept(k, c, 0, 2);
    lease_writer_close(&w);
    assert_int_equal(truncate(path, PAGE + 100), 0);
    wait_until_said("damaged");
    assert_int_equal(kept(k, c, 0), 2);
    make_file(other, 7);
    assert_int_equal(rename(other, path), 0);
    wait_until_kept(k, c, 0, 7);
    wait_until_said("is read again");
    pthread_mutex_lock(&log_lock);
    assert_int_equal(changes, 2);
    assert_int_equal(lines, 2);
    pthread_mutex_unlock(&log_lock);
    lease_keeper_stop(k);
    config_free(c);
}

/* A path that is mistyped, or a namedhcp that comes later. */
static void a_file_that_is_not_there_is_told(void **state)
{
    struct lease_keeper *k = new_keeper();
    struct config *c = configured("auth lease all .lan leases\n");

    (void)state;
    assert_int_equal(lease_keeper_want(k, c), 0);
    wait_until_said("a lease file is not there yet");
    assert_int_equal(lease_keeper_start(k), 0);
    make_file(path, 3);
    wait_until_kept(k, c, 0, 3);
    wait_until_said("a lease file is there now");
    pthread_mutex_lock(&log_lock);
    assert_int_equal(lines, 2);
    pthread_mutex_unlock(&log_lock);
    lease_keeper_stop(k);
    config_free(c);
}

static void other_files_are_wanted_while_it_runs(void **state)
{
    struct lease_keeper *k = new_keeper();
    struct config *none = configured("auth static all .\n");
    struct config *one = configured("auth lease all .lan leases\n");
    struct config *both = configured("auth lease all .home other\nauth lease all .lan leases\n");

    (void)state;
    make_file(path, 3);
    make_file(other, 5);
    assert_int_equal(lease_keeper_want(k, none), 0);
    assert_int_equal(lease_keeper_start(k), 0);
    assert_int_equal(lease_keeper_want(k, one), 0); /* the thread begins with the first file */
    assert_int_equal(kept(k, one, 0), 3);
    assert_int_equal(lease_keeper_want(k, both), 0);
    assert_int_equal(kept(k, both, 0), 5); /* it has been read when want returns */
    assert_int_equal(kept(k, both, 1), 3);
    lease_keeper_drop_others(k, one);
    wait_until_kept(k, both, 0, UINT32_MAX);
    assert_int_equal(kept(k, one, 0), 3);
    lease_keeper_stop(k);
    config_free(none);
    config_free(one);
    config_free(both);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_file_comes_and_changes_and_goes, make_place, remove_place),
        cmocka_unit_test_setup_teardown(another_file_takes_its_place, make_place, remove_place),
        cmocka_unit_test_setup_teardown(files_that_are_none, make_place, remove_place),
        cmocka_unit_test_setup_teardown(more_than_the_most_are_left_out, make_place, remove_place),
        cmocka_unit_test_setup_teardown(damaged_pages, make_place, remove_place),
        cmocka_unit_test_setup_teardown(the_keeper_follows_a_file, make_place, remove_place),
        cmocka_unit_test_setup_teardown(a_file_that_is_not_there_is_told, make_place, remove_place),
        cmocka_unit_test_setup_teardown(other_files_are_wanted_while_it_runs, make_place, remove_place),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
