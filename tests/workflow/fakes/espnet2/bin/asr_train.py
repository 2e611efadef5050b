"""An asr_train that writes each epoch's weights: they know for how many updates the encoder was pre-trained.

Beside that they are digests of all that decides real ones.
"""

import argparse
import os
import sys
from pathlib import Path

import torch
import yaml
from deciding import digest, note

DATA = ("train_data_path_and_name_and_type", "valid_data_path_and_name_and_type")


def spoken(data: Path) -> list[bytes]:
    """What is said in each subset, and the wavs in which it is said."""
    found = []
    for subset in ("train", "dev"):
        wavs = [line.split(" ", 1)[1] for line in (data / subset / "wav.scp").read_text().splitlines()]
        found.append(digest((data / subset / "text").read_text(), [digest(Path(wav).read_bytes()) for wav in wavs]))
    return found


def main(words: list[str]) -> None:
    """Write Nepoch.pth, checkpoint.pth and config.yaml as ESPnet does."""
    if os.environ.get("FAKE_ESPNET_FAILS"):
        sys.exit("RuntimeError: CUDA out of memory")
    parser = argparse.ArgumentParser()
    for name in ("config", "output_dir", "token_list", "seed"):
        parser.add_argument(f"--{name}")
    for name in ("encoder_conf", "optim_conf", *DATA):
        parser.add_argument(f"--{name}", action="append", default=[])
    arguments, _ = parser.parse_known_args(words)
    for name in DATA:
        for path, _, _ in (word.split(",") for word in getattr(arguments, name)):  # as ESPnet takes them apart
            assert Path(path).is_file(), path
    output = Path(arguments.output_dir)
    if (output / "checkpoint.pth").exists():  # ESPnet goes on from it
        torch.load(output / "checkpoint.pth", weights_only=False)
    encoder = {key: yaml.safe_load(value) for key, value in (word.split("=", 1) for word in arguments.encoder_conf)}
    checkpoint = torch.load(Path(encoder["w2v_dir_path"]) / encoder["w2v_url"], weights_only=False)
    updates = checkpoint["optimizer_history"][-1]["num_updates"]
    recipe = yaml.safe_load(Path(arguments.config).read_text())
    pretrained = [(name, tensor.tolist()) for name, tensor in sorted(checkpoint.get("model", {}).items())]
    made_of = [pretrained, checkpoint["cfg"], spoken(Path(arguments.token_list).parent)]
    run = digest(made_of, sorted(recipe.items()), arguments.optim_conf, arguments.seed)
    for epoch in range(1, recipe["max_epoch"] + 1):
        weights = {
            "knowledge": torch.tensor(float(updates)),
            "encoder.num_updates": torch.tensor([epoch]),
            "digest": torch.tensor([float(byte) for byte in digest(run, epoch)]),
        }
        torch.save(weights, output / f"{epoch}epoch.pth")
    state = {"model": weights, "reporter": {"epoch": recipe["max_epoch"]}, "optimizers": [{}]}
    torch.save(state, output / "checkpoint.pth")
    tokens = Path(arguments.token_list).read_text(encoding="utf-8").split()
    config = {"token_list": tokens, "encoder_conf": encoder}
    (output / "config.yaml").write_text(yaml.safe_dump(config, allow_unicode=True), encoding="utf-8")
    note(output, run)
