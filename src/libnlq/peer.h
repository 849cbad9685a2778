/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LIBNLQ_PEER_H
#define LIBNLQ_PEER_H
/* Whom a request goes to: the third way to say what nlq_general_rtdialog says by two arguments. */

#include <stdbool.h>

#include <libnlq.h>

struct peer {
    const struct nlq_request_handlers *table; /* a stack's handlers; NULL: `stackinfo` is a struct ioth */
    void *stackinfo;                          /* of the handlers; or the struct ioth, NULL: the kernel */
};

/* The kernel; a stack of libioth, NULL for its default stack. */
static inline struct peer peer_native(void)
{
    return (struct peer){0};
}
struct peer peer_ioth(struct ioth *stack);

/* nlq_general_rtdialog; 0 or more, or a negative errno. */
int peer_ask(struct peer peer, struct nlq_msg *msg, nlq_doit_f cb, const void *argin, void *argout);

/* A request of the client side: type, and flags besides NLM_F_REQUEST. */
struct nlq_msg *request_new(uint16_t type, uint16_t flags);

/* Is it a request for a dump, given type and flags? For other requests the same bits say something else. */
bool request_is_dump(const struct nlmsghdr *msg);

/* Size of the structure that begins a message of that type, 0 for an unknown type. */
size_t rt_head_size(uint16_t nlmsg_type);

#endif
