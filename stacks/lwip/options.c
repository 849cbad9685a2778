/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Socket options and control messages.
 *
 * Options that are a number are rows of a table: level, name, where the number is kept, its bounds. Those
 * with a structure (timeouts, linger, groups, interfaces) are functions. SO_REUSEPORT is refused: lwIP does
 * not share a port out. Group membership is lwIP's per interface; each socket keeps the list of its own so
 * that close can leave them, and lwIP counts.
 */
#include <net/if.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "lwip/route.h"
#include "lwip/sock.h"

#ifndef SO_REUSEPORT
#define SO_REUSEPORT 15
#endif

/* ---- numbers ---- */

enum kind { KIND_BOOL, KIND_NOT, KIND_INT, KIND_TTL, KIND_BUFFER };

struct number_option {
    int level, option;
    enum kind kind;
    size_t offset;
    int least, most;
};

#define BOOL(level, option, member)                                                                          \
    {                                                                                                        \
        level, option, KIND_BOOL, offsetof(struct sock, member), 0, 0                                        \
    }
#define NOT(level, option, member)                                                                           \
    {                                                                                                        \
        level, option, KIND_NOT, offsetof(struct sock, member), 0, 0                                         \
    }
#define INT(level, option, member, least, most)                                                              \
    {                                                                                                        \
        level, option, KIND_INT, offsetof(struct sock, member), least, most                                  \
    }
#define TTL(level, option, member, otherwise)                                                                \
    {                                                                                                        \
        level, option, KIND_TTL, offsetof(struct sock, member), otherwise, 255                               \
    }
#define BUFFER(level, option, member)                                                                        \
    {                                                                                                        \
        level, option, KIND_BUFFER, offsetof(struct sock, member), 2304, 4 << 20                             \
    }

static const struct number_option numbers[] = {
    BOOL(SOL_SOCKET, SO_REUSEADDR, reuse_address),
    BOOL(SOL_SOCKET, SO_BROADCAST, broadcast),
    BOOL(SOL_SOCKET, SO_KEEPALIVE, keepalive),
    BUFFER(SOL_SOCKET, SO_RCVBUF, rcvbuf),
    BUFFER(SOL_SOCKET, SO_SNDBUF, sndbuf),
    BUFFER(SOL_SOCKET, SO_RCVBUFFORCE, rcvbuf),
    BUFFER(SOL_SOCKET, SO_SNDBUFFORCE, sndbuf),
    TTL(IPPROTO_IP, IP_TTL, ttl, TTL_OF_ROUTE),
    INT(IPPROTO_IP, IP_TOS, tos, 0, 255),
    TTL(IPPROTO_IP, IP_MULTICAST_TTL, multicast_ttl, 1),
    BOOL(IPPROTO_IP, IP_MULTICAST_LOOP, multicast_loop),
    NOT(IPPROTO_IP, IP_MULTICAST_ALL, multicast_own),
    BOOL(IPPROTO_IP, IP_PKTINFO, pktinfo4),
    BOOL(IPPROTO_IP, IP_RECVTTL, recv_ttl),
    BOOL(IPPROTO_IP, IP_RECVTOS, recv_tos),
    TTL(IPPROTO_IPV6, IPV6_UNICAST_HOPS, ttl, TTL_OF_ROUTE),
    TTL(IPPROTO_IPV6, IPV6_MULTICAST_HOPS, multicast_ttl, 1),
    BOOL(IPPROTO_IPV6, IPV6_MULTICAST_LOOP, multicast_loop),
    NOT(IPPROTO_IPV6, IPV6_MULTICAST_ALL, multicast_own),
    INT(IPPROTO_IPV6, IPV6_TCLASS, tos, 0, 255),
    BOOL(IPPROTO_IPV6, IPV6_RECVPKTINFO, pktinfo6),
    BOOL(IPPROTO_IPV6, IPV6_RECVHOPLIMIT, recv_hops),
    BOOL(IPPROTO_IPV6, IPV6_RECVTCLASS, recv_tclass),
    BOOL(IPPROTO_IPV6, IPV6_V6ONLY, v6only),
};

static const struct number_option *find_number(int level, int option)
{
    size_t i;

    for (i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
        if (numbers[i].level == level && numbers[i].option == option)
            return &numbers[i];
    return NULL;
}

static int read_number(const void *value, socklen_t len, int *ret_number)
{
    if (len >= sizeof(int))
        memcpy(ret_number, value, sizeof(int));
    else if (len >= 1)
        *ret_number = *(const unsigned char *)value;
    else
        return -EINVAL;
    return 0;
}

static int set_number(struct sock *sock, const struct number_option *row, int number)
{
    char *at = (char *)sock + row->offset;

    if (row->kind == KIND_BOOL) {
        if (row->option == IPV6_V6ONLY && row->level == IPPROTO_IPV6 && sock->is_bound)
            return -EINVAL;
        *(bool *)at = number != 0;
        return 0;
    }
    if (row->kind == KIND_NOT) {
        *(bool *)at = number == 0;
        return 0;
    }
    if (row->kind == KIND_TTL && number == -1)
        number = row->least;
    else if (row->kind == KIND_BUFFER) /* doubled, as socket(7) has it */
        number = number < row->least / 2 ? row->least : number > row->most / 2 ? row->most : number * 2;
    else if (number < (row->kind == KIND_TTL ? 0 : row->least) || number > row->most)
        return -EINVAL;
    *(int *)at = number;
    return 0;
}

static int get_number(const struct sock *sock, const struct number_option *row)
{
    const char *at = (const char *)sock + row->offset;

    if (row->kind == KIND_BOOL || row->kind == KIND_NOT)
        return *(const bool *)at == (row->kind == KIND_BOOL);
    if (*(const int *)at == TTL_OF_ROUTE)
        return HOP_LIMIT_DEFAULT;
    return *(const int *)at;
}

/* ---- groups ---- */

static int join_or_leave(struct stack *stack, const struct membership *membership, bool join)
{
    struct netif *netif = &membership->port->card.netif;
    struct lwip_symbols *lw = &stack->lw;

    if (IP_IS_V6_VAL(membership->group))
        return stack_errno((join ? lw->mld6_joingroup_netif
                                 : lw->mld6_leavegroup_netif)(netif, ip_2_ip6(&membership->group)));
    return stack_errno(
        (join ? lw->igmp_joingroup_netif : lw->igmp_leavegroup_netif)(netif, ip_2_ip4(&membership->group)));
}

static struct membership **find_membership(struct sock *sock, const struct membership *wanted)
{
    struct membership **at;

    for (at = &sock->memberships; *at != NULL; at = &(*at)->next)
        if ((*at)->port == wanted->port && ip_addr_cmp_zoneless(&(*at)->group, &wanted->group))
            return at;
    return NULL;
}

static int change_group(struct sock *sock, struct membership *wanted, bool join)
{
    struct membership **at, *made;
    struct route_way way;
    int error;

    if (!ip_addr_ismulticast(&wanted->group))
        return -EINVAL;
    if (wanted->port == NULL)
        wanted->port = route_find(sock->stack, &wanted->group, sock->device, &way) == 0 ? way.port : NULL;
    if (wanted->port == NULL)
        return -ENODEV;
    if (IP_IS_V6_VAL(wanted->group))
        ip6_addr_assign_zone(ip_2_ip6(&wanted->group), IP6_UNKNOWN, &wanted->port->card.netif);
    at = find_membership(sock, wanted);
    if (!join) {
        if (at == NULL)
            return -EADDRNOTAVAIL;
        made = *at;
        *at = made->next;
        error = join_or_leave(sock->stack, made, false);
        free(made);
        return error;
    }
    if (at != NULL)
        return -EADDRINUSE;
    made = malloc(sizeof(*made));
    if (made == NULL)
        return -ENOMEM;
    *made = *wanted;
    error = join_or_leave(sock->stack, made, true);
    if (error < 0) {
        free(made);
        return error;
    }
    made->next = sock->memberships;
    sock->memberships = made;
    return 0;
}

/* On the interface of that index; 0: on the one that the routes say. */
static int change_group_on(struct sock *sock, struct membership *wanted, unsigned ifindex, bool join)
{
    wanted->port = ifindex == 0 ? NULL : stack_port(sock->stack, ifindex);
    return ifindex != 0 && wanted->port == NULL ? -ENODEV : change_group(sock, wanted, join);
}

bool option_is_member(const struct sock *sock, const ip_addr_t *group, unsigned ifindex)
{
    const struct membership *at;

    for (at = sock->memberships; at != NULL; at = at->next)
        if (at->port->ifindex == ifindex && ip_addr_cmp_zoneless(&at->group, group))
            return true;
    return false;
}

void option_leave_groups(struct sock *sock)
{
    while (sock->memberships != NULL) {
        struct membership *membership = sock->memberships;

        sock->memberships = membership->next;
        join_or_leave(sock->stack, membership, false);
        free(membership);
    }
}

static struct port *port_by_address4(const struct stack *stack, struct in_addr in)
{
    ip_addr_t ip = IPADDR4_INIT(in.s_addr);
    const struct address *address = in.s_addr == 0 ? NULL : route_own_address(stack, &ip, NULL);

    return address == NULL ? NULL : address->port;
}

static int change_group4(struct sock *sock, const void *value, socklen_t len, bool join)
{
    struct membership wanted = {.port = NULL};
    struct ip_mreqn request = {.imr_ifindex = 0};

    if (len < sizeof(struct ip_mreq))
        return -EINVAL;
    memcpy(&request, value, len < sizeof(request) ? len : sizeof(request));
    ip_addr_set_ip4_u32_val(wanted.group, request.imr_multiaddr.s_addr);
    if (request.imr_ifindex != 0)
        return change_group_on(sock, &wanted, (unsigned)request.imr_ifindex, join);
    if (request.imr_address.s_addr != 0) {
        wanted.port = port_by_address4(sock->stack, request.imr_address);
        if (wanted.port == NULL)
            return -ENODEV;
    }
    return change_group(sock, &wanted, join);
}

static int change_group6(struct sock *sock, const void *value, socklen_t len, bool join)
{
    struct membership wanted = {.port = NULL};
    struct ipv6_mreq request;

    if (len < sizeof(request))
        return -EINVAL;
    memcpy(&request, value, sizeof(request));
    ip_addr_set_zero_ip6(&wanted.group);
    memcpy(wanted.group.u_addr.ip6.addr, &request.ipv6mr_multiaddr, 16);
    return change_group_on(sock, &wanted, request.ipv6mr_interface, join);
}

/* RFC 3678 s5.1: one request for both families. */
static int change_named_group(struct sock *sock, int level, const void *value, socklen_t len, bool join)
{
    struct membership wanted = {.port = NULL};
    const struct sockaddr_in *in;
    const struct sockaddr_in6 *in6;
    struct group_req request;

    if (len < sizeof(request))
        return -EINVAL;
    memcpy(&request, value, sizeof(request));
    in = (const struct sockaddr_in *)&request.gr_group;
    in6 = (const struct sockaddr_in6 *)&request.gr_group;
    if (request.gr_group.ss_family != (level == IPPROTO_IP ? AF_INET : AF_INET6))
        return level == IPPROTO_IP ? -EINVAL : -EADDRNOTAVAIL;
    if (level == IPPROTO_IP) {
        ip_addr_set_ip4_u32_val(wanted.group, in->sin_addr.s_addr);
    } else {
        ip_addr_set_zero_ip6(&wanted.group);
        memcpy(wanted.group.u_addr.ip6.addr, &in6->sin6_addr, 16);
    }
    return change_group_on(sock, &wanted, request.gr_interface, join);
}

static int set_multicast_interface4(struct sock *sock, const void *value, socklen_t len)
{
    struct ip_mreqn request = {.imr_ifindex = 0};

    if (len < sizeof(struct in_addr))
        return -EINVAL;
    if (len == sizeof(struct in_addr))
        memcpy(&request.imr_address, value, len);
    else
        memcpy(&request, value, len < sizeof(request) ? len : sizeof(request));
    sock->multicast_port = request.imr_ifindex != 0 ? stack_port(sock->stack, (unsigned)request.imr_ifindex)
                                                    : port_by_address4(sock->stack, request.imr_address);
    return sock->multicast_port != NULL || (request.imr_ifindex == 0 && request.imr_address.s_addr == 0)
               ? 0
               : -EADDRNOTAVAIL;
}

static int set_multicast_interface6(struct sock *sock, const void *value, socklen_t len)
{
    struct port *port = NULL;
    int number, error = read_number(value, len, &number);

    if (error == 0 && number != 0) {
        port = stack_port(sock->stack, (unsigned)number);
        if (port == NULL)
            return -ENODEV;
    }
    sock->multicast_port = port;
    return error;
}

/* ---- structures ---- */

u8_t option_netif_index(const struct sock *sock)
{
    return sock->device == NULL ? NETIF_NO_INDEX : netif_get_index(&sock->device->card.netif);
}

static int set_device(struct sock *sock, const void *value, socklen_t len)
{
    char name[IFNAMSIZ] = "";
    struct port *device;

    memcpy(name, value, len < sizeof(name) - 1 ? len : sizeof(name) - 1);
    device = name[0] == '\0' ? NULL : stack_port_by_name(sock->stack, name);
    if (name[0] != '\0' && device == NULL)
        return -ENODEV;
    sock->device = device;
    if (sock->udp != NULL) /* TCP: tcp_apply_options */
        sock->udp->netif_idx = option_netif_index(sock);
    return 0;
}

static int set_timeout(struct timeval *timeout, const void *value, socklen_t len)
{
    struct timeval wanted;

    if (len < sizeof(wanted))
        return -EINVAL;
    memcpy(&wanted, value, sizeof(wanted));
    if (wanted.tv_usec < 0 || wanted.tv_usec >= 1000000)
        return -EDOM;
    *timeout = wanted.tv_sec < 0 ? (struct timeval){0} : wanted;
    return 0;
}

static int set_linger(struct sock *sock, const void *value, socklen_t len)
{
    if (len < sizeof(sock->linger))
        return -EINVAL;
    memcpy(&sock->linger, value, sizeof(sock->linger));
    return 0;
}

static int set_socket_option(struct sock *sock, int option, const void *value, socklen_t len)
{
    switch (option) {
    case SO_RCVTIMEO:
        return set_timeout(&sock->rcvtimeo, value, len);
    case SO_SNDTIMEO:
        return set_timeout(&sock->sndtimeo, value, len);
    case SO_LINGER:
        return set_linger(sock, value, len);
    case SO_BINDTODEVICE:
        return set_device(sock, value, len);
    case SO_PRIORITY: /* accepted, without a meaning here */
    case SO_MARK:
    case SO_DONTROUTE:
        return 0;
    default:
        return -ENOPROTOOPT;
    }
}

int option_set(struct sock *sock, int level, int option, const void *value, socklen_t len)
{
    const struct number_option *row = find_number(level, option);
    int number = 0, error;

    if (row != NULL) {
        if (level != IPPROTO_IP && len < sizeof(number)) /* only those of IPv4 may be given in one byte */
            return -EINVAL;
        error = read_number(value, len, &number);
        return error < 0 ? error : set_number(sock, row, number);
    }
    if (level == SOL_SOCKET)
        return set_socket_option(sock, option, value, len);
    if (level == IPPROTO_IP && (option == IP_ADD_MEMBERSHIP || option == IP_DROP_MEMBERSHIP))
        return change_group4(sock, value, len, option == IP_ADD_MEMBERSHIP);
    if (level == IPPROTO_IPV6 && (option == IPV6_JOIN_GROUP || option == IPV6_LEAVE_GROUP))
        return change_group6(sock, value, len, option == IPV6_JOIN_GROUP);
    if ((level == IPPROTO_IP || level == IPPROTO_IPV6) &&
        (option == MCAST_JOIN_GROUP || option == MCAST_LEAVE_GROUP))
        return change_named_group(sock, level, value, len, option == MCAST_JOIN_GROUP);
    if (level == IPPROTO_IP && option == IP_MULTICAST_IF)
        return set_multicast_interface4(sock, value, len);
    if (level == IPPROTO_IPV6 && option == IPV6_MULTICAST_IF)
        return set_multicast_interface6(sock, value, len);
    return -ENOPROTOOPT;
}

static int give(void *value, socklen_t *len, const void *from, size_t size)
{
    if (*len > size)
        *len = (socklen_t)size;
    memcpy(value, from, *len);
    return 0;
}

static int get_socket_number(struct sock *sock, int option, int *ret_number)
{
    switch (option) {
    case SO_ERROR:
        *ret_number = -sock_take_error(sock);
        return 0;
    case SO_TYPE:
        *ret_number = sock->kind;
        return 0;
    case SO_DOMAIN:
        *ret_number = sock->domain;
        return 0;
    case SO_PROTOCOL:
        *ret_number = sock->type == &tcp_sock   ? IPPROTO_TCP
                      : sock->type == &udp_sock ? IPPROTO_UDP
                                                : sock->protocol;
        return 0;
    case SO_ACCEPTCONN:
        *ret_number = sock->tcp.phase == TCP_LISTENING;
        return 0;
    case SO_REUSEPORT:
        *ret_number = 0;
        return 0;
    default:
        return -ENOPROTOOPT;
    }
}

int option_get(struct sock *sock, int level, int option, void *value, socklen_t *len)
{
    const struct number_option *row = find_number(level, option);
    int number, error;

    if (row != NULL) {
        number = get_number(sock, row);
        return give(value, len, &number, sizeof(number));
    }
    if (level == SOL_SOCKET && option == SO_RCVTIMEO)
        return give(value, len, &sock->rcvtimeo, sizeof(sock->rcvtimeo));
    if (level == SOL_SOCKET && option == SO_SNDTIMEO)
        return give(value, len, &sock->sndtimeo, sizeof(sock->sndtimeo));
    if (level == SOL_SOCKET && option == SO_LINGER)
        return give(value, len, &sock->linger, sizeof(sock->linger));
    if (level == SOL_SOCKET && option == SO_BINDTODEVICE)
        return give(value, len, sock->device == NULL ? "" : sock->device->name,
                    sock->device == NULL ? 0 : strlen(sock->device->name) + 1);
    error = level == SOL_SOCKET ? get_socket_number(sock, option, &number) : -ENOPROTOOPT;
    return error < 0 ? error : give(value, len, &number, sizeof(number));
}

/* ---- control messages ---- */

/* Appends one at byte *at of the message's control buffer, if it fits. */
static void put_control(struct msghdr *msg, size_t *at, int level, int type, const void *data, size_t len)
{
    struct cmsghdr header = {.cmsg_level = level, .cmsg_type = type, .cmsg_len = CMSG_LEN(len)};
    char *control = msg->msg_control;

    if (control == NULL || *at + CMSG_LEN(len) > msg->msg_controllen) {
        msg->msg_flags |= MSG_CTRUNC;
        return;
    }
    memcpy(control + *at, &header, sizeof(header));
    memcpy(control + *at + CMSG_LEN(0), data, len);
    *at += CMSG_SPACE(len) < msg->msg_controllen - *at ? CMSG_SPACE(len) : msg->msg_controllen - *at;
}

static void put_pktinfo6(struct msghdr *msg, size_t *at, const struct arrival *arrival)
{
    struct in6_pktinfo info = {.ipi6_ifindex = arrival->ifindex};

    if (IP_IS_V6_VAL(arrival->to)) {
        memcpy(&info.ipi6_addr, arrival->to.u_addr.ip6.addr, 16);
    } else {
        info.ipi6_addr.s6_addr[10] = info.ipi6_addr.s6_addr[11] = 0xff;
        memcpy(&info.ipi6_addr.s6_addr[12], &arrival->to.u_addr, 4);
    }
    put_control(msg, at, IPPROTO_IPV6, IPV6_PKTINFO, &info, sizeof(info));
}

void option_write_control(const struct sock *sock, const struct arrival *arrival, struct msghdr *msg)
{
    bool is_v4 = sock->domain != AF_PACKET && IP_IS_V4_VAL(arrival->to);
    struct in_pktinfo info = {.ipi_ifindex = (int)arrival->ifindex};
    int ttl = arrival->ttl, tos = arrival->tos;
    size_t at = 0;

    if (sock->pktinfo4 && is_v4) {
        info.ipi_addr.s_addr = info.ipi_spec_dst.s_addr = ip_2_ip4(&arrival->to)->addr;
        put_control(msg, &at, IPPROTO_IP, IP_PKTINFO, &info, sizeof(info));
    }
    if (sock->recv_ttl && is_v4)
        put_control(msg, &at, IPPROTO_IP, IP_TTL, &ttl, sizeof(ttl));
    if (sock->recv_tos && is_v4)
        put_control(msg, &at, IPPROTO_IP, IP_TOS, &arrival->tos, 1);
    if (sock->pktinfo6)
        put_pktinfo6(msg, &at, arrival);
    if (sock->recv_hops && !is_v4)
        put_control(msg, &at, IPPROTO_IPV6, IPV6_HOPLIMIT, &ttl, sizeof(ttl));
    if (sock->recv_tclass && !is_v4)
        put_control(msg, &at, IPPROTO_IPV6, IPV6_TCLASS, &tos, sizeof(tos));
    msg->msg_controllen = at;
}

static int read_pktinfo(const struct sock *sock, const struct cmsghdr *header, ip_addr_t *ret_src,
                        struct port **ret_port)
{
    const struct in6_pktinfo *info6 = (const struct in6_pktinfo *)CMSG_DATA(header);
    const struct in_pktinfo *info4 = (const struct in_pktinfo *)CMSG_DATA(header);
    unsigned ifindex = 0;

    if (header->cmsg_level == IPPROTO_IP && header->cmsg_type == IP_PKTINFO) {
        if (header->cmsg_len < CMSG_LEN(sizeof(*info4)))
            return -EINVAL;
        ifindex = (unsigned)info4->ipi_ifindex;
        if (info4->ipi_spec_dst.s_addr != 0)
            ip_addr_set_ip4_u32(ret_src, info4->ipi_spec_dst.s_addr);
    } else if (header->cmsg_level == IPPROTO_IPV6 && header->cmsg_type == IPV6_PKTINFO) {
        if (header->cmsg_len < CMSG_LEN(sizeof(*info6)))
            return -EINVAL;
        ifindex = info6->ipi6_ifindex;
        if (IN6_IS_ADDR_V4MAPPED(&info6->ipi6_addr)) {
            ip_addr_set_zero_ip4(ret_src);
            memcpy(&ret_src->u_addr, &info6->ipi6_addr.s6_addr[12], 4);
        } else if (!IN6_IS_ADDR_UNSPECIFIED(&info6->ipi6_addr)) {
            ip_addr_set_zero_ip6(ret_src);
            memcpy(ret_src->u_addr.ip6.addr, &info6->ipi6_addr, 16);
        }
    }
    if (!ip_addr_isany(ret_src) && route_own_address(sock->stack, ret_src, NULL) == NULL)
        return -EINVAL;
    if (ifindex != 0) {
        *ret_port = stack_port(sock->stack, ifindex);
        return *ret_port == NULL ? -ENODEV : 0;
    }
    return 0;
}

int option_read_control(const struct sock *sock, const struct msghdr *msg, ip_addr_t *ret_src,
                        struct port **ret_port)
{
    struct msghdr walked = *msg;
    const struct cmsghdr *header;
    int error = 0;

    if (msg->msg_control == NULL || msg->msg_controllen == 0)
        return 0;
    for (header = CMSG_FIRSTHDR(&walked); header != NULL && error == 0;
         header = CMSG_NXTHDR(&walked, (struct cmsghdr *)(uintptr_t)header)) {
        if (header->cmsg_len < sizeof(*header) ||
            header->cmsg_len >
                msg->msg_controllen - (size_t)((const char *)header - (const char *)msg->msg_control))
            return -EINVAL;
        error = read_pktinfo(sock, header, ret_src, ret_port);
    }
    return error;
}
