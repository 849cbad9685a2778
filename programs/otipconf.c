/* SPDX-License-Identifier: GPL-3.0-or-later */
/* otipconf: what otip.conf(5) says. Without names it checks the files, and says what is wrong with them and with the secrets
   that they name; with names it tells the address of each, and which line says so.

   The module for the C library is silent, as it must be inside other people's programs; this program does the same with the
   same functions, as the same user, and talks. It never prints a secret, and no byte that a terminal takes for a command.

   Exit status: 0, all is well; 1, a file or a line is wrong, or a name has no address here; 2, the command line is wrong. */
#include "libnss_otip/otip_names.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    EXIT_WRONG = 1,
    EXIT_USAGE = 2,
    OPT_VERSION = 256,
    OPT_CHECK,
};

#define TRY_HELP "Try 'otipconf --help'.\n"

static const char help[] =
    "usage: otipconf [--check] [-f FILE]... [NAME]...\n"
    "Checks the files of otip.conf(5), or tells the addresses that names have by them.\n"
    "  -f, --file FILE   this file, and not the user's own and /etc/otip.conf; may repeat\n"
    "      --check       say nothing but what is wrong\n"
    "  -h, --help        this text\n"
    "      --version     the version\n";

static const struct option long_options[] = {
    {"file", required_argument, NULL, 'f'},
    {"check", no_argument, NULL, OPT_CHECK},
    {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, OPT_VERSION},
    {NULL, 0, NULL, 0},
};

/* Prints words of a file or of the command line as names are written (RFC 1035 s5.1), \DDD for what is no printable ASCII. */
static void print_shown(FILE *out, const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text[i];

        fprintf(out, c < ' ' || c >= 0x7f ? "\\%03u" : "%c", c);
    }
}

/* Says that an address cannot be known: the line that is about it, the file of its secret, and why. */
static void print_unknown(const char *path, unsigned line, const char *keyword,
                          const struct otip_names_answer *answer, const char *why)
{
    const char *about = answer->secret[0] != '\0' ? answer->secret : keyword;

    fprintf(stderr, "%s:%u: ", path, line);
    print_shown(stderr, about, strlen(about));
    fprintf(stderr, ": %s\n", why);
}

/* A line that can be read: whether its address can be computed, which needs its secret. */
static int check_line(const char *path, const struct otip_conf_line *line, bool quiet)
{
    static const char below[] = "a.";
    char name[OTIP_NAMES_NAME_MAX + sizeof(below)], why[OTIP_WHY_MAX], text[IPADDR_STRLEN];
    struct otip_names_answer answer;
    int len =
        snprintf(name, sizeof(name), "%s%.*s", line->below ? below : "", (int)line->name_len, line->name);

    if (len > OTIP_NAMES_NAME_MAX)
        return 0; /* names below it are longer than names may be */
    if (otip_names_address(path, line, name, (size_t)len, time(NULL), &answer, why) < 0) {
        print_unknown(path, line->number, line->keyword, &answer, why);
        return EXIT_WRONG;
    }
    if (quiet)
        return 0;
    printf("%s:%u: %s %s", path, line->number, line->keyword, line->below ? "." : "");
    print_shown(stdout, line->name, line->name_len);
    if (!line->below)
        printf(" %s", ipaddr_format(&answer.addr, text));
    putchar('\n');
    return 0;
}

static int check_text(const char *path, const char *text, size_t len, bool quiet)
{
    struct otip_conf conf = {text, text + len, 0};
    struct otip_conf_error error;
    struct otip_conf_line line;
    int status = 0, got;

    while ((got = otip_conf_next(&conf, &line, &error)) != 0) {
        if (got == 1) {
            status |= check_line(path, &line, quiet);
            continue;
        }
        fprintf(stderr, "%s:%u:%u: %s\n", path, error.line, error.column, error.text);
        status = EXIT_WRONG;
    }
    return status;
}

/* Checks a file. One that is not there is no mistake unless the command line names it. */
static int check_file(const char *path, bool is_wanted, bool quiet)
{
    char why[OTIP_WHY_MAX], *text;
    size_t len;
    int err = otip_names_read(path, &text, &len, why);

    if (err == -ENOENT && !is_wanted) {
        if (!quiet)
            printf("%s: there is no such file\n", path);
        return 0;
    }
    if (err < 0) {
        fprintf(stderr, "%s: %s\n", path, why);
        return EXIT_WRONG;
    }
    int status = check_text(path, text, len, quiet);
    free(text);
    return status;
}

static int tell_name(const struct otip_names_files *files, const char *name, bool quiet)
{
    size_t len = otip_conf_name_len(name, strlen(name));
    char why[OTIP_WHY_MAX], text[IPADDR_STRLEN];
    struct otip_names_answer a = {0};
    int err = len > 0 ? otip_names_find(files, name, len, time(NULL), &a, why) : -EINVAL;
    FILE *out = err < 0 ? stderr : stdout;

    if (err == 0 && quiet)
        return 0;
    print_shown(out, name, strlen(name));
    if (len == 0)
        fputs(": this is no domain name: at most 253 bytes, its labels 1 to 63\n", out);
    else if (err == -ENOENT)
        fputs(": no line is about this name\n", out);
    else if (err < 0 && !a.keyword) /* a file that could not be read now */
        fprintf(out, ": %s\n", strerror(-err));
    else if (err < 0) {
        fputs(": ", out);
        print_unknown(files->path[a.file], a.line, a.keyword, &a, why);
    } else
        fprintf(out, " %s for %u s, %s:%u: %s\n", ipaddr_format(&a.addr, text), a.ttl_s, files->path[a.file],
                a.line, a.keyword);
    return len == 0 ? EXIT_USAGE : err < 0 ? EXIT_WRONG : 0;
}

static int add_file(struct otip_names_files *files, const char *path)
{
    if (files->count == OTIP_NAMES_FILES || strlen(path) >= OTIP_NAMES_PATH_MAX) {
        fprintf(stderr, "otipconf: --file %s: there are too many files, or its path is too long\n" TRY_HELP,
                path);
        return EXIT_USAGE;
    }
    strcpy(files->path[files->count++], path);
    return 0;
}

/* Reads the options. -1: go on; else the exit status. */
static int take_options(int argc, char *argv[], struct otip_names_files *files, bool *ret_quiet)
{
    int option;

    while ((option = getopt_long(argc, argv, "f:h", long_options, NULL)) != -1) {
        switch (option) {
        case 'f':
            if (add_file(files, optarg) != 0)
                return EXIT_USAGE;
            break;
        case OPT_CHECK:
            *ret_quiet = true;
            break;
        case 'h':
            fputs(help, stdout);
            return 0;
        case OPT_VERSION:
            printf("otipconf %s\n", IOTH_VERSION);
            return 0;
        default: /* getopt_long() has said what is wrong */
            fputs(TRY_HELP, stderr);
            return EXIT_USAGE;
        }
    }
    return -1;
}

int main(int argc, char *argv[])
{
    struct otip_names_files files = {.count = 0};
    bool quiet = false;
    int status = take_options(argc, argv, &files, &quiet);
    bool named = files.count > 0;

    if (status >= 0)
        return status;
    if (!named)
        otip_names_files_usual(&files);
    status = 0;
    for (unsigned i = 0; i < files.count && optind == argc; i++)
        status |= check_file(files.path[i], named, quiet);
    for (int i = optind; i < argc && status != EXIT_USAGE; i++)
        status |= tell_name(&files, argv[i], quiet);
    if (fflush(stdout) == 0)
        return status;
    fprintf(stderr, "otipconf: writing the output: %s\n", strerror(errno));
    return EXIT_WRONG;
}
