/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A copy of a file is what the parser made of it, with the path, the stamp of what stood there and a count of its users.
 * Whoever needs a file looks at its stamp, which is one system call, and takes the copy if that is still what it was made
 * of; else it reads the file, with no lock held, and puts the new copy in the place of the old one, whose last user frees
 * it. Two threads that read a changed file at once both do; the later one's copy stays.
 *
 * The stamp is taken before the file is read, so that a file which changes meanwhile is read again; a copy of a file that was
 * not quiet then (config_file.h) is made anew until it is.
 */
#include "libiothdns/addrinfo_files.h"
#include "libiothdns/config_file.h"
#include "libiothdns/resolve.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct file_copy {
    atomic_uint users;
    enum file_kind kind;
    struct file_stamp stamp;
    union {
        struct hosts *hosts;
        struct services *services;
        struct addrorder_policy *policy;
    } content;
    char path[];
};

static int parse_hosts(const char *text, size_t len, struct file_copy *copy)
{
    return hosts_parse(text, len, &copy->content.hosts);
}

static int parse_services(const char *text, size_t len, struct file_copy *copy)
{
    return services_parse(text, len, &copy->content.services);
}

static int parse_policy(const char *text, size_t len, struct file_copy *copy)
{
    struct addrorder_policy *policy = malloc(sizeof(*policy));

    if (!policy)
        return -ENOMEM;
    int error = addrorder_policy_parse(text, len, policy);
    if (error < 0) {
        free(policy);
        return error;
    }
    copy->content.policy = policy;
    return 0;
}

static const struct {
    size_t max; /* bytes; what is longer counts as none */
    int (*parse)(const char *text, size_t len, struct file_copy *copy);
} kinds[FILE_KINDS] = {
    [FILE_HOSTS] = {HOSTS_FILE_MAX, parse_hosts},
    [FILE_SERVICES] = {SERVICES_FILE_MAX, parse_services},
    [FILE_POLICY] = {ADDRORDER_FILE_MAX, parse_policy},
};

void addrinfo_files_init(struct addrinfo_files *files)
{
    pthread_mutex_init(&files->lock, NULL);
    memset(files->copies, 0, sizeof(files->copies));
}

void addrinfo_files_fini(struct addrinfo_files *files)
{
    for (unsigned i = 0; i < FILE_KINDS; i++)
        file_put(files->copies[i]);
    pthread_mutex_destroy(&files->lock);
}

void file_put(struct file_copy *copy)
{
    if (!copy || atomic_fetch_sub(&copy->users, 1) != 1)
        return;
    if (copy->kind == FILE_HOSTS)
        hosts_free(copy->content.hosts);
    else if (copy->kind == FILE_SERVICES)
        services_free(copy->content.services);
    else
        free(copy->content.policy);
    free(copy);
}

const struct hosts *file_hosts(const struct file_copy *copy)
{
    return copy->content.hosts;
}

const struct services *file_services(const struct file_copy *copy)
{
    return copy->content.services;
}

const struct addrorder_policy *file_policy(const struct file_copy *copy)
{
    return copy->content.policy;
}

/* Reads and parses; a file that cannot be read is empty. 0 or -ENOMEM. */
static int fill(struct file_copy *copy)
{
    char *text = NULL;
    size_t len = 0;
    int fd = open(copy->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    int error = 0;

    if (fd >= 0) {
        error = file_read_all(fd, kinds[copy->kind].max, &text, &len);
        close(fd);
    }
    if (error != -ENOMEM)
        error = kinds[copy->kind].parse(text, len, copy);
    if (error == -EFBIG)
        error = kinds[copy->kind].parse(NULL, 0, copy);
    free(text);
    return error;
}

/* A copy of what stands at the path, with one user. NULL: no memory. */
static struct file_copy *read_copy(enum file_kind kind, const char *path, const struct file_stamp *stamp)
{
    size_t path_size = strlen(path) + 1;
    struct file_copy *copy = calloc(1, sizeof(*copy) + path_size);

    if (!copy)
        return NULL;
    atomic_init(&copy->users, 1);
    copy->kind = kind;
    copy->stamp = *stamp;
    memcpy(copy->path, path, path_size);
    if (fill(copy) < 0) {
        free(copy);
        return NULL;
    }
    return copy;
}

/* The path to read; "", which is none, for one that is too long. */
static void find_path(struct iothdns *d, enum file_kind kind, char path[static PATH_MAX])
{
    static const enum iothdns_pathtag tags[] = {
        [FILE_HOSTS] = IOTHDNS_HOSTS, [FILE_SERVICES] = IOTHDNS_SERVICES};

    if (kind == FILE_POLICY)
        memcpy(path, GAICONF_PATH, sizeof(GAICONF_PATH));
    else if (iothdns_getpath(d, tags[kind], path, PATH_MAX) >= PATH_MAX)
        path[0] = '\0';
}

struct file_copy *file_get(struct iothdns *d, enum file_kind kind)
{
    struct addrinfo_files *files = resolve_files(d);
    struct file_copy **place = &files->copies[kind], *copy = NULL;
    char path[PATH_MAX];
    struct file_stamp stamp;

    find_path(d, kind, path);
    file_stamp_take(path, &stamp);
    pthread_mutex_lock(&files->lock);
    if (*place && (*place)->stamp.quiet && file_stamp_same(&(*place)->stamp, &stamp) &&
        strcmp((*place)->path, path) == 0) {
        copy = *place;
        atomic_fetch_add(&copy->users, 1);
    }
    pthread_mutex_unlock(&files->lock);
    if (copy)
        return copy;

    copy = read_copy(kind, path, &stamp);
    if (!copy)
        return NULL;
    atomic_fetch_add(&copy->users, 1); /* the handle's own */
    pthread_mutex_lock(&files->lock);
    struct file_copy *old = *place;
    *place = copy;
    pthread_mutex_unlock(&files->lock);
    file_put(old);
    return copy;
}
