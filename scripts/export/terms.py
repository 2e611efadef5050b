"""Under which terms corpora are distributed, and in which language, as far as their format tells."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Terms:
    """`name`: of the corpus that has this layout; `licence`: the hub's word for it, `other` where it has none."""

    name: str
    language: str
    licence: str
    words: str
    academic: bool = False


# By format (scripts/corpora/formats). In the layout of Kaldi lies anything, and Common Voice is in any language.
TERMS = {
    "aishell1": Terms("AISHELL-1", "zh", "apache-2.0", "Apache-2.0"),
    "aishell2": Terms("AISHELL-2", "zh", "other", "academic use only, on application", academic=True),
    "commonvoice": Terms("Common Voice", "", "cc0-1.0", "CC0-1.0"),
    "librispeech": Terms("LibriSpeech", "en", "cc-by-4.0", "CC-BY-4.0"),
    "magicdata": Terms("MAGICDATA", "zh", "cc-by-nc-nd-4.0", "CC-BY-NC-ND-4.0"),
}
UNKNOWN = Terms("", "", "other", "not known to this run")
