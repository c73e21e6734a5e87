"""A text that goes on another day: what the model has read of it, and where its draws stand, as one small file."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any, NamedTuple

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from seqlab.data import DataError
from seqlab.generation.course import Course, GenerativeModel
from seqlab.journal.errors import DiskFull, JournalError
from seqlab.journal.files import replace_bytes
from seqlab.models.lm import LanguageModel

__all__ = ["Session", "load_session", "model_mark", "save_session"]

VERSION = 1
PROBED = 64
"""Numbers of each weight that tell models apart."""


class Session(NamedTuple):
    """A text, and the stream of its draws."""

    course: Course
    generator: torch.Generator


def save_session(path: Path, session: Session, model: LanguageModel, title: str) -> None:
    """Write it whole or not at all, in the place of the file before. Raises JournalError in one sentence.

    title: what the model is called, for whoever loads the file with another one."""
    course = session.course
    tensors: dict[str, Tensor] = {f"state/{name}": tensor.contiguous() for name, tensor in course.state.items()}
    tensors |= {"symbols": torch.tensor(course.symbols), "generator": session.generator.get_state()}
    if course.known is not None:
        tensors["logits"] = course.known.contiguous()
    told = {
        "version": VERSION,
        "model": model_mark(model),
        "title": title,
        "unread": course.unread,
        "held": course.held,
    }
    try:
        replace_bytes(path, save(tensors, {"seqlab session": json.dumps(told)}))
    except DiskFull as error:
        raise DiskFull(
            f"cannot save the session {path}: the disk is full; free some space and write again. What was there before "
            "is still there."
        ) from error
    except JournalError as error:
        raise JournalError(f"cannot save the session: {error}") from error


def load_session(path: Path, model: GenerativeModel, mark: str) -> Session:
    """The session of a file, with the model that it was written with, whose `model_mark` is `mark`. Raises DataError in
    one sentence."""
    told, tensors = _read(path)
    if told["model"] != mark:
        raise DataError(
            f"{path} is a session of {told['title']}, and this is another model, or the same in another --dtype or "
            "--state-dtype; its memory means nothing here"
        )
    state = {name.removeprefix("state/"): tensor for name, tensor in tensors.items() if name.startswith("state/")}
    symbols = tensors["symbols"].tolist()
    course = Course.resumed(model, symbols, told["unread"], told["held"], state, tensors.get("logits"))
    generator = torch.Generator()
    generator.set_state(tensors["generator"])
    return Session(course, generator)


def model_mark(model: LanguageModel) -> str:
    """What tells models apart, dtypes included: a hash over names, shapes and some numbers of all weights, and over the
    dtypes of a state."""
    digest = hashlib.sha256()
    for name, tensor in sorted(model.state_dict().items()):
        flat = tensor.detach().reshape(-1)
        some = flat[:: max(1, len(flat) // PROBED)][:PROBED].to("cpu", torch.float64)
        digest.update(f"{name} {tuple(tensor.shape)} {tensor.dtype} ".encode() + some.numpy().tobytes())
    for name, tensor in sorted(model.init_state(1).items()):
        digest.update(f"{name} {tensor.dtype} ".encode())
    return digest.hexdigest()


def _read(path: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    try:
        with safe_open(path, "pt") as opened:
            told = json.loads((opened.metadata() or {})["seqlab session"])
            tensors = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118  # not a mapping
    except FileNotFoundError:
        raise DataError(f"there is no session {path}; --save FILE makes one") from None
    except (SafetensorError, OSError, KeyError, ValueError) as error:
        raise DataError(f"{path} is no session that seqlab saved, or is damaged; save it again") from error
    if told.get("version") != VERSION:
        raise DataError(f"{path} was saved by another version of seqlab; read its prompt anew")
    return told, tensors
