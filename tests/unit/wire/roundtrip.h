/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reads a message, writes it anew, reads that, and compares record by record; for unit tests and fuzzers. */
#ifndef TEST_WIRE_ROUNDTRIP_H
#define TEST_WIRE_ROUNDTRIP_H

#include <string.h>

#include "wire/dnsmsg.h"

enum roundtrip { ROUNDTRIP_UNREADABLE, ROUNDTRIP_NO_ROOM, ROUNDTRIP_DIFFERENT, ROUNDTRIP_SAME };

struct roundtrip_record {
    struct dns_rr rr;
    uint8_t rdata[RDATA_MAX]; /* uncompressed */
    size_t rdlen;
};

static inline bool roundtrip_read(struct reader *r, struct roundtrip_record *ret)
{
    dns_read_rr(r, &ret->rr);
    if (r->bad)
        return false;
    struct reader rdata = *r;
    rdata.pos = ret->rr.rdata;
    int len = rrtype_read_rdata(&rdata, ret->rr.type, ret->rr.rdlen, ret->rdata, sizeof(ret->rdata));
    ret->rdlen = len < 0 ? 0 : (size_t)len;
    return len >= 0;
}

/* Header and question; nothing but one question or none can be written. */
static inline bool roundtrip_begin(struct reader *r, struct dns_header *ret_header,
                                   struct dns_question *ret_question)
{
    *ret_header = dns_read_header(r);
    if (!r->bad && ret_header->qdcount == 1)
        dns_read_question(r, ret_question);
    return !r->bad && ret_header->qdcount <= 1;
}

static inline enum roundtrip roundtrip_write(struct reader *r, struct dns_writer *dw, uint8_t *buffer,
                                             size_t size)
{
    struct dns_header header;
    struct dns_question question;
    static struct roundtrip_record record;

    if (!roundtrip_begin(r, &header, &question))
        return ROUNDTRIP_UNREADABLE;
    dns_writer_init(dw, buffer, size, header.id, header.flags);
    if (header.qdcount == 1 && dns_put_question(dw, question.name, question.type, question.class) < 0)
        return ROUNDTRIP_NO_ROOM;
    for (unsigned section = 0; section < 3; section++) {
        for (unsigned left = header.count[section]; left > 0; left--) {
            if (!roundtrip_read(r, &record))
                return ROUNDTRIP_UNREADABLE;
            if (dns_put_rr(dw, section, record.rr.owner, record.rr.type, record.rr.class, record.rr.ttl,
                           record.rdata, record.rdlen) < 0)
                return ROUNDTRIP_NO_ROOM;
        }
    }
    return ROUNDTRIP_SAME;
}

/* Compression may change the letter case of names: of owners, and in RDATA of the types whose names it may
 * touch. */
static inline bool roundtrip_same_record(const struct roundtrip_record *a, const struct roundtrip_record *b)
{
    const struct rrtype *row = rrtype_by_code(a->rr.type);
    bool has_names = row && strchr(row->shape, 'N');

    return dname_equal(a->rr.owner, a->rr.owner_len, b->rr.owner, b->rr.owner_len) &&
           a->rr.type == b->rr.type && a->rr.class == b->rr.class && a->rr.ttl == b->rr.ttl &&
           a->rdlen == b->rdlen &&
           (has_names ? dname_equal(a->rdata, a->rdlen, b->rdata, b->rdlen)
                      : memcmp(a->rdata, b->rdata, a->rdlen) == 0);
}

static inline enum roundtrip roundtrip_compare(struct reader *a, struct reader *b)
{
    static struct roundtrip_record record_a, record_b;
    struct dns_header header_a, header_b;
    struct dns_question question_a, question_b;

    if (!roundtrip_begin(a, &header_a, &question_a) || !roundtrip_begin(b, &header_b, &question_b) ||
        memcmp(&header_a, &header_b, sizeof(header_a)) != 0)
        return ROUNDTRIP_DIFFERENT;
    if (header_a.qdcount == 1 &&
        (question_a.type != question_b.type || question_a.class != question_b.class ||
         question_a.name_len != question_b.name_len ||
         memcmp(question_a.name, question_b.name, question_a.name_len) != 0))
        return ROUNDTRIP_DIFFERENT;
    for (unsigned left = (unsigned)header_a.count[0] + header_a.count[1] + header_a.count[2]; left > 0;
         left--) {
        if (!roundtrip_read(a, &record_a) || !roundtrip_read(b, &record_b) ||
            !roundtrip_same_record(&record_a, &record_b))
            return ROUNDTRIP_DIFFERENT;
    }
    return b->pos == b->len ? ROUNDTRIP_SAME : ROUNDTRIP_DIFFERENT;
}

/* `buffer` takes the message written anew, *ret_len its length. */
static inline enum roundtrip roundtrip(const uint8_t *bytes, size_t len, uint8_t *buffer, size_t size,
                                       size_t *ret_len)
{
    struct reader a = reader_of(bytes, len);
    struct dns_writer dw;
    enum roundtrip result = roundtrip_write(&a, &dw, buffer, size);

    if (result != ROUNDTRIP_SAME)
        return result;
    *ret_len = dns_finish(&dw);
    a = reader_of(bytes, len);
    struct reader b = reader_of(buffer, *ret_len);
    return roundtrip_compare(&a, &b);
}

#endif
