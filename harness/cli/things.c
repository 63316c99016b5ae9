/* SPDX-License-Identifier: MIT */
#include "cli/things.h"

#include <errno.h>
#include <string.h>
#include "cli/targets.h"
#include "peer/protocol.h"
#include "report/text.h"
#include "rules/rule.h"
#include "script/script.h"

const struct kind *const kind_list[] = {&kind_scenarios, &kind_rules,	  &kind_targets,
					&kind_faults,	 &kind_protocols, NULL};

const struct kind *kind_find(const char *plural)
{
	for (const struct kind *const *kind = kind_list; *kind; kind++)
		if (strcmp((*kind)->plural, plural) == 0)
			return *kind;
	return NULL;
}

int thing_section(const char *heading, const char *text, size_t width, struct buf *out)
{
	if (!text || !*text)
		return 0;
	int r = buf_printf(out, "\n%s\n  ", heading);
	if (r == 0)
		r = text_wrap(text, 2, 2, width, out);
	return r < 0 ? r : buf_puts(out, "\n");
}

/* Rules. */

static int rules_each(int (*each)(void *arg, const struct thing *thing), void *arg, struct error *error)
{
	const struct rule *rule;
	size_t at = 0;
	int r = 0;

	(void)error;
	while (r >= 0 && (rule = rule_next(&at)))
		r = each(arg, &(struct thing){rule->id, rule->doc, severity_name(rule->severity)});
	return r;
}

/* What it takes for a rule that says what nobody did. */
static const char *unproven(const struct rule *rule)
{
	if (!rule->by_absence)
		return "";
	if (rule->by_slot)
		return "The rule says what nobody did. Where part of what the target does by io_uring cannot "
		       "be seen "
		       "(a ring that cannot be mapped, entries that were lost, direct descriptors of which "
		       "it was not "
		       "seen what they are), that proves nothing: the finding is told as a note (-v) and "
		       "fails no "
		       "scenario.";
	return "The rule says what nobody did. Where part of what the target does by io_uring cannot be seen "
	       "(a ring "
	       "that cannot be mapped, direct descriptors, entries that were lost), that proves nothing: the "
	       "finding "
	       "is told as a note (-v) and fails no scenario.";
}

static int rules_explain(const char *name, size_t width, struct buf *out, struct error *error)
{
	const struct rule *rule = rule_find(name);
	int r;

	if (!rule)
		return error_set(error, -ENOENT, "no such rule");
	r = thing_section("Why it matters", rule->why, width, out);
	if (r == 0)
		r = thing_section("How it is decided", rule->how, width, out);
	if (r == 0)
		r = thing_section("Unseen rings", unproven(rule), width, out);
	if (r == 0)
		r = thing_section("How to mend it", rule->mend, width, out);
	return r < 0 ? r : thing_section("Seen in", rule->seen, width, out);
}

const struct kind kind_rules = {"rules", "rule", "severity", rules_each, rules_explain};

/* Scenarios. */

static int load_catalogue(struct catalogue **ret_catalogue, struct error *error)
{
	const char *folder = script_folder();

	if (!folder)
		return error_set(error, -ENOENT,
				 "the scenarios are not here; WRINGER_DATA can name their folder's parent");
	return catalogue_load(folder, ret_catalogue, error);
}

static int scenarios_each(int (*each)(void *arg, const struct thing *thing), void *arg, struct error *error)
{
	struct catalogue *catalogue;
	int r = load_catalogue(&catalogue, error);

	if (r < 0)
		return r;
	for (size_t i = 0; r >= 0 && i < catalogue_count(catalogue); i++) {
		const struct scenario *scenario = catalogue_at(catalogue, i);
		r = each(arg, &(struct thing){scenario->name, scenario->doc, scenario->file});
	}
	catalogue_free(catalogue);
	return r;
}

struct bit_name {
	uint32_t bit;
	const char *name;
};

static const struct bit_name offer_names[] = {
    {PROTOCOL_REQUEST, "requests and answers"},
    {PROTOCOL_PARTIAL, "a request in parts"},
    {PROTOCOL_BIG, "answers of a wanted size"},
    {PROTOCOL_KEEPALIVE, "a second request on a connection"},
    {PROTOCOL_PIPELINE, "several requests without waiting"},
    {PROTOCOL_TOKEN, "answers that carry the request's token"},
    {PROTOCOL_BODY, "requests that carry a body of a wanted size"},
    {PROTOCOL_GREETS, "a greeting by the server"},
    {PROTOCOL_HALF_CLOSE, "an answer after the client shut down writing"},
    {0, NULL},
};

static const struct bit_name need_names[] = {
    {NEED_SANDBOX, "a network namespace of its own"},
    {NEED_WATCH, "the server's calls seen"},
    {NEED_INJECT, "the server's calls changed"},
    {0, NULL},
};

static int put_bits(uint32_t bits, const struct bit_name *names, struct buf *out)
{
	int r = 0;

	for (; r == 0 && names->bit; names++)
		if (bits & names->bit)
			r = buf_printf(out, "%s%s", out->size ? "; " : "", names->name);
	return r;
}

static int explain_scenario(const struct scenario *scenario, size_t width, struct buf *out)
{
	struct buf needs = {0};
	int r = put_bits(scenario->offers, offer_names, &needs);

	if (r == 0)
		r = put_bits(scenario->needs, need_names, &needs);
	if (r == 0)
		r = thing_section("Why it matters", scenario->why, width, out);
	if (r == 0)
		r = thing_section("What it needs", needs.data, width, out);
	buf_free(&needs);
	return r < 0 ? r : thing_section("Where it is written", scenario->file, width, out);
}

static int scenarios_explain(const char *name, size_t width, struct buf *out, struct error *error)
{
	struct catalogue *catalogue;
	int r = load_catalogue(&catalogue, error);

	if (r < 0)
		return r;
	r = -ENOENT;
	for (size_t i = 0; i < catalogue_count(catalogue); i++)
		if (strcmp(catalogue_at(catalogue, i)->name, name) == 0)
			r = explain_scenario(catalogue_at(catalogue, i), width, out);
	catalogue_free(catalogue);
	return r;
}

const struct kind kind_scenarios = {"scenarios", "scenario", "file", scenarios_each, scenarios_explain};

/* Targets. */

struct passing {
	int (*each)(void *arg, const struct thing *thing);
	void *arg;
	int result;
};

static int pass_target(void *arg, const char *name, const char *doc, const char *path)
{
	struct passing *passing = arg;

	return passing->each(passing->arg, &(struct thing){name, doc, path});
}

static int targets_things(int (*each)(void *arg, const struct thing *thing), void *arg, struct error *error)
{
	struct passing passing = {each, arg, 0};

	return targets_each(pass_target, &passing, error);
}

static int targets_explain(const char *name, size_t width, struct buf *out, struct error *error)
{
	char path[4096], doc[256];
	int r = targets_find(name, path, sizeof path, error);

	if (r < 0)
		return *targets_doc(name, doc, sizeof doc) ? 0 : -ENOENT;
	r = thing_section("How to start it",
			  "NAME --port 0 --protocol echo|http; its first line of output is its port", width,
			  out);
	return r < 0 ? r : thing_section("Where it is", path, width, out);
}

const struct kind kind_targets = {"targets", "target", "program", targets_things, targets_explain};

/* Protocols. */

static void pass_protocol(void *arg, const char *name, const char *doc)
{
	struct passing *passing = arg;

	if (passing->result >= 0)
		passing->result = passing->each(passing->arg, &(struct thing){name, doc, NULL});
}

static int protocols_each(int (*each)(void *arg, const struct thing *thing), void *arg, struct error *error)
{
	struct passing passing = {each, arg, 0};
	const char *folder = script_folder();

	if (!folder)
		return error_set(error, -ENOENT,
				 "the protocols are not here; WRINGER_DATA can name their folder's parent");
	int r = protocol_each(folder, pass_protocol, &passing, error);
	return r < 0 ? r : passing.result;
}

static int protocols_explain(const char *name, size_t width, struct buf *out, struct error *error)
{
	struct protocol *protocol;
	struct buf offers = {0}, comment = {0};

	if (protocol_load(name, script_folder(), NULL, 0, &protocol, error) < 0)
		return -ENOENT;
	int r = put_bits(protocol->offers, offer_names, &offers);
	if (r == 0)
		r = thing_section("What it offers to scenarios", offers.size ? offers.data : "connecting",
				  width, out);
	r = r ? r : protocol_comment(name, script_folder(), &comment, error);
	r = r ? r : thing_section("How it asks, and its settings (-D NAME=VALUE)", comment.data, width, out);
	buf_free(&comment);
	buf_free(&offers);
	protocol_free(protocol);
	return r;
}

const struct kind kind_protocols = {"protocols", "protocol", NULL, protocols_each, protocols_explain};
