/* SPDX-License-Identifier: MIT */
#include "run/duet_impl.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/names.h"
#include "run/duet_net.h"

#define PATIENCE (5 * NS_PER_S)

int duet_number(const struct duet *duet, const struct step *step, int which)
{
	return step->names[which] < 0 ? -1 : duet->names[step->names[which]].number;
}

int duet_fd(const struct duet *duet, const struct step *step, int which)
{
	int number = duet_number(duet, step, which);

	return number < 0 ? -1 : duet->base + number;
}

static int open_listener(struct duet *duet)
{
	static const int on = 1;
	socklen_t size = sizeof duet->address;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd >= 0)
		(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	duet->listener = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, DUET_HIGH);
	if (fd >= 0)
		(void)close(fd);
	duet->address.sin_family = AF_INET;
	if (duet->listener < 0 || bind(duet->listener, (struct sockaddr *)&duet->address, size) < 0 ||
	    listen(duet->listener, 64) < 0 ||
	    getsockname(duet->listener, (struct sockaddr *)&duet->address, &size) < 0)
		return -errno;
	return 0;
}

static void close_fillers(struct duet *duet)
{
	while (duet->filler_count)
		(void)close(duet->fillers[--duet->filler_count]);
}

/* The lowest number from which on none is open; the holes below are filled. */
static int find_base(struct duet *duet)
{
	int fd, top = 0;

	close_fillers(duet);
	for (fd = 0; fd < DUET_HIGH; fd++)
		top = fcntl(fd, F_GETFD) < 0 ? top : fd + 1;
	if (top > DUET_HIGH - 2 * DUET_OPEN)
		return -EMFILE;
	while ((fd = fcntl(duet->listener, F_DUPFD_CLOEXEC, 0)) >= 0 && fd < top)
		duet->fillers[duet->filler_count++] = fd;
	if (fd < 0)
		return -errno;
	(void)close(fd);
	duet->base = fd;
	return 0;
}

/* Whether the numbers of a script are free: poll(2) tells all that are not at once. */
static bool is_base_free(const struct duet *duet)
{
	struct pollfd numbers[DUET_OPEN];
	bool is_free = true;

	for (int i = 0; i < DUET_OPEN; i++)
		numbers[i] = (struct pollfd){.fd = duet->base + i};
	if (poll(numbers, DUET_OPEN, 0) < 0)
		return false;
	for (int i = 0; i < DUET_OPEN; i++)
		is_free &= (numbers[i].revents & POLLNVAL) != 0;
	return is_free;
}

/* Whoever runs us may have opened or closed something since. */
static int check_base(struct duet *duet)
{
	int fd = fcntl(duet->listener, F_DUPFD_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	(void)close(fd);
	return fd == duet->base && is_base_free(duet) ? 0 : find_base(duet);
}

int duet_new(bool alone, struct duet **ret_duet)
{
	struct duet *duet = calloc(1, sizeof *duet);
	int r = duet ? 0 : -ENOMEM;

	if (r < 0)
		return r;
	duet->listener = -1;
	duet->old_pipe = signal(SIGPIPE, SIG_IGN);
	duet->model = kernel_new();
	if (alone)
		(void)duet_net_enter();
	r = duet->model ? open_listener(duet) : -ENOMEM;
	if (r == 0)
		r = find_base(duet);
	if (r < 0)
		duet_free(duet);
	else
		*ret_duet = duet;
	return r;
}

void duet_free(struct duet *duet)
{
	if (!duet)
		return;
	close_fillers(duet);
	if (duet->listener >= 0)
		(void)close(duet->listener);
	(void)signal(SIGPIPE, duet->old_pipe);
	kernel_free(duet->model);
	free(duet);
}

/* Sends what acknowledgement is due, and looks whether the socket is where the model says. */
static bool is_settled(const struct duet *duet, int number)
{
	static const int on = 1;
	struct tcp_info info = {0};
	socklen_t size = offsetof(struct tcp_info, tcpi_unacked) + sizeof info.tcpi_unacked;
	int fd = duet->base + number, state = kernel_state(duet->model, 0, number), queued = 0;

	(void)setsockopt(fd, IPPROTO_TCP, TCP_QUICKACK, &on, sizeof on);
	if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) < 0 || info.tcpi_state != state)
		return false;
	if (state == TCP_LISTEN)
		return info.tcpi_unacked == (uint32_t)kernel_waiting(duet->model, 0, number);
	return ioctl(fd, FIONREAD, &queued) == 0 && queued == kernel_queued(duet->model, 0, number);
}

/* What settling is about, in one number: where nothing changed nothing is awaited. 0: no TCP socket. */
static uint64_t seen_of(const struct duet *duet, int number)
{
	const struct kernel *model = duet->model;

	if (number < 0 || kernel_family_of(model, 0, number) != KERNEL_TCP)
		return 0;
	int state = kernel_state(model, 0, number);
	int amount = state == TCP_LISTEN ? kernel_waiting(model, 0, number) : kernel_queued(model, 0, number);
	return (uint64_t)kernel_file(model, 0, number) << 40 | (uint64_t)state << 32 | (unsigned)amount;
}

/* Each is asked, for the one may wait for what the next acknowledges. */
static bool all_settled(struct duet *duet)
{
	bool all = true;

	for (int i = 0; i < STEP_NAMES; i++) {
		struct name *name = &duet->names[i];
		uint64_t seen = seen_of(duet, name->number);
		if (seen && seen != name->seen && !is_settled(duet, name->number))
			all = false;
		else
			name->seen = seen;
	}
	return all;
}

int duet_settle(struct duet *duet)
{
	if (all_settled(duet) || all_settled(duet))
		return 0;
	for (uint64_t end = clock_now() + PATIENCE; !all_settled(duet);) {
		if (clock_now() > end)
			return -ETIMEDOUT;
		(void)sched_yield();
	}
	return 0;
}

bool outcome_same(const struct outcome *real, const struct outcome *model)
{
	if (real->result != model->result || real->count != model->count || real->total != model->total)
		return false;
	for (int i = 0; i < 2; i++)
		if (real->numbers[i] != model->numbers[i])
			return false;
	for (int i = 0; i < real->count && i < DUET_EVENTS; i++)
		if (real->events[i].data != model->events[i].data ||
		    (real->events[i].events ^ model->events[i].events) & ~model->events[i].may)
			return false;
	return true;
}

/* New names stand for what was made. */
static void keep_numbers(struct duet *duet, const struct step *step, const struct outcome *outcome)
{
	const char *args = step_forms[step->op].args;

	for (int i = 0; i < 2 && args[i] == 'n'; i++)
		if (outcome->numbers[i] >= 0)
			duet->names[step->names[i]].number = outcome->numbers[i];
}

static bool same_bytes(const struct duet *duet, const struct step *step, const struct outcome *outcome)
{
	bool reads = step->op == STEP_READ || step->op == STEP_PEEK || step->op == STEP_READ_URGENT;

	return !reads || outcome->result <= 0 ||
	       memcmp(duet->got[0], duet->got[1], (size_t)outcome->result) == 0;
}

/* Whether both said the same, and what was expected. */
static int play_step(struct duet *duet, const struct script *script, size_t at, bool *ret_same)
{
	const struct step *step = &script->steps[at];
	const struct duet_op *op = &duet_ops[step->op];
	struct outcome *real = &duet->real[at], *model = &duet->model_said[at];
	struct buf text = {0};
	int r = 0;

	real->result = model->result = 0;
	real->count = model->count = 0;
	real->total = model->total = 0;
	real->numbers[0] = real->numbers[1] = model->numbers[0] = model->numbers[1] = -1;
	if (step->op == STEP_WRITE || step->op == STEP_URGENT)
		memset(duet->sent, (int)at + 1, step->number);
	op->real(duet, step, real);
	op->model(duet, step, model);
	kernel_run(duet->model);
	keep_numbers(duet, step, model);
	*ret_same = outcome_same(real, model) && same_bytes(duet, step, model);
	if (*ret_same && op->moves)
		*ret_same = duet_settle(duet) == 0;
	if (*ret_same)
		*ret_same = duet_settle_sleepers(duet) == 0;
	if (*ret_same && *step->expect) {
		r = outcome_print(script, step, real, &text);
		*ret_same = r == 0 && strcmp(text.data, step->expect) == 0;
	}
	buf_free(&text);
	return r;
}

/* All but the stack. */
static void name_clear(struct name *name)
{
	name->number = -1;
	name->seen = 0;
	name->proc = name->port = 0;
	name->child = 0;
	name->address.any.sa_family = AF_UNSPEC;
}

static int begin(struct duet *duet)
{
	kernel_reset(duet->model);
	for (int i = 0; i < STEP_NAMES; i++)
		name_clear(&duet->names[i]);
	return check_base(duet);
}

/* Resets what is connected, so that nothing lingers. */
static void end(struct duet *duet)
{
	const struct linger linger = {.l_onoff = 1};

	duet_end_sleepers(duet);
	for (int i = 0; i < STEP_NAMES; i++) {
		if (duet->names[i].child <= 0)
			continue;
		(void)kill(duet->names[i].child, SIGKILL);
		(void)waitpid(duet->names[i].child, NULL, 0);
	}
	for (int number = 0; number < DUET_OPEN; number++) { /* open or not: a step may have differed */
		int fd = duet->base + number;
		if (kernel_family_of(duet->model, 0, number) == KERNEL_TCP)
			(void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
		(void)close(fd);
	}
}

int duet_play(struct duet *duet, const struct script *script, struct duet_result *ret_result)
{
	struct duet_result result = {0};
	int r = begin(duet);

	while (r == 0 && result.step < script->count) {
		const struct step *step = &script->steps[result.step];
		const struct duet_op *op = &duet_ops[step->op];
		bool same = true;
		duet->left_out[result.step] = op->applies && !op->applies(duet, step);
		if (duet->left_out[result.step]) {
			result.left_out++;
		} else {
			r = play_step(duet, script, result.step, &same);
			result.performed++;
		}
		if (!same) {
			result.differs = true;
			break;
		}
		result.step++;
	}
	end(duet);
	*ret_result = result;
	return r;
}

static int print_events(const struct script *script, const struct outcome *outcome, struct buf *out)
{
	char mask[MASK_TEXT];
	int r = outcome->count ? 0 : buf_puts(out, "nothing");

	for (int i = 0; i < outcome->count && r == 0; i++)
		r = buf_printf(out, "%s%s %s", i ? ", " : "",
			       script->names[outcome->events[i].data % STEP_NAMES],
			       mask_short(outcome->events[i].events, mask, sizeof mask));
	return r;
}

int outcome_print(const struct script *script, const struct step *step, const struct outcome *outcome,
		  struct buf *out)
{
	char mask[MASK_TEXT];

	if (step->op == STEP_WOKEN && outcome->result == -EAGAIN)
		return buf_puts(out, "asleep");
	if (outcome->result < 0)
		return buf_puts(out,
				errno_name((int)outcome->result) ? errno_name((int)outcome->result) : "?");
	if (step->op == STEP_WAIT || step->op == STEP_WOKEN)
		return print_events(script, outcome, out);
	if (step->op == STEP_POLL)
		return buf_puts(out, mask_short(outcome->events[0].events, mask, sizeof mask));
	if (step->op == STEP_SO_ERROR && outcome->result)
		return buf_puts(out, errno_name((int)outcome->result));
	return buf_printf(out, "%lld", (long long)outcome->result);
}

static int print_step(const struct duet *duet, const struct script *script, size_t at, struct buf *out)
{
	struct step step = script->steps[at];
	int r;

	*step.expect = 0;
	r = duet->left_out[at] ? buf_puts(out, "# left out: ") : 0;
	if (r == 0)
		r = step_print(script, &step, out);
	if (r == 0 && !duet->left_out[at])
		r = buf_puts(out, " -> ");
	if (r == 0 && !duet->left_out[at])
		r = outcome_print(script, &step, &duet->real[at], out);
	return r == 0 ? buf_puts(out, "\n") : r;
}

/* Where both gave the same answer what differs is something else: what was expected, bytes, a state not
 * reached. */
static int print_difference(const struct duet *duet, const struct script *script, size_t at, struct buf *out)
{
	const struct step *step = &script->steps[at];
	const struct outcome *real = &duet->real[at], *model = &duet->model_said[at];
	int r = buf_puts(out, "# the model: ");

	if (r == 0)
		r = outcome_print(script, step, model, out);
	for (int i = 0; i < 2 && r == 0; i++)
		if (real->numbers[i] != model->numbers[i])
			r = buf_printf(out, ", descriptor %d and not %d", model->numbers[i],
				       real->numbers[i]);
	if (r == 0 && real->total != model->total)
		r = buf_printf(out, ", %lld bytes and not %lld", (long long)model->total,
			       (long long)real->total);
	if (r == 0 && *step->expect)
		r = buf_printf(out, "; expected: %s", step->expect);
	else if (r == 0 && outcome_same(real, model))
		r = buf_puts(out, same_bytes(duet, step, model)
				      ? "; sockets or threads did not come to be as it says"
				      : "; other bytes were read");
	return r == 0 ? buf_puts(out, "\n") : r;
}

/* What a step uses and none that was performed made: a script has to have a name for it all the same. */
static int print_names(const struct duet *duet, const struct script *script, size_t last, struct buf *out)
{
	bool known[STEP_NAMES] = {0};
	int r = 0;

	for (size_t at = 0; at < script->count && at <= last && r == 0; at++) {
		const struct step *step = &script->steps[at];
		const char *args = step_forms[step->op].args;
		for (int i = 0; i < 2 && step->names[i] >= 0 && !duet->left_out[at] && r == 0; i++) {
			if (args[i] != 'n' && !known[step->names[i]])
				r = buf_printf(out, "%s %s -> 0\n", step_forms[STEP_NAMED].word,
					       script->names[step->names[i]]);
			known[step->names[i]] = true;
		}
	}
	return r;
}

int duet_print(const struct duet *duet, const struct script *script, const struct duet_result *result,
	       struct buf *out)
{
	int r = print_names(duet, script, result->step, out);

	for (size_t at = 0; at < script->count && r == 0; at++) {
		if (at > result->step)
			break;
		r = print_step(duet, script, at, out);
		if (r == 0 && at == result->step && result->differs)
			r = print_difference(duet, script, at, out);
	}
	return r;
}
