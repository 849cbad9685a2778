/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The module for the C library's name service switch: libnss_otip.so.2, `hosts: files otip dns` in nsswitch.conf(5).
 *
 * It runs inside whatever program looks up a name, so it keeps to itself: no state, no thread, no lock, no descriptor that
 * stays, no message; all symbols but the entry points are hidden. A thread is not cancelled in here, since it would leave a
 * descriptor and a secret behind. errno is as it was unless the call fails.
 *
 * What an entry point gives back (glibc's manual, "NSS Modules Interface"):
 *
 *     SUCCESS    all is in the caller's buffer
 *     UNAVAIL    no line of otip.conf(5) is about this name or address: somebody else's
 *     NOTFOUND   one is, but it has no address of this family (h_errno NO_DATA), or its secret cannot be had (NO_RECOVERY)
 *     TRYAGAIN   errno ERANGE: the buffer is too small, the caller comes again with a larger one; else no memory, no descriptor
 *
 * UNAVAIL and NOTFOUND are apart so that `otip [!UNAVAIL=return] dns` keeps the names that are computed here from any DNS
 * server, and lets all others through.
 *
 * Names have IPv6 addresses alone. gethostbyname(3) asks for IPv4, so it finds none.
 */
#include "libnss_otip/otip_names.h"

#include <errno.h>
#include <netdb.h>
#include <nss.h>
#include <pthread.h>
#include <string.h>
#include <time.h>

#define EXPORT __attribute__((visibility("default")))

/* A call into this module: what it may not disturb, and what it says besides its status. */
struct visit {
    int errno_before, cancel_state;
    int error, h_error;
};

static struct visit begin(void)
{
    struct visit v = {.errno_before = errno};

    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &v.cancel_state);
    return v;
}

static enum nss_status say(struct visit *v, enum nss_status status, int error, int h_error)
{
    v->error = error;
    v->h_error = h_error;
    return status;
}

/* error is errno itself nearly always, so it is written last. */
static enum nss_status end(const struct visit *v, enum nss_status status, int *error, int *h_error)
{
    pthread_setcancelstate(v->cancel_state, NULL);
    errno = v->errno_before;
    if (status != NSS_STATUS_SUCCESS)
        *error = v->error;
    *h_error = v->h_error;
    return status;
}

static int64_t wall_clock_s(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return now.tv_sec;
}

/* The caller's buffer, from which pieces are taken. */
struct room {
    char *at;
    size_t left;
};

/* The next `size` bytes, aligned for `align`, a power of 2; NULL: there are fewer. */
static void *take(struct room *r, size_t size, size_t align)
{
    size_t skip = -(uintptr_t)r->at & (align - 1);

    if (skip > r->left || size > r->left - skip)
        return NULL;
    char *piece = r->at + skip;
    r->at = piece + size;
    r->left -= skip + size;
    return piece;
}

#define TAKE(room, type) ((type *)take(room, sizeof(type), _Alignof(type)))

/* What the canonical name is: as it was asked for, in lower case and without final dot. */
static void put_name(char *text, const char *name, size_t len)
{
    for (size_t i = 0; i < len; i++)
        text[i] = name[i] >= 'A' && name[i] <= 'Z' ? (char)(name[i] + ('a' - 'A')) : name[i];
    text[len] = '\0';
}

/* Looks a name up. SUCCESS with *ret and *ret_len, the length of the name without its final dot; or what is to be returned. */
static enum nss_status look_up(const char *name, struct otip_names_answer *ret, size_t *ret_len,
                               struct visit *v)
{
    struct otip_names_files files;
    char why[OTIP_WHY_MAX];
    size_t len = otip_conf_name_len(name, strnlen(name, OTIP_NAMES_NAME_MAX + 2));
    int err = -ENOENT;

    if (len > 0) {
        otip_names_files_usual(&files);
        err = otip_names_find(&files, name, len, wall_clock_s(), ret, why);
    }
    *ret_len = len;
    if (err == 0)
        return NSS_STATUS_SUCCESS;
    if (err == -ENOENT)
        return say(v, NSS_STATUS_UNAVAIL, ENOENT, HOST_NOT_FOUND);
    if (otip_names_is_passing(err))
        return say(v, NSS_STATUS_TRYAGAIN, -err, TRY_AGAIN);
    return say(v, NSS_STATUS_NOTFOUND, ENOENT, NO_RECOVERY);
}

static enum nss_status too_small(struct visit *v)
{
    return say(v, NSS_STATUS_TRYAGAIN, ERANGE, NETDB_INTERNAL);
}

/* All that a struct hostent points to, in the caller's buffer. */
struct hostent_pieces {
    char *addresses[2];
    char *aliases[1];
    struct ipaddr addr;
};

static enum nss_status fill_hostent(struct room *room, const char *name, size_t name_len,
                                    const struct ipaddr *addr, struct hostent *ret, struct visit *v)
{
    struct hostent_pieces *pieces = TAKE(room, struct hostent_pieces);
    char *text = take(room, name_len + 1, 1);

    if (!pieces || !text)
        return too_small(v);
    put_name(text, name, name_len);
    *pieces = (struct hostent_pieces){.addr = *addr};
    pieces->addresses[0] = (char *)pieces->addr.b;
    *ret = (struct hostent){
        .h_name = text,
        .h_aliases = pieces->aliases,
        .h_addrtype = AF_INET6,
        .h_length = sizeof(pieces->addr.b),
        .h_addr_list = pieces->addresses,
    };
    return say(v, NSS_STATUS_SUCCESS, 0, NETDB_SUCCESS);
}

static void put_ttl(int32_t *ttl, uint32_t ttl_s)
{
    if (ttl)
        *ttl = (int32_t)ttl_s;
}

/* The one tuple of an answer: the caller's own, or one in his buffer. */
static enum nss_status fill_tuple(struct room *room, const char *name, size_t name_len,
                                  const struct ipaddr *addr, struct gaih_addrtuple **tuple, struct visit *v)
{
    struct gaih_addrtuple *place = *tuple ? *tuple : TAKE(room, struct gaih_addrtuple);
    char *text = take(room, name_len + 1, 1);

    if (!place || !text)
        return too_small(v);
    put_name(text, name, name_len);
    *place = (struct gaih_addrtuple){.name = text, .family = AF_INET6};
    memcpy(place->addr, addr->b, sizeof(addr->b));
    *tuple = place;
    return say(v, NSS_STATUS_SUCCESS, 0, NETDB_SUCCESS);
}

EXPORT enum nss_status _nss_otip_gethostbyname4_r(const char *name, struct gaih_addrtuple **tuple,
                                                  char *buffer, size_t size, int *error, int *h_error,
                                                  int32_t *ttl)
{
    struct visit v = begin();
    struct room room = {buffer, size};
    struct otip_names_answer answer;
    size_t len;
    enum nss_status status = look_up(name, &answer, &len, &v);

    if (status == NSS_STATUS_SUCCESS)
        status = fill_tuple(&room, name, len, &answer.addr, tuple, &v);
    if (status == NSS_STATUS_SUCCESS)
        put_ttl(ttl, answer.ttl_s);
    return end(&v, status, error, h_error);
}

/* The answer of one family. */
static enum nss_status host_by_name(const char *name, int family, struct hostent *ret, struct room *room,
                                    uint32_t *ret_ttl_s, struct visit *v)
{
    struct otip_names_answer answer;
    size_t len;
    enum nss_status status;

    if (family != AF_INET && family != AF_INET6)
        return say(v, NSS_STATUS_UNAVAIL, EAFNOSUPPORT, NO_DATA);
    status = look_up(name, &answer, &len, v);
    if (status != NSS_STATUS_SUCCESS)
        return status;
    if (family != AF_INET6)
        return say(v, NSS_STATUS_NOTFOUND, ENOENT, NO_DATA);
    *ret_ttl_s = answer.ttl_s;
    return fill_hostent(room, name, len, &answer.addr, ret, v);
}

EXPORT enum nss_status _nss_otip_gethostbyname3_r(const char *name, int family, struct hostent *ret,
                                                  char *buffer, size_t size, int *error, int *h_error,
                                                  int32_t *ttl, char **canonical)
{
    struct visit v = begin();
    struct room room = {buffer, size};
    uint32_t ttl_s;
    enum nss_status status = host_by_name(name, family, ret, &room, &ttl_s, &v);

    if (status == NSS_STATUS_SUCCESS) {
        put_ttl(ttl, ttl_s);
        if (canonical)
            *canonical = ret->h_name;
    }
    return end(&v, status, error, h_error);
}

EXPORT enum nss_status _nss_otip_gethostbyname2_r(const char *name, int family, struct hostent *ret,
                                                  char *buffer, size_t size, int *error, int *h_error)
{
    return _nss_otip_gethostbyname3_r(name, family, ret, buffer, size, error, h_error, NULL, NULL);
}

EXPORT enum nss_status _nss_otip_gethostbyname_r(const char *name, struct hostent *ret, char *buffer,
                                                 size_t size, int *error, int *h_error)
{
    return _nss_otip_gethostbyname3_r(name, AF_INET, ret, buffer, size, error, h_error, NULL, NULL);
}

static enum nss_status host_by_addr(const void *bytes, socklen_t len, int family, struct hostent *ret,
                                    struct room *room, uint32_t *ret_ttl_s, struct visit *v)
{
    struct otip_names_files files;
    char name[OTIP_NAMES_NAME_MAX + 1];
    struct ipaddr addr;

    if (family != AF_INET6 || len != sizeof(addr.b))
        return say(v, NSS_STATUS_UNAVAIL, ENOENT, HOST_NOT_FOUND);
    memcpy(addr.b, bytes, sizeof(addr.b));
    otip_names_files_usual(&files);
    int err = otip_names_reverse(&files, &addr, wall_clock_s(), name, ret_ttl_s);
    if (err == -ENOENT)
        return say(v, NSS_STATUS_UNAVAIL, ENOENT, HOST_NOT_FOUND);
    if (err < 0)
        return say(v, NSS_STATUS_TRYAGAIN, -err, TRY_AGAIN);
    return fill_hostent(room, name, strlen(name), &addr, ret, v);
}

EXPORT enum nss_status _nss_otip_gethostbyaddr2_r(const void *addr, socklen_t len, int family,
                                                  struct hostent *ret, char *buffer, size_t size, int *error,
                                                  int *h_error, int32_t *ttl)
{
    struct visit v = begin();
    struct room room = {buffer, size};
    uint32_t ttl_s;
    enum nss_status status = host_by_addr(addr, len, family, ret, &room, &ttl_s, &v);

    if (status == NSS_STATUS_SUCCESS)
        put_ttl(ttl, ttl_s);
    return end(&v, status, error, h_error);
}

EXPORT enum nss_status _nss_otip_gethostbyaddr_r(const void *addr, socklen_t len, int family,
                                                 struct hostent *ret, char *buffer, size_t size, int *error,
                                                 int *h_error)
{
    return _nss_otip_gethostbyaddr2_r(addr, len, family, ret, buffer, size, error, h_error, NULL);
}
