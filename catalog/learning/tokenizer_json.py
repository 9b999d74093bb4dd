"""open_clip's tokenizers written as one tokenizer.json, so that serving needs neither open_clip nor transformers.

What cannot be written that way is refused here by name; whether what was written gives the same ids is asked at export.
"""

import json
from typing import Any

from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, processors

from catalog.errors import CatalogError

# How SimpleTokenizer cuts a text: English endings, runs of letters, single digits, runs of anything else.
_PIECES = r"'s|'t|'re|'ve|'m|'ll|'d|\p{L}+|\p{N}|[^\s\p{L}\p{N}]+"
_PUNCTUATION = r"""[!"#$%&'()*+,\-./:;<=>?@\[\\\]^`{|}~]"""


def expressed(tokenizer: Any, name: str, clean_up: str | None) -> str:
    """The content of tokenizer.json for an open_clip tokenizer of the encoder `name`.

    `clean_up`: the one its configuration names, None for the tokenizer's own default.
    Raises CatalogError when it is of a kind that tokenizer.json cannot say.
    """
    if hasattr(tokenizer, "bpe_ranks"):
        _refuse_reduction(tokenizer, name)
        return _normalized(_byte_pairs(tokenizer), clean_up or "lower")
    if getattr(tokenizer, "tokenizer_mode", "") or not hasattr(tokenizer, "clean_fn"):
        raise _refused(name, f"is a {type(tokenizer).__name__} in a mode of its own")
    fast = getattr(tokenizer.tokenizer, "backend_tokenizer", None)
    if fast is None:
        raise _refused(name, f"is a {type(tokenizer.tokenizer).__name__}, written in Python")
    return _normalized(Tokenizer.from_str(fast.to_str()), clean_up or "whitespace")


def padding_id(tokenizer: Any) -> int:
    """What open_clip fills a row of ids with."""
    return 0 if hasattr(tokenizer, "bpe_ranks") else int(tokenizer.tokenizer.pad_token_id)


def _byte_pairs(tokenizer: Any) -> Tokenizer:
    """SimpleTokenizer: byte pairs over the words of a lower-case text, each word ending in </w>."""
    ranked = sorted(tokenizer.bpe_ranks, key=tokenizer.bpe_ranks.__getitem__)
    found = Tokenizer(models.BPE(vocab=tokenizer.encoder, merges=ranked, end_of_word_suffix="</w>"))
    found.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(_PIECES), behavior="removed", invert=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    # The marks are no added tokens on purpose: a vendor's text must not be able to end itself.
    marks = [(tokenizer.decoder[id_], id_) for id_ in (tokenizer.sot_token_id, tokenizer.eot_token_id)]
    found.post_processor = processors.TemplateProcessing(single=f"{marks[0][0]} $A {marks[1][0]}", special_tokens=marks)
    return found


def _normalized(tokenizer: Tokenizer, clean_up: str) -> str:
    """With the clean-up that the encoder was trained with in front; white space is settled before any tokenizer."""
    steps: dict[str, list[normalizers.Normalizer]] = {
        "whitespace": [],
        "lower": [normalizers.Lowercase()],
        "canonicalize": [
            normalizers.Replace("_", " "),
            normalizers.Replace(Regex(_PUNCTUATION), ""),
            normalizers.Lowercase(),
            normalizers.Replace(Regex(r"\s+"), " "),
            normalizers.Strip(),
        ],
    }
    if first := steps[clean_up]:
        own = [tokenizer.normalizer] if tokenizer.normalizer is not None else []
        tokenizer.normalizer = normalizers.Sequence([*first, *own])
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return json.dumps(json.loads(tokenizer.to_str()), ensure_ascii=False)


def _refuse_reduction(tokenizer: Any, name: str) -> None:
    if tokenizer.reduction_fn is not None:
        raise _refused(name, "shortens texts by chance")


def _refused(name: str, why: str) -> CatalogError:
    return CatalogError(
        f"The tokenizer of {name} {why}: it cannot be served without open_clip.",
        remedy="Choose another encoder; `catalog train --compare-encoders` ranks those that work.",
    )
