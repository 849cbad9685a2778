/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A stack's life, its lock, and what its copy of lwIP calls instead of its own.
 *
 * lwIP runs without a thread of its own (lwip_init, not tcpip_init): whoever holds the stack's lock calls it.
 * The hooks find their stack by a thread-local pointer that stack_lock sets, since lwIP's functions have no
 * context to pass on.
 *
 * Hooks: random numbers come from the kernel; routes and source addresses are ours (route.c); packets to own
 * addresses go to a bounded queue, received when the lock is let go (lwIP would hand them to the thread it
 * does not have); UDP-Lite, hostile TCP options and neighbour discovery are kept from lwIP (guard.c).
 *
 * An assertion of lwIP prints and aborts. Here it says nothing and jumps back to stack_run, over the functions
 * of lwIP and ours that were at work: the stack is dead from then on. Nothing of its copy is called any more;
 * its descriptors show POLLERR and POLLHUP, which wakes whoever waits; each call returns ENOTRECOVERABLE, but
 * for close; the loop takes its wires down. No other stack has any part in it.
 *
 * What lwIP allocates is kept in a list of the stack, so that a stack that ends, dead or alive, gives all of it
 * back: lwIP itself would leave its timers and the connections that wait for their time to end.
 */
#include "lwip/stack.h"

#include "base/clock.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "lwip/guard.h"
#include "lwip/port.h"
#include "lwip/route.h"
#include "lwip/sock.h"

static _Thread_local struct stack *current;

struct stack *stack_current(void)
{
    return current;
}

uint64_t stack_now_ms(void)
{
    return (uint64_t)(monotonic_now() / NSEC_PER_MSEC);
}

uint32_t stack_random(void)
{
    uint32_t value = 0;

    while (getrandom(&value, sizeof(value), 0) != (ssize_t)sizeof(value))
        ;
    return value;
}

int stack_errno(err_t error)
{
    static const int errnos[] = {
        [-ERR_OK] = 0,
        [-ERR_MEM] = ENOMEM,
        [-ERR_BUF] = ENOBUFS,
        [-ERR_TIMEOUT] = ETIMEDOUT,
        [-ERR_RTE] = ENETUNREACH,
        [-ERR_INPROGRESS] = EINPROGRESS,
        [-ERR_VAL] = EINVAL,
        [-ERR_WOULDBLOCK] = EAGAIN,
        [-ERR_USE] = EADDRINUSE,
        [-ERR_ALREADY] = EALREADY,
        [-ERR_ISCONN] = EISCONN,
        [-ERR_CONN] = ENOTCONN,
        [-ERR_IF] = ENETDOWN,
        [-ERR_ABRT] = ECONNABORTED,
        [-ERR_RST] = ECONNRESET,
        [-ERR_CLSD] = ENOTCONN,
        [-ERR_ARG] = EINVAL,
    };
    int index = -error;

    if (index < 0 || (size_t)index >= sizeof(errnos) / sizeof(errnos[0]))
        return -EIO;
    return -errnos[index];
}

/* ---- hooks ---- */

static int hook_rand(void)
{
    return (int)(stack_random() & 0x7fffffff);
}

/* RFC 6528 asks that nobody can guess it; that it grows with time too is left to TIME_WAIT. */
static u32_t hook_tcp_next_iss(struct tcp_pcb *pcb)
{
    (void)pcb;
    return stack_random();
}

static err_t hook_netif_loop_output(struct netif *netif, struct pbuf *p)
{
    struct port *port = netif->state;

    return stack_loop_output((p->flags & PBUF_FLAG_MCASTLOOP) != 0 ? port : stack_lo(current), p);
}

static int hook_printf_chk(int flag, const char *format, ...)
{
    (void)flag, (void)format;
    return 0;
}

static int hook_fflush(void *stream)
{
    (void)stream;
    return 0;
}

__attribute__((noreturn)) static void hook_abort(void)
{
    if (current == NULL || !current->rescue_is_set)
        abort();
    current->dead = true;
    longjmp(current->rescue, 1);
}

/* lwIP asserts that the persist timer runs only with something to send. A probe that failed it would make again at each tick, and
 * count, until it gives the connection up: one for which the wire has no room is lost, and the next comes when it is due. */
static err_t hook_zero_window_probe(struct tcp_pcb *pcb)
{
    err_t result;

    if (pcb->unsent == NULL) {
        pcb->persist_backoff = 0;
        return ERR_OK;
    }
    result = current->lw.tcp_zero_window_probe(pcb);
    return result == ERR_BUF ? ERR_OK : result;
}

/* lwIP's own lock is not needed under ours, and one that it holds when it dies would never be given back. */
static int hook_protect(void)
{
    return 0;
}

static void hook_unprotect(int before)
{
    (void)before;
}

/* ---- memory ---- */

struct block {
    struct block *next, **pointing;
};

_Static_assert(sizeof(struct block) % _Alignof(max_align_t) == 0, "what follows a block is aligned");

static void *enter_block(struct block *block)
{
    if (block == NULL)
        return NULL;
    block->next = current->blocks;
    block->pointing = &current->blocks;
    if (block->next != NULL)
        block->next->pointing = &block->next;
    current->blocks = block;
    return block + 1;
}

static void *hook_malloc(size_t size)
{
    return size > SIZE_MAX - sizeof(struct block) ? NULL : enter_block(malloc(sizeof(struct block) + size));
}

static void *hook_calloc(size_t n, size_t size)
{
    if (size != 0 && n > (SIZE_MAX - sizeof(struct block)) / size)
        return NULL;
    return enter_block(calloc(1, sizeof(struct block) + n * size));
}

static void hook_free(void *pointer)
{
    struct block *block;

    if (pointer == NULL)
        return;
    block = (struct block *)pointer - 1;
    *block->pointing = block->next;
    if (block->next != NULL)
        block->next->pointing = block->pointing;
    free(block);
}

static void free_blocks(struct stack *stack)
{
    struct block *next;

    for (; stack->blocks != NULL; stack->blocks = next) {
        next = stack->blocks->next;
        free(stack->blocks);
    }
}

#define HOOK(name, function)                                                                                 \
    {                                                                                                        \
        name, (void (*)(void))(function)                                                                     \
    }

static const struct lwip_hook hooks[] = {
    HOOK("rand", hook_rand),
    HOOK("sys_arch_protect", hook_protect),
    HOOK("sys_arch_unprotect", hook_unprotect),
    HOOK("malloc", hook_malloc),
    HOOK("calloc", hook_calloc),
    HOOK("free", hook_free),
    HOOK("tcp_next_iss", hook_tcp_next_iss),
    HOOK("netif_loop_output", hook_netif_loop_output),
    HOOK("__printf_chk", hook_printf_chk),
    HOOK("fflush", hook_fflush),
    HOOK("abort", hook_abort),
    HOOK("tcp_zero_window_probe", hook_zero_window_probe),
    HOOK("ip4_route", route_hook_ip4_route),
    HOOK("ip6_route", route_hook_ip6_route),
    HOOK("ip6_select_source_address", route_hook_ip6_source),
    HOOK("mld6_lookfor_group", guard_hook_mld6_lookfor_group),
    HOOK("udp_input", guard_hook_udp_input),
    HOOK("tcp_input", guard_hook_tcp_input),
    HOOK("icmp_input", guard_hook_icmp_input),
    HOOK("icmp6_input", guard_hook_icmp6_input),
    HOOK("nd6_input", guard_hook_nd6_input),
};

/* ---- life ---- */

static ssize_t start_lwip(void *arg)
{
    struct stack *stack = arg;

    stack->lw.lwip_init();
    return port_add_lo(stack);
}

int stack_init(struct stack *stack)
{
    int error = library_open(&stack->library, &stack->lw, hooks, sizeof(hooks) / sizeof(hooks[0]));

    if (error < 0)
        return error;
    pthread_mutex_init(&stack->lock, NULL);
    stack->neigh_due_ms = UINT64_MAX;
    stack_lock(stack);
    error = (int)stack_run(stack, start_lwip, stack);
    stack_unlock(stack);
    if (error < 0)
        stack_fini(stack);
    return error;
}

/* Those who are connected hear that it ends. */
static ssize_t reset_connections(void *arg)
{
    struct stack *stack = arg;

    while (stack->lw.tcp_active_pcbs[0] != NULL)
        stack->lw.tcp_abort(*stack->lw.tcp_active_pcbs);
    return 0;
}

void stack_fini(struct stack *stack)
{
    stack_lock(stack);
    stack_run(stack, reset_connections, stack);
    stack->dead = true; /* from here on memory is given back, and lwIP would not know it */
    sock_free_all(stack);
    port_remove_all(stack);
    stack_unlock(stack);
    route_fini(stack);
    free_blocks(stack);
    library_close(&stack->library);
    pthread_mutex_destroy(&stack->lock);
}

/* ---- the lock ---- */

/* A thread that is cancelled ends while it waits, not with the lock. */
void stack_lock(struct stack *stack)
{
    int state;

    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
    pthread_mutex_lock(&stack->lock);
    stack->cancel_state = state;
    current = stack;
}

err_t stack_loop_output(struct port *port, struct pbuf *p)
{
    struct stack *stack = port->stack;
    struct pbuf *copy;

    if (stack->loop_count == LOOP_QUEUE_MAX)
        return ERR_OK; /* lost, as on a wire */
    copy = stack->lw.pbuf_clone(PBUF_LINK, PBUF_RAM, p);
    if (copy == NULL)
        return ERR_MEM;
    copy->flags = 0;
    copy->if_idx = netif_get_index(&port->card.netif);
    stack->loop_queue[(stack->loop_first + stack->loop_count++) % LOOP_QUEUE_MAX] = copy;
    return ERR_OK;
}

/* Receives what is queued now, and what that causes, up to a queue's length: two sockets of one stack that
 * answer each other do not hold the lock for ever, the rest waits for the next to let it go. */
static ssize_t drain_loop(void *arg)
{
    struct stack *stack = arg;
    int i;

    for (i = 0; i < LOOP_QUEUE_MAX && stack->loop_count > 0; i++) {
        struct pbuf *p = stack->loop_queue[stack->loop_first];

        stack->loop_first = (stack->loop_first + 1) % LOOP_QUEUE_MAX;
        stack->loop_count--;
        port_input_ip(stack_port_of_zone(stack, p->if_idx), p);
    }
    return 0;
}

void stack_unlock(struct stack *stack)
{
    int state;

    if (stack->loop_count > 0 && !stack->dead)
        stack_run(stack, drain_loop, stack);
    ready_flush(stack);
    current = NULL;
    state = stack->cancel_state;
    pthread_mutex_unlock(&stack->lock);
    pthread_setcancelstate(state, NULL);
}

ssize_t stack_run(struct stack *stack, ssize_t (*f)(void *arg), void *arg)
{
    ssize_t result;

    if (stack->dead)
        return -ENOTRECOVERABLE;
    if (setjmp(stack->rescue) != 0) {
        stack->rescue_is_set = false;
        sock_all_dead(stack);
        return -ENOTRECOVERABLE;
    }
    stack->rescue_is_set = true;
    result = f(arg);
    stack->rescue_is_set = false;
    return result;
}

struct port *stack_port(const struct stack *stack, unsigned ifindex)
{
    struct port *port;

    for (port = stack->ports; port != NULL && port->ifindex != ifindex; port = port->next)
        ;
    return port;
}

struct port *stack_port_of_zone(const struct stack *stack, uint8_t zone)
{
    struct port *port;

    for (port = stack->ports; port->next != NULL && netif_get_index(&port->card.netif) != zone;
         port = port->next)
        ;
    return port;
}

struct port *stack_port_by_name(const struct stack *stack, const char *name)
{
    struct port *port;

    for (port = stack->ports; port != NULL && strcmp(port->name, name) != 0; port = port->next)
        ;
    return port;
}
