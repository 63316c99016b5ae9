/* SPDX-License-Identifier: MIT */
#include "cli/man.h"

#include <ctype.h>
#include <string.h>
#include "cli/command.h"
#include "cli/options.h"
#include "model/step.h"

/* Plain text as roff: hyphens that are typed stay hyphens, `names` are bold, nothing is taken for a request.
 */
static int put_text(const char *text, struct buf *out)
{
	bool bold = false;
	int r = *text == '.' || *text == '\'' ? buf_puts(out, "\\&") : 0;

	for (; r == 0 && *text; text++) {
		if (*text == '`') {
			bold = !bold;
			r = buf_puts(out, bold ? "\\fB" : "\\fR");
		} else if (*text == '-') {
			r = buf_puts(out, "\\-");
		} else if (*text == '\\') {
			r = buf_puts(out, "\\e");
		} else {
			r = buf_append(out, text, 1);
		}
	}
	return r;
}

/* "[OPTIONS] -- COMMAND": what is typed as it stands is bold, what is put in its place italic. */
static int put_usage(const char *usage, struct buf *out)
{
	int r = 0;

	while (r == 0 && *usage) {
		size_t size = 0;
		while (isupper((unsigned char)usage[size]) ||
		       (size && usage[size] == '.' && isupper((unsigned char)usage[size - 1])))
			size++;
		if (size > 1) {
			r = buf_printf(out, "\\fI%.*s\\fR", (int)size, usage);
		} else {
			size = 1;
			r = *usage == '-' ? buf_puts(out, "\\-") : buf_append(out, usage, 1);
		}
		usage += size;
	}
	return r;
}

static int put_synopsis(struct buf *out)
{
	int r = buf_puts(out, ".SH SYNOPSIS\n");

	for (const struct command *const *command = command_list; r == 0 && *command; command++) {
		r = buf_printf(out, "%s.B wringer %s\n", command == command_list ? "" : ".br\n",
			       (*command)->name);
		if (r == 0)
			r = put_usage((*command)->usage, out);
		if (r == 0)
			r = buf_puts(out, "\n");
	}
	return r;
}

static int put_commands(struct buf *out)
{
	int r = buf_puts(out, ".SH COMMANDS\n");

	for (const struct command *const *command = command_list; r == 0 && *command; command++) {
		r = buf_printf(out, ".TP\n.B %s\n", (*command)->name);
		if (r == 0)
			r = put_text((*command)->about, out);
		if (r == 0)
			r = buf_puts(out, "\n");
	}
	return r;
}

/* "(check, run)" where an option is not for all that take options of its kind. */
static int put_takers(const struct option_row *row, struct buf *out)
{
	const char *separator = "";
	int r = buf_puts(out, "(");

	for (const struct command *const *command = command_list; r == 0 && *command; command++) {
		if (!(row->commands & (*command)->bit))
			continue;
		r = buf_printf(out, "%s%s", separator, (*command)->name);
		separator = ", ";
	}
	return r < 0 ? r : buf_puts(out, ")");
}

static int put_option(const struct option_row *row, struct buf *out)
{
	int r = buf_puts(out, ".TP\n");

	if (r == 0 && row->letter)
		r = buf_printf(out, "\\fB\\-%c\\fR, ", row->letter);
	if (r == 0)
		r = buf_puts(out, "\\fB\\-\\-");
	if (r == 0)
		r = put_text(row->name, out);
	if (r == 0)
		r = buf_puts(out, "\\fR");
	if (r == 0 && row->argument)
		r = buf_printf(out, " \\fI%s\\fR", row->argument);
	if (r == 0)
		r = buf_puts(out, "\n");
	if (r == 0)
		r = put_text(row->help, out);
	if (r == 0)
		r = buf_puts(out, "\n");
	if (r == 0)
		r = put_takers(row, out);
	return r < 0 ? r : buf_puts(out, "\n");
}

static int put_options(struct buf *out)
{
	int r =
	    buf_puts(out, ".SH OPTIONS\nWhat stands in parentheses are the commands that take the option.\n");

	for (int section = 0; r == 0 && section < SECTION_COUNT; section++) {
		r = buf_printf(out, ".SS %s\n", option_sections[section]);
		for (const struct option_row *row = option_rows; r == 0 && row->name; row++)
			if ((int)row->section == section)
				r = put_option(row, out);
	}
	return r;
}

/* "add NAME NAME EVENTS". */
static int put_step(const struct step_form *form, struct buf *out)
{
	int r = buf_puts(out, ".TP\n\\fB");

	if (r == 0)
		r = put_text(form->word, out);
	if (r == 0)
		r = buf_puts(out, "\\fR");
	for (const char *arg = form->args; *arg && r == 0; arg++) {
		if (*arg == 'w')
			r = buf_printf(out, " %s|%s|%s", form->words[0], form->words[1], form->words[2]);
		else
			r = buf_printf(out, " \\fI%s\\fR",
				       *arg == 'n'   ? "NEW"
				       : *arg == 'f' ? "NAME"
				       : *arg == 'u' ? "N"
						     : "EVENTS");
	}
	if (r == 0)
		r = buf_printf(out, "\n%s\n", *form->doc ? form->doc : form->word);
	return r;
}

static int put_steps(struct buf *out)
{
	int r = buf_puts(out, man_scripts);

	for (size_t i = 0; i < STEP_OPS && r == 0; i++)
		r = put_step(&step_forms[i], out);
	return r;
}

int man_page(struct buf *out)
{
	int r = buf_puts(out, ".\\\" Made by `wringer --man`.\n.TH WRINGER 1 \"\" \"wringer " WRINGER_VERSION
			      "\" \"User Commands\"\n.SH NAME\n"
			      "wringer \\- stress and fault\\-injection for epoll servers\n");

	if (r == 0)
		r = put_synopsis(out);
	if (r == 0)
		r = buf_puts(out, man_before);
	if (r == 0)
		r = put_commands(out);
	if (r == 0)
		r = put_options(out);
	if (r == 0)
		r = put_steps(out);
	return r < 0 ? r : buf_puts(out, man_after);
}
