/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * DNS cookies (RFC 7873) in the form that all servers share (RFC 9018): a client that shows a server cookie
 * of ours has received an answer of ours, at that address. Nothing is remembered: the cookie is a keyed hash
 * of the client's address and its own cookie, and carries the time when it was made.
 */
#ifndef IOTHNAMED_COOKIE_H
#define IOTHNAMED_COOKIE_H

#include "base/siphash.h"
#include "wire/dnsmsg.h"

#define COOKIE_LEN     24               /* client part 8, server part 16 */
#define COOKIE_OPT_LEN (4 + COOKIE_LEN) /* as an EDNS option, with its code and length */

enum cookie_state {
    COOKIE_NONE,   /* the query has none */
    COOKIE_CLIENT, /* the client's part alone */
    COOKIE_BAD,    /* with a server part that we did not make for this client, or too long ago */
    COOKIE_GOOD,
    COOKIE_MALFORMED, /* of a length that RFC 7873 s4 does not allow: FORMERR */
};

/* What stands in a query of this client; unless NONE or MALFORMED, *ret_opt is the option for the reply.
 * wall_s: seconds since 1970. */
enum cookie_state cookie_take(const uint8_t *packet, const struct dns_edns *edns,
                              const struct siphash_key *secret, const struct ipaddr *client, int64_t wall_s,
                              uint8_t ret_opt[static COOKIE_OPT_LEN]);

#endif
