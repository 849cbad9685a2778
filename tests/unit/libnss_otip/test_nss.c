/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The module as the C library uses it: loaded by its name, its entry points called with buffers of every size, by many threads,
 * by threads that are being cancelled, in a process that forks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "conf_folder.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <netdb.h>
#include <nss.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/resource.h>
#include <sys/wait.h>

#define CONF                                                                                                 \
    "hash .hash.local fc00::\n"                                                                              \
    "hash one.local fc00::\n"                                                                                \
    "otip renzo.otip fc01:: secret secret period 86400\n"                                                    \
    "otip lost.otip fc01:: secret nowhere\n"
#define RENZO "fc00::4cc:8049:6765:d03a"

static const char *const written[] = {"otip.conf", "secret"};

static struct module {
    enum nss_status (*by_name4)(const char *, struct gaih_addrtuple **, char *, size_t, int *, int *,
                                int32_t *);
    enum nss_status (*by_name3)(const char *, int, struct hostent *, char *, size_t, int *, int *, int32_t *,
                                char **);
    enum nss_status (*by_name2)(const char *, int, struct hostent *, char *, size_t, int *, int *);
    enum nss_status (*by_name)(const char *, struct hostent *, char *, size_t, int *, int *);
    enum nss_status (*by_addr2)(const void *, socklen_t, int, struct hostent *, char *, size_t, int *, int *,
                                int32_t *);
    enum nss_status (*by_addr)(const void *, socklen_t, int, struct hostent *, char *, size_t, int *, int *);
} module;

static void load(void *handle, const char *name, void *ret_function)
{
    char symbol[64];
    void *address;

    snprintf(symbol, sizeof(symbol), "_nss_otip_%s_r", name);
    address = dlsym(handle, symbol);
    if (!address)
        fail_msg("%s", dlerror());
    memcpy(ret_function, &address, sizeof(address));
}

static int set_up(void **state)
{
    static struct conf_folder folder;
    void *handle = dlopen(NSS_OTIP, RTLD_NOW | RTLD_LOCAL);

    if (!handle)
        fail_msg("%s", dlerror());
    load(handle, "gethostbyname4", &module.by_name4);
    load(handle, "gethostbyname3", &module.by_name3);
    load(handle, "gethostbyname2", &module.by_name2);
    load(handle, "gethostbyname", &module.by_name);
    load(handle, "gethostbyaddr2", &module.by_addr2);
    load(handle, "gethostbyaddr", &module.by_addr);
    assert_null(dlsym(handle, "otip_new"));
    assert_null(dlsym(handle, "iothaddr_hash"));
    conf_folder_open(&folder);
    conf_folder_write(&folder, "otip.conf", 0644, CONF);
    conf_folder_write(&folder, "secret", 0600, "mypassword\n");
    setenv("XDG_CONFIG_HOME", folder.path, 1);
    *state = &folder;
    return 0;
}

static int tear_down(void **state)
{
    conf_folder_close(*state, written, sizeof(written) / sizeof(written[0]));
    return 0;
}

/* What a call gave. */
struct got {
    enum nss_status status;
    int error, h_error;
    int32_t ttl;
    char buffer[1024];
};

static const char *address_text(const void *addr)
{
    static _Thread_local char text[INET6_ADDRSTRLEN];

    return inet_ntop(AF_INET6, addr, text, sizeof(text));
}

static void getaddrinfo_s_question(void **state)
{
    struct got g = {.ttl = -1};
    struct gaih_addrtuple *tuple = NULL, own = {.family = 4711};

    (void)state;
    errno = 4711;
    g.status =
        module.by_name4("Renzo.Hash.LOCAL.", &tuple, g.buffer, sizeof(g.buffer), &errno, &g.h_error, &g.ttl);
    assert_int_equal(g.status, NSS_STATUS_SUCCESS);
    assert_int_equal(errno, 4711);
    assert_int_equal(g.h_error, NETDB_SUCCESS);
    assert_int_equal(g.ttl, 600);
    assert_true((char *)tuple >= g.buffer && (char *)tuple < g.buffer + sizeof(g.buffer));
    assert_null(tuple->next);
    assert_string_equal(tuple->name, "renzo.hash.local");
    assert_int_equal(tuple->family, AF_INET6);
    assert_string_equal(address_text(tuple->addr), RENZO);
    assert_int_equal(tuple->scopeid, 0);

    tuple = &own; /* a caller may bring the first one */
    g.status = module.by_name4("renzo.otip", &tuple, g.buffer, sizeof(g.buffer), &g.error, &g.h_error, NULL);
    assert_int_equal(g.status, NSS_STATUS_SUCCESS);
    assert_ptr_equal(tuple, &own);
    assert_int_equal(own.family, AF_INET6);
}

static void assert_hostent(const struct hostent *h, const char *name, const char *address)
{
    assert_string_equal(h->h_name, name);
    assert_null(h->h_aliases[0]);
    assert_int_equal(h->h_addrtype, AF_INET6);
    assert_int_equal(h->h_length, 16);
    assert_string_equal(address_text(h->h_addr_list[0]), address);
    assert_null(h->h_addr_list[1]);
}

static void gethostbyname_s_questions(void **state)
{
    struct got g = {.ttl = -1};
    struct hostent h;
    char *canonical = NULL;

    (void)state;
    g.status = module.by_name3("renzo.hash.local", AF_INET6, &h, g.buffer, sizeof(g.buffer), &g.error,
                               &g.h_error, &g.ttl, &canonical);
    assert_int_equal(g.status, NSS_STATUS_SUCCESS);
    assert_hostent(&h, "renzo.hash.local", RENZO);
    assert_ptr_equal(canonical, h.h_name);
    assert_int_equal(g.ttl, 600);
    memset(&h, 0, sizeof(h));
    g.status =
        module.by_name2("renzo.hash.local", AF_INET6, &h, g.buffer, sizeof(g.buffer), &g.error, &g.h_error);
    assert_int_equal(g.status, NSS_STATUS_SUCCESS);
    assert_hostent(&h, "renzo.hash.local", RENZO);
}

static void assert_refused(enum nss_status status, const struct got *g, enum nss_status expected, int error,
                           int h_error)
{
    assert_int_equal(status, expected);
    assert_int_equal(g->error, error);
    assert_int_equal(g->h_error, h_error);
}

static void names_of_others_and_names_without_address(void **state)
{
    const char *others[] = {"example.org",   "", ".", "a..hash.local", "hash.local", "/etc/passwd",
                            "a b.hash.local"};
    char long_name[2000];
    struct gaih_addrtuple *tuple = NULL;
    struct hostent h;
    struct got g;
    enum nss_status status;

    (void)state;
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        status = module.by_name4(others[i], &tuple, g.buffer, sizeof(g.buffer), &g.error, &g.h_error, NULL);
        assert_refused(status, &g, NSS_STATUS_UNAVAIL, ENOENT, HOST_NOT_FOUND);
        status = module.by_name2(others[i], AF_INET, &h, g.buffer, sizeof(g.buffer), &g.error, &g.h_error);
        assert_refused(status, &g, NSS_STATUS_UNAVAIL, ENOENT, HOST_NOT_FOUND);
    }
    memset(long_name, 'a', sizeof(long_name));
    strcpy(long_name + sizeof(long_name) - 12, ".hash.local");
    status = module.by_name4(long_name, &tuple, g.buffer, sizeof(g.buffer), &g.error, &g.h_error, NULL);
    assert_refused(status, &g, NSS_STATUS_UNAVAIL, ENOENT, HOST_NOT_FOUND);
    assert_null(tuple);

    status = module.by_name2("a.hash.local", AF_INET, &h, g.buffer, sizeof(g.buffer), &g.error, &g.h_error);
    assert_refused(status, &g, NSS_STATUS_NOTFOUND, ENOENT, NO_DATA);
    status = module.by_name("a.hash.local", &h, g.buffer, sizeof(g.buffer), &g.error, &g.h_error);
    assert_refused(status, &g, NSS_STATUS_NOTFOUND, ENOENT, NO_DATA);
    status = module.by_name4("lost.otip", &tuple, g.buffer, sizeof(g.buffer), &g.error, &g.h_error, NULL);
    assert_refused(status, &g, NSS_STATUS_NOTFOUND, ENOENT, NO_RECOVERY);
    status = module.by_name2("a.hash.local", AF_UNIX, &h, g.buffer, sizeof(g.buffer), &g.error, &g.h_error);
    assert_refused(status, &g, NSS_STATUS_UNAVAIL, EAFNOSUPPORT, NO_DATA);
}

static void no_descriptor_left(void **state)
{
    struct rlimit before, none;
    struct gaih_addrtuple *tuple = NULL;
    struct hostent h;
    struct got g;
    uint8_t addr[16] = {0};

    (void)state;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    none = (struct rlimit){0, before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    enum nss_status by_addr =
        module.by_addr(addr, 16, AF_INET6, &h, g.buffer, sizeof(g.buffer), &g.error, &g.h_error);
    enum nss_status by_name =
        module.by_name4("renzo.otip", &tuple, g.buffer, sizeof(g.buffer), &g.error, &g.h_error, NULL);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_refused(by_name, &g, NSS_STATUS_TRYAGAIN, EMFILE,
                   TRY_AGAIN); /* whose name it is cannot be known */
    assert_int_equal(by_addr, NSS_STATUS_TRYAGAIN);
}

static void names_of_addresses(void **state)
{
    struct got g = {.ttl = -1};
    struct gaih_addrtuple *tuple = NULL;
    struct hostent h;
    uint32_t addr[4];

    (void)state;
    assert_int_equal(
        module.by_name4("one.local", &tuple, g.buffer, sizeof(g.buffer), &g.error, &g.h_error, NULL),
        NSS_STATUS_SUCCESS);
    memcpy(addr, tuple->addr, sizeof(addr));
    g.status =
        module.by_addr2(addr, 16, AF_INET6, &h, g.buffer, sizeof(g.buffer), &g.error, &g.h_error, &g.ttl);
    assert_int_equal(g.status, NSS_STATUS_SUCCESS);
    assert_string_equal(h.h_name, "one.local");
    assert_memory_equal(h.h_addr_list[0], addr, 16);
    assert_int_equal(g.ttl, 600);
    g.status = module.by_addr(addr, 16, AF_INET6, &h, g.buffer, sizeof(g.buffer), &g.error, &g.h_error);
    assert_int_equal(g.status, NSS_STATUS_SUCCESS);
    addr[3]++;
    g.status = module.by_addr(addr, 16, AF_INET6, &h, g.buffer, sizeof(g.buffer), &g.error, &g.h_error);
    assert_refused(g.status, &g, NSS_STATUS_UNAVAIL, ENOENT, HOST_NOT_FOUND);
    g.status = module.by_addr(addr, 4, AF_INET, &h, g.buffer, sizeof(g.buffer), &g.error, &g.h_error);
    assert_refused(g.status, &g, NSS_STATUS_UNAVAIL, ENOENT, HOST_NOT_FOUND);
}

/* Buffers of every size, at every alignment, each exactly as long as it says: until one is enough. */
static void buffers_that_are_too_small(void **state)
{
    (void)state;
    for (unsigned skew = 0; skew < 8; skew++) {
        bool enough[2] = {false, false};
        for (size_t size = 0; size < 256; size++) {
            char *block = malloc(size + skew > 0 ? size + skew : 1);
            struct gaih_addrtuple *tuple = NULL;
            struct hostent h;
            int error = 0, h_error = 0;
            assert_non_null(block);
            for (unsigned which = 0; which < 2; which++) {
                enum nss_status status = which == 0
                                             ? module.by_name4("renzo.hash.local", &tuple, block + skew, size,
                                                               &error, &h_error, NULL)
                                             : module.by_name2("renzo.hash.local", AF_INET6, &h, block + skew,
                                                               size, &error, &h_error);
                if (status == NSS_STATUS_SUCCESS) {
                    enough[which] = true;
                    continue;
                }
                assert_false(enough[which]); /* nor was a smaller one */
                assert_int_equal(status, NSS_STATUS_TRYAGAIN);
                assert_int_equal(error, ERANGE);
                assert_int_equal(h_error, NETDB_INTERNAL);
            }
            free(block);
        }
        assert_true(enough[0] && enough[1]);
    }
}

static void *look_up_much(void *arg)
{
    atomic_int *wrong = arg;

    for (unsigned i = 0; i < 300; i++) {
        struct got g;
        struct gaih_addrtuple *tuple = NULL;
        const char *name = i % 3 == 0 ? "renzo.hash.local" : "renzo.otip";
        g.status = module.by_name4(name, &tuple, g.buffer, sizeof(g.buffer), &g.error, &g.h_error, NULL);
        if (g.status != NSS_STATUS_SUCCESS || (i % 3 == 0 && strcmp(address_text(tuple->addr), RENZO) != 0))
            atomic_fetch_add(wrong, 1);
    }
    return NULL;
}

static void many_threads(void **state)
{
    pthread_t threads[8];
    atomic_int wrong = 0;

    (void)state;
    for (unsigned i = 0; i < 8; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, look_up_much, &wrong), 0);
    for (unsigned i = 0; i < 8; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(wrong, 0);
}

static unsigned open_descriptors(void)
{
    DIR *dir = opendir("/proc/self/fd");
    unsigned count = 0;

    assert_non_null(dir);
    while (readdir(dir))
        count++;
    closedir(dir);
    return count;
}

__attribute__((noinline)) static bool looks_up(void)
{
    struct got g;
    struct gaih_addrtuple *tuple = NULL;

    g.status = module.by_name4("renzo.otip", &tuple, g.buffer, sizeof(g.buffer), &g.error, &g.h_error, NULL);
    return g.status == NSS_STATUS_SUCCESS;
}

/* It has nothing on its stack where it is cancelled: AddressSanitizer would not see that go. */
static void *look_up_until_cancelled(void *arg)
{
    for (;;) {
        looks_up();
        atomic_fetch_add((atomic_uint *)arg, 1);
        pthread_testcancel();
    }
    return NULL;
}

static void a_cancelled_thread_leaves_nothing_behind(void **state)
{
    unsigned before = open_descriptors();

    (void)state;
    for (unsigned i = 0; i < 50; i++) {
        pthread_t thread;
        atomic_uint calls = 0;
        assert_int_equal(pthread_create(&thread, NULL, look_up_until_cancelled, &calls), 0);
        while (atomic_load(&calls) == 0)
            sched_yield();
        pthread_cancel(thread);
        pthread_join(thread, NULL);
    }
    assert_int_equal(open_descriptors(), before);
}

static void a_child_of_a_busy_process_looks_up(void **state)
{
    pthread_t thread;
    atomic_uint calls = 0;

    (void)state;
    assert_int_equal(pthread_create(&thread, NULL, look_up_until_cancelled, &calls), 0);
    for (unsigned i = 0; i < 20; i++) {
        int status;
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            _exit(looks_up() ? 0 : 1);
        }
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_int_equal(status, 0);
    }
    pthread_cancel(thread);
    pthread_join(thread, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(getaddrinfo_s_question),
        cmocka_unit_test(gethostbyname_s_questions),
        cmocka_unit_test(names_of_others_and_names_without_address),
        cmocka_unit_test(no_descriptor_left),
        cmocka_unit_test(names_of_addresses),
        cmocka_unit_test(buffers_that_are_too_small),
        cmocka_unit_test(many_threads),
        cmocka_unit_test(a_cancelled_thread_leaves_nothing_behind),
        cmocka_unit_test(a_child_of_a_busy_process_looks_up),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
