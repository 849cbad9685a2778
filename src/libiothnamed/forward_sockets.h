/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The forwarder's sockets (outlets), the questions that are under way on them (flights), and the servers that
 * they lead to (routes). Inside the forwarder; forward.c drives, forward_outlets.c keeps, forward_udp.c and
 * forward_tcp.c speak.
 */
#ifndef IOTHNAMED_FORWARD_SOCKETS_H
#define IOTHNAMED_FORWARD_SOCKETS_H

#include "libiothdns/upstream/upstream_socket.h"
#include "libiothnamed/forward.h"

enum {
    LENGTH_LEN = 2, /* RFC 1035 s4.2.2 */
    STREAM_MESSAGE_MAX = LENGTH_LEN + DNS_MSG_MAX,
    UDP_BATCH = 16, /* datagrams taken at once */
    DATAGRAM_MAX =
        4096, /* we ask for 1232 bytes at the most (DNS_UDP_EDNS); what is longer than this is cut */

    UDP_SLOTS = 16,      /* sockets to one server among which a question chooses by chance */
    UDP_USES_MAX = 64,   /* questions that a UDP socket carries in its life */
    UDP_STRAYS_MAX = 16, /* replies that nobody asked for before a port counts as found out */
    TCP_SLOTS = 4,       /* connections to one server: RFC 7766 s6.2.2 wants few */
    FLIGHTS_MAX = 64,    /* of one connection: what it loses when it breaks */
    ROUTE_BUCKETS = 64,
    RANDOM_BATCH = 2048,
};

#define UDP_LIFE   (10 * NSEC_PER_SEC) /* of a UDP socket, used or not */
#define TCP_IDLE   (10 * NSEC_PER_SEC) /* of a connection; servers close theirs after some tens of seconds */
#define SWEEP_MSEC 1000

/* A question under way. */
struct flight {
    struct flight *next, **at; /* in its outlet; or `next` in the list of free ones */
    struct outlet *outlet;     /* NULL: that has ended */
    attempt_id attempt;
    uint16_t id;
    bool answered;
    nsec_t sent_at;
};

/* What a TCP connection is beside its socket. */
struct stream {
    bool connecting;
    unsigned answers; /* that came over it */
    nsec_t heard_at;  /* when the last bytes came; 0: none yet */
    uint8_t *out;     /* out[out_start..out_end) is still to be sent */
    size_t out_start, out_end, out_size;
    uint8_t *in; /* of a message that has not come whole */
    size_t in_len, in_size;
};

/* A socket connected to one server. */
struct outlet {
    struct outlet *next, **at; /* among the open ones; or `next` among the free */
    struct forwarder *forwarder;
    struct route *route;
    struct outlet **slot; /* where new questions find it; NULL: retired, it closes with its last flight */
    int fd;               /* -1: closed */
    uv_poll_t poll;       /* of fd */
    int watched;          /* UV_READABLE, UV_WRITABLE: what libuv watches for; 0: nothing yet, or no more */
    bool tcp;
    unsigned uses;   /* questions that it has carried */
    unsigned strays; /* messages that belonged to none */
    unsigned owed;   /* questions given up that may still be answered */
    nsec_t opened_at, idle_since;
    struct flight *flights;
    unsigned n_flights;
    struct stream stream;
};

/* A server. */
struct route {
    struct route *next; /* in its bucket */
    struct ipendpoint server;
    unsigned n_outlets;
    struct outlet *udp[UDP_SLOTS], *tcp[TCP_SLOTS];
};

struct forwarder {
    struct forwarder_settings set;
    int fd_max; /* sockets have descriptors below this one */
    struct exchange_table *table;
    uv_loop_t *loop;
    uv_timer_t timer, sweeper;
    nsec_t timer_at;
    bool sweeping, pumping, closing;
    bool holding;
    struct exchange_event held; /* DONE, not yet told */
    struct route *routes[ROUTE_BUCKETS];
    struct siphash_key route_key;
    struct outlet *open, *free;
    struct flight *free_flights;
    uint64_t strays;       /* datagrams that belonged to no flight */
    unsigned open_handles; /* of libuv: two timers, and the sockets */
    void (*closed)(void *arg);
    void *closed_arg;
    uint8_t random[RANDOM_BATCH];
    size_t random_left;
    bool no_random;                      /* the last that was drawn is none */
    uint8_t message[STREAM_MESSAGE_MAX]; /* what was received last over TCP */
    struct datagrams *datagrams;
};

/* The clock of base/clock.h, by way of libuv: a test of the forwarder puts its own in place of uv_hrtime. */
nsec_t forwarder_now(void);
/* Unpredictable bytes, given out once. */
void forwarder_draw(void *arg, void *bytes, size_t len);
/* What came or failed goes to the exchange table, and what follows is carried out. give: false: it was not to what was
 * asked. */
bool forwarder_give(struct forwarder *f, attempt_id attempt, const uint8_t *bytes, size_t len);
void forwarder_pump(struct forwarder *f);
/* A handle is closed: the last one ends the forwarder. */
void forwarder_handle_closed(struct forwarder *f);

/* --- forward_outlets.c --- */

/* The route to a server, made if there is none; NULL: no memory. */
struct route *route_to(struct forwarder *f, const struct ipendpoint *server);
/* A socket of the stack, connected or (TCP) connecting to the route's server, and watched, in *slot. 0 or -errno. */
MUST_CHECK int outlet_open(struct forwarder *f, struct route *route, bool tcp, struct outlet **slot);
/* New questions find it no more. */
void outlet_retire(struct outlet *o);
/* Its socket has ended: `end` tells the exchange table of each of its flights. Then it is closed. */
void outlet_end(struct forwarder *f, struct outlet *o,
                void (*end)(struct exchange_table *t, attempt_id attempt, nsec_t now));
/* Puts a question on it. NULL: no memory. */
struct flight *flight_new(struct forwarder *f, struct outlet *o, attempt_id attempt, uint16_t id);
struct flight *flight_by_id(const struct outlet *o, uint16_t id);
/* Nothing is wanted of it any more. Takes NULL. */
void flight_close(struct forwarder *f, struct flight *flight);
/* Closes what has been idle, or open, for too long. False: no outlet is left. */
bool outlets_sweep(struct forwarder *f, nsec_t now);
/* Closes all; what is left is freed when libuv has let go of it. */
void outlets_close(struct forwarder *f);
/* Frees what is closed. */
void outlets_free(struct forwarder *f);
/* Waits for what the outlet needs now. 0 or -errno. */
MUST_CHECK int outlet_watch(struct outlet *o);

/* --- forward_udp.c, forward_tcp.c: send a message, serve a socket that libuv names --- */

/* 0, or -errno: -ECONNREFUSED is the server's, all others are ours. */
MUST_CHECK int udp_send(struct forwarder *f, struct route *route, const struct exchange_event *e);
MUST_CHECK int tcp_send(struct forwarder *f, struct route *route, const struct exchange_event *e);
void udp_serve(struct forwarder *f, struct outlet *o);
void tcp_serve(struct forwarder *f, struct outlet *o, int events);
/* Memory for what comes by UDP. */
MUST_CHECK int datagrams_new(struct datagrams **ret);

#endif
