# Impediments to Learning. `make help` lists what there is.

PYTHON ?= python3
OFFSETS ?= 10
PORT ?= 8000
CH ?=
SOLUTIONS ?=

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/made-for
SITE := _build/html

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help book test site serve preview slides pdf run robust colab-env test-colab pack grade publish unpublish lock system chromium diff-driver clean

# The environment is stale when this folder was moved or its Python is gone.
ifneq ($(wildcard $(STAMP)),)
$(shell grep -qxF "$(CURDIR)" $(STAMP) && $(BIN)/python -c "" 2>/dev/null || rm -f $(STAMP))
endif

help: ## this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

book: site ## build the site from the executed chapters
	@echo "The site is built. Open $(CURDIR)/$(SITE)/index.html, or run: make serve"

test: site chromium ## check everything: code, types, chapters, site
	$(BIN)/python -m ruff check .
	$(BIN)/python -m mypy
	$(BIN)/python -m pytest -n 2 --dist loadscope
	$(BIN)/python -m tools.colab
	$(BIN)/python -m tools.colab --single-file 00

site: $(STAMP)
	@$(BIN)/jupyter-book build . -W --keep-going --quiet || { rm -rf _build/.doctrees $(SITE)/.buildinfo; exit 1; }
	@$(BIN)/python tools/check_site.py

serve: $(STAMP) ## serve the built site on 127.0.0.1 (PORT=8000)
	@test -f $(SITE)/index.html || { echo "There is no site yet. Run: make book"; exit 1; }
	@$(BIN)/python -c 'import socket, sys; socket.create_server(("127.0.0.1", int(sys.argv[1])))' $(PORT) 2>/dev/null \
	|| { echo "Port $(PORT) is busy or no port. Try another: make serve PORT=8001"; exit 1; }
	@echo "http://127.0.0.1:$(PORT)/  (Ctrl-C stops it)"
	@$(BIN)/python -m http.server $(PORT) --bind 127.0.0.1 --directory $(SITE)

preview: book serve ## build the site and serve it

slides: $(STAMP) ## make decks of slides, offline: all chapters, or CH=02 (SOLUTIONS=1)
	@$(BIN)/python -m tools.slides $(if $(SOLUTIONS),--solutions) $(CH)

pdf: site ## make handouts: a PDF of each chapter and of the book, or CH=02 (SOLUTIONS=1)
	@$(BIN)/python -m tools.pdf $(if $(SOLUTIONS),--solutions) $(CH)

run: $(STAMP) ## execute all chapters in place, or one: CH=02
	@$(BIN)/python -m tools.run $(CH)

robust: $(STAMP) ## test every claim under fresh seeds (OFFSETS=10)
	@$(BIN)/python -m tools.robust --offsets $(OFFSETS) $(CH)

colab-env: $(STAMP) ## make an environment with the versions that Colab has
	@$(BIN)/python -m tools.colab --env

test-colab: $(STAMP) ## run all chapters as Colab would, or one: CH=02
	@$(BIN)/python -m tools.colab $(CH)

pack: $(STAMP) ## write what students get, and the teacher's own set: all, or CH="02 05"
	@$(BIN)/python -m tools.pack $(CH)

# The shell reads IN and OUT, so that no sign in them can become a command.
grade: $(STAMP) ## grade submissions in a sandbox: IN=submissions OUT=grades.csv (ARGS=--unsafe)
	@$(BIN)/python -m tools.grade "$${IN:-submissions}" "$${OUT:-grades.csv}" $(ARGS)

# The shell reads REPO and TAG, so that no sign in them can become a command.
publish: $(STAMP) ## name the course's address everywhere: REPO=https://github.com/… TAG=v1.0
	@$(BIN)/python -m tools.publish "$$REPO" "$$TAG"

unpublish: $(STAMP) ## take the address out again
	@$(BIN)/python -m tools.publish --undo

lock: $(STAMP) ## pin anew all that pyproject.toml asks for, in requirements.txt
	$(BIN)/python -m tools.lock

system: ## install Chromium and bubblewrap for tests and grading (Debian; needs root)
	apt-get update -qq
	apt-get install -y -qq --no-install-recommends bubblewrap chromium chromium-driver

# Never fails: without them the tests that need them are skipped, and say so.
chromium:
	@command -v chromedriver >/dev/null && command -v bwrap >/dev/null \
	|| { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && $(MAKE) system; } \
	|| echo "Chromium or bubblewrap is missing: the tests that need them will be skipped. To have it: sudo make system"

diff-driver: ## let git show changes in chapters as text, without outputs
	git config diff.jupytext.textconv "$(CURDIR)/$(BIN)/jupytext --quiet --to md --output -"
	git config diff.jupytext.cachetextconv true

clean: ## remove the built site and caches (the environment stays)
	rm -rf _build .pytest_cache .mypy_cache .ruff_cache .hypothesis

$(STAMP): requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null \
	|| { echo "The course needs Python 3.11, 3.12 or 3.13, and $(PYTHON) is not one: name one, as in make PYTHON=python3.12 book"; exit 1; }
	@echo "Making the environment in $(VENV): about two minutes, once."
	@test -f $@ || $(PYTHON) -m venv --clear $(VENV)
	@$(BIN)/python -m pip install --quiet --requirement requirements.txt
	@$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@printf '%s\n' "$(CURDIR)" > $@
