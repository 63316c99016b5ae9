/* SPDX-License-Identifier: MIT */
/* Bytes that went in or out, whoever asked for them: a call, or a request of a ring. */
#include "model/promise.h"
#include "model/world_impl.h"

void transfer_in(struct world *world, struct file *file, const struct transfer *transfer)
{
	file->reads++;
	file->last_read = transfer->ret;
	file->last_read_asked = transfer->asked;
	file->last_read_at = world->now;
	if (!transfer->peeked)
		file->bytes_in += transfer->bytes;
	if (transfer->ret == 0 && transfer->may_end)
		file->eof_read = true;
	if (transfer->ret < 0 && !promise_moved_nothing(transfer->ret))
		file->read_error = (int)-transfer->ret;
	file_touch(world, file, transfer->ret > 0 && !transfer->peeked);
}

void transfer_out(struct world *world, struct file *file, const struct transfer *transfer)
{
	file->writes++;
	file->last_write = transfer->ret;
	file->last_write_asked = transfer->asked;
	file->last_write_at = world->now;
	file->bytes_out += transfer->bytes;
	if (transfer->ret < 0 && !promise_moved_nothing(transfer->ret))
		file->write_error = (int)-transfer->ret;
	file_touch(world, file, transfer->ret > 0);
}
