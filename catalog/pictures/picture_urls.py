"""What a vendor may write where a picture is named: telling URLs from paths, taking them apart, hiding their secrets."""

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import polars as pl

if TYPE_CHECKING:
    import httpx

_SCHEME = re.compile(r"^([A-Za-z][A-Za-z0-9+.-]*):|^//")
_DRIVE = re.compile(r"^[A-Za-z]:")
_LONGEST = 4096
_OBJECT = re.compile(r"^(s3|gs)://([a-z0-9][a-z0-9._-]{1,221}[a-z0-9])/(.+)$")
WEB = ("http", "https")
CLOUD = ("s3", "gs")
URL = rf"^(?i:{'|'.join((*WEB, *CLOUD))}):|^//"  # what may be asked for; `scheme` says the same of one text


class UrlRefused(Exception):
    """A URL that is not asked for; `reason` is one code."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True)
class CloudObject:
    """One object in a bucket."""

    scheme: Literal["s3", "gs"]
    bucket: str
    key: str


def scheme(named: str) -> str | None:
    """The scheme of a URL in lower case, https for one that begins with //; None for a path, `C:` included."""
    found = _SCHEME.match(named)
    if found is None or _DRIVE.match(named):
        return None
    return (found[1] or "https").lower()


def full(named: str) -> str:
    """The URL as it is asked for: one that begins with // is asked for by https."""
    return f"https:{named}" if named.startswith("//") else named


def full_url(column: str) -> pl.Expr:
    """`full` of a column."""
    named = pl.col(column)
    return pl.when(named.str.starts_with("//")).then(pl.concat_str(pl.lit("https:"), named)).otherwise(named)


def web_url(text: str, *, ports: tuple[int, ...], base: "httpx.URL | None" = None) -> "httpx.URL":
    """The parts of an http(s) URL, or of one relative to `base`.

    Raises UrlRefused: bad_url, scheme, credentials_in_url or port.
    """
    if len(text) > _LONGEST:
        raise UrlRefused("bad_url")
    import httpx  # noqa: PLC0415 - a fifth of a second for what asks hosts, not for what only looks at addresses

    try:
        url = base.join(text) if base else httpx.URL(text)
    except Exception as error:  # parsers of host names raise what they like
        raise UrlRefused("bad_url") from error
    if url.scheme not in WEB:
        raise UrlRefused("scheme")
    if url.userinfo:
        raise UrlRefused("credentials_in_url")
    if not url.host:
        raise UrlRefused("bad_url")
    if (url.port or (443 if url.scheme == "https" else 80)) not in ports:
        raise UrlRefused("port")
    return url.copy_with(fragment=None)


def cloud_object(text: str, *, buckets: tuple[str, ...]) -> CloudObject:
    """Scheme, bucket and key of an s3:// or gs:// URL. Raises UrlRefused: bad_url, or bucket for one not in `buckets`.

    `buckets` holds "s3://name" or "gs://name". The credentials are the operator's and the URL is the vendor's: without
    that list a feed could read whatever the operator may.
    """
    found = _OBJECT.match(text)
    if found is None or len(text) > _LONGEST or ".." in found[3].split("/"):
        raise UrlRefused("bad_url")
    if f"{found[1]}://{found[2]}" not in buckets:
        raise UrlRefused("bucket")
    return CloudObject("s3" if found[1] == "s3" else "gs", found[2], found[3])


def redacted(text: str) -> str:
    """A URL as it may be shown: without user, password, query and fragment, where signatures and keys stand."""
    head, mark, _ = re.sub(r"#.*$", "", text, flags=re.DOTALL).partition("?")
    return re.sub(r"//[^/]*@", "//", head)[:300] + ("?..." if mark else "")
