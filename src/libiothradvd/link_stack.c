/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See link.h. On a stack the messages go through a raw ICMPv6 socket (RFC 3542): the stack makes and checks the checksum,
 * finds neighbours and fills in nothing else. The socket hears solicitations and advertisements alone (ICMP6_FILTER) and
 * joins ff02::2; from which interface a packet came, and with what hop limit, stands beside it.
 *
 * The source address is always said (IPV6_PKTINFO): a stack left to choose might take a global one, and hosts must not
 * believe that (RFC 4861 s6.1.2).
 *
 * Addresses change under a running router: the link-local one appears seconds after the link is up (RFC 4862 s5.4), others
 * come and go by a person's hand. So they are looked at by netlink, often until the link is ready, then each LOOK. The
 * netlink socket stays open, since a daemon that has given up its privileges gets no other one. An interface without a carrier is
 * on no network: what is sent there is lost, and hosts that come later want to hear us soon when it is back.
 *
 * An interface is known by its index, and when that is gone by its name: cables, tunnels and bridges are made anew under it.
 *
 * A link-local address that somebody else has, or that somebody who forges answers says he has (IFA_F_DADFAILED), is no end:
 * a stack that is ours gets another one, as a port without a stack does (wire/host6.h), tried by the stack as any other. The
 * system's interfaces are the system's: there we go on looking until somebody has given one that works.
 */
#include "libiothradvd/link.h"

#include "base/pktinfo.h"
#include "wire/host6.h"

#include <errno.h>
#include <libnlq.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <netinet/icmp6.h>
#include <stdlib.h>
#include <string.h>

#define LOOK       (10 * NSEC_PER_SEC)
#define LOOK_EARLY (NSEC_PER_SEC / 4) /* duplicate detection takes a second */
#define LOOK_LATE  (2 * NSEC_PER_SEC) /* when nothing has come of EARLY_LOOKS */

enum { EARLY_LOOKS = 40 };

struct stack_link {
    struct link link;
    struct ioth *stack;
    unsigned ifindex;
    char name[IF_NAMESIZE]; /* as it was seen last */
    unsigned namesake;      /* another interface of that name; 0: none */
    int fd, netlink;
    uint32_t seq;
    nsec_t now, look_at;
    /* As it was seen last */
    bool exists, is_up, has_carrier, has_addr;
    bool is_duplicate; /* there is none but one that somebody else has: place.addr */
    unsigned misses;   /* link-local addresses in a row that were so */
    nsec_t retry_at;   /* when the next one is given to the stack */
    bool is_broken;    /* the socket gives errors alone: it is left alone until the next look */
    unsigned looks_in_vain;
    struct ra_place place;
    unsigned n_own;
    struct ra_own own[RA_OWN_MAX];
    uint8_t bytes[ND_MESSAGE_MAX];
};

/* --- the socket --- */

static int set_int(int fd, int option, int value)
{
    return ioth_setsockopt(fd, IPPROTO_IPV6, option, &value, sizeof(value)) < 0 ? -errno : 0;
}

static int set_filter(int fd)
{
    struct icmp6_filter filter;
    ICMP6_FILTER_SETBLOCKALL(&filter);
    ICMP6_FILTER_SETPASS(ND_ROUTER_SOLICIT, &filter);
    ICMP6_FILTER_SETPASS(ND_ROUTER_ADVERT, &filter);
    return ioth_setsockopt(fd, IPPROTO_ICMPV6, ICMP6_FILTER, &filter, sizeof(filter)) < 0 ? -errno : 0;
}

static int join_all_routers(int fd, unsigned ifindex)
{
    struct ipv6_mreq group = {.ipv6mr_interface = ifindex};
    memcpy(&group.ipv6mr_multiaddr, nd_all_routers.b, sizeof(group.ipv6mr_multiaddr));
    return ioth_setsockopt(fd, IPPROTO_IPV6, IPV6_JOIN_GROUP, &group, sizeof(group)) < 0 ? -errno : 0;
}

static int open_socket(struct stack_link *l)
{
    l->fd = ioth_msocket(l->stack, AF_INET6, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_ICMPV6);
    int e = l->fd < 0 ? -errno : set_filter(l->fd);
    if (e == 0)
        e = set_int(l->fd, IPV6_RECVPKTINFO, 1);
    if (e == 0)
        e = set_int(l->fd, IPV6_RECVHOPLIMIT, 1);
    if (e == 0)
        e = set_int(l->fd, IPV6_UNICAST_HOPS, ND_HOP_LIMIT);
    if (e == 0)
        e = set_int(l->fd, IPV6_MULTICAST_HOPS, ND_HOP_LIMIT);
    if (e == 0) /* else our own stack would configure itself by what we say */
        e = set_int(l->fd, IPV6_MULTICAST_LOOP, 0);
    return e == 0 ? join_all_routers(l->fd, l->ifindex) : e;
}

/* --- looking at the interface --- */

static const struct nlattr *attr_of(struct nlattr **attr, unsigned type, unsigned len)
{
    return attr[type] && nlq_attrlen(attr[type]) >= len ? attr[type] : NULL;
}

static void see_name(struct stack_link *l, unsigned ifindex, struct nlattr **attr)
{
    const struct nlattr *name = attr_of(attr, IFLA_IFNAME, 1);
    char text[IF_NAMESIZE] = {0};
    if (!name || nlq_attrlen(name) > sizeof(text))
        return;
    memcpy(text, nlq_attrdata(name), nlq_attrlen(name));
    text[sizeof(text) - 1] = 0;
    if (ifindex == l->ifindex)
        memcpy(l->name, text, sizeof(text));
    else if (l->name[0] && strcmp(l->name, text) == 0)
        l->namesake = ifindex;
}

static int see_link(struct nlmsghdr *msg, struct nlattr **attr, const void *argin, void *argout, void *argenv)
{
    struct stack_link *l = argout;
    struct ifinfomsg info;
    (void)argin, (void)argenv;
    if (msg->nlmsg_type != RTM_NEWLINK)
        return 0;
    memcpy(&info, NLMSG_DATA(msg), sizeof(info));
    see_name(l, (unsigned)info.ifi_index, attr);
    if (info.ifi_index != (int)l->ifindex)
        return 0;
    l->exists = true;
    l->is_up = (info.ifi_flags & IFF_UP) != 0;
    l->has_carrier = (info.ifi_flags & IFF_RUNNING) != 0; /* of a virtual one: its network is there */
    const struct nlattr *mac = attr_of(attr, IFLA_ADDRESS, sizeof(l->place.mac));
    if (mac && nlq_attrlen(mac) == sizeof(l->place.mac))
        memcpy(l->place.mac, nlq_attrdata(mac), sizeof(l->place.mac));
    return 0;
}

static nsec_t until(const struct stack_link *l, uint32_t lifetime_s)
{
    return lifetime_s == ND_INFINITE ? NSEC_NEVER : l->now + lifetime_s * NSEC_PER_SEC;
}

/* What is seen of the addresses, before it takes the place of what was seen before. */
struct view {
    struct stack_link *link;
    bool has_addr, has_same_addr, has_failed;
    struct ipaddr addr;   /* the first that will do */
    struct ipaddr failed; /* one that will not */
    unsigned n_own;
    struct ra_own own[RA_OWN_MAX];
};

static void see_link_local(struct view *v, const struct ipaddr *addr)
{
    v->has_same_addr |= v->link->has_addr && ipaddr_equal(addr, &v->link->place.addr);
    if (!v->has_addr)
        v->addr = *addr;
    v->has_addr = true;
}

static void see_own(struct view *v, const struct ipaddr *addr, uint8_t bits, struct nlattr **attr)
{
    struct ifa_cacheinfo times = {.ifa_prefered = ND_INFINITE, .ifa_valid = ND_INFINITE};
    const struct nlattr *info = attr_of(attr, IFA_CACHEINFO, sizeof(times));
    struct ra_own own = {.prefix = *addr, .bits = bits};
    if (info)
        memcpy(&times, nlq_attrdata(info), sizeof(times));
    ipaddr_mask(&own.prefix, bits);
    own.valid_until = until(v->link, times.ifa_valid);
    own.preferred_until = until(v->link, times.ifa_prefered);
    for (unsigned i = 0; i < v->n_own; i++)
        if (v->own[i].bits == bits && ipaddr_equal(&v->own[i].prefix, &own.prefix))
            return; /* two addresses of one prefix */
    if (v->n_own < RA_OWN_MAX)
        v->own[v->n_own++] = own;
}

static int see_address(struct nlmsghdr *msg, struct nlattr **attr, const void *argin, void *argout,
                       void *argenv)
{
    struct view *v = argout;
    struct ifaddrmsg head;
    struct ipaddr addr;
    (void)argin, (void)argenv;
    if (msg->nlmsg_type != RTM_NEWADDR)
        return 0;
    memcpy(&head, NLMSG_DATA(msg), sizeof(head));
    const struct nlattr *at = attr_of(attr, IFA_LOCAL, sizeof(addr.b));
    if (!at)
        at = attr_of(attr, IFA_ADDRESS, sizeof(addr.b));
    if (head.ifa_family != AF_INET6 || head.ifa_index != v->link->ifindex || !at)
        return 0;
    uint32_t flags = head.ifa_flags;
    const struct nlattr *more = attr_of(attr, IFA_FLAGS, sizeof(flags));
    if (more)
        memcpy(&flags, nlq_attrdata(more), sizeof(flags));
    memcpy(addr.b, nlq_attrdata(at), sizeof(addr.b));
    if (flags & IFA_F_DADFAILED && nd_is_link_local(&addr)) {
        v->failed = addr;
        v->has_failed = true;
    }
    if (flags & (IFA_F_TENTATIVE | IFA_F_DADFAILED | IFA_F_TEMPORARY))
        return 0;
    if (nd_is_link_local(&addr))
        see_link_local(v, &addr);
    else if (!nd_is_multicast(&addr) && head.ifa_prefixlen < 128)
        see_own(v, &addr, head.ifa_prefixlen, attr);
    return 0;
}

static int dump(struct stack_link *l, struct nlq_msg *request, nlq_doit_f see, void *into)
{
    if (nlqx_complete_send_freemsg(l->stack, l->netlink, request) < 0)
        return -errno;
    return nlqx_recv_process_rtreply(l->stack, l->netlink, see, NULL, into, NULL);
}

static int look_at_links(struct stack_link *l)
{
    struct nlq_msg *request = nlq_createmsg(RTM_GETLINK, NLM_F_REQUEST | NLM_F_DUMP, ++l->seq, 0);
    nlq_addstruct(request, ifinfomsg, .ifi_family = AF_UNSPEC);
    l->exists = l->is_up = l->has_carrier = false;
    l->namesake = 0;
    return dump(l, request, see_link, l);
}

/* An interface that was taken away and made anew has another index. */
static int follow_name(struct stack_link *l)
{
    int e = join_all_routers(l->fd, l->namesake);
    if (e < 0 && e != -EADDRINUSE)
        return e;
    l->ifindex = l->namesake;
    return look_at_links(l);
}

/* 0 or negative errno: then what was seen before stands. */
static int look(struct stack_link *l)
{
    struct view v = {.link = l};
    int e = look_at_links(l);
    if (e == 0 && !l->exists && l->namesake > 0)
        e = follow_name(l);
    if (e < 0)
        return e;
    struct nlq_msg *request = nlq_createmsg(RTM_GETADDR, NLM_F_REQUEST | NLM_F_DUMP, ++l->seq, 0);
    nlq_addstruct(request, ifaddrmsg, .ifa_family = AF_INET6);
    e = dump(l, request, see_address, &v);
    if (e < 0)
        return e;
    l->has_addr = v.has_addr;
    l->is_duplicate = !v.has_addr && v.has_failed;
    if (!v.has_same_addr)
        l->place.addr = l->is_duplicate ? v.failed : v.addr;
    l->n_own = v.n_own;
    memcpy(l->own, v.own, v.n_own * sizeof(*v.own));
    return 0;
}

/* Gives the stack another link-local address, after a while. That it cannot be done makes no difference: it is tried again. */
static void give_another(struct stack_link *l, nsec_t now)
{
    if (!l->stack || !l->is_up)
        return;
    if (l->misses > 0 && l->retry_at <= now) {
        struct ipaddr addr = host6_link_local(l->place.mac, l->misses);
        (void)!ioth_ipaddr_add(l->stack, AF_INET6, addr.b, 64, l->ifindex);
    }
    if (l->misses == 0 || l->retry_at <= now)
        l->retry_at = now + host6_retry_pause(++l->misses);
}

static bool is_on_network(const struct stack_link *l)
{
    return l->is_up && l->has_carrier;
}

static void timeout(struct link *link, nsec_t now)
{
    struct stack_link *l = (struct stack_link *)link;
    if (l->look_at > now)
        return;
    l->now = now;
    if (look(l) < 0)
        l->exists = l->is_up = false; /* the stack is gone, or has no memory: later again */
    l->is_broken = false;
    if (l->is_duplicate)
        give_another(l, now);
    bool ready = is_on_network(l) && l->has_addr;
    if (ready)
        l->misses = 0;
    l->looks_in_vain = ready ? 0 : l->looks_in_vain + 1;
    l->look_at = now + (ready ? LOOK : l->looks_in_vain < EARLY_LOOKS ? LOOK_EARLY : LOOK_LATE);
}

static nsec_t deadline(const struct link *link)
{
    return ((const struct stack_link *)link)->look_at;
}

static enum link_state state(struct link *link, struct ra_place *ret)
{
    const struct stack_link *l = (const struct stack_link *)link;
    *ret = l->place;
    return !is_on_network(l) ? LINK_DOWN
           : l->has_addr     ? LINK_READY
           : l->is_duplicate ? LINK_DUPLICATE
                             : LINK_DOWN;
}

static const char *lacks(const struct link *link)
{
    const struct stack_link *l = (const struct stack_link *)link;
    return !l->exists        ? "there is no such interface"
           : !l->is_up       ? "it is down"
           : !l->has_carrier ? "its network is away"
           : l->is_duplicate ? "somebody else has its address"
                             : "it has no link-local address";
}

static unsigned own(const struct link *link, const struct ra_own **ret)
{
    const struct stack_link *l = (const struct stack_link *)link;
    *ret = l->own;
    return l->n_own;
}

static unsigned fds(const struct link *link, int at[static LINK_FDS_MAX])
{
    const struct stack_link *l = (const struct stack_link *)link;
    at[0] = l->fd;
    return l->is_broken ? 0 : 1;
}

/* --- packets --- */

/* Fills in what stands beside the packet. False: it came from another interface, or that is not known. */
static bool read_beside(const struct stack_link *l, struct msghdr *msg, struct ra_packet *packet)
{
    bool has_interface = false, has_hop_limit = false;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
        struct pktinfo info;
        if (pktinfo_read(c, &info)) {
            packet->to = info.addr;
            has_interface = info.ifindex == l->ifindex;
        } else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_HOPLIMIT) {
            int hop_limit;
            memcpy(&hop_limit, CMSG_DATA(c), sizeof(hop_limit));
            packet->hop_limit = (uint8_t)hop_limit;
            has_hop_limit = true;
        }
    }
    return has_interface && has_hop_limit;
}

static int receive(struct link *link, nsec_t now, struct ra_packet *ret)
{
    struct stack_link *l = (struct stack_link *)link;
    struct sockaddr_in6 from = {0};
    struct iovec iov = {.iov_base = l->bytes, .iov_len = sizeof(l->bytes)};
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(sizeof(struct in6_pktinfo)) + CMSG_SPACE(sizeof(int)) + 64];
    } control;
    struct msghdr msg = {.msg_name = &from,
                         .msg_namelen = sizeof(from),
                         .msg_iov = &iov,
                         .msg_iovlen = 1,
                         .msg_control = &control,
                         .msg_controllen = sizeof(control)};
    ssize_t len = ioth_recvmsg(l->fd, &msg, MSG_DONTWAIT);
    if (len < 0) {
        if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)
            return 0;
        l->is_broken = true; /* such as a stack that has died: not to be asked in a circle */
        l->look_at = now + LOOK_EARLY;
        return 0;
    }
    struct ra_packet packet = {.bytes = l->bytes, .len = (size_t)len};
    memcpy(packet.from.b, &from.sin6_addr, sizeof(packet.from.b));
    if (from.sin6_family != AF_INET6 || !read_beside(l, &msg, &packet))
        return 2;
    *ret = packet;
    return 1;
}

static int send_event(struct link *link, const struct ra_event *event)
{
    struct stack_link *l = (struct stack_link *)link;
    struct sockaddr_in6 to = {.sin6_family = AF_INET6, .sin6_scope_id = l->ifindex};
    struct pktinfo from = {.addr = l->place.addr, .ifindex = l->ifindex};
    struct iovec iov = {.iov_base = (void *)(uintptr_t)event->bytes, .iov_len = event->len};
    union pktinfo_control control;
    struct msghdr msg = {.msg_name = &to,
                         .msg_namelen = sizeof(to),
                         .msg_iov = &iov,
                         .msg_iovlen = 1,
                         .msg_control = &control,
                         .msg_controllen = pktinfo_write(&from, &control)};
    memcpy(&to.sin6_addr, event->to.b, sizeof(to.sin6_addr));
    if (ioth_sendmsg(l->fd, &msg, MSG_DONTWAIT) >= 0)
        return 0;
    int e = -errno;
    if (e != -EAGAIN && e != -ENOBUFS)
        l->look_at = 0; /* the address may be gone */
    return e;
}

/* --- life --- */

static void close_link(struct link *link)
{
    struct stack_link *l = (struct stack_link *)link;
    if (l->fd >= 0)
        ioth_close(l->fd);
    if (l->netlink >= 0)
        ioth_close(l->netlink);
    free(l);
}

static const struct link_ops ops = {
    .state = state,
    .lacks = lacks,
    .fds = fds,
    .receive = receive,
    .send = send_event,
    .timeout = timeout,
    .deadline = deadline,
    .own = own,
    .close = close_link,
};

int link_stack_open(struct ioth *stack, unsigned ifindex, nsec_t now, struct link **ret)
{
    struct stack_link *l = calloc(1, sizeof(*l));
    if (!l)
        return -ENOMEM;
    l->link.ops = &ops;
    l->stack = stack;
    l->ifindex = ifindex;
    l->now = now;
    l->netlink = -1;
    int e = ifindex == 0 ? -ENODEV : open_socket(l);
    if (e == 0) {
        l->netlink = nlqx_open(stack, NETLINK_ROUTE);
        e = l->netlink < 0 ? -errno : 0;
    }
    if (e < 0)
        close_link(&l->link);
    else
        *ret = &l->link;
    return e;
}
