"""The scorers that ship, by name; ``docs/scorers.md`` compares them. None is loaded before it is built."""

from collections.abc import Callable
from types import MappingProxyType
from typing import Final

from vegas_data.records import Side
from vegas_data.verify.options import ScorerOptions
from vegas_data.verify.scorers.seam import Registry, Scorer, ScorerEntry


def _build_yamnet(options: ScorerOptions, digest: str) -> Scorer:
    from vegas_data.verify.scorers.yamnet import load_yamnet

    return load_yamnet(digest)


def _build_efficientnet_lite0(options: ScorerOptions, digest: str) -> Scorer:
    from vegas_data.verify.scorers.efficientnet_lite0 import load_efficientnet_lite0

    return load_efficientnet_lite0(digest, options.device)


def _build_ast(options: ScorerOptions, digest: str) -> Scorer:
    from vegas_data.verify.scorers.ast_audioset import load_ast

    return load_ast(options.model, digest, options.device)


def _build_clap(options: ScorerOptions, digest: str) -> Scorer:
    from vegas_data.verify.scorers.clap import load_clap

    return load_clap(options.model, digest, options.device)


def _build_clip(options: ScorerOptions, digest: str) -> Scorer:
    from vegas_data.verify.scorers.clip import load_clip

    return load_clip(options.model, digest, options.device)


def _build_siglip2(options: ScorerOptions, digest: str) -> Scorer:
    from vegas_data.verify.scorers.siglip2 import load_siglip2

    return load_siglip2(options.model, digest, options.device)


def _build_onset_motion(options: ScorerOptions, digest: str) -> Scorer:
    from vegas_data.verify.scorers.onset_motion import OnsetMotionScorer

    return OnsetMotionScorer(digest=digest)


def _build_strong_labels(options: ScorerOptions, digest: str) -> Scorer:
    from vegas_data.verify.scorers.strong_labels import load_strong_labels

    return load_strong_labels(options.model, digest)


def _pinned(name: str) -> Callable[[ScorerOptions], str]:
    def weights_of(options: ScorerOptions) -> str:
        from vegas_data.weights import weights_digest

        return weights_digest(name)

    return weights_of


def _snapshot(name: str) -> Callable[[ScorerOptions], str]:
    def snapshot_of(options: ScorerOptions) -> str:
        from vegas_data.networks.snapshot import snapshot_digest

        return snapshot_digest(name, options.model)

    return snapshot_of


def _no_weights(options: ScorerOptions) -> str:
    return ""


def _tables(options: ScorerOptions) -> str:
    from vegas_data.verify.scorers.strong_tables import tables_digest

    return tables_digest(options.model)


def _of_transformers(
    name: str, side: Side, build: Callable[[ScorerOptions, str], Scorer], *, reads: str, lacks: str
) -> ScorerEntry:
    return ScorerEntry(
        side=side,
        build=build,
        digest=_snapshot(name),
        reads=(reads,),
        lacks=lacks,
        requires=("transformers",),
        extra="scorers",
    )


_NO_SOUNDS: Final = "the table of categories gives no sounds for it"
_NO_PROMPTS: Final = "the table of categories gives no prompts for it"

SHIPPED: Final[Registry] = MappingProxyType(
    {
        "yamnet": ScorerEntry(
            side="heard",
            build=_build_yamnet,
            digest=_pinned("yamnet"),
            reads=("heard_classes",),
            lacks="YAMNet has no such class",
        ),
        "ast": _of_transformers("ast", "heard", _build_ast, reads="heard_classes", lacks="AudioSet has no such class"),
        "clap": _of_transformers("clap", "heard", _build_clap, reads="heard_classes", lacks=_NO_SOUNDS),
        "strong-labels": ScorerEntry(
            side="heard",
            build=_build_strong_labels,
            digest=_tables,
            reads=("include",),
            also_reads=("exclude",),
            lacks="the table of categories gives no AudioSet ids for it",
            is_prior=True,
        ),
        "efficientnet-lite0": ScorerEntry(
            side="seen",
            build=_build_efficientnet_lite0,
            digest=_pinned("efficientnet-lite0"),
            reads=("seen_classes",),
            lacks="ImageNet has no such class",
        ),
        "clip": _of_transformers("clip", "seen", _build_clip, reads="prompts", lacks=_NO_PROMPTS),
        "siglip2": _of_transformers("siglip2", "seen", _build_siglip2, reads="prompts", lacks=_NO_PROMPTS),
        "onset-motion": ScorerEntry(
            side="pair",
            build=_build_onset_motion,
            digest=_no_weights,
            reads=(),
            lacks="",
        ),
    }
)
