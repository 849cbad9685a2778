/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The files of getaddrinfo and getnameinfo: parsed when they are needed, kept with the handle, parsed again when they have
 * changed. */
#ifndef IOTHDNS_ADDRINFO_FILES_H
#define IOTHDNS_ADDRINFO_FILES_H

#include "libiothdns/addrorder.h"
#include "libiothdns/hosts.h"
#include "libiothdns/services.h"

#include <pthread.h>

#define GAICONF_PATH "/etc/gai.conf"

struct iothdns;

enum file_kind { FILE_HOSTS, FILE_SERVICES, FILE_POLICY, FILE_KINDS };

/* One file as it was, parsed. Immutable and counted. */
struct file_copy;

/* What a handle keeps of them. */
struct addrinfo_files {
    pthread_mutex_t lock; /* of the pointers and counts; held for moments, never while a file is read */
    struct file_copy *copies[FILE_KINDS];
};

void addrinfo_files_init(struct addrinfo_files *files);
void addrinfo_files_fini(struct addrinfo_files *files);

/* The file as it stands, to be given back. One that is not there or cannot be read is empty. NULL: no memory. */
struct file_copy *file_get(struct iothdns *d, enum file_kind kind);
void file_put(struct file_copy *copy); /* takes NULL */

/* What is in it, by the kind it was asked for. */
const struct hosts *file_hosts(const struct file_copy *copy);
const struct services *file_services(const struct file_copy *copy);
const struct addrorder_policy *file_policy(const struct file_copy *copy);

#endif
