/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Messages put together, over the writer of wire/dnsmsg.h: names are compressed as it does it, and the message ends at
 * 65535 bytes. The caller writes RDATA piece by piece, so its length is put down when the next record begins or the
 * message is wanted. The first error sticks: what would be a message with a hole is none.
 */
#include "libiothdns/packet.h"

#include <errno.h>
#include <stdlib.h>

#define STRING_MAX 255 /* bytes of a character-string (RFC 1035 s3.3) */

static int failed(struct iothdns_pkt *pkt, int error)
{
    if (!pkt->error)
        pkt->error = error;
    errno = pkt->error;
    return -1;
}

/* 0, or -1 if the packet has failed by now. */
static int outcome(struct iothdns_pkt *pkt)
{
    if (pkt->error)
        return failed(pkt, pkt->error);
    return pkt->w.dw.w.bad ? failed(pkt, EMSGSIZE) : 0;
}

static int put_question(struct dns_writer *dw, const struct iothdns_header *h)
{
    uint8_t name[DNAME_MAX];

    if (!h->qname)
        return 0;
    if (dname_from_text(h->qname, strlen(h->qname), name) < 0)
        return -EINVAL;
    return dns_put_question(dw, name, h->qtype, h->qclass);
}

struct iothdns_pkt *iothdns_put_header(struct iothdns_header *h)
{
    struct iothdns_pkt *pkt = malloc(sizeof(*pkt) + DNS_MSG_MAX);

    if (!pkt)
        return NULL;
    *pkt = (struct iothdns_pkt){.writing = true, .bytes = (uint8_t *)(pkt + 1)};
    dns_writer_init(&pkt->w.dw, pkt->bytes, DNS_MSG_MAX, h->id, h->flags);
    if (put_question(&pkt->w.dw, h) < 0) {
        free(pkt);
        errno = EINVAL;
        return NULL;
    }
    return pkt;
}

/* The packet takes more, of a record (in_rr) or a new one. */
static int may_put(struct iothdns_pkt *pkt, bool in_rr)
{
    if (!pkt->writing || (in_rr && pkt->w.rdlength == 0))
        return failed(pkt, EINVAL);
    return outcome(pkt);
}

int iothdns_put_rr(int section, struct iothdns_pkt *pkt, struct iothdns_rr *rr)
{
    struct packet_writer *w = &pkt->w;
    uint8_t name[DNAME_MAX];

    if (may_put(pkt, false) < 0)
        return -1;
    if (section < IOTHDNS_SEC_ANSWER || section > IOTHDNS_SEC_ADDITIONAL || section < w->section ||
        !rr->name || dname_from_text(rr->name, strlen(rr->name), name) < 0)
        return failed(pkt, EINVAL);
    iothdns_getbuf(pkt); /* ends the record before */
    w->section = section;
    w->has_opt |= rr->type == RR_OPT;
    dns_put_name(&w->dw, name);
    writer_u16(&w->dw.w, rr->type);
    writer_u16(&w->dw.w, rr->class);
    writer_u32(&w->dw.w, rr->ttl);
    w->rdlength = w->dw.w.pos;
    writer_u16(&w->dw.w, 0);
    w->dw.count[section - IOTHDNS_SEC_ANSWER]++;
    return outcome(pkt);
}

static int put_bytes(struct iothdns_pkt *pkt, const void *bytes, size_t len)
{
    if (may_put(pkt, true) < 0)
        return -1;
    writer_put(&pkt->w.dw.w, bytes, len);
    return outcome(pkt);
}

int iothdns_put_int8(struct iothdns_pkt *pkt, uint8_t value)
{
    return put_bytes(pkt, &value, sizeof(value));
}

int iothdns_put_int16(struct iothdns_pkt *pkt, uint16_t value)
{
    uint8_t bytes[sizeof(value)];

    put_be16(bytes, value);
    return put_bytes(pkt, bytes, sizeof(bytes));
}

int iothdns_put_int32(struct iothdns_pkt *pkt, uint32_t value)
{
    uint8_t bytes[sizeof(value)];

    put_be32(bytes, value);
    return put_bytes(pkt, bytes, sizeof(bytes));
}

int iothdns_put_data(struct iothdns_pkt *pkt, const void *data, uint16_t len)
{
    return put_bytes(pkt, data, len);
}

int iothdns_put_name(struct iothdns_pkt *pkt, const char *name)
{
    uint8_t wire[DNAME_MAX];

    if (may_put(pkt, true) < 0)
        return -1;
    if (dname_from_text(name, strlen(name), wire) < 0)
        return failed(pkt, EINVAL);
    dns_put_name(&pkt->w.dw, wire);
    return outcome(pkt);
}

int iothdns_put_name_uncompressed(struct iothdns_pkt *pkt, const char *name)
{
    uint8_t wire[DNAME_MAX];
    int len = dname_from_text(name, strlen(name), wire);

    return len < 0 ? failed(pkt, EINVAL) : put_bytes(pkt, wire, (size_t)len);
}

int iothdns_put_string(struct iothdns_pkt *pkt, const char *string)
{
    size_t len = strlen(string);

    if (len > STRING_MAX)
        return failed(pkt, EINVAL);
    return iothdns_put_int8(pkt, (uint8_t)len) < 0 ? -1 : put_bytes(pkt, string, len);
}

int iothdns_put_a(struct iothdns_pkt *pkt, const void *addr_ipv4)
{
    return put_bytes(pkt, addr_ipv4, sizeof(struct in_addr));
}

int iothdns_put_aaaa(struct iothdns_pkt *pkt, const void *addr_ipv6)
{
    return put_bytes(pkt, addr_ipv6, sizeof(struct in6_addr));
}
