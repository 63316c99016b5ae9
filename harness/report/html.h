/* SPDX-License-Identifier: MIT */
/* The parts of the HTML report. */
#ifndef WRINGER_REPORT_HTML_H
#define WRINGER_REPORT_HTML_H

#include "report/fold.h"
#include "report/report.h"
#include "report/xml.h"

extern const char html_style[];

/* Each writes its part; a negative number when memory is short. */
int html_lanes(xmlTextWriter *writer, const struct result_finding *finding);
int html_finding(xmlTextWriter *writer, const struct report_head *head, const struct fold_group *group);
int html_case(xmlTextWriter *writer, const struct report_head *head, const struct result *result);

#endif
