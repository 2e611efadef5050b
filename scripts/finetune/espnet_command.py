"""The words of ESPnet's `asr_train`, a call for each process: the recipe plus what only the workflow knows."""

import json
import os
import re
import sys
from dataclasses import dataclass
from pathlib import Path

from scripts.common import digests
from scripts.common.code import code_digest
from scripts.common.errors import StepError
from scripts.trainers.processes import Processes

LAYER = "scripts.finetune.espnet_layer"


@dataclass(frozen=True)
class Task:
    """What ESPnet is to do: fine-tune an encoder on data with a learning rate and seed. Paths are absolute."""

    recipe: Path
    data: Path
    encoder: Path
    learning_rate: float
    seed: int
    work: Path


def program() -> dict[str, str]:
    """Digests of what runs a recipe, wherever it lies: what our layer makes of ESPnet, and the words that we add."""
    task = Task(Path("recipe"), Path("data"), Path("encoder"), learning_rate=0, seed=0, work=Path("work"))
    (words,) = commands(task, Processes(gpus=1, per_node=1))
    ours = words[words.index("asr_train") :]
    return {"espnet_layer": code_digest("scripts.finetune.espnet_numerics"), "command": digests.digest(ours)}


def commands(task: Task, together: Processes) -> list[list[str]]:
    """A call of ESPnet's asr_train for each process. ESPnet divides every batch among them."""
    words = [sys.executable, "-m", LAYER, "asr_train"]
    words += ["--config", task.recipe, "--output_dir", task.work, "--resume", "true", "--seed", task.seed]
    words += ["--ngpu", min(together.gpus, 1), "--num_workers", "1", "--use_preprocessor", "true"]
    words += ["--token_type", "char", "--token_list", task.data / "tokens.txt"]
    words += ["--optim_conf", f"lr={task.learning_rate}"]
    words += ["--encoder_conf", f"w2v_url={_yaml(task.encoder.name)}"]
    words += ["--encoder_conf", f"w2v_dir_path={_yaml(str(task.encoder.parent))}"]
    for subset, prefix in (("train", "train"), ("dev", "valid")):
        data = task.data / subset
        words += [f"--{prefix}_data_path_and_name_and_type", f"{_without_comma(data / 'wav.scp')},speech,sound"]
        words += [f"--{prefix}_data_path_and_name_and_type", f"{_without_comma(data / 'text')},text,text"]
        words += [f"--{prefix}_shape_file", data / "speech_shape", f"--{prefix}_shape_file", data / "text_shape.char"]
    # folded batches shrink for utterances longer than 80,000 samples (5 s) or 150 characters
    words += ["--fold_length", "80000", "--fold_length", "150"]
    words += ["--use_wandb", "false", "--use_matplotlib", "false", "--num_att_plot", "0"]
    call = [str(word) for word in words]
    if together.count == 1:
        return [call]
    # while the encoder is frozen its parameters get no gradient
    call += ["--multiprocessing_distributed", "false", "--unused_parameters", "true"]
    call += ["--dist_backend", together.backend, "--dist_init_method", together.rendezvous()]
    call += ["--dist_world_size", str(together.count)]
    return [[*call, "--dist_rank", str(rank), "--local_rank", str(rank)] for rank in range(together.count)]


def _yaml(text: str) -> str:
    """A path as YAML, which ESPnet takes it for: `#` behind a space would begin a comment, `: ` a mapping."""
    return text if re.fullmatch(r"[\w./-]+( [\w./-]+)*", text) else json.dumps(text, ensure_ascii=False)


def _without_comma(path: Path) -> Path | str:
    """ESPnet takes these words apart at commas: a path with one is said as seen from the working directory."""
    if "," not in str(path):
        return path
    seen = os.path.relpath(path)
    if "," in seen:
        raise StepError(f"{path} has a comma in its path, which ESPnet cannot read: start from the folder that has it")
    return seen
