"""Which speaker says an utterance: a linear classifier on the mean of wav2vec 2.0's last layer over time.

python speakers.py CHECKPOINT utterances.tsv ROOT

Of each speaker of train the last fifth of the utterances, or the last of fewer, is for testing. Prints the
share that is recognised.
"""

import csv
import sys
from pathlib import Path

import numpy as np
import soundfile
import torch
from fairseq import checkpoint_utils

OF_EACH = 20  # utterances, at most
RIDGE = 1.0


@torch.inference_mode()
def represent(model: torch.nn.Module, path: Path) -> np.ndarray:
    """(features,): the mean over time of the last layer."""
    samples, _ = soundfile.read(path, dtype="float32")
    encoded = model(torch.from_numpy(samples)[None], features_only=True, mask=False)["x"]
    return encoded[0].mean(dim=0).numpy()


def main(checkpoint: str, table: str, root: str) -> None:
    (model, *_), _, _ = checkpoint_utils.load_model_ensemble_and_task([checkpoint])
    model.eval()
    with open(table, encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE) if row["subset"] == "train"]
    speakers = sorted({row["speaker"] for row in rows})
    parts = {"train": ([], []), "test": ([], [])}
    for number, speaker in enumerate(speakers):
        said = [row["path"] for row in rows if row["speaker"] == speaker][:OF_EACH]
        for place, path in enumerate(said):
            features, answers = parts["test" if place and place >= min(0.8 * len(said), len(said) - 1) else "train"]
            features.append(represent(model, Path(root, path)))
            answers.append(number)
    heard, known = np.array(parts["train"][0]), np.eye(len(speakers))[parts["train"][1]]
    mean, deviation = heard.mean(axis=0), heard.std(axis=0) + 1e-8
    heard = (heard - mean) / deviation
    weights = np.linalg.solve(heard.T @ heard + RIDGE * np.eye(heard.shape[1]), heard.T @ (known - known.mean(axis=0)))
    guessed = ((np.array(parts["test"][0]) - mean) / deviation) @ weights + known.mean(axis=0)
    share = (guessed.argmax(axis=1) == parts["test"][1]).mean()
    print(f"{share:.3f} of {len(guessed)} utterances of {len(speakers)} speakers; chance is {1 / len(speakers):.3f}")


if __name__ == "__main__":
    main(*sys.argv[1:])
