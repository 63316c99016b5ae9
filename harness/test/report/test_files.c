/* SPDX-License-Identifier: MIT */
/*
 * The report files: each format is read back by a parser of its kind, after every case (a run may end at any
 * moment) and at the end; what cannot be written is refused before the run; an older file survives a run that
 * never began.
 */
#include "test/check.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include "report/saved.h"
#include "test/report/sample.h"
#include "test/report/xml.h"

#define HOSTILE "quote \" <tag> & \x1b[2J \xff # end"

static char folder[] = "/tmp/wringer-report-XXXXXX";

static const char *in_folder(const char *name)
{
	static char path[256];

	(void)snprintf(path, sizeof path, "%s/%s", folder, name);
	return path;
}

static char *slurp(const char *path)
{
	FILE *file = fopen(path, "r");
	char *text = calloc(1, 1 << 16);

	assert_non_null(file);
	assert_non_null(text);
	assert_true(fread(text, 1, (1 << 16) - 1, file) > 0);
	(void)fclose(file);
	return text;
}

static unsigned entries(void)
{
	char command[300];
	unsigned count = 0;

	(void)snprintf(command, sizeof command, "ls -A %s | wc -l", folder);
	FILE *pipe = popen(command, "r");
	assert_non_null(pipe);
	assert_int_equal(fscanf(pipe, "%u", &count), 1);
	(void)pclose(pipe);
	return count;
}

static const struct report_ops *format(const char *name)
{
	for (const struct report_ops *const *ops = report_list; *ops; ops++)
		if (strcmp((*ops)->name, name) == 0)
			return *ops;
	fail();
	return NULL;
}

/* Opens, adds one case of each verdict, calls look after the first (which is in the file at once), closes. */
static void write_report(const char *name, const char *path, void (*look)(const char *text))
{
	struct report_head head = sample_head();
	struct result_finding findings[] = {sample_finding("hup-spin", HOSTILE, 4112),
					    sample_finding("busy-poll", "a warning", 1)};
	struct result cases[] = {
	    sample_result("fin-idle", VERDICT_PASS, ""),
	    sample_result("rst-mid-request", VERDICT_FAIL, ""),
	    sample_result("churn", VERDICT_BROKEN, HOSTILE),
	    sample_result("vanish-idle", VERDICT_SKIP, "needs a # sandbox"),
	};
	struct suite_totals totals = {1, 1, 1, 1, 0};
	struct report_file *report;
	struct error error;

	cases[1].findings = findings;
	cases[1].finding_count = COUNT_OF(findings);
	(void)snprintf(cases[2].output, sizeof cases[2].output, "%s", HOSTILE);
	assert_int_equal(report_open(format(name), path, &head, &report, &error), 0);
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		assert_int_equal(report_add(report, &cases[i], &error), 0);
		if (i == 0 && look) {
			char *text = slurp(path);
			look(text);
			free(text);
		}
	}
	assert_int_equal(report_close(report, &totals, 12.3456, &error), 0);
}

static cJSON *parse(const char *text)
{
	cJSON *root = cJSON_Parse(text);

	assert_non_null(root);
	assert_string_equal(cJSON_GetObjectItem(root, "format")->valuestring, "wringer-report");
	return root;
}

static void json_has_one(const char *text)
{
	cJSON *root = parse(text);
	cJSON *summary = cJSON_GetObjectItem(root, "summary");

	assert_int_equal(cJSON_GetArraySize(cJSON_GetObjectItem(root, "cases")), 1);
	assert_int_equal(cJSON_GetObjectItem(summary, "passed")->valueint, 1);
	cJSON_Delete(root);
}

static void test_json(void **state)
{
	const char *path = in_folder("r.json");

	(void)state;
	write_report("json", path, json_has_one);
	char *text = slurp(path);
	cJSON *root = parse(text);
	cJSON *second = cJSON_GetArrayItem(cJSON_GetObjectItem(root, "cases"), 1);
	cJSON *finding = cJSON_GetArrayItem(cJSON_GetObjectItem(second, "findings"), 0);
	cJSON *summary = cJSON_GetObjectItem(root, "summary");
	assert_int_equal(cJSON_GetArraySize(cJSON_GetObjectItem(root, "cases")), 4);
	assert_string_equal(cJSON_GetObjectItem(root, "started")->valuestring, "2026-01-01T00:00:00Z");
	/* A double would have rounded it. */
	assert_non_null(strstr(text, "\"seed\":\t18446744073709551615,"));
	assert_non_null(strstr(text, "\"seconds\":\t12.346,"));
	assert_string_equal(cJSON_GetObjectItem(second, "scenario")->valuestring, "rst-mid-request");
	assert_string_equal(cJSON_GetObjectItem(finding, "rule")->valuestring, "hup-spin");
	assert_int_equal(cJSON_GetArraySize(cJSON_GetObjectItem(finding, "evidence")), 4);
	assert_int_equal(cJSON_GetObjectItem(summary, "broken")->valueint, 1);
	assert_int_equal(cJSON_GetObjectItem(cJSON_GetObjectItem(summary, "findings"), "warning")->valueint,
			 1);
	assert_null(strchr(text, '\xff'));
	cJSON_Delete(root);
	free(text);
}

static double xpath_number(xmlDoc *document, const char *expression)
{
	xmlXPathContext *context = xmlXPathNewContext(document);
	xmlXPathObject *object = xmlXPathEvalExpression((const unsigned char *)expression, context);
	assert_non_null(object);
	double number = xmlXPathCastToNumber(object);
	xmlXPathFreeObject(object);
	xmlXPathFreeContext(context);
	return number;
}

static xmlDoc *parse_xml(const char *text)
{
	xmlDoc *document = xmlReadMemory(text, (int)strlen(text), "r.xml", NULL, 0);

	assert_non_null(document);
	return document;
}

static void junit_has_one(const char *text)
{
	xmlDoc *document = parse_xml(text);

	assert_int_equal((int)xpath_number(document, "count(/testsuites/testsuite/testcase)"), 1);
	assert_int_equal((int)xpath_number(document, "/testsuites/@tests"), 1);
	xmlFreeDoc(document);
}

static void test_junit(void **state)
{
	static const struct {
		const char *expression;
		int number;
	} rows[] = {
	    {"count(/testsuites/testsuite)", 1},
	    {"/testsuites/@tests", 4},
	    {"/testsuites/testsuite/@failures", 1},
	    {"/testsuites/testsuite/@errors", 1},
	    {"/testsuites/testsuite/@skipped", 1},
	    {"count(//testcase[@name='fin-idle']/*)", 0},
	    {"count(//testcase[@name='rst-mid-request']/failure[@type='hup-spin'])", 1},
	    {"count(//failure[contains(., 'accept4(5) = 9') and contains(., '<tag> &')])", 1},
	    {"count(//testcase[@name='churn']/error)", 1},
	    {"count(//testcase[@name='churn']/system-err)", 1},
	    {"count(//testcase[@name='vanish-idle']/skipped[@message='needs a # sandbox'])", 1},
	};
	const char *path = in_folder("r.xml");

	(void)state;
	write_report("junit", path, junit_has_one);
	char *text = slurp(path);
	xmlDoc *document = parse_xml(text);
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		assert_int_equal((int)xpath_number(document, rows[i].expression), rows[i].number);
	xmlFreeDoc(document);
	free(text);
}

static void tap_has_one(const char *text)
{
	assert_string_equal(text, "TAP version 14\n1..4\nok 1 - fin-idle\n");
}

static void test_tap(void **state)
{
	static const char *const lines[] = {
	    "\nnot ok 2 - rst-mid-request\n  ---\n  verdict: fail\n",
	    "\n    - rule: hup-spin\n      severity: error\n      message: \"quote \\\" <tag> & ",
	    "\n      evidence:\n        - \"  0.1002 peer    c3 connects from port 40112\"\n",
	    "\nnot ok 3 - churn\n  ---\n  verdict: broken\n",
	    "\nok 4 - vanish-idle # SKIP needs a \\# sandbox\n",
	    "\n# 1 passed, 1 failed, 1 broken, 1 skipped",
	};
	const char *path = in_folder("r.tap");

	(void)state;
	write_report("tap", path, tap_has_one);
	char *text = slurp(path);
	for (size_t i = 0; i < COUNT_OF(lines); i++)
		assert_non_null(strstr(text, lines[i]));
	assert_null(strstr(text, "Bail out!"));
	assert_null(strchr(text, '\x1b'));
	free(text);
}

static void html_has_one(const char *text)
{
	xmlDoc *document = parse_xml(text);

	assert_int_equal((int)xpath_number(document, "count(//table[@class='cases']/tr[td])"), 1);
	xmlFreeDoc(document);
}

static void test_html(void **state)
{
	static const struct {
		const char *expression;
		int number;
	} rows[] = {
	    {"count(//table[@class='cases']/tr[td])", 4},
	    {"count(//tr[td[1]='fail' and td[2]='rst-mid-request'])", 1},
	    {"count(//tr[td[1]='broken']/td/pre)", 1}, /* the target's last words */
	    {"count(//tr[td[1]='skip']/td[.='needs a # sandbox'])", 1},
	    {"count(//article)", 2},
	    {"count(//article[1][@class='error'][contains(h3, 'hup-spin')])", 1},
	    {"count(//article[1]/p[contains(., '<tag> &')])", 1},
	    {"count(//article[1]/table/tr)", 4},
	    {"count(//article[1]/table/tr[3][td[1]='0.1011' and td[2]='kernel'])", 1},
	    {"count(//article[1]/table/tr[4][td[1]=''])", 1}, /* a folded line has no time */
	    {"count(//*[local-name()='svg'][1]//*[local-name()='circle'])", 6}, /* of two findings */
	    {"count(//li[@class='fail'][b='1'])", 1},
	    {"count(//@src) + count(//@href) + count(//script)", 0}, /* it needs no other file */
	};
	const char *path = in_folder("r.html");

	(void)state;
	write_report("html", path, html_has_one);
	char *text = slurp(path);
	assert_memory_equal(text, "<!DOCTYPE html>\n", 16);
	xmlDoc *document = parse_xml(text);
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		assert_int_equal((int)xpath_number(document, rows[i].expression), rows[i].number);
	xmlFreeDoc(document);
	free(text);
}

static void test_interrupted(void **state)
{
	struct report_head head = sample_head();
	struct result result = sample_result("fin-idle", VERDICT_PASS, "");
	struct suite_totals totals = {.passed = 1, .not_run = 3};
	struct report_file *report;
	struct error error;

	(void)state;
	assert_int_equal(report_open(format("tap"), in_folder("i.tap"), &head, &report, &error), 0);
	assert_int_equal(report_add(report, &result, &error), 0);
	assert_int_equal(report_close(report, &totals, 1, &error), 0);
	char *text = slurp(in_folder("i.tap"));
	assert_non_null(strstr(text, "\nBail out! 3 cases were not run\n"));
	free(text);
}

static void test_refused_before_the_run(void **state)
{
	static const struct {
		const char *name;
		int code;
	} rows[] = {{"no/such/folder.json", -ENOENT}, {"", -EISDIR}, {"file/below.json", -ENOTDIR}};
	struct report_head head = sample_head();

	(void)state;
	(void)close(open(in_folder("file"), O_CREAT | O_WRONLY, 0600));
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct report_file *report = NULL;
		struct error error = {0};
		char path[300];
		(void)snprintf(path, sizeof path, "%s/%s", folder, rows[i].name);
		assert_int_equal(report_open(report_list[0], path, &head, &report, &error), rows[i].code);
		assert_null(report);
		assert_non_null(strstr(error.text, "cannot write"));
	}
	(void)unlink(in_folder("file"));
}

static void test_older_file_survives(void **state)
{
	struct report_head head = sample_head();
	struct report_file *report;
	struct error error;
	char link_path[256];

	(void)state;
	FILE *old = fopen(in_folder("old.json"), "w");
	assert_non_null(old);
	(void)fputs("old", old);
	(void)fclose(old);
	unsigned before = entries();
	assert_int_equal(report_open(report_list[0], in_folder("old.json"), &head, &report, &error), 0);
	report_free(report);
	char *text = slurp(in_folder("old.json"));
	assert_string_equal(text, "old");
	free(text);
	assert_int_equal(entries(), before); /* nothing lies beside it */

	/* A link stays a link, the file behind it is replaced. */
	(void)snprintf(link_path, sizeof link_path, "%s", in_folder("link.json"));
	assert_int_equal(symlink(in_folder("old.json"), link_path), 0);
	write_report("json", link_path, NULL);
	struct stat found;
	assert_int_equal(lstat(link_path, &found), 0);
	assert_true(S_ISLNK(found.st_mode));
	text = slurp(in_folder("old.json"));
	assert_non_null(strstr(text, "wringer-report"));
	free(text);
}

static void test_full_disk(void **state)
{
	struct report_head head = sample_head();
	struct suite_totals totals = {0};
	struct report_file *report;
	struct error error = {0};

	(void)state;
	/* A device is written once, at the end, and not replaced. */
	assert_int_equal(report_open(report_list[0], "/dev/full", &head, &report, &error), 0);
	assert_int_equal(report_close(report, &totals, 1, &error), -ENOSPC);
	assert_string_equal(error.text, "cannot write /dev/full: No space left on device");
	assert_int_equal(access("/dev/full", W_OK), 0);
}
/* What was written says the same when it is read again. */
static void test_read_again(void **state)
{
	const char *path = in_folder("again.json");
	const struct report_head wrote = sample_head();
	struct saved *saved = NULL;
	struct result result;
	struct error error = {0};

	(void)state;
	write_report("json", path, NULL);
	assert_int_equal(saved_open(path, &saved, &error), 0);
	assert_true(saved_head(saved)->seed == wrote.seed);
	assert_true(saved_head(saved)->started == wrote.started);
	assert_string_equal(saved_head(saved)->target, wrote.target);
	assert_string_equal(saved_head(saved)->command[0], wrote.command[0]);
	assert_int_equal(saved_sums(saved)->broken, 1);
	assert_int_equal(saved_count(saved), 4);
	assert_int_equal(saved_case(saved, 1, &result, &error), 0);
	assert_int_equal(result.finding_count, 2);
	assert_string_equal(result.findings[0].finding.rule->id, "hup-spin");
	assert_null(saved_differ(saved, saved));
	result_free(&result);
	saved_free(saved);
	(void)unlink(path);
}

static void test_no_report(void **state)
{
	static const char whole[] =
	    "{\"format\":\"wringer-report\",\"version\":1,\"wringer\":\"1\",\"kernel\":\"6\","
	    "\"seed\":7,\"target\":{\"name\":\"poll\"},\"cases\":[]";
	static const struct {
		const char *more, *text, *says;
	} rows[] = {
	    {"", NULL, ""},
	    {",\"shard\":{\"index\":3,\"of\":2}", NULL, "is missing here"},
	    {",\"suppressions\":[{\"rule\":\"hup-spni\"}]", NULL, "hup-spni"},
	    {NULL, "", "no report of wringer's"},
	    {NULL, "[1, 2]", "no report of wringer's"},
	    {NULL, "{\"format\":\"wringer-report\",\"version\":2}", "of version 2"},
	    {NULL, "{\"format\":\"wringer-report\",\"version\":1,\"seed\":7}", "is missing here"},
	};
	const char *path = in_folder("none.json");

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct saved *saved = NULL;
		struct error error = {0};
		FILE *file = fopen(path, "w");

		assert_non_null(file);
		(void)fprintf(file, "%s%s%s", rows[i].text ? rows[i].text : whole,
			      rows[i].text ? "" : rows[i].more, rows[i].text ? "" : "}");
		(void)fclose(file);
		int r = saved_open(path, &saved, &error);
		assert_int_equal(r < 0, rows[i].says[0] != 0);
		assert_non_null(strstr(error.text, rows[i].says));
		saved_free(saved);
	}
	(void)unlink(path);
}

static int make_folder(void **state)
{
	(void)state;
	return mkdtemp(folder) ? 0 : -1;
}

static int drop_folder(void **state)
{
	char command[300];

	(void)state;
	(void)snprintf(command, sizeof command, "rm -r %s", folder);
	return system(command);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_json),
	    cmocka_unit_test(test_junit),
	    cmocka_unit_test(test_tap),
	    cmocka_unit_test(test_html),
	    cmocka_unit_test(test_interrupted),
	    cmocka_unit_test(test_refused_before_the_run),
	    cmocka_unit_test(test_older_file_survives),
	    cmocka_unit_test(test_full_disk),
	    cmocka_unit_test(test_read_again),
	    cmocka_unit_test(test_no_report),
	};

	return cmocka_run_group_tests(tests, make_folder, drop_folder);
}
