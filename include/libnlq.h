/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LIBNLQ_H
#define LIBNLQ_H
/*
 * libnlq: netlink for those who ask and for those who answer.
 *
 * A program configures a network stack with requests (RFC 3549, netlink(7), rtnetlink(7)): functions named
 * nlq_X speak to the kernel's stack of the calling thread, nlqx_X to a stack of libioth, which the process
 * has to have loaded then (else ENOSYS). A user-level stack answers AF_NETLINK sockets with
 * nlq_process_rtrequest, the older netdevice(7) ioctls with nlq_server_ioctl: both call the same few
 * handlers of the stack.
 *
 * Errors: functions that return int or a pointer give -1 or NULL and errno, except those whose comment says
 * that they return a negative errno; nlq_return_errno turns the second way into the first.
 *
 * No function keeps state; all may be called from any thread, on messages and queues of the thread's own.
 */
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/socket.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

struct ioth;

/* ---- messages ---- */

/* A message, or a list of attributes, under construction or complete. Lack of memory while it is made is kept
 * in it and told by nlq_complete, so that messages are made straight down. */
struct nlq_msg {
    struct nlmsghdr *nlq_packet; /* its bytes, in host order: to be sent as they are once complete */
    size_t nlq_size;             /* how many */
    __extension__ union {
        struct nlq_msg *nlq_next; /* while in a queue */
        FILE *nlq_file;           /* never used */
    };
    size_t nlq_capacity; /* bytes allocated */
    int nlq_errno;       /* what went wrong while it was made; 0: nothing */
};

/* Begins a message. For a request of the client side seq and pid may be 0 (nlq_rtdialog chooses a seq).
 * The message is the caller's until it goes to nlq_freemsg, nlq_dropmsg, a queue, or a function that says so.
 * NULL: ENOMEM. All functions below take a NULL message and do nothing with it, or ENOMEM. */
struct nlq_msg *nlq_createmsg(uint16_t nlmsg_type, uint16_t nlmsg_flags, uint32_t nlmsg_seq,
                              uint32_t nlmsg_pid);
/* Appends a `struct tag` so initialised: nlq_addstruct(msg, ifinfomsg, .ifi_family = AF_UNSPEC). */
#define nlq_addstruct(msg, tag, ...) nlq_add((msg), &(struct tag){__VA_ARGS__}, sizeof(struct tag))
/* Appends len bytes, and zeroes up to the next multiple of 4. */
void nlq_add(struct nlq_msg *msg, const void *data, unsigned len);
/* Appends an attribute of `type` with a payload of len bytes; data may be NULL if len is 0. Too long for an
 * attribute (65535 bytes with its header): EMSGSIZE at nlq_complete. */
void nlq_addattr(struct nlq_msg *msg, unsigned short type, const void *data, unsigned short len);
/* Begins a list of attributes, to be filled by nlq_addattr; NULL: ENOMEM. */
struct nlq_msg *nlq_createxattr(void);
/* Appends an attribute whose payload is that list, and frees the list. `type` may have NLA_F_NESTED. */
void nlq_addxattr(struct nlq_msg *msg, unsigned short type, struct nlq_msg *xattr);
/* Writes the length into the message, which may then be sent. 0, or -1: ENOMEM, EMSGSIZE. */
int nlq_complete(struct nlq_msg *msg);
/* Frees a message, complete (freemsg) or given up (dropmsg). */
void nlq_freemsg(struct nlq_msg *msg);
void nlq_dropmsg(struct nlq_msg *msg);

/* ---- queues: first in, first out. NULL is the empty queue ---- */

/* Appends a message; the queue owns it then. */
void nlq_enqueue(struct nlq_msg *msg, struct nlq_msg **queue);
/* The same, completed first. 0, or -1 with the message freed: ENOMEM, EMSGSIZE. */
int nlq_complete_enqueue(struct nlq_msg *msg, struct nlq_msg **queue);
/* Takes the first message out, the caller's from then on; NULL: the queue is empty. */
struct nlq_msg *nlq_dequeue(struct nlq_msg **queue);
/* The first message, which stays; NULL: the queue is empty. */
struct nlq_msg *nlq_head(struct nlq_msg *queue);
int nlq_length(struct nlq_msg *queue);
/* Frees all messages of a queue, which is empty then. */
void nlq_free(struct nlq_msg **queue);

/* ---- attributes ---- */

/* The payload of an attribute, and how many bytes it has. */
static inline void *nlq_attrdata(const struct nlattr *attr)
{
    return (char *)(uintptr_t)attr + sizeof(*attr);
}

static inline unsigned nlq_attrlen(const struct nlattr *attr)
{
    return attr->nla_len < sizeof(*attr) ? 0 : attr->nla_len - (unsigned)sizeof(*attr);
}

/* Stores the attributes inside the attribute `attr` by their types: xattr has n elements, those of types that
 * are not there become NULL, types of n or more are passed over; of several of one type the last counts.
 * attr NULL: all NULL. 0, or -1 with all NULL: EINVAL, the lengths inside do not fit. */
int nlq_parsexattr(const struct nlattr *attr, struct nlattr *xattr[], int n);

/* ---- client side ---- */

/* The number of elements of each `attr` array below: attr[IFLA_x], attr[IFA_x], attr[RTA_x], ... are NULL
 * or an attribute of that type, for any type below this. */
#define NLQ_ATTRS 128

/* What is called for a message: its attributes by type, and three pointers passed through, by custom: what is
 * searched, where to store, in which environment. Negative errno: ends the dialogue with it. */
typedef int (*nlq_doit_f)(struct nlmsghdr *msg, struct nlattr **attr, const void *argin, void *argout,
                          void *argenv);

/* Does nothing; 0. */
int nlq_process_null_cb(struct nlmsghdr *msg, struct nlattr **attr, const void *argin, void *argout,
                        void *argenv);
/* A negative errno becomes -1 and errno; other values pass through. */
static inline int nlq_return_errno(int value)
{
    if (value >= 0)
        return value;
    errno = -value;
    return -1;
}

/* Opens a netlink socket, close-on-exec; protocol: NETLINK_ROUTE, ... The descriptor; to be closed by close
 * (nlqx: ioth_close). */
int nlq_open(int protocol);
/* Sends a complete message. The bytes sent, or -1: what send(2) says. */
int nlq_sendmsg(int fd, struct nlq_msg *msg);
/* Completes, sends and frees a message. 0, or -1 (with the message freed too). */
int nlq_complete_send_freemsg(int fd, struct nlq_msg *msg);
/* Receives messages until the answer is complete and calls cb for each that carries data. An answer is
 * complete at NLMSG_DONE or NLMSG_ERROR (an acknowledgement is one), so the request has to bear NLM_F_DUMP or
 * NLM_F_ACK. The last value that cb gave (0 if it was never called), or a negative errno: what cb gave, what
 * NLMSG_ERROR said, what recv(2) said, -EBADMSG for what is no netlink. When cb fails, the rest of the answer
 * is still received, so that the socket can be used again. */
int nlq_recv_process_rtreply(int fd, nlq_doit_f cb, const void *argin, void *argout, void *argenv);
/* A whole dialogue of NETLINK_ROUTE on a socket of its own: sends msg, which is completed and freed, and
 * receives the answer as above. NLM_F_REQUEST, and NLM_F_ACK where NLM_F_DUMP is not set, are added to its
 * flags; answers to other sequence numbers do not count. Returns like nlq_recv_process_rtreply. */
int nlq_rtdialog(struct nlq_msg *msg, nlq_doit_f cb, const void *argin, void *argout, void *argenv);

/* ---- interfaces ---- */

struct nlq_if_nameindex {
    unsigned int if_index; /* 0 ends the list */
    char *if_name;         /* NULL ends the list */
};

/* As if_nametoindex(3), ...: the index, 0 and errno ENODEV if there is no such interface; */
unsigned int nlq_if_nametoindex(const char *ifname);
/* the name, written to the IF_NAMESIZE bytes of ifname; NULL and errno ENXIO; */
char *nlq_if_indextoname(unsigned int ifindex, char *ifname);
/* all interfaces, to be freed by nlq_if_freenameindex, which takes NULL; NULL and errno. */
#ifdef __cplusplus /* where a function of the name of a structure has to come from elsewhere */
namespace nlq_functions
{
struct ::nlq_if_nameindex *nlq_if_nameindex(void);
}
using nlq_functions::nlq_if_nameindex;
#else
struct nlq_if_nameindex *nlq_if_nameindex(void);
#endif
void nlq_if_freenameindex(struct nlq_if_nameindex *ptr);

/* Up (updown not 0) or down. These and the next are 0 or -1: what netlink answered. */
int nlq_linksetupdown(unsigned int ifindex, int updown);
/* AF_INET with 4 bytes, AF_INET6 with 16. prefixlen may be of nlq_addrdata2prefix. EEXIST, EADDRNOTAVAIL. */
int nlq_ipaddr_add(int family, const void *addr, int prefixlen, unsigned int ifindex);
int nlq_ipaddr_del(int family, const void *addr, int prefixlen, unsigned int ifindex);
/* dst NULL: the default route; gw NULL: on the link; ifindex 0: left to the stack. dst_prefixlen may be of
 * nlq_routedata2prefix. EEXIST; ESRCH: no such route. */
int nlq_iproute_add(int family, const void *dst, int dst_prefixlen, const void *gw, unsigned int ifindex);
int nlq_iproute_del(int family, const void *dst, int dst_prefixlen, const void *gw, unsigned int ifindex);

/* One option of a virtual link (IFLA_INFO_DATA): attribute `tag` with len bytes of data, the caller's. */
struct nlq_iplink_data {
    int tag;
    int len;
    void *data;
};
/* The option `tag` with a string as its value. */
struct nlq_iplink_data nlq_iplink_strdata(int tag, const char *string);
/* Adds a virtual link of that type ("dummy", "bridge", ...) with nifd options. ifname NULL: the stack names
 * it. ifindex 0 or -1: the stack numbers it and the number is returned; else 0 is. Removes one by its name,
 * or by its index with ifname NULL. */
int nlq_iplink_add(const char *ifname, unsigned int ifindex, const char *type, struct nlq_iplink_data *ifd,
                   int nifd);
int nlq_iplink_del(const char *ifname, unsigned int ifindex);

/* The netdevice(7) ioctls, by netlink. Served: SIOCGIFCONF, SIOCGIFNAME, SIOCGIFINDEX, SIOCSIFNAME, and the
 * pairs SIOCGIF/SIOCSIF of FLAGS, ADDR, DSTADDR, BRDADDR, NETMASK, HWADDR, MTU, TXQLEN, METRIC, and
 * SIOCGIFMAP: arg as there, addresses are IPv4; SIOCADDRT and SIOCDELRT with a struct rtentry. If fd is a socket
 * of AF_INET6, SIOCADDRT and SIOCDELRT take a struct in6_rtmsg, and SIOCSIFADDR (which adds) and SIOCDIFADDR a
 * struct in6_ifreq. nlq_ioctl hands any other request to ioctl(2) (nlqx_ioctl: to ioth_ioctl) on fd, which is
 * not used otherwise; nlq_ioctl_nofd takes IPv4 and refuses others with ENOTTY. 0 or -1. */
int nlq_ioctl(int fd, unsigned long request, void *arg);
int nlq_ioctl_nofd(unsigned long request, void *arg);
/* Writes the text of /proc/net/dev, by netlink. 0 or -1. */
int nlq_proc_net_dev(FILE *f);

/* ---- addresses and prefixes ---- */

/* Bytes of an address: 4 (AF_INET), 16 (AF_INET6), 0 (others). */
int nlq_family2addrlen(int family);
/* Stores the mask of a prefix length, as many bytes as the family has. 0, or -1: EAFNOSUPPORT, EINVAL. */
int nlq_prefix2mask(int family, void *mask, int prefixlen);
/* The prefix length of a mask, or -1: EAFNOSUPPORT; EINVAL, ones follow zeroes. */
int nlq_mask2prefix(int family, const void *mask);
/* A prefixlen with address flags (IFA_F_NODAD, ...) and a scope (RT_SCOPE_LINK, ...) in it. */
int nlq_addrdata2prefix(unsigned char prefixlen, unsigned char flags, unsigned char scope);
/* A dst_prefixlen with a route type (RTN_BLACKHOLE, ...) and a scope in it; 0: the usual ones. */
int nlq_routedata2prefix(unsigned char prefixlen, unsigned char type, unsigned char scope);

/* ---- the same on a stack of libioth; NULL: its default stack ---- */

int nlqx_open(struct ioth *stack, int protocol);
int nlqx_sendmsg(struct ioth *stack, int fd, struct nlq_msg *msg);
int nlqx_complete_send_freemsg(struct ioth *stack, int fd, struct nlq_msg *msg);
int nlqx_recv_process_rtreply(struct ioth *stack, int fd, nlq_doit_f cb, const void *argin, void *argout,
                              void *argenv);
int nlqx_rtdialog(struct ioth *stack, struct nlq_msg *msg, nlq_doit_f cb, const void *argin, void *argout,
                  void *argenv);
unsigned int nlqx_if_nametoindex(struct ioth *stack, const char *ifname);
char *nlqx_if_indextoname(struct ioth *stack, unsigned int ifindex, char *ifname);
struct nlq_if_nameindex *nlqx_if_nameindex(struct ioth *stack);
void nlqx_if_freenameindex(struct ioth *stack, struct nlq_if_nameindex *ptr);
int nlqx_linksetupdown(struct ioth *stack, unsigned int ifindex, int updown);
int nlqx_ipaddr_add(struct ioth *stack, int family, const void *addr, int prefixlen, unsigned int ifindex);
int nlqx_ipaddr_del(struct ioth *stack, int family, const void *addr, int prefixlen, unsigned int ifindex);
int nlqx_iproute_add(struct ioth *stack, int family, const void *dst, int dst_prefixlen, const void *gw,
                     unsigned int ifindex);
int nlqx_iproute_del(struct ioth *stack, int family, const void *dst, int dst_prefixlen, const void *gw,
                     unsigned int ifindex);
int nlqx_iplink_add(struct ioth *stack, const char *ifname, unsigned int ifindex, const char *type,
                    struct nlq_iplink_data *ifd, int nifd);
int nlqx_iplink_del(struct ioth *stack, const char *ifname, unsigned int ifindex);
int nlqx_ioctl(struct ioth *stack, int fd, unsigned long request, void *arg);
int nlqx_ioctl_nofd(struct ioth *stack, unsigned long request, void *arg);
int nlqx_proc_net_dev(struct ioth *stack, FILE *f);

/* ---- server side ---- */

/*
 * What a stack knows how to do with one kind of object (links, addresses, routes, ...). Any may be NULL:
 * such a request is answered EOPNOTSUPP. stackinfo is the stack's own pointer, passed through; an entry is
 * a pointer of the stack's, never looked into. All but search_entry return 0 or a negative errno.
 *
 * Before a handler is called the request has been checked, so that it may read on without checks of its own:
 *   - the message bears the whole fixed structure of its kind (struct ifinfomsg, ifaddrmsg, rtmsg, ndmsg,
 *     fib_rule_hdr, tcmsg); what a short GET leaves out is zeroes;
 *   - attr has NLQ_ATTRS elements, and each attribute lies inside the message (or is a copy);
 *   - numbers (IFLA_MTU, IFLA_TXQLEN, IFLA_MASTER, IFLA_LINK, IFA_FLAGS, RTA_OIF, RTA_PRIORITY, ...) have
 *     their 4 bytes; names (IFLA_IFNAME, IFA_LABEL, ...) end with a NUL and fit in IFNAMSIZ bytes with it;
 *     IFA_LOCAL, IFA_ADDRESS, RTA_DST, RTA_GATEWAY, NDA_DST, ... have as many bytes as an address of the
 *     message's family, where that is AF_INET or AF_INET6; IFLA_ADDRESS, IFLA_BROADCAST and NDA_LLADDR have
 *     1 to 32 bytes: look at nlq_attrlen;
 *   - prefix lengths (ifa_prefixlen, rtm_dst_len, rtm_src_len) fit the family, where it is one of these.
 */
struct nlq_request_handlers {
    /* The object that a request means, by its structure or attributes; NULL: there is none. For links: the
     * one of ifi_index if that is not 0, else the one of attr[IFLA_IFNAME]. For a route: RTM_GETROUTE means
     * the one that a packet to RTA_DST takes, other requests the one that is named exactly. */
    void *(*search_entry)(struct nlmsghdr *msg, struct nlattr **attr, void *stackinfo);
    /* Appends what describes the entry to the queue, by nlq_createmsg(RTM_NEWx, NLM_F_MULTI,
     * msg->nlmsg_seq, 0), ..., nlq_complete_enqueue. entry NULL: a dump, all entries (of the family that
     * the request names, unless that is AF_UNSPEC). The caller sets flags, seq and pid of the replies
     * right, and ends a dump. */
    int (*get)(void *entry, struct nlmsghdr *msg, struct nlattr **attr, struct nlq_msg **reply_queue,
               void *stackinfo);
#ifdef __cplusplus
    int (*new_)(struct nlmsghdr *msg, struct nlattr **attr, void *stackinfo);
#else
    /* Makes an object that is not there yet. */
    int (*new)(struct nlmsghdr *msg, struct nlattr **attr, void *stackinfo);
#endif
    /* Removes one. */
    int (*del)(void *entry, struct nlmsghdr *msg, struct nlattr **attr, void *stackinfo);
    /* Changes one. */
    int (*set)(void *entry, struct nlmsghdr *msg, struct nlattr **attr, void *stackinfo);
};

/* The handlers by kind: table[RTMF_LINK] = {...}, ... */
typedef struct nlq_request_handlers nlq_request_handlers_table[RTM_NR_FAMILIES];

#define RTMF_LINK  0
#define RTMF_ADDR  1
#define RTMF_ROUTE 2
#define RTMF_NEIGH 3
#define RTMF_RULE  4
#define RTMF_QDISC 5

/*
 * Answers one request and returns the queue of replies (their nlq_packet and nlq_size are what the reader of
 * the socket is to receive, one datagram each or several together); NULL: no reply is due, or there is no
 * memory for one.
 *
 *   GET with NLM_F_DUMP   get with entry NULL; then NLMSG_DONE
 *   GET                   get of the entry found
 *   NEW                   no such entry: new, or -ENODEV without NLM_F_CREATE;
 *                         there is one: -EEXIST with NLM_F_EXCL, else set
 *   DEL, SET (RTM_SETLINK) del, set of the entry found
 *
 * No such entry is -ENODEV. Errors are answered by NLMSG_ERROR with the request in it, success by an
 * NLMSG_ERROR of 0 if the request bears NLM_F_ACK. Replies carry seq and pid of the request. Messages
 * without NLM_F_REQUEST, and control messages (NLMSG_NOOP, ...), are not answered, but for an
 * acknowledgement if asked.
 *
 * msg: one that NLMSG_OK has found good, 4-aligned: nlmsg_len bytes are read. It stays the caller's and is
 * not changed.
 */
struct nlq_msg *nlq_process_rtrequest(struct nlmsghdr *msg, const struct nlq_request_handlers *table,
                                      void *stackinfo);
/* The same for all that came by one send: `len` bytes, any number of requests, any content and alignment.
 * What comes behind bytes that are no message is not looked at. */
struct nlq_msg *nlq_process_rtrequests(const void *bytes, size_t len,
                                       const struct nlq_request_handlers *table, void *stackinfo);

/* The ioctls of nlq_ioctl, answered by the handlers of RTMF_LINK and RTMF_ADDR: what a stack does for an
 * ioctl on one of its sockets, RTMF_ROUTE too for SIOCADDRT and SIOCDELRT; nlq_server_ioctl_family: on one of
 * AF_INET6. 0 or -1; ENOTTY: none of these requests. */
int nlq_server_ioctl(const struct nlq_request_handlers *table, void *stackinfo, unsigned long request,
                     void *arg);
int nlq_server_ioctl_family(const struct nlq_request_handlers *table, void *stackinfo, int family,
                            unsigned long request, void *arg);
/* Writes the text of /proc/net/dev of a stack. 0 or -1. */
int nlq_server_proc_net_dev(const struct nlq_request_handlers *table, void *stackinfo, FILE *f);

/* Calls cb for the messages of a queue of replies, which is freed, as nlq_recv_process_rtreply does for
 * those of a socket, and returns like it. */
int nlq_server_process_rtreply(struct nlq_msg *reply_queue, nlq_doit_f cb, const void *argin, void *argout,
                               void *argenv);
/* As nlq_rtdialog, with the handlers of a stack on the other side. */
int nlq_server_rtdialog(struct nlq_msg *msg, const struct nlq_request_handlers *table, void *stackinfo,
                        nlq_doit_f cb, const void *argin, void *argout, void *argenv);
/* One for all: table not NULL: nlq_server_rtdialog with stackinfo; table NULL and stackinfo not NULL:
 * nlqx_rtdialog on the struct ioth that stackinfo points to; both NULL: nlq_rtdialog. */
int nlq_general_rtdialog(struct nlq_msg *msg, const struct nlq_request_handlers *table, void *stackinfo,
                         nlq_doit_f cb, const void *argin, void *argout, void *argenv);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
#endif
