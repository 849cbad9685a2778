/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Warnings: what a configuration without errors says and probably does not mean.
 *
 *   - no rule at all, as of a file that is being written
 *   - a net that no rule uses
 *   - a rule that is never reached: for each of its nets an earlier rule that never passes holds all its
 * names
 *   - a fwd rule without servers to ask
 *   - a server to ask that is this one
 *   - an apex whose NS nobody knows (a name of a name server is never invented)
 *   - the name of a base that is neither a static record nor can be asked upstream
 *   - a static record that no static rule shows
 *
 * A net is held by another if each of its ranges lies in one of the other's. Everything is looked up in
 * indices, so a hundred thousand rules or records are checked in no time; the nets alone are compared with
 * each other.
 */
#include "libiothnamed/check_cover.h"
#include "libiothnamed/config_build.h"
#include "libiothnamed/source.h"

#include <errno.h>
#include <string.h>

/* Ranges of all nets together, up to which nets are compared range by range: 16 million steps. Above that a
 * net is held by itself alone. */
#define RANGES_COMPARED_MAX 4096

enum { TAG_SHOWN, TAG_APEX }; /* in `shown` */

struct net_set {
    unsigned *nets;
    unsigned count;
};

struct base_records {
    const struct config_record **list;
    unsigned count;
};

struct check {
    struct builder *b;
    const struct config *c;
    struct net_set *holders;   /* of each net: those that hold it, itself first */
    struct base_records *aaaa; /* of each base that is a name: its static AAAA records */
    struct numbering types;    /* type and owner of each static record */
    struct numbering apexes;   /* those warned of */
    struct cover rules;        /* domains of rules that never pass, by net */
    struct cover shown;        /* domains of static rules; apexes that answer SOA and NS */
};

static bool got(struct check *k, const void *p)
{
    return got_memory(k->b, p);
}

/* --- nets --- */

static bool range_holds(const struct config_range *a, const struct config_range *b)
{
    return a->bits <= b->bits && ipaddr_same_prefix(&a->addr, &b->addr, a->bits);
}

static bool net_holds(const struct config_net *a, const struct config_net *b)
{
    for (const struct config_range *inner = b->ranges; inner; inner = inner->next) {
        const struct config_range *outer = a->ranges;
        while (outer && !range_holds(outer, inner))
            outer = outer->next;
        if (!outer)
            return false;
    }
    return true;
}

static void add_holder(struct check *k, unsigned net, unsigned holder)
{
    struct net_set *set = &k->holders[net];
    unsigned *nets = array_more(&k->b->scratch, set->nets, set->count, sizeof(*nets));

    if (!got(k, nets))
        return;
    nets[set->count++] = holder;
    set->nets = nets;
}

static void find_holders(struct check *k)
{
    const struct config *c = k->c;

    k->holders = arena_alloc(&k->b->scratch, c->n_nets * sizeof(*k->holders));
    if (!got(k, k->holders))
        return;
    for (unsigned net = 0; net < c->n_nets && !k->b->out_of_memory; net++) {
        add_holder(k, net, net);
        for (unsigned other = 0; other < c->n_nets && k->b->ranges.count <= RANGES_COMPARED_MAX; other++) {
            if (other != net && net_holds(&c->nets[other], &c->nets[net]))
                add_holder(k, net, other);
        }
    }
}

static void check_nets(struct check *k)
{
    const struct config *c = k->c;
    bool *used = arena_alloc(&k->b->scratch, c->n_nets * sizeof(*used));

    if (!got(k, used))
        return;
    for (unsigned i = 0; i < k->b->n_mentions; i++)
        used[k->b->mentions[i].net] = true;
    for (unsigned i = 0; i < c->n_nets; i++) {
        if (!used[i])
            diag_warning(k->b->diags, c->nets[i].at, "no rule uses the net %s", c->nets[i].name);
    }
}

/* --- records --- */

/* What a record is found by in `types`. Returns its length. */
static size_t type_key(const struct config_name *name, uint16_t type, uint8_t key[static 2 + DNAME_MAX])
{
    put_be16(key, type);
    memcpy(key + 2, name->wire, name->len);
    return 2 + (size_t)name->len;
}

static bool has_record(const struct check *k, const struct config_name *name, uint16_t type)
{
    uint8_t key[2 + DNAME_MAX];
    size_t len = type_key(name, type, key);

    return numbering_find(&k->types, key, len) >= 0;
}

static void note_base_record(struct check *k, const struct config_record *record)
{
    int base = record->type == RR_AAAA ? base_by_name(k->b, &record->owner) : -1;

    if (base < 0)
        return;
    struct base_records *aaaa = &k->aaaa[base];
    const struct config_record **list =
        array_more(&k->b->scratch, aaaa->list, aaaa->count, sizeof(const void *));
    if (!got(k, list))
        return;
    list[aaaa->count++] = record;
    aaaa->list = list;
}

static void index_records(struct check *k)
{
    const struct config *c = k->c;

    k->aaaa = arena_alloc(&k->b->scratch, c->n_bases * sizeof(*k->aaaa));
    if (!got(k, k->aaaa))
        return;
    for (unsigned i = 0; i < c->n_records && !k->b->out_of_memory; i++) {
        uint8_t key[2 + DNAME_MAX];
        size_t len = type_key(&c->records[i].owner, c->records[i].type, key);
        if (numbering_add(&k->types, &k->b->scratch, key, len) < 0)
            k->b->out_of_memory = true;
        note_base_record(k, &c->records[i]);
    }
}

/* --- rules --- */

static bool is_below(const struct config_rule *r)
{
    return r->domain.kind == DOMAIN_BELOW && r->domain.name.len > 1;
}

/* The reverse names that a static rule for NAME/LEN shows: below each static AAAA of the base or, since
 * upstream may give it any, below ip6.arpa. */
static bool show_base_prefix(struct check *k, const struct config_domain *d, unsigned rule)
{
    static const uint8_t ip6_arpa[] = "\3ip6\4arpa";
    const struct base_records *aaaa = &k->aaaa[d->base];
    struct config_domain shown = {.kind = DOMAIN_BELOW, .name = {ip6_arpa, sizeof(ip6_arpa)}};
    bool ok = true;

    if (aaaa->count == 0)
        return cover_add(&k->shown, &shown, TAG_SHOWN, rule);
    for (unsigned i = 0; i < aaaa->count; i++) {
        shown = (struct config_domain){.kind = DOMAIN_PREFIX, .bits = d->bits};
        memcpy(shown.addr.b, aaaa->list[i]->rdata, sizeof(shown.addr.b));
        ipaddr_mask(&shown.addr, d->bits);
        ok &= cover_add(&k->shown, &shown, TAG_SHOWN, rule);
    }
    return ok;
}

/* A tree is a name and what is below it. */
static bool index_final(struct check *k, const struct config_domain *d, unsigned net, unsigned i)
{
    struct config_domain part = *d;

    if (d->kind != DOMAIN_TREE)
        return cover_add(&k->rules, d, net, i);
    part.kind = DOMAIN_NAME;
    bool ok = cover_add(&k->rules, &part, net, i);
    part.kind = DOMAIN_BELOW;
    return cover_add(&k->rules, &part, net, i) && ok;
}

static bool index_rule(struct check *k, unsigned i)
{
    const struct config_rule *r = &k->c->rules[i];
    bool ok = true;

    for (unsigned n = 0; n < r->n_nets && r->source->final; n++)
        ok &= index_final(k, &r->domain, r->nets[n], i);
    if (r->source == &source_static && r->domain.kind == DOMAIN_BASE_PREFIX)
        ok &= show_base_prefix(k, &r->domain, i);
    else if (r->source == &source_static)
        ok &= cover_add(&k->shown, &r->domain, TAG_SHOWN, i);
    if (r->source->apex && is_below(r)) {
        struct config_domain apex = {.kind = DOMAIN_NAME, .name = r->domain.name};
        ok &= cover_add(&k->shown, &apex, TAG_APEX, i);
    }
    return ok;
}

static void index_rules(struct check *k)
{
    k->rules.arena = k->shown.arena = &k->b->scratch;
    for (unsigned i = 0; i < k->c->n_rules && !k->b->out_of_memory; i++) {
        if (k->c->rules[i].domain.kind != DOMAIN_NONE && !index_rule(k, i))
            k->b->out_of_memory = true;
    }
}

/* The first rule that never passes and holds the domain for all clients of the net; COVER_NONE. */
static unsigned first_final(const struct check *k, const struct config_domain *domain, unsigned net)
{
    unsigned first = COVER_NONE;

    for (unsigned i = 0; i < k->holders[net].count; i++) {
        unsigned found = cover_find(&k->rules, domain, k->holders[net].nets[i]);
        if (found < first)
            first = found;
    }
    return first;
}

static void check_reached(struct check *k, unsigned i)
{
    const struct config_rule *r = &k->c->rules[i];
    unsigned before = COVER_NONE;

    for (unsigned n = 0; n < r->n_nets; n++) {
        before = first_final(k, &r->domain, r->nets[n]);
        if (before >= i)
            return;
    }
    diag_warning(k->b->diags, r->at, "this rule is never reached: the rule of line %u answers before it",
                 k->c->rules[before].at.line);
}

/* Whether for some client of the rule the server answers for the apex itself. */
static bool answers_apex(const struct check *k, const struct config_rule *r)
{
    struct config_domain apex = {.kind = DOMAIN_NAME, .name = r->domain.name};

    for (unsigned n = 0; n < r->n_nets; n++) {
        unsigned first = first_final(k, &apex, r->nets[n]);
        const struct config_rule *decides = first == COVER_NONE ? NULL : &k->c->rules[first];
        if (!decides || (decides->source == &source_static && decides->domain.kind == DOMAIN_NAME))
            return true;
    }
    return false;
}

static void check_apex(struct check *k, const struct config_rule *r)
{
    const struct config_name *name = &r->domain.name;
    char text[DNAME_TEXT_MAX];

    if (!r->source->apex || !is_below(r) || k->c->options.nsname.wire || has_record(k, name, RR_NS) ||
        !answers_apex(k, r))
        return;
    unsigned known = k->apexes.count;
    int number = numbering_add(&k->apexes, &k->b->scratch, name->wire, name->len);
    if (number < 0)
        k->b->out_of_memory = true;
    else if ((unsigned)number == known)
        diag_warning(k->b->diags, r->domain_at,
                     "NS questions about %s will be answered with no data, expected a static NS there or "
                     "option nsname",
                     dname_to_text(name->wire, text));
}

static void check_rules(struct check *k)
{
    const struct config *c = k->c;

    for (unsigned i = 0; i < c->n_rules; i++) {
        const struct config_rule *r = &c->rules[i];
        if (r->domain.kind == DOMAIN_NONE)
            continue;
        if (r->source->args & SOURCE_UPSTREAMS && c->upstreams[r->upstreams].count == 0)
            diag_warning(k->b->diags, r->at,
                         "%s without servers to ask, expected dns lines or servers in the rule",
                         r->source->keyword);
        check_reached(k, i);
        check_apex(k, r);
    }
}

/* Questions come in on that address: it is listened on, or all are and it is one that every host has. */
static bool is_own_address(const struct config_options *o, const struct ipaddr *a)
{
    static const struct ipaddr any = {{0}}, loopback = {{[15] = 1}};

    for (unsigned i = 0; i < o->n_listen; i++)
        if (ipaddr_equal(&o->listen[i], a))
            return true;
    if (o->n_listen > 0)
        return false;
    return ipaddr_is_v4(a) ? a->b[12] == 127 || get_be32(a->b + 12) == 0
                           : ipaddr_equal(a, &loopback) || ipaddr_equal(a, &any);
}

static void check_servers(struct check *k)
{
    const struct config *c = k->c;
    bool same_stack = c->one_stack || (!c->rstack && !c->fstack);
    char text[IPENDPOINT_STRLEN];

    for (unsigned i = 0; i < k->b->n_servers && same_stack; i++) {
        const struct server_mention *m = &k->b->servers[i];
        if (m->server.port == c->options.port && is_own_address(&c->options, &m->server.addr))
            diag_warning(k->b->diags, m->at,
                         "%s is this server itself: questions that lead there get SERVFAIL, expected another",
                         ipendpoint_format(&m->server, text));
    }
}

static void check_bases(struct check *k)
{
    char text[DNAME_TEXT_MAX];

    for (unsigned i = 0; i < k->c->n_bases; i++) {
        const struct config_base *base = &k->c->bases[i];
        if (!base->name.wire || k->c->upstreams[0].count > 0 || has_record(k, &base->name, RR_AAAA) ||
            has_record(k, &base->name, RR_CNAME))
            continue;
        diag_warning(k->b->diags, base->at,
                     "the address of %s cannot be known, expected a static AAAA or a dns line",
                     dname_to_text(base->name.wire, text));
    }
}

static bool is_shown(const struct check *k, const struct config_record *r)
{
    if (cover_find_name(&k->shown, &r->owner, TAG_SHOWN) != COVER_NONE)
        return true;
    if ((r->type == RR_SOA || r->type == RR_NS) &&
        cover_find_name(&k->shown, &r->owner, TAG_APEX) != COVER_NONE)
        return true;
    return (r->type == RR_AAAA || r->type == RR_CNAME) && base_by_name(k->b, &r->owner) >= 0;
}

static void check_records(struct check *k)
{
    char text[DNAME_TEXT_MAX];

    for (unsigned i = 0; i < k->c->n_records; i++) {
        const struct config_record *r = &k->c->records[i];
        if (!is_shown(k, r))
            diag_warning(k->b->diags, r->at, "no static rule shows this record of %s",
                         dname_to_text(r->owner.wire, text));
    }
}

static void check_emptiness(struct check *k)
{
    if (k->c->n_rules == 0)
        diag_warning(k->b->diags, (struct place){0}, "no auth line: every question is refused");
}

int config_check_emptiness(const struct config *config, const struct config *now, struct diags *diags)
{
    if (config->n_rules > 0 || now->n_rules == 0)
        return 0;
    diag_error(diags, (struct place){0},
               "no auth line, where %u are in force: it may be half written; a restart serves without any",
               now->n_rules);
    return -EINVAL;
}

void config_check(struct builder *b)
{
    struct check k = {.b = b, .c = b->config};

    find_holders(&k);
    if (!b->out_of_memory)
        index_records(&k);
    if (!b->out_of_memory)
        index_rules(&k);
    if (b->out_of_memory)
        return;
    check_emptiness(&k);
    check_nets(&k);
    check_rules(&k);
    check_servers(&k);
    check_bases(&k);
    check_records(&k);
}
