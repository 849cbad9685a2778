/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A hub is a vde_plug process that ends with the test program. Its folder is new for each run, so that runs
 * side by side do not meet. Waiting is polling, 10 ms apart, up to DEADLINE_MS.
 */
#include "lab.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>

#include <cmocka.h>

enum { DEADLINE_MS = 20000, POLL_MS = 10 };

static char folder[] = "/tmp/ioth-lab-XXXXXX";

/* Removes what one hub left; the folder of a hub that was killed still has its sockets. */
static void remove_tree(const char *path)
{
    char command[128];

    snprintf(command, sizeof(command), "rm -rf '%s'", path);
    if (system(command) != 0)
        fprintf(stderr, "%s stays behind\n", path);
}

int lab_open(void)
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

void lab_close(void)
{
    remove_tree(folder);
}

static void pause_ms(long ms)
{
    const struct timespec time = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};

    nanosleep(&time, NULL);
}

bool lab_wait(bool (*condition)(void *arg), void *arg)
{
    int waited_ms;

    for (waited_ms = 0; waited_ms < DEADLINE_MS; waited_ms += POLL_MS) {
        if (condition(arg))
            return true;
        pause_ms(POLL_MS);
    }
    return false;
}

bool lab_readable(int fd)
{
    struct pollfd pollfd = {.fd = fd, .events = POLLIN};

    return poll(&pollfd, 1, DEADLINE_MS) == 1;
}

/* A hub is there when it takes connections. */
static bool hub_answers(void *arg)
{
    const struct lab_hub *hub = arg;
    struct ioth *stack = ioth_newstack("vdestack", hub->vnl);

    return stack != NULL && ioth_delstack(stack) == 0;
}

void lab_hub_start(struct lab_hub *hub, const char *name)
{
    char locator[80];

    snprintf(hub->path, sizeof(hub->path), "%s/%s", folder, name);
    snprintf(hub->vnl, sizeof(hub->vnl), "vde://%s", hub->path);
    snprintf(locator, sizeof(locator), "hub://%s", hub->path);
    hub->pid = fork();
    assert_true(hub->pid >= 0);
    if (hub->pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        execlp("vde_plug", "vde_plug", "null://", locator, (char *)NULL);
        _exit(127);
    }
    if (!lab_wait(hub_answers, hub))
        fail_msg("no hub at %s", hub->vnl);
}

void lab_hub_kill(struct lab_hub *hub)
{
    kill(hub->pid, SIGKILL);
    waitpid(hub->pid, NULL, 0);
    remove_tree(hub->path);
}

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

struct ioth *lab_stack(const char *vnl, const char *ifname, const char *addr)
{
    struct ioth *stack = ioth_newstack("vdestack", vnl);

    if (stack == NULL)
        fail_msg("no stack on %s: %s", vnl, strerror(errno));
    lab_configure(stack, ifname, addr);
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

void lab_exchange(struct ioth *from, struct ioth *to, const char *to_addr, size_t len)
{
    static char sent[65536], got[65536];
    struct sockaddr_storage sockaddr;
    socklen_t addrlen = lab_sockaddr(&sockaddr, to_addr, 53);
    int receiver = lab_bound(to, SOCK_DGRAM, to_addr, 53);
    int sender = ioth_msocket(from, sockaddr.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    size_t i;

    for (i = 0; i < len; i++)
        sent[i] = (char)(i * 31 + len);
    assert_int_equal(ioth_sendto(sender, sent, len, 0, (struct sockaddr *)&sockaddr, addrlen), len);
    if (!lab_readable(receiver))
        fail_msg("%zu bytes did not arrive at %s", len, to_addr);
    assert_int_equal(ioth_recv(receiver, got, sizeof(got), 0), len);
    assert_memory_equal(got, sent, len);
    assert_int_equal(ioth_close(sender), 0);
    assert_int_equal(ioth_close(receiver), 0);
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
