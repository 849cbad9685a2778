/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The DHCPv6 client on a simulated link with simulated servers, over days and weeks of a virtual clock.
 *
 * A run by chance has a bad time and then a good one. In the bad time messages are lost (up to half of them),
 * doubled, delayed and spoilt, servers go down and come back with their memory lost, the link goes down,
 * addresses are taken by others, and old messages come again, forged. Always: one address at the most, never
 * after the end that some server granted it, and what dhcp6_world.h checks. In the good time the client is
 * without an address for no longer than the back-off of RFC 9915 says (s15: the next message comes within 2.1
 * times what has passed, and within 1.1 times SOL_MAX_RT).
 *
 * Spoilt messages are thrown away at their receiver, as by the checksum of UDP, but for every eighth run:
 * there they come through, so what they grant is granted by nobody, and only what dhcp6_world.h checks is
 * asked.
 *
 * SEEDS in the environment says how many runs there are, else SEEDS_DEFAULT.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define WORLD_ASSERT(condition) assert_true(condition)
#include "dhcp6_world.h"
#include "lab/simlink.h"

#define SEC    NSEC_PER_SEC
#define MSEC   NSEC_PER_MSEC
#define HOUR   (3600 * SEC)
#define DAY    (24 * HOUR)
#define MAX_RT (3600 * SEC)

enum {
    SEEDS_DEFAULT = 300,
    SERVERS = 2,
    POOL = 64,          /* addresses of a server, PREFIX::SERVER:INDEX */
    CLIENT = SERVERS,   /* its number on the link */
    DELAY_MAX_MS = 800, /* longer than it takes, so messages overtake one another */
    DAD_MS = 1000,
    OLD = 16, /* messages that are kept to be played again */
};

/* --- servers --- */

struct lease {
    bool is_granted;   /* as the server knows */
    nsec_t until;      /* ... until then */
    nsec_t ever_until; /* whatever the server has forgotten since */
    bool declined;
    bool taken; /* somebody else has it; no server knows */
};

struct server {
    unsigned number;
    bool up, rapid, forgets, refuses;
    uint8_t preference;
    uint32_t valid_s;
    struct lease pool[POOL];
};

struct head {
    uint64_t checksum;
};

struct old {
    size_t len;
    uint8_t bytes[WORLD_MESSAGE];
};

struct sim {
    struct world w;
    struct simlink *link;
    struct server servers[SERVERS];
    bool checksums;
    bool link_down;
    struct ipaddr trying; /* duplicate address detection ... */
    nsec_t verdict_at;    /* ... ends then; NSEC_NEVER */
    nsec_t unbound_since; /* -1: bound */
    nsec_t unbound;       /* time without an address, in all */
    struct old old[OLD];
    unsigned n_old;
    unsigned long n_replies, n_declined;
};

static uint64_t checksum_of(const uint8_t *bytes, size_t len)
{
    uint64_t sum = 0xcbf29ce484222325;

    for (size_t i = 0; i < len; i++)
        sum = (sum ^ bytes[i]) * 0x100000001b3;
    return sum;
}

static void send_to(struct sim *sim, unsigned from, unsigned to, const uint8_t *bytes, size_t len)
{
    struct head head = {checksum_of(bytes, len)};

    simlink_send(sim->link, sim->w.now, from, to, &head, sizeof(head), bytes, len);
}

static struct ipaddr pool_addr(const struct server *s, unsigned index)
{
    struct ipaddr addr = {{0x20, 1, 0xd, 0xb8}};

    put_be16(addr.b + 12, (uint16_t)(s->number + 1));
    put_be16(addr.b + 14, (uint16_t)(index + 1));
    return addr;
}

static struct lease *lease_of(struct sim *sim, const struct ipaddr *addr, const struct server *of)
{
    unsigned number = get_be16(addr->b + 12), index = get_be16(addr->b + 14);

    if (addr->b[0] != 0x20 || number == 0 || number > SERVERS || index == 0 || index > POOL)
        return NULL;
    return of && of->number + 1 != number ? NULL : &sim->servers[number - 1].pool[index - 1];
}

/* The address for this one client: what it has, else the first that was not declined. */
static unsigned choose(const struct sim *sim, const struct server *s)
{
    for (unsigned i = 0; i < POOL; i++) {
        if (s->pool[i].is_granted && s->pool[i].until > sim->w.now && !s->pool[i].declined)
            return i;
    }
    for (unsigned i = 0; i < POOL; i++) {
        if (!s->pool[i].declined)
            return i;
    }
    return 0;
}

static void put_granted(struct dhcp6_message *m, const struct server *s, const struct ipaddr *addr)
{
    struct dhcp6_ia *ia = &m->ia[0];

    ia->leases[ia->n_leases++] =
        (struct dhcp6_lease){.addr = *addr, .preferred_s = s->valid_s / 2, .valid_s = s->valid_s};
    ia->has |= DHCP6_HAS_ADDR;
}

static void grant(struct sim *sim, const struct server *s, struct lease *lease)
{
    lease->is_granted = true;
    lease->until = sim->w.now + s->valid_s * SEC;
    if (lease->until > lease->ever_until)
        lease->ever_until = lease->until;
}

static void set_ia_status(struct dhcp6_message *m, enum dhcp6_status_code code)
{
    m->ia[0].status.code = (uint16_t)code;
    m->ia[0].has |= DHCP6_HAS_STATUS;
}

static void set_status(struct dhcp6_message *m, enum dhcp6_status_code code)
{
    m->status.code = (uint16_t)code;
    m->has |= DHCP6_HAS_STATUS;
}

/* An address that the server chooses; `commit`: it is the client's then. */
static void give_address(struct sim *sim, struct server *s, struct dhcp6_message *m, bool commit)
{
    unsigned index = choose(sim, s);
    struct ipaddr addr = pool_addr(s, index);

    if (s->refuses && commit) {
        set_ia_status(m, DHCP6_NO_ADDRS_AVAIL);
        return;
    }
    put_granted(m, s, &addr);
    if (commit)
        grant(sim, s, &s->pool[index]);
}

/* RENEW and REBIND. False: no answer. */
static bool extend(struct sim *sim, struct server *s, const struct dhcp6_message *q, struct dhcp6_message *m)
{
    const struct ipaddr *addr = &q->ia[0].leases[0].addr;
    struct lease *lease = q->ia[0].n_leases > 0 ? lease_of(sim, addr, s) : NULL;
    bool is_known = lease && lease->is_granted && lease->until > sim->w.now && !lease->declined;

    if (is_known) {
        grant(sim, s, lease);
        put_granted(m, s, addr);
    } else {
        set_ia_status(m, DHCP6_NO_BINDING);
    }
    return is_known || q->type == DHCP6_RENEW;
}

static void take_back(struct sim *sim, struct server *s, const struct dhcp6_message *q)
{
    for (unsigned i = 0; i < q->ia[0].n_leases; i++) {
        struct lease *lease = lease_of(sim, &q->ia[0].leases[i].addr, s);
        if (!lease)
            continue;
        lease->is_granted = false;
        lease->declined |= q->type == DHCP6_DECLINE;
        sim->n_declined += q->type == DHCP6_DECLINE;
    }
}

static bool answer(struct sim *sim, struct server *s, const struct dhcp6_message *q, struct dhcp6_message *m)
{
    bool rapid = s->rapid && q->has & DHCP6_HAS_RAPID_COMMIT;

    switch (q->type) {
    case DHCP6_SOLICIT:
        m->type = rapid ? DHCP6_REPLY : DHCP6_ADVERTISE;
        m->has |= rapid ? DHCP6_HAS_RAPID_COMMIT : DHCP6_HAS_PREFERENCE;
        m->preference = s->preference;
        give_address(sim, s, m, rapid);
        return true;
    case DHCP6_REQUEST:
        give_address(sim, s, m, true);
        return true;
    case DHCP6_RENEW:
    case DHCP6_REBIND:
        return extend(sim, s, q, m);
    case DHCP6_CONFIRM:
        set_status(m, DHCP6_SUCCESS);
        m->has &= ~DHCP6_HAS_IA;
        return true;
    case DHCP6_RELEASE:
    case DHCP6_DECLINE:
        take_back(sim, s, q);
        set_status(m, DHCP6_SUCCESS);
        return true;
    default:
        return false;
    }
}

static struct duid server_id(const struct server *s)
{
    return duid_from_mac((const uint8_t[6]){2, 0, 0, 0, 1, (uint8_t)s->number});
}

static void server_hears(struct sim *sim, struct server *s, const uint8_t *bytes, size_t len)
{
    static struct dhcp6_message q, m;
    static uint8_t reply[UINT16_MAX];
    struct writer w = writer_of(reply, sizeof(reply));
    struct duid id = server_id(s);
    struct dhcp6_bytes my_id = {id.bytes, id.len};

    if (!s->up || dhcp6_read(bytes, len, &q) < 0 || !(q.has & DHCP6_HAS_CLIENT_ID))
        return;
    if (q.has & DHCP6_HAS_SERVER_ID && !dhcp6_bytes_equal(q.server_id, my_id))
        return;
    memset(&m, 0, sizeof(m));
    m.type = DHCP6_REPLY;
    m.xid = q.xid;
    m.client_id = q.client_id;
    m.server_id = my_id;
    m.n_ia = 1;
    m.ia[0].code = DHCP6_OPT_IA_NA;
    m.ia[0].iaid = q.n_ia > 0 ? q.ia[0].iaid : 0;
    m.has = DHCP6_HAS_CLIENT_ID | DHCP6_HAS_SERVER_ID | DHCP6_HAS_IA;
    if (!answer(sim, s, &q, &m) || dhcp6_write(&w, &m) < 0)
        return;
    sim->n_replies++;
    send_to(sim, s->number, CLIENT, reply, w.pos);
    struct old *old = &sim->old[sim->n_old++ % OLD];
    old->len = w.pos < sizeof(old->bytes) ? w.pos : sizeof(old->bytes);
    memcpy(old->bytes, reply, old->len);
}

/* Down; and up again, perhaps with nothing left in its memory but what was declined. */
static void restart(struct server *s, bool forgets)
{
    for (unsigned i = 0; forgets && i < POOL; i++)
        s->pool[i].is_granted = s->pool[i].declined = false;
}

/* --- the client's side --- */

static void on_send(struct world *w, const struct world_sent *sent)
{
    struct sim *sim = w->arg;

    for (unsigned i = 0; !sim->link_down && i < SERVERS; i++)
        send_to(sim, CLIENT, i, sent->bytes, sent->len);
}

/* What must hold beyond dhcp6_world.h, and what the stack does by itself: duplicate address detection. */
static void look(struct sim *sim)
{
    struct world *w = &sim->w;
    bool has_one = w->n_stands > 0;

    if (sim->checksums) {
        assert_true(w->n_stands <= 1);
        for (unsigned i = 0; i < w->n_stands; i++) {
            const struct lease *lease = lease_of(sim, &w->stands[i].addr, NULL);
            assert_non_null(lease);
            assert_true(w->stands[i].valid_until <= lease->ever_until + DELAY_MAX_MS * MSEC);
        }
    }
    if (has_one && !ipaddr_equal(&sim->trying, &w->stands[0].addr)) {
        sim->trying = w->stands[0].addr;
        sim->verdict_at = w->now + DAD_MS * MSEC;
    } else if (!has_one) {
        sim->trying = (struct ipaddr){{0}};
        sim->verdict_at = NSEC_NEVER;
    }
    if (!has_one && sim->unbound_since < 0)
        sim->unbound_since = w->now;
    if (has_one && sim->unbound_since >= 0) {
        sim->unbound += w->now - sim->unbound_since;
        sim->unbound_since = -1;
    }
}

static void give_verdict(struct sim *sim)
{
    struct ipaddr addr = sim->trying;
    const struct lease *lease = lease_of(sim, &addr, NULL);

    sim->verdict_at = NSEC_NEVER;
    dhcp6_client_verdict(sim->w.x, &addr, lease && lease->taken, sim->w.now);
    world_drain(&sim->w);
}

static void deliver(struct sim *sim, struct simlink_message *message)
{
    struct head head;
    const uint8_t *bytes = message->bytes + sizeof(head);
    size_t len = message->len - sizeof(head);

    memcpy(&head, message->bytes, sizeof(head));
    bool is_whole = head.checksum == checksum_of(bytes, len);
    if (message->to != CLIENT && is_whole)
        server_hears(sim, &sim->servers[message->to], bytes, len);
    else if (message->to == CLIENT && (is_whole || !sim->checksums))
        world_input(&sim->w, bytes, len);
    free(message);
}

static nsec_t sooner(nsec_t a, nsec_t b)
{
    return a < b ? a : b;
}

static void run_until(struct sim *sim, nsec_t end)
{
    struct world *w = &sim->w;
    unsigned at_once = 0;

    for (;;) {
        nsec_t due = sooner(sooner(simlink_due(sim->link), dhcp6_client_deadline(w->x)), sim->verdict_at);
        if (due > end)
            break;
        at_once = due > w->now ? 0 : at_once + 1;
        assert_true(at_once < 1000);
        if (due > w->now)
            w->now = due;
        if (dhcp6_client_deadline(w->x) <= w->now)
            world_timeout(w);
        else if (sim->verdict_at <= w->now)
            give_verdict(sim);
        else
            deliver(sim, simlink_take(sim->link, w->now));
        look(sim);
    }
    w->now = end;
}

/* --- runs --- */

static unsigned below(struct sim *sim, unsigned n)
{
    return (unsigned)(simlink_random(sim->link) % n);
}

static void sim_open(struct sim *sim, uint64_t seed)
{
    memset(sim, 0, sizeof(*sim));
    sim->link = simlink_new(seed);
    assert_non_null(sim->link);
    world_init(&sim->w, DHCP6_MODE_STATEFUL, NULL);
    sim->w.random = seed;
    sim->w.on_send = on_send;
    sim->w.arg = sim;
    sim->checksums = true;
    sim->verdict_at = NSEC_NEVER;
    sim->unbound_since = sim->w.now;
    for (unsigned i = 0; i < SERVERS; i++)
        sim->servers[i] = (struct server){.number = i, .up = i == 0, .valid_s = 7200};
    world_open(&sim->w);
}

static void sim_start(struct sim *sim)
{
    world_start(&sim->w);
    look(sim);
}

static void sim_close(struct sim *sim)
{
    dhcp6_client_free(sim->w.x);
    simlink_free(sim->link);
}

static struct sim sim; /* some 200 KB */

static void test_a_month(void **state)
{
    clock_t began = clock();

    (void)state;
    sim_open(&sim, 1);
    simlink_set_faults(
        sim.link,
        &(struct simlink_faults){
            .loss = 200, .duplication = 100, .corruption = 50, .delay_min = MSEC, .delay_max = 50 * MSEC});
    sim_start(&sim);
    run_until(&sim, sim.w.now + 30 * DAY);
    double seconds = (double)(clock() - began) / CLOCKS_PER_SEC;
    print_message(
        "30 days, every fifth message lost: %u sent, %lu answered, %u times without an address, %.2f s\n",
        sim.w.n_sent, sim.n_replies, sim.w.n_lost, seconds);
    assert_int_equal(sim.w.n_stands, 1);
    assert_int_equal(sim.w.n_lost, 0);
    assert_true(sim.w.n_sent > 30 * 24 * 2);
    sim_close(&sim);
}

static void test_two_servers(void **state)
{
    (void)state;
    sim_open(&sim, 2);
    sim.servers[1].up = true;
    sim.servers[1].preference = 10;
    sim_start(&sim);
    run_until(&sim, sim.w.now + 2 * SEC);
    assert_int_equal(sim.w.n_stands, 1);
    assert_int_equal(get_be16(sim.w.stands[0].addr.b + 12), 2);
    sim.servers[1].up = false; /* for ever: the other one takes over when the lease has ended */
    run_until(&sim, sim.w.now + 3 * HOUR);
    assert_int_equal(sim.w.n_stands, 1);
    assert_int_equal(get_be16(sim.w.stands[0].addr.b + 12), 1);
    assert_int_equal(sim.w.n_lost, 1);
    assert_true(sim.unbound < 5 * SEC);
    sim_close(&sim);
}

static void test_a_server_comes_back_without_its_memory(void **state)
{
    (void)state;
    sim_open(&sim, 3);
    sim_start(&sim);
    run_until(&sim, sim.w.now + DAY);
    restart(&sim.servers[0], true);
    run_until(&sim, sim.w.now + DAY);
    assert_int_equal(sim.w.n_stands, 1);
    assert_int_equal(sim.w.n_lost, 0);
    sim_close(&sim);
}

static void test_taken_addresses(void **state)
{
    (void)state;
    sim_open(&sim, 4);
    for (unsigned i = 0; i < 5; i++)
        sim.servers[0].pool[i].taken = true;
    sim_start(&sim);
    run_until(&sim, sim.w.now + 120 * SEC);
    assert_int_equal(sim.n_declined, 5);
    assert_int_equal(sim.w.n_stands, 1);
    assert_int_equal(get_be16(sim.w.stands[0].addr.b + 14), 6);
    sim_close(&sim);
}

static void test_a_server_that_refuses(void **state)
{
    (void)state;
    sim_open(&sim, 5);
    sim.servers[0].refuses = true;
    sim.servers[0].preference = 255;
    sim_start(&sim);
    run_until(&sim, sim.w.now + HOUR);
    assert_int_equal(sim.w.n_stands, 0);
    assert_true(sim.w.n_sent < 2 * (7 + 3600 / 64 + 2)); /* SOLICIT and REQUEST, then a pause */
    sim.servers[0].refuses = false;
    run_until(&sim, sim.w.now + 80 * SEC);
    assert_int_equal(sim.w.n_stands, 1);
    sim_close(&sim);
}

/* --- by chance --- */

/* Somebody who is not on the path, so he does not know the transaction ids of this moment, says what a server
 * once said, with a byte changed. */
static void forge(struct sim *s)
{
    struct old forged = s->old[below(s, OLD)];

    if (forged.len == 0)
        return;
    forged.bytes[1 + below(s, 3)] ^= (uint8_t)(1 + below(s, 255));
    forged.bytes[4 + below(s, (unsigned)forged.len - 4)] = (uint8_t)below(s, 256);
    send_to(s, 0, CLIENT, forged.bytes, forged.len);
}

static void an_accident(struct sim *s)
{
    struct server *server = &s->servers[below(s, SERVERS)];

    switch (below(s, 8)) {
    case 0:
    case 1:
        server->up = !server->up;
        if (server->up)
            restart(server, below(s, 2));
        break;
    case 2:
        s->link_down = !s->link_down;
        if (!s->link_down)
            sim_start(s);
        break;
    case 3:
        server->refuses = !server->refuses;
        break;
    case 4:
        server->pool[below(s, 4)].taken ^= true;
        break;
    case 5:
        server->valid_s = 60 + below(s, 20000);
        break;
    default:
        forge(s);
    }
}

static void bad_time(struct sim *s)
{
    struct simlink_faults faults = {.loss = below(s, 501),
                                    .duplication = below(s, 301),
                                    .corruption = below(s, 201),
                                    .delay_min = below(s, 50) * MSEC};

    faults.delay_max = faults.delay_min + below(s, DELAY_MAX_MS - 50) * MSEC;
    simlink_set_faults(s->link, &faults);
    for (unsigned i = 0; i < SERVERS; i++) {
        s->servers[i].up = below(s, 2);
        s->servers[i].rapid = below(s, 2);
        s->servers[i].preference = (uint8_t)(below(s, 3) * 0x7f);
    }
    sim_start(s);
    for (unsigned accidents = 3 + below(s, 40); accidents > 0; accidents--) {
        run_until(s,
                  s->w.now + 1 +
                      (nsec_t)(simlink_random(s->link) % (uint64_t)(below(s, 4) ? 20 * 60 * SEC : 5 * HOUR)));
        an_accident(s);
    }
}

static void servers_become_good(struct sim *s)
{
    simlink_set_faults(s->link, &(struct simlink_faults){.delay_max = 10 * MSEC});
    for (unsigned i = 0; i < SERVERS; i++) {
        s->servers[i].up = true;
        s->servers[i].refuses = false;
        s->servers[i].valid_s = 7200;
        for (unsigned k = 0; k < POOL; k++)
            s->servers[i].pool[k].taken = false;
    }
}

/* How long the client may be without an address from now on: what is left of its silence, then the
 * exchanges. */
static nsec_t allowed_silence(const struct sim *s)
{
    nsec_t passed = s->unbound_since < 0 ? 0 : s->w.now - s->unbound_since;
    nsec_t longest = passed * 21 / 10 < MAX_RT * 11 / 10 ? passed * 21 / 10 : MAX_RT * 11 / 10;

    /* A discovery may have to wait after failures, a REQUEST to a server that has changed its mind be said
     * again; a lease whose renewal was under way may end before it is said again. */
    return longest + 64 * SEC * 11 / 10 + 33 * SEC + 10 * SEC;
}

static void good_time(struct sim *s, uint64_t seed)
{
    servers_become_good(s);
    if (s->link_down) {
        s->link_down = false;
        sim_start(s);
    }
    nsec_t allowed = allowed_silence(s);
    nsec_t before = s->unbound + (s->unbound_since < 0 ? 0 : s->w.now - s->unbound_since);
    run_until(s, s->w.now + DAY);
    nsec_t unbound = s->unbound - before;
    if (s->checksums && (unbound > allowed || s->unbound_since >= 0))
        fail_msg("seed %lu: %ld s without an address, %ld were allowed", (unsigned long)seed,
                 (long)(unbound / SEC), (long)(allowed / SEC));
    assert_true(!s->checksums || s->w.n_stands == 1);
}

static void farewell(struct sim *s)
{
    world_stop(&s->w);
    look(s);
    run_until(s, s->w.now + 60 * SEC);
    assert_int_equal(s->w.n_stands, 0);
    assert_int_equal(dhcp6_client_deadline(s->w.x), NSEC_NEVER);
}

static void test_by_chance(void **state)
{
    const char *text = getenv("SEEDS");
    unsigned long seeds = text ? strtoul(text, NULL, 10) : SEEDS_DEFAULT;
    unsigned long sent = 0, replies = 0, lost = 0, declined = 0;

    (void)state;
    for (unsigned long seed = 1; seed <= seeds; seed++) {
        sim_open(&sim, seed * 0x9e3779b97f4a7c15);
        sim.checksums = seed % 8 != 0;
        bad_time(&sim);
        good_time(&sim, seed);
        farewell(&sim);
        sent += sim.w.n_sent;
        replies += sim.n_replies;
        lost += sim.w.n_lost;
        declined += sim.n_declined;
        sim_close(&sim);
    }
    print_message("%lu runs: %lu messages sent, %lu answers, %lu addresses declined, %lu times without one\n",
                  seeds, sent, replies, declined, lost);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_month),
        cmocka_unit_test(test_two_servers),
        cmocka_unit_test(test_a_server_comes_back_without_its_memory),
        cmocka_unit_test(test_taken_addresses),
        cmocka_unit_test(test_a_server_that_refuses),
        cmocka_unit_test(test_by_chance),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
