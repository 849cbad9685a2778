/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Raw sockets. */
#include "lab.h"

#include <arpa/inet.h>
#include <netinet/icmp6.h>
#include <netinet/ip.h>
#include <netinet/ip_icmp.h>

/* ---- raw ---- */

enum { AGAIN_MS = 1000 };

struct request {
    int fd;
    const void *packet;
    size_t len;
    const char *to;
};

static bool brings_something(void *arg)
{
    const struct request *request = arg;
    struct pollfd pollfd = {.fd = request->fd, .events = POLLIN};

    OP(send_to(request->fd, request->packet, request->len, request->to, 0));
    return MUST(poll(&pollfd, 1, AGAIN_MS)) > 0 && (pollfd.revents & POLLIN) != 0;
}

/* Asks until the echo reply 0x1234 comes, for the kernel drops its replies when it is busy with others; `header` bytes stand
 * before it. */
static void expect_echo(struct request request, size_t header, unsigned char type)
{
    unsigned char got[256];
    struct addr from;
    int n;

    do {
        wait_until(brings_something, &request);
        from = addr_room();
        n = MUST(ioth_recvfrom(request.fd, got, sizeof(got), 0, &from.u.any, &from.len));
        CHECK(n >= (int)header + 8);
    } while (got[header] != type || got[header + 4] != 0x12 || got[header + 5] != 0x34);
}

static void test_ping(struct lab *lab)
{
    struct icmphdr four = {.type = ICMP_ECHO, .un.echo.id = htons(0x1234)};
    struct icmp6_hdr six = {.icmp6_type = ICMP6_ECHO_REQUEST, .icmp6_id = htons(0x1234)};
    bool is_four = lab->family == AF_INET;
    int fd = OP(ioth_msocket(in_a(lab), lab->family, SOCK_RAW, is_four ? IPPROTO_ICMP : IPPROTO_ICMPV6));

    if (is_four) {
        four.checksum = checksum(&four, sizeof(four));
        expect_echo((struct request){fd, &four, sizeof(four), ip_b(lab)}, sizeof(struct iphdr),
                    ICMP_ECHOREPLY);
    } else { /* the stack adds the checksum */
        expect_echo((struct request){fd, &six, sizeof(six), ip_b(lab)}, 0, ICMP6_ECHO_REPLY);
    }
    MUST(ioth_close(fd));
}

static void test_icmp6_filter(struct lab *lab)
{
    struct icmp6_hdr six = {.icmp6_type = ICMP6_ECHO_REQUEST, .icmp6_id = htons(0x1234)};
    int fd = MUST(ioth_msocket(in_a(lab), AF_INET6, SOCK_RAW, IPPROTO_ICMPV6));
    struct request request = {fd, &six, sizeof(six), "fc00::2"};
    struct icmp6_filter filter;
    unsigned char got[64];

    ICMP6_FILTER_SETBLOCKALL(&filter);
    ICMP6_FILTER_SETPASS(ICMP6_ECHO_REPLY, &filter);
    OP(ioth_setsockopt(fd, IPPROTO_ICMPV6, ICMP6_FILTER, &filter, sizeof(filter)));
    wait_until(brings_something, &request);
    MUST(ioth_recv(fd, got, sizeof(got), 0));
    CHECK(got[0] == ICMP6_ECHO_REPLY); /* nothing else: no neighbour's advertisement came first */
    MUST(ioth_close(fd));
}

static void test_header_included(struct lab *lab)
{
    struct {
        struct iphdr ip;
        struct icmphdr icmp;
    } packet = {.ip = {.ihl = 5, .version = 4, .ttl = 64, .protocol = IPPROTO_ICMP},
                .icmp = {.type = ICMP_ECHO, .un.echo.id = htons(0x1234)}};
    int fd = MUST(ioth_msocket(in_a(lab), AF_INET, SOCK_RAW, IPPROTO_ICMP));

    OP(switch_on(fd, IPPROTO_IP, IP_HDRINCL));
    packet.ip.tot_len = htons(sizeof(packet));
    inet_pton(AF_INET, "10.0.0.1", &packet.ip.saddr);
    inet_pton(AF_INET, "10.0.0.2", &packet.ip.daddr);
    packet.ip.check = checksum(&packet.ip, sizeof(packet.ip));
    packet.icmp.checksum = checksum(&packet.icmp, sizeof(packet.icmp));
    expect_echo((struct request){fd, &packet, sizeof(packet), "10.0.0.2"}, sizeof(struct iphdr),
                ICMP_ECHOREPLY);
    MUST(ioth_close(fd));
}

const struct row raw_rows[] = {
    {"raw: ping, ICMP and ICMPv6", test_ping, ROW_BOTH},
    {"raw: ICMP6_FILTER", test_icmp6_filter, 0},
    {"raw: IP_HDRINCL", test_header_included, 0},
    {NULL, NULL, 0},
};
