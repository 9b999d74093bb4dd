"""The attributes of an item: one JSON object per row, ordered by name, of filled values only."""

import json

import polars as pl


def named(columns: list[str], prefix: str) -> dict[str, str]:
    """Column -> name of the attribute, in one form; of names that become alike the later ones get '#2', '#3'."""
    found: dict[str, str] = {}
    taken: set[str] = set()
    for column in columns:
        name = plain = " ".join(column.removeprefix(prefix).split()) or "unnamed"
        number = 1
        while name in taken:
            number += 1
            name = f"{plain}#{number}"
        taken.add(name)
        found[column] = name
    return found


def as_json(names: dict[str, str]) -> pl.Expr:
    """'{"Colour": "red", "Size": "42"}' of the columns given with their names; null when all are empty.

    The order is that of the names, so that a vendor who moves a column changes nothing. Values hold no control
    characters: the text was cleaned before.
    """
    if not names:
        return pl.lit(None, pl.String)
    pairs = [_pair(column, name) for column, name in sorted(names.items(), key=lambda item: item[1])]
    filled = pl.concat_str(*pairs, separator=", ", ignore_nulls=True)
    return pl.when(pl.any_horizontal(pl.col(column).is_not_null() for column in names)).then(
        pl.concat_str(pl.lit("{"), filled, pl.lit("}"))
    )


def _pair(column: str, name: str) -> pl.Expr:
    escaped = pl.col(column).str.replace_all("\\", "\\\\", literal=True).str.replace_all('"', '\\"', literal=True)
    return pl.concat_str(pl.lit(json.dumps(name, ensure_ascii=False) + ': "'), escaped, pl.lit('"'))
