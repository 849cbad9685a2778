/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the driver is told to do. Each exchange with something to say stands once in a queue; what it has to
 * say is read off its state: open attempts of an ended exchange are to be closed, queued attempts of a running
 * one to be sent. So nothing is allocated for an event, none is lost, and nothing is sent after the end. A
 * delivered exchange goes back to the pool at the next exchange_next, not before: its waiters may ask new
 * questions while they look at their answer.
 */
#include "libiothdns/exchange_table.h"

#include <string.h>

void make_urgent(struct exchange_table *t, struct exchange *x)
{
    if (x->urgent)
        return;
    x->urgent = true;
    x->next_urgent = NULL;
    *t->last_urgent = x;
    t->last_urgent = &x->next_urgent;
}

/* Takes the first exchange out of the queue. */
static void calm_down(struct exchange_table *t)
{
    struct exchange *x = t->urgent;

    t->urgent = x->next_urgent;
    if (!t->urgent)
        t->last_urgent = &t->urgent;
    x->urgent = false;
}

static struct attempt *attempt_to_close(struct exchange *x)
{
    for (unsigned i = 0; i < x->n_attempts; i++) {
        struct attempt *a = &x->attempts[i];
        if (a->state == ATTEMPT_OVER || (x->ended && a->state == ATTEMPT_OPEN))
            return a;
    }
    return NULL;
}

static struct attempt *attempt_to_send(struct exchange *x)
{
    for (unsigned i = 0; i < x->n_attempts; i++) {
        if (x->attempts[i].state == ATTEMPT_QUEUED && !x->ended)
            return &x->attempts[i];
    }
    return NULL;
}

/* What it needs of randomness: an id, and a bit for each byte of the name. */
static void draw(const struct exchange_table *t, const struct exchange *x, struct query_sent *query)
{
    uint8_t bytes[sizeof(query->id) + SPELLING_LEN];
    size_t spelling_len = query->caseless ? 0 : (x->question.name_len + 7U) / 8;

    t->settings.random(t->settings.arg, bytes, sizeof(query->id) + spelling_len);
    memcpy(&query->id, bytes, sizeof(query->id));
    memcpy(query->spelling, bytes + sizeof(query->id), spelling_len);
}

static struct exchange_event send_event(struct exchange_table *t, struct exchange *x, struct attempt *a)
{
    const struct peer *p = &x->peers[a->peer];

    a->state = ATTEMPT_OPEN;
    if (a->query.tcp)
        t->stats.sent_tcp++;
    else
        t->stats.sent_udp++;
    draw(t, x, &a->query);
    return (struct exchange_event){
        .kind = EXCHANGE_SEND,
        .attempt = id_of(x, a),
        .tcp = a->query.tcp,
        .server = p->endpoint,
        .bytes = t->message,
        .len = query_write(&x->question, &a->query, state_of(t, p), t->message),
    };
}

static struct exchange_event close_event(struct exchange *x, struct attempt *a)
{
    a->state = ATTEMPT_CLOSED;
    return (struct exchange_event){.kind = EXCHANGE_CLOSE, .attempt = id_of(x, a), .handle = a->handle};
}

static struct exchange_event done_event(const struct exchange *x)
{
    return (struct exchange_event){
        .kind = EXCHANGE_DONE,
        .waiters = x->waiters,
        .question = x->question,
        .servers_id = x->servers_id,
        .reply = x->reply,
        .reply_len = x->reply_len,
        .failure = x->failure,
    };
}

enum exchange_event_kind exchange_next(struct exchange_table *t, struct exchange_event *ret)
{
    struct exchange *x;
    struct attempt *a;

    if (t->delivered)
        pool_give(t, t->delivered);
    t->delivered = NULL;
    while ((x = t->urgent)) {
        if ((a = attempt_to_close(x))) {
            *ret = close_event(x, a);
            return ret->kind;
        }
        if ((a = attempt_to_send(x))) {
            *ret = send_event(t, x, a);
            return ret->kind;
        }
        calm_down(t);
        if (x->ended) {
            t->delivered = x;
            *ret = done_event(x);
            return ret->kind;
        }
    }
    *ret = (struct exchange_event){.kind = EXCHANGE_NONE};
    return EXCHANGE_NONE;
}
