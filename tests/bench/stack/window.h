/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The client of an echo, whatever the echo goes over: keeps a number of messages in flight and counts. */
#ifndef BENCH_STACK_WINDOW_H
#define BENCH_STACK_WINDOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../latency.h"

enum { MESSAGE_LEN = 64 }; /* bytes of a message; the first 8 are the time of its sending */

/* What the messages go over. */
struct carrier {
    void *context;
    int fd; /* to poll for what comes back */
    void (*send)(void *context, const uint8_t message[static MESSAGE_LEN]);
    /* Takes what has come: 1 for a message of ours, 0 for something else, -1 for nothing there. */
    int (*take)(void *context, uint8_t message[static MESSAGE_LEN]);
};

struct seen {
    uint64_t echoes, lost;
    double seconds;
    struct latency latency;
};

/* Keeps `outstanding` messages in flight for so many seconds. Messages of which nothing is heard for 20 ms are lost and made up
 * for. */
void window_run(const struct carrier *carrier, unsigned outstanding, double seconds, struct seen *seen);

/* Sends messages until one comes back, for ten seconds at most: neighbours are known then. */
bool window_warm(const struct carrier *carrier);

/* One line of JSON. */
void window_print(const struct seen *seen);

#endif
