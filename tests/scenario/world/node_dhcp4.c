/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * `dhcp4 NAME on LINK address A pool A-A`: the DHCPv4 server of libnamedhcp, in charge of a network of 24 bits. Its words:
 *
 *   pool FIRST-LAST              what it gives to clients
 *   lease TIME                   for so long (1h)
 *   asks, dns, domain            as of dhcp6
 *   authoritative, rapid         it alone is in charge; two messages do
 *
 * Property: it knows of no more leases than its table may hold, and of none that is in two hands.
 */
#include "dhcp.h"
#include "words.h"

#include "libnamedhcp/dhcp4_server.h"
#include "wire/arp.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { LEASES_MAX = 1000, WAITING_MAX = 64, PROBES_MAX = 64, BITS = 24, REPEATS = 2 };

struct probe {
    uint32_t addr, question;
    unsigned repeats;
    nsec_t at, until;
};

struct dhcp4_node {
    struct dhcp_node d; /* first member */
    bool authoritative, rapid;
    nsec_t lease;
    struct lease_pool pool;
    struct dhcp4_subnet subnet;
    uint8_t dns_bytes[4 * DHCP_SERVERS_MAX], router_bytes[4];
    struct lease_table *leases;
    struct dhcp4_server *core;
    unsigned n_probes;
    struct probe probes[PROBES_MAX];
};

static struct dhcp4_node *of(struct node *n)
{
    return (struct dhcp4_node *)n;
}

/* --- its words --- */

static int take_pool(struct dhcp4_node *s, const char *value, char why[static WORLD_WHY_MAX])
{
    struct ipaddr first, last;
    size_t len = strcspn(value, "-");

    if (value[len] == '\0' || ipaddr_parse(value, len, &first) < 0 ||
        ipaddr_parse(value + len + 1, strlen(value + len + 1), &last) < 0 || !ipaddr_is_v4(&first) ||
        !ipaddr_is_v4(&last) || ipaddr_to_v4(&last) < ipaddr_to_v4(&first))
        return word_is_no(value, "run of IPv4 addresses, such as 10.0.0.100-10.0.0.199", why);
    s->pool = (struct lease_pool){.first = ipaddr_to_v4(&first), .last = ipaddr_to_v4(&last)};
    return 1;
}

static int take_word(struct node *n, const char *word, const char *value, char why[static WORLD_WHY_MAX])
{
    struct dhcp4_node *s = of(n);
    int taken = dhcp_option(&s->d, word, value, why);

    if (taken != 0)
        return taken;
    if (strcmp(word, "authoritative") == 0 || strcmp(word, "rapid") == 0) {
        *(word[0] == 'a' ? &s->authoritative : &s->rapid) = true;
        return 0;
    }
    if (strcmp(word, "lease") == 0 && value)
        return word_time(value, &s->lease) < 0 ? word_is_no(value, "time, such as 1h", why) : 1;
    if (strcmp(word, "pool") == 0 && value)
        return take_pool(s, value, why);
    return word_is_no(word, "word of a DHCPv4 server, or its value is missing", why);
}

/* --- probes, as the service makes them --- */

static void send_probe(struct dhcp4_node *s, struct probe *probe)
{
    uint8_t bytes[ARP_LEN];
    const struct arp_packet arp = arp_probe(s->d.node.mac, probe->addr);
    struct packet p = {.way = WAY_ARP, .bytes = bytes, .len = sizeof(bytes)};

    arp_write(&arp, bytes);
    memset(p.to_mac, 0xff, 6);
    world_send(&s->d.node, &p);
    probe->repeats--;
    probe->at = probe->repeats > 0 ? s->d.node.world->now + SERVER_PROBE_TIME / REPEATS : probe->until;
}

static void begin_probe(struct dhcp4_node *s, const struct server_event *e)
{
    if (s->n_probes == PROBES_MAX)
        return;
    struct probe *probe = &s->probes[s->n_probes++];
    *probe = (struct probe){.addr = ipaddr_to_v4(&e->addr),
                            .question = e->question,
                            .repeats = REPEATS,
                            .until = s->d.node.world->now + SERVER_PROBE_TIME};
    send_probe(s, probe);
}

static void time_probes(struct dhcp4_node *s)
{
    nsec_t now = s->d.node.world->now;

    for (unsigned i = 0; i < s->n_probes;) {
        struct probe *probe = &s->probes[i];
        if (probe->at > now)
            i++;
        else if (probe->repeats > 0)
            send_probe(s, probe);
        else
            *probe = s->probes[--s->n_probes];
    }
}

static void hear_arp(struct dhcp4_node *s, const struct packet *p)
{
    struct arp_packet arp;

    if (arp_read(p->bytes, p->len, &arp) < 0)
        return;
    for (unsigned i = 0; i < s->n_probes;) {
        struct probe probe = s->probes[i];
        if (!arp_denies(&arp, s->d.node.mac, probe.addr)) {
            i++;
            continue;
        }
        s->probes[i] = s->probes[--s->n_probes];
        dhcp4_server_in_use(s->core, probe.question, arp.sender_mac, dhcp_now(&s->d));
    }
}

/* --- what the core says --- */

static void pump(struct dhcp4_node *s)
{
    struct server_event e;

    while (dhcp4_server_next(s->core, &e) != SERVER_NONE) {
        if (e.kind == SERVER_PROBE)
            begin_probe(s, &e);
        if (dhcp_obey(&s->d, &e) || e.kind != SERVER_SEND)
            continue;
        struct packet p = {.way = WAY_UDP,
                           .from = {.addr = s->d.node.addrs[0], .port = DHCP4_SERVER_PORT},
                           .to = e.packet.to,
                           .bytes = e.packet.bytes,
                           .len = e.packet.len};
        memcpy(p.to_mac, e.packet.to_mac, 6);
        world_say(&s->d.node, "DHCPv4 reply");
        world_send(&s->d.node, &p);
    }
}

static void on_answer(struct dhcp_node *d, const struct server_answer *answer)
{
    dhcp4_server_answer(((struct dhcp4_node *)d)->core, answer, dhcp_now(d));
    node_changed(&d->node);
}

/* --- its life --- */

static void describe_subnet(struct dhcp4_node *s)
{
    uint32_t own = ipaddr_to_v4(&s->d.node.addrs[0]);
    struct dhcp4_subnet *net = &s->subnet;
    uint32_t lease_s = s->lease ? (uint32_t)(s->lease / NSEC_PER_SEC) : 3600;

    *net = (struct dhcp4_subnet){
        .network = own & 0xffffff00, .bits = BITS, .links = 1, .lease_s = lease_s, .lease_max_s = lease_s};
    put_be32(s->router_bytes, net->network + 1);
    net->options[net->n_options++] = (struct dhcp4_server_option){DHCP4_ROUTERS, s->router_bytes, 4};
    for (unsigned i = 0; i < s->d.n_dns; i++)
        put_be32(s->dns_bytes + 4 * i, ipaddr_to_v4(&s->d.dns[i]));
    if (s->d.n_dns > 0)
        net->options[net->n_options++] =
            (struct dhcp4_server_option){DHCP4_NAME_SERVERS, s->dns_bytes, (size_t)4 * s->d.n_dns};
}

static void dhcp4_start(struct node *n)
{
    struct dhcp4_node *s = of(n);
    const struct server_env env = {.random = node_random, .arg = n};
    struct lease_settings leases = {
        .pools = &s->pool, .n_pools = s->pool.first ? 1 : 0, .leases_max = LEASES_MAX};

    s->d.answered = on_answer;
    s->n_probes = 0;
    dhcp_open(&s->d);
    describe_subnet(s);
    node_random(n, &leases.key, sizeof(leases.key));
    if (lease_table_new(&leases, &s->leases) < 0)
        abort();
    const struct dhcp4_server_settings settings = {.names = s->d.names,
                                                   .leases = s->leases,
                                                   .subnets = &s->subnet,
                                                   .n_subnets = 1,
                                                   .server_id = ipaddr_to_v4(&n->addrs[0]),
                                                   .authoritative = s->authoritative,
                                                   .probe = true,
                                                   .rapid_commit = s->rapid,
                                                   .waiting_max = WAITING_MAX};
    if (dhcp4_server_new(&env, &settings, &s->core) < 0)
        abort();
    for (unsigned i = 0; i < s->d.n_kept; i++)
        if (s->d.kept[i].lease.state != SERVER_LEASE_CLAIM &&
            dhcp4_server_restore(s->core, &s->d.kept[i].lease, dhcp_now(&s->d)) < 0)
            world_break(n->world, "%s does not take back what it kept", n->name);
}

static void dhcp4_kill(struct node *n)
{
    dhcp4_server_free(of(n)->core);
    lease_table_free(of(n)->leases);
    of(n)->core = NULL;
    of(n)->leases = NULL;
    dhcp_close(&of(n)->d);
}

static void dhcp4_hear(struct node *n, const struct packet *p)
{
    struct dhcp4_node *s = of(n);
    struct server_packet packet = {.from = p->from, .to = p->to, .bytes = p->bytes, .len = p->len};

    memcpy(packet.from_mac, p->from_mac, 6);
    if (p->way == WAY_ARP)
        hear_arp(s, p);
    else if (p->to.port == DHCP4_SERVER_PORT)
        dhcp4_server_input(s->core, &packet, dhcp_now(&s->d));
    else
        (void)lookups_hear(&s->d.lookups, p);
    pump(s);
}

static void dhcp4_timeout(struct node *n)
{
    struct dhcp4_node *s = of(n);

    lookups_timeout(&s->d.lookups);
    time_probes(s);
    dhcp4_server_timeout(s->core, dhcp_now(&s->d));
    pump(s);
}

static nsec_t dhcp4_deadline(struct node *n)
{
    struct dhcp4_node *s = of(n);
    nsec_t at = sooner(dhcp4_server_deadline(s->core), lookups_deadline(&s->d.lookups));

    for (unsigned i = 0; i < s->n_probes; i++)
        at = sooner(at, s->probes[i].at);
    return at;
}

static void dhcp4_check(struct node *n)
{
    if (lease_count(of(n)->leases) > LEASES_MAX)
        world_break(n->world, "%s knows of more than %d leases", n->name, LEASES_MAX);
}

const struct node_kind kind_dhcp4 = {
    .word = "dhcp4",
    .size = sizeof(struct dhcp4_node),
    .hears = HEARS_DHCP4 | HEARS_ARP,
    .option = take_word,
    .start = dhcp4_start,
    .kill = dhcp4_kill,
    .hear = dhcp4_hear,
    .timeout = dhcp4_timeout,
    .deadline = dhcp4_deadline,
    .check = dhcp4_check,
    .fini = dhcp_fini,
};

nsec_t dhcp4_granted_until(const struct node *n, uint32_t addr)
{
    const struct dhcp_node *d = (const struct dhcp_node *)n;

    for (unsigned i = 0; i < d->n_kept; i++)
        if (d->kept[i].lease.state != SERVER_LEASE_CLAIM && ipaddr_to_v4(&d->kept[i].lease.addr) == addr)
            return d->kept[i].until;
    return 0;
}
