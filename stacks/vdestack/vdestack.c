/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * vdestack: the kernel's own TCP/IP in a network namespace, wired to virtual Ethernets.
 *
 * A child process lives in the namespace (helper.c, child.c) and hands out sockets and taps. A thread moves
 * frames between the taps and the networks (relay.c). Sockets made in the namespace are ordinary sockets of
 * the kernel: all operations but socket itself are direct system calls.
 *
 * stack_new: read options and names; connect to all networks, the step that fails most; start the child; make
 * a tap for each network; bring lo up; start the relay. Whatever fails takes down what stands. Interfaces are
 * made down, with a random MAC address, as an Ethernet card would be.
 *
 * The end: what was sent before leaves first (linger.c), for a bounded time. A program that exits without
 * deleting its stacks gets the same: a destructor of this library ends the relays of those that are left.
 *
 * The stack belongs to the process that made it: after a fork its sockets are the child's too, but the relay
 * is not. A daemon makes its stacks once it is in the background.
 */
#include <errno.h>
#include <pthread.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <ioth_plugin.h>
#include <nlinline+.h>

#include "vdestack/helper.h"
#include "vdestack/linger.h"
#include "vdestack/relay.h"
#include "vdestack/vnl.h"

enum {
    LOOPBACK_INDEX = 1, /* the first interface of a network namespace */
    LINGER_MS = 200     /* an answer from the same network comes in less; more would be felt */
};

struct vdestack {
    struct helper helper;
    struct relay *relay;        /* NULL without interfaces */
    pid_t owner;                /* the process whose thread the relay is */
    struct vdestack *next;      /* in `live` */
    struct vdestack **pointing; /* what points here in `live` */
};

/* The stacks that are not deleted yet, for the end of the process. */
static struct vdestack *live;
static pthread_mutex_t live_lock = PTHREAD_MUTEX_INITIALIZER;

struct interface {
    char name[IFNAMSIZ];
    const char *locator;
};

static int vdestack_msocket(struct vdestack *stack, int domain, int type, int protocol)
{
    int fd = helper_socket(&stack->helper, domain, type, protocol);

    if (fd >= 0)
        return fd;
    errno = -fd;
    return -1;
}

NLINLINE_LIBMULTICOMP(vdestack_, struct vdestack *)

/* Options: "name" is "name=1"; the value is one digit, at most `most`. */
static const struct {
    const char *name;
    size_t offset; /* of its char in struct child_config */
    char most;
} options_known[] = {
    {"accept_ra", offsetof(struct child_config, accept_ra), '2'},
    {"dad", offsetof(struct child_config, accept_dad), '2'},
    {"forward", offsetof(struct child_config, forward), '1'},
};

/* Reads one option of `len` bytes. 0 or -EINVAL. */
static int read_option(const char *option, size_t len, struct child_config *config)
{
    size_t name_len = strcspn(option, ",="), i;
    char value = '1';

    if (name_len < len) {
        if (len != name_len + 2)
            return -EINVAL;
        value = option[name_len + 1];
    }
    for (i = 0; i < sizeof(options_known) / sizeof(options_known[0]); i++)
        if (strlen(options_known[i].name) == name_len &&
            memcmp(options_known[i].name, option, name_len) == 0 && value >= '0' &&
            value <= options_known[i].most) {
            ((char *)config)[options_known[i].offset] = value;
            return 0;
        }
    return -EINVAL;
}

static int read_options(const char *options, struct child_config *config)
{
    int error = 0;

    while (*options != '\0' && error == 0) {
        size_t len = strcspn(options, ",");

        if (len > 0)
            error = read_option(options, len, config);
        options += len + (options[len] == ',');
    }
    return error;
}

static int read_vnls(const char *const *vnlv, struct interface *interfaces, size_t n)
{
    size_t i;
    int error = 0;

    for (i = 0; i < n && error == 0; i++)
        error = vnl_parse(vnlv[i], (unsigned)i, interfaces[i].name, &interfaces[i].locator);
    return error;
}

static int connect_networks(struct vdestack *stack, const struct interface *interfaces, size_t n)
{
    size_t i;
    int error = 0;

    if (n == 0)
        return 0;
    stack->relay = relay_new(n);
    if (stack->relay == NULL)
        return -errno;
    for (i = 0; i < n && error == 0; i++)
        error = relay_connect(stack->relay, interfaces[i].locator);
    return error;
}

static int make_taps(struct vdestack *stack, const struct interface *interfaces, size_t n)
{
    size_t i;
    int tap, error = 0;

    for (i = 0; i < n && error == 0; i++) {
        tap = helper_tap(&stack->helper, interfaces[i].name);
        error = tap < 0 ? tap : relay_attach(stack->relay, i, tap);
    }
    return error;
}

/* Makes the stack once its child runs. */
static int bring_up(struct vdestack *stack, const struct interface *interfaces, size_t n)
{
    int error = make_taps(stack, interfaces, n);

    if (error == 0 && vdestack_linksetupdown(stack, LOOPBACK_INDEX, 1) < 0)
        error = -errno;
    if (error == 0 && n > 0)
        error = relay_start(stack->relay);
    return error;
}

static int start(struct vdestack *stack, const char *const *vnlv, size_t n, const struct child_config *config)
{
    struct interface *interfaces = calloc(n + 1, sizeof(*interfaces));
    int error;

    if (interfaces == NULL)
        return -ENOMEM;
    error = read_vnls(vnlv, interfaces, n);
    if (error == 0)
        error = connect_networks(stack, interfaces, n);
    if (error == 0)
        error = helper_start(&stack->helper, config);
    if (error == 0) {
        error = bring_up(stack, interfaces, n);
        if (error < 0)
            helper_stop(&stack->helper);
    }
    free(interfaces);
    return error;
}

static void enter_live(struct vdestack *stack)
{
    pthread_mutex_lock(&live_lock);
    stack->next = live;
    stack->pointing = &live;
    if (live != NULL)
        live->pointing = &stack->next;
    live = stack;
    pthread_mutex_unlock(&live_lock);
}

static void leave_live(struct vdestack *stack)
{
    pthread_mutex_lock(&live_lock);
    *stack->pointing = stack->next;
    if (stack->next != NULL)
        stack->next->pointing = stack->pointing;
    pthread_mutex_unlock(&live_lock);
}

/* Lets what was sent leave, and ends the relay. In a process forked off, the relay is not ours to end. */
static void end_relay(struct vdestack *stack)
{
    if (stack->relay == NULL || stack->owner != getpid())
        return;
    linger(&stack->helper, LINGER_MS);
    relay_free(stack->relay);
    stack->relay = NULL;
}

__attribute__((destructor)) static void end_of_process(void)
{
    struct vdestack *stack;

    pthread_mutex_lock(&live_lock);
    for (stack = live; stack != NULL; stack = stack->next)
        end_relay(stack);
    pthread_mutex_unlock(&live_lock);
}

static int vdestack_new(const char *const *vnlv, const char *options, void **ret_ctx)
{
    struct child_config config = {.accept_ra = '0', .accept_dad = '1', .forward = '0'};
    struct vdestack *stack;
    int error = read_options(options, &config);
    size_t n = 0;

    if (error < 0) {
        errno = -error;
        return -1;
    }
    while (vnlv[n] != NULL)
        n++;
    stack = calloc(1, sizeof(*stack));
    if (stack == NULL)
        return -1;
    error = start(stack, vnlv, n, &config);
    if (error < 0) {
        relay_free(stack->relay);
        free(stack);
        errno = -error;
        return -1;
    }
    stack->owner = getpid();
    enter_live(stack);
    *ret_ctx = stack;
    return 0;
}

static int vdestack_free(void *ctx)
{
    struct vdestack *stack = ctx;

    leave_live(stack);
    end_relay(stack);
    helper_stop(&stack->helper);
    free(stack);
    return 0;
}

static int vdestack_socket(void *ctx, int domain, int type, int protocol)
{
    return vdestack_msocket(ctx, domain, type, protocol);
}

IOTH_PLUGIN(vdestack) = {
    .abi_version = IOTH_PLUGIN_ABI_VERSION,
    .struct_size = sizeof(struct ioth_plugin),
    .name = "vdestack",
    .license = "LGPL-2.1-or-later",
    .flags = IOTH_PLUGIN_NATIVE,
    .stack_new = vdestack_new,
    .stack_free = vdestack_free,
    .ops = {.socket = vdestack_socket},
};
