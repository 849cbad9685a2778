/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Configuration strings on real stacks: the kernel's, in a network namespace of this process, and vdestack on
   a VDE hub. Each test runs on both. What a string did is read back by netlink: addresses and flags by
   ioth_getifaddrs(), default routes by a dump of the routing table. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <netpacket/packet.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "iothaddr.h"
#include "iothconf.h"

enum {
    TEXT_SIZE = 256,
    HUB_WAIT_S = 60,
    SKIPPED = 77,
};

/* A virtual network, and the string that makes a stack on it. */
static struct {
    bool kernel;
    char dir[32];
    char config[TEXT_SIZE];
    pid_t hub;
} net;

/* --- namespaces, networks, stacks --- */

static void write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");

    if (file == NULL)
        return;
    fputs(text, file);
    fclose(file);
}

/* Enters a network namespace of its own, with a user namespace if that needs privilege. */
static bool enter_namespace(void)
{
    char map[64];

    snprintf(map, sizeof(map), "0 %u 1\n", (unsigned)getuid());
    if (unshare(CLONE_NEWNET) == 0)
        return true;
    if (unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0)
        return false;
    write_file("/proc/self/setgroups", "deny");
    write_file("/proc/self/uid_map", map);
    return true;
}

static int kernel_setup(void **state)
{
    (void)state;
    net.kernel = true;
    snprintf(net.config, sizeof(net.config), "stack=kernel");
    return 0;
}

/* Waits until the hub listens. */
static bool hub_is_up(void)
{
    const struct timespec pause = {.tv_nsec = 2000000};
    time_t deadline = time(NULL) + HUB_WAIT_S;
    char ctl[64];
    struct stat st;

    snprintf(ctl, sizeof(ctl), "%s/hub/ctl", net.dir);
    while (stat(ctl, &st) < 0) {
        if (time(NULL) > deadline || waitpid(net.hub, NULL, WNOHANG) != 0)
            return false;
        nanosleep(&pause, NULL);
    }
    return true;
}

static int vde_setup(void **state)
{
    char hub[64];

    (void)state;
    net.kernel = false;
    snprintf(net.dir, sizeof(net.dir), "/tmp/ioth-conf-XXXXXX");
    assert_non_null(mkdtemp(net.dir));
    snprintf(hub, sizeof(hub), "hub://%s/hub", net.dir);
    snprintf(net.config, sizeof(net.config), "stack=vdestack,vnl=vde://%s/hub", net.dir);
    net.hub = fork();
    assert_true(net.hub >= 0);
    if (net.hub == 0) {
        prctl(PR_SET_PDEATHSIG, SIGTERM); /* a test that crashes leaves no hub behind */
        execlp("vde_plug", "vde_plug", "null://", hub, (char *)NULL);
        _exit(127);
    }
    if (hub_is_up())
        return 0;
    print_message("cannot start vde_plug null:// %s\n", hub);
    return -1;
}

static int vde_teardown(void **state)
{
    char path[64];

    (void)state;
    if (net.hub > 0) {
        kill(net.hub, SIGTERM);
        waitpid(net.hub, NULL, 0);
    }
    snprintf(path, sizeof(path), "%s/hub/ctl", net.dir);
    unlink(path);
    snprintf(path, sizeof(path), "%s/hub", net.dir);
    rmdir(path);
    return rmdir(net.dir);
}

/* A fresh interface vde0 on a fresh stack, without any configuration. */
static int stack_setup(void **state)
{
    if (net.kernel && nlinline_iplink_add("vde0", 0, "veth", NULL, 0) < 0)
        return -1;
    *state = ioth_newstackc(net.config);
    if (*state == NULL)
        print_error("ioth_newstackc(\"%s\"): %s\n", net.config, strerror(errno));
    return *state == NULL ? -1 : 0;
}

static int stack_teardown(void **state)
{
    int rc = ioth_delstack(*state);

    if (net.kernel)
        nlinline_iplink_del("vde0", 0);
    return rc;
}

/* --- what is there --- */

/* Calls visit for each entry about that interface until it returns true; false if it never does. */
static bool any_ifaddr(struct ioth *stack, const char *ifname,
                       bool (*visit)(const struct ifaddrs *, const void *arg), const void *arg)
{
    struct ifaddrs *all;
    bool found = false;

    assert_int_equal(ioth_getifaddrs(stack, &all), 0);
    for (struct ifaddrs *ifa = all; ifa != NULL && !found; ifa = ifa->ifa_next)
        found = strcmp(ifa->ifa_name, ifname) == 0 && visit(ifa, arg);
    ioth_freeifaddrs(all);
    return found;
}

static bool is_link_up(const struct ifaddrs *ifa, const void *arg)
{
    (void)arg;
    return ifa->ifa_flags & IFF_UP;
}

static bool link_up(struct ioth *stack)
{
    return any_ifaddr(stack, "vde0", is_link_up, NULL);
}

/* Length of the prefix of an IPv4 or IPv6 netmask. */
static int mask_len(const struct sockaddr *mask)
{
    const uint8_t *bytes = mask->sa_family == AF_INET
                               ? (const void *)&((const struct sockaddr_in *)mask)->sin_addr
                               : (const void *)&((const struct sockaddr_in6 *)mask)->sin6_addr;
    size_t size = mask->sa_family == AF_INET ? 4 : 16;
    int bits = 0;

    for (size_t i = 0; i < size; i++)
        bits += __builtin_popcount(bytes[i]);
    return bits;
}

static bool has_prefix_text(const struct ifaddrs *ifa, const void *expected)
{
    char addr[INET6_ADDRSTRLEN];
    char text[INET6_ADDRSTRLEN + 16];
    const void *bytes;

    if (ifa->ifa_addr == NULL ||
        (ifa->ifa_addr->sa_family != AF_INET && ifa->ifa_addr->sa_family != AF_INET6))
        return false;
    bytes = ifa->ifa_addr->sa_family == AF_INET ? (void *)&((struct sockaddr_in *)ifa->ifa_addr)->sin_addr
                                                : (void *)&((struct sockaddr_in6 *)ifa->ifa_addr)->sin6_addr;
    inet_ntop(ifa->ifa_addr->sa_family, bytes, addr, sizeof(addr));
    snprintf(text, sizeof(text), "%s/%d", addr, mask_len(ifa->ifa_netmask));
    return strcmp(text, expected) == 0;
}

static bool has_addr(struct ioth *stack, const char *prefix)
{
    return any_ifaddr(stack, "vde0", has_prefix_text, prefix);
}

static void assert_mac(struct ioth *stack, const char *expected)
{
    uint8_t mac[6];
    char text[MAC_ADDRSTRLEN];

    assert_int_equal(ioth_linkgetaddr(stack, (unsigned)ioth_if_nametoindex(stack, "vde0"), mac), 0);
    assert_string_equal(ioth_ntomac(mac, text, sizeof(text)), expected);
}

/* If a routing message is a default route with a gateway: writes the gateway. */
static bool default_gateway(const struct nlmsghdr *msg, char gw[static INET6_ADDRSTRLEN])
{
    const struct rtmsg *route = NLMSG_DATA(msg);
    size_t at = NLMSG_SPACE(sizeof(*route));

    if (msg->nlmsg_type != RTM_NEWROUTE || route->rtm_dst_len != 0 || route->rtm_table != RT_TABLE_MAIN)
        return false;
    while (at + sizeof(struct rtattr) <= msg->nlmsg_len) {
        const struct rtattr *attr = (const void *)((const char *)msg + at);

        if (attr->rta_type == RTA_GATEWAY)
            return inet_ntop(route->rtm_family, RTA_DATA(attr), gw, INET6_ADDRSTRLEN) != NULL;
        at += RTA_ALIGN(attr->rta_len);
    }
    return false;
}

/* The gateway of the default route of a family, "" if there is none. */
static const char *gateway(struct ioth *stack, int family, char gw[static INET6_ADDRSTRLEN])
{
    struct {
        struct nlmsghdr header;
        struct rtmsg route;
    } request = {
        .header = {.nlmsg_len = sizeof(request),
                   .nlmsg_type = RTM_GETROUTE,
                   .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP},
        .route = {.rtm_family = (unsigned char)family},
    };
    _Alignas(struct nlmsghdr) char answer[32768];
    int fd = ioth_msocket(stack, AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
    bool found = false;
    bool done = false;

    assert_true(fd >= 0);
    assert_int_equal(ioth_send(fd, &request, sizeof(request), 0), sizeof(request));
    while (!done) {
        ssize_t len = ioth_recv(fd, answer, sizeof(answer), 0);

        assert_true(len > 0);
        for (struct nlmsghdr *msg = (void *)answer; NLMSG_OK(msg, (size_t)len); msg = NLMSG_NEXT(msg, len)) {
            done = done || msg->nlmsg_type == NLMSG_DONE || msg->nlmsg_type == NLMSG_ERROR;
            found = found || (!done && default_gateway(msg, gw));
        }
    }
    ioth_close(fd);
    return found ? gw : "";
}

static void assert_gateway(struct ioth *stack, int family, const char *expected)
{
    char gw[INET6_ADDRSTRLEN];

    assert_string_equal(gateway(stack, family, gw), expected);
}

static void assert_config(struct ioth *stack, const char *config, int mask)
{
    int rc = ioth_config(stack, config);

    if (rc != mask)
        fail_msg("ioth_config(\"%s\") gave %d (%s), expected %d", config, rc, strerror(errno), mask);
}

static void assert_config_error(struct ioth *stack, const char *config, int error)
{
    errno = 0;
    assert_int_equal(ioth_config(stack, config), -1);
    if (errno != error)
        fail_msg("ioth_config(\"%s\"): %s, expected %s", config, strerror(errno), strerror(error));
}

/* --- tests --- */

static void test_link(void **state)
{
    assert_false(link_up(*state));
    assert_config(*state, "mac=80:01:01:01:01:01,eth", IOTH_CONFIG_ETH);
    assert_true(link_up(*state));
    assert_mac(*state, "80:01:01:01:01:01");
    assert_config(*state, "-eth", IOTH_CONFIG_ETH);
    assert_false(link_up(*state));
    assert_config(*state, "mac=80:01:01:01:01:02", IOTH_CONFIG_ETH);
    assert_false(link_up(*state));
    assert_config(*state, "-eth,eth,debug", IOTH_CONFIG_ETH);
    assert_true(link_up(*state));
    assert_mac(*state, "80:01:01:01:01:02");
}

/* one.hash.local is one of the vectors of libiothaddr; a given MAC address goes before a hashed one. */
static void test_hashed_mac(void **state)
{
    assert_config(*state, "fqdn=one.hash.local,eth", IOTH_CONFIG_ETH);
    assert_mac(*state, "2e:c5:e9:f4:ac:71");
    assert_config(*state, "eth,macaddr=80:01:01:01:01:03,fqdn=one.hash.local", IOTH_CONFIG_ETH);
    assert_mac(*state, "80:01:01:01:01:03");
}

static void test_addresses(void **state)
{
    const char *config = "eth,ip=10.0.0.1/24,ip=10.1.0.1/16,ip=fc00::24/64,ip=2001:760:2e00:ff00::fd/64";

    assert_config(*state, config, IOTH_CONFIG_ETH | IOTH_CONFIG_STATIC);
    for (int round = 0; round < 2; round++) {
        assert_true(has_addr(*state, "10.0.0.1/24"));
        assert_true(has_addr(*state, "10.1.0.1/16"));
        assert_true(has_addr(*state, "fc00::24/64"));
        assert_true(has_addr(*state, "2001:760:2e00:ff00::fd/64"));
        assert_config(*state, config, IOTH_CONFIG_ETH | IOTH_CONFIG_STATIC);
    }
}

static void test_undo_addresses(void **state)
{
    assert_config(*state, "eth,ip=10.0.0.1/24,ip=10.1.0.1/16,ip=fc00::24/64", 3);
    for (int round = 0; round < 2; round++) {
        assert_config(*state, "-ip=10.0.0.1/24", IOTH_CONFIG_STATIC);
        assert_false(has_addr(*state, "10.0.0.1/24"));
    }
    assert_true(has_addr(*state, "10.1.0.1/16"));
    assert_config(*state, "-ip,ip=10.2.0.1/16", IOTH_CONFIG_STATIC);
    assert_false(has_addr(*state, "10.1.0.1/16"));
    assert_false(has_addr(*state, "fc00::24/64"));
    assert_true(has_addr(*state, "10.2.0.1/16"));
}

/* Without a value only what this library added goes. */
static void test_foreign_address_stays(void **state)
{
    struct in_addr addr = {.s_addr = htonl(0x0a030001)};

    assert_config(*state, "eth,ip=10.0.0.1/24", 3);
    assert_int_equal(
        ioth_ipaddr_add(*state, AF_INET, &addr, 24, (unsigned)ioth_if_nametoindex(*state, "vde0")), 0);
    assert_config(*state, "-static", IOTH_CONFIG_STATIC);
    assert_false(has_addr(*state, "10.0.0.1/24"));
    assert_true(has_addr(*state, "10.3.0.1/24"));
}

static void test_gateways(void **state)
{
    const char *config = "gw=fc00::1,gw=10.0.0.254,ip=10.0.0.1/24,ip=fc00::24/64,eth";

    for (int round = 0; round < 2; round++) {
        assert_config(*state, config, 3);
        assert_gateway(*state, AF_INET, "10.0.0.254");
        assert_gateway(*state, AF_INET6, "fc00::1");
    }
    assert_config_error(*state, "gw=10.0.0.253", EEXIST);
    assert_gateway(*state, AF_INET, "10.0.0.254");
    assert_config(*state, "-gw=10.0.0.254,gw=10.0.0.253", IOTH_CONFIG_STATIC);
    assert_gateway(*state, AF_INET, "10.0.0.253");
    assert_config(*state, "-gw", IOTH_CONFIG_STATIC);
    assert_gateway(*state, AF_INET, "");
    assert_gateway(*state, AF_INET6, "");
    assert_config(*state, "-gw=10.0.0.253", IOTH_CONFIG_STATIC);
}

/* A default route that somebody else made counts if its gateway is the one asked for. */
static void test_foreign_gateway(void **state)
{
    struct in_addr gw = {.s_addr = htonl(0x0a0000fe)};

    assert_config(*state, "eth,ip=10.0.0.1/24", 3);
    assert_int_equal(
        ioth_iproute_add(*state, AF_INET, NULL, 0, &gw, (unsigned)ioth_if_nametoindex(*state, "vde0")), 0);
    assert_config_error(*state, "gw=10.0.0.253", EEXIST);
    assert_gateway(*state, AF_INET, "10.0.0.254");
    assert_config(*state, "gw=10.0.0.254", IOTH_CONFIG_STATIC);
    assert_gateway(*state, AF_INET, "10.0.0.254");
}

static void test_undo_static(void **state)
{
    assert_config(*state,
                  "eth,ip=10.0.0.1/24,ip=fc00::24/64,gw=10.0.0.254,gw=fc00::1,dns=10.0.0.53,domain=a.b", 3);
    free(ioth_resolvconf(*state, NULL));
    assert_config(*state, "-static", IOTH_CONFIG_STATIC);
    assert_false(has_addr(*state, "10.0.0.1/24"));
    assert_false(has_addr(*state, "fc00::24/64"));
    assert_gateway(*state, AF_INET, "");
    assert_gateway(*state, AF_INET6, "");
    assert_true(link_up(*state));
    assert_config(*state, "-static", IOTH_CONFIG_STATIC);
}

static void assert_resolvconf(struct ioth *stack, const char *config, const char *expected)
{
    char *text = ioth_resolvconf(stack, config);

    assert_non_null(text);
    assert_string_equal(text, expected);
    free(text);
}

static void assert_no_resolvconf(struct ioth *stack, const char *config, int error)
{
    errno = ERANGE;
    assert_null(ioth_resolvconf(stack, config));
    assert_int_equal(errno, error);
}

static void test_resolvconf(void **state)
{
    assert_no_resolvconf(*state, NULL, 0);
    assert_config(*state, "dns=8.8.8.8,domain=a.b,dns=2001:4860:4860::8888,domain=c.d.,dns=8.8.8.8", 1);
    assert_resolvconf(*state, NULL, "nameserver 8.8.8.8\nnameserver 2001:4860:4860::8888\nsearch a.b c.d.\n");
    assert_no_resolvconf(*state, NULL, 0);
    assert_config(*state, "dns=8.8.8.8", 1);
    assert_no_resolvconf(*state, NULL, 0);
    assert_config(*state, "-domain=a.b,-dns=8.8.8.8,-dns=1.1.1.1", 1);
    assert_resolvconf(*state, "iface=vde0", "nameserver 2001:4860:4860::8888\nsearch c.d.\n");
    assert_resolvconf(*state, "iface=lo", "");
    assert_config(*state, "-dns,-domain", 1);
    assert_no_resolvconf(*state, NULL, 0);
    assert_no_resolvconf(*state, "iface=nowhere", ENODEV);
    assert_no_resolvconf(*state, "ifface=vde0", EINVAL);
    assert_no_resolvconf(*state, "dhpc", EINVAL);
}

/* What one stack was told another does not know. */
static void test_stacks_apart(void **state)
{
    struct ioth *other = ioth_newstackc("stack=kernel,dns=10.0.0.54");

    assert_non_null(other);
    assert_config(*state, "dns=10.0.0.53", 1);
    assert_resolvconf(*state, NULL, "nameserver 10.0.0.53\n");
    assert_resolvconf(other, NULL, "nameserver 10.0.0.54\n");
    assert_int_equal(ioth_delstack(other), 0);
}

static void test_choice_of_interface(void **state)
{
    char config[TEXT_SIZE];
    int ifindex = ioth_if_nametoindex(*state, "vde0");

    assert_true(ifindex > 0);
    snprintf(config, sizeof(config), "iface=lo,eth,ip=10.9.0.1/32,ifindex=%d", ifindex);
    assert_config(*state, config, 3);
    assert_true(has_addr(*state, "10.9.0.1/32"));
    assert_config(*state, "ip=10.9.0.2/32,iface=lo", 1);
    assert_true(any_ifaddr(*state, "lo", has_prefix_text, "10.9.0.2/32"));
    assert_config(*state, "-static,iface=lo", 1);
    assert_false(any_ifaddr(*state, "lo", has_prefix_text, "10.9.0.2/32"));
    assert_true(has_addr(*state, "10.9.0.1/32"));
}

static void test_errors(void **state)
{
    assert_config(*state, "", 0);
    assert_config(*state, NULL, 0);
    assert_config(*state, "debug,stack=whatever,vnl=ignored", 0);
    assert_config_error(*state, "eth,ip=10.0.0.1/24,iface=nowhere", ENODEV);
    assert_config_error(*state, "eth,ip=10.0.0.1/24,dns=no", EINVAL);
    assert_config_error(*state, "eth,ip=10.0.0.1/24,dhpc", EINVAL);
    assert_false(link_up(*state));
    assert_config_error(*state, "ifindex=999999,eth", ENODEV);
    assert_config_error(*state, "eth,gw=10.77.0.1", ENETUNREACH);
    assert_true(link_up(*state));
}

static void test_newstackc(void **state)
{
    static const struct {
        const char *config;
        int error;
    } cases[] = {
        {NULL, EINVAL},
        {"", EINVAL},
        {"eth", EINVAL},
        {"stack=kernel,ipp=1", EINVAL},
        {"stack=kernel,dhpc", EINVAL},
        {"stack=nosuchstack", ENOENT},
        {"stack=kernel,iface=nowhere,eth", ENODEV},
    };
    struct ioth *stack;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        errno = 0;
        assert_null(ioth_newstackc(cases[i].config));
        if (errno != cases[i].error)
            fail_msg("\"%s\": %s, expected %s", cases[i].config, strerror(errno), strerror(cases[i].error));
    }
    stack = ioth_newstackc("stack=kernel,dns=10.0.0.53,ip=10.9.0.1/32,iface=lo");
    assert_non_null(stack);
    assert_config(stack, "-static,iface=lo", 1);
    assert_int_equal(ioth_delstack(stack), 0);
}

/* The name servers of a stack without interfaces of ours. */
static void test_no_interface(void **state)
{
    struct ioth *stack = ioth_newstackc("stack=kernel,dns=10.0.0.53");

    (void)state;
    assert_non_null(stack);
    assert_resolvconf(stack, NULL, "nameserver 10.0.0.53\n");
    assert_config(stack, "-static", 1);
    assert_resolvconf(stack, NULL, "");
    assert_config_error(stack, "ip=10.0.0.1/24", ENODEV);
    assert_int_equal(ioth_delstack(stack), 0);
}

/* Two networks, two interfaces, one of them with a name of its own. */
static void test_two_networks(void **state)
{
    char config[2 * TEXT_SIZE];
    struct ioth *stack;

    (void)state;
    snprintf(config, sizeof(config),
             "%s,vnl='eth7:vde://%s/hub',iface=eth7,eth,mac=80:01:01:01:01:07,ip=10.7.0.1/24", net.config,
             net.dir);
    stack = ioth_newstackc(config);
    assert_non_null(stack);
    assert_true(any_ifaddr(stack, "eth7", has_prefix_text, "10.7.0.1/24"));
    assert_true(any_ifaddr(stack, "eth7", is_link_up, NULL));
    assert_false(link_up(stack));
    assert_int_equal(ioth_delstack(stack), 0);
}

/* The whole string of the talk; then the default stack, by NULL. */
static void test_talk(void **state)
{
    char config[2 * TEXT_SIZE];
    struct ioth *stack;

    (void)state;
    snprintf(config, sizeof(config),
             "%s,mac=80:01:01:01:01:02,eth,ip=130.136.31.253/24,gw=130.136.31.1,"
             "ip=2001:760:2e00:ff00::fd/64,ip=2001:760:2e00:ff00::ff/64",
             net.config);
    stack = ioth_newstackc(config);
    assert_non_null(stack);
    ioth_set_defstack(stack);
    assert_mac(NULL, "80:01:01:01:01:02");
    assert_true(link_up(NULL));
    assert_true(has_addr(NULL, "130.136.31.253/24"));
    assert_true(has_addr(NULL, "2001:760:2e00:ff00::ff/64"));
    assert_gateway(NULL, AF_INET, "130.136.31.1");
    assert_config(NULL, "-static", 1);
    assert_false(has_addr(stack, "130.136.31.253/24"));
    ioth_set_defstack(NULL);
    assert_int_equal(ioth_delstack(stack), 0);
}

#define ON_STACK(test) cmocka_unit_test_setup_teardown(test, stack_setup, stack_teardown)

#define ON_BOTH                                                                                              \
    ON_STACK(test_link), ON_STACK(test_hashed_mac), ON_STACK(test_addresses), ON_STACK(test_undo_addresses), \
        ON_STACK(test_foreign_address_stays), ON_STACK(test_gateways), ON_STACK(test_foreign_gateway),       \
        ON_STACK(test_undo_static), ON_STACK(test_resolvconf), ON_STACK(test_stacks_apart),                  \
        ON_STACK(test_choice_of_interface), ON_STACK(test_errors), ON_STACK(test_newstackc)

/* Why the tests of a stack cannot run here, NULL if they can. */
static const char *kernel_obstacle(void)
{
    if (nlinline_iplink_add("vde0", 0, "veth", NULL, 0) < 0)
        return "cannot make a veth interface";
    nlinline_iplink_del("vde0", 0);
    return NULL;
}

static const char *vdestack_obstacle(void)
{
    if (access("/dev/net/tun", R_OK | W_OK) < 0)
        return "cannot open /dev/net/tun";
    return system("command -v vde_plug >/dev/null") == 0 ? NULL : "vde_plug is not installed";
}

static bool skip_for(const char *stack, const char *obstacle)
{
    if (obstacle != NULL)
        printf("skipped: tests on %s: %s: %s\n", stack, obstacle, strerror(errno));
    return obstacle != NULL;
}

int main(void)
{
    const struct CMUnitTest on_kernel[] = {ON_BOTH, cmocka_unit_test(test_no_interface)};
    const struct CMUnitTest on_vdestack[] = {ON_BOTH, cmocka_unit_test(test_two_networks),
                                             cmocka_unit_test(test_talk)};
    const char *obstacle = NULL;
    bool skipped = false;
    int failed = 0;

    if (!enter_namespace()) {
        printf("skipped: this machine does not let us make a network namespace: %s\n", strerror(errno));
        return SKIPPED;
    }
    obstacle = kernel_obstacle();
    if (obstacle == NULL)
        failed += cmocka_run_group_tests_name("on the kernel's stack", on_kernel, kernel_setup, NULL);
    skipped = skip_for("the kernel's stack", obstacle) || skipped;
    obstacle = vdestack_obstacle();
    if (obstacle == NULL)
        failed += cmocka_run_group_tests_name("on vdestack", on_vdestack, vde_setup, vde_teardown);
    skipped = skip_for("vdestack", obstacle) || skipped;
    return failed == 0 && skipped ? SKIPPED : failed;
}
