/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The UDP frontend: questions come and replies go in batches (recvmmsg, sendmmsg), parsed where they were
 * received and answered where they are sent from; nothing is allocated.
 *
 * A wake-up takes a bounded number of batches, so that TCP, upstream and timers of the worker have their
 * turn. A reply that the system does not take is dropped: the client asks again. A socket for all addresses
 * learns from packet info which address was asked; the same control message, less what would choose the way
 * too, goes back with the reply, which then leaves from that address.
 */
#include "libiothnamed/worker.h"
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#define BATCH            64           /* messages of one recvmmsg */
#define BATCHES_PER_WAKE 8            /* then others have their turn */
#define QUERY_MAX        DNS_UDP_EDNS /* what we tell clients that we take (RFC 6891 s6.2.3) */

struct udp_socket {
    struct udp_frontend *frontend;
    int fd;
    bool any; /* packet info comes with each message */
    uv_poll_t poll;
};

struct udp_frontend {
    struct worker *worker;
    unsigned n_sockets;
    struct udp_socket sockets[LISTEN_MAX];
    struct mmsghdr in[BATCH], out[BATCH];
    unsigned spent; /* the first so many of `in` may have been written to since they were made ready */
    bool ready_for_any;
    struct iovec in_iov[BATCH], out_iov[BATCH];
    struct sockaddr_in6 peers[BATCH];
    struct udp_control controls[BATCH];
    uint8_t queries[BATCH][QUERY_MAX];
    uint8_t replies[BATCH][DNS_UDP_EDNS];
};

/* --- which address was asked --- */

/* Makes of the packet info that came with a message that which goes back with its reply. False: the reply cannot
 * leave from that address, a group's. */
static bool turn_round(struct cmsghdr *c)
{
    if (c->cmsg_level == IPPROTO_IPV6) {
        struct in6_pktinfo info;
        memcpy(&info, CMSG_DATA(c), sizeof(info));
        if (!IN6_IS_ADDR_LINKLOCAL(&info.ipi6_addr)) /* the routes choose the interface */
            memset(CMSG_DATA(c) + offsetof(struct in6_pktinfo, ipi6_ifindex), 0, sizeof(info.ipi6_ifindex));
        return !IN6_IS_ADDR_MULTICAST(&info.ipi6_addr);
    }
    memset(CMSG_DATA(c) + offsetof(struct in_pktinfo, ipi_ifindex), 0, sizeof(int));
    return true; /* ipi_spec_dst is an address of this host in any case */
}

static bool is_packet_info(const struct cmsghdr *c)
{
    return (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) ||
           (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO);
}

/* The control message of the reply, in the place of that of the question: its length, or 0: none. */
static size_t answer_from_asked(const struct msghdr *asked, struct cmsghdr **ret)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(asked); c; c = CMSG_NXTHDR((struct msghdr *)asked, c)) {
        if (!is_packet_info(c))
            continue;
        *ret = c;
        return turn_round(c) ? CMSG_ALIGN(c->cmsg_len) : 0;
    }
    return 0;
}

/* --- batches --- */

/* A batch is mostly one message where there is little to do: the headers of the others stay as they are, and out of the caches. */
static void make_ready(struct udp_frontend *u, bool any)
{
    unsigned n = u->ready_for_any == any ? u->spent : BATCH;
    for (unsigned i = 0; i < n; i++) {
        struct msghdr *msg = &u->in[i].msg_hdr;
        msg->msg_namelen = sizeof(u->peers[i]);
        msg->msg_control = any ? &u->controls[i] : NULL;
        msg->msg_controllen = any ? sizeof(u->controls[i]) : 0;
    }
    u->ready_for_any = any;
}

static int receive(struct udp_frontend *u, struct udp_socket *s)
{
    make_ready(u, s->any);
    int n = ioth_recvmmsg(s->fd, u->in, BATCH, MSG_DONTWAIT, NULL);
    u->spent = n < 0 ? 1 : n < BATCH ? (unsigned)n + 1 : BATCH; /* the one where it failed, too */
    return n;
}

/* Addresses the reply in slot `out` to whom question `in` came from. */
static void prepare_reply(struct udp_frontend *u, unsigned in, unsigned out, size_t len)
{
    const struct msghdr *asked = &u->in[in].msg_hdr;
    struct msghdr *msg = &u->out[out].msg_hdr;
    struct cmsghdr *control = NULL;
    u->out_iov[out].iov_len = len;
    msg->msg_name = asked->msg_name;
    msg->msg_namelen = asked->msg_namelen;
    msg->msg_controllen = answer_from_asked(asked, &control);
    msg->msg_control = msg->msg_controllen ? control : NULL;
}

/* Question `in` must wait. The length of a reply in slot `out` if it cannot. */
static size_t wait_for_upstream(struct udp_frontend *u, struct udp_socket *s, const struct ipaddr *client,
                                unsigned in, unsigned out)
{
    const struct msghdr *asked = &u->in[in].msg_hdr;
    struct reply_path path = {.udp = s, .peer_len = asked->msg_namelen};
    struct cmsghdr *control = NULL;
    memcpy(&path.peer, asked->msg_name, asked->msg_namelen);
    path.control_len = (unsigned)answer_from_asked(asked, &control);
    if (path.control_len)
        memcpy(&path.control, control, path.control_len);
    return worker_wait(u->worker, client, u->queries[in], u->in[in].msg_len, &path, u->replies[out],
                       DNS_UDP_EDNS);
}

/* Answers message `in` of the batch into reply slot `out`, if the answer is there: QUERY_REPLY. */
static enum outcome answer(struct udp_frontend *u, struct udp_socket *s, const struct query_env *env,
                           unsigned in, unsigned out)
{
    const struct mmsghdr *asked = &u->in[in];
    struct ipendpoint client;
    size_t len = 0;
    if (ipendpoint_from_sockaddr(asked->msg_hdr.msg_name, &client) < 0 || client.port == 0 ||
        (asked->msg_hdr.msg_flags & MSG_TRUNC))
        return QUERY_DROP;
    enum outcome outcome = query_run(env, &client.addr, false, u->queries[in], asked->msg_len, NULL,
                                     u->replies[out], DNS_UDP_EDNS, &len, &u->worker->need);
    if (u->worker->need.refresh)
        worker_refresh(u->worker);
    if (outcome == QUERY_FORWARD)
        len = wait_for_upstream(u, s, &client.addr, in, out);
    if (len == 0)
        return outcome;
    prepare_reply(u, in, out, len);
    return QUERY_REPLY;
}

/* One reply that the system refuses (no route, a firewall) must not hold back the others. */
static void send_batch(struct udp_frontend *u, struct udp_socket *s, unsigned n)
{
    unsigned sent = 0, lost = 0;
    while (sent + lost < n) {
        int done = ioth_sendmmsg(s->fd, u->out + sent + lost, n - sent - lost, MSG_DONTWAIT);
        if (done > 0)
            sent += (unsigned)done;
        else if (done < 0 && (errno == EAGAIN || errno == ENOBUFS))
            lost = n - sent;
        else if (done == 0 || errno != EINTR)
            lost++;
    }
    count(&u->worker->counters.replies, sent);
    count(&u->worker->counters.dropped, lost);
}

static int serve_batch(struct udp_frontend *u, struct udp_socket *s)
{
    int n = receive(u, s);
    if (n <= 0)
        return n;
    struct query_env env = worker_env(u->worker);
    unsigned replies = 0, dropped = 0;
    for (unsigned i = 0; i < (unsigned)n; i++) {
        enum outcome outcome = answer(u, s, &env, i, replies);
        replies += outcome == QUERY_REPLY;
        dropped += outcome == QUERY_DROP;
    }
    count(&u->worker->counters.udp_queries, (unsigned)n);
    count(&u->worker->counters.dropped, dropped);
    if (replies)
        send_batch(u, s, replies);
    return n;
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
    (void)events;
    struct udp_socket *s = poll->data;
    /* libuv stops at an error pending on the socket (an ICMP message); reading takes it away, and it concerns
     * nobody. */
    if (status < 0)
        uv_poll_start(poll, UV_READABLE, on_readable);
    for (int i = 0; i < BATCHES_PER_WAKE; i++)
        if (serve_batch(s->frontend, s) < BATCH)
            break;
}

void udp_reply(struct worker *w, const struct reply_path *path, const uint8_t *reply, size_t len)
{
    struct iovec iov = {.iov_base = (void *)reply, .iov_len = len};
    struct msghdr msg = {
        .msg_name = (void *)&path->peer,
        .msg_namelen = path->peer_len,
        .msg_iov = &iov,
        .msg_iovlen = 1,
        .msg_control = path->control_len ? (void *)&path->control : NULL,
        .msg_controllen = path->control_len,
    };
    bool sent = ioth_sendmsg(path->udp->fd, &msg, MSG_DONTWAIT) >= 0;
    count(sent ? &w->counters.replies : &w->counters.dropped, 1);
}

/* --- its life --- */

static void prepare_buffers(struct udp_frontend *u)
{
    for (unsigned i = 0; i < BATCH; i++) {
        u->in_iov[i] = (struct iovec){.iov_base = u->queries[i], .iov_len = QUERY_MAX};
        u->in[i].msg_hdr.msg_iov = &u->in_iov[i];
        u->in[i].msg_hdr.msg_iovlen = 1;
        u->in[i].msg_hdr.msg_name = &u->peers[i];
        u->out_iov[i].iov_base = u->replies[i];
        u->out[i].msg_hdr.msg_iov = &u->out_iov[i];
        u->out[i].msg_hdr.msg_iovlen = 1;
    }
}

static int open_socket(struct udp_frontend *u, const struct listen_address *at, char *why, size_t why_size)
{
    struct worker *w = u->worker;
    struct udp_socket *s = &u->sockets[u->n_sockets];
    int fd = listen_socket(w->set.rstack, at, SOCK_DGRAM, w->set.share_port, why, why_size);
    if (fd < 0)
        return fd;
    *s = (struct udp_socket){.frontend = u, .fd = fd, .any = at->any};
    s->poll.data = s;
    int e = uv_poll_init(&w->loop, &s->poll, fd);
    if (e < 0) {
        snprintf(why, why_size, "cannot watch a UDP socket: %s", uv_strerror(e));
        ioth_close(fd);
        return e;
    }
    u->n_sockets++;
    return uv_poll_start(&s->poll, UV_READABLE, on_readable);
}

int udp_open(struct worker *w, struct udp_frontend **ret, char *why, size_t why_size)
{
    struct udp_frontend *u = calloc(1, sizeof(*u));
    if (!u) {
        snprintf(why, why_size, "out of memory");
        return -ENOMEM;
    }
    *ret = u; /* the caller closes and frees it, also half-made */
    u->worker = w;
    u->spent = BATCH;
    prepare_buffers(u);
    struct listen_address list[LISTEN_MAX];
    unsigned n = listen_addresses(w->snap->config, list);
    for (unsigned i = 0; i < n; i++) {
        int e = open_socket(u, &list[i], why, why_size);
        if (e < 0)
            return e;
    }
    return 0;
}

static void on_closed(uv_handle_t *handle)
{
    struct udp_socket *s = handle->data;
    ioth_close(s->fd);
}

void udp_close(struct udp_frontend *u)
{
    for (unsigned i = 0; u && i < u->n_sockets; i++)
        uv_close((uv_handle_t *)&u->sockets[i].poll, on_closed);
}

void udp_free(struct udp_frontend *u)
{
    free(u);
}
