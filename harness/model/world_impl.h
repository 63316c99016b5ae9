/* SPDX-License-Identifier: MIT */
/* The inside of the world, for world_*.c only. */
#ifndef WRINGER_MODEL_WORLD_IMPL_H
#define WRINGER_MODEL_WORLD_IMPL_H

#include "model/world.h"

#define NOT_YET INT64_MIN

/* One number of an fd table. */
struct slot {
	struct file *file;
	int32_t fd;
	bool cloexec;
};

/* Shared by the threads of a process, and by processes made with CLONE_FILES. */
struct fd_table {
	uint32_t refs;
	struct map slots; /* fd -> struct slot */
};

/* A message with fds that was sent and not yet received. */
struct passed {
	struct passed *next;
	uint32_t count;
	struct file *files[];
};

struct meta {
	char *text;
	struct meta *next;
};

struct list {
	void **items;
	size_t count, capacity;
};

struct world {
	struct list files, threads, processes, peers;
	size_t file_holes, peer_holes; /* of these lists: NULL where one was forgotten */
	uint64_t file_ids, reg_ids;
	struct reg *gone; /* removed by the last event, linked by file_next */
	bool forgets;
	struct world_farewells farewells;
	struct list fading; /* closed files, forgotten unless somebody holds them */
	struct list lonely; /* peers that were gone before they had a connection: the same */
	size_t sweep_at;
	struct map process_by_pid, thread_by_tid, peer_by_id;
	struct map peer_by_port; /* our local port -> the last peer that had it */
	struct map conn_by_port; /* the same port -> the last connection accepted from it */
	struct passed *adrift;	 /* fds sent over a socket whose other end we do not know */
	struct meta *metas;
	uint64_t now;
	enum mark phase;
	uint64_t phase_since, marks[MARK_COUNT];
	uint16_t port;
	struct touch touch;
	struct report *reports;
	size_t report_capacity;
	uint64_t lost[2], lost_since[2]; /* what was not seen (PROC_LOST), and since when; 1: futile calls */
	uint32_t ring_classes;		 /* of calls that requests were submitted for: 1 << class */
	struct request *ended;		 /* the touch's, freed with the next event */
};

int list_add(struct list *list, void *item);

/* world_forget.c */
void world_unpair(struct file *file);			      /* it has no other end any more */
void world_closed(struct world *world, struct file *file);    /* its last number went */
void world_gone(struct world *world, struct peer_view *peer); /* nothing more comes from it */
void world_forget_past(struct world *world); /* before an event: what the ones before left behind */
/* world_fd.c: numbers and descriptions. */
struct file *file_new(struct world *world, enum file_kind kind, int32_t pid, int32_t fd);
/* A number or slot stopped leading here; with the last one the description ends, and its registrations with
 * it.
 */
void file_release(struct world *world, struct file *file);
struct fd_table *table_new(void);
struct fd_table *table_copy(struct world *world,
			    const struct fd_table *table); /* fork; NULL: out of memory */
void table_unref(struct world *world, struct fd_table *table);
void table_exec(struct world *world, struct fd_table *table);
struct slot *table_slot(const struct fd_table *table, int32_t fd);
int table_set(struct world *world, struct process *process, int32_t fd, struct file *file, bool cloexec);
void table_drop(struct world *world, struct process *process, int32_t fd);
void table_free(struct fd_table *table); /* at the end of the world: files are freed elsewhere */
/* The description behind a number; made (FILE_OTHER) when it was there before we looked. NULL: out of memory.
 */
struct file *file_of(struct world *world, struct process *process, int32_t fd);

/* world_direct.c: slots of a ring. */
struct file *direct_at(const struct file *ring,
		       int32_t slot); /* NULL: empty, or filled by what we did not see */
int direct_put(struct world *world, struct file *ring, int32_t slot, struct file *file);
/* Slots from first on, count of them, are empty. */
void direct_drop(struct world *world, struct file *ring, uint64_t first, uint64_t count);
#define DIRECT_ALL UINT32_MAX
/* world_call.c */
int world_call(struct world *world, const struct event *event);
uint16_t port_of(const void *data, uint32_t size); /* of a struct sockaddr, 0 none */
bool is_tcp(uint64_t domain, uint64_t type);
/* Whether the journal can tell of who connected from that struct sockaddr: a port alone does not say it. */
bool is_from_a_peer(const void *data, uint32_t size);
/* What accept gave, by a call or by a ring. touch.file is the listener. */
struct acceptance {
	int64_t ret;
	uint64_t flags; /* SOCK_… */
	const void *address;
	uint32_t size;
	struct file *ring; /* into whose slot it went; NULL: ret is its number */
	int32_t slot;
};
int world_accept(struct world *world, struct process *process, const struct acceptance *acceptance);
/* world_transfer.c: bytes taken out of or put into a file. */
struct transfer {
	int64_t ret;
	uint64_t asked, bytes;
	bool peeked, may_end; /* ret 0 is the end of the stream */
};
void transfer_in(struct world *world, struct file *file, const struct transfer *transfer);
void transfer_out(struct world *world, struct file *file, const struct transfer *transfer);
/* world_ring.c */
int world_ring(struct world *world, const struct event *event);
void requests_of_closed_ring(struct world *world, struct file *ring);
/* world_found.c */
int world_found(struct world *world, const struct event *event);
/* world_epoll.c */
struct ctl {
	int32_t epfd, fd;
	uint64_t op, data;
	uint32_t events;
	int64_t ret;
};
int world_ctl(struct world *world, struct process *process, const struct ctl *ctl);
/* One more report of the event being applied. */
int world_report(struct world *world, const struct report *report);
/* Those an epoll returned; epoll NULL: each names its fd, data is what was asked. */
int world_ready(struct world *world, int32_t pid, struct file *epoll, const struct ready *ready,
		uint32_t count);
int world_wait(struct world *world, const struct event *event);
void regs_of_closed_file(struct world *world, struct file *file);
void regs_of_closed_number(struct file *file, int32_t pid, int32_t fd);
/* world_proc.c */
int world_proc(struct world *world, const struct event *event);
struct process *process_of(struct world *world, int32_t pid); /* made when new; NULL: out of memory */
struct thread *thread_of(struct world *world, int32_t pid, int32_t tid); /* the same */
/* world_peer.c */
int world_peer_act(struct world *world, const struct event *event);
int world_join(struct world *world, struct file *conn);
/* world_pass.c: fds by SCM_RIGHTS. */
int world_pass(struct world *world, struct file *from, const struct event *event);
int world_receive(struct world *world, struct file *to, const struct event *event);
void passed_free(struct passed *passed);

static inline void file_touch(struct world *world, struct file *file, bool progress)
{
	file->touched = world->now;
	file->touches++;
	if (progress)
		file->progressed = world->now;
}

#endif
