/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The stack is asked by netlink for its addresses, as RFC 6724 needs their prefix lengths and whether they are deprecated,
 * and by a UDP socket for each destination: connected, it says which source address the stack would use, and whether there
 * is a route at all. Nothing is sent by that. Each destination has a socket of its own, since a second connect keeps the
 * source of the first one on some stacks.
 *
 * A stack that does not tell its addresses is taken to have both families; what is not known of a source is taken as usual.
 * As for glibc, addresses of a stack without IPv6 are not looked at for the order: there IPv4 addresses stay as the server
 * has given them, in the own subnet or not.
 */
#include "libiothdns/addrinfo_stack.h"

#include <errno.h>
#include <net/if_arp.h>
#include <stdlib.h>
#include <string.h>

#include <linux/rtnetlink.h>

#include <ioth.h>
#include <libnlq.h>

enum {
    ROOM_FIRST = 16,  /* addresses: most stacks have fewer */
    DISCARD_PORT = 9, /* RFC 863; some stacks want one that is not 0 */
    V4_BITS = 96,     /* where an IPv4 address begins in the 128 */
};

/* --- addresses --- */

static void to_ipaddr(int family, const void *addr, struct ipaddr *ret)
{
    *ret = (struct ipaddr){{[10] = 0xff, [11] = 0xff}};
    if (family == AF_INET)
        memcpy(ret->b + V4_BITS / 8, addr, 4);
    else
        memcpy(ret->b, addr, 16);
}

static int add_address(struct stack_addresses *addresses, const struct stack_address *address)
{
    if (addresses->count == addresses->room) {
        unsigned room = addresses->room ? addresses->room * 2 : ROOM_FIRST;
        struct stack_address *larger = reallocarray(addresses->list, room, sizeof(*larger));
        if (!larger)
            return -ENOMEM;
        addresses->list = larger;
        addresses->room = room;
    }
    addresses->list[addresses->count++] = *address;
    return 0;
}

/* For each address of the dump. */
static int on_address(struct nlmsghdr *msg, struct nlattr **attr, const void *argin, void *argout,
                      void *argenv)
{
    const struct nlattr *addr = attr[IFA_LOCAL] ? attr[IFA_LOCAL] : attr[IFA_ADDRESS];
    struct stack_address found = {0};
    struct ifaddrmsg ifa;

    (void)argin;
    (void)argenv;
    if (msg->nlmsg_type != RTM_NEWADDR || msg->nlmsg_len < NLMSG_LENGTH(sizeof(ifa)) || !addr)
        return 0;
    memcpy(&ifa, NLMSG_DATA(msg), sizeof(ifa));
    bool is_v4 = ifa.ifa_family == AF_INET;
    if ((!is_v4 && ifa.ifa_family != AF_INET6) || nlq_attrlen(addr) != (is_v4 ? 4 : 16))
        return 0;
    to_ipaddr(ifa.ifa_family, nlq_attrdata(addr), &found.addr);
    found.bits = (uint8_t)(ifa.ifa_prefixlen + (is_v4 ? V4_BITS : 0));
    found.deprecated = ifa.ifa_flags & (IFA_F_DEPRECATED | IFA_F_OPTIMISTIC);
    found.home = ifa.ifa_flags & IFA_F_HOMEADDRESS;
    found.ifindex = ifa.ifa_index;
    return add_address(argout, &found);
}

int stack_addresses_read(struct ioth *stack, struct stack_addresses *ret)
{
    struct nlq_msg *msg = nlq_createmsg(RTM_GETADDR, NLM_F_REQUEST | NLM_F_DUMP, 0, 0);

    *ret = (struct stack_addresses){0};
    if (!msg)
        return -ENOMEM;
    nlq_addstruct(msg, ifaddrmsg, .ifa_family = AF_UNSPEC);
    int error = nlqx_rtdialog(stack, msg, on_address, NULL, ret, NULL);
    ret->known = error >= 0;
    return error == -ENOMEM ? -ENOMEM : 0;
}

void stack_addresses_fini(struct stack_addresses *addresses)
{
    free(addresses->list);
    *addresses = (struct stack_addresses){0};
}

bool stack_has_family(const struct stack_addresses *addresses, int family)
{
    static const struct ipaddr loopback4 = {{[10] = 0xff, 0xff, 127, 0, 0, 1}}, loopback6 = {{[15] = 1}};

    for (unsigned i = 0; i < addresses->count; i++) {
        const struct ipaddr *a = &addresses->list[i].addr;
        if (ipaddr_is_v4(a) == (family == AF_INET) && !ipaddr_equal(a, &loopback4) &&
            !ipaddr_equal(a, &loopback6))
            return true;
    }
    return !addresses->known;
}

static const struct stack_address *find_address(const struct stack_addresses *addresses,
                                                const struct ipaddr *addr)
{
    for (unsigned i = 0; i < addresses->count; i++) {
        if (ipaddr_equal(&addresses->list[i].addr, addr))
            return &addresses->list[i];
    }
    return NULL;
}

/* --- sources --- */

static socklen_t destination_sockaddr(const struct addrorder_candidate *c, uint32_t scope,
                                      struct sockaddr_storage *ret)
{
    const struct ipendpoint endpoint = {.addr = c->dst, .port = DISCARD_PORT};
    socklen_t len = ipendpoint_to_sockaddr(&endpoint, false, ret);

    if (ret->ss_family == AF_INET6)
        memcpy((char *)ret + offsetof(struct sockaddr_in6, sin6_scope_id), &scope, sizeof(scope));
    return len;
}

/* The address that the stack would send from; false: it would not. */
static bool find_source(struct ioth *stack, const struct sockaddr_storage *to, socklen_t to_len,
                        struct ipaddr *ret)
{
    struct sockaddr_storage from;
    socklen_t from_len = sizeof(from);
    struct ipendpoint endpoint;
    int fd = ioth_msocket(stack, to->ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return false;
    bool found = ioth_connect(fd, (const struct sockaddr *)to, to_len) == 0 &&
                 ioth_getsockname(fd, (struct sockaddr *)&from, &from_len) == 0 &&
                 ipendpoint_from_sockaddr((struct sockaddr *)&from, &endpoint) == 0;
    ioth_close(fd);
    if (found)
        *ret = endpoint.addr;
    return found;
}

/* All that is known of a destination but rule 7's. */
static void describe(struct ioth *stack, const struct stack_addresses *own, const struct gai_address *address,
                     struct addrorder_candidate *ret)
{
    struct sockaddr_storage to;

    *ret = (struct addrorder_candidate){0};
    to_ipaddr(address->family, address->addr, &ret->dst);
    ret->mapped = address->family == AF_INET6 && ipaddr_is_v4(&ret->dst);
    socklen_t to_len = destination_sockaddr(ret, address->scope, &to);
    ret->has_source = find_source(stack, &to, to_len, &ret->src);
    const struct stack_address *source = ret->has_source ? find_address(own, &ret->src) : NULL;
    if (!source || !stack_has_family(own, AF_INET6))
        return;
    ret->src_bits = source->bits;
    ret->deprecated = source->deprecated;
    ret->home = source->home;
    ret->src_ifindex = source->ifindex;
}

/* --- rule 7: interfaces that encapsulate --- */

struct candidates {
    struct addrorder_candidate *list;
    unsigned count;
};

/* For each interface of the dump: marks what is sent from it. */
static int on_link(struct nlmsghdr *msg, struct nlattr **attr, const void *argin, void *argout, void *argenv)
{
    struct candidates *candidates = argout;
    struct ifinfomsg link;

    (void)attr;
    (void)argin;
    (void)argenv;
    if (msg->nlmsg_type != RTM_NEWLINK || msg->nlmsg_len < NLMSG_LENGTH(sizeof(link)))
        return 0;
    memcpy(&link, NLMSG_DATA(msg), sizeof(link));
    if (link.ifi_type != ARPHRD_TUNNEL && link.ifi_type != ARPHRD_TUNNEL6 && link.ifi_type != ARPHRD_SIT)
        return 0;
    for (unsigned i = 0; i < candidates->count; i++) {
        if (candidates->list[i].src_ifindex == (unsigned)link.ifi_index)
            candidates->list[i].tunnelled = true;
    }
    return 0;
}

/* Asks only where it could make a difference: the sources are of several interfaces. A stack that does not say has none
 * of these. 0 or -ENOMEM. */
static int mark_tunnelled(struct ioth *stack, struct candidates *candidates)
{
    unsigned i = 1;

    while (i < candidates->count && candidates->list[i].src_ifindex == candidates->list[0].src_ifindex)
        i++;
    if (i >= candidates->count)
        return 0;
    struct nlq_msg *msg = nlq_createmsg(RTM_GETLINK, NLM_F_REQUEST | NLM_F_DUMP, 0, 0);
    if (!msg)
        return -ENOMEM;
    nlq_addstruct(msg, ifinfomsg, .ifi_family = AF_UNSPEC);
    return nlqx_rtdialog(stack, msg, on_link, NULL, candidates, NULL) == -ENOMEM ? -ENOMEM : 0;
}

/* --- order --- */

static int order_with(struct ioth *stack, const struct stack_addresses *own,
                      const struct addrorder_policy *policy, struct gai_host *host,
                      struct candidates *candidates, unsigned *order)
{
    for (unsigned i = 0; i < host->count; i++)
        describe(stack, own, &host->addresses[i], &candidates->list[i]);
    int error = mark_tunnelled(stack, candidates);
    if (error == 0)
        error = addrorder_sort(policy, candidates->list, host->count, order);
    if (error < 0)
        return error;
    struct gai_address *sorted = calloc(host->count, sizeof(*sorted));
    if (!sorted)
        return -ENOMEM;
    for (unsigned i = 0; i < host->count; i++)
        sorted[i] = host->addresses[order[i]];
    free(host->addresses);
    host->addresses = sorted;
    host->room = host->count;
    return 0;
}

int stack_order(struct ioth *stack, const struct stack_addresses *own, const struct addrorder_policy *policy,
                struct gai_host *host)
{
    struct candidates candidates = {calloc(host->count, sizeof(*candidates.list)), host->count};
    unsigned *order = calloc(host->count, sizeof(*order));
    int error = -ENOMEM;

    if (candidates.list && order)
        error = order_with(stack, own, policy, host, &candidates, order);
    free(candidates.list);
    free(order);
    return error;
}
