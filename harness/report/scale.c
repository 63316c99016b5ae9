/* SPDX-License-Identifier: MIT */
#include "report/scale.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define NAME_COLUMNS 12
#define CELL_COLUMNS 9

/* What a table tells of each point. */
struct figure {
	const char *title;
	size_t offset;
	bool grows; /* with a last column that says how much */
};

static const struct figure figures[] = {
    {"CPU time of the server for one request and the wait before it", offsetof(struct scale_point, cpu_us),
     true},
    {"from asking to the answer, median", offsetof(struct scale_point, answer_us), false},
};

char *scale_number(uint64_t number, char *out, size_t size)
{
	char digits[24];
	int length = snprintf(digits, sizeof digits, "%" PRIu64, number), to = 0;

	for (int i = 0; i < length && (size_t)to + 2 < size; i++) {
		if (i && (length - i) % 3 == 0)
			out[to++] = ',';
		out[to++] = digits[i];
	}
	out[to] = 0;
	return out;
}

char *scale_time(double us, char *out, size_t size)
{
	bool ms = us >= 1000;
	double shown = ms ? us / 1000 : us;

	(void)snprintf(out, size, shown < 99.95 ? "%.1f %s" : "%.0f %s", shown, ms ? "ms" : "µs");
	return out;
}

double scale_growth(const struct scale_row *row)
{
	double first = row->count ? row->points[0].cpu_us : 0;

	return row->count > 1 && first > 0 ? row->points[row->count - 1].cpu_us / first : 0;
}

/* Of the row that got furthest: what the others measured are the first of these. */
static const struct scale_row *longest(const struct scale_report *report)
{
	const struct scale_row *most = &report->rows[0];

	for (size_t i = 1; i < report->count; i++)
		if (report->rows[i].count > most->count)
			most = &report->rows[i];
	return most;
}

/* Right-aligned by columns, not by bytes. */
static int put_cell(const char *text, size_t columns, struct buf *out)
{
	size_t width = 0;

	for (const char *at = text; *at; at++)
		width += (*at & 0xc0) != 0x80;
	return buf_printf(out, "%*s%s", (int)(width < columns ? columns - width : 1), "", text);
}

static int put_heading(const struct scale_report *report, const struct figure *figure,
		       const struct style *style, struct buf *out)
{
	const struct scale_row *all = longest(report);
	char cell[24];
	int r = style_put(style, TINT_BOLD, figure->title, out);

	r = r ? r : buf_printf(out, "\n    %-*s", NAME_COLUMNS, "idle");
	for (size_t i = 0; i < all->count && r == 0; i++)
		r = put_cell(scale_number(all->points[i].idle, cell, sizeof cell), CELL_COLUMNS, out);
	return r ? r : buf_puts(out, "\n");
}

static int put_row(const struct scale_row *row, const struct figure *figure, struct buf *out)
{
	char cell[24];
	int r = buf_printf(out, "    %-*s", NAME_COLUMNS, row->target);

	for (size_t i = 0; i < row->count && r == 0; i++) {
		double us;
		memcpy(&us, (const char *)&row->points[i] + figure->offset, sizeof us);
		r = put_cell(scale_time(us, cell, sizeof cell), CELL_COLUMNS, out);
	}
	if (r == 0 && figure->grows && scale_growth(row) > 0)
		r = buf_printf(out, "   x %.1f", scale_growth(row));
	if (r == 0 && row->end[0])
		r = buf_printf(out, "   %s", row->end);
	return r ? r : buf_puts(out, "\n");
}

int scale_put(const struct scale_report *report, const struct style *style, struct buf *out)
{
	int r = 0;

	for (size_t i = 0; i < sizeof figures / sizeof *figures && r == 0; i++) {
		r = put_heading(report, &figures[i], style, out);
		for (size_t j = 0; j < report->count && r == 0; j++)
			r = put_row(&report->rows[j], &figures[i], out);
		r = r ? r : buf_puts(out, "\n");
	}
	return r;
}

static bool fill_point(cJSON *points, const struct scale_point *point)
{
	cJSON *item = cJSON_CreateObject();

	return item && cJSON_AddItemToArray(points, item) &&
	       cJSON_AddNumberToObject(item, "idle", point->idle) &&
	       cJSON_AddNumberToObject(item, "requests", point->requests) &&
	       cJSON_AddNumberToObject(item, "cpu_us", point->cpu_us) &&
	       cJSON_AddNumberToObject(item, "answer_p50_us", point->answer_us) &&
	       cJSON_AddNumberToObject(item, "answer_p99_us", point->late_us);
}

static bool fill_row(cJSON *targets, const struct scale_row *row)
{
	cJSON *item = cJSON_CreateObject(), *points;
	bool fine = item && cJSON_AddItemToArray(targets, item) &&
		    cJSON_AddStringToObject(item, "target", row->target) &&
		    (row->end[0] ? cJSON_AddStringToObject(item, "end", row->end)
				 : cJSON_AddNullToObject(item, "end"));

	points = fine ? cJSON_AddArrayToObject(item, "points") : NULL;
	for (size_t i = 0; points && fine && i < row->count; i++)
		fine = fill_point(points, &row->points[i]);
	return points && fine;
}

static bool fill(cJSON *root, const struct scale_report *report)
{
	cJSON *targets;
	bool fine = root && cJSON_AddStringToObject(root, "format", "wringer-scale") &&
		    cJSON_AddNumberToObject(root, "version", 1) &&
		    cJSON_AddStringToObject(root, "wringer", WRINGER_VERSION) &&
		    cJSON_AddStringToObject(root, "kernel", report->kernel) &&
		    cJSON_AddNumberToObject(root, "cpus", (double)report->cpus);

	targets = fine ? cJSON_AddArrayToObject(root, "targets") : NULL;
	for (size_t i = 0; targets && fine && i < report->count; i++)
		fine = fill_row(targets, &report->rows[i]);
	return targets && fine;
}

int scale_put_json(const struct scale_report *report, struct buf *out)
{
	cJSON *root = cJSON_CreateObject();
	char *text = fill(root, report) ? cJSON_Print(root) : NULL;
	int r = text ? buf_printf(out, "%s\n", text) : -ENOMEM;

	cJSON_free(text);
	cJSON_Delete(root);
	return r;
}
