/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A message of neighbour discovery: hop limit and source, then the ICMPv6 message. What can be read can be written, and
 * what was written is read as the same and written as the same bytes. Its checksum fits.
 */
#include "fuzz.h"
#include "wire/nd.h"

enum { SIZE = 8192 };

static void read_names(const struct nd_option *option)
{
    struct reader names = option->dnssl.names;
    uint8_t name[DNAME_MAX];
    unsigned n = 0;

    while (nd_next_name(&names, name))
        FUZZ_ASSERT(++n <= ND_OPTION_MAX && dname_len(name) <= DNAME_MAX);
    FUZZ_ASSERT(n > 0 && !names.bad);
}

static void check_option(const struct nd_option *option)
{
    if (option->type == ND_DNSSL)
        read_names(option);
    else if (option->type == ND_PREFIX)
        FUZZ_ASSERT(option->prefix.bits <= 128);
    else if (option->type == ND_ROUTE)
        FUZZ_ASSERT(option->route.bits <= 128);
    else if (option->type == ND_RDNSS)
        FUZZ_ASSERT(option->rdnss.n > 0 && option->rdnss.servers);
    else if (option->type == ND_ENCRYPTED_DNS)
        FUZZ_ASSERT(dname_len(option->encrypted_dns.name) <= DNAME_MAX);
}

/* The message anew, to `out`; its length. */
static size_t rewrite(const struct nd_message *msg, uint8_t out[static SIZE])
{
    struct writer w = writer_of(out, SIZE);
    struct reader options = msg->options;
    struct nd_option option;

    nd_write(&w, msg);
    while (nd_next_option(&options, &option)) {
        check_option(&option);
        nd_write_option(&w, &option);
    }
    FUZZ_ASSERT(!options.bad && !w.bad);
    return w.pos;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t first[SIZE], second[SIZE];
    struct reader r = reader_of(data, size);
    uint8_t hop_limit = reader_u8(&r);
    const uint8_t *from = reader_take(&r, sizeof(struct ipaddr));
    struct nd_message msg, again;
    struct ipaddr source;

    if (!from || reader_left(&r) > SIZE / 2 || nd_read(data + r.pos, reader_left(&r), &msg) < 0)
        return 0;
    memcpy(&source, from, sizeof(source));
    nd_is_valid(&msg, &source, NULL, hop_limit);
    size_t len = rewrite(&msg, first);
    nd_set_checksum(&source, &nd_all_nodes, first, len);
    FUZZ_ASSERT(nd_checksum(&source, &nd_all_nodes, first, len) == 0);
    FUZZ_ASSERT(nd_read(first, len, &again) == 0);
    FUZZ_ASSERT(rewrite(&again, second) == len && memcmp(first + 4, second + 4, len - 4) == 0);
    return 0;
}
