/* SPDX-License-Identifier: MIT */
/* In the place of lens.c, where there was no libbpf, or no clang to compile the program with. */
#include <errno.h>
#include "watch/lens.h"

int lens_check(struct error *error)
{
	return error_set(error, -EOPNOTSUPP,
			 "this wringer was built without bpf: that takes libbpf and clang (libbpf-dev)");
}

int lens_open(const struct row_index *rows, struct lens **ret_lens, struct error *error)
{
	(void)rows;
	(void)ret_lens;
	return lens_check(error);
}

void lens_close(struct lens *lens)
{
	(void)lens;
}

int lens_mark(struct lens *lens, pid_t pid)
{
	(void)lens;
	(void)pid;
	return -EOPNOTSUPP;
}

int lens_mark_family(struct lens *lens, pid_t root)
{
	return lens_mark(lens, root);
}

bool lens_sees_urings(const struct lens *lens)
{
	(void)lens;
	return false;
}

int lens_find_urings(struct lens *lens, pid_t root)
{
	return lens_mark(lens, root);
}

uint64_t lens_take(struct lens *lens, lens_sink sink, void *arg, uint64_t most)
{
	(void)lens;
	(void)sink;
	(void)arg;
	(void)most;
	return 0;
}

uint64_t lens_lost(const struct lens *lens)
{
	(void)lens;
	return 0;
}

int lens_fd(const struct lens *lens)
{
	(void)lens;
	return -1;
}

void lens_doze(struct lens *lens)
{
	(void)lens;
}
