/* SPDX-License-Identifier: MIT */
#include "rules/diary.h"

#include <errno.h>
#include <stdlib.h>

static struct diary_page *page_of(struct diary *diary, const struct event *event)
{
	struct diary_page *page = map_get(&diary->pages, (uint32_t)event->peer);

	if (page)
		return page;
	page = calloc(1, sizeof(*page));
	if (!page || map_put(&diary->pages, (uint32_t)event->peer, page) < 0) {
		free(page);
		return NULL;
	}
	page->begun_at = event->at;
	return page;
}

static void note_request(struct diary *diary, struct diary_page *page, const struct peer_view *peer,
			 const struct event *event)
{
	page->request_at = event->at;
	page->received_before = peer ? peer->received : 0;
	if (event->flags & EVF_CANARY)
		diary->canary_request_at = event->at;
}

static void note_answer(struct diary *diary, struct diary_page *page, const struct event *event)
{
	page->answer_at = event->at;
	page->right += event->arg[1];
	if (!(event->flags & EVF_CANARY))
		return;
	diary->canary_answers++;
	diary->canary_answer_at = event->at;
}

int diary_follow(struct diary *diary, const struct world *world, const struct event *event)
{
	struct diary_page *page;

	if (event->kind != EV_PEER)
		return 0;
	page = page_of(diary, event);
	if (!page)
		return -ENOMEM;
	switch ((enum peer_act)event->what) {
	case PEER_SEND:
		page->sent_at = event->at;
		break;
	case PEER_RECV:
		page->received_at = event->at;
		break;
	case PEER_REQUEST:
		note_request(diary, page, world_touch(world)->peer, event);
		break;
	case PEER_ANSWER:
		note_answer(diary, page, event);
		break;
	case PEER_STALL:
		if (event->arg[0])
			page->faulted_at = event->at;
		else
			page->resumed_at = event->at;
		break;
	case PEER_OOB:
		page->sent_at = event->at;
		page->faulted_at = event->at;
		break;
	case PEER_FIN:
	case PEER_HALF_CLOSE:
	case PEER_RST:
	case PEER_CLOSE_UNREAD:
	case PEER_VANISH:
		page->faulted_at = event->at;
		break;
	case PEER_CONNECT:
	case PEER_CONNECTED:
	case PEER_REFUSED:
	case PEER_WRONG:
	case PEER_CUT:
	case PEER_UNANSWERED:
	case PEER_GOT_FIN:
	case PEER_GOT_RST:
	case PEER_GONE:
	case PEER_ACTS:
		break;
	}
	return 0;
}

const struct diary_page *diary_page(const struct diary *diary, int32_t peer)
{
	static const struct diary_page empty;
	const struct diary_page *page = map_get(&diary->pages, (uint32_t)peer);

	return page ? page : &empty;
}

void diary_forget(struct diary *diary, int32_t peer)
{
	free(map_remove(&diary->pages, (uint32_t)peer));
}

void diary_release(struct diary *diary)
{
	map_free_all(&diary->pages);
}
