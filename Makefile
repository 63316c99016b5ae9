# SPDX-License-Identifier: MIT
# wringer: `make run` (the main job), `make test`, `make install`. Everything built goes to build/.

VERSION   := 0.1.0
PREFIX    ?= /usr/local
BUILD     ?= build
CC        ?= cc
CSTD      := -std=gnu11
WARN      := -Wall -Wextra -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes
OPT       ?= -O2 -g
SANITIZE  ?=
CPPFLAGS  += -D_GNU_SOURCE -Iharness -DWRINGER_VERSION='"$(VERSION)"' -DWRINGER_DATA='"$(PREFIX)/share/wringer"' -DWRINGER_LIBEXEC='"$(PREFIX)/libexec/wringer"'
CFLAGS    += $(CSTD) $(WARN) $(OPT) $(SANITIZE) -fno-common -MMD -MP
LDFLAGS   += $(SANITIZE)

# Rooms from the top down: a room may include, and links, only what stands after it.
ROOMS     := cli report hunt script run rules peer target watch inject model journal base
LUA_CFLAGS = $(shell pkg-config --cflags lua5.4 2>/dev/null)
XML_CFLAGS = $(shell pkg-config --cflags libxml-2.0 2>/dev/null)
# --watch bpf is built where libbpf is and clang, which compiles its program for the kernel.
BPF_MACHINE := $(shell $(CC) -dumpmachine)
BPF       := $(if $(shell command -v clang),$(shell $(CC) -fsyntax-only -include bpf/libbpf.h -xc /dev/null 2>/dev/null && echo yes))
LIBS       = $(shell pkg-config --libs lua5.4 libcjson libxml-2.0 $(if $(BPF),libbpf) 2>/dev/null) -lpthread -lm

ABSENT    := harness/watch/lens$(if $(BPF),_absent).c
room_src   = $(filter-out $(ABSENT),$(wildcard harness/$(1)/*.c))
room_obj   = $(patsubst %.c,$(BUILD)/%.o,$(call room_src,$(1)))
ARCHIVES  := $(foreach r,$(ROOMS),$(BUILD)/lib$(r).a)

.DEFAULT_GOAL := all
.PHONY: all run test unit e2e sanitize cross format includes matrix bench install uninstall clean
all: $(BUILD)/wringer $(BUILD)/wringer-agent.so targets

$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) -c -o $@ $<

$(BUILD)/harness/script/%.o: CPPFLAGS += $(LUA_CFLAGS)
$(BUILD)/harness/report/%.o $(BUILD)/harness/test/report/%.o: CPPFLAGS += $(XML_CFLAGS)

define room_rule
$(BUILD)/lib$(1).a: $(call room_obj,$(1))
	@mkdir -p $$(@D)
	@rm -f $$@
	ar rcs $$@ $$^
.PHONY: room-$(1)
room-$(1): $(BUILD)/lib$(1).a
endef
$(foreach r,$(ROOMS),$(eval $(call room_rule,$(r))))

$(BUILD)/wringer: $(ARCHIVES)
	$(CC) $(LDFLAGS) -o $@ -Wl,--start-group $^ -Wl,--end-group $(LIBS)

# The program of --watch bpf, which lens.c takes into itself.
SIGHT := $(BUILD)/harness/watch/bpf/sight.bpf.o
$(SIGHT): harness/watch/bpf/sight.bpf.c
	@mkdir -p $(@D)
	clang -target bpf -mcpu=v3 -O2 -g -Wall -D__TARGET_ARCH_$(if $(findstring aarch64,$(BPF_MACHINE)),arm64,x86) -MMD -MP -c -o $@ $<
$(BUILD)/harness/watch/lens.o: $(SIGHT)
$(BUILD)/harness/watch/lens.o: CPPFLAGS += -DSIGHT_OBJECT='"$(SIGHT)"'

# The agent of --watch preload, a library inside the target. It stands alone: no libc of its own, no start-up files, no sanitizer.
AGENT_CFLAGS := $(CSTD) $(WARN) -O2 -g -fPIC -fvisibility=hidden -fno-stack-protector -U_FORTIFY_SOURCE -MMD -MP
AGENT_CFLAGS += $(if $(findstring x86_64,$(shell $(CC) -dumpmachine)),-mno-red-zone)
AGENT_OBJ := $(patsubst %.c,$(BUILD)/%.o,$(wildcard harness/agent/*.c))
$(AGENT_OBJ): CFLAGS = $(AGENT_CFLAGS) $(filter -Werror,$(OPT))
$(BUILD)/wringer-agent.so: $(AGENT_OBJ)
	$(CC) -shared -nostdlib -Wl,-z,now -o $@ $^

# Tests: harness/test/ROOM/test_NAME.c is one cmocka program, linked with ROOM and the rooms below it only.
room_below = $(if $(filter $(1),$(firstword $(2))),$(2),$(call room_below,$(1),$(wordlist 2,99,$(2))))
TESTS     := $(patsubst harness/test/%.c,$(BUILD)/test/%,$(wildcard harness/test/*/test_*.c))
define test_rule
$(BUILD)/test/$(1)/%: $(BUILD)/harness/test/$(1)/%.o $(foreach r,$(call room_below,$(1),$(ROOMS)),$(BUILD)/lib$(r).a)
	@mkdir -p $$(@D)
	$(CC) $(LDFLAGS) -o $$@ $$^ $(LIBS) -lcmocka
endef
$(foreach r,$(ROOMS),$(eval $(call test_rule,$(r))))
tests-%:
	@test -n "$(filter $(BUILD)/test/$*/%,$(TESTS))"
	@$(MAKE) --no-print-directory $(filter $(BUILD)/test/$*/%,$(TESTS))
	@for t in $(filter $(BUILD)/test/$*/%,$(TESTS)); do echo "== $$t"; $$t || exit 1; done

include targets/targets.mk
include fuzz/fuzz.mk

JOBS := -j$(shell nproc)

# The two commands of a fresh machine: each installs what is missing, builds and goes. The second make is a fresh one, so that
# it asks pkg-config again after the libraries came.
run:
	@ci/deps.sh run
	@$(MAKE) --no-print-directory -s $(JOBS) all
	@$(BUILD)/wringer check --target epoll-level --protocol http

test:
	@ci/deps.sh test
	@$(MAKE) --no-print-directory -s $(JOBS) includes all unit-programs
	@ci/run-tests.py $(TESTS) $(E2E)

E2E := $(sort $(wildcard harness/test/e2e/test_*.py))
export WRINGER_BIN := $(abspath $(BUILD)/wringer)
export WRINGER_BUILD := $(abspath $(BUILD))

.PHONY: unit-programs
unit-programs: $(TESTS) $(BUILD)/wringer-agent.so
unit: includes all unit-programs
	@ci/run-tests.py $(TESTS)
e2e: all
	@ci/run-tests.py $(E2E)

includes:
	@ci/includes.sh
format:
	clang-format -i $$(git ls-files '*.c' '*.h')

# The same tests under sanitizers, each in a build folder of its own. TSan where there are threads. The first is clang's, which
# is the second compiler's opinion at once: its warnings are errors, and its checks see more than gcc's.
THREADED := journal inject watch target run
sanitize:
	@ci/deps.sh sanitize
	@$(MAKE) --no-print-directory -s $(JOBS) BUILD=$(BUILD)-asan CC=clang OPT='-O1 -g1 -Werror' SANITIZE='-fsanitize=address,undefined -fno-sanitize-recover=all' unit
	@$(MAKE) --no-print-directory -s $(JOBS) BUILD=$(BUILD)-tsan OPT='-O1 -g1 -Werror' SANITIZE=-fsanitize=thread unit-threaded
THREADED_TESTS = $(filter $(foreach r,$(THREADED),$(BUILD)/test/$(r)/%),$(TESTS))
.PHONY: unit-threaded
unit-threaded: $(THREADED_TESTS) $(BUILD)/wringer-agent.so
	@ci/run-tests.py $(THREADED_TESTS)

# What a second architecture says. No AArch64 libraries are needed: nothing is linked.
WERROR_ALL = $(foreach r,$(filter-out script report cli,$(ROOMS)),$(call room_obj,$(r)))
cross:
	@ci/deps.sh cross
	@$(MAKE) --no-print-directory -s $(JOBS) BUILD=$(BUILD)-aarch64 CC=aarch64-linux-gnu-gcc OPT='-O1 -Werror' objects
	@echo "AArch64's compiler passes every room without a warning"
.PHONY: objects
objects: $(filter-out $(BUILD)/harness/run/result%,$(WERROR_ALL))

# Every rule against every target, all scenarios: MATRIX='--rounds 20 --load' for the long version.
matrix:
	@ci/deps.sh test
	@$(MAKE) --no-print-directory -s $(JOBS) all
	@ci/matrix.py $(MATRIX)

bench:
	@ci/deps.sh bench
	@$(MAKE) --no-print-directory -s $(JOBS) all
	@ci/bench/bench.py $(BENCH)

# Servers people run, held against what is known of each: `make servers SERVERS='nginx redis'` for some only.
.PHONY: servers
servers:
	@ci/deps.sh servers
	@$(MAKE) --no-print-directory -s $(JOBS) all
	@targets/servers/run.py $(SERVERS)

DATA := $(DESTDIR)$(PREFIX)/share/wringer
LIBEXEC := $(DESTDIR)$(PREFIX)/libexec/wringer
install: all
	install -d $(DESTDIR)$(PREFIX)/bin $(DATA) $(LIBEXEC) $(DESTDIR)$(PREFIX)/share/man/man1
	install -m 755 $(BUILD)/wringer $(DESTDIR)$(PREFIX)/bin/wringer
	install -m 755 $(BUILD)/wringer-agent.so $(LIBEXEC)/wringer-agent.so
	$(if $(BLACKBOX),install -m 755 $(BLACKBOX) $(LIBEXEC)/wringer-fuzz-engine)
	install -m 644 harness/wringer.1 $(DESTDIR)$(PREFIX)/share/man/man1/wringer.1
	cd scenarios && find . -name '*.lua' -exec install -D -m 644 {} $(abspath $(DATA))/scenarios/{} \;
	find $(BUILD)/targets -maxdepth 1 -type f -perm -u+x -exec install -m 755 {} $(LIBEXEC) \;
uninstall:
	rm -f $(DESTDIR)$(PREFIX)/bin/wringer $(DESTDIR)$(PREFIX)/share/man/man1/wringer.1
	rm -rf $(DATA) $(LIBEXEC)

clean:
	rm -rf $(BUILD) $(BUILD)-asan $(BUILD)-tsan $(BUILD)-clang $(BUILD)-aarch64 $(BUILD)-fuzz $(BUILD)-sim $(BUILD)-pace $(BUILD)-pace-asan $(BUILD)-model $(BUILD)-lto $(BUILD)-profile

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
