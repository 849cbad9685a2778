/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A small server of streams on the system's own stack, in one thread: for what the people and machines that
 * run a service ask of it, not for the service itself. Several kinds of service share it, each on its own
 * listening socket: control.h speaks lines, http.h speaks HTTP.
 *
 * A client gives a request and gets its answer before the next one is looked at. Answers are made piece by
 * piece, each when the one before it has gone, so a slow reader costs one piece of memory and no time.
 */
#ifndef IO_SERVE_H
#define IO_SERVE_H

#include "base/base.h"
#include "io/text.h"

/* Clients of all services at once: their places are one array. */
#define SERVE_CLIENTS_MAX  64
#define SERVE_SERVICES_MAX 8

enum serve_state {
    SERVE_DONE, /* the answer is complete */
    SERVE_MORE, /* call again when this piece has gone */
    SERVE_WAIT, /* call again after server_wake: something else must happen first */
};

struct serve_client {
    const struct serve_service *service;
    void *state;     /* state_size bytes of the service's own, zero at first */
    struct text out; /* what is to be sent: the service appends */
    bool last;       /* set by the service: no further request; close when the answer has gone */
    int fd;          /* to look at (peer credentials), not to read or write */
};

struct serve_service {
    size_t request_max;   /* bytes of the longest request */
    unsigned clients_max; /* one more, and the one idle longest is sent away */
    nsec_t patience;      /* for this long a client may neither send nor take a byte while it is its turn */
    nsec_t lifetime;      /* a connection lasts no longer; NSEC_NEVER */
    size_t state_size;
    /* Is there a whole request at the head of these bytes? Returns how many bytes it takes, 0: more are
     * needed, or -errno: close when what was written to out has gone. len == request_max without an end: the
     * service must not return 0. After a request `answer` is called. */
    int (*request)(struct serve_client *client, const char *bytes, size_t len);
    /* Writes a piece of the answer to client->out. */
    enum serve_state (*answer)(struct serve_client *client);
    /* The client goes; NULL: nothing to do. */
    void (*gone)(struct serve_client *client);
    void *arg; /* the service's own */
};

struct server;

struct server_settings {
    /* Called at the beginning, after server_wake, and at the time that it returned last (monotonic; NSEC_NEVER: no
     * time). NULL: nobody wants it. */
    nsec_t (*tick)(void *arg, nsec_t now);
    void *arg;
};

MUST_CHECK int server_new(const struct server_settings *settings, struct server **ret);
/* A listening socket of any stream family, taken over also on failure, and what is spoken there; `service` lives as
 * long as the server. 0, or -EMFILE: too many. Before server_run. */
MUST_CHECK int server_listen(struct server *s, int fd, const struct serve_service *service);
/* Serves until server_stop. */
void server_run(struct server *s);
/* Something has happened that answers wait for. From any thread. */
void server_wake(struct server *s);
void server_stop(struct server *s); /* from any thread */
void server_free(struct server *s); /* after server_run has returned, or in its place; NULL: nothing */

/* A listening socket at that path of the file system, which nobody but its owner may use, and the members of group
 * `group` if it is not (gid_t)-1. What a server that is gone left there is replaced; -EADDRINUSE: one is there,
 * -EEXIST: what is there is no socket. The descriptor or -errno (-ENAMETOOLONG: a path takes 107 bytes). */
MUST_CHECK int serve_listen_unix(const char *path, unsigned group);
/* Could there be one? Nothing is made. 0, -ENAMETOOLONG, -EEXIST, or what stat(2) says of its folder. */
MUST_CHECK int serve_check_unix(const char *path);
struct ipendpoint;
/* A listening TCP socket on the system's stack, or -errno. */
MUST_CHECK int serve_listen_tcp(const struct ipendpoint *at);

#endif
