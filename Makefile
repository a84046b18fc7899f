# Rouse: `make demo` shows it working, `make test` proves it. `make help` lists the rest.

GO          ?= go
STATICCHECK ?= honnef.co/go/tools/cmd/staticcheck@v0.8.2
GOVULNCHECK ?= golang.org/x/vuln/cmd/govulncheck@v1.9.0
VERSION     ?= $(shell git describe --tags --dirty 2>/dev/null)
LDFLAGS     := -s -w -X main.release=$(VERSION)

.DEFAULT_GOAL := help
.PHONY: help build images demo up test lint generate bench compat nightly fuzz check-compose clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: bin/rouse bin/rouse-agent ## build rouse and its agent into bin/

bin/rouse: FORCE
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '$(LDFLAGS)' -o $@ ./cmd/rouse

bin/rouse-agent: FORCE
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '-s -w' -o $@ ./cmd/rouse-agent

bin/rouse-onnx: FORCE
	$(GO) build -trimpath -ldflags '-s -w' -o $@ ./cmd/rouse-onnx

FORCE:

images: ## build the runtimes' base images (needs a Docker engine)
	images/build.sh

demo: ## start Rouse, call every example cold and warm, wait until all sleep, clean up
	scripts/demo.sh

up: ## start Rouse in the foreground with the examples deployed
	scripts/up.sh

test: ## every test, with the race detector
	scripts/test.sh

lint: ## gofmt, vet, staticcheck, and govulncheck where its database can be reached
	@unformatted=$$(gofmt -l $$(git ls-files '*.go')); [ -z "$$unformatted" ] || { echo "not gofmt-ed:"; echo "$$unformatted"; exit 1; }
	$(GO) vet ./...
	$(GO) run $(STATICCHECK) ./...
	@if curl -sfm 5 -o /dev/null https://vuln.go.dev/index/modules.json; then \
		$(GO) run $(GOVULNCHECK) ./...; \
	else \
		echo "govulncheck: its database cannot be reached from here; not run"; \
	fi

generate: ## write the generated references anew (configuration, schema)
	$(GO) generate ./...

bench: ## measure, and write bench/RESULTS.md (BENCH=-quick: few rounds)
	scripts/bench.sh $(BENCH)

nightly: ## long property, fuzz and soak runs
	scripts/nightly.sh

compat: ## unmodified AWS clients and handlers against a real Rouse
	scripts/compat.sh

check-compose: ## start the Compose setup and call a function through it
	scripts/check-compose.sh

clean: ## remove what was built; .cache holds downloads and stays
	rm -rf bin
