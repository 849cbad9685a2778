/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A library's own thread. Pure parts have none. */
#ifndef BASE_THREAD_H
#define BASE_THREAD_H

#include "base/base.h"

#include <pthread.h>
#include <signal.h>

/* Begins a thread that runs main(arg), with all signals blocked but SIGSYS, which is about its own calls, and by which a
 * program takes its privileges: the others are for the program's own threads. 0 or negative errno. */
MUST_CHECK static inline int thread_start(pthread_t *ret, void *(*main)(void *), void *arg)
{
    sigset_t all, before;

    sigfillset(&all);
    sigdelset(&all, SIGSYS);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int error = pthread_create(ret, NULL, main, arg);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return -error;
}

#endif
