/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Frames as they are: what DHCP needs before there is an address.
 *
 * SOCK_RAW sockets see and send whole frames, SOCK_DGRAM ones what follows the Ethernet header. A socket takes
 * the frames of its Ethernet type (ETH_P_ALL: of all, those that go out too) of its interface, or of any.
 * Filters (SO_ATTACH_FILTER) are refused: who asks for one looks at the frames himself.
 */
#include "lwip/packet.h"

#include <poll.h>
#include <string.h>

#include <linux/if_arp.h>
#include <linux/if_ether.h>

#include "lwip/port.h"
#include "lwip/sock.h"

static unsigned char kind_of(const struct port *port, const uint8_t *frame)
{
    static const uint8_t broadcast[ETH_ALEN] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

    if (memcmp(frame, broadcast, ETH_ALEN) == 0)
        return PACKET_BROADCAST;
    if ((frame[0] & 1) != 0)
        return PACKET_MULTICAST;
    return memcmp(frame, port_mac(port), ETH_ALEN) == 0 ? PACKET_HOST : PACKET_OTHERHOST;
}

static void deliver(struct sock *sock, const struct sockaddr_ll *from, const uint8_t *frame, size_t len)
{
    size_t skip = sock->kind == SOCK_DGRAM ? FRAME_HEADER : 0;
    struct arrival arrival = {.link = *from, .ifindex = (unsigned)from->sll_ifindex};

    arrival.p = sock->stack->lw.pbuf_alloc(PBUF_RAW, (u16_t)(len - skip), PBUF_RAM);
    if (arrival.p == NULL)
        return;
    memcpy(arrival.p->payload, frame + skip, len - skip);
    if (sock_arrive(sock, &arrival, false) < 0)
        return; /* its buffer is full */
}

static void deliver_to_all(struct port *port, const uint8_t *frame, size_t len, unsigned char kind)
{
    unsigned type = (unsigned)frame[12] << 8 | frame[13];
    struct sockaddr_ll from = {.sll_family = AF_PACKET,
                               .sll_protocol = htons((uint16_t)type),
                               .sll_ifindex = (int)port->ifindex,
                               .sll_hatype = ARPHRD_ETHER,
                               .sll_pkttype = kind,
                               .sll_halen = ETH_ALEN};
    struct sock *sock;

    memcpy(from.sll_addr, frame + ETH_ALEN, ETH_ALEN);
    for (sock = port->stack->sock_list; sock != NULL; sock = sock->next) {
        if (sock->type != &packet_sock || (sock->packet.port != NULL && sock->packet.port != port))
            continue;
        if (sock->packet.type == ETH_P_ALL || (sock->packet.type == type && kind != PACKET_OUTGOING))
            deliver(sock, &from, frame, len);
    }
}

void packet_input(struct port *port, const uint8_t *frame, size_t len)
{
    if (port->stack->n_packet_socks > 0)
        deliver_to_all(port, frame, len, kind_of(port, frame));
}

void packet_output(struct port *port, const uint8_t *frame, size_t len)
{
    if (port->stack->n_packet_socks > 0)
        deliver_to_all(port, frame, len, PACKET_OUTGOING);
}

/* ---- operations ---- */

static int packet_open(struct sock *sock)
{
    sock->packet.type = ntohs((uint16_t)sock->protocol);
    sock->stack->n_packet_socks++;
    return 0;
}

static void packet_end(struct sock *sock)
{
    sock->stack->n_packet_socks--;
}

static int packet_bind(struct sock *sock, const struct sockaddr *addr, socklen_t len)
{
    const struct sockaddr_ll *link = (const struct sockaddr_ll *)addr;
    struct port *port = NULL;

    if (len < offsetof(struct sockaddr_ll, sll_hatype) || link->sll_family != AF_PACKET)
        return -EINVAL;
    if (link->sll_ifindex != 0) {
        port = stack_port(sock->stack, (unsigned)link->sll_ifindex);
        if (port == NULL)
            return -ENODEV;
    }
    sock->packet.port = port;
    if (link->sll_protocol != 0)
        sock->packet.type = ntohs(link->sll_protocol);
    return 0;
}

static int packet_name(struct sock *sock, bool peer, struct sockaddr_storage *ret_addr, socklen_t *ret_len)
{
    struct sockaddr_ll *link = (struct sockaddr_ll *)ret_addr;

    if (peer)
        return -EOPNOTSUPP;
    memset(ret_addr, 0, sizeof(*ret_addr));
    link->sll_family = AF_PACKET;
    link->sll_protocol = htons(sock->packet.type);
    link->sll_hatype = ARPHRD_ETHER;
    if (sock->packet.port != NULL) {
        link->sll_ifindex = (int)sock->packet.port->ifindex;
        link->sll_halen = ETH_ALEN;
        memcpy(link->sll_addr, port_mac(sock->packet.port), ETH_ALEN);
    }
    *ret_len = sizeof(*link);
    return 0;
}

/* Writes the Ethernet header of a SOCK_DGRAM socket's frame. */
static int write_header(const struct sock *sock, const struct sockaddr_ll *link, const struct port *port,
                        uint8_t *frame)
{
    unsigned type = link->sll_protocol != 0 ? ntohs(link->sll_protocol) : sock->packet.type;

    if (link->sll_halen != ETH_ALEN)
        return -EINVAL;
    memcpy(frame, link->sll_addr, ETH_ALEN);
    memcpy(frame + ETH_ALEN, port_mac(port), ETH_ALEN);
    frame[12] = (uint8_t)(type >> 8);
    frame[13] = (uint8_t)type;
    return 0;
}

static ssize_t packet_send(struct sock *sock, const struct msghdr *msg, size_t skip, int flags)
{
    const struct sockaddr_ll *link = msg->msg_name;
    struct port *port = sock->packet.port;
    uint8_t frame[FRAME_HEADER + MTU_MAX];
    size_t len = sock_message_len(msg), header = sock->kind == SOCK_DGRAM ? FRAME_HEADER : 0;
    err_t result;
    int error = 0;

    (void)skip, (void)flags;
    if (link != NULL && msg->msg_namelen < sizeof(*link))
        return -EINVAL;
    if (link != NULL && link->sll_ifindex != 0)
        port = stack_port(sock->stack, (unsigned)link->sll_ifindex);
    if (port == NULL)
        return -ENXIO;
    if (!port->up || port->wire == NULL)
        return -ENETDOWN;
    if (len + header > FRAME_HEADER + (size_t)port->card.netif.mtu)
        return -EMSGSIZE;
    if (header != 0)
        error = link == NULL ? -EDESTADDRREQ : write_header(sock, link, port, frame);
    else if (len < FRAME_HEADER)
        error = -EINVAL;
    if (error < 0)
        return error;
    sock_gather(msg, 0, frame + header, len);
    result = port_output_frame(port, frame, header + len);
    return result == ERR_OK ? (ssize_t)len : stack_errno(result);
}

static int packet_set(struct sock *sock, int level, int option, const void *value, socklen_t len)
{
    if (level == SOL_PACKET && (option == PACKET_ADD_MEMBERSHIP || option == PACKET_DROP_MEMBERSHIP))
        return 0; /* a hub's frames all arrive, and all are seen here */
    return option_set(sock, level, option, value, len);
}

static short packet_poll(const struct sock *sock)
{
    return sock->ring_count > 0 || sock->error != 0 ? POLLIN | POLLOUT : POLLOUT;
}

const struct sock_type packet_sock = {
    .open = packet_open,
    .close = packet_end,
    .bind = packet_bind,
    .send = packet_send,
    .recv = sock_recv_datagram,
    .name = packet_name,
    .set = packet_set,
    .get = option_get,
    .poll = packet_poll,
};
