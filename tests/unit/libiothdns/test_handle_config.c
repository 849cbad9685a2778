/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The configuration of a handle: from a file, which is read again when it changes, and changed by calls while others look it up. */
#include "fake_server.h"

#include "base/clock.h"
#include "libiothdns/resolve.h"

#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static void write_file(const char *path, const char *text)
{
    FILE *f = fopen(path, "we");

    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static void test_file(void **state)
{
    (void)state;
    struct fake_server s[2];
    char path[] = "/tmp/iothdns-XXXXXX", text[64];
    struct in_addr a;
    int fd = mkstemp(path);
    fake_start(&s[0]);
    fake_start(&s[1]);

    close(fd);
    snprintf(text, sizeof(text), "nameserver 127.0.0.1@%u\n", s[0].port);
    write_file(path, text);
    struct iothdns *d = iothdns_init(NULL, path);
    assert_non_null(d);
    assert_int_equal(iothdns_lookup_a(d, "www.example", &a, 1), 1);
    assert_true(s[0].n_udp > 0 && s[1].n_udp == 0);

    snprintf(text, sizeof(text), "nameserver 127.0.0.1@%u\n", s[1].port);
    write_file(path, text);
    for (nsec_t end = monotonic_now() + 60 * NSEC_PER_SEC; s[1].n_udp == 0 && monotonic_now() < end;)
        assert_int_equal(iothdns_lookup_a(d, "www.example", &a, 1), 1);
    assert_true(s[1].n_udp > 0);

    unlink(path); /* gone: what it said last stays */
    nsec_t gone = monotonic_now();
    while (monotonic_now() < gone + 1200 * NSEC_PER_MSEC)
        assert_int_equal(iothdns_lookup_a(d, "www.example", &a, 1), 1);
    assert_int_equal(iothdns_update(d, path), -1);
    assert_int_equal(errno, ENOENT);
    assert_int_equal(iothdns_lookup_a(d, "www.example", &a, 1), 1);
    assert_null(iothdns_init(NULL, path));
    assert_int_equal(errno, ENOENT);
    assert_null(iothdns_init(NULL, "/"));
    assert_int_equal(errno, EISDIR);
    iothdns_fini(d);
    fake_stop(&s[0]);
    fake_stop(&s[1]);
}

/* Whether the configuration becomes another one within `span`. */
static bool is_read_again(struct iothdns *d, nsec_t span)
{
    const struct resolvconf *before = resolve_conf_get(d);
    bool changed = false;

    for (nsec_t end = monotonic_now() + span; !changed && monotonic_now() < end; usleep(1000)) {
        const struct resolvconf *conf = resolve_conf_get(d);
        changed = conf != before;
        resolve_conf_put(conf);
    }
    resolve_conf_put(before);
    return changed;
}

/* A file that was written a moment ago may be written once more in the same moment: it is read again, until it is quiet. */
static void test_file_just_written(void **state)
{
    (void)state;
    static const time_t times[] = {1000000000, 4000000000}; /* long ago; and by a clock that was wrong */
    char path[] = "/tmp/iothdns-XXXXXX";
    int fd = mkstemp(path);

    close(fd);
    write_file(path, "nameserver 10.0.0.1\n");
    struct iothdns *d = iothdns_init(NULL, path);
    assert_non_null(d);
    bool again = false;
    for (unsigned tries = 0; !again && tries < 10;
         tries++) { /* a slow machine may read it when it is quiet already */
        write_file(path, "nameserver 10.0.0.1\n");
        assert_int_equal(iothdns_update(d, path), 0);
        again = is_read_again(d, 3 * NSEC_PER_SEC);
    }
    assert_true(again);
    for (size_t i = 0; i < ARRAY_LEN(times); i++) {
        const struct timespec t[2] = {{.tv_sec = times[i]}, {.tv_sec = times[i]}};
        assert_int_equal(utimensat(AT_FDCWD, path, t, 0), 0);
        assert_int_equal(iothdns_update(d, path), 0);
        assert_false(is_read_again(d, 1200 * NSEC_PER_MSEC));
    }
    iothdns_fini(d);
    unlink(path);
}

static void test_updates(void **state)
{
    (void)state;
    struct iothdns *d = iothdns_init_strcfg(NULL, "8.8.8.8,1.1.1.1");
    const struct resolvconf *conf = resolve_conf_get(d);
    struct in_addr in = {.s_addr = htonl(0xc0000201)};

    assert_int_equal(conf->n_servers, 2);
    assert_int_equal(iothdns_add_nameserver(d, AF_INET, &in), 0);
    assert_int_equal(iothdns_add_nameserver(d, AF_INET6, &in6addr_loopback), 0);
    assert_int_equal(iothdns_add_nameserver(d, AF_UNIX, &in), -1);
    assert_int_equal(errno, EAFNOSUPPORT);
    assert_int_equal(conf->n_servers, 2); /* who has one keeps it */
    resolve_conf_put(conf);
    conf = resolve_conf_get(d);
    assert_int_equal(conf->n_servers, 4);
    resolve_conf_put(conf);
    while (iothdns_add_nameserver(d, AF_INET, &in) == 0)
        continue;
    assert_int_equal(errno, ENOSPC);
    assert_int_equal(iothdns_update_strcfg(d, NULL), 0);
    conf = resolve_conf_get(d);
    assert_int_equal(conf->n_servers, 0);
    resolve_conf_put(conf);

    char path[64];
    assert_int_equal(iothdns_getpath(d, IOTHDNS_HOSTS, path, sizeof(path)), strlen("/etc/hosts"));
    assert_string_equal(path, "/etc/hosts");
    assert_int_equal(iothdns_setpath(d, IOTHDNS_SERVICES, "/tmp/services"), 0);
    assert_int_equal(iothdns_getpath(d, IOTHDNS_SERVICES, path, 5), strlen("/tmp/services"));
    assert_string_equal(path, "/tmp");
    assert_int_equal(iothdns_setpath(d, IOTHDNS_SERVICES, NULL), 0);
    assert_int_equal(iothdns_getpath(d, IOTHDNS_SERVICES, path, sizeof(path)), strlen("/etc/services"));
    assert_int_equal(iothdns_setpath(d, IOTHDNS_PATH_SIZE, "x"), -1);
    assert_int_equal(iothdns_getpath(d, IOTHDNS_PATH_SIZE, path, sizeof(path)), -1);
    iothdns_fini(d);
    iothdns_fini(NULL);
}

struct adder {
    struct iothdns *d;
    atomic_bool stop;
};

static void *adder_main(void *arg)
{
    struct adder *a = arg;

    while (!a->stop)
        iothdns_add_nameserver(a->d, AF_INET6, &in6addr_loopback);
    return NULL;
}

/* A server that is added while there is an update is added to the new configuration or the old one; it never brings the
 * old one back. */
static void test_added_during_updates(void **state)
{
    (void)state;
    struct adder adder = {.d = iothdns_init_strcfg(NULL, NULL)};
    pthread_t thread;
    char config[64];

    assert_int_equal(pthread_create(&thread, NULL, adder_main, &adder), 0);
    for (unsigned i = 0; i < 500; i++) {
        snprintf(config, sizeof(config), "search a b c d e f\nnameserver 10.0.0.%u\n", i % 256);
        assert_int_equal(iothdns_update_strcfg(adder.d, config), 0);
        const struct resolvconf *conf;
        while ((conf = resolve_conf_get(adder.d))->n_servers == 1) { /* until one is added */
            resolve_conf_put(conf);
            sched_yield();
        }
        assert_int_equal(conf->servers[0].endpoint.addr.b[15], i % 256);
        resolve_conf_put(conf);
    }
    adder.stop = true;
    pthread_join(thread, NULL);
    iothdns_fini(adder.d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_file),
        cmocka_unit_test(test_updates),
        cmocka_unit_test(test_added_during_updates),
        cmocka_unit_test(test_file_just_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
