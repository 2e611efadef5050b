"""The formats of corpora that the config may name."""

from scripts.corpora.formats import aishell1, aishell2, commonvoice, kaldi, librispeech, magicdata

FORMATS = {
    "aishell1": aishell1.FORMAT,
    "aishell2": aishell2.FORMAT,
    "commonvoice": commonvoice.FORMAT,
    "kaldi": kaldi.FORMAT,
    "librispeech": librispeech.FORMAT,
    "magicdata": magicdata.FORMAT,
}
