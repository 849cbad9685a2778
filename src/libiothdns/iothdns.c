/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The handle: a stack, a configuration, and the channels on which questions are asked.
 *
 * Configurations are immutable and counted. A look-up takes the one that stands when it begins and keeps it to its end,
 * whatever is updated meanwhile; the last user frees it. The mutex of the handle guards pointers and counts, for as long as
 * it takes to copy them: files are read, memory is taken and sockets are used without it.
 *
 * A file is looked at again by the first look-up after RELOAD_INTERVAL; the others of that moment go on with what there
 * is. A file that vanishes or cannot be read leaves the last configuration in force; it is written anew by programs that
 * first remove it.
 */
#include "base/clock.h"
#include "libiothdns/handle.h"
#include "libiothdns/channel.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

/* -1 and errno, as the public functions say it. */
static int failed(int error)
{
    errno = -error;
    return -1;
}

/* --- configurations --- */

/* Takes over conf. NULL: no memory, and conf is freed. */
static struct config *config_new(struct resolvconf *conf)
{
    struct config *c = malloc(sizeof(*c));

    if (!c) {
        resolvconf_fini(conf);
        return NULL;
    }
    c->conf = *conf;
    atomic_init(&c->users, 1);
    return c;
}

static void config_put(struct config *c)
{
    if (!c || atomic_fetch_sub(&c->users, 1) != 1)
        return;
    resolvconf_fini(&c->conf);
    free(c);
}

void resolve_conf_put(const struct resolvconf *conf)
{
    config_put((struct config *)conf);
}

/* What a configuration comes from. */
struct origin {
    char *file; /* owned; NULL: a text */
    bool standard;
    struct file_stamp stamp;
};

/* From now on the handle has this configuration and origin, if it still has the one given before (NULL: whichever it has).
 * Takes over both. 1; 0: it has another one by now, and nothing was done. */
static int install_over(struct iothdns *d, const struct config *before, struct config *config,
                        const struct origin *origin)
{
    pthread_mutex_lock(&d->lock);
    struct config *old_config = d->config;
    char *old_file = d->file;
    if (before && before != old_config) {
        pthread_mutex_unlock(&d->lock);
        return 0;
    }
    d->config = config;
    d->edition++;
    d->file = origin->file;
    d->standard = origin->standard;
    d->stamp = origin->stamp;
    d->looked_at = monotonic_now();
    pthread_mutex_unlock(&d->lock);
    config_put(old_config);
    free(old_file);
    return 1;
}

static void install(struct iothdns *d, struct config *config, const struct origin *origin)
{
    install_over(d, NULL, config, origin);
}

static int update_from_file(struct iothdns *d, const char *path)
{
    struct origin origin = {.standard = path == NULL};
    struct resolvconf conf;

    origin.file = strdup(path ? path : RESOLVCONF_PATH);
    if (!origin.file)
        return -ENOMEM;
    int error = config_file_read(origin.file, origin.standard, &conf, &origin.stamp);
    struct config *config = error == 0 ? config_new(&conf) : NULL;
    if (!config) {
        free(origin.file);
        return error < 0 ? error : -ENOMEM;
    }
    install(d, config, &origin);
    return 0;
}

static int update_from_text(struct iothdns *d, const char *text)
{
    const struct origin origin = {0};
    struct resolvconf conf;
    size_t len = text ? strlen(text) : 0;

    if (len > RESOLVCONF_FILE_MAX)
        return -EFBIG;
    int error = resolvconf_parse_list(text ? text : "", len, &conf);
    if (error == -EINVAL)
        error = resolvconf_parse(text ? text : "", len, NULL, &conf);
    if (error < 0)
        return error;
    struct config *config = config_new(&conf);
    if (!config)
        return -ENOMEM;
    install(d, config, &origin);
    return 0;
}

/* --- the file, read again --- */

/* Whether it is time to look at the file, and this thread that does it; then *ret_path is a copy of its path. */
static bool is_due(struct iothdns *d, nsec_t now, char **ret_path, struct file_stamp *ret_stamp,
                   bool *ret_standard, unsigned *ret_edition)
{
    if (!d->file || d->looking || d->config->conf.no_reload || now - d->looked_at < RELOAD_INTERVAL)
        return false;
    d->looked_at = now;
    *ret_path = strdup(d->file);
    *ret_stamp = d->stamp;
    *ret_standard = d->standard;
    *ret_edition = d->edition;
    d->looking = *ret_path != NULL;
    return d->looking;
}

/* Puts the configuration (NULL: the old one stays) in its place, unless there has been an update meanwhile. */
static void end_looking(struct iothdns *d, struct config *config, const struct file_stamp *stamp,
                        unsigned edition)
{
    pthread_mutex_lock(&d->lock);
    d->looking = false;
    if (d->edition == edition && config) {
        struct config *old = d->config;
        d->config = config;
        config = old;
    }
    if (d->edition == edition)
        d->stamp = *stamp;
    pthread_mutex_unlock(&d->lock);
    config_put(config);
}

/* What the file says now, and its stamp. NULL: it cannot be read, or has vanished meanwhile. */
static struct config *read_again(const char *path, bool standard, struct file_stamp *ret_stamp)
{
    struct resolvconf conf;
    struct file_stamp stamp;

    if (config_file_read(path, standard, &conf, &stamp) < 0)
        return NULL;
    if (!stamp.exists) {
        resolvconf_fini(&conf);
        return NULL;
    }
    struct config *config = config_new(&conf);
    if (config)
        *ret_stamp = stamp;
    return config;
}

static void look_at_file(struct iothdns *d)
{
    struct file_stamp stamp, now_there;
    struct config *config = NULL;
    bool standard;
    unsigned edition;
    char *path;

    pthread_mutex_lock(&d->lock);
    bool due = is_due(d, monotonic_now(), &path, &stamp, &standard, &edition);
    pthread_mutex_unlock(&d->lock);
    if (!due)
        return;
    file_stamp_take(path, &now_there);
    if (!now_there.exists)
        stamp = now_there; /* one that comes back is read */
    else if (!stamp.quiet || !file_stamp_same(&now_there, &stamp))
        config = read_again(path, standard, &stamp); /* NULL: the old stamp stays, so it is tried again */
    free(path);
    end_looking(d, config, &stamp, edition);
}

const struct resolvconf *resolve_conf_get(struct iothdns *d)
{
    look_at_file(d);
    pthread_mutex_lock(&d->lock);
    struct config *config = d->config;
    atomic_fetch_add(&config->users, 1);
    pthread_mutex_unlock(&d->lock);
    return &config->conf;
}

struct ioth *resolve_stack(struct iothdns *d)
{
    return d->stack;
}

struct addrinfo_files *resolve_files(struct iothdns *d)
{
    return &d->files;
}

/* --- the public functions --- */

static struct iothdns *new_handle(struct ioth *stack)
{
    struct iothdns *d = calloc(1, sizeof(*d));

    if (!d)
        return NULL;
    if (getrandom(&d->cookie_key, sizeof(d->cookie_key), 0) != sizeof(d->cookie_key)) {
        free(d);
        return NULL;
    }
    pthread_mutex_init(&d->lock, NULL);
    addrinfo_files_init(&d->files);
    d->stack = stack;
    atomic_init(&d->timeout_ms, -1);
    return d;
}

static struct iothdns *init(struct ioth *stack, int (*update)(struct iothdns *d, const char *from),
                            const char *from)
{
    struct iothdns *d = new_handle(stack);

    if (!d)
        return NULL;
    int error = update(d, from);
    if (error < 0) {
        iothdns_fini(d);
        errno = -error;
        return NULL;
    }
    return d;
}

struct iothdns *iothdns_init(struct ioth *stack, const char *path_config)
{
    return init(stack, update_from_file, path_config);
}

struct iothdns *iothdns_init_strcfg(struct ioth *stack, const char *config)
{
    return init(stack, update_from_text, config);
}

int iothdns_update(struct iothdns *iothdns, const char *path_config)
{
    int error = update_from_file(iothdns, path_config);

    return error < 0 ? failed(error) : 0;
}

int iothdns_update_strcfg(struct iothdns *iothdns, const char *config)
{
    int error = update_from_text(iothdns, config);

    return error < 0 ? failed(error) : 0;
}

static int endpoint_of(int af, const void *addr, struct ipendpoint *ret)
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(IOTHDNS_DEFAULT_PORT)};
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(IOTHDNS_DEFAULT_PORT)};

    if (af == AF_INET) {
        memcpy(&in.sin_addr, addr, sizeof(in.sin_addr));
        return ipendpoint_from_sockaddr((struct sockaddr *)&in, ret);
    }
    if (af == AF_INET6) {
        memcpy(&in6.sin6_addr, addr, sizeof(in6.sin6_addr));
        return ipendpoint_from_sockaddr((struct sockaddr *)&in6, ret);
    }
    return -EAFNOSUPPORT;
}

/* The configuration with one more server. */
static int with_nameserver(const struct resolvconf *old, const struct ipendpoint *endpoint,
                           struct config **ret)
{
    struct resolvconf conf;
    int error = old->n_servers == RESOLVCONF_SERVERS_MAX ? -ENOSPC : resolvconf_copy(old, &conf);

    if (error < 0)
        return error;
    conf.servers[conf.n_servers++] = (struct resolvconf_server){.endpoint = *endpoint};
    *ret = config_new(&conf);
    return *ret ? 0 : -ENOMEM;
}

/* 1: added; 0: there has been an update meanwhile, to which it is to be added. */
static int add_nameserver(struct iothdns *d, const struct ipendpoint *endpoint)
{
    const struct origin origin = {0};
    const struct resolvconf *old = resolve_conf_get(d);
    struct config *config;
    int result = with_nameserver(old, endpoint, &config);

    if (result == 0) {
        result = install_over(d, (const struct config *)old, config, &origin);
        config_put(result == 0 ? config : NULL);
    }
    resolve_conf_put(old);
    return result;
}

int iothdns_add_nameserver(struct iothdns *iothdns, int af, const void *addr)
{
    struct ipendpoint endpoint;
    int error = endpoint_of(af, addr, &endpoint);

    if (error < 0)
        return failed(error);
    do {
        error = add_nameserver(iothdns, &endpoint);
    } while (error == 0);
    return error < 0 ? failed(error) : 0;
}

void iothdns_fini(struct iothdns *iothdns)
{
    if (!iothdns)
        return;
    channels_free(iothdns);
    config_put(iothdns->config);
    free(iothdns->file);
    for (unsigned i = 0; i < IOTHDNS_PATH_SIZE; i++)
        free(iothdns->paths[i]);
    addrinfo_files_fini(&iothdns->files);
    pthread_mutex_destroy(&iothdns->lock);
    free(iothdns);
}

void iothdns_set_timeout(struct iothdns *iothdns, int timeout_ms)
{
    atomic_store(&iothdns->timeout_ms, timeout_ms < 0 ? -1 : timeout_ms);
}

static bool is_pathtag(enum iothdns_pathtag pathtag)
{
    return (unsigned)pathtag < IOTHDNS_PATH_SIZE;
}

int iothdns_setpath(struct iothdns *iothdns, enum iothdns_pathtag pathtag, const char *path)
{
    char *copy = NULL;

    if (!is_pathtag(pathtag))
        return failed(-EINVAL);
    if (path && !(copy = strdup(path)))
        return failed(-ENOMEM);
    pthread_mutex_lock(&iothdns->lock);
    char *old = iothdns->paths[pathtag];
    iothdns->paths[pathtag] = copy;
    pthread_mutex_unlock(&iothdns->lock);
    free(old);
    return 0;
}

int iothdns_getpath(struct iothdns *iothdns, enum iothdns_pathtag pathtag, char *buf, size_t bufsize)
{
    static const char *const standard[IOTHDNS_PATH_SIZE] = {
        [IOTHDNS_HOSTS] = "/etc/hosts", [IOTHDNS_SERVICES] = "/etc/services"};

    if (!is_pathtag(pathtag))
        return failed(-EINVAL);
    pthread_mutex_lock(&iothdns->lock);
    const char *path = iothdns->paths[pathtag] ? iothdns->paths[pathtag] : standard[pathtag];
    int len = snprintf(buf, bufsize, "%s", path);
    pthread_mutex_unlock(&iothdns->lock);
    return len;
}
