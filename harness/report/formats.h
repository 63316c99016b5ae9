/* SPDX-License-Identifier: MIT */
/* The formats behind report_list. */
#ifndef WRINGER_REPORT_FORMATS_H
#define WRINGER_REPORT_FORMATS_H

#include "report/report.h"

extern const struct report_ops report_json, report_junit, report_tap, report_html;

#endif
