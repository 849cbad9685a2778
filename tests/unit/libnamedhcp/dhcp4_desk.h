/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A DHCPv4 server on a desk: what a client says goes in, and what came out lies there; the test is the DNS, the network and the
 * disk. */
#ifndef TEST_DHCP4_DESK_H
#define TEST_DHCP4_DESK_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libnamedhcp/dhcp4_server.h"
#include "wire/rrtype.h"

#define NET    0x0a000000u /* 10.0.0.0/24 */
#define SERVER (NET + 1)
#define FAR    0x0a010000u /* 10.1.0.0/24, behind a relay */
#define RELAY  (FAR + 1)
#define BYNAME 0x0a020000u /* 10.2.0.0/24, addresses from the DNS */
#define DNS    (NET + 53)

enum { KEPT_MAX = 8 };

struct desk {
    struct name_policy *names;
    struct lease_table *leases;
    struct dhcp4_server *server;
    struct server_time now;
    uint8_t mac[6];
    uint32_t xid;
    /* what came out */
    unsigned n_sent, n_kept, n_asked, n_probed, n_notes;
    uint32_t question;
    uint16_t qtype;
    char asked[DNAME_TEXT_MAX];
    struct ipaddr probed;
    struct server_event probe; /* the last one */
    struct server_lease kept[KEPT_MAX];
    struct dhcp4_message reply;
    struct server_packet packet;
};

static const uint8_t dns_bytes[] = {10, 0, 0, 53}, router_bytes[] = {10, 0, 0, 1};

static struct dhcp4_subnet subnets[] = {
    {.network = NET,
     .bits = 24,
     .links = 1,
     .lease_s = 3600,
     .lease_max_s = 7200,
     .n_options = 2,
     .options = {{DHCP4_NAME_SERVERS, dns_bytes, 4}, {DHCP4_ROUTERS, router_bytes, 4}}},
    {.network = FAR, .bits = 24, .lease_s = 3600, .lease_max_s = 7200},
    {.network = BYNAME, .bits = 24, .by_name = true, .lease_s = 3600, .lease_max_s = 7200},
};
static const struct lease_pool pools[] = {{NET + 100, NET + 103, 0}, {FAR + 100, FAR + 199, 1}};
static const struct dhcp4_fixed fixed[] = {
    {.mac = {2, 0, 0, 0, 0, 0x77}, .addr = NET + 77},
    {.identity_len = 5, .identity = "fixed", .addr = NET + 78},
};

static inline void no_chance(void *arg, void *bytes, size_t len)
{
    (void)arg;
    memset(bytes, 7, len);
}

struct choice {
    bool authoritative, probe, rapid_commit, claims;
    bool two_links; /* the second one is of FAR */
    nsec_t echo_time;
    uint32_t leases_max; /* 0: 1000 */
    const char *allowed; /* a pattern for the names that clients want; NULL: any */
    const char *made;    /* a pattern for the names of clients that want none */
};

static inline void start_server(struct desk *d, struct choice c)
{
    const struct server_env env = {.random = no_chance};
    const uint32_t reserved[] = {NET + 77, NET + 78};
    const struct lease_settings leases = {.pools = pools,
                                          .n_pools = 2,
                                          .reserved = reserved,
                                          .n_reserved = 2,
                                          .leases_max = c.leases_max ? c.leases_max : 1000};
    const struct name_policy_settings names = {.claims = c.claims,
                                               .claims_max = 10,
                                               .claims_keep_s = 86400,
                                               .made = c.made,
                                               .patterns = &c.allowed,
                                               .n_patterns = c.allowed ? 1 : 0};

    assert_int_equal(name_policy_new(&names, &d->names), 0);
    assert_int_equal(lease_table_new(&leases, &d->leases), 0);
    subnets[1].links = c.two_links ? 2 : 0;
    const struct dhcp4_server_settings settings = {
        .names = d->names,
        .leases = d->leases,
        .subnets = subnets,
        .link_ids = {SERVER, c.two_links ? FAR + 9 : 0},
        .echo_time = c.echo_time,
        .n_subnets = ARRAY_LEN(subnets),
        .fixed = fixed,
        .n_fixed = ARRAY_LEN(fixed),
        .server_id = SERVER,
        .authoritative = c.authoritative,
        .probe = c.probe,
        .rapid_commit = c.rapid_commit,
        .waiting_max = 16,
    };
    assert_int_equal(dhcp4_server_new(&env, &settings, &d->server), 0);
}

static inline void stop_server(struct desk *d)
{
    dhcp4_server_free(d->server);
    lease_table_free(d->leases);
    name_policy_free(d->names);
}

static inline struct desk open_desk(struct choice c)
{
    struct desk d = {.now = {NSEC_PER_SEC, 1000000}, .mac = {2, 0, 0, 0, 0, 1}, .xid = 1};

    start_server(&d, c);
    return d;
}

static inline void collect(struct desk *d)
{
    struct server_event e;
    enum server_event_kind kind;

    while ((kind = dhcp4_server_next(d->server, &e)) != SERVER_NONE) {
        switch (kind) {
        case SERVER_ASK:
            d->n_asked++;
            d->question = e.question;
            d->qtype = e.qtype;
            dname_to_text(e.name, d->asked);
            break;
        case SERVER_PROBE:
            d->n_probed++;
            d->question = e.question;
            d->probed = e.addr;
            d->probe = e;
            break;
        case SERVER_LEASE:
        case SERVER_FORGET:
            assert_int_equal(d->n_sent, 0); /* before anybody hears of it */
            assert_true(d->n_kept < KEPT_MAX);
            d->kept[d->n_kept++] = *e.lease;
            break;
        case SERVER_SEND:
            d->n_sent++;
            d->packet = e.packet;
            assert_int_equal(dhcp4_read(e.packet.bytes, e.packet.len, &d->reply), 0);
            assert_int_equal(d->reply.header.op, DHCP4_BOOTREPLY);
            assert_int_equal(d->reply.header.xid, d->xid);
            break;
        default:
            d->n_notes++;
        }
    }
}

/* What a client says beside its MAC address; zeros: nothing. */
struct said {
    enum dhcp4_type type;
    uint32_t requested, server, ciaddr, giaddr, lease_s;
    const char *id, *host, *relay_info;
    const struct dhcp4_fqdn *fqdn;
    bool broadcast, rapid, no_list, no_hardware;
    uint16_t max_size;
    unsigned link;
};

static inline void say(struct desk *d, struct said m)
{
    uint8_t bytes[DHCP4_MESSAGE_MAX];
    const uint8_t list[] = {DHCP4_SUBNET_MASK, DHCP4_ROUTERS, DHCP4_NAME_SERVERS, DHCP4_BROADCAST_ADDRESS};
    struct dhcp4_header h = {
        .op = DHCP4_BOOTREQUEST, .htype = 1, .hlen = 6, .xid = d->xid, .broadcast = m.broadcast};
    struct dhcp4_layout layout = {.relay = (const uint8_t *)m.relay_info};
    struct dhcp4_writer dw;

    h.hlen = m.no_hardware ? 0 : 6;
    h.ciaddr = m.ciaddr;
    h.giaddr = m.giaddr;
    memcpy(h.chaddr, d->mac, 6);
    layout.relay_len = m.relay_info ? strlen(m.relay_info) : 0;
    dhcp4_begin(&dw, bytes, sizeof(bytes), &h, &layout);
    dhcp4_put_u8(&dw, DHCP4_MESSAGE_TYPE, (uint8_t)m.type);
    if (m.requested)
        dhcp4_put_u32(&dw, DHCP4_REQUESTED_ADDRESS, m.requested);
    if (m.server)
        dhcp4_put_u32(&dw, DHCP4_SERVER_ID, m.server);
    if (m.lease_s)
        dhcp4_put_u32(&dw, DHCP4_LEASE_TIME, m.lease_s);
    if (m.id)
        dhcp4_put(&dw, DHCP4_CLIENT_ID, m.id, strlen(m.id));
    if (m.host)
        dhcp4_put(&dw, DHCP4_HOST_NAME, m.host, strlen(m.host));
    if (m.fqdn) {
        uint8_t option[3 + DNAME_MAX];
        struct writer w = writer_of(option, sizeof(option));
        dhcp4_write_fqdn(&w, m.fqdn);
        dhcp4_put(&dw, DHCP4_FQDN, option, w.pos);
    }
    if (m.max_size)
        dhcp4_put_u16(&dw, DHCP4_MAX_SIZE, m.max_size);
    if (m.rapid)
        dhcp4_put(&dw, DHCP4_RAPID_COMMIT, NULL, 0);
    if (!m.no_list)
        dhcp4_put(&dw, DHCP4_PARAMETER_LIST, list, sizeof(list));
    int len = dhcp4_end(&dw);
    assert_true(len > 0);
    const struct server_packet packet = {
        .bytes = bytes, .len = (size_t)len, .link = m.link, .from_mac = {2, 0, 0, 0, 0, 0xfe}};
    d->n_sent = d->n_kept = d->n_asked = d->n_probed = 0;
    dhcp4_server_input(d->server, &packet, d->now);
    collect(d);
}

static inline uint32_t expect(struct desk *d, enum dhcp4_type type)
{
    uint32_t id;

    assert_int_equal(d->n_sent, 1);
    assert_int_equal(d->reply.type, type);
    assert_true(dhcp4_u32(&d->reply, DHCP4_SERVER_ID, &id) && id == SERVER);
    assert_memory_equal(d->reply.header.chaddr, d->mac, 6);
    return d->reply.header.yiaddr;
}

static inline void later(struct desk *d, unsigned seconds)
{
    d->now.mono += seconds * NSEC_PER_SEC;
    d->now.wall_s += seconds;
    dhcp4_server_timeout(d->server, d->now);
    collect(d);
}

/* The whole of it; the address. */
static inline uint32_t lease_an_address(struct desk *d, const char *host)
{
    d->xid++;
    say(d, (struct said){.type = DHCP4_DISCOVER, .host = host});
    uint32_t addr = expect(d, DHCP4_OFFER);
    say(d, (struct said){.type = DHCP4_REQUEST, .requested = addr, .server = SERVER, .host = host});
    assert_int_equal(expect(d, DHCP4_ACK), addr);
    return addr;
}

static inline void be_client(struct desk *d, uint8_t n)
{
    d->mac[5] = n;
    d->xid++;
}

#endif
