/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * iothnamed as a library: a DNS server, forwarder and cache that lives in threads of the process that starts
 * it, on the stacks that its configuration names. It has no state outside its handle: any number run side by
 * side.
 */
#ifndef IOTHNAMED_IOTHNAMED_H
#define IOTHNAMED_IOTHNAMED_H

#include "io/daemon_host.h"

struct iothnamed;

struct iothnamed_stats {
    uint64_t udp_queries, tcp_queries; /* received, well-formed or not */
    uint64_t replies;                  /* sent */
    uint64_t dropped;           /* questions that got no answer: malformed beyond one, or no room to send */
    uint64_t forwarded, failed; /* asked upstream; of them without an answer */
    uint64_t tcp_connections, tcp_refused;
    uint64_t cache_hits, cache_misses, cache_bytes;
};

/* Starts serving. config: the `process` of a struct config; it is taken over, also on failure. Returns when the stacks are up
 * and the sockets bound: 0 and *ret, a struct iothnamed, or -errno and one sentence in why (why_size bytes) that says what
 * failed. host->load is not used: a reload reads the file that the configuration came from. */
MUST_CHECK int iothnamed_start(struct daemon_config *config, const struct daemon_host *host, void **ret,
                               char *why, size_t why_size);
/* Reads its file again and serves by it from now on; queries under way end by it. What cannot change while running (see
 * config_restart_needed) is logged, as is all that is wrong with it, and told to those who asked through the control socket. 0, or
 * -errno: the old configuration stays in force. May be called from any thread, not at the same time as itself or
 * iothnamed_stop. */
int iothnamed_reload(void *server, char *why, size_t why_size);
/* Ends it: threads, sockets, stacks. Takes well under a second. NULL: nothing. */
void iothnamed_stop(void *server);
/* Sums over all workers, at about this moment. */
void iothnamed_stats(struct iothnamed *server, struct iothnamed_stats *ret);

#endif
