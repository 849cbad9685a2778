/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The records that a reply has for what was asked, at the end of its aliases. Inside the library. */
#ifndef IOTHDNS_ANSWER_H
#define IOTHDNS_ANSWER_H

#include "wire/dnsmsg.h"

/* A name is a host's if its labels are letters, digits, '-' and '_' alone and it does not begin with '-' (RFC 1123 s2.1, with
 * the underscores that there are). The root is none. */
bool answer_is_host_name(const uint8_t *name);

/* Aliases followed within one answer: longer chains are mistakes, and a loop must end. */
#define ANSWER_ALIASES_MAX 16

struct answer {
    uint8_t name[DNAME_MAX]; /* the name asked for, or where its aliases (CNAME) lead to; as spelled */
    uint8_t host
        [DNAME_MAX]; /* the last of these names that is a host's; none of the aliases: the name asked for */
    size_t name_len;
    unsigned rcode; /* of the header */
    struct reader r;
    unsigned left; /* records of the answer section still to be looked at */
};

/* Begins with the reply, which must stay. 0; -EBADMSG: it is malformed; -ELOOP: its aliases have no end. */
MUST_CHECK int answer_open(const uint8_t *reply, size_t len, struct answer *ret);
/* The next record of that type (class IN) that the name has. False: there is none. */
bool answer_next(struct answer *a, uint16_t type, struct dns_rr *ret);
/* The name that fills the RDATA of one of its records (CNAME, PTR); its length, 0: there is none. */
size_t answer_target(const struct answer *a, const struct dns_rr *rr, uint8_t name[static DNAME_MAX]);

#endif
