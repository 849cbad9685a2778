/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A link with a virtual clock, for cores that are pure: what is sent arrives later, twice, changed or never, as chance
 * says; chance follows from a seed alone, so a run can be played again. The link knows nobody: the test says who hears a
 * message, and calls the core of whom it is for.
 *
 *   while ((at = least(simlink_due(link), deadlines of the cores)) < end) { now = at; deliver; time out; send }
 */
#ifndef LAB_SIMLINK_H
#define LAB_SIMLINK_H

#include "base/base.h"

#include <stdbool.h>

/* What happens to a message, by chance. Shares are in 1/1000. */
struct simlink_faults {
    unsigned loss, duplication, corruption; /* corruption: some bytes of it change, or it is cut */
    nsec_t delay_min, delay_max; /* evenly between them: those of different length overtake one another */
};

struct simlink_message {
    nsec_t at;   /* when it arrives */
    unsigned to; /* what the test gave: for whom */
    unsigned from;
    size_t len;
    uint8_t bytes[]; /* the test's own header and the packet */
};

struct simlink;

/* NULL: no memory. */
struct simlink *simlink_new(uint64_t seed);
void simlink_free(struct simlink *link);
/* From now on; all zero: a perfect link. */
void simlink_set_faults(struct simlink *link, const struct simlink_faults *faults);
/* Puts a copy on its way (two parts, one behind the other, so that a header of the test's own stays whole: only the second
 * is ever corrupted). */
void simlink_send(struct simlink *link, nsec_t now, unsigned from, unsigned to, const void *head,
                  size_t head_len, const void *bytes, size_t len);
/* When the next one arrives; NSEC_NEVER. */
nsec_t simlink_due(const struct simlink *link);
/* The next one that has arrived by `now`, to be freed; NULL: none. */
struct simlink_message *simlink_take(struct simlink *link, nsec_t now);
/* What else goes by chance in a test. */
uint64_t simlink_random(struct simlink *link);
/* For client_env.random and the like; arg: the link. */
void simlink_random_bytes(void *arg, void *bytes, size_t len);

#endif
