/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a person probably meant by a misspelt word: the nearest of the words that are known. */
#ifndef IOTHNAMED_SUGGEST_H
#define IOTHNAMED_SUGGEST_H

#include <stdbool.h>
#include <stddef.h>

#define SUGGEST_LIST_MAX 160 /* characters of the list of known words: as much as is read in one glance */

struct suggestion {
    const char *word; /* the unknown one; not NUL-terminated */
    size_t len;
    const char *nearest;         /* the best of those offered so far that is near enough, or NULL */
    size_t distance;             /* of it; before: the first that is too far */
    char list[SUGGEST_LIST_MAX]; /* all that were offered, as far as they fit */
    size_t list_len;
};

void suggestion_init(struct suggestion *s, const char *word, size_t len);
/* A known word, NUL-terminated; it must live as long as s. Any letter case. */
void suggestion_offer(struct suggestion *s, const char *known);
/* The end of a sentence: ", did you mean 'x'?", else ", expected one of a, b, c", else "" if nothing was
 * offered. */
#define SUGGESTION_TEXT_MAX (SUGGEST_LIST_MAX + 32)
const char *suggestion_text(const struct suggestion *s, char text[static SUGGESTION_TEXT_MAX]);

#endif
