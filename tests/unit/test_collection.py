"""Tests that few machines can run are found everywhere, and so is all that they ask for."""

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
# pytest skips a test before it looks for its fixtures: one that is nowhere would show on a GPU alone.
COLLECT = """
import sys, pytest

class Fixtures:
    def pytest_collection_finish(self, session):
        for item in session.items:
            missing = set(item.fixturenames) - set(item._fixtureinfo.name2fixturedefs) - {"request"}
            print("found", item.name, "without", *sorted(missing))

sys.exit(pytest.main(["--collect-only", "-q", "-p", "no:cacheprovider", *sys.argv[1:]], plugins=[Fixtures()]))
"""
NEEDED = [name for name in ("fairseq", "espnet2") if importlib.util.find_spec(name) is None]


@pytest.mark.slow
@pytest.mark.skipif(bool(NEEDED), reason=f"{' and '.join(NEEDED)} not installed")
def test_the_tests_of_gpus_are_found_with_their_fixtures() -> None:
    words = [sys.executable, "-c", COLLECT, "tests/gpu"]
    done = subprocess.run(words, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    found = re.findall(r"^found (\S+) without(.*)$", done.stdout, re.MULTILINE)
    assert len(found) >= 5 and {missing for _, missing in found} == {""}
