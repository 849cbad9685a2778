/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Keys made of passwords: Argon2id (RFC 9106).

   A one-time address is seen by everybody on its way, and each of them can try passwords on it at home. What slows
   them down is the cost of one trial, so it is made as large as a program that starts can bear: the second
   recommended option of RFC 9106 s4 (3 passes over 64 MiB, 4 lanes), computed once and kept as a key.

   The salt is a digest of a tag and of the name, so the work done for one name is of no use for another, and
   nothing but the password needs to be told to anybody. The prefix, the period and the epoch are bound by the key's
   use (otip2.c).

   The lanes are worked off one after the other: threads would change the time that it takes and not the result. */
#include "libotip/otip_password.h"

#include "base/cursor.h"
#include "wire/dname.h"

#include <argon2.h>
#include <errno.h>
#include <nettle/sha2.h>
#include <string.h>

/* docs/OTIP2.md: these are part of the definition. */
enum {
    PASSES = 3,
    MEMORY_KIB = 65536,
    LANES = 4,
    SALT_LEN = 16,
};

static const char salt_tag[] = "ioth-otip2-password";

static void put_field(struct sha256_ctx *hash, const void *bytes, size_t len)
{
    uint8_t len_bytes[2];

    put_be16(len_bytes, (uint16_t)len);
    sha256_update(hash, sizeof(len_bytes), len_bytes);
    sha256_update(hash, len, bytes);
}

static void make_salt(const uint8_t *name, size_t name_len, uint8_t ret[static SALT_LEN])
{
    uint8_t lower[DNAME_MAX];
    struct sha256_ctx hash;

    dname_lower(lower, name, name_len);
    sha256_init(&hash);
    put_field(&hash, salt_tag, sizeof(salt_tag) - 1);
    put_field(&hash, lower, name_len);
    sha256_digest(&hash, SALT_LEN, ret);
}

/* libargon2 neither writes to the password nor frees it: no flag says that it should. */
static int run_argon2(const char *password, uint8_t salt[static SALT_LEN], uint8_t ret[static OTIP_KEY_LEN])
{
    uint8_t copy[OTIP_PASSWORD_MAX + 1];
    size_t len = strlen(password);
    argon2_context context = {
        .out = ret,
        .outlen = OTIP_KEY_LEN,
        .pwd = copy,
        .pwdlen = (uint32_t)len,
        .salt = salt,
        .saltlen = SALT_LEN,
        .t_cost = PASSES,
        .m_cost = MEMORY_KIB,
        .lanes = LANES,
        .threads = 1,
        .version = ARGON2_VERSION_13,
        .flags = ARGON2_DEFAULT_FLAGS,
    };
    int status;

    memcpy(copy, password, len);
    status = argon2id_ctx(&context);
    explicit_bzero(copy, sizeof(copy));
    return status == ARGON2_OK ? 0 : -ENOMEM; /* all else it could say is about numbers that are fixed here */
}

int otip_key_of_password(const char *password, const char *name, uint8_t ret[static OTIP_KEY_LEN])
{
    uint8_t wire[DNAME_MAX], salt[SALT_LEN];
    size_t len = strlen(password);
    int name_len = dname_from_text(name, strlen(name), wire);

    if (name_len < 0 || wire[0] == 0 || len == 0 || len > OTIP_PASSWORD_MAX)
        return -EINVAL;
    make_salt(wire, (size_t)name_len, salt);
    return run_argon2(password, salt, ret);
}

int otip_new_from_password(const struct otip_setup *setup, struct otip **ret)
{
    struct otip_setup with_key = *setup;
    uint8_t key[OTIP_KEY_LEN];
    int err;

    if (setup->generation != OTIP2 || !setup->password)
        return otip_new(setup, ret);
    if (setup->key || setup->user || !setup->name)
        return -EINVAL;
    err = otip_key_of_password(setup->password, setup->name, key);
    if (err)
        return err;
    with_key.password = NULL;
    with_key.key = key;
    err = otip_new(&with_key, ret);
    explicit_bzero(key, sizeof(key));
    return err;
}
