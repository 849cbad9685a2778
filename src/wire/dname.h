/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Domain names (RFC 1035 s3.1): in wire form, uncompressed, the root label included, 1 to 255 bytes. Labels
 * hold any byte; names are compared and hashed in lower case (ASCII, RFC 4343). A name is a `const uint8_t *`
 * into whatever buffer it lives in: it knows its own end. Functions that take a bare name trust it; only
 * dname_read and dname_from_text make names of foreign bytes, and they check.
 *
 * Length bytes are at most 63 and so never look like a letter: a whole name can be lower-cased or compared
 * without regard to where its labels begin.
 */
#ifndef WIRE_DNAME_H
#define WIRE_DNAME_H

#include "base/base.h"
#include "base/cursor.h"
#include "base/ipaddr.h"

#define DNAME_MAX        255 /* bytes in wire form */
#define DNAME_LABEL_MAX  63
#define DNAME_LABELS_MAX 127  /* without the root */
#define DNAME_TEXT_MAX   1025 /* presentation form with every byte as \DDD, its NUL included */

/* Reads a name at the cursor of a whole message, following compression pointers (RFC 1035 s4.1.4), each of
 * which must point before the place where it stands and before the target of the one before; more than 128 of
 * them are an error. Returns its length, or 0 with msg->bad set. The cursor ends behind the name as it stands
 * in the message. */
size_t dname_read(struct reader *msg, uint8_t name[static DNAME_MAX]);

/* Presentation form (RFC 1035 s5.1: \DDD and \X escapes; a final dot is optional; "." is the root). `text`
 * has `len` bytes. Returns the length in wire form, or -EINVAL: empty text or label, bad escape;
 * -ENAMETOOLONG. */
MUST_CHECK int dname_from_text(const char *text, size_t len, uint8_t name[static DNAME_MAX]);
/* Presentation form without the final dot (the root is "."), bytes outside 33..126 and the special ones
 * escaped. Returns text. */
const char *dname_to_text(const uint8_t *name, char text[static DNAME_TEXT_MAX]);

size_t dname_len(const uint8_t *name);                          /* bytes, root label included */
unsigned dname_labels(const uint8_t *name);                     /* labels without the root: 0..127 */
void dname_lower(uint8_t *dst, const uint8_t *src, size_t len); /* dst may be src */
/* Equal without regard to letter case. */
bool dname_equal(const uint8_t *a, size_t a_len, const uint8_t *b, size_t b_len);
/* The offset of each label in the name, from the left, the root's last. Returns dname_labels(name). */
unsigned dname_offsets(const uint8_t *name, uint8_t offsets[static DNAME_LABELS_MAX + 1]);
/* The suffix of `name` that has `labels` labels (at most dname_labels(name)). */
const uint8_t *dname_suffix(const uint8_t *name, unsigned labels);
/* `name` is `ancestor` or below it, without regard to letter case. */
bool dname_within(const uint8_t *name, const uint8_t *ancestor);

/* The reverse name of an address (RFC 1035 s3.5, RFC 3596 s2.5): the first `bits` of it, a multiple of 8 for
 * IPv4 (counted in the 128-bit form: 96 + 8n) and of 4 for IPv6. Returns its length. */
size_t dname_reverse(const struct ipaddr *addr, unsigned bits, uint8_t name[static DNAME_MAX]);
/* The other way: `name` is within ip6.arpa or in-addr.arpa and all its other labels are nibbles or octets
 * without leading zeros. Returns how many bits of *ret it says (in the 128-bit form; the rest is 0), or
 * -ENOENT. */
int dname_reverse_addr(const uint8_t *name, struct ipaddr *ret);

#endif
