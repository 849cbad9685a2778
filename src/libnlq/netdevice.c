/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The netdevice(7) ioctls by netlink, for all peers alike: the kernel, a stack of libioth, or the handlers of
 * one's own stack.
 *
 * Each ioctl is a row of a table: what its name asks about (a link, or one IPv4 address of it), and a
 * function that reads it from what was found or sends one change. The link is found by the name up to a
 * colon, its address is the first one whose label is the whole name; a request that reads and carries an
 * address means the one of that label and address first (4.4BSD's way to reach the second address of a
 * name, which Linux kept).
 *
 * Changing an address, its mask, broadcast or peer means to remove it and to add it again, as the kernel
 * itself does. A new address by SIOCSIFADDR gets the mask of its class (RFC 791 s3.2) and the broadcast
 * address that goes with it.
 */
#include <libnlq.h>

#include <arpa/inet.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <string.h>
#include <sys/ioctl.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>

#include "base/base.h"
#include "libnlq/netdevice.h"

extern __attribute__((weak)) int ioth_ioctl(int fd, unsigned long cmd, void *argp);
extern __attribute__((weak)) int ioth_getsockopt(int fd, int level, int optname, void *optval,
                                                 socklen_t *optlen);

enum { HWADDR_BYTES = 14 }; /* what struct sockaddr holds */

struct link {
    int index;
    unsigned flags;
    unsigned short type;
    char name[IFNAMSIZ];
    uint8_t mac[HWADDR_BYTES];
    uint32_t mtu, txqlen;
    struct rtnl_link_ifmap map;
};

/* An IPv4 address; addresses in network order. */
struct address {
    int index;
    uint8_t prefixlen, scope;
    char label[IFNAMSIZ];
    uint32_t local, peer, broadcast;
};

struct target {
    struct peer peer;
    struct link link;
    bool has_address;
    struct address address;
};

/* ---- finding the link ---- */

static void copy_attr(void *to, size_t size, const struct nlattr *attr)
{
    size_t len = attr == NULL ? 0 : nlq_attrlen(attr);

    memcpy(to, attr == NULL ? "" : nlq_attrdata(attr), len < size ? len : size);
}

static void copy_name(char to[static IFNAMSIZ], const struct nlattr *attr)
{
    memset(to, 0, IFNAMSIZ);
    copy_attr(to, IFNAMSIZ - 1, attr);
}

static int link_cb(struct nlmsghdr *msg, struct nlattr **attr, const void *argin, void *argout, void *argenv)
{
    const struct ifinfomsg *head = NLMSG_DATA(msg);
    struct link *link = argout;

    (void)argin, (void)argenv;
    *link = (struct link){.index = head->ifi_index, .flags = head->ifi_flags, .type = head->ifi_type};
    copy_name(link->name, attr[IFLA_IFNAME]);
    copy_attr(link->mac, sizeof(link->mac), attr[IFLA_ADDRESS]);
    copy_attr(&link->mtu, sizeof(link->mtu), attr[IFLA_MTU]);
    copy_attr(&link->txqlen, sizeof(link->txqlen), attr[IFLA_TXQLEN]);
    copy_attr(&link->map, sizeof(link->map), attr[IFLA_MAP]);
    return 0;
}

/* By index, or, if that is 0, by the name up to a colon. 0 or negative errno, -ENODEV if there is none. */
static int find_link(struct peer peer, int index, const char *name, struct link *ret_link)
{
    struct nlq_msg *msg;
    char copy[IFNAMSIZ] = "";
    size_t len = strcspn(name, ":");

    if (index == 0 && (len == 0 || len >= IFNAMSIZ))
        return -ENODEV;
    ret_link->index = 0;
    msg = request_new(RTM_GETLINK, 0);
    nlq_addstruct(msg, ifinfomsg, .ifi_family = AF_UNSPEC, .ifi_index = index);
    if (index == 0)
        nlq_addattr(msg, IFLA_IFNAME, memcpy(copy, name, len), (unsigned short)(len + 1));
    int error = peer_ask(peer, msg, link_cb, NULL, ret_link);
    return error < 0 ? error : ret_link->index == 0 ? -ENODEV : 0;
}

int netdevice_link_index(struct peer peer, const char *name)
{
    struct link link;
    int error = find_link(peer, 0, name, &link);

    return error < 0 ? error : link.index;
}

/* ---- finding the address ---- */

struct address_search {
    const struct link *link;
    const char *label;
    uint32_t exact; /* preferred; 0: none is */
    bool has, exact_found;
    struct address found;
};

static void read_address(struct nlmsghdr *msg, struct nlattr **attr, const char *link_name,
                         struct address *ret_address)
{
    const struct ifaddrmsg *head = NLMSG_DATA(msg);

    *ret_address = (struct address){
        .index = (int)head->ifa_index, .prefixlen = head->ifa_prefixlen, .scope = head->ifa_scope};
    copy_attr(&ret_address->peer, sizeof(uint32_t), attr[IFA_ADDRESS]);
    copy_attr(&ret_address->local, sizeof(uint32_t), attr[IFA_LOCAL] ? attr[IFA_LOCAL] : attr[IFA_ADDRESS]);
    copy_attr(&ret_address->broadcast, sizeof(uint32_t), attr[IFA_BROADCAST]);
    if (attr[IFA_LABEL] != NULL)
        copy_name(ret_address->label, attr[IFA_LABEL]);
    else
        memcpy(ret_address->label, link_name, IFNAMSIZ);
}

static int address_cb(struct nlmsghdr *msg, struct nlattr **attr, const void *argin, void *argout,
                      void *argenv)
{
    struct address_search *search = argout;
    struct address address;
    bool exact;

    (void)argin, (void)argenv;
    if (((struct ifaddrmsg *)NLMSG_DATA(msg))->ifa_family != AF_INET)
        return 0;
    read_address(msg, attr, search->link->name, &address);
    if (address.index != search->link->index || strcmp(address.label, search->label) != 0)
        return 0;
    exact = search->exact != 0 && address.local == search->exact;
    if (search->has && (search->exact_found || !exact))
        return 0;
    search->found = address;
    search->has = true;
    search->exact_found = exact;
    return 0;
}

static struct nlq_msg *new_address_dump(void)
{
    struct nlq_msg *msg = request_new(RTM_GETADDR, NLM_F_DUMP);

    nlq_addstruct(msg, ifaddrmsg, .ifa_family = AF_INET);
    return msg;
}

static int find_address(struct target *target, const char *label, uint32_t exact)
{
    struct address_search search = {.link = &target->link, .label = label, .exact = exact};
    int error = peer_ask(target->peer, new_address_dump(), address_cb, NULL, &search);

    target->has_address = search.has;
    target->address = search.found;
    return error;
}

/* ---- reading a link ---- */

static int get_flags(struct target *target, struct ifreq *ifr)
{
    ifr->ifr_flags = (short)target->link.flags;
    return 0;
}

static int get_index(struct target *target, struct ifreq *ifr)
{
    ifr->ifr_ifindex = target->link.index;
    return 0;
}

static int get_mtu(struct target *target, struct ifreq *ifr)
{
    ifr->ifr_mtu = (int)target->link.mtu;
    return 0;
}

static int get_txqlen(struct target *target, struct ifreq *ifr)
{
    ifr->ifr_qlen = (int)target->link.txqlen;
    return 0;
}

static int get_metric(struct target *target, struct ifreq *ifr)
{
    (void)target;
    ifr->ifr_metric = 0; /* Linux has none */
    return 0;
}

static int get_hwaddr(struct target *target, struct ifreq *ifr)
{
    ifr->ifr_hwaddr.sa_family = target->link.type;
    memcpy(ifr->ifr_hwaddr.sa_data, target->link.mac, sizeof(target->link.mac));
    return 0;
}

static int get_map(struct target *target, struct ifreq *ifr)
{
    const struct rtnl_link_ifmap *map = &target->link.map;

    memset(&ifr->ifr_map, 0, sizeof(ifr->ifr_map));
    ifr->ifr_map.mem_start = map->mem_start;
    ifr->ifr_map.mem_end = map->mem_end;
    ifr->ifr_map.base_addr = (unsigned short)map->base_addr;
    ifr->ifr_map.irq = (unsigned char)map->irq;
    ifr->ifr_map.dma = map->dma;
    ifr->ifr_map.port = map->port;
    return 0;
}

/* ---- changing a link ---- */

static int set_link(struct target *target, struct ifinfomsg head, unsigned short type, const void *data,
                    size_t len)
{
    struct nlq_msg *msg = request_new(RTM_SETLINK, 0);

    head.ifi_index = target->link.index;
    nlq_add(msg, &head, sizeof(head));
    if (len != 0)
        nlq_addattr(msg, type, data, (unsigned short)len);
    return peer_ask(target->peer, msg, nlq_process_null_cb, NULL, NULL);
}

static int set_link_number(struct target *target, unsigned short type, int number)
{
    return number < 0 ? -EINVAL : set_link(target, (struct ifinfomsg){0}, type, &number, sizeof(number));
}

static int change_address(struct target *target, uint16_t type, int flags, const struct address *address);

static int set_flags(struct target *target, struct ifreq *ifr)
{
    /* Through an alias, "eth0:1", only its address can go down, for good. */
    if (strchr(ifr->ifr_name, ':') != NULL) {
        int error = find_address(target, ifr->ifr_name, 0);

        if (error < 0 || !target->has_address)
            return error < 0 ? error : -EADDRNOTAVAIL;
        return (ifr->ifr_flags & IFF_UP) != 0 ? 0 : change_address(target, RTM_DELADDR, 0, &target->address);
    }
    return set_link(target,
                    (struct ifinfomsg){.ifi_flags = (uint16_t)ifr->ifr_flags, .ifi_change = UINT16_MAX}, 0,
                    NULL, 0);
}

static int set_mtu(struct target *target, struct ifreq *ifr)
{
    return set_link_number(target, IFLA_MTU, ifr->ifr_mtu);
}

static int set_txqlen(struct target *target, struct ifreq *ifr)
{
    return set_link_number(target, IFLA_TXQLEN, ifr->ifr_qlen);
}

static int set_metric(struct target *target, struct ifreq *ifr)
{
    (void)target, (void)ifr;
    return -EOPNOTSUPP;
}

static int set_hwaddr(struct target *target, struct ifreq *ifr)
{
    if (ifr->ifr_hwaddr.sa_family != target->link.type)
        return -EINVAL;
    return set_link(target, (struct ifinfomsg){0}, IFLA_ADDRESS, ifr->ifr_hwaddr.sa_data,
                    target->link.type == ARPHRD_ETHER ? 6 : HWADDR_BYTES);
}

static int set_name(struct target *target, struct ifreq *ifr)
{
    size_t len = strnlen(ifr->ifr_newname, IFNAMSIZ);

    if (len == 0 || len == IFNAMSIZ)
        return -EINVAL;
    return set_link(target, (struct ifinfomsg){0}, IFLA_IFNAME, ifr->ifr_newname, len + 1);
}

/* ---- reading an address ---- */

static void put_in(struct sockaddr *sa, uint32_t addr)
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = addr};

    memcpy(sa, &in, sizeof(in));
}

static uint32_t get_in(const struct sockaddr *sa)
{
    struct sockaddr_in in;

    memcpy(&in, sa, sizeof(in));
    return in.sin_addr.s_addr;
}

static uint32_t mask_of(int prefixlen)
{
    uint32_t mask = 0;

    nlq_prefix2mask(AF_INET, &mask, prefixlen);
    return mask;
}

static int get_addr(struct target *target, struct ifreq *ifr)
{
    put_in(&ifr->ifr_addr, target->address.local);
    return 0;
}

static int get_dstaddr(struct target *target, struct ifreq *ifr)
{
    put_in(&ifr->ifr_dstaddr, target->address.peer);
    return 0;
}

static int get_brdaddr(struct target *target, struct ifreq *ifr)
{
    put_in(&ifr->ifr_broadaddr, target->address.broadcast);
    return 0;
}

static int get_netmask(struct target *target, struct ifreq *ifr)
{
    put_in(&ifr->ifr_netmask, mask_of(target->address.prefixlen));
    return 0;
}

/* ---- changing an address ---- */

static int change_address(struct target *target, uint16_t type, int flags, const struct address *address)
{
    struct nlq_msg *msg = request_new(type, (uint16_t)flags);

    nlq_addstruct(msg, ifaddrmsg, .ifa_family = AF_INET, .ifa_prefixlen = address->prefixlen,
                  .ifa_scope = address->scope, .ifa_index = (unsigned)address->index);
    nlq_addattr(msg, IFA_LOCAL, &address->local, sizeof(address->local));
    nlq_addattr(msg, IFA_ADDRESS, &address->peer, sizeof(address->peer));
    if (address->broadcast != 0)
        nlq_addattr(msg, IFA_BROADCAST, &address->broadcast, sizeof(address->broadcast));
    nlq_addattr(msg, IFA_LABEL, address->label, (unsigned short)(strlen(address->label) + 1));
    return peer_ask(target->peer, msg, nlq_process_null_cb, NULL, NULL);
}

/* Makes `address` out of the address found, if there is one. */
static int replace_address(struct target *target, const struct address *address)
{
    int error = 0;

    if (target->has_address)
        error = change_address(target, RTM_DELADDR, 0, &target->address);
    if (error == 0 && address->local != 0)
        error = change_address(target, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, address);
    return error;
}

static bool has_broadcast(const struct target *target, int prefixlen)
{
    return (target->link.flags & IFF_BROADCAST) != 0 && prefixlen < 31;
}

/* The prefix length of an address's class; -1 for class D, which is nobody's address. */
static int class_length(uint32_t addr)
{
    uint32_t host = ntohl(addr);

    if (host >> 24 == 0 || host == INADDR_BROADCAST)
        return 0;
    return IN_CLASSA(host) ? 8 : IN_CLASSB(host) ? 16 : IN_CLASSC(host) ? 24 : IN_CLASSD(host) ? -1 : 32;
}

static int set_addr(struct target *target, struct ifreq *ifr)
{
    const uint32_t local = get_in(&ifr->ifr_addr);
    const bool pointopoint = (target->link.flags & IFF_POINTOPOINT) != 0;
    int prefixlen = class_length(local);
    struct address address = {.index = target->link.index, .local = local, .peer = local};

    if (prefixlen < 0)
        return -EINVAL;
    if (target->has_address && target->address.local == local)
        return 0;
    if (pointopoint)
        prefixlen = 32;
    else if (has_broadcast(target, prefixlen))
        address.broadcast = local | ~mask_of(prefixlen);
    address.prefixlen = (uint8_t)prefixlen;
    if ((target->link.flags & IFF_LOOPBACK) != 0)
        address.scope = RT_SCOPE_HOST;
    memcpy(address.label, ifr->ifr_name, IFNAMSIZ);
    return replace_address(target, &address);
}

static int set_dstaddr(struct target *target, struct ifreq *ifr)
{
    struct address address = target->address;

    address.peer = get_in(&ifr->ifr_dstaddr);
    if (address.peer == target->address.peer)
        return 0;
    return class_length(address.peer) < 0 ? -EINVAL : replace_address(target, &address);
}

static int set_brdaddr(struct target *target, struct ifreq *ifr)
{
    struct address address = target->address;

    address.broadcast = get_in(&ifr->ifr_broadaddr);
    return address.broadcast == target->address.broadcast ? 0 : replace_address(target, &address);
}

static int set_netmask(struct target *target, struct ifreq *ifr)
{
    const uint32_t mask = get_in(&ifr->ifr_netmask), old_mask = mask_of(target->address.prefixlen);
    const int prefixlen = nlq_mask2prefix(AF_INET, &mask);
    struct address address = target->address;

    if (prefixlen < 0)
        return -EINVAL;
    if (mask == old_mask)
        return 0;
    address.prefixlen = (uint8_t)prefixlen;
    if (has_broadcast(target, target->address.prefixlen) && address.broadcast == (address.local | ~old_mask))
        address.broadcast = address.local | ~mask;
    return replace_address(target, &address);
}

/* ---- SIOCGIFCONF ---- */

struct conf {
    struct peer peer;
    struct ifreq *to;  /* NULL: only count */
    size_t room, used; /* bytes */
};

static int conf_cb(struct nlmsghdr *msg, struct nlattr **attr, const void *argin, void *argout, void *argenv)
{
    struct conf *conf = argout;
    struct address address;
    struct link link = {0};

    (void)argin, (void)argenv;
    if (((struct ifaddrmsg *)NLMSG_DATA(msg))->ifa_family != AF_INET)
        return 0;
    if (attr[IFA_LABEL] == NULL && /* a stack without labels: the name of the link is one */
        find_link(conf->peer, (int)((struct ifaddrmsg *)NLMSG_DATA(msg))->ifa_index, "", &link) < 0)
        return 0;
    read_address(msg, attr, link.name, &address);
    if (conf->to != NULL) {
        struct ifreq *ifr = &conf->to[conf->used / sizeof(*ifr)];

        if (conf->room - conf->used < sizeof(*ifr))
            return 0;
        memset(ifr, 0, sizeof(*ifr));
        memcpy(ifr->ifr_name, address.label, IFNAMSIZ);
        put_in(&ifr->ifr_addr, address.local);
    }
    conf->used += sizeof(struct ifreq);
    return 0;
}

static int get_conf(struct peer peer, struct ifconf *ifc)
{
    struct conf conf = {
        .peer = peer, .to = ifc->ifc_req, .room = ifc->ifc_len < 0 ? 0 : (size_t)ifc->ifc_len};
    int error = peer_ask(peer, new_address_dump(), conf_cb, NULL, &conf);

    if (error == 0)
        ifc->ifc_len = (int)conf.used;
    return error;
}

static int get_name(struct peer peer, struct ifreq *ifr)
{
    struct link link;
    int error = ifr->ifr_ifindex == 0 ? -ENODEV : find_link(peer, ifr->ifr_ifindex, "", &link);

    if (error == 0)
        memcpy(ifr->ifr_name, link.name, IFNAMSIZ);
    return error;
}

/* ---- the table ---- */

enum subject {
    LINK,         /* the link of that name */
    ADDRESS,      /* an address that must be there */
    ADDRESS_SET,  /* the same, to be changed: the request carries an IPv4 address */
    ADDRESS_MAKE, /* one that may be there, to be made or changed */
};

static const struct row {
    unsigned long request;
    enum subject subject;
    int (*execute)(struct target *target, struct ifreq *ifr); /* 0 or negative errno */
} rows[] = {
    {SIOCGIFFLAGS, LINK, get_flags},
    {SIOCSIFFLAGS, LINK, set_flags},
    {SIOCGIFINDEX, LINK, get_index},
    {SIOCSIFNAME, LINK, set_name},
    {SIOCGIFMTU, LINK, get_mtu},
    {SIOCSIFMTU, LINK, set_mtu},
    {SIOCGIFTXQLEN, LINK, get_txqlen},
    {SIOCSIFTXQLEN, LINK, set_txqlen},
    {SIOCGIFMETRIC, LINK, get_metric},
    {SIOCSIFMETRIC, LINK, set_metric},
    {SIOCGIFHWADDR, LINK, get_hwaddr},
    {SIOCSIFHWADDR, LINK, set_hwaddr},
    {SIOCGIFMAP, LINK, get_map},
    {SIOCGIFADDR, ADDRESS, get_addr},
    {SIOCSIFADDR, ADDRESS_MAKE, set_addr},
    {SIOCGIFDSTADDR, ADDRESS, get_dstaddr},
    {SIOCSIFDSTADDR, ADDRESS_SET, set_dstaddr},
    {SIOCGIFBRDADDR, ADDRESS, get_brdaddr},
    {SIOCSIFBRDADDR, ADDRESS_SET, set_brdaddr},
    {SIOCGIFNETMASK, ADDRESS, get_netmask},
    {SIOCSIFNETMASK, ADDRESS_SET, set_netmask},
};

static const struct row *find_row(unsigned long request)
{
    size_t i;

    for (i = 0; i < ARRAY_LEN(rows); i++)
        if (rows[i].request == request)
            return &rows[i];
    return NULL;
}

static int find_target_address(struct target *target, enum subject subject, const struct ifreq *ifr)
{
    bool carries_address = ifr->ifr_addr.sa_family == AF_INET;
    uint32_t exact = subject == ADDRESS && carries_address ? get_in(&ifr->ifr_addr) : 0;
    int error;

    if (subject == LINK)
        return 0;
    if (subject != ADDRESS && !carries_address)
        return -EINVAL;
    error = find_address(target, ifr->ifr_name, exact);
    if (error == 0 && !target->has_address && subject != ADDRESS_MAKE)
        error = -EADDRNOTAVAIL;
    return error;
}

/* Does what the request's argument is depend on the family of the socket? */
static bool asks_for_family(unsigned long request)
{
    return request == SIOCADDRT || request == SIOCDELRT || request == SIOCSIFADDR || request == SIOCDIFADDR;
}

/* 0 or negative errno; -ENOTTY: none of these requests. */
static int execute(struct peer peer, int family, unsigned long request, void *arg)
{
    const struct row *row = find_row(request);
    struct target target = {.peer = peer};
    struct ifreq ifr;
    int error = netroute_execute(peer, family, request, arg);

    if (error != -ENOTTY)
        return error;
    if (request == SIOCGIFCONF)
        return arg == NULL ? -EFAULT : get_conf(peer, arg);
    if (row == NULL && request != SIOCGIFNAME)
        return -ENOTTY;
    if (arg == NULL)
        return -EFAULT;
    if (row == NULL)
        return get_name(peer, arg);
    memcpy(&ifr, arg, sizeof(ifr));
    ifr.ifr_name[IFNAMSIZ - 1] = '\0';
    error = find_link(peer, 0, ifr.ifr_name, &target.link);
    if (error == 0)
        error = find_target_address(&target, row->subject, &ifr);
    if (error == 0)
        error = row->execute(&target, &ifr);
    if (error == 0)
        memcpy(arg, &ifr, sizeof(ifr));
    return error;
}

/* The family of a socket that is asked by such a call; AF_INET if it does not tell. */
static int family_of(int (*get)(int fd, int level, int optname, void *optval, socklen_t *optlen), int fd,
                     unsigned long request)
{
    int family = AF_INET, saved = errno;
    socklen_t len = sizeof(family);

    if (!asks_for_family(request) || get == NULL || get(fd, SOL_SOCKET, SO_DOMAIN, &family, &len) < 0)
        family = AF_INET;
    errno = saved;
    return family;
}

int nlq_ioctl(int fd, unsigned long request, void *arg)
{
    int result = execute(peer_native(), family_of(getsockopt, fd, request), request, arg);

    return result == -ENOTTY ? ioctl(fd, request, arg) : nlq_return_errno(result);
}

int nlqx_ioctl(struct ioth *stack, int fd, unsigned long request, void *arg)
{
    int result = execute(peer_ioth(stack), family_of(ioth_getsockopt, fd, request), request, arg);

    if (result == -ENOTTY && ioth_ioctl != NULL)
        return ioth_ioctl(fd, request, arg);
    return nlq_return_errno(result);
}

int nlq_ioctl_nofd(unsigned long request, void *arg)
{
    return nlq_return_errno(execute(peer_native(), AF_INET, request, arg));
}

int nlqx_ioctl_nofd(struct ioth *stack, unsigned long request, void *arg)
{
    return nlq_return_errno(execute(peer_ioth(stack), AF_INET, request, arg));
}

int nlq_server_ioctl(const struct nlq_request_handlers *table, void *stackinfo, unsigned long request,
                     void *arg)
{
    return nlq_server_ioctl_family(table, stackinfo, AF_INET, request, arg);
}

int nlq_server_ioctl_family(const struct nlq_request_handlers *table, void *stackinfo, int family,
                            unsigned long request, void *arg)
{
    return nlq_return_errno(execute((struct peer){table, stackinfo}, family, request, arg));
}
