/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The secrets of rules for one-time addresses, which stand in the line or, behind an @, in a file; a file must be one
 * that nobody else can read (libotip/otip_file.h).
 *
 * otip has a password. otip2 has a key, of a file, and maybe that of one user, derived of it; or it has a password,
 * which gives the key of one name, so that the rule's domain must be a single name. That key is computed here, by
 * Argon2id, a tenth of a second for each such rule, and no query ever waits for it.
 */
#include "libiothnamed/config_build.h"
#include "libotip/otip_file.h"
#include "libotip/otip_key.h"
#include "libotip/otip_password.h"

#include <errno.h>
#include <string.h>

/* The word as text, not empty. NULL: it was reported. */
static const char *secret_text(struct builder *b, const struct word *word)
{
    const char *text = plain_text(b, word);

    if (!text)
        return NULL;
    if (text[0] == '\0')
        diag_error(b->diags, word->raw.at, "empty password, expected one");
    else if (strcmp(text, "@") == 0)
        diag_error(b->diags, word->raw.at, "'@' without a file, expected @FILE");
    else
        return text;
    return NULL;
}

/* The path and what is wrong with it. Returns false. */
static bool report_file(struct builder *b, const struct word *word, const char *path, const char *why)
{
    diag_error(b->diags, word->raw.at, "the secret %s: %s", path, why);
    return false;
}

static bool read_password_file(struct builder *b, const struct word *word, const char *path,
                               struct config_rule *rule)
{
    char password[OTIP_PASSWORD_MAX + 1], why[OTIP_WHY_MAX];

    if (otip_password_read(path, password, why) < 0)
        return report_file(b, word, path, why);
    rule->password = arena_text(&b->config->arena, password, strlen(password));
    explicit_bzero(password, sizeof(password));
    return got_memory(b, rule->password);
}

bool read_password(struct builder *b, const struct word *word, struct config_rule *rule)
{
    const char *text = secret_text(b, word);

    if (!text)
        return false;
    if (text[0] != '@') {
        rule->password = text;
        return true;
    }
    rule->secret_file = text + 1;
    const char *path = path_of(b, rule->secret_file);
    return path && read_password_file(b, word, path, rule);
}

/* The key that a password gives for the name of the rule. */
static bool derive_key(struct builder *b, const struct word *word, const struct config_rule *rule)
{
    char name[DNAME_TEXT_MAX];
    int err;

    if (!rule->domain.name.wire)
        return false; /* it is wrong, as has been said */
    if (rule->domain.kind != DOMAIN_NAME) {
        diag_error(
            b->diags, rule->domain_at,
            "a password of otip2 is that of one name, expected a name without a dot before it, or @KEYFILE");
        return false;
    }
    dname_to_text(rule->domain.name.wire, name);
    err = otip_key_of_password(rule->password, name, rule->key->bytes);
    if (err == -EINVAL)
        diag_error(b->diags, word->raw.at,
                   "expected a password of at most %d bytes, and a name that is not the root",
                   OTIP_PASSWORD_MAX);
    b->out_of_memory |= err == -ENOMEM;
    return err == 0;
}

static bool read_key_file(struct builder *b, const struct word *word, struct config_rule *rule)
{
    const char *path = path_of(b, rule->secret_file);
    char why[OTIP_WHY_MAX];

    if (!path)
        return false;
    return otip_key_read(path, rule->key->bytes, why) == 0 || report_file(b, word, path, why);
}

bool read_key(struct builder *b, const struct word *word, struct config_rule *rule)
{
    const char *text = secret_text(b, word);
    bool ok;

    rule->key = arena_alloc(&b->config->arena, sizeof(*rule->key));
    if (!got_memory(b, rule->key) || !text)
        return false;
    if (text[0] == '@') {
        rule->secret_file = text + 1;
        ok = read_key_file(b, word, rule);
    } else {
        rule->password = text;
        ok = derive_key(b, word, rule);
    }
    if (ok)
        otip2_key_init(&rule->key->ready, rule->key->bytes);
    return ok;
}

bool read_user(struct builder *b, const struct word *word, struct config_rule *rule)
{
    rule->user = plain_text(b, word);
    if (!rule->user)
        return false;
    if (!rule->secret_file) {
        diag_error(b->diags, word->raw.at,
                   "a user's key is derived of a key, expected @KEYFILE before it; a password with blanks "
                   "stands in quotes");
        return false;
    }
    if (otip_key_of_user(rule->key->bytes, rule->user, rule->key->bytes) < 0) {
        diag_error(b->diags, word->raw.at,
                   "expected the label of a user, 1 to %d bytes without control characters", OTIP_USER_MAX);
        return false;
    }
    otip2_key_init(&rule->key->ready, rule->key->bytes);
    return true;
}

void rule_wipe(struct config_rule *rule)
{
    if (rule->password)
        explicit_bzero((char *)(uintptr_t)rule->password, strlen(rule->password));
    if (rule->key)
        explicit_bzero(rule->key, sizeof(*rule->key));
}
