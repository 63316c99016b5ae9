/* SPDX-License-Identifier: MIT */
#include "cli/help.h"

#include <errno.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include "cli/options.h"
#include "report/text.h"

#define HELP_COLUMN 30

size_t help_width(void)
{
	struct winsize size;

	if (!isatty(STDOUT_FILENO) || ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) < 0 || size.ws_col == 0)
		return 80;
	return size.ws_col > 100 ? 100 : size.ws_col < 40 ? 40 : size.ws_col;
}

int help_all(struct buf *out)
{
	int r =
	    buf_puts(out, "wringer: stress and fault-injection for epoll servers\n\nusage: wringer COMMAND "
			  "[OPTIONS] ...\n\n");

	for (const struct command *const *command = command_list; r == 0 && *command; command++)
		r = buf_printf(out, "  %-9s %s\n", (*command)->name, (*command)->doc);
	if (r == 0)
		r = buf_puts(out,
			     "\n`wringer COMMAND -h` tells a command's options, `man wringer` everything.\n"
			     "For a start: wringer check --protocol http -- ./server --port 8080\n");
	return r;
}

int help_option_form(const struct option_row *row, struct buf *out)
{
	int r = row->letter ? buf_printf(out, "-%c, ", row->letter) : buf_puts(out, "    ");

	if (r == 0)
		r = buf_printf(out, "--%s", row->name);
	return r == 0 && row->argument ? buf_printf(out, " %s", row->argument) : r;
}

static int put_option(const struct option_row *row, size_t width, struct buf *out)
{
	struct buf form = {0};
	int r = help_option_form(row, &form);

	if (r == 0 && form.size + 4 <= HELP_COLUMN)
		r = buf_printf(out, "  %-*s", HELP_COLUMN - 2, form.data);
	else if (r == 0)
		r = buf_printf(out, "  %s\n%*s", form.data, HELP_COLUMN, "");
	if (r == 0)
		r = text_wrap(row->help, HELP_COLUMN, HELP_COLUMN, width, out);
	buf_free(&form);
	return r < 0 ? r : buf_puts(out, "\n");
}

static int put_section(const struct command *command, enum option_section section, size_t width,
		       struct buf *out)
{
	bool begun = false;
	int r = 0;

	for (const struct option_row *row = option_rows; r == 0 && row->name; row++) {
		if (row->section != section || !(row->commands & command->bit))
			continue;
		if (!begun)
			r = buf_printf(out, "\n%s:\n", option_sections[section]);
		begun = true;
		if (r == 0)
			r = put_option(row, width, out);
	}
	return r;
}

int help_command(const struct command *command, size_t width, struct buf *out)
{
	int r = buf_printf(out, "usage: wringer %s %s\n\n", command->name, command->usage);

	if (r == 0)
		r = text_wrap(command->about, 0, 0, width, out);
	if (r == 0)
		r = buf_puts(out, "\n");
	for (int section = 0; r == 0 && section < SECTION_COUNT; section++)
		r = put_section(command, (enum option_section)section, width, out);
	return r;
}
