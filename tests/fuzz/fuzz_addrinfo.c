/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The input is a reply to questions of getaddrinfo and getnameinfo. Whatever name comes out is a host's, and no more
 * addresses come out than the message has room for. */
#include "fuzz.h"
#include "libiothdns/addrinfo_answer.h"
#include "libiothdns/answer.h"

static void check_name(const char *text)
{
    uint8_t name[DNAME_MAX];

    FUZZ_ASSERT(dname_from_text(text, strlen(text), name) > 0 && answer_is_host_name(name));
    for (; *text != '\0'; text++)
        FUZZ_ASSERT(*text > ' ' && *text != '\\' && *text < 0x7f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct gai_host host = {0};
    struct answer answer;
    char text[DNAME_TEXT_MAX];

    /* Names that are no host's are not asked for, and the name of a reply is the one asked for. */
    bool may_be_told = answer_open(data, size, &answer) == 0 && answer_is_host_name(answer.host);
    if (gai_read_addresses(data, size, RR_A, &host) == GAI_FOUND && may_be_told)
        check_name(host.canonical);
    FUZZ_ASSERT(gai_read_addresses(data, size, RR_AAAA, &host) <= GAI_SERVFAIL);
    FUZZ_ASSERT(host.count <= size / 12); /* the least bytes of a record of both types */
    gai_host_fini(&host);
    if (gai_read_pointer(data, size, text) == GAI_FOUND)
        check_name(text);
    return 0;
}
