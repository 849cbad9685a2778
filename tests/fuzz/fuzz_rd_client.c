/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The bytes are a script for the client of router discovery: messages from one of a few routers, steps of time, verdicts
 * about addresses, the link down and up, stops. Checked after each step: what the stack has is within its lifetime and
 * its number is bounded, nothing is taken back that was not there, deadlines are in the future, solicitations
 * are at least 3.6 s apart while the link stays up. At the end everything is taken back.
 */
#include "fuzz.h"
#include "libiothconf/rd_client.h"
#include "wire/nd.h"

enum {
    HELD_MAX = 2 * RD_ADDRESSES_MAX + RD_ROUTERS_MAX * (RD_ROUTES_MAX + 1),
    DEADLINES_MAX = 16, /* that a wait stops at; then the clock jumps */
};

struct held {
    bool used, is_addr;
    struct client_event event;
};

struct stack {
    struct rd_client *client;
    struct reader script;
    nsec_t now, solicited_at;
    uint64_t random;
    struct held held[HELD_MAX];
    struct client_names names;
};

static void draw(void *arg, void *bytes, size_t len)
{
    struct stack *s = arg;

    for (size_t i = 0; i < len; i++) {
        s->random = s->random * 6364136223846793005u + 1442695040888963407u;
        ((uint8_t *)bytes)[i] = (uint8_t)(s->random >> 56);
    }
}

static struct held *find(struct stack *s, bool is_addr, const struct client_event *e)
{
    for (unsigned i = 0; i < HELD_MAX; i++) {
        struct held *h = &s->held[i];
        if (h->used && h->is_addr == is_addr && h->event.bits == e->bits && h->event.metric == e->metric &&
            ipaddr_equal(&h->event.addr, &e->addr) && ipaddr_equal(&h->event.gateway, &e->gateway))
            return h;
    }
    return NULL;
}

static void add(struct stack *s, bool is_addr, const struct client_event *e)
{
    struct held *h = find(s, is_addr, e);

    FUZZ_ASSERT(e->valid_until > s->now && e->bits <= 128 && !ipaddr_is_v4(&e->addr));
    FUZZ_ASSERT(!is_addr || (!nd_is_link_local(&e->addr) && !nd_is_multicast(&e->addr)));
    for (unsigned i = 0; i < HELD_MAX && !h; i++)
        h = s->held[i].used ? NULL : &s->held[i];
    FUZZ_ASSERT(h != NULL);
    *h = (struct held){.used = true, .is_addr = is_addr, .event = *e};
}

static void del(struct stack *s, bool is_addr, const struct client_event *e)
{
    struct held *h = find(s, is_addr, e);

    FUZZ_ASSERT(h != NULL);
    h->used = false;
}

static void take(struct stack *s, const struct client_event *e)
{
    switch (e->kind) {
    case CLIENT_ADDR_ADD:
    case CLIENT_ROUTE_ADD:
        add(s, e->kind == CLIENT_ADDR_ADD, e);
        break;
    case CLIENT_ADDR_DEL:
    case CLIENT_ROUTE_DEL:
        del(s, e->kind == CLIENT_ADDR_DEL, e);
        break;
    case CLIENT_SEND:
        FUZZ_ASSERT(s->now - s->solicited_at >= 36 * NSEC_PER_SEC / 10);
        s->solicited_at = s->now;
        break;
    case CLIENT_NAMES:
        rd_client_names(s->client, &s->names);
        FUZZ_ASSERT(s->names.n_servers <= CLIENT_SERVERS_MAX && s->names.n_domains <= CLIENT_DOMAINS_MAX);
        break;
    default:
        break;
    }
}

static void drain(struct stack *s)
{
    struct client_event e;
    struct rd_address list[RD_ADDRESSES_MAX];

    for (unsigned n = 0; rd_client_next(s->client, &e) != CLIENT_NONE; n++) {
        FUZZ_ASSERT(n < 4 * HELD_MAX);
        take(s, &e);
    }
    for (unsigned i = 0; i < HELD_MAX; i++)
        FUZZ_ASSERT(!s->held[i].used || s->held[i].event.valid_until > s->now);
    FUZZ_ASSERT(rd_client_deadline(s->client) > s->now);
    for (unsigned n = rd_client_addresses(s->client, list); n > 0; n--)
        FUZZ_ASSERT(list[n - 1].valid_until > s->now);
}

static void hear(struct stack *s)
{
    static uint8_t bytes[4096];
    uint8_t router = reader_u8(&s->script);
    size_t len = reader_u16(&s->script) % sizeof(bytes);
    len = len < reader_left(&s->script) ? len : reader_left(&s->script);
    const uint8_t *said = reader_take(&s->script, len);
    struct client_packet packet = {.way = CLIENT_ICMP6,
                                   .from.addr = {{0xfe, 0x80, [15] = router % 12}},
                                   .hop_limit = router == 0xff ? 64 : 255,
                                   .bytes = bytes,
                                   .len = len};

    if (!said)
        return;
    memcpy(bytes, said, len);
    if (len > 1 && router < 0xf0) /* mostly an advertisement */
        memcpy(bytes, "\206", 2);
    rd_client_input(s->client, &packet, s->now);
}

static void verdict(struct stack *s)
{
    uint8_t which = reader_u8(&s->script);
    const struct held *h = &s->held[which % HELD_MAX];

    if (h->used && h->is_addr)
        rd_client_verdict(s->client, &h->event.addr, which & 0x80, s->now);
}

/* As far as the script says, with a stop at each deadline. */
static void wait(struct stack *s, nsec_t span)
{
    nsec_t until = s->now + span;

    for (unsigned n = 0; n < DEADLINES_MAX && rd_client_deadline(s->client) <= until; n++) {
        s->now = rd_client_deadline(s->client);
        rd_client_timeout(s->client, s->now);
        drain(s);
    }
    s->now = until > s->now ? until : s->now;
    rd_client_timeout(s->client, s->now); /* late */
}

static void step(struct stack *s)
{
    switch (reader_u8(&s->script) % 8) {
    case 0:
        wait(s, reader_u8(&s->script) * NSEC_PER_SEC / 16);
        break;
    case 1:
        wait(s, reader_u16(&s->script) * 16 * NSEC_PER_SEC);
        break;
    case 2:
    case 3:
        verdict(s);
        break;
    case 4:
        if (reader_u8(&s->script) % 8 == 0)
            rd_client_stop(s->client, s->now);
        else if (reader_u8(&s->script) % 2 == 0)
            rd_client_start(s->client, s->now);
        break;
    default:
        hear(s);
    }
    drain(s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct stack s;
    static const uint8_t secret[16] = "secret";
    struct client_env env = {.mac = {2, 0, 0, 0, 0, 1},
                             .mtu = 1500,
                             .ifindex = 2,
                             .fqdn = (const uint8_t *)"\1a\1b",
                             .random = draw,
                             .arg = &s};
    struct rd_settings settings = {.secret = secret, .secret_len = sizeof(secret)};

    s = (struct stack){.script = reader_of(data, size), .now = 1000 * NSEC_PER_SEC, .random = size};
    settings.identifier = reader_u8(&s.script) % 3;
    if (rd_client_new(&env, &settings, &s.client) < 0)
        abort();
    rd_client_start(s.client, s.now);
    drain(&s);
    while (reader_left(&s.script) > 0)
        step(&s);
    rd_client_stop(s.client, s.now);
    drain(&s);
    for (unsigned i = 0; i < HELD_MAX; i++)
        FUZZ_ASSERT(!s.held[i].used);
    FUZZ_ASSERT(s.names.n_servers + s.names.n_domains == 0);
    FUZZ_ASSERT(rd_client_deadline(s.client) == NSEC_NEVER);
    rd_client_free(s.client);
    return 0;
}
