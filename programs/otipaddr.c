/* SPDX-License-Identifier: GPL-3.0-or-later */
/* otipaddr: prints the one-time IPv6 address that a name has now. hashaddr: prints the hash based one.

   One program under two names: called as hashaddr it takes no password and leaves the time out. The address
   comes from libiothaddr, a base that is a name from libiothdns, on the stack that --dnsstack makes; here are the
   command line and the words for what is wrong with it.

   The password stands on the command line, where other users of the machine can see it, so it is copied and
   overwritten there as soon as the options are read. That narrows the gap and does not close it; the manual
   says so.

   Exit status: 0, the address is printed; 1, it cannot be computed; 2, the command line is wrong. */
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <iothaddr.h>
#include <iothconf.h>
#include <iothdns.h>
#include <limits.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    EXIT_NO_ADDRESS = 1,
    EXIT_USAGE = 2,
};

/* What to do after a part of the command line has been read: exit with a status from 0 on, or this. */
enum {
    GO_ON = -1,
};

enum {
    DEFAULT_PERIOD_S = 32,
    NAME_MAX_LEN = 253, /* text of a domain name without final dot, RFC 1035 s2.3.4 */
    LABEL_MAX_LEN = 63,
    DNS_MAX_LEN = 63, /* ADDR@PORT */
};

#define TRY_HELP "Try '%s --help'.\n"

struct command {
    const char *program;
    bool otip;
    bool check_only;
    const char *base;     /* NULL: not given */
    const char *dnsstack; /* likewise */
    const char *dns;
    int period_s;
    const char *name;
    char *password; /* NULL for hashaddr */
};

static const char options_text[] =
    "  -b, --base BASE       the base address, whose lower half is combined with the hash, or a name that "
    "has it\n"
    "                        in the DNS; if not given, the name after the first dot of name (also "
    "--baseaddr)\n"
    "  -T, --period SECS     how long a one-time address lasts; 32 seconds if not given\n"
    "  -s, --dnsstack CONF   the stack for looking that up, see ioth_config(3); this system's if not given\n"
    "  -D, --dns ADDR        the name server for that, ADDR or ADDR@PORT; those of /etc/resolv.conf if not "
    "given\n"
    "      --check           check the command line and print nothing\n"
    "  -h, --help            this text\n"
    "      --version         the version\n";

static void print_usage(FILE *out, const struct command *c)
{
    if (c->otip)
        fprintf(out,
                "usage: %s OPTIONS name password\n"
                "Prints the one-time IPv6 address that name has now.\n",
                c->program);
    else
        fprintf(out,
                "usage: %s OPTIONS name\n"
                "Prints the hash based IPv6 address of name.\n",
                c->program);
    fputs(options_text, out);
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

/* Moves a secret from the command line into memory of its own and overwrites it where everybody sees it. */
static char *take_secret(char *arg)
{
    char *copy = strdup(arg);

    if (copy != NULL)
        explicit_bzero(arg, strlen(arg));
    return copy;
}

static void free_secret(char *secret)
{
    if (secret != NULL)
        explicit_bzero(secret, strlen(secret));
    free(secret);
}

static bool is_domain_name(const char *name)
{
    size_t len = strlen(name);

    if (len > 0 && name[len - 1] == '.')
        len--;
    if (len == 0 || len > NAME_MAX_LEN)
        return false;
    for (size_t label = 0; label <= len;) {
        size_t label_len = strcspn(name + label, ".");

        if (label_len == 0 || label_len > LABEL_MAX_LEN)
            return false;
        label += label_len + 1;
    }
    return true;
}

static int set_period(struct command *c, const char *arg)
{
    char *end;
    long n;

    errno = 0;
    n = strtol(arg, &end, 10);
    if (errno != 0 || end == arg || *end != '\0' || n <= 0 || n > INT_MAX)
        return usage_error(c, "--period %s: expected a number of seconds above 0", arg);
    c->period_s = (int)n;
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

enum {
    OPT_CHECK = 256,
    OPT_VERSION,
};

static const struct option long_options[] = {
    {"base", required_argument, NULL, 'b'},
    {"baseaddr", required_argument, NULL, 'b'},
    {"dnsstack", required_argument, NULL, 's'},
    {"dns", required_argument, NULL, 'D'},
    {"period", required_argument, NULL, 'T'},
    {"check", no_argument, NULL, OPT_CHECK},
    {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, OPT_VERSION},
    {NULL, 0, NULL, 0},
};

/* Deals with one option of getopt_long(). */
static int take_option(struct command *c, int option)
{
    switch (option) {
    case 'b':
        c->base = optarg;
        return GO_ON;
    case 's':
        return set_dnsstack(c, optarg);
    case 'D':
        return set_dns(c, optarg);
    case 'T':
        return set_period(c, optarg);
    case OPT_CHECK:
        c->check_only = true;
        return GO_ON;
    case 'h':
        print_usage(stdout, c);
        return 0;
    case OPT_VERSION:
        printf("%s %s\n", c->program, IOTH_VERSION);
        return 0;
    default: /* getopt_long() has said what is wrong */
        fprintf(stderr, TRY_HELP, c->program);
        return EXIT_USAGE;
    }
}

static int take_options(struct command *c, int argc, char *argv[])
{
    int status = GO_ON;
    int option;

    while (status == GO_ON && (option = getopt_long(argc, argv, "b:s:D:T:h", long_options, NULL)) != -1)
        status = take_option(c, option);
    return status;
}

/* Takes the name and the password, which are what is left of the command line. */
static int take_arguments(struct command *c, int count, char *args[])
{
    if (count < 1)
        return usage_error(c, "the name is missing");
    c->name = args[0];
    if (c->otip && count < 2)
        return usage_error(c, "the password is missing");
    if (count > (c->otip ? 2 : 1))
        return usage_error(c, "there are more arguments than a name%s", c->otip ? " and a password" : "");
    if (!is_domain_name(c->name))
        return usage_error(c, "\"%s\" is not a domain name: at most 253 bytes, its labels 1 to 63", c->name);
    if (!c->otip)
        return GO_ON;
    if (*args[1] == '\0')
        return usage_error(c, "the password is empty");
    c->password = take_secret(args[1]);
    if (c->password != NULL)
        return GO_ON;
    fprintf(stderr, "%s: out of memory\n", c->program);
    return EXIT_NO_ADDRESS;
}

/* Why no address came of a look-up, by its errno. */
static const char *why_not(int error)
{
    switch (error) {
    case 0:
        return "it has no IPv6 address (no AAAA record)";
    case ENOENT:
        return "there is no such name";
    case ETIMEDOUT:
        return "no name server answered in time";
    case ECONNREFUSED:
        return "no name server could be reached";
    case EAGAIN:
        return "the name servers failed; try again later";
    default:
        return strerror(error);
    }
}

/* Asks the DNS for the address of a base. */
static int look_up(const struct command *c, struct ioth *stack, const char *base, uint8_t ret_addr[static 16])
{
    struct iothdns *dns = c->dns ? iothdns_init_strcfg(stack, c->dns) : iothdns_init(stack, NULL);
    struct in6_addr addr;
    int count;

    if (dns == NULL) {
        fprintf(stderr, "%s: the name servers cannot be known: %s; give one, --dns ADDR\n", c->program,
                strerror(errno));
        return EXIT_NO_ADDRESS;
    }
    count = iothdns_lookup_aaaa(dns, base, &addr, 1);
    if (count < 1)
        fprintf(stderr, "%s: the base %s: %s\n", c->program, base, why_not(count < 0 ? errno : 0));
    else
        memcpy(ret_addr, &addr, sizeof(addr));
    iothdns_fini(dns);
    return count < 1 ? EXIT_NO_ADDRESS : GO_ON;
}

/* The same, on the stack that the command line names. */
static int look_up_on_stack(const struct command *c, const char *base, uint8_t ret_addr[static 16])
{
    struct ioth *stack = NULL;
    int status;

    if (c->dnsstack != NULL) {
        ioth_set_license("GPL-3.0-or-later");
        stack = ioth_newstackc(c->dnsstack);
        if (stack == NULL) {
            fprintf(stderr, "%s: --dnsstack %s: %s\n", c->program, c->dnsstack, strerror(errno));
            return EXIT_NO_ADDRESS;
        }
    }
    status = look_up(c, stack, base, ret_addr);
    if (stack != NULL)
        ioth_delstack(stack);
    return status;
}

/* The name whose address is the base, if none is given: NULL, the name has one label. */
static const char *base_of(const char *name)
{
    const char *dot = strchr(name, '.');

    return dot != NULL && dot[1] != '\0' ? dot + 1 : NULL;
}

/* Reads the base address, or looks it up. */
static int find_base(const struct command *c, uint8_t ret_addr[static 16])
{
    const char *base = c->base ? c->base : base_of(c->name);
    uint8_t v4[4];

    if (base == NULL)
        return usage_error(
            c, "%s has no dot, behind which the name of its base would be: give one, --base BASE", c->name);
    if (c->base && inet_pton(AF_INET6, base, ret_addr) == 1)
        return GO_ON;
    if (inet_pton(AF_INET, base, v4) == 1)
        return usage_error(c, "--base %s: expected an IPv6 address or a name, this is an IPv4 address", base);
    if (strchr(base, ':') != NULL || !is_domain_name(base))
        return usage_error(c, "--base %s: this is neither an IPv6 address nor a name", base);
    return c->check_only ? GO_ON : look_up_on_stack(c, base, ret_addr);
}

static void print_address(const struct command *c, uint8_t addr[static 16])
{
    char text[INET6_ADDRSTRLEN];

    iothaddr_hash(addr, c->name, c->password, c->otip ? iothaddr_otiptime(c->period_s, 0) : 0);
    puts(inet_ntop(AF_INET6, addr, text, sizeof(text)));
}

/* Tells a full disk or a closed pipe from success. */
static int finish_output(const struct command *c, int status)
{
    if (fflush(stdout) == 0)
        return status;
    fprintf(stderr, "%s: writing the output: %s\n", c->program, strerror(errno));
    return EXIT_NO_ADDRESS;
}

int main(int argc, char *argv[])
{
    struct command c = {.program = program_invocation_short_name, .period_s = DEFAULT_PERIOD_S};
    uint8_t addr[16];
    int status;

    c.otip = strcmp(c.program, "hashaddr") != 0;
    status = take_options(&c, argc, argv);
    if (status == GO_ON)
        status = take_arguments(&c, argc - optind, argv + optind);
    if (status == GO_ON)
        status = find_base(&c, addr);
    if (status == GO_ON) {
        if (!c.check_only)
            print_address(&c, addr);
        status = 0;
    }
    free_secret(c.password);
    return finish_output(&c, status);
}
