/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The files of lists. A file is read in pieces, so its text is never in memory as a whole, and line by line
 * goes to list_text.c. The mark that it has before the reading (data_file.h) is kept with the list: when the configuration
 * is loaded again and that is the same, so is the list. A file that is written to while it is read is read
 * again by the next reload, since its mark has changed.
 */
#include "libiothnamed/list.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* --- one file --- */

struct file_reader {
    int fd;
    struct list_text *text;
    char *bytes; /* LIST_LINE_MAX + 1 */
    size_t len;
    bool in_long_line;
};

/* Gives the whole lines in the buffer away; what is left moves to its beginning. at_end: all of it. */
static void take_lines(struct file_reader *r, bool at_end)
{
    size_t at = 0;

    while (at < r->len) {
        const char *newline = memchr(r->bytes + at, '\n', r->len - at);
        if (!newline && !at_end)
            break;
        size_t len = newline ? (size_t)(newline - r->bytes) - at : r->len - at;
        if (!r->in_long_line)
            list_text_line(r->text, r->bytes + at, len);
        r->in_long_line = false;
        at += len + (newline != NULL);
    }
    memmove(r->bytes, r->bytes + at, r->len - at);
    r->len -= at;
}

/* The buffer is full of a line without end: its rest will be passed over. */
static void skip_line(struct file_reader *r)
{
    if (!r->in_long_line)
        list_text_long_line(r->text);
    r->in_long_line = true;
    r->len = 0;
}

static int read_lines(struct file_reader *r)
{
    uint64_t total = 0;

    while (!r->text->out_of_memory) {
        ssize_t n = read(r->fd, r->bytes + r->len, LIST_LINE_MAX + 1 - r->len);
        if (n < 0 && errno != EINTR)
            return -errno;
        if (n == 0) {
            take_lines(r, true);
            list_text_end(r->text);
            return r->text->out_of_memory ? -ENOMEM : 0;
        }
        r->len += n > 0 ? (size_t)n : 0;
        total += n > 0 ? (uint64_t)n : 0;
        if (total > LIST_FILE_MAX)
            return -EFBIG;
        take_lines(r, false);
        if (r->len > LIST_LINE_MAX)
            skip_line(r);
    }
    return -ENOMEM;
}

static int read_names(int fd, const struct config_list *from, const struct siphash_key *key,
                      struct diags *diags, struct list **ret)
{
    struct list_text text = {.path = from->path, .diags = diags};
    struct file_reader r = {.fd = fd, .text = &text, .bytes = malloc(LIST_LINE_MAX + 1)};
    int error = r.bytes ? read_lines(&r) : -ENOMEM;

    if (error == 0)
        error = list_build(&text.names, key, ret);
    free(r.bytes);
    list_draft_fini(&text.names);
    return error;
}

/* --- those of a configuration --- */

static const struct list_file *find_file(const struct lists *l, const char *path)
{
    for (unsigned i = 0; l && i < l->count; i++)
        if (strcmp(l->files[i].path, path) == 0)
            return &l->files[i];
    return NULL;
}

static int share(struct list_file *file, const struct list_file *old, const struct file_mark *mark)
{
    file->names = list_ref(old->names);
    file->mark = *mark;
    return 0;
}

/* file->names, from the file or from `before`. 0; -ENOMEM; another error: it cannot be read, and there is
 * nothing before. */
static int load_file(struct list_file *file, const struct list_file *before, const struct config_list *from,
                     const struct siphash_key *key, struct diags *diags)
{
    struct file_mark mark;
    int fd = data_file_open(from->path, LIST_FILE_MAX, &mark), error = fd;

    if (fd >= 0 && before && file_mark_equal(&mark, &before->mark)) {
        close(fd);
        return share(file, before, &mark);
    }
    if (fd >= 0) {
        error = read_names(fd, from, key, diags, &file->names);
        close(fd);
        file->mark = mark;
    }
    if (error >= 0 || error == -ENOMEM || !before)
        return error < 0 ? error : 0;
    diag_warning(diags, from->at, "%s cannot be read: %s; its names of before stay in force", from->path,
                 data_file_fault(error));
    return share(file, before, &before->mark);
}

int lists_load(const struct config *config, const struct lists *old, const struct siphash_key *key,
               struct diags *diags, struct lists **ret)
{
    struct lists *l = calloc(1, sizeof(*l) + config->n_lists * sizeof(*l->files));
    int result = l ? 0 : -ENOMEM;

    for (unsigned i = 0; i < config->n_lists && result != -ENOMEM; i++) {
        const struct config_list *from = &config->lists[i];
        struct list_file *file = &l->files[l->count++];
        file->path = strdup(from->path);
        int error = file->path ? load_file(file, find_file(old, from->path), from, key, diags) : -ENOMEM;
        if (error < 0 && error != -ENOMEM)
            diag_error(diags, from->at, "%s cannot be read: %s", from->path, data_file_fault(error));
        if (error < 0)
            result = error == -ENOMEM ? error : -EINVAL;
    }
    if (result < 0)
        lists_free(l);
    else
        *ret = l;
    return result;
}

int lists_check(const struct config *config, const struct lists *old, struct diags *diags)
{
    static const struct siphash_key no_secret;
    struct lists *lists = NULL;
    int result = lists_load(config, old, &no_secret, diags, &lists);

    lists_free(lists);
    return result;
}

void lists_free(struct lists *l)
{
    if (!l)
        return;
    for (unsigned i = 0; i < l->count; i++) {
        list_free(l->files[i].names);
        free((char *)(uintptr_t)l->files[i].path);
    }
    free(l);
}
