/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What service.c and commands.c share. */
#ifndef IOTHRADVD_STATE_H
#define IOTHRADVD_STATE_H

#include "io/control.h"
#include "libiothradvd/daemon/service.h"
#include "libiothradvd/router.h"

#include <pthread.h>

struct radvd_stack {
    const char *text; /* of the configuration that it was made by; NULL: the system's own */
    struct ioth *stack;
};

struct radvd_iface {
    struct radvd_service *service;
    const struct ra_interface *config; /* of `started` */
    struct iothradvd *router;
};

struct radvd_service {
    struct radvd_host host;
    struct ra_config *started; /* as it was at the start */
    struct log log;
    struct log_control log_control;
    unsigned n_stacks, n_ifaces;
    struct radvd_stack *stacks;
    struct radvd_iface *ifaces;
    nsec_t started_at;
    int64_t started_wall_s;
    pthread_mutex_t reload_lock;
    uint64_t reloads, failed_reloads; /* under it */
    struct server *streams;           /* NULL: no control socket */
    struct control control;
    char control_path[128]; /* "": none */
    pthread_t attendant;
    bool has_attendant, healthy;
    nsec_t alive_at;
};

extern const struct control_command radvd_commands[];

#endif
