"""Text from HTML: tags and entities away, a space only where a browser would break the line.

Everything but the names of entities is done by expressions whose time grows with the length of the text alone, however
deep a vendor nests or however many brackets stand open; a tree of such a page takes minutes to build.
"""

import html
import re

import polars as pl

LONGEST_MARKUP = 1_000_000  # characters of a cell that are looked at; text is cut to far less afterwards
_BLOCKS = (
    "address|article|aside|blockquote|body|br|button|caption|center|dd|details|dialog|div|dl|dt|fieldset|figcaption|"
    "figure|footer|form|frame|frameset|h[1-6]|header|hr|html|iframe|img|legend|li|main|menu|nav|object|ol|optgroup|"
    "option|p|picture|pre|section|select|summary|svg|table|tbody|td|textarea|tfoot|th|thead|tr|ul|video"
)
_INLINE = (
    "abbr|acronym|audio|bdi|bdo|big|cite|code|col|colgroup|data|del|dfn|em|embed|font|head|input|ins|kbd|label|link|map|"
    "mark|meta|noscript|object|output|param|samp|script|small|source|span|strike|strong|style|sub|sup|template|time|"
    "title|tt|var|wbr"
)
_SHORT = "a|b|i|p|q|s|u"  # letters that are also sizes and units: alone, or with attributes that have values
# Only tags HTML knows: "size <small>" is markup; "voltage <12 V>", "R&B <Love>" and "<s m l>" are text.
TAG = (
    rf"(?i)<(?:/?(?:{_BLOCKS}|{_INLINE})(?:[\s/][^<>]*)?>|/?(?:{_SHORT})\s*/?>|(?:{_SHORT})\s[^<>]*=[^<>]*>"
    r"|!--|!\[CDATA\[|!DOCTYPE\s)"
)
ENTITY = r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});"
# Text that mentions a tag (&lt;b&gt;) is no escaped page; a page has closing tags or breaks lines.
_PAGE = rf"(?i)</(?:{_BLOCKS}|{_INLINE}|{_SHORT})\s*>|<(?:br|hr|img|li|p)(?:\s[^<>]*)?/?>"
# Inside a tag a quote counts only right after '='; elsewhere it protects no '>'.
_INSIDE = r"""(?:[^>=]|=\s*"[^"]*"|=\s*'[^']*'|=\s*[^\s"'>][^\s>]*|=)*>"""
_UNSEEN = (
    r"(?is)<!--.*?(?:-->|\z)|<!\[CDATA\[|\]\]>|<![a-z][^>]*>|<\?[^>]*>"
    r"|<script\b.*?(?:</script\s*>|\z)|<style\b.*?(?:</style\s*>|\z)|<head\b.*?(?:</head\s*>|\z)"
    r"|<template\b.*?(?:</template\s*>|\z)"
)
_BLOCK_TAG = rf"(?is)</?(?:{_BLOCKS})(?:[\s/]{_INSIDE}|>)"
_OTHER_TAG = rf"(?is)</?[a-z]{_INSIDE}"
_UNFINISHED = r"(?is)</?[a-z][a-z0-9]*\s[^<>]*=[^<>]*\z"  # a vendor cut the text in the middle of a tag
_ENTITY = re.compile(ENTITY)


def without_markup(column: pl.Series) -> pl.Series:
    """The words of each text that is HTML, entities decoded once; other text comes back as it is.

    An escaped page (&lt;p&gt;...&lt;/p&gt;) is a page too: feeds are often escaped once too often.
    """
    marked = column.str.contains(f"{TAG}|{ENTITY}").fill_null(False)
    if not marked.any():
        return column
    texts = column.filter(marked)
    found = texts.unique()
    words = texts.replace(found, _words(found.str.slice(0, LONGEST_MARKUP)))
    return column.clone().scatter(marked.arg_true(), words)  # which writes where it is called


def html_text(text: str) -> str:
    """The words of one text; see `without_markup`."""
    return without_markup(pl.Series([text], dtype=pl.String))[0]


def _words(texts: pl.Series) -> pl.Series:
    tagged = texts.str.contains(TAG)
    plain = _decoded(pl.select(pl.when(tagged).then(_untagged(texts)).otherwise(texts)).to_series())
    pages = ~tagged & plain.str.contains(_PAGE)
    if not pages.any():
        return plain
    return pl.select(pl.when(pages).then(_decoded(_untagged(plain))).otherwise(plain)).to_series()


def _untagged(texts: pl.Series) -> pl.Series:
    seen = texts.str.replace_all(_UNSEEN, "").str.replace_all(_BLOCK_TAG, " ")
    return seen.str.replace_all(_OTHER_TAG, "").str.replace_all(_UNFINISHED, "")


def _decoded(texts: pl.Series) -> pl.Series:
    """With every complete entity replaced once; a bare '&', as in 'AT&T' or '?a=1&copy=2', stays."""
    if not texts.str.contains(ENTITY).any():
        return texts
    return pl.Series([_ENTITY.sub(_character, text) for text in texts], dtype=pl.String)


def _character(found: re.Match[str]) -> str:
    return html.unescape(found.group())
