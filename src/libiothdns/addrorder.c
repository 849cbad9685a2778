/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Destination address selection, RFC 6724 s6: the ten rules in their order, each a comparison of two candidates, and a
 * stable sort by the first that tells them apart. Rule 10 is the stability.
 *
 * All addresses have 16 bytes; IPv4 stands as ::ffff:a.b.c.d, and the policy's rows for ::ffff:0:0/96 are its own
 * (RFC 6724 s2.1, s3.2). Private IPv4 addresses are of global scope, since translators lead out of them.
 *
 * Rule 9 is what the RFC lets an implementation supersede, and here it is what glibc has made of it: of IPv6 addresses all
 * bits count, also those behind the prefix of the source; of IPv4 addresses they count if destination and source are in one
 * subnet, and else not at all, as the first bits of IPv4 addresses tell nothing about distance and would undo the turns in
 * which a name server gives the addresses of a busy name. IPv4 addresses asked for as IPv6 ones (AI_V4MAPPED) are IPv6
 * addresses of global scope to all rules, as for glibc.
 *
 * A merge sort, as comparisons by such rules need not be transitive: it ends and stays in bounds for any.
 */
#include "libiothdns/addrorder.h"

#include <errno.h>
#include <stdlib.h>

enum {
    SCOPE_LINK = 0x2, /* RFC 4291 s2.7 */
    SCOPE_SITE = 0x5,
    SCOPE_GLOBAL = 0xe,
    IPADDR_BITS = 128,
};

/* What is compared of a candidate. */
struct standing {
    const struct addrorder_candidate *c;
    bool same_scope, same_label;
    int scope, precedence;
    unsigned common_bits; /* of source and destination */
    unsigned index;
};

static int table_value(const struct addrorder_table *table, const struct ipaddr *addr)
{
    for (unsigned i = 0; i < table->n; i++) {
        if (ipaddr_same_prefix(&table->rows[i].prefix, addr, table->rows[i].bits))
            return table->rows[i].value;
    }
    return 0;
}

/* RFC 6724 s3.1 to s3.4. `mapped`: one of IPv4 counts as the IPv6 address that it is written as. */
static int scope_of(const struct addrorder_policy *policy, const struct ipaddr *a, bool mapped)
{
    static const struct ipaddr loopback = {{[15] = 1}};

    if (ipaddr_is_v4(a))
        return mapped ? SCOPE_GLOBAL : table_value(&policy->scope4, a);
    if (a->b[0] == 0xff)
        return a->b[1] & 0x0f;
    if ((a->b[0] == 0xfe && (a->b[1] & 0xc0) == 0x80) || ipaddr_equal(a, &loopback))
        return SCOPE_LINK;
    if (a->b[0] == 0xfe && (a->b[1] & 0xc0) == 0xc0)
        return SCOPE_SITE;
    return SCOPE_GLOBAL;
}

static unsigned common_bits(const struct ipaddr *a, const struct ipaddr *b)
{
    unsigned bits = 0;

    while (bits < IPADDR_BITS && ((a->b[bits / 8] ^ b->b[bits / 8]) & 0x80 >> bits % 8) == 0)
        bits++;
    return bits;
}

/* What rule 9 compares, see above. */
static unsigned nearness(const struct addrorder_candidate *c)
{
    unsigned bits = common_bits(&c->src, &c->dst);

    if (!ipaddr_is_v4(&c->dst) || c->mapped)
        return bits;
    return bits >= (c->src_bits > 0 ? c->src_bits : IPADDR_BITS) ? bits : 0;
}

static struct standing standing_of(const struct addrorder_policy *policy, const struct addrorder_candidate *c,
                                   unsigned index)
{
    struct standing s = {
        .c = c,
        .scope = scope_of(policy, &c->dst, c->mapped),
        .precedence = table_value(&policy->precedence, &c->dst),
        .index = index,
    };

    if (c->has_source) {
        s.same_scope = s.scope == scope_of(policy, &c->src, c->mapped);
        s.same_label = table_value(&policy->label, &c->dst) == table_value(&policy->label, &c->src);
        s.common_bits = nearness(c);
    }
    return s;
}

/* Positive: a is better. */
static int prefer(bool a, bool b)
{
    return (int)a - (int)b;
}

/* The first rule that tells them apart: positive if a comes first, 0 if none does. */
static int compare(const struct standing *a, const struct standing *b)
{
    const struct addrorder_candidate *x = a->c, *y = b->c;
    int order;

    if ((order = prefer(x->has_source, y->has_source)) != 0) /* 1: avoid unusable destinations */
        return order;
    if ((order = prefer(a->same_scope, b->same_scope)) != 0) /* 2: prefer matching scope */
        return order;
    if ((order = prefer(y->deprecated, x->deprecated)) != 0) /* 3: avoid deprecated addresses */
        return order;
    if ((order = prefer(x->home, y->home)) != 0) /* 4: prefer home addresses */
        return order;
    if ((order = prefer(a->same_label, b->same_label)) != 0) /* 5: prefer matching label */
        return order;
    if (a->precedence != b->precedence) /* 6: prefer higher precedence */
        return a->precedence > b->precedence ? 1 : -1;
    if (x->src_ifindex != y->src_ifindex &&
        (order = prefer(y->tunnelled, x->tunnelled)) != 0) /* 7: prefer native transport */
        return order;
    if (a->scope != b->scope) /* 8: prefer smaller scope */
        return a->scope < b->scope ? 1 : -1;
    bool x_is_v4 = ipaddr_is_v4(&x->dst) && !x->mapped, y_is_v4 = ipaddr_is_v4(&y->dst) && !y->mapped;
    if (x_is_v4 == y_is_v4 && a->common_bits != b->common_bits) /* 9: use longest matching prefix */
        return a->common_bits > b->common_bits ? 1 : -1;
    return 0; /* 10: otherwise leave the order unchanged */
}

/* Merges the sorted runs [from, middle) and [middle, to) of `in` to `out`. */
static void merge(const struct standing *in, struct standing *out, unsigned from, unsigned middle,
                  unsigned to)
{
    unsigned a = from, b = middle;

    for (unsigned i = from; i < to; i++) {
        bool take_a = a < middle && (b >= to || compare(&in[b], &in[a]) <= 0);
        out[i] = in[take_a ? a++ : b++];
    }
}

/* Sorts by merging runs of 1, 2, 4, ... from one array to the other. Returns the one that has the result. */
static struct standing *sort(struct standing *from, struct standing *to, unsigned n)
{
    for (unsigned run = 1; run < n; run *= 2) {
        for (unsigned at = 0; at < n; at += 2 * run) {
            unsigned middle = n - at > run ? at + run : n;
            merge(from, to, at, middle, n - middle > run ? middle + run : n);
        }
        struct standing *sorted = to;
        to = from;
        from = sorted;
    }
    return from;
}

int addrorder_sort(const struct addrorder_policy *policy, const struct addrorder_candidate *candidates,
                   unsigned n, unsigned *order)
{
    if (n > ADDRORDER_MAX)
        return -E2BIG;
    struct standing *standings = calloc(2 * (size_t)n + 1, sizeof(*standings));
    if (!standings)
        return -ENOMEM;
    for (unsigned i = 0; i < n; i++)
        standings[i] = standing_of(policy, &candidates[i], i);
    const struct standing *sorted = sort(standings, standings + n, n);
    for (unsigned i = 0; i < n; i++)
        order[i] = sorted[i].index;
    free(standings);
    return 0;
}
