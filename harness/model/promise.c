/* SPDX-License-Identifier: MIT */
#include "model/promise.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stddef.h>

bool promise_spends(uint32_t events)
{
	return events & EPOLLONESHOT;
}

bool promise_is_spent(uint32_t events)
{
	return promise_spends(events) && !(events & ~PROMISE_WAYS);
}

bool promise_is_level(uint32_t events)
{
	return !(events & EPOLLET);
}

bool promise_mod_is_idle(uint32_t events)
{
	return promise_is_level(events) && !promise_spends(events);
}

bool promise_tells_end(uint32_t mask)
{
	return mask & (EPOLLRDHUP | EPOLLHUP | EPOLLERR);
}

bool promise_tells_death(uint32_t mask)
{
	return mask & PROMISE_UNASKED;
}

static bool is_one_of(int64_t ret, const int *errnos, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (ret == -errnos[i])
			return true;
	return false;
}
#define IS_ONE_OF(ret, errnos) is_one_of(ret, errnos, sizeof(errnos) / sizeof *(errnos))

/* socket(2), accept(2), open(2), ERRORS. */
bool promise_is_shortage(int64_t ret)
{
	static const int shortages[] = {EMFILE, ENFILE, ENOBUFS, ENOMEM};

	return IS_ONE_OF(ret, shortages);
}

/* accept(2): it hands on errors of the connection, and those of the network that are to be treated like
 * EAGAIN. */
bool promise_accept_goes_on(int64_t ret)
{
	static const int of_the_connection[] = {ECONNABORTED, EPROTO, ENETDOWN,	   ENETUNREACH, EHOSTDOWN,
						EHOSTUNREACH, ENONET, ENOPROTOOPT, EOPNOTSUPP,	EPERM};

	return promise_is_shortage(ret) || IS_ONE_OF(ret, of_the_connection);
}

/* read(2), write(2); io_uring_enter(2): ECANCELED, a request was taken back. */
bool promise_moved_nothing(int64_t ret)
{
	static const int soft[] = {EAGAIN, EINTR, ECANCELED};

	return IS_ONE_OF(ret, soft);
}

/* net/core/stream.c: what does not fit is not taken, and whoever asks is told by sk_stream_write_space. */
bool promise_met_full(int64_t ret, uint64_t asked)
{
	return ret == -EAGAIN || (ret > 0 && (uint64_t)ret < asked);
}

bool promise_fin_came(unsigned state)
{
	return state == TCP_CLOSE_WAIT || state == TCP_LAST_ACK || state == TCP_CLOSING ||
	       state == TCP_TIME_WAIT;
}
