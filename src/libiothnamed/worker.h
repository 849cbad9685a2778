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
#include "libiothnamed/clients.h"
#include "libiothnamed/counters.h"
#include "libiothnamed/forward.h"
#include "libiothnamed/iothnamed.h"
#include "libiothnamed/query.h"
#include <ioth.h>
#include <netinet/in.h>
#include <pthread.h>
#include <uv.h>

struct tcp_connection;
struct waiter;
struct udp_frontend;
struct tcp_frontend;

/* Packet info of one message: the address that was asked, and is answered from. */
struct udp_control {
    _Alignas(struct cmsghdr) uint8_t bytes[CMSG_SPACE(sizeof(struct in6_pktinfo))];
};

/* Where a reply goes. */
struct reply_path {
    struct tcp_connection *tcp; /* a reference is held (tcp_hold); NULL: UDP, and what follows */
    struct udp_socket *udp;
    union {
        struct sockaddr any;
        struct sockaddr_in6 v6;
    } peer;
    socklen_t peer_len;
    unsigned control_len; /* 0: the system chooses the source address */
    struct udp_control control;
};

struct worker_settings {
    struct snapshot *snap;                   /* a reference is taken */
    const struct siphash_key *cookie_master; /* of secrets that change every day */
    struct rrl *rrl;                         /* shared by all workers, as is the next */
    struct clients *clients;
    const struct siphash_key
        *forward_key;             /* of the cookies in questions to upstream, by which loops are noticed */
    atomic_bool *loop_told;       /* a loop has been logged */
    struct ioth *rstack, *fstack; /* NULL: the default stack of the process */
    const struct log *log;
    bool share_port; /* other workers bind the same addresses */
};

/* What a worker knows of its upstream servers, for people to look at. */
struct worker_report {
    struct exchange_stats exchanges;
    unsigned n_servers;
    struct exchange_server servers[EXCHANGE_SERVERS_MAX];
};

struct worker {
    struct worker_settings set;
    pthread_t thread;
    bool has_thread;
    uv_loop_t loop;
    uv_poll_t room; /* loop_make_room */
    uv_async_t wake;
    struct snapshot *snap;            /* what queries run on; the worker's thread alone */
    _Atomic(struct snapshot *) adopt; /* to change over to; NULL: none */
    atomic_bool stop;
    struct forwarder *forwarder;
    struct udp_frontend *udp;
    struct tcp_frontend *tcp;
    unsigned waiting; /* clients that wait for upstream */
    struct {
        struct waiter *first, *last; /* those that may be told what is stale, the oldest first */
        uv_timer_t timer;
    } slow;
    struct worker_counters counters;
    atomic_bool report_wanted;
    _Atomic nsec_t reported; /* when its loop answered last */
    pthread_mutex_t report_lock;
    struct worker_report report;
    struct cookie_secrets cookies; /* of today, unless the configuration has its own */
    struct forward_need need;      /* of the query that runs now */
    uint8_t reply[DNS_MSG_MAX];    /* scratch of replies that go out one by one */
    uint8_t answer[ANSWER_MAX];    /* scratch */
};

/* One with its sockets bound. 0 and *ret, or -errno with one sentence in why. */
MUST_CHECK int worker_new(const struct worker_settings *settings, struct worker **ret, char *why,
                          size_t why_size);
/* Starts its thread. 0 or -errno. */
MUST_CHECK int worker_start(struct worker *w);
/* Hands over a snapshot (a reference is taken); from any thread. */
void worker_adopt(struct worker *w, struct snapshot *snap);
/* Asks its loop for a sign of life and a new report; from any thread. Does not wait. */
void worker_ping(struct worker *w);
/* The report that it made last, and when; from any thread. */
nsec_t worker_report(struct worker *w, struct worker_report *ret);
/* Ends the thread, if it was started, and frees the worker. */
void worker_stop(struct worker *w);

/* What queries of this moment run on. */
struct query_env worker_env(struct worker *w);
/* worker_wait.c: clients that wait for upstream */
/* A query must wait for upstream (w->need): remembers its bytes and where its reply goes, and asks. Nothing:
 * the reply comes later; or the length of a reply in `out` that must be sent at once, since it cannot wait.
 */
size_t worker_wait(struct worker *w, const struct ipaddr *client, const uint8_t *packet, size_t len,
                   const struct reply_path *path, uint8_t *out, size_t out_size);
/* Asks for what the query just answered wants to be renewed (w->need, need.refresh). */
void worker_refresh(struct worker *w);
void worker_exchange_done(struct exchange_waiter *waiters, const struct exchange_event *done, void *arg);
void worker_wait_open(struct worker *w);
void worker_wait_close(struct worker *w);
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
/* The addresses to bind, from the options. Their number. */
unsigned listen_addresses(const struct config *config, struct listen_address list[static LISTEN_MAX]);
/* The same for people: "all", or addresses with commas between them, as many as fit, and how many more. Returns ret. */
#define LISTEN_MORE   24 /* bytes of " and 4294967295 more" */
#define LISTEN_STRLEN 256
const char *listen_format(const struct config_options *o, char ret[static LISTEN_STRLEN]);
/* A bound socket of type SOCK_DGRAM or SOCK_STREAM, non-blocking; -errno with one sentence in why.
 * share_port: other workers bind the same address. */
MUST_CHECK int listen_socket(struct ioth *stack, const struct listen_address *at, int type, bool share_port,
                             char *why, size_t why_size);
/* The stack has SO_REUSEPORT: several workers can bind one address. */
bool listen_can_share(struct ioth *stack, const struct config *config);
/* Nobody else has the addresses and the port: 0, or as listen_socket. */
MUST_CHECK int listen_probe(struct ioth *stack, const struct config *config, char *why, size_t why_size);

#endif
