/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The bytes are a script for the DHCPv6 client: time passes, the last message is answered as a server would
 * and spoilt at will, a server calls, bytes of any kind come in, modes change, the link comes and goes, addresses turn out to
 * be taken, others are registered, the program starts again with what it has saved. After each step what
 * dhcp6_world.h says: no address beyond its end, a deadline before it, well-formed messages. At the end: as
 * many messages as the times of the RFC allow, and after a stop nothing stands and the client falls silent.
 */
#include "fuzz.h"

#define WORLD_ASSERT(condition) FUZZ_ASSERT(condition)
#include "libiothconf/dhcp6_authentic.h"

enum {
    STEPS_MAX = 400,
    /* In a row: registrations and both exchanges at once; see sends_are_few. */
    BURST = 64,
};

struct script {
    struct world w;
    struct reader bytes;
    unsigned steps;
    uint8_t auth[AUTH_LEN]; /* of the message that is made */
};

static const uint8_t key[MD5_DIGEST_SIZE] = {1};

static struct ipaddr small_address(uint8_t which)
{
    struct ipaddr addr = {{0x20, 1, 0xd, 0xb8, [15] = which}};

    return addr;
}

/* Seconds of any order of magnitude, infinity among them. */
static uint32_t seconds(struct script *s)
{
    uint8_t byte = reader_u8(&s->bytes);

    return byte == UINT8_MAX ? DHCP6_INFINITY : (uint32_t)(byte & 0xf) << (byte >> 4);
}

static void fill_ia(struct script *s, struct dhcp6_message *m)
{
    struct dhcp6_ia *ia = &m->ia[0];

    ia->t1_s = seconds(s);
    ia->t2_s = seconds(s);
    for (unsigned n = reader_u8(&s->bytes) % (DHCP6_LEASES_MAX + 1); n > 0; n--) {
        ia->leases[ia->n_leases] = (struct dhcp6_lease){.addr = small_address(reader_u8(&s->bytes) & 0xf),
                                                        .preferred_s = seconds(s),
                                                        .valid_s = seconds(s)};
        ia->n_leases++;
        ia->has |= DHCP6_HAS_ADDR;
    }
}

/* Options that a server may add, a bit each. */
static void fill_options(struct script *s, struct dhcp6_message *m)
{
    uint16_t which = reader_u16(&s->bytes);
    uint8_t value = reader_u8(&s->bytes);

    m->preference = value;
    m->status.code = m->ia[0].status.code = value % 8;
    m->sol_max_rt_s = m->inf_max_rt_s = m->refresh_time_s = (uint32_t)value << (value & 7);
    m->dns[0] = small_address(value);
    m->n_dns = 1;
    memcpy(m->domains[0], "\3lab", 5);
    m->n_domains = 1;
    m->has |= which & 1 ? DHCP6_HAS_STATUS : 0;
    m->has |= which & 2 ? DHCP6_HAS_RAPID_COMMIT : 0;
    m->has |= which & 4 ? DHCP6_HAS_PREFERENCE : 0;
    m->has |= which & 8 ? DHCP6_HAS_SOL_MAX_RT | DHCP6_HAS_INF_MAX_RT : 0;
    m->has |= which & 0x10 ? DHCP6_HAS_REFRESH_TIME : 0;
    m->has |= which & 0x20 ? DHCP6_HAS_DNS | DHCP6_HAS_DOMAINS : 0;
    m->has |= which & 0x40 ? DHCP6_HAS_ADDR_REG_ENABLE : 0;
    m->ia[0].has |= which & 0x80 ? DHCP6_HAS_STATUS : 0;
    if (which & 0x100)
        put_auth(m, s->auth, AUTH_KEY, value, key);
}

/* Some bytes of a message changed. */
static void spoil(struct script *s, uint8_t *bytes, size_t len, unsigned n)
{
    for (; n > 0; n--) {
        uint16_t at = reader_u16(&s->bytes);
        bytes[at % len] ^= reader_u8(&s->bytes);
    }
}

/* An answer to one of the last messages, with the bytes of the script changed in it. */
static void answer(struct script *s)
{
    static struct dhcp6_message q, m;
    static uint8_t bytes[4096];
    static const uint8_t types[] = {DHCP6_ADVERTISE, DHCP6_REPLY, DHCP6_REPLY, DHCP6_ADDR_REG_REPLY};
    uint8_t how = reader_u8(&s->bytes), back = how >> 2 & 3;
    uint8_t server[4] = {0, 9, 9, how >> 4 & 1};
    struct writer w = writer_of(bytes, sizeof(bytes));

    if (s->w.n_sent <= back)
        return;
    const struct world_sent *sent = &s->w.sent[(s->w.n_sent - 1 - back) % WORLD_SENT];
    FUZZ_ASSERT(dhcp6_read(sent->bytes, sent->len, &q) == 0);
    memset(&m, 0, sizeof(m));
    m.type = types[how & 3];
    m.xid = q.xid;
    m.client_id = q.client_id;
    m.server_id = (struct dhcp6_bytes){server, sizeof(server)};
    m.addr = q.addr;
    m.has = DHCP6_HAS_CLIENT_ID | DHCP6_HAS_SERVER_ID | (q.has & DHCP6_HAS_ADDR);
    if (q.n_ia > 0) {
        m.n_ia = 1;
        m.ia[0].code = DHCP6_OPT_IA_NA;
        m.ia[0].iaid = q.ia[0].iaid;
        m.has |= DHCP6_HAS_IA;
        fill_ia(s, &m);
    }
    fill_options(s, &m);
    FUZZ_ASSERT(dhcp6_write(&w, &m) == 0);
    spoil(s, bytes, w.pos, how >> 6);
    world_input(&s->w, bytes, w.pos);
}

/* A RECONFIGURE by the one key that there is; of the right server, as often as not. */
static void call(struct script *s)
{
    static struct dhcp6_message m;
    static const uint8_t exchanges[] = {DHCP6_RENEW, DHCP6_REBIND, DHCP6_INFORMATION_REQUEST, DHCP6_SOLICIT};
    uint8_t bytes[512], how = reader_u8(&s->bytes), server[4] = {0, 9, 9, how & 1};

    memset(&m, 0, sizeof(m));
    m.type = DHCP6_RECONFIGURE;
    m.client_id = (struct dhcp6_bytes){s->w.settings.duid.bytes, s->w.settings.duid.len};
    m.server_id = (struct dhcp6_bytes){server, sizeof(server)};
    m.reconf_msg = exchanges[how >> 1 & 3];
    m.has = DHCP6_HAS_CLIENT_ID | DHCP6_HAS_SERVER_ID | DHCP6_HAS_RECONF_MSG;
    put_auth(&m, s->auth, AUTH_HMAC, reader_u8(&s->bytes), NULL);
    size_t len = write_authentic(&m, key, bytes, sizeof(bytes));
    spoil(s, bytes, len, how >> 6);
    s->w.to = (struct ipaddr){{how & 8 ? 0xff : 0xfe, 0x80, [15] = 1}};
    world_input(&s->w, bytes, len);
}

static void garbage(struct script *s)
{
    size_t len = reader_u8(&s->bytes);
    const uint8_t *bytes = reader_take(&s->bytes, len);

    if (bytes)
        world_input(&s->w, bytes, len);
}

/* From a tenth of a second to days. */
static void pass(struct script *s)
{
    uint8_t byte = reader_u8(&s->bytes);

    world_wait(&s->w, (nsec_t)(1 + (byte & 0xf)) * (NSEC_PER_SEC / 10) << (byte >> 4));
}

static void verdict(struct script *s)
{
    uint8_t byte = reader_u8(&s->bytes);
    struct ipaddr addr = s->w.n_stands > 0 ? s->w.stands[byte % s->w.n_stands].addr : small_address(byte);

    dhcp6_client_verdict(s->w.x, &addr, byte & 0x80, s->w.now);
    world_drain(&s->w);
}

static void registration(struct script *s)
{
    uint8_t byte = reader_u8(&s->bytes);
    struct ipaddr addr = small_address((uint8_t)(byte | 0x40));
    uint32_t lifetime = seconds(s);
    nsec_t until = lifetime == DHCP6_INFINITY ? NSEC_NEVER : s->w.now + lifetime * NSEC_PER_SEC;

    if (byte & 0x80)
        dhcp6_client_unregister(s->w.x, &addr, s->w.now);
    else if (dhcp6_client_register(s->w.x, &addr, until, until, s->w.now) == 0)
        FUZZ_ASSERT(lifetime > 0);
    world_drain(&s->w);
}

/* The program ends, and begins again with what it has kept, perhaps changed. */
static void restart(struct script *s)
{
    static uint8_t saved[WORLD_SAVED];
    uint8_t how = reader_u8(&s->bytes);
    size_t len = s->w.saved_len;
    uint64_t random = s->w.random;
    nsec_t now = s->w.now;

    memcpy(saved, s->w.saved, len);
    if (how & 1 && len > 0)
        saved[reader_u16(&s->bytes) % len] ^= reader_u8(&s->bytes);
    dhcp6_client_free(s->w.x);
    world_init(&s->w, how & 2 ? DHCP6_MODE_OFF : DHCP6_MODE_STATEFUL, NULL);
    s->w.random = random;
    s->w.now = now;
    s->w.settings.saved = saved;
    s->w.settings.saved_len = len;
    s->w.settings.saved_age = (nsec_t)(how >> 4) * 100 * NSEC_PER_SEC;
    world_open(&s->w);
    world_start(&s->w);
}

static void step(struct script *s)
{
    uint8_t what = reader_u8(&s->bytes);

    switch (what % 16) {
    case 0:
        garbage(s);
        break;
    case 1:
        world_start(&s->w);
        break;
    case 2:
        if (what & 0x80)
            world_stop(&s->w);
        break;
    case 3:
        dhcp6_client_mode(s->w.x, (enum dhcp6_mode)(what >> 4 & 3) % 3, s->w.now);
        world_drain(&s->w);
        break;
    case 4:
        verdict(s);
        break;
    case 5:
        registration(s);
        break;
    case 6:
        restart(s);
        break;
    case 7:
    case 8:
    case 9:
    case 10:
        pass(s);
        break;
    case 11:
        call(s);
        break;
    default:
        answer(s);
    }
}

/* Whatever was said to it, in an hour in which nobody says a word a client speaks some sixty times: SOLICIT
 * at 1, 2, 4, ..., REQUEST ten times, and each registration thrice. */
static void sends_are_few(struct world *w)
{
    unsigned before = w->n_sent;

    world_wait(w, 3600 * NSEC_PER_SEC);
    FUZZ_ASSERT(w->n_sent - before <= BURST + 3 * DHCP6_REGISTRATIONS_MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct script s; /* some 100 KB */
    static const uint8_t name[] = "\4host\3lab";

    s.bytes = reader_of(data, size);
    world_init(&s.w, DHCP6_MODE_STATEFUL, size % 2 ? name : NULL);
    s.w.random = size;
    world_open(&s.w);
    world_start(&s.w);
    for (s.steps = 0; reader_left(&s.bytes) > 0 && s.steps < STEPS_MAX; s.steps++)
        step(&s);
    sends_are_few(&s.w);
    world_stop(&s.w);
    world_wait(&s.w, 60 * NSEC_PER_SEC);
    FUZZ_ASSERT(s.w.n_stands == 0 && dhcp6_client_deadline(s.w.x) == NSEC_NEVER);
    dhcp6_client_free(s.w.x);
    return 0;
}
