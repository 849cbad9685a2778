/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * kernel: the stack that the process was born with, the host's or that of its network namespace.
 *
 * Built into libioth. Its sockets are the system's, so socket(2) is its only operation. Its interfaces are
 * what they are: a VNL makes no sense here, nor do options, and there is nothing to keep or to free.
 */
#include <errno.h>
#include <stddef.h>
#include <sys/socket.h>

#include <ioth_plugin.h>

static int kernel_new(const char *const *vnlv, const char *options, void **ret_ctx)
{
    if (vnlv[0] != NULL || options[0] != '\0') {
        errno = EINVAL;
        return -1;
    }
    *ret_ctx = NULL;
    return 0;
}

static int kernel_free(void *ctx)
{
    (void)ctx;
    return 0;
}

static int kernel_socket(void *ctx, int domain, int type, int protocol)
{
    (void)ctx;
    return socket(domain, type, protocol);
}

extern const struct ioth_plugin ioth_plugin_kernel;
const struct ioth_plugin ioth_plugin_kernel = {
    .abi_version = IOTH_PLUGIN_ABI_VERSION,
    .struct_size = sizeof(struct ioth_plugin),
    .name = "kernel",
    .license = "LGPL-2.1-or-later",
    .flags = IOTH_PLUGIN_NATIVE,
    .stack_new = kernel_new,
    .stack_free = kernel_free,
    .ops = {.socket = kernel_socket},
};
