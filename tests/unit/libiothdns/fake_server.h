/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A DNS server on the loopback, in a thread, that behaves as the first label of a name says:
 *
 *   nx...       no such name            nodata...    no such record         servfail..., refused...   an error
 *   silent...   nothing                 tc...        truncated, whole over TCP
 *   forged...   wrong id, wrong name, wrong letter case first, from the same port, then the answer
 *   alias...    an alias of the rest    loop...      two aliases in a circle        v4...   no AAAA
 *   many...     50 addresses            mixed...     the record's owner spelled anew, not compressed
 *   else        192.0.2.1, 2001:db8::1, TXT "text"
 *
 * It allocates nothing, so that tests may let allocations fail.
 */
#ifndef FAKE_SERVER_H
#define FAKE_SERVER_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "wire/dnsmsg.h"

#include <iothdns.h>

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct fake_server {
    int udp, tcp, stop[2];
    uint16_t port;
    pthread_t thread;
    atomic_uint n_udp, n_tcp, flags; /* flags: of the last query */
    atomic_bool dnssec_ok;           /* of the last query */
    atomic_bool silent, servfail;    /* whatever is asked */
    atomic_uint loss;                /* percent of the datagrams that it does not see */
    uint32_t random;
};

static inline bool fake_label(const struct dns_query *q, const char *prefix)
{
    size_t len = strlen(prefix);

    return q->question.name[0] >= len && strncasecmp((const char *)q->question.name + 1, prefix, len) == 0;
}

static inline int fake_rcode(const struct fake_server *s, const struct dns_query *q)
{
    if (s->servfail || fake_label(q, "servfail"))
        return RCODE_SERVFAIL;
    return fake_label(q, "nx") ? RCODE_NXDOMAIN : fake_label(q, "refused") ? RCODE_REFUSED : RCODE_NOERROR;
}

static inline void fake_put(struct dns_writer *dw, const uint8_t *owner, uint16_t type)
{
    static const uint8_t a[] = {192, 0, 2, 1}, text[] = "\4text", aaaa[16] = {0x20, 1, 0xd, 0xb8, [15] = 1};
    int error = 0;

    if (type == RR_A)
        error = dns_put_rr(dw, DNS_ANSWER, owner, type, CLASS_IN, 60, a, sizeof(a));
    else if (type == RR_AAAA)
        error = dns_put_rr(dw, DNS_ANSWER, owner, type, CLASS_IN, 60, aaaa, sizeof(aaaa));
    else if (type == RR_TXT)
        error = dns_put_rr(dw, DNS_ANSWER, owner, type, CLASS_IN, 60, text, sizeof(text) - 1);
    if (error < 0)
        abort();
}

static inline void fake_alias(struct dns_writer *dw, const uint8_t *owner, const uint8_t *target)
{
    if (dns_put_rr(dw, DNS_ANSWER, owner, RR_CNAME, CLASS_IN, 60, target, dname_len(target)) < 0)
        abort();
}

static inline void fake_answer(struct dns_writer *dw, const struct dns_query *q)
{
    const uint8_t *name = q->question.name, *rest = name + name[0] + 1;
    static const uint8_t circle[] = "\6circle";

    if (fake_label(q, "nodata") || (fake_label(q, "v4") && q->question.type == RR_AAAA))
        return;
    if (fake_label(q, "loop")) {
        fake_alias(dw, circle, name);
        fake_alias(dw, name, circle);
        return;
    }
    if (fake_label(q, "alias")) {
        fake_put(dw, rest, q->question.type); /* before its alias, as some servers do */
        fake_alias(dw, name, rest);
        return;
    }
    if (fake_label(q, "mixed")) {
        uint8_t *record = dns_reserve_records(dw, DNS_ANSWER, 1, dname_len(name) + 14);
        memcpy(record, name, dname_len(name));
        memcpy(record + dname_len(name), "\0\1\0\1\0\0\0\x3c\0\4\300\0\2\1", 14);
        return;
    }
    for (unsigned i = 0; i < (fake_label(q, "many") ? 50 : 1); i++)
        fake_put(dw, name, q->question.type);
}

/* The reply; 0: none. */
static inline size_t fake_reply(struct fake_server *s, const uint8_t *query, size_t len, bool tcp,
                                uint8_t *out)
{
    struct dns_query q;
    struct dns_writer dw;

    if (dns_parse_query(query, len, &q) < 0)
        return 0;
    s->flags = q.header.flags;
    s->dnssec_ok = q.edns.dnssec_ok;
    if (s->silent || fake_label(&q, "silent"))
        return 0;
    int rcode = fake_rcode(s, &q);
    dns_writer_init(&dw, out, 4096, q.header.id, (uint16_t)(DNS_QR | DNS_RD | DNS_RA | DNS_AD | rcode));
    dns_put_question(&dw, q.question.name, q.question.type, q.question.class);
    if (fake_label(&q, "tc") && !tcp)
        dns_set_flags(&dw, dns_get_flags(&dw) | DNS_TC);
    else if (rcode == RCODE_NOERROR)
        fake_answer(&dw, &q);
    dns_put_opt(&dw, 0, false, NULL, 0);
    return dns_finish(&dw);
}

static inline void fake_forge(const struct fake_server *s, const uint8_t *reply, size_t len,
                              const struct sockaddr_in *to)
{
    uint8_t forged[4096];

    memcpy(forged, reply, len);
    forged[1] ^= 1; /* the id */
    sendto(s->udp, forged, len, 0, (const struct sockaddr *)to, sizeof(*to));
    forged[1] ^= 1;
    forged[DNS_HEADER_LEN + 1] ^= 1; /* the name */
    sendto(s->udp, forged, len, 0, (const struct sockaddr *)to, sizeof(*to));
}

static inline void fake_serve_udp(struct fake_server *s)
{
    uint8_t query[4096], reply[4096];
    struct sockaddr_in from;
    socklen_t from_len = sizeof(from);
    ssize_t n = recvfrom(s->udp, query, sizeof(query), 0, (struct sockaddr *)&from, &from_len);

    if (n < 0)
        return;
    s->random = s->random * 1103515245 + 12345;
    if (s->random >> 16 < s->loss * 65536 / 100)
        return;
    s->n_udp++;
    size_t len = fake_reply(s, query, (size_t)n, false, reply);
    if (len > 0 && strncasecmp((char *)reply + DNS_HEADER_LEN + 1, "forged", 6) == 0)
        fake_forge(s, reply, len, &from);
    if (len > 0)
        sendto(s->udp, reply, len, 0, (struct sockaddr *)&from, from_len);
}

/* One connection, one question. */
static inline void fake_serve_tcp(struct fake_server *s)
{
    uint8_t query[4096], reply[2 + 4096];
    int fd = accept(s->tcp, NULL, NULL);

    if (fd < 0)
        return;
    if (recv(fd, query, 2, MSG_WAITALL) == 2) {
        size_t len = get_be16(query);
        if (len <= sizeof(query) && recv(fd, query, len, MSG_WAITALL) == (ssize_t)len) {
            s->n_tcp++;
            size_t reply_len = fake_reply(s, query, len, true, reply + 2);
            put_be16(reply, (uint16_t)reply_len);
            for (size_t at = 0; reply_len > 0 && at < 2 + reply_len; at += 7) /* in small pieces */
                send(fd, reply + at, 2 + reply_len - at < 7 ? 2 + reply_len - at : 7, MSG_NOSIGNAL);
        }
    }
    close(fd);
}

static inline void *fake_main(void *arg)
{
    struct fake_server *s = arg;
    struct pollfd fds[] = {{s->stop[0], POLLIN, 0}, {s->udp, POLLIN, 0}, {s->tcp, POLLIN, 0}};

    while (poll(fds, 3, -1) >= 0 && !fds[0].revents) {
        if (fds[1].revents)
            fake_serve_udp(s);
        if (fds[2].revents)
            fake_serve_tcp(s);
    }
    return NULL;
}

static inline void fake_start(struct fake_server *s)
{
    struct sockaddr_in sa = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(sa);

    memset(s, 0, sizeof(*s));
    s->udp = socket(AF_INET, SOCK_DGRAM, 0);
    s->tcp = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(s->tcp, (struct sockaddr *)&sa, sizeof(sa)), 0);
    assert_int_equal(getsockname(s->tcp, (struct sockaddr *)&sa, &len), 0);
    assert_int_equal(bind(s->udp, (struct sockaddr *)&sa, sizeof(sa)), 0);
    assert_int_equal(listen(s->tcp, 64), 0);
    s->port = ntohs(sa.sin_port);
    assert_int_equal(pipe(s->stop), 0);
    assert_int_equal(pthread_create(&s->thread, NULL, fake_main, s), 0);
}

static inline void fake_stop(struct fake_server *s)
{
    assert_int_equal(write(s->stop[1], "", 1), 1);
    pthread_join(s->thread, NULL);
    close(s->udp);
    close(s->tcp);
    close(s->stop[0]);
    close(s->stop[1]);
}

#endif
