/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The control protocol: what a person, by a program such as iothnamedctl(8), says to a running service.
 *
 *   request   a line: a command and its words, separated by blanks, at most CONTROL_LINE_MAX bytes with its end
 *   answer    any number of lines that begin with a blank, then one line "ok" or "error TEXT"
 *
 * Any number of requests one after the other on a connection. Bytes that are no printable ASCII stand for
 * nothing: they make an unknown command. A service brings its commands as a table; `help` comes with it.
 */
#ifndef IO_CONTROL_H
#define IO_CONTROL_H

#include "io/serve.h"

#define CONTROL_LINE_MAX    2048 /* a command and a name of 1004 characters */
#define CONTROL_WORDS_MAX   8
#define CONTROL_WHY_MAX     256
#define CONTROL_CLIENTS_MAX 16 /* people and scripts, not the world */

struct control_call {
    void *arg;        /* the service's */
    unsigned n_words; /* the command's own name included */
    const char *words[CONTROL_WORDS_MAX];
    unsigned turn;             /* how often `run` was called before */
    struct text out;           /* whole lines; each turn begins with none */
    char why[CONTROL_WHY_MAX]; /* one line, when it fails */
    void *own;                 /* the command's, from turn to turn */
    unsigned uid;              /* of the client, as its socket tells; -1: not known */
};

enum control_result {
    CONTROL_DONE,
    CONTROL_FAILED, /* `why` says why */
    CONTROL_MORE,   /* run it again when this has gone */
    CONTROL_WAIT,   /* run it again after server_wake */
};

struct control_command {
    const char *name;
    const char *synopsis; /* of its words: "NAME" or "" */
    const char *help;
    unsigned min_words, max_words; /* behind the name */
    enum control_result (*run)(struct control_call *call);
    /* After the last turn, or when the client has gone meanwhile; NULL: nothing to do. */
    void (*end)(struct control_call *call);
};

struct control {
    const struct control_command *commands; /* the last has no name */
    void *arg;
    const struct control_command
        *more; /* looked at before; what has the same name counts in its place. NULL: none */
    void *more_arg;
    struct serve_service service; /* for server_listen */
};

/* Fills c; `commands` and c live as long as the server. */
void control_init(struct control *c, const struct control_command *commands, void *arg);

/* For commands: fails with that sentence. */
enum control_result control_fail(struct control_call *call, const char *why);
/* That somebody has asked for this, and who. */
struct log;
void control_log(const struct control_call *call, const struct log *log);

#endif
