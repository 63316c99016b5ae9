/* SPDX-License-Identifier: MIT */
#include "rules/facts.h"

#include <stdio.h>
#include "rules/limits.h"

int facts_begin(struct judge *judge, void *state)
{
	*(const struct facts **)state = judge_facts(judge);
	return 0;
}

int facts_follow(struct facts *facts, const struct world *world, const struct event *event)
{
	int r = 0;

	switch (event->kind) {
	case EV_MARK:
	case EV_FAULT:
	case EV_PROC:
	case EV_CALL:
	case EV_RING:
		r = hand_follow(&facts->hand, world, event);
		break;
	case EV_PEER:
		r = diary_follow(&facts->diary, world, event);
		break;
	default:
		break;
	}
	if (r == 0 && (event->kind == EV_MARK || event->kind == EV_PEER || event->kind == EV_PROBE))
		r = ground_follow(&facts->ground, world, event);
	return r;
}

void facts_forget_file(struct facts *facts, const struct file *file)
{
	hand_forget(&facts->hand, file);
}

void facts_forget_peer(struct facts *facts, const struct peer_view *peer)
{
	diary_forget(&facts->diary, peer->id);
}

void facts_release(struct facts *facts)
{
	hand_release(&facts->hand);
	ground_release(&facts->ground);
	diary_release(&facts->diary);
}

bool facts_free(const struct facts *facts, uint64_t now, uint64_t window)
{
	const struct hand *hand = &facts->hand;

	if (hand->stop_asked && hand->stop_asked <= now)
		return false;
	return !hand->frozen && (!hand->thawed || hand->thawed + window <= now);
}

bool facts_at_rest(const struct facts *facts, const struct judge *judge)
{
	const struct ground *ground = &facts->ground;

	/* The round's own time: the mark that ends it may be MARK_STOP. */
	return ground_at_rest(ground) &&
	       facts_free(facts, ground->began, judge_window(judge, LIMIT_LOST_WINDOW));
}

char *facts_who(const struct finding *finding, char *out, size_t size)
{
	if (finding->fd < 0 && finding->name[0])
		(void)snprintf(out, size, "peer %s", finding->name);
	else if (finding->name[0])
		(void)snprintf(out, size, "fd %d (peer %s)", finding->fd, finding->name);
	else
		(void)snprintf(out, size, "fd %d", finding->fd);
	return out;
}

bool facts_died(const struct judge *judge)
{
	static const char *const deaths[] = {"sigpipe-death", "eintr-fatal", "accept-error-fatal",
					     "peer-kills-server"};

	for (size_t i = 0; i < sizeof(deaths) / sizeof(*deaths); i++)
		if (judge_broken(judge, deaths[i]))
			return true;
	/* This one is a death only when nobody is left. */
	return judge_broken(judge, "ctl-error-orphan") && !world_alive(judge_world(judge));
}
