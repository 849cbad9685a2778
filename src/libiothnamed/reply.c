/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * RRsets of a store into the reply. Nearly always the name asked for is that of the question, which begins at
 * ZONE_OWNER_AT of the message in full; then an RRset is copied as it lies in the store, in two pieces, since
 * each reply begins with another record: the id of the question, which clients draw at random, says with which.
 * If the owner is not the whole name of the question (SOA of a "no", delegation) or names stand behind the label
 * of a wildcard, all pointers move by the same number of bytes.
 *
 * Once an alias was followed the name stands in the data of that alias, maybe compressed. Owners point there; records
 * with names in their data, which would point into the name, go through the writer, one by one.
 *
 * Addresses of hosts (additional section) point to the names of the hosts, which stand in the records before
 * them.
 */
#include "libiothnamed/reply.h"

enum {
    POINTER_TAG = 0xc000,
    POINTER_MAX = 0x3fff,
};

/* The record that comes first this time. */
static unsigned rotation(const struct query *q, unsigned count)
{
    return count > 1 ? q->msg.header.id * count >> 16 : 0;
}

static void move_pointer(uint8_t *at, size_t by)
{
    put_be16(at, (uint16_t)(get_be16(at) + by));
}

/* Moves the pointer at the end of a name, if there is one. Returns what is behind it. */
static uint8_t *move_name(uint8_t *at, size_t by)
{
    while (*at > 0 && *at <= DNAME_LABEL_MAX)
        at += *at + 1;
    if (*at == 0)
        return at + 1;
    move_pointer(at, by);
    return at + 2;
}

static void move_names(uint8_t *rdata, const char *shape, size_t by)
{
    for (; *shape; shape++)
        rdata = *shape == 'N' ? move_name(rdata, by) : rdata + (*shape - '0');
}

/* In copied records: the owner's pointer by owner_by bytes, those in the data by names_by. */
static void move_pointers(uint8_t *records, const struct zone_rrset *set, size_t owner_by, size_t names_by)
{
    bool names = set->flags & ZONE_RRSET_NAMES && names_by > 0;
    const char *shape = names ? rrtype_by_code(set->type)->shape : "";

    for (size_t at = 0; at < set->size; at += ZONE_RR_HEAD + (size_t)get_be16(records + at + 10)) {
        move_pointer(records + at, owner_by);
        move_names(records + at + ZONE_RR_HEAD, shape, names_by);
    }
}

/* Owners of copied records that point to the name that was asked for. */
static void point_owners(uint8_t *records, size_t size, size_t to)
{
    for (size_t at = 0; at < size; at += ZONE_RR_HEAD + (size_t)get_be16(records + at + 10))
        put_be16(records + at, (uint16_t)(POINTER_TAG | to));
}

/* Copies the records, from another one on each time. NULL: they do not fit. */
static uint8_t *copy_records(struct query *q, enum dns_section section, const struct zone_rrset *set)
{
    uint8_t *out = dns_reserve_records(&q->reply, section, set->count, set->size);
    size_t first = zone_record_at(set, rotation(q, set->count)), tail = set->size - first;

    if (out) {
        memcpy(out, set->records + first, tail);
        memcpy(out + tail, set->records, first);
    }
    return out;
}

static void copy_rrset(struct query *q, enum dns_section section, const struct zone_node *node,
                       const struct zone_rrset *set, enum reply_owner owner)
{
    uint8_t *out = copy_records(q, section, set);
    size_t by = (size_t)q->name_len - node->name_len;

    if (!out)
        q->truncated = true;
    else if (q->name_at != ZONE_OWNER_AT)
        point_owners(out, set->size, q->name_at);
    else if (by > 0 && (owner == REPLY_NODE || set->flags & ZONE_RRSET_NAMES))
        move_pointers(out, set, owner == REPLY_NODE ? by : 0, by);
}

/* See the head: whether copied pointers can be made right. */
static bool can_copy(const struct query *q, const struct zone_rrset *set, enum reply_owner owner)
{
    if (q->name_at == ZONE_OWNER_AT)
        return true;
    return q->name_at && owner == REPLY_ASKED && !(set->flags & ZONE_RRSET_NAMES);
}

static void write_rrset(struct query *q, enum dns_section section, const struct zone_node *node,
                        const struct zone_rrset *set, enum reply_owner owner)
{
    const uint8_t *name = owner == REPLY_ASKED ? q->spelled : q->spelled + q->name_len - node->name_len;
    size_t at = zone_record_at(set, rotation(q, set->count));
    uint32_t ttl = zone_rrset_ttl(set);

    for (unsigned i = 0; i < set->count && !q->truncated; i++) {
        uint8_t room[ZONE_NAMES_MAX];
        size_t len;
        const uint8_t *rdata = zone_rdata(node, set, at, room, &len);
        if (dns_put_rr(&q->reply, section, name, set->type, CLASS_IN, ttl, rdata, len) < 0)
            q->truncated = true;
        at += zone_record_len(set, at);
        at = at < set->size ? at : 0;
    }
}

size_t reply_rrset(struct query *q, enum dns_section section, const struct zone_node *node,
                   const struct zone_rrset *set, enum reply_owner owner)
{
    size_t at = q->reply.w.pos;

    if (can_copy(q, set, owner))
        copy_rrset(q, section, node, set, owner);
    else
        write_rrset(q, section, node, set, owner);
    return at;
}

/* Steps over the owner of a record in the message. */
static size_t behind_owner(const uint8_t *message, size_t at)
{
    while (message[at] > 0 && message[at] <= DNAME_LABEL_MAX)
        at += message[at] + 1u;
    return at + (message[at] ? 2 : 1);
}

uint16_t reply_rdata_at(const struct query *q, size_t at)
{
    size_t rdata_at = behind_owner(q->reply.w.base, at) + 10;

    return rdata_at <= POINTER_MAX ? (uint16_t)rdata_at : 0;
}

void reply_soa(struct query *q, const struct zone_node *node, const struct zone_rrset *soa, uint32_t believe)
{
    size_t at = reply_rrset(q, DNS_AUTHORITY, node, soa, REPLY_NODE);
    uint32_t ttl = zone_rrset_ttl(soa), minimum = get_be32(soa->records + soa->size - 4);

    if (q->truncated)
        return;
    ttl = minimum < ttl ? minimum : ttl;
    put_be32(q->reply.w.base + behind_owner(q->reply.w.base, at) + 4, believe < ttl ? believe : ttl);
}

/* --- addresses of hosts --- */

/* An address RRset of a host whose name stands at host_at of the message. */
static bool copy_addresses(struct query *q, const struct zone_rrset *set, size_t host_at)
{
    uint8_t *out = copy_records(q, DNS_ADDITIONAL, set);

    if (out)
        point_owners(out, set->size, host_at);
    return out;
}

static bool put_addresses(struct query *q, const struct zone_node *host, size_t host_at)
{
    static const uint16_t types[] = {RR_A, RR_AAAA};
    bool fit = host_at <= POINTER_MAX;

    for (size_t i = 0; i < ARRAY_LEN(types) && fit; i++) {
        const struct zone_rrset *set = zone_rrset(host, types[i]);
        fit = !set || copy_addresses(q, set, host_at);
    }
    return fit;
}

static bool has_addresses(const struct zone_node *host)
{
    return zone_rrset(host, RR_A) || zone_rrset(host, RR_AAAA);
}

/* The name of the host of a record, in lower case; its length. */
static size_t host_name(const struct reply_hosts *hosts, size_t record_at, uint8_t name[static DNAME_MAX])
{
    uint8_t room[ZONE_NAMES_MAX];
    size_t len;
    const uint8_t *rdata = zone_rdata(hosts->node, hosts->set, record_at, room, &len);
    const uint8_t *host = rdata + zone_target_offset(hosts->set->type);

    len = dname_len(host);
    dname_lower(name, host, len);
    return len;
}

static bool may_show(const struct query *q, const struct reply_hosts *hosts, size_t record_at)
{
    uint8_t name[DNAME_MAX];

    host_name(hosts, record_at, name);
    return hosts->may_show(q, name, hosts->arg);
}

/* Hosts of a set whose addresses stand in the reply already: several records may name one. */
struct given_hosts {
    struct {
        const struct zone_node *node;
        size_t record_at;
    } list[REPLY_HOSTS_MAX];
    unsigned count;
};

/* One node is one host, but a wildcard stands for any number of them. */
static bool same_host(const struct reply_hosts *hosts, size_t a_at, size_t b_at)
{
    uint8_t a[DNAME_MAX], b[DNAME_MAX];
    size_t a_len = host_name(hosts, a_at, a), b_len = host_name(hosts, b_at, b);

    return a_len == b_len && memcmp(a, b, a_len) == 0;
}

static bool is_new(struct given_hosts *given, const struct reply_hosts *hosts, const struct zone_node *host,
                   size_t record_at)
{
    for (unsigned i = 0; i < given->count; i++)
        if (given->list[i].node == host && same_host(hosts, given->list[i].record_at, record_at))
            return false;
    if (given->count == REPLY_HOSTS_MAX)
        return false;
    given->list[given->count].node = host;
    given->list[given->count++].record_at = record_at;
    return true;
}

/* within: hosts within the domain of the node, or all others. False: not all of them fit. */
static bool put_hosts(struct query *q, const struct reply_hosts *hosts, struct given_hosts *given,
                      bool within)
{
    const uint8_t *message = q->reply.w.base;
    unsigned count = hosts->set->count, first = rotation(q, count);
    size_t at = hosts->at, record_at = zone_record_at(hosts->set, first);
    bool fit = true;

    for (unsigned i = 0; i < count; i++) {
        const struct zone_node *host = zone_target(hosts->zone, hosts->set, (first + i) % count);
        size_t rdlen_at = behind_owner(message, at) + 8;
        size_t host_at = rdlen_at + 2 + (size_t)zone_target_offset(hosts->set->type);
        if (host && has_addresses(host) && dname_within(host->name, hosts->node->name) == within &&
            may_show(q, hosts, record_at) && is_new(given, hosts, host, record_at))
            fit = put_addresses(q, host, host_at) && fit;
        at = rdlen_at + 2 + get_be16(message + rdlen_at);
        record_at += zone_record_len(hosts->set, record_at);
        record_at = record_at < hosts->set->size ? record_at : 0;
    }
    return fit;
}

void reply_addresses(struct query *q, const struct reply_hosts *hosts, bool cut)
{
    struct given_hosts given;

    if (q->truncated || !(hosts->set->flags & ZONE_RRSET_TARGETS))
        return;
    given.count = 0;
    if (!put_hosts(q, hosts, &given, true) && cut)
        q->truncated = true;
    else
        put_hosts(q, hosts, &given, false);
}
