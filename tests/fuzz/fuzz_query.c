/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Any bytes as a received query: nothing is read outside of them, and what is said about them holds. */
#include "fuzz.h"
#include "wire/dnsmsg.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct dns_query query;

    if (size > DNS_MSG_MAX || dns_parse_query(data, size, &query) < 0)
        return 0;
    FUZZ_ASSERT(size >= DNS_HEADER_LEN && (query.header.flags & DNS_QR) == 0);
    FUZZ_ASSERT(query.has_question == ((query.header.flags & DNS_OPCODE) == 0));
    if (query.has_question)
        FUZZ_ASSERT(query.header.qdcount == 1 && dname_len(query.question.name) == query.question.name_len);
    if (query.edns.present)
        FUZZ_ASSERT(query.edns.options_off + (size_t)query.edns.options_len <= size);
    return 0;
}
