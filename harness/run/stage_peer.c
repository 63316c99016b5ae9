/* SPDX-License-Identifier: MIT */
/* The stage's peers. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/buf.h"
#include "base/clock.h"
#include "run/pending.h"
#include "run/stage_impl.h"

int stage_connect(struct stage *stage, const struct peer_options *options, struct peer **ret_peer,
		  struct error *error)
{
	struct peer_options own = options ? *options : (struct peer_options){.reading = true};
	struct peer **grown;
	char name[16];
	int rc;

	grown = array_grow(stage->peers, stage->peer_count, &stage->peer_capacity, sizeof(struct peer *));
	if (!grown)
		return error_set(error, -ENOMEM, "out of memory");
	stage->peers = grown;
	if (!own.name) {
		(void)snprintf(name, sizeof(name), "c%u", stage->names + 1);
		own.name = name;
	}
	own.id = stage->next_id++;
	rc = peer_new(stage->loop, stage->journal, (struct sockaddr *)&stage->address, stage->address_size,
		      &own, &stage->peers[stage->peer_count], error);
	if (rc < 0)
		return rc;
	stage->names++;
	*ret_peer = stage->peers[stage->peer_count++];
	return 0;
}

int stage_hoard(struct stage *stage, const struct hoard_options *options, struct hoard **ret_hoard,
		struct error *error)
{
	struct hoard_options own = *options;

	own.address = (struct sockaddr *)&stage->address;
	own.address_size = stage->address_size;
	own.crowd = stage->options->crowd;
	return hoard_new(&own, ret_hoard, error);
}

void stage_drop(struct stage *stage, struct peer *peer)
{
	for (size_t i = 0; i < stage->peer_count; i++) {
		if (stage->peers[i] == peer) {
			stage->peers[i] = stage->peers[--stage->peer_count];
			view_drop(world_peer(stage->world, peer_id(peer)));
			peer_free(peer);
			return;
		}
	}
}

void stage_drop_all(struct stage *stage)
{
	while (stage->peer_count > 0)
		peer_free(stage->peers[--stage->peer_count]);
}

struct file *stage_conn(const struct stage *stage, const struct peer *peer)
{
	struct peer_view *view = world_peer(stage->world, peer_id(peer));

	return view ? view->conn : NULL;
}

#define SETTLED_QUIET	 (300 * NS_PER_US)
#define SETTLED_UNTRACED (2 * NS_PER_MS) /* what is not stopped tells of its calls a little later */

uint64_t stage_settled_poll(const struct stage *stage)
{
	return strcmp(stage->options->watch->name, "ptrace") == 0 ? SETTLED_QUIET : SETTLED_UNTRACED;
}

bool stage_asleep(const struct stage *stage)
{
	return world_asleep(stage->world) && (stage->paused || target_waits(stage->world));
}

bool stage_settled(struct stage *stage)
{
	uint64_t quiet = stage_settled_poll(stage);

	if (!stage_watched(stage))
		return stage->peer_act + quiet <= clock_now();
	return stage->gone || (stage->target_event >= stage->peer_act && pending_rests(stage, quiet));
}
