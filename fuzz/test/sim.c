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

/* What a run's batches were like: the most events of one, and what was read behind the first of two. */
struct batches {
	int64_t widest;
	unsigned count;
	int32_t fds[2];
	bool over;
};

static int look(void *arg, const struct event *event)
{
	struct batches *batches = arg;
	enum call_class class = event->kind == EV_CALL ? call_class((enum call)event->what) : CLASS_OTHER;

	batches->over |= event->kind == EV_MARK && event->what == MARK_SETTLE;
	if (batches->over)
		return 0;
	if (class == CLASS_WAIT && event->ret > batches->widest) {
		batches->widest = event->ret;
		batches->count = 0;
	}
	if (class == CLASS_READ && event->ret > 0 && batches->widest == 2 && batches->count < 2)
		batches->fds[batches->count++] = event->fd;
	return 0;
}

static struct batches batches_of(struct trial *trial, uint8_t what, uint8_t how)
{
	/* Two peers connect, one after the other; then both ask before the server looks. */
	const uint8_t bytes[] = {
	    0, 0, MOVE_CONNECT, 0, 0, 0, MOVE_CONNECT, 1, 0, 0, what, 0, how, 0, MOVE_REQUEST | MOVE_MERGE, 0,
	    0, 0, MOVE_REQUEST, 1, 0, 0};
	struct schedule script = schedule_read(bytes, sizeof bytes);
	struct batches batches = {0};
	struct finding finding;

	(void)trial_play(trial, &script, NULL, &finding);
	(void)tape_play(&trial->tape, look, &batches);
	return batches;
}

/* Batches come in the order that was asked for, and no wider. */
static bool try_batches(struct trial *trial)
{
	struct batches plain = batches_of(trial, MOVE_ORDER, ORDER_AS_IT_IS);
	struct batches turned = batches_of(trial, MOVE_ORDER, ORDER_REVERSED);
	struct batches single = batches_of(trial, MOVE_BATCH, 1);

	return plain.widest == 2 && turned.widest == 2 && single.widest == 1 && plain.count == 2 &&
	       turned.count == 2 && plain.fds[0] == turned.fds[1] && plain.fds[1] == turned.fds[0] &&
	       plain.fds[0] != plain.fds[1];
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
	if (!rule && !try_batches(trial)) {
		printf("batches do not come as they should\n");
		failed++;
	}
	trial_free(trial);
	printf("%zu scripts, %zu not as they should be\n", played, failed);
	return failed || !played;
}
