/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Requests of rtnetlink as ip(8) makes them, and the older ioctls that ask and set the same. */
#include "lab.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <net/route.h>
#include <linux/ipv6.h>
#include <linux/neighbour.h>

/* A datagram from a to b: they know each other then. */
static void get_acquainted(const struct lab *lab)
{
    int to = udp_bound(lab, in_b(lab), ip_b(lab), 7400), from = open_socket(lab, in_a(lab), SOCK_DGRAM);

    MUST(send_to(from, "hello", 5, ip_b(lab), 7400));
    expect(to, "hello");
    MUST(ioth_close(to));
    MUST(ioth_close(from));
}

/* ---- dumps ---- */

struct found {
    uint16_t type;
    int attr;
    const void *value;
    size_t len;
    bool is_there;
};

static void look_at(const struct nlmsghdr *head, struct found *found, size_t body)
{
    const char *at = (const char *)head + NLMSG_HDRLEN + NLMSG_ALIGN((unsigned)body);
    const char *end = (const char *)head + head->nlmsg_len;
    struct rtattr attr;

    while ((size_t)(end - at) >= sizeof(attr)) {
        memcpy(&attr, at, sizeof(attr));
        CHECK(attr.rta_len >= sizeof(attr) && attr.rta_len <= (size_t)(end - at));
        if (attr.rta_type == found->attr && attr.rta_len == sizeof(attr) + found->len &&
            memcmp(at + sizeof(attr), found->value, found->len) == 0)
            found->is_there = true;
        at += RTA_ALIGN((size_t)attr.rta_len) < (size_t)(end - at) ? RTA_ALIGN((size_t)attr.rta_len)
                                                                   : (size_t)(end - at);
    }
}

/* Dumps, by a request of `type` with a body of zeroes, and looks for an attribute in what comes. */
static void dump(struct ioth *stack, uint16_t type, size_t body, struct found *found)
{
    struct {
        struct nlmsghdr head;
        char body[64];
    } request = {.head = {.nlmsg_len = (uint32_t)(NLMSG_HDRLEN + body),
                          .nlmsg_type = type,
                          .nlmsg_seq = 77,
                          .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP}};
    union {
        struct nlmsghdr head;
        char bytes[32768];
    } reply;
    int fd = MUST(ioth_msocket(stack, AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE));
    bool done = false;

    OP(ioth_send(fd, &request, request.head.nlmsg_len, 0));
    while (!done) {
        const struct nlmsghdr *head = &reply.head;
        unsigned len;

        wait_events(fd, POLLIN);
        len = (unsigned)MUST(ioth_recv(fd, &reply, sizeof(reply), 0));
        for (; NLMSG_OK(head, len); head = NLMSG_NEXT(head, len)) {
            CHECK(head->nlmsg_seq == 77);
            if (head->nlmsg_type == NLMSG_ERROR) {
                struct nlmsgerr error;

                memcpy(&error, NLMSG_DATA(head), sizeof(error));
                lab_refuse(-error.error);
            }
            done |= head->nlmsg_type == NLMSG_DONE;
            if (head->nlmsg_type == found->type) {
                CHECK((head->nlmsg_flags & NLM_F_MULTI) != 0);
                look_at(head, found, body);
            }
        }
    }
    MUST(ioth_close(fd));
}

static void test_dump_links(struct lab *lab)
{
    struct found name = {.type = RTM_NEWLINK, .attr = IFLA_IFNAME, .value = "vde0", .len = 5};
    const unsigned mtu = 1500;
    struct found size = {.type = RTM_NEWLINK, .attr = IFLA_MTU, .value = &mtu, .len = sizeof(mtu)};

    dump(in_a(lab), RTM_GETLINK, sizeof(struct ifinfomsg), &name);
    dump(in_a(lab), RTM_GETLINK, sizeof(struct ifinfomsg), &size);
    CHECK(name.is_there && size.is_there);
}

static void test_dump_addresses(struct lab *lab)
{
    struct addr four = addr_of("10.0.0.1", 0), six = addr_of("fc00::1", 0);
    struct found local = {.type = RTM_NEWADDR, .attr = IFA_LOCAL, .value = &four.u.in.sin_addr, .len = 4};
    struct found address = {
        .type = RTM_NEWADDR, .attr = IFA_ADDRESS, .value = &six.u.in6.sin6_addr, .len = 16};

    dump(in_a(lab), RTM_GETADDR, sizeof(struct ifaddrmsg), &local);
    dump(in_a(lab), RTM_GETADDR, sizeof(struct ifaddrmsg), &address);
    CHECK(local.is_there && address.is_there);
}

static void test_dump_routes(struct lab *lab)
{
    struct addr dst = addr_of("192.0.2.0", 0), on_link = addr_of("10.0.0.0", 0);
    struct addr gateway = addr_of("10.0.0.2", 0);
    struct found far = {.type = RTM_NEWROUTE, .attr = RTA_DST, .value = &dst.u.in.sin_addr, .len = 4};
    struct found near = {.type = RTM_NEWROUTE, .attr = RTA_DST, .value = &on_link.u.in.sin_addr, .len = 4};

    MUST(ioth_iproute_add(in_a(lab), AF_INET, &dst.u.in.sin_addr, 24, &gateway.u.in.sin_addr, lab->a_if));
    dump(in_a(lab), RTM_GETROUTE, sizeof(struct rtmsg), &far);
    dump(in_a(lab), RTM_GETROUTE, sizeof(struct rtmsg), &near);
    CHECK(far.is_there && near.is_there);
}

static void test_dump_neighbours(struct lab *lab)
{
    struct addr near = addr_of("10.0.0.2", 0);
    struct found entry = {.type = RTM_NEWNEIGH, .attr = NDA_DST, .value = &near.u.in.sin_addr, .len = 4};

    get_acquainted(lab);
    dump(in_a(lab), RTM_GETNEIGH, sizeof(struct ndmsg), &entry);
    CHECK(entry.is_there);
}

/* ---- single requests ---- */

enum { REQUEST_MAX = 256 };

/* A request with a body and any number of attributes. */
struct request {
    union {
        struct nlmsghdr head;
        char bytes[REQUEST_MAX];
    } u;
};

static struct request request_of(uint16_t type, uint16_t flags, const void *body, size_t len)
{
    struct request request = {.u.head = {.nlmsg_len = (uint32_t)NLMSG_LENGTH(len),
                                         .nlmsg_type = type,
                                         .nlmsg_seq = 78,
                                         .nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags)}};

    memcpy(NLMSG_DATA(&request.u.head), body, len);
    return request;
}

static void add_attribute(struct request *request, unsigned short type, const void *data, size_t len)
{
    struct rtattr attr = {.rta_len = (unsigned short)RTA_LENGTH(len), .rta_type = type};
    char *at = request->u.bytes + NLMSG_ALIGN(request->u.head.nlmsg_len);

    memcpy(at, &attr, sizeof(attr));
    memcpy(at + RTA_LENGTH(0), data, len);
    request->u.head.nlmsg_len =
        (uint32_t)(NLMSG_ALIGN(request->u.head.nlmsg_len) + RTA_ALIGN(RTA_LENGTH(len)));
}

/* Asks; what comes is at *found if it is of that type. 0, or -1 and errno if the answer is an error. */
static int ask(struct ioth *stack, struct request *request, struct found *found, size_t body)
{
    union {
        struct nlmsghdr head;
        char bytes[8192];
    } reply;
    struct nlmsgerr error = {.error = 0};
    int fd = MUST(ioth_msocket(stack, AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE));

    if (found == NULL)
        request->u.head.nlmsg_flags |= NLM_F_ACK;
    MUST(ioth_send(fd, request, request->u.head.nlmsg_len, 0));
    wait_events(fd, POLLIN);
    MUST(ioth_recv(fd, &reply, sizeof(reply), 0));
    MUST(ioth_close(fd));
    CHECK(reply.head.nlmsg_seq == 78);
    if (reply.head.nlmsg_type == NLMSG_ERROR)
        memcpy(&error, NLMSG_DATA(&reply.head), sizeof(error));
    else if (found != NULL && reply.head.nlmsg_type == found->type)
        look_at(&reply.head, found, body);
    errno = -error.error;
    return error.error == 0 ? 0 : -1;
}

/* ---- neighbours ---- */

static int change_neighbour(const struct lab *lab, uint16_t type, uint16_t flags, const char *text,
                            const unsigned char *mac)
{
    struct addr addr = addr_of(text, 0);
    bool four = lab->family == AF_INET;
    struct ndmsg body = {
        .ndm_family = (unsigned char)lab->family, .ndm_ifindex = (int)lab->a_if, .ndm_state = NUD_PERMANENT};
    struct request request = request_of(type, flags, &body, sizeof(body));

    add_attribute(&request, NDA_DST, four ? (void *)&addr.u.in.sin_addr : (void *)&addr.u.in6.sin6_addr,
                  four ? 4 : 16);
    if (mac != NULL)
        add_attribute(&request, NDA_LLADDR, mac, 6);
    return ask(in_a(lab), &request, NULL, 0);
}

/* A socket of b that sees the frames of IP to it, whoever's address is in them. */
static int watch_frames(const struct lab *lab)
{
    uint16_t type = htons(lab->family == AF_INET ? 0x0800 : 0x86dd);
    struct addr addr = {
        .u.ll = {.sll_family = AF_PACKET, .sll_protocol = type, .sll_ifindex = (int)lab->b_if},
        .len = sizeof(addr.u.ll)};
    int fd = MUST(ioth_msocket(in_b(lab), AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, type));

    MUST(ioth_bind(fd, &addr.u.any, addr.len));
    return fd;
}

static void expect_frame_to(int fd, const unsigned char mac[static 6], char last)
{
    unsigned char frame[128];
    int len;

    do {
        wait_events(fd, POLLIN);
        len = MUST(ioth_recv(fd, frame, sizeof(frame), 0));
        CHECK(len > 14);
    } while (memcmp(frame, mac, 6) != 0 || frame[len - 1] != (unsigned char)last);
}

/* What is sent to a neighbour that was set goes where it was said, until it is deleted. */
static void test_neighbour(struct lab *lab)
{
    static const unsigned char other[6] = {0x02, 0, 0, 0, 0, 0x77};
    int fd = open_socket(lab, in_a(lab), SOCK_DGRAM), frames = watch_frames(lab);
    struct addr addr = addr_of(ip_silent(lab), 0);
    bool four = lab->family == AF_INET;
    struct found entry = {.type = RTM_NEWNEIGH,
                          .attr = NDA_DST,
                          .value = four ? (void *)&addr.u.in.sin_addr : (void *)&addr.u.in6.sin6_addr,
                          .len = four ? 4 : 16};
    unsigned char mac[6];

    MUST(ioth_linkgetaddr(in_b(lab), lab->b_if, mac));
    OP(change_neighbour(lab, RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_EXCL, ip_silent(lab), mac));
    FAILS(EEXIST, change_neighbour(lab, RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_EXCL, ip_silent(lab), mac));
    MUST(send_to(fd, "to one", 7, ip_silent(lab), 7401));
    expect_frame_to(frames, mac, '\0');
    MUST(change_neighbour(lab, RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE, ip_silent(lab), other));
    dump(in_a(lab), RTM_GETNEIGH, sizeof(struct ndmsg), &entry);
    CHECK(entry.is_there);
    MUST(change_neighbour(lab, RTM_DELNEIGH, 0, ip_silent(lab), NULL));
    MUST(ioth_close(fd));
    MUST(ioth_close(frames));
}

/* ---- the route to an address ---- */

static void test_route_get(struct lab *lab)
{
    bool four = lab->family == AF_INET;
    struct addr to = addr_of(ip_b(lab), 0), nowhere = addr_of(ip_nowhere(lab), 0);
    struct rtmsg body = {.rtm_family = (unsigned char)lab->family, .rtm_dst_len = four ? 32 : 128};
    struct request request = request_of(RTM_GETROUTE, 0, &body, sizeof(body)), other = request;
    struct found found = {
        .type = RTM_NEWROUTE, .attr = RTA_OIF, .value = &lab->a_if, .len = sizeof(lab->a_if)};

    add_attribute(&request, RTA_DST, four ? (void *)&to.u.in.sin_addr : (void *)&to.u.in6.sin6_addr,
                  four ? 4 : 16);
    MUST(ask(in_a(lab), &request, &found, sizeof(body)));
    CHECK(found.is_there);
    add_attribute(&other, RTA_DST, four ? (void *)&nowhere.u.in.sin_addr : (void *)&nowhere.u.in6.sin6_addr,
                  four ? 4 : 16);
    CHECK(ask(in_a(lab), &other, &found, sizeof(body)) < 0);
    CHECK(errno == ENETUNREACH);
}

static void test_netlink_error(struct lab *lab)
{
    struct {
        struct nlmsghdr head;
        struct ifinfomsg body;
    } request = {.head = {.nlmsg_len = sizeof(request),
                          .nlmsg_type = 4000,
                          .nlmsg_seq = 5,
                          .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK}};
    int fd = MUST(ioth_msocket(in_a(lab), AF_NETLINK, SOCK_RAW, NETLINK_ROUTE));
    struct {
        struct nlmsghdr head;
        struct nlmsgerr error;
        char rest[256];
    } reply;

    MUST(ioth_send(fd, &request, sizeof(request), 0));
    wait_events(fd, POLLIN);
    CHECK(MUST(ioth_recv(fd, &reply, sizeof(reply), 0)) >= (int)(NLMSG_HDRLEN + sizeof(reply.error)));
    CHECK(reply.head.nlmsg_type == NLMSG_ERROR && reply.head.nlmsg_seq == 5);
    CHECK(reply.error.error == -EOPNOTSUPP && reply.error.msg.nlmsg_type == 4000);
    MUST(ioth_close(fd));
}

static void test_netlink_name(struct lab *lab)
{
    struct sockaddr_nl own = {.nl_family = AF_NETLINK}, got = {0};
    int fd = MUST(ioth_msocket(in_a(lab), AF_NETLINK, SOCK_RAW, NETLINK_ROUTE));
    socklen_t len = sizeof(got);

    OP(ioth_bind(fd, (struct sockaddr *)&own, sizeof(own)));
    MUST(ioth_getsockname(fd, (struct sockaddr *)&got, &len));
    CHECK(len == sizeof(got) && got.nl_family == AF_NETLINK && got.nl_pid != 0);
    MUST(ioth_close(fd));
}

/* ---- the netdevice ioctls ---- */

static void test_ioctls(struct lab *lab)
{
    int fd = MUST(ioth_msocket(in_a(lab), AF_INET, SOCK_DGRAM, 0));
    struct ifreq request = {.ifr_name = "vde0"};
    unsigned char mac[6];

    OP(ioth_ioctl(fd, SIOCGIFINDEX, &request));
    CHECK(request.ifr_ifindex == (int)lab->a_if);
    MUST(ioth_ioctl(fd, SIOCGIFFLAGS, &request));
    CHECK((request.ifr_flags & IFF_UP) != 0);
    MUST(ioth_ioctl(fd, SIOCGIFADDR, &request));
    CHECK(((struct sockaddr_in *)(void *)&request.ifr_addr)->sin_addr.s_addr == htonl(0x0a000001));
    MUST(ioth_ioctl(fd, SIOCGIFHWADDR, &request));
    MUST(ioth_linkgetaddr(in_a(lab), lab->a_if, mac));
    CHECK(memcmp(request.ifr_hwaddr.sa_data, mac, 6) == 0);
    MUST(ioth_ioctl(fd, SIOCGIFMTU, &request));
    CHECK(request.ifr_mtu == 1500);
    snprintf(request.ifr_name, sizeof(request.ifr_name), "nix7");
    FAILS(ENODEV, ioth_ioctl(fd, SIOCGIFINDEX, &request));
    MUST(ioth_close(fd));
}

static void test_ifconf(struct lab *lab)
{
    int fd = MUST(ioth_msocket(in_a(lab), AF_INET, SOCK_DGRAM, 0)), i;
    struct ifreq requests[8];
    struct ifconf conf = {.ifc_len = sizeof(requests), .ifc_req = requests};
    bool found = false;

    OP(ioth_ioctl(fd, SIOCGIFCONF, &conf));
    for (i = 0; i < conf.ifc_len / (int)sizeof(requests[0]); i++)
        found |= strcmp(requests[i].ifr_name, "vde0") == 0;
    CHECK(found);
    MUST(ioth_close(fd));
}

static struct ifreq request_for(const char *ifname)
{
    struct ifreq request = {.ifr_flags = 0};

    snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", ifname);
    return request;
}

static void put_in(struct sockaddr *sa, const char *text)
{
    struct addr addr = addr_of(text, 0);

    memcpy(sa, &addr.u.any, sizeof(*sa));
}

static uint32_t get_in(const struct sockaddr *sa)
{
    struct sockaddr_in in;

    memcpy(&in, sa, sizeof(in));
    return ntohl(in.sin_addr.s_addr);
}

/* As ifconfig(8) does it: address, mask, MTU, MAC address, down, up. */
static void test_setting_ioctls(struct lab *lab)
{
    int fd = MUST(ioth_msocket(in_a(lab), AF_INET, SOCK_DGRAM, 0));
    const unsigned char mac[6] = {0x02, 0, 0, 4, 5, 6};
    struct ifreq request = request_for("vde0");

    put_in(&request.ifr_addr, "10.0.9.1");
    OP(ioth_ioctl(fd, SIOCSIFADDR, &request));
    MUST(ioth_ioctl(fd, SIOCGIFNETMASK, &request));
    CHECK(get_in(&request.ifr_netmask) == 0xff000000); /* of its class */
    put_in(&request.ifr_netmask, "255.255.255.0");
    MUST(ioth_ioctl(fd, SIOCSIFNETMASK, &request));
    MUST(ioth_ioctl(fd, SIOCGIFBRDADDR, &request));
    CHECK(get_in(&request.ifr_broadaddr) == 0x0a0009ff);
    request.ifr_mtu = 1400;
    MUST(ioth_ioctl(fd, SIOCSIFMTU, &request));
    MUST(ioth_ioctl(fd, SIOCGIFMTU, &request));
    CHECK(request.ifr_mtu == 1400);
    MUST(ioth_ioctl(fd, SIOCGIFFLAGS, &request));
    request.ifr_flags = (short)(request.ifr_flags & ~IFF_UP);
    MUST(ioth_ioctl(fd, SIOCSIFFLAGS, &request));
    request.ifr_hwaddr.sa_family = ARPHRD_ETHER;
    memcpy(request.ifr_hwaddr.sa_data, mac, sizeof(mac));
    MUST(ioth_ioctl(fd, SIOCSIFHWADDR, &request));
    MUST(ioth_ioctl(fd, SIOCGIFFLAGS, &request));
    CHECK((request.ifr_flags & IFF_UP) == 0);
    request.ifr_flags |= IFF_UP;
    MUST(ioth_ioctl(fd, SIOCSIFFLAGS, &request));
    MUST(ioth_ioctl(fd, SIOCGIFHWADDR, &request));
    CHECK(memcmp(request.ifr_hwaddr.sa_data, mac, sizeof(mac)) == 0);
    MUST(ioth_close(fd));
}

/* As route(8) does it. */
static void test_route_ioctls(struct lab *lab)
{
    int fd = open_socket(lab, in_a(lab), SOCK_DGRAM), out = open_socket(lab, in_a(lab), SOCK_DGRAM);
    struct addr by = addr_of(ip_b(lab), 0);
    static char ifname[] = "vde0";
    struct rtentry four = {.rt_flags = RTF_UP | RTF_GATEWAY, .rt_dev = ifname};
    struct in6_rtmsg six = {.rtmsg_gateway = by.u.in6.sin6_addr,
                            .rtmsg_flags = RTF_UP | RTF_GATEWAY,
                            .rtmsg_ifindex = (int)lab->a_if};
    void *arg = lab->family == AF_INET ? (void *)&four : (void *)&six;

    put_in(&four.rt_dst, "0.0.0.0");
    put_in(&four.rt_genmask, "0.0.0.0");
    if (lab->family == AF_INET)
        put_in(&four.rt_gateway, ip_b(lab));
    FAILS(ENETUNREACH, send_to(out, "x", 1, ip_nowhere(lab), 7402));
    OP(ioth_ioctl(fd, SIOCADDRT, arg));
    FAILS(EEXIST, ioth_ioctl(fd, SIOCADDRT, arg));
    MUST(send_to(out, "x", 1, ip_nowhere(lab), 7402));
    MUST(ioth_ioctl(fd, SIOCDELRT, arg));
    FAILS(ENETUNREACH, send_to(out, "x", 1, ip_nowhere(lab), 7402));
    MUST(ioth_close(fd));
    MUST(ioth_close(out));
}

static void test_address_ioctls6(struct lab *lab)
{
    int fd = MUST(ioth_msocket(in_a(lab), AF_INET6, SOCK_DGRAM, 0));
    struct addr addr = addr_of("fc00:8::1", 0);
    struct in6_ifreq request = {
        .ifr6_addr = addr.u.in6.sin6_addr, .ifr6_prefixlen = 64, .ifr6_ifindex = (int)lab->a_if};

    OP(ioth_ioctl(fd, SIOCSIFADDR, &request));
    FAILS(EEXIST, ioth_ioctl(fd, SIOCSIFADDR, &request));
    MUST(ioth_ioctl(fd, SIOCDIFADDR, &request));
    FAILS(EADDRNOTAVAIL, bind_to(fd, "fc00:8::1", 7403));
    request.ifr6_ifindex = 4711;
    FAILS(ENODEV, ioth_ioctl(fd, SIOCSIFADDR, &request));
    MUST(ioth_close(fd));
}

const struct row netlink_rows[] = {
    {"netlink: dump of links", test_dump_links, 0},
    {"netlink: dump of addresses", test_dump_addresses, 0},
    {"netlink: dump of routes", test_dump_routes, 0},
    {"netlink: dump of neighbours", test_dump_neighbours, 0},
    {"netlink: a neighbour is set, replaced, deleted", test_neighbour, ROW_BOTH},
    {"netlink: the route to an address, ENETUNREACH", test_route_get, ROW_BOTH},
    {"netlink: an unknown request is EOPNOTSUPP", test_netlink_error, 0},
    {"netlink: bind, getsockname", test_netlink_name, 0},
    {"ioctl: SIOCGIFINDEX, SIOCGIFFLAGS, SIOCGIFADDR, ...", test_ioctls, 0},
    {"ioctl: SIOCGIFCONF", test_ifconf, 0},
    {"ioctl: SIOCSIFADDR, SIOCSIFNETMASK, SIOCSIFFLAGS, ...", test_setting_ioctls, 0},
    {"ioctl: SIOCADDRT, SIOCDELRT", test_route_ioctls, ROW_BOTH},
    {"ioctl: SIOCSIFADDR, SIOCDIFADDR of IPv6", test_address_ioctls6, 0},
    {NULL, NULL, 0},
};
