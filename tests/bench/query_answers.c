/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a query costs between the packet that came in and the one that goes out, in nanoseconds of one thread.
 *
 *     query_answers              a table of all
 *     query_answers ROW COUNT    one row, COUNT queries: for callgrind and perf
 */
#include <inttypes.h>
#include <malloc.h>
#include <time.h>

#include "libiothnamed/chance.h"
#include "libiothnamed/query_world.h"

#include "libiothnamed/load_zones.h"
#include "libiothnamed/zone_build.h"

enum { ASKED = 1 << 16, PACKET_MAX = 64 };

struct packets {
    uint16_t len[ASKED];
    uint8_t bytes[ASKED][PACKET_MAX];
};

static const char rules[] =
    "net all ::/0\nauth static all .test\n"
    "static A one.test 192.0.2.1\nstatic AAAA one.test 2001:db8::1\n"
    "static A three.test 192.0.2.1\nstatic A three.test 192.0.2.2\nstatic A three.test 192.0.2.3\n"
    "static CNAME alias.test one.test\nstatic MX mail.test 10 one.test\n"
    "static SOA test ns.test h.test 1 2 3 4 5\n"
    "static NS test ns.test\nstatic A ns.test 192.0.2.53\nstatic A *.w.test 192.0.2.1\n"
    "static NS sub.test ns.sub.test\nstatic A ns.sub.test 192.0.2.3\n";

static struct packets packets;

static void fill_packets(const char *format, unsigned below, uint16_t type)
{
    struct chance c = {2};

    for (unsigned i = 0; i < ASKED; i++) {
        char name[48];
        uint8_t packet[512];
        snprintf(name, sizeof(name), format, below ? chance_below(&c, below) : 0);
        size_t len = make_query(&(struct ask){.name = name, .type = type, .edns = true}, packet);
        put_be16(packet, (uint16_t)(i * 40503u));
        memcpy(packets.bytes[i], packet, len);
        packets.len[i] = (uint16_t)len;
    }
}

/* Returns the number of bytes in all replies, so that nothing is optimised away. */
static uint64_t run(const struct world *w, unsigned count)
{
    static uint8_t out[DNS_UDP_EDNS];
    static struct forward_need need;
    struct ipaddr client;
    uint64_t bytes = 0;

    if (ipaddr_parse("192.0.2.77", 10, &client) < 0)
        abort();
    for (unsigned i = 0; i < count; i++) {
        unsigned at = i & (ASKED - 1);
        size_t len = 0;
        query_run(&w->env, &client, false, packets.bytes[at], packets.len[at], NULL, out, sizeof(out), &len,
                  &need);
        bytes += len;
    }
    return bytes;
}

static void measure(const char *what, const struct world *w, unsigned count)
{
    struct timespec from, to;

    run(w, ASKED);
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &from);
    uint64_t bytes = run(w, count);
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &to);
    double ns = (double)(to.tv_sec - from.tv_sec) * 1e9 + (double)(to.tv_nsec - from.tv_nsec);
    printf("%-36s %7.1f ns %7.1f bytes\n", what, ns / count, (double)bytes / count);
}

/* A zone with so many names, hostN.test. */
static void add_zone(struct world *w, unsigned names)
{
    static const uint8_t apex[] = "\4test";
    struct zones *zones = calloc(1, sizeof(*zones) + sizeof(*zones->list));
    struct zone_builder *b = zone_builder_new(&world_key, apex);
    struct zone_record soa = {
        .owner = apex,
        .rdata = (const uint8_t *)"\2ns\4test\0\1h\4test\0\0\0\0\1\0\0\0\2\0\0\0\3\0\0\0\4\0\0\0\5",
        .rdlen = 8 + 7 + 20,
        .type = RR_SOA,
        .ttl = 60};
    bool ok = zones && b && zone_builder_add(b, &soa) == 0;

    for (unsigned i = 0; i < names && ok; i++) {
        uint8_t name[DNAME_MAX], address[4];
        char text[32];
        snprintf(text, sizeof(text), "host%u.test", i);
        put_be32(address, i);
        ok = dname_from_text(text, strlen(text), name) > 0 &&
             zone_builder_add(b,
                              &(struct zone_record){
                                  .owner = name, .rdata = address, .rdlen = 4, .type = RR_A, .ttl = 60}) == 0;
    }
    if (!ok || zone_builder_finish(b, &zones->list[0].zone) < 0)
        abort();
    zone_builder_free(b);
    zones->count = 1;
    atomic_init(&zones->users, 1);
    w->config->zones = zones;
    snapshot_unref((struct snapshot *)w->env.snap);
    w->env.snap = world_snapshot(w, NULL);
}

static const struct row {
    const char *what, *name;
    unsigned below; /* number of names that questions are chosen from by chance; 0: one name */
    uint16_t type;
    unsigned zone; /* names; 0: the static records */
} rows[] = {
    {"static A", "one.test", 0, RR_A, 0},
    {"static AAAA", "one.test", 0, RR_AAAA, 0},
    {"static A, three records", "three.test", 0, RR_A, 0},
    {"static alias", "alias.test", 0, RR_A, 0},
    {"static MX", "mail.test", 0, RR_MX, 0},
    {"static NXDOMAIN, with SOA", "none.test", 0, RR_A, 0},
    {"static no data", "one.test", 0, RR_TXT, 0},
    {"wildcard", "x.w.test", 0, RR_A, 0},
    {"referral", "x.sub.test", 0, RR_A, 0},
    {"zone of 10", "host%u.test", 10, RR_A, 10},
    {"zone of 10, NXDOMAIN", "nost%u.test", 10, RR_A, 10},
    {"zone of 1000000", "host%u.test", 1000000, RR_A, 1000000},
    {"zone of 1000000, NXDOMAIN", "nost%u.test", 1000000, RR_A, 1000000},
};

static void bench(const struct row *row, unsigned count, bool quiet)
{
    struct world w;

    world_open(&w, row->zone ? "net all ::/0\nauth zone all test x.zone\n" : rules);
    if (row->zone)
        add_zone(&w, row->zone);
    fill_packets(row->name, row->below, row->type);
    if (quiet)
        printf("%" PRIu64 " bytes\n", run(&w, count));
    else
        measure(row->what, &w, count);
    world_close(&w);
}

int main(int argc, char **argv)
{
    enum { COUNT = 4000000 };

    if (argc == 3) {
        bench(&rows[strtoul(argv[1], NULL, 10) % ARRAY_LEN(rows)], (unsigned)strtoul(argv[2], NULL, 10),
              true);
        return 0;
    }
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        bench(&rows[i], COUNT, false);
    return 0;
}
