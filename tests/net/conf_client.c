/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * conf_client [-l] STACK VNL CONFIG: a stack that is configured by a string, and stays so: by the library's thread, or with
 * -l by the loop of this program. If STACK is "kernel", VNL is the name of its interface.
 *
 * Each line of standard input is one more string for ioth_config(); or "send ADDRESS", a datagram to port 9 there. Each line of
 * standard output is a JSON object:
 *
 *   {"config": "eth,dhcp", "mask": 6}             what ioth_config() returned
 *   {"config": "eth,dhcp", "error": "ETIMEDOUT"}  why it failed
 *   {"at": 12.345, "state": {...}, "resolv": "nameserver 10.1.0.53\n"}
 *
 * The last kind is printed whenever something has changed, as seen from outside: the state is what the stack answers (see
 * stack_state.h), `resolv` the last text of ioth_resolvconf(), `at` the monotonic clock. The end of the input is the end
 * of the stack.
 */
#include "stack_state.h"

#include <arpa/inet.h>
#include <errno.h>
#include <iothconf.h>
#include <libnlq.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { POLL_MS = 20, STATE_SIZE = 65536, LINE_SIZE = 4096 };

struct watch {
    struct ioth *stack;
    unsigned ifindex;
    atomic_bool ends;
    char state[STATE_SIZE], last[STATE_SIZE];
    char *resolv; /* the last text */
};

static void print_string(const char *text)
{
    putchar('"');
    for (; *text != '\0'; text++) {
        if (*text == '\n')
            fputs("\\n", stdout);
        else
            putchar(*text == '"' || *text == '\\' ? ' ' : *text);
    }
    putchar('"');
}

static void print_state(const struct watch *watch)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    flockfile(stdout);
    printf("{\"at\": %.3f, \"state\": %s, \"resolv\": ", (double)now.tv_sec + (double)now.tv_nsec / 1e9,
           watch->state);
    print_string(watch->resolv != NULL ? watch->resolv : "");
    puts("}");
    fflush(stdout);
    funlockfile(stdout);
}

static void look(struct watch *watch)
{
    char *resolv = ioth_resolvconf(watch->stack, NULL);
    bool changed = resolv != NULL;

    if (changed) {
        free(watch->resolv);
        watch->resolv = resolv;
    }
    if (stack_state(watch->stack, watch->ifindex, watch->state, sizeof(watch->state)) < 0)
        return;
    if (!changed && strcmp(watch->state, watch->last) == 0)
        return;
    memcpy(watch->last, watch->state, sizeof(watch->last));
    print_state(watch);
}

static void *watch_main(void *arg)
{
    const struct timespec pause = {.tv_nsec = POLL_MS * 1000000L};
    struct watch *watch = arg;

    while (!watch->ends) {
        look(watch);
        nanosleep(&pause, NULL);
    }
    return NULL;
}

/* Nobody waits for it (RFC 863). */
static void send_datagram(struct ioth *stack, const char *address)
{
    struct sockaddr_in6 to = {.sin6_family = AF_INET6, .sin6_port = htons(9)};
    int fd = ioth_msocket(stack, AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    if (fd < 0 || inet_pton(AF_INET6, address, &to.sin6_addr) != 1 ||
        ioth_sendto(fd, "", 1, 0, (struct sockaddr *)&to, sizeof(to)) < 0)
        perror("conf_client: send");
    if (fd >= 0)
        ioth_close(fd);
}

static void configure(struct ioth *stack, const char *config)
{
    int mask = ioth_config(stack, config);
    int error = errno;

    flockfile(stdout);
    fputs("{\"config\": ", stdout);
    print_string(config);
    if (mask >= 0)
        printf(", \"mask\": %d}\n", mask);
    else
        printf(", \"error\": \"%s\"}\n", strerrorname_np(error));
    fflush(stdout);
    funlockfile(stdout);
}

/* Reads what there is and configures by each whole line; false at the end of the input. */
static bool take_input(struct ioth *stack)
{
    static char text[LINE_SIZE];
    static size_t len;
    ssize_t got = read(STDIN_FILENO, text + len, sizeof(text) - len - 1);
    char *line = text, *end;

    if (got <= 0)
        return false;
    len += (size_t)got;
    text[len] = '\0';
    while ((end = strchr(line, '\n')) != NULL) {
        *end = '\0';
        if (strncmp(line, "send ", 5) == 0)
            send_datagram(stack, line + 5);
        else
            configure(stack, line);
        line = end + 1;
    }
    len = strlen(line);
    memmove(text, line, len + 1);
    return true;
}

/* Until the end of the input. */
static int run(struct ioth *stack, bool by_loop)
{
    struct pollfd fds[] = {{.fd = STDIN_FILENO, .events = POLLIN}, {.fd = -1, .events = POLLIN}};

    if (by_loop) {
        fds[1].fd = ioth_config_fd(stack);
        if (fds[1].fd < 0)
            return -1;
    }
    for (;;) {
        if (poll(fds, 2, by_loop ? ioth_config_timeout(stack) : -1) < 0)
            return -1;
        if (by_loop && ioth_config_dispatch(stack) < 0)
            return -1;
        if (fds[0].revents != 0 && !take_input(stack))
            return 0;
    }
}

int main(int argc, char *argv[])
{
    static struct watch watch;
    bool by_loop = argc > 1 && strcmp(argv[1], "-l") == 0;
    char **words = argv + by_loop;
    pthread_t watcher;
    int failed;

    if (argc - by_loop != 4) {
        fputs("usage: conf_client [-l] STACK VNL CONFIG\n", stderr);
        return 2;
    }
    bool is_kernel = strcmp(words[1], "kernel") == 0;
    watch.stack = ioth_newstack(words[1], is_kernel ? NULL : words[2]);
    watch.ifindex = watch.stack != NULL ? nlqx_if_nametoindex(watch.stack, is_kernel ? words[2] : "vde0") : 0;
    if (watch.ifindex == 0 || pthread_create(&watcher, NULL, watch_main, &watch) != 0 ||
        (!by_loop && ioth_config_start(watch.stack) < 0)) {
        perror("conf_client");
        return 1;
    }
    configure(watch.stack, words[3]);
    failed = run(watch.stack, by_loop);
    watch.ends = true;
    pthread_join(watcher, NULL);
    free(watch.resolv);
    if (failed || ioth_delstack(watch.stack) < 0) {
        perror("conf_client");
        return 1;
    }
    return 0;
}
