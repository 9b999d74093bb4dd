"""What people say about deliveries: hold, release, retry, undo. Each word is appended; views and the next run follow it."""

import json
import shlex
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from catalog.deliveries.inbox import NOT_READ_AGAIN, VENDOR, Part, Pending, inbox, set_sha256
from catalog.deliveries.manifest import Manifest
from catalog.deliveries.staging import kept, put_away
from catalog.errors import CatalogError
from catalog.jobs import Job, now, open_run
from catalog.settings import Feeds, Workspace
from catalog.store import Store

SHORTEST = 4  # characters of a delivery's id
_ORDERED = """
    SELECT o.word, o.seq, d.* FROM delivery_orders o JOIN deliveries d USING (delivery_id)
    WHERE o.word IN ('release', 'retry') AND d.delivery_id NOT IN (SELECT origin FROM deliveries WHERE origin IS NOT NULL)
    ORDER BY o.seq
"""
_LATER = """
    SELECT r.delivery_id, r.file_name FROM delivery_runs r JOIN deliveries d ON d.delivery_id = $id
    WHERE r.vendor = d.vendor AND r.status = 'accepted' AND r.kind <> 'labels' AND r.received_at > d.received_at
    ORDER BY r.delivery_no DESC
"""
_NOT_THAT = {
    "release": (("held",), "Only a held delivery is released."),
    "retry": (("refused", "held", "undone"), "Only a delivery that was not taken is read again."),
    "undo": (("accepted",), "Only an accepted delivery is undone."),
}


@dataclass(frozen=True)
class By:
    """Who says it, and why if they like."""

    who: str
    note: str | None = None


def to_take(store: Store, workspace: Workspace, limits: Feeds, *, tidy: bool = True) -> list[Pending]:
    """What a run takes, in order: the inboxes without what is on hold or waits, and what people had released or retried.

    A delivery of several files that a killed run had taken and was still moving to done/ is moved the rest of the way
    (`tidy`; else it is only left out).
    """
    held, ordered, taken = holds(store), _ordered(store, workspace), []
    for waiting in inbox(workspace, limits):
        if _left_over(store, waiting):
            if tidy:
                put_away(waiting)
        elif waiting.waits is None and not on_hold(waiting, held):
            taken.append(waiting)
    # ordered ones come first among equals: sorting keeps their order
    return sorted([*ordered, *taken], key=lambda waiting: (waiting.vendor, waiting.dated))


def _left_over(store: Store, waiting: Pending) -> bool:
    file = waiting.manifest_file
    if file is None or (waiting.waits is None and waiting.refusal is None):
        return False
    run = open_run(store)
    if run is None:
        return False
    taken = store.one(
        "SELECT parts FROM deliveries WHERE vendor = ? AND run_id = ? AND manifest->>'$.sha256' = ? LIMIT 1",
        [waiting.vendor, run.run_id, file.sha256],
    )
    known = {(part["name"], part["sha256"]) for part in json.loads(taken or "[]")}
    return taken is not None and all((p.name, p.sha256) in known for p in waiting.parts if p != file)


def holds(store: Store) -> dict[tuple[str, str | None], tuple[str, datetime]]:
    """(vendor, file or None for all of its files) -> who told them to wait, and when."""
    rows = store.query(
        """SELECT vendor, file_name, who, said_at FROM feed_holds
           QUALIFY row_number() OVER (PARTITION BY vendor, file_name ORDER BY seq DESC) = 1 AND word = 'hold'"""
    )
    return {(vendor, name): (who, when) for vendor, name, who, when in rows.iter_rows()}


def on_hold(waiting: Pending, held: dict[tuple[str, str | None], tuple[str, datetime]]) -> tuple[str, datetime] | None:
    """Who told this delivery to wait, and when; None when nobody did."""
    names = {None, waiting.path.name, *(part.name for part in waiting.parts)}
    return next((said for (vendor, name), said in held.items() if vendor == waiting.vendor and name in names), None)


def _ordered(store: Store, workspace: Workspace) -> list[Pending]:
    return [_again(workspace, row) for row in store.query(_ORDERED).iter_rows(named=True)]


def _again(workspace: Workspace, row: dict[str, Any]) -> Pending:
    """The delivery of a row of `deliveries`, from the copies of its files."""
    folder = workspace.feeds / row["vendor"]  # not where the workspace stood then
    parts = tuple(_kept(workspace, folder, part) for part in json.loads(row["parts"] or "[]"))
    return Pending(
        vendor=row["vendor"],
        path=folder / row["file_name"],
        sha256=parts[0].sha256 if len(parts) == 1 else set_sha256([part.sha256 for part in parts]),
        bytes=row["bytes"],
        dated=row["dated"] or row["received_at"],
        parts=parts,
        manifest=Manifest.model_validate_json(row["manifest"]) if row["manifest"] else None,
        origin=row["delivery_id"],
        released=row.get("word") == "release",
    )


def _kept(workspace: Workspace, folder: Path, known: dict[str, Any]) -> Part:
    part = Part(known["name"], folder / known["name"], known["sha256"], known["bytes"], (0, 0, 0))
    return replace(part, path=kept(workspace, folder, part) or part.path)


def find(store: Store, named: str) -> dict[str, Any]:
    """A delivery by its id or the beginning of it, as a row of `deliveries` with the status that stands today.

    Raises CatalogError when none or several are meant.
    """
    found = store.query(
        "SELECT d.*, r.status AS standing FROM deliveries d JOIN delivery_runs r USING (delivery_id) "
        "WHERE starts_with(d.delivery_id, ?) LIMIT 2",
        [named],
    )
    if len(named) < SHORTEST or found.height != 1:
        said = "several deliveries" if found.height > 1 else "no delivery"
        raise CatalogError(f"{named!r} names {said}.", remedy="Their ids are in: catalog feeds list")
    return found.row(0, named=True)


def release(job: Job, named: str, by: By) -> str:
    """Has the next run take a held delivery as it is, once. Returns the delivery's id. Raises CatalogError if it cannot."""
    return _order(job, "release", named, by)


def retry(job: Job, named: str, by: By) -> str:
    """Has the next run read a refused, held or undone delivery again, under today's mapping. Raises as `release`."""
    return _order(job, "retry", named, by)


def _order(job: Job, word: str, named: str, by: By) -> str:
    row = find(job.store, named)
    _require(row, word)
    if word == "retry" and row["reason"] in NOT_READ_AGAIN:
        raise CatalogError(f"{row['file_name']} cannot be read again.", remedy=row["sentence"])
    _require_first_word(job.store, row)
    _require_newest(job.store, row, word)
    _require_copies(job.workspace, row)
    _say(job, row["delivery_id"], word, by)
    return row["delivery_id"]


def undo(job: Job, named: str, by: By, *, with_later: bool = False) -> list[str]:
    """Takes back an accepted delivery: from now on the state before it stands. Returns the ids taken back, youngest first.

    Raises CatalogError when later deliveries of the vendor build on it, unless they are to go too.
    """
    row = find(job.store, named)
    _require(row, "undo")
    if row["kind"] == "labels":
        raise CatalogError(
            f"{row['file_name']} is a label file.",
            remedy="Correct what it said by importing labels anew, or in review.",
        )
    later = job.store.query(_LATER, {"id": row["delivery_id"]})["delivery_id"].to_list()
    if later and not with_later:
        raise CatalogError(
            f"{len(later)} later deliveries of {row['vendor']} were accepted since ({', '.join(later[:3])}).",
            remedy=f"Undo the latest first, or all of them: catalog feeds undo {row['delivery_id']} --with-later --by NAME",
        )
    taken_back = [*later, row["delivery_id"]]
    with job.store.transaction():
        for delivery_id in taken_back:
            _say(job, delivery_id, "undo", by)
    return taken_back


def _require(row: dict[str, Any], word: str) -> None:
    wanted, rule = _NOT_THAT[word]
    if row["standing"] not in wanted:
        raise CatalogError(
            f"{row['delivery_id']} ({row['file_name']} of {row['vendor']}) is {row['standing']}. {rule}",
            remedy="What can be done with it is in: catalog feeds list",
        )


def _require_first_word(store: Store, row: dict[str, Any]) -> None:
    said = store.query(
        "SELECT word, who, said_at FROM delivery_orders WHERE delivery_id = ? AND word IN ('release', 'retry')",
        [row["delivery_id"]],
    )
    if said.height:
        word, who, when = said.row(0)
        became = store.one("SELECT delivery_id FROM deliveries WHERE origin = ?", [row["delivery_id"]])
        went = {"release": "released it", "retry": "had it read again"}[word]
        raise CatalogError(
            f"{who} {went} on {when:%Y-%m-%d %H:%M}.",
            remedy=f"It became delivery {became}; see: catalog feeds list"
            if became
            else "It is taken by: catalog nightly",
        )


def _require_newest(store: Store, row: dict[str, Any], word: str) -> None:
    """Older content must not come to stand over newer."""
    later = store.query(_LATER, {"id": row["delivery_id"]})
    if later.height:
        newer, name = later.row(0)
        raise CatalogError(
            f"{row['vendor']} delivered {name} since, which was accepted; this older file would come to stand over it.",
            remedy=f"If it must be: catalog feeds undo {newer} --by NAME, then {word} {row['delivery_id']} and after it "
            f"retry {newer}; they are taken by their dates.",
        )


def _require_copies(workspace: Workspace, row: dict[str, Any]) -> None:
    if row["parts"] is None:
        raise CatalogError(
            f"{row['file_name']} was read by an older version, which kept no list of its files.",
            remedy=f"Move it from feeds/{row['vendor']}/done/ back to feeds/{row['vendor']}/.",
        )
    for part in _again(workspace, row).parts:
        if kept(workspace, workspace.feeds / row["vendor"], part) is None:
            raise CatalogError(
                f"There is no copy of {part.name} any more.", remedy=f"Deliver it again to feeds/{row['vendor']}/."
            )


def _say(job: Job, delivery_id: str, word: str, by: By) -> None:
    job.store.append_row(
        "delivery_orders",
        seq=1 + (job.store.one("SELECT max(seq) FROM delivery_orders") or 0),
        delivery_id=delivery_id,
        word=word,
        who=by.who,
        note=by.note,
        run_id=job.run_id,
        said_at=now(),
    )


def hold(job: Job, vendor: str, file_name: str | None, by: By) -> None:
    """Leaves a vendor's files, or those of one name, in the inbox until told otherwise. Raises when they wait already."""
    if not VENDOR.match(vendor):
        raise CatalogError(f"{vendor!r} is no vendor name.", remedy="It is the name of the vendor's folder in feeds/.")
    said = holds(job.store).get((vendor, file_name))
    if said:
        raise CatalogError(
            f"{said[0]} told them to wait on {said[1]:%Y-%m-%d %H:%M}.",
            remedy=f"To have them taken: {lifting(vendor, file_name)}",
        )
    _tell(job, (vendor, file_name), "hold", by)


def lifting(vendor: str, file_name: str | None) -> str:
    """The command that ends a hold."""
    return f"catalog feeds release {vendor}{f' --file {shlex.quote(file_name)}' if file_name else ''} --by NAME"


def lift(job: Job, vendor: str, file_name: str | None, by: By) -> bool:
    """Ends a hold on a vendor or on its files of one name; False when there is none."""
    if (vendor, file_name) not in holds(job.store):
        return False
    _tell(job, (vendor, file_name), "lift", by)
    return True


def _tell(job: Job, which: tuple[str, str | None], word: str, by: By) -> None:
    job.store.append_row(
        "feed_holds",
        seq=1 + (job.store.one("SELECT max(seq) FROM feed_holds") or 0),
        vendor=which[0],
        file_name=which[1],
        word=word,
        who=by.who,
        note=by.note,
        run_id=job.run_id,
        said_at=now(),
    )
