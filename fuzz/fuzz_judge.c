/* SPDX-License-Identifier: MIT */
/*
 * The world and every rule on a story that no kernel would tell: whatever a saved journal says, judging it
 * ends, without a crash. An input is a list of short events (see read_event), not a journal file.
 */
#include <string.h>
#include <sys/epoll.h>
#include <netinet/in.h>
#include "base/clock.h"
#include "fuzz/common/feed.h"
#include "fuzz/common/target.h"
#include "rules/judge.h"

#define DATA_MOST  96u
#define READY_MOST 6u
#define PID	   100

/* What an event may carry, behind each other so that a record's neighbours are known. */
union cargo {
	struct ready ready[READY_MOST];
	struct sockaddr_in address;
	uint8_t bytes[DATA_MOST];
};

static int32_t small_number(uint8_t byte)
{
	return byte == 0xff ? -1 : byte & 15;
}

/* Steps from a microsecond to half a minute. */
static uint64_t step_of(uint8_t byte)
{
	return NS_PER_US << byte % 25;
}

static uint64_t argument(struct feed *feed)
{
	uint8_t byte = feed_byte(feed);

	if (byte < 0xc0)
		return byte;
	if (byte < 0xe0)
		return (uint64_t)(byte & 31) << 8 | feed_byte(feed);
	return byte == 0xff ? UINT64_MAX : 1ull << (byte & 31) * 2;
}

static uint32_t read_ready(struct feed *feed, union cargo *cargo, uint8_t count)
{
	for (uint8_t i = 0; i < count; i++) {
		uint8_t mask = feed_byte(feed), where = feed_byte(feed);
		cargo->ready[i] = (struct ready){
		    .data = where & 15,
		    .events = (mask & 0x1fu) | (mask & 0x20 ? (uint32_t)EPOLLRDHUP : 0) |
			      (mask & 0x40 ? (uint32_t)EPOLLET : 0) |
			      (mask & 0x80 ? (uint32_t)EPOLLONESHOT : 0),
		    .fd = where & 0x10 ? where & 15 : -1,
		};
	}
	return count * (uint32_t)sizeof(struct ready);
}

static uint32_t read_cargo(struct feed *feed, union cargo *cargo)
{
	uint8_t form = feed_byte(feed);
	size_t size;

	switch (form >> 6) {
	case 1:
		return read_ready(feed, cargo, form % (READY_MOST + 1));
	case 2:
		cargo->address = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(form & 63)};
		return sizeof cargo->address;
	case 3: {
		const uint8_t *bytes = feed_bytes(feed, form & 63, &size);
		if (size)
			memcpy(cargo->bytes, bytes, size);
		return (uint32_t)size;
	}
	default:
		return 0;
	}
}

static struct event read_event(struct feed *feed, union cargo *cargo, uint64_t *at)
{
	uint8_t head = feed_byte(feed);
	struct event event = event_make((enum event_kind)(1 + head % (EV_KINDS - 1)), feed_byte(feed));
	uint8_t who = feed_byte(feed);

	*at += head & 0x80 ? step_of(feed_byte(feed)) : NS_PER_US;
	event.at = *at;
	event.flags = head & 0x40 ? feed_byte(feed) : 0;
	event.pid = event.kind == EV_PEER || event.kind == EV_MARK ? 0 : PID + (who >> 6);
	event.tid = event.pid + (who >> 4 & 3);
	event.fd = small_number(feed_byte(feed));
	event.peer = event.kind == EV_PEER ? who & 15 : -1;
	event.ret = (int8_t)feed_byte(feed);
	for (int i = 0; i < 4; i++)
		event.arg[i] = who & 1u << i ? argument(feed) : 0;
	event.size = read_cargo(feed, cargo);
	event.data = event.size ? cargo : NULL;
	return event;
}

static void run(const uint8_t *data, size_t size)
{
	struct feed feed = {data, size};
	struct judge *judge = NULL;
	struct error error = {0};
	uint64_t at = 0;
	size_t count;

	/* Half of them before a judge that forgets at once what is over. */
	fuzz_claim(judge_new(&(struct judge_options){.at_once = size & 1}, &judge, &error) == 0);
	while (!feed_empty(&feed)) {
		union cargo cargo = {0};
		struct event event = read_event(&feed, &cargo, &at);
		fuzz_claim(judge_event(judge, &event) == 0);
	}
	fuzz_claim(judge_finish(judge) == 0);
	const struct finding *findings = judge_findings(judge, &count);
	for (size_t i = 0; i < count; i++)
		fuzz_claim(findings[i].rule && findings[i].message[0] && !strchr(findings[i].message, '\n'));
	judge_free(judge);
}

const struct fuzz_target fuzz_judge = {
    .name = "judge",
    .doc = "the world and the rules on impossible stories",
    .limit = 2048,
    .run = run,
};
