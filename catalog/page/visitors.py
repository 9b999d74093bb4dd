"""Who may look at the page: a token in the link, a cookie after that, and a mark in every form.

The token is drawn when the page starts and is the only key; whoever has the link may review. The cookie and the forms
carry names derived from it, so that neither gives the link away.
"""

import hashlib
import hmac
import ipaddress
import secrets
from dataclasses import dataclass, field

from catalog.errors import CatalogError

LOOPBACK_NAMES = frozenset({"127.0.0.1", "localhost", "::1"})


@dataclass(frozen=True)
class Key:
    """The key of one page: `port` tells the cookies of two pages on one machine apart."""

    port: int
    token: str = field(default_factory=lambda: secrets.token_urlsafe(24))

    @property
    def cookie_name(self) -> str:
        """The name of the cookie that admits."""
        return f"catalog_review_{self.port}"

    @property
    def reviewer_cookie(self) -> str:
        """The name of the cookie that says who reviews in this browser."""
        return f"catalog_reviewer_{self.port}"

    @property
    def cookie(self) -> str:
        """What the cookie of an admitted browser holds."""
        return self._derived("cookie")

    @property
    def form(self) -> str:
        """What a form of ours carries."""
        return self._derived("form")

    def is_token(self, text: str) -> bool:
        """True for the token of the link; takes as long for a wrong one."""
        return hmac.compare_digest(text.encode(), self.token.encode())

    def is_cookie(self, text: str) -> bool:
        """True for the cookie of an admitted browser."""
        return hmac.compare_digest(text.encode(), self.cookie.encode())

    def is_form(self, text: str) -> bool:
        """True for what only a form of ours can carry."""
        return hmac.compare_digest(text.encode(), self.form.encode())

    def _derived(self, purpose: str) -> str:
        return hmac.new(self.token.encode(), purpose.encode(), hashlib.sha256).hexdigest()


def is_loopback(host: str) -> bool:
    """True when only this machine can reach the address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def require_loopback(host: str, *, network: bool) -> None:
    """Raises CatalogError when others could reach the address and nobody said that they may."""
    if not network and not is_loopback(host):
        raise CatalogError(
            f"{host} can be reached from other machines, and the page speaks plain HTTP: who listens on the way reads "
            "products and answers, and with the link can answer in anybody's name.",
            remedy="Leave --host out and let others in through a tunnel (ssh -L) or a proxy with TLS and a login; on a "
            "network you trust say --network.",
        )
