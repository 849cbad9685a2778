/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* getaddrinfo and getnameinfo against a server that behaves as it is told, with files of their own: what the comparison with
 * the C library (tests/net/test_addrinfo.py) cannot show. */
#include "failing_memory.h"
#include "fake_server.h"
#include "standing_clock.h"

#include <sys/resource.h>
#include <unistd.h>

/* A server, a handle that asks it, and files that the handle reads. The clock stands still. */
struct bench {
    struct fake_server server;
    struct iothdns *d;
    char hosts[64], services[64];
};

static void write_file(const char *path, const char *text)
{
    FILE *f = fopen(path, "w");

    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
}

static void make_file(char *path, size_t size, const char *text)
{
    snprintf(path, size, "/tmp/addrinfo-XXXXXX");
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    write_file(path, text);
}

static void bench_open(struct bench *b)
{
    char config[128];

    set_clock(true);
    fake_start(&b->server);
    snprintf(config, sizeof(config), "nameserver 127.0.0.1@%u\noptions timeout:1 attempts:1\n",
             b->server.port);
    b->d = iothdns_init_strcfg(NULL, config);
    assert_non_null(b->d);
    make_file(b->hosts, sizeof(b->hosts), "10.9.0.1 one.example one\n2001:db8::9 one\n127.0.0.9 me\n");
    make_file(b->services, sizeof(b->services), "web 8080/tcp\n");
    assert_int_equal(iothdns_setpath(b->d, IOTHDNS_HOSTS, b->hosts), 0);
    assert_int_equal(iothdns_setpath(b->d, IOTHDNS_SERVICES, b->services), 0);
}

static void bench_close(struct bench *b)
{
    iothdns_fini(b->d);
    unlink(b->hosts);
    unlink(b->services);
    fake_stop(&b->server);
}

static const struct addrinfo stream = {.ai_socktype = SOCK_STREAM};

/* The first address as text; "" if there is none, with the error in *ret_error. */
static const char *first_address(struct bench *b, const char *node, const struct addrinfo *hints,
                                 int *ret_error)
{
    static char text[INET6_ADDRSTRLEN];
    struct addrinfo *list = NULL;

    text[0] = '\0';
    *ret_error = iothdns_getaddrinfo(b->d, node, NULL, hints, &list);
    if (*ret_error != 0) {
        assert_null(list);
        return text;
    }
    const void *addr = list->ai_family == AF_INET
                           ? (void *)&((struct sockaddr_in *)list->ai_addr)->sin_addr
                           : (void *)&((struct sockaddr_in6 *)list->ai_addr)->sin6_addr;
    inet_ntop(list->ai_family, addr, text, sizeof(text));
    iothdns_freeaddrinfo(list);
    return text;
}

static void a_name_with_both_families(void **state)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_CANONNAME}, *list;
    struct bench b;
    unsigned v4 = 0, v6 = 0;

    (void)state;
    bench_open(&b);
    assert_int_equal(iothdns_getaddrinfo(b.d, "alias.www.example", "web", &hints, &list), 0);
    assert_string_equal(list->ai_canonname, "www.example");
    for (struct addrinfo *ai = list; ai; ai = ai->ai_next) {
        v4 += ai->ai_family == AF_INET;
        v6 += ai->ai_family == AF_INET6;
        assert_int_equal(ai->ai_protocol, IPPROTO_TCP);
        assert_int_equal(((struct sockaddr_in *)ai->ai_addr)->sin_port,
                         htons(8080)); /* where sin6_port is too */
        assert_true(ai == list || !ai->ai_canonname);
    }
    assert_int_equal(v4, 1);
    assert_int_equal(v6, 1);
    assert_int_equal(b.server.n_udp, 2);
    iothdns_freeaddrinfo(list);
    iothdns_freeaddrinfo(NULL);
    bench_close(&b);
}

static void outcomes(void **state)
{
    static const struct {
        const char *node;
        int error;
    } rows[] = {
        {"nx.example", EAI_NONAME},
        {"nodata.example", EAI_NODATA},
        {"servfail.example", EAI_AGAIN},
        {"refused.example", EAI_AGAIN},
        {"silent.example", EAI_AGAIN},
        {"loop.example", EAI_NODATA},
        {"not a host", EAI_NONAME},
        {"two..dots", EAI_NONAME},
        {"", EAI_NONAME},
        {"b\xc3\xbc"
         "cher",
         EAI_NONAME},
        {"tc.example", 0},
        {"many.example", 0},
        {"forged.example", 0},
        {"one", 0},
        {"localhost", 0},
    };
    struct bench b;
    int error;

    (void)state;
    bench_open(&b);
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        set_clock(strcmp(rows[i].node, "silent.example") != 0);
        first_address(&b, rows[i].node, &stream, &error);
        assert_int_equal(error, rows[i].error);
        assert_true(strlen(iothdns_gai_strerror(error)) > 3);
    }
    fake_stop(&b.server); /* nobody there any more */
    first_address(&b, "www.example", &stream, &error);
    assert_int_equal(error, EAI_AGAIN);
    fake_start(&b.server);
    assert_string_equal(iothdns_gai_strerror(12345), "Unknown error");
    bench_close(&b);
}

static void names_in_other_letters(void **state)
{
    const struct addrinfo idn = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_IDN},
                          canon = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_CANONNAME | AI_CANONIDN};
    struct addrinfo *list;
    struct bench b;
    int error;

    (void)state;
    bench_open(&b);
    first_address(&b,
                  "b\xc3\xbc"
                  "cher.example",
                  &idn, &error);
    assert_int_equal(error, EAI_IDN_ENCODE);
    first_address(&b, "www.example", &idn, &error);
    assert_int_equal(error, 0);
    assert_int_equal(iothdns_getaddrinfo(b.d, "xn--bcher-kva.example", NULL, &canon, &list), 0);
    assert_string_equal(list->ai_canonname, "xn--bcher-kva.example");
    iothdns_freeaddrinfo(list);
    bench_close(&b);
}

/* Also within the tick of a clock, with the same length; and another file at another path. */
static void files_that_change(void **state)
{
    const struct addrinfo hints = {.ai_family = AF_INET, .ai_socktype = SOCK_STREAM};
    char text[64], wanted[32];
    struct bench b;
    int error;

    (void)state;
    bench_open(&b);
    for (int i = 10; i < 60; i++) {
        snprintf(text, sizeof(text), "10.9.0.%d moving\n", i);
        snprintf(wanted, sizeof(wanted), "10.9.0.%d", i);
        write_file(b.hosts, text);
        assert_string_equal(first_address(&b, "moving", &hints, &error), wanted);
    }
    unlink(b.hosts);
    assert_string_equal(first_address(&b, "moving", &hints, &error), "192.0.2.1");
    assert_int_equal(iothdns_setpath(b.d, IOTHDNS_HOSTS, b.services), 0);
    assert_string_equal(first_address(&b, "moving", &hints, &error), "192.0.2.1");
    write_file(b.hosts, "10.9.0.2 moving\n");
    assert_int_equal(iothdns_setpath(b.d, IOTHDNS_HOSTS, b.hosts), 0);
    assert_string_equal(first_address(&b, "moving", &hints, &error), "10.9.0.2");
    assert_int_equal(iothdns_setpath(b.d, IOTHDNS_HOSTS, "/tmp"), 0); /* no file */
    assert_string_equal(first_address(&b, "moving", &hints, &error), "192.0.2.1");
    bench_close(&b);
}

static void names_of_addresses(void **state)
{
    struct sockaddr_in in = {
        .sin_family = AF_INET, .sin_port = htons(8080), .sin_addr.s_addr = htonl(0x0a090001)};
    char host[64], service[64];
    struct bench b;

    (void)state;
    bench_open(&b);
    const struct sockaddr *sa = (struct sockaddr *)&in;
    assert_int_equal(
        iothdns_getnameinfo(b.d, sa, sizeof(in), host, sizeof(host), service, sizeof(service), 0), 0);
    assert_string_equal(host, "one.example");
    assert_string_equal(service, "web");
    assert_int_equal(iothdns_getnameinfo(b.d, sa, sizeof(in), host, 11, NULL, 0, 0), EAI_OVERFLOW);
    assert_int_equal(iothdns_getnameinfo(b.d, sa, sizeof(in), host, 12, NULL, 0, 0), 0);
    in.sin_addr.s_addr = htonl(0x0a090002);
    assert_int_equal(iothdns_getnameinfo(b.d, sa, sizeof(in), host, sizeof(host), NULL, 0, 0), 0);
    assert_string_equal(host, "10.9.0.2");
    assert_int_equal(iothdns_getnameinfo(b.d, sa, sizeof(in), host, sizeof(host), NULL, 0, NI_NAMEREQD),
                     EAI_NONAME);
    assert_int_equal(iothdns_getnameinfo(b.d, sa, sizeof(in) - 1, host, sizeof(host), NULL, 0, 0),
                     EAI_FAMILY);
    assert_int_equal(iothdns_getnameinfo(b.d, NULL, 0, host, sizeof(host), NULL, 0, 0), EAI_FAMILY);
    assert_int_equal(iothdns_getnameinfo(b.d, sa, sizeof(in), NULL, 0, NULL, 0, 0x8000), EAI_BADFLAGS);
    b.server.servfail = true;
    assert_int_equal(iothdns_getnameinfo(b.d, sa, sizeof(in), host, sizeof(host), NULL, 0, 0), EAI_AGAIN);
    bench_close(&b);
}

static void an_interface_by_its_number(void **state)
{
    struct sockaddr_in6 in6 = {
        .sin6_family = AF_INET6, .sin6_scope_id = 1, .sin6_addr.s6_addr = {0xfe, 0x80, [15] = 1}};
    const struct sockaddr *sa = (struct sockaddr *)&in6;
    char host[64];
    struct bench b;

    (void)state;
    bench_open(&b);
    int flags = NI_NUMERICHOST | NI_NUMERICSCOPE;
    assert_int_equal(iothdns_getnameinfo(b.d, sa, sizeof(in6), host, sizeof(host), NULL, 0, flags), 0);
    assert_string_equal(host, "fe80::1%1");
    assert_int_equal(iothdns_getnameinfo(b.d, sa, sizeof(in6), host, 9, NULL, 0, flags), EAI_OVERFLOW);
    bench_close(&b);
}

/* Each allocation fails once: EAI_MEMORY, nothing lost, and the next call works. */
static void without_memory(void **state)
{
    static const char *const nodes[] = {"127.0.0.1", "one", "www.example", NULL};
    static const struct addrinfo hints = {.ai_flags = AI_ADDRCONFIG};
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(0x0a090001)};
    char host[64], service[64];
    struct addrinfo *list;
    struct bench b;

    (void)state;
    bench_open(&b);
    for (unsigned i = 0; i < 4; i++) {
        int error = EAI_MEMORY;
        for (int n = 0; error == EAI_MEMORY && n < 1000; n++) {
            allocations_left = n;
            error = iothdns_getaddrinfo(b.d, nodes[i], "web", &hints, &list);
            allocations_left = -1;
        }
        assert_int_equal(error, 0);
        iothdns_freeaddrinfo(list);
    }
    for (unsigned i = 0; i < 2; i++) {
        int error = EAI_MEMORY;
        in.sin_addr.s_addr = htonl(0x0a090001 + i);
        for (int n = 0; error == EAI_MEMORY && n < 1000; n++) {
            allocations_left = n;
            error = iothdns_getnameinfo(b.d, (struct sockaddr *)&in, sizeof(in), host, sizeof(host), service,
                                        sizeof(service), 0);
            allocations_left = -1;
        }
        assert_int_equal(error, 0);
    }
    bench_close(&b);
}

static void without_descriptors(void **state)
{
    struct rlimit limit, none;
    struct bench b;

    (void)state;
    bench_open(&b);
    struct iothdns *d = b.d;
    struct addrinfo *list = NULL;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    none = limit;
    none.rlim_cur = 0;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    int error = iothdns_getaddrinfo(d, "www.example", NULL, &stream, &list), saved_errno = errno;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    assert_int_equal(error, EAI_SYSTEM);
    assert_int_equal(saved_errno, EMFILE);
    assert_null(list);
    bench_close(&b);
}

static void *look_up_often(void *arg)
{
    struct bench *b = arg;

    for (int i = 0; i < 50; i++) {
        struct addrinfo *list = NULL;
        if (iothdns_getaddrinfo(b->d, i % 2 ? "one" : "www.example", "web", &stream, &list) != 0)
            return (void *)"a look-up has failed";
        iothdns_freeaddrinfo(list);
    }
    return NULL;
}

static void many_threads(void **state)
{
    pthread_t threads[6];
    struct bench b;
    void *complaint;
    char other[80];

    (void)state;
    bench_open(&b);
    for (unsigned i = 0; i < 6; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, look_up_often, &b), 0);
    for (unsigned i = 0; i < 50; i++) { /* replaced as a whole, as a careful editor does */
        snprintf(other, sizeof(other), "%s.new", b.services);
        write_file(other, i % 2 ? "web 8080/tcp\n" : "other 1/tcp\nweb 8081/tcp\n");
        assert_int_equal(rename(other, b.services), 0);
    }
    for (unsigned i = 0; i < 6; i++) {
        assert_int_equal(pthread_join(threads[i], &complaint), 0);
        assert_null(complaint);
    }
    bench_close(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_name_with_both_families),
        cmocka_unit_test(outcomes),
        cmocka_unit_test(names_in_other_letters),
        cmocka_unit_test(files_that_change),
        cmocka_unit_test(names_of_addresses),
        cmocka_unit_test(an_interface_by_its_number),
        cmocka_unit_test(without_memory),
        cmocka_unit_test(without_descriptors),
        cmocka_unit_test(many_threads),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
