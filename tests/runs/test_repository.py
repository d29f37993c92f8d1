"""The index of a workspace's files, with real files, real syntax trees and a real store; and the ranking over it."""

from __future__ import annotations

import os
import random
import re
import stat
from collections import Counter
from pathlib import Path

import pytest

from bursar.callsites import SyntaxSymbols
from bursar.demo import workspace_path
from bursar.domain.context.repository import FileQuestion, Postings
from bursar.domain.context.task_question import task_question
from bursar.domain.specs import parse_spec
from bursar.domain.text import split_lines
from bursar.runs.repository import Repository
from bursar.storage.repository import SqliteRepositoryIndex, drop_index, index_path
from bursar.workspace import LocalSources

LONG_AGO = 1_600_000_000


def repository(root: Path, home: Path, *, most_files: int = 20_000) -> Repository:
    home.mkdir(mode=0o700, exist_ok=True)
    return Repository(
        sources=LocalSources(root, off_limits=home, most_files=most_files),
        symbols=SyntaxSymbols(),
        index=SqliteRepositoryIndex(home, str(root)),
    )


def put(root: Path, path: str, text: str | bytes, at: int = LONG_AGO) -> Path:
    file = root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    os.utime(file, (at, at))
    return file


def paths(repo: Repository, text: str, **more: int) -> list[str]:
    return [each.path for each in repo.ranked(FileQuestion(text=text), **more)]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "workspace"
    folder.mkdir()
    put(
        folder,
        "app/transfer.py",
        "class UploadError(Exception):\n    pass\n\n\ndef upload_file(path):\n    return path\n",
    )
    put(folder, "app/limits.py", "# How fast a client may ask.\ndef allow(client):\n    return True\n")
    put(folder, "web/page.ts", "import { upload } from './api'\nexport function showPage() { return upload() }\n")
    put(folder, "README.md", "# An example\n\nHow to install it.\n")
    return folder


def test_only_what_was_written_is_read_again(root: Path, tmp_path: Path) -> None:
    repo = repository(root, tmp_path / "home")
    first = repo.refresh()
    assert (first.files, first.read, first.gone, first.more) == (4, 4, 0, False)
    assert paths(repo, "install") == ["README.md"]
    put(root, "README.md", "# An example\n\nHow to remove it.\n", at=LONG_AGO + 60)
    put(root, "app/new.py", "def teleport():\n    pass\n")
    (root / "app/limits.py").unlink()
    second = repo.refresh()
    assert (second.files, second.read, second.gone) == (4, 2, 1)
    assert paths(repo, "install") == []
    assert paths(repo, "remove") == ["README.md"]
    assert paths(repo, "teleport") == ["app/new.py"]
    assert paths(repo, "client") == []


def test_a_file_that_was_only_touched_is_not_indexed_again(root: Path, tmp_path: Path) -> None:
    repo = repository(root, tmp_path / "home")
    repo.refresh()
    for at in (LONG_AGO + 5, LONG_AGO + 10):
        os.utime(root / "README.md", (at, at))
        assert repo.refresh().read == 0
    assert paths(repo, "install") == ["README.md"]


def test_another_process_goes_on_with_the_same_index(root: Path, tmp_path: Path) -> None:
    one, other = repository(root, tmp_path / "home"), repository(root, tmp_path / "home")
    assert (one.refresh().read, other.refresh().read) == (4, 0)
    put(root, "app/more.py", "def teleport():\n    pass\n")
    assert (other.refresh().read, one.refresh().read) == (1, 0)
    assert paths(one, "teleport") == paths(other, "teleport") == ["app/more.py"]


def test_what_may_hold_keys_links_and_data_are_not_looked_at(root: Path, tmp_path: Path) -> None:
    secret = "sk-ant-api03-" + "A1b2C3d4" * 12
    put(root, ".env", "TELEPORT=1\n")
    put(root, "keys/id_rsa", "teleport\n")
    put(root, ".git/config", "teleport\n")
    put(root, "node_modules/x/index.js", "teleport()\n")
    put(root, "latin.txt", b"teleport \xff\xfe\n")
    put(root, "binary.txt", b"teleport\0\n")
    put(root, "large.txt", "teleport\n" * 200_000)
    put(tmp_path, "outside.py", "teleport = 1\n")
    (root / "link.py").symlink_to(tmp_path / "outside.py")
    put(root, "app/key.py", f"KEY = '{secret}'\nvisible_name = 1\n")
    repo = repository(root, tmp_path / "home")
    repo.refresh()
    assert paths(repo, "teleport") == []
    assert paths(repo, "visible") == ["app/key.py"]
    assert not repo.index.postings([secret.lower(), "a1b2c3d4"])
    assert all(secret not in each.signature for each in repo.index.definitions(["app/key.py"])["app/key.py"])


def test_the_state_folder_itself_is_not_indexed(root: Path) -> None:
    repo = repository(root, root / "state")
    put(root, "state/notes.txt", "teleport\n")
    repo.refresh()
    assert paths(repo, "teleport") == []


def test_of_too_many_files_those_near_the_top_count_and_it_is_said(root: Path, tmp_path: Path) -> None:
    put(root, "a/b/c/d/deep.txt", "teleport\n")
    few = repository(root, tmp_path / "home", most_files=4)
    refreshed = few.refresh()
    assert (refreshed.files, refreshed.more) == (4, True)
    assert paths(few, "teleport") == []
    assert paths(few, "install") == ["README.md"]


def test_the_index_is_closed_to_others_and_made_again_when_it_is_damaged(root: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    repo = repository(root, home)
    repo.refresh()
    repo.index.close()
    file = index_path(home, str(root))
    assert stat.S_IMODE(file.stat().st_mode) == 0o600 and stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    for damage in (b"no database at all", file.read_bytes()[:5000], b""):
        file.write_bytes(damage)
        again = repository(root, home)
        assert again.refresh().read == 4
        assert paths(again, "install") == ["README.md"]
        again.index.close()


def test_an_index_of_another_version_is_made_again(root: Path, tmp_path: Path) -> None:
    import apsw

    home = tmp_path / "home"
    repo = repository(root, home)
    repo.refresh()
    repo.index.close()
    other = apsw.Connection(str(index_path(home, str(root))))
    other.pragma("user_version", 999)
    other.close()
    assert repository(root, home).refresh().read == 4


def test_it_can_be_forgotten(root: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    repo = repository(root, home)
    repo.refresh()
    repo.index.close()
    drop_index(home, str(tmp_path / "other"))
    assert index_path(home, str(root)).exists()
    drop_index(home, str(root))
    assert not list((home / "repository").iterdir())


def facts(postings: Postings) -> tuple[object, ...]:
    return (postings.word, postings.stem, postings.passages, postings.names)


def test_after_any_changes_the_index_is_as_if_it_were_made_anew(root: Path, tmp_path: Path) -> None:
    drawn = random.Random(7)
    words = ["teleport", "upload", "limit", "client", "page", "retry", "token", "window"]
    repo = repository(root, tmp_path / "home")
    at = LONG_AGO
    for step in range(12):
        at += 10
        for _ in range(3):
            path = f"m{drawn.randrange(6)}.py"
            if drawn.random() < 0.3:
                (root / path).unlink(missing_ok=True)
            else:
                body = [f"def {drawn.choice(words)}_{step}():\n    {drawn.choice(words)} = 1\n" for _ in range(20)]
                put(root, path, "".join(body[: drawn.randrange(1, 20)]), at=at)
        repo.refresh()
    anew = repository(root, tmp_path / "anew")
    anew.refresh()
    assert list(map(facts, repo.index.postings(words))) == list(map(facts, anew.index.postings(words)))
    assert repo.index.passages() == anew.index.passages()
    assert {p: (f.words, f.names) for p, f in repo.index.files().items()} == {
        p: (f.words, f.names) for p, f in anew.index.files().items()
    }
    everything = sorted(repo.index.files())
    assert repo.index.definitions(everything) == anew.index.definitions(everything)
    assert repo.index.edges(everything, most_definers=3) == anew.index.edges(everything, most_definers=3)


def test_how_often_a_word_stands_where_is_what_a_plain_count_says(tmp_path: Path) -> None:
    root = workspace_path()
    repo = repository(root, tmp_path / "home")
    repo.refresh()
    for word in ("zone", "parcel", "weight", "price"):
        found: Counter[str] = Counter()
        for each in repo.index.postings([word])[0].passages:
            found[each[0].path] += each[1]
        for path in ("parcel/zones.py", "parcel/rates.py", "parcel/model.py"):
            # A plain count: every place where the word is a part of its own, in the singular or the plural.
            apart = re.sub(r"([a-z])([A-Z])", r"\1 \2", (root / path).read_text()).lower()
            plain = re.findall(rf"(?<![a-z]){word}s?(?![a-z])", apart)
            assert found[path] == len(plain), (word, path)


def test_a_task_of_the_demo_gets_the_files_that_it_names_first(tmp_path: Path) -> None:
    root = workspace_path()
    repo = repository(root, tmp_path / "home")
    repo.refresh()
    spec_path = ".kiro/specs/shipping-quote/tasks.md"
    text = (root / spec_path).read_text()
    spec = parse_spec(text, path_hint=spec_path)
    design = ".kiro/specs/shipping-quote/design.md"
    question = task_question(
        spec,
        next(each for each in spec.tasks if each.id == "2.1"),
        spec_path=spec_path,
        spec_lines=split_lines(text),
        documents=[(design, (root / design).read_text())],
    )
    ranked = repo.ranked(question)
    assert {each.path for each in ranked[:3]} == {"parcel/rates.py", "parcel/errors.py", "tests/test_rates.py"}
    assert not {spec_path, design} & {each.path for each in ranked}, "what the request carries is not asked for"
    other = repo.ranked(FileQuestion(text="what a heavy box costs by volume"))
    assert "parcel/errors.py" not in {each.path for each in other[:3]}, "without the name it is another answer"


def test_links_of_a_document_and_what_it_names_count_for_less_than_the_task(root: Path, tmp_path: Path) -> None:
    repo = repository(root, tmp_path / "home")
    repo.refresh()
    around = FileQuestion(text="`allow` it", around="see app/transfer.py", links=("web/page.ts",))
    ranked = {each.path: dict(each.parts) for each in repo.ranked(around)}
    assert next(iter(ranked)) == "app/limits.py"
    assert ranked["app/limits.py"]["defines what the task names"] > ranked["web/page.ts"]["linked from the documents"]
    assert "named in the documents" in ranked["app/transfer.py"]


def test_a_file_that_is_used_by_what_is_named_comes_too(root: Path, tmp_path: Path) -> None:
    put(root, "app/storage_backend.py", "def write_chunk(data):\n    return data\n")
    put(root, "app/queue.py", "from app.storage_backend import write_chunk\n\n\ndef enqueue(x):\n    write_chunk(x)\n")
    repo = repository(root, tmp_path / "home")
    repo.refresh()
    ranked = repo.ranked(FileQuestion(text="`enqueue` twice"))
    assert [each.path for each in ranked] == ["app/queue.py", "app/storage_backend.py"]
    assert ranked[1].near == ("app/queue.py",)


def test_nothing_to_look_for_is_no_failure(root: Path, tmp_path: Path) -> None:
    repo = repository(root, tmp_path / "home")
    repo.refresh()
    for text in ("", "the and of", "…", '" OR * NEAR(', "a" * 100_000, "\x00\ud800"):
        assert paths(repo, text) == []
    (tmp_path / "empty").mkdir()
    none = repository(tmp_path / "empty", tmp_path / "home")
    assert none.refresh().files == 0
    assert paths(none, "anything") == []


@pytest.mark.parametrize("most", [1, 2])
def test_as_many_as_are_wanted(root: Path, tmp_path: Path, most: int) -> None:
    repo = repository(root, tmp_path / "home")
    repo.refresh()
    assert len(paths(repo, "upload client page install", most=most)) == most
