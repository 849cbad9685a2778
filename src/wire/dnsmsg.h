/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * DNS messages (RFC 1035 s4) with EDNS (RFC 6891): one codec for server, forwarder, cache, resolver, fuzzers,
 * tests.
 *
 * Reading: dns_read_header, dns_read_question, then dns_read_rr for each record; or dns_parse_query, which
 * does it all for what a server receives. Writing: dns_writer builds a message front to back in the caller's
 * buffer, compresses names against all that it wrote before, and takes back a record that does not fit.
 */
#ifndef WIRE_DNSMSG_H
#define WIRE_DNSMSG_H

#include "wire/dname.h"
#include "wire/rrtype.h"

#define DNS_HEADER_LEN        12
#define DNS_UDP_PLAIN         512  /* answer size over UDP without EDNS */
#define DNS_UDP_EDNS          1232 /* and the most that we send or ask for with it (RFC 9715 s3) */
#define DNS_MSG_MAX           65535
#define DNS_QUERY_RECORDS_MAX 8  /* of a query beside its question: OPT, TSIG, and some room */
#define DNS_OPT_LEN           11 /* an OPT record without options */

enum {
    DNS_QR = 0x8000,
    DNS_OPCODE = 0x7800,
    DNS_AA = 0x0400,
    DNS_TC = 0x0200,
    DNS_RD = 0x0100,
    DNS_RA = 0x0080,
    DNS_Z = 0x0040,
    DNS_AD = 0x0020,
    DNS_CD = 0x0010,
    DNS_RCODE = 0x000f,
};

enum { OPCODE_QUERY = 0, OPCODE_NOTIFY = 4, OPCODE_UPDATE = 5 };

enum {
    RCODE_NOERROR = 0,
    RCODE_FORMERR = 1,
    RCODE_SERVFAIL = 2,
    RCODE_NXDOMAIN = 3,
    RCODE_NOTIMP = 4,
    RCODE_REFUSED = 5,
    RCODE_YXDOMAIN = 6, /* a name made by a DNAME is too long (RFC 6672 s2.2) */
    RCODE_BADVERS = 16,
    RCODE_BADCOOKIE = 23, /* the upper bits of it go into the OPT record */
};

enum { EDNS_OPTION_COOKIE = 10 }; /* RFC 7873 s4 */

enum dns_section { DNS_ANSWER, DNS_AUTHORITY, DNS_ADDITIONAL };

struct dns_header {
    uint16_t id, flags;
    uint16_t qdcount;
    uint16_t count[3]; /* by enum dns_section */
};

struct dns_question {
    uint8_t name[DNAME_MAX]; /* as spelled */
    uint8_t name_len;
    uint16_t type, class;
};

struct dns_edns {
    bool present;
    uint8_t ext_rcode, version;
    bool dnssec_ok;
    uint16_t udp_size;    /* as sent; values below 512 mean 512 (RFC 6891 s6.2.3) */
    uint16_t options_off; /* offset of the options in the message */
    uint16_t options_len;
};

struct dns_rr {
    uint8_t owner[DNAME_MAX]; /* decompressed, as spelled */
    uint8_t owner_len;
    uint16_t type, class;
    uint32_t ttl; /* seconds; values with the top bit set are read as 0 (RFC 2181 s8) but in OPT */
    uint16_t rdlen;
    size_t rdata; /* offset in the message */
};

/* What a server makes of a received message. */
struct dns_query {
    struct dns_header header;
    struct dns_question question; /* valid if header.qdcount == 1 and it could be read: has_question */
    bool has_question;
    struct dns_edns edns;
};

/* Errors of these three stick in the reader; then what they gave is not to be used. */
struct dns_header dns_read_header(struct reader *r);
void dns_read_question(struct reader *r, struct dns_question *ret);
/* Owner, type, class, TTL and the bounds of the RDATA; the cursor ends behind the RDATA. */
void dns_read_rr(struct reader *r, struct dns_rr *ret);
/* Understands an OPT record (RFC 6891 s6.1.2): owner the root, options well-formed if the version is 0, the
 * only one whose options we know. 0 or -EBADMSG. */
MUST_CHECK int dns_read_opt(const struct reader *msg, const struct dns_rr *rr, struct dns_edns *ret);

/* A received query, whole. 0; -EBADMSG: too short or a response: no answer may be sent; -EPROTO: a FORMERR is
 * due, and what could be read (header, maybe question and EDNS) is in *ret. Checked: one question, opcode
 * QUERY's sections (answer empty, authority too unless the type is IXFR, RFC 1995 s3), at most one OPT,
 * nothing behind the last record. For an opcode other than QUERY only the header is read: 0 with has_question
 * false. */
MUST_CHECK int dns_parse_query(const uint8_t *bytes, size_t len, struct dns_query *ret);

/* --- writing --- */

/* How many names a writer remembers for compression; more are written in full. Answers of UDP size hold
 * about 60. */
#define DNS_COMPRESS_MAX 64

struct dns_writer {
    struct writer w;
    uint16_t count[3];
    uint16_t reserved;    /* bytes kept back for the OPT record */
    uint16_t records;     /* offset of the first record */
    uint8_t question_len; /* of the question's name, at offset DNS_HEADER_LEN; 0: none yet */
    bool question_known;  /* its suffixes are among `names` */
    uint8_t n_names;
    uint16_t names[DNS_COMPRESS_MAX]; /* offsets of name suffixes that later names may point to */
    uint8_t hashes[DNS_COMPRESS_MAX]; /* of them, to skip most comparisons */
};

/* Starts a message: header with id and flags and zero counts. `size` is the most that the message may grow to
 * (<= 65535, >= 12). */
void dns_writer_init(struct dns_writer *dw, uint8_t *buffer, size_t size, uint16_t id, uint16_t flags);
/* Keeps room for an OPT record (with options_len bytes of options), to be written by dns_put_opt at the end.
 */
void dns_reserve_opt(struct dns_writer *dw, uint16_t options_len);
/* The question, its name as spelled; once, before all records. 0 or -ENOSPC. */
int dns_put_question(struct dns_writer *dw, const uint8_t *name, uint16_t type, uint16_t class);
/* A record; sections in order. rdata: uncompressed, trusted. Names are compressed where their type allows.
 * `name` and names within rdata must not be inside the writer's buffer. 0, or -ENOSPC: nothing of it is left
 * in the message. */
MUST_CHECK int dns_put_rr(struct dns_writer *dw, enum dns_section section, const uint8_t *name, uint16_t type,
                          uint16_t class, uint32_t ttl, const uint8_t *rdata, size_t rdlen);
/* A name inside a record that the caller writes himself by dw->w, compressed against all that was written before. An error
 * sticks in dw->w. */
void dns_put_name(struct dns_writer *dw, const uint8_t *name);
/* Room for `count` records of a section, `len` bytes, that the caller copies there whole; names in them are not
 * compressed against, nor remembered. NULL: they do not fit. */
uint8_t *dns_reserve_records(struct dns_writer *dw, enum dns_section section, unsigned count, size_t len);
/* An OPT record with our size DNS_UDP_EDNS, version 0, the upper bits of rcode (the low ones are the
 * header's), the DO bit. Uses the reserved room. 0 or -ENOSPC. */
int dns_put_opt(struct dns_writer *dw, uint16_t rcode, bool dnssec_ok, const uint8_t *options,
                uint16_t options_len);
/* Takes back all records (not the question) and sets TC: what a client gets who must retry over TCP. */
void dns_truncate(struct dns_writer *dw);
/* Sets the flags and low rcode bits of the header anew. */
void dns_set_flags(struct dns_writer *dw, uint16_t flags);
uint16_t dns_get_flags(const struct dns_writer *dw);
/* Writes the counts. Returns the length of the message. */
size_t dns_finish(struct dns_writer *dw);

#endif
