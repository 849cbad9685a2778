/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LWIP_SOCK_H
#define LWIP_SOCK_H
/* Sockets: what all types have in common. All under the stack's lock; functions return negative errnos, of
 * which -EAGAIN means that a blocking caller has to wait. */

#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <linux/if_packet.h>

#include "lwip/stack.h"

struct sock;

/* What a type of sockets does. NULL: EOPNOTSUPP. */
struct sock_type {
    int (*open)(struct sock *sock);
    void (*close)(struct sock *sock); /* what lwIP has of it; not called for a dead stack */
    int (*bind)(struct sock *sock, const struct sockaddr *addr, socklen_t len);
    int (*connect)(struct sock *sock, const struct sockaddr *addr, socklen_t len); /* -EINPROGRESS: wait */
    int (*listen)(struct sock *sock, int backlog);
    int (*accept)(struct sock *sock, struct sock **ret_sock);
    /* Sends the message from its byte `skip` on; returns how many bytes went. */
    ssize_t (*send)(struct sock *sock, const struct msghdr *msg, size_t skip, int flags);
    ssize_t (*recv)(struct sock *sock, struct msghdr *msg, int flags);
    int (*name)(struct sock *sock, bool peer, struct sockaddr_storage *ret_addr, socklen_t *ret_len);
    int (*set)(struct sock *sock, int level, int option, const void *value, socklen_t len);
    int (*get)(struct sock *sock, int level, int option, void *value, socklen_t *len);
    int (*shutdown)(struct sock *sock, int how);
    short (*poll)(const struct sock *sock); /* POLLIN | POLLOUT | POLLRDHUP | POLLHUP | POLLERR */
};

extern const struct sock_type udp_sock, tcp_sock, raw_sock, packet_sock, netlink_sock;

/* Something received: a datagram, or a piece of a stream. */
struct arrival {
    struct pbuf *p;
    uint16_t offset; /* of what has not been read yet */
    unsigned ifindex;
    union {
        struct {
            ip_addr_t from, to;
            uint16_t port;
            uint8_t ttl, tos;
        };
        struct sockaddr_ll link;
    };
};

/* Membership of a multicast group; also kept so that close can leave it. */
struct membership {
    struct membership *next;
    struct port *port;
    ip_addr_t group;
};

enum { TTL_OF_ROUTE = -1 }; /* nobody has said another (IP_TTL, IPV6_UNICAST_HOPS) */

enum tcp_phase { TCP_FRESH, TCP_LISTENING, TCP_CONNECTING, TCP_CONNECTED, TCP_ENDED };

struct sock {
    struct stack *stack;
    const struct sock_type *type;
    struct sock *bucket_next, *next, *previous;
    uint64_t id;
    int fd;   /* the user's end of a socket pair; -1: not accepted yet */
    int peer; /* ours: what is done to it shows at fd (ready.c); -1: ended */
    struct {
        bool in, no_out, rdhup;
    } shown;
    bool has_news; /* something came since the descriptor was brought up to date */
    bool is_ready_later;
    struct sock *ready_next; /* in the stack's list of those */
    int domain, kind, protocol;
    int error; /* for SO_ERROR, or the next call */
    bool shut_read, shut_write;
    bool wire_blocked; /* a datagram found the wire busy */

    struct arrival *ring;
    unsigned ring_size, ring_first, ring_count;
    size_t rx_bytes; /* in the ring, with what each arrival costs */

    int rcvbuf, sndbuf;
    struct timeval rcvtimeo, sndtimeo;
    struct linger linger;
    bool reuse_address, broadcast, keepalive, v6only, pktinfo4, pktinfo6, recv_ttl, recv_hops, recv_tos,
        recv_tclass;
    int ttl; /* TTL_OF_ROUTE */
    int tos, multicast_ttl;
    bool multicast_loop, multicast_own;   /* IP_MULTICAST_LOOP; IP_MULTICAST_ALL is off */
    struct port *multicast_port, *device; /* IP_MULTICAST_IF, SO_BINDTODEVICE */
    struct membership *memberships;

    ip_addr_t local, remote;
    uint16_t local_port, remote_port;
    bool is_bound, is_connected;

    struct udp_pcb *udp;
    struct {
        struct tcp_pcb *pcb;
        enum tcp_phase phase;
        bool eof, no_delay;
        bool attempt_failed; /* ENDED without having been connected: connect may try again */
        bool answers;        /* something was sent since the last read that left nothing */
        struct sock *listener, *accept_next, *accept_queue;
        int backlog, accept_count;
        unsigned keep_idle, keep_interval, keep_count;
    } tcp;
    struct {
        uint32_t filter[8];  /* by ICMPv6 type; a bit set: not wanted */
        int checksum_offset; /* IPV6_CHECKSUM; -1: none */
        bool has_header;     /* IP_HDRINCL: who sends brings the IP header */
    } raw;
    struct {
        uint16_t type; /* Ethernet type, host order */
        struct port *port;
    } packet;
    struct {
        struct nlq_msg *replies;
        uint32_t port_id;
    } netlink;
};

/* Makes a socket with its descriptor (type as for socket(2)): the descriptor or a negative errno. */
int sock_open(struct stack *stack, int domain, int type, int protocol);
/* A socket without a descriptor yet, and giving it one: the descriptor or a negative errno. */
struct sock *sock_new(struct stack *stack, const struct sock_type *type, int domain, int kind, int protocol);
int sock_give_descriptor(struct sock *sock, int flags);
/* Closes it, its descriptor too: what lwIP has of it ends, then what is ours is freed. */
void sock_close(struct sock *sock);
/* Each of the two on its own. Only the first calls lwIP; the second is all there is to do in a dead stack. */
void sock_end(struct sock *sock);
void sock_free(struct sock *sock);
/* Frees all sockets of a stack that ends: those that nobody has accepted, or that were being made when it died. */
void sock_free_all(struct stack *stack);
struct sock *sock_find(const struct stack *stack, int fd);
/* From now on fd is its descriptor. */
void sock_move(struct sock *sock, int fd);

/* Appends an arrival, whose pbuf it takes over: 0, or -ENOBUFS with p freed (beyond the receive buffer, unless
 * `always`). */
int sock_arrive(struct sock *sock, const struct arrival *arrival, bool always);
/* Frees the first arrival. */
void sock_drop_arrival(struct sock *sock);
void sock_drop_arrivals(struct sock *sock);
/* Receives a datagram of the ring; `header` bytes at its begin are not the user's. */
ssize_t sock_recv_datagram(struct sock *sock, struct msghdr *msg, int flags);
/* Takes the pending error: 0 or a negative errno. */
int sock_take_error(struct sock *sock);

/* The hop limit of its packets; of_route: what the route says. */
static inline u8_t sock_hop_limit(const struct sock *sock, uint8_t of_route)
{
    return sock->ttl == TTL_OF_ROUTE ? of_route : (u8_t)sock->ttl;
}

/* Copies `len` bytes from buf to the message's buffers, at their byte `at`; returns how many fitted. */
size_t sock_scatter(const struct msghdr *msg, size_t at, const void *buf, size_t len);
/* Copies up to `len` bytes of the message's buffers from byte `at` on to buf; returns how many. */
size_t sock_gather(const struct msghdr *msg, size_t at, void *buf, size_t len);
size_t sock_message_len(const struct msghdr *msg);

/* Reads a socket address of the socket's family: an IPv4-mapped one becomes IPv4. ret_port: the interface that a
 * link-local address names; untouched if none. */
int sock_read_address(const struct sock *sock, const struct sockaddr *addr, socklen_t len, ip_addr_t *ret_ip,
                      uint16_t *ret_port_number, struct port **ret_port);
socklen_t sock_write_address(const struct sock *sock, const ip_addr_t *ip, uint16_t port_number,
                             struct sockaddr_storage *ret_addr);
/* What getsockname and getpeername say of UDP, TCP and raw sockets. */
int sock_name(struct sock *sock, bool peer, struct sockaddr_storage *ret_addr, socklen_t *ret_len);
/* May a socket be bound to ip: an own address, any, a group, a broadcast address? */
bool sock_may_bind(const struct sock *sock, const ip_addr_t *ip);
/* A random port of the dynamic range. */
uint16_t sock_random_port(void);

/* Who sent a packet to whom. */
struct sock_flow {
    int protocol;
    ip_addr_t local, remote;
    uint16_t local_port, remote_port;
};
/* An ICMP message says that a packet of this flow did not arrive. */
void sock_icmp_error(struct stack *stack, const struct sock_flow *flow, int error);
/* The next hop `hop` does not answer. */
void sock_unreachable(struct stack *stack, const ip_addr_t *hop);
/* A busy wire has room again. */
void sock_wire_ready(struct stack *stack);
/* All sockets of a stack that died show it: POLLERR and POLLHUP, with all that means. */
void sock_all_dead(struct stack *stack);

/* Gives copies of a datagram to all sockets of UDP that are bound to that port and would take it (udp.c); its pbuf
 * stays the caller's. */
void udp_arrive_at_all(struct stack *stack, uint16_t local_port, const struct arrival *arrival);

/* A connection attempt failed (tcp.c). */
void tcp_fail(struct sock *sock, int error);
/* How the attempt of a connect that waits has ended: 0, its error, or -EAGAIN: not yet. */
int tcp_attempt_result(struct sock *sock);

/* ready.c: shows at the descriptor what sock->type->poll says. */
void ready_update(struct sock *sock);
/* The same when the lock is let go: one wake-up for a whole batch of frames. ready_never takes it back;
 * ready_flush is for stack_unlock. */
void ready_later(struct sock *sock);
void ready_never(struct sock *sock);
void ready_flush(struct stack *stack);
int ready_open(struct sock *sock, int flags);
/* A TCP socket is about to connect or listen, perhaps not for the first time: from here on its descriptor shows
 * more than that. 0 or a negative errno. */
int ready_begin(struct sock *sock);
void ready_close(struct sock *sock);
/* The user read SO_ERROR. */
void ready_error_taken(struct sock *sock);

/* options.c: the options of all sockets and of IP; what a type does not know goes there. */
int option_set(struct sock *sock, int level, int option, const void *value, socklen_t len);
int option_get(struct sock *sock, int level, int option, void *value, socklen_t *len);
/* The device that a socket is bound to, as its PCB knows it. */
u8_t option_netif_index(const struct sock *sock);
/* Has it joined that group on that interface? */
bool option_is_member(const struct sock *sock, const ip_addr_t *group, unsigned ifindex);
/* Leaves all groups. */
void option_leave_groups(struct sock *sock);
/* Writes the control messages that were asked for. */
void option_write_control(const struct sock *sock, const struct arrival *arrival, struct msghdr *msg);
/* Reads IP_PKTINFO and IPV6_PKTINFO: 0, or -EINVAL; what is not given stays as it was. */
int option_read_control(const struct sock *sock, const struct msghdr *msg, ip_addr_t *ret_src,
                        struct port **ret_port);

#endif
