"""How much does pre-training wav2vec 2.0 on a language help speech recognition, and after how many updates?"""

import sys
from copy import deepcopy
from pathlib import Path

import yaml
from snakemake.utils import min_version, update_config

min_version("9.27")

try:
    REPOSITORY = Path(workflow.current_basedir)  # `workflow.basedir` is the importer's where somebody imports this
except TypeError:
    sys.exit("error: the module's snakefile has to lie in a clone on this machine, where its steps find the repository")

sys.path.insert(0, str(REPOSITORY))
from scripts.common import errors, places
from scripts.common.configuration import check

errors.exit_on_error(lambda: places.check({"the repository": REPOSITORY, "the working directory": Path.cwd()}))


configfile: f"{REPOSITORY}/config/config.yaml"


# Snakemake leaves that line out for whoever imports this with a config of their own. Theirs is an overlay, too.
overlay, config = config, deepcopy(config)
update_config(config, yaml.safe_load((REPOSITORY / "config/config.yaml").read_text(encoding="utf-8")))
update_config(config, overlay)


report: "workflow/report/workflow.rst"


pathvars:
    start="from/{model}/{checkpoint}",
    branch="<start>/lr-{lr}/seed-{seed}",


include: "workflow/rules/shell.smk"
include: "workflow/rules/sigterm.smk"
include: "workflow/rules/common.smk"


SCHEMA = REPOSITORY / "workflow" / "schemas" / "config.schema.yaml"
errors.exit_on_error(lambda: check(config, SCHEMA, REPOSITORY, FORMATS))


include: "workflow/rules/reruns.smk"
include: "workflow/rules/corpora.smk"
include: "workflow/rules/pretrain.smk"
include: "workflow/rules/finetune.smk"
include: "workflow/rules/evaluate.smk"
include: "workflow/rules/results.smk"
include: "workflow/rules/exported.smk"
include: "workflow/rules/export.smk"
include: "workflow/rules/tripwires.smk"


rule all:
    input:
        "results/cer.md",
        "results/cer.tsv",
        "results/cer-by-updates.svg",
        "results/report.html",
        pictures_of_errors(),
        "results/config.yaml",
        "results/provenance.json",
        "results/trainings.md",
        "results/pretraining.svg",
        "results/finetuning.svg",
        [f"results/export/{name}" for name in EXPORTS],
        inputs.all_settled(config),


if rules.all.input[0] != "results/cer.md":
    sys.exit(
        "error: prefix and replace_prefix of a module move files away from where the steps look for them: "
        "leave them out, and keep results apart by working directories (workdir, or --directory)"
    )
