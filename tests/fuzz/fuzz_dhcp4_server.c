/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The bytes are a script for the DHCPv4 server: clients say this and that, packets of any bytes come in, the DNS answers or does
 * not, somebody uses a probed address, time passes, the server starts again with what was kept. After each step: replies are
 * well-formed, a lease was kept before its client heard of it, and no address is two clients' at once.
 */
#include "fuzz.h"

#include "libnamedhcp/dhcp4_server.h"

#define NET 0x0a000000u
#define FAR 0x0a010000u

enum {
    STEPS_MAX = 400,
    ADDRS = 6, /* of the pool, so that they run out */
    CLIENTS = 8,
};

static const struct dhcp4_subnet subnets[] = {
    {.network = NET, .bits = 24, .links = 1, .lease_s = 100, .lease_max_s = 1000},
    {.network = FAR, .bits = 24, .by_name = true, .lease_s = 100, .lease_max_s = 1000},
};
static const struct lease_pool pools[] = {{NET + 10, NET + 10 + ADDRS - 1, 0}};
static const struct dhcp4_fixed fixed[] = {{.mac = {2, 0, 0, 0, 0, 1}, .addr = NET + 12}};

struct place {
    int64_t ends; /* as its client was told */
    int client;   /* -1: nobody's */
    struct server_lease kept;
    bool is_kept;
};

struct script {
    struct reader bytes;
    struct name_policy *names;
    struct lease_table *leases;
    struct dhcp4_server *server;
    struct server_time now;
    uint32_t question;
    struct place places[ADDRS];
};

static void no_chance(void *arg, void *bytes, size_t len)
{
    (void)arg;
    memset(bytes, 1, len);
}

static void start(struct script *s)
{
    const struct server_env env = {.random = no_chance};
    const uint32_t reserved[] = {NET + 12};
    const struct lease_settings leases = {
        .pools = pools, .n_pools = 1, .reserved = reserved, .n_reserved = 1, .leases_max = 100};
    const struct name_policy_settings names = {.claims = true, .claims_max = 4, .claims_keep_s = 500};
    uint8_t flags = reader_u8(&s->bytes);

    FUZZ_ASSERT(name_policy_new(&names, &s->names) == 0);
    FUZZ_ASSERT(lease_table_new(&leases, &s->leases) == 0);
    const struct dhcp4_server_settings settings = {
        .names = s->names,
        .leases = s->leases,
        .subnets = subnets,
        .n_subnets = ARRAY_LEN(subnets),
        .fixed = fixed,
        .n_fixed = ARRAY_LEN(fixed),
        .server_id = NET + 1,
        .authoritative = flags & 1,
        .probe = flags & 2,
        .rapid_commit = flags & 4,
        .waiting_max = 4,
    };
    FUZZ_ASSERT(dhcp4_server_new(&env, &settings, &s->server) == 0);
}

static void stop(struct script *s)
{
    dhcp4_server_free(s->server);
    lease_table_free(s->leases);
    name_policy_free(s->names);
}

static struct place *place_of(struct script *s, uint32_t addr)
{
    return addr - (NET + 10) < ADDRS ? &s->places[addr - (NET + 10)] : NULL;
}

/* What a client was told is its own is nobody else's, and on record. */
static void hear(struct script *s, const struct dhcp4_message *reply)
{
    struct place *place = place_of(s, reply->header.yiaddr);
    int client = reply->header.chaddr[5];
    uint32_t lease_s;

    if (reply->type != DHCP4_ACK || !place || !dhcp4_u32(reply, DHCP4_LEASE_TIME, &lease_s))
        return;
    FUZZ_ASSERT(place->client < 0 || place->client == client || place->ends <= s->now.wall_s);
    FUZZ_ASSERT(place->is_kept && place->kept.state == SERVER_LEASE_BOUND);
    FUZZ_ASSERT(place->kept.ends >= s->now.wall_s + (int64_t)lease_s);
    place->client = client;
    place->ends = s->now.wall_s + (int64_t)lease_s;
}

static void keep(struct script *s, const struct server_lease *lease, bool kept)
{
    struct place *place = place_of(s, get_be32(lease->addr.b + 12));

    if (lease->state == SERVER_LEASE_CLAIM || !place)
        return;
    place->kept = *lease;
    place->is_kept = kept;
    if (lease->state != SERVER_LEASE_BOUND)
        place->client = -1; /* its client gave it up */
}

static void collect(struct script *s)
{
    struct server_event e;
    struct dhcp4_message reply;
    enum server_event_kind kind;

    while ((kind = dhcp4_server_next(s->server, &e)) != SERVER_NONE) {
        if (kind == SERVER_ASK || kind == SERVER_PROBE)
            s->question = e.question;
        if (kind == SERVER_LEASE || kind == SERVER_FORGET)
            keep(s, e.lease, kind == SERVER_LEASE);
        if (kind == SERVER_SEND) {
            FUZZ_ASSERT(dhcp4_read(e.packet.bytes, e.packet.len, &reply) == 0);
            hear(s, &reply);
        }
    }
}

static void come_in(struct script *s, const uint8_t *bytes, size_t len)
{
    const struct server_packet packet = {.bytes = bytes, .len = len};

    dhcp4_server_input(s->server, &packet, s->now);
}

static uint32_t some_address(struct script *s)
{
    uint8_t which = reader_u8(&s->bytes);

    return which == 0 ? 0 : (which & 0x80 ? FAR : NET) + (which & 0x1f);
}

/* A client is its MAC address here, so that who is told what is known by the reply alone. */
static void client_speaks(struct script *s)
{
    uint8_t bytes[600], flags = reader_u8(&s->bytes);
    struct dhcp4_header h = {.op = DHCP4_BOOTREQUEST, .htype = 1, .hlen = 6, .chaddr = {2}};
    struct dhcp4_writer dw;
    uint32_t addr;

    h.chaddr[5] = reader_u8(&s->bytes) % CLIENTS;
    h.xid = reader_u8(&s->bytes) & 3;
    h.ciaddr = flags & 1 ? some_address(s) : 0;
    h.giaddr = flags & 2 ? some_address(s) : 0;
    h.broadcast = flags & 4;
    dhcp4_begin(&dw, bytes, sizeof(bytes), &h, NULL);
    dhcp4_put_u8(&dw, DHCP4_MESSAGE_TYPE, reader_u8(&s->bytes) & 0xf);
    if ((addr = some_address(s)))
        dhcp4_put_u32(&dw, DHCP4_REQUESTED_ADDRESS, addr);
    if (flags & 8)
        dhcp4_put_u32(&dw, DHCP4_SERVER_ID, flags & 16 ? NET + 2 : NET + 1);
    if (flags & 32)
        dhcp4_put_u32(&dw, DHCP4_LEASE_TIME, reader_u16(&s->bytes));
    if (flags & 64)
        dhcp4_put(&dw, DHCP4_HOST_NAME, "host.lan", 8);
    if (flags & 128)
        dhcp4_put(&dw, DHCP4_RAPID_COMMIT, NULL, 0);
    int len = dhcp4_end(&dw);
    FUZZ_ASSERT(len > 0);
    come_in(s, bytes, (size_t)len);
}

static void dns_answers(struct script *s)
{
    struct server_answer a = {.question = s->question,
                              .status = (enum server_answer_status)(reader_u8(&s->bytes) % 3)};

    a.n_addrs = 1;
    a.addrs[0].b[10] = a.addrs[0].b[11] = 0xff;
    put_be32(a.addrs[0].b + 12, FAR + reader_u8(&s->bytes));
    a.text_len = reader_u8(&s->bytes);
    for (unsigned i = 0; i < a.text_len; i++)
        a.text[i] = (char)reader_u8(&s->bytes);
    dhcp4_server_answer(s->server, &a, s->now);
}

static void time_passes(struct script *s)
{
    uint8_t seconds = reader_u8(&s->bytes);

    s->now.mono += (seconds & 0x80 ? 100 * (seconds & 0x7f) : seconds) * NSEC_PER_SEC / 4;
    s->now.wall_s += (seconds & 0x80 ? 100 * (seconds & 0x7f) : seconds) / 4;
    dhcp4_server_timeout(s->server, s->now);
}

static void restart(struct script *s)
{
    stop(s);
    start(s);
    for (unsigned i = 0; i < ADDRS; i++)
        if (s->places[i].is_kept)
            FUZZ_ASSERT(dhcp4_server_restore(s->server, &s->places[i].kept, s->now) == 0);
}

static void step(struct script *s)
{
    switch (reader_u8(&s->bytes) % 8) {
    case 0: {
        size_t len = reader_u16(&s->bytes) % (reader_left(&s->bytes) + 1);
        const uint8_t *bytes = reader_take(&s->bytes, len);
        if (bytes)
            come_in(s, bytes, len);
        break;
    }
    case 1:
        time_passes(s);
        break;
    case 2:
        dns_answers(s);
        break;
    case 3:
        dhcp4_server_in_use(s->server, s->question, (const uint8_t[]){2, 0, 0, 0, 0, 1}, s->now);
        break;
    case 4:
        restart(s);
        break;
    default:
        client_speaks(s);
    }
    collect(s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct script s = {.bytes = reader_of(data, size), .now = {NSEC_PER_SEC, 1000000}};

    for (unsigned i = 0; i < ADDRS; i++)
        s.places[i].client = -1;
    start(&s);
    for (unsigned i = 0; i < STEPS_MAX && reader_left(&s.bytes) > 0; i++)
        step(&s);
    stop(&s);
    return 0;
}
