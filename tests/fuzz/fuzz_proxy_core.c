/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The input is a life of the proxy's cores: clocks that run and step, flows that come and go, stacks that take no address, other
 * settings; datagrams of many peers; answers about the base. Two bytes are a step. After each, whatever is open should be, the
 * present epoch has its address unless the stack refused one, no flow is lost from the counts, the listeners' filter is a program
 * that ends, and the table of peers finds those that are in it and no other, in the order of their age. */
#include "fuzz.h"
#include "libotip/proxy_account.h"
#include "libotip/proxy_filter.h"
#include "libotip/proxy_header.h"
#include "libotip/proxy_peers.h"
#include "libotip/proxy_renewal.h"
#include "libotip/proxy_window.h"

enum { FLOWS = 64, STEPS_MAX = 4 * WINDOW_ADDRESSES_MAX, PEERS = 16, PEER_KINDS = 5 };

struct flow {
    struct window_address *place;
    struct ipaddr from;
};

/* A UDP flow that is in the table, or may be. */
struct talker {
    struct peer peer;
    bool is_in;
    unsigned long touched; /* which step it was */
};

struct life {
    struct window window;
    struct peers peers;
    struct talker talkers[PEERS];
    unsigned long steps;
    struct renewal renewal;
    struct proxy_account *account;
    struct flow flows[FLOWS];
    unsigned n_flows;
    nsec_t now;
    bool refuses; /* the stack takes no address in this step */
};

static void address_of(void *arg, uint64_t epoch, struct ipaddr *ret)
{
    (void)arg;
    *ret = (struct ipaddr){{0xfd}};
    memcpy(ret->b + 8, &epoch, sizeof(epoch));
}

static struct window_settings settings_of(uint8_t byte)
{
    return (struct window_settings){.period_s = 1u + byte % 8,
                                    .before = (byte >> 3 & 3) * NSEC_PER_SEC / 2,
                                    .after = (byte >> 5) * NSEC_PER_SEC / 2,
                                    .capacity = 8,
                                    .address_of = address_of};
}

static void end_flow(struct life *l, unsigned i)
{
    window_flow_ends(l->flows[i].place);
    proxy_account_leave(l->account, &l->flows[i].from);
    l->flows[i] = l->flows[--l->n_flows];
}

static void end_flows_of(struct life *l, const struct window_address *place)
{
    for (unsigned i = l->n_flows; i-- > 0;)
        if (l->flows[i].place == place)
            end_flow(l, i);
}

static void begin_flow(struct life *l, uint8_t byte)
{
    struct ipaddr from = {{0xfd, 0, 0, 0, 0, 0, 0, byte & 7}};

    if (l->window.top == 0)
        return;
    struct window_address *place = &l->window.places[byte % l->window.top];
    bool may = place->state == WINDOW_OPEN && !place->dropped;
    if (!may || proxy_account_enter(l->account, &from) != PROXY_ADMITTED)
        return;
    window_flow_begins(place);
    FUZZ_ASSERT(l->n_flows < FLOWS);
    l->flows[l->n_flows++] = (struct flow){place, from};
}

/* Peers that differ in one thing each. */
static struct peer_key peer_of(unsigned i)
{
    struct peer_key key = {.client = {.addr = {{0xfd, 1}}, .port = 1}, .asked = {{0xfd, 2}}, .port = 1};
    unsigned by = i / PEER_KINDS + 1;

    switch (i % PEER_KINDS) {
    case 0:
        key.client.addr.b[15] = (uint8_t)by;
        break;
    case 1:
        key.client.port = (uint16_t)(1 + by);
        break;
    case 2:
        key.client.scope = by;
        break;
    case 3:
        key.asked.b[15] = (uint8_t)by;
        break;
    default:
        key.port = (uint16_t)(1 + by);
        break;
    }
    return key;
}

/* A datagram of a peer, or the end of its flow. What a server is told of it has its own bytes in their places. */
static void hear_peer(struct life *l, uint8_t byte)
{
    struct talker *t = &l->talkers[byte % PEERS];
    struct peer_key key = peer_of(byte % PEERS);
    uint8_t head[PROXY_HEADER_LEN];

    FUZZ_ASSERT(peers_find(&l->peers, &key) == (t->is_in ? &t->peer : NULL));
    if (byte & 0x80) {
        if (t->is_in)
            peers_leave(&l->peers, &t->peer);
        t->is_in = false;
        return;
    }
    t->peer.key = key;
    t->touched = l->steps;
    if (t->is_in)
        peers_touch(&l->peers, &t->peer);
    else
        peers_enter(&l->peers, &t->peer);
    t->is_in = true;
    struct ipendpoint asked = {.addr = key.asked, .port = key.port};
    proxy_header_write(head, byte & 0x40, &key.client, &asked);
    FUZZ_ASSERT(memcmp(head + 16, key.client.addr.b, 16) == 0 && memcmp(head + 32, key.asked.b, 16) == 0);
    FUZZ_ASSERT(head[48] == key.client.port >> 8 && head[49] == (key.client.port & 0xff));
    FUZZ_ASSERT(head[50] == key.port >> 8 && head[51] == (key.port & 0xff));
}

static void check_peers(const struct life *l)
{
    unsigned long touched = 0;
    size_t n = 0, there = 0;

    for (const struct peer *p = l->peers.oldest; p; p = p->newer, n++) {
        const struct talker *t = &l->talkers[0];
        while (&t->peer != p)
            t++;
        FUZZ_ASSERT(t->is_in && t->touched >= touched && n < PEERS);
        touched = t->touched;
    }
    for (unsigned i = 0; i < PEERS; i++)
        there += l->talkers[i].is_in;
    FUZZ_ASSERT(n == there && n == l->peers.n);
}

static void hear_of_base(struct life *l, uint8_t byte)
{
    nsec_t wait = byte & 1 ? renewal_failed(&l->renewal) : renewal_answered(&l->renewal, 1u << byte / 8);

    FUZZ_ASSERT(wait >= RENEWAL_MIN && wait <= RENEWAL_MAX);
}

static void settle(struct life *l)
{
    struct window_event event;
    unsigned steps = 0;

    while ((event = window_next(&l->window, l->now)).step != WINDOW_STANDS) {
        FUZZ_ASSERT(++steps < STEPS_MAX);
        bool opens = event.step == WINDOW_ADD || event.step == WINDOW_REOPEN;
        if (event.step == WINDOW_GIVE_WAY)
            end_flows_of(l, event.place);
        if (opens && l->refuses)
            window_crowded(&l->window, event.place, l->now);
        FUZZ_ASSERT(event.step != WINDOW_REMOVE || event.at.flows == 0);
    }
    FUZZ_ASSERT(window_deadline(&l->window, l->now) > l->now);
}

static void check(struct life *l)
{
    struct sock_filter code[PROXY_FILTER_MAX];
    struct ipaddr open[PROXY_BREADTH_MAX];
    uint64_t first, last, flows = 0;
    unsigned n = 0, standing = 0;

    window_span(&l->window.settings, l->now, &first, &last);
    for (unsigned i = 0; i < l->window.top; i++) {
        const struct window_address *a = &l->window.places[i];
        standing += a->state != WINDOW_FREE;
        flows += a->state != WINDOW_FREE ? a->flows : 0;
        FUZZ_ASSERT(a->state != WINDOW_OPEN || (a->epoch >= first && a->epoch <= last));
        if (a->state == WINDOW_OPEN)
            open[n++] = a->addr;
    }
    FUZZ_ASSERT(standing == l->window.n && standing <= l->window.settings.capacity);
    FUZZ_ASSERT(flows == l->n_flows && flows == proxy_account_flows(l->account));
    unsigned len = proxy_filter_write(code, open, n);
    FUZZ_ASSERT(len > 0 && BPF_CLASS(code[len - 1].code) == BPF_RET);
    for (unsigned i = 0; i < len; i++)
        FUZZ_ASSERT(BPF_CLASS(code[i].code) != BPF_JMP ||
                    (i + 1u + code[i].jf < len && i + 1u + code[i].jt < len));
}

static void step(struct life *l, uint8_t what, uint8_t byte)
{
    l->refuses = (what & 0x80) != 0;
    l->steps++;
    if (what & 0x40)
        (what & 0x20 ? hear_of_base : hear_peer)(l, byte);
    switch (what & 7) {
    case 0:
    case 1:
        begin_flow(l, byte);
        break;
    case 2:
        if (l->n_flows > 0)
            end_flow(l, byte % l->n_flows);
        break;
    case 3:
        l->now += byte * (NSEC_PER_SEC / 16);
        break;
    case 4:
        l->now += byte * 600 * NSEC_PER_SEC;
        break;
    case 5: /* back, at most to 1970 */
        l->now = l->now > byte * 600 * NSEC_PER_SEC ? l->now - byte * 600 * NSEC_PER_SEC : 0;
        break;
    case 6: {
        struct window_settings settings = settings_of(byte);
        window_set(&l->window, &settings, settings.period_s == l->window.settings.period_s);
        break;
    }
    default:
        proxy_account_set(l->account, byte, byte & 15);
        break;
    }
    settle(l);
    check(l);
    check_peers(l);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct life life;
    struct siphash_key key = {{1, 2}};
    struct window_settings settings = settings_of(size > 0 ? data[0] : 0);

    life = (struct life){.now = 1000 * NSEC_PER_SEC};
    if (proxy_account_new(FLOWS, FLOWS, &key, &life.account) < 0)
        return 0;
    if (peers_init(&life.peers, 4, &key) < 0) { /* all in few chains */
        proxy_account_free(life.account);
        return 0;
    }
    window_init(&life.window, &settings);
    for (size_t i = 1; i + 1 < size; i += 2)
        step(&life, data[i], data[i + 1]);
    end_flows_of(&life, NULL);
    struct window_event event;
    while ((event = window_close(&life.window)).step != WINDOW_STANDS)
        end_flows_of(&life, event.place);
    FUZZ_ASSERT(life.window.n == 0 && life.n_flows == 0 && proxy_account_sources(life.account) == 0);
    proxy_account_free(life.account);
    peers_fini(&life.peers);
    return 0;
}
