/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Each attempt of an exchange has a socket of its own, connected to its server, so the stack keeps away what
 * comes from elsewhere, and a refused port is an error of that socket. UDP sockets are bound to a port drawn
 * from all of 1024..65535 (RFC 5452 s9.2); what was queued between bind and connect is told by its source
 * address.
 *
 * Sockets live for one question, so their cost counts. A uv_poll_t takes five system calls to come and go
 * (libuv probes the descriptor, makes it non-blocking, adds and removes it), and can be freed only in a later
 * turn of the loop. So the forwarder has an epoll instance of its own, which is one descriptor to libuv. A
 * question costs socket, bind, connect, send, epoll_ctl, recvfrom, close, and its share of one epoll_wait.
 *
 * Sockets are registered for one event (EPOLLONESHOT) and anew if they live on. The event carries the
 * attempt_id: one for a socket that has been closed in the meantime finds no attempt, whoever has its
 * descriptor now.
 *
 * pump() carries out what the exchange table says. It never runs inside itself: what a waiter asks while it
 * is told its answer is sent when the pump goes on. Nor is a waiter told from within forwarder_ask: an
 * exchange that ends there, as failed since no reply was read, is held back, and everything behind it, until
 * the timer comes at once.
 *
 * TCP: the connection is made without waiting, carries one query and one reply. A reply that comes whole, as
 * nearly all do, is judged where it was received; pieces are gathered in memory that grows with what has
 * come, not with what the length promises.
 */
#include "libiothnamed/forward.h"

#include <errno.h>
#include <ioth.h>
#include <limits.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <unistd.h>

enum {
    LENGTH_LEN = 2, /* RFC 1035 s4.2.2 */
    QUERY_MAX = DNS_HEADER_LEN + DNAME_MAX + 4 + DNS_OPT_LEN,
    PACKET_MAX = LENGTH_LEN + DNS_MSG_MAX,
    PORT_MIN = 1024, /* of those that sources are bound to */
    PORT_TRIES = 4,  /* then the stack chooses */
    READS_MAX = 16,  /* datagrams taken from one socket in a row: floods of forgeries wait for their turn */
    EVENTS_MAX = 64,
    RANDOM_BATCH = 2048,
};

/* The socket of one attempt. */
struct outlet {
    struct outlet *next_free, *next_made;
    int fd;
    bool tcp;
    attempt_id attempt;
    struct ipendpoint server;
    uint8_t out[LENGTH_LEN + QUERY_MAX]; /* TCP: what is sent */
    size_t out_len, out_pos;
    uint8_t *in; /* TCP: pieces of a reply that did not come whole */
    size_t in_len;
};

struct forwarder {
    struct ioth *stack;
    forward_done *done;
    void *arg;
    int fd_max; /* sockets have descriptors below this one */
    struct exchange_table *table;
    int epoll;
    uv_poll_t ready; /* of the epoll instance */
    uv_timer_t timer;
    nsec_t timer_at;
    bool pumping, closing;
    bool holding;
    struct exchange_event held; /* DONE, not yet told */
    struct outlet *free, *made;
    int open_handles;
    void (*closed)(void *arg);
    void *closed_arg;
    uint8_t random[RANDOM_BATCH];
    size_t random_left;
    bool no_random;             /* the last that was drawn is none */
    uint8_t packet[PACKET_MAX]; /* what was received last */
};

static nsec_t now(void)
{
    return (nsec_t)uv_hrtime();
}

/* --- randomness --- */

static int refill(struct forwarder *f)
{
    size_t have = 0;

    while (have < sizeof(f->random)) {
        ssize_t n = getrandom(f->random + have, sizeof(f->random) - have, 0);
        if (n < 0 && errno != EINTR)
            return -errno;
        have += n > 0 ? (size_t)n : 0;
    }
    f->random_left = sizeof(f->random);
    return 0;
}

/* Bytes that are given out once. forwarder_new has seen getrandom work; should a sandbox forbid it later,
 * nothing is sent any more. */
static void draw(void *arg, void *bytes, size_t len)
{
    struct forwarder *f = arg;

    f->no_random = f->random_left < len && refill(f) < 0;
    if (f->no_random) {
        memset(bytes, 0, len);
        return;
    }
    f->random_left -= len;
    memcpy(bytes, f->random + f->random_left, len);
    memset(f->random + f->random_left, 0, len);
}

/* --- outlets --- */

static struct outlet *outlet_new(struct forwarder *f)
{
    struct outlet *o = f->free;

    if (o) {
        f->free = o->next_free;
        return o;
    }
    o = calloc(1, sizeof(*o));
    if (!o)
        return NULL;
    o->next_made = f->made;
    f->made = o;
    return o;
}

/* Takes NULL: an attempt whose socket was never opened. */
static void outlet_close(struct forwarder *f, struct outlet *o)
{
    if (!o)
        return;
    ioth_close(o->fd); /* epoll forgets it with that */
    free(o->in);
    o->in = NULL;
    o->next_free = f->free;
    f->free = o;
}

static int watch(const struct forwarder *f, const struct outlet *o, int operation)
{
    bool sending = o->tcp && o->out_pos < o->out_len;
    struct epoll_event event = {.events = (sending ? EPOLLOUT : EPOLLIN) | EPOLLONESHOT,
                                .data.u64 = o->attempt};

    return epoll_ctl(f->epoll, operation, o->fd, &event) < 0 ? -errno : 0;
}

static void bind_random_port(struct forwarder *f, int fd, sa_family_t family)
{
    struct ipendpoint any = {0};
    struct sockaddr_storage sa;

    if (family == AF_INET)
        any.addr.b[10] = any.addr.b[11] = 0xff;
    for (unsigned i = 0; i < PORT_TRIES; i++) {
        uint16_t random;
        draw(f, &random, sizeof(random));
        any.port = (uint16_t)(PORT_MIN + random % (UINT16_MAX + 1 - PORT_MIN));
        socklen_t len = ipendpoint_to_sockaddr(&any, false, &sa);
        if (ioth_bind(fd, (struct sockaddr *)&sa, len) == 0)
            return;
    }
}

/* The system gives the lowest descriptor that is free: above three quarters of them all, the rest is for clients
 * over TCP and for files, which a dead upstream and many questions to it must not lock out. */
static int descriptors_for_upstream(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur > INT_MAX)
        return INT_MAX;
    return (int)(limit.rlim_cur / 4 * 3);
}

/* Connected, or connecting. */
static int open_socket(struct forwarder *f, const struct ipendpoint *server, bool tcp)
{
    struct sockaddr_storage sa;
    socklen_t len = ipendpoint_to_sockaddr(server, false, &sa);
    int type = (tcp ? SOCK_STREAM : SOCK_DGRAM) | SOCK_NONBLOCK | SOCK_CLOEXEC;

    int fd = ioth_msocket(f->stack, sa.ss_family, type, 0);
    if (fd < 0)
        return -errno;
    if (fd >= f->fd_max) {
        ioth_close(fd);
        return -EMFILE;
    }
    if (!tcp)
        bind_random_port(f, fd, sa.ss_family);
    if (ioth_connect(fd, (struct sockaddr *)&sa, len) < 0 && !(tcp && errno == EINPROGRESS)) {
        int error = -errno;
        ioth_close(fd);
        return error;
    }
    return fd;
}

/* A send that failed for want of room. Over UDP that is a lost packet, nothing more. */
static bool no_room(int error)
{
    return error == EAGAIN || error == EWOULDBLOCK || error == ENOBUFS || error == EINTR;
}

static int send_udp(const struct outlet *o, const uint8_t *bytes, size_t len)
{
    if (ioth_send(o->fd, bytes, len, MSG_NOSIGNAL) < 0 && !no_room(errno))
        return -errno;
    return 0;
}

/* As much as goes. */
static int send_tcp(struct outlet *o)
{
    while (o->out_pos < o->out_len) {
        ssize_t n = ioth_send(o->fd, o->out + o->out_pos, o->out_len - o->out_pos, MSG_NOSIGNAL);
        if (n < 0)
            return no_room(errno) || errno == EINPROGRESS ? 0 : -errno;
        o->out_pos += (size_t)n;
    }
    return 0;
}

static void keep_message(struct outlet *o, const uint8_t *bytes, size_t len)
{
    put_be16(o->out, (uint16_t)len);
    memcpy(o->out + LENGTH_LEN, bytes, len);
    o->out_len = LENGTH_LEN + len;
    o->out_pos = 0;
    o->in_len = 0;
}

/* Opens a socket for the attempt and sends its message. On failure an outlet that was attached is closed
 * later. */
static int begin(struct forwarder *f, const struct exchange_event *e)
{
    if (f->no_random)
        return -EIO;
    if (e->len > QUERY_MAX)
        return -EMSGSIZE;
    struct outlet *o = outlet_new(f);
    if (!o)
        return -ENOMEM;
    o->fd = open_socket(f, &e->server, e->tcp);
    if (o->fd < 0) {
        o->next_free = f->free;
        f->free = o;
        return o->fd;
    }
    o->tcp = e->tcp;
    o->attempt = e->attempt;
    o->server = e->server;
    exchange_attach(f->table, e->attempt, o);
    if (e->tcp) {
        keep_message(o, e->bytes, e->len);
        return watch(f, o, EPOLL_CTL_ADD);
    }
    int error = send_udp(o, e->bytes, e->len);
    return error < 0 ? error : watch(f, o, EPOLL_CTL_ADD);
}

/* --- the pump --- */

/* The timer may come too early, when the exchange that it was for has ended; never too late. */
static void arm(struct forwarder *f);

static void tell(struct forwarder *f, const struct exchange_event *e)
{
    f->done(e->waiters, e, f->arg);
}

static void carry_out(struct forwarder *f, const struct exchange_event *e)
{
    attempt_id attempt = e->attempt;

    if (e->kind == EXCHANGE_CLOSE)
        outlet_close(f, e->handle);
    else if (begin(f, e) < 0)
        exchange_failed(f->table, attempt, now());
}

/* may_tell: waiters may be told that their exchange is over. */
static void pump(struct forwarder *f, bool may_tell)
{
    struct exchange_event e;

    if (f->pumping || (f->holding && !may_tell))
        return;
    f->pumping = true;
    if (f->holding) {
        f->holding = false;
        tell(f, &f->held);
    }
    while (!f->holding && exchange_next(f->table, &e) != EXCHANGE_NONE) {
        if (e.kind != EXCHANGE_DONE) {
            carry_out(f, &e);
        } else if (may_tell) {
            tell(f, &e);
        } else {
            f->held = e;
            f->holding = true;
        }
    }
    f->pumping = false;
    if (!f->closing)
        arm(f);
}

static void on_timer(uv_timer_t *timer)
{
    struct forwarder *f = timer->data;

    f->timer_at = NSEC_NEVER;
    exchange_timeout(f->table, now());
    pump(f, true);
}

static void arm(struct forwarder *f)
{
    nsec_t at = f->holding ? 0 : exchange_deadline(f->table);

    if (at >= f->timer_at)
        return;
    nsec_t wait = at - now();
    f->timer_at = at;
    uv_timer_start(&f->timer, on_timer, wait > 0 ? (uint64_t)((wait + NSEC_PER_MSEC - 1) / NSEC_PER_MSEC) : 0,
                   0);
}

static void give(struct forwarder *f, attempt_id attempt, const uint8_t *bytes, size_t len)
{
    exchange_input(f->table, attempt, bytes, len, now());
    pump(f, true);
}

static void fail(struct forwarder *f, attempt_id attempt)
{
    exchange_failed(f->table, attempt, now());
    pump(f, true);
}

/* --- what comes back --- */

static bool is_from(const struct outlet *o, const struct sockaddr_storage *sa)
{
    struct ipendpoint from;

    return ipendpoint_from_sockaddr((const struct sockaddr *)sa, &from) == 0 && from.port == o->server.port &&
           ipaddr_equal(&from.addr, &o->server.addr);
}

/* One datagram. True: there may be more, and the attempt is open. */
static bool read_udp(struct forwarder *f, struct outlet *o)
{
    attempt_id attempt = o->attempt;
    struct sockaddr_storage sa = {0};
    socklen_t sa_len = sizeof(sa);

    ssize_t n = ioth_recvfrom(o->fd, f->packet, sizeof(f->packet), 0, (struct sockaddr *)&sa, &sa_len);
    if (n < 0 && no_room(errno))
        return false;
    if (n < 0)
        fail(f, attempt);
    else if (is_from(o, &sa))
        give(f, attempt, f->packet, (size_t)n);
    return exchange_attached(f->table, attempt) == o;
}

/* The length of the message, or -1 as long as it is not all there. */
static int whole_message(const uint8_t *bytes, size_t len)
{
    if (len < LENGTH_LEN || len - LENGTH_LEN < get_be16(bytes))
        return -1;
    return get_be16(bytes);
}

static int gather(struct outlet *o, const uint8_t *piece, size_t len)
{
    uint8_t *in = realloc(o->in, o->in_len + len);

    if (!in)
        return -ENOMEM;
    memcpy(in + o->in_len, piece, len);
    o->in = in;
    o->in_len += len;
    return 0;
}

/* f->packet has n more bytes of the stream. */
static void take_piece(struct forwarder *f, struct outlet *o, size_t n)
{
    attempt_id attempt = o->attempt;
    const uint8_t *bytes = f->packet;
    size_t have = n;

    if (o->in_len > 0 || whole_message(bytes, have) < 0) {
        if (gather(o, f->packet, n) < 0) {
            fail(f, attempt);
            return;
        }
        bytes = o->in;
        have = o->in_len;
    }
    int len = whole_message(bytes, have);
    if (len < 0)
        return;
    if (bytes != f->packet) /* its own memory goes before the waiters are told */
        memcpy(f->packet, bytes, LENGTH_LEN + (size_t)len);
    give(f, attempt, f->packet + LENGTH_LEN, (size_t)len);
}

static void read_tcp(struct forwarder *f, struct outlet *o)
{
    ssize_t n = ioth_recv(o->fd, f->packet, sizeof(f->packet) - o->in_len, 0);

    if (n > 0)
        take_piece(f, o, (size_t)n);
    else if (n == 0 || !no_room(errno))
        fail(f, o->attempt);
}

static void serve_tcp(struct forwarder *f, struct outlet *o)
{
    if (o->out_pos == o->out_len)
        read_tcp(f, o);
    else if (send_tcp(o) < 0)
        fail(f, o->attempt);
}

static void serve_udp(struct forwarder *f, struct outlet *o)
{
    for (unsigned i = 0; i < READS_MAX; i++) {
        if (!read_udp(f, o))
            return;
    }
}

static void on_event(struct forwarder *f, attempt_id attempt)
{
    struct outlet *o = exchange_attached(f->table, attempt);

    if (!o)
        return;
    if (o->tcp)
        serve_tcp(f, o);
    else
        serve_udp(f, o);
    if (exchange_attached(f->table, attempt) == o && watch(f, o, EPOLL_CTL_MOD) < 0)
        fail(f, attempt);
}

static void on_ready(uv_poll_t *ready, int status, int events)
{
    struct forwarder *f = ready->data;
    struct epoll_event list[EVENTS_MAX];

    (void)status;
    (void)events;
    int n = epoll_wait(f->epoll, list, EVENTS_MAX, 0);
    for (int i = 0; i < n; i++)
        on_event(f, list[i].data.u64);
}

/* --- its life --- */

static int open_parts(struct forwarder *f)
{
    struct exchange_settings settings = {
        .max = FORWARD_EXCHANGES_MAX, .max_waiters = FORWARD_WAITERS_MAX, .random = draw, .arg = f};
    int error = refill(f);

    if (error == 0)
        error = exchange_table_new(&settings, &f->table);
    if (error < 0)
        return error;
    f->epoll = epoll_create1(EPOLL_CLOEXEC);
    return f->epoll < 0 ? -errno : 0;
}

int forwarder_new(uv_loop_t *loop, struct ioth *stack, forward_done *done, void *arg, struct forwarder **ret)
{
    struct forwarder *f = calloc(1, sizeof(*f));

    if (!f)
        return -ENOMEM;
    f->stack = stack;
    f->done = done;
    f->arg = arg;
    f->epoll = -1;
    f->fd_max = descriptors_for_upstream();
    f->timer_at = NSEC_NEVER;
    int error = open_parts(f);
    if (error == 0)
        error = uv_poll_init(loop, &f->ready, f->epoll);
    if (error < 0) {
        if (f->epoll >= 0)
            close(f->epoll);
        forwarder_free(f);
        return error;
    }
    uv_timer_init(loop, &f->timer);
    f->ready.data = f->timer.data = f;
    f->open_handles = 2;
    uv_poll_start(&f->ready, UV_READABLE, on_ready);
    *ret = f;
    return 0;
}

int forwarder_ask(struct forwarder *f, const struct exchange_question *question,
                  const struct exchange_servers *servers, struct exchange_waiter *waiter)
{
    if (f->closing)
        return -ECANCELED;
    int error = exchange_ask(f->table, question, servers, waiter, now());
    if (error == 0)
        pump(f, false);
    return error;
}

static void on_closed(uv_handle_t *handle)
{
    struct forwarder *f = handle->data;

    if (--f->open_handles > 0)
        return;
    close(f->epoll);
    if (f->closed)
        f->closed(f->closed_arg);
}

void forwarder_close(struct forwarder *f, void (*closed)(void *arg), void *arg)
{
    f->closing = true;
    f->closed = closed;
    f->closed_arg = arg;
    exchange_abandon(f->table);
    pump(f, true);
    uv_close((uv_handle_t *)&f->timer, on_closed);
    uv_close((uv_handle_t *)&f->ready, on_closed);
}

void forwarder_free(struct forwarder *f)
{
    if (!f)
        return;
    while (f->made) {
        struct outlet *o = f->made;
        f->made = o->next_made;
        free(o);
    }
    exchange_table_free(f->table);
    free(f);
}

void forwarder_stats(const struct forwarder *f, struct exchange_stats *ret)
{
    exchange_stats(f->table, ret);
}
