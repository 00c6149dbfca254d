# One line of help for each target: `make`.
.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:

BIN := .venv/bin
ROOTS := protos core server client
PROTO_ROOTS := protos examples/orders/protos
TYPED := $(wildcard $(ROOTS) certs tests examples benchmarks docs)
# Stubs of the .proto files under $(1), into $(2).
PROTOC = $(BIN)/python -m grpc_tools.protoc -Iprotos -I$(1) \
	--python_out=$(2) --pyi_out=$(2) --grpc_python_out=$(2) $$(find $(1) -name '*.proto' | LC_ALL=C sort)
STEP = @printf '\n== %s\n' '$(1)'

.PHONY: help setup demo test crash check protos certs bench clean

help: ## list the targets
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 16

setup: .venv/installed ## make .venv with everything that the other targets need

demo: setup ## see it work: a server, an enrolled client, a sealed record, a refused forgery
	@$(BIN)/python examples/demo.py

test: setup ## run every test
	@$(BIN)/python -m pytest -q -n 2 --dist worksteal $(ARGS)

crash: setup ## cut the power of a loaded server 20 times (as root), and check 200 histories
	@$(BIN)/python -m tests.power
	@$(BIN)/python -m tests.histories

check: setup ## lint, types, layers, protocol, and whatever is generated being up to date
	$(call STEP,ruff check)
	@$(BIN)/ruff check .
	$(call STEP,ruff format)
	@$(BIN)/ruff format --check .
	$(call STEP,mypy --strict)
	@$(BIN)/mypy --strict $(TYPED)
	$(call STEP,import layers)
	@$(BIN)/lint-imports --no-logo
	$(call STEP,buf lint)
	@$(BIN)/buf lint
	$(call STEP,buf format)
	@$(BIN)/buf format --diff --exit-code
	$(call STEP,generated stubs)
	@fresh=$$(mktemp -d); trap 'rm -rf "$$fresh"' EXIT; \
	for root in $(PROTO_ROOTS); do \
		mkdir -p "$$fresh/$$root"; $(call PROTOC,$$root,"$$fresh/$$root"); \
		diff -r -x '*.proto' -x py.typed -x __pycache__ "$$root" "$$fresh/$$root" \
		|| { echo "The committed stubs differ from what $$root generates: run \`make protos\`." >&2; exit 1; }; \
	done
	$(call STEP,generated documentation)
	@$(BIN)/python docs/generate.py --check

protos: setup ## regenerate the stubs beside the .proto files
	@find $(PROTO_ROOTS) \( -name '*_pb2.py' -o -name '*_pb2.pyi' -o -name '*_pb2_grpc.py' \) -delete
	@for root in $(PROTO_ROOTS); do $(call PROTOC,$$root,$$root); done

certs: setup ## make the development PKI in certs/generated
	@$(BIN)/python certs/generate.py

bench: setup ## measure
	@$(BIN)/python -m benchmarks $(ARGS)

clean: ## remove .venv, caches, builds and the development PKI
	@rm -rf .venv certs/generated build dist \
		.hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The first interpreter that is new enough and can make a virtual environment.
define FIND_PYTHON
for python in $(PYTHON) python3.11 python3; do \
	"$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || continue; \
	found="$$python"; \
	"$$python" -c 'import ensurepip, venv' 2>/dev/null && break; \
	found=; bare="$$python"; \
done
endef

.venv/installed: pyproject.toml constraints.txt
	@$(FIND_PYTHON); \
	if [ -z "$${found:-}" ] && [ -n "$${bare:-}" ]; then \
		echo "$$bare cannot make a virtual environment, because it came without venv and ensurepip: on Debian and Ubuntu, install the package python3-venv; then run make again." >&2; exit 1; \
	elif [ -z "$${found:-}" ]; then \
		echo 'Sealwire needs Python 3.11 or newer, and neither python3.11 nor python3 is: install one, or name it as in `make setup PYTHON=/path/to/python3`.' >&2; exit 1; \
	fi; \
	echo "Installing into .venv with $$("$$found" --version) (once; takes under a minute)"; \
	[ -x $(BIN)/python ] && $(BIN)/python -m pip --version >/dev/null 2>&1 || "$$found" -m venv --clear .venv; \
	$(BIN)/python -m pip install --quiet --disable-pip-version-check \
		-c constraints.txt -e '.[server,dev]'
	@touch $@
