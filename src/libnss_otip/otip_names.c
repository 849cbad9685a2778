/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * From a name to its address and back, by what the files say.
 *
 * Each call reads the files from their beginning, and secrets only when a line needs one: the file of a line that matches. So
 * nothing is kept: no cache whose lock another thread could hold across a fork, no secret that stays in the memory of a
 * browser, and a change of a file counts from the next look-up on. It costs three or four system calls more than a look-up in
 * /etc/hosts does.
 *
 * The first line that matches decides, in the order of the files and of their lines. A line that is wrong is passed over; a
 * line that matches and whose secret cannot be had ends the search with an error: another address for that name, or a question
 * about it to somebody else, would be wrong.
 *
 * The address is that of the current epoch to the very end of it. With windows of the same length before and after, as the
 * proxy has them, it is open for just that long on both sides, so it is the one that bears most from clocks that differ;
 * docs/OTIP.md has the table.
 */
#include "libnss_otip/otip_names.h"

#include "libiothaddr/hashname.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int say(char why[static OTIP_WHY_MAX], int err, const char *text)
{
    snprintf(why, OTIP_WHY_MAX, "%s", text);
    return err;
}

/* The path of a line's file, which is looked for in the folder of the file that names it. */
static int path_of(const char *conf_path, const struct otip_conf_line *line,
                   char path[static OTIP_NAMES_PATH_MAX])
{
    const char *slash = strrchr(conf_path, '/');
    size_t folder_len = slash && line->file[0] != '/' ? (size_t)(slash - conf_path) + 1 : 0;

    if (folder_len + line->file_len >= OTIP_NAMES_PATH_MAX)
        return -ENAMETOOLONG;
    memcpy(path, conf_path, folder_len);
    memcpy(path + folder_len, line->file, line->file_len);
    path[folder_len + line->file_len] = '\0';
    return 0;
}

/* An otip for a name, with the secret of a line, whose file is in `path` then. */
static int make_otip(const char *conf_path, const struct otip_conf_line *line, const char *name,
                     size_t name_len, struct otip **ret, char path[static OTIP_NAMES_PATH_MAX],
                     char why[static OTIP_WHY_MAX])
{
    char text[OTIP_NAMES_NAME_MAX + 1];
    char password[OTIP_PASSWORD_MAX + 1];
    uint8_t key[OTIP_KEY_LEN];
    struct otip_setup setup = {.name = text, .base = line->base, .period_s = line->period_s};
    int err = path_of(conf_path, line, path);

    if (err)
        return say(why, err, "the path of its file is too long");
    memcpy(text, name, name_len);
    text[name_len] = '\0';
    if (line->kind == OTIP_CONF_OTIP) {
        setup.generation = OTIP1;
        setup.password = password;
        err = otip_password_read(path, password, why);
    } else {
        setup.generation = OTIP2;
        setup.prefix_len = line->prefix_len;
        setup.key = key;
        err = otip_key_read(path, key, why);
    }
    if (err == 0) {
        err = otip_new(&setup, ret);
        if (err)
            say(why, err, strerrordesc_np(-err));
    }
    explicit_bzero(password, sizeof(password));
    explicit_bzero(key, sizeof(key));
    return err;
}

static uint32_t rest_of_epoch(const struct otip *o, uint64_t epoch, int64_t wall_s)
{
    int64_t rest = otip_epoch_start(o, epoch + 1) - wall_s;

    return rest >= 1 && rest <= OTIP_CONF_PERIOD_MAX ? (uint32_t)rest : 1;
}

int otip_names_address(const char *conf_path, const struct otip_conf_line *line, const char *name,
                       size_t name_len, int64_t wall_s, struct otip_names_answer *ret,
                       char why[static OTIP_WHY_MAX])
{
    struct otip *o;
    int err;

    ret->secret[0] = '\0';
    if (line->kind == OTIP_CONF_HASH) {
        ret->addr = line->base;
        iothaddr_hash_bytes(ret->addr.b, name, name_len, NULL, 0);
        ret->ttl_s = OTIP_NAMES_HASH_TTL;
        return 0;
    }
    err = make_otip(conf_path, line, name, name_len, &o, ret->secret, why);
    if (err)
        return err;
    uint64_t epoch = otip_epoch(o, wall_s);
    otip_address(o, epoch, &ret->addr);
    ret->ttl_s = rest_of_epoch(o, epoch, wall_s);
    otip_free(o);
    return 0;
}

bool otip_names_is_passing(int err)
{
    return err == -ENOMEM || err == -EMFILE || err == -ENFILE || err == -EIO;
}

/* What find and reverse do with each line that is right: 1: go on, else the result of all. */
typedef int (*line_function)(void *arg, unsigned file, const char *path, const struct otip_conf_line *line);

static int each_line_of(const struct otip_names_files *files, unsigned file, line_function function,
                        void *arg)
{
    char why[OTIP_WHY_MAX], *text;
    struct otip_conf_error error;
    struct otip_conf_line line;
    size_t len;
    int result = 1, got;

    int err = otip_names_read(files->path[file], &text, &len, why);
    if (err < 0)
        return otip_names_is_passing(err) ? err : 1;
    struct otip_conf conf = {text, text + len, 0};
    while (result == 1 && (got = otip_conf_next(&conf, &line, &error)) != 0)
        if (got == 1)
            result = function(arg, file, files->path[file], &line);
    free(text);
    return result;
}

static int each_line(const struct otip_names_files *files, line_function function, void *arg)
{
    int result = 1;

    for (unsigned file = 0; file < files->count && result == 1; file++)
        result = each_line_of(files, file, function, arg);
    return result == 1 ? -ENOENT : result;
}

struct search {
    const char *name;
    size_t name_len;
    int64_t wall_s;
    struct otip_names_answer *answer;
    char *why;
};

static int find_in_line(void *arg, unsigned file, const char *path, const struct otip_conf_line *line)
{
    const struct search *s = arg;

    if (!otip_conf_match(line, s->name, s->name_len))
        return 1;
    s->answer->file = file;
    s->answer->line = line->number;
    s->answer->keyword = line->keyword;
    int err = otip_names_address(path, line, s->name, s->name_len, s->wall_s, s->answer, s->why);
    return err == -ENOENT ? -EACCES
                          : err; /* there is such a name; what is not there is a file of its secret */
}

int otip_names_find(const struct otip_names_files *files, const char *name, size_t name_len, int64_t wall_s,
                    struct otip_names_answer *ret, char why[static OTIP_WHY_MAX])
{
    struct search search = {name, name_len, wall_s, ret, why};

    return each_line(files, find_in_line, &search);
}

struct reverse {
    struct ipaddr addr;
    int64_t wall_s;
    char *name;
    uint32_t ttl_s;
    unsigned file, compared; /* lines of that file */
};

/* The address is one of the three epochs of this otip; *ret_ttl_s until the end of the current one. */
static bool is_near(const struct otip *o, const struct ipaddr *addr, int64_t wall_s, uint32_t *ret_ttl_s)
{
    uint64_t now = otip_epoch(o, wall_s);
    struct ipaddr candidate;

    *ret_ttl_s = rest_of_epoch(o, now, wall_s);
    for (uint64_t epoch = now > 0 ? now - 1 : 0; epoch <= now + 1; epoch++) {
        otip_address(o, epoch, &candidate);
        if (ipaddr_equal(&candidate, addr))
            return true;
    }
    return false;
}

/* The address may be one of this line's name. */
static bool line_has(const char *path, const struct otip_conf_line *line, struct reverse *r)
{
    char secret[OTIP_NAMES_PATH_MAX], why[OTIP_WHY_MAX];
    struct otip *o;

    if (!ipaddr_same_prefix(&line->base, &r->addr, line->prefix_len))
        return false; /* which needs no secret */
    if (line->kind == OTIP_CONF_HASH) {
        struct otip_names_answer answer;
        if (otip_names_address(path, line, line->name, line->name_len, r->wall_s, &answer, why) < 0)
            return false;
        r->ttl_s = answer.ttl_s;
        return ipaddr_equal(&answer.addr, &r->addr);
    }
    if (make_otip(path, line, line->name, line->name_len, &o, secret, why) < 0)
        return false;
    bool found = is_near(o, &r->addr, r->wall_s, &r->ttl_s);
    otip_free(o);
    return found;
}

static int reverse_in_line(void *arg, unsigned file, const char *path, const struct otip_conf_line *line)
{
    struct reverse *r = arg;

    if (file != r->file)
        r->compared = 0;
    r->file = file;
    if (line->below || r->compared >= OTIP_NAMES_REVERSE_MAX)
        return 1;
    r->compared++;
    if (!line_has(path, line, r))
        return 1;
    for (size_t i = 0; i < line->name_len; i++) {
        char c = line->name[i];
        r->name[i] = c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
    }
    r->name[line->name_len] = '\0';
    return 0;
}

int otip_names_reverse(const struct otip_names_files *files, const struct ipaddr *addr, int64_t wall_s,
                       char ret_name[static OTIP_NAMES_NAME_MAX + 1], uint32_t *ret_ttl_s)
{
    struct reverse r = {.addr = *addr, .wall_s = wall_s, .name = ret_name};
    int err = each_line(files, reverse_in_line, &r);

    if (err == 0)
        *ret_ttl_s = r.ttl_s;
    return err;
}
