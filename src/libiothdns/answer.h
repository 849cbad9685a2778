/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The records that a reply has for what was asked, at the end of its aliases. Inside the library. */
#ifndef IOTHDNS_ANSWER_H
#define IOTHDNS_ANSWER_H

#include "wire/dnsmsg.h"

/* Aliases followed within one answer: longer chains are mistakes, and a loop must end. */
#define ANSWER_ALIASES_MAX 16

struct answer {
    uint8_t name[DNAME_MAX]; /* the name asked for, or where its aliases (CNAME) lead to; as spelled */
    size_t name_len;
    struct reader r;
    unsigned left; /* records of the answer section still to be looked at */
};

/* Begins with the reply, which must stay. 0; -EBADMSG: it is malformed; -ELOOP: its aliases have no end. */
MUST_CHECK int answer_open(const uint8_t *reply, size_t len, struct answer *ret);
/* The next record of that type (class IN) that the name has. False: there is none. */
bool answer_next(struct answer *a, uint16_t type, struct dns_rr *ret);

#endif
