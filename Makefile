# make demo                      the whole experiment in small on two cores: synthetic speech, tiny model, real trainers
# make demo ARGS=-n              words for snakemake: here, only show the plan
# make seeds SEEDS="1 2 3"       the demo's first and last row again, each with another seed of both trainings
# make sample CORPORA=DIR        the same stages on real AISHELL speech laid out in DIR
# make rehearse DIRECTORY=DIR    20 updates of each training before the days begin: does it fit, how long will it take;
#                                ARGS="--profile profiles/slurm": the words that snakemake will be given
# make status DIRECTORY=DIR      how far a run has got: milestones, speed, what is queued and why (any time, as it runs)
# make prune DIRECTORY=DIR       what work/ still holds of trainings that need it no more; ARGS=--remove removes it
# make transcribe FILES="a.mp3 'my talk.mp3' DIR"   what is said in audio, heard by an exported model;
#                                ARGS="--format srt --output DIR"
# make image                     all environments in one image, for Apptainer or Docker (docs/containers.md)
# make test                      every test that this machine can run; names those it skips, and why (an hour)
# make test ARGS=tests/unit      words for pytest: here, one folder
# make check                     lint, unit, fidelity and the workflow tests that matter most (4 min)
# make lint                      ruff, snakefmt and snakemake --lint
# make release-check             whether this commit can be released: a clean clone, its demo, licences (20 min)

SHELL := /bin/bash
ARGS ?=
DIRECTORY ?= .
SEEDS ?= 1 2 3 4 5

ENVS := $(sort $(wildcard workflow/envs/*.yaml workflow/envs/*.post-deploy.sh))
# A path may hold what make or a shell takes apart: here they are relative, or variables of bash, which gets all that is
# given to make. Programs of .venv/bin begin with the whole path of their python, which may be too long, or an old one.
BIN := .venv/bin
IN_VENV := PATH="$$PWD/$(BIN):$$PATH" $(BIN)/python
SNAKEMAKE := $(IN_VENV) -m snakemake --profile profiles/demo
DEMO_MODEL := runs/demo/results/export/digits
DEMO_CORPUS := runs/demo/corpora/data_aishell
DEMO_WAV := $(DEMO_CORPUS)/wav/test/S0764/BAC009S0764W0122.wav
export DIRECTORY
unexport PYTHONDONTWRITEBYTECODE  # each step is a python of its own, and would compile all that it imports
DRY_RUN := $(filter -n --dry-run --dryrun -np,$(ARGS))

# In several workers (tests/parallel.py says which tests stay together), each on one core; ARGS="-n 0" makes it one.
PYTEST := OMP_NUM_THREADS=1 $(IN_VENV) -m pytest -n auto --max-worker-restart 0
CHECKED := unit fidelity $(addprefix workflow/test_,dag.py plans.py reruns.py rules.py shell.py trace.py)

.PHONY: demo seeds sample rehearse status prune transcribe image test check lint release-check
demo: .venv/.complete runs/demo/corpora
	@$(SNAKEMAKE) $(ARGS)
	@$(if $(DRY_RUN),,$(MAKE) --no-print-directory runs/demo/report.html && cat runs/demo/results/cer.md)
	@$(if $(DRY_RUN),,echo "What is said in $(DEMO_WAV), and what $(DEMO_MODEL) hears:" && \
		sed -n 's/^$(basename $(notdir $(DEMO_WAV))) //p' $(DEMO_CORPUS)/transcript/aishell_transcript_v0.8.txt && \
		$(BIN)/python -m scripts.transcribe $(DEMO_WAV) --model $(DEMO_MODEL))

seeds: $(SEEDS:%=runs/seed-%/results/cer.md)
	@grep -H "^| @" $^

runs/seed-%/results/cer.md: .venv/.complete runs/demo/corpora
	@mkdir -p runs/seed-$* && ln -sfn ../demo/corpora runs/seed-$*/corpora
	@printf '%s\n' 'pretraining: {mandarin: {seed: $*, milestones: [0, 800], best: false}}' \
		'finetuning: {aishell1: {seeds: [$*]}}' \
		'experiments: [{finetuning: aishell1, from: [mandarin]}]' > runs/seed-$*/overlay.yaml
	@$(SNAKEMAKE) --directory runs/seed-$* --configfile config/demo.yaml runs/seed-$*/overlay.yaml $(ARGS)

sample: .venv/.complete
	@test -d "$$CORPORA" || { echo "make sample CORPORA=DIR: DIR holds data_aishell/ and AISHELL-2/"; exit 1; }
	@mkdir -p runs/sample && ln -sfn "$$(realpath "$$CORPORA")" runs/sample/corpora
	@$(SNAKEMAKE) --directory runs/sample --configfile config/sample.yaml $(ARGS)
	@$(if $(DRY_RUN),,cat runs/sample/results/cer.md)

rehearse: .venv/.complete
	@$(IN_VENV) -m scripts.cluster.rehearse $(if $(filter-out file,$(origin DIRECTORY)),--directory "$$DIRECTORY") $(ARGS)

status: .venv/.complete
	@$(BIN)/python -m scripts.cluster.status --directory "$$DIRECTORY" $(ARGS)

prune: .venv/.complete
	@$(BIN)/python -m scripts.cluster.prune --directory "$$DIRECTORY" $(ARGS)

transcribe: .venv/.complete
	@xargs --arg-file <(printf '%s' "$$FILES") $(BIN)/python -m scripts.transcribe $(ARGS)

image: .venv/.complete
	@$(IN_VENV) -m scripts.cluster.containerize runs/image $(ARGS)

test: .venv/.complete
	@$(PYTEST) $(ARGS)

check: lint
	@$(PYTEST) -m "not slow" $(CHECKED:%=tests/%) $(ARGS)

lint: .venv/.complete
	@$(BIN)/python -m ruff check .
	@$(BIN)/python -m snakefmt --check Snakefile workflow examples
	@mkdir -p runs/lint/corpora/AISHELL-2/iOS/data runs/lint/corpora/data_aishell
	@$(IN_VENV) -m snakemake --lint --directory runs/lint

release-check:
	@bash .ci/release

runs/demo/corpora: scripts/corpora/make_demo_corpora.py scripts/corpora/demo_voices.py | .venv/.complete
	@$(BIN)/python -m scripts.corpora.make_demo_corpora --output $@ --seed 1

runs/demo/report.html: runs/demo/results/cer.md
	@$(SNAKEMAKE) --report report.html --quiet all
	@echo "report: $@"

# One environment with the pins of all rules.
.venv/.complete: $(ENVS)
	@bash workflow/envs/install.sh
	@touch $@
