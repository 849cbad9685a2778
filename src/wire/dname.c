/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Names come in through two doors, dname_read for bytes of the network and dname_from_text for text; both
 * check everything, and all other functions trust what they are given.
 *
 * Reading (RFC 1035 s4.1.4): a name in a message is a run of labels that ends in the root label or in a
 * pointer to another run. Each run is scanned to its end and copied at once, so the common name, one run
 * without a pointer, costs one scan and one copy. Each pointer must point before the beginning of the run
 * that it ends, so targets fall strictly and no name can turn in a circle. The length of a name bounds the
 * labels, but not the pointers, of which a hostile message could chain thousands for every record; therefore
 * they are counted too.
 *
 * Lower-casing and comparing work on eight bytes at a time, length bytes included: those are at most 63 and
 * never taken for a letter.
 *
 * Reverse names are the labels of an address back to front: hexadecimal nibbles below ip6.arpa, decimal
 * octets below in-addr.arpa.
 */
#include "wire/dname.h"
#include "wire/escape.h"

#include <errno.h>
#include <string.h>

enum {
    POINTER_TAG =
        0xc0,     /* the two top bits of a length byte; 01 and 10 are no labels that we know (RFC 6891 s5) */
    V4_BITS = 96, /* where the bits of an IPv4 address begin in the 128 */
};

/* One more than a name has labels: a compressor writes at least one label before each pointer but the first.
 */
enum { POINTERS_MAX = DNAME_LABELS_MAX + 1 };

static const uint8_t ip6_arpa[] = "\3ip6\4arpa";
static const uint8_t in_addr_arpa[] = "\7in-addr\4arpa";

/* Steps over labels and the byte that ends them: 0, the first byte of a pointer, or one that is neither,
 * given in *ret_end. Returns the length of the labels, without that byte. */
static size_t read_run(struct reader *r, uint8_t *ret_end)
{
    size_t start = r->pos;
    uint8_t byte = reader_u8(r);

    while (byte != 0 && byte <= DNAME_LABEL_MAX && r->pos - start <= DNAME_MAX) {
        reader_take(r, byte);
        byte = reader_u8(r);
    }
    *ret_end = byte;
    return r->pos - start - 1;
}

/* The rest of a pointer whose first byte is read already: moves to its target if that lies before `limit`. */
static void follow_pointer(struct reader *r, uint8_t first, size_t limit)
{
    size_t target = (size_t)(first & ~POINTER_TAG) << 8 | reader_u8(r);

    if (first < POINTER_TAG || target >= limit)
        r->bad = true;
    else
        r->pos = target;
}

size_t dname_read(struct reader *msg, uint8_t name[static DNAME_MAX])
{
    struct reader r = *msg;
    size_t len = 0, end = 0;

    for (unsigned pointers = 0; pointers <= POINTERS_MAX; pointers++) {
        size_t start = r.pos;
        uint8_t stop;
        size_t run = read_run(&r, &stop);
        if (r.bad || run + 1 > DNAME_MAX - len)
            break;
        memcpy(name + len, r.base + start, run);
        len += run;
        if (stop == 0) {
            name[len++] = 0;
            msg->pos = end > 0 ? end : r.pos;
            return len;
        }
        if (end == 0)
            end = r.pos + 1; /* behind the first pointer */
        follow_pointer(&r, stop, start);
    }
    msg->bad = true;
    return 0;
}

/* Appends a label of text, up to a dot or the end, and steps over it and the dot. Its length, or an error. */
static int label_from_text(const char *text, size_t len, size_t *pos, struct writer *name)
{
    size_t length_at = name->pos;
    unsigned label_len = 0;

    writer_u8(name, 0);
    for (; *pos < len && text[*pos] != '.'; label_len++) {
        int byte = escape_read(text, len, pos);
        if (byte < 0)
            return byte;
        writer_u8(name, (uint8_t)byte);
    }
    ++*pos; /* the dot */
    if (label_len == 0)
        return -EINVAL;
    if (label_len > DNAME_LABEL_MAX || name->bad)
        return -ENAMETOOLONG;
    name->base[length_at] = (uint8_t)label_len;
    return (int)label_len;
}

int dname_from_text(const char *text, size_t len, uint8_t name[static DNAME_MAX])
{
    struct writer w = writer_of(name, DNAME_MAX);
    size_t pos = 0;

    if (len == 0)
        return -EINVAL;
    if (len == 1 && text[0] == '.')
        pos = len;
    while (pos < len) {
        int label_len = label_from_text(text, len, &pos, &w);
        if (label_len < 0)
            return label_len;
    }
    writer_u8(&w, 0);
    return w.bad ? -ENAMETOOLONG : (int)w.pos;
}

/* Writes one byte of a label at `at`, escaped where it must be. Returns the end of it. */
static char *byte_to_text(uint8_t byte, char *at)
{
    if (byte < 33 || byte > 126) {
        *at++ = '\\';
        *at++ = (char)('0' + byte / 100);
        *at++ = (char)('0' + byte / 10 % 10);
        *at++ = (char)('0' + byte % 10);
        return at;
    }
    if (strchr(".\\\"();@$", byte))
        *at++ = '\\';
    *at++ = (char)byte;
    return at;
}

const char *dname_to_text(const uint8_t *name, char text[static DNAME_TEXT_MAX])
{
    char *at = text;

    if (*name == 0)
        *at++ = '.';
    while (*name != 0) {
        if (at > text)
            *at++ = '.';
        for (unsigned left = *name++; left > 0; left--)
            at = byte_to_text(*name++, at);
    }
    *at = '\0';
    return text;
}

size_t dname_len(const uint8_t *name)
{
    const uint8_t *at = name;

    while (*at != 0)
        at += *at + 1;
    return (size_t)(at - name) + 1;
}

unsigned dname_labels(const uint8_t *name)
{
    unsigned labels = 0;

    for (; *name != 0; name += *name + 1)
        labels++;
    return labels;
}

/* Eight bytes in lower case. Without their top bits bytes cannot carry into each other, so two sums tell, in
 * the top bit of each byte, which of them are at least 'A' and which are above 'Z'. */
static inline uint64_t lower8(uint64_t bytes)
{
    const uint64_t ones = UINT64_C(0x0101010101010101), top_bits = 0x80 * ones;
    uint64_t low = bytes & ~top_bits;
    uint64_t from_a = low + (0x80 - 'A') * ones, above_z = low + (0x7f - 'Z') * ones;
    uint64_t is_upper = (from_a ^ above_z) & ~bytes & top_bits;

    return bytes | is_upper >> 2; /* 0x80 becomes 0x20 */
}

static inline uint64_t load8(const uint8_t *bytes)
{
    uint64_t word;

    memcpy(&word, bytes, sizeof(word));
    return word;
}

static inline uint8_t lower1(uint8_t byte)
{
    return (uint8_t)(byte | (byte - (unsigned)'A' < 26) << 5);
}

void dname_lower(uint8_t *dst, const uint8_t *src, size_t len)
{
    size_t i = 0;

    for (; i + 8 <= len; i += 8) {
        uint64_t word = lower8(load8(src + i));
        memcpy(dst + i, &word, sizeof(word));
    }
    for (; i < len; i++)
        dst[i] = lower1(src[i]);
}

bool dname_equal(const uint8_t *a, size_t a_len, const uint8_t *b, size_t b_len)
{
    size_t i = 0;

    if (a_len != b_len)
        return false;
    for (; i + 8 <= a_len; i += 8) {
        if (lower8(load8(a + i)) != lower8(load8(b + i)))
            return false;
    }
    for (; i < a_len; i++) {
        if (lower1(a[i]) != lower1(b[i]))
            return false;
    }
    return true;
}

unsigned dname_offsets(const uint8_t *name, uint8_t offsets[static DNAME_LABELS_MAX + 1])
{
    unsigned labels = 0, at = 0;

    for (; name[at] != 0; at += name[at] + 1u)
        offsets[labels++] = (uint8_t)at;
    offsets[labels] = (uint8_t)at;
    return labels;
}

const uint8_t *dname_suffix(const uint8_t *name, unsigned labels)
{
    for (unsigned skip = dname_labels(name) - labels; skip > 0; skip--)
        name += *name + 1;
    return name;
}

bool dname_within(const uint8_t *name, const uint8_t *ancestor)
{
    unsigned labels = dname_labels(ancestor);

    if (dname_labels(name) < labels)
        return false;
    name = dname_suffix(name, labels);
    return dname_equal(name, dname_len(name), ancestor, dname_len(ancestor));
}

static size_t put_suffix(struct writer *w, const uint8_t *suffix, size_t size)
{
    writer_put(w, suffix, size); /* their terminating NUL is the root label */
    return w->pos;
}

static void put_octet_label(struct writer *w, uint8_t octet)
{
    writer_u8(w, octet > 99 ? 3 : octet > 9 ? 2 : 1);
    if (octet > 99)
        writer_u8(w, (uint8_t)('0' + octet / 100));
    if (octet > 9)
        writer_u8(w, (uint8_t)('0' + octet / 10 % 10));
    writer_u8(w, (uint8_t)('0' + octet % 10));
}

static uint8_t nibble_of(const struct ipaddr *addr, unsigned index)
{
    return index % 2 == 0 ? addr->b[index / 2] >> 4 : addr->b[index / 2] & 15;
}

size_t dname_reverse(const struct ipaddr *addr, unsigned bits, uint8_t name[static DNAME_MAX])
{
    struct writer w = writer_of(name, DNAME_MAX);

    if (ipaddr_is_v4(addr) && bits >= V4_BITS) {
        for (unsigned octets = bits / 8; octets > V4_BITS / 8; octets--)
            put_octet_label(&w, addr->b[octets - 1]);
        return put_suffix(&w, in_addr_arpa, sizeof(in_addr_arpa));
    }
    for (unsigned nibbles = bits / 4; nibbles > 0; nibbles--) {
        writer_u8(&w, 1);
        writer_u8(&w, (uint8_t) "0123456789abcdef"[nibble_of(addr, nibbles - 1)]);
    }
    return put_suffix(&w, ip6_arpa, sizeof(ip6_arpa));
}

/* The octet or nibble that a label says, or -ENOENT. */
static int octet_label(const uint8_t *label)
{
    int value = 0;

    if (label[0] > 3 || (label[0] > 1 && label[1] == '0'))
        return -ENOENT;
    for (unsigned i = 1; i <= label[0]; i++) {
        if (label[i] < '0' || label[i] > '9')
            return -ENOENT;
        value = value * 10 + (label[i] - '0');
    }
    return value <= UINT8_MAX ? value : -ENOENT;
}

static int nibble_label(const uint8_t *label)
{
    uint8_t digit = lower1(label[1]);

    if (label[0] != 1)
        return -ENOENT;
    if (digit >= '0' && digit <= '9')
        return digit - '0';
    return digit >= 'a' && digit <= 'f' ? digit - 'a' + 10 : -ENOENT;
}

static int reverse_octets(const uint8_t *name, unsigned octets, struct ipaddr *ret)
{
    struct ipaddr addr = {.b = {[10] = 0xff, [11] = 0xff}};

    if (octets > 4)
        return -ENOENT;
    for (unsigned left = octets; left > 0; left--, name += *name + 1) {
        int octet = octet_label(name);
        if (octet < 0)
            return octet;
        addr.b[V4_BITS / 8 + left - 1] = (uint8_t)octet;
    }
    *ret = addr;
    return (int)(V4_BITS + octets * 8);
}

static int reverse_nibbles(const uint8_t *name, unsigned nibbles, struct ipaddr *ret)
{
    struct ipaddr addr = {0};

    if (nibbles > 32)
        return -ENOENT;
    for (unsigned left = nibbles; left > 0; left--, name += *name + 1) {
        int nibble = nibble_label(name);
        if (nibble < 0)
            return nibble;
        addr.b[(left - 1) / 2] |= (uint8_t)(left % 2 == 0 ? nibble : nibble << 4);
    }
    *ret = addr;
    return (int)(nibbles * 4);
}

int dname_reverse_addr(const uint8_t *name, struct ipaddr *ret)
{
    unsigned labels = dname_labels(name);

    if (dname_within(name, ip6_arpa))
        return reverse_nibbles(name, labels - 2, ret);
    if (dname_within(name, in_addr_arpa))
        return reverse_octets(name, labels - 2, ret);
    return -ENOENT;
}
