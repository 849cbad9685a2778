/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LIBOTIP_PROXY_STREAM_H
#define LIBOTIP_PROXY_STREAM_H
/* One direction of a connection: bytes from one non-blocking stream socket to another, each on any stack. */

#include "base/base.h"

#include <stdbool.h>
#include <stdint.h>

/* For TCP_NOTSENT_LOWAT of each side: bytes that wait for its window. What is writable takes half of that at least. */
#define STREAM_UNSENT_MAX (512 << 10)

struct stream_pool;

MUST_CHECK int stream_pool_new(struct stream_pool **ret);
void stream_pool_free(struct stream_pool *pool); /* takes NULL */

struct stream_side {
    int fd;
    bool native;             /* a descriptor that the kernel can splice */
    bool readable, writable; /* as far as is known: until a call says otherwise */
    bool hung;               /* a short read does not mean that all is read: an end, an error, urgent bytes */
};

struct stream_half {
    struct stream_side *from, *to;
    bool ended, told; /* the end was read; and was passed on */
    bool by_splice;
    unsigned small_reads;
    struct stream_pipe *pipe; /* NULL unless bytes are in it */
    size_t piped;
    uint8_t *held; /* bytes that could not be written at once; NULL: none */
    size_t held_at, held_len;
};

enum stream_result {
    STREAM_WAITS,  /* for one of the two sides */
    STREAM_MORE,   /* for its next turn: it has had its share */
    STREAM_OVER,   /* the end was passed on */
    STREAM_BROKEN, /* one of the two sides failed, or memory is short */
};

/* Moves what can be moved, at most a share; *ret_moved: how many bytes. */
MUST_CHECK enum stream_result stream_pump(struct stream_pool *pool, struct stream_half *half,
                                          uint64_t *ret_moved);
/* Gives back what it holds. */
void stream_half_fini(struct stream_pool *pool, struct stream_half *half);
/* Whether the kernel can splice it. */
bool stream_is_native(int fd);

#endif
