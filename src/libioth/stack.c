/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Stacks: how they begin and end, and which sockets are theirs.
 *
 * A stack is a plug-in, the context it gave, and its operations completed by ops_resolve. It counts its open
 * sockets: a socket counts from the moment it enters the fd table until its close has returned, so a stack
 * without any can go.
 *
 * A descriptor may have been closed behind our back, by close(2) on a socket of the kernel's. Its number then
 * comes back one day, and whoever gets it from here displaces the old owner, whose count goes down at last.
 *
 * Who keeps a stack's configuration right (slot.h) has sockets on it that are not in the way of its end: he stands
 * still while they are counted off, and closes them before the plug-in ends the stack.
 *
 * What is one for the whole process is here in `process`: the default stack and the licence, which the
 * interface defines so. The default stack is an atomic pointer; the licence is behind a mutex.
 */
#include "libioth/stack.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <ioth.h>

#include "libioth/fdtable.h"
#include "libioth/loader.h"
#include "libioth/ops.h"

static struct {
    _Atomic(struct ioth *) defstack;
    struct slot native_slot; /* of the native stack, which has no struct ioth */
    pthread_mutex_t license_lock;
    char *license;
} process = {.license_lock = PTHREAD_MUTEX_INITIALIZER};

static const struct ioth native_stack = {.ops = &ops_native};

void ioth_set_license(const char *spdx)
{
    char *copy = spdx == NULL ? NULL : strdup(spdx);
    char *old;

    pthread_mutex_lock(&process.license_lock);
    old = process.license;
    process.license = copy;
    pthread_mutex_unlock(&process.license_lock);
    free(old);
}

static int open_plugin(const char *name, struct loader_plugin *ret_loaded)
{
    char *license = NULL;
    int error;

    pthread_mutex_lock(&process.license_lock);
    if (process.license != NULL)
        license = strdup(process.license);
    pthread_mutex_unlock(&process.license_lock);
    error = loader_open(name, license, ret_loaded);
    free(license);
    return error;
}

/* A stack of a plug-in that was found; takes over `loaded` if it returns one. NULL and errno otherwise. */
static struct ioth *new_stack(const struct loader_plugin *loaded, const char *const *vnlv,
                              const char *options)
{
    struct ioth *stack = calloc(1, sizeof(*stack));

    if (stack == NULL)
        return NULL;
    stack->loaded = *loaded;
    stack->ctx = loaded->older;
    if (loaded->plugin->stack_new(vnlv, options, &stack->ctx) < 0) {
        int saved = errno;

        free(stack);
        errno = saved;
        return NULL;
    }
    ops_resolve(loaded->plugin, &stack->resolved); /* the older contract has told its operations by now */
    stack->ops = &stack->resolved;
    return stack;
}

/* `name` is "plug-in[,options]", ours to cut. */
static struct ioth *new_stack_by_name(char *name, const char *const *vnlv)
{
    struct loader_plugin loaded;
    struct ioth *stack;
    char *comma = strchr(name, ',');
    int error;

    if (comma != NULL)
        *comma = '\0';
    error = open_plugin(name, &loaded);
    if (error < 0) {
        errno = -error;
        return NULL;
    }
    stack = new_stack(&loaded, vnlv, comma == NULL ? "" : comma + 1);
    if (stack == NULL) {
        error = errno;
        loader_close(&loaded);
        errno = error;
    }
    return stack;
}

struct ioth *ioth_newstackv(const char *stack, const char *vnlv[])
{
    static const char *const none[] = {NULL};
    struct ioth *made;
    char *name;
    int saved;

    if (stack == NULL) {
        errno = EINVAL;
        return NULL;
    }
    name = strdup(stack);
    if (name == NULL)
        return NULL;
    made = new_stack_by_name(name, vnlv == NULL ? none : vnlv);
    saved = errno;
    free(name);
    errno = saved;
    return made;
}

struct ioth *ioth_newstack(const char *stack, const char *vnl)
{
    const char *vnlv[] = {vnl, NULL};

    return ioth_newstackv(stack, vnlv);
}

struct ioth *ioth_newstackl(const char *stack, const char *vnl, ...)
{
    struct ioth *made;
    const char **vnlv;
    size_t n = 0, i;
    va_list args;
    int saved;

    va_start(args, vnl);
    if (vnl != NULL)
        for (n = 1; va_arg(args, const char *) != NULL; n++)
            ;
    va_end(args);
    vnlv = calloc(n + 1, sizeof(*vnlv));
    if (vnlv == NULL)
        return NULL;
    va_start(args, vnl);
    for (i = 0; i < n; i++)
        vnlv[i] = i == 0 ? vnl : va_arg(args, const char *);
    va_end(args);
    made = ioth_newstackv(stack, vnlv);
    saved = errno;
    free(vnlv);
    errno = saved;
    return made;
}

int ioth_checkstack(const char *stack)
{
    size_t len = stack == NULL ? 0 : strcspn(stack, ",");
    char *name = strndup(stack == NULL ? "" : stack, len);
    int error;

    if (name == NULL)
        return -1;
    error = loader_find(name);
    free(name);
    if (error == 0)
        return 0;
    errno = -error;
    return -1;
}

/* Lets no more sockets be opened, if there are none but those of the slot's owner, who then closes them. */
static int end_sockets(struct ioth *stack)
{
    int held = slot_hold(&stack->slot), open_sockets = held;

    if (held < 0)
        return held;
    if (!atomic_compare_exchange_strong(&stack->nsockets, &open_sockets, STACK_ENDING)) {
        slot_resume(&stack->slot);
        return -EBUSY;
    }
    slot_finish(&stack->slot);
    return 0;
}

int ioth_delstack(struct ioth *iothstack)
{
    struct ioth *defstack = iothstack;
    int error = iothstack == NULL ? -EINVAL : end_sockets(iothstack);

    if (error < 0) {
        errno = -error;
        return -1;
    }
    if (iothstack->loaded.plugin->stack_free(iothstack->ctx) < 0) {
        atomic_store(&iothstack->nsockets, 0);
        return -1;
    }
    atomic_compare_exchange_strong(&process.defstack, &defstack, NULL);
    slot_destroy(&iothstack->slot);
    loader_close(&iothstack->loaded);
    free(iothstack);
    return 0;
}

void ioth_set_defstack(struct ioth *iothstack)
{
    atomic_store(&process.defstack, iothstack);
}

struct ioth *ioth_get_defstack(void)
{
    return atomic_load(&process.defstack);
}

void *ioth_slot_attach(struct ioth *stack, void *data, const struct slot_hooks *hooks)
{
    struct ioth *owner = stack == NULL ? ioth_get_defstack() : stack;

    return slot_attach(owner == NULL ? &process.native_slot : &owner->slot, data, hooks);
}

const struct ioth *stack_or_native(const struct ioth *owner)
{
    return owner == NULL ? &native_stack : owner;
}

const struct ioth *stack_of(int fd)
{
    return stack_or_native(fdtable_get(fd));
}

/* One socket more, unless the stack is ending. */
static int stack_hold(struct ioth *stack)
{
    int nsockets = atomic_load(&stack->nsockets);

    do {
        if (nsockets < 0)
            return -EINVAL;
    } while (!atomic_compare_exchange_weak(&stack->nsockets, &nsockets, nsockets + 1));
    return 0;
}

void stack_drop(struct ioth *stack)
{
    if (stack != NULL)
        atomic_fetch_sub(&stack->nsockets, 1);
}

int stack_adopt(struct ioth *stack, int fd)
{
    struct ioth *previous;
    int error;

    if (fd < 0)
        return fd;
    if (stack == NULL) {
        stack_drop(fdtable_take(fd));
        return fd;
    }
    error = stack_hold(stack);
    if (error == 0) {
        error = fdtable_set(fd, stack, &previous);
        stack_drop(error == 0 ? previous : stack);
    }
    if (error == 0)
        return fd;
    stack->ops->close(stack->ctx, fd);
    errno = -error;
    return -1;
}

struct ioth *stack_disown(int fd)
{
    return fdtable_take(fd);
}

int ioth_msocket(struct ioth *iothstack, int domain, int type, int protocol)
{
    struct ioth *stack = iothstack == NULL ? ioth_get_defstack() : iothstack;
    const struct ioth *served = stack_or_native(stack);

    return stack_adopt(stack, served->ops->socket(served->ctx, domain, type, protocol));
}

int ioth_socket(int domain, int type, int protocol)
{
    return ioth_msocket(NULL, domain, type, protocol);
}
