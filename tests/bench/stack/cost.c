/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a stack costs: `stack_cost KIND VNL COUNT` makes COUNT stacks, each with its interface up and an address, and
 * prints the median time that one took, as JSON. Its memory is looked at from outside: it prints "ready" first and
 * goes on when a line comes in, and ends with its standard input.
 */
#include <stdio.h>
#include <stdlib.h>

#include "../latency.h"
#include "end.h"

int main(int argc, char *argv[])
{
    static struct latency latency;
    const unsigned count = argc == 4 ? (unsigned)atoi(argv[3]) : 0;

    if (count < 1) {
        fprintf(stderr, "usage: stack_cost KIND VNL COUNT\n");
        return 2;
    }
    /* The first one loads the plug-in, which is no cost of a stack. */
    end_open(argv[1], argv[2], 1);
    puts("ready");
    fflush(stdout);
    getchar();
    for (unsigned i = 0; i < count; i++) {
        const uint64_t start = now_ns();
        end_open(argv[1], argv[2], 2 + i);
        latency_add(&latency, now_ns() - start);
    }
    printf("{\"count\": %u, \"start_us\": %.1f, \"start_p99_us\": %.1f}\n", count, latency_us(&latency, 0.5),
           latency_us(&latency, 0.99));
    fflush(stdout);
    while (getchar() != EOF)
        ;
    return 0;
}
