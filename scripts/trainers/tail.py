"""The whole lines of a log that another process is writing: a last one that is still being written is none."""

from pathlib import Path


def whole_lines(log: Path) -> str:
    """All of them; empty where there is no log."""
    try:
        text = log.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    return text.rpartition("\n")[0]


class Tail:
    """What a log gains from one look to the next. `read`: bytes that were there before."""

    def __init__(self, log: Path, read: int = 0) -> None:
        self.log, self.read = log, read

    def lines(self) -> list[str]:
        """The lines that came since the last look."""
        try:
            if self.log.stat().st_size == self.read:
                return []
            with self.log.open("rb") as file:
                file.seek(self.read)
                new = file.read()
        except OSError:
            return []
        whole = new[: new.rfind(b"\n") + 1]
        self.read += len(whole)
        return whole.decode("utf-8", errors="replace").splitlines()
