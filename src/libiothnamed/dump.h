/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The answer cache and the reverse table as text, a record a line, made piece by piece: what is dumped may be larger
 * than what there is memory for. */
#ifndef IOTHNAMED_DUMP_H
#define IOTHNAMED_DUMP_H

#include "io/text.h"
#include "libiothnamed/snapshot.h"

struct dump;

/* Of that snapshot's stores; a reference is taken. NULL: out of memory. */
struct dump *dump_new(struct snapshot *snap, bool cache, bool hrev);
void dump_free(struct dump *d); /* NULL: nothing */
/* Appends a piece of about DUMP_PIECE bytes. False: the last one. */
bool dump_piece(struct dump *d, nsec_t now, struct text *out);
#define DUMP_PIECE (16 << 10)

#endif
