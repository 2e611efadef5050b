"""Short digests of values."""

import hashlib

from scripts.common.digests import digest


def test_known_value() -> None:
    assert digest({"b": [1, 2], "a": "听"}) == hashlib.sha256(rb'{"a": "\u542c", "b": [1, 2]}').hexdigest()[:12]


def test_only_the_content_counts() -> None:
    assert digest({"a": 1, "b": {"c": 2, "d": None}}) == digest({"b": {"d": None, "c": 2}, "a": 1})
    values = [{}, [], None, 0, "", "0", {"a": 1}, {"a": "1"}, {"a": 1.5}, [1, 2], [2, 1]]
    assert len({digest(value) for value in values}) == len(values)
