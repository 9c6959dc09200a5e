"""Every error this project raises on purpose, and the process exit code each one leads to.

    VegasError                    code              exit  retryable
    ├── ManifestError             manifest          3
    ├── RecipeError               recipe            2
    ├── WorkspaceError            workspace         3
    │   └── WorkspaceLocked       locked            75
    ├── DependencyMissing         dependency        5
    ├── WorkerDied                worker_died       4
    ├── FetchError                fetch             4
    │   ├── VideoUnavailable      removed, private, region, age, members_only
    │   ├── RateLimited           rate_limited      75    yes
    │   └── TransferFailed        transfer_failed   4     yes
    ├── MediaError                media             3
    │   ├── ProbeFailed           probe_failed
    │   ├── DecodeFailed          decode_failed
    │   ├── NoAudio               no_audio
    │   ├── TooShort              too_short
    │   ├── LimitExceeded         limit_exceeded
    │   └── ResourcesExhausted    resources         4     yes
    ├── VerificationError         verification      3
    │   └── ScorerMissing         scorer_missing    5
    ├── FeatureError              feature           3
    │   ├── WeightsMissing        weights_missing   5
    │   └── DeviceMissing         device_missing    5
    ├── ShardError                shard             3
    │   ├── SchemaMismatch        schema_mismatch
    │   └── ChecksumMismatch      checksum_mismatch
    ├── ReleaseError              release           3
    └── TrainError                train             3
        ├── CheckpointCorrupt     checkpoint_corrupt
        └── NonFiniteLoss         non_finite_loss

``ValueError`` means the caller is wrong, ``VegasError`` that the world is wrong, ``assert`` that we are.
A rejected window is data, not an error. A dead video or a broken file is the world's last word about a
clip: the driver records it under its ``code`` and goes on; only a ``retryable`` error is tried again.

Exit codes: 0 done · 1 checks found something · 2 usage or configuration · 3 input missing or invalid ·
4 finished, but some units failed and a retry could help · 5 a dependency is missing · 70 a bug of
ours · 75 come back later · 130/143 interrupted.
"""

from typing import Any, ClassVar, Final, Literal

EXIT_OK: Final = 0
EXIT_FINDINGS: Final = 1
EXIT_USAGE: Final = 2
EXIT_INPUT: Final = 3
EXIT_RETRY: Final = 4
EXIT_DEPENDENCY: Final = 5
EXIT_BUG: Final = 70
EXIT_LATER: Final = 75

UnavailableReason = Literal["removed", "private", "region", "age", "members_only"]


class VegasError(Exception):
    """Base of all errors of the project: what happened, and the ``remedy`` a user can type or do."""

    code: str = "error"
    exit_code: ClassVar[int] = EXIT_INPUT
    retryable: ClassVar[bool] = False

    def __init__(self, message: str, *, remedy: str = "") -> None:
        super().__init__(message)
        self.remedy = remedy

    def __reduce__(self) -> tuple[Any, ...]:
        """Errors cross process borders, whatever their constructors ask for."""
        return _rebuild, (type(self), self.args, self.__dict__)


def _rebuild(cls: type[VegasError], args: tuple[Any, ...], state: dict[str, Any]) -> VegasError:
    error = cls.__new__(cls)
    error.args = args
    error.__dict__.update(state)
    return error


class ManifestError(VegasError):
    """A manifest table is missing, malformed or holds a row that must not be used."""

    code = "manifest"


class RecipeError(VegasError):
    """A recipe or categories file is malformed: unknown key, wrong type, unknown category."""

    code = "recipe"
    exit_code = EXIT_USAGE


class WorkspaceError(VegasError):
    """The workspace folder is missing, belongs to another recipe, or cannot be written."""

    code = "workspace"


class WorkspaceLocked(WorkspaceError):
    """Another command is at work in the same workspace."""

    code = "locked"
    exit_code = EXIT_LATER


class DependencyMissing(VegasError):
    """A program or package that a command needs is not on this machine."""

    code = "dependency"
    exit_code = EXIT_DEPENDENCY


class WorkerDied(VegasError):
    """A worker process ended before it could take any work."""

    code = "worker_died"
    exit_code = EXIT_RETRY


class FetchError(VegasError):
    """A clip could not be brought here."""

    code = "fetch"
    exit_code = EXIT_RETRY


class VideoUnavailable(FetchError):
    """The source says, for good, that this video is not to be had; ``code`` says why."""

    def __init__(self, message: str, *, reason: UnavailableReason, remedy: str = "") -> None:
        super().__init__(message, remedy=remedy)
        self.code = reason


class RateLimited(FetchError):
    """The host asked us to slow down. The clip is innocent."""

    code = "rate_limited"
    exit_code = EXIT_LATER
    retryable = True


class TransferFailed(FetchError):
    """The host or the network failed in a way that may pass."""

    code = "transfer_failed"
    retryable = True


class MediaError(VegasError):
    """A media file is not what it has to be."""

    code = "media"


class ProbeFailed(MediaError):
    """No container or no picture could be recognised."""

    code = "probe_failed"


class DecodeFailed(MediaError):
    """The file announces more than can be decoded from it."""

    code = "decode_failed"


class NoAudio(MediaError):
    """The file has no sound track."""

    code = "no_audio"


class TooShort(MediaError):
    """What can be decoded is shorter than one window."""

    code = "too_short"


class LimitExceeded(MediaError):
    """The file is larger, longer or wider than a clip may be."""

    code = "limit_exceeded"


class ResourcesExhausted(MediaError):
    """The machine had too little time, memory or room for the file just now. The file may be innocent."""

    code = "resources"
    exit_code = EXIT_RETRY
    retryable = True


class VerificationError(VegasError):
    """Windows could not be judged."""

    code = "verification"


class ScorerMissing(VerificationError):
    """No scorer that can judge a category's side is at hand."""

    code = "scorer_missing"
    exit_code = EXIT_DEPENDENCY


class FeatureError(VegasError):
    """Features could not be computed."""

    code = "feature"


class WeightsMissing(FeatureError):
    """The weights of a network are not on this machine, or are not the pinned ones."""

    code = "weights_missing"
    exit_code = EXIT_DEPENDENCY


class DeviceMissing(FeatureError):
    """The asked-for device (``--gpu``) does not exist here."""

    code = "device_missing"
    exit_code = EXIT_DEPENDENCY


class ShardError(VegasError):
    """A shard cannot be used."""

    code = "shard"


class SchemaMismatch(ShardError):
    """A shard does not hold what its schema or side-car says."""

    code = "schema_mismatch"


class ChecksumMismatch(ShardError):
    """The bytes of a file are not those that were recorded for it."""

    code = "checksum_mismatch"


class ReleaseError(VegasError):
    """A release cannot be built or is inconsistent."""

    code = "release"


class TrainError(VegasError):
    """Training cannot start or go on."""

    code = "train"


class CheckpointCorrupt(TrainError):
    """A checkpoint's bytes are not those that were recorded for it."""

    code = "checkpoint_corrupt"


class NonFiniteLoss(TrainError):
    """The loss became NaN or infinite."""

    code = "non_finite_loss"
