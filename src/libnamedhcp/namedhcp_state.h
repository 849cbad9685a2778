/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The inside of the service: namedhcp.c starts and ends it, namedhcp_loop.c is its thread. */
#ifndef LIBNAMEDHCP_NAMEDHCP_STATE_H
#define LIBNAMEDHCP_NAMEDHCP_STATE_H

#include "io/attendant.h"
#include "libnamedhcp/asker.h"
#include "libnamedhcp/dhcp_probes.h"
#include "libnamedhcp/namedhcp.h"
#include "libnamedhcp/namedhcp_engine.h"

#include <pthread.h>
#include <sys/queue.h>

enum namedhcp_protocol { NAMEDHCP_V4 = 4, NAMEDHCP_V6 = 6 };

#define NAMEDHCP_BATCH 256 /* datagrams taken in before what they ask for is done; one commit is for all */
#define NAMEDHCP_OUT_BYTES                                                                                   \
    (1 << 20) /* of replies that wait for a commit; what does not fit is lost, and asked for again */

/* Replies that wait until what they speak of is on record: struct out_head and the payload, each. */
struct namedhcp_out {
    size_t len;
    uint8_t *bytes;
};

/* Something that the thread does for somebody else, between two turns, when everything is on record: what is said of leases is
 * what clients know. */
struct namedhcp_call {
    STAILQ_ENTRY(namedhcp_call) others;
    void (*run)(struct namedhcp *n, struct namedhcp_call *call); /* from the thread */
    void (*free)(struct namedhcp_call *call);
    /* Under the lock */
    bool is_done, is_dropped; /* dropped: nobody waits for it any more, the thread frees it */
};

/* How full the pools are, as it was seen last. */
struct namedhcp_pools {
    unsigned n;
    struct lease_pool_use at[];
};

/* See namedhcp_clock.c. */
struct namedhcp_clock {
    int64_t ahead;   /* of the monotonic clock: the wall clock when we started */
    nsec_t retry_at; /* 0: nothing has failed */
};

struct namedhcp {
    struct daemon_host host;
    struct log log;
    struct log_control log_control;
    struct ioth *stacks[SERVER_LINKS_MAX]; /* ours, each once */
    unsigned n_stacks;
    struct ioth *dnsstack; /* ours, or one of these; NULL: the system's */
    struct iothdns *dns;
    struct dhcp_link *links[SERVER_LINKS_MAX];
    unsigned n_links;
    struct store *store;
    struct namedhcp_clock clock;
    uint8_t duid[DHCP6_DUID_MAX];
    size_t duid_len;
    bool serve6, serve4;
    struct namedhcp_config
        *started; /* what the strings below belong to: of the engine at the start; kept to compare */
    int wake;     /* an eventfd */
    pthread_t thread;
    bool runs;

    /* The thread's own */
    struct namedhcp_engine *engine;
    struct asker *asker6, *asker4; /* of the engine */
    struct server_time now;
    struct namedhcp_out out;
    bool keep_failed; /* something of this batch could not be put into the store */
    struct dhcp_probes probes;
    struct namedhcp_stats counted,
        past;        /* what is counted here; what the cores of former engines have counted */
    nsec_t pools_at; /* when they are looked at next */
    nsec_t
        follow_at;  /* when the engine is made anew for other addresses; NSEC_NEVER: they are those it has */
    int keep_error; /* what was logged last; 0: the store works */

    pthread_mutex_t lock;
    pthread_cond_t taken;
    /* Under it */
    bool stop, has_ended;           /* the thread is to end; it has */
    struct namedhcp_config *wanted; /* a new configuration; NULL: none */
    int result;                     /* of the last one */
    char why[NAMEDHCP_WHY_MAX];
    struct namedhcp_stats stats;
    nsec_t turned_at; /* when the thread was here last */
    bool store_works;
    int deaf[SERVER_LINKS_MAX];   /* of the links */
    struct namedhcp_pools *pools; /* NULL: not seen yet */
    STAILQ_HEAD(, namedhcp_call) calls;

    pthread_mutex_t reload_lock;
    _Atomic uint64_t reloads, failed_reloads; /* told while one goes on */
    struct attendant *attendant;
};

/* namedhcp_clock.c. */
void namedhcp_clock_open(struct namedhcp *n);              /* before the store is read */
struct server_time namedhcp_now(const struct namedhcp *n); /* the time that leases are counted by */
void namedhcp_follow_clock(struct namedhcp *n);            /* from the thread, between two turns */
/* Makes the engine of a configuration and its askers the current one. 0, or negative errno and why: the old one stands. The
 * configuration is taken over on success. */
MUST_CHECK int namedhcp_take(struct namedhcp *n, struct namedhcp_config *config, char *why, size_t why_size);
void *namedhcp_run(void *arg);

/* namedhcp_calls.c: what the thread does for others. */
void namedhcp_call(struct namedhcp *n, struct namedhcp_call *call);      /* to be done; from any thread */
bool namedhcp_call_done(struct namedhcp *n, struct namedhcp_call *call); /* then it is the caller's again */
void namedhcp_call_drop(struct namedhcp *n, struct namedhcp_call *call); /* nobody waits; it is freed */
/* From the thread: those that are there. The wake-up stands for those that come meanwhile. */
void namedhcp_run_calls(struct namedhcp *n);
void namedhcp_end_calls(struct namedhcp *n);  /* from the thread: it does nothing any more */
void namedhcp_free_calls(struct namedhcp *n); /* when nobody waits any more */
void namedhcp_publish(struct namedhcp *n);    /* from the thread, after each turn */
/* Counters of the cores that end go into `past`. */
void namedhcp_keep_counts(struct namedhcp *n);

/* namedhcp_attendant.c. */
MUST_CHECK int namedhcp_attend(struct namedhcp *n, char *why,
                               size_t why_size); /* opens; attendant_run comes later */
/* namedhcp_commands.c */
extern const struct control_command namedhcp_commands[];
void namedhcp_status(void *arg, struct pairs *p);
void namedhcp_put_counters(void *arg, struct pairs *p);
bool namedhcp_page(void *arg, unsigned turn, struct text *out); /* namedhcp_metrics.c */

/* namedhcp_files.c: the store, the DUID and the resolver; they are closed with the rest. 0, or negative errno and why. */
MUST_CHECK int namedhcp_open_files(struct namedhcp *n, const struct namedhcp_config *c, char *why,
                                   size_t why_size);
/* Would that do? Nothing is made or locked; a server may be using them. 0, or negative errno and why. */
MUST_CHECK int namedhcp_check_files(const struct namedhcp_config *c, char *why, size_t why_size);

/* namedhcp_links.c: the stacks of a configuration, its interfaces and ports, open and up. 0, or negative errno and why; what is
 * open by then is closed by namedhcp_close_links. */
MUST_CHECK int namedhcp_open_links(struct namedhcp *n, const struct namedhcp_config *c, char *why,
                                   size_t why_size);
void namedhcp_close_links(struct namedhcp *n);

#endif
