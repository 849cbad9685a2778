/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See link.h. A port of a virtual Ethernet: frames of ra_port.c by vde/vdeport.h. A port that is back tries its address
 * anew, since it may be on another network now.
 */
#include "vde/vdeport.h"
#include "libiothradvd/link.h"
#include "libiothradvd/ra_port.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct port_link {
    struct link link;
    struct ra_port port;
    struct vdeport wire;
    uint8_t frame[VDEPORT_FRAME_ROOM];
};

/* --- out --- */

/* What the port itself has to say. */
static void drain(struct port_link *l)
{
    uint8_t frame[RA_FRAME_MAX];
    size_t len;
    while ((len = ra_port_output(&l->port, frame)) > 0)
        if (vdeport_send(&l->wire, frame, len) < 0)
            continue; /* as on any wire: who waits for it asks again */
}

static int send_event(struct link *link, const struct ra_event *event)
{
    struct port_link *l = (struct port_link *)link;
    uint8_t frame[RA_FRAME_MAX];
    size_t len = ra_port_wrap(&l->port, event, frame);
    return len > 0 ? vdeport_send(&l->wire, frame, len) : -EHOSTUNREACH;
}

/* --- in --- */

static int receive(struct link *link, nsec_t now, struct ra_packet *ret)
{
    struct port_link *l = (struct port_link *)link;
    int len = vdeport_next(&l->wire, l->frame);
    if (len == -ENETDOWN)
        ra_port_down(&l->port);
    if (len < 0)
        return 0;
    bool is_message = ra_port_input(&l->port, l->frame, (size_t)len, now, ret);
    drain(l);
    return is_message ? 1 : 2;
}

static unsigned fds(const struct link *link, int at[static LINK_FDS_MAX])
{
    return vdeport_fds(&((const struct port_link *)link)->wire, at);
}

/* --- time --- */

static void timeout(struct link *link, nsec_t now)
{
    struct port_link *l = (struct port_link *)link;
    if (vdeport_reconnect(&l->wire, now))
        ra_port_up(&l->port, now);
    if (!l->wire.is_connected)
        return;
    ra_port_timeout(&l->port, now);
    drain(l);
}

static nsec_t deadline(const struct link *link)
{
    const struct port_link *l = (const struct port_link *)link;
    return l->wire.is_connected ? ra_port_deadline(&l->port) : vdeport_deadline(&l->wire);
}

static enum link_state state(struct link *link, struct ra_place *ret)
{
    const struct port_link *l = (const struct port_link *)link;
    ret->addr = l->port.host.addrs[0].addr;
    memcpy(ret->mac, l->port.host.mac, sizeof(ret->mac));
    return !l->wire.is_connected               ? LINK_DOWN
           : l->port.host.state == HOST6_READY ? LINK_READY
           : l->port.host.misses > 0           ? LINK_DUPLICATE /* until another address is ours */
                                               : LINK_DOWN;
}

static const char *lacks(const struct link *link)
{
    const struct port_link *l = (const struct port_link *)link;
    return !l->wire.is_connected     ? "its network is away"
           : l->port.host.misses > 0 ? "somebody else has its address"
                                     : "its address is being tried";
}

/* --- life --- */

static void close_link(struct link *link)
{
    struct port_link *l = (struct port_link *)link;
    vdeport_close(&l->wire);
    free(l);
}

static const struct link_ops ops = {
    .state = state,
    .lacks = lacks,
    .fds = fds,
    .receive = receive,
    .send = send_event,
    .timeout = timeout,
    .deadline = deadline,
    .close = close_link,
};

int link_port_open(const char *vnl, const uint8_t *mac, const struct ra_env *env, nsec_t now,
                   struct link **ret)
{
    struct port_link *l = calloc(1, sizeof(*l));
    uint8_t drawn[6];
    if (!l)
        return -ENOMEM;
    if (!mac) {
        env->random(env->arg, drawn, sizeof(drawn));
        drawn[0] = (uint8_t)((drawn[0] & 0xfc) | 2); /* of one interface, given by nobody */
        mac = drawn;
    }
    l->link.ops = &ops;
    ra_port_init(&l->port, env, mac);
    int e = vdeport_open(&l->wire, vnl, "iothradvd");
    if (e < 0) {
        free(l);
        return e;
    }
    ra_port_up(&l->port, now);
    *ret = &l->link;
    return 0;
}
