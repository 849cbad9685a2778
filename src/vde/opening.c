/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See opening.h. vde_open has no bound: a switch that is stopped, or hostile, takes the connection and never answers, or lets it
 * wait in a full queue for ever. libvdeplug keeps the socket to itself until then, so nobody can end that. Hence each attempt
 * has a thread, which is left alone with it when time is up: whoever comes last, the thread with its result or the owner who
 * gives up, frees what they share.
 *
 * vde_open and vde_close run one at a time in what links this room: they use what the whole process shares (getpwuid(3), the
 * environment), at their beginning. Who is at it for longer than TURN waits for his network, and no longer keeps the others out.
 * Who closes has a loop to go on with: when it is another's turn a thread waits for it and closes then.
 *
 * The thread has what its maker has: capabilities, namespaces, the filter of system calls. A library whose code such a thread
 * runs must not be unloaded: whatever links this room is marked so.
 */
#include "vde/opening.h"

#include "base/clock.h"
#include "base/thread.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define TURN NSEC_PER_SEC /* what is shared takes microseconds, on a busy machine too far less than this */

struct opening {
    pthread_t thread; /* the owner's to join, or to let go */
    VDECONN *conn;
    int error; /* 0 or negative errno */
    bool is_over, is_abandoned;
    char descr[32];
    char vnl[];
};

/* One lock for all openings and for the turn. Nobody waits for a network with it. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static struct {
    const void *holder; /* NULL: nobody */
    nsec_t until;       /* others take it then */
} turn;

/* Waits for a change, under the lock, but not beyond `until`. */
static void wait_for_change(nsec_t until)
{
    const struct timespec ts = timespec_of(until);

    pthread_cond_clockwait(&changed, &lock, CLOCK_MONOTONIC, &ts);
}

/* --- one at a time --- */

/* False: it is another's, and who does not wait has not got it. Who waits has. */
static bool take_turn(const void *who, bool waits)
{
    pthread_mutex_lock(&lock);
    while (waits && turn.holder && monotonic_now() < turn.until)
        wait_for_change(turn.until);
    nsec_t now = monotonic_now();
    bool is_mine = !turn.holder || now >= turn.until;
    if (is_mine) {
        turn.holder = who;
        turn.until = now + TURN;
    }
    pthread_mutex_unlock(&lock);
    return is_mine;
}

/* Under the lock. */
static void end_turn(const void *who)
{
    if (turn.holder == who)
        turn.holder = NULL;
    pthread_cond_broadcast(&changed);
}

/* In one's turn. */
static void close_now(VDECONN *conn)
{
    vde_close(conn);
    pthread_mutex_lock(&lock);
    end_turn(conn);
    pthread_mutex_unlock(&lock);
}

static void *close_in_turn(void *conn)
{
    take_turn(conn, true);
    close_now(conn);
    return NULL;
}

void opening_close(VDECONN *conn)
{
    pthread_t thread;

    if (!conn)
        return;
    if (take_turn(conn, false))
        close_now(conn);
    else if (thread_start(&thread, close_in_turn, conn) == 0)
        pthread_detach(thread);
    else
        close_in_turn(conn);
}

/* --- an opening --- */

static void *open_it(void *arg)
{
    struct opening *o = arg;

    take_turn(o, true);
    errno = 0;
    VDECONN *conn = vde_open(o->vnl, o->descr, NULL);
    int e = conn ? 0 : errno ? -errno : -ENODEV;

    pthread_mutex_lock(&lock);
    o->conn = conn;
    o->error = e;
    o->is_over = true;
    bool is_ours = o->is_abandoned;
    end_turn(o);
    pthread_mutex_unlock(&lock);
    if (is_ours) {
        opening_close(conn);
        free(o);
    }
    return NULL;
}

int opening_begin(const char *vnl, const char *descr, struct opening **ret)
{
    size_t size = strlen(vnl) + 1;
    struct opening *o = calloc(1, sizeof(*o) + size);

    if (!o)
        return -ENOMEM;
    memcpy(o->vnl, vnl, size);
    strncpy(o->descr, descr, sizeof(o->descr) - 1);
    int e = thread_start(&o->thread, open_it, o);
    if (e < 0)
        free(o);
    else
        *ret = o;
    return e;
}

int opening_take(struct opening *o, nsec_t until, VDECONN **ret)
{
    pthread_mutex_lock(&lock);
    while (!o->is_over && monotonic_now() < until)
        wait_for_change(until);
    bool is_over = o->is_over;
    pthread_mutex_unlock(&lock);
    if (!is_over)
        return -EINPROGRESS;
    pthread_join(o->thread, NULL);
    int e = o->error;
    if (e == 0)
        *ret = o->conn;
    free(o);
    return e;
}

void opening_abandon(struct opening *o)
{
    VDECONN *conn = NULL;

    if (!o)
        return;
    pthread_mutex_lock(&lock);
    bool is_over = o->is_over;
    o->is_abandoned = true;
    if (!is_over)
        pthread_detach(o->thread);
    pthread_mutex_unlock(&lock);
    if (is_over && opening_take(o, 0, &conn) == 0)
        opening_close(conn);
}
