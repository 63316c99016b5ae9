/* SPDX-License-Identifier: MIT */
/* Markup by libxml2's writer, for the formats made of it: whatever a target or a peer said, it stays text. */
#ifndef WRINGER_REPORT_XML_H
#define WRINGER_REPORT_XML_H

#include <libxml/xmlwriter.h>
#include <stddef.h>
#include "base/buf.h"

/* These return a negative number when memory is short, as the writer's own functions do. */
int xml_start(xmlTextWriter *writer, const char *element);
int xml_attribute(xmlTextWriter *writer, const char *name, const char *text);
int xml_text(xmlTextWriter *writer, const char *text, size_t size);
/* <element class="class">text</element>; without the attribute where class is NULL. */
int xml_leaf(xmlTextWriter *writer, const char *element, const char *class, const char *text);

/* Appends what one write of `what` gives to out. 0 or -ENOMEM. */
int xml_put(int (*write)(xmlTextWriter *writer, const void *what), const void *what, struct buf *out);

#endif
