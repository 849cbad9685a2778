/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The virtual networks behind the interfaces: one that goes away, two of one stack, many neighbours. */
#include "lab.h"

#include <net/if.h>

/* ---- a network that goes away ---- */

static bool has_carrier(void *arg)
{
    struct ifreq request = {.ifr_name = "vde0"};
    int fd = MUST(ioth_msocket(arg, AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));

    MUST(ioth_ioctl(fd, SIOCGIFFLAGS, &request));
    MUST(ioth_close(fd));
    CHECK((request.ifr_flags & IFF_UP) != 0);
    return (request.ifr_flags & IFF_RUNNING) != 0;
}

static bool has_no_carrier(void *arg)
{
    return !has_carrier(arg);
}

static void test_hub_comes_back(struct lab *lab)
{
    int to = udp_bound(lab, in_b(lab), ip_b(lab), 7600), from = open_socket(lab, in_a(lab), SOCK_DGRAM);
    struct pair pair = pair_open(lab);
    unsigned char got[4];

    MUST(send_to(from, "before", 6, ip_b(lab), 7600));
    expect(to, "before");
    lab_stop_hub(lab);
    wait_until(has_no_carrier, in_a(lab));
    wait_until(has_no_carrier, in_b(lab));
    MUST(ioth_send(pair.client, "late", 4, 0)); /* is sent again when there is somebody to take it */
    lab_start_hub(lab);
    wait_until(has_carrier, in_a(lab));
    wait_until(has_carrier, in_b(lab));
    read_bytes(pair.server, got, 4);
    MUST(send_to(from, "after", 5, ip_b(lab), 7600));
    expect(to, "after");
    pair_close(&pair);
    MUST(ioth_close(to));
    MUST(ioth_close(from));
}

/* ---- two networks of one stack ---- */

/* b moves to 10.0.1.2 and fc00:1::2, behind the router. */
static void move_behind(const struct lab *lab)
{
    struct addr four = addr_of("10.0.0.2", 0), six = addr_of("fc00::2", 0);
    struct addr router4 = addr_of("10.0.1.254", 0), router6 = addr_of("fc00:1::fe", 0);

    MUST(ioth_ipaddr_del(lab->b, AF_INET, &four.u.in.sin_addr, 24, lab->b_if));
    MUST(ioth_ipaddr_del(lab->b, AF_INET6, &six.u.in6.sin6_addr, 64, lab->b_if));
    lab_address(lab->b, lab->b_if, "10.0.1.2", 24);
    lab_address(lab->b, lab->b_if, "fc00:1::2", 64);
    MUST(ioth_iproute_add(lab->b, AF_INET, NULL, 0, &router4.u.in.sin_addr, lab->b_if));
    MUST(ioth_iproute_add(lab->b, AF_INET6, NULL, 0, &router6.u.in6.sin6_addr, lab->b_if));
    router4 = addr_of("10.0.0.254", 0);
    router6 = addr_of("fc00::fe", 0);
    MUST(ioth_iproute_add(lab->a, AF_INET, NULL, 0, &router4.u.in.sin_addr, lab->a_if));
    MUST(ioth_iproute_add(lab->a, AF_INET6, NULL, 0, &router6.u.in6.sin6_addr, lab->a_if));
}

/* A connection over the router, with more than a window of bytes. */
static void talk_through(struct lab *lab, const char *there)
{
    static unsigned char sent[100000], got[100000];
    int listener = tcp_listening(lab, lab->b, there, 7601), client = open_socket(lab, lab->a, SOCK_STREAM),
        server;
    struct addr from = addr_room();
    size_t at = 0;

    MUST(connect_to(client, there, 7601));
    server = MUST(ioth_accept(listener, &from.u.any, &from.len));
    CHECK(addr_is(&from, ip_a(lab), addr_port(&from)));
    set_nonblocking(client);
    pattern_fill(sent, sizeof(sent), 5);
    while (at < sizeof(sent)) {
        ssize_t n = ioth_send(client, sent + at, sizeof(sent) - at, 0);

        if (n < 0)
            CHECK(errno == EAGAIN);
        n = n < 0 ? 0 : n;
        read_bytes(server, got + at, (size_t)n);
        at += (size_t)n;
    }
    CHECK(pattern_holds(got, sizeof(got), 5));
    MUST(ioth_close(client));
    MUST(ioth_close(server));
    MUST(ioth_close(listener));
}

/* Each interface of the router is itself reached from its own side, and each side from the other. */
static void test_forward(struct lab *lab)
{
    struct ioth *router = lab_router(lab);
    const char *const own[] = {"10.0.0.254", "fc00::fe", "10.0.1.254", "fc00:1::fe"};
    int i;

    move_behind(lab);
    for (i = 0; i < 4; i++) {
        int family = i % 2 == 0 ? AF_INET : AF_INET6, from, to;

        to = MUST(ioth_msocket(router, family, SOCK_DGRAM, 0));
        MUST(bind_to(to, own[i], 7602));
        from = MUST(ioth_msocket(i < 2 ? lab->a : lab->b, family, SOCK_DGRAM, 0));
        MUST(send_to(from, own[i], strlen(own[i]), own[i], 7602));
        expect(to, own[i]);
        MUST(ioth_close(from));
        MUST(ioth_close(to));
    }
    talk_through(lab, "10.0.1.2");
    lab->family = AF_INET6;
    talk_through(lab, "fc00:1::2");
    MUST(ioth_delstack(router));
}

/* ---- many neighbours ---- */

enum { NEIGHBOURS = 40 };

/* All are asked before the first has answered, and each answers. */
static void test_many_neighbours(struct lab *lab)
{
    int sockets[NEIGHBOURS], from = udp_bound(lab, in_a(lab), ip_a(lab), 7603), i;
    bool seen[NEIGHBOURS] = {false};
    char text[64];

    for (i = 0; i < NEIGHBOURS; i++) {
        snprintf(text, sizeof(text), lab->family == AF_INET ? "10.0.0.%d" : "fc00::%d", 100 + i);
        lab_address(in_b(lab), lab->b_if, text, lab->family == AF_INET ? 24 : 64);
        sockets[i] = udp_bound(lab, in_b(lab), text, 7604);
    }
    for (i = 0; i < NEIGHBOURS; i++) {
        snprintf(text, sizeof(text), lab->family == AF_INET ? "10.0.0.%d" : "fc00::%d", 100 + i);
        MUST(send_to(from, &i, sizeof(i), text, 7604));
    }
    for (i = 0; i < NEIGHBOURS; i++) {
        struct addr sender = addr_room();
        int got = -1;

        wait_events(sockets[i], POLLIN);
        MUST(ioth_recvfrom(sockets[i], &got, sizeof(got), 0, &sender.u.any, &sender.len));
        CHECK(got == i);
        MUST(ioth_sendto(sockets[i], &got, sizeof(got), 0, &sender.u.any, sender.len));
    }
    for (i = 0; i < NEIGHBOURS; i++) {
        int got = -1;

        wait_events(from, POLLIN);
        MUST(ioth_recv(from, &got, sizeof(got), 0));
        CHECK(got >= 0 && got < NEIGHBOURS && !seen[got]);
        seen[got] = true;
        MUST(ioth_close(sockets[i]));
    }
    MUST(ioth_close(from));
}

const struct row network_rows[] = {
    {"a network that goes away: no IFF_RUNNING, until it is back", test_hub_comes_back, ROW_HUB},
    {"two interfaces, and packets forwarded between them", test_forward, ROW_APART},
    {"40 neighbours at once", test_many_neighbours, ROW_BOTH},
    {NULL, NULL, 0},
};
