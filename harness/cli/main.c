/* SPDX-License-Identifier: MIT */
#include <locale.h>
#include <stdio.h>
#include <string.h>
#include "cli/command.h"
#include "cli/help.h"
#include "cli/man.h"
#include "cli/nearest.h"
#include "cli/options.h"
#include "cli/say.h"
#include "cli/status.h"

static int print_buf(int made, struct buf *text)
{
	int status = STATUS_PASSED;

	if (made < 0)
		status = say_error("out of memory");
	else if (text->size)
		(void)fwrite(text->data, 1, text->size, stdout);
	buf_free(text);
	return status;
}

static int print_help(void)
{
	struct buf text = {0};

	return print_buf(help_all(&text), &text);
}

static int print_version(void)
{
	(void)puts("wringer " WRINGER_VERSION);
	return STATUS_PASSED;
}

static int print_man(void)
{
	struct buf text = {0};

	return print_buf(man_page(&text), &text);
}

static int unknown_command(const char *name)
{
	struct nearest nearest = nearest_begin(name);
	char hint[96];

	for (const struct command *const *command = command_list; *command; command++)
		nearest_offer(&nearest, (*command)->name);
	return say_error("there is no command %s%s; see `wringer -h`", name,
			 nearest_hint(&nearest, hint, sizeof hint));
}

static int run_command(const struct command *command, struct settings *settings, int argc, char **argv)
{
	struct words words = {0};
	struct error error = {0};
	struct buf text = {0};

	if (options_parse(command, argc, argv, settings, &words, &error) < 0)
		return say(&error);
	if (settings->help)
		return print_buf(help_command(command, help_width(), &text), &text);
	if (settings->version)
		return print_version();
	if (settings_load(settings, command->bit, &error) < 0)
		return say(&error);
	return command->run(settings, &words);
}

static int dispatch(int argc, char **argv)
{
	static const struct {
		const char *name;
		int (*print)(void);
	} plain[] = {{"-h", print_help},
		     {"--help", print_help},
		     {"help", print_help},
		     {"--version", print_version},
		     {"--man", print_man}};

	if (argc < 2)
		return say_error("no command; see `wringer -h`");
	for (size_t i = 0; i < sizeof plain / sizeof plain[0]; i++)
		if (strcmp(argv[1], plain[i].name) == 0)
			return plain[i].print();
	const struct command *command = command_find(argv[1]);
	if (!command)
		return unknown_command(argv[1]);
	struct settings settings;
	settings_init(&settings);
	int status = run_command(command, &settings, argc - 1, argv + 1);
	settings_free(&settings);
	return status;
}

int main(int argc, char **argv)
{
	/* Only which characters there are: numbers in reports keep their point. */
	(void)setlocale(LC_CTYPE, "");
	return say_done(dispatch(argc, argv));
}
