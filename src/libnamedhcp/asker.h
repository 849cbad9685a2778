/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Questions of a DHCP server to the DNS, and the answers: nobody waits. Used by one thread. */
#ifndef LIBNAMEDHCP_ASKER_H
#define LIBNAMEDHCP_ASKER_H

#include "libnamedhcp/server.h"

#include <iothdns.h>

struct asker;

/* How long the DNS took: counts by upper bounds, and of what took longer than all. */
#define ASKER_LATENCY_BOUNDS                                                                                 \
    {                                                                                                        \
        0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0                                                              \
    }
#define ASKER_LATENCY_BUCKETS 8

struct asker_stats {
    uint64_t found, not_there, unknown; /* how questions ended */
    uint64_t remembered;                /* that were not asked, since the answer was known */
    uint64_t bucket[ASKER_LATENCY_BUCKETS];
    nsec_t latency_sum;
};

/* Called from asker_dispatch, once for each question. */
typedef void asker_answered(void *arg, const struct server_answer *answer);

/* dns, stats: borrowed; what happens is added to stats. 0; -ENOMEM, -EMFILE, ... */
MUST_CHECK int asker_open(struct iothdns *dns, struct asker_stats *stats, asker_answered *answered, void *arg,
                          struct asker **ret);
void asker_close(struct asker *a); /* questions that wait get no answer; takes NULL */
/* A question of SERVER_ASK. 0; -ENOBUFS: too many at once; -ENOMEM. */
MUST_CHECK int asker_ask(struct asker *a, uint32_t question, const uint8_t *name, uint16_t qtype);
/* The addresses of a name, in lower case, that the DNS has told a moment ago; false: not known. */
bool asker_remembers(const struct asker *a, const uint8_t *name, uint16_t qtype, struct server_answer *ret);
unsigned asker_waiting(const struct asker *a); /* questions that have no answer yet */
int asker_fd(const struct asker *a);           /* wait for POLLIN */
nsec_t asker_deadline(const struct asker *a);  /* NSEC_NEVER */
void asker_dispatch(struct asker *a);

#endif
