/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Servers' half: requests over UDP and TCP on the loopback, odd and hostile ones among them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "wire/dnsmsg.h"

#include <arpa/inet.h>
#include <errno.h>
#include <iothdns.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { REPLY_MAX = 65537 };

/* The server: as many addresses as the first label of the name says; "silent" gets no reply, "broken" an unfinished one. */
static struct iothdns_pkt *answer(struct iothdns_header *h, void *arg)
{
    struct iothdns_rr rr = {.name = h->qname, .type = IOTHDNS_TYPE_A, .class = IOTHDNS_CLASS_IN, .ttl = 1};
    int n = atoi(h->qname);

    ++*(unsigned *)arg;
    if (strcmp(h->qname, "silent") == 0)
        return NULL;
    h->flags = IOTHDNS_RESPONSE | IOTHDNS_AA;
    struct iothdns_pkt *pkt = iothdns_put_header(h);
    if (strcmp(h->qname, "broken") == 0)
        iothdns_put_a(pkt, &in6addr_any);
    for (int i = 0; i < n; i++) {
        iothdns_put_rr(IOTHDNS_SEC_ANSWER, pkt, &rr);
        iothdns_put_a(pkt, &(struct in_addr){.s_addr = htonl(INADDR_LOOPBACK)});
    }
    return pkt;
}

/* A query, with an OPT record of that size and version if size is not 0. */
static size_t make_query(const char *name, uint16_t flags, uint16_t size, uint8_t version, uint8_t *out)
{
    uint8_t wire[DNAME_MAX];
    struct dns_writer dw;

    dns_writer_init(&dw, out, 512, 0x7777, flags);
    assert_true(dname_from_text(name, strlen(name), wire) > 0);
    dns_put_question(&dw, wire, RR_A, CLASS_IN);
    if (size > 0) {
        dns_put_opt(&dw, 0, false, NULL, 0);
        put_be16(dw.w.base + dw.w.pos - 8, size);
        dw.w.base[dw.w.pos - 5] = version;
    }
    return dns_finish(&dw);
}

/* --- UDP --- */

struct udp {
    int server, client;
    unsigned calls;
};

static struct udp udp_new(void)
{
    struct udp u = {.server = socket(AF_INET, SOCK_DGRAM, 0), .client = socket(AF_INET, SOCK_DGRAM, 0)};
    struct sockaddr_in sa = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(sa);

    assert_int_equal(bind(u.server, (struct sockaddr *)&sa, sizeof(sa)), 0);
    assert_int_equal(getsockname(u.server, (struct sockaddr *)&sa, &len), 0);
    assert_int_equal(connect(u.client, (struct sockaddr *)&sa, sizeof(sa)), 0);
    return u;
}

static void udp_close(const struct udp *u)
{
    close(u->server);
    close(u->client);
}

/* What the server says to it: the length of the reply, 0: nothing. */
static size_t udp_ask(struct udp *u, const uint8_t *bytes, size_t len, uint8_t *reply)
{
    assert_int_equal(send(u->client, bytes, len, 0), len);
    assert_int_equal(iothdns_udp_process_request(u->server, answer, &u->calls), len);
    ssize_t n = recv(u->client, reply, REPLY_MAX, MSG_DONTWAIT);
    return n > 0 ? (size_t)n : 0;
}

static struct dns_header header_of(const uint8_t *reply, size_t len)
{
    struct reader r = reader_of(reply, len);
    struct dns_header header = dns_read_header(&r);

    assert_false(r.bad);
    return header;
}

static void test_udp(void **state)
{
    (void)state;
    static uint8_t query[512], reply[REPLY_MAX];
    struct udp u = udp_new();

    size_t len = udp_ask(&u, query, make_query("3.example", DNS_RD, 0, 0, query), reply);
    struct dns_header h = header_of(reply, len);
    assert_int_equal(h.id, 0x7777);
    assert_int_equal(h.flags, DNS_QR | DNS_AA | DNS_RD);
    assert_int_equal(h.count[DNS_ANSWER], 3);
    assert_int_equal(h.count[DNS_ADDITIONAL], 0);

    assert_int_equal(udp_ask(&u, query, make_query("silent", 0, 0, 0, query), reply), 0);
    len = udp_ask(&u, query, make_query("broken", 0, 0, 0, query), reply);
    assert_int_equal(header_of(reply, len).flags & DNS_RCODE, RCODE_SERVFAIL);
    assert_int_equal(u.calls, 3);
    udp_close(&u);
}

/* 16 bytes an answer: 512 bytes hold some thirty, 1232 some seventy; nobody gets more than that over UDP. */
static void test_sizes(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        uint16_t size;
        bool cut;
    } rows[] = {{"30.example", 0, false},    {"40.example", 0, true},       {"40.example", 1232, false},
                {"40.example", 100, true},   {"73.example", 1232, false},   {"90.example", 1232, true},
                {"90.example", 65535, true}, {"3000.example", 65535, true}, {"40.example", 600, true},
                {"40.example", 1000, false}};
    static uint8_t query[512], reply[REPLY_MAX];
    struct udp u = udp_new();

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        size_t len = udp_ask(&u, query, make_query(rows[i].name, 0, rows[i].size, 0, query), reply);
        struct dns_header h = header_of(reply, len);
        assert_true(len <= (rows[i].size < 512 ? 512 : 1232));
        assert_int_equal(!!(h.flags & DNS_TC), rows[i].cut);
        assert_int_equal(h.qdcount, 1);
        assert_int_equal(h.count[DNS_ADDITIONAL], rows[i].size > 0);
        assert_true(rows[i].cut == (h.count[DNS_ANSWER] == 0));
    }
    udp_close(&u);
}

static void test_odd_requests(void **state)
{
    (void)state;
    static uint8_t query[512], reply[REPLY_MAX];
    struct udp u = udp_new();
    char name[DNAME_TEXT_MAX] = "";

    assert_int_equal(udp_ask(&u, query, 0, reply), 0); /* nothing at all */
    assert_int_equal(udp_ask(&u, query, 11, reply), 0);
    assert_int_equal(udp_ask(&u, query, make_query("1.example", DNS_QR, 0, 0, query), reply), 0);

    size_t len = make_query("1.example", 0, 0, 0, query);
    len = udp_ask(&u, query, len - 1, reply);
    assert_int_equal(header_of(reply, len).flags, DNS_QR | RCODE_FORMERR);

    len = make_query("1.example", 0, 0, 0, query);
    put_be16(query + 4, 0); /* QDCOUNT */
    len = udp_ask(&u, query, DNS_HEADER_LEN, reply);
    assert_int_equal(header_of(reply, len).flags, DNS_QR | RCODE_FORMERR);
    put_be16(query + 4, 2);
    len = udp_ask(&u, query, DNS_HEADER_LEN, reply);
    assert_int_equal(header_of(reply, len).flags, DNS_QR | RCODE_FORMERR);

    len = udp_ask(&u, query, make_query("1.example", 4 << 11, 0, 0, query), reply);
    assert_int_equal(header_of(reply, len).flags, DNS_QR | 4 << 11 | RCODE_NOTIMP);

    len = udp_ask(&u, query, make_query("1.example", 0, 1232, 1, query), reply);
    assert_int_equal(header_of(reply, len).flags & DNS_RCODE, 0);
    assert_int_equal(reply[len - 6], RCODE_BADVERS >> 4);

    len = make_query("1.example", 0, 0, 0, query);
    query[DNS_HEADER_LEN] = 0xc0; /* a name that points at itself */
    query[DNS_HEADER_LEN + 1] = DNS_HEADER_LEN;
    len = udp_ask(&u, query, len, reply);
    assert_int_equal(header_of(reply, len).flags, DNS_QR | RCODE_FORMERR);
    assert_int_equal(u.calls, 0);

    for (unsigned i = 0; i < 63; i++)
        strcat(name, "\\200");
    strcat(name, ".a\\.b");
    len = udp_ask(&u, query, make_query(name, 0, 0, 0, query), reply);
    assert_int_equal(header_of(reply, len).flags, DNS_QR | RCODE_REFUSED);
    assert_int_equal(u.calls, 0);
    udp_close(&u);
}

static void test_udp_errors(void **state)
{
    (void)state;
    unsigned calls = 0;

    assert_int_equal(iothdns_udp_process_request(-1, answer, &calls), -1);
    assert_int_equal(errno, EBADF);
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    assert_int_equal(iothdns_udp_process_request(fd, answer, &calls), -1);
    assert_int_equal(errno, EAGAIN);
    close(fd);
}

/* --- TCP --- */

struct peer {
    int fd;
    const uint8_t *bytes;
    size_t len, piece; /* bytes at once; 0: all */
    uint8_t *reply;
    size_t reply_len;
};

static void *peer_main(void *arg)
{
    struct peer *p = arg;
    size_t sent = 0;
    ssize_t n;

    while (sent < p->len) {
        size_t piece = p->piece > 0 && p->piece < p->len - sent ? p->piece : p->len - sent;
        n = send(p->fd, p->bytes + sent, piece, MSG_NOSIGNAL);
        if (n < 0)
            break;
        sent += (size_t)n;
    }
    shutdown(p->fd, SHUT_WR);
    while ((n = recv(p->fd, p->reply + p->reply_len, REPLY_MAX - p->reply_len, 0)) > 0)
        p->reply_len += (size_t)n;
    return NULL;
}

/* A connection on which the peer sends bytes, in pieces, and closes its half; the server answers until something is amiss. How
 * many requests it took; *ret_last: what the last call said, *ret_error: and why. */
static unsigned converse(const uint8_t *bytes, size_t len, size_t piece, struct peer *peer, int *ret_last,
                         int *ret_error)
{
    static uint8_t reply[REPLY_MAX];
    unsigned calls = 0, n = 0;
    pthread_t thread;
    int pair[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    *peer = (struct peer){.fd = pair[1], .bytes = bytes, .len = len, .piece = piece, .reply = reply};
    assert_int_equal(pthread_create(&thread, NULL, peer_main, peer), 0);
    while ((*ret_last = iothdns_tcp_process_request(pair[0], answer, &calls)) > 0)
        n++;
    *ret_error = errno;
    close(pair[0]);
    pthread_join(thread, NULL);
    close(pair[1]);
    return n;
}

static size_t framed(const char *name, uint8_t *out)
{
    size_t len = make_query(name, DNS_RD, 0, 0, out + 2);

    put_be16(out, (uint16_t)len);
    return len + 2;
}

static void test_tcp(void **state)
{
    (void)state;
    static const size_t pieces[] = {0, 1, 3};
    uint8_t bytes[2048];
    struct peer peer;
    int last, error;
    size_t len = framed("2.example", bytes);

    len += framed("3000.example", bytes + len);
    len += framed("silent", bytes + len);
    len += framed("1.example", bytes + len);
    for (size_t i = 0; i < ARRAY_LEN(pieces); i++) {
        assert_int_equal(converse(bytes, len, pieces[i], &peer, &last, &error), 4);
        assert_int_equal(last, 0); /* closed at the end of a message */
        size_t at = 0, n = 0;
        while (at + 2 <= peer.reply_len) {
            size_t reply_len = get_be16(peer.reply + at);
            struct dns_header h = header_of(peer.reply + at + 2, reply_len);
            assert_int_equal(h.count[DNS_ANSWER], n == 0 ? 2 : n == 1 ? 3000 : 1);
            at += 2 + reply_len;
            n++;
        }
        assert_int_equal(at, peer.reply_len);
        assert_int_equal(n, 3);
    }
}

static void test_hostile_streams(void **state)
{
    (void)state;
    uint8_t bytes[1024] = {0};
    struct peer peer;
    int last, error;
    size_t len = framed("1.example", bytes);

    for (size_t cut = 1; cut < len; cut++) { /* closed within a message */
        assert_int_equal(converse(bytes, cut, 0, &peer, &last, &error), 0);
        assert_int_equal(last, -1);
        assert_int_equal(error, ECONNRESET);
        assert_int_equal(peer.reply_len, 0);
    }
    for (uint16_t claimed = 0; claimed < DNS_HEADER_LEN; claimed++) { /* shorter than any message */
        put_be16(bytes, claimed);
        assert_int_equal(converse(bytes, len, 0, &peer, &last, &error), 0);
        assert_int_equal(last, -1);
        assert_int_equal(error, EBADMSG);
    }
    put_be16(bytes, 65535); /* longer than what comes */
    assert_int_equal(converse(bytes, len, 0, &peer, &last, &error), 0);
    assert_int_equal(error, ECONNRESET);
    len = framed("1.example", bytes);
    bytes[4] |= 0x80; /* a response */
    assert_int_equal(converse(bytes, len, 0, &peer, &last, &error), 0);
    assert_int_equal(error, EBADMSG);
    len = framed("1.example", bytes) - 1; /* malformed, but whole */
    put_be16(bytes, (uint16_t)(len - 2));
    assert_int_equal(converse(bytes, len, 0, &peer, &last, &error), 1);
    assert_int_equal(header_of(peer.reply + 2, peer.reply_len - 2).flags & DNS_RCODE, RCODE_FORMERR);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_udp),          cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_odd_requests), cmocka_unit_test(test_udp_errors),
        cmocka_unit_test(test_tcp),          cmocka_unit_test(test_hostile_streams),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
