"""Time speech in, text out beside ESPnet's own inference and transformers' pipeline, on the same utterances.

python -m benchmarks.transcription --directory runs/demo --export digits --json OUT     after make demo; 10 minutes

The commands take turns; a figure is the median of the rounds (least to most) of wall seconds, from nothing to text.
Each may use all cores. ESPnet searches with beam 1 and CTC alone.
"""

import argparse
import json
import statistics
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import yaml

from benchmarks.corpora import Usage, run
from scripts.common import files, tables
from scripts.common.errors import exit_on_error
from scripts.export.rows import choose

SIZES = (10, 500)
ESPNET = """
import sys
from scripts.finetune import espnet_numerics
espnet_numerics.install()
from espnet2.bin.asr_inference import main
main(sys.argv[1:])
"""
TRANSFORMERS = """
import sys
from pathlib import Path
from scripts.export import stock
import soundfile
hear = stock.transformers().pipeline("automatic-speech-recognition", sys.argv[1])
for line in Path(sys.argv[2]).read_text().splitlines():
    name, _, path = line.partition(" ")
    samples, _ = soundfile.read(path, dtype="float32")
    print(name, hear(samples)["text"])
"""


def listed(directory: Path, task: str, count: int, folder: Path) -> list[Path]:
    """So many wavs of dev and test, linked under their ids, and wav.scp beside them; from the first again where there
    are fewer.
    """
    config = yaml.safe_load((directory / "results/config.yaml").read_text(encoding="utf-8"))
    corpus = config["finetuning"][task]["corpus"]
    root = directory / config["corpora"][corpus]["root"]
    rows = tables.read_utterances(directory / f"results/corpora/{corpus}/utterances.tsv")
    rows = rows[rows["subset"].isin(["dev", "test"])]
    wavs = []
    for number in range(count):
        row = rows.iloc[number % len(rows)]
        wavs.append(folder / f"{number:04}-{row['utterance']}.wav")
        wavs[-1].symlink_to((root / row["path"]).resolve())
    files.write_text(folder / "wav.scp", "".join(f"{wav.stem} {wav}\n" for wav in wavs))
    return wavs


def espnet_config(directory: Path, branch: Path, encoder: Path, output: Path) -> Path:
    """What ESPnet wrote in training, with the encoder where it lies now."""
    (config,) = branch.glob("average-of-last-*.yaml")
    settings = yaml.safe_load(config.read_text(encoding="utf-8"))
    settings["encoder_conf"] |= {"w2v_url": encoder.name, "w2v_dir_path": str(encoder.parent.resolve())}
    output.write_text(yaml.safe_dump(settings, allow_unicode=True), encoding="utf-8")
    return output


def commands(directory: Path, export: str, task: str, wavs: Sequence[Path], folder: Path) -> dict[str, list[object]]:
    """The same utterances by each program."""
    row = choose(directory / "results/cer.tsv", task, "best")
    branch = (directory / row.part("epochs").file).parent
    encoder = directory / row.part("encoder").file
    (weights,) = branch.glob("average-of-last-*.pth")
    model, scp, python = directory / "results/export" / export, folder / "wav.scp", sys.executable
    config = espnet_config(directory, branch, encoder, folder / "espnet.yaml")
    words = ["--ngpu", "0", "--ctc_weight", "1.0", "--beam_size", "1", "--asr_train_config", config]
    words += ["--asr_model_file", weights, "--data_path_and_name_and_type", f"{scp},speech,sound"]
    return {
        "ours": [python, "-m", "scripts.transcribe", "--format", "kaldi", "--model", model, *wavs],
        "espnet": [python, "-c", ESPNET, *words, "--output_dir", folder / "espnet"],
        "transformers": [python, "-c", TRANSFORMERS, model, scp],
    }


def main() -> None:
    """Parse the command line, take turns, print a line a size."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--directory", type=Path, required=True, help="a working directory with a table")
    parser.add_argument("--export", required=True, help="a recogniser in its results/export: the best row")
    parser.add_argument("--task", default="aishell1", help="of whose corpus utterances are heard (aishell1)")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    found: dict[str, dict[str, list[Usage]]] = {}
    for size in SIZES:
        with tempfile.TemporaryDirectory() as place:
            folder = Path(place)
            wavs = listed(arguments.directory, arguments.task, size, folder)
            of_each = commands(arguments.directory, arguments.export, arguments.task, wavs, folder)
            times: dict[str, list[Usage]] = {name: [] for name in of_each}
            for _ in range(arguments.rounds):
                for name, command in of_each.items():
                    times[name].append(run(command))
        found[str(size)] = times
        print(f"{size} utterances: {', '.join(_shown(name, usages) for name, usages in times.items())}", flush=True)
        ratios = {name: _wall(times["ours"]) / _wall(usages) for name, usages in times.items() if name != "ours"}
        print(f"  ours: {', '.join(f'{ratio:.2f} of {name}' for name, ratio in ratios.items())}", flush=True)
    if arguments.json:
        plain = {
            size: {name: [one._asdict() for one in usages] for name, usages in times.items()}
            for size, times in found.items()
        }
        files.write_text(arguments.json, json.dumps(plain, indent=2) + "\n")


def _wall(usages: Sequence[Usage]) -> float:
    return statistics.median(one.wall for one in usages)


def _shown(name: str, usages: Sequence[Usage]) -> str:
    walls = [one.wall for one in usages]
    return (
        f"{name} {_wall(usages):.1f} s ({min(walls):.1f} to {max(walls):.1f}, {max(one.peak for one in usages):.0f} MB)"
    )


if __name__ == "__main__":
    exit_on_error(main)
