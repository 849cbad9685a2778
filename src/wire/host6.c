/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See host6.h. Whoever is on the network may send any frame. A frame costs one pass over it and at most one answer, of at
 * most its own size or that of a neighbour advertisement, and is looked at only if it is for us: our MAC address or a
 * group, IPv6, one of our addresses or groups, and the checksum is right. Fragments are counted and left: neighbour
 * discovery must not be fragmented (RFC 6980), and what else is for such a node fits into a frame.
 *
 * What an answer is sent to is the MAC address that the frame came from: nothing is remembered of neighbours, so there is
 * no table of them to be filled by anybody. Whoever sends something of his own says where to.
 *
 * The life of the addresses: probes after a delay that is drawn, a second of silence, and they are ours (RFC 4862 s5.4.2). An
 * answer, or somebody else's probe, and that one is not: it is left out. A probe that comes back tells by its nonce that it is
 * our own, and others follow to be sure (RFC 7527 s4.1).
 *
 * If it is the link-local one nothing is sent (RFC 4862 s5.4.5). But an answer is easily forged, and a node that keeps silent
 * for ever because of one is easily silenced. So after a while another address is tried, derived of the MAC address and of how
 * many were tried before, so that it is the same after a restart; again and again, and less and less often. The other addresses
 * are whatever somebody has given this node, so each that was somebody else's is tried again as it is, while the rest serve.
 */
#include "wire/host6.h"

#include "base/siphash.h"

#include <errno.h>
#include <string.h>

enum {
    HEADERS_LEN = ETHER_HEADER + IP6_HEADER,
    ECHO_REQUEST = 128,
    ECHO_REPLY = 129,
    ECHO_HOPS = 64,
    MLD_QUERY = 130,
    MLD_REPORT = 131,
    MLD2_REPORT = 143,
    MLD_LEN = 24,                /* of a message of version 1 */
    IS_EXCLUDE = 2,              /* RFC 3810 s5.2.12: all of a group, in answer to a query, */
    TO_EXCLUDE = 4,              /* and when it begins */
    UNASKED_REPORTS = 2,         /* RFC 3810 s9.1: the robustness variable */
    PROBE_DELAY_MAX_MS = 1000,   /* RFC 4861 s10: MAX_RTR_SOLICITATION_DELAY */
    PROBE_WAIT_MS = 1000,        /* RFC 4861 s10: RETRANS_TIMER */
    MORE_PROBES = 3,             /* RFC 7527 s4.1: MAX_MULTICAST_SOLICIT */
    RETRY_FIRST_S = 4,           /* who has the same address has a try behind him by then */
    RETRY_MOST_S = 600,          /* a person who looks into it waits no longer */
    REPORT_INTERVAL_MS = 1000,   /* RFC 3810 s9.11 */
    REPORT_DELAY_MAX_MS = 10000, /* RFC 3810 s9.3; a query may say less, and is not believed to say more */
};

static const struct ipaddr all_mld2_routers = {{0xff, 2, [15] = 0x16}};
static const uint8_t no_mac[6];

static nsec_t draw_ms(const struct host6 *h, nsec_t most_ms)
{
    uint32_t random;

    h->random(h->arg, &random, sizeof(random));
    return most_ms <= 0 ? 0 : (nsec_t)random % (most_ms * NSEC_PER_MSEC);
}

/* --- addresses and groups --- */

/* Its place; -1: it is none of ours. */
static int find_addr(const struct host6 *h, const struct ipaddr *addr)
{
    for (unsigned i = 0; i < h->n_addrs; i++)
        if (ipaddr_equal(&h->addrs[i].addr, addr))
            return (int)i;
    return -1;
}

static bool has_group(const struct host6 *h, const struct ipaddr *group)
{
    for (unsigned i = 0; i < h->n_groups; i++)
        if (ipaddr_equal(&h->groups[i], group))
            return true;
    return false;
}

bool host6_has(const struct host6 *h, const struct ipaddr *addr)
{
    int i = find_addr(h, addr);

    return h->state == HOST6_READY && i >= 0 && !h->addrs[i].duplicate;
}

/* There is room: HOST6_GROUPS_MAX is one for each address and each that is joined. */
static void add_group(struct host6 *h, const struct ipaddr *group)
{
    if (!has_group(h, group))
        h->groups[h->n_groups++] = *group;
}

int host6_add(struct host6 *h, const struct ipaddr *addr)
{
    struct ipaddr group = nd_solicited_node(addr);

    if (nd_is_multicast(addr) || nd_is_unspecified(addr) || ipaddr_is_v4(addr))
        return -EINVAL;
    if (find_addr(h, addr) >= 0)
        return -EEXIST;
    if (h->n_addrs == ARRAY_LEN(h->addrs))
        return -ENOSPC;
    h->addrs[h->n_addrs++].addr = *addr;
    add_group(h, &group);
    return 0;
}

/* The groups of the addresses as they are, and those that were wished. */
static void join_groups(struct host6 *h)
{
    h->n_groups = 0;
    for (unsigned i = 0; i < h->n_addrs; i++) {
        struct ipaddr group = nd_solicited_node(&h->addrs[i].addr);
        add_group(h, &group);
    }
    for (unsigned i = 0; i < h->n_joined; i++)
        add_group(h, &h->joined[i]);
}

/* An identifier of 64 bits none of which means anything (RFC 7136 s5). That one of those that are reserved (RFC 5453) comes out
 * is as likely as that it is somebody else's. */
struct ipaddr host6_link_local(const uint8_t mac[static 6], unsigned n)
{
    static const struct siphash_key key = {{0x6c696e6b2d6c6f63, 0x616c206164647265}};
    struct ipaddr addr = {{0xfe, 0x80, [8] = mac[0] ^ 2, mac[1], mac[2], 0xff, 0xfe, mac[3], mac[4], mac[5]}};
    uint8_t bytes[7] = {mac[0], mac[1], mac[2], mac[3], mac[4], mac[5], (uint8_t)n};

    if (n == 0)
        return addr;
    uint64_t identifier = siphash24(&key, bytes, sizeof(bytes));
    for (unsigned i = 0; i < 8; i++)
        addr.b[8 + i] = (uint8_t)(identifier >> (56 - 8 * i));
    return addr;
}

nsec_t host6_retry_pause(unsigned n)
{
    nsec_t pause_s = RETRY_FIRST_S;

    for (; n > 1 && pause_s < RETRY_MOST_S; n--)
        pause_s *= 2;
    return (pause_s < RETRY_MOST_S ? pause_s : RETRY_MOST_S) * NSEC_PER_SEC;
}

static void set_link_local(struct host6 *h)
{
    h->addrs[0].addr = host6_link_local(h->mac, h->misses);
    join_groups(h);
}

/* --- life --- */

void host6_init(struct host6 *h, const struct host6_settings *settings)
{
    memset(h, 0, sizeof(*h));
    h->random = settings->random;
    h->arg = settings->arg;
    h->is_router = settings->is_router;
    memcpy(h->mac, settings->mac, sizeof(h->mac));
    h->n_addrs = 1;
    for (unsigned i = 0; i < settings->n_joined && i < HOST6_JOINED_MAX; i++)
        h->joined[h->n_joined++] = settings->joined[i];
    set_link_local(h);
    host6_down(h);
}

void host6_down(struct host6 *h)
{
    h->state = HOST6_DOWN;
    h->probe_at = h->end_at = h->report_at = h->retry_at = NSEC_NEVER;
    h->report_due = h->probe_due = false;
    h->answer_len = 0;
}

static void draw_nonce(struct host6 *h)
{
    h->random(h->arg, h->nonce, sizeof(h->nonce));
}

static void begin_probes(struct host6 *h, nsec_t now)
{
    h->heard_itself = false;
    h->more_probes = 0;
    h->retry_at = NSEC_NEVER;
    draw_nonce(h);
    h->probe_at = now + draw_ms(h, PROBE_DELAY_MAX_MS);
}

static void try_addresses(struct host6 *h, nsec_t now)
{
    host6_down(h);
    set_link_local(h);
    h->state = HOST6_TRYING;
    for (unsigned i = 0; i < h->n_addrs; i++) {
        h->addrs[i].tried = true;
        h->addrs[i].duplicate = false;
    }
    begin_probes(h, now);
    /* The groups are told before the probes: a switch must let the answer through (RFC 4862 s5.4.2). */
    h->report_at = h->probe_at;
    h->reports_left = UNASKED_REPORTS;
}

/* Those that somebody else had. Their groups are listened to all the time. */
static void try_duplicates(struct host6 *h, nsec_t now)
{
    for (unsigned i = 0; i < h->n_addrs; i++)
        h->addrs[i].tried = h->addrs[i].duplicate;
    begin_probes(h, now);
}

void host6_up(struct host6 *h, nsec_t now)
{
    h->misses = h->other_misses = 0;
    try_addresses(h, now);
}

/* Who was tried and not objected to is ours; the others are tried again later. */
static void end_trials(struct host6 *h, nsec_t now)
{
    bool missed = false;

    for (unsigned i = 0; i < h->n_addrs; i++) {
        h->addrs[i].duplicate = h->addrs[i].duplicate && !h->addrs[i].tried;
        h->addrs[i].tried = false;
        missed |= h->addrs[i].duplicate;
    }
    h->other_misses = missed ? h->other_misses + 1 : 0;
    if (missed)
        h->retry_at = now + host6_retry_pause(h->other_misses);
}

/* A second of silence has passed. */
static void end_try(struct host6 *h, nsec_t now)
{
    h->end_at = NSEC_NEVER;
    if (h->more_probes > 0) {
        h->more_probes--;
        h->probe_at = now;
        draw_nonce(h);
        return;
    }
    h->state = HOST6_READY;
    h->misses = 0;
    end_trials(h, now);
}

/* The place of the next one that is tried, from `i` on; n_addrs: none. */
static unsigned next_tried(const struct host6 *h, unsigned i)
{
    while (i < h->n_addrs && !h->addrs[i].tried)
        i++;
    return i;
}

void host6_timeout(struct host6 *h, nsec_t now)
{
    if (h->report_at <= now) {
        h->report_due = true;
        h->report_part = 0;
        h->report_at = NSEC_NEVER;
        if (h->reports_left > 0 && --h->reports_left > 0)
            h->report_at = now + REPORT_INTERVAL_MS * NSEC_PER_MSEC + draw_ms(h, REPORT_INTERVAL_MS / 2);
    }
    if (h->end_at <= now)
        end_try(h, now);
    if (h->probe_at <= now) {
        h->probe_part = next_tried(h, 0);
        h->probe_due = h->probe_part < h->n_addrs;
        h->probe_at = NSEC_NEVER;
        h->end_at = now + PROBE_WAIT_MS * NSEC_PER_MSEC;
    }
    if (h->retry_at <= now && h->state == HOST6_DUPLICATE)
        try_addresses(h, now);
    else if (h->retry_at <= now)
        try_duplicates(h, now);
}

nsec_t host6_deadline(const struct host6 *h)
{
    nsec_t least = h->probe_at < h->end_at ? h->probe_at : h->end_at;

    if (h->retry_at < least)
        least = h->retry_at;
    return least < h->report_at ? least : h->report_at;
}

static void found_duplicate(struct host6 *h, unsigned addr, nsec_t now)
{
    h->addrs[addr].duplicate = true;
    h->addrs[addr].tried = false;
    if (addr > 0)
        return;
    host6_down(h);
    h->state = HOST6_DUPLICATE;
    h->misses++;
    h->retry_at = now + host6_retry_pause(h->misses);
}

/* --- frames out --- */

bool host6_find_mac(const struct ipaddr *to, const uint8_t mac[static 6], uint8_t ret[static 6])
{
    const uint8_t of_group[6] = {0x33, 0x33, to->b[12], to->b[13], to->b[14], to->b[15]};
    const uint8_t *found = nd_is_multicast(to) ? of_group : mac;

    if (memcmp(found, no_mac, sizeof(no_mac)) == 0)
        return false;
    memcpy(ret, found, 6);
    return true;
}

/* Ethernet around a packet; 0: it does not fit, or nobody knows the way. */
static size_t envelop(const struct host6 *h, const struct ip6 *packet, const uint8_t to_mac[static 6],
                      uint8_t frame[static HOST6_FRAME_MAX])
{
    struct writer w = writer_of(frame, HOST6_FRAME_MAX);
    struct ether_header header = {.type = ETHER_IP6};

    if (!host6_find_mac(&packet->to, to_mac, header.to))
        return 0;
    memcpy(header.from, h->mac, sizeof(header.from));
    ether_write(&w, &header);
    ip6_write(&w, packet);
    return w.bad ? 0 : w.pos;
}

size_t host6_wrap(const struct host6 *h, const struct ip6 *message, const uint8_t to_mac[static 6],
                  uint8_t frame[static HOST6_FRAME_MAX])
{
    struct ip6 packet = *message;

    packet.hop_limit = packet.hop_limit ? packet.hop_limit : ND_HOP_LIMIT;
    packet.next_header = IP6_ICMP;
    size_t len = message->len >= 4 ? envelop(h, &packet, to_mac, frame) : 0;
    if (len > 0)
        nd_set_checksum(&packet.from, &packet.to, frame + HEADERS_LEN, message->len);
    return len;
}

/* Is this address tried by somebody else? (RFC 4862 s5.4.2) */
static size_t write_probe(struct host6 *h, uint8_t frame[static HOST6_FRAME_MAX])
{
    uint8_t message[64];
    struct writer w = writer_of(message, sizeof(message));
    const struct ipaddr *target = &h->addrs[h->probe_part].addr;
    struct nd_message probe = {.type = ND_NEIGHBOR_SOLICIT, .neighbor.target = *target};
    struct nd_option nonce = {.type = ND_NONCE, .nonce = {h->nonce, sizeof(h->nonce)}};

    h->probe_part = next_tried(h, h->probe_part + 1);
    h->probe_due = h->probe_part < h->n_addrs;
    nd_write(&w, &probe);
    nd_write_option(&w, &nonce);
    struct ip6 packet = {.to = nd_solicited_node(target), .bytes = message, .len = w.pos};
    return w.bad ? 0 : host6_wrap(h, &packet, no_mac, frame);
}

/* A message about groups, behind the router alert that makes switches look at it (RFC 3810 s5). */
static size_t write_mld(const struct host6 *h, const struct ipaddr *to, const struct writer *w,
                        uint8_t frame[static HOST6_FRAME_MAX])
{
    enum { ALERT_LEN = 8 };
    static const uint8_t alert[ALERT_LEN] = {IP6_ICMP, 0, 5, 2, 0, 0, 1, 0}; /* RFC 2711, and padding */
    uint8_t bytes[ALERT_LEN + 8 + HOST6_GROUPS_MAX * 20];
    struct ip6 packet = {.to = *to, .hop_limit = 1, .next_header = IP6_HOP_BY_HOP, .bytes = bytes};

    if (h->state == HOST6_READY)
        packet.from = h->addrs[0].addr; /* else ::, RFC 3590 */
    memcpy(bytes, alert, ALERT_LEN);
    memcpy(bytes + ALERT_LEN, w->base, w->pos);
    nd_set_checksum(&packet.from, &packet.to, bytes + ALERT_LEN, w->pos);
    packet.len = ALERT_LEN + w->pos;
    return envelop(h, &packet, no_mac, frame);
}

static size_t write_report2(struct host6 *h, uint8_t frame[static HOST6_FRAME_MAX])
{
    uint8_t message[8 + HOST6_GROUPS_MAX * 20];
    struct writer w = writer_of(message, sizeof(message));
    bool answer = h->state == HOST6_READY && h->reports_left == 0 && h->report_at == NSEC_NEVER;

    writer_u32(&w, (uint32_t)MLD2_REPORT << 24);
    writer_u32(&w, h->n_groups);
    for (unsigned i = 0; i < h->n_groups; i++) {
        writer_u32(&w, (uint32_t)(answer ? IS_EXCLUDE : TO_EXCLUDE) << 24);
        writer_put(&w, h->groups[i].b, sizeof(h->groups[i].b));
    }
    h->report_due = false;
    return write_mld(h, &all_mld2_routers, &w, frame);
}

/* For a querier of version 1: a message a group (RFC 2710 s3). */
static size_t write_report1(struct host6 *h, uint8_t frame[static HOST6_FRAME_MAX])
{
    uint8_t message[MLD_LEN];
    struct writer w = writer_of(message, sizeof(message));
    const struct ipaddr *group = &h->groups[h->report_part];

    writer_u32(&w, (uint32_t)MLD_REPORT << 24);
    writer_u32(&w, 0);
    writer_put(&w, group->b, sizeof(group->b));
    h->report_due = ++h->report_part < h->n_groups;
    return write_mld(h, group, &w, frame);
}

size_t host6_output(struct host6 *h, uint8_t frame[static HOST6_FRAME_MAX])
{
    if (h->answer_len > 0) {
        size_t len = h->answer_len;
        memcpy(frame, h->answer, len);
        h->answer_len = 0;
        return len;
    }
    if (h->report_due)
        return h->report_is_v1 ? write_report1(h, frame) : write_report2(h, frame);
    return h->probe_due ? write_probe(h, frame) : 0;
}

/* --- frames in --- */

static bool is_for_us(const struct host6 *h, const struct ip6 *packet)
{
    return !nd_is_multicast(&packet->from) && (find_addr(h, &packet->to) >= 0 || has_group(h, &packet->to) ||
                                               ipaddr_equal(&packet->to, &nd_all_nodes));
}

/* Somebody looks for one of our addresses (RFC 4861 s7.2.4). Who has none himself is told together with all. */
static void advertise_neighbor(struct host6 *h, const struct ipaddr *target, const struct host6_packet *asked)
{
    uint8_t message[64];
    struct writer w = writer_of(message, sizeof(message));
    bool nobody = nd_is_unspecified(&asked->ip.from);
    struct nd_message answer = {.type = ND_NEIGHBOR_ADVERT, .neighbor.target = *target};
    struct nd_option mac = {.type = ND_TARGET_MAC};
    struct ip6 packet = {.from = *target, .to = nobody ? nd_all_nodes : asked->ip.from, .bytes = message};

    answer.neighbor.flags =
        ND_NA_OVERRIDE | (h->is_router ? ND_NA_ROUTER : 0) | (nobody ? 0 : ND_NA_SOLICITED);
    memcpy(mac.mac, h->mac, sizeof(mac.mac));
    nd_write(&w, &answer);
    nd_write_option(&w, &mac);
    packet.len = w.pos;
    if (!w.bad)
        h->answer_len = host6_wrap(h, &packet, asked->from_mac, h->answer);
}

static bool is_own_probe(const struct host6 *h, const struct nd_message *msg)
{
    struct reader options = msg->options;
    struct nd_option option;

    while (nd_next_option(&options, &option))
        if (option.type == ND_NONCE && option.nonce.len == sizeof(h->nonce) &&
            memcmp(option.nonce.bytes, h->nonce, sizeof(h->nonce)) == 0)
            return true;
    return false;
}

/* While an address is tried (RFC 4862 s5.4.3, s5.4.4). */
static void hear_of_try(struct host6 *h, unsigned addr, const struct nd_message *msg, bool is_probe,
                        nsec_t now)
{
    if (is_probe && is_own_probe(h, msg)) {
        h->more_probes = h->heard_itself ? h->more_probes : MORE_PROBES;
        h->heard_itself = true;
    } else if (is_probe || msg->type == ND_NEIGHBOR_ADVERT) {
        found_duplicate(h, addr, now);
    }
}

static void neighbor_input(struct host6 *h, const struct host6_packet *packet, nsec_t now)
{
    struct nd_message msg;

    if (nd_read(packet->ip.bytes, packet->ip.len, &msg) < 0 ||
        !nd_is_valid(&msg, &packet->ip.from, &packet->ip.to, packet->ip.hop_limit))
        return;
    int addr = find_addr(h, &msg.neighbor.target);
    if (addr < 0)
        return;
    bool is_probe = msg.type == ND_NEIGHBOR_SOLICIT && nd_is_unspecified(&packet->ip.from);
    if (h->addrs[addr].tried)
        hear_of_try(h, (unsigned)addr, &msg, is_probe, now);
    else if (msg.type == ND_NEIGHBOR_SOLICIT && host6_has(h, &msg.neighbor.target))
        advertise_neighbor(h, &msg.neighbor.target, packet);
}

static void echo_input(struct host6 *h, const struct host6_packet *asked)
{
    struct ip6 packet = {.from = asked->ip.to,
                         .to = asked->ip.from,
                         .hop_limit = ECHO_HOPS,
                         .bytes = asked->ip.bytes,
                         .len = asked->ip.len};

    if (nd_is_unspecified(&packet.to) || !host6_has(h, &packet.from) || packet.bytes[1] != 0)
        return;
    size_t len = host6_wrap(h, &packet, asked->from_mac, h->answer);
    if (len == 0)
        return;
    h->answer[HEADERS_LEN] = ECHO_REPLY;
    nd_set_checksum(&packet.from, &packet.to, h->answer + HEADERS_LEN, packet.len);
    h->answer_len = len;
}

/* Which groups are listened to? (RFC 3810 s5.1, s6.2; RFC 2710 s4) */
static void query_input(struct host6 *h, const struct ip6 *packet, nsec_t now)
{
    struct ipaddr group;

    if (packet->len < MLD_LEN || packet->hop_limit != 1 || !nd_is_link_local(&packet->from))
        return;
    uint16_t code = get_be16(packet->bytes + 4);
    nsec_t most_ms = code < 0x8000 ? code : (nsec_t)((code & 0xfff) | 0x1000) << ((code >> 12 & 7) + 3);
    memcpy(group.b, packet->bytes + 8, sizeof(group.b));
    if (!nd_is_unspecified(&group) && !has_group(h, &group))
        return;
    if (most_ms > REPORT_DELAY_MAX_MS)
        most_ms = REPORT_DELAY_MAX_MS;
    nsec_t at = now + draw_ms(h, most_ms);
    h->report_is_v1 = packet->len == MLD_LEN;
    if (at < h->report_at)
        h->report_at = at;
}

/* False: that was what this node does by itself, or it is damaged. */
static bool icmp_input(struct host6 *h, const struct host6_packet *packet, nsec_t now)
{
    const struct ip6 *ip = &packet->ip;

    if (ip->len < 4 || nd_checksum(&ip->from, &ip->to, ip->bytes, ip->len) != 0)
        return false;
    switch (ip->bytes[0]) {
    case ND_NEIGHBOR_SOLICIT:
    case ND_NEIGHBOR_ADVERT:
        neighbor_input(h, packet, now);
        return false;
    case ECHO_REQUEST:
        echo_input(h, packet);
        return false;
    case MLD_QUERY:
        query_input(h, ip, now);
        return false;
    default:
        return h->state == HOST6_READY;
    }
}

bool host6_input(struct host6 *h, const struct ether_header *header, const uint8_t *bytes, size_t len,
                 nsec_t now, struct host6_packet *ret)
{
    struct host6_packet packet;

    if ((h->state != HOST6_TRYING && h->state != HOST6_READY) || header->type != ETHER_IP6 ||
        header->from[0] & 1 ||
        (memcmp(header->to, h->mac, sizeof(h->mac)) != 0 && (header->to[0] != 0x33 || header->to[1] != 0x33)))
        return false;
    int e = ip6_read(bytes, len, &packet.ip);
    if ((e < 0 && e != -EOPNOTSUPP) || !is_for_us(h, &packet.ip))
        return false;
    if (e < 0) {
        h->fragments++;
        return false;
    }
    memcpy(packet.from_mac, header->from, sizeof(packet.from_mac));
    bool for_owner =
        packet.ip.next_header == IP6_ICMP ? icmp_input(h, &packet, now) : h->state == HOST6_READY;
    if (for_owner)
        *ret = packet;
    return for_owner;
}
