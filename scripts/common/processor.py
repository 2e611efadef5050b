"""Which processor this is: libraries choose their kernels by its maker and by what it can do."""

import platform
from pathlib import Path

CPUINFO = Path("/proc/cpuinfo")
UNKNOWN = "unknown"
# What each level adds, by Linux's names: x86-64 psABI (gitlab.com/x86-psABIs/x86-64-ABI), "Micro-Architecture Levels".
# pni is SSE3, abm is LZCNT; xsave stands for OSXSAVE, which Linux does not show.
LEVELS = {
    "x86-64": "cmov cx8 fpu fxsr mmx sse sse2 syscall",
    "x86-64-v2": "cx16 lahf_lm pni popcnt sse4_1 sse4_2 ssse3",
    "x86-64-v3": "abm avx avx2 bmi1 bmi2 f16c fma movbe xsave",
    "x86-64-v4": "avx512bw avx512cd avx512dq avx512f avx512vl",
}


def processor() -> dict[str, str]:
    """Name, vendor and level of this machine's first processor; "unknown" is what it does not say."""
    try:
        text = CPUINFO.read_text(encoding="utf-8", errors="replace")
    except OSError:  # not Linux
        text = ""
    return parse(text, platform.machine())


def parse(cpuinfo: str, machine: str) -> dict[str, str]:
    """The same from the text of /proc/cpuinfo and a machine as `uname -m` names it.

    Elsewhere than on x86 the level is the machine. ARM gives no names but the numbers of the maker and of the part.
    """
    fields = _first(cpuinfo)
    return {
        "name": fields.get("model name") or _numbered("part", fields.get("CPU part")),
        "vendor": fields.get("vendor_id") or _numbered("implementer", fields.get("CPU implementer")),
        "level": _level(set(fields.get("flags", "").split())) if machine == "x86_64" else machine or UNKNOWN,
    }


def _first(cpuinfo: str) -> dict[str, str]:
    """The fields of the first processor: those that come first."""
    fields: dict[str, str] = {}
    for line in cpuinfo.splitlines():
        key, _, value = line.partition(":")
        fields.setdefault(key.strip(), value.strip())
    return fields


def _numbered(what: str, number: str | None) -> str:
    return f"{what} {number}" if number else UNKNOWN


def _level(flags: set[str]) -> str:
    """The highest level of which a processor has everything, and everything of those below."""
    reached = UNKNOWN
    for level, needed in LEVELS.items():
        if not set(needed.split()) <= flags:
            break
        reached = level
    return reached
