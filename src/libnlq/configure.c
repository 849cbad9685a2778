/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Interfaces, addresses, routes: one request and its answer each.
 *
 * Each pair nlq_X, nlqx_X is one function here that takes a peer, so both are the same but for whom they ask.
 */
#include <libnlq.h>

#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>

#include "base/base.h"
#include "libnlq/peer.h"

static int command(struct peer peer, struct nlq_msg *msg)
{
    return nlq_return_errno(peer_ask(peer, msg, nlq_process_null_cb, NULL, NULL));
}

/* ---- names and indices ---- */

static int index_cb(struct nlmsghdr *msg, struct nlattr **attr, const void *argin, void *argout, void *argenv)
{
    const struct ifinfomsg *link = NLMSG_DATA(msg);

    (void)attr, (void)argin, (void)argenv;
    *(unsigned *)argout = (unsigned)link->ifi_index;
    return 0;
}

static unsigned nametoindex(struct peer peer, const char *ifname)
{
    struct nlq_msg *msg;
    unsigned index = 0;
    size_t len = ifname == NULL ? 0 : strlen(ifname);

    if (len == 0 || len >= IFNAMSIZ) {
        errno = ifname == NULL ? EINVAL : ENODEV;
        return 0;
    }
    msg = request_new(RTM_GETLINK, 0);
    nlq_addstruct(msg, ifinfomsg, .ifi_family = AF_UNSPEC);
    nlq_addattr(msg, IFLA_IFNAME, ifname, (unsigned short)(len + 1));
    return nlq_return_errno(peer_ask(peer, msg, index_cb, NULL, &index)) < 0 ? 0 : index;
}

static int name_cb(struct nlmsghdr *msg, struct nlattr **attr, const void *argin, void *argout, void *argenv)
{
    (void)msg, (void)argin, (void)argenv;
    if (attr[IFLA_IFNAME] == NULL || nlq_attrlen(attr[IFLA_IFNAME]) > IF_NAMESIZE)
        return -EBADMSG;
    memset(argout, 0, IF_NAMESIZE);
    memcpy(argout, nlq_attrdata(attr[IFLA_IFNAME]), nlq_attrlen(attr[IFLA_IFNAME]));
    return 0;
}

static char *indextoname(struct peer peer, unsigned ifindex, char *ifname)
{
    char name[IF_NAMESIZE] = "";
    struct nlq_msg *msg;
    int error = -ENODEV;

    if (ifindex != 0) {
        msg = request_new(RTM_GETLINK, 0);
        nlq_addstruct(msg, ifinfomsg, .ifi_family = AF_UNSPEC, .ifi_index = (int)ifindex);
        error = peer_ask(peer, msg, name_cb, NULL, name);
    }
    if (error == 0)
        return memcpy(ifname, name, sizeof(name));
    errno = error == -ENODEV ? ENXIO : -error; /* as if_indextoname(3) says it */
    return NULL;
}

/* The list of nameindex while it grows; it always ends with a zeroed element. */
struct nameindex {
    struct nlq_if_nameindex *list;
    size_t n;
};

static int nameindex_cb(struct nlmsghdr *msg, struct nlattr **attr, const void *argin, void *argout,
                        void *argenv)
{
    struct nameindex *found = argout;
    struct nlq_if_nameindex *grown, *last;

    (void)argin, (void)argenv;
    if (attr[IFLA_IFNAME] == NULL)
        return -EBADMSG;
    grown = realloc(found->list, (found->n + 2) * sizeof(*grown));
    if (grown == NULL)
        return -ENOMEM;
    found->list = grown;
    last = &grown[found->n++];
    memset(last, 0, 2 * sizeof(*last));
    last->if_index = (unsigned)((struct ifinfomsg *)NLMSG_DATA(msg))->ifi_index;
    last->if_name = strndup(nlq_attrdata(attr[IFLA_IFNAME]), nlq_attrlen(attr[IFLA_IFNAME]));
    return last->if_name == NULL ? -ENOMEM : 0;
}

static struct nlq_if_nameindex *nameindex(struct peer peer)
{
    struct nameindex found = {.list = calloc(1, sizeof(*found.list))};
    struct nlq_msg *msg;
    int error;

    if (found.list == NULL)
        return NULL;
    msg = request_new(RTM_GETLINK, NLM_F_DUMP);
    nlq_addstruct(msg, ifinfomsg, .ifi_family = AF_UNSPEC);
    error = peer_ask(peer, msg, nameindex_cb, NULL, &found);
    if (error == 0)
        return found.list;
    nlq_if_freenameindex(found.list);
    errno = -error;
    return NULL;
}

void nlq_if_freenameindex(struct nlq_if_nameindex *ptr)
{
    size_t i;

    for (i = 0; ptr != NULL && ptr[i].if_index != 0; i++)
        free(ptr[i].if_name);
    free(ptr);
}

/* ---- links ---- */

static int linksetupdown(struct peer peer, unsigned ifindex, int updown)
{
    struct nlq_msg *msg = request_new(RTM_SETLINK, 0);

    nlq_addstruct(msg, ifinfomsg, .ifi_index = (int)ifindex, .ifi_flags = updown ? IFF_UP : 0,
                  .ifi_change = IFF_UP);
    return command(peer, msg);
}

struct nlq_iplink_data nlq_iplink_strdata(int tag, const char *string)
{
    return (struct nlq_iplink_data){
        .tag = tag, .len = (int)strlen(string) + 1, .data = (void *)(uintptr_t)string};
}

static struct nlq_msg *new_linkinfo(const char *type, const struct nlq_iplink_data *ifd, int nifd)
{
    struct nlq_msg *info = nlq_createxattr(), *data;
    int i;

    nlq_addattr(info, IFLA_INFO_KIND, type, (unsigned short)strlen(type));
    if (ifd != NULL && nifd > 0) {
        data = nlq_createxattr();
        for (i = 0; i < nifd; i++)
            nlq_addattr(data, (unsigned short)ifd[i].tag, ifd[i].data, (unsigned short)ifd[i].len);
        nlq_addxattr(info, IFLA_INFO_DATA, data);
    }
    return info;
}

/* A request about the link of that name (NULL: none given) and index (0 and -1: none). */
static struct nlq_msg *new_link_request(uint16_t type, uint16_t flags, const char *ifname, unsigned ifindex)
{
    struct nlq_msg *msg = request_new(type, flags);

    nlq_addstruct(msg, ifinfomsg, .ifi_index = ifindex == (unsigned)-1 ? 0 : (int)ifindex);
    if (ifname != NULL)
        nlq_addattr(msg, IFLA_IFNAME, ifname, (unsigned short)(strlen(ifname) + 1));
    return msg;
}

static int iplink_add(struct peer peer, const char *ifname, unsigned ifindex, const char *type,
                      const struct nlq_iplink_data *ifd, int nifd)
{
    const int choose = ifindex == 0 || ifindex == (unsigned)-1; /* the stack chooses the index, and tells */
    const int flags = NLM_F_CREATE | NLM_F_EXCL | (choose ? NLM_F_ECHO : 0);
    struct nlq_msg *msg;
    unsigned made = 0;

    if (type == NULL || strlen(type) >= IFNAMSIZ || (ifname != NULL && strlen(ifname) >= IFNAMSIZ))
        return nlq_return_errno(-EINVAL);
    msg = new_link_request(RTM_NEWLINK, (uint16_t)flags, ifname, ifindex);
    nlq_addxattr(msg, IFLA_LINKINFO, new_linkinfo(type, ifd, nifd));
    if (nlq_return_errno(peer_ask(peer, msg, index_cb, NULL, &made)) < 0)
        return -1;
    if (!choose)
        return 0;
    if (made == 0 && ifname != NULL) /* older kernels do not echo */
        made = nametoindex(peer, ifname);
    return (int)made;
}

static int iplink_del(struct peer peer, const char *ifname, unsigned ifindex)
{
    if (ifname == NULL && (ifindex == 0 || ifindex == (unsigned)-1))
        return nlq_return_errno(-EINVAL);
    if (ifname != NULL && strlen(ifname) >= IFNAMSIZ)
        return nlq_return_errno(-ENODEV);
    return command(peer, new_link_request(RTM_DELLINK, 0, ifname, ifindex));
}

/* ---- addresses and routes ---- */

/* What nlq_addrdata2prefix and nlq_routedata2prefix pack. */
struct packed {
    uint8_t prefixlen, middle, scope; /* middle: flags of an address, type of a route */
};

static struct packed unpack(int prefixlen)
{
    unsigned packed = (unsigned)prefixlen;

    return (struct packed){(uint8_t)packed, (uint8_t)(packed >> 16), (uint8_t)(packed >> 24)};
}

/* 0 or -1: no such family, or no such length. */
static int check_prefix(int family, uint8_t prefixlen)
{
    int len = nlq_family2addrlen(family);

    return nlq_return_errno(len == 0 ? -EAFNOSUPPORT : prefixlen > 8 * len ? -EINVAL : 0);
}

static int ipaddr(struct peer peer, uint16_t type, int flags, int family, const void *addr, int prefixlen,
                  unsigned ifindex)
{
    const struct packed packed = unpack(prefixlen);
    const unsigned short len = (unsigned short)nlq_family2addrlen(family);
    struct nlq_msg *msg;

    if (check_prefix(family, packed.prefixlen) < 0)
        return -1;
    if (addr == NULL)
        return nlq_return_errno(-EINVAL);
    msg = request_new(type, (uint16_t)flags);
    nlq_addstruct(msg, ifaddrmsg, .ifa_family = (uint8_t)family, .ifa_prefixlen = packed.prefixlen,
                  .ifa_flags = packed.middle, .ifa_scope = packed.scope, .ifa_index = ifindex);
    nlq_addattr(msg, IFA_LOCAL, addr, len);
    nlq_addattr(msg, IFA_ADDRESS, addr, len);
    return command(peer, msg);
}

struct route {
    int family;
    const void *dst, *gw;
    unsigned ifindex;
};

static int iproute(struct peer peer, uint16_t type, int flags, struct rtmsg head, const struct route *route)
{
    const unsigned short len = (unsigned short)nlq_family2addrlen(route->family);
    const uint32_t oif = route->ifindex;
    struct nlq_msg *msg;

    if (check_prefix(route->family, head.rtm_dst_len) < 0)
        return -1;
    head.rtm_family = (uint8_t)route->family;
    head.rtm_table = RT_TABLE_MAIN;
    if (route->dst == NULL)
        head.rtm_dst_len = 0;
    msg = request_new(type, (uint16_t)flags);
    nlq_add(msg, &head, sizeof(head));
    if (route->dst != NULL)
        nlq_addattr(msg, RTA_DST, route->dst, len);
    if (route->gw != NULL)
        nlq_addattr(msg, RTA_GATEWAY, route->gw, len);
    if (oif != 0)
        nlq_addattr(msg, RTA_OIF, &oif, sizeof(oif));
    return command(peer, msg);
}

static int iproute_add(struct peer peer, int dst_prefixlen, const struct route *route)
{
    const struct packed packed = unpack(dst_prefixlen);
    struct rtmsg head = {.rtm_dst_len = packed.prefixlen,
                         .rtm_protocol = RTPROT_BOOT,
                         .rtm_scope = packed.scope,
                         .rtm_type = packed.middle == RTN_UNSPEC ? RTN_UNICAST : packed.middle};

    if (head.rtm_type == RTN_UNICAST && route->gw == NULL && packed.scope == RT_SCOPE_UNIVERSE)
        head.rtm_scope = RT_SCOPE_LINK;
    return iproute(peer, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, head, route);
}

static int iproute_del(struct peer peer, int dst_prefixlen, const struct route *route)
{
    const struct packed packed = unpack(dst_prefixlen);
    struct rtmsg head = {
        .rtm_dst_len = packed.prefixlen, .rtm_scope = packed.scope, .rtm_type = packed.middle};

    if (packed.scope == RT_SCOPE_UNIVERSE)
        head.rtm_scope = RT_SCOPE_NOWHERE; /* any scope, says rtnetlink to a removal */
    return iproute(peer, RTM_DELROUTE, 0, head, route);
}

/* ---- the kernel's stack ---- */

unsigned int nlq_if_nametoindex(const char *ifname)
{
    return nametoindex(peer_native(), ifname);
}

char *nlq_if_indextoname(unsigned int ifindex, char *ifname)
{
    return indextoname(peer_native(), ifindex, ifname);
}

struct nlq_if_nameindex *nlq_if_nameindex(void)
{
    return nameindex(peer_native());
}

int nlq_linksetupdown(unsigned int ifindex, int updown)
{
    return linksetupdown(peer_native(), ifindex, updown);
}

int nlq_ipaddr_add(int family, const void *addr, int prefixlen, unsigned int ifindex)
{
    return ipaddr(peer_native(), RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, family, addr, prefixlen, ifindex);
}

int nlq_ipaddr_del(int family, const void *addr, int prefixlen, unsigned int ifindex)
{
    return ipaddr(peer_native(), RTM_DELADDR, 0, family, addr, prefixlen, ifindex);
}

int nlq_iproute_add(int family, const void *dst, int dst_prefixlen, const void *gw, unsigned int ifindex)
{
    return iproute_add(peer_native(), dst_prefixlen, &(struct route){family, dst, gw, ifindex});
}

int nlq_iproute_del(int family, const void *dst, int dst_prefixlen, const void *gw, unsigned int ifindex)
{
    return iproute_del(peer_native(), dst_prefixlen, &(struct route){family, dst, gw, ifindex});
}

int nlq_iplink_add(const char *ifname, unsigned int ifindex, const char *type, struct nlq_iplink_data *ifd,
                   int nifd)
{
    return iplink_add(peer_native(), ifname, ifindex, type, ifd, nifd);
}

int nlq_iplink_del(const char *ifname, unsigned int ifindex)
{
    return iplink_del(peer_native(), ifname, ifindex);
}

/* ---- a stack of libioth ---- */

unsigned int nlqx_if_nametoindex(struct ioth *stack, const char *ifname)
{
    return nametoindex(peer_ioth(stack), ifname);
}

char *nlqx_if_indextoname(struct ioth *stack, unsigned int ifindex, char *ifname)
{
    return indextoname(peer_ioth(stack), ifindex, ifname);
}

struct nlq_if_nameindex *nlqx_if_nameindex(struct ioth *stack)
{
    return nameindex(peer_ioth(stack));
}

void nlqx_if_freenameindex(struct ioth *stack, struct nlq_if_nameindex *ptr)
{
    (void)stack;
    nlq_if_freenameindex(ptr);
}

int nlqx_linksetupdown(struct ioth *stack, unsigned int ifindex, int updown)
{
    return linksetupdown(peer_ioth(stack), ifindex, updown);
}

int nlqx_ipaddr_add(struct ioth *stack, int family, const void *addr, int prefixlen, unsigned int ifindex)
{
    return ipaddr(peer_ioth(stack), RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, family, addr, prefixlen, ifindex);
}

int nlqx_ipaddr_del(struct ioth *stack, int family, const void *addr, int prefixlen, unsigned int ifindex)
{
    return ipaddr(peer_ioth(stack), RTM_DELADDR, 0, family, addr, prefixlen, ifindex);
}

int nlqx_iproute_add(struct ioth *stack, int family, const void *dst, int dst_prefixlen, const void *gw,
                     unsigned int ifindex)
{
    return iproute_add(peer_ioth(stack), dst_prefixlen, &(struct route){family, dst, gw, ifindex});
}

int nlqx_iproute_del(struct ioth *stack, int family, const void *dst, int dst_prefixlen, const void *gw,
                     unsigned int ifindex)
{
    return iproute_del(peer_ioth(stack), dst_prefixlen, &(struct route){family, dst, gw, ifindex});
}

int nlqx_iplink_add(struct ioth *stack, const char *ifname, unsigned int ifindex, const char *type,
                    struct nlq_iplink_data *ifd, int nifd)
{
    return iplink_add(peer_ioth(stack), ifname, ifindex, type, ifd, nifd);
}

int nlqx_iplink_del(struct ioth *stack, const char *ifname, unsigned int ifindex)
{
    return iplink_del(peer_ioth(stack), ifname, ifindex);
}
