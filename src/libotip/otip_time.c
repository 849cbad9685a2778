/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reads a time that stands on a command line: seconds since 1970 behind an @, as date(1) has it, or ISO 8601.

   The text is read from left to right by functions that take what they know and step over it; what is left at the end is a
   mistake. The days of a month are counted, and a leap second (60) is taken for the first second of the next minute, as
   the clock has it. Where no zone is named the time is local, which mktime() knows. */
#include "libotip/otip_time.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    SECS_PER_MIN = 60,
    SECS_PER_HOUR = 3600,
    TM_YEAR_BASE = 1900,
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Exactly `digits` digits, of a number from min to max. */
static bool take_number(const char **at, unsigned digits, int min, int max, int *ret)
{
    int number = 0;

    for (unsigned i = 0; i < digits; i++, (*at)++) {
        if (!is_digit(**at))
            return false;
        number = 10 * number + (**at - '0');
    }
    *ret = number;
    return number >= min && number <= max;
}

static bool take_char(const char **at, const char *any_of)
{
    if (**at == '\0' || !strchr(any_of, **at))
        return false;
    (*at)++;
    return true;
}

static int days_of(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);

    return days[month - 1] + (month == 2 && leap);
}

static bool take_date(const char **at, struct tm *tm)
{
    int year, month;

    if (!take_number(at, 4, 1, 9999, &year) || !take_char(at, "-") || !take_number(at, 2, 1, 12, &month) ||
        !take_char(at, "-") || !take_number(at, 2, 1, days_of(year, month), &tm->tm_mday))
        return false;
    tm->tm_year = year - TM_YEAR_BASE;
    tm->tm_mon = month - 1;
    return true;
}

static bool take_seconds(const char **at, struct tm *tm)
{
    if (!take_number(at, 2, 0, SECS_PER_MIN, &tm->tm_sec))
        return false;
    if (!take_char(at, ".,"))
        return true;
    if (!is_digit(**at))
        return false;
    while (is_digit(**at))
        (*at)++;
    return true;
}

static bool take_clock(const char **at, struct tm *tm)
{
    return take_number(at, 2, 0, 23, &tm->tm_hour) && take_char(at, ":") &&
           take_number(at, 2, 0, 59, &tm->tm_min) && (!take_char(at, ":") || take_seconds(at, tm));
}

/* +HH:MM, +HHMM or +HH, or the same with a minus, in seconds east of Greenwich. */
static bool take_offset(const char **at, int *ret_s)
{
    int sign = **at == '-' ? -1 : 1, hours, minutes = 0;

    if (!take_char(at, "+-") || !take_number(at, 2, 0, 23, &hours))
        return false;
    if (**at != '\0') {
        take_char(at, ":");
        if (!take_number(at, 2, 0, 59, &minutes))
            return false;
    }
    *ret_s = sign * (hours * SECS_PER_HOUR + minutes * SECS_PER_MIN);
    return true;
}

static int parse_iso(const char *text, int64_t *ret_s)
{
    struct tm tm = {.tm_isdst = -1};
    const char *at = text;
    int offset_s = 0;

    if (!take_date(&at, &tm) || !take_char(&at, "Tt ") || !take_clock(&at, &tm))
        return -EINVAL;
    if (*at == '\0') {
        *ret_s = mktime(&tm);
        return 0;
    }
    if ((!take_char(&at, "Zz") && !take_offset(&at, &offset_s)) || *at != '\0')
        return -EINVAL;
    *ret_s = (int64_t)timegm(&tm) - offset_s;
    return 0;
}

int otip_time_parse(const char *text, int64_t *ret_s)
{
    const char *number = text + 1;
    char *end;
    long long seconds;

    if (text[0] != '@')
        return parse_iso(text, ret_s);
    if (!is_digit(*number) && !(*number == '-' && is_digit(number[1])))
        return -EINVAL;
    errno = 0;
    seconds = strtoll(number, &end, 10);
    if (errno != 0 || *end != '\0')
        return -EINVAL;
    *ret_s = seconds;
    return 0;
}
