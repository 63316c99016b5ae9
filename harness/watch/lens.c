/* SPDX-License-Identifier: MIT */
#include "watch/lens.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/capability.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define KERNEL_TYPES  "/sys/kernel/btf/vmlinux"
#define PROGRAMS_MOST 16
/* The number of the first pid namespace's file, the same in every kernel. */
#define FIRST_PIDS 0xeffffffcu
/* Capabilities of Linux 5.8; before it, and beside them, CAP_SYS_ADMIN. */
#define CAPABILITY_PERFMON 38
#define CAPABILITY_BPF	   39

/* The program, compiled beside this file. */
__asm__(".pushsection .rodata\n"
	".balign 16\n"
	"sight_object:\n"
	".incbin \"" SIGHT_OBJECT "\"\n"
	"sight_object_end:\n"
	".popsection\n");
extern const char sight_object[], sight_object_end[];

struct lens {
	struct bpf_object *object;
	struct bpf_link *links[PROGRAMS_MOST], *look, *uring_look;
	const char *names[PROGRAMS_MOST]; /* of their programs */
	size_t link_count;
	bool urings;		       /* the kernel has the tracepoints of io_uring that it takes */
	struct sight_control *control; /* the program's own memory */
	struct ring_buffer *ring;
	int marks;
	/* while lens_take runs */
	lens_sink sink;
	void *arg;
	uint64_t taken, most;
};

static int silent(enum libbpf_print_level level, const char *format, va_list args)
{
	(void)level;
	(void)format;
	(void)args;
	return 0;
}

static bool is_capable(void)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3] = {0};
	uint64_t has;

	if (syscall(SYS_capget, &head, sets) < 0)
		return geteuid() == 0;
	has = sets[0].effective | (uint64_t)sets[1].effective << 32;
	return has >> CAP_SYS_ADMIN & 1 || (has >> CAPABILITY_BPF & has >> CAPABILITY_PERFMON & 1);
}

int lens_check(struct error *error)
{
	struct stat pids;

	if (access(KERNEL_TYPES, R_OK) < 0)
		return error_set(error, -EOPNOTSUPP,
				 "watching by bpf needs a kernel that describes its types: there is no "
				 "" KERNEL_TYPES);
	if (!is_capable())
		return error_set(
		    error, -EPERM,
		    "watching by bpf needs privilege: run wringer as root, or with CAP_BPF and CAP_PERFMON");
	if (stat("/proc/self/ns/pid", &pids) == 0 && pids.st_ino != FIRST_PIDS)
		return error_set(error, -EOPNOTSUPP,
				 "watching by bpf works with the host's process numbers only: run wringer "
				 "outside of the container");
	return 0;
}

static void plan_row(struct sight_plan *plan, const struct row *row)
{
	static const uint8_t memory[CALL_COUNT] = {
	    [CALL_socketpair] = SIGHT_PAIR3,
	    [CALL_pipe] = SIGHT_PAIR0,
	    [CALL_pipe2] = SIGHT_PAIR0,
	    [CALL_accept] = SIGHT_ACCEPT,
	    [CALL_accept4] = SIGHT_ACCEPT,
	    [CALL_connect] = SIGHT_ADDRESS,
	    [CALL_bind] = SIGHT_ADDRESS,
	    [CALL_listen] = SIGHT_LISTEN,
	    [CALL_readv] = SIGHT_IOV,
	    [CALL_writev] = SIGHT_IOV,
	    [CALL_recvmsg] = SIGHT_MESSAGE,
	    [CALL_sendmsg] = SIGHT_MESSAGE,
	    [CALL_recvmmsg] = SIGHT_MESSAGES,
	    [CALL_sendmmsg] = SIGHT_MESSAGES,
	    [CALL_close] = SIGHT_QUEUED,
	    [CALL_ioctl] = SIGHT_INT2,
	    [CALL_setsockopt] = SIGHT_SETOPT,
	    [CALL_getsockopt] = SIGHT_GETOPT,
	    [CALL_epoll_ctl] = SIGHT_CTL,
	    [CALL_epoll_wait] = SIGHT_EPOLL,
	    [CALL_epoll_pwait] = SIGHT_EPOLL,
	    [CALL_epoll_pwait2] = SIGHT_EPOLL2,
	    [CALL_poll] = SIGHT_POLL,
	    [CALL_ppoll] = SIGHT_PPOLL,
	    [CALL_select] = SIGHT_SELECT,
	    [CALL_pselect6] = SIGHT_SELECT,
	    [CALL_io_uring_setup] = SIGHT_RING,
	    [CALL_io_uring_enter] = SIGHT_ENTERED,
	    [CALL_io_uring_register] = SIGHT_REGISTER,
	    [CALL_nanosleep] = SIGHT_SPEC0,
	    [CALL_clock_nanosleep] = SIGHT_SPEC2,
	    [CALL_prlimit64] = SIGHT_LIMIT2,
	    [CALL_setrlimit] = SIGHT_LIMIT1,
	};

	plan->memory = memory[row->call];
	plan->when = SIGHT_AT_LEAVE;
	if (row->enter || row->kind == ROW_RING || row->kind == ROW_RESTART)
		plan->when |= SIGHT_AT_ENTER;
	if (row->kind == ROW_CLOSE)
		plan->when = SIGHT_AT_ENTER | SIGHT_AT_ERROR;
}

/* Signals tell by themselves what their handlers do: sigaction needs no look. */
static void plan_calls(struct sight_control *control, const struct row_index *rows)
{
	_Static_assert(SIGHT_NUMBERS == NUMBER_END, "the plan has a place for each call");
	for (size_t i = 0; i < SIGHT_NUMBERS; i++) {
		const struct row *row = rows->row[i];

		if (row && row->kind != ROW_SIGACTION && row->kind != ROW_SECCOMP && row->kind != ROW_UNKNOWN)
			plan_row(&control->plan[i], row);
	}
	control->event_size = sizeof(struct epoll_event);
}

/* Where the program keeps its variables, of which there is one. */
static int map_control(struct lens *lens)
{
	struct bpf_map *map;

	bpf_object__for_each_map(map, lens->object)
	{
		const char *name = bpf_map__name(map);
		size_t length = strlen(name);

		if (length < 4 || strcmp(name + length - 4, ".bss") != 0)
			continue;
		lens->control = mmap(NULL, sizeof *lens->control, PROT_READ | PROT_WRITE, MAP_SHARED,
				     bpf_map__fd(map), 0);
		if (lens->control != MAP_FAILED)
			return 0;
		lens->control = NULL;
		return -errno;
	}
	return -ENOENT;
}

static int load(struct lens *lens, const struct row_index *rows)
{
	size_t size = (size_t)(sight_object_end - sight_object);
	struct bpf_map *pages;
	int ret;

	lens->object = bpf_object__open_mem(sight_object, size, NULL);
	if (!lens->object)
		return -errno;
	pages = bpf_object__find_map_by_name(lens->object, "pages");
	ret = pages ? bpf_map__set_max_entries(pages, (uint32_t)libbpf_num_possible_cpus()) : -ENOENT;
	ret = ret ? ret : bpf_object__load(lens->object);
	ret = ret ? ret : map_control(lens);
	if (ret < 0)
		return ret;
	lens->marks = bpf_object__find_map_fd_by_name(lens->object, "marks");
	plan_calls(lens->control, rows);
	return lens->marks < 0 ? -ENOENT : 0;
}

static struct bpf_link *link_of(const struct lens *lens, const char *name)
{
	for (size_t i = 0; i < lens->link_count; i++)
		if (lens->names[i] && strcmp(lens->names[i], name) == 0)
			return lens->links[i];
	return NULL;
}

/* Those of io_uring have had other names, and a kernel may be without it. */
static bool may_miss(const char *name)
{
	return strncmp(name, "on_uring_", strlen("on_uring_")) == 0;
}

static int attach(struct lens *lens)
{
	struct bpf_program *program;

	bpf_object__for_each_program(program, lens->object)
	{
		const char *name = bpf_program__name(program);
		struct bpf_link *link = bpf_program__attach(program);

		if (!link && may_miss(name))
			continue;
		if (!link || lens->link_count == PROGRAMS_MOST)
			return link ? -E2BIG : -errno;
		lens->names[lens->link_count] = name;
		lens->links[lens->link_count++] = link;
	}
	lens->look = link_of(lens, "on_look");
	lens->uring_look = link_of(lens, "on_uring_look");
	lens->urings = (link_of(lens, "on_uring_submit") || link_of(lens, "on_uring_submit_once")) &&
		       link_of(lens, "on_uring_complete");
	return lens->look ? 0 : -ENOENT;
}

static int hand_over(void *arg, void *data, size_t size)
{
	struct lens *lens = arg;
	const struct sight *sight = data;

	if (size < sizeof *sight || sight->size > size - sizeof *sight)
		return 0;
	lens->taken++;
	if (lens->sink(lens->arg, sight, (const char *)(sight + 1)) < 0 || lens->taken >= lens->most)
		return -ECANCELED; /* the record is taken nevertheless */
	return 0;
}

static int make_ring(struct lens *lens)
{
	int map = bpf_object__find_map_fd_by_name(lens->object, "ring");

	if (map < 0)
		return -ENOENT;
	lens->ring = ring_buffer__new(map, hand_over, lens, NULL);
	return lens->ring ? 0 : -errno;
}

int lens_open(const struct row_index *rows, struct lens **ret_lens, struct error *error)
{
	struct lens *lens;
	int ret = lens_check(error);

	if (ret < 0)
		return ret;
	lens = calloc(1, sizeof *lens);
	if (!lens)
		return error_set(error, -ENOMEM, "out of memory");
	(void)libbpf_set_print(silent);
	ret = load(lens, rows);
	ret = ret ? ret : make_ring(lens);
	ret = ret ? ret : attach(lens);
	if (ret < 0) {
		lens_close(lens);
		return error_set(error, ret, "this kernel refuses wringer's bpf program: %s", strerror(-ret));
	}
	*ret_lens = lens;
	return 0;
}

void lens_close(struct lens *lens)
{
	if (!lens)
		return;
	for (size_t i = 0; i < lens->link_count; i++)
		(void)bpf_link__destroy(lens->links[i]);
	ring_buffer__free(lens->ring);
	if (lens->control)
		(void)munmap(lens->control, sizeof *lens->control);
	bpf_object__close(lens->object);
	free(lens);
}

int lens_mark(struct lens *lens, pid_t pid)
{
	const uint64_t fresh = 0;
	int pidfd = (int)syscall(SYS_pidfd_open, pid, 0), ret;

	if (pidfd < 0)
		return -errno;
	ret = bpf_map_update_elem(lens->marks, &pidfd, &fresh, BPF_NOEXIST);
	close(pidfd);
	return ret < 0 ? -errno : 0;
}

/* Asks the program of everything there is; what it finds is in the ring then. */
static int walk(const struct bpf_link *link)
{
	int walk = bpf_iter_create(bpf_link__fd(link));
	char rest[64];
	ssize_t got;

	if (walk < 0)
		return -errno;
	/* It writes nothing: reading is what makes it go. */
	do
		got = read(walk, rest, sizeof rest);
	while (got > 0 || (got < 0 && (errno == EINTR || errno == EAGAIN)));
	got = got < 0 ? -errno : 0;
	close(walk);
	return (int)got;
}

int lens_mark_family(struct lens *lens, pid_t root)
{
	lens->control->root = (uint32_t)root;
	return walk(lens->look);
}

bool lens_sees_urings(const struct lens *lens)
{
	return lens->urings;
}

int lens_find_urings(struct lens *lens, pid_t root)
{
	lens->control->root = (uint32_t)root;
	return lens->uring_look ? walk(lens->uring_look) : -EOPNOTSUPP;
}

uint64_t lens_take(struct lens *lens, lens_sink sink, void *arg, uint64_t most)
{
	lens->sink = sink;
	lens->arg = arg;
	lens->taken = 0;
	lens->most = most;
	if (most)
		(void)ring_buffer__consume(lens->ring);
	return lens->taken;
}

uint64_t lens_lost(const struct lens *lens)
{
	return __atomic_load_n(&lens->control->lost, __ATOMIC_RELAXED);
}

int lens_fd(const struct lens *lens)
{
	return ring_buffer__epoll_fd(lens->ring);
}

void lens_doze(struct lens *lens)
{
	__atomic_store_n(&lens->control->asleep, 1, __ATOMIC_SEQ_CST);
}
