/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * static: `static [TTL] TYPE NAME RDATA...`. A first word that begins with a digit is a TTL, since no type
 * does. NAME may be an address where the type is PTR: its reverse name.
 *
 * When all are read, records without a TTL get that of `option staticttl`, and the records of each name are
 * looked at together, sorted by name, type and data: a CNAME stands alone (RFC 1034 s3.6.2; but for DNSSEC's
 * own types, RFC 4034 s3 and s4), some types stand once, and a record that is there twice is a slip worth a
 * warning.
 */
#include "libiothnamed/config_build.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
    RR_KEY = 25,
    RRSET_MAX = UINT16_MAX, /* records: a message has no room to count more */
};

#define TTL_UNSET UINT32_MAX /* above TTL_MAX */

/* Where the words stand in a line. */
struct record_words {
    unsigned type, name, rdata;
    uint32_t ttl;
};

static const char synopsis[] = "static [TTL] TYPE NAME RDATA...";

static bool read_ttl(struct builder *b, const struct line *line, struct record_words *ret)
{
    uint64_t ttl = TTL_UNSET;
    bool given = line->n_words > 1 && line->words[1].value.len > 0 && line->words[1].value.text[0] >= '0' &&
                 line->words[1].value.text[0] <= '9';
    unsigned at = given ? 2 : 1;

    if (given && !read_number(b, "TTL", line->words[1].value, UNIT_SECONDS, 0, TTL_MAX, &ttl))
        return false;
    *ret = (struct record_words){.type = at, .name = at + 1, .rdata = at + 2, .ttl = (uint32_t)ttl};
    return true;
}

static bool read_type(struct builder *b, struct piece p, uint16_t *ret)
{
    int code = rrtype_from_text(p.text, p.len);
    struct suggestion known;
    char shown[SHOWN_MAX];

    if (code >= 0 && (code == 0 || rrtype_is_meta((uint16_t)code))) {
        diag_error(b->diags, p.at, "no record can have the type %s, expected one of data", show(p, shown));
        return false;
    }
    if (code >= 0) {
        *ret = (uint16_t)code;
        return true;
    }
    suggestion_init(&known, p.text, p.len);
    for (uint16_t i = 1; i < UINT16_MAX; i++) {
        const struct rrtype *row = rrtype_by_code(i);
        if (row && !rrtype_is_meta(i))
            suggestion_offer(&known, row->name);
    }
    if (known.nearest)
        report_unknown(b, "record type", p, &known);
    else /* zone files have the name in this place, and there are too many types for a list */
        diag_error(b->diags, p.at, "unknown record type %s, expected '%s'", show(p, shown), synopsis);
    return false;
}

static bool read_reverse_name(struct builder *b, struct piece p, struct config_name *ret)
{
    uint8_t name[DNAME_MAX];
    struct ipaddr addr;

    if (!read_addr(b, p, &addr))
        return false;
    size_t len = dname_reverse(&addr, 128, name);
    *ret = (struct config_name){.wire = arena_copy(&b->config->arena, name, len), .len = (uint8_t)len};
    return got_memory(b, ret->wire);
}

static bool read_owner(struct builder *b, struct piece p, uint16_t type, struct config_name *ret)
{
    char shown[SHOWN_MAX];

    if (!looks_like_addr(p))
        return read_name(b, p, ret);
    if (type == RR_PTR)
        return read_reverse_name(b, p, ret);
    diag_error(b->diags, p.at, "%s is an address, expected a name: only of PTR records the name may be one",
               show(p, shown));
    return false;
}

/* Names in record data that were probably meant as addresses. */
static void warn_of_addresses(struct builder *b, const struct line *line, unsigned first, uint16_t type)
{
    const struct rrtype *row = rrtype_by_code(type);
    char shown[SHOWN_MAX];

    for (unsigned i = 0; row && row->shape[i] && first + i < line->n_words; i++) {
        struct piece p = line->words[first + i].value;
        if ((row->shape[i] == 'N' || row->shape[i] == 'n') && looks_like_addr(p))
            diag_warning(b->diags, p.at,
                         "%s in data of type %s is taken as a name, although it looks like an address",
                         show(p, shown), row->name);
    }
}

static void add_record(struct builder *b, const struct config_record *record, const uint8_t *rdata)
{
    struct config *c = b->config;
    struct config_record *records = array_more(&c->arena, c->records, c->n_records, sizeof(*records));
    const uint8_t *copy = arena_copy(&c->arena, rdata, record->rdlen);

    if (!got_memory(b, records) || !got_memory(b, copy))
        return;
    records[c->n_records] = *record;
    records[c->n_records++].rdata = copy;
    c->records = records;
}

void directive_static(struct builder *b, const struct line *line)
{
    struct config_record record = {.at = line->words[0].raw.at};
    uint8_t rdata[RDATA_MAX];
    struct record_words at;

    if (!read_ttl(b, line, &at))
        return;
    if (line->n_words <= at.type) {
        diag_error(b->diags, line->end, "the line ends too early, expected '%s'", synopsis);
        return;
    }
    if (!read_type(b, line->words[at.type].value, &record.type))
        return;
    if (!count_words(b, line, at.name + 1, UINT32_MAX, synopsis) ||
        !read_owner(b, line->words[at.name].value, record.type, &record.owner))
        return;
    int len = rdata_from_words(b, line, at.rdata, record.type, rdata);
    b->out_of_memory |= len == -ENOMEM;
    if (len < 0)
        return;
    warn_of_addresses(b, line, at.rdata, record.type);
    record.ttl = at.ttl;
    record.rdlen = (uint16_t)len;
    add_record(b, &record, rdata);
}

/* --- all records of a name --- */

static int compare_bytes(const uint8_t *a, size_t a_len, const uint8_t *b, size_t b_len)
{
    return a_len != b_len ? (a_len < b_len ? -1 : 1) : memcmp(a, b, a_len);
}

static int compare_owners(const struct config_record *a, const struct config_record *b)
{
    return compare_bytes(a->owner.wire, a->owner.len, b->owner.wire, b->owner.len);
}

static int compare_records(const void *x, const void *y)
{
    const struct config_record *a = *(const struct config_record *const *)x;
    const struct config_record *b = *(const struct config_record *const *)y;
    int order = compare_owners(a, b);

    if (order == 0)
        order = (int)a->type - (int)b->type;
    if (order == 0)
        order = compare_bytes(a->rdata, a->rdlen, b->rdata, b->rdlen);
    return order != 0 ? order : (a > b) - (a < b);
}

static bool stands_once(uint16_t type)
{
    return type == RR_CNAME || type == RR_SOA || type == RR_DNAME;
}

static bool may_stand_beside_cname(uint16_t type)
{
    return type == RR_CNAME || type == RR_RRSIG || type == RR_NSEC || type == RR_KEY;
}

/* One RRset, sorted by data. */
static void check_rrset(struct builder *b, struct config_record *const *set, size_t count)
{
    char owner[DNAME_TEXT_MAX], type[RRTYPE_TEXT_MAX];
    const struct config_record *first = set[0]; /* in the file */

    for (size_t i = 1; i < count; i++) {
        if (compare_bytes(set[i]->rdata, set[i]->rdlen, set[i - 1]->rdata, set[i - 1]->rdlen) == 0)
            diag_warning(b->diags, set[i]->at, "the same record stands in line %u", set[i - 1]->at.line);
        if (set[i] < first)
            first = set[i];
    }
    for (size_t i = 0; i < count && stands_once(first->type); i++) {
        if (compare_bytes(set[i]->rdata, set[i]->rdlen, first->rdata, first->rdlen) != 0)
            diag_error(b->diags, set[i]->at, "%s has type %s in line %u already, expected one alone",
                       dname_to_text(first->owner.wire, owner), rrtype_to_text(first->type, type),
                       first->at.line);
    }
    if (count > RRSET_MAX)
        diag_error(b->diags, first->at, "%s has %zu records of type %s, expected at most %d",
                   dname_to_text(first->owner.wire, owner), count, rrtype_to_text(first->type, type),
                   RRSET_MAX);
}

/* All records of one name. */
static void check_cname(struct builder *b, struct config_record *const *records, size_t count)
{
    const struct config_record *cname = NULL, *other = NULL;
    char owner[DNAME_TEXT_MAX], type[RRTYPE_TEXT_MAX];

    for (size_t i = 0; i < count; i++) {
        const struct config_record *r = records[i];
        if (r->type == RR_CNAME && (!cname || r < cname))
            cname = r;
        if (!may_stand_beside_cname(r->type) && (!other || r < other))
            other = r;
    }
    if (!cname || !other)
        return;
    const struct config_record *later = cname > other ? cname : other,
                               *earlier = cname > other ? other : cname;
    diag_error(b->diags, later->at,
               "CNAME and other data at one name: %s has type %s in line %u, expected a CNAME alone",
               dname_to_text(cname->owner.wire, owner), rrtype_to_text(earlier->type, type),
               earlier->at.line);
}

static void check_names(struct builder *b, struct config_record **sorted, size_t count)
{
    for (size_t name = 0, next; name < count; name = next) {
        for (next = name + 1; next < count && compare_owners(sorted[name], sorted[next]) == 0;)
            next++;
        check_cname(b, sorted + name, next - name);
        for (size_t set = name, end; set < next; set = end) {
            for (end = set + 1; end < next && sorted[end]->type == sorted[set]->type;)
                end++;
            check_rrset(b, sorted + set, end - set);
        }
    }
}

void records_finish(struct builder *b)
{
    struct config *c = b->config;
    struct config_record **sorted = arena_alloc(&b->scratch, c->n_records * sizeof(*sorted));

    if (!got_memory(b, sorted))
        return;
    for (unsigned i = 0; i < c->n_records; i++) {
        if (c->records[i].ttl == TTL_UNSET)
            c->records[i].ttl = c->options.staticttl_s;
        sorted[i] = &c->records[i];
    }
    qsort(sorted, c->n_records, sizeof(*sorted), compare_records);
    check_names(b, sorted, c->n_records);
}
