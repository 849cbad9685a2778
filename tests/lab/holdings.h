/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LAB_HOLDINGS_H
#define LAB_HOLDINGS_H
/* What this process holds. */
#include <stdbool.h>
#include <stddef.h>

struct holdings {
    int descriptors, threads, children, mappings;
    size_t heap; /* bytes in use */
};

struct holdings holdings_now(void);
/* Have all descriptors, threads and children come back to `before` within ten seconds? What is held then. */
bool holdings_are_back(const struct holdings *before, struct holdings *ret_now);
/* Bytes of memory that are resident. */
size_t holdings_resident(void);
/* Is a sanitizer built in? It holds mappings and resident memory of its own. */
bool holdings_are_a_sanitizers(void);

#endif
