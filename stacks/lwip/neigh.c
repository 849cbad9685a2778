/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The neighbour table, one for ARP and neighbour discovery, in place of lwIP's two of ten entries.
 *
 * Procedure: a packet to an unknown neighbour waits (NEIGH_QUEUE of them) while the question is asked, up to
 * PROBES times, a second apart; then the neighbour is unreachable: its packets are dropped and connections
 * being made to it fail with EHOSTUNREACH. A known MAC address is used at once; when it was last confirmed
 * more than CONFIRMED_MS ago the question is asked in passing, and an entry that then gets no answer goes.
 *
 * Who may teach: answers to our questions; questions to one of our addresses, since an answer will have to go
 * there; announcements, for entries that exist. Nothing that claims one of our own addresses, no group MAC
 * addresses. Entries that an administrator set do not change. A change of a MAC address within LOCK_MS of the
 * last confirmation is ignored, so that of two that answer the first wins; but the question is asked again, for
 * another machine may have taken the address over.
 *
 * The table holds ENTRIES_MAX; a new one then takes the place of the one least recently used of some bucket.
 */
#include "lwip/neigh.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <linux/if_ether.h>

#include "lwip/port.h"
#include "lwip/route.h"
#include "lwip/sock.h"
#include "lwip/trial.h"
#include "wire/inetsum.h"

enum {
    ENTRIES_MAX = 1024,
    PROBES = 3,
    PROBE_MS = 1000,      /* RFC 4861 s10: RETRANS_TIMER */
    CONFIRMED_MS = 30000, /* RFC 4861 s10: REACHABLE_TIME */
    LOCK_MS = 1000,
    ARP_LEN = 28,
    ND_NS = 135,
    ND_NA = 136,
    NA_SOLICITED = 0x40,
    NA_OVERRIDE = 0x20,
    OPTION_SOURCE = 1,
    OPTION_TARGET = 2,
    IP6_HEADER = 40,
    ND_LEN = 24,       /* without options */
    ND_OPTION_LEN = 8, /* a link-layer address */
};

static const uint8_t broadcast_mac[ETH_ALEN] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

/* ---- the table ---- */

static unsigned bucket_of(const ip_addr_t *ip)
{
    const uint32_t *words = ip->u_addr.ip6.addr;
    uint32_t mix = IP_IS_V6(ip) ? words[0] ^ words[1] ^ words[2] ^ words[3] : words[0];

    mix ^= mix >> 16;
    return (mix ^ mix >> 8) % NEIGH_BUCKETS;
}

static bool same_ip(const ip_addr_t *a, const ip_addr_t *b)
{
    return ip_addr_cmp_zoneless(a, b);
}

struct neighbour *neigh_find(const struct stack *stack, const struct port *port, const ip_addr_t *ip)
{
    struct neighbour *neighbour = stack->neighbours[bucket_of(ip)];

    while (neighbour != NULL && (neighbour->port != port || !same_ip(&neighbour->ip, ip)))
        neighbour = neighbour->next;
    return neighbour;
}

static void drop_queue(struct stack *stack, struct neighbour *neighbour)
{
    unsigned i;

    for (i = 0; i < neighbour->n_queued && !stack->dead; i++)
        stack->lw.pbuf_free(neighbour->queue[i]);
    neighbour->n_queued = 0;
}

void neigh_remove(struct stack *stack, struct neighbour *neighbour)
{
    struct neighbour **at = &stack->neighbours[bucket_of(&neighbour->ip)];

    while (*at != neighbour)
        at = &(*at)->next;
    *at = neighbour->next;
    stack->n_neighbours--;
    drop_queue(stack, neighbour);
    free(neighbour);
}

static void make_room(struct stack *stack)
{
    unsigned start = stack_random() % NEIGH_BUCKETS, i;

    for (i = 0; i < NEIGH_BUCKETS; i++) {
        struct neighbour *at = stack->neighbours[(start + i) % NEIGH_BUCKETS], *oldest = NULL;

        for (; at != NULL; at = at->next)
            if (at->state != NEIGH_PERMANENT && (oldest == NULL || at->used_ms < oldest->used_ms))
                oldest = at;
        if (oldest != NULL) {
            neigh_remove(stack, oldest);
            return;
        }
    }
}

static struct neighbour *neigh_new(struct port *port, const ip_addr_t *ip)
{
    struct stack *stack = port->stack;
    struct neighbour *neighbour = calloc(1, sizeof(*neighbour));
    unsigned bucket = bucket_of(ip);

    if (neighbour == NULL)
        return NULL;
    if (stack->n_neighbours >= ENTRIES_MAX)
        make_room(stack);
    neighbour->port = port;
    neighbour->ip = *ip;
    neighbour->used_ms = stack_now_ms();
    neighbour->next = stack->neighbours[bucket];
    stack->neighbours[bucket] = neighbour;
    stack->n_neighbours++;
    return neighbour;
}

/* ---- packets of ours ---- */

static void send_frame(struct port *port, const uint8_t *dst_mac, uint16_t type, uint8_t *frame, size_t len)
{
    memcpy(frame, dst_mac, ETH_ALEN);
    memcpy(frame + ETH_ALEN, port_mac(port), ETH_ALEN);
    put_be16(frame + 12, type);
    port_output_frame(port, frame, FRAME_HEADER + len);
}

static void send_arp(struct port *port, uint8_t op, const uint8_t *dst_mac, const void *src_ip,
                     const uint8_t *target_mac, const void *target_ip)
{
    uint8_t frame[FRAME_HEADER + 46] = {0}; /* the least that Ethernet carries */
    uint8_t *arp = frame + FRAME_HEADER;
    const uint8_t head[] = {0, 1, ETH_P_IP >> 8, ETH_P_IP & 0xff, ETH_ALEN, 4, 0, op};

    memcpy(arp, head, sizeof(head));
    memcpy(arp + 8, port_mac(port), ETH_ALEN);
    memcpy(arp + 14, src_ip, 4);
    if (target_mac != NULL)
        memcpy(arp + 18, target_mac, ETH_ALEN);
    memcpy(arp + 24, target_ip, 4);
    send_frame(port, dst_mac, ETH_P_ARP, frame, sizeof(frame) - FRAME_HEADER);
}

/* RFC 1071 over the pseudo header (RFC 8200 s8.1) and the message. */
static uint16_t checksum6(const uint8_t *packet, size_t message_len)
{
    enum { SOURCE = 8 };

    return (uint16_t)~inetsum_fold(inetsum_add((uint32_t)message_len + IPPROTO_ICMPV6, packet + SOURCE,
                                               IP6_HEADER - SOURCE + message_len));
}

/* A solicitation or advertisement for `target` with our MAC address in an option of that kind. */
static void send_nd(struct port *port, uint8_t type, uint8_t flags, const uint8_t *dst_mac, const void *src,
                    const void *dst, const void *target, uint8_t option)
{
    uint8_t frame[FRAME_HEADER + IP6_HEADER + ND_LEN + ND_OPTION_LEN] = {0};
    uint8_t *packet = frame + FRAME_HEADER, *message = packet + IP6_HEADER;

    packet[0] = 0x60;
    packet[5] = ND_LEN + ND_OPTION_LEN;
    packet[6] = IPPROTO_ICMPV6;
    packet[7] = 255;
    memcpy(packet + 8, src, 16);
    memcpy(packet + 24, dst, 16);
    message[0] = type;
    message[4] = flags;
    memcpy(message + 8, target, 16);
    message[24] = option;
    message[25] = 1;
    memcpy(message + 26, port_mac(port), ETH_ALEN);
    put_be16(message + 2, checksum6(packet, ND_LEN + ND_OPTION_LEN));
    send_frame(port, dst_mac, ETH_P_IPV6, frame, sizeof(frame) - FRAME_HEADER);
}

static void ask(struct neighbour *neighbour)
{
    struct port *port = neighbour->port;
    const uint8_t *target = (const uint8_t *)&neighbour->ip.u_addr;
    struct route_way way = {.port = port, .hop = neighbour->ip};
    const ip_addr_t *source = route_source(port->stack, &way, &neighbour->ip);
    static const uint8_t none[16];
    uint8_t group[16] = {0xff, 0x02, [11] = 1, [12] = 0xff}, mac[ETH_ALEN] = {0x33, 0x33, 0xff};

    neighbour->probes++;
    neighbour->probe_due_ms = stack_now_ms() + PROBE_MS;
    if (neighbour->probe_due_ms < port->stack->neigh_due_ms)
        port->stack->neigh_due_ms = neighbour->probe_due_ms; /* lwIP's 100 ms ticks have it seen in time */
    if (!IP_IS_V6(&neighbour->ip)) {
        send_arp(port, 1, broadcast_mac, source == NULL ? none : (const void *)&source->u_addr, NULL, target);
        return;
    }
    if (source == NULL)
        return;                         /* without an address there is none to answer to */
    memcpy(group + 13, target + 13, 3); /* the solicited-node address, RFC 4291 s2.7.1 */
    memcpy(mac + 3, target + 13, 3);
    send_nd(port, ND_NS, 0, mac, &source->u_addr, group, target, OPTION_SOURCE);
}

void neigh_announce(struct port *port, const ip_addr_t *ip)
{
    const uint8_t all_nodes[16] = {0xff, 0x02, [15] = 1}, mac[ETH_ALEN] = {0x33, 0x33, 0, 0, 0, 1};

    if (port->wire == NULL || !port->up)
        return;
    if (IP_IS_V6(ip))
        send_nd(port, ND_NA, NA_OVERRIDE, mac, &ip->u_addr, all_nodes, &ip->u_addr, OPTION_TARGET);
    else
        send_arp(port, 1, broadcast_mac, &ip->u_addr, NULL, &ip->u_addr);
}

/* ---- packets of others ---- */

/* Nobody has kept it: TCP was told that it had gone. */
static void send_queued(const struct neighbour *neighbour, unsigned i)
{
    struct port *port = neighbour->port;

    if (port_output(port, neighbour->queue[i], neighbour->mac, neighbour->types[i]) == ERR_BUF)
        port->counters.tx_dropped++;
}

/* The neighbour has answered, or spoken: its packets can go. */
static void confirm(struct neighbour *neighbour, const uint8_t *mac)
{
    struct stack *stack = neighbour->port->stack;
    uint64_t now = stack_now_ms();
    unsigned i;

    if (neighbour->state == NEIGH_PERMANENT)
        return;
    if (neighbour->state == NEIGH_KNOWN && memcmp(mac, neighbour->mac, ETH_ALEN) != 0 &&
        now - neighbour->confirmed_ms < LOCK_MS) {
        if (neighbour->probes == 0)
            ask(neighbour);
        return;
    }
    memcpy(neighbour->mac, mac, ETH_ALEN);
    neighbour->state = NEIGH_KNOWN;
    neighbour->confirmed_ms = now;
    neighbour->probes = 0;
    for (i = 0; i < neighbour->n_queued; i++)
        send_queued(neighbour, i);
    drop_queue(stack, neighbour);
}

/* `may_create`: it spoke to us. */
static void learn(struct port *port, const ip_addr_t *ip, const uint8_t *mac, bool may_create)
{
    struct neighbour *neighbour;

    if ((mac[0] & 1) != 0 || ip_addr_isany(ip) || ip_addr_ismulticast(ip) ||
        route_own_address(port->stack, ip, NULL) != NULL)
        return;
    neighbour = neigh_find(port->stack, port, ip);
    if (neighbour == NULL && may_create)
        neighbour = neigh_new(port, ip);
    if (neighbour != NULL)
        confirm(neighbour, mac);
}

void neigh_input_arp(struct port *port, const uint8_t *packet, size_t len)
{
    static const uint8_t head[] = {0, 1, ETH_P_IP >> 8, ETH_P_IP & 0xff, ETH_ALEN, 4, 0};
    ip_addr_t sender = IPADDR4_INIT(0), target = IPADDR4_INIT(0);
    bool is_ours;

    if (len < ARP_LEN || memcmp(packet, head, sizeof(head)) != 0)
        return;
    memcpy(&sender.u_addr, packet + 14, 4);
    memcpy(&target.u_addr, packet + 24, 4);
    is_ours = route_own_address(port->stack, &target, port) != NULL;
    learn(port, &sender, packet + 8, is_ours && packet[7] == 1);
    if (is_ours && packet[7] == 1)
        send_arp(port, 2, packet + 8, packet + 24, packet + 8, packet + 14);
}

/* The MAC address in an option of that kind, or NULL; also NULL if the options are no options. */
static const uint8_t *find_option(const uint8_t *message, size_t len, uint8_t kind)
{
    const uint8_t *found = NULL;
    size_t at = ND_LEN;

    while (at + ND_OPTION_LEN <= len) {
        size_t option_len = (size_t)message[at + 1] * 8;

        if (option_len == 0 || option_len > len - at)
            return NULL; /* RFC 4861 s4.6 */
        if (message[at] == kind && option_len == ND_OPTION_LEN)
            found = message + at + 2;
        at += option_len;
    }
    return found;
}

static void input_solicitation(struct port *port, const ip_addr_t *src, const ip_addr_t *target,
                               const uint8_t *message, size_t len)
{
    const uint8_t *mac = find_option(message, len, OPTION_SOURCE);
    const struct neighbour *neighbour;

    if (ip_addr_isany(src))
        trial_refute(port, target);
    if (route_own_address(port->stack, target, port) == NULL)
        return;
    if (ip_addr_isany(src)) { /* somebody asks whether he may have this address */
        if (mac == NULL)
            neigh_announce(port, target);
        return;
    }
    if (mac != NULL)
        learn(port, src, mac, true);
    neighbour = neigh_find(port->stack, port, src);
    if (neighbour != NULL && neighbour->state != NEIGH_INCOMPLETE)
        send_nd(port, ND_NA, NA_SOLICITED | NA_OVERRIDE, neighbour->mac, &target->u_addr, &src->u_addr,
                &target->u_addr, OPTION_TARGET);
}

static void input_advertisement(struct port *port, const ip_addr_t *target, const uint8_t *message,
                                size_t len)
{
    const uint8_t *mac = find_option(message, len, OPTION_TARGET);
    struct neighbour *neighbour = neigh_find(port->stack, port, target);

    trial_refute(port, target);
    if (neighbour == NULL)
        return;
    if (mac == NULL && neighbour->state != NEIGH_INCOMPLETE && (message[4] & NA_SOLICITED) != 0)
        mac = neighbour->mac;
    if (mac != NULL && (neighbour->state == NEIGH_INCOMPLETE || (message[4] & NA_OVERRIDE) != 0 ||
                        memcmp(mac, neighbour->mac, ETH_ALEN) == 0))
        learn(port, target, mac, false);
}

void neigh_input_nd(struct port *port, const ip_addr_t *src, const uint8_t *message, size_t len)
{
    ip_addr_t target = IPADDR6_INIT(0, 0, 0, 0);

    if (len < ND_LEN || message[1] != 0)
        return;
    memcpy(target.u_addr.ip6.addr, message + 8, 16);
    ip6_addr_assign_zone(&target.u_addr.ip6, IP6_UNKNOWN, &port->card.netif);
    if (message[0] == ND_NS)
        input_solicitation(port, src, &target, message, len);
    else if (message[0] == ND_NA)
        input_advertisement(port, &target, message, len);
}

/* ---- use ---- */

static err_t enqueue(struct stack *stack, struct neighbour *neighbour, struct pbuf *p, uint16_t type)
{
    struct pbuf *copy;

    if (neighbour->n_queued == NEIGH_QUEUE)
        return ERR_OK; /* lost: the first ones are what is waited for */
    copy = stack->lw.pbuf_clone(PBUF_LINK, PBUF_RAM, p);
    if (copy == NULL)
        return ERR_MEM;
    neighbour->types[neighbour->n_queued] = type;
    neighbour->queue[neighbour->n_queued++] = copy;
    return ERR_OK;
}

err_t neigh_output(struct port *port, const ip_addr_t *hop, struct pbuf *p, uint16_t type)
{
    struct neighbour *neighbour = neigh_find(port->stack, port, hop);
    uint64_t now = stack_now_ms();
    err_t error;

    if (neighbour == NULL)
        neighbour = neigh_new(port, hop);
    if (neighbour == NULL)
        return ERR_MEM;
    neighbour->used_ms = now;
    if (neighbour->state == NEIGH_INCOMPLETE) {
        error = enqueue(port->stack, neighbour, p, type);
        if (neighbour->probes == 0)
            ask(neighbour);
        return error;
    }
    if (neighbour->state == NEIGH_KNOWN && neighbour->probes == 0 &&
        now - neighbour->confirmed_ms > CONFIRMED_MS)
        ask(neighbour);
    return port_output(port, p, neighbour->mac, type);
}

/* Asks again or gives up; false if the entry is gone. */
static bool tick_entry(struct stack *stack, struct neighbour *neighbour, uint64_t now)
{
    ip_addr_t ip;

    if (neighbour->probes == 0 || now < neighbour->probe_due_ms)
        return true;
    if (neighbour->probes < PROBES) {
        ask(neighbour);
        return true;
    }
    ip = neighbour->ip;
    neigh_remove(stack, neighbour);
    sock_unreachable(stack, &ip);
    return false;
}

uint64_t neigh_tick(struct stack *stack, uint64_t now_ms)
{
    uint64_t due = UINT64_MAX;
    unsigned i;

    if (now_ms < stack->neigh_due_ms)
        return stack->neigh_due_ms;
    stack->neigh_due_ms = UINT64_MAX;
    for (i = 0; i < NEIGH_BUCKETS; i++) {
        struct neighbour *at = stack->neighbours[i], *next;

        for (; at != NULL; at = next) {
            next = at->next;
            if (tick_entry(stack, at, now_ms) && at->probes > 0 && at->probe_due_ms < due)
                due = at->probe_due_ms;
        }
    }
    stack->neigh_due_ms = due < stack->neigh_due_ms ? due : stack->neigh_due_ms;
    return stack->neigh_due_ms;
}

/* ---- administration ---- */

int neigh_set(struct port *port, const ip_addr_t *ip, const uint8_t mac[static 6])
{
    struct neighbour *neighbour = neigh_find(port->stack, port, ip);

    if (neighbour == NULL)
        neighbour = neigh_new(port, ip);
    if (neighbour == NULL)
        return -ENOMEM;
    if (neighbour->state == NEIGH_PERMANENT)
        neighbour->state = NEIGH_INCOMPLETE;
    neighbour->confirmed_ms = 0;
    confirm(neighbour, mac);
    neighbour->state = NEIGH_PERMANENT;
    return 0;
}

void neigh_flush(struct stack *stack, const struct port *port)
{
    unsigned i;

    for (i = 0; i < NEIGH_BUCKETS; i++) {
        struct neighbour *at = stack->neighbours[i], *next;

        for (; at != NULL; at = next) {
            next = at->next;
            if (port == NULL || at->port == port)
                neigh_remove(stack, at);
        }
    }
}
