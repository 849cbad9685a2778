/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef STACKS_LAB_H
#define STACKS_LAB_H
/*
 * What the unit tests of stacks are played with: hubs in a folder of the test's own, stacks with addresses, traffic
 * between them, and waiting for things with a deadline. Whatever goes wrong in here fails the running test.
 */
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <ioth.h>

#include "lab/hub.h"

struct CMUnitTest;

/* Plays an array of tests, with a folder for hubs and a hub in it. What main returns: 77 after printing why stacks cannot be tested
 * here. */
#define lab_run(tests) lab_run_tests(tests, sizeof(tests) / sizeof((tests)[0]))
int lab_run_tests(const struct CMUnitTest *tests, size_t n);
const char *lab_folder(void);

/* A hub of the name `name` in the test's folder; it ends with lab_hub_kill, or with the test program. */
void lab_hub_start(struct hub *hub, const char *name);
void lab_hub_kill(struct hub *hub);
/* The VNL of the program's hub. */
const char *lab_vnl(void);

/* Is there such a kind of stacks? Says so if not. */
bool lab_has(const char *kind);
/* A stack of that kind on `vnl` (NULL: the program's hub) whose interface vde0 has the address, IPv4 with /24 or IPv6
 * with /64 without DAD, and is up. */
struct ioth *lab_stack(const char *kind, const char *vnl, const char *addr);
void lab_configure(struct ioth *stack, const char *ifname, const char *addr);

/* Socket address of an IPv4 or IPv6 address; returns its length. */
socklen_t lab_sockaddr(struct sockaddr_storage *ret_addr, const char *addr, unsigned short port);

/* A UDP or TCP socket (SOCK_DGRAM, SOCK_STREAM) of that stack bound to the address; TCP ones listen. */
int lab_bound(struct ioth *stack, int type, const char *addr, unsigned short port);
/* A TCP connection from one stack to a listener of another at that address. */
struct lab_pair {
    int client, server;
};
struct lab_pair lab_connected(struct ioth *from, int listener, const char *addr, unsigned short port);

/* Sends one datagram from `from` to a socket bound on `to`, and checks that it arrives whole. */
void lab_exchange(struct ioth *from, struct ioth *to, const char *to_addr, size_t len);
/* Sends `bytes` bytes from one end of a TCP connection to the other, both not blocking, and checks each. */
void lab_transfer(int from, int to, size_t bytes);

/* Pings an address, twice a second, until it answers. */
void lab_ping(struct ioth *from, const char *addr);
/* The same in steps: a raw socket; a request with that identifier; the identifier of the reply that waits there, -1 if
 * none does. */
int lab_ping_open(struct ioth *from, int family);
void lab_ping_send(int fd, const char *addr, uint16_t id);
int lab_ping_reply(int fd);

/* Waits until the descriptor is readable (true), at most the deadline of the lab. */
bool lab_readable(int fd);
/* Waits until poll shows any of `events`, or all of them; what it shows. */
short lab_wait_any(int fd, short events);
short lab_wait_all(int fd, short events);
/* What poll shows now of POLLIN, POLLOUT, POLLRDHUP, POLLHUP and POLLERR. */
short lab_events(int fd);
/* Waits until condition(arg) holds; false if it does not within the deadline. */
bool lab_wait(bool (*condition)(void *arg), void *arg);

/* IFF_* flags of an interface. */
unsigned lab_flags(struct ioth *stack, const char *ifname);

/* The number in a variable of the environment, or `otherwise` if it is not set. */
long lab_number(const char *variable, long otherwise);

#endif
