"""config/README.md, as the schema has it.

python -m tests.workflow.describe_config   writes it anew
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

REPOSITORY = Path(__file__).resolve().parents[2]
README = REPOSITORY / "config/README.md"
BEGINNING = """\
# The config

`config.yaml` is the published experiment. What you want otherwise goes into a file of its own, an overlay, which names
only what differs; nothing of the repository is edited:

```yaml
# mine.yaml
corpora:
  aishell1: {root: /data/AISHELL-1/data_aishell}
pretraining:
  mandarin: {seed: 2}
```

```sh
snakemake --profile profiles/slurm --directory runs/mine --configfile config/config.yaml mine.yaml
```

| example | what it shows |
| --- | --- |
| [config.yaml](config.yaml) | the published experiment, with a comment a key |
| [demo.yaml](demo.yaml) | two runs of pre-training, one of them in another corpus's language; a tiny model |
| [sample.yaml](sample.yaml) | any part of the two corpora |
| [one-gpu.yaml](one-gpu.yaml) | open corpora, one GPU |
| [docs/another-language.md](../docs/another-language.md) | a corpus, a run, a task and recipes of your own |

Recipes of the trainers are in [pretrain](pretrain) (fairseq's) and [finetune](finetune) (ESPnet's). What a change of a
key runs again stands in [decision 5](../docs/decisions/0005-reruns-by-content.md). A key that is not listed here is
refused; one that has no default may be left out where config.yaml has it.
"""


def rows(schema: dict[str, Any], name: str = "") -> Iterator[str]:
    """A row a key: `NAME` stands for a name that users choose."""
    for key, entry in schema.get("properties", {}).items():
        yield from described(entry, f"{name}.{key}".removeprefix("."))
    for entry in schema.get("patternProperties", {}).values():
        yield from rows(entry, f"{name}.NAME")
    if "properties" in schema.get("items", {}):
        yield from rows(schema["items"], f"{name}[]")


def described(entry: dict[str, Any], name: str) -> Iterator[str]:
    if "properties" in entry or "patternProperties" in entry or "properties" in entry.get("items", {}):
        yield from rows(entry, name)
        return
    if "$ref" in entry:
        entry = {
            "description": "the layout in which it is distributed: [docs/corpora.md](../docs/corpora.md) lists them"
        }
    yield f"| `{name}` | {entry['description']} | {default_of(entry)} |"


def default_of(entry: dict[str, Any]) -> str:
    """As YAML has it."""
    if "default" not in entry:
        return ""
    value = yaml.safe_dump(entry["default"], default_flow_style=True).removesuffix("...\n").strip()
    return f"`{value}`"


def text() -> str:
    """The whole document: a section a catalogue, and one for keys that stand alone."""
    schema = yaml.safe_load((REPOSITORY / "workflow/schemas/config.schema.yaml").read_text(encoding="utf-8"))
    sections: dict[str, list[str]] = {}
    for key, entry in schema["properties"].items():
        found = list(described(entry, key))
        alone = len(found) == 1
        sections.setdefault("For one call" if alone else f"{key}: {entry['description']}", []).extend(found)
    return BEGINNING + "".join(
        f"\n## {title}\n\n| key | what it says | default |\n| --- | --- | --- |\n" + "\n".join(lines) + "\n"
        for title, lines in sections.items()
    )


if __name__ == "__main__":
    README.write_text(text(), encoding="utf-8")
