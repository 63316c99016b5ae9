/* SPDX-License-Identifier: MIT */
/* Signals: masks, handlers, signalfd, and waiting for one. */
#include "fuzz/sim/sim_impl.h"

#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>
#include "base/clock.h"
#include "fuzz/sim/wrap.h"

static uint64_t bit_of(int signo)
{
	return 1ull << signo;
}

static bool is_signal(int signo)
{
	return signo >= 1 && signo < 64;
}

static int refuse(int code)
{
	errno = code;
	return -1;
}

uint64_t sim_signals(const sigset_t *set)
{
	uint64_t bits = 0;

	for (int signo = 1; signo < 64; signo++)
		if (sigismember(set, signo) == 1)
			bits |= bit_of(signo);
	return bits;
}

/* An eventfd underneath: readable while a signal waits that it takes. */
int __wrap_signalfd(int fd, const sigset_t *set, int flags)
{
	struct sim *sim = sim_of_call();
	struct event event = sim_event(CALL_signalfd4, fd);

	event.arg[0] = (uint64_t)flags;
	if (fd < 0) {
		fd = kernel_eventfd(sim->kernel, SIM_SERVER, 0, true);
		sim_made(sim, fd, SIM_SIGNALS, flags);
	}
	if (sim_file(sim, fd))
		sim_file(sim, fd)->signals = sim_signals(set);
	return (int)sim_end_call(sim, &event, fd);
}

static void deliver_now(void)
{
	int code = errno;

	sim_deliver(sim_current);
	errno = code;
}

int __wrap_sigprocmask(int how, const sigset_t *set, sigset_t *old)
{
	struct sim *sim = sim_current;
	uint64_t bits = set ? sim_signals(set) : 0;

	if (set && how != SIG_BLOCK && how != SIG_UNBLOCK && how != SIG_SETMASK)
		return refuse(EINVAL);
	if (old)
		sigemptyset(old);
	for (int signo = 1; old && signo < 64; signo++)
		if (sim->masked & bit_of(signo))
			(void)sigaddset(old, signo);
	if (set && how == SIG_BLOCK)
		sim->masked |= bits;
	else if (set && how == SIG_UNBLOCK)
		sim->masked &= ~bits;
	else if (set)
		sim->masked = bits;
	deliver_now();
	return 0;
}

int __wrap_pthread_sigmask(int how, const sigset_t *set, sigset_t *old)
{
	return __wrap_sigprocmask(how, set, old) < 0 ? errno : 0;
}

int __wrap_sigaction(int signo, const struct sigaction *wanted, struct sigaction *old)
{
	if (!is_signal(signo) || (wanted && (signo == SIGKILL || signo == SIGSTOP)))
		return refuse(EINVAL);
	struct sigaction *own = &sim_current->actions[signo];
	if (old)
		*old = *own;
	if (wanted)
		*own = *wanted;
	return 0;
}

sighandler_t __wrap_signal(int signo, sighandler_t handler)
{
	struct sigaction wanted = {.sa_handler = handler, .sa_flags = SA_RESTART}, old;

	return __wrap_sigaction(signo, &wanted, &old) < 0 ? SIG_ERR : old.sa_handler;
}

static void emit_signal(struct sim *sim, int signo)
{
	struct event event = event_make(EV_PROC, PROC_SIGNAL);

	event.ret = signo;
	sim_emit(sim, &event);
}

/* What comes of a signal that nobody catches. */
static bool is_harmless(int signo)
{
	return signo == SIGCHLD || signo == SIGURG || signo == SIGWINCH || signo == SIGCONT;
}

static bool is_caught(const struct sim *sim, int signo)
{
	return sim->actions[signo].sa_handler != SIG_DFL && sim->actions[signo].sa_handler != SIG_IGN;
}

/* Where a signalfd takes it, it is readable now. */
static void show_signal(struct sim *sim, int signo)
{
	const uint64_t one = 1;

	int top = kernel_top(sim->kernel, SIM_SERVER);
	for (int fd = 0; fd < top; fd++) {
		const struct sim_file *file = sim_file(sim, fd);
		if (file && file->kind == SIM_SIGNALS && file->signals & bit_of(signo))
			(void)kernel_send(sim->kernel, SIM_SERVER, fd, &one, sizeof one);
	}
}

void sim_signal(struct sim *sim, int signo)
{
	uint64_t bit = bit_of(signo);

	if (!(sim->masked & bit) && !is_caught(sim, signo)) {
		if (sim->actions[signo].sa_handler == SIG_IGN || is_harmless(signo))
			return;
		emit_signal(sim, signo);
		sim_leave(sim, SIM_KILLED, signo);
	}
	if (sim->masked & bit && !(sim->pending & bit))
		show_signal(sim, signo);
	sim->pending |= bit;
}

static void call_handler(struct sim *sim, int signo)
{
	struct sigaction action = sim->actions[signo];
	siginfo_t info = {.si_signo = signo, .si_code = SI_USER};
	uint64_t masked = sim->masked;

	if (action.sa_flags & (int)SA_RESETHAND)
		sim->actions[signo].sa_handler = SIG_DFL;
	sim->masked |= sim_signals(&action.sa_mask) | (action.sa_flags & SA_NODEFER ? 0 : bit_of(signo));
	if (action.sa_flags & SA_SIGINFO)
		action.sa_sigaction(signo, &info, NULL);
	else
		action.sa_handler(signo);
	sim->masked = masked;
}

void sim_deliver(struct sim *sim)
{
	for (int signo = 1; signo < 64 && sim->pending & ~sim->masked; signo++) {
		uint64_t bit = bit_of(signo);
		if (!(sim->pending & bit) || sim->masked & bit)
			continue;
		sim->pending &= ~bit;
		if (!is_caught(sim, signo)) {
			sim_signal(sim, signo); /* it was masked before */
			continue;
		}
		emit_signal(sim, signo);
		call_handler(sim, signo);
	}
}

bool sim_interrupted(const struct sim *sim, bool restarts)
{
	uint64_t waiting = sim->pending & ~sim->masked;

	for (int signo = 1; waiting && signo < 64; signo++)
		if (waiting & bit_of(signo) && is_caught(sim, signo) &&
		    !(restarts && sim->actions[signo].sa_flags & SA_RESTART))
			return true;
	return false;
}

void sim_swap_mask(const sigset_t *mask)
{
	struct sim *sim = sim_current;

	sim->mask_kept = sim->masked;
	sim->mask_swapped = mask != NULL;
	if (mask)
		sim->masked = sim_signals(mask);
}

void sim_restore_mask(struct sim *sim)
{
	if (sim->mask_swapped)
		sim->masked = sim->mask_kept;
	sim->mask_swapped = false;
}

int __wrap_raise(int signo)
{
	if (!is_signal(signo))
		return refuse(EINVAL);
	sim_signal(sim_of_call(), signo);
	deliver_now();
	return 0;
}

int __wrap_kill(pid_t pid, int signo)
{
	if (signo < 0 || signo > 64)
		return refuse(EINVAL);
	if (pid > 0 && pid != SIM_PID)
		return refuse(ESRCH);
	return signo ? __wrap_raise(signo) : 0;
}

int __wrap_sigpending(sigset_t *ret_set)
{
	sigemptyset(ret_set);
	for (int signo = 1; signo < 64; signo++)
		if (sim_current->pending & sim_current->masked & bit_of(signo))
			(void)sigaddset(ret_set, signo);
	return 0;
}

int __wrap_sigsuspend(const sigset_t *mask)
{
	struct sim *sim = sim_of_call();
	uint64_t masked = sim->masked;

	sim->masked = sim_signals(mask);
	while (!sim_interrupted(sim, false))
		(void)sim_wait_once(sim, UINT64_MAX, false);
	sim_deliver(sim);
	sim->masked = masked;
	return refuse(EINTR);
}

int __wrap_pause(void)
{
	struct sim *sim = sim_of_call();

	while (!sim_interrupted(sim, false))
		(void)sim_wait_once(sim, UINT64_MAX, false);
	sim_deliver(sim);
	return refuse(EINTR);
}

/* Takes one that is masked and waits. Its number; -EAGAIN, -EINTR. */
static int await(const sigset_t *set, siginfo_t *ret_info, uint64_t until)
{
	struct sim *sim = sim_of_call();
	uint64_t wanted = sim_signals(set);
	bool left = true;

	while (!(sim->pending & wanted) && left) {
		left = sim_wait_once(sim, until, false);
		if (sim_interrupted(sim, false)) {
			sim_deliver(sim);
			return -EINTR;
		}
	}
	if (!(sim->pending & wanted))
		return -EAGAIN;
	int signo = __builtin_ctzll(sim->pending & wanted);
	sim->pending &= ~bit_of(signo);
	if (ret_info)
		*ret_info = (siginfo_t){.si_signo = signo, .si_code = SI_USER};
	return signo;
}

int __wrap_sigwait(const sigset_t *set, int *ret_signo)
{
	int signo;

	do
		signo = await(set, NULL, UINT64_MAX);
	while (signo == -EINTR);
	*ret_signo = signo;
	return 0;
}

int __wrap_sigtimedwait(const sigset_t *set, siginfo_t *ret_info, const struct timespec *timeout)
{
	uint64_t ns =
	    timeout ? (uint64_t)timeout->tv_sec * NS_PER_S + (uint64_t)timeout->tv_nsec : UINT64_MAX;
	int signo = await(set, ret_info, timeout ? sim_now(sim_current) + ns : ns);

	return signo < 0 ? refuse(-signo) : signo;
}

int __wrap_sigwaitinfo(const sigset_t *set, siginfo_t *ret_info)
{
	return __wrap_sigtimedwait(set, ret_info, NULL);
}
