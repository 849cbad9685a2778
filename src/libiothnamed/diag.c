/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Errors and warnings are collected in a list, each with its place, so that one run reports all of them.
 * Texts are formatted straight into the arena of the list. A text for which there is no memory is lost but
 * still counted: what was wrong stays wrong.
 *
 * Faults are found in the order in which the parser looks for them, first line by line, then what can only be
 * known at the end of the file; diags_sort puts them in the order of the file for whoever reads them.
 */
#include "libiothnamed/diag.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void diags_fini(struct diags *d)
{
    if (!d)
        return;
    arena_fini(&d->arena);
    *d = (struct diags){0};
}

static char *format_text(struct arena *arena, const char *format, va_list args)
{
    va_list again;

    va_copy(again, args);
    int len = vsnprintf(NULL, 0, format, again);
    va_end(again);
    if (len < 0)
        return NULL;
    char *text = arena_alloc(arena, (size_t)len + 1);
    if (text)
        vsnprintf(text, (size_t)len + 1, format, args);
    return text;
}

/* path: of another file than the configuration, or NULL. */
static void report(struct diags *d, const char *path, struct place at, bool warning, const char *format,
                   va_list args)
{
    unsigned *count = warning ? &d->warnings : &d->errors;
    unsigned before = d->errors + d->warnings;

    ++*count;
    if (before >= DIAGS_MAX)
        return;
    struct diag *diag = arena_alloc(&d->arena, sizeof(*diag));
    char *text = diag ? format_text(&d->arena, format, args) : NULL;
    if (!text)
        return;
    *diag = (struct diag){.at = at, .warning = warning, .text = text};
    if (path)
        diag->path = arena_text(&d->arena, path, strlen(path));
    if (d->last)
        d->last->next = diag;
    else
        d->first = diag;
    d->last = diag;
}

void diag_error(struct diags *d, struct place at, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    report(d, NULL, at, false, format, args);
    va_end(args);
}

void diag_warning(struct diags *d, struct place at, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    report(d, NULL, at, true, format, args);
    va_end(args);
}

void diag_error_in(struct diags *d, const char *path, unsigned line, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    report(d, path, (struct place){.line = line}, false, format, args);
    va_end(args);
}

void diag_warning_in(struct diags *d, const char *path, unsigned line, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    report(d, path, (struct place){.line = line}, true, format, args);
    va_end(args);
}

static bool is_after(const struct diag *a, const struct diag *b)
{
    int order = strcmp(a->path ? a->path : "", b->path ? b->path : "");

    if (order != 0)
        return order > 0;
    if (a->at.line != b->at.line)
        return a->at.line > b->at.line;
    return a->at.column > b->at.column;
}

/* Merges two sorted lists; of equals those of `a` come first. */
static struct diag *merge(struct diag *a, struct diag *b)
{
    struct diag *first = NULL, **end = &first;

    while (a && b) {
        struct diag **from = is_after(a, b) ? &b : &a;
        *end = *from;
        end = &(*from)->next;
        *from = (*from)->next;
    }
    *end = a ? a : b;
    return first;
}

/* Sorts the first `count` (at least 1) of a list, and cuts them off it. */
static struct diag *sort_some(struct diag **list, unsigned count)
{
    struct diag *first = *list;

    if (count == 1) {
        *list = first->next;
        first->next = NULL;
        return first;
    }
    first = sort_some(list, count / 2);
    return merge(first, sort_some(list, count - count / 2));
}

void diags_sort(struct diags *d)
{
    unsigned count = 0;

    for (const struct diag *i = d->first; i; i = i->next)
        count++;
    if (count < 2)
        return;
    struct diag *rest = d->first;
    d->first = sort_some(&rest, count);
    for (d->last = d->first; d->last->next;)
        d->last = d->last->next;
}

void diags_put(const struct diags *d, const char *path, struct text *out)
{
    for (const struct diag *diag = d->first; diag; diag = diag->next) {
        text_puts(out, diag->path ? diag->path : path);
        if (diag->at.line)
            text_printf(out, ":%u", diag->at.line);
        if (diag->at.column)
            text_printf(out, ":%u", diag->at.column);
        text_printf(out, ": %s%s\n", diag->warning ? "warning: " : "", diag->text);
    }
}
