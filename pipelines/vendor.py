"""A vendor's form and a vendor's mistakes.  `catalog vendor propose | check | report`"""

import tomllib
from dataclasses import dataclass
from pathlib import Path

from catalog import durable
from catalog.deliveries import vendor_check, vendor_report
from catalog.deliveries.inbox import VENDOR
from catalog.errors import CatalogError
from catalog.failpoints import reached
from catalog.proposals.changes import changes
from catalog.proposals.proposal import Proposal
from catalog.proposals.proposal import propose as proposed
from catalog.reading.mapping import load_mapping
from catalog.settings import Settings, Workspace
from catalog.store import Store


@dataclass(frozen=True)
class Answer:
    """What a command says, and whether all is well."""

    text: str
    good: bool = True


def propose(root: Path, vendor: str, file: Path, *, out: str | None = None, force: bool = False) -> Answer:
    """Writes vendors/<vendor>.toml, or the file `out` names, or with '-' nothing but the answer.

    A form that lacks an answer only a person has is never written. Raises FeedRefused when the file is no feed and
    CatalogError when a form stands there already.
    """
    target = None if out == "-" else Path(out) if out else _form(root, vendor)
    found = proposed(_file(file), _name(vendor))
    if target is None:
        return Answer(found.text, not found.unknown)
    if found.unknown:
        unfinished = f"Nothing was written. To see the rest: catalog vendor propose {vendor} {file} --out -"
        return Answer("\n".join([*found.unknown, unfinished]), good=False)
    if target.exists() and not force:
        raise CatalogError(
            f"{target} exists and is not replaced.",
            remedy="Compare it with this file: --update. Replace it: --force. Look only: --out -",
        )
    reached("vendor.form")
    durable.write(target, found.text.encode())
    return Answer("\n".join([f"Wrote {target} from {found.sample.said}.", *_look_at(found, vendor, file)]))


def update(root: Path, vendor: str, file: Path, *, force: bool = False) -> Answer:
    """Compares the vendor's form with a file of today; with `force` the form is changed as shown."""
    target = _form(root, vendor)
    if not target.exists():
        raise CatalogError(f"There is no {target} yet.", remedy=f"Propose one: catalog vendor propose {vendor} {file}")
    try:
        found = changes(target.read_text(encoding="utf-8-sig"), proposed(_file(file), _name(vendor)))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise CatalogError(f"{target}: {error}.", remedy="Correct the TOML there; it is read as UTF-8.") from error
    if force and found.diff:
        tomllib.loads(found.after)
        durable.write(target, found.after.encode())
        return Answer(f"{found.text}\nChanged {target}. Check it: catalog vendor check {vendor} {file}")
    return Answer(f"{found.text}\nNothing was changed; with --force it is." if found.diff else found.text)


def check(root: Path, vendor: str, file: Path) -> Answer:
    """Reads a file as the night would and says what it would give; stores nothing."""
    workspace = Workspace(root)
    settings = workspace.settings() if workspace.settings_file.exists() else Settings()
    mapping = load_mapping(_form(root, _name(vendor)), _file(file))
    found = vendor_check.check(file, vendor, mapping, settings)
    return Answer(vendor_check.text(found, vendor), found.accepted)


def report(workspace: Workspace, store: Store, vendor: str) -> Answer:
    """Writes reports/vendor-<vendor>.csv and .html about the vendor's latest delivery."""
    found = vendor_report.issues(store, _name(vendor))
    pages = {".csv": vendor_report.as_csv(found), ".html": vendor_report.as_html(found).encode()}
    lines = [f"{found.file_name}: {found.status}, {len(found.issues):,} problems"]
    for suffix, content in pages.items():
        path = workspace.reports / f"vendor-{vendor}{suffix}"
        durable.write(path, content)
        lines.append(str(path))
    return Answer("\n".join(lines))


def _look_at(found: Proposal, vendor: str, file: Path) -> list[str]:
    lines = [f"  look at {said}" for said in found.unsure]
    return [*lines, *(f"  {note}" for note in found.notes), f"Next: catalog vendor check {vendor} {file}"]


def _form(root: Path, vendor: str) -> Path:
    return Workspace(root).require().vendors / f"{_name(vendor)}.toml"


def _name(vendor: str) -> str:
    if not VENDOR.match(vendor):
        raise CatalogError(
            f"{vendor!r} is no name for a vendor.", remedy="Use letters, digits, point, underscore and hyphen only."
        )
    return vendor


def _file(path: Path) -> Path:
    if not path.is_file():
        raise CatalogError(f"There is no file {path}.", remedy="Name the vendor's file.")
    return path
