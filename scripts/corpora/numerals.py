"""Numbers that are written in digits by one and in Chinese numerals by another: 2016年, 二〇一六年; 15%, 百分之十五."""

import re

_DIGITS = dict(zip("零〇一二三四五六七八九两幺", "0012345678921", strict=True))
_UNITS = {"十": 10, "百": 100, "千": 1000, "万": 10**4, "亿": 10**8}
_NUMERALS = "".join(_DIGITS) + "".join(_UNITS)
_NUMBER = re.compile(f"[0-9{_NUMERALS}]+")
_WORD = re.compile("[0-9]+|.")
_LONG = re.compile("(?<![0-9])[1-9][0-9]{4,17}(?![0-9万亿])")
_LONGEST = 30  # characters of what is read as one number: Python refuses to print the longest

DIGIT = re.compile("[0-9]")
WRITTEN = re.compile(f"[0-9{_NUMERALS}]")


def in_digits(key: str) -> str:
    """A sentence (a leakage key, without signs) with its numbers in one form, whichever way they were written.

    二〇一六 becomes 2016, 一百二十三 123, and 三万五, 3万5 and 35000 become 3万5000. 百分之 goes, as % has gone, and 点
    between numbers, as the decimal point has. 万 and 亿 stay: 12.2亿 is 122亿 in a key, and so is 十二点二亿.
    """
    digits = _NUMBER.sub(lambda found: _of_number(found[0]), key.replace("百分之", ""))
    joined = re.sub("(?<=[0-9])点(?=[0-9])", "", digits)
    return _LONG.sub(lambda found: _by_ten_thousands(int(found[0])), joined)


def _of_number(number: str) -> str:
    """Its digits; where it is no number that is read in one way (三四十, 万一), the digits that are in it."""
    words = _WORD.findall(number)
    is_sequence = not set(words) & _UNITS.keys() or len(number) > _LONGEST
    value = None if is_sequence else _value(words)
    return "".join(_DIGITS.get(word, word) for word in words) if value is None else _by_ten_thousands(value)


def _by_ten_thousands(value: int) -> str:
    """12,345,678,900 is 123亿4567万8900."""
    above, rest = divmod(value, 10**8)
    middle, below = divmod(rest, 10**4)
    written = f"{above}亿" * (above > 0) + f"{middle}万" * (middle > 0) + f"{below}" * (below > 0)
    return written or "0"


def _value(words: list[str]) -> int | None:
    """Of digits and units. A last digit counts tenths of the unit before it: 一万二 is 12,000, 一万零二 is 10,002."""
    total = section = 0  # of 万 and 亿, and below them
    number, tenth = None, 1
    for word in words:
        if word not in _UNITS:
            if number or (word[0] == "0" and word[1:]):
                return None
            number, tenth = int(_DIGITS.get(word, word)), 1 if _DIGITS.get(word) == "0" else tenth
            continue
        unit = _UNITS[word]
        if unit < 10**4:
            if number is None and unit > 10:
                return None
            section += (1 if number is None else number) * unit
        else:
            section += number or 0
            if not section and not total:
                return None
            total = (total + section) * unit if total and unit >= total else total + section * unit
            section = 0
        number, tenth = None, unit // 10
    return total + section + (number or 0) * tenth
