/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What service.c, commands.c and metrics.c share. */
#ifndef IOTHRADVD_STATE_H
#define IOTHRADVD_STATE_H

#include "io/attendant.h"
#include "libiothradvd/daemon/service.h"
#include "libiothconf/open/open_stack.h"
#include "libiothradvd/router.h"

#include <pthread.h>

struct radvd_iface {
    struct radvd_service *service;
    const struct ra_interface *config; /* of `started` */
    struct iothradvd *router;
};

struct radvd_service {
    struct daemon_host host;
    struct ra_config *started; /* as it was at the start */
    struct log log;
    struct log_control log_control;
    struct open_stacks stacks;
    unsigned n_ifaces;
    struct radvd_iface *ifaces;
    pthread_mutex_t reload_lock;
    _Atomic uint64_t reloads, failed_reloads; /* told while one goes on */
    struct attendant *attendant;
};

/* commands.c */
extern const struct control_command radvd_commands[];
void radvd_status(void *arg, struct pairs *p);
void radvd_counters(void *arg, struct pairs *p);
bool radvd_page(void *arg, unsigned turn, struct text *out); /* metrics.c */

#endif
