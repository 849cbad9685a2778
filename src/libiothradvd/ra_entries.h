/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The options of an advertisement with what time does to them: lifetimes that count down, prefixes of the interface's
 * own addresses, and what was withdrawn and is still to be contradicted.
 */
#ifndef IOTHRADVD_RA_ENTRIES_H
#define IOTHRADVD_RA_ENTRIES_H

#include "base/arena.h"
#include "libiothradvd/ra_settings.h"

/* What is withdrawn is contradicted no longer than this: a host that hears of it shortens the valid lifetime of a prefix
 * to two hours and no further (RFC 4862 s5.5.3 e), so by then the prefix is gone everywhere. */
#define RA_RETIRED_MAX_S 7200
/* Withdrawn options that are contradicted at once: more than a whole configuration. The oldest are left out. */
#define RA_RETIRED_MAX RA_OPTIONS_MAX
/* Prefixes of the interface's own addresses. An interface of a router has a few. */
#define RA_OWN_MAX     64
#define RA_ENTRIES_MAX (RA_OPTIONS_MAX + RA_OWN_MAX + RA_RETIRED_MAX)

/* A prefix of one of the interface's addresses, and until when that address is one (NSEC_NEVER: for ever). */
struct ra_own {
    struct ipaddr prefix;
    uint8_t bits;
    nsec_t valid_until, preferred_until;
};

struct ra_entry {
    struct nd_option option;             /* with the lifetimes of the settings */
    nsec_t valid_until, preferred_until; /* no lifetime goes beyond these; NSEC_NEVER */
    bool counts_down, retired;
};

struct ra_entries {
    struct arena arena; /* holds all that the entries point to */
    unsigned n;
    struct ra_entry *at;
};

/* Makes the entries of the settings. What `old` has (zero-initialised: nothing) and they have not becomes retired; of a
 * prefix that counts down already the count goes on. The settings are copied. 0 or -ENOMEM. */
MUST_CHECK int ra_entries_make(const struct ra_settings *s, const struct ra_own *own, unsigned n_own,
                               const struct ra_entries *old, nsec_t now, struct ra_entries *ret);
/* Gives an option copies of what it points to. False: out of memory. */
MUST_CHECK bool ra_take_over(struct arena *arena, struct nd_option *option);
void ra_entries_fini(struct ra_entries *e);

/* What the entry says now; final: as a router that ends. False: nothing any more. */
bool ra_entry_say(const struct ra_entry *e, nsec_t now, bool final, struct nd_option *ret);

#endif
