/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * All bytes of packets go through a cursor: bounds-checked, big-endian, and with an error that sticks, so
 * that a parser reads straight down and looks at `bad` once, at its end. After an error reads give zeros and
 * NULLs, writes do nothing, and the position does not move.
 */
#ifndef BASE_CURSOR_H
#define BASE_CURSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Reads bytes that somebody else owns and keeps alive. Positions are byte offsets from `base`. */
struct reader {
    const uint8_t *base;
    size_t pos, len;
    bool bad;
};

static inline struct reader reader_of(const void *bytes, size_t len)
{
    return (struct reader){.base = bytes, .len = len};
}

static inline size_t reader_left(const struct reader *r)
{
    return r->bad ? 0 : r->len - r->pos;
}

/* The next n bytes, and steps over them; NULL when there are fewer. */
static inline const uint8_t *reader_take(struct reader *r, size_t n)
{
    if (r->bad || n > r->len - r->pos) {
        r->bad = true;
        return NULL;
    }
    const uint8_t *at = r->base + r->pos;
    r->pos += n;
    return at;
}

static inline uint8_t reader_u8(struct reader *r)
{
    const uint8_t *p = reader_take(r, 1);
    return p ? p[0] : 0;
}

static inline uint16_t reader_u16(struct reader *r)
{
    const uint8_t *p = reader_take(r, 2);
    if (!p)
        return 0;
    return (uint16_t)(p[0] << 8 | p[1]);
}

static inline uint32_t reader_u32(struct reader *r)
{
    const uint8_t *p = reader_take(r, 4);
    return p ? (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3] : 0;
}

/* Writes into a buffer that the caller owns; `pos` is the number of bytes written. */
struct writer {
    uint8_t *base;
    size_t pos, size;
    bool bad;
};

static inline struct writer writer_of(void *buffer, size_t size)
{
    return (struct writer){.base = buffer, .size = size};
}

static inline size_t writer_left(const struct writer *w)
{
    return w->bad ? 0 : w->size - w->pos;
}

/* Room for n bytes, to be filled by the caller; NULL when there is less. */
static inline uint8_t *writer_reserve(struct writer *w, size_t n)
{
    if (w->bad || n > w->size - w->pos) {
        w->bad = true;
        return NULL;
    }
    uint8_t *at = w->base + w->pos;
    w->pos += n;
    return at;
}

static inline void writer_put(struct writer *w, const void *bytes, size_t n)
{
    uint8_t *p = writer_reserve(w, n);
    if (p && n)
        memcpy(p, bytes, n);
}

static inline void writer_u8(struct writer *w, uint8_t v)
{
    uint8_t *p = writer_reserve(w, 1);
    if (p)
        p[0] = v;
}

static inline void put_be16(uint8_t *p, uint16_t v)
{
    p[0] = (uint8_t)(v >> 8);
    p[1] = (uint8_t)v;
}

static inline void put_be32(uint8_t *p, uint32_t v)
{
    put_be16(p, (uint16_t)(v >> 16));
    put_be16(p + 2, (uint16_t)v);
}

static inline uint16_t get_be16(const uint8_t *p)
{
    return (uint16_t)(p[0] << 8 | p[1]);
}

static inline uint32_t get_be32(const uint8_t *p)
{
    return (uint32_t)get_be16(p) << 16 | get_be16(p + 2);
}

static inline void writer_u16(struct writer *w, uint16_t v)
{
    uint8_t *p = writer_reserve(w, 2);
    if (p)
        put_be16(p, v);
}

static inline void writer_u32(struct writer *w, uint32_t v)
{
    uint8_t *p = writer_reserve(w, 4);
    if (p)
        put_be32(p, v);
}

#endif
