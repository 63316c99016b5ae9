# Fuzzing. fuzz/fuzz_NAME.c is a fuzz target (common/target.h); `make fuzz FUZZ_SECONDS=60` builds and runs them all,
# test_corpus replays what is in corpus/ without an engine.
FUZZ_SECONDS ?= 60
# The engine, and what links it: another distributor of work brings its own. $(BUILD)/fuzz/common/standalone.o is none.
FUZZ_ENGINE  ?= -fsanitize=fuzzer
FUZZ_LINK    ?= $(CC)
FUZZ_NAMES   := $(patsubst fuzz/fuzz_%.c,%,$(wildcard fuzz/fuzz_*.c))
FUZZ_COMMON  := $(patsubst %.c,$(BUILD)/%.o,$(filter-out fuzz/common/engine.c fuzz/common/standalone.c,$(wildcard fuzz/common/*.c)))
FUZZ_OBJECTS := $(FUZZ_NAMES:%=$(BUILD)/fuzz/fuzz_%.o)
FUZZ_PURE    := $(patsubst %,$(BUILD)/targets/common/%.o,http session fifo)

$(BUILD)/fuzz/%.o: CPPFLAGS += -I. -Itargets $(LUA_CFLAGS)

# One binary a target: libFuzzer's entry points, compiled for it.
$(FUZZ_NAMES:%=$(BUILD)/fuzz/engine-%.o): $(BUILD)/fuzz/engine-%.o: fuzz/common/engine.c
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) -DFUZZ_TARGET=fuzz_$* -c -o $@ $<

$(FUZZ_NAMES:%=$(BUILD)/fuzz_%): $(BUILD)/fuzz_%: $(BUILD)/fuzz/fuzz_%.o $(BUILD)/fuzz/engine-%.o $(FUZZ_COMMON) $(FUZZ_PURE) $(ARCHIVES) | $(filter %.o,$(FUZZ_ENGINE))
	$(FUZZ_LINK) $(LDFLAGS) -o $@ $(FUZZ_ENGINE) -Wl,--start-group $^ -Wl,--end-group $(LIBS)

.PHONY: fuzz fuzz-minimise fuzzers
fuzzers: $(FUZZ_NAMES:%=$(BUILD)/fuzz_%)
.SECONDARY: $(FUZZ_NAMES:%=$(BUILD)/fuzz/engine-%.o) $(FUZZ_OBJECTS)

# Servers that are right: nothing is to be found in them.
FUZZ_SERVERS := server/epoll-level server/epoll-edge server/poll
FUZZ_BUILD = BUILD=$(BUILD)-fuzz CC=clang OPT='-O1 -g' SANITIZE='-fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all'
fuzz:
	@ci/deps.sh fuzz
	@$(MAKE) --no-print-directory -s $(JOBS) $(FUZZ_BUILD) fuzzers $(FUZZ_SERVERS:%=$(BUILD)-fuzz/fuzz_%)
	@ci/fuzz.py --seconds $(FUZZ_SECONDS) $(BUILD)-fuzz $(FUZZ_NAMES) $(FUZZ_SERVERS)
# What those runs found worth keeping goes into corpus/, the least that covers as much.
fuzz-minimise:
	@ci/fuzz.py --minimise $(BUILD)-fuzz $(FUZZ_NAMES)

# What stands in corpus/ is tried by the tests: no engine, any compiler, any sanitizer.
TESTS += $(patsubst fuzz/test/%.c,$(BUILD)/test/fuzz/%,$(wildcard fuzz/test/test_*.c))
$(BUILD)/test/fuzz/%: $(BUILD)/fuzz/test/%.o $(FUZZ_OBJECTS) $(FUZZ_COMMON) $(FUZZ_PURE) $(ARCHIVES)
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS) -o $@ -Wl,--start-group $^ -Wl,--end-group $(LIBS) -lcmocka

# Servers in the simulation. sim/ is the kernel they run on, server/ what is done to them; $(BUILD)/fuzz_server/NAME is the
# fuzzer of targets/NAME.c or targets/faulty/NAME.c: those of one thread, and one process.
SIM_OBJECTS    := $(patsubst %.c,$(BUILD)/%.o,$(wildcard fuzz/sim/*.c))
SERVER_OBJECTS := $(patsubst %.c,$(BUILD)/%.o,$(wildcard fuzz/server/*.c))
SERVER_NAMES   := epoll-level epoll-edge poll $(filter-out faulty-uring-% %-static %-threads %-prefork %-deferred faulty-herd faulty-oneshot-lost faulty-close-ineffective,\
		  $(patsubst targets/faulty/%.c,faulty-%,$(wildcard targets/faulty/*.c)))
SIM_LINK       := $(addprefix fuzz/sim/,link.sh wrap.h calls.h sim.lds)
SIM_ARCHIVES   := $(foreach r,hunt rules inject model journal base,$(BUILD)/lib$(r).a)

# Only what is fuzzed needs to be seen by the engine: all else is faster without. SIM_COVER: the flags for that. Most of the
# time goes into calls between small functions, so all but the server is optimised as one, what is made of it kept for the
# next server. By a profile of a second of it, taken once: `make clean`, or removing it, has it taken again. Where there is no
# llvm-profdata all goes a little slower.
SIM_COVER      ?=
SIM_PROFILE     = $(BUILD)-lto/server.profdata
SIM_THIN        = -flto=thin -fuse-ld=lld -Wl,--thinlto-cache-dir=$(BUILD)-lto
SIM_PROFILED    = $(if $(shell test -f $(SIM_PROFILE) && echo yes),-fprofile-use=$(abspath $(SIM_PROFILE)) -Wno-profile-instr-out-of-date -Wno-profile-instr-unprofiled)
SIM_FLAGS       = CC=clang OPT='-O2 -g -flto=thin $(SIM_PROFILED)' LDFLAGS='$(SIM_THIN)'
$(BUILD)/targets/%.o: CFLAGS += -fno-lto -fno-profile-generate -fno-profile-use $(SIM_COVER)
sim-profile:
	@ci/deps.sh fuzz
	@test -f $(SIM_PROFILE) || ! command -v llvm-profdata >/dev/null || { \
		$(MAKE) --no-print-directory -s $(JOBS) BUILD=$(BUILD)-profile CC=clang OPT='-O2 -flto=thin -fprofile-generate' \
			LDFLAGS='-flto=thin -fuse-ld=lld -fprofile-generate' $(BUILD)-profile/fuzz_pace/epoll-level && \
		LLVM_PROFILE_FILE=$(SIM_PROFILE).raw $(BUILD)-profile/fuzz_pace/epoll-level 1000 1 >/dev/null && \
		llvm-profdata merge -o $(SIM_PROFILE) $(SIM_PROFILE).raw; }
.PHONY: sim-profile

$(BUILD)/fuzz_server/faulty-%.o: $(BUILD)/targets/faulty/%.o $(BUILD)/targets/libcommon.a $(SIM_LINK)
	@mkdir -p $(@D)
	CXX=$(CXX) fuzz/sim/link.sh $@ $(filter %.o %.a,$^)
$(BUILD)/fuzz_server/%.o: $(BUILD)/targets/%.o $(BUILD)/targets/libcommon.a $(SIM_LINK)
	@mkdir -p $(@D)
	CXX=$(CXX) fuzz/sim/link.sh $@ $(filter %.o %.a,$^)
$(BUILD)/fuzz/engine-server.o: fuzz/common/engine.c
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) -DFUZZ_TARGET=fuzz_server -c -o $@ $<
$(SERVER_NAMES:%=$(BUILD)/fuzz_server/%): $(BUILD)/fuzz_server/%: $(BUILD)/fuzz_server/%.o $(BUILD)/fuzz/engine-server.o $(SERVER_OBJECTS) \
		$(SIM_OBJECTS) $(BUILD)/fuzz/common/claim.o $(BUILD)/fuzz/common/start.o $(SIM_ARCHIVES) | $(filter %.o,$(FUZZ_ENGINE))
	sanitizers=$$(fuzz/sim/sanitizers.sh $<) && $(FUZZ_LINK) $(LDFLAGS) $$sanitizers -o $@ $(FUZZ_ENGINE) -Wl,--start-group $^ -Wl,--end-group -lpthread -lm
# Your own server: `make fuzz-own NAME=mine OBJECTS='a.o b.o'`, objects of any compiler; those of clang with
# -fsanitize=fuzzer-no-link tell the engine where it has been, and may be compiled for ASan and UBSan.
NAME ?= own
fuzz-own: sim-profile
	@ci/deps.sh fuzz
	@test -n "$(OBJECTS)" || { echo "make fuzz-own NAME=mine OBJECTS='a.o b.o'" >&2; exit 2; }
	@$(MAKE) --no-print-directory -s $(JOBS) BUILD=$(BUILD)-sim $(SIM_FLAGS) SERVER_NAMES=$(NAME) OWN='$(abspath $(OBJECTS))' $(BUILD)-sim/fuzz_server/$(NAME)
	@echo "$(BUILD)-sim/fuzz_server/$(NAME)"
ifneq ($(OWN),)
$(BUILD)/fuzz_server/$(NAME).o: $(OWN) $(SIM_LINK)
	@mkdir -p $(@D)
	CXX=$(CXX) fuzz/sim/link.sh $@ $(filter %.o %.a,$^)
endif

# The engine of `wringer fuzz`, a program of its own: libFuzzer comes with clang's run-time library, and where that is not there
# wringer has a plainer one inside.
FUZZ_CLANG      ?= clang
FUZZ_HAS_ENGINE := $(wildcard $(addsuffix /libclang_rt.fuzzer*.a,$(shell $(FUZZ_CLANG) -print-runtime-dir 2>/dev/null)))
BLACKBOX        := $(if $(FUZZ_HAS_ENGINE),$(BUILD)/wringer-fuzz-engine)
$(BUILD)/wringer-fuzz-engine: fuzz/blackbox/engine.c harness/inject/schedule.c harness/base/rng.c harness/hunt/line.h harness/inject/schedule.h
	@mkdir -p $(@D)
	$(FUZZ_CLANG) $(CPPFLAGS) $(CSTD) $(WARN) -O2 -g $(filter -Werror,$(OPT)) -fsanitize=fuzzer -o $@ $(filter %.c,$^)
all: $(BLACKBOX)

# The simulation as a library, for a driver of your own: sim/sim.h, and link.sh for the server.
SIM_LIBRARY := $(SIM_OBJECTS) $(patsubst %.c,$(BUILD)/%.o,$(wildcard harness/model/kernel*.c harness/journal/*.c harness/base/*.c))
$(BUILD)/libwringer-sim.a: $(SIM_LIBRARY)
	@rm -f $@
	ar rcs $@ $^
SIM_HEADERS := fuzz/sim/sim.h journal/event.h journal/calls.h model/kernel.h
SIM_TOOLS   := link.sh sim.lds wrap.h calls.h
install-sim: $(BUILD)/libwringer-sim.a
	install -D -m 644 $< $(DESTDIR)$(PREFIX)/lib/libwringer-sim.a
	for h in $(SIM_HEADERS); do f=$$h; [ -e $$f ] || f=harness/$$h; install -D -m 644 $$f $(DESTDIR)$(PREFIX)/include/wringer/$$h; done
	for t in $(SIM_TOOLS); do install -D -m 755 fuzz/sim/$$t $(DESTDIR)$(PREFIX)/share/wringer/sim/$$t; done
.PHONY: fuzz-servers fuzz-own install-sim
fuzz-servers: $(SERVER_NAMES:%=$(BUILD)/fuzz_server/%)
.SECONDARY: $(SERVER_NAMES:%=$(BUILD)/fuzz_server/%.o)

# The faulty servers, each from an empty corpus until its own mistake is found, without sanitizers: seconds and executions.
fuzz-faulty: sim-profile
	@ci/deps.sh fuzz
	@$(MAKE) --no-print-directory -s $(JOBS) BUILD=$(BUILD)-sim $(SIM_FLAGS) SIM_COVER='-fsanitize=fuzzer-no-link -fno-sanitize-coverage=trace-cmp' fuzz-servers
	@ci/fuzz.py --faulty --seconds $(FUZZ_SECONDS) $(BUILD)-sim $(addprefix server/,$(filter faulty-%,$(SERVER_NAMES)))
.PHONY: fuzz-faulty

# A few servers in the tests: every script of corpus/server, which is named for the rule that it breaks in faulty-RULE.
SIM_TESTED := epoll-level epoll-edge faulty-hup-spin faulty-eof-spin faulty-accept-spin faulty-write-not-armed
TESTS      += $(SIM_TESTED:%=$(BUILD)/test/fuzz/sim-%)
$(SIM_TESTED:%=$(BUILD)/test/fuzz/sim-%): $(BUILD)/test/fuzz/sim-%: $(BUILD)/fuzz/test/sim.o $(BUILD)/fuzz_server/%.o $(SERVER_OBJECTS) \
		$(SIM_OBJECTS) $(BUILD)/fuzz/common/claim.o $(SIM_ARCHIVES)
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS) -o $@ -Wl,--start-group $^ -Wl,--end-group -lpthread -lm

# What `make bench` measures: the pace of epoll-level's fuzzer on a fixed set of scripts, without an engine and without
# sanitizers; the same with ASan and UBSan in the server, as `make fuzz-own` would have it; the fuzzers themselves.
.SECONDARY: $(BUILD)/fuzz/test/pace.o
$(SERVER_NAMES:%=$(BUILD)/fuzz_pace/%): $(BUILD)/fuzz_pace/%: $(BUILD)/fuzz/test/pace.o $(BUILD)/fuzz_server/%.o $(SERVER_OBJECTS) \
		$(SIM_OBJECTS) $(BUILD)/fuzz/common/claim.o $(SIM_ARCHIVES)
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS) $(SANITIZED) -o $@ -Wl,--start-group $^ -Wl,--end-group -lpthread -lm
fuzz-pace: sim-profile
	@ci/deps.sh fuzz
	@$(MAKE) --no-print-directory -s $(JOBS) BUILD=$(BUILD)-pace $(SIM_FLAGS) $(BUILD)-pace/fuzz_pace/epoll-level
	@$(MAKE) --no-print-directory -s $(JOBS) BUILD=$(BUILD)-pace-asan $(SIM_FLAGS) SIM_COVER='-fsanitize=address,undefined' \
		SANITIZED=-fsanitize=address,undefined $(BUILD)-pace-asan/fuzz_pace/epoll-level
	@$(MAKE) --no-print-directory -s $(JOBS) BUILD=$(BUILD)-sim $(SIM_FLAGS) SIM_COVER='-fsanitize=fuzzer-no-link -fno-sanitize-coverage=trace-cmp' \
		$(BUILD)-sim/fuzz_server/epoll-level
	@$(MAKE) --no-print-directory -s $(JOBS) BUILD=$(BUILD)-model CC=clang LDFLAGS= SANITIZE=-fsanitize=fuzzer-no-link $(BUILD)-model/fuzz_model
.PHONY: fuzz-pace

# What the simulation answers and what the kernel does: one source, for both.
TESTS += $(BUILD)/test/fuzz/same-calls
$(BUILD)/fuzz/calls.o: $(BUILD)/fuzz/test/calls.o $(SIM_LINK)
	CXX=$(CXX) fuzz/sim/link.sh $@ $<
$(BUILD)/test/fuzz/calls: $(BUILD)/fuzz/test/calls.o
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS) -o $@ $<
$(BUILD)/test/fuzz/same-calls: $(BUILD)/fuzz/test/same_calls.o $(BUILD)/fuzz/calls.o $(SIM_OBJECTS) $(SIM_ARCHIVES) | $(BUILD)/test/fuzz/calls
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS) -o $@ -Wl,--start-group $^ -Wl,--end-group -lpthread -lm
