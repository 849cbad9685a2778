/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The DHCPv4 client on a link with simulated servers, weeks long: honest ones that restart and forget, one
 * that answers everything wrongly, a host that has an address which it was not given; packets get lost,
 * doubled, late, spoilt. SEEDS in the environment says how many runs of the lossy link there are, else
 * SEEDS_DEFAULT.
 *
 * dhcp4_watch.h checks at every step that there is one address at the most and that nothing is used beyond
 * its end. Here it is checked that no lease is longer than some server said, and that the client has an
 * address again as soon as the RFC's back-off allows whenever a server is there.
 *
 * A datagram carries a checksum, as UDP does, so a spoilt one is dropped by the driver. Every fourth run is
 * on a link that lies: the checksum is right whatever happens to the bytes; there a lease is what has
 * arrived, as is one by the server that answers what it was not asked.
 */
#include "dhcp4_world.h"

#include <stdio.h>
#include <time.h>

#include "base/siphash.h"
#include "lab/simlink.h"

enum {
    SEEDS_DEFAULT = 300,
    CLIENT = 0, /* numbers on the link */
    FIRST_SERVER = 1,
    SERVERS = 3,
    SQUATTER = FIRST_SERVER + SERVERS,
    POOL = 20, /* addresses of a server: 10.0.0.(40 * number) and so on */
    GRANTS_MAX = 256,
    HOUR = 3600,
};

/* How long it may take from any state to an address on a perfect link with an honest server, in seconds: the longest
 * interval of DHCPREQUEST, to which a server that has forgotten its offer says NAK; the longest wait after
 * that; the first interval of the round, since that server is the one that failed last; the delay at the
 * start, and probing. */
enum { BACK_S = 33 + 65 + 5 + 1 + 7, LOSSY_BACK_S = 3 * HOUR };

struct server {
    bool up, hostile;
    uint32_t addr, lease_s;
    uint32_t offered;
    uint32_t bound; /* to the client */
    nsec_t bound_until;
    unsigned next; /* of the pool */
    bool bad[POOL];
};

struct sim {
    struct simlink *link;
    struct dhcp4_client *client;
    struct client_env env;
    struct watch watch;
    nsec_t now;
    bool lies;
    struct server servers[SERVERS];
    uint32_t squatted; /* 0: none */
    struct {
        uint32_t addr;
        nsec_t until;
    } grants[GRANTS_MAX];
    unsigned n_grants;
    nsec_t unbound_since, worst; /* NSEC_NEVER: bound; the longest time without an address */
    nsec_t back;                 /* the time that it took when all was well again */
    unsigned acks, naks, declines;
};

/* What goes before each packet on the link. */
struct head {
    enum client_way way;
    uint64_t checksum;
};

static uint64_t checksum_of(const void *bytes, size_t len)
{
    static const struct siphash_key key;

    return siphash(&key, bytes, len);
}

static void put_on_link(struct sim *s, unsigned from, unsigned to, enum client_way way, const void *bytes,
                        size_t len)
{
    const struct head head = {.way = way, .checksum = checksum_of(bytes, len)};

    simlink_send(s->link, s->now, from, to, &head, sizeof(head), bytes, len);
}

/* ---- what was granted ---- */

static void grant(struct sim *s, uint32_t addr, uint32_t lease_s)
{
    nsec_t until = lease_s == DHCP4_FOREVER ? NSEC_NEVER : s->now + lease_s * SEC;

    for (unsigned i = 0; i < GRANTS_MAX; i++) {
        if (s->grants[i].addr == addr) {
            if (s->grants[i].until < until)
                s->grants[i].until = until;
            return;
        }
    }
    s->grants[s->n_grants].addr = addr;
    s->grants[s->n_grants].until = until;
    s->n_grants = (s->n_grants + 1) % GRANTS_MAX;
}

static bool is_granted(const struct sim *s, uint32_t addr, nsec_t until)
{
    for (unsigned i = 0; i < GRANTS_MAX; i++) {
        if (s->grants[i].addr == addr)
            return until <= s->grants[i].until;
    }
    return false;
}

/* ---- servers ---- */

static uint32_t pool_begin(const struct server *server)
{
    return (server->addr & 0xffffff00) + 40 * (server->addr & 0xff);
}

static void reply(struct sim *s, unsigned number, const struct dhcp4_message *to, struct reply r)
{
    uint8_t bytes[DHCP4_MESSAGE_MAX];

    r.server = s->servers[number].addr;
    int len = write_reply(to, &r, bytes, sizeof(bytes));
    assert_true(len > 0);
    if (r.type == DHCP4_ACK) {
        grant(s, r.addr, r.lease_s);
        s->acks++;
    }
    s->naks += r.type == DHCP4_NAK;
    put_on_link(s, FIRST_SERVER + number, CLIENT, CLIENT_UDP, bytes, (size_t)len);
}

static void acknowledge(struct sim *s, unsigned number, const struct dhcp4_message *m, uint32_t addr)
{
    struct server *server = &s->servers[number];

    server->bound = addr;
    server->bound_until = s->now + server->lease_s * SEC;
    reply(s, number, m, (struct reply){.type = DHCP4_ACK, .addr = addr, .lease_s = server->lease_s});
}

static void offer(struct sim *s, unsigned number, const struct dhcp4_message *m)
{
    struct server *server = &s->servers[number];
    uint32_t hint = 0, begin = pool_begin(server);

    (void)dhcp4_u32(m, DHCP4_REQUESTED_ADDRESS, &hint);
    if (server->bound != 0 && s->now < server->bound_until) {
        server->offered = server->bound;
    } else if (hint - begin < POOL && !server->bad[hint - begin]) {
        server->offered = hint;
    } else {
        for (unsigned i = 0; i < POOL && server->bad[server->next]; i++)
            server->next = (server->next + 1) % POOL;
        server->offered = begin + server->next;
    }
    reply(s, number, m,
          (struct reply){.type = DHCP4_OFFER, .addr = server->offered, .lease_s = server->lease_s});
}

static void serve_request(struct sim *s, unsigned number, const struct dhcp4_message *m)
{
    struct server *server = &s->servers[number];
    uint32_t chosen = 0, addr = m->header.ciaddr;
    bool knows = server->bound != 0 && s->now < server->bound_until;

    if (dhcp4_u32(m, DHCP4_SERVER_ID, &chosen) && chosen != server->addr)
        return;
    (void)dhcp4_u32(m, DHCP4_REQUESTED_ADDRESS, &addr);
    bool is_own = addr - pool_begin(server) < POOL;
    if (chosen != 0 ? addr == server->offered : knows && addr == server->bound)
        acknowledge(s, number, m, addr);
    else if (chosen != 0 || is_own)
        reply(s, number, m, (struct reply){.type = DHCP4_NAK});
}

static void serve(struct sim *s, unsigned number, const struct dhcp4_message *m)
{
    struct server *server = &s->servers[number];
    uint32_t addr = 0;

    switch (m->type) {
    case DHCP4_DISCOVER:
        offer(s, number, m);
        break;
    case DHCP4_REQUEST:
        serve_request(s, number, m);
        break;
    case DHCP4_DECLINE:
        s->declines += number == 0;
        if (dhcp4_u32(m, DHCP4_REQUESTED_ADDRESS, &addr) && addr - pool_begin(server) < POOL) {
            server->bad[addr - pool_begin(server)] = true;
            server->bound = server->offered = 0;
        }
        break;
    case DHCP4_RELEASE:
        server->bound = 0;
        break;
    default:
        break;
    }
}

/* Says whatever does harm, and sometimes what is right. */
static void do_harm(struct sim *s, unsigned number, const struct dhcp4_message *m)
{
    static const struct reply harms[] = {
        {.type = DHCP4_OFFER, .addr = 0x0a0000c8, .lease_s = 60},
        {.type = DHCP4_OFFER, .addr = 0xe0000001, .lease_s = 60},
        {.type = DHCP4_OFFER, .addr = 0x0a0000c8, .lease_s = 1},
        {.type = DHCP4_OFFER, .addr = 0x0a0000c8, .lease_s = 60, .xid_change = 1},
        {.type = DHCP4_NAK},
        {.type = DHCP4_NAK, .xid_change = 1},
        {.type = DHCP4_ACK, .addr = 0x0a0000c8, .lease_s = 60},
        {.type = DHCP4_ACK, .addr = 0x0a0000c9, .lease_s = 20, .t1_s = 19, .t2_s = 18},
        {.type = DHCP4_ACK, .addr = 0x7f000001, .lease_s = DHCP4_FOREVER},
        {.type = DHCP4_ACK, .addr = 0x0a0000c8, .lease_s = 60, .mask = 0xff00ff00},
    };
    uint64_t n = 1 + simlink_random(s->link) % 3;

    while (n-- > 0)
        reply(s, number, m, harms[simlink_random(s->link) % ARRAY_LEN(harms)]);
}

/* ---- delivery ---- */

static void hear_server(struct sim *s, unsigned number, const struct head *head, const uint8_t *bytes,
                        size_t len)
{
    struct server *server = &s->servers[number];
    struct dhcp4_message m;

    if (head->way != CLIENT_UDP || !server->up || dhcp4_read(bytes, len, &m) < 0)
        return;
    if (server->hostile)
        do_harm(s, number, &m);
    else
        serve(s, number, &m);
}

static void hear_squatter(struct sim *s, const struct head *head, const uint8_t *bytes, size_t len)
{
    struct arp_packet question, answer = {.operation = ARP_REPLY, .sender_mac = {2, 0, 0, 0, 0, 9}};
    uint8_t packet[ARP_LEN];

    if (head->way != CLIENT_ARP || s->squatted == 0 || arp_read(bytes, len, &question) < 0 ||
        question.target != s->squatted)
        return;
    answer.sender = s->squatted;
    arp_write(&answer, packet);
    put_on_link(s, SQUATTER, CLIENT, CLIENT_ARP, packet, sizeof(packet));
}

/* Everybody hears what is sent to all; a unicast reaches its server. */
static void send_all(struct sim *s)
{
    for (unsigned i = 0; i < s->watch.n_sent; i++) {
        const struct watch_sent *sent = &s->watch.sent[i];
        uint32_t to = sent->is_arp ? UINT32_MAX : ipaddr_to_v4(&sent->packet.to.addr);
        for (unsigned n = 0; n < SERVERS; n++) {
            if (to == UINT32_MAX || to == s->servers[n].addr)
                put_on_link(s, CLIENT, FIRST_SERVER + n, sent->packet.way, sent->bytes, sent->packet.len);
        }
        if (sent->is_arp)
            put_on_link(s, CLIENT, SQUATTER, CLIENT_ARP, sent->bytes, sent->packet.len);
    }
}

static void drain(struct sim *s)
{
    watch_drain(&s->watch, s->client, s->now);
    send_all(s);
    if (s->watch.addr != 0)
        assert_true(is_granted(s, s->watch.addr, s->watch.until));
    if (s->watch.addr != 0 && s->unbound_since != NSEC_NEVER) {
        nsec_t time = s->now - s->unbound_since;
        s->worst = time > s->worst ? time : s->worst;
        s->unbound_since = NSEC_NEVER;
    } else if (s->watch.addr == 0 && s->unbound_since == NSEC_NEVER) {
        s->unbound_since = s->now;
    }
}

static void hear_client(struct sim *s, const struct head *head, unsigned from, const uint8_t *bytes,
                        size_t len)
{
    bool hostile = from - FIRST_SERVER < SERVERS && s->servers[from - FIRST_SERVER].hostile;
    struct client_packet p = {.way = head->way, .bytes = bytes, .len = len};
    struct dhcp4_message m;
    uint32_t lease_s;

    if ((s->lies || hostile) && head->way == CLIENT_UDP && dhcp4_read(bytes, len, &m) == 0 &&
        m.type == DHCP4_ACK && dhcp4_u32(&m, DHCP4_LEASE_TIME, &lease_s))
        grant(s, m.header.yiaddr, lease_s); /* as far as anybody can tell */
    p.to.port = DHCP4_CLIENT_PORT;
    dhcp4_client_input(s->client, &p, s->now);
    drain(s);
}

static void deliver(struct sim *s, const struct simlink_message *message)
{
    struct head head;

    memcpy(&head, message->bytes, sizeof(head));
    const uint8_t *bytes = message->bytes + sizeof(head);
    size_t len = message->len - sizeof(head);
    if (!s->lies && head.checksum != checksum_of(bytes, len))
        return;
    if (message->to == CLIENT)
        hear_client(s, &head, message->from, bytes, len);
    else if (message->to == SQUATTER)
        hear_squatter(s, &head, bytes, len);
    else
        hear_server(s, message->to - FIRST_SERVER, &head, bytes, len);
}

/* ---- time ---- */

static void run_until(struct sim *s, nsec_t end)
{
    for (;;) {
        nsec_t due = simlink_due(s->link), deadline = dhcp4_client_deadline(s->client);
        nsec_t next = due < deadline ? due : deadline;
        if (next > end)
            break;
        s->now = next;
        struct simlink_message *message = simlink_take(s->link, s->now);
        if (message) {
            deliver(s, message);
            free(message);
            continue;
        }
        dhcp4_client_timeout(s->client, s->now);
        drain(s);
    }
    s->now = end;
}

static void run_seconds(struct sim *s, nsec_t seconds)
{
    run_until(s, s->now + seconds * SEC);
}

/* Runs until an address stands; false: none does by then. */
static bool run_to_address(struct sim *s, nsec_t seconds)
{
    nsec_t end = s->now + seconds * SEC;

    while (s->watch.addr == 0 && s->now < end)
        run_until(s, s->now + SEC < end ? s->now + SEC : end);
    return s->watch.addr != 0;
}

static void open_sim(struct sim *s, uint64_t seed)
{
    static const struct dhcp4_client_settings plain;

    *s = (struct sim){.now = 1000 * SEC, .link = simlink_new(seed), .unbound_since = 1000 * SEC};
    assert_non_null(s->link);
    s->env = (struct client_env){
        .mac = {2, 0, 0, 0, 0, 1}, .mtu = 1500, .random = simlink_random_bytes, .arg = s->link};
    memcpy(s->watch.mac, s->env.mac, 6);
    for (unsigned i = 0; i < SERVERS; i++)
        s->servers[i] = (struct server){.addr = 0x0a000001 + i, .lease_s = HOUR};
    s->servers[0].up = true;
    assert_int_equal(dhcp4_client_new(&s->env, &plain, &s->client), 0);
}

static void start(struct sim *s)
{
    s->watch.is_stopped = false;
    dhcp4_client_start(s->client, s->now);
    drain(s);
}

static void close_sim(struct sim *s)
{
    dhcp4_client_free(s->client);
    simlink_free(s->link);
}

/* ---- an ordinary life ---- */

static void thirty_days(void **state)
{
    const struct simlink_faults faults = {.loss = 50, .duplication = 10, .delay_max = 200 * MSEC};
    const clock_t before = clock(); /* processor time: others may keep the machine busy */
    static struct sim s;

    (void)state;
    open_sim(&s, 1);
    simlink_set_faults(s.link, &faults);
    start(&s);
    assert_true(run_to_address(&s, 100));
    nsec_t first = s.worst;
    run_seconds(&s, 30 * 24 * HOUR);
    const double seconds = (double)(clock() - before) / CLOCKS_PER_SEC;
    assert_true(s.worst == first && s.watch.addr != 0); /* not a moment without */
    assert_int_equal(s.watch.counts[CLIENT_LOST], 0);
    assert_int_equal(s.watch.counts[CLIENT_BOUND], 1);
    print_message("30 days, %u leases: %.3f s of processor time\n", s.acks, seconds);
    assert_in_range(s.acks, 30 * 24, 30 * 24 * 3);
    close_sim(&s);
}

/* ---- servers with their ways ---- */

static void a_server_that_forgets(void **state)
{
    static struct sim s;

    (void)state;
    open_sim(&s, 2);
    start(&s);
    assert_true(run_to_address(&s, 10));
    for (int i = 0; i < 10; i++) { /* it restarts without its leases: NAK, and a new address in no time */
        s.servers[0].bound = s.servers[0].offered = 0;
        s.worst = 0;
        run_seconds(&s, HOUR);
        assert_true(s.naks == (unsigned)i + 1 && s.watch.addr != 0);
        assert_true(s.worst < 9 * SEC);
    }
    close_sim(&s);
}

static void a_server_that_is_away(void **state)
{
    static struct sim s;

    (void)state;
    open_sim(&s, 3);
    start(&s);
    assert_true(run_to_address(&s, 10));
    s.servers[0].up = false;
    run_seconds(&s, HOUR / 2);
    assert_true(s.watch.addr != 0);
    s.servers[0].up = true;
    run_seconds(&s, 2 * HOUR);
    assert_int_equal(s.watch.counts[CLIENT_LOST], 0);
    s.servers[0].up = false;
    run_seconds(&s, 2 * HOUR);
    assert_int_equal(s.watch.counts[CLIENT_LOST], 1);
    uint32_t addr = s.servers[0].bound;
    s.servers[0].up = true;
    assert_true(run_to_address(&s, BACK_S));
    assert_int_equal(s.watch.addr, addr); /* what it had before */
    close_sim(&s);
}

static void another_server_takes_over(void **state)
{
    static struct sim s;

    (void)state;
    open_sim(&s, 4);
    s.servers[1].up = true;
    start(&s);
    assert_true(run_to_address(&s, 10));
    assert_int_equal(s.acks, 1); /* one of the two, not both */
    for (int i = 0; i < 6; i++) {
        unsigned up =
            s.servers[0].up && s.servers[1].up ? s.watch.addr < pool_begin(&s.servers[1]) ? 0 : 1 : 0;
        s.servers[up].up = false; /* the one whose lease it is */
        s.servers[1 - up].up = true;
        run_seconds(&s, 2 * HOUR);
        assert_true(s.watch.addr - pool_begin(&s.servers[1 - up]) < POOL);
        s.servers[up].up = true;
        run_seconds(&s, HOUR);
    }
    close_sim(&s);
}

static void an_address_that_is_taken(void **state)
{
    static struct sim s;

    (void)state;
    open_sim(&s, 5);
    s.squatted = pool_begin(&s.servers[0]);
    start(&s);
    assert_true(run_to_address(&s, 40));
    assert_int_equal(s.declines, 1);
    assert_int_equal(s.watch.addr, s.squatted + 1);
    s.squatted =
        s.watch.addr; /* somebody takes it later: he answers the announcement after the link was down */
    start(&s);
    run_seconds(&s, 30);
    assert_int_equal(s.declines, 2);
    run_seconds(&s, 30);
    assert_int_equal(s.watch.addr, s.squatted + 1);
    close_sim(&s);
}

static void a_liar_beside_an_honest_server(void **state)
{
    static struct sim s;

    (void)state;
    open_sim(&s, 6);
    s.servers[2].up = s.servers[2].hostile = true;
    start(&s);
    run_seconds(&s, 30 * 24 * HOUR);
    s.servers[2].up = false;
    run_seconds(&s, HOUR);
    assert_true(run_to_address(&s, BACK_S));
    close_sim(&s);
}

static void give_back_and_take_again(void **state)
{
    static struct sim s;

    (void)state;
    open_sim(&s, 7);
    for (int i = 0; i < 5; i++) {
        start(&s);
        assert_true(run_to_address(&s, 10));
        s.watch.is_stopped = true;
        dhcp4_client_stop(s.client, s.now);
        drain(&s);
        run_seconds(&s, 10);
        assert_int_equal(s.servers[0].bound, 0);
    }
    close_sim(&s);
}

/* ---- chance ---- */

static unsigned below(struct sim *s, unsigned n)
{
    return (unsigned)(simlink_random(s->link) % n);
}

static void something_happens(struct sim *s)
{
    struct server *server = &s->servers[below(s, 2)];

    switch (below(s, 9)) {
    case 0:
    case 1:
        server->up = !server->up;
        break;
    case 2:
        server->bound = server->offered = 0;
        break;
    case 3:
    case 4:
        start(s); /* the link was down */
        break;
    case 5:
        s->squatted = s->squatted == 0 ? pool_begin(server) + below(s, 3) : 0;
        break;
    case 6:
        s->servers[2].up = !s->servers[2].up;
        s->servers[2].hostile = true;
        break;
    case 7:
        server->lease_s = 30 + below(s, 2 * HOUR);
        break;
    case 8:
        memset(server->bad, 0, sizeof(server->bad));
        break;
    }
}

/* Everything is well from now on: an address within BACK_S, and no longer without one than that for hours. */
static void all_is_well(struct sim *s, uint64_t seed)
{
    const struct simlink_faults none = {0};

    simlink_set_faults(s->link, &none);
    s->squatted = 0;
    s->servers[2].up = false;
    s->servers[0].up = true;
    memset(s->servers[0].bad, 0, sizeof(s->servers[0].bad));
    run_seconds(s, 4); /* what was on its way arrives */
    nsec_t began = s->now;
    if (!run_to_address(s, BACK_S))
        fail_msg("seed %lu: no address", (unsigned long)seed);
    s->back = s->now - began > s->back ? s->now - began : s->back;
    s->worst = 0;
    run_seconds(s, 5 * HOUR);
    if (s->watch.addr == 0 || s->worst > BACK_S * SEC)
        fail_msg("seed %lu: no address for %.1f s", (unsigned long)seed, (double)s->worst / 1e9);
}

static void run_lossy(struct sim *s, uint64_t seed)
{
    open_sim(s, seed);
    s->lies = seed % 4 == 0;
    const struct simlink_faults faults = {.loss = below(s, 501),
                                          .duplication = below(s, 200),
                                          .corruption = below(s, 50),
                                          .delay_max = below(s, 3000) * MSEC};
    simlink_set_faults(s->link, &faults);
    s->servers[0].lease_s = 600 + below(s, 2 * HOUR);
    start(s);
    assert_true(run_to_address(s, LOSSY_BACK_S));
    for (int i = 0; i < 24; i++) {
        run_seconds(s, below(s, HOUR));
        something_happens(s);
        drain(s);
    }
    all_is_well(s, seed);
    close_sim(s);
}

static void lossy_links(void **state)
{
    const char *text = getenv("SEEDS");
    unsigned long seeds = text ? strtoul(text, NULL, 10) : SEEDS_DEFAULT, acks = 0, naks = 0, declines = 0;
    nsec_t back = 0;
    static struct sim s;

    (void)state;
    for (uint64_t seed = 1; seed <= seeds; seed++) {
        run_lossy(&s, seed);
        acks += s.acks;
        naks += s.naks;
        declines += s.declines;
        back = s.back > back ? s.back : back;
    }
    print_message(
        "%lu lossy links: %lu DHCPACK, %lu DHCPNAK, %lu DHCPDECLINE; at their end an address within %.0f s\n",
        seeds, acks, naks, declines, (double)back / 1e9);
}

/* The time to an address where a part of the packets is lost, and servers and client are well otherwise. */
static void the_price_of_loss(void **state)
{
    static struct sim s;

    (void)state;
    for (unsigned loss = 0; loss <= 500; loss += 100) {
        enum { RUNS = 100 };
        nsec_t worst = 0, total = 0;
        for (uint64_t seed = 1; seed <= RUNS; seed++) {
            const struct simlink_faults faults = {.loss = loss, .delay_max = 50 * MSEC};
            open_sim(&s, seed);
            simlink_set_faults(s.link, &faults);
            start(&s);
            assert_true(run_to_address(&s, LOSSY_BACK_S));
            worst = s.worst > worst ? s.worst : worst;
            total += s.worst;
            close_sim(&s);
        }
        print_message("%2u %% lost: an address after %.1f s, %.1f s at the most\n", loss / 10,
                      (double)total / RUNS / 1e9, (double)worst / 1e9);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(thirty_days),
        cmocka_unit_test(a_server_that_forgets),
        cmocka_unit_test(a_server_that_is_away),
        cmocka_unit_test(another_server_takes_over),
        cmocka_unit_test(an_address_that_is_taken),
        cmocka_unit_test(a_liar_beside_an_honest_server),
        cmocka_unit_test(give_back_and_take_again),
        cmocka_unit_test(the_price_of_loss),
        cmocka_unit_test(lossy_links),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
