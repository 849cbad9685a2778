/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * See dump.h. An answer is a comment line that says of which question it is, how it came and how long it is kept,
 * and then its records as text, TTLs counted down; a name of the reverse table is its PTR record. Names are absolute and
 * in lower case, without a final dot, as the configuration has them.
 * Both stores are walked by cursors that lock a part of them for a moment. An answer is copied out, and its records
 * are written from the copy as the reader takes them.
 */
#include "libiothnamed/dump.h"
#include "libiothnamed/answer.h"
#include "libiothnamed/config_build.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Steps of a walk for one piece, so that a large empty cache is no reason to keep anybody waiting. */
#define STEPS_MAX 256

struct dump {
    struct snapshot *snap;
    bool cache, hrev; /* still to do */
    struct cache_cursor in_cache;
    struct hrev_cursor in_hrev;
    struct cache_copy copy; /* the answer whose records are being written */
    size_t record_at;       /* offset in its message */
    unsigned records_left;
    uint8_t value[ANSWER_MAX];
    uint8_t rdata[RDATA_MAX];
};

struct dump *dump_new(struct snapshot *snap, bool cache, bool hrev)
{
    struct dump *d = calloc(1, sizeof(*d));
    if (!d)
        return NULL;
    d->snap = snapshot_ref(snap);
    d->cache = cache;
    d->hrev = hrev;
    return d;
}

void dump_free(struct dump *d)
{
    if (!d)
        return;
    snapshot_unref(d->snap);
    free(d);
}

/* --- answers --- */

static void put_rdata(struct text *out, uint16_t type, const uint8_t *rdata, size_t len)
{
    char *bytes = NULL;
    size_t size = 0;
    FILE *file = open_memstream(&bytes, &size);
    if (!file) {
        out->failed = true;
        return;
    }
    rdata_print(type, rdata, len, file);
    if (fclose(file) == 0)
        text_put(out, bytes, size);
    free(bytes);
}

static void put_record(struct dump *d, const struct reader *message, const struct dns_rr *rr,
                       struct text *out)
{
    char name[DNAME_TEXT_MAX], type[RRTYPE_TEXT_MAX];
    struct reader at = *message;
    at.pos = rr->rdata;
    int len = rrtype_read_rdata(&at, rr->type, rr->rdlen, d->rdata, sizeof(d->rdata));
    if (len < 0)
        return;
    uint8_t owner[DNAME_MAX]; /* its letter case was chosen by chance, against forgeries */
    dname_lower(owner, rr->owner, rr->owner_len);
    uint32_t ttl = rr->ttl > d->copy.age_s ? rr->ttl - d->copy.age_s : 0;
    text_printf(out, "%s %" PRIu32 " IN %s", dname_to_text(owner, name), ttl, rrtype_to_text(rr->type, type));
    put_rdata(out, rr->type, d->rdata, (size_t)len);
    text_puts(out, "\n");
}

/* The next record of the answer. */
static void put_next_record(struct dump *d, struct text *out)
{
    size_t len;
    const uint8_t *bytes = answer_message(d->value, &len);
    struct reader r = reader_of(bytes, len);
    struct dns_rr rr;
    r.pos = d->record_at;
    dns_read_rr(&r, &rr);
    if (r.bad) {
        d->records_left = 0;
        return;
    }
    put_record(d, &r, &rr, out);
    d->record_at = r.pos;
    d->records_left--;
}

/* The line before its records; d->copy and d->value are the answer. */
static void begin_answer(struct dump *d, struct text *out)
{
    char name[DNAME_TEXT_MAX], type[RRTYPE_TEXT_MAX];
    size_t len;
    const uint8_t *bytes = answer_message(d->value, &len);
    struct reader r = reader_of(bytes, len);
    struct dns_header header = dns_read_header(&r);
    struct dns_question question;
    dns_read_question(&r, &question);
    int64_t left = (int64_t)d->copy.ttl_s - d->copy.age_s;
    text_printf(out, "; %s %s rcode=%u upstreams=%" PRIu32 " left=%" PRId64 "%s%s\n",
                dname_to_text(d->copy.name, name), rrtype_to_text(d->copy.type, type),
                (unsigned)(header.flags & DNS_RCODE), d->copy.upstreams, left < 0 ? 0 : left,
                d->copy.dnssec_ok ? " do" : "", d->copy.checking_disabled ? " cd" : "");
    d->record_at = r.pos;
    d->records_left =
        r.bad ? 0u
              : 0u + header.count[DNS_ANSWER] + header.count[DNS_AUTHORITY] + header.count[DNS_ADDITIONAL];
}

static void step_cache(struct dump *d, nsec_t now, struct text *out)
{
    if (d->records_left > 0) {
        put_next_record(d, out);
        return;
    }
    enum cache_step step =
        cache_next(d->snap->cache, &d->in_cache, now, &d->copy, d->value, sizeof(d->value));
    d->cache = step != CACHE_END;
    if (step == CACHE_FOUND)
        begin_answer(d, out);
}

/* --- names --- */

static void put_reverse(struct text *out, const struct ipaddr *addr)
{
    for (unsigned i = sizeof(addr->b); i-- > 0;)
        text_printf(out, "%x.%x.", addr->b[i] & 15, addr->b[i] >> 4);
    text_puts(out, "ip6.arpa");
}

static void step_hrev(struct dump *d, nsec_t now, struct text *out)
{
    char text[DNAME_TEXT_MAX];
    struct ipaddr addr;
    uint8_t name[DNAME_MAX];
    nsec_t left;
    enum hrev_step step = hrev_next(d->snap->hrev, &d->in_hrev, now, &addr, name, &left);
    d->hrev = step != HREV_END;
    if (step != HREV_FOUND)
        return;
    put_reverse(out, &addr);
    text_printf(out, " %" PRId64 " IN PTR %s\n", left / NSEC_PER_SEC, dname_to_text(name, text));
}

bool dump_piece(struct dump *d, nsec_t now, struct text *out)
{
    for (unsigned steps = 0; (d->cache || d->hrev) && out->len < DUMP_PIECE && steps < STEPS_MAX; steps++) {
        if (d->cache)
            step_cache(d, now, out);
        else
            step_hrev(d, now, out);
    }
    return d->cache || d->hrev;
}
