/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The frame of a DHCPv4 message: the fixed part that BOOTP left, the magic cookie, and options in up to three
 * fields: `options`, and if OVERLOAD says so `file` and `sname`.
 *
 * Reading takes two walks over the fields, since pieces of one option may stand anywhere in them: the first
 * adds up the length of each code, the second copies the pieces to where that code has its room. All rooms
 * together are never larger than the message. The order of the fields is that of RFC 3396 s5: options, file,
 * sname.
 *
 * Writing goes field by field and never back: an option that does not fit the field in use opens the next.
 * Each piece stands whole in one field, so that a reader who knows nothing of long options finds the short
 * ones. What the end of the options field needs (OVERLOAD, the relay's information, END) is kept back from
 * the beginning.
 */
#include "wire/dhcp4.h"

#include <errno.h>

enum {
    SNAME_AT = 44,
    FILE_AT = 108,
    COOKIE_AT = 236,
    OPTIONS_AT = 240,
    PIECE_MAX = 255,
    OVERLOAD_FILE = 1, /* bits of the option OVERLOAD */
    OVERLOAD_SNAME = 2,
    OVERLOAD_SIZE = 3, /* of the option as it stands in a message */
    FLAG_BROADCAST = 0x8000,
};

static const uint8_t magic_cookie[4] = {99, 130, 83, 99};

/* ---- reading ---- */

static struct dhcp4_header read_header(struct reader *r)
{
    struct dhcp4_header h = {.op = reader_u8(r)};

    h.htype = reader_u8(r);
    h.hlen = reader_u8(r);
    h.hops = reader_u8(r);
    h.xid = reader_u32(r);
    h.secs = reader_u16(r);
    h.broadcast = (reader_u16(r) & FLAG_BROADCAST) != 0;
    h.ciaddr = reader_u32(r);
    h.yiaddr = reader_u32(r);
    h.siaddr = reader_u32(r);
    h.giaddr = reader_u32(r);
    const uint8_t *rest = reader_take(r, sizeof(h.chaddr) + sizeof(h.sname) + sizeof(h.file));
    if (rest) {
        memcpy(h.chaddr, rest, sizeof(h.chaddr));
        memcpy(h.sname, rest + sizeof(h.chaddr), sizeof(h.sname));
        memcpy(h.file, rest + sizeof(h.chaddr) + sizeof(h.sname), sizeof(h.file));
    }
    const uint8_t *cookie = reader_take(r, sizeof(magic_cookie));
    r->bad |= !cookie || memcmp(cookie, magic_cookie, sizeof(magic_cookie)) != 0 ||
              h.hlen > sizeof(h.chaddr) || (h.op != DHCP4_BOOTREQUEST && h.op != DHCP4_BOOTREPLY);
    return h;
}

/* Goes over the options of a field: adds up their lengths or, with `copies`, puts their bytes where their code has
 * its room. False: one is cut off. */
static bool walk(struct reader field, struct dhcp4_message *m, bool copies)
{
    while (reader_left(&field) > 0) {
        uint8_t code = reader_u8(&field);
        if (code == DHCP4_PAD)
            continue;
        if (code == DHCP4_END)
            return true;
        size_t len = reader_u8(&field);
        const uint8_t *value = reader_take(&field, len);
        if (!value)
            return false;
        if (copies && len > 0)
            memcpy(m->values + m->at[code] - 1 + m->len[code], value, len);
        if (!copies)
            m->at[code] = 1; /* there is one */
        m->len[code] = (uint16_t)(m->len[code] + len);
    }
    return true;
}

/* The first walk has said how long each option is: gives each its room, and makes the lengths zero again. */
static void make_rooms(struct dhcp4_message *m)
{
    uint16_t next = 1;

    for (unsigned code = 0; code < ARRAY_LEN(m->at); code++) {
        if (m->at[code] == 0)
            continue;
        m->at[code] = next;
        next = (uint16_t)(next + m->len[code]);
        m->len[code] = 0;
    }
}

/* What the option OVERLOAD in the options field says: bits, 0 if there is none; or -EBADMSG. */
static int read_overload(struct reader field)
{
    int overload = 0;

    while (reader_left(&field) > 0) {
        uint8_t code = reader_u8(&field);
        if (code == DHCP4_PAD)
            continue;
        if (code == DHCP4_END)
            break;
        size_t len = reader_u8(&field);
        const uint8_t *value = reader_take(&field, len);
        if (code != DHCP4_OVERLOAD || !value)
            continue;
        if (overload != 0 || len != 1 || value[0] < 1 || value[0] > (OVERLOAD_FILE | OVERLOAD_SNAME))
            return -EBADMSG;
        overload = value[0];
    }
    return overload;
}

static bool walk_fields(const struct reader *fields, size_t n, struct dhcp4_message *m, bool copies)
{
    for (size_t i = 0; i < n; i++) {
        if (!walk(fields[i], m, copies))
            return false;
    }
    return true;
}

int dhcp4_read(const void *bytes, size_t len, struct dhcp4_message *ret)
{
    struct reader r = reader_of(bytes, len);
    struct reader fields[3];
    size_t n = 0;

    if (len > DHCP4_MESSAGE_MAX)
        return -EMSGSIZE;
    struct dhcp4_message m;
    memset(&m, 0, sizeof(m)); /* `values` too: it is copied as a whole */
    m.header = read_header(&r);
    if (r.bad)
        return -EBADMSG;
    fields[n++] = reader_of(r.base + r.pos, reader_left(&r));
    int overload = read_overload(fields[0]);
    if (overload < 0)
        return overload;
    if (overload & OVERLOAD_FILE) {
        fields[n++] = reader_of(r.base + FILE_AT, sizeof(m.header.file));
        memset(m.header.file, 0, sizeof(m.header.file));
    }
    if (overload & OVERLOAD_SNAME) {
        fields[n++] = reader_of(r.base + SNAME_AT, sizeof(m.header.sname));
        memset(m.header.sname, 0, sizeof(m.header.sname));
    }
    if (!walk_fields(fields, n, &m, false))
        return -EBADMSG;
    make_rooms(&m);
    (void)walk_fields(fields, n, &m, true); /* as before */
    uint8_t type = DHCP4_NO_TYPE;
    (void)dhcp4_u8(&m, DHCP4_MESSAGE_TYPE, &type);
    m.type = type;
    *ret = m;
    return 0;
}

const uint8_t *dhcp4_option(const struct dhcp4_message *m, uint8_t code, size_t *ret_len)
{
    if (m->at[code] == 0)
        return NULL;
    const uint8_t *value = m->values + m->at[code] - 1;
    if (!dhcp4_fits(code, value, m->len[code]))
        return NULL;
    *ret_len = m->len[code];
    return value;
}

bool dhcp4_has(const struct dhcp4_message *m, uint8_t code)
{
    size_t len;

    return dhcp4_option(m, code, &len) != NULL;
}

/* ---- writing ---- */

static bool is_zero(const uint8_t *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (bytes[i] != 0)
            return false;
    }
    return true;
}

static void write_header(struct writer *w, const struct dhcp4_header *h)
{
    writer_u8(w, h->op);
    writer_u8(w, h->htype);
    writer_u8(w, h->hlen);
    writer_u8(w, h->hops);
    writer_u32(w, h->xid);
    writer_u16(w, h->secs);
    writer_u16(w, h->broadcast ? FLAG_BROADCAST : 0);
    writer_u32(w, h->ciaddr);
    writer_u32(w, h->yiaddr);
    writer_u32(w, h->siaddr);
    writer_u32(w, h->giaddr);
    writer_put(w, h->chaddr, sizeof(h->chaddr));
    writer_put(w, h->sname, sizeof(h->sname));
    writer_put(w, h->file, sizeof(h->file));
    writer_put(w, magic_cookie, sizeof(magic_cookie));
}

/* What the options field keeps back for its end. */
static size_t reserve_of(const struct dhcp4_writer *dw)
{
    return 1 + (dw->vacant ? (size_t)OVERLOAD_SIZE : 0) + (dw->relay ? 2 + dw->relay_len : 0);
}

void dhcp4_begin(struct dhcp4_writer *dw, void *buffer, size_t size, const struct dhcp4_header *header,
                 const struct dhcp4_layout *layout)
{
    struct writer w = writer_of(buffer, size);

    *dw = (struct dhcp4_writer){.base = buffer, .size = size};
    write_header(&w, header);
    if (layout) {
        dw->relay = layout->relay;
        dw->relay_len = layout->relay_len;
        if (layout->overload && is_zero(header->file, sizeof(header->file)))
            dw->vacant |= OVERLOAD_FILE;
        if (layout->overload && is_zero(header->sname, sizeof(header->sname)))
            dw->vacant |= OVERLOAD_SNAME;
    }
    size_t reserve = reserve_of(dw);
    if (w.bad || size < DHCP4_MESSAGE_MIN || writer_left(&w) < reserve || dw->relay_len > PIECE_MAX)
        dw->field.bad = true;
    else
        dw->field = writer_of(dw->base + OPTIONS_AT, size - OPTIONS_AT - reserve);
}

/* Ends the field in use, and opens the next one that may take options. False: there is none. */
static bool next_field(struct dhcp4_writer *dw)
{
    uint8_t next = dw->vacant & OVERLOAD_FILE ? OVERLOAD_FILE : dw->vacant & OVERLOAD_SNAME;

    if (next == 0)
        return false;
    if (dw->used == 0)
        dw->options = dw->field;
    else
        dw->field.base[dw->field.pos] = DHCP4_END; /* its room was kept back */
    dw->vacant &= (uint8_t)~next;
    dw->used |= next;
    dw->field = next == OVERLOAD_FILE
                    ? writer_of(dw->base + FILE_AT, sizeof(((struct dhcp4_header *)0)->file) - 1)
                    : writer_of(dw->base + SNAME_AT, sizeof(((struct dhcp4_header *)0)->sname) - 1);
    return true;
}

static void put_piece(struct dhcp4_writer *dw, uint8_t code, const uint8_t *bytes, size_t len)
{
    if (dw->field.bad)
        return;
    while (writer_left(&dw->field) < 2 + len) {
        if (!next_field(dw)) {
            dw->field.bad = true;
            return;
        }
    }
    writer_u8(&dw->field, code);
    writer_u8(&dw->field, (uint8_t)len);
    writer_put(&dw->field, bytes, len);
}

void dhcp4_put(struct dhcp4_writer *dw, uint8_t code, const void *bytes, size_t len)
{
    const uint8_t *rest = bytes;

    while (len > PIECE_MAX) {
        put_piece(dw, code, rest, PIECE_MAX);
        rest += PIECE_MAX;
        len -= PIECE_MAX;
    }
    put_piece(dw, code, rest, len);
}

int dhcp4_end(struct dhcp4_writer *dw)
{
    if (dw->field.bad)
        return -EMSGSIZE;
    size_t pos = OPTIONS_AT + (dw->used ? dw->options.pos : dw->field.pos);
    if (dw->used)
        dw->field.base[dw->field.pos] = DHCP4_END;
    struct writer w = writer_of(dw->base, dw->size);
    w.pos = pos;
    if (dw->used) {
        writer_u8(&w, DHCP4_OVERLOAD);
        writer_u8(&w, 1);
        writer_u8(&w, dw->used);
    }
    if (dw->relay) {
        writer_u8(&w, DHCP4_RELAY_INFORMATION);
        writer_u8(&w, (uint8_t)dw->relay_len);
        writer_put(&w, dw->relay, dw->relay_len);
    }
    writer_u8(&w, DHCP4_END);
    if (w.pos < DHCP4_MESSAGE_MIN) {
        memset(w.base + w.pos, DHCP4_PAD, DHCP4_MESSAGE_MIN - w.pos);
        w.pos = DHCP4_MESSAGE_MIN;
    }
    return (int)w.pos;
}
