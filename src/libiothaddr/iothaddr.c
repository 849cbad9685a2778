/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* From a name to an address.

   Everything starts from one digest: MD5 of the name in lower case, then the password if there is one, then
   the number of the epoch as four big-endian bytes if it is not 0. MD5 serves as a mixing function that
   clients and servers agree upon, not as a signature: an address is 64 bits that everybody sees.

   - hash based and one-time addresses: the first 8 bytes of the digest, over the interface identifier of a
   base;
   - MAC addresses: digest bytes 0 1 2 5 6 7, so that the EUI-64 made from the MAC resembles the hash based
   address;
   - EUI-64 addresses: the MAC with ff:fe in its middle, RFC 4291 appendix A.

   The digest runs for each query of a DNS server, so nothing is allocated and nothing is kept between calls:
   the name goes through a small buffer that lowers it piece by piece, whatever its length.

   The functions that take C strings drop one final dot; iothaddr_hash_bytes() takes the bytes as they are. */
#include "iothaddr.h"
#include "libiothaddr/hashname.h"

#include <nettle/md5.h>
#include <string.h>

enum {
    MAC_LEN = 6,
    IID_OFFSET = 8, /* where the interface identifier begins in an IPv6 address */
    IID_LEN = 8,
};

/* Bits of the first byte of a MAC address and of an interface identifier. */
enum {
    GROUP_BIT = 0x01,
    LOCAL_BIT = 0x02,
};

static uint8_t to_lower(uint8_t byte)
{
    return byte >= 'A' && byte <= 'Z' ? (uint8_t)(byte + ('a' - 'A')) : byte;
}

static void update_lower(struct md5_ctx *md5, const uint8_t *name, size_t len)
{
    uint8_t piece[MD5_BLOCK_SIZE];

    while (len > 0) {
        size_t n = len < sizeof(piece) ? len : sizeof(piece);

        for (size_t i = 0; i < n; i++)
            piece[i] = to_lower(name[i]);
        md5_update(md5, n, piece);
        name += n;
        len -= n;
    }
}

static void digest_name(uint8_t digest[static MD5_DIGEST_SIZE], const void *name, size_t name_len,
                        const char *passwd, uint32_t otiptime)
{
    struct md5_ctx md5;

    md5_init(&md5);
    update_lower(&md5, name, name_len);
    if (passwd != NULL)
        md5_update(&md5, strlen(passwd), (const uint8_t *)passwd);
    if (otiptime != 0) {
        uint8_t counter[4] = {(uint8_t)(otiptime >> 24), (uint8_t)(otiptime >> 16), (uint8_t)(otiptime >> 8),
                              (uint8_t)otiptime};

        md5_update(&md5, sizeof(counter), counter);
    }
    md5_digest(&md5, MD5_DIGEST_SIZE, digest);
}

/* Length of a name in text form without its final dot. */
static size_t text_len(const char *name)
{
    size_t len = strlen(name);

    return len > 0 && name[len - 1] == '.' ? len - 1 : len;
}

void iothaddr_hash_bytes(uint8_t addr[static 16], const void *name, size_t name_len, const char *passwd,
                         uint32_t otiptime)
{
    uint8_t digest[MD5_DIGEST_SIZE];

    digest_name(digest, name, name_len, passwd, otiptime);
    for (size_t i = 0; i < IID_LEN; i++)
        addr[IID_OFFSET + i] ^= digest[i];
    addr[IID_OFFSET] &= (uint8_t) ~(LOCAL_BIT | GROUP_BIT);
}

void iothaddr_hash(void *addr, const char *name, const char *passwd, uint32_t otiptime)
{
    iothaddr_hash_bytes(addr, name, text_len(name), passwd, otiptime);
}

void iothaddr_hashmac(void *mac, const char *name, const char *passwd)
{
    uint8_t digest[MD5_DIGEST_SIZE];
    uint8_t *byte = mac;

    digest_name(digest, name, text_len(name), passwd, 0);
    memcpy(byte, digest, 3);
    memcpy(byte + 3, digest + 5, 3);
    byte[0] = (uint8_t)((byte[0] | LOCAL_BIT) & ~GROUP_BIT);
}

void iothaddr_eui64(void *addr, void *mac)
{
    uint8_t *iid = (uint8_t *)addr + IID_OFFSET;
    const uint8_t *byte = mac;

    memcpy(iid, byte, 3);
    iid[0] ^= LOCAL_BIT;
    iid[3] = 0xff;
    iid[4] = 0xfe;
    for (size_t i = 0; i < 3; i++)
        iid[5 + i] ^= byte[3 + i];
}

void iothaddr_hasheui64(void *addr, const char *name, const char *passwd)
{
    uint8_t mac[MAC_LEN];

    iothaddr_hashmac(mac, name, passwd);
    iothaddr_eui64(addr, mac);
}
