"""Split texts into words, in all scripts."""

import re
import unicodedata
from functools import cache

# Scripts without spaces between words: Chinese, Japanese, Thai, Lao, Burmese, Khmer.
UNSPACED = (
    "\u3005\u3007\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff"
)
LAST = 0x11FFF  # of the characters among which marks are looked for: all scripts that are written today are before it


def words(text):
    """Split a text into words, in small letters: letters and digits, with the marks that belong to them.

    Of scripts without spaces between words, each two neighbouring characters are a word, as is usual in the search of
    Chinese and Japanese texts.

    Parameters
    ----------
    text : str

    Returns
    -------
    list of str
    """
    spaced, unspaced, letters = _patterns()
    found = []
    for word in spaced.findall(unicodedata.normalize("NFKC", text).casefold()):
        if unspaced.match(word):
            parts = letters.findall(word)
            found += [a + b for a, b in zip(parts, parts[1:])] or parts
        else:
            found.append(word)
    return found


@cache
def _patterns():
    """Return patterns of a word or a run without spaces, of the start of such a run, and of a letter with its marks.

    Python's `\\w` has no marks, without which words of Hindi or Arabic fall apart.
    """
    marks = "".join(c for c in map(chr, range(0x300, LAST)) if unicodedata.category(c)[0] == "M")
    letter = rf"(?:(?![{UNSPACED}_])\w)"
    run = rf"[{UNSPACED}](?:[{UNSPACED}{marks}])*"
    return (
        re.compile(rf"{run}|{letter}(?:{letter}|[{marks}])*"),
        re.compile(f"[{UNSPACED}]"),
        re.compile(f".[{marks}]*"),
    )
