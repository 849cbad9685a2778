/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The DHCP servers as a service: on one interface of a stack, for DHCPv6, DHCPv4 or both. Any number live side by side in a
 * process. */
#ifndef LIBNAMEDHCP_NAMEDHCP_H
#define LIBNAMEDHCP_NAMEDHCP_H

#include "io/log.h"
#include "libnamedhcp/asker.h"
#include "libnamedhcp/namedhcp_config.h"

struct namedhcp;

/* Who starts it. All functions get `arg`. */
struct namedhcp_host {
    struct log log;
    const char *version;
    const char
        *control; /* where the control socket is made if the configuration does not say; NULL: nowhere */
    /* The configuration as it stands now: 0, or negative errno with one sentence in why. For a reload; from the thread
     * that asks for it. */
    int (*load)(void *arg, struct namedhcp_config **ret, char *why, size_t why_size);
    /* All sockets and files are open and no thread runs: the moment to give up privileges. 0, or negative errno and why.
     * NULL: nothing is to be done. */
    int (*bound)(void *arg, const struct namedhcp_config *config, char *why, size_t why_size);
    /* It serves; called at least each alive_interval (0: nobody wants to know), from the attendant's thread. */
    void (*alive)(void *arg);
    nsec_t alive_interval;
    void *arg;
};

struct namedhcp_stats {
    struct dhcp6_server_stats v6;
    struct dhcp4_server_stats v4;
    uint64_t sent, lost, commits, failed_commits, failed_questions;
    struct asker_stats dns;
    struct dhcp_port_stats ports;     /* of all ports without a stack */
    uint32_t leases, claims, waiting; /* at this moment; waiting: requests, for the DNS or for a probe */
};

/* What can be checked without opening anything, beyond what the draft sees: the strings of stacks, the patterns of names. 0 or
 * -EINVAL and one sentence in why. */
MUST_CHECK int namedhcp_check(const struct namedhcp_config *config, char *why, size_t why_size);
/* Makes the stacks, opens sockets and files, and serves. The configuration is taken over, also on failure. 0, or negative errno
 * and one sentence in why. */
MUST_CHECK int namedhcp_start(struct namedhcp_config *config, const struct namedhcp_host *host,
                              struct namedhcp **ret, char *why, size_t why_size);
/* Loads the configuration again. What cannot change while it runs (stacks, interface, MAC address, protocols, files, user) is
 * logged and waits for a restart. Requests under way are dropped; clients ask again. 0, or negative errno, why, and the old
 * one stands. From any thread, one at a time. */
MUST_CHECK int namedhcp_reload(struct namedhcp *n, char *why, size_t why_size);
void namedhcp_stats(struct namedhcp *n, struct namedhcp_stats *ret); /* from any thread */
void namedhcp_stop(struct namedhcp *n);                              /* NULL: nothing */

#endif
