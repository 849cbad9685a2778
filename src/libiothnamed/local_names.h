/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Names that mean something on the local network only and must not leak upstream (RFC 6303, RFC 6761 and its
 * registry). */
#ifndef IOTHNAMED_LOCAL_NAMES_H
#define IOTHNAMED_LOCAL_NAMES_H

#include "wire/dname.h"

/* The number of labels of the locally served zone that holds name (lower case), or 0: it is in none, or the
 * suffix of it with named_labels labels (the domain of a rule that speaks of it expressly) is within that
 * zone itself. */
unsigned local_names_zone(const uint8_t *name, unsigned named_labels);

#endif
