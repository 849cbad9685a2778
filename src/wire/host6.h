/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * As much of IPv6 over Ethernet (RFC 2464) as a node takes that answers and seldom asks: a link-local address made of the MAC
 * address and perhaps others, tried first (RFC 4862 s5.4), answers to who looks for them (RFC 4861 s7) and to echo requests
 * (RFC 4443 s4.2), and the groups it listens to, told to switches (RFC 3810). For routers and servers on a port of a virtual
 * Ethernet, which have no stack. Pure: frames and time go in, frames and a deadline come out.
 */
#ifndef WIRE_HOST6_H
#define WIRE_HOST6_H

#include "wire/ip6.h"
#include "wire/nd.h"

#define HOST6_FRAME_MAX   1514 /* without the checksum of the frame */
#define HOST6_OTHERS_MAX  8    /* addresses beside the link-local one */
#define HOST6_JOINED_MAX  2
#define HOST6_GROUPS_MAX  (1 + HOST6_OTHERS_MAX + HOST6_JOINED_MAX)
#define HOST6_PAYLOAD_MAX (HOST6_FRAME_MAX - ETHER_HEADER - IP6_HEADER)

enum host6_state {
    HOST6_DOWN,
    HOST6_TRYING,    /* the addresses are tentative */
    HOST6_READY,     /* they may be used */
    HOST6_DUPLICATE, /* somebody else has the link-local one: nothing is sent until another one is tried */
};

struct host6_settings {
    void (*random)(void *arg, void *bytes, size_t len);
    void *arg;
    uint8_t mac[6];              /* of one interface */
    bool is_router;              /* said to neighbours */
    const struct ipaddr *joined; /* groups listened to, but for ff02::1 and those of the addresses; copied */
    unsigned n_joined;           /* at most HOST6_JOINED_MAX */
};

struct host6 {
    void (*random)(void *arg, void *bytes, size_t len);
    void *arg;
    uint8_t mac[6];
    bool is_router;
    enum host6_state state;
    unsigned n_joined;
    struct ipaddr joined[HOST6_JOINED_MAX];
    unsigned
        n_addrs; /* the first one is link-local: made of the MAC address (RFC 2464 s5), or derived of it */
    struct {
        struct ipaddr addr;
        bool tried;     /* now */
        bool duplicate; /* somebody else has it: nothing is sent from it */
    } addrs[1 + HOST6_OTHERS_MAX];
    unsigned
        n_groups; /* all but ff02::1, which is never told (RFC 3810 s6); the first is that of the link-local address */
    struct ipaddr groups[HOST6_GROUPS_MAX];
    uint8_t nonce[6];        /* tells our own probes, should they come back (RFC 7527 s4.1) */
    nsec_t probe_at, end_at; /* of trying the addresses; NSEC_NEVER */
    nsec_t
        retry_at; /* when what somebody else had is tried again: another link-local address (HOST6_DUPLICATE), or
                              the others (HOST6_READY); NSEC_NEVER */
    unsigned misses;       /* link-local addresses in a row that somebody else had */
    unsigned other_misses; /* tries in a row after which one of the others was somebody else's */
    bool heard_itself;     /* a probe of this try came back */
    unsigned more_probes;  /* that follow because of that */
    nsec_t report_at;      /* of the groups; NSEC_NEVER */
    unsigned reports_left; /* of those that nobody asked for */
    bool report_is_v1;
    unsigned report_part, probe_part;
    bool report_due, probe_due;
    uint64_t fragments; /* that came for us; they are not put together */
    size_t answer_len;
    uint8_t answer[HOST6_FRAME_MAX];
};

/* A packet for this node that it did not answer by itself. */
struct host6_packet {
    struct ip6 ip; /* within the frame; of ICMPv6 the checksum is right */
    uint8_t from_mac[6];
};

/* The link-local address number `n` of a node: 0 is made of its MAC address (RFC 2464 s5), the others are derived of that, for
 * when somebody else has the one before. */
struct ipaddr host6_link_local(const uint8_t mac[static 6], unsigned n);
/* How long to wait before the next one, or one of the others again, is tried, `n` having been tried: less and less often. */
nsec_t host6_retry_pause(unsigned n);

/* At rest. */
void host6_init(struct host6 *h, const struct host6_settings *settings);
/* One more address of this node; at rest. 0; -ENOSPC: there are HOST6_OTHERS_MAX; -EEXIST; -EINVAL: nobody can have it. */
MUST_CHECK int host6_add(struct host6 *h, const struct ipaddr *addr);
/* Begins with the address that is made of the MAC address. */
void host6_up(struct host6 *h, nsec_t now);
void host6_down(struct host6 *h);
/* A frame of IPv6, behind its header. True: it is for this node, and not of what it does by itself: *ret. */
bool host6_input(struct host6 *h, const struct ether_header *header, const uint8_t *bytes, size_t len,
                 nsec_t now, struct host6_packet *ret);
void host6_timeout(struct host6 *h, nsec_t now);
nsec_t host6_deadline(const struct host6 *h);
/* The next frame that it wants to send; 0: none. After each of the functions above. */
size_t host6_output(struct host6 *h, uint8_t frame[static HOST6_FRAME_MAX]);

/* It has that address, and may use it. */
bool host6_has(const struct host6 *h, const struct ipaddr *addr);
/* Where a packet goes: the MAC address of a group (RFC 2464 s7), or `mac`. False: nobody knows (it is zero). */
bool host6_find_mac(const struct ipaddr *to, const uint8_t mac[static 6], uint8_t ret[static 6]);
/* An ICMPv6 message with hop limit 255 and its checksum as a frame; 0: too long, or nobody knows the way. */
size_t host6_wrap(const struct host6 *h, const struct ip6 *message, const uint8_t to_mac[static 6],
                  uint8_t frame[static HOST6_FRAME_MAX]);

#endif
