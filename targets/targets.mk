# The servers: each is one program in build/targets/. They never link harness/, nor see its headers.
#   targets/NAME.c, .py -> targets/NAME        targets/faulty/NAME.c, .py -> targets/faulty-NAME
TARGET_COMMON := $(patsubst %.c,$(BUILD)/%.o,$(wildcard targets/common/*.c))
TARGET_NAMES  := $(patsubst targets/%.c,%,$(wildcard targets/*.c)) \
		 $(patsubst targets/faulty/%.c,faulty-%,$(wildcard targets/faulty/*.c)) \
		 $(patsubst targets/%.py,%,$(filter-out targets/test_%,$(wildcard targets/*.py))) \
		 $(patsubst targets/faulty/%.py,faulty-%,$(wildcard targets/faulty/*.py))
TARGETS       := $(addprefix $(BUILD)/targets/,$(TARGET_NAMES))

.PHONY: targets test-targets
targets: $(TARGETS)

$(BUILD)/targets/%.o: CPPFLAGS := $(filter-out -Iharness,$(CPPFLAGS)) -Itargets

$(BUILD)/targets/libcommon.a: $(TARGET_COMMON)
	@rm -f $@
	ar rcs $@ $^

# Kept, though only a step on the way to a program.
.SECONDARY: $(patsubst %.c,$(BUILD)/%.o,$(wildcard targets/*.c targets/faulty/*.c))

# A target that needs a library says so here: $(BUILD)/targets/NAME: TARGET_LIBS = -lfoo
$(BUILD)/targets/uring $(BUILD)/targets/uring-poll $(BUILD)/targets/faulty-uring-%: TARGET_LIBS = -luring

$(BUILD)/targets/faulty-%: $(BUILD)/targets/faulty/%.o $(BUILD)/targets/libcommon.a
	$(CC) $(LDFLAGS) -o $@ $^ $(TARGET_LIBS)

$(BUILD)/targets/%: $(BUILD)/targets/%.o $(BUILD)/targets/libcommon.a
	$(CC) $(LDFLAGS) -o $@ $^ $(TARGET_LIBS)

ifeq ($(SANITIZE),) # sanitizers cannot be linked statically
$(BUILD)/targets/faulty-%-static: TARGET_LIBS = -static
endif

# A program in Python is its own source, without the ending.
$(BUILD)/targets/faulty-%: targets/faulty/%.py
	install -D -m 755 $< $@

$(BUILD)/targets/%: targets/%.py
	install -D -m 755 $< $@

test-targets: targets
	targets/test_targets.sh $(BUILD)/targets
