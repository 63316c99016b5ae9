/* SPDX-License-Identifier: MIT */
/*
 * The journal: one append-only record for both sides of a case.
 *
 * Writing: any thread appends (the watcher, the peers); one thread, the case's own, drains. Draining writes
 * the records to the file and hands each one, in order, to the caller. Between the two stands a buffer of
 * bounded size: an appender waits when it is full, so nothing is ever dropped and memory stays bounded.
 *
 * File format, version 1 (also in the man page): a 32-byte header {"WRINGERJ", u32 version, u32 byte-order
 * mark 0x01020304, u64 start (CLOCK_REALTIME ns), u64 reserved 0}, then records {u32 size of what follows,
 * u32 checksum of it, the fixed part of struct event, data}, each padded to 8 bytes. A whole journal ends
 * with MARK_END.
 *
 * It is not compressed, for that does not pay. Of a busy HTTP server (385,000 events, 2026-11-29) an event is 93
 * bytes, and a million take 0.03 s of CPU to write; zstd -1 would make 9 % of them for 0.10 s more, lz4 22 % for
 * 0.09 s, gzip -1 15 % for 0.54 s. A case leaves 92 KB on the average; who keeps a long one can compress it
 * himself.
 */
#ifndef WRINGER_JOURNAL_JOURNAL_H
#define WRINGER_JOURNAL_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/error.h"
#include "journal/event.h"

struct journal;

/*
 * Makes a journal that writes to path (created, truncated; NULL: no file). Time 0 of its events is now.
 * 0, or a negative errno with error filled.
 */
int journal_create(const char *path, struct journal **ret_journal, struct error *error);

/* clock_now() at time 0 of the journal. */
uint64_t journal_start(const struct journal *journal);

/*
 * Appends a copy of the event, data included; any thread. event->at 0 is stamped now; another value is kept
 * (it must be ns since journal_start). Waits while the buffer is full, except on the draining thread, where
 * the buffer grows instead. 0, -ENOMEM, -EMSGSIZE, or the error that writing the file met.
 */
int journal_append(struct journal *journal, const struct event *event);

/*
 * What happened elsewhere and is still to be fetched: called before each event that is stamped as it is appended, so
 * that what came before it stands before it. It appends by itself, events with their own time, and must not wait for the
 * draining thread. NULL: no more, and it is not running any more when this returns. Any thread.
 */
typedef void (*journal_source)(void *arg);
void journal_set_source(struct journal *journal, journal_source source, void *arg);
/* Has it append what happened by now, so that the next drain hands that over. Whoever is fetching at this
 * moment may be a little behind. Any thread. */
void journal_fetch(struct journal *journal);

/* journal_append for our own side: a mark, a peer's act, a meta line. */
int journal_mark(struct journal *journal, enum mark mark, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
int journal_meta(struct journal *journal, const char *key, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* An fd that polls readable soon (half a millisecond) after something waits to be drained. The journal owns
 * it. */
int journal_fd(const struct journal *journal);

typedef int (*journal_sink)(void *arg, const struct event *event);

/* Writes out and hands over everything appended so far. Only one thread may drain. 0, the sink's first error,
 * or an I/O error. */
int journal_drain(struct journal *journal, journal_sink sink, void *arg);

/* How many events were appended so far. */
uint64_t journal_count(const struct journal *journal);

/* Flushes and frees; the file stays. */
void journal_free(struct journal *journal);

/*
 * Reads a journal file record by record in bounded memory; every event's data is valid during its sink call
 * only. A foreign, newer, truncated or corrupt file gives -EBADMSG (or the errno of open/read) with the place
 * in error. ret_whole, may be NULL: whether it ended with MARK_END (a harness that died leaves it out; that
 * is not an error here).
 */
int journal_read(const char *path, journal_sink sink, void *arg, bool *ret_whole, struct error *error);

/* The same from memory (fuzzing, tests). */
int journal_parse(const void *data, size_t size, journal_sink sink, void *arg, bool *ret_whole,
		  struct error *error);

#endif
