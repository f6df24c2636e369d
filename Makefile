# What can be done here. `make test` is all that a fresh machine needs.
.PHONY: help run build test lint verify fmt bench soak clean

help: ## what there is
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

run: ## OpsBot on the embedded stack: the page, git, builds and deployments
	go run ./cmd/opsbot

# nomsgpack leaves out an encoding of gin that nothing here speaks, and 6 MB with it.
build: ## the binary, in bin/
	CGO_ENABLED=0 go build -tags nomsgpack -trimpath -ldflags '-s -w' -o bin/opsbot ./cmd/opsbot

test: ## all tests; finds or installs PostgreSQL, chromium, bubblewrap and git
	@.ci/test

lint: ## linters and known vulnerabilities
	@.ci/lint

verify: ## generated documents and golden files are current
	@.ci/verify

fmt: ## write the code in its one form
	go tool -modfile=.ci/tools.mod golangci-lint fmt

bench: ## measure; prints ratios and fails below a bar
	@if [ -d test/bench ]; then go run ./test/bench; else echo "bench: there is no test/bench"; exit 1; fi

soak: ## the long variants of the tests
	OPSBOT_SOAK=1 .ci/test ./...

clean: ## what was built
	rm -rf bin .cache
