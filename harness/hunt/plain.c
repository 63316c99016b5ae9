/* SPDX-License-Identifier: MIT */
/*
 * The plain engine, for where libFuzzer was not built. It does what an engine must and no more: no energy, no
 * dictionary, no merging. Seeded.
 */
#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "base/buf.h"
#include "base/rng.h"
#include "hunt/engine.h"

#define INPUTS_MOST 4096

struct input {
	uint32_t size;
	uint8_t bytes[LINE_INPUT];
};

struct plain {
	struct line *line;
	int socket;
	const char *corpus;
	struct rng rng;
	struct input *inputs;
	size_t count, capacity;
	uint8_t seen[LINE_COUNTERS]; /* a bit for each amount */
};

/* Amounts that count as the same: 1, 2, 3, to 7, to 15, to 31, to 127, more. */
static uint8_t amount_bit(uint8_t counter)
{
	static const uint8_t most[] = {1, 2, 3, 7, 15, 31, 127};
	unsigned at = 0;

	if (!counter)
		return 0;
	while (at < sizeof(most) && counter > most[at])
		at++;
	return (uint8_t)(1u << at);
}

static bool is_new(struct plain *plain)
{
	bool new = false;

	for (size_t i = 0; i < LINE_COUNTERS; i++) {
		uint8_t bit = amount_bit(plain->line->counters[i]);

		new |= (bit & ~plain->seen[i]) != 0;
		plain->seen[i] |= bit;
	}
	return new;
}

/* False when the search is over. */
static bool try_input(struct plain *plain, const struct input *input)
{
	char byte = 1;

	memcpy(plain->line->input, input->bytes, input->size);
	plain->line->size = input->size;
	return send(plain->socket, &byte, 1, MSG_NOSIGNAL) == 1 && recv(plain->socket, &byte, 1, 0) == 1;
}

/* Named for what is in it; that it cannot be written is no reason to end. */
static void write_input(const struct plain *plain, const struct input *input)
{
	struct rng rng = {input->size};
	char path[4096];
	int file;

	for (uint32_t i = 0; i < input->size; i++) {
		rng.state ^= input->bytes[i];
		rng.state = rng_next(&rng);
	}
	(void)snprintf(path, sizeof(path), "%s/%016" PRIx64, plain->corpus, rng_next(&rng));
	file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	if (file < 0)
		return;
	if (write(file, input->bytes, input->size) != (ssize_t)input->size)
		(void)unlink(path);
	(void)close(file);
}

static void keep(struct plain *plain, const struct input *input)
{
	struct input *grown;

	if (plain->count == INPUTS_MOST) {
		plain->inputs[rng_below(&plain->rng, plain->count)] = *input;
		return;
	}
	grown = array_grow(plain->inputs, plain->count, &plain->capacity, sizeof(*grown));
	if (!grown)
		return;
	plain->inputs = grown;
	grown[plain->count++] = *input;
}

static bool read_corpus(struct plain *plain)
{
	DIR *folder = plain->corpus ? opendir(plain->corpus) : NULL;
	bool on = true;

	for (struct dirent *entry; folder && on && (entry = readdir(folder));) {
		struct input input = {0};
		int file = openat(dirfd(folder), entry->d_name, O_RDONLY | O_CLOEXEC);
		ssize_t got = file < 0 ? -1 : read(file, input.bytes, sizeof(input.bytes));

		if (file >= 0)
			(void)close(file);
		if (got < 0)
			continue;
		input.size = (uint32_t)got;
		on = try_input(plain, &input);
		if (on && is_new(plain))
			keep(plain, &input);
	}
	if (folder)
		(void)closedir(folder);
	return on;
}

/* Where the engine's own way would be asked for: a byte. */
static size_t change_byte(uint8_t *data, size_t size, size_t room)
{
	(void)room;
	if (size)
		data[size / 2] ^= 0x55;
	return size;
}

static void invent(struct plain *plain, struct input *input)
{
	const struct input *one = &plain->inputs[rng_below(&plain->rng, plain->count)];
	const struct input *other = &plain->inputs[rng_below(&plain->rng, plain->count)];
	size_t size = one->size;

	*input = *one;
	if (rng_below(&plain->rng, 8) == 0) {
		size = schedule_cross(one->bytes, one->size, other->bytes, other->size, input->bytes,
				      sizeof(input->bytes), (unsigned)rng_next(&plain->rng));
	}
	for (uint64_t times = 1 + rng_below(&plain->rng, 4); times; times--)
		size = schedule_mutate(input->bytes, size, sizeof(input->bytes),
				       (unsigned)rng_next(&plain->rng), change_byte);
	input->size = (uint32_t)size;
}

void plain_engine(struct line *line, int socket, const char *corpus, uint64_t seed)
{
	struct plain *plain = calloc(1, sizeof(*plain));
	struct input input = {.size = SCHEDULE_HEAD};
	bool on = plain != NULL;

	if (!on)
		return;
	plain->line = line;
	plain->socket = socket;
	plain->corpus = corpus;
	rng_init(&plain->rng, seed, "engine");
	keep(plain, &input);
	on = plain->count && try_input(plain, &input);
	(void)is_new(plain);
	on = on && read_corpus(plain);
	while (on) {
		invent(plain, &input);
		on = try_input(plain, &input);
		if (on && is_new(plain)) {
			keep(plain, &input);
			if (corpus)
				write_input(plain, &input);
		}
	}
	free(plain->inputs);
	free(plain);
}
