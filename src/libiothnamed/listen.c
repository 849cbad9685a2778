/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The sockets that clients reach. Without `option listen` one IPv6 socket for both families serves all
 * addresses; on a stack without IPv6 one for IPv4. Workers share an address by SO_REUSEPORT, but never with
 * another server: before they start, each address is bound without it for a moment, which fails if somebody
 * is there.
 */
#include "libiothnamed/worker.h"
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>

/* Large enough for a burst while the worker is at something else; the system may grant less. */
#define UDP_BUFFER_BYTES (4 << 20)

static struct listen_address any_address(uint16_t port, int family)
{
    struct listen_address a = {.any = true};
    if (family == AF_INET6) {
        struct sockaddr_in6 *sin6 = (struct sockaddr_in6 *)&a.addr;
        *sin6 = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_port = htons(port)};
        a.len = sizeof(*sin6);
    } else {
        struct sockaddr_in *sin = (struct sockaddr_in *)&a.addr;
        *sin = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(port)};
        a.len = sizeof(*sin);
    }
    return a;
}

unsigned listen_addresses(const struct config *config, struct listen_address list[static LISTEN_MAX])
{
    const struct config_options *o = &config->options;
    uint16_t port = (uint16_t)o->port;
    if (o->n_listen == 0) {
        list[0] = any_address(port, AF_INET6);
        return 1;
    }
    for (unsigned i = 0; i < o->n_listen; i++) {
        struct ipendpoint e = {.addr = o->listen[i], .port = port};
        list[i].any = false;
        list[i].len = ipendpoint_to_sockaddr(&e, false, &list[i].addr);
    }
    return o->n_listen;
}

const char *listen_format(const struct config_options *o, char ret[static LISTEN_STRLEN])
{
    char text[IPADDR_STRLEN];
    size_t len = 0;
    unsigned i = 0;
    for (; i < o->n_listen && len + sizeof(text) + LISTEN_MORE < LISTEN_STRLEN; i++)
        len += (size_t)snprintf(ret + len, LISTEN_STRLEN - len, "%s%s", i == 0 ? "" : ",",
                                ipaddr_format(&o->listen[i], text));
    if (i < o->n_listen)
        snprintf(ret + len, LISTEN_STRLEN - len, " and %u more", o->n_listen - i);
    else if (i == 0)
        snprintf(ret, LISTEN_STRLEN, "all");
    return ret;
}

static int set(int fd, int level, int option, int value)
{
    return ioth_setsockopt(fd, level, option, &value, sizeof(value));
}

/* Answers fit any path, DNS_UDP_EDNS (RFC 9715). A forged ICMP message that says otherwise would have them sent in
 * fragments, of which an attacker can replace the second: the system is told to learn nothing from such messages
 * for this socket. A stack without the option learns nothing either. */
static void distrust_path_mtu(int fd, int family)
{
    if (family == AF_INET6)
        set(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_OMIT);
    set(fd, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_OMIT); /* IPv4 through an IPv6 socket has it too */
}

static int make_socket(struct ioth *stack, int family, int type, bool share_port)
{
    int fd = ioth_msocket(stack, family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    if (family == AF_INET6)
        set(fd, IPPROTO_IPV6, IPV6_V6ONLY, 0);
    if (type == SOCK_STREAM) {
        set(fd, SOL_SOCKET, SO_REUSEADDR, 1);
        set(fd, IPPROTO_TCP, TCP_NODELAY, 1); /* connections inherit it; answers are gathered here */
    } else {
        set(fd, SOL_SOCKET, SO_RCVBUF, UDP_BUFFER_BYTES);
        distrust_path_mtu(fd, family);
    }
    if (share_port && set(fd, SOL_SOCKET, SO_REUSEPORT, 1) < 0) {
        int e = -errno;
        ioth_close(fd);
        return e;
    }
    return fd;
}

/* For replies to come from the address that was asked. */
static void want_packet_info(int fd, int family)
{
    if (family == AF_INET6)
        set(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1);
    else
        set(fd, IPPROTO_IP, IP_PKTINFO, 1);
}

static int bind_at(struct ioth *stack, const struct listen_address *at, int type, bool share_port)
{
    int fd = make_socket(stack, at->addr.ss_family, type, share_port);
    if (fd < 0)
        return fd;
    if (at->any && type == SOCK_DGRAM)
        want_packet_info(fd, at->addr.ss_family);
    if (ioth_bind(fd, (const struct sockaddr *)&at->addr, at->len) < 0) {
        int e = -errno;
        ioth_close(fd);
        return e;
    }
    return fd;
}

int listen_socket(struct ioth *stack, const struct listen_address *at, int type, bool share_port, char *why,
                  size_t why_size)
{
    int fd = bind_at(stack, at, type, share_port);
    if (fd == -EAFNOSUPPORT && at->any) {
        struct listen_address v4 =
            any_address(ntohs(((const struct sockaddr_in6 *)&at->addr)->sin6_port), AF_INET);
        fd = bind_at(stack, &v4, type, share_port);
    }
    if (fd >= 0)
        return fd;
    struct ipendpoint e;
    char text[IPENDPOINT_STRLEN] = "?";
    if (ipendpoint_from_sockaddr((const struct sockaddr *)&at->addr, &e) == 0)
        ipendpoint_format(&e, text);
    const char *hint =
        fd == -EADDRINUSE ? ": another server has it; `option listen` chooses the addresses to serve"
        : fd == -EACCES   ? ": ports below 1024 are for root, or with CAP_NET_BIND_SERVICE; see `option port`"
        : fd == -EADDRNOTAVAIL ? ": the stack does not have this address"
                               : "";
    snprintf(why, why_size, "cannot serve %s %s: %s%s", type == SOCK_DGRAM ? "UDP" : "TCP", text,
             strerror(-fd), hint);
    return fd;
}

bool listen_can_share(struct ioth *stack, const struct config *config)
{
    struct listen_address list[LISTEN_MAX];
    listen_addresses(config, list);
    int fd = make_socket(stack, list[0].addr.ss_family, SOCK_DGRAM, true);
    if (fd >= 0)
        ioth_close(fd);
    return fd != -ENOPROTOOPT && fd != -EOPNOTSUPP && fd != -EINVAL;
}

int listen_probe(struct ioth *stack, const struct config *config, char *why, size_t why_size)
{
    struct listen_address list[LISTEN_MAX];
    unsigned n = listen_addresses(config, list);
    for (unsigned i = 0; i < 2 * n; i++) {
        int fd = listen_socket(stack, &list[i / 2], i % 2 ? SOCK_STREAM : SOCK_DGRAM, false, why, why_size);
        if (fd < 0)
            return fd;
        ioth_close(fd);
    }
    return 0;
}
