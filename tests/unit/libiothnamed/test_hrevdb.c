/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The reverse table on disk: what comes back after a restart, what must not, clocks that were set, files that
 * cannot be used, and files that are damaged in thousands of ways. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "libiothnamed/chance.h"
#include "libiothnamed/hrev_world.h"
#include "libiothnamed/hrevdb.h"
#include "libiothnamed/log_world.h"

#define HASHTTL_S 600
#define LIFETIME  (HASHTTL_S * NSEC_PER_SEC)

static const struct ipaddr client = {{0xfc, [15] = 1}};

struct place {
    char folder[64], path[96];
};

/* The last line has that text, and it was the nth. */
static bool said(const char *text, unsigned nth)
{
    pthread_mutex_lock(&log_lock);
    bool found = strstr(last_line, text) && lines == nth;
    pthread_mutex_unlock(&log_lock);
    return found;
}

static int make_place(void **state)
{
    static struct place place;

    strcpy(place.folder, "/tmp/hrevdb-XXXXXX");
    if (!mkdtemp(place.folder))
        return -1;
    snprintf(place.path, sizeof(place.path), "%s/names", place.folder);
    last_line[0] = '\0';
    lines = 0;
    *state = &place;
    return 0;
}

static int remove_place(void **state)
{
    struct place *place = *state;

    if (unlink(place->path) < 0)
        rmdir(place->path);
    return rmdir(place->folder);
}

static wall_t wall(void)
{
    return clock_now(CLOCK_REALTIME);
}

static void ask_for(struct hrev *h, unsigned number, nsec_t lifetime)
{
    struct ipaddr addr = numbered_addr(number);
    uint8_t name[DNAME_MAX];
    size_t len = numbered_name(number, name);
    nsec_t at = monotonic_now();

    hrev_learn(h, &addr, name, len, &client, at, at + lifetime);
}

static bool known(struct hrev *h, unsigned number, nsec_t at)
{
    struct ipaddr addr = numbered_addr(number);
    uint8_t name[DNAME_MAX], found[DNAME_MAX];
    int len = hrev_find(h, &addr, at, found);

    if (len < 0)
        return false;
    assert_int_equal(len, numbered_name(number, name));
    assert_memory_equal(found, name, (size_t)len);
    return true;
}

static unsigned count_known(struct hrev *h, unsigned below)
{
    unsigned n = 0;

    for (unsigned number = 0; number < below; number++)
        n += known(h, number, monotonic_now());
    return n;
}

static struct hrevdb *start(const struct place *place, struct hrev *h)
{
    struct hrevdb_settings settings = {
        .path = place->path, .hrev = h, .hashttl_s = HASHTTL_S, .log = &log_lines};
    struct hrevdb *db = NULL;
    char why[256] = "";

    if (hrevdb_start(&settings, &db, why, sizeof(why)) < 0)
        fail_msg("%s", why);
    return db;
}

/* A table with what the file has. */
static struct hrev *reloaded(const struct place *place, uint32_t max)
{
    struct hrev *h = new_hrev(max);

    hrevdb_stop(start(place, h));
    return h;
}

static void wait_until(bool (*condition)(void *arg), void *arg)
{
    nsec_t end = monotonic_now() + 60 * NSEC_PER_SEC;

    while (!condition(arg)) {
        if (monotonic_now() > end)
            fail_msg("it did not happen; the last line was: %s", last_line);
        nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
    }
}

/* ---- restarts */

static void names_outlive_the_table(void **state)
{
    struct hrev *h = new_hrev(1000);
    struct hrevdb *db = start(*state, h);

    for (unsigned i = 0; i < 500; i++)
        ask_for(h, i, LIFETIME);
    hrevdb_stop(db);
    hrev_free(h);

    h = reloaded(*state, 1000);
    assert_int_equal(hrev_count(h), 500);
    assert_int_equal(count_known(h, 600), 500);
    assert_true(known(h, 1, monotonic_now() + LIFETIME - 30 * NSEC_PER_SEC));
    assert_false(known(h, 1, monotonic_now() + LIFETIME + LIFETIME / 8 + NSEC_PER_SEC));
    hrev_free(h);
    assert_int_equal(lines, 0);
}

static void the_file_is_its_owners_alone(void **state)
{
    struct place *place = *state;
    struct stat st;

    hrev_free(reloaded(place, 10));
    assert_int_equal(stat(place->path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
}

static void nothing_is_kept_that_has_expired_or_was_pushed_out(void **state)
{
    struct hrev *h = new_hrev(100);
    struct hrevdb *db = start(*state, h);

    for (unsigned i = 0; i < 50; i++)
        ask_for(h, i, NSEC_PER_SEC / 10);
    hrevdb_stop(db);
    db = start(*state, h);
    for (unsigned i = 1000; i < 1300; i++)
        ask_for(h, i, LIFETIME);
    hrevdb_stop(db);
    assert_int_equal(count_known(h, 1300), 100);
    hrev_free(h);

    h = reloaded(*state, 10000);
    assert_int_equal(hrev_count(h), 100);
    assert_int_equal(count_known(h, 1300), 100);
    assert_int_equal(count_known(h, 1200), 0);
    hrev_free(h);
}

/* ---- threads */

enum { THREADS = 3, THREAD_NAMES = 3000 };

struct teacher {
    pthread_t id;
    struct hrev *hrev;
    unsigned first;
};

static void *teach(void *arg)
{
    const struct teacher *t = arg;

    for (unsigned round = 0; round < 5; round++)
        for (unsigned i = 0; i < THREAD_NAMES; i++)
            ask_for(t->hrev, t->first + i, LIFETIME);
    return NULL;
}

/* Workers teach and the bound changes while the thread writes; at the end the file has what the table has. */
static void taught_by_many(void **state)
{
    struct hrev *h = new_hrev(THREADS * THREAD_NAMES * 2);
    struct hrevdb *db = start(*state, h);
    struct teacher teachers[THREADS];

    for (unsigned i = 0; i < THREADS; i++) {
        teachers[i] = (struct teacher){.hrev = h, .first = i * THREAD_NAMES};
        assert_int_equal(pthread_create(&teachers[i].id, NULL, teach, &teachers[i]), 0);
    }
    assert_int_equal(hrev_resize(h, THREADS * THREAD_NAMES * 4), 0);
    for (unsigned i = 0; i < THREADS; i++)
        pthread_join(teachers[i].id, NULL);
    hrevdb_stop(db);
    hrev_free(h);

    h = reloaded(*state, THREADS * THREAD_NAMES * 2);
    assert_int_equal(count_known(h, THREADS * THREAD_NAMES), THREADS * THREAD_NAMES);
    hrev_free(h);
}

static bool is_written(void *arg)
{
    struct stat st;
    struct place *place = arg;

    return stat(place->path, &st) == 0 && st.st_size > 100000;
}

static void names_are_written_while_the_server_runs(void **state)
{
    struct hrev *h = new_hrev(3000);
    struct hrevdb *db = start(*state, h);

    for (unsigned i = 0; i < 3000; i++)
        ask_for(h, i, LIFETIME);
    wait_until(is_written, *state);
    hrevdb_stop(db);
    hrev_free(h);
}

static void a_name_that_changed_its_owner(void **state)
{
    struct hrev *h = new_hrev(100);
    struct hrevdb *db = start(*state, h);
    struct ipaddr addr = numbered_addr(1);
    uint8_t name[DNAME_MAX];
    size_t len = numbered_name(2, name);

    ask_for(h, 1, LIFETIME);
    hrevdb_stop(db);
    db = start(*state, h);
    hrev_learn(h, &addr, name, len, &client, monotonic_now(), monotonic_now() + LIFETIME);
    hrevdb_stop(db);
    hrev_free(h);

    h = reloaded(*state, 100);
    uint8_t found[DNAME_MAX];
    assert_int_equal(hrev_find(h, &addr, monotonic_now(), found), len);
    assert_memory_equal(found, name, len);
    hrev_free(h);
}

static void fewer_names_are_allowed_than_before(void **state)
{
    struct hrev *h = new_hrev(1000);
    struct hrevdb *db = start(*state, h);

    for (unsigned i = 0; i < 1000; i++)
        ask_for(h, i, LIFETIME);
    hrevdb_stop(db);
    hrev_free(h);

    h = reloaded(*state, 10);
    assert_int_equal(hrev_count(h), 10);
    hrev_free(h);
    h = reloaded(*state, 1000);
    assert_int_equal(hrev_count(h), 10); /* and the file has forgotten the others */
    hrev_free(h);
}

/* ---- clocks */

static void put(const struct place *place, unsigned number, wall_t until)
{
    struct hrev_file *f;
    struct hrev_entry entry = {.addr = numbered_addr(number), .network = client};

    entry.name_len = (uint8_t)numbered_name(number, entry.name);
    assert_int_equal(hrev_file_open(place->path, &f), 0);
    assert_int_equal(hrev_file_write(f, &entry, &until, 1), 0);
    hrev_file_close(f);
}

static void clocks_that_were_set(void **state)
{
    put(*state, 1, wall() - NSEC_PER_SEC);
    put(*state, 2, wall() + 1000000 * NSEC_PER_SEC);
    put(*state, 3, INT64_MAX);
    put(*state, 4, INT64_MIN);
    put(*state, 5, wall() + LIFETIME / 2);

    struct hrev *h = reloaded(*state, 10);
    assert_false(known(h, 1, monotonic_now()));
    assert_true(known(h, 2, monotonic_now()));
    assert_false(known(h, 2, monotonic_now() + LIFETIME));
    assert_true(known(h, 3, monotonic_now()));
    assert_false(known(h, 3, monotonic_now() + LIFETIME));
    assert_false(known(h, 4, monotonic_now()));
    assert_true(known(h, 5, monotonic_now()));
    assert_false(known(h, 5, monotonic_now() + LIFETIME / 2));
    hrev_free(h);
}

/* ---- files that cannot be used */

static void two_servers_do_not_share_a_file(void **state)
{
    struct place *place = *state;
    struct hrev *h = new_hrev(10);
    struct hrevdb *first = start(place, h), *second = NULL;
    struct hrevdb_settings settings = {
        .path = place->path, .hrev = h, .hashttl_s = HASHTTL_S, .log = &log_lines};
    char why[256];

    assert_int_equal(hrevdb_start(&settings, &second, why, sizeof(why)), -EBUSY);
    assert_non_null(strstr(why, place->path));
    assert_non_null(strstr(why, "another server"));
    assert_null(second);
    hrevdb_stop(first);
    first = start(place, h);
    hrevdb_stop(first);
    hrev_free(h);
}

static bool is_used_again(void *arg)
{
    (void)arg;
    return said("used again", 2);
}

static void an_unusable_file_is_tried_again(void **state)
{
    struct place *place = *state;
    struct hrev *h = new_hrev(10);

    assert_int_equal(mkdir(place->path, 0700), 0);
    struct hrevdb *db = start(place, h);
    assert_true(said(place->path, 1));
    ask_for(h, 1, LIFETIME);
    assert_int_equal(rmdir(place->path), 0);
    wait_until(is_used_again, NULL);
    hrevdb_stop(db);
    hrev_free(h);

    h = reloaded(place, 10);
    assert_true(known(h, 1, monotonic_now()));
    hrev_free(h);
}

static void a_file_that_vanishes_is_made_anew(void **state)
{
    struct place *place = *state;
    struct hrev *h = new_hrev(10);
    struct hrevdb *db = start(place, h);

    ask_for(h, 1, LIFETIME);
    hrevdb_stop(db);
    db = start(place, h);
    assert_int_equal(unlink(place->path), 0);
    ask_for(h, 2, LIFETIME);
    wait_until(is_used_again, NULL);
    hrevdb_stop(db);
    hrev_free(h);

    h = reloaded(place, 10);
    assert_true(known(h, 1, monotonic_now()));
    assert_true(known(h, 2, monotonic_now()));
    hrev_free(h);
}

static void write_bytes(const struct place *place, const void *bytes, size_t len)
{
    int fd = open(place->path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, len), len);
    close(fd);
}

static void a_file_of_somebody_else_is_left_alone(void **state)
{
    static const char text[] = "root:x:0:0:root:/root:/bin/sh\n";
    struct place *place = *state;
    struct hrev *h = new_hrev(10);
    char bytes[sizeof(text)] = "";

    write_bytes(place, text, sizeof(text));
    struct hrevdb *db = start(place, h);
    ask_for(h, 1, LIFETIME);
    assert_true(said("not a table of this server", 1));
    hrevdb_stop(db);
    hrev_free(h);

    int fd = open(place->path, O_RDONLY);
    assert_int_equal(read(fd, bytes, sizeof(bytes)), sizeof(text));
    assert_memory_equal(bytes, text, sizeof(text));
    close(fd);
}

/* ---- damage */

static uint8_t *read_bytes(const struct place *place, size_t *ret_len)
{
    struct stat st;
    int fd = open(place->path, O_RDONLY);

    assert_true(fd >= 0 && fstat(fd, &st) == 0);
    uint8_t *bytes = malloc((size_t)st.st_size);
    assert_non_null(bytes);
    assert_int_equal(read(fd, bytes, (size_t)st.st_size), st.st_size);
    close(fd);
    *ret_len = (size_t)st.st_size;
    return bytes;
}

/* A store with a history: pages that were freed, a free list, several levels. */
static uint8_t *a_store(const struct place *place, size_t *ret_len)
{
    struct hrev *h = new_hrev(2000);

    for (unsigned round = 0; round < 4; round++) {
        struct hrevdb *db = start(place, h);
        for (unsigned i = 0; i < 1500; i++)
            ask_for(h, round * 900 + i, LIFETIME);
        hrevdb_stop(db);
    }
    hrev_free(h);
    return read_bytes(place, ret_len);
}

static bool take_any(void *arg, struct hrev_entry *entry, wall_t until)
{
    unsigned *n = arg;

    assert_true(entry->name_len > 1 && entry->name[entry->name_len - 1] == 0);
    (void)until;
    return (*n)++ % 5 != 0;
}

/* Opens it, loads it, deletes some and writes some. Nobody crashes; whether it is refused is the caller's. */
static int use(const struct place *place)
{
    struct hrev_file *f;
    struct hrev_entry entries[50];
    wall_t until[50];
    unsigned n = 0;
    int error = hrev_file_open(place->path, &f);

    if (error < 0)
        return error;
    memset(entries, 0, sizeof(entries));
    error = hrev_file_load(f, take_any, &n);
    for (unsigned i = 0; i < 50; i++) {
        entries[i].addr = numbered_addr(100000 + i);
        entries[i].name_len = (uint8_t)numbered_name(i, entries[i].name);
        until[i] = wall() + LIFETIME;
    }
    if (error == 0)
        error = hrev_file_write(f, entries, until, 50);
    hrev_file_close(f);
    return error;
}

static void a_sound_store_is_used(void **state)
{
    size_t len;

    free(a_store(*state, &len));
    assert_int_equal(use(*state), 0);
}

/* One of its first two pages is written, and that is not its end. */
static void a_disk_that_is_full_at_first_leaves_nothing(void **state)
{
    const struct place *place = *state;
    struct rlimit before, small;

    unlink(place->path);
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small = before;
    small.rlim_cur = 4096;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    int error = use(place);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_true(error < 0 && error != -EBADMSG);
    assert_int_equal(access(place->path, F_OK), -1);
    assert_int_equal(use(place), 0);
}

static void no_cut_of_a_store_is_trusted(void **state)
{
    size_t len;
    uint8_t *bytes = a_store(*state, &len);

    assert_true(len > 100000);
    for (size_t cut = 1; cut < len; cut += cut < 9000 ? 511 : 4096 + 1000) {
        write_bytes(*state, bytes, cut);
        int error = use(*state);
        assert_true(error == 0 || error == -EBADMSG);
        if (cut < len / 2)
            assert_int_equal(error, -EBADMSG);
    }
    free(bytes);
}

/* Bytes by chance, most of them where structure is: at the beginning of pages. */
static void damaged_stores_do_no_harm(void **state)
{
    struct chance c = {42};
    size_t len;
    uint8_t *bytes = a_store(*state, &len), *damaged = malloc(len);
    unsigned refused = 0;

    assert_non_null(damaged);
    for (unsigned round = 0; round < 1500; round++) {
        memcpy(damaged, bytes, len);
        for (unsigned n = 1 + chance_below(&c, 4); n > 0; n--) {
            size_t page =
                chance_below(&c, 3) ? chance_below(&c, (unsigned)(len / 4096)) : chance_below(&c, 3);
            size_t at = page * 4096 + (chance_below(&c, 4) ? chance_below(&c, 160) : chance_below(&c, 4096));
            damaged[at] =
                (uint8_t)(chance_below(&c, 3) ? damaged[at] ^ 1u << chance_below(&c, 8) : chance_next(&c));
        }
        write_bytes(*state, damaged, len);
        refused += use(*state) < 0;
    }
    assert_in_range(refused, 300, 1500);
    free(damaged);
    free(bytes);
}

static void a_page_of_zeros(void **state)
{
    size_t len;
    uint8_t *bytes = a_store(*state, &len);

    for (size_t page = 0; page < len / 4096; page++) {
        uint8_t kept[4096];
        memcpy(kept, bytes + page * 4096, 4096);
        memset(bytes + page * 4096, 0, 4096);
        write_bytes(*state, bytes, len);
        int error = use(*state);
        assert_true(error == 0 || error == -EBADMSG);
        memcpy(bytes + page * 4096, kept, 4096);
    }
    free(bytes);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, make_place, remove_place)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(names_outlive_the_table),
        TEST(the_file_is_its_owners_alone),
        TEST(nothing_is_kept_that_has_expired_or_was_pushed_out),
        TEST(names_are_written_while_the_server_runs),
        TEST(a_name_that_changed_its_owner),
        TEST(taught_by_many),
        TEST(fewer_names_are_allowed_than_before),
        TEST(clocks_that_were_set),
        TEST(two_servers_do_not_share_a_file),
        TEST(an_unusable_file_is_tried_again),
        TEST(a_file_that_vanishes_is_made_anew),
        TEST(a_file_of_somebody_else_is_left_alone),
        TEST(a_sound_store_is_used),
        TEST(a_disk_that_is_full_at_first_leaves_nothing),
        TEST(no_cut_of_a_store_is_trusted),
        TEST(damaged_stores_do_no_harm),
        TEST(a_page_of_zeros),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
