/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A lease file with some of its bytes changed: what lmdb_check lets through the library can read and write, and whoever reads it
 * without the library gets records or an error. The input is the changes: where (two bytes), what (one byte). */
#include "fuzz.h"
#include "io/lease_record.h"
#include "io/lmdb_check.h"
#include "libnamedhcp/store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static char path[64];
static uint8_t sound[1 << 17];
static size_t sound_len;

static struct server_lease a_lease(unsigned i)
{
    struct server_lease l = {.addr = ipaddr_of_v4(0x0a000000 + i),
                             .identity_len = 3,
                             .identity = "abc",
                             .ends = 1000,
                             .name = "\1a\3lan"};

    l.name[1] = (uint8_t)('a' + i % 26);
    l.state = i % 5 == 4 ? SERVER_LEASE_CLAIM : SERVER_LEASE_BOUND;
    return l;
}

static void put(struct store *s, unsigned i)
{
    struct server_lease l = a_lease(i);

    FUZZ_ASSERT(store_put(s, &l) == 0);
}

static void clean(void)
{
    char lock[80];

    snprintf(lock, sizeof(lock), "%s-lock", path);
    unlink(lock);
    unlink(path);
}

static void make_sound(void)
{
    struct store *s;

    snprintf(path, sizeof(path), "%s/fuzz-store-%d", access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp",
             getpid());
    clean();
    FUZZ_ASSERT(store_open(path, &s) == 0);
    for (unsigned i = 0; i < 300; i++) {
        put(s, i);
        FUZZ_ASSERT(i % 50 || store_commit(s) == 0);
    }
    FUZZ_ASSERT(store_commit(s) == 0);
    store_close(s);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = read(fd, sound, sizeof(sound));
    FUZZ_ASSERT(n > 0 && (size_t)n < sizeof(sound));
    sound_len = (size_t)n;
    close(fd);
    clean();
    atexit(clean);
}

static int count(void *arg, const struct server_lease *lease)
{
    (void)lease;
    ++*(unsigned *)arg;
    return 0;
}

static bool take(void *arg, const uint8_t *key, size_t key_len, const uint8_t *data, size_t len)
{
    struct lease_record r;

    *(unsigned *)arg += lease_record_read(key, key_len, data, len, &r);
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    unsigned n = 0, damaged;
    uint64_t transaction;
    struct store *s;

    if (sound_len == 0)
        make_sound();
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    FUZZ_ASSERT(fd >= 0 && write(fd, sound, sound_len) == (ssize_t)sound_len);
    for (size_t i = 0; i + 3 <= size; i += 3) {
        off_t at = (off_t)((size_t)(data[i] << 8 | data[i + 1]) * 2 % sound_len + data[i + 2] % 2);
        FUZZ_ASSERT(pwrite(fd, &data[i + 2], 1, at) == 1);
    }
    int e = lmdb_read(fd, take, &n, &transaction);
    FUZZ_ASSERT(e == 0 || e == -EBADMSG || e == -ENOMEM || e == -EAGAIN);
    close(fd);
    if (store_open(path, &s) == 0) {
        FUZZ_ASSERT(store_load(s, count, &n, &damaged) == 0);
        put(s, 7);
        put(s, 1000);
        (void)!store_commit(s);
        store_close(s);
    }
    return 0;
}
