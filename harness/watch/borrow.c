/* SPDX-License-Identifier: MIT */
#include "watch/borrow.h"

#include <sys/syscall.h>
#include <unistd.h>
#include "watch/numbers.h"

uint32_t borrow_address(int pidfd, int fd, bool peer, struct sockaddr_storage *ret_address)
{
	socklen_t size = sizeof *ret_address;
	int copy, ret;

	if (pidfd < 0)
		return 0;
	copy = (int)syscall(__NR_pidfd_getfd, pidfd, fd, 0);
	if (copy < 0)
		return 0;
	if (peer)
		ret = getpeername(copy, (struct sockaddr *)ret_address, &size);
	else
		ret = getsockname(copy, (struct sockaddr *)ret_address, &size);
	close(copy);
	if (ret < 0)
		return 0;
	return size < sizeof *ret_address ? size : sizeof *ret_address;
}
