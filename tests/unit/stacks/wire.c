/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A send waits while the network is busy; vde_recv waits for ever, so poll is asked before it. */
#include "wire.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cmocka.h>
#include <libvdeplug.h>
#include <linux/if_tun.h>

void wire_open_vde(struct wire *wire, const char *vnl)
{
    static char descr[] = "frames by hand";

    wire->conn = vde_open((char *)(uintptr_t)vnl, descr, NULL);
    assert_non_null(wire->conn);
    wire->fd = vde_datafd(wire->conn);
}

bool wire_open_tap(struct wire *wire, const char *ifname)
{
    struct ifreq request = {.ifr_flags = IFF_TAP | IFF_NO_PI};

    wire->conn = NULL;
    wire->fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
    snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", ifname);
    if (wire->fd >= 0 && ioctl(wire->fd, TUNSETIFF, &request) == 0)
        return true;
    print_message("skipped: no tap can be made here: %s\n", strerror(errno));
    if (wire->fd >= 0)
        close(wire->fd);
    return false;
}

void wire_close(struct wire *wire)
{
    if (wire->conn != NULL)
        vde_close(wire->conn);
    else
        close(wire->fd);
}

/* A tap refuses frames that are no frames: those shorter than a header. */
void wire_send(struct wire *wire, const uint8_t *frame, size_t len)
{
    ssize_t sent = wire->conn != NULL ? vde_send(wire->conn, frame, len, 0) : write(wire->fd, frame, len);

    if (sent < 0)
        assert_true(errno == EINVAL || errno == EAGAIN || errno == ENOBUFS);
}

ssize_t wire_recv(struct wire *wire, uint8_t *frame, size_t size, int wait_ms)
{
    struct pollfd pollfd = {.fd = wire->fd, .events = POLLIN};

    if (poll(&pollfd, 1, wait_ms) != 1)
        return -1;
    return wire->conn != NULL ? vde_recv(wire->conn, frame, size, 0) : read(wire->fd, frame, size);
}
