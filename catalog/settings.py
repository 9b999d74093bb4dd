"""The settings of a workspace: catalog.toml becomes one frozen object; an unknown key is an error."""

import hashlib
import re
import tomllib
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator, model_validator

from catalog.errors import CatalogError


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Routing(_Section):
    """What automation promises: at least `target` right, said wrongly in at most a share `delta` of certificates."""

    target: float = Field(0.98, gt=0.5, lt=1)
    delta: float = Field(0.05, gt=0, lt=0.5)
    min_level: int | None = Field(None, ge=1, description="Highest level for back-off; None: the leaf's parent.")
    groups: Literal["pooled", "each"] = Field("pooled", description="One certificate, or one for each department.")
    unseen_vendor: Literal["auto", "place_with_warning", "review"] = Field(
        "auto", description="Vendors the labels do not name; auto: review once the labels name five."
    )
    audit_share: float = Field(0.01, ge=0, le=1)
    control_share: float = Field(0.005, ge=0, le=1)
    carry_decisions: bool = Field(
        True, description="Where certified, a decision also settles look-alikes that come later."
    )
    max_moves: float = Field(
        0.005,
        ge=0,
        le=1,
        description="Share of what models placed that a promotion, or a night, may move without approval.",
    )


class Audit(_Section):
    """When the audit of what was placed stops automation (docs/certificate.md), and what the bias audit may do (docs/watching.md)."""

    between_alarms: float = Field(
        5000, ge=100, description="Answers that pass on average, at least, before a department is stopped by chance."
    )
    see_nights: int = Field(
        0,
        ge=0,
        le=400,
        description="Nights within which a fall is to be seen in every department; 0: one share for all.",
    )
    see_fall: float = Field(0.05, gt=0, lt=0.5, description="The fall below the target that is to be seen within them.")
    most_share: float = Field(
        0.2, gt=0, le=1, description="Of a department's new placements, audited at most for that."
    )
    draws_a_night: int = Field(
        40,
        ge=0,
        le=10_000,
        description="Of what would be placed in a stopped department or vendor, drawn at random a night to earn it back.",
    )
    bias: Literal["report", "block"] = Field(
        "report", description="block: a model that serves a group worse, beyond chance, is not promoted."
    )


class Training(_Section):
    """How a bundle is trained; the defaults are for 2 cores and tens of thousands of products."""

    encoder: str = Field("embedded", description="embedded, or a checkpoint open_clip knows; see docs/encoders.md.")
    encoder_text: str = "all-MiniLM-L6-v2"
    encoder_image: str = "efficientnet-lite0"
    image_size: int = Field(160, ge=32, le=512)
    image_precision: Literal["fp32", "int8"] = Field(
        "fp32", description="What the image tower serves in, after training; int8 takes two thirds of the time."
    )
    text_tokens: int = Field(64, ge=8, le=512)
    finetune_epochs: int = Field(4, ge=0, description="Of the text tower; the image tower gets twice as many.")
    unfreeze_blocks: int = Field(12, ge=0, description="Topmost blocks of each tower that are tuned.")
    early_exit: bool = Field(
        True, description="Pictures are not read where the words alone are sure; the certificate is earned that way."
    )
    seed: int = 7


class Labels(_Section):
    """What a label at an inner node means."""

    inner: Literal["terminal", "partial"] = "terminal"
    min_terminal: int = Field(5, ge=1, description="Labels at an inner node before it gets a class of its own.")


class Serving(_Section):
    """Where and how the classifier runs."""

    device: Literal["auto", "cpu", "cuda"] = "auto"
    threads: int = Field(2, ge=1, le=1024)
    batch_rows: int = Field(
        2048, ge=1, le=10_000_000, description="Rows classified and stored per step; bounds memory and rework."
    )


class Models(_Section):
    """Whose models are loaded (docs/models.md, Signatures)."""

    keyring: str = Field("keys", min_length=1, description="Folder of public keys; relative to the workspace.")
    require_signature: bool = Field(False, description="Whether a bundle that no key of the keyring signed is refused.")


class Scale(_Section):
    """Which engine classifies: this process, or workers of a Ray cluster (docs/scaling.md)."""

    engine: Literal["local", "ray"] = "local"
    address: str = Field(
        "", description="auto or host:port of a cluster; empty: RAY_ADDRESS, else one is started here."
    )
    concurrency: int = Field(0, ge=0, description="Most workers; 0: as many as the cluster has processors, or GPUs.")
    batch_rows: int = Field(
        8192, ge=1, le=10_000_000, description="Rows of a shard: what a worker takes, and what its death costs."
    )
    device: Literal["cpu", "cuda"] = Field("cpu", description="cpu: a processor a worker. cuda: a GPU a worker.")


class Feeds(_Section):
    """What a delivery may do before a person has to look."""

    max_refused: int = Field(0, ge=0, description="Refused or held feeds a night may have and still exit with 0.")
    max_refused_share: float = Field(0.0, ge=0, lt=1, description="The same as a share of the night's feeds.")
    max_drop: float = Field(0.6, gt=0, le=1, description="A full delivery this share smaller than the last is held.")
    max_structural: float = Field(0.01, gt=0, le=1, description="Share of ragged rows above which a feed is refused.")
    batch_rows: int = Field(40_000, ge=1, le=10_000_000)
    settle_seconds: float = Field(1.0, ge=0, le=600, description="A file younger than this is looked at twice.")
    manifest_patience: str = Field(
        "1h", pattern=r"^\d{1,5}[smhd]$", description="How long what a manifest promises may be incomplete."
    )

    @property
    def patience(self) -> int:
        """`manifest_patience` in seconds."""
        return int(self.manifest_patience[:-1]) * {"s": 1, "m": 60, "h": 3600, "d": 86_400}[self.manifest_patience[-1]]


class Images(_Section):
    """Where pictures behind URLs may come from, and what fetching them may cost a night."""

    fetch: bool = Field(False, description="Whether this machine asks for pictures at the URLs vendors name.")
    max_fetches: int = Field(50_000, ge=1, description="Pictures asked for a night; the others wait for the next.")
    max_minutes: int = Field(60, ge=1, description="Time for it a night.")
    max_bytes: int = Field(20_000_000, ge=1_000, le=60_000_000, description="Of one picture.")
    timeout_seconds: float = Field(
        30, gt=0, le=3600, description="For one try at a picture, redirects and body included."
    )
    retries: int = Field(2, ge=0, le=5)
    max_redirects: int = Field(5, ge=0, le=20)
    connections: int = Field(16, ge=1, le=256)
    connections_per_host: int = Field(4, ge=1, le=64)
    revalidate_after: str = Field(
        "7d", pattern=r"^[1-9]\d{0,4}[hd]$", description="Age at which a picture is asked for anew."
    )
    ports: tuple[Annotated[int, Field(ge=1, le=65535)], ...] = (80, 443)
    allow_hosts: tuple[str, ...] = Field((), description="Hosts that may have private addresses, such as pim.internal.")
    buckets: tuple[str, ...] = Field((), description="Buckets that may be read, as s3://name or gs://name.")
    keep_unused_days: int = Field(
        90, ge=1, le=36_500, description="Days a fetched picture stays after the last item that needs it."
    )
    placeholder_products: int = Field(20, ge=2, description="A picture on so many different products shows none.")

    @property
    def revalidate_hours(self) -> int:
        """`revalidate_after` in hours."""
        return int(self.revalidate_after[:-1]) * (24 if self.revalidate_after.endswith("d") else 1)

    @model_validator(mode="after")
    def _asked_anew_before_removed(self) -> "Images":
        """A picture that was removed comes back with its item only if its URL is due by then."""
        if 24 * self.keep_unused_days < self.revalidate_hours:
            raise ValueError("keep_unused_days must not be shorter than revalidate_after")
        return self

    @field_validator("allow_hosts")
    @classmethod
    def _names_of_hosts(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        wrong = [host for host in value if not host or any(mark in host for mark in "/@*, ")]
        if wrong:
            raise ValueError(f"{wrong[0]!r} is no host name; write it alone, such as 'pim.internal'")
        return tuple(host.lower() for host in value)

    @field_validator("buckets")
    @classmethod
    def _names_of_buckets(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        wrong = [name for name in value if not re.fullmatch("(s3|gs)://[^/]+", name)]
        if wrong:
            raise ValueError(f"{wrong[0]!r} is no bucket; write it as s3://name or gs://name")
        return value


class Review(_Section):
    """How review sheets are written, and how the published file names reviewers."""

    format: Literal["csv", "xlsx", "labelstudio"] = "csv"
    delimiter: Literal[",", ";", "\t"] = ","
    rows_per_sheet: int = Field(2000, ge=1)
    nightly_rows: int = Field(
        20_000, ge=0, description="Rows of the queue a night writes sheets of, those worth most; 0: all of it."
    )
    names: Literal["pseudonyms", "names"] = "pseudonyms"


class Changes(_Section):
    """The files that say what changed in the published categories."""

    format: Literal["csv", "jsonl", "parquet"] = "csv"


class Retention(_Section):
    """How long `catalog prune` keeps files, in days; 0 keeps them for ever. Facts in the work database are kept."""

    copies_days: int = Field(
        90, ge=0, le=36_500, description="Feeds that were read: the copies and the originals in done/."
    )
    sheets_days: int = Field(365, ge=0, le=36_500, description="Written review sheets.")
    reports_days: int = Field(365, ge=0, le=36_500, description="Pages about runs.")
    changes_days: int = Field(365, ge=0, le=36_500, description="Files of changes; any can be exported again.")
    models: int = Field(3, ge=0, description="Newest bundles, and bundles that served last; 0 keeps all.")


class Notify(_Section):
    """Whom to tell how a night ended (docs/operations.md)."""

    when: Literal["alarms", "always"] = Field("alarms", description="alarms: only nights that need a person.")
    command: tuple[str, ...] = Field((), description="A program and its arguments; it reads JSON.")
    webhook: SecretStr | None = Field(None, description="An https address that takes JSON by POST.")
    allow_hosts: tuple[str, ...] = Field((), description="Hosts of webhooks that may have private addresses.")
    metrics_file: str = Field("", description="Where metrics for Prometheus are written; empty: nowhere.")

    @property
    def metrics_path(self) -> Path | None:
        """`metrics_file` as a path."""
        return Path(self.metrics_file) if self.metrics_file else None

    @field_validator("metrics_file")
    @classmethod
    def _in_full(cls, value: str) -> str:
        """A relative path would depend on where the night was started, and collectors read .prom files alone."""
        if value and not (Path(value).is_absolute() and value.endswith(".prom")):
            raise ValueError("write the whole path of a file that ends in .prom")
        return value

    @model_validator(mode="after")
    def _webhook_is_safe(self) -> "Notify":
        """The address is a secret, which plain http would show to everybody on the way; its text is in no message."""
        if self.webhook is None:
            return self
        parts = urlsplit(self.webhook.get_secret_value())
        if not parts.hostname or parts.username is not None or parts.scheme not in ("http", "https"):
            raise ValueError("webhook must be an https address without user and password")
        if parts.scheme == "http" and parts.hostname not in self.allow_hosts:
            raise ValueError("webhook must begin with https://, unless its host stands in allow_hosts")
        return self


class Database(_Section):
    """Limits for DuckDB."""

    memory_limit: str = Field("1GB", pattern=r"(?i)^\d{1,6}(\.\d+)? ?([kmgt]i?b|%)$")
    threads: int = Field(2, ge=1, le=1024)


class Settings(_Section):
    """All of catalog.toml."""

    mode: Literal["live", "shadow"] = Field("live", description="shadow: every night compares, no category changes.")
    automation: Literal["on", "off"] = Field(
        "on", description="off: the model places and moves nothing, from the next placement step on, also this night."
    )
    routing: Routing = Routing()
    training: Training = Training()
    labels: Labels = Labels()
    serving: Serving = Serving()
    models: Models = Models()
    scale: Scale = Scale()
    feeds: Feeds = Feeds()
    images: Images = Images()
    review: Review = Review()
    changes: Changes = Changes()
    retention: Retention = Retention()
    audit: Audit = Audit()
    notify: Notify = Notify()
    database: Database = Database()

    @property
    def routing_hash(self) -> str:
        """Names what decides outcomes; a change of it makes a new policy."""
        decides = self.routing.model_dump_json(exclude={"max_moves", "carry_decisions"})
        return hashlib.sha256(decides.encode()).hexdigest()[:16]


class Workspace:
    """The folders and files of one workspace, each named once."""

    def __init__(self, root: Path) -> None:
        self.root = root.resolve()
        self.settings_file = self.root / "catalog.toml"
        self.policy_file = self.root / "policy.toml"
        self.taxonomy = self.root / "taxonomy"
        self.vendors = self.root / "vendors"
        self.feeds = self.root / "feeds"
        self.models = self.root / "models"
        self.current_model = self.models / "current"
        self.state = self.root / "state"
        self.lock = self.state / "run.lock"
        self.work_db = self.state / "work.duckdb"
        self.staged = self.state / "staged"
        self.embeddings = self.state / "embeddings"
        self.pictures = self.state / "pictures"
        self.seen_files = self.state / "seen_files"
        self.shards = self.state / "shards"
        self.published = self.root / "published"
        self.published_db = self.published / "catalog.duckdb"
        self.changes = self.published / "changes"
        self.night_json = self.published / "night.json"
        self.outbox = self.root / "review" / "outbox"
        self.inbox = self.root / "review" / "inbox"
        self.reports = self.root / "reports"

    @property
    def folders(self) -> list[Path]:
        """Every folder `catalog init` makes."""
        return [
            self.taxonomy,
            self.vendors,
            self.feeds,
            self.models,
            self.staged,
            self.embeddings,
            self.pictures,
            self.changes,
            self.outbox,
            self.inbox,
            self.reports,
        ]

    def require(self) -> "Workspace":
        """Itself, or CatalogError when this folder is no workspace."""
        if not self.settings_file.exists():
            raise CatalogError(
                f"{self.root} is not a workspace (no catalog.toml).",
                remedy="Go to one, name one with --workspace DIR, or make one with `catalog init DIR`.",
            )
        return self

    def settings(self) -> Settings:
        """Reads catalog.toml. Raises CatalogError that names the key when one is unknown or out of range."""
        try:
            return Settings.model_validate(tomllib.loads(self.settings_file.read_text(encoding="utf-8-sig")))
        except UnicodeDecodeError as error:
            raise CatalogError(f"{self.settings_file}: {error}.", remedy="Save the file as UTF-8.") from error
        except tomllib.TOMLDecodeError as error:
            raise CatalogError(f"{self.settings_file}: {error}.", remedy="Correct the TOML at that line.") from error
        except ValidationError as error:
            problems = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
            raise CatalogError(f"{self.settings_file}: {problems}.", remedy="Correct or remove that key.") from error
