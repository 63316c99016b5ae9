/* SPDX-License-Identifier: MIT */
/* From the start of a program to a thread's slot, and the writing of records. */
#include "agent/agent.h"

#include <fcntl.h>
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

struct agent_slot *agent_begin(enum call call)
{
	uint32_t age;

	if (!share || atomic_load_explicit(&share->mute, memory_order_acquire) || self.busy)
		return NULL;
	age = atomic_load_explicit(&share->age, memory_order_acquire);
	if (self.age != age)
		settle(age);
	if (atomic_load_explicit(&share->faults[call / 64], memory_order_acquire) >> call % 64 & 1)
		return NULL;
	return self.slot;
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

struct agent_record *agent_open(struct agent_slot *slot, enum event_kind kind, enum call call, int fd,
				size_t data_size)
{
	size_t size = sizeof(struct agent_record) + (data_size + 7) / 8 * 8;
	struct agent_record *record;
	struct timespec now;
	uint64_t at;

	self.busy = true;
	atomic_signal_fence(memory_order_seq_cst);
	record = (struct agent_record *)find_room(slot, size, &at);
	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	record->size = (uint32_t)size;
	record->kind = (uint16_t)kind;
	record->flags = 0;
	record->what = call;
	record->fd = fd;
	record->at = (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
	record->ret = 0;
	for (size_t i = 0; i < 4; i++)
		record->arg[i] = 0;
	record->data_size = (uint32_t)data_size;
	return record;
}

void agent_commit(struct agent_slot *slot, struct agent_record *record)
{
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

void agent_tell(struct agent_slot *slot, enum call call, int fd, long ret, const uint64_t arg[3])
{
	struct agent_record *record;

	if (ret == -AGENT_TOLD)
		return;
	record = agent_open(slot, EV_CALL, call, fd, 0);
	record->ret = ret;
	for (size_t i = 0; i < 3; i++)
		record->arg[i] = arg[i];
	agent_commit(slot, record);
}

long agent_plain(enum call call, long number, const struct agent_args *args, int fd, const uint64_t arg[3])
{
	struct agent_slot *slot = agent_begin(call);
	bool may_sleep =
	    call == CALL_read || call == CALL_write || call == CALL_recvfrom || call == CALL_sendto;
	long ret;

	if (may_sleep)
		ret = agent_asleep(slot, number, args);
	else
		ret = slot ? agent_fast(number, args) : agent_slow(number, args);
	if (slot)
		agent_tell(slot, call, fd, ret, arg);
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
