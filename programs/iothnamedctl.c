/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The command line of the control protocol (io/control.h): sends one command to a server that runs, prints the lines
 * of its answer, and ends as the answer does. It knows no commands: those are the server's, and `help` lists them.
 *
 * Each kind of server has it under a name of its own, which says where the socket is if nobody else does.
 */
#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { EXIT_USAGE = 2 };

#define LINE_MAX_BYTES 2048         /* of a command, as the server takes it */
#define SILENCE_MS     (120 * 1000) /* a reload of a large zone takes seconds; nothing takes longer than this */

struct kind {
    const char *self, *server;
    const char *socket;             /* of the server that the service manager runs */
    const char *nobody, *forbidden; /* what to do when it is not reached */
};

static const struct kind kinds[] = {
    {"iothnamedctl", "iothnamed", IOTHNAMED_CONTROL,
     ": does it run, and is this the path of its `option control`?",
     ": its owner may, and the group of `option controlgroup`"},
    {"iothradvdctl", "iothradvd", IOTHRADVD_CONTROL,
     ": does it run, and is this the path of its option --control?",
     ": its owner may, and the group of its option --controlgroup"},
    {"namedhcpctl", "namedhcp", NAMEDHCP_CONTROL,
     ": does it run, and is this the path of its option --control?",
     ": its owner may, and the group of its option --controlgroup"},
    {"otip_rproxyctl", "otip_rproxy", OTIP_RPROXY_CONTROL,
     ": does it run, and is this the path of its option --control?",
     ": its owner may, and the group of its option --controlgroup"},
};

/* By the name that this program was called by; the first for any other. */
static const struct kind *kind(void)
{
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        if (strcmp(program_invocation_short_name, kinds[i].self) == 0)
            return &kinds[i];
    return &kinds[0];
}

static void print_help(void)
{
    const struct kind *k = kind();
    printf("usage: %s [-s SOCKET] [-j] COMMAND [WORD...]\n"
           "\n"
           "Asks or tells a running %s something.\n"
           "\n"
           "  -s, --socket SOCKET  its control socket (%s)\n"
           "  -j, --json           status and counters as JSON\n"
           "  -h, --help           this text\n"
           "      --version        the version\n"
           "\n"
           "'%s help' asks the server for its commands; see %s(8).\n",
           k->self, k->server, k->socket, k->self, k->self);
}

struct command_line {
    const char *socket;
    bool json;
    int n_words;
    char **words;
};

/* Exits on -h, --version and on a wrong command line. Options end at the command. */
static struct command_line parse_command_line(int argc, char **argv)
{
    static const struct option options[] = {
        {"socket", required_argument, NULL, 's'},
        {"json", no_argument, NULL, 'j'},
        {"help", no_argument, NULL, 'h'},
        {"version", no_argument, NULL, 'V'},
        {NULL, 0, NULL, 0},
    };
    struct command_line cl = {.socket = kind()->socket};
    int option;
    while ((option = getopt_long(argc, argv, "+s:jh", options, NULL)) != -1) {
        switch (option) {
        case 's':
            cl.socket = optarg;
            break;
        case 'j':
            cl.json = true;
            break;
        case 'h':
            print_help();
            exit(EXIT_SUCCESS);
        case 'V':
            printf("%s %s\n", kind()->self, IOTH_VERSION);
            exit(EXIT_SUCCESS);
        default:
            fprintf(stderr, "Try '%s --help'.\n", kind()->self);
            exit(EXIT_USAGE);
        }
    }
    if (optind == argc) {
        fprintf(stderr, "%s: the command is missing. Try '%s --help'.\n", kind()->self, kind()->self);
        exit(EXIT_USAGE);
    }
    cl.n_words = argc - optind;
    cl.words = argv + optind;
    if (cl.json && strcmp(cl.words[0], "status") != 0 && strcmp(cl.words[0], "counters") != 0) {
        fprintf(stderr, "%s: '%.32s' has no JSON, expected 'status' or 'counters' after -j\n", kind()->self,
                cl.words[0]);
        exit(EXIT_USAGE);
    }
    return cl;
}

/* The words as one line. False: they do not make one. */
static bool make_line(const struct command_line *cl, char line[static LINE_MAX_BYTES])
{
    size_t len = 0;
    for (int i = 0; i < cl->n_words + cl->json; i++) {
        const char *word = i < cl->n_words ? cl->words[i] : "json";
        size_t word_len = strlen(word);
        if (word_len == 0 || strpbrk(word, " \t\n") || word_len + 2 > LINE_MAX_BYTES - len)
            return false;
        memcpy(line + len, word, word_len);
        len += word_len;
        line[len++] = i + 1 < cl->n_words + cl->json ? ' ' : '\n';
    }
    line[len] = '\0';
    return true;
}

static int connect_to(const char *path)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof(at.sun_path)) {
        errno = ENAMETOOLONG;
        return -1;
    }
    memcpy(at.sun_path, path, strlen(path));
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&at, sizeof(at)) < 0) {
        int e = errno;
        close(fd);
        errno = e;
        return -1;
    }
    return fd;
}

/* What to do when no server is reached, by errno. */
static const char *what_to_do(int error)
{
    switch (error) {
    case ENOENT:
    case ECONNREFUSED:
        return kind()->nobody;
    case EACCES:
        return kind()->forbidden;
    default:
        return "";
    }
}

static bool send_line(int fd, const char *line)
{
    size_t len = strlen(line);
    while (len > 0) {
        ssize_t n = send(fd, line, len, MSG_NOSIGNAL);
        if (n < 0 && errno != EINTR)
            return false;
        line += n > 0 ? n : 0;
        len -= n > 0 ? (size_t)n : 0;
    }
    return true;
}

/* What the answer has said so far. */
struct answer {
    enum { AT_LINE, IN_DATA, IN_END } state;
    char end[512]; /* the last line, cut */
    size_t end_len;
    bool done;
};

static void take_byte(struct answer *a, char c)
{
    if (a->state == AT_LINE) {
        a->state = c == ' ' ? IN_DATA : IN_END;
        if (c == ' ')
            return;
    }
    if (a->state == IN_DATA)
        putchar(c);
    else if (c == '\n')
        a->done = true;
    else if (a->end_len < sizeof(a->end) - 1)
        a->end[a->end_len++] = c;
    if (c == '\n')
        a->state = AT_LINE;
}

/* Reads until the answer has ended. False: it does not. */
static bool read_answer(int fd, struct answer *a)
{
    char bytes[16384];
    while (!a->done) {
        struct pollfd ready = {.fd = fd, .events = POLLIN};
        int waited = poll(&ready, 1, SILENCE_MS);
        ssize_t n = waited > 0 ? read(fd, bytes, sizeof(bytes)) : waited;
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        for (ssize_t i = 0; i < n && !a->done; i++)
            take_byte(a, bytes[i]);
    }
    return true;
}

int main(int argc, char **argv)
{
    struct command_line cl = parse_command_line(argc, argv);
    struct answer answer = {.state = AT_LINE};
    const char *self = kind()->self;
    char line[LINE_MAX_BYTES];
    if (!make_line(&cl, line)) {
        fprintf(stderr, "%s: words have no blanks and are not empty, and a line has %d bytes\n", self,
                LINE_MAX_BYTES - 1);
        return EXIT_USAGE;
    }
    int fd = connect_to(cl.socket);
    if (fd < 0) {
        int e = errno;
        fprintf(stderr, "%s: cannot reach a server at %s: %s%s\n", self, cl.socket, strerror(e),
                what_to_do(e));
        return EXIT_FAILURE;
    }
    bool answered = send_line(fd, line) && read_answer(fd, &answer);
    close(fd);
    if (fflush(stdout) != 0 || ferror(stdout)) {
        fprintf(stderr, "%s: cannot write: %s\n", self, strerror(errno));
        return EXIT_FAILURE;
    }
    if (!answered) {
        fprintf(stderr, "%s: the server ended the connection, or is silent\n", self);
        return EXIT_FAILURE;
    }
    if (strcmp(answer.end, "ok") == 0)
        return EXIT_SUCCESS;
    const char *why = strncmp(answer.end, "error ", 6) == 0 ? answer.end + 6 : answer.end;
    fprintf(stderr, "%s: %s\n", self, why);
    return EXIT_FAILURE;
}
