/* SPDX-License-Identifier: MIT */
#include "peer/source.h"

#include <errno.h>
#include <netinet/in.h>

int source_bind(int fd, const struct sockaddr *to, uint32_t number)
{
	const struct sockaddr_in *server = (const struct sockaddr_in *)to;
	const int one = 1;

	if (!number || to->sa_family != AF_INET || ntohl(server->sin_addr.s_addr) >> 24 != IN_LOOPBACKNET)
		return 0;
	struct sockaddr_in own = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK + number)};
	(void)setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one);
	return bind(fd, (const struct sockaddr *)&own, sizeof own) < 0 ? -errno : 0;
}
