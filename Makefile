# Everything a person or a pipeline does with this repository. Each target says
# what it needs and installs it, or says exactly what to run if it may not.

SHELL := /usr/bin/env bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

# Tools are built from source at these versions, through the Go module proxy
# with its checksums: no binaries are downloaded, nothing is installed outside
# this folder. A file is named for its version, so a new version is a new file.
GOLANGCI_LINT_VERSION := v2.15.0
COMPOSE_GO_VERSION    := v2.16.2
GOTESTSUM_VERSION     := v1.13.0
VULN_VERSION          := v1.9.0
# The newest advisories: make vulncheck VULNDB_VERSION=latest
VULNDB_VERSION        ?= v0.0.0-20261105234957-e22db6528018
CYCLONEDX_VERSION     := v1.10.0
TOOLS         := .cache/bin
GOLANGCI_LINT := $(TOOLS)/golangci-lint-$(GOLANGCI_LINT_VERSION)
COMPOSE_GO    := $(TOOLS)/compose-go-$(COMPOSE_GO_VERSION)
GOTESTSUM     := $(TOOLS)/gotestsum-$(GOTESTSUM_VERSION)
# The only path from the root, and quoted: a checkout's path may have spaces.
install_tool = mkdir -p $(TOOLS)/tmp && GOBIN="$(CURDIR)/$(TOOLS)/tmp" go install

# Where `make run` keeps its data: make run DATA=/var/tmp/portal-invites
DATA ?= $(or $(STANDALONE_DATA),./data)

# What `--version` prints: a tag if there is one, else the commit.
VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
LDFLAGS := -X portal-invites/internal/app.Version=$(VERSION)

# The version is stamped by the line above. Go's own stamping fails where git does
# not trust the checkout, as for root in somebody else's.
export GOFLAGS := $(strip $(shell go env GOFLAGS 2>/dev/null) -buildvcs=false)

# Test results are cached by Go as usual: a package whose code and inputs have
# not changed is not run again. TESTFLAGS=-count=1 runs everything.
TESTFLAGS ?=

# PostgreSQL's programs first in PATH, so that what was found (or installed) is
# what the tests and `standalone` start.
WITH_POSTGRES := dir=$$(scripts/ensure-postgres.sh) && PATH="$$dir:$$PATH"

# The tests of the console open its pages in a browser.
WITH_BROWSER := CHROMIUM=$$(scripts/ensure-chromium.sh) && export CHROMIUM &&

.PHONY: help demo run test quick lint fmt fmt-check vet model unit mutants mutants-check fault soak black-friday years postfix-test build compose-check \
  vulncheck sbom bench bench-quick prose commits cover clean needs postgres spin go

help: ## List these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# What is missing is said before a minute of compiling.
demo: postgres build ## An example firm's invites from event to mailbox, in half a minute; exits by itself
	@$(WITH_POSTGRES) ./bin/standalone demo

run: postgres build ## The same pipeline, staying up, with its data in ./data or DATA=folder (Ctrl-C stops it)
	@$(WITH_POSTGRES) ./bin/standalone --data "$(DATA)"

build: go ## Build the commands into ./bin (static, no C compiler needed)
	@[ -e bin/standalone ] || echo "Building the commands into ./bin; the first time takes a minute or two"
	CGO_ENABLED=0 go build -trimpath -ldflags '$(LDFLAGS)' -o bin/ ./cmd/...

# What fails within seconds comes first.
test: needs prose model lint vet unit mutants-check compose-check bench-quick ## Everything that CI checks: texts, models, format, lint, vet, every test, some mutants, compose.yaml

# The time limit is for one package: far above what any needs on a busy machine,
# and low enough that a test that hangs is reported with its goroutines.
TIMEOUT ?= 20m
ifdef CI
# In CI, a test that fails is tried once more by itself, and both results are in the log (ADR 99).
unit: needs $(GOTESTSUM)
	@$(WITH_BROWSER) $(WITH_POSTGRES) $(GOTESTSUM) --format pkgname-and-test-fails --format-icons text --hide-summary skipped \
	  --rerun-fails=1 --rerun-fails-max-failures=2 --rerun-fails-run-root-test --rerun-fails-abort-on-data-race \
	  --packages ./... -- -race -timeout $(TIMEOUT) $(TESTFLAGS)
else
unit: needs ## Only the Go tests, with the race detector
	@$(WITH_BROWSER) $(WITH_POSTGRES) go test -race -timeout $(TIMEOUT) $(TESTFLAGS) ./...
endif

# What to run while writing; it says what it leaves out. Tests of workers wait more than they compute, so three packages and
# eight tests of each run at a time, also on two cores.
PROCESS_TESTS := internal/systemtest internal/opstest internal/postfixtest internal/standalone
quick: go ## Most Go tests in a minute and a half: no real processes, no race detector, small sizes
	@echo "Left out: $(PROCESS_TESTS), bench, the race detector, the linters, compose.yaml; a replay is over 100 contacts, not 600."
	@export PIPELINE_CONTACTS=100; packages=$$(go list ./... | grep -v $(PROCESS_TESTS:%=-e '/%$$')) && \
	  $(WITH_POSTGRES) go test -timeout 8m -p 3 -parallel 8 $(TESTFLAGS) $$packages

# Each patch of testdata/mutants breaks the code. A check must find it and name the place. MUTANTS selects some of them.
MUTANTS ?=
mutants: needs $(GOLANGCI_LINT) ## Apply each patch of testdata/mutants, which breaks the code, and say which check finds it
	@$(WITH_POSTGRES) go run ./scripts/mutants -linter $(GOLANGCI_LINT) $(MUTANTS)

mutants-check: needs ## Apply and compile each mutant; run the ten with ci: yes
	@$(WITH_POSTGRES) go run ./scripts/mutants -check

# Not part of `make test`, which has the short form. FAULT_SEEDS is a seed or a range.
# With FAULT_RESUME=1, it leaves out the seeds that these same programs have been through.
# With FAULT_REPORT=1, the report of docs/testing.md is written from all seeds that these programs have been through.
FAULT_SEEDS ?= 1-20
FAULT_AT_ONCE ?= 1
FAULT_RESUME ?=
FAULT_REPORT ?=
fault: needs ## Break the workers' surroundings at random, by seed, and let an oracle judge (docs/testing.md)
	@mkdir -p .cache/fault
	@export FAULT_SEEDS="$(FAULT_SEEDS)" FAULT_AT_ONCE="$(FAULT_AT_ONCE)" FAULT_RESUME="$(FAULT_RESUME)" \
	  FAULT_REPORT="$(FAULT_REPORT)" TEST_DATABASE_LOG="$(CURDIR)/.cache/fault/postgres.log"; \
	  $(WITH_POSTGRES) go test -count=1 -timeout 24h -v ./internal/systemtest -run '^TestFaults$$'

# `make test` has a form of some seconds of both.
SOAK ?= 1h
SOAK_RATE ?= 20
soak: needs ## Let workers work for an hour (SOAK) while something breaks every minute: nothing may grow
	@export SOAK="$(SOAK)" SOAK_RATE="$(SOAK_RATE)"; \
	  $(WITH_POSTGRES) go test -count=1 -timeout 24h -v ./internal/systemtest -run '^TestSoak$$'

BLACK_FRIDAY_FIRMS ?= 200
BLACK_FRIDAY_CONTACTS ?= 5000
black-friday: needs ## 200 firms start runs of 5,000 in one minute, beside individual invites; the mail server throttles
	@export BLACK_FRIDAY_FIRMS="$(BLACK_FRIDAY_FIRMS)" BLACK_FRIDAY_CONTACTS="$(BLACK_FRIDAY_CONTACTS)"; \
	  $(WITH_POSTGRES) go test -count=1 -timeout 24h -v ./internal/systemtest -run '^TestBlackFriday$$'

# A seed is a number that says what happens. `make test` has short forms.
YEARS_SEEDS ?= 1-2
YEARS_FIRMS ?= 1
years: needs ## Play fourteen months of a firm (YEARS_FIRMS), by seed, on a clock that jumps (docs/testing.md)
	@export YEARS_SEEDS="$(YEARS_SEEDS)" YEARS_FIRMS="$(YEARS_FIRMS)"; \
	  $(WITH_POSTGRES) go test -count=1 -timeout 24h -v ./internal/pipeline -run '^TestYears$$'

# Not part of `make test`: it installs a mail server's programs and needs root.
POSTFIX_TEST_MAILS ?= 5000
postfix-test: needs ## 5,000 mails through a real, private Postfix on loopback (as root)
	@scripts/ensure-postfix.sh
	@export POSTFIX_TEST_MAILS=$(POSTFIX_TEST_MAILS) POSTFIX_TEST_SERVERS=$$(scripts/ensure-other-servers.sh); $(WITH_POSTGRES):/usr/sbin go test -count=1 -timeout 40m -v ./internal/postfixtest

# MODEL selects some of them.
MODEL ?=
model: go spin ## Check the models of the protocol in docs/model with spin, every state of them
	@go run ./scripts/model $(MODEL)

lint: go $(GOLANGCI_LINT) ## Check the format and run the linters (.golangci.yml says why each)
	$(GOLANGCI_LINT) run ./...
	cd bench && ../$(GOLANGCI_LINT) run ./...

prose: go ## Fail on long sentences in pages and comments, and on words that docs/glossary.md has retired
	@go run ./scripts/prose

# Not part of `make test`: nobody can mend a subject once it has landed.
commits: ## Fail on commit subjects that are too long
	@scripts/check-commits.sh

fmt: go $(GOLANGCI_LINT) ## Format the code as `make lint` wants it
	$(GOLANGCI_LINT) fmt ./...
	cd bench && ../$(GOLANGCI_LINT) fmt ./...

vet: go ## Run go vet
	go vet ./...
	go -C bench vet ./...

# Two checks: the Compose Specification's schema, by the loader that docker
# compose itself uses (its own program does not fill in variables, so it is told
# not to), and what we ask of these files beyond, in internal/deploytest.
compose-check: go $(COMPOSE_GO) ## Check compose.yaml and the Dockerfile, as far as one can without an engine
	$(COMPOSE_GO) --no-interpolation compose.yaml >/dev/null
	go test ./internal/deploytest

# Skipped, and said so, where the module proxy can't be reached.
vulncheck: go ## Look for advisories that our code calls, with a database made from the module proxy
	@VULN_VERSION=$(VULN_VERSION) VULNDB_VERSION=$(VULNDB_VERSION) scripts/vulncheck.sh

sbom: go ## Write what the commands are made of to bin/sbom.json (CycloneDX)
	@mkdir -p bin
	go run github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod@$(CYCLONEDX_VERSION) app -json -licenses \
	  -packages -main cmd/invite-worker -output bin/sbom.json .

# About an hour on a quiet machine, and every number depends on what else runs.
# BENCH takes the program's own flags: BENCH='--rows sending --rounds 3'.
bench: needs ## Measure beside floors and peers; writes bench/results/latest.md and the numbers of docs/performance.md
	@$(WITH_POSTGRES) go -C bench run . --out results $(BENCH)

bench-quick: needs ## One small iteration of every benchmark: that it works, not how fast
	go -C bench test $(TESTFLAGS) ./...
	@$(WITH_POSTGRES) go -C bench run . --quick

cover: go ## Measure the tests' coverage; the page is .cache/cover.html
	@mkdir -p .cache
	@$(WITH_POSTGRES) go test -timeout $(TIMEOUT) -coverpkg=./... -coverprofile=.cache/cover.out ./...
	go tool cover -html=.cache/cover.out -o .cache/cover.html
	go tool cover -func=.cache/cover.out | tail -n 1

clean: ## Remove what was built: ./bin and ./.cache (./data stays: it is yours)
	rm -rf bin .cache

# Everything that is missing is said at once, and before anything slow begins.
needs: go
	@missing=0; scripts/ensure-cgo.sh || missing=1; scripts/ensure-postgres.sh >/dev/null || missing=1; \
	  $(if $(filter test,$(MAKECMDGOALS)),scripts/ensure-spin.sh || missing=1;) exit $$missing

postgres: go
	@scripts/ensure-postgres.sh >/dev/null

spin:
	@scripts/ensure-spin.sh

go:
	@scripts/check-go.sh

$(GOLANGCI_LINT):
	@echo "Building golangci-lint $(GOLANGCI_LINT_VERSION) into .cache/bin (once; two to three minutes)"
	@$(install_tool) github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI_LINT_VERSION)
	@mv $(TOOLS)/tmp/golangci-lint $@

$(COMPOSE_GO):
	@echo "Building compose-go $(COMPOSE_GO_VERSION) into .cache/bin (once)"
	@$(install_tool) github.com/compose-spec/compose-go/v2/cmd@$(COMPOSE_GO_VERSION)
	@mv $(TOOLS)/tmp/cmd $@

$(GOTESTSUM):
	@echo "Building gotestsum $(GOTESTSUM_VERSION) into .cache/bin (once)"
	@$(install_tool) gotest.tools/gotestsum@$(GOTESTSUM_VERSION)
	@mv $(TOOLS)/tmp/gotestsum $@
