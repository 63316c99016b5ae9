/* SPDX-License-Identifier: MIT */
/* The faults as people ask for them: what a peer does, and what a call is made to return. */
#include "cli/things.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "inject/fault.h"

struct peer_fault {
	const char *name, *doc, *wire, *kernel;
};

static const struct peer_fault peer_faults[] = {
    {"fin", "the peer closes in an orderly way",
     "close() with nothing unread: a FIN. Whether the peer is gone or has only shut down writing cannot be "
     "told from it.",
     "IN and RDHUP; no HUP: a client that disconnects does not raise it."},
    {"half-close", "the peer shuts down writing and still reads",
     "shutdown(SHUT_WR): the same FIN, but an answer is waited for.",
     "IN and RDHUP; a read gives 0 once everything sent before was read."},
    {"rst", "the peer resets", "close() with SO_LINGER 0: a RST at once.",
     "IN, RDHUP, ERR and HUP. What had arrived can still be read, then ECONNRESET once, then 0. Reading the "
     "error clears "
     "ERR; HUP stays."},
    {"close-unread", "the peer closes with the answer unread",
     "close() while received bytes wait: the kernel sends a RST instead of a FIN.", "as for rst."},
    {"vanish", "the peer is gone without a packet",
     "the socket is closed in TCP_REPAIR mode, as if a cable was cut. Needs the sandbox.",
     "nothing, until a retransmission or a keep-alive gives up."},
    {"stall", "the peer stops reading", "its receive buffer fills, the window falls to zero.",
     "OUT is no longer reported once the send buffer is full; writes give EAGAIN."},
    {"oob", "the peer sends one urgent byte", "send() with MSG_OOB.",
     "PRI without IN; a plain read gives EAGAIN and clears it."},
};

#define PEER_FAULTS (sizeof peer_faults / sizeof peer_faults[0])

static int call_doc(const struct fault_row *row, char *out, size_t size)
{
	return snprintf(out, size, "made to fail with %s%s, or held back", row->errnos,
			row->shorten ? ", cut short" : "");
}

static int faults_each(int (*each)(void *arg, const struct thing *thing), void *arg, struct error *error)
{
	char doc[512];
	int r = 0;

	(void)error;
	for (size_t i = 0; r >= 0 && i < PEER_FAULTS; i++)
		r = each(arg, &(struct thing){peer_faults[i].name, peer_faults[i].doc, "peer"});
	for (size_t i = 0; r >= 0 && i < fault_row_count; i++) {
		(void)call_doc(&fault_rows[i], doc, sizeof doc);
		r = each(arg, &(struct thing){call_name(fault_rows[i].call), doc, "call"});
	}
	return r;
}

struct joined {
	const char *prefix;
	struct buf names;
};

static int join_scenario(void *arg, const struct thing *thing)
{
	struct joined *joined = arg;
	size_t size = strlen(joined->prefix);

	if (strncmp(thing->name, joined->prefix, size) != 0 || thing->name[size] != '-')
		return 0;
	return buf_printf(&joined->names, "%s%s", joined->names.size ? ", " : "", thing->name);
}

static int explain_peer_fault(const struct peer_fault *fault, size_t width, struct buf *out)
{
	struct joined joined = {.prefix = fault->name};
	int r = thing_section("What the peer does", fault->wire, width, out);

	if (r == 0)
		r = thing_section("What the kernel reports to the server", fault->kernel, width, out);
	/* A folder of scenarios that cannot be read is told by those who need it. */
	if (r == 0 && kind_scenarios.each(join_scenario, &joined, NULL) >= 0)
		r = thing_section("Scenarios", joined.names.data, width, out);
	buf_free(&joined.names);
	return r;
}

static int explain_call_fault(const struct fault_row *row, size_t width, struct buf *out)
{
	char form[384];
	int r = thing_section("Errors it may be made to give", row->errnos, width, out);

	(void)snprintf(form, sizeof form,
		       "t:fault(\"%s:%.*s:1..4\") in a scenario fails the first four calls of each process; "
		       "\"3\" the third, "
		       "\"3..+2\" every second from there%s; \":delay=20ms\" holds the call back so long; "
		       "\"@fd=7\", \"@accepted\" or \"@peer=PORT\" at the end says on what",
		       call_name(row->call), (int)strcspn(row->errnos, " "), row->errnos,
		       row->shorten ? "; \":short=1\" instead of an error cuts the length to one byte" : "");
	if (r == 0)
		r = thing_section("How to ask for it", form, width, out);
	return r < 0 ? r : thing_section("See also", row->source, width, out);
}

static int faults_explain(const char *name, size_t width, struct buf *out, struct error *error)
{
	for (size_t i = 0; i < PEER_FAULTS; i++)
		if (strcmp(peer_faults[i].name, name) == 0)
			return explain_peer_fault(&peer_faults[i], width, out);
	for (size_t i = 0; i < fault_row_count; i++)
		if (strcmp(call_name(fault_rows[i].call), name) == 0)
			return explain_call_fault(&fault_rows[i], width, out);
	return error_set(error, -ENOENT, "no such fault");
}

const struct kind kind_faults = {"faults", "fault", "side", faults_each, faults_explain};
