/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Answers from a store, as RFC 1034 s4.3.2 lays them down, with RFC 4592 for wildcards and RFC 6672 for DNAME:
 *
 *   1. look the name up: its node, or the closest one above it;
 *   2. between the apex and there somebody else may begin: a delegation is referred to, not authoritative, with
 * the addresses of its servers; below a DNAME the name lies elsewhere, and a CNAME is made that says where;
 *   3. the node: its records of that type, else its alias, which is followed, else no data;
 *   4. no node, but a wildcard below the closest one: the same with its records, as records of the name;
 *   5. else no such name.
 *
 * A zone file has its apex, and what is not in it does not exist. The static records are one pool, and the rule
 * that shows them says where the zone begins: at its domain. Below that, NS without SOA delegate, unless the name
 * is the domain of another rule of this client, and a name with SOA begins a zone of its own, with the rule's as
 * its parent.
 *
 * DS lies at the parent's side of a cut (RFC 4035 s3.1.4.1): a zone that begins at the name asked for leaves the
 * question to the rule that has the name above, if that answers from a store too.
 */
#include "libiothnamed/zone_answer.h"
#include "libiothnamed/reply.h"

/* What a question is answered from. */
struct view {
    const struct zone *zone;
    const struct placement *where;
    unsigned apex_labels;
    bool is_pool;
};

/* --- who may see what --- */

/* The rule that decides about a name for this client; NULL: none. */
static const struct placement *deciding_rule(const struct query *q, const uint8_t *name)
{
    struct placements rules = policy_find(q->env->snap->policy, name);

    for (unsigned i = 0; i < rules.count; i++)
        if (rules.list[i].rule->source->final && query_may_use_for(q, &rules.list[i], name))
            return &rules.list[i];
    return NULL;
}

/* A host is shown if the client would get its addresses from the same records by asking for them. */
static bool may_show(const struct query *q, const uint8_t *name, const void *arg)
{
    const struct view *v = arg;
    const struct placement *p = deciding_rule(q, name);

    return p && !p->implicit_apex && p->rule->source == v->where->rule->source &&
           p->rule->zone == v->where->rule->zone;
}

/* The name is the domain of a rule for the names below it that serves this client. */
static bool is_own_apex(const struct query *q, const uint8_t *name)
{
    struct placements rules = policy_find(q->env->snap->policy, name);

    for (unsigned i = 0; i < rules.count; i++)
        if (rules.list[i].implicit_apex && query_may_use(q, &rules.list[i]))
            return true;
    return false;
}

/* --- "no" --- */

/* Where the zone begins in which the name lies: SOA, of the node in *ret. `labels`: where to begin to look. NULL:
 * nobody wrote one. */
static const struct zone_rrset *find_soa(const struct view *v, const struct zone_look *look, unsigned labels,
                                         const struct zone_node **ret)
{
    *ret = v->is_pool ? NULL : zone_apex(v->zone);
    for (unsigned depth = labels + 1; v->is_pool && depth-- > v->apex_labels;) {
        const struct zone_node *node = zone_look_above(v->zone, look, depth);
        if (node && node->flags & ZONE_NODE_SOA) {
            *ret = node;
            break;
        }
    }
    return zone_rrset(*ret, RR_SOA);
}

static enum verdict deny(struct query *q, const struct view *v, const struct zone_look *look, unsigned labels,
                         uint16_t rcode)
{
    const struct zone_node *node;
    const struct zone_rrset *soa = find_soa(v, look, labels, &node);

    q->rcode = rcode;
    if (!soa)
        return query_negative(q, rcode, v->apex_labels, NEGATIVE_TTL);
    reply_soa(q, node, soa, UINT32_MAX);
    return ANSWERED;
}

/* --- elsewhere --- */

static enum verdict refer(struct query *q, const struct view *v, const struct zone_node *cut)
{
    const struct zone_rrset *ns = zone_rrset(cut, RR_NS);
    struct reply_hosts hosts = {.zone = v->zone, .node = cut, .set = ns, .may_show = may_show, .arg = v};

    hosts.at = reply_rrset(q, DNS_AUTHORITY, cut, ns, REPLY_NODE);
    reply_addresses(q, &hosts, true);
    return ANSWERED;
}

/* The name becomes another one, of an alias whose record ends the reply. */
static void go_on_with(struct query *q, const uint8_t *name, size_t len, size_t record_at)
{
    q->name_at = q->truncated ? 0 : reply_rdata_at(q, record_at);
    q->name_len = (uint8_t)len;
    memcpy(q->spelled, name, len);
    dname_lower(q->name, name, len);
}

/* The answer section has a record of that type and owner. */
static bool has_answer(const struct query *q, uint16_t type, const uint8_t *owner)
{
    struct reader r = reader_of(q->reply.w.base, q->reply.w.pos);
    size_t len = dname_len(owner);
    struct dns_rr rr;

    r.pos = q->reply.records;
    for (unsigned left = q->reply.count[DNS_ANSWER]; left > 0 && !r.bad; left--) {
        dns_read_rr(&r, &rr);
        if (!r.bad && rr.type == type && dname_equal(rr.owner, rr.owner_len, owner, len))
            return true;
    }
    return false;
}

/* An alias that was followed already: it leads nowhere. Short chains, nearly all, are not looked at. */
static bool is_circle(const struct query *q)
{
    return q->hops > 3 && has_answer(q, RR_CNAME, q->name);
}

static enum verdict give_up_circle(struct query *q)
{
    query_explain(q, EDE_ALIAS_CHAIN);
    return query_fail(q, RCODE_SERVFAIL);
}

/* The name lies below that of the node, which has a DNAME (RFC 6672 s3.2). */
static enum verdict redirect(struct query *q, const struct zone_node *node)
{
    const struct zone_rrset *dname = zone_rrset(node, RR_DNAME);
    uint8_t room[ZONE_NAMES_MAX], name[2 * DNAME_MAX];
    size_t kept = (size_t)q->name_len - node->name_len, len;
    const uint8_t *target = zone_rdata(node, dname, 0, room, &len);

    if (is_circle(q))
        return give_up_circle(q);
    q->authoritative |= q->hops == 0;
    if (q->hops == 0 || !has_answer(q, RR_DNAME, node->name))
        reply_rrset(q, DNS_ANSWER, node, dname, REPLY_NODE);
    if (kept + len > DNAME_MAX) {
        q->rcode = RCODE_YXDOMAIN;
        return ANSWERED;
    }
    memcpy(name, q->spelled, kept);
    memcpy(name + kept, target, len);
    size_t at = q->reply.w.pos;
    query_answer(q, RR_CNAME, zone_rrset_ttl(dname), name, kept + len);
    if (q->type == RR_CNAME || q->type == RR_ANY)
        return ANSWERED;
    go_on_with(q, name, kept + len, at);
    return FOLLOW;
}

/* What begins at that depth above or at the name: a delegation, unless it is of another rule's domain. */
static bool is_cut(const struct query *q, const struct view *v, const struct zone_node *node, unsigned depth)
{
    return node->flags & ZONE_NODE_CUT && depth > v->apex_labels &&
           !(v->is_pool && is_own_apex(q, node->name));
}

/* Goes down from the apex to where something else than this zone begins for q->name, and answers with that. PASS:
 * nothing does. */
static enum verdict divert(struct query *q, const struct view *v, const struct zone_look *look)
{
    for (unsigned depth = v->apex_labels; depth <= look->closest_labels; depth++) {
        const struct zone_node *node = zone_look_above(v->zone, look, depth);
        if (node && is_cut(q, v, node, depth))
            return depth == look->labels && q->type == RR_DS ? PASS : refer(q, v, node);
        if (node && node->flags & ZONE_NODE_DNAME && depth < look->labels)
            return redirect(q, node);
    }
    return PASS;
}

/* --- here --- */

static enum verdict answer_rrset(struct query *q, const struct view *v, const struct zone_node *node,
                                 const struct zone_rrset *set)
{
    struct reply_hosts hosts = {.zone = v->zone, .node = node, .set = set, .may_show = may_show, .arg = v};

    hosts.at = reply_rrset(q, DNS_ANSWER, node, set, REPLY_ASKED);
    if (set->flags & ZONE_RRSET_TARGETS)
        reply_addresses(q, &hosts, false);
    return ANSWERED;
}

static enum verdict follow_alias(struct query *q, const struct zone_node *node,
                                 const struct zone_rrset *alias)
{
    uint8_t room[ZONE_NAMES_MAX];
    size_t len;
    const uint8_t *target = zone_rdata(node, alias, 0, room, &len);

    if (is_circle(q))
        return give_up_circle(q);
    size_t at = reply_rrset(q, DNS_ANSWER, node, alias, REPLY_ASKED);
    go_on_with(q, target, len, at);
    return FOLLOW;
}

/* A name with SOA below the apex of the rule: its DS, if there are any, are those of the zone above. */
static bool is_parents_type(const struct query *q, const struct view *v, const struct zone_node *node)
{
    return q->type == RR_DS && node->flags & ZONE_NODE_SOA && q->labels > v->apex_labels;
}

/* node: of the name, or the wildcard that stands for it. */
static enum verdict answer_node(struct query *q, const struct view *v, const struct zone_look *look,
                                const struct zone_node *node)
{
    const struct zone_rrset *set = zone_rrset(node, q->type);

    if (!set && q->type == RR_ANY && node->n_rrsets)
        set = zone_first_rrset(node); /* one RRset is enough (RFC 8482 s4.1) */
    if (set)
        return answer_rrset(q, v, node, set);
    const struct zone_rrset *alias = zone_rrset(node, RR_CNAME);
    if (alias)
        return follow_alias(q, node, alias);
    if (v->is_pool && query_at_apex(q, v->where))
        return query_apex(q, v->apex_labels);
    unsigned labels = look->closest_labels;
    return deny(q, v, look, is_parents_type(q, v, node) ? labels - 1 : labels, RCODE_NOERROR);
}

static enum verdict answer_absent(struct query *q, const struct view *v, const struct zone_look *look)
{
    bool wildcard =
        look->closest && look->closest->flags & ZONE_NODE_WILDCARD && look->closest_labels >= v->apex_labels;
    const struct zone_node *node = wildcard ? zone_look_wildcard(v->zone, look) : NULL;

    if (node)
        return answer_node(q, v, look, node);
    if (v->is_pool && query_at_apex(q, v->where))
        return query_apex(q, v->apex_labels);
    return deny(q, v, look, look->closest_labels, RCODE_NXDOMAIN);
}

/* The rule that has the parent's side of the cut at q->name, which is this zone's apex; NULL: none of ours. */
static const struct placement *parent_rule(const struct query *q)
{
    const struct placement *p = q->labels ? deciding_rule(q, q->name + q->name[0] + 1) : NULL;
    bool is_store =
        p && !p->implicit_apex && (p->rule->source == &source_static || p->rule->source == &source_zone);

    return is_store && p->apex_labels < q->labels ? p : NULL;
}

enum verdict zone_answer(struct query *q, const struct zone *zone, const struct placement *where)
{
    const uint8_t diverts = ZONE_NODE_SHADED | ZONE_NODE_CUT | ZONE_NODE_DNAME;
    struct view v = {
        .zone = zone, .where = where, .apex_labels = where->apex_labels, .is_pool = !zone_apex(zone)};
    struct zone_look look;

    if (q->type == RR_DS && q->labels == v.apex_labels) {
        const struct placement *parent = parent_rule(q);
        if (parent)
            return parent->rule->source->answer(q, parent);
    }
    zone_look_up(zone, q->name, &look);
    if (look.closest && look.closest->flags & diverts) {
        enum verdict verdict = divert(q, &v, &look);
        if (verdict != PASS)
            return verdict;
    }
    q->authoritative |= q->hops == 0;
    return look.node ? answer_node(q, &v, &look, look.node) : answer_absent(q, &v, &look);
}
