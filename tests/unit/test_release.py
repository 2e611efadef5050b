"""The version stands in CITATION.cff, which the format's own schema accepts, and is the newest of the changelog."""

import json
import re
from datetime import date
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import jsonschema
import pytest
import yaml

REPOSITORY = Path(__file__).resolve().parents[2]
CITATION = REPOSITORY / "CITATION.cff"
HEADINGS = re.compile(r"^## (.*)$", re.MULTILINE)


def citation() -> dict[str, object]:
    """As JSON knows it: dates are text."""
    return yaml.load(CITATION.read_text(encoding="utf-8"), yaml.BaseLoader)


def versions() -> list[tuple[str, str]]:
    """Version and date of each heading of the changelog but Unreleased, in its order."""
    headings = HEADINGS.findall((REPOSITORY / "CHANGELOG.md").read_text(encoding="utf-8"))
    split = [heading.partition(" - ")[::2] for heading in headings if heading != "Unreleased"]
    assert "Unreleased" not in headings[1:]
    return split


@pytest.fixture
def schema() -> dict[str, object]:
    """The Citation File Format's own."""
    try:
        package = distribution("cffconvert")
    except PackageNotFoundError:
        pytest.skip("cffconvert is not installed (workflow/envs/develop.post-deploy.sh)")
    return json.loads(Path(str(package.locate_file("cffconvert/schemas/1.2.0/schema.json"))).read_text())


def test_the_citation_is_valid(schema: dict[str, object]) -> None:
    jsonschema.validate(citation(), schema)


@pytest.mark.parametrize("wrong", [{"date-released": "28 November"}, {"license": "MTI"}, {"titel": "a title"}])
def test_the_schema_refuses(schema: dict[str, object], wrong: dict[str, str]) -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(citation() | wrong, schema)


def test_the_newest_version_is_the_cited_one() -> None:
    assert versions()[0] == (citation()["version"], citation()["date-released"])


def test_versions_fall() -> None:
    numbers = [tuple(map(int, version.split("."))) for version, _ in versions()]
    dates = [date.fromisoformat(day) for _, day in versions()]
    assert all(len(number) == 3 for number in numbers)
    assert numbers == sorted(set(numbers), reverse=True)
    assert dates == sorted(dates, reverse=True)
