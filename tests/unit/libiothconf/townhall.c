/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See townhall.h. Two sockets, one thread. Replies of DHCP are broadcast: the client has no address yet, and one that has
 * takes them too.
 */
#include "libiothconf/townhall.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <iothconf.h>

#include "wire/dhcp4.h"
#include "wire/nd.h"

enum { SELF = 0x0a000001, GIVEN = 0x0a000032, BUFFER = 2048 };

struct townhall {
    struct ioth *stack;
    struct townhall_rules rules;
    struct townhall_counts counts;
    atomic_int silent;
    atomic_bool refuse;
    int dhcp, icmp, stop;
    unsigned ifindex;
    pthread_t thread;
};

static void reply(struct townhall *hall, const struct dhcp4_message *request, enum dhcp4_type type)
{
    struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = htons(DHCP4_CLIENT_PORT), .sin_addr.s_addr = INADDR_BROADCAST};
    struct dhcp4_header header = request->header;
    struct dhcp4_writer dw;
    uint8_t buffer[BUFFER];
    int len;

    header.op = DHCP4_BOOTREPLY;
    header.yiaddr = type == DHCP4_NAK ? 0 : GIVEN;
    memset(header.sname, 0, sizeof(header.sname));
    memset(header.file, 0, sizeof(header.file));
    dhcp4_begin(&dw, buffer, sizeof(buffer), &header, NULL);
    dhcp4_put_u8(&dw, DHCP4_MESSAGE_TYPE, (uint8_t)type);
    dhcp4_put_u32(&dw, DHCP4_SERVER_ID, SELF);
    if (type != DHCP4_NAK) {
        dhcp4_put_u32(&dw, DHCP4_LEASE_TIME, hall->rules.lease_s);
        dhcp4_put_u32(&dw, DHCP4_SUBNET_MASK, 0xffffff00);
        dhcp4_put_u32(&dw, DHCP4_ROUTERS, SELF);
        dhcp4_put_u32(&dw, DHCP4_NAME_SERVERS, SELF);
        dhcp4_put(&dw, DHCP4_DOMAIN_NAME, "town.test", 9);
    }
    if (type != DHCP4_NAK && hall->rules.renewal_s != 0)
        dhcp4_put_u32(&dw, DHCP4_RENEWAL_TIME, hall->rules.renewal_s);
    if (type != DHCP4_NAK && hall->rules.rebinding_s != 0)
        dhcp4_put_u32(&dw, DHCP4_REBINDING_TIME, hall->rules.rebinding_s);
    if (type != DHCP4_NAK && hall->rules.mtu != 0)
        dhcp4_put_u16(&dw, DHCP4_MTU, hall->rules.mtu);
    len = dhcp4_end(&dw);
    if (len > 0)
        ioth_sendto(hall->dhcp, buffer, (size_t)len, 0, (struct sockaddr *)&to, sizeof(to));
}

static void hear_dhcp(struct townhall *hall)
{
    struct dhcp4_message request;
    uint8_t buffer[BUFFER];
    ssize_t len = ioth_recv(hall->dhcp, buffer, sizeof(buffer), MSG_DONTWAIT);

    if (len <= 0 || dhcp4_read(buffer, (size_t)len, &request) < 0)
        return;
    if (request.type == DHCP4_DISCOVER) {
        hall->counts.discovers++;
        if (!hall->silent)
            reply(hall, &request, DHCP4_OFFER);
    } else if (request.type == DHCP4_REQUEST) {
        hall->counts.requests++;
        if (atomic_exchange(&hall->refuse, false))
            reply(hall, &request, DHCP4_NAK);
        else if (!hall->silent || request.header.ciaddr != 0)
            reply(hall, &request, DHCP4_ACK);
    } else if (request.type == DHCP4_RELEASE) {
        hall->counts.releases++;
    } else if (request.type == DHCP4_DECLINE) {
        hall->counts.declines++;
    }
}

/* Sends an ICMPv6 message to all nodes. */
static void tell_all(struct townhall *hall, const struct writer *w)
{
    struct sockaddr_in6 to = {.sin6_family = AF_INET6, .sin6_scope_id = hall->ifindex};

    memcpy(&to.sin6_addr, nd_all_nodes.b, sizeof(to.sin6_addr));
    if (!w->bad)
        ioth_sendto(hall->icmp, w->base, w->pos, 0, (struct sockaddr *)&to, sizeof(to));
}

void townhall_advertise(struct townhall *hall, uint16_t lifetime_s)
{
    struct nd_message msg = {
        .type = ND_ROUTER_ADVERT,
        .router = {.hop_limit = 64, .flags = hall->rules.flags, .lifetime_s = lifetime_s}};
    struct nd_option prefix = {.type = ND_PREFIX,
                               .prefix = {.prefix = {.b = {0xfd}},
                                          .bits = 64,
                                          .flags = ND_PREFIX_ON_LINK | ND_PREFIX_AUTONOMOUS,
                                          .valid_s = 3600,
                                          .preferred_s = 1800}};
    const struct ipaddr server = {.b = {0xfd, [15] = 0x53}};
    struct nd_option rdnss = {.type = ND_RDNSS, .rdnss = {.lifetime_s = 1800, .n = 1, .servers = &server}};
    uint8_t buffer[BUFFER];
    struct writer w = writer_of(buffer, sizeof(buffer));

    nd_write(&w, &msg);
    nd_write_option(&w, &prefix);
    nd_write_option(&w, &rdnss);
    tell_all(hall, &w);
}

void townhall_renumber(struct townhall *hall, uint16_t number)
{
    struct nd_message msg = {.type = ND_ROUTER_ADVERT, .router = {.hop_limit = 64, .lifetime_s = 1800}};
    struct nd_option prefix = {
        .type = ND_PREFIX,
        .prefix = {.bits = 64, .flags = ND_PREFIX_ON_LINK | ND_PREFIX_AUTONOMOUS, .valid_s = 3600}};
    uint8_t buffer[BUFFER];
    struct writer w = writer_of(buffer, sizeof(buffer));

    nd_write(&w, &msg);
    for (uint8_t i = 0; i < 8; i++) {
        prefix.prefix.prefix = (struct ipaddr){.b = {0xfd, 1, i}};
        put_be16(prefix.prefix.prefix.b + 4, number);
        nd_write_option(&w, &prefix);
    }
    tell_all(hall, &w);
}

static void hear_icmp(struct townhall *hall)
{
    uint8_t buffer[BUFFER];
    ssize_t len = ioth_recv(hall->icmp, buffer, sizeof(buffer), MSG_DONTWAIT);

    if (len <= 0 || buffer[0] != ND_ROUTER_SOLICIT)
        return;
    hall->counts.solicits++;
    if (!hall->silent)
        townhall_advertise(hall, hall->rules.router_lifetime_s);
}

static void *serve(void *arg)
{
    struct townhall *hall = arg;
    struct pollfd fds[] = {{.fd = hall->dhcp, .events = POLLIN},
                           {.fd = hall->icmp, .events = POLLIN},
                           {.fd = hall->stop, .events = POLLIN}};

    while (fds[2].revents == 0) {
        poll(fds, 3, -1);
        if (fds[0].revents != 0)
            hear_dhcp(hall);
        if (fds[1].revents != 0)
            hear_icmp(hall);
    }
    return NULL;
}

static bool open_sockets(struct townhall *hall)
{
    const struct sockaddr_in any = {.sin_family = AF_INET, .sin_port = htons(DHCP4_SERVER_PORT)};
    const int on = 1, hops = ND_HOP_LIMIT;
    struct ipv6_mreq routers = {.ipv6mr_interface = hall->ifindex};

    memcpy(&routers.ipv6mr_multiaddr, nd_all_routers.b, sizeof(routers.ipv6mr_multiaddr));
    hall->dhcp = ioth_msocket(hall->stack, AF_INET, SOCK_DGRAM, 0);
    hall->icmp = ioth_msocket(hall->stack, AF_INET6, SOCK_RAW, IPPROTO_ICMPV6);
    hall->stop = eventfd(0, EFD_CLOEXEC);
    return ioth_setsockopt(hall->dhcp, SOL_SOCKET, SO_BROADCAST, &on, sizeof(on)) == 0 &&
           ioth_bind(hall->dhcp, (const struct sockaddr *)&any, sizeof(any)) == 0 &&
           ioth_setsockopt(hall->icmp, IPPROTO_IPV6, IPV6_MULTICAST_HOPS, &hops, sizeof(hops)) == 0 &&
           ioth_setsockopt(hall->icmp, IPPROTO_IPV6, IPV6_JOIN_GROUP, &routers, sizeof(routers)) == 0 &&
           hall->stop >= 0;
}

struct townhall *townhall_start(const char *vnl, const struct townhall_rules *rules)
{
    struct townhall *hall = calloc(1, sizeof(*hall));
    char config[256];

    if (hall == NULL)
        return NULL;
    hall->rules = *rules;
    snprintf(config, sizeof(config), "stack=lwip,vnl=%s,eth,ip=10.0.0.1/24,ip=fd00::1/64", vnl);
    hall->stack = ioth_newstackc(config);
    if (hall->stack != NULL)
        hall->ifindex = (unsigned)ioth_if_nametoindex(hall->stack, "vde0");
    if (hall->stack != NULL && open_sockets(hall) && pthread_create(&hall->thread, NULL, serve, hall) == 0)
        return hall;
    perror("townhall");
    free(hall);
    return NULL;
}

void townhall_stop(struct townhall *hall)
{
    eventfd_write(hall->stop, 1);
    pthread_join(hall->thread, NULL);
    ioth_close(hall->dhcp);
    ioth_close(hall->icmp);
    close(hall->stop);
    ioth_delstack(hall->stack);
    free(hall);
}

struct townhall_counts *townhall_counts(struct townhall *hall)
{
    return &hall->counts;
}

void townhall_set_silent(struct townhall *hall, int silent)
{
    hall->silent = silent;
}

void townhall_refuse_once(struct townhall *hall)
{
    hall->refuse = true;
}
