"""cer.md taken apart: the page shows the very digits of the table."""

from typing import NamedTuple


class Table(NamedTuple):
    """A table of cer.md: its header, its own and the published rows, and what stands below it."""

    header: list[str]
    rows: list[list[str]]
    notes: list[str]


def tables_of(markdown: str) -> tuple[list[Table], str]:
    """The tables, one a task, and the line at the end, which names the experiment."""
    tables: list[Table] = []
    origin, inside = "", False
    for line in markdown.splitlines():
        if line.startswith("|"):
            cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
            if not inside:
                tables.append(Table(cells, [], []))
            elif not all(set(cell) <= set("-:") for cell in cells):
                tables[-1].rows.append(cells)
            inside = True
            continue
        inside = False
        if line.startswith("- ") and tables:
            tables[-1].notes.append(line.removeprefix("- "))
        elif line.strip():
            origin = line.strip()
    return tables, origin
