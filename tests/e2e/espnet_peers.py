"""ESPnet's own answers, each from a process of its own, for test_espnet.py to compare ours with.

python -m tests.e2e.espnet_peers average WORK LAST OUTPUT            its average, which our layer switches off
python -m tests.e2e.espnet_peers initial CONFIG OUTPUT SEED...       the models with which it starts to train, by seed
python -m tests.e2e.espnet_peers greedy CONFIG WEIGHTS WAV_SCP TEXT  its decoder's greedy CTC transcripts
python -m tests.e2e.espnet_peers frames CONFIG WEIGHTS ENCODER       whether we load what its whole model computes
"""

import argparse
import sys
from pathlib import Path

import torch
import yaml

from scripts.finetune import espnet_layer, espnet_numerics


def average(work: str, last: str, output: str) -> None:
    """In its good case: one criterion, one number of epochs."""
    from espnet2.main_funcs.average_nbest_models import average_nbest_models
    from espnet2.train.reporter import Reporter

    reporter = Reporter()
    reporter.load_state_dict(torch.load(Path(work) / "checkpoint.pth", weights_only=False)["reporter"])
    average_nbest_models(Path(work), reporter, [("train", "total_count", "max")], int(last))
    (Path(work) / f"train.total_count.ave_{last}best.pth").rename(output)


def initial(config: str, output: str, *seeds: str) -> None:
    """As espnet2/tasks/abs_task.py does in main_worker: the seed first, then the model."""
    espnet_numerics.install()
    from espnet2.tasks.asr import ASRTask
    from espnet2.torch_utils.set_all_random_seed import set_all_random_seed

    settings = argparse.Namespace(**yaml.safe_load(Path(config).read_text(encoding="utf-8")))
    models = {}
    for seed in map(int, seeds):
        set_all_random_seed(seed)
        models[seed] = ASRTask.build_model(settings).state_dict()
    torch.save(models, output)


def greedy(config: str, weights: str, wav_scp: str, text: str) -> None:
    """The best path as asr_inference takes it from a CTC layer: argmax, repeats collapsed, blanks dropped.

    What asr_inference prints for the last layer comes from a prefix search, even with beam 1: it sums over all paths
    of a prefix, so its text may differ from that of the single best path. Greedy is what we claim to be equal to.
    """
    espnet_numerics.install()
    from espnet2.bin.asr_inference import Speech2Text
    from espnet2.fileio.sound_scp import SoundScpReader

    decoder = Speech2Text(asr_train_config=config, asr_model_file=weights, ctc_weight=1.0, beam_size=1)
    lines = []
    for name, (_, speech) in SoundScpReader(wav_scp, dtype="float32").items():
        with torch.no_grad():
            encoded, _ = decoder.asr_model.encode(torch.from_numpy(speech)[None], torch.tensor([len(speech)]))
        said = decoder.tokenizer.tokens2text(decoder._decode_interctc([(0, encoded)])[0])
        lines.append(f"{name} {said}".rstrip() + "\n")
    Path(text).write_text("".join(sorted(lines)), encoding="utf-8")


def frames(config: str, weights: str, encoder: str) -> None:
    """Raise AssertionError unless encoder and head alone give a whole model's bits, with either way to load them."""
    from scripts.evaluate import transcribe

    paths = [Path(config), Path(weights), Path(encoder)]
    alone, _ = transcribe.load(*paths, "cpu")
    assert type(alone) is transcribe.Recogniser and "espnet2.tasks.asr" not in sys.modules
    transcribe.is_all_of = lambda _: False
    whole, _ = transcribe.load(*paths, "cpu")
    assert type(whole).__name__ == "ESPnetASRModel" and not whole.training and not alone.training
    noise = torch.Generator().manual_seed(1)
    for samples in (4_000, 16_000, 30_001):
        speech, lengths = torch.randn(1, samples, generator=noise), torch.tensor([samples])
        with torch.inference_mode():
            (one, counted), (other, expected) = (model.encode(speech, lengths) for model in (alone, whole))
            assert torch.equal(one, other) and torch.equal(counted, expected)
            assert torch.equal(alone.ctc.log_softmax(one), whole.ctc.log_softmax(other))


if __name__ == "__main__":
    espnet_layer.without_transformers()  # seconds of each start; neither computes anything
    espnet_layer.without_type_checks()
    {"average": average, "initial": initial, "greedy": greedy, "frames": frames}[sys.argv[1]](*sys.argv[2:])
