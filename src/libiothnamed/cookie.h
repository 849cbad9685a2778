/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * DNS cookies (RFC 7873) in the form that all servers share (RFC 9018): a client that shows a server cookie
 * of ours has received an answer of ours, at that address. Nothing is remembered: the cookie is a keyed hash
 * of the client's address and its own cookie, and carries the time when it was made.
 */
#ifndef IOTHNAMED_COOKIE_H
#define IOTHNAMED_COOKIE_H

#include "base/ipaddr.h"
#include "base/siphash.h"

#define COOKIE_LEN     24               /* client part 8, server part 16 */
#define COOKIE_OPT_LEN (4 + COOKIE_LEN) /* as an EDNS option, with its code and length */

/* The secrets by which cookies are known. One that has been made with any of them is good; the first one makes
 * new ones. Two do for a change of secret in a set of servers (RFC 9018 s5), and a third for a mishap. */
#define COOKIE_SECRETS_MAX 3
struct cookie_secrets {
    unsigned count;
    struct siphash_key list[COOKIE_SECRETS_MAX];
    int64_t until_s; /* of cookie_secrets_at: others are due then, in seconds since 1970 */
};

enum cookie_state {
    COOKIE_NONE,   /* the query has none */
    COOKIE_CLIENT, /* the client's part alone */
    COOKIE_BAD,    /* with a server part that we did not make for this client, or too long ago */
    COOKIE_GOOD,
    COOKIE_MALFORMED, /* of a length that RFC 7873 s4 does not allow: FORMERR */
};

/* The secrets of that day and of the day before, derived from one that stays: each server of a process makes the
 * same of it, and whoever should learn one of them has one day's. */
void cookie_secrets_at(const struct siphash_key *master, int64_t wall_s, struct cookie_secrets *ret);
/* Secrets from text: one of 32 hexadecimal digits a line, the first one makes cookies; blank lines and lines that
 * begin with # are skipped. 0; -EINVAL: *ret_line (from 1) is none, or one too many; -ENODATA: there is none. */
MUST_CHECK int cookie_secrets_parse(const char *text, size_t len, struct cookie_secrets *ret,
                                    unsigned *ret_line);

/* What the data of a COOKIE option is, from this client; unless MALFORMED, *ret_opt is the option for the reply.
 * wall_s: seconds since 1970. */
enum cookie_state cookie_take(const uint8_t *cookie, size_t len, const struct cookie_secrets *secrets,
                              const struct ipaddr *client, int64_t wall_s,
                              uint8_t ret_opt[static COOKIE_OPT_LEN]);

#endif
