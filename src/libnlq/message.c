/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Messages while they are made, and queues of them.
 *
 * A message is a struct nlq_msg and a buffer that grows by doubling; nlq_packet always points to its bytes. A
 * failure (no memory, an attribute too long) stays in nlq_errno, later additions do nothing, and nlq_complete
 * tells it, so that callers write a message straight down and look once.
 *
 * A list of attributes is the same without a header; nlq_addxattr moves it into its message.
 *
 * A queue is the pointer to its last message, which points to the first: both ends at hand with one pointer.
 */
#include <libnlq.h>

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "wire/netlink.h"

/* Most requests and descriptions of links fit at once. */
enum { FIRST_CAPACITY = 256 };

/* Room for `more` bytes behind what is there; false: the message has failed. */
static bool make_room(struct nlq_msg *msg, size_t more)
{
    size_t capacity = msg->nlq_capacity == 0 ? FIRST_CAPACITY : msg->nlq_capacity;
    void *grown;

    if (msg->nlq_errno != 0)
        return false;
    while (capacity < msg->nlq_size + more)
        capacity *= 2;
    if (capacity == msg->nlq_capacity)
        return true;
    grown = realloc(msg->nlq_packet, capacity);
    if (grown == NULL) {
        msg->nlq_errno = ENOMEM;
        return false;
    }
    msg->nlq_packet = grown;
    msg->nlq_capacity = capacity;
    return true;
}

static struct writer writer_at_end(const struct nlq_msg *msg)
{
    return writer_of((char *)msg->nlq_packet + msg->nlq_size, msg->nlq_capacity - msg->nlq_size);
}

struct nlq_msg *nlq_createxattr(void)
{
    return calloc(1, sizeof(struct nlq_msg));
}

struct nlq_msg *nlq_createmsg(uint16_t nlmsg_type, uint16_t nlmsg_flags, uint32_t nlmsg_seq,
                              uint32_t nlmsg_pid)
{
    const struct nlmsghdr head = {.nlmsg_len = sizeof(head),
                                  .nlmsg_type = nlmsg_type,
                                  .nlmsg_flags = nlmsg_flags,
                                  .nlmsg_seq = nlmsg_seq,
                                  .nlmsg_pid = nlmsg_pid};
    struct nlq_msg *msg = nlq_createxattr();

    nlq_add(msg, &head, sizeof(head));
    if (msg == NULL || msg->nlq_errno == 0)
        return msg;
    nlq_dropmsg(msg);
    errno = ENOMEM;
    return NULL;
}

void nlq_add(struct nlq_msg *msg, const void *data, unsigned len)
{
    struct writer w;

    if (msg == NULL || !make_room(msg, (size_t)len + NLMSG_ALIGNTO))
        return;
    w = writer_at_end(msg);
    netlink_put(&w, data, len);
    msg->nlq_size += w.pos;
}

static void add_attr(struct nlq_msg *msg, unsigned short type, const void *data, size_t len)
{
    struct writer w;

    if (!make_room(msg, netlink_attr_space(len)))
        return;
    w = writer_at_end(msg);
    netlink_put_attr(&w, type, data, len);
    if (w.bad)
        msg->nlq_errno = EMSGSIZE;
    else
        msg->nlq_size += w.pos;
}

void nlq_addattr(struct nlq_msg *msg, unsigned short type, const void *data, unsigned short len)
{
    if (msg != NULL)
        add_attr(msg, type, data, len);
}

void nlq_addxattr(struct nlq_msg *msg, unsigned short type, struct nlq_msg *xattr)
{
    if (msg != NULL && msg->nlq_errno == 0 && (xattr == NULL || xattr->nlq_errno != 0))
        msg->nlq_errno = xattr == NULL ? ENOMEM : xattr->nlq_errno;
    if (msg != NULL && xattr != NULL)
        add_attr(msg, type, xattr->nlq_packet, xattr->nlq_size);
    nlq_dropmsg(xattr);
}

int nlq_complete(struct nlq_msg *msg)
{
    int error = msg == NULL ? ENOMEM : msg->nlq_errno;

    if (error == 0 && msg->nlq_size > UINT32_MAX)
        error = EMSGSIZE;
    if (error != 0)
        return nlq_return_errno(-error);
    msg->nlq_packet->nlmsg_len = (uint32_t)msg->nlq_size;
    return 0;
}

void nlq_freemsg(struct nlq_msg *msg)
{
    if (msg == NULL)
        return;
    free(msg->nlq_packet);
    free(msg);
}

void nlq_dropmsg(struct nlq_msg *msg)
{
    nlq_freemsg(msg);
}

/* ---- queues ---- */

void nlq_enqueue(struct nlq_msg *msg, struct nlq_msg **queue)
{
    struct nlq_msg *last = *queue;

    if (msg == NULL)
        return;
    msg->nlq_next = last == NULL ? msg : last->nlq_next;
    if (last != NULL)
        last->nlq_next = msg;
    *queue = msg;
}

int nlq_complete_enqueue(struct nlq_msg *msg, struct nlq_msg **queue)
{
    if (nlq_complete(msg) < 0) {
        int saved = errno;
        nlq_dropmsg(msg);
        errno = saved;
        return -1;
    }
    nlq_enqueue(msg, queue);
    return 0;
}

struct nlq_msg *nlq_head(struct nlq_msg *queue)
{
    return queue == NULL ? NULL : queue->nlq_next;
}

struct nlq_msg *nlq_dequeue(struct nlq_msg **queue)
{
    struct nlq_msg *last = *queue, *first = nlq_head(last);

    if (first == NULL)
        return NULL;
    if (first == last)
        *queue = NULL;
    else
        last->nlq_next = first->nlq_next;
    first->nlq_next = NULL;
    return first;
}

int nlq_length(struct nlq_msg *queue)
{
    const struct nlq_msg *msg = queue;
    int length = 0;

    if (queue == NULL)
        return 0;
    do {
        length++;
        msg = msg->nlq_next;
    } while (msg != queue);
    return length;
}

void nlq_free(struct nlq_msg **queue)
{
    struct nlq_msg *msg;

    while ((msg = nlq_dequeue(queue)) != NULL)
        nlq_freemsg(msg);
}
