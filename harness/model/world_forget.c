/* SPDX-License-Identifier: MIT */
/*
 * What is over leaves the world again, so that a long journal needs no more memory than what is open at a
 * time: files with their last number, peers when they are gone, a peer and its connection together when both
 * are.
 */
#include <stdlib.h>
#include "base/clock.h"
#include "model/world_impl.h"

#define SWEEP_LEAST 256 /* closed files and peers before anybody looks at them */
/* So long after its end a connection may still turn out to be a peer's, whose record came late. */
#define CLAIM_WINDOW NS_PER_S

void world_forgets(struct world *world, const struct world_farewells *farewells)
{
	world->forgets = true;
	if (farewells)
		world->farewells = *farewells;
}

static bool stays(const struct file *file)
{
	return file->kind == FILE_LISTENER || file->kind == FILE_EPOLL || file->kind == FILE_RING;
}

void world_closed(struct world *world, struct file *file)
{
	if (world->forgets && !stays(file))
		(void)list_add(&world->fading, file); /* without memory for it, it is kept */
}

/* With a connection it goes when that does. */
void world_gone(struct world *world, struct peer_view *peer)
{
	if (world->forgets && !peer->conn)
		(void)list_add(&world->lonely, peer);
}

/* The peer that goes with the file, NULL when it goes alone. */
static struct peer_view *peer_with(const struct world *world, const struct file *file)
{
	struct peer_view *peer = file->peer >= 0 ? world_peer(world, file->peer) : NULL;

	return peer && peer->conn == file ? peer : NULL;
}

static bool may_be_claimed(const struct world *world, const struct file *file)
{
	bool any_peers = world->peers.capacity > 0;

	return any_peers && file->port && file->peer < 0 && file->closed + CLAIM_WINDOW > world->now &&
	       map_get(&world->conn_by_port, file->port) == file;
}

static bool is_over(const struct world *world, const struct file *file, const struct peer_view *peer)
{
	if (file->holds || file->inbox || file->requests || may_be_claimed(world, file))
		return false;
	return !peer || (peer->gone && !peer->holds);
}

static void part_with_peer(struct world *world, struct peer_view *peer)
{
	if (world->farewells.peer)
		world->farewells.peer(world->farewells.arg, peer);
}

static void forget_peer(struct world *world, struct peer_view *peer)
{
	if (map_get(&world->peer_by_port, peer->port) == peer)
		(void)map_remove(&world->peer_by_port, peer->port);
	(void)map_remove(&world->peer_by_id, (uint32_t)peer->id);
	world->peers.items[peer->index] = NULL;
	world->peer_holes++;
	free(peer);
}

/* Both ends of a pair, for either may be forgotten first. */
void world_unpair(struct file *file)
{
	if (file->mate)
		file->mate->mate = NULL;
	file->mate = NULL;
}

static void forget_file(struct world *world, struct file *file)
{
	world_unpair(file); /* an impossible journal has pairs made of a closed end */
	if (file->port && map_get(&world->conn_by_port, file->port) == file)
		(void)map_remove(&world->conn_by_port, file->port);
	world->files.items[file->index] = NULL;
	world->file_holes++;
	/* In an impossible journal anything may have been an epoll or a ring. */
	map_free(&file->sets);
	map_free(&file->by_number);
	map_free(&file->direct);
	free(file);
}

static void forget(struct world *world, struct file *file, struct peer_view *peer)
{
	if (peer)
		part_with_peer(world, peer);
	if (world->farewells.file)
		world->farewells.file(world->farewells.arg, file);
	if (peer)
		forget_peer(world, peer);
	forget_file(world, file);
}

/* Nobody walks over the files while an event is applied. */
static void close_file_holes(struct world *world)
{
	size_t kept = 0;

	for (size_t i = 0; i < world->files.count; i++) {
		struct file *file = world->files.items[i];
		if (!file)
			continue;
		file->index = kept;
		world->files.items[kept++] = file;
	}
	world->files.count = kept;
	world->file_holes = 0;
}

static void close_peer_holes(struct world *world)
{
	size_t kept = 0;

	for (size_t i = 0; i < world->peers.count; i++) {
		struct peer_view *peer = world->peers.items[i];
		if (!peer)
			continue;
		peer->index = kept;
		world->peers.items[kept++] = peer;
	}
	world->peers.count = kept;
	world->peer_holes = 0;
}

static void sweep_files(struct world *world)
{
	size_t kept = 0;

	for (size_t i = 0; i < world->fading.count; i++) {
		struct file *file = world->fading.items[i];
		struct peer_view *peer = peer_with(world, file);

		if (is_over(world, file, peer))
			forget(world, file, peer);
		else
			world->fading.items[kept++] = file;
	}
	world->fading.count = kept;
}

/*
 * Peers without a connection wait for as long as one may be accepted from their port: until another peer has
 * it. A healthy client that was neither let in nor answered is what a rule may ask for at the end.
 */
static void sweep_peers(struct world *world)
{
	size_t kept = 0;

	for (size_t i = 0; i < world->lonely.count; i++) {
		struct peer_view *peer = world->lonely.items[i];

		if (peer->conn)
			continue; /* and goes with it */
		if (peer->holds || (peer->canary && !peer->answers) ||
		    map_get(&world->peer_by_port, peer->port) == peer) {
			world->lonely.items[kept++] = peer;
			continue;
		}
		part_with_peer(world, peer);
		forget_peer(world, peer);
	}
	world->lonely.count = kept;
}

/* What somebody holds is looked at again when as many others have come. */
static void sweep(struct world *world)
{
	sweep_peers(world);
	sweep_files(world);
	if (world->file_holes * 2 > world->files.count)
		close_file_holes(world);
	if (world->peer_holes * 2 > world->peers.count)
		close_peer_holes(world);
	if (!world->farewells.at_once)
		world->sweep_at = 2 * (world->fading.count + world->lonely.count);
}

void world_forget_past(struct world *world)
{
	size_t past = world->fading.count + world->lonely.count;

	for (struct reg *reg = world->gone, *next; reg; reg = next) {
		next = reg->file_next;
		free(reg);
	}
	world->gone = NULL;
	if (past >= (world->farewells.at_once ? 1 : SWEEP_LEAST) && past >= world->sweep_at)
		sweep(world);
}
