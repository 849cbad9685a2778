/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One copy of liblwip for each stack.
 *
 * liblwip keeps its state in global variables. To have several, the file is copied into a memory file and
 * loaded from /proc/self/fd/N with RTLD_LOCAL: the loader takes a file of another inode for another library.
 * N stays open as long as the copy, or the next memory file would get the same path and dlopen would give
 * back the old copy. dlclose gives everything back.
 *
 * Calls inside liblwip, even those within one source file, go through its procedure linkage table, so the
 * table's slots are where it can be taught better ways: random numbers of the kernel, routing, survival of an
 * assertion. library_open writes the addresses of our functions there. The table is read-only once relocated
 * (RELRO), hence the mprotect around it. A hook that finds no slot makes the library unfit: it was built in
 * another way, and our guards would not hold.
 */
#include "lwip/library.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#define LIBLWIP "liblwip.so.0"

/* What dlopen failed of: it leaves errno as the file or the mapping did. */
static int load_error(void)
{
    return errno == EMFILE || errno == ENFILE || errno == ENOMEM ? -errno : -ELIBACC;
}

/* Where the loader finds liblwip. Loads it for a moment, without running anything of it. */
static int find_path(char *ret_path, size_t size)
{
    struct link_map *map;
    void *handle;
    int len = -1;

    errno = 0;
    handle = dlopen(LIBLWIP, RTLD_LAZY | RTLD_LOCAL);
    if (handle == NULL)
        return load_error();
    if (dlinfo(handle, RTLD_DI_LINKMAP, &map) == 0)
        len = snprintf(ret_path, size, "%s", map->l_name);
    dlclose(handle);
    return len > 0 && (size_t)len < size ? 0 : -ELIBACC;
}

static int copy_file(int to, int from)
{
    struct stat status;
    ssize_t copied;
    off_t at = 0;

    if (fstat(from, &status) < 0)
        return -errno;
    while (at < status.st_size) {
        copied = sendfile(to, from, &at, (size_t)(status.st_size - at));
        if (copied < 0)
            return -errno;
        if (copied == 0)
            return -EIO;
    }
    return 0;
}

/* A memory file with the bytes of liblwip, or a negative errno. */
static int copy_library(void)
{
    char path[4096];
    int error = find_path(path, sizeof(path)), from, to;

    if (error < 0)
        return error;
    from = open(path, O_RDONLY | O_CLOEXEC);
    if (from < 0)
        return load_error();
    to = memfd_create("liblwip", MFD_CLOEXEC);
    error = to < 0 ? -errno : copy_file(to, from);
    close(from);
    if (error == 0)
        return to;
    if (to >= 0)
        close(to);
    return error;
}

static int find_symbols(void *handle, struct lwip_symbols *symbols)
{
    static const char *const names[] = {
#define LWIP_NAME(name) #name,
        LWIP_SYMBOLS(LWIP_NAME)
#undef LWIP_NAME
    };
    void *found[sizeof(names) / sizeof(names[0])];
    size_t i;

    _Static_assert(sizeof(found) == sizeof(*symbols), "the table holds pointers alone");
    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        found[i] = dlsym(handle, names[i]);
        if (found[i] == NULL)
            return -ELIBBAD;
    }
    memcpy(symbols, found, sizeof(found));
    return 0;
}

/* The procedure linkage table of a loaded library. */
struct linkage {
    uintptr_t base;
    const ElfW(Rela) * slots;
    size_t n;
    const ElfW(Sym) * symbols;
    const char *strings;
};

static int find_linkage(void *handle, struct linkage *ret_linkage)
{
    struct linkage linkage = {0};
    struct link_map *map;
    const ElfW(Dyn) * entry;

    if (dlinfo(handle, RTLD_DI_LINKMAP, &map) < 0)
        return -ELIBBAD;
    linkage.base = map->l_addr;
    for (entry = map->l_ld; entry->d_tag != DT_NULL; entry++) {
        const void *at = (const void *)entry->d_un.d_ptr;

        if (entry->d_tag == DT_JMPREL)
            linkage.slots = at;
        else if (entry->d_tag == DT_PLTRELSZ)
            linkage.n = entry->d_un.d_val / sizeof(ElfW(Rela));
        else if (entry->d_tag == DT_SYMTAB)
            linkage.symbols = at;
        else if (entry->d_tag == DT_STRTAB)
            linkage.strings = at;
    }
    if (linkage.slots == NULL || linkage.symbols == NULL || linkage.strings == NULL)
        return -ELIBBAD;
    *ret_linkage = linkage;
    return 0;
}

static int protect_slots(const struct linkage *linkage, int protection)
{
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), from = UINTPTR_MAX, to = 0;
    size_t i;

    for (i = 0; i < linkage->n; i++) {
        uintptr_t slot = linkage->base + linkage->slots[i].r_offset;

        from = slot < from ? slot : from;
        to = slot > to ? slot : to;
    }
    from &= ~(page - 1);
    to = (to + sizeof(void *) + page - 1) & ~(page - 1);
    return mprotect((void *)from, to - from, protection) < 0 ? -errno : 0;
}

static int set_slot(const struct linkage *linkage, const struct lwip_hook *hook)
{
    size_t i;

    for (i = 0; i < linkage->n; i++) {
        const ElfW(Rela) *slot = &linkage->slots[i];
        const ElfW(Sym) *symbol = &linkage->symbols[slot->r_info >> (sizeof(slot->r_info) == 8 ? 32 : 8)];

        if (strcmp(linkage->strings + symbol->st_name, hook->name) == 0) {
            memcpy((void *)(linkage->base + slot->r_offset), &hook->function, sizeof(hook->function));
            return 0;
        }
    }
    return -ELIBBAD;
}

static int set_hooks(void *handle, const struct lwip_hook *hooks, size_t n_hooks)
{
    struct linkage linkage;
    int error = find_linkage(handle, &linkage);
    size_t i;

    if (error == 0)
        error = protect_slots(&linkage, PROT_READ | PROT_WRITE);
    for (i = 0; i < n_hooks && error == 0; i++)
        error = set_slot(&linkage, &hooks[i]);
    if (error == 0)
        error = protect_slots(&linkage, PROT_READ);
    return error;
}

int library_open(struct library *library, struct lwip_symbols *ret_symbols, const struct lwip_hook *hooks,
                 size_t n_hooks)
{
    char path[64];
    int error;

    library->memfd = copy_library();
    if (library->memfd < 0)
        return library->memfd;
    snprintf(path, sizeof(path), "/proc/self/fd/%d", library->memfd);
    errno = 0;
    library->handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (library->handle == NULL) {
        error = load_error();
        close(library->memfd);
        return error;
    }
    error = find_symbols(library->handle, ret_symbols);
    if (error == 0)
        error = set_hooks(library->handle, hooks, n_hooks);
    if (error < 0)
        library_close(library);
    return error;
}

void library_close(struct library *library)
{
    dlclose(library->handle);
    close(library->memfd);
}
