"""How much the lab book may take on disk: .quota.json in its folder, {"bytes": N}. Asked before a run is made."""

from pathlib import Path

from seqlab.journal.errors import JournalError
from seqlab.journal.files import clearly, read_object, replace_json, sync_folder
from seqlab.journal.space import bytes_of


def quota(root: Path) -> int | None:
    """The bytes that the lab book in `root` may take, None without a limit. Raises JournalError when damaged."""
    path = root / ".quota.json"
    saved = read_object(path)
    if saved is None:
        return None
    size = saved.get("bytes")
    if type(size) is not int or size < 0:
        raise JournalError(f"{path} says no number of bytes; set it anew with `seqlab gc --quota 50GB`")
    return size


def set_quota(root: Path, size: int | None) -> None:
    """Let the lab book in `root` take `size` bytes, None: as much as there is."""
    path = root / ".quota.json"
    with clearly(path):
        root.mkdir(parents=True, exist_ok=True)
        if size is None:
            path.unlink(missing_ok=True)
            sync_folder(root)
            return
    replace_json(path, {"bytes": size})


def used(root: Path) -> int:
    """The bytes of everything in the lab book's folder."""
    return bytes_of(root.resolve())  # the folder itself may be a link to another disk


def room_left(root: Path) -> int | None:
    """The bytes up to the quota, negative beyond it; None without one (then nothing is counted)."""
    limit = quota(root)
    return None if limit is None else limit - used(root)
