/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * See answer.h. Making an answer reads every record of the reply and writes it anew, so nothing malformed is
 * kept; giving one to a client copies it whole when it answers the client's own question, and record by
 * record when an alias of ours led to it.
 */
#include "libiothnamed/answer.h"
#include <errno.h>

#define ANSWER_HEAD 6

/* What making an answer learns about how long it may be kept. */
struct lifetime {
    uint32_t least; /* the lowest TTL of all records */
    uint32_t no;    /* of a "no": the SOA's say (RFC 2308 s5) */
    bool soa, data; /* an SOA in the authority section; a record of the type asked for */
};

/* The TTL that the SOA of a "no" should have had (RFC 2308 s3): so our clients, who count from when they hear
 * of it, believe the "no" no longer than we do. */
static uint32_t negative_ttl(const struct dns_rr *soa, const uint8_t *rdata, size_t rdlen)
{
    uint32_t minimum = get_be32(rdata + rdlen - 4);
    return soa->ttl < minimum ? soa->ttl : minimum;
}

static void note_lifetime(struct lifetime *life, const struct dns_rr *rr, enum dns_section section,
                          uint16_t qtype)
{
    if (rr->ttl < life->least)
        life->least = rr->ttl;
    if (section == DNS_ANSWER && (rr->type == qtype || qtype == RR_ANY))
        life->data = true;
    if (section == DNS_AUTHORITY && rr->type == RR_SOA) {
        life->soa = true;
        life->no = rr->ttl;
    }
}

static uint32_t seconds_to_keep(const struct lifetime *life, uint16_t flags)
{
    bool no = (flags & DNS_RCODE) == RCODE_NXDOMAIN || !life->data;
    if (!no)
        return life->least;
    if (!life->soa)
        return 0;
    return life->no < life->least ? life->no : life->least;
}

static uint32_t between(uint32_t least, uint32_t value, uint32_t most)
{
    return value > most ? most : value < least ? least : value;
}

struct making {
    struct dns_writer message;
    struct answer_limits limits;
    uint16_t qtype;
    uint16_t n_ttls;
    uint16_t ttls[ANSWER_TTLS_MAX]; /* offsets in the message */
    struct lifetime life;
    uint8_t rdata[RDATA_MAX];
};

/* Where the record just written has its TTL: in front of its RDATA, which ends the message. */
static size_t ttl_offset(const uint8_t *message, size_t start)
{
    size_t at = start;
    while (message[at] != 0 && message[at] < 0xc0)
        at += (size_t)message[at] + 1;
    at += message[at] == 0 ? 1 : 2;
    return at + 4;
}

static int copy_record(struct making *m, struct reader *r, enum dns_section section)
{
    struct dns_rr rr;
    dns_read_rr(r, &rr);
    if (r->bad)
        return -EBADMSG;
    if (rr.type == RR_OPT || rr.type == RR_TSIG)
        return 0;
    struct reader at = *r;
    at.pos = rr.rdata;
    int rdlen = rrtype_read_rdata(&at, rr.type, rr.rdlen, m->rdata, sizeof(m->rdata));
    if (rdlen < 0)
        return -EBADMSG;
    rr.ttl = between(m->limits.ttl_min, rr.ttl, m->limits.ttl_max);
    if (section == DNS_AUTHORITY && rr.type == RR_SOA)
        rr.ttl = between(m->limits.ttl_min, negative_ttl(&rr, m->rdata, (size_t)rdlen), CACHE_TTL_NO_MAX);
    size_t start = m->message.w.pos;
    if (m->n_ttls == ANSWER_TTLS_MAX ||
        dns_put_rr(&m->message, section, rr.owner, rr.type, rr.class, rr.ttl, m->rdata, (size_t)rdlen) < 0)
        return -EBADMSG;
    m->ttls[m->n_ttls++] = (uint16_t)ttl_offset(m->message.w.base, start);
    note_lifetime(&m->life, &rr, section, m->qtype);
    return 0;
}

static int copy_message(struct making *m, const uint8_t *reply, size_t len, uint8_t *out)
{
    struct reader r = reader_of(reply, len);
    struct dns_header header = dns_read_header(&r);
    struct dns_question question;
    dns_read_question(&r, &question);
    if (r.bad || header.qdcount != 1)
        return -EBADMSG;
    m->qtype = question.type;
    m->life.least = UINT32_MAX;
    dns_writer_init(&m->message, out, DNS_MSG_MAX, 0, header.flags & DNS_RCODE);
    if (dns_put_question(&m->message, question.name, question.type, question.class) < 0)
        return -EBADMSG;
    for (int section = DNS_ANSWER; section <= DNS_ADDITIONAL; section++)
        for (unsigned i = 0; i < header.count[section]; i++)
            if (copy_record(m, &r, (enum dns_section)section) < 0)
                return -EBADMSG;
    return 0;
}

int answer_make(const uint8_t *reply, size_t len, const struct answer_limits *limits,
                uint8_t answer[static ANSWER_MAX], uint32_t *ret_ttl_s)
{
    static _Thread_local struct making
        m; /* scratch: too large for a stack frame, nothing in it outlives the call */
    m.n_ttls = 0;
    m.limits = *limits;
    m.life = (struct lifetime){0};
    if (copy_message(&m, reply, len, answer + ANSWER_HEAD) < 0)
        return -EBADMSG;
    size_t message_len = dns_finish(&m.message);
    uint16_t flags = dns_get_flags(&m.message);
    put_be16(answer, flags);
    put_be16(answer + 2, m.n_ttls);
    put_be16(answer + 4, (uint16_t)message_len);
    uint8_t *offsets = answer + ANSWER_HEAD + message_len;
    for (unsigned i = 0; i < m.n_ttls; i++)
        put_be16(offsets + 2 * i, m.ttls[i]);
    *ret_ttl_s = seconds_to_keep(&m.life, flags);
    return (int)(ANSWER_HEAD + message_len + 2u * m.n_ttls);
}

struct parts {
    uint16_t flags, n_ttls, len;
    const uint8_t *message, *offsets;
};

static struct parts parts_of(const uint8_t *answer)
{
    struct parts p = {.flags = get_be16(answer), .n_ttls = get_be16(answer + 2), .len = get_be16(answer + 4)};
    p.message = answer + ANSWER_HEAD;
    p.offsets = p.message + p.len;
    return p;
}

const uint8_t *answer_message(const uint8_t *answer, size_t *ret_len)
{
    struct parts p = parts_of(answer);
    *ret_len = p.len;
    return p.message;
}

/* How old the answer is that is given. */
struct ageing {
    uint32_t age_s;
    bool stale;
};

static uint32_t aged(uint32_t ttl, const struct ageing *ageing)
{
    if (ageing->stale)
        return STALE_TTL;
    return ttl > ageing->age_s ? ttl - ageing->age_s : 0;
}

/* The message as it is, behind the question that the reply has already: it has the same length there. */
static void give_whole(struct query *q, const struct parts *p, const struct ageing *ageing)
{
    struct dns_writer *reply = &q->reply;
    size_t question_end = reply->w.pos;
    if (p->len > reply->w.size - reply->reserved) {
        q->truncated = true;
        return;
    }
    writer_put(&reply->w, p->message + question_end, p->len - question_end);
    for (unsigned i = 0; i < p->n_ttls; i++) {
        uint8_t *ttl = reply->w.base + get_be16(p->offsets + 2 * i);
        put_be32(ttl, aged(get_be32(ttl), ageing));
    }
    for (int section = DNS_ANSWER; section <= DNS_ADDITIONAL; section++)
        reply->count[section] = get_be16(p->message + 6 + 2 * section);
}

static void give_record(struct query *q, struct reader *r, enum dns_section section,
                        const struct ageing *ageing)
{
    static _Thread_local uint8_t rdata[RDATA_MAX]; /* scratch */
    struct dns_rr rr;
    dns_read_rr(r, &rr);
    struct reader at = *r;
    at.pos = rr.rdata;
    int rdlen = rrtype_read_rdata(&at, rr.type, rr.rdlen, rdata, sizeof(rdata));
    if (rdlen >= 0 &&
        dns_put_rr(&q->reply, section, rr.owner, rr.type, rr.class, aged(rr.ttl, ageing), rdata,
                   (size_t)rdlen) < 0 &&
        section != DNS_ADDITIONAL)
        q->truncated = true;
}

static void give_records(struct query *q, const struct parts *p, const struct ageing *ageing)
{
    struct reader r = reader_of(p->message, p->len);
    struct dns_header header = dns_read_header(&r);
    struct dns_question question;
    dns_read_question(&r, &question);
    for (int section = DNS_ANSWER; section <= DNS_ADDITIONAL; section++)
        for (unsigned i = 0; i < header.count[section] && !r.bad; i++)
            give_record(q, &r, (enum dns_section)section, ageing);
}

static enum verdict give(struct query *q, const uint8_t *answer, const struct ageing *ageing)
{
    struct parts p = parts_of(answer);
    q->from_upstream = true;
    q->rcode = p.flags & DNS_RCODE;
    if (q->hops == 0)
        give_whole(q, &p, ageing);
    else
        give_records(q, &p, ageing);
    return ANSWERED;
}

enum verdict answer_give(struct query *q, const uint8_t *answer, uint32_t age_s)
{
    const struct ageing ageing = {.age_s = age_s};
    return give(q, answer, &ageing);
}

enum verdict answer_give_stale(struct query *q, const uint8_t *answer)
{
    const struct ageing ageing = {.stale = true};
    enum verdict verdict = give(q, answer, &ageing);
    if (q->env->counters)
        count(&q->env->counters->stale, 1);
    query_explain(q, q->rcode == RCODE_NXDOMAIN ? EDE_STALE_NXDOMAIN : EDE_STALE);
    return verdict;
}
