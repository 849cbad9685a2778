/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See proxy_addresses.h. Open addresses are addresses of the interface, without duplicate detection (proxy_neighbour.c sees to
 * that) and deprecated, so that nothing of the host chooses one as the source of a connection of its own, which would give the
 * address away.
 *
 * Muting, where packets go by rules and routes (the kernel's own stack, vdestack): the address is taken off the interface,
 * so the kernel answers nothing for it; connections that stand do not need it. Rules and routes lead the packets of served ports
 * to the sockets (proxy_routes.c). Neighbours are answered by proxy_neighbour.c.
 *
 * Where there are no rules (lwip) the address stays and bears IOTH_IFA_F_MUTED, which the stack's guard knows. A stack that
 * knows neither cannot mute: then new connections are refused by the proxy, and pings are answered.
 *
 * Where the prefix is routed to this host, addresses have 128 bits, and a blackhole keeps what is sent to all others of the
 * prefix from being sent back to the router.
 *
 * All is said on one netlink socket that stays open, since a daemon that has given up its privileges gets no other one.
 *
 * Interfaces come and go, and one that goes down loses its addresses. A second netlink socket hears of any change; what it says
 * is not read, only looked at afterwards: is the interface there, under which number, and do the open addresses stand.
 */
#include "libotip/proxy_routes.h"

#include <errno.h>
#include <ioth_plugin.h>
#include <libnlq.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

/* ---- addresses ---- */

static struct nlq_msg *address_request(struct proxy_addresses *a, uint16_t type, uint16_t flags,
                                       const struct ipaddr *addr)
{
    struct nlq_msg *msg = proxy_request(a, type, flags);

    nlq_addstruct(msg, ifaddrmsg, .ifa_family = AF_INET6, .ifa_prefixlen = a->bits, .ifa_flags = IFA_F_NODAD,
                  .ifa_index = a->ifindex);
    nlq_addattr(msg, IFA_LOCAL, addr->b, sizeof(addr->b));
    nlq_addattr(msg, IFA_ADDRESS, addr->b, sizeof(addr->b));
    return msg;
}

static int put_address(struct proxy_addresses *a, const struct ipaddr *addr, uint16_t flags, uint32_t more)
{
    struct nlq_msg *msg = address_request(a, RTM_NEWADDR, flags, addr);
    uint32_t all = IFA_F_NODAD | IFA_F_DEPRECATED | more;
    struct ifa_cacheinfo life = {.ifa_prefered = 0, .ifa_valid = UINT32_MAX};

    nlq_addattr(msg, IFA_FLAGS, &all, sizeof(all));
    nlq_addattr(msg, IFA_CACHEINFO, &life, sizeof(life));
    return proxy_command(a, msg);
}

static int take_address(struct proxy_addresses *a, const struct ipaddr *addr)
{
    int e = proxy_command(a, address_request(a, RTM_DELADDR, 0, addr));

    return e == -EADDRNOTAVAIL || e == -ENODEV ? 0 : e; /* Linux, lwIP: it is gone already */
}

/* ---- the life of an address ---- */

int proxy_addresses_add(struct proxy_addresses *a, const struct ipaddr *addr)
{
    int e = put_address(a, addr, NLM_F_CREATE | NLM_F_EXCL, 0);

    if (e == -EEXIST) /* one that died has left it */
        e = 0;
    if (e == 0)
        proxy_neighbour_announce(a->neighbour, addr);
    return e;
}

int proxy_addresses_mute(struct proxy_addresses *a, const struct ipaddr *addr)
{
    if (a->cannot_mute)
        return 0;
    if (!a->by_rules)
        return put_address(a, addr, NLM_F_REPLACE, IOTH_IFA_F_MUTED);
    int e = proxy_neighbour_answer_for(a->neighbour, addr);
    int routes = proxy_routes_mute(a, addr);
    int off = take_address(a, addr);

    return off < 0 ? off : routes < 0 ? routes : e;
}

int proxy_addresses_reopen(struct proxy_addresses *a, const struct ipaddr *addr)
{
    if (a->cannot_mute)
        return 0;
    if (!a->by_rules)
        return put_address(a, addr, NLM_F_REPLACE, 0);
    int e = proxy_addresses_add(a, addr);
    int routes = e == 0 ? proxy_routes_unmute(a, addr) : 0;

    if (e == 0)
        proxy_neighbour_forget(a->neighbour, addr);
    return e < 0 ? e : routes;
}

int proxy_addresses_remove(struct proxy_addresses *a, const struct ipaddr *addr, bool muted)
{
    proxy_neighbour_forget(a->neighbour, addr);
    return a->by_rules && muted ? proxy_routes_unmute(a, addr) : take_address(a, addr);
}

/* ---- the interface ---- */

/* Who cannot be heard (lwip: its interfaces stay) is not asked. */
static int open_monitor(struct ioth *stack)
{
    const struct sockaddr_nl all = {.nl_family = AF_NETLINK, .nl_groups = RTMGRP_LINK | RTMGRP_IPV6_IFADDR};
    int fd = ioth_msocket(stack, AF_NETLINK, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, NETLINK_ROUTE);

    if (fd < 0 || ioth_bind(fd, (const struct sockaddr *)&all, sizeof(all)) == 0)
        return fd;
    ioth_close(fd);
    return -1;
}

struct found_link {
    unsigned index;
    bool up, has_carrier;
};

static int see_link(struct nlmsghdr *msg, struct nlattr **attr, const void *in, void *out, void *env)
{
    const struct ifinfomsg *head = NLMSG_DATA(msg);

    (void)attr, (void)in, (void)env;
    if (msg->nlmsg_type == RTM_NEWLINK)
        *(struct found_link *)out = (struct found_link){.index = (unsigned)head->ifi_index,
                                                        .up = head->ifi_flags & IFF_UP,
                                                        .has_carrier = head->ifi_flags & IFF_RUNNING};
    return 0;
}

static int find_link(struct proxy_addresses *a, struct found_link *ret)
{
    struct nlq_msg *msg = proxy_request(a, RTM_GETLINK, 0);

    *ret = (struct found_link){0};
    nlq_addstruct(msg, ifinfomsg, .ifi_family = AF_UNSPEC);
    nlq_addattr(msg, IFLA_IFNAME, a->iface, (unsigned short)(strlen(a->iface) + 1));
    if (nlqx_complete_send_freemsg(a->stack, a->netlink, msg) < 0)
        return -errno;
    return nlqx_recv_process_rtreply(a->stack, a->netlink, see_link, NULL, ret, NULL);
}

bool proxy_addresses_look(struct proxy_addresses *a)
{
    struct found_link link;
    uint8_t ignored[4096];

    while (ioth_recv(a->monitor, ignored, sizeof(ignored), MSG_DONTWAIT) >= 0 || errno == ENOBUFS)
        continue;
    a->cut_off = false;
    if (find_link(a, &link) < 0 || !link.up)
        return false;
    if ((a->away || link.index != a->ifindex) && proxy_neighbour_move(a->neighbour, link.index) < 0)
        return false;
    a->ifindex = link.index;
    a->cut_off = !link.has_carrier;
    return true;
}

int proxy_addresses_restore(struct proxy_addresses *a, const struct ipaddr *addr)
{
    int e = put_address(a, addr, NLM_F_CREATE | NLM_F_EXCL, 0);

    if (e == 0)
        proxy_neighbour_announce(a->neighbour, addr);
    return e == -EEXIST ? 0 : e;
}

/* ---- the whole ---- */

static int open_all(struct proxy_addresses *a, const struct proxy_place *place, char *why, size_t why_size)
{
    int e, index = ioth_if_nametoindex(a->stack, a->iface);

    if (index <= 0) {
        snprintf(why, why_size, "the external stack has no interface %.32s", a->iface);
        return -ENODEV;
    }
    a->ifindex = (unsigned)index;
    a->netlink = nlqx_open(a->stack, NETLINK_ROUTE);
    e = a->netlink < 0 ? -errno : proxy_routes_open(a, place);
    if (e == 0)
        e = proxy_neighbour_open(&a->neighbour, a->stack, a->ifindex);
    if (e < 0)
        snprintf(why, why_size, "cannot have one-time addresses on interface %.32s: %s%s", a->iface,
                 strerror(-e),
                 e == -EPERM || e == -EACCES ? ": CAP_NET_ADMIN and CAP_NET_RAW are needed" : "");
    return e;
}

int proxy_addresses_open(struct proxy_addresses *a, const struct proxy_place *place, char *why,
                         size_t why_size)
{
    *a = (struct proxy_addresses){
        .stack = place->stack, .bits = place->bits, .netlink = -1, .monitor = open_monitor(place->stack)};
    snprintf(a->iface, sizeof(a->iface), "%s", place->iface);
    int e = open_all(a, place, why, why_size);
    if (e < 0)
        proxy_addresses_close(a);
    return e;
}

void proxy_addresses_sweep(struct proxy_addresses *a, bool (*is_ours)(void *arg, const struct ipaddr *addr),
                           void *arg)
{
    struct ifaddrs *all = NULL;
    struct ipendpoint at;

    if (ioth_getifaddrs(a->stack, &all) < 0)
        return;
    for (struct ifaddrs *i = all; i; i = i->ifa_next)
        if (i->ifa_addr && i->ifa_addr->sa_family == AF_INET6 &&
            ioth_if_nametoindex(a->stack, i->ifa_name) == (int)a->ifindex &&
            ipendpoint_from_sockaddr(i->ifa_addr, &at) == 0 && is_ours(arg, &at.addr) &&
            take_address(a, &at.addr) < 0)
            break;
    ioth_freeifaddrs(all);
}

void proxy_addresses_close(struct proxy_addresses *a)
{
    if (a->monitor >= 0)
        ioth_close(a->monitor);
    a->monitor = -1;
    if (a->netlink < 0)
        return;
    proxy_routes_close(a);
    proxy_neighbour_close(a->neighbour);
    ioth_close(a->netlink);
    a->netlink = -1;
}
