"""Alignments in and out: every kind of file, what is left out, and one sentence for each mistake."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

from seqlab.data import DataError
from seqlab.data.alignments import ALPHABET, GAP, letters_of, text_of
from seqlab.data.alignments.reading import read_alignment
from seqlab.data.alignments.writing import write_alignment

NAMES = ("one", "two", "three")
TEXTS = ["ACD-Y", "AC-WY", "WCDEY"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


def written(folder: Path, name: str, text: str) -> str:
    path = folder / name
    path.write_text(text)
    return str(path)


def test_the_alphabet_is_that_of_the_numbers() -> None:
    letters = letters_of([ALPHABET])
    assert letters.tolist() == [list(range(21))]
    assert text_of(letters) == [ALPHABET]


@pytest.mark.parametrize("ending", ["fasta", "a3m", "sto", "txt", "csv", "npy", "fasta.gz", "npy.gz"])
def test_what_is_written_is_read_again(folder: Path, ending: str) -> None:
    path = folder / f"family.{ending}"
    write_alignment(path, NAMES, letters_of(TEXTS))
    found = read_alignment(str(path))
    assert text_of(found.letters) == TEXTS
    assert found.names == (NAMES if ending.partition(".")[0] in ("fasta", "a3m", "sto") else ("1", "2", "3"))
    assert found.left_out == ()


def test_sequences_may_go_over_several_lines(folder: Path) -> None:
    found = read_alignment(written(folder, "x.fa", ">one and more\nACD\n-Y\n\n>two\nAC-WY\n"))
    assert (found.names, text_of(found.letters)) == (("one", "two"), TEXTS[:2])


def test_blocks_of_stockholm_are_joined(folder: Path) -> None:
    blocks = "# STOCKHOLM 1.0\n#=GF ID x\none AC\ntwo AC\n#=GC RF xx\n\none D.Y\ntwo -wY\n//\n"
    assert text_of(read_alignment(written(folder, "x.sto", blocks)).letters) == TEXTS[:2]


def test_inserts_are_dropped_counted_and_named(folder: Path) -> None:
    found = read_alignment(written(folder, "x.a3m", ">one\nACD-Y\n>two\nAC-WxwY\n>three\nWCD.EyY\n"))
    assert text_of(found.letters) == TEXTS
    assert [str(entry) for entry in found.left_out] == ["3 lower-case inserts dropped (two, three)"]


def test_columns_of_a_focus(folder: Path) -> None:
    place = written(folder, "x.fa", ">one/1-4\nACD-Y\n>two\nAC-wY\n>three\nWCDEX\n")
    found = read_alignment(place, focus="one")
    assert text_of(found.letters) == ["ACDY", "AC-Y", "WCD-"]
    assert found.columns.tolist() == [0, 1, 2, 4]
    assert text_of(read_alignment(place, focus="two").letters)[1] == "ACWY"


def test_unknown_letters_become_gaps_or_their_sequences_go(folder: Path) -> None:
    place = written(folder, "x.fa", ">one\nACXXY\n>two\nAC-WY\n>three\nBCDEY\n")
    found = read_alignment(place)
    assert text_of(found.letters) == ["AC--Y", "AC-WY", "-CDEY"]
    assert str(found.left_out[0]) == "3 letters that are no amino acid became gaps (one, three)"
    found = read_alignment(place, unknown="drop")
    assert (found.names, found.left_out[0].count, found.left_out[0].names) == (("two",), 2, ("one", "three"))


def test_only_the_focus_decides_which_letters_are_unknown(folder: Path) -> None:
    place = written(folder, "x.fa", ">one\nAC-DY\n>two\nACXDY\n")
    assert read_alignment(place, focus="one", unknown="drop").left_out == ()


def test_sequences_of_many_gaps(folder: Path) -> None:
    found = read_alignment(written(folder, "x.fa", ">one\nACDE\n>two\nAC--\n>three\nA---\n"), most_gaps=0.5)
    assert found.names == ("one", "two")
    assert str(found.left_out[0]) == "1 sequences of more than 50% gaps left out (three)"
    assert found.gaps() == (found.letters == GAP).mean() == 0.25


def test_columns_of_many_gaps_go_before_sequences(folder: Path) -> None:
    place = written(folder, "x.fa", ">one\nA-DE\n>two\n---E\n>three\n-XDE\n>four\nACD-\n")
    found = read_alignment(place, column_gaps=0.5, most_gaps=0.4)
    assert text_of(found.letters) == ["ADE", "-DE", "AD-"]
    assert (found.columns.tolist(), found.width, found.names) == ([0, 2, 3], 4, ("one", "three", "four")), found
    assert [str(told) for told in found.left_out[1:]] == [
        "1 columns of more than 50% gaps left out (2)",
        "1 sequences of more than 40% gaps left out (two)",
    ]


MISTAKES = {
    "unequal": ("x.fa", ">one\nACD\n>two\nACDE\n", r"x\.fa, line 3: `two` has 4 columns and the first .* 3; .* \.a3m"),
    "wrong letter": ("x.fa", ">one\nACD\n>two\nA7D\n", r"x\.fa, line 3: `two` has '7' in column 2, which is no letter"),
    "no letters": ("x.fa", ">one\nACD\n>two\n", r"x\.fa, line 3: `two` has no letters"),
    "no name": ("x.fa", ">\nACD\n", r"x\.fa, line 1: a sequence needs a name"),
    "no fasta": ("x.fa", "ACD\n", r"x\.fa, line 1: a sequence stands before the first `>`"),
    "nothing": ("x.fa", "\n\n", r"x\.fa holds no sequence"),
    "only inserts": ("x.a3m", ">one\nacd\n", r"x\.a3m has no letter left: 1 sequences of 0 columns .* 3 lower-case"),
    "cut off": ("x.sto", "# STOCKHOLM 1.0\none ACD\n", r"x\.sto has no `//` at its end"),
    "no stockholm": ("x.sto", ">one\nACD\n", r"x\.sto, line 1: a Stockholm file begins with"),
    "words": ("x.sto", "# STOCKHOLM 1.0\none A C\n//\n", r"x\.sto, line 2: a name and its letters .* not 3 words"),
    "uneven numbers": ("x.txt", "0 1\n0 1 2\n", r"x\.txt, line 2: it has 3 columns and the lines before it 2"),
    "large number": ("x.txt", "0 1\n0 21\n", r"x\.txt, line 2: 21 is no letter; they are 0 to 20"),
    "no number": ("x.txt", "0 one\n", r"x\.txt, line 1: whole numbers are needed"),
    "ending": ("x.doc", "0", r"x\.doc: the ending of a file says what it is, and `\.doc` is none of"),
    "no array": ("x.npy", "0 1", r"x\.npy is no array of numpy"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_one_sentence(folder: Path, mistake: str) -> None:
    name, text, told = MISTAKES[mistake]
    with pytest.raises(DataError, match=told):
        read_alignment(written(folder, name, text))


def test_a_focus_that_is_not_there(folder: Path) -> None:
    with pytest.raises(DataError, match=r"has no sequence called 'two' .*the first is three"):
        read_alignment(written(folder, "x.fa", ">three\nACD\n"), focus="two")


def test_a_packed_file_that_is_cut_off(folder: Path) -> None:
    path = folder / "x.fa.gz"
    path.write_bytes(gzip.compress(b">one\nACDEFGHIKL\n" * 100)[:-12])
    with pytest.raises(DataError, match=r"x\.fa\.gz cannot be unpacked .* cut off"):
        read_alignment(str(path))


@pytest.mark.parametrize("shape", [(0, 3), (3, 0), (0,)])
def test_an_empty_array_says_what_it_is(folder: Path, shape: tuple[int, ...]) -> None:
    np.save(folder / "x.npy", np.zeros(shape, np.uint8))
    with pytest.raises(DataError) as caught:
        read_alignment(str(folder / "x.npy"))
    assert f"x.npy is an empty array, uint8 of shape {shape}; give one of (sequences, columns)" in str(caught.value)


def test_numbers_of_another_kind(folder: Path) -> None:
    np.save(folder / "x.npy", np.zeros((2, 3)))
    with pytest.raises(DataError, match=r"x\.npy holds float64 of shape \(2, 3\)"):
        read_alignment(str(folder / "x.npy"))
