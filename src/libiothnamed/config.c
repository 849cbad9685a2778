/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * From a file to a configuration. Each line is a directive; a table says which function reads it, and each of
 * those has a file of its own (config_stack.c, config_net.c, config_rule.c, records.c, options.c).
 *
 * Order in the file matters for rules alone: what one line says of another (nets of a rule, the TTL of a
 * record, the servers behind a fwd rule) is put together when all lines have been read. A line that is wrong
 * is reported and left out, and reading goes on, so that one run shows all errors; a thing is reported once,
 * where it is wrong, and not again where it is missed. With errors there is no configuration, and no warnings
 * about the half of it that is left.
 *
 * Everything that is kept is copied into the arena of the configuration; the text is the caller's again
 * afterwards.
 */
#include "libiothnamed/config_build.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Bytes. A million records take about 50 MB; what is larger than this was meant for another program. */
#define CONFIG_FILE_MAX (256u << 20)
/* For who writes to a pipe that we read from. */
#define PIPE_WAIT_MS 5000

static const struct directive {
    const char *keyword;
    void (*read)(struct builder *b, const struct line *line);
} directives[] = {
    {"stack", directive_stack},   {"rstack", directive_rstack}, {"fstack", directive_fstack},
    {"dns", directive_dns},       {"net", directive_net},       {"auth", directive_auth},
    {"static", directive_static}, {"option", directive_option},
};

static void read_directive(struct builder *b, const struct line *line)
{
    struct piece keyword = line->words[0].value;
    struct suggestion known;

    suggestion_init(&known, keyword.text, keyword.len);
    for (size_t i = 0; i < ARRAY_LEN(directives); i++) {
        if (word_is(keyword, directives[i].keyword)) {
            directives[i].read(b, line);
            return;
        }
        suggestion_offer(&known, directives[i].keyword);
    }
    report_unknown(b, "directive", keyword, &known);
}

static void read_lines(struct builder *b, const char *text, size_t len)
{
    struct lexer lexer = lexer_of(text, len, &b->scratch);
    struct line line;
    int more;

    while ((more = lexer_next(&lexer, b->diags, &line)) > 0 && !b->out_of_memory)
        read_directive(b, &line);
    if (more < 0)
        b->out_of_memory = true;
}

static const char *text_of(const struct config_text *t)
{
    return t->len ? t->text : NULL;
}

static void process_finish(struct builder *b)
{
    const struct config_options *o = &b->config->options;

    b->config->process = (struct daemon_config){
        .sandbox = o->sandbox,
        .user = text_of(&o->user),
        .user_at = options_place(b, "user"),
        .control = text_of(&o->control),
        .control_at = options_place(b, "control"),
        .controlgroup = text_of(&o->controlgroup),
        .controlgroup_at = options_place(b, "controlgroup"),
        .metrics = o->metrics,
    };
}

/* A file of another kind has a byte 0 sooner or later, and text has none: said once, and not each line of it. */
static bool is_text(struct builder *b, const char *text, size_t len)
{
    const char *zero = memchr(text, '\0', len);
    struct place at = {.line = 1, .column = 1};

    if (!zero)
        return true;
    for (const char *c = text; c < zero; c++) {
        at.column = *c == '\n' ? 1 : at.column + 1;
        at.line += *c == '\n';
    }
    diag_error(b->diags, at, "a byte 0: this file is no text, expected a configuration");
    return false;
}

static void build(struct builder *b, const char *text, size_t len)
{
    options_set_defaults(b);
    if (!b->out_of_memory && is_text(b, text, len))
        read_lines(b, text, len);
    if (!b->out_of_memory)
        stacks_finish(b);
    if (!b->out_of_memory)
        nets_finish(b);
    if (!b->out_of_memory)
        upstreams_finish(b);
    if (!b->out_of_memory)
        options_finish(b);
    if (!b->out_of_memory)
        records_finish(b);
    if (!b->out_of_memory && b->diags->errors == 0)
        config_check(b);
    process_finish(b);
}

/* What could be understood, be there errors or not. 0 or -ENOMEM. */
static int parse(const char *path, const char *text, size_t len, struct config **ret, struct diags *diags)
{
    struct builder b = {.config = calloc(1, sizeof(*b.config)), .diags = diags};

    if (!b.config)
        return -ENOMEM;
    b.config->path = arena_text(&b.config->arena, path, strlen(path));
    if (got_memory(&b, b.config->path))
        build(&b, text, len);
    arena_fini(&b.scratch);
    diags_sort(diags);
    if (b.out_of_memory) {
        config_free(b.config);
        return -ENOMEM;
    }
    *ret = b.config;
    return 0;
}

/* With errors there is no configuration. */
static int if_right(int e, struct config *config, unsigned errors, struct config **ret)
{
    if (e == 0 && errors == 0)
        *ret = config;
    else if (e == 0)
        config_free(config);
    return e == 0 && errors > 0 ? -EINVAL : e;
}

int config_parse(const char *path, const char *text, size_t len, struct config **ret, struct diags *diags)
{
    unsigned errors_before = diags->errors;
    struct config *config = NULL;
    int e = parse(path, text, len, &config, diags);

    return if_right(e, config, diags->errors - errors_before, ret);
}

void config_free(struct config *c)
{
    if (!c)
        return;
    for (unsigned i = 0; i < c->n_rules; i++)
        rule_wipe(&c->rules[i]);
    arena_fini(&c->arena);
    free(c);
}

/* --- the file --- */

struct file_text {
    char *bytes;
    size_t len, size;
};

/* The text holds secrets. */
static void wipe(struct file_text *file)
{
    if (file->bytes)
        explicit_bzero(file->bytes, file->len);
    free(file->bytes);
    *file = (struct file_text){0};
}

/* Room for more bytes; 0, -EFBIG or -ENOMEM. Copies by hand since realloc would leave the old text about. */
static int file_grow(struct file_text *file)
{
    struct file_text larger = {.len = file->len, .size = file->size > 0 ? file->size * 2 : 64 * 1024};

    if (file->size > CONFIG_FILE_MAX)
        return -EFBIG;
    larger.bytes = malloc(larger.size);
    if (!larger.bytes)
        return -ENOMEM;
    if (file->len > 0)
        memcpy(larger.bytes, file->bytes, file->len);
    wipe(file);
    *file = larger;
    return 0;
}

/* A pipe that nobody writes to would hold up a reload for ever. */
static int wait_for_more(int fd)
{
    struct pollfd readable = {.fd = fd, .events = POLLIN};
    int n = poll(&readable, 1, PIPE_WAIT_MS);

    return n > 0 ? 0 : n == 0 ? -ETIMEDOUT : -errno;
}

static int read_all(int fd, struct file_text *file)
{
    for (;;) {
        int error = file->len == file->size ? file_grow(file) : 0;
        if (error == 0)
            error = wait_for_more(fd);
        if (error < 0)
            return error;
        ssize_t n = read(fd, file->bytes + file->len, file->size - file->len);
        if (n == 0)
            return 0;
        if (n < 0 && errno != EINTR && errno != EAGAIN)
            return -errno;
        if (n > 0)
            file->len += (size_t)n;
    }
}

/* What a pipe held is gone when it was read: to load it again finds nothing, which is no configuration. */
static bool is_used_up(int fd, const struct file_text *file)
{
    struct stat st;

    return file->len == 0 && (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode));
}

static int read_file(const char *path, struct file_text *file)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

    if (fd < 0)
        return -errno;
    int error = read_all(fd, file);
    if (error == 0 && is_used_up(fd, file))
        error = -ENODATA;
    close(fd);
    return error;
}

static void report_unreadable(struct diags *diags, int error)
{
    const struct place whole = {0, 0};

    if (error == EISDIR)
        diag_error(diags, whole, "is a directory, expected a configuration file");
    else if (error == ENODATA)
        diag_error(diags, whole, "gives nothing, expected a configuration; what a pipe held is read once");
    else if (error == EFBIG)
        diag_error(diags, whole, "has more than %u MiB, expected a configuration file",
                   CONFIG_FILE_MAX >> 20);
    else
        diag_error(diags, whole, "cannot be read: %s", strerrordesc_np(error));
}

int config_read(const char *path, struct config **ret, struct diags *diags)
{
    struct file_text file = {0};
    int result = read_file(path, &file);

    if (result == 0) {
        result = parse(path, file.bytes, file.len, ret, diags);
    } else if (result != -ENOMEM) {
        report_unreadable(diags, -result);
        diags_sort(diags);
        result = -EINVAL;
    }
    wipe(&file);
    return result;
}

int config_load(const char *path, struct config **ret, struct diags *diags)
{
    unsigned errors_before = diags->errors;
    struct config *config = NULL;
    int e = config_read(path, &config, diags);

    return if_right(e, config, diags->errors - errors_before, ret);
}

int config_path(const struct config *c, const char *name, char *ret, size_t size)
{
    const char *slash = strrchr(c->path, '/');
    int folder_len = name[0] == '/' || !slash ? 0 : (int)(slash - c->path) + 1;

    return (size_t)snprintf(ret, size, "%.*s%s", folder_len, c->path, name) < size ? 0 : -ENAMETOOLONG;
}
