/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A socket's descriptor is a real one, so a duplicate shows what it shows; all there is to do is to know whose
 * it is. Duplicates are few: they are a list of the stack, which is looked at when the table of descriptors
 * does not know a number. The socket ends with its last descriptor; when its first one is closed before, a
 * duplicate takes its place in the table.
 */
#include "lwip/duplicate.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

struct duplicate {
    struct duplicate *next;
    struct sock *sock;
    int fd;
};

int duplicate_make(struct sock *sock, int fd, int command, int least)
{
    struct duplicate *made = malloc(sizeof(*made));
    int copy;

    if (made == NULL)
        return -ENOMEM;
    copy = fcntl(fd, command, least);
    if (copy < 0) {
        free(made);
        return -errno;
    }
    *made = (struct duplicate){.next = sock->stack->duplicates, .sock = sock, .fd = copy};
    sock->stack->duplicates = made;
    return copy;
}

/* Takes the first duplicate of that socket out of the list, that of `fd` if it is not -1: its descriptor, or -1. */
static int take(struct sock *sock, int fd)
{
    struct duplicate **at = &sock->stack->duplicates, *taken;
    int copy;

    while (*at != NULL && ((*at)->sock != sock || (fd >= 0 && (*at)->fd != fd)))
        at = &(*at)->next;
    taken = *at;
    if (taken == NULL)
        return -1;
    *at = taken->next;
    copy = taken->fd;
    free(taken);
    return copy;
}

bool duplicate_close(struct sock *sock, int fd)
{
    int other = take(sock, fd == sock->fd ? -1 : fd);

    if (other < 0)
        return false;
    if (fd == sock->fd)
        sock_move(sock, other);
    close(fd);
    return true;
}

struct sock *duplicate_find(const struct stack *stack, int fd)
{
    const struct duplicate *at;

    for (at = stack->duplicates; at != NULL; at = at->next)
        if (at->fd == fd)
            return at->sock;
    return NULL;
}

void duplicate_follow(struct sock *sock)
{
    const struct duplicate *at;

    for (at = sock->stack->duplicates; at != NULL; at = at->next)
        if (at->sock == sock &&
            dup3(sock->fd, at->fd, fcntl(at->fd, F_GETFD) == FD_CLOEXEC ? O_CLOEXEC : 0) < 0)
            continue; /* it shows the end of what was before */
}
