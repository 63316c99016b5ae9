/* SPDX-License-Identifier: MIT */
#include "cli/status.h"

#include <sys/wait.h>

int status_of_run(const struct suite_totals *totals, bool ours)
{
	/* A failure is knowledge about the target, whatever else went wrong beside it. */
	if (totals->failed)
		return STATUS_FAILED;
	if (ours || totals->broken || totals->not_run)
		return STATUS_OURS;
	if (totals->passed)
		return STATUS_PASSED;
	return totals->skipped ? STATUS_SKIPPED : STATUS_OURS;
}

int status_of_watch(int wait_status, bool error_found, bool ours)
{
	if (error_found)
		return STATUS_FAILED;
	if (ours)
		return STATUS_OURS;
	if (WIFSIGNALED(wait_status))
		return 128 + WTERMSIG(wait_status);
	return WEXITSTATUS(wait_status);
}
