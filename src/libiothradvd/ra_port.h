/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A router that does nothing but advertise as a node on a port of a virtual Ethernet: wire/host6.h, and what is said to
 * routers. Pure: frames and time go in, frames and a deadline come out.
 */
#ifndef IOTHRADVD_RA_PORT_H
#define IOTHRADVD_RA_PORT_H

#include "libiothradvd/ra_core.h"
#include "wire/host6.h"

#define RA_FRAME_MAX HOST6_FRAME_MAX

struct ra_port {
    struct host6 host; /* its first address is the router's */
};

/* mac: of one interface. At rest. */
void ra_port_init(struct ra_port *p, const struct ra_env *env, const uint8_t mac[static 6]);
void ra_port_up(struct ra_port *p, nsec_t now);
void ra_port_down(struct ra_port *p);
/* A frame. True: it carries a message for ra_input, *ret, which points into the frame. */
bool ra_port_input(struct ra_port *p, const uint8_t *frame, size_t len, nsec_t now, struct ra_packet *ret);
void ra_port_timeout(struct ra_port *p, nsec_t now);
nsec_t ra_port_deadline(const struct ra_port *p);
/* The next frame that it wants to send; 0: none. After each of the functions above. */
size_t ra_port_output(struct ra_port *p, uint8_t frame[static RA_FRAME_MAX]);
/* An ICMPv6 message of the core as a frame from our address, hop limit 255, with its checksum; 0: too long, or nobody
 * knows the way. */
size_t ra_port_wrap(const struct ra_port *p, const struct ra_event *event,
                    uint8_t frame[static RA_FRAME_MAX]);

#endif
