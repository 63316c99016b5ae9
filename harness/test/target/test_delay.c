/* SPDX-License-Identifier: MIT */
/* Looks at one thread, as schedstat and its state would tell of it, and what it is held to have waited
 * between each two. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "target/target_impl.h"

#define LOOKS 5

/* Times in any unit, the looks 100 apart. */
struct look {
	uint64_t ran, waited, turns;
	bool ready;
	uint64_t more;
};

static const struct delay_row {
	const char *name;
	struct look looks[LOOKS]; /* the first is where it starts from */
} rows[] = {
    {"asleep", {{5, 7, 3, false, 0}, {5, 7, 3, false, 0}, {5, 7, 3, false, 0}}},
    {"it waited for its turns", {{5, 7, 3, false, 0}, {6, 27, 5, false, 20}, {8, 28, 6, true, 1}}},
    {"it runs without a pause", {{5, 7, 3, true, 0}, {105, 7, 3, true, 0}, {205, 7, 3, true, 0}}},
    {"it just woke up", {{5, 7, 3, false, 0}, {5, 7, 3, true, 0}, {6, 9, 4, false, 2}}},
    {"it gets no turn",
     {{5, 7, 3, true, 0}, {5, 7, 3, true, 100}, {5, 7, 3, true, 100}, {5, 7, 3, true, 100}}},
    {"and then it does: nothing counts twice",
     {{5, 7, 3, true, 0},
      {5, 7, 3, true, 100},
      {5, 7, 3, true, 100},
      {6, 237, 4, false, 30},
      {7, 239, 5, false, 2}}},
    {"the kernel adds up before we look again",
     {{5, 7, 3, true, 0},
      {5, 7, 3, true, 100},
      {6, 57, 4, true, 0},
      {6, 57, 4, true, 100},
      {9, 170, 6, false, 13}}},
};

static void test_looks(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct thread_delay thread = {0};

		print_message("  %s\n", rows[i].name);
		for (size_t j = 0; j < LOOKS; j++) {
			const struct look *look = &rows[i].looks[j];
			struct sched_times times = {
			    .ran = look->ran, .waited = look->waited, .turns = look->turns};
			uint64_t more;

			if (!look->turns)
				break;
			more = thread_waited(&thread, &times, look->ready, 1000 + 100 * j);
			if (j > 0)
				assert_int_equal(more, look->more);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_looks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
