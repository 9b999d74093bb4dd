"""A workspace on disk whose queue holds drawn products with pictures, and the review page served from it."""

import atexit
import hashlib
import shutil
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cache
from pathlib import Path

import polars as pl

from catalog.page.visitors import Key
from catalog.publishing import views
from catalog.sample.deliveries import labelled_offers
from catalog.sample.pictures import draw_picture
from catalog.sample.products import Offer
from catalog.sample.vocabulary import vocabulary
from catalog.store import Store
from catalog.taxonomies.taxonomy import Taxonomy, from_paths
from catalog.taxonomies.versions import current_version, save_taxonomy
from pipelines import review_app
from pipelines import workspace as places
from pipelines.review_page import Desk

START = datetime(2026, 3, 1, tzinfo=UTC)


def drawn_taxonomy() -> Taxonomy:
    """The sample's categories; departments are not for products."""
    leaves = vocabulary().leaves
    notes = {node["id"]: node["scope_note"] for node in vocabulary().nodes}
    nodes = from_paths([leaf.path for leaf in leaves]).nodes
    by_path = {leaf.path: notes[leaf.id] for leaf in leaves}
    scope = nodes["path"].replace_strict(by_path, default=None, return_dtype=pl.String)
    return Taxonomy.from_nodes(nodes.with_columns(scope_note=scope, assignable=pl.col("level") > 1))


@cache
def _database() -> Path:
    """A work database with taxonomy, model and one delivery, made once a process."""
    folder = Path(tempfile.mkdtemp())
    atexit.register(shutil.rmtree, folder)
    accepted = {"delivery_id": "d1", "vendor": "acme", "delivery_no": 1, "run_id": "r1", "kind": "full"}
    with Store.open(folder / "work.duckdb") as store:
        save_taxonomy(store, drawn_taxonomy(), "drawn")
        views.create(store)
        store.append_row("promotions", model_id="m1", seq=1, promoted_at=START)
        store.append_row("deliveries", status="accepted", **accepted)
    return folder / "work.duckdb"


class Shop:
    """A workspace whose items are delivered and routed by hand."""

    def __init__(self, root: Path) -> None:
        self.workspace = places.init(root)
        shutil.copy(_database(), self.workspace.work_db)

    def item(self, item_id: str, **facts: object) -> None:
        """Delivers and routes one item; `facts` override columns of its item, its route or its prediction (`top`)."""
        with Store.open(self.workspace.work_db) as store:
            _append(store, item_id, facts)

    def group(self, name: str, offers: list[Offer], **facts: object) -> None:
        """Look-alikes with drawn pictures, and candidates as a model might offer them."""
        with Store.open(self.workspace.work_db) as store:
            for number, offer in enumerate(offers):
                _append(store, f"{name}-{number + 1}", self._of(offer) | {"group_id": name} | facts)

    def _of(self, offer: Offer) -> dict[str, object]:
        leaf = offer.product.leaf
        near = [other.path for other in vocabulary().siblings(leaf)][:3]
        facts: dict[str, object] = {
            "title": offer.title,
            "description": offer.description,
            "brand": offer.brand,
            "price": Decimal(f"{offer.price:.2f}"),
            "vendor_category": offer.vendor_category,
            "top": [near[0], leaf.path, *near[1:], "Kitchen > Cookware > Frying Pans"][:5],
            "parent_id": leaf.path.rpartition(" > ")[0],
            "reason": "close_call",
            "sentence": f"Two categories are close: {near[0].rpartition(' > ')[2]} and {leaf.name}.",
        }
        return facts | self.picture(draw_picture(offer.shot)) if offer.shot else facts

    def picture(self, content: bytes) -> dict[str, object]:
        """A picture file, and the columns of an item that name it."""
        sha256 = hashlib.sha256(content).hexdigest()
        file = self.workspace.pictures / sha256[:2] / sha256
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
        return {"image": str(file), "image_hash": sha256, "image_status": "ok"}

    def lapse(self) -> None:
        """Ends every lease, as its time would."""
        with Store.open(self.workspace.work_db) as store:
            store.execute("UPDATE leases SET until = now() - INTERVAL 1 SECOND")

    def import_paths(self, paths: list[str]) -> None:
        """Makes another taxonomy the current one."""
        with Store.open(self.workspace.work_db) as store:
            save_taxonomy(store, from_paths(paths), "another")

    def rows(self, sql: str) -> list[tuple]:
        """What the work database answers."""
        with Store.open(self.workspace.work_db) as store:
            return store.query(sql).rows()

    def said(self) -> list[tuple]:
        """Every decision: item, verdict, category, who."""
        return self.rows("SELECT item_id, verdict, category_id, who FROM decisions ORDER BY seq")

    def standing(self) -> dict[str, tuple]:
        """What stands: item to verdict and category."""
        found = self.rows("SELECT item_id, verdict, category_id FROM standing_decisions")
        return {item: (verdict, category) for item, verdict, category in found}


def _append(store: Store, item_id: str, facts: dict[str, object]) -> None:
    seq = 1 + (store.one("SELECT max(seq) FROM routes") or 0)
    key = {"vendor": "acme", "item_id": item_id, "row_hash": f"row-{seq}"}
    key["input_hash"] = str(facts.get("input_hash", f"in-{item_id}"))
    store.append_row("sightings", delivery_id="d1", delivery_no=1, line=seq, status="new", **key)
    item = {"title": f"title {item_id}", "currency": "EUR", "image_status": "missing"}
    names = ("title", "description", "brand", "price", "vendor_category", "image", "image_hash", "image_status")
    store.append_row("items", **key, **item | {name: facts[name] for name in names if name in facts})
    if not store.one("SELECT count(*) FROM predictions WHERE input_hash = ?", [key["input_hash"]]):
        top = list(facts.get("top", ["Kitchen > Cookware > Frying Pans", "Kitchen > Cookware > Saucepans"]))
        store.append_row("predictions", model_id="m1", input_hash=key["input_hash"], top_ids=top)
    route = {
        "outcome": "review", "reason": "below_threshold", "sentence": "The model is not sure enough.", "group_id": None,
        "parent_id": "Kitchen > Cookware", "category_id": None, "audit": False, "control": False,
        "routed_at": START + timedelta(minutes=seq), "taxonomy_version": current_version(store),
    }  # fmt: skip
    route |= {name: facts[name] for name in route if name in facts}
    store.append_row("routes", run_id="r1", model_id="m1", seq=seq, **key, **route)


@cache
def _offers() -> list[Offer]:
    return labelled_offers(7, 3000)


def lookalikes(number: int, leaf: str) -> list[Offer]:
    """Offers of one drawn leaf that have a picture."""
    found = [o for o in _offers() if o.product.leaf.name == leaf and o.shot and o.shot.kind == "clear"]
    return found[:number]


@dataclass(frozen=True)
class Served:
    """A page that is up."""

    shop: Shop
    desk: Desk
    key: Key
    address: str

    @property
    def link(self) -> str:
        """What the command prints."""
        return f"{self.address}/enter?token={self.key.token}"


@contextmanager
def served(shop: Shop, *, reviewer: str | None = None, port: int = 0) -> Iterator[Served]:
    """The page on a free port of this machine, stopped in the end as Ctrl-C stops it."""
    desk = Desk.at(shop.workspace.root)
    up = threading.Event()
    keys: list[Key] = []
    servers: list = []

    def application(taken: int) -> review_app.Application:
        keys.append(Key(taken))
        return review_app.application(desk, keys[0], reviewer=reviewer)

    def ready(server: object, _port: int) -> None:
        servers.append(server)
        up.set()

    thread = threading.Thread(target=review_app.serve, args=(application, "127.0.0.1", port, ready))
    thread.start()
    assert up.wait(20)
    try:
        yield Served(shop, desk, keys[0], f"http://127.0.0.1:{keys[0].port}")
    finally:
        servers[0].should_exit = True
        thread.join(20)
