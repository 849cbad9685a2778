/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Lines end with LF or CRLF, the last one also with the end of the text. Words are separated by blanks and
 * tabs. A '#' at the beginning of a word starts a comment; inside a word or quotes it is a character like
 * others, so that passwords and texts may hold it.
 *
 * A quote, ' or ", opens at the beginning of a word, or behind a '=' in it (key="a b", as record types and
 * stacks have them), and closes with the same character; elsewhere it is an ordinary character, as in "it's".
 * A backslash inside quotes hides the quote behind it. Quotes around a whole word are taken off and must be
 * followed by a blank; escapes stay, since their meaning depends on what the word is.
 *
 * A line that has an unreadable byte is not taken apart: each such line gives one error. A byte order mark at the
 * very beginning, which some editors write, is skipped. Columns count
 * bytes.
 */
#include "libiothnamed/config_lex.h"

#include "libiothnamed/config_numbering.h"

#include <errno.h>
#include <string.h>

struct lexer lexer_of(const char *text, size_t len, struct arena *arena)
{
    static const char byte_order_mark[] = "\xef\xbb\xbf";
    size_t mark_len = strlen(byte_order_mark);
    bool marked = len >= mark_len && memcmp(text, byte_order_mark, mark_len) == 0;

    return (struct lexer){.text = text, .len = len, .pos = marked ? mark_len : 0, .arena = arena};
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static bool is_quote(char c)
{
    return c == '\'' || c == '"';
}

/* The next line without its end; false: there is none. */
static bool take_line(struct lexer *lexer, struct piece *ret)
{
    if (lexer->pos >= lexer->len)
        return false;
    const char *start = lexer->text + lexer->pos;
    size_t left = lexer->len - lexer->pos;
    const char *newline = memchr(start, '\n', left);
    size_t len = newline ? (size_t)(newline - start) : left;

    lexer->pos += newline ? len + 1 : len;
    lexer->number++;
    if (len > 0 && start[len - 1] == '\r')
        len--;
    *ret = (struct piece){start, len, {lexer->number, 1}};
    return true;
}

static bool is_text(struct piece line, struct diags *diags)
{
    if (line.len > CONFIG_LINE_MAX) {
        diag_error(diags, place_right(line.at, CONFIG_LINE_MAX),
                   "the line has %zu bytes, expected at most %d", line.len, CONFIG_LINE_MAX);
        return false;
    }
    for (size_t i = 0; i < line.len; i++) {
        unsigned char byte = (unsigned char)line.text[i];
        if ((byte < ' ' && byte != '\t') || byte == 0x7f) {
            diag_error(diags, place_right(line.at, i), "control character 0x%02x, expected text", byte);
            return false;
        }
    }
    return true;
}

/* Behind the quote that closes the one at `from`; 0: there is none. */
static size_t behind_quotes(struct piece line, size_t from)
{
    for (size_t i = from + 1; i < line.len; i++) {
        if (line.text[i] == line.text[from])
            return i + 1;
        if (line.text[i] == '\\')
            i++;
    }
    return 0;
}

/* Behind the word that starts at `from`; 0: a quote in it, at *ret_open, is not closed. */
static size_t behind_word(struct piece line, size_t from, size_t *ret_open)
{
    size_t i = from;

    while (i < line.len && !is_blank(line.text[i])) {
        bool opens = is_quote(line.text[i]) && (i == from || line.text[i - 1] == '=');
        size_t behind = opens ? behind_quotes(line, i) : i + 1;
        if (behind == 0) {
            *ret_open = i;
            return 0;
        }
        i = behind;
        if (is_quote(line.text[from]))
            break; /* the quotes are around the whole word */
    }
    return i;
}

/* Appends the word at `from`. Returns the end of it; 0: it is wrong, and reported. */
static size_t add_word(struct line *line, struct word *words, struct piece text, size_t from,
                       struct diags *diags)
{
    size_t open = from;
    size_t end = behind_word(text, from, &open);

    if (end == 0) {
        diag_error(diags, place_right(text.at, open),
                   "quote without an end, expected another %c in this line", text.text[open]);
        return 0;
    }
    struct word word = {.raw = piece_part(text, from, end - from)};
    word.value = word.raw;
    if (is_quote(text.text[from])) {
        word.quote = text.text[from];
        word.value = piece_part(word.raw, 1, word.raw.len - 2);
        if (end < text.len && !is_blank(text.text[end])) {
            diag_error(diags, place_right(text.at, end), "text behind a closing quote, expected a blank");
            return 0;
        }
    }
    words[line->n_words++] = word;
    line->end = place_right(text.at, end);
    return end;
}

static bool more_words(struct lexer *lexer)
{
    struct word *words = array_more(lexer->arena, lexer->words, lexer->words_size, sizeof(*words));

    if (!words)
        return false;
    lexer->words = words;
    lexer->words_size = lexer->words_size > 0 ? lexer->words_size * 2 : ARRAY_MIN;
    return true;
}

/* 1; 0: the line is wrong, and reported; -ENOMEM. */
static int split(struct lexer *lexer, struct piece text, struct diags *diags, struct line *line)
{
    for (size_t pos = 0; pos < text.len;) {
        if (is_blank(text.text[pos])) {
            pos++;
            continue;
        }
        if (text.text[pos] == '#')
            break;
        if (line->n_words == lexer->words_size && !more_words(lexer))
            return -ENOMEM;
        pos = add_word(line, lexer->words, text, pos, diags);
        if (pos == 0)
            return 0;
    }
    line->words = lexer->words;
    return 1;
}

int lexer_next(struct lexer *lexer, struct diags *diags, struct line *ret)
{
    struct piece text;

    while (take_line(lexer, &text)) {
        struct line line = {0};
        int result = is_text(text, diags) ? split(lexer, text, diags, &line) : 0;
        if (result < 0)
            return result;
        if (result == 0 || line.n_words == 0)
            continue;
        *ret = line;
        return 1;
    }
    return 0;
}

struct piece line_rest(const struct line *line, unsigned first)
{
    const struct piece *start = &line->words[first].raw, *last = &line->words[line->n_words - 1].raw;

    return (struct piece){start->text, (size_t)(last->text + last->len - start->text), start->at};
}
