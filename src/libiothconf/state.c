/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What has been configured on a stack.

   -static, -ip without a value and ioth_resolvconf() need to know what earlier calls did. Each stack has a
   list of records, in the order in which they were configured: addresses, default routes, name servers,
   search domains. The list hangs on the stack itself (libioth/slot.h), so there is no table of stacks, two
   stacks never meet, and the list ends when its stack ends. It is a list because a stack has a handful of
   addresses.

   The list is about what this library did, not about what the stack has: an address that somebody removes by
   other means stays here until it is undone here, and undoing what is gone is no error.

   A stack may be configured by several threads. The lock protects the list alone and is never held during
   netlink dialogues; whoever undoes something takes its record out first. */
#include "libiothconf/state.h"
#include "libioth/slot.h"

#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct conf_state {
    pthread_mutex_t lock;
    struct conf_record *first;
    char *last_text; /* what conf_state_resolvconf() gave last; NULL: nothing yet */
};

static void state_free(void *data)
{
    struct conf_state *state = data;

    if (state == NULL)
        return;
    while (state->first != NULL) {
        struct conf_record *record = state->first;

        state->first = record->next;
        conf_record_free(record);
    }
    free(state->last_text);
    pthread_mutex_destroy(&state->lock);
    free(state);
}

int conf_state_get(struct ioth *stack, struct conf_state **ret)
{
    struct conf_state *attached = ioth_slot_attach(stack, NULL, NULL);
    struct conf_state *fresh = NULL;

    if (attached == NULL) {
        fresh = calloc(1, sizeof(*fresh));
        if (fresh == NULL)
            return -ENOMEM;
        pthread_mutex_init(&fresh->lock, NULL);
        attached = ioth_slot_attach(stack, fresh, state_free);
    }
    if (attached != fresh)
        state_free(fresh);
    *ret = attached;
    return 0;
}

struct conf_record *conf_record_new(enum conf_key key, unsigned ifindex, const struct conf_value *value)
{
    size_t domain_len = key == KEY_DOMAIN ? value->len : 0;
    struct conf_record *record = calloc(1, sizeof(*record) + domain_len + 1);

    if (record == NULL)
        return NULL;
    record->key = key;
    record->ifindex = ifindex;
    memcpy(record->domain, value->text, domain_len);
    if (key != KEY_DOMAIN) {
        record->family = value->family;
        record->prefixlen = value->prefixlen;
        memcpy(record->addr, value->addr, sizeof(record->addr));
    }
    return record;
}

void conf_record_free(struct conf_record *record)
{
    free(record);
}

static bool equal(const struct conf_record *a, const struct conf_record *b)
{
    return a->key == b->key && a->ifindex == b->ifindex && a->family == b->family &&
           a->prefixlen == b->prefixlen && memcmp(a->addr, b->addr, sizeof(a->addr)) == 0 &&
           strcmp(a->domain, b->domain) == 0;
}

/* The place that points to the record equal to `like`, or the end of the list. Called with the lock held. */
static struct conf_record **find(struct conf_state *state, const struct conf_record *like)
{
    struct conf_record **place = &state->first;

    while (*place != NULL && !equal(*place, like))
        place = &(*place)->next;
    return place;
}

/* Takes the record out that *place points to. Called with the lock held. */
static struct conf_record *unlink_record(struct conf_record **place)
{
    struct conf_record *record = *place;

    if (record != NULL)
        *place = record->next;
    return record;
}

bool conf_state_has(struct conf_state *state, const struct conf_record *record)
{
    bool has;

    pthread_mutex_lock(&state->lock);
    has = *find(state, record) != NULL;
    pthread_mutex_unlock(&state->lock);
    return has;
}

void conf_state_add(struct conf_state *state, struct conf_record *record)
{
    struct conf_record **place;

    pthread_mutex_lock(&state->lock);
    place = find(state, record);
    if (*place == NULL) {
        *place = record;
        record = NULL;
    }
    pthread_mutex_unlock(&state->lock);
    conf_record_free(record);
}

void conf_state_remove(struct conf_state *state, const struct conf_record *like)
{
    struct conf_record *record;

    pthread_mutex_lock(&state->lock);
    record = unlink_record(find(state, like));
    pthread_mutex_unlock(&state->lock);
    conf_record_free(record);
}

struct conf_record *conf_state_take(struct conf_state *state, enum conf_key key, unsigned ifindex)
{
    struct conf_record **place = &state->first;
    struct conf_record *record;

    pthread_mutex_lock(&state->lock);
    while (*place != NULL && ((*place)->key != key || (*place)->ifindex != ifindex))
        place = &(*place)->next;
    record = unlink_record(place);
    pthread_mutex_unlock(&state->lock);
    return record;
}

/* Writes the text for resolv.conf. Called with the lock held. */
static void write_resolvconf(FILE *out, const struct conf_record *first, unsigned ifindex)
{
    const char *separator = "search ";
    char addr[INET6_ADDRSTRLEN];

    for (const struct conf_record *r = first; r != NULL; r = r->next) {
        if (r->key == KEY_DNS && (ifindex == 0 || r->ifindex == 0 || r->ifindex == ifindex))
            fprintf(out, "nameserver %s\n", inet_ntop(r->family, r->addr, addr, sizeof(addr)));
    }
    for (const struct conf_record *r = first; r != NULL; r = r->next) {
        if (r->key == KEY_DOMAIN && (ifindex == 0 || r->ifindex == 0 || r->ifindex == ifindex)) {
            fprintf(out, "%s%s", separator, r->domain);
            separator = " ";
        }
    }
    if (*separator == ' ')
        fputc('\n', out);
}

/* The text in allocated memory, NULL: no memory. Called with the lock held. */
static char *resolvconf_text(const struct conf_record *first, unsigned ifindex)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);

    if (out == NULL)
        return NULL;
    write_resolvconf(out, first, ifindex);
    if (fclose(out) != 0) {
        free(text);
        return NULL;
    }
    return text;
}

/* Keeps a copy of the text as the last one given; true if it is another one. Called with the lock held. */
static int is_news(struct conf_state *state, const char *text)
{
    char *copy;

    if (strcmp(text, state->last_text != NULL ? state->last_text : "") == 0)
        return 0;
    copy = strdup(text);
    if (copy == NULL)
        return -ENOMEM;
    free(state->last_text);
    state->last_text = copy;
    return 1;
}

int conf_state_resolvconf(struct conf_state *state, unsigned ifindex, char **ret)
{
    char *text;
    int rc = -ENOMEM;

    pthread_mutex_lock(&state->lock);
    text = resolvconf_text(state->first, ifindex);
    if (text != NULL)
        rc = is_news(state, text);
    pthread_mutex_unlock(&state->lock);
    if (rc > 0)
        *ret = text;
    else
        free(text);
    return rc;
}
