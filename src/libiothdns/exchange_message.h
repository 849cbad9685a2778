/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The messages of the exchange core: what an attempt sends, and what to make of what comes back. */
#ifndef IOTHDNS_EXCHANGE_MESSAGE_H
#define IOTHDNS_EXCHANGE_MESSAGE_H

#include "libiothdns/exchange.h"

/* Random bits for the letter case of a name, one a byte of it. */
#define SPELLING_LEN ((DNAME_MAX + 7) / 8)
/* Header, question, OPT. */
#define QUERY_LEN_MAX (DNS_HEADER_LEN + DNAME_MAX + 4 + DNS_OPT_LEN)

/* What one attempt asked, and how. */
struct query_sent {
    uint16_t id;
    bool tcp, edns;
    uint8_t spelling[SPELLING_LEN];
};

/* Writes the message; returns its length. question->name is valid and in lower case. */
size_t query_write(const struct exchange_question *question, const struct query_sent *sent,
                   uint8_t message[static QUERY_LEN_MAX]);

enum reply_kind {
    REPLY_ANSWER,     /* NOERROR or NXDOMAIN, whole and well-formed */
    REPLY_REFUSAL,    /* any other rcode */
    REPLY_NO_EDNS,    /* FORMERR, NOTIMP or BADVERS, and the query had EDNS */
    REPLY_TRUNCATED,  /* over UDP */
    REPLY_MISSPELLED, /* over UDP: everything is right but the letter case of the question */
    REPLY_BROKEN,     /* to what was asked, but malformed */
    REPLY_FOREIGN,    /* not to what was asked */
};

/* scratch: RDATA_MAX bytes, whatever is in them. */
enum reply_kind reply_judge(const uint8_t *bytes, size_t len, const struct exchange_question *question,
                            const struct query_sent *sent, uint8_t *scratch);

#endif
