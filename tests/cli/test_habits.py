"""What a notebook is kept with: short runs that leave nothing, and numbers whose difference can be seen."""

from calling import Cli, Place

from seqlab.cli.render import apart


def test_a_short_run_is_dropped_on_request(cli: Cli, place: Place) -> None:
    said = cli("run", place.recipe, "--name", "soon-gone", "--drop-under", "3000").output
    assert "less than 3000 s: dropped, as asked" in said
    assert not list(place.runs.glob("*soon-gone*")) + list(place.runs.glob(".soon-gone*"))
    cli("run", place.recipe, "--name", "long-enough", "--drop-under", "0.001")
    assert (place.runs / "long-enough" / "summary.json").exists()
    cli("gc", "long-enough", "--what", "checkpoints", "--keep", "none", "--yes", code=0)


def test_numbers_have_the_digits_that_tell_them_apart() -> None:
    assert apart(3.14159, 3.0) == ["3.142", "3.000"]
    assert apart(3.14159, 3.14162) == ["3.14159", "3.14162"]
    assert apart(1.0, 1.0) == ["1.000", "1.000"]
    assert len(set(apart(0.1, 0.1 + 2**-54 * 2))) == 2
    assert apart(None, 2.5) == ["", "2.500"]
    assert apart(1234.11, 1234.12) == ["1234.11", "1234.12"]
    assert apart(3.14159, 2.0, 3.14162) == ["3.14159", "2.000", "3.14162"]  # only where it is needed
