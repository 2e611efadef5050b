"""Fine-tuning, averaging and transcribing by the steps' own command lines, with real ESPnet, on a language of tones.

Each of its four characters, and the space between two words, is a tone of 100 ms, so that a tiny model learns it in
seconds.
"""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

pytest.importorskip("espnet2", reason="real ESPnet is not installed")
pytest.importorskip("fairseq", reason="real fairseq is not installed")

import torch

from scripts.common import files
from scripts.finetune import unusable
from scripts.finetune.espnet_numerics import padding_mask
from tests.e2e.steps import RATE, call, differences, kill_when, load, step, write_utterances, write_wav

pytestmark = pytest.mark.e2e

TONES = {"а": 400, "б": 800, "в": 1400, "г": 2200, " ": 3200}  # Hz
COUNTS = {"train": 1200, "dev": 6, "test": 20}  # utterances
HOPELESS = {  # utterances that would end the training: subset, transcript, samples
    "train-short": ("train", "а", 100),
    "train-long": ("train", "абв" * 20, 1600),
    "train-masked": ("train", "а", 1600),
    "dev-short": ("dev", "аб", 100),
}
EPOCHS = 4
FROZEN = ["mask_emb", "feature_extractor", "post_extract_proj", "quantizer", "project_q", "encoder.pos_conv"]
RECIPE = {
    "input_size": 2048,
    "frontend": None,
    "normalize": None,
    "specaug": None,
    "encoder": "wav2vec2",
    "encoder_conf": {"output_size": 32, "normalize_before": True, "freeze_finetune_updates": 10},
    "freeze_param": [f"encoder.encoders.{name}" for name in FROZEN],
    "decoder": "transformer",
    "decoder_conf": {"num_blocks": 0, "attention_heads": 2, "linear_units": 32},
    "model_conf": {"ctc_weight": 1.0, "lsm_weight": 0.1, "length_normalized_loss": False},
    "batch_type": "folded",
    "batch_size": 8,
    "accum_grad": 1,
    "grad_clip": 5,
    "unused_parameters": True,
    "optim": "adam",
    "optim_conf": {"lr": 0.001},
    "scheduler": "warmuplr",
    "scheduler_conf": {"warmup_steps": 50},
    "max_epoch": EPOCHS,
    "patience": None,
    "best_model_criterion": [["train", "total_count", "max"]],
    "keep_nbest_models": EPOCHS,
    "val_scheduler_criterion": ["valid", "acc"],
}


@dataclass(frozen=True)
class Corpus:
    """A corpus as distributed, its table of utterances, and what prepare_data made of it."""

    root: Path
    utterances: Path
    data: Path


@dataclass(frozen=True)
class Run:
    """One fine-tuning: the published folder of epochs, and its command line."""

    output: Path
    options: dict[str, Any]

    def work(self) -> Path:
        """ESPnet's working directory, the only one here."""
        (found,) = (self.output.parent / "work").glob("*/train.log")
        return found.parent

    def weights(self, epoch: int) -> dict[str, torch.Tensor]:
        return load(self.output / f"{epoch}epoch.pth")


def sentence(random: np.random.Generator) -> str:
    """Three to seven characters and spaces, as a normalised transcript has them."""
    while True:
        drawn = "".join(random.choice(list(TONES), random.integers(3, 8)))
        if drawn == " ".join(drawn.split()):
            return drawn


def say(transcript: str, random: np.random.Generator) -> np.ndarray:
    """int16 samples: a tone a character, in a little noise."""
    time = np.arange(RATE // 10) / RATE
    tones = [np.sin(2 * np.pi * TONES[c] * time + random.uniform(0, 6)) * np.hanning(len(time)) for c in transcript]
    speech = np.concatenate(tones)
    return (8000 * speech + 300 * random.standard_normal(len(speech))).astype(np.int16)


@pytest.fixture(scope="session")
def corpus(tmp_path_factory) -> Corpus:
    root = tmp_path_factory.mktemp("tones")
    random = np.random.default_rng(1)
    rows = []
    for subset, count in COUNTS.items():
        for number in range(count):
            transcript = sentence(random)
            samples = say(transcript, random)
            name = f"{subset}{number:03d}"
            write_wav(root / f"wav/{name}.wav", samples)
            rows.append((name, subset, f"wav/{name}.wav", len(samples), transcript))
    for name, (subset, transcript, samples) in HOPELESS.items():
        write_wav(root / f"wav/{name}.wav", (300 * random.standard_normal(samples)).astype(np.int16))
        rows.append((name, subset, f"wav/{name}.wav", samples, transcript))
    write_utterances(root / "utterances.tsv", rows)
    options = {"utterances": root / "utterances.tsv", "root": root, "output": root / "data", "word_boundary": []}
    options |= {"source": root / "utterances.tsv", "unusable": root / "unusable.tsv"}
    step("scripts.finetune.prepare_data", **options)
    assert "<space>" in (root / "data/tokens.txt").read_text(encoding="utf-8").split()
    return Corpus(root, root / "utterances.tsv", root / "data")


@pytest.fixture(scope="session")
def encoder(tiny_recipe, write_recipe, tmp_path_factory) -> Path:
    """A random wav2vec 2.0, as fine-tuning takes it; it masks little, for the tones tell nothing of one another."""
    folder = tmp_path_factory.mktemp("encoder")
    checkpoint = folder / "after-0-updates.pt"
    step("scripts.pretrain.initialise", recipe=write_recipe(tiny_recipe), seed=1, output=checkpoint)
    step("scripts.finetune.prepare_encoder", checkpoint=checkpoint, mask_prob=0.05, output=folder / "encoder.pt")
    return folder / "encoder.pt"


@pytest.fixture(scope="session")
def place(corpus, encoder, tmp_path_factory):
    """The options of one call of scripts.finetune.finetune."""
    recipe = tmp_path_factory.mktemp("finetune-recipe") / "tones.yaml"
    recipe.write_text(yaml.safe_dump(RECIPE), encoding="utf-8")

    def options_of(folder: Path, seed: int = 1) -> Run:
        options = {"recipe": recipe, "data": corpus.data, "encoder": encoder, "learning_rate": 0.01, "seed": seed}
        return Run(folder / "epochs", options | {"output": folder / "epochs"})

    return options_of


def finetune(run: Run) -> Run:
    step("scripts.finetune.finetune", **run.options)
    return run


@pytest.fixture(scope="session")
def uninterrupted(place, tmp_path_factory) -> Run:
    return finetune(place(tmp_path_factory.mktemp("uninterrupted")))


@pytest.fixture(scope="session")
def averaged(uninterrupted) -> Path:
    output = uninterrupted.output.parent / "average-of-last-2.pth"
    step("scripts.finetune.average_weights", epochs=uninterrupted.output, last=2, output=output)
    return output


def peer(*words: Any) -> None:
    """Run tests/e2e/espnet_peers.py."""
    finished = call([sys.executable, "-m", "tests.e2e.espnet_peers", *map(str, words)])
    assert finished.returncode == 0, finished.stdout


@pytest.fixture(scope="session")
def initial(uninterrupted, tmp_path_factory) -> dict[int, dict[str, torch.Tensor]]:
    """The weights with which ESPnet starts to train, by seed."""
    output = tmp_path_factory.mktemp("initial") / "models.pth"
    peer("initial", uninterrupted.output / "config.yaml", output, 1, 2)
    return load(output)


def test_a_killed_run_goes_on_and_ends_with_the_same_bits(place, uninterrupted, tmp_path):
    run = place(tmp_path)
    first = "work/*/1epoch.pth"
    kill_when(lambda: any(tmp_path.glob(first)), "scripts.finetune.finetune", **run.options)
    assert not run.output.exists()
    assert not (run.work() / f"{EPOCHS}epoch.pth").exists()
    # the worst moment: between ESPnet's writing of checkpoint.pth and that of the epoch's weights
    newest = load(run.work() / "checkpoint.pth")["reporter"]["epoch"]
    (run.work() / f"{newest}epoch.pth").unlink(missing_ok=True)

    finetune(run)
    assert "The training was resumed using" in (run.work() / "train.log").read_text(encoding="utf-8")
    for epoch in range(1, EPOCHS + 1):
        assert list(differences(uninterrupted.weights(epoch), run.weights(epoch))) == []


def test_a_state_that_was_cut_off_costs_an_epoch_and_ends_with_the_same_bits(place, uninterrupted, tmp_path):
    run = place(tmp_path)
    second = "work/*/2epoch.pth"
    kill_when(lambda: any(tmp_path.glob(second)), "scripts.finetune.finetune", **run.options)
    state = run.work() / "checkpoint.pth"
    newest = load(state)["reporter"]["epoch"]
    assert 2 <= newest < EPOCHS and load(run.work() / "checkpoint_previous.pth")["reporter"]["epoch"] == newest - 1
    os.truncate(state, state.stat().st_size // 2)

    said = step("scripts.finetune.finetune", **run.options)
    assert "set aside as checkpoint.pth.damaged; training goes on from the state before\n" in said
    log = (run.work() / "train.log").read_text(encoding="utf-8")
    assert log.count(f"{newest}/{EPOCHS}epoch started") == 2 and log.count(f"1/{EPOCHS}epoch started") == 1
    for epoch in range(1, EPOCHS + 1):
        assert list(differences(uninterrupted.weights(epoch), run.weights(epoch))) == []


def test_another_seed_ends_elsewhere(place, uninterrupted, tmp_path):
    run = place(tmp_path, seed=2)
    first = "work/*/1epoch.pth"  # one epoch is enough
    kill_when(lambda: any(tmp_path.glob(first)), "scripts.finetune.finetune", **run.options)
    assert run.work().name != uninterrupted.work().name
    assert list(differences(uninterrupted.weights(1), load(run.work() / "1epoch.pth"))) != []


def test_lost_weights_of_the_last_epoch_come_from_the_checkpoint(place, uninterrupted, tmp_path):
    shutil.copytree(uninterrupted.work(), tmp_path / "work" / uninterrupted.work().name, symlinks=True)
    run = place(tmp_path)
    (run.work() / f"{EPOCHS}epoch.pth").unlink()
    size = (run.work() / "train.log").stat().st_size
    finetune(run)
    assert (run.work() / "train.log").stat().st_size == size, "it trained again"
    for epoch in range(1, EPOCHS + 1):
        assert list(differences(uninterrupted.weights(epoch), run.weights(epoch))) == []


def test_frozen_parameters_stay_and_the_others_learn(uninterrupted, encoder):
    before = {f"encoder.encoders.{name}": tensor for name, tensor in load(encoder)["model"].items()}
    after = uninterrupted.weights(EPOCHS)
    assert before.keys() <= after.keys()
    changed = {place.removeprefix("/") for place in differences(before, {name: after[name] for name in before})}
    frozen = {name for name in before if any(name.startswith(prefix) for prefix in RECIPE["freeze_param"])}
    unused = {name for name in before if name.startswith("encoder.encoders.final_proj")}  # of pre-training's loss
    assert frozen and changed == before.keys() - frozen - unused


def test_the_head_is_random_and_a_layer_norm_stands_before_it(initial, uninterrupted, encoder):
    pretrained = {f"encoder.encoders.{name}": tensor for name, tensor in load(encoder)["model"].items()}
    for weights in initial.values():
        assert list(differences(pretrained, {name: weights[name] for name in pretrained})) == []
        assert torch.equal(weights["encoder.after_norm.weight"], torch.ones(32))
    of_seed = {place.removeprefix("/") for place in differences(initial[1], initial[2])}
    assert of_seed == {"ctc.ctc_lo.weight", "ctc.ctc_lo.bias"}
    learnt = {place.removeprefix("/") for place in differences(initial[1], uninterrupted.weights(EPOCHS))}
    assert of_seed | {"encoder.after_norm.weight", "encoder.after_norm.bias"} <= learnt


def test_the_average_is_espnets_but_for_its_sum_of_counters(uninterrupted, averaged, tmp_path):
    shutil.copytree(uninterrupted.work(), tmp_path / "work", symlinks=True)
    peer("average", tmp_path / "work", 2, tmp_path / "espnet.pth")
    ours, theirs = load(averaged), load(tmp_path / "espnet.pth")
    assert ours.keys() == theirs.keys()
    for name, tensor in ours.items():
        if tensor.is_floating_point():
            torch.testing.assert_close(tensor, theirs[name], rtol=0, atol=1e-6)
    counts = [int(uninterrupted.weights(epoch)["encoder.num_updates"]) for epoch in (EPOCHS - 1, EPOCHS)]
    assert int(ours["encoder.num_updates"]) == counts[-1] > 0
    assert int(theirs["encoder.num_updates"]) == sum(counts)


def test_what_stands_for_a_missing_package_can_be_looked_up():
    """transformers looks for g2p_en, and ESPnet imports transformers where it is installed."""
    code = "from importlib.util import find_spec; from scripts.finetune.espnet_numerics import install; install()"
    subprocess.run([sys.executable, "-c", f"{code}; assert find_spec('g2p_en') and find_spec('ci_sdr')"], check=True)


def test_only_cleaners_of_english_text_miss_inflect():
    code = "from scripts.finetune import espnet_layer; espnet_layer.without_inflect()"
    code += "; from tacotron_cleaner.numbers import normalize_numbers as spell; assert spell('no') == 'no'; spell('3')"
    finished = call([sys.executable, "-c", code])
    assert "RuntimeError: inflect's number_to_words spells English numbers for a cleaner" in finished.stdout


def test_functions_of_espnet_are_as_they_are_written():
    """typeguard gives a function whose types it checks another code."""
    code = "from espnet2.fileio.read_text import read_2columns_text as f; print(f.__code__.co_names)"
    checked = call([sys.executable, "-c", code]).stdout
    ours = f"from scripts.finetune import espnet_layer; espnet_layer.without_type_checks(); {code}"
    assert "check_argument_types" in checked and "check_argument_types" not in call([sys.executable, "-c", ours]).stdout


def test_the_padding_mask_is_espnets():
    from espnet.nets.pytorch_backend.nets_utils import make_pad_mask

    random = np.random.default_rng(1)
    for _ in range(50):
        lengths = torch.from_numpy(random.integers(1, 60, random.integers(1, 9)))
        assert torch.equal(padding_mask(lengths), make_pad_mask(lengths))


def copy_with_sidecar(product: Path, folder: Path) -> Path:
    """What was moved by hand, with what vouches for it."""
    shutil.copy(product.with_suffix(".json"), folder)
    return Path(shutil.copy(product, folder))


@pytest.fixture(scope="session")
def texts(uninterrupted, averaged, encoder, corpus, tmp_path_factory) -> dict[str, Path]:
    """Transcripts of dev and test, made after the results were moved: config.yaml names a place that is gone."""
    moved = tmp_path_factory.mktemp("moved")
    settings = (uninterrupted.output / "config.yaml").read_text(encoding="utf-8")
    assert str(encoder.parent) in settings
    settings = settings.replace(str(encoder.parent), str(moved / "gone"))
    (moved / "config.yaml").write_text(settings, encoding="utf-8")
    texts = {subset: moved / subset / "text" for subset in ("dev", "test")}
    step(
        "scripts.evaluate.transcribe",
        config=moved / "config.yaml",
        weights=copy_with_sidecar(averaged, moved),
        encoder=copy_with_sidecar(encoder, moved),
        utterances=corpus.utterances,
        root=corpus.root,
        source=corpus.utterances,
        subsets=list(texts),
        outputs=list(texts.values()),
    )
    return texts


def test_the_model_has_learnt_the_tones(texts, corpus, tmp_path):
    # so that the comparison below is of texts that mean something
    output = tmp_path / "cer.json"
    options = {"utterances": corpus.utterances, "subset": "test", "hypotheses": texts["test"], "output": output}
    step("scripts.evaluate.score_cer", **options)
    score = files.read_json(output)
    assert score["cer"] < 0.5 and score["wer"] < 0.8


def test_transcripts_from_moved_results_are_espnets_greedy_ones(uninterrupted, averaged, texts, corpus, tmp_path):
    table = [row.split("\t") for row in corpus.utterances.read_text(encoding="utf-8").splitlines()[1:]]
    heard = {row[0]: corpus.root / row[3] for row in table if row[2] == "test"}
    assert len(heard) == COUNTS["test"]
    scp = "".join(f"{name} {path}\n" for name, path in heard.items())
    (tmp_path / "wav.scp").write_text(scp, encoding="utf-8")
    peer("greedy", uninterrupted.output / "config.yaml", averaged, tmp_path / "wav.scp", tmp_path / "text")
    theirs = (tmp_path / "text").read_text(encoding="utf-8")
    assert texts["test"].read_text(encoding="utf-8") == theirs


def test_encoder_and_head_alone_compute_what_the_whole_model_does(uninterrupted, averaged, encoder):
    peer("frames", uninterrupted.output / "config.yaml", averaged, encoder)


def test_what_is_too_short_is_left_out_of_training_and_transcribed_as_nothing(texts, corpus):
    """The trainings above have ended, and dev has all its lines."""
    left_out = (corpus.root / "unusable.tsv").read_text(encoding="utf-8").splitlines()[1:]
    assert {line.split("\t")[0] for line in left_out} == HOPELESS.keys()
    lines = texts["dev"].read_text(encoding="utf-8").splitlines()
    assert len(lines) == COUNTS["dev"] + 1 and "dev-short" in lines


def test_transcripts_of_the_shortest(uninterrupted, averaged, encoder, corpus, tmp_path):
    """The tiny encoder hears 10 + 7 x 5 + 4 x 20 + 100 = 225 samples for a frame."""
    rows = []
    for samples in (1, 100, 224, 225, 424, 425):
        write_wav(tmp_path / f"{samples:03d}.wav", np.full(samples, 100, dtype=np.int16))
        rows.append((f"U{samples:03d}", "dev", f"{samples:03d}.wav", samples, "а"))
    write_utterances(tmp_path / "utterances.tsv", rows)
    options = {"config": uninterrupted.output / "config.yaml", "weights": averaged, "encoder": encoder}
    options |= {"utterances": tmp_path / "utterances.tsv", "root": tmp_path, "source": tmp_path / "utterances.tsv"}
    step("scripts.evaluate.transcribe", **options, subsets=["dev"], outputs=[tmp_path / "text"])
    found = dict(line.partition(" ")[::2] for line in (tmp_path / "text").read_text(encoding="utf-8").splitlines())
    assert list(found) == [row[0] for row in rows]
    assert found["U001"] == found["U100"] == found["U224"] == ""
    options = {"utterances": tmp_path / "utterances.tsv", "subset": "dev", "hypotheses": tmp_path / "text"}
    step("scripts.evaluate.score_cer", **options, output=tmp_path / "cer.json")
    score = files.read_json(tmp_path / "cer.json")
    assert (score["characters"], score["utterances"]) == (6, 6) and score["deletions"] >= 3


@pytest.mark.parametrize("mask_prob", [0.05, 0.65])
def test_masks_may_cover_all_of_what_is_not_three_frames_longer(mask_prob):
    from fairseq.data.data_utils import compute_mask_indices

    def draw(frames: int, seed: int) -> np.ndarray:
        chance = {"seed": seed, "epoch": 0, "indices": np.arange(1)}
        return compute_mask_indices((1, frames), None, mask_prob, 10, "static", 0.0, min_masks=2, **chance)

    for frames in range(10 + unusable.MORE_THAN_A_MASK, 60):
        assert not any(draw(frames, seed).all() for seed in range(50))
    with pytest.raises(ValueError, match="the entire sequence is masked"):
        for seed in range(50):
            draw(10 + unusable.MORE_THAN_A_MASK - 1, seed)
