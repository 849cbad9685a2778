/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Linux's own answer to router advertisements; see autoconf.h.

   Linux makes addresses and routes of them by itself where accept_ra is not 0. Beside router discovery of ours that
   would be a second address in each prefix, and routes that nobody asked for. On vdestack it is off unless the option
   accept_ra of the stack asks for it, and then both is what was asked for. lwIP does no such thing. On the
   kernel's own stack it is the setting of that one interface, /proc/sys/net/ipv6/conf/IFACE/accept_ra: it is switched
   off while router discovery runs there, and put back afterwards. What Linux has made before stays until its
   lifetime ends. A process that is killed leaves it off: the administrator's tools set it when the interface is
   configured again.

   Which stack is in the namespace of this process is asked of its sockets (SO_NETNS_COOKIE): /proc shows that one
   alone. */
#include "libiothconf/autoconf.h"

#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PATH_SIZE = 64 + IFNAMSIZ };

static void path_of(const char *ifname, char path[static PATH_SIZE])
{
    snprintf(path, PATH_SIZE, "/proc/sys/net/ipv6/conf/%.*s/accept_ra", IFNAMSIZ - 1, ifname);
}

/* The first byte of the setting, 0: there is none. */
static char read_setting(const char *ifname)
{
    char path[PATH_SIZE], value = '\0';
    int fd;

    path_of(ifname, path);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return '\0';
    if (read(fd, &value, 1) != 1)
        value = '\0';
    close(fd);
    return value;
}

static bool write_setting(const char *ifname, char value)
{
    char path[PATH_SIZE];
    bool written;
    int fd;

    path_of(ifname, path);
    fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    written = write(fd, &value, 1) == 1;
    close(fd);
    return written;
}

/* The namespace that a socket lives in; 0: not told. Closes the socket. */
static uint64_t namespace_of(int fd)
{
    uint64_t cookie = 0;
    socklen_t len = sizeof(cookie);

    if (fd < 0)
        return 0;
    if (ioth_getsockopt(fd, SOL_SOCKET, SO_NETNS_COOKIE, &cookie, &len) < 0 || len != sizeof(cookie))
        cookie = 0;
    ioth_close(fd);
    return cookie;
}

static bool is_here(struct ioth *stack)
{
    uint64_t cookie;

    if (stack == NULL)
        return true;
    cookie = namespace_of(ioth_msocket(stack, AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    return cookie != 0 && cookie == namespace_of(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
}

void autoconf_suspend(struct autoconf *a, struct ioth *stack, const char *ifname)
{
    char before;

    if (a->suspended || !is_here(stack))
        return;
    before = read_setting(ifname);
    if (before == '\0' || before == '0' || !write_setting(ifname, '0'))
        return;
    a->suspended = true;
    a->before = before;
    snprintf(a->ifname, sizeof(a->ifname), "%s", ifname);
}

void autoconf_resume(struct autoconf *a)
{
    if (a->suspended && read_setting(a->ifname) == '0')
        (void)write_setting(a->ifname, a->before);
    a->suspended = false;
}
