/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a server says with authority beside the records asked for: the SOA of a "no" (RFC 2308 s3), and SOA and
 * NS of the apex of a domain, made up where no static record stands there.
 */
#include "libiothnamed/reply.h"

/* --- what the apex of a domain says of itself --- */

/* The static RRset of a name, spelled somehow, and its node. NULL: there is none. */
static const struct zone_rrset *static_rrset(const struct query *q, const uint8_t *name, uint16_t type,
                                             const struct zone_node **ret)
{
    uint8_t lower[DNAME_MAX];
    dname_lower(lower, name, dname_len(name));
    *ret = zone_find(q->env->snap->pool, lower);
    return zone_rrset(*ret, type);
}

/* Refresh, retry, expire of an SOA of our making: nobody transfers from us, so they are customary values. */
#define SOA_REFRESH 3600
#define SOA_RETRY   900
#define SOA_EXPIRE  604800

/* The name of the server that an SOA of our making tells: the first static NS, or this server, or the apex. */
static const uint8_t *primary_of(const struct query *q, const uint8_t *apex,
                                 uint8_t room[static ZONE_NAMES_MAX])
{
    const struct config_name *nsname = &q->env->snap->config->options.nsname;
    const struct zone_node *node;
    const struct zone_rrset *ns = static_rrset(q, apex, RR_NS, &node);
    size_t len;
    if (ns)
        return zone_rdata(node, ns, 0, room, &len);
    return nsname->wire ? nsname->wire : apex;
}

/* RDATA of an SOA for apex; its length. */
static size_t make_soa(const struct query *q, const uint8_t *apex, uint32_t minimum,
                       uint8_t out[static ZONE_NAMES_MAX])
{
    uint8_t room[ZONE_NAMES_MAX];
    const uint8_t *primary = primary_of(q, apex, room);
    static const uint8_t mailbox[] = "\012hostmaster";
    size_t apex_len = dname_len(apex);
    struct writer w = writer_of(out, ZONE_NAMES_MAX);
    writer_put(&w, primary, dname_len(primary));
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

static void put_made_soa(struct query *q, enum dns_section section, const uint8_t *apex, uint32_t ttl)
{
    uint8_t rdata[ZONE_NAMES_MAX];
    size_t rdlen = make_soa(q, apex, ttl, rdata);
    if (dns_put_rr(&q->reply, section, apex, RR_SOA, CLASS_IN, ttl, rdata, rdlen) < 0)
        q->truncated = true;
}

enum verdict query_negative(struct query *q, uint16_t rcode, unsigned apex_labels, uint32_t ttl)
{
    const uint8_t *apex = dname_suffix(q->spelled, apex_labels);
    const struct zone_node *node;
    const struct zone_rrset *soa = static_rrset(q, apex, RR_SOA, &node);
    q->rcode = rcode == RCODE_NXDOMAIN && q->exists ? RCODE_NOERROR : rcode;
    if (soa)
        reply_soa(q, node, soa, ttl == NEGATIVE_TTL ? UINT32_MAX : ttl);
    else
        put_made_soa(q, DNS_AUTHORITY, apex, ttl);
    return ANSWERED;
}

/* Of the name asked for, if there is one. */
static bool answer_static(struct query *q, uint16_t type)
{
    const struct zone_node *node;
    const struct zone_rrset *set = static_rrset(q, q->name, type, &node);
    if (set)
        reply_rrset(q, DNS_ANSWER, node, set, REPLY_ASKED);
    return set;
}

static enum verdict answer_ns(struct query *q, unsigned apex_labels)
{
    const struct config_name *nsname = &q->env->snap->config->options.nsname;
    if (answer_static(q, RR_NS))
        return ANSWERED;
    if (!nsname->wire)
        return query_negative(q, RCODE_NOERROR, apex_labels, NEGATIVE_TTL);
    query_answer(q, RR_NS, q->env->snap->config->options.staticttl_s, nsname->wire, nsname->len);
    return ANSWERED;
}

enum verdict query_apex(struct query *q, unsigned apex_labels)
{
    q->authoritative |= q->hops == 0;
    if (q->type == RR_NS)
        return answer_ns(q, apex_labels);
    if (q->type != RR_SOA && q->type != RR_ANY)
        return query_negative(q, RCODE_NOERROR, apex_labels, NEGATIVE_TTL);
    if (!answer_static(q, RR_SOA))
        put_made_soa(q, DNS_ANSWER, q->spelled, NEGATIVE_TTL);
    return ANSWERED;
}

bool query_names_apex(const struct query *q)
{
    for (unsigned i = 0; i < q->rules.count; i++)
        if (q->rules.list[i].implicit_apex && query_may_use(q, &q->rules.list[i]))
            return true;
    return false;
}

bool query_at_apex(const struct query *q, const struct placement *where)
{
    if (where->apex_labels != q->labels)
        return false;
    return where->rule->domain.kind != DOMAIN_NAME || query_names_apex(q);
}
