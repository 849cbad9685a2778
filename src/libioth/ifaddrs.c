/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * getifaddrs over netlink, so that it works on every stack that is configured that way (RFC 3549).
 *
 * Two dumps: the links, each an AF_PACKET entry with flags, MAC address and statistics, then the addresses,
 * which take name and flags from the link of their index. An entry is one allocation with room for all it
 * points to; the list is in the order in which the stack told it.
 */
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netpacket/packet.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <linux/if_link.h>
#include <linux/rtnetlink.h>

#include <ioth.h>

#include "wire/netlink.h"

/* The kernel fills a datagram of a dump up to what the reader takes, at most this. */
enum { DUMP_BYTES = 32768 };

union any_sockaddr {
    struct sockaddr any;
    struct sockaddr_in in;
    struct sockaddr_in6 in6;
    struct sockaddr_ll ll;
};

struct entry {
    struct ifaddrs ifa; /* first: the list is of these */
    int ifindex;
    char name[IFNAMSIZ];
    union any_sockaddr addr, netmask, other; /* other: broadcast or peer */
    struct rtnl_link_stats stats;
};

struct list {
    struct ifaddrs *first;
    struct ifaddrs **next;
};

/* Copies what fits of a value into the `size` bytes at dst, which are zero before. */
static void copy_value(void *dst, size_t size, struct reader value)
{
    size_t len = reader_left(&value) < size ? reader_left(&value) : size;

    memcpy(dst, reader_take(&value, len), len);
}

static struct entry *append_entry(struct list *list, int ifindex)
{
    struct entry *entry = calloc(1, sizeof(*entry));

    if (entry == NULL)
        return NULL;
    entry->ifindex = ifindex;
    entry->ifa.ifa_name = entry->name;
    *list->next = &entry->ifa;
    list->next = &entry->ifa.ifa_next;
    return entry;
}

static struct sockaddr *set_link_address(union any_sockaddr *addr, const struct ifinfomsg *link,
                                         struct reader value)
{
    size_t len = reader_left(&value);

    addr->ll.sll_family = AF_PACKET;
    addr->ll.sll_ifindex = link->ifi_index;
    addr->ll.sll_hatype = link->ifi_type;
    addr->ll.sll_halen = (unsigned char)(len < sizeof(addr->ll.sll_addr) ? len : sizeof(addr->ll.sll_addr));
    copy_value(addr->ll.sll_addr, sizeof(addr->ll.sll_addr), value);
    return &addr->any;
}

static int add_link(struct list *list, const struct nlmsghdr *msg)
{
    const struct ifinfomsg *link = NLMSG_DATA(msg);
    struct reader attrs = netlink_attrs_of(msg, sizeof(*link));
    const struct nlattr *attr;
    struct entry *entry;

    if (attrs.bad)
        return -EBADMSG;
    entry = append_entry(list, link->ifi_index);
    if (entry == NULL)
        return -ENOMEM;
    entry->ifa.ifa_flags = link->ifi_flags;
    entry->ifa.ifa_addr = set_link_address(&entry->addr, link, reader_of("", 0));
    while ((attr = netlink_next_attr(&attrs)) != NULL) {
        struct reader value = netlink_payload(attr);

        if (attr->nla_type == IFLA_IFNAME) {
            copy_value(entry->name, sizeof(entry->name) - 1, value);
        } else if (attr->nla_type == IFLA_ADDRESS) {
            set_link_address(&entry->addr, link, value);
        } else if (attr->nla_type == IFLA_BROADCAST) {
            entry->ifa.ifa_broadaddr = set_link_address(&entry->other, link, value);
        } else if (attr->nla_type == IFLA_STATS) {
            copy_value(&entry->stats, sizeof(entry->stats), value);
            entry->ifa.ifa_data = &entry->stats;
        }
    }
    return 0;
}

/* attr NULL: of zeroes. */
static struct sockaddr *set_ip_address(union any_sockaddr *addr, const struct ifaddrmsg *ip,
                                       const struct nlattr *attr)
{
    struct reader value = attr == NULL ? reader_of("", 0) : netlink_payload(attr);

    addr->any.sa_family = ip->ifa_family;
    if (ip->ifa_family == AF_INET) {
        copy_value(&addr->in.sin_addr, sizeof(addr->in.sin_addr), value);
        return &addr->any;
    }
    copy_value(&addr->in6.sin6_addr, sizeof(addr->in6.sin6_addr), value);
    if (IN6_IS_ADDR_LINKLOCAL(&addr->in6.sin6_addr) || IN6_IS_ADDR_MC_LINKLOCAL(&addr->in6.sin6_addr))
        addr->in6.sin6_scope_id = ip->ifa_index;
    return &addr->any;
}

static struct sockaddr *set_netmask(union any_sockaddr *mask, const struct ifaddrmsg *ip)
{
    unsigned char bits[16] = {0};
    unsigned i;

    for (i = 0; i < ip->ifa_prefixlen && i < 8 * sizeof(bits); i++)
        bits[i / 8] |= (unsigned char)(0x80 >> i % 8);
    mask->any.sa_family = ip->ifa_family;
    if (ip->ifa_family == AF_INET)
        memcpy(&mask->in.sin_addr, bits, sizeof(mask->in.sin_addr));
    else
        memcpy(&mask->in6.sin6_addr, bits, sizeof(mask->in6.sin6_addr));
    return &mask->any;
}

/* Name and flags of the link that the address stands on. */
static void describe_by_link(struct entry *entry, const struct ifaddrs *first)
{
    const struct ifaddrs *ifa;

    for (ifa = first; ifa != NULL; ifa = ifa->ifa_next) {
        const struct entry *link = (const struct entry *)ifa;

        if (link->ifindex == entry->ifindex && link->addr.any.sa_family == AF_PACKET) {
            entry->ifa.ifa_flags = link->ifa.ifa_flags;
            memcpy(entry->name, link->name, sizeof(entry->name));
            return;
        }
    }
}

static int add_address(struct list *list, const struct nlmsghdr *msg)
{
    const struct ifaddrmsg *ip = NLMSG_DATA(msg);
    struct reader attrs = netlink_attrs_of(msg, sizeof(*ip));
    const struct nlattr *attr, *local = NULL, *address = NULL, *broadcast = NULL;
    struct entry *entry;

    if (attrs.bad)
        return -EBADMSG;
    if (ip->ifa_family != AF_INET && ip->ifa_family != AF_INET6)
        return 0;
    entry = append_entry(list, (int)ip->ifa_index);
    if (entry == NULL)
        return -ENOMEM;
    describe_by_link(entry, list->first);
    while ((attr = netlink_next_attr(&attrs)) != NULL) {
        if (attr->nla_type == IFA_LOCAL)
            local = attr;
        else if (attr->nla_type == IFA_ADDRESS)
            address = attr;
        else if (attr->nla_type == IFA_BROADCAST)
            broadcast = attr;
        else if (attr->nla_type == IFA_LABEL)
            copy_value(entry->name, sizeof(entry->name) - 1, netlink_payload(attr));
    }
    /* Where both are told, IFA_LOCAL is ours and IFA_ADDRESS the peer's, the same unless the link is
     * point-to-point. */
    entry->ifa.ifa_addr = set_ip_address(&entry->addr, ip, local != NULL ? local : address);
    entry->ifa.ifa_netmask = set_netmask(&entry->netmask, ip);
    if (broadcast != NULL)
        entry->ifa.ifa_broadaddr = set_ip_address(&entry->other, ip, broadcast);
    else if (local != NULL && address != NULL && (entry->ifa.ifa_flags & IFF_POINTOPOINT) != 0)
        entry->ifa.ifa_dstaddr = set_ip_address(&entry->other, ip, address);
    return 0;
}

/* Reads one datagram of a dump into the list. 1: the dump is complete, 0: more is to come, or -errno. */
static int read_datagram(struct list *list, struct reader datagram, uint32_t seq)
{
    const struct nlmsghdr *msg;
    int result = 0;

    while (result == 0 && (msg = netlink_next_message(&datagram)) != NULL) {
        if (msg->nlmsg_seq != seq)
            continue;
        if (msg->nlmsg_type == NLMSG_DONE || msg->nlmsg_type == NLMSG_ERROR)
            result = netlink_code(msg) < 0 ? netlink_code(msg) : 1;
        else if (msg->nlmsg_type == RTM_NEWLINK)
            result = add_link(list, msg);
        else if (msg->nlmsg_type == RTM_NEWADDR)
            result = add_address(list, msg);
    }
    return datagram.bad ? -EBADMSG : result;
}

/* Asks for all objects of one kind (RTM_GETLINK, RTM_GETADDR) and appends them. 0 or -errno. */
static int dump(int fd, uint16_t type, uint32_t seq, unsigned char *buffer, struct list *list)
{
    struct {
        struct nlmsghdr head;
        struct ifinfomsg body; /* as long as any; for addresses its first byte is the family too */
    } request = {.head = {.nlmsg_len = NLMSG_LENGTH(type == RTM_GETADDR ? sizeof(struct ifaddrmsg)
                                                                        : sizeof(struct ifinfomsg)),
                          .nlmsg_type = type,
                          .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP,
                          .nlmsg_seq = seq}};
    int complete = 0;

    if (ioth_send(fd, &request, request.head.nlmsg_len, 0) < 0)
        return -errno;
    while (complete == 0) {
        ssize_t len = ioth_recv(fd, buffer, DUMP_BYTES, 0);

        if (len < 0 && errno == EINTR)
            continue;
        if (len <= 0)
            return len < 0 ? -errno : -ECONNRESET;
        complete = read_datagram(list, reader_of(buffer, (size_t)len), seq);
    }
    return complete < 0 ? complete : 0;
}

static int dump_all(struct ioth *iothstack, struct list *list)
{
    unsigned char *buffer = malloc(DUMP_BYTES);
    int fd, error;

    if (buffer == NULL)
        return -ENOMEM;
    fd = ioth_msocket(iothstack, AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    error = fd < 0 ? -errno : 0;
    if (error == 0)
        error = dump(fd, RTM_GETLINK, 1, buffer, list);
    if (error == 0)
        error = dump(fd, RTM_GETADDR, 2, buffer, list);
    if (fd >= 0)
        ioth_close(fd);
    free(buffer);
    return error;
}

int ioth_getifaddrs(struct ioth *iothstack, struct ifaddrs **ifap)
{
    struct list list = {.first = NULL};
    int error;

    list.next = &list.first;
    error = dump_all(iothstack, &list);
    if (error < 0) {
        ioth_freeifaddrs(list.first);
        errno = -error;
        return -1;
    }
    *ifap = list.first;
    return 0;
}

void ioth_freeifaddrs(struct ifaddrs *ifa)
{
    while (ifa != NULL) {
        struct ifaddrs *next = ifa->ifa_next;

        free(ifa);
        ifa = next;
    }
}
