"""Bytes, characters and tokens: encoding, decoding, saving."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqlab.data import DataError, arrays, progress, symbols, tokenizer
from seqlab.data.symbols import Bytes, Characters, StreamDecoder, Symbols
from seqlab.data.tokenizer import Tokenizer
from wikitext_folder import write_tokenizer

TEXT = "To be, or nöt to be: 🙂\nthat is the question.\nTo be!\n"


@pytest.fixture
def small_tokenizer(tmp_path: Path) -> Path:
    return write_tokenizer(tmp_path)


@pytest.fixture(params=["bytes", "characters", "tokenizer"])
def every_kind(request: pytest.FixtureRequest, small_tokenizer: Path) -> Symbols:
    made: dict[str, Symbols] = {"bytes": Bytes(), "characters": Characters.of(TEXT.encode())}
    return made[request.param] if request.param in made else Tokenizer(str(small_tokenizer))


def test_decoding_undoes_encoding(every_kind: Symbols) -> None:
    ids = every_kind.encode(TEXT.encode())
    assert every_kind.decode(ids) == TEXT.encode()
    assert ids.max() < every_kind.size
    assert every_kind.byte_lengths()[ids].sum() == len(TEXT.encode())


def test_saved_symbols_are_the_same_symbols(every_kind: Symbols) -> None:
    again = symbols.from_json(json.loads(json.dumps(every_kind.to_json())))
    np.testing.assert_array_equal(again.encode(TEXT.encode()), every_kind.encode(TEXT.encode()))
    assert again.size == every_kind.size


def test_a_stream_shows_characters_when_they_are_whole(every_kind: Symbols) -> None:
    decoder = StreamDecoder(every_kind)
    pieces = [decoder.feed(np.array([index])) for index in every_kind.encode(TEXT.encode())]
    assert "".join(pieces) + decoder.flush() == TEXT
    assert "\ufffd" not in "".join(pieces)


def test_a_stream_that_ends_inside_a_character_says_so() -> None:
    decoder = StreamDecoder(Bytes())
    assert decoder.feed(np.array([0xE2, 0x82])) == ""
    assert decoder.flush() == "\ufffd"


def test_ids_out_of_range_are_refused(every_kind: Symbols) -> None:
    for wrong in (every_kind.size, -1):
        with pytest.raises(DataError, match=f"from 0 to {every_kind.size - 1}"):
            every_kind.decode(np.array([0, wrong]))


def test_bytes_are_not_copied() -> None:
    data = np.arange(256, dtype=np.uint8)
    assert np.shares_memory(Bytes().encode(data), data)


def test_the_alphabet_is_sorted_and_its_ids_are_small() -> None:
    found = Characters.of("hello wörld".encode())
    assert found.alphabet == "".join(sorted(set("hello wörld")))
    assert found.encode(b"hello").dtype == np.uint8
    assert Characters("".join(map(chr, range(0x100, 0x300)))).encode("Ā".encode()).dtype == np.uint16


@settings(max_examples=30, deadline=None)
@given(st.text(min_size=1))
def test_any_text_goes_through_its_own_characters(content: str) -> None:
    data = content.encode()
    found = Characters.of(data)
    assert found.decode(found.encode(data)) == data


@pytest.mark.parametrize("strange", ["z", "é", "🙂"])
def test_a_character_that_is_not_known_is_named(strange: str) -> None:
    with pytest.raises(DataError, match=f"character '{strange}' \\(the 3. of the text\\)"):
        Characters.of(b"hallo").encode(("ha" + strange).encode())


def test_what_is_not_utf8_is_refused_with_its_place(small_tokenizer: Path) -> None:
    for encode in (Characters("ab").encode, Characters.of, Tokenizer(str(small_tokenizer)).encode):
        with pytest.raises(DataError, match="byte 2 of the text is not UTF-8"):
            encode(b"ab\xff")


def test_tokens_are_merged_and_sized(small_tokenizer: Path) -> None:
    found = Tokenizer(str(small_tokenizer))
    assert found.encode(b"to be").tolist() == [*b"to", 257]
    assert found.byte_lengths()[[257, 256, 258]].tolist() == [3, 2, len("<|endoftext|>")]


def test_pieces_do_not_change_the_tokens(small_tokenizer: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = Tokenizer(str(small_tokenizer))
    whole = found.encode(TEXT.encode() * 20)
    monkeypatch.setattr(tokenizer, "_PIECE", 10)
    assert len(list(tokenizer._pieces(memoryview(TEXT.encode() * 20)))) > 20
    np.testing.assert_array_equal(found.encode(TEXT.encode() * 20), whole)


def test_long_texts_are_tokenized_once(small_tokenizer: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokenizer, "_CACHED_FROM", 10)
    found = Tokenizer(str(small_tokenizer))
    first = found.encode(TEXT.encode())
    monkeypatch.setattr(found, "_encode_piece", lambda _: pytest.fail("tokenized again"))
    np.testing.assert_array_equal(found.encode(TEXT.encode()), first)


def test_lines_are_tokenized_by_themselves_without_the_blank_ones(
    small_tokenizer: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found, data = Tokenizer(str(small_tokenizer)), b" to be \n \n\n be\r or\n" * 30
    whole = found.encode_lines(data)
    assert found.decode(whole) == b" to be \n be\r or\n" * 30
    monkeypatch.setattr(tokenizer, "_PIECE", 10)
    assert len(list(tokenizer._whole_lines(memoryview(data)))) > 20
    np.testing.assert_array_equal(found.encode_lines(data), whole)
    with pytest.raises(DataError, match="ends inside a line"):
        found.encode_lines(data[:-1])


def test_a_place_that_is_not_utf8_is_counted_over_pieces(
    small_tokenizer: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tokenizer, "_PIECE", 10)
    with pytest.raises(DataError, match="byte 60 of the text"):
        Tokenizer(str(small_tokenizer)).encode(b"to be " * 10 + b"\xff")


def test_progress_is_told_up_to_the_end(small_tokenizer: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokenizer, "_PIECE", 100)
    told: list[tuple[str, float]] = []
    with progress.listening(lambda what, share: told.append((what, share))):
        Tokenizer(str(small_tokenizer)).encode_lines(b"to be or not \n" * 100)
    shares = [share for _, share in told]
    assert len(shares) > 5
    assert shares == sorted(shares)
    assert shares[-1] == 1.0


def test_tokens_that_were_cut_off_are_made_again(
    small_tokenizer: Path, cache_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither a process that died in the middle nor a damaged file gives tokens."""
    monkeypatch.setattr(tokenizer, "_CACHED_FROM", 10)
    monkeypatch.setattr(tokenizer, "_PIECE", 10)
    found, data, calls = Tokenizer(str(small_tokenizer)), b"to be or not \n" * 20, 0
    encode = found._encode_lines

    def dying(text: str) -> list[list[int]]:
        nonlocal calls
        calls += 1
        if calls == 3:
            raise KeyboardInterrupt
        return encode(text)

    monkeypatch.setattr(found, "_encode_lines", dying)
    with pytest.raises(KeyboardInterrupt):
        found.encode_lines(data)
    assert list((cache_folder / "tokens").iterdir()) == []
    whole = found.encode_lines(data)
    assert isinstance(whole, np.memmap)
    assert found.decode(whole) == data
    (kept,) = (cache_folder / "tokens").iterdir()
    kept.write_bytes(kept.read_bytes()[:-2])
    with pytest.raises(DataError, match="is damaged"):
        found.encode_lines(data)


def test_an_array_is_kept_piece_by_piece(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pieces = [np.arange(n, dtype=np.uint16) for n in (3, 0, 70_000 // 2)]
    found = arrays.kept(tmp_path / "cache" / "a.npy", np.dtype(np.uint16), lambda: iter(pieces))
    np.testing.assert_array_equal(found, np.concatenate(pieces))
    (tmp_path / "file").touch()
    monkeypatch.setenv("SEQLAB_CACHE", str(tmp_path / "file"))
    found = arrays.kept(tmp_path / "file" / "a.npy", np.dtype(np.uint16), lambda: iter(pieces))
    np.testing.assert_array_equal(found, np.concatenate(pieces))


def test_another_tokenizer_at_the_same_place_is_noticed(small_tokenizer: Path) -> None:
    saved = Tokenizer(str(small_tokenizer)).to_json()
    small_tokenizer.write_text(small_tokenizer.read_text() + "\n")
    with pytest.raises(DataError, match="put the file it was made with there"):
        symbols.from_json(saved)


def test_a_missing_library_says_which_extra(small_tokenizer: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "tokenizers", None)
    with pytest.raises(DataError, match=r"pip install 'seqlab\[hf\]'"):
        Tokenizer(str(small_tokenizer))


def test_what_is_no_byte_level_tokenizer_is_refused(tmp_path: Path, small_tokenizer: Path) -> None:
    other = tmp_path / "other.json"
    other.write_text("{}")
    with pytest.raises(DataError, match=r"not a tokenizer\.json"):
        Tokenizer(str(other))
    content = json.loads(small_tokenizer.read_text())
    other.write_text(json.dumps(content | {"decoder": {"type": "WordPiece"}}))
    with pytest.raises(DataError, match="decodes by WordPiece"):
        Tokenizer(str(other))


def test_unknown_symbols_are_refused() -> None:
    with pytest.raises(DataError, match="no symbols that seqlab wrote"):
        symbols.from_json({"kind": "runes"})
