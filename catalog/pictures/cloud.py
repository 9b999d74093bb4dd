"""Pictures in buckets (s3://, gs://), through the extra `cloud`; credentials are the operator's, from the environment."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from catalog.errors import CatalogError
from catalog.pictures.picture_urls import CloudObject


class CloudMissing(CatalogError):
    """The extra `cloud` is not installed."""


class CloudFailed(Exception):
    """An object that did not come; `reason` is one code, `again` says whether a second try may help."""

    def __init__(self, reason: str, *, again: bool = False) -> None:
        super().__init__(reason)
        self.reason, self.again = reason, again


@dataclass(frozen=True)
class Content:
    """data: None when the object is the one the etag names."""

    data: bytes | None
    etag: str | None


def library() -> Any:
    """The module obstore. Raises CloudMissing where it is not installed."""
    try:
        import obstore  # noqa: PLC0415 - an optional extra
        import obstore.exceptions  # noqa: PLC0415
        import obstore.store  # noqa: PLC0415
    except ImportError as error:
        raise CloudMissing(
            "Pictures at s3:// and gs:// need a library that is not installed here.",
            remedy="Install it with `pip install 'feedshelf[cloud]'`.",
        ) from error
    return obstore


@lru_cache(maxsize=64)
def _bucket(scheme: str, name: str) -> Any:
    """A bucket's client, which keeps its connections: one for each picture would shake hands for each."""
    return library().store.from_url(f"{scheme}://{name}")


async def read(wanted: CloudObject, *, etag: str | None, max_bytes: int) -> Content:
    """An object's bytes, unless `etag` still names it. Raises CloudFailed and CloudMissing."""
    obstore = library()
    errors = obstore.exceptions
    try:
        bucket = _bucket(wanted.scheme, wanted.bucket)
        found = await obstore.get_async(bucket, wanted.key, options={"if_none_match": etag} if etag else {})
        if found.meta["size"] > max_bytes:
            raise CloudFailed("too_large")
        data = bytes(await found.bytes_async())
    except errors.NotModifiedError:
        return Content(None, etag)
    except (errors.NotFoundError, FileNotFoundError) as error:
        raise CloudFailed("object_not_found") from error
    except (errors.PermissionDeniedError, errors.UnauthenticatedError, PermissionError) as error:
        raise CloudFailed("bucket_denied") from error
    except errors.BaseError as error:
        raise CloudFailed("bucket_error", again=True) from error
    return Content(data, found.meta.get("e_tag"))
