/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LWIP_STACK_H
#define LWIP_STACK_H
/* A stack: its copy of liblwip, its interfaces, addresses, routes, neighbours and sockets, and the lock under
 * which all of it is used, by the callers' threads and by the loop's. */

#include <arpa/inet.h>
#include <net/if.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdbool.h>
#include <stdint.h>

#include "lwip/library.h"

struct wire;
struct sock;
struct neighbour;

enum {
    SOCK_BUCKETS = 256,    /* of the table descriptor -> socket */
    NEIGH_BUCKETS = 256,   /* of the table address -> MAC */
    LO_INDEX = 1,          /* index of the interface lo */
    LOOP_QUEUE_MAX = 1024, /* packets to own addresses that wait to be received: more than a window of TCP */
    FRAME_HEADER = 14,     /* an Ethernet header */
    MTU_DEFAULT = 1500,
    MTU_MIN = 68,   /* RFC 791 */
    MTU_MAX = 9216, /* what libvdeplug carries */
    LO_MTU = 65535,
};

/* A netif of lwIP holds one IPv4 and six IPv6 addresses; an interface that has more has further netifs. */
struct card {
    struct netif netif; /* state: the struct port */
    struct card *next;
};

struct port_counters {
    uint64_t rx_packets, tx_packets, rx_bytes, tx_bytes, rx_dropped, tx_dropped;
};

/* An interface. */
struct port {
    struct stack *stack;
    struct port *next;
    char name[IFNAMSIZ];
    unsigned ifindex;
    bool up;
    struct card card;  /* the first; it receives for all */
    struct wire *wire; /* NULL: lo */
    struct port_counters counters;
};

struct address {
    struct address *next;
    struct port *port;
    struct card *card;
    int slot; /* of IPv6 in the card */
    ip_addr_t ip;
    unsigned prefix_bits;
    uint32_t flags; /* IFA_F_* */
    unsigned scope; /* RT_SCOPE_* */
    char label[IFNAMSIZ];
    bool made_here; /* the link-local address that comes and goes with the interface */
};

enum { HOP_LIMIT_DEFAULT = 64 }; /* IANA, IP option numbers: the default TTL */

struct route {
    struct route *next;
    ip_addr_t dst; /* its type is the family of the route */
    unsigned dst_bits;
    bool has_gateway;
    ip_addr_t gateway;
    struct port *port;
    uint32_t metric;
    uint8_t hop_limit;       /* of packets that take it; 0: HOP_LIMIT_DEFAULT */
    uint8_t protocol, scope; /* RTPROT_*, RT_SCOPE_* */
};

struct stack {
    pthread_mutex_t lock;
    int cancel_state; /* of the thread that holds the lock, before it did */
    struct library library;
    struct lwip_symbols lw;
    struct block *blocks; /* what lwIP has allocated */
    bool dead;            /* an assertion of lwIP failed, or it ends: nothing of it may be called any more */
    jmp_buf rescue;       /* where to go on then */
    bool rescue_is_set;
    struct port *ports; /* by ifindex; the first is lo */
    struct address *addresses;
    struct route *routes;
    struct route route_answer; /* to the last RTM_GETROUTE for an address */
    struct neighbour *neighbours[NEIGH_BUCKETS];
    unsigned n_neighbours;
    struct raw_pcb *raw_pcbs[2][256]; /* of IPv4 and IPv6 by protocol; made when first needed, and kept */
    struct sock *socks[SOCK_BUCKETS];
    struct sock *sock_list;       /* all, those not yet accepted too */
    struct duplicate *duplicates; /* further descriptors of sockets */
    struct sock *ready_list;      /* whose descriptors change when the lock is let go */
    uint64_t sock_ids;
    unsigned n_packet_socks;
    struct pbuf *loop_queue[LOOP_QUEUE_MAX];
    unsigned loop_first, loop_count;
    uint64_t due_ms;       /* when its timers want to run */
    uint64_t neigh_due_ms; /* when a neighbour's answer is overdue */
    /* When a lost network is tried again, or a lent wire taken back. Written with the lock held. */
    _Atomic uint64_t wires_due_ms;
    struct wire *lent_wire; /* whose frames a reader takes (wire.c); NULL: none */
    struct stack *next;     /* in the loop's list */
    struct {
        bool forward, accept_dad;
    } options;
};

/* Makes the stack's copy of lwIP and lo; takes it down. 0 or a negative errno. */
__attribute__((warn_unused_result)) int stack_init(struct stack *stack);
void stack_fini(struct stack *stack);

void stack_lock(struct stack *stack);
/* Receives what was sent to own addresses, and unlocks. */
void stack_unlock(struct stack *stack);

/* Calls f(arg) with the lock held, not from within itself. If an assertion of lwIP fails in there, or did so
 * before, the stack is dead: -ENOTRECOVERABLE. f may end in the middle then, so what it has taken from the heap
 * must be in a list of the stack whenever it calls lwIP. */
ssize_t stack_run(struct stack *stack, ssize_t (*f)(void *arg), void *arg);
/* The stack whose lock this thread holds. */
struct stack *stack_current(void);

/* Milliseconds of the monotonic clock. */
uint64_t stack_now_ms(void);
/* Random numbers of the kernel. */
uint32_t stack_random(void);

/* Queues a copy of an IP packet, which this stack sends to itself, for reception by that interface: lo, or the
 * one whose multicast groups it is for. */
err_t stack_loop_output(struct port *port, struct pbuf *p);

struct port *stack_port(const struct stack *stack, unsigned ifindex);
/* By the zone of a link-local address: what lwIP calls the index of the first card. */
struct port *stack_port_of_zone(const struct stack *stack, uint8_t zone);
struct port *stack_port_by_name(const struct stack *stack, const char *name);
static inline struct port *stack_lo(const struct stack *stack)
{
    return stack->ports;
}

/* The traffic class of an IPv6 header. lwIP's macro would call a function of whichever copy. */
static inline uint8_t stack_traffic_class(const void *ip6_header)
{
    const uint8_t *bytes = ip6_header;

    return (uint8_t)(bytes[0] << 4 | bytes[1] >> 4);
}

/* The negative errno of an lwIP error; 0 for ERR_OK. */
int stack_errno(err_t error);

#endif
