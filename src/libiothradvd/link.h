/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How the messages of the core get onto a link: by a raw socket of a stack (link_stack.c), or in frames on a port of a
 * virtual Ethernet (link_port.c). Used by one thread. */
#ifndef IOTHRADVD_LINK_H
#define IOTHRADVD_LINK_H

#include "libiothradvd/ra_core.h"

#define LINK_FDS_MAX 2
/* Packets in a row before time and people have their turn. */
#define LINK_BATCH 64

enum link_state {
    LINK_DOWN,      /* no network, or no link-local address yet */
    LINK_READY,     /* messages can go out from *place */
    LINK_DUPLICATE, /* somebody else has our address */
};

struct link {
    const struct link_ops *ops;
};

struct link_ops {
    enum link_state (*state)(struct link *l, struct ra_place *ret);
    /* What it lacks while it is not ready, for people: "its network is away". */
    const char *(*lacks)(const struct link *l);
    /* Descriptors that are to be watched for input; returns how many. They change with any call. */
    unsigned (*fds)(const struct link *l, int fds[static LINK_FDS_MAX]);
    /* The next packet: 1; 0: none for the moment; 2: what came in was not for the core. It points into the link and is
     * valid until the next call. */
    int (*receive)(struct link *l, nsec_t now, struct ra_packet *ret);
    /* A message of kind RA_SEND; 0 or negative errno: it is lost. */
    int (*send)(struct link *l, const struct ra_event *event);
    void (*timeout)(struct link *l, nsec_t now);
    nsec_t (*deadline)(const struct link *l);
    /* The prefixes of the interface's addresses as they were seen last; returns how many. NULL: it has none. */
    unsigned (*own)(const struct link *l, const struct ra_own **ret);
    void (*close)(struct link *l);
};

/* stack NULL: the default one. 0 or negative errno: -ENODEV, -EPERM, -EMFILE, -ENOMEM, ... */
MUST_CHECK int link_stack_open(struct ioth *stack, unsigned ifindex, nsec_t now, struct link **ret);
/* mac NULL: one that is drawn. 0 or negative errno: what vde_open(3) says, ... */
MUST_CHECK int link_port_open(const char *vnl, const uint8_t *mac, const struct ra_env *env, nsec_t now,
                              struct link **ret);

#endif
