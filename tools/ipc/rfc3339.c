/*
 * Moments as RFC 3339 writes them, over the C library's calendar.
 * Touches nothing but memory. Nothing to lock.
 */
#include "rfc3339.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

enum { NS_DIGITS = 9, NS_PER_S = 1000000000 };

bool rfc3339_format(const msgpack_timestamp *moment, char text[RFC3339_MAX])
{
    time_t seconds = (time_t)moment->tv_sec;
    struct tm day;
    if (moment->tv_nsec >= NS_PER_S || !gmtime_r(&seconds, &day) || day.tm_year < -1900 || day.tm_year > 9999 - 1900) {
        return false;
    }
    int length = snprintf(text, RFC3339_MAX, "%04d-%02d-%02dT%02d:%02d:%02d.%09u", day.tm_year + 1900, day.tm_mon + 1,
                          day.tm_mday, day.tm_hour, day.tm_min, day.tm_sec, moment->tv_nsec);
    while (text[length - 1] == '0') {
        length--;
    }
    length -= text[length - 1] == '.';
    memcpy(text + length, "Z", sizeof "Z");
    return true;
}

/* ---- reading ---- */

struct reader {
    const char *at;
    const char *end;
    bool good;
};

/* That many digits. */
static int digits(struct reader *r, int count)
{
    int number = 0;
    for (int i = 0; i < count; i++) {
        if (r->at == r->end || *r->at < '0' || *r->at > '9') {
            r->good = false;
            return 0;
        }
        number = 10 * number + (*r->at++ - '0');
    }
    return number;
}

/* One of these characters: which, or NUL. */
static char one_of(struct reader *r, const char *set)
{
    if (r->at == r->end || !*r->at || !strchr(set, *r->at)) {
        r->good = false;
        return '\0';
    }
    return *r->at++;
}

static uint32_t fraction(struct reader *r)
{
    if (r->at == r->end || *r->at != '.') {
        return 0;
    }
    r->at++;
    uint32_t ns = (uint32_t)digits(r, 1);
    for (int i = 1; i < NS_DIGITS; i++) {
        bool more = r->at < r->end && *r->at >= '0' && *r->at <= '9';
        ns = 10 * ns + (more ? (uint32_t)(*r->at++ - '0') : 0);
    }
    return ns;
}

/* Seconds east of UTC. */
static int offset(struct reader *r)
{
    char sign = one_of(r, "Zz+-");
    if (sign != '+' && sign != '-') {
        return 0;
    }
    int hours = digits(r, 2);
    one_of(r, ":");
    int minutes = digits(r, 2);
    r->good = r->good && hours < 24 && minutes < 60;
    int seconds = (60 * hours + minutes) * 60;
    return sign == '-' ? -seconds : seconds;
}

static struct tm date_and_time(struct reader *r)
{
    struct tm day = {0};
    day.tm_year = digits(r, 4) - 1900;
    one_of(r, "-");
    day.tm_mon = digits(r, 2) - 1;
    one_of(r, "-");
    day.tm_mday = digits(r, 2);
    one_of(r, "Tt ");
    day.tm_hour = digits(r, 2);
    one_of(r, ":");
    day.tm_min = digits(r, 2);
    one_of(r, ":");
    day.tm_sec = digits(r, 2);
    r->good = r->good && day.tm_hour < 24 && day.tm_min < 60 && day.tm_sec <= 60;
    return day;
}

bool rfc3339_parse(const char *text, size_t length, msgpack_timestamp *moment)
{
    struct reader r = {text, text + length, true};
    struct tm day = date_and_time(&r);
    moment->tv_nsec = fraction(&r);
    int east = offset(&r);
    if (!r.good || r.at != r.end) {
        return false;
    }
    /* The calendar mends what is no date: then it is another one. A leap second is the next minute's first. */
    struct tm date = {.tm_year = day.tm_year, .tm_mon = day.tm_mon, .tm_mday = day.tm_mday};
    int64_t midnight = timegm(&date);
    if (date.tm_mon != day.tm_mon || date.tm_mday != day.tm_mday) {
        return false;
    }
    moment->tv_sec = midnight + (60 * day.tm_hour + day.tm_min) * 60 + day.tm_sec - east;
    return true;
}
