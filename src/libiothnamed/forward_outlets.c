/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The sockets to upstream servers. A socket for each question costs five system calls (socket, bind, connect,
 * epoll_ctl, close) and twice the time of the question itself; so they are shared, in a way that leaves
 * forgers where they were:
 *
 * - A UDP socket has a random port and is connected to one server (libiothdns/upstream/upstream_socket.h).
 * - A question chooses one of UDP_SLOTS sockets by chance, so nobody who sees or causes one question knows the
 * port of the next. A forger must still hit port, id and letter case at once; equal questions are asked once,
 * so he has no birthdays.
 * - Sockets retire after UDP_USES_MAX questions or UDP_LIFE, answered or not. A search for open ports from
 * outside takes longer: what such a search lives on, answers to probes, comes a thousand times a second at
 * best, so in ten seconds it has seen a seventh of the ports, and those that it found are gone.
 * - Whoever finds a port all the same has UDP_STRAYS_MAX tries: then the socket retires, and the questions on it
 * go on over TCP (exchange_guessed). Late answers to questions given up do not count.
 *
 * An outlet that has retired closes with its last flight. Its struct is used again when libuv has let go of it, which is
 * never within one of its calls.
 */
#include "libiothnamed/forward_sockets.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* --- routes --- */

static struct route **bucket_of(struct forwarder *f, const struct ipendpoint *server)
{
    uint8_t key[sizeof(server->addr.b) + sizeof(server->port)];

    memcpy(key, server->addr.b, sizeof(server->addr.b));
    memcpy(key + sizeof(server->addr.b), &server->port, sizeof(server->port));
    return &f->routes[siphash(&f->route_key, key, sizeof(key)) % ROUTE_BUCKETS];
}

struct route *route_to(struct forwarder *f, const struct ipendpoint *server)
{
    struct route **bucket = bucket_of(f, server);

    for (struct route *r = *bucket; r; r = r->next)
        if (r->server.port == server->port && ipaddr_equal(&r->server.addr, &server->addr))
            return r;
    struct route *r = calloc(1, sizeof(*r));
    if (!r)
        return NULL;
    r->server = *server;
    r->next = *bucket;
    *bucket = r;
    return r;
}

/* Those without outlets. */
static void forget_routes(struct forwarder *f)
{
    for (unsigned i = 0; i < ROUTE_BUCKETS; i++) {
        struct route **at = &f->routes[i];
        while (*at) {
            struct route *r = *at;
            if (r->n_outlets > 0) {
                at = &r->next;
                continue;
            }
            *at = r->next;
            free(r);
        }
    }
}

/* --- outlets --- */

static struct outlet *outlet_new(struct forwarder *f)
{
    struct outlet *o = f->free;

    if (!o)
        return malloc(sizeof(*o));
    f->free = o->next;
    return o;
}

static void on_closed(uv_handle_t *poll)
{
    struct outlet *o = poll->data;
    struct forwarder *f = o->forwarder;

    o->next = f->free;
    f->free = o;
    forwarder_handle_closed(f);
}

static void outlet_close(struct outlet *o)
{
    uv_close((uv_handle_t *)&o->poll, on_closed);
    ioth_close(o->fd);
    o->fd = -1;
    free(o->stream.in);
    free(o->stream.out);
    o->route->n_outlets--;
    *o->at = o->next;
    if (o->next)
        o->next->at = o->at;
}

void outlet_retire(struct outlet *o)
{
    if (o->slot)
        *o->slot = NULL;
    o->slot = NULL;
    if (o->fd >= 0 && o->n_flights == 0)
        outlet_close(o);
}

/* At an error pending on the socket libuv stops; whoever reads or writes then is told it. */
static void on_ready(uv_poll_t *poll, int status, int events)
{
    struct outlet *o = poll->data;

    if (status < 0) {
        events = UV_READABLE | UV_WRITABLE;
        o->watched = 0;
    }
    if (o->tcp)
        tcp_serve(o->forwarder, o, events);
    else
        udp_serve(o->forwarder, o);
    if (o->fd >= 0 && outlet_watch(o) < 0)
        outlet_retire(o);
}

int outlet_watch(struct outlet *o)
{
    bool sending = o->tcp && (o->stream.connecting || o->stream.out_start < o->stream.out_end);
    int wanted = UV_READABLE | (sending ? UV_WRITABLE : 0);

    if (o->watched == wanted)
        return 0;
    int error = uv_poll_start(&o->poll, wanted, on_ready);
    o->watched = error == 0 ? wanted : 0;
    return error;
}

/* Puts it among the open ones. */
static void enter(struct forwarder *f, struct outlet *o)
{
    o->next = f->open;
    o->at = &f->open;
    if (o->next)
        o->next->at = &o->next;
    f->open = o;
    f->open_handles++;
    o->route->n_outlets++;
}

int outlet_open(struct forwarder *f, struct route *route, bool tcp, struct outlet **slot)
{
    const struct upstream_draw draw = {forwarder_draw, f};
    int fd = upstream_socket(f->set.stack, &route->server, tcp, f->fd_max, &draw);

    if (fd < 0)
        return fd;
    struct outlet *o = outlet_new(f);
    if (!o) {
        ioth_close(fd);
        return -ENOMEM;
    }
    *o = (struct outlet){.forwarder = f, .route = route, .slot = slot, .fd = fd, .tcp = tcp, .poll.data = o};
    o->opened_at = o->idle_since = forwarder_now();
    o->stream.connecting = tcp;
    int error = uv_poll_init(f->loop, &o->poll, fd);
    if (error < 0) {
        ioth_close(fd);
        o->next = f->free;
        f->free = o;
        return error;
    }
    enter(f, o);
    *slot = o;
    error = outlet_watch(o);
    if (error < 0)
        outlet_retire(o);
    return error;
}

static bool is_stale(const struct outlet *o, nsec_t now)
{
    return o->tcp ? o->n_flights == 0 && now - o->idle_since >= TCP_IDLE : now - o->opened_at >= UDP_LIFE;
}

bool outlets_sweep(struct forwarder *f, nsec_t now)
{
    for (struct outlet *o = f->open, *next; o; o = next) {
        next = o->next;
        if (is_stale(o, now))
            outlet_retire(o);
    }
    forget_routes(f);
    return f->open != NULL;
}

/* --- flights --- */

struct flight *flight_new(struct forwarder *f, struct outlet *o, attempt_id attempt, uint16_t id)
{
    struct flight *flight = f->free_flights;

    if (flight)
        f->free_flights = flight->next;
    else
        flight = malloc(sizeof(*flight));
    if (!flight)
        return NULL;
    *flight = (struct flight){.next = o->flights,
                              .at = &o->flights,
                              .outlet = o,
                              .attempt = attempt,
                              .id = id,
                              .sent_at = forwarder_now()};
    if (flight->next)
        flight->next->at = &flight->next;
    o->flights = flight;
    o->n_flights++;
    o->uses++;
    return flight;
}

struct flight *flight_by_id(const struct outlet *o, uint16_t id)
{
    struct flight *flight = o->flights;

    while (flight && flight->id != id)
        flight = flight->next;
    return flight;
}

/* Takes it off its outlet. */
static void land(struct flight *flight)
{
    *flight->at = flight->next;
    if (flight->next)
        flight->next->at = flight->at;
    flight->outlet->n_flights--;
    flight->outlet = NULL;
}

/* A question given up on a connection of which nothing has been heard since it was sent: nobody may be there any more. */
static bool seems_dead(const struct outlet *o, const struct flight *flight)
{
    return o->tcp && !flight->answered && o->stream.heard_at < flight->sent_at;
}

void flight_close(struct forwarder *f, struct flight *flight)
{
    if (!flight)
        return;
    struct outlet *o = flight->outlet;
    if (o) {
        land(flight);
        o->owed += !flight->answered;
        o->idle_since = forwarder_now();
        if (!o->slot || seems_dead(o, flight))
            outlet_retire(o);
    }
    flight->next = f->free_flights;
    f->free_flights = flight;
}

void outlet_end(struct forwarder *f, struct outlet *o,
                void (*end)(struct exchange_table *t, attempt_id attempt, nsec_t now))
{
    if (o->slot)
        *o->slot = NULL;
    o->slot = NULL;
    while (o->flights) {
        struct flight *flight = o->flights;
        land(flight); /* it goes when the table closes its attempt */
        end(f->table, flight->attempt, forwarder_now());
    }
    outlet_close(o);
}

void outlets_close(struct forwarder *f)
{
    while (f->open)
        outlet_close(f->open);
    forget_routes(f);
}

void outlets_free(struct forwarder *f)
{
    while (f->free) {
        struct outlet *o = f->free;
        f->free = o->next;
        free(o);
    }
    while (f->free_flights) {
        struct flight *flight = f->free_flights;
        f->free_flights = flight->next;
        free(flight);
    }
}
