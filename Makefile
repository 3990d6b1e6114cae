# Builds everything; see README.md for the two commands that users need.
#
#   dist/tsrun                        the launcher, which becomes
#   dist/libexec/tsrun/engine         the compiled engine, beside tsrun.node (the addon), seccomp.node,
#                                     archive.node, init and supervise
#   dist/node/…                       the same with Node in the engine's place
#   dist/lib/                         the library of the npm package
#   dist/share/                       manual page and completions
#   build/                            objects, programs for tests, the bundle of `npm run hello`
#
# Sources decide: a file of dist/ is remade when one of its sources is newer, or the version is another.

# `make V=1` shows the commands, not only what is made.
Q := $(if $(V),,@)
say = @echo "  $1 $@"

MAKEFLAGS += --no-builtin-rules
.SUFFIXES:
.DELETE_ON_ERROR:
.DEFAULT_GOAL := all

ARCH := $(shell uname -m)
BUN_ARCH := $(patsubst x86_64,x64,$(ARCH))
BUN := node_modules/@oven/bun-linux-$(BUN_ARCH)/bin/bun
# The engine of dist/node: found now, so that no PATH decides at run time.
NODE := $(shell command -v node)

LIBEXEC := dist/libexec/tsrun
NODE_LIBEXEC := dist/node/libexec/tsrun

.PHONY: all
all: dist lib manual test-programs hello-bundle

.PHONY: dist
dist: dist/tsrun $(LIBEXEC)/engine $(LIBEXEC)/tsrun.node $(LIBEXEC)/seccomp.node $(LIBEXEC)/init $(LIBEXEC)/supervise \
	dist/node/tsrun $(NODE_LIBEXEC)/engine $(NODE_LIBEXEC)/main.mjs $(NODE_LIBEXEC)/tsrun.node $(NODE_LIBEXEC)/seccomp.node \
	$(NODE_LIBEXEC)/init $(NODE_LIBEXEC)/supervise $(LIBEXEC)/archive.node $(NODE_LIBEXEC)/archive.node

# --- the version: package.json's, and the commit ----------------------------------------------------------------------

DEFINES := build/defines
# Written while this file is read (as the directories are made), and only where it differs, so that an unchanged
# version remakes nothing.
$(shell mkdir -p build/init build/supervise build/addon build/hello/rootfs $(LIBEXEC) $(NODE_LIBEXEC) dist/lib && \
	sh scripts/defines.sh > $(DEFINES).new && \
	if cmp -s $(DEFINES).new $(DEFINES); then rm $(DEFINES).new; else mv $(DEFINES).new $(DEFINES); fi)

# --- static C: the launcher, init and supervise ------------------------------------------------------------------------------------

MUSL_CC := musl-gcc
# musl's directories hold no kernel headers; the system's come last, so that they replace none of musl's own.
KERNEL_HEADERS := -idirafter /usr/include -idirafter /usr/include/$(ARCH)-linux-gnu
C_WARNINGS := -Wall -Wextra -Werror -Wconversion -Wno-sign-conversion
# No unwind tables and nothing unused: init's size is resident memory of every container.
C_FLAGS := -std=c11 -D_GNU_SOURCE -Os $(C_WARNINGS) -fstack-protector-strong -fno-asynchronous-unwind-tables \
	-ffunction-sections -fdata-sections
C_LINK := -static -s -Wl,--gc-sections,-z,relro,-z,now,-z,noexecstack

INIT_SOURCES := $(wildcard native/init/*.c)
INIT_HEADERS := $(wildcard native/init/*.h) native/plan.def

dist/tsrun: native/launcher.c Makefile
	$(call say,compile)
	$(Q)$(MUSL_CC) $(C_FLAGS) $(C_LINK) -o $@ $<

build/init/%.o: native/init/%.c $(INIT_HEADERS) Makefile
	$(call say,compile)
	$(Q)$(MUSL_CC) $(C_FLAGS) $(KERNEL_HEADERS) -c -o $@ $<

$(LIBEXEC)/init: $(INIT_SOURCES:native/init/%.c=build/init/%.o)
	$(call say,link   )
	$(Q)$(MUSL_CC) $(C_LINK) -o $@ $^

build/supervise/%.o: native/supervise/%.c native/supervise/supervise.h Makefile
	$(call say,compile)
	$(Q)$(MUSL_CC) $(C_FLAGS) $(KERNEL_HEADERS) -c -o $@ $<

$(LIBEXEC)/supervise: $(patsubst native/%.c,build/%.o,$(wildcard native/supervise/*.c))
	$(call say,link   )
	$(Q)$(MUSL_CC) $(C_LINK) -o $@ $^

# Shows that init is free of what only one architecture has; Debian has no musl for another one, so glibc it is.
ARM64_CC := aarch64-linux-gnu-gcc
.PHONY: init-arm64
init-arm64: build/init-arm64
build/init-arm64: $(INIT_SOURCES) $(INIT_HEADERS) Makefile
	$(call say,compile)
	$(Q)$(ARM64_CC) $(C_FLAGS) $(C_LINK) -o $@ $(INIT_SOURCES)

# --- the addon ------------------------------------------------------------------------------------------------------------

ADDON_SOURCES := $(wildcard native/addon/*.cc)
ADDON_HEADERS := $(wildcard native/addon/*.h)
CXX := g++
# With libstdc++ linked in, the engine starts 1 ms faster.
CXX_FLAGS := -std=c++17 -O2 -fPIC -fvisibility=hidden -fno-exceptions -fno-rtti -Wall -Wextra -Werror \
	-ffunction-sections -fdata-sections -DNAPI_VERSION=8 -DNODE_ADDON_API_DISABLE_CPP_EXCEPTIONS \
	-isystem node_modules/node-addon-api -isystem node_modules/node-api-headers/include
CXX_LINK := -shared -s -static-libstdc++ -static-libgcc -Wl,--gc-sections,--exclude-libs,ALL,-z,relro,-z,now

build/addon/%.o: native/addon/%.cc $(ADDON_HEADERS) Makefile
	$(call say,compile)
	$(Q)$(CXX) $(CXX_FLAGS) -c -o $@ $<

$(LIBEXEC)/tsrun.node: $(ADDON_SOURCES:native/addon/%.cc=build/addon/%.o)
	$(call say,link   )
	$(Q)$(CXX) $(CXX_LINK) -o $@ $^

# What compiles seccomp filters is apart, so that no other command loads libseccomp.
$(LIBEXEC)/seccomp.node: native/addon-seccomp/seccomp.cc $(ADDON_HEADERS) Makefile
	$(call say,compile)
	$(Q)$(CXX) $(CXX_FLAGS) $(CXX_LINK) -o $@ $< -lseccomp

# What unpacks archives, apart as well. Its libraries are linked in: every machine can read what every other one can.
$(LIBEXEC)/archive.node: $(wildcard native/addon-archive/*) $(ADDON_HEADERS) Makefile
	$(call say,compile)
	$(Q)$(CXX) $(CXX_FLAGS) $(CXX_LINK) -o $@ $(filter %.cc,$^) -l:libz.a -l:libzstd.a

# --- generated sources ------------------------------------------------------------------------------------------------------

# The wire format is committed, because it is read; scripts/check.sh fails where it is out of date.
.PHONY: generate
generate: validators
	$(Q)$(BUN) scripts/generate-wire.ts

# The compiled schema is not: nobody reads it. The generator leaves an unchanged file alone, so a stamp tells make.
VALIDATORS := build/validators.stamp
.PHONY: validators
validators: $(VALIDATORS)

.PHONY: missing
$(VALIDATORS): scripts/generate-validators.ts $(wildcard spec/schema/*.ts) package-lock.json \
		$(if $(wildcard spec/generated/validate-config.js),,missing)
	$(call say,generate)
	$(Q)$(BUN) scripts/generate-validators.ts
	$(Q)touch $@

# --- TypeScript: the engine, its Node twin, the library -----------------------------------------------------------------------

TS_SOURCES := $(filter-out spec/generated/%,$(shell find spec runtime bundles -name '*.ts' -o -name '*.json')) $(VALIDATORS)
TS_DEPENDENCIES := $(TS_SOURCES) $(DEFINES) $(BUN) package.json tsconfig.json Makefile

# Bun writes its outputs where it is told, others beside them: build there, then move the result.
# What main.ts imports dynamically is a file of its own within the executable, read when it is called for.
# Bun writes the executable in small pieces, and so the page cache holds it; align-engine.ts copies it in large ones, and lays
# it out so that a page fault maps much of it.
# A compiled executable reads .env and bunfig.toml of its current directory, and runs code they name, unless told not to.
$(LIBEXEC)/engine: $(TS_DEPENDENCIES) scripts/align-engine.ts scripts/elf-layout.ts
	$(call say,bundle )
	$(Q)$(BUN) build --compile --bytecode --minify --format=esm --splitting --no-compile-autoload-dotenv --no-compile-autoload-bunfig \
		--no-compile-autoload-tsconfig --no-compile-autoload-package-json \
		$$(cat $(DEFINES)) runtime/main.ts --outfile build/engine > build/engine.log 2>&1 || { cat build/engine.log; exit 1; }
	$(Q)$(BUN) scripts/align-engine.ts build/engine $@ && rm build/engine

$(NODE_LIBEXEC)/main.mjs: $(TS_DEPENDENCIES)
	$(call say,bundle )
	$(Q)$(BUN) build --target=node $$(cat $(DEFINES)) runtime/main.ts --outfile build/main.mjs > build/main.log 2>&1 || \
		{ cat build/main.log; exit 1; }
	$(Q)mv build/main.mjs $@

$(NODE_LIBEXEC)/engine: Makefile
	$(call say,write  )
	$(Q)printf '#!/bin/sh\nexec "%s" --no-warnings "$${0%%/*}/main.mjs" "$$@"\n' '$(NODE)' > $@
	$(Q)chmod 755 $@

dist/node/tsrun: dist/tsrun
	$(call say,copy   )
	$(Q)install -m $(if $(findstring .json,$@),644,755) $< $@
$(NODE_LIBEXEC)/%: $(LIBEXEC)/%
	$(call say,copy   )
	$(Q)install -m $(if $(findstring .json,$@),644,755) $< $@

.PHONY: lib
lib: dist/lib/index.js dist/lib/types/runtime/index.d.ts

dist/lib/index.js: $(TS_DEPENDENCIES)
	$(call say,bundle )
	$(Q)$(BUN) build --target=node $$(cat $(DEFINES)) runtime/index.ts --outfile build/index.js > build/lib.log 2>&1 || \
		{ cat build/lib.log; exit 1; }
	$(Q)mv build/index.js $@

dist/lib/types/runtime/index.d.ts: $(TS_SOURCES) tsconfig.lib.json tsconfig.json
	$(call say,declare)
	$(Q)rm -rf dist/lib/types
	$(Q)node_modules/.bin/tsc -p tsconfig.lib.json
	$(Q)touch $@

# --- the manual page and the completions, made from the tables of the command line ---------------------------------------------

.PHONY: manual
manual: dist/share/man/man8/tsrun.8

dist/share/man/man8/tsrun.8: $(wildcard runtime/cli/*.ts scripts/manual/*.ts) scripts/generate-manual.ts package.json $(BUN)
	$(call say,write  )
	$(Q)rm -rf dist/share
	$(Q)$(BUN) scripts/generate-manual.ts dist/share "$$(sed -n 's/^  "version": "\(.*\)",$$/\1/p' package.json)"

# --- installation; DESTDIR and PREFIX as usual ------------------------------------------------------------------------------------

.PHONY: install uninstall
install uninstall:
	$(Q)sh scripts/install.sh $@

# --- programs for the tests, and the bundle of `npm run hello` -----------------------------------------------------------------

.PHONY: test-programs
test-programs: build/guest/guest build/launcher-probe build/init-sandbox build/init-sanitized

build/launcher-probe: test/native/probe.c Makefile
	$(call say,compile)
	$(Q)$(MUSL_CC) $(C_FLAGS) $(C_LINK) -o $@ $<

build/init-sandbox: test/native/init-sandbox.c Makefile
	$(call say,compile)
	$(Q)$(MUSL_CC) $(C_FLAGS) $(KERNEL_HEADERS) $(C_LINK) -o $@ $<

# init with the sanitizers, which there are none of for musl.
build/init-sanitized: $(INIT_SOURCES) $(INIT_HEADERS) Makefile
	$(call say,compile)
	$(Q)gcc -std=c11 -D_GNU_SOURCE -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all -o $@ $(INIT_SOURCES)

build/guest/guest: $(wildcard test/guest/*)
	$(call say,compile)
	$(Q)sh test/guest/build.sh $(CURDIR)/build/guest
	$(Q)touch $@

.PHONY: hello-bundle
hello-bundle: build/hello/config.json build/hello/rootfs/hello

build/hello/config.json: bundles/hello/config.json
	$(call say,copy   )
	$(Q)install -m $(if $(findstring .json,$@),644,755) $< $@

build/hello/rootfs/hello: bundles/hello/hello.c Makefile
	$(call say,compile)
	$(Q)$(MUSL_CC) $(C_FLAGS) $(KERNEL_HEADERS) $(C_LINK) -o $@ $<

.PHONY: clean
clean:
	$(Q)rm -rf build dist
