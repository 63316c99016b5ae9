/* SPDX-License-Identifier: MIT */
/* Lines of /proc/net/tcp as this kernel writes them; then a real connection, found from both ends until it is
 * gone. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>
#include "script/sockets.h"

#define LINE                                                                                                 \
	"   3: 0100007F:1F90 0100007F:D431 01 00000A00:00000012 01:00000014 00000000  1000        0 4242 2 " \
	"0 20 4 30 10 -1"
#define LINE6                                                                                                \
	"  11: 00000000000000000000000001000000:1F90 00000000000000000000000001000000:D431 06 "              \
	"00000000:00000000 03:00000000 0 "                                                                   \
	"0 0 0 1 0"

static void lines_are_parsed(void **state)
{
	struct socket_row row;

	(void)state;
	assert_true(socket_parse(LINE, 8080, 54321, &row));
	assert_int_equal(row.unsent, 0xa00);
	assert_int_equal(row.unread, 0x12);
	assert_true(row.owned);
	assert_true(socket_parse(LINE6, 8080, 54321, &row));
	assert_int_equal(row.unsent, 0);
	assert_false(row.owned);
	assert_false(socket_parse(LINE, 54321, 8080, &row));
	assert_false(socket_parse(LINE, 8080, 54322, &row));
	assert_false(socket_parse(
	    "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid", 0, 0, &row));
	assert_false(socket_parse("", 0, 0, &row));
	for (size_t size = 0; size < strlen(LINE); size++) {
		char part[256] = "";
		memcpy(part, LINE, size);
		(void)socket_parse(part, 8080, 54321, &row); /* must not read beyond */
	}
}

/* listener <── client; nothing is accepted, then it is, then bytes wait, then it is closed. */
static void a_connection_is_followed(void **state)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)}, own;
	socklen_t size = sizeof(address);
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0),
	    client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct socket_row row;

	(void)state;
	assert_int_equal(bind(listener, (struct sockaddr *)&address, size), 0);
	assert_int_equal(listen(listener, 4), 0);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &size), 0);
	assert_int_equal(connect(client, (struct sockaddr *)&address, size), 0);
	assert_int_equal(getsockname(client, (struct sockaddr *)&own, &size), 0);
	uint16_t port = ntohs(address.sin_port), peer = ntohs(own.sin_port);

	assert_int_equal(socket_find(port, peer, &row), 0);
	assert_false(row.owned);
	assert_int_equal(socket_find(peer, port, &row), 0);
	assert_true(row.owned);
	int conn = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	assert_int_equal(send(client, "hello", 5, 0), 5);
	assert_int_equal(socket_find(port, peer, &row), 0);
	assert_true(row.owned);
	assert_int_equal(row.unread, 5);
	(void)close(conn); /* with bytes unread: a reset, and nothing is left */
	assert_int_equal(socket_find(port, peer, &row), -ENOENT);
	(void)close(client);
	(void)close(listener);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(lines_are_parsed),
	    cmocka_unit_test(a_connection_is_followed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
