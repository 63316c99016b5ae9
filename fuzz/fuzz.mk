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

FUZZ_BUILD = BUILD=$(BUILD)-fuzz CC=clang OPT='-O1 -g' SANITIZE='-fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all'
fuzz:
	@ci/deps.sh fuzz
	@$(MAKE) --no-print-directory -s $(JOBS) $(FUZZ_BUILD) fuzzers
	@ci/fuzz.py --seconds $(FUZZ_SECONDS) $(BUILD)-fuzz $(FUZZ_NAMES)
# What those runs found worth keeping goes into corpus/, the least that covers as much.
fuzz-minimise:
	@ci/fuzz.py --minimise $(BUILD)-fuzz $(FUZZ_NAMES)

# What stands in corpus/ is tried by the tests: no engine, any compiler, any sanitizer.
TESTS += $(patsubst fuzz/test/%.c,$(BUILD)/test/fuzz/%,$(wildcard fuzz/test/test_*.c))
$(BUILD)/test/fuzz/%: $(BUILD)/fuzz/test/%.o $(FUZZ_OBJECTS) $(FUZZ_COMMON) $(FUZZ_PURE) $(ARCHIVES)
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS) -o $@ -Wl,--start-group $^ -Wl,--end-group $(LIBS) -lcmocka
