/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A lease file, as a copy in memory. A look costs a stat and four short reads as long as nothing has changed: the number of the
 * newest transaction tells. When it has, the records are walked with plain, checked reads (io/lmdb_check.h), while namedhcp may
 * be writing: what comes of it is one moment, or is thrown away.
 *
 * The file is held open. So it goes on being read when the process has given up the rights that it took to open it; and when
 * another file takes its place, which may be the end of that, the copy stays until the new one has been read.
 *
 *   no file yet, or an empty one     no leases: namedhcp has given none
 *   the file has gone                the copy stays, its leases end when their time comes
 *   damaged, of another version      the copy stays; there was none: nobody knows
 */
#include "libiothnamed/lease_keeper.h"

#include "io/lmdb_check.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SIZE_MAX_BYTES (INT64_C(16) << 30) /* ten million leases and claims, half of it free */
#define TRIES          4 /* a walk takes milliseconds; that often in a row something else is wrong */

struct lease_file {
    char *path;
    int fd;          /* -1: not open */
    bool has_read;   /* `moment` is that of fd */
    uint64_t moment; /* 1 + the number of the transaction; 0: of an empty file */
    uint32_t max;
    struct lease_set *set;
};

struct lease_file *lease_file_new(const char *path)
{
    struct lease_file *f = calloc(1, sizeof(*f));

    if (!f)
        return NULL;
    f->fd = -1;
    f->path = strdup(path);
    if (f->path)
        return f;
    free(f);
    return NULL;
}

void lease_file_free(struct lease_file *f)
{
    if (!f)
        return;
    if (f->fd >= 0)
        close(f->fd);
    lease_set_unref(f->set);
    free(f->path);
    free(f);
}

const char *lease_file_path(const struct lease_file *f)
{
    return f->path;
}

bool lease_file_is_there(const struct lease_file *f)
{
    return f->fd >= 0;
}

struct lease_set *lease_file_set(const struct lease_file *f)
{
    return f->set;
}

/* --- which file --- */

/* fd is the file at the path. */
static bool is_there(const struct lease_file *f)
{
    struct stat ours, there;

    return f->fd >= 0 && fstat(f->fd, &ours) == 0 && stat(f->path, &there) == 0 &&
           ours.st_dev == there.st_dev && ours.st_ino == there.st_ino;
}

/* The one that is there now becomes the file. 0, or -errno: the one that is open stays. */
static int follow(struct lease_file *f)
{
    struct stat st;

    if (is_there(f))
        return 0;
    int fd = open(f->path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0)
        return -errno;
    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
        close(fd);
        return -EBADMSG;
    }
    if (f->fd >= 0)
        close(f->fd);
    f->fd = fd;
    f->has_read = false;
    return 0;
}

/* --- what is in it --- */

struct reading {
    struct lease_set *set;
    bool titled;   /* it says that it is a lease file, of this version */
    unsigned seen; /* records */
    int error;
};

static bool is_our_title(const uint8_t *data, size_t len)
{
    uint8_t kind, own[LEASE_RECORD_DATA_MAX];
    size_t own_len;

    lease_record_title(&kind, own, &own_len);
    return len == own_len && memcmp(data, own, len) == 0;
}

/* Records that are none of ours are passed over: the title, whose key comes last, has the say. */
static bool take(void *arg, const uint8_t *key, size_t key_len, const uint8_t *data, size_t len)
{
    struct reading *r = arg;
    struct lease_record record;

    r->seen++;
    if (lease_record_is_title(key, key_len)) {
        r->titled = is_our_title(data, len);
        return true;
    }
    if (r->error == 0 && lease_record_read(key, key_len, data, len, &record))
        r->error = lease_set_add(r->set, &record);
    return r->error != -ENOMEM;
}

/* A new set of all leases; of a file without anything, an empty one. 0 or -errno; *ret_left_out as lease_file_look. */
static int read_set(struct lease_file *f, uint32_t max, struct lease_set **ret, bool *ret_left_out)
{
    struct reading r = {.set = lease_set_new(max)};
    struct stat st;
    int e = r.set ? 0 : -ENOMEM;

    if (e == 0 && fstat(f->fd, &st) < 0)
        e = -errno;
    if (e == 0 && st.st_size > SIZE_MAX_BYTES)
        e = -EFBIG;
    f->moment = 0;
    if (e == 0 && st.st_size > 0) {
        e = lmdb_read(f->fd, take, &r, &f->moment);
        f->moment++;
    }
    if (e == 0 && r.error == -ENOMEM)
        e = r.error;
    if (e == 0 && r.seen > 0 && !r.titled)
        e = -EPROTONOSUPPORT;
    if (e == 0)
        e = lease_set_finish(r.set);
    if (e < 0) {
        lease_set_unref(r.set);
        return e;
    }
    *ret_left_out = r.error == -E2BIG;
    *ret = r.set;
    return 0;
}

static bool is_unchanged(const struct lease_file *f, uint32_t max)
{
    struct stat st;
    uint64_t transaction;

    if (!f->has_read || f->max != max || fstat(f->fd, &st) < 0)
        return false;
    if (st.st_size == 0)
        return f->moment == 0;
    return lmdb_newest(f->fd, &transaction) == 0 && transaction + 1 == f->moment;
}

static int read_anew(struct lease_file *f, uint32_t max, bool *ret_left_out)
{
    struct lease_set *set = NULL;
    int e = -EAGAIN;

    for (unsigned i = 0; i < TRIES && e == -EAGAIN; i++)
        e = read_set(f, max, &set, ret_left_out);
    f->has_read = e == 0;
    f->max = max;
    if (e < 0)
        return e;
    lease_set_unref(f->set);
    f->set = set;
    return 0;
}

/* There is no file, and there was none: a set without leases. */
static int be_empty(struct lease_file *f)
{
    struct lease_set *set = lease_set_new(0);

    if (!set || lease_set_finish(set) < 0) {
        lease_set_unref(set);
        return -ENOMEM;
    }
    f->set = set;
    return 0;
}

enum lease_file_state lease_file_look(struct lease_file *f, uint32_t max, int *ret_error, bool *ret_left_out)
{
    int followed = follow(f), e = 0;

    *ret_left_out = false;
    if (f->fd < 0 && followed == -ENOENT && f->set)
        return LEASE_FILE_SAME;
    if (f->fd < 0) {
        e = followed == -ENOENT ? be_empty(f) : followed;
        *ret_error = e;
        return e == 0 ? LEASE_FILE_CHANGED : LEASE_FILE_BAD;
    }
    bool same = is_unchanged(f, max);
    if (!same)
        e = read_anew(f, max, ret_left_out);
    *ret_error = e < 0 ? e : followed < 0 && followed != -ENOENT ? -ESTALE : followed;
    if (e == 0 && !same)
        return LEASE_FILE_CHANGED;
    return *ret_error < 0 ? LEASE_FILE_BAD : LEASE_FILE_SAME;
}
