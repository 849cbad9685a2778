/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Service parameters (RFC 9460 s2.2, s7; RFC 9461 s5) of a resolver that speaks encrypted DNS, as rc files write them:
 *
 *   alpn=dot,h2  no-default-alpn  port=853  dohpath=/dns-query{?dns}  keyN=TEXT
 *
 * in that order, which is that of their numbers. The same for router advertisements and DHCP (RFC 9463).
 */
#ifndef IO_RC_SVCPARAMS_H
#define IO_RC_SVCPARAMS_H

#include "base/base.h"
#include "base/cursor.h"

#define RC_SVCPARAMS_MAX     1024 /* bytes in wire form: what fits a message beside all else */
#define RC_SVCPARAMS_WHY_MAX 160

struct rc_svcparams {
    struct writer out; /* of a buffer of the caller's; `bad`: they do not fit it */
    int last_key;      /* -1: none yet */
};

static inline struct rc_svcparams rc_svcparams_of(uint8_t *bytes, size_t size)
{
    return (struct rc_svcparams){.out = writer_of(bytes, size), .last_key = -1};
}

/* Appends "KEY=VALUE", of which the '=' and the value may be missing. 0; -EINVAL and what is wrong, what was expected, in why. */
MUST_CHECK int rc_svcparams_add(struct rc_svcparams *p, const char *word, size_t len,
                                char why[static RC_SVCPARAMS_WHY_MAX]);
/* There is at least one, and the first is alpn, without which nobody knows how to talk to the resolver (RFC 9463 s3.1.8). */
bool rc_svcparams_have_alpn(const struct rc_svcparams *p);

#endif
