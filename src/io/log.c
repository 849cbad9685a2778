/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See log.h. What clients send may end up in a line: control characters do not get through, and the value of a
 * field stands in quotes as soon as it is more than one plain word.
 *
 * A kind of line is known by the address of its sentence or format, so a call site needs no counter of its own
 * and libraries no mutable state. The lock of the limits is held for a walk over some dozen kinds, never while
 * a line is written.
 */
#include "io/log.h"
#include "base/clock.h"
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

static const char *const level_names[LOG_LEVELS] = {"error", "warning", "info", "debug"};

const char *log_level_name(enum log_level level)
{
    return level_names[level];
}

int log_level_by_name(const char *name)
{
    for (int i = 0; i < LOG_LEVELS; i++)
        if (strcasecmp(name, level_names[i]) == 0)
            return i;
    return -EINVAL;
}

void log_control_init(struct log_control *control, enum log_level level)
{
    *control = (struct log_control){0};
    atomic_init(&control->level, (int)level);
    pthread_mutex_init(&control->lock, NULL);
}

void log_control_fini(struct log_control *control)
{
    pthread_mutex_destroy(&control->lock);
}

/* --- how often --- */

/* Its place in the list: its own, a free one, or that of the kind that began longest ago. */
static struct log_kind *kind_of(struct log_control *c, const char *what, nsec_t now)
{
    struct log_kind *place = &c->kinds[0];
    for (unsigned i = 0; i < LOG_KINDS_MAX; i++) {
        struct log_kind *k = &c->kinds[i];
        if (k->what == what)
            return k;
        if (place->what && (!k->what || k->since < place->since))
            place = k;
    }
    *place = (struct log_kind){.what = what, .since = now};
    return place;
}

bool log_admit(struct log_control *control, const char *what, nsec_t now, uint64_t *ret_held_back)
{
    pthread_mutex_lock(&control->lock);
    struct log_kind *k = kind_of(control, what, now);
    if (now - k->since >= LOG_INTERVAL) {
        k->since = now;
        k->let_through = 0;
    }
    bool admitted = k->let_through < LOG_BURST;
    if (admitted) {
        k->let_through++;
        *ret_held_back = k->held_back;
        k->held_back = 0;
    } else {
        k->held_back++;
    }
    pthread_mutex_unlock(&control->lock);
    return admitted;
}

static bool is_said(const struct log *log, enum log_level level)
{
    return log->write && (!log->control || (int)level <= atomic_load(&log->control->level));
}

/* --- who hears it --- */

void log_listen(struct log_control *control, struct log_ear *ear)
{
    ear->thread = pthread_self();
    pthread_mutex_lock(&control->lock);
    ear->next = control->ears;
    control->ears = ear;
    pthread_mutex_unlock(&control->lock);
}

void log_forget(struct log_control *control, struct log_ear *ear)
{
    pthread_mutex_lock(&control->lock);
    struct log_ear **at = &control->ears;
    while (*at != ear)
        at = &(*at)->next;
    *at = ear->next;
    pthread_mutex_unlock(&control->lock);
}

/* The ear of this thread, which no other one takes away; NULL: it has none. */
static const struct log_ear *own_ear(struct log_control *control)
{
    if (!control)
        return NULL;
    pthread_mutex_lock(&control->lock);
    const struct log_ear *ear = control->ears;
    while (ear && !pthread_equal(ear->thread, pthread_self()))
        ear = ear->next;
    pthread_mutex_unlock(&control->lock);
    return ear;
}

/* --- lines --- */

struct line {
    char text[LOG_LINE_MAX];
    size_t len;
};

static void put(struct line *l, char c)
{
    if (l->len < sizeof(l->text) - 1)
        l->text[l->len++] = (unsigned char)c < ' ' || c == 0x7f ? '?' : c;
}

static void put_word(struct line *l, const char *word)
{
    while (*word)
        put(l, *word++);
}

static void put_number(struct line *l, int64_t number)
{
    char text[24];
    snprintf(text, sizeof(text), "%lld", (long long)number);
    put_word(l, text);
}

static void put_value(struct line *l, const char *text)
{
    if (text[0] && !strpbrk(text, " \"=\\")) {
        put_word(l, text);
        return;
    }
    put(l, '"');
    for (; *text; text++) {
        if (*text == '"' || *text == '\\')
            put(l, '\\');
        put(l, *text);
    }
    put(l, '"');
}

static void put_field(struct line *l, const struct log_field *field)
{
    put(l, ' ');
    put_word(l, field->key);
    put(l, '=');
    if (field->text)
        put_value(l, field->text);
    else
        put_number(l, field->number);
}

static void finish(const struct log *log, enum log_level level, struct line *l, uint64_t held_back)
{
    if (held_back) {
        struct log_field field = LOG_NUMBER("held-back", held_back);
        put_field(l, &field);
    }
    l->text[l->len] = '\0';
    log->write(log->arg, level, l->text);
    const struct log_ear *ear = own_ear(log->control);
    if (ear)
        ear->hear(ear->arg, level, l->text);
}

void log_fields(const struct log *log, enum log_level level, const char *what, const struct log_field *fields)
{
    struct line l = {.len = 0};
    uint64_t held_back = 0;
    if (!is_said(log, level) || (log->control && !log_admit(log->control, what, monotonic_now(), &held_back)))
        return;
    put_word(&l, what);
    for (; fields->key; fields++)
        put_field(&l, fields);
    finish(log, level, &l, held_back);
}

static void put_format(struct line *l, const char *format, va_list args)
{
    char text[LOG_LINE_MAX];
    vsnprintf(text, sizeof(text), format, args);
    put_word(l, text);
}

void log_say(const struct log *log, enum log_level level, const char *format, ...)
{
    struct line l = {.len = 0};
    uint64_t held_back = 0;
    if (!is_said(log, level) ||
        (log->control && !log_admit(log->control, format, monotonic_now(), &held_back)))
        return;
    va_list args;
    va_start(args, format);
    put_format(&l, format, args);
    va_end(args);
    finish(log, level, &l, held_back);
}

void log_answer(const struct log *log, enum log_level level, const char *format, ...)
{
    struct line l = {.len = 0};
    if (!is_said(log, level))
        return;
    va_list args;
    va_start(args, format);
    put_format(&l, format, args);
    va_end(args);
    finish(log, level, &l, 0);
}

void log_flush(const struct log *log, bool all)
{
    struct log_control *c = log->control;
    nsec_t now = monotonic_now();
    for (unsigned i = 0; c && i < LOG_KINDS_MAX; i++) {
        pthread_mutex_lock(&c->lock);
        struct log_kind k = c->kinds[i];
        bool due = k.held_back && (all || now - k.since >= LOG_INTERVAL);
        if (due)
            c->kinds[i].held_back = 0;
        pthread_mutex_unlock(&c->lock);
        struct line l = {.len = 0};
        if (!due || !is_said(log, LOG_LEVEL_WARNING))
            continue;
        struct log_field kind = LOG_TEXT("of", k.what);
        put_word(&l, "lines were held back");
        put_field(&l, &kind);
        finish(log, LOG_LEVEL_WARNING, &l, k.held_back);
    }
}
