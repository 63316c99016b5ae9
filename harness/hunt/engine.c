/* SPDX-License-Identifier: MIT */
#include "hunt/engine.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define ENGINE "wringer-fuzz-engine"

struct engine {
	struct line *line;
	int memory, socket, log;
	pid_t pid;
};

bool engine_find(char *out, size_t size)
{
	static const char *const ways[] = {ENGINE, "../libexec/wringer/" ENGINE};
	const char *named = getenv("WRINGER_FUZZ_ENGINE");
	char binary[PATH_MAX];
	ssize_t length;

	if (named) {
		(void)snprintf(out, size, "%s", named);
		return access(out, X_OK) == 0;
	}
	length = readlink("/proc/self/exe", binary, sizeof(binary) - 1);
	if (length > 0) {
		binary[length] = '\0';
		*strrchr(binary, '/') = '\0';
		for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
			int used = snprintf(out, size, "%s/%s", binary, ways[i]);
			if (used > 0 && (size_t)used < size && access(out, X_OK) == 0)
				return true;
		}
	}
	(void)snprintf(out, size, "%s/" ENGINE, WRINGER_LIBEXEC);
	return access(out, X_OK) == 0;
}

/* libFuzzer's own limits are for programs that run in it. */
static void exec_engine(const struct engine_options *options)
{
	char seed[32], length[32];
	/* 0 would be its own choice */
	(void)snprintf(seed, sizeof(seed), "-seed=%" PRIu32,
		       (uint32_t)options->seed ? (uint32_t)options->seed : 1);
	(void)snprintf(length, sizeof(length), "-max_len=%u", LINE_INPUT);
	(void)execl(options->program, options->program, seed, length, "-len_control=0", "-timeout=1000000",
		    "-rss_limit_mb=0", "-detect_leaks=0", "-verbosity=1", options->corpus, (char *)NULL);
	(void)fprintf(stderr, "%s: %s\n", options->program, strerror(errno));
	_exit(127);
}

static void child(const struct engine *engine, const struct engine_options *options, int socket, pid_t parent)
{
	char line[32];
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

	/* a terminal's Ctrl-C is ours to act on */
	(void)setpgid(0, 0);
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	if (getppid() != parent)
		_exit(3);
	(void)dup2(null, STDIN_FILENO);
	(void)dup2(engine->log, STDOUT_FILENO);
	(void)dup2(engine->log, STDERR_FILENO);
	(void)close(engine->socket);
	if (!options->program) {
		plain_engine(engine->line, socket, options->corpus, options->seed);
		_exit(0);
	}
	(void)fcntl(socket, F_SETFD, 0);
	(void)fcntl(engine->memory, F_SETFD, 0);
	(void)snprintf(line, sizeof(line), "%d,%d", socket, engine->memory);
	(void)setenv(LINE_VARIABLE, line, 1);
	exec_engine(options);
}

static int open_line(struct engine *engine, struct error *error)
{
	void *memory;

	engine->memory = memfd_create("wringer-line", MFD_CLOEXEC);
	engine->log = memfd_create("wringer-engine", MFD_CLOEXEC);
	if (engine->memory < 0 || engine->log < 0 || ftruncate(engine->memory, sizeof(struct line)) < 0)
		return error_set(error, -errno, "memory for the engine: %s", strerror(errno));
	(void)fcntl(engine->log, F_SETFL, O_APPEND);
	memory = mmap(NULL, sizeof(struct line), PROT_READ | PROT_WRITE, MAP_SHARED, engine->memory, 0);
	if (memory == MAP_FAILED)
		return error_set(error, -errno, "memory for the engine: %s", strerror(errno));
	engine->line = memory;
	return 0;
}

static int start(struct engine *engine, const struct engine_options *options, struct error *error)
{
	pid_t parent = getpid();
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
		return error_set(error, -errno, "the engine's socket: %s", strerror(errno));
	engine->socket = ends[0];
	engine->pid = fork();
	if (engine->pid == 0)
		child(engine, options, ends[1], parent);
	(void)close(ends[1]);
	return engine->pid < 0 ? error_set(error, -errno, "the engine's process: %s", strerror(errno)) : 0;
}

int engine_start(const struct engine_options *options, struct engine **ret_engine, struct error *error)
{
	struct engine *engine = calloc(1, sizeof(*engine));
	int rc;

	if (!engine)
		return error_set(error, -ENOMEM, "out of memory");
	engine->memory = engine->socket = engine->log = -1;
	engine->pid = -1;
	rc = open_line(engine, error);
	rc = rc ? rc : start(engine, options, error);
	if (rc < 0) {
		engine_end(engine);
		return rc;
	}
	*ret_engine = engine;
	return 0;
}

struct line *engine_line(const struct engine *engine)
{
	return engine->line;
}

int engine_socket(const struct engine *engine)
{
	return engine->socket;
}

char *engine_words(const struct engine *engine, char *out, size_t size)
{
	char text[1024];
	off_t end = lseek(engine->log, 0, SEEK_END);
	off_t from = end > (off_t)sizeof(text) - 1 ? end - (off_t)sizeof(text) + 1 : 0;
	ssize_t got = pread(engine->log, text, sizeof(text) - 1, from);

	text[got > 0 ? got : 0] = '\0';
	while (got > 0 && text[got - 1] == '\n')
		text[--got] = '\0';
	const char *line = strrchr(text, '\n');
	(void)snprintf(out, size, "%s", line ? line + 1 : text);
	return out;
}

void engine_end(struct engine *engine)
{
	if (!engine)
		return;
	if (engine->socket >= 0)
		(void)close(engine->socket);
	if (engine->pid > 0) {
		(void)kill(engine->pid, SIGKILL);
		while (waitpid(engine->pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
	if (engine->line)
		(void)munmap(engine->line, sizeof(*engine->line));
	if (engine->memory >= 0)
		(void)close(engine->memory);
	if (engine->log >= 0)
		(void)close(engine->log);
	free(engine);
}
