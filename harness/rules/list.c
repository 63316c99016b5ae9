/* SPDX-License-Identifier: MIT */
/* The families of rules. Adding one is one file and one line here. */
#include <string.h>
#include "rules/families.h"

/* Families judge in this order; busy stands behind the spins because it is silent about what they explain. */
const struct rule_family *const rule_families[] = {
    &spin_family,
    &futile_family,
    &accept_family,
    &listener_family,
    &busy_family,
    &lost_family,
    &oneshot_family,
    &write_family,
    &orphan_family,
    &leak_family,
    &connect_family,
    &growth_family,
    &inflight_family,
    &resubmit_family,
    /* Deaths come before those that are silent about what a death explains. */
    &death_family,
    &halfclose_family,
    &unread_family,
    &batch_family,
    &astray_family,
    &held_family,
    &badfd_family,
    &service_family,
    &blocked_family,
    /* Behind those that say why. */
    &forgotten_family,
    &redundant_family,
    &herd_family,
    &flood_family,
    &patience_family,
    &stop_family,
    &greed_family,
    &backlog_family,
    &memory_family,
    NULL,
};

const struct rule *rule_next(size_t *at)
{
	size_t index = *at;

	for (size_t i = 0; rule_families[i]; i++) {
		if (index < rule_families[i]->rule_count) {
			(*at)++;
			return &rule_families[i]->rules[index];
		}
		index -= rule_families[i]->rule_count;
	}
	return NULL;
}

const struct rule *rule_find(const char *id)
{
	size_t at = 0;
	const struct rule *rule;

	while ((rule = rule_next(&at))) {
		if (strcmp(rule->id, id) == 0)
			return rule;
	}
	return NULL;
}
