/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Between the wire and lwIP.
 *
 * Packets: only those that are ours to receive, unless forwarding was asked for. Not those that come from our
 * own address, from a group or from the loopback network, nor those to the loopback network. Protocols that
 * lwIP does not survive: UDP-Lite (a coverage beyond the packet), and IPv6 extension headers other than a
 * fragment header before UDP, TCP or ICMPv6, and hop-by-hop options before ICMPv6, which multicast listener
 * queries have.
 *
 * Inside lwIP, where packets are whole again: an MSS option outside of a SYN becomes padding, and one in a SYN
 * is at least MSS_MIN, since lwIP asserts what follows from others. Half-open connections, and those that their
 * sockets have left, are bounded, the oldest gives way: lwIP, which gets its memory from malloc, would keep any
 * number of them. ICMP errors are told to the sockets that they concern; neighbour discovery goes
 * to neigh.c, router advertisements end here (raw sockets have seen them). Packets to muted addresses: mute.c.
 */
#include "lwip/guard.h"

#include <string.h>

#include "base/cursor.h"
#include "lwip/mute.h"
#include "lwip/neigh.h"
#include "lwip/port.h"
#include "lwip/route.h"
#include "lwip/sock.h"

enum {
    HALF_OPEN_MAX = 256, /* connections whose peer has not answered our SYN yet */
    ORPHANS_MAX = 1024, /* connections that have no socket any more: lwIP goes through all for each segment */
    MSS_MIN = 536,      /* RFC 9293 s3.7.1 */
    PROTOCOL_UDPLITE = 136,
    PROTOCOL_HOPOPTS = 0,
    PROTOCOL_FRAGMENT = 44,
    PROTOCOL_ROUTING = 43,
    PROTOCOL_DSTOPTS = 60,
    TCP_FIN_SYN_RST_ACK = 0x17,
    OPTION_END = 0,
    OPTION_NOP = 1,
    OPTION_MSS = 2,
};

/* ---- packets ---- */

bool guard_admits4(const struct port *port, const uint8_t *packet, size_t len)
{
    const struct stack *stack = port->stack;
    ip_addr_t src = IPADDR4_INIT(0), dst = IPADDR4_INIT(0);
    size_t header_len;

    if (len < 20 || packet[0] >> 4 != 4)
        return false;
    header_len = (size_t)(packet[0] & 15) * 4;
    if (header_len < 20 || get_be16(packet + 2) < header_len || get_be16(packet + 2) > len)
        return false;
    if (packet[9] == PROTOCOL_UDPLITE)
        return false;
    memcpy(&src.u_addr, packet + 12, 4);
    memcpy(&dst.u_addr, packet + 16, 4);
    if (packet[12] == 127 || packet[16] == 127 || ip_addr_ismulticast(&src) ||
        route_is_broadcast(stack, &src, port) || route_own_address(stack, &src, NULL) != NULL)
        return false;
    return ip_addr_ismulticast(&dst) || route_own_address(stack, &dst, NULL) != NULL ||
           route_is_broadcast(stack, &dst, port) || stack->options.forward;
}

static bool admits_headers6(const uint8_t *packet, size_t len)
{
    switch (packet[6]) {
    case PROTOCOL_HOPOPTS:
        return len >= 48 && packet[40] == IPPROTO_ICMPV6 && 48 + (size_t)packet[41] * 8 <= len;
    case PROTOCOL_FRAGMENT:
        return len >= 48 &&
               (packet[40] == IPPROTO_UDP || packet[40] == IPPROTO_TCP || packet[40] == IPPROTO_ICMPV6);
    case PROTOCOL_ROUTING:
    case PROTOCOL_DSTOPTS:
    case PROTOCOL_UDPLITE:
        return false;
    default:
        return true;
    }
}

bool guard_admits6(const struct port *port, const uint8_t *packet, size_t len)
{
    const struct stack *stack = port->stack;
    ip_addr_t src = IPADDR6_INIT(0, 0, 0, 0), dst = IPADDR6_INIT(0, 0, 0, 0);

    if (len < 40 || packet[0] >> 4 != 6 || get_be16(packet + 4) + 40u > len || !admits_headers6(packet, len))
        return false;
    memcpy(src.u_addr.ip6.addr, packet + 8, 16);
    memcpy(dst.u_addr.ip6.addr, packet + 24, 16);
    if (ip_addr_ismulticast(&src) || ip6_addr_isloopback(&src.u_addr.ip6) ||
        ip6_addr_isloopback(&dst.u_addr.ip6) || route_own_address(stack, &src, NULL) != NULL)
        return false;
    if (ip_addr_ismulticast(&dst))
        return !ip6_addr_ismulticast_iflocal(&dst.u_addr.ip6);
    if (!mute_admits(stack, &dst, packet[6]))
        return false;
    return route_own_address(stack, &dst, NULL) != NULL || stack->options.forward;
}

/* ---- UDP ---- */

static unsigned current_protocol(const struct stack *stack)
{
    const struct ip_globals *globals = stack->lw.ip_data;

    return globals->current_ip6_header != NULL ? IP6H_NEXTH(globals->current_ip6_header)
                                               : IPH_PROTO(globals->current_ip4_header);
}

void guard_hook_udp_input(struct pbuf *p, struct netif *inp)
{
    struct stack *stack = stack_current();

    if (current_protocol(stack) == PROTOCOL_UDPLITE || !mute_admits_udp(stack, p))
        stack->lw.pbuf_free(p);
    else
        stack->lw.udp_input(p, inp);
}

/* ---- TCP ---- */

/* Writes one byte of the segment and keeps its checksum as right or wrong as it was (RFC 1624). */
static void put_byte(struct stack *stack, struct pbuf *p, u16_t at, uint8_t value)
{
    uint8_t before = stack->lw.pbuf_get_at(p, at);
    uint32_t sum = (uint32_t)(stack->lw.pbuf_get_at(p, 16) << 8 | stack->lw.pbuf_get_at(p, 17));
    unsigned shift = (at & 1) != 0 ? 0 : 8;

    sum = (~sum & 0xffff) + (~((uint32_t)before << shift) & 0xffff) + ((uint32_t)value << shift);
    sum = (sum & 0xffff) + (sum >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    sum = ~sum & 0xffff;
    stack->lw.pbuf_put_at(p, at, value);
    stack->lw.pbuf_put_at(p, 16, (uint8_t)(sum >> 8));
    stack->lw.pbuf_put_at(p, 17, (uint8_t)sum);
}

static void tame_mss(struct stack *stack, struct pbuf *p, u16_t at, bool is_syn)
{
    unsigned mss =
        (unsigned)stack->lw.pbuf_get_at(p, (u16_t)(at + 2)) << 8 | stack->lw.pbuf_get_at(p, (u16_t)(at + 3));
    u16_t i;

    if (is_syn && mss < MSS_MIN) {
        put_byte(stack, p, (u16_t)(at + 2), MSS_MIN >> 8);
        put_byte(stack, p, (u16_t)(at + 3), MSS_MIN & 0xff);
    }
    for (i = 0; i < 4 && !is_syn; i++)
        put_byte(stack, p, (u16_t)(at + i), OPTION_NOP);
}

/* Walks the options; false: they are none. */
static bool tame_options(struct stack *stack, struct pbuf *p, u16_t header_len, bool is_syn)
{
    u16_t at = 20;

    while (at < header_len) {
        uint8_t kind = stack->lw.pbuf_get_at(p, at), len;

        if (kind == OPTION_END)
            return true;
        if (kind == OPTION_NOP) {
            at++;
            continue;
        }
        len = at + 1 < header_len ? stack->lw.pbuf_get_at(p, (u16_t)(at + 1)) : 0;
        if (len < 2 || at + len > header_len)
            return false;
        if (kind == OPTION_MSS && len == 4)
            tame_mss(stack, p, at, is_syn);
        at = (u16_t)(at + len);
    }
    return true;
}

struct census {
    unsigned n;
    struct tcp_pcb *oldest;
};

/* lwIP puts new PCBs first, so of those of one tick the last is the oldest. */
static void count_pcb(const struct stack *stack, struct census *census, struct tcp_pcb *pcb)
{
    uint32_t now = *stack->lw.tcp_ticks;

    census->n++;
    if (census->oldest == NULL || now - pcb->tmr >= now - census->oldest->tmr)
        census->oldest = pcb;
}

/* Before a SYN that may open a connection: the oldest half-open one and the oldest orphan give way, where they are too
 * many. Nobody listens to an orphan: tcp_detach has taken its socket away. */
static void make_room_for_connection(const struct stack *stack)
{
    struct tcp_pcb *const lists[] = {*stack->lw.tcp_active_pcbs, *stack->lw.tcp_tw_pcbs};
    struct census half_open = {0}, orphans = {0};
    struct tcp_pcb *pcb;
    int i;

    for (i = 0; i < 2; i++)
        for (pcb = lists[i]; pcb != NULL; pcb = pcb->next)
            if (pcb->state == SYN_RCVD)
                count_pcb(stack, &half_open, pcb);
            else if (pcb->callback_arg == NULL)
                count_pcb(stack, &orphans, pcb);
    if (half_open.n >= HALF_OPEN_MAX)
        stack->lw.tcp_abort(half_open.oldest);
    if (orphans.n >= ORPHANS_MAX)
        stack->lw.tcp_abort(orphans.oldest);
}

/* A segment that takes one number of the sequence space, exactly half of it away from the one that is due, is before
 * and behind that at once: lwIP takes it for a piece that is already there in part, and asserts that it is not. */
static bool is_half_a_space_away(const struct stack *stack, const struct pbuf *p, u16_t header_len)
{
    const uint32_t far_away = 0x80000000;
    const uint8_t *header = p->payload;
    unsigned remote_port = get_be16(header), local_port = get_be16(header + 2);
    uint32_t sequence = (uint32_t)get_be16(header + 4) << 16 | get_be16(header + 6);
    const struct tcp_pcb *pcb;

    if (p->tot_len - header_len + ((header[13] & TCP_FIN) != 0) + ((header[13] & TCP_SYN) != 0) != 1)
        return false;
    for (pcb = *stack->lw.tcp_active_pcbs; pcb != NULL; pcb = pcb->next)
        if (pcb->local_port == local_port && pcb->remote_port == remote_port &&
            sequence - pcb->rcv_nxt == far_away)
            return true;
    return false;
}

void guard_hook_tcp_input(struct pbuf *p, struct netif *inp)
{
    struct stack *stack = stack_current();
    const uint8_t *header = p->payload;
    u16_t header_len;

    if (!mute_admits_tcp(stack, p)) {
        stack->lw.pbuf_free(p);
        return;
    }
    if (p->len >= 20) {
        uint8_t flags = header[13] & TCP_FIN_SYN_RST_ACK;

        header_len = (u16_t)((header[12] >> 4) * 4);
        if (header_len < 20 || header_len > p->tot_len ||
            !tame_options(stack, p, header_len, (flags & TCP_SYN) != 0) ||
            is_half_a_space_away(stack, p, header_len)) {
            stack->lw.pbuf_free(p);
            return;
        }
        if ((flags & ~TCP_FIN) == TCP_SYN) /* what lwIP takes for one */
            make_room_for_connection(stack);
    }
    stack->lw.tcp_input(p, inp);
}

/* ---- ICMP ---- */

/* What we sent, as an error message quotes it: len bytes from its IP header on. */
static void report(struct stack *stack, const uint8_t *packet, size_t len, bool is_v6, int error)
{
    size_t header_len = is_v6 ? 40 : len > 0 ? (size_t)(packet[0] & 15) * 4 : 0;
    struct sock_flow flow = {.protocol = 0};

    if (header_len < 20 || len < header_len + 8)
        return;
    flow.protocol = is_v6 ? packet[6] : packet[9];
    flow.local = flow.remote = (ip_addr_t)IPADDR4_INIT(0);
    if (is_v6) {
        flow.local.type = flow.remote.type = IPADDR_TYPE_V6;
        memcpy(flow.local.u_addr.ip6.addr, packet + 8, 16);
        memcpy(flow.remote.u_addr.ip6.addr, packet + 24, 16);
    } else {
        memcpy(&flow.local.u_addr, packet + 12, 4);
        memcpy(&flow.remote.u_addr, packet + 16, 4);
    }
    flow.local_port = (uint16_t)get_be16(packet + header_len);
    flow.remote_port = (uint16_t)get_be16(packet + header_len + 2);
    sock_icmp_error(stack, &flow, error);
}

void guard_hook_icmp_input(struct pbuf *p, struct netif *inp)
{
    static const int errors[] = {ENETUNREACH, EHOSTUNREACH, ENOPROTOOPT, ECONNREFUSED};
    struct stack *stack = stack_current();
    const uint8_t *message = p->payload;

    if (p->len >= 8 && p->len == p->tot_len && message[0] == 3 && message[1] < 4 &&
        stack->lw.inet_chksum(message, p->len) == 0)
        report(stack, message + 8, p->len - 8u, false, errors[message[1]]);
    stack->lw.icmp_input(p, inp);
}

static bool checksum6_is_right(struct stack *stack, struct pbuf *p)
{
    struct ip_globals *globals = stack->lw.ip_data;

    return stack->lw.ip6_chksum_pseudo(p, IPPROTO_ICMPV6, p->tot_len, ip_2_ip6(&globals->current_iphdr_src),
                                       ip_2_ip6(&globals->current_iphdr_dest)) == 0;
}

void guard_hook_icmp6_input(struct pbuf *p, struct netif *inp)
{
    static const int errors[] = {ENETUNREACH, EACCES, ENETUNREACH, EHOSTUNREACH, ECONNREFUSED};
    struct stack *stack = stack_current();
    const uint8_t *message = p->payload;

    if (!mute_admits_icmp6(stack, p)) {
        stack->lw.pbuf_free(p);
        return;
    }
    if (p->len >= 8 && p->len == p->tot_len && message[0] == 1 && message[1] < 5 &&
        checksum6_is_right(stack, p))
        report(stack, message + 8, p->len - 8u, true, errors[message[1]]);
    stack->lw.icmp6_input(p, inp);
}

void guard_hook_nd6_input(struct pbuf *p, struct netif *inp)
{
    struct stack *stack = stack_current();
    const struct ip_globals *globals = stack->lw.ip_data;

    if (p->len == p->tot_len && IP6H_HOPLIM(globals->current_ip6_header) == 255)
        neigh_input_nd(inp->state, &globals->current_iphdr_src, p->payload, p->len);
    stack->lw.pbuf_free(p);
}

/* Groups of all cards of the interface that receives. lwIP asks also when it joins and leaves, by the very
 * card; that one is looked at first. */
struct mld_group *guard_hook_mld6_lookfor_group(struct netif *netif, const ip6_addr_t *group)
{
    struct stack *stack = stack_current();
    struct port *port = netif->state;
    struct mld_group *found = stack->lw.mld6_lookfor_group(netif, group);
    ip6_addr_t zoned = *group;
    struct card *card;

    if (netif != &port->card.netif || stack->lw.ip_data->current_input_netif == NULL)
        return found;
    for (card = port->card.next; card != NULL && found == NULL; card = card->next) {
        ip6_addr_assign_zone(&zoned, IP6_MULTICAST, &card->netif);
        found = stack->lw.mld6_lookfor_group(&card->netif, &zoned);
    }
    return found;
}
