/* SPDX-License-Identifier: MIT */
/* Our side: peers, and how a connection of the target becomes one of them (by the peer's local port). */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "model/world_impl.h"

static struct peer_view *peer_of(struct world *world, const struct event *event)
{
	struct peer_view *peer = world_peer(world, event->peer);

	if (peer)
		return peer;
	peer = calloc(1, sizeof *peer);
	if (!peer || list_add(&world->peers, peer) < 0) {
		free(peer);
		return NULL;
	}
	peer->id = event->peer;
	peer->index = world->peers.count - 1;
	peer->canary = event->flags & EVF_CANARY;
	peer->began = world->now;
	if (event->what != PEER_CONNECT || !event->size) /* which says its name */
		snprintf(peer->name, sizeof peer->name, "p%d", event->peer);
	return map_put(&world->peer_by_id, (uint32_t)event->peer, peer) < 0 ? NULL : peer;
}

static void join(struct peer_view *peer, struct file *conn)
{
	peer->conn = conn;
	conn->peer = peer->id;
}

/* The target accepted a connection from conn->port. */
int world_join(struct world *world, struct file *conn)
{
	struct peer_view *peer = map_get(&world->peer_by_port, conn->port);

	if (peer && !peer->conn) {
		join(peer, conn);
		return 0;
	}
	/* Accepted before our own record of the connect was written: the peer finds it here. */
	return map_put(&world->conn_by_port, conn->port, conn);
}

/* A journal may be anybody's, and names stand in messages. */
static void take_name(struct peer_view *peer, const char *text, size_t size)
{
	size_t room = sizeof peer->name - 1, used = strnlen(text, size < room ? size : room);

	memset(peer->name, 0, sizeof peer->name);
	for (size_t i = 0; i < used; i++)
		peer->name[i] = (unsigned char)text[i] < ' ' || text[i] == 127 ? '.' : text[i];
}

static int began(struct world *world, struct peer_view *peer, const struct event *event)
{
	if (event->size && event->data)
		take_name(peer, event->data, event->size);
	peer->port = (uint16_t)event->arg[0];
	if (!peer->port)
		return 0;
	struct file *conn = map_get(&world->conn_by_port, peer->port);
	if (conn && conn->peer < 0)
		join(peer, conn);
	return map_put(&world->peer_by_port, peer->port, peer);
}

static void end(const struct world *world, struct peer_view *peer, bool *how)
{
	*how = true;
	if (!peer->ended_at)
		peer->ended_at = world->now;
}

int world_peer_act(struct world *world, const struct event *event)
{
	struct peer_view *peer = peer_of(world, event);

	if (!peer)
		return -ENOMEM;
	world->touch.peer = peer;
	switch ((enum peer_act)event->what) {
	case PEER_CONNECT:
		return began(world, peer, event);
	case PEER_CONNECTED:
		peer->connected = true;
		peer->connected_at = world->now;
		break;
	case PEER_SEND:
		peer->sent += event->ret > 0 ? (uint64_t)event->ret : 0;
		break;
	case PEER_RECV:
		peer->received += event->ret > 0 ? (uint64_t)event->ret : 0;
		break;
	case PEER_REQUEST:
		peer->requests++;
		break;
	case PEER_ANSWER:
		peer->answers++;
		break;
	case PEER_GOT_FIN:
		peer->got_fin = true;
		break;
	case PEER_GOT_RST:
		peer->got_rst = true;
		break;
	case PEER_FIN:
		end(world, peer, &peer->fin);
		break;
	case PEER_HALF_CLOSE:
		peer->half_closed = true;
		peer->half_closed_at = world->now;
		break;
	case PEER_RST:
	case PEER_CLOSE_UNREAD:
		end(world, peer, &peer->reset);
		break;
	case PEER_VANISH:
		end(world, peer, &peer->vanished);
		break;
	case PEER_STALL:
		peer->stalled = event->arg[0] != 0;
		break;
	case PEER_GONE:
		if (!peer->gone)
			world_gone(world, peer);
		end(world, peer, &peer->gone);
		break;
	case PEER_REFUSED:
	case PEER_WRONG:
	case PEER_CUT:
	case PEER_UNANSWERED:
	case PEER_OOB:
	case PEER_ACTS:
		break;
	}
	if (peer->conn)
		world->touch.file = peer->conn;
	return 0;
}
