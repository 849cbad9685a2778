/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The bytes are a script for the DHCPv4 client: time passes, the last message is answered by somebody,
 * rightly or not, bytes of any kind come in, others claim addresses, the link comes and goes, the program
 * starts again with what it has saved. After each step what dhcp4_watch.h says, and no lease is longer than
 * some DHCPACK said. At the end an honest server is there, and the client has an address soon; after a stop
 * it holds nothing and falls silent.
 */
#include "fuzz.h"

#define WATCH_ASSERT(condition) FUZZ_ASSERT(condition)
#include "libiothconf/dhcp4_reply.h"
#include "libiothconf/dhcp4_watch.h"

enum { STEPS_MAX = 400, SENT_MAX = 2, BACK_S = 200 };

struct script {
    struct reader bytes;
    struct dhcp4_client *client;
    struct client_env env;
    struct watch watch;
    nsec_t now;
    uint64_t random;
    struct dhcp4_message last; /* that the client sent; zeros: none */
    nsec_t granted_until; /* the latest end of any lease; by address would be better, but bytes may say any */
};

static void draw(void *arg, void *bytes, size_t len)
{
    struct script *s = arg;
    uint8_t *at = bytes;

    while (len-- > 0) {
        s->random = s->random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        *at++ = (uint8_t)(s->random >> 56);
    }
}

static void drain(struct script *s)
{
    watch_drain(&s->watch, s->client, s->now);
    FUZZ_ASSERT(s->watch.n_sent <= SENT_MAX);
    FUZZ_ASSERT(s->watch.addr == 0 || s->watch.until <= s->granted_until);
    for (unsigned i = 0; i < s->watch.n_sent; i++) {
        if (!s->watch.sent[i].is_arp)
            s->last = s->watch.sent[i].message;
    }
}

static void hear(struct script *s, enum client_way way, const void *bytes, size_t len)
{
    struct client_packet p = {.way = way, .bytes = bytes, .len = len, .to.port = DHCP4_CLIENT_PORT};
    struct dhcp4_message m;
    uint32_t lease_s;

    if (way == CLIENT_UDP && dhcp4_read(bytes, len, &m) == 0 && m.type == DHCP4_ACK &&
        dhcp4_u32(&m, DHCP4_LEASE_TIME, &lease_s)) {
        nsec_t until = lease_s == DHCP4_FOREVER ? NSEC_NEVER : s->now + lease_s * SEC;
        s->granted_until = until > s->granted_until ? until : s->granted_until;
    }
    dhcp4_client_input(s->client, &p, s->now);
    drain(s);
}

static void reply(struct script *s, const struct reply *r)
{
    uint8_t bytes[DHCP4_MESSAGE_MAX];
    int len = write_reply(&s->last, r, bytes, sizeof(bytes));

    if (len > 0)
        hear(s, CLIENT_UDP, bytes, (size_t)len);
}

/* ---- steps ---- */

static void run_until(struct script *s, nsec_t end)
{
    unsigned steps = 0;

    while (dhcp4_client_deadline(s->client) <= end && steps++ < STEPS_MAX) {
        s->now = dhcp4_client_deadline(s->client);
        dhcp4_client_timeout(s->client, s->now);
        drain(s);
    }
    if (s->now < end && dhcp4_client_deadline(s->client) > end)
        s->now = end;
}

/* Time passes, of any order of magnitude; the driver may sleep over it. */
static void pass_time(struct script *s)
{
    uint8_t how = reader_u8(&s->bytes);
    nsec_t end = s->now + (nsec_t)((uint64_t)reader_u8(&s->bytes) * MSEC << (how & 0xf));

    if (how & 0x80) {
        s->now = end;
        dhcp4_client_timeout(s->client, s->now);
        drain(s);
    } else {
        run_until(s, end);
    }
}

static void pass_to_deadline(struct script *s)
{
    if (dhcp4_client_deadline(s->client) != NSEC_NEVER)
        run_until(s, dhcp4_client_deadline(s->client));
}

/* Further options of a reply: a code, a length, so many bytes of the script. */
static void append_options(struct script *s, uint8_t *bytes, size_t size, int *len)
{
    struct writer w = writer_of(bytes, size);
    uint8_t n = reader_u8(&s->bytes) % 4;

    w.pos = (size_t)*len;
    while (w.pos > 0 && bytes[w.pos - 1] == DHCP4_PAD)
        w.pos--;
    if (w.pos > 0)
        w.pos--; /* before the end */
    while (n-- > 0) {
        uint8_t code = reader_u8(&s->bytes), value_len = reader_u8(&s->bytes) % 64;
        const uint8_t *value = reader_take(&s->bytes, value_len);
        if (!value)
            break;
        writer_u8(&w, code);
        writer_u8(&w, value_len);
        writer_put(&w, value, value_len);
    }
    writer_u8(&w, DHCP4_END);
    if (!w.bad)
        *len = (int)w.pos;
}

static void some_reply(struct script *s)
{
    static const enum dhcp4_type types[] = {DHCP4_OFFER, DHCP4_ACK, DHCP4_ACK, DHCP4_NAK};
    static const uint32_t addrs[] = {ADDR, ADDR_2, 0xc0a80105, 0xffffffff};
    static const uint32_t leases[] = {3600, 60, 12, 10, 1, DHCP4_FOREVER, 120, 86400};
    uint8_t which = reader_u8(&s->bytes), how = reader_u8(&s->bytes), bytes[DHCP4_MESSAGE_MAX];
    struct reply r = {.type = types[which & 3],
                      .addr = addrs[which >> 2 & 3],
                      .server = which & 0x10 ? SERVER_2 : SERVER,
                      .lease_s = leases[which >> 5]};

    if (s->last.type == DHCP4_REQUEST && (how & 1) != 0) { /* what it asked for */
        r.addr = s->last.header.ciaddr;
        (void)dhcp4_u32(&s->last, DHCP4_REQUESTED_ADDRESS, &r.addr);
        (void)dhcp4_u32(&s->last, DHCP4_SERVER_ID, &r.server);
    }
    r.t1_s = how & 2 ? reader_u8(&s->bytes) : 0;
    r.t2_s = how & 2 ? reader_u8(&s->bytes) : 0;
    int len = write_reply(&s->last, &r, bytes, sizeof(bytes));
    if (len > 0 && (how & 4) != 0)
        append_options(s, bytes, sizeof(bytes), &len);
    if (len > 0 && (how & 8) != 0)
        bytes[reader_u16(&s->bytes) % (unsigned)len] ^= reader_u8(&s->bytes);
    if (len > 0)
        hear(s, CLIENT_UDP, bytes, (size_t)len);
}

static void some_arp(struct script *s)
{
    static const uint8_t other[6] = {2, 0, 0, 0, 0, 9};
    uint8_t how = reader_u8(&s->bytes), bytes[ARP_LEN];
    uint32_t addr = how & 1 && s->watch.addr != 0 ? s->watch.addr : ADDR;
    struct arp_packet arp = how & 2 ? arp_probe(other, addr) : arp_announcement(other, addr);

    if (how & 4)
        arp.operation = ARP_REPLY;
    arp_write(&arp, bytes);
    hear(s, CLIENT_ARP, bytes, sizeof(bytes));
}

static void any_bytes(struct script *s)
{
    uint8_t how = reader_u8(&s->bytes);
    size_t len = reader_u8(&s->bytes);
    const uint8_t *bytes = reader_take(&s->bytes, len);

    if (bytes)
        hear(s, how & 1 ? CLIENT_ARP : how & 2 ? CLIENT_ICMP6 : CLIENT_UDP, bytes, len);
}

static void begin(struct script *s, const uint8_t *saved, size_t saved_len)
{
    uint8_t how = reader_u8(&s->bytes);
    const struct dhcp4_client_settings settings = {.rapid_commit = how & 1,
                                                   .broadcast = how & 2,
                                                   .probe_unit = how & 4 ? 10 * MSEC : 0,
                                                   .saved = saved,
                                                   .saved_len = saved_len};

    if (dhcp4_client_new(&s->env, &settings, &s->client) < 0)
        abort();
    s->watch = (struct watch){0};
    memcpy(s->watch.mac, s->env.mac, 6);
    memset(&s->last, 0, sizeof(s->last));
}

static void start(struct script *s)
{
    s->watch.is_stopped = false;
    dhcp4_client_start(s->client, s->now);
    drain(s);
}

static void stop(struct script *s)
{
    s->watch.is_stopped = true;
    dhcp4_client_stop(s->client, s->now);
    drain(s);
}

static void restart(struct script *s)
{
    uint8_t saved[sizeof(s->watch.saved)];
    size_t len = s->watch.saved_len;

    memcpy(saved, s->watch.saved, sizeof(saved));
    if (len > 0)
        saved[reader_u8(&s->bytes) % len] ^= reader_u8(&s->bytes);
    dhcp4_client_free(s->client);
    begin(s, saved, len);
    start(s);
}

/* ---- the end ---- */

static void answer_honestly(struct script *s)
{
    uint32_t server = 0, addr = s->last.header.ciaddr;

    (void)dhcp4_u32(&s->last, DHCP4_SERVER_ID, &server);
    (void)dhcp4_u32(&s->last, DHCP4_REQUESTED_ADDRESS, &addr);
    if (s->last.type == DHCP4_DISCOVER)
        reply(s, &(struct reply){.type = DHCP4_OFFER});
    else if (s->last.type == DHCP4_REQUEST && (server == 0 || server == SERVER))
        reply(s, &(struct reply){.type = addr == ADDR ? DHCP4_ACK : DHCP4_NAK});
}

static void end_well(struct script *s)
{
    nsec_t end;

    if (s->watch.is_stopped || dhcp4_client_deadline(s->client) == NSEC_NEVER)
        start(s);
    end = s->now + BACK_S * SEC;
    while (s->watch.addr == 0) {
        FUZZ_ASSERT(dhcp4_client_deadline(s->client) <= end);
        s->now = dhcp4_client_deadline(s->client);
        dhcp4_client_timeout(s->client, s->now);
        drain(s);
        for (unsigned i = 0; i < 4 && s->watch.n_sent > 0 && !s->watch.sent[s->watch.n_sent - 1].is_arp; i++)
            answer_honestly(s);
    }
    stop(s);
    FUZZ_ASSERT(dhcp4_client_deadline(s->client) == NSEC_NEVER);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const steps[])(struct script *) = {
        pass_time, pass_to_deadline, some_reply, some_arp, any_bytes, start, stop, restart};
    struct script s = {.bytes = reader_of(data, size), .now = 1000 * SEC};

    s.env = (struct client_env){.mac = {2, 0, 0, 0, 0, 1}, .mtu = 1500, .random = draw, .arg = &s};
    s.random = reader_u8(&s.bytes);
    begin(&s, NULL, 0);
    start(&s);
    for (unsigned n = 0; reader_left(&s.bytes) > 0 && n < STEPS_MAX; n++)
        steps[reader_u8(&s.bytes) % ARRAY_LEN(steps)](&s);
    end_well(&s);
    dhcp4_client_free(s.client);
    return 0;
}
