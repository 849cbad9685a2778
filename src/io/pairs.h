/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Keys and values as the control socket tells them: "key value" lines for people, or one JSON object for programs. The object
 * begins with the first key and ends with pairs_end. Keys are words with underscores between.
 */
#ifndef IO_PAIRS_H
#define IO_PAIRS_H

#include "io/text.h"

struct pairs {
    struct text *out;
    bool json;
    bool begun; /* its own: false at first */
};

void pairs_key(struct pairs *p, const char *key); /* the value is written to p->out then */
void pairs_text(struct pairs *p, const char *key, const char *value);
void pairs_yes(struct pairs *p, const char *key, bool yes); /* "yes" or "no" */
void pairs_number(struct pairs *p, const char *key, uint64_t value);
void pairs_time(struct pairs *p, const char *key, int64_t wall_s); /* 2026-11-22T12:00:00Z */
void pairs_end(struct pairs *p);

#endif
