/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Look-ups that do not wait. A session has a channel of its own, whose sockets stand behind one descriptor of epoll, and a
 * heap of the deadlines that callers gave.
 *
 * A look-up is among the running ones, or its question is over and it is among the ended ones. iothdns_dispatch goes through
 * those that have ended by then: the search goes on with the next name, or the caller is told and the look-up freed. What
 * ends in the course of that (a question that could not be sent at once, a look-up that a callback starts) is for the next
 * call, which the deadline asks for at once: so a callback never runs inside lookup_start, and dispatch always returns.
 */
#include "base/clock.h"
#include "base/heap.h"
#include "libiothdns/ask.h"
#include "libiothdns/channel.h"
#include "libiothdns/packet.h"
#include "libiothdns/search.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

/* Look-ups of one session at once: half of the sockets that a channel may have, so each can ask twice. */
#define LOOKUPS_MAX (OUTLETS_MAX / 2)

struct iothdns_lookup {
    struct channel_question question; /* the first member */
    struct heap_node timer;
    struct iothdns_session *session;
    struct iothdns_lookup *next, **at; /* among the running, or the ended ones */
    struct search search;
    char *name;
    uint16_t type;
    bool expired; /* its caller waits no longer */
    bool telling; /* its callback runs */
    iothdns_done_t *done;
    void *arg;
};

struct iothdns_session {
    struct iothdns *d;
    struct channel *channel;
    struct heap timers;
    struct iothdns_lookup *running, *ended, **last_ended;
    unsigned n_lookups;
};

/* --- lists --- */

static void unlink_lookup(struct iothdns_lookup *l)
{
    struct iothdns_session *s = l->session;

    *l->at = l->next;
    if (l->next)
        l->next->at = l->at;
    else if (s->last_ended == &l->next)
        s->last_ended = l->at;
}

static void add_running(struct iothdns_lookup *l)
{
    struct iothdns_session *s = l->session;

    l->next = s->running;
    l->at = &s->running;
    if (l->next)
        l->next->at = &l->next;
    s->running = l;
}

static void add_ended(struct iothdns_lookup *l)
{
    struct iothdns_session *s = l->session;

    l->next = NULL;
    l->at = s->last_ended;
    *s->last_ended = l;
    s->last_ended = &l->next;
}

/* --- one look-up --- */

static struct iothdns_lookup *lookup_of_timer(struct heap_node *timer)
{
    return (struct iothdns_lookup *)((char *)timer - offsetof(struct iothdns_lookup, timer));
}

static void on_question_ended(struct channel_question *q)
{
    struct iothdns_lookup *l = (struct iothdns_lookup *)q;

    unlink_lookup(l);
    add_ended(l);
}

/* Asks for the name at which the search is. It is among the running ones, or over. */
static void ask(struct iothdns_lookup *l)
{
    struct channel_question *q = &l->question;

    add_running(l);
    *q = (struct channel_question){.ended = on_question_ended};
    int error = channel_ask(l->session->channel, l->search.conf, l->search.wire, l->type, l->search.flags, q);
    if (error < 0) {
        q->over = true;
        q->error = error;
        on_question_ended(q);
    }
}

/* Forgets it. It is in no list and no question of it is under way. */
static void free_lookup(struct iothdns_lookup *l)
{
    heap_remove(&l->session->timers, &l->timer);
    l->session->n_lookups--;
    free(l->question.reply);
    search_fini(&l->search);
    resolve_conf_put(l->search.conf);
    free(l->name);
    free(l);
}

static void tell(struct iothdns_lookup *l)
{
    char qname[IOTHDNS_MAXNAME];
    const struct search *s = &l->search;
    struct iothdns_header header;
    struct iothdns_pkt pkt;
    int error = s->error;

    if (error == -ENOENT && s->flags & IOTHDNS_ASK_ANYREPLY && s->reply)
        error = 0;
    if (error == 0)
        error = packet_read(&pkt, &header, s->reply, s->reply_len, qname);
    if (error == 0)
        pkt.r.hides_opt = true;
    l->telling = true;
    l->done(l, -error, error == 0 ? &header : NULL, error == 0 ? &pkt : NULL, l->arg);
}

/* Its question is over: true: it has been told, and is no more. */
static bool advance(struct iothdns_lookup *l)
{
    struct channel_question *q = &l->question;
    bool at_end = search_take(&l->search, q->error, q->reply, q->reply_len);

    q->reply = NULL;
    if (!at_end && search_next(&l->search) > 0) {
        if (!l->expired) {
            ask(l);
            return false;
        }
        search_take(&l->search, -ETIMEDOUT, NULL, 0);
    }
    tell(l);
    free_lookup(l);
    return true;
}

static int prepare(struct iothdns_lookup *l, int flags, nsec_t deadline)
{
    const struct resolvconf *conf = resolve_conf_get(l->session->d);

    search_init(&l->search, conf, l->name, flags);
    int error = search_next(&l->search);
    if (error == 0)
        error = -ENAMETOOLONG; /* below all of the search list */
    else if (deadline != NSEC_NEVER)
        error = error < 0 ? error : heap_set(&l->session->timers, &l->timer, deadline);
    if (error < 0)
        resolve_conf_put(conf);
    return error < 0 ? error : 0;
}

static int new_lookup(struct iothdns_session *session, const char *name, struct iothdns_lookup **ret)
{
    if (session->n_lookups == LOOKUPS_MAX)
        return -ENOBUFS;
    struct iothdns_lookup *l = calloc(1, sizeof(*l));
    if (!l)
        return -ENOMEM;
    l->name = strdup(name);
    if (!l->name) {
        free(l);
        return -ENOMEM;
    }
    l->session = session;
    *ret = l;
    return 0;
}

struct iothdns_lookup *iothdns_lookup_start(struct iothdns_session *session, const char *name, int qtype,
                                            int flags, int timeout_ms, iothdns_done_t *done, void *arg)
{
    struct iothdns_lookup *l;
    int error = qtype < 0 || qtype > UINT16_MAX ? -EINVAL : new_lookup(session, name, &l);

    if (error < 0) {
        errno = -error;
        return NULL;
    }
    l->type = (uint16_t)qtype;
    l->done = done;
    l->arg = arg;
    error = prepare(l, flags, ask_deadline(session->d, timeout_ms));
    if (error < 0) {
        free(l->name);
        free(l);
        errno = -error;
        return NULL;
    }
    session->n_lookups++;
    ask(l);
    return l;
}

void iothdns_lookup_cancel(struct iothdns_lookup *lookup)
{
    if (!lookup || lookup->telling)
        return;
    unlink_lookup(lookup);
    channel_cancel(lookup->session->channel, &lookup->question);
    free_lookup(lookup);
}

/* --- the session --- */

struct iothdns_session *iothdns_session_open(struct iothdns *iothdns)
{
    struct iothdns_session *s = calloc(1, sizeof(*s));

    if (!s)
        return NULL;
    s->d = iothdns;
    s->last_ended = &s->ended;
    int error = channel_new(iothdns, LOOKUPS_MAX, true, &s->channel);
    if (error < 0) {
        free(s);
        errno = -error;
        return NULL;
    }
    return s;
}

void iothdns_session_close(struct iothdns_session *session)
{
    if (!session)
        return;
    while (session->running)
        iothdns_lookup_cancel(session->running);
    while (session->ended)
        iothdns_lookup_cancel(session->ended);
    heap_fini(&session->timers);
    channel_free(session->channel);
    free(session);
}

int iothdns_session_fd(const struct iothdns_session *session)
{
    return channel_fd(session->channel);
}

int64_t iothdns_session_deadline(const struct iothdns_session *session)
{
    nsec_t questions = channel_deadline(session->channel), callers = heap_deadline(&session->timers);

    if (session->ended)
        return 0;
    return questions < callers ? questions : callers;
}

int iothdns_session_timeout(const struct iothdns_session *session)
{
    nsec_t deadline = iothdns_session_deadline(session), now = monotonic_now();

    if (deadline == NSEC_NEVER)
        return -1;
    if (deadline <= now)
        return 0;
    nsec_t ms = (deadline - now + NSEC_PER_MSEC - 1) / NSEC_PER_MSEC;
    return ms < INT_MAX ? (int)ms : INT_MAX;
}

/* Those whose callers wait no longer. */
static void expire(struct iothdns_session *s)
{
    nsec_t now = monotonic_now();

    while (heap_deadline(&s->timers) <= now) {
        struct iothdns_lookup *l = lookup_of_timer(heap_first(&s->timers));
        heap_remove(&s->timers, &l->timer);
        l->expired = true;
        if (l->question.over)
            continue; /* it is among the ended ones */
        unlink_lookup(l);
        channel_cancel(s->channel, &l->question);
        add_ended(l);
    }
}

int iothdns_dispatch(struct iothdns_session *session)
{
    int told = 0, error = channel_dispatch(session->channel);

    expire(session);
    unsigned count = 0;
    for (const struct iothdns_lookup *l = session->ended; l; l = l->next)
        count++;
    for (; count > 0 && session->ended; count--) {
        struct iothdns_lookup *l = session->ended;
        unlink_lookup(l);
        told += advance(l);
    }
    if (error == 0 || told > 0)
        return told;
    errno = -error;
    return -1;
}
