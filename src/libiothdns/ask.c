/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A thread asks some questions and waits for them. It takes a channel from the handle, uses it alone, and puts it back, so
 * any number of threads ask at once, and what one of them has learnt about the servers the next one knows.
 */
#include "base/clock.h"
#include "libiothdns/ask.h"
#include "libiothdns/channel.h"

#include <errno.h>
#include <stdlib.h>

static bool all_over(const struct channel_question *q, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        if (!q[i].over)
            return false;
    }
    return true;
}

/* A question that could not be asked is over. */
static void start(struct channel *ch, const struct resolvconf *conf, const struct resolve_question *question,
                  int flags, struct channel_question *q)
{
    int error = channel_ask(ch, conf, question->name, question->type, flags, q);

    if (error < 0) {
        q->over = true;
        q->error = error;
    }
}

/* Waits for all, which are over then. */
static void wait_for(struct channel *ch, struct channel_question *q, unsigned count, nsec_t deadline)
{
    while (!all_over(q, count) && monotonic_now() < deadline) {
        if (channel_wait(ch, deadline) < 0)
            break;
    }
    for (unsigned i = 0; i < count; i++)
        channel_cancel(ch, &q[i]);
}

int ask_all(struct iothdns *d, const struct resolvconf *conf, struct resolve_question *questions,
            unsigned count, int flags, nsec_t deadline)
{
    struct channel_question q[RESOLVE_MAX] = {0};
    unsigned at_once = conf->single_request ? 1 : count;
    struct channel *ch;

    if (count == 0 || count > RESOLVE_MAX)
        return -EINVAL;
    int error = channel_take(d, &ch);
    if (error < 0)
        return error;
    for (unsigned i = 0; i < count; i += at_once) {
        for (unsigned j = i; j < i + at_once; j++)
            start(ch, conf, &questions[j], flags, &q[j]);
        wait_for(ch, q + i, at_once, deadline);
    }
    channel_give(d, ch);
    for (unsigned i = 0; i < count; i++) {
        questions[i].error = q[i].error;
        questions[i].reply = q[i].reply;
        questions[i].reply_len = q[i].reply_len;
    }
    return 0;
}

int resolve_all(struct iothdns *d, const struct resolvconf *conf, struct resolve_question *questions,
                unsigned count)
{
    return ask_all(d, conf, questions, count, 0, ask_deadline(d, -1));
}

void resolve_free(struct resolve_question *questions, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        free(questions[i].reply);
        questions[i].reply = NULL;
        questions[i].reply_len = 0;
    }
}

nsec_t ask_deadline(struct iothdns *d, int timeout_ms)
{
    int most = atomic_load(&d->timeout_ms);

    if (timeout_ms < 0 || (most >= 0 && most < timeout_ms))
        timeout_ms = most;
    return timeout_ms < 0 ? NSEC_NEVER : monotonic_now() + timeout_ms * NSEC_PER_MSEC;
}

int ask_verdict(const struct resolve_question *question)
{
    if (question->error < 0)
        return question->error;
    return (get_be16(question->reply + 2) & DNS_RCODE) == RCODE_NXDOMAIN ? -ENOENT : 0;
}
