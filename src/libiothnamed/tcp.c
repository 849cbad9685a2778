/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The TCP frontend (RFC 7766): questions in a row on one connection, answered as the answers come. What a
 * client can hold of the server is bounded in every direction:
 *
 *   connections        `tcpmax` in all, then the one idle longest ends; `tcpclientmax` of one client
 *   questions          TCP_WAITING_MAX wait for upstream at once; then its bytes stay in the kernel
 *   answers not read   while there are any, no more of its questions are read
 *   bytes              TCP_HELD_MAX of all connections together, then the one idle longest ends
 *   time               `tcptimeout` seconds without a whole question, or a whole answer taken
 *
 * A turn of a connection is one read of all that is there, its answers gathered in a buffer that all
 * connections use in turn, and one write; only what the kernel does not take is copied. So questions that come
 * together cost two system calls together.
 *
 * All connections have the same timeout, so the list of them in order of last progress is also the order in
 * which they end, and one timer at its head serves all. Out of descriptors, the listener rests for a moment
 * and the connection idle longest goes.
 *
 * A connection that waits for upstream is held by its waiters; closed meanwhile, it goes with the last of
 * them.
 */
#include "libiothnamed/worker.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define TCP_WAITING_MAX  100
#define TCP_HELD_MAX     (64u << 20) /* a thousand answers of the largest kind that nobody reads */
#define GATHERED_MAX     (4 * (2 + DNS_MSG_MAX))
#define ACCEPTS_PER_WAKE 64
#define ACCEPT_REST_MS   100 /* after running out of descriptors */

struct buffer {
    uint8_t *bytes;
    size_t start, end, size; /* bytes[start..end) are in use */
};

struct tcp_connection {
    struct tcp_frontend *frontend;
    struct tcp_connection *older, *newer; /* by last progress */
    struct ipaddr client;
    uint64_t progress_ms; /* in the time of the loop */
    int fd;
    unsigned refs;    /* waiters, plus one while it is open */
    unsigned waiting; /* questions of it that wait for upstream */
    int watched;      /* events that the poll handle waits for */
    bool open, ended; /* ended: the client sends no more */
    struct buffer in, out;
    uv_poll_t poll;
};

struct tcp_listener {
    struct tcp_frontend *frontend;
    int fd;
    uv_poll_t poll;
};

struct tcp_frontend {
    struct worker *worker;
    unsigned n_listeners;
    bool closing;
    struct tcp_listener listeners[LISTEN_MAX];
    struct tcp_connection *oldest, *newest;
    size_t held; /* bytes in buffers of connections */
    uv_timer_t idle, rest;
    uint8_t received[2 + DNS_MSG_MAX]; /* scratch */
    size_t gathered_len;               /* answers of the connection whose turn it is, with their lengths */
    uint8_t gathered[GATHERED_MAX];
    uint8_t late[2 + DNS_MSG_MAX]; /* an answer that had to wait, for whatever connection */
};

static void close_connection(struct tcp_connection *c);
static void on_connection(uv_poll_t *poll, int status, int events);

/* --- buffers --- */

static size_t buffer_len(const struct buffer *b)
{
    return b->end - b->start;
}

static void buffer_free(struct tcp_frontend *t, struct buffer *b)
{
    t->held -= b->size;
    free(b->bytes);
    *b = (struct buffer){0};
}

static void buffer_drop(struct tcp_frontend *t, struct buffer *b, size_t n)
{
    b->start += n;
    if (b->start == b->end)
        buffer_free(t, b);
}

static int buffer_append(struct tcp_frontend *t, struct buffer *b, const void *bytes, size_t n)
{
    if (b->size - b->end < n) {
        size_t used = buffer_len(b), size = used + n < 1024 ? 1024 : (used + n) * 2;
        uint8_t *grown = t->held + size <= TCP_HELD_MAX ? malloc(size) : NULL;
        if (!grown)
            return -ENOMEM;
        if (used)
            memcpy(grown, b->bytes + b->start, used);
        buffer_free(t, b);
        *b = (struct buffer){.bytes = grown, .end = used, .size = size};
        t->held += size;
    }
    memcpy(b->bytes + b->end, bytes, n);
    b->end += n;
    return 0;
}

/* --- the list by last progress --- */

static void unlink_progress(struct tcp_connection *c)
{
    struct tcp_frontend *t = c->frontend;
    *(c->older ? &c->older->newer : &t->oldest) = c->newer;
    *(c->newer ? &c->newer->older : &t->newest) = c->older;
}

static void link_newest(struct tcp_connection *c)
{
    struct tcp_frontend *t = c->frontend;
    c->progress_ms = uv_now(&t->worker->loop);
    c->older = t->newest;
    c->newer = NULL;
    *(t->newest ? &t->newest->newer : &t->oldest) = c;
    t->newest = c;
}

static void made_progress(struct tcp_connection *c)
{
    unlink_progress(c);
    link_newest(c);
}

/* --- time --- */

static void on_idle(uv_timer_t *timer)
{
    struct tcp_frontend *t = timer->data;
    uint64_t limit_ms = t->worker->snap->config->options.tcptimeout_s * UINT64_C(1000);
    uint64_t now_ms = uv_now(&t->worker->loop);
    while (t->oldest && now_ms - t->oldest->progress_ms >= limit_ms)
        close_connection(t->oldest);
    if (t->oldest && !t->closing)
        uv_timer_start(timer, on_idle, t->oldest->progress_ms + limit_ms - now_ms, 0);
}

/* --- a connection --- */

static void release(struct tcp_connection *c)
{
    if (--c->refs == 0)
        free(c);
}

void tcp_hold(struct tcp_connection *c)
{
    c->refs++;
    c->waiting++;
}

static void unhold(struct tcp_connection *c)
{
    c->waiting--;
    release(c);
}

static void on_closed(uv_handle_t *handle)
{
    struct tcp_connection *c = handle->data;
    ioth_close(c->fd);
    release(c);
}

static void close_connection(struct tcp_connection *c)
{
    if (!c->open)
        return;
    struct tcp_frontend *t = c->frontend;
    c->open = false;
    unlink_progress(c);
    clients_give_back(t->worker->set.clients, CLIENT_CONNECTS, &c->client);
    count_down(&t->worker->counters.tcp_open, 1);
    buffer_free(t, &c->in);
    buffer_free(t, &c->out);
    uv_close((uv_handle_t *)&c->poll, on_closed);
}

static bool may_read(const struct tcp_connection *c)
{
    return !c->ended && c->waiting < TCP_WAITING_MAX && buffer_len(&c->out) == 0;
}

/* A whole question was received before there was room for its answer, and now there is. */
static bool may_answer(const struct tcp_connection *c)
{
    size_t len = buffer_len(&c->in);
    return may_read(c) && len >= 2 && len - 2 >= get_be16(c->in.bytes + c->in.start);
}

/* Waits for what the connection can do next, in a later turn of the loop; a client that has ended and has all
 * its answers is done. */
static void watch(struct tcp_connection *c)
{
    if (!c->open)
        return;
    if (c->ended && c->waiting == 0 && buffer_len(&c->out) == 0) {
        close_connection(c);
        return;
    }
    int events = (may_read(c) ? UV_READABLE : 0) | (buffer_len(&c->out) || may_answer(c) ? UV_WRITABLE : 0);
    if (events == c->watched)
        return;
    c->watched = events;
    if (events == 0)
        uv_poll_stop(&c->poll);
    else if (uv_poll_start(&c->poll, events, on_connection) < 0)
        close_connection(c);
}

/* Sends, as much as the kernel takes. The number of bytes that are gone; -1: the connection is. */
static ssize_t send_some(struct tcp_connection *c, const uint8_t *bytes, size_t len)
{
    size_t sent = 0;
    while (sent < len) {
        ssize_t n = ioth_send(c->fd, bytes + sent, len - sent, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n > 0) {
            sent += (size_t)n;
        } else if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
            break;
        } else {
            close_connection(c);
            return -1;
        }
    }
    return (ssize_t)sent;
}

/* Keeps a copy of bytes in a buffer of the connection. When all connections hold too much, those that have made no
 * progress for longest end, among those that hold something. */
static void hold(struct tcp_connection *c, struct buffer *b, const uint8_t *bytes, size_t len)
{
    struct tcp_frontend *t = c->frontend;
    struct tcp_connection *next;
    int e = buffer_append(t, b, bytes, len);
    for (struct tcp_connection *victim = t->oldest; e < 0 && victim; victim = next) {
        next = victim->newer;
        if (victim == c || victim->in.size + victim->out.size == 0)
            continue;
        close_connection(victim);
        e = buffer_append(t, b, bytes, len);
    }
    if (e < 0)
        close_connection(c);
}

/* Sends what the connection holds. */
static void flush(struct tcp_connection *c)
{
    size_t len = buffer_len(&c->out);
    if (!c->open || len == 0)
        return;
    ssize_t sent = send_some(c, c->out.bytes + c->out.start, len);
    if (sent < 0)
        return;
    buffer_drop(c->frontend, &c->out, (size_t)sent);
    if ((size_t)sent == len)
        made_progress(c);
}

/* Sends whole answers, behind those that the connection holds; what the kernel does not take is held too. */
static void send_answers(struct tcp_connection *c, const uint8_t *answers, size_t len)
{
    flush(c);
    if (!c->open)
        return;
    ssize_t sent = buffer_len(&c->out) ? 0 : send_some(c, answers, len);
    if (sent >= 0 && (size_t)sent < len)
        hold(c, &c->out, answers + sent, len - (size_t)sent);
}

static void send_gathered(struct tcp_connection *c)
{
    struct tcp_frontend *t = c->frontend;
    size_t len = t->gathered_len;
    t->gathered_len = 0;
    if (len > 0)
        send_answers(c, t->gathered, len);
}

/* Where the next answer goes, behind two bytes for its length: room for any. */
static uint8_t *gathering_place(struct tcp_connection *c)
{
    struct tcp_frontend *t = c->frontend;
    if (sizeof(t->gathered) - t->gathered_len < 2 + DNS_MSG_MAX)
        send_gathered(c);
    return t->gathered + t->gathered_len;
}

/* The answer at `place` is one of `len` bytes. */
static void gather(struct tcp_frontend *t, uint8_t *place, size_t len)
{
    put_be16(place, (uint16_t)len);
    t->gathered_len += 2 + len;
    count(&t->worker->counters.replies, 1);
}

static void answer(struct tcp_connection *c, const struct query_env *env, const uint8_t *packet, size_t len)
{
    struct tcp_frontend *t = c->frontend;
    struct worker *w = t->worker;
    uint8_t *place = gathering_place(c);
    size_t reply_len = 0;
    count(&w->counters.tcp_queries, 1);
    enum outcome outcome =
        query_run(env, &c->client, true, packet, len, NULL, place + 2, DNS_MSG_MAX, &reply_len, &w->need);
    if (w->need.refresh)
        worker_refresh(w);
    if (outcome == QUERY_FORWARD) {
        struct reply_path path = {.tcp = c};
        tcp_hold(c);
        reply_len = worker_wait(w, &c->client, packet, len, &path, place + 2, DNS_MSG_MAX);
        if (reply_len == 0)
            return;
        unhold(c);
    }
    if (reply_len && c->open)
        gather(t, place, reply_len);
    else
        close_connection(c); /* what deserves no answer deserves no connection */
}

/* Answers the whole questions at the head of the bytes; returns how many bytes they take. A length that no
 * question can have ends the connection. */
static size_t answer_all(struct tcp_connection *c, const uint8_t *bytes, size_t len)
{
    struct query_env env = worker_env(c->frontend->worker);
    size_t at = 0;
    while (c->open && len - at >= 2 && may_read(c)) {
        size_t message = get_be16(bytes + at);
        if (message < DNS_HEADER_LEN)
            close_connection(c);
        if (!c->open || len - at - 2 < message)
            break;
        answer(c, &env, bytes + at + 2, message);
        at += 2 + message;
    }
    if (c->open && at > 0)
        made_progress(c);
    return at;
}

/* Answers what is there; the rest waits for more of it, or for room. */
static void take(struct tcp_connection *c, const uint8_t *bytes, size_t len)
{
    size_t done = answer_all(c, bytes, len);
    if (c->open && done < len)
        hold(c, &c->in, bytes + done, len - done);
    send_gathered(c);
}

static void take_buffered(struct tcp_connection *c)
{
    struct buffer in = c->in;
    c->in = (struct buffer){0};
    if (buffer_len(&in))
        take(c, in.bytes + in.start, buffer_len(&in));
    buffer_free(c->frontend, &in);
}

static void receive(struct tcp_connection *c)
{
    struct tcp_frontend *t = c->frontend;
    size_t room = sizeof(t->received) - buffer_len(&c->in); /* a whole message fits always */
    ssize_t n = ioth_recv(c->fd, t->received, room, MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n < 0) {
        close_connection(c);
    } else if (n == 0) {
        c->ended = true;
    } else if (buffer_len(&c->in) == 0) {
        take(c, t->received, (size_t)n);
    } else {
        hold(c, &c->in, t->received, (size_t)n);
        if (c->open && may_answer(c))
            take_buffered(c);
    }
}

static void on_connection(uv_poll_t *poll, int status, int events)
{
    struct tcp_connection *c = poll->data;
    if (status < 0) {
        close_connection(c);
        return;
    }
    if (events & UV_WRITABLE)
        flush(c);
    if (!c->open)
        return;
    if (may_answer(c))
        take_buffered(c);
    else if ((events & UV_READABLE) && may_read(c))
        receive(c);
    watch(c);
}

void tcp_reply(struct tcp_connection *c, const uint8_t *reply, size_t len)
{
    struct tcp_frontend *t = c->frontend;
    if (!c->open)
        return;
    put_be16(t->late, (uint16_t)len);
    memcpy(t->late + 2, reply, len);
    count(&t->worker->counters.replies, 1);
    send_answers(c, t->late, 2 + len);
}

void tcp_release(struct tcp_connection *c)
{
    c->waiting--;
    watch(c);
    release(c);
}

/* --- new connections --- */

static bool welcome(const struct tcp_frontend *t, const struct ipaddr *client)
{
    const struct snapshot *s = t->worker->snap;
    netset may = s->config->has_accept ? policy_accepted(s->policy) : policy_served(s->policy);
    return netset_meet(nets_of(s->nets, client), may, nets_words(s->nets));
}

/* One more connection of this client may be: it is counted then. If there are too many in all, the one of this
 * worker that is idle longest makes room. */
static bool has_room(struct tcp_frontend *t, const struct ipaddr *client)
{
    const struct config_options *o = &t->worker->snap->config->options;
    struct clients *all = t->worker->set.clients;
    if (!clients_take(all, CLIENT_CONNECTS, client, o->tcpclientmax))
        return false;
    if (clients_total(all, CLIENT_CONNECTS) > o->tcpmax) {
        if (!t->oldest) {
            clients_give_back(all, CLIENT_CONNECTS, client);
            return false;
        }
        close_connection(t->oldest);
    }
    return true;
}

static void add_connection(struct tcp_frontend *t, int fd, const struct ipaddr *client)
{
    struct tcp_connection *c = calloc(1, sizeof(*c));
    if (!c || uv_poll_init(&t->worker->loop, &c->poll, fd) < 0) {
        clients_give_back(t->worker->set.clients, CLIENT_CONNECTS, client);
        free(c);
        ioth_close(fd);
        return;
    }
    c->poll.data = c;
    c->frontend = t;
    c->client = *client;
    c->fd = fd;
    c->refs = 1;
    c->open = true;
    link_newest(c);
    count(&t->worker->counters.tcp_connections, 1);
    count(&t->worker->counters.tcp_open, 1);
    if (!uv_is_active((uv_handle_t *)&t->idle))
        on_idle(&t->idle);
    watch(c);
}

static void meet_client(struct tcp_frontend *t, int fd, const struct sockaddr *from)
{
    struct ipendpoint client;
    if (ipendpoint_from_sockaddr(from, &client) < 0 || !welcome(t, &client.addr) ||
        !has_room(t, &client.addr)) {
        count(&t->worker->counters.tcp_refused, 1);
        ioth_close(fd);
        return;
    }
    add_connection(t, fd, &client.addr);
}

static void on_listener(uv_poll_t *poll, int status, int events);

static void on_rested(uv_timer_t *timer)
{
    struct tcp_frontend *t = timer->data;
    for (unsigned i = 0; i < t->n_listeners && !t->closing; i++)
        uv_poll_start(&t->listeners[i].poll, UV_READABLE, on_listener);
}

/* Out of descriptors: a listener that stays readable must not keep the worker busy. */
static void rest(struct tcp_frontend *t)
{
    for (unsigned i = 0; i < t->n_listeners; i++)
        uv_poll_stop(&t->listeners[i].poll);
    if (t->oldest)
        close_connection(t->oldest);
    uv_timer_start(&t->rest, on_rested, ACCEPT_REST_MS, 0);
}

static void on_listener(uv_poll_t *poll, int status, int events)
{
    (void)events;
    struct tcp_listener *l = poll->data;
    if (status < 0) {
        rest(l->frontend);
        return;
    }
    for (int i = 0; i < ACCEPTS_PER_WAKE; i++) {
        struct sockaddr_storage from;
        socklen_t len = sizeof(from);
        int fd = ioth_accept4(l->fd, (struct sockaddr *)&from, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            meet_client(l->frontend, fd, (struct sockaddr *)&from);
        } else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
            rest(l->frontend);
            return;
        } else if (errno != ECONNABORTED && errno != EINTR) {
            return;
        }
    }
}

/* --- its life --- */

static int open_listener(struct tcp_frontend *t, const struct listen_address *at, char *why, size_t why_size)
{
    struct worker *w = t->worker;
    struct tcp_listener *l = &t->listeners[t->n_listeners];
    int fd = listen_socket(w->set.rstack, at, SOCK_STREAM, w->set.share_port, why, why_size);
    if (fd < 0)
        return fd;
    int e = 0;
    if (ioth_listen(fd, (int)w->snap->config->options.tcplistenbacklog) < 0)
        e = -errno;
    else
        e = uv_poll_init(&w->loop, &l->poll, fd);
    if (e < 0) {
        snprintf(why, why_size, "cannot listen on a TCP socket: %s", strerror(-e));
        ioth_close(fd);
        return e;
    }
    l->frontend = t;
    l->fd = fd;
    l->poll.data = l;
    t->n_listeners++;
    return uv_poll_start(&l->poll, UV_READABLE, on_listener);
}

int tcp_open(struct worker *w, struct tcp_frontend **ret, char *why, size_t why_size)
{
    struct tcp_frontend *t = calloc(1, sizeof(*t));
    if (!t) {
        snprintf(why, why_size, "out of memory");
        return -ENOMEM;
    }
    *ret = t; /* the caller closes and frees it, also half-made */
    t->worker = w;
    uv_timer_init(&w->loop, &t->idle);
    uv_timer_init(&w->loop, &t->rest);
    t->idle.data = t->rest.data = t;
    struct listen_address list[LISTEN_MAX];
    unsigned n = listen_addresses(w->snap->config, list);
    for (unsigned i = 0; i < n; i++) {
        int e = open_listener(t, &list[i], why, why_size);
        if (e < 0)
            return e;
    }
    return 0;
}

static void on_listener_closed(uv_handle_t *handle)
{
    struct tcp_listener *l = handle->data;
    ioth_close(l->fd);
}

void tcp_adopt(struct tcp_frontend *t)
{
    for (unsigned i = 0; i < t->n_listeners; i++) /* listening anew changes the backlog and nothing else */
        ioth_listen(t->listeners[i].fd, (int)t->worker->snap->config->options.tcplistenbacklog);
}

void tcp_close(struct tcp_frontend *t)
{
    if (!t)
        return;
    t->closing = true;
    for (unsigned i = 0; i < t->n_listeners; i++)
        uv_close((uv_handle_t *)&t->listeners[i].poll, on_listener_closed);
    while (t->oldest)
        close_connection(t->oldest);
    uv_close((uv_handle_t *)&t->idle, NULL);
    uv_close((uv_handle_t *)&t->rest, NULL);
}

void tcp_free(struct tcp_frontend *t)
{
    free(t);
}
