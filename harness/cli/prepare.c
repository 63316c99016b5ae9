/* SPDX-License-Identifier: MIT */
#include "cli/prepare.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include "base/buf.h"
#include "base/units.h"
#include "cli/nearest.h"
#include "peer/hoard.h"
#include "script/script.h"

struct protocol_names {
	struct buf joined;
	struct nearest nearest;
};

static void join_protocol(void *arg, const char *name, const char *doc)
{
	struct protocol_names *names = arg;

	(void)doc;
	(void)buf_printf(&names->joined, "%s%s", names->joined.size ? ", " : "", name);
	nearest_offer(&names->nearest, name);
}

/* wanted NULL: none was given. Guessing would mostly send nonsense to a server and call its answer a failure.
 */
static int need_protocol(const char *wanted, struct error *error)
{
	struct protocol_names names = {.nearest = nearest_begin(wanted ? wanted : "")};
	const char *folder = script_folder();
	char hint[96];

	if (!folder)
		return error_set(error, -ENOENT,
				 "the protocols are not here; WRINGER_DATA can name their folder's parent");
	(void)protocol_each(folder, join_protocol, &names, NULL);
	const char *joined = names.joined.size ? names.joined.data : "a name";
	if (wanted)
		error_set(error, -ENOENT, "--protocol wants %s or a file (.lua), not \"%s\"%s", joined,
			  wanted, nearest_hint(&names.nearest, hint, sizeof hint));
	else
		error_set(error, -EINVAL,
			  "what does the server speak? Give --protocol: %s, or a file of your own (.lua)",
			  joined);
	buf_free(&names.joined);
	return -EINVAL;
}

static bool names_file(const char *protocol)
{
	size_t size = strlen(protocol);

	return strchr(protocol, '/') || (size > 4 && strcmp(protocol + size - 4, ".lua") == 0);
}

int prepare_protocol(struct settings *settings, bool reference, struct protocol **ret_protocol,
		     struct error *error)
{
	if (!settings->protocol && reference)
		settings->protocol = "http";
	if (!settings->protocol)
		return need_protocol(NULL, error);
	int r = protocol_load(settings->protocol, script_folder(), settings->defines, settings->define_count,
			      ret_protocol, error);
	return r == -ENOENT && !names_file(settings->protocol) ? need_protocol(settings->protocol, error) : r;
}

int prepare_seed(struct settings *settings, struct error *error)
{
	uint32_t seed;

	if (settings->seed_given)
		return 0;
	if (getrandom(&seed, sizeof seed, 0) != (ssize_t)sizeof seed)
		return error_set(error, -errno, "no random seed to be had: %s", strerror(errno));
	settings->seed = seed;
	return 0;
}

int prepare_peers(const struct settings *settings, struct error *error)
{
	for (size_t i = 0; i < settings->define_count; i++) {
		const struct run_setting *define = &settings->defines[i];
		const char *reason = "";
		uint64_t peers = 0, most;
		if (strcmp(define->name, "peers") != 0)
			continue;
		bool digits = !define->value[strspn(define->value, "0123456789")];
		if (digits && units_count(define->value, &peers) == -ERANGE)
			peers = UINT64_MAX;
		if (!digits || !peers)
			return error_set(error, -EINVAL, "-D peers wants a whole number above 0, not \"%s\"",
					 define->value);
		most = hoard_most(&reason);
		if (peers > most)
			return error_set(error, -ENOSPC,
					 "%s peers are more than this machine can hold: %llu (%s)",
					 define->value, (unsigned long long)most, reason);
	}
	return 0;
}
