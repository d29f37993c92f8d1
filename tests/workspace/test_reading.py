"""Reading, listing and searching: ranges, bounds, masks, and the editor's text before the disk's."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from bursar.domain.ports import FileText, ToolRefused
from bursar.workspace import LocalFiles, searching

from .support import KEY, Bench, names


def _read(files: LocalFiles, path: str, first: int | None = None, last: int | None = None) -> FileText:
    found = files.read(path, first_line=first, last_line=last)
    assert isinstance(found, FileText), found
    return found


def test_a_file_is_read_whole(bench: Bench) -> None:
    bench.put("a.py", "x = 1\ny = 2\n")
    found = _read(bench.files(), "./a.py")
    assert found == FileText(
        path="a.py",
        text="x = 1\ny = 2\n",
        sha256=hashlib.sha256(b"x = 1\ny = 2\n").hexdigest(),
        truncated=False,
        first_line=1,
        last_line=2,
        total_lines=2,
        from_editor=False,
    )


@pytest.mark.parametrize(
    ("data", "first", "last", "text", "shown"),
    [
        ("a\nb\nc\n", 2, 2, "b\n", (2, 2, 3)),
        ("a\nb\nc\n", 2, None, "b\nc\n", (2, 3, 3)),
        ("a\nb\nc", None, 9, "a\nb\nc", (1, 3, 3)),
        ("a\r\nb\r\n", 1, 1, "a\n", (1, 1, 2)),
        ("a\rb\rc", 2, 3, "b\nc", (2, 3, 3)),
        ("a\u2028b\x0cc\n", None, None, "a\u2028b\x0cc\n", (1, 1, 1)),
        ("\ufeffa\nb", 1, 1, "a\n", (1, 1, 2)),
        ("", None, None, "", (1, 0, 0)),
        ("\n", None, None, "\n", (1, 1, 1)),
    ],
)
def test_lines_end_at_lf_crlf_and_cr(
    bench: Bench, data: str, first: int | None, last: int | None, text: str, shown: tuple[int, int, int]
) -> None:
    bench.put("f", data)
    found = _read(bench.files(), "f", first, last)
    assert (found.text, (found.first_line, found.last_line, found.total_lines)) == (text, shown)


@pytest.mark.parametrize(("first", "last"), [(0, 1), (-1, None), (3, 2), (4, None)])
def test_a_range_that_is_none_is_refused(bench: Bench, first: int, last: int | None) -> None:
    bench.put("f", "a\nb\nc\n")
    assert isinstance(bench.files().read("f", first_line=first, last_line=last), ToolRefused)


def test_what_is_shown_is_bounded_by_whole_lines(bench: Bench) -> None:
    bench.put("f", ("x" * 99 + "\n") * 10_000)
    found = _read(bench.files(), "f")
    assert found.truncated and found.total_lines == 10_000
    assert len(found.text) <= 256 * 1024 and found.text.endswith("x\n")
    assert found.last_line == len(found.text) // 100
    rest = _read(bench.files(), "f", found.last_line + 1)
    assert rest.first_line == found.last_line + 1


def test_one_endless_line_is_cut(bench: Bench) -> None:
    bench.put("f", "ä" * 500_000)
    found = _read(bench.files(), "f")
    assert found.truncated and len(found.text.encode()) <= 256 * 1024 and set(found.text) == {"ä"}


def test_a_large_file_is_read_by_ranges_only(bench: Bench) -> None:
    bench.put("f", "0123456789\n" * 300_000)
    refused = bench.files().read("f")
    assert isinstance(refused, ToolRefused) and "ranges of lines" in refused.message
    assert _read(bench.files(), "f", 299_999).text == "0123456789\n" * 2
    with (bench.root / "sparse").open("wb") as file:
        file.truncate(1 << 40)
    assert isinstance(bench.files().read("sparse", first_line=1, last_line=2), ToolRefused)
    assert isinstance(bench.files().read_bytes("sparse"), ToolRefused)


@pytest.mark.parametrize("data", [b"\xff\xfea\0b\0", b"a\0b", b"\x80abc", b"\xed\xa0\x80"])
def test_what_is_no_utf8_text_is_said_to_be_none(bench: Bench, data: bytes) -> None:
    bench.put("f", data)
    for found in (bench.files().read("f"), bench.files().plan_edit("f", old="a", new="b")):
        assert isinstance(found, ToolRefused) and "not UTF-8" in found.message
    assert bench.files().read_bytes("f") == data


def test_a_missing_file_is_said_to_be_missing(bench: Bench) -> None:
    for path in ("no.py", "no/no.py"):
        found = bench.files().read(path)
        assert isinstance(found, ToolRefused) and "does not exist" in found.message


def test_secrets_are_masked_in_every_answer(bench: Bench) -> None:
    bench.put("a.txt", f"one\nkey = {KEY}\nthree\n")
    body = "\n".join("aB3dE5fG7hJ9kL1mN2pQ4rS6tU8vW0xY" * 2 for _ in range(6))
    mark = "-" * 5
    bench.put("b.txt", f"one\n{mark}BEGIN RSA PRIVATE KEY{mark}\n{body}\n{mark}END RSA PRIVATE KEY{mark}\nlast\n")
    files = bench.files()
    assert "⟦secret:anthropic:" in _read(files, "a.txt").text and KEY not in _read(files, "a.txt").text
    assert KEY not in _read(files, "a.txt", 2, 2).text
    # A range inside the key shows nothing of it, and lines keep their numbers.
    assert _read(files, "b.txt", 4, 6).text == "\n\n\n"
    assert _read(files, "b.txt", 10).text == "last\n"
    hits = files.search("key|aB3d")
    assert isinstance(hits, str) and "a.txt:2: key = ⟦secret:anthropic:" in hits and "aB3d" not in hits
    assert "No line matches." in str(files.search(KEY[:20]))
    assert "No line matches." in str(files.search("sk-ant-api03-a[A-Z]"))


def test_a_key_in_a_range_of_a_large_file_is_masked(bench: Bench) -> None:
    body = "\n".join("aB3dE5fG7hJ9kL1mN2pQ4rS6tU8vW0xY" * 2 for _ in range(40))
    mark = "-" * 5
    key = f"{mark}BEGIN RSA PRIVATE KEY{mark}\n{body}\n{mark}END RSA PRIVATE KEY{mark}\n"
    bench.put("f", "0123456789\n" * 250_000 + key + "last\n")
    assert "aB3d" not in _read(bench.files(), "f", 250_010, 250_020).text
    assert _read(bench.files(), "f", 250_043).text == "last\n"


def test_the_editors_text_comes_before_the_disks(bench: Bench) -> None:
    full = bench.put("a.py", "on disk\n")
    bench.buffers.unsaved[str(full)] = "in the editor\n"
    files = bench.files()
    found = _read(files, "a.py")
    assert found.from_editor and found.text == "in the editor\n"
    assert files.search("in the") == "a.py:1: in the editor"
    assert "No line" in str(files.search("on disk"))


def test_a_folder_is_listed(bench: Bench) -> None:
    for path in (
        "b.py",
        "a/x",
        ".git/config",
        "node_modules/y/z",
        "__pycache__/c",
        ".hidden",
        "big.txt",
        ".bursar-0123456789abcdef.tmp",
    ):
        bench.put(path, "12345")
    bench.put("big.txt", "x" * 12_345)
    (bench.root / "link").symlink_to("b.py")
    (bench.root / "an\nodd[x](command:y)\u202ename").touch()
    assert str(bench.files().list(".")).split("\n") == [
        ".hidden\t5 bytes",
        "a/",
        "an\\x0aodd[x]\\x28command\\x3ay)\\u{202e}name\t0 bytes",
        "b.py\t5 bytes",
        "big.txt\t12,345 bytes",
        "link\t(link)",
        "(3 left out: .git, .venv, __pycache__, node_modules)",
    ]
    assert bench.files().list("a") == "x\t5 bytes" == bench.files().list("a/")
    assert isinstance(bench.files().list("b.py"), ToolRefused)
    assert isinstance(bench.files().list("missing"), ToolRefused)
    (bench.root / "empty").mkdir()
    assert bench.files().list("empty") == "(empty)"


def test_a_very_full_folder_is_cut(bench: Bench) -> None:
    for n in range(2_003):
        (bench.root / f"f{n:05}").touch()
    listed = str(bench.files().list(".")).split("\n")
    assert len(listed) == 2_001 and listed[-1] == "(3 more entries are not shown)"


def test_search_tells_path_line_and_text(bench: Bench) -> None:
    bench.put("src/a.py", "import os\n\n\ndef f(x):\n    return x\n")
    bench.put("src/b.py", "def g():\r\n    pass\r\n")
    bench.put("node_modules/m/c.py", "def h(): pass\n")
    files = bench.files()
    assert files.search(r"^def \w") == "src/a.py:4: def f(x):\nsrc/b.py:1: def g():"
    assert files.search("def g", path="src") == "src/b.py:1: def g():"
    assert files.search("return", path="src/a.py") == "src/a.py:5:     return x"
    assert files.search(r"pass$") == "src/b.py:2:     pass"
    assert files.search("def f(").startswith("src/a.py:4: def f(x):\n(the pattern is no regular expression")
    assert isinstance(files.search("x", path="missing"), ToolRefused)
    assert isinstance(files.search(""), ToolRefused)
    assert isinstance(files.search("a" * 501), ToolRefused)


def test_search_is_bounded(bench: Bench) -> None:
    bench.put("a.txt", "hit\n" * 500)
    for pattern in ("hit", "h.t"):
        lines = str(bench.files().search(pattern)).split("\n")
        assert len(lines) == 201 and "only the first 200" in lines[-1]
    bench.put("a.txt", "y" * 5_000 + "z\n")
    assert len(str(bench.files().search("yyy"))) < 400


def test_a_pattern_made_to_be_slow_is_ended(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(searching, "_TRY_S", 0.5)
    bench.put("0.txt", "first aaa!\n")
    bench.put("a.txt", "a" * 900 + "!\n")
    found = str(bench.files().search("first|(a+)+$"))
    assert found.startswith("0.txt:1: first aaa!\n") and "too slow" in found


def test_a_search_pattern_is_no_command(bench: Bench) -> None:
    bench.put("a.txt", "x\n")
    for pattern in ("-e x --pre 'touch PWN'", "$(touch PWN)", "x; touch PWN"):
        bench.files().search(pattern)
        bench.files().search("x", path=".")
    assert names(bench.root) == ["a.txt"]


def test_search_counts_what_it_could_not_read(bench: Bench) -> None:
    bench.put("bin", b"\0\1")
    bench.put("ok", "x\n")
    assert bench.files().search("x") == "ok:1: x\n(1 files were not searched: no UTF-8 text, too large, or not plain)"


def test_the_root_is_followed_once(bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "alias").symlink_to(bench.root)
    bench.put("a", "x")
    files = LocalFiles(tmp_path / "alias", buffers=None, failpoint=lambda _: None)
    assert files.root == str(bench.root)
    assert _read(files, "a").text == "x"
