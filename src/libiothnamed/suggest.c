/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The nearest known word by edit distance, where to insert, drop or replace a letter and to exchange two
 * neighbours each count as one edit (the restricted Damerau-Levenshtein distance); letter case does not
 * count. A word is near if at most a third of its letters, and at least one, are edits. When nothing is near,
 * the known words themselves are the better help, as many as fit one glance.
 */
#include "libiothnamed/suggest.h"

#include <stdio.h>
#include <string.h>

void suggestion_init(struct suggestion *s, const char *word, size_t len)
{
    *s = (struct suggestion){.word = word, .len = len, .distance = (len < 3 ? 1 : len / 3) + 1};
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

static size_t min(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Both at most SUGGEST_WORD_MAX long. */
static size_t edit_distance(const char *a, size_t a_len, const char *b, size_t b_len)
{
    size_t d[SUGGEST_WORD_MAX + 1][SUGGEST_WORD_MAX + 1];

    for (size_t i = 0; i <= a_len; i++)
        d[i][0] = i;
    for (size_t j = 0; j <= b_len; j++)
        d[0][j] = j;
    for (size_t i = 1; i <= a_len; i++) {
        for (size_t j = 1; j <= b_len; j++) {
            size_t replace = d[i - 1][j - 1] + (lower(a[i - 1]) != lower(b[j - 1]));

            d[i][j] = min(replace, min(d[i - 1][j], d[i][j - 1]) + 1);
            if (i > 1 && j > 1 && lower(a[i - 1]) == lower(b[j - 2]) && lower(a[i - 2]) == lower(b[j - 1]))
                d[i][j] = min(d[i][j], d[i - 2][j - 2] + 1);
        }
    }
    return d[a_len][b_len];
}

static void list_word(struct suggestion *s, const char *known)
{
    static const char more[] = ", ...";
    size_t room = sizeof(s->list) - s->list_len;
    size_t len = strlen(known) + strlen(", ");

    if (room < sizeof(more)) /* it says so already */
        return;
    if (len + sizeof(more) > room) {
        strcpy(s->list + s->list_len, s->list_len > 0 ? more : more + strlen(", "));
        s->list_len = sizeof(s->list);
        return;
    }
    s->list_len += (size_t)sprintf(s->list + s->list_len, "%s%s", s->list_len > 0 ? ", " : "", known);
}

void suggestion_offer(struct suggestion *s, const char *known)
{
    size_t len = strlen(known);

    list_word(s, known);
    if (s->len > SUGGEST_WORD_MAX || len > SUGGEST_WORD_MAX)
        return;
    size_t distance = edit_distance(s->word, s->len, known, len);
    if (distance < s->distance) {
        s->distance = distance;
        s->nearest = known;
    }
}

const char *suggestion_text(const struct suggestion *s, char text[static SUGGESTION_TEXT_MAX])
{
    text[0] = '\0';
    if (s->nearest)
        snprintf(text, SUGGESTION_TEXT_MAX, ", did you mean '%s'?", s->nearest);
    else if (s->list_len > 0)
        snprintf(text, SUGGESTION_TEXT_MAX, ", expected one of %s", s->list);
    return text;
}
