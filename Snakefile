"""How much does pre-training wav2vec 2.0 on a language help speech recognition, and after how many updates?"""

import sys
from pathlib import Path

from snakemake.utils import min_version

min_version("9.27")

sys.path.insert(0, workflow.basedir)
from scripts.common import errors, places
from scripts.common.configuration import check
from scripts.common.errors import StepError

errors.run(lambda: places.check({"the repository": workflow.basedir, "the working directory": Path.cwd()}))


configfile: f"{workflow.basedir}/config/config.yaml"


report: "workflow/report/workflow.rst"


include: "workflow/rules/shell.smk"
include: "workflow/rules/common.smk"


try:
    check(config, SCHEMA, REPOSITORY)
except StepError as error:
    sys.exit(f"error: {error}")


include: "workflow/rules/reruns.smk"
include: "workflow/rules/corpora.smk"
include: "workflow/rules/pretrain.smk"
include: "workflow/rules/finetune.smk"
include: "workflow/rules/evaluate.smk"
include: "workflow/rules/results.smk"


rule all:
    default_target: True
    input:
        "results/cer.md",
        "results/cer.tsv",
        "results/cer-by-updates.svg",
        "results/config.yaml",
        "results/provenance.json",
        inputs.all_settled(config),
