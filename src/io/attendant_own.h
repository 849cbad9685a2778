/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What attendant.c and attendant_commands.c share. */
#ifndef IO_ATTENDANT_OWN_H
#define IO_ATTENDANT_OWN_H

#include "io/attendant.h"

struct job;

struct attendant {
    struct attendant_settings settings;
    struct server *streams;
    struct control control;
    struct http http;
    char control_path[128]; /* "": none */
    pthread_t thread;
    bool has_thread;
    bool is_well, is_served; /* as they were seen last */
    nsec_t alive_at;         /* when the host is to be told next */
    nsec_t started_at;       /* monotonic */
    int64_t started_wall_s;
    struct job *left; /* checks and reloads under way whose clients have gone */
    unsigned n_jobs;  /* those included */
    bool is_closing;
};

uint64_t attendant_uptime_s(const struct attendant *a);
bool attendant_is_healthy(const struct attendant *a);
/* Frees the jobs that were left, if they are over; at the end of all it waits for them. */
void attendant_reap_jobs(struct attendant *a);
extern const struct control_command attendant_commands[]; /* their arg is the attendant */

#endif
