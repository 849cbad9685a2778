/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Sockets: their table, what has arrived for them, their addresses.
 *
 * A socket is found by its descriptor in a hash table of its stack. What arrives waits in a ring that grows
 * with need; datagrams beyond the receive buffer are lost, as the kernel does it, each counted with
 * ARRIVAL_COST bytes besides its own. A stream is bounded by its window.
 */
#include "lwip/sock.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <libnlq.h>
#include <linux/netlink.h>

#include "lwip/duplicate.h"
#include "lwip/route.h"
#include "lwip/wire.h"

enum {
    RING_FIRST = 8,
    RCVBUF_DEFAULT = 212992, /* as Linux has it */
    ARRIVAL_COST = 256,
    PORT_FIRST = 32768, /* Linux's ip_local_port_range */
    PORT_COUNT = 28232,
};

/* ---- life ---- */

static const struct sock_type *type_of(int domain, int kind, int protocol, int *ret_error)
{
    bool is_ip = domain == AF_INET || domain == AF_INET6;

    *ret_error = -EPROTONOSUPPORT;
    if (is_ip && kind == SOCK_DGRAM && (protocol == 0 || protocol == IPPROTO_UDP))
        return &udp_sock;
    if (is_ip && kind == SOCK_STREAM && (protocol == 0 || protocol == IPPROTO_TCP))
        return &tcp_sock;
    if (is_ip && kind == SOCK_RAW && protocol > 0 && protocol < 256)
        return &raw_sock;
    if (domain == AF_PACKET && (kind == SOCK_RAW || kind == SOCK_DGRAM))
        return &packet_sock;
    if (domain == AF_NETLINK && (kind == SOCK_RAW || kind == SOCK_DGRAM) && protocol == NETLINK_ROUTE)
        return &netlink_sock;
    if (!is_ip && domain != AF_PACKET && domain != AF_NETLINK)
        *ret_error = -EAFNOSUPPORT;
    else if (kind != SOCK_DGRAM && kind != SOCK_STREAM && kind != SOCK_RAW)
        *ret_error = -ESOCKTNOSUPPORT;
    return NULL;
}

struct sock *sock_new(struct stack *stack, const struct sock_type *type, int domain, int kind, int protocol)
{
    struct sock *sock = calloc(1, sizeof(*sock));
    bool is_v6 = domain == AF_INET6;

    if (sock == NULL)
        return NULL;
    sock->stack = stack;
    sock->type = type;
    sock->domain = domain;
    sock->kind = kind;
    sock->protocol = protocol;
    sock->fd = sock->peer = -1;
    sock->id = ++stack->sock_ids;
    sock->rcvbuf = sock->sndbuf = RCVBUF_DEFAULT;
    sock->ttl = TTL_OF_ROUTE;
    sock->multicast_ttl = 1;
    sock->multicast_loop = true;
    ip_addr_set_any_val(is_v6, sock->local);
    ip_addr_set_any_val(is_v6, sock->remote);
    sock->next = stack->sock_list;
    if (sock->next != NULL)
        sock->next->previous = sock;
    stack->sock_list = sock;
    return sock;
}

static void enter_table(struct sock *sock)
{
    struct sock **bucket = &sock->stack->socks[(unsigned)sock->fd % SOCK_BUCKETS];

    sock->bucket_next = *bucket;
    *bucket = sock;
}

int sock_give_descriptor(struct sock *sock, int flags)
{
    int fd = ready_open(sock, flags);

    if (fd < 0)
        return fd;
    enter_table(sock);
    ready_update(sock);
    return fd;
}

int sock_open(struct stack *stack, int domain, int type, int protocol)
{
    int kind = type & ~(SOCK_NONBLOCK | SOCK_CLOEXEC), error;
    const struct sock_type *served = type_of(domain, kind, protocol, &error);
    struct sock *sock;

    if (served == NULL)
        return error;
    sock = sock_new(stack, served, domain, kind, protocol);
    if (sock == NULL)
        return -ENOMEM;
    error = served->open(sock);
    if (error == 0)
        error = sock_give_descriptor(sock, type);
    if (error < 0)
        sock_close(sock);
    return error;
}

static void leave_table(struct sock *sock)
{
    struct sock **at = &sock->stack->socks[(unsigned)sock->fd % SOCK_BUCKETS];

    while (*at != NULL && *at != sock)
        at = &(*at)->bucket_next;
    if (*at != NULL)
        *at = sock->bucket_next;
}

void sock_end(struct sock *sock)
{
    option_leave_groups(sock);
    sock->type->close(sock);
    sock_drop_arrivals(sock);
}

static void free_memberships(struct sock *sock)
{
    struct membership *next;

    for (; sock->memberships != NULL; sock->memberships = next) {
        next = sock->memberships->next;
        free(sock->memberships);
    }
}

void sock_free(struct sock *sock)
{
    while (duplicate_close(sock, sock->fd))
        ;
    if (sock->fd >= 0)
        leave_table(sock);
    ready_never(sock);
    ready_close(sock);
    if (sock->next != NULL)
        sock->next->previous = sock->previous;
    if (sock->previous != NULL)
        sock->previous->next = sock->next;
    else
        sock->stack->sock_list = sock->next;
    free_memberships(sock);
    nlq_free(&sock->netlink.replies);
    free(sock->ring);
    free(sock);
}

void sock_close(struct sock *sock)
{
    sock_end(sock);
    sock_free(sock);
}

void sock_free_all(struct stack *stack)
{
    while (stack->sock_list != NULL)
        sock_free(stack->sock_list);
}

struct sock *sock_find(const struct stack *stack, int fd)
{
    struct sock *sock = fd < 0 ? NULL : stack->socks[(unsigned)fd % SOCK_BUCKETS];

    while (sock != NULL && sock->fd != fd)
        sock = sock->bucket_next;
    return sock != NULL ? sock : duplicate_find(stack, fd);
}

void sock_move(struct sock *sock, int fd)
{
    leave_table(sock);
    sock->fd = fd;
    enter_table(sock);
}

/* ---- arrivals ---- */

static bool make_room(struct sock *sock)
{
    unsigned size = sock->ring_size == 0 ? RING_FIRST : sock->ring_size * 2, i;
    struct arrival *ring;

    if (sock->ring_count < sock->ring_size)
        return true;
    ring = malloc(size * sizeof(*ring));
    if (ring == NULL)
        return false;
    for (i = 0; i < sock->ring_count; i++)
        ring[i] = sock->ring[(sock->ring_first + i) % sock->ring_size];
    free(sock->ring);
    sock->ring = ring;
    sock->ring_size = size;
    sock->ring_first = 0;
    return true;
}

int sock_arrive(struct sock *sock, const struct arrival *arrival, bool always)
{
    size_t cost = (size_t)arrival->p->tot_len + ARRIVAL_COST;

    if ((!always && (sock->rx_bytes + cost > (size_t)sock->rcvbuf || sock->shut_read)) || !make_room(sock)) {
        sock->stack->lw.pbuf_free(arrival->p);
        return -ENOBUFS;
    }
    sock->ring[(sock->ring_first + sock->ring_count++) % sock->ring_size] = *arrival;
    sock->rx_bytes += cost;
    sock->has_news = true;
    ready_later(sock);
    return 0;
}

void sock_drop_arrival(struct sock *sock)
{
    struct arrival *arrival = &sock->ring[sock->ring_first];

    sock->rx_bytes -= (size_t)arrival->p->tot_len + ARRIVAL_COST;
    sock->stack->lw.pbuf_free(arrival->p);
    sock->ring_first = (sock->ring_first + 1) % sock->ring_size;
    sock->ring_count--;
}

void sock_drop_arrivals(struct sock *sock)
{
    while (sock->ring_count > 0)
        sock_drop_arrival(sock);
}

int sock_take_error(struct sock *sock)
{
    int error = sock->error;

    if (error == 0)
        return 0;
    sock->error = 0;
    ready_error_taken(sock);
    return -error;
}

/* ---- messages ---- */

size_t sock_message_len(const struct msghdr *msg)
{
    size_t len = 0, i;

    for (i = 0; i < msg->msg_iovlen; i++)
        len += msg->msg_iov[i].iov_len;
    return len;
}

/* Calls memcpy for each piece of the buffers that bytes at..at+len of the message lie in. */
static size_t walk(const struct msghdr *msg, size_t at, char *buf, size_t len, bool to_message)
{
    size_t done = 0, i, n;

    for (i = 0; i < msg->msg_iovlen && done < len; i++) {
        const struct iovec *iov = &msg->msg_iov[i];

        if (at >= iov->iov_len) {
            at -= iov->iov_len;
            continue;
        }
        n = iov->iov_len - at < len - done ? iov->iov_len - at : len - done;
        if (to_message)
            memcpy((char *)iov->iov_base + at, buf + done, n);
        else
            memcpy(buf + done, (const char *)iov->iov_base + at, n);
        done += n;
        at = 0;
    }
    return done;
}

size_t sock_scatter(const struct msghdr *msg, size_t at, const void *buf, size_t len)
{
    return walk(msg, at, (char *)(uintptr_t)buf, len, true);
}

size_t sock_gather(const struct msghdr *msg, size_t at, void *buf, size_t len)
{
    return walk(msg, at, buf, len, false);
}

static void write_name(const struct sock *sock, const struct arrival *arrival, struct msghdr *msg)
{
    struct sockaddr_storage addr;
    socklen_t len;

    if (sock->domain == AF_PACKET) {
        memcpy(&addr, &arrival->link, sizeof(arrival->link));
        len = sizeof(arrival->link);
    } else {
        len = sock_write_address(sock, &arrival->from, arrival->port, &addr);
    }
    memcpy(msg->msg_name, &addr, len < msg->msg_namelen ? len : msg->msg_namelen);
    msg->msg_namelen = len;
}

ssize_t sock_recv_datagram(struct sock *sock, struct msghdr *msg, int flags)
{
    const struct arrival *arrival;
    const struct pbuf *piece;
    size_t copied = 0, len;
    int error = sock_take_error(sock);

    if (error < 0)
        return error;
    if ((flags & MSG_OOB) != 0)
        return -EOPNOTSUPP;
    if ((flags & MSG_ERRQUEUE) != 0)
        return -EAGAIN;
    if (sock->ring_count == 0)
        return sock->shut_read ? 0 : -EAGAIN;
    arrival = &sock->ring[sock->ring_first];
    for (piece = arrival->p; piece != NULL; piece = piece->next)
        copied += sock_scatter(msg, copied, piece->payload, piece->len);
    len = arrival->p->tot_len;
    msg->msg_flags = copied < len ? MSG_TRUNC : 0;
    if (msg->msg_name != NULL)
        write_name(sock, arrival, msg);
    option_write_control(sock, arrival, msg);
    if ((flags & MSG_PEEK) == 0) {
        sock_drop_arrival(sock);
        if (sock->ring_count == 0) {
            ready_later(sock);
            wire_borrow(sock);
        }
    }
    return (ssize_t)((flags & MSG_TRUNC) != 0 ? len : copied);
}

/* ---- addresses ---- */

static int read_address6(const struct sock *sock, const struct sockaddr_in6 *in6, ip_addr_t *ret_ip,
                         struct port **ret_port)
{
    struct stack *stack = sock->stack;
    struct port *port = sock->device;

    if (IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr)) {
        ip_addr_set_zero_ip4(ret_ip);
        memcpy(&ret_ip->u_addr, &in6->sin6_addr.s6_addr[12], 4);
        return sock->v6only ? -ENETUNREACH : 0;
    }
    ip_addr_set_zero_ip6(ret_ip);
    memcpy(ret_ip->u_addr.ip6.addr, &in6->sin6_addr, 16);
    if (!ip6_addr_has_scope(&ret_ip->u_addr.ip6, IP6_UNKNOWN))
        return 0;
    if (in6->sin6_scope_id != 0)
        port = stack_port(stack, in6->sin6_scope_id);
    else if (port == NULL)
        port = stack->ports->next; /* the first that is not lo */
    if (port == NULL)
        return in6->sin6_scope_id != 0 ? -ENODEV : 0;
    ip6_addr_assign_zone(&ret_ip->u_addr.ip6, IP6_UNKNOWN, &port->card.netif);
    if (in6->sin6_scope_id != 0)
        *ret_port = port;
    return 0;
}

int sock_read_address(const struct sock *sock, const struct sockaddr *addr, socklen_t len, ip_addr_t *ret_ip,
                      uint16_t *ret_port_number, struct port **ret_port)
{
    const struct sockaddr_in *in = (const struct sockaddr_in *)addr;
    const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)addr;

    if (addr == NULL || len < sizeof(sa_family_t))
        return -EINVAL;
    if (addr->sa_family != sock->domain)
        return -EAFNOSUPPORT;
    if (sock->domain == AF_INET) {
        if (len < sizeof(*in))
            return -EINVAL;
        ip_addr_set_ip4_u32(ret_ip, in->sin_addr.s_addr);
        *ret_port_number = ntohs(in->sin_port);
        return 0;
    }
    if (len < offsetof(struct sockaddr_in6, sin6_scope_id))
        return -EINVAL;
    *ret_port_number = ntohs(in6->sin6_port);
    if (len < sizeof(*in6)) { /* RFC 2133 knew no scope */
        struct sockaddr_in6 whole = {0};

        memcpy(&whole, in6, len);
        return read_address6(sock, &whole, ret_ip, ret_port);
    }
    return read_address6(sock, in6, ret_ip, ret_port);
}

socklen_t sock_write_address(const struct sock *sock, const ip_addr_t *ip, uint16_t port_number,
                             struct sockaddr_storage *ret_addr)
{
    struct sockaddr_in *in = (struct sockaddr_in *)ret_addr;
    struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)ret_addr;

    memset(ret_addr, 0, sizeof(*ret_addr));
    ret_addr->ss_family = (sa_family_t)sock->domain;
    if (sock->domain == AF_INET) {
        in->sin_port = htons(port_number);
        in->sin_addr.s_addr = ip_2_ip4(ip)->addr;
        return sizeof(*in);
    }
    in6->sin6_port = htons(port_number);
    if (IP_IS_V4_VAL(*ip)) {
        in6->sin6_addr.s6_addr[10] = in6->sin6_addr.s6_addr[11] = 0xff;
        memcpy(&in6->sin6_addr.s6_addr[12], &ip->u_addr, 4);
        return sizeof(*in6);
    }
    memcpy(&in6->sin6_addr, ip->u_addr.ip6.addr, 16);
    if (ip6_addr_has_zone(&ip->u_addr.ip6))
        in6->sin6_scope_id = stack_port_of_zone(sock->stack, ip6_addr_zone(&ip->u_addr.ip6))->ifindex;
    return sizeof(*in6);
}

int sock_name(struct sock *sock, bool peer, struct sockaddr_storage *ret_addr, socklen_t *ret_len)
{
    if (peer && !sock->is_connected)
        return -ENOTCONN;
    *ret_len = sock_write_address(sock, peer ? &sock->remote : &sock->local,
                                  peer ? sock->remote_port : sock->local_port, ret_addr);
    return 0;
}

bool sock_may_bind(const struct sock *sock, const ip_addr_t *ip)
{
    return ip_addr_isany(ip) || ip_addr_ismulticast(ip) || route_own_address(sock->stack, ip, NULL) != NULL ||
           (IP_IS_V4_VAL(*ip) && ip_addr_isloopback(ip)) || route_is_broadcast(sock->stack, ip, NULL);
}

uint16_t sock_random_port(void)
{
    return (uint16_t)(PORT_FIRST + stack_random() % PORT_COUNT);
}

/* ---- news that concern some sockets ---- */

static void fail(struct sock *sock, int error)
{
    if (sock->type == &tcp_sock) {
        tcp_fail(sock, error);
        return;
    }
    sock->error = error;
    ready_update(sock);
}

static bool is_connecting(const struct sock *sock)
{
    return sock->type == &tcp_sock ? sock->tcp.phase == TCP_CONNECTING
                                   : sock->type == &udp_sock && sock->is_connected;
}

void sock_icmp_error(struct stack *stack, const struct sock_flow *flow, int error)
{
    const struct sock_type *type = flow->protocol == IPPROTO_UDP ? &udp_sock : &tcp_sock;
    struct sock *sock, *next;

    if (flow->protocol != IPPROTO_UDP && flow->protocol != IPPROTO_TCP)
        return;
    for (sock = stack->sock_list; sock != NULL; sock = next) {
        next = sock->next;
        if (sock->type == type && is_connecting(sock) && sock->local_port == flow->local_port &&
            sock->remote_port == flow->remote_port && ip_addr_cmp_zoneless(&sock->remote, &flow->remote))
            fail(sock, error);
    }
}

void sock_unreachable(struct stack *stack, const ip_addr_t *hop)
{
    struct sock *sock, *next;
    struct route_way way;

    for (sock = stack->sock_list; sock != NULL; sock = next) {
        next = sock->next;
        if (is_connecting(sock) && route_find(stack, &sock->remote, sock->device, &way) == 0 &&
            ip_addr_cmp_zoneless(&way.hop, hop))
            fail(sock, EHOSTUNREACH);
    }
}

void sock_wire_ready(struct stack *stack)
{
    struct sock *sock;

    for (sock = stack->sock_list; sock != NULL; sock = sock->next)
        if (sock->wire_blocked) {
            sock->wire_blocked = false;
            ready_update(sock);
        }
}

void sock_all_dead(struct stack *stack)
{
    struct sock *sock;

    for (sock = stack->sock_list; sock != NULL; sock = sock->next)
        ready_update(sock);
}
