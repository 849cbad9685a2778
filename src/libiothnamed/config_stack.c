/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * stack, rstack, fstack: the rest of the line is a piece of a configuration string for ioth_newstackc,
 * further lines continue it. The pieces of each directive are joined by commas, those at their own ends taken
 * off, and the whole is checked at the end by the library that will read it; the offset that it reports is
 * led back to the line and column of the piece where it fell.
 *
 * The pieces may be quoted as a whole; quotes inside them belong to the language of the string.
 */
#include "io/rc_stack.h"
#include "libiothconf/open/open_stack.h"
#include "libiothnamed/config_build.h"

#include <iothconf.h>
#include <errno.h>
#include <string.h>

static const char *const stack_keywords[] = {
    [STACK_BOTH] = "stack",
    [STACK_REQUESTS] = "rstack",
    [STACK_FORWARDING] = "fstack",
};

static bool is_joint(char c)
{
    return c == ',' || c == ' ' || c == '\t';
}

static struct piece without_joints(struct piece p)
{
    while (p.len > 0 && is_joint(p.text[0]))
        p = piece_part(p, 1, p.len - 1);
    while (p.len > 0 && is_joint(p.text[p.len - 1]))
        p.len--;
    return p;
}

/* Appends bytes to the text, NUL-terminated. */
static bool append(struct builder *b, struct stack_text *s, const char *bytes, size_t len)
{
    if (s->len + len >= s->size) {
        size_t size = (s->len + len + 1) * 2;
        char *larger = arena_alloc(&b->scratch, size);
        if (!got_memory(b, larger))
            return false;
        if (s->len > 0)
            memcpy(larger, s->text, s->len);
        s->text = larger;
        s->size = size;
    }
    memcpy(s->text + s->len, bytes, len);
    s->len += len;
    s->text[s->len] = '\0';
    return true;
}

static void read_stack(struct builder *b, const struct line *line, enum stack_use use)
{
    struct stack_text *s = &b->stacks[use];

    if (line->n_words < 2) {
        diag_error(b->diags, line->end,
                   "the line ends too early, expected '%s STRING' such as stack=vdestack,vnl=vde://",
                   stack_keywords[use]);
        return;
    }
    struct piece p = line_rest(line, 1);
    if (line->n_words == 2 && line->words[1].quote) {
        p = line->words[1].value;
        p.text = plain_text(b, &line->words[1]);
        if (!p.text)
            return;
        p.len = strlen(p.text);
    }
    p = without_joints(p);
    if (p.len == 0) {
        diag_error(b->diags, p.at, "nothing but commas and blanks, expected '%s STRING'",
                   stack_keywords[use]);
        return;
    }
    struct stack_part *parts = array_more(&b->scratch, s->parts, s->n_parts, sizeof(*parts));
    if (!got_memory(b, parts) || (s->n_parts > 0 && !append(b, s, ",", 1)))
        return;
    s->parts = parts;
    parts[s->n_parts++] = (struct stack_part){.offset = s->len, .at = p.at};
    append(b, s, p.text, p.len);
}

void directive_stack(struct builder *b, const struct line *line)
{
    read_stack(b, line, STACK_BOTH);
}

void directive_rstack(struct builder *b, const struct line *line)
{
    read_stack(b, line, STACK_REQUESTS);
}

void directive_fstack(struct builder *b, const struct line *line)
{
    read_stack(b, line, STACK_FORWARDING);
}

/* The place of an offset in the joined text. */
static struct place place_of(const struct stack_text *s, size_t offset)
{
    unsigned i = s->n_parts - 1;

    while (i > 0 && s->parts[i].offset > offset)
        i--;
    return place_right(s->parts[i].at, offset - s->parts[i].offset);
}

static bool check_stack(struct builder *b, enum stack_use use)
{
    const struct stack_text *s = &b->stacks[use];
    char what[256];
    size_t offset = 0;

    if (ioth_config_check(s->text, &offset, what, sizeof(what)) < 0) {
        if (errno == ENOMEM)
            b->out_of_memory = true;
        else
            diag_error(b->diags, place_of(s, offset), "%s", what);
        return false;
    }
    /* The library wants stack= only when it makes a stack of the string, not when it checks one. */
    if (!rc_names_stack(s->text)) {
        diag_error(b->diags, s->parts[0].at,
                   "no stack= in what %s says, expected one such as stack=vdestack or stack=kernel",
                   stack_keywords[use]);
        return false;
    }
    return true;
}

/* `stack` is both, so that the others cannot be given beside it. */
static bool excluded(struct builder *b, enum stack_use use)
{
    const struct stack_text *both = &b->stacks[STACK_BOTH], *s = &b->stacks[use];

    if (both->n_parts == 0 || use == STACK_BOTH)
        return false;
    diag_error(b->diags, s->parts[0].at,
               "%s beside the stack of line %u, expected either stack alone or rstack and fstack",
               stack_keywords[use], both->parts[0].at.line);
    return true;
}

void stacks_finish(struct builder *b)
{
    const char *texts[STACK_USES] = {0};
    struct place at[STACK_USES] = {{0}};

    for (enum stack_use use = 0; use < STACK_USES; use++) {
        const struct stack_text *s = &b->stacks[use];
        if (s->n_parts == 0 || excluded(b, use) || !check_stack(b, use))
            continue;
        texts[use] = arena_text(&b->config->arena, s->text, s->len);
        if (!got_memory(b, texts[use]))
            return;
        at[use] = place_of(s, (size_t)(rc_stack_value(s->text, "stack=") - s->text));
    }
    b->config->one_stack = texts[STACK_BOTH];
    b->config->rstack = texts[STACK_BOTH] ? texts[STACK_BOTH] : texts[STACK_REQUESTS];
    b->config->fstack = texts[STACK_BOTH] ? texts[STACK_BOTH] : texts[STACK_FORWARDING];
    b->config->rstack_at = texts[STACK_BOTH] ? at[STACK_BOTH] : at[STACK_REQUESTS];
    b->config->fstack_at = texts[STACK_BOTH] ? at[STACK_BOTH] : at[STACK_FORWARDING];
}

static int check_kind(const char *text, struct place at, struct diags *diags)
{
    char why[256];
    int e = open_stack_find(text, why, sizeof(why));

    if (e == -ENOENT)
        diag_error(diags, at, "%s", why);
    return e == -ENOENT ? -EINVAL : e;
}

int stacks_check(const struct config *config, struct diags *diags)
{
    int of_requests = check_kind(config->rstack, config->rstack_at, diags);
    int of_forwarding = config->one_stack ? 0 : check_kind(config->fstack, config->fstack_at, diags);

    return of_requests < 0 ? of_requests : of_forwarding;
}
