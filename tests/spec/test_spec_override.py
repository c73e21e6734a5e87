"""Overrides: text becomes values by the field's type, addressed by path."""

from pathlib import Path

import pytest
from parts_for_tests import Layer, Model, Trial

from seqlab.nn.inits.glorot import Glorot
from seqlab.nn.inits.he import He
from seqlab.nn.inits.normal import Normal
from seqlab.spec import Part, SpecError, override
from seqlab.tasks import Task
from seqlab.tasks.families import Families
from seqlab.tasks.induction import Induction
from seqlab.tasks.wikitext import WikiText


def widths(trial: Trial) -> list[int]:
    return [layer.width for layer in trial.model.layers]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ("lr=6e-4", {"lr": 6e-4}),
        (" lr = 1 ", {"lr": 1.0}),
        ("steps=200", {"steps": 200}),
        ("steps=none", {"steps": None}),
        ("steps=None", {"steps": None}),
        ("mode=slow", {"mode": "slow"}),
        ("bits=8", {"bits": 8}),
        ("name=a=b", {"name": "a=b"}),
        ("name=none", {"name": "none"}),
        ("check_twice=true", {"check_twice": True}),
        ("betas=0.8,0.95", {"betas": (0.8, 0.95)}),
    ],
)
def test_values(change: str, expected: dict[str, object]) -> None:
    assert override(Trial(), change) == Trial(**expected)


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("all", [3, 3, 3, 3]),
        ("0", [3, 8, 8, 8]),
        ("-1", [8, 8, 8, 3]),
        ("1:3", [8, 3, 3, 8]),
        ("2:", [8, 8, 3, 3]),
        (":-1", [3, 3, 3, 8]),
        ("::2", [3, 8, 3, 8]),
        (":", [3, 3, 3, 3]),
    ],
)
def test_layers(key: str, expected: list[int]) -> None:
    assert widths(override(Trial(), f"model.layers.{key}.width=3")) == expected


def test_parts_by_name() -> None:
    changed = override(Trial(), "model.layers.all.init=glorot", "model.layers.1.init.scale=2", "model.extra=he")
    assert [layer.init for layer in changed.model.layers] == [Glorot(), Glorot(scale=2.0), Glorot(), Glorot()]
    assert changed.model.extra == He()
    assert override(changed, "model.extra=none").model.extra is None


def test_no_change_undoes_an_earlier_one() -> None:
    with pytest.raises(SpecError, match=r"`model.extra` would undo `model.extra.scale`.*give `model.extra` first"):
        override(Trial(), "model.extra=normal", "model.extra.scale=2", "model.extra=he")


def test_a_path_that_stands_twice_in_one_list_is_refused() -> None:
    with pytest.raises(SpecError, match=r"`lr` is given twice; leave out the one that is not meant"):
        override(Trial(), ["lr=1", "steps=2", "lr=3"])


def test_tuples_of_parts() -> None:
    assert override(Model(), "laws=he, normal").laws == (He(), Normal())
    assert override(Model(), "laws=none").laws == override(Model(), "laws=").laws == ()


def test_forms_of_changes() -> None:
    expected = Trial(lr=0.1, steps=3)
    assert override(Trial(), ["lr=0.1", "steps=3"]) == expected
    assert override(Trial(), {"lr": 0.1, "steps": "3"}) == expected
    assert override(Trial(), "lr=5", {"lr": 0.1}, ["steps=3"]) == expected, "the later change holds"
    assert override(Trial(), {"model.layers": (Layer(width=1),)}).model.layers == (Layer(width=1),)
    assert override(Trial()) == Trial()


def test_checks_run_after_the_last_change() -> None:
    slow = Trial(steps=12, mode="slow")
    assert override(slow, "steps=13", "mode=fast") == Trial(steps=13)
    with pytest.raises(SpecError, match="13 steps must be fast"):
        override(slow, "steps=13")


def test_a_value_that_a_part_refuses_is_named_with_its_path() -> None:
    with pytest.raises(SpecError, match=r"^`model\.layers\.1`: Layer\.width: input should be greater"):
        override(Trial(), "model.layers.1.width=-1")


def test_the_original_stays() -> None:
    trial = Trial()
    override(trial, "model.layers.all.width=3")
    assert trial == Trial()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("lr", r"^`lr` is not of the form key.path=value\.$"),
        ("=3", "not of the form"),
        ("model.layer.0.width=3", r"`model.layer.0.width`: Model has no field `layer` \(.*\); did you mean `layers`\?"),
        ("model.layers.all.with=3", r"Layer has no field `with` .*; did you mean `width` or"),
        ("lr.x=3", r"^`lr.x` goes too deep: there is nothing below `lr`\.$"),
        ("model.extra.scale=3", "nothing below `model.extra`"),
        ("lr=fast", r"^`lr=fast`: input should be a valid number"),
        ("lr=-1", r"^Trial\.lr: input should be greater than 0, got -1.0"),
        ("steps=2.5", r"^`steps=2.5`: input should be a valid integer"),
        ("check_twice=maybe", r"^`check_twice=maybe`: input should be a valid boolean"),
        ("mode=medium", r"^`mode=medium`: input should be 'fast' or 'slow'"),
        ("betas=0.9", r"^`betas=0.9`: there must be 2 values with commas between, not 1\.$"),
        ("betas.1=0.5", r"^`betas.1` names one value of several; give all of them, with commas between\.$"),
        ("model.layers.4.width=3", r"there is no element 4; there are 4, counted from 0"),
        ("model.layers.-5.width=3", "there is no element -5"),
        ("model.layers.7:.width=3", r"the slice 7: selects nothing of 4 elements"),
        ("model.layers.::0.width=3", "`::0` is not `all`, an index or a slice"),
        ("model.layers.first.width=3", "`first` is not `all`, an index or a slice"),
        ("model.layers..width=3", "`` is not `all`, an index or a slice"),
        ("model.layers.1:2:1:1.width=3", "is not `all`, an index or a slice"),
        ("model.layers.0=3", r"must name a field of the part, such as `model.layers.0.FIELD=value`"),
        ("model=big", r"`model` is a Model and has no alternatives; set its fields: `model.FIELD=value`"),
        ("model.layers.0.init=none", r"needs a part of kind nn/inits; a missing part is never replaced silently"),
        (
            "model.layers.0.init=gloro",
            r"`model.layers.0.init=gloro`: `gloro` is not one of the nn/inits; did you mean `glorot`",
        ),
    ],
)
def test_wrong_changes(change: str, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        override(Trial(), change)


class OneLaw(Part):
    """A part that takes one member of a kind alone."""

    law: Glorot = Glorot()
    """The law."""


def test_a_field_of_one_member_takes_no_other() -> None:
    assert override(OneLaw(), "law=glorot") == OneLaw()
    with pytest.raises(SpecError, match=r"`law=normal`: it must be nn/inits/glorot; set its fields: `law.FIELD=value`"):
        override(OneLaw(), "law=normal")


class Held(Part):
    """A part with a task, as an experiment has one."""

    task: Task
    """The task."""


def test_what_a_part_needs_may_follow_its_name() -> None:
    letters = Held(task=Induction())
    found = override(letters, "task=wikitext", "task.folder=here", "task.length=16")
    assert found.task == WikiText(folder="here", length=16)
    families = override(letters, ["task=families", "task.alignments=a.a3m,b.a3m", "task.structures=a.pdb"]).task
    assert families == Families(alignments=("a.a3m", "b.a3m"), structures=("a.pdb",))


def test_what_a_part_lacks_is_said_once_after_the_last_change() -> None:
    letters = Held(task=Induction())
    with pytest.raises(SpecError) as caught:
        override(letters, "task=families", "task.held_structures=1")
    assert str(caught.value) == (
        "`task`: tasks/families needs a value for `alignments`, `structures` (seqlab/tasks/families.py); give "
        "`task.alignments=VALUE task.structures=VALUE` too."
    )
    with pytest.raises(SpecError, match=r"^`task.folder.x`: `task.folder` has no value yet; give `task.folder=VALUE`"):
        override(letters, "task=wikitext", "task.folder.x=1")
    with pytest.raises(SpecError, match=r"^`task.foldr`: tasks/wikitext has no field `foldr` .*did you mean `folder`"):
        override(letters, "task=wikitext", "task.foldr=here")


def test_a_part_from_a_users_file(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text(
        "from seqlab.nn.inits import Init\n"
        "class Mine(Init):\n"
        "    '''My law.'''\n"
        "    size: float = 2.0\n"
        "    def std(self, fan_in, fan_out):\n"
        "        return self.size\n"
    )
    changed = override(Trial(), f"model.layers.2.init={file}:Mine", "model.layers.2.init.size=3")
    assert changed.model.layers[2].init.std(1, 1) == 3.0
    with pytest.raises(SpecError, match=r"mine.py has no part `Mien` of kind nn/inits; did you mean `Mine`\?"):
        override(Trial(), f"model.layers.2.init={file}:Mien")
