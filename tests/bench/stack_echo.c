/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How fast does a stack answer? `stack_echo VNL [SECONDS]`, as root, on a network that is there, such as
 * vde:///tmp/switch. For vdestack and lwip as the server, in turn, twice, with vdestack as the client:
 *
 *   UDP echoes per second with 32 outstanding, CPU seconds of the server's process per million echoes, and the
 *   round trip with 1 outstanding.
 *
 * The server is a process of its own that waits by poll, receives and answers one datagram a call, and tells
 * its CPU time at the end. What the kernel does for vdestack in other contexts is not in it.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <ioth.h>

enum { PORT = 7, PAYLOAD = 64, OUTSTANDING = 32, LOST_MS = 20 };

static double now_s(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void die(const char *what)
{
    perror(what);
    exit(1);
}

static struct sockaddr_in address_of(unsigned host)
{
    return (struct sockaddr_in){
        .sin_family = AF_INET, .sin_port = htons(PORT), .sin_addr.s_addr = htonl(0x0a630000 + host)};
}

/* A UDP socket bound to 10.99.0.host on a new stack. */
static int open_socket(const char *kind, const char *vnl, unsigned host)
{
    struct sockaddr_in addr = address_of(host);
    struct ioth *stack = ioth_newstack(kind, vnl);
    int fd;

    if (stack == NULL)
        die(kind);
    if (ioth_linksetupdown(stack, 2, 1) < 0 || ioth_ipaddr_add(stack, AF_INET, &addr.sin_addr, 24, 2) < 0)
        die("address");
    fd = ioth_msocket(stack, AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    if (fd < 0 || ioth_bind(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0)
        die("socket");
    return fd;
}

static double cpu_s(void)
{
    struct rusage usage;

    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static void serve(const char *kind, const char *vnl, unsigned host, int report)
{
    int fd = open_socket(kind, vnl, host);
    struct pollfd fds[2] = {{.fd = fd, .events = POLLIN}, {.fd = report, .events = POLLIN}};
    struct sockaddr_in from;
    char bytes[2048];
    double cpu = cpu_s();

    if (write(report, &cpu, sizeof(cpu)) < 0)
        die("report");
    while (poll(fds, 2, -1) > 0 && fds[1].revents == 0) {
        socklen_t len = sizeof(from);
        ssize_t n;

        while ((n = ioth_recvfrom(fd, bytes, sizeof(bytes), 0, (struct sockaddr *)&from, &len)) >= 0)
            ioth_sendto(fd, bytes, (size_t)n, 0, (struct sockaddr *)&from, len);
    }
    cpu = cpu_s() - cpu;
    if (write(report, &cpu, sizeof(cpu)) < 0)
        die("report");
    _exit(0);
}

/* Echoes until the time is over; what is lost is made up for. Returns how many came back. */
static long run_client(int fd, unsigned host, int outstanding, double seconds)
{
    struct sockaddr_in to = address_of(host);
    struct pollfd pollfd = {.fd = fd, .events = POLLIN};
    char bytes[PAYLOAD] = {0};
    double end = now_s() + seconds;
    long echoes = 0;
    int flying = 0;

    while (now_s() < end) {
        for (; flying < outstanding; flying++)
            ioth_sendto(fd, bytes, sizeof(bytes), 0, (struct sockaddr *)&to, sizeof(to));
        if (poll(&pollfd, 1, LOST_MS) == 0)
            flying = 0;
        while (flying > 0 && ioth_recv(fd, bytes, sizeof(bytes), 0) >= 0) {
            echoes++;
            flying--;
        }
    }
    return echoes;
}

static void drain(int fd)
{
    char bytes[PAYLOAD];

    usleep(100000);
    while (ioth_recv(fd, bytes, sizeof(bytes), 0) >= 0)
        ;
}

/* `host`: each server has its own, so that no neighbour of the client's is out of date. */
static void measure(const char *kind, const char *vnl, unsigned host, int client, double seconds)
{
    int report[2];
    pid_t server;
    double cpu = 0;
    long warm, many, one;

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, report) < 0)
        die("socketpair");
    server = fork();
    if (server == 0) {
        close(report[0]);
        serve(kind, vnl, host, report[1]);
    }
    close(report[1]);
    if (read(report[0], &cpu, sizeof(cpu)) != (ssize_t)sizeof(cpu))
        exit(1);
    warm = run_client(client, host, 1, 0.5);
    drain(client);
    one = run_client(client, host, 1, seconds / 2);
    drain(client);
    many = run_client(client, host, OUTSTANDING, seconds);
    shutdown(report[0], SHUT_WR);
    if (read(report[0], &cpu, sizeof(cpu)) != (ssize_t)sizeof(cpu))
        cpu = 0;
    waitpid(server, NULL, 0);
    close(report[0]);
    printf("%-9s %8.0f echoes/s  %6.2f CPU s per million  %6.0f us round trip\n", kind,
           (double)many / seconds, cpu * 1e6 / (double)(warm + one + many),
           seconds / 2 * 1e6 / (double)(one > 0 ? one : 1));
    fflush(stdout);
    drain(client);
}

int main(int argc, char *argv[])
{
    double seconds = argc > 2 ? atof(argv[2]) : 3;
    unsigned round;
    int client;

    if (argc < 2 || seconds <= 0) {
        fprintf(stderr, "usage: %s VNL [SECONDS]\n", argv[0]);
        return 2;
    }
    signal(SIGPIPE, SIG_IGN);
    client = open_socket("vdestack", argv[1], 1);
    for (round = 0; round < 2; round++) {
        measure("vdestack", argv[1], 2 * round + 2, client, seconds);
        measure("lwip", argv[1], 2 * round + 3, client, seconds);
    }
    return 0;
}
