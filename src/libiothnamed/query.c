/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * See query.h. The way of a question:
 *
 *   1. dns_parse_query: silence for what must not be answered, FORMERR for what is broken.
 *   2. rate_verdict: over UDP a network of strangers gets so many answers a second.
 *   3. What the header, the OPT record and the type decide alone: NOTIMP, BADVERS, cookies, refused transfers.
 *   4. consult: the rules that match the name and the client, in file order, until one answers. An alias starts
 *      over with its target.
 *   5. finish: flags, OPT, and TC in place of what does not fit.
 */
#include "libiothnamed/query_chaos.h"
#include "libiothnamed/query_edns.h"
#include <errno.h>

/* --- replies --- */

static uint16_t reply_flags(const struct query *q)
{
    uint16_t asked = q->msg.header.flags;
    uint16_t flags = DNS_QR | (asked & (DNS_OPCODE | DNS_RD)) | (q->rcode & DNS_RCODE);
    if (q->authoritative && q->rcode != RCODE_SERVFAIL && q->rcode != RCODE_REFUSED)
        flags |= DNS_AA;
    if (q->may_recurse)
        flags |= DNS_RA;
    if (q->from_upstream)
        flags |= asked & DNS_CD;
    return flags;
}

/* Room for the reply, its question in place. */
static void start(struct query *q, uint8_t *out, size_t out_size)
{
    size_t limit = out_size;
    if (!q->tcp) {
        size_t client = q->msg.edns.present ? q->msg.edns.udp_size : DNS_UDP_PLAIN;
        client = client < DNS_UDP_PLAIN ? DNS_UDP_PLAIN : client;
        limit = client < out_size ? client : out_size;
    }
    dns_writer_init(&q->reply, out, limit, q->msg.header.id, 0);
    if (q->msg.has_question)
        dns_put_question(&q->reply, q->msg.question.name, q->msg.question.type, q->msg.question.class);
    if (q->msg.edns.present)
        dns_reserve_opt(&q->reply, query_options_room(q));
}

static size_t finish(struct query *q)
{
    if (q->truncated || q->rcode == RCODE_SERVFAIL)
        dns_truncate(&q->reply);
    uint16_t cut = q->truncated ? DNS_TC : 0;
    dns_set_flags(&q->reply, reply_flags(q) | cut);
    if (q->msg.edns.present)
        query_put_opt(q);
    return dns_finish(&q->reply);
}

void query_answer(struct query *q, uint16_t type, uint32_t ttl, const uint8_t *rdata, size_t rdlen)
{
    if (dns_put_rr(&q->reply, DNS_ANSWER, q->spelled, type, CLASS_IN, ttl, rdata, rdlen) < 0)
        q->truncated = true;
}

enum verdict query_fail(struct query *q, uint16_t rcode)
{
    q->rcode = rcode;
    return ANSWERED;
}

void query_explain(struct query *q, enum ede why)
{
    q->why = why;
}

/* Long enough not to be asked for soon again, as RFC 8482 s4.2 wants it. */
#define ANY_TTL 3600

enum verdict query_any(struct query *q)
{
    static const uint8_t says[] = "\7RFC8482"; /* the CPU; the NUL is the length of an empty OS */
    query_answer(q, RR_HINFO, ANY_TTL, says, sizeof(says));
    return ANSWERED;
}

bool query_may_use_for(const struct query *q, const struct placement *p, const uint8_t *name)
{
    const struct snapshot *s = q->env->snap;
    const struct config_domain *domain = &p->rule->domain;
    return netset_meet(q->nets, p->nets, nets_words(s->nets)) &&
           (domain->kind != DOMAIN_LIST || list_find(s->lists->files[domain->list].names, name) >= 0);
}

bool query_may_use(const struct query *q, const struct placement *p)
{
    return query_may_use_for(q, p, q->name);
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
        if (!p->rule->source->final || !query_may_use(q, p))
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
    q->exists = false;
    for (unsigned i = 0; i < q->rules.count; i++) {
        const struct placement *p = &q->rules.list[i];
        if (!query_may_use(q, p) || (settled && !p->implicit_apex) || !may_follow(q, p))
            continue;
        enum verdict verdict =
            p->implicit_apex ? query_apex(q, p->apex_labels) : p->rule->source->answer(q, p);
        if (verdict != PASS) {
            q->answered_by = p->implicit_apex ? (unsigned)ANSWERED_BY_APEX
                                              : ANSWERED_BY_RULE + source_number(p->rule->source);
            return verdict;
        }
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
            query_explain(q, EDE_ALIAS_CHAIN);
        }
        if (verdict == FORWARD)
            return FORWARD;
        if (verdict == PASS && q->hops == 0) {
            q->rcode = RCODE_REFUSED;
            query_explain(q, EDE_NO_RULE);
        } else if (q->hops && q->rcode == RCODE_REFUSED) {
            q->rcode = RCODE_NOERROR; /* the alias itself was an answer; where it leads is the client's to
                                         find out */
            query_explain(q, EDE_NONE);
        }
        return ANSWERED;
    }
}

/* A message with a cookie and no question asks for a cookie, or whether the one it has is good (RFC 7873
 * s5.4). */
static bool asks_for_cookie(const struct query *q)
{
    return q->msg.header.qdcount == 0 && q->cookie != COOKIE_NONE && q->cookie != COOKIE_MALFORMED;
}

/* Questions of another class than IN, of types that are no data, for whole zones. True: q->rcode is the answer. */
static bool decided_by_type(struct query *q)
{
    const struct dns_question *asked = &q->msg.question;
    if (asked->type == RR_AXFR || asked->type == RR_IXFR) {
        q->rcode = RCODE_REFUSED;
        query_explain(q, EDE_TRANSFER);
    } else if (asked->type == RR_OPT) {
        q->rcode = RCODE_FORMERR;
    } else if (rrtype_is_meta(asked->type) && asked->type != RR_ANY) {
        q->rcode = RCODE_NOTIMP;
        query_explain(q, EDE_META_TYPE);
    } else if (asked->class != CLASS_IN && !query_chaos(q)) {
        q->rcode = RCODE_REFUSED;
        query_explain(q, EDE_CLASS);
    } else {
        return asked->class != CLASS_IN;
    }
    return true;
}

/* What needs no rule. True: q->rcode is the answer. parsed: 0, or what dns_parse_query found wrong. */
static bool decided_by_form(struct query *q, int parsed)
{
    if (parsed < 0 && asks_for_cookie(q))
        q->rcode = q->cookie == COOKIE_BAD ? RCODE_BADCOOKIE : RCODE_NOERROR;
    else if (parsed < 0 || q->cookie == COOKIE_MALFORMED)
        q->rcode = RCODE_FORMERR;
    else if (q->msg.edns.present && q->msg.edns.version > 0)
        q->rcode = RCODE_BADVERS;
    else if (q->msg.header.flags & DNS_OPCODE)
        q->rcode = RCODE_NOTIMP;
    else
        return decided_by_type(q);
    return true;
}

/* --- rate limiting --- */

static bool is_loopback(const struct ipaddr *a)
{
    static const struct ipaddr v6 = {{[15] = 1}};
    return ipaddr_is_v4(a) ? a->b[12] == 127 : ipaddr_equal(a, &v6);
}

/* Whose answers are limited: who may have forged its address, and is not one of our own. */
static bool is_limited(const struct query *q)
{
    return q->env->rrl && !q->tcp && q->cookie != COOKIE_GOOD && !q->may_recurse &&
           !is_loopback(&q->client) && q->env->snap->config->options.rrl > 0;
}

static enum rrl_verdict rate_verdict(const struct query *q)
{
    const struct config_options *o = &q->env->snap->config->options;
    if (q->given || !is_limited(q))
        return RRL_SEND;
    const struct rrl_limit limit = {.rate = o->rrl, .slip = o->rrlslip};
    enum rrl_verdict verdict = rrl_take(q->env->rrl, &q->client, &limit, q->env->now);
    struct worker_counters *c = q->env->counters;
    if (c && verdict != RRL_SEND)
        count(verdict == RRL_SLIP ? &c->rrl_slipped : &c->rrl_dropped, 1);
    return verdict;
}

static void take_name(struct query *q)
{
    const struct dns_question *asked = &q->msg.question;
    q->type = asked->type;
    q->name_len = asked->name_len;
    memcpy(q->spelled, asked->name, asked->name_len);
    q->name_at = DNS_HEADER_LEN;
    dname_lower(q->name, asked->name, asked->name_len);
}

static void count_message(const struct query_env *env, bool malformed)
{
    if (env->counters && malformed)
        count(&env->counters->malformed, 1);
}

static void count_answer(const struct query *q)
{
    struct worker_counters *c = q->env->counters;
    if (!c)
        return;
    count_rcode(c, q->rcode);
    count(&c->answers[q->answered_by < SOURCE_SLOTS ? q->answered_by : SOURCE_SLOTS - 1], 1);
}

/* All of q but the message, which has been read, and what `start` and `take_name` set. */
static void prepare(struct query *q, const struct query_env *env, const struct ipaddr *client, bool tcp,
                    const struct forward_given *given, struct forward_need *need)
{
    const struct snapshot *s = env->snap;
    q->env = env;
    q->client = *client;
    q->nets = nets_of(s->nets, client);
    q->may_recurse = netset_meet(q->nets, policy_forwarded(s->policy), nets_words(s->nets));
    q->tcp = tcp;
    q->hops = 0;
    q->rules = (struct placements){0};
    q->given = given;
    q->need = need;
    need->stale = need->refresh = false;
    q->rcode = RCODE_NOERROR;
    q->why = EDE_NONE;
    q->authoritative = q->from_upstream = q->truncated = false;
    q->answered_by = ANSWERED_BY_FORM;
}

enum outcome query_run(const struct query_env *env, const struct ipaddr *client, bool tcp,
                       const uint8_t *packet, size_t len, const struct forward_given *given, uint8_t *out,
                       size_t out_size, size_t *ret_len, struct forward_need *ret_need)
{
    struct query q;
    int e = dns_parse_query(packet, len, &q.msg);
    count_message(env, e < 0);
    if (e == -EBADMSG)
        return QUERY_DROP;
    prepare(&q, env, client, tcp, given, ret_need);
    query_read_options(&q, packet);
    enum rrl_verdict verdict = rate_verdict(&q);
    if (verdict == RRL_DROP)
        return QUERY_DROP;
    start(&q, out, out_size);
    if (verdict == RRL_SLIP) {
        q.truncated = true; /* an honest client comes back over TCP */
    } else if (!decided_by_form(&q, e)) {
        q.answered_by = ANSWERED_BY_NONE;
        take_name(&q);
        if (resolve(&q) == FORWARD)
            return QUERY_FORWARD;
    }
    count_answer(&q);
    *ret_len = finish(&q);
    return QUERY_REPLY;
}
