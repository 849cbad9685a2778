/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The plug-in `mortal`, made of lwip's own sources. What fails are assertions that lwIP makes by itself, once what they
 * look at has been spoilt; all behind them is the plug-in's.
 */
#include "mortal.h"

#include <errno.h>

#include <ioth_plugin.h>

#include "lwip/sock.h"
#include "lwip/stack.h"

extern const struct ioth_plugin ioth_plugin_lwip;
extern struct ioth_plugin ioth_plugin_mortal;
__attribute__((visibility("default"))) struct ioth_plugin ioth_plugin_mortal;

struct order {
    struct stack *stack;
    int fd, way;
};

static void fail_assertion(struct stack *stack)
{
    stack->lw.pbuf_free(NULL);
}

static void arrive(void *arg, struct udp_pcb *pcb, struct pbuf *p, const ip_addr_t *addr, u16_t port_number)
{
    (void)pcb, (void)p, (void)addr, (void)port_number;
    fail_assertion(arg);
}

static ssize_t follow(void *arg)
{
    const struct order *order = arg;
    struct sock *sock = sock_find(order->stack, order->fd);
    unsigned i;

    if (sock == NULL)
        return -EBADF;
    switch ((enum mortal_way)order->way) {
    case MORTAL_NOW:
        fail_assertion(order->stack);
        break;
    case MORTAL_ON_DATAGRAM:
        order->stack->lw.udp_recv(sock->udp, arrive, order->stack);
        break;
    case MORTAL_ON_ARRIVALS:
        for (i = 0; i < sock->ring_count; i++)
            sock->ring[(sock->ring_first + i) % sock->ring_size].p->ref = 0;
        break;
    case MORTAL_ON_TIMER:
        sock->tcp.pcb->state = CLOSED;
        break;
    }
    return 0;
}

static int mortal_op_setsockopt(void *ctx, int fd, int level, int option, const void *value, socklen_t len)
{
    struct order order = {.stack = ctx, .fd = fd, .way = option};
    ssize_t result;

    if (level != MORTAL_LEVEL)
        return ioth_plugin_lwip.ops.setsockopt(ctx, fd, level, option, value, len);
    stack_lock(order.stack);
    result = stack_run(order.stack, follow, &order);
    stack_unlock(order.stack);
    if (result < 0)
        errno = (int)-result;
    return result < 0 ? -1 : 0;
}

__attribute__((constructor)) static void make_plugin(void)
{
    ioth_plugin_mortal = ioth_plugin_lwip;
    ioth_plugin_mortal.name = "mortal";
    ioth_plugin_mortal.ops.setsockopt = mortal_op_setsockopt;
}
