"""README.md of an export: what the hub reads of it at its head, then what a person asks. Only what the run knows."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from scripts.export.facts import MISSING, Training, corpora, trainings
from scripts.export.handed_over import Model
from scripts.export.terms import Terms

ACADEMIC = "academic-use-only"
KINDS = {
    "recogniser": ("a speech recogniser: wav2vec 2.0 with CTC, fine-tuned", "automatic-speech-recognition"),
    "pretraining": ("a wav2vec 2.0 after pre-training, with its quantizer and projections", "feature-extraction"),
    "encoder": ("the encoder of a wav2vec 2.0 after pre-training", "feature-extraction"),
}
_SPEECH = """\
`DIR` is this folder, and `speech` one utterance, as `speech, _ = soundfile.read(FILE, dtype="float32")` reads it from
16 kHz, mono. The packages: `pip install soundfile torch transformers`, in an environment of their own.
"""
_RECOGNISER = """\
With transformers:

```python
from transformers import pipeline
recognise = pipeline("automatic-speech-recognition", DIR)
print(recognise(speech)["text"])
```

With onnxruntime:

```python
import itertools, onnxruntime
tokens = [line.rpartition(" ")[0] for line in open(f"{DIR}/tokens.txt", encoding="utf-8")]
frames = onnxruntime.InferenceSession(f"{DIR}/model.onnx").run(None, {"x": speech[None]})[0][0].argmax(-1)
print("".join(tokens[number] for number, _ in itertools.groupby(frames) if tokens[number] != "<blk>"))
```

With sherpa-onnx, which brings it to phones, browsers and small boards:

```python
import sherpa_onnx
recogniser = sherpa_onnx.OfflineRecognizer.from_omnilingual_asr_ctc(f"{DIR}/model.onnx", f"{DIR}/tokens.txt")
stream = recogniser.create_stream(); stream.accept_waveform(16000, speech)
recogniser.decode_stream(stream); print(stream.result.text)
```
"""
_ENCODER = """\
```python
from transformers import AutoFeatureExtractor, {model}
extract, model = AutoFeatureExtractor.from_pretrained(DIR), {model}.from_pretrained(DIR)
hidden = model.{of}(**extract(speech, sampling_rate=16000, return_tensors="pt")).last_hidden_state  # (1, frames, width)
```

To fine-tune it with CTC, write `vocab.json`, a number for each character and for `|`, which is a space: `{"<pad>": 0,
"<unk>": 1, "|": 2, ...}`. Then:

```python
from transformers import Wav2Vec2CTCTokenizer, Wav2Vec2ForCTC, Wav2Vec2Processor
tokenizer = Wav2Vec2CTCTokenizer("vocab.json", pad_token="<pad>", bos_token=None, eos_token=None)
processor = Wav2Vec2Processor(extract, tokenizer)
sizes = {"vocab_size": len(tokenizer), "pad_token_id": tokenizer.pad_token_id}
model = Wav2Vec2ForCTC.from_pretrained(DIR, mask_time_prob=0.05, mask_time_length=10, **sizes)
model.freeze_feature_encoder()
```

Its loss is a sum over the batch: divide by the batch's size. Batch utterances of about equal length, and train the new
layer alone at first.
"""
_USE = {
    "recogniser": _RECOGNISER,
    "pretraining": _ENCODER.replace("{model}", "Wav2Vec2ForPreTraining").replace("{of}", "wav2vec2"),
    "encoder": _ENCODER.replace("{model}", "Wav2Vec2Model").replace("model.{of}", "model"),
}


def card(name: str, what: str, handed: Model, figures: Mapping[str, Any]) -> str:
    """The text of README.md. `figures`: parity.json."""
    parts = handed.facts.get("parts", {})
    heard, row = corpora(parts), handed.facts.get("row")
    paragraphs = [
        f"---\n{yaml.safe_dump(metadata(name, what, heard, row), allow_unicode=True, sort_keys=False)}---",
        *_warning(heard),
        f"# {name}",
        f"This is {KINDS[what][0]}. Stock transformers loads it: no code comes with it, and none has to be trusted.",
        *(_rates(row, figures) if row else []),
        "## How to use it",
        _SPEECH.strip(),
        _USE[what].strip(),
        "## What it has heard",
        _corpora(heard),
        "## How it was made",
        *(_training(training) for training in trainings(parts)),
        "## Where it comes from",
        _table(("part", "SHA-256 or digest"), _digests(parts, handed.facts)),
        "## How near it is to the trainer's own code",
        _parity(what, figures),
        "## Limits",
        "\n".join(f"- {limit}" for limit in limits(what, handed, row)),
    ]
    return "\n\n".join(paragraphs) + "\n"


def metadata(name: str, what: str, heard: Mapping[str, Terms], row: Mapping[str, Any] | None) -> dict[str, Any]:
    """What the hub shows and searches by. What the run does not know is left out."""
    languages = list(dict.fromkeys(terms.language for terms in heard.values() if terms.language))
    licences = {terms.licence for terms in heard.values()}
    found: dict[str, Any] = {"language": languages} if languages else {}
    found["license"] = licences.pop() if len(licences) == 1 else "other"
    if found["license"] == "other":
        academic = any(terms.academic for terms in heard.values())
        found["license_name"] = ACADEMIC if academic else "see-the-corpora"
    found |= {"library_name": "transformers", "pipeline_tag": KINDS[what][1], "tags": ["wav2vec2"]}
    if what == "recogniser":
        found["tags"] += ["ctc", "onnx", "sherpa-onnx"]
    if heard:
        found["datasets"] = list(heard)
    if row:
        results = [
            {
                "task": {"type": "automatic-speech-recognition", "name": "Speech recognition"},
                "dataset": {"type": row["names"]["task"], "name": row["names"]["task"], "split": score["subset"]},
                "metrics": [{"type": "cer", "name": _cer_in_words(score), "value": _percent(score["cer"])}],
            }
            for score in row["scores"]
        ]
        found |= {"metrics": ["cer"], "model-index": [{"name": name, "results": results}]}
    return found


def limits(what: str, handed: Model, row: Mapping[str, Any] | None) -> list[str]:
    """What a user would otherwise find out."""
    found = []
    if handed.config["feat_extract_norm"] == "group":
        found.append(
            "Batch one utterance at a time, or utterances of equal length: padding changes what this model hears, as "
            "the first layer's group norm runs over time."
        )
    if handed.normalize:
        found.append("It was trained on waveforms of mean 0 and variance 1; its feature extractor makes them so.")
    else:
        found.append("It was trained on waveforms as they are, in [-1, 1): the feature extractor does not normalise.")
    if row:
        subsets = " and ".join(score["subset"] for score in row["scores"])
        found.append(
            f"It was tested on {subsets} of `{row['names']['task']}` and on nothing else: not on other microphones, "
            "rooms, noise, accents, spontaneous or far speech, nor on other languages."
        )
        found.append(
            "It was chosen by its errors on dev. It has no language model, and knows the tokens of tokens.txt."
        )
    else:
        found.append("It transcribes nothing by itself, and no error rate is known of it here.")
    return found


def _warning(heard: Mapping[str, Terms]) -> list[str]:
    """For the first lines."""
    academic = {name: terms for name, terms in heard.items() if terms.academic}
    return [
        f"> **Academic use only.** It was trained on `{name}`, a corpus in the layout of {terms.name}, whose terms are "
        f"{terms.words}. That holds for what is made from it."
        for name, terms in academic.items()
    ]


def _rates(row: Mapping[str, Any], figures: Mapping[str, Any]) -> list[str]:
    """The error rates of the table, and what 8 bits cost."""
    head = ("subset", "CER in percent", "95 % interval", "characters", "utterances", "speakers")
    lines = [
        (
            score["subset"],
            f"{_percent(score['cer'])}",
            f"{_percent(score['low'])} to {_percent(score['high'])}" if score["low"] else MISSING,
            *(score[key] or MISSING for key in ("characters", "utterances", "speakers")),
        )
        for score in row["scores"]
    ]
    found = [f"## Error rates ({row['names']['task']}, {row['label']})", _table(head, lines)]
    if "onnx_int8" in figures:
        several = len(figures["utterances"])
        measured = [
            (name, f"{100 * figures[key]['cer']:.2f}", f"{figures[key]['real_time_factor']:.4f}")
            for key, name in (
                ("transformers", "transformers"),
                ("onnx", "model.onnx"),
                ("onnx_int8", "model.int8.onnx"),
            )
            if figures[key]["cer"] is not None
        ]
        found += [
            f"The formats on {several} utterances of dev, one at a time, on one core of the machine that made them:",
            _table(("format", "CER in percent", "seconds a second of speech"), measured),
        ]
    return found


def _cer_in_words(score: Mapping[str, str]) -> str:
    interval = f", 95 % interval {_percent(score['low'])} to {_percent(score['high'])}" if score["low"] else ""
    return f"CER in percent{interval}"


def _percent(fraction: str) -> float:
    return round(100 * float(fraction), 2)


def _corpora(heard: Mapping[str, Terms]) -> str:
    if not heard:
        return f"Corpora: {MISSING}."
    lines = [(f"`{name}`", terms.name or MISSING, terms.words) for name, terms in heard.items()]
    return _table(("name in this run", "layout of", "terms of the corpus of that layout"), lines)


def _training(training: Training) -> str:
    text = f"### {training.name}\n\n{_table(('', ''), training.rows)}"
    if training.recipe is None:
        return f"{text}\n\nRecipe: {MISSING}."
    recipe = json.dumps(training.recipe, ensure_ascii=False, indent=1)
    return f"{text}\n\n<details><summary>recipe</summary>\n\n```json\n{recipe}\n```\n\n</details>"


def _digests(parts: Mapping[str, Any], facts: Mapping[str, Any]) -> list[tuple[str, str]]:
    lines = [(f"`{path}`", card.get("sha256") or card.get("digest") or "") for path, card in parts.items()]
    own = [
        ("the table's experiment", facts.get("experiment", "")),
        ("exported by commit", facts.get("exported_by", "")),
    ]
    return [(name, f"`{value}`") for name, value in [*lines, *own] if value]


def _parity(what: str, figures: Mapping[str, Any]) -> str:
    allowed = f"Nothing is published whose numbers differ by more than {figures['allowed']}"
    if what != "recogniser":
        largest = max(figures["transformers"]["largest_difference"].values())
        return f"Its outputs differ from fairseq's by {largest:.1e} at most. {allowed}."
    differing = len(figures["transformers"]["differing_texts_if_normalised"])
    return (
        f"On {len(figures['utterances'])} utterances of dev, transformers and ONNX say what ESPnet says, word by word: "
        f"logits differ by {figures['transformers']['largest_difference']:.1e} at most, ONNX's log-probabilities by "
        f"{figures['onnx']['largest_difference']:.1e}. {allowed} ({figures['onnx']['allowed']:.1e} of ONNX's), or that "
        "says another text. In 8 bits "
        f"{len(figures['onnx_int8']['differing_texts'])} texts are another. Programs that normalise every waveform, as "
        f"sherpa-onnx does, hear something else in {differing}. parity.json has the figures."
    )


def _table(head: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    rows = [head, ["---"] * len(head), *lines]
    return "\n".join(f"| {' | '.join(map(str, row))} |" for row in rows)
