"""Which parameters are trained with which settings, and freezing."""

import pytest
import torch
from torch import nn

from seqlab.optim.groups import freeze, parameter_groups
from seqlab.optim.optimisers.adamw import AdamW
from seqlab.optim.optimisers.muon import Muon
from seqlab.spec import SpecError


class Filter(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Linear(4, 4)
        self.decay = nn.Parameter(torch.zeros(4))

    def param_groups(self) -> list[dict]:
        return [
            {"params": self.inner.parameters(), "lr": 1e-5, "weight_decay": 0.0},
            {"params": [self.decay], "lr": 2e-5},
        ]


class Mixer(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.filter = Filter()
        self.out = nn.Linear(4, 4)

    def param_groups(self) -> list[dict]:
        return [{"params": [self.filter.decay], "lr": 3e-5}]


class Model(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(6, 4)
        self.mixer = Mixer()
        self.norm = nn.LayerNorm(4)
        self.head = nn.Linear(4, 6, bias=False)
        self.head.is_head = True
        self.head.weight = self.embedding.weight


def settings_of(groups: list[dict], key: str) -> dict[str, object]:
    return {name: group[key] for group in groups for name in group["names"]}


def test_claims_hold_from_the_outside_in() -> None:
    rates = settings_of(parameter_groups(Model(), AdamW(lr=1e-3)), "lr")
    assert rates["mixer.filter.decay"] == 3e-5, "the mixer overrules its filter"
    assert rates["mixer.filter.inner.weight"] == rates["mixer.filter.inner.bias"] == 1e-5
    assert {rate for name, rate in rates.items() if "filter" not in name} == {1e-3}


@pytest.mark.parametrize("decay", ["matrices", "all"])
def test_which_parameters_decay(decay: str) -> None:
    decays = settings_of(parameter_groups(Model(), AdamW(weight_decay=0.1, decay=decay)), "weight_decay")
    vectors = 0.0 if decay == "matrices" else 0.1
    assert decays == {
        "embedding.weight": 0.1,
        "mixer.filter.decay": vectors,  # claims a rate, not a decay
        "mixer.filter.inner.weight": 0.0,
        "mixer.filter.inner.bias": 0.0,
        "mixer.out.weight": 0.1,
        "mixer.out.bias": vectors,
        "norm.weight": vectors,
        "norm.bias": vectors,
    }


def test_equal_settings_share_a_group() -> None:
    groups = parameter_groups(Model(), AdamW())
    assert len({(g["lr"], g["weight_decay"]) for g in groups}) == len(groups)


def test_hidden_matrices_are_neither_embeddings_nor_heads_nor_claimed() -> None:
    hidden = settings_of(parameter_groups(Model(), Muon()), "orthogonalise")
    assert [name for name, is_hidden in hidden.items() if is_hidden] == ["mixer.out.weight"]
    untied = Model()
    untied.head.weight = nn.Parameter(torch.zeros(6, 4))
    assert not settings_of(parameter_groups(untied, Muon()), "orthogonalise")["head.weight"]


def test_taps_of_each_feature_are_no_matrix() -> None:
    """They have two axes, and to make them orthogonal would mix features that do not see each other."""
    model = Model()
    model.mixer.taps = nn.Parameter(torch.zeros(4, 3))
    assert not settings_of(parameter_groups(model, Muon()), "orthogonalise")["mixer.taps"]


@pytest.mark.parametrize(
    ("group", "message"),
    [
        ({"lr": 1e-3, "momentum": 0.9}, "may set `lr` and `weight_decay`, not"),
        ({}, "may set `lr` and `weight_decay`, not"),
        ({"lr": 1e-3, "twice": True}, "may set"),
        ({"lr": 1e-3, "params": [nn.Parameter(torch.zeros(1))]}, "not a parameter of the model"),
    ],
)
def test_a_claim_that_cannot_be_meant(group: dict, message: str) -> None:
    model = Model()
    model.norm.param_groups = lambda: [{"params": [model.norm.weight], **group}]
    with pytest.raises(SpecError, match=message):
        parameter_groups(model, AdamW())


def test_a_module_claims_a_parameter_once() -> None:
    model = Model()
    model.norm.param_groups = lambda: [{"params": [model.norm.weight], "lr": rate} for rate in (0.1, 0.2)]
    with pytest.raises(SpecError, match=r"at `norm` claims a parameter of shape \(4,\) twice"):
        parameter_groups(model, AdamW())


def test_freeze_by_path_beginning_and_pattern() -> None:
    model = Model()
    assert freeze(model, ["norm.bias", "mixer.filter", "*.out.w*"]) == [
        "mixer.filter.decay",
        "mixer.filter.inner.weight",
        "mixer.filter.inner.bias",
        "mixer.out.weight",
        "norm.bias",
    ]
    assert set(settings_of(parameter_groups(model, AdamW()), "lr")) == {
        "embedding.weight",
        "mixer.out.bias",
        "norm.weight",
    }


def test_freeze_knows_a_tied_parameter_by_each_of_its_paths() -> None:
    model = Model()
    assert freeze(model, ["head"]) == ["head.weight"]
    assert not model.embedding.weight.requires_grad


def test_freeze_names_the_nearest_path() -> None:
    with pytest.raises(SpecError, match=r"`mixer.fitler` matches no parameter; did you mean `mixer.filter`"):
        freeze(Model(), ["mixer.fitler"])


def test_a_model_with_nothing_to_train() -> None:
    model = Model()
    freeze(model, ["*"])
    with pytest.raises(SpecError, match="every parameter of the model is frozen"):
        parameter_groups(model, AdamW())
