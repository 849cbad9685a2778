/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LIBIOTHCONF_KEEPER_H
#define LIBIOTHCONF_KEEPER_H
/* The keeper of one interface: runs its clients on the sockets of its stack. Not for several threads at once:
   keepers.h sees to that. */

#include "libiothconf/clientio.h"
#include "libiothconf/clients.h"
#include "libiothconf/state.h"

struct keeper;

/* What a client is asked for with. */
struct keeper_wish {
    const char *fqdn;     /* text; "": none */
    const char *statedir; /* "": nothing is kept */
    bool slaac;
    bool router_decides;   /* CONF_DHCP6: nothing is asked for but what routers say (auto, auto6) */
    const uint8_t *secret; /* CLIENTS_SECRET_LEN bytes, for identifiers of this stack's addresses */
};

/* stack: NULL is the kernel's. epoll: where its sockets are entered, with a struct keeper_event as data. 0 or negative
 * errno. */
MUST_CHECK int keeper_new(struct ioth *stack, struct conf_state *state, unsigned ifindex, int epoll,
                          nsec_t now, struct keeper **ret);
/* Ends without a word: servers and the stack keep what there is. Takes NULL. */
void keeper_free(struct keeper *k);

unsigned keeper_ifindex(const struct keeper *k);
/* How many of its clients run. */
int keeper_clients(const struct keeper *k);
/* How many sockets it has open on its stack. */
int keeper_sockets(const struct keeper *k);

/* Begins a client, or begins it anew if it was asked for in another way; 0 also if it runs already. Negative errno:
 * -EPERM, -EACCES, -EADDRINUSE (its sockets), -EINVAL, what the folder statedir= says. */
MUST_CHECK int keeper_begin(struct keeper *k, enum conf_source source, const struct keeper_wish *wish,
                            nsec_t now);
/* Gives back what it holds, takes it off the stack, and ends. 0 also if it does not run. */
void keeper_end(struct keeper *k, enum conf_source source, nsec_t now);

/* The link may have gone up or down. */
void keeper_look(struct keeper *k, nsec_t now);

enum keeper_result {
    KEEPER_WAITS,  /* nothing stands yet */
    KEEPER_STANDS, /* its configuration is in use */
    KEEPER_UNUSED, /* routers say that this client has nothing to do, or it does not run */
};
/* How far a client is; or negative errno: what it got cannot be put on the stack. */
MUST_CHECK int keeper_result(const struct keeper *k, enum conf_source source);

/* What epoll says: one of its sockets can be read. */
struct keeper_event {
    struct keeper *keeper;
    enum clientio_kind kind;
};
void keeper_readable(struct keeper *k, enum clientio_kind kind, nsec_t now);
/* Does what is due. */
void keeper_turn(struct keeper *k, nsec_t now);
nsec_t keeper_deadline(const struct keeper *k);

/* Rises whenever addresses, routes or names have changed. */
unsigned keeper_changes(const struct keeper *k);

#endif
