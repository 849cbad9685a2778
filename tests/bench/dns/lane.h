/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A lane of dns_load: one UDP socket or one TCP connection to the server, and the questions in flight on it. */
#ifndef BENCH_DNS_LANE_H
#define BENCH_DNS_LANE_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#include "../latency.h"
#include "names.h"

enum {
    LANE_SLOTS_MAX = 1024, /* questions in flight: 10 bits of the id, the other 6 tell its uses apart */
    RCODES = 16,
};

/* What was seen, by all lanes together. */
struct tally {
    uint64_t sent, answered, with_records, lost;
    uint64_t strange;      /* packets that answer nothing in flight: late, or not ours */
    uint64_t answer_bytes; /* of the messages */
    uint64_t closed; /* TCP connections that the server ended; what was in flight there counts as lost */
    uint64_t rcodes[RCODES];
    struct latency latency;
};

/* Where the questions come from: the next number, given out one by one. */
struct supply {
    const struct names *names;
    uint64_t next, left; /* left: how many may still be asked */
    bool in_order;       /* else by chance */
    uint64_t chance;     /* state of the generator of chance, not 0 */
};

struct slot {
    uint64_t sent_ns; /* 0: free */
    uint64_t number;
    uint8_t use;
};

struct lane {
    int fd;
    bool tcp;
    struct sockaddr_in server;
    unsigned n_slots, n_free;
    struct slot *slots;
    uint16_t *free_slots;
    struct tally *tally;
    struct supply *supply;
    struct stream *stream; /* TCP only */
};

/* Opens a lane with room for n_slots questions in flight. Ends the program, after a message, if it cannot. */
void lane_open(struct lane *lane, const struct sockaddr_in *server, bool tcp, unsigned n_slots);

/* Takes all answers that are there. Returns how many. */
unsigned lane_receive(struct lane *lane, uint64_t now);

/* Asks up to n questions, as far as there are free slots and a supply. Returns how many were asked. */
unsigned lane_send(struct lane *lane, unsigned n, uint64_t now);

/* Gives up what was sent before `before`: counts it as lost, or asks again if `again`. */
void lane_give_up(struct lane *lane, uint64_t before, uint64_t now, bool again);

#endif
