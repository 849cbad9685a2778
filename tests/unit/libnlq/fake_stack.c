/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "libnlq/fake_stack.h"

#include <net/if_arp.h>
#include <string.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>

void fake_init(struct fake_stack *stack, const char *name)
{
    memset(stack, 0, sizeof(*stack));
    stack->links[0] = (struct fake_link){.index = 7,
                                         .flags = IFF_BROADCAST | IFF_MULTICAST,
                                         .type = ARPHRD_ETHER,
                                         .mtu = 1500,
                                         .txqlen = 1000,
                                         .mac = {2, 0, 0, 0, 0, 7}};
    strcpy(stack->links[0].name, name);
}

static uint32_t number(const struct nlattr *attr)
{
    return *(const uint32_t *)nlq_attrdata(attr);
}

/* ---- links ---- */

static void *search_link(struct nlmsghdr *msg, struct nlattr **attr, void *stackinfo)
{
    const struct ifinfomsg *head = NLMSG_DATA(msg);
    struct fake_stack *stack = stackinfo;
    int i;

    for (i = 0; i < FAKE_LINKS; i++) {
        struct fake_link *link = &stack->links[i];

        if (link->index == 0)
            continue;
        if (head->ifi_index != 0
                ? link->index == head->ifi_index
                : attr[IFLA_IFNAME] != NULL && strcmp(link->name, nlq_attrdata(attr[IFLA_IFNAME])) == 0)
            return link;
    }
    return NULL;
}

static int describe_link(const struct fake_link *link, struct nlmsghdr *msg, struct nlq_msg **replies)
{
    struct nlq_msg *reply = nlq_createmsg(RTM_NEWLINK, NLM_F_MULTI, msg->nlmsg_seq, 0);

    nlq_addstruct(reply, ifinfomsg, .ifi_index = link->index, .ifi_type = link->type,
                  .ifi_flags = link->flags);
    nlq_addattr(reply, IFLA_IFNAME, link->name, (unsigned short)(strlen(link->name) + 1));
    nlq_addattr(reply, IFLA_MTU, &link->mtu, sizeof(link->mtu));
    nlq_addattr(reply, IFLA_TXQLEN, &link->txqlen, sizeof(link->txqlen));
    nlq_addattr(reply, IFLA_ADDRESS, link->mac, sizeof(link->mac));
    nlq_addattr(reply, IFLA_STATS64, &link->stats, sizeof(link->stats));
    return nlq_complete_enqueue(reply, replies) < 0 ? -errno : 0;
}

static int get_link(void *entry, struct nlmsghdr *msg, struct nlattr **attr, struct nlq_msg **replies,
                    void *stackinfo)
{
    struct fake_stack *stack = stackinfo;
    int i, error = 0;

    (void)attr;
    if (entry != NULL)
        return describe_link(entry, msg, replies);
    for (i = 0; i < FAKE_LINKS && error == 0; i++)
        if (stack->links[i].index != 0)
            error = describe_link(&stack->links[i], msg, replies);
    return error;
}

static int set_link(void *entry, struct nlmsghdr *msg, struct nlattr **attr, void *stackinfo)
{
    const struct ifinfomsg *head = NLMSG_DATA(msg);
    const unsigned settable = IFF_UP | IFF_NOARP | IFF_PROMISC | IFF_ALLMULTI | IFF_MULTICAST;
    const unsigned change = (head->ifi_change == 0 && head->ifi_flags == 0 ? 0 : head->ifi_change) & settable;
    struct fake_link *link = entry;

    (void)stackinfo;
    link->flags = (link->flags & ~change) | (head->ifi_flags & change);
    if (attr[IFLA_MTU] != NULL && number(attr[IFLA_MTU]) < 68)
        return -EINVAL;
    if (attr[IFLA_MTU] != NULL)
        link->mtu = number(attr[IFLA_MTU]);
    if (attr[IFLA_TXQLEN] != NULL)
        link->txqlen = number(attr[IFLA_TXQLEN]);
    if (attr[IFLA_IFNAME] != NULL)
        strcpy(link->name, nlq_attrdata(attr[IFLA_IFNAME]));
    if (attr[IFLA_ADDRESS] != NULL && nlq_attrlen(attr[IFLA_ADDRESS]) == sizeof(link->mac))
        memcpy(link->mac, nlq_attrdata(attr[IFLA_ADDRESS]), sizeof(link->mac));
    return 0;
}

static int new_link(struct nlmsghdr *msg, struct nlattr **attr, void *stackinfo)
{
    struct fake_stack *stack = stackinfo;
    int i;

    for (i = 0; i < FAKE_LINKS; i++)
        if (stack->links[i].index == 0) {
            stack->links[i] = (struct fake_link){.index = 20 + i, .mtu = 1500, .type = ARPHRD_ETHER};
            return set_link(&stack->links[i], msg, attr, stackinfo);
        }
    return -ENOSPC;
}

static int del_link(void *entry, struct nlmsghdr *msg, struct nlattr **attr, void *stackinfo)
{
    (void)msg, (void)attr, (void)stackinfo;
    ((struct fake_link *)entry)->index = 0;
    return 0;
}

/* ---- addresses ---- */

static void copy_addr(uint8_t to[16], const struct nlattr *attr)
{
    memset(to, 0, 16);
    if (attr != NULL && nlq_attrlen(attr) <= 16)
        memcpy(to, nlq_attrdata(attr), nlq_attrlen(attr));
}

static void *search_addr(struct nlmsghdr *msg, struct nlattr **attr, void *stackinfo)
{
    const struct ifaddrmsg *head = NLMSG_DATA(msg);
    struct fake_stack *stack = stackinfo;
    uint8_t local[16];
    int i;

    copy_addr(local, attr[IFA_LOCAL] != NULL ? attr[IFA_LOCAL] : attr[IFA_ADDRESS]);
    for (i = 0; i < FAKE_ADDRS; i++) {
        struct fake_addr *addr = &stack->addrs[i];

        if (addr->family != 0 && addr->family == head->ifa_family && addr->index == head->ifa_index &&
            addr->prefixlen == head->ifa_prefixlen && memcmp(addr->local, local, sizeof(local)) == 0)
            return addr;
    }
    return NULL;
}

static int describe_addr(const struct fake_addr *addr, struct nlmsghdr *msg, struct nlq_msg **replies)
{
    struct nlq_msg *reply = nlq_createmsg(RTM_NEWADDR, NLM_F_MULTI, msg->nlmsg_seq, 0);
    unsigned short len = (unsigned short)nlq_family2addrlen(addr->family);

    nlq_addstruct(reply, ifaddrmsg, .ifa_family = addr->family, .ifa_prefixlen = addr->prefixlen,
                  .ifa_scope = addr->scope, .ifa_index = addr->index);
    nlq_addattr(reply, IFA_LOCAL, addr->local, len);
    nlq_addattr(reply, IFA_ADDRESS, addr->peer, len);
    if (memcmp(addr->broadcast, "\0\0\0", 4) != 0)
        nlq_addattr(reply, IFA_BROADCAST, addr->broadcast, sizeof(addr->broadcast));
    if (addr->label[0] != '\0')
        nlq_addattr(reply, IFA_LABEL, addr->label, (unsigned short)(strlen(addr->label) + 1));
    return nlq_complete_enqueue(reply, replies) < 0 ? -errno : 0;
}

static int get_addr(void *entry, struct nlmsghdr *msg, struct nlattr **attr, struct nlq_msg **replies,
                    void *stackinfo)
{
    const struct ifaddrmsg *head = NLMSG_DATA(msg);
    struct fake_stack *stack = stackinfo;
    int i, error = 0;

    (void)attr;
    if (entry != NULL)
        return describe_addr(entry, msg, replies);
    for (i = 0; i < FAKE_ADDRS && error == 0; i++)
        if (stack->addrs[i].family != 0 &&
            (head->ifa_family == AF_UNSPEC || head->ifa_family == stack->addrs[i].family))
            error = describe_addr(&stack->addrs[i], msg, replies);
    return error;
}

static int new_addr(struct nlmsghdr *msg, struct nlattr **attr, void *stackinfo)
{
    const struct ifaddrmsg *head = NLMSG_DATA(msg);
    struct fake_stack *stack = stackinfo;
    struct fake_addr *addr = stack->addrs;

    if (nlq_family2addrlen(head->ifa_family) == 0)
        return -EAFNOSUPPORT;
    while (addr < stack->addrs + FAKE_ADDRS && addr->family != 0)
        addr++;
    if (addr == stack->addrs + FAKE_ADDRS)
        return -ENOSPC;
    *addr = (struct fake_addr){.family = head->ifa_family,
                               .prefixlen = head->ifa_prefixlen,
                               .scope = head->ifa_scope,
                               .index = head->ifa_index};
    copy_addr(addr->local, attr[IFA_LOCAL] != NULL ? attr[IFA_LOCAL] : attr[IFA_ADDRESS]);
    copy_addr(addr->peer, attr[IFA_ADDRESS] != NULL ? attr[IFA_ADDRESS] : attr[IFA_LOCAL]);
    if (attr[IFA_BROADCAST] != NULL && head->ifa_family == AF_INET)
        memcpy(addr->broadcast, nlq_attrdata(attr[IFA_BROADCAST]), sizeof(addr->broadcast));
    if (attr[IFA_LABEL] != NULL && !stack->without_labels)
        strcpy(addr->label, nlq_attrdata(attr[IFA_LABEL]));
    return 0;
}

static int del_addr(void *entry, struct nlmsghdr *msg, struct nlattr **attr, void *stackinfo)
{
    struct fake_addr *addr = entry, *end = ((struct fake_stack *)stackinfo)->addrs + FAKE_ADDRS;

    (void)msg, (void)attr;
    memmove(addr, addr + 1,
            (size_t)(end - addr - 1) * sizeof(*addr)); /* in the order they came, as the kernel's */
    end[-1].family = 0;
    return 0;
}

/* ---- routes: no `set` ---- */

static void *search_route(struct nlmsghdr *msg, struct nlattr **attr, void *stackinfo)
{
    const struct rtmsg *head = NLMSG_DATA(msg);
    struct fake_stack *stack = stackinfo;
    uint8_t dst[16];
    int i;

    copy_addr(dst, attr[RTA_DST]);
    for (i = 0; i < FAKE_ROUTES; i++)
        if (stack->routes[i].family != 0 && stack->routes[i].family == head->rtm_family &&
            stack->routes[i].dst_len == head->rtm_dst_len && memcmp(stack->routes[i].dst, dst, 16) == 0)
            return &stack->routes[i];
    return NULL;
}

static int describe_route(const struct fake_route *route, struct nlmsghdr *msg, struct nlq_msg **replies)
{
    struct nlq_msg *reply = nlq_createmsg(RTM_NEWROUTE, NLM_F_MULTI, msg->nlmsg_seq, 0);
    unsigned short len = (unsigned short)nlq_family2addrlen(route->family);

    nlq_addstruct(reply, rtmsg, .rtm_family = route->family, .rtm_dst_len = route->dst_len,
                  .rtm_table = RT_TABLE_MAIN, .rtm_type = RTN_UNICAST);
    if (route->dst_len != 0)
        nlq_addattr(reply, RTA_DST, route->dst, len);
    if (route->has_gateway)
        nlq_addattr(reply, RTA_GATEWAY, route->gateway, len);
    nlq_addattr(reply, RTA_OIF, &route->oif, sizeof(route->oif));
    return nlq_complete_enqueue(reply, replies) < 0 ? -errno : 0;
}

static int get_route(void *entry, struct nlmsghdr *msg, struct nlattr **attr, struct nlq_msg **replies,
                     void *stackinfo)
{
    struct fake_stack *stack = stackinfo;
    int i, error = 0;

    (void)attr;
    if (entry != NULL)
        return describe_route(entry, msg, replies);
    for (i = 0; i < FAKE_ROUTES && error == 0; i++)
        if (stack->routes[i].family != 0)
            error = describe_route(&stack->routes[i], msg, replies);
    return error;
}

static int new_route(struct nlmsghdr *msg, struct nlattr **attr, void *stackinfo)
{
    const struct rtmsg *head = NLMSG_DATA(msg);
    struct fake_stack *stack = stackinfo;
    struct fake_route *route = stack->routes;

    if (nlq_family2addrlen(head->rtm_family) == 0)
        return -EAFNOSUPPORT;
    while (route < stack->routes + FAKE_ROUTES && route->family != 0)
        route++;
    if (route == stack->routes + FAKE_ROUTES)
        return -ENOSPC;
    *route = (struct fake_route){.family = head->rtm_family,
                                 .dst_len = head->rtm_dst_len,
                                 .has_gateway = attr[RTA_GATEWAY] != NULL,
                                 .oif = attr[RTA_OIF] != NULL ? number(attr[RTA_OIF]) : 0};
    copy_addr(route->dst, attr[RTA_DST]);
    copy_addr(route->gateway, attr[RTA_GATEWAY]);
    return 0;
}

static int del_route(void *entry, struct nlmsghdr *msg, struct nlattr **attr, void *stackinfo)
{
    (void)msg, (void)attr, (void)stackinfo;
    ((struct fake_route *)entry)->family = 0;
    return 0;
}

const nlq_request_handlers_table fake_handlers = {
    [RTMF_LINK] = {search_link, get_link, new_link, del_link, set_link},
    [RTMF_ADDR] = {search_addr, get_addr, new_addr, del_addr, NULL},
    [RTMF_ROUTE] = {search_route, get_route, new_route, del_route, NULL},
};
