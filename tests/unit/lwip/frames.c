/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Frames that lwip's input has to survive, and a stack to put them into.
 *
 * The seeds are one valid frame for each thing that the input distinguishes: ARP, ICMP, UDP, UDP-Lite, TCP with
 * options, IPv4 fragments, IGMP, and the same over IPv6 with extension headers, fragments, neighbour and
 * router discovery, MLD. Whoever mutates them fixes the checksums afterwards, mostly.
 */
#include "frames.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <ioth_plugin.h>

#include "lwip/port.h"
#include "lwip/sock.h"

extern const struct ioth_plugin ioth_plugin_lwip;

static const uint8_t own_mac[6] = {2, 0, 0, 0, 0, 1}, peer_mac[6] = {2, 0, 0, 0, 0, 2};
static const uint8_t own4[4] = {10, 0, 0, 1}, peer4[4] = {10, 0, 0, 2};
static const uint8_t own6[16] = {0xfc, [15] = 1}, peer6[16] = {0xfc, [15] = 2};

struct target {
    struct stack *stack;
    struct port *port;
    int fds[16];
    unsigned n_fds;
    unsigned connections;
    uint8_t ack[4], port_of_peer[2]; /* of the connection that it answered last */
    unsigned syns;
};

/* ---- the stack ---- */

static void need(int holds, const char *what)
{
    if (holds)
        return;
    fprintf(stderr, "target: %s\n", what);
    abort();
}

static ssize_t configure(void *arg)
{
    struct target *target = arg;
    struct address four = {.ip = IPADDR4_INIT_BYTES(10, 0, 0, 1), .prefix_bits = 24};
    struct address six = {.ip = IPADDR6_INIT_HOST(0xfc000000, 0, 0, 1), .prefix_bits = 64};

    target->port = stack_port(target->stack, 2);
    port_set_mac(target->port, own_mac);
    port_set_up(target->port, true);
    return port_add_address(target->port, &four) == 0 && port_add_address(target->port, &six) == 0 ? 0 : -1;
}

static int open_one(struct target *target, int domain, int kind, int protocol, uint16_t port)
{
    const struct ioth_ops *ops = &ioth_plugin_lwip.ops;
    struct sockaddr_in6 addr = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
    int fd = ops->socket(target->stack, domain, kind | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol);

    need(fd >= 0, "socket");
    target->fds[target->n_fds++] = fd;
    if (port != 0)
        need(ops->bind(target->stack, fd, (struct sockaddr *)&addr, sizeof(addr)) == 0, "bind");
    if (kind == SOCK_STREAM)
        need(ops->listen(target->stack, fd, 5) == 0, "listen");
    return fd;
}

struct target *target_new(void)
{
    static const char *const vnlv[] = {"null://", NULL};
    struct target *target = calloc(1, sizeof(*target));
    void *ctx;

    need(target != NULL, "memory");
    need(ioth_plugin_lwip.stack_new(vnlv, "", &ctx) == 0, "stack");
    target->stack = ctx;
    stack_lock(target->stack);
    need(stack_run(target->stack, configure, target) == 0, "configuration");
    stack_unlock(target->stack);
    open_one(target, AF_INET6, SOCK_DGRAM, 0, 53);
    open_one(target, AF_INET6, SOCK_STREAM, 0, 80);
    open_one(target, AF_INET, SOCK_RAW, IPPROTO_ICMP, 0);
    open_one(target, AF_INET6, SOCK_RAW, IPPROTO_ICMPV6, 0);
    open_one(target, AF_PACKET, SOCK_RAW, htons(3), 0); /* ETH_P_ALL */
    return target;
}

void target_free(struct target *target)
{
    unsigned i;

    for (i = 0; i < target->n_fds; i++)
        ioth_plugin_lwip.ops.close(target->stack, target->fds[i]);
    ioth_plugin_lwip.stack_free(target->stack);
    free(target);
}

/* ---- connections ---- */

unsigned target_connections(const struct target *target)
{
    return target->connections;
}

/* The TCP header of a frame, or NULL. */
static uint8_t *tcp_header(uint8_t *frame, size_t len)
{
    if (len >= 54 && frame[12] == 8 && frame[13] == 0 && frame[23] == IPPROTO_TCP)
        return frame + 34;
    if (len >= 74 && frame[12] == 0x86 && frame[13] == 0xdd && frame[20] == IPPROTO_TCP)
        return frame + 54;
    return NULL;
}

/* Looks for SYNs among what the target sent: its packet socket is the last that was opened. */
static void learn(struct target *target)
{
    uint8_t bytes[2048], *tcp;
    struct iovec iov = {.iov_base = bytes, .iov_len = sizeof(bytes)};
    struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
    uint32_t seq;
    ssize_t len;

    for (;;) {
        len = ioth_plugin_lwip.ops.recvmsg(target->stack, target->fds[target->n_fds - 1], &msg, 0);
        if (len < 0)
            return;
        tcp = tcp_header(bytes, (size_t)len);
        if (tcp == NULL || (tcp[13] & 0x12) != 0x12)
            continue;
        memcpy(&seq, tcp + 4, sizeof(seq));
        seq = htonl(ntohl(seq) + 1);
        memcpy(target->ack, &seq, sizeof(seq));
        memcpy(target->port_of_peer, tcp + 2, 2);
    }
}

void target_acknowledge(struct target *target, uint8_t *frame, size_t len)
{
    uint8_t *tcp = tcp_header(frame, len);

    if (tcp == NULL)
        return;
    learn(target);
    if ((tcp[13] & 2) != 0) {
        tcp[1] = (uint8_t)(target->syns++ % 200); /* fewer than the half-open connections that are allowed */
    } else {
        memcpy(tcp, target->port_of_peer, 2);
        memcpy(tcp + 8, target->ack, sizeof(target->ack));
    }
    frame_fix_checksums(frame, len);
}

struct frame {
    struct target *target;
    const uint8_t *bytes;
    size_t len;
};

static ssize_t put_frame(void *arg)
{
    const struct frame *frame = arg;

    port_input(frame->target->port, frame->bytes, frame->len);
    return 0;
}

int target_input(struct target *target, const uint8_t *frame, size_t len)
{
    struct frame put = {target, frame, len};
    ssize_t result;

    stack_lock(target->stack);
    result = stack_run(target->stack, put_frame, &put);
    stack_unlock(target->stack);
    return result < 0 || target->stack->dead ? -1 : 0;
}

static ssize_t run_timers(void *arg)
{
    struct stack *stack = arg;

    stack->lw.sys_check_timeouts();
    return 0;
}

/* Reads until nothing is there; connections are answered by their own words and closed. */
static void read_all(struct target *target, int fd)
{
    const struct ioth_ops *ops = &ioth_plugin_lwip.ops;
    static char bytes[2048];
    struct iovec iov = {.iov_base = bytes, .iov_len = sizeof(bytes)};
    struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
    int i;

    for (i = 0; i < 100 && ops->recvmsg(target->stack, fd, &msg, 0) > 0; i++)
        ;
}

void target_rest(struct target *target)
{
    const struct ioth_ops *ops = &ioth_plugin_lwip.ops;
    unsigned i;
    int fd;

    learn(target);
    for (i = 0; i + 1 < target->n_fds; i++) {
        read_all(target, target->fds[i]);
        fd = ops->accept4(target->stack, target->fds[i], NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            target->connections++;
            read_all(target, fd);
            ops->close(target->stack, fd);
        }
    }
    stack_lock(target->stack);
    stack_run(target->stack, run_timers, target->stack);
    stack_unlock(target->stack);
}

/* ---- checksums ---- */

static uint32_t sum_bytes(const uint8_t *bytes, size_t len)
{
    uint32_t sum = 0;
    size_t i;

    for (i = 0; i < len; i++)
        sum += (i & 1) != 0 ? bytes[i] : (uint32_t)bytes[i] << 8;
    return sum;
}

static void put_sum(uint8_t *at, uint32_t sum)
{
    while (sum >> 16 != 0)
        sum = (sum & 0xffff) + (sum >> 16);
    at[0] = (uint8_t)(~sum >> 8);
    at[1] = (uint8_t)~sum;
}

/* The checksum of what follows the IP header; addresses: those of the pseudo header. */
static void fix_transport(uint8_t protocol, uint8_t *at, size_t len, const uint8_t *addresses,
                          size_t n_addresses)
{
    uint32_t pseudo = sum_bytes(addresses, n_addresses) + protocol + (uint32_t)len;
    size_t where = protocol == IPPROTO_TCP ? 16 : protocol == IPPROTO_UDP || protocol == 136 ? 6 : 2;

    if (protocol != IPPROTO_TCP && protocol != IPPROTO_UDP && protocol != 136 && protocol != IPPROTO_ICMP &&
        protocol != IPPROTO_ICMPV6 && protocol != IPPROTO_IGMP)
        return;
    if (len < where + 2)
        return;
    if (protocol == IPPROTO_ICMP || protocol == IPPROTO_IGMP)
        pseudo = 0;
    at[where] = at[where + 1] = 0;
    put_sum(at + where, pseudo + sum_bytes(at, len));
}

static void fix4(uint8_t *packet, size_t len)
{
    size_t header = (size_t)(packet[0] & 15) * 4, total = (size_t)packet[2] << 8 | packet[3];

    if (header < 20 || header > len || total < header || total > len)
        return;
    packet[10] = packet[11] = 0;
    put_sum(packet + 10, sum_bytes(packet, header));
    fix_transport(packet[9], packet + header, total - header, packet + 12, 8);
}

static void fix6(uint8_t *packet, size_t len)
{
    size_t total = 40u + ((size_t)packet[4] << 8 | packet[5]), at = 40;
    uint8_t next = packet[6];

    if (total > len)
        return;
    while ((next == 0 || next == 43 || next == 60) && at + 8 <= total) {
        next = packet[at];
        at += ((size_t)packet[at + 1] + 1) * 8;
    }
    if (at < total)
        fix_transport(next, packet + at, total - at, packet + 8, 32);
}

void frame_fix_checksums(uint8_t *frame, size_t len)
{
    if (len >= 34 && frame[12] == 8 && frame[13] == 0)
        fix4(frame + 14, len - 14);
    else if (len >= 54 && frame[12] == 0x86 && frame[13] == 0xdd)
        fix6(frame + 14, len - 14);
}

/* ---- seeds ---- */

static size_t ethernet(uint8_t *frame, unsigned type)
{
    memcpy(frame, own_mac, 6);
    memcpy(frame + 6, peer_mac, 6);
    frame[12] = (uint8_t)(type >> 8);
    frame[13] = (uint8_t)type;
    return 14;
}

static size_t packet4(uint8_t *frame, uint8_t protocol, unsigned fragment, const void *payload, size_t len)
{
    uint8_t *packet = frame + ethernet(frame, 0x0800);
    const uint8_t head[] = {0x45,
                            0,
                            (uint8_t)((20 + len) >> 8),
                            (uint8_t)(20 + len),
                            0,
                            7,
                            (uint8_t)(fragment >> 8),
                            (uint8_t)fragment,
                            64,
                            protocol,
                            0,
                            0};

    memcpy(packet, head, sizeof(head));
    memcpy(packet + 12, peer4, 4);
    memcpy(packet + 16, own4, 4);
    memcpy(packet + 20, payload, len);
    frame_fix_checksums(frame, 34 + len);
    return 34 + len;
}

static size_t packet6(uint8_t *frame, uint8_t protocol, uint8_t hops, const void *payload, size_t len)
{
    uint8_t *packet = frame + ethernet(frame, 0x86dd);
    const uint8_t head[] = {0x60, 0, 0, 0, (uint8_t)(len >> 8), (uint8_t)len, protocol, hops};

    memcpy(packet, head, sizeof(head));
    memcpy(packet + 8, peer6, 16);
    memcpy(packet + 24, own6, 16);
    memcpy(packet + 40, payload, len);
    frame_fix_checksums(frame, 54 + len);
    return 54 + len;
}

static const uint8_t udp[] = {0x30, 0x39, 0, 53, 0, 12, 0, 0, 'c', 'i', 'a', 'o'};
static const uint8_t echo4[] = {8, 0, 0, 0, 0, 1, 0, 1, 'p', 'i', 'n', 'g'};
static const uint8_t echo6[] = {128, 0, 0, 0, 0, 1, 0, 1, 'p', 'i', 'n', 'g'};
static const uint8_t syn[] = {0x30, 0x39, 0, 80, 0, 0, 0, 1,    0, 0, 0, 0, 0x80, 2, 0xff, 0xff,
                              0,    0,    0, 0,  2, 4, 5, 0xb4, 1, 3, 3, 7, 4,    2, 1,    1};
static const uint8_t data[] = {0x30, 0x39, 0, 80, 0, 0, 0, 2, 0, 0, 0,   0,   0x60, 0x18,
                               0xff, 0xff, 0, 0,  0, 0, 2, 4, 0, 1, 'd', 'a', 't',  'a'};
static const uint8_t fin[] = {0x30, 0x39, 0, 80, 0, 0, 0, 2, 0, 0, 0, 0, 0x50, 0x11, 0, 0, 0, 0, 0, 0};
static const uint8_t rst[] = {0x30, 0x39, 0, 80, 0, 0, 0, 2, 0, 0, 0, 0, 0x50, 0x14, 0, 0, 0, 0, 0, 0};
static const uint8_t rst_after[] = {0x30, 0x39, 0, 80, 0, 0, 0, 6, 0, 0, 0, 0, 0x50, 0x14, 0, 0, 0, 0, 0, 0};
static const uint8_t unreachable4[] = {3, 3, 0,  0, 0, 0, 0,  0, 0x45, 0, 0, 28, 0,    0,    0, 0, 64, 17,
                                       0, 0, 10, 0, 0, 1, 10, 0, 0,    2, 0, 53, 0x30, 0x39, 0, 8, 0,  0};
static const uint8_t igmp[] = {0x11, 10, 0, 0, 239, 1, 2, 3};
static const uint8_t solicitation[] = {135, 0, 0, 0, 0, 0, 0, 0, 0xfc, 0, 0, 0, 0, 0, 0, 0,
                                       0,   0, 0, 0, 0, 0, 0, 1, 1,    1, 2, 0, 0, 0, 0, 2};
static const uint8_t advertisement[] = {136, 0, 0, 0, 0x60, 0, 0, 0, 0xfc, 0, 0, 0, 0, 0, 0, 0,
                                        0,   0, 0, 0, 0,    0, 0, 2, 2,    1, 2, 0, 0, 0, 0, 2};
static const uint8_t router[] = {134,  0, 0,  0,    64, 0, 7, 8, 0, 0, 0, 0, 0, 0, 0, 0,
                                 3,    4, 64, 0xc0, 0,  1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0,
                                 0xfd, 0, 0,  0,    0,  0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
static const uint8_t mld[] = {58, 0, 5, 2, 0, 0, 1, 0, 130, 0, 0, 0, 0, 10, 0, 0,
                              0,  0, 0, 0, 0, 0, 0, 0, 0,   0, 0, 0, 0, 0,  0, 0};
static const uint8_t fragment6[] = {17, 0, 0, 1, 0, 0, 0, 9, 0x30, 0x39, 0, 53, 0, 24, 0, 0};
static const uint8_t last_fragment6[] = {17, 0, 0, 8, 0, 0, 0, 9, 'f', 'r', 'a', 'g', 'm', 'e', 'n', 't'};
static const uint8_t routing[] = {17, 2, 0, 1, 0, 0, 0, 0, 0xfc, 0,    0, 0,  0, 0, 0, 0,
                                  0,  0, 0, 0, 0, 0, 0, 3, 0x30, 0x39, 0, 53, 0, 8, 0, 0};
static const uint8_t options6[] = {17, 0, 1, 4, 0, 0, 0, 0, 0x30, 0x39, 0, 53, 0, 8, 0, 0};
static const uint8_t arp[] = {0,  1, 8, 0, 6, 4, 0, 1, 2, 0, 0,  0, 0, 2,
                              10, 0, 0, 2, 0, 0, 0, 0, 0, 0, 10, 0, 0, 1};

static const struct {
    int version; /* 4, 6; 0: ARP */
    uint8_t protocol, hops;
    unsigned fragment;
    const uint8_t *payload;
    size_t len;
} seeds[] = {
    {0, 0, 0, 0, arp, sizeof(arp)},
    {4, IPPROTO_UDP, 64, 0, udp, sizeof(udp)},
    {4, 136, 64, 0, udp, sizeof(udp)},
    {4, IPPROTO_ICMP, 64, 0, echo4, sizeof(echo4)},
    {4, IPPROTO_ICMP, 64, 0, unreachable4, sizeof(unreachable4)},
    {4, IPPROTO_IGMP, 1, 0, igmp, sizeof(igmp)},
    {4, IPPROTO_TCP, 64, 0, syn, sizeof(syn)},
    {4, IPPROTO_TCP, 64, 0, data, sizeof(data)},
    {4, IPPROTO_TCP, 64, 0, fin, sizeof(fin)},
    {4, IPPROTO_TCP, 64, 0, rst, sizeof(rst)},
    {4, IPPROTO_TCP, 64, 0, rst_after, sizeof(rst_after)},
    {4, IPPROTO_UDP, 64, 0x2000, udp, 8},
    {4, IPPROTO_UDP, 64, 1, udp + 8, 4},
    {6, IPPROTO_UDP, 64, 0, udp, sizeof(udp)},
    {6, 136, 64, 0, udp, sizeof(udp)},
    {6, IPPROTO_ICMPV6, 64, 0, echo6, sizeof(echo6)},
    {6, IPPROTO_TCP, 64, 0, syn, sizeof(syn)},
    {6, IPPROTO_TCP, 64, 0, data, sizeof(data)},
    {6, IPPROTO_ICMPV6, 255, 0, solicitation, sizeof(solicitation)},
    {6, IPPROTO_ICMPV6, 255, 0, advertisement, sizeof(advertisement)},
    {6, IPPROTO_ICMPV6, 255, 0, router, sizeof(router)},
    {6, 0, 1, 0, mld, sizeof(mld)},
    {6, 44, 64, 0, fragment6, sizeof(fragment6)},
    {6, 44, 64, 0, last_fragment6, sizeof(last_fragment6)},
    {6, 43, 64, 0, routing, sizeof(routing)},
    {6, 60, 64, 0, options6, sizeof(options6)},
    {6, 0, 64, 0, options6, sizeof(options6)},
};

size_t frame_seed(unsigned n, uint8_t frame[static FRAME_BYTES])
{
    if (n >= sizeof(seeds) / sizeof(seeds[0]))
        return 0;
    if (seeds[n].version == 4)
        return packet4(frame, seeds[n].protocol, seeds[n].fragment, seeds[n].payload, seeds[n].len);
    if (seeds[n].version == 6)
        return packet6(frame, seeds[n].protocol, seeds[n].hops, seeds[n].payload, seeds[n].len);
    memcpy(frame + ethernet(frame, 0x0806), seeds[n].payload, seeds[n].len);
    return 14 + seeds[n].len;
}
