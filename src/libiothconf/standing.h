/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LIBIOTHCONF_STANDING_H
#define LIBIOTHCONF_STANDING_H
/* What the clients of an interface have made of its stack: addresses and routes that stand. */

#include "libiothconf/client.h"
#include "libiothconf/netconf.h"
#include "libiothconf/state.h"

struct standing_item;

/* Begins as zeros but for net. */
struct standing {
    struct netconf net;
    struct standing_item *first;
    unsigned changes; /* counts what was added and removed */
};

void standing_fini(struct standing *s); /* the stack stays as it is */

/* Does what an event CLIENT_ADDR_ADD, _ADDR_DEL, _ROUTE_ADD or _ROUTE_DEL says. What cannot be done is remembered. */
void standing_event(struct standing *s, enum conf_source source, const struct client_event *event,
                    nsec_t now);

/* Adds again all that a link loses when it goes down. */
void standing_restore(struct standing *s, nsec_t now);
/* Removes all that a source has added. */
void standing_drop(struct standing *s, enum conf_source source, nsec_t now);

/* Is there something that could not be done for want of descriptors or memory? */
bool standing_waits(const struct standing *s);
/* Tries that again. */
void standing_retry(struct standing *s, nsec_t now);

/* Is there an address that is being tried (of any source: CONF_STATIC)? */
bool standing_is_trying(const struct standing *s, enum conf_source source);
/* Asks the stack for addresses that are being tried. */
void standing_look(struct standing *s);
/* The next address of which standing_look has found out something; false: no more. */
bool standing_verdict(struct standing *s, enum conf_source *ret_source, struct ipaddr *ret_addr,
                      bool *ret_duplicate);

/* An address that stands, has been tried, and is of a source: the first for *at NULL, then the next; false: no more. */
struct standing_address {
    struct ipaddr addr;
    nsec_t preferred_until, valid_until;
};
bool standing_next_address(const struct standing *s, enum conf_source source, const struct standing_item **at,
                           struct standing_address *ret);

/* The first error that keeps an address of a source from standing; 0: none. */
int standing_error(const struct standing *s, enum conf_source source);

#endif
