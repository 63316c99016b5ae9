/* SPDX-License-Identifier: MIT */
#include "model/mask.h"

#include <string.h>
#include <sys/epoll.h>

const uint32_t mask_interest = EPOLLIN | EPOLLPRI | EPOLLOUT | EPOLLRDHUP;

static const char *const way_names[WAY_COUNT] = {
    [WAY_LEVEL] = "epoll, level",
    [WAY_LEVEL_TWICE] = "epoll, level, asked again",
    [WAY_EDGE] = "epoll, edge",
    [WAY_EDGE_TWICE] = "epoll, edge, asked again",
    [WAY_POLL] = "poll",
    [WAY_SELECT] = "select",
    [WAY_URING_POLL] = "io_uring poll",
    [WAY_SO_ERROR] = "SO_ERROR",
    [WAY_AFTER] = "epoll after SO_ERROR",
    [WAY_URING_RECV] = "io_uring receive",
};

const char *mask_way_name(enum mask_way way)
{
	return way_names[way];
}

const struct mask_row *mask_row_find(const char *name)
{
	for (const struct mask_row *row = mask_rows; row->name; row++)
		if (strcmp(row->name, name) == 0)
			return row;
	return NULL;
}

/* A hang-up makes readable, an error both, and neither is exceptional: only the urgent byte is. */
static uint32_t as_select(uint32_t mask)
{
	return (mask & (EPOLLIN | EPOLLHUP | EPOLLERR) ? EPOLLIN : 0u) |
	       (mask & (EPOLLOUT | EPOLLERR) ? EPOLLOUT : 0u) | (mask & EPOLLPRI);
}

static struct mask_answer masked(uint32_t must, uint32_t may)
{
	return (struct mask_answer){.asked = true, .must = must, .may = may};
}

static struct mask_answer numbered(int32_t value)
{
	return (struct mask_answer){.asked = true, .number = true, .value = value};
}

struct mask_answer mask_predict(const struct mask_row *row, enum mask_way way)
{
	const struct mask_answer not_asked = {0};

	switch (way) {
	case WAY_LEVEL:
	case WAY_LEVEL_TWICE:
	case WAY_EDGE:
	case WAY_POLL:
	case WAY_URING_POLL:
		return masked(row->must, row->may);
	case WAY_EDGE_TWICE:
		return masked(0, 0);
	case WAY_SELECT:
		return masked(as_select(row->must), as_select(row->may));
	case WAY_SO_ERROR:
		return row->so_error == MASK_NO_SOCKET ? not_asked : numbered(row->so_error);
	case WAY_AFTER:
		return row->so_error == MASK_NO_SOCKET ? not_asked : masked(row->after, row->may);
	case WAY_URING_RECV:
		return numbered(row->receive);
	case WAY_COUNT:
		break;
	}
	return not_asked;
}

bool mask_agrees(const struct mask_answer *predicted, uint32_t mask, int32_t value)
{
	if (predicted->number)
		return value == predicted->value;
	return (mask & predicted->must) == predicted->must && !(mask & ~(predicted->must | predicted->may));
}
