/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NLINLINE_H
#define NLINLINE_H
/*
 * nlinline: configure a network stack by a few inline functions.
 *
 * Interfaces up and down, MAC addresses, MTU, IP addresses, routes, virtual links: each function opens a
 * netlink socket (RFC 3549, rtnetlink(7)), sends one request, waits for its answer and closes the socket.
 * There is nothing to link and nothing to initialise. No ioctl is used.
 *
 * The work is done by nlinline_core_*, which reach netlink through a struct nlinline_transport. The functions
 * named nlinline_* speak to the kernel's stack of the calling thread; nlinline+.h makes families of the same
 * functions for libraries that bring stacks of their own.
 *
 * All functions return 0, or an interface index where they say so, or -1 with errno: what netlink answered
 * (EPERM, ENODEV, EEXIST, ...), what opening the socket gave, EMSGSIZE when a request is too large, EBADMSG
 * when the answer is no netlink, EINVAL and EAFNOSUPPORT for arguments that make no sense.
 */
#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <unistd.h>
#include <net/if.h>
#include <netinet/in.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>

#ifdef __cplusplus
extern "C" {
#endif

#define NLINLINE_UNUSED __attribute__((unused))

#define NLINLINE_IFF_UP 0x1 /* IFF_UP, which <net/if.h> has not under -std=c99 and the like */

/* A request fits here: names, addresses and some link options. */
#define NLINLINE_MAX_REQUEST 2048
/* One datagram of an answer: the size the kernel itself plans for (NLMSG_GOODSIZE of 8 KiB pages). */
#define NLINLINE_MAX_REPLY 8192

/* One option of a virtual link (IFLA_INFO_DATA): attribute `tag` with `len` bytes of `data`, which stay the
 * caller's. */
struct nl_iplink_data {
    int tag;
    int len;
    void *data;
};

/* The option `tag` with a string as its value. */
static inline NLINLINE_UNUSED struct nl_iplink_data nl_iplink_strdata(int tag, const char *string)
{
    struct nl_iplink_data option;

    option.tag = tag;
    option.len = (int)strlen(string) + 1;
    option.data = (void *)(uintptr_t)string;
    return option;
}

/* The prefixlen argument of ipaddr_add and ipaddr_del with address flags (IFA_F_NODAD, ...) and a scope
 * (RT_SCOPE_LINK, ...) in it. A plain prefix length stands for no flags and the universe. */
static inline NLINLINE_UNUSED int nl_addrdata2prefix(unsigned char prefixlen, unsigned char flags,
                                                     unsigned char scope)
{
    return (int)((unsigned)prefixlen | (unsigned)flags << 16 | (unsigned)scope << 24);
}

/* The dst_prefixlen argument of iproute_add and iproute_del with a route type (RTN_BLACKHOLE, ...) and a
 * scope in it. Type 0 is RTN_UNICAST; scope 0 is the universe, or the link for a route without a gateway. */
static inline NLINLINE_UNUSED int nl_routedata2prefix(unsigned char prefixlen, unsigned char type,
                                                      unsigned char scope)
{
    return (int)((unsigned)prefixlen | (unsigned)type << 16 | (unsigned)scope << 24);
}

/* How the core reaches netlink: `open` gives a NETLINK_ROUTE socket of `stack`, the rest works on that
 * descriptor. */
struct nlinline_transport {
    void *stack;
    int (*open)(void *stack);
    ssize_t (*send)(int fd, const void *buf, size_t len, int flags);
    ssize_t (*recv)(int fd, void *buf, size_t len, int flags);
    int (*close)(int fd);
};

/* A request while it is written. `used` counts bytes; beyond the buffer it only counts, so that one check at
 * the end finds an overflow. */
struct nlinline_request {
    size_t used;
    union {
        struct nlmsghdr head;
        unsigned char bytes[NLINLINE_MAX_REQUEST];
    } u;
};

static inline NLINLINE_UNUSED void nlinline_put(struct nlinline_request *request, const void *data,
                                                size_t len)
{
    if (len > 0 && request->used + len <= sizeof(request->u.bytes))
        memcpy(request->u.bytes + request->used, data, len);
    request->used += NLMSG_ALIGN((uint32_t)len);
}

/* Begins a request: netlink header and the fixed structure of its kind. */
static inline NLINLINE_UNUSED void nlinline_begin(struct nlinline_request *request, int type, int flags,
                                                  const void *body, size_t len)
{
    memset(request, 0, sizeof(*request));
    request->u.head.nlmsg_type = (uint16_t)type;
    request->u.head.nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags);
    request->u.head.nlmsg_seq = 1;
    request->used = NLMSG_HDRLEN;
    nlinline_put(request, body, len);
}

static inline NLINLINE_UNUSED void nlinline_attr(struct nlinline_request *request, int type, const void *data,
                                                 size_t len)
{
    struct rtattr attr;

    attr.rta_len = (unsigned short)(sizeof(attr) + len);
    attr.rta_type = (unsigned short)type;
    nlinline_put(request, &attr, sizeof(attr));
    nlinline_put(request, data, len);
}

/* Opens a nested attribute; nlinline_nest_end wants the value returned. */
static inline NLINLINE_UNUSED size_t nlinline_nest(struct nlinline_request *request, int type)
{
    size_t start = request->used;

    nlinline_attr(request, type, NULL, 0);
    return start;
}

static inline NLINLINE_UNUSED void nlinline_nest_end(struct nlinline_request *request, size_t start)
{
    struct rtattr attr;

    if (request->used > sizeof(request->u.bytes))
        return;
    memcpy(&attr, request->u.bytes + start, sizeof(attr));
    attr.rta_len = (unsigned short)(request->used - start);
    memcpy(request->u.bytes + start, &attr, sizeof(attr));
}

/* What is wanted from an answer: the first message of type `wanted` (0: none), of which the interface index
 * and, if `mac` is given, the link-layer address are kept. */
struct nlinline_answer {
    int wanted;
    int ifindex;
    void *mac;
    int has_mac;
};

static inline NLINLINE_UNUSED void nlinline_read_link(const unsigned char *message, size_t len,
                                                      struct nlinline_answer *answer)
{
    struct ifinfomsg link;
    struct rtattr attr;
    size_t at = NLMSG_HDRLEN;

    if (len < at + sizeof(link))
        return;
    memcpy(&link, message + at, sizeof(link));
    answer->ifindex = link.ifi_index;
    for (at += NLMSG_ALIGN(sizeof(link)); at + sizeof(attr) <= len; at += RTA_ALIGN((size_t)attr.rta_len)) {
        memcpy(&attr, message + at, sizeof(attr));
        if (attr.rta_len < sizeof(attr) || attr.rta_len > len - at)
            return;
        if (attr.rta_type == IFLA_ADDRESS && answer->mac != NULL && attr.rta_len == sizeof(attr) + 6) {
            memcpy(answer->mac, message + at + sizeof(attr), 6);
            answer->has_mac = 1;
        }
    }
}

/* Reads one datagram of the answer. 1: the answer is complete; 0: more is to come; -1: errno. */
static inline NLINLINE_UNUSED int nlinline_read_reply(const unsigned char *reply, size_t len,
                                                      struct nlinline_answer *answer)
{
    struct nlmsghdr head;
    struct nlmsgerr error;
    size_t at;

    for (at = 0; at + sizeof(head) <= len; at += NLMSG_ALIGN((size_t)head.nlmsg_len)) {
        memcpy(&head, reply + at, sizeof(head));
        if (head.nlmsg_len < sizeof(head) || head.nlmsg_len > len - at)
            break;
        if (head.nlmsg_seq != 1)
            continue;
        if (head.nlmsg_type == NLMSG_DONE)
            return 1;
        if (head.nlmsg_type == NLMSG_ERROR) {
            if (head.nlmsg_len < NLMSG_HDRLEN + sizeof(error.error))
                break;
            memcpy(&error.error, reply + at + NLMSG_HDRLEN, sizeof(error.error));
            errno = -error.error;
            return error.error == 0 ? 1 : -1;
        }
        if (answer->wanted != 0 && head.nlmsg_type == answer->wanted) {
            nlinline_read_link(reply + at, head.nlmsg_len, answer);
            return 1;
        }
    }
    if (at >= len)
        return 0;
    errno = EBADMSG;
    return -1;
}

/* Sends the request on an open socket and reads until it is answered. */
static inline NLINLINE_UNUSED int nlinline_exchange(const struct nlinline_transport *transport, int fd,
                                                    struct nlinline_request *request,
                                                    struct nlinline_answer *answer)
{
    union {
        struct nlmsghdr head;
        unsigned char bytes[NLINLINE_MAX_REPLY];
    } reply;
    ssize_t len;
    int complete = 0;

    if (transport->send(fd, request->u.bytes, request->used, 0) < 0)
        return -1;
    while (complete == 0) {
        len = transport->recv(fd, reply.bytes, sizeof(reply.bytes), 0);
        if (len < 0 && errno == EINTR)
            continue;
        if (len < 0)
            return -1;
        if (len == 0) {
            errno = ECONNRESET;
            return -1;
        }
        complete = nlinline_read_reply(reply.bytes, (size_t)len, answer);
    }
    return complete < 0 ? -1 : 0;
}

/* One request and its answer on a socket of their own. */
static inline NLINLINE_UNUSED int nlinline_transact(const struct nlinline_transport *transport,
                                                    struct nlinline_request *request,
                                                    struct nlinline_answer *answer)
{
    int fd, result, saved;

    if (request->used > sizeof(request->u.bytes)) {
        errno = EMSGSIZE;
        return -1;
    }
    request->u.head.nlmsg_len = (uint32_t)request->used;
    fd = transport->open(transport->stack);
    if (fd < 0)
        return -1;
    result = nlinline_exchange(transport, fd, request, answer);
    saved = errno;
    transport->close(fd);
    errno = saved;
    return result;
}

/* A request whose answer says no more than yes or no. */
static inline NLINLINE_UNUSED int nlinline_command(const struct nlinline_transport *transport,
                                                   struct nlinline_request *request)
{
    struct nlinline_answer none;

    memset(&none, 0, sizeof(none));
    return nlinline_transact(transport, request, &none);
}

/* Begins a request about the link with that index (0: none) and name (NULL: none). -1 and ENODEV if the name
 * cannot be one of an interface. */
static inline NLINLINE_UNUSED int nlinline_begin_link(struct nlinline_request *request, int type, int flags,
                                                      unsigned ifindex, const char *ifname)
{
    struct ifinfomsg link;

    memset(&link, 0, sizeof(link));
    link.ifi_family = AF_UNSPEC;
    link.ifi_index = (int)ifindex;
    nlinline_begin(request, type, flags, &link, sizeof(link));
    if (ifname == NULL)
        return 0;
    if (ifname[0] == '\0' || strlen(ifname) >= IF_NAMESIZE) {
        errno = ENODEV;
        return -1;
    }
    nlinline_attr(request, IFLA_IFNAME, ifname, strlen(ifname) + 1);
    return 0;
}

/* Sets one attribute of a link. */
static inline NLINLINE_UNUSED int nlinline_set_link(const struct nlinline_transport *transport,
                                                    unsigned ifindex, int type, const void *data, size_t len)
{
    struct nlinline_request request;

    nlinline_begin_link(&request, RTM_SETLINK, NLM_F_ACK, ifindex, NULL);
    nlinline_attr(&request, type, data, len);
    return nlinline_command(transport, &request);
}

/* Bytes of an address of that family, 0 for families that have none here. */
static inline NLINLINE_UNUSED size_t nlinline_addrlen(int family)
{
    return family == AF_INET ? 4 : family == AF_INET6 ? 16 : 0;
}

/* 0 if a prefix length may stand with that family. */
static inline NLINLINE_UNUSED int nlinline_check_prefix(int family, unsigned prefixlen)
{
    if (nlinline_addrlen(family) == 0) {
        errno = EAFNOSUPPORT;
        return -1;
    }
    if (prefixlen > nlinline_addrlen(family) * 8) {
        errno = EINVAL;
        return -1;
    }
    return 0;
}

static inline NLINLINE_UNUSED int nlinline_core_if_nametoindex(const struct nlinline_transport *transport,
                                                               const char *ifname)
{
    struct nlinline_request request;
    struct nlinline_answer answer;

    memset(&answer, 0, sizeof(answer));
    answer.wanted = RTM_NEWLINK;
    if (ifname == NULL) {
        errno = EINVAL;
        return -1;
    }
    if (nlinline_begin_link(&request, RTM_GETLINK, 0, 0, ifname) < 0 ||
        nlinline_transact(transport, &request, &answer) < 0)
        return -1;
    if (answer.ifindex > 0)
        return answer.ifindex;
    errno = ENODEV;
    return -1;
}

static inline NLINLINE_UNUSED int nlinline_core_linksetupdown(const struct nlinline_transport *transport,
                                                              unsigned ifindex, int updown)
{
    struct nlinline_request request;
    struct ifinfomsg link;

    memset(&link, 0, sizeof(link));
    link.ifi_family = AF_UNSPEC;
    link.ifi_index = (int)ifindex;
    link.ifi_flags = updown ? NLINLINE_IFF_UP : 0;
    link.ifi_change = NLINLINE_IFF_UP;
    nlinline_begin(&request, RTM_SETLINK, NLM_F_ACK, &link, sizeof(link));
    return nlinline_command(transport, &request);
}

static inline NLINLINE_UNUSED int nlinline_core_linksetaddr(const struct nlinline_transport *transport,
                                                            unsigned ifindex, void *mac)
{
    return nlinline_set_link(transport, ifindex, IFLA_ADDRESS, mac, 6);
}

static inline NLINLINE_UNUSED int nlinline_core_linkgetaddr(const struct nlinline_transport *transport,
                                                            unsigned ifindex, void *mac)
{
    struct nlinline_request request;
    struct nlinline_answer answer;

    memset(&answer, 0, sizeof(answer));
    answer.wanted = RTM_NEWLINK;
    answer.mac = mac;
    nlinline_begin_link(&request, RTM_GETLINK, 0, ifindex, NULL);
    if (nlinline_transact(transport, &request, &answer) < 0)
        return -1;
    if (answer.has_mac)
        return 0;
    errno = EADDRNOTAVAIL;
    return -1;
}

static inline NLINLINE_UNUSED int nlinline_core_linksetmtu(const struct nlinline_transport *transport,
                                                           unsigned ifindex, unsigned mtu)
{
    uint32_t value = mtu;

    return nlinline_set_link(transport, ifindex, IFLA_MTU, &value, sizeof(value));
}

static inline NLINLINE_UNUSED int nlinline_core_ipaddr(const struct nlinline_transport *transport, int type,
                                                       int flags, int family, const void *addr, int prefixlen,
                                                       unsigned ifindex)
{
    struct nlinline_request request;
    struct ifaddrmsg address;
    unsigned packed = (unsigned)prefixlen;
    size_t len = nlinline_addrlen(family);

    if (nlinline_check_prefix(family, packed & 0xffff) < 0)
        return -1;
    memset(&address, 0, sizeof(address));
    address.ifa_family = (uint8_t)family;
    address.ifa_prefixlen = (uint8_t)(packed & 0xff);
    address.ifa_flags = (uint8_t)(packed >> 16 & 0xff);
    address.ifa_scope = (uint8_t)(packed >> 24);
    address.ifa_index = ifindex;
    nlinline_begin(&request, type, NLM_F_ACK | flags, &address, sizeof(address));
    nlinline_attr(&request, IFA_LOCAL, addr, len);
    nlinline_attr(&request, IFA_ADDRESS, addr, len);
    return nlinline_command(transport, &request);
}

static inline NLINLINE_UNUSED int nlinline_core_ipaddr_add(const struct nlinline_transport *transport,
                                                           int family, void *addr, int prefixlen,
                                                           unsigned ifindex)
{
    return nlinline_core_ipaddr(transport, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, family, addr, prefixlen,
                                ifindex);
}

static inline NLINLINE_UNUSED int nlinline_core_ipaddr_del(const struct nlinline_transport *transport,
                                                           int family, void *addr, int prefixlen,
                                                           unsigned ifindex)
{
    return nlinline_core_ipaddr(transport, RTM_DELADDR, 0, family, addr, prefixlen, ifindex);
}

/* Asks for a route to be made or removed; `route` carries protocol, type and scope already. */
static inline NLINLINE_UNUSED int nlinline_core_iproute(const struct nlinline_transport *transport, int type,
                                                        int flags, struct rtmsg *route, const void *dst,
                                                        const void *gw, unsigned ifindex)
{
    struct nlinline_request request;
    uint32_t oif = ifindex;
    size_t len = nlinline_addrlen(route->rtm_family);

    if (nlinline_check_prefix(route->rtm_family, route->rtm_dst_len) < 0)
        return -1;
    if (dst == NULL)
        route->rtm_dst_len = 0;
    route->rtm_table = RT_TABLE_MAIN;
    nlinline_begin(&request, type, NLM_F_ACK | flags, route, sizeof(*route));
    if (dst != NULL)
        nlinline_attr(&request, RTA_DST, dst, len);
    if (gw != NULL)
        nlinline_attr(&request, RTA_GATEWAY, gw, len);
    if (ifindex != 0)
        nlinline_attr(&request, RTA_OIF, &oif, sizeof(oif));
    return nlinline_command(transport, &request);
}

static inline NLINLINE_UNUSED int nlinline_core_iproute_add(const struct nlinline_transport *transport,
                                                            int family, void *dst, int dst_prefixlen,
                                                            void *gw, unsigned ifindex)
{
    struct rtmsg route;
    unsigned packed = (unsigned)dst_prefixlen;

    memset(&route, 0, sizeof(route));
    route.rtm_family = (uint8_t)family;
    route.rtm_dst_len = (uint8_t)(packed & 0xff);
    route.rtm_protocol = RTPROT_BOOT;
    route.rtm_type = (uint8_t)(packed >> 16 & 0xff);
    route.rtm_scope = (uint8_t)(packed >> 24);
    if (route.rtm_type == RTN_UNSPEC)
        route.rtm_type = RTN_UNICAST;
    if (route.rtm_type == RTN_UNICAST && gw == NULL && route.rtm_scope == RT_SCOPE_UNIVERSE)
        route.rtm_scope = RT_SCOPE_LINK;
    return nlinline_core_iproute(transport, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, &route, dst, gw,
                                 ifindex);
}

static inline NLINLINE_UNUSED int nlinline_core_iproute_del(const struct nlinline_transport *transport,
                                                            int family, void *dst, int dst_prefixlen,
                                                            void *gw, unsigned ifindex)
{
    struct rtmsg route;
    unsigned packed = (unsigned)dst_prefixlen;

    memset(&route, 0, sizeof(route));
    route.rtm_family = (uint8_t)family;
    route.rtm_dst_len = (uint8_t)(packed & 0xff);
    route.rtm_type = (uint8_t)(packed >> 16 & 0xff);
    route.rtm_scope = (uint8_t)(packed >> 24);
    if (route.rtm_scope == RT_SCOPE_UNIVERSE)
        route.rtm_scope = RT_SCOPE_NOWHERE; /* any scope, says rtnetlink to a removal */
    return nlinline_core_iproute(transport, RTM_DELROUTE, 0, &route, dst, gw, ifindex);
}

static inline NLINLINE_UNUSED void nlinline_put_linkinfo(struct nlinline_request *request, const char *type,
                                                         const struct nl_iplink_data *ifd, int nifd)
{
    size_t info = nlinline_nest(request, IFLA_LINKINFO);
    size_t data;
    int i;

    nlinline_attr(request, IFLA_INFO_KIND, type, strlen(type));
    if (ifd != NULL && nifd > 0) {
        data = nlinline_nest(request, IFLA_INFO_DATA);
        for (i = 0; i < nifd; i++)
            nlinline_attr(request, ifd[i].tag, ifd[i].data, (size_t)ifd[i].len);
        nlinline_nest_end(request, data);
    }
    nlinline_nest_end(request, info);
}

static inline NLINLINE_UNUSED int nlinline_core_iplink_add(const struct nlinline_transport *transport,
                                                           const char *ifname, unsigned ifindex,
                                                           const char *type, struct nl_iplink_data *ifd,
                                                           int nifd)
{
    struct nlinline_request request;
    struct nlinline_answer answer;
    int choose = ifindex == 0 || ifindex == (unsigned)-1; /* the stack chooses the index, and tells */
    int flags = NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL | (choose ? NLM_F_ECHO : 0);

    memset(&answer, 0, sizeof(answer));
    answer.wanted = choose ? RTM_NEWLINK : 0;
    if (type == NULL) {
        errno = EINVAL;
        return -1;
    }
    if (nlinline_begin_link(&request, RTM_NEWLINK, flags, choose ? 0 : ifindex, ifname) < 0)
        return -1;
    nlinline_put_linkinfo(&request, type, ifd, nifd);
    if (nlinline_transact(transport, &request, &answer) < 0)
        return -1;
    if (choose && answer.ifindex == 0 && ifname != NULL) /* older kernels do not echo */
        return nlinline_core_if_nametoindex(transport, ifname);
    return answer.ifindex;
}

static inline NLINLINE_UNUSED int nlinline_core_iplink_del(const struct nlinline_transport *transport,
                                                           const char *ifname, unsigned ifindex)
{
    struct nlinline_request request;

    if (ifindex == (unsigned)-1)
        ifindex = 0;
    if (ifname == NULL && ifindex == 0) {
        errno = EINVAL;
        return -1;
    }
    if (nlinline_begin_link(&request, RTM_DELLINK, NLM_F_ACK, ifindex, ifname) < 0)
        return -1;
    return nlinline_command(transport, &request);
}

/*
 * NLINLINE_FAMILY_ makes the functions prefix_* over prefix_nlinline_transport(stack). The last argument is
 * the leading parameter of each, with its comma ("struct ioth *stack,"), or nothing; `stack` is what to pass
 * for it. These lines are the reference of the interface:
 */
#define NLINLINE_FAMILY_(prefix, stack_, ...)                                                                  \
    /* The index of the interface of that name; ENODEV if there is none. */                                    \
    static inline NLINLINE_UNUSED int prefix##if_nametoindex(__VA_ARGS__ const char *ifname)                   \
    {                                                                                                          \
        const struct nlinline_transport transport_ = prefix##nlinline_transport(stack_);                       \
        return nlinline_core_if_nametoindex(&transport_, ifname);                                              \
    }                                                                                                          \
    /* Brings an interface up (updown not 0) or down (0). */                                                   \
    static inline NLINLINE_UNUSED int prefix##linksetupdown(__VA_ARGS__ unsigned ifindex, int updown)          \
    {                                                                                                          \
        const struct nlinline_transport transport_ = prefix##nlinline_transport(stack_);                       \
        return nlinline_core_linksetupdown(&transport_, ifindex, updown);                                      \
    }                                                                                                          \
    /* Sets the MAC address: 6 bytes. */                                                                       \
    static inline NLINLINE_UNUSED int prefix##linksetaddr(__VA_ARGS__ unsigned ifindex, void *mac)             \
    {                                                                                                          \
        const struct nlinline_transport transport_ = prefix##nlinline_transport(stack_);                       \
        return nlinline_core_linksetaddr(&transport_, ifindex, mac);                                           \
    }                                                                                                          \
    /* Stores the MAC address, 6 bytes; EADDRNOTAVAIL for a link that has none of that size. */                \
    static inline NLINLINE_UNUSED int prefix##linkgetaddr(__VA_ARGS__ unsigned ifindex, void *mac)             \
    {                                                                                                          \
        const struct nlinline_transport transport_ = prefix##nlinline_transport(stack_);                       \
        return nlinline_core_linkgetaddr(&transport_, ifindex, mac);                                           \
    }                                                                                                          \
    /* Sets the MTU, in bytes. */                                                                              \
    static inline NLINLINE_UNUSED int prefix##linksetmtu(__VA_ARGS__ unsigned ifindex, unsigned mtu)           \
    {                                                                                                          \
        const struct nlinline_transport transport_ = prefix##nlinline_transport(stack_);                       \
        return nlinline_core_linksetmtu(&transport_, ifindex, mtu);                                            \
    }                                                                                                          \
    /* Adds an address: AF_INET with 4 bytes, AF_INET6 with 16, in network order; EEXIST if it is there. */    \
    static inline NLINLINE_UNUSED int prefix##ipaddr_add(__VA_ARGS__ int family, void *addr, int prefixlen,    \
                                                         unsigned ifindex)                                     \
    {                                                                                                          \
        const struct nlinline_transport transport_ = prefix##nlinline_transport(stack_);                       \
        return nlinline_core_ipaddr_add(&transport_, family, addr, prefixlen, ifindex);                        \
    }                                                                                                          \
    /* Removes an address; EADDRNOTAVAIL if it is not there. */                                                \
    static inline NLINLINE_UNUSED int prefix##ipaddr_del(__VA_ARGS__ int family, void *addr, int prefixlen,    \
                                                         unsigned ifindex)                                     \
    {                                                                                                          \
        const struct nlinline_transport transport_ = prefix##nlinline_transport(stack_);                       \
        return nlinline_core_ipaddr_del(&transport_, family, addr, prefixlen, ifindex);                        \
    }                                                                                                          \
    /* Adds a route. dst NULL: the default route; gw NULL: on the link; ifindex 0: left to the stack. */       \
    static inline NLINLINE_UNUSED int prefix##iproute_add(__VA_ARGS__ int family, void *dst,                   \
                                                          int dst_prefixlen, void *gw, unsigned ifindex)       \
    {                                                                                                          \
        const struct nlinline_transport transport_ = prefix##nlinline_transport(stack_);                       \
        return nlinline_core_iproute_add(&transport_, family, dst, dst_prefixlen, gw, ifindex);                \
    }                                                                                                          \
    /* Removes a route; ESRCH if there is none such. */                                                        \
    static inline NLINLINE_UNUSED int prefix##iproute_del(__VA_ARGS__ int family, void *dst,                   \
                                                          int dst_prefixlen, void *gw, unsigned ifindex)       \
    {                                                                                                          \
        const struct nlinline_transport transport_ = prefix##nlinline_transport(stack_);                       \
        return nlinline_core_iproute_del(&transport_, family, dst, dst_prefixlen, gw, ifindex);                \
    }                                                                                                          \
    /* Adds a virtual link of that type ("dummy", "bridge", ...) with nifd options. ifname NULL: the stack   \
     * names it. ifindex 0 or -1: the stack numbers it and the number is returned; else 0 is. */ \
    static inline NLINLINE_UNUSED int prefix##iplink_add(__VA_ARGS__ const char *ifname, unsigned ifindex,     \
                                                         const char *type, struct nl_iplink_data *ifd,         \
                                                         int nifd)                                             \
    {                                                                                                          \
        const struct nlinline_transport transport_ = prefix##nlinline_transport(stack_);                       \
        return nlinline_core_iplink_add(&transport_, ifname, ifindex, type, ifd, nifd);                        \
    }                                                                                                          \
    /* Removes a link by its name, or by its index with ifname NULL. */                                        \
    static inline NLINLINE_UNUSED int prefix##iplink_del(__VA_ARGS__ const char *ifname, unsigned ifindex)     \
    {                                                                                                          \
        const struct nlinline_transport transport_ = prefix##nlinline_transport(stack_);                       \
        return nlinline_core_iplink_del(&transport_, ifname, ifindex);                                         \
    }

static inline NLINLINE_UNUSED int nlinline_open_native(void *stack)
{
    (void)stack;
    return socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
}

static inline NLINLINE_UNUSED struct nlinline_transport nlinline_nlinline_transport(void *stack)
{
    struct nlinline_transport transport;

    transport.stack = stack;
    transport.open = nlinline_open_native;
    transport.send = send;
    transport.recv = recv;
    transport.close = close;
    return transport;
}

NLINLINE_FAMILY_(nlinline_, NULL, )

#ifdef __cplusplus
}
#endif
#endif
