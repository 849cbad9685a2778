/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the lines of a list say. Lists come from many hands, in these forms:
 *
 *   ads.example                       that name alone
 *   0.0.0.0 ads.example www.ads.example    a line of a hosts file: those names alone
 *   *.ads.example   .ads.example      the name and all below it
 *   ||ads.example^                    the same, as filters of browsers write it
 *   # comment   ! comment   [header]
 *
 * A hosts file gives the names that it blocks an address that leads nowhere: 0.0.0.0, ::, or a loopback. Some
 * lines of such files are for the host itself (`127.0.0.1 localhost`), those names are passed over; a line
 * with another address is a fault: somebody's own hosts file would block his own hosts.
 *
 * A name alone is that name alone, as Pi-hole, hosts files and response policy zones have it and as domains of
 * rules do. `*.` and `.` hold the name itself too, since the lists that are written so leave it out.
 *
 * A line that is not understood is passed over and reported, the first few of a file one by one.
 */
#include "libiothnamed/list.h"

#include "libiothnamed/diag.h"
#include "wire/dname.h"

#include <errno.h>
#include <string.h>

struct span {
    const char *text;
    size_t len;
};

enum { SHOWN_MAX = 64 };

/* --- faults --- */

/* For a message: cut when long, control bytes and what is not ASCII as '?'. */
static const char *shown(struct span s, char text[static SHOWN_MAX])
{
    size_t len = s.len < SHOWN_MAX - 4 ? s.len : SHOWN_MAX - 4;

    for (size_t i = 0; i < len; i++)
        text[i] = s.text[i] >= ' ' && s.text[i] < 0x7f ? s.text[i] : '?';
    strcpy(text + len, len < s.len ? "..." : "");
    return text;
}

static void fault(struct list_text *t, struct span s, const char *what)
{
    char text[SHOWN_MAX];

    if (t->bad++ < LIST_FAULTS_SHOWN)
        diag_warning_in(t->diags, t->path, t->line, "'%s' %s", shown(s, text), what);
}

void list_text_long_line(struct list_text *t)
{
    t->line++;
    fault(t, (struct span){"", 0}, "is the beginning of a line that is too long");
}

void list_text_end(struct list_text *t)
{
    if (t->bad > LIST_FAULTS_SHOWN)
        diag_warning_in(t->diags, t->path, 0, "%u more lines are not understood", t->bad - LIST_FAULTS_SHOWN);
    if (t->names.count == 0 && !t->out_of_memory)
        diag_warning_in(t->diags, t->path, 0, "there is no name in this list");
}

/* --- words --- */

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\v' || c == '\f';
}

/* The next word; its length is 0 at the end. */
static struct span next_word(struct span *rest)
{
    while (rest->len > 0 && is_blank(rest->text[0])) {
        rest->text++;
        rest->len--;
    }
    struct span word = {rest->text, 0};
    while (word.len < rest->len && !is_blank(rest->text[word.len]))
        word.len++;
    rest->text += word.len;
    rest->len -= word.len;
    return word;
}

static bool begins_with(struct span s, const char *prefix)
{
    size_t len = strlen(prefix);

    return s.len >= len && memcmp(s.text, prefix, len) == 0;
}

static struct span behind(struct span s, size_t bytes)
{
    return (struct span){s.text + bytes, s.len - bytes};
}

/* --- addresses --- */

/* `fe80::1%lo0` has an interface behind it. */
static bool is_addr(struct span s, struct ipaddr *ret)
{
    const char *zone = memchr(s.text, '%', s.len);

    if ((s.text[0] < '0' || s.text[0] > '9') && !memchr(s.text, ':', s.len))
        return false;
    return ipaddr_parse(s.text, zone ? (size_t)(zone - s.text) : s.len, ret) == 0;
}

/* 0.0.0.0, ::, 127.0.0.0/8 or ::1: hosts files send there what they block. */
static bool leads_nowhere(const struct ipaddr *addr)
{
    static const struct ipaddr any = {{0}}, loopback = {{[15] = 1}}, any_v4 = {{[10] = 0xff, [11] = 0xff}},
                               loopback_v4 = {{[10] = 0xff, [11] = 0xff, [12] = 127}};

    return ipaddr_equal(addr, &any) || ipaddr_equal(addr, &loopback) || ipaddr_equal(addr, &any_v4) ||
           ipaddr_same_prefix(addr, &loopback_v4, 96 + 8);
}

/* Names that hosts files have for the host itself and its links. */
static bool is_own_name(struct span s)
{
    static const char *const names[] = {
        "localhost",
        "localhost.localdomain",
        "localhost6",
        "localhost6.localdomain6",
        "localhost4",
        "local",
        "broadcasthost",
        "0.0.0.0",
        "localhost4.localdomain4",
        "ip6-localhost",
        "ip6-loopback",
        "ip6-localnet",
        "ip6-mcastprefix",
        "ip6-allnodes",
        "ip6-allrouters",
        "ip6-allhosts",
    };

    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
        if (s.len == strlen(names[i]) && memcmp(s.text, names[i], s.len) == 0)
            return true;
    return false;
}

/* --- names --- */

/* Letters, digits, - and _, in lower case; 0: not among the bytes that names in lists have. */
static uint8_t name_byte(char c)
{
    if (c >= 'A' && c <= 'Z')
        return (uint8_t)(c | 0x20);
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ? (uint8_t)c : 0;
}

/* From text to wire form, lower case; a final dot is optional. The length, or -EINVAL. */
static int plain_name(struct span s, uint8_t name[static DNAME_MAX])
{
    size_t at = 1, label = 0; /* `label`: where its length goes */

    if (s.len > 0 && s.text[s.len - 1] == '.')
        s.len--;
    if (s.len == 0 || s.len > DNAME_MAX - 2)
        return -EINVAL;
    for (size_t i = 0; i <= s.len; i++) {
        if (i < s.len && s.text[i] != '.') {
            name[at] = name_byte(s.text[i]);
            if (name[at++] == 0)
                return -EINVAL;
            continue;
        }
        size_t len = at - label - 1;
        if (len == 0 || len > DNAME_LABEL_MAX)
            return -EINVAL;
        name[label] = (uint8_t)len;
        label = at++;
    }
    name[label] = 0;
    return (int)at;
}

/* Other bytes must be escaped. */
static int escaped_name(struct span s, uint8_t name[static DNAME_MAX])
{
    for (size_t i = 0; i < s.len; i++) {
        bool escaped = s.text[i] == '\\' && i + 1 < s.len;
        if (!escaped && s.text[i] != '.' && name_byte(s.text[i]) == 0)
            return -EINVAL;
        i += escaped;
    }
    int len = dname_from_text(s.text, s.len, name);
    if (len > 0)
        dname_lower(name, name, (size_t)len);
    return len > 1 ? len : -EINVAL; /* the root would be everything */
}

static void add_name(struct list_text *t, struct span word)
{
    uint8_t name[DNAME_MAX];
    struct ipaddr addr;
    struct span text = word;

    if (begins_with(word, "||") && word.text[word.len - 1] == '^')
        text = (struct span){word.text + 2, word.len - 3};
    else if (begins_with(word, "*."))
        text = behind(word, 2);
    else if (begins_with(word, "."))
        text = behind(word, 1);
    bool tree = text.len < word.len;
    if (text.len > 0 && is_addr(text, &addr)) {
        fault(t, word, "is an address, expected a name");
        return;
    }
    int len = memchr(text.text, '\\', text.len) ? escaped_name(text, name) : plain_name(text, name);
    if (len < 0)
        fault(t, word, "is no name");
    else if (list_draft_add(&t->names, name, (size_t)len, tree) < 0)
        t->out_of_memory = true;
}

/* --- lines --- */

/* What stands behind the address of a hosts file. */
static void add_hosts(struct list_text *t, struct span word, const struct ipaddr *addr, struct span rest)
{
    bool blocks = leads_nowhere(addr);
    struct span name = next_word(&rest);

    if (name.len == 0)
        fault(t, word, "is an address, expected a name");
    for (; name.len > 0; name = next_word(&rest)) {
        if (is_own_name(name))
            continue;
        if (!blocks) {
            fault(t, word, "gives a name an address, expected 0.0.0.0 or no address");
            return;
        }
        add_name(t, name);
    }
}

void list_text_line(struct list_text *t, const char *line, size_t len)
{
    static const char byte_order_mark[] = "\xef\xbb\xbf";
    const char *comment = memchr(line, '#', len);
    struct span rest = {line, comment ? (size_t)(comment - line) : len};
    struct ipaddr addr;

    if (t->line++ == 0 && begins_with(rest, byte_order_mark))
        rest = behind(rest, strlen(byte_order_mark));
    struct span word = next_word(&rest);
    if (word.len == 0 || word.text[0] == '!' || word.text[0] == '[')
        return;
    if (is_addr(word, &addr)) {
        add_hosts(t, word, &addr, rest);
        return;
    }
    struct span second = next_word(&rest);
    if (second.len > 0)
        fault(t, second, "stands behind a name, expected one name a line");
    else
        add_name(t, word);
}
