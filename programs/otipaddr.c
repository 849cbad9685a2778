/* SPDX-License-Identifier: GPL-3.0-or-later */
/* otipaddr: prints the one-time IPv6 address that a name has now, or at another time, or each as it comes. hashaddr:
   prints the hash based one.

   One program under two names: called as hashaddr it takes no secret and leaves the time out. Addresses come from
   libotip and libiothaddr, a base that is a name from libiothdns, on the stack that --dnsstack makes; here are the
   command line and the words for what is wrong with it.

   A password that stands on the command line can be seen there by other users of the machine, so it is copied and
   overwritten as soon as the options are read. That narrows the gap and does not close it; files, descriptors and the
   terminal have none. Secrets are wiped when they have been used.

   --watch waits for the wall clock by a timer that also wakes when the clock is set, and beside it for a signal and
   for the reader of its output to go away; each of them is a good end.

   Exit status: 0, the address is printed; 1, it cannot be computed; 2, the command line is wrong. */
#include "libiothconf/open/open_stack.h"
#include "libotip/otip_base.h"
#include "libotip/otip_key.h"
#include "libotip/otip_password.h"
#include "libotip/otip_terminal.h"
#include "libotip/otip_time.h"
#include "wire/dname.h"

#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <iothaddr.h>
#include <iothconf.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

enum {
    EXIT_NO_ADDRESS = 1,
    EXIT_USAGE = 2,
};

/* What to do after a part of the command line has been read: exit with a status from 0 on, or this. */
enum {
    GO_ON = -1,
};

enum {
    DNS_MAX_LEN = 63, /* ADDR@PORT */
};

#define TRY_HELP "Try '%s --help'.\n"

struct command {
    const char *program;
    bool otip;
    bool check_only, watch, json;
    const char *base; /* NULL: not given, as all */
    const char *dnsstack;
    const char *dns;
    const char *at;
    int64_t at_s;
    int64_t offset_s;
    uint64_t next;   /* how many epochs from the coming one on; 0: the one that is */
    bool next_alone; /* and no number behind it */
    const char *name;
    const char *passwd_file, *key_file, *user;
    int passwd_fd; /* -1: none */
    struct otip_setup setup;
    bool has_password;
    char password[OTIP_PASSWORD_MAX + 1];
    uint8_t key[OTIP_KEY_LEN];
};

static const char base_text[] =
    "  -b, --base BASE       the base address, or a name that has it in the DNS; if not given, the name\n"
    "                        after the first dot of name (also --baseaddr)\n";

static const char otip_text[] =
    "  -T, --period SECS     how long a one-time address lasts; 32 seconds if not given\n"
    "  -o, --offset SECS     look ahead by that many seconds, or back if below 0\n"
    "      --at TIME         the address at that time: @SECONDS since 1970, or ISO 8601\n"
    "      --next[=N]        the addresses of the next N epochs, 1 if not said\n"
    "      --watch           print each new address when it comes\n"
    "  -2, --v2              the second generation; the length of the prefix may stand behind BASE, as in\n"
    "                        BASE/56, 64 bits if not given\n"
    "  -k, --key FILE        its key, from a file (implies --v2)\n"
    "  -u, --user LABEL      the key is a master key, of which this user's is derived\n"
    "      --passwd-file FILE  the password is the first line of this file (also --passwdfile)\n"
    "      --passwd-fd N     the password is the first line that comes from this descriptor\n";

static const char common_text[] =
    "  -s, --dnsstack CONF   the stack for looking up a base, see ioth_config(3); this system's if not\n"
    "                        given\n"
    "  -D, --dns ADDR        the name server for that, ADDR or ADDR@PORT; those of /etc/resolv.conf if\n"
    "                        not given\n"
    "      --json            print objects of JSON, one a line\n"
    "      --check           check all of that, look nothing up and print nothing\n"
    "  -h, --help            this text\n"
    "      --version         the version\n";

static void print_usage(FILE *out, const struct command *c)
{
    if (c->otip)
        fprintf(out,
                "usage: %s OPTIONS name [password]\n"
                "Prints the one-time IPv6 address that name has now.\n",
                c->program);
    else
        fprintf(out,
                "usage: %s OPTIONS name\n"
                "Prints the hash based IPv6 address of name.\n",
                c->program);
    fputs(base_text, out);
    if (c->otip)
        fputs(otip_text, out);
    fputs(common_text, out);
}

/* Says what is wrong with the command line. Returns EXIT_USAGE. */
__attribute__((format(printf, 2, 3))) static int usage_error(const struct command *c, const char *format, ...)
{
    va_list args;

    fprintf(stderr, "%s: ", c->program);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    fprintf(stderr, TRY_HELP, c->program);
    return EXIT_USAGE;
}

/* Says why it cannot be done. Returns EXIT_NO_ADDRESS. */
static int failure(const struct command *c, const char *what, const char *why)
{
    fprintf(stderr, "%s: %s: %s\n", c->program, what, why);
    return EXIT_NO_ADDRESS;
}

/* --- the command line --- */

static bool is_number(const char *text, long min, long max, long *ret)
{
    char *end;
    long n;

    errno = 0;
    n = strtol(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0' || n < min || n > max)
        return false;
    *ret = n;
    return true;
}

static int set_period(struct command *c, const char *arg)
{
    long n;

    if (!is_number(arg, 1, INT_MAX, &n))
        return usage_error(c, "--period %s: expected a number of seconds above 0", arg);
    c->setup.period_s = (uint32_t)n;
    return GO_ON;
}

static int set_offset(struct command *c, const char *arg)
{
    long n;

    if (!is_number(arg, -INT_MAX, INT_MAX, &n))
        return usage_error(c, "--offset %s: expected a number of seconds", arg);
    c->offset_s = n;
    return GO_ON;
}

static int set_at(struct command *c, const char *arg)
{
    if (otip_time_parse(arg, &c->at_s) < 0)
        return usage_error(c, "--at %s: expected @SECONDS or a time such as 2026-11-22T08:30:00Z", arg);
    c->at = arg;
    return GO_ON;
}

static int set_next(struct command *c, const char *arg)
{
    long n = 1;

    if (arg && !is_number(arg, 1, INT_MAX, &n))
        return usage_error(c, "--next=%s: expected a number above 0", arg);
    c->next = (uint64_t)n;
    c->next_alone = !arg;
    return GO_ON;
}

static int set_passwd_fd(struct command *c, const char *arg)
{
    long n;

    if (!is_number(arg, 0, INT_MAX, &n))
        return usage_error(c, "--passwd-fd %s: expected the number of a descriptor", arg);
    c->passwd_fd = (int)n;
    return GO_ON;
}

static int set_key(struct command *c, const char *arg)
{
    c->key_file = arg;
    c->setup.generation = OTIP2;
    return GO_ON;
}

static int set_dnsstack(struct command *c, const char *arg)
{
    size_t offset;
    char error[256];

    if (ioth_config_check(arg, &offset, error, sizeof(error)) < 0)
        return usage_error(c, "--dnsstack, at byte %zu (\"%.20s\"): %s", offset + 1, arg + offset, error);
    c->dnsstack = arg;
    return GO_ON;
}

static bool is_port(const char *text)
{
    char *end;
    long n = strtol(text, &end, 10);

    return *text >= '0' && *text <= '9' && *end == '\0' && n > 0 && n <= UINT16_MAX;
}

static int set_dns(struct command *c, const char *arg)
{
    char text[DNS_MAX_LEN + 1];
    uint8_t addr[16];
    size_t len = strcspn(arg, "@");

    if (len < sizeof(text)) {
        memcpy(text, arg, len);
        text[len] = '\0';
    }
    if (len >= sizeof(text) ||
        (inet_pton(AF_INET, text, addr) != 1 && inet_pton(AF_INET6, text, addr) != 1) ||
        (arg[len] == '@' && !is_port(arg + len + 1)))
        return usage_error(c, "--dns %s: expected an IPv4 or IPv6 address, or ADDR@PORT", arg);
    c->dns = arg;
    return GO_ON;
}

static int set_base(struct command *c, const char *arg)
{
    c->base = arg;
    return GO_ON;
}

static int set_watch(struct command *c, const char *arg)
{
    (void)arg;
    c->watch = true;
    return GO_ON;
}

static int set_v2(struct command *c, const char *arg)
{
    (void)arg;
    c->setup.generation = OTIP2;
    return GO_ON;
}

static int set_user(struct command *c, const char *arg)
{
    c->user = arg;
    return GO_ON;
}

static int set_passwd_file(struct command *c, const char *arg)
{
    c->passwd_file = arg;
    return GO_ON;
}

static int set_json(struct command *c, const char *arg)
{
    (void)arg;
    c->json = true;
    return GO_ON;
}

static int set_check(struct command *c, const char *arg)
{
    (void)arg;
    c->check_only = true;
    return GO_ON;
}

static int show_help(struct command *c, const char *arg)
{
    (void)arg;
    print_usage(stdout, c);
    return 0;
}

static int show_version(struct command *c, const char *arg)
{
    (void)arg;
    printf("%s %s\n", c->program, IOTH_VERSION);
    return 0;
}

static const struct option_row {
    const char *name;
    char letter; /* 0: none */
    int argument;
    int (*set)(struct command *c, const char *arg);
    bool otip; /* hashaddr does not know it */
} rows[] = {
    {"base", 'b', required_argument, set_base, false},
    {"baseaddr", 0, required_argument, set_base, false},
    {"dnsstack", 's', required_argument, set_dnsstack, false},
    {"dns", 'D', required_argument, set_dns, false},
    {"period", 'T', required_argument, set_period,
     false}, /* without effect on hashaddr, which has always had it */
    {"json", 0, no_argument, set_json, false},
    {"check", 0, no_argument, set_check, false},
    {"help", 'h', no_argument, show_help, false},
    {"version", 0, no_argument, show_version, false},
    {"offset", 'o', required_argument, set_offset, true},
    {"at", 0, required_argument, set_at, true},
    {"next", 0, optional_argument, set_next, true},
    {"watch", 0, no_argument, set_watch, true},
    {"v2", '2', no_argument, set_v2, true},
    {"key", 'k', required_argument, set_key, true},
    {"user", 'u', required_argument, set_user, true},
    {"passwd-file", 0, required_argument, set_passwd_file, true},
    {"passwdfile", 0, required_argument, set_passwd_file, true}, /* as otip_rproxy has it */
    {"passwd-fd", 0, required_argument, set_passwd_fd, true},
};

/* What getopt_long() wants, of the rows: a long option gives the number of its row from FIRST_ROW on. */
enum { FIRST_ROW = 256 };
static void make_options(struct option longs[static ARRAY_LEN(rows) + 1],
                         char shorts[static 2 * ARRAY_LEN(rows) + 1])
{
    for (int i = 0; i < (int)ARRAY_LEN(rows); i++) {
        longs[i] = (struct option){.name = rows[i].name, .has_arg = rows[i].argument, .val = FIRST_ROW + i};
        if (rows[i].letter)
            *shorts++ = rows[i].letter;
        if (rows[i].letter && rows[i].argument == required_argument)
            *shorts++ = ':';
    }
    longs[ARRAY_LEN(rows)] = (struct option){0};
    *shorts = '\0';
}

static const struct option_row *row_of(int option)
{
    if (option >= FIRST_ROW)
        return &rows[option - FIRST_ROW];
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (rows[i].letter == option)
            return &rows[i];
    }
    return NULL;
}

static int take_options(struct command *c, int argc, char *argv[])
{
    char shorts[2 * ARRAY_LEN(rows) + 1];
    struct option longs[ARRAY_LEN(rows) + 1];
    int status = GO_ON, option;

    make_options(longs, shorts);
    while (status == GO_ON && (option = getopt_long(argc, argv, shorts, longs, NULL)) != -1) {
        const struct option_row *row = option == '?' ? NULL : row_of(option);

        if (!row) { /* getopt_long() has said what is wrong */
            fprintf(stderr, TRY_HELP, c->program);
            return EXIT_USAGE;
        }
        if (row->otip && !c->otip)
            return usage_error(c, "--%s is an option of otipaddr", row->name);
        status = row->set(c, optarg);
    }
    return status;
}

/* Moves the password from the command line into memory of its own, and overwrites it where everybody sees it. */
static int take_password(struct command *c, char *arg)
{
    size_t len = strlen(arg);

    if (len == 0)
        return usage_error(c, "the password is empty");
    c->has_password = len <= OTIP_PASSWORD_MAX;
    if (c->has_password)
        memcpy(c->password, arg, len + 1);
    explicit_bzero(arg, len);
    return c->has_password ? GO_ON
                           : usage_error(c, "the password is longer than %d bytes", OTIP_PASSWORD_MAX);
}

/* Takes the name and the password, which are what is left of the command line. */
static int take_arguments(struct command *c, int count, char *args[])
{
    int status = GO_ON;
    long number;

    if (c->otip && count >= 2) /* first of all, so that it is gone whatever else is wrong */
        status = take_password(c, args[1]);
    if (status != GO_ON)
        return status;
    if (count < 1)
        return usage_error(c, "the name is missing");
    c->name = args[0];
    if (c->next_alone && is_number(c->name, 0, INT_MAX, &number))
        return usage_error(c, "--next %s: expected its number behind a '=', --next=%s", c->name, c->name);
    if (count > (c->otip ? 2 : 1))
        return usage_error(c, "there are more arguments than a name%s", c->otip ? " and a password" : "");
    if (!otip_is_name(c->name))
        return usage_error(c, "\"%s\" is not a domain name: at most 253 bytes, its labels 1 to 63", c->name);
    return GO_ON;
}

/* Options that go together, and those that do not. */
static int check_options(const struct command *c)
{
    int secrets = c->has_password + !!c->key_file + !!c->passwd_file + (c->passwd_fd >= 0);

    if (secrets > 1)
        return usage_error(
            c, "there is more than one secret: a password, --passwd-file, --passwd-fd and --key are four "
               "ways to say it");
    if (c->user && !c->key_file)
        return usage_error(c, "--user is for --key");
    if (c->watch && (c->at || c->next))
        return usage_error(c, "--watch goes on from now: it takes neither --at nor --next");
    return GO_ON;
}

/* --- the secret --- */

static int ask_password(struct command *c)
{
    char why[OTIP_WHY_MAX];

    if (!isatty(STDIN_FILENO))
        return usage_error(c, "the password is missing");
    if (c->check_only)
        return GO_ON;
    c->has_password = otip_password_ask(STDIN_FILENO, "Password: ", c->password, why) == 0;
    return c->has_password ? GO_ON : failure(c, "the password", why);
}

static int read_key(struct command *c)
{
    char why[OTIP_WHY_MAX];

    if (otip_key_read(c->key_file, c->key, why) < 0)
        return failure(c, c->key_file, why);
    if (c->user && otip_key_of_user(c->key, c->user, c->key) < 0)
        return usage_error(c, "--user: expected 1 to %d bytes without control characters", OTIP_USER_MAX);
    return GO_ON;
}

static int read_secret(struct command *c)
{
    char why[OTIP_WHY_MAX];

    if (c->key_file)
        return read_key(c);
    if (c->passwd_file) {
        c->has_password = otip_password_read(c->passwd_file, c->password, why) == 0;
        return c->has_password ? GO_ON : failure(c, c->passwd_file, why);
    }
    if (c->passwd_fd >= 0) {
        c->has_password = otip_password_read_fd(c->passwd_fd, c->password, why) == 0;
        return c->has_password ? GO_ON : failure(c, "--passwd-fd", why);
    }
    return c->has_password ? GO_ON : ask_password(c);
}

/* --- the base --- */

/* The name whose address is the base, if none is given: NULL, the name has one label. */
static const char *base_of(const char *name)
{
    const char *dot = strchr(name, '.');

    return dot != NULL && dot[1] != '\0' ? dot + 1 : NULL;
}

/* hashaddr takes a base of zeros, as the talk's does: what it prints then is the hash itself. */
static bool can_be_base(const struct command *c, const struct ipaddr *addr)
{
    static const struct ipaddr zeros;

    return otip_can_be_base(addr) || (!c->otip && ipaddr_equal(addr, &zeros));
}

/* What of a look-up can be known without one. */
static int check_stack(const struct command *c)
{
    char why[512];

    return c->dnsstack && open_stack_find(c->dnsstack, why, sizeof(why)) < 0 ? failure(c, "--dnsstack", why)
                                                                             : GO_ON;
}

/* Looks a base up, on the stack that the command line names. */
static int look_up(const struct command *c, struct otip_base *base)
{
    struct ioth *stack = NULL;
    char why[512]; /* OTIP_WHY_MAX, or more: a string for a stack and what is wrong with it */
    int status = GO_ON;

    if (c->dnsstack != NULL) {
        ioth_set_license("GPL-3.0-or-later");
        if (open_stack("--dnsstack", c->dnsstack, NULL, &stack, why, sizeof(why)) < 0) {
            fprintf(stderr, "%s: %s\n", c->program, why);
            return EXIT_NO_ADDRESS;
        }
    }
    if (otip_base_find(base, stack, c->dns, why) < 0) {
        fprintf(stderr, "%s: the base %s: %s\n", c->program, base->name, why);
        status = EXIT_NO_ADDRESS;
    } else if (!can_be_base(c, &base->addr)) {
        status = failure(c, base->name, OTIP_NO_BASE);
    }
    if (stack != NULL)
        ioth_delstack(stack);
    return status;
}

/* Reads the base address, or looks it up. */
static int find_base(struct command *c)
{
    const char *text = c->base ? c->base : base_of(c->name);
    char why[OTIP_WHY_MAX];
    struct otip_base base;
    int status = GO_ON;

    if (!text)
        return usage_error(
            c, "%s has no dot, behind which the name of its base would be: give one, --base BASE", c->name);
    if (otip_base_parse(text, &base, why) < 0)
        return usage_error(c, "--base %s: %s", text, why);
    if (base.prefix_len && base.prefix_len != OTIP_PREFIX_LEN && c->setup.generation != OTIP2)
        return usage_error(c, "--base %s: a length other than %d is for %s--v2", text, OTIP_PREFIX_LEN,
                           c->otip ? "" : "otipaddr ");
    if (base.name[0] != '\0')
        status = c->check_only ? check_stack(c) : look_up(c, &base);
    else if (!can_be_base(c, &base.addr))
        return usage_error(c, "--base %s: " OTIP_NO_BASE, text);
    c->setup.base = base.addr;
    c->setup.prefix_len = base.prefix_len;
    return status;
}

/* --- the output --- */

/* The name as a JSON string: in presentation form, so that only a quote and a backslash are left to be escaped. */
static void print_json_name(const char *name)
{
    uint8_t wire[DNAME_MAX];
    char text[DNAME_TEXT_MAX];

    if (dname_from_text(name, strlen(name), wire) < 0)
        return; /* otip_is_name() has seen that it is one */
    putchar('"');
    for (const char *at = dname_to_text(wire, text); *at; at++) {
        if (*at == '"' || *at == '\\')
            putchar('\\');
        putchar(*at);
    }
    putchar('"');
}

static void print_address(const struct command *c, const struct ipaddr *addr)
{
    char text[INET6_ADDRSTRLEN];

    inet_ntop(AF_INET6, addr->b, text, sizeof(text));
    if (!c->json) {
        puts(text);
        return;
    }
    printf("{\"name\": ");
    print_json_name(c->name);
    printf(", \"address\": \"%s\"", text);
}

/* Times at the end of what can be counted stay there. */
static int64_t moved(int64_t wall_s, int64_t by_s)
{
    int64_t sum;

    if (!__builtin_add_overflow(wall_s, by_s, &sum))
        return sum;
    return by_s > 0 ? INT64_MAX : INT64_MIN;
}

static void print_epoch(const struct command *c, const struct otip *o, uint64_t epoch)
{
    struct ipaddr addr;

    otip_address(o, epoch, &addr);
    print_address(c, &addr);
    if (c->json)
        printf(", \"generation\": \"otip%d\", \"epoch\": %" PRIu64 ", \"from\": %" PRId64
               ", \"until\": %" PRId64 "}\n",
               c->setup.generation, epoch, moved(otip_epoch_start(o, epoch), -c->offset_s),
               moved(otip_epoch_start(o, epoch + 1), -c->offset_s));
}

static int print_hashed(const struct command *c)
{
    struct ipaddr addr = c->setup.base;

    iothaddr_hash(addr.b, c->name, NULL, 0);
    print_address(c, &addr);
    if (c->json)
        puts("}");
    return 0;
}

static int64_t wall_now_s(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now); /* time() may be a tick late, just when an epoch begins */
    return now.tv_sec;
}

/* Sleeps until the wall clock shows `until_s`, or is set. GO_ON; 0: a signal came or nobody reads any more. */
static int sleep_until(const struct command *c, int timer, int signals, int64_t until_s)
{
    struct itimerspec when = {.it_value.tv_sec = until_s};
    struct pollfd fds[] = {
        {.fd = timer, .events = POLLIN}, {.fd = signals, .events = POLLIN}, {.fd = STDOUT_FILENO}};
    uint64_t expired;

    if (timerfd_settime(timer, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &when, NULL) < 0 &&
        errno != ECANCELED)
        return failure(c, "the timer", strerror(errno));
    while (poll(fds, ARRAY_LEN(fds), -1) < 0) {
        if (errno != EINTR)
            return failure(c, "waiting", strerror(errno));
    }
    if (fds[1].revents || fds[2].revents)
        return 0;
    if (read(timer, &expired, sizeof(expired)) < 0 && errno != ECANCELED && errno != EAGAIN)
        return failure(c, "the timer", strerror(errno));
    return GO_ON;
}

static int print_as_they_come(const struct command *c, const struct otip *o, int timer, int signals)
{
    uint64_t shown = 0;
    int status = GO_ON;

    for (bool first = true; status == GO_ON; first = false) {
        uint64_t epoch = otip_epoch(o, moved(wall_now_s(), c->offset_s));

        if (first || epoch != shown)
            print_epoch(c, o, epoch);
        shown = epoch;
        if (fflush(stdout) != 0)
            return errno == EPIPE ? 0 : failure(c, "writing the output", strerror(errno));
        status = sleep_until(c, timer, signals, moved(otip_epoch_start(o, epoch + 1), -c->offset_s));
    }
    return status;
}

static int watch(const struct command *c, const struct otip *o)
{
    int timer = timerfd_create(CLOCK_REALTIME, TFD_CLOEXEC | TFD_NONBLOCK), signals, status;
    sigset_t ending;

    sigemptyset(&ending);
    sigaddset(&ending, SIGTERM);
    sigaddset(&ending, SIGINT);
    sigprocmask(SIG_BLOCK, &ending, NULL);
    signal(SIGPIPE, SIG_IGN);
    signals = signalfd(-1, &ending, SFD_CLOEXEC);
    if (timer < 0 || signals < 0)
        status = failure(c, "waiting", strerror(errno));
    else
        status = print_as_they_come(c, o, timer, signals);
    if (timer >= 0)
        close(timer);
    if (signals >= 0)
        close(signals);
    return status;
}

static int print_one_time(const struct command *c)
{
    struct otip *o;
    int status = 0, err = otip_new_from_password(&c->setup, &o);

    if (err == -EINVAL)
        return failure(c, c->name, "it can have no one-time address on this base");
    if (err)
        return failure(c, c->name, strerror(-err));
    if (c->watch) {
        status = watch(c, o);
    } else {
        uint64_t epoch = otip_epoch(o, moved(c->at ? c->at_s : wall_now_s(), c->offset_s));

        for (uint64_t i = c->next ? 1 : 0; i <= c->next && !ferror(stdout); i++)
            print_epoch(c, o, epoch + i);
    }
    otip_free(o);
    return status;
}

/* Tells a full disk or a closed pipe from success. */
static int finish_output(const struct command *c, int status)
{
    if (fflush(stdout) == 0 || (c->watch && errno == EPIPE)) /* of --watch that is the end */
        return status;
    fprintf(stderr, "%s: writing the output: %s\n", c->program, strerror(errno));
    return EXIT_NO_ADDRESS;
}

static int run(struct command *c, int argc, char *argv[])
{
    int status = take_options(c, argc, argv);

    if (status == GO_ON)
        status = take_arguments(c, argc - optind, argv + optind);
    if (status == GO_ON)
        status = check_options(c);
    if (status == GO_ON && c->otip)
        status = read_secret(c);
    if (status == GO_ON)
        status = find_base(c);
    if (status != GO_ON)
        return status;
    c->setup.name = c->name;
    c->setup.password = c->has_password ? c->password : NULL;
    c->setup.key = c->key_file ? c->key : NULL;
    if (c->check_only)
        return 0;
    return c->otip ? print_one_time(c) : print_hashed(c);
}

int main(int argc, char *argv[])
{
    struct command c = {
        .program = program_invocation_short_name,
        .passwd_fd = -1,
        .setup = {.generation = OTIP1, .period_s = OTIP_PERIOD_S},
    };
    int status;

    c.otip = strcmp(c.program, "hashaddr") != 0;
    status = run(&c, argc, argv);
    explicit_bzero(c.password, sizeof(c.password));
    explicit_bzero(c.key, sizeof(c.key));
    return finish_output(&c, status);
}
