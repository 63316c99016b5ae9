/* SPDX-License-Identifier: MIT */
/* The part of libxml2 with which the test reads JUnit back: only the report room is built with its headers in
 * reach. */
#ifndef WRINGER_TEST_REPORT_XML_H
#define WRINGER_TEST_REPORT_XML_H

typedef struct _xmlDoc xmlDoc;
typedef struct _xmlXPathContext xmlXPathContext;
typedef struct _xmlXPathObject xmlXPathObject;

xmlDoc *xmlReadMemory(const char *text, int size, const char *url, const char *encoding, int options);
void xmlFreeDoc(xmlDoc *document);
xmlXPathContext *xmlXPathNewContext(xmlDoc *document);
xmlXPathObject *xmlXPathEvalExpression(const unsigned char *expression, xmlXPathContext *context);
double xmlXPathCastToNumber(xmlXPathObject *object);
void xmlXPathFreeObject(xmlXPathObject *object);
void xmlXPathFreeContext(xmlXPathContext *context);

#endif
