"""Every error this project raises on purpose, and the process exit code each one leads to.

    VegasError                    code              exit  retryable
    ├── ManifestError             manifest          3
    ├── RecipeError               recipe            2
    ├── WorkspaceError            workspace         3
    │   └── WorkspaceLocked       locked            75
    ├── DependencyMissing         dependency        5
    ├── WorkerDied                worker_died       4
    ├── FetchError                fetch             4
    │   ├── VideoUnavailable      removed, private, account_terminated, region, age, members_only, live, copyright,
    │   │                         format_missing, not_here
    │   ├── Unclassified          unclassified      4
    │   ├── RateLimited           rate_limited      75    yes    stops its source after 5 in a row
    │   ├── BotCheck              bot_check         75    yes    stops its source after 3 in a row
    │   ├── TransferFailed        transfer_failed   4     yes
    │   ├── TimedOut              timed_out         4     yes
    │   ├── ExtractorBroken       extractor_broken  5            stops its source after 3 in a row
    │   └── JsRuntimeMissing      js_runtime_missing 5           stops the run
    ├── MediaError                media             3
    │   ├── Unsupported           unsupported
    │   ├── NoVideo               no_video
    │   ├── NoAudio               no_audio
    │   ├── NoSuchTime            no_such_time
    │   ├── DecodeFailed          decode_failed
    │   ├── LimitExceeded         too_large
    │   └── ResourcesExhausted    resources         4     yes
    ├── VerificationError         verification      3
    │   └── ScorerMissing         scorer_missing    5
    ├── AnnotationError           annotation        3
    │   ├── JudgmentConflict      conflict
    │   └── JudgmentsBusy         busy              75    yes
    ├── FeatureError              feature           3
    │   ├── WeightsMissing        weights_missing   5
    │   ├── WeightsInvalid        weights_invalid
    │   ├── DeviceMissing         device_missing    5
    │   └── DeviceLost            device_lost       5
    ├── ShardError                shard             3
    │   ├── SchemaMismatch        schema_mismatch
    │   └── ChecksumMismatch      checksum_mismatch
    ├── ReleaseError              release           3
    └── TrainError                train             3
        ├── CheckpointCorrupt     checkpoint_corrupt
        └── NonFiniteLoss         non_finite_loss

``ValueError`` means the caller is wrong, ``VegasError`` that the world is wrong, ``assert`` that we are.
A rejected window is data, not an error. A dead video or a broken file is the world's last word about a
clip: the driver records it under its ``code`` and goes on; only a ``retryable`` error is tried again. What is a
host's or a tool's fault and not the clip's (``stops_after``) ends the work with that source when it comes so many times
in a row; the clips stay where they were, in the queue.

Exit codes: 0 done · 1 checks found something · 2 usage or configuration · 3 input missing or invalid ·
4 finished, but some units failed and a retry could help · 5 a dependency is missing · 70 a bug of
ours · 75 come back later · 130/143 interrupted.
"""

import signal
from typing import Any, ClassVar, Final, Literal, get_args

EXIT_OK: Final = 0
EXIT_FINDINGS: Final = 1
EXIT_USAGE: Final = 2
EXIT_INPUT: Final = 3
EXIT_RETRY: Final = 4
EXIT_DEPENDENCY: Final = 5
EXIT_BUG: Final = 70
EXIT_LATER: Final = 75

UnavailableReason = Literal[
    "removed",
    "private",
    "account_terminated",
    "region",
    "age",
    "members_only",
    "live",
    "copyright",
    "format_missing",
    "not_here",
]


class VegasError(Exception):
    """Base of all errors of the project: what happened, and the ``remedy`` a user can type or do."""

    code: str = "error"
    exit_code: ClassVar[int] = EXIT_INPUT
    retryable: ClassVar[bool] = False
    stops_after: ClassVar[int] = 0
    """So many in a row stop all work with the same source; 0: never."""

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


class Unclassified(FetchError):
    """The source refused in words that nobody here knows; the message holds them. Tried again by the next run."""

    code = "unclassified"


class HostRefuses(FetchError):
    """The host wants fewer requests, or none, from us. The clip is innocent.

    Args:
        retry_after_s: how long the host asked us to stay away, if it said so.
    """

    exit_code = EXIT_LATER
    retryable = True

    def __init__(self, message: str, *, remedy: str = "", retry_after_s: float | None = None) -> None:
        super().__init__(message, remedy=remedy)
        self.retry_after_s = retry_after_s


class RateLimited(HostRefuses):
    """The host asked us to slow down."""

    code = "rate_limited"
    stops_after = 5


class BotCheck(HostRefuses):
    """The host asks whether we are a person."""

    code = "bot_check"
    stops_after = 3


class TransferFailed(FetchError):
    """The host or the network failed in a way that may pass."""

    code = "transfer_failed"
    retryable = True


class TimedOut(FetchError):
    """Nothing came, or too slowly, until the time for it was up."""

    code = "timed_out"
    retryable = True


class ExtractorBroken(FetchError):
    """yt-dlp no longer understands the site: it has to be upgraded. The clip is innocent."""

    code = "extractor_broken"
    exit_code = EXIT_DEPENDENCY
    stops_after = 3


class JsRuntimeMissing(FetchError):
    """yt-dlp needs a JavaScript runtime that is not here."""

    code = "js_runtime_missing"
    exit_code = EXIT_DEPENDENCY
    stops_after = 1


class MediaError(VegasError):
    """A media file is not what it has to be."""

    code = "media"


class Unsupported(MediaError):
    """Not a container, or not a codec, that anything here can read."""

    code = "unsupported"


class NoVideo(MediaError):
    """The file has no picture track."""

    code = "no_video"


class DecodeFailed(MediaError):
    """The file announces more than can be decoded from it."""

    code = "decode_failed"


class NoAudio(MediaError):
    """The file has no sound track."""

    code = "no_audio"


class NoSuchTime(MediaError):
    """The source ends before the clip, or leaves less than a window of it."""

    code = "no_such_time"


class LimitExceeded(MediaError):
    """The file is larger, longer or wider than a clip may be."""

    code = "too_large"


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


class AnnotationError(VegasError):
    """Judgments of people cannot be read, kept or taken from another tool."""

    code = "annotation"


class JudgmentConflict(AnnotationError):
    """The log of judgments already holds what this one would contradict or repeat."""

    code = "conflict"


class JudgmentsBusy(AnnotationError):
    """Another program holds the log of judgments just now."""

    code = "busy"
    exit_code = EXIT_LATER
    retryable = True


class FeatureError(VegasError):
    """Features could not be computed."""

    code = "feature"


class WeightsMissing(FeatureError):
    """The weights of a network are not on this machine, or are not the pinned ones."""

    code = "weights_missing"
    exit_code = EXIT_DEPENDENCY


class WeightsInvalid(FeatureError):
    """A weight file that somebody brought is damaged, or holds another network than it has to."""

    code = "weights_invalid"


class DeviceMissing(FeatureError):
    """The asked-for device (``--gpu``) does not exist here."""

    code = "device_missing"
    exit_code = EXIT_DEPENDENCY


class DeviceLost(FeatureError):
    """The process that computes on a device ended in the middle of the work; what was done stays done."""

    code = "device_lost"
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


class Interrupted(BaseException):
    """The user stopped a stage by a signal. Not an error: nothing that handles errors may take it.

    Args:
        summary: what the stage came to, if it could still say so.

    ``earlier`` is what stages before it came to in the same command.
    """

    def __init__(self, signum: int, summary: Any = None) -> None:
        super().__init__(f"interrupted by {signal.Signals(signum).name}")
        self.signum = signum
        self.summary = summary
        self.earlier: list[Any] = []

    @property
    def exit_code(self) -> int:
        """130 for Ctrl-C, 143 for SIGTERM."""
        return 128 + self.signum


def _codes_below(base: type[VegasError]) -> set[str]:
    below = base.__subclasses__()
    return set().union(*map(_codes_below, below)) if below else {base.code}


CRASHED: Final = "crashed"
"""The class of what is a bug of ours, or killed a worker."""
CLIP_CLASSES: Final = tuple(
    sorted(get_args(UnavailableReason) + tuple((_codes_below(FetchError) | _codes_below(MediaError)) - {"fetch"}))
)
"""Every class that a clip which could not be had may end in."""
NOT_HERE: Final = "not_here"
"""A local folder has never had the video, and no other place was named: nobody was asked."""
GONE: Final = frozenset(get_args(UnavailableReason)) - {NOT_HERE}
"""Those of them that say that the video is not to be had from where it was."""
