/* SPDX-License-Identifier: MIT */
#include <assert.h>
#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "rules/facts.h"
#include "rules/judge.h"

#define FAMILIES_MOST 64

/* What the judge keeps for each rule, in the order of rule_next. */
struct seat {
	const struct rule *rule;
	bool wanted;
	bool broken; /* someone reported it, wanted or not */
	size_t kept; /* findings kept */
	size_t last; /* index of the last of them */
};

/* Who hears of something: indexes into rule_families, in their order. */
struct hearing {
	uint8_t count;
	uint8_t families[FAMILIES_MOST];
};

struct judge {
	struct world *world;
	struct facts facts;
	/* by the event's kind, calls behind them by their class; those who hear before the facts do; those
	 * who judge rounds */
	struct hearing hearings[EV_KINDS + CLASS_COUNT], before[EV_KINDS], rounds, farewells, partings;
	double scale;
	struct seat *seats;
	size_t seat_count;
	bool broken;   /* any of them */
	void **states; /* one a family, in the order of rule_families */
	size_t state_count;
	struct finding *findings;
	size_t count, capacity;
	bool finished;
};

static struct seat *seat_of(const struct judge *judge, const struct rule *rule)
{
	for (size_t i = 0; i < judge->seat_count; i++) {
		if (judge->seats[i].rule == rule)
			return &judge->seats[i];
	}
	return NULL;
}

/* Sets `wanted` on every rule the glob matches; -ENOENT when it matches none. */
static int seats_match(struct judge *judge, const char *glob)
{
	bool any = false;

	for (size_t i = 0; i < judge->seat_count; i++) {
		if (fnmatch(glob, judge->seats[i].rule->id, 0) != 0)
			continue;
		judge->seats[i].wanted = true;
		any = true;
	}
	return any ? 0 : -ENOENT;
}

static int seats_parse(struct judge *judge, const char *list, struct error *error)
{
	size_t named = 0;

	for (const char *at = list + strspn(list, ", \t"); *at; at += strspn(at, ", \t")) {
		size_t size = strcspn(at, ", \t");
		char glob[64];

		if (size >= sizeof(glob))
			return error_set(error, -EINVAL, "no rule has a name as long as '%.*s'", (int)size,
					 at);
		memcpy(glob, at, size);
		glob[size] = '\0';
		if (seats_match(judge, glob) != 0)
			return error_set(error, -EINVAL, "no rule is called '%s'", glob);
		named++;
		at += size;
	}
	return named ? 0 : error_set(error, -EINVAL, "the list of rules is empty");
}

static int seats_make(struct judge *judge, const struct judge_options *options, struct error *error)
{
	size_t count = 0;

	for (size_t i = 0; rule_families[i]; i++)
		count += rule_families[i]->rule_count;
	judge->seats = calloc(count + 1, sizeof(*judge->seats));
	if (!judge->seats)
		return error_set(error, -ENOMEM, "out of memory");
	for (size_t i = 0; rule_families[i]; i++)
		for (size_t rule = 0; rule < rule_families[i]->rule_count; rule++)
			judge->seats[judge->seat_count++] =
			    (struct seat){.rule = &rule_families[i]->rules[rule], .wanted = !options->rules};
	return options->rules ? seats_parse(judge, options->rules, error) : 0;
}

static bool is_silent(const struct judge *judge, const struct rule_family *family,
		      const struct contents *contents)
{
	return contents && family->silent && family->silent(judge, contents);
}

/* Families that are left out have none. */
static int states_make(struct judge *judge, const struct contents *contents)
{
	size_t families = 0;

	while (rule_families[families])
		families++;
	assert(families <= FAMILIES_MOST);
	judge->states = calloc(families + 1, sizeof(*judge->states));
	if (!judge->states)
		return -ENOMEM;
	for (size_t i = 0; i < families; i++) {
		const struct rule_family *family = rule_families[i];
		int r;

		judge->state_count = i + 1;
		if (is_silent(judge, family, contents))
			continue;
		judge->states[i] = calloc(1, family->state_size ? family->state_size : 1);
		if (!judge->states[i])
			return -ENOMEM;
		r = family->begin ? family->begin(judge, judge->states[i]) : 0;
		if (r < 0)
			return r;
	}
	return 0;
}

static void hearing_add(struct hearing *hearing, size_t family)
{
	hearing->families[hearing->count++] = (uint8_t)family;
}

static void listen_for(struct judge *judge, const struct rule_family *family, size_t index)
{
	uint32_t kinds = family->kinds ? family->kinds : KINDS_ALL;
	uint32_t classes = family->classes ? family->classes : KINDS_ALL;

	for (unsigned kind = 0; kind < EV_KINDS; kind++) {
		if (family->event && kind != EV_CALL && (kinds & KIND(kind)))
			hearing_add(&judge->hearings[kind], index);
		if (family->before && (family->before_kinds & KIND(kind)))
			hearing_add(&judge->before[kind], index);
	}
	for (unsigned class = 0; class < CLASS_COUNT; class ++)
		if (family->event && (kinds & KIND(EV_CALL)) && (classes & CLASS(class)))
			hearing_add(&judge->hearings[EV_KINDS + class], index);
	if (family->round)
		hearing_add(&judge->rounds, index);
	if (family->farewell)
		hearing_add(&judge->farewells, index);
	if (family->parting)
		hearing_add(&judge->partings, index);
}

static void hearings_make(struct judge *judge)
{
	for (size_t i = 0; i < judge->state_count; i++)
		if (judge->states[i])
			listen_for(judge, rule_families[i], i);
}

/* Findings that are due with it are told now; there is memory for them or there is none. */
static void say_farewell(void *arg, const struct file *file)
{
	struct judge *judge = arg;

	for (size_t i = 0; i < judge->farewells.count; i++) {
		size_t index = judge->farewells.families[i];
		rule_families[index]->farewell(judge, judge->states[index], file);
	}
	facts_forget_file(&judge->facts, file);
}

static void part_with(void *arg, const struct peer_view *peer)
{
	struct judge *judge = arg;

	for (size_t i = 0; i < judge->partings.count; i++) {
		size_t index = judge->partings.families[i];
		rule_families[index]->parting(judge, judge->states[index], peer);
	}
	facts_forget_peer(&judge->facts, peer);
}

int judge_new(const struct judge_options *options, struct judge **ret_judge, struct error *error)
{
	static const struct judge_options none = {0};
	struct judge *judge = calloc(1, sizeof(*judge));
	int r;

	if (!judge)
		return error_set(error, -ENOMEM, "out of memory");
	if (!options)
		options = &none;
	judge->scale = options->time_scale > 0 ? options->time_scale : 1;
	r = seats_make(judge, options, error);
	if (r < 0)
		goto fail;
	judge->world = world_new();
	r = judge->world ? states_make(judge, options->contents) : -ENOMEM;
	if (r < 0) {
		(void)error_set(error, r, "the rules could not begin: %s", strerror(-r));
		goto fail;
	}
	hearings_make(judge);
	world_forgets(judge->world, &(struct world_farewells){.file = say_farewell,
							      .peer = part_with,
							      .arg = judge,
							      .at_once = options->at_once});
	*ret_judge = judge;
	return 0;
fail:
	judge_free(judge);
	return r;
}

static int end_round(struct judge *judge)
{
	int r = 0;

	for (size_t i = 0; i < judge->rounds.count && r == 0; i++) {
		size_t index = judge->rounds.families[i];
		r = rule_families[index]->round(judge, judge->states[index]);
	}
	return r;
}

static int tell_before(struct judge *judge, const struct event *event)
{
	const struct hearing *hearing = &judge->before[event->kind];
	int r = 0;

	for (unsigned i = 0, count = hearing->count; i < count && r == 0; i++) {
		unsigned index = hearing->families[i];
		r = rule_families[index]->before(judge, judge->states[index], event);
	}
	return r;
}

static int tell(struct judge *judge, const struct event *event)
{
	unsigned row = event->kind == EV_CALL ? EV_KINDS + call_class((enum call)event->what) : event->kind;
	const struct hearing *hearing = &judge->hearings[row];
	int r = 0;

	for (unsigned i = 0, count = hearing->count; i < count && r == 0; i++) {
		unsigned index = hearing->families[i];
		r = rule_families[index]->event(judge, judge->states[index], event);
	}
	return r;
}

int judge_event(void *arg, const struct event *event)
{
	struct judge *judge = arg;
	int r = world_apply(judge->world, event);

	if (event->kind >= EV_KINDS)
		return r;
	if (r == 0 && ground_over(&judge->facts.ground, event))
		r = end_round(judge);
	if (r == 0)
		r = tell_before(judge, event);
	if (r == 0)
		r = facts_follow(&judge->facts, judge->world, event);
	return r == 0 ? tell(judge, event) : r;
}

/* The gravest first, causes before symptoms, then in the order of time; the rest only makes the order
 * certain. */
static int compare_findings(const void *left, const void *right)
{
	const struct finding *a = left, *b = right;

	if (a->severity != b->severity)
		return a->severity > b->severity ? -1 : 1;
	if (a->rule->symptom != b->rule->symptom)
		return a->rule->symptom ? 1 : -1;
	if (a->at != b->at)
		return a->at < b->at ? -1 : 1;
	if (a->rule != b->rule)
		return strcmp(a->rule->id, b->rule->id);
	return (a->file > b->file) - (a->file < b->file);
}

static void make_note(struct finding *finding, const char *reason)
{
	size_t size = strlen(reason) + 1, room = sizeof finding->message - size;
	size_t used = strlen(finding->message);

	finding->severity = SEVERITY_INFO;
	memcpy(finding->message + (used < room ? used : room), reason, size);
}

static bool is_withheld(const struct world *world, const struct rule *rule)
{
	return rule->by_absence && (rule->by_slot ? world_has_gaps(world) : world_hides(world));
}

/*
 * "Nobody did" is no proof where part of what the target did stays unseen, at whatever time it was said: such
 * findings become notes. What is withheld this way can be read, and convicts nobody.
 */
static void withhold(struct judge *judge)
{
	for (size_t i = 0; i < judge->count; i++)
		if (is_withheld(judge->world, judge->findings[i].rule))
			make_note(&judge->findings[i],
				  " (unproven: part of what the target does by io_uring is unseen)");
}

/* Where calls were lost the world is not what the journal makes of it from then on. What was true before
 * stays true, and so does what clients felt. */
static void withhold_since(struct judge *judge, bool futile)
{
	uint64_t since = 0, lost = world_lost(judge->world, futile, &since);
	char reason[96];

	if (!lost)
		return;
	(void)snprintf(reason, sizeof reason, " (unproven: %llu of the target's calls were not seen)",
		       (unsigned long long)lost);
	for (size_t i = 0; i < judge->count; i++) {
		struct finding *finding = &judge->findings[i];
		bool certain = futile ? !finding->rule->by_absence : finding->rule->symptom;

		if (!certain && finding->at >= since && !strstr(finding->message, "(unproven"))
			make_note(finding, reason);
	}
}

int judge_finish(struct judge *judge)
{
	int r = 0;

	if (judge->finished)
		return 0;
	for (size_t i = 0; i < judge->state_count && r == 0; i++) {
		if (judge->states[i] && rule_families[i]->finish)
			r = rule_families[i]->finish(judge, judge->states[i]);
	}
	judge->finished = true;
	withhold(judge);
	withhold_since(judge, false);
	withhold_since(judge, true);
	if (judge->count)
		qsort(judge->findings, judge->count, sizeof(*judge->findings), compare_findings);
	return r;
}

const struct finding *judge_findings(const struct judge *judge, size_t *ret_count)
{
	*ret_count = judge->count;
	return judge->findings;
}

void judge_free(struct judge *judge)
{
	if (!judge)
		return;
	for (size_t i = 0; i < judge->state_count; i++) {
		if (judge->states[i] && rule_families[i]->release)
			rule_families[i]->release(judge->states[i]);
	}
	for (size_t i = 0; judge->states && rule_families[i]; i++)
		free(judge->states[i]);
	free(judge->states);
	facts_release(&judge->facts);
	free(judge->seats);
	free(judge->findings);
	world_free(judge->world);
	free(judge);
}

/* An earlier finding of the same rule about the same file. */
static struct finding *finding_like(const struct judge *judge, const struct finding *finding)
{
	if (!finding->file)
		return NULL;
	for (size_t i = 0; i < judge->count; i++) {
		if (judge->findings[i].rule == finding->rule && judge->findings[i].file == finding->file)
			return &judge->findings[i];
	}
	return NULL;
}

static void finding_merge(struct finding *into, const struct finding *other)
{
	struct finding old = *into;

	if (other->count > old.count)
		*into = *other;
	into->severity = old.severity > other->severity ? old.severity : other->severity;
	into->at = old.at < other->at ? old.at : other->at;
	into->from = old.from < other->from ? old.from : other->from;
	into->to = old.to > other->to ? old.to : other->to;
}

int judge_report(struct judge *judge, const struct finding *finding)
{
	struct seat *seat = seat_of(judge, finding->rule);
	struct finding *like, *findings;

	if (!seat)
		return -EINVAL;
	seat->broken = judge->broken = true;
	if (!seat->wanted)
		return 0;
	like = finding_like(judge, finding);
	if (like) {
		finding_merge(like, finding);
		return 0;
	}
	if (seat->kept == FINDINGS_PER_RULE) {
		judge->findings[seat->last].count += finding->count ? finding->count : 1;
		return 0;
	}
	findings = array_grow(judge->findings, judge->count, &judge->capacity, sizeof(*findings));
	if (!findings)
		return -ENOMEM;
	judge->findings = findings;
	seat->kept++;
	seat->last = judge->count;
	findings[judge->count++] = *finding;
	return 0;
}

int judge_wants(const struct judge *judge, const struct rule *rule)
{
	const struct seat *seat = seat_of(judge, rule);

	return seat && seat->wanted;
}

int judge_broken(const struct judge *judge, const char *id)
{
	for (size_t i = 0; judge->broken && i < judge->seat_count; i++) {
		const struct seat *seat = &judge->seats[i];

		if (strcmp(seat->rule->id, id) == 0)
			return seat->broken && !is_withheld(judge->world, seat->rule);
	}
	return 0;
}

const struct facts *judge_facts(const struct judge *judge)
{
	return &judge->facts;
}

const struct world *judge_world(const struct judge *judge)
{
	return judge->world;
}

uint64_t judge_window(const struct judge *judge, uint64_t ns)
{
	return (uint64_t)((double)ns * judge->scale);
}
