"""Print the errors of a branch as NIST's sclite prints them (its `pra` form), from a table of list_errors.

python -m scripts.evaluate.pra results/errors/TASK/from/MODEL/CHECKPOINT/lr-LR/seed-SEED/test.tsv > test.pra

It needs SCTK: apt install sctk (Debian, Ubuntu), or a build of https://github.com/usnistgov/SCTK on the PATH.
"""

import argparse
import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from scripts.common.errors import StepError, exit_on_error
from scripts.common.tables import read_table
from scripts.evaluate.error_tables import UTTERANCE_COLUMNS

# What means something to sclite: alternatives, nothing, what may be left out, comments. Full-width twins mean nothing,
# and no normalised transcript has any.
PLAIN = {ord(mark): ord(mark) + 0xFEE0 for mark in "{}/@()<>;*"}


def sclite() -> list[str]:
    """How sclite is called here. Raises StepError where it is not there."""
    for command in (["sctk", "sclite"], ["sclite"]):  # Debian's, NIST's
        if shutil.which(command[0]):
            return command
    raise StepError("sclite is not on the PATH: apt install sctk, or build https://github.com/usnistgov/SCTK")


def pra(path: Path) -> bytes:
    """What sclite says about a table of utterances, each character (or word) a token, under the id SPEAKER-UTTERANCE:
    it takes what comes before a hyphen (or _) for the speaker, whose own become dots.
    """
    command, table = sclite(), read_table(path, UTTERANCE_COLUMNS)
    has_words = (table["reference"].str.split().str.len() == table["characters"].astype(int)).all()
    with TemporaryDirectory() as folder:
        for side in ("reference", "hypothesis"):
            texts = (" ".join(text.split() if has_words else text).translate(PLAIN) for text in table[side])
            rows = zip(texts, table["speaker"].str.replace(r"[-_]", ".", regex=True), table["utterance"], strict=True)
            lines = [f"{text}\t({speaker}-{utterance})\n" for text, speaker, utterance in rows]
            (Path(folder) / side).write_text("".join(lines), encoding="utf-8")
        files = ["-r", "reference", "trn", "-h", "hypothesis", "trn", "-i", "spu_id"]
        call = [*command, "-s", "-e", "utf-8", *files, "-o", "pra", "stdout"]
        ran = subprocess.run(call, cwd=folder, capture_output=True)
    if ran.returncode:
        said = " ".join(ran.stderr.decode(errors="replace").split()) or "nothing"
        raise StepError(f"sclite ended with exit code {ran.returncode} on {path} and said: {said}")
    return ran.stdout


def main() -> None:
    """Parse the command line and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("table", type=Path, help="dev.tsv or test.tsv (or another) of a branch, below results/errors")
    sys.stdout.buffer.write(pra(parser.parse_args().table))


if __name__ == "__main__":
    exit_on_error(main)
