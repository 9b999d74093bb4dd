"""Errors a person must fix: each says what is wrong and what to do about it."""


class CatalogError(Exception):
    """Something a person has to put right; `remedy` is the sentence that says how."""

    exit_code = 1

    def __init__(self, message: str, *, remedy: str) -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.message} {self.remedy}".strip()


class Busy(CatalogError):
    """Another run holds the workspace."""

    exit_code = 75


class FeedRefused(CatalogError):
    """A whole delivery that cannot be read truthfully; nothing of it is taken.

    `reason` is the code kept in `deliveries.reason`.
    """

    def __init__(self, reason: str, message: str, *, remedy: str) -> None:
        super().__init__(message, remedy=remedy)
        self.reason = reason


class BundleRefused(CatalogError):
    """A model bundle that is not what its manifest says."""
