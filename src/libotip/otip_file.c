/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Secrets from files and descriptors.

   A file is opened first and judged then, by its descriptor, so that what is judged is what is read. The rules
   (otip_file.h) are those of sshd(8) for its keys with one door for daemons: the group of root's own file may read it.

   A key file is told by its length: 32 bytes are the key itself; 64 characters are hexadecimal and 44 are base64, each
   with or without the end of a line behind them. So nothing needs to be said about the form, and a file of any other
   length is refused and not taken for a password. A key of nothing but zeros is a file that was never filled.

   One phrase says what is wrong; the program puts the path before it. Buffers are wiped before they are left. */
#include "libotip/otip_file.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <nettle/base16.h>
#include <nettle/base64.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    HEX_LEN = 2 * OTIP_KEY_LEN,
    BASE64_LEN = 44,            /* of 32 bytes */
    KEY_TEXT_MAX = HEX_LEN + 2, /* and the end of its line */
};

#define WRITTEN_OVER "there is such a file already, and no key is written over"

PRINTF_LIKE(3, 4) static int fail(char why[static OTIP_WHY_MAX], int err, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(why, OTIP_WHY_MAX, format, args);
    va_end(args);
    return err;
}

static int fail_errno(char why[static OTIP_WHY_MAX])
{
    int err = errno;

    return fail(why, -err, "%s", strerror(err));
}

/* Who may read and write the file agrees with its being a secret. */
static int check_access(const struct stat *st, char why[static OTIP_WHY_MAX])
{
    unsigned mode = st->st_mode & 0777;
    const char *remedy = st->st_uid == 0 ? "600 it (or 640, for a daemon of its group)" : "600 it";

    if (!S_ISREG(st->st_mode))
        return fail(why, -EINVAL, "this is not a regular file");
    if (st->st_uid != 0 && st->st_uid != geteuid())
        return fail(why, -EPERM,
                    "it belongs to another user (%u), so it is not safe as a secret: chown it to root or "
                    "to the user who reads it (%u)",
                    (unsigned)st->st_uid, (unsigned)geteuid());
    if (mode & S_IRWXO)
        return fail(why, -EPERM, "others than its owner may use it (mode %03o): chmod %s", mode, remedy);
    if (mode & (S_IWGRP | S_IXGRP) || (mode & S_IRGRP && st->st_uid != 0))
        return fail(why, -EPERM, "its group may use it (mode %03o): chmod %s", mode, remedy);
    return 0;
}

static int open_secret(const char *path, char why[static OTIP_WHY_MAX])
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    struct stat st;
    int err;

    if (fd < 0)
        return fail_errno(why);
    err = fstat(fd, &st) < 0 ? fail_errno(why) : check_access(&st, why);
    if (err) {
        close(fd);
        return err;
    }
    return fd;
}

ssize_t otip_read_bytes(int fd, char *buffer, size_t size, bool line)
{
    size_t len = 0;

    while (len < size && !(line && memchr(buffer, '\n', len))) {
        ssize_t n = read(fd, buffer + len, size - len);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        if (n == 0)
            break;
        len += (size_t)n;
    }
    return (ssize_t)len;
}

/* The length without the end of the line, "\n" or "\r\n". */
static size_t without_newline(const char *text, size_t len)
{
    if (len > 0 && text[len - 1] == '\n')
        len--;
    if (len > 0 && text[len - 1] == '\r')
        len--;
    return len;
}

static bool decode_hex(const char *text, uint8_t ret[static OTIP_KEY_LEN])
{
    struct base16_decode_ctx ctx;
    size_t len = OTIP_KEY_LEN;

    for (size_t i = 0; i < HEX_LEN; i++) {
        if (!isxdigit((unsigned char)text[i]))
            return false; /* nettle would step over blanks */
    }
    base16_decode_init(&ctx);
    return base16_decode_update(&ctx, &len, ret, HEX_LEN, text) && base16_decode_final(&ctx) &&
           len == OTIP_KEY_LEN;
}

static bool decode_base64(const char *text, uint8_t ret[static OTIP_KEY_LEN])
{
    uint8_t bytes[BASE64_DECODE_LENGTH(BASE64_LEN)];
    struct base64_decode_ctx ctx;
    size_t len = sizeof(bytes);
    bool ok;

    base64_decode_init(&ctx);
    ok = base64_decode_update(&ctx, &len, bytes, BASE64_LEN, text) && base64_decode_final(&ctx) &&
         len == OTIP_KEY_LEN;
    if (ok)
        memcpy(ret, bytes, OTIP_KEY_LEN);
    explicit_bzero(bytes, sizeof(bytes));
    return ok;
}

static bool decode_key(const char *text, size_t len, uint8_t ret[static OTIP_KEY_LEN])
{
    size_t line_len = without_newline(text, len);

    if (len == OTIP_KEY_LEN) {
        memcpy(ret, text, OTIP_KEY_LEN);
        return true;
    }
    return (line_len == HEX_LEN && decode_hex(text, ret)) ||
           (line_len == BASE64_LEN && decode_base64(text, ret));
}

int otip_key_read(const char *path, uint8_t ret[static OTIP_KEY_LEN], char why[static OTIP_WHY_MAX])
{
    static const uint8_t zeros[OTIP_KEY_LEN];
    uint8_t key[OTIP_KEY_LEN] = {0};
    char text[KEY_TEXT_MAX + 1]; /* a longer file shows by filling it */
    int fd = open_secret(path, why), err = 0;
    ssize_t len;

    if (fd < 0)
        return fd;
    len = otip_read_bytes(fd, text, sizeof(text), false);
    close(fd);
    if (len < 0)
        err = fail(why, (int)len, "%s", strerror((int)-len));
    else if (!decode_key(text, (size_t)len, key))
        err = fail(why, -EINVAL,
                   "this is no key: 32 bytes, or a line of 64 hexadecimal digits or 44 of base64");
    else if (memcmp(key, zeros, sizeof(key)) == 0)
        err = fail(why, -EINVAL, "this key is nothing but zeros");
    else
        memcpy(ret, key, sizeof(key));
    explicit_bzero(key, sizeof(key));
    explicit_bzero(text, sizeof(text));
    return err;
}

/* Writes and syncs; a negative errno otherwise. */
static int write_all(int fd, const char *bytes, size_t len)
{
    while (len > 0) {
        ssize_t n = write(fd, bytes, len);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        bytes += n;
        len -= (size_t)n;
    }
    return fsync(fd) < 0 ? -errno : 0;
}

int otip_key_write(const char *path, const uint8_t key[static OTIP_KEY_LEN], char why[static OTIP_WHY_MAX])
{
    char text[BASE64_LEN + 1];
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600), err;

    if (fd < 0 && errno == EEXIST)
        return fail(why, -EEXIST, WRITTEN_OVER);
    if (fd < 0)
        return fail_errno(why);
    base64_encode_raw(text, OTIP_KEY_LEN, key);
    text[BASE64_LEN] = '\n';
    err = write_all(fd, text, sizeof(text));
    explicit_bzero(text, sizeof(text));
    close(fd);
    if (err) {
        unlink(path); /* half a key is none */
        return fail(why, err, "%s", strerror(-err));
    }
    return 0;
}

int otip_key_may_write(const char *path, char why[static OTIP_WHY_MAX])
{
    const char *slash = strrchr(path, '/');
    char folder[PATH_MAX];
    struct stat st;

    if (lstat(path, &st) == 0)
        return fail(why, -EEXIST, WRITTEN_OVER);
    if (errno != ENOENT)
        return fail_errno(why);
    if (slash)
        snprintf(folder, sizeof(folder), "%.*s", (int)(slash - path) + 1, path);
    return access(slash ? folder : ".", W_OK | X_OK) < 0 ? fail_errno(why) : 0;
}

/* Judges the first line of `len` bytes that were read for it. */
static int take_password(const char *text, size_t len, char ret[static OTIP_PASSWORD_MAX + 1],
                         char why[static OTIP_WHY_MAX])
{
    const char *newline = memchr(text, '\n', len);
    size_t line_len = without_newline(text, newline ? (size_t)(newline - text) + 1 : len);

    if (line_len == 0)
        return fail(why, -EINVAL, "there is no password in its first line");
    if (line_len > OTIP_PASSWORD_MAX)
        return fail(why, -EINVAL, "the password is longer than %d bytes", OTIP_PASSWORD_MAX);
    if (memchr(text, '\0', line_len))
        return fail(why, -EINVAL, "there is a byte 0 in the password");
    memcpy(ret, text, line_len);
    ret[line_len] = '\0';
    return 0;
}

int otip_password_read_fd(int fd, char ret[static OTIP_PASSWORD_MAX + 1], char why[static OTIP_WHY_MAX])
{
    char text[OTIP_PASSWORD_MAX + 2 + 1]; /* a line, its end, and one byte that shows that it is longer */
    ssize_t len = otip_read_bytes(fd, text, sizeof(text), true);
    int err;

    if (len < 0)
        err = fail(why, (int)len, "%s", strerror((int)-len));
    else
        err = take_password(text, (size_t)len, ret, why);
    explicit_bzero(text, sizeof(text));
    return err;
}

int otip_password_read(const char *path, char ret[static OTIP_PASSWORD_MAX + 1],
                       char why[static OTIP_WHY_MAX])
{
    int fd = open_secret(path, why), err;

    if (fd < 0)
        return fd;
    err = otip_password_read_fd(fd, ret, why);
    close(fd);
    return err;
}
