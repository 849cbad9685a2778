/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is kept over restarts, also when the process ends at any moment. ROUNDS in the environment: how often it does. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "libnamedhcp/store.h"

#define NOW INT64_C(1800000000)

static char folder[] = "/tmp/store-XXXXXX";
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
    unsigned n;
    struct server_lease last;
};

static int see(void *arg, const struct server_lease *lease)
{
    struct seen *seen = arg;

    seen->n++;
    seen->last = *lease;
    return 0;
}

static struct seen load(struct store *s, enum store_protocol protocol)
{
    struct seen seen = {0};
    unsigned damaged = 1;

    assert_int_equal(store_load(s, protocol, see, &seen, &damaged), 0);
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
    assert_int_equal(store_put(s, STORE_DHCP4, &lease), 0);
    assert_int_equal(store_put(s, STORE_DHCP6, &claim), 0);
    assert_true(store_has_changes(s));
    assert_int_equal(store_commit(s), 0);
    store_close(s);

    s = open_ok(path);
    struct seen seen = load(s, STORE_DHCP4);
    assert_int_equal(seen.n, 1);
    assert_same(&seen.last, &lease);
    seen = load(s, STORE_DHCP6);
    assert_int_equal(seen.n, 1);
    assert_same(&seen.last, &claim);

    for_ever.ends = INT64_MAX;
    for_ever.state = SERVER_LEASE_DECLINED;
    for_ever.identity_len = 0;
    memset(for_ever.identity, 0, sizeof(for_ever.identity));
    memset(for_ever.name, 0, sizeof(for_ever.name));
    assert_int_equal(store_put(s, STORE_DHCP4, &for_ever), 0);
    assert_int_equal(store_commit(s), 0);
    seen = load(s, STORE_DHCP4);
    assert_int_equal(seen.n, 1);
    assert_same(&seen.last, &for_ever);

    assert_int_equal(store_forget(s, STORE_DHCP4, &lease), 0);
    assert_int_equal(store_forget(s, STORE_DHCP4, &lease), 0); /* gone already */
    assert_int_equal(store_forget(s, STORE_DHCP6, &claim), 0);
    assert_int_equal(store_commit(s), 0);
    assert_int_equal(load(s, STORE_DHCP4).n + load(s, STORE_DHCP6).n, 0);
    store_close(s);
    clean();
}

static void claims_of_the_protocols_are_apart(void **state)
{
    struct server_lease four = a_claim("mine.lan", "client id"), six = a_claim("mine.lan", "duid");
    struct store *s = open_ok(NULL);

    (void)state;
    assert_int_equal(store_put(s, STORE_DHCP4, &four), 0);
    assert_int_equal(store_put(s, STORE_DHCP6, &six), 0);
    assert_int_equal(store_commit(s), 0);
    struct seen seen = load(s, STORE_DHCP4);
    assert_same(&seen.last, &four);
    seen = load(s, STORE_DHCP6);
    assert_same(&seen.last, &six);
    store_close(s);
}

static void what_was_not_committed_is_not_there(void **state)
{
    struct server_lease lease = a_lease(0x0a000001, "client", NOW);
    struct store *s = open_ok(path);

    (void)state;
    assert_int_equal(store_put(s, STORE_DHCP4, &lease), 0);
    store_abort(s);
    assert_int_equal(store_commit(s), 0);
    assert_int_equal(load(s, STORE_DHCP4).n, 0);
    assert_int_equal(store_put(s, STORE_DHCP4, &lease), 0);
    store_close(s);
    s = open_ok(path);
    assert_int_equal(load(s, STORE_DHCP4).n, 0);
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

static void other_files_are_refused(void **state)
{
    struct store *s = NULL;
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

    (void)state;
    assert_int_equal(ftruncate(fd, 16384), 0);
    assert_int_equal(write(fd, "this is no store", 16), 16);
    close(fd);
    assert_int_equal(store_open(path, &s), -EBADMSG);
    clean();
    assert_int_equal(store_open(folder, &s), -EISDIR);
    assert_int_equal(store_open("/nowhere/leases", &s), -ENOENT);
    store_close(NULL);
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
            if (store_put(s, STORE_DHCP4, &lease) < 0)
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
    assert_int_equal(store_load(s, STORE_DHCP4, count, &c, &damaged), 0);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_kept_is_there_again),
        cmocka_unit_test(claims_of_the_protocols_are_apart),
        cmocka_unit_test(what_was_not_committed_is_not_there),
        cmocka_unit_test(a_file_has_one_server),
        cmocka_unit_test(other_files_are_refused),
        cmocka_unit_test(a_server_may_be_killed_at_any_moment),
    };

    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
