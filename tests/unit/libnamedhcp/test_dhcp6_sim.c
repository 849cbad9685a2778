/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Our own DHCPv6 clients and servers on a simulated link: a thousand clients, each with but a name, and two servers that know
 * nothing of each other; messages get lost, doubled, spoilt and late, the DNS is slow or silent at times, and one server is
 * killed in the middle and comes back with the claims that it kept. Each client ends with the address of its name, and none has
 * another one at any time.
 *
 * SEEDS in the environment: how many runs, else SEEDS_DEFAULT.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <iothaddr.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lab/simlink.h"
#include "libiothconf/dhcp6_client.h"
#include "libnamedhcp/dhcp6_server.h"

enum {
    SEEDS_DEFAULT = 20,
    CLIENTS = 1000,
    SERVERS = 2,
    TO_SERVER = CLIENTS,
    TO_DNS = TO_SERVER + SERVERS,
};

#define FAULTS_END (60 * NSEC_PER_SEC)
#define RUN_END    (400 * NSEC_PER_SEC) /* SOL_MAX_RT is an hour, but REQUEST and SOLICIT begin with seconds */
#define KILLED_AT  (3 * NSEC_PER_SEC)
#define BACK_AT    (8 * NSEC_PER_SEC)

struct node {
    struct dhcp6_client *x;
    char name[32];
    uint8_t fqdn[DNAME_MAX];
    struct ipaddr due; /* what it must get */
    bool has;
};

struct host {
    struct dhcp6_server *x;
    struct name_policy *names;
    unsigned n_kept;
    struct server_lease kept[CLIENTS];
};

struct world {
    struct simlink *link;
    nsec_t now;
    struct node nodes[CLIENTS];
    struct host hosts[SERVERS];
};

static const struct ipaddr base = {{0xfc, 0}};

static struct ipaddr address_of_name(const char *name)
{
    struct ipaddr addr = base;

    iothaddr_hash(addr.b, name, NULL, 0);
    return addr;
}

static struct server_time time_of(const struct world *w)
{
    return (struct server_time){.mono = w->now, .wall_s = 1000000 + w->now / NSEC_PER_SEC};
}

/* --- servers --- */

static void start_server(struct world *w, unsigned i)
{
    const struct server_env env = {.random = simlink_random_bytes, .arg = w->link};
    const struct name_policy_settings names = {
        .claims = true, .claims_max = 2 * CLIENTS, .claims_keep_s = 86400};
    uint8_t duid[] = {0, 3, 0, 1, 2, 0, 0, 0, 0, (uint8_t)i};
    struct host *h = &w->hosts[i];

    assert_int_equal(name_policy_new(&names, &h->names), 0);
    const struct dhcp6_server_settings settings = {.names = h->names,
                                                   .duid = duid,
                                                   .duid_len = sizeof(duid),
                                                   .rapid_commit = simlink_random(w->link) % 2,
                                                   .lifetime_min_s = 100000,
                                                   .lifetime_max_s = 200000,
                                                   .waiting_max = 256};
    assert_int_equal(dhcp6_server_new(&env, &settings, &h->x), 0);
    for (unsigned k = 0; k < h->n_kept; k++) {
        const struct name_policy_client client = {.identity = h->kept[k].identity,
                                                  .identity_len = h->kept[k].identity_len};
        assert_int_equal(name_policy_restore(h->names, h->kept[k].name, &client, h->kept[k].ends), 0);
    }
}

static void kill_server(struct world *w, unsigned i)
{
    dhcp6_server_free(w->hosts[i].x);
    name_policy_free(w->hosts[i].names);
    w->hosts[i].x = NULL;
}

static void run_server(struct world *w, unsigned i)
{
    struct server_event e;
    enum server_event_kind kind;
    struct host *h = &w->hosts[i];

    while (h->x && (kind = dhcp6_server_next(h->x, &e)) != SERVER_NONE) {
        if (kind == SERVER_LEASE && h->n_kept < CLIENTS)
            h->kept[h->n_kept++] = *e.lease;
        if (kind == SERVER_SEND)
            simlink_send(w->link, w->now, TO_SERVER + i, get_be32(e.packet.to.addr.b + 12), NULL, 0,
                         e.packet.bytes, e.packet.len);
        if (kind == SERVER_ASK) {
            char text[DNAME_TEXT_MAX];
            dname_to_text(e.name, text);
            simlink_send(w->link, w->now, e.question, TO_DNS + i, text, strlen(text) + 1, NULL, 0);
        }
    }
}

static void hear_server(struct world *w, unsigned i, const struct simlink_message *m)
{
    struct server_packet packet = {.bytes = m->bytes, .len = m->len};

    packet.to = (struct ipendpoint){.addr = DHCP6_ALL_AGENTS, .port = DHCP6_SERVER_PORT};
    packet.from.addr = (struct ipaddr){{0xfe, 0x80}};
    put_be32(packet.from.addr.b + 12, m->from);
    if (w->hosts[i].x)
        dhcp6_server_input(w->hosts[i].x, &packet, time_of(w));
    run_server(w, i);
}

static void hear_dns(struct world *w, unsigned i, const struct simlink_message *m)
{
    struct server_answer a = {.question = m->from, .status = SERVER_FOUND, .ttl_s = 60, .n_addrs = 1};

    a.addrs[0] = address_of_name((const char *)m->bytes);
    if (w->now < FAULTS_END && simlink_random(w->link) % 10 == 0)
        a = (struct server_answer){.question = m->from, .status = SERVER_UNKNOWN};
    if (w->hosts[i].x)
        dhcp6_server_answer(w->hosts[i].x, &a, time_of(w));
    run_server(w, i);
}

/* --- clients --- */

static void run_client(struct world *w, unsigned i)
{
    struct client_event e;
    enum client_event_kind kind;
    struct node *n = &w->nodes[i];

    while ((kind = dhcp6_client_next(n->x, &e)) != CLIENT_NONE) {
        if (kind == CLIENT_SEND)
            for (unsigned s = 0; s < SERVERS; s++)
                simlink_send(w->link, w->now, i, TO_SERVER + s, NULL, 0, e.packet.bytes, e.packet.len);
        if (kind == CLIENT_ADDR_ADD) {
            assert_true(ipaddr_equal(&e.addr, &n->due));
            n->has = true;
            dhcp6_client_verdict(n->x, &n->due, false, w->now);
        }
        if (kind == CLIENT_ADDR_DEL)
            n->has = false;
    }
}

static void start_client(struct world *w, unsigned i)
{
    struct node *n = &w->nodes[i];
    struct client_env env = {.mtu = 1500, .ifindex = 1, .random = simlink_random_bytes, .arg = w->link};

    snprintf(n->name, sizeof(n->name), "host%u.hash.local", i);
    assert_true(dname_from_text(n->name, strlen(n->name), n->fqdn) > 0);
    n->due = address_of_name(n->name);
    iothaddr_hashmac(env.mac, n->name, NULL);
    env.fqdn = n->fqdn;
    const struct dhcp6_client_settings settings = {
        .duid = duid_from_name(n->name), .iaid = duid_iaid(env.mac), .mode = DHCP6_MODE_STATEFUL};
    assert_int_equal(dhcp6_client_new(&env, &settings, &n->x), 0);
    dhcp6_client_start(n->x, w->now);
    run_client(w, i);
}

static void hear_client(struct world *w, unsigned i, const struct simlink_message *m)
{
    const struct client_packet packet = {.way = CLIENT_UDP,
                                         .from = {.addr = {{0xfe, 0x80}}, .port = DHCP6_SERVER_PORT},
                                         .to = {.port = DHCP6_CLIENT_PORT},
                                         .bytes = m->bytes,
                                         .len = m->len};

    dhcp6_client_input(w->nodes[i].x, &packet, w->now);
    run_client(w, i);
}

/* --- the run --- */

static void deliver(struct world *w)
{
    struct simlink_message *m;

    while ((m = simlink_take(w->link, w->now))) {
        if (m->to >= TO_DNS)
            hear_dns(w, m->to - TO_DNS, m);
        else if (m->to >= TO_SERVER)
            hear_server(w, m->to - TO_SERVER, m);
        else
            hear_client(w, m->to, m);
        free(m);
    }
}

static void time_out(struct world *w)
{
    for (unsigned i = 0; i < SERVERS; i++)
        if (w->hosts[i].x && dhcp6_server_deadline(w->hosts[i].x) <= w->now) {
            dhcp6_server_timeout(w->hosts[i].x, time_of(w));
            run_server(w, i);
        }
    for (unsigned i = 0; i < CLIENTS; i++)
        if (dhcp6_client_deadline(w->nodes[i].x) <= w->now) {
            dhcp6_client_timeout(w->nodes[i].x, w->now);
            run_client(w, i);
        }
}

static nsec_t earlier(nsec_t a, nsec_t b)
{
    return a < b ? a : b;
}

/* A quarter of a second at most: then deadlines are looked for anew. */
static nsec_t next_time(const struct world *w)
{
    nsec_t at = earlier(simlink_due(w->link), w->now + NSEC_PER_SEC / 4);

    return at > w->now ? at : w->now + 1;
}

static unsigned without_address(const struct world *w)
{
    unsigned n = 0;

    for (unsigned i = 0; i < CLIENTS; i++)
        n += !w->nodes[i].has;
    return n;
}

static void run(uint64_t seed)
{
    static struct world world; /* too large for the stack */
    struct world *w = &world;
    const struct simlink_faults faults = {.loss = 300,
                                          .duplication = 100,
                                          .corruption = 0,
                                          .delay_min = 1000000,
                                          .delay_max = 300 * NSEC_PER_MSEC};
    nsec_t timers_at = 0;

    *w = (struct world){.link = simlink_new(seed)};
    assert_non_null(w->link);
    simlink_set_faults(w->link, &faults);
    for (unsigned i = 0; i < SERVERS; i++)
        start_server(w, i);
    for (unsigned i = 0; i < CLIENTS; i++)
        start_client(w, i);
    while (w->now < RUN_END && (w->now < FAULTS_END || without_address(w) > 0)) {
        nsec_t before = w->now;
        w->now = next_time(w);
        deliver(w);
        if (w->now >= timers_at) {
            time_out(w);
            timers_at = w->now + 10 * NSEC_PER_MSEC;
        }
        if (before < KILLED_AT && w->now >= KILLED_AT)
            kill_server(w, 0);
        if (before < BACK_AT && w->now >= BACK_AT)
            start_server(w, 0);
        if (before < FAULTS_END && w->now >= FAULTS_END)
            simlink_set_faults(w->link, &(struct simlink_faults){.delay_min = 1000000, .delay_max = 2000000});
    }
    if (without_address(w) > 0)
        fail_msg("seed %llu: %u clients without their address", (unsigned long long)seed, without_address(w));
    for (unsigned i = 0; i < CLIENTS; i++)
        dhcp6_client_free(w->nodes[i].x);
    for (unsigned i = 0; i < SERVERS; i++)
        kill_server(w, i);
    simlink_free(w->link);
}

static void each_ends_with_the_address_of_its_name(void **state)
{
    const char *text = getenv("SEEDS");
    unsigned long seeds = text ? strtoul(text, NULL, 10) : SEEDS_DEFAULT;

    (void)state;
    for (unsigned long seed = 1; seed <= seeds; seed++)
        run(seed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(each_ends_with_the_address_of_its_name)};

    return cmocka_run_group_tests_name("dhcp6_sim", tests, NULL, NULL);
}
