/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A stack is made by its name alone, and configured by the same calls whichever it is: that is libioth's point. */
#include "end.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { INTERFACE = 2, PREFIX_LEN = 16, NETWORK = 0x0a630000 };

void end_die(const char *what)
{
    perror(what);
    exit(1);
}

struct sockaddr_in end_address(unsigned host, uint16_t port)
{
    return (struct sockaddr_in){
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(NETWORK + host)};
}

struct ioth *end_open(const char *kind, const char *vnl, unsigned host)
{
    struct sockaddr_in addr = end_address(host, 0);
    struct ioth *stack = ioth_newstack(kind, strcmp(vnl, "-") == 0 ? NULL : vnl);

    if (stack == NULL)
        end_die(kind);
    if (ioth_linksetupdown(stack, INTERFACE, 1) < 0 ||
        ioth_ipaddr_add(stack, AF_INET, &addr.sin_addr, PREFIX_LEN, INTERFACE) < 0)
        end_die("address");
    return stack;
}

int end_socket(struct ioth *stack, int type, unsigned host, uint16_t port)
{
    const struct sockaddr_in addr = end_address(host, port);
    const int fd = ioth_msocket(stack, AF_INET, type | SOCK_NONBLOCK, 0);

    if (fd < 0 || ioth_bind(fd, (const struct sockaddr *)&addr, sizeof(addr)) < 0)
        end_die("socket");
    return fd;
}
