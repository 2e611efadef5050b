"""What /proc/cpuinfo says, of several makers."""

import platform
import re
import subprocess
from pathlib import Path

import pytest

from scripts.common import processor

# shortened to what the levels ask for and a few others
LEVEL_2 = "fpu vme tsc msr cx8 cmov mmx fxsr sse sse2 ht syscall nx lm pni ssse3 cx16 sse4_1 sse4_2 popcnt lahf_lm"
LEVEL_3 = f"{LEVEL_2} fma movbe aes xsave avx f16c rdrand abm bmi1 avx2 bmi2"
LEVEL_4 = f"{LEVEL_3} avx512f avx512dq avx512cd avx512bw avx512vl"
INTEL = f"""processor\t: 0
vendor_id\t: GenuineIntel
cpu family\t: 6
model\t\t: 85
model name\t: Intel(R) Xeon(R) Gold 6248 CPU @ 2.50GHz
flags\t\t: {LEVEL_4} pku avx512_vnni
bugs\t\t: spectre_v1 spectre_v2

processor\t: 1
vendor_id\t: GenuineIntel
model name\t: Intel(R) Xeon(R) Gold 6248 CPU @ 2.50GHz
flags\t\t: {LEVEL_4} pku avx512_vnni
"""
AMD = f"""processor\t: 0
vendor_id\t: AuthenticAMD
cpu family\t: 25
model name\t: AMD EPYC 7713 64-Core Processor
flags\t\t: {LEVEL_3} svm extapic cr8_legacy sse4a misalignsse 3dnowprefetch sha_ni vaes
"""
ARM = """processor\t: 0
BogoMIPS\t: 243.75
Features\t: fp asimd evtstrm aes pmull sha1 sha2 crc32 atomics fphp asimdhp cpuid asimdrdm lrcpc dcpop asimddp ssbs
CPU implementer\t: 0x41
CPU architecture: 8
CPU variant\t: 0x3
CPU part\t: 0xd0c
CPU revision\t: 1
"""


def named(name: str, vendor: str, level: str) -> dict[str, str]:
    return {"name": name, "vendor": vendor, "level": level}


@pytest.mark.parametrize(
    ("cpuinfo", "machine", "expected"),
    [
        (INTEL, "x86_64", named("Intel(R) Xeon(R) Gold 6248 CPU @ 2.50GHz", "GenuineIntel", "x86-64-v4")),
        (AMD, "x86_64", named("AMD EPYC 7713 64-Core Processor", "AuthenticAMD", "x86-64-v3")),
        (ARM, "aarch64", named("part 0xd0c", "implementer 0x41", "aarch64")),
        ("", "x86_64", named("unknown", "unknown", "unknown")),
        ("", "arm64", named("unknown", "unknown", "arm64")),
        ("", "", named("unknown", "unknown", "unknown")),
        ("model name\nflags\n:\n\n", "x86_64", named("unknown", "unknown", "unknown")),
    ],
    ids=["Intel", "AMD", "ARM", "empty", "empty on a Mac", "nothing at all", "without values"],
)
def test_name_vendor_and_level(cpuinfo: str, machine: str, expected: dict[str, str]) -> None:
    assert processor.parse(cpuinfo, machine) == expected


@pytest.mark.parametrize(
    ("flags", "level"),
    [
        (LEVEL_2, "x86-64-v2"),
        (LEVEL_2.replace(" popcnt", ""), "x86-64"),
        (LEVEL_3.replace(" avx2", ""), "x86-64-v2"),
        (LEVEL_4.replace(" avx512cd", ""), "x86-64-v3"),
        (LEVEL_4.replace(" movbe", ""), "x86-64-v2"),  # each level has those below
        ("fpu", "unknown"),
    ],
)
def test_a_level_needs_everything(flags: str, level: str) -> None:
    assert processor.parse(f"flags\t\t: {flags}\n", "x86_64")["level"] == level


@pytest.mark.skipif(platform.machine() != "x86_64", reason="levels are of x86-64")
def test_the_level_is_the_one_that_glibc_finds() -> None:
    loader = Path("/lib64/ld-linux-x86-64.so.2")
    said = subprocess.run([loader, "--help"], capture_output=True, text=True).stdout if loader.exists() else ""
    if "glibc-hwcaps" not in said:
        pytest.skip("glibc's loader names levels from 2.33 on")
    found = re.findall(r"^ +(x86-64-v\d) \(supported", said, re.MULTILINE)
    assert processor.processor()["level"] == max(found, default="x86-64")


def test_without_cpuinfo_it_is_unknown(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(processor, "CPUINFO", tmp_path / "none")
    facts = processor.processor()
    assert (facts["name"], facts["vendor"]) == ("unknown", "unknown")
