/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See daemon_options.h. getopt_long's tables are made of the rows: a long option returns OPTION_BASE and the place of its
 * row, a short one its letter. Nothing is understood here but the options that all daemons have; a value that is wrong is
 * found when the words are read (daemon_options_load), at the start and again on each reload.
 */
#include "io/daemon_options.h"

#include "io/daemon.h"
#include "io/rcfile.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    ROWS_MAX = 96,
    OWN_OPTIONS = 3,
    OPTION_BASE = 1000,
    OPTION_CHECK = OPTION_BASE + ROWS_MAX,
    OPTION_VERSION
};

/* --- help --- */

static void print_option(char letter, const char *name, const char *value, const char *help)
{
    enum { COLUMN = 30 };
    char left[80];

    snprintf(left, sizeof(left), "%c%c%c --%s%s%s", letter ? '-' : ' ', letter ? letter : ' ',
             letter ? ',' : ' ', name, value ? " " : "", value ? value : "");
    if (strlen(left) <= COLUMN)
        printf("  %-*s %s\n", COLUMN, left, help);
    else
        printf("  %s\n  %-*s %s\n", left, COLUMN, "", help);
}

static void print_help(const struct daemon_usage *usage, const char *program)
{
    const char check[] = {'-', usage->check_letter, '\0'};
    const struct rc_row *row;

    printf("usage: %s %s\n"
           "       %s %s %s    check only\n"
           "\n"
           "%s\n"
           "\n",
           program, usage->synopsis, program, usage->check_letter ? check : "--check", usage->synopsis,
           usage->summary);
    for (size_t i = 0; (row = rc_row_at(usage->rows, i)); i++)
        print_option(row->letter, row->name, row->value, row->help);
    print_option(usage->check_letter, "check", NULL, "check everything that was said, and exit");
    print_option('h', "help", NULL, "this text");
    print_option('\0', "version", NULL, "the version");
    printf("\n%s", usage->notes);
}

/* --- reading --- */

static _Noreturn void wrong_usage(const char *program, const char *what)
{
    fprintf(stderr, "%s: %s. Try '%s --help'.\n", program, what, program);
    exit(EXIT_USAGE);
}

bool daemon_add_word(struct daemon_options *o, const char *name, const char *value)
{
    if (o->n_words == DAEMON_WORDS_MAX)
        return false;
    o->words[o->n_words++] = (struct daemon_word){name, value};
    return true;
}

/* What getopt_long wants. */
struct tables {
    struct option options[ROWS_MAX + OWN_OPTIONS + 1];
    char letters[2 * ROWS_MAX + 4];
};

static void add_letter(struct tables *t, char letter, bool has_value)
{
    size_t len = strlen(t->letters);

    if (!letter)
        return;
    t->letters[len] = letter;
    t->letters[len + 1] = has_value ? ':' : '\0';
}

static void make_tables(const struct daemon_usage *usage, struct tables *t)
{
    const struct rc_row *row;
    size_t n = 0;

    for (; (row = rc_row_at(usage->rows, n)) && n < ROWS_MAX; n++) {
        t->options[n] = (struct option){row->name, row->value ? required_argument : no_argument, NULL,
                                        OPTION_BASE + (int)n};
        add_letter(t, row->letter, row->value);
    }
    t->options[n++] = (struct option){"check", no_argument, NULL, OPTION_CHECK};
    t->options[n++] = (struct option){"help", no_argument, NULL, 'h'};
    t->options[n] = (struct option){"version", no_argument, NULL, OPTION_VERSION};
    add_letter(t, usage->check_letter, false);
    add_letter(t, 'h', false);
}

static const struct rc_row *row_of(struct rc_rows rows, int option)
{
    const struct rc_row *row;

    if (option >= OPTION_BASE)
        return rc_row_at(rows, (size_t)(option - OPTION_BASE));
    for (size_t i = 0; (row = rc_row_at(rows, i)); i++)
        if (row->letter == option)
            return row;
    return NULL;
}

static bool is_secret(const struct daemon_options *o, const char *name)
{
    return o->secret && strcmp(o->secret, name) == 0;
}

/* Moves it out of the arguments, which everybody can read. */
static const char *hide(char *seen)
{
    char *copy = strdup(seen);

    explicit_bzero(seen, strlen(seen));
    return copy;
}

static void take_row(struct daemon_options *o, const struct rc_row *row, char *value)
{
    if (!row) {
        fprintf(stderr, "Try '%s --help'.\n", o->program);
        exit(EXIT_USAGE);
    }
    if (strcmp(row->name, "rcfile") == 0) {
        free(o->rcfile);
        o->rcfile = daemon_lasting_path(value);
    } else if (!daemon_add_word(o, row->name,
                                is_secret(o, row->name) ? hide(value)
                                : row->value            ? value
                                                        : NULL)) {
        wrong_usage(o->program, "too many options");
    }
}

static void take_option(const struct daemon_usage *usage, struct daemon_options *o, int option)
{
    if (option == OPTION_CHECK || (usage->check_letter && option == usage->check_letter)) {
        o->check = true;
    } else if (option == 'h') {
        print_help(usage, o->program);
        exit(EXIT_SUCCESS);
    } else if (option == OPTION_VERSION) {
        printf("%s %s\n", o->program, usage->version);
        exit(EXIT_SUCCESS);
    } else {
        take_row(o, row_of(usage->rows, option), optarg);
    }
}

/* Who takes a letter for one without a value has given it the next option as one: -n is --check of some services alone. */
static void say_extra(const struct daemon_options *o, const char *word, char *what, size_t what_size)
{
    const struct daemon_word *taken = NULL;

    for (unsigned i = 0; i < o->n_words && !taken; i++)
        if (o->words[i].value && o->words[i].value[0] == '-' && !is_secret(o, o->words[i].name))
            taken = &o->words[i];
    if (taken)
        snprintf(
            what, what_size,
            "'%.40s' stands behind the options, where nothing is expected: '%.40s' was taken as the value of "
            "--%s; to check a configuration say --check",
            word, taken->value, taken->name);
    else
        snprintf(what, what_size, "'%.40s' stands behind the options, where nothing is expected", word);
}

void daemon_options_read(const struct daemon_usage *usage, int argc, char **argv, struct daemon_options *ret)
{
    const char *slash = argc > 0 ? strrchr(argv[0], '/') : NULL, *wrong = NULL;
    struct tables tables = {0};
    char extra[256];
    int option;

    *ret = (struct daemon_options){.program = slash ? slash + 1 : argv[0], .secret = usage->secret};
    make_tables(usage, &tables);
    while ((option = getopt_long(argc, argv, tables.letters, tables.options, NULL)) != -1)
        take_option(usage, ret, option);
    if (usage->operands) {
        wrong = usage->operands(ret, argc - optind, argv + optind);
    } else if (optind < argc) {
        say_extra(ret, argv[optind], extra, sizeof(extra));
        wrong = extra;
    }
    if (wrong)
        wrong_usage(ret->program, wrong);
}

void daemon_options_fini(struct daemon_options *o)
{
    for (unsigned i = 0; i < o->n_words; i++) {
        char *secret = is_secret(o, o->words[i].name) ? (char *)o->words[i].value : NULL;
        if (secret)
            explicit_bzero(secret, strlen(secret));
        free(secret);
    }
    free(o->rcfile);
    *o = (struct daemon_options){.program = o->program};
}

/* --- what was said --- */

static const struct daemon_word *last_word(const struct daemon_options *o, const char *name)
{
    for (unsigned i = o->n_words; i > 0; i--)
        if (strcmp(o->words[i - 1].name, name) == 0)
            return &o->words[i - 1];
    return NULL;
}

bool daemon_says(const struct daemon_options *o, const char *name)
{
    return last_word(o, name) != NULL;
}

const char *daemon_value(const struct daemon_options *o, const char *name)
{
    const struct daemon_word *word = last_word(o, name);

    return word ? word->value : NULL;
}

static int load_file(const struct daemon_options *o, const struct rc_reader *reader, char *why,
                     size_t why_size)
{
    char *text = NULL;
    size_t len = 0;
    int e = rc_read_file(o->rcfile, &text, &len);

    if (e < 0) {
        snprintf(why, why_size, "cannot read %s: %s", o->rcfile,
                 e == -EBADMSG ? "there is a NUL in it, expected lines of text" : strerror(-e));
        return e;
    }
    e = rc_read_text(reader, o->rcfile, text, len, why, why_size);
    free(text);
    return e;
}

int daemon_options_load(const struct daemon_options *o, const struct rc_reader *reader, char *why,
                        size_t why_size)
{
    static const char otherwise[] = "out of memory"; /* here, or in what the caller makes of it */
    int e = 0;

    snprintf(why, why_size, "%s", otherwise);
    if (o->rcfile)
        e = load_file(o, reader, why, why_size);
    for (unsigned i = 0; i < o->n_words && e == 0; i++)
        e = rc_read_option(reader, o->words[i].name, o->words[i].value, why, why_size);
    if (e == 0)
        snprintf(why, why_size, "%s", otherwise);
    return e;
}
