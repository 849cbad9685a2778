/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A seed chooses which clients the hosts use, how the servers are set up, and which faults there are and when. What comes out is the
 * text of a scenario, so a run that fails can be read, cut down and kept as one (`world --print SEED`).
 *
 * After the last fault the world is left alone until well_at: the stated bound. It is the longest wait that the protocols allow for:
 * a DHCPv6 client that got nothing asks again after SOL_MAX_RT, 300 s here (3600 s until a server has said that), one whose renewals
 * got no answer within its lease, an hour; a router speaks each ten minutes at the latest.
 */
#include "standard.h"

#include <stdlib.h>

#define HOUR SECONDS(3600)

const struct standard_size standard_world = {.name = "standard",
                                             .hosts = 10,
                                             .routers = 2,
                                             .dhcp6 = 2,
                                             .named = 2,
                                             .faults_until = 4 * HOUR,
                                             .well_at = 4 * HOUR + 80 * SECONDS(60),
                                             .end = 6 * HOUR,
                                             .fault_every = SECONDS(480)};
const struct standard_size large_world = {.name = "large",
                                          .hosts = 50,
                                          .routers = 3,
                                          .dhcp6 = 3,
                                          .named = 3,
                                          .faults_until = 10 * 24 * HOUR - 4 * HOUR,
                                          .well_at = 10 * 24 * HOUR - 2 * HOUR,
                                          .end = 10 * 24 * HOUR,
                                          .fault_every = SECONDS(3600)};

struct writing {
    FILE *out;
    const struct standard_size *size;
    uint64_t chance;
};

static unsigned below(struct writing *w, unsigned n)
{
    return (unsigned)world_below(&w->chance, n);
}

static bool maybe(struct writing *w)
{
    return below(w, 2) == 1;
}

/* --- what there is --- */

static void write_name_servers(struct writing *w, const char *word, int family)
{
    fprintf(w->out, " %s ", word);
    for (unsigned i = 0; i < w->size->named; i++)
        fprintf(w->out, family == 6 ? "%sfd00::53:%u" : "%s10.0.0.%u", i > 0 ? "," : "",
                family == 6 ? i + 1 : 51 + i);
}

static void write_routers(struct writing *w)
{
    for (unsigned i = 1; i <= w->size->routers; i++) {
        fprintf(w->out, "router r%u on lan prefix fd00::/64 managed period %us valid %um preferred %um", i,
                300 + below(w, 300), 60 + below(w, 120), 20 + below(w, 40));
        write_name_servers(w, "dns", 6);
        fprintf(w->out, " domain hash.local\n");
    }
}

static void write_dhcp(struct writing *w)
{
    for (unsigned i = 1; i <= w->size->dhcp6; i++) {
        fprintf(w->out, "dhcp6 six%u on lan address fd00::547:%u lifetime %um%s", i, i, 20 + below(w, 40),
                maybe(w) ? " rapid" : "");
        write_name_servers(w, "asks", 6);
        write_name_servers(w, "dns", 6);
        fprintf(w->out, " domain hash.local\n");
    }
    for (unsigned i = 1; i <= 2; i++) {
        fprintf(w->out, "dhcp4 four%u on lan address 10.0.0.%u pool 10.0.0.%u-10.0.0.%u lease %um%s", i,
                1 + i, 60 * i + 40, 60 * i + 39 + w->size->hosts + below(w, 8), 10 + below(w, 50),
                maybe(w) ? " rapid" : "");
        write_name_servers(w, "dns", 4);
        fprintf(w->out, "\n");
    }
}

static void write_named(struct writing *w)
{
    for (unsigned i = 1; i <= w->size->named; i++)
        fprintf(w->out,
                "named ns%u on lan address fd00::53:%u,10.0.0.%u\n"
                "    option cachesize 256k\n"
                "    option hrevmax 200\n"
                "%s"
                "    dns 2001:db8:1::53\n"
                "    dns 2001:db8:2::53\n"
                "    net all ::/0\n"
                "    auth hash all .hash.local fd00::\n"
                "    auth hrev all fd00::/64\n"
                "    auth cache all .\n"
                "    auth fwd all .\n",
                i, i, 50 + i, maybe(w) ? "    option servestale 1h\n" : "");
}

static void write_outer_world(struct writing *w)
{
    for (unsigned i = 1; i <= 2; i++)
        fprintf(w->out, "upstream up%u on net address 2001:db8:%u::53%s%s\n", i, i,
                maybe(w) ? " cookies" : "", below(w, 8) == 0 ? " truncating" : "");
    fprintf(w->out, "forger evil on net rate %u\n", 1 + below(w, 4));
}

static void write_one_time(struct writing *w)
{
    fprintf(w->out, "otip vault on lan base fd00:0:0:f:: password secret period %us\n", 8 << below(w, 4));
    fprintf(w->out, "caller friend on lan address fd00::f calls vault password secret\n");
    fprintf(w->out, "caller stranger on lan address fd00::bad calls vault password guess\n");
}

static void write_hosts(struct writing *w)
{
    static const char *const uses[] = {"auto", "rd,dhcp6", "auto,dhcp4", "rd", "dhcp6,dhcp4", "rd,dhcp4"};

    for (unsigned i = 1; i <= w->size->hosts; i++)
        fprintf(w->out, "host h%u.hash.local on lan uses %s asks %um\n", i, uses[below(w, ARRAY_LEN(uses))],
                w->size == &large_world ? 30 + below(w, 60) : 3 + below(w, 10));
}

/* --- what happens --- */

/* A node that may fail. */
static void some_node(struct writing *w, char text[static 32])
{
    const struct standard_size *s = w->size;

    switch (below(w, 8)) {
    case 0:
        snprintf(text, 32, "r%u", 1 + below(w, s->routers));
        break;
    case 1:
        snprintf(text, 32, "six%u", 1 + below(w, s->dhcp6));
        break;
    case 2:
        snprintf(text, 32, "four%u", 1 + below(w, 2));
        break;
    case 3:
        snprintf(text, 32, "ns%u", 1 + below(w, s->named));
        break;
    case 4:
        snprintf(text, 32, "%s", maybe(w) ? "vault" : "friend");
        break;
    default:
        snprintf(text, 32, "h%u", 1 + below(w, s->hosts));
    }
}

static void write_outage(struct writing *w, unsigned at_s, unsigned for_s)
{
    char node[32];

    some_node(w, node);
    fprintf(w->out, "at %us %s %s\n", at_s, maybe(w) ? "kill" : "leave", node);
    fprintf(w->out, "at %us start %s\n", at_s + for_s, node);
}

static void write_bad_link(struct writing *w, unsigned at_s, unsigned for_s)
{
    const char *link = below(w, 4) == 0 ? "net" : "lan";

    fprintf(w->out, "at %us faults %s loss %u%% duplication %u%% corruption %u%% delay 1ms..%ums\n", at_s,
            link, below(w, 50), below(w, 20), below(w, 10), 1 + below(w, 2000));
    fprintf(w->out, "at %us calm %s\n", at_s + for_s, link);
}

static void write_partition(struct writing *w, unsigned at_s, unsigned for_s)
{
    char node[32];

    fprintf(w->out, "at %us partition lan", at_s);
    for (unsigned n = 1 + below(w, 8); n > 0; n--) {
        some_node(w, node);
        fprintf(w->out, " %s", node);
    }
    fprintf(w->out, "\nat %us heal lan\n", at_s + for_s);
}

static void write_mood(struct writing *w, unsigned at_s, unsigned for_s)
{
    static const char *const moods[] = {"slow", "dead", "failing"};
    unsigned number = 1 + below(w, 2);

    fprintf(w->out, "at %us set up%u %s\n", at_s, number, moods[below(w, ARRAY_LEN(moods))]);
    fprintf(w->out, "at %us set up%u good\n", at_s + for_s, number);
}

/* Its clock is wrong for a while. */
static void write_clock(struct writing *w, unsigned at_s, unsigned for_s)
{
    unsigned step_s = 60 + below(w, 4 * 3600);
    bool forth = maybe(w);
    char node[32];

    some_node(w, node);
    fprintf(w->out, "at %us clock %s %c%us\n", at_s, node, forth ? '+' : '-', step_s);
    fprintf(w->out, "at %us clock %s %c%us\n", at_s + for_s, node, forth ? '-' : '+', step_s);
}

static void write_replug(struct writing *w, unsigned at_s, unsigned for_s)
{
    unsigned host = 1 + below(w, w->size->hosts);

    fprintf(w->out, "at %us replug h%u\nat %us replug h%u\n", at_s, host, at_s + for_s / 7, host);
}

static void write_faults(struct writing *w)
{
    static void (*const kinds[])(struct writing *, unsigned, unsigned) = {
        write_outage,    write_outage, write_bad_link, write_bad_link,
        write_partition, write_mood,   write_clock,    write_replug,
    };
    unsigned until_s = (unsigned)(w->size->faults_until / NSEC_PER_SEC);
    unsigned every_s = (unsigned)(w->size->fault_every / NSEC_PER_SEC);

    for (unsigned at_s = below(w, 60); at_s + 60 < until_s; at_s += 1 + below(w, 2 * every_s)) {
        unsigned most_s = until_s - at_s < 3600 ? until_s - at_s : 3600;
        kinds[below(w, ARRAY_LEN(kinds))](w, at_s, 1 + below(w, most_s));
    }
}

static void write_end(struct writing *w)
{
    const struct standard_size *s = w->size;

    fprintf(w->out, "at %us heal lan\n", (unsigned)(s->faults_until / NSEC_PER_SEC));
    fprintf(w->out, "at %us expect well\n", (unsigned)(s->well_at / NSEC_PER_SEC));
    fprintf(w->out, "at %us examine\n", (unsigned)(s->well_at / NSEC_PER_SEC));
    fprintf(w->out, "at %us expect well\n", (unsigned)(s->end / NSEC_PER_SEC) - 60);
    fprintf(w->out, "at %us examine\n", (unsigned)(s->end / NSEC_PER_SEC) - 60);
    fprintf(w->out, "end %us\n", (unsigned)(s->end / NSEC_PER_SEC));
}

char *standard_text(const struct standard_size *size, uint64_t seed)
{
    char *text = NULL;
    size_t len;
    struct writing w = {.out = open_memstream(&text, &len), .size = size, .chance = seed};

    if (!w.out)
        return NULL;
    fprintf(w.out, "# The %s world, seed %llu\nlink lan delay 1ms..5ms\nlink net delay 10ms..60ms\n",
            size->name, (unsigned long long)seed);
    write_routers(&w);
    write_dhcp(&w);
    write_named(&w);
    write_outer_world(&w);
    write_one_time(&w);
    write_hosts(&w);
    write_faults(&w);
    write_end(&w);
    if (fclose(w.out) != 0) {
        free(text);
        return NULL;
    }
    return text;
}
