/* SPDX-License-Identifier: MIT */
/*
 * Every input in fuzz/corpus/NAME/ is tried on the fuzz target of that name, as the engine would. Each
 * target has a corpus, and nothing lies where no target looks. An input's name is printed before it is
 * tried, so that a crash is not anonymous.
 */
#include "test/check.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/buf.h"
#include "fuzz/common/target.h"

#define ROW(name) &fuzz_##name,
static const struct fuzz_target *const targets[] = {FUZZ_TARGETS(ROW)};
#undef ROW

static const char *corpus_folder(void)
{
	const char *data = getenv("WRINGER_FUZZ_CORPUS");

	return data ? data : "fuzz/corpus";
}

static void try_input(const struct fuzz_target *target, const char *path)
{
	struct buf input = {0};
	FILE *file = fopen(path, "re");
	size_t size = 0;

	assert_non_null(file);
	printf("%s\n", path);
	(void)fflush(stdout);
	do {
		input.size += size;
		assert_int_equal(buf_reserve(&input, 4096), 0);
		size = fread(input.data + input.size, 1, 4096, file);
	} while (size);
	(void)fclose(file);
	/* No byte behind the input that a sanitizer would not see. */
	uint8_t *exact = malloc(input.size ? input.size : 1);
	assert_non_null(exact);
	if (input.size)
		memcpy(exact, input.data, input.size);
	target->run(exact, input.size < target->limit ? input.size : target->limit);
	free(exact);
	buf_free(&input);
}

static size_t try_folder(const struct fuzz_target *target)
{
	char path[4096];
	size_t count = 0;

	(void)snprintf(path, sizeof path, "%s/%s", corpus_folder(), target->name);
	DIR *folder = opendir(path);
	for (struct dirent *entry; folder && (entry = readdir(folder));) {
		if (entry->d_name[0] == '.')
			continue;
		(void)snprintf(path, sizeof path, "%s/%s/%s", corpus_folder(), target->name, entry->d_name);
		try_input(target, path);
		count++;
	}
	if (folder)
		(void)closedir(folder);
	return count;
}

static void test_every_input_is_survived(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(targets); i++) {
		if (try_folder(targets[i]) == 0)
			fail_msg("fuzz_%s has no corpus in %s", targets[i]->name, corpus_folder());
	}
}

static void test_nothing_and_too_much(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(targets); i++) {
		uint8_t *full = calloc(1, targets[i]->limit);
		assert_non_null(full);
		targets[i]->run(full, 0);
		targets[i]->run(full, targets[i]->limit);
		free(full);
	}
}

static void test_every_corpus_has_a_target(void **state)
{
	DIR *folder = opendir(corpus_folder());

	(void)state;
	assert_non_null(folder);
	for (struct dirent *entry; (entry = readdir(folder));) {
		/* server/ belongs to the servers in the simulation: fuzz/test/sim.c */
		size_t found = strcmp(entry->d_name, "server") == 0 ? 0 : COUNT_OF(targets);
		for (size_t i = 0; entry->d_name[0] != '.' && i < COUNT_OF(targets); i++)
			if (strcmp(targets[i]->name, entry->d_name) == 0)
				found = i;
		if (entry->d_name[0] != '.' && found == COUNT_OF(targets))
			fail_msg("fuzz/corpus/%s belongs to no fuzz target", entry->d_name);
	}
	(void)closedir(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_every_input_is_survived),
	    cmocka_unit_test(test_nothing_and_too_much),
	    cmocka_unit_test(test_every_corpus_has_a_target),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
