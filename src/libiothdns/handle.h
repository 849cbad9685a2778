/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a handle of the resolver holds. Inside the library; others see resolve.h. */
#ifndef IOTHDNS_HANDLE_H
#define IOTHDNS_HANDLE_H

#include "libiothdns/addrinfo_files.h"
#include "base/siphash.h"
#include "libiothdns/config_file.h"
#include "libiothdns/resolve.h"

#include <pthread.h>
#include <stdatomic.h>

/* How often the file is looked at: what resolv.conf says now is used a second later at the most. */
#define RELOAD_INTERVAL NSEC_PER_SEC

/* A configuration in use; immutable but for the count. */
struct config {
    struct resolvconf conf; /* the first member: resolve_conf_put finds the count behind it */
    atomic_uint users;
};

struct channel;

struct iothdns {
    struct ioth *stack;
    atomic_int timeout_ms;         /* of each name asked for; -1: what the configuration says */
    atomic_uint turn;              /* counts questions: `rotate` begins at another server each time */
    struct siphash_key cookie_key; /* of the cookies in its questions */
    struct addrinfo_files files;   /* has a lock of its own */

    pthread_mutex_t lock; /* of all that follows; held for moments, never across input and output */
    struct config *config;
    unsigned edition; /* counts updates, so that what is read meanwhile is not put over them */
    char *file;       /* to be read again when it changes; NULL: none */
    bool standard;    /* it is /etc/resolv.conf, with what belongs to it */
    bool looking;     /* some thread looks at it now */
    nsec_t looked_at;
    struct file_stamp stamp;
    char *paths[IOTHDNS_PATH_SIZE]; /* NULL: the system's */
    struct channel *idle;           /* the one used last first: it knows most about the servers */
    unsigned n_idle;
};

#endif
