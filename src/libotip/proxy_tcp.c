/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * TCP: a connection to an open address is accepted, one to the hidden server is made, and bytes go both ways (proxy_stream.h)
 * until both sides have ended, one has failed, or time is up.
 *
 * Both descriptors are registered once, for edges. What an edge said is kept in the side (readable, writable) until a call finds
 * otherwise. An end is passed on by itself (half-close); a failure of one side, a reset in most cases, resets the other, so that
 * each end learns what it would have learnt without a proxy between; one of the client does so even if the server has not taken
 * all that came before. Behind both ends the flow goes on until the client has acknowledged the last byte, since its address goes
 * with its last flow.
 *
 * A deadline is looked at when it comes, not moved with each byte: then it is set to what is left. Who accepts may be out of
 * descriptors: the listener rests for a moment, since its readiness would wake the loop again at once. So it does when its
 * stack has failed.
 */
#include "libotip/proxy_header.h"
#include "libotip/proxy_state.h"
#include "libotip/proxy_stream.h"

#include <errno.h>
#include <linux/sockios.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { ACCEPTS_PER_WAKE = 64 /* then others have their turn */ };

#define DRAIN_STEP (NSEC_PER_SEC / 20) /* how often it is asked whether all has arrived, at most */
#define DRAIN_PART 4 /* of the time since something did: the longer it lasts, the less often */
#define FAREWELL   (2 * NSEC_PER_SEC) /* for a client whose time is up, to acknowledge the end */

enum { CLIENT, SERVER };

struct side {
    struct watch watch;
    struct tcp_session *session;
    struct stream_side stream;
};

struct tcp_session {
    struct corpse corpse;
    struct turn turn;
    struct timer timer;
    struct tcp_session *next, **at; /* of the proxy's list */
    struct otip_proxy *proxy;
    struct service *service;
    struct window_address *place;
    struct ipendpoint client, asked;
    bool connected, dead;
    bool client_gone;      /* reset; what he sent before may still be there */
    bool draining;         /* both ends were passed on, and the client has not acknowledged all */
    uint64_t queued;       /* what was not, when it was asked last */
    nsec_t born, last;     /* last: a byte moved */
    nsec_t leave_by;       /* its time was up, and this is the last moment of the farewell; 0: it was not */
    _Atomic uint64_t *why; /* with leave_by: what it will be counted as */
    struct side sides[2];
    struct stream_half halves[2]; /* to the server, to the client */
};

/* ---- the end ---- */

static void set_int(int fd, int level, int option, int value)
{
    ioth_setsockopt(fd, level, option, &value, sizeof(value));
}

/* Closes with an RST. */
static void reset(int fd)
{
    struct linger at_once = {.l_onoff = 1, .l_linger = 0};

    ioth_setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
    ioth_close(fd);
}

static void free_session(struct corpse *c)
{
    free((char *)c - offsetof(struct tcp_session, corpse));
}

/* Takes it out of everything; its memory goes at the end of the round. */
static void end(struct tcp_session *s, _Atomic uint64_t *why, bool by_reset)
{
    struct otip_proxy *p = s->proxy;

    if (s->dead)
        return;
    s->dead = true;
    count(why, 1); /* before the client can know */
    for (unsigned i = 0; i < 2; i++) {
        stream_half_fini(p->pool, &s->halves[i]);
        if (s->sides[i].stream.fd < 0)
            continue;
        loop_unwatch(&p->loop, s->sides[i].stream.fd);
        if (by_reset)
            reset(s->sides[i].stream.fd);
        else
            ioth_close(s->sides[i].stream.fd);
    }
    loop_forget_turn(&p->loop, &s->turn);
    if (loop_set(&p->loop, &s->timer, NSEC_NEVER) < 0)
        return; /* taking out cannot fail */
    *s->at = s->next;
    if (s->next)
        s->next->at = s->at;
    count(&p->counters.tcp_flows, (uint64_t)-1);
    proxy_flow_ends(p, s->service, s->place, &s->client.addr);
    loop_bury(&p->loop, &s->corpse);
}

/* ---- time ---- */

static nsec_t plus(nsec_t at, nsec_t time)
{
    return time == NSEC_NEVER ? NSEC_NEVER : at + time;
}

static nsec_t deadline_of(const struct tcp_session *s)
{
    const struct proxy_config *c = s->proxy->settings.config;
    nsec_t idle = s->connected ? plus(s->last, c->tcp_timeout) : plus(s->born, c->connect_timeout);
    nsec_t old = plus(s->born, c->tcp_lifetime);

    if (s->leave_by != 0)
        return s->leave_by;
    return idle < old ? idle : old;
}

/* ---- the last bytes ---- */

/* What the stack still has for that side and has not seen acknowledged, an end included: bytes, or segments. */
static uint64_t unacknowledged(const struct stream_side *side)
{
    struct tcp_info info = {0};
    socklen_t len = sizeof(info);
    int bytes = 0;

    if (side->native)
        return getsockopt(side->fd, IPPROTO_TCP, TCP_INFO, &info, &len) < 0
                   ? 0
                   : (uint64_t)info.tcpi_unacked + info.tcpi_notsent_bytes;
    return ioth_ioctl(side->fd, SIOCOUTQ, &bytes) < 0 || bytes < 0 ? 0 : (uint64_t)bytes;
}

/* When to ask again. Who acknowledges nothing costs next to nothing. */
static nsec_t next_look(const struct tcp_session *s)
{
    nsec_t now = s->proxy->loop.now, step = (now - s->last) / DRAIN_PART, deadline = deadline_of(s);

    if (step < DRAIN_STEP)
        step = DRAIN_STEP;
    return now + step < deadline ? now + step : deadline;
}

/* Both ends were passed on. The flow ends when the client has acknowledged our last bytes and FIN: an address that went before
 * would take his acknowledgements with it, what is lost on its way would never be sent again, and the stack would repeat the FIN
 * from an address of the past. */
static void drain(struct tcp_session *s)
{
    struct otip_proxy *p = s->proxy;
    uint64_t queued = unacknowledged(&s->sides[CLIENT].stream);

    if (s->client_gone) { /* and what had not been sent will never be */
        end(s, s->leave_by ? s->why : &p->counters.tcp_reset, true);
        return;
    }
    if (queued != s->queued || !s->draining)
        s->last = p->loop.now;
    s->draining = true;
    s->queued = queued;
    if (queued == 0)
        end(s, s->leave_by ? s->why : &p->counters.tcp_ended, false);
    else if (loop_set(&p->loop, &s->timer, next_look(s)) < 0)
        end(s, &p->counters.refused_memory, false);
}

/* ---- bytes ---- */

static void pump(struct tcp_session *s)
{
    struct otip_proxy *p = s->proxy;
    enum stream_result results[2];

    for (unsigned i = 0; i < 2; i++) {
        uint64_t moved;
        results[i] = stream_pump(p->pool, &s->halves[i], &moved);
        if (moved > 0) {
            s->last = p->loop.now;
            count(i == 0 ? &p->counters.bytes_in : &p->counters.bytes_out, moved);
        }
        if (results[i] == STREAM_BROKEN) {
            end(s, &p->counters.tcp_reset, true);
            return;
        }
    }
    if (results[0] == STREAM_OVER && results[1] == STREAM_OVER)
        drain(s);
    else if (results[0] == STREAM_MORE || results[1] == STREAM_MORE)
        loop_turn(&p->loop, &s->turn);
    else if (s->client_gone) /* nothing moves now: the server takes its time for what is left, and need not */
        end(s, &p->counters.tcp_reset, true);
}

static void on_turn(struct turn *t)
{
    pump((struct tcp_session *)((char *)t - offsetof(struct tcp_session, turn)));
}

/* ---- time is up ---- */

/* Its time is up. The client is told an end, and who does not acknowledge that in a moment is reset: a FIN would be repeated
 * from an address that has gone with the flow. */
static void dismiss(struct tcp_session *s, _Atomic uint64_t *why)
{
    s->why = why;
    s->leave_by = s->proxy->loop.now + FAREWELL;
    for (unsigned i = 0; i < 2; i++)
        stream_half_fini(s->proxy->pool, &s->halves[i]);
    if (ioth_shutdown(s->sides[CLIENT].stream.fd, SHUT_WR) < 0)
        end(s, why, true);
    else
        drain(s);
}

static void time_is_up(struct tcp_session *s)
{
    struct proxy_counters *counters = &s->proxy->counters;
    bool too_old = plus(s->born, s->proxy->settings.config->tcp_lifetime) <= s->proxy->loop.now;

    if (!s->connected)
        end(s, &counters->tcp_unreachable, true);
    else if (s->draining)
        end(s, s->leave_by ? s->why : &counters->tcp_idle, true);
    else
        dismiss(s, too_old ? &counters->tcp_too_old : &counters->tcp_idle);
}

static void on_time(struct timer *t)
{
    struct tcp_session *s = (struct tcp_session *)((char *)t - offsetof(struct tcp_session, timer));
    struct otip_proxy *p = s->proxy;
    nsec_t deadline = deadline_of(s);

    if (deadline <= p->loop.now)
        time_is_up(s);
    else if (s->draining)
        drain(s);
    else if (loop_set(&p->loop, &s->timer, deadline) < 0)
        end(s, &p->counters.refused_memory, true);
}

/* ---- the hidden server ---- */

static bool say_who(struct tcp_session *s)
{
    uint8_t head[PROXY_HEADER_LEN];

    if (!s->proxy->settings.config->proxy_protocol)
        return true;
    proxy_header_write(head, false, &s->client, &s->asked);
    return ioth_send(s->sides[SERVER].stream.fd, head, sizeof(head), MSG_NOSIGNAL) == (ssize_t)sizeof(head);
}

/* The connection to the server stands, or not. */
static void on_connected(struct tcp_session *s)
{
    struct otip_proxy *p = s->proxy;
    int error = 0;
    socklen_t len = sizeof(error);

    if (ioth_getsockopt(s->sides[SERVER].stream.fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0)
        error = errno;
    s->connected = error == 0 && say_who(s);
    s->last = p->loop.now;
    if (!s->connected || loop_set(&p->loop, &s->timer, deadline_of(s)) < 0) {
        end(s, &p->counters.tcp_unreachable, true);
        return;
    }
    pump(s);
}

static void on_side(struct watch *w, uint32_t events)
{
    struct side *side = (struct side *)((char *)w - offsetof(struct side, watch));
    struct tcp_session *s = side->session;

    if (s->dead)
        return;
    /* Some stacks say of a reset that both directions have ended, of which ours has not. */
    if (side == &s->sides[CLIENT] &&
        ((events & EPOLLERR) || ((events & EPOLLHUP) && !s->halves[SERVER].told)))
        s->client_gone = true;
    if (events & (EPOLLPRI | EPOLLRDHUP | EPOLLHUP | EPOLLERR))
        side->stream.hung = true;
    if (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR))
        side->stream.readable = true;
    if (events & (EPOLLOUT | EPOLLHUP | EPOLLERR))
        side->stream.writable = true;
    if (s->draining)
        drain(s);
    else if (s->connected)
        pump(s);
    else if (side == &s->sides[SERVER] && side->stream.writable)
        on_connected(s);
    else if (events & (EPOLLERR | EPOLLHUP))
        end(s, &s->proxy->counters.tcp_reset, true);
}

static int watch_side(struct tcp_session *s, unsigned i)
{
    struct side *side = &s->sides[i];

    side->session = s;
    side->watch.ready = on_side;
    side->stream.native = stream_is_native(side->stream.fd);
    set_int(side->stream.fd, SOL_SOCKET, SO_OOBINLINE, 1); /* urgent bytes are bytes (RFC 6093) */
    set_int(side->stream.fd, IPPROTO_TCP, TCP_NODELAY, 1);
    set_int(side->stream.fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, STREAM_UNSENT_MAX);
    return loop_watch(&s->proxy->loop, side->stream.fd, EPOLLIN | EPOLLPRI | EPOLLOUT | EPOLLRDHUP | EPOLLET,
                      &side->watch);
}

static int connect_to_server(struct tcp_session *s)
{
    struct sockaddr_storage at;
    socklen_t len = ipendpoint_to_sockaddr(&s->service->config.server, false, &at);
    int fd = ioth_msocket(s->proxy->intstack, at.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return -errno;
    s->sides[SERVER].stream.fd = fd;
    if (ioth_connect(fd, (const struct sockaddr *)&at, len) < 0 && errno != EINPROGRESS)
        return -errno;
    return watch_side(s, SERVER);
}

/* ---- clients ---- */

/* The session of an admitted client; takes the flow over. False: no memory, and nothing has happened. */
static bool begin(struct service *service, struct window_address *place, int fd,
                  const struct ipendpoint *client, const struct ipendpoint *asked)
{
    struct otip_proxy *p = service->proxy;
    struct tcp_session *s = calloc(1, sizeof(*s));

    if (s == NULL)
        return false;
    *s = (struct tcp_session){.corpse.free = free_session,
                              .turn.run = on_turn,
                              .timer.fire = on_time,
                              .next = p->sessions,
                              .at = &p->sessions,
                              .proxy = p,
                              .service = service,
                              .place = place,
                              .client = *client,
                              .asked = *asked,
                              .born = p->loop.now,
                              .last = p->loop.now};
    s->sides[CLIENT].stream.fd = fd;
    s->sides[SERVER].stream.fd = -1;
    for (unsigned i = 0; i < 2; i++)
        s->halves[i] = (struct stream_half){.from = &s->sides[i].stream, .to = &s->sides[1 - i].stream};
    if (s->next)
        s->next->at = &s->next;
    p->sessions = s;
    count(&p->counters.tcp_flows, 1);
    count(&p->counters.tcp_accepted, 1);
    int e = watch_side(s, CLIENT);
    if (e == 0)
        e = connect_to_server(s);
    if (e == 0)
        e = loop_set(&p->loop, &s->timer, deadline_of(s));
    if (e < 0) {
        bool ours = e == -EMFILE || e == -ENFILE || e == -ENOMEM || e == -ENOBUFS;
        log_event(&p->log, LOG_LEVEL_WARNING, "a connection to a hidden server cannot be made",
                  LOG_NUMBER("port", service->config.port), LOG_TEXT("reason", strerror(-e)));
        end(s, ours ? &p->counters.refused_memory : &p->counters.tcp_unreachable, true);
    }
    return true;
}

static void welcome(struct service *service, int fd, const struct sockaddr_storage *from)
{
    struct otip_proxy *p = service->proxy;
    struct sockaddr_storage at;
    socklen_t len = sizeof(at);
    struct ipendpoint client, asked;

    if (ipendpoint_from_sockaddr((const struct sockaddr *)from, &client) < 0 ||
        ioth_getsockname(fd, (struct sockaddr *)&at, &len) < 0 ||
        ipendpoint_from_sockaddr((const struct sockaddr *)&at, &asked) < 0) {
        reset(fd);
        return;
    }
    /* A retired listener is deaf by its filter; where the stack has none, here. */
    struct window_address *place = service->retired ? NULL : proxy_epochs_open_address(p, &asked.addr);
    if (place == NULL)
        count(&p->counters.tcp_outside, 1);
    if (place == NULL || !proxy_flow_begins(p, service, place, &client.addr)) {
        reset(fd);
    } else if (!begin(service, place, fd, &client, &asked)) {
        proxy_flow_ends(p, service, place, &client.addr);
        count(&p->counters.refused_memory, 1);
        reset(fd);
    }
}

void tcp_ready(struct watch *w, uint32_t events)
{
    struct service *s = (struct service *)((char *)w - offsetof(struct service, watch));

    (void)events;
    for (unsigned i = 0; i < ACCEPTS_PER_WAKE && s->fd >= 0; i++) {
        struct sockaddr_storage from;
        socklen_t len = sizeof(from);
        int fd = ioth_accept4(s->fd, (struct sockaddr *)&from, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0)
            welcome(s, fd, &from);
        else if (errno == EAGAIN || errno == EWOULDBLOCK)
            return;
        else if (errno != EINTR && errno != ECONNABORTED) {
            service_rest(s, errno);
            return;
        }
    }
}

/* ---- all of them ---- */

int proxy_tcp_open(struct otip_proxy *p)
{
    return stream_pool_new(&p->pool);
}

void proxy_tcp_drop(struct otip_proxy *p, const struct window_address *place)
{
    struct tcp_session *next;

    for (struct tcp_session *s = p->sessions; s; s = next) {
        next = s->next;
        if (place == NULL || s->place == place)
            end(s, &p->counters.dropped, true);
    }
}

void proxy_tcp_close(struct otip_proxy *p)
{
    proxy_tcp_drop(p, NULL);
    stream_pool_free(p->pool);
    p->pool = NULL;
}
