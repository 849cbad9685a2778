/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The folder is new for each run, so that runs side by side do not meet. Waiting is polling, POLL_MS apart, up to
 * DEADLINE_MS.
 */
#include "lab.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "lab/pattern.h"

enum { DEADLINE_MS = 60000, POLL_MS = 2, CHUNK = 65536 };

static char folder[] = "/tmp/ioth-lab-XXXXXX";
static struct hub common;

/* ---- the folder and its hubs ---- */

/* Removes what one hub left; the folder of a hub that was killed still has its sockets. */
static void remove_tree(const char *path)
{
    char command[128];

    snprintf(command, sizeof(command), "rm -rf '%s'", path);
    if (system(command) != 0)
        fprintf(stderr, "%s stays behind\n", path);
}

static void lab_close(void)
{
    remove_tree(folder);
}

static int lab_open(void)
{
    struct ioth *stack = ioth_newstack("vdestack", "null://");

    if (stack == NULL &&
        (errno == EPERM || errno == EACCES || errno == ENOSPC || errno == ENOENT || errno == ENODEV)) {
        printf("skipped: no namespace with a tap can be made here: %s\n", strerror(errno));
        return 77;
    }
    if (stack == NULL || ioth_delstack(stack) < 0 || mkdtemp(folder) == NULL) {
        perror("lab");
        return 1;
    }
    if (system("command -v vde_plug >/dev/null") != 0) {
        printf("skipped: vde_plug is not installed\n");
        lab_close();
        return 77;
    }
    return 0;
}

const char *lab_folder(void)
{
    return folder;
}

void lab_hub_start(struct hub *hub, const char *name)
{
    char path[sizeof(hub->path)];
    int error;

    snprintf(path, sizeof(path), "%s/%s", folder, name);
    error = hub_start(hub, path);
    if (error < 0)
        fail_msg("no hub at %s: %s", path, strerror(-error));
}

void lab_hub_kill(struct hub *hub)
{
    hub_kill(hub);
    remove_tree(hub->path);
}

static int lab_hub_setup(void **state)
{
    (void)state;
    lab_hub_start(&common, "hub");
    return 0;
}

static int lab_hub_teardown(void **state)
{
    (void)state;
    lab_hub_kill(&common);
    return 0;
}

int lab_run_tests(const struct CMUnitTest *tests, size_t n)
{
    int result = lab_open();

    if (result != 0)
        return result;
    result = _cmocka_run_group_tests("tests", tests, n, lab_hub_setup, lab_hub_teardown);
    lab_close();
    return result;
}

const char *lab_vnl(void)
{
    return common.vnl;
}

/* ---- waiting ---- */

bool lab_wait(bool (*condition)(void *arg), void *arg)
{
    const struct timespec step = {.tv_nsec = POLL_MS * 1000000};
    int waited_ms;

    for (waited_ms = 0; waited_ms < DEADLINE_MS; waited_ms += POLL_MS) {
        if (condition(arg))
            return true;
        nanosleep(&step, NULL);
    }
    return false;
}

bool lab_readable(int fd)
{
    struct pollfd pollfd = {.fd = fd, .events = POLLIN};

    return poll(&pollfd, 1, DEADLINE_MS) == 1;
}

short lab_wait_any(int fd, short events)
{
    struct pollfd pollfd = {.fd = fd, .events = events};

    if (poll(&pollfd, 1, DEADLINE_MS) != 1)
        fail_msg("poll shows nothing of %#x at descriptor %d", (unsigned)events, fd);
    return pollfd.revents;
}

short lab_events(int fd)
{
    struct pollfd pollfd = {.fd = fd, .events = POLLIN | POLLOUT | POLLRDHUP};

    assert_true(poll(&pollfd, 1, 0) >= 0);
    return pollfd.revents;
}

struct awaited {
    int fd;
    short events, shown;
};

static bool shows_all(void *arg)
{
    struct awaited *awaited = arg;

    awaited->shown = lab_events(awaited->fd);
    return (awaited->shown & awaited->events) == awaited->events;
}

short lab_wait_all(int fd, short events)
{
    struct awaited awaited = {.fd = fd, .events = events};

    if (!lab_wait(shows_all, &awaited))
        fail_msg("poll shows %#x, waited for %#x", (unsigned)awaited.shown, (unsigned)events);
    return awaited.shown;
}

/* ---- stacks and sockets ---- */

static int read_address(const char *text, void *ret_addr)
{
    if (inet_pton(AF_INET, text, ret_addr) == 1)
        return AF_INET;
    assert_int_equal(inet_pton(AF_INET6, text, ret_addr), 1);
    return AF_INET6;
}

void lab_configure(struct ioth *stack, const char *ifname, const char *addr)
{
    struct in6_addr bytes;
    int family = read_address(addr, &bytes);
    int prefix = family == AF_INET ? 24 : nl_addrdata2prefix(64, IFA_F_NODAD, 0);
    int ifindex = ioth_if_nametoindex(stack, ifname);

    assert_true(ifindex > 0);
    assert_int_equal(ioth_linksetupdown(stack, (unsigned)ifindex, 1), 0);
    assert_int_equal(ioth_ipaddr_add(stack, family, &bytes, prefix, (unsigned)ifindex), 0);
}

bool lab_has(const char *kind)
{
    struct ioth *stack = ioth_newstack(kind, NULL);

    if (stack != NULL)
        return ioth_delstack(stack) == 0;
    print_message("skipped: no %s: %s\n", kind, strerror(errno));
    return false;
}

struct ioth *lab_stack(const char *kind, const char *vnl, const char *addr)
{
    const char *network = vnl == NULL ? common.vnl : vnl;
    struct ioth *stack = ioth_newstack(kind, network);

    if (stack == NULL)
        fail_msg("no %s on %s: %s", kind, network, strerror(errno));
    lab_configure(stack, "vde0", addr);
    return stack;
}

socklen_t lab_sockaddr(struct sockaddr_storage *ret_addr, const char *addr, unsigned short port)
{
    struct in6_addr bytes;
    int family = read_address(addr, &bytes);

    memset(ret_addr, 0, sizeof(*ret_addr));
    ret_addr->ss_family = (sa_family_t)family;
    if (family == AF_INET) {
        struct sockaddr_in *in = (struct sockaddr_in *)ret_addr;

        in->sin_port = htons(port);
        memcpy(&in->sin_addr, &bytes, sizeof(in->sin_addr));
        return sizeof(*in);
    }
    struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)ret_addr;

    in6->sin6_port = htons(port);
    in6->sin6_addr = bytes;
    return sizeof(*in6);
}

int lab_bound(struct ioth *stack, int type, const char *addr, unsigned short port)
{
    struct sockaddr_storage sockaddr;
    socklen_t len = lab_sockaddr(&sockaddr, addr, port);
    int fd = ioth_msocket(stack, sockaddr.ss_family, type | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    assert_int_equal(ioth_bind(fd, (struct sockaddr *)&sockaddr, len), 0);
    if (type == SOCK_STREAM)
        assert_int_equal(ioth_listen(fd, 5), 0);
    return fd;
}

struct lab_pair lab_connected(struct ioth *from, int listener, const char *addr, unsigned short port)
{
    struct sockaddr_storage sockaddr;
    socklen_t len = lab_sockaddr(&sockaddr, addr, port);
    struct lab_pair pair = {.client = ioth_msocket(from, sockaddr.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0)};

    assert_true(pair.client >= 0);
    assert_int_equal(ioth_connect(pair.client, (struct sockaddr *)&sockaddr, len), 0);
    pair.server = ioth_accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    assert_true(pair.server >= 0);
    assert_int_equal(ioth_fcntl(pair.client, F_SETFL, O_NONBLOCK), 0);
    return pair;
}

unsigned lab_flags(struct ioth *stack, const char *ifname)
{
    struct ifaddrs *list, *ifa;
    unsigned flags = 0;

    assert_int_equal(ioth_getifaddrs(stack, &list), 0);
    for (ifa = list; ifa != NULL; ifa = ifa->ifa_next)
        if (strcmp(ifa->ifa_name, ifname) == 0)
            flags = ifa->ifa_flags;
    ioth_freeifaddrs(list);
    return flags;
}

/* ---- traffic ---- */

void lab_exchange(struct ioth *from, struct ioth *to, const char *to_addr, size_t len)
{
    static unsigned char sent[65536], got[65536];
    struct sockaddr_storage sockaddr;
    socklen_t addrlen = lab_sockaddr(&sockaddr, to_addr, 53);
    int receiver = lab_bound(to, SOCK_DGRAM, to_addr, 53);
    int sender = ioth_msocket(from, sockaddr.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    pattern_fill(sent, len, len);
    assert_int_equal(ioth_sendto(sender, sent, len, 0, (struct sockaddr *)&sockaddr, addrlen), len);
    if (!lab_readable(receiver))
        fail_msg("%zu bytes did not arrive at %s", len, to_addr);
    assert_int_equal(ioth_recv(receiver, got, sizeof(got), 0), len);
    assert_memory_equal(got, sent, len);
    assert_int_equal(ioth_close(sender), 0);
    assert_int_equal(ioth_close(receiver), 0);
}

/* RFC 1071; len is even. */
static uint16_t checksum(const unsigned char *bytes, size_t len)
{
    uint32_t sum = 0;
    size_t i;

    for (i = 0; i < len; i += 2)
        sum += (uint32_t)bytes[i] << 8 | bytes[i + 1];
    sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t) ~(sum + (sum >> 16));
}

int lab_ping_open(struct ioth *from, int family)
{
    int fd = ioth_msocket(from, family, SOCK_RAW | SOCK_CLOEXEC,
                          family == AF_INET6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP);

    assert_true(fd >= 0);
    return fd;
}

void lab_ping_send(int fd, const char *addr, uint16_t id)
{
    struct sockaddr_storage to;
    socklen_t len = lab_sockaddr(&to, addr, 0);
    unsigned char request[64] = {
        to.ss_family == AF_INET6 ? 128 : 8, 0, 0, 0, (unsigned char)(id >> 8), (unsigned char)id, 0, 1};
    uint16_t sum = checksum(request, sizeof(request)); /* of ICMPv6 the stack knows better */

    request[2] = (unsigned char)(sum >> 8);
    request[3] = (unsigned char)sum;
    assert_int_equal(ioth_sendto(fd, request, sizeof(request), 0, (struct sockaddr *)&to, len),
                     sizeof(request));
}

int lab_ping_reply(int fd)
{
    struct sockaddr_storage from;
    socklen_t len = sizeof(from);
    unsigned char reply[256];
    ssize_t got = ioth_recvfrom(fd, reply, sizeof(reply), MSG_DONTWAIT, (struct sockaddr *)&from, &len);
    bool is_v6 = from.ss_family == AF_INET6;
    size_t at = is_v6 ? 0 : 20; /* AF_INET gets the IP header too */

    if (got < (ssize_t)at + 8 || reply[at] != (is_v6 ? 129 : 0))
        return -1;
    return reply[at + 4] << 8 | reply[at + 5];
}

void lab_ping(struct ioth *from, const char *addr)
{
    enum { ID = 0x1234, AGAIN_MS = 500 };
    struct pollfd pollfd = {.events = POLLIN};
    struct sockaddr_storage to;
    int waited_ms, reply = -1;

    lab_sockaddr(&to, addr, 0);
    pollfd.fd = lab_ping_open(from, to.ss_family);
    for (waited_ms = 0; waited_ms < DEADLINE_MS && reply != ID; waited_ms += AGAIN_MS) {
        lab_ping_send(pollfd.fd, addr, ID);
        while (reply != ID && poll(&pollfd, 1, AGAIN_MS) == 1)
            reply = lab_ping_reply(pollfd.fd);
    }
    assert_int_equal(reply, ID);
    assert_int_equal(ioth_close(pollfd.fd), 0);
}

/* Writes what the socket takes of the stream, from `at` on; how much. */
static size_t write_some(int fd, size_t at, size_t bytes)
{
    unsigned char chunk[CHUNK];
    size_t len = bytes - at < CHUNK ? bytes - at : CHUNK;
    ssize_t written;

    pattern_fill(chunk, len, at);
    written = ioth_write(fd, chunk, len);
    if (written < 0)
        assert_int_equal(errno, EAGAIN);
    return written < 0 ? 0 : (size_t)written;
}

static size_t read_some(int fd, size_t at)
{
    unsigned char chunk[CHUNK];
    ssize_t len = ioth_read(fd, chunk, sizeof(chunk));

    if (len < 0) {
        assert_int_equal(errno, EAGAIN);
        return 0;
    }
    if (!pattern_holds(chunk, (size_t)len, at))
        fail_msg("bytes %zu to %zu are wrong", at, at + (size_t)len);
    return (size_t)len;
}

void lab_transfer(int from, int to, size_t bytes)
{
    struct pollfd fds[2] = {{.fd = from, .events = POLLOUT}, {.fd = to, .events = POLLIN}};
    size_t written = 0, got = 0;

    while (got < bytes) {
        if (poll(fds, 2, DEADLINE_MS) <= 0)
            fail_msg("stuck: %zu bytes written, %zu received", written, got);
        if (fds[0].revents != 0)
            written += write_some(from, written, bytes);
        if (fds[1].revents != 0)
            got += read_some(to, got);
        if (written == bytes)
            fds[0].fd = -1;
    }
}

long lab_number(const char *variable, long otherwise)
{
    const char *text = getenv(variable);

    return text == NULL ? otherwise : atol(text);
}
