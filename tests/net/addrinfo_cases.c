/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Runs cases of getaddrinfo and getnameinfo, by the C library or by libiothdns, and writes what they give in one form, a
 * line for each case; so the two can be compared line by line.
 *
 *     addrinfo_cases libc
 *     addrinfo_cases iothdns [CONFIGURATION]      a stack as ioth_newstackc makes it; without, that of the kernel
 *
 * Cases are read from standard input, words between blanks:
 *
 *     a NODE SERVICE FLAGS FAMILY SOCKTYPE PROTOCOL      getaddrinfo; FLAGS "null": without hints
 *     n ADDRESS SCOPE PORT FLAGS HOSTLEN SERVLEN         getnameinfo; ADDRESS a path: AF_UNIX
 *
 * with "-" for NULL, \xHH for a byte (\x20 is a blank, \x00 ends a string; a lone \x00 is the empty one) and numbers in C's
 * forms. HOSTLEN and SERVLEN of 0 mean NULL.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include <iothconf.h>
#include <iothdns.h>

enum { FIELDS_MAX = 8, LINE_SIZE = 4096, TEXT_SIZE = 2048 };

static struct iothdns *resolver; /* NULL: the C library */

static const struct {
    int code;
    const char *name;
} errors[] = {
    {EAI_ADDRFAMILY, "EAI_ADDRFAMILY"}, {EAI_AGAIN, "EAI_AGAIN"},
    {EAI_BADFLAGS, "EAI_BADFLAGS"},     {EAI_FAIL, "EAI_FAIL"},
    {EAI_FAMILY, "EAI_FAMILY"},         {EAI_MEMORY, "EAI_MEMORY"},
    {EAI_NODATA, "EAI_NODATA"},         {EAI_NONAME, "EAI_NONAME"},
    {EAI_OVERFLOW, "EAI_OVERFLOW"},     {EAI_SERVICE, "EAI_SERVICE"},
    {EAI_SOCKTYPE, "EAI_SOCKTYPE"},     {EAI_IDN_ENCODE, "EAI_IDN_ENCODE"},
};

static void print_error(int error)
{
    if (error == EAI_SYSTEM) {
        printf("EAI_SYSTEM %s\n", strerrorname_np(errno));
        return;
    }
    for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
        if (errors[i].code == error) {
            printf("%s\n", errors[i].name);
            return;
        }
    }
    printf("error %d\n", error);
}

/* Bytes that do not print as \xHH. */
static void print_text(const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text > ' ' && *text < 0x7f && *text != '\\')
            putchar(*text);
        else
            printf("\\x%02x", (unsigned char)*text);
    }
}

static int hex(char c)
{
    const char *digits = "0123456789abcdef", *at = c ? strchr(digits, c) : NULL;

    return at ? (int)(at - digits) : -1;
}

/* In place. NULL for "-". */
static const char *unescape(char *text)
{
    char *to = text;

    if (strcmp(text, "-") == 0)
        return NULL;
    for (char *at = text; *at != '\0';) {
        if (at[0] == '\\' && at[1] == 'x' && hex(at[2]) >= 0 && hex(at[3]) >= 0) {
            *to++ = (char)(hex(at[2]) << 4 | hex(at[3]));
            at += 4;
        } else {
            *to++ = *at++;
        }
    }
    *to = '\0';
    return text;
}

static long number(const char *text)
{
    return text ? strtol(text, NULL, 0) : 0;
}

static void print_entry(const struct addrinfo *ai)
{
    char text[INET6_ADDRSTRLEN] = "?";
    const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)ai->ai_addr;
    const struct sockaddr_in *in = (const struct sockaddr_in *)ai->ai_addr;
    bool is_v6 = ai->ai_family == AF_INET6;

    if (ai->ai_addr->sa_family != ai->ai_family || ai->ai_addrlen != (is_v6 ? sizeof(*in6) : sizeof(*in)))
        printf(" bad-sockaddr");
    inet_ntop(ai->ai_family, is_v6 ? (const void *)&in6->sin6_addr : &in->sin_addr, text, sizeof(text));
    printf(" %s%%%u@%u/%d/%d", text, is_v6 ? (unsigned)in6->sin6_scope_id : 0U,
           (unsigned)ntohs(is_v6 ? in6->sin6_port : in->sin_port), ai->ai_socktype, ai->ai_protocol);
    if (ai->ai_canonname) {
        printf("=");
        print_text(ai->ai_canonname);
    }
}

static void run_addrinfo(char **field)
{
    bool without_hints = strcmp(field[3], "null") == 0;
    const char *node = unescape(field[1]), *service = unescape(field[2]);
    struct addrinfo hints = {.ai_flags = (int)number(field[3]),
                             .ai_family = (int)number(field[4]),
                             .ai_socktype = (int)number(field[5]),
                             .ai_protocol = (int)number(field[6])};
    struct addrinfo *list = NULL;

    int error = resolver ? iothdns_getaddrinfo(resolver, node, service, without_hints ? NULL : &hints, &list)
                         : getaddrinfo(node, service, without_hints ? NULL : &hints, &list);
    if (error != 0) {
        print_error(error);
        return;
    }
    printf("ok %#x", list ? (unsigned)list->ai_flags : 0);
    for (const struct addrinfo *ai = list; ai; ai = ai->ai_next)
        print_entry(ai);
    printf("\n");
    if (resolver)
        iothdns_freeaddrinfo(list);
    else
        freeaddrinfo(list);
}

static socklen_t make_sockaddr(char **field, struct sockaddr_storage *ret)
{
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};
    struct sockaddr_in in = {.sin_family = AF_INET};
    struct sockaddr_un un = {.sun_family = AF_UNIX};

    in6.sin6_port = in.sin_port = htons((uint16_t)number(field[3]));
    in6.sin6_scope_id = (uint32_t)number(field[2]);
    if (inet_pton(AF_INET6, field[1], &in6.sin6_addr) == 1) {
        memcpy(ret, &in6, sizeof(in6));
        return sizeof(in6);
    }
    if (inet_pton(AF_INET, field[1], &in.sin_addr) == 1) {
        memcpy(ret, &in, sizeof(in));
        return sizeof(in);
    }
    snprintf(un.sun_path, sizeof(un.sun_path), "%s", field[1]);
    memcpy(ret, &un, sizeof(un));
    return sizeof(un);
}

static void run_nameinfo(char **field)
{
    char host[TEXT_SIZE] = "", service[TEXT_SIZE] = "";
    struct sockaddr_storage addr;
    socklen_t addr_len = make_sockaddr(field, &addr);
    socklen_t host_len = (socklen_t)number(field[5]), service_len = (socklen_t)number(field[6]);
    char *to_host = host_len ? host : NULL, *to_service = service_len ? service : NULL;
    int flags = (int)number(field[4]);

    if (host_len > sizeof(host) || service_len > sizeof(service))
        exit(2);
    int error = resolver ? iothdns_getnameinfo(resolver, (struct sockaddr *)&addr, addr_len, to_host,
                                               host_len, to_service, service_len, flags)
                         : getnameinfo((struct sockaddr *)&addr, addr_len, to_host, host_len, to_service,
                                       service_len, flags);
    if (error != 0) {
        print_error(error);
        return;
    }
    printf("ok ");
    print_text(host);
    printf(" ");
    print_text(service);
    printf("\n");
}

static void run_case(char *line)
{
    char *field[FIELDS_MAX], *rest = NULL;
    int n = 0;

    for (char *word = strtok_r(line, " \n", &rest); word && n < FIELDS_MAX;
         word = strtok_r(NULL, " \n", &rest))
        field[n++] = word;
    if (n == 7 && strcmp(field[0], "a") == 0)
        run_addrinfo(field);
    else if (n == 7 && strcmp(field[0], "n") == 0)
        run_nameinfo(field);
    else
        printf("no case\n");
}

/* Whether the stack lets a socket have the address: not while it looks for another who has it (RFC 4862 s5.4). */
static bool is_usable(struct ioth *stack, const struct sockaddr *addr)
{
    struct sockaddr_in6 in6;

    if (!addr || addr->sa_family != AF_INET6)
        return true;
    memcpy(&in6, addr, sizeof(in6));
    int fd = ioth_msocket(stack, AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    bool usable = fd >= 0 && ioth_bind(fd, (struct sockaddr *)&in6, sizeof(in6)) == 0;
    if (fd >= 0)
        ioth_close(fd);
    return usable;
}

/* Until all addresses of the stack can be used, for some seconds at the most. */
static void wait_for_addresses(struct ioth *stack)
{
    bool usable = false;

    for (int tries = 0; tries < 250 && !usable; tries++) {
        struct ifaddrs *list = NULL;
        usable = ioth_getifaddrs(stack, &list) == 0;
        for (struct ifaddrs *ifa = list; ifa && usable; ifa = ifa->ifa_next)
            usable = is_usable(stack, ifa->ifa_addr);
        ioth_freeifaddrs(list);
        if (!usable)
            poll(NULL, 0, 20);
    }
}

/* Returns the stack, NULL for the kernel's. */
static struct ioth *open_resolver(const char *configuration)
{
    struct ioth *stack = configuration ? ioth_newstackc(configuration) : NULL;

    if (configuration && !stack) {
        perror(configuration);
        exit(1);
    }
    if (stack)
        wait_for_addresses(stack);
    resolver = iothdns_init(stack, NULL);
    if (!resolver) {
        perror("iothdns_init");
        exit(1);
    }
    return stack;
}

int main(int argc, char **argv)
{
    static char line[LINE_SIZE];
    struct ioth *stack = NULL;

    if (argc < 2 || (strcmp(argv[1], "libc") != 0 && strcmp(argv[1], "iothdns") != 0)) {
        fprintf(stderr, "usage: addrinfo_cases libc | iothdns [CONFIGURATION]\n");
        return 2;
    }
    ioth_set_license("LGPL-2.1-or-later");
    if (strcmp(argv[1], "iothdns") == 0)
        stack = open_resolver(argc > 2 ? argv[2] : NULL);
    while (fgets(line, sizeof(line), stdin)) {
        run_case(line);
        fflush(stdout);
    }
    iothdns_fini(resolver);
    if (stack && ioth_delstack(stack) < 0) {
        perror("ioth_delstack");
        return 1;
    }
    return 0;
}
