/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Where stacks come from.
 *
 * A plug-in is built in (kernel: it is what remains when there is nothing else) or a shared object in one of
 * these folders, the first that has it:
 *   1. those of IOTH_PLUGIN_PATH, colon-separated;
 *   2. $HOME/.ioth, if it belongs to the user that the process runs as;
 *   3. the folder `ioth` beside libioth.so itself, wherever that was loaded from. This serves an installed tree
 * that was moved as well as the build tree, which puts its plug-ins there too. With a static libioth it is
 * the program's folder that counts;
 *   4. LIBDIR/ioth as configured at compile time.
 * No other place is looked at, not the current folder; the first two not by a program that runs with
 * privilege it was lent (set-user-ID, file capabilities: what secure_getenv refuses).
 *
 * The file is ioth_NAME.so, or, in the older contract alone (older.c), ioth_NAME-r.so. A file that is found
 * is the answer, good or bad; a bad one never makes way for another further on. Libraries are loaded with
 * RTLD_NODELETE, but for private copies: code of libraries below a plug-in may run in threads of its own
 * until the process ends. A file is opened without it until read_contract has told, by what it exports,
 * which contract it speaks.
 */
#include "libioth/loader.h"

#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "libioth/license.h"
#include "libioth/older.h"

/* Longer names are no names of plug-ins; the limit keeps symbols and file names in fixed buffers. */
enum { NAME_MAX_BYTES = 63 };

extern const struct ioth_plugin ioth_plugin_kernel;

static const struct ioth_plugin *const built_in[] = {&ioth_plugin_kernel};

/* Members of struct ioth_ops that a plug-in must have; `native` tells whether kernel sockets excuse it. */
static const struct {
    size_t offset;
    bool native;
} required_ops[] = {
    {offsetof(struct ioth_ops, socket), true},   {offsetof(struct ioth_ops, close), false},
    {offsetof(struct ioth_ops, bind), false},    {offsetof(struct ioth_ops, connect), false},
    {offsetof(struct ioth_ops, recvmsg), false}, {offsetof(struct ioth_ops, sendmsg), false},
};

static bool is_name(const char *name)
{
    size_t len = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_");

    return len > 0 && len <= NAME_MAX_BYTES && name[len] == '\0';
}

static bool has_required_ops(const struct ioth_plugin *plugin)
{
    bool native = (plugin->flags & IOTH_PLUGIN_NATIVE) != 0;
    void (*op)(void);
    size_t i;

    for (i = 0; i < sizeof(required_ops) / sizeof(required_ops[0]); i++) {
        memcpy(&op, (const char *)&plugin->ops + required_ops[i].offset, sizeof(op));
        if (op == NULL && !(native && !required_ops[i].native))
            return false;
    }
    return plugin->stack_new != NULL && plugin->stack_free != NULL;
}

int loader_check(const struct ioth_plugin *plugin, const char *name, const char *license)
{
    /* Version 1 began with the operations up to sendmsg; a struct without room for them is none of ours. */
    const size_t least = offsetof(struct ioth_plugin, ops) + offsetof(struct ioth_ops, listen);

    if (plugin->abi_version != IOTH_PLUGIN_ABI_VERSION || plugin->struct_size < least)
        return -ENOEXEC;
    if (plugin->name == NULL || strcmp(plugin->name, name) != 0 || !has_required_ops(plugin))
        return -ELIBBAD;
    return license_allows(license, plugin->license) ? 0 : -ENOKEY;
}

/* The plug-in of our contract that an open library exports, NULL if there is none. */
static const struct ioth_plugin *read_contract(void *library, const char *name)
{
    char symbol[sizeof("ioth_plugin_") + NAME_MAX_BYTES];

    snprintf(symbol, sizeof(symbol), "ioth_plugin_%s", name);
    return dlsym(library, symbol);
}

/* What is in a file, of which `library` is open; takes that over if it succeeds. */
static int load_library(void *library, const char *path, bool is_reentrant, const char *name,
                        const char *license, struct loader_plugin *ret_loaded)
{
    struct loader_plugin loaded = {.library = library, .plugin = read_contract(library, name)};
    int error;

    if (loaded.plugin == NULL && older_is(library, name)) {
        error = older_open(library, path, name, !is_reentrant, license, &loaded.older);
        if (error < 0)
            return error;
        loaded.plugin = older_plugin(loaded.older);
        loaded.library = NULL;
        dlclose(library);
    } else {
        error = loaded.plugin == NULL ? -ELIBBAD : loader_check(loaded.plugin, name, license);
        if (error < 0)
            return error;
        dlclose(dlopen(path, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE)); /* only marks it, being open */
    }
    *ret_loaded = loaded;
    return 0;
}

/* Where a plug-in is. */
struct found {
    char path[PATH_MAX];
    bool is_reentrant;
    bool is_hidden; /* there is a folder that this user may not look into */
};

static int load_file(const struct found *file, const char *name, const char *license,
                     struct loader_plugin *ret_loaded)
{
    void *library = dlopen(file->path, RTLD_NOW | RTLD_LOCAL);
    int error;

    if (library == NULL)
        return -ELIBACC;
    error = load_library(library, file->path, file->is_reentrant, name, license, ret_loaded);
    if (error < 0)
        dlclose(library);
    return error;
}

/* ---- where it is ---- */

/* DIR/ioth_NAME.so or DIR/ioth_NAME-r.so; -ENOENT if neither is there. `dir` has `len` bytes. */
static int find_in(const char *dir, size_t len, const char *name, struct found *ret)
{
    static const char *const suffixes[] = {".so", "-r.so"};
    int i;

    for (i = 0; i < 2; i++) {
        int written =
            snprintf(ret->path, sizeof(ret->path), "%.*s/ioth_%s%s", (int)len, dir, name, suffixes[i]);

        ret->is_reentrant = i == 1;
        if (len > 0 && written > 0 && (size_t)written < sizeof(ret->path) && access(ret->path, F_OK) == 0)
            return 0;
        ret->is_hidden |= len > 0 && errno != ENOENT && errno != ENOTDIR;
    }
    return -ENOENT;
}

static int find_by_environment(const char *name, struct found *ret)
{
    const char *dirs = secure_getenv("IOTH_PLUGIN_PATH");
    int error = -ENOENT;
    size_t len;

    while (dirs != NULL && error == -ENOENT) {
        len = strcspn(dirs, ":");
        error = find_in(dirs, len < PATH_MAX ? len : 0, name, ret);
        dirs = dirs[len] == ':' ? dirs + len + 1 : NULL;
    }
    return error;
}

/* A root that kept its user's HOME, by sudo -E, shall not run that user's code. */
static int find_at_home(const char *name, struct found *ret)
{
    const char *home = secure_getenv("HOME");
    char dir[PATH_MAX];
    struct stat status;

    if (home == NULL || *home == '\0' ||
        (size_t)snprintf(dir, sizeof(dir), "%s/.ioth", home) >= sizeof(dir) || stat(dir, &status) < 0 ||
        status.st_uid != geteuid())
        return -ENOENT;
    return find_in(dir, strlen(dir), name, ret);
}

static int find_beside(const char *name, struct found *ret)
{
    char path[PATH_MAX + sizeof("/ioth")];
    Dl_info own;
    char *slash;

    if (dladdr(&required_ops, &own) == 0 || own.dli_fname == NULL)
        return -ENOENT;
    if (realpath(own.dli_fname, path) == NULL) {
        ret->is_hidden |= errno == EACCES;
        return -ENOENT;
    }
    slash = strrchr(path, '/');
    if (slash == NULL)
        return -ENOENT;
    strcpy(slash, "/ioth");
    return find_in(path, strlen(path), name, ret);
}

static int find_file(const char *name, struct found *ret)
{
    int error = find_by_environment(name, ret);

    if (error == -ENOENT)
        error = find_at_home(name, ret);
    if (error == -ENOENT)
        error = find_beside(name, ret);
    if (error == -ENOENT)
        error = find_in(IOTH_PLUGIN_DIR, strlen(IOTH_PLUGIN_DIR), name, ret);
    return error;
}

static const struct ioth_plugin *find_built_in(const char *name)
{
    size_t i;

    for (i = 0; i < sizeof(built_in) / sizeof(built_in[0]); i++)
        if (strcmp(built_in[i]->name, name) == 0)
            return built_in[i];
    return NULL;
}

int loader_find(const char *name)
{
    struct found file = {.is_hidden = false};

    if (!is_name(name))
        return -EINVAL;
    if (find_built_in(name) != NULL || find_file(name, &file) == 0)
        return 0;
    return file.is_hidden ? -EACCES : -ENOENT;
}

int loader_open(const char *name, const char *license, struct loader_plugin *ret_loaded)
{
    struct loader_plugin loaded = {0};
    struct found file = {.is_hidden = false};
    int error;

    if (!is_name(name))
        return -EINVAL;
    loaded.plugin = find_built_in(name);
    if (loaded.plugin != NULL) {
        error = loader_check(loaded.plugin, name, license);
    } else {
        error = find_file(name, &file);
        if (error == 0)
            error = load_file(&file, name, license, &loaded);
    }
    if (error == 0)
        *ret_loaded = loaded;
    return error;
}

void loader_close(struct loader_plugin *loaded)
{
    if (loaded->library != NULL)
        dlclose(loaded->library);
    older_close(loaded->older);
    *loaded = (struct loader_plugin){0};
}
