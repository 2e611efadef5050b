"""Packed audio: samples and offsets are exact."""

import hashlib
import io
import itertools
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from scripts.common import files
from scripts.common.errors import StepError
from scripts.common.tables import LISTED_COLUMNS, UTTERANCE_COLUMNS, write_ordered, write_table
from scripts.corpora.concatenate import concatenate, groups_of


@given(rows=st.integers(0, 300), per_file=st.integers(1, 8), shards=st.integers(1, 12))
def test_groups_partition_the_rows_in_order(rows: int, per_file: int, shards: int) -> None:
    packed = [groups_of([rows], per_file, shard, shards) for shard in range(shards)]
    groups = [group for shard in packed for group in shard]
    assert [row for group in groups for row in group] == list(range(rows))
    assert all(len(group) == per_file for group in groups[:-1])
    assert all(1 <= len(group) <= per_file for group in groups)
    assert max(map(len, packed)) - min(map(len, packed)) <= 1  # shards of like size


def test_groups_by_hand() -> None:
    assert groups_of([13], 6, 0, 1) == [range(6), range(6, 12), range(12, 13)]
    assert groups_of([13], 6, 0, 2) == [range(6)]
    assert groups_of([13], 6, 1, 2) == [range(6, 12), range(12, 13)]
    assert groups_of([0], 6, 0, 1) == []
    assert groups_of([4, 0, 3], 3, 0, 1) == [range(3), range(3, 4), range(4, 7)]  # none spans two corpora


@given(rows=st.lists(st.integers(0, 30), min_size=1, max_size=4), per_file=st.integers(1, 8), shards=st.integers(1, 5))
def test_groups_of_several_corpora(rows: list[int], per_file: int, shards: int) -> None:
    groups = [group for shard in range(shards) for group in groups_of(rows, per_file, shard, shards)]
    assert [row for group in groups for row in group] == list(range(sum(rows)))
    ends = list(itertools.accumulate(rows))
    assert all(not group.start < end < group.stop for group in groups for end in ends)


LENGTHS = [1, 500, 16_000, 3, 77, 800, 42]


@pytest.fixture
def corpus(tmp_path: Path, write_wav) -> tuple[Path, pd.DataFrame, list[np.ndarray]]:
    """(root, utterances, their samples); one wav has a space in its name."""
    root = tmp_path / "corpus"
    paths = [f"wav/S1/U {i}.wav" if i == 2 else f"wav/S1/U{i}.wav" for i in range(len(LENGTHS))]
    samples = [write_wav(root / path, n) for path, n in zip(paths, LENGTHS, strict=True)]
    rows = [(f"U{i}", "S1", "train", path, n, "好") for i, (path, n) in enumerate(zip(paths, LENGTHS, strict=True))]
    return root, pd.DataFrame(rows, columns=UTTERANCE_COLUMNS), samples


def check_archive(archive: Path, lines: list[str], groups: list[range], samples: list[np.ndarray]) -> None:
    """Every line's slice of the archive, read by soundfile, is the concatenation of its group."""
    whole = archive.read_bytes()
    assert len(lines) == len(groups)
    for line, group in zip(lines, groups, strict=True):
        place, count, title, sha256 = line.split("\t")
        name, offset, length = place.split(":")
        wav, rate = soundfile.read(io.BytesIO(whole[int(offset) : int(offset) + int(length)]), dtype="int16")
        expected = np.concatenate([samples[i] for i in group])
        assert (name, rate, int(count)) == (archive.name, 16_000, len(expected))
        assert np.array_equal(wav, expected)
        with zipfile.ZipFile(archive) as opened:
            assert hashlib.sha256(opened.read(title)).hexdigest() == sha256


@pytest.mark.parametrize("per_file", [1, 3, 6, 7])
def test_what_is_read_back_is_what_went_in(tmp_path: Path, corpus, per_file: int) -> None:
    root, utterances, samples = corpus
    groups = groups_of([len(utterances)], per_file, 0, 1)
    archive = tmp_path / "train-0000.zip"
    lines = concatenate({"corpus": root}, utterances, groups, archive)
    check_archive(archive, lines, groups, samples)
    with zipfile.ZipFile(archive) as opened:
        assert opened.testzip() is None
        entries = opened.infolist()
        assert all(entry.compress_type == zipfile.ZIP_STORED for entry in entries)
        assert all(entry.date_time == (1980, 1, 1, 0, 0, 0) for entry in entries)  # not that of the clock
        assert [entry.filename for entry in entries] == [f"U{g[0]}..U{g[-1]}.wav" for g in groups]
        for entry, group in zip(entries, groups, strict=True):
            assert entry.file_size == 44 + 2 * sum(LENGTHS[i] for i in group)


def test_manifest_by_hand(tmp_path: Path, corpus) -> None:
    """A local header is 30 bytes and the name (U0..U2.wav: 10); the wav's own header is 44."""
    root, utterances, _ = corpus
    lines = concatenate({"corpus": root}, utterances, groups_of([7], 3, 0, 1), tmp_path / "a.zip")
    first, second = 44 + 2 * (1 + 500 + 16_000), 44 + 2 * (3 + 77 + 800)
    assert [line.rsplit("\t", 1)[0] for line in lines] == [
        f"a.zip:40:{first}\t16501\tU0..U2.wav",
        f"a.zip:{40 + first + 40}:{second}\t880\tU3..U5.wav",
        f"a.zip:{40 + first + 40 + second + 40}:{44 + 2 * 42}\t42\tU6..U6.wav",
    ]


def test_the_same_audio_gives_the_same_bytes(tmp_path: Path, corpus) -> None:
    root, utterances, _ = corpus
    groups = groups_of([7], 3, 0, 1)
    one = concatenate({"corpus": root}, utterances, groups, tmp_path / "one" / "a.zip")
    (root / "wav" / "S1" / "U0.wav").touch()
    other = concatenate({"corpus": root}, utterances, groups, tmp_path / "other" / "a.zip")
    assert one == other
    assert (tmp_path / "one" / "a.zip").read_bytes() == (tmp_path / "other" / "a.zip").read_bytes()


def test_names_that_are_not_ascii(tmp_path: Path, corpus) -> None:
    root, utterances, samples = corpus
    utterances["utterance"] = [f"听{i}" for i in range(7)]
    groups = groups_of([7], 2, 0, 1)
    lines = concatenate({"corpus": root}, utterances, groups, tmp_path / "a.zip")
    check_archive(tmp_path / "a.zip", lines, groups, samples)


def test_a_wav_that_went_leaves_no_archive(tmp_path: Path, corpus) -> None:
    root, utterances, _ = corpus
    (root / "wav" / "S1" / "U4.wav").unlink()
    with pytest.raises(StepError, match=r"U4\.wav: missing"):
        concatenate({"corpus": root}, utterances, groups_of([7], 3, 0, 1), tmp_path / "audio" / "a.zip")
    assert list((tmp_path / "audio").iterdir()) == []


def call(step, folder: Path, root: Path, shard: int, shards: int):
    words = ["--utterances", folder / "train.tsv", "--root", root, "--source", folder / "corpus/utterances.tsv"]
    words += ["--utterances-per-file", 2]
    words += ["--shard", f"{shard:04d}", "--shards", shards]
    words += ["--audio", folder / f"{shard}.zip", "--manifest", folder / f"{shard}.tsv"]
    return step("corpora.concatenate", *words)


def test_several_corpora_by_the_names_before_their_ids(tmp_path: Path, corpus, write_wav, step) -> None:
    root, utterances, samples = corpus
    samples.append(write_wav(tmp_path / "other" / "a.wav", 11))
    other = utterances.iloc[:1].assign(utterance="two/U0", path="a.wav", samples=11)
    joined = pd.concat([utterances.assign(utterance="one/" + utterances["utterance"]), other])
    write_ordered(joined, tmp_path / "train.tsv", LISTED_COLUMNS)
    sources = [tmp_path / "one/utterances.tsv", tmp_path / "two/audio"]
    shutil.copytree(tmp_path / "other", sources[1])  # converted: its folder is the root
    files.write_json(tmp_path / "two/audio.json", {"audio": {"train": "abc"}})
    words = ["--utterances", tmp_path / "train.tsv", "--root", root, "/nowhere", "--source", *sources]
    words += ["--utterances-per-file", 6, "--shard", 0, "--shards", 1]
    result = step("corpora.concatenate", *words, "--audio", tmp_path / "a.zip", "--manifest", tmp_path / "a.tsv")
    assert (result.returncode, result.stderr) == (0, "")
    lines = (tmp_path / "a.tsv").read_text().splitlines()
    assert [line.split("\t")[2] for line in lines] == [
        *("one/U0..one/U5.wav", "one/U6..one/U6.wav", "two/U0..two/U0.wav")
    ]
    check_archive(tmp_path / "a.zip", lines, [range(6), range(6, 7), range(7, 8)], samples)
    assert files.read_json(tmp_path / "a.json")["made_from"]["audio"] == {"one": None, "two": "abc"}


def test_shards_and_manifest_on_the_command_line(tmp_path: Path, corpus, step) -> None:
    root, utterances, samples = corpus
    write_table(utterances, tmp_path / "train.tsv", LISTED_COLUMNS)
    for shard in range(2):
        result = call(step, tmp_path, root, shard, 2)
        assert (result.returncode, result.stderr) == (0, "")
        lines = (tmp_path / f"{shard}.tsv").read_text().splitlines()
        check_archive(tmp_path / f"{shard}.zip", lines, groups_of([7], 2, shard, 2), samples)
    result = call(step, tmp_path, root, 2, 2)
    assert (result.returncode, result.stderr) == (1, "error: there is no shard 2 of 2: they are counted from 0\n")
