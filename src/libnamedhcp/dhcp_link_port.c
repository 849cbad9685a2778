/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * See dhcp_link.h. A port of a virtual Ethernet: frames of dhcp_port.c by vde/vdeport.h. A port that is back tries its
 * addresses anew, since it may be on another network now.
 *
 * A MAC address that nobody has said is made of the network's name, the machine's and the port's addresses: the same after a
 * restart, so that a DUID made of it is, and another one on each network and each machine. Of two servers on a machine that are
 * on one network without addresses the second one finds that its link-local address is taken, and takes another one.
 */
#include "libnamedhcp/dhcp_link.h"

#include "vde/vdeport.h"
#include "wire/dhcp4.h"

#include <errno.h>
#include <iothaddr.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct port_link {
    struct dhcp_link link;
    struct dhcp_port port;
    struct vdeport wire;
    struct log log;
    bool serve6;
    enum host6_state told; /* what the log has heard */
    uint64_t conflicts_told;
    uint8_t frame[VDEPORT_FRAME_ROOM];
};

/* --- out --- */

/* What the port itself has to say. */
static void drain(struct port_link *l)
{
    uint8_t frame[DHCP_PORT_FRAME_MAX];
    size_t len;

    while ((len = dhcp_port_output(&l->port, frame)) > 0)
        if (vdeport_send(&l->wire, frame, len) < 0)
            continue; /* as on any wire: who waits for it asks again */
}

static int send_frame(struct port_link *l, const uint8_t *frame, size_t len)
{
    return len > 0 ? vdeport_send(&l->wire, frame, len) : -EHOSTUNREACH;
}

static int send_packet(struct dhcp_link *link, const struct server_packet *packet, uint32_t from)
{
    struct port_link *l = (struct port_link *)link;
    uint8_t frame[DHCP_PORT_FRAME_MAX];

    return send_frame(l, frame, dhcp_port_wrap(&l->port, packet, from, frame));
}

static int send_probe(struct dhcp_link *link, uint32_t addr)
{
    struct port_link *l = (struct port_link *)link;
    uint8_t frame[DHCP_PORT_FRAME_MAX];

    return send_frame(l, frame, dhcp_port_probe(&l->port, addr, frame));
}

static int send_echo(struct dhcp_link *link, uint32_t from, uint32_t to, const uint8_t via_mac[static 6],
                     const struct icmp4_echo *echo)
{
    struct port_link *l = (struct port_link *)link;
    uint8_t frame[DHCP_PORT_FRAME_MAX];

    return send_frame(l, frame, dhcp_port_echo(&l->port, from, to, via_mac, echo, frame));
}

/* --- what befalls it --- */

/* DHCPv6 wants an address that has been tried; after an absence it is not served again before that. */
static void note_deafness(struct port_link *l)
{
    enum host6_state state = l->port.host.state;

    if (state == HOST6_DOWN)
        l->link.deaf = -ENETDOWN;
    else if (state == HOST6_DUPLICATE && l->serve6)
        l->link.deaf = -EADDRINUSE;
    else if (state != HOST6_TRYING || !l->serve6)
        l->link.deaf = 0;
    l->link.deaf_told = l->link.deaf; /* here */
}

static void tell(struct port_link *l)
{
    struct dhcp_port_stats stats;
    enum host6_state state = l->port.host.state;

    note_deafness(l);
    dhcp_port_stats(&l->port, &stats);
    if (stats.conflicts > l->conflicts_told) {
        l->conflicts_told = stats.conflicts;
        log_event(&l->log, LOG_LEVEL_WARNING, "somebody else uses our IPv4 address",
                  LOG_TEXT("iface", l->link.name));
    }
    if (state == l->told || state == HOST6_TRYING)
        return;
    if (state == HOST6_DUPLICATE)
        log_event(
            &l->log, LOG_LEVEL_WARNING,
            "somebody else has our link-local address: DHCPv6 is not served there until another one is found",
            LOG_TEXT("iface", l->link.name));
    else if (state == HOST6_READY)
        log_event(&l->log, LOG_LEVEL_INFO, "on the network", LOG_TEXT("iface", l->link.name));
    else
        log_event(&l->log, LOG_LEVEL_WARNING, "the network is gone, and tried again once a second",
                  LOG_TEXT("iface", l->link.name));
    l->told = state;
}

/* --- in --- */

static int receive(struct dhcp_link *link, nsec_t now, struct dhcp_heard *ret)
{
    struct port_link *l = (struct port_link *)link;
    int len = vdeport_next(&l->wire, l->frame);

    if (len == -ENETDOWN) {
        dhcp_port_down(&l->port);
        tell(l);
    }
    if (len < 0)
        return -EAGAIN;
    dhcp_port_input(&l->port, l->frame, (size_t)len, now, ret);
    drain(l);
    tell(l);
    return ret->kind != DHCP_HEARD_NOTHING;
}

static void watch(struct dhcp_link *link, nsec_t now)
{
    int fds[VDEPORT_FDS_MAX];

    (void)now;
    link->n_polled = vdeport_fds(&((struct port_link *)link)->wire, fds);
    for (unsigned i = 0; i < link->n_polled; i++)
        link->polled[i] = (struct pollfd){.fd = fds[i], .events = POLLIN};
}

/* --- time --- */

static void timeout(struct dhcp_link *link, nsec_t now)
{
    struct port_link *l = (struct port_link *)link;

    if (vdeport_reconnect(&l->wire, now))
        dhcp_port_up(&l->port, now);
    if (!l->wire.is_connected)
        return;
    dhcp_port_timeout(&l->port, now);
    drain(l);
    tell(l);
}

static nsec_t deadline(const struct dhcp_link *link)
{
    const struct port_link *l = (const struct port_link *)link;

    return l->wire.is_connected ? dhcp_port_deadline(&l->port) : vdeport_deadline(&l->wire);
}

/* Its addresses are those of the configuration, and stay. */
static void look(struct dhcp_link *link)
{
    (void)link;
}

static void count(const struct dhcp_link *link, struct dhcp_port_stats *stats)
{
    struct dhcp_port_stats own;

    dhcp_port_stats(&((const struct port_link *)link)->port, &own);
    stats->damaged += own.damaged;
    stats->fragments += own.fragments;
    stats->conflicts += own.conflicts;
}

/* --- life --- */

static void make_mac(const char *vnl, const struct dhcp_port_addr *addrs, unsigned n_addrs,
                     uint8_t mac[static 6])
{
    char text[1024], host[256] = "", addr[IPADDR_STRLEN];

    if (gethostname(host, sizeof(host) - 1) < 0)
        host[0] = '\0';
    size_t len = (size_t)snprintf(text, sizeof(text), "%s %.500s", host, vnl);
    for (unsigned i = 0; i < n_addrs && len < sizeof(text); i++)
        len += (size_t)snprintf(text + len, sizeof(text) - len, " %s", ipaddr_format(&addrs[i].addr, addr));
    iothaddr_hashmac(mac, text, NULL);
}

static void note_addrs(struct dhcp_link *link, const struct dhcp_port *port)
{
    for (unsigned i = 0; i < port->n_addrs; i++)
        if (ipaddr_is_v4(&port->addrs[i].addr))
            link->addrs[link->n_addrs++] = (struct dhcp_link_addr){.addr = ipaddr_to_v4(&port->addrs[i].addr),
                                                                   .bits = port->addrs[i].bits - 96};
}

static void close_link(struct dhcp_link *link)
{
    struct port_link *l = (struct port_link *)link;

    vdeport_close(&l->wire);
    free(l);
}

static const struct dhcp_link_ops ops = {
    .watch = watch,
    .receive = receive,
    .send = send_packet,
    .probe = send_probe,
    .echo = send_echo,
    .look = look,
    .timeout = timeout,
    .deadline = deadline,
    .count = count,
    .close = close_link,
};

int dhcp_link_open_port(const char *vnl, const struct dhcp_port_addr *addrs, unsigned n_addrs,
                        const struct dhcp_link_settings *settings, const struct server_env *env, nsec_t now,
                        struct dhcp_link **ret, char *why, size_t why_size)
{
    struct dhcp_port_settings port = {.env = *env, .addrs = addrs, .n_addrs = n_addrs};
    struct port_link *l = calloc(1, sizeof(*l));

    if (!l)
        return -ENOMEM;
    l->link.ops = &ops;
    l->log = settings->log;
    l->serve6 = settings->serve6;
    snprintf(l->link.name, sizeof(l->link.name), "%s", settings->name);
    if (settings->mac)
        memcpy(port.mac, settings->mac, sizeof(port.mac));
    else
        make_mac(vnl, addrs, n_addrs, port.mac);
    memcpy(l->link.mac, port.mac, sizeof(l->link.mac));
    int e = dhcp_port_init(&l->port, &port);
    if (e < 0)
        snprintf(why, why_size,
                 "an address of the port on %.200s is none that a node can have, or stands twice", vnl);
    if (e == 0 && (e = vdeport_open(&l->wire, vnl, "namedhcp")) < 0)
        snprintf(why, why_size, "cannot get a port on %.200s: %s", vnl, vdeport_strerror(e));
    if (e < 0) {
        free(l);
        return e;
    }
    note_addrs(&l->link, &l->port);
    dhcp_port_up(&l->port, now);
    *ret = &l->link;
    return 0;
}
