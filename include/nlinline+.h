/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NLINLINE_PLUS_H
#define NLINLINE_PLUS_H
/*
 * nlinline+: the nlinline functions for libraries that bring network stacks of their own.
 *
 * NLINLINE_LIB(x_): x_if_nametoindex(ifname) and the others, over x_socket, x_send, x_recv, x_close.
 *
 * NLINLINE_LIBCOMP(x_): the same, for a library whose sockets are plain descriptors of the system: x_socket opens
 * them, send(2), recv(2) and close(2) serve them.
 *
 * NLINLINE_LIBMULTI(x_): for a library of many stacks: each function has a leading stack argument,
 * x_if_nametoindex(stack, ifname), over x_msocket(stack, ...), x_send, x_recv, x_close.
 *
 * NLINLINE_LIBMULTICOMP(x_): the same over x_msocket(stack, ...) with plain descriptors.
 *
 * The type of the stack argument may be given as second argument of the MULTI macros, NLINLINE_LIBMULTI(x_,
 * struct y *); else it is void *. The functions of the library must be declared before. Each macro stands at
 * file scope, with or without a semicolon after it.
 */
#include <nlinline.h>

#define NLINLINE_TRANSPORT_(prefix, send_, recv_, close_)                                                    \
    static inline NLINLINE_UNUSED struct nlinline_transport prefix##nlinline_transport(void *stack)          \
    {                                                                                                        \
        struct nlinline_transport transport_;                                                                \
        transport_.stack = stack;                                                                            \
        transport_.open = prefix##nlinline_open;                                                             \
        transport_.send = send_;                                                                             \
        transport_.recv = recv_;                                                                             \
        transport_.close = close_;                                                                           \
        return transport_;                                                                                   \
    }

#define NLINLINE_OPEN_(prefix)                                                                               \
    static inline NLINLINE_UNUSED int prefix##nlinline_open(void *stack)                                     \
    {                                                                                                        \
        (void)stack;                                                                                         \
        return prefix##socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);                           \
    }

#define NLINLINE_MOPEN_(prefix, type)                                                                        \
    static inline NLINLINE_UNUSED int prefix##nlinline_open(void *stack)                                     \
    {                                                                                                        \
        return prefix##msocket((type)stack, AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);             \
    }

#define NLINLINE_LIB(prefix)                                                                                 \
    NLINLINE_OPEN_(prefix)                                                                                   \
    NLINLINE_TRANSPORT_(prefix, prefix##send, prefix##recv, prefix##close)                                   \
    NLINLINE_FAMILY_(prefix, NULL, )

#define NLINLINE_LIBCOMP(prefix)                                                                             \
    NLINLINE_OPEN_(prefix)                                                                                   \
    NLINLINE_TRANSPORT_(prefix, send, recv, close)                                                           \
    NLINLINE_FAMILY_(prefix, NULL, )

#define NLINLINE_LIBMULTI_(prefix, type, ...)                                                                \
    NLINLINE_MOPEN_(prefix, type)                                                                            \
    NLINLINE_TRANSPORT_(prefix, prefix##send, prefix##recv, prefix##close)                                   \
    NLINLINE_FAMILY_(prefix, stack, type stack, )

#define NLINLINE_LIBMULTICOMP_(prefix, type, ...)                                                            \
    NLINLINE_MOPEN_(prefix, type)                                                                            \
    NLINLINE_TRANSPORT_(prefix, send, recv, close)                                                           \
    NLINLINE_FAMILY_(prefix, stack, type stack, )

#define NLINLINE_LIBMULTI(...)     NLINLINE_LIBMULTI_(__VA_ARGS__, void *, )
#define NLINLINE_LIBMULTICOMP(...) NLINLINE_LIBMULTICOMP_(__VA_ARGS__, void *, )

#endif
