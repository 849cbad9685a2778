/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Reading messages (RFC 1035 s4.1). Three functions read the three things that messages are made of, through
 * the cursor and its error that sticks; dns_parse_query walks a whole received message with them.
 *
 * dns_parse_query reads each byte once, allocates nothing and keeps nothing; records other than OPT (TSIG,
 * SIG(0) or whatever else a client adds) are checked for their form and stepped over. When something is wrong
 * it goes on as far as it can, since an answer with FORMERR carries the question if there was one, and an OPT
 * record if there was one (RFC 6891 s7); a query without a question may even ask for a cookie alone (RFC 7873
 * s5.4).
 *
 * What may be asked, of whom, and with which rcode to answer is up to the caller.
 */
#include "wire/dnsmsg.h"

#include <errno.h>

enum {
    EDNS_DO = 0x8000,
    TTL_TOP_BIT = 1u << 31,
};

struct dns_header dns_read_header(struct reader *r)
{
    const uint8_t *at = reader_take(r, DNS_HEADER_LEN);

    if (!at)
        return (struct dns_header){0};
    return (struct dns_header){
        .id = get_be16(at),
        .flags = get_be16(at + 2),
        .qdcount = get_be16(at + 4),
        .count = {get_be16(at + 6), get_be16(at + 8), get_be16(at + 10)},
    };
}

void dns_read_question(struct reader *r, struct dns_question *ret)
{
    ret->name_len = (uint8_t)dname_read(r, ret->name);
    ret->type = reader_u16(r);
    ret->class = reader_u16(r);
}

void dns_read_rr(struct reader *r, struct dns_rr *ret)
{
    ret->owner_len = (uint8_t)dname_read(r, ret->owner);
    ret->type = reader_u16(r);
    ret->class = reader_u16(r);
    ret->ttl = reader_u32(r);
    if (ret->ttl & TTL_TOP_BIT && ret->type != RR_OPT)
        ret->ttl = 0;
    ret->rdlen = reader_u16(r);
    ret->rdata = r->pos;
    reader_take(r, ret->rdlen);
}

static bool options_are_well_formed(struct reader options)
{
    while (reader_left(&options) > 0) {
        reader_u16(&options); /* the code */
        reader_take(&options, reader_u16(&options));
    }
    return !options.bad;
}

int dns_read_opt(const struct reader *msg, const struct dns_rr *rr, struct dns_edns *ret)
{
    uint8_t version = (uint8_t)(rr->ttl >> 16);

    if (rr->owner_len != 1)
        return -EBADMSG;
    if (version == 0 && !options_are_well_formed(reader_of(msg->base + rr->rdata, rr->rdlen)))
        return -EBADMSG;
    *ret = (struct dns_edns){
        .present = true,
        .ext_rcode = (uint8_t)(rr->ttl >> 24),
        .version = version,
        .dnssec_ok = rr->ttl & EDNS_DO,
        .udp_size = rr->class,
        .options_off = (uint16_t)rr->rdata,
        .options_len = rr->rdlen,
    };
    return 0;
}

/* Steps over `count` records of which one may be an OPT record. */
static bool read_additional(struct reader *r, unsigned count, struct dns_edns *ret)
{
    unsigned opts = 0;
    bool ok = true;

    for (; count > 0 && !r->bad; count--) {
        struct dns_rr rr;
        dns_read_rr(r, &rr);
        if (!r->bad && rr.type == RR_OPT)
            ok = opts++ == 0 && dns_read_opt(r, &rr, ret) == 0 && ok;
    }
    return ok;
}

/* Steps over `count` records of which none may be an OPT record. */
static bool read_records(struct reader *r, unsigned count)
{
    bool ok = true;

    for (; count > 0 && !r->bad; count--) {
        struct dns_rr rr;
        dns_read_rr(r, &rr);
        ok = ok && rr.type != RR_OPT;
    }
    return ok;
}

static bool read_question(struct reader *r, struct dns_query *ret)
{
    if (ret->header.qdcount == 1)
        dns_read_question(r, &ret->question);
    ret->has_question = ret->header.qdcount == 1 && !r->bad;
    return ret->has_question;
}

/* RFC 1035 s4.1: a question has no answers yet; RFC 1995 s3: IXFR tells its SOA in the authority section. */
static bool sections_are_empty(const struct dns_query *query)
{
    bool is_ixfr = query->has_question && query->question.type == RR_IXFR;

    return query->header.count[DNS_ANSWER] == 0 && (query->header.count[DNS_AUTHORITY] == 0 || is_ixfr);
}

/* Beside its question a query has an OPT and perhaps a TSIG record, or an SOA (IXFR); to read thousands before the
 * FORMERR would be work for nothing. */
static bool has_too_many_records(const struct dns_header *header)
{
    return (unsigned)header->count[DNS_ANSWER] + header->count[DNS_AUTHORITY] +
               header->count[DNS_ADDITIONAL] >
           DNS_QUERY_RECORDS_MAX;
}

int dns_parse_query(const uint8_t *bytes, size_t len, struct dns_query *ret)
{
    struct reader r = reader_of(bytes, len);
    struct dns_header header = dns_read_header(&r);

    if (r.bad || header.flags & DNS_QR)
        return -EBADMSG;
    ret->header = header;
    ret->has_question = false;
    ret->edns = (struct dns_edns){0};
    if ((header.flags & DNS_OPCODE) != OPCODE_QUERY)
        return 0;
    if (header.qdcount > 1)
        return -EPROTO;

    bool ok = read_question(&r, ret);
    if (has_too_many_records(&header))
        return -EPROTO;
    ok = sections_are_empty(ret) && ok;
    ok = read_records(&r, (unsigned)header.count[DNS_ANSWER] + header.count[DNS_AUTHORITY]) && ok;
    ok = read_additional(&r, header.count[DNS_ADDITIONAL], &ret->edns) && ok;
    return ok && !r.bad && r.pos == r.len ? 0 : -EPROTO;
}
