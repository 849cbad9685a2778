/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The bytes are a script for a router on a port: messages as they come, with and without the frame around them, time that
 * passes, changes of what is said, a link that goes and comes. Checked: advertisements are well-formed and fit, those to all
 * keep their pause, the deadline lies ahead once all is drained, and what is remembered of others is bounded.
 */
#include "base/cursor.h"
#include "fuzz.h"
#include "libiothradvd/ra_config.h"
#include "libiothradvd/ra_core.h"
#include "libiothradvd/ra_port.h"

static const char *const texts[] = {
    "period 600\nprefix fc01::/64/LA/86400/14400\nprefix ::/64\nrdnss fc01::53\n",
    "period 4\nprefix fc02::/64/LAD/7200/3600\nmtu 1500\ndnssl a.example\nroute fc00::/7\nreachable 1000\n",
    "solicited multicast\npref64 64:ff9b::/96\nflags MOh\nretransmit 7\ncaptive-portal https://a.example/\n",
    "period 1\nsourcemac off\ndnr 1 a.example fc01::1 alpn=dot\nprefix fc03::/64\nprefix fc04::/64\n",
};

struct world {
    struct ra_core *ra;
    struct ra_port port;
    struct ra_config *configs[ARRAY_LEN(texts)];
    unsigned config;
    struct reader script;
    nsec_t now, last;
    bool has_last;
    uint64_t random;
};

static void draw(void *arg, void *bytes, size_t len)
{
    struct world *w = arg;
    for (size_t i = 0; i < len; i++) {
        w->random = w->random * 6364136223846793005u + 1442695040888963407u;
        ((uint8_t *)bytes)[i] = (uint8_t)(w->random >> 56);
    }
}

static struct ra_config *config_of(const char *text)
{
    struct ra_draft *draft;
    struct ra_config *config;
    if (ra_draft_new(&draft) < 0 || ra_draft_text(draft, "", text, strlen(text)) < 0 ||
        ra_draft_finish(draft, &config) < 0)
        abort();
    ra_draft_free(draft);
    return config;
}

static void check_message(struct world *w, const struct ra_event *e)
{
    struct nd_message msg;
    uint8_t frame[RA_FRAME_MAX];
    FUZZ_ASSERT(e->len <= RA_MESSAGE_MAX && nd_read(e->bytes, e->len, &msg) == 0);
    FUZZ_ASSERT(msg.type == ND_ROUTER_ADVERT && !nd_is_unspecified(&e->to));
    ra_port_wrap(&w->port, e, frame);
    if (!ipaddr_equal(&e->to, &nd_all_nodes) || msg.router.lifetime_s == 0)
        return;
    nsec_t pause = w->config == 1 ? 3 * NSEC_PER_SEC * 99 / 100 : 3 * NSEC_PER_SEC / 4;
    FUZZ_ASSERT(!w->has_last || w->now == w->last ||
                w->now - w->last >= (w->config == 3 ? pause / 4 : pause));
    w->last = w->now;
    w->has_last = true;
}

static void drain(struct world *w)
{
    struct ra_event e;
    uint8_t frame[RA_FRAME_MAX];
    const struct ra_router *routers;
    while (ra_next(w->ra, &e) != RA_NOTHING)
        if (e.kind == RA_SEND)
            check_message(w, &e);
    while (ra_port_output(&w->port, frame) > 0)
        continue;
    FUZZ_ASSERT(ra_routers(w->ra, &routers) <= RA_ROUTERS_MAX);
    FUZZ_ASSERT(ra_entries(w->ra)->n <= RA_ENTRIES_MAX);
}

static void wait(struct world *w, nsec_t span)
{
    nsec_t until = w->now + span;
    for (;;) {
        nsec_t core = ra_deadline(w->ra), port = ra_port_deadline(&w->port), at = core < port ? core : port;
        if (at > until)
            break;
        w->now = at > w->now ? at : w->now;
        ra_port_timeout(&w->port, w->now);
        ra_timeout(w->ra, w->now);
        drain(w);
        FUZZ_ASSERT(ra_deadline(w->ra) > w->now);
    }
    w->now = until;
}

/* A message of the script's bytes, of which the first may be made one that is looked at. */
static void hear(struct world *w)
{
    static const uint8_t types[] = {ND_ROUTER_SOLICIT, ND_ROUTER_ADVERT};
    uint8_t how = reader_u8(&w->script), who = reader_u8(&w->script), len = reader_u8(&w->script);
    const uint8_t *bytes = reader_take(&w->script, len);
    uint8_t message[256] = {0};
    if (!bytes)
        return;
    memcpy(message, bytes, len);
    if (how & 1) {
        message[0] = types[how >> 1 & 1];
        message[1] = 0;
    }
    struct ra_packet p = {
        .from = {{0xfe, 0x80, [15] = who}}, .to = nd_all_routers, .bytes = message, .len = len};
    p.hop_limit = how & 8 ? how : 255;
    if (how & 16)
        p.from = (struct ipaddr){0};
    ra_input(w->ra, &p, w->now);
}

/* The same in a frame, whose checksum is made right. */
static void hear_frame(struct world *w)
{
    uint8_t how = reader_u8(&w->script), len = reader_u8(&w->script), frame[512] = {0};
    const uint8_t *bytes = reader_take(&w->script, len);
    struct ra_packet packet;
    struct ipaddr from, to;
    if (!bytes)
        return;
    memcpy(frame, bytes, len);
    if (how & 1 && len > 58) {
        memcpy(frame, "\x33\x33", 2);
        put_be16(frame + 12, 0x86dd);
        frame[14] = 0x60;
        put_be16(frame + 18, (uint16_t)(len - 54));
        frame[20] = how & 2 ? 0 : ND_ICMP6;
        memcpy(frame + 38, how & 4 ? w->port.host.groups[0].b : nd_all_routers.b, 16);
        memcpy(from.b, frame + 22, 16);
        memcpy(to.b, frame + 38, 16);
        if (!(how & 2))
            nd_set_checksum(&from, &to, frame + 54, len - 54u);
    }
    if (ra_port_input(&w->port, frame, len, w->now, &packet))
        ra_input(w->ra, &packet, w->now);
}

static void change(struct world *w)
{
    struct ra_own own[4];
    uint8_t how = reader_u8(&w->script);
    if (how & 0x80) {
        for (unsigned i = 0; i < 4; i++)
            own[i] = (struct ra_own){.prefix = {{0xfc, [7] = (uint8_t)(how >> i & 3)}},
                                     .bits = 64,
                                     .valid_until = how & 8 ? NSEC_NEVER : w->now + how * NSEC_PER_SEC,
                                     .preferred_until = w->now};
        if (ra_set_own(w->ra, own, how & 3, w->now) < 0)
            abort();
        return;
    }
    w->config = how % ARRAY_LEN(texts);
    w->has_last = false; /* another pause */
    if (ra_change(w->ra, &w->configs[w->config]->interfaces[0].settings, w->now) < 0)
        abort();
}

static void step(struct world *w)
{
    struct ra_place place = {.addr = {{0xfe, 0x80, [15] = 1}}, .mac = {2}};
    switch (reader_u8(&w->script) % 8) {
    case 0:
    case 1:
        hear(w);
        break;
    case 2:
    case 3:
        hear_frame(w);
        break;
    case 4:
        change(w);
        break;
    case 5:
        wait(w, (reader_u8(&w->script) + 1) * 100 * NSEC_PER_MSEC);
        break;
    case 6:
        ra_start(w->ra, &place, w->now);
        break;
    default:
        if (reader_u8(&w->script) & 1)
            ra_rest(w->ra);
        else
            ra_stop(w->ra, w->now);
        ra_port_up(&w->port, w->now);
    }
    drain(w);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t mac[6] = {2, 0, 0, 0, 0, 1};
    static struct world w;
    struct ra_env env = {.random = draw, .arg = &w};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        if (!w.configs[i])
            w.configs[i] = config_of(texts[i]);
    w.script = reader_of(data, size);
    w.now = NSEC_PER_SEC;
    w.random = size;
    w.config = 0;
    w.has_last = false;
    ra_port_init(&w.port, &env, mac);
    ra_port_up(&w.port, w.now);
    if (ra_new(&env, &w.configs[0]->interfaces[0].settings, w.now, &w.ra) < 0)
        abort();
    while (reader_left(&w.script) > 0)
        step(&w);
    wait(&w, 100 * NSEC_PER_SEC);
    ra_stop(w.ra, w.now);
    drain(&w);
    ra_free(w.ra);
    return 0;
}
