/* SPDX-License-Identifier: MIT */
#include "model/step.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include "base/names.h"

static const char *const hows[] = {"read", "write", "both", NULL};
static const char *const whens[] = {"off", "past", "far", NULL};

/* clang-format off */
const struct step_form step_forms[STEP_OPS] = {
	[STEP_NAMED] = {"name", "n", NULL, "of nothing yet: what is done to it is refused"},
	[STEP_TCP] = {"tcp", "nn", NULL, "two connected TCP sockets"},
	[STEP_UNIX] = {"unix", "nn", NULL, "two connected UNIX stream sockets"},
	[STEP_PACKETS] = {"seqpacket", "nn", NULL, "two connected UNIX sockets that keep messages apart"},
	[STEP_DATAGRAMS] = {"datagram", "nn", NULL, "two connected UNIX sockets of datagrams"},
	[STEP_TCP_SOCKET] = {"tcp-socket", "n", NULL, "one, not connected"},
	[STEP_UNIX_SOCKET] = {"unix-socket", "n", NULL, "one, not connected"},
	[STEP_LISTEN] = {"listen", "f", NULL, "binds it and listens"},
	[STEP_LISTEN_FEW] = {"listen-few", "fu", NULL, "the same with a backlog"},
	[STEP_CONNECT] = {"connect", "ff", NULL, "the first to where the second listened"},
	[STEP_ACCEPT] = {"accept", "nf", NULL, "from a listener"},
	[STEP_PIPE] = {"pipe", "nn", NULL, "the reading and the writing end"},
	[STEP_PACKET_PIPE] = {"packet-pipe", "nn", NULL, "the same of a pipe that keeps writes apart (O_DIRECT)"},
	[STEP_EVENTFD] = {"eventfd", "nu", NULL, "with a count"},
	[STEP_SEMAPHORE] = {"semaphore", "nu", NULL, "an eventfd that is read one by one"},
	[STEP_TIMERFD] = {"timerfd", "n", NULL, "disarmed"},
	[STEP_FILE] = {"file", "n", NULL, "what epoll does not take"},
	[STEP_EPOLL] = {"epoll", "n", NULL, "an epoll instance"},
	[STEP_DUP] = {"dup", "nf", NULL, "another number for the same"},
	[STEP_DUP_TO] = {"dup2", "ff", NULL, "the second number becomes the first's"},
	[STEP_CLOSE] = {"close", "f", NULL, ""},
	[STEP_RESET] = {"reset", "f", NULL, "closes with SO_LINGER 0"},
	[STEP_FORK] = {"fork", "n", NULL, "a child that only holds what is open"},
	[STEP_EXIT] = {"exit", "f", NULL, "ends the child"},
	[STEP_PASS] = {"pass", "ff", NULL, "sends the second over the first, with one byte"},
	[STEP_TAKE] = {"take", "nf", NULL, "receives one byte and the descriptor with it"},
	[STEP_WRITE] = {"write", "fu", NULL, "so many bytes"},
	[STEP_COUNT_UP] = {"count", "fu", NULL, "writes a number to an eventfd"},
	[STEP_READ] = {"read", "fu", NULL, "at most so many bytes"},
	[STEP_PEEK] = {"peek", "fu", NULL, "the same, and leaves them there"},
	[STEP_FILL] = {"fill", "f", NULL, "writes until no more is taken"},
	[STEP_DRAIN] = {"drain", "f", NULL, "reads until nothing is left"},
	[STEP_URGENT] = {"urgent", "fu", NULL, "so many bytes, the last of which is urgent (TCP)"},
	[STEP_READ_URGENT] = {"read-urgent", "f", NULL, "the urgent byte"},
	[STEP_INLINE] = {"inline", "f", NULL, "urgent bytes stand among the others from now on (SO_OOBINLINE)"},
	[STEP_AT_MARK] = {"at-mark", "f", NULL, "1 where the urgent byte is the next"},
	[STEP_LOW_WATER] = {"low-water", "fu", NULL, "so many bytes make it readable (TCP, SO_RCVLOWAT)"},
	[STEP_SHUTDOWN] = {"shutdown", "fw", hows, ""},
	[STEP_SO_ERROR] = {"so-error", "f", NULL, "takes the pending error"},
	[STEP_TIMER] = {"timer", "fw", whens, "sets a timerfd"},
	[STEP_ADD] = {"add", "ffm", NULL, "to an epoll instance"},
	[STEP_MOD] = {"mod", "ffm", NULL, ""},
	[STEP_DEL] = {"del", "ff", NULL, ""},
	[STEP_WAIT] = {"wait", "fu", NULL, "for at most so many events, without patience"},
	[STEP_SLEEP] = {"sleep", "nfu", NULL, "a thread waits for at most so many events, with all patience"},
	[STEP_SLEEP_POLL] = {"sleep-poll", "nfu", NULL, "a thread polls a set for IN and then takes what is there, until there is something"},
	[STEP_EITHER] = {"either", "ff", NULL, "how many of two threads are back; that one, or the one of the earlier name, is now the first"},
	[STEP_WOKEN] = {"woken", "f", NULL, "what it came back with, or asleep"},
	[STEP_POLL] = {"poll", "f", NULL, "what poll says of it"},
};
/* clang-format on */

/* Where the reader stands. */
struct reading {
	struct script *script;
	const char *file, *at, *end;
	unsigned line;
	struct error *error;
};

#define WRONG(reading, ...) (error_set((reading)->error, -EINVAL, __VA_ARGS__), -EINVAL)

/* The next word of the line, cut to what out holds; empty at its end. */
static const char *next_word(struct reading *reading, char *out, size_t size)
{
	size_t n = 0;

	while (reading->at < reading->end &&
	       (*reading->at == ' ' || *reading->at == '\t' || *reading->at == '\r'))
		reading->at++;
	while (reading->at < reading->end && !isspace((unsigned char)*reading->at) && *reading->at != '#') {
		if (n + 1 < size) /* printable, for it may be told */
			out[n++] = (char)(isgraph((unsigned char)*reading->at) ? *reading->at : '?');
		reading->at++;
	}
	out[n] = 0;
	return out;
}

static int find_name(const struct script *script, const char *word)
{
	for (int i = 0; i < script->name_count; i++)
		if (strcmp(script->names[i], word) == 0)
			return i;
	return -ENOENT;
}

static int read_name(struct reading *reading, bool is_new, int *ret_name)
{
	char word[64];
	struct script *script = reading->script;
	int name = find_name(script, next_word(reading, word, sizeof word));

	if (!*word)
		return WRONG(reading, "a name is missing");
	if (name < 0 && !is_new)
		return WRONG(reading, "nothing is called %s", word);
	if (strlen(word) >= STEP_NAME)
		return WRONG(reading, "the name %s is longer than %d letters", word, STEP_NAME - 1);
	if (!isalpha((unsigned char)*word))
		return WRONG(reading, "%s is no name: it begins with no letter", word);
	if (name < 0 && script->name_count == STEP_NAMES)
		return WRONG(reading, "more than %d names", STEP_NAMES);
	if (name < 0) {
		name = script->name_count++;
		memcpy(script->names[name], word, strlen(word) + 1);
	}
	*ret_name = name;
	return 0;
}

static int read_number(struct reading *reading, uint32_t *ret_number)
{
	char word[32], *end;
	unsigned long value = strtoul(next_word(reading, word, sizeof word), &end, 10);

	if (!isdigit((unsigned char)*word) || *end || value > UINT32_MAX)
		return WRONG(reading, *word ? "%s is no number" : "a number is missing%s", word);
	*ret_number = (uint32_t)value;
	return 0;
}

static int read_mask(struct reading *reading, uint32_t *ret_mask)
{
	char word[MASK_TEXT];

	if (!*next_word(reading, word, sizeof word))
		return WRONG(reading, "the events are missing");
	if (strcmp(word, "0") != 0 && mask_parse(word, ret_mask) < 0)
		return WRONG(reading, "%s are no events", word);
	return 0;
}

static int read_choice(struct reading *reading, const char *const *words, uint32_t *ret_choice)
{
	char word[32];

	(void)next_word(reading, word, sizeof word);
	for (uint32_t i = 0; words[i]; i++)
		if (strcmp(words[i], word) == 0) {
			*ret_choice = i;
			return 0;
		}
	return WRONG(reading, "%s is none of %s, %s, %s", *word ? word : "nothing", words[0], words[1],
		     words[2]);
}

static int read_args(struct reading *reading, struct step *step)
{
	const struct step_form *form = &step_forms[step->op];
	int names = 0, r = 0;

	for (const char *arg = form->args; *arg && r == 0; arg++) {
		if (*arg == 'n' || *arg == 'f')
			r = read_name(reading, *arg == 'n', &step->names[names++]);
		else if (*arg == 'u')
			r = read_number(reading, &step->number);
		else if (*arg == 'm')
			r = read_mask(reading, &step->number);
		else
			r = read_choice(reading, form->words, &step->number);
	}
	return r;
}

/* Masks as step_print spells them, in whatever order they were written. 0, or -ENOMEM. */
static int spell_masks(char expect[STEP_EXPECT], bool behind_names)
{
	struct buf text = {0};
	char copy[STEP_EXPECT], mask[MASK_TEXT], *rest = copy;
	uint32_t events;
	int r = 0;

	memcpy(copy, expect, STEP_EXPECT);
	bool is_mask = !behind_names;
	for (char *word; r == 0 && (word = strsep(&rest, " ")); is_mask = !is_mask) {
		size_t size = strlen(word);
		bool is_last = size && word[size - 1] == ',';
		word[size - is_last] = 0;
		bool is_known = is_mask && *word && mask_parse(word, &events) == 0;
		r = buf_printf(&text, "%s%s%s", text.size ? " " : "",
			       is_known ? mask_short(events, mask, sizeof mask) : word, is_last ? "," : "");
	}
	if (r == 0 && text.size < STEP_EXPECT)
		memcpy(expect, text.data, text.size + 1);
	buf_free(&text);
	return r;
}

/* What stands behind "->", to the end of the line or a comment. */
static int read_expectation(struct reading *reading, struct step *step)
{
	char word[STEP_EXPECT];
	const char *begin, *end;

	if (!*next_word(reading, word, sizeof word))
		return 0;
	if (strcmp(word, "->") != 0)
		return WRONG(reading, "%s is one word too many", word);
	while (reading->at < reading->end && isblank((unsigned char)*reading->at))
		reading->at++;
	begin = reading->at;
	while (reading->at < reading->end && *reading->at != '#')
		reading->at++;
	for (end = reading->at; end > begin && isspace((unsigned char)end[-1]);)
		end--;
	if (end == begin || (size_t)(end - begin) >= sizeof step->expect)
		return WRONG(reading, end == begin ? "nothing is expected behind ->" : "too long behind ->");
	memcpy(step->expect, begin, (size_t)(end - begin));
	return step->op == STEP_WAIT || step->op == STEP_POLL || step->op == STEP_WOKEN
		   ? spell_masks(step->expect, step->op != STEP_POLL)
		   : 0;
}

int script_add(struct script *script, const struct step *step)
{
	struct step *steps = array_grow(script->steps, script->count, &script->capacity, sizeof *steps);

	if (!steps)
		return -ENOMEM;
	script->steps = steps;
	script->steps[script->count++] = *step;
	return 0;
}

static int read_line(struct reading *reading)
{
	char word[32];
	struct step step = {.names = {-1, -1}, .line = reading->line};
	int r;

	if (!*next_word(reading, word, sizeof word))
		return 0;
	while (step.op < STEP_OPS && strcmp(step_forms[step.op].word, word) != 0)
		step.op++;
	if (step.op == STEP_OPS)
		return WRONG(reading, "%s is no step", word);
	if (reading->script->count == STEP_MOST)
		return WRONG(reading, "more than %d steps", STEP_MOST);
	r = read_args(reading, &step);
	if (r == 0)
		r = read_expectation(reading, &step);
	return r < 0 ? r : script_add(reading->script, &step);
}

int script_parse(struct script *ret_script, const char *name, const char *text, size_t size,
		 struct error *error)
{
	struct reading reading = {.script = ret_script, .file = name, .line = 0, .error = error};
	const char *end = text + size;
	int r = 0;

	*ret_script = (struct script){0};
	for (const char *at = text; at < end && r == 0; at = reading.end + 1) {
		reading.line++;
		reading.at = at;
		reading.end = memchr(at, '\n', (size_t)(end - at));
		reading.end = reading.end ? reading.end : end;
		r = read_line(&reading);
	}
	if (r == 0 && !ret_script->count)
		r = WRONG(&reading, "there are no steps");
	if (r == -EINVAL)
		(void)error_prefix(error, "%s:%u", name, reading.line);
	return r;
}

int step_print(const struct script *script, const struct step *step, struct buf *out)
{
	const struct step_form *form = &step_forms[step->op];
	char mask[MASK_TEXT];
	int names = 0, r = buf_puts(out, form->word);

	for (const char *arg = form->args; *arg && r == 0; arg++) {
		if (*arg == 'n' || *arg == 'f')
			r = buf_printf(out, " %s", script->names[step->names[names++]]);
		else if (*arg == 'u')
			r = buf_printf(out, " %u", step->number);
		else if (*arg == 'm')
			r = buf_printf(out, " %s", mask_short(step->number, mask, sizeof mask));
		else
			r = buf_printf(out, " %s", form->words[step->number]);
	}
	return r == 0 && *step->expect ? buf_printf(out, " -> %s", step->expect) : r;
}

void script_free(struct script *script)
{
	free(script->steps);
	*script = (struct script){0};
}
