/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Scenarios: text that says what there is and what happens. A line is one thing; what follows `#` is a comment.
 *
 *   link NAME [FAULTS]                     a network; FAULTS: delay A..B, loss P%, duplication P%, corruption P%
 *   KIND NAME on LINK [address A,...] ...  a node; its words are in the head of node_KIND.c
 *       text                               indented lines below it: its configuration file
 *   at TIME VERB ...                       what happens, see verbs.c
 *   end TIME                               how long it lasts (1h)
 */
#ifndef WORLD_SCENARIO_H
#define WORLD_SCENARIO_H

#include "world.h"

enum { SCENARIO_WORDS_MAX = 48, SCENARIO_LINE_MAX = 1024 };

/* A line in words. */
struct scenario_line {
    unsigned number;
    unsigned n;
    char *words[SCENARIO_WORDS_MAX];
    char bytes[SCENARIO_LINE_MAX];
};

/* Fills an empty world. 0; -EINVAL and "LINE: what is wrong" in why. */
MUST_CHECK int scenario_read(struct world *w, const char *text, char why[static WORLD_WHY_MAX]);
/* Words from->n on that say faults. 0 or -EINVAL and why. */
MUST_CHECK int scenario_faults(const struct scenario_line *line, unsigned first, struct simlink_faults *ret,
                               char why[static WORLD_WHY_MAX]);

/* A thing that may happen at a time. */
struct verb {
    const char *word;
    const char *usage; /* what follows */
    unsigned least;    /* words that follow, at the least */
    /* Understands words 3 on of the line. 0 or -EINVAL and why. */
    int (*read)(struct world *w, const struct scenario_line *line, struct action *a,
                char why[static WORLD_WHY_MAX]);
    void (*act)(struct world *w, struct action *a);
    bool takes_text; /* indented lines below */
};

extern const struct verb verbs[]; /* the last has no word */

#endif
