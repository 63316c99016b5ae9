/* SPDX-License-Identifier: MIT */
/* A fault as text: "accept4:EMFILE:1..40", "@read:short=1", "@write:delay=20ms", and the check that the
 * kernel could do such a thing. */
#include "inject/fault.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include "base/names.h"
#include "base/units.h"

#define FAULT_PART 64
#define FAULT_FORM "expected CALL:WHAT[:WINDOW][@WHERE], WHAT an errno, short=N or delay=TIME"

static const struct {
	const char *name;
	enum call_class class;
} classes[] = {
    {"@accept", CLASS_ACCEPT},
    {"@read", CLASS_READ},
    {"@write", CLASS_WRITE},
    {"@wait", CLASS_WAIT},
};

#define CLASSES (sizeof classes / sizeof *classes)

/* Takes the next part up to ':' or '@' (behind its first character, which a class has) into out. False when
 * it is too long to be anything. */
static bool take_part(const char **text, char out[FAULT_PART])
{
	size_t first = **text == '@', length = first + strcspn(*text + first, ":@");

	if (length >= FAULT_PART)
		return false;
	memcpy(out, *text, length);
	out[length] = '\0';
	*text += length;
	return true;
}

/* Digits only: strtoull alone would take "-1", " 1" and "0x1". */
static bool take_number(const char **text, uint64_t *ret_number)
{
	char *end;

	if (**text < '0' || **text > '9')
		return false;
	errno = 0;
	*ret_number = strtoull(*text, &end, 10);
	*text = end;
	return errno == 0;
}

static bool errno_listed(const char *list, const char *name)
{
	size_t length = strlen(name);

	for (const char *at = list; (at = strstr(at, name)); at += length)
		if ((at == list || at[-1] == ' ') && (at[length] == ' ' || at[length] == '\0'))
			return true;
	return false;
}

static bool row_allows(const struct fault_row *row, const struct fault *fault)
{
	const char *name = errno_name(fault->code);

	if (!fault->code)
		return fault->delay || row->shorten;
	return name && errno_listed(row->errnos, name);
}

bool fault_fits(const struct fault *fault, enum call call)
{
	if (fault->call != CALL_unknown ? fault->call != call : fault->class != call_class(call))
		return false;
	const struct fault_row *row = fault_row_find(call);
	return row && row_allows(row, fault);
}

bool fault_fits_op(const struct fault *fault, enum call call, uint64_t op)
{
	if (call != CALL_epoll_ctl)
		return true;
	switch (fault->code) {
	case ENOSPC:
	case ENOMEM:
	case EEXIST:
	case ELOOP:
		return op == EPOLL_CTL_ADD;
	case ENOENT:
		return op != EPOLL_CTL_ADD;
	default:
		return true;
	}
}

bool fault_possible(const struct fault *fault)
{
	for (size_t i = 0; i < fault_row_count; i++)
		if (fault_fits(fault, fault_rows[i].call))
			return true;
	return false;
}

static const char *fault_subject(const struct fault *fault)
{
	for (size_t i = 0; i < CLASSES; i++)
		if (fault->call == CALL_unknown && classes[i].class == fault->class)
			return classes[i].name;
	return call_name(fault->call);
}

static int parse_call(const char *name, struct fault *fault, struct error *error)
{
	for (size_t i = 0; i < CLASSES; i++) {
		if (strcmp(classes[i].name, name))
			continue;
		fault->class = classes[i].class;
		return 0;
	}
	if (name[0] == '@')
		return error_set(error, -EINVAL,
				 "unknown class '%s' (there are @accept, @read, @write, @wait)", name);
	if (!name[0])
		return error_set(error, -EINVAL, "no call named; " FAULT_FORM);
	fault->call = call_parse(name);
	if (fault->call == CALL_unknown)
		return error_set(error, -EINVAL, "unknown call '%s'", name);
	if (!fault_row_find(fault->call))
		return error_set(error, -EINVAL, "%s cannot be made to fail", name);
	fault->class = call_class(fault->call);
	return 0;
}

static int parse_short(const char *text, struct fault *fault, struct error *error)
{
	const char *at = text;

	if (!take_number(&at, &fault->shorten) || *at)
		return error_set(error, -EINVAL, "short=%s: not a number of bytes", text);
	if (!fault->shorten)
		return error_set(error, -EINVAL, "short=0: nothing left; the least is 1 byte");
	if (!fault_possible(fault))
		return error_set(error, -EINVAL, "%s cannot be shortened", fault_subject(fault));
	return 0;
}

static int parse_delay(const char *text, struct fault *fault, struct error *error)
{
	if (units_duration(text, &fault->delay) < 0)
		return error_set(error, -EINVAL, "delay=%s: not a time such as 20ms", text);
	if (!fault->delay)
		return error_set(error, -EINVAL, "delay=%s: no time at all", text);
	if (fault->delay > FAULT_DELAY_MOST)
		return error_set(error, -EINVAL, "delay=%s: more than 10s", text);
	return 0;
}

static int parse_what(const char *text, struct fault *fault, struct error *error)
{
	int code;

	if (!text[0])
		return error_set(error, -EINVAL, "no errno named; " FAULT_FORM);
	if (!strncmp(text, "short=", 6))
		return parse_short(text + 6, fault, error);
	if (!strncmp(text, "delay=", 6))
		return parse_delay(text + 6, fault, error);
	code = errno_parse(text);
	if (code <= 0)
		return error_set(error, -EINVAL, "unknown errno '%s'", text);
	fault->code = code;
	if (fault_possible(fault))
		return 0;
	if (fault->call == CALL_unknown)
		return error_set(error, -EINVAL, "no call of %s can give %s", fault_subject(fault), text);
	return error_set(error, -EINVAL, "%s cannot give %s, says %s (it can give %s)",
			 call_name(fault->call), text, fault_row_find(fault->call)->source,
			 fault_row_find(fault->call)->errnos);
}

/* first | first.. | first..last, each of the last two with +step. */
static int parse_window(const char *text, struct fault *fault, struct error *error)
{
	const char *at = text;

	if (!take_number(&at, &fault->first))
		return error_set(error, -EINVAL, "window '%s': expected FIRST[..[LAST][+STEP]]", text);
	fault->last = fault->first;
	if (!strncmp(at, "..", 2)) {
		at += 2;
		fault->last = 0;
		if (*at && *at != '+' && (!take_number(&at, &fault->last) || !fault->last))
			return error_set(error, -EINVAL, "window '%s': bad last call", text);
		if (*at == '+' && (++at, !take_number(&at, &fault->step)))
			return error_set(error, -EINVAL, "window '%s': bad step", text);
	}
	if (*at)
		return error_set(error, -EINVAL, "window '%s': '%s' is left over", text, at);
	if (!fault->first)
		return error_set(error, -EINVAL, "window '%s': calls are counted from 1", text);
	if (!fault->step)
		return error_set(error, -EINVAL, "window '%s': a step is at least 1", text);
	if (fault->last && fault->last < fault->first)
		return error_set(error, -EINVAL, "window '%s' runs backwards", text);
	return 0;
}

static bool means_connections(const struct fault *fault)
{
	return fault->call == CALL_unknown && (fault->class == CLASS_READ || fault->class == CLASS_WRITE);
}

/* "=N" up to most. */
static bool take_value(const char *text, uint64_t most, uint64_t *ret_value)
{
	return take_number(&text, ret_value) && !*text && *ret_value <= most;
}

static int parse_where(const char *text, struct fault *fault, struct error *error)
{
	uint64_t value;

	fault->accepted_only = !strcmp(text, "accepted");
	if (fault->accepted_only || !strcmp(text, "any"))
		return 0;
	if (!strncmp(text, "fd=", 3) && take_value(text + 3, INT32_MAX, &value)) {
		fault->fd = (int32_t)value;
		return 0;
	}
	if (!strncmp(text, "peer=", 5) && take_value(text + 5, UINT16_MAX, &value) && value) {
		fault->peer = (uint16_t)value;
		return 0;
	}
	return error_set(error, -EINVAL, "where '%s': expected fd=N, accepted, any or peer=PORT", text);
}

static int parse_rest(const char *text, struct fault *fault, struct error *error)
{
	char part[FAULT_PART];
	int ret = 0;

	if (*text == ':') {
		text++;
		if (!take_part(&text, part))
			return error_set(error, -EINVAL, "no window is that long");
		ret = parse_window(part, fault, error);
	}
	if (ret == 0 && *text == '@')
		return parse_where(text + 1, fault, error);
	if (ret == 0 && *text)
		ret = error_set(error, -EINVAL, "'%s' is left over", text);
	return ret;
}

static int parse_parts(const char *text, struct fault *fault, struct error *error)
{
	char part[FAULT_PART];
	int ret;

	if (!take_part(&text, part))
		return error_set(error, -EINVAL, "no call has such a long name");
	ret = parse_call(part, fault, error);
	if (ret < 0)
		return ret;
	if (*text++ != ':')
		return error_set(error, -EINVAL, "no errno named; " FAULT_FORM);
	if (!take_part(&text, part))
		return error_set(error, -EINVAL, "no errno has such a long name");
	ret = parse_what(part, fault, error);
	fault->accepted_only = means_connections(fault);
	return ret < 0 ? ret : parse_rest(text, fault, error);
}

int fault_parse(const char *text, struct fault *ret_fault, struct error *error)
{
	struct fault fault = {.first = 1, .step = 1, .fd = -1};
	int ret = parse_parts(text, &fault, error);

	if (ret < 0) {
		error_prefix(error, "fault '%.*s'", FAULT_PART, text);
		return ret;
	}
	*ret_fault = fault;
	return 0;
}

static void window_text(const struct fault *fault, char *out, size_t size)
{
	uint64_t first = fault->first ? fault->first : 1;
	char last[24] = "", step[24] = "";

	out[0] = '\0';
	if (first == 1 && !fault->last && fault->step <= 1)
		return;
	if (fault->last == first) {
		snprintf(out, size, ":%" PRIu64, first);
		return;
	}
	if (fault->last)
		snprintf(last, sizeof last, "%" PRIu64, fault->last);
	if (fault->step > 1)
		snprintf(step, sizeof step, "+%" PRIu64, fault->step);
	snprintf(out, size, ":%" PRIu64 "..%s%s", first, last, step);
}

/* In the largest unit that needs no fraction. */
static void delay_text(uint64_t ns, char *out, size_t size)
{
	static const struct {
		const char *name;
		uint64_t ns;
	} units[] = {{"s", NS_PER_S}, {"ms", NS_PER_MS}, {"us", NS_PER_US}, {"ns", 1}};
	size_t unit = 0;

	while (ns % units[unit].ns)
		unit++;
	snprintf(out, size, "delay=%" PRIu64 "%s", ns / units[unit].ns, units[unit].name);
}

static void what_text(const struct fault *fault, char *out, size_t size)
{
	const char *name = errno_name(fault->code);

	if (fault->delay)
		delay_text(fault->delay, out, size);
	else if (!fault->code)
		snprintf(out, size, "short=%" PRIu64, fault->shorten);
	else if (name)
		snprintf(out, size, "%s", name);
	else
		snprintf(out, size, "%d", fault->code);
}

static void where_text(const struct fault *fault, char *out, size_t size)
{
	out[0] = '\0';
	if (fault->fd >= 0)
		snprintf(out, size, "@fd=%" PRId32, fault->fd);
	else if (fault->peer)
		snprintf(out, size, "@peer=%u", fault->peer);
	else if (fault->accepted_only != means_connections(fault))
		snprintf(out, size, "@%s", fault->accepted_only ? "accepted" : "any");
}

char *fault_text(const struct fault *fault, char *out, size_t size)
{
	char window[80], what[32], where[24];

	window_text(fault, window, sizeof window);
	what_text(fault, what, sizeof what);
	where_text(fault, where, sizeof where);
	snprintf(out, size, "%s:%s%s%s", fault_subject(fault), what, window, where);
	return out;
}
