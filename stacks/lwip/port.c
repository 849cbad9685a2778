/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Interfaces.
 *
 * To lwIP an interface is one netif or several ("cards"): the first receives for all, further ones hold the
 * addresses that have no room in it. lwIP's own Ethernet is not used: frames are unpacked here and handed to
 * ip4_input and ip6_input once guard.c has let them pass; packets come out by output4 and output6, get their
 * MAC address from neigh.c and leave by wire.c. Hence no caches of ten entries, no gateway per netif.
 *
 * lo is an interface without a wire. What it is given goes to the stack's queue (stack_loop_output).
 *
 * Router solicitation and autoconfiguration of lwIP stay off: rs_count and ip6_autoconfig_enabled are cleared
 * whenever an interface goes up.
 */
#include "lwip/port.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <netinet/in.h>

#include <linux/if_addr.h>
#include <linux/if_ether.h>
#include <linux/rtnetlink.h>

#include "lwip/guard.h"
#include "lwip/neigh.h"
#include "lwip/nobody.h"
#include "lwip/packet.h"
#include "lwip/route.h"
#include "lwip/trial.h"
#include "lwip/wire.h"

/* ---- output ---- */

err_t port_output_frame(struct port *port, const uint8_t *frame, size_t len)
{
    int error;

    if (!port->up || port->wire == NULL)
        return ERR_IF;
    error = wire_send(port->wire, frame, len);
    if (error == -ENOBUFS)
        return ERR_BUF;
    packet_output(port, frame, len);
    if (error < 0) {
        port->counters.tx_dropped++;
        return ERR_OK; /* lost, as on a wire */
    }
    port->counters.tx_packets++;
    port->counters.tx_bytes += len;
    return ERR_OK;
}

static void write_header(uint8_t *header, const struct port *port, const uint8_t *mac, uint16_t type)
{
    memcpy(header, mac, ETH_ALEN);
    memcpy(header + ETH_ALEN, port_mac(port), ETH_ALEN);
    header[12] = (uint8_t)(type >> 8);
    header[13] = (uint8_t)type;
}

/* Chains, which only fragments are, and packets without room before them are copied. */
static err_t output_copy(struct port *port, struct pbuf *p, const uint8_t *mac, uint16_t type)
{
    uint8_t frame[FRAME_HEADER + MTU_MAX];

    if (p->tot_len > MTU_MAX)
        return ERR_VAL;
    write_header(frame, port, mac, type);
    port->stack->lw.pbuf_copy_partial(p, frame + FRAME_HEADER, p->tot_len, 0);
    return port_output_frame(port, frame, FRAME_HEADER + (size_t)p->tot_len);
}

err_t port_output(struct port *port, struct pbuf *p, const uint8_t mac[static 6], uint16_t type)
{
    err_t error;

    if (p->next != NULL || port->stack->lw.pbuf_add_header(p, FRAME_HEADER) != 0)
        return output_copy(port, p, mac, type);
    write_header(p->payload, port, mac, type);
    error = port_output_frame(port, p->payload, p->len);
    port->stack->lw.pbuf_remove_header(p, FRAME_HEADER);
    return error;
}

/* To a unicast address: by the way there, or, where the table has none, straight, since who sent this chose
 * the interface himself. */
static err_t output_unicast(struct port *port, struct pbuf *p, const ip_addr_t *dst, uint16_t type)
{
    struct route_way way;

    if (route_find(port->stack, dst, NULL, &way) == 0 && way.port->ifindex == LO_INDEX)
        return stack_loop_output(stack_lo(port->stack), p);
    if (route_find(port->stack, dst, port, &way) < 0)
        way.hop = *dst;
    return neigh_output(port, &way.hop, p, type);
}

static err_t output4(struct netif *netif, struct pbuf *p, const ip4_addr_t *dst)
{
    struct port *port = netif->state;
    ip_addr_t ip = IPADDR4_INIT(dst->addr);
    uint8_t mac[ETH_ALEN] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
    uint32_t value = ntohl(dst->addr);

    if (port->wire == NULL)
        return stack_loop_output(stack_lo(port->stack), p);
    if (ip4_addr_ismulticast(dst)) {
        const uint8_t group[ETH_ALEN] = {
            0x01, 0x00, 0x5e, (uint8_t)(value >> 16 & 0x7f), (uint8_t)(value >> 8), (uint8_t)value};

        memcpy(mac, group, sizeof(mac));
    } else if (!route_is_broadcast(port->stack, &ip, port)) {
        return output_unicast(port, p, &ip, ETH_P_IP);
    }
    return port_output(port, p, mac, ETH_P_IP);
}

static err_t output6(struct netif *netif, struct pbuf *p, const ip6_addr_t *dst)
{
    struct port *port = netif->state;
    ip_addr_t ip = IPADDR6_INIT(0, 0, 0, 0);
    uint8_t mac[ETH_ALEN] = {0x33, 0x33};

    if (port->wire == NULL)
        return stack_loop_output(stack_lo(port->stack), p);
    ip_addr_copy_from_ip6(ip, *dst);
    if (!ip6_addr_ismulticast(dst))
        return output_unicast(port, p, &ip, ETH_P_IPV6);
    memcpy(mac + 2, &dst->addr[3], 4); /* RFC 2464 s7 */
    return port_output(port, p, mac, ETH_P_IPV6);
}

/* ---- input ---- */

static void input_ip(struct port *port, struct pbuf *p, bool is_v6)
{
    struct stack *stack = port->stack;
    struct netif *netif = &port->card.netif;

    p->if_idx = netif_get_index(netif);
    if ((is_v6 ? stack->lw.ip6_input(p, netif) : stack->lw.ip4_input(p, netif)) != ERR_OK)
        stack->lw.pbuf_free(p);
}

static void input_frame_ip(struct port *port, const uint8_t *frame, size_t len, bool is_v6)
{
    struct stack *stack = port->stack;
    const uint8_t *packet = frame + FRAME_HEADER;
    struct pbuf *p;

    len -= FRAME_HEADER;
    if (!(is_v6 ? guard_admits6(port, packet, len) : guard_admits4(port, packet, len))) {
        port->counters.rx_dropped++;
        return;
    }
    if (!is_v6 && nobody_input(port, packet, len))
        return;
    p = stack->lw.pbuf_alloc(PBUF_RAW, (u16_t)len, PBUF_RAM);
    if (p == NULL)
        return;
    memcpy(p->payload, packet, len);
    if ((frame[0] & 1) != 0)
        p->flags |= frame[0] == 0xff ? PBUF_FLAG_LLBCAST : PBUF_FLAG_LLMCAST;
    input_ip(port, p, is_v6);
}

/* What we ask ourselves in a trial, sent back by the network (RFC 7527). */
static bool is_own_probe(const struct port *port, const uint8_t *frame, size_t len)
{
    static const uint8_t nobody[16];
    enum { SOURCE = 8 };

    return len >= FRAME_HEADER + SOURCE + sizeof(nobody) &&
           memcmp(frame + ETH_ALEN, port_mac(port), ETH_ALEN) == 0 &&
           memcmp(frame + FRAME_HEADER + SOURCE, nobody, sizeof(nobody)) == 0;
}

void port_input(struct port *port, const uint8_t *frame, size_t len)
{
    unsigned type;

    if (len < FRAME_HEADER || len > FRAME_HEADER + MTU_MAX || !port->up)
        return;
    port->counters.rx_packets++;
    port->counters.rx_bytes += len;
    packet_input(port, frame, len);
    if ((frame[0] & 1) == 0 && memcmp(frame, port_mac(port), ETH_ALEN) != 0)
        return;
    type = (unsigned)frame[12] << 8 | frame[13];
    if (type == ETH_P_ARP)
        neigh_input_arp(port, frame + FRAME_HEADER, len - FRAME_HEADER);
    else if (type == ETH_P_IP || (type == ETH_P_IPV6 && !is_own_probe(port, frame, len)))
        input_frame_ip(port, frame, len, type == ETH_P_IPV6);
}

/* What we send to an address of our own comes in by the interface that has it, as Linux does it: sockets that are
 * bound to it get it, and a link-local address means its link. */
static struct port *owner_of_destination(struct port *port, const struct pbuf *p, bool is_v6)
{
    ip_addr_t dst = IPADDR6_INIT(0, 0, 0, 0);
    const uint8_t *packet = p->payload;
    const struct address *address;

    if (!is_v6)
        ip_addr_set_zero_ip4(&dst);
    memcpy(&dst.u_addr, is_v6 ? packet + 24 : packet + 16, is_v6 ? 16 : 4);
    address = route_own_address(port->stack, &dst, NULL);
    return address == NULL ? port : address->port;
}

void port_input_ip(struct port *port, struct pbuf *p)
{
    bool is_v6 = (*(const uint8_t *)p->payload >> 4) == 6;

    port->counters.rx_packets++;
    port->counters.rx_bytes += p->tot_len;
    port->counters.tx_packets++;
    port->counters.tx_bytes += p->tot_len;
    input_ip(owner_of_destination(port, p, is_v6), p, is_v6);
}

/* ---- cards ---- */

static err_t init_netif(struct netif *netif)
{
    struct port *port = netif->state;

    netif->name[0] = 'v';
    netif->name[1] = 'd';
    netif->output = output4;
    netif->output_ip6 = output6;
    netif->mtu = port->card.netif.mtu;
    netif->mtu6 = port->card.netif.mtu;
    netif->hwaddr_len = ETH_ALEN;
    memcpy(netif->hwaddr, port->card.netif.hwaddr, ETH_ALEN);
    netif->flags = NETIF_FLAG_BROADCAST | NETIF_FLAG_IGMP | NETIF_FLAG_MLD6 | NETIF_FLAG_LINK_UP;
    return ERR_OK;
}

static int card_add(struct port *port, struct card *card)
{
    struct lwip_symbols *lw = &port->stack->lw;
    static const ip4_addr_t none;
    uint16_t mtu = port->card.netif.mtu;
    uint8_t mac[ETH_ALEN];

    memcpy(mac, port_mac(port), sizeof(mac));
    if (lw->netif_add(&card->netif, &none, &none, &none, port, init_netif, lw->ip4_input) == NULL)
        return -ENOSPC;
    memcpy(card->netif.hwaddr, mac, sizeof(mac)); /* netif_add may have cleared what init_netif read */
    card->netif.mtu = card->netif.mtu6 = mtu;
    card->netif.ip6_autoconfig_enabled = 0;
    return 0;
}

static void card_set_up(struct port *port, struct card *card)
{
    if (!port->up) {
        port->stack->lw.netif_set_down(&card->netif);
        return;
    }
    port->stack->lw.netif_set_up(&card->netif);
    card->netif.rs_count = 0;
}

static struct card *card_new(struct port *port)
{
    struct card *card = calloc(1, sizeof(*card)), **last;

    if (card == NULL)
        return NULL;
    if (card_add(port, card) < 0) {
        free(card);
        return NULL;
    }
    for (last = &port->card.next; *last != NULL; last = &(*last)->next)
        ;
    *last = card;
    card_set_up(port, card);
    return card;
}

/* ---- interfaces ---- */

static void append(struct stack *stack, struct port *port)
{
    struct port **last = &stack->ports;
    unsigned ifindex = LO_INDEX;

    for (; *last != NULL; last = &(*last)->next)
        ifindex = (*last)->ifindex + 1;
    port->ifindex = ifindex;
    *last = port;
}

static struct port *port_new(struct stack *stack, const char *name, unsigned mtu)
{
    struct port *port = calloc(1, sizeof(*port));

    if (port == NULL)
        return NULL;
    port->stack = stack;
    snprintf(port->name, sizeof(port->name), "%s", name);
    port->card.netif.mtu = (u16_t)mtu;
    if (card_add(port, &port->card) < 0) {
        free(port);
        return NULL;
    }
    return port;
}

int port_add_lo(struct stack *stack)
{
    struct port *lo = port_new(stack, "lo", LO_MTU);
    struct address local4 = {.ip = IPADDR4_INIT(PP_HTONL(INADDR_LOOPBACK)),
                             .prefix_bits = 8,
                             .flags = IFA_F_PERMANENT,
                             .scope = RT_SCOPE_HOST};
    struct address local6 = {.ip = IPADDR6_INIT_HOST(0, 0, 0, 1),
                             .prefix_bits = 128,
                             .flags = IFA_F_PERMANENT,
                             .scope = RT_SCOPE_HOST};
    int error;

    if (lo == NULL)
        return -ENOMEM;
    append(stack, lo);
    port_set_up(lo, true);
    error = port_add_address(lo, &local4);
    return error < 0 ? error : port_add_address(lo, &local6);
}

static void make_mac(uint8_t mac[static 6])
{
    uint32_t high = stack_random(), low = stack_random();

    memcpy(mac, &high, 2);
    memcpy(mac + 2, &low, 4);
    mac[0] = (uint8_t)((mac[0] | 2) & ~1); /* local, unicast */
}

int port_add(struct stack *stack, const char *name, struct wire **wire)
{
    struct port *port;
    uint8_t mac[ETH_ALEN];

    if (stack_port_by_name(stack, name) != NULL)
        return -EEXIST;
    port = port_new(stack, name, MTU_DEFAULT);
    if (port == NULL)
        return -ENOMEM;
    append(stack, port);
    port->wire = *wire;
    *wire = NULL;
    make_mac(mac);
    port_set_mac(port, mac);
    return wire_join(port->wire, port); /* the stack that fails takes its ports down */
}

static void port_free(struct port *port)
{
    struct card *card = port->card.next, *next;

    wire_close(port->wire);
    for (; card != NULL; card = next) {
        next = card->next;
        free(card);
    }
    free(port);
}

void port_remove_all(struct stack *stack)
{
    struct port *next;

    while (stack->addresses != NULL) {
        struct address *address = stack->addresses;

        stack->addresses = address->next;
        free(address);
    }
    neigh_flush(stack, NULL);
    for (; stack->ports != NULL; stack->ports = next) {
        next = stack->ports->next;
        port_free(stack->ports);
    }
}

/* fe80:: and the interface identifier of the MAC address, RFC 4291 s2.5.6 and appendix A. */
static void add_link_local(struct port *port)
{
    struct address address = {.ip = IPADDR6_INIT_HOST(0xfe800000, 0, 0, 0),
                              .prefix_bits = 64,
                              .flags = IFA_F_PERMANENT,
                              .scope = RT_SCOPE_LINK,
                              .made_here = true};
    uint8_t *identifier = (uint8_t *)&address.ip.u_addr.ip6.addr[2];
    const uint8_t *mac = port_mac(port);
    const uint8_t eui64[] = {mac[0] ^ 2, mac[1], mac[2], 0xff, 0xfe, mac[3], mac[4], mac[5]};

    memcpy(identifier, eui64, sizeof(eui64));
    ip6_addr_assign_zone(&address.ip.u_addr.ip6, IP6_UNICAST, &port->card.netif);
    if (port_add_address(port, &address) < 0)
        return; /* it is there, or another has its place */
}

static void remove_link_local(struct port *port)
{
    struct address *address, *next;

    for (address = port->stack->addresses; address != NULL; address = next) {
        next = address->next;
        if (address->port == port && address->made_here)
            port_remove_address(address);
    }
}

void port_set_up(struct port *port, bool up)
{
    struct card *card;

    if (port->up == up)
        return;
    port->up = up;
    for (card = &port->card; card != NULL; card = card->next)
        card_set_up(port, card);
    if (port->wire == NULL)
        return;
    if (up) {
        add_link_local(port);
    } else {
        remove_link_local(port);
        route_flush(port->stack, port, AF_INET);
        route_flush(port->stack, port, AF_INET6);
        neigh_flush(port->stack, port);
    }
}

int port_set_mac(struct port *port, const uint8_t mac[static 6])
{
    struct card *card;

    if ((mac[0] & 1) != 0)
        return -EADDRNOTAVAIL;
    for (card = &port->card; card != NULL; card = card->next)
        memcpy(card->netif.hwaddr, mac, ETH_ALEN);
    return 0;
}

int port_set_mtu(struct port *port, unsigned mtu)
{
    struct card *card;

    if (port->wire == NULL ? mtu != LO_MTU : mtu < MTU_MIN || mtu > MTU_MAX)
        return -EINVAL;
    for (card = &port->card; card != NULL; card = card->next)
        card->netif.mtu = card->netif.mtu6 = (u16_t)mtu;
    return 0;
}

/* ---- addresses ---- */

/* Link-local addresses belong to the first card: their zone is the netif that receives. */
static bool has_room(const struct port *port, const struct card *card, const ip_addr_t *ip, int *ret_slot)
{
    int slot = 0;

    if (!IP_IS_V6(ip))
        return ip_addr_isany(&card->netif.ip_addr);
    if (card == &port->card && !ip6_addr_islinklocal(ip_2_ip6(ip)))
        slot = 1; /* the first is kept for a link-local one */
    for (; slot < LWIP_IPV6_NUM_ADDRESSES; slot++)
        if (ip6_addr_isinvalid(card->netif.ip6_addr_state[slot])) {
            *ret_slot = slot;
            return true;
        }
    return false;
}

static struct card *find_room(struct port *port, const ip_addr_t *ip, int *ret_slot)
{
    struct card *card;

    for (card = &port->card; card != NULL; card = card->next)
        if (has_room(port, card, ip, ret_slot))
            return card;
    if (IP_IS_V6(ip) && ip6_addr_islinklocal(ip_2_ip6(ip)))
        return NULL;
    card = card_new(port);
    *ret_slot = 0;
    return card;
}

static void install(const struct address *address)
{
    struct lwip_symbols *lw = &address->port->stack->lw;
    struct netif *netif = &address->card->netif;
    static const ip4_addr_t none;
    ip4_addr_t mask;

    if (!IP_IS_V6(&address->ip)) {
        mask.addr = htonl(address->prefix_bits == 0 ? 0 : 0xffffffff << (32 - address->prefix_bits));
        lw->netif_set_addr(netif, ip_2_ip4(&address->ip), &mask, &none);
        return;
    }
    lw->netif_ip6_addr_set(netif, (s8_t)address->slot, ip_2_ip6(&address->ip));
    lw->netif_ip6_addr_set_state(netif, (s8_t)address->slot,
                                 trial_forbids(address) ? IP6_ADDR_TENTATIVE : IP6_ADDR_PREFERRED);
}

int port_add_address(struct port *port, const struct address *address)
{
    struct address *added, **last = &port->stack->addresses;

    if (route_listed_address(port->stack, &address->ip, port) != NULL)
        return -EEXIST;
    added = malloc(sizeof(*added));
    if (added == NULL)
        return -ENOMEM;
    *added = *address;
    added->port = port;
    added->next = NULL;
    added->card = find_room(port, &address->ip, &added->slot);
    if (added->card == NULL) {
        free(added);
        return -ENOSPC;
    }
    if (added->label[0] == '\0')
        memcpy(added->label, port->name, sizeof(added->label));
    while (*last != NULL)
        last = &(*last)->next;
    *last = added;
    install(added);
    if (!trial_forbids(added))
        neigh_announce(port, &added->ip);
    return 0;
}

void port_remove_address(struct address *address)
{
    struct lwip_symbols *lw = &address->port->stack->lw;
    struct netif *netif = &address->card->netif;
    struct address **at = &address->port->stack->addresses;
    static const ip4_addr_t none;

    while (*at != address)
        at = &(*at)->next;
    *at = address->next;
    if (IP_IS_V6(&address->ip))
        lw->netif_ip6_addr_set_state(netif, (s8_t)address->slot, IP6_ADDR_INVALID);
    else
        lw->netif_set_addr(netif, &none, &none, &none);
    route_flush(address->port->stack, address->port, IP_IS_V6(&address->ip) ? AF_INET6 : AF_INET);
    free(address);
}
