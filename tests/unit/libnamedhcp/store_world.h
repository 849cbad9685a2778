/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A lease file in a folder of its own, and leases to put there. */
#ifndef TESTS_NAMEDHCP_STORE_WORLD_H
#define TESTS_NAMEDHCP_STORE_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "libnamedhcp/store.h"

enum { PAGE = 4096 };

#define NOW INT64_C(1800000000)

static char
    folder[32]; /* in memory where there is such a file system: thousands of commits wait for the disk else */
static char path[64];

static struct store *open_ok(const char *where)
{
    struct store *s = NULL;

    assert_int_equal(store_open(where, &s), 0);
    return s;
}

static void clean(void)
{
    char lock[80];

    unlink(path);
    snprintf(lock, sizeof(lock), "%s-lock", path);
    unlink(lock);
}

static struct server_lease a_lease(uint32_t addr, const char *identity, int64_t ends)
{
    struct server_lease l = {.addr = ipaddr_of_v4(addr),
                             .identity_len = (uint8_t)strlen(identity),
                             .mac = {2, 0, 0, 0, 0, 9},
                             .name = "\4host\3lan",
                             .began = NOW,
                             .ends = ends};

    memcpy(l.identity, identity, strlen(identity));
    return l;
}

static int make_folder(void **state)
{
    (void)state;
    snprintf(folder, sizeof(folder), "%s/store-XXXXXX", access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    if (!mkdtemp(folder))
        return -1;
    snprintf(path, sizeof(path), "%s/leases", folder);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    clean();
    return rmdir(folder);
}

#endif
