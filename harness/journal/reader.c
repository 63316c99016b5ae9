/* SPDX-License-Identifier: MIT */
/* Reading a journal: a window of the file slides over it, so memory is bounded by the largest record. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>
#include "journal/journal.h"
#include "journal/record.h"

#define READ_SIZE ((size_t)1 << 18)

struct reading {
	const char *name;
	journal_sink sink;
	void *arg;
	uint64_t offset; /* of the window's first byte in the file */
	bool headed, whole;
	struct error *error;
};

static int check_head(struct reading *reading, const char *data)
{
	struct file_head head;

	memcpy(&head, data, sizeof head);
	if (memcmp(head.magic, JOURNAL_MAGIC, sizeof head.magic) != 0)
		return error_set(reading->error, -EBADMSG, "%s: not a wringer journal", reading->name);
	if (head.order != JOURNAL_ORDER)
		return error_set(reading->error, -EBADMSG,
				 "%s: a journal from a machine of the other byte order", reading->name);
	if (head.version != JOURNAL_VERSION)
		return error_set(reading->error, -EBADMSG,
				 "%s: journal version %u, this wringer reads version %u", reading->name,
				 head.version, JOURNAL_VERSION);
	return 0;
}

/* Hands over every whole record of the window. Returns the bytes used, or a negative errno. */
static int64_t consume(struct reading *reading, const char *data, size_t size)
{
	size_t used = 0;

	if (!reading->headed) {
		if (size < sizeof(struct file_head))
			return 0;
		int r = check_head(reading, data);
		if (r < 0)
			return r;
		reading->headed = true;
		used = sizeof(struct file_head);
	}
	while (used < size) {
		struct event event;
		const char *why;
		int64_t n = record_decode(data + used, size - used, &event, &why);
		if (n == 0)
			break;
		if (n < 0)
			return error_set(reading->error, (int)n, "%s: corrupt at byte %llu: %s",
					 reading->name, (unsigned long long)(reading->offset + used), why);
		int r = reading->sink(reading->arg, &event);
		if (r < 0)
			return reading->error && reading->error->code
				   ? r
				   : error_set(reading->error, r, "%s: %s", reading->name, strerror(-r));
		reading->whole = event.kind == EV_MARK && event.what == MARK_END;
		used += (size_t)n;
	}
	return (int64_t)used;
}

static int ended(const struct reading *reading, size_t rest, bool *ret_whole)
{
	if (!reading->headed)
		return error_set(reading->error, -EBADMSG, "%s: not a wringer journal (%zu bytes only)",
				 reading->name, rest);
	if (rest)
		return error_set(reading->error, -EBADMSG,
				 "%s: truncated: %zu bytes of an unfinished record at byte %llu",
				 reading->name, rest, (unsigned long long)reading->offset);
	if (ret_whole)
		*ret_whole = reading->whole;
	return 0;
}

static int read_file(struct reading *reading, int fd, bool *ret_whole)
{
	struct buf window = {0};
	int r = 0;

	for (;;) {
		if (buf_reserve(&window, READ_SIZE) < 0) {
			r = error_set(reading->error, -ENOMEM, "%s: out of memory", reading->name);
			break;
		}
		ssize_t n = read(fd, window.data + window.size, READ_SIZE);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			r = error_set(reading->error, -errno, "%s: %s", reading->name, strerror(errno));
			break;
		}
		if (n == 0) {
			r = ended(reading, window.size, ret_whole);
			break;
		}
		window.size += (size_t)n;
		int64_t used = consume(reading, window.data, window.size);
		if (used < 0) {
			r = (int)used;
			break;
		}
		buf_consume(&window, (size_t)used);
		reading->offset += (uint64_t)used;
	}
	buf_free(&window);
	return r;
}

int journal_read(const char *path, journal_sink sink, void *arg, bool *ret_whole, struct error *error)
{
	struct error own = {0};
	struct reading reading = {.name = path, .sink = sink, .arg = arg, .error = error ? error : &own};
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	reading.error->code = 0;
	if (fd < 0)
		return error_set(error, -errno, "%s: %s", path, strerror(errno));
	int r = read_file(&reading, fd, ret_whole);
	close(fd);
	return r;
}

int journal_parse(const void *data, size_t size, journal_sink sink, void *arg, bool *ret_whole,
		  struct error *error)
{
	struct error own = {0};
	struct reading reading = {.name = "journal", .sink = sink, .arg = arg, .error = error ? error : &own};

	struct buf aligned = {0};

	/* Records hold structs: what is not aligned is read from a copy that is. */
	reading.error->code = 0;
	if (buf_append(&aligned, data, size) < 0)
		return error_set(error, -ENOMEM, "journal: out of memory");
	int64_t used = consume(&reading, aligned.data, size);
	buf_free(&aligned);
	if (used < 0)
		return (int)used;
	reading.offset = (uint64_t)used;
	return ended(&reading, size - (size_t)used, ret_whole);
}
