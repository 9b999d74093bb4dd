"""Review sheets as tasks of Label Studio, and its exports read back.

A task carries in `data` the cells of one row, the token among them; nothing else identifies it. The labelling config shows
them and asks for a decision, a category from the whole tree, a note (docs/review.md). What comes back is Label Studio's own
JSON export: `annotations` or, in older exports, `completions`.
"""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from xml.sax.saxutils import quoteattr

from catalog.errors import CatalogError
from catalog.review.decisions import WORDS
from catalog.sheets import COLUMNS, TRUSTED, inert
from catalog.taxonomies.taxonomy import SEPARATOR, Taxonomy

SHOWN = tuple(name for name in COLUMNS if name not in ("decision", "category", "note"))
_REMEDY = "Export the project from Label Studio as JSON and import that file."


def tasks(cells: Sequence[Sequence[object]]) -> bytes:
    """A JSON list of tasks; `cells` in the order of `sheets.COLUMNS`. Text stands as it is: nothing executes it."""
    places = [(name, COLUMNS.index(name)) for name in SHOWN]
    made = [{"data": {name: "" if row[at] is None else str(row[at]) for name, at in places}} for row in cells]
    return json.dumps(made, ensure_ascii=False, indent=1).encode()


def labelling_config(taxonomy: Taxonomy) -> str:
    """The XML that a project needs: what is shown, the decisions to choose from, the tree of categories."""
    candidates = "\n".join(
        f'  <Text name="shown_{name}" value="${name}"/>' for name in COLUMNS if name.startswith("candidate_")
    )
    choices = "\n".join(f'    <Choice value="{word}"/>' for word in WORDS)
    return f"""<View>
  <Image name="picture" value="$image"/>
  <Header value="$title"/>
  <Text name="item" value="$title"/>
  <Text name="sentence" value="$sentence"/>
{candidates}
  <Choices name="decision" toName="item" choice="single" showInline="true">
{choices}
  </Choices>
  <Taxonomy name="category" toName="item" maxUsages="1" leafsOnly="false">
{"".join(_tree(taxonomy))}  </Taxonomy>
  <TextArea name="note" toName="item" maxSubmissions="1" rows="2"/>
</View>
"""


def _tree(taxonomy: Taxonomy) -> Iterator[str]:
    """Nested choices, a line each, in the order of the paths."""
    open_nodes: list[str] = []
    for key in sorted(taxonomy.nodes["category_id"], key=lambda key: taxonomy.path(key).split(SEPARATOR)):
        levels = taxonomy.path(key).split(SEPARATOR)
        while len(open_nodes) >= len(levels):
            open_nodes.pop()
            yield f"{'  ' * (len(open_nodes) + 2)}</Choice>\n"
        yield f"{'  ' * (len(levels) + 1)}<Choice value={quoteattr(levels[-1])}>\n"
        open_nodes.append(levels[-1])
    while open_nodes:
        open_nodes.pop()
        yield f"{'  ' * (len(open_nodes) + 2)}</Choice>\n"


def read(file: Path) -> list[tuple[int, list[str]]]:
    """(task number counted from 2, cells) as a sheet would have them, header first. Of several annotations of a task the
    last that was not cancelled counts; a task without one is an empty row.

    Raises CatalogError when the file is no such export.
    """
    try:
        found = json.loads(file.read_bytes())
    except (ValueError, RecursionError) as error:
        raise CatalogError(f"{file} is no JSON ({error}).", remedy=_REMEDY) from error
    if not isinstance(found, list) or not all(
        isinstance(task, dict) and isinstance(task.get("data"), dict) for task in found
    ):
        raise CatalogError(f"{file} is no list of tasks.", remedy=_REMEDY)
    return [(1, list(TRUSTED)), *((number, _cells(task, number, file)) for number, task in enumerate(found, start=2))]


def _cells(task: dict[str, Any], number: int, file: Path) -> list[str]:
    data = {name: str(task["data"].get(name) or "") for name in ("token", "reviewer")}
    try:
        said = _said(task) | {name: text for name, text in data.items() if text}
    except (AttributeError, IndexError, KeyError, TypeError) as error:  # skipped in silence, an answer would be lost
        raise CatalogError(f"{file}: task {number - 1} has an annotation of another form.", remedy=_REMEDY) from error
    # JSON can name half a character, which no file holds
    whole = {name: text.encode(errors="replace").decode() for name, text in said.items()}
    return [inert(whole.get(name, "")) for name in TRUSTED]  # as in a sheet: the import takes one ' away


def _said(task: dict[str, Any]) -> dict[str, str]:
    """Decision, category, note and reviewer of the annotation that counts."""
    annotations = task.get("annotations") or task.get("completions") or []
    kept = [one for one in annotations if isinstance(one, dict) and not one.get("was_cancelled")]
    if not kept:
        return {}
    return _reviewer(kept[-1]) | dict(_results(kept[-1]))


def _results(annotation: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for result in annotation.get("result") or []:
        value = result.get("value", {})
        name = result.get("from_name")
        if name == "decision" and value.get("choices"):
            yield name, str(value["choices"][0])
        elif name == "category" and value.get("taxonomy"):
            yield name, SEPARATOR.join(map(str, value["taxonomy"][-1]))
        elif name == "note" and value.get("text"):
            yield name, " ".join(value["text"]) if isinstance(value["text"], list) else str(value["text"])


def _reviewer(annotation: dict[str, Any]) -> dict[str, str]:
    by = annotation.get("completed_by")
    email = by.get("email") if isinstance(by, dict) else None
    return {"reviewer": str(email)} if email else {}
