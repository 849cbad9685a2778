/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * See dhcp_link.h. The sockets are bound to the interface, so servers for several interfaces of a stack do not disturb each
 * other, and without SO_REUSEADDR, so a second server for the same one fails to start.
 *
 * Echo requests beyond relays go by a raw socket, which is not bound to the interface, since the stack knows by which one the
 * way leads; a stack without such sockets sends none.
 *
 * The interface's IPv4 addresses change under a running server. They are looked at by netlink: at once when the stack tells of
 * a change, on a reload, and each LOOK, since not each stack tells.
 *
 * An interface that is taken away and made anew is another one with the same name. The sockets stay open, since a server that has
 * given up its privileges gets no other ones of the system; they are bound to the new interface, for which the system's stack
 * wants CAP_NET_RAW (namedhcp_keeps). A stack of our own that does not let its sockets be bound once more gives other ones.
 */
#include "libnamedhcp/dhcp_link_stack.h"

#include "base/cursor.h"
#include "wire/dhcp4.h"
#include "wire/dhcp6.h"

#include <errno.h>
#include <libnlq.h>
#include <linux/if_packet.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RECEIVE_BUFFER (4 << 20) /* what comes in while the disk is waited for; less if the system says so */
#define LOOK           (10 * NSEC_PER_SEC)
#define LOOK_DEAF      NSEC_PER_SEC /* while the interface is gone */

/* --- opening --- */

static int set_int(int fd, int level, int option, int value)
{
    return ioth_setsockopt(fd, level, option, &value, sizeof(value)) < 0 ? -errno : 0;
}

static int bind_to(int fd, const void *addr, size_t len)
{
    return ioth_bind(fd, addr, (socklen_t)len) < 0 ? -errno : 0;
}

static int join(const struct stack_link *l, int fd, struct ipaddr group)
{
    struct ipv6_mreq request = {.ipv6mr_interface = l->ifindex};

    memcpy(&request.ipv6mr_multiaddr, group.b, sizeof(request.ipv6mr_multiaddr));
    return ioth_setsockopt(fd, IPPROTO_IPV6, IPV6_JOIN_GROUP, &request, sizeof(request)) < 0 ? -errno : 0;
}

/* Again for the same interface: it is a member already. */
static int attach_udp6(const struct stack_link *l, int fd)
{
    const struct ipaddr all_servers = {{0xff, 5, [13] = 1, [15] = 3}}; /* RFC 9915 s7.1: relays know it */
    int e = join(l, fd, DHCP6_ALL_AGENTS);

    if (e == 0 || e == -EADDRINUSE)
        e = join(l, fd, all_servers);
    return e == -EADDRINUSE ? 0 : e;
}

static int set_up_udp6(int fd)
{
    struct sockaddr_in6 any = {.sin6_family = AF_INET6, .sin6_port = htons(DHCP6_SERVER_PORT)};
    int e = set_int(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);

    if (e == 0)
        e = set_int(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1);
    return e == 0 ? bind_to(fd, &any, sizeof(any)) : e;
}

static int set_up_udp4(int fd)
{
    struct sockaddr_in any = {.sin_family = AF_INET, .sin_port = htons(DHCP4_SERVER_PORT)};
    int e = set_int(fd, SOL_SOCKET, SO_BROADCAST, 1);

    if (e == 0)
        e = set_int(fd, IPPROTO_IP, IP_PKTINFO, 1);
    return e == 0 ? bind_to(fd, &any, sizeof(any)) : e;
}

static int attach_frames(const struct stack_link *l, int fd)
{
    struct sockaddr_ll at = {
        .sll_family = AF_PACKET, .sll_protocol = htons(ETHER_ARP), .sll_ifindex = (int)l->ifindex};

    return bind_to(fd, &at, sizeof(at));
}

/* A stack without the filter shows more, which is left. */
static int set_up_echo(int fd)
{
    enum { ICMP_FILTER = 1 }; /* of linux/icmp.h, which is at odds with netinet/ */
    uint32_t all_but_replies = ~(UINT32_C(1) << ICMP4_ECHO_REPLY);

    (void)ioth_setsockopt(fd, SOL_RAW, ICMP_FILTER, &all_but_replies, sizeof(all_but_replies));
    return 0;
}

static int set_up_watch(int fd)
{
    struct sockaddr_nl groups = {.nl_family = AF_NETLINK, .nl_groups = RTMGRP_LINK | RTMGRP_IPV4_IFADDR};

    return bind_to(fd, &groups, sizeof(groups));
}

static const struct {
    int family, type, protocol;
    bool optional, bound; /* it is served without; it is this interface's alone */
    const char *what;
    int (*attach)(const struct stack_link *,
                  int fd); /* to the interface, again when it was made anew; NULL: nothing */
    int (*set_up)(int fd); /* once; NULL: nothing */
} sockets[STACK_LINK_KINDS] = {
    [STACK_LINK_UDP6] = {AF_INET6, SOCK_DGRAM, 0, false, true, "port 547 of UDP over IPv6", attach_udp6,
                         set_up_udp6},
    [STACK_LINK_UDP4] = {AF_INET, SOCK_DGRAM, 0, false, true, "port 67 of UDP", NULL, set_up_udp4},
    [STACK_LINK_FRAMES] = {AF_PACKET, SOCK_RAW, 0, false, false, "a socket for frames", attach_frames, NULL},
    [STACK_LINK_ECHO] = {AF_INET, SOCK_RAW, IPPROTO_ICMP, true, false, "a socket for ICMP", NULL,
                         set_up_echo},
    [STACK_LINK_WATCH] = {AF_NETLINK, SOCK_RAW, NETLINK_ROUTE, true, false, "a socket of netlink", NULL,
                          set_up_watch},
};

/* What to do about it, where that can be said. */
static const char *advice(int e, enum stack_link_kind kind)
{
    if (e == -EADDRINUSE)
        return ": another server has it";
    if (e == -EPERM || e == -EACCES)
        return kind == STACK_LINK_FRAMES ? ": CAP_NET_RAW is needed" : ": CAP_NET_BIND_SERVICE is needed";
    return "";
}

static int attach(const struct stack_link *l, enum stack_link_kind kind, int fd)
{
    const char *iface = l->link.name;

    if (sockets[kind].bound &&
        ioth_setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, iface, (socklen_t)strlen(iface)) < 0)
        return -errno;
    return sockets[kind].attach ? sockets[kind].attach(l, fd) : 0;
}

static int set_up(const struct stack_link *l, enum stack_link_kind kind, int fd)
{
    int e = attach(l, kind, fd);

    if (sockets[kind].bound)
        (void)set_int(fd, SOL_SOCKET, SO_RCVBUF, RECEIVE_BUFFER);
    return e == 0 && sockets[kind].set_up ? sockets[kind].set_up(fd) : e;
}

static int open_socket(struct stack_link *l, enum stack_link_kind kind, char *why, size_t why_size)
{
    int type = sockets[kind].type | SOCK_NONBLOCK | SOCK_CLOEXEC;
    int fd = ioth_msocket(l->stack, sockets[kind].family, type, sockets[kind].protocol);
    int e = fd < 0 ? -errno : set_up(l, kind, fd);

    if (e == 0) {
        l->fd[kind] = fd;
        return 0;
    }
    if (fd >= 0)
        ioth_close(fd);
    if (sockets[kind].optional)
        return 0;
    snprintf(why, why_size, "cannot open %s on interface %s: %s%s", sockets[kind].what, l->link.name,
             strerror(-e), advice(e, kind));
    return e;
}

static int open_sockets(struct stack_link *l, const struct dhcp_link_settings *settings, char *why,
                        size_t why_size)
{
    const bool wanted[STACK_LINK_KINDS] = {[STACK_LINK_UDP6] = settings->serve6,
                                           [STACK_LINK_UDP4] = settings->serve4,
                                           [STACK_LINK_FRAMES] = settings->serve4,
                                           [STACK_LINK_ECHO] = settings->serve4 && settings->echo,
                                           [STACK_LINK_WATCH] = true};
    int e = 0;

    for (unsigned kind = 0; kind < STACK_LINK_KINDS && e == 0; kind++)
        if (wanted[kind])
            e = open_socket(l, kind, why, why_size);
    return e;
}

/* --- the interface --- */

/* What is seen of the addresses, before it takes the place of what was seen before. */
struct view {
    const struct stack_link *link;
    unsigned n;
    struct dhcp_link_addr addrs[DHCP_LINK_ADDRS_MAX];
};

static int see_address(struct nlmsghdr *msg, struct nlattr **attr, const void *argin, void *argout,
                       void *argenv)
{
    struct view *v = argout;
    struct ifaddrmsg head;
    uint8_t addr[4];

    (void)argin, (void)argenv;
    if (msg->nlmsg_type != RTM_NEWADDR)
        return 0;
    memcpy(&head, NLMSG_DATA(msg), sizeof(head));
    const struct nlattr *at = attr[IFA_LOCAL] ? attr[IFA_LOCAL] : attr[IFA_ADDRESS];
    if (head.ifa_family != AF_INET || head.ifa_index != v->link->ifindex || !at ||
        nlq_attrlen(at) < sizeof(addr) || head.ifa_prefixlen > 32 || v->n == DHCP_LINK_ADDRS_MAX)
        return 0;
    memcpy(addr, nlq_attrdata(at), sizeof(addr));
    v->addrs[v->n++] = (struct dhcp_link_addr){.addr = get_be32(addr), .bits = head.ifa_prefixlen};
    return 0;
}

/* 0 or negative errno: then what was seen before stands. */
static int see_addresses(struct stack_link *l)
{
    struct view v = {.link = l};
    struct nlq_msg *request = nlq_createmsg(RTM_GETADDR, NLM_F_REQUEST | NLM_F_DUMP, ++l->seq, 0);

    nlq_addstruct(request, ifaddrmsg, .ifa_family = AF_INET);
    if (nlqx_complete_send_freemsg(l->stack, l->netlink, request) < 0 ||
        nlqx_recv_process_rtreply(l->stack, l->netlink, see_address, NULL, &v, NULL) < 0)
        return -errno;
    bool same = v.n == l->link.n_addrs && memcmp(v.addrs, l->link.addrs, v.n * sizeof(v.addrs[0])) == 0;
    if (same)
        return 0;
    l->link.n_addrs = v.n;
    memcpy(l->link.addrs, v.addrs, sizeof(v.addrs));
    l->link.changed = true;
    return 0;
}

static int see_interface(struct stack_link *l, const uint8_t *mac, char *why, size_t why_size)
{
    uint8_t wanted[6];
    int e = 0, ifindex = ioth_if_nametoindex(l->stack, l->link.name);

    if (ifindex <= 0) {
        snprintf(why, why_size, "there is no interface %s on the stack: --iface says which", l->link.name);
        return -ENODEV;
    }
    l->ifindex = (unsigned)ifindex;
    if (ioth_linkgetaddr(l->stack, l->ifindex, l->link.mac) < 0)
        e = -errno;
    if (e == 0 && mac && memcmp(mac, l->link.mac, sizeof(l->link.mac)) != 0) {
        memcpy(wanted, mac, sizeof(wanted));
        e = ioth_linksetaddr(l->stack, l->ifindex, wanted) < 0 ? -errno : 0;
        memcpy(l->link.mac, mac, sizeof(l->link.mac));
    }
    if (e == 0) {
        l->netlink = nlqx_open(l->stack, NETLINK_ROUTE);
        e = l->netlink < 0 ? -errno : see_addresses(l);
    }
    if (e < 0)
        snprintf(why, why_size, "cannot use interface %s: %s", l->link.name, strerror(-e));
    return e;
}

/* The interface that has our name now; index 0: there is none. */
struct namesake {
    unsigned index;
    bool has_carrier; /* on a virtual network: it is there */
    uint8_t mac[6];
};

static int see_link(struct nlmsghdr *msg, struct nlattr **attr, const void *argin, void *argout, void *argenv)
{
    const struct stack_link *l = argin;
    struct namesake *found = argout;
    const struct nlattr *name = attr[IFLA_IFNAME], *mac = attr[IFLA_ADDRESS];
    size_t len = strlen(l->link.name) + 1;
    struct ifinfomsg head;

    (void)argenv;
    if (msg->nlmsg_type != RTM_NEWLINK || !name || nlq_attrlen(name) != len ||
        memcmp(nlq_attrdata(name), l->link.name, len) != 0)
        return 0;
    memcpy(&head, NLMSG_DATA(msg), sizeof(head));
    found->index = (unsigned)head.ifi_index;
    found->has_carrier = (head.ifi_flags & IFF_RUNNING) != 0;
    if (mac && nlq_attrlen(mac) == sizeof(found->mac))
        memcpy(found->mac, nlq_attrdata(mac), sizeof(found->mac));
    return 0;
}

static int find_namesake(struct stack_link *l, struct namesake *ret)
{
    struct nlq_msg *request = nlq_createmsg(RTM_GETLINK, NLM_F_REQUEST | NLM_F_DUMP, ++l->seq, 0);

    *ret = (struct namesake){.index = 0};
    nlq_addstruct(request, ifinfomsg, .ifi_family = AF_UNSPEC);
    if (nlqx_complete_send_freemsg(l->stack, l->netlink, request) < 0)
        return -errno;
    return nlqx_recv_process_rtreply(l->stack, l->netlink, see_link, l, ret, NULL);
}

/* Linux lets a socket that is bound to no device be bound by everybody, and one that is by the privileged alone. */
static int attach_again(struct stack_link *l, enum stack_link_kind kind)
{
    char why[256];
    int before = l->fd[kind], e = attach(l, kind, before);

    if (e != -EPERM || open_socket(l, kind, why, sizeof(why)) < 0 || l->fd[kind] == before)
        return e;
    ioth_close(before);
    return 0;
}

/* 0 or negative errno: then it is to be done again. */
static int attach_all(struct stack_link *l)
{
    int e = 0;

    for (unsigned kind = 0; kind < STACK_LINK_KINDS && e == 0; kind++)
        if (l->fd[kind] >= 0) {
            e = attach_again(l, kind);
            l->rests_until[kind] = 0;
        }
    return e;
}

/* The one that has the name now takes the place of the one that the sockets were bound to. 0 or negative errno. */
static int follow(struct stack_link *l, const struct namesake *is)
{
    unsigned before = l->ifindex;

    l->ifindex = is->index;
    int e = is->index > 0 ? attach_all(l) : -ENODEV;
    l->is_detached = e < 0;
    if (e < 0) {
        l->ifindex = before;
        return e;
    }
    memcpy(l->link.mac, is->mac, sizeof(l->link.mac));
    l->link.changed = true;
    return 0;
}

/* Whether the interface that the sockets are bound to is still there, and on its network. What cannot be asked now is as it was. */
static void see_index(struct stack_link *l)
{
    struct namesake is;

    if (find_namesake(l, &is) < 0)
        return;
    int e = is.index == l->ifindex && !l->is_detached ? 0 : follow(l, &is);
    l->link.deaf = e < 0 ? e : is.has_carrier ? 0 : -ENETDOWN;
}

static void look(struct dhcp_link *link)
{
    ((struct stack_link *)link)->look_at = 0;
}

static void timeout(struct dhcp_link *link, nsec_t now)
{
    struct stack_link *l = (struct stack_link *)link;

    if (l->look_at > now)
        return;
    see_index(l);
    l->look_at = now + (l->link.deaf < 0 ? LOOK_DEAF : LOOK);
    if (see_addresses(l) < 0)
        return; /* the stack is gone, or has no memory: later again */
}

static nsec_t deadline(const struct dhcp_link *link)
{
    const struct stack_link *l = (const struct stack_link *)link;
    nsec_t at = l->look_at;

    for (unsigned kind = 0; kind < STACK_LINK_KINDS; kind++)
        if (l->rests_until[kind] > 0 && l->rests_until[kind] < at)
            at = l->rests_until[kind];
    return at;
}

static void watch(struct dhcp_link *link, nsec_t now)
{
    struct stack_link *l = (struct stack_link *)link;

    link->n_polled = 0;
    for (unsigned kind = 0; kind < STACK_LINK_KINDS; kind++) {
        if (l->rests_until[kind] <= now)
            l->rests_until[kind] = 0;
        if (l->fd[kind] < 0 || l->rests_until[kind] > 0)
            continue;
        l->kind_of[link->n_polled] = kind;
        link->polled[link->n_polled++] = (struct pollfd){.fd = l->fd[kind], .events = POLLIN};
    }
}

/* --- life --- */

static void close_link(struct dhcp_link *link)
{
    struct stack_link *l = (struct stack_link *)link;

    for (unsigned i = 0; i < STACK_LINK_KINDS; i++)
        if (l->fd[i] >= 0)
            ioth_close(l->fd[i]);
    if (l->netlink >= 0)
        ioth_close(l->netlink);
    free(l);
}

static const struct dhcp_link_ops ops = {
    .watch = watch,
    .receive = stack_link_receive,
    .send = stack_link_send,
    .probe = stack_link_probe,
    .echo = stack_link_echo,
    .look = look,
    .timeout = timeout,
    .deadline = deadline,
    .close = close_link,
};

int dhcp_link_open_stack(struct ioth *stack, const struct dhcp_link_settings *settings, nsec_t now,
                         struct dhcp_link **ret, char *why, size_t why_size)
{
    struct stack_link *l = calloc(1, sizeof(*l));

    if (!l)
        return -ENOMEM;
    *l = (struct stack_link){
        .link.ops = &ops, .stack = stack, .fd = {-1, -1, -1, -1, -1}, .netlink = -1, .look_at = now + LOOK};
    snprintf(l->link.name, sizeof(l->link.name), "%s", settings->name);
    int e = see_interface(l, settings->mac, why, why_size);
    if (e == 0)
        e = open_sockets(l, settings, why, why_size);
    if (e < 0) {
        close_link(&l->link);
        return e;
    }
    l->link.changed = false;
    if (settings->serve4 && settings->echo && l->fd[STACK_LINK_ECHO] < 0)
        log_event(&settings->log, LOG_LEVEL_INFO,
                  "this stack has no raw sockets: addresses behind relays are not probed",
                  LOG_TEXT("iface", settings->name));
    *ret = &l->link;
    return 0;
}

void dhcp_link_close(struct dhcp_link *l)
{
    if (l)
        l->ops->close(l);
}
