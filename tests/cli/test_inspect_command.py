"""`seqlab inspect`: what probes recorded, and what can be seen in a checkpoint."""

import json
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner, Result

import seqlab
from seqlab.cli.heat import heat, sparks
from seqlab.cli.main import main
from seqlab.experiment import Experiment
from seqlab.journal.looks import Look
from seqlab.probes.residual import Residual
from seqlab.probes.updates import Updates
from seqlab.probes.weights import Weights
from tiny_runs import carried_out, text, tiny, workplace

__all__ = ["text", "tiny", "workplace"]


def inspect(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["inspect", *arguments])


@pytest.fixture
def probed(tiny: Experiment) -> None:
    carried_out(
        replace(tiny, probes=(Weights(every_steps=2), Updates(every_steps=4), Residual(every_steps=4))), "probed"
    )


@pytest.mark.usefixtures("probed")
def test_what_was_recorded_and_what_can_be_computed(tmp_path: Path, text: Path) -> None:
    shown = inspect("probed", "--svg", "inside.svg")
    assert shown.exit_code == 0
    for part in ("weights (after update, steps 2 to 8)", "ratio so far", "residual", "blocks.1"):
        assert part in shown.output
    ElementTree.fromstring((tmp_path / "inside.svg").read_text())
    told = json.loads(inspect("probed", "--json").stdout)
    assert (told["computed"], told["looks"].keys()) == (False, {"weights", "updates", "residual"})
    assert [look["step"] for look in told["looks"]["weights"]] == [2, 4, 6, 8]

    newest = json.loads(inspect("probed@latest", "--json").stdout)
    assert newest["computed"]
    assert newest["looks"].keys() >= {"weights", "gradients", "residual", "attention", "dtypes"}
    only = "is seen only while a step is taken: train with it."
    assert newest["remarks"] == [f"lifetimes {only}", f"updates {only}"]
    for probe in ("weights", "residual"):  # the run's last look was at the same weights
        assert newest["looks"][probe][0]["places"] == told["looks"][probe][-1]["places"]
    one = inspect("probed@8", "--probe", "gradients", "--place", "blocks.0.mixer.*")
    assert "blocks.0.mixer.out.weight" in one.output
    assert "blocks.1" not in one.output

    text.unlink()
    without = json.loads(inspect("probed@latest", "--json").stdout)
    assert without["looks"].keys() == {"weights"}
    assert "the data is not here" in without["remarks"][-1]


@pytest.mark.usefixtures("probed")
def test_what_is_not_there_is_said_in_a_sentence() -> None:
    with seqlab.open_run("by-hand", {"lr": 0.1}) as own:
        own.log(step=1, **{"train/loss": 1.0})
    wrong = {
        ("by-hand",): "by-hand has no weights to look into",
        ("probed", "--probe", "kernels"): "no probe 'kernels' saw anything of probed; residual, updates, weights did",
        ("probed", "--place", "nowhere"): "no place of probed is called 'nowhere'",
        ("probed@7",): "has no checkpoint at step 7",
        ("probed@last",): "a step, a whole number, or latest",
        ("probed@8", "--probe", "weigths"): "did you mean `weights`",
    }
    for arguments, sentence in wrong.items():
        result = inspect(*arguments)
        assert result.exit_code in (1, 2)
        assert sentence in " ".join(result.output.split()), result.output


def test_bars_and_cells() -> None:
    assert sparks([1.0, 10.0, 100.0]) == "▁▅█"
    assert sparks([-1.0, float("nan"), 1.0]) == "▁ █"
    looks = [Look(step, "after_update", {"a<b": {"rms": float(step), "heads": [0.0, 1.0, 2.0]}}) for step in (1, 2)]
    drawn = ElementTree.fromstring(heat("run", {"attention": looks}))
    cells = [part for part in drawn.iter("{http://www.w3.org/2000/svg}rect") if len(part)]
    assert len(cells) == 2 + 3
    assert cells[0].get("fill") != cells[1].get("fill")
