/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * From a configuration to what it needs at run time: the base looked up, the secret read, the `struct otip` made. It waits for
 * the name server and, for a password of the second generation, some tenths of a second for Argon2; so it runs at the start and
 * in the thread that asks for a reload, never in that of the proxy. Secrets are wiped as soon as the otip is made.
 */
#include "libiothconf/open/open_stack.h"
#include "libotip/otip_base.h"
#include "libotip/otip_file.h"
#include "libotip/otip_password.h"
#include "libotip/proxy_state.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

/* ---- the base ---- */

const char *proxy_base_text(const struct proxy_config *config)
{
    return config->base ? config->base : strchr(config->name, '.') + 1;
}

/* What no node can have would not be one-time addresses of anybody. */
static int check_address(const struct ipaddr *addr, char why[static OTIP_WHY_MAX])
{
    if (otip_can_be_base(addr))
        return 0;
    snprintf(why, OTIP_WHY_MAX, OTIP_NO_BASE);
    return -EADDRNOTAVAIL;
}

static int read_base(const struct proxy_config *config, struct otip_base *ret, char why[static OTIP_WHY_MAX])
{
    int e = otip_base_parse(proxy_base_text(config), ret, why);

    if (e < 0)
        return e;
    if (!config->otip2 && ret->prefix_len != 0 && ret->prefix_len != OTIP_PREFIX_LEN) {
        snprintf(why, OTIP_WHY_MAX, "a length other than %d is for --v2", OTIP_PREFIX_LEN);
        return -EINVAL;
    }
    return ret->name[0] == '\0' ? check_address(&ret->addr, why) : 0;
}

/* Returns e, and says what is wrong with the base if it is an error. */
static int about_base(const struct proxy_config *config, int e, const char *phrase, char *why,
                      size_t why_size)
{
    if (e == 0)
        return 0;
    snprintf(why, why_size, "the base address '%.255s': %s", proxy_base_text(config), phrase);
    return rc_say_place(config->at.base, e, why, why_size);
}

static int find_base(const struct proxy_config *config, struct ioth *stack, struct otip_base *ret, char *why,
                     size_t why_size)
{
    char phrase[OTIP_WHY_MAX];
    const struct ipaddr present = ret->addr;
    int e = read_base(config, ret, phrase);

    if (e == 0 && ret->name[0] != '\0')
        ret->addr = present;
    if (e == 0)
        e = otip_base_find(ret, stack, config->dns, phrase);
    if (e == 0)
        e = check_address(&ret->addr, phrase);
    return about_base(config, e, phrase, why, why_size);
}

/* ---- the secret ---- */

struct secret {
    char password[OTIP_PASSWORD_MAX + 1];
    uint8_t key[OTIP_KEY_LEN];
};

static int read_secret(const struct proxy_config *config, struct secret *ret, char *why, size_t why_size)
{
    char phrase[OTIP_WHY_MAX];
    const char *path = config->key ? config->key : config->passwdfile;
    int e;

    if (path == NULL) {
        int len = snprintf(ret->password, sizeof(ret->password), "%s", config->passwd);
        if (len > 0 && len < (int)sizeof(ret->password))
            return 0;
        snprintf(why, why_size, "the password has no byte, or more than %d", OTIP_PASSWORD_MAX);
        return rc_say_place(config->at.secret, -EINVAL, why, why_size);
    }
    e = config->key ? otip_key_read(path, ret->key, phrase) : otip_password_read(path, ret->password, phrase);
    if (e == 0)
        return 0;
    snprintf(why, why_size, "%.300s: %s", path, phrase);
    return rc_say_place(config->at.secret, e, why, why_size);
}

static int make_otip(const struct proxy_config *config, const struct otip_base *base, struct otip **ret,
                     char *why, size_t why_size)
{
    struct secret secret = {0};
    int e = read_secret(config, &secret, why, why_size);
    struct otip_setup setup = {.generation = config->otip2 ? OTIP2 : OTIP1,
                               .name = config->name,
                               .base = base->addr,
                               .prefix_len = base->prefix_len,
                               .period_s = config->period_s,
                               .password = config->key ? NULL : secret.password,
                               .key = config->key ? secret.key : NULL,
                               .user = config->keyuser};

    if (e == 0) {
        e = otip_new_from_password(&setup, ret);
        if (e < 0)
            snprintf(why, why_size, "no addresses for the name %.255s: %s", config->name,
                     e == -EINVAL ? "the name, the base or the secret is none" : strerror(-e));
    }
    explicit_bzero(&secret, sizeof(secret));
    return e;
}

/* ---- both ---- */

int proxy_settings_look(const struct proxy_config *config, char *why, size_t why_size)
{
    char phrase[OTIP_WHY_MAX];
    struct secret secret = {0};
    struct otip_base base;
    int e = about_base(config, read_base(config, &base, phrase), phrase, why, why_size);

    if (e == 0)
        e = read_secret(config, &secret, why, why_size);
    explicit_bzero(&secret, sizeof(secret));
    return e;
}

int proxy_settings_make(struct proxy_config *config, struct ioth *stack, struct settings *ret, char *why,
                        size_t why_size)
{
    struct settings s = {.config = config};
    struct otip_base base = {.addr = ret->base};
    int e = find_base(config, stack, &base, why, why_size);

    if (e == 0)
        e = make_otip(config, &base, &s.otip, why, why_size);
    s.base = base.addr;
    if (config->passwd)
        explicit_bzero((char *)config->passwd, strlen(config->passwd));
    if (e == 0)
        *ret = s;
    else
        proxy_settings_free(&s);
    return e;
}

struct proxy_place proxy_settings_place(const struct settings *s, struct ioth *extstack)
{
    return (struct proxy_place){.stack = extstack,
                                .iface = s->config->iface,
                                .name = s->config->name,
                                .user = s->config->keyuser,
                                .base = s->base,
                                .bits = s->config->prefix_bits};
}

void proxy_settings_free(struct settings *s)
{
    otip_free(s->otip);
    proxy_config_free(s->config);
    *s = (struct settings){0};
}

/* Is there such a kind of stack? `place`: where that was said. */
static int find_stack(const char *place, const char *text, char *why, size_t why_size)
{
    int e = open_stack_find(text, why, why_size);

    return e == -ENOENT ? rc_say_place(place, e, why, why_size) : e;
}

/* Stacks whose sockets are the kernel's have the controls that it has; what others have, the start sees. */
static int check_congestion(const struct proxy_config *config, char *why, size_t why_size)
{
    const char *name = config->congestion;
    bool is_kernels = open_stack_is_system(config->extstack) || open_stack_is(config->extstack, "vdestack");
    int fd = name && is_kernels ? socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0) : -1;

    if (fd < 0)
        return 0;
    int e = setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, name, (socklen_t)strlen(name)) < 0 ? -errno : 0;
    close(fd);
    if (e != -ENOENT) /* what takes privilege may be there at the start */
        return 0;
    snprintf(why, why_size, "tcp_congestion %s: %s", name, proxy_why_not_congestion(-e));
    return rc_say_place(config->at.congestion, e, why, why_size);
}

int otip_proxy_check(const struct daemon_config *process, char *why, size_t why_size)
{
    const struct proxy_config *config = (const struct proxy_config *)process;
    char phrase[OTIP_WHY_MAX];
    struct otip_base base;
    struct otip *otip = NULL;
    int e = about_base(config, read_base(config, &base, phrase), phrase, why, why_size);

    if (e == 0)
        e = find_stack(config->at.extstack, config->extstack, why, why_size);
    if (e == 0)
        e = find_stack(config->at.intstack, config->intstack, why, why_size);
    if (e == 0)
        e = check_congestion(config, why, why_size);
    if (e == 0 && base.name[0] != '\0') /* nobody is asked: any address will do */
        base.addr = (struct ipaddr){{0xfd}};
    if (e == 0)
        e = make_otip(config, &base, &otip, why, why_size);
    otip_free(otip);
    return e;
}
