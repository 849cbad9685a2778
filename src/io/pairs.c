/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See pairs.h. A line ends where its value does, so that whoever writes a value of his own (a list, an object) writes its end
 * too; JSON needs none, since the comma comes before the next key.
 */
#include "io/pairs.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

void pairs_key(struct pairs *p, const char *key)
{
    if (p->json)
        text_printf(p->out, "%s\"%s\":", p->begun ? "," : "{", key);
    else
        text_printf(p->out, "%s ", key);
    p->begun = true;
}

void pairs_text(struct pairs *p, const char *key, const char *value)
{
    pairs_key(p, key);
    if (p->json)
        text_json(p->out, value);
    else
        text_printf(p->out, "%s\n", value);
}

void pairs_yes(struct pairs *p, const char *key, bool yes)
{
    pairs_text(p, key, yes ? "yes" : "no");
}

void pairs_number(struct pairs *p, const char *key, uint64_t value)
{
    pairs_key(p, key);
    text_printf(p->out, "%" PRIu64 "%s", value, p->json ? "" : "\n");
}

void pairs_time(struct pairs *p, const char *key, int64_t wall_s)
{
    time_t t = (time_t)wall_s;
    char text[32] = "?";
    struct tm tm;

    if (gmtime_r(&t, &tm))
        strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm);
    pairs_text(p, key, text);
}

void pairs_end(struct pairs *p)
{
    if (p->json)
        text_puts(p->out, p->begun ? "}\n" : "{}\n");
}
