/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The frame of netlink: lengths, types, alignment. What a message means is its reader's business.
 *
 * A length counts the header that holds it. The next thing begins at the next multiple of 4, but the last one
 * need not be padded: many senders leave the padding out, so it is skipped as far as it is there.
 *
 * Hostile lengths: one below its header, or beyond the bytes that are there, makes the reader bad. Each step
 * takes at least a header, so a walk ends.
 */
#include "wire/netlink.h"

#include <errno.h>

static size_t aligned(size_t len)
{
    return (len + NLMSG_ALIGNTO - 1) / NLMSG_ALIGNTO * NLMSG_ALIGNTO;
}

/* Takes `len` bytes of which `head` have been seen to be there, and their padding as far as it is there. */
static const void *take_padded(struct reader *r, size_t len, size_t head)
{
    const void *at;

    if (len < head) {
        r->bad = true;
        return NULL;
    }
    at = reader_take(r, len);
    if (at != NULL) {
        size_t padding = aligned(len) - len;
        reader_take(r, padding < reader_left(r) ? padding : reader_left(r));
    }
    return at;
}

const struct nlmsghdr *netlink_next_message(struct reader *r)
{
    struct nlmsghdr head;

    if (reader_left(r) == 0)
        return NULL;
    if (reader_left(r) < sizeof(head)) {
        r->bad = true;
        return NULL;
    }
    memcpy(&head, r->base + r->pos, sizeof(head));
    return take_padded(r, head.nlmsg_len, sizeof(head));
}

const struct nlattr *netlink_next_attr(struct reader *r)
{
    struct nlattr head;

    if (reader_left(r) < sizeof(head))
        return NULL;
    memcpy(&head, r->base + r->pos, sizeof(head));
    return take_padded(r, head.nla_len, sizeof(head));
}

struct reader netlink_attrs_of(const struct nlmsghdr *msg, size_t head)
{
    struct reader r = reader_of(msg, msg->nlmsg_len);

    reader_take(&r, sizeof(*msg));
    take_padded(&r, head, 0);
    return r;
}

struct reader netlink_payload(const struct nlattr *attr)
{
    struct reader r = reader_of(attr, attr->nla_len);

    reader_take(&r, sizeof(*attr));
    return r;
}

int netlink_code(const struct nlmsghdr *msg)
{
    enum { ERRNO_MAX = 4095 }; /* as system calls have it */
    int code;

    if (msg->nlmsg_len < NLMSG_LENGTH(sizeof(code)))
        return msg->nlmsg_type == NLMSG_DONE ? 0 : -EBADMSG;
    memcpy(&code, NLMSG_DATA(msg), sizeof(code));
    return code <= 0 && code >= -ERRNO_MAX ? code : -EBADMSG;
}

int netlink_table(struct reader r, const struct nlattr *ret_table[], size_t n)
{
    const struct nlattr *attr;
    size_t i;

    for (i = 0; i < n; i++)
        ret_table[i] = NULL;
    while ((attr = netlink_next_attr(&r)) != NULL)
        if ((attr->nla_type & NLA_TYPE_MASK) < n)
            ret_table[attr->nla_type & NLA_TYPE_MASK] = attr;
    for (i = 0; r.bad && i < n; i++)
        ret_table[i] = NULL;
    return r.bad ? -EBADMSG : 0;
}

void netlink_put(struct writer *w, const void *bytes, size_t len)
{
    uint8_t *at = writer_reserve(w, aligned(len));

    if (at == NULL || len == 0)
        return;
    memcpy(at, bytes, len);
    memset(at + len, 0, aligned(len) - len);
}

void netlink_put_attr(struct writer *w, uint16_t type, const void *payload, size_t len)
{
    struct nlattr head = {.nla_type = type};

    if (len > NETLINK_ATTR_MAX - sizeof(head)) {
        w->bad = true;
        return;
    }
    head.nla_len = (uint16_t)(sizeof(head) + len);
    netlink_put(w, &head, sizeof(head));
    netlink_put(w, payload, len);
}
