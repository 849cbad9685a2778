/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See proxy_neighbour.h. A packet socket with a filter for solicitations and advertisements of neighbours sees what is sent to
 * this interface, by unicast too; a second socket, never read, holds the memberships of the solicited-node groups of muted
 * addresses, so that snooping switches and the card's filter let their solicitations through.
 *
 * Announcing is optimistic (RFC 4429): the address serves at once, and at the same time a solicitation from the unspecified
 * address asks whether somebody else has it. 64 bits that nobody can guess collide by attack alone; so an answer is told and
 * counted, and the address stays: giving it up would hand the attacker what it wants.
 *
 * Which addresses are ours is kept in one array: those announced last, for the answers of the others, and those that are answered
 * for. A flood of solicitations costs the link one answer each, as it does with any node.
 */
#include "libotip/proxy_neighbour.h"

#include "libotip/proxy_window.h"
#include "wire/ip6.h"
#include "wire/nd.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/if_packet.h>
#include <net/if_arp.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum {
    MESSAGES_PER_WAKE = 64, /* then flows have their turn */
    PACKET_MAX = 1500,
    NODES_MAX = WINDOW_ADDRESSES_MAX + 1,
};

struct node {
    struct ipaddr addr;
    bool answered;
};

struct proxy_neighbour {
    struct ioth *stack;
    unsigned ifindex;
    uint8_t mac[ETHER_MAC];
    int fd, groups;
    unsigned n;
    struct node nodes[NODES_MAX];
};

/* ---- sockets ---- */

/* IPv6, next header ICMPv6, type 135 or 136; the socket gives packets from their IP header on. */
static int set_filter(int fd)
{
    static struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 6),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, IP6_ICMP, 0, 4),
        BPF_STMT(BPF_LD | BPF_B | BPF_ABS, IP6_HEADER),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ND_NEIGHBOR_SOLICIT, 1, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ND_NEIGHBOR_ADVERT, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, PACKET_MAX),
        BPF_STMT(BPF_RET | BPF_K, 0),
    };
    struct sock_fprog program = {.len = ARRAY_LEN(code), .filter = code};

    /* lwip runs no filters: there more comes up here, and is looked at. */
    return ioth_setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) == 0 ||
                   errno == ENOPROTOOPT
               ? 0
               : -errno;
}

/* A packet socket may be bound anew by whoever has it; another one takes privileges that are given up by then. */
static int bind_to(struct proxy_neighbour *n, unsigned ifindex)
{
    struct sockaddr_ll at = {
        .sll_family = AF_PACKET, .sll_protocol = htons(ETHER_IP6), .sll_ifindex = (int)ifindex};

    n->ifindex = ifindex;
    return ioth_bind(n->fd, (const struct sockaddr *)&at, sizeof(at)) < 0 ? -errno : 0;
}

static int open_groups(struct proxy_neighbour *n)
{
    if (n->groups >= 0)
        ioth_close(n->groups);
    n->groups = ioth_msocket(n->stack, AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    return n->groups < 0 ? -errno : 0;
}

static int open_sockets(struct proxy_neighbour *n, unsigned ifindex)
{
    n->fd = ioth_msocket(n->stack, AF_PACKET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int e = n->fd < 0 ? -errno : set_filter(n->fd);
    if (e == 0)
        e = bind_to(n, ifindex);
    return e == 0 ? open_groups(n) : e;
}

/* Of an Ethernet interface the address; false: it is another kind. */
static bool is_ethernet(struct proxy_neighbour *n)
{
    struct sockaddr_ll at;
    socklen_t len = sizeof(at);

    return ioth_getsockname(n->fd, (struct sockaddr *)&at, &len) == 0 && at.sll_hatype == ARPHRD_ETHER &&
           ioth_linkgetaddr(n->stack, n->ifindex, n->mac) == 0;
}

int proxy_neighbour_open(struct proxy_neighbour **ret, struct ioth *stack, unsigned ifindex)
{
    struct proxy_neighbour *n = calloc(1, sizeof(*n));

    if (n == NULL)
        return -ENOMEM;
    n->stack = stack;
    n->fd = n->groups = -1;
    int e = open_sockets(n, ifindex);
    if (e < 0 || !is_ethernet(n)) {
        proxy_neighbour_close(n);
        n = NULL;
    }
    if (e == 0)
        *ret = n;
    return e;
}

void proxy_neighbour_close(struct proxy_neighbour *n)
{
    if (n == NULL)
        return;
    if (n->fd >= 0)
        ioth_close(n->fd);
    if (n->groups >= 0)
        ioth_close(n->groups);
    free(n);
}

int proxy_neighbour_fd(const struct proxy_neighbour *n)
{
    return n ? n->fd : -1;
}

/* ---- messages ---- */

static const struct ipaddr unspecified;
static const struct ipaddr all_nodes = {{0xff, 0x02, [15] = 1}};

/* ff02::1:ffXX:XXXX (RFC 4291 s2.7.1). */
static struct ipaddr solicited_node(const struct ipaddr *addr)
{
    struct ipaddr group = {{0xff, 0x02, [11] = 1, [12] = 0xff}};

    memcpy(group.b + 13, addr->b + 13, 3);
    return group;
}

/* RFC 2464 s7. */
static void mac_of_group(const struct ipaddr *group, uint8_t ret[static ETHER_MAC])
{
    ret[0] = ret[1] = 0x33;
    memcpy(ret + 2, group->b + 12, 4);
}

/* What cannot be sent is lost, as on any network. */
static void send_message(struct proxy_neighbour *n, const struct ipaddr *from, const struct ipaddr *to,
                         const uint8_t to_mac[static ETHER_MAC], const struct nd_message *msg, bool with_mac)
{
    uint8_t bytes[128], packet[IP6_HEADER + sizeof(bytes)];
    struct writer w = writer_of(bytes, sizeof(bytes)), p = writer_of(packet, sizeof(packet));
    struct nd_option option = {.type = ND_TARGET_MAC};
    struct sockaddr_ll at = {.sll_family = AF_PACKET,
                             .sll_protocol = htons(ETHER_IP6),
                             .sll_ifindex = (int)n->ifindex,
                             .sll_halen = ETHER_MAC};

    memcpy(option.mac, n->mac, sizeof(option.mac));
    memcpy(at.sll_addr, to_mac, ETHER_MAC);
    nd_write(&w, msg);
    if (with_mac)
        nd_write_option(&w, &option);
    if (w.bad)
        return;
    nd_set_checksum(from, to, bytes, w.pos);
    ip6_write(&p, &(struct ip6){.from = *from,
                                .to = *to,
                                .next_header = IP6_ICMP,
                                .hop_limit = ND_HOP_LIMIT,
                                .bytes = bytes,
                                .len = w.pos});
    if (!p.bad && ioth_sendto(n->fd, packet, p.pos, MSG_DONTWAIT | MSG_NOSIGNAL, (const struct sockaddr *)&at,
                              sizeof(at)) < 0)
        return;
}

/* ---- addresses ---- */

static struct node *find(struct proxy_neighbour *n, const struct ipaddr *addr)
{
    for (unsigned i = 0; i < n->n; i++)
        if (ipaddr_equal(&n->nodes[i].addr, addr))
            return &n->nodes[i];
    return NULL;
}

static struct node *enter(struct proxy_neighbour *n, const struct ipaddr *addr)
{
    struct node *node = find(n, addr);

    if (node == NULL && n->n < NODES_MAX) {
        node = &n->nodes[n->n++];
        *node = (struct node){.addr = *addr};
    }
    return node;
}

static int change_group(struct proxy_neighbour *n, int option, const struct ipaddr *addr)
{
    struct ipaddr group = solicited_node(addr);
    struct ipv6_mreq request = {.ipv6mr_interface = n->ifindex};

    memcpy(&request.ipv6mr_multiaddr, group.b, sizeof(group.b));
    return ioth_setsockopt(n->groups, IPPROTO_IPV6, option, &request, sizeof(request)) < 0 ? -errno : 0;
}

static int join(struct proxy_neighbour *n, const struct ipaddr *addr)
{
    int e = change_group(n, IPV6_JOIN_GROUP, addr);

    /* Two addresses of one group; an interface that is away, see proxy_neighbour_move. */
    return e == -EADDRINUSE || e == -ENODEV ? 0 : e;
}

void proxy_neighbour_announce(struct proxy_neighbour *n, const struct ipaddr *addr)
{
    uint8_t mac[ETHER_MAC];

    if (n == NULL || enter(n, addr) == NULL)
        return;
    struct ipaddr group = solicited_node(addr);
    mac_of_group(&group, mac);
    send_message(n, &unspecified, &group, mac,
                 &(struct nd_message){.type = ND_NEIGHBOR_SOLICIT, .neighbor = {.target = *addr}}, false);
    mac_of_group(&all_nodes, mac);
    send_message(n, addr, &all_nodes, mac,
                 &(struct nd_message){.type = ND_NEIGHBOR_ADVERT, .neighbor = {.target = *addr}}, true);
}

int proxy_neighbour_answer_for(struct proxy_neighbour *n, const struct ipaddr *addr)
{
    struct node *node = n ? enter(n, addr) : NULL;

    if (n == NULL)
        return 0;
    if (node == NULL)
        return -ENOSPC;
    node->answered = true;
    return join(n, addr);
}

int proxy_neighbour_move(struct proxy_neighbour *n, unsigned ifindex)
{
    int e = n ? bind_to(n, ifindex) : 0;

    if (n == NULL || e < 0)
        return e;
    e = is_ethernet(n) ? open_groups(n) : -ENODEV;
    for (unsigned i = 0; i < n->n && e == 0; i++)
        if (n->nodes[i].answered)
            e = join(n, &n->nodes[i].addr);
    return e;
}

void proxy_neighbour_forget(struct proxy_neighbour *n, const struct ipaddr *addr)
{
    struct node *node = n ? find(n, addr) : NULL;

    if (node == NULL)
        return;
    if (node->answered) /* one that shares the group, by a chance of 1 in 2^24, is found again by unicast */
        change_group(n, IPV6_LEAVE_GROUP, addr);
    *node = n->nodes[--n->n];
}

/* ---- input ---- */

static void answer(struct proxy_neighbour *n, const struct ip6 *packet, const struct nd_message *asked,
                   const uint8_t from_mac[static ETHER_MAC])
{
    bool is_trial = ipaddr_equal(&packet->from, &unspecified);
    struct nd_message reply = {.type = ND_NEIGHBOR_ADVERT, .neighbor = {.target = asked->neighbor.target}};
    uint8_t mac[ETHER_MAC];

    reply.neighbor.flags = (uint8_t)(ND_NA_OVERRIDE | (is_trial ? 0 : ND_NA_SOLICITED));
    if (is_trial)
        mac_of_group(&all_nodes, mac);
    else
        memcpy(mac, from_mac, sizeof(mac));
    send_message(n, &asked->neighbor.target, is_trial ? &all_nodes : &packet->from, mac, &reply, true);
}

/* True: somebody else says that it has an address of ours. */
static bool take_in(struct proxy_neighbour *n, const uint8_t *bytes, size_t len,
                    const uint8_t from_mac[static ETHER_MAC], struct ipaddr *ret_taken)
{
    struct ip6 packet;
    struct nd_message msg;

    if (memcmp(from_mac, n->mac, ETHER_MAC) == 0 || ip6_read(bytes, len, &packet) < 0 ||
        packet.next_header != IP6_ICMP ||
        nd_checksum(&packet.from, &packet.to, packet.bytes, packet.len) != 0 ||
        nd_read(packet.bytes, packet.len, &msg) < 0 ||
        !nd_is_valid(&msg, &packet.from, &packet.to, packet.hop_limit) ||
        (msg.type != ND_NEIGHBOR_SOLICIT && msg.type != ND_NEIGHBOR_ADVERT))
        return false;
    const struct node *node = find(n, &msg.neighbor.target);
    if (node == NULL)
        return false;
    if (msg.type == ND_NEIGHBOR_SOLICIT && node->answered)
        answer(n, &packet, &msg, from_mac);
    if (msg.type == ND_NEIGHBOR_ADVERT)
        *ret_taken = node->addr;
    return msg.type == ND_NEIGHBOR_ADVERT;
}

/* Those tell of an interface that is away, once. */
static bool is_over(int error)
{
    return error != EAGAIN && error != EWOULDBLOCK && error != EINTR && error != ENETDOWN && error != ENODEV;
}

int proxy_neighbour_input(struct proxy_neighbour *n, struct ipaddr *ret_taken)
{
    int taken = 0;

    for (unsigned i = 0; n && i < MESSAGES_PER_WAKE; i++) {
        uint8_t bytes[PACKET_MAX];
        struct sockaddr_ll from = {0};
        socklen_t from_len = sizeof(from);
        ssize_t len =
            ioth_recvfrom(n->fd, bytes, sizeof(bytes), MSG_DONTWAIT, (struct sockaddr *)&from, &from_len);
        if (len < 0)
            return i == 0 && is_over(errno) ? -errno : taken;
        if (from.sll_halen == ETHER_MAC && from.sll_pkttype != PACKET_OUTGOING)
            taken += take_in(n, bytes, (size_t)len, from.sll_addr, ret_taken);
    }
    return taken;
}
