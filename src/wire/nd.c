/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The messages of neighbour discovery (RFC 4861 s4.1..s4.4): a fixed part, which differs by type, and options
 * (nd_option.c).
 *
 * Who believes a message has asked three times: the checksum (the stack does, or nd_checksum()), the form, in
 * nd_read(), and where it came from, in nd_is_valid(). What is wrong with the frame of the options, a length of 0 or
 * one beyond the end, makes the whole message invalid in nd_read(), so whoever walks them later needs no care.
 *
 * Reserved fields and flags are written as 0 and read as if they were (RFC 4861 s4).
 */
#include "wire/ip6.h"
#include "wire/nd_parts.h"

#include <errno.h>

enum { CHECKSUM_AT = 2 };

const struct ipaddr nd_all_nodes = {{0xff, 0x02, [15] = 1}};
const struct ipaddr nd_all_routers = {{0xff, 0x02, [15] = 2}};

/* --- addresses --- */

bool nd_is_unspecified(const struct ipaddr *a)
{
    return ipaddr_equal(a, &(struct ipaddr){{0}});
}

bool nd_is_multicast(const struct ipaddr *a)
{
    return a->b[0] == 0xff;
}

bool nd_is_link_local(const struct ipaddr *a)
{
    return a->b[0] == 0xfe && (a->b[1] & 0xc0) == 0x80;
}

struct ipaddr nd_solicited_node(const struct ipaddr *target)
{
    struct ipaddr group = {{0xff, 0x02, [11] = 1, [12] = 0xff}};

    memcpy(group.b + 13, target->b + 13, 3);
    return group;
}

/* --- messages --- */

static void read_router(struct reader *r, struct nd_router *ret)
{
    ret->hop_limit = reader_u8(r);
    uint8_t flags = reader_u8(r);
    ret->lifetime_s = reader_u16(r);
    ret->reachable_ms = reader_u32(r);
    ret->retrans_ms = reader_u32(r);
    ret->flags = flags & ND_RA_FLAGS;
    /* Of no meaning without a lifetime (RFC 4191 s2.2). */
    ret->preference = ret->lifetime_s > 0 ? preference_of(preference_bits(flags)) : ND_MEDIUM;
}

static void write_router(struct writer *w, const struct nd_router *router)
{
    uint8_t preference = router->lifetime_s > 0 ? preference_byte(router->preference) : 0;

    writer_u8(w, router->hop_limit);
    writer_u8(w, (uint8_t)((router->flags & ND_RA_FLAGS) | preference));
    writer_u16(w, router->lifetime_s);
    writer_u32(w, router->reachable_ms);
    writer_u32(w, router->retrans_ms);
}

static void read_neighbor(struct reader *r, uint8_t flags_mask, struct nd_neighbor *ret)
{
    ret->flags = (uint8_t)(reader_u32(r) >> 24) & flags_mask;
    ret->target = read_addr(r, sizeof(ret->target));
}

static void write_neighbor(struct writer *w, uint8_t flags_mask, const struct nd_neighbor *neighbor)
{
    writer_u32(w, (uint32_t)(neighbor->flags & flags_mask) << 24);
    writer_put(w, &neighbor->target, sizeof(neighbor->target));
}

static bool read_fixed_part(struct reader *r, struct nd_message *ret)
{
    switch (ret->type) {
    case ND_ROUTER_SOLICIT:
        reader_u32(r);
        return true;
    case ND_ROUTER_ADVERT:
        read_router(r, &ret->router);
        return true;
    case ND_NEIGHBOR_SOLICIT:
        read_neighbor(r, 0, &ret->neighbor);
        return true;
    case ND_NEIGHBOR_ADVERT:
        read_neighbor(r, ND_NA_FLAGS, &ret->neighbor);
        return true;
    }
    return false;
}

int nd_read(const uint8_t *bytes, size_t len, struct nd_message *ret)
{
    struct reader r = reader_of(bytes, len), body;
    struct nd_message msg = {.type = reader_u8(&r)};
    uint8_t code = reader_u8(&r), type;

    reader_u16(&r); /* the checksum: nd_checksum() */
    if (!read_fixed_part(&r, &msg) || code != 0)
        return -EBADMSG;
    size_t options_len = reader_left(&r);
    msg.options = reader_of(reader_take(&r, options_len), options_len);
    struct reader walk = msg.options;
    while (nd_next_body(&walk, &type, &body))
        continue;
    if (r.bad || walk.bad)
        return -EBADMSG;
    *ret = msg;
    return 0;
}

void nd_write(struct writer *w, const struct nd_message *msg)
{
    writer_u8(w, (uint8_t)msg->type);
    writer_u8(w, 0);
    writer_u16(w, 0);
    switch (msg->type) {
    case ND_ROUTER_SOLICIT:
        writer_u32(w, 0);
        break;
    case ND_ROUTER_ADVERT:
        write_router(w, &msg->router);
        break;
    case ND_NEIGHBOR_SOLICIT:
        write_neighbor(w, 0, &msg->neighbor);
        break;
    case ND_NEIGHBOR_ADVERT:
        write_neighbor(w, ND_NA_FLAGS, &msg->neighbor);
        break;
    }
}

/* There is an option for the sender's MAC address, be it right in itself or not. */
static bool has_source_mac(struct reader options)
{
    struct reader body;
    uint8_t type;

    while (nd_next_body(&options, &type, &body)) {
        if (type == ND_SOURCE_MAC)
            return true;
    }
    return false;
}

/* A solicitation from :: tries an address (RFC 4862 s5.4.2): it goes to that address's group. */
static bool is_to_group_of(const struct ipaddr *target, const struct ipaddr *to)
{
    struct ipaddr group = nd_solicited_node(target);

    return !to || ipaddr_equal(to, &group);
}

bool nd_is_valid(const struct nd_message *msg, const struct ipaddr *from, const struct ipaddr *to,
                 uint8_t hop_limit)
{
    bool nobody = nd_is_unspecified(from);

    if (hop_limit != ND_HOP_LIMIT || nd_is_multicast(from))
        return false;
    switch (msg->type) {
    case ND_ROUTER_SOLICIT:
        return !nobody || !has_source_mac(msg->options);
    case ND_ROUTER_ADVERT:
        return nd_is_link_local(from);
    case ND_NEIGHBOR_SOLICIT:
        return !nd_is_multicast(&msg->neighbor.target) &&
               (!nobody || (is_to_group_of(&msg->neighbor.target, to) && !has_source_mac(msg->options)));
    case ND_NEIGHBOR_ADVERT:
        return !nobody && !nd_is_multicast(&msg->neighbor.target) &&
               !(to && nd_is_multicast(to) && msg->neighbor.flags & ND_NA_SOLICITED);
    }
    return false;
}

/* --- the checksum --- */

uint16_t nd_checksum(const struct ipaddr *from, const struct ipaddr *to, const uint8_t *bytes, size_t len)
{
    return ip6_checksum(from, to, IP6_ICMP, bytes, len);
}

void nd_set_checksum(const struct ipaddr *from, const struct ipaddr *to, uint8_t *bytes, size_t len)
{
    put_be16(bytes + CHECKSUM_AT, 0);
    put_be16(bytes + CHECKSUM_AT, nd_checksum(from, to, bytes, len));
}
