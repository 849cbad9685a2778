/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LWIP_LIBRARY_H
#define LWIP_LIBRARY_H
/* A private copy of liblwip and the table of what is called in it. Nothing of lwIP is reached by its plain
 * name: each stack has its own copy, and the names would mean whichever was loaded first. */

#include <lwip/opt.h>

#include <lwip/icmp.h>
#include <lwip/icmp6.h>
#include <lwip/igmp.h>
#include <lwip/inet_chksum.h>
#include <lwip/init.h>
#include <lwip/ip.h>
#include <lwip/ip6.h>
#include <lwip/mld6.h>
#include <lwip/nd6.h>
#include <lwip/netif.h>
#include <lwip/pbuf.h>
#include <lwip/priv/tcp_priv.h>
#include <lwip/raw.h>
#include <lwip/tcp.h>
#include <lwip/timeouts.h>
#include <lwip/udp.h>

/* Functions and variables that we use: X(name). */
#define LWIP_SYMBOLS(X)                                                                                      \
    X(lwip_init)                                                                                             \
    X(sys_check_timeouts)                                                                                    \
    X(sys_timeouts_sleeptime)                                                                                \
    X(netif_add)                                                                                             \
    X(netif_set_up)                                                                                          \
    X(netif_set_down)                                                                                        \
    X(netif_set_link_up)                                                                                     \
    X(netif_set_addr)                                                                                        \
    X(netif_ip6_addr_set)                                                                                    \
    X(netif_ip6_addr_set_state)                                                                              \
    X(ip4_input)                                                                                             \
    X(ip6_input)                                                                                             \
    X(ip4_output_if_src)                                                                                     \
    X(ip6_output_if_src)                                                                                     \
    X(inet_chksum)                                                                                           \
    X(ip6_chksum_pseudo)                                                                                     \
    X(pbuf_alloc)                                                                                            \
    X(pbuf_free)                                                                                             \
    X(pbuf_ref)                                                                                              \
    X(pbuf_clone)                                                                                            \
    X(pbuf_take)                                                                                             \
    X(pbuf_copy_partial)                                                                                     \
    X(pbuf_add_header)                                                                                       \
    X(pbuf_remove_header)                                                                                    \
    X(pbuf_get_at)                                                                                           \
    X(pbuf_put_at)                                                                                           \
    X(udp_new_ip_type)                                                                                       \
    X(udp_remove)                                                                                            \
    X(udp_bind)                                                                                              \
    X(udp_connect)                                                                                           \
    X(udp_disconnect)                                                                                        \
    X(udp_recv)                                                                                              \
    X(udp_sendto_if_src)                                                                                     \
    X(udp_input)                                                                                             \
    X(raw_new_ip_type)                                                                                       \
    X(raw_remove)                                                                                            \
    X(raw_recv)                                                                                              \
    X(raw_sendto_if_src)                                                                                     \
    X(tcp_new_ip_type)                                                                                       \
    X(tcp_arg)                                                                                               \
    X(tcp_recv)                                                                                              \
    X(tcp_sent)                                                                                              \
    X(tcp_err)                                                                                               \
    X(tcp_accept)                                                                                            \
    X(tcp_bind)                                                                                              \
    X(tcp_connect)                                                                                           \
    X(tcp_listen_with_backlog_and_err)                                                                       \
    X(tcp_recved)                                                                                            \
    X(tcp_write)                                                                                             \
    X(tcp_output)                                                                                            \
    X(tcp_shutdown)                                                                                          \
    X(tcp_close)                                                                                             \
    X(tcp_abort)                                                                                             \
    X(tcp_input)                                                                                             \
    X(tcp_zero_window_probe)                                                                                 \
    X(icmp_input)                                                                                            \
    X(icmp6_input)                                                                                           \
    X(igmp_joingroup_netif)                                                                                  \
    X(igmp_leavegroup_netif)                                                                                 \
    X(mld6_joingroup_netif)                                                                                  \
    X(mld6_leavegroup_netif)                                                                                 \
    X(mld6_lookfor_group)                                                                                    \
    X(ip_data)                                                                                               \
    X(netif_default)                                                                                         \
    X(tcp_active_pcbs)                                                                                       \
    X(tcp_tw_pcbs)                                                                                           \
    X(tcp_ticks)

struct lwip_symbols {
#define LWIP_MEMBER(name) __typeof__(name) *name;
    LWIP_SYMBOLS(LWIP_MEMBER)
#undef LWIP_MEMBER
};

/* A call inside liblwip that ours replaces. */
struct lwip_hook {
    const char *name;
    void (*function)(void);
};

struct library {
    void *handle;
    int memfd; /* open as long as the copy is: its path under /proc/self/fd names the copy */
};

/* Loads a fresh copy of liblwip, fills the table and puts the hooks in; does not run lwip_init. 0 or a
 * negative errno: EMFILE, ENFILE, ENOMEM; ELIBACC if liblwip is not there, ELIBBAD if it lacks a symbol or does not go through its
 * procedure linkage table for a call that must be hooked. */
__attribute__((warn_unused_result)) int library_open(struct library *library,
                                                     struct lwip_symbols *ret_symbols,
                                                     const struct lwip_hook *hooks, size_t n_hooks);
void library_close(struct library *library);

#endif
