"""A working directory in which something has been transcribed and scored, for tests of what is made of scores."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from scripts.common import files, tables
from scripts.common.text import characters
from scripts.common.users import SUBSETS
from scripts.evaluate.score_cer import report, score
from scripts.results.scores import Score, read_scores

REFERENCE = "甲乙丙丁戊己庚辛壬癸"
WRONG = "子"  # is in no reference


class Scored:
    """Dev and test sets have as many speakers, with as many utterances of REFERENCE each."""

    def __init__(
        self, root: Path, speakers: int = 6, utterances: int = 2, subsets: Sequence[str] = tuple(SUBSETS)
    ) -> None:
        self.subsets = subsets
        self.root, self.utterances = root, Path("results/corpora/aishell1/utterances.tsv")
        self.paths: list[Path] = []
        names = [(subset, f"{subset}-s{speaker}") for subset in subsets for speaker in range(speakers)]
        rows = [
            (f"{name}-{number}", name, subset, f"{name}-{number}.wav", 16_000, REFERENCE)
            for subset, name in names
            for number in range(utterances)
        ]
        self.table = pd.DataFrame(rows, columns=tables.UTTERANCE_COLUMNS)
        (root / self.utterances).parent.mkdir(parents=True)
        tables.write_utterances(self.table, root / self.utterances)

    def add(self, tail: str, *of_subsets: list[int], task: str = "aishell1", epochs: int = 0) -> None:
        """A branch, `tail` as in mandarin/after-800-updates/lr-1/seed-1, with so many errors in each speaker's first
        utterance, of dev and of each test set.
        """
        for subset, errors in zip(self.subsets, of_subsets, strict=True):
            said = self.table[self.table["subset"] == subset]
            speakers = dict(zip(sorted(set(said["speaker"])), errors, strict=True))
            heard = {}
            for utterance, speaker in zip(said["utterance"], said["speaker"], strict=True):
                count = speakers[speaker] if utterance.endswith("-0") else 0
                heard[utterance] = WRONG * count + REFERENCE[count:]
            self.write(tail, subset, heard, task, epochs)

    def write(self, tail: str, subset: str, heard: Mapping[str, str], task: str, epochs: int) -> None:
        said = self.table[self.table["subset"] == subset]
        text = self.root / f"results/transcripts/{task}/{subset}/from/{tail}/text"
        text.parent.mkdir(parents=True)
        text.write_text("".join(f"{name} {words}\n" for name, words in heard.items()), encoding="utf-8")
        references = dict(zip(said["utterance"], said["transcript"], strict=True))
        made_from = {"transcript": files.sha256(text), "said": tables.digests_of(said)["said"]}
        product = f"results/finetune/{task}/from/{tail}/epochs"
        trained = {product: {"epochs": {f"{number + 1}epoch.pth": "" for number in range(epochs)}}}
        content = report(score(references, heard, characters), len(references))
        path = Path(f"results/cer/{task}/{subset}/from/{tail}.json")
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_text(json.dumps(content | {"made_from": made_from, "above": trained}))
        self.paths.append(path)

    def scores(self) -> list[Score]:
        return read_scores([self.root / path for path in self.paths], {})
