/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Each row is a process of its own (stack_conformance.c), so everything here is made for one row and ends
 * with it: the stacks, the hub that connects them, and, for the kernel's stack, a network namespace.
 *
 * The kernel's stack is what the calling thread's namespace says, so there a and b are two namespaces with a
 * veth between them, and a thread goes to the one it is about to make a socket in.
 */
#include "lab.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>

#include <libvdeplug.h>
#include <linux/veth.h>

enum { STEP_MS = 1 };

static const struct {
    const char *ip4, *ip6;
} sides[] = {{"10.0.0.1", "fc00::1"}, {"10.0.0.2", "fc00::2"}};

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
    return lab->family == AF_INET ? sides[0].ip4 : sides[0].ip6;
}

const char *ip_b(const struct lab *lab)
{
    return lab->family == AF_INET ? sides[1].ip4 : sides[1].ip6;
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

void set_nonblocking(int fd)
{
    MUST(ioth_fcntl(fd, F_SETFL, O_RDWR | O_NONBLOCK));
}

/* ---- bytes ---- */

static unsigned char byte_at(size_t at)
{
    return (unsigned char)((at * 2654435761U) >> 16);
}

void fill_bytes(unsigned char *buf, size_t len, size_t at)
{
    size_t i;

    for (i = 0; i < len; i++)
        buf[i] = byte_at(at + i);
}

bool are_bytes(const unsigned char *buf, size_t len, size_t at)
{
    size_t i;

    for (i = 0; i < len; i++)
        if (buf[i] != byte_at(at + i))
            return false;
    return true;
}

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

/* ---- the stacks ---- */

struct asked {
    struct addr addr;
    int fd;
};

static bool hears_itself(void *arg)
{
    struct asked *asked = arg;
    char byte = 0;

    MUST(ioth_sendto(asked->fd, &byte, 1, 0, &asked->addr.u.any, asked->addr.len));
    return ioth_recv(asked->fd, &byte, 1, MSG_DONTWAIT) == 1;
}

void lab_address(struct ioth *stack, unsigned ifindex, const char *text, int prefixlen)
{
    struct asked asked = {.addr = addr_of(text, 7)};
    bool four = asked.addr.u.any.sa_family == AF_INET;

    if (four)
        MUST(ioth_ipaddr_add(stack, AF_INET, &asked.addr.u.in.sin_addr, prefixlen, ifindex));
    else
        MUST(ioth_ipaddr_add(stack, AF_INET6, &asked.addr.u.in6.sin6_addr,
                             nl_addrdata2prefix((unsigned char)prefixlen, IFA_F_NODAD, RT_SCOPE_UNIVERSE),
                             ifindex));
    asked.fd = MUST(ioth_msocket(stack, four ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    MUST(ioth_bind(asked.fd, &asked.addr.u.any, asked.addr.len));
    wait_until(hears_itself, &asked);
    MUST(ioth_close(asked.fd));
}

/* Gives the interface of a stack its addresses; its index. */
static unsigned configure(struct ioth *stack, const char *ip4, const char *ip6)
{
    unsigned ifindex = (unsigned)MUST(ioth_if_nametoindex(stack, "vde0"));

    MUST(ioth_linksetupdown(stack, ifindex, 1));
    lab_address(stack, ifindex, ip4, 24);
    lab_address(stack, ifindex, ip6, 64);
    return ifindex;
}

/* Makes a namespace, which the thread is in then; a descriptor of it. */
static int make_namespace(void)
{
    int fd;

    if (unshare(CLONE_NEWNET) < 0 && unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0)
        lab_skip("no network namespace can be made here");
    fd = MUST(open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
    MUST(ioth_linksetupdown(NULL, 1, 1));
    return fd;
}

/* A veth from a to b; both ends are called vde0. */
static void make_veth(struct lab *lab)
{
    struct {
        struct ifinfomsg link;
        struct rtattr name_head;
        char name[8];
        struct rtattr ns_head;
        int ns;
    } peer = {.name_head = {sizeof(struct rtattr) + 5, IFLA_IFNAME},
              .name = "vde0",
              .ns_head = {sizeof(struct rtattr) + sizeof(int), IFLA_NET_NS_FD},
              .ns = lab->namespaces[1]};
    struct nl_iplink_data option = {.tag = VETH_INFO_PEER, .len = sizeof(peer), .data = &peer};

    MUST(ioth_iplink_add(in_a(lab), "vde0", 0, "veth", &option, 1));
    /* each runs when both are up */
    MUST(ioth_linksetupdown(in_b(lab), (unsigned)MUST(ioth_if_nametoindex(in_b(lab), "vde0")), 1));
}

static int open_native(struct lab *lab)
{
    int i;

    lab->is_native = true;
    if ((lab->plan.flags & ROW_LOSSY) != 0)
        lab_skip("no wire to be spoilt");
    for (i = 0; i < 2; i++)
        lab->namespaces[i] = make_namespace();
    lab->a = ioth_newstack(lab->plan.stack, NULL);
    lab->b = ioth_newstack(lab->plan.stack, NULL);
    if (lab->a == NULL || lab->b == NULL)
        return -errno;
    make_veth(lab);
    lab->a_if = configure(in_a(lab), sides[0].ip4, sides[0].ip6);
    lab->b_if = configure(in_b(lab), sides[1].ip4, sides[1].ip6);
    return 0;
}

struct ioth *lab_enter(const struct lab *lab, struct ioth *stack)
{
    if (lab->is_native)
        MUST(setns(lab->namespaces[stack == lab->b], CLONE_NEWNET));
    return stack;
}

struct ioth *in_a(const struct lab *lab)
{
    return lab_enter(lab, lab->a);
}

struct ioth *in_b(const struct lab *lab)
{
    return lab_enter(lab, lab->b);
}

static bool hub_answers(void *arg)
{
    static char descr[] = "is a hub there?";
    VDECONN *conn = vde_open(arg, descr, NULL);

    if (conn == NULL)
        return false;
    vde_close(conn);
    return true;
}

/* A hub that ends with this process. */
static void start_hub(struct lab *lab, int number)
{
    char path[96], locator[112];
    pid_t parent = getpid(), pid;

    snprintf(path, sizeof(path), "%s/%d.%d", lab->plan.folder, (int)parent, number);
    snprintf(locator, sizeof(locator), "hub://%s", path);
    snprintf(lab->vnl[number], sizeof(lab->vnl[number]), "vde://%s", path);
    pid = MUST(fork());
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        execlp("vde_plug", "vde_plug", "null://", locator, (char *)NULL);
        _exit(127);
    }
    wait_until(hub_answers, lab->vnl[number]);
}

static void make_wire(struct lab *lab)
{
    int i;

    for (i = 0; i < 2; i++) {
        if (lab->plan.vnl[i] != NULL)
            snprintf(lab->vnl[i], sizeof(lab->vnl[i]), "%s", lab->plan.vnl[i]);
        else if (i == 0 || (lab->plan.flags & ROW_LOSSY) != 0)
            start_hub(lab, i);
        else
            memcpy(lab->vnl[1], lab->vnl[0], sizeof(lab->vnl[1]));
    }
    if ((lab->plan.flags & ROW_LOSSY) != 0)
        wire_start(lab->vnl[0], lab->vnl[1]);
}

int lab_open(struct lab *lab, const struct lab_plan *plan)
{
    memset(lab, 0, sizeof(*lab));
    lab->plan = *plan;
    lab->family = AF_INET;
    if (plan->native)
        return open_native(lab);
    make_wire(lab);
    lab->a = ioth_newstack(plan->stack, lab->vnl[0]);
    if (lab->a == NULL)
        return -errno;
    lab->b = ioth_newstack(plan->stack, lab->vnl[1]);
    if (lab->b == NULL)
        return -errno;
    lab->a_if = configure(lab->a, sides[0].ip4, sides[0].ip6);
    lab->b_if = configure(lab->b, sides[1].ip4, sides[1].ip6);
    return 0;
}

struct ioth *lab_third(const struct lab *lab, const char *ipv4, const char *ipv6)
{
    struct ioth *stack;

    if (lab->is_native)
        lab_skip("the system's stack is one");
    stack = ioth_newstack(lab->plan.stack, lab->vnl[0]);
    CHECK(stack != NULL);
    configure(stack, ipv4, ipv6);
    return stack;
}

void lab_close(struct lab *lab)
{
    if (lab->a != NULL)
        MUST(ioth_delstack(lab->a));
    if (lab->b != NULL)
        MUST(ioth_delstack(lab->b));
}
