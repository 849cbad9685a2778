/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The ioctls whose argument depends on the family of the socket they are called on: routes (SIOCADDRT,
 * SIOCDELRT: a struct rtentry, of IPv6 a struct in6_rtmsg) and the addresses of IPv6 (SIOCSIFADDR, which adds
 * one, and SIOCDIFADDR: a struct in6_ifreq).
 *
 * Each becomes one request of rtnetlink, with the values that the kernel gives to what such a struct does not
 * say: the main table, protocol RTPROT_BOOT, of IPv4 the scope that the gateway tells. What a stack makes of a
 * type or a metric that it does not know is its own answer.
 */
#include "libnlq/netdevice.h"

#include <errno.h>
#include <netinet/in.h>
#include <net/route.h>
#include <string.h>
#include <sys/ioctl.h>
#include <linux/ipv6.h>

enum { METRIC6_DEFAULT = 1024 }; /* what Linux gives a route of IPv6 that has none */

/* A request for a route of either family. */
struct wanted {
    struct rtmsg head;
    const void *dst, *gateway; /* gateway NULL: none */
    int ifindex;               /* 0: any */
    uint32_t metric;           /* 0: not said */
};

static int ask_for_route(struct peer peer, bool add, const struct wanted *wanted)
{
    struct nlq_msg *msg =
        add ? request_new(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL) : request_new(RTM_DELROUTE, 0);
    unsigned short len = (unsigned short)nlq_family2addrlen(wanted->head.rtm_family);

    nlq_add(msg, &wanted->head, sizeof(wanted->head));
    nlq_addattr(msg, RTA_DST, wanted->dst, len);
    if (wanted->gateway != NULL)
        nlq_addattr(msg, RTA_GATEWAY, wanted->gateway, len);
    if (wanted->ifindex != 0)
        nlq_addattr(msg, RTA_OIF, &wanted->ifindex, sizeof(wanted->ifindex));
    if (wanted->metric != 0)
        nlq_addattr(msg, RTA_PRIORITY, &wanted->metric, sizeof(wanted->metric));
    return peer_ask(peer, msg, nlq_process_null_cb, NULL, NULL);
}

/* ---- IPv4 ---- */

static struct sockaddr_in in_of(const struct sockaddr *sa)
{
    struct sockaddr_in in;

    memcpy(&in, sa, sizeof(in));
    return in;
}

/* The prefix length of the mask of a destination, or a negative errno. */
static int length_of(const struct rtentry *rt)
{
    struct sockaddr_in dst = in_of(&rt->rt_dst), mask = in_of(&rt->rt_genmask);
    int len;

    if ((rt->rt_flags & RTF_HOST) != 0)
        return 32;
    if (mask.sin_family != AF_INET && (mask.sin_family != 0 || mask.sin_addr.s_addr != 0))
        return -EAFNOSUPPORT;
    len = nlq_mask2prefix(AF_INET, &mask.sin_addr);
    return len < 0 || (dst.sin_addr.s_addr & ~mask.sin_addr.s_addr) != 0 ? -EINVAL : len;
}

static int change_route4(struct peer peer, bool add, const struct rtentry *rt)
{
    struct sockaddr_in dst = in_of(&rt->rt_dst), gateway = in_of(&rt->rt_gateway);
    bool by_gateway = gateway.sin_family == AF_INET && gateway.sin_addr.s_addr != 0;
    bool reject = (rt->rt_flags & RTF_REJECT) != 0;
    int len = length_of(rt), ifindex = 0;
    struct wanted wanted = {.dst = &dst.sin_addr};

    if (dst.sin_family != AF_INET)
        return -EAFNOSUPPORT;
    if (len < 0)
        return len;
    if (rt->rt_dev != NULL)
        ifindex = netdevice_link_index(peer, rt->rt_dev);
    if (ifindex < 0)
        return ifindex;
    if ((rt->rt_flags & RTF_GATEWAY) != 0 && !by_gateway && add)
        return -EINVAL;
    wanted.head = (struct rtmsg){.rtm_family = AF_INET,
                                 .rtm_dst_len = (unsigned char)len,
                                 .rtm_table = RT_TABLE_MAIN,
                                 .rtm_protocol = add ? RTPROT_BOOT : RTPROT_UNSPEC,
                                 .rtm_scope = !add         ? RT_SCOPE_NOWHERE
                                              : by_gateway ? RT_SCOPE_UNIVERSE
                                                           : RT_SCOPE_LINK,
                                 .rtm_type = reject ? RTN_UNREACHABLE
                                             : add  ? RTN_UNICAST
                                                    : RTN_UNSPEC};
    wanted.gateway = by_gateway ? &gateway.sin_addr : NULL;
    wanted.ifindex = ifindex;
    wanted.metric =
        rt->rt_metric > 0 ? (uint32_t)rt->rt_metric - 1 : 0; /* one more than it is, by tradition */
    return ask_for_route(peer, add, &wanted);
}

/* ---- IPv6 ---- */

static int change_route6(struct peer peer, bool add, const struct in6_rtmsg *rt)
{
    bool by_gateway = (rt->rtmsg_flags & RTF_GATEWAY) != 0;
    struct wanted wanted = {.dst = &rt->rtmsg_dst,
                            .gateway = by_gateway ? &rt->rtmsg_gateway : NULL,
                            .ifindex = rt->rtmsg_ifindex,
                            .metric = rt->rtmsg_metric};

    if (rt->rtmsg_dst_len > 128 || rt->rtmsg_src_len > 128)
        return -EINVAL;
    if (rt->rtmsg_src_len != 0)
        return -EOPNOTSUPP;
    if (add && wanted.metric == 0)
        wanted.metric = METRIC6_DEFAULT;
    wanted.head = (struct rtmsg){.rtm_family = AF_INET6,
                                 .rtm_dst_len = (unsigned char)rt->rtmsg_dst_len,
                                 .rtm_table = RT_TABLE_MAIN,
                                 .rtm_protocol = add ? RTPROT_BOOT : RTPROT_UNSPEC,
                                 .rtm_scope = RT_SCOPE_UNIVERSE,
                                 .rtm_type = (rt->rtmsg_flags & RTF_REJECT) != 0 ? RTN_UNREACHABLE
                                             : add                               ? RTN_UNICAST
                                                                                 : RTN_UNSPEC};
    return ask_for_route(peer, add, &wanted);
}

static int change_address6(struct peer peer, bool add, const struct in6_ifreq *request)
{
    struct nlq_msg *msg;

    if (request->ifr6_prefixlen > 128)
        return -EINVAL;
    msg = add ? request_new(RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL) : request_new(RTM_DELADDR, 0);
    nlq_addstruct(msg, ifaddrmsg, .ifa_family = AF_INET6,
                  .ifa_prefixlen = (unsigned char)request->ifr6_prefixlen,
                  .ifa_index = (unsigned)request->ifr6_ifindex);
    nlq_addattr(msg, IFA_LOCAL, &request->ifr6_addr, sizeof(request->ifr6_addr));
    nlq_addattr(msg, IFA_ADDRESS, &request->ifr6_addr, sizeof(request->ifr6_addr));
    return peer_ask(peer, msg, nlq_process_null_cb, NULL, NULL);
}

/* ---- the choice ---- */

int netroute_execute(struct peer peer, int family, unsigned long request, const void *arg)
{
    struct rtentry four;
    struct in6_rtmsg six;
    struct in6_ifreq address;
    bool is_route = request == SIOCADDRT || request == SIOCDELRT;
    bool is_address = family == AF_INET6 && (request == SIOCSIFADDR || request == SIOCDIFADDR);

    if (!is_route && !is_address)
        return -ENOTTY;
    if (arg == NULL)
        return -EFAULT;
    if (is_address) {
        memcpy(&address, arg, sizeof(address));
        return change_address6(peer, request == SIOCSIFADDR, &address);
    }
    if (family == AF_INET6) {
        memcpy(&six, arg, sizeof(six));
        return change_route6(peer, request == SIOCADDRT, &six);
    }
    memcpy(&four, arg, sizeof(four));
    return change_route4(peer, request == SIOCADDRT, &four);
}
