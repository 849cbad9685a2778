/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The sockets of the clients; see clientio.h.

   DHCPv4 has two ways. With an address it is UDP at port 68. Before, a stack can neither send from 0.0.0.0 nor take
   in an offer that goes to the address offered, so frames are written and read here (RFC 2131 s4.1, wire/ether.h); a
   filter of the kernel's keeps all other frames from us, and where a stack has no filters (lwIP) they are
   dropped here. The keeper has CLIENTIO_FRAMES open only as long as it is needed; frames are sent by
   CLIENTIO_ARP, which is there whenever DHCPv4 is.

   Each socket is bound to its interface, so two interfaces of one stack have one set each. SO_REUSEADDR lets them
   share the ports, also with the client of another program.

   Sources of packets that our own machine sends on a virtual link may have left the UDP checksum to the
   hardware; the packet socket says so by PACKET_AUXDATA.

   ICMPv6 leaves with hop limit 255 and arrives with its hop limit, which the core looks at; checksums are the
   stack's work (RFC 3542 s3.1). */
#include "libiothconf/clientio.h"

#include "base/pktinfo.h"
#include "wire/ether.h"
#include "wire/netlink.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/if_packet.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <string.h>

enum {
    PORT_DHCP4_CLIENT = 68,
    PORT_DHCP6_CLIENT = 546,
    CONTROL_BYTES = 256, /* for the few control messages that are asked for */
};

union any_sockaddr {
    struct sockaddr any;
    struct sockaddr_in in;
    struct sockaddr_in6 in6;
    struct sockaddr_ll ll;
    struct sockaddr_nl nl;
    struct sockaddr_storage storage;
};

union control {
    struct cmsghdr head;
    char space[CONTROL_BYTES];
};

void clientio_init(struct clientio *io, struct ioth *stack, unsigned ifindex)
{
    *io = (struct clientio){.stack = stack, .ifindex = ifindex};
    for (int kind = 0; kind < CLIENTIO_KINDS; kind++)
        io->fd[kind] = -1;
}

/* --- opening --- */

static int set_on(int fd, int level, int option)
{
    const int on = 1;

    return ioth_setsockopt(fd, level, option, &on, sizeof(on)) < 0 ? -errno : 0;
}

static int set_int(int fd, int level, int option, int value)
{
    return ioth_setsockopt(fd, level, option, &value, sizeof(value)) < 0 ? -errno : 0;
}

static int name_of(const struct clientio *io, char name[static IFNAMSIZ])
{
    struct ifreq request = {.ifr_ifindex = (int)io->ifindex};
    int fd = io->stack != NULL ? ioth_msocket(io->stack, AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)
                               : socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    int rc;

    if (fd < 0)
        return -errno;
    rc = ioth_ioctl(fd, SIOCGIFNAME, &request) < 0 ? -errno : 0;
    ioth_close(fd);
    if (rc == 0)
        memcpy(name, request.ifr_name, IFNAMSIZ);
    return rc;
}

static int bind_to_device(const struct clientio *io, int fd)
{
    char name[IFNAMSIZ];
    int rc = name_of(io, name);

    if (rc < 0)
        return rc;
    return ioth_setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, name, (socklen_t)strnlen(name, IFNAMSIZ)) < 0
               ? -errno
               : 0;
}

static int bind_to(int fd, const void *addr, size_t len)
{
    return ioth_bind(fd, addr, (socklen_t)len) < 0 ? -errno : 0;
}

static int set_up_udp4(const struct clientio *io, int fd)
{
    struct sockaddr_in any = {.sin_family = AF_INET, .sin_port = htons(PORT_DHCP4_CLIENT)};
    int rc = set_on(fd, SOL_SOCKET, SO_REUSEADDR);

    if (rc == 0)
        rc = set_on(fd, SOL_SOCKET, SO_BROADCAST);
    if (rc == 0)
        rc = set_on(fd, IPPROTO_IP, IP_PKTINFO);
    if (rc == 0)
        rc = bind_to_device(io, fd);
    return rc < 0 ? rc : bind_to(fd, &any, sizeof(any));
}

static int bind_packet(const struct clientio *io, int fd, uint16_t type)
{
    struct sockaddr_ll link = {
        .sll_family = AF_PACKET, .sll_protocol = htons(type), .sll_ifindex = (int)io->ifindex};

    return bind_to(fd, &link, sizeof(link));
}

/* Lets through whole datagrams of IPv4 to port 68. Which stacks have no filters need none: all is checked again. */
static void attach_filter(int fd)
{
    static const struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 12),                 /* the type of the frame */
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ETHER_IP4, 0, 8),   /* is IPv4 */
        BPF_STMT(BPF_LD | BPF_B | BPF_ABS, ETHER_HEADER + 9),   /* its protocol */
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, IPPROTO_UDP, 0, 6), /* is UDP */
        BPF_STMT(BPF_LD | BPF_H | BPF_ABS, ETHER_HEADER + 6),   /* flags and offset */
        BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, 0x3fff, 4, 0),     /* not a fragment */
        BPF_STMT(BPF_LDX | BPF_B | BPF_MSH, ETHER_HEADER),      /* the length of the IP header */
        BPF_STMT(BPF_LD | BPF_H | BPF_IND, ETHER_HEADER + 2),   /* the destination port */
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, PORT_DHCP4_CLIENT, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, CLIENTIO_PACKET_MAX),
        BPF_STMT(BPF_RET | BPF_K, 0),
    };
    struct sock_fprog program = {.len = ARRAY_LEN(code), .filter = (struct sock_filter *)(uintptr_t)code};

    (void)ioth_setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program));
}

/* Takes nothing in before it is bound: it was opened for no protocol. */
static int set_up_frames(const struct clientio *io, int fd)
{
    attach_filter(fd);
    (void)set_on(fd, SOL_PACKET, PACKET_AUXDATA); /* a stack without it has no such packets */
    return bind_packet(io, fd, ETHER_IP4);
}

static int set_up_arp(const struct clientio *io, int fd)
{
    return bind_packet(io, fd, ETHER_ARP);
}

static int set_up_udp6(const struct clientio *io, int fd)
{
    struct sockaddr_in6 any = {.sin6_family = AF_INET6, .sin6_port = htons(PORT_DHCP6_CLIENT)};
    int rc = set_on(fd, SOL_SOCKET, SO_REUSEADDR);

    if (rc == 0)
        rc = set_on(fd, IPPROTO_IPV6, IPV6_V6ONLY);
    if (rc == 0)
        rc = set_on(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO);
    if (rc == 0)
        rc = bind_to_device(io, fd);
    return rc < 0 ? rc : bind_to(fd, &any, sizeof(any));
}

static int set_up_icmp6(const struct clientio *io, int fd)
{
    enum { HOPS = 255 }; /* RFC 4861 s6.1: what comes over a router is not believed */
    struct icmp6_filter filter;
    int rc;

    ICMP6_FILTER_SETBLOCKALL(&filter);
    ICMP6_FILTER_SETPASS(ND_ROUTER_ADVERT, &filter);
    rc = ioth_setsockopt(fd, IPPROTO_ICMPV6, ICMP6_FILTER, &filter, sizeof(filter)) < 0 ? -errno : 0;
    if (rc == 0)
        rc = set_int(fd, IPPROTO_IPV6, IPV6_MULTICAST_HOPS, HOPS);
    if (rc == 0)
        rc = set_int(fd, IPPROTO_IPV6, IPV6_UNICAST_HOPS, HOPS);
    if (rc == 0)
        rc = set_on(fd, IPPROTO_IPV6, IPV6_RECVHOPLIMIT);
    if (rc == 0)
        rc = set_on(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO);
    return rc < 0 ? rc : bind_to_device(io, fd);
}

static int set_up_link(const struct clientio *io, int fd)
{
    struct sockaddr_nl groups = {.nl_family = AF_NETLINK, .nl_groups = RTMGRP_LINK};

    (void)io;
    return bind_to(fd, &groups, sizeof(groups));
}

/* What each kind of socket is. */
static const struct {
    int family, type, protocol;
    int (*set_up)(const struct clientio *, int fd);
} sockets[CLIENTIO_KINDS] = {
    [CLIENTIO_UDP4] = {AF_INET, SOCK_DGRAM, 0, set_up_udp4},
    [CLIENTIO_FRAMES] = {AF_PACKET, SOCK_RAW, 0, set_up_frames},
    [CLIENTIO_ARP] = {AF_PACKET, SOCK_RAW, 0, set_up_arp},
    [CLIENTIO_UDP6] = {AF_INET6, SOCK_DGRAM, 0, set_up_udp6},
    [CLIENTIO_ICMP6] = {AF_INET6, SOCK_RAW, IPPROTO_ICMPV6, set_up_icmp6},
    [CLIENTIO_LINK] = {AF_NETLINK, SOCK_RAW, NETLINK_ROUTE, set_up_link},
};

int clientio_open(struct clientio *io, enum clientio_kind kind)
{
    int type = sockets[kind].type | SOCK_NONBLOCK | SOCK_CLOEXEC;
    int fd, rc;

    if (io->fd[kind] >= 0)
        return 0;
    fd = io->stack != NULL ? ioth_msocket(io->stack, sockets[kind].family, type, sockets[kind].protocol)
                           : socket(sockets[kind].family, type, sockets[kind].protocol);
    if (fd < 0)
        return -errno;
    rc = sockets[kind].set_up(io, fd);
    if (rc < 0)
        ioth_close(fd);
    else
        io->fd[kind] = fd;
    return rc;
}

void clientio_close(struct clientio *io, enum clientio_kind kind)
{
    if (io->fd[kind] >= 0)
        ioth_close(io->fd[kind]);
    io->fd[kind] = -1;
}

int clientio_count(const struct clientio *io)
{
    int n = 0;

    for (int kind = 0; kind < CLIENTIO_KINDS; kind++)
        n += io->fd[kind] >= 0;
    return n;
}

/* --- receiving --- */

/* What came with a packet besides its bytes. */
struct arrival {
    union any_sockaddr from;
    struct ipaddr to;  /* all zero: not told */
    uint8_t hop_limit; /* 0: not told */
    bool unsummed;     /* PACKET_AUXDATA: the UDP checksum was left to the hardware */
};

static void read_control(const struct cmsghdr *c, struct arrival *ret)
{
    struct pktinfo info;

    if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_HOPLIMIT) {
        int hops;

        memcpy(&hops, CMSG_DATA(c), sizeof(hops));
        ret->hop_limit = (uint8_t)hops;
    } else if (pktinfo_read(c, &info)) {
        ret->to = info.addr;
    } else if (c->cmsg_level == SOL_PACKET && c->cmsg_type == PACKET_AUXDATA) {
        struct tpacket_auxdata aux;

        memcpy(&aux, CMSG_DATA(c), sizeof(aux));
        ret->unsummed = (aux.tp_status & TP_STATUS_CSUMNOTREADY) != 0;
    }
}

/* The number of bytes, or negative errno; -EMSGSIZE: longer than the buffer. */
static ssize_t receive(int fd, struct clientio_buffer *buffer, struct arrival *ret)
{
    struct iovec iov = {.iov_base = buffer->bytes, .iov_len = sizeof(buffer->bytes)};
    union control control;
    struct msghdr msg = {.msg_name = &ret->from,
                         .msg_namelen = sizeof(ret->from),
                         .msg_iov = &iov,
                         .msg_iovlen = 1,
                         .msg_control = &control,
                         .msg_controllen = sizeof(control)};
    ssize_t len;

    *ret = (struct arrival){0};
    do
        len = ioth_recvmsg(fd, &msg, MSG_DONTWAIT);
    while (len < 0 && errno == EINTR);
    if (len < 0)
        return -errno;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(&msg); c != NULL; c = CMSG_NXTHDR(&msg, c))
        read_control(c, ret);
    return (msg.msg_flags & MSG_TRUNC) != 0 ? -EMSGSIZE : len;
}

/* Each take_ function makes a packet of what was received: 1, or 0 if it is none. */

static int take_datagram(const struct clientio *io, const struct arrival *arrival, struct reader r,
                         struct client_packet *ret)
{
    (void)io;
    ret->way = CLIENT_UDP;
    ret->bytes = r.base;
    ret->len = r.len;
    ret->to.addr = arrival->to;
    ret->to.port = arrival->from.any.sa_family == AF_INET ? PORT_DHCP4_CLIENT : PORT_DHCP6_CLIENT;
    return ipendpoint_from_sockaddr(&arrival->from.any, &ret->from) == 0;
}

static int take_icmp6(const struct clientio *io, const struct arrival *arrival, struct reader r,
                      struct client_packet *ret)
{
    (void)io;
    ret->way = CLIENT_ICMP6;
    ret->bytes = r.base;
    ret->len = r.len;
    ret->to.addr = arrival->to;
    ret->hop_limit = arrival->hop_limit;
    if (ipendpoint_from_sockaddr(&arrival->from.any, &ret->from) < 0)
        return 0;
    ret->from.port = 0; /* a raw socket of Linux has the protocol there */
    return 1;
}

/* A frame for this interface, its header read: not one that it sent, nor one for another (lwIP shows all). */
static bool is_for_us(const struct clientio *io, const struct arrival *arrival,
                      const struct ether_header *header)
{
    return arrival->from.ll.sll_pkttype != PACKET_OUTGOING &&
           arrival->from.ll.sll_pkttype != PACKET_OTHERHOST &&
           memcmp(header->from, io->mac, sizeof(io->mac)) != 0;
}

static int take_frame(const struct clientio *io, const struct arrival *arrival, struct reader r,
                      struct client_packet *ret)
{
    struct ether_header header;
    struct udp datagram;

    ether_read(&r, &header);
    if (r.bad || header.type != ETHER_IP4 || !is_for_us(io, arrival, &header) ||
        udp4_read(r.base + r.pos, reader_left(&r), arrival->unsummed, &datagram) < 0 ||
        datagram.to.port != PORT_DHCP4_CLIENT)
        return 0;
    *ret = (struct client_packet){.way = CLIENT_UDP,
                                  .from = datagram.from,
                                  .to = datagram.to,
                                  .bytes = datagram.bytes,
                                  .len = datagram.len};
    memcpy(ret->from_mac, header.from, sizeof(ret->from_mac));
    return 1;
}

static int take_arp(const struct clientio *io, const struct arrival *arrival, struct reader r,
                    struct client_packet *ret)
{
    struct ether_header header;

    ether_read(&r, &header);
    if (r.bad || header.type != ETHER_ARP || !is_for_us(io, arrival, &header))
        return 0;
    ret->way = CLIENT_ARP;
    memcpy(ret->from_mac, header.from, sizeof(ret->from_mac));
    ret->bytes = r.base + r.pos;
    ret->len = reader_left(&r);
    return 1;
}

int clientio_receive(const struct clientio *io, enum clientio_kind kind, struct clientio_buffer *buffer,
                     struct client_packet *ret)
{
    static int (*const take[])(const struct clientio *, const struct arrival *, struct reader,
                               struct client_packet *) = {
        [CLIENTIO_UDP4] = take_datagram, [CLIENTIO_FRAMES] = take_frame, [CLIENTIO_ARP] = take_arp,
        [CLIENTIO_UDP6] = take_datagram, [CLIENTIO_ICMP6] = take_icmp6,
    };
    struct client_packet packet = {0};
    struct arrival arrival;
    ssize_t len = receive(io->fd[kind], buffer, &arrival);

    if (len < 0)
        return len == -EMSGSIZE || len == -ENETDOWN ? 0 : (int)len;
    if (!take[kind](io, &arrival, reader_of(buffer->bytes, (size_t)len), &packet))
        return 0;
    *ret = packet;
    return 1;
}

/* Messages that were lost since there was no room (ENOBUFS) may have been about our link. */
int clientio_link_message(const struct clientio *io, struct clientio_buffer *buffer, bool *ret_down)
{
    struct arrival arrival;
    ssize_t len = receive(io->fd[CLIENTIO_LINK], buffer, &arrival);
    struct reader r = reader_of(buffer->bytes, len > 0 ? (size_t)len : 0);
    const struct nlmsghdr *msg;

    *ret_down = false;
    if (len < 0)
        return len == -EMSGSIZE || len == -ENOBUFS ? 0 : -EAGAIN;
    while ((msg = netlink_next_message(&r)) != NULL) {
        const struct ifinfomsg *info = NLMSG_DATA(msg);

        if (msg->nlmsg_type == RTM_NEWLINK && msg->nlmsg_len >= NLMSG_LENGTH(sizeof(*info)) &&
            info->ifi_index == (int)io->ifindex && (info->ifi_flags & IFF_UP) == 0)
            *ret_down = true;
    }
    return 0;
}

/* --- sending --- */

static bool is_zero(const void *bytes, size_t len)
{
    static const uint8_t zero[16];

    return memcmp(bytes, zero, len) == 0;
}

/* 0.0.0.0, as opposed to ::, which leaves the choice to the stack. */
static bool is_nobody(const struct ipaddr *a)
{
    return ipaddr_is_v4(a) && is_zero(a->b + 12, 4);
}

static int send_all(int fd, const struct msghdr *msg)
{
    ssize_t len;

    do
        len = ioth_sendmsg(fd, msg, MSG_DONTWAIT | MSG_NOSIGNAL);
    while (len < 0 && errno == EINTR);
    return len < 0 ? -errno : 0;
}

/* A frame: the header, then what the writer holds behind it. */
static int send_frame(const struct clientio *io, const uint8_t to_mac[static 6], uint16_t type,
                      struct writer *w)
{
    struct writer head = writer_of(w->base, ETHER_HEADER);
    struct ether_header header = {.type = type};
    struct iovec iov = {.iov_base = w->base, .iov_len = w->pos};
    struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};

    if (w->bad)
        return -EMSGSIZE;
    memcpy(header.to, to_mac, sizeof(header.to));
    memcpy(header.from, io->mac, sizeof(header.from));
    ether_write(&head, &header);
    return send_all(io->fd[CLIENTIO_ARP], &msg);
}

static int send_udp_frame(const struct clientio *io, const struct client_packet *packet)
{
    static const uint8_t broadcast[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
    const uint8_t *to_mac = is_zero(packet->to_mac, sizeof(packet->to_mac)) ? broadcast : packet->to_mac;
    struct udp datagram = {
        .from = packet->from, .to = packet->to, .bytes = packet->bytes, .len = packet->len};
    uint8_t frame[CLIENTIO_PACKET_MAX];
    struct writer w = writer_of(frame, sizeof(frame));

    writer_reserve(&w, ETHER_HEADER);
    udp4_write(&w, &datagram);
    return send_frame(io, to_mac, ETHER_IP4, &w);
}

static int send_arp(const struct clientio *io, const struct client_packet *packet)
{
    uint8_t frame[CLIENTIO_PACKET_MAX];
    struct writer w = writer_of(frame, sizeof(frame));

    writer_reserve(&w, ETHER_HEADER);
    writer_put(&w, packet->bytes, packet->len);
    return send_frame(io, packet->to_mac, ETHER_ARP, &w);
}

static int send_by_stack(const struct clientio *io, enum clientio_kind kind,
                         const struct client_packet *packet)
{
    struct sockaddr_storage to;
    socklen_t to_len = ipendpoint_to_sockaddr(&packet->to, false, &to);
    struct iovec iov = {.iov_base = (void *)(uintptr_t)packet->bytes, .iov_len = packet->len};
    struct pktinfo from = {.addr = packet->from.addr, .ifindex = io->ifindex};
    union pktinfo_control control;
    struct msghdr msg = {.msg_name = &to,
                         .msg_namelen = to_len,
                         .msg_iov = &iov,
                         .msg_iovlen = 1,
                         .msg_control = &control,
                         .msg_controllen = pktinfo_write(&from, &control)};

    if (to.ss_family == AF_INET6)
        ((struct sockaddr_in6 *)&to)->sin6_scope_id = io->ifindex;
    return send_all(io->fd[kind], &msg);
}

int clientio_send(const struct clientio *io, const struct client_packet *packet)
{
    bool v4 = ipaddr_is_v4(&packet->to.addr);

    if (packet->way == CLIENT_ARP)
        return send_arp(io, packet);
    if (packet->way == CLIENT_ICMP6)
        return send_by_stack(io, CLIENTIO_ICMP6, packet);
    if (v4 && (is_nobody(&packet->from.addr) || !is_zero(packet->to_mac, sizeof(packet->to_mac))))
        return send_udp_frame(io, packet);
    return send_by_stack(io, v4 ? CLIENTIO_UDP4 : CLIENTIO_UDP6, packet);
}
