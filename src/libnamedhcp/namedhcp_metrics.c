/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * See namedhcp_metrics.h. All is read from the copies that the thread which serves leaves after each turn, so a scrape keeps
 * nobody waiting. Labels are the protocol, types of messages, reasons and pools of the configuration; nothing that a client
 * chooses becomes one.
 */
#include "libnamedhcp/namedhcp_metrics.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PREFIX "namedhcp_"

#define ROW(key_, name_, labels_, member_, help_)                                                            \
    {                                                                                                        \
        .key = key_, .family = {PREFIX name_, OPENMETRICS_COUNTER, NULL, help_}, .labels = labels_,          \
        .offset = offsetof(struct namedhcp_stats, member_)                                                   \
    }
#define RECEIVED4(word_, type_)                                                                              \
    ROW("dhcpv4_received_" word_, "received_types", "protocol=\"dhcpv4\",type=\"" word_ "\"",                \
        v4.types[type_], "Messages that could be read, by type")
#define RECEIVED6(word_, type_)                                                                              \
    ROW("dhcpv6_received_" word_, "received_types", "protocol=\"dhcpv6\",type=\"" word_ "\"",                \
        v6.types[type_], "")
#define REPLY(key_, labels_, member_) ROW(key_, "replies", labels_, member_, "Replies, by type")
#define DROP4(word_, member_)                                                                                \
    ROW("dhcpv4_" word_, "dropped", "protocol=\"dhcpv4\",reason=\"" word_ "\"", v4.member_,                  \
        "Messages that got no reply, or not what they asked for")
#define DROP6(word_, member_)                                                                                \
    ROW("dhcpv6_" word_, "dropped", "protocol=\"dhcpv6\",reason=\"" word_ "\"", v6.member_, "")

const struct namedhcp_counter_row namedhcp_counters[] = {
    ROW("dhcpv4_received", "received", "protocol=\"dhcpv4\"", v4.received, "Messages that came"),
    ROW("dhcpv6_received", "received", "protocol=\"dhcpv6\"", v6.received, ""),
    RECEIVED4("discover", DHCP4_DISCOVER),
    RECEIVED4("request", DHCP4_REQUEST),
    RECEIVED4("decline", DHCP4_DECLINE),
    RECEIVED4("release", DHCP4_RELEASE),
    RECEIVED4("inform", DHCP4_INFORM),
    RECEIVED4("other", 0),
    RECEIVED6("solicit", DHCP6_SOLICIT),
    RECEIVED6("request", DHCP6_REQUEST),
    RECEIVED6("confirm", DHCP6_CONFIRM),
    RECEIVED6("renew", DHCP6_RENEW),
    RECEIVED6("rebind", DHCP6_REBIND),
    RECEIVED6("release", DHCP6_RELEASE),
    RECEIVED6("decline", DHCP6_DECLINE),
    RECEIVED6("information_request", DHCP6_INFORMATION_REQUEST),
    RECEIVED6("addr_reg_inform", DHCP6_ADDR_REG_INFORM),
    RECEIVED6("other", 0),
    REPLY("dhcpv4_offer", "protocol=\"dhcpv4\",type=\"offer\"", v4.offered),
    REPLY("dhcpv4_ack", "protocol=\"dhcpv4\",type=\"ack\"", v4.acked),
    REPLY("dhcpv4_nak", "protocol=\"dhcpv4\",type=\"nak\"", v4.refused),
    REPLY("dhcpv6_advertise", "protocol=\"dhcpv6\",type=\"advertise\"", v6.advertised),
    REPLY("dhcpv6_reply", "protocol=\"dhcpv6\",type=\"reply\"", v6.replied),
    REPLY("dhcpv6_addr_reg_reply", "protocol=\"dhcpv6\",type=\"addr_reg_reply\"", v6.registered),
    DROP4("malformed", malformed),
    DROP4("not_for_us", not_for_us),
    DROP4("no_subnet", no_subnet),
    DROP4("no_address", no_address),
    DROP4("unanswered", unanswered),
    DROP4("overflowed", overflowed),
    DROP6("malformed", malformed),
    DROP6("not_for_us", not_for_us),
    DROP6("name_forbidden", forbidden),
    DROP6("no_address", no_address),
    DROP6("unanswered", unanswered),
    DROP6("overflowed", overflowed),
    ROW("declined4", "declined", "protocol=\"dhcpv4\"", v4.declined, "Addresses that clients found in use"),
    ROW("declined6", "declined", "protocol=\"dhcpv6\"", v6.declined, ""),
    ROW("released", "released", "", v4.released, "Leases that clients gave back"),
    ROW("probed", "probes", "", v4.probed, "Addresses that were probed before an offer"),
    ROW("found_in_use", "found_in_use", "", v4.found_in_use, "Addresses that somebody used who had no lease"),
    ROW("sent", "sent", "", sent, "Datagrams that were sent"),
    ROW("lost", "lost", "", lost, "Datagrams that could not be sent"),
    ROW("port_damaged", "port_frames_dropped", "reason=\"damaged\"", ports.damaged,
        "Frames for a port without a stack that were left"),
    ROW("port_fragments", "port_frames_dropped", "reason=\"fragment\"", ports.fragments, ""),
    ROW("port_conflicts", "port_conflicts", "", ports.conflicts,
        "Packets of ARP in which somebody else used an address of a port"),
    ROW("commits", "commits", "", commits, "Transactions of the lease file"),
    ROW("failed_commits", "failed_commits", "", failed_commits,
        "Transactions that failed; their clients got no reply"),
    ROW("names_found", "names", "result=\"found\"", dns.found, "How questions to the DNS ended"),
    ROW("names_not_there", "names", "result=\"not_there\"", dns.not_there, ""),
    ROW("names_unknown", "names", "result=\"unknown\"", dns.unknown, ""),
    ROW("names_remembered", "names", "result=\"remembered\"", dns.remembered, ""),
    ROW("names_not_asked", "names", "result=\"not_asked\"", failed_questions, ""),
};
const unsigned namedhcp_n_counters = ARRAY_LEN(namedhcp_counters);

uint64_t namedhcp_counter(const struct namedhcp_stats *stats, unsigned row)
{
    uint64_t value;

    memcpy(&value, (const char *)stats + namedhcp_counters[row].offset, sizeof(value));
    return value;
}

struct namedhcp_pools *namedhcp_copy_pools(struct namedhcp *n)
{
    struct namedhcp_pools *copy = NULL;

    pthread_mutex_lock(&n->lock);
    if (n->pools) {
        size_t size = sizeof(*copy) + n->pools->n * sizeof(copy->at[0]);
        copy = malloc(size);
        if (copy)
            memcpy(copy, n->pools, size);
    }
    pthread_mutex_unlock(&n->lock);
    return copy;
}

/* --- the page --- */

static void put_counters(const struct namedhcp_stats *stats, struct text *out)
{
    for (unsigned i = 0; i < namedhcp_n_counters; i++) {
        const struct namedhcp_counter_row *row = &namedhcp_counters[i];
        if (i == 0 || strcmp(row->family.name, row[-1].family.name) != 0)
            openmetrics_begin(out, &row->family);
        openmetrics_number(out, &row->family, "_total", row->labels, namedhcp_counter(stats, i));
    }
}

static void put_gauge(struct text *out, const char *name, const char *unit, const char *help, uint64_t value)
{
    const struct openmetrics_family family = {name, OPENMETRICS_GAUGE, unit, help};

    openmetrics_begin(out, &family);
    openmetrics_number(out, &family, "", "", value);
}

static void put_latency(const struct asker_stats *dns, struct text *out)
{
    static const double bounds[] = ASKER_LATENCY_BOUNDS;
    static const struct openmetrics_family family = {PREFIX "name_latency_seconds", OPENMETRICS_HISTOGRAM,
                                                     "seconds", "How long the DNS took to answer"};

    openmetrics_begin(out, &family);
    openmetrics_histogram(out, &family, "", ARRAY_LEN(bounds), bounds, dns->bucket,
                          (double)dns->latency_sum / (double)NSEC_PER_SEC);
}

static void put_pool(const struct openmetrics_family *family, const struct lease_pool *pool, uint64_t value,
                     struct text *out)
{
    struct ipaddr first = ipaddr_of_v4(pool->first), last = ipaddr_of_v4(pool->last);
    char from[IPADDR_STRLEN], to[IPADDR_STRLEN], labels[2 * IPADDR_STRLEN + 16];

    snprintf(labels, sizeof(labels), "pool=\"%s-%s\"", ipaddr_format(&first, from), ipaddr_format(&last, to));
    openmetrics_number(out, family, "", labels, value);
}

static void put_pools(struct namedhcp *n, struct text *out)
{
    static const struct openmetrics_family used = {PREFIX "pool_used", OPENMETRICS_GAUGE, NULL,
                                                   "Addresses of a pool that somebody has"},
                                           size = {PREFIX "pool_size", OPENMETRICS_GAUGE, NULL,
                                                   "Addresses of a pool"};
    struct namedhcp_pools *pools = namedhcp_copy_pools(n);

    openmetrics_begin(out, &used);
    for (unsigned i = 0; pools && i < pools->n; i++)
        put_pool(&used, &pools->at[i].pool, pools->at[i].used, out);
    openmetrics_begin(out, &size);
    for (unsigned i = 0; pools && i < pools->n; i++)
        put_pool(&size, &pools->at[i].pool, pools->at[i].pool.last - pools->at[i].pool.first + 1, out);
    free(pools);
}

static void put_reloads(struct namedhcp *n, struct text *out)
{
    static const struct openmetrics_family reloads = {PREFIX "reloads", OPENMETRICS_COUNTER, NULL,
                                                      "Reloads, by their result"};

    uint64_t failed = n->failed_reloads, all = n->reloads; /* in this order: all are never fewer */
    openmetrics_begin(out, &reloads);
    openmetrics_number(out, &reloads, "_total", "result=\"ok\"", all - failed);
    openmetrics_number(out, &reloads, "_total", "result=\"failed\"", failed);
}

bool namedhcp_page(void *arg, unsigned turn, struct text *out)
{
    struct namedhcp *n = arg;
    struct namedhcp_stats stats;

    if (turn == 0) {
        namedhcp_stats(n, &stats);
        put_counters(&stats, out);
        put_gauge(out, PREFIX "leases", NULL, "Leases that are known, ended ones too", stats.leases);
        put_gauge(out, PREFIX "claims", NULL, "Names that belong to clients", stats.claims);
        put_gauge(out, PREFIX "waiting", NULL, "Requests that wait for the DNS or for a probe",
                  stats.waiting);
        put_latency(&stats.dns, out);
        return true;
    }
    put_pools(n, out);
    put_reloads(n, out);
    return false;
}
