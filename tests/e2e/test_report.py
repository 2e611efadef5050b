"""The page of results in a real browser: it shows the table's numbers, its pictures and sounds, and fetches nothing."""

import html
import json
import re
import shutil
import subprocess
from pathlib import Path

import pandas as pd
import pytest

pytestmark = pytest.mark.e2e

# Asked of the page itself: a copy has this script, and a policy that lets it run and nothing else in.
POLICY = ("default-src 'none';", "default-src 'none'; script-src 'unsafe-inline';")
PROBE = """<script>
const all = selector => [...document.querySelectorAll(selector)];
const known = sound => sound.readyState ? null : new Promise(then => { sound.onloadedmetadata = sound.onerror = then });
addEventListener('load', () => Promise.all(all('audio').map(known)).then(() => {
  const facts = {
    rows: all('table.cer tbody tr').map(row => [...row.children].map(cell => cell.textContent)),
    sounds: all('audio').map(sound => sound.duration),
    pictures: [...document.images].map(image => [image.naturalWidth, image.clientWidth, image.alt]),
    sections: all('section').map(one => [one.id, one.querySelectorAll('img').length, one.innerText.length]),
    answer: document.querySelector('.answer').textContent,
    whole: [...document.querySelector('#time tfoot tr').children].map(cell => cell.textContent),
    stages: all('#time tbody tr').map(row => [...row.children].map(cell => cell.textContent)),
    overflow: document.documentElement.scrollWidth - document.documentElement.clientWidth,
    first: all('h1, .answer, table.cer, .first img').map(element => element.getBoundingClientRect().top < innerHeight),
    unnamed: all('[tabindex], audio, nav').filter(element => !element.ariaLabel).length,
  };
  document.documentElement.innerHTML = '<pre id="facts">' + JSON.stringify(facts) + '</pre>';
}));
</script></body>"""

SECTIONS = ["answer", "pre-training", "fine-tuning", "errors", "listening", "corpora", "provenance", "time"]
FIGURES = {"answer": 1, "pre-training": 1, "fine-tuning": 1, "errors": 3}


def answered(table: pd.DataFrame) -> list[str]:
    """The numbers that the paragraph must name: test at the beginning of the curve, and where dev is lowest."""
    curve = table[table["row"].str.contains("@")].pivot_table(index="row", columns="subset", values="cer", sort=False)
    return [f"{100 * curve['test'].loc[row]:.1f}" for row in (curve.index[0], curve["dev"].idxmin())]


@pytest.fixture(scope="module")
def browser() -> str:
    found = shutil.which("chromium") or shutil.which("google-chrome")
    return found or pytest.skip("no Chromium is installed (Debian: chromium)")


@pytest.mark.parametrize("size", ["1280,900", "500,900"])
def test_the_page_in_a_browser(small_demo: Path, tmp_path: Path, browser: str, size: str) -> None:
    page = (small_demo / "results/report.html").read_text(encoding="utf-8")
    assert not re.findall(r'(?:src|href|action)=(?!"#|"data:).{9}|url\(|@import', page)
    copy = tmp_path / "page.html"
    copy.write_text(page.replace(*POLICY).replace("</body>", PROBE), encoding="utf-8")
    words = ["--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr", "--virtual-time-budget=20000"]
    command = [browser, *words, f"--user-data-dir={tmp_path / 'profile'}", f"--window-size={size}", "--dump-dom"]
    call = subprocess.run([*command, copy.as_uri()], capture_output=True, text=True, timeout=120)
    assert not re.findall(r"CONSOLE.*", call.stderr), call.stderr
    facts = json.loads(html.unescape(re.search(r'<pre id="facts">(.*)</pre>', call.stdout)[1]))

    table = pd.read_csv(small_demo / "results/cer.tsv", sep="\t")
    expected = {
        row: [f"{100 * of_row.loc[of_row['subset'] == subset, 'cer'].mean():.1f}" for subset in ("dev", "test")]
        for row, of_row in table.groupby("row")
    }
    shown = {name: rates[:2] for name, *rates in facts["rows"] if not name.startswith("published")}
    assert shown == expected and facts["first"] == [True, True, True, size.startswith("1280")]
    assert set(answered(table)) <= set(re.findall(r"\d+\.\d(?=\s%)", facts["answer"]))
    assert [name for name, *_ in facts["sections"]] == SECTIONS
    assert all(pictures == FIGURES.get(name, 0) and length > 100 for name, pictures, length in facts["sections"])
    assert {row[0] for row in facts["stages"] if row[3] == "0.0"} == {"pretrain", "finetune"}, "no GPUs here"
    assert facts["whole"][1] == str(sum(int(row[1]) for row in facts["stages"])) and facts["whole"][3] == "0.0"
    listed = pd.read_csv(small_demo / "results/corpora/aishell1/utterances.tsv", sep="\t")
    assert len(facts["sounds"]) == 4
    assert all(min(abs(listed["samples"] / 16_000 - seconds)) < 1e-5 for seconds in facts["sounds"])
    assert facts["pictures"] and all(natural and shown_as > 200 and alt for natural, shown_as, alt in facts["pictures"])
    assert facts["overflow"] <= 0 and facts["unnamed"] == 0
