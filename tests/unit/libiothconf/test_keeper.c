/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The keeper on real stacks: what the clients get stands, is renewed, is given back; who lets them run; how all ends with the
   stack. On the other side of a hub is a small server (townhall.h). Each test runs on lwip and, where the machine allows
   it, on vdestack. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <ifaddrs.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "iothconf.h"
#include "lab/holdings.h"
#include "lab/hub.h"
#include "libiothconf/townhall.h"

enum { SKIPPED = 77, DEADLINE_MS = 60000, STEP_MS = 5 };

static struct {
    const char *stack; /* "lwip", ... */
    char dir[32];
    struct hub hub;
    struct townhall *hall;
} net;

static const struct townhall_rules usual = {
    .lease_s = 600, .renewal_s = 2, .rebinding_s = 300, .mtu = 1400, .router_lifetime_s = 1800};

/* --- helpers --- */

static struct ioth *new_stack(const char *options)
{
    char config[512];
    struct ioth *stack;

    snprintf(config, sizeof(config), "stack=%s,vnl=%s%s%s", net.stack, net.hub.vnl, options[0] ? "," : "",
             options);
    stack = ioth_newstackc(config);
    if (stack == NULL)
        fail_msg("ioth_newstackc(\"%s\"): %s", config, strerror(errno));
    return stack;
}

static void assert_config(struct ioth *stack, const char *config, int mask)
{
    int rc = ioth_config(stack, config);

    if (rc != mask)
        fail_msg("ioth_config(\"%s\") gave %d (%s), expected %d", config, rc, strerror(errno), mask);
}

static void assert_deleted(struct ioth *stack)
{
    if (ioth_delstack(stack) < 0)
        fail_msg("ioth_delstack: %s", strerror(errno));
}

/* Has the stack an address that begins so? */
static bool has_address(struct ioth *stack, const char *begin)
{
    struct ifaddrs *all;
    bool found = false;

    assert_int_equal(ioth_getifaddrs(stack, &all), 0);
    for (struct ifaddrs *ifa = all; ifa != NULL; ifa = ifa->ifa_next) {
        char text[INET6_ADDRSTRLEN] = "";

        if (ifa->ifa_addr != NULL && ifa->ifa_addr->sa_family == AF_INET)
            inet_ntop(AF_INET, &((struct sockaddr_in *)ifa->ifa_addr)->sin_addr, text, sizeof(text));
        else if (ifa->ifa_addr != NULL && ifa->ifa_addr->sa_family == AF_INET6)
            inet_ntop(AF_INET6, &((struct sockaddr_in6 *)ifa->ifa_addr)->sin6_addr, text, sizeof(text));
        found = found || strncmp(text, begin, strlen(begin)) == 0;
    }
    ioth_freeifaddrs(all);
    return found;
}

static void pause_ms(int ms)
{
    const struct timespec pause = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L};

    nanosleep(&pause, NULL);
}

/* Waits until a counter of the server's is at least that. */
static void await(atomic_uint *counter, unsigned value, const char *what)
{
    for (int waited = 0; atomic_load(counter) < value; waited += STEP_MS) {
        if (waited > DEADLINE_MS)
            fail_msg("%s: %u, expected %u", what, atomic_load(counter), value);
        pause_ms(STEP_MS);
    }
}

static void await_address(struct ioth *stack, const char *begin, bool there)
{
    for (int waited = 0; has_address(stack, begin) != there; waited += STEP_MS) {
        if (waited > DEADLINE_MS)
            fail_msg("%s is still %s", begin, there ? "away" : "there");
        pause_ms(STEP_MS);
    }
}

static int setup_world(void **state)
{
    (void)state;
    snprintf(net.dir, sizeof(net.dir), "/tmp/ioth-keeper-XXXXXX");
    assert_non_null(mkdtemp(net.dir));
    char path[64];
    snprintf(path, sizeof(path), "%s/hub", net.dir);
    return hub_start(&net.hub, path);
}

static int teardown_world(void **state)
{
    char command[96];

    (void)state;
    hub_kill(&net.hub);
    snprintf(command, sizeof(command), "rm -r %s", net.dir);
    return system(command) == 0 ? 0 : -1;
}

static int setup_hall(void **state)
{
    (void)state;
    net.hall = townhall_start(net.hub.vnl, &usual);
    return net.hall != NULL ? 0 : -1;
}

static int teardown_hall(void **state)
{
    (void)state;
    townhall_stop(net.hall);
    return 0;
}

/* --- what clients get --- */

static void test_dhcp(void **state)
{
    struct ioth *stack = new_stack("");
    char *text;

    (void)state;
    assert_config(stack, "eth,dhcp,fqdn=host.town.test,dns=9.9.9.9", 1 | 2 | 4);
    assert_true(has_address(stack, "10.0.0.50"));
    text = ioth_resolvconf(stack, NULL);
    assert_non_null(text);
    assert_string_equal(text, "nameserver 9.9.9.9\nnameserver 10.0.0.1\nsearch town.test\n");
    free(text);
    assert_null(ioth_resolvconf(stack, NULL));
    assert_int_equal(errno, 0);
    assert_int_equal(ioth_config_clients(stack), 1);
    assert_config(stack, "dhcp", 4);

    unsigned changes = ioth_config_changes(stack);
    assert_config(stack, "-dhcp", 4);
    assert_true(ioth_config_changes(stack) != changes);
    assert_false(has_address(stack, "10.0.0.50"));
    await(&townhall_counts(net.hall)->releases, 1, "RELEASE");
    text = ioth_resolvconf(stack, NULL);
    assert_string_equal(text, "nameserver 9.9.9.9\n");
    free(text);
    assert_config(stack, "-dhcp", 4);
    assert_deleted(stack);
}

static void test_rd(void **state)
{
    struct ioth *stack = new_stack("");
    char *text;

    (void)state;
    assert_config(stack, "eth,rd,slaac,mac=02:00:00:00:00:77", 2 | 16);
    assert_true(has_address(stack, "fd00::ff:fe00:77"));
    text = ioth_resolvconf(stack, NULL);
    assert_string_equal(text, "nameserver fd00::53\n");
    free(text);
    assert_config(stack, "-rd", 16);
    assert_false(has_address(stack, "fd00::"));
    assert_deleted(stack);
}

/* The router has set neither M nor O, so there is no use for DHCPv6; its bit is missing, and nobody waits for it. */
static void test_auto(void **state)
{
    struct ioth *stack = new_stack("");
    time_t begun = time(NULL);

    (void)state;
    assert_config(stack, "auto,fqdn=host.town.test,timeout=60", 2 | 4 | 16);
    assert_true(time(NULL) - begun < 30);
    assert_true(has_address(stack, "10.0.0.50"));
    assert_true(has_address(stack, "fd00::"));
    assert_int_equal(ioth_config_clients(stack), 3);
    assert_config(stack, "-auto", 2 | 4 | 8 | 16);
    assert_false(has_address(stack, "10.0.0.50"));
    assert_false(has_address(stack, "fd00::"));
    assert_deleted(stack);
}

/* Nobody answers: what was asked for goes on being tried. */
static void test_silence(void **state)
{
    struct ioth *stack = new_stack("");

    (void)state;
    townhall_set_silent(net.hall, 1);
    assert_config(stack, "eth,dhcp,rd,timeout=1", 2);
    assert_int_equal(ioth_config_clients(stack), 2);
    assert_config(stack, "dhcp,timeout=0", 0);
    townhall_set_silent(net.hall, 0);
    assert_config(stack, "dhcp,rd,timeout=30", 4 | 16);
    assert_deleted(stack);
}

/* An address that the string has given is not the client's to take away. */
static void test_static_goes_first(void **state)
{
    struct ioth *stack = new_stack("");

    (void)state;
    assert_config(stack, "eth,ip=10.0.0.50/24,dhcp", 1 | 2 | 4);
    assert_config(stack, "-dhcp", 4);
    assert_true(has_address(stack, "10.0.0.50"));
    assert_config(stack, "-static", 1);
    assert_false(has_address(stack, "10.0.0.50"));
    assert_deleted(stack);
}

/* An MTU that is too small for IPv6 (Linux would drop its addresses) does not come where one was given. */
static void test_small_mtu(void **state)
{
    const struct townhall_rules small = {.lease_s = 600, .mtu = 576};
    struct townhall *hall = townhall_start(net.hub.vnl, &small);
    struct ioth *stack = new_stack("");

    (void)state;
    assert_non_null(hall);
    assert_config(stack, "eth,ip=fd02::7/64,dhcp", 1 | 2 | 4);
    assert_true(has_address(stack, "fd02::7"));
    assert_deleted(stack);
    townhall_stop(hall);
}

static void test_no_such_folder(void **state)
{
    struct ioth *stack = new_stack("");

    (void)state;
    assert_int_equal(ioth_config(stack, "eth,dhcp,statedir=/nowhere/at/all"), -1);
    assert_int_equal(errno, ENOENT);
    assert_int_equal(ioth_config(stack, "eth,dhcp,statedir=/dev/null"), -1);
    assert_int_equal(errno, ENOTDIR);
    assert_int_equal(ioth_config_clients(stack), 0);
    assert_deleted(stack);
}

static void test_files(void **state)
{
    static const char *const names[] = {"vde0.dhcp4", "duid", "secret"};
    struct ioth *stack = new_stack("");
    char config[128], path[128];
    struct stat st;

    (void)state;
    snprintf(config, sizeof(config), "eth,dhcp,rd,statedir=%s", net.dir);
    assert_config(stack, config, 2 | 4 | 16);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        snprintf(path, sizeof(path), "%s/%s", net.dir, names[i]);
        assert_int_equal(stat(path, &st), 0);
        assert_int_equal(st.st_mode & 0777, 0600);
        assert_true(st.st_size > 0);
        assert_int_equal(unlink(path), 0);
    }
    assert_deleted(stack);
}

/* Two interfaces of one stack, each with a client of its own: here on one network, where the server gives both the same
   address, so that the second one finds it taken (RFC 5227). */
static void test_two_interfaces(void **state)
{
    char config[512];
    struct ioth *stack;

    (void)state;
    snprintf(config, sizeof(config), "stack=%s,vnl=%s,vnl=%s", net.stack, net.hub.vnl, net.hub.vnl);
    stack = ioth_newstackc(config);
    assert_non_null(stack);
    assert_config(stack, "iface=vde0,eth,dhcp", 2 | 4);
    assert_config(stack, "iface=vde1,eth,rd,slaac", 2 | 16);
    assert_int_equal(ioth_config_start(stack), 0);
    assert_config(stack, "iface=vde1,dhcp,timeout=0", 0);
    await(&townhall_counts(net.hall)->declines, 1, "DECLINE");
    assert_int_equal(ioth_config_clients(stack), 3);
    assert_config(stack, "iface=vde1,-auto", 2 | 4 | 8 | 16);
    assert_true(has_address(stack, "10.0.0.50"));
    assert_config(stack, "iface=vde0,-dhcp", 4);
    assert_false(has_address(stack, "10.0.0.50"));
    assert_deleted(stack);
}

/* --- who lets them run --- */

static void test_thread(void **state)
{
    struct ioth *stack = new_stack("");
    atomic_uint *requests = &townhall_counts(net.hall)->requests;

    (void)state;
    assert_int_equal(ioth_config_start(stack), 0);
    assert_int_equal(ioth_config_start(stack), 0);
    assert_config(stack, "eth,dhcp", 2 | 4);
    await(requests, 3, "renewals");
    assert_true(has_address(stack, "10.0.0.50"));
    townhall_refuse_once(net.hall);
    await_address(stack, "10.0.0.50", false);
    await_address(stack, "10.0.0.50", true);
    assert_int_equal(ioth_config_stop(stack), 0);
    assert_int_equal(ioth_config_stop(stack), 0);
    assert_int_equal(ioth_config_start(stack), 0);
    assert_deleted(stack);
}

static void test_loop(void **state)
{
    struct ioth *stack = new_stack("");
    struct pollfd event = {.fd = ioth_config_fd(stack), .events = POLLIN};
    bool changed = false;

    (void)state;
    assert_true(event.fd >= 0);
    assert_int_equal(ioth_config_timeout(stack), -1);
    assert_int_equal(ioth_config_dispatch(stack), 0);
    assert_config(stack, "eth,dhcp,timeout=0", 2);
    for (int waited = 0; !has_address(stack, "10.0.0.50"); waited += 100) {
        assert_true(waited < DEADLINE_MS);
        assert_true(ioth_config_timeout(stack) >= 0);
        poll(&event, 1, 100);
        changed = ioth_config_dispatch(stack) == 1 || changed;
    }
    assert_true(changed);
    assert_int_equal(ioth_config_fd(stack), event.fd);
    await(&townhall_counts(net.hall)->requests, 1, "the lease");
    for (int waited = 0; atomic_load(&townhall_counts(net.hall)->requests) < 2; waited += 100) {
        assert_true(waited < DEADLINE_MS);
        poll(&event, 1, 100);
        assert_true(ioth_config_dispatch(stack) >= 0);
    }
    assert_deleted(stack);
}

/* A link that was down: the client confirms its address, and routers are asked again. */
static void test_link_down_and_up(void **state)
{
    struct ioth *stack = new_stack("");
    struct townhall_counts *counts = townhall_counts(net.hall);
    unsigned solicits, requests;

    (void)state;
    assert_int_equal(ioth_config_start(stack), 0);
    assert_config(stack, "eth,dhcp,rd", 2 | 4 | 16);
    solicits = counts->solicits;
    requests = counts->requests;
    assert_config(stack, "-eth", 2);
    pause_ms(2500); /* a stack that tells nothing is asked every two seconds */
    assert_config(stack, "eth", 2);
    await(&counts->solicits, solicits + 1, "a solicitation after the link was down");
    await(&counts->requests, requests + 1, "a request after the link was down");
    await_address(stack, "fd00::", true);
    assert_true(has_address(stack, "10.0.0.50"));
    assert_deleted(stack);
}

/* --- several threads --- */

static void *wait_inside(void *arg)
{
    return (void *)(intptr_t)ioth_config(arg, "dhcp,timeout=20");
}

/* Two wait, one of them lets the clients run; a third loop in between does no harm. */
static void test_several_wait(void **state)
{
    struct ioth *stack = new_stack("eth");
    pthread_t threads[3];
    void *result;

    (void)state;
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, wait_inside, stack), 0);
    for (int i = 0; i < 50; i++) {
        assert_true(ioth_config_dispatch(stack) >= 0);
        pause_ms(1);
    }
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(pthread_join(threads[i], &result), 0);
        assert_int_equal((intptr_t)result, 4);
    }
    assert_deleted(stack);
}

static atomic_bool race_ends;

static void *race(void *arg)
{
    struct ioth *stack = arg;

    for (unsigned i = 0; !race_ends; i++) {
        if (i % 2 == 0)
            ioth_config_start(stack);
        else
            ioth_config_stop(stack);
        free(ioth_resolvconf(stack, NULL));
        (void)ioth_config_changes(stack);
    }
    return NULL;
}

static void test_start_stop_race(void **state)
{
    struct ioth *stack = new_stack("eth");
    pthread_t threads[2];

    (void)state;
    race_ends = false;
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, race, stack), 0);
    for (int i = 0; i < 50; i++) {
        assert_true(ioth_config(stack, "dhcp,rd,timeout=0") >= 0);
        (void)ioth_config_dispatch(stack);
        assert_true(ioth_config(stack, "-dhcp,-rd") >= 0);
    }
    race_ends = true;
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    assert_deleted(stack);
}

/* Who waits inside keeps the stack; open sockets of the program do so too, and the clients go on. */
static void test_busy(void **state)
{
    struct ioth *stack = new_stack("eth");
    pthread_t thread;
    int fd;

    (void)state;
    townhall_set_silent(net.hall, 1);
    assert_int_equal(pthread_create(&thread, NULL, wait_inside, stack), 0);
    await(&townhall_counts(net.hall)->discovers, 1, "DISCOVER");
    assert_int_equal(ioth_delstack(stack), -1);
    assert_int_equal(errno, EBUSY);
    townhall_set_silent(net.hall, 0);
    assert_int_equal(pthread_join(thread, NULL), 0);

    assert_int_equal(ioth_config_start(stack), 0);
    fd = ioth_msocket(stack, AF_INET, SOCK_DGRAM, 0);
    assert_int_equal(ioth_delstack(stack), -1);
    assert_int_equal(errno, EBUSY);
    unsigned requests = townhall_counts(net.hall)->requests;
    await(&townhall_counts(net.hall)->requests, requests + 1, "a renewal after the stack was busy");
    ioth_close(fd);
    assert_deleted(stack);
}

/* More interfaces than there are keepers, one after the other: each takes its clients along. Only where interfaces can
   be made and removed. */
static void test_interfaces_come_and_go(void **state)
{
    enum { ROUNDS = 80 }; /* of 64 at once */
    struct ioth *stack = new_stack("");
    char config[64];

    (void)state;
    assert_int_equal(ioth_config_start(stack), 0);
    for (int i = 0; i < ROUNDS; i++) {
        int ifindex = ioth_iplink_add(stack, "link0", 0, "veth", NULL, 0);

        if (ifindex <= 0) {
            print_message("skipped: %s makes no interfaces: %s\n", net.stack, strerror(errno));
            break;
        }
        snprintf(config, sizeof(config), "ifindex=%d,eth,dhcp,rd,timeout=0", ifindex);
        assert_config(stack, config, 2);
        assert_int_equal(ioth_config_clients(stack), 2);
        assert_int_equal(ioth_iplink_del(stack, NULL, (unsigned)ifindex), 0);
        for (int waited = 0; ioth_config_clients(stack) > 0; waited += STEP_MS) {
            assert_true(waited < DEADLINE_MS);
            pause_ms(STEP_MS);
        }
    }
    assert_deleted(stack);
}

/* Takes all descriptors that the process may have; returns how many. */
static size_t take_descriptors(int fds[static 1024])
{
    const struct rlimit few = {.rlim_cur = 1024, .rlim_max = 1024};
    size_t n = 0;

    assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
    while (n < 1024 && (fds[n] = dup(STDIN_FILENO)) >= 0)
        n++;
    assert_int_equal(errno, EMFILE);
    return n;
}

static void give_descriptors(const int *fds, size_t n)
{
    while (n > 0)
        close(fds[--n]);
}

static void await_change(struct ioth *stack, unsigned than)
{
    for (int waited = 0; ioth_config_changes(stack) == than; waited += STEP_MS) {
        assert_true(waited < DEADLINE_MS);
        pause_ms(STEP_MS);
    }
}

/* No descriptors: what could not be added to the stack, or taken off it, is as soon as there are some again, also what could not
   be renewed before. */
static void test_no_descriptors(void **state)
{
    struct ioth *stack = new_stack("eth");
    unsigned changes, discovers, requests;
    int fds[1024];
    size_t n;

    (void)state;
    assert_int_equal(ioth_config_start(stack), 0);
    townhall_set_silent(net.hall, 1);
    assert_config(stack, "dhcp,timeout=0", 0);
    n = take_descriptors(fds);
    changes = ioth_config_changes(stack);
    townhall_set_silent(net.hall, 0);
    await_change(stack, changes); /* bound, or so it thinks */
    townhall_set_silent(net.hall, 1);
    give_descriptors(fds, n);
    await_address(stack, "10.0.0.50", true);

    n = take_descriptors(fds);
    requests = townhall_counts(net.hall)->requests;
    await(&townhall_counts(net.hall)->requests, requests + 1, "a renewal");
    discovers = townhall_counts(net.hall)->discovers;
    townhall_refuse_once(net.hall);
    await(&townhall_counts(net.hall)->discovers, discovers + 1, "DISCOVER after a NAK");
    give_descriptors(fds, n);
    await_address(stack, "10.0.0.50", false);
    assert_deleted(stack);
}

static void *flood(void *arg)
{
    (void)arg;
    for (uint16_t i = 0; !race_ends; i++)
        townhall_renumber(net.hall, i);
    return NULL;
}

/* A router that says other prefixes as fast as it can: what that costs the stack is bounded, and nobody is kept from
   the keepers, which here means that the test ends. */
static void test_flood(void **state)
{
    enum {
        CHANGES_A_SECOND = 32 * 2 * (8 + 8 + 1)
    }; /* advertisements; addresses, their prefixes and the router */
    struct ioth *stack = new_stack("eth");
    time_t begun = time(NULL);
    pthread_t thread;

    (void)state;
    assert_int_equal(ioth_config_start(stack), 0);
    assert_config(stack, "rd", 16);
    race_ends = false;
    assert_int_equal(pthread_create(&thread, NULL, flood, NULL), 0);
    for (int i = 0; i < 200; i++) {
        (void)ioth_config_changes(stack);
        pause_ms(10);
    }
    assert_in_range(ioth_config_changes(stack), 2 * (8 + 8), CHANGES_A_SECOND * (time(NULL) - begun + 2));
    assert_deleted(stack);
    race_ends = true;
    assert_int_equal(pthread_join(thread, NULL), 0);
}

/* --- nothing remains --- */

static void a_life(void)
{
    struct ioth *stack = new_stack("eth,fqdn=host.town.test,dhcp,rd,dhcp6,timeout=0");

    assert_int_equal(ioth_config_start(stack), 0);
    if (ioth_config(stack, "-rd") < 0)
        fail_msg("-rd: %s", strerror(errno));
    assert_deleted(stack);
}

static void test_nothing_remains(void **state)
{
    int rounds = strcmp(net.stack, "lwip") == 0 && !holdings_are_a_sanitizers() ? 1000 : 50;
    struct holdings before, now;

    (void)state;
    for (int i = 0; i < 10; i++)
        a_life();
    before = holdings_now();
    for (int i = 0; i < rounds; i++)
        a_life();
    assert_true(holdings_are_back(&before, &now));
    if (!holdings_are_a_sanitizers())
        assert_true(now.heap < before.heap + 16384);
}

/* --- all at once: most of the time they wait --- */

#define WITH_HALL(test) cmocka_unit_test_setup_teardown(test, setup_hall, teardown_hall)

static const struct CMUnitTest tests[] = {
    WITH_HALL(test_dhcp),
    WITH_HALL(test_rd),
    WITH_HALL(test_auto),
    WITH_HALL(test_silence),
    WITH_HALL(test_static_goes_first),
    WITH_HALL(test_no_such_folder),
    WITH_HALL(test_files),
    WITH_HALL(test_two_interfaces),
    WITH_HALL(test_thread),
    WITH_HALL(test_loop),
    WITH_HALL(test_link_down_and_up),
    WITH_HALL(test_several_wait),
    WITH_HALL(test_start_stop_race),
    WITH_HALL(test_busy),
    WITH_HALL(test_flood),
    WITH_HALL(test_no_descriptors),
    WITH_HALL(test_interfaces_come_and_go),
    cmocka_unit_test(test_small_mtu),
    cmocka_unit_test(test_nothing_remains),
};

enum { TESTS = sizeof(tests) / sizeof(tests[0]), STACKS = 2 };

struct run {
    pid_t pid;
    FILE *said;
};

/* One test on one stack, in a process and on a hub of its own. */
static struct run begin(const char *stack, const struct CMUnitTest *test)
{
    struct run run = {.said = tmpfile()};

    assert(run.said != NULL);
    run.pid = fork();
    if (run.pid != 0)
        return run;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    dup2(fileno(run.said), STDOUT_FILENO);
    dup2(fileno(run.said), STDERR_FILENO);
    net.stack = stack;
    cmocka_set_test_filter(test->name);
    exit(cmocka_run_group_tests_name(stack, tests, setup_world, teardown_world));
}

/* Waits for its end, and says what it has said. */
static bool has_failed(const struct run *run)
{
    int status, c;

    waitpid(run->pid, &status, 0);
    rewind(run->said);
    while ((c = getc(run->said)) != EOF)
        putchar(c);
    fclose(run->said);
    return !WIFEXITED(status) || WEXITSTATUS(status) != 0;
}

static bool vdestack_works(void)
{
    struct ioth *stack = ioth_newstack("vdestack", NULL);
    bool works = stack != NULL && access("/dev/net/tun", R_OK | W_OK) == 0;

    if (!works)
        printf("skipped: tests on vdestack: %s\n", strerror(errno));
    if (stack != NULL)
        ioth_delstack(stack);
    return works;
}

int main(int argc, char *argv[])
{
    const char *stacks[STACKS] = {"lwip", vdestack_works() ? "vdestack" : NULL};
    struct run runs[STACKS * TESTS];
    size_t n = 0, failed = 0;

    if (system("command -v vde_plug >/dev/null") != 0) {
        printf("skipped: vde_plug is not installed\n");
        return SKIPPED;
    }
    if (ioth_checkstack("lwip") < 0) {
        printf("skipped: the servers of these tests stand on lwip, which is not built\n");
        return SKIPPED;
    }
    fflush(stdout);
    for (size_t i = 0; i < STACKS; i++)
        for (size_t j = 0; stacks[i] != NULL && j < TESTS; j++)
            if (argc < 2 || strcmp(argv[1], tests[j].name) == 0)
                runs[n++] = begin(stacks[i], &tests[j]);
    for (size_t i = 0; i < n; i++)
        failed += has_failed(&runs[i]);
    return failed > 0;
}
