/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Starts: a lease file has one server by all its names, what a start that fails leaves, and the end at any moment. ROUNDS in the
 * environment: how often that comes. */
#include "libnamedhcp/store_world.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

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

/* --- many starts at once --- */

enum { STARTERS = 6, STARTS = 40 };

struct starters {
    atomic_int owners, wrong, found;
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
    atomic_fetch_add(&all->found, 1);
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
    assert_true(atomic_load(&all->found) > 0);
    for (unsigned i = 0; i < STARTERS; i++)
        assert_int_equal(atomic_load(&all->told[i]), 0); /* each was found */
    munmap(all, sizeof(*all));
    clean();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_lock_file_has_all_its_blocks),
        cmocka_unit_test(a_file_has_one_server),
        cmocka_unit_test(a_file_has_one_server_by_all_its_names),
        cmocka_unit_test(a_reader_keeps_no_server_out),
        cmocka_unit_test(other_files_are_refused),
        cmocka_unit_test(a_lock_file_of_somebody_else_stays_as_it_is),
        cmocka_unit_test(a_disk_that_is_full_at_first_leaves_nothing),
        cmocka_unit_test(a_server_may_be_killed_at_any_moment),
        cmocka_unit_test(many_starts_have_one_server),
    };

    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
