/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The DHCP servers as a service: on one interface of a stack, for DHCPv6, DHCPv4 or both. Any number live side by side in a
 * process. */
#ifndef LIBNAMEDHCP_NAMEDHCP_H
#define LIBNAMEDHCP_NAMEDHCP_H

#include "io/daemon_host.h"
#include "io/daemon_run.h"
#include "libnamedhcp/asker.h"
#include "libnamedhcp/namedhcp_config.h"

struct namedhcp;

struct namedhcp_stats {
    struct dhcp6_server_stats v6;
    struct dhcp4_server_stats v4;
    uint64_t sent, lost, commits, failed_commits, failed_questions;
    struct asker_stats dns;
    struct dhcp_port_stats ports;     /* of all ports without a stack */
    uint32_t leases, claims, waiting; /* at this moment; waiting: requests, for the DNS or for a probe */
};

/* --- what daemon_run.h wants; `config` is that of a struct namedhcp_config, `service` a struct namedhcp --- */

/* Under the name namedhcp4 it serves DHCPv4, unless the options say otherwise. */
MUST_CHECK int namedhcp_load(const struct daemon_options *options, struct daemon_config **ret, char *why,
                             size_t why_size);
void namedhcp_free(struct daemon_config *config); /* takes NULL */
/* Where interfaces are the system's, CAP_NET_RAW is kept: with it sockets follow an interface that is made anew. It gives little to
 * whoever takes the process over, who has a socket for frames with it anyway. */
void namedhcp_keeps(const struct daemon_config *config, struct daemon_keeps *ret);
/* What can be checked without opening anything, beyond what the draft sees: the strings of stacks, the patterns of names. 0 or
 * -EINVAL and one sentence in why. */
MUST_CHECK int namedhcp_check(const struct daemon_config *config, char *why, size_t why_size);
/* The same, and before a start alone whether the system has the group of the lease file, since the sandbox may keep the process
 * from the system's tables of groups later; and what the files are that a start uses and a reload does not: leases, DUID,
 * resolv.conf. They are looked at, and nothing is made. */
MUST_CHECK int namedhcp_check_start(const struct daemon_config *config, char *why, size_t why_size);
/* Makes the stacks, opens sockets and files, and serves. The configuration is taken over, also on failure. 0, or negative errno
 * and one sentence in why. */
MUST_CHECK int namedhcp_start(struct daemon_config *config, const struct daemon_host *host, void **ret,
                              char *why, size_t why_size);
/* Loads the configuration again. What cannot change while it runs (stacks, interface, MAC address, protocols, files, user) is
 * logged and waits for a restart. Requests under way are dropped; clients ask again. 0, or negative errno, why, and the old
 * one stands. From any thread, one at a time. */
MUST_CHECK int namedhcp_reload(void *service, char *why, size_t why_size);
void namedhcp_stop(void *service); /* NULL: nothing */

void namedhcp_stats(struct namedhcp *n, struct namedhcp_stats *ret); /* from any thread */

#endif
