/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The messages of the client, and which of a server's messages are for it.
 *
 * What stands in a message follows from its type and the phase (RFC 2131 tables 4 and 5):
 *
 *                  ciaddr   requested  server id  sent to
 *   DISCOVER       0        the hint   -          everybody, as a frame from 0.0.0.0
 *   REQUESTING     0        offered    chosen     the same
 *   REBOOTING      0        the hint   -          the same
 *   RENEWING       ours     -          -          the server, by the stack
 *   REBINDING      ours     -          -          everybody, as a frame from our address
 *   DECLINE        0        refused    its own    everybody, as a frame from 0.0.0.0
 *   RELEASE        ours     -          its own    the server, by the stack
 *
 * DISCOVER and REQUEST also say what is wanted, how much fits, and the name of the node, with the wish that
 * the server enter it in the DNS (RFC 4702 s3.3): the client cannot. A host name is never sent (s3.1: not
 * both).
 */
#include "libiothconf/dhcp4_client_core.h"

#include <errno.h>

enum {
    HARDWARE_ETHERNET = 1,
    BROADCAST_AFTER = 2, /* messages of a round without an answer */
    SECS_MAX = UINT16_MAX,
    ETHERNET_MTU = 1500,
};

/* What every client asks for. Classless routes come before the options that they replace (RFC 3442). */
static const uint8_t wanted[] = {
    DHCP4_SUBNET_MASK,  DHCP4_CLASSLESS_ROUTES, DHCP4_ROUTERS,       DHCP4_STATIC_ROUTES,
    DHCP4_NAME_SERVERS, DHCP4_DOMAIN_NAME,      DHCP4_DOMAIN_SEARCH, DHCP4_MTU,
    DHCP4_LEASE_TIME,   DHCP4_SERVER_ID,        DHCP4_RENEWAL_TIME,  DHCP4_REBINDING_TIME,
};

void dhcp4_client_new_xid(struct dhcp4_client *c)
{
    c->env.random(c->env.arg, &c->xid, sizeof(c->xid));
}

/* ---- writing ---- */

/* How a message goes: what the table above says. */
struct way {
    bool has_address;              /* ciaddr, and the source */
    bool to_server;                /* else to everybody */
    uint32_t requested, server_id; /* options; 0: not said */
};

static struct way way_of(const struct dhcp4_client *c, enum dhcp4_type type)
{
    if (type == DHCP4_DISCOVER)
        return (struct way){.requested = c->hint.addr};
    if (type == DHCP4_DECLINE)
        return (struct way){.requested = c->lease.addr, .server_id = c->lease.server};
    if (type == DHCP4_RELEASE)
        return (struct way){.has_address = true, .to_server = true, .server_id = c->lease.server};
    switch (c->phase) {
    case DHCP4_REQUESTING:
        return (struct way){.requested = c->offer.addr, .server_id = c->offer.server};
    case DHCP4_REBOOTING:
        return (struct way){.requested = c->offer.addr};
    default:
        return (struct way){.has_address = true, .to_server = c->phase == DHCP4_RENEWING};
    }
}

static struct dhcp4_header header_of(struct dhcp4_client *c, enum dhcp4_type type, const struct way *way,
                                     nsec_t now)
{
    bool asks = type == DHCP4_DISCOVER || type == DHCP4_REQUEST;
    struct dhcp4_header h = {
        .op = DHCP4_BOOTREQUEST,
        .htype = HARDWARE_ETHERNET,
        .hlen = sizeof(c->env.mac),
        .xid = c->xid,
        .broadcast = asks && !way->has_address && (c->wants_broadcast || c->tries >= BROADCAST_AFTER),
        .ciaddr = way->has_address ? c->lease.addr : 0,
    };

    memcpy(h.chaddr, c->env.mac, sizeof(c->env.mac));
    if (!asks)
        return h;
    if (type == DHCP4_DISCOVER || c->phase != DHCP4_REQUESTING) { /* there: as in DISCOVER (s3.1 step 3) */
        nsec_t secs = (now - c->began) / NSEC_PER_SEC;
        c->secs = (uint16_t)(secs < 0 ? 0 : secs > SECS_MAX ? SECS_MAX : secs);
    }
    h.secs = c->secs;
    return h;
}

static void put_parameter_list(const struct dhcp4_client *c, struct dhcp4_writer *dw)
{
    uint8_t codes[sizeof(wanted) + DHCP4_CLIENT_ALSO_MAX];
    size_t n = sizeof(wanted);

    memcpy(codes, wanted, n);
    for (size_t i = 0; i < c->n_also; i++) {
        if (!memchr(codes, c->also[i], n))
            codes[n++] = c->also[i];
    }
    dhcp4_put(dw, DHCP4_PARAMETER_LIST, codes, n);
}

static void put_max_size(const struct dhcp4_client *c, struct dhcp4_writer *dw)
{
    uint16_t size = c->env.mtu == 0 || c->env.mtu > ETHERNET_MTU ? ETHERNET_MTU : c->env.mtu;

    dhcp4_put_u16(dw, DHCP4_MAX_SIZE, size < DHCP4_DATAGRAM ? DHCP4_DATAGRAM : size);
}

static void put_fqdn(const struct dhcp4_client *c, struct dhcp4_writer *dw)
{
    struct dhcp4_fqdn fqdn = {.server_updates = true, .wire = true, .complete = true};
    uint8_t value[3 + DNAME_MAX];
    struct writer w = writer_of(value, sizeof(value));

    if (!c->env.fqdn)
        return;
    memcpy(fqdn.name, c->env.fqdn, dname_len(c->env.fqdn));
    dhcp4_write_fqdn(&w, &fqdn);
    dhcp4_put(dw, DHCP4_FQDN, value, w.pos);
}

static void address_packet(struct dhcp4_client *c, const struct way *way, size_t len)
{
    struct client_packet *p = &c->packet;

    *p = (struct client_packet){.way = CLIENT_UDP, .bytes = c->bytes, .len = len};
    p->from.addr = ipaddr_of_v4(way->has_address ? c->lease.addr : 0);
    p->from.port = DHCP4_CLIENT_PORT;
    p->to.addr = ipaddr_of_v4(way->to_server ? c->lease.server : UINT32_MAX);
    p->to.port = DHCP4_SERVER_PORT;
    if (!way->to_server)
        memset(p->to_mac, 0xff, sizeof(p->to_mac));
    c->packet_waits = true;
}

void dhcp4_client_say(struct dhcp4_client *c, enum dhcp4_type type, nsec_t now)
{
    struct way way = way_of(c, type);
    struct dhcp4_header header = header_of(c, type, &way, now);
    struct dhcp4_writer dw;

    dhcp4_begin(&dw, c->bytes, sizeof(c->bytes), &header, NULL);
    dhcp4_put_u8(&dw, DHCP4_MESSAGE_TYPE, (uint8_t)type);
    dhcp4_put(&dw, DHCP4_CLIENT_ID, c->client_id, c->client_id_len);
    if (way.requested != 0)
        dhcp4_put_u32(&dw, DHCP4_REQUESTED_ADDRESS, way.requested);
    if (way.server_id != 0)
        dhcp4_put_u32(&dw, DHCP4_SERVER_ID, way.server_id);
    if (type == DHCP4_DISCOVER && c->rapid_commit)
        dhcp4_put(&dw, DHCP4_RAPID_COMMIT, NULL, 0);
    if (type == DHCP4_DISCOVER || type == DHCP4_REQUEST) {
        put_max_size(c, &dw);
        put_fqdn(c, &dw);
        put_parameter_list(c, &dw);
    }
    int len = dhcp4_end(&dw);
    if (len < 0) /* cannot be: client id, name and codes together are far smaller than the buffer */
        return;
    c->releases = type == DHCP4_RELEASE;
    address_packet(c, &way, (size_t)len);
}

/* ---- reading ---- */

/* RFC 6842 s3: a server gives the client id back; one that does not is older. */
static bool is_our_id(const struct dhcp4_client *c, const struct dhcp4_message *m)
{
    size_t len;
    const uint8_t *id = dhcp4_option(m, DHCP4_CLIENT_ID, &len);

    return !id || (len == c->client_id_len && memcmp(id, c->client_id, len) == 0);
}

int dhcp4_client_read(const struct dhcp4_client *c, const struct client_packet *packet,
                      struct dhcp4_message *ret)
{
    struct dhcp4_message m;

    if (packet->to.port != DHCP4_CLIENT_PORT || dhcp4_read(packet->bytes, packet->len, &m) < 0)
        return -EBADMSG;
    const struct dhcp4_header *h = &m.header;
    if (h->op != DHCP4_BOOTREPLY || h->htype != HARDWARE_ETHERNET || h->hlen != sizeof(c->env.mac) ||
        h->xid != c->xid || memcmp(h->chaddr, c->env.mac, sizeof(c->env.mac)) != 0 || !is_our_id(c, &m))
        return -EBADMSG;
    *ret = m;
    return 0;
}
