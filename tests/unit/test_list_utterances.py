"""What cannot be used is listed with its reason; nothing is dropped in silence."""

import itertools
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripts.common.tables import REJECTED_COLUMNS, UTTERANCE_COLUMNS, read_table
from scripts.corpora.census import HELDOUT_COLUMNS, Census
from scripts.corpora.formats.known import FORMATS
from scripts.corpora.formats.layout import Entry
from scripts.corpora.list_utterances import BATCH, in_batches, list_corpus
from tests.places import sample_script

REPOSITORY = Path(__file__).resolve().parents[2]


LONG = "长" * 67  # 201 bytes


def write(path: Path, content: str | bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())


def run_step(
    step, kind: str, root: Path, output: Path, *more: object
) -> tuple[subprocess.CompletedProcess[str], dict[str, Path]]:
    paths = {name: output / f"{name}.tsv" for name in ("utterances", "rejected", "heldout")}
    words = [word for name, path in paths.items() for word in (f"--{name}", path)]
    return step("corpora.list_utterances", "--format", kind, "--root", root, *words, *more), paths


@pytest.fixture
def aishell2(tmp_path: Path, write_wav) -> Path:
    """An AISHELL-2 in which everything is wrong that can be, beside six good utterances."""
    root = tmp_path / "AISHELL-2"
    for name in ("ok", "one", "wide", "space d", "crlf", "no-text", "no-utf8", "twice", "void", "blank", "again"):
        write_wav(root / "wav" / "C0001" / f"{name}.wav", 800)
    write_wav(root / "wav" / "C0001" / "short.wav", 800)
    whole = (root / "wav" / "C0001" / "short.wav").read_bytes()
    write(root / "wav" / "C0001" / "short.wav", whole[:-600])
    write(root / "wav" / "C0001" / "empty.wav", b"")
    write(root / "wav" / "C0001" / "text.wav", "这不是声音")
    write_wav(root / "wav" / "C0001" / "silent.wav", 0)
    write_wav(root / "wav" / "C0001" / "slow.wav", 800, rate=8_000)
    write_wav(root / "wav" / "C0001" / "stereo.wav", 800, channels=2)
    write_wav(root / "wav" / "C0001" / "deep.wav", 800, kind="PCM_24")
    names = ["ok", "one", "wide", "space d", "no-text", "no-utf8", "twice", "void", "blank", "short", "empty", "text"]
    names += ["silent", "slow", "stereo", "deep", "absent"]
    scp = "\ufeff" + "".join(f"{name.replace(' ', '-')}\twav/C0001/{name}.wav\n" for name in names)
    scp += "crlf\twav/C0001/crlf.wav\r\nagain\twav/C0001/again.wav\nagain\twav/C0001/ok.wav\n"
    scp += "folder\twav/C0001\npath\x01\twav/C0001/ok.wav\nsame\twav/C0001/one.wav\nlink\twav/C0001/link.wav\n"
    (root / "wav" / "C0001" / "link.wav").symlink_to("one.wav")
    scp += f"leaves\t../a.wav\n{LONG}\twav/C0001/ok.wav\na/b\twav/C0001/ok.wav\nno\u3000room\twav/C0001/ok.wav\n"
    write(root / "wav.scp", scp)
    texts = {"ok": "今天 天气 好", "one": "好", "wide": "ＡＴＭ　机", "space-d": "打开 wi fi"}
    texts |= {"void": "", "blank": "　 "}
    same = ["twice", "twice", "short", "empty", "text", "silent", "slow", "stereo", "deep", "absent", "again", "folder"]
    same += ["same", "link", "leaves", LONG, "a/b", "no\u3000room"]
    lines = [f"{name}\t{text}\n" for name, text in texts.items()]
    lines += [f"{name}\t你好\n" for name in [*same, "path\x01", "no-wav"]] + ["crlf\t你 好\r\n"]
    write(root / "trans.txt", "".join(lines).encode() + b"no-utf8\t\xc4\xe3\xba\xc3\n")
    return root


def test_bad_aishell2(aishell2: Path, tmp_path: Path, step) -> None:
    result, paths = run_step(step, "aishell2", aishell2, tmp_path)
    assert (result.returncode, result.stderr) == (0, "")
    utterances = read_table(paths["utterances"], UTTERANCE_COLUMNS)
    assert list(utterances.itertuples(index=False, name=None)) == [
        (name, "C0001", "train", f"wav/C0001/{name.replace('-', ' ')}.wav", 800, text)
        for name, text in [
            ("again", "你好"),
            ("crlf", "你好"),
            ("ok", "今天天气好"),
            ("one", "好"),
            ("space-d", "打开wi fi"),
            ("wide", "ATM机"),
        ]
    ]
    advice = "instead of PCM_16, 16000 Hz, mono: set convert: true for this corpus"
    rejected = read_table(paths["rejected"], REJECTED_COLUMNS)
    assert dict(zip(rejected["utterance"], rejected["reason"], strict=True)) == {
        "absent": "missing",
        "again": "listed twice in wav.scp",
        "blank": "empty transcript",
        "deep": f"WAV PCM_24, 16000 Hz, 1 channel(s) {advice}",
        "a/b": "/ or white space in the id",
        "empty": "empty file",
        "folder": "unreadable: Is a directory",
        "leaves": "its path leaves the corpus by ..",
        "link": "the same audio as one",
        LONG: "id of 201 bytes: at most 200",
        "no\u3000room": "/ or white space in the id",
        "no-text": "wav without transcript",
        "no-utf8": "not UTF-8 in trans.txt",
        "no-wav": "transcript without wav",
        "path\\x01": "control character or not UTF-8 in the path or id",
        "same": "the same audio as one",
        "short": "truncated: 500 of 800 samples",
        "silent": "no samples",
        "slow": f"WAV PCM_16, 8000 Hz, 1 channel(s) {advice}",
        "stereo": f"WAV PCM_16, 16000 Hz, 2 channel(s) {advice}",
        "text": "no audio that libsndfile reads: Format not recognised",
        "twice": "listed twice in trans.txt",
        "void": "empty transcript",
    }
    listed = (aishell2 / "wav.scp").read_text(encoding="utf-8").count("\n")
    assert len(utterances) + len(rejected) == listed + 1  # and the transcript without wav
    assert result.stdout.startswith(f"{aishell2}: 6 utterances (0.00 h), 23 rejected: ")
    assert read_table(paths["heldout"], HELDOUT_COLUMNS).empty


@pytest.fixture
def aishell1(tmp_path: Path, write_wav) -> Path:
    """An AISHELL-1 with good and bad utterances in each subset."""
    root = tmp_path / "data_aishell"
    for subset, speaker in (("train", "S0002"), ("dev", "S0724"), ("test", "S0764")):
        for name in ("W0001", "W0002", "W0003"):
            write_wav(root / "wav" / subset / speaker / f"BAC009{speaker}{name}.wav", 320)
        write(root / "wav" / subset / speaker / f"BAC009{speaker}W0002.wav", b"RIFF")
    write_wav(root / "wav" / "train" / "S0724" / "BAC009S0724W0001.wav", 320)
    write_wav(Path(os.fsdecode(bytes(root) + b"/wav/test/S0764/\xc4\xe3.wav")), 320)
    lines = [
        f"BAC009{speaker}{name} {text}\r\n"
        for speaker in ("S0002", "S0724", "S0764")
        for name, text in (("W0001", "你 好"), ("W0002", "再 见"), ("W0004", "谢 谢"))
    ]
    write(root / "transcript" / "aishell_transcript_v0.8.txt", "\ufeff" + "".join(lines))
    return root


def test_bad_aishell1(aishell1: Path, tmp_path: Path, step) -> None:
    result, paths = run_step(step, "aishell1", aishell1, tmp_path)
    assert (result.returncode, result.stderr) == (0, "")
    utterances = read_table(paths["utterances"], UTTERANCE_COLUMNS)
    rejected = read_table(paths["rejected"], REJECTED_COLUMNS)
    assert list(zip(utterances["utterance"], utterances["subset"], utterances["transcript"], strict=True)) == [
        ("BAC009S0002W0001", "train", "你好"),
        ("BAC009S0724W0001", "dev", "你好"),
        ("BAC009S0764W0001", "test", "你好"),
    ]
    odd = "no audio that libsndfile reads: Format not recognised"
    expected = {
        f"BAC009{speaker}{name}": reason
        for speaker in ("S0002", "S0724", "S0764")
        for name, reason in (("W0002", odd), ("W0003", "wav without transcript"), ("W0004", "transcript without wav"))
    }
    expected["BAC009S0724W0001"] = "another wav has this id"
    expected["\\udcc4\\udce3"] = "control character or not UTF-8 in the path or id"
    assert dict(zip(rejected["utterance"], rejected["reason"], strict=True)) == expected
    wavs, transcripts_alone = len(list(aishell1.rglob("*.wav"))), 3
    assert len(utterances) + len(rejected) == wavs + transcripts_alone == 14
    heldout = read_table(paths["heldout"], HELDOUT_COLUMNS)
    assert list(heldout.itertuples(index=False, name=None)) == [
        (f"BAC009{speaker}{name}", subset, text)
        for speaker, subset in (("S0724", "dev"), ("S0764", "test"))
        for name, text in (("W0001", "你好"), ("W0002", "再见"), ("W0004", "谢谢"))
    ]


def test_every_dev_and_test_set_is_held_out() -> None:
    """Also one that a task names later: pre-training has not heard it. What is named otherwise can be no test set."""
    names = ("train", "dev", "dev-other", "test", "test-other", "test2", "eval")
    census = Census()
    list(census.watch(Entry(name, "S", name, f"{name}.wav", "好") for name in names))
    assert list(census.heldout()["subset"]) == ["dev", "dev-other", "test", "test-other", "test2"]


def test_no_id_is_usable_twice_whatever_a_reader_says(tmp_path: Path, write_wav) -> None:
    write_wav(tmp_path / "a.wav", 5)
    entries = [Entry("A", "S", "train", path, "好") for path in ("none.wav", "a.wav", "a.wav")]
    usable, rejected = list_corpus(tmp_path, entries, 1)
    assert usable[UTTERANCE_COLUMNS].to_numpy().tolist() == [["A", "S", "train", "a.wav", 5, "好"]]
    assert rejected.to_numpy().tolist() == [["A", "none.wav", "missing"], ["A", "a.wav", "listed twice"]]


@pytest.mark.slow
def test_the_sidecar_says_what_there_is_and_what_is_said(tmp_path: Path, step, write_wav) -> None:
    """By subset: another transcript is said, another length is heard; a wav that comes is seen by its name."""

    def sidecar(transcript: str = "好", samples: int = 100, wavs: str = "A") -> dict:
        root = tmp_path / f"{transcript}{samples}{wavs}"
        for name in wavs:
            write_wav(root / f"wav/S1/{name}.wav", samples)
        write(root / "wav.scp", "A\twav/S1/A.wav\n")
        write(root / "trans.txt", f"A\t{transcript}\n")
        result, paths = run_step(step, "aishell2", root, root / "out")
        assert result.returncode == 0, result.stderr
        return json.loads(paths["utterances"].with_suffix(".json").read_text())

    before = sidecar()
    assert before["subsets"].keys() == {"train"} and before["made_from"]["format"] == "aishell2"
    said, heard, more = sidecar(transcript="妙"), sidecar(samples=101), sidecar(wavs="AB")
    for card, is_heard_alike, is_said_alike in ((said, True, False), (heard, False, True), (more, True, True)):
        assert (card["subsets"]["train"]["heard"] == before["subsets"]["train"]["heard"]) == is_heard_alike
        assert (card["subsets"]["train"]["said"] == before["subsets"]["train"]["said"]) == is_said_alike
        assert (card["made_from"]["audio"] == before["made_from"]["audio"]) == (card == said)
        assert (card["audio"] == before["audio"]) == (card != heard)
    assert said["made_from"]["lists"]["wav.scp"] == before["made_from"]["lists"]["wav.scp"]
    assert said["made_from"]["lists"]["trans.txt"] != before["made_from"]["lists"]["trans.txt"]


def test_threads_change_nothing(aishell2: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    entries = list(FORMATS["aishell2"].read(aishell2))
    one = list_corpus(aishell2, entries, 1)
    monkeypatch.setattr("scripts.corpora.list_utterances.BATCH", 2)
    many = list_corpus(aishell2, entries, 4)
    assert all(a.equals(b) for a, b in zip(one, many, strict=True))


@given(paths=st.lists(st.sampled_from(["a", "b", None]), max_size=500))
def test_batches_part_no_recording(paths: list[str | None]) -> None:
    entries = [Entry(str(number), "S", "train", path, "好") for number, path in enumerate(paths)]
    batches = list(in_batches(entries))
    assert [entry for batch in batches for entry in batch] == entries
    assert all(one[-1].path != other[0].path for one, other in itertools.pairwise(batches))
    assert all(len(batch) >= BATCH for batch in batches[:-1])


def test_a_corpus_without_usable_utterance_ends_in_one_line(tmp_path: Path, step) -> None:
    root = tmp_path / "corpus"
    write(root / "wav.scp", "A\twav/a.wav\n")
    write(root / "trans.txt", "A\t好\n")
    result, paths = run_step(step, "aishell2", root, tmp_path)
    assert result.returncode == 1
    reasons = paths["rejected"].with_name("nothing-usable.tsv")
    assert result.stderr == (
        f"error: {root} has no usable utterance ({reasons} lists 1: 1 x missing): "
        "check the root and format of this corpus\n"
    )
    assert reasons.read_text() == "utterance\tpath\treason\nA\twav/a.wav\tmissing\n"
    assert not paths["utterances"].exists()


def test_the_advice_fits_the_reason(tmp_path: Path, step, write_wav) -> None:
    """Four files that only have to be converted, and two others."""
    root = tmp_path / "corpus"
    for name in "ABCD":
        write_wav(root / f"{name}.wav", 100, rate=44_100)
    write(root / "train/wav.scp", "".join(f"{name} {name}.wav\n" for name in "ABCDEF"))
    write(root / "train/text", "".join(f"{name} 好\n" for name in "ABCDEF"))
    result, paths = run_step(step, "kaldi", root, tmp_path)
    reason = (
        "4 x WAV PCM_16, 44100 Hz, 1 channel(s) instead of PCM_16, 16000 Hz, mono: set convert: true for this corpus"
    )
    reasons = paths["rejected"].with_name("nothing-usable.tsv")
    assert result.stderr == f"error: {root} has no usable utterance ({reasons} lists 6: {reason}; 2 x missing)\n"
    result, _ = run_step(step, "kaldi", root, tmp_path, "--convert")
    assert result.returncode == 0 and not reasons.exists()


def test_what_the_config_excludes(tmp_path: Path, step, write_wav) -> None:
    for name, speaker in (("A", "S1"), ("B", "S1"), ("C", "S2"), ("D", "S3")):
        write_wav(tmp_path / f"{name}.wav", 100 + ord(name))
        for file, value in (("wav.scp", f"{name}.wav"), ("text", "好"), ("utt2spk", speaker)):
            with (tmp_path / file).open("a") as lines:
                lines.write(f"{name} {value}\n")
    write(tmp_path / "not these.txt", "B\nS2\n")
    result, paths = run_step(step, "kaldi", tmp_path, tmp_path / "out", "--exclude", tmp_path / "not these.txt")
    assert result.returncode == 0, result.stderr
    assert list(read_table(paths["utterances"], UTTERANCE_COLUMNS)["utterance"]) == ["A", "D"]
    rejected = read_table(paths["rejected"], REJECTED_COLUMNS)
    assert rejected[["utterance", "reason"]].to_numpy().tolist() == [
        ["B", "excluded by the config"],
        ["C", "excluded by the config"],
    ]


def test_links_of_root_speakers_and_files_are_followed(tmp_path: Path, step, write_wav) -> None:
    write_wav(tmp_path / "disk/A.wav", 100)
    write_wav(tmp_path / "disk/S2/B.wav", 101)
    root = tmp_path / "data_aishell"
    (root / "wav/train/S1").mkdir(parents=True)
    (root / "wav/train/S1/A.wav").symlink_to(tmp_path / "disk/A.wav")
    (root / "wav/train/S2").symlink_to(tmp_path / "disk/S2")
    write(root / "transcript/aishell_transcript_v0.8.txt", "A 好\nB 妙\n")
    (tmp_path / "link").symlink_to(root)
    result, paths = run_step(step, "aishell1", tmp_path / "link", tmp_path / "out")
    assert result.returncode == 0, result.stderr
    utterances = read_table(paths["utterances"], UTTERANCE_COLUMNS)
    assert utterances[["utterance", "speaker", "path", "samples"]].to_numpy().tolist() == [
        ["A", "S1", "wav/train/S1/A.wav", 100],
        ["B", "S2", "wav/train/S2/B.wav", 101],
    ]
    assert "train has 2 of 120,098, 120,096 are missing; dev has 0 of 14,326" in result.stdout


def test_pieces_of_recordings_have_to_be_converted(tmp_path: Path, write_wav) -> None:
    """Of 16,000 samples: pieces by their seconds, one that overshoots a little, one too much, and one that is twice
    there.
    """
    write_wav(tmp_path / "R.wav", 16_000)
    spans = {
        "A": (0, 0.25),
        "B": (0.25, -1),
        "C": (0.9, 1.4),
        "D": (0.9, 1.6),
        "E": (2, 3),
        "F": (0.5, 0.50001),
        "G": (0, 0.25),
    }
    entries = [Entry(name, "S", "train", "R.wav", "好", "", span) for name, span in spans.items()]
    usable, rejected = list_corpus(tmp_path, entries, 2, converts=True)
    assert dict(zip(usable["utterance"], usable["samples"], strict=True)) == {"A": 4_000, "B": 12_000, "C": 1_600}
    assert dict(zip(rejected["utterance"], rejected["reason"], strict=True)) == {
        "D": "its segment ends at 1.6 s of a recording of 1 s",
        "E": "its segment ends at 3 s of a recording of 1 s",
        "F": "no samples",
        "G": "the same audio as A",
    }
    assert usable["path"].iloc[0] == "55/A.wav"  # SHA-256 of "A" begins with 55
    _, rejected = list_corpus(tmp_path, entries, 1)
    assert set(rejected["reason"]) == {"a piece of a recording: set convert: true for this corpus"}


@pytest.mark.slow
@pytest.mark.parametrize("kind", sorted(FORMATS))
def test_a_root_of_another_format_ends_in_one_line(tmp_path: Path, step, kind: str) -> None:
    result, _ = run_step(step, kind, tmp_path / "nowhere", tmp_path)
    assert result.returncode == 1
    assert result.stderr.count("\n") == 1
    assert result.stderr.startswith(f"error: {tmp_path / 'nowhere'}/") and ": No such file" in result.stderr
    assert result.stderr.endswith("?\n")


@pytest.mark.slow
def test_real_speech(tmp_path: Path, step) -> None:
    """582 real utterances; at least two transcripts of speaker S0150 stand in AISHELL-1's dev or test."""
    corpora = tmp_path / "corpora"
    subprocess.run([sys.executable, sample_script(), corpora], check=True, capture_output=True)
    usable, tables = {}, {}
    for kind, root in (("aishell1", corpora / "data_aishell"), ("aishell2", corpora / "AISHELL-2" / "iOS" / "data")):
        result, tables[kind] = run_step(step, kind, root, tmp_path / kind)
        assert (result.returncode, result.stderr) == (0, "")
        usable[kind] = read_table(tables[kind]["utterances"], UTTERANCE_COLUMNS)
        assert len(usable[kind]) == len(list(root.rglob("*.wav")))  # all wavs of the sample are good
    assert len(usable["aishell1"]) + len(usable["aishell2"]) == 582
    rejected = read_table(tables["aishell1"]["rejected"], REJECTED_COLUMNS)
    assert set(rejected["reason"]) == {"transcript without wav"}
    lines = (corpora / "data_aishell/transcript/aishell_transcript_v0.8.txt").read_bytes().count(b"\n")
    assert len(usable["aishell1"]) + len(rejected) == lines

    words = ["--utterances", tables["aishell2"]["utterances"], "--heldout", tables["aishell1"]["heldout"]]
    words += ["--output", tmp_path / "kept", "--leaked", tmp_path / "leaked.tsv", "--near", tmp_path / "near.tsv"]
    result = step("corpora.drop_leakage", *words)
    assert (result.returncode, result.stderr) == (0, "")
    leaked = {line.split("\t")[0] for line in (tmp_path / "leaked.tsv").read_text(encoding="utf-8").splitlines()}
    assert {"IC0150W0406", "IC0150W0427"} <= leaked
