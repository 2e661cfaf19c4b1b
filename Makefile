# make quick    from a fresh clone to results-quick/sub1/videos: 24 clips, after short trainings
# make videos   from a fresh clone to results/sub1/videos
# make test     the tests; FILE=tests/test_cli.py: of one file or folder
# make test-all those, too, that take minutes each
# make check    formatting, lint, types, direction of imports
# make docs     the documentation as pages, in build/site
# make resources   the profiles' limits and their table in docs/reference/cost.md, from workflow/resources.tsv
# make dist     wheel and sdist, in build/dist
# make rehearsal   the whole pipeline at full size on random data and weights, in build/rehearsal
PYTHON ?= python3
BIN := .venv/bin
export PATH := $(CURDIR)/$(BIN):$(PATH)

.PHONY: quick videos control test test-all check docs dist rehearsal resources lock schema clean

quick: .venv/installed
	snakemake --cores all --configfile config/config.yaml config/quick.yaml -- results-quick/sub1/videos

videos: .venv/installed
	MINDVIDEO_CONFIG=config/config.yaml snakemake --cores all results/sub1/videos

control: .venv/installed
	MINDVIDEO_CONFIG=config/config.yaml snakemake --cores all control

# Workers take whole files, so that each expensive fixture of a module is made once.
WORKERS := --numprocesses logical --maxprocesses 4 --dist loadfile --no-loadscope-reorder

test: .venv/installed
	pytest $(WORKERS) $(FILE)

test-all: .venv/installed
	pytest $(WORKERS) -m '' --timeout 1500 $(FILE)

check: .venv/installed
	ruff check .
	ruff format --check .
	snakefmt --check Snakefile workflow rules
	mypy
	lint-imports
	oxlint --deny-warnings mindvideo/figures/pages
	djlint --lint --profile jinja --ignore H021 mindvideo/figures/pages # H021: places on an axis
	snakemake --lint

docs: .venv/installed
	mindvideo settings > docs/reference/settings.md
	NO_MKDOCS_2_WARNING=1 mkdocs build --quiet # the notice is about versions that the lock excludes

dist: .venv/installed
	rm -rf build/dist
	python -c "from setuptools import build_meta as b; b.build_sdist('build/dist'); b.build_wheel('build/dist')"

rehearsal: .venv/installed
	python -m benchmarks.rehearsal build/rehearsal

resources: .venv/installed
	python -m benchmarks.resources

# The environment is the lock, and this package on top of it.
.venv/installed: envs/requirements.lock pyproject.toml
	$(PYTHON) -c "import sys; sys.exit('Python 3.11 or newer is needed; this is ' + sys.version) if sys.version_info < (3, 11) else None"
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r envs/requirements.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	touch $@

# Resolve the dependencies of pyproject.toml again, for every platform (needs uv).
lock:
	uv pip compile --quiet --universal --python-version 3.11 --extra dev --generate-hashes \
		--no-header --no-annotate --no-emit-index-url pyproject.toml -o envs/requirements.lock
	sed -i "s/^\(# sha256 of requirements.lock: \).*/\1$$(sha256sum envs/requirements.lock | cut -d' ' -f1)/" \
		envs/mindvideo.post-deploy.sh

schema: .venv/installed
	mindvideo schema > workflow/schemas/config.schema.json

clean:
	rm -rf results results-quick data .snakemake
