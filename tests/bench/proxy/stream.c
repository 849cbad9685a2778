/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Both ends of a measurement of a TCP proxy.
 *
 *     proxy_stream serve ADDR PORT                        writes into each connection that asked for it; says "ready"
 *     proxy_stream read ADDR PORT CONNECTIONS SECONDS     reads from so many, and says in JSON how many bytes came
 *
 * One thread and an epoll instance each. The reader says HELLO on each connection, and the server answers: then it stands on both
 * sides of the proxy. When all stand it says GO on each. Were the first to stream at once, a proxy with a process for each
 * connection would hardly come to accept the last. The reader lets the kernel throw away what it reads (tcp(7), MSG_TRUNC) and the
 * writer sends the same file over and over, without a copy (sendfile(2), as web servers do), so that they cost little beside the
 * proxy: they share a core, and were it the busy one, it would be what is measured. Time counts from the moment when all
 * connections have begun to bring bytes. The last one may begin late, since many lose their first segment where all begin at once,
 * and what is lost again and again is sent after a time that doubles (RFC 6298); most so with lwIP, whose timers count half seconds.
 *
 * A thousand clients have their buffers on a thousand machines. Here they share one with the proxy, and grown to their largest
 * they would take more memory than its TCP may have in all (tcp_mem in tcp(7)): from then on windows are tiny, connections end,
 * and what is measured is that. So the ends' own buffers are bounded.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define CONNECTIONS_MAX 10000
#define PIECE           (256 << 10)
#define EVENTS          256
#define START_S         180
#define BUFFERS_MAX     (128 << 20) /* of all ends of a side */
#define BUFFER_MAX      (4 << 20)

enum { HELLO = 'h', GO = 'g' };

static void die(const char *what)
{
    fprintf(stderr, "proxy_stream: %s: %s\n", what, strerror(errno));
    exit(1);
}

static double now_s(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static socklen_t address_of(const char *addr, const char *port, struct sockaddr_storage *ret)
{
    struct sockaddr_in *v4 = (struct sockaddr_in *)ret;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)ret;
    in_port_t number = htons((uint16_t)atoi(port));

    memset(ret, 0, sizeof(*ret));
    if (inet_pton(AF_INET, addr, &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
        v4->sin_port = number;
        return sizeof(*v4);
    }
    if (inet_pton(AF_INET6, addr, &v6->sin6_addr) != 1) {
        errno = EINVAL;
        die(addr);
    }
    v6->sin6_family = AF_INET6;
    v6->sin6_port = number;
    return sizeof(*v6);
}

/* option: SO_RCVBUF or SO_SNDBUF, for one of so many connections. The kernel doubles it, and may grant less. */
static void bound_buffer(int fd, int option, int connections)
{
    int size = BUFFERS_MAX / connections < BUFFER_MAX ? BUFFERS_MAX / connections : BUFFER_MAX;

    if (size < BUFFER_MAX)
        setsockopt(fd, SOL_SOCKET, option, &size, sizeof(size));
}

/* Its end is told by RST, and leaves the kernel nothing to send. */
static void end_at_once(int fd)
{
    const struct linger now = {.l_onoff = 1, .l_linger = 0};

    setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
}

static void watch(int epoll, int how, int fd, uint32_t events)
{
    struct epoll_event e = {.events = events, .data.fd = fd};

    if (epoll_ctl(epoll, how, fd, &e) < 0)
        die("epoll_ctl");
}

/* A word of the reader has come, or the end. */
static void obey(int epoll, int fd, int connections)
{
    char word;

    if (read(fd, &word, 1) != 1)
        close(fd);
    else if (word == GO) {
        bound_buffer(fd, SO_SNDBUF, connections);
        watch(epoll, EPOLL_CTL_MOD, fd, EPOLLOUT);
    } else if (write(fd, &word, 1) != 1)
        close(fd);
}

/* A file in memory, PIECE bytes long. */
static int piece_file(void)
{
    static const char zeroes[PIECE];
    int file = memfd_create("piece", MFD_CLOEXEC);

    if (file < 0 || write(file, zeroes, PIECE) != PIECE)
        die("memfd_create");
    return file;
}

/* 0, or -1 and errno. */
static int send_some(int fd, int piece)
{
    off_t begin = 0;

    return sendfile(fd, piece, &begin, PIECE) < 0 ? -1 : 0;
}

__attribute__((noreturn)) static void serve(const char *addr, const char *port)
{
    struct sockaddr_storage where;
    socklen_t len = address_of(addr, port, &where);
    int listener = socket(where.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), yes = 1,
        accepted = 0;
    int epoll = epoll_create1(EPOLL_CLOEXEC), piece = piece_file();
    struct epoll_event events[EVENTS];

    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
    if (bind(listener, (struct sockaddr *)&where, len) < 0 || listen(listener, 4096) < 0)
        die("listen");
    watch(epoll, EPOLL_CTL_ADD, listener, EPOLLIN);
    puts("ready");
    fflush(stdout);
    for (;;) {
        int n = epoll_wait(epoll, events, EVENTS, -1);
        for (int i = 0; i < n; i++) {
            int fd = events[i].data.fd;
            if (fd == listener) {
                while ((fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK)) >= 0) {
                    accepted++;
                    end_at_once(fd);
                    watch(epoll, EPOLL_CTL_ADD, fd, EPOLLIN);
                }
            } else if (events[i].events & EPOLLIN) {
                obey(epoll, fd, accepted);
            } else if (send_some(fd, piece) < 0 && errno != EAGAIN) {
                close(fd);
            }
        }
    }
}

static int connect_to(const struct sockaddr_storage *where, socklen_t len, int connections)
{
    int fd = socket(where->ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

    bound_buffer(fd, SO_RCVBUF, connections);
    end_at_once(fd);
    if (fd < 0 || connect(fd, (const struct sockaddr *)where, len) < 0)
        die("connect");
    return fd;
}

/* Reads what there is; how many bytes. */
static uint64_t read_some(int epoll, double until_s, bool seen[static CONNECTIONS_MAX], int *alive)
{
    struct epoll_event events[EVENTS];
    double left = until_s - now_s();
    uint64_t bytes = 0;
    int n = epoll_wait(epoll, events, EVENTS, left > 0 ? (int)(left * 1000) + 1 : 0);

    for (int i = 0; i < n; i++) {
        int fd = events[i].data.fd;
        ssize_t got = recv(fd, NULL, PIECE, MSG_TRUNC | MSG_DONTWAIT);
        if (got > 0) {
            bytes += (uint64_t)got;
            *alive += fd < CONNECTIONS_MAX && !seen[fd];
            if (fd < CONNECTIONS_MAX)
                seen[fd] = true;
        } else if (got == 0 || errno != EAGAIN) {
            fprintf(stderr, "proxy_stream: a connection ended\n");
            exit(1);
        }
    }
    return bytes;
}

/* Says the word on each connection and waits until each has brought bytes after it. */
static void ask_all(int epoll, const int *fds, int connections, char word)
{
    bool seen[CONNECTIONS_MAX] = {false};
    int alive = 0;

    for (int i = 0; i < connections; i++)
        if (write(fds[i], &word, 1) != 1)
            die("write");
    for (double give_up = now_s() + START_S; alive < connections;) {
        read_some(epoll, give_up, seen, &alive);
        if (now_s() > give_up) {
            fprintf(stderr, "proxy_stream: of %d connections %d bring bytes\n", connections, alive);
            exit(1);
        }
    }
}

static void read_all(const char *addr, const char *port, int connections, double seconds)
{
    static bool seen[CONNECTIONS_MAX];
    static int fds[CONNECTIONS_MAX];
    struct sockaddr_storage where;
    socklen_t len = address_of(addr, port, &where);
    int epoll = epoll_create1(EPOLL_CLOEXEC), alive = 0;
    uint64_t bytes = 0;
    double first = now_s();

    for (int i = 0; i < connections; i++)
        watch(epoll, EPOLL_CTL_ADD, fds[i] = connect_to(&where, len, connections), EPOLLIN);
    ask_all(epoll, fds, connections, HELLO);
    ask_all(epoll, fds, connections, GO);
    puts("begin");
    fflush(stdout);
    double start = now_s();
    while (now_s() < start + seconds)
        bytes += read_some(epoll, start + seconds, seen, &alive);
    printf("{\"bytes\": %llu, \"seconds\": %.3f, \"start_s\": %.3f}\n", (unsigned long long)bytes,
           now_s() - start, start - first);
}

int main(int argc, char *argv[])
{
    struct rlimit files = {CONNECTIONS_MAX + 100, CONNECTIONS_MAX + 100};

    signal(SIGPIPE, SIG_IGN);
    if (setrlimit(RLIMIT_NOFILE, &files) < 0 && getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
    if (argc == 4 && strcmp(argv[1], "serve") == 0)
        serve(argv[2], argv[3]);
    if (argc == 6 && strcmp(argv[1], "read") == 0 && atoi(argv[4]) > 0 &&
        atoi(argv[4]) < CONNECTIONS_MAX - 100) {
        read_all(argv[2], argv[3], atoi(argv[4]), atof(argv[5]));
        return 0;
    }
    fprintf(stderr, "usage: proxy_stream serve ADDR PORT | read ADDR PORT CONNECTIONS SECONDS\n");
    return 2;
}
