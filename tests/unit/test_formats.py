"""Readers of both corpora, on lists laid out by hand."""

from pathlib import Path

import pytest

from scripts.common.errors import StepError
from scripts.corpora.formats.aishell1 import official_subset
from scripts.corpora.formats.aishell1 import read as read_aishell1
from scripts.corpora.formats.aishell2 import read as read_aishell2
from scripts.corpora.formats.layout import Entry, read_pairs

IDS = {"dev": "BAC009S0724W0121", "test": "BAC009S0764W0122", "train": "BAC009S0002W0123"}


def write(path: Path, content: str | bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def test_lines_of_a_list(tmp_path: Path) -> None:
    content = "\ufeffA1 而 对 楼市\r\nA2\t今天\t天气\r\n\r\n   \nA3\nA4  两 个 \n  A5 五".encode()
    assert list(read_pairs(write(tmp_path / "list", content))) == [
        ("A1", "而 对 楼市", ""),
        ("A2", "今天\t天气", ""),
        ("A3", "", ""),
        ("A4", "两 个", ""),
        ("A5", "五", ""),
    ]


def test_lines_that_are_wrong(tmp_path: Path) -> None:
    now = "今".encode()
    content = b"A1 \xff\xfe\nA2 " + "今天".encode("gb18030") + b"\nA3 %b\nA3 %b\nA\xff %b\n" % (now, now, now)
    assert list(read_pairs(write(tmp_path / "list.txt", content))) == [
        ("A1", "", "not UTF-8 in list.txt"),
        ("A2", "", "not UTF-8 in list.txt"),
        ("A3", "今", ""),
        ("A3", "今", "listed twice in list.txt"),
        ("A\\xff", "今", ""),
    ]


def test_a_list_that_is_not_there_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(StepError, match=r"trans\.txt: No such file or directory; is this the corpus as distributed\?"):
        list(read_aishell2(tmp_path))
    with pytest.raises(StepError, match=r"aishell_transcript_v0\.8\.txt: No such file or directory"):
        list(read_aishell1(tmp_path))


def aishell2(root: Path, scp: str, transcripts: str) -> list[Entry]:
    write(root / "wav.scp", scp)
    write(root / "trans.txt", transcripts)
    return list(read_aishell2(root))


def test_aishell2(tmp_path: Path) -> None:
    entries = aishell2(
        tmp_path,
        "IC1\twav/C0001/IC1.wav\nIC2\twav/C 2/a b.wav\nIC3\twav/C0001/IC3.wav\nIC4\n",
        "IC2\tＡＴＭ 机\nIC1\t今天\nIC5\t好\nIC4\t人\n",
    )
    assert entries == [
        Entry("IC1", "C0001", "train", "wav/C0001/IC1.wav", "今天"),
        Entry("IC2", "C 2", "train", "wav/C 2/a b.wav", "ATM机"),
        Entry("IC3", "C0001", "train", "wav/C0001/IC3.wav", None),
        Entry("IC4", "", "train", None, "人"),
        Entry("IC5", "", "train", None, "好"),
    ]


def test_aishell2_with_ids_that_occur_twice(tmp_path: Path) -> None:
    entries = aishell2(tmp_path, "A\ta.wav\nB\tb.wav\nA\tc.wav\n", "A\t一\nB\t二\nB\t三\nC\t四\nC\t五\n")
    assert entries == [
        Entry("A", "", "train", "a.wav", "一"),
        Entry("B", "", "train", "b.wav", "二", "listed twice in trans.txt"),  # which of both it says is not known
        Entry("A", "", "train", "c.wav", "一", "listed twice in wav.scp"),
        Entry("C", "", "train", None, "四", "listed twice in trans.txt"),
    ]


def aishell1(root: Path, wavs: list[str], transcripts: str) -> list[Entry]:
    for wav in wavs:
        write(root / "wav" / wav, b"")
    write(root / "transcript" / "aishell_transcript_v0.8.txt", transcripts)
    return list(read_aishell1(root))


def test_aishell1(tmp_path: Path) -> None:
    wavs = [f"{subset}/{name[6:11]}/{name}.wav" for subset, name in IDS.items()]
    transcripts = "".join(f"{name} 我 在 {subset}\n" for subset, name in IDS.items())
    assert aishell1(tmp_path, wavs, transcripts) == [
        Entry(name, name[6:11], subset, f"wav/{subset}/{name[6:11]}/{name}.wav", f"我在{subset}")
        for subset, name in IDS.items()
    ]


def test_aishell1_with_what_is_missing(tmp_path: Path) -> None:
    """A transcript without wav still has a subset: its sentence may leak."""
    transcripts = "".join(f"{name} 好\n" for name in IDS.values())
    assert aishell1(tmp_path, ["dev/S0724/X.wav"], transcripts) == [
        *(Entry(name, name[6:11], subset, None, "好") for subset, name in IDS.items()),
        Entry("X", "S0724", "dev", "wav/dev/S0724/X.wav", None),
    ]


def test_aishell1_with_ids_that_occur_twice(tmp_path: Path) -> None:
    name = IDS["dev"]
    wavs = [f"dev/S0724/{name}.wav", f"test/S0724/{name}.wav", f"train/S0724/{name}.wav"]
    other = "another wav has this id"
    assert aishell1(tmp_path, wavs, f"{name} 一\n{name} 二\n") == [
        Entry(name, "S0724", "dev", f"wav/dev/S0724/{name}.wav", "一"),
        Entry(name, "S0724", "dev", None, "二", "listed twice in aishell_transcript_v0.8.txt"),
        Entry(name, "S0724", "test", f"wav/test/S0724/{name}.wav", None, other),
        Entry(name, "S0724", "train", f"wav/train/S0724/{name}.wav", None, other),
    ]


def test_aishell1_that_is_not_unpacked_to_the_end(tmp_path: Path) -> None:
    write(tmp_path / "wav" / "S0002.tar.gz", b"")
    with pytest.raises(StepError, match="wav holds archives: unpack each there with `tar -xzf`"):
        aishell1(tmp_path, [], f"{IDS['train']} 好\n")


@pytest.mark.parametrize(
    ("speaker", "subset"),
    [("S0002", "train"), ("S0723", "train"), ("S0724", "dev"), ("S0763", "dev"), ("S0764", "test"), ("S0916", "test")],
)
def test_official_subset(speaker: str, subset: str) -> None:
    assert official_subset(speaker) == subset


def test_a_wav_that_aishell2_does_not_list_is_named(tmp_path: Path) -> None:
    for name in ("A", "B"):
        write(tmp_path / f"wav/C0001/{name}.wav", "")
    listed, other = aishell2(tmp_path, "A\twav/C0001/A.wav\n", "A\t一\n")
    assert listed.utterance == "A" and not listed.problem
    assert other == Entry("B", "C0001", "train", "wav/C0001/B.wav", None, "not listed in wav.scp")
