/* SPDX-License-Identifier: MIT */
/* Small texts that people type: numbers with units, masks, errnos, signals, faults, deviations. What is
 * accepted and can be written out again must be read back as the same. */
#include <string.h>
#include "base/names.h"
#include "base/units.h"
#include "fuzz/common/guard.h"
#include "fuzz/common/target.h"
#include "inject/fault.h"
#include "rules/ignore.h"

#define TEXT_MOST 512

static void try_units(const char *text)
{
	uint64_t number = 0;
	double factor = 0;

	if (units_duration(text, &number) == 0)
		fuzz_claim(number < (uint64_t)9200000000000000000u);
	if (units_count(text, &number) == 0)
		fuzz_claim(number < (uint64_t)9200000000000000000u);
	if (units_factor(text, &factor) == 0)
		fuzz_claim(factor > 0 && factor <= 1e6);
}

static void try_names(const char *text)
{
	uint32_t mask = 0, again = 0;
	char name[MASK_TEXT];

	if (mask_parse(text, &mask) == 0) {
		fuzz_claim(mask_parse(mask_name(mask, name, sizeof name), &again) == 0 && again == mask);
		fuzz_claim(mask_parse(mask_short(mask, name, sizeof name), &again) == 0 && again == mask);
	}
	int code = errno_parse(text), signo = signal_parse(text);
	if (code > 0)
		fuzz_claim(errno_name(code) && errno_parse(errno_name(code)) == code);
	if (signo > 0)
		fuzz_claim(signal_parse(signal_name(signo, name, sizeof name)) == signo);
}

static void try_fault(const char *text)
{
	struct fault fault, again;
	struct error error = {0};
	char out[256];

	if (fault_parse(text, &fault, &error) < 0) {
		fuzz_claim(error.code < 0 && error.text[0]);
		return;
	}
	fuzz_claim(fault_parse(fault_text(&fault, out, sizeof out), &again, &error) == 0);
	fuzz_claim(fault.call == again.call && fault.class == again.class && fault.code == again.code);
	fuzz_claim(fault.shorten == again.shorten && fault.delay == again.delay && fault.last == again.last);
	fuzz_claim(fault.fd == again.fd && fault.peer == again.peer &&
		   fault.accepted_only == again.accepted_only);
	for (uint64_t count = 1; count < 8; count++)
		fuzz_claim(fault_window_hit(&fault, count) == fault_window_hit(&again, count));
}

static void try_ignore(const char *text)
{
	struct ignore_list list = {0};
	struct error error = {0};

	if (ignore_add(&list, text, &error) < 0)
		fuzz_claim(error.text[0]);
	(void)ignore_find(&list, "rst-idle", "hup-spin");
	ignore_free(&list);
}

static void run(const uint8_t *data, size_t size)
{
	struct guard guard;

	guard_open(&guard, size + 1);
	const char *text = guard_text(&guard, data, size);
	try_units(text);
	try_names(text);
	try_fault(text);
	try_ignore(text);
	guard_close(&guard);
}

const struct fuzz_target fuzz_units = {
    .name = "units",
    .doc = "numbers with units, masks, errnos, signals, faults and deviations as typed",
    .limit = TEXT_MOST,
    .run = run,
};
