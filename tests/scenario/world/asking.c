/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Each attempt has a socket of its own, whose port is drawn by chance and which is connected to its server: what comes from
 * elsewhere, or to another port, does not reach it. More wrong replies on one socket than chance brings are told to the table, as
 * the drivers of libiothdns and iothnamed do.
 */
#include "asking.h"

#include <string.h>

enum { STRAYS_MAX = 8, PORT_FIRST = 1024 };

int asking_open(struct asking *a)
{
    struct exchange_settings settings = {.max = ASKING_EXCHANGES_MAX,
                                         .max_waiters = ASKING_WAITERS_MAX,
                                         .random = node_random,
                                         .arg = a->node};

    node_random(a->node, &a->cookie_key, sizeof(a->cookie_key));
    settings.cookie_key = a->cookie_key;
    memset(a->sockets, 0, sizeof(a->sockets));
    return exchange_table_new(&settings, &a->table);
}

void asking_close(struct asking *a)
{
    exchange_table_free(a->table);
    a->table = NULL;
}

static struct asking_socket *by_port(struct asking *a, uint16_t port)
{
    for (unsigned i = 0; i < ASKING_SOCKETS_MAX; i++)
        if (a->sockets[i].attempt && a->sockets[i].port == port)
            return &a->sockets[i];
    return NULL;
}

static struct asking_socket *open_socket(struct asking *a)
{
    struct asking_socket *s = NULL;

    for (unsigned i = 0; i < ASKING_SOCKETS_MAX && !s; i++)
        s = a->sockets[i].attempt ? NULL : &a->sockets[i];
    if (!s)
        return NULL;
    do
        s->port = (uint16_t)(PORT_FIRST + world_below(&a->node->chance, 65536 - PORT_FIRST));
    while (by_port(a, s->port));
    return s;
}

static void send_question(struct asking *a, const struct exchange_event *e)
{
    struct node *n = a->node;
    struct packet p = {.way = e->tcp ? WAY_TCP : WAY_UDP, .to = e->server, .bytes = e->bytes, .len = e->len};
    struct asking_socket *s = a->source(n, &e->server.addr, &p.from.addr) ? open_socket(a) : NULL;

    if (!s) {
        exchange_unsent(a->table, e->attempt, n->world->now);
        return;
    }
    s->attempt = e->attempt;
    s->server = e->server;
    s->tcp = e->tcp;
    s->strays = 0;
    p.from.port = s->port;
    exchange_attach(a->table, e->attempt, s);
    world_send(n, &p);
    if (!e->tcp)
        forger_notice(n, &p);
}

void asking_pump(struct asking *a)
{
    struct exchange_event e;

    if (a->rests)
        return;
    a->rests = true;
    while (exchange_next(a->table, &e) != EXCHANGE_NONE) {
        struct asking_socket *s = e.handle;
        if (e.kind == EXCHANGE_SEND)
            send_question(a, &e);
        else if (e.kind == EXCHANGE_CLOSE && s)
            s->attempt = 0;
        else if (e.kind == EXCHANGE_DONE)
            a->done(a->node, &e);
    }
    a->rests = false;
}

bool asking_hear(struct asking *a, const struct packet *p)
{
    nsec_t now = a->node->world->now;

    if ((p->way != WAY_UDP && p->way != WAY_TCP) || p->from.port != 53)
        return false;
    struct asking_socket *s = by_port(a, p->to.port);
    if (!s || s->server.port != p->from.port || !ipaddr_equal(&s->server.addr, &p->from.addr) ||
        s->tcp != (p->way == WAY_TCP))
        return true;
    attempt_id attempt = s->attempt;
    if (!exchange_input(a->table, attempt, p->bytes, p->len, now) && ++s->strays > STRAYS_MAX)
        exchange_guessed(a->table, attempt, now);
    asking_pump(a);
    return true;
}
