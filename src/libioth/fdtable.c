/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which stack does a descriptor belong to?
 *
 * Asked once for each call on a socket, so the answer is two loads: the number's upper bits choose a page,
 * its lower bits the entry in it. Descriptors are numbers of the process, hence this table is one for the
 * process too.
 *
 * The root covers all non-negative ints (RLIMIT_NOFILE may be a billion): 2^15 pages of 2^16 entries. The
 * root takes 256 KiB of zero pages of which the kernel provides what is touched; a page of entries is
 * allocated when the first of its numbers gets an owner and stays for good, and calloc takes pages of this
 * size from the kernel as zeroes on demand. So a process of ordinary size touches two memory pages.
 *
 * Procedure: readers load with acquire. A writer that finds no page allocates one and offers it by
 * compare-exchange; the loser frees its own. Entries are replaced by exchange, so each owner that is
 * displaced is reported exactly once, to one thread.
 */
#include "libioth/fdtable.h"

#include <errno.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>

enum { PAGE_BITS = 16, PAGE_ENTRIES = 1 << PAGE_BITS, ROOT_ENTRIES = 1 << (31 - PAGE_BITS) };

typedef _Atomic(struct ioth *) entry_t;

static _Atomic(entry_t *) root[ROOT_ENTRIES];

static entry_t *find_entry(int fd)
{
    entry_t *page;

    if (fd < 0)
        return NULL;
    page = atomic_load_explicit(&root[fd >> PAGE_BITS], memory_order_acquire);
    return page == NULL ? NULL : &page[fd & (PAGE_ENTRIES - 1)];
}

static entry_t *make_entry(int fd)
{
    entry_t *page, *present = NULL;

    page = calloc(PAGE_ENTRIES, sizeof(*page));
    if (page == NULL)
        return NULL;
    if (!atomic_compare_exchange_strong(&root[fd >> PAGE_BITS], &present, page)) {
        free(page);
        page = present;
    }
    return &page[fd & (PAGE_ENTRIES - 1)];
}

struct ioth *fdtable_get(int fd)
{
    entry_t *entry = find_entry(fd);

    return entry == NULL ? NULL : atomic_load_explicit(entry, memory_order_acquire);
}

int fdtable_set(int fd, struct ioth *owner, struct ioth **ret_previous)
{
    entry_t *entry = find_entry(fd);

    if (fd < 0)
        return -EBADF;
    if (entry == NULL)
        entry = make_entry(fd);
    if (entry == NULL)
        return -ENOMEM;
    *ret_previous = atomic_exchange(entry, owner);
    return 0;
}

struct ioth *fdtable_take(int fd)
{
    entry_t *entry = find_entry(fd);

    if (entry == NULL || atomic_load_explicit(entry, memory_order_acquire) == NULL)
        return NULL;
    return atomic_exchange(entry, NULL);
}
