/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The client side: ask, and take in the answer.
 *
 * An answer is a sequence of messages that carry data, and one that ends it: NLMSG_DONE behind a dump,
 * NLMSG_ERROR else, an acknowledgement being an error of 0. It comes from a socket, in one datagram or many,
 * or from the queue that a stack's handlers have filled; both ways lead through dialogue_take. An error ends
 * the calls of the callback, not the reading.
 *
 * libioth is found by weak references: nothing is linked for those who do without it, and who holds a struct
 * ioth has it in the process. Its sockets are descriptors of all stacks alike, so the stack counts for the
 * opening alone.
 */
#include "libnlq/dialogue.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <linux/fib_rules.h>

#include "libnlq/peer.h"
#include "wire/netlink.h"

/* The kernel fills datagrams of a dump up to 32 KiB; one link with many virtual functions may take more. */
enum { DATAGRAM_BYTES = 65536 };

#define WEAK __attribute__((weak))
extern WEAK int ioth_msocket(struct ioth *stack, int domain, int type, int protocol);
extern WEAK int ioth_close(int fd);
extern WEAK ssize_t ioth_send(int fd, const void *buf, size_t len, int flags);
extern WEAK ssize_t ioth_recv(int fd, void *buf, size_t len, int flags);
extern WEAK struct ioth *ioth_get_defstack(void);

/* How to use a descriptor. */
struct calls {
    ssize_t (*send)(int fd, const void *buf, size_t len, int flags);
    ssize_t (*recv)(int fd, void *buf, size_t len, int flags);
    int (*close)(int fd);
};

static const struct calls *native_calls(void)
{
    static const struct calls calls = {send, recv, close};

    return &calls;
}

/* NULL, errno ENOSYS: there is no libioth in this process. */
static const struct calls *ioth_calls(struct calls *calls)
{
    if (ioth_msocket == NULL || ioth_close == NULL || ioth_send == NULL || ioth_recv == NULL) {
        errno = ENOSYS;
        return NULL;
    }
    *calls = (struct calls){ioth_send, ioth_recv, ioth_close};
    return calls;
}

/* ---- taking in an answer ---- */

size_t rt_head_size(uint16_t nlmsg_type)
{
    static const uint8_t sizes[] = {
        [RTMF_LINK] = sizeof(struct ifinfomsg),
        [RTMF_ADDR] = sizeof(struct ifaddrmsg),
        [RTMF_ROUTE] = sizeof(struct rtmsg),
        [RTMF_NEIGH] = sizeof(struct ndmsg),
        [RTMF_RULE] = sizeof(struct fib_rule_hdr),
        [RTMF_QDISC] = sizeof(struct tcmsg),
        [RTM_FAM(RTM_NEWNEIGHTBL)] = sizeof(struct ndtmsg),
    };
    unsigned kind = nlmsg_type < RTM_BASE ? UINT32_MAX : (unsigned)RTM_FAM(nlmsg_type);

    return kind >= ARRAY_LEN(sizes) ? 0 : sizes[kind];
}

/* The attributes of a message of data; none for a type that is not known. */
static int parse(const struct nlmsghdr *msg, struct nlattr *ret_attr[])
{
    size_t head = rt_head_size(msg->nlmsg_type);
    struct reader attrs = netlink_attrs_of(msg, head);

    if (head == 0)
        attrs = reader_of(NULL, 0);
    return netlink_table(attrs, (const struct nlattr **)ret_attr, NLQ_ATTRS);
}

static void dialogue_error(struct dialogue *d, int error)
{
    if (d->value >= 0)
        d->value = error;
}

static void take_data(struct dialogue *d, struct nlmsghdr *msg)
{
    struct nlattr *attr[NLQ_ATTRS];
    int value;

    if (d->value < 0)
        return;
    value = parse(msg, attr);
    if (value == 0)
        value = d->cb(msg, attr, d->argin, d->argout, d->argenv);
    d->value = value;
}

static void take_message(struct dialogue *d, struct nlmsghdr *msg)
{
    if (d->seq != 0 && msg->nlmsg_seq != d->seq)
        return;
    if (msg->nlmsg_type == NLMSG_ERROR || msg->nlmsg_type == NLMSG_DONE) {
        d->complete = true;
        if (netlink_code(msg) < 0)
            dialogue_error(d, netlink_code(msg));
    } else if (msg->nlmsg_type >= NLMSG_MIN_TYPE) {
        take_data(d, msg);
    }
}

void dialogue_take(struct dialogue *d, struct reader messages)
{
    const struct nlmsghdr *msg;

    while (!d->complete && (msg = netlink_next_message(&messages)) != NULL)
        take_message(d, (struct nlmsghdr *)(uintptr_t)msg);
    if (messages.bad) {
        dialogue_error(d, -EBADMSG);
        d->complete = true;
    }
}

static ssize_t receive_datagram(const struct calls *calls, int fd, void *buf)
{
    ssize_t len;

    do
        len = calls->recv(fd, buf, DATAGRAM_BYTES, 0);
    while (len < 0 && errno == EINTR);
    return len < 0 ? -errno : len == 0 ? -EBADMSG : len;
}

/* What is left of a reply that cannot be taken in: the next dialogue on this descriptor is not to find it. */
static void throw_away(const struct calls *calls, int fd)
{
    char byte;

    while (calls->recv(fd, &byte, sizeof(byte), MSG_DONTWAIT) > 0)
        continue;
}

static int receive(const struct calls *calls, int fd, struct dialogue *d)
{
    void *buf = malloc(DATAGRAM_BYTES);

    if (buf == NULL) {
        throw_away(calls, fd);
        return -ENOMEM;
    }
    while (!d->complete) {
        ssize_t len = receive_datagram(calls, fd, buf);

        if (len < 0) {
            dialogue_error(d, (int)len);
            break;
        }
        dialogue_take(d, reader_of(buf, (size_t)len));
    }
    free(buf);
    return d->value;
}

int nlq_process_null_cb(struct nlmsghdr *msg, struct nlattr **attr, const void *argin, void *argout,
                        void *argenv)
{
    (void)msg, (void)attr, (void)argin, (void)argout, (void)argenv;
    return 0;
}

/* ---- on a descriptor ---- */

static int send_message(const struct calls *calls, int fd, struct nlq_msg *msg)
{
    return calls == NULL ? -1 : (int)calls->send(fd, msg->nlq_packet, msg->nlq_size, 0);
}

static int complete_send_free(const struct calls *calls, int fd, struct nlq_msg *msg)
{
    int result = nlq_complete(msg), saved;

    if (result == 0)
        result = send_message(calls, fd, msg);
    saved = errno;
    nlq_freemsg(msg);
    errno = saved;
    return result < 0 ? -1 : 0;
}

static int open_socket(struct ioth *stack, int protocol)
{
    const int type = SOCK_RAW | SOCK_CLOEXEC;

    if (stack == NULL)
        return socket(AF_NETLINK, type, protocol);
    if (ioth_msocket == NULL)
        return nlq_return_errno(-ENOSYS);
    return ioth_msocket(stack, AF_NETLINK, type, protocol);
}

int nlq_open(int protocol)
{
    return open_socket(NULL, protocol);
}

int nlqx_open(struct ioth *stack, int protocol)
{
    return open_socket(peer_ioth(stack).stackinfo, protocol);
}

int nlq_sendmsg(int fd, struct nlq_msg *msg)
{
    return send_message(native_calls(), fd, msg);
}

int nlqx_sendmsg(struct ioth *stack, int fd, struct nlq_msg *msg)
{
    struct calls calls;

    (void)stack;
    return send_message(ioth_calls(&calls), fd, msg);
}

int nlq_complete_send_freemsg(int fd, struct nlq_msg *msg)
{
    return complete_send_free(native_calls(), fd, msg);
}

int nlqx_complete_send_freemsg(struct ioth *stack, int fd, struct nlq_msg *msg)
{
    struct calls calls;

    (void)stack;
    return complete_send_free(ioth_calls(&calls), fd, msg);
}

int nlq_recv_process_rtreply(int fd, nlq_doit_f cb, const void *argin, void *argout, void *argenv)
{
    struct dialogue d = {.cb = cb, .argin = argin, .argout = argout, .argenv = argenv};

    return receive(native_calls(), fd, &d);
}

int nlqx_recv_process_rtreply(struct ioth *stack, int fd, nlq_doit_f cb, const void *argin, void *argout,
                              void *argenv)
{
    struct dialogue d = {.cb = cb, .argin = argin, .argout = argout, .argenv = argenv};
    struct calls calls;

    (void)stack;
    return ioth_calls(&calls) == NULL ? -errno : receive(&calls, fd, &d);
}

/* ---- whole dialogues ---- */

struct peer peer_ioth(struct ioth *stack)
{
    if (stack == NULL && ioth_get_defstack != NULL)
        stack = ioth_get_defstack();
    return (struct peer){.stackinfo = stack};
}

struct nlq_msg *request_new(uint16_t type, uint16_t flags)
{
    return nlq_createmsg(type, NLM_F_REQUEST | flags, 0, 0);
}

bool request_is_dump(const struct nlmsghdr *msg)
{
    enum { OPERATION_GET = RTM_GETLINK - RTM_BASE };

    return msg->nlmsg_type >= RTM_BASE && ((msg->nlmsg_type - RTM_BASE) & 3) == OPERATION_GET &&
           (msg->nlmsg_flags & NLM_F_DUMP) != 0;
}

/* Makes the message a request whose answer has an end. */
static void make_request(struct nlq_msg *msg, struct dialogue *d)
{
    struct nlmsghdr *head = msg->nlq_packet;

    head->nlmsg_flags |= (uint16_t)(request_is_dump(head) ? NLM_F_REQUEST : NLM_F_REQUEST | NLM_F_ACK);
    if (head->nlmsg_seq == 0)
        head->nlmsg_seq = 1; /* the socket is new: any number will do */
    d->seq = head->nlmsg_seq;
}

static int converse(struct ioth *stack, struct nlq_msg *msg, struct dialogue *d)
{
    struct calls calls;
    const struct calls *way = stack == NULL ? native_calls() : ioth_calls(&calls);
    int fd = way == NULL ? -1 : open_socket(stack, NETLINK_ROUTE);
    int result;

    if (fd < 0)
        return -errno;
    result = send_message(way, fd, msg) < 0 ? -errno : receive(way, fd, d);
    way->close(fd);
    return result;
}

int nlq_general_rtdialog(struct nlq_msg *msg, const struct nlq_request_handlers *table, void *stackinfo,
                         nlq_doit_f cb, const void *argin, void *argout, void *argenv)
{
    struct dialogue d = {.cb = cb, .argin = argin, .argout = argout, .argenv = argenv};
    int result = nlq_complete(msg) < 0 ? -errno : 0;

    if (result == 0) {
        make_request(msg, &d);
        if (table == NULL)
            result = converse(stackinfo, msg, &d);
        else
            result = nlq_server_process_rtreply(nlq_process_rtrequest(msg->nlq_packet, table, stackinfo), cb,
                                                argin, argout, argenv);
    }
    nlq_freemsg(msg);
    return result;
}

int nlq_rtdialog(struct nlq_msg *msg, nlq_doit_f cb, const void *argin, void *argout, void *argenv)
{
    return nlq_general_rtdialog(msg, NULL, NULL, cb, argin, argout, argenv);
}

int nlqx_rtdialog(struct ioth *stack, struct nlq_msg *msg, nlq_doit_f cb, const void *argin, void *argout,
                  void *argenv)
{
    return nlq_general_rtdialog(msg, NULL, peer_ioth(stack).stackinfo, cb, argin, argout, argenv);
}

int peer_ask(struct peer peer, struct nlq_msg *msg, nlq_doit_f cb, const void *argin, void *argout)
{
    return nlq_general_rtdialog(msg, peer.table, peer.stackinfo, cb, argin, argout, NULL);
}

/* ---- inside messages ---- */

int nlq_parsexattr(const struct nlattr *attr, struct nlattr *xattr[], int n)
{
    struct reader nested = attr == NULL ? reader_of(NULL, 0) : netlink_payload(attr);

    return nlq_return_errno(
        netlink_table(nested, (const struct nlattr **)xattr, n < 0 ? 0 : (size_t)n) < 0 ? -EINVAL : 0);
}
