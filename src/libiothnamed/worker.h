/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A worker: one thread, one event loop, its own sockets, its own exchanges with upstream, its own counters.
 * Workers share the snapshot of the configuration (replaced under their feet by worker_adopt), the cache and
 * the reverse table.
 */
#ifndef IOTHNAMED_WORKER_H
#define IOTHNAMED_WORKER_H

#include "io/log.h"
#include "libiothnamed/answer.h"
#include "libiothnamed/forward.h"
#include "libiothnamed/iothnamed.h"
#include "libiothnamed/query.h"
#include <ioth.h>
#include <pthread.h>
#include <uv.h>

struct tcp_connection;
struct udp_frontend;
struct tcp_frontend;

/* Counters of one worker: written by its thread alone, read by anyone. */
struct worker_counters {
    atomic_ullong udp_queries, tcp_queries, replies, dropped, forwarded, failed, tcp_connections, tcp_refused;
};

static inline void count(atomic_ullong *counter, unsigned n)
{
    atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + n,
                          memory_order_relaxed);
}

/* Where a reply goes. */
struct reply_path {
    struct tcp_connection *tcp; /* a reference is held (tcp_hold); NULL: UDP */
    struct udp_socket *udp;
    struct sockaddr_storage peer;
    socklen_t peer_len;
    struct ipaddr local; /* the address that was asked, when has_local */
    unsigned local_if;   /* interface index, for link-local addresses */
    bool has_local;
};

struct worker_settings {
    struct snapshot *snap; /* a reference is taken */
    const struct siphash_key *cookie_secret;
    struct ioth *rstack, *fstack; /* NULL: the default stack of the process */
    const struct log *log;
    bool share_port; /* other workers bind the same addresses */
};

struct worker {
    struct worker_settings set;
    pthread_t thread;
    uv_loop_t loop;
    uv_async_t wake;
    struct snapshot *snap;            /* what queries run on; the worker's thread alone */
    _Atomic(struct snapshot *) adopt; /* to change over to; NULL: none */
    atomic_bool stop;
    struct forwarder *forwarder;
    struct udp_frontend *udp;
    struct tcp_frontend *tcp;
    unsigned waiting; /* clients that wait for upstream */
    struct worker_counters counters;
    struct forward_need need;   /* of the query that runs now */
    uint8_t reply[DNS_MSG_MAX]; /* scratch of replies that go out one by one */
    uint8_t answer[ANSWER_MAX]; /* scratch */
};

/* Binds its sockets, then starts its thread. 0 and *ret, or -errno with one sentence in why. */
MUST_CHECK int worker_start(const struct worker_settings *settings, struct worker **ret, char *why,
                            size_t why_size);
/* Hands over a snapshot (a reference is taken); from any thread. */
void worker_adopt(struct worker *w, struct snapshot *snap);
/* Ends the thread and frees the worker. */
void worker_stop(struct worker *w);

/* What queries of this moment run on. */
struct query_env worker_env(const struct worker *w);
/* A query must wait for upstream (w->need): remembers its bytes and where its reply goes, and asks. Nothing:
 * the reply comes later; or the length of a reply in `out` that must be sent at once, since it cannot wait.
 */
size_t worker_wait(struct worker *w, const struct ipaddr *client, const uint8_t *packet, size_t len,
                   const struct reply_path *path, uint8_t *out, size_t out_size);
#define WAITING_MAX 10000 /* clients of one worker that wait for upstream: some 5 MB */

/* udp.c */
MUST_CHECK int udp_open(struct worker *w, struct udp_frontend **ret, char *why, size_t why_size);
void udp_close(struct udp_frontend *u); /* its memory goes when the loop has closed the handles */
void udp_free(struct udp_frontend *u);  /* after the loop has ended */
void udp_reply(struct worker *w, const struct reply_path *path, const uint8_t *reply, size_t len);

/* tcp.c */
MUST_CHECK int tcp_open(struct worker *w, struct tcp_frontend **ret, char *why, size_t why_size);
/* The worker's snapshot is another one. */
void tcp_adopt(struct tcp_frontend *t);
void tcp_close(struct tcp_frontend *t);
void tcp_free(struct tcp_frontend *t);
void tcp_reply(struct tcp_connection *c, const uint8_t *reply,
               size_t len); /* nothing if it has gone meanwhile */
void tcp_hold(struct tcp_connection *c);
void tcp_release(struct tcp_connection *c);

/* listen.c: the sockets of both frontends */
struct listen_address {
    struct sockaddr_storage addr;
    socklen_t len;
    bool any; /* all addresses: the socket must tell which one was asked */
};
/* The addresses to bind, from the options: at most max. Their number. */
unsigned listen_addresses(const struct config *config, struct listen_address *list, unsigned max);
#define LISTEN_MAX 64 /* listen lines: more than any host has service addresses */
/* A bound socket of type SOCK_DGRAM or SOCK_STREAM, non-blocking; -errno with one sentence in why.
 * share_port: other workers bind the same address. */
MUST_CHECK int listen_socket(struct ioth *stack, const struct listen_address *at, int type, bool share_port,
                             char *why, size_t why_size);
/* The stack has SO_REUSEPORT: several workers can bind one address. */
bool listen_can_share(struct ioth *stack, const struct config *config);
/* Nobody else has the addresses and the port: 0, or as listen_socket. */
MUST_CHECK int listen_probe(struct ioth *stack, const struct config *config, char *why, size_t why_size);

#endif
