/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * As much of IPv6 over Ethernet (RFC 2464) as a router takes that does nothing but advertise: a link-local address that is
 * tried first (RFC 4862 s5.4), answers to who looks for it (RFC 4861 s7) and to echo requests (RFC 4443 s4.2), and the
 * groups it listens to, told to switches (RFC 3810). Pure: frames and time go in, frames and a deadline come out.
 */
#ifndef IOTHRADVD_RA_PORT_H
#define IOTHRADVD_RA_PORT_H

#include "libiothradvd/ra_core.h"

#define RA_FRAME_MAX 1514 /* without the checksum of the frame */

enum ra_port_state {
    RA_PORT_DOWN,
    RA_PORT_TRYING,    /* the address is tentative */
    RA_PORT_READY,     /* it may be used */
    RA_PORT_DUPLICATE, /* somebody else has it: nothing is sent from it */
};

struct ra_port {
    struct ra_env env;
    uint8_t mac[6];
    struct ipaddr addr;  /* link-local, made of the MAC address (RFC 2464 s5) */
    struct ipaddr group; /* its solicited-node group */
    enum ra_port_state state;
    uint8_t nonce[6];        /* tells our own probe, should it come back (RFC 7527 s4.1) */
    nsec_t probe_at, end_at; /* of trying the address; NSEC_NEVER */
    nsec_t report_at;        /* of the groups; NSEC_NEVER */
    unsigned reports_left;   /* of those that nobody asked for */
    bool report_is_v1;
    unsigned report_part;
    bool report_due, probe_due;
    size_t answer_len;
    uint8_t answer[RA_FRAME_MAX];
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
