/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See control.h. The state of a client is its call: the line, cut into words where it stands, and what the command
 * keeps from turn to turn. What a command writes gets its blanks here, so no output can look like an end, whatever
 * bytes of the world are in it.
 */
#include "io/control.h"

#include "io/log.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

struct session {
    struct control_call call;
    const struct control_command *command; /* under way; NULL: the answer is call.why alone, or help */
    char line[CONTROL_LINE_MAX];
    bool help;
};

/* --- a request --- */

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

/* Cuts the line into words. False: too many, or bytes that are no text. */
static bool cut(struct session *s)
{
    struct control_call *call = &s->call;
    bool inside = false;
    call->n_words = 0;
    for (char *c = s->line; *c; c++) {
        if (!is_blank(*c) && (*c < ' ' || *c > 126))
            return false;
        if (is_blank(*c)) {
            *c = '\0';
            inside = false;
        } else if (!inside) {
            if (call->n_words == CONTROL_WORDS_MAX)
                return false;
            call->words[call->n_words++] = c;
            inside = true;
        }
    }
    return call->n_words > 0;
}

static const struct control_command *find_in(const struct control_command *commands, const char *name)
{
    for (const struct control_command *command = commands; command && command->name; command++)
        if (strcmp(command->name, name) == 0)
            return command;
    return NULL;
}

/* ret_arg: whose command it is. */
static const struct control_command *find(const struct control *c, const char *name, void **ret_arg)
{
    const struct control_command *own = find_in(c->more, name);

    *ret_arg = own ? c->more_arg : c->arg;
    return own ? own : find_in(c->commands, name);
}

/* Finds out what the line wants; call.why says it if it cannot be had. */
static void understand(const struct control *c, struct session *s)
{
    struct control_call *call = &s->call;
    call->why[0] = '\0';
    call->turn = 0;
    s->command = NULL;
    s->help = false;
    if (!cut(s)) {
        snprintf(call->why, sizeof(call->why), "this is no command; try 'help'");
        return;
    }
    s->help = strcmp(call->words[0], "help") == 0;
    if (s->help)
        return;
    const struct control_command *command = find(c, call->words[0], &call->arg);
    if (!command)
        snprintf(call->why, sizeof(call->why), "unknown command '%.32s'; try 'help'", call->words[0]);
    else if (call->n_words - 1 < command->min_words || call->n_words - 1 > command->max_words)
        snprintf(call->why, sizeof(call->why), "usage: %s%s%s", command->name, *command->synopsis ? " " : "",
                 command->synopsis);
    else
        s->command = command;
}

static unsigned peer_uid(int fd)
{
    struct ucred peer;
    socklen_t len = sizeof(peer);
    return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0 ? peer.uid : (unsigned)-1;
}

static int take_request(struct serve_client *client, const char *bytes, size_t len)
{
    struct session *s = client->state;
    const struct control *c = client->service->arg;
    const char *end = memchr(bytes, '\n', len);
    if (!end && len < CONTROL_LINE_MAX)
        return 0;
    if (!end) {
        text_puts(&client->out, "error the line is too long\n");
        return -EMSGSIZE;
    }
    size_t line_len = (size_t)(end - bytes);
    memcpy(s->line, bytes, line_len);
    s->line[line_len] = '\0';
    s->call.uid = peer_uid(client->fd);
    if (memchr(s->line, '\0', line_len))
        s->line[0] = '\0';
    understand(c, s);
    return (int)line_len + 1;
}

/* --- its answer --- */

static void put_line(const struct control_command *command, struct text *out)
{
    char usage[64];
    snprintf(usage, sizeof(usage), "%s %s", command->name, command->synopsis);
    text_printf(out, "%-24s %s\n", usage, command->help);
}

static void put_help(const struct control *c, struct text *out)
{
    static const struct control_command help = {.name = "help", .synopsis = "", .help = "this list"};

    for (const struct control_command *command = c->commands; command->name; command++)
        put_line(command, out);
    for (const struct control_command *command = c->more; command && command->name; command++)
        if (!find_in(c->commands, command->name))
            put_line(command, out);
    put_line(&help, out);
}

/* Moves whole lines, each behind a blank; what has no newline at the end gets one. */
static void move_lines(struct text *out, struct text *lines)
{
    size_t at = 0;
    while (at < lines->len) {
        const char *line = lines->bytes + at, *end = memchr(line, '\n', lines->len - at);
        size_t len = end ? (size_t)(end - line) : lines->len - at;
        text_puts(out, " ");
        text_put(out, line, len);
        text_puts(out, "\n");
        at += len + 1;
    }
    out->failed |= lines->failed;
    text_fini(lines);
}

static void end_command(struct session *s)
{
    if (s->command && s->command->end)
        s->command->end(&s->call);
    s->command = NULL;
    s->call.own = NULL;
    text_fini(&s->call.out);
}

static enum serve_state answer(struct serve_client *client)
{
    struct session *s = client->state;
    enum control_result result = CONTROL_DONE;
    if (s->command)
        result = s->command->run(&s->call);
    else if (s->help)
        put_help(client->service->arg, &s->call.out);
    else
        result = CONTROL_FAILED;
    s->call.turn++;
    move_lines(&client->out, &s->call.out);
    if (result == CONTROL_MORE || result == CONTROL_WAIT)
        return result == CONTROL_MORE ? SERVE_MORE : SERVE_WAIT;
    if (result == CONTROL_DONE)
        text_puts(&client->out, "ok\n");
    else
        text_printf(&client->out, "error %s\n", s->call.why);
    end_command(s);
    return SERVE_DONE;
}

static void gone(struct serve_client *client)
{
    end_command(client->state);
}

/* A person who types needs time; nobody else is kept waiting by that. */
#define PATIENCE (300 * NSEC_PER_SEC)

enum control_result control_fail(struct control_call *call, const char *why)
{
    snprintf(call->why, sizeof(call->why), "%.*s", CONTROL_WHY_MAX - 1, why);
    return CONTROL_FAILED;
}

void control_log(const struct control_call *call, const struct log *log)
{
    log_event(log, LOG_LEVEL_INFO, "command", LOG_TEXT("name", call->words[0]),
              LOG_TEXT("argument", call->n_words > 1 ? call->words[1] : "-"), LOG_NUMBER("uid", call->uid));
}

void control_init(struct control *c, const struct control_command *commands, void *arg)
{
    *c = (struct control){
        .commands = commands,
        .arg = arg,
        .service =
            {
                .request_max = CONTROL_LINE_MAX,
                .clients_max = CONTROL_CLIENTS_MAX,
                .patience = PATIENCE,
                .lifetime = NSEC_NEVER,
                .state_size = sizeof(struct session),
                .request = take_request,
                .answer = answer,
                .gone = gone,
                .arg = c,
            },
    };
}
