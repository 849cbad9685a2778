/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See ra_core.h. This file hears what other routers of the link say, and compares (RFC 4861 s6.2.7): hosts take the last
 * word that they hear, so routers that contradict each other make them change to and fro.
 *
 * Compared is what both of us say. Lifetimes that count down differ by the time that a message takes, so of those a few
 * seconds do not count; which ones count down at the other router nobody tells, so all are treated alike.
 *
 * Each difference gives one remark when it begins; a router that has come to agree can differ anew. What a flood of
 * made-up routers would say beyond RA_REMARKS_MAX is counted, not remarked. Not every difference is a fault, and no
 * router can know which of the two is: what to do is for people.
 */
#include "libiothradvd/ra_state.h"

#include <string.h>

enum { SLACK_S = 5 };

static void remark(struct ra_core *ra, const struct ra_event *event)
{
    const nsec_t most = RA_REMARKS_MAX * NSEC_PER_SEC;
    ra->remarks_allowance += ra->now - ra->remarks_at;
    ra->remarks_at = ra->now;
    if (ra->remarks_allowance > most)
        ra->remarks_allowance = most;
    if (ra->remarks_allowance < NSEC_PER_SEC || ra->n_remarks == RA_REMARKS_MAX)
        return;
    ra->remarks_allowance -= NSEC_PER_SEC;
    ra->remarks[ra->n_remarks++] = *event;
}

/* The row of a router, made if it is new; the one silent longest makes room. */
static struct ra_router *row_of(struct ra_core *ra, const struct ipaddr *addr)
{
    struct ra_router *row = ra->routers;
    for (unsigned i = 0; i < ra->n_routers; i++) {
        if (ipaddr_equal(&ra->routers[i].addr, addr))
            return &ra->routers[i];
        if (ra->routers[i].heard < row->heard)
            row = &ra->routers[i];
    }
    if (ra->n_routers < RA_ROUTERS_MAX)
        row = &ra->routers[ra->n_routers++];
    *row = (struct ra_router){.addr = *addr};
    remark(ra, &(struct ra_event){.kind = RA_NEW_ROUTER, .from = *addr});
    return row;
}

/* What one advertisement is compared with. */
struct comparison {
    struct ra_core *ra;
    const struct ra_router *row; /* as it was before */
    uint32_t differs;
    struct ipaddr prefix;
    uint8_t bits;
};

static void note(struct comparison *c, enum ra_difference what, uint64_t theirs, uint64_t ours)
{
    uint32_t bit = UINT32_C(1) << what;
    if (!(c->row->differs & bit) && !(c->differs & bit))
        remark(c->ra, &(struct ra_event){.kind = RA_DIFFERENT,
                                         .from = c->row->addr,
                                         .what = what,
                                         .theirs = theirs,
                                         .ours = ours,
                                         .prefix = c->prefix,
                                         .bits = c->bits});
    c->differs |= bit;
}

/* Of values for which 0 says nothing. */
static void compare_said(struct comparison *c, enum ra_difference what, uint64_t theirs, uint64_t ours)
{
    if (theirs != 0 && ours != 0 && theirs != ours)
        note(c, what, theirs, ours);
}

static void compare_head(struct comparison *c, const struct nd_router *theirs)
{
    const struct nd_router *ours = &c->ra->settings.router;
    uint8_t differ = theirs->flags ^ ours->flags;
    compare_said(c, RA_DIFFERS_HOP_LIMIT, theirs->hop_limit, ours->hop_limit);
    if (differ & ND_RA_MANAGED)
        note(c, RA_DIFFERS_MANAGED, !!(theirs->flags & ND_RA_MANAGED), !!(ours->flags & ND_RA_MANAGED));
    if (differ & ND_RA_OTHER)
        note(c, RA_DIFFERS_OTHER, !!(theirs->flags & ND_RA_OTHER), !!(ours->flags & ND_RA_OTHER));
    compare_said(c, RA_DIFFERS_REACHABLE, theirs->reachable_ms, ours->reachable_ms);
    compare_said(c, RA_DIFFERS_RETRANS, theirs->retrans_ms, ours->retrans_ms);
}

static void compare_lifetime(struct comparison *c, enum ra_difference what, uint32_t theirs, uint32_t ours)
{
    uint32_t apart = theirs > ours ? theirs - ours : ours - theirs;
    if (apart > SLACK_S)
        note(c, what, theirs, ours);
}

static void compare_prefix(struct comparison *c, const struct nd_prefix *theirs)
{
    for (unsigned i = 0; i < c->ra->entries.n; i++) {
        struct nd_option ours;
        const struct ra_entry *entry = &c->ra->entries.at[i];
        if (entry->option.type != ND_PREFIX || entry->option.prefix.bits != theirs->bits ||
            !ipaddr_same_prefix(&entry->option.prefix.prefix, &theirs->prefix, theirs->bits) ||
            !ra_entry_say(entry, c->ra->now, false, &ours))
            continue;
        c->prefix = theirs->prefix;
        c->bits = theirs->bits;
        compare_lifetime(c, RA_DIFFERS_VALID, theirs->valid_s, ours.prefix.valid_s);
        compare_lifetime(c, RA_DIFFERS_PREFERRED, theirs->preferred_s, ours.prefix.preferred_s);
        c->prefix = (struct ipaddr){0};
        c->bits = 0;
        return;
    }
}

void ra_listen(struct ra_core *ra, const struct nd_message *msg, const struct ipaddr *from)
{
    struct ra_router *row = row_of(ra, from);
    struct comparison c = {.ra = ra, .row = row};
    struct reader options = msg->options;
    struct nd_option option;

    ra->stats.advertisements++;
    compare_head(&c, &msg->router);
    while (nd_next_option(&options, &option)) {
        if (option.type == ND_MTU)
            compare_said(&c, RA_DIFFERS_MTU, option.mtu, ra->settings.mtu);
        else if (option.type == ND_PREFIX)
            compare_prefix(&c, &option.prefix);
    }
    ra->stats.inconsistent += c.differs != 0;
    row->differs = c.differs;
    row->heard = ra->now;
    row->lifetime_s = msg->router.lifetime_s;
    row->messages++;
}

const char *ra_difference_name(enum ra_difference what)
{
    static const char *const names[RA_DIFFERENCES] = {
        [RA_DIFFERS_HOP_LIMIT] = "hoplimit",   [RA_DIFFERS_MANAGED] = "flag M",
        [RA_DIFFERS_OTHER] = "flag O",         [RA_DIFFERS_REACHABLE] = "reachable",
        [RA_DIFFERS_RETRANS] = "retransmit",   [RA_DIFFERS_MTU] = "mtu",
        [RA_DIFFERS_VALID] = "valid lifetime", [RA_DIFFERS_PREFERRED] = "preferred lifetime",
    };
    return what < RA_DIFFERENCES ? names[what] : "?";
}
