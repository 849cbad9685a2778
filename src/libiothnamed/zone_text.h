/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The text of a zone file (RFC 1035 s5) into a store that is being made. Opens nothing itself. */
#ifndef IOTHNAMED_ZONE_TEXT_H
#define IOTHNAMED_ZONE_TEXT_H

#include "libiothnamed/zone_build.h"

/* Files that include each other, one within the other: more are a circle. */
#define ZONE_INCLUDES_MAX 16

/* Text of a file that is included; the reader frees it by free(). */
struct zone_include {
    uint16_t file; /* number of it, for messages */
    char *text;
    size_t len;
};

struct zone_text {
    struct zone_builder *builder;
    const uint8_t *apex; /* lower case, wire form; where the names of the file begin */
    zone_report *report; /* of what is wrong */
    /* Opens a file that the file with that number includes at that line. 0; -ENOMEM; -EINVAL: it has been reported why
     * not. NULL: nothing can be included. */
    int (*include)(void *arg, uint16_t from, uint32_t line, const char *path, struct zone_include *ret);
    void *arg;
    unsigned errors; /* counted */
};

/* Reads a whole file with that number. 0, whatever was reported, or -ENOMEM. */
MUST_CHECK int zone_text_read(struct zone_text *t, uint16_t file, const char *text, size_t len);

#endif
