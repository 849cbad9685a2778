/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a DHCP server of either protocol says beside what it says about requests: what a person should know, now and then, and
 * which claims on names have ended. Inside the servers' cores. */
#ifndef LIBNAMEDHCP_DHCP_ASIDE_H
#define LIBNAMEDHCP_DHCP_ASIDE_H

#include "libnamedhcp/name_policy.h"
#include "libnamedhcp/server.h"

#define DHCP_NOTE_MAX 2048 /* an identity in hexadecimal digits, a name with every byte escaped */

/* All zero: nothing has been said. */
struct dhcp_aside {
    nsec_t sweep_at; /* when claims that have ended are forgotten */
    bool sweeping;
    struct server_lease claim;
    nsec_t note_at;
    char note[DHCP_NOTE_MAX], note_told[DHCP_NOTE_MAX]; /* "": none */
};

/* The client with that identity does `what`, with a name in wire form (NULL: without one). */
void dhcp_aside_note(struct dhcp_aside *a, nsec_t now, const uint8_t *identity, size_t identity_len,
                     const char *what, const uint8_t *name);
void dhcp_aside_timeout(struct dhcp_aside *a, nsec_t now);
/* The next thing to say when there is none about requests: SERVER_FORGET, SERVER_NOTE, SERVER_NONE. now_s: wall clock. */
enum server_event_kind dhcp_aside_next(struct dhcp_aside *a, struct name_policy *names, int64_t now_s,
                                       struct server_event *ret);

#endif
