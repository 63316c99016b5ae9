/* SPDX-License-Identifier: MIT */
/*
 * One program for each of a few servers: every script of fuzz/corpus/server is played in the simulation. A
 * correct server breaks no rule; faulty-RULE breaks its rule where the script is named RULE, or RULE-more.
 * Each script is played twice: the second time must end like the first, though then every family of rules
 * hears it, and not only those that may find something.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "fuzz/server/verdict.h"

static const char *corpus_folder(void)
{
	const char *folder = getenv("WRINGER_FUZZ_CORPUS");

	return folder ? folder : "fuzz/corpus";
}

static size_t read_input(const char *path, uint8_t *bytes, size_t room)
{
	FILE *file = fopen(path, "re");
	size_t size = file ? fread(bytes, 1, room, file) : 0;

	if (file)
		(void)fclose(file);
	return size;
}

/* "sim-faulty-hup-spin" -> "hup-spin", "sim-epoll-level" -> NULL. */
static const char *rule_of(const char *program)
{
	const char *faulty = strstr(program, "sim-faulty-");

	return faulty ? faulty + strlen("sim-faulty-") : NULL;
}

/* Whether the verdict is what the script's name and the server's promise. */
static bool as_it_should(const char *rule, const char *name, const struct finding *finding)
{
	if (!rule)
		return !finding;
	if (strncmp(name, rule, strlen(rule)) != 0)
		return true; /* another one's script: it may break something, or not */
	return finding && strcmp(finding->rule->id, rule) == 0;
}

static bool try_script(struct trial *trial, const char *rule, const char *name)
{
	uint8_t bytes[SCHEDULE_MOST];
	char path[4096];
	struct finding found[2];
	bool broken[2];

	(void)snprintf(path, sizeof path, "%s/server/%s", corpus_folder(), name);
	printf("%s\n", path);
	(void)fflush(stdout);
	struct schedule script = schedule_read(bytes, read_input(path, bytes, sizeof bytes));
	for (int i = 0; i < 2; i++) {
		trial->all_hear = i == 1;
		broken[i] = trial_play(trial, &script, NULL, &found[i]);
	}
	if (broken[0] != broken[1] || (broken[0] && found[0].rule != found[1].rule)) {
		printf("%s: not the same twice\n", name);
		return false;
	}
	if (as_it_should(rule, name, broken[0] ? &found[0] : NULL))
		return true;
	printf("%s: %s %s\n", name, broken[0] ? found[0].rule->id : "nothing",
	       broken[0] ? found[0].message : "");
	return false;
}

int main(int argc, char **argv)
{
	const char *rule = rule_of(argv[0]);
	char path[4096];
	size_t played = 0, failed = 0;
	struct trial *trial = trial_new(false, rule);

	(void)argc;
	(void)snprintf(path, sizeof path, "%s/server", corpus_folder());
	DIR *folder = opendir(path);
	for (struct dirent *entry; trial && folder && (entry = readdir(folder));) {
		if (entry->d_name[0] == '.')
			continue;
		played++;
		failed += !try_script(trial, rule, entry->d_name);
	}
	if (folder)
		(void)closedir(folder);
	trial_free(trial);
	printf("%zu scripts, %zu not as they should be\n", played, failed);
	return failed || !played;
}
