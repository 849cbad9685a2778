/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Packets by the sockets of a stack; see dhcp_link.h and the head of dhcp_link_stack.c for which socket is for what.
 *
 * What is received is what the last poll has shown, of each socket in turn, so that a flood on one keeps none of the others
 * waiting. One that gives errors alone, such as that of a stack that has died, is left alone
 * for a while, so that nothing runs in a circle.
 *
 * A client of DHCPv4 without an address cannot answer ARP, so a stack would not find it: such a datagram goes out as a frame to
 * its MAC address (RFC 2131 s4.1). All else is the stack's work.
 *
 * Of DHCPv6 the MAC address of a client is not to be had from a datagram. Where its link-local address was made of it
 * (RFC 4291 appendix A) it is taken from there; it can be forged like any source address, MAC addresses included.
 */
#include "libnamedhcp/dhcp_link_stack.h"

#include "base/cursor.h"
#include "base/pktinfo.h"
#include "wire/dhcp4.h"
#include "wire/dhcp6.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#define REST NSEC_PER_SEC

union control {
    struct cmsghdr head;
    char space[256];
};

/* --- receiving --- */

static void read_control(struct msghdr *msg, struct server_packet *packet)
{
    struct pktinfo info;

    for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c))
        if (pktinfo_read(c, &info))
            packet->to.addr = info.addr;
}

static void guess_mac(struct server_packet *packet)
{
    const uint8_t *b = packet->from.addr.b;
    const uint8_t mac[6] = {b[8] ^ 2, b[9], b[10], b[13], b[14], b[15]};

    if (b[0] == 0xfe && (b[1] & 0xc0) == 0x80 && b[11] == 0xff && b[12] == 0xfe)
        memcpy(packet->from_mac, mac, sizeof(mac));
}

/* The length; 0: nothing of use; -EAGAIN: there is none; or what is wrong with the socket. */
static ssize_t receive_bytes(struct stack_link *l, enum stack_link_kind kind, struct msghdr *msg)
{
    struct iovec iov = {.iov_base = l->bytes, .iov_len = sizeof(l->bytes)};

    msg->msg_iov = &iov;
    msg->msg_iovlen = 1;
    ssize_t len = ioth_recvmsg(l->fd[kind], msg, MSG_DONTWAIT);
    msg->msg_iov = NULL;
    if (len < 0)
        return errno == EINTR ? 0 : errno == EWOULDBLOCK ? -EAGAIN : -errno;
    return msg->msg_flags & MSG_TRUNC ? 0 : len;
}

static int receive_udp(struct stack_link *l, enum stack_link_kind kind, struct dhcp_heard *ret)
{
    struct sockaddr_storage from = {0};
    union control control;
    struct msghdr msg = {.msg_name = &from,
                         .msg_namelen = sizeof(from),
                         .msg_control = &control,
                         .msg_controllen = sizeof(control)};
    ssize_t len = receive_bytes(l, kind, &msg);
    struct server_packet *packet = &ret->packet;

    if (len <= 0)
        return (int)len;
    *packet = (struct server_packet){.bytes = l->bytes, .len = (size_t)len};
    if (ipendpoint_from_sockaddr((struct sockaddr *)&from, &packet->from) < 0)
        return 0;
    read_control(&msg, packet);
    if (kind == STACK_LINK_UDP6)
        guess_mac(packet);
    packet->to.port = kind == STACK_LINK_UDP6 ? DHCP6_SERVER_PORT : DHCP4_SERVER_PORT;
    ret->kind = kind == STACK_LINK_UDP6 ? DHCP_HEARD_UDP6 : DHCP_HEARD_UDP4;
    return 1;
}

static int receive_arp(struct stack_link *l, enum stack_link_kind kind, struct dhcp_heard *ret)
{
    struct ether_header header;
    struct msghdr msg = {0};
    ssize_t len = receive_bytes(l, kind, &msg);

    if (len <= 0)
        return (int)len;
    struct reader r = reader_of(l->bytes, (size_t)len);
    ether_read(&r, &header);
    if (r.bad || header.type != ETHER_ARP || memcmp(header.from, l->link.mac, sizeof(l->link.mac)) == 0 ||
        arp_read(l->bytes + r.pos, reader_left(&r), &ret->arp) < 0)
        return 0;
    ret->kind = DHCP_HEARD_ARP;
    return 1;
}

/* A raw socket gives the header of IP as well. */
static int receive_echo(struct stack_link *l, enum stack_link_kind kind, struct dhcp_heard *ret)
{
    struct msghdr msg = {0};
    struct ip4 ip;
    ssize_t len = receive_bytes(l, kind, &msg);

    if (len <= 0)
        return (int)len;
    if (ip4_read(l->bytes, (size_t)len, &ip) < 0 || icmp4_echo_read(ip.bytes, ip.len, &ret->echo) < 0)
        return 0;
    ret->kind = DHCP_HEARD_ECHO;
    ret->from = ipaddr_to_v4(&ip.from);
    return 1;
}

/* Whatever it is, and be it that some of it was lost: the addresses are to be looked at. */
static int receive_watch(struct stack_link *l, enum stack_link_kind kind, struct dhcp_heard *ret)
{
    struct msghdr msg = {0};
    ssize_t len = receive_bytes(l, kind, &msg);

    (void)ret;
    if (len >= 0 || len == -ENOBUFS)
        l->look_at = 0;
    return len < 0 && len != -ENOBUFS ? (int)len : 0;
}

static int rest(struct stack_link *l, unsigned polled, int error, nsec_t now)
{
    l->rests_until[l->kind_of[polled]] = now + REST;
    l->link.polled[polled].revents = 0;
    return error;
}

int stack_link_receive(struct dhcp_link *link, nsec_t now, struct dhcp_heard *ret)
{
    static int (*const functions[STACK_LINK_KINDS])(struct stack_link *, enum stack_link_kind,
                                                    struct dhcp_heard *) = {
        [STACK_LINK_UDP6] = receive_udp,    [STACK_LINK_UDP4] = receive_udp,
        [STACK_LINK_FRAMES] = receive_arp,  [STACK_LINK_ECHO] = receive_echo,
        [STACK_LINK_WATCH] = receive_watch,
    };
    struct stack_link *l = (struct stack_link *)link;

    ret->kind = DHCP_HEARD_NOTHING;
    for (unsigned k = 0; k < link->n_polled; k++) {
        unsigned i = l->turn++ % link->n_polled;
        enum stack_link_kind kind = l->kind_of[i];
        if (!link->polled[i].revents)
            continue;
        int got = functions[kind](l, kind, ret);
        if (got != -EAGAIN)
            return got < 0 ? rest(l, i, got, now) : got;
        link->polled[i].revents = 0;
    }
    return -EAGAIN;
}

/* --- sending --- */

/* The header into the room that was reserved for it, and off. */
static int send_frame(const struct stack_link *l, const uint8_t to[static 6], uint16_t type,
                      const struct writer *w)
{
    struct writer head = writer_of(w->base, ETHER_HEADER);
    struct ether_header header = {.type = type};

    if (w->bad)
        return -EMSGSIZE;
    memcpy(header.to, to, sizeof(header.to));
    memcpy(header.from, l->link.mac, sizeof(header.from));
    ether_write(&head, &header);
    return ioth_send(l->fd[STACK_LINK_FRAMES], w->base, w->pos, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 ? -errno : 0;
}

static int send_udp_frame(const struct stack_link *l, const struct server_packet *packet, uint32_t from)
{
    uint8_t bytes[ETHER_HEADER + UDP4_HEADERS + DHCP4_MESSAGE_MAX];
    struct writer w = writer_of(bytes, sizeof(bytes));
    struct udp datagram = {.from = {.addr = ipaddr_of_v4(from), .port = DHCP4_SERVER_PORT},
                           .to = packet->to,
                           .bytes = packet->bytes,
                           .len = packet->len};

    writer_reserve(&w, ETHER_HEADER);
    udp4_write(&w, &datagram);
    return send_frame(l, packet->to_mac, ETHER_IP4, &w);
}

int stack_link_send(struct dhcp_link *link, const struct server_packet *packet, uint32_t from)
{
    struct stack_link *l = (struct stack_link *)link;
    static const uint8_t nobody[6];
    bool v4 = ipaddr_is_v4(&packet->to.addr);

    if (v4 && memcmp(packet->to_mac, nobody, sizeof(nobody)) != 0)
        return send_udp_frame(l, packet, from);
    struct sockaddr_storage to;
    socklen_t to_len = ipendpoint_to_sockaddr(&packet->to, false, &to);
    struct pktinfo source = {.ifindex = l->ifindex};
    union pktinfo_control control;
    struct iovec iov = {.iov_base = (void *)(uintptr_t)packet->bytes, .iov_len = packet->len};
    struct msghdr msg = {
        .msg_name = &to, .msg_namelen = to_len, .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control};

    if (v4)
        source.addr = ipaddr_of_v4(from);
    else
        ((struct sockaddr_in6 *)&to)->sin6_scope_id = l->ifindex;
    msg.msg_controllen = pktinfo_write(&source, &control);
    return ioth_sendmsg(l->fd[v4 ? STACK_LINK_UDP4 : STACK_LINK_UDP6], &msg, MSG_DONTWAIT | MSG_NOSIGNAL) < 0
               ? -errno
               : 0;
}

int stack_link_probe(struct dhcp_link *link, uint32_t addr)
{
    static const uint8_t broadcast[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
    uint8_t bytes[ETHER_HEADER + ARP_LEN], packet[ARP_LEN];
    struct writer w = writer_of(bytes, sizeof(bytes));
    struct arp_packet probe = arp_probe(link->mac, addr);

    arp_write(&probe, packet);
    writer_reserve(&w, ETHER_HEADER);
    writer_put(&w, packet, sizeof(packet));
    return send_frame((struct stack_link *)link, broadcast, ETHER_ARP, &w);
}

/* The stack knows the way, and from which of its addresses. */
int stack_link_echo(struct dhcp_link *link, uint32_t from, uint32_t to, const uint8_t via_mac[static 6],
                    const struct icmp4_echo *echo)
{
    const struct stack_link *l = (const struct stack_link *)link;
    struct sockaddr_in addr = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(to)};
    uint8_t bytes[64];
    struct writer w = writer_of(bytes, sizeof(bytes));

    (void)from, (void)via_mac;
    if (l->fd[STACK_LINK_ECHO] < 0)
        return -EOPNOTSUPP;
    icmp4_echo_write(&w, echo);
    if (w.bad)
        return -EMSGSIZE;
    return ioth_sendto(l->fd[STACK_LINK_ECHO], bytes, w.pos, MSG_DONTWAIT | MSG_NOSIGNAL,
                       (struct sockaddr *)&addr, sizeof(addr)) < 0
               ? -errno
               : 0;
}
