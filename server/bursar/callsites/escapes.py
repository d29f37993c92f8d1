"""Escapes in string literals, decoded as the language does; one that is broken is left as it is written."""

from __future__ import annotations

import re
import unicodedata

_PYTHON = re.compile(
    r"\\(?:(?P<line>\n)|(?P<octal>[0-7]{1,3})|x(?P<x>[0-9a-fA-F]{2})|u(?P<u>[0-9a-fA-F]{4})"
    r"|U(?P<long>[0-9a-fA-F]{8})|N\{(?P<name>[^}]*)\}|(?P<one>.))",
    re.DOTALL,
)
_PYTHON_ONE = {
    "\\": "\\", "'": "'", '"': '"', "a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v",
}  # fmt: skip
_HALF = re.compile("[\ud800-\udfff]")
_SCRIPT = re.compile(
    r"\\(?:(?P<line>\n|\u2028|\u2029)|x(?P<x>[0-9a-fA-F]{2})|u(?P<u>[0-9a-fA-F]{4})|u\{(?P<long>[0-9a-fA-F]{1,8})\}"
    r"|(?P<octal>0)(?![0-9])|(?P<one>.))",
    re.DOTALL,
)
_SCRIPT_ONE = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}


def python_text(raw: str) -> str:
    """What the inside of a Python literal stands for; half a character, which nobody can send, is U+FFFD."""
    if "\\" not in raw:
        return raw
    decoded = _PYTHON.sub(lambda found: _decoded(found, _PYTHON_ONE, keep_others=True), raw)
    return _HALF.sub("\ufffd", decoded)


def script_text(raw: str) -> str:
    """What the inside of a JavaScript literal stands for; half a character is U+FFFD."""
    if "\\" not in raw:
        return raw
    decoded = _SCRIPT.sub(lambda found: _decoded(found, _SCRIPT_ONE, keep_others=False), raw)
    # Two escapes may be the halves of one character.
    return decoded.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _decoded(found: re.Match[str], one: dict[str, str], *, keep_others: bool) -> str:
    groups = found.groupdict()
    if groups["line"] is not None:
        return ""
    if groups.get("name") is not None:
        try:
            return unicodedata.lookup(groups["name"])
        except KeyError:
            return found.group()
    if groups["octal"] is not None:
        return chr(int(groups["octal"], 8))
    digits = groups["x"] or groups["u"] or groups["long"]
    if digits is not None:
        number = int(digits, 16)
        return chr(number) if number <= 0x10FFFF else found.group()
    letter = groups["one"]
    return one.get(letter, found.group() if keep_others else letter)
