/* SPDX-License-Identifier: MIT */
#include "cli/session.h"

#include <errno.h>
#include <langinfo.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>
#include "base/clock.h"
#include "cli/say.h"

/* Text that lives as long as the process, made once. */
static const char *kernel_name(void)
{
	static struct utsname system;

	if (!system.release[0] && uname(&system) < 0)
		return "unknown";
	return system.release;
}

void session_head(const struct settings *settings, struct report_head *ret_head)
{
	*ret_head = (struct report_head){
	    .version = WRINGER_VERSION,
	    .kernel = kernel_name(),
	    .target = "command",
	    .protocol = settings->protocol,
	    .watch = settings->watch,
	    .ignores = &settings->ignores,
	    .seed = settings->seed,
	    .started = time(NULL),
	    .targets = 1,
	    .rounds = (uint32_t)settings->repeat,
	};
}

static const char *path_of(const struct settings *settings, const struct report_ops *ops)
{
	const struct {
		const char *name, *path;
	} paths[] = {{"json", settings->json},
		     {"junit", settings->junit},
		     {"tap", settings->tap},
		     {"html", settings->html}};

	for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++)
		if (strcmp(paths[i].name, ops->name) == 0)
			return paths[i].path;
	return NULL;
}

/* How many reports want standard output. */
static unsigned to_stdout(const struct settings *settings)
{
	unsigned count = 0;

	for (const struct report_ops *const *ops = report_list; *ops; ops++) {
		const char *path = path_of(settings, *ops);
		count += path && strcmp(path, "-") == 0;
	}
	return count;
}

static bool plain_terminal(FILE *out)
{
	const char *kind = getenv("TERM");

	return isatty(fileno(out)) && kind && strcmp(kind, "dumb") != 0;
}

static bool wants_color(enum color color, FILE *out)
{
	const char *refused = getenv("NO_COLOR");

	switch (color) {
	case COLOR_ALWAYS:
		return true;
	case COLOR_NEVER:
		return false;
	case COLOR_AUTO:
		return plain_terminal(out) && !(refused && *refused);
	}
	return false;
}

void session_style(const struct settings *settings, FILE *out, struct style *ret_style)
{
	*ret_style = (struct style){
	    .color = wants_color(settings->color, out),
	    .utf8 = strcmp(nl_langinfo(CODESET), "UTF-8") == 0,
	    .columns = 100,
	};
}

static int open_terminal(const struct settings *settings, FILE *out, struct session *session,
			 struct error *error)
{
	struct terminal_options options = {
	    .out = out,
	    .color = wants_color(settings->color, out),
	    .progress = plain_terminal(out) && !settings->no_progress && !settings->quiet,
	    .quiet = settings->quiet || settings->few_lines,
	    .utf8 = strcmp(nl_langinfo(CODESET), "UTF-8") == 0,
	    .verbose = (int)settings->verbose,
	};

	session->terminal = terminal_new(&options, session->head);
	return session->terminal ? 0 : error_set(error, -ENOMEM, "out of memory");
}

static int open_files(const struct settings *settings, struct session *session, struct error *error)
{
	int r = 0;

	for (size_t i = 0; r == 0 && report_list[i] && i < SESSION_REPORTS; i++) {
		const char *path = path_of(settings, report_list[i]);
		if (path)
			r = report_open(report_list[i], path, session->head, &session->files[i], error);
	}
	return r;
}

static void abandon(struct session *session)
{
	for (size_t i = 0; i < SESSION_REPORTS; i++)
		report_free(session->files[i]);
	terminal_free(session->terminal);
	*session = (struct session){0};
}

int session_open(const struct settings *settings, const struct report_head *head, bool quiet_stdout,
		 struct session *ret_session, struct error *error)
{
	unsigned piped = to_stdout(settings);
	int r;

	*ret_session = (struct session){.head = head, .began = clock_now()};
	if (piped > 1)
		return error_set(error, -EINVAL, "only one report can go to standard output");
	r = open_terminal(settings, quiet_stdout || piped ? stderr : stdout, ret_session, error);
	if (r == 0)
		r = open_files(settings, ret_session, error);
	if (r < 0)
		abandon(ret_session);
	return r;
}

/* The first trouble is the one that explains the others. */
static void note_trouble(struct session *session, const struct error *error)
{
	if (session->trouble.code == 0)
		session->trouble = *error;
}

void session_case(struct session *session, const struct result *result)
{
	suite_count(&session->totals, result->verdict);
	for (size_t i = 0; i < SESSION_REPORTS; i++) {
		struct error error = {0};
		if (session->files[i] && report_add(session->files[i], result, &error) < 0)
			note_trouble(session, &error);
	}
	terminal_case(session->terminal, result);
}

void session_progress(struct session *session, const struct suite_progress *progress)
{
	for (size_t i = 0; i < SESSION_REPORTS; i++) {
		struct error error = {0};
		if (session->files[i] && report_tick(session->files[i], &error) < 0)
			note_trouble(session, &error);
	}
	terminal_progress(session->terminal, progress);
}

void session_print(struct session *session, const char *text)
{
	terminal_print(session->terminal, text);
}

bool session_close(struct session *session, const struct suite_totals *totals)
{
	double seconds = clock_seconds(clock_now() - session->began);

	terminal_end(session->terminal, totals, seconds);
	for (size_t i = 0; i < SESSION_REPORTS; i++) {
		struct error error = {0};
		if (session->files[i] && report_close(session->files[i], totals, seconds, &error) < 0)
			note_trouble(session, &error);
	}
	terminal_free(session->terminal);
	bool whole = session->trouble.code == 0;
	/* A pipe whose reader had enough needs no explanation. */
	if (!whole && session->trouble.code != -EPIPE)
		(void)say(&session->trouble);
	return whole;
}
