/* SPDX-License-Identifier: MIT */
#include "fuzz/sim/sim_impl.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/wait.h>
#include <unistd.h>
#include "fuzz/sim/wrap.h"

#define VAIN_MOST   10000 /* a server that asks so often without time passing is stuck, and so would we be */
#define STACK_WIPED 32768u
#define CALLS_MOST  2000 /* calls in a row without a wait before the world goes on meanwhile */

/* Its constructors, put together by sim.lds. */
typedef void (*constructor)(int argc, char **argv, char **environment);
extern constructor __start_sim_init[] __attribute__((weak)), __stop_sim_init[] __attribute__((weak));

struct sim *sim_current;

/* Not memcpy: between the variables lie a sanitizer's red zones, which belong to the copy. */
static void copy_raw(char *to, const char *from, size_t size)
{
	__asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(size) : : "memory");
}

static size_t data_size(void)
{
	return (size_t)(__stop_sim_data - __start_sim_data);
}

static size_t bss_size(void)
{
	return (size_t)(__stop_sim_bss - __start_sim_bss);
}

int sim_new(const struct sim_hooks *hooks, struct sim **ret_sim)
{
	struct sim *sim = calloc(1, sizeof *sim);

	if (!sim)
		return -ENOMEM;
	sim->hooks = hooks;
	sim->folder = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	sim->kernel = kernel_new();
	sim->data = malloc(data_size() + 1);
	sim->bss = malloc(bss_size() + 1);
	sim->thread = sim_thread_data(&sim->tls_size);
	sim->tls = malloc(sim->tls_size + 1);
	if (!sim->kernel || !sim->data || !sim->bss || !sim->tls) {
		sim_free(sim);
		return -ENOMEM;
	}
	copy_raw(sim->data, __start_sim_data, data_size());
	copy_raw(sim->bss, __start_sim_bss, bss_size());
	copy_raw(sim->tls, sim->thread, sim->tls_size);
	*ret_sim = sim;
	return 0;
}

void sim_free(struct sim *sim)
{
	if (!sim)
		return;
	kernel_free(sim->kernel);
	sim_free_contents(sim);
	if (sim->folder >= 0)
		(void)close(sim->folder);
	free(sim->data);
	free(sim->bss);
	free(sim->tls);
	free(sim);
}

struct kernel *sim_kernel(struct sim *sim)
{
	return sim->kernel;
}

uint64_t sim_now(const struct sim *sim)
{
	return kernel_now(sim->kernel) + sim->drift;
}

void sim_flush_time(struct sim *sim)
{
	uint64_t drift = sim->drift;

	sim->drift = 0;
	if (drift)
		kernel_advance(sim->kernel, drift);
}

void sim_pass(struct sim *sim, uint64_t ns)
{
	sim_flush_time(sim);
	kernel_advance(sim->kernel, ns);
	sim->asleep += ns;
	sim->vain = 0;
}

int sim_port(const struct sim *sim)
{
	return sim->port;
}

bool sim_edge(struct sim *sim, int fd)
{
	const struct sim_file *file = sim_file(sim, fd);

	return file && file->edge;
}

void sim_limit(struct sim *sim, int files)
{
	sim->limit = files;
	(void)kernel_limit(sim->kernel, SIM_SERVER, files);
}

unsigned sim_open(const struct sim *sim)
{
	int top = kernel_top(sim->kernel, SIM_SERVER);
	unsigned count = 0;

	for (int fd = 0; fd < top; fd++)
		count += kernel_is_open(sim->kernel, SIM_SERVER, fd);
	return count;
}

struct sim_file *sim_file(struct sim *sim, int fd)
{
	int id = kernel_file(sim->kernel, SIM_SERVER, fd);

	return id < 0 ? NULL : &sim->files[id];
}

void sim_made(struct sim *sim, int fd, enum sim_kind kind, int flags)
{
	struct sim_file *file = fd < 0 ? NULL : sim_file(sim, fd);

	/* SOCK_NONBLOCK, O_NONBLOCK, EFD_, TFD_ and SFD_NONBLOCK are one number. */
	if (file)
		*file = (struct sim_file){.kind = kind, .nonblock = flags & 04000};
}

void sim_leave(struct sim *sim, enum sim_end end, int status)
{
	sim->outcome = (struct sim_outcome){end, status};
	longjmp(sim->out, 1);
}

struct event sim_event(enum call call, int fd)
{
	struct event event = event_make(EV_CALL, call);

	event.fd = fd;
	return event;
}

void sim_emit(struct sim *sim, struct event *event)
{
	event->at = sim_now(sim);
	event->pid = event->tid = SIM_PID;
	sim->hooks->event(sim->hooks->arg, event);
}

int64_t sim_end_call(struct sim *sim, struct event *event, int64_t ret)
{
	event->ret = ret;
	sim_emit(sim, event);
	if (sim->pending & ~sim->masked)
		sim_deliver(sim);
	if (ret >= 0)
		return ret;
	errno = (int)-ret;
	return -1;
}

bool sim_struck(struct sim *sim, struct event *event, uint64_t op, size_t *size, int64_t *ret)
{
	const struct sim_file *file = sim_file(sim, event->fd);
	size_t whole = size ? *size : 0, left = whole;
	int r = sim->hooks->fault ? sim->hooks->fault(sim->hooks->arg, (enum call)event->what, op, event->fd,
						      file && file->accepted, &left)
				  : 0;

	if (r < 0) {
		event->flags |= EVF_INJECTED;
		*ret = sim_end_call(sim, event, r);
		return true;
	}
	if (size && left < whole) {
		event->flags |= EVF_SHORTENED;
		*size = left;
	}
	return false;
}

/* An alarm that is due. */
static void ring(struct sim *sim)
{
	if (!sim->alarm_at || sim_now(sim) < sim->alarm_at)
		return;
	sim->alarm_at = sim->alarm_every ? sim_now(sim) + sim->alarm_every : 0;
	sim_signal(sim, SIGALRM);
}

static uint64_t left_until(const struct sim *sim, uint64_t until)
{
	uint64_t now = sim_now(sim);

	return until == UINT64_MAX ? until : until > now ? until - now : 0;
}

bool sim_wait_once(struct sim *sim, uint64_t until, bool ready)
{
	sim->calls = 0;
	sim_flush_time(sim);
	uint64_t first = sim->alarm_at && sim->alarm_at < until ? sim->alarm_at : until;
	uint64_t left = left_until(sim, first), next = kernel_next(sim->kernel);
	enum sim_turn turn = sim->hooks->wait(sim->hooks->arg, next && next < left ? next : left, ready);
	if (turn == SIM_OVER || ++sim->vain > VAIN_MOST)
		sim_leave(sim, SIM_STOPPED, 0);
	next = kernel_next(sim->kernel);
	next = next < left ? next : left;
	if (turn == SIM_IDLE && !ready && next && next != UINT64_MAX)
		sim_pass(sim, next);
	ring(sim);
	return sim_now(sim) < until;
}

struct sim *sim_of_call(void)
{
	struct sim *sim = sim_current;

	sim->drift += SIM_CALL_NS;
	if (++sim->calls > CALLS_MOST)
		(void)sim_wait_once(sim, sim_now(sim), true);
	return sim;
}

bool sim_block(struct sim *sim, const struct event *event)
{
	sim->blocked = (enum call)event->what;
	sim->blocked_fd = event->fd;
	(void)sim_wait_once(sim, UINT64_MAX, false);
	sim->blocked = CALL_unknown;
	return !sim_interrupted(sim, true);
}

bool sim_blocked(const struct sim *sim)
{
	return sim->blocked != CALL_unknown;
}

/* What the C library keeps for the process, as it is in a new one. */
static void begin_library(struct sim *sim)
{
	size_t count = 0;

	optind = 0; /* getopt(3) begins anew */
	opterr = 1;
	srandom(1); /* and rand(3) */
	/* A copy for setenv(3) and putenv(3). */
	sim->environment = environ;
	while (environ && environ[count])
		count++;
	char **copy = malloc((count + 1) * sizeof *copy);
	if (copy && count)
		memcpy(copy, environ, count * sizeof *copy);
	if (copy)
		copy[count] = NULL;
	environ = copy;
	sim->own_environment = copy;
}

static void begin(struct sim *sim)
{
	copy_raw(__start_sim_data, sim->data, data_size());
	copy_raw(__start_sim_bss, sim->bss, bss_size());
	copy_raw(sim->thread, sim->tls, sim->tls_size);
	begin_library(sim);
	kernel_reset(sim->kernel);
	(void)kernel_process(sim->kernel); /* SIM_PEERS */
	sim->drift = sim->asleep = 0;
	sim->port = 0;
	sim->masked = sim->pending = 0;
	sim->mask_swapped = false;
	sim->alarm_at = sim->alarm_every = 0;
	sim->vain = sim->calls = 0;
	sim->lot = 1;
	sim->blocked = CALL_unknown;
	memset(sim->actions, 0, sizeof sim->actions);
	memset(sim->registered, 0, sizeof sim->registered);
	sim_limit(sim, KERNEL_FDS);
	for (int fd = 0; fd < 3; fd++)
		sim_made(sim, kernel_plain_file(sim->kernel, SIM_SERVER), SIM_STDIO, 0);
}

static void end(struct sim *sim)
{
	uint64_t address;
	size_t at = 0;

	sim_close_streams(sim);
	sim_drop_names(sim);
	sim_drop_mappings(sim);
	sim_drop_farewells(sim);
	while (map_next(&sim->blocks, &at, &address))
		free((void *)(uintptr_t)address);
	map_free(&sim->blocks);
	sim->allocated = 0;
	free(sim->own_environment);
	environ = sim->environment;
	if (sim->folder >= 0)
		(void)fchdir(sim->folder);
}

static void emit_exit(struct sim *sim)
{
	struct event event = event_make(EV_PROC, PROC_EXIT);

	if (sim->outcome.end == SIM_STOPPED)
		return;
	event.ret = sim->outcome.end == SIM_KILLED ? W_EXITCODE(0, sim->outcome.status)
						   : W_EXITCODE(sim->outcome.status & 255, 0);
	event.arg[0] = 1;
	sim_emit(sim, &event);
}

/* What an earlier run left where the server's stack will be would be taken for its own. */
__attribute__((noinline)) static void wipe_stack(void)
{
	char room[STACK_WIPED];

	memset(room, 0, sizeof room);
	__asm__ volatile("" : : "r"(room) : "memory");
}

struct sim_outcome sim_run(struct sim *sim, int (*server)(int argc, char **argv), int argc, char **argv)
{
	struct event start = event_make(EV_PROC, PROC_START);

	begin(sim);
	sim->stack = (uintptr_t)__builtin_frame_address(0);
	wipe_stack();
	sim_current = sim;
	sim_emit(sim, &start);
	if (setjmp(sim->out) == 0) {
		for (constructor *each = __start_sim_init; each < __stop_sim_init; each++)
			if (*each)
				(*each)(argc, argv, environ);
		__wrap_exit(server(argc, argv));
	}
	sim_current = NULL;
	emit_exit(sim);
	end(sim);
	return sim->outcome;
}

static void probe_file(struct sim *sim, int fd)
{
	const struct sim_file *file = sim_file(sim, fd);
	struct event event = event_make(EV_PROBE, PROBE_SOCKET);
	uint32_t mask = 0;

	if (!file || (file->kind != SIM_STREAM && file->kind != SIM_LISTENER))
		return;
	(void)kernel_mask(sim->kernel, SIM_SERVER, fd, &mask);
	event.fd = fd;
	event.arg[2] = mask;
	if (file->kind == SIM_LISTENER) {
		event.what = PROBE_LISTENER;
		event.arg[0] = mask & EPOLLIN ? 1 : 0;
	} else {
		int queued = kernel_queued(sim->kernel, SIM_SERVER, fd);
		event.arg[0] = queued > 0 ? (uint64_t)queued : 0;
		event.arg[3] = (uint64_t)kernel_state(sim->kernel, SIM_SERVER, fd);
		event.ret = file->keepalive;
	}
	sim_emit(sim, &event);
}

void sim_probe(struct sim *sim, bool asleep)
{
	struct event process = event_make(EV_PROBE, PROBE_PROCESS),
		     thread = event_make(EV_PROBE, PROBE_THREAD);

	process.arg[0] = sim_open(sim);
	process.arg[1] = thread.arg[2] = sim_now(sim) - sim->asleep;
	process.arg[2] = sim->allocated;
	process.arg[3] = (uint64_t)sim->limit;
	thread.arg[0] = asleep ? 'S' : 'R';
	thread.arg[1] = sim_blocked(sim) ? sim->blocked : asleep ? CALL_epoll_wait : CALL_unknown;
	thread.fd = sim_blocked(sim) ? sim->blocked_fd : -1;
	sim_emit(sim, &process);
	sim_emit(sim, &thread);
	int top = kernel_top(sim->kernel, SIM_SERVER);
	for (int fd = 0; fd < top; fd++)
		probe_file(sim, fd);
}
