"""A task of another script whose transcripts have words: spaces go through training, transcribing and scoring."""

import json
from pathlib import Path

import soundfile

from tests.workflow.conftest import RECIPES, Project, speak

SAID = {
    "train": ["абв г", "а бв", "Г, аб"],  # in lower case and without its comma: г аб
    "dev": ["аб вг", "г а"],
    "test": ["вг аб а", "б"],
}
SPEAKERS = {"train": "S0002", "dev": "S0724", "test": "S0764"}


def lay_out(root: Path) -> None:
    """A corpus in the layout of AISHELL-1, and an AISHELL-2 of the same words for pre-training."""
    lines = []
    for subset, transcripts in SAID.items():
        for number, said in enumerate(transcripts):
            name = f"BAC009{SPEAKERS[subset]}W{number:04d}"
            wav = root / "wav" / subset / SPEAKERS[subset] / f"{name}.wav"
            wav.parent.mkdir(parents=True, exist_ok=True)
            soundfile.write(wav, speak(said.lower().replace(",", "")), 16000, subtype="PCM_16")
            lines.append(f"{name} {said}\n")
    (root / "transcript").mkdir()
    (root / "transcript/aishell_transcript_v0.8.txt").write_text("".join(lines), encoding="utf-8")


def test_a_task_with_words_goes_to_a_table_of_its_own(project: Project) -> None:
    lay_out(project.directory / "corpora/words")
    corpus = {"format": "aishell1", "root": "corpora/words", "without_transcripts_of": []}
    task = {"label": "Words", "corpus": "words", "recipe": RECIPES["finetuning__aishell1__recipe"], "seeds": [1]}
    task |= {"learning_rates": [0.1], "average_last": 2, "mask_prob": None, "word_boundary": True}
    tasks = [{"finetuning": name, "from": ["mandarin"]} for name in ("aishell1", "words")]
    changes = {"corpora__words": corpus | {"case": "lower", "punctuation": "drop"}, "finetuning__words": task}
    project.configure(**RECIPES, **changes, experiments=tasks)
    before = project.read("results/cer.md").split("\nExperiment")[0]
    run = project.snakemake()
    assert run.code == 0, run.output
    assert project.snakemake("-n").nothing

    data = project.directory / "results/finetune/words/data"
    # а, б and a space three times each, в and г twice; the space sorts before letters
    tokens = ["<blank>", "<unk>", "<space>", "а", "б", "в", "г", "<sos/eos>"]
    assert (data / "tokens.txt").read_text(encoding="utf-8").split("\n") == [*tokens, ""]
    text = (data / "train/text").read_text(encoding="utf-8")
    assert [line.split(" ", 1)[1] for line in text.splitlines()] == ["абв г", "а бв", "г аб"]
    shapes = (data / "train/text_shape.char").read_text()
    assert [line.split()[1] for line in shapes.splitlines()] == ["5,8", "4,8", "4,8"]

    branch = "from/mandarin/{}/lr-0.1/seed-1"
    heard = project.read(f"results/transcripts/words/test/{branch.format('after-20-updates')}/text")
    assert [line.split(" ", 1)[1] for line in heard.splitlines()] == SAID["test"]
    # after 10 updates the fake hears the first character alone: в of `вг аб а`, and б; а of `аб вг`, and г of `г а`
    score = json.loads(project.read(f"results/cer/words/test/{branch.format('after-10-updates')}.json"))
    assert (score["deletions"], score["characters"]) == (4, 6)
    assert (score["word_substitutions"], score["word_deletions"], score["words"]) == (1, 2, 4)
    assert (score["cer"], score["wer"]) == (4 / 6, 3 / 4)

    mandarin, words = project.read("results/cer.md").split("\n| Words |")
    assert mandarin.rstrip() == before.rstrip() and "published:" in mandarin
    assert words.splitlines()[:3] == [
        " dev | test | dev WER | test WER |",
        "| --- | ---: | ---: | ---: | ---: |",
        "| @10 updates | 66.7 | 66.7 | 75.0 | 75.0 |",
    ]
    assert "published:" not in words and "- WER: the word error rate" in words
