/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * See query.h. The way of a question:
 *
 *   1. dns_parse_query: silence for what must not be answered, FORMERR for what is broken.
 *   2. What the header, the OPT record and the type decide alone: NOTIMP, BADVERS, cookies, refused transfers.
 *   3. consult: the rules that match the name and the client, in file order, until one answers. An alias starts
 *      over with its target.
 *   4. finish: flags, OPT, and TC in place of what does not fit.
 */
#include "libiothnamed/query.h"
#include <errno.h>

/* --- replies --- */

static uint16_t reply_flags(const struct query *q)
{
    uint16_t asked = q->msg.header.flags;
    uint16_t flags = DNS_QR | (asked & (DNS_OPCODE | DNS_RD)) | (q->rcode & DNS_RCODE);
    if (q->authoritative && q->rcode != RCODE_SERVFAIL && q->rcode != RCODE_REFUSED)
        flags |= DNS_AA;
    const struct snapshot *s = q->env->snap;
    if (q->nets && netset_meet(q->nets, policy_forwarded(s->policy), nets_words(s->nets)))
        flags |= DNS_RA;
    if (q->from_upstream)
        flags |= asked & DNS_CD;
    return flags;
}

static uint16_t options_len(const struct query *q)
{
    return q->cookie == COOKIE_NONE || q->cookie == COOKIE_MALFORMED ? 0 : COOKIE_OPT_LEN;
}

/* Room for the reply, its question in place. */
static void start(struct query *q, bool tcp, uint8_t *out, size_t out_size)
{
    size_t limit = out_size;
    if (!tcp) {
        size_t client = q->msg.edns.present ? q->msg.edns.udp_size : DNS_UDP_PLAIN;
        client = client < DNS_UDP_PLAIN ? DNS_UDP_PLAIN : client;
        limit = client < out_size ? client : out_size;
    }
    dns_writer_init(&q->reply, out, limit, q->msg.header.id, 0);
    if (q->msg.has_question)
        dns_put_question(&q->reply, q->msg.question.name, q->msg.question.type, q->msg.question.class);
    if (q->msg.edns.present)
        dns_reserve_opt(&q->reply, options_len(q));
}

static size_t finish(struct query *q)
{
    if (q->truncated || q->rcode == RCODE_SERVFAIL)
        dns_truncate(&q->reply);
    uint16_t cut = q->truncated ? DNS_TC : 0;
    dns_set_flags(&q->reply, reply_flags(q) | cut);
    if (q->msg.edns.present)
        dns_put_opt(&q->reply, q->rcode, q->msg.edns.dnssec_ok, q->cookie_opt, options_len(q));
    return dns_finish(&q->reply);
}

void query_answer(struct query *q, uint16_t type, uint32_t ttl, const uint8_t *rdata, size_t rdlen)
{
    if (dns_put_rr(&q->reply, DNS_ANSWER, q->spelled, type, CLASS_IN, ttl, rdata, rdlen) < 0)
        q->truncated = true;
}

void query_answer_rrset(struct query *q, const struct rrset *set)
{
    for (unsigned i = 0; i < set->count; i++)
        query_answer(q, set->type, set->ttl, set->rdata[i].bytes, set->rdata[i].len);
}

enum verdict query_fail(struct query *q, uint16_t rcode)
{
    q->rcode = rcode;
    return ANSWERED;
}

/* --- what the apex of a domain says of itself --- */

static const struct rrset *static_rrset(const struct query *q, const uint8_t *name, uint16_t type)
{
    uint8_t lower[DNAME_MAX];
    size_t len = dname_len(name);
    dname_lower(lower, name, len);
    return zone_rrset(zone_find(q->env->snap->zone, lower, len), type);
}

/* Refresh, retry, expire of an SOA of our making: nobody transfers from us, so they are customary values. */
#define SOA_REFRESH 3600
#define SOA_RETRY   900
#define SOA_EXPIRE  604800

/* RDATA of an SOA for apex; its length. */
static size_t make_soa(const struct query *q, const uint8_t *apex, uint32_t minimum,
                       uint8_t out[static 2 * DNAME_MAX + 20])
{
    const struct config_name *nsname = &q->env->snap->config->options.nsname;
    const struct rrset *ns = static_rrset(q, apex, RR_NS);
    const uint8_t *mname = ns ? ns->rdata[0].bytes : nsname->wire ? nsname->wire : apex;
    static const uint8_t mailbox[] = "\012hostmaster";
    size_t apex_len = dname_len(apex);
    struct writer w = writer_of(out, 2 * DNAME_MAX + 20);
    writer_put(&w, mname, dname_len(mname));
    if (apex_len + sizeof(mailbox) - 1 <= DNAME_MAX)
        writer_put(&w, mailbox, sizeof(mailbox) - 1);
    writer_put(&w, apex, apex_len);
    writer_u32(&w, q->env->snap->serial);
    writer_u32(&w, SOA_REFRESH);
    writer_u32(&w, SOA_RETRY);
    writer_u32(&w, SOA_EXPIRE);
    writer_u32(&w, minimum);
    return w.pos;
}

/* The SOA of an apex: the static one, or one of our making. believe: seconds for which a "no" may be
 * believed, or 0: it is the answer itself. */
static void put_soa(struct query *q, enum dns_section section, const uint8_t *apex, uint32_t believe)
{
    const struct rrset *set = static_rrset(q, apex, RR_SOA);
    uint8_t made[2 * DNAME_MAX + 20];
    const uint8_t *rdata = made;
    size_t rdlen;
    uint32_t ttl = believe ? believe : NEGATIVE_TTL;
    if (set) {
        rdata = set->rdata[0].bytes;
        rdlen = set->rdata[0].len;
        uint32_t minimum = get_be32(rdata + rdlen - 4);
        ttl = set->ttl < minimum || !believe ? set->ttl : minimum;
        if (believe && believe < ttl)
            ttl = believe;
    } else {
        rdlen = make_soa(q, apex, ttl, made);
    }
    if (dns_put_rr(&q->reply, section, apex, RR_SOA, CLASS_IN, ttl, rdata, rdlen) < 0)
        q->truncated = true;
}

enum verdict query_negative(struct query *q, uint16_t rcode, unsigned apex_labels, uint32_t ttl)
{
    q->rcode = rcode;
    put_soa(q, DNS_AUTHORITY, dname_suffix(q->spelled, apex_labels), ttl);
    return ANSWERED;
}

static enum verdict answer_ns(struct query *q, unsigned apex_labels)
{
    const struct config_name *nsname = &q->env->snap->config->options.nsname;
    const struct rrset *set = static_rrset(q, q->name, RR_NS);
    if (set)
        query_answer_rrset(q, set);
    else if (nsname->wire)
        query_answer(q, RR_NS, q->env->snap->config->options.staticttl_s, nsname->wire, nsname->len);
    else
        return query_negative(q, RCODE_NOERROR, apex_labels, NEGATIVE_TTL);
    return ANSWERED;
}

enum verdict query_apex(struct query *q, unsigned apex_labels)
{
    q->authoritative |= q->hops == 0;
    if (q->type == RR_NS)
        return answer_ns(q, apex_labels);
    if (q->type != RR_SOA && q->type != RR_ANY)
        return query_negative(q, RCODE_NOERROR, apex_labels, NEGATIVE_TTL);
    put_soa(q, DNS_ANSWER, q->spelled, 0);
    return ANSWERED;
}

static bool client_may(const struct query *q, const struct placement *p)
{
    return netset_meet(q->nets, p->nets, nets_words(q->env->snap->nets));
}

bool query_names_apex(const struct query *q)
{
    for (unsigned i = 0; i < q->rules.count; i++)
        if (q->rules.list[i].implicit_apex && client_may(q, &q->rules.list[i]))
            return true;
    return false;
}

bool query_at_apex(const struct query *q, const struct placement *where)
{
    if (where->apex_labels != q->labels)
        return false;
    return where->rule->domain.kind != DOMAIN_NAME || query_names_apex(q);
}

/* --- names --- */

size_t query_dotted(const struct query *q, char text[static DNAME_MAX])
{
    size_t len = q->name_len - 2u; /* without the first length and the root */
    memcpy(text, q->name + 1, len);
    for (size_t at = q->name[0]; at < len; at += (size_t)q->name[at + 1] + 1)
        text[at] = '.';
    return len;
}

const struct placement *query_fwd_rule(const struct query *q)
{
    for (unsigned i = 0; i < q->rules.count; i++) {
        const struct placement *p = &q->rules.list[i];
        if (!p->rule->source->final || !client_may(q, p))
            continue;
        return p->rule->source == &source_fwd ? p : NULL;
    }
    return NULL;
}

/* --- the rules --- */

/* An alias may lead anywhere that this client may see, to upstream only if it asked for recursion. Rules that
 * never pass are asked in any case: those behind them may not speak of their names, and fwd minds RD itself. */
static bool may_follow(const struct query *q, const struct placement *p)
{
    const struct source *source = p->rule->source;
    return q->hops == 0 || source->local || source->final || (q->msg.header.flags & DNS_RD);
}

static enum verdict consult(struct query *q)
{
    bool settled = false; /* a rule that never passes left the name to its apex */
    q->rules = policy_find(q->env->snap->policy, q->name);
    for (unsigned i = 0; i < q->rules.count; i++) {
        const struct placement *p = &q->rules.list[i];
        if (!client_may(q, p) || (settled && !p->implicit_apex) || !may_follow(q, p))
            continue;
        enum verdict verdict =
            p->implicit_apex ? query_apex(q, p->apex_labels) : p->rule->source->answer(q, p);
        if (verdict != PASS)
            return verdict;
        settled = p->rule->source->final;
    }
    return PASS;
}

/* Consults the rules for the name and then for what its aliases lead to. */
static enum verdict resolve(struct query *q)
{
    for (;;) {
        q->labels = dname_labels(q->name);
        enum verdict verdict = consult(q);
        if (verdict == FOLLOW && !q->truncated) {
            if (q->hops++ < QUERY_HOPS_MAX)
                continue;
            q->rcode = RCODE_SERVFAIL; /* a circle, in all likelihood: there is no answer at its end */
        }
        if (verdict == FORWARD)
            return FORWARD;
        if (verdict == PASS && q->hops == 0)
            q->rcode = RCODE_REFUSED;
        else if (q->hops && q->rcode == RCODE_REFUSED)
            q->rcode = RCODE_NOERROR; /* the alias itself was an answer; where it leads is the client's to
                                         find out */
        return ANSWERED;
    }
}

/* A message with a cookie and no question asks for a cookie, or whether the one it has is good (RFC 7873
 * s5.4). */
static bool asks_for_cookie(const struct query *q)
{
    return q->msg.header.qdcount == 0 && options_len(q) > 0;
}

/* What needs no rule. True: q->rcode is the answer. parsed: 0, or what dns_parse_query found wrong. */
static bool decided_by_form(struct query *q, int parsed)
{
    const struct dns_question *asked = &q->msg.question;
    if (parsed < 0 && asks_for_cookie(q))
        q->rcode = q->cookie == COOKIE_BAD ? RCODE_BADCOOKIE : RCODE_NOERROR;
    else if (parsed < 0 || q->cookie == COOKIE_MALFORMED)
        q->rcode = RCODE_FORMERR;
    else if (q->msg.edns.present && q->msg.edns.version > 0)
        q->rcode = RCODE_BADVERS;
    else if (q->msg.header.flags & DNS_OPCODE)
        q->rcode = RCODE_NOTIMP;
    else if (asked->type == RR_AXFR || asked->type == RR_IXFR || asked->class != CLASS_IN)
        q->rcode = RCODE_REFUSED;
    else if (asked->type == RR_OPT)
        q->rcode = RCODE_FORMERR;
    else if (rrtype_is_meta(asked->type) && asked->type != RR_ANY)
        q->rcode = RCODE_NOTIMP;
    else
        return false;
    return true;
}

static void take_name(struct query *q)
{
    const struct dns_question *asked = &q->msg.question;
    q->type = asked->type;
    q->name_len = asked->name_len;
    memcpy(q->spelled, asked->name, asked->name_len);
    dname_lower(q->name, asked->name, asked->name_len);
}

enum outcome query_run(const struct query_env *env, const struct ipaddr *client, bool tcp,
                       const uint8_t *packet, size_t len, const struct forward_given *given, uint8_t *out,
                       size_t out_size, size_t *ret_len, struct forward_need *ret_need)
{
    struct query q;
    int e = dns_parse_query(packet, len, &q.msg);
    if (e == -EBADMSG)
        return QUERY_DROP;
    q.env = env;
    q.client = *client;
    q.nets = nets_of(env->snap->nets, client);
    q.hops = 0;
    q.rules = (struct placements){0};
    q.given = given;
    q.need = ret_need;
    q.rcode = RCODE_NOERROR;
    q.authoritative = q.from_upstream = q.truncated = false;
    q.cookie = cookie_take(packet, &q.msg.edns, env->cookie_secret, client, env->wall_s, q.cookie_opt);
    start(&q, tcp, out, out_size);
    if (!decided_by_form(&q, e)) {
        take_name(&q);
        if (resolve(&q) == FORWARD)
            return QUERY_FORWARD;
    }
    *ret_len = finish(&q);
    return QUERY_REPLY;
}
