/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Record types as rows of one table: number, mnemonic, and the shape of the RDATA, which generic code walks
 * to validate, decompress, compress, and to read the presentation form. A type without a row is opaque bytes
 * (RFC 3597).
 *
 * The shape is a string, one letter a field:
 *   N  a name that may be compressed in messages (the types of RFC 1035 alone, RFC 3597 s4)
 *   n  a name that is never compressed when written, and decompressed when read (RFC 3597 s4)
 *   1 2 4  an integer of that many bytes       a  an IPv4 address       6  an IPv6 address
 *   s  a character-string (length byte + up to 255)    S  one or more of them, to the end
 *   *  any bytes, to the end (opaque; no presentation form here)
 */
#ifndef WIRE_RRTYPE_H
#define WIRE_RRTYPE_H

#include "base/base.h"
#include "base/cursor.h"

enum {
    RR_A = 1,
    RR_NS = 2,
    RR_CNAME = 5,
    RR_SOA = 6,
    RR_PTR = 12,
    RR_HINFO = 13,
    RR_MX = 15,
    RR_TXT = 16,
    RR_AAAA = 28,
    RR_SRV = 33,
    RR_NAPTR = 35,
    RR_DNAME = 39,
    RR_OPT = 41,
    RR_DS = 43,
    RR_RRSIG = 46,
    RR_NSEC = 47,
    RR_DNSKEY = 48,
    RR_TKEY = 249,
    RR_TSIG = 250,
    RR_IXFR = 251,
    RR_AXFR = 252,
    RR_MAILB = 253,
    RR_MAILA = 254,
    RR_ANY = 255,
};

enum { CLASS_IN = 1, CLASS_CH = 3, CLASS_NONE = 254, CLASS_ANY = 255 };

#define RDATA_MAX 65535

struct rrtype {
    uint16_t code;
    const char *name; /* mnemonic, upper case */
    const char *shape;
};

/* The row, or NULL: no row. */
const struct rrtype *rrtype_by_code(uint16_t code);
/* A mnemonic in any letter case, or TYPE12345 (RFC 3597 s5), `len` bytes. The number, or -ENOENT. Knows the
 * mnemonics of all types in the table and of the common ones without a row of their own shape (shape "*"). */
MUST_CHECK int rrtype_from_text(const char *text, size_t len);
/* The mnemonic (the table's own, "AAAA"), or "TYPE12345" written into text. */
#define RRTYPE_TEXT_MAX 10
const char *rrtype_to_text(uint16_t code, char text[static RRTYPE_TEXT_MAX]);
/* Types that only a question may have (RFC 6895 s3.1: OPT, 128..255). */
bool rrtype_is_meta(uint16_t code);

/* Reads rdlen bytes of RDATA at the cursor of a whole message, checks them against the shape, and writes them
 * uncompressed. Returns their length (<= size); -EBADMSG: they do not fit the shape; -ENOSPC. The cursor ends
 * behind the RDATA, also on error when rdlen bytes were there. */
MUST_CHECK int rrtype_read_rdata(struct reader *msg, uint16_t type, uint16_t rdlen, uint8_t *out,
                                 size_t size);

/* Presentation form of RDATA, given as fields (a quoted string is one field, quotes already off). Every type
 * whose shape has no '*'. Returns the length; -EOPNOTSUPP: no presentation form here; -EINVAL with *ret_field
 * the index of the wrong field (== n: one is missing) and *ret_expected what was expected there ("an IPv4
 * address"); -ENOSPC. */
struct text_field {
    const char *text;
    size_t len;
};
MUST_CHECK int rrtype_rdata_from_text(uint16_t type, const struct text_field *fields, unsigned n,
                                      uint8_t *out, size_t size, unsigned *ret_field,
                                      const char **ret_expected);

#endif
