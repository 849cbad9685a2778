/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What it costs to find the stack of a descriptor: the step that every ioth_X call takes before it works.
 *
 *     bench_fd_lookup [THREADS [LOOKUPS]]          8 threads, 100 million look-ups each
 *
 * Each thread looks up a thousand descriptors of many stacks in turn. It prints nanoseconds of CPU per
 * look-up: the mean and the slowest thread, alone and while another thread enters and takes descriptors of
 * the same pages. CPU time is what a look-up costs where there are fewer processors than threads; the time
 * on the wall is printed besides. A loop that reads an array of the same size instead is the raw cost to
 * compare with.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "libioth/fdtable.h"

enum { FIRST = 3, FDS = 1000, STACKS = 50, THREADS_MAX = 256 };

/* Stacks are only addresses here. */
static char stacks[STACKS];
static struct ioth *plain[FDS];
static long lookups = 100 * 1000 * 1000;
static atomic_bool stop;

static struct ioth *stack_number(int i)
{
    return (struct ioth *)&stacks[i % STACKS];
}

static double now(clockid_t clock)
{
    struct timespec t;

    clock_gettime(clock, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

struct worker {
    pthread_t thread;
    struct ioth *(*lookup)(int fd);
    double cpu_ns; /* per look-up */
    uintptr_t sum; /* of what was found, so that nothing is optimised away */
};

static struct ioth *from_array(int fd)
{
    return ((struct ioth *volatile *)plain)[fd - FIRST];
}

static void *work(void *arg)
{
    struct worker *worker = arg;
    struct ioth *(*lookup)(int fd) = worker->lookup;
    double start = now(CLOCK_THREAD_CPUTIME_ID);
    uintptr_t sum = 0;
    long i;
    int fd = FIRST;

    for (i = 0; i < lookups; i++) {
        sum += (uintptr_t)lookup(fd);
        if (++fd == FIRST + FDS)
            fd = FIRST;
    }
    worker->cpu_ns = (now(CLOCK_THREAD_CPUTIME_ID) - start) / (double)lookups;
    worker->sum = sum;
    return NULL;
}

static void *disturb(void *arg)
{
    struct ioth *previous;

    while (!atomic_load(&stop)) {
        if (fdtable_set(FIRST + FDS, stack_number(0), &previous) < 0)
            abort();
        fdtable_take(FIRST + FDS);
    }
    return arg;
}

static void measure(const char *what, int nthreads, struct ioth *(*lookup)(int fd))
{
    static struct worker workers[THREADS_MAX];
    double mean = 0, slowest = 0, start = now(CLOCK_MONOTONIC);
    int i;

    for (i = 0; i < nthreads; i++) {
        workers[i] = (struct worker){.lookup = lookup};
        if (pthread_create(&workers[i].thread, NULL, work, &workers[i]) != 0)
            abort();
    }
    for (i = 0; i < nthreads; i++) {
        pthread_join(workers[i].thread, NULL);
        mean += workers[i].cpu_ns / nthreads;
        slowest = workers[i].cpu_ns > slowest ? workers[i].cpu_ns : slowest;
        if (workers[i].sum != workers[0].sum)
            abort();
    }
    printf("%-28s %2d threads: mean %5.2f ns, slowest thread %5.2f ns of CPU; wall %5.2f ns\n", what,
           nthreads, mean, slowest, (now(CLOCK_MONOTONIC) - start) / (double)lookups / nthreads);
}

int main(int argc, char **argv)
{
    int nthreads = argc > 1 ? atoi(argv[1]) : 8, i;
    struct ioth *previous;
    pthread_t disturber;

    if (argc > 2)
        lookups = atol(argv[2]);
    if (nthreads < 1 || nthreads > THREADS_MAX || lookups < 1) {
        fprintf(stderr, "usage: bench_fd_lookup [THREADS [LOOKUPS]]\n");
        return 2;
    }
    for (i = 0; i < FDS; i++) {
        plain[i] = stack_number(i);
        if (fdtable_set(FIRST + i, stack_number(i), &previous) < 0)
            abort();
    }
    measure("an array of the same size", nthreads, from_array);
    measure("fd look-up", nthreads, fdtable_get);
    pthread_create(&disturber, NULL, disturb, NULL);
    measure("fd look-up, table changing", nthreads, fdtable_get);
    atomic_store(&stop, true);
    pthread_join(disturber, NULL);
    return 0;
}
