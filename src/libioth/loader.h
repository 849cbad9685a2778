/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LIBIOTH_LOADER_H
#define LIBIOTH_LOADER_H

#include <ioth_plugin.h>

struct older;

struct loader_plugin {
    const struct ioth_plugin *plugin;
    void *library;       /* NULL for what is built in, and in the older contract */
    struct older *older; /* for one stack, whose stack_new wants it in *ret_ctx; NULL: our contract */
};

/* Finds the plug-in `name`, loads and checks it. `license` is the program's, NULL if it has not said.
 * 0 or: -EINVAL (no name of a plug-in), -ENOENT (not found), -ELIBACC (dlopen refuses the file), -ELIBBAD (it
 * exports no plug-in of that name, or a required member is missing), -ENOEXEC (another ABI version), -ENOKEY
 * (licence). What is opened serves one stack and is closed after it. */
__attribute__((warn_unused_result)) int loader_open(const char *name, const char *license,
                                                    struct loader_plugin *ret_loaded);
void loader_close(struct loader_plugin *loaded);

/* Looks for it as loader_open does, and loads nothing. 0, -EINVAL, -ENOENT, or -EACCES: it is not found, but there is a folder
 * that this user may not look into. */
__attribute__((warn_unused_result)) int loader_find(const char *name);

/* The checks of loader_open on a plug-in at hand; 0, -ELIBBAD, -ENOEXEC or -ENOKEY. */
__attribute__((warn_unused_result)) int loader_check(const struct ioth_plugin *plugin, const char *name,
                                                     const char *license);

#endif
