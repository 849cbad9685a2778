/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* See pktinfo.h. IPv4 has two addresses in it: where a datagram came to is ipi_addr, where one is to come from is
 * ipi_spec_dst; IPv6 has one for both. */
#include "base/pktinfo.h"

#include <string.h>

bool pktinfo_read(const struct cmsghdr *c, struct pktinfo *ret)
{
    struct in6_pktinfo info6;
    struct in_pktinfo info4;

    if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
        memcpy(&info6, CMSG_DATA(c), sizeof(info6));
        memcpy(ret->addr.b, &info6.ipi6_addr, sizeof(ret->addr.b));
        ret->ifindex = info6.ipi6_ifindex;
        return true;
    }
    if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
        memcpy(&info4, CMSG_DATA(c), sizeof(info4));
        ret->addr = ipaddr_of_v4(ntohl(info4.ipi_addr.s_addr));
        ret->ifindex = (unsigned)info4.ipi_ifindex;
        return true;
    }
    return false;
}

static size_t write_message(int level, int type, const void *data, size_t len, union pktinfo_control *ret)
{
    memset(ret, 0, sizeof(*ret));
    ret->head = (struct cmsghdr){.cmsg_len = CMSG_LEN(len), .cmsg_level = level, .cmsg_type = type};
    memcpy(CMSG_DATA(&ret->head), data, len);
    return CMSG_SPACE(len);
}

size_t pktinfo_write(const struct pktinfo *info, union pktinfo_control *ret)
{
    struct in6_pktinfo info6 = {.ipi6_ifindex = info->ifindex};
    struct in_pktinfo info4 = {.ipi_ifindex = (int)info->ifindex};

    if (ipaddr_is_v4(&info->addr)) {
        info4.ipi_spec_dst.s_addr = htonl(ipaddr_to_v4(&info->addr));
        return write_message(IPPROTO_IP, IP_PKTINFO, &info4, sizeof(info4), ret);
    }
    memcpy(&info6.ipi6_addr, info->addr.b, sizeof(info6.ipi6_addr));
    return write_message(IPPROTO_IPV6, IPV6_PKTINFO, &info6, sizeof(info6), ret);
}
