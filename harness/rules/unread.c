/* SPDX-License-Identifier: MIT */
/* Connections that the target closes while bytes of their peer wait in them: the kernel answers those with a
 * reset. */
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include "base/buf.h"
#include "base/names.h"
#include "model/promise.h"
#include "rules/facts.h"
#include "rules/families.h"
#include "rules/limits.h"

enum { UNREAD_CLOSE, DATA_DROPPED };

static const struct rule rules[] = {
    [UNREAD_CLOSE] =
	{
	    .id = "unread-close",
	    .severity = SEVERITY_WARNING,
	    .doc = "closed with bytes unread: the kernel resets, and the answer may be lost",
	    .why = "close with unread input sends a reset instead of a FIN. The reset overtakes what is "
		   "still on its way: the last answer, typically the error page that says why the request "
		   "was not wanted, is thrown away in the server's own send queue or at the client before "
		   "it was read. Locally it always works; over a real network clients report \"connection "
		   "reset\" now and then.",
	    .how = "At every close of an accepted connection the socket is asked how many bytes wait to be "
		   "read. The rule is broken when there are some and the target had to know: it filled a "
		   "whole read and did not read on, was told of input (EPOLLIN) and did not read it, or "
		   "closed right behind its own answer in the same turn. It is an error when the peer, "
		   "which went on reading, was reset and got fewer bytes than the target had written. "
		   "Not judged: an abort on purpose (SO_LINGER with 0), a connection turned away before a "
		   "byte moved, a peer that closed, reset, vanished or does not read, what a stopping "
		   "target closes, the end of a lingering close, and time-outs that race with new bytes.",
	    .mend = "After the last answer shut down writing (shutdown with SHUT_WR), read and drop what "
		    "still comes until the peer's end or for a second or two, then close. Where an abort "
		    "is meant, say so with SO_LINGER 0.",
	    .seen = "libevent #321; Jetty #12079; nginx 248568130",
	},
    [DATA_DROPPED] =
	{
	    .id = "data-dropped",
	    .severity = SEVERITY_ERROR,
	    .doc = "bytes came together with the end, and the fd was closed without reading them",
	    .why = "A peer that sends its last message and closes at once is a normal peer. EPOLLRDHUP, or "
		   "EPOLLHUP, says that nothing more will come, not that nothing is there: the last message "
		   "lies in the socket. A server that closes on the flag loses log lines, job results and "
		   "pipelined commands, and only when the client is quick.",
	    .how = "The rule is broken when EPOLLIN was reported together with EPOLLRDHUP or EPOLLHUP after "
		   "an orderly end of the peer (the socket, asked at the close, is in CLOSE_WAIT), and the "
		   "target closed the connection while bytes waited in it: without any read since, or after "
		   "a read that was filled to the brim. Not judged: after a reset (the target may choose), "
		   "while an answer waits for room (half-close-truncated), a target that had shut down "
		   "writing or is stopping, and injected errors.",
	    .mend = "On EPOLLIN with EPOLLRDHUP or EPOLLHUP read first, until 0 or EAGAIN, serve what was "
		    "whole, then close.",
	    .seen = "netty #4317; haproxy dfefebcd7; libuv 2e2114ed8",
	},
};

struct suspect {
	struct finding finding;
	const struct file *file;
	uint64_t unread;
};

struct unread {
	const struct facts *facts;		    /* first: facts_begin */
	struct map aborts;			    /* file id -> file: SO_LINGER 0 */
	struct map shuts;			    /* file id -> struct shut */
	struct suspect suspects[FINDINGS_PER_RULE]; /* their files are held */
	size_t suspect_count;
	struct finding others; /* more of them than the judge tells apart; count: bytes unread in all */
};

struct shut {
	uint64_t at; /* shutdown of the writing side */
};

/* struct linger: l_onoff, then l_linger. */
static bool is_abort(const struct event *event)
{
	return event->what == CALL_setsockopt && event->ret == 0 && event->arg[0] == SOL_SOCKET &&
	       event->arg[1] == SO_LINGER && (uint32_t)event->arg[2] && !(event->arg[2] >> 32);
}

static int follow_option(struct unread *unread, const struct touch *touch, const struct event *event)
{
	if (touch->file && is_abort(event))
		return map_put(&unread->aborts, touch->file->id, touch->file);
	/* Connections inherit it from their listener. */
	if (touch->made && touch->file && map_get(&unread->aborts, touch->file->id))
		return map_put(&unread->aborts, touch->made->id, touch->made);
	return 0;
}

static int follow_shutdown(struct unread *unread, const struct touch *touch, const struct event *event)
{
	struct shut *shut;

	if (event->what != CALL_shutdown || event->ret != 0 || event->arg[0] == SHUT_RD || !touch->file ||
	    map_get(&unread->shuts, touch->file->id))
		return 0;
	shut = calloc(1, sizeof(*shut));
	if (!shut || map_put(&unread->shuts, touch->file->id, shut) < 0) {
		free(shut);
		return -ENOMEM;
	}
	shut->at = event->at;
	return 0;
}

static bool filled_read(const struct file *file)
{
	return file->last_read > 0 && (uint64_t)file->last_read == file->last_read_asked &&
	       file->last_read_at >= file->last_write_at;
}

static bool output_waits(const struct file *file)
{
	if (!file->writes)
		return false;
	return file->last_write == -EAGAIN ||
	       (file->last_write >= 0 && (uint64_t)file->last_write < file->last_write_asked);
}

/* The target was told of bytes and of the end, and did nothing but close. */
static bool drops_data(const struct file *file, const struct event *close)
{
	bool told = (file->reported & EPOLLIN) && (file->reported & (EPOLLRDHUP | EPOLLHUP)) &&
		    !(file->reported & EPOLLERR);
	bool at_once = file->reported_at > file->last_read_at && file->reported_at > file->last_write_at;

	return close->arg[2] == TCP_CLOSE_WAIT && told && !file->shut_write && !output_waits(file) &&
	       (at_once || filled_read(file));
}

/* It lingered, or its peer had its chance: the shutdown was in an earlier turn, or was read on after. */
static bool lingered(const struct unread *unread, const struct file *file, const struct thread *thread)
{
	const struct shut *shut = map_get(&unread->shuts, file->id);

	return shut && (shut->at < thread->woke || file->last_read_at > shut->at);
}

/* Whether the bytes did not just arrive in the moment of the close. */
static bool had_to_know(const struct file *file, const struct thread *thread)
{
	bool told = (file->reported & EPOLLIN) && file->reported_at > file->last_read_at;
	bool answers = file->last_write_at > file->last_read_at && file->last_write_at > thread->woke;
	bool asked = file->reported_at >= thread->woke || file->last_read_at > thread->woke;

	return told || filled_read(file) || (answers && asked);
}

static bool resets_reader(const struct unread *unread, const struct world *world, const struct file *file,
			  const struct event *close)
{
	const struct thread *thread = world_touch(world)->thread;
	const struct peer_view *peer = world_peer(world, file->peer);

	if (!file->bytes_in && !file->bytes_out)
		return false;
	if (promise_fin_came((unsigned)close->arg[2]) && (!peer || peer->fin || output_waits(file)))
		return false;
	return !lingered(unread, file, thread) && had_to_know(file, thread);
}

/* Whether what became of this connection is the target's own doing at all. */
static bool may_blame(const struct unread *unread, const struct judge *judge, const struct file *file,
		      const struct event *close)
{
	const struct hand *hand = &unread->facts->hand;
	const struct peer_view *peer = world_peer(judge_world(judge), file->peer);
	uint64_t window = judge_window(judge, LIMIT_SHORTAGE_WINDOW);

	if (hand->stop_asked || hand_told(hand, close->pid) || hand_spoilt(hand, file) ||
	    map_get(&unread->aborts, file->id))
		return false;
	if (hand->limits || (hand->fds_short && hand->fds_short + window > close->at))
		return false;
	return close->arg[2] != TCP_CLOSE && !(peer && (peer->reset || peer->vanished || peer->stalled));
}

static struct finding about(struct judge *judge, const struct rule *rule, const struct file *file)
{
	struct finding finding = finding_make(judge, rule);

	finding_about(&finding, judge, file);
	finding.from = file->reported_at > file->last_read_at ? file->reported_at : file->last_read_at;
	return finding;
}

static int report_dropped(struct judge *judge, const struct file *file, const struct event *close)
{
	struct finding finding = about(judge, &rules[DATA_DROPPED], file);
	char who[FACTS_WHO], mask[MASK_TEXT];

	finding.count = close->arg[0];
	(void)snprintf(finding.message, sizeof(finding.message),
		       "%s: %s was reported, %llu bytes waited before the end, and it was closed without "
		       "reading them%s",
		       facts_who(&finding, who, sizeof(who)), mask_short(file->reported, mask, sizeof(mask)),
		       (unsigned long long)close->arg[0], filled_read(file) ? " to the end" : "");
	return judge_report(judge, &finding);
}

/* Whether the peer lost anything shows later. */
static void suspect(struct judge *judge, struct unread *unread, struct file *file, const struct event *close)
{
	struct finding finding = about(judge, &rules[UNREAD_CLOSE], file);
	char who[FACTS_WHO];

	if (unread->suspect_count == FINDINGS_PER_RULE) {
		(void)snprintf(finding.message, sizeof(finding.message), "%s: closed with bytes unread",
			       facts_who(&finding, who, sizeof(who)));
		finding.count = unread->others.count + close->arg[0];
		unread->others = finding;
		return;
	}
	unread->suspects[unread->suspect_count++] = (struct suspect){finding, file, close->arg[0]};
	file_hold(file);
}

static int follow_close(struct judge *judge, struct unread *unread, const struct event *event)
{
	const struct world *world = judge_world(judge);
	const struct touch *touch = world_touch(world);
	struct file *file = touch->file;

	if (event->what != CALL_close || event->ret != 0 || !event->arg[0] || !touch->last_close ||
	    file->kind != FILE_CONN || !may_blame(unread, judge, file, event))
		return 0;
	if (drops_data(file, event))
		return report_dropped(judge, file, event);
	if (resets_reader(unread, world, file, event))
		suspect(judge, unread, file, event);
	return 0;
}

static int unread_event(struct judge *judge, void *state, const struct event *event)
{
	struct unread *unread = state;
	const struct touch *touch = world_touch(judge_world(judge));
	int r = follow_option(unread, touch, event);

	r = r ? r : follow_shutdown(unread, touch, event);
	return r ? r : follow_close(judge, unread, event);
}

static int report_unread(struct judge *judge, const struct suspect *suspect)
{
	const struct peer_view *peer = world_peer(judge_world(judge), suspect->file->peer);
	bool lost = peer && peer->got_rst && peer->received < suspect->file->bytes_out;
	struct finding finding = suspect->finding;
	char who[FACTS_WHO], fate[96] = "";

	finding.count = suspect->unread;
	if (lost) {
		finding.severity = SEVERITY_ERROR;
		(void)snprintf(
		    fate, sizeof(fate), "; the peer was reset and got %llu of the %llu bytes written to it",
		    (unsigned long long)peer->received, (unsigned long long)suspect->file->bytes_out);
	} else if (peer && peer->got_rst) {
		(void)snprintf(fate, sizeof(fate), "; the peer was reset");
	}
	(void)snprintf(finding.message, sizeof(finding.message), "%s: closed with %llu bytes unread%s",
		       facts_who(&finding, who, sizeof(who)), (unsigned long long)suspect->unread, fate);
	return judge_report(judge, &finding);
}

static int unread_finish(struct judge *judge, void *state)
{
	struct unread *unread = state;
	int r = 0;

	for (size_t i = 0; i < unread->suspect_count && r == 0; i++)
		r = report_unread(judge, &unread->suspects[i]);
	return r == 0 && unread->others.count ? judge_report(judge, &unread->others) : r;
}

static void unread_farewell(struct judge *judge, void *state, const struct file *file)
{
	struct unread *unread = state;

	(void)judge;
	(void)map_remove(&unread->aborts, file->id);
	free(map_remove(&unread->shuts, file->id));
}

static void unread_release(void *state)
{
	struct unread *unread = state;

	map_free_all(&unread->shuts);
	map_free(&unread->aborts);
}

const struct rule_family unread_family = {
    .name = "unread",
    .rules = rules,
    .rule_count = sizeof(rules) / sizeof(*rules),
    .state_size = sizeof(struct unread),
    .farewell = unread_farewell,
    .begin = facts_begin,
    .kinds = KIND(EV_CALL),
    .classes = CLASS(CLASS_OPTION) | CLASS(CLASS_ACCEPT) | CLASS(CLASS_DUP) | CLASS(CLASS_SHUTDOWN) |
	       CLASS(CLASS_CLOSE),
    .event = unread_event,
    .finish = unread_finish,
    .release = unread_release,
};
