/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A program as the talk's audience writes it: the fewest lines that send a datagram by a stack of their own,
 * with an int for the interface's index, no check and no farewell. It must compile against the public headers
 * without a warning and its datagram must arrive. The VNL is its argument.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <ioth.h>

int main(int argc, char *argv[])
{
    struct ioth *node = ioth_newstack("vdestack", argv[argc - 1]);
    struct in_addr own = {.s_addr = inet_addr("10.0.0.1")};
    int card = ioth_if_nametoindex(node, "vde0");
    ioth_ipaddr_add(node, AF_INET, &own, 24, card);
    ioth_linksetupdown(node, card, 1);

    struct sockaddr_in peer = {
        .sin_family = AF_INET, .sin_port = htons(5000), .sin_addr.s_addr = inet_addr("10.0.0.2")};
    int fd = ioth_msocket(node, AF_INET, SOCK_DGRAM, 0);
    ioth_sendto(fd, "ciao\n", 5, 0, (void *)&peer, sizeof(peer));
    ioth_close(fd);
}
