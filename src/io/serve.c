/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See serve.h. One poll(2) over the listening sockets, a wake-up and at most SERVE_CLIENTS_MAX clients: so few that
 * an array looked through at each turn is the simplest thing that works, and no event library is needed by who
 * needs no more than this.
 *
 * At each moment it is somebody's turn with a client: the client's to take what was written, ours to write the
 * next piece, or the client's to send a request. Patience is for the client's turns alone.
 */
#include "io/serve.h"
#include "base/clock.h"
#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

/* After running out of descriptors: a listener that stays readable must not keep the thread busy. */
#define ACCEPT_REST (200 * NSEC_PER_MSEC)

struct connection {
    struct serve_client client; /* service NULL: a free place */
    char *in;                   /* request_max bytes */
    size_t in_len;
    bool answering, waiting; /* a request is being answered; waiting: for server_wake */
    bool looked_at;          /* what is in `in` is no whole request */
    bool ended;              /* the client sends no more */
    nsec_t since, progress;
};

struct listener {
    const struct serve_service *service;
    int fd;
};

struct server {
    struct server_settings set;
    int wake;
    atomic_bool stop;
    nsec_t tick_at;
    nsec_t rest_until; /* out of descriptors: nobody is taken before */
    unsigned n_listeners;
    struct listener listeners[SERVE_SERVICES_MAX];
    struct connection connections[SERVE_CLIENTS_MAX];
};

/* --- a connection --- */

static void close_connection(struct connection *c)
{
    if (c->client.service->gone)
        c->client.service->gone(&c->client);
    close(c->client.fd);
    free(c->client.state);
    text_fini(&c->client.out);
    free(c->in);
    *c = (struct connection){0};
}

/* It is the client's turn. */
static bool clients_turn(const struct connection *c)
{
    return c->client.out.len > 0 || !c->answering;
}

/* The next request may be taken from what has come. */
static bool may_take(const struct connection *c)
{
    return !c->answering && !c->client.last && c->client.out.len == 0;
}

static bool has_unread(const struct connection *c)
{
    return c->in_len > 0 && !c->looked_at;
}

static short events_of(const struct connection *c)
{
    if (c->client.out.len > 0)
        return POLLOUT;
    return may_take(c) && !has_unread(c) && !c->ended ? POLLIN : 0;
}

static void take_request(struct connection *c)
{
    const struct serve_service *service = c->client.service;
    if (!may_take(c) || !has_unread(c))
        return;
    int used = service->request(&c->client, c->in, c->in_len);
    if (used > 0) {
        c->in_len -= (size_t)used;
        memmove(c->in, c->in + used, c->in_len);
        c->answering = true;
    } else if (used < 0 || c->in_len == service->request_max) {
        c->client.last = true;
    } else {
        c->looked_at = true;
    }
}

/* Our turn: a request is taken, a piece of its answer made, and what can go goes. False: it is over with this
 * client. */
static bool proceed(struct connection *c, nsec_t now)
{
    struct serve_client *client = &c->client;
    take_request(c);
    if (c->answering && client->out.len == 0 && !c->waiting) {
        enum serve_state state = client->service->answer(client);
        c->answering = state != SERVE_DONE;
        c->waiting = state == SERVE_WAIT;
        c->progress = now;
    }
    if (client->out.failed)
        return false;
    if (client->out.len == 0)
        return c->answering || (!client->last && (has_unread(c) || !c->ended));
    ssize_t n = send(client->fd, client->out.bytes, client->out.len, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n < 0)
        return errno == EAGAIN || errno == EINTR;
    if (n > 0)
        c->progress = now;
    text_drop(&client->out, (size_t)n);
    return true;
}

static bool receive(struct connection *c, nsec_t now)
{
    size_t room = c->client.service->request_max - c->in_len;
    ssize_t n = recv(c->client.fd, c->in + c->in_len, room, MSG_DONTWAIT);
    if (n < 0)
        return errno == EAGAIN || errno == EINTR;
    c->ended = n == 0;
    c->in_len += (size_t)n;
    c->looked_at = false;
    c->progress = now;
    return true;
}

/* Something happened, or it is our turn anyway. */
static void serve(struct connection *c, short events, nsec_t now)
{
    bool open = true;
    if ((events & POLLIN) && (events_of(c) & POLLIN))
        open = receive(c, now);
    else if (events & (POLLERR | POLLHUP | POLLNVAL))
        open = false;
    if (!open || !proceed(c, now))
        close_connection(c);
}

/* There is something to do for it without anything happening. */
static bool is_our_turn(const struct connection *c)
{
    if (c->client.out.len > 0 || c->waiting)
        return false;
    return c->answering || c->client.last || has_unread(c) || c->ended;
}

/* --- clients come --- */

static struct connection *place_for(struct server *s, const struct serve_service *service)
{
    struct connection *idle = NULL, *free_place = NULL;
    unsigned n = 0;
    for (unsigned i = 0; i < SERVE_CLIENTS_MAX; i++) {
        struct connection *c = &s->connections[i];
        if (!c->client.service) {
            free_place = c;
            continue;
        }
        if (c->client.service != service)
            continue;
        n++;
        if (!idle || c->progress < idle->progress)
            idle = c;
    }
    if (free_place && n < service->clients_max)
        return free_place;
    if (idle)
        close_connection(idle);
    return idle;
}

static void welcome(struct server *s, const struct serve_service *service, int fd, nsec_t now)
{
    struct connection *c = place_for(s, service);
    char *in = malloc(service->request_max);
    void *state = calloc(1, service->state_size ? service->state_size : 1);
    if (!c || !in || !state) {
        free(in);
        free(state);
        close(fd);
        return;
    }
    *c = (struct connection){
        .client = {.service = service, .state = state, .fd = fd},
        .in = in,
        .since = now,
        .progress = now,
    };
}

static void accept_clients(struct server *s, const struct listener *l, nsec_t now)
{
    int fd = accept4(l->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0)
        welcome(s, l->service, fd, now);
    else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
        s->rest_until = now + ACCEPT_REST;
}

/* --- the loop --- */

static nsec_t ends_at(const struct connection *c)
{
    nsec_t end = NSEC_NEVER, lifetime = c->client.service->lifetime;
    if (clients_turn(c))
        end = c->progress + c->client.service->patience;
    if (lifetime != NSEC_NEVER && c->since + lifetime < end)
        end = c->since + lifetime;
    return end;
}

/* Milliseconds to wait in poll. */
static int wait_ms(const struct server *s, nsec_t now)
{
    nsec_t first = s->tick_at;
    if (now < s->rest_until && s->rest_until < first)
        first = s->rest_until;
    for (unsigned i = 0; i < SERVE_CLIENTS_MAX; i++) {
        const struct connection *c = &s->connections[i];
        if (!c->client.service)
            continue;
        if (is_our_turn(c))
            return 0;
        nsec_t end = ends_at(c);
        first = end < first ? end : first;
    }
    if (first == NSEC_NEVER)
        return -1;
    nsec_t ms = (first - now + NSEC_PER_MSEC - 1) / NSEC_PER_MSEC;
    return ms < 0 ? 0 : ms > 3600000 ? 3600000 : (int)ms;
}

static void tick(struct server *s, bool woken, nsec_t now)
{
    if (!s->set.tick)
        s->tick_at = NSEC_NEVER;
    else if (woken || now >= s->tick_at)
        s->tick_at = s->set.tick(s->set.arg, now);
    for (unsigned i = 0; woken && i < SERVE_CLIENTS_MAX; i++)
        s->connections[i].waiting = false;
}

static bool drain_wake(const struct server *s)
{
    uint64_t times;
    return read(s->wake, &times, sizeof(times)) == sizeof(times);
}

enum { PLACES = 1 + SERVE_SERVICES_MAX + SERVE_CLIENTS_MAX };

/* What poll is to watch: the wake-up, the listeners, the clients in the order of their places. None but what is open: poll
 * takes no list that is longer than the process may have descriptors. */
static nfds_t fill(const struct server *s, nsec_t now, struct pollfd list[static PLACES])
{
    nfds_t n = 0;
    list[n++] = (struct pollfd){.fd = s->wake, .events = POLLIN};
    for (unsigned i = 0; i < s->n_listeners; i++)
        list[n++] = (struct pollfd){.fd = now >= s->rest_until ? s->listeners[i].fd : -1, .events = POLLIN};
    for (unsigned i = 0; i < SERVE_CLIENTS_MAX; i++) {
        const struct connection *c = &s->connections[i];
        if (c->client.service)
            list[n++] = (struct pollfd){.fd = c->client.fd, .events = events_of(c)};
    }
    return n;
}

static void turn(struct server *s)
{
    struct pollfd list[PLACES];
    nsec_t now = monotonic_now();
    nfds_t watched = fill(s, now, list);
    if (poll(list, watched, wait_ms(s, now)) < 0)
        return;
    now = monotonic_now();
    tick(s, list[0].revents && drain_wake(s), now);
    const struct pollfd *at = list + 1 + s->n_listeners;
    for (unsigned i = 0; i < SERVE_CLIENTS_MAX; i++) {
        struct connection *c = &s->connections[i];
        if (!c->client.service)
            continue;
        short events = at++->revents;
        if (now >= ends_at(c))
            close_connection(c);
        else if (events || is_our_turn(c))
            serve(c, events, now);
    }
    for (unsigned i = 0; i < s->n_listeners; i++)
        if (list[1 + i].revents)
            accept_clients(s, &s->listeners[i], now);
}

void server_run(struct server *s)
{
    while (!atomic_load(&s->stop))
        turn(s);
}

/* --- its life --- */

int server_new(const struct server_settings *settings, struct server **ret)
{
    struct server *s = calloc(1, sizeof(*s));
    if (!s)
        return -ENOMEM;
    s->set = *settings;
    s->wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (s->wake < 0) {
        int e = -errno;
        free(s);
        return e;
    }
    *ret = s;
    return 0;
}

int server_listen(struct server *s, int fd, const struct serve_service *service)
{
    if (s->n_listeners == SERVE_SERVICES_MAX) {
        close(fd);
        return -EMFILE;
    }
    s->listeners[s->n_listeners++] = (struct listener){.service = service, .fd = fd};
    return 0;
}

void server_wake(struct server *s)
{
    uint64_t once = 1;
    ssize_t n = write(s->wake, &once, sizeof(once));
    (void)n; /* full: it is awake */
}

void server_stop(struct server *s)
{
    atomic_store(&s->stop, true);
    server_wake(s);
}

void server_free(struct server *s)
{
    if (!s)
        return;
    for (unsigned i = 0; i < SERVE_CLIENTS_MAX; i++)
        if (s->connections[i].client.service)
            close_connection(&s->connections[i]);
    for (unsigned i = 0; i < s->n_listeners; i++)
        close(s->listeners[i].fd);
    close(s->wake);
    free(s);
}
