/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Whether records are a zone, before they become one. Errors:
 *
 *   - not exactly one SOA, or one that is not at the apex (RFC 1035 s5.2); no NS at the apex
 *   - a CNAME beside other data (RFC 1034 s3.6.2; but for DNSSEC's own types, RFC 4034 s3 and s4), two CNAME or
 * DNAME at one name (RFC 6672 s2.4), more records of a type than a message can count
 *
 * Warnings, of what loads but is probably not meant:
 *
 *   - records below a DNAME, and others than addresses below a delegation: nobody will see them
 *   - a name server in this zone that has no address here, or is an alias (RFC 2181 s10.3)
 */
#include "libiothnamed/zone_draft.h"

#include <errno.h>
#include <stdio.h>

enum { TEXT_MAX = 2 * DNAME_TEXT_MAX + 160, RR_KEY = 25 };

struct check {
    struct zone_builder *b;
    zone_report *report;
    void *arg;
};

static void say(const struct check *c, bool warning, const struct draft_record *at, const char *text)
{
    c->report(c->arg, warning, at ? at->file : 0, at ? at->line : 0, text);
}

static void say_of(const struct check *c, bool warning, const struct draft_record *at,
                   const struct draft_node *node, const char *what)
{
    char name[DNAME_TEXT_MAX], text[TEXT_MAX];

    snprintf(text, sizeof(text), "%s %s", dname_to_text(draft_name(c->b, node), name), what);
    say(c, warning, at, text);
}

static bool is_address(uint16_t type)
{
    return type == RR_A || type == RR_AAAA;
}

/* Some record of the node with that type; NULL: none. */
static const struct draft_record *record_of(const struct check *c, const struct draft_node *node,
                                            uint16_t type)
{
    for (uint32_t i = node->records; i != DRAFT_NONE; i = c->b->records[i].next)
        if (c->b->records[i].type == type)
            return &c->b->records[i];
    return NULL;
}

/* --- the records of one name --- */

static bool may_stand_beside_cname(uint16_t type)
{
    return type == RR_CNAME || type == RR_RRSIG || type == RR_NSEC || type == RR_KEY;
}

static void check_cname(const struct check *c, const struct draft_node *node)
{
    const struct draft_record *cname = record_of(c, node, RR_CNAME);

    for (uint32_t i = node->records; cname && i != DRAFT_NONE; i = c->b->records[i].next) {
        const struct draft_record *r = &c->b->records[i];
        if (may_stand_beside_cname(r->type))
            continue;
        say_of(c, false, r->line > cname->line ? r : cname, node,
               "has a CNAME and other data, expected a CNAME alone");
        return;
    }
}

static bool stands_once(uint16_t type)
{
    return type == RR_CNAME || type == RR_DNAME || type == RR_SOA;
}

static bool same_data(const struct check *c, const struct draft_record *r, const struct draft_record *s)
{
    return r->rdlen == s->rdlen && memcmp(draft_rdata(c->b, r), draft_rdata(c->b, s), r->rdlen) == 0;
}

/* One RRset, sorted by data. */
static void check_rrset(const struct check *c, const struct draft_node *node, const uint32_t *set,
                        size_t count)
{
    const struct draft_record *first = &c->b->records[set[0]], *last = &c->b->records[set[count - 1]];

    if (stands_once(first->type) && !same_data(c, first, last))
        say_of(c, false, first->line > last->line ? first : last, node,
               first->type == RR_SOA     ? "has two SOA, expected one"
               : first->type == RR_DNAME ? "has two DNAME, expected one"
                                         : "has two CNAME, expected one");
    if (count > UINT16_MAX)
        say_of(c, false, first, node, "has more than 65535 records of one type");
}

static int check_records(const struct check *c, const struct draft_node *node)
{
    long n = draft_sort(c->b, node);

    for (long from = 0, end; from < n; from = end) {
        for (end = from + 1;
             end < n && c->b->records[c->b->sorted[end]].type == c->b->records[c->b->sorted[from]].type;)
            end++;
        check_rrset(c, node, c->b->sorted + from, (size_t)(end - from));
    }
    check_cname(c, node);
    return n < 0 ? (int)n : 0;
}

/* --- where names lie --- */

static void check_apex(const struct check *c, const struct draft_node *apex)
{
    if (!record_of(c, apex, RR_SOA))
        say_of(c, false, NULL, apex, "has no SOA, expected one");
    if (!record_of(c, apex, RR_NS))
        say_of(c, false, NULL, apex, "has no NS, expected one");
}

/* A name below a delegation or a DNAME. */
static void check_shaded(const struct check *c, const struct draft_node *node)
{
    const struct draft_node *above = node;

    while (!(above->flags & (ZONE_NODE_CUT | ZONE_NODE_DNAME)) || above == node)
        above = &c->b->nodes[above->parent];
    bool is_dname = !(above->flags & ZONE_NODE_CUT);
    for (uint32_t i = node->records; i != DRAFT_NONE; i = c->b->records[i].next) {
        const struct draft_record *r = &c->b->records[i];
        if (!is_dname && is_address(r->type))
            continue;
        say_of(c, true, r, node,
               is_dname ? "lies below a DNAME: nobody will see it"
                        : "lies below a delegation: nobody will see it");
        return;
    }
}

/* --- name servers --- */

/* What is wrong with a name server within the zone, or NULL. cut: the node of the NS, if that delegates. */
static const char *server_fault(const struct check *c, const uint8_t *host, const struct draft_node *cut)
{
    uint32_t index = draft_find(c->b, host);
    const struct draft_node *node = index == DRAFT_NONE ? NULL : &c->b->nodes[index];

    if (node && node->flags & ZONE_NODE_SHADED && !(cut && dname_within(host, draft_name(c->b, cut))))
        return NULL; /* its addresses are for another zone to know */
    if (node && record_of(c, node, RR_CNAME))
        return "is a name server and an alias";
    if (!node || (!record_of(c, node, RR_A) && !record_of(c, node, RR_AAAA)))
        return "is a name server in this zone and has no address here";
    return NULL;
}

static void check_servers(const struct check *c, const struct draft_node *node)
{
    const struct draft_node *cut = node->flags & ZONE_NODE_CUT ? node : NULL;

    for (uint32_t i = node->records; i != DRAFT_NONE; i = c->b->records[i].next) {
        const struct draft_record *r = &c->b->records[i];
        char name[DNAME_TEXT_MAX], text[TEXT_MAX];
        uint8_t host[DNAME_MAX];
        if (r->type != RR_NS)
            continue;
        dname_lower(host, draft_rdata(c->b, r), r->rdlen);
        if (!dname_within(host, draft_name(c->b, cut ? cut : c->b->nodes)))
            continue;
        const char *fault = server_fault(c, host, cut);
        if (!fault)
            continue;
        snprintf(text, sizeof(text), "%s %s", dname_to_text(host, name), fault);
        say(c, true, r, text);
    }
}

int zone_builder_check(struct zone_builder *b, zone_report *report, void *arg)
{
    const struct check c = {.b = b, .report = report, .arg = arg};

    draft_mark(b);
    check_apex(&c, b->nodes);
    for (size_t i = 0; i < b->n_nodes; i++) {
        const struct draft_node *node = &b->nodes[i];
        const struct draft_record *soa = i > 0 ? record_of(&c, node, RR_SOA) : NULL;
        if (soa)
            say_of(&c, false, soa, node, "has an SOA and is not the apex of the zone");
        if (check_records(&c, node) < 0)
            return -ENOMEM;
        if (node->flags & ZONE_NODE_SHADED)
            check_shaded(&c, node);
        else
            check_servers(&c, node);
    }
    return 0;
}
