/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * DHCPv6 messages <-> structs (RFC 9915 s8, s9).
 *
 * Everything is a table of rows: a code, the place where the option may stand (in a message, an IA, a lease,
 * a relay level), the bit that says it is there, its shape (dhcp6_option.c) and the member it goes to.
 * Reading walks the bytes and looks each option up; writing walks the rows and writes those whose bit is set.
 * So a new option of a known shape is a row, and a bit.
 *
 * An option of the wrong form spoils the message if the protocol turns on it (VITAL), for then nothing that
 * it says can be trusted; a list of name servers that is cut in the middle of an address costs the list
 * alone. Relay levels are not entered by recursion, but one after the other.
 */
#include "wire/dhcp6_parts.h"

#include <errno.h>

/* --- the table --- */

#define VITAL      DHCP6_VITAL
#define REPEATS    DHCP6_REPEATS
#define IN_MESSAGE DHCP6_IN_MESSAGE
#define IN_IA      DHCP6_IN_IA
#define IN_LEASE   DHCP6_IN_LEASE
#define IN_RELAY   DHCP6_IN_RELAY

enum { LEASE_LEN = 24 }; /* of IAADDR; IAPREFIX has one byte more */

#define MESSAGE(part) offsetof(struct dhcp6_message, part)
#define RELAY(part)   offsetof(struct dhcp6_relay, part)

static const struct dhcp6_row rows[] = {
    {DHCP6_OPT_CLIENT_ID, IN_MESSAGE, VITAL, DHCP6_HAS_CLIENT_ID, &dhcp6_as_bytes, MESSAGE(client_id),
     DHCP6_DUID_MIN, DHCP6_DUID_MAX, "OPTION_CLIENTID"},
    {DHCP6_OPT_SERVER_ID, IN_MESSAGE, VITAL, DHCP6_HAS_SERVER_ID, &dhcp6_as_bytes, MESSAGE(server_id),
     DHCP6_DUID_MIN, DHCP6_DUID_MAX, "OPTION_SERVERID"},
    {DHCP6_OPT_IA_NA, IN_MESSAGE, VITAL | REPEATS, DHCP6_HAS_IA, &dhcp6_as_ia, 0, 12, UINT16_MAX,
     "OPTION_IA_NA"},
    {DHCP6_OPT_IA_PD, IN_MESSAGE, VITAL | REPEATS, DHCP6_HAS_IA, &dhcp6_as_ia, 0, 12, UINT16_MAX,
     "OPTION_IA_PD"},
    {DHCP6_OPT_IAADDR, IN_MESSAGE, VITAL, DHCP6_HAS_ADDR, &dhcp6_as_address, MESSAGE(addr), LEASE_LEN,
     UINT16_MAX, "OPTION_IAADDR"},
    {DHCP6_OPT_IAADDR, IN_IA, VITAL | REPEATS, DHCP6_HAS_ADDR, &dhcp6_as_lease, 0, LEASE_LEN, UINT16_MAX,
     "OPTION_IAADDR"},
    {DHCP6_OPT_IAPREFIX, IN_IA, VITAL | REPEATS, DHCP6_HAS_ADDR, &dhcp6_as_lease, 0, LEASE_LEN + 1,
     UINT16_MAX, "OPTION_IAPREFIX"},
    {DHCP6_OPT_ORO, IN_MESSAGE, VITAL, DHCP6_HAS_ORO, &dhcp6_as_oro, 0, 0, UINT16_MAX, "OPTION_ORO"},
    {DHCP6_OPT_PREFERENCE, IN_MESSAGE, VITAL, DHCP6_HAS_PREFERENCE, &dhcp6_as_u8, MESSAGE(preference), 1, 1,
     "OPTION_PREFERENCE"},
    {DHCP6_OPT_ELAPSED_TIME, IN_MESSAGE, VITAL, DHCP6_HAS_ELAPSED, &dhcp6_as_u16, MESSAGE(elapsed_cs), 2, 2,
     "OPTION_ELAPSED_TIME"},
    {DHCP6_OPT_STATUS_CODE, IN_MESSAGE, VITAL, DHCP6_HAS_STATUS, &dhcp6_as_status, MESSAGE(status), 2,
     UINT16_MAX, "OPTION_STATUS_CODE"},
    {DHCP6_OPT_STATUS_CODE, IN_IA, VITAL, DHCP6_HAS_STATUS, &dhcp6_as_status,
     offsetof(struct dhcp6_ia, status), 2, UINT16_MAX, "OPTION_STATUS_CODE"},
    {DHCP6_OPT_STATUS_CODE, IN_LEASE, VITAL, DHCP6_HAS_STATUS, &dhcp6_as_status,
     offsetof(struct dhcp6_lease, status), 2, UINT16_MAX, "OPTION_STATUS_CODE"},
    {DHCP6_OPT_RAPID_COMMIT, IN_MESSAGE, VITAL, DHCP6_HAS_RAPID_COMMIT, &dhcp6_as_flag, 0, 0, 0,
     "OPTION_RAPID_COMMIT"},
    {DHCP6_OPT_AUTH, IN_MESSAGE, 0, DHCP6_HAS_AUTH, &dhcp6_as_bytes, MESSAGE(auth), 11, UINT16_MAX,
     "OPTION_AUTH"},
    {DHCP6_OPT_USER_CLASS, IN_MESSAGE, 0, DHCP6_HAS_USER_CLASS, &dhcp6_as_bytes, MESSAGE(user_class), 2,
     UINT16_MAX, "OPTION_USER_CLASS"},
    {DHCP6_OPT_VENDOR_CLASS, IN_MESSAGE, 0, DHCP6_HAS_VENDOR_CLASS, &dhcp6_as_bytes, MESSAGE(vendor_class), 4,
     UINT16_MAX, "OPTION_VENDOR_CLASS"},
    {DHCP6_OPT_VENDOR_OPTS, IN_MESSAGE, 0, DHCP6_HAS_VENDOR_OPTS, &dhcp6_as_bytes, MESSAGE(vendor_opts), 4,
     UINT16_MAX, "OPTION_VENDOR_OPTS"},
    {DHCP6_OPT_RECONF_MSG, IN_MESSAGE, VITAL, DHCP6_HAS_RECONF_MSG, &dhcp6_as_u8, MESSAGE(reconf_msg), 1, 1,
     "OPTION_RECONF_MSG"},
    {DHCP6_OPT_RECONF_ACCEPT, IN_MESSAGE, VITAL, DHCP6_HAS_RECONF_ACCEPT, &dhcp6_as_flag, 0, 0, 0,
     "OPTION_RECONF_ACCEPT"},
    {DHCP6_OPT_DNS_SERVERS, IN_MESSAGE, 0, DHCP6_HAS_DNS, &dhcp6_as_dns, 0, 16, UINT16_MAX,
     "OPTION_DNS_SERVERS"},
    {DHCP6_OPT_DOMAIN_LIST, IN_MESSAGE, 0, DHCP6_HAS_DOMAINS, &dhcp6_as_domains, 0, 1, UINT16_MAX,
     "OPTION_DOMAIN_LIST"},
    {DHCP6_OPT_INFORMATION_REFRESH_TIME, IN_MESSAGE, 0, DHCP6_HAS_REFRESH_TIME, &dhcp6_as_u32,
     MESSAGE(refresh_time_s), 4, 4, "OPTION_INFORMATION_REFRESH_TIME"},
    {DHCP6_OPT_CLIENT_FQDN, IN_MESSAGE, 0, DHCP6_HAS_FQDN, &dhcp6_as_fqdn, MESSAGE(fqdn), 1, 1 + DNAME_MAX,
     "OPTION_CLIENT_FQDN"},
    {DHCP6_OPT_NTP_SERVER, IN_MESSAGE, REPEATS, DHCP6_HAS_NTP, &dhcp6_as_ntp, 0, 4, UINT16_MAX,
     "OPTION_NTP_SERVER"},
    {DHCP6_OPT_SOL_MAX_RT, IN_MESSAGE, 0, DHCP6_HAS_SOL_MAX_RT, &dhcp6_as_u32, MESSAGE(sol_max_rt_s), 4, 4,
     "OPTION_SOL_MAX_RT"},
    {DHCP6_OPT_INF_MAX_RT, IN_MESSAGE, 0, DHCP6_HAS_INF_MAX_RT, &dhcp6_as_u32, MESSAGE(inf_max_rt_s), 4, 4,
     "OPTION_INF_MAX_RT"},
    {DHCP6_OPT_DNR, IN_MESSAGE, REPEATS, DHCP6_HAS_DNR, &dhcp6_as_dnr, 0, 5, UINT16_MAX, "OPTION_V6_DNR"},
    {DHCP6_OPT_ADDR_REG_ENABLE, IN_MESSAGE, 0, DHCP6_HAS_ADDR_REG_ENABLE, &dhcp6_as_flag, 0, 0, 0,
     "OPTION_ADDR_REG_ENABLE"},
    {DHCP6_OPT_INTERFACE_ID, IN_RELAY, VITAL, DHCP6_HAS_INTERFACE_ID, &dhcp6_as_bytes, RELAY(interface_id), 0,
     UINT16_MAX, "OPTION_INTERFACE_ID"},
    {DHCP6_OPT_REMOTE_ID, IN_RELAY, VITAL, DHCP6_HAS_REMOTE_ID, &dhcp6_as_bytes, RELAY(remote_id), 4,
     UINT16_MAX, "OPTION_REMOTE_ID"},
    {DHCP6_OPT_CLIENT_LINKLAYER, IN_RELAY, VITAL, DHCP6_HAS_LINKLAYER, &dhcp6_as_bytes, RELAY(linklayer), 2,
     2 + DHCP6_LINKLAYER_MAX, "OPTION_CLIENT_LINKLAYER_ADDR"},
    {DHCP6_OPT_RELAY_MSG, IN_RELAY, VITAL, DHCP6_HAS_RELAY_MSG, &dhcp6_as_bytes, RELAY(message), 1,
     UINT16_MAX, "OPTION_RELAY_MSG"},
};

static const struct dhcp6_row *find_row(enum dhcp6_place kind, uint16_t code)
{
    for (const struct dhcp6_row *row = rows; row < rows + ARRAY_LEN(rows); row++) {
        if (row->code == code && row->place == kind)
            return row;
    }
    return NULL;
}

static struct dhcp6_others *others_of(enum dhcp6_place kind, void *place)
{
    if (kind == IN_MESSAGE)
        return &((struct dhcp6_message *)place)->others;
    return kind == IN_RELAY ? &((struct dhcp6_relay *)place)->others : NULL;
}

/* `has` is the first member of every place. */
static uint32_t *has_of(void *place)
{
    return place;
}

/* --- reading --- */

static void keep_other(enum dhcp6_place kind, void *place, uint16_t code, struct dhcp6_bytes data)
{
    struct dhcp6_others *others = others_of(kind, place);

    if (!others || others->n == DHCP6_OTHERS_MAX)
        return;
    others->option[others->n++] = (struct dhcp6_other){code, data};
    *has_of(place) |= DHCP6_HAS_OTHERS;
}

/* False: it spoils the message. */
static bool read_known(const struct dhcp6_row *row, enum dhcp6_place kind, void *place,
                       struct dhcp6_bytes data)
{
    struct reader r = reader_of(data.at, data.len);

    if (*has_of(place) & row->has && !(row->flags & REPEATS))
        return true;
    if (data.len >= row->min_len && data.len <= row->max_len && row->shape->read(&r, place, row) && !r.bad &&
        r.pos == r.len) {
        *has_of(place) |= row->has;
        return true;
    }
    if (kind == IN_MESSAGE)
        ((struct dhcp6_message *)place)->malformed++;
    return !(row->flags & VITAL);
}

bool dhcp6_read_options(struct reader *r, enum dhcp6_place kind, void *place)
{
    while (reader_left(r) > 0) {
        uint16_t code = reader_u16(r);
        uint16_t len = reader_u16(r);
        struct dhcp6_bytes data = {.at = reader_take(r, len), .len = len};
        if (r->bad)
            return false;
        const struct dhcp6_row *row = find_row(kind, code);
        if (!row)
            keep_other(kind, place, code, data);
        else if (!read_known(row, kind, place, data))
            return false;
    }
    return !r->bad;
}

static bool is_relay_type(uint8_t type)
{
    return type == DHCP6_RELAY_FORW || type == DHCP6_RELAY_REPL;
}

int dhcp6_read(const void *from, size_t len, struct dhcp6_message *ret)
{
    struct reader r = reader_of(from, len);

    memset(ret, 0, sizeof(*ret));
    ret->type = reader_u8(&r);
    ret->xid = (uint32_t)reader_u8(&r) << 16;
    ret->xid |= reader_u16(&r);
    if (r.bad || is_relay_type(ret->type) || !dhcp6_read_options(&r, IN_MESSAGE, ret))
        return -EBADMSG;
    return 0;
}

static int read_relay(struct dhcp6_bytes level, struct dhcp6_relay *ret)
{
    struct reader r = reader_of(level.at, level.len);

    *ret = (struct dhcp6_relay){.type = reader_u8(&r), .hop_count = reader_u8(&r)};
    ret->link = dhcp6_take_address(&r);
    ret->peer = dhcp6_take_address(&r);
    if (r.bad || !dhcp6_read_options(&r, IN_RELAY, ret) || !(ret->has & DHCP6_HAS_RELAY_MSG))
        return -EBADMSG;
    return 0;
}

int dhcp6_unwrap(const void *from, size_t len, struct dhcp6_relay relays[static DHCP6_RELAYS_MAX],
                 struct dhcp6_bytes *ret_message)
{
    if (len > UINT16_MAX)
        return -EBADMSG; /* no datagram is longer */
    struct dhcp6_bytes level = {.at = from, .len = (uint16_t)len};
    uint8_t type = dhcp6_type(from, len);
    int n = 0;

    while (is_relay_type(dhcp6_type(level.at, level.len))) {
        if (n == DHCP6_RELAYS_MAX || level.at[0] != type || read_relay(level, &relays[n]) < 0)
            return -EBADMSG;
        level = relays[n++].message;
    }
    *ret_message = level;
    return n;
}

/* --- writing --- */

/* Writes the code of an option and room for its length; returns where its data begin. */
static size_t open_option(struct writer *w, uint16_t code)
{
    writer_u16(w, code);
    writer_u16(w, 0);
    return w->pos;
}

static void close_option(struct writer *w, size_t begin)
{
    if (w->bad)
        return;
    if (w->pos - begin > UINT16_MAX)
        w->bad = true;
    else
        put_be16(w->base + begin - 2, (uint16_t)(w->pos - begin));
}

static void write_row(struct writer *w, const struct dhcp6_row *row, const void *place)
{
    unsigned count = row->shape->count ? row->shape->count(place) : 1;

    for (unsigned i = 0; i < count; i++) {
        size_t before = w->pos;
        size_t begin = open_option(w, row->code);
        if (row->shape->write(w, place, row, i))
            close_option(w, begin);
        else if (!w->bad)
            w->pos = before;
    }
}

static void write_others(struct writer *w, const struct dhcp6_others *others)
{
    for (unsigned i = 0; i < others->n; i++) {
        size_t begin = open_option(w, others->option[i].code);
        writer_put(w, others->option[i].data.at, others->option[i].data.len);
        close_option(w, begin);
    }
}

void dhcp6_write_options(struct writer *w, enum dhcp6_place kind, const void *place, uint32_t has)
{
    for (const struct dhcp6_row *row = rows; row < rows + ARRAY_LEN(rows); row++) {
        if (row->place == kind && has & row->has)
            write_row(w, row, place);
    }
    if (!(has & DHCP6_HAS_OTHERS))
        return;
    if (kind == IN_MESSAGE)
        write_others(w, &((const struct dhcp6_message *)place)->others);
    else if (kind == IN_RELAY)
        write_others(w, &((const struct dhcp6_relay *)place)->others);
}

int dhcp6_write(struct writer *w, const struct dhcp6_message *m)
{
    writer_u32(w, (uint32_t)m->type << 24 | (m->xid & DHCP6_XID_MASK));
    dhcp6_write_options(w, IN_MESSAGE, m, m->has);
    return w->bad ? -EMSGSIZE : 0;
}

int dhcp6_wrap(struct writer *w, const struct dhcp6_relay *relays, unsigned n, const void *message,
               size_t len)
{
    size_t begins[DHCP6_RELAYS_MAX];

    if (n > DHCP6_RELAYS_MAX) {
        w->bad = true;
        return -EMSGSIZE;
    }
    for (unsigned i = 0; i < n; i++) {
        writer_u8(w, relays[i].type);
        writer_u8(w, relays[i].hop_count);
        dhcp6_put_address(w, &relays[i].link);
        dhcp6_put_address(w, &relays[i].peer);
        dhcp6_write_options(w, IN_RELAY, &relays[i], relays[i].has & ~DHCP6_HAS_RELAY_MSG);
        begins[i] = open_option(w, DHCP6_OPT_RELAY_MSG);
    }
    writer_put(w, message, len);
    while (n-- > 0)
        close_option(w, begins[n]);
    return w->bad ? -EMSGSIZE : 0;
}

/* --- small questions --- */

const char *dhcp6_type_name(uint8_t type)
{
    static const char *const names[] = {
        [DHCP6_SOLICIT] = "SOLICIT",
        [DHCP6_ADVERTISE] = "ADVERTISE",
        [DHCP6_REQUEST] = "REQUEST",
        [DHCP6_CONFIRM] = "CONFIRM",
        [DHCP6_RENEW] = "RENEW",
        [DHCP6_REBIND] = "REBIND",
        [DHCP6_REPLY] = "REPLY",
        [DHCP6_RELEASE] = "RELEASE",
        [DHCP6_DECLINE] = "DECLINE",
        [DHCP6_RECONFIGURE] = "RECONFIGURE",
        [DHCP6_INFORMATION_REQUEST] = "INFORMATION-REQUEST",
        [DHCP6_RELAY_FORW] = "RELAY-FORW",
        [DHCP6_RELAY_REPL] = "RELAY-REPL",
        [DHCP6_ADDR_REG_INFORM] = "ADDR-REG-INFORM",
        [DHCP6_ADDR_REG_REPLY] = "ADDR-REG-REPLY",
    };

    return type < ARRAY_LEN(names) ? names[type] : NULL;
}

const char *dhcp6_option_name(uint16_t code)
{
    for (const struct dhcp6_row *row = rows; row < rows + ARRAY_LEN(rows); row++) {
        if (row->code == code)
            return row->name;
    }
    return NULL;
}

const struct dhcp6_ia *dhcp6_find_ia(const struct dhcp6_message *m, uint16_t code, uint32_t iaid)
{
    for (unsigned i = 0; i < m->n_ia; i++) {
        if (m->ia[i].code == code && m->ia[i].iaid == iaid)
            return &m->ia[i];
    }
    return NULL;
}

bool dhcp6_asks_for(const struct dhcp6_message *m, uint16_t code)
{
    for (unsigned i = 0; i < m->n_oro; i++) {
        if (m->oro[i] == code)
            return true;
    }
    return false;
}

bool dhcp6_bytes_equal(struct dhcp6_bytes a, struct dhcp6_bytes b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.at, b.at, a.len) == 0);
}
