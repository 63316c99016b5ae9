/* SPDX-License-Identifier: MIT */
#include "fuzz/server/stage.h"

#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include "base/clock.h"
#include "rules/limits.h"

#define STEP_NS	   (50 * NS_PER_US)  /* between two steps, while the server sleeps */
#define HOT_STEPS  12		     /* waits of a server that does not sleep before the next step */
#define HOT_SETTLE 300		     /* the same before it is left alone: more than any rule asks for */
#define HOT_COST   (100 * NS_PER_US) /* what each costs from HOT_STEPS on: a spin has its second sooner */
#define WAITS_MOST 6000
#define CANARY_NS  LIMIT_UNSERVED_WINDOW
#define STOP_NS	   (LIMIT_STOP_WINDOW + NS_PER_S)
#define BLOCKED_LOOK                                                                                         \
	(600 * NS_PER_MS) /* between two looks at a server that sleeps in a call that is no wait */
#define ROUNDS	     5
#define ROUND_REST   (100 * NS_PER_MS)
#define PROBE_ROUNDS 4

static const uint64_t probe_times[PROBE_ROUNDS] = {200 * NS_PER_MS, 700 * NS_PER_MS, 1800 * NS_PER_MS,
						   3600 * NS_PER_MS};

static void mark(struct stage *stage, enum mark what, uint64_t a0)
{
	struct event event = event_make(EV_MARK, what);

	event.at = sim_now(stage->sim);
	event.arg[0] = a0;
	event.data = "";
	event.size = 1;
	stage->sink(stage->arg, &event);
}

static void enter(struct stage *stage, enum stage_phase phase)
{
	stage->phase = phase;
	stage->since = sim_now(stage->sim);
	stage->hot = stage->looks = 0;
	stage->asked = false;
}

static void emit_fault(struct stage *stage, enum fault_what what, uint32_t id, uint64_t a1, const char *text)
{
	struct event event = event_make(EV_FAULT, what);

	event.at = sim_now(stage->sim);
	event.pid = event.tid = SIM_PID;
	event.arg[0] = id;
	event.arg[1] = a1;
	event.data = text;
	event.size = text ? (uint32_t)strlen(text) + 1 : 0;
	stage->sink(stage->arg, &event);
}

static void emit_signal(struct stage *stage)
{
	struct event event = event_make(EV_FAULT, FAULT_SIGNAL);

	event.at = sim_now(stage->sim);
	event.pid = event.tid = SIM_PID;
	event.ret = SIGTERM;
	stage->sink(stage->arg, &event);
}

static bool make_fault(const struct move *step, struct made_fault *made)
{
	struct error error;

	if (fault_parse(move_fault(step, made->asked, sizeof made->asked), &made->fault, &error) < 0)
		return false;
	/* Only connections: cutting what is read from a signalfd, or written to a log, is nobody's mistake.
	 */
	made->fault.accepted_only = made->fault.class == CLASS_READ || made->fault.class == CLASS_WRITE;
	(void)fault_text(&made->fault, made->text, sizeof made->text);
	return true;
}

/* There are few, and each is asked for often. NULL: it is none, or there is no memory. */
static const struct made_fault *made_fault_of(struct stage *stage, const struct move *step)
{
	uint64_t key = (uint64_t)step->a << 8 | step->b;
	struct made_fault *made = map_get(&stage->made, key);

	if (made)
		return made;
	made = calloc(1, sizeof *made);
	if (made && make_fault(step, made) && map_put(&stage->made, key, made) == 0)
		return made;
	free(made);
	return NULL;
}

static void arm(struct stage *stage, const struct move *step)
{
	const struct made_fault *made = made_fault_of(stage, step);

	if (!stage->faults)
		stage->faults = fault_set_new();
	if (!stage->faults || !made || stage->fault_count == FAULTS_MOST)
		return;
	struct armed_fault *armed = &stage->armed[stage->fault_count];
	if (fault_set_arm(stage->faults, &made->fault, &armed->id) < 0)
		return;
	armed->made = made;
	emit_fault(stage, FAULT_ARMED, armed->id, 0, made->asked);
	stage->manners.strained = true;
	stage->fault_count++;
}

static void limit(struct stage *stage, const struct move *step)
{
	struct event event = event_make(EV_FAULT, FAULT_LIMIT);
	int files = step->a & 128 ? KERNEL_FDS : (int)sim_open(stage->sim) + step->a % 4;

	stage->limited = files < KERNEL_FDS;
	stage->manners.strained |= stage->limited;
	sim_limit(stage->sim, files);
	event.at = sim_now(stage->sim);
	event.pid = event.tid = SIM_PID;
	event.arg[0] = (uint64_t)files;
	event.arg[1] = KERNEL_FDS;
	stage->sink(stage->arg, &event);
}

static void lift_all(struct stage *stage)
{
	const struct move all = {.a = 128};
	uint64_t delivered = 0;

	for (; stage->fault_count; stage->fault_count--) {
		uint32_t id = stage->armed[stage->fault_count - 1].id;
		(void)fault_set_lift(stage->faults, id, &delivered);
		emit_fault(stage, FAULT_LIFTED, id, delivered, NULL);
	}
	if (stage->limited)
		limit(stage, &all);
	stage->order = ORDER_AS_IT_IS;
	stage->most = 0;
}

/* As it was when it was armed: it strikes often. */
static const char *text_of(const struct stage *stage, uint32_t id)
{
	size_t at = 0;

	while (at + 1 < stage->fault_count && stage->armed[at].id != id)
		at++;
	return stage->armed[at].made->text;
}

static int strike(void *arg, enum call call, uint64_t op, int fd, bool accepted, size_t *size)
{
	struct stage *stage = arg;
	struct fault fault;

	if (!stage->fault_count ||
	    !fault_set_decide(
		stage->faults,
		&(struct fault_call){.pid = SIM_PID, .call = call, .op = op, .fd = fd, .accepted = accepted},
		&fault))
		return 0;
	/* Whoever is told of edges would never be told again: no kernel does that. */
	bool lie = fault.code == EAGAIN && sim_edge(stage->sim, fd);
	if (lie || (fault.shorten && (!size || *size <= fault.shorten))) {
		fault_set_retract(stage->faults, fault.id);
		return 0;
	}
	struct event event = event_make(EV_FAULT, FAULT_DELIVERED);
	event.at = sim_now(stage->sim);
	event.pid = event.tid = SIM_PID;
	event.fd = fd;
	event.ret = -fault.code;
	event.arg[0] = fault.id;
	event.data = text_of(stage, fault.id);
	event.size = (uint32_t)strlen(event.data) + 1;
	stage->sink(stage->arg, &event);
	if (!fault.shorten)
		return -fault.code;
	*size = fault.shorten;
	return 0;
}

static int fewer(void *arg, int most)
{
	const struct stage *stage = arg;

	return stage->most && stage->most < most ? stage->most : most;
}

static void turn_round(struct kernel_event *events, int count)
{
	for (int one = 0, other = count - 1; one < other; one++, other--) {
		struct kernel_event event = events[one];
		events[one] = events[other];
		events[other] = event;
	}
}

static void reorder(void *arg, struct kernel_event *events, int count)
{
	const struct stage *stage = arg;

	switch (stage->order) {
	case ORDER_AS_IT_IS:
		return;
	case ORDER_REVERSED:
		break;
	case ORDER_LAST_FIRST:
		turn_round(events, count - 1);
		break;
	case ORDER_FIRST_LAST:
		turn_round(events + 1, count - 1);
		break;
	}
	turn_round(events, count);
}

static void start_peer(struct stage *stage, struct peer *peer, bool canary)
{
	peer_begin(peer, stage->sim, stage->script.http, &stage->manners, canary, stage->next_id++);
	peer->event = stage->sink;
	peer->arg = stage->arg;
	peer_connect(peer, sim_port(stage->sim));
}

/* The canary asks, on its connection while that lasts. */
static void canary_ask(struct stage *stage, bool fresh)
{
	struct peer *canary = &stage->canary;

	if (fresh)
		peer_end(canary, PEER_FIN);
	if (!peer_may_ask(canary)) {
		peer_end(canary, PEER_FIN);
		start_peer(stage, canary, true);
	}
	(void)peer_look(canary);
	if (!canary->connecting)
		peer_ask(canary, 0, SIZE_MAX);
	stage->asked = true;
	stage->asked_at = sim_now(stage->sim);
}

static void end_peer(struct peer *peer, enum move_what what)
{
	static const enum peer_act acts[MOVES] = {
	    [MOVE_FIN] = PEER_FIN,	 [MOVE_HALF_CLOSE] = PEER_HALF_CLOSE,	  [MOVE_RST] = PEER_RST,
	    [MOVE_VANISH] = PEER_VANISH, [MOVE_CLOSE_UNREAD] = PEER_CLOSE_UNREAD,
	};

	peer_end(peer, acts[what]);
}

static void ask(struct stage *stage, struct peer *peer, const struct move *step)
{
	unsigned times = step->what == MOVE_BURST ? move_times(step, true) : 1;
	size_t most = step->what == MOVE_PART ? (size_t)1 << step->a % 8 : SIZE_MAX;

	if (!peer_there(peer))
		start_peer(stage, peer, false);
	for (; times; times--)
		peer_ask(peer, move_bytes(step->b), most);
}

static void perform(struct stage *stage, const struct move *step)
{
	struct peer *peer = &stage->peers[step->peer];

	switch (step->what) {
	case MOVE_CONNECT:
		if (!peer_there(peer))
			start_peer(stage, peer, false);
		break;
	case MOVE_REQUEST:
	case MOVE_PART:
	case MOVE_BURST:
		ask(stage, peer, step);
		break;
	case MOVE_STALL:
	case MOVE_RESUME:
		peer_stall(peer, step->what == MOVE_STALL);
		break;
	case MOVE_FIN:
	case MOVE_HALF_CLOSE:
	case MOVE_RST:
	case MOVE_CLOSE_UNREAD:
	case MOVE_VANISH:
		/* In rounds all must be able to know that their peers are gone. */
		end_peer(peer, stage->script.rounds && step->what == MOVE_VANISH ? MOVE_FIN : step->what);
		break;
	case MOVE_FAULT:
		arm(stage, step);
		break;
	case MOVE_LIMIT:
		limit(stage, step);
		break;
	case MOVE_TIME:
		stage->idle += NS_PER_MS * move_ms(step, true);
		break;
	case MOVE_CANARY:
		if (!peer_waits(&stage->canary))
			canary_ask(stage, false);
		break;
	case MOVE_OOB:
		peer_urgent(peer);
		break;
	case MOVE_ORDER:
		stage->order = (enum move_order)(step->a % 4);
		break;
	case MOVE_BATCH:
		stage->most = step->a % 4;
		break;
	case MOVE_ANSWER: /* whatever comes is read at once here */
	case MOVE_STOP:
	case MOVES:
		break;
	}
}

/* Whether any peer moved something: then the server may have work again. */
static bool look_all(struct stage *stage)
{
	bool moved = peer_look(&stage->canary);

	/* A request that waited for the handshake. */
	if (peer_there(&stage->canary) && !stage->canary.connecting && stage->asked && !stage->canary.ordinal)
		peer_ask(&stage->canary, 0, SIZE_MAX);
	for (unsigned i = 0; i < PEERS_MOST; i++)
		moved |= peer_look(&stage->peers[i]);
	return moved;
}

/* Lets time pass while the server sleeps: no longer than it would, nor than until. False: it is time. */
static bool pass_until(struct stage *stage, uint64_t timeout, uint64_t until)
{
	uint64_t now = sim_now(stage->sim);
	uint64_t left = until > now ? until - now : 0;

	if (!left)
		return false;
	left = left < timeout ? left : timeout;
	sim_pass(stage->sim, left ? left : HOT_COST);
	return true;
}

/* Whether the canary's request of this phase is over; else time passed, or was not needed. */
static bool canary_done(struct stage *stage, uint64_t timeout, bool ready)
{
	struct peer *canary = &stage->canary;

	if (!peer_waits(canary) &&
	    (canary->answered == canary->ordinal || canary->over || !peer_there(canary)))
		return true;
	if (ready && stage->hot < HOT_SETTLE)
		return false;
	if (sim_blocked(stage->sim) && sim_now(stage->sim) < stage->asked_at + CANARY_NS) {
		sim_pass(stage->sim, BLOCKED_LOOK);
		sim_probe(stage->sim, true);
		return false;
	}
	if (pass_until(stage, timeout, stage->asked_at + CANARY_NS))
		return false;
	peer_give_up(canary);
	peer_end(canary, PEER_FIN);
	return true;
}

static enum sim_turn boot(struct stage *stage)
{
	if (!sim_port(stage->sim))
		return SIM_IDLE;
	kernel_buffer(sim_kernel(stage->sim), stage->script.buffer);
	mark(stage, MARK_READY, (uint64_t)sim_port(stage->sim));
	mark(stage, MARK_BASE, 0);
	enter(stage, STAGE_BASE);
	canary_ask(stage, true);
	return SIM_LOOK;
}

static enum sim_turn base(struct stage *stage, uint64_t timeout, bool ready)
{
	if (!canary_done(stage, timeout, ready))
		return SIM_LOOK;
	if (ready && stage->hot < HOT_SETTLE)
		return SIM_LOOK;
	stage->served = stage->canary.answered > 0;
	sim_probe(stage->sim, !ready);
	mark(stage, MARK_FAULT, 0);
	sim_probe(stage->sim, !ready); /* what memory is compared with */
	enter(stage, STAGE_STEPS);
	return SIM_LOOK;
}

/* A round is over: its peers leave, and once the server has noticed its descriptors are counted. */
static void next_round(struct stage *stage, uint64_t timeout, bool ready)
{
	struct event event = event_make(EV_MARK, MARK_SAMPLE);

	if (!stage->left) {
		for (unsigned i = 0; i < PEERS_MOST; i++)
			peer_end(&stage->peers[i], PEER_FIN);
		lift_all(stage);
		stage->left = true;
		stage->since = sim_now(stage->sim);
		return;
	}
	if (pass_until(stage, timeout, stage->since + ROUND_REST) || (ready && stage->hot < HOT_STEPS))
		return;
	event.at = sim_now(stage->sim);
	event.arg[0] = (uint64_t)stage->round++;
	event.arg[1] = PEERS_MOST;
	event.arg[2] = sim_open(stage->sim);
	stage->sink(stage->arg, &event);
	stage->left = false;
	stage->at = stage->round < ROUNDS ? 0 : stage->at;
}

static enum sim_turn steps(struct stage *stage, uint64_t timeout, bool ready)
{
	if (ready && stage->hot < HOT_STEPS)
		return SIM_LOOK;
	/* Who is at work does not sleep time away: it passes as the work does. */
	if (stage->idle && ready) {
		stage->idle = stage->hot < HOT_SETTLE ? stage->idle : 0;
		return SIM_LOOK;
	}
	if (stage->idle) {
		uint64_t part = stage->idle < timeout ? stage->idle : timeout;
		part = part ? part : HOT_COST < stage->idle ? HOT_COST : stage->idle;
		stage->idle -= part;
		sim_pass(stage->sim, part);
		return SIM_LOOK;
	}
	if (stage->at < stage->script.count) {
		struct move step;
		sim_pass(stage->sim, STEP_NS);
		do {
			step = schedule_move(&stage->script, stage->at++);
			perform(stage, &step);
			stage->performed++;
		} while (step.merge && stage->at < stage->script.count);
		stage->hot = 0;
		return SIM_LOOK;
	}
	if (stage->script.rounds && stage->round < ROUNDS) {
		next_round(stage, timeout, ready);
		return SIM_LOOK;
	}
	if (!stage->asked) {
		sim_probe(stage->sim, !ready);
		canary_ask(stage, false);
		return SIM_LOOK;
	}
	if (!canary_done(stage, timeout, ready))
		return SIM_LOOK;
	lift_all(stage);
	mark(stage, MARK_SETTLE, 0);
	enter(stage, STAGE_SETTLE);
	return SIM_LOOK;
}

static void recover(struct stage *stage, bool asleep)
{
	for (unsigned i = 0; i < PEERS_MOST; i++)
		peer_complain(&stage->peers[i], CANARY_NS);
	mark(stage, MARK_QUIET, 0);
	sim_probe(stage->sim, asleep);
	for (unsigned i = 0; i < PEERS_MOST && !stage->script.loaded; i++)
		peer_end(&stage->peers[i], PEER_FIN);
	mark(stage, MARK_RECOVERY, 0);
	enter(stage, STAGE_RECOVERY);
	canary_ask(stage, true);
}

static enum sim_turn settle(struct stage *stage, uint64_t timeout, bool ready)
{
	uint64_t now = sim_now(stage->sim);

	if (ready && stage->hot < HOT_SETTLE)
		return SIM_LOOK;
	if (ready || timeout == 0) { /* it does not come to rest */
		if (stage->waits < WAITS_MOST && now < stage->since + NS_PER_S) {
			sim_pass(stage->sim, HOT_COST);
			return SIM_LOOK;
		}
		recover(stage, false);
		return SIM_LOOK;
	}
	if (stage->looks < PROBE_ROUNDS && now >= stage->since + probe_times[stage->looks]) {
		stage->looks++;
		sim_probe(stage->sim, true);
	}
	if (stage->looks < PROBE_ROUNDS) {
		(void)pass_until(stage, timeout, stage->since + probe_times[stage->looks]);
		return SIM_LOOK;
	}
	recover(stage, true);
	return SIM_LOOK;
}

static enum sim_turn recovery(struct stage *stage, uint64_t timeout, bool ready)
{
	if (!canary_done(stage, timeout, ready))
		return SIM_LOOK;
	if (ready && stage->hot < HOT_SETTLE)
		return SIM_LOOK;
	sim_probe(stage->sim, !ready);
	stage->lost = sim_find_lost(stage->sim);
	if (stage->describe)
		sim_describe(&stage->lost);
	mark(stage, MARK_STOP, 0);
	enter(stage, STAGE_STOP);
	emit_signal(stage);
	sim_signal(stage->sim, SIGTERM);
	return SIM_LOOK;
}

static enum sim_turn stop(struct stage *stage, uint64_t timeout, bool ready)
{
	if (ready && stage->hot < HOT_SETTLE)
		return SIM_LOOK;
	return pass_until(stage, timeout, stage->since + STOP_NS) ? SIM_LOOK : SIM_OVER;
}

static enum sim_turn wait_hook(void *arg, uint64_t timeout, bool ready)
{
	struct stage *stage = arg;

	if (++stage->waits > WAITS_MOST * 2)
		return SIM_OVER;
	stage->hot = ready || timeout == 0 ? stage->hot + 1 : 0;
	if (stage->hot > HOT_STEPS)
		sim_pass(stage->sim, HOT_COST);
	if ((!ready || stage->hot > HOT_STEPS) && look_all(stage) && !ready)
		return SIM_LOOK; /* the server first */
	switch (stage->phase) {
	case STAGE_BOOT:
		return boot(stage);
	case STAGE_BASE:
		return base(stage, timeout, ready);
	case STAGE_STEPS:
		return steps(stage, timeout, ready);
	case STAGE_SETTLE:
		return settle(stage, timeout, ready);
	case STAGE_RECOVERY:
		return recovery(stage, timeout, ready);
	case STAGE_STOP:
		break;
	}
	return stop(stage, timeout, ready);
}

static void event_hook(void *arg, const struct event *event)
{
	const struct stage *stage = arg;

	stage->sink(stage->arg, event);
}

static void said_hook(void *arg, int fd, const char *bytes, size_t size)
{
	const struct stage *stage = arg;

	if (stage->said)
		stage->said(stage->arg, fd, bytes, size);
}

int stage_open(struct stage *stage, void (*sink)(void *arg, const struct event *event), void *arg)
{
	static struct sim_hooks hooks = {.wait = wait_hook,
					 .event = event_hook,
					 .fault = strike,
					 .most = fewer,
					 .order = reorder,
					 .said = said_hook};

	*stage = (struct stage){.sink = sink, .arg = arg};
	hooks.arg = stage;
	return sim_new(&hooks, &stage->sim);
}

void stage_close(struct stage *stage)
{
	http_manners_release(&stage->manners);
	sim_free(stage->sim);
	fault_set_free(stage->faults);
	map_free_all(&stage->made);
}

struct sim_outcome stage_play(struct stage *stage, const struct schedule *script)
{
	char name[] = "server", option[] = "--protocol", http[] = "http", echo[] = "echo";
	char *own[STAGE_WORDS + 1] = {name, option, script->http ? http : echo, NULL};
	int argc = 3;

	stage->script = *script;
	http_manners_begin(&stage->manners);
	stage->at = stage->performed = 0;
	stage->idle = stage->waits = 0;
	stage->next_id = 1;
	stage->lost = (struct sim_lost){0};
	stage->served = false;
	stage->limited = stage->left = false;
	stage->order = ORDER_AS_IT_IS;
	stage->most = 0;
	stage->round = 0;
	stage->phase = STAGE_BOOT;
	stage->hot = stage->looks = 0;
	stage->asked = false;
	stage->canary.fd = -1;
	for (unsigned i = 0; i < PEERS_MOST; i++)
		stage->peers[i].fd = -1;
	/* A copy: getopt(3) changes the order. */
	for (argc = stage->argv ? 0 : argc; stage->argv && argc < STAGE_WORDS && stage->argv[argc]; argc++)
		own[argc] = stage->argv[argc];
	own[argc] = NULL;
	struct sim_outcome outcome = sim_run(stage->sim, sim_server_main, argc, own);
	lift_all(stage);
	if (stage->faults)
		fault_set_clear(stage->faults);
	mark(stage, MARK_END, 0);
	return outcome;
}
