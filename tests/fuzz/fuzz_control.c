/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The input is what a client says to a control socket. Nothing that a command writes can look like the end of its answer. */
#include "service_feed.h"

#include "io/control.h"

static enum control_result echo(struct control_call *call)
{
    FUZZ_ASSERT(call->n_words >= 1 && call->n_words <= 4);
    for (unsigned i = 0; i < call->n_words; i++)
        text_printf(&call->out, "%s\n", call->words[i]);
    return CONTROL_DONE;
}

static enum control_result many(struct control_call *call)
{
    if (!call->own)
        call->own = malloc(1);
    text_puts(&call->out, "ok\nerror none");
    return call->turn < 5 ? CONTROL_MORE : CONTROL_DONE;
}

static void end_many(struct control_call *call)
{
    free(call->own);
}

static enum control_result fail(struct control_call *call)
{
    strncat(call->why, call->words[1], 100);
    return CONTROL_FAILED;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct control_command commands[] = {
        {"echo", "[WORD...]", "says it again", 0, 3, echo, NULL},
        {"many", "", "in several pieces", 0, 0, many, end_many},
        {"fail", "WHY", "fails", 1, 1, fail, NULL},
        {.name = NULL},
    };
    struct control control;

    control_init(&control, commands, NULL);
    feed(&control.service, data, size);
    return 0;
}
