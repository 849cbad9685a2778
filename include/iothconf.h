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
       dhcp dhcp6 rd slaac auto auto4 auto6 (dhcp4 dhcpv4 dhcpv6 rd6 autov4 autov6)
                      automatic configuration: not built yet, EOPNOTSUPP

   To undo, with the same values: -ip= -gw= -dns= -domain=. Without a value, "-ip", "-gw", "-dns", "-domain"
   undo all that ioth_config() added to the interface; "-static" does so with all four; "-eth" takes the link
   down.

   Order in the string does not matter: first what is undone, then MAC address and link, addresses, routes,
   names. What is already there, or already gone, counts as done. Of iface, ifindex, fqdn and mac the last one
   counts. */

#include <stddef.h>
#include <ioth.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

/* What ioth_config() did, one bit each. */
#define IOTH_CONFIG_STATIC 1 /* ip, gw, dns, domain and their undo forms */
#define IOTH_CONFIG_ETH    2 /* eth, mac, -eth */
#define IOTH_CONFIG_DHCP   4 /* these three: not built yet */
#define IOTH_CONFIG_DHCPV6 8
#define IOTH_CONFIG_RD     16

/* Configures one interface of a stack (NULL: the default stack). stack= and vnl= are ignored, so that one
   string serves for the creation of the stack and for its configuration.
   Returns a mask of IOTH_CONFIG_ bits, 0 if there was nothing to do; or -1 and errno. After EINVAL and
   EOPNOTSUPP from the string itself nothing has been done; other errors leave in place what succeeded before.
     EINVAL       the string is wrong; ioth_config_check() says where
     EOPNOTSUPP   it asks for what is not built yet
     ENODEV       no such interface
     EEXIST       another default route is there
     ENOMEM, or what netlink says: EPERM, ENETUNREACH (the gateway cannot be reached), ... */
int ioth_config(struct ioth *stack, const char *config);

/* The name servers and search domains that ioth_config() gathered, as text for resolv.conf(5).
   config: NULL or a configuration string, of which only iface= and ifindex= are used: then only what concerns
   that interface.
   Returns the text, to be freed by the caller ("" when all has been undone), or NULL and errno:
     0                    nothing has changed since the last call
     EINVAL, EOPNOTSUPP   the string is wrong
     ENODEV, ENOMEM */
char *ioth_resolvconf(struct ioth *stack, const char *config);

/* Makes a stack of the kind stack=, with one interface for each vnl= (none is fine: "stack=kernel"), and
   configures it. Returns the stack, to be deleted by ioth_delstack(), or NULL and errno: EINVAL if stack= is
   missing, the errors of ioth_newstackv() and those of ioth_config(); then no stack is left behind. */
struct ioth *ioth_newstackc(const char *config);

/* Checks a configuration string without acting on it. Returns 0, or -1 with errno EINVAL, EOPNOTSUPP; then
   *ret_offset is the byte offset of the offending word in config and errbuf holds one sentence (cut to
   errbuf_size, without a final dot). ret_offset and errbuf may be NULL; both are left alone on success. */
int ioth_config_check(const char *config, size_t *ret_offset, char *errbuf, size_t errbuf_size);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
#endif
