/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Sends "ciao\n" by UDP from a node of its own: this process, with the address 10.0.0.1 on a virtual
 * Ethernet.
 *
 *   cc udp-send.c -o udp-send $(pkg-config --cflags --libs libioth)
 *   vde_plug null:// hub:///tmp/hub &                      # the network
 *   ./udp-send vde:///tmp/hub 10.0.0.2 5000                # the receiver: any node that owns 10.0.0.2 there
 *
 * The three lines that a program for the host's stack does not have: make a stack, give it an address, bring
 * it up.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <ioth.h>

static struct ioth *make_stack(const char *vnl)
{
    struct ioth *stack = ioth_newstack("vdestack", vnl);
    struct in_addr myaddr = {.s_addr = inet_addr("10.0.0.1")};
    int ifindex;

    if (stack == NULL)
        return NULL;
    ifindex = ioth_if_nametoindex(stack, "vde0");
    if (ifindex > 0 && ioth_ipaddr_add(stack, AF_INET, &myaddr, 24, (unsigned)ifindex) == 0 &&
        ioth_linksetupdown(stack, (unsigned)ifindex, 1) == 0)
        return stack;
    ioth_delstack(stack);
    return NULL;
}

int main(int argc, char *argv[])
{
    struct sockaddr_in to = {.sin_family = AF_INET};
    struct ioth *stack;
    ssize_t sent;
    int fd;

    if (argc != 4 || inet_pton(AF_INET, argv[2], &to.sin_addr) != 1) {
        fprintf(stderr, "usage: %s VNL ADDRESS PORT\n", argv[0]);
        return 2;
    }
    to.sin_port = htons((uint16_t)atoi(argv[3]));
    stack = make_stack(argv[1]);
    if (stack == NULL) {
        perror("stack");
        return 1;
    }
    fd = ioth_msocket(stack, AF_INET, SOCK_DGRAM, 0);
    sent = ioth_sendto(fd, "ciao\n", 5, 0, (struct sockaddr *)&to, sizeof(to));
    if (sent < 0)
        perror("sendto");
    ioth_close(fd);
    ioth_delstack(stack);
    return sent < 0 ? 1 : 0;
}
