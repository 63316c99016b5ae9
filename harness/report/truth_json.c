/* SPDX-License-Identifier: MIT */
#include "report/truth.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include "base/names.h"

static bool put_verdict(cJSON *item, enum truth_verdict verdict, const char *reason)
{
	return cJSON_AddStringToObject(item, "verdict", truth_verdict_name(verdict)) &&
	       (*reason ? cJSON_AddStringToObject(item, "reason", reason)
			: cJSON_AddNullToObject(item, "reason"));
}

static bool put_way(cJSON *ways, const struct truth_answer *answer, enum mask_way way)
{
	cJSON *item = cJSON_CreateObject();
	char text[MASK_TEXT];

	if (!item || !cJSON_AddItemToArray(ways, item))
		return false;
	return cJSON_AddStringToObject(item, "way", mask_way_name(way)) &&
	       cJSON_AddStringToObject(item, "predicted",
				       truth_predicted_text(answer, way, text, sizeof text)) &&
	       cJSON_AddStringToObject(item, "observed",
				       truth_observed_text(answer, way, text, sizeof text)) &&
	       cJSON_AddBoolToObject(item, "same", answer->same);
}

static bool put_state(cJSON *array, const struct truth_state_row *row)
{
	cJSON *item = cJSON_CreateObject(), *ways;
	bool fine = item && cJSON_AddItemToArray(array, item) &&
		    cJSON_AddStringToObject(item, "name", row->model->name) &&
		    cJSON_AddStringToObject(item, "state", row->model->state) &&
		    put_verdict(item, row->verdict, row->reason) &&
		    cJSON_AddStringToObject(item, "source", row->model->source);

	ways = fine ? cJSON_AddArrayToObject(item, "ways") : NULL;
	for (enum mask_way way = 0; ways && fine && way < WAY_COUNT; way++)
		if (row->answers[way].predicted.asked)
			fine = put_way(ways, &row->answers[way], way);
	return ways && fine;
}

static bool put_story(cJSON *array, const struct truth_story_row *row)
{
	cJSON *item = cJSON_CreateObject();

	return item && cJSON_AddItemToArray(array, item) &&
	       cJSON_AddStringToObject(item, "name", row->model->name) &&
	       cJSON_AddStringToObject(item, "kind", row->model->belief ? "belief" : "sequence") &&
	       cJSON_AddStringToObject(item, "says", row->model->says) &&
	       put_verdict(item, row->verdict, row->reason) &&
	       cJSON_AddStringToObject(item, "predicted", row->model->expect) &&
	       cJSON_AddStringToObject(item, "observed", row->observed.data ? row->observed.data : "") &&
	       cJSON_AddStringToObject(item, "source", row->model->source);
}

static bool fill(cJSON *root, const struct truth *truth, const struct truth_form *form)
{
	cJSON *states, *stories, *summary;
	char mask[MASK_TEXT];
	bool fine = root && cJSON_AddStringToObject(root, "format", "wringer-truth") &&
		    cJSON_AddNumberToObject(root, "version", 1) &&
		    cJSON_AddStringToObject(root, "wringer", WRINGER_VERSION) &&
		    cJSON_AddStringToObject(root, "kernel", form->kernel) &&
		    cJSON_AddNumberToObject(root, "seconds", truth->seconds) &&
		    cJSON_AddStringToObject(root, "interest", mask_name(mask_interest, mask, sizeof mask));

	states = fine ? cJSON_AddArrayToObject(root, "states") : NULL;
	for (size_t i = 0; states && fine && i < truth->state_count; i++)
		fine = put_state(states, &truth->states[i]);
	stories = fine ? cJSON_AddArrayToObject(root, "sequences") : NULL;
	for (size_t i = 0; stories && fine && i < truth->story_count; i++)
		fine = put_story(stories, &truth->stories[i]);
	summary = fine ? cJSON_AddObjectToObject(root, "summary") : NULL;
	for (enum truth_verdict verdict = 0; summary && fine && verdict < TRUTH_VERDICTS; verdict++)
		fine = cJSON_AddNumberToObject(summary, truth_verdict_name(verdict),
					       (double)truth->counts[verdict]);
	return states && stories && summary && fine;
}

int truth_put_json(const struct truth *truth, const struct truth_form *form, struct buf *out)
{
	cJSON *root = cJSON_CreateObject();
	char *text = fill(root, truth, form) ? cJSON_Print(root) : NULL;
	int r = text ? buf_printf(out, "%s\n", text) : -ENOMEM;

	cJSON_free(text);
	cJSON_Delete(root);
	return r;
}
