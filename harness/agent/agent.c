/* SPDX-License-Identifier: MIT */
/* From the start of a program to a thread's slot, and the writing of records. */
#include "agent/agent.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define PAGE	4096
#define WAIT_NS 10000000L /* a full ring is looked at again after so long, woken or not */

static struct agent_share *share; /* NULL: not watched by us */

/* Initial-exec, so that the first look at it allocates nothing. */
static __thread __attribute__((tls_model("initial-exec"))) struct {
	struct agent_slot *slot;
	uint32_t age;
	int tid;
	bool busy; /* writes a record: a signal handler's calls go the slow way */
} self;

static const char *path_of_share(void)
{
	static const char name[] = AGENT_VARIABLE "=";

	for (char **at = environ; at && *at; at++) {
		size_t same = 0;

		while (same < sizeof name - 1 && (*at)[same] == name[same])
			same++;
		if (same == sizeof name - 1)
			return *at + same;
	}
	return NULL;
}

static bool failed(long ret)
{
	return ret < 0 && ret >= -4095;
}

static bool place_stub(void)
{
	static const unsigned char code[] = AGENT_STUB_CODE;
	long at = agent_slow(SYS_mmap, ARGS((long)AGENT_STUB, PAGE, PROT_READ | PROT_WRITE,
					    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0));

	if (at != (long)AGENT_STUB) {
		if (!failed(at)) /* an old kernel takes the address for a hint */
			(void)agent_slow(SYS_munmap, ARGS(at, PAGE));
		return false;
	}
	for (size_t i = 0; i < sizeof code; i++)
		((volatile unsigned char *)at)[i] = code[i];
	__builtin___clear_cache((char *)at, (char *)at + sizeof code);
	return !failed(agent_slow(SYS_mprotect, ARGS(at, PAGE, PROT_READ | PROT_EXEC)));
}

/* The fd lives for an instant and is not seen: both calls go by the stub. */
static struct agent_share *map_share(const char *path)
{
	long fd = agent_fast(SYS_openat, ARGS(AT_FDCWD, (long)path, O_RDWR | O_CLOEXEC, 0)), at;
	struct agent_share *found;

	if (failed(fd))
		return NULL;
	at = agent_slow(SYS_mmap,
			ARGS(0, sizeof(struct agent_share), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
	(void)agent_fast(SYS_close, ARGS(fd));
	if (failed(at))
		return NULL;
	found = (struct agent_share *)at;
	if (found->magic == AGENT_MAGIC && found->version == AGENT_VERSION)
		return found;
	(void)agent_slow(SYS_munmap, ARGS(at, sizeof(struct agent_share)));
	return NULL;
}

__attribute__((constructor)) static void start(void)
{
	const char *path = path_of_share();

	if (path && place_stub())
		share = map_share(path);
}

/* Born, or told that somebody was: whoever is not who he was asks the tracer for a slot of his own. */
static void settle(uint32_t age)
{
	int tid = (int)agent_slow(SYS_gettid, ARGS(0));
	long number;

	if (tid != self.tid) {
		self.slot = NULL;
		self.tid = tid;
		number = agent_slow(SYS_fcntl, ARGS(-1, AGENT_CLAIM, AGENT_VERSION));
		if (number >= 0 && number < AGENT_SLOTS)
			self.slot = &share->slots[number];
	}
	self.age = age;
}

static struct agent_slot *own_slot(enum call call)
{
	uint32_t age;

	if (!share || atomic_load_explicit(&share->mute, memory_order_acquire) || self.busy)
		return NULL;
	age = atomic_load_explicit(&share->age, memory_order_acquire);
	if (self.age != age)
		settle(age);
	return fault_has_call(share->faults.stops, call) ? NULL : self.slot;
}

/* Until then, whatever interrupts. By the fast way: nobody sees it. */
static void hold_back(uint64_t ns)
{
	struct timespec until;

	(void)clock_gettime(CLOCK_MONOTONIC, &until);
	ns += (uint64_t)until.tv_nsec;
	until.tv_sec += (time_t)(ns / 1000000000u);
	until.tv_nsec = (long)(ns % 1000000000u);
	while (agent_fast(SYS_clock_nanosleep, ARGS(CLOCK_MONOTONIC, TIMER_ABSTIME, (long)&until, 0)) ==
	       -EINTR)
		;
}

/* A fault may strike the call: whether one does is decided here, unless it asks for what the agent does not
 * know. */
static void decide(struct agent_turn *turn, struct fault_call *call)
{
	call->pid = atomic_load_explicit(&turn->slot->pid, memory_order_relaxed);
	if (fault_has_call(share->faults.whose, call->call) &&
	    (atomic_load(&share->unsure) || !agent_whose(call->fd, call))) {
		turn->slot = NULL;
		return;
	}
	if (!fault_table_decide(&share->faults, call, &turn->hit))
		return;
	if (turn->hit.fault.delay) {
		agent_tell_fault(turn);
		hold_back(turn->hit.fault.delay);
	} else {
		turn->struck = true;
	}
}

struct agent_turn agent_enter(enum call call, int fd)
{
	struct agent_turn turn; /* not cleared: most calls meet no fault */

	turn.slot = own_slot(call);
	turn.struck = false;
	turn.flags = 0;
	turn.fd = fd;
	return turn;
}

void agent_meet(struct agent_turn *turn, enum call call, uint64_t op)
{
	if (turn->slot && fault_has_call(share->faults.calls, call))
		decide(turn, &(struct fault_call){.call = call, .op = op, .fd = turn->fd});
}

bool agent_confined(void)
{
	return atomic_load_explicit(&share->confined, memory_order_relaxed);
}

bool agent_started(void)
{
	return share != NULL;
}

static void wait_for_room(struct agent_slot *slot, uint64_t written, uint64_t most)
{
	static const struct timespec patience = {.tv_nsec = WAIT_NS};

	atomic_fetch_add(&share->waits, 1);
	atomic_fetch_add(&share->waiting, 1);
	for (;;) {
		uint32_t room = atomic_load(&share->room);

		if (written - atomic_load(&slot->taken) <= most)
			break;
		(void)agent_slow(SYS_futex, ARGS((long)&share->room, FUTEX_WAIT, room, (long)&patience));
	}
	atomic_fetch_sub(&share->waiting, 1);
}

/* Where size bytes in one piece may be written; *ret_at counts from the ring's first byte ever. */
static char *find_room(struct agent_slot *slot, size_t size, uint64_t *ret_at)
{
	char *ring = share->rings[slot - share->slots];
	uint64_t at = atomic_load_explicit(&slot->written, memory_order_relaxed);
	uint64_t left = AGENT_RING_SIZE - at % AGENT_RING_SIZE, skip = left < size ? left : 0;

	if (at + skip + size - atomic_load_explicit(&slot->taken, memory_order_acquire) > AGENT_RING_SIZE)
		wait_for_room(slot, at + skip + size, AGENT_RING_SIZE);
	if (skip)
		((struct agent_record *)(ring + at % AGENT_RING_SIZE))->size = 0;
	*ret_at = at + skip;
	return ring + *ret_at % AGENT_RING_SIZE;
}

struct agent_record *agent_open(const struct agent_turn *turn, enum event_kind kind, uint32_t what, int fd,
				size_t data_size)
{
	size_t size = sizeof(struct agent_record) + (data_size + 7) / 8 * 8;
	struct agent_record *record;
	struct timespec now;
	uint64_t at;

	self.busy = true;
	atomic_signal_fence(memory_order_seq_cst);
	record = (struct agent_record *)find_room(turn->slot, size, &at);
	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	record->size = (uint32_t)size;
	record->kind = (uint16_t)kind;
	record->flags = kind == EV_CALL ? turn->flags : 0;
	record->what = what;
	record->fd = fd;
	record->at = (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
	record->ret = 0;
	for (size_t i = 0; i < 4; i++)
		record->arg[i] = 0;
	record->data_size = (uint32_t)data_size;
	return record;
}

void agent_commit(const struct agent_turn *turn, struct agent_record *record)
{
	struct agent_slot *slot = turn->slot;
	char *ring = share->rings[slot - share->slots];
	uint64_t written = atomic_load_explicit(&slot->written, memory_order_relaxed);
	uint64_t begin = (uint64_t)((char *)record - ring);

	if (begin != written % AGENT_RING_SIZE) /* the rest of the ring was skipped */
		written += AGENT_RING_SIZE - written % AGENT_RING_SIZE;
	/* In one total order with the watcher's going to sleep: it sees the record, or we see it asleep. */
	atomic_store(&slot->written, written + record->size);
	if (atomic_load(&share->asleep) && atomic_exchange(&share->asleep, 0))
		(void)agent_slow(SYS_futex, ARGS((long)&share->asleep, FUTEX_WAKE, 1));
	atomic_signal_fence(memory_order_seq_cst);
	self.busy = false;
}

void agent_tell(const struct agent_turn *turn, enum call call, int fd, long ret, const uint64_t arg[3])
{
	struct agent_record *record;

	if (ret == -AGENT_TOLD)
		return;
	record = agent_open(turn, EV_CALL, call, fd, 0);
	record->ret = ret;
	for (size_t i = 0; i < 3; i++)
		record->arg[i] = arg[i];
	agent_commit(turn, record);
}

static bool may_sleep(enum call call)
{
	return call == CALL_read || call == CALL_write || call == CALL_recvfrom || call == CALL_sendto;
}

static bool makes_number(enum call call)
{
	return call == CALL_socket || call == CALL_openat || call == CALL_fcntl;
}

long agent_plain(enum call call, long number, const struct agent_args *args, int fd, const uint64_t arg[3])
{
	struct agent_turn turn = agent_begin(call, fd);
	long ret;

	if (may_sleep(call))
		ret = agent_asleep(&turn, number, args);
	else
		ret = turn.slot ? agent_make(&turn, number, args) : agent_slow(number, args);
	if (makes_number(call) && ret >= 0 && ret <= INT_MAX)
		agent_forget((int)ret);
	if (turn.slot)
		agent_tell(&turn, call, fd, ret, arg);
	return agent_result(ret);
}

bool agent_copy(long ret, void *to, const void *from, size_t size)
{
	struct iovec here = {to, size}, there = {(void *)from, size};

	if (ret < 0)
		return agent_slow(SYS_process_vm_readv, ARGS(self.tid, (long)&here, 1, (long)&there, 1, 0)) ==
		       (long)size;
	for (size_t i = 0; i < size; i++)
		((char *)to)[i] = ((const char *)from)[i];
	return true;
}
