/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reads a DHCPv4 message, writes it anew, reads that, and compares; for unit tests and fuzzers. */
#ifndef TEST_WIRE_DHCP4_ROUNDTRIP_H
#define TEST_WIRE_DHCP4_ROUNDTRIP_H

#include <string.h>

#include "wire/dhcp4.h"

enum dhcp4_roundtrip { DHCP4_UNREADABLE, DHCP4_NO_ROOM, DHCP4_DIFFERENT, DHCP4_SAME };

static inline bool dhcp4_same_header(const struct dhcp4_header *a, const struct dhcp4_header *b)
{
    return a->op == b->op && a->htype == b->htype && a->hlen == b->hlen && a->hops == b->hops &&
           a->xid == b->xid && a->secs == b->secs && a->broadcast == b->broadcast && a->ciaddr == b->ciaddr &&
           a->yiaddr == b->yiaddr && a->siaddr == b->siaddr && a->giaddr == b->giaddr &&
           memcmp(a->chaddr, b->chaddr, sizeof(a->chaddr)) == 0 &&
           memcmp(a->sname, b->sname, sizeof(a->sname)) == 0 &&
           memcmp(a->file, b->file, sizeof(a->file)) == 0;
}

/* All options but OVERLOAD, which says how they are laid out. */
static inline bool dhcp4_same_options(const struct dhcp4_message *a, const struct dhcp4_message *b)
{
    for (unsigned code = 1; code < DHCP4_END; code++) {
        if (code == DHCP4_OVERLOAD)
            continue;
        if ((a->at[code] == 0) != (b->at[code] == 0) || a->len[code] != b->len[code])
            return false;
        if (a->at[code] != 0 &&
            memcmp(a->values + a->at[code] - 1, b->values + b->at[code] - 1, a->len[code]) != 0)
            return false;
    }
    return true;
}

/* Writes what was read; its length, or -EMSGSIZE. */
static inline int dhcp4_write_again(const struct dhcp4_message *m, uint8_t *buffer, size_t size)
{
    enum { RELAY = DHCP4_RELAY_INFORMATION };
    struct dhcp4_layout layout = {.overload = true};
    struct dhcp4_writer dw;

    if (m->at[RELAY] != 0 && m->len[RELAY] <= 255) {
        layout.relay = m->values + m->at[RELAY] - 1;
        layout.relay_len = m->len[RELAY];
    }
    dhcp4_begin(&dw, buffer, size, &m->header, &layout);
    for (unsigned code = 1; code < DHCP4_END; code++) {
        if (m->at[code] != 0 && code != DHCP4_OVERLOAD && !(code == RELAY && layout.relay))
            dhcp4_put(&dw, (uint8_t)code, m->values + m->at[code] - 1, m->len[code]);
    }
    return dhcp4_end(&dw);
}

static inline enum dhcp4_roundtrip dhcp4_roundtrip(const uint8_t *bytes, size_t len)
{
    struct dhcp4_message m, back;
    uint8_t buffer[DHCP4_MESSAGE_MAX];

    if (dhcp4_read(bytes, len, &m) < 0)
        return DHCP4_UNREADABLE;
    int written = dhcp4_write_again(&m, buffer, sizeof(buffer));
    if (written < 0)
        return DHCP4_NO_ROOM;
    if (dhcp4_read(buffer, (size_t)written, &back) < 0 || !dhcp4_same_header(&m.header, &back.header) ||
        m.type != back.type || !dhcp4_same_options(&m, &back))
        return DHCP4_DIFFERENT;
    return DHCP4_SAME;
}

/* Replaces an option of `from` by other bytes in a message that has nothing else; false: it cannot be read. */
static inline bool dhcp4_one_option(uint8_t code, const struct writer *value, struct dhcp4_message *ret)
{
    static const struct dhcp4_header header = {.op = DHCP4_BOOTREPLY};
    uint8_t buffer[DHCP4_MESSAGE_MAX];
    struct dhcp4_writer dw;

    dhcp4_begin(&dw, buffer, sizeof(buffer), &header, NULL);
    dhcp4_put(&dw, code, value->base, value->pos);
    int len = dhcp4_end(&dw);
    return len > 0 && !value->bad && dhcp4_read(buffer, (size_t)len, ret) == 0;
}

/* Values with a structure: what is read of them, written and read again, is the same. */
static inline bool dhcp4_values_survive(const struct dhcp4_message *m)
{
    enum { MAX = 64 };
    uint8_t bytes[DHCP4_MESSAGE_MAX], names[MAX][DNAME_MAX], names_back[MAX][DNAME_MAX];
    struct dhcp4_route routes[MAX], routes_back[MAX];
    struct dhcp4_fqdn fqdn, fqdn_back;
    struct dhcp4_message back;

    size_t n = dhcp4_classless_routes(m, routes, MAX);
    struct writer w = writer_of(bytes, sizeof(bytes) / 2);
    dhcp4_write_routes(&w, routes, n);
    if (n > 0 && (!dhcp4_one_option(DHCP4_CLASSLESS_ROUTES, &w, &back) ||
                  dhcp4_classless_routes(&back, routes_back, MAX) != n))
        return false;
    for (size_t i = 0; i < n; i++) {
        if (routes[i].dest != routes_back[i].dest || routes[i].bits != routes_back[i].bits ||
            routes[i].gateway != routes_back[i].gateway)
            return false;
    }

    n = dhcp4_domains(m, names, MAX);
    w = writer_of(bytes, sizeof(bytes) - 300);
    dhcp4_write_domains(&w, (const uint8_t(*)[DNAME_MAX])names, n);
    if (n > 0 && !w.bad) { /* names compressed by wilder means may need more room than there is */
        if (!dhcp4_one_option(DHCP4_DOMAIN_SEARCH, &w, &back) || dhcp4_domains(&back, names_back, MAX) != n)
            return false;
        for (size_t i = 0; i < n; i++) {
            if (!dname_equal(names[i], dname_len(names[i]), names_back[i], dname_len(names_back[i])))
                return false;
        }
    }

    if (!dhcp4_fqdn(m, &fqdn))
        return true;
    w = writer_of(bytes, sizeof(bytes));
    dhcp4_write_fqdn(&w, &fqdn);
    return dhcp4_one_option(DHCP4_FQDN, &w, &back) && dhcp4_fqdn(&back, &fqdn_back) &&
           fqdn.server_updates == fqdn_back.server_updates && fqdn.overridden == fqdn_back.overridden &&
           fqdn.wire == fqdn_back.wire && fqdn.no_updates == fqdn_back.no_updates &&
           fqdn.rcode1 == fqdn_back.rcode1 && fqdn.rcode2 == fqdn_back.rcode2 &&
           fqdn.complete == fqdn_back.complete && dname_len(fqdn.name) == dname_len(fqdn_back.name) &&
           memcmp(fqdn.name, fqdn_back.name, dname_len(fqdn.name)) == 0;
}

#endif
