/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See scenario.h. The text is read from the top, once; a name must have been said before it is used. Actions are sorted by their times
 * afterwards, those of one time stay in the order of the text.
 */
#include "scenario.h"

#include "words.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

struct reading {
    struct world *w;
    const char *at; /* the next line */
    unsigned number;
    struct scenario_line line;
    char *why;
};

/* --- lines --- */

PRINTF_LIKE(2, 3) static int fail(struct reading *r, const char *format, ...)
{
    char text[WORLD_WHY_MAX];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    snprintf(r->why, WORLD_WHY_MAX, "%u: %.480s", r->line.number, text);
    return -EINVAL;
}

/* The next line that says something. 1; 0: there is none; -EINVAL. */
static int next_line(struct reading *r)
{
    struct scenario_line *l = &r->line;

    for (l->n = 0; *r->at && l->n == 0;) {
        size_t len = strcspn(r->at, "\n"), said = strcspn(r->at, "#\n");
        l->number = ++r->number;
        if (said >= sizeof(l->bytes))
            return fail(r, "the line is too long");
        memcpy(l->bytes, r->at, said);
        l->bytes[said] = '\0';
        r->at += len + (r->at[len] != '\0');
        char *rest = NULL;
        for (char *word = strtok_r(l->bytes, " \t\r", &rest); word; word = strtok_r(NULL, " \t\r", &rest)) {
            if (l->n == SCENARIO_WORDS_MAX)
                return fail(r, "the line has too many words");
            l->words[l->n++] = word;
        }
    }
    return l->n > 0;
}

static bool is_indented(const char *line)
{
    size_t blank = strspn(line, " \t");

    return blank > 0 && line[blank] != '\0' && line[blank] != '\n';
}

/* The indented lines that follow, as they stand; to be freed. NULL: there are none. */
static char *take_text(struct reading *r)
{
    const char *begin = r->at;

    while (is_indented(r->at)) {
        size_t len = strcspn(r->at, "\n");
        r->at += len + (r->at[len] != '\0');
        r->number++;
    }
    if (r->at == begin)
        return NULL;
    char *text = strndup(begin, (size_t)(r->at - begin));
    if (!text)
        abort();
    return text;
}

/* --- links --- */

int scenario_faults(const struct scenario_line *line, unsigned first, struct simlink_faults *ret,
                    char why[static WORLD_WHY_MAX])
{
    for (unsigned i = first; i < line->n; i += 2) {
        const char *word = line->words[i], *value = i + 1 < line->n ? line->words[i + 1] : "";
        unsigned *share = strcmp(word, "loss") == 0          ? &ret->loss
                          : strcmp(word, "duplication") == 0 ? &ret->duplication
                          : strcmp(word, "corruption") == 0  ? &ret->corruption
                                                             : NULL;
        if (share && word_share(value, share) < 0)
            return word_is_no(value, "share, such as 5%", why);
        if (share)
            continue;
        char text[64];
        snprintf(text, sizeof(text), "%s", value);
        char *dots = strstr(text, "..");
        if (strcmp(word, "delay") != 0)
            return word_is_no(word, "fault of a link: delay, loss, duplication, corruption", why);
        if (dots)
            *dots = '\0';
        if (!dots || word_time(text, &ret->delay_min) < 0 || word_time(dots + 2, &ret->delay_max) < 0)
            return word_is_no(value, "pair of times, such as 1ms..20ms", why);
    }
    return 0;
}

static int read_link(struct reading *r)
{
    char why[WORLD_WHY_MAX];

    if (r->line.n < 2)
        return fail(r, "a link needs a name");
    if (world_link(r->w, r->line.words[1]))
        return fail(r, "there is a link '%s' already", r->line.words[1]);
    struct link *link = world_add_link(r->w, r->line.words[1]);
    if (!link)
        return fail(r, "there are too many links");
    if (scenario_faults(&r->line, 2, &link->calm, why) < 0)
        return fail(r, "%s", why);
    link->faults = link->calm;
    simlink_set_faults(link->sim, &link->faults);
    return 0;
}

/* --- nodes --- */

static int read_words(struct reading *r, struct node *n)
{
    char why[WORLD_WHY_MAX];
    unsigned i = 4;

    while (i < r->line.n) {
        const char *word = r->line.words[i], *value = i + 1 < r->line.n ? r->line.words[i + 1] : NULL;
        if (strcmp(word, "address") == 0) {
            int count = value ? word_addrs(value, n->addrs, WORLD_ADDRS_MAX) : -EINVAL;
            if (count < 0)
                return fail(r, "'%s' is no list of at most %d addresses", value ? value : "",
                            WORLD_ADDRS_MAX);
            n->n_addrs = (unsigned)count;
            i += 2;
            continue;
        }
        int taken = n->kind->option(n, word, value, why);
        if (taken < 0)
            return fail(r, "%s", why);
        i += taken == 1 ? 2 : 1;
    }
    return 0;
}

static int read_node(struct reading *r, const struct node_kind *kind)
{
    const struct scenario_line *l = &r->line;
    uint8_t wire[DNAME_MAX];
    char why[WORLD_WHY_MAX];

    if (l->n < 4 || strcmp(l->words[2], "on") != 0)
        return fail(r, "expected: %s NAME on LINK ...", kind->word);
    struct link *link = world_link(r->w, l->words[3]);
    if (!link)
        return fail(r, "there is no link '%s'", l->words[3]);
    if (dname_from_text(l->words[1], strlen(l->words[1]), wire) < 0 || strlen(l->words[1]) >= WORLD_NAME_MAX)
        return fail(r, "'%s' is no name", l->words[1]);
    if (world_node(r->w, l->words[1]))
        return fail(r, "there is a node '%s' already", l->words[1]);
    struct node *n = world_add_node(r->w, kind, l->words[1], link);
    if (!n)
        return fail(r, "there are too many nodes");
    if (read_words(r, n) < 0)
        return -EINVAL;
    char *text = kind->configure ? take_text(r) : NULL;
    int e = text ? kind->configure(n, text, why) : 0;
    free(text);
    return e < 0 ? fail(r, "%s", why) : 0;
}

/* --- what happens --- */

static int add_action(struct reading *r, struct action *a)
{
    struct world *w = r->w;
    struct action **actions = reallocarray(w->actions, w->n_actions + 1, sizeof(struct action *));

    if (!actions)
        abort();
    w->actions = actions;
    a->order = w->n_actions;
    w->actions[w->n_actions++] = a;
    return 0;
}

static int read_verb(struct reading *r, const struct verb *v, nsec_t at)
{
    struct action *a = calloc(1, sizeof(*a));
    char why[WORLD_WHY_MAX];

    if (!a)
        abort();
    a->at.deadline = at;
    a->line = r->line.number;
    a->act = v->act;
    if (r->line.n < 3 + v->least)
        snprintf(why, sizeof(why), "expected: at TIME %s %s", v->word, v->usage);
    if (r->line.n < 3 + v->least || v->read(r->w, &r->line, a, why) < 0) {
        free(a->text);
        free(a->more);
        free(a);
        return fail(r, "%s", why);
    }
    if (v->takes_text)
        a->text = take_text(r);
    return add_action(r, a);
}

static int read_action(struct reading *r)
{
    nsec_t at;

    if (r->line.n < 3)
        return fail(r, "expected: at TIME VERB ...");
    if (word_time(r->line.words[1], &at) < 0)
        return fail(r, "'%s' is no time, such as 30s or 1h30m", r->line.words[1]);
    for (const struct verb *v = verbs; v->word; v++)
        if (strcmp(v->word, r->line.words[2]) == 0)
            return read_verb(r, v, at);
    return fail(r, "nothing is known that is called '%s'", r->line.words[2]);
}

static int read_line(struct reading *r)
{
    const char *first = r->line.words[0];

    if (strcmp(first, "link") == 0)
        return read_link(r);
    if (strcmp(first, "at") == 0)
        return read_action(r);
    if (strcmp(first, "end") == 0)
        return r->line.n == 2 && word_time(r->line.words[1], &r->w->end) == 0 ? 0
                                                                              : fail(r, "expected: end TIME");
    for (unsigned i = 0; node_kinds[i]; i++)
        if (strcmp(node_kinds[i]->word, first) == 0)
            return read_node(r, node_kinds[i]);
    return fail(r, "'%s' begins no line: a kind of node, link, at or end does", first);
}

static int compare(const void *x, const void *y)
{
    const struct action *a = *(struct action *const *)x, *b = *(struct action *const *)y;

    if (a->at.deadline != b->at.deadline)
        return a->at.deadline < b->at.deadline ? -1 : 1;
    return a->order < b->order ? -1 : 1;
}

int scenario_read(struct world *w, const char *text, char why[static WORLD_WHY_MAX])
{
    struct reading r = {.w = w, .at = text, .why = why};
    int got;

    while ((got = next_line(&r)) > 0)
        if (read_line(&r) < 0)
            return -EINVAL;
    if (w->n_actions > 1)
        qsort(w->actions, w->n_actions, sizeof(struct action *), compare);
    return got;
}
