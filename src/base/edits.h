/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How far a misspelt word is from a known one: where to insert, drop or replace a letter and to exchange two neighbours
 * each count as one edit (the restricted Damerau-Levenshtein distance); letter case does not count.
 */
#ifndef BASE_EDITS_H
#define BASE_EDITS_H

#include <stddef.h>

/* Longer words are near to nothing: nobody misspells one into a keyword, and the distance costs their product. */
#define EDITS_WORD_MAX 32

/* Edits from a to b, of a_len and b_len bytes; SIZE_MAX if one of them is longer than EDITS_WORD_MAX. */
size_t edits_between(const char *a, size_t a_len, const char *b, size_t b_len);

/* The most edits that a word of len letters may be away and still be near: a third of its letters, and one at least. */
static inline size_t edits_near(size_t len)
{
    return len < 3 ? 1 : len / 3;
}

#endif
