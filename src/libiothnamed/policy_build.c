/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * From the rules of a configuration to the tree of names that policy.c walks.
 *
 * 1. The nets of each rule become a set; equal sets are stored once.
 * 2. Each rule is put down at the nodes of its domain, which are made together with their ancestors: at one
 * node for a name; at as many sibling nodes as it takes for a prefix that ends inside an octet (up to 128) or
 * a nibble (up to 8). What is put down has a reach: the node's own name, the names below it, or both. The
 * rules go from the last to the first, so that the chain of each node is in file order.
 * 3. From the root down (a node is always made after its parent), each node's two lists are its parent's list
 * for the names below, merged in file order with what was put down here. A node that adds nothing shares its
 * parent's list.
 * 4. Rules that differ in their domains alone are alike: in the lists that queries see the first of them stands
 * for all, and equal lists are stored once. So a hundred thousand names with a rule each have one list, which
 * is always in the processor's cache, and cost a node each and nothing more.
 * 5. The apex of a rule for the names below it comes last in the apex's list: somebody must answer for it,
 * but only when no rule does.
 *
 * A rule for the names of a file (DOMAIN_LIST) stands at the root and is in every list: whether the file has a
 * name is asked of the file's own index, by whoever goes through the rules.
 *
 * A rule that no client can reach in a list is left out of it: one whose nets are all among those of rules
 * before it that never pass. That is not for the few nanoseconds: with many rules for "." it keeps the lists
 * of names short.
 *
 * Only the building allocates; what it needs beside the policy is freed at its end, in builder_fini.
 */
#include "libiothnamed/policy_trie.h"

#include "base/arena.h"

#include "libiothnamed/intern.h"
#include "libiothnamed/source.h"

#include <errno.h>
#include <stdlib.h>

enum {
    WORD_BITS = 64,
    V4_BITS = 96,
    SLOTS_FIRST = 64,
    NODES_FIRST = 64,
    STANDS_FIRST = 64,
    SCRATCH_FIRST = 64
};

/* Which names a rule put down at a node speaks about. */
enum reach { REACH_NAME = 1, REACH_BELOW = 2, REACH_BOTH = REACH_NAME | REACH_BELOW };

struct stand {
    uint32_t rule;
    uint32_t next; /* at the same node, later in the file: its index + 1; 0: none */
    enum reach reach;
};

/* A placement while lists are made: which rule it is tells where it stands in the file. */
struct entry {
    uint32_t rule;
    uint8_t apex_labels;
    bool implicit_apex;
    uint16_t zero; /* entries are compared byte for byte */
};

/* All that the answers of a rule depend on, but for its nets' names. Compared byte for byte. */
struct kind {
    const struct source *source;
    const char *password;
    const struct config_key *key;
    uint32_t set, base, upstreams, zone, list, leases;
    uint16_t rcode, domain;
};

/* A node while it is made; slots have its number. */
struct draft {
    const uint8_t *name; /* in the configuration, or in builder->names */
    uint64_t hash;
    uint32_t parent;
    uint32_t stands; /* index + 1 */
    struct policy_list below_entries;
    struct policy_list exact, below; /* of the policy_node */
    uint32_t packed_at;
    uint8_t labels, name_len;
    bool is_parent;
};

struct builder {
    const struct config *config;
    const struct base_value *bases;
    struct policy *policy;
    unsigned words;
    struct intern sets;  /* of words */
    uint32_t *rule_sets; /* index of the first word, by rule */
    struct intern kinds;
    uint32_t *first_of; /* by kind: the first rule */
    uint32_t *alike;    /* by rule: the first one of its kind */
    uint32_t served, accepted, forwarded;
    struct draft *drafts;
    uint32_t n_nodes, nodes_size;
    struct arena names; /* reverse names of prefixes */
    struct stand *stands;
    uint32_t n_stands, stands_size;
    struct intern entries; /* lists of entries */
    struct intern lists;   /* of placements: what queries see */
    struct entry *scratch; /* the list being made */
    struct placement *seen;
    uint32_t scratch_size, seen_size;
    uint64_t *taken; /* nets that a rule before has answered */
};

/* Doubles an array of *size items, or makes it with `first`. *size is unchanged on failure. */
static void *grow(void *array, uint32_t *size, uint32_t first, size_t item_size)
{
    uint64_t wanted = *size ? (uint64_t)*size * 2 : first;

    if (wanted > UINT32_MAX)
        return NULL;
    void *grown = realloc(array, wanted * item_size);
    if (grown)
        *size = (uint32_t)wanted;
    return grown;
}

/* ---- sets of nets */

static void unite(uint64_t *into, const uint64_t *set, unsigned words)
{
    for (unsigned i = 0; i < words; i++)
        into[i] |= set[i];
}

static bool is_subset(const uint64_t *of_this, const uint64_t *set, unsigned words)
{
    for (unsigned i = 0; i < words; i++)
        if (set[i] & ~of_this[i])
            return false;
    return true;
}

static void rule_nets(const struct config_rule *rule, uint64_t *ret, unsigned words)
{
    memset(ret, 0, words * sizeof(*ret));
    for (unsigned i = 0; i < rule->n_nets; i++)
        ret[rule->nets[i] / WORD_BITS] |= UINT64_C(1) << rule->nets[i] % WORD_BITS;
}

static int build_sets(struct builder *b)
{
    unsigned words = b->words;
    uint64_t *scratch = calloc(words, 4 * sizeof(*scratch));
    int error = 0;

    if (!scratch)
        return -ENOMEM;
    uint64_t *served = scratch + words, *accepted = served + words, *forwarded = accepted + words;

    for (unsigned i = 0; i < b->config->n_rules && !error; i++) {
        const struct config_rule *rule = &b->config->rules[i];
        rule_nets(rule, scratch, words);
        if (rule->source->answer)
            unite(served, scratch, words);
        if (rule->source == &source_accept)
            unite(accepted, scratch, words);
        if (rule->source == &source_fwd)
            unite(forwarded, scratch, words);
        error = intern_run(&b->sets, scratch, words, &b->rule_sets[i]);
    }
    if (!error)
        error = intern_run(&b->sets, served, words, &b->served);
    if (!error)
        error = intern_run(&b->sets, accepted, words, &b->accepted);
    if (!error)
        error = intern_run(&b->sets, forwarded, words, &b->forwarded);
    free(scratch);
    return error;
}

static struct kind kind_of(const struct builder *b, uint32_t rule)
{
    const struct config_rule *r = &b->config->rules[rule];
    struct kind kind;

    memset(&kind, 0, sizeof(kind));
    kind.source = r->source;
    kind.password = r->password;
    kind.key = r->key;
    kind.set = b->rule_sets[rule];
    kind.base = r->base;
    kind.upstreams = r->upstreams;
    kind.zone = r->zone;
    kind.list = r->domain.list;
    kind.leases = r->leases;
    kind.rcode = r->rcode;
    kind.domain = (uint16_t)r->domain.kind;
    return kind;
}

/* Of each rule the first that is of its kind. */
static int find_alike(struct builder *b)
{
    for (uint32_t i = 0; i < b->config->n_rules; i++) {
        struct kind kind = kind_of(b, i);
        uint32_t number, known = b->kinds.n_items;
        if (intern_run(&b->kinds, &kind, 1, &number) < 0)
            return -ENOMEM;
        if (number == known)
            b->first_of[number] = i; /* there are no more kinds than rules */
        b->alike[i] = b->first_of[number];
    }
    return 0;
}

/* From here on they stay where they are. */
static void finish_sets(struct builder *b)
{
    struct policy *p = b->policy;

    p->sets = intern_finish(&b->sets);
    p->served = p->sets + b->served;
    p->accepted = p->sets + b->accepted;
    p->forwarded = p->sets + b->forwarded;
}

/* ---- nodes */

static void fill_slot(struct policy *p, uint32_t node, const struct draft *draft)
{
    uint32_t at = policy_home(p, draft->hash), tag = policy_tag(draft->hash, draft->name_len);

    for (; p->slots[at].node != POLICY_ROOT; at = (at + 1) & p->slots_mask)
        if ((p->slots[at].tag & ~(uint32_t)POLICY_PARENT) == tag)
            p->slots[at].tag |= POLICY_PARENT; /* look-ups see this slot first: it must not be the end */
    p->slots[at] = (struct policy_slot){.node = node, .tag = tag | (draft->is_parent ? POLICY_PARENT : 0)};
}

static void mark_parent(struct builder *b, uint32_t node)
{
    struct policy *p = b->policy;
    uint32_t at = policy_home(p, b->drafts[node].hash);

    if (node == POLICY_ROOT || b->drafts[node].is_parent)
        return;
    b->drafts[node].is_parent = true;
    while (p->slots[at].node != node)
        at = (at + 1) & p->slots_mask;
    p->slots[at].tag |= POLICY_PARENT;
}

static int resize_slots(struct builder *b, uint64_t n_slots)
{
    struct policy *p = b->policy;
    struct policy_slot *slots = n_slots <= UINT32_MAX ? calloc(n_slots, sizeof(*slots)) : NULL;

    if (!slots)
        return -ENOMEM;
    free(p->slots);
    p->slots = slots;
    p->slots_mask = (uint32_t)n_slots - 1;
    for (uint32_t node = POLICY_ROOT + 1; node < b->n_nodes; node++)
        fill_slot(p, node, &b->drafts[node]);
    return 0;
}

/* Room for a node more, and for its slot. */
static int reserve_node(struct builder *b)
{
    struct policy *p = b->policy;
    uint64_t n_slots = (uint64_t)p->slots_mask + 1;

    if (b->n_nodes == b->nodes_size) {
        struct draft *drafts = grow(b->drafts, &b->nodes_size, NODES_FIRST, sizeof(*drafts));
        if (!drafts)
            return -ENOMEM;
        b->drafts = drafts;
    }
    if (!p->slots)
        return resize_slots(b, SLOTS_FIRST);
    return (uint64_t)b->n_nodes * 3 > n_slots * 2 ? resize_slots(b, n_slots * 2) : 0;
}

/* A new node, without stands. draft->name stays. */
static int add_node(struct builder *b, const struct draft *draft)
{
    if (reserve_node(b) < 0)
        return -ENOMEM;
    b->drafts[b->n_nodes] = *draft;
    if (b->n_nodes != POLICY_ROOT) {
        fill_slot(b->policy, b->n_nodes, draft);
        mark_parent(b, draft->parent);
    }
    b->n_nodes++;
    return 0;
}

/* The node of the name, or POLICY_ROOT. */
static uint32_t find_node(const struct builder *b, const struct draft *wanted, const uint8_t *name)
{
    const struct policy *p = b->policy;
    uint32_t at = policy_home(p, wanted->hash);

    for (; p->slots && p->slots[at].node != POLICY_ROOT; at = (at + 1) & p->slots_mask) {
        const struct draft *d = &b->drafts[p->slots[at].node];
        if (d->hash == wanted->hash && d->name_len == wanted->name_len &&
            memcmp(d->name, name, wanted->name_len) == 0)
            return p->slots[at].node;
    }
    return POLICY_ROOT;
}

/* The node of a name, made with its ancestors if there is none. lasts: the bytes of the name outlive the
 * policy. */
static int node_of(struct builder *b, const uint8_t *name, bool lasts, uint32_t *ret)
{
    uint8_t offsets[DNAME_LABELS_MAX + 1];
    unsigned labels = dname_offsets(name, offsets);
    size_t len = offsets[labels] + 1u;
    struct draft draft = {.hash = name_hash_root(&b->policy->key), .parent = POLICY_ROOT};

    for (unsigned depth = 1; depth <= labels; depth++) {
        unsigned from = offsets[labels - depth];
        draft.hash = name_hash_down(draft.hash, name + from);
        draft.labels = (uint8_t)depth;
        draft.name_len = (uint8_t)(len - from);
        uint32_t node = find_node(b, &draft, name + from);
        if (node == POLICY_ROOT) {
            if (!lasts && !(name = arena_copy(&b->names, name, len)))
                return -ENOMEM;
            lasts = true;
            node = b->n_nodes;
            draft.name = name + from;
            if (add_node(b, &draft) < 0)
                return -ENOMEM;
        }
        draft.parent = node;
    }
    *ret = draft.parent;
    return 0;
}

/* ---- where rules stand */

static int put_down(struct builder *b, const uint8_t *name, bool lasts, uint32_t rule, enum reach reach)
{
    uint32_t node;

    if (node_of(b, name, lasts, &node) < 0)
        return -ENOMEM;
    struct draft *draft = &b->drafts[node];
    if (draft->stands && b->stands[draft->stands - 1].rule == rule)
        return 0; /* two addresses of its base have the same prefix */
    if (b->n_stands == b->stands_size) {
        struct stand *stands = grow(b->stands, &b->stands_size, STANDS_FIRST, sizeof(*stands));
        if (!stands)
            return -ENOMEM;
        b->stands = stands;
    }
    b->stands[b->n_stands] = (struct stand){.rule = rule, .next = draft->stands, .reach = reach};
    draft->stands = ++b->n_stands;
    return 0;
}

/* At each of the reverse names that make up the prefix together (RFC 1035 s3.5, RFC 3596 s2.5). */
static int put_down_reverse(struct builder *b, const struct ipaddr *addr, unsigned bits, uint32_t rule)
{
    struct ipaddr prefix = *addr;

    ipaddr_mask(&prefix, bits);
    unsigned step = bits >= V4_BITS && ipaddr_is_v4(&prefix) ? 8 : 4;
    unsigned border = (bits + step - 1) / step * step;
    for (unsigned i = 0; i < 1u << (border - bits); i++) {
        struct ipaddr sibling = prefix;
        uint8_t name[DNAME_MAX];
        if (border > 0)
            sibling.b[(border - 1) / 8] |= (uint8_t)(i << (8 - border % 8) % 8);
        dname_reverse(&sibling, border, name);
        if (put_down(b, name, false, rule, REACH_BOTH) < 0)
            return -ENOMEM;
    }
    return 0;
}

static int put_down_prefix(struct builder *b, const struct ipaddr *addr, unsigned bits, uint32_t rule)
{
    static const struct ipaddr all_v4 = {{[10] = 0xff, [11] = 0xff}};

    if (bits < V4_BITS && ipaddr_same_prefix(addr, &all_v4, bits) &&
        put_down_reverse(b, &all_v4, V4_BITS, rule) < 0)
        return -ENOMEM; /* as ::/0 holds IPv4 too */
    return put_down_reverse(b, addr, bits, rule);
}

static int put_down_bases(struct builder *b, const struct config_domain *domain, uint32_t rule)
{
    const struct base_value *base = &b->bases[domain->base];

    for (unsigned i = 0; base->known && i < base->count; i++)
        if (put_down_prefix(b, &base->addrs[i], domain->bits, rule) < 0)
            return -ENOMEM;
    return 0;
}

static bool is_root(const uint8_t *name)
{
    return name[0] == 0;
}

static const uint8_t root_name[1];

static int put_down_rule(struct builder *b, uint32_t rule)
{
    const struct config_domain *domain = &b->config->rules[rule].domain;

    switch (domain->kind) {
    case DOMAIN_NAME:
        return put_down(b, domain->name.wire, true, rule, REACH_NAME);
    case DOMAIN_BELOW:
        return put_down(b, domain->name.wire, true, rule,
                        is_root(domain->name.wire) ? REACH_BOTH : REACH_BELOW);
    case DOMAIN_TREE:
        return put_down(b, domain->name.wire, true, rule, REACH_BOTH);
    case DOMAIN_PREFIX:
        return put_down_prefix(b, &domain->addr, domain->bits, rule);
    case DOMAIN_BASE_PREFIX:
        return put_down_bases(b, domain, rule);
    case DOMAIN_LIST: /* may hold any name; whether it does is looked up when its turn comes */
        return put_down(b, root_name, true, rule, REACH_BOTH);
    case DOMAIN_NONE:
        break;
    }
    return 0;
}

static int put_down_rules(struct builder *b)
{
    struct draft root = {
        .hash = name_hash_root(&b->policy->key), .name = root_name, .name_len = sizeof(root_name)};

    if (add_node(b, &root) < 0)
        return -ENOMEM;
    for (uint32_t rule = b->config->n_rules; rule-- > 0;)
        if (b->config->rules[rule].source->answer && put_down_rule(b, rule) < 0)
            return -ENOMEM;
    return 0;
}

/* ---- lists */

/* Room for an entry more. */
static int reserve_scratch(struct builder *b, uint32_t n)
{
    if (n < b->scratch_size)
        return 0;
    struct entry *scratch = grow(b->scratch, &b->scratch_size, SCRATCH_FIRST, sizeof(*scratch));
    if (!scratch)
        return -ENOMEM;
    b->scratch = scratch;
    return 0;
}

/* Appends an entry to the list being made, unless rules before it that never pass have taken all its nets. An
 * implicit apex stays: it tells those rules that their name is one. */
static int append(struct builder *b, uint32_t *n, const struct entry *entry)
{
    const struct config_rule *rule = &b->config->rules[entry->rule];
    const uint64_t *nets = b->policy->sets + b->rule_sets[entry->rule];

    if (!entry->implicit_apex && is_subset(b->taken, nets, b->words))
        return 0;
    if (reserve_scratch(b, *n) < 0)
        return -ENOMEM;
    b->scratch[(*n)++] = *entry;
    if (rule->source->final && !entry->implicit_apex && rule->domain.kind != DOMAIN_LIST)
        unite(b->taken, nets, b->words);
    return 0;
}

static int append_stand(struct builder *b, uint32_t *n, uint32_t node, const struct stand *stand,
                        bool implicit_apex)
{
    const struct entry entry = {
        .rule = stand->rule, .apex_labels = b->drafts[node].labels, .implicit_apex = implicit_apex};

    return append(b, n, &entry);
}

/* The next stand of a chain that reaches there; 0 at its end. */
static uint32_t next_stand(const struct builder *b, uint32_t stand, enum reach reach)
{
    while (stand && !(b->stands[stand - 1].reach & reach))
        stand = b->stands[stand - 1].next;
    return stand;
}

/* `inherited` and those of the node's stands that reach there, in file order. */
static int merge(struct builder *b, uint32_t node, struct policy_list inherited, enum reach reach,
                 uint32_t *n)
{
    uint32_t stand = next_stand(b, b->drafts[node].stands, reach);
    uint32_t i = 0;

    while (i < inherited.count || stand) {
        const struct entry *entries = (const struct entry *)(const void *)b->entries.items;
        const struct entry *from = i < inherited.count ? entries + inherited.first + i : NULL;
        int error;
        if (from && (!stand || from->rule < b->stands[stand - 1].rule)) {
            error = append(b, n, from);
            i++;
        } else {
            error = append_stand(b, n, node, &b->stands[stand - 1], false);
            stand = next_stand(b, b->stands[stand - 1].next, reach);
        }
        if (error)
            return error;
    }
    return 0;
}

/* The apex of the node's rules for the names below it. */
static int append_apexes(struct builder *b, uint32_t node, uint32_t *n)
{
    for (uint32_t s = b->drafts[node].stands; s; s = b->stands[s - 1].next) {
        const struct stand *stand = &b->stands[s - 1];
        if (stand->reach == REACH_BELOW && b->config->rules[stand->rule].source->apex &&
            append_stand(b, n, node, stand, true) < 0)
            return -ENOMEM;
    }
    return 0;
}

/* The n entries of `scratch` as queries see them. */
static int finish_list(struct builder *b, uint32_t n, struct policy_list *ret)
{
    uint32_t first = 0;

    while (b->seen_size < n) {
        struct placement *seen = grow(b->seen, &b->seen_size, SCRATCH_FIRST, sizeof(*seen));
        if (!seen)
            return -ENOMEM;
        b->seen = seen;
    }
    if (n > 0)
        memset(b->seen, 0, n * sizeof(*b->seen)); /* lists are compared byte for byte, padding too */
    for (uint32_t i = 0; i < n; i++) {
        const struct entry *e = &b->scratch[i];
        b->seen[i].rule = &b->config->rules[b->alike[e->rule]];
        b->seen[i].nets = b->policy->sets + b->rule_sets[e->rule];
        b->seen[i].apex_labels = e->apex_labels;
        b->seen[i].implicit_apex = e->implicit_apex;
    }
    if (n > 0 && intern_run(&b->lists, b->seen, n, &first) < 0)
        return -ENOMEM;
    *ret = (struct policy_list){.first = first, .count = n};
    return 0;
}

/* ret_draft: where its entries are; NULL: nobody asks for them. */
static int build_list(struct builder *b, uint32_t node, struct policy_list inherited, enum reach reach,
                      struct policy_list *ret, struct policy_list *ret_draft)
{
    uint32_t n = 0, first = 0;

    memset(b->taken, 0, b->words * sizeof(*b->taken));
    if (merge(b, node, inherited, reach, &n) < 0)
        return -ENOMEM;
    if (reach == REACH_NAME && append_apexes(b, node, &n) < 0)
        return -ENOMEM;
    if (ret_draft && n > 0 && intern_run(&b->entries, b->scratch, n, &first) < 0)
        return -ENOMEM;
    if (ret_draft)
        *ret_draft = (struct policy_list){.first = first, .count = n};
    return finish_list(b, n, ret);
}

static int build_lists(struct builder *b)
{
    for (uint32_t i = POLICY_ROOT; i < b->n_nodes; i++) {
        struct draft *node = &b->drafts[i];
        if (i != POLICY_ROOT) {
            node->exact = node->below = b->drafts[node->parent].below;
            node->below_entries = b->drafts[node->parent].below_entries;
        }
        struct policy_list inherited = node->below_entries;
        if (node->stands == 0)
            continue;
        if (build_list(b, i, inherited, REACH_NAME, &node->exact, NULL) < 0 ||
            build_list(b, i, inherited, REACH_BELOW, &node->below, &node->below_entries) < 0)
            return -ENOMEM;
    }
    b->policy->placements = intern_finish(&b->lists);
    return 0;
}

/* ---- nodes as look-ups find them */

/* In units of POLICY_NODE_ALIGN. */
static uint32_t packed_size(const struct draft *d)
{
    return (uint32_t)((sizeof(struct policy_node) + d->name_len + POLICY_NODE_ALIGN - 1) / POLICY_NODE_ALIGN);
}

/* Packs the nodes, names and all, one behind the other, and tells the slots where they are. */
static int pack_nodes(struct builder *b)
{
    struct policy *p = b->policy;
    uint64_t units = 0;

    for (uint32_t i = 0; i < b->n_nodes; i++)
        units += packed_size(&b->drafts[i]);
    p->nodes = units <= UINT32_MAX ? malloc(units * POLICY_NODE_ALIGN) : NULL;
    if (!p->nodes)
        return -ENOMEM;
    uint32_t at = 0;
    for (uint32_t i = 0; i < b->n_nodes; i++) {
        struct draft *d = &b->drafts[i];
        struct policy_node *node = (struct policy_node *)(void *)(p->nodes + (size_t)at * POLICY_NODE_ALIGN);
        node->exact = d->exact;
        node->below = d->below;
        memcpy(node->name, d->name, d->name_len);
        d->packed_at = at;
        at += packed_size(d);
    }
    for (uint64_t i = 0; p->slots && i <= p->slots_mask; i++)
        p->slots[i].node = b->drafts[p->slots[i].node].packed_at;
    return 0;
}

/* ---- all of it */

static int builder_init(struct builder *b, const struct config *config, const struct base_value *bases,
                        unsigned words)
{
    *b = (struct builder){.config = config, .bases = bases, .words = words};
    b->sets.item_size = sizeof(uint64_t);
    b->kinds.item_size = sizeof(struct kind);
    b->entries.item_size = sizeof(struct entry);
    b->lists.item_size = sizeof(struct placement);
    b->policy = calloc(1, sizeof(*b->policy));
    b->rule_sets = calloc((size_t)config->n_rules + 1, sizeof(*b->rule_sets));
    b->first_of = calloc((size_t)config->n_rules + 1, sizeof(*b->first_of));
    b->alike = calloc((size_t)config->n_rules + 1, sizeof(*b->alike));
    b->taken = calloc(words, sizeof(*b->taken));
    return b->policy && b->rule_sets && b->first_of && b->alike && b->taken ? 0 : -ENOMEM;
}

/* All but the policy. */
static void builder_fini(struct builder *b)
{
    intern_fini(&b->sets);
    intern_fini(&b->kinds);
    intern_fini(&b->entries);
    intern_fini(&b->lists);
    free(b->rule_sets);
    free(b->first_of);
    free(b->alike);
    arena_fini(&b->names);
    free(b->drafts);
    free(b->stands);
    free(b->scratch);
    free(b->seen);
    free(b->taken);
}

int policy_build(const struct config *config, const struct base_value *bases, const struct nets *nets,
                 const struct siphash_key *key, struct policy **ret)
{
    struct builder b;
    int error = builder_init(&b, config, bases, nets_words(nets));

    if (!error) {
        b.policy->key = *key;
        error = build_sets(&b);
    }
    if (!error)
        error = find_alike(&b);
    if (!error) {
        finish_sets(&b);
        error = put_down_rules(&b);
    }
    if (!error)
        error = build_lists(&b);
    if (!error)
        error = pack_nodes(&b);
    builder_fini(&b);
    if (error) {
        policy_free(b.policy);
        return error;
    }
    *ret = b.policy;
    return 0;
}
