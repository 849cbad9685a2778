/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What else is computed of a key of otip2: the keys of users, and what a key is called.

   Keys of users come from a master key by HKDF-SHA-256 (RFC 5869), with a tag as its salt and the label of the user as
   its info. Who has one of them can compute neither the master nor the key of somebody else, so a key that is found
   where it should not be names its owner, and leaving one label out takes access from one user.

   A fingerprint lets people see that two files hold the same key without showing it: the first half of an HMAC of a
   tag, which no address is made of, so that it says nothing about addresses.

   docs/OTIP2.md defines both. */
#include "libotip/otip_key.h"

#include <errno.h>
#include <nettle/base16.h>
#include <nettle/hkdf.h>
#include <nettle/hmac.h>
#include <nettle/sha2.h>
#include <string.h>

static const char user_salt[] = "ioth-otip2-user";
static const char fingerprint_tag[] = "ioth-otip2-fingerprint";

static bool is_label(const char *user)
{
    size_t len = strlen(user);

    if (len == 0 || len > OTIP_USER_MAX)
        return false;
    for (; *user; user++) {
        if ((unsigned char)*user < ' ' || *user == '\x7f')
            return false;
    }
    return true;
}

int otip_key_of_user(const uint8_t master[static OTIP_KEY_LEN], const char *user,
                     uint8_t ret[static OTIP_KEY_LEN])
{
    struct hmac_sha256_ctx mac;
    uint8_t prk[SHA256_DIGEST_SIZE];

    if (!is_label(user))
        return -EINVAL;
    hmac_sha256_set_key(&mac, strlen(user_salt), (const uint8_t *)user_salt);
    hkdf_extract(&mac, (nettle_hash_update_func *)hmac_sha256_update,
                 (nettle_hash_digest_func *)hmac_sha256_digest, sizeof(prk), OTIP_KEY_LEN, master, prk);
    hmac_sha256_set_key(&mac, sizeof(prk), prk);
    hkdf_expand(&mac, (nettle_hash_update_func *)hmac_sha256_update,
                (nettle_hash_digest_func *)hmac_sha256_digest, sizeof(prk), strlen(user),
                (const uint8_t *)user, OTIP_KEY_LEN, ret);
    explicit_bzero(&mac, sizeof(mac));
    explicit_bzero(prk, sizeof(prk));
    return 0;
}

void otip_key_fingerprint(const uint8_t key[static OTIP_KEY_LEN], char ret[static OTIP_FINGERPRINT_LEN + 1])
{
    struct hmac_sha256_ctx mac;
    uint8_t digest[OTIP_FINGERPRINT_LEN / 2];

    hmac_sha256_set_key(&mac, OTIP_KEY_LEN, key);
    hmac_sha256_update(&mac, strlen(fingerprint_tag), (const uint8_t *)fingerprint_tag);
    hmac_sha256_digest(&mac, sizeof(digest), digest);
    base16_encode_update(ret, sizeof(digest), digest);
    ret[OTIP_FINGERPRINT_LEN] = '\0';
    explicit_bzero(&mac, sizeof(mac));
}
