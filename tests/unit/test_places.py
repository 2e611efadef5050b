"""Where things may lie: nearly anywhere; a character that cannot be taken is named."""

from pathlib import Path

import pytest

from scripts.common import places
from scripts.common.errors import StepError
from tests.places import AWKWARD


def test_all_that_a_path_may_hold() -> None:
    for path in [f"/a/{AWKWARD}", Path("/home/üñï/実験-2_b+c@d~e^f!<g>|h"), "corpora/AISHELL-2/iOS/data", "/x y/z"]:
        places.check({"here": path})


@pytest.mark.parametrize("character", list('"$`\\{}[]*?%:'))
def test_a_character_that_is_refused_is_named(character: str) -> None:
    with pytest.raises(StepError) as caught:
        places.check({"the repository": "/fine", "the working directory": f"/a {character} b"})
    assert str(caught.value).startswith(f"the working directory has {character} in its path, ")
    assert str(caught.value).endswith(": rename or move it")


@pytest.mark.parametrize(("character", "shown"), [("\n", r"'\n'"), ("\t", r"'\t'"), ("\x7f", r"'\x7f'")])
def test_what_cannot_be_seen_is_spelt_out(character: str, shown: str) -> None:
    with pytest.raises(StepError) as caught:
        places.check({"the repository": f"/a{character}b"})
    assert str(caught.value).startswith(f"the repository has {shown} in its path, ") and character not in str(caught)


def test_conda_environments_cannot_lie_behind_a_quote() -> None:
    places.check_environments("/a #1, b=c/.snakemake/conda")
    with pytest.raises(StepError, match=r"in /it's/.snakemake/conda, which has ' in it: say --conda-prefix"):
        places.check_environments(Path("/it's/.snakemake/conda"))


def test_a_python_that_is_started_on_nodes_has_a_plain_path() -> None:
    places.check_python("/home/me/mandarin-wav2vec2/.venv/bin/python3.11")
    with pytest.raises(StepError, match=r"cannot start /a b/.venv/bin/python on nodes, .* a link to /a b/.venv under"):
        places.check_python("/a b/.venv/bin/python")
