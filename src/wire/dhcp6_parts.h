/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the two files of the DHCPv6 codec share, and nobody else includes: the rows of the table of options
 * (dhcp6.c) and the shapes that their data have (dhcp6_option.c).
 */
#ifndef WIRE_DHCP6_PARTS_H
#define WIRE_DHCP6_PARTS_H

#include "wire/dhcp6.h"

/* Where an option stands. */
enum dhcp6_place {
    DHCP6_IN_MESSAGE,
    DHCP6_IN_IA,
    DHCP6_IN_LEASE,
    DHCP6_IN_RELAY,
};

enum {
    DHCP6_VITAL = 1,   /* malformed: so is the message */
    DHCP6_REPEATS = 2, /* several of them may stand side by side */
};

struct dhcp6_row;

/* How the data of an option become a member, and back. `place` is the struct that the row's place stands
 * for. */
struct dhcp6_shape {
    /* All of data is to be read; what is left over is malformed too. */
    bool (*read)(struct reader *data, void *place, const struct dhcp6_row *row);
    /* Writes the data of the i-th; false: there is no i-th of this code, and nothing was written. */
    bool (*write)(struct writer *w, const void *place, const struct dhcp6_row *row, unsigned i);
    unsigned (*count)(const void *place); /* NULL: one */
};

struct dhcp6_row {
    uint16_t code;
    uint8_t place, flags;
    uint32_t has;
    const struct dhcp6_shape *shape;
    size_t offset; /* of the member, for shapes that know no more of it */
    uint16_t min_len, max_len;
    const char *name;
};

extern const struct dhcp6_shape dhcp6_as_flag, dhcp6_as_u8, dhcp6_as_u16, dhcp6_as_u32, dhcp6_as_bytes,
    dhcp6_as_status, dhcp6_as_oro, dhcp6_as_dns, dhcp6_as_domains, dhcp6_as_fqdn, dhcp6_as_ntp, dhcp6_as_dnr,
    dhcp6_as_address, dhcp6_as_lease, dhcp6_as_ia;

/* The options of a place; false: what was read spoils the message. */
bool dhcp6_read_options(struct reader *r, enum dhcp6_place kind, void *place);
/* Those of `has` that belong to that place. */
void dhcp6_write_options(struct writer *w, enum dhcp6_place kind, const void *place, uint32_t has);

struct ipaddr dhcp6_take_address(struct reader *data);
void dhcp6_put_address(struct writer *w, const struct ipaddr *addr);

#endif
