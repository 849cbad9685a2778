/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The attendant of a service: its control socket and page, and what it tells the host. */
#include "base/clock.h"
#include "io/attendant.h"

#include <arpa/inet.h>
#include <errno.h>
#include <sched.h>
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

#define REPLY_MAX 2048

static char folder[64], path[96];

/* What the service says of itself, and what the host has heard. */
struct service {
    atomic_bool well;
    atomic_uint alive, ill_lines, well_lines, reloads, looks;
    atomic_bool cut_off;
    struct log log;
    struct log_control log_control;
    struct daemon_host host;
    struct daemon_config config;
    atomic_bool may_check; /* a check waits for it */
    atomic_bool slow_reload;
    atomic_uint checks; /* that have begun */
    struct attendant *attendant;
};

static bool is_well(void *arg, nsec_t now)
{
    struct service *s = arg;

    (void)now;
    return atomic_load(&s->well);
}

static bool is_served(void *arg, nsec_t now)
{
    struct service *s = arg;

    (void)now;
    atomic_fetch_add(&s->looks, 1);
    return !atomic_load(&s->cut_off);
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

static void put_status(void *arg, struct pairs *out)
{
    (void)arg;
    pairs_number(out, "guests", 3);
}

static void put_counters(void *arg, struct pairs *out)
{
    (void)arg;
    pairs_number(out, "came", 5);
    pairs_text(out, "last", "a \"guest\"");
}

static int check(void *arg, struct text *out, char *why, size_t why_size)
{
    struct service *s = arg;

    atomic_fetch_add(&s->checks, 1);
    while (!atomic_load(&s->may_check))
        sched_yield();
    text_puts(out, "warning: hardly meant\n");
    snprintf(why, why_size, "there is no option 'x'");
    return s->config.verbose ? 0 : -EINVAL;
}

static int reload(void *arg, char *why, size_t why_size)
{
    struct service *s = arg;

    snprintf(why, why_size, "line 3 is none");
    log_event(&s->log, LOG_LEVEL_INFO, "nobody asked for that");
    if (s->config.pidfile)
        log_event(&s->log, LOG_LEVEL_WARNING, "this change waits", LOG_TEXT("what", s->config.pidfile));
    while (atomic_load(&s->slow_reload))
        sched_yield();
    return atomic_fetch_add(&s->reloads, 1) == 0 ? 0 : -EINVAL;
}

static struct attendant_settings settings_of(struct service *s)
{
    log_control_init(&s->log_control, LOG_LEVEL_INFO);
    s->log = (struct log){.write = write_log, .arg = s, .control = &s->log_control};
    s->host = (struct daemon_host){
        .version = "1.2", .control = path, .alive = on_alive, .alive_interval = NSEC_PER_SEC / 50, .arg = s};
    return (struct attendant_settings){.host = &s->host,
                                       .config = &s->config,
                                       .log = &s->log,
                                       .who = "server",
                                       .is_well = is_well,
                                       .well = "all is well again",
                                       .ill = "something is wrong",
                                       .is_served = is_served,
                                       .unserved = "a network is away",
                                       .prefix = "inn",
                                       .page = put_page,
                                       .status = put_status,
                                       .counters = put_counters,
                                       .check = check,
                                       .reload = reload,
                                       .commands = commands,
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
static void ask(int fd, const char *text, const char *end, char reply[static REPLY_MAX])
{
    size_t len = 0;

    assert_int_equal(send(fd, text, strlen(text), 0), strlen(text));
    do {
        ssize_t n = read(fd, reply + len, REPLY_MAX - 1 - len);
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
    char why[256], reply[REPLY_MAX];

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

static const char *said(const char *command, char reply[static REPLY_MAX])
{
    ask(connect_control(), command, strstr(command, "check") ? "d 'x'\n" : "\n", reply);
    return reply;
}

static uint64_t seconds_since(nsec_t then)
{
    return (uint64_t)((monotonic_now() - then) / NSEC_PER_SEC);
}

/* The number after `name`, and what follows it. */
static uint64_t number_after(const char *reply, const char *name, const char **rest)
{
    const char *at = strstr(reply, name);
    char *end;

    assert_non_null(at);
    at += strlen(name);
    uint64_t n = strtoull(at, &end, 10);
    assert_true(end > at);
    *rest = end;
    return n;
}

static void commands_of_all_services(void **state)
{
    struct service s = {.well = true, .may_check = true};
    const struct attendant_settings settings = settings_of(&s);
    char why[256], reply[REPLY_MAX];
    const char *rest;
    nsec_t opened = monotonic_now();

    (void)state;
    assert_int_equal(attendant_open(&settings, &s.attendant, why, sizeof(why)), 0);
    assert_int_equal(attendant_run(s.attendant), 0);
    ask(connect_control(), "help\n", "ok\n", reply);
    assert_int_equal(strncmp(reply, " status [json] ", 15), 0);
    assert_non_null(strstr(reply, "\n hello  "));
    ask(connect_control(), "status\n", "ok\n", reply);
    assert_int_equal(strncmp(reply, " version 1.2\n pid ", 18), 0);
    assert_true(number_after(reply, "\n uptime_seconds ", &rest) <= seconds_since(opened));
    assert_string_equal(rest, "\n healthy yes\n loglevel info\n guests 3\nok\n");
    ask(connect_control(), "status json\n", "ok\n", reply);
    assert_non_null(strstr(reply, "\"healthy\":\"yes\",\"loglevel\":\"info\",\"guests\":3}\nok\n"));
    ask(connect_control(), "counters\n", "ok\n", reply);
    assert_string_equal(reply, " came 5\n last a \"guest\"\nok\n");
    ask(connect_control(), "counters json\n", "ok\n", reply);
    assert_string_equal(reply, " {\"came\":5,\"last\":\"a \\\"guest\\\"\"}\nok\n");
    assert_string_equal(said("counters xml\n", reply), "error usage: counters [json]\n");
    assert_string_equal(said("status xml\n", reply), "error usage: status [json]\n");
    assert_string_equal(said("reload\n", reply), "ok\n");
    assert_string_equal(said("reload\n", reply), "error line 3 is none\n");
    s.config.pidfile = "a.pid";
    ask(connect_control(), "reload\n", "none\n", reply);
    assert_string_equal(reply, " warning: this change waits what=a.pid\nerror line 3 is none\n");
    s.config.pidfile = NULL;
    assert_string_equal(said("loglevel debug\n", reply), "ok\n");
    assert_int_equal(atomic_load(&s.log_control.level), LOG_LEVEL_DEBUG);
    ask(connect_control(), "loglevel\n", "ok\n", reply);
    assert_string_equal(reply, " debug\nok\n");
    assert_string_equal(said("loglevel loud\n", reply), "error usage: loglevel [error|warning|info|debug]\n");
    attendant_close(s.attendant);
}

/* A check takes its time: others are answered meanwhile, and who goes before its end does not matter. */
static void a_check_beside_other_commands(void **state)
{
    struct service s = {.well = true};
    const struct attendant_settings settings = settings_of(&s);
    char why[256], reply[REPLY_MAX];

    (void)state;
    assert_int_equal(attendant_open(&settings, &s.attendant, why, sizeof(why)), 0);
    assert_int_equal(attendant_run(s.attendant), 0);
    int fd = connect_control();
    assert_int_equal(send(fd, "check\n", 6, 0), 6);
    wait_for(&s.checks, 1);
    ask(connect_control(), "hello\n", "ok\n", reply);
    assert_string_equal(reply, " hello\nok\n");
    atomic_store(&s.may_check, true);
    ask(fd, "", "'x'\n", reply);
    assert_string_equal(reply, " warning: hardly meant\nerror there is no option 'x'\n");
    s.config.verbose = true;
    ask(connect_control(), "check\n", "ok\n", reply);
    assert_string_equal(reply, " warning: hardly meant\nok\n");

    atomic_store(&s.may_check, false);
    fd = connect_control();
    assert_int_equal(send(fd, "check\n", 6, 0), 6);
    wait_for(&s.checks, 3);
    close(fd);
    for (unsigned i = 0; i < 3; i++) {
        fd = connect_control();
        assert_int_equal(send(fd, "check\n", 6, 0), 6);
        wait_for(&s.checks, 4 + i);
        close(fd);
    }
    unsigned alive = atomic_load(&s.alive);
    ask(connect_control(), "hello\n", "ok\n", reply); /* though none of them is over */
    wait_for(&s.alive, alive + 3);
    ask(connect_control(), "check\n", "\n", reply);
    assert_string_equal(reply, "error too many of these are under way; try again later\n");
    atomic_store(&s.may_check, true);
    do
        ask(connect_control(), "check\n", "\n", reply);
    while (strncmp(reply, "error", 5) == 0);
    atomic_store(&s.may_check, false);
    fd = connect_control();
    assert_int_equal(send(fd, "check\n", 6, 0), 6);
    wait_for(&s.checks, 8);
    close(fd);
    ask(connect_control(), "hello\n", "ok\n", reply);
    atomic_store(&s.may_check, true);
    attendant_close(s.attendant); /* waits for it */
}

/* A reload may wait for a name server. The host hears all the while that all is well. */
static void a_reload_that_takes_its_time(void **state)
{
    struct service s = {.well = true, .slow_reload = true};
    const struct attendant_settings settings = settings_of(&s);
    char why[256], reply[REPLY_MAX];

    (void)state;
    assert_int_equal(attendant_open(&settings, &s.attendant, why, sizeof(why)), 0);
    assert_int_equal(attendant_run(s.attendant), 0);
    int fd = connect_control();
    assert_int_equal(send(fd, "reload\n", 7, 0), 7);
    ask(connect_control(), "hello\n", "ok\n", reply);
    wait_for(&s.alive, atomic_load(&s.alive) + 3);
    atomic_store(&s.slow_reload, false);
    ask(fd, "", "\n", reply);
    assert_string_equal(reply, "ok\n");
    attendant_close(s.attendant);
}

/* Where no other process of this machine listens: loopback has an address for each. */
static struct ipendpoint own_endpoint(void)
{
    return (struct ipendpoint){.addr = ipaddr_of_v4(0x7f400000 + (uint32_t)getpid()), .port = 9553};
}

static void get(const char *path_, const char *end, char reply[static REPLY_MAX])
{
    const struct ipendpoint page = own_endpoint();
    struct sockaddr_storage at;
    socklen_t at_len = ipendpoint_to_sockaddr(&page, false, &at);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    char request[64];

    snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", path_);
    assert_int_equal(connect(fd, (struct sockaddr *)&at, at_len), 0);
    ask(fd, request, end, reply);
}

static void its_pages(void **state)
{
    struct service s = {.well = true};
    const struct attendant_settings settings = settings_of(&s);
    char why[256], reply[REPLY_MAX];
    const char *rest;
    nsec_t opened = monotonic_now();

    (void)state;
    s.config.control = "none";
    s.config.metrics = own_endpoint();
    assert_int_equal(attendant_open(&settings, &s.attendant, why, sizeof(why)), 0);
    assert_int_equal(attendant_run(s.attendant), 0);
    get("/metrics", "# EOF\n", reply);
    assert_int_equal(strncmp(reply, "HTTP/1.1 200 ", 13), 0);
    assert_non_null(strstr(reply, "\r\n\r\npage\n# TYPE inn_build info\n"));
    assert_non_null(strstr(reply, "\ninn_build_info{version=\"1.2\"} 1\n"));
    assert_true(number_after(reply, "\ninn_uptime_seconds ", &rest) <= seconds_since(opened));
    assert_int_equal(*rest, '\n');
    assert_non_null(strstr(reply, "\ninn_healthy 1\n"));
    get("/healthz", "\r\n\r\nok\n", reply);
    assert_int_equal(strncmp(reply, "HTTP/1.1 200 ", 13), 0);
    attendant_close(s.attendant);
}

/* Who lives is not to be started anew because his network is away. */
static void a_network_that_is_away(void **state)
{
    struct service s = {.well = true, .cut_off = true};
    const struct attendant_settings settings = settings_of(&s);
    char why[256], reply[REPLY_MAX];

    (void)state;
    s.config.metrics = own_endpoint();
    assert_int_equal(attendant_open(&settings, &s.attendant, why, sizeof(why)), 0);
    assert_int_equal(attendant_run(s.attendant), 0);
    wait_for(&s.looks, 2);
    get("/healthz", "\r\n\r\na network is away\n", reply);
    assert_int_equal(strncmp(reply, "HTTP/1.1 503 ", 13), 0);
    get("/metrics", "# EOF\n", reply);
    assert_non_null(strstr(reply, "\ninn_healthy 0\n"));
    ask(connect_control(), "status\n", "ok\n", reply);
    assert_non_null(strstr(reply, "\n healthy no\n"));
    wait_for(&s.alive, atomic_load(&s.alive) + 3);
    assert_int_equal(atomic_load(&s.ill_lines), 0);
    atomic_store(&s.cut_off, false);
    wait_for(&s.looks, atomic_load(&s.looks) + 2);
    get("/healthz", "\r\n\r\nok\n", reply);
    attendant_close(s.attendant);
}

static void what_cannot_be_opened(void **state)
{
    struct service s = {.well = true}, other = {.well = true};
    const struct attendant_settings settings = settings_of(&s);
    char why[256], long_path[109] = "";

    (void)state;
    s.config.controlgroup = "no-such-group";
    assert_int_equal(attendant_open(&settings, &s.attendant, why, sizeof(why)), -ENOENT);
    assert_string_equal(why, "there is no group 'no-such-group' for the control socket");
    s.config.controlgroup = NULL;
    s.config.control = "/nowhere/at/all";
    assert_int_equal(attendant_open(&settings, &s.attendant, why, sizeof(why)), -ENOENT);
    assert_string_equal(why, "cannot make the control socket /nowhere/at/all: its folder is not there");
    assert_int_equal(attendant_check_control(&s.config, why, sizeof(why)), -ENOENT);
    s.config.control = "/dev/null";
    assert_int_equal(attendant_check_control(&s.config, why, sizeof(why)), -EEXIST);
    assert_int_equal(attendant_open(&settings, &s.attendant, why, sizeof(why)), -EEXIST);
    assert_string_equal(why, "cannot make the control socket /dev/null: what is there is no socket");
    memset(long_path, 'a', sizeof(long_path) - 1);
    s.config.control = long_path;
    assert_int_equal(attendant_check_control(&s.config, why, sizeof(why)), -ENAMETOOLONG);
    assert_int_equal(attendant_open(&settings, &s.attendant, why, sizeof(why)), -ENAMETOOLONG);
    assert_non_null(strstr(why, ": its path is too long, expected at most 107 bytes"));
    s.config.control = path;
    assert_int_equal(attendant_check_control(&s.config, why, sizeof(why)), 0);
    s.config.metrics = (struct ipendpoint){.addr = ipaddr_of_v4(0xc0000201), .port = 9153};
    assert_int_equal(attendant_open(&settings, &s.attendant, why, sizeof(why)), -EADDRNOTAVAIL);
    assert_string_equal(why, "cannot serve metrics at 192.0.2.1@9153: Cannot assign requested address: this "
                             "system does not have this address");
    s.config.metrics.port = 0;
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
        cmocka_unit_test(commands_of_all_services),
        cmocka_unit_test(a_check_beside_other_commands),
        cmocka_unit_test(a_reload_that_takes_its_time),
        cmocka_unit_test(its_pages),
        cmocka_unit_test(a_network_that_is_away),
        cmocka_unit_test(what_cannot_be_opened),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
