/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The ports that are served: one listening socket, or one for datagrams, for each, on all addresses of the external stack.
 *
 * A filter on each listener (proxy_filter.h) lets through what is sent to open addresses. So an address of the stack that is
 * no one-time address, or one that is closed, has no such port; where a stack runs no filters the proxy itself refuses. The
 * number of SYN-ACKs that are repeated is small: a client that never answered the first one must not be reminded of the
 * address long after it was closed.
 *
 * A service that a reload takes away retires: its socket stays, deaf, as long as it has flows, since a port of a muted address
 * without a socket would answer with RST.
 */
#include "libotip/proxy_filter.h"
#include "libotip/proxy_state.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    SYN_ACKS_MAX = 2, /* repeated after 1 and 3 s */
    UDP_BUFFER_BYTES =
        4 << 20, /* for a burst while the loop is at something else; the system may grant less */
};

#ifndef IPV6_FREEBIND
#define IPV6_FREEBIND 78
#endif

#define REST (NSEC_PER_SEC / 10) /* of a socket that failed */
#define CALM (10 * NSEC_PER_SEC) /* without a failure: then it is well again */

static void set(int fd, int level, int option, int value)
{
    ioth_setsockopt(fd, level, option, &value, sizeof(value));
}

/* ---- the filter ---- */

struct open_addresses {
    unsigned n;
    struct ipaddr addrs[PROXY_BREADTH_MAX];
};

static void gather_open(const struct otip_proxy *p, struct open_addresses *ret)
{
    ret->n = 0;
    for (unsigned i = 0; i < p->window.top && ret->n < PROXY_BREADTH_MAX; i++)
        if (p->window.places[i].state == WINDOW_OPEN)
            ret->addrs[ret->n++] = p->window.places[i].addr;
}

static int attach(int fd, const struct ipaddr *addrs, unsigned n)
{
    struct sock_filter code[PROXY_FILTER_MAX];
    struct sock_fprog program = {.len = (unsigned short)proxy_filter_write(code, addrs, n), .filter = code};

    return ioth_setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) == 0 ||
                   errno == ENOPROTOOPT
               ? 0
               : -errno;
}

void proxy_services_filter(struct otip_proxy *p)
{
    struct open_addresses open;

    gather_open(p, &open);
    for (struct service *s = p->services; s; s = s->next) {
        if (s->config.udp || s->fd < 0)
            continue;
        int e = attach(s->fd, open.addrs, s->retired ? 0 : open.n);
        if (e < 0)
            log_event(&p->log, LOG_LEVEL_ERROR, "a listener keeps its old filter",
                      LOG_NUMBER("port", s->config.port), LOG_TEXT("reason", strerror(-e)));
    }
}

/* ---- sockets ---- */

static void prepare_tcp(int fd)
{
    set(fd, SOL_SOCKET, SO_REUSEADDR, 1);
    set(fd, IPPROTO_TCP, TCP_SYNCNT, SYN_ACKS_MAX);
}

/* Replies leave from muted addresses too, which the stack does not have. */
static void prepare_udp(int fd)
{
    set(fd, SOL_SOCKET, SO_RCVBUF, UDP_BUFFER_BYTES);
    set(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1);
    set(fd, IPPROTO_IPV6, IPV6_FREEBIND, 1);
}

/* A socket that serves, deaf to connections until proxy_services_filter. */
static int open_socket(struct otip_proxy *p, const struct proxy_service *config, unsigned backlog)
{
    struct sockaddr_in6 any = {.sin6_family = AF_INET6, .sin6_port = htons(config->port)};
    int type = config->udp ? SOCK_DGRAM : SOCK_STREAM;
    int e = 0, fd = ioth_msocket(p->extstack, AF_INET6, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return -errno;
    set(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
    (config->udp ? prepare_udp : prepare_tcp)(fd);
    if (!config->udp)
        e = attach(fd, NULL, 0);
    if (e == 0 && ioth_bind(fd, (const struct sockaddr *)&any, sizeof(any)) < 0)
        e = -errno;
    if (e == 0 && !config->udp && ioth_listen(fd, (int)backlog) < 0)
        e = -errno;
    if (e == 0)
        return fd;
    ioth_close(fd);
    return e;
}

/* ---- congestion control: connections have that of the listener that they come from ---- */

static void note_congestion(struct service *s)
{
    socklen_t len = sizeof(s->congestion);

    if (s->config.udp || ioth_getsockopt(s->fd, IPPROTO_TCP, TCP_CONGESTION, s->congestion, &len) < 0)
        s->congestion[0] = '\0';
    s->congestion[sizeof(s->congestion) - 1] = '\0';
}

const char *proxy_why_not_congestion(int error)
{
    switch (error) {
    case ENOENT:
        return "the kernel has no such control: see net.ipv4.tcp_available_congestion_control";
    case EPERM:
        return "it takes privilege: see net.ipv4.tcp_allowed_congestion_control";
    case ENOPROTOOPT:
        return "the external stack lets nobody choose";
    default:
        return strerror(error);
    }
}

static int choose_congestion(struct otip_proxy *p, const struct proxy_config *config, char *why,
                             size_t why_size)
{
    const char *name = config->congestion; /* NULL: the stack's own */

    for (const struct service *s = p->services; s; s = s->next) {
        const char *wanted = name ? name : s->congestion;

        if (s->config.udp || s->fd < 0 || *wanted == '\0' ||
            ioth_setsockopt(s->fd, IPPROTO_TCP, TCP_CONGESTION, wanted, (socklen_t)strlen(wanted)) == 0)
            continue;
        int e = -errno;
        snprintf(why, why_size, "tcp_congestion %s: %s", wanted, proxy_why_not_congestion(-e));
        return rc_say_place(config->at.congestion, e, why, why_size);
    }
    return 0;
}

/* ---- services ---- */

static void free_service(struct corpse *c)
{
    free((char *)c - offsetof(struct service, corpse));
}

static void take_out(struct otip_proxy *p, struct service *s)
{
    struct service **at = &p->services;

    while (*at != s)
        at = &(*at)->next;
    *at = s->next;
    if (s->fd >= 0) {
        loop_unwatch(&p->loop, s->fd);
        ioth_close(s->fd);
        s->fd = -1;
    }
    loop_bury(&p->loop, &s->corpse);
}

static int open_service(struct otip_proxy *p, const struct proxy_service *config, unsigned backlog)
{
    struct service *s = calloc(1, sizeof(*s));

    if (s == NULL)
        return -ENOMEM;
    *s = (struct service){.watch.ready = config->udp ? udp_ready : tcp_ready,
                          .corpse.free = free_service,
                          .proxy = p,
                          .config = *config,
                          .next = p->services,
                          .fd = open_socket(p, config, backlog)};
    int e = s->fd < 0 ? s->fd : loop_watch(&p->loop, s->fd, EPOLLIN, &s->watch);
    if (e < 0 && s->fd >= 0)
        ioth_close(s->fd);
    if (e < 0) {
        free(s);
        return e;
    }
    note_congestion(s);
    p->services = s;
    return 0;
}

/* Rules for the ports that have flows or may get some. */
static int announce_ports(struct otip_proxy *p)
{
    struct proxy_port ports[2 * PROXY_SERVICES_MAX];
    unsigned n = 0;

    for (struct service *s = p->services; s && n < ARRAY_LEN(ports); s = s->next)
        ports[n++] = (struct proxy_port){.udp = s->config.udp, .port = s->config.port};
    return proxy_addresses_serve(&p->addresses, ports, n);
}

static struct service *find(const struct otip_proxy *p, const struct proxy_service *config)
{
    struct service *s = p->services;

    while (s && (s->config.udp != config->udp || s->config.port != config->port))
        s = s->next;
    return s;
}

static bool is_wanted(const struct service *s, const struct proxy_config *config)
{
    for (unsigned i = 0; i < config->n_services; i++)
        if (config->services[i].udp == s->config.udp && config->services[i].port == s->config.port)
            return true;
    return false;
}

static void retire_unwanted(struct otip_proxy *p, const struct proxy_config *config)
{
    struct service *next;

    for (struct service *s = p->services; s; s = next) {
        next = s->next;
        s->retired = !is_wanted(s, config);
        if (s->retired && s->flows == 0)
            take_out(p, s);
    }
}

int proxy_services_open(struct otip_proxy *p, const struct proxy_config *config, char *why, size_t why_size)
{
    int e = 0;

    for (unsigned i = 0; i < config->n_services && e == 0; i++) {
        const struct proxy_service *wanted = &config->services[i];
        struct service *s = find(p, wanted);
        if (s)
            s->config.server = wanted->server; /* new flows go there */
        else
            e = open_service(p, wanted, config->backlog);
        if (e < 0)
            snprintf(why, why_size, "cannot serve %s port %u: %s%s", wanted->udp ? "UDP" : "TCP",
                     wanted->port, strerror(-e),
                     e == -EADDRINUSE ? ": another program of the external stack has it"
                     : e == -EACCES   ? ": ports below 1024 need privilege"
                                      : "");
    }
    if (e == 0)
        e = choose_congestion(p, config, why, why_size);
    if (e < 0)
        return e;
    retire_unwanted(p, config);
    e = announce_ports(p);
    if (e < 0)
        snprintf(why, why_size, "cannot make the rules of the served ports: %s", strerror(-e));
    proxy_services_filter(p);
    return e;
}

void proxy_services_close(struct otip_proxy *p)
{
    while (p->services)
        take_out(p, p->services);
}

/* ---- rest ---- */

/* Said when it begins and when it is over, not each time: who is out of descriptors is so for a while. */
static void look_again(struct service *s)
{
    struct otip_proxy *p = s->proxy;

    if (s->rests && loop_watch(&p->loop, s->fd, EPOLLIN, &s->watch) == 0)
        s->rests = false;
    if (s->rests || p->loop.now - s->failed_at < CALM)
        return;
    s->failed_at = 0;
    log_event(&p->log, LOG_LEVEL_INFO, "a port takes flows again", LOG_NUMBER("port", s->config.port));
}

void proxy_services_wake(struct otip_proxy *p)
{
    for (struct service *s = p->services; s; s = s->next)
        if (s->failed_at != 0)
            look_again(s);
}

void service_rest(struct service *s, int error)
{
    struct otip_proxy *p = s->proxy;

    loop_unwatch(&p->loop, s->fd);
    s->rests = true;
    count(&p->counters.refused_memory, 1);
    if (s->failed_at == 0)
        log_event(&p->log, LOG_LEVEL_WARNING, "a port takes nothing for a moment",
                  LOG_NUMBER("port", s->config.port), LOG_TEXT("reason", strerror(error)));
    s->failed_at = p->loop.now;
    loop_hasten(&p->loop, &p->pulse, p->loop.now + REST);
}

/* ---- flows ---- */

bool proxy_flow_begins(struct otip_proxy *p, struct service *s, struct window_address *place,
                       const struct ipaddr *from)
{
    enum proxy_admission admission = proxy_account_enter(p->account, from);

    if (admission != PROXY_ADMITTED) {
        count(admission == PROXY_FULL ? &p->counters.refused_full : &p->counters.refused_source, 1);
        log_event(&p->log, LOG_LEVEL_WARNING,
                  admission == PROXY_FULL ? "a flow is refused: there are too many"
                                          : "a flow is refused: there are too many of its network",
                  LOG_NUMBER("port", s->config.port));
        return false;
    }
    atomic_store_explicit(&p->counters.sources, proxy_account_sources(p->account), memory_order_relaxed);
    window_flow_begins(place);
    s->flows++;
    return true;
}

void proxy_flow_ends(struct otip_proxy *p, struct service *s, struct window_address *place,
                     const struct ipaddr *from)
{
    proxy_account_leave(p->account, from);
    atomic_store_explicit(&p->counters.sources, proxy_account_sources(p->account), memory_order_relaxed);
    window_flow_ends(place);
    if (place->flows == 0 && place->state == WINDOW_MUTED)
        loop_turn(&p->loop, &p->epochs_turn);
    if (--s->flows > 0 || !s->retired)
        return;
    take_out(p, s);
    int e = announce_ports(p);
    if (e < 0)
        log_event(&p->log, LOG_LEVEL_WARNING, "the rule of a port stays", LOG_TEXT("reason", strerror(-e)));
}
