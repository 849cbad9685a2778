/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A muted address belongs to what there is already. Of the packets to it lwIP sees
 *
 *   segments of connections that stand, or have just ended: so it makes no new one, and resets none that it does not know
 *   datagrams to a port that a socket has: whether they are wanted is for the program to say; so no port is unreachable
 *   ICMPv6 errors, and neighbour discovery, which is the plug-in's own (neigh.c); so no ping is answered
 *
 * and nothing else. A half-open connection is none yet: its SYN-ACK is repeated until lwIP gives up, unheard.
 */
#include "lwip/mute.h"

#include <ioth_plugin.h>

#include "base/cursor.h"
#include "lwip/route.h"
#include "lwip/sock.h"

enum {
    PROTOCOL_FRAGMENT = 44,
    ICMP6_FIRST_QUERY = 128, /* RFC 4443 s2.1: those before are errors */
    ICMP6_NEIGHBOR_SOLICIT = 135,
    ICMP6_NEIGHBOR_ADVERT = 136,
};

static bool is_muted(const struct stack *stack, const ip_addr_t *dst)
{
    const struct address *address = IP_IS_V6(dst) ? route_own_address(stack, dst, NULL) : NULL;

    return address != NULL && (address->flags & IOTH_IFA_F_MUTED) != 0;
}

bool mute_admits(const struct stack *stack, const ip_addr_t *dst, unsigned protocol)
{
    return protocol == IPPROTO_TCP || protocol == IPPROTO_UDP || protocol == IPPROTO_ICMPV6 ||
           protocol == PROTOCOL_FRAGMENT || !is_muted(stack, dst);
}

static bool is_in(const struct tcp_pcb *pcb, const struct ip_globals *globals, unsigned local_port,
                  unsigned remote_port)
{
    for (; pcb != NULL; pcb = pcb->next)
        if (pcb->local_port == local_port && pcb->remote_port == remote_port && pcb->state != SYN_RCVD &&
            ip_addr_cmp_zoneless(&pcb->remote_ip, &globals->current_iphdr_src) &&
            ip_addr_cmp_zoneless(&pcb->local_ip, &globals->current_iphdr_dest))
            return true;
    return false;
}

bool mute_admits_tcp(const struct stack *stack, const struct pbuf *p)
{
    const struct ip_globals *globals = stack->lw.ip_data;
    const uint8_t *header = p->payload;

    if (!is_muted(stack, &globals->current_iphdr_dest))
        return true;
    return p->len >= 4 &&
           (is_in(*stack->lw.tcp_active_pcbs, globals, get_be16(header + 2), get_be16(header)) ||
            is_in(*stack->lw.tcp_tw_pcbs, globals, get_be16(header + 2), get_be16(header)));
}

bool mute_admits_udp(const struct stack *stack, const struct pbuf *p)
{
    const struct ip_globals *globals = stack->lw.ip_data;
    const uint8_t *header = p->payload;
    const struct sock *sock;

    if (!is_muted(stack, &globals->current_iphdr_dest))
        return true;
    for (sock = p->len >= 4 ? stack->sock_list : NULL; sock != NULL; sock = sock->next)
        if (sock->type == &udp_sock && sock->is_bound && sock->local_port == get_be16(header + 2))
            return true;
    return false;
}

bool mute_admits_icmp6(const struct stack *stack, const struct pbuf *p)
{
    const uint8_t *message = p->payload;

    if (!is_muted(stack, &stack->lw.ip_data->current_iphdr_dest))
        return true;
    return p->len > 0 && (message[0] < ICMP6_FIRST_QUERY || message[0] == ICMP6_NEIGHBOR_SOLICIT ||
                          message[0] == ICMP6_NEIGHBOR_ADVERT);
}
