/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The attendant of a service: its control socket and page, and what it tells the host. */
#include "io/attendant.h"

#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[64], path[96];

/* What the service says of itself, and what the host has heard. */
struct service {
    atomic_bool well;
    atomic_uint alive, ill_lines, well_lines;
    struct log log;
    struct attendant *attendant;
};

static bool is_well(void *arg, nsec_t now)
{
    struct service *s = arg;

    (void)now;
    return atomic_load(&s->well);
}

static void on_alive(void *arg)
{
    struct service *s = arg;

    atomic_fetch_add(&s->alive, 1);
}

static void write_log(void *arg, enum log_level level, const char *line)
{
    struct service *s = arg;

    (void)line;
    atomic_fetch_add(level == LOG_LEVEL_ERROR ? &s->ill_lines : &s->well_lines, 1);
}

static enum control_result run_hello(struct control_call *call)
{
    text_puts(&call->out, "hello\n");
    return CONTROL_DONE;
}

static const struct control_command commands[] = {{"hello", "", "says so", 0, 0, run_hello, NULL}, {0}};

static bool put_page(void *arg, unsigned turn, struct text *out)
{
    (void)arg, (void)turn;
    text_puts(out, "page\n");
    return false;
}

static struct attendant_settings settings_of(struct service *s)
{
    s->log = (struct log){.write = write_log, .arg = s};
    return (struct attendant_settings){.control = path,
                                       .commands = commands,
                                       .page = put_page,
                                       .who = "server",
                                       .is_well = is_well,
                                       .well = "all is well again",
                                       .ill = "something is wrong",
                                       .alive = on_alive,
                                       .alive_interval = NSEC_PER_SEC / 50,
                                       .alive_arg = s,
                                       .log = &s->log,
                                       .arg = s};
}

static int connect_control(void)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    snprintf(at.sun_path, sizeof(at.sun_path), "%s", path);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&at, sizeof(at)), 0);
    return fd;
}

/* Sends it and reads until `end` is in what comes. */
static void ask(int fd, const char *text, const char *end, char reply[static 512])
{
    size_t len = 0;

    assert_int_equal(send(fd, text, strlen(text), 0), strlen(text));
    do {
        ssize_t n = read(fd, reply + len, 511 - len);
        assert_true(n > 0);
        len += (size_t)n;
        reply[len] = '\0';
    } while (!strstr(reply, end));
    close(fd);
}

static void wait_for(atomic_uint *count, unsigned least)
{
    const struct timespec a_while = {.tv_nsec = 1000000};

    for (unsigned i = 0; i < 20000 && atomic_load(count) < least; i++)
        nanosleep(&a_while, NULL);
    assert_true(atomic_load(count) >= least);
}

static void commands_and_signs_of_life(void **state)
{
    struct service s = {.well = true};
    const struct attendant_settings settings = settings_of(&s);
    char why[256], reply[512];

    (void)state;
    assert_int_equal(attendant_open(&settings, &s.attendant, why, sizeof(why)), 0);
    assert_int_equal(attendant_run(s.attendant), 0);
    ask(connect_control(), "hello\n", "ok\n", reply);
    assert_string_equal(reply, " hello\nok\n");
    wait_for(&s.alive, 3);
    atomic_store(&s.well, false);
    attendant_wake(s.attendant);
    wait_for(&s.ill_lines, 1);
    unsigned alive = atomic_load(&s.alive);
    atomic_store(&s.well, true);
    attendant_wake(s.attendant);
    wait_for(&s.well_lines, 1);
    wait_for(&s.alive, alive + 1);
    assert_int_equal(atomic_load(&s.ill_lines), 1); /* it is said once */
    attendant_close(s.attendant);
    assert_int_equal(access(path, F_OK), -1);
    attendant_wake(NULL);
    attendant_close(NULL);
}

/* A port of this machine that nobody has at the moment. */
static uint16_t free_port(void)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(at);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &len), 0);
    close(fd);
    return ntohs(at.sin_port);
}

static void get(uint16_t port, const char *path_, const char *end, char reply[static 512])
{
    struct sockaddr_in at = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    char request[64];

    snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", path_);
    assert_int_equal(connect(fd, (struct sockaddr *)&at, sizeof(at)), 0);
    ask(fd, request, end, reply);
}

static void its_pages(void **state)
{
    struct service s = {.well = true};
    struct attendant_settings settings = settings_of(&s);
    char why[256], reply[512];

    (void)state;
    settings.control = "none";
    settings.metrics = (struct ipendpoint){.addr = ipaddr_of_v4(INADDR_LOOPBACK), .port = free_port()};
    assert_int_equal(attendant_open(&settings, &s.attendant, why, sizeof(why)), 0);
    assert_int_equal(attendant_run(s.attendant), 0);
    get(settings.metrics.port, "/metrics", "page\n# EOF\n", reply);
    assert_int_equal(strncmp(reply, "HTTP/1.1 200 ", 13), 0);
    get(settings.metrics.port, "/healthz", "\r\n\r\nok\n", reply);
    assert_int_equal(strncmp(reply, "HTTP/1.1 200 ", 13), 0);
    attendant_close(s.attendant);
}

static void what_cannot_be_opened(void **state)
{
    struct service s = {.well = true}, other = {.well = true};
    struct attendant_settings settings = settings_of(&s);
    char why[256];

    (void)state;
    settings.controlgroup = "no-such-group";
    assert_int_equal(attendant_open(&settings, &s.attendant, why, sizeof(why)), -ENOENT);
    assert_string_equal(why, "there is no group 'no-such-group' for the control socket");
    settings.controlgroup = NULL;
    settings.control = "/nowhere/at/all";
    assert_int_equal(attendant_open(&settings, &s.attendant, why, sizeof(why)), -ENOENT);
    assert_string_equal(
        why,
        "cannot make the control socket /nowhere/at/all: No such file or directory: its folder is not there");
    settings.control = path;
    assert_int_equal(attendant_open(&settings, &s.attendant, why, sizeof(why)), 0);
    assert_int_equal(attendant_open(&settings, &other.attendant, why, sizeof(why)), -EADDRINUSE);
    assert_non_null(strstr(why, ": another server has it"));
    attendant_close(s.attendant); /* that never ran */
}

static int make_folder(void **state)
{
    (void)state;
    snprintf(folder, sizeof(folder), "/tmp/attendant-XXXXXX");
    if (!mkdtemp(folder))
        return -1;
    snprintf(path, sizeof(path), "%s/control", folder);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    unlink(path);
    return rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(commands_and_signs_of_life),
        cmocka_unit_test(its_pages),
        cmocka_unit_test(what_cannot_be_opened),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
