/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the files of the exchange core share: the table, its exchanges and their attempts. Inside the exchange
 * core. */
#ifndef IOTHDNS_EXCHANGE_TABLE_H
#define IOTHDNS_EXCHANGE_TABLE_H

#include "base/heap.h"
#include "libiothdns/exchange.h"
#include "libiothdns/exchange_message.h"
#include "libiothdns/exchange_servers.h"

enum attempt_state {
    ATTEMPT_QUEUED, /* to be sent */
    ATTEMPT_OPEN,   /* sent: the driver waits for it */
    ATTEMPT_OVER,   /* to be closed by the driver */
    ATTEMPT_CLOSED,
};

struct attempt {
    enum attempt_state state;
    uint8_t peer;
    struct query_sent query;
    nsec_t asked_at;
    void *handle; /* the driver's */
};

/* A server as one exchange sees it. */
struct peer {
    struct ipendpoint endpoint;
    uint8_t failures;
    bool unsent;       /* could not be asked last time */
    bool spent;        /* asking it again is of no use */
    bool absent;       /* its socket failed: nobody is at the port, as ICMP tells */
    bool tcp;          /* is being asked over TCP */
    bool no_edns;      /* said that it does not understand EDNS */
    bool edns_silent;  /* did not answer a question with EDNS */
    bool fresh_cookie; /* said that our cookie was too old, and gave a new one */
};

struct exchange {
    struct heap_node timer;       /* the first member: a node of the heap is its exchange */
    struct exchange *next;        /* in its bucket, or in the list of free ones */
    struct exchange *next_urgent; /* in the queue of those that have events */
    bool urgent;
    bool ended;
    bool refused; /* by some server */
    uint32_t slot;
    uint64_t generation;

    struct exchange **bucket;
    struct exchange_question question; /* its name is the next member */
    uint8_t name[DNAME_MAX];
    uint32_t servers_id;
    struct exchange_waiter *waiters, **last_waiter;
    uint32_t n_waiters;

    nsec_t end;      /* of its time */
    nsec_t next_at;  /* the next attempt */
    nsec_t interval; /* to the attempt after it */
    nsec_t interval_step;
    bool listed;           /* nobody is waited for in vain: see all_absent */
    bool over_tcp;         /* from the first attempt on */
    unsigned attempts_max; /* of those that time leads to */
    unsigned n_followups;  /* attempts that a reply led to */
    unsigned n_peers, n_attempts;
    struct peer peers[EXCHANGE_ATTEMPTS_MAX];
    struct attempt attempts[EXCHANGE_ATTEMPTS_MAX];

    const uint8_t *reply; /* the driver's; NULL: failure */
    size_t reply_len;
    enum exchange_failure failure;
};

struct exchange_table {
    struct exchange_settings settings;
    struct siphash_key key;
    struct heap timers;
    struct exchange **buckets;
    size_t bucket_mask;
    struct exchange **chunks;
    uint32_t n_chunks;
    struct exchange *free;
    struct exchange *urgent, **last_urgent;
    struct exchange *delivered; /* its DONE was the last event */
    struct exchange_stats stats;
    struct server_states servers;
    uint8_t message[QUERY_LEN_MAX]; /* of the last SEND event */
    uint8_t *scratch;               /* for reply_judge */
    size_t scratch_size;
};

/* exchange_pool.c: exchanges and how they are found. */

/* A blank exchange: 0; -EAGAIN: there are as many as may be; -ENOMEM. */
MUST_CHECK int pool_take(struct exchange_table *t, struct exchange **ret);
void pool_give(struct exchange_table *t, struct exchange *x);
void pool_fini(struct exchange_table *t);
attempt_id id_of(const struct exchange *x, const struct attempt *a);
/* The open attempt of that id, and its exchange; NULL: there is none. */
struct attempt *attempt_of(struct exchange_table *t, attempt_id id, struct exchange **ret);
/* Where exchanges of that question are chained. */
struct exchange **bucket_of(const struct exchange_table *t, const struct exchange_question *q,
                            uint32_t servers_id);
/* The exchange that asks this, or NULL. */
struct exchange *find_exchange(struct exchange *const *bucket, const struct exchange_question *q,
                               uint32_t servers_id);
void forget_question(struct exchange *x);

static inline bool is_open(const struct attempt *a)
{
    return a->state == ATTEMPT_QUEUED || a->state == ATTEMPT_OPEN;
}

static inline struct server_state *state_of(struct exchange_table *t, const struct peer *p)
{
    return server_state(&t->servers, &p->endpoint);
}

/* exchange_events.c */

/* The exchange has something to say to the driver. */
void make_urgent(struct exchange_table *t, struct exchange *x);

#endif
