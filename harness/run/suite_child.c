/* SPDX-License-Identifier: MIT */
/*
 * The process of one case. Forked without exec: the scenario, the protocol and the options are simply there.
 * It owns a process group, so that a terminal's Ctrl-C reaches the front only, dies with the front, and
 * adopts what its target leaves behind.
 */
#include <cjson/cJSON.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>
#include "run/suite_impl.h"

/* Set by SIGTERM, the front's wish that the case ends soon; a signal handler has nowhere else to write. */
static volatile sig_atomic_t asked_to_end;

static void ask_to_end(int signo)
{
	(void)signo;
	asked_to_end = 1;
}

/* Whatever the front does about signals is its own affair; the target inherits what is set here. */
static void signals_default(void)
{
	struct sigaction plain = {.sa_handler = SIG_DFL}, term = {.sa_handler = ask_to_end};
	sigset_t none;

	for (int signo = 1; signo < NSIG; signo++)
		(void)sigaction(signo, &plain, NULL);
	(void)sigaction(SIGTERM, &term, NULL);
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
}

static void send_whole(int pipe, const char *text)
{
	size_t left = strlen(text);

	while (left > 0) {
		ssize_t sent = write(pipe, text, left);

		if (sent < 0 && errno != EINTR)
			return;
		if (sent > 0) {
			text += sent;
			left -= (size_t)sent;
		}
	}
}

void suite_child(const struct slot *slot, int pipe)
{
	const struct suite_case *item = slot->item;
	struct case_options options = item->options;
	struct result result;
	cJSON *json;
	char *text;

	signals_default();
	(void)prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
	options.directory = slot->directory;
	options.crowd = slot->crowd;
	options.keep = true; /* the front knows what stays */
	options.stop = &asked_to_end;
	if (case_run(&options, item->scenario, &result) < 0)
		_exit(3);
	brood_kill(NULL);
	result.round = item->round;
	json = result_to_json(&result);
	text = json ? cJSON_PrintUnformatted(json) : NULL;
	if (!text)
		_exit(3);
	send_whole(pipe, text);
	/* no exit handlers: what the front has in its stdio buffers is not ours to write */
	_exit(0);
}
