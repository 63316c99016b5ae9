/* SPDX-License-Identifier: MIT */
#include "report/contrast.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/clock.h"

#define TOLD_WIDEST 44

/* One scenario on one target, over all rounds. */
struct side {
	char scenario[64], target[64];
	enum verdict verdict; /* the worst */
	char reason[512];     /* of that round */
	struct result_reaction *reactions;
	size_t count, capacity;
	double cpu; /* seconds, of all rounds */
	uint32_t rounds;
};

struct contrast {
	struct side *sides;
	size_t count, capacity;
};

struct contrast *contrast_new(void)
{
	return calloc(1, sizeof(struct contrast));
}

static struct side *find(const struct contrast *contrast, const char *scenario, const char *target)
{
	for (size_t i = 0; i < contrast->count; i++) {
		struct side *side = &contrast->sides[i];

		if (strcmp(side->scenario, scenario) == 0 && strcmp(side->target, target) == 0)
			return side;
	}
	return NULL;
}

static struct side *side_of(struct contrast *contrast, const struct result *result)
{
	struct side *side = find(contrast, result->scenario, result->target), *grown;

	if (side)
		return side;
	grown = array_grow(contrast->sides, contrast->count, &contrast->capacity, sizeof(*grown));
	if (!grown)
		return NULL;
	contrast->sides = grown;
	side = &grown[contrast->count++];
	*side = (struct side){.verdict = VERDICT_PASS};
	result_text(side->scenario, sizeof(side->scenario), result->scenario);
	result_text(side->target, sizeof(side->target), result->target);
	return side;
}

int contrast_add(struct contrast *contrast, const struct result *result)
{
	struct side *side = side_of(contrast, result);

	if (!side)
		return -ENOMEM;
	for (size_t i = 0; i < result->reaction_count; i++) {
		struct result_reaction *grown =
		    array_grow(side->reactions, side->count, &side->capacity, sizeof(*grown));
		if (!grown)
			return -ENOMEM;
		side->reactions = grown;
		grown[side->count++] = result->reactions[i];
	}
	if (result->verdict != VERDICT_PASS) {
		side->verdict = result->verdict;
		result_text(side->reason, sizeof(side->reason), result->reason);
	}
	side->cpu += result->measures.cpu_seconds;
	side->rounds++;
	return 0;
}

/* The commonest of a text of all reactions; "" without any. */
static const char *commonest(const struct side *side, size_t offset)
{
	const char *best = "";
	size_t most = 0;

	for (size_t i = 0; i < side->count; i++) {
		const char *text = (const char *)&side->reactions[i] + offset;
		size_t same = 0;
		for (size_t j = 0; j < side->count; j++)
			same += strcmp((const char *)&side->reactions[j] + offset, text) == 0;
		if (same > most) {
			most = same;
			best = text;
		}
	}
	return best;
}

static const char *told(const struct side *side)
{
	return commonest(side, offsetof(struct result_reaction, told));
}

static const char *saw(const struct side *side)
{
	return commonest(side, offsetof(struct result_reaction, saw));
}

static int by_number(const void *a, const void *b)
{
	double left = *(const double *)a, right = *(const double *)b;

	return (left > right) - (left < right);
}

static double closed_after_ms(const struct result_reaction *reaction)
{
	return reaction->closed_after < 0 ? -1 : (double)reaction->closed_after / (double)NS_PER_MS;
}

static double calls_made(const struct result_reaction *reaction)
{
	return reaction->calls;
}

/* The median of those that are not negative; -1 when most are. Thirty-two a round at most, so it stays cheap.
 */
static double median(const struct side *side, double (*value)(const struct result_reaction *reaction))
{
	double *values = calloc(side->count + 1, sizeof(*values)), middle = -1;
	size_t count = 0;

	for (size_t i = 0; values && i < side->count; i++) {
		double one = value(&side->reactions[i]);
		if (one >= 0)
			values[count++] = one;
	}
	if (count * 2 > side->count) {
		qsort(values, count, sizeof(*values), by_number);
		middle = values[count / 2];
	}
	free(values);
	return middle;
}

static int put_figure(double figure, const char *unit, int width, struct buf *out)
{
	char text[32] = "-";

	if (figure >= 0)
		(void)snprintf(text, sizeof(text), "%.*f%s",
			       !*unit || figure >= 100 ? 0
			       : figure >= 1	       ? 1
						       : 2,
			       figure, unit);
	return buf_printf(out, "  %*s", width, text);
}

static int put_padded(const struct style *style, enum tint tint, const char *text, size_t width,
		      struct buf *out)
{
	size_t used = strlen(text);
	int r = style_cut(style, tint, text, width, out);

	return r < 0 || used >= width ? r : buf_printf(out, "%*s", (int)(width - used), "");
}

static bool differs(const struct side *side, const struct side *first)
{
	return side->count && first->count &&
	       (strcmp(told(side), told(first)) != 0 || strcmp(saw(side), saw(first)) != 0);
}

struct widths {
	size_t target, told;
};

static int put_side(const struct style *style, const struct side *side, const struct side *first,
		    const struct widths *widths, struct buf *out)
{
	bool other = side != first && differs(side, first);
	const char *seen = saw(side);
	int r = buf_puts(out, other ? (style->utf8 ? "  \xe2\x89\xa0 " : "  * ") : "    ");

	if (r == 0)
		r = put_padded(style, TINT_BOLD, side->target, widths->target, out);
	if (r == 0)
		r = buf_puts(out, "  ");
	if (side->verdict != VERDICT_PASS && !side->count) {
		if (r == 0)
			r = buf_printf(out, "%s: ", verdict_name(side->verdict));
		if (r == 0)
			r = style_put(style, style_verdict_tint(side->verdict), side->reason, out);
		return r < 0 ? r : buf_puts(out, "\n");
	}
	if (r == 0)
		r = put_padded(style, other ? TINT_WARN : TINT_NONE, *told(side) ? told(side) : "nothing",
			       widths->told, out);
	if (r == 0)
		r = put_figure(median(side, closed_after_ms), " ms", 10, out);
	if (r == 0)
		r = put_figure(side->count ? median(side, calls_made) : -1, "", 6, out);
	if (r == 0)
		r = put_figure(side->cpu * 1000 / side->rounds, " ms", 8, out);
	if (r == 0)
		r = buf_puts(out, "  ");
	if (r == 0)
		r = style_put(style, TINT_NONE, *seen ? seen : "nothing", out);
	if (r == 0 && side->verdict != VERDICT_PASS)
		r = buf_printf(out, "  (%s)", verdict_name(side->verdict));
	return r < 0 ? r : buf_puts(out, "\n");
}

static struct widths measure(const struct contrast *contrast)
{
	struct widths widths = {strlen("target"), strlen("the kernel told it")};

	for (size_t i = 0; i < contrast->count; i++) {
		size_t name = strlen(contrast->sides[i].target), text = strlen(told(&contrast->sides[i]));

		widths.target = name > widths.target ? name : widths.target;
		widths.told = text > widths.told ? text : widths.told;
	}
	if (widths.told > TOLD_WIDEST)
		widths.told = TOLD_WIDEST;
	return widths;
}

static int put_head(const struct style *style, const char *scenario, const char *doc,
		    const struct widths *widths, struct buf *out)
{
	char head[256];
	int r = style_put(style, TINT_BOLD, scenario, out);

	if (r == 0 && doc && *doc)
		r = buf_printf(out, ": %s", doc);
	(void)snprintf(head, sizeof(head), "    %-*s  %-*s  %10s  %6s  %8s  %s", (int)widths->target,
		       "target", (int)widths->told, "the kernel told it", "let go in", "calls", "CPU",
		       "the peer saw");
	if (r == 0)
		r = buf_puts(out, "\n");
	if (r == 0)
		r = style_put(style, TINT_DIM, head, out);
	return r < 0 ? r : buf_puts(out, "\n");
}

static int by_scenario(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int put_scenario(const struct contrast *contrast, const struct contrast_order *order,
			const char *scenario, const struct widths *widths, const struct style *style,
			struct buf *out)
{
	const struct side *first = NULL;
	int r = put_head(style, scenario, order->doc ? order->doc(order->arg, scenario) : NULL, widths, out);

	for (size_t i = 0; r == 0 && i < order->target_count; i++) {
		const struct side *side = find(contrast, scenario, order->targets[i]);
		if (!side)
			continue;
		first = first ? first : side;
		r = put_side(style, side, first, widths, out);
	}
	return r < 0 ? r : buf_puts(out, "\n");
}

int contrast_put(const struct contrast *contrast, const struct contrast_order *order,
		 const struct style *style, struct buf *out)
{
	const char **names = calloc(contrast->count + 1, sizeof(*names));
	struct widths widths = measure(contrast);
	int r = 0;

	if (!names)
		return -ENOMEM;
	for (size_t i = 0; i < contrast->count; i++)
		names[i] = contrast->sides[i].scenario;
	qsort(names, contrast->count, sizeof(*names), by_scenario);
	for (size_t i = 0; r == 0 && i < contrast->count; i++)
		if (i == 0 || strcmp(names[i], names[i - 1]) != 0)
			r = put_scenario(contrast, order, names[i], &widths, style, out);
	free(names);
	return r;
}

void contrast_free(struct contrast *contrast)
{
	if (!contrast)
		return;
	for (size_t i = 0; i < contrast->count; i++)
		free(contrast->sides[i].reactions);
	free(contrast->sides);
	free(contrast);
}
