"""How much does pre-training wav2vec 2.0 on a language help speech recognition, and after how many updates?"""

import sys
from pathlib import Path

from snakemake.utils import min_version

min_version("9.27")

REPOSITORY = Path(workflow.current_basedir)  # `workflow.basedir` is the importer's where somebody imports this

sys.path.insert(0, str(REPOSITORY))
from scripts.common.configuration import check
from scripts.common.errors import StepError


configfile: f"{REPOSITORY}/config/config.yaml"


report: "workflow/report/workflow.rst"


pathvars:
    start="from/{model}/{checkpoint}",
    branch="<start>/lr-{lr}/seed-{seed}",


include: "workflow/rules/shell.smk"
include: "workflow/rules/common.smk"


try:
    check(config, REPOSITORY / "workflow" / "schemas" / "config.schema.yaml", REPOSITORY)
except StepError as error:
    sys.exit(f"error: {error}")


include: "workflow/rules/reruns.smk"
include: "workflow/rules/corpora.smk"
include: "workflow/rules/pretrain.smk"
include: "workflow/rules/finetune.smk"
include: "workflow/rules/evaluate.smk"
include: "workflow/rules/results.smk"
include: "workflow/rules/tripwires.smk"


rule all:
    input:
        "results/cer.md",
        "results/cer.tsv",
        "results/cer-by-updates.svg",
        "results/config.yaml",
        "results/provenance.json",
        inputs.all_settled(config),
