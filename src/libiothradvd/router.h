/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A router on one interface: the core (ra_core.h) and its link, driven by a thread of its own. What iothradvd.h offers is
 * made of this; the program uses it as it is, since it has to give up its privileges between open and run, and wants to
 * know what happens.
 */
#ifndef IOTHRADVD_ROUTER_H
#define IOTHRADVD_ROUTER_H

#include "libiothradvd/link.h"
#include "libiothradvd/ra_config.h"

#include <iothradvd.h>

enum router_event_kind {
    ROUTER_BEGINS,      /* to advertise, from place */
    ROUTER_WAITS,       /* it could not begin yet: lacks */
    ROUTER_RESTS,       /* the network or the address has gone: lacks */
    ROUTER_DUPLICATE,   /* somebody else has the address of place */
    ROUTER_SEND_FAILED, /* error */
    ROUTER_HEARS,       /* ra: RA_NEW_ROUTER or RA_DIFFERENT */
    ROUTER_NO_MEMORY,
};

struct router_event {
    enum router_event_kind kind;
    const struct ra_place *place;
    const struct ra_event *ra;
    const char *lacks; /* "its network is away" */
    int error;         /* negative errno */
};

struct router_hooks {
    /* From the router's thread; NULL: nobody wants to know. */
    void (*event)(void *arg, const struct router_event *event);
    void *arg;
};

#define ROUTER_SAID_MAX 64 /* options of a status: what people read */

/* How a router is, at some moment. */
struct router_status {
    enum link_state link;
    bool advertising;
    /* It should be served and is not: what it lacks. NULL: it is, or the time is not over in which each one begins. */
    const char *lacks;
    struct ra_place place;
    nsec_t next_in; /* until the next advertisement to all; NSEC_NEVER */
    struct iothradvd_stats stats;
    unsigned n_routers;
    struct ra_router routers[RA_ROUTERS_MAX];
    nsec_t now; /* that `heard` of the routers is held against */
    unsigned n_prefixes;
    struct {
        struct nd_prefix prefix; /* as it is said now */
        bool retired;
    } prefixes[ROUTER_SAID_MAX];
};

/* Opens the socket, or connects the port; no thread yet. hooks NULL: none. 0 or negative errno. */
MUST_CHECK int router_open_stack(struct ioth *stack, unsigned ifindex, const struct ra_settings *settings,
                                 const struct router_hooks *hooks, struct iothradvd **ret);
MUST_CHECK int router_open_port(const char *vnl, const uint8_t *mac, const struct ra_settings *settings,
                                const struct router_hooks *hooks, struct iothradvd **ret);
/* Begins. 0 or negative errno; the router is to be closed either way. */
MUST_CHECK int router_run(struct iothradvd *r);
/* Other settings from now on; they are copied. 0 or -ENOMEM. Waits for the thread, which answers at once. */
MUST_CHECK int router_update(struct iothradvd *r, const struct ra_settings *settings);
void router_status(struct iothradvd *r, struct router_status *ret);
/* The last advertisement, and the end. NULL: nothing. */
void router_close(struct iothradvd *r);

#endif
