/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef STACK_LAB_H
#define STACK_LAB_H
/*
 * What the rows of the conformance suite are written with: two stacks of the kind under test on one wire, the
 * verdicts, socket addresses, sockets in the state that a row begins with, and waiting with a deadline.
 */
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/types.h>

#include <linux/if_packet.h>

#include <ioth.h>

#include "lab/pattern.h"

/* ---- rows ---- */

enum {
    ROW_BOTH = 1,    /* is run over IPv4 and again over IPv6 */
    ROW_LOSSY = 2,   /* on a wire that loses and reorders frames */
    ROW_HEAVY = 4,   /* has the longer deadline */
    ROW_LONG = 8,    /* only with --long */
    ROW_APART = 16,  /* a and b are on networks of their own, which nothing connects */
    ROW_HUB = 32,    /* ends its hub and begins it anew */
    ROW_FILTER = 64, /* over VDE's wirefilter: it loses, and delays as it likes */
};

/* Rows that are about their network: a given one, or none, does not do. */
enum { ROW_OWN_NETWORK = ROW_LOSSY | ROW_APART | ROW_HUB | ROW_FILTER };

struct lab;

struct row {
    const char *name; /* what a full stack does: it stands in the manual */
    void (*run)(struct lab *lab);
    unsigned flags;
};

/* Each ends with a row that has no name. */
extern const struct row socket_rows[], name_rows[], option_rows[], connect_rows[], stream_rows[],
    datagram_rows[], multicast_rows[], raw_rows[], packet_rows[], ready_rows[], link_rows[], netlink_rows[],
    network_rows[], load_rows[];

/* ---- verdicts: the row ends at once, in whatever thread ---- */

_Noreturn void lab_fail(const char *file, int line, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
_Noreturn void lab_refuse(int error);
/* The row makes no sense for this kind of stack. */
_Noreturn void lab_skip(const char *why);

int lab_must(long result, const char *text, const char *file, int line);
int lab_op(long result);
void lab_fails(long result, int error, const char *text, const char *file, int line);

/* A call that has to work, else the row has failed. Its result. */
#define MUST(call) lab_must((call), #call, __FILE__, __LINE__)
/* The call that the row is about: an error is what the stack refuses it with. Its result. */
#define OP(call) lab_op((call))
/* A call that has to fail, with that errno. */
#define FAILS(error, call) lab_fails((call), (error), #call, __FILE__, __LINE__)
#define CHECK(condition)                                                                                     \
    do {                                                                                                     \
        if (!(condition))                                                                                    \
            lab_fail(__FILE__, __LINE__, "not so: %s", #condition);                                          \
    } while (0)

/* ---- the laboratory ---- */

enum { LAB_DEADLINE_MS = 30000, LAB_SIDES = 3 };

/* The addresses of a and b. */
struct lab_side {
    const char *ip4, *ip6;
};
extern const struct lab_side lab_sides[2];

/* How the stacks of a row are made. */
struct lab_plan {
    const char *stack;  /* as for ioth_newstack */
    const char *vnl[2]; /* NULL: a hub of the row's own */
    const char *folder; /* where hubs are made */
    unsigned flags;     /* of the row */
    bool more;          /* --long */
    bool native;        /* a stack of it is the kernel's in the namespace of the calling thread */
};

struct lab {
    struct lab_plan plan;
    struct ioth *a, *b; /* 10.0.0.1/24 and fc00::1/64, 10.0.0.2/24 and fc00::2/64 */
    unsigned a_if, b_if;
    int family;     /* of a row that is run over both */
    bool is_native; /* a and b are namespaces of the row's own, in which threads stand by turns */
    int namespaces[2];
    char vnl[2][128];
    pid_t hubs[2]; /* 0: there is none of the row's own */
};

/* Makes both stacks; -errno of ioth_newstack, or 0. Other failures end the row. */
int lab_open(struct lab *lab, const struct lab_plan *plan);
void lab_close(struct lab *lab);
/* A stack, for the very next call: the thread goes to its namespace if it is the kernel's. */
struct ioth *lab_enter(const struct lab *lab, struct ioth *stack);
struct ioth *in_a(const struct lab *lab);
struct ioth *in_b(const struct lab *lab);
/* A further stack on the wire of a; it has no addresses yet. */
struct ioth *lab_another(const struct lab *lab);
/* A third stack on the wire of a, with these addresses. The kernel has none. */
struct ioth *lab_third(const struct lab *lab, const char *ipv4, const char *ipv6);
/* A stack on both networks of a ROW_APART that forwards between them: vde0 has ip_a's end of the first, .254 and
 * ::fe, vde1 that of the second, 10.0.1.254 and fc00:1::fe. */
struct ioth *lab_router(const struct lab *lab);
/* Ends hub 0; begins it again. */
void lab_stop_hub(struct lab *lab);
void lab_start_hub(struct lab *lab);
/* Adds an address and waits until it works: the kernel's own IPv6 says yes some time before that. */
void lab_address(struct ioth *stack, unsigned ifindex, const char *text, int prefixlen);

/* ---- addresses ---- */

struct addr {
    union {
        struct sockaddr any;
        struct sockaddr_in in;
        struct sockaddr_in6 in6;
        struct sockaddr_ll ll;
        struct sockaddr_storage storage;
    } u;
    socklen_t len;
};

struct addr addr_of(const char *text, unsigned short port);
/* Room for an answer. */
struct addr addr_room(void);
bool addr_is(const struct addr *addr, const char *text, unsigned short port);
unsigned short addr_port(const struct addr *addr);
/* The address of a side in the row's family; its loopback address, and one that is nobody's, nowhere. */
const char *ip_a(const struct lab *lab);
const char *ip_b(const struct lab *lab);
const char *ip_loopback(const struct lab *lab);
const char *ip_silent(const struct lab *lab);  /* on the wire, but nobody has it */
const char *ip_nowhere(const struct lab *lab); /* no route leads there */
const char *ip_any(const struct lab *lab);

/* Calls with the address as text. */
int bind_to(int fd, const char *text, unsigned short port);
int connect_to(int fd, const char *text, unsigned short port);
ssize_t send_to(int fd, const void *buf, size_t len, const char *text, unsigned short port);

/* ---- sockets ---- */

/* A socket of the row's family; type as for socket(2). */
int open_socket(const struct lab *lab, struct ioth *stack, int type);
/* A UDP socket that is bound. */
int udp_bound(const struct lab *lab, struct ioth *stack, const char *text, unsigned short port);
/* A TCP socket that listens. */
int tcp_listening(const struct lab *lab, struct ioth *stack, const char *text, unsigned short port);

/* A connection from a to b, and the listener that b took it from. */
struct pair {
    int client, server, listener;
};
struct pair pair_open(const struct lab *lab);
void pair_close(struct pair *pair);

void set_int(int fd, int level, int option, int value);
int get_int(int fd, int level, int option);
void set_nonblocking(int fd);
/* setsockopt of an int of 1, for OP. */
int switch_on(int fd, int level, int option);

/* ---- waiting ---- */

/* Waits until poll shows all of `events`; the row fails if it does not. What poll shows. */
short wait_events(int fd, short events);
/* The same for any of `events`. */
short wait_any(int fd, short events);
/* Waits until condition(arg) holds; the row fails at the deadline. */
void wait_until(bool (*condition)(void *arg), void *arg);
/* What poll shows now. */
short events_now(int fd, short events);
uint64_t now_ms(void);

/* A function beside the row. */
struct aside {
    pthread_t thread;
    _Atomic pid_t tid;
    void (*run)(void *arg);
    void *arg;
};
void aside_start(struct aside *aside, void (*run)(void *arg), void *arg);
/* Waits until it sleeps in a system call. */
void aside_sleeps(struct aside *aside);
void aside_join(struct aside *aside);

/* Reads exactly len bytes, by as many calls as it takes. */
void read_bytes(int fd, unsigned char *buf, size_t len);
/* Receives one datagram, which has to be this text; has nothing to receive. */
void expect(int fd, const char *text);
void expect_nothing(int fd);
/* The checksum of RFC 1071, in network order. */
uint16_t checksum(const void *data, size_t len);

/* ---- wire.c ---- */

/* A thread that carries frames between two networks and treats some of them badly, always the same. */
void wire_start(const char *one, const char *other);

#endif
