/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The public functions, on a hub of the test's own: ports and a stack that hear each other, in one process; a thread for each. */
#include "ra_world.h"

#include <arpa/inet.h>
#include <ioth.h>
#include <iothradvd.h>
#include <lab/hub.h>
#include <libvdeplug.h>
#include <poll.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

enum { DEADLINE_MS = 60000, STEP_MS = 10 };

static char folder[] = "/tmp/radvd-XXXXXX";
static struct hub hub;

static struct iothradata data = {.curhoplimit = 64, .router_lifetime = 600};
static struct iothraprefix prefix = {.prefix = {{{0xfc, 1}}},
                                     .prefixlen = 64,
                                     .flags = IOTHRADVD_PREFIX_ON_LINK | IOTHRADVD_PREFIX_AUTONOMOUS,
                                     .valid_time = 86400,
                                     .preferred_time = 14400};

static bool eventually(bool (*is_true)(void *arg), void *arg)
{
    const struct timespec step = {.tv_nsec = STEP_MS * NSEC_PER_MSEC};
    for (int waited = 0; waited < DEADLINE_MS; waited += STEP_MS) {
        if (is_true(arg))
            return true;
        nanosleep(&step, NULL);
    }
    return false;
}

static bool has_heard(void *arg)
{
    struct iothradvd_stats stats;
    iothradvd_getstats(arg, &stats);
    return stats.advertisements > 0;
}

static bool differs(void *arg)
{
    struct iothradvd_stats stats;
    iothradvd_getstats(arg, &stats);
    return stats.inconsistent > 0;
}

/* --- a listener --- */

static VDECONN *listener(void)
{
    static char descr[] = "listener";
    VDECONN *conn = vde_open(hub.vnl, descr, NULL);
    assert_non_null(conn);
    return conn;
}

/* Waits for an advertisement with that lifetime; the bytes of it from ICMPv6 on. */
static size_t await_lifetime(VDECONN *conn, uint16_t lifetime_s, uint8_t frame[static 2048])
{
    struct timespec begin, now;
    clock_gettime(CLOCK_MONOTONIC, &begin);
    do {
        struct pollfd p = {.fd = vde_datafd(conn), .events = POLLIN};
        if (poll(&p, 1, 100) > 0) {
            ssize_t len = vde_recv(conn, frame, 2048, 0);
            if (len >= 70 && frame[12] == 0x86 && frame[20] == 58 && frame[54] == ND_ROUTER_ADVERT &&
                get_be16(frame + 54 + 6) == lifetime_s)
                return (size_t)len;
        }
        clock_gettime(CLOCK_MONOTONIC, &now);
    } while ((now.tv_sec - begin.tv_sec) * 1000 < DEADLINE_MS);
    return 0;
}

static void ports_hear_each_other(void **state)
{
    uint8_t one_mac[6] = {2, 0, 0, 0, 0, 1}, other_mac[6] = {2, 0, 0, 0, 0, 2}, frame[2048];
    (void)state;
    VDECONN *conn = listener();
    struct iothradvd *one = iothradvd_vdestart(hub.vnl, one_mac, 4, &data, &prefix, 1);
    struct iothraprefix changed = prefix;
    changed.valid_time = 1000;
    changed.preferred_time = 1000;
    struct iothradvd *other = iothradvd_vdestart(hub.vnl, other_mac, 4, &data, &changed, 1);
    assert_true(one && other);
    assert_true(eventually(differs, one));
    assert_true(eventually(differs, other));

    size_t len = await_lifetime(conn, 600, frame);
    assert_true(len > 0);
    struct ipaddr from, to;
    memcpy(from.b, frame + 22, 16);
    memcpy(to.b, frame + 38, 16);
    assert_int_equal(frame[21], 255);
    assert_true(nd_is_link_local(&from) && ipaddr_equal(&to, &nd_all_nodes));
    assert_int_equal(nd_checksum(&from, &to, frame + 54, len - 54), 0);

    iothradvd_stop(one);
    assert_true(await_lifetime(conn, 0, frame) > 0);
    assert_memory_equal(frame + 6, one_mac, 6);
    iothradvd_stop(other);
    assert_true(await_lifetime(conn, 0, frame) > 0);
    vde_close(conn);
}

/* A switch that stands still takes connections and never answers. */
static void a_silent_network(void **state)
{
    uint8_t mac[6] = {2, 0, 0, 0, 0, 1}, frame[2048];
    (void)state;
    assert_int_equal(kill(hub.pid, SIGSTOP), 0);
    assert_null(iothradvd_vdestart(hub.vnl, mac, 4, &data, &prefix, 1));
    assert_int_equal(errno, ETIMEDOUT);
    assert_int_equal(kill(hub.pid, SIGCONT), 0);
    VDECONN *conn = listener();
    struct iothradvd *one = iothradvd_vdestart(hub.vnl, mac, 4, &data, &prefix, 1);
    assert_true(await_lifetime(conn, 600, frame) > 0);
    iothradvd_stop(one);
    vde_close(conn);
}

static uint16_t bound_port(int fd)
{
    struct sockaddr_in any = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(any);
    assert_int_equal(bind(fd, (struct sockaddr *)&any, sizeof(any)), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&any, &len), 0);
    return ntohs(any.sin_port);
}

/* A network of UDP, to which somebody sends empty datagrams all the time: none of them is its end. */
static void empty_datagrams(void **state)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int other = socket(AF_INET, SOCK_DGRAM, 0), fd = socket(AF_INET, SOCK_DGRAM, 0);
    uint16_t port = bound_port(fd), here = bound_port(other);
    uint8_t frame[2048] = {0};
    char vnl[64];
    (void)state;
    close(fd);
    to.sin_port = htons(port);
    snprintf(vnl, sizeof(vnl), "udp://%u->127.0.0.1:%u", port, here);
    struct iothradvd *router = iothradvd_vdestart(vnl, NULL, 4, &data, &prefix, 1);
    assert_non_null(router);
    for (int waited = 0; frame[54] != ND_ROUTER_ADVERT; waited += STEP_MS) {
        struct pollfd p = {.fd = other, .events = POLLIN};
        assert_true(waited < DEADLINE_MS);
        assert_int_equal(sendto(other, "", 0, 0, (struct sockaddr *)&to, sizeof(to)), 0);
        if (poll(&p, 1, STEP_MS) > 0)
            (void)!recv(other, frame, sizeof(frame), MSG_DONTWAIT);
    }
    iothradvd_stop(router);
    close(other);
}

static void on_lwip(void **state)
{
    char why[256];
    (void)state;
    struct ioth *stack = ioth_newstack("lwip", hub.vnl);
    if (!stack) {
        print_message("not on lwip: no such stack here\n");
        return;
    }
    int ifindex = ioth_if_nametoindex(stack, "vde0");
    assert_true(ifindex > 0 && ioth_linksetupdown(stack, (unsigned)ifindex, 1) == 0);
    struct iothradvd *router = iothradvd_start(stack, (unsigned)ifindex, 4, &data, &prefix, 1);
    struct iothradvd *port = iothradvd_startc(NULL, "stack vde://not-there\n", why, sizeof(why));
    assert_null(port);
    char text[200];
    snprintf(text, sizeof(text), "stack %s\nperiod 4\nprefix fc01::/64/LA/86400/14400\n", hub.vnl);
    port = iothradvd_startc(NULL, text, why, sizeof(why));
    assert_true(router && port);
    assert_true(eventually(has_heard, port));
    assert_true(eventually(has_heard, router));

    /* The stack is in use as long as the router is. */
    assert_int_equal(ioth_delstack(stack), -1);
    assert_int_equal(errno, EBUSY);

    VDECONN *conn = listener();
    uint8_t frame[2048];
    assert_int_equal(iothradvd_update(port, "period 4\nlifetime 77\n", why, sizeof(why)), 0);
    size_t len = await_lifetime(conn, 77, frame);
    assert_true(len > 0);
    struct nd_message msg;
    struct nd_option o;
    assert_int_equal(nd_read(frame + 54, len - 54, &msg), 0);
    bool withdrawn = false;
    while (nd_next_option(&msg.options, &o))
        withdrawn |= o.type == ND_PREFIX && o.prefix.preferred_s == 0 && o.prefix.valid_s <= 7200;
    assert_true(withdrawn);
    assert_int_equal(iothradvd_update(port, "period x\n", why, sizeof(why)), -1);
    assert_int_equal(errno, EINVAL);
    assert_string_equal(why,
                        "line:1:8: 'x' is no number of seconds that is possible here, expected 1 to 65535");
    iothradvd_stop(port);
    iothradvd_stop(router);
    assert_int_equal(ioth_delstack(stack), 0);
    vde_close(conn);
}

/* The hub dies and another one takes its place. */
static void a_network_that_comes_back(void **state)
{
    uint8_t mac[6] = {2, 0, 0, 0, 0, 1}, frame[2048];
    char path[96];
    (void)state;
    VDECONN *conn = listener();
    struct iothradvd *router = iothradvd_vdestart(hub.vnl, mac, 4, &data, NULL, 0);
    assert_non_null(router);
    assert_true(await_lifetime(conn, 600, frame) > 0);
    vde_close(conn);
    snprintf(path, sizeof(path), "%s", hub.path);
    hub_kill(&hub);
    char command[128];
    snprintf(command, sizeof(command), "rm -r %s", path);
    assert_int_equal(system(command), 0);
    assert_int_equal(hub_start(&hub, path), 0);
    conn = listener();
    assert_true(await_lifetime(conn, 600, frame) > 0);
    iothradvd_stop(router);
    vde_close(conn);
}

static void errors(void **state)
{
    struct iothraprefix bad = prefix;
    char why[64];
    (void)state;
    bad.prefixlen = 129;
    errno = 0;
    assert_null(iothradvd_vdestart(hub.vnl, NULL, 4, &data, &bad, 1));
    assert_int_equal(errno, EINVAL);
    assert_null(iothradvd_vdestart(NULL, NULL, 4, &data, NULL, 0));
    assert_int_equal(errno, EINVAL);
    assert_null(iothradvd_vdestart(hub.vnl, NULL, -4, &data, NULL, 0));
    assert_int_equal(errno, EINVAL);
    assert_null(iothradvd_start(NULL, 0, 4, &data, NULL, 0));
    assert_int_equal(errno, ENODEV);
    assert_null(iothradvd_startc(NULL, "iface no-such-one\n", why, sizeof(why)));
    assert_int_equal(errno, ENODEV);
    assert_null(iothradvd_startc(NULL, "iface a\niface b\n", why, sizeof(why)));
    assert_int_equal(errno, EINVAL);
    assert_string_equal(why, "several interfaces, expected one for each handle");
    assert_null(iothradvd_startc(NULL, "stack stack=lwip\n", why, 10));
    assert_int_equal(errno, EINVAL);
    assert_string_equal(why, "this make");
    assert_null(iothradvd_startc(NULL, "stack\n", NULL, 0));
    iothradvd_stop(NULL);
}

static int begin(void **state)
{
    char path[96];
    (void)state;
    if (!mkdtemp(folder))
        return -1;
    snprintf(path, sizeof(path), "%s/hub", folder);
    return hub_start(&hub, path);
}

static int end(void **state)
{
    char command[128];
    (void)state;
    hub_kill(&hub);
    snprintf(command, sizeof(command), "rm -r %s", folder);
    return system(command);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ports_hear_each_other),     cmocka_unit_test(a_silent_network),
        cmocka_unit_test(empty_datagrams),           cmocka_unit_test(on_lwip),
        cmocka_unit_test(a_network_that_comes_back), cmocka_unit_test(errors),
    };
    if (system("command -v vde_plug >/dev/null") != 0) {
        puts("skipped: there is no vde_plug for a hub");
        return 77;
    }
    return cmocka_run_group_tests(tests, begin, end);
}
