/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is kept over restarts, also when the process ends at any moment. ROUNDS in the environment: how often it does. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <lmdb.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "io/lease_record.h"
#include "io/lmdb_check.h"
#include "libnamedhcp/store.h"

#define NOW INT64_C(1800000000)

static char
    folder[32]; /* in memory where there is such a file system: thousands of commits wait for the disk else */
static char path[64];

static struct store *open_ok(const char *where)
{
    struct store *s = NULL;

    assert_int_equal(store_open(where, &s), 0);
    return s;
}

static void clean(void)
{
    char lock[80];

    unlink(path);
    snprintf(lock, sizeof(lock), "%s-lock", path);
    unlink(lock);
}

static struct server_lease a_lease(uint32_t addr, const char *identity, int64_t ends)
{
    struct server_lease l = {.addr = ipaddr_of_v4(addr),
                             .identity_len = (uint8_t)strlen(identity),
                             .mac = {2, 0, 0, 0, 0, 9},
                             .name = "\4host\3lan",
                             .began = NOW,
                             .ends = ends};

    memcpy(l.identity, identity, strlen(identity));
    return l;
}

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

/* LMDB writes to it by a mapping: on a full disk a block that is not there would end the process. */
static void the_lock_file_has_all_its_blocks(void **state)
{
    struct store *s = open_ok(path);
    char lock[80];
    struct stat st;

    (void)state;
    snprintf(lock, sizeof(lock), "%s-lock", path);
    assert_int_equal(stat(lock, &st), 0);
    assert_true(st.st_size > 0 && st.st_blocks * 512 >= st.st_size);
    store_close(s);
    clean();
}

static void a_file_has_one_server(void **state)
{
    struct store *s = open_ok(path), *other = NULL;

    (void)state;
    assert_int_equal(store_open(path, &other), -EBUSY);
    store_close(s);
    store_close(open_ok(path));
    clean();
}

/* By whatever name it is reached, and if its lock file is gone. */
static void a_file_has_one_server_by_all_its_names(void **state)
{
    struct store *s = open_ok(path), *second = NULL;
    char other[80], lock[80];

    (void)state;
    snprintf(other, sizeof(other), "%s-other", path);
    snprintf(lock, sizeof(lock), "%s-lock", path);
    assert_int_equal(symlink(path, other), 0);
    assert_int_equal(store_open(other, &second), -ELOOP);
    assert_int_equal(unlink(other), 0);
    assert_int_equal(link(path, other), 0);
    assert_int_equal(store_open(other, &second), geteuid() == 0 ? -EMLINK : -EBUSY);
    assert_int_equal(unlink(other), 0);
    assert_int_equal(unlink(lock), 0);
    assert_int_equal(store_open(path, &second), -EBUSY);
    assert_int_equal(access(lock, F_OK), -1);
    store_close(s);
    store_close(open_ok(path));
    clean();
}

/* Who may read leases may lock the file as well, all of it: that is nothing to the server. */
static void a_reader_keeps_no_server_out(void **state)
{
    struct flock whole = {.l_type = F_RDLCK, .l_whence = SEEK_SET};
    store_close(open_ok(path));
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    (void)state;
    assert_int_equal(flock(fd, LOCK_EX | LOCK_NB), 0);
    assert_int_equal(fcntl(fd, F_OFD_SETLK, &whole), 0);
    struct store *s = open_ok(path);
    struct server_lease lease = a_lease(0x0a000001, "client", NOW);
    assert_int_equal(store_put(s, &lease), 0);
    assert_int_equal(store_commit(s), 0);
    store_close(s);
    close(fd);
    clean();
}

static void other_files_are_refused(void **state)
{
    struct store *s = NULL;
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    char lock[80];

    (void)state;
    snprintf(lock, sizeof(lock), "%s-lock", path);
    assert_int_equal(ftruncate(fd, 16384), 0);
    assert_int_equal(write(fd, "this is no store", 16), 16);
    close(fd);
    unlink(lock);
    assert_int_equal(store_open(path, &s), -EBADMSG);
    assert_int_equal(access(lock, F_OK), -1); /* nothing stays beside the file of somebody else */
    clean();
    assert_int_equal(store_open(folder, &s), -EISDIR);
    snprintf(lock, sizeof(lock), "%s-lock", folder);
    assert_int_equal(access(lock, F_OK), -1);
    assert_int_equal(store_open("/nowhere/leases", &s), -ENOENT);
    store_close(NULL);
}

static void a_lock_file_of_somebody_else_stays_as_it_is(void **state)
{
    static const char theirs[] = "a list of what is to be locked at night\n";
    struct store *s = NULL;
    char lock[80], read_back[80] = "";

    (void)state;
    snprintf(lock, sizeof(lock), "%s-lock", path);
    int fd = open(lock, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    assert_int_equal(write(fd, theirs, strlen(theirs)), (ssize_t)strlen(theirs));
    assert_int_equal(store_open(path, &s), -EEXIST);
    assert_int_equal(pread(fd, read_back, sizeof(read_back) - 1, 0), (ssize_t)strlen(theirs));
    assert_string_equal(read_back, theirs);
    assert_int_equal(access(path, F_OK), -1);
    close(fd);
    clean();
}

/* Of the two pages with which a store begins one is written, and that is not its end. */
static void a_disk_that_is_full_at_first_leaves_nothing(void **state)
{
    struct rlimit before, small;
    struct store *s = NULL;

    (void)state;
    store_close(open_ok(path)); /* makes the lock file, which is longer than the limit */
    assert_int_equal(unlink(path), 0);
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small = before;
    small.rlim_cur = 4096;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    int e = store_open(path, &s);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_true(e < 0 && e != -EBADMSG);
    assert_int_equal(access(path, F_OK), -1);
    store_close(open_ok(path));
    clean();
}

/* --- damage --- */

enum { PAGE = 4096 };

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

/* --- the end at any moment --- */

enum { BATCH = 8, ADDRS = 4000 };

/* Each batch says of its addresses that they belong to that batch; a client is told when it is on record. */
static _Noreturn void serve(int told)
{
    struct store *s;

    if (store_open(path, &s) < 0)
        _exit(1);
    for (uint32_t batch = 1;; batch++) {
        for (uint32_t i = 0; i < BATCH; i++) {
            struct server_lease lease =
                a_lease(0x0a000000 + (batch * BATCH + i) % ADDRS, "client", NOW + batch);
            if (store_put(s, &lease) < 0)
                _exit(2);
        }
        if (store_commit(s) < 0 || write(told, &batch, sizeof(batch)) != sizeof(batch))
            _exit(3);
    }
}

/* How many records there are of the batches from `first` on. */
struct count {
    int64_t last;
    unsigned of_last, n;
};

static int count(void *arg, const struct server_lease *lease)
{
    struct count *c = arg;
    int64_t batch = lease->ends - NOW;

    c->n++;
    if (batch > c->last) {
        c->last = batch;
        c->of_last = 0;
    }
    c->of_last += batch == c->last;
    return 0;
}

static void round_of_death(unsigned delay_us)
{
    int fds[2];
    uint32_t told = 0, last = 0;

    assert_int_equal(pipe(fds), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0)
        serve(fds[1]);
    close(fds[1]);
    assert_int_equal(read(fds[0], &last, sizeof(last)), sizeof(last)); /* it has begun */
    usleep(delay_us);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    while (read(fds[0], &told, sizeof(told)) == sizeof(told))
        last = told;
    close(fds[0]);

    struct count c = {0};
    unsigned damaged = 1;
    struct store *s = open_ok(path);
    assert_int_equal(store_load(s, count, &c, &damaged), 0);
    store_close(s);
    assert_int_equal(damaged, 0);
    assert_true(c.last >= last);              /* nothing that was told is forgotten */
    assert_true(c.last <= (int64_t)last + 1); /* what was not told may be there, whole */
    assert_int_equal(c.of_last, BATCH);
    clean();
}

static void a_server_may_be_killed_at_any_moment(void **state)
{
    const char *text = getenv("ROUNDS");
    unsigned rounds = text ? (unsigned)strtoul(text, NULL, 10) : 10;

    (void)state;
    for (unsigned i = 0; i < rounds; i++)
        round_of_death(i * 997 % 40000);
}

static int make_folder(void **state)
{
    (void)state;
    snprintf(folder, sizeof(folder), "%s/store-XXXXXX", access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    if (!mkdtemp(folder))
        return -1;
    snprintf(path, sizeof(path), "%s/leases", folder);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    clean();
    return rmdir(folder);
}

/* --- the clock --- */

/* --- many starts at once --- */

enum { STARTERS = 6, STARTS = 40 };

struct starters {
    atomic_int owners, wrong;
    atomic_uint told[STARTERS]; /* the newest lease of each that a client was told of */
};

/* On a disk that may be full. */
static struct store *start(void)
{
    struct rlimit before, small;
    struct store *s = NULL;

    getrlimit(RLIMIT_FSIZE, &before);
    small = before;
    small.rlim_cur = (rlim_t)(rand() % 4) * PAGE;
    if (rand() % 4 == 0)
        setrlimit(RLIMIT_FSIZE, &small);
    int e = store_open(path, &s);
    setrlimit(RLIMIT_FSIZE, &before);
    return e == 0 ? s : NULL;
}

/* Starts, serves and ends, or is killed. */
static _Noreturn void start_often(struct starters *all, unsigned self, unsigned seed)
{
    srand(seed);
    for (unsigned i = 1; i <= STARTS; i++) {
        struct server_lease lease = a_lease(0x0a000000 + self, "client", NOW + i);
        struct store *s = start();
        if (!s)
            continue;
        atomic_fetch_add(&all->wrong, atomic_fetch_add(&all->owners, 1) != 0);
        if (store_put(s, &lease) == 0 && store_commit(s) == 0)
            atomic_store(&all->told[self], i);
        atomic_fetch_sub(&all->owners, 1);
        if (rand() % 8 == 0)
            kill(getpid(), SIGKILL);
        store_close(s);
    }
    _exit(0);
}

static int see_told(void *arg, const struct server_lease *lease)
{
    struct starters *all = arg;
    unsigned who = lease->addr.b[15];

    atomic_fetch_add(&all->wrong, lease->ends - NOW < (int64_t)atomic_load(&all->told[who]));
    atomic_store(&all->told[who], 0);
    return 0;
}

/* While somebody removes the lock file again and again. */
static void many_starts_have_one_server(void **state)
{
    struct starters *all =
        mmap(NULL, sizeof(*all), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pid_t ids[STARTERS];
    unsigned damaged, left = STARTERS;
    char lock[80];
    int status;

    (void)state;
    assert_ptr_not_equal(all, MAP_FAILED);
    signal(SIGXFSZ, SIG_IGN);
    snprintf(lock, sizeof(lock), "%s-lock", path);
    for (unsigned i = 0; i < STARTERS; i++) {
        ids[i] = fork();
        assert_true(ids[i] >= 0);
        if (ids[i] == 0)
            start_often(all, i, i + 1);
    }
    while (left > 0) {
        unlink(lock);
        if (waitpid(-1, &status, WNOHANG) <= 0)
            continue;
        left--;
        assert_true(WIFEXITED(status) || WTERMSIG(status) == SIGKILL);
    }
    struct store *s = open_ok(path);
    assert_int_equal(store_load(s, see_told, all, &damaged), 0);
    assert_int_equal(damaged, 0);
    store_close(s);
    assert_int_equal(atomic_load(&all->wrong), 0);
    for (unsigned i = 0; i < STARTERS; i++)
        assert_int_equal(atomic_load(&all->told[i]), 0); /* each was found */
    munmap(all, sizeof(*all));
    clean();
}

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
        cmocka_unit_test(the_lock_file_has_all_its_blocks),
        cmocka_unit_test(a_file_has_one_server),
        cmocka_unit_test(a_file_has_one_server_by_all_its_names),
        cmocka_unit_test(a_reader_keeps_no_server_out),
        cmocka_unit_test(other_files_are_refused),
        cmocka_unit_test(a_lock_file_of_somebody_else_stays_as_it_is),
        cmocka_unit_test(a_disk_that_is_full_at_first_leaves_nothing),
        cmocka_unit_test(damaged_pages_are_survived),
        cmocka_unit_test(nodes_that_overlap_or_leave_gaps_are_refused),
        cmocka_unit_test(a_file_that_is_cut_ends_nothing),
        cmocka_unit_test(readers_see_one_moment),
        cmocka_unit_test(a_reader_that_never_ends_is_let_go),
        cmocka_unit_test(a_clock_that_is_set_moves_what_is_on_record),
        cmocka_unit_test(a_server_may_be_killed_at_any_moment),
        cmocka_unit_test(many_starts_have_one_server),
    };

    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
