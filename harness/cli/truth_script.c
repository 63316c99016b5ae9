/* SPDX-License-Identifier: MIT */
#include "cli/truth_script.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "cli/say.h"
#include "cli/status.h"
#include "run/duet.h"

enum { LARGEST = 1 << 20 };

static int read_whole(const char *path, struct buf *ret_text, struct error *error)
{
	FILE *file = fopen(path, "re");
	size_t size = 1;
	int r = 0;

	if (!file)
		return error_set(error, -errno, "%s: %s", path, strerror(errno));
	while (size && r == 0 && ret_text->size <= LARGEST) {
		r = buf_reserve(ret_text, 4096);
		size = r < 0 ? 0 : fread(ret_text->data + ret_text->size, 1, 4096, file);
		ret_text->size += size;
	}
	if (r < 0)
		(void)error_set(error, r, "out of memory");
	else if (ferror(file))
		r = error_set(error, -EIO, "%s: %s", path, strerror(errno));
	else if (ret_text->size > LARGEST)
		r = error_set(error, -EFBIG, "%s is larger than a script may be", path);
	(void)fclose(file);
	return r;
}

static int load(const char *path, struct script *ret_script, struct error *error)
{
	struct buf text = {0};
	int r = read_whole(path, &text, error);

	if (r == 0)
		r = script_parse(ret_script, path, text.data, text.size, error);
	if (r == -ENOMEM)
		(void)error_set(error, r, "out of memory");
	buf_free(&text);
	return r;
}

/* The steps, unless all is well and only trouble is asked for; and what came of them. */
static int tell(const char *path, const struct script *script, const struct duet *duet,
		const struct duet_result *result, bool quiet)
{
	struct buf text = {0};

	if (result->differs || !quiet) {
		if (duet_print(duet, script, result, &text) < 0)
			return say_error("out of memory");
		(void)fwrite(text.data, 1, text.size, stdout);
	}
	buf_free(&text);
	(void)printf("# %s: %zu %s as predicted", path, result->performed - result->differs,
		     result->performed - result->differs == 1 ? "step" : "steps");
	if (result->left_out)
		(void)printf(", %zu left out", result->left_out);
	(void)printf("%s\n", result->differs ? ", one is not" : "");
	return result->differs ? STATUS_FAILED : STATUS_PASSED;
}

static int play(const char *path, bool quiet)
{
	struct script script = {0};
	struct duet *duet = NULL;
	struct duet_result result;
	struct error error = {0};
	int status, r = load(path, &script, &error);

	if (r < 0) {
		status = say(&error);
	} else {
		r = duet_new(false, &duet);
		if (r == 0)
			r = duet_play(duet, &script, &result);
		status = r < 0 ? say_error("%s cannot be played: %s", path, strerror(-r))
			       : tell(path, &script, duet, &result, quiet);
	}
	duet_free(duet);
	script_free(&script);
	return status;
}

int truth_scripts(const struct settings *settings)
{
	int status = STATUS_PASSED;

	for (size_t i = 0; i < settings->scripts.count; i++) {
		int one = play(settings->scripts.items[i], settings->quiet);
		if (one == STATUS_FAILED || status == STATUS_PASSED)
			status = one;
	}
	return status;
}
