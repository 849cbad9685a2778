/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Each row is a process of its own (stack_conformance.c), so everything here is made for one row and ends
 * with it: the stacks, the hub that connects them, and, for the kernel's stack, a network namespace.
 *
 * The kernel's stack is what the calling thread's namespace says, so there a and b are two namespaces with a
 * veth between them, and a thread goes to the one it is about to make a socket in.
 */
#include "lab.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include <libvdeplug.h>
#include <linux/veth.h>

struct asked {
    struct addr addr;
    int fd;
};

/* A new address may be refused for a moment: the kernel enters its route later. */
static bool hears_itself(void *arg)
{
    struct asked *asked = arg;
    char byte = 0;

    return ioth_sendto(asked->fd, &byte, 1, 0, &asked->addr.u.any, asked->addr.len) == 1 &&
           ioth_recv(asked->fd, &byte, 1, MSG_DONTWAIT) == 1;
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
    if ((lab->plan.flags & ROW_OWN_NETWORK) != 0)
        lab_skip("no virtual network to be changed");
    for (i = 0; i < 2; i++)
        lab->namespaces[i] = make_namespace();
    lab->a = ioth_newstack(lab->plan.stack, NULL);
    lab->b = ioth_newstack(lab->plan.stack, NULL);
    if (lab->a == NULL || lab->b == NULL)
        return -errno;
    make_veth(lab);
    lab->a_if = configure(in_a(lab), lab_sides[0].ip4, lab_sides[0].ip6);
    lab->b_if = configure(in_b(lab), lab_sides[1].ip4, lab_sides[1].ip6);
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
    lab->hubs[number] = pid;
    wait_until(hub_answers, lab->vnl[number]);
}

void lab_stop_hub(struct lab *lab)
{
    char command[160];

    MUST(kill(lab->hubs[0], SIGKILL));
    MUST(waitpid(lab->hubs[0], NULL, 0));
    lab->hubs[0] = 0;
    snprintf(command, sizeof(command), "rm -rf %s",
             lab->vnl[0] + strlen("vde://")); /* killed, it leaves it */
    CHECK(system(command) == 0);
}

void lab_start_hub(struct lab *lab)
{
    start_hub(lab, 0);
}

/* Two frames in a hundred are lost, each is delayed by up to 2 ms, and none waits for the one before it. It ends
 * with this process. */
static void start_filter(const struct lab *lab)
{
    char plugs[2 * sizeof(lab->vnl[0])];
    int in[2];

    if (system("command -v wirefilter >/dev/null") != 0)
        lab_skip("wirefilter is not installed");
    snprintf(plugs, sizeof(plugs), "%s:%s", lab->vnl[0] + strlen("vde://"), lab->vnl[1] + strlen("vde://"));
    CHECK(pipe2(in, O_CLOEXEC) == 0); /* it ends with its input */
    if (MUST(fork()) == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        dup2(in[0], STDIN_FILENO);
        dup2(open("/dev/null", O_WRONLY), STDERR_FILENO); /* it greets */
        execlp("wirefilter", "wirefilter", "-v", plugs, "-l", "2", "-d", "1+1U", "-N", (char *)NULL);
        _exit(127);
    }
    close(in[0]);
}

static void make_wire(struct lab *lab)
{
    bool apart = (lab->plan.flags & (ROW_LOSSY | ROW_APART | ROW_FILTER)) != 0;
    int i;

    if (lab->plan.vnl[0] != NULL && (lab->plan.flags & ROW_OWN_NETWORK) != 0)
        lab_skip("the network is given");
    for (i = 0; i < 2; i++) {
        if (lab->plan.vnl[i] != NULL)
            snprintf(lab->vnl[i], sizeof(lab->vnl[i]), "%s", lab->plan.vnl[i]);
        else if (i == 0 || apart)
            start_hub(lab, i);
        else
            memcpy(lab->vnl[1], lab->vnl[0], sizeof(lab->vnl[1]));
    }
    if ((lab->plan.flags & ROW_LOSSY) != 0)
        wire_start(lab->vnl[0], lab->vnl[1]);
    if ((lab->plan.flags & ROW_FILTER) != 0)
        start_filter(lab);
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
    lab->a_if = configure(lab->a, lab_sides[0].ip4, lab_sides[0].ip6);
    lab->b_if = configure(lab->b, lab_sides[1].ip4, lab_sides[1].ip6);
    return 0;
}

struct ioth *lab_another(const struct lab *lab)
{
    struct ioth *stack = ioth_newstack(lab->plan.stack, lab->is_native ? NULL : lab->vnl[0]);

    if (stack == NULL && lab->plan.vnl[0] != NULL)
        lab_skip("the network has room for two");
    CHECK(stack != NULL);
    return stack;
}

struct ioth *lab_third(const struct lab *lab, const char *ipv4, const char *ipv6)
{
    struct ioth *stack;

    if (lab->is_native)
        lab_skip("the system's stack is one");
    stack = lab_another(lab);
    configure(stack, ipv4, ipv6);
    return stack;
}

struct ioth *lab_router(const struct lab *lab)
{
    const char *vnls[] = {lab->vnl[0], lab->vnl[1], NULL};
    char name[64];
    struct ioth *stack;
    unsigned second;

    snprintf(name, sizeof(name), "%s,forward", lab->plan.stack);
    stack = ioth_newstackv(name, vnls);
    CHECK(stack != NULL);
    configure(stack, "10.0.0.254", "fc00::fe");
    second = (unsigned)MUST(ioth_if_nametoindex(stack, "vde1"));
    MUST(ioth_linksetupdown(stack, second, 1));
    lab_address(stack, second, "10.0.1.254", 24);
    lab_address(stack, second, "fc00:1::fe", 64);
    return stack;
}

void lab_close(struct lab *lab)
{
    if (lab->a != NULL)
        MUST(ioth_delstack(lab->a));
    if (lab->b != NULL)
        MUST(ioth_delstack(lab->b));
}
