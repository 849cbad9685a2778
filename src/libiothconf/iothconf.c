/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The public functions of libiothconf; see iothconf.h.

   Each of them first reads the whole string, so that one with a mistake at its end changes nothing. Inside,
   errors are negative errno; here they become -1 or NULL and errno.

   ioth_newstackc() copies stack= and all vnl= first, since ioth_newstackv() wants terminated strings and the
   values are slices of the configuration. */
#include <iothconf.h>

#include "libiothconf/apply.h"
#include "libiothconf/keepers.h"
#include "libiothconf/parse.h"
#include "libiothconf/state.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Reads the string to its end. Returns 0 or negative errno with the error in *p. */
static int check(struct conf_parser *p, const char *config)
{
    struct conf_item item;
    int rc;

    conf_parser_init(p, config);
    do
        rc = conf_parser_next(p, &item);
    while (rc > 0);
    return rc;
}

static int fail_with(int error)
{
    errno = -error;
    return -1;
}

int ioth_config_check(const char *config, size_t *ret_offset, char *errbuf, size_t errbuf_size)
{
    struct conf_parser parser;
    int rc = check(&parser, config);

    if (rc == 0)
        return 0;
    if (ret_offset != NULL)
        *ret_offset = parser.error_offset;
    if (errbuf != NULL && errbuf_size > 0)
        snprintf(errbuf, errbuf_size, "%s", parser.error);
    return fail_with(rc);
}

int ioth_config(struct ioth *stack, const char *config)
{
    struct conf_parser parser;
    int rc = check(&parser, config);

    if (rc == 0)
        rc = conf_apply(stack, config);
    return rc < 0 ? fail_with(rc) : rc;
}

char *ioth_resolvconf(struct ioth *stack, const char *config)
{
    struct conf_parser parser;
    struct conf_state *state;
    char *text = NULL;
    int ifindex = 0;
    int rc = check(&parser, config);

    if (rc == 0)
        rc = ifindex = conf_named_ifindex(stack, config);
    if (rc >= 0)
        rc = conf_state_get(stack, &state);
    if (rc >= 0)
        rc = conf_state_resolvconf(state, (unsigned)ifindex, &text);
    errno = rc < 0 ? -rc : 0;
    return text;
}

/* --- what runs on --- */

static int keepers_of(struct ioth *stack, struct keepers **ret)
{
    struct conf_state *state;
    int rc = conf_state_get(stack, &state);

    return rc < 0 ? rc : conf_state_keepers(state, ret);
}

int ioth_config_start(struct ioth *stack)
{
    struct keepers *keepers;
    int rc = keepers_of(stack, &keepers);

    if (rc == 0)
        rc = keepers_start(keepers);
    return rc < 0 ? fail_with(rc) : 0;
}

/* What has been made of the stack's keepers so far; NULL: nothing. */
static struct keepers *keepers_made(struct ioth *stack)
{
    struct conf_state *state;

    return conf_state_get(stack, &state) < 0 ? NULL : conf_state_keepers_made(state);
}

int ioth_config_stop(struct ioth *stack)
{
    struct keepers *keepers = keepers_made(stack);

    if (keepers != NULL)
        keepers_stop(keepers);
    return 0;
}

int ioth_config_fd(struct ioth *stack)
{
    struct keepers *keepers;
    int rc = keepers_of(stack, &keepers);

    return rc < 0 ? fail_with(rc) : keepers_fd(keepers);
}

int ioth_config_timeout(struct ioth *stack)
{
    struct keepers *keepers = keepers_made(stack);

    return keepers == NULL ? -1 : keepers_timeout_ms(keepers);
}

int ioth_config_dispatch(struct ioth *stack)
{
    struct keepers *keepers;
    int rc = keepers_of(stack, &keepers);

    return rc < 0 ? fail_with(rc) : keepers_dispatch(keepers);
}

int ioth_config_clients(struct ioth *stack)
{
    struct keepers *keepers = keepers_made(stack);

    return keepers == NULL ? 0 : keepers_clients(keepers);
}

unsigned ioth_config_changes(struct ioth *stack)
{
    struct keepers *keepers = keepers_made(stack);

    return keepers == NULL ? 0 : keepers_changes(keepers);
}

/* --- a stack from a string --- */

/* What ioth_newstackv() wants: the kind of stack, and the networks as a NULL-terminated array. */
struct stack_args {
    char *stack;
    char **vnlv;
    size_t vnl_count;
};

static void stack_args_fini(struct stack_args *args)
{
    for (size_t i = 0; i < args->vnl_count; i++)
        free(args->vnlv[i]);
    free(args->vnlv);
    free(args->stack);
}

static int set_stack(struct stack_args *args, const struct conf_value *value)
{
    free(args->stack);
    args->stack = strndup(value->text, value->len);
    return args->stack != NULL ? 0 : -ENOMEM;
}

static int add_vnl(struct stack_args *args, const struct conf_value *value)
{
    char **grown = reallocarray(args->vnlv, args->vnl_count + 2, sizeof(*grown));

    if (grown == NULL)
        return -ENOMEM;
    args->vnlv = grown;
    grown[args->vnl_count] = strndup(value->text, value->len);
    if (grown[args->vnl_count] == NULL)
        return -ENOMEM;
    grown[++args->vnl_count] = NULL;
    return 0;
}

static int gather_stack_args(const char *config, struct stack_args *args)
{
    struct conf_parser parser;
    struct conf_item item;
    int rc;

    conf_parser_init(&parser, config);
    while ((rc = conf_parser_next(&parser, &item)) > 0) {
        if (item.keyword->key == KEY_STACK)
            rc = set_stack(args, &item.value);
        else if (item.keyword->key == KEY_VNL)
            rc = add_vnl(args, &item.value);
        if (rc < 0)
            break;
    }
    return rc == 0 && args->stack == NULL ? -EINVAL : rc;
}

static struct ioth *new_stack(const struct stack_args *args)
{
    if (args->vnl_count == 0)
        return ioth_newstack(args->stack, NULL);
    return ioth_newstackv(args->stack, (const char **)args->vnlv);
}

struct ioth *ioth_newstackc(const char *config)
{
    struct stack_args args = {0};
    struct ioth *stack = NULL;
    int rc = gather_stack_args(config, &args);

    if (rc == 0) {
        errno = 0;
        stack = new_stack(&args);
        rc = stack != NULL ? conf_apply(stack, config) : errno != 0 ? -errno : -EINVAL;
    }
    stack_args_fini(&args);
    if (rc < 0) {
        if (stack != NULL)
            ioth_delstack(stack);
        errno = -rc;
        return NULL;
    }
    return stack;
}
