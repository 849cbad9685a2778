/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The forwarder: drives an exchange table (libiothdns/exchange.h) on the sockets of an IoTh stack, in a libuv
 * loop. One for each loop, used from that loop's thread alone.
 */
#ifndef IOTHNAMED_FORWARD_H
#define IOTHNAMED_FORWARD_H

#include "libiothdns/exchange.h"
#include <uv.h>

struct forwarder;
struct ioth;

/* Questions of one forwarder that are being asked at once, and clients that wait for one of them. The first
 * bounds memory (1.5 KB each); the descriptor limit of the process bounds sockets. */
#define FORWARD_EXCHANGES_MAX 10000
#define FORWARD_WAITERS_MAX   1000

/* An exchange is over (see EXCHANGE_DONE): `waiters` is the chain of who waited, now the callee's. `done` and
 * what it points to are valid until this returns, also while it asks new questions. Called from the loop,
 * never from within forwarder_ask; it must not close the forwarder. */
typedef void forward_done(struct exchange_waiter *waiters, const struct exchange_event *done, void *arg);

struct forwarder_settings {
    struct ioth
        *stack; /* on which questions go out, NULL for the default stack of the process; must outlive the
                           forwarder's closing */
    const struct siphash_key *cookie_key; /* of the cookies in our questions; is copied */
    forward_done *done;
    void *arg;
};

/* 0 or -errno. */
MUST_CHECK int forwarder_new(uv_loop_t *loop, const struct forwarder_settings *settings,
                             struct forwarder **ret);
/* Asks; the waiter is told by `done`, within EXCHANGE_TOTAL and the loop's own delay. 0, or an error of
 * exchange_ask, or -ECANCELED when the forwarder is closing; then the waiter was not taken. */
MUST_CHECK int forwarder_ask(struct forwarder *f, const struct exchange_question *question,
                             const struct exchange_servers *servers, struct exchange_waiter *waiter);
/* The same is being asked of the same servers now. */
bool forwarder_is_asking(const struct forwarder *f, const struct exchange_question *question,
                         const struct exchange_servers *servers);
/* Ends all exchanges (`done` is called for each, as failed, before this returns) and closes the forwarder's
 * handles; once they are closed, `closed` is called (NULL: nobody). Once for each forwarder. */
void forwarder_close(struct forwarder *f, void (*closed)(void *arg), void *arg);
/* After the handles are closed: from `closed` on, or after uv_run has returned. Takes NULL. */
void forwarder_free(struct forwarder *f);
/* Counters since its making. From the loop's thread. */
void forwarder_stats(const struct forwarder *f, struct exchange_stats *ret);
/* The servers it remembers, at most max. Their number. From the loop's thread. */
unsigned forwarder_servers(const struct forwarder *f, struct exchange_server *ret, unsigned max);

#endif
