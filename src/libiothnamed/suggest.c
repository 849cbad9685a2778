/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The nearest known word, if one is near. When nothing is, the known words themselves are the better help, as many as
 * fit one glance.
 */
#include "libiothnamed/suggest.h"

#include "base/edits.h"

#include <stdio.h>
#include <string.h>

void suggestion_init(struct suggestion *s, const char *word, size_t len)
{
    *s = (struct suggestion){.word = word, .len = len, .distance = edits_near(len) + 1};
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
    size_t distance = edits_between(s->word, s->len, known, strlen(known));

    list_word(s, known);
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
