/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The messages of the exchange core: what an attempt sends, and what to make of what comes back. */
#ifndef IOTHDNS_EXCHANGE_MESSAGE_H
#define IOTHDNS_EXCHANGE_MESSAGE_H

#include "libiothdns/exchange.h"
#include "libiothdns/exchange_servers.h"

/* Random bits for the letter case of a name, one a byte of it. */
#define SPELLING_LEN ((DNAME_MAX + 7) / 8)
/* Code and length of an option (RFC 6891 s6.1.2), and the cookies of both sides. */
#define COOKIE_OPTION_LEN_MAX (4 + CLIENT_COOKIE_LEN + SERVER_COOKIE_LEN_MAX)
/* Header, question, OPT. */
#define QUERY_LEN_MAX (DNS_HEADER_LEN + DNAME_MAX + 4 + DNS_OPT_LEN + COOKIE_OPTION_LEN_MAX)

/* What one attempt asked, and how. */
struct query_sent {
    uint16_t id;
    bool tcp, edns;
    bool caseless; /* the letter case of the reply does not matter */
    uint8_t spelling[SPELLING_LEN];
};

/* Writes the message; returns its length. question->name is valid and in lower case. The cookies of `server` go with
 * EDNS. */
size_t query_write(const struct exchange_question *question, const struct query_sent *sent,
                   const struct server_state *server, uint8_t message[static QUERY_LEN_MAX]);

enum reply_kind {
    REPLY_ANSWER,     /* NOERROR or NXDOMAIN, whole and well-formed */
    REPLY_REFUSAL,    /* any other rcode */
    REPLY_NO_EDNS,    /* FORMERR, NOTIMP or BADVERS, and the query had EDNS */
    REPLY_BAD_COOKIE, /* our server cookie is too old; a new one is there */
    REPLY_TRUNCATED,  /* over UDP */
    REPLY_MISSPELLED, /* over UDP: everything is right but the letter case of the question */
    REPLY_UNSIGNED,   /* over UDP: without our cookie, which this server always gave back so far */
    REPLY_BROKEN,     /* to what was asked, but malformed */
    REPLY_FOREIGN,    /* not to what was asked, or with a cookie that is not ours */
};

/* What a reply tells beside its kind. */
struct reply_signs {
    bool edns;       /* it has an OPT record */
    bool keeps_case; /* the name in its question is spelled as it was asked; or it has no question */
    const uint8_t *server_cookie; /* behind our own cookie; NULL: none */
    size_t server_cookie_len;
};

/* Room for any RDATA of a message of len bytes, uncompressed: of the types that have names in it none has more than two. */
static inline size_t reply_scratch_len(size_t len)
{
    size_t most = len + 2 * DNAME_MAX;

    return most < RDATA_MAX ? most : RDATA_MAX;
}

/* scratch: reply_scratch_len(len) bytes, whatever is in them. *ret_signs is filled for kinds up to REPLY_BAD_COOKIE. */
enum reply_kind reply_judge(const uint8_t *bytes, size_t len, const struct exchange_question *question,
                            const struct query_sent *sent, const struct server_state *server,
                            uint8_t *scratch, struct reply_signs *ret_signs);

#endif
