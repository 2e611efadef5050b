"""Time an update of pre-training: stock fairseq, ours, and each switch of scripts/pretrain/faster.

python -m benchmarks.pretraining --device cuda --json OUT     the base model in bf16: four minutes
python -m benchmarks.pretraining --device cpu                 the demo's model: two minutes

Each variant alternates with stock fairseq, so that what else the machine does meets both. A variant that fails says so
and leaves the others; what has been measured is written at once.
"""

import argparse
import gc
import json
import logging
import os
import statistics
import time
import traceback
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")  # as the workflow starts fairseq

import torch

from benchmarks.parts import kernels, shares, timed, wait
from benchmarks.variants import STOCK, WORKS, Variant, Work
from scripts.pretrain.faster.switches import NAMES

EAGER = "positions negatives unpadded"
COMPILED = "compiled_features compiled_layers"
GPU = f"{EAGER} {COMPILED} adam"
# What matters most comes first: time may be over before the end.
ON_GPUS = ["", f"at_once=8 {GPU}", f"at_once=8 {EAGER} adam", "at_once=8", f"at_once=4 {GPU}"]
ON_GPUS += [f"at_once=8 {EAGER} adam {name}" for name in COMPILED.split()]  # what each of the two adds
ON_GPUS += [GPU, *EAGER.split(), "adam", "at_once=4", *COMPILED.split()]
ON_CPUS = ["", EAGER, f"at_once=4 {EAGER}", "at_once=4", *EAGER.split(), COMPILED]


def spread(seconds: list[float]) -> dict[str, float]:
    return {"median_s": statistics.median(seconds), "least_s": min(seconds), "most_s": max(seconds)}


def compare(name: str, stock: Variant, work: Work, rounds: int, profiled: bool) -> dict[str, Any]:
    """A variant beside stock fairseq, by turns."""
    begin = time.perf_counter()
    variant = Variant(name, work)
    for _ in range(2):
        variant.update()
    wait()
    warm = time.perf_counter() - begin
    stock.seconds = []
    for _ in range(rounds):
        stock.measure()
        variant.measure()
    own, other = spread(variant.seconds), spread(stock.seconds)
    pairs = [one / two for one, two in zip(stock.seconds, variant.seconds, strict=True)]
    row = {"switches": name, **own, "stock": other, "times_stock": statistics.median(pairs)}
    row |= {"audio_s_per_s": work.seconds() / own["median_s"]}
    row |= {"update_gib": variant.memory, "stock_update_gib": stock.memory}
    row |= {"ms_per_micro_batch": 1000 * own["median_s"] / work.micro_batches, "warm_up_s": warm, "loss": variant.loss}
    row["shares"] = attempt(lambda: part_shares(variant))
    if profiled and work.device == "cuda":
        row["profile"] = attempt(lambda: kernels(variant.update))
    return row


def attempt(measure: Callable[[], Any]) -> Any:
    """What is only looked at besides shall not cost the times."""
    try:
        return measure()
    except Exception as error:
        return f"{type(error).__name__}: {str(error)[:200]}"


def part_shares(variant: Variant) -> dict[str, float]:
    """Of an update in which each part is waited for."""
    begin = time.perf_counter()
    with timed(variant.trainer) as seconds:
        variant.update()
    return shares(seconds, time.perf_counter() - begin)


def line(row: dict[str, Any]) -> str:
    if "error" in row:
        return f"{row['switches'] or 'ours':70s} FAILED {row['error']}"
    times = f"{row['ms_per_micro_batch']:7.1f} ms a micro-batch, update {row['median_s']:.3f} s"
    times += f" [{row['least_s']:.3f}..{row['most_s']:.3f}], x{row['times_stock']:.2f}"
    sizes = f"{row['audio_s_per_s']:.0f} s of audio a second"
    sizes += f", {row['update_gib']:.1f} GiB an update" if row["update_gib"] else ""
    return f"{row['switches'] or 'ours':70s} {times}, {sizes}, warm-up {row['warm_up_s']:.0f} s, loss {row['loss']}"


def main() -> None:
    """Parse the command line and measure until all are done or time is over."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", choices=WORKS, required=True)
    parser.add_argument("--json", type=Path, help="where to write what is measured")
    parser.add_argument("--rounds", type=int, default=4, help="updates of each variant")
    parser.add_argument("--seconds", type=float, default=210, help="after which no other variant is begun")
    parser.add_argument("--variants", nargs="*", help=f"of {', '.join(NAMES)} and at_once=N; each in quotes")
    arguments = parser.parse_args()
    warnings.filterwarnings("ignore")
    logging.disable(logging.WARNING)
    begin, work = time.perf_counter(), WORKS[arguments.device]
    device = torch.cuda.get_device_name() if arguments.device == "cuda" else f"cpu, {torch.get_num_threads()} threads"
    report: dict[str, Any] = {
        "device": device,
        "torch": torch.__version__,
        "work": vars(work) | {"recipe": work.recipe.stem},
    }
    report["rows"] = []
    print(
        f"{device}, torch {torch.__version__}: {work.micro_batches} x {work.utterances} x {work.samples} samples",
        flush=True,
    )
    stock = Variant(STOCK, work)
    for _ in range(2):
        stock.update()
    report["stock_shares"] = attempt(lambda: part_shares(stock))
    if arguments.device == "cuda":
        report["stock_profile"] = attempt(lambda: kernels(stock.update))
    print(f"shares of stock: {report['stock_shares']}", flush=True)
    default = ON_GPUS if arguments.device == "cuda" else ON_CPUS
    for name in arguments.variants if arguments.variants is not None else default:
        if time.perf_counter() - begin > arguments.seconds:
            print(f"no time left for {name or 'ours'}", flush=True)
            continue
        try:
            row = compare(name, stock, work, arguments.rounds, profiled=name.startswith("at_once=8"))
        except Exception as error:  # such as a compiler that is not there
            traceback.print_exc(limit=-4)
            row = {"switches": name, "error": f"{type(error).__name__}: {str(error)[:300]}"}
        report["rows"].append(row)
        print(line(row), flush=True)
        if arguments.json:
            arguments.json.write_text(json.dumps(report, indent=1), encoding="utf-8")
        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()


if __name__ == "__main__":
    main()
