/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What can happen at a time, a row each:
 *
 *   start, kill, leave, replug NODE      it comes back; it is gone; it says farewell and is gone; its cable was out for a moment
 *   set NODE WORD [VALUE]                one of its words, from now on
 *   configure NODE                       another configuration: the indented lines below
 *   clock NODE +TIME | -TIME             its wall clock jumps
 *   faults LINK FAULTS, calm LINK        the link has these faults; has its own again
 *   partition LINK NODE...               these nodes and the others on the link do not hear each other; heal LINK
 *   expect HOST = ADDR | nothing         it has this address; it has none
 *   expect HOST lacks ADDR               it does not have this one
 *   expect HOST finds NAME = WHAT        it asks the DNS: an address (AAAA), a name (of an address: PTR), truth (something,
 *                                        and every answer is checked), nothing, failure
 *   expect well                          each host has all that the network gives it
 *   examine                              each host finds others, forward and back, by each name server
 */
#include "scenario.h"

#include "words.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static char *copy_of(const char *text)
{
    char *copy = strdup(text);

    if (!copy)
        abort();
    return copy;
}

static int find_node(struct world *w, const char *name, struct node **ret, char why[static WORLD_WHY_MAX])
{
    *ret = world_node(w, name);
    if (*ret)
        return 0;
    snprintf(why, WORLD_WHY_MAX, "there is no node '%.80s'", name);
    return -EINVAL;
}

static int find_link(struct world *w, const char *name, struct link **ret, char why[static WORLD_WHY_MAX])
{
    *ret = world_link(w, name);
    if (*ret)
        return 0;
    snprintf(why, WORLD_WHY_MAX, "there is no link '%.80s'", name);
    return -EINVAL;
}

/* --- nodes --- */

static int read_node(struct world *w, const struct scenario_line *l, struct action *a,
                     char why[static WORLD_WHY_MAX])
{
    return find_node(w, l->words[3], &a->node, why);
}

static void act_start(struct world *w, struct action *a)
{
    (void)w;
    node_start(a->node);
}

static void act_kill(struct world *w, struct action *a)
{
    (void)w;
    node_kill(a->node);
}

static void act_leave(struct world *w, struct action *a)
{
    (void)w;
    node_leave(a->node);
}

static void act_replug(struct world *w, struct action *a)
{
    (void)w;
    if (!a->node->up || !a->node->kind->replug)
        return;
    world_say(a->node, "is unplugged and plugged in again");
    a->node->kind->replug(a->node);
    node_changed(a->node);
}

static int read_set(struct world *w, const struct scenario_line *l, struct action *a,
                    char why[static WORLD_WHY_MAX])
{
    if (find_node(w, l->words[3], &a->node, why) < 0)
        return -EINVAL;
    a->text = copy_of(l->words[4]);
    a->more = l->n > 5 ? copy_of(l->words[5]) : NULL;
    return 0;
}

/* A word that is none is noticed when its time has come: words of a node may depend on what it is by then. */
static void act_set(struct world *w, struct action *a)
{
    char why[WORLD_WHY_MAX];

    world_say(a->node, "is set to %s %s", a->text, a->more ? a->more : "");
    if (a->node->kind->option(a->node, a->text, a->more, why) < 0) {
        w->line = a->line;
        world_break(w, "%s", why);
    }
    node_changed(a->node);
}

static int read_configure(struct world *w, const struct scenario_line *l, struct action *a,
                          char why[static WORLD_WHY_MAX])
{
    if (find_node(w, l->words[3], &a->node, why) < 0)
        return -EINVAL;
    return a->node->kind->configure ? 0 : word_is_no(l->words[3], "node with a configuration", why);
}

static void act_configure(struct world *w, struct action *a)
{
    char why[WORLD_WHY_MAX];

    world_say(a->node, "is configured anew");
    if (a->node->kind->configure(a->node, a->text ? a->text : "", why) < 0) {
        w->line = a->line;
        world_break(w, "%s", why);
    }
    node_changed(a->node);
}

static int read_clock(struct world *w, const struct scenario_line *l, struct action *a,
                      char why[static WORLD_WHY_MAX])
{
    const char *step = l->words[4];
    nsec_t time;

    if (find_node(w, l->words[3], &a->node, why) < 0)
        return -EINVAL;
    if ((step[0] != '+' && step[0] != '-') || word_time(step + 1, &time) < 0)
        return word_is_no(step, "step of a clock, such as +3h or -90s", why);
    a->number = (step[0] == '-' ? -1 : 1) * (time / NSEC_PER_SEC);
    return 0;
}

static void act_clock(struct world *w, struct action *a)
{
    (void)w;
    world_say(a->node, "has its clock changed by %lld s", (long long)a->number);
    a->node->wall_step_s += a->number;
    if (a->node
            ->up) /* services are told of a step by their timers (TFD_TIMER_CANCEL_ON_SET), or look at the clock in time */
        a->node->kind->timeout(a->node);
    node_changed(a->node);
}

/* --- links --- */

static int read_faults(struct world *w, const struct scenario_line *l, struct action *a,
                       char why[static WORLD_WHY_MAX])
{
    if (find_link(w, l->words[3], &a->link, why) < 0)
        return -EINVAL;
    a->faults = a->link->calm;
    return scenario_faults(l, 4, &a->faults, why);
}

static void act_faults(struct world *w, struct action *a)
{
    (void)w;
    a->link->faults = a->faults;
    simlink_set_faults(a->link->sim, &a->faults);
}

static int read_link(struct world *w, const struct scenario_line *l, struct action *a,
                     char why[static WORLD_WHY_MAX])
{
    return find_link(w, l->words[3], &a->link, why);
}

static void act_calm(struct world *w, struct action *a)
{
    (void)w;
    a->link->faults = a->link->calm;
    simlink_set_faults(a->link->sim, &a->link->calm);
}

static int read_partition(struct world *w, const struct scenario_line *l, struct action *a,
                          char why[static WORLD_WHY_MAX])
{
    char text[SCENARIO_LINE_MAX] = "";

    if (find_link(w, l->words[3], &a->link, why) < 0)
        return -EINVAL;
    for (unsigned i = 4; i < l->n; i++) {
        struct node *n;
        if (find_node(w, l->words[i], &n, why) < 0)
            return -EINVAL;
        size_t at = strlen(text);
        snprintf(text + at, sizeof(text) - at, "%u ", n->number);
    }
    a->text = copy_of(text);
    return 0;
}

static void act_heal(struct world *w, struct action *a)
{
    for (unsigned i = 0; i < w->n_nodes; i++)
        if (w->nodes[i]->link == a->link)
            w->nodes[i]->side = 0;
}

static void act_partition(struct world *w, struct action *a)
{
    char *end;

    act_heal(w, a);
    for (const char *at = a->text; *at; at = end + 1)
        w->nodes[strtoul(at, &end, 10)]->side = 1;
}

/* --- expectations --- */

static int read_expect(struct world *w, const struct scenario_line *l, struct action *a,
                       char why[static WORLD_WHY_MAX])
{
    if (l->n == 4 && strcmp(l->words[3], "well") == 0)
        return 0;
    if (find_node(w, l->words[3], &a->node, why) < 0)
        return -EINVAL;
    if (a->node->kind != &kind_host)
        return word_is_no(l->words[3], "host", why);
    bool is = l->n == 6 && strcmp(l->words[4], "=") == 0,
         lacks = l->n == 6 && strcmp(l->words[4], "lacks") == 0;
    bool finds = l->n == 8 && strcmp(l->words[4], "finds") == 0 && strcmp(l->words[6], "=") == 0;
    if (!is && !lacks && !finds) {
        snprintf(why, WORLD_WHY_MAX,
                 "expected: HOST = ADDR, HOST lacks ADDR, HOST finds NAME = WHAT, or well");
        return -EINVAL;
    }
    struct ipaddr addr;
    const char *value = l->words[l->n - 1];
    if (!finds && strcmp(value, "nothing") != 0 && ipaddr_parse(value, strlen(value), &addr) < 0)
        return word_is_no(value, "address", why);
    a->number = lacks;
    a->text = copy_of(value);
    a->more = finds ? copy_of(l->words[5]) : NULL;
    return 0;
}

static void all_are_well(struct world *w, const struct action *a)
{
    char why[WORLD_WHY_MAX];

    for (unsigned i = 0; i < w->n_nodes && !w->broken; i++)
        if (w->nodes[i]->kind == &kind_host && w->nodes[i]->up && !host_is_well(w->nodes[i], why)) {
            w->line = a->line;
            world_break(w, "%s", why);
        }
}

static void act_expect(struct world *w, struct action *a)
{
    struct ipaddr addr;

    if (!a->node) {
        all_are_well(w, a);
        return;
    }
    if (a->more) {
        host_must_find(a->node, a->more, a->text, a->line);
        return;
    }
    bool nothing = strcmp(a->text, "nothing") == 0;
    bool has = nothing ? a->node->up && host_has_address(a->node)
                       : ipaddr_parse(a->text, strlen(a->text), &addr) == 0 && node_holds(a->node, &addr);
    bool wanted = !nothing && !a->number;
    if (has == wanted)
        return;
    w->line = a->line;
    if (nothing)
        world_break(w, "%s has an address", a->node->name);
    else
        world_break(w, "%s %s %s", a->node->name, has ? "has" : "does not have", a->text);
}

static int read_nothing(struct world *w, const struct scenario_line *l, struct action *a,
                        char why[static WORLD_WHY_MAX])
{
    (void)w, (void)a;
    return l->n == 3 ? 0 : word_is_no(l->words[3], "word that may stand here", why);
}

static void act_examine(struct world *w, struct action *a)
{
    (void)a;
    for (unsigned i = 0; i < w->n_nodes && !w->broken; i++)
        if (w->nodes[i]->kind == &kind_host && w->nodes[i]->up)
            host_examine(w->nodes[i]);
}

const struct verb verbs[] = {
    {"start", "NODE", 1, read_node, act_start, false},
    {"kill", "NODE", 1, read_node, act_kill, false},
    {"leave", "NODE", 1, read_node, act_leave, false},
    {"replug", "NODE", 1, read_node, act_replug, false},
    {"set", "NODE WORD [VALUE]", 2, read_set, act_set, false},
    {"configure", "NODE, and its configuration in indented lines below", 1, read_configure, act_configure,
     true},
    {"clock", "NODE +TIME, or -TIME", 2, read_clock, act_clock, false},
    {"faults", "LINK FAULTS", 3, read_faults, act_faults, false},
    {"calm", "LINK", 1, read_link, act_calm, false},
    {"partition", "LINK NODE...", 2, read_partition, act_partition, false},
    {"heal", "LINK", 1, read_link, act_heal, false},
    {"expect", "WHAT", 1, read_expect, act_expect, false},
    {"examine", "", 0, read_nothing, act_examine, false},
    {.word = NULL},
};
