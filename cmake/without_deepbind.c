/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Part of every program in a build with sanitizers, and of no other.
 *
 * libvdeplug loads its modules with RTLD_DEEPBIND, and the sanitizers end a program that does so: symbols of
 * the module would bypass theirs. This dlopen stands before theirs in the order of lookup, drops that flag,
 * and calls it.
 *
 * The thread sanitizer does not see the loader's own lock: what one thread's dlopen made another one's dlclose frees, and its memory
 * is kept under that lock.
 */
#include <dlfcn.h>
#include <string.h>

__attribute__((visibility("default"))) void *dlopen(const char *file, int mode)
{
    void *symbol = dlsym(RTLD_NEXT, "dlopen");
    void *(*next)(const char *, int);

    memcpy(&next, &symbol, sizeof(next));
    return next(file, mode & ~RTLD_DEEPBIND);
}

const char *__tsan_default_suppressions(void);
__attribute__((visibility("default"))) const char *__tsan_default_suppressions(void)
{
    return "race:_dl_close_worker\nrace:rtld-malloc.h\n";
}
