/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Zone files. Each is read as a whole, parsed (zone_text.c), checked (zone_check.c) and made a store; then its
 * text is given back. The marks that the file and those that it includes had before they were read (data_file.h) are kept:
 * as long as they are the same, the zone is too, and a reload takes it over. A file that was written to meanwhile
 * has another mark, and is read again by the next reload.
 *
 * Reading takes place on whichever thread loads the configuration; workers go on with the zones that they have.
 */
#include "libiothnamed/load_zones.h"
#include "libiothnamed/data_file.h"
#include "libiothnamed/zone_text.h"

#include <errno.h>
#include <limits.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Files of one zone; more are a mistake, such as one that includes itself twice. */
#define INPUTS_MAX 1000

struct zone_input {
    char *path;
    struct file_mark mark;
};

/* A zone that is being read. */
struct reading {
    struct loaded_zone *zone;
    struct diags *diags;
};

/* --- one file --- */

/* Up to `size` bytes; how many there were, or -errno. */
static ssize_t read_bytes(int fd, char *bytes, size_t size)
{
    size_t len = 0;

    while (len < size) {
        ssize_t n = read(fd, bytes + len, size - len);
        if (n == 0)
            break;
        if (n < 0 && errno != EINTR)
            return -errno;
        if (n > 0)
            len += (size_t)n;
    }
    return (ssize_t)len;
}

/* The whole file, to be freed, and its mark. 0 or -errno. */
static int read_file(const char *path, struct file_mark *ret_mark, char **ret, size_t *ret_len)
{
    int fd = data_file_open(path, ZONE_FILE_MAX, ret_mark);

    if (fd < 0)
        return fd;
    char *bytes = malloc((size_t)ret_mark->size + 1);
    ssize_t n = bytes ? read_bytes(fd, bytes, (size_t)ret_mark->size) : -ENOMEM;
    close(fd);
    if (n < 0) {
        free(bytes);
        return (int)n;
    }
    *ret = bytes;
    *ret_len = (size_t)n;
    return 0;
}

/* --- the files of a zone --- */

/* Adds a file to those of the zone and reads it. 0; -ENOMEM; another error. */
static int add_input(struct reading *r, const char *path, struct zone_include *ret)
{
    struct loaded_zone *z = r->zone;
    struct zone_input *inputs = reallocarray(z->inputs, z->n_inputs + 1u, sizeof(*inputs));

    if (!inputs)
        return -ENOMEM;
    z->inputs = inputs;
    struct zone_input *input = &inputs[z->n_inputs];
    *input = (struct zone_input){.path = strdup(path)};
    if (!input->path)
        return -ENOMEM;
    ret->file = (uint16_t)z->n_inputs++;
    return read_file(path, &input->mark, &ret->text, &ret->len);
}

/* path, relative to the folder of the file `from`; to be freed. */
static char *path_beside(const char *from, const char *path)
{
    const char *slash = strrchr(from, '/');
    size_t folder = path[0] != '/' && slash ? (size_t)(slash - from) + 1 : 0, len = strlen(path);
    char *joined = malloc(folder + len + 1);

    if (joined) {
        memcpy(joined, from, folder);
        memcpy(joined + folder, path, len + 1);
    }
    return joined;
}

static int include(void *arg, uint16_t from, uint32_t line, const char *path, struct zone_include *ret)
{
    struct reading *r = arg;
    char *joined = path_beside(r->zone->inputs[from].path, path);
    int e = !joined ? -ENOMEM : r->zone->n_inputs >= INPUTS_MAX ? -EMFILE : add_input(r, joined, ret);

    if (e < 0 && e != -ENOMEM) {
        diag_error_in(r->diags, r->zone->inputs[from].path, line, "cannot include %s: %s", joined,
                      data_file_fault(e));
        e = -EINVAL;
    }
    free(joined);
    return e;
}

static void report(void *arg, bool warning, uint16_t file, uint32_t line, const char *text)
{
    struct reading *r = arg;

    if (warning)
        diag_warning_in(r->diags, r->zone->inputs[file].path, line, "%s", text);
    else
        diag_error_in(r->diags, r->zone->inputs[file].path, line, "%s", text);
}

/* The store from the text of the first file. 0; -EINVAL: errors, reported; -ENOMEM. */
static int make_zone(struct reading *r, const struct siphash_key *key, const struct zone_include *first)
{
    unsigned errors = r->diags->errors;
    struct zone_text text = {.builder = zone_builder_new(key, r->zone->apex),
                             .apex = r->zone->apex,
                             .report = report,
                             .include = include,
                             .arg = r};
    int e = text.builder ? zone_text_read(&text, first->file, first->text, first->len) : -ENOMEM;

    if (e == 0 && r->diags->errors == errors)
        e = zone_builder_check(text.builder, report, r);
    if (e == 0 && r->diags->errors > errors)
        e = -EINVAL;
    if (e == 0)
        e = zone_builder_finish(text.builder, &r->zone->zone);
    zone_builder_free(text.builder);
    return e;
}

/* at: where the configuration names the file. 0; -EINVAL: reported; -ENOMEM. */
static int read_zone(struct loaded_zone *z, struct place at, const struct siphash_key *key,
                     struct diags *diags)
{
    struct reading r = {.zone = z, .diags = diags};
    struct zone_include first = {0};
    int e = add_input(&r, z->path, &first);

    if (e < 0 && e != -ENOMEM) {
        diag_error(diags, at, "%s cannot be read: %s, expected a zone file", z->path, data_file_fault(e));
        return -EINVAL;
    }
    if (e == 0)
        e = make_zone(&r, key, &first);
    free(first.text);
    malloc_trim(0); /* what a large zone was made of goes back, or the next one finds memory in pieces */
    return e;
}

/* --- all zones --- */

static const struct loaded_zone *find_zone(const struct zones *zones, const struct loaded_zone *z)
{
    for (unsigned i = 0; zones && i < zones->count; i++) {
        const struct loaded_zone *old = &zones->list[i];
        if (strcmp(old->path, z->path) == 0 &&
            dname_equal(old->apex, dname_len(old->apex), z->apex, dname_len(z->apex)))
            return old;
    }
    return NULL;
}

static bool is_unchanged(const struct loaded_zone *z)
{
    struct file_mark now;

    for (unsigned i = 0; i < z->n_inputs; i++)
        if (file_mark_get(z->inputs[i].path, &now) < 0 || !file_mark_equal(&now, &z->inputs[i].mark))
            return false;
    return true;
}

static void forget_inputs(struct loaded_zone *z)
{
    for (unsigned i = 0; i < z->n_inputs; i++)
        free(z->inputs[i].path);
    free(z->inputs);
    z->inputs = NULL;
    z->n_inputs = 0;
}

/* The content of `old`, with what is known of its files. */
static int take_over(struct loaded_zone *z, const struct loaded_zone *old)
{
    forget_inputs(z);
    z->inputs = calloc(old->n_inputs, sizeof(*z->inputs));
    if (!z->inputs)
        return -ENOMEM;
    for (; z->n_inputs < old->n_inputs; z->n_inputs++) {
        struct zone_input *input = &z->inputs[z->n_inputs];
        *input = (struct zone_input){.path = strdup(old->inputs[z->n_inputs].path),
                                     .mark = old->inputs[z->n_inputs].mark};
        if (!input->path)
            return -ENOMEM;
    }
    z->zone = zone_ref(old->zone);
    return 0;
}

/* The errors of a zone whose old content stays are warnings: the rest of the configuration is loaded. */
static int keep_old(struct loaded_zone *z, const struct loaded_zone *old, const struct diags *of_zone,
                    struct diags *diags)
{
    for (const struct diag *d = of_zone->first; d; d = d->next)
        if (d->path)
            diag_warning_in(diags, d->path, d->at.line, "%s", d->text);
        else
            diag_warning(diags, d->at, "%s", d->text);
    diag_warning_in(diags, z->path, 0, "has errors; the zone stays as it was (serial %lu)",
                    (unsigned long)zone_serial(old->zone));
    return take_over(z, old);
}

static int load_zone(struct loaded_zone *z, struct place at, const struct loaded_zone *old,
                     const struct siphash_key *key, struct diags *diags)
{
    struct diags of_zone = {0};

    if (!old)
        return read_zone(z, at, key, diags);
    if (is_unchanged(old))
        return take_over(z, old);
    int e = read_zone(z, at, key, &of_zone);
    if (e == -EINVAL) {
        diags_sort(&of_zone);
        e = keep_old(z, old, &of_zone, diags);
    }
    diags_fini(&of_zone);
    return e;
}

int zones_load(const struct config *config, const struct zones *old, const struct siphash_key *key,
               struct diags *diags, struct zones **ret)
{
    struct zones *zones = calloc(1, sizeof(*zones) + config->n_zones * sizeof(*zones->list));
    int result = zones ? 0 : -ENOMEM;

    if (zones)
        atomic_init(&zones->users, 1);
    for (unsigned i = 0; i < config->n_zones && result != -ENOMEM; i++) {
        const struct config_zone *from = &config->zones[i];
        struct loaded_zone *z = &zones->list[zones->count++];
        z->path = strdup(from->path);
        z->apex = malloc(from->apex.len);
        if (z->apex)
            memcpy(z->apex, from->apex.wire, from->apex.len);
        int e = z->path && z->apex ? load_zone(z, from->at, find_zone(old, z), key, diags) : -ENOMEM;
        result = e == 0 || result == -ENOMEM ? result : e;
    }
    diags_sort(diags);
    if (result < 0)
        zones_unref(zones);
    else
        *ret = zones;
    return result;
}

int zones_check(const struct config *config, const struct zones *old, struct diags *diags)
{
    static const struct siphash_key no_secret;
    struct zones *zones = NULL;
    int result = zones_load(config, old, &no_secret, diags, &zones);

    zones_unref(zones);
    return result;
}

struct zones *zones_ref(struct zones *z)
{
    if (z)
        atomic_fetch_add(&z->users, 1);
    return z;
}

void zones_unref(struct zones *z)
{
    if (!z || atomic_fetch_sub(&z->users, 1) != 1)
        return;
    for (unsigned i = 0; i < z->count; i++) {
        zone_unref(z->list[i].zone);
        forget_inputs(&z->list[i]);
        free(z->list[i].path);
        free(z->list[i].apex);
    }
    free(z);
}
