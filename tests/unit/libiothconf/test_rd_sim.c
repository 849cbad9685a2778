/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Router discovery on a link with simulated routers: some honest, one that comes and goes, one that renumbers, and
 * somebody who floods; packets get lost, doubled, late, spoilt. SEEDS in the environment says how many runs of the
 * lossy link there are, else SEEDS_DEFAULT.
 *
 * rd_world.h checks at every step that nothing is used beyond its lifetime. Here it is checked that lifetimes are those
 * that some router has said, that each prefix has one address, the name's, and that the client is
 * configured again soon whenever there is a router.
 */
#include "rd_world.h"

#include "lab/simlink.h"

#include <stdio.h>
#include <time.h>

enum {
    ROUTERS = 4,
    CLIENT = ROUTERS, /* the number of the client on the link */
    SEEDS_DEFAULT = 300,
    EPOCHS = 16, /* prefixes that one router has, one after the other */
    DAY_S = 86400,
    ROUTER_LIFETIME_S = 1800,
    VALID_S = 86400,
    PREFERRED_S = 14400,
    OLD_VALID_S = 7200, /* of a prefix that has been given up */
    ADVERT_MIN_S = 198, /* RFC 4861 s6.2.1: MinRtrAdvInterval, MaxRtrAdvInterval */
    ADVERT_MAX_S = 600,
};

#define ANSWER_MAX (NSEC_PER_SEC / 2) /* RFC 4861 s6.2.6 */

/* From a router's appearance, or from the end of the last default route, to an address and a route. A router says something
 * every 600 s and the link loses half of it at most: of a million, none is this late. By its solicitations the client is nearly
 * always much earlier. */
#define CONFIGURED_WITHIN (4 * 3600 * NSEC_PER_SEC)

struct router {
    char addr[16];
    enum nd_preference preference;
    bool alive;
    nsec_t toggle_mean;   /* it comes and goes after about so long; 0: it stays */
    nsec_t renumber_span; /* a new prefix after so long; 0: always the same */
    nsec_t toggle_at, advert_at, answer_at;
    nsec_t said_until[EPOCHS]; /* the end of the validity of each prefix, at the most */
};

struct flood {
    nsec_t from, until, gap, next; /* from 0: none */
    unsigned sent;
};

struct sim {
    struct world world;
    struct simlink *link;
    struct simlink_faults faults;
    struct router routers[ROUTERS];
    struct flood flood;
    bool is_clean;       /* what arrives is what honest routers said */
    nsec_t waits_since;  /* there is a router, but no configuration; 0: not so */
    nsec_t worst, total; /* how long that took */
    unsigned trials;
};

/* Before the packet on the simulated link. */
struct head {
    struct ipaddr from;
};

/* --- routers --- */

static unsigned epoch_of(const struct router *r, nsec_t now)
{
    return r->renumber_span == 0 ? 0 : (unsigned)(now / r->renumber_span) % EPOCHS;
}

static void prefix_text(unsigned router, unsigned epoch, char text[static IPADDR_STRLEN])
{
    snprintf(text, IPADDR_STRLEN, "2001:db8:%x:%x::", router + 1, epoch);
}

static void say_prefix(struct sim *sim, struct advert *a, unsigned i, unsigned epoch, uint32_t valid_s,
                       uint32_t preferred_s)
{
    nsec_t *until = &sim->routers[i].said_until[epoch];
    nsec_t end = sim->world.now + sim->faults.delay_max + valid_s * SEC;
    char text[IPADDR_STRLEN];

    prefix_text(i, epoch, text);
    advert_prefix(a, text, 64, ND_PREFIX_ON_LINK | ND_PREFIX_AUTONOMOUS, valid_s, preferred_s);
    if (end > *until)
        *until = end;
}

static void send_advert(struct sim *sim, unsigned i, const char *from, struct advert *a)
{
    struct head head = {.from = addr_of(from)};

    nd_set_checksum(&head.from, &nd_all_nodes, a->bytes, a->w.pos);
    simlink_send(sim->link, sim->world.now, i, CLIENT, &head, sizeof(head), a->bytes, a->w.pos);
}

static void advertise(struct sim *sim, unsigned i)
{
    struct router *r = &sim->routers[i];
    struct advert a;
    char text[IPADDR_STRLEN];
    unsigned epoch = epoch_of(r, sim->world.now);

    advert_begin(&a, &(struct nd_router){.lifetime_s = ROUTER_LIFETIME_S, .preference = r->preference});
    say_prefix(sim, &a, i, epoch, VALID_S, PREFERRED_S);
    if (r->renumber_span != 0) {
        nsec_t age = sim->world.now % r->renumber_span;
        uint32_t left_s = age >= OLD_VALID_S * SEC ? 0 : (uint32_t)(OLD_VALID_S - age / SEC);
        say_prefix(sim, &a, i, (epoch + EPOCHS - 1) % EPOCHS, left_s, 0);
    }
    snprintf(text, sizeof(text), "2001:db8:%x::53", i + 1);
    advert_server(&a, text, 3 * ADVERT_MAX_S);
    advert_domain(&a, "example.org", 3 * ADVERT_MAX_S);
    send_advert(sim, i, r->addr, &a);
}

static nsec_t between(struct sim *sim, nsec_t low, nsec_t high)
{
    return low + (nsec_t)(simlink_random(sim->link) % (uint64_t)(high - low + 1));
}

static bool is_served(const struct sim *sim)
{
    for (unsigned i = 0; i < ROUTERS; i++) {
        if (sim->routers[i].alive)
            return true;
    }
    return false;
}

static void toggle(struct sim *sim, struct router *r)
{
    nsec_t now = sim->world.now;

    r->alive = !r->alive;
    r->toggle_at = now + between(sim, r->toggle_mean / 2, r->toggle_mean * 3 / 2);
    r->advert_at = r->alive ? now : NSEC_NEVER;
    r->answer_at = NSEC_NEVER;
}

static nsec_t router_deadline(const struct router *r)
{
    nsec_t next = r->advert_at < r->answer_at ? r->advert_at : r->answer_at;

    return r->toggle_at < next ? r->toggle_at : next;
}

static void router_timeout(struct sim *sim, unsigned i)
{
    struct router *r = &sim->routers[i];
    nsec_t now = sim->world.now;

    if (r->toggle_at <= now)
        toggle(sim, r);
    if (r->advert_at > now && r->answer_at > now)
        return;
    advertise(sim, i);
    r->answer_at = NSEC_NEVER;
    r->advert_at = now + between(sim, ADVERT_MIN_S * SEC, ADVERT_MAX_S * SEC);
}

static void on_solicitation(struct world *w, const struct client_packet *packet)
{
    struct sim *sim = w->arg;
    struct head head = {{{0}}};

    for (unsigned i = 0; i < ROUTERS; i++)
        simlink_send(sim->link, w->now, CLIENT, i, &head, sizeof(head), packet->bytes, packet->len);
}

/* --- somebody who floods: routers that nobody has seen, and everything they could say --- */

static void flood(struct sim *sim)
{
    struct flood *f = &sim->flood;
    uint64_t chance = simlink_random(sim->link);
    char text[IPADDR_STRLEN];
    struct advert a;

    advert_begin(&a, &(struct nd_router){.lifetime_s = 9000,
                                         .preference = ND_HIGH,
                                         .flags = (uint8_t)(chance & ND_RA_MANAGED)});
    for (unsigned n = 0; n < 4; n++) {
        snprintf(text, sizeof(text), "2001:bad:%x:%x::", (unsigned)(chance >> 32) & 0xffff, n);
        advert_prefix(&a, text, 64, ND_PREFIX_ON_LINK | ND_PREFIX_AUTONOMOUS, 9000, 9000);
        advert_route(&a, text, 56, ND_HIGH, 9000);
        snprintf(text, sizeof(text), "2001:bad::%x:%x", (unsigned)(chance >> 40) & 0xffff, n);
        advert_server(&a, text, 9000);
    }
    snprintf(text, sizeof(text), "fe80::bad:%x", (unsigned)chance & 0xffff);
    send_advert(sim, 0, text, &a);
    f->sent++;
    f->next += f->gap;
    if (f->next >= f->until)
        f->next = NSEC_NEVER;
}

/* --- what must hold --- */

static void expected_address(unsigned router, unsigned epoch, struct ipaddr *ret)
{
    char text[IPADDR_STRLEN];

    prefix_text(router, epoch, text);
    *ret = addr_of(text);
    memcpy(ret->b + 8, ((const uint8_t[]){0xb4, 0xd7, 0x52, 0xd2, 0xc0, 0xd4, 0x92, 0xe7}), 8);
}

/* An address is the name's in a prefix that an honest router said, and ends when he said, or earlier. */
static void check_address(const struct sim *sim, const struct client_event *e)
{
    struct ipaddr expected;

    for (unsigned i = 0; i < ROUTERS; i++) {
        for (unsigned epoch = 0; epoch < EPOCHS; epoch++) {
            expected_address(i, epoch, &expected);
            if (ipaddr_equal(&expected, &e->addr)) {
                assert_int_equal(e->bits, 64);
                assert_true(e->valid_until <= sim->routers[i].said_until[epoch]);
                return;
            }
        }
    }
    fail_msg("an address that no router said");
}

/* It has an address and a default route. */
static bool is_configured(const struct world *w)
{
    bool has_addr = false, has_default = false;

    for (unsigned i = 0; i < HELD_MAX; i++) {
        has_addr |= w->held[i].used && w->held[i].is_addr;
        has_default |= w->held[i].used && !w->held[i].is_addr && w->held[i].event.bits == 0;
    }
    return has_addr && has_default;
}

/* How long it takes while there is a router. */
static void check_service(struct sim *sim)
{
    nsec_t now = sim->world.now;
    bool configured = is_configured(&sim->world);

    assert_true(!configured || sim->world.bound);
    if (configured && sim->waits_since != 0) {
        nsec_t took = now - sim->waits_since;
        sim->trials++;
        sim->total += took;
        sim->worst = took > sim->worst ? took : sim->worst;
    }
    if (configured || !is_served(sim))
        sim->waits_since = 0;
    else if (sim->waits_since == 0)
        sim->waits_since = now;
    else
        assert_true(now - sim->waits_since <= CONFIGURED_WITHIN);
}

static void check(struct sim *sim)
{
    struct world *w = &sim->world;

    for (unsigned i = 0; i < HELD_MAX && sim->is_clean; i++) {
        const struct held *h = &w->held[i];
        if (h->used && h->is_addr)
            check_address(sim, &h->event);
        if (h->used && !h->is_addr && h->event.bits == 0)
            assert_true(h->event.valid_until <= w->now + ROUTER_LIFETIME_S * SEC);
    }
    check_service(sim);
}

/* --- the run --- */

static void deliver(struct sim *sim)
{
    struct simlink_message *m = simlink_take(sim->link, sim->world.now);
    struct head head;

    memcpy(&head, m->bytes, sizeof(head));
    const uint8_t *bytes = m->bytes + sizeof(head);
    size_t len = m->len - sizeof(head);
    if (m->to != CLIENT) {
        struct router *r = &sim->routers[m->to];
        if (r->alive && r->answer_at == NSEC_NEVER && len >= 8 && bytes[0] == ND_ROUTER_SOLICIT)
            r->answer_at = sim->world.now + between(sim, 0, ANSWER_MAX);
    } else if (len >= 4 && nd_checksum(&head.from, &nd_all_nodes, bytes, len) == 0) {
        struct client_packet packet = {.way = CLIENT_ICMP6,
                                       .from.addr = head.from,
                                       .to.addr = nd_all_nodes,
                                       .hop_limit = ND_HOP_LIMIT,
                                       .bytes = bytes,
                                       .len = len};
        rd_client_input(sim->world.client, &packet, sim->world.now);
    }
    free(m);
}

static nsec_t next_of(const struct sim *sim)
{
    nsec_t next = simlink_due(sim->link), client = rd_client_deadline(sim->world.client);

    next = client < next ? client : next;
    next = sim->flood.next < next ? sim->flood.next : next;
    for (unsigned i = 0; i < ROUTERS; i++) {
        nsec_t router = router_deadline(&sim->routers[i]);
        next = router < next ? router : next;
    }
    return next;
}

static void sim_run(struct sim *sim, nsec_t until)
{
    struct world *w = &sim->world;

    for (nsec_t next = next_of(sim); next <= until; next = next_of(sim)) {
        assert_true(next >= w->now);
        w->now = next;
        while (simlink_due(sim->link) <= next)
            deliver(sim);
        if (rd_client_deadline(w->client) <= next)
            rd_client_timeout(w->client, next);
        for (unsigned i = 0; i < ROUTERS; i++) {
            if (router_deadline(&sim->routers[i]) <= next)
                router_timeout(sim, i);
        }
        if (sim->flood.next <= next)
            flood(sim);
        world_drain(w);
        check(sim);
    }
    w->now = until;
}

static void sim_open(struct sim *sim, uint64_t seed, const struct simlink_faults *faults)
{
    *sim = (struct sim){.faults = *faults, .is_clean = true};
    sim->link = simlink_new(seed);
    assert_non_null(sim->link);
    simlink_set_faults(sim->link, faults);
    sim->flood.next = NSEC_NEVER;
    for (unsigned i = 0; i < ROUTERS; i++) {
        struct router *r = &sim->routers[i];
        snprintf(r->addr, sizeof(r->addr), "fe80::%u", i + 1);
        r->toggle_at = r->advert_at = r->answer_at = NSEC_NEVER;
    }
    world_open(&sim->world);
    sim->world.chance = seed;
    sim->world.on_solicitation = on_solicitation;
    sim->world.arg = sim;
}

/* From now on it is there, and will come and go. */
static void sim_add(struct sim *sim, unsigned i, enum nd_preference preference, nsec_t toggle_mean,
                    nsec_t renumber_span)
{
    struct router *r = &sim->routers[i];

    if (sim->waits_since == 0 && !is_configured(&sim->world))
        sim->waits_since = sim->world.now;
    r->alive = true;
    r->preference = preference;
    r->toggle_mean = toggle_mean;
    r->renumber_span = renumber_span;
    r->advert_at = sim->world.now + between(sim, 0, ADVERT_MAX_S * SEC);
    r->toggle_at =
        toggle_mean == 0 ? NSEC_NEVER : sim->world.now + between(sim, toggle_mean / 2, toggle_mean);
}

static void sim_close(struct sim *sim)
{
    sim->world.on_solicitation = NULL;
    world_close(&sim->world);
    simlink_free(sim->link);
}

static double seconds_of_processor(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

/* --- the tests --- */

static const struct simlink_faults perfect = {.delay_min = NSEC_PER_MSEC, .delay_max = NSEC_PER_MSEC};

static void test_thirty_days(void **state)
{
    struct simlink_faults faults = {
        .loss = 50, .duplication = 20, .delay_min = NSEC_PER_MSEC, .delay_max = 50 * NSEC_PER_MSEC};
    double before = seconds_of_processor();
    struct sim sim;

    (void)state;
    sim_open(&sim, 30, &faults);
    sim_add(&sim, 0, ND_MEDIUM, 0, 0);
    sim_add(&sim, 1, ND_HIGH, 0, 0);
    sim_add(&sim, 2, ND_LOW, 2 * DAY_S * SEC, 0);
    sim_add(&sim, 3, ND_MEDIUM, 0, 3 * DAY_S * SEC);
    for (unsigned day = 1; day <= 30; day++) {
        sim_run(&sim, sim.world.now + DAY_S * SEC);
        assert_true(sim.world.bound);
        assert_true(sim.world.names.n_servers >= 3);
    }
    assert_int_equal(sim.trials, 1);
    assert_int_equal(sim.world.counts[CLIENT_LOST], 0);
    assert_true(sim.worst < 20 * SEC);
    assert_true(sim.world.counts[CLIENT_ADDR_DEL] >= 8); /* of nine prefixes that were given up */
    print_message(
        "30 days: %.2f s of processor time, %u solicitations, %u addresses renewed, %u taken back\n",
        seconds_of_processor() - before, sim.world.counts[CLIENT_SEND], sim.world.counts[CLIENT_ADDR_ADD],
        sim.world.counts[CLIENT_ADDR_DEL]);
    sim_close(&sim);
}

/* The first solicitation and its answer. */
static void test_without_faults_at_once(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 50; seed++) {
        struct sim sim;
        sim_open(&sim, seed, &perfect);
        sim_add(&sim, 0, ND_MEDIUM, 0, 0);
        sim_run(&sim, sim.world.now + SEC);
        assert_true(sim.world.bound);
        assert_true(sim.worst <= ANSWER_MAX + 110 * NSEC_PER_MSEC);
        sim_close(&sim);
    }
}

/* Two routers: the better one's route is there, and goes when it vanishes; the other's stays. */
static void test_two_routers_one_vanishes(void **state)
{
    struct sim sim;

    (void)state;
    sim_open(&sim, 1, &perfect);
    sim_add(&sim, 0, ND_MEDIUM, 0, 0);
    sim_add(&sim, 1, ND_HIGH, 0, 0);
    sim_run(&sim, sim.world.now + 3600 * SEC);
    assert_int_equal(world_has_route(&sim.world, "::", 0, "fe80::2")->metric / 2, RD_METRIC_HIGH / 2);
    assert_int_equal(world_count(&sim.world, true), 2);
    sim.routers[1].alive = false;
    sim.routers[1].advert_at = NSEC_NEVER;
    sim_run(&sim, sim.world.now + (ROUTER_LIFETIME_S + 1) * SEC);
    assert_null(world_has_route(&sim.world, "::", 0, "fe80::2"));
    assert_non_null(world_has_route(&sim.world, "::", 0, "fe80::1"));
    assert_int_equal(world_count(&sim.world, true), 2);
    sim_run(&sim, sim.world.now + VALID_S * SEC);
    assert_int_equal(world_count(&sim.world, true), 1);
    assert_true(sim.world.bound);
    sim_close(&sim);
}

static struct simlink_faults faults_of(uint64_t seed)
{
    struct simlink *chance = simlink_new(seed * 977);
    struct simlink_faults faults;

    assert_non_null(chance);
    faults = (struct simlink_faults){.loss = (unsigned)(simlink_random(chance) % 501),
                                     .duplication = (unsigned)(simlink_random(chance) % 201),
                                     .corruption = (unsigned)(simlink_random(chance) % 101),
                                     .delay_min = NSEC_PER_MSEC,
                                     .delay_max = (nsec_t)(simlink_random(chance) % 3000) * NSEC_PER_MSEC};
    simlink_free(chance);
    return faults;
}

/* Two days with a router that comes and goes and one that renumbers, and does so too. Spoilt packets may have a right
 * checksum by chance, so what they say is not compared with what the routers said. */
static void run_lossy(uint64_t seed, struct sim *sim)
{
    struct simlink_faults faults = faults_of(seed);

    sim_open(sim, seed, &faults);
    sim->is_clean = faults.corruption == 0;
    sim_add(sim, 0, ND_MEDIUM, DAY_S / 8 * SEC, 0);
    sim_run(sim, sim->world.now + DAY_S * SEC);
    sim_add(sim, 1, ND_HIGH, DAY_S / 4 * SEC, DAY_S / 2 * SEC);
    sim_run(sim, sim->world.now + DAY_S * SEC);
    sim->routers[0].alive = sim->routers[1].alive = false;
    sim->routers[0].toggle_at = sim->routers[1].toggle_at = NSEC_NEVER;
    sim->routers[0].advert_at = sim->routers[1].advert_at = NSEC_NEVER;
    sim_run(sim, sim->world.now + (VALID_S + 10) * SEC); /* all over */
    if (faults.corruption == 0)
        assert_int_equal(world_count(&sim->world, true) + world_count(&sim->world, false), 0);
    sim_close(sim);
}

static void test_lossy_links(void **state)
{
    const char *text = getenv("SEEDS");
    unsigned long seeds = text ? strtoul(text, NULL, 10) : SEEDS_DEFAULT;
    nsec_t worst = 0, total = 0;
    unsigned long trials = 0;

    (void)state;
    for (uint64_t seed = 1; seed <= seeds; seed++) {
        static struct sim sim;
        run_lossy(seed, &sim);
        worst = sim.worst > worst ? sim.worst : worst;
        total += sim.total;
        trials += sim.trials;
    }
    assert_true(trials >= seeds);
    print_message("%lu seeds: %lu times configured anew, after %.1f s on average, %.0f s at the worst\n",
                  seeds, trials, (double)total / 1e9 / (double)trials, (double)worst / 1e9);
}

/* A router that is known keeps everything through a flood; one that comes later gets a place when the flood is over. */
static void test_flood(void **state)
{
    struct sim sim;
    nsec_t start;

    (void)state;
    sim_open(&sim, 1, &perfect);
    sim.is_clean = false;
    sim_add(&sim, 0, ND_MEDIUM, 0, 0);
    sim_run(&sim, sim.world.now + 60 * SEC);
    start = sim.world.now;
    sim.flood =
        (struct flood){.from = start, .next = start, .until = start + 600 * SEC, .gap = 20 * NSEC_PER_MSEC};
    for (unsigned i = 0; i < 60; i++) {
        sim_run(&sim, sim.world.now + 10 * SEC);
        assert_non_null(world_has_route(&sim.world, "::", 0, "fe80::1"));
        assert_non_null(world_has_addr(&sim.world, "2001:db8:1:0:b4d7:52d2:c0d4:92e7", 64));
        struct ipaddr server = addr_of("2001:db8:1::53");
        assert_true(ipaddr_equal(&sim.world.names.servers[0], &server));
        assert_true(sim.world.names.n_servers <= CLIENT_SERVERS_MAX);
    }
    assert_true(sim.flood.sent >= 29000);
    sim_add(&sim, 1, ND_HIGH, 0, 0);
    sim_run(&sim, start + 2 * 5400 * SEC);
    assert_non_null(world_has_route(&sim.world, "::", 0, "fe80::2"));
    sim_run(&sim, start + 3 * 9000 * SEC);
    assert_int_equal(world_count(&sim.world, true), 2);
    assert_int_equal(world_count(&sim.world, false), 2);
    assert_int_equal(sim.world.counts[CLIENT_LOST], 0);
    sim_close(&sim);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_thirty_days),
        cmocka_unit_test(test_without_faults_at_once),
        cmocka_unit_test(test_two_routers_one_vanishes),
        cmocka_unit_test(test_lossy_links),
        cmocka_unit_test(test_flood),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
