/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The inside of the service: namedhcp.c starts and ends it, namedhcp_loop.c is its thread. */
#ifndef LIBNAMEDHCP_NAMEDHCP_STATE_H
#define LIBNAMEDHCP_NAMEDHCP_STATE_H

#include "libnamedhcp/asker.h"
#include "libnamedhcp/namedhcp.h"
#include "libnamedhcp/namedhcp_engine.h"

#include <pthread.h>

#define NAMEDHCP_BATCH 256 /* datagrams taken in before what they ask for is done; one commit is for all */
#define NAMEDHCP_OUT_BYTES                                                                                   \
    (1 << 20) /* of replies that wait for a commit; what does not fit is lost, and asked for again */
#define NAMEDHCP_PROBES_MAX 1024
#define NAMEDHCP_REPEATS    2 /* ARP packets for one address: one may be lost */

/* Replies that wait until what they speak of is on record: struct out_head and the payload, each. */
struct namedhcp_out {
    size_t len;
    uint8_t *bytes;
};

struct namedhcp_probe {
    uint32_t addr, question;
    unsigned repeats; /* still to be sent */
    nsec_t at;        /* when */
    nsec_t until;
};

struct namedhcp {
    struct namedhcp_host host;
    struct log log;
    struct log_control log_control;
    struct ioth *stack, *dnsstack; /* ours; NULL: the system's */
    struct iothdns *dns;
    struct dhcp_link link;
    struct store *store;
    uint8_t duid[DHCP6_DUID_MAX];
    size_t duid_len;
    bool serve6, serve4;
    struct namedhcp_config
        *started; /* what the strings below belong to: of the engine at the start; kept to compare */
    int wake;     /* an eventfd */
    pthread_t thread;
    bool runs;

    /* The thread's own */
    struct namedhcp_engine *engine;
    struct asker *asker6, *asker4; /* of the engine */
    struct server_time now;
    nsec_t rests_until[DHCP_LINK_KINDS];
    struct namedhcp_out out;
    bool keep_failed; /* something of this batch could not be put into the store */
    unsigned n_probes;
    struct namedhcp_probe probes[NAMEDHCP_PROBES_MAX];
    struct namedhcp_stats counted;
    nsec_t alive_at;
    int keep_error; /* what was logged last; 0: the store works */

    pthread_mutex_t lock;
    pthread_cond_t taken;
    /* Under it */
    bool stop;
    struct namedhcp_config *wanted; /* a new configuration; NULL: none */
    int result;                     /* of the last one */
    char why[NAMEDHCP_WHY_MAX];
    struct namedhcp_stats stats;
};

struct server_time namedhcp_now(void);
/* Makes the engine of a configuration and its askers the current one. 0, or negative errno and why: the old one stands. The
 * configuration is taken over on success. */
MUST_CHECK int namedhcp_take(struct namedhcp *n, struct namedhcp_config *config, char *why, size_t why_size);
void *namedhcp_run(void *arg);

#endif
