/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Waiting, addresses, sockets and bytes for the rows; the stacks are made in lab_stacks.c. */
#include "lab.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <sys/syscall.h>
#include <time.h>

enum { STEP_MS = 1 };

const struct lab_side lab_sides[2] = {{"10.0.0.1", "fc00::1"}, {"10.0.0.2", "fc00::2"}};

/* ---- waiting ---- */

uint64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static bool holds_in_time(bool (*condition)(void *arg), void *arg)
{
    const struct timespec step = {.tv_nsec = STEP_MS * 1000000};
    uint64_t end = now_ms() + LAB_DEADLINE_MS;

    while (!condition(arg)) {
        if (now_ms() > end)
            return false;
        nanosleep(&step, NULL);
    }
    return true;
}

void wait_until(bool (*condition)(void *arg), void *arg)
{
    if (!holds_in_time(condition, arg))
        lab_fail(__FILE__, __LINE__, "waited for in vain");
}

struct awaited {
    int fd;
    short events, shown;
};

static bool shows_events(void *arg)
{
    struct awaited *awaited = arg;
    struct pollfd pollfd = {.fd = awaited->fd, .events = awaited->events};

    if (poll(&pollfd, 1, LAB_DEADLINE_MS) < 0)
        lab_fail(__FILE__, __LINE__, "poll: %s", strerror(errno));
    awaited->shown = pollfd.revents;
    return (pollfd.revents & awaited->events) == awaited->events;
}

short wait_events(int fd, short events)
{
    struct awaited awaited = {.fd = fd, .events = events};

    if (!holds_in_time(shows_events, &awaited))
        lab_fail(__FILE__, __LINE__, "poll shows %#x, waited for %#x", (unsigned)awaited.shown,
                 (unsigned)events);
    return awaited.shown;
}

static bool shows_any(void *arg)
{
    const struct awaited *awaited = arg;
    struct pollfd pollfd = {.fd = awaited->fd, .events = awaited->events};

    return MUST(poll(&pollfd, 1, 0)) > 0 && (pollfd.revents & awaited->events) != 0;
}

short wait_any(int fd, short events)
{
    struct awaited awaited = {.fd = fd, .events = events};

    if (!holds_in_time(shows_any, &awaited))
        lab_fail(__FILE__, __LINE__, "poll shows nothing of %#x", (unsigned)events);
    return events_now(fd, events);
}

short events_now(int fd, short events)
{
    struct pollfd pollfd = {.fd = fd, .events = events};

    MUST(poll(&pollfd, 1, 0));
    return pollfd.revents;
}

static void *aside_main(void *arg)
{
    struct aside *aside = arg;

    atomic_store(&aside->tid, (pid_t)syscall(SYS_gettid));
    aside->run(aside->arg);
    return NULL;
}

void aside_start(struct aside *aside, void (*run)(void *arg), void *arg)
{
    *aside = (struct aside){.run = run, .arg = arg};
    CHECK(pthread_create(&aside->thread, NULL, aside_main, aside) == 0);
}

static bool is_asleep(void *arg)
{
    struct aside *aside = arg;
    char path[64], text[512], *state;
    FILE *file;
    size_t len;

    if (atomic_load(&aside->tid) == 0)
        return false;
    snprintf(path, sizeof(path), "/proc/self/task/%d/stat", (int)atomic_load(&aside->tid));
    file = fopen(path, "re");
    if (file == NULL)
        return false;
    len = fread(text, 1, sizeof(text) - 1, file);
    fclose(file);
    text[len] = '\0';
    state = strrchr(text, ')');
    return state != NULL && strncmp(state, ") S", 3) == 0;
}

void aside_sleeps(struct aside *aside)
{
    wait_until(is_asleep, aside);
}

void aside_join(struct aside *aside)
{
    CHECK(pthread_join(aside->thread, NULL) == 0);
}

/* ---- addresses ---- */

struct addr addr_of(const char *text, unsigned short port)
{
    struct addr addr;

    memset(&addr, 0, sizeof(addr));
    if (inet_pton(AF_INET, text, &addr.u.in.sin_addr) == 1) {
        addr.u.in.sin_family = AF_INET;
        addr.u.in.sin_port = htons(port);
        addr.len = sizeof(addr.u.in);
        return addr;
    }
    memset(&addr, 0, sizeof(addr));
    CHECK(inet_pton(AF_INET6, text, &addr.u.in6.sin6_addr) == 1);
    addr.u.in6.sin6_family = AF_INET6;
    addr.u.in6.sin6_port = htons(port);
    addr.len = sizeof(addr.u.in6);
    return addr;
}

struct addr addr_room(void)
{
    struct addr addr;

    memset(&addr, 0, sizeof(addr));
    addr.len = sizeof(addr.u);
    return addr;
}

unsigned short addr_port(const struct addr *addr)
{
    return ntohs(addr->u.any.sa_family == AF_INET ? addr->u.in.sin_port : addr->u.in6.sin6_port);
}

bool addr_is(const struct addr *addr, const char *text, unsigned short port)
{
    struct addr wanted = addr_of(text, port);

    if (addr->u.any.sa_family != wanted.u.any.sa_family || addr->len != wanted.len || addr_port(addr) != port)
        return false;
    if (addr->u.any.sa_family == AF_INET)
        return addr->u.in.sin_addr.s_addr == wanted.u.in.sin_addr.s_addr;
    return memcmp(&addr->u.in6.sin6_addr, &wanted.u.in6.sin6_addr, sizeof(wanted.u.in6.sin6_addr)) == 0;
}

const char *ip_a(const struct lab *lab)
{
    return lab->family == AF_INET ? lab_sides[0].ip4 : lab_sides[0].ip6;
}

const char *ip_b(const struct lab *lab)
{
    return lab->family == AF_INET ? lab_sides[1].ip4 : lab_sides[1].ip6;
}

const char *ip_loopback(const struct lab *lab)
{
    return lab->family == AF_INET ? "127.0.0.1" : "::1";
}

const char *ip_silent(const struct lab *lab)
{
    return lab->family == AF_INET ? "10.0.0.99" : "fc00::99";
}

const char *ip_nowhere(const struct lab *lab)
{
    return lab->family == AF_INET ? "192.0.2.1" : "2001:db8::1";
}

const char *ip_any(const struct lab *lab)
{
    return lab->family == AF_INET ? "0.0.0.0" : "::";
}

int bind_to(int fd, const char *text, unsigned short port)
{
    struct addr addr = addr_of(text, port);

    return ioth_bind(fd, &addr.u.any, addr.len);
}

int connect_to(int fd, const char *text, unsigned short port)
{
    struct addr addr = addr_of(text, port);

    return ioth_connect(fd, &addr.u.any, addr.len);
}

ssize_t send_to(int fd, const void *buf, size_t len, const char *text, unsigned short port)
{
    struct addr addr = addr_of(text, port);

    return ioth_sendto(fd, buf, len, 0, &addr.u.any, addr.len);
}

/* ---- sockets ---- */

int open_socket(const struct lab *lab, struct ioth *stack, int type)
{
    return MUST(ioth_msocket(lab_enter(lab, stack), lab->family, type | SOCK_CLOEXEC, 0));
}

int udp_bound(const struct lab *lab, struct ioth *stack, const char *text, unsigned short port)
{
    int fd = open_socket(lab, stack, SOCK_DGRAM);

    MUST(bind_to(fd, text, port));
    return fd;
}

int tcp_listening(const struct lab *lab, struct ioth *stack, const char *text, unsigned short port)
{
    int fd = open_socket(lab, stack, SOCK_STREAM);

    set_int(fd, SOL_SOCKET, SO_REUSEADDR, 1);
    MUST(bind_to(fd, text, port));
    MUST(ioth_listen(fd, 16));
    return fd;
}

struct pair pair_open(const struct lab *lab)
{
    struct pair pair;

    pair.listener = tcp_listening(lab, in_b(lab), ip_b(lab), 7000);
    pair.client = open_socket(lab, in_a(lab), SOCK_STREAM);
    MUST(connect_to(pair.client, ip_b(lab), 7000));
    pair.server = MUST(ioth_accept4(pair.listener, NULL, NULL, SOCK_CLOEXEC));
    return pair;
}

void pair_close(struct pair *pair)
{
    const int fds[] = {pair->client, pair->server, pair->listener};
    size_t i;

    for (i = 0; i < sizeof(fds) / sizeof(fds[0]); i++)
        if (fds[i] >= 0)
            MUST(ioth_close(fds[i]));
}

void set_int(int fd, int level, int option, int value)
{
    MUST(ioth_setsockopt(fd, level, option, &value, sizeof(value)));
}

int get_int(int fd, int level, int option)
{
    int value = -1;
    socklen_t len = sizeof(value);

    MUST(ioth_getsockopt(fd, level, option, &value, &len));
    CHECK(len == sizeof(value));
    return value;
}

int switch_on(int fd, int level, int option)
{
    const int yes = 1;

    return ioth_setsockopt(fd, level, option, &yes, sizeof(yes));
}

void set_nonblocking(int fd)
{
    MUST(ioth_fcntl(fd, F_SETFL, O_RDWR | O_NONBLOCK));
}

/* ---- bytes ---- */

void read_bytes(int fd, unsigned char *buf, size_t len)
{
    size_t got = 0;
    int n;

    while (got < len) {
        wait_events(fd, POLLIN);
        n = MUST(ioth_read(fd, buf + got, len - got));
        CHECK(n > 0);
        got += (size_t)n;
    }
}

void expect(int fd, const char *text)
{
    char got[64];

    wait_events(fd, POLLIN);
    CHECK(MUST(ioth_recv(fd, got, sizeof(got), 0)) == (int)strlen(text));
    CHECK(memcmp(got, text, strlen(text)) == 0);
}

void expect_nothing(int fd)
{
    char byte;

    FAILS(EAGAIN, ioth_recv(fd, &byte, 1, MSG_DONTWAIT));
}

uint16_t checksum(const void *data, size_t len)
{
    const unsigned char *bytes = data;
    unsigned sum = 0;
    size_t i;

    for (i = 0; i < len; i++)
        sum += i % 2 == 0 ? (unsigned)bytes[i] << 8 : bytes[i];
    sum = (sum & 0xffff) + (sum >> 16);
    return htons((uint16_t) ~(sum + (sum >> 16)));
}
