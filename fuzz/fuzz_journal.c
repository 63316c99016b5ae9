/* SPDX-License-Identifier: MIT */
/*
 * The journal reader on whatever a file may hold, and the line a person sees of each event. Records that are
 * accepted are written again and must be read back as they were.
 */
#include <string.h>
#include "base/buf.h"
#include "fuzz/common/guard.h"
#include "fuzz/common/journal_mend.h"
#include "fuzz/common/target.h"
#include "journal/journal.h"
#include "journal/record.h"

#define LINE 512

static int see(void *arg, const struct event *event)
{
	char line[LINE], small[8];
	struct buf out = {0};
	struct event again;
	const char *why;
	uint32_t count;

	fuzz_claim(event->kind >= EV_META && event->kind < EV_KINDS);
	(void)event_text(event, line, sizeof line);
	(void)event_text(event, small, sizeof small);
	fuzz_claim(strlen(line) < sizeof line && strlen(small) < sizeof small && !strchr(line, '\n'));
	(void)event_meta(event, "seed");
	(void)event_ready(event, &count);
	fuzz_claim(count * sizeof(struct ready) <= event->size);
	fuzz_claim(record_encode(&out, event) == 0);
	fuzz_claim(record_decode(out.data, out.size, &again, &why) == (int64_t)out.size);
	fuzz_claim(again.size == event->size && again.at == event->at && again.ret == event->ret);
	buf_free(&out);
	*(uint64_t *)arg += 1;
	return 0;
}

static void run(const uint8_t *data, size_t size)
{
	struct guard guard;
	struct error error = {0};
	struct event event;
	uint64_t count = 0;
	const char *why = NULL;
	bool whole;

	guard_open(&guard, size);
	const char *bytes = guard_put(&guard, data, size);
	if (journal_parse(bytes, size, see, &count, &whole, &error) < 0)
		fuzz_claim(error.code < 0 && error.text[0]);
	if (size > sizeof(struct file_head))
		(void)record_decode(bytes + sizeof(struct file_head), size - sizeof(struct file_head), &event,
				    &why);
	guard_close(&guard);
}

/* A checksum stops nearly every plain mutation: most are mended, so that what lies behind is reached too. */
static size_t mutate(uint8_t *data, size_t size, size_t room, unsigned seed, fuzz_mutator *plain)
{
	size = plain(data, size, room);
	return seed % 8 ? journal_mend(data, size, room) : size;
}

const struct fuzz_target fuzz_journal = {
    .name = "journal",
    .doc = "the journal reader, and events as text",
    .limit = 8192,
    .run = run,
    .mutate = mutate,
};
