"""Tiny networks with random weights, saved as snapshots that the real loading code of transformers reads."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
import transformers
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace
from tokenizers.processors import TemplateProcessing

LAYERS = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2}
WORDS = ("a", "photo", "of", "drum", "dog", "drumming", "person", "This", "is", "sound", "music", ".", "people")


def save_preprocessor(folder: Path, **settings: Any) -> None:
    (folder / "preprocessor_config.json").write_text(json.dumps(settings), encoding="utf-8")


def save_tokenizer(folder: Path, specials: Sequence[str], *, words: Sequence[str] = WORDS) -> None:
    """A tokenizer of whole words; the specials begin, pad, end, and stand for what is unknown, in this order."""
    begin, pad, end, unknown = specials
    vocabulary = {token: index for index, token in enumerate((*specials, *words))}
    tokenizer = Tokenizer(WordLevel(vocabulary, unk_token=unknown))
    tokenizer.pre_tokenizer = Whitespace()
    tokenizer.post_processor = TemplateProcessing(
        single=f"{begin} $A {end}", special_tokens=[(begin, vocabulary[begin]), (end, vocabulary[end])]
    )
    transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token=begin, pad_token=pad, eos_token=end, unk_token=unknown
    ).save_pretrained(folder)


def save_tiny_clip(folder: Path, *, size_px: int = 64, patch_px: int = 16, width: int = 16) -> Path:
    text = {**LAYERS, "vocab_size": 32, "max_position_embeddings": 16, "bos_token_id": 0, "eos_token_id": 2}
    vision = {**LAYERS, "image_size": size_px, "patch_size": patch_px}
    torch.manual_seed(7)
    config = transformers.CLIPConfig(text_config=text, vision_config=vision, projection_dim=width)
    network = transformers.CLIPModel(config)
    with torch.no_grad():
        network.logit_scale.fill_(2.0)
    network.save_pretrained(folder)
    save_tokenizer(folder, ("<s>", "<pad>", "</s>", "<unk>"))
    colours = {"image_mean": [0.48, 0.46, 0.41], "image_std": [0.27, 0.26, 0.28]}
    crop = {"height": size_px, "width": size_px}
    save_preprocessor(folder, size={"shortest_edge": size_px}, crop_size=crop, resample=3, **colours)
    return folder


def save_tiny_clap(folder: Path) -> Path:
    text = {**LAYERS, "vocab_size": 32, "max_position_embeddings": 90, "type_vocab_size": 1, "pad_token_id": 1}
    audio = {
        "spec_size": 128,
        "num_mel_bins": 16,
        "patch_embeds_hidden_size": 8,
        "hidden_size": 16,
        "depths": [1, 1],
        "num_attention_heads": [2, 2],
        "num_hidden_layers": 2,
        "window_size": 4,
        "enable_fusion": False,
        "patch_size": 4,
        "patch_stride": [4, 4],
    }
    torch.manual_seed(8)
    config = transformers.ClapConfig(text_config=text, audio_config=audio, projection_dim=16)
    network = transformers.ClapModel(config)
    with torch.no_grad():
        network.logit_scale_a.fill_(2.0)
    network.save_pretrained(folder)
    save_tokenizer(folder, ("<s>", "<pad>", "</s>", "<unk>"))
    extractor = transformers.ClapFeatureExtractor(
        feature_size=16, truncation="rand_trunc", padding="repeatpad", frequency_min=50, frequency_max=14000
    )
    extractor.save_pretrained(folder)
    return folder


def save_tiny_ast(folder: Path, class_names: Sequence[str]) -> Path:
    torch.manual_seed(9)
    config = transformers.ASTConfig(
        **LAYERS,
        max_length=256,
        num_mel_bins=32,
        patch_size=16,
        time_stride=16,
        frequency_stride=16,
        id2label=dict(enumerate(class_names)),
        label2id={name: index for index, name in enumerate(class_names)},
    )
    network = transformers.ASTForAudioClassification(config)
    with torch.no_grad():
        network.classifier.dense.weight.mul_(20)
    network.save_pretrained(folder)
    transformers.ASTFeatureExtractor(num_mel_bins=32, max_length=256).save_pretrained(folder)
    return folder


def save_tiny_siglip(folder: Path) -> Path:
    """Two layers with random weights, a tokenizer of a few words, and its preprocessor."""
    text = {**LAYERS, "vocab_size": 32, "max_position_embeddings": 12, "bos_token_id": 0, "eos_token_id": 1}
    vision = {**LAYERS, "image_size": 64, "patch_size": 16}
    torch.manual_seed(7)
    network = transformers.SiglipModel(transformers.SiglipConfig(text_config=text, vision_config=vision))
    with torch.no_grad():
        network.logit_scale.fill_(2.0)
        network.logit_bias.fill_(-1.0)
    network.save_pretrained(folder)
    save_tokenizer(folder, ("<s>", "<pad>", "</s>", "<unk>"))
    colours = {"image_mean": [0.5] * 3, "image_std": [0.5] * 3}
    save_preprocessor(folder, size={"height": 64, "width": 64}, resample=2, **colours)
    return folder
