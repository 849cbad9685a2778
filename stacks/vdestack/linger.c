/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * "Send a datagram, close, delete the stack" must send the datagram.
 *
 * The first packet to a neighbour waits in the kernel until the neighbour's MAC address is known, a round
 * trip later. On a host nobody notices; here the whole host would end meanwhile, and the packet with it. So
 * before a stack ends it waits for lookups under way: entries of the neighbour table in state NUD_INCOMPLETE,
 * which are dumped until there is none. A neighbour that does not exist would take seconds to give up: the
 * wait is bounded.
 */
#include "vdestack/linger.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <linux/neighbour.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>

enum { POLL_MS = 2, DUMP_BYTES = 8192 };

static bool ask_for_neighbours(int fd)
{
    struct {
        struct nlmsghdr head;
        struct ndmsg body;
    } request = {.head = {.nlmsg_len = sizeof(request),
                          .nlmsg_type = RTM_GETNEIGH,
                          .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP}};

    return send(fd, &request, sizeof(request), 0) == (ssize_t)sizeof(request);
}

/* Reads one datagram of the dump; false at its end. Adds what is being looked up to *pending. */
static bool read_neighbours(int fd, int *pending)
{
    union {
        struct nlmsghdr head;
        unsigned char bytes[DUMP_BYTES];
    } reply;
    ssize_t received = recv(fd, reply.bytes, sizeof(reply.bytes), 0);
    size_t len = received < 0 ? 0 : (size_t)received, at;
    struct nlmsghdr head;
    struct ndmsg neighbour;

    for (at = 0; at + sizeof(head) <= len; at += NLMSG_ALIGN((size_t)head.nlmsg_len)) {
        memcpy(&head, reply.bytes + at, sizeof(head));
        if (head.nlmsg_len < sizeof(head) || head.nlmsg_len > len - at || head.nlmsg_type != RTM_NEWNEIGH)
            return false;
        if (head.nlmsg_len < NLMSG_HDRLEN + sizeof(neighbour))
            return false;
        memcpy(&neighbour, reply.bytes + at + NLMSG_HDRLEN, sizeof(neighbour));
        *pending += (neighbour.ndm_state & NUD_INCOMPLETE) != 0;
    }
    return len > 0;
}

static bool lookups_pending(int fd)
{
    int pending = 0;

    if (!ask_for_neighbours(fd))
        return false;
    while (read_neighbours(fd, &pending))
        ;
    return pending > 0;
}

void linger(struct helper *helper, int most_ms)
{
    const struct timespec pause = {.tv_nsec = POLL_MS * 1000000};
    int fd = helper_socket(helper, AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE), waited_ms;

    if (fd < 0)
        return;
    for (waited_ms = 0; waited_ms < most_ms && lookups_pending(fd); waited_ms += POLL_MS)
        nanosleep(&pause, NULL);
    close(fd);
}
