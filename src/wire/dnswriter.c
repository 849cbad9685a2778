/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Writing messages, front to back, into the buffer of the caller.
 *
 * Compression (RFC 1035 s4.1.4): the writer remembers where it wrote which suffix of a name, in the order of
 * their offsets, with eight bits of a hash for each. A new name is hashed label by label from its end, so
 * that each of its suffixes has a hash; then the suffixes are looked for from the longest to the shortest,
 * first among the hashes, then byte by byte in the message, which may itself point further back. What was not
 * found is written out and remembered, as long as there are places and offsets that a pointer can hold; of
 * the question's name, the first suffixes always are. The most frequent owner, the name of the question, is
 * compared before all this; the suffixes of the question are remembered when first another name is written,
 * since most answers have none.
 *
 * Letter case plays no part in the comparison: a record takes over the spelling of the name that it points
 * to, so an answer speaks as its question did (RFC 4343 s4.1). Inside RDATA only the names of RFC 1035's own
 * types are compressed (RFC 3597 s4).
 *
 * Taking back: offsets are remembered in rising order, so going back to a position means to forget all from
 * there on. Every function that finds no room goes back to where it started.
 */
#include "wire/dnsmsg.h"

#include <errno.h>

enum {
    POINTER_TAG = 0xc000,
    POINTER_MAX = 0x3fff, /* the highest offset that 14 bits hold */
    FLAGS_OFFSET = 2,
    COUNTS_OFFSET = 4,
    EDNS_DO = 0x8000,
};

static void go_back(struct dns_writer *dw, size_t pos)
{
    dw->w.pos = pos;
    dw->w.bad = false;
    while (dw->n_names > 0 && dw->names[dw->n_names - 1] >= pos)
        dw->n_names--;
}

static void remember(struct dns_writer *dw, size_t offset, uint8_t hash)
{
    if (dw->n_names == DNS_COMPRESS_MAX || offset > POINTER_MAX)
        return;
    dw->names[dw->n_names] = (uint16_t)offset;
    dw->hashes[dw->n_names] = hash;
    dw->n_names++;
}

/* Where the name of the message at `at` goes on: behind its pointer, if one stands there. */
static const uint8_t *behind_pointer(const uint8_t *message, const uint8_t *at)
{
    while (*at > DNAME_LABEL_MAX)
        at = message + (get_be16(at) & POINTER_MAX);
    return at;
}

/* A name in the message, of our own writing, is the same as a bare name. */
static bool is_written_at(const uint8_t *message, size_t offset, const uint8_t *name)
{
    const uint8_t *at = behind_pointer(message, message + offset);

    while (*at == *name && *name != 0) {
        size_t len = *name + 1u;
        if (!dname_equal(at, len, name, len))
            return false;
        name += len;
        at = behind_pointer(message, at + len);
    }
    return *at == *name;
}

/* The offset of a written name equal to `name`, or 0. */
static size_t find_written(const struct dns_writer *dw, const uint8_t *name, uint8_t hash)
{
    for (const uint8_t *at = dw->hashes, *end = at + dw->n_names; at < end; at++) {
        at = memchr(at, hash, (size_t)(end - at));
        if (!at)
            return 0;
        uint16_t offset = dw->names[at - dw->hashes];
        if (is_written_at(dw->w.base, offset, name))
            return offset;
    }
    return 0;
}

/* The hash of a label in lower case, continued from that of the labels behind it. */
static uint32_t hash_label(const uint8_t *label, uint32_t hash)
{
    for (unsigned i = 0; i <= label[0]; i++)
        hash = (hash ^ (label[i] | 0x20u)) *
               0x01000193u; /* | 0x20: letter case and a few others fall together */
    return hash;
}

/* The hash of each suffix of a name, by its first label. */
static void hash_suffixes(const uint8_t *name, const uint8_t *offsets, unsigned labels, uint8_t *hashes)
{
    uint32_t hash = 0x811c9dc5u;

    while (labels-- > 0) {
        hash = hash_label(name + offsets[labels], hash);
        hashes[labels] = (uint8_t)(hash >> 24);
    }
}

static void remember_question(struct dns_writer *dw)
{
    const uint8_t *name = dw->w.base + DNS_HEADER_LEN;
    uint8_t offsets[DNAME_LABELS_MAX + 1], hashes[DNAME_LABELS_MAX];
    unsigned labels = dname_offsets(name, offsets);

    dw->question_known = true;
    hash_suffixes(name, offsets, labels, hashes);
    for (unsigned i = 0; i < labels; i++)
        remember(dw, DNS_HEADER_LEN + offsets[i], hashes[i]);
}

/* Writes a name compressed: its first labels, then a pointer to the others, or all of it. */
void dns_put_name(struct dns_writer *dw, const uint8_t *name)
{
    uint8_t offsets[DNAME_LABELS_MAX + 1], hashes[DNAME_LABELS_MAX];
    unsigned labels = dname_offsets(name, offsets), label = 0;
    size_t start = dw->w.pos, target = 0;

    if (!dw->question_known && dw->question_len > 0)
        remember_question(dw);
    hash_suffixes(name, offsets, labels, hashes);
    while (label < labels && (target = find_written(dw, name + offsets[label], hashes[label])) == 0)
        label++;

    writer_put(&dw->w, name, offsets[label]);
    if (target > 0)
        writer_u16(&dw->w, (uint16_t)(POINTER_TAG | target));
    else
        writer_u8(&dw->w, 0);
    if (dw->w.bad)
        return;
    for (unsigned i = 0; i < label; i++)
        remember(dw, start + offsets[i], hashes[i]);
}

static void put_owner(struct dns_writer *dw, const uint8_t *name)
{
    const uint8_t *question = dw->w.base + DNS_HEADER_LEN;

    if (dw->question_len > 1 && dname_equal(name, dname_len(name), question, dw->question_len))
        writer_u16(&dw->w, POINTER_TAG | DNS_HEADER_LEN);
    else
        dns_put_name(dw, name);
}

static size_t field_len(char letter, size_t left)
{
    switch (letter) {
    case '1':
    case '2':
    case '4':
        return (size_t)(letter - '0');
    default:
        return left; /* shapes with names that are compressed have nothing but integers besides */
    }
}

static void put_rdata(struct dns_writer *dw, uint16_t type, const uint8_t *rdata, size_t rdlen)
{
    const struct rrtype *row = rrtype_by_code(type);

    if (!row || !strchr(row->shape, 'N')) {
        writer_put(&dw->w, rdata, rdlen);
        return;
    }
    size_t pos = 0;
    for (const char *letter = row->shape; *letter != '\0' && pos < rdlen; letter++) {
        if (*letter == 'N') {
            dns_put_name(dw, rdata + pos);
            pos += dname_len(rdata + pos);
        } else {
            size_t len = field_len(*letter, rdlen - pos);
            writer_put(&dw->w, rdata + pos, len);
            pos += len;
        }
    }
}

void dns_writer_init(struct dns_writer *dw, uint8_t *buffer, size_t size, uint16_t id, uint16_t flags)
{
    dw->w = writer_of(buffer, size < DNS_MSG_MAX ? size : DNS_MSG_MAX);
    for (unsigned section = 0; section < ARRAY_LEN(dw->count); section++)
        dw->count[section] = 0;
    dw->reserved = 0;
    dw->records = DNS_HEADER_LEN;
    dw->question_len = 0;
    dw->question_known = false;
    dw->n_names = 0;
    uint8_t *header = writer_reserve(&dw->w, DNS_HEADER_LEN);
    put_be16(header, id);
    put_be16(header + FLAGS_OFFSET, flags);
    memset(header + COUNTS_OFFSET, 0, DNS_HEADER_LEN - COUNTS_OFFSET);
}

void dns_reserve_opt(struct dns_writer *dw, uint16_t options_len)
{
    size_t len = DNS_OPT_LEN + (size_t)options_len;

    dw->reserved = (uint16_t)(len < DNS_MSG_MAX ? len : DNS_MSG_MAX);
}

int dns_put_question(struct dns_writer *dw, const uint8_t *name, uint16_t type, uint16_t class)
{
    size_t start = dw->w.pos, len = dname_len(name);

    writer_put(&dw->w, name, len);
    writer_u16(&dw->w, type);
    writer_u16(&dw->w, class);
    if (dw->w.bad) {
        go_back(dw, start);
        return -ENOSPC;
    }
    put_be16(dw->w.base + COUNTS_OFFSET, 1);
    dw->question_len = (uint8_t)len;
    dw->records = (uint16_t)dw->w.pos;
    return 0;
}

static void put_rr(struct dns_writer *dw, const uint8_t *name, uint16_t type, uint16_t class, uint32_t ttl,
                   const uint8_t *rdata, size_t rdlen)
{
    put_owner(dw, name);
    writer_u16(&dw->w, type);
    writer_u16(&dw->w, class);
    writer_u32(&dw->w, ttl);
    uint8_t *length = writer_reserve(&dw->w, 2);
    size_t start = dw->w.pos;
    put_rdata(dw, type, rdata, rdlen);
    if (!dw->w.bad)
        put_be16(length, (uint16_t)(dw->w.pos - start));
}

int dns_put_rr(struct dns_writer *dw, enum dns_section section, const uint8_t *name, uint16_t type,
               uint16_t class, uint32_t ttl, const uint8_t *rdata, size_t rdlen)
{
    const size_t start = dw->w.pos, size = dw->w.size;

    if (writer_left(&dw->w) < dw->reserved)
        return -ENOSPC;
    dw->w.size -= dw->reserved;
    put_rr(dw, name, type, class, ttl, rdata, rdlen);
    dw->w.size = size;
    if (dw->w.bad) {
        go_back(dw, start);
        return -ENOSPC;
    }
    dw->count[section]++;
    return 0;
}

uint8_t *dns_reserve_records(struct dns_writer *dw, enum dns_section section, unsigned count, size_t len)
{
    size_t left = writer_left(&dw->w);

    if (left < dw->reserved || left - dw->reserved < len || count > UINT16_MAX - (unsigned)dw->count[section])
        return NULL;
    dw->count[section] = (uint16_t)(dw->count[section] + count);
    return writer_reserve(&dw->w, len);
}

int dns_put_opt(struct dns_writer *dw, uint16_t rcode, bool dnssec_ok, const uint8_t *options,
                uint16_t options_len)
{
    size_t start = dw->w.pos;

    writer_u8(&dw->w, 0); /* owner: the root */
    writer_u16(&dw->w, RR_OPT);
    writer_u16(&dw->w, DNS_UDP_EDNS);
    writer_u8(&dw->w, (uint8_t)(rcode >> 4));
    writer_u8(&dw->w, 0); /* version */
    writer_u16(&dw->w, dnssec_ok ? EDNS_DO : 0);
    writer_u16(&dw->w, options_len);
    writer_put(&dw->w, options, options_len);
    if (dw->w.bad) {
        go_back(dw, start);
        return -ENOSPC;
    }
    dw->count[DNS_ADDITIONAL]++;
    dw->reserved = 0;
    return 0;
}

void dns_truncate(struct dns_writer *dw)
{
    go_back(dw, dw->records);
    for (unsigned section = 0; section < ARRAY_LEN(dw->count); section++)
        dw->count[section] = 0;
    dns_set_flags(dw, dns_get_flags(dw) | DNS_TC);
}

void dns_set_flags(struct dns_writer *dw, uint16_t flags)
{
    put_be16(dw->w.base + FLAGS_OFFSET, flags);
}

uint16_t dns_get_flags(const struct dns_writer *dw)
{
    return get_be16(dw->w.base + FLAGS_OFFSET);
}

size_t dns_finish(struct dns_writer *dw)
{
    for (unsigned section = 0; section < ARRAY_LEN(dw->count); section++)
        put_be16(dw->w.base + COUNTS_OFFSET + 2 + section * 2, dw->count[section]);
    return dw->w.pos;
}
