"""Readers of both corpora, on lists laid out by hand."""

import sys
from pathlib import Path

import pytest

from scripts.common.errors import StepError
from scripts.corpora.formats.aishell1 import official_subset
from scripts.corpora.formats.aishell1 import read as read_aishell1
from scripts.corpora.formats.aishell2 import read as read_aishell2
from scripts.corpora.formats.known import FORMATS
from scripts.corpora.formats.layout import Entry, read_pairs

REPOSITORY = Path(__file__).resolve().parents[2]
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


@pytest.mark.parametrize("unpacked", [[], ["train/S0002/BAC009S0002W0124.wav"]])
def test_aishell1_that_is_not_unpacked_to_the_end(tmp_path: Path, unpacked: list[str]) -> None:
    write(tmp_path / "wav" / "S0002.tar.gz", b"")
    packed, missing, *others = aishell1(tmp_path, unpacked, f"{IDS['train']} 好\n{IDS['dev']} 好\n")
    assert packed.problem == "not unpacked from wav/S0002.tar.gz: python -m scripts.corpora.unpack ROOT"
    assert (missing.path, missing.problem, len(others)) == (None, "", len(unpacked))


def test_aishell2_that_is_not_unpacked_to_the_end(tmp_path: Path) -> None:
    for name in ("C0001.tar.gz", "C0001/A.wav", "C0002/C.wav"):
        write(tmp_path / "wav" / name, b"")
    scp = "A\twav/C0001/A.wav\nB\twav/C0001/B.wav\nD\twav/C0002/D.wav\n"
    problems = [entry.problem for entry in aishell2(tmp_path, scp, "")]
    is_packed = "not unpacked from wav/C0001.tar.gz: python -m scripts.corpora.unpack ROOT"
    assert problems == ["", is_packed, "", "not listed in wav.scp"]


@pytest.mark.parametrize("is_link", [False, True])
def test_aishell2_with_absolute_and_dotted_paths(tmp_path: Path, is_link: bool) -> None:
    root = tmp_path / "data"
    for name in ("A", "B", "C"):
        write(root / f"wav/C1/{name}.wav", "")
    write(tmp_path / "elsewhere/D.wav", "")
    if is_link:  # the list was written under another name of the root
        (tmp_path / "link").symlink_to(root)
    scp = f"A\t{root}/wav/C1/A.wav\nB\t./wav/C1/B.wav\nC\twav/../wav/C1/C.wav\nD\t{tmp_path}/elsewhere/D.wav\n"
    scp += "E\t../elsewhere/D.wav\nF\twav/../../elsewhere/D.wav\n"
    *inside, outside, leaving, too = aishell2(tmp_path / "link" if is_link else root, scp, "")
    assert [(entry.path, entry.speaker, entry.problem) for entry in inside] == [
        (f"wav/C1/{name}.wav", "C1", "") for name in ("A", "B", "C")
    ]
    assert (outside.path, outside.problem) == (f"{tmp_path}/elsewhere/D.wav", "")
    assert leaving.problem == too.problem == "its path leaves the corpus by .."


def kaldi(root: Path, **content: str) -> list[Entry]:
    for name, text in content.items():
        write(root / "train" / name.replace("_", "."), text)
    return list(FORMATS["kaldi"].read(root))


def test_kaldi_without_segments(tmp_path: Path) -> None:
    entries = kaldi(
        tmp_path,
        wav_scp="A audio/a.flac\nB /b.wav\nC c.wav\n",
        text="A 今天\nB bonjour le monde\nD 好\n",
        utt2spk="A S1\n",
    )
    assert entries == [
        Entry("A", "S1", "train", "audio/a.flac", "今天"),
        Entry("B", "B", "train", "/b.wav", "bonjour le monde"),
        Entry("C", "C", "train", "c.wav", None),
        Entry("D", "D", "train", None, "好"),
    ]


def test_kaldi_with_segments(tmp_path: Path) -> None:
    segments = "A R1 0 1.5\nB R1 1.50 -1\nC R2 0 1\nD R1 2 1\nE R1 0\nF R1 0 nan\nG R1 -1 2\nH R1 x 2\n"
    segments += "I R1 0 inf\nJ R1 inf -1\n"
    said = "".join(f"{name} 好\n" for name in "ABCDEFGHIJ")
    entries = kaldi(tmp_path, wav_scp="R1 r1.mp3\n", text=said, segments=segments)
    assert entries[:2] == [
        Entry("A", "A", "train", "r1.mp3", "好", "", (0.0, 1.5)),
        Entry("B", "B", "train", "r1.mp3", "好", "", (1.5, -1.0)),
    ]
    assert entries[2].problem == "its recording R2 is not in wav.scp"
    wrong = "no piece of a recording in segments: RECORDING START END, in seconds"
    assert [entry.problem for entry in entries[3:]] == [wrong] * 7


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("touch ran |", "a command in wav.scp, which is not run: write its audio to files"),
        ("sph2pipe -f wav a.sph|", "a command in wav.scp, which is not run: write its audio to files"),
        ("raw.ark:1234", "a place in a Kaldi archive in wav.scp: write its audio to files"),
        ("../a.wav", "its path leaves the corpus by .."),
    ],
)
def test_kaldi_runs_no_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: str, reason: str) -> None:
    monkeypatch.chdir(tmp_path)
    (entry,) = kaldi(tmp_path / "corpus", wav_scp=f"A {value}\n", text="A 好\n")
    assert entry.problem == reason and not (tmp_path / "ran").exists()
    assert list(FORMATS["kaldi"].sizes(tmp_path / "corpus")) == []


def test_kaldi_subsets_are_directories_or_the_root(tmp_path: Path) -> None:
    for subset in ("train", "dev", "test", "train_sp"):
        write(tmp_path / subset / "wav.scp", f"{subset}A a.wav\n")
        write(tmp_path / subset / "text", f"{subset}A 好\n")
    assert [entry.subset for entry in FORMATS["kaldi"].read(tmp_path)] == ["dev", "test", "train", "train_sp"]
    assert FORMATS["kaldi"].lists(tmp_path)[:2] == ["dev/text", "dev/wav.scp"]
    assert [entry.subset for entry in FORMATS["kaldi"].read(tmp_path / "dev")] == ["train"]


HEADER = "client_id\tpath\tsentence_id\tsentence\tup_votes\n"


def test_common_voice(tmp_path: Path) -> None:
    rows = f'{"ab" * 64}\tcommon_voice_1.mp3\tx\tBonjour "le" monde\u2028!\t2\r\ncd\t../x.mp3\tx\t好\t2\ncd\te.mp3\n'
    for subset, text in (("train", "\ufeff" + HEADER + rows), ("dev", HEADER), ("test", HEADER)):
        write(tmp_path / f"{subset}.tsv", text)
    with (tmp_path / "test.tsv").open("ab") as file:
        file.write(b"ef\tf.mp3\tx\t\xe9t\xe9\t2\n")
    one, leaving, short, latin = FORMATS["commonvoice"].read(tmp_path)
    assert one == Entry("common_voice_1", "ab" * 8, "train", "clips/common_voice_1.mp3", 'Bonjour "le" monde !')
    assert leaving.problem == "its path leaves the corpus by .."
    assert (short.utterance, short.problem) == ("e.mp3", "2 columns instead of 5")
    assert (latin.subset, latin.problem) == ("test", "not UTF-8 in test.tsv")


def test_common_voice_without_a_column_or_a_list(tmp_path: Path) -> None:
    with pytest.raises(StepError, match=r"train\.tsv: No such file or directory; is this the corpus as distributed\?"):
        list(FORMATS["commonvoice"].read(tmp_path))
    write(tmp_path / "train.tsv", "client_id\tpath\n")
    with pytest.raises(StepError, match=r"train\.tsv has no column sentence; is this"):
        list(FORMATS["commonvoice"].read(tmp_path))


def test_librispeech(tmp_path: Path) -> None:
    for name, speaker in (
        ("train-clean-100", "103"),
        ("train-other-500", "20"),
        ("dev-clean", "84"),
        ("test-other", "7"),
    ):
        folder = tmp_path / name / speaker / "1"
        write(folder / f"{speaker}-1.trans.txt", f"{speaker}-1-0000 CHAPTER ONE\n{speaker}-1-0001 GONE\n")
        write(folder / f"{speaker}-1-0000.flac", "")
        write(folder / f"{speaker}-1-0009.flac", "")
    entries = list(FORMATS["librispeech"].read(tmp_path))
    assert [entry.subset for entry in entries] == ["dev"] * 3 + ["test-other"] * 3 + ["train"] * 6
    assert entries[:3] == [
        Entry("84-1-0000", "84", "dev", "dev-clean/84/1/84-1-0000.flac", "CHAPTER ONE"),
        Entry("84-1-0001", "84", "dev", None, "GONE"),
        Entry("84-1-0009", "84", "dev", "dev-clean/84/1/84-1-0009.flac", None),
    ]
    assert len(FORMATS["librispeech"].lists(tmp_path)) == 4


def test_every_format_is_on_the_page_with_its_source() -> None:
    page = (REPOSITORY / "docs" / "corpora.md").read_text(encoding="utf-8").splitlines()
    for name, layout in FORMATS.items():
        assert any(line.startswith(f"| `{name}` |") and line.endswith(f"<{layout.source}> |") for line in page), name
        assert layout.source in sys.modules[layout.read.__module__].__doc__


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


def test_magicdata(tmp_path: Path) -> None:
    header = "UtteranceID\tSpeakerID\tTranscription\n"
    write(tmp_path / "train/TRANS.txt", header + "38_1_2.wav\t38_1\t打开 收音机\n38_1_3.wav\t38_1\t[FIL]好\r\n")
    write(tmp_path / "dev/TRANS.txt", header + "38_9_1.wav\t38_9\t再见\n38_9_1.wav\t38_9\t你好\n")
    for name in ("train/38_1/38_1_2.wav", "train/38_1/38_1_4.wav", "dev/38_9/38_9_1.wav"):
        write(tmp_path / name, "")
    layout = FORMATS["magicdata"]
    assert list(layout.read(tmp_path)) == [
        Entry("38_9_1", "38_9", "dev", "dev/38_9/38_9_1.wav", "再见"),
        Entry("38_9_1", "38_9", "dev", None, "你好", "listed twice in TRANS.txt"),
        Entry("38_1_2", "38_1", "train", "train/38_1/38_1_2.wav", "打开收音机"),
        Entry("38_1_3", "38_1", "train", None, "[FIL]好"),
        Entry("38_1_4", "38_1", "train", "train/38_1/38_1_4.wav", None),
    ]
    assert layout.lists(tmp_path) == ["dev/TRANS.txt", "train/TRANS.txt"]
    sizes = {"train/38_1/38_1_2.wav": 0, "train/38_1/38_1_4.wav": 0, "dev/38_9/38_9_1.wav": 0}
    assert dict(layout.sizes(tmp_path)) == sizes
    with pytest.raises(StepError, match=r"TRANS\.txt: No such file or directory; is this the corpus as distributed\?"):
        list(layout.read(tmp_path / "train"))


def test_a_test_set_of_kaldi_s_is_called_with_hyphens(tmp_path: Path) -> None:
    for name in ("train", "dev", "test_clean"):
        write(tmp_path / name / "wav.scp", f"{name} {name}.wav\n")
        write(tmp_path / name / "text", f"{name} 好\n")
    assert {entry.subset for entry in FORMATS["kaldi"].read(tmp_path)} == {"train", "dev", "test-clean"}
    write(tmp_path / "test-clean" / "wav.scp", "another another.wav\n")
    with pytest.raises(StepError, match="differ by _ and - alone: rename one"):
        list(FORMATS["kaldi"].read(tmp_path))
