/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * See dhcp_link.h. The sockets are bound to the interface, so servers for several interfaces of a stack do not disturb each
 * other, and without SO_REUSEADDR, so a second server for the same one fails to start.
 *
 * A client of DHCPv4 without an address cannot answer ARP, so a stack would not find it: such a datagram goes out as a frame to
 * its MAC address (RFC 2131 s4.1). All else is the stack's work.
 *
 * Of DHCPv6 the MAC address of a client is not to be had from a datagram. Where its link-local address was made of it
 * (RFC 4291 appendix A) it is taken from there; it can be forged like any source address, MAC addresses included.
 */
#include "libnamedhcp/dhcp_link.h"

#include "base/cursor.h"
#include "wire/dhcp4.h"
#include "wire/dhcp6.h"
#include "wire/ether.h"

#include <errno.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#define RECEIVE_BUFFER (4 << 20) /* what comes in while the disk is waited for; less if the system says so */

union control {
    struct cmsghdr head;
    char space[256];
};

/* --- opening --- */

static int set_int(int fd, int level, int option, int value)
{
    return ioth_setsockopt(fd, level, option, &value, sizeof(value)) < 0 ? -errno : 0;
}

static int bind_to(int fd, const void *addr, size_t len)
{
    return ioth_bind(fd, addr, (socklen_t)len) < 0 ? -errno : 0;
}

static int join(const struct dhcp_link *link, int fd, struct ipaddr group)
{
    struct ipv6_mreq request = {.ipv6mr_interface = link->ifindex};

    memcpy(&request.ipv6mr_multiaddr, group.b, sizeof(request.ipv6mr_multiaddr));
    return ioth_setsockopt(fd, IPPROTO_IPV6, IPV6_JOIN_GROUP, &request, sizeof(request)) < 0 ? -errno : 0;
}

static int set_up_udp6(const struct dhcp_link *link, int fd)
{
    const struct ipaddr all_servers = {{0xff, 5, [13] = 1, [15] = 3}}; /* RFC 9915 s7.1: relays know it */
    struct sockaddr_in6 any = {.sin6_family = AF_INET6, .sin6_port = htons(DHCP6_SERVER_PORT)};
    int e = set_int(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);

    if (e == 0)
        e = set_int(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1);
    if (e == 0)
        e = bind_to(fd, &any, sizeof(any));
    if (e == 0)
        e = join(link, fd, DHCP6_ALL_AGENTS);
    return e == 0 ? join(link, fd, all_servers) : e;
}

static int set_up_udp4(const struct dhcp_link *link, int fd)
{
    struct sockaddr_in any = {.sin_family = AF_INET, .sin_port = htons(DHCP4_SERVER_PORT)};
    int e = set_int(fd, SOL_SOCKET, SO_BROADCAST, 1);

    (void)link;
    if (e == 0)
        e = set_int(fd, IPPROTO_IP, IP_PKTINFO, 1);
    return e == 0 ? bind_to(fd, &any, sizeof(any)) : e;
}

static int set_up_frames(const struct dhcp_link *link, int fd)
{
    struct sockaddr_ll at = {
        .sll_family = AF_PACKET, .sll_protocol = htons(ETHER_ARP), .sll_ifindex = (int)link->ifindex};

    return bind_to(fd, &at, sizeof(at));
}

static const struct {
    int family, type;
    const char *what;
    int (*set_up)(const struct dhcp_link *, int fd);
} sockets[DHCP_LINK_KINDS] = {
    [DHCP_LINK_UDP6] = {AF_INET6, SOCK_DGRAM, "port 547 of UDP over IPv6", set_up_udp6},
    [DHCP_LINK_UDP4] = {AF_INET, SOCK_DGRAM, "port 67 of UDP", set_up_udp4},
    [DHCP_LINK_FRAMES] = {AF_PACKET, SOCK_RAW, "a socket for frames", set_up_frames},
};

static int open_socket(struct dhcp_link *link, const char *iface, enum dhcp_link_kind kind, char *why,
                       size_t why_size)
{
    int type = sockets[kind].type | SOCK_NONBLOCK | SOCK_CLOEXEC;
    int fd = ioth_msocket(link->stack, sockets[kind].family, type, 0), e = fd < 0 ? -errno : 0;

    link->fd[kind] = fd;
    if (e == 0 && sockets[kind].family != AF_PACKET) {
        e = ioth_setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, iface, (socklen_t)strlen(iface)) < 0 ? -errno
                                                                                                  : 0;
        (void)set_int(fd, SOL_SOCKET, SO_RCVBUF, RECEIVE_BUFFER);
    }
    if (e == 0)
        e = sockets[kind].set_up(link, fd);
    if (e < 0)
        snprintf(why, why_size, "cannot open %s on interface %s: %s%s", sockets[kind].what, iface,
                 strerror(-e), e == -EADDRINUSE ? ": another server has it" : "");
    return e;
}

/* --- the interface --- */

static void note_addr(struct dhcp_link *link, const struct ifaddrs *ifa)
{
    const struct sockaddr_in *addr = (const void *)ifa->ifa_addr, *mask = (const void *)ifa->ifa_netmask;
    int bits = mask ? dhcp4_mask_bits(ntohl(mask->sin_addr.s_addr)) : 32;

    if (bits < 0 || link->n_addrs == DHCP_LINK_ADDRS_MAX)
        return;
    link->addrs[link->n_addrs].addr = ntohl(addr->sin_addr.s_addr);
    link->addrs[link->n_addrs++].bits = (unsigned)bits;
}

static int look(struct dhcp_link *link, const char *iface)
{
    struct ifaddrs *all;

    if (ioth_getifaddrs(link->stack, &all) < 0)
        return -errno;
    for (const struct ifaddrs *ifa = all; ifa; ifa = ifa->ifa_next)
        if (ifa->ifa_addr && ifa->ifa_addr->sa_family == AF_INET && strcmp(ifa->ifa_name, iface) == 0)
            note_addr(link, ifa);
    ioth_freeifaddrs(all);
    return 0;
}

static int see_interface(struct dhcp_link *link, const char *iface, const uint8_t *mac, char *why,
                         size_t why_size)
{
    uint8_t wanted[6];
    int e = 0, ifindex = ioth_if_nametoindex(link->stack, iface);

    if (ifindex <= 0) {
        snprintf(why, why_size, "there is no interface %.40s on the stack", iface);
        return -ENODEV;
    }
    link->ifindex = (unsigned)ifindex;
    if (ioth_linkgetaddr(link->stack, link->ifindex, link->mac) < 0)
        e = -errno;
    if (e == 0 && mac && memcmp(mac, link->mac, sizeof(link->mac)) != 0) {
        memcpy(wanted, mac, sizeof(wanted));
        e = ioth_linksetaddr(link->stack, link->ifindex, wanted) < 0 ? -errno : 0;
        memcpy(link->mac, mac, sizeof(link->mac));
    }
    if (e == 0)
        e = look(link, iface);
    if (e < 0)
        snprintf(why, why_size, "cannot use interface %.40s: %s", iface, strerror(-e));
    return e;
}

int dhcp_link_open(struct dhcp_link *link, struct ioth *stack, const char *iface, const uint8_t *mac,
                   bool serve6, bool serve4, char *why, size_t why_size)
{
    *link = (struct dhcp_link){.stack = stack, .fd = {-1, -1, -1}};
    int e = see_interface(link, iface, mac, why, why_size);

    if (e == 0 && serve6)
        e = open_socket(link, iface, DHCP_LINK_UDP6, why, why_size);
    if (e == 0 && serve4)
        e = open_socket(link, iface, DHCP_LINK_UDP4, why, why_size);
    if (e == 0 && serve4)
        e = open_socket(link, iface, DHCP_LINK_FRAMES, why, why_size);
    if (e < 0)
        dhcp_link_close(link);
    return e;
}

void dhcp_link_close(struct dhcp_link *link)
{
    for (unsigned i = 0; i < DHCP_LINK_KINDS; i++) {
        if (link->fd[i] >= 0)
            ioth_close(link->fd[i]);
        link->fd[i] = -1;
    }
}

/* --- receiving --- */

static void read_control(struct msghdr *msg, struct server_packet *packet)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
        if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
            memcpy(packet->to.addr.b, CMSG_DATA(c), sizeof(packet->to.addr.b)); /* ipi6_addr comes first */
        } else if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
            struct in_pktinfo info;
            memcpy(&info, CMSG_DATA(c), sizeof(info));
            packet->to.addr = ipaddr_of_v4(ntohl(info.ipi_addr.s_addr));
        }
    }
}

static void guess_mac(struct server_packet *packet)
{
    const uint8_t *b = packet->from.addr.b;
    const uint8_t mac[6] = {b[8] ^ 2, b[9], b[10], b[13], b[14], b[15]};

    if (b[0] == 0xfe && (b[1] & 0xc0) == 0x80 && b[11] == 0xff && b[12] == 0xfe)
        memcpy(packet->from_mac, mac, sizeof(mac));
}

int dhcp_link_receive(struct dhcp_link *link, enum dhcp_link_kind kind, struct server_packet *ret)
{
    struct sockaddr_storage from = {0};
    union control control;
    struct iovec iov = {.iov_base = link->bytes, .iov_len = sizeof(link->bytes)};
    struct msghdr msg = {.msg_name = &from,
                         .msg_namelen = sizeof(from),
                         .msg_iov = &iov,
                         .msg_iovlen = 1,
                         .msg_control = &control,
                         .msg_controllen = sizeof(control)};
    ssize_t len = ioth_recvmsg(link->fd[kind], &msg, MSG_DONTWAIT);

    if (len < 0)
        return errno == EINTR ? 0 : errno == EWOULDBLOCK ? -EAGAIN : -errno;
    *ret = (struct server_packet){.bytes = link->bytes, .len = (size_t)len};
    if (msg.msg_flags & MSG_TRUNC || ipendpoint_from_sockaddr((struct sockaddr *)&from, &ret->from) < 0)
        return 0;
    read_control(&msg, ret);
    if (kind == DHCP_LINK_UDP6)
        guess_mac(ret);
    ret->to.port = kind == DHCP_LINK_UDP6 ? DHCP6_SERVER_PORT : DHCP4_SERVER_PORT;
    return 1;
}

int dhcp_link_receive_arp(struct dhcp_link *link, struct arp_packet *ret)
{
    struct sockaddr_ll from = {0};
    socklen_t from_len = sizeof(from);
    ssize_t len = ioth_recvfrom(link->fd[DHCP_LINK_FRAMES], link->bytes, sizeof(link->bytes), MSG_DONTWAIT,
                                (struct sockaddr *)&from, &from_len);
    struct ether_header header;

    if (len < 0)
        return errno == EINTR ? 0 : errno == EWOULDBLOCK ? -EAGAIN : -errno;
    struct reader r = reader_of(link->bytes, (size_t)len);
    ether_read(&r, &header);
    if (r.bad || header.type != ETHER_ARP || memcmp(header.from, link->mac, sizeof(link->mac)) == 0 ||
        arp_read(link->bytes + r.pos, reader_left(&r), ret) < 0)
        return 0;
    return 1;
}

/* --- sending --- */

/* The header into the room that was reserved for it, and off. */
static int send_frame(const struct dhcp_link *link, const uint8_t to[static 6], uint16_t type,
                      const struct writer *w)
{
    struct writer head = writer_of(w->base, ETHER_HEADER);
    struct ether_header header = {.type = type};

    if (w->bad)
        return -EMSGSIZE;
    memcpy(header.to, to, sizeof(header.to));
    memcpy(header.from, link->mac, sizeof(header.from));
    ether_write(&head, &header);
    return ioth_send(link->fd[DHCP_LINK_FRAMES], w->base, w->pos, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 ? -errno
                                                                                                   : 0;
}

static int send_udp_frame(const struct dhcp_link *link, const struct server_packet *packet, uint32_t from)
{
    uint8_t bytes[ETHER_HEADER + UDP4_HEADERS + DHCP4_MESSAGE_MAX];
    struct writer w = writer_of(bytes, sizeof(bytes));
    struct udp4 datagram = {.from = {.addr = ipaddr_of_v4(from), .port = DHCP4_SERVER_PORT},
                            .to = packet->to,
                            .bytes = packet->bytes,
                            .len = packet->len};

    writer_reserve(&w, ETHER_HEADER);
    udp4_write(&w, &datagram);
    return send_frame(link, packet->to_mac, ETHER_IP4, &w);
}

static void put_control(struct msghdr *msg, union control *control, int level, int type, const void *data,
                        size_t len)
{
    memset(control, 0, sizeof(*control));
    control->head = (struct cmsghdr){.cmsg_len = CMSG_LEN(len), .cmsg_level = level, .cmsg_type = type};
    memcpy(CMSG_DATA(&control->head), data, len);
    msg->msg_control = control;
    msg->msg_controllen = CMSG_SPACE(len);
}

int dhcp_link_send(const struct dhcp_link *link, const struct server_packet *packet, uint32_t from)
{
    static const uint8_t nobody[6];
    bool v4 = ipaddr_is_v4(&packet->to.addr);

    if (v4 && memcmp(packet->to_mac, nobody, sizeof(nobody)) != 0)
        return send_udp_frame(link, packet, from);
    struct sockaddr_storage to;
    socklen_t to_len = ipendpoint_to_sockaddr(&packet->to, false, &to);
    union control control;
    struct in6_pktinfo info6 = {.ipi6_ifindex = link->ifindex};
    struct in_pktinfo info4 = {.ipi_ifindex = (int)link->ifindex, .ipi_spec_dst = {htonl(from)}};
    struct iovec iov = {.iov_base = (void *)(uintptr_t)packet->bytes, .iov_len = packet->len};
    struct msghdr msg = {.msg_name = &to, .msg_namelen = to_len, .msg_iov = &iov, .msg_iovlen = 1};

    if (v4) {
        put_control(&msg, &control, IPPROTO_IP, IP_PKTINFO, &info4, sizeof(info4));
    } else {
        ((struct sockaddr_in6 *)&to)->sin6_scope_id = link->ifindex;
        put_control(&msg, &control, IPPROTO_IPV6, IPV6_PKTINFO, &info6, sizeof(info6));
    }
    return ioth_sendmsg(link->fd[v4 ? DHCP_LINK_UDP4 : DHCP_LINK_UDP6], &msg, MSG_DONTWAIT | MSG_NOSIGNAL) < 0
               ? -errno
               : 0;
}

int dhcp_link_probe(const struct dhcp_link *link, uint32_t addr)
{
    static const uint8_t broadcast[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
    uint8_t bytes[ETHER_HEADER + ARP_LEN], packet[ARP_LEN];
    struct writer w = writer_of(bytes, sizeof(bytes));
    struct arp_packet probe = arp_probe(link->mac, addr);

    arp_write(&probe, packet);
    writer_reserve(&w, ETHER_HEADER);
    writer_put(&w, packet, sizeof(packet));
    return send_frame(link, broadcast, ETHER_ARP, &w);
}
