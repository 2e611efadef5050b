"""What the demo's pre-training has learnt after 300 updates, with switches of scripts/pretrain/faster and without.

python -m benchmarks.learning --data runs/demo/results/pretrain/mandarin --output runs/learning

An update has the demo's audio in four micro-batches of a quarter of its size, so that `at_once` has what to join.
"""

import argparse
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from benchmarks.variants import REPOSITORY
from scripts.common import files
from scripts.pretrain.faster.switches import parse

MICRO_BATCHES = 4
EAGER = "at_once=4 positions negatives unpadded"
WAYS = ("", EAGER, f"{EAGER} compiled_features compiled_layers")


def recipe(output: Path) -> Path:
    """The demo's, with a quarter of the samples in a micro-batch."""
    path = output / "quarters.yaml"
    text = (REPOSITORY / "config/pretrain/demo.yaml").read_text(encoding="utf-8")
    whole = "max_tokens: 512000"
    if text.count(whole) != 1:
        raise RuntimeError(f"config/pretrain/demo.yaml has no line {whole}")
    files.write_text(path, text.replace(whole, f"max_tokens: {512_000 // MICRO_BATCHES}"))
    return path


def learn(data: Path, output: Path, words: list[str], seed: int, updates: int) -> float:
    """Pre-train by the step's own command line; the validation loss (bits) at the end."""
    folder = output / f"{'-'.join(words) or 'stock'}-{seed}"
    milestone = folder / f"after-{updates}-updates.pt"
    options = {"recipe": [recipe(output)], "updates": [updates], "effective-gpus": [MICRO_BATCHES], "seed": [seed]}
    options |= {"precision": ["fp32"], "faster": words, "output": [milestone], "best": [folder / "best.pt"]}
    options |= {f"{subset}-manifest": [data / "manifest" / f"{subset}.tsv"] for subset in ("train", "valid")}
    command = [sys.executable, "-m", "scripts.pretrain.pretrain"]
    for name, values in options.items():
        command += [f"--{name}", *map(str, values)]
    programs = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    own = {"PATH": programs, "PYTHONPATH": str(REPOSITORY), "OMP_NUM_THREADS": "1"}
    finished = subprocess.run(command, env=os.environ | own, capture_output=True, text=True, check=False)
    if finished.returncode != 0:
        raise RuntimeError(finished.stdout + finished.stderr)
    return float(files.read_json(milestone.with_suffix(".json"))["validation_loss"])


def main() -> None:
    """Parse the command line; a line of losses for each way, seed by seed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="a finished demo's results/pretrain/mandarin")
    parser.add_argument("--output", type=Path, required=True, help="what is there already is not trained again")
    parser.add_argument("--updates", type=int, default=300)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--ways", nargs="*", default=WAYS, help="switches, each in quotes; '' is stock fairseq")
    parser.add_argument("--jobs", type=int, default=2, help="runs at a time")
    arguments = parser.parse_args()
    data, output = arguments.data.resolve(), arguments.output.resolve()
    with ThreadPoolExecutor(arguments.jobs) as pool:
        runs = {
            way: [
                pool.submit(learn, data, output, parse(way.split()).words(), seed, arguments.updates)
                for seed in arguments.seeds
            ]
            for way in arguments.ways
        }
        for way, losses in runs.items():
            print(f"{way or 'stock':70s} {' '.join(f'{one.result():.3f}' for one in losses)}", flush=True)


if __name__ == "__main__":
    main()
