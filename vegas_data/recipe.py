"""The typed view of one ``pipelines/*.toml``: every number that decides what a data set holds.

Each table belongs to the stage that owns it; flags that change no result (workers, device, paths) are not here. A flag
that does change results changes the recipe that the workspace remembers (``RecipeChanges``), so that every later
command, and the release, know of it.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from vegas_data.config import OPERATIONAL, digest, load_table, parse_toml, read_text, shipped
from vegas_data.demo import CorpusOptions
from vegas_data.errors import RecipeError
from vegas_data.features import FeatureOptions
from vegas_data.fetch import FetchOptions, SourceOptions
from vegas_data.listing import ManifestOptions
from vegas_data.shards import ShardOptions
from vegas_data.split import SplitOptions
from vegas_data.training import TrainingOptions
from vegas_data.units import Grid
from vegas_data.verify import TriageOptions, VerifyOptions

if TYPE_CHECKING:
    from tomlkit import TOMLDocument

DEFAULT: Final = "vegas"
SCHEMA: Final = 1


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """One recipe.

    Args:
        manifest: from which lists clips are drawn, and how many of a category; None where tables of clips are given.
        corpus: the embedded corpus to render and fetch from; only demo and test recipes have one.
        training: what the demo trains; decides nothing about the data.
    """

    name: str
    schema: int = SCHEMA
    title: str = ""
    sources: tuple[SourceOptions, ...] = (SourceOptions(),)
    grid: Grid = field(default_factory=Grid)
    fetch: FetchOptions = field(default_factory=FetchOptions)
    verify: VerifyOptions
    split: SplitOptions = field(default_factory=SplitOptions)
    features: FeatureOptions
    shards: ShardOptions = field(default_factory=ShardOptions)
    # It enters the digest by itself, so that recipes without it keep the digest that they had before it existed.
    manifest: ManifestOptions | None = field(default=None, metadata=OPERATIONAL)
    corpus: CorpusOptions | None = None
    training: TrainingOptions | None = field(default=None, metadata=OPERATIONAL)

    def __post_init__(self) -> None:
        if self.schema != SCHEMA:
            raise ValueError(f"this version reads recipes of schema {SCHEMA}, not {self.schema}")

    @property
    def digest(self) -> str:
        """Digest of everything in the recipe that decides results."""
        later: list[object] = [] if self.manifest is None else [self.manifest]
        if self.verify.triage != TriageOptions():
            later.append(self.verify.triage)
        if self.verify.advisers:
            later.append(self.verify.advisers)
        return digest("recipe", self, *later)


def find_recipe(name_or_path: str) -> Path:
    """The file of a recipe: a path that ends in ``.toml``, or the name of a shipped one.

    Raises:
        RecipeError: no recipe of that name ships.
    """
    if name_or_path.endswith(".toml"):
        return Path(name_or_path)
    folder = shipped("pipelines")
    path = folder / f"{name_or_path}.toml"
    if not name_or_path.isidentifier() or not path.is_file():
        known = ", ".join(sorted(file.stem for file in folder.glob("*.toml")))
        raise RecipeError(f"no recipe called {name_or_path!r}", remedy=f"give a .toml file, or one of: {known}")
    return path


def load_recipe(path: Path) -> Recipe:
    """Read and check a recipe.

    Raises:
        RecipeError: unknown key, wrong type, refused value; the message names file, table and remedy.
    """
    return parse_recipe(read_text(path), where=path.name)


def parse_recipe(text: str, *, where: str) -> Recipe:
    """Check the text of a recipe; raises as ``load_recipe``."""
    return load_table(Recipe, parse_toml(text, where=where), where=where)


@dataclass(frozen=True, kw_only=True)
class RecipeChanges:
    """What flags of a command change in a recipe; None leaves it as it stands.

    Args:
        flow_engine: who computes the flow of every stream that has one. shard_bytes: most bytes of a shard.
        random_weights: seed of weights drawn at random.
    """

    flow_engine: str | None = None
    shard_bytes: int | None = None
    random_weights: int | None = None

    def apply(self, text: str) -> str:
        """The recipe in ``text``, which is a valid one, with these changes; its comments stay.

        Raises:
            RecipeError: there is no flow that an engine could compute.
        """
        if self == AS_IT_STANDS:
            return text
        import tomlkit

        document = tomlkit.parse(text)
        features: Any = document["features"]
        if self.random_weights is not None:
            features["random_weights"] = self.random_weights
        if self.shard_bytes is not None:
            _shards_of(document)["max_bytes"] = self.shard_bytes
        if self.flow_engine is not None:
            flows = [stream["flow"] for stream in features["streams"] if "flow" in stream]
            if not flows:
                raise RecipeError("no stream of the recipe has flow", remedy="leave --flow-engine out")
            for flow in flows:
                flow["engine"] = self.flow_engine
        return tomlkit.dumps(document)


AS_IT_STANDS: Final = RecipeChanges()


def _shards_of(document: "TOMLDocument") -> Any:
    import tomlkit

    if "shards" not in document:
        document["shards"] = tomlkit.table()
    return document["shards"]
