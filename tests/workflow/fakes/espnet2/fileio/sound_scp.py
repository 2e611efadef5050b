"""What scripts/finetune/espnet_upkeep.py replaces in the real module."""

from collections.abc import Mapping


class SoundScpReader(Mapping):
    """Audio by utterance."""

    def __init__(self, data: dict) -> None:
        self.data = data

    def __getitem__(self, utterance: str) -> object:
        return self.data[utterance]

    def __iter__(self) -> object:
        return iter(self.data)

    def __len__(self) -> int:
        return len(self.data)
