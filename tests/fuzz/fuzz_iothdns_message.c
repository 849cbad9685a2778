/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The public message functions. The first byte says how:
 *
 *   0  the rest is a message, and its records are taken apart in an order that its own bytes choose
 *   1  a request over UDP    2  bytes of a connection, messages with their lengths
 *
 * A reply is a response with the request's id, of at most 1232 bytes over UDP, that can be taken apart without an error.
 */
#include "base/cursor.h"
#include "fuzz.h"

#include <iothdns.h>

#include <stdlib.h>

/* Takes pieces of RDATA, one kind after the other as the bytes of the message say. */
static void take_rdata(struct iothdns_pkt *pkt, unsigned choices)
{
    char name[IOTHDNS_MAXNAME], text[IOTHDNS_MAXSTRING], full[1025];

    for (unsigned i = 0; i < 4 && !iothdns_pkt_error(pkt); i++, choices /= 8) {
        switch (choices % 8) {
        case 0:
            iothdns_get_int8(pkt);
            break;
        case 1:
            iothdns_get_int16(pkt);
            break;
        case 2:
            iothdns_get_int32(pkt);
            break;
        case 3:
            FUZZ_ASSERT(!iothdns_get_name(pkt, name) || strlen(name) < IOTHDNS_MAXNAME);
            break;
        case 4:
            FUZZ_ASSERT(!iothdns_get_string(pkt, text) || strlen(text) < IOTHDNS_MAXSTRING);
            break;
        case 5:
            FUZZ_ASSERT(iothdns_get_fullname(pkt, full, sizeof(full)) < (int)sizeof(full));
            break;
        case 6:
            FUZZ_ASSERT(iothdns_get_text(pkt, full, 256) < 256);
            break;
        default:
            iothdns_get_aaaa(pkt, full);
        }
    }
}

/* The packet's error at its end; -1: there is no packet. */
static int take_apart(uint8_t *bytes, size_t len, struct iothdns_header *h, char *qname)
{
    struct iothdns_pkt *pkt = iothdns_get_header(h, bytes, len, qname);
    char name[IOTHDNS_MAXNAME];
    struct iothdns_rr rr;
    int section, last = 0;

    if (!pkt)
        return -1;
    while ((section = iothdns_get_rr(pkt, &rr, name)) > 0) {
        FUZZ_ASSERT(section >= last && section <= IOTHDNS_SEC_ADDITIONAL);
        last = section;
        take_rdata(pkt, rr.ttl ^ rr.type);
    }
    int error = iothdns_pkt_error(pkt);
    iothdns_free(pkt);
    return error;
}

/* As many records as the question's type says, some of them wrong. */
static struct iothdns_pkt *answer(struct iothdns_header *h, void *arg)
{
    struct iothdns_rr rr = {.name = h->qname, .type = IOTHDNS_TYPE_MX, .class = h->qclass, .ttl = 1};

    (void)arg;
    FUZZ_ASSERT(strlen(h->qname) < IOTHDNS_MAXNAME);
    if (h->qtype % 16 == 0)
        return NULL;
    struct iothdns_pkt *pkt = iothdns_put_header(h);
    for (unsigned i = 0; i < h->qtype % 512; i++) {
        iothdns_put_rr(1 + (int)(i * 3 / (h->qtype % 512)), pkt, &rr);
        iothdns_put_int16(pkt, 1);
        iothdns_put_name(pkt, i % 2 ? h->qname : "mail.example");
    }
    if (h->qtype % 16 == 1)
        iothdns_put_rr(0, pkt, &rr);
    return pkt;
}

static void check_reply(uint8_t *reply, size_t len)
{
    char qname[IOTHDNS_MAXNAME];
    struct iothdns_header h;

    FUZZ_ASSERT(take_apart(reply, len, &h, NULL) == 0);
    FUZZ_ASSERT(IOTHDNS_IS_RESPONSE(h.flags));
    take_apart(reply, len, &h, qname);
}

static void ask_udp(const uint8_t *data, size_t size)
{
    static uint8_t reply[65536];
    int pair[2];

    FUZZ_ASSERT(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, pair) == 0);
    if (send(pair[1], data, size, 0) == (ssize_t)size) {
        FUZZ_ASSERT(iothdns_udp_process_request(pair[0], answer, NULL) == (int)size);
        ssize_t n = recv(pair[1], reply, sizeof(reply), 0);
        if (n >= 0) {
            FUZZ_ASSERT(n >= 12 && n <= 1232 && get_be16(reply) == get_be16(data));
            check_reply(reply, (size_t)n);
        }
    }
    close(pair[0]);
    close(pair[1]);
}

static void ask_tcp(const uint8_t *data, size_t size)
{
    static uint8_t replies[1 << 18];
    int pair[2], n;

    FUZZ_ASSERT(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair) == 0);
    if (send(pair[1], data, size, 0) == (ssize_t)size) {
        shutdown(pair[1], SHUT_WR);
        size_t taken = 0, have = 0, at = 0;
        while ((n = iothdns_tcp_process_request(pair[0], answer, NULL)) > 0) {
            taken += (size_t)n;
            ssize_t got = recv(pair[1], replies + have, sizeof(replies) - have, 0);
            have += got > 0 ? (size_t)got : 0;
        }
        FUZZ_ASSERT(taken <= size && (n < 0 || taken == size));
        for (; at + 2 <= have; at += 2 + (size_t)get_be16(replies + at)) {
            FUZZ_ASSERT(at + 2 + get_be16(replies + at) <= have);
            check_reply(replies + at + 2, get_be16(replies + at));
        }
        FUZZ_ASSERT(at == have);
    }
    close(pair[0]);
    close(pair[1]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char qname[IOTHDNS_MAXNAME];
    struct iothdns_header h;

    if (size == 0)
        return 0;
    size--;
    uint8_t *copy =
        malloc(size > 0 ? size : 1); /* exactly as long, so that nothing behind it goes unnoticed */
    FUZZ_ASSERT(copy);
    memcpy(copy, data + 1, size);
    if (data[0] % 3 == 0)
        take_apart(copy, size, &h, qname);
    else if (data[0] % 3 == 1)
        ask_udp(copy, size);
    else
        ask_tcp(copy, size);
    free(copy);
    return 0;
}
