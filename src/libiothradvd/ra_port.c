/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See ra_port.h. Whoever is on the network may send any frame. A frame costs one pass over it and at most one answer, of at
 * most its own size or that of a neighbour advertisement, and is looked at only if it is for us: our MAC address or a
 * group, IPv6, our address or one of the three groups, ICMPv6, and the checksum is right. There are no fragments: neighbour
 * discovery must not be fragmented (RFC 6980), and nothing else is for us.
 *
 * What an answer is sent to is the MAC address that the frame came from: nothing is remembered of neighbours, so there is
 * no table of them to be filled by anybody.
 *
 * The life of the address: a probe after a delay that is drawn, a second of silence, and it is ours (RFC 4862 s5.4.2). An
 * answer, or somebody else's probe, and it is not: then nothing is ever sent from it, and whoever runs this must give the
 * port another MAC address.
 */
#include "libiothradvd/ra_port.h"

#include <string.h>

enum {
    ETHER_LEN = 14,
    IPV6_LEN = 40,
    HEADERS_LEN = ETHER_LEN + IPV6_LEN,
    ETHERTYPE_IPV6 = 0x86dd,
    HOP_BY_HOP = 0,
    ECHO_REQUEST = 128,
    ECHO_REPLY = 129,
    MLD_QUERY = 130,
    MLD_REPORT = 131,
    MLD2_REPORT = 143,
    MLD_LEN = 24,                /* of a message of version 1 */
    IS_EXCLUDE = 2,              /* RFC 3810 s5.2.12: all of a group, in answer to a query, */
    TO_EXCLUDE = 4,              /* and when it begins */
    UNASKED_REPORTS = 2,         /* RFC 3810 s9.1: the robustness variable */
    PROBE_DELAY_MAX_MS = 1000,   /* RFC 4861 s10: MAX_RTR_SOLICITATION_DELAY */
    PROBE_WAIT_MS = 1000,        /* RFC 4861 s10: RETRANS_TIMER */
    REPORT_INTERVAL_MS = 1000,   /* RFC 3810 s9.11 */
    REPORT_DELAY_MAX_MS = 10000, /* RFC 3810 s9.3; a query may say less, and is not believed to say more */
    GROUPS = 2,
};

static const struct ipaddr all_mld2_routers = {{0xff, 2, [15] = 0x16}};
static const uint8_t no_mac[6];

static nsec_t draw_ms(const struct ra_port *p, nsec_t most_ms)
{
    uint32_t random;
    p->env.random(p->env.arg, &random, sizeof(random));
    return most_ms <= 0 ? 0 : (nsec_t)random % (most_ms * NSEC_PER_MSEC);
}

/* --- life --- */

void ra_port_init(struct ra_port *p, const struct ra_env *env, const uint8_t mac[static 6])
{
    memset(p, 0, sizeof(*p));
    p->env = *env;
    memcpy(p->mac, mac, sizeof(p->mac));
    p->addr =
        (struct ipaddr){{0xfe, 0x80, [8] = mac[0] ^ 2, mac[1], mac[2], 0xff, 0xfe, mac[3], mac[4], mac[5]}};
    p->group = nd_solicited_node(&p->addr);
    ra_port_down(p);
}

void ra_port_down(struct ra_port *p)
{
    p->state = RA_PORT_DOWN;
    p->probe_at = p->end_at = p->report_at = NSEC_NEVER;
    p->report_due = p->probe_due = false;
    p->answer_len = 0;
}

void ra_port_up(struct ra_port *p, nsec_t now)
{
    ra_port_down(p);
    p->state = RA_PORT_TRYING;
    p->env.random(p->env.arg, p->nonce, sizeof(p->nonce));
    /* The group is told before the probe: a switch must let the answer through (RFC 4862 s5.4.2). */
    p->probe_at = p->report_at = now + draw_ms(p, PROBE_DELAY_MAX_MS);
    p->reports_left = UNASKED_REPORTS;
}

void ra_port_timeout(struct ra_port *p, nsec_t now)
{
    if (p->report_at <= now) {
        p->report_due = true;
        p->report_part = 0;
        p->report_at = NSEC_NEVER;
        if (p->reports_left > 0 && --p->reports_left > 0)
            p->report_at = now + REPORT_INTERVAL_MS * NSEC_PER_MSEC + draw_ms(p, REPORT_INTERVAL_MS / 2);
    }
    if (p->probe_at <= now) {
        p->probe_due = true;
        p->probe_at = NSEC_NEVER;
        p->end_at = now + PROBE_WAIT_MS * NSEC_PER_MSEC;
    }
    if (p->end_at <= now) {
        p->end_at = NSEC_NEVER;
        p->state = RA_PORT_READY;
    }
}

nsec_t ra_port_deadline(const struct ra_port *p)
{
    nsec_t least = p->probe_at < p->end_at ? p->probe_at : p->end_at;
    return least < p->report_at ? least : p->report_at;
}

static void found_duplicate(struct ra_port *p)
{
    ra_port_down(p);
    p->state = RA_PORT_DUPLICATE;
}

/* --- frames out --- */

/* The MAC address of a group (RFC 2464 s7). */
static void group_mac(const struct ipaddr *group, uint8_t mac[static 6])
{
    mac[0] = mac[1] = 0x33;
    memcpy(mac + 2, group->b + 12, 4);
}

struct envelope {
    struct ipaddr from, to;
    uint8_t to_mac[6]; /* of a group: filled in */
    uint8_t hop_limit, next_header;
};

/* Ethernet and IPv6 around a payload of that length, for which room is returned; NULL: it does not fit. */
static uint8_t *envelop(const struct ra_port *p, const struct envelope *e, size_t payload_len,
                        uint8_t frame[static RA_FRAME_MAX])
{
    struct writer w = writer_of(frame, RA_FRAME_MAX);
    uint8_t mac[6];
    memcpy(mac, e->to_mac, sizeof(mac));
    if (nd_is_multicast(&e->to))
        group_mac(&e->to, mac);
    writer_put(&w, mac, sizeof(mac));
    writer_put(&w, p->mac, sizeof(p->mac));
    writer_u16(&w, ETHERTYPE_IPV6);
    writer_u32(&w, UINT32_C(6) << 28);
    writer_u16(&w, (uint16_t)payload_len);
    writer_u8(&w, e->next_header);
    writer_u8(&w, e->hop_limit);
    writer_put(&w, e->from.b, sizeof(e->from.b));
    writer_put(&w, e->to.b, sizeof(e->to.b));
    return writer_reserve(&w, payload_len);
}

/* An ICMPv6 message with hop limit 255 and its checksum. */
static size_t wrap(const struct ra_port *p, const struct envelope *e, const uint8_t *bytes, size_t len,
                   uint8_t frame[static RA_FRAME_MAX])
{
    uint8_t *at = len >= 4 ? envelop(p, e, len, frame) : NULL;
    if (!at)
        return 0;
    memcpy(at, bytes, len);
    nd_set_checksum(&e->from, &e->to, at, len);
    return HEADERS_LEN + len;
}

size_t ra_port_wrap(const struct ra_port *p, const struct ra_event *event, uint8_t frame[static RA_FRAME_MAX])
{
    struct envelope e = {
        .from = p->addr, .to = event->to, .hop_limit = ND_HOP_LIMIT, .next_header = ND_ICMP6};
    memcpy(e.to_mac, event->to_mac, sizeof(e.to_mac));
    if (!nd_is_multicast(&e.to) && memcmp(e.to_mac, no_mac, sizeof(no_mac)) == 0)
        return 0;
    return wrap(p, &e, event->bytes, event->len, frame);
}

/* Is this address tried by somebody else? (RFC 4862 s5.4.2) */
static size_t write_probe(const struct ra_port *p, uint8_t frame[static RA_FRAME_MAX])
{
    uint8_t message[64];
    struct writer w = writer_of(message, sizeof(message));
    struct nd_message probe = {.type = ND_NEIGHBOR_SOLICIT, .neighbor.target = p->addr};
    struct nd_option nonce = {.type = ND_NONCE, .nonce = {p->nonce, sizeof(p->nonce)}};
    struct envelope e = {.to = p->group, .hop_limit = ND_HOP_LIMIT, .next_header = ND_ICMP6};
    nd_write(&w, &probe);
    nd_write_option(&w, &nonce);
    return w.bad ? 0 : wrap(p, &e, message, w.pos, frame);
}

/* A message about groups, behind the router alert that makes switches look at it (RFC 3810 s5). */
static size_t write_mld(const struct ra_port *p, const struct ipaddr *to, const uint8_t *bytes, size_t len,
                        uint8_t frame[static RA_FRAME_MAX])
{
    static const uint8_t alert[8] = {ND_ICMP6, 0, 5, 2, 0, 0, 1, 0}; /* RFC 2711, and two bytes of padding */
    struct envelope e = {.to = *to, .hop_limit = 1, .next_header = HOP_BY_HOP};
    if (p->state == RA_PORT_READY)
        e.from = p->addr; /* else ::, RFC 3590 */
    uint8_t *at = envelop(p, &e, sizeof(alert) + len, frame);
    if (!at)
        return 0;
    memcpy(at, alert, sizeof(alert));
    memcpy(at + sizeof(alert), bytes, len);
    nd_set_checksum(&e.from, &e.to, at + sizeof(alert), len);
    return HEADERS_LEN + sizeof(alert) + len;
}

/* All groups but ff02::1, which is never told (RFC 3810 s6). */
static struct ipaddr group_of(const struct ra_port *p, unsigned n)
{
    return n == 0 ? p->group : nd_all_routers;
}

static size_t write_report2(struct ra_port *p, uint8_t frame[static RA_FRAME_MAX])
{
    uint8_t message[8 + GROUPS * 20];
    struct writer w = writer_of(message, sizeof(message));
    bool answer = p->state == RA_PORT_READY && p->reports_left == 0 && p->report_at == NSEC_NEVER;
    writer_u32(&w, (uint32_t)MLD2_REPORT << 24);
    writer_u32(&w, GROUPS);
    for (unsigned i = 0; i < GROUPS; i++) {
        struct ipaddr group = group_of(p, i);
        writer_u32(&w, (uint32_t)(answer ? IS_EXCLUDE : TO_EXCLUDE) << 24);
        writer_put(&w, group.b, sizeof(group.b));
    }
    p->report_due = false;
    return write_mld(p, &all_mld2_routers, message, w.pos, frame);
}

/* For a querier of version 1: a message a group (RFC 2710 s3). */
static size_t write_report1(struct ra_port *p, uint8_t frame[static RA_FRAME_MAX])
{
    uint8_t message[MLD_LEN];
    struct writer w = writer_of(message, sizeof(message));
    struct ipaddr group = group_of(p, p->report_part);
    writer_u32(&w, (uint32_t)MLD_REPORT << 24);
    writer_u32(&w, 0);
    writer_put(&w, group.b, sizeof(group.b));
    p->report_due = ++p->report_part < GROUPS;
    return write_mld(p, &group, message, w.pos, frame);
}

size_t ra_port_output(struct ra_port *p, uint8_t frame[static RA_FRAME_MAX])
{
    if (p->answer_len > 0) {
        size_t len = p->answer_len;
        memcpy(frame, p->answer, len);
        p->answer_len = 0;
        return len;
    }
    if (p->report_due)
        return p->report_is_v1 ? write_report1(p, frame) : write_report2(p, frame);
    if (p->probe_due) {
        p->probe_due = false;
        return write_probe(p, frame);
    }
    return 0;
}

/* --- frames in --- */

/* An IPv6 packet for us that carries ICMPv6. False: it is none. */
static bool open_frame(const struct ra_port *p, const uint8_t *frame, size_t len, struct ra_packet *ret)
{
    struct reader r = reader_of(frame, len);
    const uint8_t *to_mac = reader_take(&r, 6), *from_mac = reader_take(&r, 6);
    if (reader_u16(&r) != ETHERTYPE_IPV6 || r.bad)
        return false;
    if (memcmp(to_mac, p->mac, 6) != 0 && (to_mac[0] != 0x33 || to_mac[1] != 0x33))
        return false;
    uint32_t version = reader_u32(&r) >> 28;
    size_t payload_len = reader_u16(&r);
    uint8_t next_header = reader_u8(&r);
    struct ra_packet packet = {.hop_limit = reader_u8(&r)};
    const uint8_t *from = reader_take(&r, 16), *to = reader_take(&r, 16);
    if (r.bad || version != 6 || from_mac[0] & 1)
        return false;
    memcpy(packet.from_mac, from_mac, sizeof(packet.from_mac));
    memcpy(packet.from.b, from, sizeof(packet.from.b));
    memcpy(packet.to.b, to, sizeof(packet.to.b));
    struct reader payload = reader_of(reader_take(&r, payload_len), payload_len);
    if (r.bad)
        return false;
    if (next_header == HOP_BY_HOP) {
        next_header = reader_u8(&payload);
        size_t options_len = reader_u8(&payload);
        reader_take(&payload, 6 + 8 * options_len);
    }
    if (payload.bad || next_header != ND_ICMP6)
        return false;
    packet.len = reader_left(&payload);
    packet.bytes = reader_take(&payload, packet.len);
    *ret = packet;
    return packet.len >= 4;
}

static bool is_for_us(const struct ra_port *p, const struct ra_packet *packet)
{
    return !nd_is_multicast(&packet->from) &&
           (ipaddr_equal(&packet->to, &p->addr) || ipaddr_equal(&packet->to, &p->group) ||
            ipaddr_equal(&packet->to, &nd_all_nodes) || ipaddr_equal(&packet->to, &nd_all_routers)) &&
           nd_checksum(&packet->from, &packet->to, packet->bytes, packet->len) == 0;
}

/* Somebody looks for our address (RFC 4861 s7.2.4). Who has none himself is told together with all. */
static void advertise_neighbor(struct ra_port *p, const struct ra_packet *asked)
{
    uint8_t message[64];
    struct writer w = writer_of(message, sizeof(message));
    bool nobody = nd_is_unspecified(&asked->from);
    struct nd_message answer = {.type = ND_NEIGHBOR_ADVERT};
    struct nd_option mac = {.type = ND_TARGET_MAC};
    struct envelope e = {.from = p->addr,
                         .to = nobody ? nd_all_nodes : asked->from,
                         .hop_limit = ND_HOP_LIMIT,
                         .next_header = ND_ICMP6};
    answer.neighbor.flags = ND_NA_ROUTER | ND_NA_OVERRIDE | (nobody ? 0 : ND_NA_SOLICITED);
    answer.neighbor.target = p->addr;
    memcpy(e.to_mac, asked->from_mac, sizeof(e.to_mac));
    memcpy(mac.mac, p->mac, sizeof(mac.mac));
    nd_write(&w, &answer);
    nd_write_option(&w, &mac);
    if (!w.bad)
        p->answer_len = wrap(p, &e, message, w.pos, p->answer);
}

static bool is_own_probe(const struct ra_port *p, const struct nd_message *msg)
{
    struct reader options = msg->options;
    struct nd_option option;
    while (nd_next_option(&options, &option))
        if (option.type == ND_NONCE && option.nonce.len == sizeof(p->nonce) &&
            memcmp(option.nonce.bytes, p->nonce, sizeof(p->nonce)) == 0)
            return true;
    return false;
}

static void neighbor_input(struct ra_port *p, const struct ra_packet *packet)
{
    struct nd_message msg;
    if (nd_read(packet->bytes, packet->len, &msg) < 0 ||
        !nd_is_valid(&msg, &packet->from, &packet->to, packet->hop_limit) ||
        !ipaddr_equal(&msg.neighbor.target, &p->addr))
        return;
    bool is_probe = msg.type == ND_NEIGHBOR_SOLICIT && nd_is_unspecified(&packet->from);
    if (p->state == RA_PORT_TRYING) { /* RFC 4862 s5.4.3, s5.4.4 */
        if ((is_probe && !is_own_probe(p, &msg)) || msg.type == ND_NEIGHBOR_ADVERT)
            found_duplicate(p);
    } else if (p->state == RA_PORT_READY && msg.type == ND_NEIGHBOR_SOLICIT) {
        advertise_neighbor(p, packet);
    }
}

static void echo_input(struct ra_port *p, const struct ra_packet *packet)
{
    struct envelope e = {.from = p->addr, .to = packet->from, .hop_limit = 64, .next_header = ND_ICMP6};
    if (p->state != RA_PORT_READY || nd_is_unspecified(&packet->from) ||
        !ipaddr_equal(&packet->to, &p->addr) || packet->bytes[1] != 0)
        return;
    memcpy(e.to_mac, packet->from_mac, sizeof(e.to_mac));
    size_t len = wrap(p, &e, packet->bytes, packet->len, p->answer);
    if (len == 0)
        return;
    p->answer[HEADERS_LEN] = ECHO_REPLY;
    nd_set_checksum(&e.from, &e.to, p->answer + HEADERS_LEN, packet->len);
    p->answer_len = len;
}

/* Which groups are listened to? (RFC 3810 s5.1, s6.2; RFC 2710 s4) */
static void query_input(struct ra_port *p, const struct ra_packet *packet, nsec_t now)
{
    struct ipaddr group;
    if (packet->len < MLD_LEN || packet->hop_limit != 1 || !nd_is_link_local(&packet->from))
        return;
    uint16_t code = get_be16(packet->bytes + 4);
    nsec_t most_ms = code < 0x8000 ? code : (nsec_t)((code & 0xfff) | 0x1000) << ((code >> 12 & 7) + 3);
    memcpy(group.b, packet->bytes + 8, sizeof(group.b));
    if (!nd_is_unspecified(&group) && !ipaddr_equal(&group, &p->group) &&
        !ipaddr_equal(&group, &nd_all_routers))
        return;
    if (most_ms > REPORT_DELAY_MAX_MS)
        most_ms = REPORT_DELAY_MAX_MS;
    nsec_t at = now + draw_ms(p, most_ms);
    p->report_is_v1 = packet->len == MLD_LEN;
    if (at < p->report_at)
        p->report_at = at;
}

bool ra_port_input(struct ra_port *p, const uint8_t *frame, size_t len, nsec_t now, struct ra_packet *ret)
{
    struct ra_packet packet;
    if ((p->state != RA_PORT_TRYING && p->state != RA_PORT_READY) || !open_frame(p, frame, len, &packet) ||
        !is_for_us(p, &packet))
        return false;
    switch (packet.bytes[0]) {
    case ND_NEIGHBOR_SOLICIT:
    case ND_NEIGHBOR_ADVERT:
        neighbor_input(p, &packet);
        return false;
    case ECHO_REQUEST:
        echo_input(p, &packet);
        return false;
    case MLD_QUERY:
        query_input(p, &packet, now);
        return false;
    case ND_ROUTER_SOLICIT:
    case ND_ROUTER_ADVERT:
        *ret = packet;
        return p->state == RA_PORT_READY;
    default:
        return false;
    }
}
