/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VDESTACK_LAB_H
#define VDESTACK_LAB_H
/*
 * What the tests of vdestack are played with: hubs in a folder of the test's own, stacks with addresses, and
 * waiting for things with a deadline. Whatever goes wrong in here fails the running test.
 */
#include <stdbool.h>
#include <sys/types.h>

#include <ioth.h>

/* Makes the folder for hubs. Returns 0, or 77 after printing why vdestack cannot be tested here. */
int lab_open(void);
void lab_close(void);

struct lab_hub {
    char path[64];
    char vnl[80];
    pid_t pid;
};

/* A hub of the name `name` in the test's folder; it ends with lab_hub_kill, or with the test program. */
void lab_hub_start(struct lab_hub *hub, const char *name);
void lab_hub_kill(struct lab_hub *hub);

/* A vdestack stack on `vnl` whose interface `ifname` has the address, IPv4 with /24 or IPv6 with /64 without
 * DAD, and is up. */
struct ioth *lab_stack(const char *vnl, const char *ifname, const char *addr);
void lab_configure(struct ioth *stack, const char *ifname, const char *addr);

/* Socket address of an IPv4 or IPv6 address; returns its length. */
socklen_t lab_sockaddr(struct sockaddr_storage *ret_addr, const char *addr, unsigned short port);

/* A UDP or TCP socket (SOCK_DGRAM, SOCK_STREAM) of that stack bound to the address; TCP ones listen. */
int lab_bound(struct ioth *stack, int type, const char *addr, unsigned short port);

/* Sends one datagram from `from` to a socket bound on `to`, and checks that it arrives whole. */
void lab_exchange(struct ioth *from, struct ioth *to, const char *to_addr, size_t len);

/* Waits until the descriptor is readable (true), at most the deadline of the lab. */
bool lab_readable(int fd);
/* Waits until condition(arg) holds; false if it does not within the deadline. */
bool lab_wait(bool (*condition)(void *arg), void *arg);

/* IFF_* flags of an interface. */
unsigned lab_flags(struct ioth *stack, const char *ifname);

#endif
