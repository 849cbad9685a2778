/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is kept over restarts, what readers see of it, and files that are damaged. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <lmdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "io/lease_record.h"
#include "io/lmdb_check.h"
#include "libnamedhcp/store_world.h"

static struct server_lease a_claim(const char *name, const char *identity)
{
    struct server_lease l = a_lease(0, identity, NOW + 5);

    l.state = SERVER_LEASE_CLAIM;
    l.addr = (struct ipaddr){{0}};
    memset(l.mac, 0, sizeof(l.mac));
    assert_true(dname_from_text(name, strlen(name), l.name) > 1);
    return l;
}

struct seen {
    enum server_lease_state wanted;
    unsigned n;
    struct server_lease last;
};

static int see(void *arg, const struct server_lease *lease)
{
    struct seen *seen = arg;

    if (lease->state == seen->wanted) {
        seen->n++;
        seen->last = *lease;
    }
    return 0;
}

static struct seen load(struct store *s, enum server_lease_state state)
{
    struct seen seen = {.wanted = state};
    unsigned damaged = 1;

    assert_int_equal(store_load(s, see, &seen, &damaged), 0);
    assert_int_equal(damaged, 0);
    return seen;
}

static void assert_same(const struct server_lease *a, const struct server_lease *b)
{
    assert_int_equal(a->state, b->state);
    assert_memory_equal(&a->addr, &b->addr, sizeof(a->addr));
    assert_int_equal(a->identity_len, b->identity_len);
    assert_memory_equal(a->identity, b->identity, b->identity_len);
    assert_memory_equal(a->mac, b->mac, sizeof(a->mac));
    assert_memory_equal(a->name, b->name, dname_len(b->name));
    assert_int_equal(a->began, b->began);
    assert_int_equal(a->ends, b->ends);
}

static void what_is_kept_is_there_again(void **state)
{
    struct server_lease lease = a_lease(0x0a000001, "client", NOW + 3600), for_ever = lease;
    struct server_lease claim = a_claim("mine.lan", "duid");
    struct store *s = open_ok(path);
    struct stat st;

    (void)state;
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_false(store_has_changes(s));
    assert_int_equal(store_put(s, &lease), 0);
    assert_int_equal(store_put(s, &claim), 0);
    assert_true(store_has_changes(s));
    assert_int_equal(store_commit(s), 0);
    store_close(s);

    s = open_ok(path);
    struct seen seen = load(s, SERVER_LEASE_BOUND);
    assert_int_equal(seen.n, 1);
    assert_same(&seen.last, &lease);
    seen = load(s, SERVER_LEASE_CLAIM);
    assert_int_equal(seen.n, 1);
    assert_same(&seen.last, &claim);

    for_ever.ends = INT64_MAX;
    for_ever.state = SERVER_LEASE_DECLINED;
    for_ever.identity_len = 0;
    memset(for_ever.identity, 0, sizeof(for_ever.identity));
    memset(for_ever.name, 0, sizeof(for_ever.name));
    assert_int_equal(store_put(s, &for_ever), 0);
    assert_int_equal(store_commit(s), 0);
    seen = load(s, SERVER_LEASE_DECLINED);
    assert_int_equal(seen.n, 1);
    assert_same(&seen.last, &for_ever);

    assert_int_equal(store_forget(s, &lease), 0);
    assert_int_equal(store_forget(s, &lease), 0); /* gone already */
    assert_int_equal(store_forget(s, &claim), 0);
    assert_int_equal(store_commit(s), 0);
    assert_int_equal(load(s, SERVER_LEASE_BOUND).n + load(s, SERVER_LEASE_CLAIM).n, 0);
    store_close(s);
    clean();
}

static void a_name_has_one_claim(void **state)
{
    struct server_lease four = a_claim("mine.lan", "client id"), six = a_claim("mine.lan", "duid");
    struct store *s = open_ok(NULL);

    (void)state;
    assert_int_equal(store_put(s, &four), 0);
    assert_int_equal(store_put(s, &six), 0);
    assert_int_equal(store_commit(s), 0);
    struct seen seen = load(s, SERVER_LEASE_CLAIM);
    assert_int_equal(seen.n, 1);
    assert_same(&seen.last, &six);
    store_close(s);
}

/* Puts a record into the file by LMDB's own means. */
static void put_raw(const void *key, size_t key_len, const void *data, size_t len)
{
    MDB_val k = {key_len, (void *)(uintptr_t)key}, v = {len, (void *)(uintptr_t)data};
    MDB_env *env;
    MDB_txn *txn;
    MDB_dbi dbi;

    assert_int_equal(mdb_env_create(&env), 0);
    assert_int_equal(mdb_env_open(env, path, MDB_NOSUBDIR, 0600), 0);
    assert_int_equal(mdb_txn_begin(env, NULL, 0, &txn), 0);
    assert_int_equal(mdb_dbi_open(txn, NULL, 0, &dbi), 0);
    assert_int_equal(mdb_put(txn, dbi, &k, &v, 0), 0);
    assert_int_equal(mdb_txn_commit(txn), 0);
    mdb_env_close(env);
}

static void claims_of_one_protocol_are_understood(void **state)
{
    struct lease_record claim = {.state = LEASE_RECORD_CLAIM,
                                 .ends = NOW,
                                 .identity_len = 4,
                                 .identity = "duid",
                                 .name = "\4mine\3lan"};
    uint8_t key[LEASE_RECORD_KEY_MAX], data[LEASE_RECORD_DATA_MAX];

    (void)state;
    store_close(open_ok(path));
    put_raw(key, lease_record_key(&claim, 6, key), data, lease_record_data(&claim, data));
    struct store *s = open_ok(path);
    struct seen seen = load(s, SERVER_LEASE_CLAIM);
    assert_int_equal(seen.n, 1);
    assert_int_equal(store_forget(s, &seen.last), 0);
    assert_int_equal(store_commit(s), 0);
    assert_int_equal(load(s, SERVER_LEASE_CLAIM).n, 0);
    store_close(s);
    clean();
}

static void records_that_are_none_are_counted(void **state)
{
    struct seen seen = {0};
    unsigned damaged = 0;

    (void)state;
    store_close(open_ok(path));
    put_raw("A", 1, "", 0);
    put_raw("N\0\4mine\3lan", 12, "\1\3", 2);
    put_raw("something else", 14, "x", 1);
    struct store *s = open_ok(path);
    assert_int_equal(store_load(s, see, &seen, &damaged), 0);
    assert_int_equal(damaged, 3);
    assert_int_equal(seen.n, 0);
    store_close(s);
    clean();
}

static void files_of_other_versions_are_refused(void **state)
{
    struct store *s = NULL;

    (void)state;
    store_close(open_ok(path));
    put_raw("V", 1, "namedhcp\7", 9);
    assert_int_equal(store_open(path, &s), -EPROTONOSUPPORT);
    clean();
}

static void what_was_not_committed_is_not_there(void **state)
{
    struct server_lease lease = a_lease(0x0a000001, "client", NOW);
    struct store *s = open_ok(path);

    (void)state;
    assert_int_equal(store_put(s, &lease), 0);
    store_abort(s);
    assert_int_equal(store_commit(s), 0);
    assert_int_equal(load(s, SERVER_LEASE_BOUND).n, 0);
    assert_int_equal(store_put(s, &lease), 0);
    store_close(s);
    s = open_ok(path);
    assert_int_equal(load(s, SERVER_LEASE_BOUND).n, 0);
    store_close(s);
    clean();
}

/* --- damage --- */

static size_t fill(unsigned n)
{
    struct store *s = open_ok(path);
    struct stat st;

    for (unsigned i = 0; i < n; i++) {
        struct server_lease lease = a_lease(0x0a000000 + i, "client", NOW + i);
        assert_int_equal(store_put(s, &lease), 0);
        if (i % 32 == 0)
            assert_int_equal(store_commit(s), 0); /* so that there are free pages */
    }
    assert_int_equal(store_commit(s), 0);
    store_close(s);
    assert_int_equal(stat(path, &st), 0);
    return (size_t)st.st_size;
}

static int ignore(void *arg, const struct server_lease *lease)
{
    (void)arg;
    (void)lease;
    return 0;
}

/* The file is refused, or it can be used whole. */
static bool opens(void)
{
    struct store *s = NULL;
    unsigned damaged;
    int e = store_open(path, &s);

    if (e < 0) {
        assert_true(e == -EBADMSG || e == -EPROTONOSUPPORT);
        return false;
    }
    struct server_lease lease = a_lease(0x0b000001, "another", NOW);
    assert_int_equal(store_load(s, ignore, NULL, &damaged), 0);
    assert_int_equal(store_put(s, &lease), 0);
    assert_int_equal(store_commit(s), 0);
    store_close(s);
    return true;
}

/* Each page in turn: made of zeros, of ones, of another page, each of its head's and first offsets' bytes changed. */
static void damaged_pages_are_survived(void **state)
{
    size_t len = fill(400), pages = len / PAGE;
    uint8_t *sound = malloc(len), *bad = malloc(len);
    int fd = open(path, O_RDWR | O_CLOEXEC);
    unsigned refused = 0;

    (void)state;
    assert_true(sound && bad && pages > 8);
    assert_int_equal(pread(fd, sound, len, 0), len);
    for (size_t page = 0; page < pages; page++) {
        for (unsigned way = 0; way < 3 + 40; way++) {
            memcpy(bad, sound, len);
            uint8_t *at = bad + page * PAGE;
            if (way < 2)
                memset(at, way == 0 ? 0 : 0xff, PAGE);
            else if (way == 2)
                memcpy(at, sound + (page + 1) % pages * PAGE, PAGE);
            else
                at[way - 3] ^= (uint8_t)(1u << (way + page) % 8);
            assert_int_equal(ftruncate(fd, (off_t)len), 0);
            assert_int_equal(pwrite(fd, bad, len, 0), len);
            refused += !opens();
        }
    }
    assert_true(refused > pages); /* what is free, or a value, may be anything */
    close(fd);
    free(sound);
    free(bad);
    clean();
}

/* Where the records of a small store lie: its root, a leaf, as the newer meta page says. */
static size_t leaf_of(const uint8_t *file)
{
    enum { ROOT = 128, TRANSACTION = 144 };
    uint64_t first, second, root;

    memcpy(&first, file + TRANSACTION, sizeof(first));
    memcpy(&second, file + PAGE + TRANSACTION, sizeof(second));
    memcpy(&root, file + (second > first ? PAGE : 0) + ROOT, sizeof(root));
    return root * PAGE;
}

/* The library moves the nodes of a page by their sizes and places: one that is wrong leads it out of the page. */
static void nodes_that_overlap_or_leave_gaps_are_refused(void **state)
{
    enum { FIRST_PLACE = 16, RECORDS = 10 };
    size_t len = fill(RECORDS);
    uint8_t file[32 * PAGE];
    int fd = open(path, O_RDWR | O_CLOEXEC);

    (void)state;
    assert_true(fd >= 0 && len <= sizeof(file) && pread(fd, file, len, 0) == (ssize_t)len);
    size_t leaf = leaf_of(file);
    assert_true(leaf >= 2 * PAGE && leaf < len && lmdb_check(fd) == 0);
    for (unsigned i = 0; i <= RECORDS; i++) { /* the title is one, too */
        uint16_t *place = (uint16_t *)(void *)(file + leaf + FIRST_PLACE + (size_t)2 * i), was = *place, size;
        memcpy(&size, file + leaf + was, sizeof(size));
        for (int by = -2; by <= 2; by += 4) {
            uint16_t wrong = (uint16_t)(size + by);
            assert_int_equal(pwrite(fd, &wrong, sizeof(wrong), (off_t)(leaf + was)), sizeof(wrong));
            assert_int_equal(lmdb_check(fd), -EBADMSG);
            assert_false(opens());
        }
        assert_int_equal(pwrite(fd, &size, sizeof(size), (off_t)(leaf + was)), sizeof(size));
        uint16_t other = *(uint16_t *)(void *)(file + leaf + FIRST_PLACE + (size_t)2 * ((i + 1) % RECORDS));
        off_t at = (off_t)(leaf + FIRST_PLACE + (size_t)2 * i);
        assert_int_equal(pwrite(fd, &other, sizeof(other), at), sizeof(other)); /* one node, two names */
        assert_int_equal(lmdb_check(fd), -EBADMSG);
        assert_int_equal(pwrite(fd, &was, sizeof(was), at), sizeof(was));
    }
    assert_true(opens());
    close(fd);
    clean();
}

static void a_file_that_is_cut_ends_nothing(void **state)
{
    struct server_lease lease = a_lease(0x0b000001, "another", NOW);
    struct seen seen = {0};
    unsigned damaged;
    size_t len = fill(400);

    (void)state;
    for (size_t cut = 1; cut < len; cut += 1000) {
        assert_int_equal(truncate(path, (off_t)(len - cut)), 0);
        opens();
        clean();
        fill(400);
    }
    struct store *s = open_ok(path); /* and while it is open */
    assert_int_equal(truncate(path, PAGE), 0);
    assert_int_equal(store_put(s, &lease), -EBADMSG);
    assert_int_equal(store_forget(s, &lease), -EBADMSG);
    assert_int_equal(store_load(s, see, &seen, &damaged), -EBADMSG);
    store_close(s);
    clean();
}

/* --- readers --- */

static bool take_record(void *arg, const uint8_t *key, size_t key_len, const uint8_t *data, size_t len)
{
    struct lease_record record;
    int64_t *of = arg; /* the batch, how many */

    if (lease_record_is_title(key, key_len))
        return true;
    assert_true(lease_record_read(key, key_len, data, len, &record));
    of[0] = of[1] == 0 ? record.ends : of[0];
    assert_int_equal(record.ends, of[0]); /* one moment */
    of[1]++;
    return true;
}

/* Each transaction of the writer changes all records; whoever reads meanwhile sees one transaction, whole. */
static void readers_see_one_moment(void **state)
{
    enum { RECORDS = 300, READS = 200 };
    unsigned reads = 0;

    (void)state;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct store *s;
        if (store_open(path, &s) < 0)
            _exit(1);
        for (int64_t batch = 1;; batch++) {
            for (uint32_t i = 0; i < RECORDS; i++) {
                struct server_lease lease = a_lease(0x0a000000 + i, "client", NOW + batch);
                if (store_put(s, &lease) < 0)
                    _exit(2);
            }
            if (store_commit(s) < 0)
                _exit(3);
        }
    }
    while (reads < READS) {
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        int64_t of[2] = {0};
        uint64_t transaction;
        int e = fd < 0 ? -errno : lmdb_read(fd, take_record, of, &transaction);
        if (e == 0 && of[1] > 0)
            assert_int_equal(of[1], RECORDS);
        assert_true(e == 0 || e == -ENOENT || e == -EBADMSG || e == -EAGAIN);
        assert_true(e != -EBADMSG || reads == 0); /* it is being made */
        reads += e == 0 && of[1] > 0;
        if (fd >= 0)
            close(fd);
        assert_int_equal(waitpid(child, NULL, WNOHANG), 0);
    }
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    clean();
}

/* One who reads for ever cannot have the file grow for ever. */
static void a_reader_that_never_ends_is_let_go(void **state)
{
    struct flock lock = {.l_type = F_RDLCK, .l_whence = SEEK_SET, .l_start = INT64_C(1) << 62, .l_len = 1};
    struct store *s = open_ok(path);
    struct stat st;

    (void)state;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_int_equal(fcntl(fd, F_OFD_SETLK, &lock), 0);
    for (unsigned i = 0; i < 6 * LMDB_HELD_COMMITS; i++) {
        struct server_lease lease = a_lease(0x0a000001, "client", NOW + i);
        assert_int_equal(store_put(s, &lease), 0);
        assert_int_equal(store_commit(s), 0);
    }
    assert_int_equal(fstat(fd, &st), 0);
    assert_true(st.st_size < 2 * LMDB_HELD_COMMITS * 8 * PAGE); /* eight new pages a commit, at the most */
    close(fd);
    store_close(s);
    clean();
}

/* --- the clock --- */

static int first_end(void *arg, const struct server_lease *lease)
{
    if (lease->state == SERVER_LEASE_BOUND)
        *(int64_t *)arg = lease->ends;
    return 0;
}

/* Who uses the store sees nothing of it; whoever opens it afterwards sees the times of the new clock. */
static void a_clock_that_is_set_moves_what_is_on_record(void **state)
{
    const struct server_lease lease = a_lease(0x0a000001, "one", NOW + 60),
                              other = a_lease(0x0a000002, "two", INT64_MAX),
                              claim = a_claim("host.lan", "one"),
                              later = a_lease(0x0a000001, "one", NOW + 90);
    struct store *s = open_ok(path);
    int64_t end = 0;
    unsigned damaged;

    (void)state;
    assert_int_equal(store_put(s, &lease), 0);
    assert_int_equal(store_put(s, &claim), 0);
    assert_int_equal(store_commit(s), 0);
    assert_int_equal(store_step(s, 3600), 0);
    assert_int_equal(store_step(s, -60), 0);
    assert_int_equal(store_stepped(s), 3540);
    assert_false(store_has_changes(s));
    assert_int_equal(store_load(s, first_end, &end, &damaged), 0);
    assert_int_equal(end, NOW + 60);
    store_close(s);

    s = open_ok(path);
    assert_int_equal(store_load(s, first_end, &end, &damaged), 0);
    assert_int_equal(end, NOW + 60 + 3540);
    assert_int_equal(store_step(s, -3540), 0);
    assert_int_equal(store_put(s, &later), 0); /* on record by the new clock */
    assert_int_equal(store_commit(s), 0);
    store_close(s);

    s = open_ok(path);
    assert_int_equal(store_load(s, first_end, &end, &damaged), 0);
    assert_int_equal(end, NOW + 90 - 3540);
    assert_int_equal(store_put(s, &other), 0);
    assert_int_equal(store_commit(s), 0);
    assert_int_equal(store_step(s, 7), 0);
    store_close(s);
    s = open_ok(path);
    assert_int_equal(store_load(s, first_end, &end, &damaged), 0);
    assert_int_equal(end, INT64_MAX);
    store_close(s);
    clean();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_kept_is_there_again),
        cmocka_unit_test(a_name_has_one_claim),
        cmocka_unit_test(claims_of_one_protocol_are_understood),
        cmocka_unit_test(records_that_are_none_are_counted),
        cmocka_unit_test(files_of_other_versions_are_refused),
        cmocka_unit_test(what_was_not_committed_is_not_there),
        cmocka_unit_test(damaged_pages_are_survived),
        cmocka_unit_test(nodes_that_overlap_or_leave_gaps_are_refused),
        cmocka_unit_test(a_file_that_is_cut_ends_nothing),
        cmocka_unit_test(readers_see_one_moment),
        cmocka_unit_test(a_reader_that_never_ends_is_let_go),
        cmocka_unit_test(a_clock_that_is_set_moves_what_is_on_record),
    };

    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
