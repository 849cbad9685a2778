/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The driver of an exchange table (libiothdns/exchange.h) on the links of a world: what its sockets would be. */
#ifndef WORLD_ASKING_H
#define WORLD_ASKING_H

#include "libiothdns/exchange.h"
#include "world.h"

enum { ASKING_SOCKETS_MAX = 256, ASKING_EXCHANGES_MAX = 128, ASKING_WAITERS_MAX = 64 };

struct asking_socket {
    attempt_id attempt; /* 0: closed */
    struct ipendpoint server;
    uint16_t port;
    bool tcp;
    unsigned strays;
};

struct asking {
    struct node *node;
    struct exchange_table *table;
    /* Where questions to `server` come from; false: it cannot be reached. */
    bool (*source)(const struct node *n, const struct ipaddr *server, struct ipaddr *ret);
    /* An exchange is over (EXCHANGE_DONE). */
    void (*done)(struct node *n, const struct exchange_event *done);
    struct asking_socket sockets[ASKING_SOCKETS_MAX];
    struct siphash_key cookie_key;
    bool rests; /* a pump runs, or what it would do is to wait: asking_pump does nothing */
};

/* node, source and done are set. 0 or -ENOMEM. */
MUST_CHECK int asking_open(struct asking *a);
void asking_close(struct asking *a); /* what waits is forgotten; takes one that is closed */
/* Does what the table wants, after each call of it. */
void asking_pump(struct asking *a);
/* True: it was a reply to one of its questions, or pretended to be. */
bool asking_hear(struct asking *a, const struct packet *p);

#endif
