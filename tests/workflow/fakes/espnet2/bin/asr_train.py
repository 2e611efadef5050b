"""An asr_train that writes each epoch's weights: they know for how many updates the encoder was pre-trained."""

import argparse
import os
import sys
from pathlib import Path

import torch
import yaml


def main(words: list[str]) -> None:
    """Write Nepoch.pth, checkpoint.pth and config.yaml as ESPnet does."""
    if os.environ.get("FAKE_ESPNET_FAILS"):
        sys.exit("RuntimeError: CUDA out of memory")
    parser = argparse.ArgumentParser()
    for name in ("config", "output_dir", "token_list", "seed"):
        parser.add_argument(f"--{name}")
    parser.add_argument("--encoder_conf", action="append", default=[])
    arguments, _ = parser.parse_known_args(words)
    output = Path(arguments.output_dir)
    encoder = dict(word.split("=", 1) for word in arguments.encoder_conf)
    checkpoint = torch.load(Path(encoder["w2v_dir_path"]) / encoder["w2v_url"], weights_only=False)
    updates = checkpoint["optimizer_history"][-1]["num_updates"]
    epochs = yaml.safe_load(Path(arguments.config).read_text())["max_epoch"]
    for epoch in range(1, epochs + 1):
        weights = {"knowledge": torch.tensor(float(updates)), "encoder.num_updates": torch.tensor([epoch])}
        torch.save(weights, output / f"{epoch}epoch.pth")
    torch.save({"model": weights, "reporter": {"epoch": epochs}}, output / "checkpoint.pth")
    tokens = Path(arguments.token_list).read_text(encoding="utf-8").split()
    config = {"token_list": tokens, "encoder_conf": encoder}
    (output / "config.yaml").write_text(yaml.safe_dump(config, allow_unicode=True), encoding="utf-8")
