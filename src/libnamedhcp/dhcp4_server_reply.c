/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the server says, and to whom (RFC 2131 s4.3.1, s4.1).
 *
 * Options go in the order: what each reply has, what the client asked for, in its order, and the rest of what the subnet has;
 * so of what does not fit the least wanted is left out. Details that the client's name brings (the TXT record) stand before
 * those of the subnet. A relay's information comes last (RFC 3046 s2.2).
 */
#include "libnamedhcp/dhcp4_server_core.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define DETAIL_ADDRS_MAX 8  /* of one key */
#define HEADERS_LEN      28 /* IP and UDP: what option 57 counts and a payload has not */

/* --- details of a name --- */

static const struct {
    const char *key;
    uint8_t code;
} detail_keys[] = {
    {"mask", DHCP4_SUBNET_MASK},
    {"broadcast", DHCP4_BROADCAST_ADDRESS},
    {"router", DHCP4_ROUTERS},
    {"dns", DHCP4_NAME_SERVERS},
};

/* The addresses that "key=ADDR" gives in the text, as often as it stands there; how many. */
static size_t detail(const char *text, const char *key, uint32_t addrs[static DETAIL_ADDRS_MAX])
{
    size_t key_len = strlen(key), n = 0;

    while (*text && n < DETAIL_ADDRS_MAX) {
        size_t len = strcspn(text, ", ");
        char value[INET_ADDRSTRLEN];
        struct in_addr addr;
        if (len > key_len && len - key_len - 1 < sizeof(value) && strncasecmp(text, key, key_len) == 0 &&
            text[key_len] == '=') {
            memcpy(value, text + key_len + 1, len - key_len - 1);
            value[len - key_len - 1] = '\0';
            if (inet_pton(AF_INET, value, &addr) == 1)
                addrs[n++] = ntohl(addr.s_addr);
        }
        text += len;
        text += strspn(text, ", ");
    }
    return n;
}

/* --- options --- */

/* Which have been written. */
struct written {
    uint32_t bits[8];
};

static bool mark(struct written *w, uint8_t code)
{
    uint32_t bit = UINT32_C(1) << (code % 32);
    bool before = w->bits[code / 32] & bit;

    w->bits[code / 32] |= bit;
    return !before;
}

/* An option that does not fit is left out. */
static void put(struct dhcp4_writer *dw, uint8_t code, const void *bytes, size_t len)
{
    struct dhcp4_writer before = *dw;

    dhcp4_put(dw, code, bytes, len);
    if (dw->field.bad)
        *dw = before;
}

static bool put_detail(struct dhcp4_writer *dw, const struct request4 *r, uint8_t code)
{
    uint32_t addrs[DETAIL_ADDRS_MAX];
    uint8_t bytes[4 * DETAIL_ADDRS_MAX];
    size_t n = 0;

    for (unsigned i = 0; i < ARRAY_LEN(detail_keys) && n == 0; i++)
        if (detail_keys[i].code == code)
            n = detail(r->details, detail_keys[i].key, addrs);
    for (size_t i = 0; i < n; i++)
        put_be32(bytes + 4 * i, addrs[i]);
    if (n > 0)
        put(dw, code, bytes, 4 * n);
    return n > 0;
}

static void put_configured(struct dhcp4_writer *dw, const struct dhcp4_subnet *subnet,
                           const struct request4 *r, uint8_t code)
{
    uint8_t mask[4];

    if (put_detail(dw, r, code))
        return;
    for (unsigned i = 0; i < subnet->n_options; i++) {
        if (subnet->options[i].code == code) {
            put(dw, code, subnet->options[i].bytes, subnet->options[i].len);
            return;
        }
    }
    put_be32(mask, dhcp4_mask_of(subnet->bits));
    if (code == DHCP4_SUBNET_MASK)
        put(dw, code, mask, sizeof(mask));
}

static void put_asked_for(struct dhcp4_writer *dw, const struct dhcp4_server *s, const struct request4 *r,
                          struct written *done)
{
    const struct dhcp4_subnet *subnet = subnet_of(s, r);
    size_t n;
    const uint8_t *list = dhcp4_option(&s->in, DHCP4_PARAMETER_LIST, &n);

    if (mark(done, DHCP4_SUBNET_MASK)) /* before the routers (RFC 2132 s3.3) */
        put_configured(dw, subnet, r, DHCP4_SUBNET_MASK);
    for (size_t i = 0; list && i < n; i++)
        if (mark(done, list[i]))
            put_configured(dw, subnet, r, list[i]);
    for (unsigned i = 0; !list && i < ARRAY_LEN(detail_keys); i++)
        if (mark(done, detail_keys[i].code))
            put_configured(dw, subnet, r, detail_keys[i].code);
    for (unsigned i = 0; !list && i < subnet->n_options; i++)
        if (mark(done, subnet->options[i].code))
            put_configured(dw, subnet, r, subnet->options[i].code);
}

/* RFC 4702 s4: the DNS knows the name by itself, which is what S says to a client. */
static void put_fqdn(struct dhcp4_writer *dw, const struct dhcp4_server *s, const struct request4 *r)
{
    struct dhcp4_fqdn fqdn;
    uint8_t bytes[3 + DNAME_MAX];
    struct writer w = writer_of(bytes, sizeof(bytes));

    if (!r->named || !dhcp4_fqdn(&s->in, &fqdn))
        return;
    fqdn.overridden = !fqdn.no_updates && !fqdn.server_updates;
    fqdn.server_updates = !fqdn.no_updates;
    fqdn.rcode1 = fqdn.rcode2 = 255; /* s2.2 */
    fqdn.complete = true;
    memcpy(fqdn.name, r->name, dname_len(r->name));
    dhcp4_write_fqdn(&w, &fqdn);
    if (!w.bad)
        put(dw, DHCP4_FQDN, bytes, w.pos);
}

static void put_times(struct dhcp4_writer *dw, uint32_t lease_s)
{
    dhcp4_put_u32(dw, DHCP4_LEASE_TIME, lease_s);
    if (lease_s == DHCP4_FOREVER)
        return;
    dhcp4_put_u32(dw, DHCP4_RENEWAL_TIME, lease_s / 2);
    dhcp4_put_u32(dw, DHCP4_REBINDING_TIME, lease_s - lease_s / 8);
}

static void put_options(struct dhcp4_writer *dw, const struct dhcp4_server *s, const struct request4 *r)
{
    static const uint8_t types[] = {
        [REPLY4_OFFER] = DHCP4_OFFER, [REPLY4_ACK] = DHCP4_ACK, [REPLY4_NAK] = DHCP4_NAK};
    struct written done = {{0}};
    size_t len;
    const uint8_t *id = dhcp4_option(&s->in, DHCP4_CLIENT_ID, &len);

    dhcp4_put_u8(dw, DHCP4_MESSAGE_TYPE, types[r->reply]);
    dhcp4_put_u32(dw, DHCP4_SERVER_ID, server_id_for(s, r));
    if (id) /* RFC 6842 */
        put(dw, DHCP4_CLIENT_ID, id, len);
    for (unsigned code = DHCP4_REQUESTED_ADDRESS; code <= DHCP4_CLIENT_ID; code++)
        mark(&done, (uint8_t)code); /* those of the protocol itself */
    mark(&done, DHCP4_RELAY_INFORMATION);
    mark(&done, DHCP4_FQDN);
    mark(&done, DHCP4_RAPID_COMMIT);
    if (r->reply == REPLY4_NAK)
        return;
    if (s->in.type != DHCP4_INFORM)
        put_times(dw, r->lease_s);
    if (s->in.type == DHCP4_DISCOVER && r->reply == REPLY4_ACK)
        put(dw, DHCP4_RAPID_COMMIT, NULL, 0);
    put_fqdn(dw, s, r);
    put_asked_for(dw, s, r, &done);
}

/* --- the way back --- */

static struct ipendpoint endpoint(uint32_t addr, uint16_t port)
{
    struct ipendpoint e = {.addr.b = {[10] = 0xff, [11] = 0xff}, .port = port};

    put_be32(e.addr.b + 12, addr);
    return e;
}

/* s4.1; a NAK is broadcast, since the client's address may be of another network. */
static void address_reply(const struct dhcp4_server *s, const struct request4 *r,
                          const struct dhcp4_header *reply, struct server_packet *ret)
{
    const struct dhcp4_header *in = &s->in.header;

    ret->link = r->head.link;
    memcpy(ret->via_mac, r->head.from_mac, sizeof(ret->via_mac));
    if (in->giaddr) {
        ret->to = endpoint(in->giaddr, DHCP4_SERVER_PORT);
    } else if (in->ciaddr && r->reply != REPLY4_NAK) {
        ret->to = endpoint(in->ciaddr, DHCP4_CLIENT_PORT);
    } else if (r->reply == REPLY4_NAK || in->broadcast || in->htype != 1 || in->hlen != 6) {
        ret->to = endpoint(UINT32_MAX, DHCP4_CLIENT_PORT);
        memset(ret->to_mac, 0xff, sizeof(ret->to_mac));
    } else {
        ret->to = endpoint(reply->yiaddr, DHCP4_CLIENT_PORT);
        memcpy(ret->to_mac, in->chaddr, sizeof(ret->to_mac));
    }
}

/* s4.3.1 table 3. */
static struct dhcp4_header header_of(const struct dhcp4_server *s, const struct request4 *r)
{
    const struct dhcp4_header *in = &s->in.header;
    struct dhcp4_header h = {
        .op = DHCP4_BOOTREPLY,
        .htype = in->htype,
        .hlen = in->hlen,
        .xid = in->xid,
        .broadcast = in->broadcast ||
                     (r->reply == REPLY4_NAK && in->giaddr != 0), /* s4.3.2: the relay broadcasts it */
        .giaddr = in->giaddr,
    };

    memcpy(h.chaddr, in->chaddr, sizeof(h.chaddr));
    if (r->reply != REPLY4_NAK && s->in.type != DHCP4_INFORM)
        h.yiaddr = r->addr;
    if (r->reply == REPLY4_ACK)
        h.ciaddr = in->ciaddr;
    return h;
}

size_t request4_reply(struct dhcp4_server *s, const struct request4 *r, struct server_packet *ret)
{
    struct dhcp4_header header = header_of(s, r);
    struct dhcp4_layout layout = {.overload = true};
    struct dhcp4_writer dw;
    uint16_t wanted;
    size_t size = DHCP4_DATAGRAM - HEADERS_LEN;

    if (dhcp4_u16(&s->in, DHCP4_MAX_SIZE, &wanted) && wanted > DHCP4_DATAGRAM)
        size = wanted - HEADERS_LEN < (int)sizeof(s->bytes) ? wanted - (size_t)HEADERS_LEN : sizeof(s->bytes);
    layout.relay = dhcp4_option(&s->in, DHCP4_RELAY_INFORMATION, &layout.relay_len);
    dhcp4_begin(&dw, s->bytes, size, &header, &layout);
    put_options(&dw, s, r);
    int len = dhcp4_end(&dw);
    address_reply(s, r, &header, ret);
    return len > 0 ? (size_t)len : 0;
}
