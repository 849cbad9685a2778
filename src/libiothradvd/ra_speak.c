/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See ra_core.h. This file knows what is said: the advertisement of RFC 4861 s6.2.3, from the entries as they are now.
 *
 * An advertisement that is larger than RA_MESSAGE_MAX goes out as several, each with the whole head and the source
 * link-layer address, so that each of them is right by itself. An option that is too large even for a message of its own
 * never gets here: the configuration tries (ra_option_fits).
 */
#include "libiothradvd/ra_speak.h"
#include "libiothradvd/ra_state.h"

#include <string.h>

static bool is_zero(const uint8_t mac[static 6])
{
    static const uint8_t zero[6];
    return memcmp(mac, zero, sizeof(zero)) == 0;
}

static void write_head(struct writer *w, const struct ra_core *ra)
{
    struct nd_message head = {.type = ND_ROUTER_ADVERT, .router = ra->settings.router};
    if (ra->job.final)
        head.router.lifetime_s = 0;
    if (head.router.lifetime_s == 0)
        head.router.preference = ND_MEDIUM; /* RFC 4191 s2.2: of a router that is no default router */
    nd_write(w, &head);
    if (ra->settings.source_mac && !is_zero(ra->place.mac)) {
        struct nd_option source = {.type = ND_SOURCE_MAC};
        memcpy(source.mac, ra->place.mac, sizeof(source.mac));
        nd_write_option(w, &source);
    }
}

/* False: it does not fit behind what is there; then nothing is written. */
static bool write_option(struct writer *w, const struct nd_option *option)
{
    struct writer before = *w;
    nd_write_option(w, option);
    if (!w->bad)
        return true;
    *w = before;
    return false;
}

bool ra_option_fits(const struct nd_option *option)
{
    uint8_t message[RA_MESSAGE_MAX];
    struct writer w = writer_of(message, sizeof(message));
    struct nd_message head = {.type = ND_ROUTER_ADVERT};
    struct nd_option source = {.type = ND_SOURCE_MAC};
    nd_write(&w, &head);
    nd_write_option(&w, &source);
    return write_option(&w, option);
}

size_t ra_speak(struct ra_core *ra)
{
    struct writer w = writer_of(ra->message, sizeof(ra->message));
    struct nd_option option = {.type = ND_MTU};
    write_head(&w, ra);
    size_t head_len = w.pos;
    if (!ra->job.repeated && ra->settings.mtu) {
        option.mtu = ra->settings.mtu;
        write_option(&w, &option);
    }
    ra->job.repeated = true;
    while (ra->job.next_entry < ra->entries.n) {
        const struct ra_entry *entry = &ra->entries.at[ra->job.next_entry];
        /* One that does not fit even behind the head alone is passed over: it must not stop the others. */
        if (ra_entry_say(entry, ra->now, ra->job.final, &option) && !write_option(&w, &option) &&
            w.pos > head_len)
            return w.pos;
        ra->job.next_entry++;
    }
    ra->job.under_way = false;
    return w.pos;
}
