/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Which rules speak about a name. The tree of names is kept as one hash table of all the names in it, from
 * the hash of a name to its node; a name's hash continues that of its parent, so the hashes of all suffixes
 * of a question fall out of one walk over it from the right. A node says which rules match its name and which
 * match the names below it that have no node of their own; both lists are complete, merged by policy_build.c,
 * so a look-up ends at one node.
 *
 * A look-up, step by step:
 * 1. down from the root, a label at a time, as long as the table may have the name so far. Every ancestor of
 * a node is a node, so the first miss is the end, or a node without others below it. Only slots are read, 8
 * bytes each: a tag of 23 bits of the hash and the length. The next hash does not wait for the slot, so the
 * processor looks ahead.
 * 2. at the end the node's name is compared in full. In the rare case that only its tag was the same, the
 * next shorter suffix is tried.
 * 3. the whole name has a node: its list; else that for the names below the deepest node.
 *
 * So the cost grows with the labels of the name, at most 127, and not with the number of rules. Nothing is
 * allocated and nothing written: any number of threads may look up in one policy.
 */
#include "libiothnamed/policy_trie.h"

#include <stdlib.h>

/* The deepest node that is the name or an ancestor of it; *ret_depth: how many labels its name has. */
static const struct policy_node *deepest_node(const struct policy *p, const uint8_t *name,
                                              const uint8_t *offsets, unsigned labels, unsigned *ret_depth)
{
    uint64_t hashes[DNAME_LABELS_MAX + 1];
    size_t len = offsets[labels] + 1u;
    unsigned depth = 0;

    hashes[0] = name_hash_root(&p->key);
    for (uint32_t tag = POLICY_PARENT; depth < labels && tag & POLICY_PARENT; depth++) {
        unsigned from = offsets[labels - depth - 1];
        hashes[depth + 1] = name_hash_down(hashes[depth], name + from);
        tag = policy_find_tag(p, hashes[depth + 1], len - from);
        if (!tag)
            break;
    }
    for (; depth > 0; depth--) {
        unsigned from = offsets[labels - depth];
        uint32_t node = policy_node_of(p, hashes[depth], name + from, len - from);
        if (node != POLICY_ROOT) {
            *ret_depth = depth;
            return policy_node_at(p, node);
        }
    }
    *ret_depth = 0;
    return policy_node_at(p, POLICY_ROOT);
}

struct placements policy_find(const struct policy *p, const uint8_t *name)
{
    uint8_t offsets[DNAME_LABELS_MAX + 1];
    unsigned labels = dname_offsets(name, offsets), depth;
    const struct policy_node *node = deepest_node(p, name, offsets, labels, &depth);
    struct policy_list list = depth == labels ? node->exact : node->below;

    return (struct placements){.list = p->placements + list.first, .count = list.count};
}

netset policy_served(const struct policy *p)
{
    return p->served;
}

netset policy_accepted(const struct policy *p)
{
    return p->accepted;
}

netset policy_forwarded(const struct policy *p)
{
    return p->forwarded;
}

void policy_free(struct policy *p)
{
    if (!p)
        return;
    free(p->slots);
    free(p->nodes);
    free(p->placements);
    free(p->sets);
    free(p);
}
