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
CPPFLAGS  += -D_GNU_SOURCE -Iharness -DWRINGER_VERSION='"$(VERSION)"' -DWRINGER_DATA='"$(PREFIX)/share/wringer"'
CFLAGS    += $(CSTD) $(WARN) $(OPT) $(SANITIZE) -fno-common -MMD -MP
LDFLAGS   += $(SANITIZE)

# Rooms from the top down: a room may include, and links, only what stands after it.
ROOMS     := cli report script run rules peer target watch inject model journal base
LUA_CFLAGS = $(shell pkg-config --cflags lua5.4)
XML_CFLAGS = $(shell pkg-config --cflags libxml-2.0)
LIBS       = $(shell pkg-config --libs lua5.4 libcjson libxml-2.0) -lpthread -lm

room_src   = $(wildcard harness/$(1)/*.c)
room_obj   = $(patsubst %.c,$(BUILD)/%.o,$(call room_src,$(1)))
ARCHIVES  := $(foreach r,$(ROOMS),$(BUILD)/lib$(r).a)

.DEFAULT_GOAL := all
.PHONY: all clean
all: $(BUILD)/wringer targets

$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) -c -o $@ $<

$(BUILD)/harness/script/%.o: CPPFLAGS += $(LUA_CFLAGS)
$(BUILD)/harness/report/%.o: CPPFLAGS += $(XML_CFLAGS)

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

clean:
	rm -rf $(BUILD)

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
