/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The input is what a program sends to the AF_NETLINK socket of a user-level stack. The first byte says how
 * far from an aligned address it stands. The stack's handlers read without checks; what comes back must be
 * messages that libnlq's client side takes, with the sequence number of a request. */
#include "fuzz.h"
#include "libnlq/fake_stack.h"
#include "wire/netlink.h"

static int read_all(struct nlmsghdr *msg, struct nlattr **attr, const void *argin, void *argout, void *argenv)
{
    struct nlattr *nested[4];
    unsigned type, i, sum = 0;

    (void)msg, (void)argin, (void)argenv;
    for (type = 0; type < NLQ_ATTRS; type++) {
        if (attr[type] == NULL)
            continue;
        for (i = 0; i < nlq_attrlen(attr[type]); i++)
            sum += ((const uint8_t *)nlq_attrdata(attr[type]))[i];
        nlq_parsexattr(attr[type], nested, 4);
    }
    *(unsigned *)argout += sum;
    return 0;
}

/* The same bytes as the answer to a request of ours. */
static void read_as_answer(const uint8_t *data, size_t size)
{
    struct nlq_msg *queue = NULL, *msg = nlq_createxattr();
    unsigned sum = 0;

    nlq_add(msg, data, (unsigned)size);
    nlq_enqueue(msg, &queue);
    nlq_server_process_rtreply(queue, read_all, NULL, &sum, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fake_stack stack;
    struct nlq_msg *replies, *reply;
    unsigned shift, sum = 0;
    uint8_t *exact;

    if (size < 1)
        return 0;
    shift = data[0] % 8;
    exact = malloc(shift + size);
    memcpy(exact + shift, data + 1, size - 1);
    fake_init(&stack, "fake0");
    replies = nlq_process_rtrequests(exact + shift, size - 1, fake_handlers, &stack);
    for (reply = nlq_head(replies); reply != NULL; reply = reply == replies ? NULL : reply->nlq_next) {
        FUZZ_ASSERT(reply->nlq_packet->nlmsg_len == reply->nlq_size);
        struct reader r = reader_of(reply->nlq_packet, reply->nlq_size);
        FUZZ_ASSERT(netlink_next_message(&r) != NULL && !r.bad);
    }
    FUZZ_ASSERT(replies == NULL ||
                nlq_server_process_rtreply(replies, read_all, NULL, &sum, NULL) != -EBADMSG);
    free(exact);
    read_as_answer(data, size);
    return 0;
}
