/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LIBOTIP_PROXY_H
#define LIBOTIP_PROXY_H
/*
 * A reverse proxy at one-time addresses: connections and datagrams that come to the address of the present epoch, and a little
 * around it, go to hidden servers. Any number of proxies live side by side in a process.
 */
#include "io/daemon_host.h"
#include "io/daemon_run.h"
#include "libotip/proxy_config.h"

struct otip_proxy;

/* Counters since the start, one row each: name in the statistics, help. */
#define PROXY_COUNTERS(COUNTER)                                                                              \
    COUNTER(tcp_accepted, "connections accepted")                                                            \
    COUNTER(tcp_ended, "connections that ended by themselves")                                               \
    COUNTER(tcp_reset, "connections that one side reset")                                                    \
    COUNTER(tcp_idle, "connections that ended because no byte came")                                         \
    COUNTER(tcp_too_old, "connections that reached their lifetime")                                          \
    COUNTER(tcp_unreachable, "connections whose hidden server could not be reached")                         \
    COUNTER(tcp_outside, "connections to an address that was not open, refused")                             \
    COUNTER(udp_flows_begun, "UDP flows that began")                                                         \
    COUNTER(udp_flows_ended, "UDP flows that ended for want of datagrams")                                   \
    COUNTER(udp_failed, "UDP flows that ended because the socket to their hidden server failed")             \
    COUNTER(udp_in, "datagrams to hidden servers")                                                           \
    COUNTER(udp_out, "datagrams to clients")                                                                 \
    COUNTER(udp_outside, "datagrams to an address that was not open, without a flow: dropped")               \
    COUNTER(udp_lost, "datagrams that could not be sent")                                                    \
    COUNTER(bytes_in, "bytes to hidden servers")                                                             \
    COUNTER(bytes_out, "bytes to clients")                                                                   \
    COUNTER(refused_full, "flows refused: too many in all")                                                  \
    COUNTER(refused_source, "flows refused: too many of their source")                                       \
    COUNTER(refused_memory, "flows refused: no memory or no descriptors")                                    \
    COUNTER(dropped, "flows that ended because they, or their address, had to give way")                     \
    COUNTER(addresses_opened, "addresses opened")                                                            \
    COUNTER(addresses_muted, "addresses kept for old flows alone")                                           \
    COUNTER(addresses_given_way, "addresses that gave way for want of room")                                 \
    COUNTER(addresses_failed, "addresses that the stack did not take")                                       \
    COUNTER(addresses_claimed, "messages of others that claimed an address of ours")

/* Also what there is at the moment. */
struct otip_proxy_stats {
#define MEMBER(name, help) uint64_t name;
    PROXY_COUNTERS(MEMBER)
#undef MEMBER
    uint64_t addresses, addresses_open, tcp_flows, udp_flows, sources;
};

/* --- what io/daemon_run.h wants; `config` is that of a struct proxy_config, `service` a struct otip_proxy --- */

MUST_CHECK int otip_proxy_load(const struct daemon_options *options, struct daemon_config **ret, char *why,
                               size_t why_size);
void otip_proxy_free(struct daemon_config *config); /* takes NULL */
/* What can be checked without opening anything but files of secrets. 0, or negative errno and one sentence in why. */
MUST_CHECK int otip_proxy_check(const struct daemon_config *config, char *why, size_t why_size);
/* Makes the stacks, opens sockets and files, looks the base up, and serves. The configuration is taken over, also on failure.
 * 0, or negative errno and one sentence in why. */
MUST_CHECK int otip_proxy_start(struct daemon_config *config, const struct daemon_host *host, void **ret,
                                char *why, size_t why_size);
/* Loads the configuration again: services, windows, limits, name and secrets; flows that are there live on. What cannot change
 * while it runs (stacks, interface, prefix length, files, user) is logged and waits for a restart. 0, or negative errno, why,
 * and the old one stands. From any thread but the proxy's, one at a time. */
MUST_CHECK int otip_proxy_reload(void *service, char *why, size_t why_size);
/* Ends all flows and takes the addresses away. NULL: nothing. */
void otip_proxy_stop(void *service);
/* On the system's own stack addresses come and go as long as it serves, so CAP_NET_ADMIN is kept there, and with it nothing else
 * but what opens low ports on a reload. A stack in a namespace of its own is configured by the rights of whoever made the
 * namespace, so that one stays who he is. */
void otip_proxy_keeps(const struct daemon_config *config, struct daemon_keeps *ret);
void otip_proxy_check_files(const struct daemon *d, const struct daemon_config *config);

void otip_proxy_stats(struct otip_proxy *p, struct otip_proxy_stats *ret); /* from any thread */

#endif
