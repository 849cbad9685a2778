/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Looks up a name from a node of its own: one string makes its stack and configures it by what the network says (DHCP,
 * router advertisements), and the name servers that it was told of are asked. No privilege, nothing of the machine's.
 *
 *   cc lookup.c -o lookup $(pkg-config --cflags --libs libiothconf libiothdns)
 *   ./lookup stack=lwip,vnl=vde:///tmp/hub,auto www.example.org
 */
#include <iothconf.h>
#include <iothdns.h>

int main(int argc, char *argv[])
{
    if (argc != 3)
        return fprintf(stderr, "usage: lookup STACK NAME\n"), 2;
    struct ioth *stack = ioth_newstackc(argv[1]);
    struct iothdns *dns = stack ? iothdns_init_strcfg(stack, ioth_resolvconf(stack, NULL)) : NULL;
    struct addrinfo *found;
    char text[INET6_ADDRSTRLEN];
    int e = dns ? iothdns_getaddrinfo(dns, argv[2], NULL, NULL, &found) : EAI_SYSTEM;
    if (e != 0)
        return fprintf(stderr, "%s\n", e == EAI_SYSTEM ? strerror(errno) : iothdns_gai_strerror(e)), 1;
    iothdns_getnameinfo(dns, found->ai_addr, found->ai_addrlen, text, sizeof(text), NULL, 0, NI_NUMERICHOST);
    return puts(text) < 0;
}
