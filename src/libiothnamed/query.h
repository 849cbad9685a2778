/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One question, from received bytes to reply. Pure: time is given, nothing waits. If somebody else must be
 * asked first the outcome says whom and what; once the answer is there the same bytes are run again with it
 * in hand, under the configuration of that moment, so nothing half-done is kept while an exchange is under
 * way.
 */
#ifndef IOTHNAMED_QUERY_H
#define IOTHNAMED_QUERY_H

#include "libiothdns/exchange.h"
#include "libiothnamed/cookie.h"
#include "libiothnamed/counters.h"
#include "libiothnamed/ede.h"
#include "libiothnamed/rrl.h"
#include "libiothnamed/snapshot.h"
#include "libiothnamed/source.h"
#include "wire/dnsmsg.h"

/* Aliases followed for one question: chains in use have two or three; loops end here. */
#define QUERY_HOPS_MAX 12

/* What a query runs on, the same for all queries of a batch. */
struct query_env {
    const struct snapshot *snap;
    const struct cookie_secrets *cookies;
    struct rrl *rrl; /* NULL: answers are not limited */
    nsec_t now;
    int64_t wall_s;                   /* seconds since 1970, for one-time addresses and cookies */
    struct worker_counters *counters; /* of the thread that runs it; NULL: nothing is counted */
};

/* Who must be asked what before the query can be answered. */
struct forward_need {
    struct exchange_question question; /* its name lies in `name` */
    const struct exchange_servers *servers;
    uint8_t name[DNAME_MAX];
    bool stale; /* an expired answer can be given meanwhile */
    bool
        refresh; /* the query is answered, but this wants to be asked, since what it was answered with ends soon */
};

/* What came of it. */
struct forward_given {
    struct exchange_question question;
    uint32_t servers_id;
    const uint8_t *answer; /* in the form of answer.h; NULL: nobody answered */
    size_t answer_len;
    bool not_yet; /* upstream may still answer: only what is stale can be given now */
    enum ede why; /* there is no answer; EDE_NONE: nobody gave one */
};

struct query {
    const struct query_env *env;
    netset nets; /* of the client */
    struct ipaddr client;
    bool tcp;
    bool may_recurse; /* some fwd rule serves the client */
    struct dns_query msg;
    enum cookie_state cookie;
    uint8_t cookie_opt[COOKIE_OPT_LEN]; /* of the reply */
    bool wants_nsid, wants_keepalive;   /* EDNS options of the question */
    uint16_t type;                      /* asked for */
    uint8_t name[DNAME_MAX];            /* lower case: of the question, or where its aliases led so far */
    uint8_t name_len;
    unsigned labels;
    uint16_t name_at;                  /* where the name stands in the reply; 0: where no pointer leads */
    uint8_t spelled[DNAME_MAX];        /* the same name as it was spelled where it came from */
    unsigned hops;                     /* aliases followed */
    struct placements rules;           /* those that match the name, whatever the client */
    const struct forward_given *given; /* or NULL */
    struct dns_writer reply;
    uint16_t rcode;
    enum ede why;         /* the reason for the answer that it is */
    unsigned answered_by; /* enum answered_by, or that of the rule's type (source_number) */
    bool exists;          /* a rule before this one knows the name: whatever follows, it exists */
    bool authoritative;   /* the first name was ours (AA) */
    bool from_upstream;   /* CD is copied */
    bool truncated;       /* a record of the answer or authority section did not fit */
    struct forward_need *need;
};

enum outcome {
    QUERY_DROP,    /* no answer may or need be sent */
    QUERY_REPLY,   /* *ret_len bytes of reply */
    QUERY_FORWARD, /* *ret_need says what must be asked */
};

/* Runs the query in `packet` from `client`. `out` takes the reply, at most out_size bytes (UDP: DNS_UDP_EDNS;
 * the client's own limit is heeded; TCP: DNS_MSG_MAX). given: what an earlier QUERY_FORWARD of these bytes
 * brought, or NULL.
 */
enum outcome query_run(const struct query_env *env, const struct ipaddr *client, bool tcp,
                       const uint8_t *packet, size_t len, const struct forward_given *given, uint8_t *out,
                       size_t out_size, size_t *ret_len, struct forward_need *ret_need);
/* --- what sources build replies from --- */

/* A record of query->spelled; too large: the reply will be cut. */
void query_answer(struct query *q, uint16_t type, uint32_t ttl, const uint8_t *rdata, size_t rdlen);
/* No such record or (RCODE_NXDOMAIN) no such name: the SOA of the zone whose apex has apex_labels labels of
 * the name goes to the authority section (RFC 2308 s3), to be believed for ttl seconds, NEGATIVE_TTL: for as long
 * as a static SOA says. */
enum verdict query_negative(struct query *q, uint16_t rcode, unsigned apex_labels, uint32_t ttl);
/* A question about the apex itself: SOA and NS; else no data. */
enum verdict query_apex(struct query *q, unsigned apex_labels);
/* The name is the apex of a rule for the names below it that serves this client. */
bool query_names_apex(const struct query *q);
/* The name is an apex of ours for this client: it lies at the very place of a rule for the names below it. */
bool query_at_apex(const struct query *q, const struct placement *where);
enum verdict query_fail(struct query *q, uint16_t rcode);
/* The reason for the answer, for the person behind the client (RFC 8914). */
void query_explain(struct query *q, enum ede why);
/* A question for ANY is answered by a record that says no more than that (RFC 8482 s4.2). */
enum verdict query_any(struct query *q);
/* The rule serves this client and, if it is one for the names of a file, that has the name. */
bool query_may_use(const struct query *q, const struct placement *p);
/* The same of another name than the one asked for: lower case, wire form. */
bool query_may_use_for(const struct query *q, const struct placement *p, const uint8_t *name);
/* The name asked for, its labels joined by dots, in lower case, without NUL; the name is not the root. Its
 * length. */
size_t query_dotted(const struct query *q, char text[static DNAME_MAX]);
/* The rule that would forward this name for this client, or NULL: there is none, or one before it answers. */
const struct placement *query_fwd_rule(const struct query *q);

/* How long a "no" of our own may be believed. */
#define NEGATIVE_TTL 300

#endif
