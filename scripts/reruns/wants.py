"""What each part has to be made from, as config, code and the parts above it are now: in the words of its sidecar."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from scripts.common import files
from scripts.common.code import code_digest
from scripts.common.users import corpora_of
from scripts.corpora import contents
from scripts.corpora import identity as corpora
from scripts.evaluate import identity as evaluate
from scripts.finetune import espnet_command
from scripts.finetune import identity as finetune
from scripts.pretrain import fairseq_command
from scripts.pretrain import identity as pretrain
from scripts.reruns import cards
from scripts.reruns.parts import Part, above, published_updates


@dataclass(frozen=True)
class Wish:
    """What is looked at to say what a part has to be made from.

    now(other, key, *place): what the card of a part above says under a key, and where this part's own card repeats it.
    `looks`: whether the files of corpora are looked at, or taken to be as they were.
    """

    part: Part
    config: Mapping[str, Any]
    repository: Path
    now: Callable[..., Any]
    looks: bool = True

    @property
    def above(self) -> list[Part]:
        return above(self.part, self.config)

    @property
    def run(self) -> Mapping[str, Any]:
        """The run of pre-training that the part belongs to."""
        return self.config["pretraining"][self.part["model"]]

    @property
    def task(self) -> Mapping[str, Any]:
        """The task of fine-tuning that the part belongs to."""
        return self.config["finetuning"][self.part["task"]]


def _utterances(wish: Wish) -> dict[str, Any]:
    corpus = wish.config["corpora"][wish.part["corpus"]]
    if wish.looks:
        lists, audio = _contents(Path(corpus["root"]), corpus["format"])
    else:
        lists, audio = wish.now(None, "lists", "lists"), wish.now(None, "audio", "audio")
    spelling = {key: corpus[key] for key in corpora.SPELLING}
    exclude = files.sha256(Path(corpus["exclude"])) if corpus["exclude"] else None
    settings = (spelling, corpus["convert"], exclude)
    return corpora.listing(corpus["format"], lists, audio, *settings, code_digest("scripts.corpora.list_utterances"))


@cache
def _contents(root: Path, layout: str) -> tuple[dict[str, str], str]:
    """What a corpus consists of when this process first looks: a corpus does not change within a run of Snakemake."""
    return contents.lists_of(root, layout), contents.audio_of(root, layout)


def _converted(wish: Wish) -> dict[str, Any]:
    subsets = cards.read(Path(wish.above[0].sidecar)).get("subsets", {})
    heard = {subset: wish.now(wish.above[0], ("subsets", subset, "heard"), "heard", subset) for subset in subsets}
    audio = wish.now(wish.above[0], "audio", "audio")
    return corpora.converting(heard, audio, code_digest("scripts.corpora.convert_audio"))


def _kept(wish: Wish) -> dict[str, Any]:
    corpus = wish.part["corpus"]
    lists = {other["corpus"]: other for other in wish.above}
    heldout = {
        name: wish.now(lists[name], "heldout_sha256", "without_transcripts_of", name)
        for name in wish.config["corpora"][corpus]["without_transcripts_of"]
    }
    utterances = wish.now(lists[corpus], "sha256", "utterances")
    near_leaks = wish.config["corpora"][corpus]["near_leaks"]
    return corpora.filtering(utterances, heldout, near_leaks, code_digest("scripts.corpora.drop_leakage"))


def _split(wish: Wish) -> dict[str, Any]:
    names = corpora_of(wish.run)
    places = {name: ("utterances", name) if names[1:] else ("utterances",) for name in names}
    kept = {other["corpus"]: wish.now(other, "sha256", *places[other["corpus"]]) for other in wish.above}
    return corpora.splitting(kept, wish.run["validation_fraction"], code_digest("scripts.corpora.split_validation"))


def _archive(wish: Wish) -> dict[str, Any]:
    shards = wish.run["audio_shards"] if wish.part["subset"] == "train" else 1
    split, *sources = wish.above
    listed = wish.now(split, "sha256", "utterances")
    audio = {other["corpus"]: wish.now(other, ("audio", "train"), "audio", other["corpus"]) for other in sources}
    code = code_digest("scripts.corpora.concatenate")
    return corpora.packing(listed, audio, wish.run["utterances_per_file"], shards, code)


def _manifest(wish: Wish) -> dict[str, Any]:
    names = {Path(other.file).stem: other for other in wish.above}
    archives = {name: wish.now(other, "sha256", "archives", name) for name, other in names.items()}
    return corpora.joining(archives, code_digest("scripts.corpora.write_manifest"))


def _initialisation(wish: Wish) -> dict[str, Any]:
    code = code_digest("scripts.pretrain.initialise")
    return pretrain.initialisation(wish.repository / wish.run["recipe"], wish.run["seed"], code, _beginning(wish))


def _beginning(wish: Wish) -> dict[str, str] | None:
    """What the run goes on from. Which checkpoint that is the config says, before it was brought."""
    if not wish.run.get("start_from"):
        return None
    (given,) = (other for other in wish.above if other.kind == "given")
    pinned = wish.config["checkpoints"][given["model"]]["sha256"]
    found = wish.now(given, "made_from", "start_from")
    known = {} if found == "unknown" else {key: value for key, value in found.items() if key != "taken_by"}
    known["sha256"] = pinned.lower() if pinned else wish.now(given, ("made_from", "sha256"), "not as recorded")
    return pretrain.beginning(known, code_digest("scripts.pretrain.beginning"))


def _milestone(wish: Wish, updates: int | None = None) -> dict[str, Any]:
    run = wish.run
    manifests = [other for other in wish.above if other.kind == "manifest"]
    data = {other["subset"]: wish.now(other, "digest", "data", other["subset"]) for other in manifests}
    settings = (run["effective_gpus"], run["precision"], run["seed"], data)
    updates = int(wish.part["updates"]) if updates is None else updates
    program, start_from = fairseq_command.program(), _beginning(wish)
    return pretrain.milestone(wish.repository / run["recipe"], updates, *settings, program, start_from)


def _best_until(wish: Wish) -> dict[str, Any]:
    """The best checkpoint so far may come from any segment until then."""
    made_in = wish.now(None, "updates", "updates")
    return _milestone(wish, made_in if made_in in published_updates(wish.run) else None)


def _best(wish: Wish) -> dict[str, Any]:
    candidates = {
        int(other["updates"]): wish.now(other, "sha256", "candidates_sha256", other["updates"]) for other in wish.above
    }
    return pretrain.best(candidates, code_digest("scripts.pretrain.choose_best"))


def _given(wish: Wish) -> dict[str, Any]:
    pinned = wish.config["checkpoints"][wish.part["model"]]["sha256"]
    sha256 = pinned.lower() if pinned else wish.now(None, "sha256", "sha256")
    if wish.now(None, "converted_from", "code") in (None, "unknown"):
        return pretrain.given(sha256)
    config_sha256 = wish.now(None, "config_sha256", "config_sha256")
    known = config_sha256 if config_sha256 != "unknown" else None
    return pretrain.given(sha256, code_digest("scripts.pretrain.conversion"), known)


def _data(wish: Wish) -> dict[str, Any]:
    utterances = wish.now(wish.above[0], "sha256", "utterances")
    corpus, source = wish.task["corpus"], wish.above[-1]
    root = source.file if source.kind == "converted" else wish.config["corpora"][corpus]["root"]
    audio = {subset: wish.now(source, ("audio", subset), "audio", subset) for subset in ("train", "dev")}
    settings = (wish.task["train_hours"], wish.task["word_boundary"], wish.task)
    code = code_digest("scripts.finetune.prepare_data")
    return finetune.preparing(utterances, str(Path(root)), audio, *settings, code)


def _encoder(wish: Wish) -> dict[str, Any]:
    checkpoint = wish.now(wish.above[0], "sha256", "checkpoint_sha256")
    settings = (wish.task["mask_prob"], wish.task)
    return finetune.encoding(checkpoint, *settings, code_digest("scripts.finetune.prepare_encoder"))


def _epochs(wish: Wish) -> dict[str, Any]:
    encoder, data = wish.above
    recipe = yaml.safe_load((wish.repository / wish.task["recipe"]).read_text(encoding="utf-8"))
    made_of = (wish.now(encoder, "sha256", "encoder_sha256"), wish.now(data, "digest", "data"))
    made_of += (wish.now(data, ("made_from", "audio"), "audio"),)
    program = espnet_command.program()
    return finetune.finetuning(recipe, float(wish.part["lr"]), int(wish.part["seed"]), *made_of, program)


def _average(wish: Wish) -> dict[str, Any]:
    epochs = wish.now(wish.above[0], "epochs", "epochs")
    return finetune.averaging(epochs, int(wish.part["last"]), code_digest("scripts.finetune.average_weights"))


def _transcript(wish: Wish) -> dict[str, Any]:
    average, encoder, utterances, *_ = wish.above
    subset = wish.part["subset"]
    digests = (wish.now(average, "sha256", "weights"), wish.now(encoder, "sha256", "encoder_sha256"))
    heard = wish.now(utterances, ("subsets", subset, "heard"), "heard")
    audio = wish.now(wish.above[-1], ("audio", subset), "audio")
    code = code_digest("scripts.evaluate.transcribe")
    return evaluate.transcript(subset, Path(average.file).stem, *digests, heard, audio, code)


def _score(wish: Wish) -> dict[str, Any]:
    transcript, utterances = wish.above
    subset = wish.part["subset"]
    said = wish.now(utterances, ("subsets", subset, "said"), "said")
    word_boundary = wish.now(transcript, "word_boundary", "word_boundary")
    code = code_digest("scripts.evaluate.score_cer")
    heard = wish.now(transcript, "sha256", "transcript")
    return evaluate.score(subset, heard, said, word_boundary, code, wish.task["metric"])


def is_later(part: Part, key: str) -> bool:
    """Whether a key came later than the first parts of this kind: what took GPUs before is not made again for it."""
    return part.kind in ("epochs", "transcript") and key == "audio"


WANTS: dict[str, Callable[[Wish], dict[str, Any]]] = {
    "utterances": _utterances,
    "converted": _converted,
    "kept": _kept,
    "split": _split,
    "archive": _archive,
    "manifest": _manifest,
    "initialisation": _initialisation,
    "milestone": _milestone,
    "best-until": _best_until,
    "best": _best,
    "given": _given,
    "data": _data,
    "encoder": _encoder,
    "epochs": _epochs,
    "average": _average,
    "transcript": _transcript,
    "score": _score,
}
