/* SPDX-License-Identifier: MIT */
/*
 * Steps from a fuzzer's bytes: an op, then its arguments, a byte each. Any bytes do. Most of the time a name
 * is chosen that the step can do something with, so that sequences go deep; now and then any, so that
 * refusals are met too.
 */
#include "model/step.h"

#include <sys/epoll.h>

enum { FEW = 12 }; /* names: so that they meet */

/* What a name stands for, as bits: a step wants some of them. */
enum {
	OF_TCP = 1,
	OF_UNIX = 2,
	OF_LISTENER = 4,
	OF_PIPE = 8,
	OF_COUNTER = 16,
	OF_TIMER = 32,
	OF_EPOLL = 64,
	OF_FILE = 128,
	OF_CHILD = 256,
	OF_TAKEN = 512,
	OF_MESSAGES = 1024,
	OF_SOCKET = OF_TCP | OF_UNIX,
	OF_STREAM = OF_SOCKET | OF_PIPE | OF_MESSAGES,
	OF_READABLE = OF_STREAM | OF_COUNTER | OF_TIMER,
	OF_POLLED = OF_READABLE | OF_LISTENER | OF_EPOLL,
	OF_ANY = OF_POLLED | OF_FILE,
};

/* What is done oftener is named oftener. What names are made of, and what the others are. */
struct habit {
	unsigned char weight;
	unsigned makes, wants[2];
};
static const struct habit habits[STEP_OPS] = {
    [STEP_TCP] = {3, OF_TCP, {0}},
    [STEP_UNIX] = {3, OF_UNIX, {0}},
    [STEP_PACKETS] = {1, OF_MESSAGES, {0}},
    [STEP_DATAGRAMS] = {1, OF_MESSAGES, {0}},
    [STEP_TCP_SOCKET] = {2, OF_TCP, {0}},
    [STEP_UNIX_SOCKET] = {1, OF_UNIX, {0}},
    [STEP_LISTEN] = {2, 0, {OF_SOCKET}},
    [STEP_CONNECT] = {3, 0, {OF_SOCKET, OF_LISTENER}},
    [STEP_ACCEPT] = {2, OF_TCP, {0, OF_LISTENER}},
    [STEP_PIPE] = {2, OF_PIPE, {0}},
    [STEP_PACKET_PIPE] = {1, OF_PIPE, {0}},
    [STEP_EVENTFD] = {1, OF_COUNTER, {0}},
    [STEP_SEMAPHORE] = {1, OF_COUNTER, {0}},
    [STEP_TIMERFD] = {1, OF_TIMER, {0}},
    [STEP_FILE] = {1, OF_FILE, {0}},
    [STEP_EPOLL] = {4, OF_EPOLL, {0}},
    [STEP_DUP] = {2, 0, {0, OF_ANY}},
    [STEP_DUP_TO] = {1, 0, {OF_ANY, OF_ANY}},
    [STEP_CLOSE] = {4, 0, {OF_ANY}},
    [STEP_RESET] = {1, 0, {OF_SOCKET}},
    [STEP_FORK] = {1, OF_CHILD, {0}},
    [STEP_EXIT] = {2, 0, {OF_CHILD}},
    [STEP_PASS] = {1, 0, {OF_UNIX, OF_ANY}},
    [STEP_TAKE] = {1, OF_POLLED, {0, OF_UNIX}},
    [STEP_WRITE] = {10, 0, {OF_STREAM}},
    [STEP_COUNT_UP] = {2, 0, {OF_COUNTER}},
    [STEP_READ] = {6, 0, {OF_READABLE}},
    [STEP_PEEK] = {1, 0, {OF_SOCKET | OF_MESSAGES}},
    [STEP_FILL] = {1, 0, {OF_UNIX | OF_PIPE | OF_MESSAGES}},
    [STEP_DRAIN] = {3, 0, {OF_READABLE}},
    [STEP_URGENT] = {2, 0, {OF_TCP}},
    [STEP_READ_URGENT] = {2, 0, {OF_TCP}},
    [STEP_INLINE] = {1, 0, {OF_TCP}},
    [STEP_AT_MARK] = {1, 0, {OF_TCP}},
    [STEP_LOW_WATER] = {1, 0, {OF_TCP}},
    [STEP_SHUTDOWN] = {4, 0, {OF_SOCKET | OF_LISTENER | OF_MESSAGES}},
    [STEP_SO_ERROR] = {2, 0, {OF_SOCKET | OF_MESSAGES}},
    [STEP_TIMER] = {2, 0, {OF_TIMER}},
    [STEP_ADD] = {16, 0, {OF_EPOLL, OF_POLLED}},
    [STEP_MOD] = {6, 0, {OF_EPOLL, OF_POLLED}},
    [STEP_DEL] = {2, 0, {OF_EPOLL, OF_POLLED}},
    [STEP_WAIT] = {18, 0, {OF_EPOLL}},
    [STEP_POLL] = {3, 0, {OF_ANY}},
};

struct making {
	const unsigned char *at, *end;
	unsigned kinds[FEW]; /* what each name stands for, as far as that is known; 0: nothing */
};

static unsigned next_byte(struct making *making)
{
	return making->at < making->end ? *making->at++ : 0u;
}

/* Sizes at which something changes: a word, a page, a page and something. */
static const uint32_t sizes[] = {1, 2, 3, 7, 8, 9, 64, 100, 1000, 4095, 4096, 4097, 5000, 8000, 0};

static uint32_t make_mask(struct making *making)
{
	static const uint32_t common[] = {EPOLLIN, EPOLLOUT, EPOLLIN | EPOLLOUT, EPOLLIN | EPOLLRDHUP};
	const uint32_t low_bits =
	    EPOLLIN | EPOLLPRI | EPOLLOUT | EPOLLERR | EPOLLHUP | EPOLLRDNORM | EPOLLRDBAND;
	unsigned low = next_byte(making), high = next_byte(making);
	uint32_t mask = (low & 7u) == 7u ? low & low_bits : common[low >> 3u & 3u];

	mask |= high & 1u ? EPOLLET : 0;
	mask |= (high & 6u) == 6u ? EPOLLONESHOT : 0;
	mask |= (high & 0x18u) == 0x18u ? EPOLLRDHUP : 0;
	mask |= (high & 0xe0u) == 0xe0u ? EPOLLEXCLUSIVE : 0;
	mask |= (high & 0xe0u) == 0xc0u ? EPOLLWRNORM : 0;
	mask |= (high & 0xe0u) == 0xa0u ? EPOLLWRBAND : 0;
	return mask;
}

static uint32_t make_number(struct making *making, enum step_op op)
{
	unsigned byte = next_byte(making);

	if (op == STEP_WAIT)
		return byte % 4 ? 16 : byte / 4 % 5;
	if (op == STEP_EVENTFD || op == STEP_SEMAPHORE || op == STEP_COUNT_UP)
		return byte % 4;
	return sizes[byte % (sizeof sizes / sizeof *sizes)];
}

static enum step_op choose(unsigned byte)
{
	unsigned total = 0;
	enum step_op op = 0;

	for (size_t i = 0; i < STEP_OPS; i++)
		total += habits[i].weight;
	for (unsigned at = byte % total; at >= habits[op].weight; op++)
		at -= habits[op].weight;
	return op;
}

/* One of the names that are wanted, any in one of eight cases, and where there is none. */
static int choose_name(struct making *making, unsigned wants, bool is_new)
{
	unsigned byte = next_byte(making), fit = 0;
	int names[FEW];

	for (int i = 0; i < FEW; i++)
		if (is_new ? !making->kinds[i] : (making->kinds[i] & wants) != 0)
			names[fit++] = i;
	if ((byte & 7u) == 7u || !fit)
		return (int)((byte >> 3u) % FEW);
	return names[(byte >> 3u) % fit];
}

/* What the names of the step are from now on. */
static void note(struct making *making, const struct step *step)
{
	const char *args = step_forms[step->op].args;
	unsigned *first = &making->kinds[step->names[0]];

	for (int i = 0; args[i] == 'n'; i++)
		making->kinds[step->names[i]] =
		    step->op == STEP_DUP ? making->kinds[step->names[1]] : habits[step->op].makes;
	if (step->op == STEP_LISTEN)
		*first = *first & OF_SOCKET ? OF_LISTENER : *first;
	else if (step->op == STEP_CLOSE || step->op == STEP_RESET || step->op == STEP_EXIT)
		*first = 0;
}

static struct step make_step(struct making *making)
{
	struct step step = {.op = choose(next_byte(making)), .names = {-1, -1}};
	int names = 0;

	for (const char *arg = step_forms[step.op].args; *arg; arg++) {
		if (*arg == 'n' || *arg == 'f') {
			int name = choose_name(making, habits[step.op].wants[names], *arg == 'n');
			step.names[names++] = name;
			making->kinds[name] |= *arg == 'n' ? OF_TAKEN : 0; /* not for the other end too */
		} else if (*arg == 'u') {
			step.number = make_number(making, step.op);
		} else if (*arg == 'm') {
			step.number = make_mask(making);
		} else {
			step.number = next_byte(making) % 3;
		}
	}
	note(making, &step);
	return step;
}

int script_from_bytes(struct script *ret_script, const unsigned char *bytes, size_t size)
{
	struct making making = {.at = bytes, .end = bytes + size};
	int r = 0;

	*ret_script = (struct script){.name_count = FEW};
	for (int i = 0; i < FEW; i++)
		ret_script->names[i][0] = (char)('a' + i);
	while (making.at < making.end && ret_script->count < STEP_MOST && r == 0) {
		struct step step = make_step(&making);
		r = script_add(ret_script, &step);
	}
	return r;
}
