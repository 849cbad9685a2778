/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Notes are told at most one in NOTE_PAUSE, the first of those that come together, so that clients cannot fill a log. A claim
 * that has ended makes room for others; once in SWEEP_PAUSE all of them are told, one with each call.
 */
#include "libnamedhcp/dhcp_aside.h"

#include <stdio.h>
#include <string.h>

#define NOTE_PAUSE  (10 * NSEC_PER_SEC)
#define SWEEP_PAUSE (3600 * NSEC_PER_SEC) /* claims last for a day and more */

void dhcp_aside_note(struct dhcp_aside *a, nsec_t now, const uint8_t *identity, size_t identity_len,
                     const char *what, const uint8_t *name)
{
    char text[DNAME_TEXT_MAX] = "", client[2 * SERVER_IDENTITY_MAX + 1] = "";

    if (a->note[0] != '\0' || now < a->note_at)
        return;
    a->note_at = now + NOTE_PAUSE;
    for (size_t i = 0; i < identity_len && i < SERVER_IDENTITY_MAX; i++)
        snprintf(client + 2 * i, 3, "%02x", identity[i]);
    if (name)
        dname_to_text(name, text);
    snprintf(a->note, sizeof(a->note), "client %s %s%s%s", client, what, name ? ": " : "", text);
}

void dhcp_aside_timeout(struct dhcp_aside *a, nsec_t now)
{
    if (a->sweep_at > now)
        return;
    a->sweep_at = now + SWEEP_PAUSE;
    a->sweeping = true;
}

enum server_event_kind dhcp_aside_next(struct dhcp_aside *a, struct name_policy *names, int64_t now_s,
                                       struct server_event *ret)
{
    *ret = (struct server_event){.kind = SERVER_NONE};
    a->claim = (struct server_lease){.state = SERVER_LEASE_CLAIM};
    a->sweeping = a->sweeping && name_policy_expire(names, now_s, a->claim.name);
    if (a->sweeping) {
        *ret = (struct server_event){.kind = SERVER_FORGET, .lease = &a->claim};
    } else if (a->note[0] != '\0') {
        *ret = (struct server_event){.kind = SERVER_NOTE, .text = a->note_told};
        memcpy(a->note_told, a->note, sizeof(a->note));
        a->note[0] = '\0';
    }
    return ret->kind;
}
