/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef WIRE_NETLINK_H
#define WIRE_NETLINK_H
/*
 * Netlink messages and attributes (RFC 3549 s2.2, netlink(7)) over the cursor. Numbers are in host order, and
 * whatever follows a length is aligned to 4 bytes.
 *
 * What is read is given as pointers into the reader's bytes, which must be 4-aligned; what is written goes
 * through a writer, whose error sticks.
 */
#include <linux/netlink.h>

#include "base/base.h"
#include "base/cursor.h"

/* The next message, whole as its nlmsg_len says, and steps over it; NULL at the end, and where the bytes are
 * no message: reader->bad tells which. */
const struct nlmsghdr *netlink_next_message(struct reader *r);
/* The next attribute in the same way. Fewer bytes than an attribute's header at the end are padding. */
const struct nlattr *netlink_next_attr(struct reader *r);

/* What follows the header of a message, less `head` bytes of the structure of its kind (which is padded to
 * 4): the attributes. Bad if the message is shorter than the structure. */
struct reader netlink_attrs_of(const struct nlmsghdr *msg, size_t head);
/* What an attribute holds; its header must be within the message, as netlink_next_attr has seen to. */
struct reader netlink_payload(const struct nlattr *attr);

/* The code that NLMSG_ERROR and NLMSG_DONE carry (a DONE may come without): 0 or a negative errno; -EBADMSG too if it is
 * none. */
int netlink_code(const struct nlmsghdr *msg);

/* Stores the attributes that r holds by their types (without NLA_F_NESTED and NLA_F_NET_BYTEORDER) to the n
 * elements of `ret_table`, NULL for what is not there; of several of one type the last counts. 0, or -EBADMSG
 * with all NULL: the lengths do not fit. */
MUST_CHECK int netlink_table(struct reader r, const struct nlattr *ret_table[], size_t n);

/* Bytes and zeroes up to the next multiple of 4. */
void netlink_put(struct writer *w, const void *bytes, size_t len);
/* An attribute; bad if it is longer than an attribute can be. */
void netlink_put_attr(struct writer *w, uint16_t type, const void *payload, size_t len);

/* The bytes that netlink_put_attr writes for a payload of len bytes. */
static inline size_t netlink_attr_space(size_t len)
{
    return sizeof(struct nlattr) + (len + NLA_ALIGNTO - 1) / NLA_ALIGNTO * NLA_ALIGNTO;
}

/* Attributes are at most this long, their header included: nla_len is a uint16_t. */
enum { NETLINK_ATTR_MAX = UINT16_MAX };

#endif
