/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The text of /proc/net/dev: one line of counters for each link, in the columns that programs expect.
 *
 * The counters are those of IFLA_STATS64, or the shorter IFLA_STATS of stacks that have no other. Some
 * columns are sums, as the kernel makes them (proc(5)): drop counts missed frames too, frame and carrier
 * gather the kinds of errors that have no column.
 */
#include <libnlq.h>

#include <net/if.h>
#include <stdbool.h>
#include <string.h>
#include <linux/if_link.h>

#include "libnlq/peer.h"

static const char head[] = "Inter-|   Receive                                                |  Transmit\n"
                           " face |bytes    packets errs drop fifo frame compressed multicast|bytes    "
                           "packets errs drop fifo colls carrier "
                           "compressed\n";

/* Both structures are a row of counters in the same order; the shorter one has 32 bits each. */
static void widen(struct rtnl_link_stats64 *stats, const struct nlattr *attr)
{
    uint32_t narrow[sizeof(struct rtnl_link_stats) / sizeof(uint32_t)] = {0};
    uint64_t wide[sizeof(*stats) / sizeof(uint64_t)] = {0};
    size_t i, n = nlq_attrlen(attr) / sizeof(uint32_t);

    if (n > sizeof(narrow) / sizeof(narrow[0]))
        n = sizeof(narrow) / sizeof(narrow[0]);
    memcpy(narrow, nlq_attrdata(attr), n * sizeof(uint32_t));
    for (i = 0; i < n && i < sizeof(wide) / sizeof(wide[0]); i++)
        wide[i] = narrow[i];
    memcpy(stats, wide, sizeof(*stats));
}

/* false: the stack counts nothing for that link. */
static bool read_stats(struct nlattr **attr, struct rtnl_link_stats64 *stats)
{
    size_t len;

    memset(stats, 0, sizeof(*stats));
    if (attr[IFLA_STATS64] != NULL) {
        len = nlq_attrlen(attr[IFLA_STATS64]);
        memcpy(stats, nlq_attrdata(attr[IFLA_STATS64]), len < sizeof(*stats) ? len : sizeof(*stats));
    } else if (attr[IFLA_STATS] != NULL) {
        widen(stats, attr[IFLA_STATS]);
    }
    return attr[IFLA_STATS64] != NULL || attr[IFLA_STATS] != NULL;
}

static int print_line(FILE *f, const char *name, const struct rtnl_link_stats64 *s)
{
    return fprintf(f,
                   "%6s: %7llu %7llu %4llu %4llu %4llu %5llu %10llu %9llu "
                   "%8llu %7llu %4llu %4llu %4llu %5llu %7llu %10llu\n",
                   name, s->rx_bytes, s->rx_packets, s->rx_errors, s->rx_dropped + s->rx_missed_errors,
                   s->rx_fifo_errors,
                   s->rx_length_errors + s->rx_over_errors + s->rx_crc_errors + s->rx_frame_errors,
                   s->rx_compressed, s->multicast, s->tx_bytes, s->tx_packets, s->tx_errors, s->tx_dropped,
                   s->tx_fifo_errors, s->collisions,
                   s->tx_carrier_errors + s->tx_aborted_errors + s->tx_window_errors + s->tx_heartbeat_errors,
                   s->tx_compressed);
}

static int line_cb(struct nlmsghdr *msg, struct nlattr **attr, const void *argin, void *argout, void *argenv)
{
    struct rtnl_link_stats64 stats;
    char name[IFNAMSIZ + 1];
    FILE *f = argout;
    int printed;

    (void)msg, (void)argin, (void)argenv;
    if (attr[IFLA_IFNAME] == NULL)
        return 0;
    snprintf(name, sizeof(name), "%.*s", (int)nlq_attrlen(attr[IFLA_IFNAME]),
             (const char *)nlq_attrdata(attr[IFLA_IFNAME]));
    if (read_stats(attr, &stats))
        printed = print_line(f, name, &stats);
    else
        printed = fprintf(f, "%6s: No statistics available\n", name);
    return printed < 0 ? -EIO : 0;
}

static int print(struct peer peer, FILE *f)
{
    struct nlq_msg *msg;

    if (fputs(head, f) == EOF)
        return nlq_return_errno(-EIO);
    msg = request_new(RTM_GETLINK, NLM_F_DUMP);
    nlq_addstruct(msg, ifinfomsg, .ifi_family = AF_UNSPEC);
    return nlq_return_errno(peer_ask(peer, msg, line_cb, NULL, f));
}

int nlq_proc_net_dev(FILE *f)
{
    return print(peer_native(), f);
}

int nlqx_proc_net_dev(struct ioth *stack, FILE *f)
{
    return print(peer_ioth(stack), f);
}

int nlq_server_proc_net_dev(const struct nlq_request_handlers *table, void *stackinfo, FILE *f)
{
    return print((struct peer){table, stackinfo}, f);
}
