# The servers: each is one program in build/targets/. They never link harness/.
.PHONY: targets
targets:
