/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See lease_record.h. What is read may come from anybody: every length is checked, a name is read as one of a message that
 * holds nothing else, and at the end the key must be the one that this record would be written under. So a record that is
 * accepted is written again to the same bytes. Names are taken in lower case alone, as they are written: two spellings of one
 * name would be two records.
 */
#include "io/lease_record.h"

#include <string.h>

enum { KIND_TITLE = 'V', KIND_LEASE = 'A', KIND_CLAIM = 'N' };

static const char title[] = "namedhcp";

size_t lease_record_title(uint8_t key[static 1], uint8_t data[static LEASE_RECORD_DATA_MAX],
                          size_t *ret_data_len)
{
    struct writer w = writer_of(data, LEASE_RECORD_DATA_MAX);

    key[0] = KIND_TITLE;
    writer_put(&w, title, sizeof(title) - 1);
    writer_u8(&w, LEASE_RECORD_VERSION);
    *ret_data_len = w.pos;
    return 1;
}

bool lease_record_is_title(const uint8_t *key, size_t key_len)
{
    return key_len == 1 && key[0] == KIND_TITLE;
}

size_t lease_record_key(const struct lease_record *r, uint8_t scope, uint8_t key[static LEASE_RECORD_KEY_MAX])
{
    struct writer w = writer_of(key, LEASE_RECORD_KEY_MAX);

    if (r->state == LEASE_RECORD_CLAIM) {
        writer_u8(&w, KIND_CLAIM);
        writer_u8(&w, scope);
        writer_put(&w, r->name, dname_len(r->name));
    } else {
        writer_u8(&w, KIND_LEASE);
        writer_put(&w, r->addr.b, sizeof(r->addr.b));
    }
    return w.pos;
}

static void write_i64(struct writer *w, int64_t n)
{
    writer_u32(w, (uint32_t)((uint64_t)n >> 32));
    writer_u32(w, (uint32_t)n);
}

static int64_t read_i64(struct reader *r)
{
    uint64_t high = reader_u32(r);

    return (int64_t)(high << 32 | reader_u32(r));
}

size_t lease_record_data(const struct lease_record *r, uint8_t data[static LEASE_RECORD_DATA_MAX])
{
    struct writer w = writer_of(data, LEASE_RECORD_DATA_MAX);

    writer_u8(&w, LEASE_RECORD_VERSION);
    writer_u8(&w, (uint8_t)r->state);
    write_i64(&w, r->began);
    write_i64(&w, r->ends);
    writer_put(&w, r->mac, sizeof(r->mac));
    writer_u8(&w, r->identity_len);
    writer_put(&w, r->identity, r->identity_len);
    writer_put(&w, r->name, dname_len(r->name));
    return w.pos;
}

/* All that is left is a name, in lower case. */
static bool read_name(struct reader *r, uint8_t ret[static DNAME_MAX])
{
    struct reader rest = reader_of(r->base + r->pos, reader_left(r)); /* so that no pointer leads anywhere */
    uint8_t lower[DNAME_MAX];
    size_t len = dname_read(&rest, ret);

    if (rest.bad || len == 0 || rest.pos != rest.len || len != rest.len)
        return false;
    dname_lower(lower, ret, len);
    return memcmp(lower, ret, len) == 0;
}

static void take_bytes(struct reader *r, uint8_t *ret, size_t len)
{
    const uint8_t *bytes = reader_take(r, len);

    if (bytes)
        memcpy(ret, bytes, len);
}

bool lease_record_read(const uint8_t *key, size_t key_len, const uint8_t *data, size_t len,
                       struct lease_record *ret)
{
    struct reader r = reader_of(data, len);
    uint8_t own_key[LEASE_RECORD_KEY_MAX];

    *ret = (struct lease_record){0};
    uint8_t version = reader_u8(&r), state = reader_u8(&r);
    ret->began = read_i64(&r);
    ret->ends = read_i64(&r);
    take_bytes(&r, ret->mac, sizeof(ret->mac));
    ret->identity_len = reader_u8(&r);
    take_bytes(&r, ret->identity, ret->identity_len);
    if (r.bad || version != LEASE_RECORD_VERSION || state > LEASE_RECORD_CLAIM || !read_name(&r, ret->name))
        return false;
    ret->state = (enum lease_record_state)state;
    if (key_len == 1 + sizeof(ret->addr.b))
        memcpy(ret->addr.b, key + 1, sizeof(ret->addr.b));
    uint8_t scope = key_len > 1 ? key[1] : 0;
    bool is_claim = ret->state == LEASE_RECORD_CLAIM;
    if (is_claim)
        ret->addr = (struct ipaddr){0};
    if (is_claim && scope != 0 && scope != 4 && scope != 6)
        return false;
    return lease_record_key(ret, scope, own_key) == key_len && memcmp(own_key, key, key_len) == 0;
}
