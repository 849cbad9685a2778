/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The standard world and the large one: scenarios that a seed writes. */
#ifndef WORLD_STANDARD_H
#define WORLD_STANDARD_H

#include "world.h"

struct standard_size {
    const char *name;
    unsigned hosts, routers, dhcp6, named;
    nsec_t faults_until; /* the last fault is over by then */
    nsec_t well_at;      /* and all is well from then on */
    nsec_t end;
    nsec_t fault_every; /* on the average */
};

extern const struct standard_size standard_world, large_world;

/* The scenario of a seed, to be freed; NULL: no memory. */
char *standard_text(const struct standard_size *size, uint64_t seed);

#endif
