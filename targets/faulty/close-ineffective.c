/* SPDX-License-Identifier: MIT */
/*
 * When there is something to do a helper is forked for it, and lives as long as the server. It has a copy of
 * every descriptor of that moment, connections included: those that the server closes afterwards do not end,
 * no FIN is sent, and their clients wait.
 *
 * mistake: a child is forked while connections are open, and keeps them
 * seen: liburing #932, #568 (a ring instead of a child)
 * shown by: half-close-keepalive, half-close-keepalive (echo)
 * also: fin-leak, reset-leak, fd-growth, no-recovery, half-close-unanswered
 */
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>
#include "common/loop.h"

#define BUSY 4 /* connections from which on help is needed */

static void help(void)
{
	pid_t server = getpid();

	if (fork() != 0)
		return;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	while (getppid() == server) /* THE MISTAKE: whatever it does, it does with all our connections open */
		pause();
	_exit(0);
}

static void admit(struct loop *loop, int fd)
{
	loop_admit(loop, fd);
	if (loop->pool.count < BUSY || loop->own)
		return;
	loop->own = 1;
	help();
}

static void on_event(struct loop *loop, struct conn *conn, uint32_t events)
{
	enum turn turn = TURN_OVER;

	if (!(events & (EPOLLERR | EPOLLHUP)) || conn_error(conn) == 0) {
		conn->readable = true;
		conn->writable |= (events & EPOLLOUT) != 0;
		turn = conn_turn(conn);
	}
	if (turn == TURN_OVER) /* the copy would keep it in the set */
		epoll_ctl(loop->epoll, EPOLL_CTL_DEL, conn->fd, NULL);
	loop_done(loop, conn, turn);
}

int main(int argc, char **argv)
{
	static const struct loop_hooks hooks = {.admit = admit, .event = on_event};

	return loop_main(argc, argv, &hooks);
}
