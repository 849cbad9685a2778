/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * iothnamed as a library: a DNS server, forwarder and cache that lives in threads of the process that starts
 * it, on the stacks that its configuration names. It has no state outside its handle: any number run side by
 * side.
 */
#ifndef IOTHNAMED_IOTHNAMED_H
#define IOTHNAMED_IOTHNAMED_H

#include "io/log.h"
#include "libiothnamed/diag.h"

struct config;
struct iothnamed;

struct iothnamed_stats {
    uint64_t udp_queries, tcp_queries; /* received, well-formed or not */
    uint64_t replies;                  /* sent */
    uint64_t dropped;           /* questions that got no answer: malformed beyond one, or no room to send */
    uint64_t forwarded, failed; /* asked upstream; of them without an answer */
    uint64_t tcp_connections, tcp_refused;
    uint64_t cache_hits, cache_misses, cache_bytes;
};

/* The process around a server: what concerns it as a whole, and a library does not decide. */
struct iothnamed_host {
    struct log log;      /* copied; its control is not used: the server has its own, see iothnamed_log */
    const char *version; /* of the program, for status */
    bool verbose;        /* log all levels, whatever the configuration says */
    const char *control; /* the path of the control socket if the configuration names none; NULL: no socket */
    /* Stacks are up and all sockets bound; no thread of the server runs yet (threads of stacks do). The time to
     * give up privileges. 0; or -errno and one sentence in why: the start fails. NULL: nothing to do. */
    int (*bound)(void *arg, const struct config *config, char *why, size_t why_size);
    /* Somebody who may asked for the configuration to be loaded anew: have iothnamed_load called soon, from another
     * thread than this. NULL: nobody can ask. */
    void (*reload_wanted)(void *arg);
    /* Called about every alive_interval (0: never) as long as all threads of the server answer. */
    void (*alive)(void *arg);
    nsec_t alive_interval;
    void *arg;
};

/* Starts serving. config: from config_load; it is taken over, also on failure. host is copied, what it points to
 * stays. Returns when the stacks are up and the sockets bound: 0 and *ret, or -errno and one sentence in why
 * (why_size bytes) that says what failed. */
MUST_CHECK int iothnamed_start(struct config *config, const struct iothnamed_host *host,
                               struct iothnamed **ret, char *why, size_t why_size);
/* Serves by another configuration from now on; queries under way end by it. config is taken over, also on
 * failure. What cannot change while running (see config_restart_needed) is logged. 0; -ENOMEM, or -EINVAL: it
 * names a list or a zone that cannot be read, which is logged (nothing has changed then). May be called from any
 * thread, not at the same time as itself or iothnamed_stop. */
MUST_CHECK int iothnamed_reload(struct iothnamed *server, struct config *config);
/* The same from a file. All that is wrong with it is logged, and told to those who asked through the control socket.
 * 0 or -errno: the old configuration stays in force. */
int iothnamed_load(struct iothnamed *server, const char *path);
/* The server's log, with its level and limits: for what the program has to say while it serves. */
const struct log *iothnamed_log(struct iothnamed *server);
/* Ends it: threads, sockets, stacks. Takes well under a second. NULL: nothing. */
void iothnamed_stop(struct iothnamed *server);
/* Sums over all workers, at about this moment. */
void iothnamed_stats(struct iothnamed *server, struct iothnamed_stats *ret);

#endif
