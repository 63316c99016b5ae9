/* SPDX-License-Identifier: MIT */
/*
 * The chart. Two panels, one above the other, each with both axes logarithmic: a cost that does not depend on
 * the number of connections lies flat, one that is in proportion to it runs along the dashed lines.
 */
#include "report/scale.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define WIDTH	  1040
#define PANEL	  430 /* height of one, its title included */
#define LEFT	  84.0
#define RIGHT	  740.0
#define TOP	  66.0
#define BOTTOM	  370.0
#define LABEL_GAP 19.0 /* between two labels at the lines' ends */
#define LABELS	  32

struct panel {
	const char *title, *about;
	size_t offset;				 /* of the figure in a point */
	double y;				 /* of the panel's top */
	double least_x, most_x, least_y, most_y; /* powers of ten */
};

/* A label wants to stand at the height of its line's end. */
struct label {
	const struct scale_row *row;
	double x, y, at;
	const char *color;
};

/* Blind to red and green one tells these apart too (after Okabe and Ito). */
static const char *const colors[] = {"#D55E00", "#E69F00", "#0072B2", "#56B4E9",
				     "#009E73", "#CC79A7", "#333333", "#7F7F7F"};

static double figure_of(const struct panel *panel, const struct scale_point *point)
{
	double us;

	memcpy(&us, (const char *)point + panel->offset, sizeof us);
	return us > 0.01 ? us : 0.01;
}

static double place_x(const struct panel *panel, double idle)
{
	return LEFT + (log10(idle > 1 ? idle : 1) - panel->least_x) / (panel->most_x - panel->least_x) *
			  (RIGHT - LEFT);
}

static double place_y(const struct panel *panel, double us)
{
	return panel->y + BOTTOM -
	       (log10(us) - panel->least_y) / (panel->most_y - panel->least_y) * (BOTTOM - TOP);
}

/* The axes end a little beyond the figures: whole powers of ten would leave half of the picture empty. */
static void fit(struct panel *panel, const struct scale_report *report)
{
	double least_x = INFINITY, most_x = 0, least_y = INFINITY, most_y = 0;

	for (size_t i = 0; i < report->count; i++) {
		for (size_t j = 0; j < report->rows[i].count; j++) {
			const struct scale_point *point = &report->rows[i].points[j];
			double idle = point->idle ? point->idle : 1, us = figure_of(panel, point);

			least_x = fmin(least_x, idle);
			most_x = fmax(most_x, idle);
			least_y = fmin(least_y, us);
			most_y = fmax(most_y, us);
		}
	}
	if (!(most_x > 0)) /* nothing was measured */
		least_x = 1, most_x = 10, least_y = 1, most_y = 10;
	panel->least_x = log10(least_x);
	panel->most_x = fmax(log10(most_x), panel->least_x + 0.3);
	panel->least_y = log10(least_y) - 0.2;
	panel->most_y = fmax(log10(most_y) + 0.15, panel->least_y + 1);
}

static char *tick_text(double us, char *out, size_t size)
{
	if (us >= 1000)
		(void)snprintf(out, size, "%.0f ms", us / 1000);
	else
		(void)snprintf(out, size, "%g µs", us);
	return out;
}

static int put_axes(const struct panel *panel, struct buf *out)
{
	char text[24];
	int r = 0;

	for (int power = (int)ceil(panel->least_y); power <= panel->most_y && r == 0; power++) {
		double y = place_y(panel, pow(10, power));
		r = buf_printf(out,
			       "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" class=\"grid\"/>"
			       "<text x=\"%.1f\" y=\"%.1f\" class=\"tick\" text-anchor=\"end\">%s</text>\n",
			       LEFT, y, RIGHT, y, LEFT - 10, y + 5,
			       tick_text(pow(10, power), text, sizeof text));
	}
	for (int power = (int)ceil(panel->least_x - 1e-9); power <= panel->most_x && r == 0; power++) {
		double x = place_x(panel, pow(10, power));
		r = buf_printf(
		    out,
		    "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" class=\"axis\"/>"
		    "<text x=\"%.1f\" y=\"%.1f\" class=\"tick\" text-anchor=\"middle\">%s</text>\n",
		    x, panel->y + BOTTOM, x, panel->y + BOTTOM + 6, x, panel->y + BOTTOM + 23,
		    scale_number((uint64_t)pow(10, power), text, sizeof text));
	}
	return r ? r
		 : buf_printf(out,
			      "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" class=\"axis\"/>"
			      "<text x=\"%.1f\" y=\"%.1f\" class=\"tick\" text-anchor=\"end\">idle "
			      "connections</text>\n",
			      LEFT, panel->y + BOTTOM, RIGHT, panel->y + BOTTOM, RIGHT,
			      panel->y + BOTTOM + 42);
}

/* What grows in proportion runs along one of these: a decade up for each decade to the right. */
static int put_guides(const struct panel *panel, struct buf *out)
{
	double width = panel->most_x - panel->least_x, height = panel->most_y - panel->least_y;
	double down = width < height ? width : height;
	double x0 = place_x(panel, pow(10, panel->most_x - down)), y1 = panel->y + TOP;
	double y0 = place_y(panel, pow(10, panel->most_y - down));

	return buf_printf(
	    out,
	    "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" class=\"guide\"/>"
	    "<text x=\"%.1f\" y=\"%.1f\" class=\"hint\" text-anchor=\"end\">ten times the connections, "
	    "ten times the cost</text>\n",
	    x0, y0, RIGHT, y1, (x0 + RIGHT) / 2 + 40, (y0 + y1) / 2 - 34);
}

static int put_line(const struct panel *panel, const struct scale_row *row, const char *color,
		    struct buf *out)
{
	int r = buf_printf(
	    out,
	    "<polyline fill=\"none\" stroke=\"%s\" stroke-width=\"2.5\" stroke-linejoin=\"round\" points=\"",
	    color);

	for (size_t i = 0; i < row->count && r == 0; i++)
		r = buf_printf(out, "%s%.1f,%.1f", i ? " " : "", place_x(panel, row->points[i].idle),
			       place_y(panel, figure_of(panel, &row->points[i])));
	r = r ? r : buf_puts(out, "\"/>\n");
	for (size_t i = 0; i < row->count && r == 0; i++)
		r = buf_printf(out, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"3.2\" fill=\"%s\"/>\n",
			       place_x(panel, row->points[i].idle),
			       place_y(panel, figure_of(panel, &row->points[i])), color);
	return r;
}

/* From top to bottom by their ends; then no two closer than they are high, and all within the panel. */
static void spread(struct label *labels, size_t count, const struct panel *panel)
{
	for (size_t i = 1; i < count; i++)
		for (size_t j = i; j > 0 && labels[j].y < labels[j - 1].y; j--) {
			struct label other = labels[j];
			labels[j] = labels[j - 1];
			labels[j - 1] = other;
		}
	for (size_t i = 0; i < count; i++)
		labels[i].at = i ? fmax(labels[i].y, labels[i - 1].at + LABEL_GAP) : labels[i].y;
	double floor_y = panel->y + BOTTOM;
	for (size_t i = count; i-- > 0; floor_y = labels[i].at - LABEL_GAP)
		labels[i].at = fmin(labels[i].at, floor_y);
}

static int put_label(const struct panel *panel, const struct label *label, struct buf *out)
{
	const struct scale_row *row = label->row;
	char time[24], number[24], short_of[48] = "";

	(void)scale_time(figure_of(panel, &row->points[row->count - 1]), time, sizeof time);
	if (row->end[0])
		(void)snprintf(short_of, sizeof short_of, ", up to %s",
			       scale_number(row->points[row->count - 1].idle, number, sizeof number));
	return buf_printf(
	    out,
	    "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" stroke=\"%s\" stroke-width=\"1\" "
	    "opacity=\"0.55\"%s/>"
	    "<text x=\"%.1f\" y=\"%.1f\" class=\"label\" fill=\"%s\">%s  %s%s</text>\n",
	    label->x + 5, label->y, RIGHT + 18, label->at, label->color,
	    row->end[0] ? " stroke-dasharray=\"2 4\"" : "", RIGHT + 23, label->at + 5, label->color,
	    row->target, time, short_of);
}

static int put_panel(struct panel *panel, const struct scale_report *report, struct buf *out)
{
	struct label labels[LABELS];
	size_t count = 0;
	int r = buf_printf(out,
			   "<text x=\"%.1f\" y=\"%.1f\" class=\"title\">%s</text>"
			   "<text x=\"%.1f\" y=\"%.1f\" class=\"hint\">%s</text>\n",
			   LEFT, panel->y + 26, panel->title, LEFT, panel->y + 46, panel->about);

	fit(panel, report);
	r = r ? r : put_guides(panel, out);
	r = r ? r : put_axes(panel, out);
	for (size_t i = 0; i < report->count && r == 0; i++) {
		const struct scale_row *row = &report->rows[i];
		const char *color = colors[i % (sizeof colors / sizeof *colors)];
		const struct scale_point *last = row->count ? &row->points[row->count - 1] : NULL;

		r = put_line(panel, row, color, out);
		if (last && count < LABELS)
			labels[count++] = (struct label){.row = row,
							 .x = place_x(panel, last->idle),
							 .y = place_y(panel, figure_of(panel, last)),
							 .color = color};
	}
	spread(labels, count, panel);
	for (size_t i = 0; i < count && r == 0; i++)
		r = put_label(panel, &labels[i], out);
	return r;
}

int scale_put_svg(const struct scale_report *report, struct buf *out)
{
	struct panel panels[] = {
	    {.title = "What a request costs the server",
	     .about = "CPU time for one request and the wait before it, while other connections are open and "
		      "silent",
	     .offset = offsetof(struct scale_point, cpu_us)},
	    {.title = "How long its answer takes",
	     .about = "median, from sending the request to having read the answer",
	     .offset = offsetof(struct scale_point, answer_us),
	     .y = PANEL},
	};
	int r = buf_printf(
	    out,
	    "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" viewBox=\"0 0 %d %d\" "
	    "font-family=\"'DejaVu Sans', Verdana, sans-serif\">\n"
	    "<title>wringer contrast --scale</title>\n"
	    "<style>.title{font-size:18px;font-weight:bold;fill:#111}.hint{font-size:13px;fill:#555}"
	    ".tick{font-size:14px;fill:#333}.label{font-size:14px;font-weight:bold}.grid{stroke:#ddd}"
	    ".axis{stroke:#555}.guide{stroke:#999;stroke-dasharray:6 6}</style>\n"
	    "<rect width=\"100%%\" height=\"100%%\" fill=\"#fff\"/>\n",
	    WIDTH, 2 * PANEL + 20, WIDTH, 2 * PANEL + 20);

	for (size_t i = 0; i < sizeof panels / sizeof *panels && r == 0; i++)
		r = put_panel(&panels[i], report, out);
	r = r ? r
	      : buf_printf(out,
			   "<text x=\"%.1f\" y=\"%d\" class=\"hint\">wringer %s, Linux %s, %ld CPUs</text>\n",
			   LEFT, 2 * PANEL + 6, WRINGER_VERSION, report->kernel, report->cpus);
	return r ? r : buf_puts(out, "</svg>\n");
}
