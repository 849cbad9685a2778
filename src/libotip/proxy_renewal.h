/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LIBOTIP_PROXY_RENEWAL_H
#define LIBOTIP_PROXY_RENEWAL_H
/* When the name of a base is looked up again: after the TTL of its addresses, within bounds; after a failure soon, and then less
 * and less often. And which of its addresses counts. Pure. */

#include "base/ipaddr.h"

/* A TTL of 0 must not make a question of each moment; a base that moves shall be found within an hour. */
#define RENEWAL_MIN (5 * NSEC_PER_SEC)
#define RENEWAL_MAX (3600 * NSEC_PER_SEC)
/* So a name server that was away for a night is asked within minutes of its return. */
#define RENEWAL_RETRY_MAX (300 * NSEC_PER_SEC)

/* All zero at first. */
struct renewal {
    nsec_t retry; /* how long was waited after the last failure; 0: there was none since the last answer */
};

/* How long to wait after an answer with that TTL; after a failure. */
nsec_t renewal_answered(struct renewal *r, uint32_t ttl_s);
nsec_t renewal_failed(struct renewal *r);

/* The addresses of an answer, one by one: the present base stays if it is among them, else the first one counts that can be one. */
struct renewal_choice {
    struct ipaddr present, chosen;
    unsigned n;
};

void renewal_see(struct renewal_choice *c, const struct ipaddr *addr);

#endif
