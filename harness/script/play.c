/* SPDX-License-Identifier: MIT */
#include "script/play.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/names.h"
#include "script/peer_api.h"
#include "script/scenario_api.h"
#include "script/scenario_file.h"

#define DYING_PATIENCE (200 * NS_PER_MS)
#define TASKS_MOST     4096
#define WASTED_MOST    (6 * NS_PER_S)
#define IMPATIENCE     (15 * NS_PER_MS)
#define INDULGENCE                                                                                           \
	NS_PER_S /* what waiting for a CPU may add to any patience; to a longer one, as much again */
#define INDULGENCE_STEP (20 * NS_PER_MS) /* less is no reason to wait again */

struct play *play_of(lua_State *L)
{
	return lua_box_of(L)->owner;
}

uint64_t play_deadline(const struct play *play, double seconds)
{
	double capped = seconds < 0 ? 0 : seconds > 3600 ? 3600 : seconds;

	return clock_now() + stage_window(play->stage, (uint64_t)(capped * (double)NS_PER_S));
}

struct wait play_waiting(const struct play *play, double patience)
{
	return (struct wait){.began = clock_now(), .deadline = play_deadline(play, patience)};
}

struct wait *play_result(lua_State *L)
{
	return &play_of(L)->current->wait;
}

/* After so much waiting in vain only what is there already, or comes at once, is still waited for. */
static void limit_patience(const struct play *play, struct wait *wait)
{
	uint64_t soon = clock_now() + stage_window(play->stage, IMPATIENCE);

	if (wait->pause || play->wasted <= stage_window(play->stage, WASTED_MOST) || wait->deadline <= soon)
		return;
	wait->deadline = soon;
	wait->hurried = true;
}

/* Whether the machine kept the target or us waiting for a CPU meanwhile, so that there is more time for it.
 */
static bool is_indulged(const struct play *play, struct wait *wait)
{
	uint64_t own = wait->deadline - wait->granted - wait->began, delay, most;

	if (wait->pause)
		return false;
	/* As long again and no longer: a target that turns waits for its turns, too, while it leaks and logs.
	 */
	most = stage_window(play->stage, INDULGENCE);
	most = own > most ? own : most;
	delay = stage_delayed(play->stage) - wait->delayed;
	delay = delay < most ? delay : most;
	if (delay < wait->granted + INDULGENCE_STEP)
		return false;
	wait->deadline += delay - wait->granted;
	wait->granted = delay;
	return clock_now() < wait->deadline;
}

/* Waits that run beside each other waste their time once. */
static void count_waste(struct play *play, const struct wait *wait)
{
	uint64_t now = clock_now(), from = wait->began > play->wasted_to ? wait->began : play->wasted_to;

	if (wait->pause || from >= now)
		return;
	play->wasted += now - from > wait->granted ? now - from - wait->granted : 0;
	play->wasted_to = now;
}

int play_wait(lua_State *L, const struct wait *wait, lua_KContext context, lua_KFunction k)
{
	struct play *play = play_of(L);
	struct task *task = play->current;

	if (!task || task->L != L)
		return luaL_error(L, "waiting works in the scenario's own steps and in t:spawn, "
				     "not in a coroutine of your own or while the file is loaded");
	task->wait = *wait;
	limit_patience(play, &task->wait);
	task->wait.result = wait->check(play, &task->wait);
	if (task->wait.result != 0)
		return k(L, LUA_OK, context);
	if (!task->wait.pause)
		task->wait.delayed = stage_delayed(play->stage);
	task->waiting = true;
	return lua_yieldk(L, 0, context, k);
}

void play_spawn(lua_State *L, int arguments)
{
	struct play *play = play_of(L);
	struct task **grown, *task;

	luaL_checktype(L, -1 - arguments, LUA_TFUNCTION);
	if (play->count >= TASKS_MOST)
		luaL_error(L, "more than %d coroutines", TASKS_MOST);
	grown = array_grow(play->tasks, play->count, &play->capacity, sizeof(*grown));
	if (!grown)
		luaL_error(L, "out of memory");
	play->tasks = grown;
	lua_State *thread = lua_newthread(L);
	if (!lua_checkstack(thread, arguments + LUA_MINSTACK))
		luaL_error(L, "out of memory");
	int ref = luaL_ref(L, LUA_REGISTRYINDEX);
	task = calloc(1, sizeof(*task));
	if (!task)
		luaL_error(L, "out of memory");
	lua_xmove(L, thread, arguments + 1);
	*task = (struct task){.L = thread, .ref = ref, .arguments = arguments};
	grown[play->count++] = task;
}

bool play_alone(const struct play *play, const struct wait *wait)
{
	for (size_t i = 0; i < play->count; i++)
		if (&play->tasks[i]->wait != wait && !play->tasks[i]->done)
			return false;
	return true;
}

/* The error value carries nothing: the ending is in the play. */
static int play_leave(lua_State *L)
{
	lua_pushliteral(L, "the scenario is over");
	return lua_error(L);
}

int play_over(lua_State *L, int code)
{
	struct play *play = play_of(L);

	if (play->ending == ENDING_NONE) {
		play->ending = ENDING_SAID;
		play->code = code < 0 ? code : -ECANCELED;
	}
	return play_leave(L);
}

int play_quiet(lua_State *L)
{
	struct play *play = play_of(L);

	if (play->ending == ENDING_NONE)
		play->ending = ENDING_QUIET;
	return play_leave(L);
}

int play_undelivered(lua_State *L, const char *format, ...)
{
	struct play *play = play_of(L);
	va_list arguments;

	if (play->ending == ENDING_NONE) {
		luaL_where(L, 1);
		size_t size =
		    (size_t)snprintf(play->complaint, sizeof(play->complaint), "%s", lua_tostring(L, -1));
		size = size < sizeof(play->complaint) ? size : sizeof(play->complaint) - 1;
		va_start(arguments, format);
		(void)vsnprintf(play->complaint + size, sizeof(play->complaint) - size, format, arguments);
		va_end(arguments);
		play->ending = ENDING_UNDELIVERED;
	}
	return play_leave(L);
}

static int tell_traceback(lua_State *L)
{
	struct lua_State *failed = *(lua_State **)lua_touserdata(L, 1);

	luaL_traceback(L, failed, NULL, 0);
	(void)snprintf(lua_box_of(L)->traceback, BOX_TRACEBACK, "%s", lua_tostring(L, -1));
	return 0;
}

/* A Lua error: broken with its place; the way there goes into the journal, for -v. */
static void play_failed(struct play *play, struct task *task, int status)
{
	struct error error, ignored;

	(void)box_error(&play->box, task->L, status, &error);
	(void)box_protect(&play->box, tell_traceback, &task->L, &ignored);
	for (char *line = strtok(play->box.traceback, "\n"); line; line = strtok(NULL, "\n"))
		(void)journal_mark(stage_journal(play->stage), MARK_NOTE, "%s", line + strspn(line, "\t "));
	play->ending = ENDING_UNDELIVERED;
	(void)snprintf(play->complaint, sizeof(play->complaint), "%s", error.text);
}

static void task_resume(struct play *play, struct task *task)
{
	int results, arguments = task->arguments;

	task->waiting = false;
	task->arguments = 0;
	play->current = task;
	box_rearm(task->L);
	int status = lua_resume(task->L, play->box.L, arguments, &results);
	play->current = NULL;
	if (status == LUA_YIELD && task->waiting)
		return;
	task->done = true;
	if (play->ending != ENDING_NONE)
		return;
	if (status == LUA_OK)
		return;
	if (status == LUA_YIELD)
		lua_pushliteral(task->L,
				"coroutine.yield in the scenario's own steps: use t:wait or t:until_…");
	play_failed(play, task, status == LUA_YIELD ? LUA_ERRRUN : status);
}

/* Those that are over make room, in the order of the others. */
static void drop_done(struct play *play)
{
	size_t kept = 0;

	for (size_t i = 0; i < play->count; i++) {
		struct task *task = play->tasks[i];

		if (!task->done) {
			play->tasks[kept++] = task;
			continue;
		}
		luaL_unref(play->box.L, LUA_REGISTRYINDEX, task->ref);
		free(task);
	}
	play->count = kept;
}

/* Resumes whoever can go on. True when someone did. */
static bool run_tasks(struct play *play)
{
	bool progress = false;

	for (size_t i = 0; i < play->count && play->ending == ENDING_NONE; i++) {
		struct task *task = play->tasks[i];
		if (task->done)
			continue;
		if (task->waiting) {
			task->wait.result = task->wait.check(play, &task->wait);
			if (task->wait.result == 0 &&
			    (clock_now() < task->wait.deadline || is_indulged(play, &task->wait)))
				continue;
			if (task->wait.result == 0)
				count_waste(play, &task->wait);
		}
		task_resume(play, task);
		progress = true;
	}
	if (progress)
		drop_done(play);
	return progress;
}

static bool tasks_left(const struct play *play)
{
	for (size_t i = 0; i < play->count; i++)
		if (!play->tasks[i]->done)
			return true;
	return false;
}

static uint64_t next_look(const struct play *play)
{
	uint64_t now = clock_now(), until = now + NS_PER_S;

	for (size_t i = 0; i < play->count; i++) {
		const struct wait *wait = &play->tasks[i]->wait;
		if (play->tasks[i]->done)
			continue;
		if (wait->deadline < until)
			until = wait->deadline;
		if (wait->poll && now + wait->poll < until)
			until = now + wait->poll;
	}
	return until;
}

static int play_loop(struct play *play)
{
	while (play->ending == ENDING_NONE) {
		bool progress = run_tasks(play);
		if (play->ending != ENDING_NONE || !tasks_left(play))
			return 0;
		int code = stage_step(play->stage, progress ? clock_now() : next_look(play));
		peers_follow(play);
		if (code == -ESRCH && !run_tasks(play))
			return 0;
		if (code == -ETIME)
			return stage_broken(play->stage, "the scenario did not end in time");
		if (code < 0 && code != -ESRCH && code != -EINTR)
			return stage_broken(play->stage, "our side: %s", strerror(-code));
		if (code == -EINTR)
			return code;
	}
	return 0;
}

/* A reset that reaches a peer may be the first sign of the target's death: give the news a moment. */
static bool target_dies(struct play *play)
{
	uint64_t until = clock_now() + stage_window(play->stage, DYING_PATIENCE);

	while (target_alive(stage_target(play->stage))) {
		if (clock_now() >= until)
			return false;
		int code = stage_step(play->stage, clock_now() + 5 * NS_PER_MS);
		if (code == -ESRCH)
			return true;
		if (code < 0)
			return false;
	}
	return true;
}

static int play_end(struct play *play)
{
	switch (play->ending) {
	case ENDING_NONE:
	case ENDING_QUIET:
		return 0;
	case ENDING_SAID:
		return play->code;
	case ENDING_UNDELIVERED:
		if (target_dies(play))
			return 0;
		return play->blames_target ? stage_fail(play->stage, "%s", play->complaint)
					   : stage_broken(play->stage, "%s", play->complaint);
	}
	return 0;
}

static int play_prepare(lua_State *L)
{
	struct play *play = lua_touserdata(L, 1);

	scenario_file_run(L, play->scenario->file, &play->source);
	scenario_api_push(L, play);
	play_spawn(L, 1);
	return 0;
}

static void play_clear(struct play *play)
{
	for (size_t i = 0; i < play->count; i++)
		free(play->tasks[i]);
	free(play->tasks);
	box_close(&play->box);
	peers_forget(play);
	buf_free(&play->source);
}

int play_scenario(const struct scenario *scenario, struct stage *stage)
{
	struct play play = {.stage = stage, .scenario = scenario};
	struct error error = {0};
	int code = box_read(scenario->file, &play.source, &error);

	if (code == 0)
		code = box_open(&play.box, &play, &error);
	if (code == 0)
		code = box_protect(&play.box, play_prepare, &play, &error);
	if (code < 0)
		code = stage_broken(stage, "%s", error.text);
	if (code == 0)
		code = play_loop(&play);
	if (code == 0)
		code = play_end(&play);
	play_clear(&play);
	return code;
}
