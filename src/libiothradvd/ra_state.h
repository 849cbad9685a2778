/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the files of the core share: ra_core.c (when to speak), ra_speak.c (what is said), ra_listen.c (other routers). */
#ifndef IOTHRADVD_RA_STATE_H
#define IOTHRADVD_RA_STATE_H

#include "libiothradvd/ra_core.h"

struct ra_asker {
    struct ipaddr addr;
    uint8_t mac[6];
    nsec_t due;
};

/* An advertisement on its way out, maybe in several messages. */
struct ra_job {
    bool under_way, final, repeated; /* repeated: not its first message */
    struct ipaddr to;
    uint8_t to_mac[6];
    unsigned next_entry;
};

struct ra_core {
    struct ra_env env;
    struct ra_settings settings;
    struct arena arena; /* holds what its options point to */
    struct ra_entries entries;
    unsigned n_own;
    struct ra_own own[RA_OWN_MAX];
    struct ra_place place;
    bool advertising;
    bool has_sent; /* to all, since it began */
    bool multicast_due, final_due;
    unsigned initial_left; /* of the quick ones at the beginning */
    nsec_t now;            /* of the last call */
    nsec_t next_multicast; /* NSEC_NEVER: at rest */
    nsec_t last_multicast;
    nsec_t allowance,
        allowance_at; /* of answers to single hosts: an answer costs NSEC_PER_SEC / RA_ANSWERS_RATE */
    unsigned n_askers;
    struct ra_asker askers[RA_ASKERS_MAX];
    unsigned n_routers;
    struct ra_router routers[RA_ROUTERS_MAX];
    struct ra_job job;
    nsec_t remarks_allowance, remarks_at; /* a remark costs a second */
    unsigned n_remarks;
    struct ra_event remarks[RA_REMARKS_MAX];
    struct iothradvd_stats stats;
    uint8_t message[RA_MESSAGE_MAX];
};

/* ra_speak.c: the next message of ra->job into ra->message; its length. Ends the job with the last one. */
size_t ra_speak(struct ra_core *ra);
/* ra_listen.c: an advertisement of another router, which is valid. */
void ra_listen(struct ra_core *ra, const struct nd_message *msg, const struct ipaddr *from);

#endif
