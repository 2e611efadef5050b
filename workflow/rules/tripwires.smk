"""What no command takes, and whose change is to be noticed all the same.

It stands here, and not with the rules, so that every param of a rule is an argument of its command. Snakemake remembers
these params beside the others, and makes an output again when one has changed.
"""

from scripts.common.files import sha256
from scripts.reruns.commands import commands, step_digest

RULES = REPOSITORY / "workflow" / "rules"
# Their sidecars say what decided, and scripts/*/identity.py what counts: their code alone repeats no training.
SPARED = {"pretrain", "finetune", "transcribe"}  # and transcribe_subset, which is of the same command

# The rule's command with our code that it runs, but for comments.
tripwires = {rule: [f"code {step_digest(RULES, rule)}"] for rule in commands(RULES).keys() - SPARED}
tripwires["list_errors_of_subset"] = list(tripwires["list_errors"])  # the same command
# Which numbers there are, and the content of files of the repository: a checkout sets their date.
tripwires["describe_trainings"] += [*curves(), *branch_curves(), f"content {sha256(Path(PUBLISHED_CURVE))}"]
tripwires["tabulate"] += [
    scores(),
    *models_with_best(config),
    *(f"content {sha256(Path(path))}" for path in published().values()),
]
tripwires["write_report"] += [f"content {sha256(path)}" for path in sorted((RULES.parent / "report").iterdir())]

for rule, values in tripwires.items():
    getattr(rules, rule).rule.set_params(*values)

# Pins, which rerun nothing.
for sentence in record.other_environments(config, known_as):
    say(sentence)
