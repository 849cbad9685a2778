/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Raw sockets: ICMP, ICMPv6, and other protocols over IP.
 *
 * lwIP has one raw PCB for each protocol and family that was ever asked for; it hands every such packet to
 * `arrive`, which copies it to all sockets that want it and lets lwIP go on with it. Those of AF_INET get the
 * packet with its IP header, those of AF_INET6 without (RFC 3542 s3). ICMPv6 is checked on the way in, and
 * gets its checksum on the way out.
 */
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include <lwip/prot/ip4.h>
#include <lwip/prot/ip6.h>

#include "base/cursor.h"
#include "lwip/destination.h"
#include "lwip/port.h"
#include "lwip/route.h"

enum {
    PAYLOAD_MAX = 65515,
    ICMP6_FILTER_OPTION = 1 /* RFC 3542: ICMP6_FILTER; its header and lwIP's clash */
};

/* ---- receiving ---- */

static bool wants(const struct sock *sock, const struct arrival *arrival, bool is_v6, int protocol,
                  uint8_t kind)
{
    if (sock->type != &raw_sock || sock->protocol != protocol || (sock->domain == AF_INET6) != is_v6)
        return false;
    if (is_v6 && protocol == IPPROTO_ICMPV6 && (sock->raw.filter[kind >> 5] & 1u << (kind & 31)) != 0)
        return false;
    if (sock->device != NULL && sock->device->ifindex != arrival->ifindex)
        return false;
    return (ip_addr_isany(&sock->local) || ip_addr_cmp_zoneless(&sock->local, &arrival->to) ||
            ip_addr_ismulticast(&arrival->to)) &&
           (!sock->is_connected || ip_addr_cmp_zoneless(&sock->remote, &arrival->from));
}

static bool is_sound(struct stack *stack, struct pbuf *p, const struct arrival *arrival)
{
    return stack->lw.ip6_chksum_pseudo(p, IPPROTO_ICMPV6, p->tot_len, ip_2_ip6(&arrival->from),
                                       ip_2_ip6(&arrival->to)) == 0;
}

/* A copy of the packet, or of what follows its header. */
static struct pbuf *copy_packet(struct stack *stack, const struct pbuf *p, u16_t from)
{
    struct pbuf *copy = stack->lw.pbuf_clone(PBUF_RAW, PBUF_RAM, (struct pbuf *)(uintptr_t)p);

    if (copy != NULL)
        stack->lw.pbuf_remove_header(copy, from);
    return copy;
}

static u8_t arrive(void *arg, struct raw_pcb *pcb, struct pbuf *p, const ip_addr_t *addr)
{
    struct stack *stack = arg;
    const struct ip_globals *globals = stack->lw.ip_data;
    bool is_v6 = globals->current_ip6_header != NULL;
    u16_t header_len = globals->current_ip_header_tot_len;
    struct arrival arrival = {.from = globals->current_iphdr_src, .to = globals->current_iphdr_dest};
    struct sock *sock;
    uint8_t kind;

    (void)addr;
    if (p->tot_len <= header_len)
        return 0;
    arrival.ifindex = ((const struct port *)globals->current_input_netif->state)->ifindex;
    arrival.ttl = is_v6 ? IP6H_HOPLIM(globals->current_ip6_header) : IPH_TTL(globals->current_ip4_header);
    arrival.tos =
        is_v6 ? stack_traffic_class(globals->current_ip6_header) : IPH_TOS(globals->current_ip4_header);
    kind = stack->lw.pbuf_get_at(p, header_len);
    for (sock = stack->sock_list; sock != NULL; sock = sock->next) {
        if (!wants(sock, &arrival, is_v6, pcb->protocol, kind))
            continue;
        arrival.p = copy_packet(stack, p, is_v6 ? header_len : 0);
        if (arrival.p == NULL)
            return 0;
        if (is_v6 && pcb->protocol == IPPROTO_ICMPV6 && !is_sound(stack, arrival.p, &arrival)) {
            stack->lw.pbuf_free(arrival.p);
            return 0;
        }
        if (sock_arrive(sock, &arrival, false) < 0)
            continue; /* its buffer is full */
    }
    return 0; /* lwIP goes on with it */
}

/* ---- life ---- */

static struct raw_pcb **pcb_of(const struct sock *sock)
{
    return &sock->stack->raw_pcbs[sock->domain == AF_INET6][sock->protocol];
}

static int raw_open(struct sock *sock)
{
    struct lwip_symbols *lw = &sock->stack->lw;
    struct raw_pcb **pcb = pcb_of(sock);

    sock->raw.checksum_offset = sock->domain == AF_INET6 && sock->protocol == IPPROTO_ICMPV6 ? 2 : -1;
    sock->raw.has_header = sock->domain == AF_INET && sock->protocol == IPPROTO_RAW;
    if (*pcb != NULL)
        return 0;
    *pcb =
        lw->raw_new_ip_type(sock->domain == AF_INET6 ? IPADDR_TYPE_V6 : IPADDR_TYPE_V4, (u8_t)sock->protocol);
    if (*pcb == NULL)
        return -ENOMEM;
    lw->raw_recv(*pcb, arrive, sock->stack);
    return 0;
}

static void raw_end(struct sock *sock)
{
    (void)sock; /* the PCB serves others, and the next */
}

static int raw_bind_sock(struct sock *sock, const struct sockaddr *addr, socklen_t len)
{
    struct port *port = NULL;
    uint16_t port_number;
    ip_addr_t ip;
    int error = sock_read_address(sock, addr, len, &ip, &port_number, &port);

    if (error < 0)
        return error;
    if (!sock_may_bind(sock, &ip))
        return -EADDRNOTAVAIL;
    sock->local = ip;
    if (port != NULL)
        sock->device = port;
    return 0;
}

static int raw_connect_sock(struct sock *sock, const struct sockaddr *addr, socklen_t len)
{
    struct port *port = NULL;
    uint16_t port_number;
    ip_addr_t ip;
    int error;

    if (len >= sizeof(sa_family_t) && addr->sa_family == AF_UNSPEC) {
        sock->is_connected = false;
        return 0;
    }
    error = sock_read_address(sock, addr, len, &ip, &port_number, &port);
    if (error < 0)
        return error;
    sock->remote = ip;
    sock->is_connected = true;
    return 0;
}

/* ---- sending ---- */

/* IP_HDRINCL: fills in what raw(7) says is filled in: length, checksum, an address and an identification of 0. */
static int complete_header(const struct stack *stack, uint8_t *packet, size_t len,
                           const struct destination *to)
{
    size_t header_len = len < 20 ? 0 : (size_t)(packet[0] & 15) * 4;
    static const uint8_t none[4];
    uint16_t sum;

    if (header_len < 20 || header_len > len || packet[0] >> 4 != 4)
        return -EINVAL;
    put_be16(packet + 2, (uint16_t)len);
    if (get_be16(packet + 4) == 0)
        put_be16(packet + 4, (uint16_t)stack_random());
    if (memcmp(packet + 12, none, sizeof(none)) == 0)
        memcpy(packet + 12, &to->source.u_addr, sizeof(none));
    put_be16(packet + 10, 0);
    sum = stack->lw.inet_chksum(packet, (u16_t)header_len);
    memcpy(packet + 10, &sum, sizeof(sum));
    return 0;
}

/* A packet that its sender has made whole goes past lwIP. */
static ssize_t send_whole(struct sock *sock, const struct msghdr *msg, const struct destination *to)
{
    struct stack *stack = sock->stack;
    struct netif *netif = &to->port->card.netif;
    size_t len = sock_message_len(msg);
    struct pbuf *p;
    err_t result;
    int error;

    if (len > netif->mtu)
        return -EMSGSIZE;
    p = stack->lw.pbuf_alloc(PBUF_LINK, (u16_t)len, PBUF_RAM);
    if (p == NULL)
        return -ENOBUFS;
    sock_gather(msg, 0, p->payload, len);
    error = complete_header(stack, p->payload, len, to);
    result = error < 0 ? ERR_OK : netif->output(netif, p, ip_2_ip4(&to->ip));
    stack->lw.pbuf_free(p);
    return error < 0 ? error : result == ERR_OK ? (ssize_t)len : stack_errno(result);
}

static ssize_t raw_send_message(struct sock *sock, const struct msghdr *msg, size_t skip, int flags)
{
    struct lwip_symbols *lw = &sock->stack->lw;
    struct raw_pcb *pcb = *pcb_of(sock);
    size_t len = sock_message_len(msg);
    struct destination to;
    struct pbuf *p;
    err_t result;
    int error = sock_take_error(sock);

    (void)skip, (void)flags;
    if (error == 0)
        error = len > PAYLOAD_MAX ? -EMSGSIZE : destination_read(sock, msg, &to);
    if (error < 0)
        return error;
    if (sock->raw.has_header)
        return send_whole(sock, msg, &to);
    p = lw->pbuf_alloc(PBUF_IP, (u16_t)len, PBUF_RAM);
    if (p == NULL)
        return -ENOBUFS;
    sock_gather(msg, 0, p->payload, len);
    pcb->ttl = sock_hop_limit(sock, to.hop_limit);
    pcb->mcast_ttl = (u8_t)sock->multicast_ttl;
    pcb->tos = (u8_t)sock->tos;
    pcb->chksum_reqd = sock->raw.checksum_offset >= 0 && len >= (size_t)sock->raw.checksum_offset + 2;
    pcb->chksum_offset = (u16_t)(pcb->chksum_reqd != 0 ? sock->raw.checksum_offset : 0);
    if (pcb->chksum_reqd != 0)
        memset((char *)p->payload + pcb->chksum_offset, 0, 2);
    result = lw->raw_sendto_if_src(pcb, p, &to.ip, &to.port->card.netif, &to.source);
    lw->pbuf_free(p);
    return result == ERR_OK ? (ssize_t)len : stack_errno(result);
}

/* ---- options ---- */

static int raw_set(struct sock *sock, int level, int option, const void *value, socklen_t len)
{
    if (level == IPPROTO_IP && option == IP_HDRINCL && sock->domain == AF_INET) {
        int number;

        if (len < sizeof(number))
            return -EINVAL;
        memcpy(&number, value, sizeof(number));
        sock->raw.has_header = number != 0;
        return 0;
    }
    if (level == IPPROTO_ICMPV6 && option == ICMP6_FILTER_OPTION && sock->domain == AF_INET6) {
        memcpy(sock->raw.filter, value, len < sizeof(sock->raw.filter) ? len : sizeof(sock->raw.filter));
        return 0;
    }
    if ((level == IPPROTO_RAW || level == IPPROTO_IPV6) && option == IPV6_CHECKSUM) {
        int offset;

        if (len < sizeof(offset) || sock->domain != AF_INET6)
            return -EINVAL;
        memcpy(&offset, value, sizeof(offset));
        if (sock->protocol == IPPROTO_ICMPV6)
            return offset == 2 ? 0 : -EINVAL;
        if (offset > 0 && (offset & 1) != 0)
            return -EINVAL;
        sock->raw.checksum_offset = offset < 0 ? -1 : offset;
        return 0;
    }
    return option_set(sock, level, option, value, len);
}

static int raw_get(struct sock *sock, int level, int option, void *value, socklen_t *len)
{
    int number = sock->raw.has_header;

    if (level != IPPROTO_IP || option != IP_HDRINCL || sock->domain != AF_INET)
        return option_get(sock, level, option, value, len);
    *len = *len < sizeof(number) ? *len : sizeof(number);
    memcpy(value, &number, *len);
    return 0;
}

static short raw_poll(const struct sock *sock)
{
    return sock->ring_count > 0 || sock->error != 0 ? POLLIN | POLLOUT : POLLOUT;
}

const struct sock_type raw_sock = {
    .open = raw_open,
    .close = raw_end,
    .bind = raw_bind_sock,
    .connect = raw_connect_sock,
    .send = raw_send_message,
    .recv = sock_recv_datagram,
    .name = sock_name,
    .set = raw_set,
    .get = raw_get,
    .poll = raw_poll,
};
