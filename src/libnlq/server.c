/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The server side: a request comes in as bytes that a program wrote, and goes to the handlers of a stack as
 * something they can read without asking.
 *
 * Procedure, for each message: which kind and operation (the type is RTM_BASE + 4 * kind + operation); the
 * structure of its kind must be there (a GET may be shorter and is continued by zeroes: programs send one
 * byte of family alone); the attributes must fit into the message, and those of a known shape must have it.
 * Each shape is a row of a table. A name without its final NUL, which the kernel accepts too, is copied to
 * where it gets one. Then the entry is searched and the operation called as libnlq.h says.
 *
 * The replies are stamped with the request's sequence number and port here, whatever the handlers have
 * written, so that a stack can neither forget them nor confuse two requests.
 */
#include <libnlq.h>

#include <net/if.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <linux/fib_rules.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>

#include "libnlq/dialogue.h"
#include "libnlq/peer.h"
#include "wire/netlink.h"

enum operation { OP_NEW, OP_DEL, OP_GET, OP_SET };

/* ---- the shapes of attributes ---- */

enum shape { NUMBER = 1, NAME, ADDRESS, LLADDRESS, LIFETIMES };

enum { LLADDRESS_MAX = 32 }; /* the kernel's MAX_ADDR_LEN, which no header gives */

struct shape_row {
    uint8_t kind, type, shape;
};

static const struct shape_row shapes[] = {
    {RTMF_LINK, IFLA_IFNAME, NAME},        {RTMF_LINK, IFLA_QDISC, NAME},
    {RTMF_LINK, IFLA_ADDRESS, LLADDRESS},  {RTMF_LINK, IFLA_BROADCAST, LLADDRESS},
    {RTMF_LINK, IFLA_MTU, NUMBER},         {RTMF_LINK, IFLA_LINK, NUMBER},
    {RTMF_LINK, IFLA_MASTER, NUMBER},      {RTMF_LINK, IFLA_TXQLEN, NUMBER},
    {RTMF_LINK, IFLA_WEIGHT, NUMBER},      {RTMF_LINK, IFLA_GROUP, NUMBER},
    {RTMF_LINK, IFLA_EXT_MASK, NUMBER},    {RTMF_LINK, IFLA_PROMISCUITY, NUMBER},
    {RTMF_LINK, IFLA_NET_NS_PID, NUMBER},  {RTMF_LINK, IFLA_NET_NS_FD, NUMBER},
    {RTMF_ADDR, IFA_ADDRESS, ADDRESS},     {RTMF_ADDR, IFA_LOCAL, ADDRESS},
    {RTMF_ADDR, IFA_BROADCAST, ADDRESS},   {RTMF_ADDR, IFA_ANYCAST, ADDRESS},
    {RTMF_ADDR, IFA_MULTICAST, ADDRESS},   {RTMF_ADDR, IFA_LABEL, NAME},
    {RTMF_ADDR, IFA_CACHEINFO, LIFETIMES}, {RTMF_ADDR, IFA_FLAGS, NUMBER},
    {RTMF_ADDR, IFA_RT_PRIORITY, NUMBER},  {RTMF_ROUTE, RTA_DST, ADDRESS},
    {RTMF_ROUTE, RTA_SRC, ADDRESS},        {RTMF_ROUTE, RTA_GATEWAY, ADDRESS},
    {RTMF_ROUTE, RTA_PREFSRC, ADDRESS},    {RTMF_ROUTE, RTA_IIF, NUMBER},
    {RTMF_ROUTE, RTA_OIF, NUMBER},         {RTMF_ROUTE, RTA_PRIORITY, NUMBER},
    {RTMF_ROUTE, RTA_TABLE, NUMBER},       {RTMF_ROUTE, RTA_MARK, NUMBER},
    {RTMF_NEIGH, NDA_DST, ADDRESS},        {RTMF_NEIGH, NDA_LLADDR, LLADDRESS},
    {RTMF_NEIGH, NDA_IFINDEX, NUMBER},     {RTMF_NEIGH, NDA_MASTER, NUMBER},
    {RTMF_NEIGH, NDA_PROBES, NUMBER},      {RTMF_RULE, FRA_DST, ADDRESS},
    {RTMF_RULE, FRA_SRC, ADDRESS},         {RTMF_RULE, FRA_IIFNAME, NAME},
    {RTMF_RULE, FRA_OIFNAME, NAME},        {RTMF_RULE, FRA_PRIORITY, NUMBER},
    {RTMF_RULE, FRA_FWMARK, NUMBER},       {RTMF_RULE, FRA_FWMASK, NUMBER},
    {RTMF_RULE, FRA_TABLE, NUMBER},        {RTMF_QDISC, TCA_KIND, NAME},
};

/* No kind has more attributes that are names. */
enum { NAMES_MAX = 2 };

/* A name that got its NUL. */
struct name_attr {
    struct nlattr head;
    char text[IFNAMSIZ];
};

struct request {
    struct nlmsghdr *msg;
    unsigned kind;
    enum operation operation;
    struct nlattr *attr[NLQ_ATTRS];
    struct name_attr names[NAMES_MAX]; /* copies that `attr` points to */
    size_t nnames;
};

static bool fix_name(struct request *request, struct nlattr **attr)
{
    unsigned len = nlq_attrlen(*attr);
    size_t text_len = strnlen(nlq_attrdata(*attr), len);
    struct name_attr *copy;

    if (text_len >= IFNAMSIZ)
        return false;
    if (text_len < len)
        return true;
    if (request->nnames == NAMES_MAX)
        return false;
    copy = &request->names[request->nnames++];
    memcpy(copy->text, nlq_attrdata(*attr), text_len);
    copy->text[text_len] = '\0';
    copy->head.nla_type = (*attr)->nla_type;
    copy->head.nla_len = (uint16_t)(sizeof(copy->head) + text_len + 1);
    *attr = &copy->head;
    return true;
}

static bool has_shape(struct request *request, const struct shape_row *row)
{
    struct nlattr **attr = &request->attr[row->type];
    unsigned len = nlq_attrlen(*attr);
    int addrlen =
        nlq_family2addrlen(*(uint8_t *)NLMSG_DATA(request->msg)); /* each structure begins with it */

    switch ((enum shape)row->shape) {
    case NUMBER:
        return len == sizeof(uint32_t);
    case NAME:
        return fix_name(request, attr);
    case ADDRESS:
        return addrlen == 0 || len == (unsigned)addrlen;
    case LLADDRESS:
        return len > 0 && len <= LLADDRESS_MAX;
    case LIFETIMES:
        return len == sizeof(struct ifa_cacheinfo);
    }
    return false;
}

static bool have_shapes(struct request *request)
{
    size_t i;

    for (i = 0; i < ARRAY_LEN(shapes); i++)
        if (shapes[i].kind == request->kind && request->attr[shapes[i].type] != NULL &&
            !has_shape(request, &shapes[i]))
            return false;
    return true;
}

/* struct ifaddrmsg has the family and one prefix length, struct rtmsg and struct fib_rule_hdr have two. */
static bool prefixes_fit(const struct request *request)
{
    const uint8_t *head = NLMSG_DATA(request->msg);
    int bits = 8 * nlq_family2addrlen(head[0]);

    switch (bits == 0 ? RTMF_LINK : request->kind) {
    case RTMF_ADDR:
        return head[1] <= bits;
    case RTMF_ROUTE:
    case RTMF_RULE:
        return head[1] <= bits && head[2] <= bits;
    default:
        return true;
    }
}

/* ---- one request ---- */

/* Fills in the attributes; 0 or -EINVAL. */
static int read_attributes(struct request *request)
{
    size_t head = rt_head_size(request->msg->nlmsg_type);

    if (netlink_table(netlink_attrs_of(request->msg, head), (const struct nlattr **)request->attr,
                      NLQ_ATTRS) < 0)
        return -EINVAL;
    return have_shapes(request) && prefixes_fit(request) ? 0 : -EINVAL;
}

static int get(struct request *request, const struct nlq_request_handlers *handlers, struct nlq_msg **replies,
               void *stackinfo)
{
    void *entry = NULL;

    if (!request_is_dump(request->msg)) {
        if (handlers->search_entry == NULL)
            return -EOPNOTSUPP;
        entry = handlers->search_entry(request->msg, request->attr, stackinfo);
        if (entry == NULL)
            return -ENODEV;
    }
    return handlers->get(entry, request->msg, request->attr, replies, stackinfo);
}

static int change(struct request *request, const struct nlq_request_handlers *handlers, void *stackinfo)
{
    int (*change_entry)(void *, struct nlmsghdr *, struct nlattr **, void *) =
        request->operation == OP_DEL ? handlers->del : handlers->set;
    void *entry;

    if (change_entry == NULL || handlers->search_entry == NULL)
        return -EOPNOTSUPP;
    entry = handlers->search_entry(request->msg, request->attr, stackinfo);
    return entry == NULL ? -ENODEV : change_entry(entry, request->msg, request->attr, stackinfo);
}

static int make(struct request *request, const struct nlq_request_handlers *handlers,
                struct nlq_msg **replies, void *stackinfo)
{
    unsigned flags = request->msg->nlmsg_flags;
    void *entry = NULL;
    int error;

    if (handlers->search_entry != NULL)
        entry = handlers->search_entry(request->msg, request->attr, stackinfo);
    if (entry != NULL)
        return (flags & NLM_F_EXCL) != 0 ? -EEXIST : change(request, handlers, stackinfo);
    if ((flags & NLM_F_CREATE) == 0)
        return -ENODEV;
    if (handlers->new == NULL)
        return -EOPNOTSUPP;
    error = handlers->new (request->msg, request->attr, stackinfo);
    if (error < 0 || (flags & NLM_F_ECHO) == 0 || handlers->search_entry == NULL || handlers->get == NULL)
        return error;
    entry = handlers->search_entry(request->msg, request->attr, stackinfo);
    return entry == NULL ? 0 : handlers->get(entry, request->msg, request->attr, replies, stackinfo);
}

static bool is_served(const struct nlq_request_handlers *handlers, enum operation operation)
{
    switch (operation) {
    case OP_GET:
        return handlers->get != NULL;
    case OP_NEW:
        return handlers->new != NULL || handlers->set != NULL;
    case OP_DEL:
        return handlers->del != NULL;
    case OP_SET:
        return handlers->set != NULL;
    }
    return false;
}

static int execute(struct nlmsghdr *msg, const struct nlq_request_handlers *table, struct nlq_msg **replies,
                   void *stackinfo)
{
    struct request request = {.msg = msg,
                              .kind = (unsigned)RTM_FAM(msg->nlmsg_type),
                              .operation = (enum operation)((msg->nlmsg_type - RTM_BASE) & 3)};
    const struct nlq_request_handlers *handlers = &table[request.kind];
    int error = is_served(handlers, request.operation) ? read_attributes(&request) : -EOPNOTSUPP;

    if (error < 0)
        return error;
    switch (request.operation) {
    case OP_GET:
        return get(&request, handlers, replies, stackinfo);
    case OP_NEW:
        return make(&request, handlers, replies, stackinfo);
    default:
        return change(&request, handlers, stackinfo);
    }
}

/* Executes a request with its whole structure in place: a GET that is too short for that is copied. */
static int execute_whole(struct nlmsghdr *msg, const struct nlq_request_handlers *table,
                         struct nlq_msg **replies, void *stackinfo)
{
    struct {
        struct nlmsghdr head;
        uint8_t body[32];
    } whole = {0};
    size_t wanted = NLMSG_LENGTH(rt_head_size(msg->nlmsg_type));

    _Static_assert(sizeof(whole.body) >= sizeof(struct tcmsg), "the largest structure fits");
    if (rt_head_size(msg->nlmsg_type) == 0)
        return -EOPNOTSUPP;
    if (msg->nlmsg_len >= wanted)
        return execute(msg, table, replies, stackinfo);
    if (((msg->nlmsg_type - RTM_BASE) & 3) != OP_GET)
        return -EINVAL;
    memcpy(&whole, msg, msg->nlmsg_len);
    whole.head.nlmsg_len = (uint32_t)wanted;
    return execute(&whole.head, table, replies, stackinfo);
}

/* ---- replies ---- */

static void stamp_replies(struct nlq_msg *replies, const struct nlmsghdr *msg, bool multipart)
{
    struct nlq_msg *reply = nlq_head(replies);
    int i;

    for (i = nlq_length(replies); i > 0; i--, reply = reply->nlq_next) {
        struct nlmsghdr *head = reply->nlq_packet;

        head->nlmsg_seq = msg->nlmsg_seq;
        head->nlmsg_pid = msg->nlmsg_pid;
        head->nlmsg_flags &= (uint16_t)~NLM_F_MULTI;
        head->nlmsg_flags |= multipart ? NLM_F_MULTI : 0;
    }
}

static void add_done(const struct nlmsghdr *msg, struct nlq_msg **replies)
{
    const int code = 0;
    struct nlq_msg *done = nlq_createmsg(NLMSG_DONE, NLM_F_MULTI, msg->nlmsg_seq, msg->nlmsg_pid);

    nlq_add(done, &code, sizeof(code));
    nlq_complete_enqueue(done, replies);
}

/* RFC 3549 s2.3.2.2: an error carries the request, an acknowledgement its header alone. */
static void add_error(const struct nlmsghdr *msg, int code, struct nlq_msg **replies)
{
    struct nlq_msg *reply = nlq_createmsg(NLMSG_ERROR, 0, msg->nlmsg_seq, msg->nlmsg_pid);

    nlq_add(reply, &code, sizeof(code));
    nlq_add(reply, msg, code == 0 ? (unsigned)sizeof(*msg) : msg->nlmsg_len);
    nlq_complete_enqueue(reply, replies);
}

struct nlq_msg *nlq_process_rtrequest(struct nlmsghdr *msg, const struct nlq_request_handlers *table,
                                      void *stackinfo)
{
    struct nlq_msg *replies = NULL;
    bool for_us = (msg->nlmsg_flags & NLM_F_REQUEST) != 0 && msg->nlmsg_type >= NLMSG_MIN_TYPE;
    int error = for_us ? execute_whole(msg, table, &replies, stackinfo) : 0;

    if (error < 0)
        nlq_free(&replies);
    if (error == 0 && for_us && request_is_dump(msg)) {
        stamp_replies(replies, msg, true);
        add_done(msg, &replies);
        return replies;
    }
    stamp_replies(replies, msg, false);
    if (error < 0 || (msg->nlmsg_flags & NLM_F_ACK) != 0)
        add_error(msg, error < 0 ? error : 0, &replies);
    return replies;
}

static void append_queue(struct nlq_msg **queue, struct nlq_msg *more)
{
    struct nlq_msg *msg;

    while ((msg = nlq_dequeue(&more)) != NULL)
        nlq_enqueue(msg, queue);
}

struct nlq_msg *nlq_process_rtrequests(const void *bytes, size_t len,
                                       const struct nlq_request_handlers *table, void *stackinfo)
{
    void *copy = len == 0 ? NULL : malloc(len); /* aligned, and no handler can reach the caller's bytes */
    struct reader requests = reader_of(copy, len);
    const struct nlmsghdr *msg;
    struct nlq_msg *replies = NULL;

    if (copy == NULL)
        return NULL;
    memcpy(copy, bytes, len);
    while ((msg = netlink_next_message(&requests)) != NULL)
        append_queue(&replies, nlq_process_rtrequest((struct nlmsghdr *)(uintptr_t)msg, table, stackinfo));
    free(copy);
    return replies;
}

/* ---- the client of one's own stack ---- */

int nlq_server_process_rtreply(struct nlq_msg *reply_queue, nlq_doit_f cb, const void *argin, void *argout,
                               void *argenv)
{
    struct dialogue d = {.cb = cb, .argin = argin, .argout = argout, .argenv = argenv};
    struct nlq_msg *reply;

    while ((reply = nlq_dequeue(&reply_queue)) != NULL) {
        dialogue_take(&d, reader_of(reply->nlq_packet, reply->nlq_size));
        nlq_freemsg(reply);
    }
    return d.complete || d.value < 0 ? d.value : -ENOMEM; /* the end is missing: there was no room for it */
}

int nlq_server_rtdialog(struct nlq_msg *msg, const struct nlq_request_handlers *table, void *stackinfo,
                        nlq_doit_f cb, const void *argin, void *argout, void *argenv)
{
    return nlq_general_rtdialog(msg, table, stackinfo, cb, argin, argout, argenv);
}
