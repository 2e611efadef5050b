"""Say how the trainings of the table went: each run beside the published one, what their guards warned of, and which
fine-tunings have learnt nothing. Draws the curves of pre-training, and keeps those of fine-tuning as tables.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from scripts.common import files
from scripts.common.errors import exit_on_error
from scripts.finetune.identity import name_of_work
from scripts.results.plot_curves import draw
from scripts.results.style import write
from scripts.trainers import beside, curves, espnet_log
from scripts.trainers.espnet_log import Epoch
from scripts.trainers.work import LOG, WORK


def log_of(branch: Path) -> Path | None:
    """ESPnet's log of a branch: of the epochs that are published, else the newest."""
    sidecar = branch / "epochs.json"
    if sidecar.is_file():
        log = branch / WORK / name_of_work(files.read_json(sidecar)["made_from"]) / LOG
        if log.is_file():
            return log
    return max(branch.glob(f"{WORK}/*/{LOG}"), key=lambda path: path.stat().st_mtime, default=None)


def keep(table: Path) -> list[Epoch]:
    """The epochs of a branch, written to its table; what the table has stays where no log tells of it any more."""
    log = log_of(table.parent)
    if log is not None or not table.exists():
        espnet_log.write(espnet_log.read(log) if log else [], table)
    return espnet_log.read_table(table)


def of_run(table: Path, other: Sequence[curves.Point]) -> list[str]:
    """Sentences about a run of pre-training."""
    said = [f"{table.parent.name}: {beside.sentence(curves.read(table), other) or 'no curve was kept'}."]
    for updates in files.read_json(table.with_suffix(".json"))["milestones"]:
        sidecar = table.parent / f"after-{updates}-updates.json"
        card = files.read_json(sidecar) if sidecar.is_file() else {}
        said += [f"Until update {int(updates):,}: {warning}." for warning in card.get("warnings", [])]
    return said


def of_branch(table: Path, epochs: Sequence[Epoch]) -> list[str]:
    """Sentences about a fine-tuning."""
    if not espnet_log.only_blanks(epochs):
        return []
    branch = table.parent.relative_to(table.parents[6]).as_posix()
    return [
        f"{branch} puts out only blanks to its end: after epoch {epochs[-1].epoch} all transcripts of dev are empty. "
        "Most likely first: too few epochs, another learning rate is needed, its checkpoint has learnt nothing."
    ]


def main() -> None:
    """Parse the command line and write all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=Path, nargs="*", default=[], help="curve.tsv of runs of pre-training")
    parser.add_argument("--branches", type=Path, nargs="*", default=[], help="curve.tsv to write for fine-tunings")
    parser.add_argument("--trained", type=Path, nargs="*", default=[], help="sidecars of the trainings, for the note")
    parser.add_argument("--published", type=Path, required=True, help="the published curve of pre-training")
    parser.add_argument("--text", type=Path, required=True, help="trainings.md; a note .json goes beside it")
    parser.add_argument("--picture", type=Path, required=True, help="pretraining.svg")
    arguments = parser.parse_args()
    other = curves.read(arguments.published)
    said = [sentence for table in arguments.runs for sentence in of_run(table, other)]
    said += [sentence for table in arguments.branches for sentence in of_branch(table, keep(table))]
    runs = {table.parent.name: curves.read(table) for table in arguments.runs}
    write(arguments.picture, lambda: draw(runs, other), "pretraining")
    files.write_text(arguments.text, "".join(f"- {sentence}\n" for sentence in said))
    files.write_json(arguments.text.with_suffix(".json"), {"trained": curves.trained_from(arguments.trained)})
    print("\n".join(said))


if __name__ == "__main__":
    exit_on_error(main)
