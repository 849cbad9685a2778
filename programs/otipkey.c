/* SPDX-License-Identifier: GPL-3.0-or-later */
/* otipkey: makes the keys of one-time addresses of the second generation (docs/OTIP2.md).

   A new key is 32 bytes of the system's random source. With --user it is the key of one user of a master key, with
   --name one made of a password, and with --fingerprint the files that are there are only called by their names. A file
   that is there already is never written over; each file that was made is listed with its fingerprint, by which people
   see that both ends have the same key.

   Exit status: 0, done; 1, it cannot be done; 2, the command line is wrong. */
#include "libotip/otip_file.h"
#include "libotip/otip_key.h"
#include "libotip/otip_password.h"
#include "libotip/otip_terminal.h"
#include "wire/dname.h"

#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

enum {
    EXIT_NO_KEY = 1,
    EXIT_USAGE = 2,
    GO_ON = -1, /* what to do after a part of the command line: exit with a status from 0 on, or this */
};

struct command {
    const char *program;
    const char *user;        /* NULL: not said, as all */
    const char *name;        /* a key of a password, for this name */
    const char *passwd_file; /* where that stands; NULL: ask */
    bool fingerprint, check_only;
    char **files;
    int n_files;
};

static const char usage_text[] =
    "usage: %1$s FILE\n"
    "       %1$s --user LABEL MASTER FILE\n"
    "       %1$s --name NAME [--passwd-file PASSWD] FILE\n"
    "       %1$s --fingerprint FILE...\n"
    "Makes a key of one-time addresses, in a new file, and prints its fingerprint.\n"
    "  -u, --user LABEL        the key of one user, derived from the master key in the file MASTER\n"
    "  -n, --name NAME         the key that a password gives for NAME, as otipaddr --v2 has it\n"
    "      --passwd-file PASSWD  the file with that password (also --passwdfile); if not\n"
    "                          given it is asked for on the terminal\n"
    "  -f, --fingerprint       print the fingerprints of keys that are there\n"
    "      --check             check the command line and the files, and make nothing\n"
    "  -h, --help              this text\n"
    "      --version           the version\n";

enum {
    OPT_CHECK = 256,
    OPT_PASSWD_FILE,
    OPT_VERSION,
};

static const struct option long_options[] = {
    {"user", required_argument, NULL, 'u'},
    {"name", required_argument, NULL, 'n'},
    {"passwd-file", required_argument, NULL, OPT_PASSWD_FILE},
    {"passwdfile", required_argument, NULL, OPT_PASSWD_FILE}, /* as otip_rproxy has it */
    {"fingerprint", no_argument, NULL, 'f'},
    {"check", no_argument, NULL, OPT_CHECK},
    {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, OPT_VERSION},
    {NULL, 0, NULL, 0},
};

/* Says what is wrong with the command line. Returns EXIT_USAGE. */
PRINTF_LIKE(2, 3) static int usage_error(const struct command *c, const char *format, ...)
{
    va_list args;

    fprintf(stderr, "%s: ", c->program);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fprintf(stderr, "\nTry '%s --help'.\n", c->program);
    return EXIT_USAGE;
}

static int take_option(struct command *c, int option)
{
    switch (option) {
    case 'u':
        c->user = optarg;
        return GO_ON;
    case 'n':
        c->name = optarg;
        return GO_ON;
    case OPT_PASSWD_FILE:
        c->passwd_file = optarg;
        return GO_ON;
    case 'f':
        c->fingerprint = true;
        return GO_ON;
    case OPT_CHECK:
        c->check_only = true;
        return GO_ON;
    case 'h':
        printf(usage_text, c->program);
        return 0;
    case OPT_VERSION:
        printf("%s %s\n", c->program, IOTH_VERSION);
        return 0;
    default: /* getopt_long() has said what is wrong */
        fprintf(stderr, "Try '%s --help'.\n", c->program);
        return EXIT_USAGE;
    }
}

static int check_command(const struct command *c)
{
    int wanted = c->user ? 2 : 1;

    if (!!c->user + !!c->name + c->fingerprint > 1)
        return usage_error(c, "--user, --name and --fingerprint are three ways to call it, not one");
    if (c->passwd_file && !c->name)
        return usage_error(c, "--passwd-file is for --name");
    if (c->n_files < wanted)
        return usage_error(c, c->user ? "--user takes two files, MASTER and the new one"
                                      : "the file is missing");
    if (c->n_files > wanted && !c->fingerprint)
        return usage_error(c, "there are more files than %s",
                           c->user ? "MASTER and the new one" : "the new one");
    return GO_ON;
}

/* Says what is wrong with a file. Returns EXIT_NO_KEY. */
static int file_error(const struct command *c, const char *path, const char *why)
{
    fprintf(stderr, "%s: %s: %s\n", c->program, path, why);
    return EXIT_NO_KEY;
}

static void print_fingerprint(const char *path, const uint8_t key[static OTIP_KEY_LEN])
{
    char fingerprint[OTIP_FINGERPRINT_LEN + 1];

    otip_key_fingerprint(key, fingerprint);
    printf("%s  %s\n", fingerprint, path);
}

static int print_fingerprints(const struct command *c)
{
    uint8_t key[OTIP_KEY_LEN];
    char why[OTIP_WHY_MAX];
    int status = GO_ON;

    for (int i = 0; i < c->n_files; i++) {
        if (otip_key_read(c->files[i], key, why) < 0)
            status = file_error(c, c->files[i], why);
        else if (!c->check_only)
            print_fingerprint(c->files[i], key);
    }
    explicit_bzero(key, sizeof(key));
    return status;
}

static int key_of_user(const struct command *c, uint8_t key[static OTIP_KEY_LEN])
{
    char why[OTIP_WHY_MAX];

    if (otip_key_read(c->files[0], key, why) < 0)
        return file_error(c, c->files[0], why);
    if (otip_key_of_user(key, c->user, key) < 0)
        return usage_error(c, "--user: expected 1 to %d bytes without control characters", OTIP_USER_MAX);
    return GO_ON;
}

static int read_password(const struct command *c, char password[static OTIP_PASSWORD_MAX + 1])
{
    char why[OTIP_WHY_MAX];

    if (c->passwd_file)
        return otip_password_read(c->passwd_file, password, why) < 0 ? file_error(c, c->passwd_file, why)
                                                                     : GO_ON;
    if (otip_password_ask(STDIN_FILENO, "Password: ", password, why) < 0)
        return file_error(c, "the password", why);
    return GO_ON;
}

static int key_of_password(const struct command *c, uint8_t key[static OTIP_KEY_LEN])
{
    char password[OTIP_PASSWORD_MAX + 1];
    uint8_t wire[DNAME_MAX];
    int status, err;

    if (dname_from_text(c->name, strlen(c->name), wire) < 0)
        return usage_error(c, "--name %s: this is not a domain name", c->name);
    if (!c->passwd_file && !isatty(STDIN_FILENO))
        return usage_error(c, "the password is missing: --passwd-file, or a terminal to ask at");
    if (!c->passwd_file && c->check_only)
        return GO_ON;
    status = read_password(c, password);
    if (status != GO_ON)
        return status;
    err = otip_key_of_password(password, c->name, key);
    explicit_bzero(password, sizeof(password));
    if (err == -EINVAL)
        return usage_error(c, "--name %s: this is not a domain name", c->name);
    return err ? file_error(c, "Argon2", strerror(-err)) : GO_ON;
}

static int key_of_chance(const struct command *c, uint8_t key[static OTIP_KEY_LEN])
{
    if (getrandom(key, OTIP_KEY_LEN, 0) == OTIP_KEY_LEN) /* whole, up to 256 bytes: getrandom(2) */
        return GO_ON;
    return file_error(c, "the random source", strerror(errno));
}

static int make_key(const struct command *c)
{
    const char *path = c->files[c->n_files - 1];
    uint8_t key[OTIP_KEY_LEN];
    char why[OTIP_WHY_MAX];
    int status = c->user ? key_of_user(c, key) : c->name ? key_of_password(c, key) : key_of_chance(c, key);

    if (status == GO_ON) {
        int err = c->check_only ? otip_key_may_write(path, why) : otip_key_write(path, key, why);

        if (err < 0)
            status = file_error(c, path, why);
        else if (!c->check_only)
            print_fingerprint(path, key);
    }
    explicit_bzero(key, sizeof(key));
    return status;
}

int main(int argc, char *argv[])
{
    struct command c = {.program = program_invocation_short_name};
    int status = GO_ON, option;

    while (status == GO_ON && (option = getopt_long(argc, argv, "u:n:fh", long_options, NULL)) != -1)
        status = take_option(&c, option);
    c.files = argv + optind;
    c.n_files = argc - optind;
    if (status == GO_ON)
        status = check_command(&c);
    if (status == GO_ON)
        status = c.fingerprint ? print_fingerprints(&c) : make_key(&c);
    if (fflush(stdout) != 0)
        status = file_error(&c, "the output", strerror(errno));
    return status == GO_ON ? 0 : status;
}
