/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The UDP frontend: questions come and replies go in batches (recvmmsg, sendmmsg), parsed where they were
 * received and answered where they are sent from; nothing is allocated.
 *
 * A wake-up takes a bounded number of batches, so that TCP, upstream and timers of the worker have their
 * turn. A reply that the system does not take is dropped: the client asks again. A socket for all addresses
 * learns from packet info which address was asked, and answers from it.
 */
#include "libiothnamed/worker.h"
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#define BATCH            64   /* messages of one recvmmsg */
#define BATCHES_PER_WAKE 8    /* then others have their turn */
#define QUERY_MAX        4096 /* bytes of a question over UDP: with all options that are in use, some hundred */

struct udp_socket {
    struct udp_frontend *frontend;
    int fd;
    bool any; /* packet info comes with each message */
    uv_poll_t poll;
};

union control {
    struct cmsghdr align;
    uint8_t bytes[CMSG_SPACE(sizeof(struct in6_pktinfo)) + CMSG_SPACE(sizeof(struct in_pktinfo))];
};

struct udp_frontend {
    struct worker *worker;
    unsigned n_sockets;
    struct udp_socket sockets[LISTEN_MAX];
    struct mmsghdr in[BATCH], out[BATCH];
    struct iovec in_iov[BATCH], out_iov[BATCH];
    struct sockaddr_storage peers[BATCH];
    union control controls[BATCH];
    uint8_t queries[BATCH][QUERY_MAX];
    uint8_t replies[BATCH][DNS_UDP_EDNS];
};

/* --- which address was asked --- */

static void note_local(struct reply_path *path, const struct msghdr *msg)
{
    path->has_local = false;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR((struct msghdr *)msg, c)) {
        if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
            struct in6_pktinfo info;
            memcpy(&info, CMSG_DATA(c), sizeof(info));
            memcpy(path->local.b, &info.ipi6_addr, sizeof(path->local.b));
            path->local_if = IN6_IS_ADDR_LINKLOCAL(&info.ipi6_addr) ? info.ipi6_ifindex : 0;
            path->has_local = !IN6_IS_ADDR_MULTICAST(&info.ipi6_addr);
        } else if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
            struct in_pktinfo info;
            memcpy(&info, CMSG_DATA(c), sizeof(info));
            struct sockaddr_in sin = {.sin_family = AF_INET, .sin_addr = info.ipi_spec_dst};
            struct ipendpoint e;
            path->has_local = ipendpoint_from_sockaddr((struct sockaddr *)&sin, &e) == 0;
            path->local = e.addr;
            path->local_if = 0;
        }
    }
}

static void put_control(struct msghdr *msg, int level, int type, const void *info, size_t len)
{
    struct cmsghdr *c = msg->msg_control;
    c->cmsg_level = level;
    c->cmsg_type = type;
    c->cmsg_len = CMSG_LEN(len);
    memcpy(CMSG_DATA(c), info, len);
    msg->msg_controllen = CMSG_SPACE(len);
}

/* Has the reply leave from the address that was asked. msg->msg_control: room for a union control. */
static void put_local(struct msghdr *msg, const struct reply_path *path)
{
    if (path->peer.ss_family == AF_INET6) {
        struct in6_pktinfo info = {.ipi6_ifindex = path->local_if};
        memcpy(&info.ipi6_addr, path->local.b, sizeof(info.ipi6_addr));
        put_control(msg, IPPROTO_IPV6, IPV6_PKTINFO, &info, sizeof(info));
    } else {
        struct in_pktinfo info = {0};
        memcpy(&info.ipi_spec_dst, path->local.b + 12, sizeof(info.ipi_spec_dst));
        put_control(msg, IPPROTO_IP, IP_PKTINFO, &info, sizeof(info));
    }
}

/* --- batches --- */

static int receive(struct udp_frontend *u, struct udp_socket *s)
{
    for (unsigned i = 0; i < BATCH; i++) {
        u->in[i].msg_hdr.msg_namelen = sizeof(u->peers[i]);
        u->in[i].msg_hdr.msg_control = s->any ? &u->controls[i] : NULL;
        u->in[i].msg_hdr.msg_controllen = s->any ? sizeof(u->controls[i]) : 0;
    }
    return ioth_recvmmsg(s->fd, u->in, BATCH, MSG_DONTWAIT, NULL);
}

static void prepare_reply(struct udp_frontend *u, unsigned in, unsigned out, const struct reply_path *path,
                          size_t len)
{
    u->out_iov[out] = (struct iovec){.iov_base = u->replies[out], .iov_len = len};
    struct msghdr *msg = &u->out[out].msg_hdr;
    msg->msg_name = &u->peers[in];
    msg->msg_namelen = path->peer_len;
    msg->msg_control = path->has_local ? &u->controls[in] : NULL;
    msg->msg_controllen = 0;
    if (path->has_local)
        put_local(msg, path);
}

/* Answers message i of the batch into reply slot out. True: there is a reply. */
static bool answer(struct udp_frontend *u, struct udp_socket *s, const struct query_env *env, unsigned i,
                   unsigned out)
{
    struct worker *w = u->worker;
    const struct msghdr *msg = &u->in[i].msg_hdr;
    struct reply_path path = {.udp = s, .peer_len = msg->msg_namelen};
    struct ipendpoint client;
    if (ipendpoint_from_sockaddr((struct sockaddr *)&u->peers[i], &client) < 0 || client.port == 0 ||
        (msg->msg_flags & MSG_TRUNC))
        return false;
    path.peer.ss_family = u->peers[i].ss_family;
    note_local(&path, msg);

    size_t len = 0;
    enum outcome outcome = query_run(env, &client.addr, false, u->queries[i], u->in[i].msg_len, NULL,
                                     u->replies[out], DNS_UDP_EDNS, &len, &w->need);
    if (outcome == QUERY_DROP)
        return false;
    if (outcome == QUERY_FORWARD) {
        memcpy(&path.peer, &u->peers[i], msg->msg_namelen);
        len = worker_wait(w, &client.addr, u->queries[i], u->in[i].msg_len, &path, u->replies[out],
                          DNS_UDP_EDNS);
        if (len == 0)
            return false;
    }
    prepare_reply(u, i, out, &path, len);
    return true;
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
    unsigned replies = 0, forwarded = u->worker->waiting;
    for (unsigned i = 0; i < (unsigned)n; i++)
        replies += answer(u, s, &env, i, replies);
    forwarded = u->worker->waiting - forwarded;
    count(&u->worker->counters.udp_queries, (unsigned)n);
    count(&u->worker->counters.dropped, (unsigned)n - replies - forwarded);
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
    union control control;
    struct iovec iov = {.iov_base = (void *)reply, .iov_len = len};
    struct msghdr msg = {
        .msg_name = (void *)&path->peer,
        .msg_namelen = path->peer_len,
        .msg_iov = &iov,
        .msg_iovlen = 1,
        .msg_control = path->has_local ? &control : NULL,
    };
    if (path->has_local)
        put_local(&msg, path);
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
    prepare_buffers(u);
    struct listen_address list[LISTEN_MAX];
    unsigned n = listen_addresses(w->snap->config, list, LISTEN_MAX);
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
