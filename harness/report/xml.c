/* SPDX-License-Identifier: MIT */
#include "report/xml.h"

#include <errno.h>
#include <string.h>
#include "report/text.h"

int xml_start(xmlTextWriter *writer, const char *element)
{
	return xmlTextWriterStartElement(writer, BAD_CAST element);
}

int xml_attribute(xmlTextWriter *writer, const char *name, const char *text)
{
	struct buf clean = {0};
	int r = text_clean(TEXT_XML, text, strlen(text), &clean);

	if (r == 0)
		r = xmlTextWriterWriteAttribute(writer, BAD_CAST name,
						BAD_CAST(clean.data ? clean.data : ""));
	buf_free(&clean);
	return r;
}

int xml_text(xmlTextWriter *writer, const char *text, size_t size)
{
	struct buf clean = {0};
	int r = text_clean(TEXT_XML, text, size, &clean);

	if (r == 0 && clean.size)
		r = xmlTextWriterWriteString(writer, BAD_CAST clean.data);
	buf_free(&clean);
	return r;
}

int xml_leaf(xmlTextWriter *writer, const char *element, const char *class, const char *text)
{
	int r = xml_start(writer, element);

	if (r >= 0 && class)
		r = xml_attribute(writer, "class", class);
	if (r >= 0)
		r = xml_text(writer, text, strlen(text));
	/* In HTML an element that may have content is not closed by a slash. */
	return r < 0 ? r : xmlTextWriterFullEndElement(writer);
}

int xml_put(int (*write)(xmlTextWriter *writer, const void *what), const void *what, struct buf *out)
{
	xmlBuffer *text = xmlBufferCreate();
	xmlTextWriter *writer = text ? xmlNewTextWriterMemory(text, 0) : NULL;
	int r = writer ? write(writer, what) : -1;

	if (r >= 0 && xmlTextWriterFlush(writer) < 0)
		r = -1;
	xmlFreeTextWriter(writer);
	if (r >= 0)
		r = buf_append(out, xmlBufferContent(text), (size_t)xmlBufferLength(text));
	xmlBufferFree(text);
	return r < 0 ? -ENOMEM : 0; /* into memory nothing else can go wrong */
}
