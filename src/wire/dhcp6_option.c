/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The shapes of DHCPv6 options: how the data of an option (RFC 9915 s21 and others) become a member of a
 * struct, and back.
 *
 * A shape reads all of the data that it is given, whose length the table has checked against the bounds of
 * the row, and leaves the cursor bad or short of the end if they are malformed. A list that turns out
 * malformed leaves nothing behind. Counts are bounded by the arrays of the structs: what is more is read and
 * left out.
 *
 * IAs and leases have options in them, so their shapes call the walk over options again, of a place further
 * in. The rows allow a lease in an IA and an IA in a message, nothing else: that is how deep it ever goes.
 *
 * Names are read uncompressed (s10): dname_read would follow a pointer, but such a name is longer or shorter
 * than the bytes it takes, never as long, and that tells.
 */
#include "wire/dhcp6_parts.h"

static void *member(void *place, const struct dhcp6_row *row)
{
    return (uint8_t *)place + row->offset;
}

static const void *const_member(const void *place, const struct dhcp6_row *row)
{
    return (const uint8_t *)place + row->offset;
}

/* --- numbers and bytes --- */

static bool read_flag(struct reader *data, void *place, const struct dhcp6_row *row)
{
    (void)data, (void)place, (void)row;
    return true;
}

static bool write_flag(struct writer *w, const void *place, const struct dhcp6_row *row, unsigned i)
{
    (void)w, (void)place, (void)row, (void)i;
    return true;
}

static bool read_u8(struct reader *data, void *place, const struct dhcp6_row *row)
{
    *(uint8_t *)member(place, row) = reader_u8(data);
    return true;
}

static bool write_u8(struct writer *w, const void *place, const struct dhcp6_row *row, unsigned i)
{
    (void)i;
    writer_u8(w, *(const uint8_t *)const_member(place, row));
    return true;
}

static bool read_u16(struct reader *data, void *place, const struct dhcp6_row *row)
{
    *(uint16_t *)member(place, row) = reader_u16(data);
    return true;
}

static bool write_u16(struct writer *w, const void *place, const struct dhcp6_row *row, unsigned i)
{
    (void)i;
    writer_u16(w, *(const uint16_t *)const_member(place, row));
    return true;
}

static bool read_u32(struct reader *data, void *place, const struct dhcp6_row *row)
{
    *(uint32_t *)member(place, row) = reader_u32(data);
    return true;
}

static bool write_u32(struct writer *w, const void *place, const struct dhcp6_row *row, unsigned i)
{
    (void)i;
    writer_u32(w, *(const uint32_t *)const_member(place, row));
    return true;
}

/* What is left of an option, which is never more than 65535 bytes. */
static struct dhcp6_bytes take_rest(struct reader *data)
{
    size_t len = reader_left(data);

    return (struct dhcp6_bytes){.at = reader_take(data, len), .len = (uint16_t)len};
}

static bool read_bytes(struct reader *data, void *place, const struct dhcp6_row *row)
{
    *(struct dhcp6_bytes *)member(place, row) = take_rest(data);
    return true;
}

static bool write_bytes(struct writer *w, const void *place, const struct dhcp6_row *row, unsigned i)
{
    const struct dhcp6_bytes *bytes = const_member(place, row);

    (void)i;
    writer_put(w, bytes->at, bytes->len);
    return true;
}

static bool read_status(struct reader *data, void *place, const struct dhcp6_row *row)
{
    struct dhcp6_status *status = member(place, row);

    status->code = reader_u16(data);
    status->text = take_rest(data);
    return true;
}

static bool write_status(struct writer *w, const void *place, const struct dhcp6_row *row, unsigned i)
{
    const struct dhcp6_status *status = const_member(place, row);

    (void)i;
    writer_u16(w, status->code);
    writer_put(w, status->text.at, status->text.len);
    return true;
}

struct ipaddr dhcp6_take_address(struct reader *data)
{
    struct ipaddr addr = {0};
    const uint8_t *at = reader_take(data, sizeof(addr.b));

    if (at)
        memcpy(addr.b, at, sizeof(addr.b));
    return addr;
}

void dhcp6_put_address(struct writer *w, const struct ipaddr *addr)
{
    writer_put(w, addr->b, sizeof(addr->b));
}

const struct dhcp6_shape dhcp6_as_flag = {read_flag, write_flag, NULL};
const struct dhcp6_shape dhcp6_as_u8 = {read_u8, write_u8, NULL};
const struct dhcp6_shape dhcp6_as_u16 = {read_u16, write_u16, NULL};
const struct dhcp6_shape dhcp6_as_u32 = {read_u32, write_u32, NULL};
const struct dhcp6_shape dhcp6_as_bytes = {read_bytes, write_bytes, NULL};
const struct dhcp6_shape dhcp6_as_status = {read_status, write_status, NULL};

/* --- lists --- */

static bool read_oro(struct reader *data, void *place, const struct dhcp6_row *row)
{
    struct dhcp6_message *m = place;

    (void)row;
    while (reader_left(data) > 0) {
        uint16_t code = reader_u16(data);
        if (m->n_oro < DHCP6_ORO_MAX)
            m->oro[m->n_oro++] = code;
    }
    return true;
}

static bool write_oro(struct writer *w, const void *place, const struct dhcp6_row *row, unsigned i)
{
    const struct dhcp6_message *m = place;

    (void)row, (void)i;
    for (unsigned k = 0; k < m->n_oro; k++)
        writer_u16(w, m->oro[k]);
    return true;
}

static bool read_dns(struct reader *data, void *place, const struct dhcp6_row *row)
{
    struct dhcp6_message *m = place;

    (void)row;
    while (reader_left(data) > 0) {
        struct ipaddr addr = dhcp6_take_address(data);
        if (m->n_dns < DHCP6_SERVERS_MAX)
            m->dns[m->n_dns++] = addr;
    }
    if (data->bad)
        m->n_dns = 0;
    return true;
}

static bool write_dns(struct writer *w, const void *place, const struct dhcp6_row *row, unsigned i)
{
    const struct dhcp6_message *m = place;

    (void)row, (void)i;
    for (unsigned k = 0; k < m->n_dns; k++)
        dhcp6_put_address(w, &m->dns[k]);
    return true;
}

/* A name that takes as many bytes as it has; sets data->bad otherwise. */
static void take_name(struct reader *data, uint8_t name[static DNAME_MAX])
{
    size_t begin = data->pos;
    size_t len = dname_read(data, name);

    if (len == 0 || data->pos - begin != len)
        data->bad = true;
}

static void put_name(struct writer *w, const uint8_t *name)
{
    writer_put(w, name, dname_len(name));
}

static bool read_domains(struct reader *data, void *place, const struct dhcp6_row *row)
{
    struct dhcp6_message *m = place;

    (void)row;
    while (reader_left(data) > 0) {
        uint8_t name[DNAME_MAX];
        take_name(data, name);
        if (!data->bad && m->n_domains < DHCP6_DOMAINS_MAX)
            memcpy(m->domains[m->n_domains++], name, dname_len(name));
    }
    if (data->bad)
        m->n_domains = 0;
    return true;
}

static bool write_domains(struct writer *w, const void *place, const struct dhcp6_row *row, unsigned i)
{
    const struct dhcp6_message *m = place;

    (void)row, (void)i;
    for (unsigned k = 0; k < m->n_domains; k++)
        put_name(w, m->domains[k]);
    return true;
}

const struct dhcp6_shape dhcp6_as_oro = {read_oro, write_oro, NULL};
const struct dhcp6_shape dhcp6_as_dns = {read_dns, write_dns, NULL};
const struct dhcp6_shape dhcp6_as_domains = {read_domains, write_domains, NULL};

/* --- names of their own kind --- */

/* A name that may lack its root label (RFC 4704 s4.2). */
static bool read_fqdn(struct reader *data, void *place, const struct dhcp6_row *row)
{
    struct dhcp6_fqdn *fqdn = member(place, row);
    struct writer w = writer_of(fqdn->name, sizeof(fqdn->name));
    uint8_t label_len = UINT8_MAX;

    fqdn->flags = reader_u8(data);
    while (reader_left(data) > 0 && label_len != 0) {
        label_len = reader_u8(data);
        if (label_len > DNAME_LABEL_MAX)
            return false;
        const uint8_t *label = reader_take(data, label_len);
        writer_u8(&w, label_len);
        if (label)
            writer_put(&w, label, label_len);
    }
    fqdn->partial = label_len != 0;
    if (fqdn->partial)
        writer_u8(&w, 0);
    return !w.bad;
}

static bool write_fqdn(struct writer *w, const void *place, const struct dhcp6_row *row, unsigned i)
{
    const struct dhcp6_fqdn *fqdn = const_member(place, row);

    (void)i;
    writer_u8(w, fqdn->flags);
    writer_put(w, fqdn->name, dname_len(fqdn->name) - (fqdn->partial ? 1 : 0));
    return true;
}

/* One time source (RFC 5908 s4); a suboption of another kind says nothing to us. */
static bool read_time_source(struct reader *data, struct dhcp6_ntp *ret)
{
    *ret = (struct dhcp6_ntp){.kind = reader_u16(data)};
    uint16_t len = reader_u16(data);
    const uint8_t *at = reader_take(data, len);

    if (!at)
        return false;
    struct reader payload = reader_of(at, len);
    if (ret->kind == DHCP6_NTP_ADDR || ret->kind == DHCP6_NTP_MULTICAST)
        ret->addr = dhcp6_take_address(&payload);
    else if (ret->kind == DHCP6_NTP_NAME)
        take_name(&payload, ret->name);
    else
        payload.pos = payload.len;
    return !payload.bad && payload.pos == payload.len;
}

static bool read_ntp(struct reader *data, void *place, const struct dhcp6_row *row)
{
    struct dhcp6_message *m = place;
    unsigned n_before = m->n_ntp;

    (void)row;
    while (reader_left(data) > 0) {
        struct dhcp6_ntp ntp;
        if (!read_time_source(data, &ntp)) {
            m->n_ntp = n_before;
            return false;
        }
        if (ntp.kind >= DHCP6_NTP_ADDR && ntp.kind <= DHCP6_NTP_NAME && m->n_ntp < DHCP6_NTP_MAX)
            m->ntp[m->n_ntp++] = ntp;
    }
    return true;
}

static bool write_ntp(struct writer *w, const void *place, const struct dhcp6_row *row, unsigned i)
{
    const struct dhcp6_ntp *ntp = &((const struct dhcp6_message *)place)->ntp[i];
    bool is_name = ntp->kind == DHCP6_NTP_NAME;

    (void)row;
    writer_u16(w, ntp->kind);
    writer_u16(w, is_name ? (uint16_t)dname_len(ntp->name) : (uint16_t)sizeof(ntp->addr.b));
    if (is_name)
        put_name(w, ntp->name);
    else
        dhcp6_put_address(w, &ntp->addr);
    return true;
}

static unsigned count_ntp(const void *place)
{
    return ((const struct dhcp6_message *)place)->n_ntp;
}

/* RFC 9463 s4.1. It ends behind the name in the mode that has a name alone. */
static bool read_resolver(struct reader *data, struct dhcp6_dnr *ret)
{
    *ret = (struct dhcp6_dnr){.priority = reader_u16(data)};
    uint16_t adn_len = reader_u16(data);
    size_t adn_end = data->pos + adn_len;

    take_name(data, ret->adn);
    if (data->bad || data->pos != adn_end)
        return false;
    if (reader_left(data) == 0)
        return true;
    uint16_t addrs_len = reader_u16(data);
    if (addrs_len % sizeof(ret->addrs[0].b) != 0)
        return false;
    for (unsigned n = addrs_len / sizeof(ret->addrs[0].b); n > 0; n--) {
        struct ipaddr addr = dhcp6_take_address(data);
        if (ret->n_addrs < DHCP6_DNR_ADDRS)
            ret->addrs[ret->n_addrs++] = addr;
    }
    ret->params = take_rest(data);
    return true;
}

static bool read_dnr(struct reader *data, void *place, const struct dhcp6_row *row)
{
    struct dhcp6_message *m = place;
    struct dhcp6_dnr dnr;

    (void)row;
    if (!read_resolver(data, &dnr) || data->bad)
        return false;
    if (m->n_dnr < DHCP6_DNR_MAX)
        m->dnr[m->n_dnr++] = dnr;
    return true;
}

static bool write_dnr(struct writer *w, const void *place, const struct dhcp6_row *row, unsigned i)
{
    const struct dhcp6_dnr *dnr = &((const struct dhcp6_message *)place)->dnr[i];

    (void)row;
    writer_u16(w, dnr->priority);
    writer_u16(w, (uint16_t)dname_len(dnr->adn));
    put_name(w, dnr->adn);
    if (dnr->n_addrs == 0 && dnr->params.len == 0)
        return true;
    writer_u16(w, (uint16_t)(dnr->n_addrs * sizeof(dnr->addrs[0].b)));
    for (unsigned k = 0; k < dnr->n_addrs; k++)
        dhcp6_put_address(w, &dnr->addrs[k]);
    writer_put(w, dnr->params.at, dnr->params.len);
    return true;
}

static unsigned count_dnr(const void *place)
{
    return ((const struct dhcp6_message *)place)->n_dnr;
}

const struct dhcp6_shape dhcp6_as_fqdn = {read_fqdn, write_fqdn, NULL};
const struct dhcp6_shape dhcp6_as_ntp = {read_ntp, write_ntp, count_ntp};
const struct dhcp6_shape dhcp6_as_dnr = {read_dnr, write_dnr, count_dnr};

/* --- IAs and leases --- */

/* The fields of IAADDR and IAPREFIX and the options in it. */
static bool read_lease_fields(struct reader *data, uint16_t code, struct dhcp6_lease *ret)
{
    *ret = (struct dhcp6_lease){.prefix_len = 128};
    if (code == DHCP6_OPT_IAADDR)
        ret->addr = dhcp6_take_address(data);
    ret->preferred_s = reader_u32(data);
    ret->valid_s = reader_u32(data);
    if (code == DHCP6_OPT_IAPREFIX) {
        ret->prefix_len = reader_u8(data);
        ret->addr = dhcp6_take_address(data);
    }
    return !data->bad && ret->prefix_len <= 128 && dhcp6_read_options(data, DHCP6_IN_LEASE, ret);
}

static void write_lease_fields(struct writer *w, uint16_t code, const struct dhcp6_lease *lease)
{
    if (code == DHCP6_OPT_IAADDR)
        dhcp6_put_address(w, &lease->addr);
    writer_u32(w, lease->preferred_s);
    writer_u32(w, lease->valid_s);
    if (code == DHCP6_OPT_IAPREFIX) {
        writer_u8(w, lease->prefix_len);
        dhcp6_put_address(w, &lease->addr);
    }
    dhcp6_write_options(w, DHCP6_IN_LEASE, lease, lease->has);
}

/* The address of a message itself. */
static bool read_address(struct reader *data, void *place, const struct dhcp6_row *row)
{
    return read_lease_fields(data, row->code, member(place, row));
}

static bool write_address(struct writer *w, const void *place, const struct dhcp6_row *row, unsigned i)
{
    (void)i;
    write_lease_fields(w, row->code, const_member(place, row));
    return true;
}

/* Which kind of lease belongs into an IA. */
static uint16_t lease_code(const struct dhcp6_ia *ia)
{
    return ia->code == DHCP6_OPT_IA_PD ? DHCP6_OPT_IAPREFIX : DHCP6_OPT_IAADDR;
}

static bool read_lease(struct reader *data, void *place, const struct dhcp6_row *row)
{
    struct dhcp6_ia *ia = place;
    struct dhcp6_lease lease;

    if (!read_lease_fields(data, row->code, &lease))
        return false;
    if (row->code == lease_code(ia) && ia->n_leases < DHCP6_LEASES_MAX)
        ia->leases[ia->n_leases++] = lease;
    return true;
}

static bool write_lease(struct writer *w, const void *place, const struct dhcp6_row *row, unsigned i)
{
    const struct dhcp6_ia *ia = place;

    if (row->code != lease_code(ia))
        return false;
    write_lease_fields(w, row->code, &ia->leases[i]);
    return true;
}

static unsigned count_leases(const void *place)
{
    return ((const struct dhcp6_ia *)place)->n_leases;
}

static bool read_ia(struct reader *data, void *place, const struct dhcp6_row *row)
{
    struct dhcp6_message *m = place;
    struct dhcp6_ia ia = {.code = row->code};

    ia.iaid = reader_u32(data);
    ia.t1_s = reader_u32(data);
    ia.t2_s = reader_u32(data);
    if (data->bad || !dhcp6_read_options(data, DHCP6_IN_IA, &ia))
        return false;
    if (m->n_ia < DHCP6_IAS_MAX)
        m->ia[m->n_ia++] = ia;
    return true;
}

static bool write_ia(struct writer *w, const void *place, const struct dhcp6_row *row, unsigned i)
{
    const struct dhcp6_ia *ia = &((const struct dhcp6_message *)place)->ia[i];

    if (row->code != ia->code)
        return false;
    writer_u32(w, ia->iaid);
    writer_u32(w, ia->t1_s);
    writer_u32(w, ia->t2_s);
    dhcp6_write_options(w, DHCP6_IN_IA, ia, ia->has);
    return true;
}

static unsigned count_ias(const void *place)
{
    return ((const struct dhcp6_message *)place)->n_ia;
}

const struct dhcp6_shape dhcp6_as_address = {read_address, write_address, NULL};
const struct dhcp6_shape dhcp6_as_lease = {read_lease, write_lease, count_leases};
const struct dhcp6_shape dhcp6_as_ia = {read_ia, write_ia, count_ias};
