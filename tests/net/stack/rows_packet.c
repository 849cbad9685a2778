/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Sockets of AF_PACKET: frames as they are. */
#include "lab.h"

#include <arpa/inet.h>
#include <net/ethernet.h>
#include <netinet/ip.h>
#include <netinet/udp.h>

enum { TEST_ETHERTYPE = 0x88b5 }; /* for experiments, IEEE 802 */

static int packet_of_type(struct ioth *stack, int type, uint16_t ethertype, unsigned ifindex)
{
    struct addr addr = {
        .u.ll = {.sll_family = AF_PACKET, .sll_protocol = htons(ethertype), .sll_ifindex = (int)ifindex},
        .len = sizeof(addr.u.ll)};
    int fd =
        OP(ioth_msocket(stack, AF_PACKET, type | SOCK_CLOEXEC, 0)); /* takes nothing before it is bound */

    OP(ioth_bind(fd, &addr.u.any, addr.len));
    return fd;
}

static int packet_bound(struct ioth *stack, int type, unsigned ifindex)
{
    return packet_of_type(stack, type, TEST_ETHERTYPE, ifindex);
}

static void test_frames(struct lab *lab)
{
    int from = packet_bound(in_a(lab), SOCK_RAW, lab->a_if),
        to = packet_bound(in_b(lab), SOCK_RAW, lab->b_if);
    unsigned char frame[64], got[128];
    struct addr sender = addr_room();

    memset(frame, 0, sizeof(frame));
    memset(frame, 0xff, 6);
    MUST(ioth_linkgetaddr(in_a(lab), lab->a_if, frame + 6));
    frame[12] = TEST_ETHERTYPE >> 8;
    frame[13] = TEST_ETHERTYPE & 0xff;
    memcpy(frame + 14, "frame", 5);
    OP(ioth_send(from, frame, sizeof(frame), 0));
    wait_events(to, POLLIN);
    CHECK(MUST(ioth_recvfrom(to, got, sizeof(got), 0, &sender.u.any, &sender.len)) == sizeof(frame));
    CHECK(memcmp(got, frame, sizeof(frame)) == 0);
    CHECK(sender.u.ll.sll_family == AF_PACKET && (unsigned)sender.u.ll.sll_ifindex == lab->b_if);
    CHECK(sender.u.ll.sll_pkttype == PACKET_BROADCAST && sender.u.ll.sll_protocol == htons(TEST_ETHERTYPE));
    CHECK(memcmp(sender.u.ll.sll_addr, frame + 6, 6) == 0 && sender.u.ll.sll_halen == 6);
    MUST(ioth_close(from));
    MUST(ioth_close(to));
}

static void test_cooked_frames(struct lab *lab)
{
    int from = packet_bound(in_a(lab), SOCK_DGRAM, lab->a_if),
        to = packet_bound(in_b(lab), SOCK_DGRAM, lab->b_if);
    struct addr dest = {.u.ll = {.sll_family = AF_PACKET,
                                 .sll_protocol = htons(TEST_ETHERTYPE),
                                 .sll_ifindex = (int)lab->a_if,
                                 .sll_halen = 6},
                        .len = sizeof(dest.u.ll)};
    unsigned char payload[50], got[128];

    pattern_fill(payload, sizeof(payload), 3);
    memset(dest.u.ll.sll_addr, 0xff, 6);
    OP(ioth_sendto(from, payload, sizeof(payload), 0, &dest.u.any, dest.len));
    wait_events(to, POLLIN);
    CHECK(MUST(ioth_recv(to, got, sizeof(got), 0)) == sizeof(payload));
    CHECK(pattern_holds(got, sizeof(payload), 3));
    MUST(ioth_close(from));
    MUST(ioth_close(to));
}

/* A broadcast frame of a with that Ethernet type, which ends with a number. */
static void send_frame(const struct lab *lab, int fd, uint16_t ethertype, unsigned char number)
{
    unsigned char frame[64] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, [63] = number};

    MUST(ioth_linkgetaddr(in_a(lab), lab->a_if, frame + 6));
    frame[12] = (unsigned char)(ethertype >> 8);
    frame[13] = (unsigned char)ethertype;
    CHECK(MUST(ioth_send(fd, frame, sizeof(frame), 0)) == sizeof(frame));
}

static void expect_number(int fd, unsigned char number)
{
    unsigned char got[128];

    wait_events(fd, POLLIN);
    CHECK(MUST(ioth_recv(fd, got, sizeof(got), 0)) == 64 && got[63] == number);
}

/* Each gets the frames of its own type and interface alone. */
static void test_bound_frames(struct lab *lab)
{
    int from = packet_bound(in_a(lab), SOCK_RAW, lab->a_if);
    int one = packet_of_type(in_b(lab), SOCK_RAW, TEST_ETHERTYPE, lab->b_if);
    int other = packet_of_type(in_b(lab), SOCK_RAW, TEST_ETHERTYPE + 1, 0);
    int elsewhere = packet_of_type(in_b(lab), SOCK_RAW, TEST_ETHERTYPE, 1); /* lo */
    struct addr name = addr_room();

    send_frame(lab, from, TEST_ETHERTYPE, 1);
    send_frame(lab, from, TEST_ETHERTYPE + 1, 2);
    send_frame(lab, from, TEST_ETHERTYPE, 3);
    expect_number(one, 1);
    expect_number(one, 3);
    expect_number(other, 2);
    expect_nothing(one);
    expect_nothing(other);
    expect_nothing(elsewhere);
    MUST(ioth_getsockname(one, &name.u.any, &name.len));
    CHECK((unsigned)name.u.ll.sll_ifindex == lab->b_if && name.u.ll.sll_protocol == htons(TEST_ETHERTYPE));
    MUST(ioth_close(from));
    MUST(ioth_close(one));
    MUST(ioth_close(other));
    MUST(ioth_close(elsewhere));
}

/* ETH_P_ALL: also what goes out. */
static void test_outgoing(struct lab *lab)
{
    int from = packet_bound(in_a(lab), SOCK_RAW, lab->a_if);
    int all = packet_of_type(in_a(lab), SOCK_RAW, ETH_P_ALL, lab->a_if);
    unsigned char got[2048];
    struct addr sender;

    send_frame(lab, from, TEST_ETHERTYPE, 9);
    do {
        wait_events(all, POLLIN);
        sender = addr_room();
        MUST(ioth_recvfrom(all, got, sizeof(got), 0, &sender.u.any, &sender.len));
    } while (sender.u.ll.sll_protocol != htons(TEST_ETHERTYPE));
    CHECK(sender.u.ll.sll_pkttype == PACKET_OUTGOING && got[63] == 9);
    MUST(ioth_close(from));
    MUST(ioth_close(all));
}

static void test_frame_errors(struct lab *lab)
{
    int fd = OP(ioth_msocket(in_a(lab), AF_PACKET, SOCK_RAW, htons(TEST_ETHERTYPE)));
    static const unsigned char frame[1515];
    struct addr nowhere = {.u.ll = {.sll_family = AF_PACKET, .sll_ifindex = 4711},
                           .len = sizeof(nowhere.u.ll)};

    FAILS(ENXIO, ioth_send(fd, frame, 64, 0));
    FAILS(ENODEV, ioth_bind(fd, &nowhere.u.any, nowhere.len));
    nowhere.u.ll.sll_ifindex = (int)lab->a_if;
    MUST(ioth_bind(fd, &nowhere.u.any, nowhere.len));
    FAILS(EMSGSIZE, ioth_send(fd, frame, sizeof(frame), 0));
    FAILS(EINVAL, ioth_send(fd, frame, 10, 0));
    MUST(ioth_linksetupdown(in_a(lab), lab->a_if, 0));
    FAILS(ENETDOWN, ioth_send(fd, frame, 64, 0));
    MUST(ioth_close(fd));
}

/* ---- what DHCP does ---- */

enum { CLIENT_PORT = 68, SERVER_PORT = 67 };

struct datagram {
    struct iphdr ip;
    struct udphdr udp;
    char text[8];
} __attribute__((packed));

/* From nobody to everybody, RFC 2131 s4.1. The checksum of UDP may be 0: none. */
static void ask_as_client(const struct lab *lab, int fd, const char *text, bool is_broken)
{
    struct datagram datagram = {.ip = {.version = 4, .ihl = 5, .ttl = 64, .protocol = IPPROTO_UDP},
                                .udp = {.source = htons(CLIENT_PORT), .dest = htons(SERVER_PORT)},
                                .text = ""};
    struct addr to = {.u.ll = {.sll_family = AF_PACKET,
                               .sll_protocol = htons(ETH_P_IP),
                               .sll_ifindex = (int)lab->a_if,
                               .sll_halen = 6,
                               .sll_addr = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff}},
                      .len = sizeof(to.u.ll)};

    datagram.ip.tot_len = htons(sizeof(datagram));
    datagram.ip.daddr = 0xffffffff;
    snprintf(datagram.text, sizeof(datagram.text), "%s", text);
    datagram.ip.check = (uint16_t)(checksum(&datagram.ip, sizeof(datagram.ip)) + is_broken);
    datagram.udp.len = htons(sizeof(datagram) - sizeof(datagram.ip));
    CHECK(MUST(ioth_sendto(fd, &datagram, sizeof(datagram), 0, &to.u.any, to.len)) == sizeof(datagram));
}

/* a has no address; b serves on a UDP socket, and answers the MAC address it was asked from. */
static void test_dhcp(struct lab *lab)
{
    struct addr own = addr_of("10.0.0.1", 0), from = addr_room(),
                all = addr_of("255.255.255.255", CLIENT_PORT);
    int client, server;
    struct datagram got;

    MUST(ioth_ipaddr_del(in_a(lab), AF_INET, &own.u.in.sin_addr, 24, lab->a_if));
    client = packet_of_type(in_a(lab), SOCK_DGRAM, ETH_P_IP, lab->a_if);
    server = udp_bound(lab, in_b(lab), "0.0.0.0", SERVER_PORT);
    set_int(server, SOL_SOCKET, SO_BROADCAST, 1);
    OP(ioth_setsockopt(server, SOL_SOCKET, SO_BINDTODEVICE, "vde0", 5));
    ask_as_client(lab, client, "broken", true); /* nobody hears that */
    ask_as_client(lab, client, "discove", false);
    wait_events(server, POLLIN);
    CHECK(MUST(ioth_recvfrom(server, got.text, sizeof(got.text), 0, &from.u.any, &from.len)) ==
          sizeof(got.text));
    CHECK(addr_is(&from, "0.0.0.0", CLIENT_PORT) && memcmp(got.text, "discove", 8) == 0);
    CHECK(MUST(ioth_sendto(server, "offer..", 8, 0, &all.u.any, all.len)) == 8);
    do {
        wait_events(client, POLLIN);
        memset(&got, 0, sizeof(got));
        MUST(ioth_recv(client, &got, sizeof(got), 0));
    } while (got.ip.protocol != IPPROTO_UDP || got.udp.dest != htons(CLIENT_PORT));
    CHECK(memcmp(got.text, "offer..", 8) == 0);
    MUST(ioth_close(client));
    MUST(ioth_close(server));
}

const struct row packet_rows[] = {
    {"AF_PACKET: frames, SOCK_RAW", test_frames, 0},
    {"AF_PACKET: payloads, SOCK_DGRAM", test_cooked_frames, 0},
    {"AF_PACKET: bound to an interface and an Ethernet type", test_bound_frames, 0},
    {"AF_PACKET: ETH_P_ALL sees what goes out", test_outgoing, 0},
    {"AF_PACKET: ENXIO, ENODEV, EMSGSIZE, EINVAL, ENETDOWN", test_frame_errors, 0},
    {"AF_PACKET: DHCP's first messages, without an address", test_dhcp, 0},
    {NULL, NULL, 0},
};
