/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a service has to say. It never prints: whoever starts it says what happens to a line. A line is a
 * sentence, the same each time the same thing happens, and then KEY=VALUE pairs with what was special this
 * time, so people can read it and programs can pick it apart.
 */
#ifndef IO_LOG_H
#define IO_LOG_H

#include "base/base.h"
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG, LOG_LEVELS };

/* Of one kind of line, LOG_BURST are let through in LOG_INTERVAL; the next one then says how many were not.
 * A person reads ten lines; a peer who can cause a line with each packet must not fill a disk. */
#define LOG_BURST    10
#define LOG_INTERVAL (10 * NSEC_PER_SEC)
/* Kinds that are watched at once; services have a few dozen. When there are more the one that was quiet
 * longest is forgotten. */
#define LOG_KINDS_MAX 48

struct log_kind {
    const char *what; /* the sentence or format: one address, one kind; NULL: free */
    nsec_t since;     /* when its interval began */
    unsigned let_through;
    uint64_t held_back;
};

/* Who hears what one thread has to say, beside the log: for a person who asked that thread for something. */
struct log_ear {
    struct log_ear *next; /* the log's own */
    pthread_t thread;
    void (*hear)(void *arg, enum log_level level, const char *line); /* from that thread */
    void *arg;
};

/* The level of a log, and how often each kind of line came. */
struct log_control {
    atomic_int level; /* lines of a higher one are not said */
    pthread_mutex_t lock;
    struct log_kind kinds[LOG_KINDS_MAX];
    struct log_ear *ears;
};

struct log {
    /* One line without a newline; may be called from any thread of the service. NULL: nothing is said. */
    void (*write)(void *arg, enum log_level level, const char *line);
    void *arg;
    struct log_control *control; /* NULL: all levels, no limit */
};

struct log_field {
    const char *key;  /* NULL: the end */
    const char *text; /* NULL: the number */
    int64_t number;
};

#define LOG_TEXT(key_, text_)     ((struct log_field){.key = (key_), .text = (text_)})
#define LOG_NUMBER(key_, number_) ((struct log_field){.key = (key_), .number = (int64_t)(number_)})

void log_control_init(struct log_control *control, enum log_level level);
void log_control_fini(struct log_control *control);
/* From now on, until log_forget, `ear` hears the lines of the calling thread. It stays the caller's. */
void log_listen(struct log_control *control, struct log_ear *ear);
void log_forget(struct log_control *control, struct log_ear *ear);
/* The level's name, as options and commands have it: error, warning, info, debug. */
const char *log_level_name(enum log_level level);
/* The level of that name, or -EINVAL. */
MUST_CHECK int log_level_by_name(const char *name);

/* Lines are cut at LOG_LINE_MAX - 1 bytes; control characters in them become '?'. */
#define LOG_LINE_MAX 1024

/* A sentence and its fields: log_event(log, LOG_LEVEL_INFO, "configuration loaded", LOG_TEXT("file", path)).
 * `what` is a literal: its address is its kind. Values are quoted where they must be, so none of them can look
 * like another field. */
#define log_event(log, level, what, ...)                                                                     \
    log_fields(log, level, what, (const struct log_field[]){__VA_ARGS__ __VA_OPT__(, ){.key = NULL}})
void log_fields(const struct log *log, enum log_level level, const char *what,
                const struct log_field *fields);
/* The same from a format, where there is nothing to pick apart. */
void log_say(const struct log *log, enum log_level level, const char *format, ...) PRINTF_LIKE(3, 4);
/* Never held back: for what happens only because a person asked, such as the errors of a configuration. */
void log_answer(const struct log *log, enum log_level level, const char *format, ...) PRINTF_LIKE(3, 4);
/* Says how many lines were held back of the kinds that have been quiet since. Now and then, and at the end
 * (all = true: of all kinds). */
void log_flush(const struct log *log, bool all);

/* Whether a line of that kind is let through, and how many were held back before it. For the functions above. */
bool log_admit(struct log_control *control, const char *what, nsec_t now, uint64_t *ret_held_back);

#endif
