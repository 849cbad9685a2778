/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * UDP: a flow is what goes between one port of a client, one one-time address and one service. It has a connected socket of its
 * own towards the hidden server, so answers find their way back, and they leave from the address that the client used.
 *
 * Datagrams come and go in batches. Of those that arrive together the ones of one flow in a row go out in one call. What a
 * socket does not take is lost and counted, as on any network.
 *
 * A source that is forged begins a flow like any other. So UDP has half of the flows at most, and of those the oldest one that
 * never was a dialogue, an answer and a datagram after it, gives way to a new one: a flood spends its own places, and neither
 * connections nor those who talk lose theirs.
 *
 * An open address begins flows; at a muted one those that are there go on, and all else is dropped without a word. Idle flows
 * are found at the end of a list by age (proxy_peers.h), for which there is one deadline.
 */
#include "base/pktinfo.h"
#include "libotip/proxy_header.h"
#include "libotip/proxy_state.h"

#include <errno.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

enum {
    BATCH = 32,
    BATCHES_PER_WAKE = 8, /* then others have their turn */
    DATAGRAM_MAX = 65536,
    OLDEST_SEEN = 16, /* of the oldest flows, when one is to give way */
    ERRORS_MAX = 4,   /* of a flow's socket in a row: an ICMP error is told once, a dead socket's always */
};

/* All flows use it in turn. */
struct udp_batch {
    struct mmsghdr in[BATCH], out[BATCH];
    struct iovec in_iov[BATCH], out_iov[BATCH][2];
    struct sockaddr_in6 from[BATCH];
    union pktinfo_control controls[BATCH];
    uint8_t head[PROXY_HEADER_LEN];
    struct timer timer;
    struct otip_proxy *proxy;
    uint8_t bytes[BATCH][DATAGRAM_MAX];
};

struct udp_flow {
    struct watch watch;
    struct corpse corpse;
    struct peer peer;
    struct otip_proxy *proxy;
    struct service *service;
    struct window_address *place;
    int fd;
    bool dead;
    bool answered, talks; /* the server has sent something; and the client after that */
    nsec_t last;
};

static struct udp_flow *flow_of(struct peer *p)
{
    return p ? (struct udp_flow *)((char *)p - offsetof(struct udp_flow, peer)) : NULL;
}

/* ---- the end ---- */

static void free_flow(struct corpse *c)
{
    free((char *)c - offsetof(struct udp_flow, corpse));
}

static void end(struct udp_flow *f, _Atomic uint64_t *why)
{
    struct otip_proxy *p = f->proxy;

    if (f->dead)
        return;
    f->dead = true;
    if (f->fd >= 0) {
        loop_unwatch(&p->loop, f->fd);
        ioth_close(f->fd);
    }
    peers_leave(&p->peers, &f->peer);
    count(&p->counters.udp_flows, (uint64_t)-1);
    count(why, 1);
    proxy_flow_ends(p, f->service, f->place, &f->peer.key.client.addr);
    loop_bury(&p->loop, &f->corpse);
}

static void on_time(struct timer *t)
{
    struct otip_proxy *p = ((struct udp_batch *)((char *)t - offsetof(struct udp_batch, timer)))->proxy;
    nsec_t patience = p->settings.config->udp_timeout;
    struct udp_flow *f;

    while ((f = flow_of(p->peers.oldest)) != NULL && patience != NSEC_NEVER &&
           p->loop.now - f->last >= patience)
        end(f, &p->counters.udp_flows_ended);
    if (f && patience != NSEC_NEVER && loop_set(&p->loop, t, f->last + patience) < 0)
        log_event(&p->log, LOG_LEVEL_ERROR, "idle UDP flows stay: no memory");
}

static void touch(struct udp_flow *f)
{
    struct otip_proxy *p = f->proxy;
    struct timer *t = &p->batch->timer;

    f->last = p->loop.now;
    peers_touch(&p->peers, &f->peer);
    if (t->node.slot == 0 && p->settings.config->udp_timeout != NSEC_NEVER &&
        loop_set(&p->loop, t, f->last + p->settings.config->udp_timeout) < 0)
        end(f, &p->counters.refused_memory);
}

/* ---- sending ---- */

/* Sends the first n of batch->out; each that cannot be sent is lost. How many bytes went. */
static uint64_t send_all(struct otip_proxy *p, int fd, unsigned n, _Atomic uint64_t *sent)
{
    struct udp_batch *b = p->batch;
    unsigned done = 0, lost = 0, refusals = 0;
    uint64_t bytes = 0;

    while (done < n) {
        int k = ioth_sendmmsg(fd, b->out + done, n - done, MSG_DONTWAIT | MSG_NOSIGNAL);
        for (int i = 0; i < k; i++)
            bytes += b->out[done + (unsigned)i].msg_len;
        done += k > 0 ? (unsigned)k : 0;
        /* An error may be that of an earlier datagram (ICMP): the one at hand is tried once more before it is given up. */
        if (k <= 0 && errno != EINTR && (errno != ECONNREFUSED || refusals++ > 0)) {
            lost++;
            done++;
        }
    }
    count(sent, n - lost);
    count(&p->counters.udp_lost, lost);
    return bytes;
}

static void set_peer(struct mmsghdr *m, void *name, socklen_t len)
{
    m->msg_hdr.msg_name = name;
    m->msg_hdr.msg_namelen = len;
}

/* ---- to the client ---- */

/* How many have come; -errno. */
static int receive(struct udp_batch *b, int fd, bool from_clients)
{
    for (unsigned i = 0; i < BATCH; i++) {
        struct msghdr *msg = &b->in[i].msg_hdr;
        *msg = (struct msghdr){.msg_iov = &b->in_iov[i], .msg_iovlen = 1};
        b->in_iov[i] = (struct iovec){b->bytes[i], DATAGRAM_MAX};
        if (from_clients) {
            set_peer(&b->in[i], &b->from[i], sizeof(b->from[i]));
            msg->msg_control = &b->controls[i];
            msg->msg_controllen = sizeof(b->controls[i]);
        }
    }
    int n = ioth_recvmmsg(fd, b->in, BATCH, MSG_DONTWAIT, NULL);
    return n >= 0 ? n : -errno;
}

/* What the server has sent, or -errno; passes over errors that were told once. */
static int receive_answers(struct udp_flow *f)
{
    int n = 0;

    for (unsigned errors = 0; errors < ERRORS_MAX; errors++) {
        n = receive(f->proxy->batch, f->fd, false);
        if (n >= 0 || n == -EAGAIN || n == -EWOULDBLOCK)
            break;
    }
    return n;
}

static void on_server(struct watch *w, uint32_t events)
{
    struct udp_flow *f = (struct udp_flow *)((char *)w - offsetof(struct udp_flow, watch));
    struct otip_proxy *p = f->proxy;
    struct udp_batch *b = p->batch;
    struct sockaddr_storage to;
    union pktinfo_control source;
    socklen_t to_len = ipendpoint_to_sockaddr(&f->peer.key.client, true, &to);
    size_t source_len =
        pktinfo_write(&(struct pktinfo){.addr = f->peer.key.asked}, &source); /* the client asked there */
    int n = BATCH;

    for (unsigned turn = 0; turn < BATCHES_PER_WAKE && n == BATCH && !f->dead; turn++) {
        n = receive_answers(f);
        for (int i = 0; i < n; i++) {
            b->out_iov[i][0] = (struct iovec){b->bytes[i], b->in[i].msg_len};
            b->out[i].msg_hdr = (struct msghdr){.msg_iov = b->out_iov[i],
                                                .msg_iovlen = 1,
                                                .msg_control = &source,
                                                .msg_controllen = source_len};
            set_peer(&b->out[i], &to, to_len);
        }
        if (n <= 0)
            break;
        f->answered = true;
        count(&p->counters.bytes_out, send_all(p, f->service->fd, (unsigned)n, &p->counters.udp_out));
        touch(f);
    }
    /* A socket that hangs or goes on failing would wake the loop at once, for as long as the flow has time. */
    if (n < 0 && ((events & EPOLLHUP) || (n != -EAGAIN && n != -EWOULDBLOCK)))
        end(f, &p->counters.udp_failed);
}

/* ---- flows ---- */

static int connect_flow(struct udp_flow *f)
{
    struct sockaddr_storage at;
    socklen_t len = ipendpoint_to_sockaddr(&f->service->config.server, false, &at);

    f->fd = ioth_msocket(f->proxy->intstack, at.ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (f->fd < 0 || ioth_connect(f->fd, (const struct sockaddr *)&at, len) < 0)
        return -errno;
    f->watch.ready = on_server;
    return loop_watch(&f->proxy->loop, f->fd, EPOLLIN, &f->watch);
}

/* A place for one more flow; a flow may have ended for it. */
static bool make_room(struct otip_proxy *p)
{
    struct udp_flow *f = flow_of(p->peers.oldest);

    if (p->peers.n < (p->settings.config->flows_max + 1) / 2)
        return true;
    for (unsigned i = 0; f && f->talks && i < OLDEST_SEEN; i++)
        f = flow_of(f->peer.newer);
    if (f == NULL || f->talks) {
        count(&p->counters.refused_full, 1);
        return false;
    }
    end(f, &p->counters.dropped);
    return true;
}

/* A new flow to an open address, or NULL: then it was counted why not. */
static struct udp_flow *begin(struct service *s, const struct peer_key *key)
{
    struct otip_proxy *p = s->proxy;
    struct window_address *place = s->retired ? NULL : proxy_epochs_open_address(p, &key->asked);

    if (place == NULL) {
        count(&p->counters.udp_outside, 1);
        return NULL;
    }
    if (!make_room(p) || !proxy_flow_begins(p, s, place, &key->client.addr))
        return NULL;
    struct udp_flow *f = calloc(1, sizeof(*f));
    if (f == NULL) {
        proxy_flow_ends(p, s, place, &key->client.addr);
        count(&p->counters.refused_memory, 1);
        return NULL;
    }
    *f = (struct udp_flow){
        .corpse.free = free_flow, .peer.key = *key, .proxy = p, .service = s, .place = place};
    peers_enter(&p->peers, &f->peer);
    count(&p->counters.udp_flows, 1);
    count(&p->counters.udp_flows_begun, 1);
    int e = connect_flow(f);
    if (e < 0) {
        log_event(&p->log, LOG_LEVEL_WARNING, "a UDP flow cannot begin", LOG_NUMBER("port", s->config.port),
                  LOG_TEXT("reason", strerror(-e)));
        end(f, &p->counters.refused_memory);
        return NULL;
    }
    return f;
}

/* ---- from clients ---- */

static bool read_asked(struct msghdr *msg, struct ipaddr *ret)
{
    struct pktinfo info;

    for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c))
        if (pktinfo_read(c, &info)) {
            *ret = info.addr;
            return true;
        }
    return false;
}

/* From where to where datagram i goes. */
static bool read_key(const struct service *s, unsigned i, struct peer_key *ret)
{
    struct udp_batch *b = s->proxy->batch;

    *ret = (struct peer_key){.port = s->config.port};
    return read_asked(&b->in[i].msg_hdr, &ret->asked) &&
           ipendpoint_from_sockaddr((const struct sockaddr *)&b->from[i], &ret->client) == 0;
}

/* Puts datagram i behind the n that go to its flow's server. */
static void line_up(struct udp_batch *b, unsigned n, unsigned i, bool with_head)
{
    b->out_iov[n][0] = (struct iovec){b->head, with_head ? sizeof(b->head) : 0};
    b->out_iov[n][1] = (struct iovec){b->bytes[i], b->in[i].msg_len};
    b->out[n].msg_hdr = (struct msghdr){.msg_iov = b->out_iov[n], .msg_iovlen = 2};
}

static void send_to_server(struct udp_flow *f, unsigned n)
{
    struct otip_proxy *p = f->proxy;

    if (n == 0)
        return;
    f->talks = f->answered;
    count(&p->counters.bytes_in, send_all(p, f->fd, n, &p->counters.udp_in));
    touch(f);
}

static void write_head(struct udp_batch *b, const struct udp_flow *f)
{
    const struct peer_key *key = &f->peer.key;

    proxy_header_write(b->head, true, &key->client,
                       &(struct ipendpoint){.addr = key->asked, .port = key->port});
}

static void forward(struct service *s, unsigned n)
{
    struct udp_batch *b = s->proxy->batch;
    bool with_head = s->proxy->settings.config->proxy_protocol;
    struct udp_flow *f = NULL;
    unsigned in_line = 0;

    for (unsigned i = 0; i < n; i++) {
        struct peer_key key;
        if (!read_key(s, i, &key))
            continue;
        struct udp_flow *next = flow_of(peers_find(&s->proxy->peers, &key));
        if (next == NULL || next != f) {
            if (f) /* before a new flow begins, for which it may give way */
                send_to_server(f, in_line);
            in_line = 0;
            f = next ? next : begin(s, &key);
            if (f && with_head)
                write_head(b, f);
        }
        if (f)
            line_up(b, in_line++, i, with_head);
    }
    if (f)
        send_to_server(f, in_line);
}

void udp_ready(struct watch *w, uint32_t events)
{
    struct service *s = (struct service *)((char *)w - offsetof(struct service, watch));
    int n = BATCH;

    (void)events;
    for (unsigned turn = 0; turn < BATCHES_PER_WAKE && n == BATCH && s->fd >= 0; turn++) {
        n = receive(s->proxy->batch, s->fd, true);
        if (n > 0)
            forward(s, (unsigned)n);
    }
    if (n < 0 && n != -EAGAIN && n != -EWOULDBLOCK && n != -EINTR)
        service_rest(s, -n);
}

/* ---- all of them ---- */

int proxy_udp_open(struct otip_proxy *p)
{
    p->batch = calloc(1, sizeof(*p->batch)); /* mostly never touched */
    if (p->batch == NULL)
        return -ENOMEM;
    p->batch->proxy = p;
    p->batch->timer.fire = on_time;
    return 0;
}

void proxy_udp_drop(struct otip_proxy *p, const struct window_address *place)
{
    struct peer *next;

    for (struct peer *at = p->peers.oldest; at; at = next) {
        next = at->newer;
        if (place == NULL || flow_of(at)->place == place)
            end(flow_of(at), &p->counters.dropped);
    }
}

void proxy_udp_close(struct otip_proxy *p)
{
    if (p->batch == NULL)
        return;
    proxy_udp_drop(p, NULL);
    heap_remove(&p->loop.timers, &p->batch->timer.node);
    free(p->batch);
    p->batch = NULL;
}
