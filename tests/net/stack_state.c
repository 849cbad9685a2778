/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Three dumps by netlink: the link, its addresses, its routes. Each message becomes a piece of the text. */
#include "stack_state.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libnlq.h>
#include <linux/if.h>
#include <linux/if_addr.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

struct text {
    FILE *file;
    unsigned ifindex;
    bool more; /* a piece of the list stands already */
};

static uint32_t get32(const struct nlattr *attr, uint32_t otherwise)
{
    if (attr != NULL && nlq_attrlen(attr) == sizeof(otherwise))
        memcpy(&otherwise, nlq_attrdata(attr), sizeof(otherwise));
    return otherwise;
}

/* "" without an attribute. */
static const char *address_text(int family, const struct nlattr *attr, char text[static INET6_ADDRSTRLEN])
{
    text[0] = '\0';
    if (attr != NULL && nlq_attrlen(attr) == (unsigned)nlq_family2addrlen(family))
        inet_ntop(family, nlq_attrdata(attr), text, INET6_ADDRSTRLEN);
    return text;
}

static int link_piece(struct nlmsghdr *msg, struct nlattr **attr, const void *in, void *out, void *env)
{
    const struct ifinfomsg *info = NLMSG_DATA(msg);
    struct text *text = out;

    (void)in, (void)env;
    if ((unsigned)info->ifi_index == text->ifindex)
        fprintf(text->file, "\"mtu\": %u, \"up\": %s, ", get32(attr[IFLA_MTU], 0),
                info->ifi_flags & IFF_UP ? "true" : "false");
    return 0;
}

static int address_piece(struct nlmsghdr *msg, struct nlattr **attr, const void *in, void *out, void *env)
{
    const struct ifaddrmsg *info = NLMSG_DATA(msg);
    const struct nlattr *address = attr[IFA_LOCAL] != NULL ? attr[IFA_LOCAL] : attr[IFA_ADDRESS];
    struct text *text = out;
    char shown[INET6_ADDRSTRLEN];

    (void)in, (void)env;
    if (info->ifa_index != text->ifindex)
        return 0;
    fprintf(text->file, "%s{\"addr\": \"%s\", \"bits\": %u, \"flags\": %u}", text->more ? ", " : "",
            address_text(info->ifa_family, address, shown), info->ifa_prefixlen,
            get32(attr[IFA_FLAGS], info->ifa_flags));
    text->more = true;
    return 0;
}

static int route_piece(struct nlmsghdr *msg, struct nlattr **attr, const void *in, void *out, void *env)
{
    const struct rtmsg *info = NLMSG_DATA(msg);
    struct text *text = out;
    char dst[INET6_ADDRSTRLEN], via[INET6_ADDRSTRLEN];

    (void)in, (void)env;
    if (get32(attr[RTA_OIF], 0) != text->ifindex || info->rtm_type != RTN_UNICAST ||
        get32(attr[RTA_TABLE], info->rtm_table) != RT_TABLE_MAIN)
        return 0;
    fprintf(text->file, "%s{\"dst\": \"%s\", \"bits\": %u, \"via\": \"%s\", \"metric\": %u, \"family\": %d}",
            text->more ? ", " : "", address_text(info->rtm_family, attr[RTA_DST], dst), info->rtm_dst_len,
            address_text(info->rtm_family, attr[RTA_GATEWAY], via), get32(attr[RTA_PRIORITY], 0),
            info->rtm_family == AF_INET ? 4 : 6);
    text->more = true;
    return 0;
}

static int list(struct ioth *stack, const char *name, struct nlq_msg *dump, nlq_doit_f piece,
                struct text *text)
{
    text->more = false;
    fprintf(text->file, "\"%s\": [", name);
    int error = nlqx_rtdialog(stack, dump, piece, NULL, text, NULL);
    fprintf(text->file, "]");
    return error;
}

static struct nlq_msg *dump_of(uint16_t type)
{
    struct nlq_msg *msg = nlq_createmsg(type, NLM_F_REQUEST | NLM_F_DUMP, 0, 0);

    if (type == RTM_GETLINK)
        nlq_addstruct(msg, ifinfomsg, .ifi_family = AF_UNSPEC);
    else if (type == RTM_GETADDR)
        nlq_addstruct(msg, ifaddrmsg, .ifa_family = AF_UNSPEC);
    else
        nlq_addstruct(msg, rtmsg, .rtm_family = AF_UNSPEC);
    return msg;
}

int stack_state(struct ioth *stack, unsigned ifindex, char *text, size_t size)
{
    struct text writing = {.file = fmemopen(text, size, "w"), .ifindex = ifindex};
    int error;

    if (writing.file == NULL)
        return -errno;
    fputc('{', writing.file);
    error = nlqx_rtdialog(stack, dump_of(RTM_GETLINK), link_piece, NULL, &writing, NULL);
    if (error >= 0)
        error = list(stack, "addresses", dump_of(RTM_GETADDR), address_piece, &writing);
    fputs(", ", writing.file);
    if (error >= 0)
        error = list(stack, "routes", dump_of(RTM_GETROUTE), route_piece, &writing);
    fputc('}', writing.file);
    bool too_long = ftell(writing.file) >= (long)size;
    fclose(writing.file);
    return error < 0 ? error : too_long ? -ENOSPC : 0;
}
