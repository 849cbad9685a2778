/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The configuration of the proxy: options, from the command line and from a file that holds the long ones, one a line
 * (io/rc_rows.h).
 *
 *   proxy_draft_new(&draft)
 *   reader = proxy_draft_reader(draft)       for daemon_options_load, rc_read_text, rc_read_option: what comes later wins
 *   proxy_draft_finish(draft, &config, why)
 *   proxy_draft_free(draft)
 *
 * No secret stands in a configuration longer than it takes to make its `struct otip`.
 */
#ifndef LIBOTIP_PROXY_CONFIG_H
#define LIBOTIP_PROXY_CONFIG_H

#include "base/arena.h"
#include "base/ipaddr.h"
#include "io/rc_daemon.h"
#include "io/rc_rows.h"
#include "libotip/otip.h"

#define PROXY_WHY_MAX 512

/* A person writes these. */
#define PROXY_SERVICES_MAX 64
/* Addresses that may be open at once: the listeners' filter has 9 instructions for each, of the 4096 that a classic BPF program
 * may have, and half of that is enough. */
#define PROXY_BREADTH_MAX 256
/* Flows at once, of TCP and of UDP. One takes two descriptors and some hundred bytes. */
#define PROXY_FLOWS_MAX 1000000

/* A port of the one-time addresses and the server behind it. */
struct proxy_service {
    bool udp;
    uint16_t port;
    struct ipendpoint server;
};

struct proxy_config {
    struct daemon_config process; /* the first, see there */
    struct arena arena;

    const char *extstack, *intstack; /* strings for ioth_newstackc; NULL: the system's stack */
    const char *iface;               /* of the external stack, where the addresses come and go */
    uint8_t prefix_bits; /* of the addresses there: 64 on a link, 128 where the prefix is routed here */

    const char *name, *base, *dns; /* base, dns: NULL: not given */
    bool otip2;
    const char *passwd, *passwdfile, *key, *keyuser; /* NULL: not given; files as they are to be opened */
    /* Where these were said, "p.rc:3:8" or "--base"; NULL: not at all. */
    struct {
        const char *extstack, *intstack, *base, *secret, *congestion;
    } at;
    uint32_t period_s;
    nsec_t before, after;
    unsigned addresses_max;

    unsigned n_services;
    struct proxy_service services[PROXY_SERVICES_MAX];
    bool proxy_protocol;
    unsigned backlog;
    /* Control of connections from clients, below PROXY_CONGESTION_MAX; NULL: the stack's own. */
    const char *congestion;
    nsec_t tcp_timeout, udp_timeout, connect_timeout, tcp_lifetime; /* NSEC_NEVER: none */
    uint32_t flows_max, source_max;
};

#define PROXY_CONGESTION_MAX 16 /* what Linux allows its names, the end included */

struct proxy_draft;

MUST_CHECK int proxy_draft_new(struct proxy_draft **ret);
void proxy_draft_free(struct proxy_draft *d); /* takes NULL */
struct rc_reader proxy_draft_reader(struct proxy_draft *d);
/* 0 and *ret, for proxy_config_free; -EINVAL with one sentence in why: what is missing, or does not go together. */
MUST_CHECK int proxy_draft_finish(struct proxy_draft *d, struct proxy_config **ret, char *why,
                                  size_t why_size);
void proxy_config_free(struct proxy_config *config); /* wipes the password; takes NULL */

/* The rows, for the help; their type is known here alone. */
struct rc_rows proxy_rows(void);

/* The value of one element of a configuration string of ioth_newstackc: "iface" of "stack=lwip,iface=eth0". How many bytes
 * *ret has; 0: it is not there. */
size_t proxy_conf_value(const char *conf, const char *keyword, const char **ret);

#endif
