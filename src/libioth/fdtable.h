/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LIBIOTH_FDTABLE_H
#define LIBIOTH_FDTABLE_H

struct ioth;

/* The owner of a descriptor; NULL for a number that nobody owns, negative ones included. Lock-free, any
 * thread. */
struct ioth *fdtable_get(int fd);

/* Makes `owner` (not NULL) the owner of fd and stores the owner it had in *ret_previous, NULL if none.
 * 0, -EBADF for a negative fd, -ENOMEM; nothing is stored on failure. */
__attribute__((warn_unused_result)) int fdtable_set(int fd, struct ioth *owner, struct ioth **ret_previous);

/* Removes the owner of fd and returns it, NULL if there is none. Of many threads one gets it. */
struct ioth *fdtable_take(int fd);

#endif
