/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LIBIOTH_OLDER_H
#define LIBIOTH_OLDER_H
/* Plug-ins of the older contract: a shared object that exports ioth_NAME_newstack, ioth_NAME_socket, ... */

#include <stdbool.h>

#include <ioth_plugin.h>

struct older;

/* Does an open library export a plug-in of that name in the older contract? */
bool older_is(void *library, const char *name);

/* Makes ready for one stack. `library` is the open file at `path`; is_private: the stack gets a copy of it
 * for itself. `library` can be closed then. 0 or: -ENOKEY (its licence does not go with `license`, the
 * program's), -ELIBACC (the copy does not load), another negative errno (no copy could be made). */
__attribute__((warn_unused_result)) int older_open(void *library, const char *path, const char *name,
                                                   bool is_private, const char *license,
                                                   struct older **ret_older);
/* Ends that; its stack has been freed, or was never made. NULL is fine. */
void older_close(struct older *older);

/* The adapter as a plug-in of ours, for this one stack. Its stack_new wants `older` in *ret_ctx, and
 * completes the operations: they are to be read after it. It fails with ELIBBAD if there is no operation
 * that makes sockets. */
const struct ioth_plugin *older_plugin(const struct older *older);

#endif
