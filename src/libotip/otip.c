/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One name with one secret, of either generation.

   What a setup says is checked once, when the otip is made: the name becomes wire form, which is what the labels
   mean whatever their spelling, and for otip1 the labels joined by dots, as the servers of such names hash them.
   Then there is nothing left that could fail: an epoch is a division, an address a digest.

   An otip holds its secret in a form of its own (a password, or a state of HMAC); it is wiped when it is freed. No
   clock is read and nothing is drawn at random here. */
#include "libotip/otip.h"

#include "libiothaddr/hashname.h"
#include "libotip/otip2.h"
#include "libotip/otip_key.h"
#include "wire/dname.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct otip {
    enum otip_generation generation;
    uint32_t period_s;
    struct otip2_key key; /* otip2, as the next two */
    struct otip2_series series;
    uint8_t name[DNAME_MAX];
    struct ipaddr base; /* otip1, as all below */
    char password[OTIP_PASSWORD_MAX + 1];
    size_t dotted_len;
    char dotted[DNAME_MAX];
};

/* The labels of a name in wire form, joined by dots. Returns their length. */
static size_t join_labels(const uint8_t *name, char dotted[static DNAME_MAX])
{
    size_t at = 0;

    for (; *name != 0; name += 1 + *name) {
        if (at > 0)
            dotted[at++] = '.';
        memcpy(dotted + at, name + 1, *name);
        at += *name;
    }
    return at;
}

static bool prefix_len_ok(const struct otip_setup *setup)
{
    return setup->prefix_len == 0 ||
           (setup->prefix_len >= OTIP_PREFIX_LEN_MIN && setup->prefix_len <= OTIP_PREFIX_LEN_MAX);
}

static int check_otip1(const struct otip_setup *setup)
{
    size_t len = setup->password ? strlen(setup->password) : 0;

    return setup->key || setup->user || len == 0 || len > OTIP_PASSWORD_MAX ? -EINVAL : 0;
}

static int check_otip2(const struct otip_setup *setup)
{
    if (setup->password)
        return setup->key || setup->user ? -EINVAL : -ENOTSUP;
    return setup->key && prefix_len_ok(setup) ? 0 : -EINVAL;
}

static int check_setup(const struct otip_setup *setup)
{
    if (!setup->name || ipaddr_is_v4(&setup->base))
        return -EINVAL;
    switch (setup->generation) {
    case OTIP1:
        return check_otip1(setup);
    case OTIP2:
        return check_otip2(setup);
    }
    return -EINVAL;
}

static void fill_otip1(struct otip *o, const struct otip_setup *setup, const uint8_t *name)
{
    o->base = setup->base;
    strcpy(o->password, setup->password);
    o->dotted_len = join_labels(name, o->dotted);
}

static int fill_otip2(struct otip *o, const struct otip_setup *setup, const uint8_t *name)
{
    unsigned prefix_len = setup->prefix_len ? setup->prefix_len : OTIP_PREFIX_LEN;
    uint8_t bytes[OTIP_KEY_LEN];
    int err = 0;

    if (setup->user)
        err = otip_key_of_user(setup->key, setup->user, bytes);
    else
        memcpy(bytes, setup->key, sizeof(bytes));
    if (!err) {
        otip2_key_init(&o->key, bytes);
        memcpy(o->name, name, dname_len(name));
        otip2_series_init(&o->series, &o->key, name, &setup->base, prefix_len, o->period_s);
    }
    explicit_bzero(bytes, sizeof(bytes));
    return err;
}

int otip_new(const struct otip_setup *setup, struct otip **ret)
{
    uint8_t name[DNAME_MAX];
    struct otip *o;
    int err = check_setup(setup);

    if (err)
        return err;
    if (dname_from_text(setup->name, strlen(setup->name), name) < 0 || name[0] == 0)
        return -EINVAL;
    o = calloc(1, sizeof(*o));
    if (!o)
        return -ENOMEM;
    o->generation = setup->generation;
    o->period_s = setup->period_s ? setup->period_s : OTIP_PERIOD_S;
    if (o->generation == OTIP1)
        fill_otip1(o, setup, name);
    else
        err = fill_otip2(o, setup, name);
    if (err) {
        otip_free(o);
        return err;
    }
    *ret = o;
    return 0;
}

int otip_rebase(const struct otip *o, const struct ipaddr *base, struct otip **ret)
{
    if (ipaddr_is_v4(base))
        return -EINVAL;
    struct otip *copy = calloc(1, sizeof(*copy));
    if (!copy)
        return -ENOMEM;
    *copy = *o;
    copy->base = *base;
    if (o->generation == OTIP2)
        otip2_series_init(&copy->series, &o->key, o->name, base, o->series.prefix_len, o->period_s);
    *ret = copy;
    return 0;
}

void otip_free(struct otip *o)
{
    if (o)
        explicit_bzero(o, sizeof(*o));
    free(o);
}

uint32_t otip_period(const struct otip *o)
{
    return o->period_s;
}

uint64_t otip_epoch(const struct otip *o, int64_t wall_s)
{
    return otip_epoch_at(o->period_s, wall_s);
}

int64_t otip_epoch_start(const struct otip *o, uint64_t epoch)
{
    return epoch > (uint64_t)INT64_MAX / o->period_s ? INT64_MAX : (int64_t)(epoch * o->period_s);
}

void otip1_address(const struct ipaddr *base, const char *name, size_t name_len, const char *password,
                   uint64_t epoch, struct ipaddr *ret)
{
    *ret = *base;
    iothaddr_hash_bytes(ret->b, name, name_len, password, (uint32_t)epoch);
}

void otip_address(const struct otip *o, uint64_t epoch, struct ipaddr *ret)
{
    if (o->generation == OTIP2) {
        otip2_address(&o->series, epoch, ret);
        return;
    }
    otip1_address(&o->base, o->dotted, o->dotted_len, o->password, epoch, ret);
}
