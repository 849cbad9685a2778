/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What has been configured on a stack.

   -static, -ip without a value and ioth_resolvconf() need to know what earlier calls did. Each stack has a list of records:
   addresses, default routes, name servers, search domains of the strings, in the order in which they were configured; then the
   name servers and search domains that clients have learnt, source by source. The list hangs on the stack itself
   (libioth/slot.h), so there is no table of stacks, two stacks never meet, and the list ends when its stack ends. It is a list
   because a stack has a handful of addresses.

   The list is about what this library did, not about what the stack has: an address that somebody removes by
   other means stays here until it is undone here, and undoing what is gone is no error.

   The keepers of the stack's interfaces hang here too. When the stack is deleted they stand still, let go of their
   sockets, and end (struct slot_hooks).

   A stack may be configured by several threads. The lock protects the list alone and is never held during
   netlink dialogues; whoever undoes something takes its record out first. */
#include "libiothconf/state.h"
#include "base/ipaddr.h"
#include "libioth/slot.h"
#include "libiothconf/keepers.h"

#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct conf_state {
    struct ioth *stack; /* NULL: the kernel's */
    pthread_mutex_t lock;
    struct keepers *keepers; /* NULL: not needed yet */
    struct conf_record *first;
    char *last_text; /* what conf_state_resolvconf() gave last; NULL: nothing yet */
};

static void free_records(struct conf_record *first)
{
    while (first != NULL) {
        struct conf_record *record = first;

        first = record->next;
        conf_record_free(record);
    }
}

static void state_free(void *data)
{
    struct conf_state *state = data;

    if (state == NULL)
        return;
    keepers_free(state->keepers);
    free_records(state->first);
    free(state->last_text);
    pthread_mutex_destroy(&state->lock);
    free(state);
}

/* --- how it ends with its stack --- */

static int state_hold(void *data)
{
    return keepers_hold(conf_state_keepers_made(data));
}

static void state_resume(void *data)
{
    keepers_resume(conf_state_keepers_made(data));
}

static void state_finish(void *data)
{
    struct conf_state *state = data;

    keepers_free(state->keepers);
    state->keepers = NULL;
}

static const struct slot_hooks hooks = {state_hold, state_resume, state_finish, state_free};

int conf_state_get(struct ioth *stack, struct conf_state **ret)
{
    struct conf_state *attached, *fresh = NULL;

    if (stack == NULL)
        stack = ioth_get_defstack();
    attached = ioth_slot_attach(stack, NULL, NULL);
    if (attached == NULL) {
        fresh = calloc(1, sizeof(*fresh));
        if (fresh == NULL)
            return -ENOMEM;
        fresh->stack = stack;
        pthread_mutex_init(&fresh->lock, NULL);
        attached = ioth_slot_attach(stack, fresh, &hooks);
    }
    if (attached != fresh)
        state_free(fresh);
    *ret = attached;
    return 0;
}

struct keepers *conf_state_keepers_made(struct conf_state *state)
{
    struct keepers *keepers;

    pthread_mutex_lock(&state->lock);
    keepers = state->keepers;
    pthread_mutex_unlock(&state->lock);
    return keepers;
}

int conf_state_keepers(struct conf_state *state, struct keepers **ret)
{
    int rc = 0;

    pthread_mutex_lock(&state->lock);
    if (state->keepers == NULL)
        rc = keepers_new(state->stack, state, &state->keepers);
    if (rc == 0)
        *ret = state->keepers;
    pthread_mutex_unlock(&state->lock);
    return rc;
}

struct conf_record *conf_record_new(enum conf_key key, unsigned ifindex, const struct conf_value *value)
{
    size_t domain_len = key == KEY_DOMAIN ? value->len : 0;
    struct conf_record *record = calloc(1, sizeof(*record) + domain_len + 1);

    if (record == NULL)
        return NULL;
    record->key = key;
    record->ifindex = ifindex;
    if (key == KEY_DOMAIN) {
        memcpy(record->domain, value->text, domain_len);
    } else {
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
    return a->source == b->source && a->key == b->key && a->ifindex == b->ifindex && a->family == b->family &&
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

/* The end of the records of a source and of those before it. Called with the lock held. */
static struct conf_record **end_of(struct conf_state *state, enum conf_source source)
{
    struct conf_record **place = &state->first;

    while (*place != NULL && (*place)->source <= source)
        place = &(*place)->next;
    return place;
}

void conf_state_add(struct conf_state *state, struct conf_record *record)
{
    pthread_mutex_lock(&state->lock);
    if (*find(state, record) == NULL) {
        struct conf_record **place = end_of(state, record->source);

        record->next = *place;
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
    while (*place != NULL &&
           ((*place)->source != CONF_STATIC || (*place)->key != key || (*place)->ifindex != ifindex))
        place = &(*place)->next;
    record = unlink_record(place);
    pthread_mutex_unlock(&state->lock);
    return record;
}

/* --- names that clients have learnt --- */

static struct conf_record *learnt_server(const struct ipaddr *addr, const char *ifname)
{
    struct conf_value value = {.family = ipaddr_is_v4(addr) ? AF_INET : AF_INET6};
    struct conf_record *record;

    if (value.family == AF_INET)
        memcpy(value.addr, addr->b + 12, 4);
    else
        memcpy(value.addr, addr->b, sizeof(value.addr));
    record = conf_record_new(KEY_DNS, 0, &value);
    if (record != NULL && value.family == AF_INET6 && addr->b[0] == 0xfe && (addr->b[1] & 0xc0) == 0x80)
        snprintf(record->scope, sizeof(record->scope), "%s", ifname);
    return record;
}

static struct conf_record *learnt_domain(const uint8_t *name)
{
    char text[DNAME_TEXT_MAX];
    struct conf_value value = {.text = dname_to_text(name, text)};

    value.len = strlen(text);
    return conf_record_new(KEY_DOMAIN, 0, &value);
}

/* Makes the records of what a client has learnt. Returns 0 and the list, or -ENOMEM. */
static int learnt_records(enum conf_source source, unsigned ifindex, const char *ifname,
                          const struct client_names *names, struct conf_record **ret)
{
    struct conf_record *first = NULL, **end = &first;
    unsigned n = names == NULL ? 0 : names->n_servers + names->n_domains;

    for (unsigned i = 0; i < n; i++) {
        *end = i < names->n_servers ? learnt_server(&names->servers[i], ifname)
                                    : learnt_domain(names->domains[i - names->n_servers]);
        if (*end == NULL) {
            free_records(first);
            return -ENOMEM;
        }
        (*end)->source = source;
        (*end)->ifindex = ifindex;
        end = &(*end)->next;
    }
    *ret = first;
    return 0;
}

/* Takes the records of a source and interface out, as a list. Called with the lock held. */
static struct conf_record *unlink_learnt(struct conf_state *state, enum conf_source source, unsigned ifindex)
{
    struct conf_record *taken = NULL, **end = &taken, **place = &state->first;

    while (*place != NULL) {
        if ((*place)->source != source || (*place)->ifindex != ifindex) {
            place = &(*place)->next;
            continue;
        }
        *end = unlink_record(place);
        end = &(*end)->next;
        *end = NULL;
    }
    return taken;
}

int conf_state_set_names(struct conf_state *state, enum conf_source source, unsigned ifindex,
                         const char *ifname, const struct client_names *names)
{
    struct conf_record *fresh, *old, **last;
    int rc = learnt_records(source, ifindex, ifname, names, &fresh);

    if (rc < 0)
        return rc;
    pthread_mutex_lock(&state->lock);
    old = unlink_learnt(state, source, ifindex);
    for (last = &fresh; *last != NULL; last = &(*last)->next)
        ;
    struct conf_record **place = end_of(state, source);
    *last = *place;
    *place = fresh;
    pthread_mutex_unlock(&state->lock);
    free_records(old);
    return 0;
}

/* --- resolv.conf --- */

/* Does the record count for that interface (0: for all)? */
static bool concerns(const struct conf_record *r, enum conf_key key, unsigned ifindex)
{
    return r->key == key && (ifindex == 0 || r->ifindex == 0 || r->ifindex == ifindex);
}

/* Has a record before this one said the same, perhaps of another interface or source? */
static bool is_said(const struct conf_record *first, const struct conf_record *record, unsigned ifindex)
{
    const struct conf_record *r = first;

    while (r != record && !(concerns(r, record->key, ifindex) && r->family == record->family &&
                            memcmp(r->addr, record->addr, sizeof(r->addr)) == 0 &&
                            strcmp(r->scope, record->scope) == 0 && strcmp(r->domain, record->domain) == 0))
        r = r->next;
    return r != record;
}

/* Writes the text for resolv.conf. Called with the lock held. */
static void write_resolvconf(FILE *out, const struct conf_record *first, unsigned ifindex)
{
    const char *separator = "search ";
    char addr[INET6_ADDRSTRLEN];

    for (const struct conf_record *r = first; r != NULL; r = r->next) {
        if (concerns(r, KEY_DNS, ifindex) && !is_said(first, r, ifindex))
            fprintf(out, "nameserver %s%s%s\n", inet_ntop(r->family, r->addr, addr, sizeof(addr)),
                    r->scope[0] != '\0' ? "%" : "", r->scope);
    }
    for (const struct conf_record *r = first; r != NULL; r = r->next) {
        if (concerns(r, KEY_DOMAIN, ifindex) && !is_said(first, r, ifindex)) {
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
