/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See proxy_filter.h. For each address four loads and four comparisons of 32 bits, the last word first, since that is where
 * one-time addresses differ: so a packet to another address costs two instructions for each open one. A TCP filter sees the
 * segment; the IP header is found by SKF_NET_OFF.
 */
#include "libotip/proxy_filter.h"

#include "base/cursor.h"

enum { DESTINATION = 24 /* offset in the IPv6 header */, WORDS = 4 };

unsigned proxy_filter_write(struct sock_filter ret[static PROXY_FILTER_MAX], const struct ipaddr *addrs,
                            unsigned n)
{
    unsigned at = 0;

    if (n > PROXY_BREADTH_MAX)
        n = PROXY_BREADTH_MAX;
    for (unsigned i = 0; i < n; i++)
        for (unsigned k = 0; k < WORDS; k++) {
            unsigned offset = 4 * (WORDS - 1 - k);
            /* Behind this address's comparisons comes "take it all"; the next address is behind that. */
            uint8_t next = (uint8_t)(2 * (WORDS - 1 - k) + 1);
            ret[at++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
                                                     (uint32_t)(SKF_NET_OFF + DESTINATION) + offset);
            ret[at++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, get_be32(addrs[i].b + offset),
                                                     0, next);
            if (k == WORDS - 1)
                ret[at++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, UINT32_MAX);
        }
    ret[at++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, 0);
    return at;
}
