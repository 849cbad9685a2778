/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Servers' half of the exchange: one request in, one reply out. The form of a request is judged as iothnamed judges it
 * (dns_parse_query); the callback sees questions alone. Without it are answered: what is malformed (FORMERR), other opcodes
 * (NOTIMP), other versions of EDNS (BADVERS), names that the callback's buffers cannot hold (REFUSED), and, when its reply
 * does not come to be, SERVFAIL. Responses and fragments get silence, so that no two servers answer each other for ever.
 *
 * The reply takes the request's id, opcode and RD, and an OPT record if the request had one (RFC 6891 s7). One that is
 * longer than the asker takes goes out as its question and the bit TC: he asks again over TCP.
 *
 * Over TCP (RFC 1035 s4.2.2) the wait for the first byte is the socket's own affair. From then on the message must be
 * whole, and later be taken, within STREAM_PATIENCE, so a peer that says little holds a server up for that long at most.
 */
#include "base/clock.h"
#include "libiothdns/handle.h"
#include "libiothdns/packet.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>

#define STREAM_PATIENCE (10 * NSEC_PER_SEC)
#define LENGTH_LEN      2

/* --- the reply --- */

/* A reply without records, the question in it if it could be read. NULL: no memory. */
static struct iothdns_pkt *refusal(const struct dns_query *query, unsigned rcode)
{
    char qname[DNAME_TEXT_MAX];
    struct iothdns_header h = {.flags = (uint16_t)(rcode & DNS_RCODE)};

    if (query->has_question) {
        h.qname = dname_to_text(query->question.name, qname);
        h.qtype = query->question.type;
        h.qclass = query->question.class;
    }
    return iothdns_put_header(&h);
}

/* What the callback makes of the question. NULL: silence. */
static struct iothdns_pkt *ask_callback(const struct dns_query *query, parse_request_t *parse_request,
                                        void *arg)
{
    char qname[DNAME_TEXT_MAX];
    struct iothdns_header h = {.id = query->header.id,
                               .flags = query->header.flags,
                               .qname = dname_to_text(query->question.name, qname),
                               .qtype = query->question.type,
                               .qclass = query->question.class};

    if (strlen(qname) >= IOTHDNS_MAXNAME)
        return refusal(query, RCODE_REFUSED);
    struct iothdns_pkt *pkt = parse_request(&h, arg);
    if (!pkt || (pkt->writing && !pkt->error))
        return pkt;
    iothdns_free(pkt);
    return refusal(query, RCODE_SERVFAIL);
}

/* Makes it the reply to this request, of at most `limit` bytes. */
static void complete(struct iothdns_pkt *pkt, const struct dns_query *query, uint16_t rcode, size_t limit)
{
    const uint16_t taken_over = DNS_OPCODE | DNS_RD;
    uint16_t flags;

    iothdns_retrieve_header(pkt, NULL, &flags);
    flags = (uint16_t)((flags & ~taken_over) | (query->header.flags & taken_over) | DNS_QR);
    iothdns_rewrite_header(pkt, query->header.id, flags);
    if (query->edns.present)
        packet_put_opt(pkt, rcode, query->edns.dnssec_ok);
    if (iothdns_getbuf(pkt).iov_len <= limit)
        return;
    packet_truncate(pkt);
    if (query->edns.present)
        packet_put_opt(pkt, rcode, query->edns.dnssec_ok);
}

static size_t limit_of_udp(const struct dns_edns *edns)
{
    if (!edns->present || edns->udp_size < DNS_UDP_PLAIN)
        return DNS_UDP_PLAIN;
    return edns->udp_size < DNS_UDP_EDNS ? edns->udp_size : DNS_UDP_EDNS;
}

/* The reply to a message: 0 with *ret (NULL: silence), -EBADMSG: it was no request. */
static int make_reply(const uint8_t *bytes, size_t len, bool udp, parse_request_t *parse_request, void *arg,
                      struct iothdns_pkt **ret)
{
    struct dns_query query = {0};
    struct iothdns_pkt *pkt;
    uint16_t rcode = RCODE_NOERROR; /* of EDNS */
    int error = dns_parse_query(bytes, len, &query);

    if (error == -EBADMSG)
        return error;
    if ((query.header.flags & DNS_OPCODE) != OPCODE_QUERY) {
        pkt = refusal(&query, RCODE_NOTIMP);
    } else if (error < 0 || !query.has_question) {
        pkt = refusal(&query, RCODE_FORMERR);
    } else if (query.edns.present && query.edns.version > 0) {
        rcode = RCODE_BADVERS;
        pkt = refusal(&query, rcode);
    } else {
        pkt = ask_callback(&query, parse_request, arg);
    }
    if (pkt)
        complete(pkt, &query, rcode, udp ? limit_of_udp(&query.edns) : DNS_MSG_MAX);
    *ret = pkt;
    return 0;
}

/* --- UDP --- */

int iothdns_udp_process_request(int fd, parse_request_t *parse_request, void *arg)
{
    struct sockaddr_storage from;
    socklen_t from_len = sizeof(from);
    struct iothdns_pkt *pkt = NULL;
    uint8_t *bytes = malloc(DNS_MSG_MAX);

    if (!bytes)
        return -1;
    ssize_t n = ioth_recvfrom(fd, bytes, DNS_MSG_MAX, 0, (struct sockaddr *)&from, &from_len);
    if (n >= 0 && make_reply(bytes, (size_t)n, true, parse_request, arg, &pkt) == 0 && pkt) {
        struct iovec reply = iothdns_getbuf(pkt);
        /* One that cannot be sent is lost, as any datagram may be. */
        ioth_sendto(fd, reply.iov_base, reply.iov_len, MSG_NOSIGNAL, (struct sockaddr *)&from, from_len);
    }
    int error = errno;
    iothdns_free(pkt);
    free(bytes);
    errno = error;
    return (int)n;
}

/* --- TCP --- */

static int wait_for(int fd, short events, nsec_t until)
{
    struct pollfd p = {.fd = fd, .events = events};
    nsec_t left = until - monotonic_now();

    if (left <= 0)
        return -ETIMEDOUT;
    struct timespec span = timespec_of(left);
    return ppoll(&p, 1, &span, NULL) < 0 && errno != EINTR ? -errno : 0;
}

static bool must_wait(int error)
{
    return error == EAGAIN || error == EWOULDBLOCK || error == EINTR;
}

/* All of `len` bytes by `until`. 0, -ECONNRESET: the peer has closed before, -ETIMEDOUT, ... */
static int receive_all(int fd, uint8_t *bytes, size_t len, nsec_t until)
{
    size_t have = 0;

    while (have < len) {
        ssize_t n = ioth_recv(fd, bytes + have, len - have, MSG_DONTWAIT);
        if (n == 0)
            return -ECONNRESET;
        int error = n > 0 ? 0 : must_wait(errno) ? wait_for(fd, POLLIN, until) : -errno;
        if (error < 0)
            return error;
        have += n > 0 ? (size_t)n : 0;
    }
    return 0;
}

static int send_all(int fd, const uint8_t *bytes, size_t len, nsec_t until)
{
    size_t sent = 0;

    while (sent < len) {
        ssize_t n = ioth_send(fd, bytes + sent, len - sent, MSG_DONTWAIT | MSG_NOSIGNAL);
        int error = n >= 0 ? 0 : must_wait(errno) ? wait_for(fd, POLLOUT, until) : -errno;
        if (error < 0)
            return error;
        sent += n > 0 ? (size_t)n : 0;
    }
    return 0;
}

/* The length and the message, in one piece where the stack has room: peers like both together (RFC 7766 s8). buffer:
 * LENGTH_LEN + DNS_MSG_MAX bytes. */
static int send_reply(int fd, struct iothdns_pkt *pkt, uint8_t *buffer)
{
    struct iovec reply = iothdns_getbuf(pkt);

    put_be16(buffer, (uint16_t)reply.iov_len);
    memcpy(buffer + LENGTH_LEN, reply.iov_base, reply.iov_len);
    return send_all(fd, buffer, LENGTH_LEN + reply.iov_len, monotonic_now() + STREAM_PATIENCE);
}

/* The rest of a message that has begun with `first`: its length, or -errno. */
static int receive_message(int fd, uint8_t first, uint8_t *buffer)
{
    nsec_t until = monotonic_now() + STREAM_PATIENCE;
    uint8_t second;

    int error = receive_all(fd, &second, 1, until);
    if (error < 0)
        return error;
    size_t len = (size_t)first << 8 | second;
    if (len < DNS_HEADER_LEN)
        return -EBADMSG;
    error = receive_all(fd, buffer, len, until);
    return error < 0 ? error : (int)len;
}

/* A request whose first byte has come. How long it was, or -errno. */
static int process_stream(int fd, uint8_t first, parse_request_t *parse_request, void *arg)
{
    struct iothdns_pkt *pkt = NULL;
    uint8_t *buffer = malloc(LENGTH_LEN + DNS_MSG_MAX);

    if (!buffer)
        return -ENOMEM;
    int len = receive_message(fd, first, buffer);
    int error = len < 0 ? len : make_reply(buffer, (size_t)len, false, parse_request, arg, &pkt);
    if (error == 0 && pkt)
        error = send_reply(fd, pkt, buffer);
    iothdns_free(pkt);
    free(buffer);
    return error < 0 ? error : LENGTH_LEN + len;
}

int iothdns_tcp_process_request(int fd, parse_request_t *parse_request, void *arg)
{
    uint8_t first;
    ssize_t n = ioth_recv(fd, &first, 1, 0);

    if (n <= 0)
        return (int)n;
    int len = process_stream(fd, first, parse_request, arg);
    if (len < 0) {
        errno = -len;
        return -1;
    }
    return len;
}
