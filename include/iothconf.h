/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef IOTHCONF_H
#define IOTHCONF_H
/* Configuration of a stack by a string.

   The string is a list of options, separated by commas; blanks around an option and empty options
   do not count.

       config = option *( "," option )
       option = keyword [ "=" value ]
       value  = plain | "'" any but ' "'" | '"' any but " '"' | "{" anything with balanced braces "}"

   A plain value ends at the next comma that is not within [...] or {...}, so "vnl=vde:///tmp/hub[22],eth"
   needs no quotes. Quotes, or braces around the whole value, protect commas and are taken away:
   stack={vdestack,opt=1}. Keywords may be written in any letter case.

       stack=NAME     the kind of stack: "kernel", "vdestack", ...; with its own options: {NAME,opt=...}
       vnl=VNL        a virtual network; each gives one interface (vde0, vde1, ..., or "eth0:VNL"); may repeat
       iface=NAME     the interface that all options of this string are about; vde0 if not given
       ifindex=N      the same, by number
       fqdn=NAME      the name of this node, for the MAC address
       mac=MAC        or macaddr=: the MAC address, as 80:01:01:01:01:01
       eth            brings the link up; its address: mac=, else one hashed from fqdn=, else its own
       ip=ADDR/LEN    adds an address, IPv4 or IPv6; leaves the state of the link alone; may repeat
       gw=ADDR        adds the default route; one for IPv4, one for IPv6
       dns=ADDR       adds a name server for ioth_resolvconf(); may repeat
       domain=NAME    adds a search domain for ioth_resolvconf(); may repeat
       debug          accepted, without effect: this library prints nothing

   Clients of the network; ioth_config() waits for what they get, and someone has to let them run on, see
   ioth_config_start():

       dhcp           DHCPv4 (also dhcp4, dhcpv4): address, routes, MTU, name servers, search domains
       dhcp6          DHCPv6 (also dhcpv6): addresses, name servers, search domains
       rd             router discovery (also rd6): from router advertisements to addresses, routes, MTU, name
                      servers, search domains. An address of each autonomous prefix: hashed from fqdn=; without it one
                      that tells nothing (RFC 7217)
       slaac          rd with addresses from the MAC address (EUI-64)
       auto           eth,dhcp,dhcp6,rd; auto4 (autov4): eth,dhcp; auto6 (autov6): eth,dhcp6,rd. DHCPv6 is then used
                      as routers say (RFC 4861 s4.2): for addresses (flag M), for names alone (O), not at all; and for
                      addresses if no router answers for 12 s. With dhcp6 alone addresses are asked for at once,
                      unless a router says O without M before there is one
       timeout=N      how many seconds ioth_config() waits for them; 15 if not given, 0: not at all
       statedir=PATH  the folder where they keep their leases and identifiers over restarts, as IFACE.dhcp4, IFACE.dhcp6,
                      duid, secret; nothing is kept if not given. Stacks that share a folder want interfaces of different
                      names

   To undo, with the same values: -ip= -gw= -dns= -domain=. Without a value, "-ip", "-gw", "-dns", "-domain"
   undo all that ioth_config() added to the interface; "-static" does so with all four; "-eth" takes the link
   down. "-dhcp", "-dhcp6", "-rd" give back what these clients hold (RELEASE) and remove it from the stack; "-auto4" is
   -dhcp; "-auto6" is -dhcp6,-rd; "-auto" is all of them and -eth.

   Order in the string does not matter: first what is undone, then MAC address and link, addresses, routes,
   names, clients. What is already there, or already gone, counts as done. Of iface, ifindex, fqdn, mac, timeout and
   statedir the last one counts. What clients bring does not take the place of what a string says: an address that is
   there stays as it is, static routes go first, and static name servers come first. */

#include <stddef.h>
#include <ioth.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

/* What ioth_config() did, one bit each. */
#define IOTH_CONFIG_STATIC 1 /* ip, gw, dns, domain and their undo forms */
#define IOTH_CONFIG_ETH    2 /* eth, mac, -eth */
#define IOTH_CONFIG_DHCP   4 /* these three: the configuration stands, or was given back */
#define IOTH_CONFIG_DHCPV6 8
#define IOTH_CONFIG_RD     16

/* Configures one interface of a stack (NULL: the default stack). stack= and vnl= are ignored, so that one
   string serves for the creation of the stack and for its configuration.
   With dhcp, dhcp6 or rd it returns when the configuration of all of them stands, duplicate address detection included,
   or after timeout=. A client that has got nothing until then goes on trying, and its bit is missing; so is that of
   dhcp6 if routers say that it has nothing to do.
   Returns a mask of IOTH_CONFIG_ bits of what succeeded, 0 if nothing did; or -1 and errno. After EINVAL from the string
   itself nothing has been done; other errors leave in place what succeeded before.
     EINVAL       the string is wrong; ioth_config_check() says where
     EPERM, EACCES, EADDRINUSE   the sockets of a client, for which the kernel's own stack wants privilege
     ENOENT, ENOTDIR, EACCES, EROFS   the folder of statedir=
     ENODEV       no such interface
     EEXIST       another default route is there
     ENOMEM, or what netlink says: EPERM, ENETUNREACH (the gateway cannot be reached), ... */
int ioth_config(struct ioth *stack, const char *config);

/* The name servers and search domains that ioth_config() gathered, as text for resolv.conf(5).
   config: NULL or a configuration string, of which only iface= and ifindex= are used: then only what concerns
   that interface.
   What clients have learnt is in it: static names come first, then those of DHCPv6, DHCPv4, routers (RFC 8106 s5.3.1).
   Returns the text, to be freed by the caller ("" when all has been undone), or NULL and errno:
     0        nothing has changed since the last call
     EINVAL   the string is wrong
     ENODEV, ENOMEM */
char *ioth_resolvconf(struct ioth *stack, const char *config);

/* Makes a stack of the kind stack=, with one interface for each vnl= (none is fine: "stack=kernel"), and
   configures it. Returns the stack, to be deleted by ioth_delstack(), or NULL and errno: EINVAL if stack= is
   missing, the errors of ioth_newstackv() and those of ioth_config(); then no stack is left behind. That a client has
   got nothing yet is no error. */
struct ioth *ioth_newstackc(const char *config);

/* Checks a configuration string without acting on it. Returns 0, or -1 with errno EINVAL; then
   *ret_offset is the byte offset of the offending word in config and errbuf holds one sentence (cut to
   errbuf_size, without a final dot). ret_offset and errbuf may be NULL; both are left alone on success. */
int ioth_config_check(const char *config, size_t *ret_offset, char *errbuf, size_t errbuf_size);

/* Clients have to be let run: leases are renewed, routers come and go, other hosts claim an address. Either a thread
   of the library does it, or the program in a loop of its own; while ioth_config() waits it does it itself.

   The thread, one for each stack: _start makes it, before or after ioth_config(), _stop ends it and leaves clients as they
   are; it ends with its stack in any case. Both are 0 also if there is nothing to start or stop; -1 and errno: EAGAIN,
   ENOMEM, EMFILE. */
int ioth_config_start(struct ioth *stack);
int ioth_config_stop(struct ioth *stack);

/* The loop:
     fd         a descriptor that poll(2) finds readable (POLLIN) when there is something to do, deadlines included;
                it is the library's, the same as long as the stack lives. -1 and errno: ENOMEM, EMFILE
     timeout    milliseconds until the next deadline, for loops that do not poll the descriptor; -1: there is none
     dispatch   does what there is to do, and never waits. 1: addresses, routes or names have changed; 0: they have not;
                -1 and errno: ENOMEM, EMFILE */
int ioth_config_fd(struct ioth *stack);
int ioth_config_timeout(struct ioth *stack);
int ioth_config_dispatch(struct ioth *stack);

/* How many clients (dhcp, dhcp6, rd, of all interfaces) run on the stack: with none, nobody has to let them run. */
int ioth_config_clients(struct ioth *stack);

/* A number that is another one whenever clients have changed addresses, routes or names of the stack since; then it is
   time for ioth_resolvconf(). From any thread. */
unsigned ioth_config_changes(struct ioth *stack);

/* ioth_delstack() ends thread and clients of a stack. Their sockets do not count as open ones; a thread that waits in
   ioth_config() makes it EBUSY. Nothing is given back to servers then: a node that comes back gets the same; "-auto"
   before gives back. */

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
#endif
