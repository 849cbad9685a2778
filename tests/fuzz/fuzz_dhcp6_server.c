/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The bytes are a script for the DHCPv6 server: clients and relays say this and that, packets of any bytes come in, the DNS
 * answers or does not, time passes. After each step: replies are well-formed, they answer somebody, an address with a lifetime
 * is one that the DNS gave, and a claim was kept before its client heard of it.
 */
#include "fuzz.h"

#include "libnamedhcp/dhcp6_server.h"

enum {
    STEPS_MAX = 400,
    CLIENTS = 4,
};

static const uint8_t server_duid[] = {0, 3, 0, 1, 2, 0, 0, 0, 0, 0x99};

struct script {
    struct reader bytes;
    struct name_policy *names;
    struct dhcp6_server *server;
    struct server_time now;
    uint32_t question;
};

static void no_chance(void *arg, void *bytes, size_t len)
{
    (void)arg;
    memset(bytes, 1, len);
}

/* The DNS knows these alone. */
static struct ipaddr address(uint8_t which)
{
    return (struct ipaddr){{0xfc, [15] = which & 3}};
}

static void start(struct script *s)
{
    const struct server_env env = {.random = no_chance};
    uint8_t flags = reader_u8(&s->bytes);
    const struct name_policy_settings names = {
        .claims = flags & 1, .claims_max = 2, .claims_keep_s = 500, .made = flags & 2 ? "%duid%.lan" : NULL};

    FUZZ_ASSERT(name_policy_new(&names, &s->names) == 0);
    struct dhcp6_server_settings settings = {.names = s->names,
                                             .duid = server_duid,
                                             .duid_len = sizeof(server_duid),
                                             .rapid_commit = flags & 4,
                                             .lifetime_max_s = 1000,
                                             .waiting_max = 4};
    settings.given.has = DHCP6_HAS_DNS | DHCP6_HAS_REFRESH_TIME;
    settings.given.n_dns = 1;
    FUZZ_ASSERT(dhcp6_server_new(&env, &settings, &s->server) == 0);
}

static bool is_known(const struct ipaddr *addr)
{
    for (uint8_t i = 0; i < 4; i++) {
        struct ipaddr known = address(i);
        if (ipaddr_equal(addr, &known))
            return true;
    }
    return false;
}

static void hear(const uint8_t *bytes, size_t len)
{
    struct dhcp6_relay relays[DHCP6_RELAYS_MAX];
    struct dhcp6_bytes inner;
    struct dhcp6_message m;
    int n = dhcp6_unwrap(bytes, len, relays, &inner);

    FUZZ_ASSERT(n >= 0 && (n == 0 || relays[0].type == DHCP6_RELAY_REPL));
    FUZZ_ASSERT(dhcp6_read(inner.at, inner.len, &m) == 0 && m.malformed == 0);
    FUZZ_ASSERT(m.type == DHCP6_ADVERTISE || m.type == DHCP6_REPLY || m.type == DHCP6_ADDR_REG_REPLY);
    FUZZ_ASSERT(m.has & DHCP6_HAS_SERVER_ID);
    for (unsigned i = 0; i < m.n_ia; i++) {
        FUZZ_ASSERT(m.ia[i].t1_s <= m.ia[i].t2_s);
        for (unsigned j = 0; j < m.ia[i].n_leases; j++) {
            const struct dhcp6_lease *l = &m.ia[i].leases[j];
            FUZZ_ASSERT(l->preferred_s <= l->valid_s && (l->valid_s == 0 || is_known(&l->addr)));
        }
    }
}

static void collect(struct script *s)
{
    struct server_event e;
    enum server_event_kind kind;

    while ((kind = dhcp6_server_next(s->server, &e)) != SERVER_NONE) {
        if (kind == SERVER_ASK)
            s->question = e.question;
        if (kind == SERVER_LEASE)
            FUZZ_ASSERT(e.lease->state == SERVER_LEASE_CLAIM && e.lease->ends > s->now.wall_s);
        if (kind == SERVER_SEND)
            hear(e.packet.bytes, e.packet.len);
    }
}

static void come_in(struct script *s, const uint8_t *bytes, size_t len, uint8_t flags)
{
    struct server_packet packet = {.bytes = bytes, .len = len};

    packet.to.addr = flags & 1 ? address(9) : DHCP6_ALL_AGENTS;
    packet.from.addr = address(flags >> 1);
    dhcp6_server_input(s->server, &packet, s->now);
}

static void put_ia(struct script *s, struct dhcp6_message *m)
{
    struct dhcp6_ia *ia = &m->ia[m->n_ia++];
    uint8_t flags = reader_u8(&s->bytes);

    m->has |= DHCP6_HAS_IA;
    *ia = (struct dhcp6_ia){.code = flags & 1 ? DHCP6_OPT_IA_PD : DHCP6_OPT_IA_NA, .iaid = flags >> 6};
    for (unsigned n = (flags >> 1) & 3; n > 0; n--) {
        ia->has |= DHCP6_HAS_ADDR;
        ia->leases[ia->n_leases++] =
            (struct dhcp6_lease){.addr = address(reader_u8(&s->bytes)), .prefix_len = flags & 1 ? 64 : 128};
    }
}

static void client_speaks(struct script *s)
{
    uint8_t duid[10] = {0, 3, 0, 1, 2}, bytes[1500], outer[1500];
    uint8_t flags = reader_u8(&s->bytes), to = reader_u8(&s->bytes);
    struct dhcp6_message m = {.has = DHCP6_HAS_CLIENT_ID, .type = reader_u8(&s->bytes) % 40};
    struct writer w = writer_of(bytes, sizeof(bytes)), o = writer_of(outer, sizeof(outer));
    const struct dhcp6_relay relay = {.type = DHCP6_RELAY_FORW, .peer = address(to)};

    duid[9] = reader_u8(&s->bytes) % CLIENTS;
    m.client_id = (struct dhcp6_bytes){duid, sizeof(duid)};
    m.xid = reader_u8(&s->bytes) & 3;
    if (flags & 1) {
        m.has |= DHCP6_HAS_SERVER_ID;
        m.server_id = (struct dhcp6_bytes){server_duid, sizeof(server_duid)};
    }
    if (flags & 2) {
        m.has |= DHCP6_HAS_FQDN;
        m.fqdn.partial = flags & 4;
        FUZZ_ASSERT(dname_from_text("h.lan", 5, m.fqdn.name) > 0);
        m.fqdn.name[1] = (uint8_t)('a' + (flags >> 7));
    }
    if (flags & 8) {
        m.has |= DHCP6_HAS_ADDR;
        m.addr = (struct dhcp6_lease){.addr = address(to >> 1), .prefix_len = 128};
    }
    m.has |= flags & 16 ? DHCP6_HAS_RAPID_COMMIT : 0;
    for (unsigned n = (flags >> 5) & 3; n > 0; n--)
        put_ia(s, &m);
    if (dhcp6_write(&w, &m) < 0)
        return;
    if (!(to & 0x80)) {
        come_in(s, bytes, w.pos, to);
    } else if (dhcp6_wrap(&o, &relay, 1, bytes, w.pos) == 0) {
        come_in(s, outer, o.pos, to);
    }
}

static void dns_answers(struct script *s)
{
    uint8_t flags = reader_u8(&s->bytes);
    struct server_answer a = {.question = s->question, .status = (enum server_answer_status)(flags % 3)};

    a.ttl_s = reader_u32(&s->bytes);
    a.n_addrs = (flags >> 2) & 3;
    for (unsigned i = 0; i < a.n_addrs; i++)
        a.addrs[i] = address((uint8_t)(i + (flags >> 4)));
    dhcp6_server_answer(s->server, &a, s->now);
}

static void step(struct script *s)
{
    switch (reader_u8(&s->bytes) % 6) {
    case 0: {
        uint8_t flags = reader_u8(&s->bytes);
        size_t len = reader_u16(&s->bytes) % (reader_left(&s->bytes) + 1);
        const uint8_t *bytes = reader_take(&s->bytes, len);
        if (bytes)
            come_in(s, bytes, len, flags);
        break;
    }
    case 1:
        s->now.mono += reader_u8(&s->bytes) * NSEC_PER_SEC;
        s->now.wall_s += reader_u8(&s->bytes);
        dhcp6_server_timeout(s->server, s->now);
        break;
    case 2:
        dns_answers(s);
        break;
    default:
        client_speaks(s);
    }
    collect(s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct script s = {.bytes = reader_of(data, size), .now = {NSEC_PER_SEC, 1000000}};

    start(&s);
    for (unsigned i = 0; i < STEPS_MAX && reader_left(&s.bytes) > 0; i++)
        step(&s);
    dhcp6_server_free(s.server);
    name_policy_free(s.names);
    return 0;
}
