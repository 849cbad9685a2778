/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The end that measures: `stack_client KIND VNL HOST SERVER echo OUTSTANDING SECONDS`, or `send SECONDS` or
 * `receive SECONDS` in place of `echo ...`. SERVER is the host on which stack_serve is. Prints one line of JSON.
 *
 * send      writes for so long and counts what the server says that it got, to the moment it said so
 * receive   reads for so long
 */
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "end.h"
#include "ports.h"
#include "window.h"

struct echo {
    int fd;
    struct sockaddr_in server;
};

static void send_message(void *context, const uint8_t message[static MESSAGE_LEN])
{
    const struct echo *echo = context;

    ioth_sendto(echo->fd, message, MESSAGE_LEN, 0, (const struct sockaddr *)&echo->server,
                sizeof(echo->server));
}

static int take_message(void *context, uint8_t message[static MESSAGE_LEN])
{
    const struct echo *echo = context;
    const ssize_t len = ioth_recv(echo->fd, message, MESSAGE_LEN, 0);

    return len < 0 ? -1 : len == MESSAGE_LEN;
}

static void run_echo(struct ioth *stack, unsigned host, unsigned server, unsigned outstanding, double seconds)
{
    static struct seen seen;
    struct echo echo = {.fd = end_socket(stack, SOCK_DGRAM, host, PORT_ECHO),
                        .server = end_address(server, PORT_ECHO)};
    const struct carrier carrier = {
        .context = &echo, .fd = echo.fd, .send = send_message, .take = take_message};

    if (!window_warm(&carrier)) {
        fprintf(stderr, "stack_client: no echo\n");
        exit(1);
    }
    window_run(&carrier, outstanding, seconds, &seen);
    window_print(&seen);
    ioth_close(echo.fd);
}

static int connect_to(struct ioth *stack, unsigned server, uint16_t port)
{
    const struct sockaddr_in addr = end_address(server, port);
    const int fd = ioth_msocket(stack, AF_INET, SOCK_STREAM, 0);

    if (fd < 0 || ioth_connect(fd, (const struct sockaddr *)&addr, sizeof(addr)) < 0)
        end_die("connect");
    return fd;
}

static void print_bytes(uint64_t bytes, uint64_t start)
{
    const double seconds = (double)(now_ns() - start) / 1e9;

    printf("{\"bytes\": %llu, \"seconds\": %.6f, \"gbits\": %.4f}\n", (unsigned long long)bytes, seconds,
           (double)bytes * 8 / seconds / 1e9);
}

static void run_send(struct ioth *stack, unsigned server, double seconds)
{
    static char bytes[PIECE];
    const int fd = connect_to(stack, server, PORT_SINK);
    const uint64_t start = now_ns(), end = start + (uint64_t)(seconds * 1e9);
    uint64_t taken;

    while (now_ns() < end)
        if (ioth_write(fd, bytes, sizeof(bytes)) < 0)
            end_die("write");
    ioth_shutdown(fd, SHUT_WR);
    if (ioth_read(fd, &taken, sizeof(taken)) != (ssize_t)sizeof(taken))
        end_die("the server's count");
    print_bytes(taken, start);
    ioth_close(fd);
}

static void run_receive(struct ioth *stack, unsigned server, double seconds)
{
    static char bytes[PIECE];
    const int fd = connect_to(stack, server, PORT_SOURCE);
    const uint64_t start = now_ns(), end = start + (uint64_t)(seconds * 1e9);
    uint64_t taken = 0;

    while (now_ns() < end) {
        const ssize_t len = ioth_read(fd, bytes, sizeof(bytes));
        if (len <= 0)
            end_die("read");
        taken += (uint64_t)len;
    }
    print_bytes(taken, start);
    ioth_close(fd);
}

static void usage(void)
{
    fprintf(stderr, "usage: stack_client KIND VNL HOST SERVER echo OUTSTANDING SECONDS | send SECONDS | "
                    "receive SECONDS\n");
    exit(2);
}

int main(int argc, char *argv[])
{
    if (argc < 7)
        usage();
    const unsigned host = (unsigned)atoi(argv[3]), server = (unsigned)atoi(argv[4]);
    struct ioth *stack = end_open(argv[1], argv[2], host);

    signal(SIGPIPE, SIG_IGN);
    if (argc == 8 && strcmp(argv[5], "echo") == 0)
        run_echo(stack, host, server, (unsigned)atoi(argv[6]), atof(argv[7]));
    else if (argc == 7 && strcmp(argv[5], "send") == 0)
        run_send(stack, server, atof(argv[6]));
    else if (argc == 7 && strcmp(argv[5], "receive") == 0)
        run_receive(stack, server, atof(argv[6]));
    else
        usage();
    return ioth_delstack(stack);
}
