"""Build the demo's model: `python -m console.demo.build_model [OUT]`.

A llama-architecture GGUF of a few hundred kilobytes: random weights from a fixed seed, a tokenizer trained on
the demo's own conversation, a ChatML template with tools. It says nothing sensible, but a real llama-server
reads prompts with it, caches them and logs about them exactly as with a large one. Equal versions of the
packages in the `dev` extra build equal bytes.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from pathlib import Path

import gguf
import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from console.demo.conversation import requests, steps
from console.demo.server import MODEL

# One narrow layer: the conversation's 20,000 tokens take about half a second to read on two slow cores, which
# is long enough to be seen and short enough to be waited for.
VOCABULARY = 4096
WIDTH = 32
HEADS = 1
LAYERS = 1
HIDDEN = 160
CONTEXT = 131072

_SEED = 20260217
_SPECIAL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
_END = 2
TEMPLATE = Path(__file__).with_name("chat_template.jinja")


def build(out: Path) -> None:
    """Write the model to `out`, replacing what is there."""
    corpus = _strings(_last_request())
    tokens, merges = train(corpus)
    writer = gguf.GGUFWriter(out, "llama")
    writer.add_name("kvconsole demo, random weights")
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(LAYERS)
    writer.add_feed_forward_length(HIDDEN)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(1)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(WIDTH // HEADS)
    writer.add_vocab_size(len(tokens))
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_F16)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(tokens)
    writer.add_token_merges(merges)
    kinds = [gguf.TokenType.CONTROL] * len(_SPECIAL) + [gguf.TokenType.NORMAL] * (len(tokens) - len(_SPECIAL))
    writer.add_token_types(kinds)
    writer.add_bos_token_id(0)
    writer.add_eos_token_id(_END)
    writer.add_add_bos_token(False)
    writer.add_chat_template(TEMPLATE.read_text(encoding="utf-8"))
    for name, tensor in weights(tokens, _words(corpus)).items():
        writer.add_tensor(name, tensor)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def train(corpus: Sequence[str]) -> tuple[list[str], list[str]]:
    """Byte-level BPE as in GPT-2; returns the tokens in order of their ids, and the merges in order."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=list(_SPECIAL),
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(corpus, trainer)
    model = json.loads(tokenizer.to_str())["model"]
    tokens = sorted(model["vocab"], key=model["vocab"].__getitem__)
    return tokens, [" ".join(pair) for pair in model["merges"]]


def _last_request() -> object:
    """The longest prompt of the demo's conversation, which holds all the others' text."""
    *_, last = requests("chat", turns=len(steps()), start=datetime(2026, 2, 18, 20, 48, tzinfo=UTC))
    return json.loads(last.body)


def _strings(value: object) -> list[str]:
    """Each text in a JSON value, tools as the template writes them."""
    match value:
        case str():
            return [value]
        case list():
            return [text for entry in value for text in _strings(entry)]
        case {"type": "function", "function": {"description": _}}:
            return [json.dumps(value, ensure_ascii=False)]
        case dict():
            return [text for entry in value.values() for text in _strings(entry)]
        case _:
            return []


def weights(tokens: Sequence[str], words: Collection[str]) -> dict[str, NDArray[np.generic]]:
    """All tensors by llama.cpp's names.

    Dimension 0 is kept apart: no layer writes to it, each token brings a positive value into it, and the last
    norm lifts it. Whole words bring more than other tokens, so that what is generated reads as words, is
    valid UTF-8, and practically never ends by itself.
    """
    random = np.random.default_rng(_SEED)

    def draw(rows: int, columns: int, scale: float = 0.05) -> NDArray[np.float32]:
        return (random.standard_normal((rows, columns)) * scale).astype(np.float32)

    embedding = draw(len(tokens), WIDTH, 0.5)
    embedding[:, 0] = [2.0 if token in words else 0.2 for token in tokens]
    embedding[: len(_SPECIAL), 0] = 0.05
    # With every second sign turned, a token does not prefer itself as its successor.
    last_norm = np.where(np.arange(WIDTH) % 2, -1.0, 1.0).astype(np.float32)
    last_norm[0] = 8.0
    tensors: dict[str, NDArray[np.generic]] = {
        "token_embd.weight": embedding.astype(np.float16),
        "output_norm.weight": last_norm,
    }
    for layer in range(LAYERS):
        block = {
            "attn_q": draw(WIDTH, WIDTH),
            "attn_k": draw(WIDTH // HEADS, WIDTH),
            "attn_v": draw(WIDTH // HEADS, WIDTH),
            "attn_output": draw(WIDTH, WIDTH),
            "ffn_gate": draw(HIDDEN, WIDTH),
            "ffn_up": draw(HIDDEN, WIDTH),
            "ffn_down": draw(WIDTH, HIDDEN),
        }
        block["attn_output"][0] = 0
        block["ffn_down"][0] = 0
        tensors |= {f"blk.{layer}.{name}.weight": tensor.astype(np.float16) for name, tensor in block.items()}
        for norm in ("attn_norm", "ffn_norm"):
            tensors[f"blk.{layer}.{norm}.weight"] = np.ones(WIDTH, dtype=np.float32)
    return tensors


def _words(corpus: Sequence[str]) -> frozenset[str]:
    """The plain words of a text as tokens: a byte-level tokenizer writes the space before a word as `Ġ`."""
    return frozenset(f"Ġ{word}" for text in corpus for word in re.findall(r"\b[a-z]{3,}\b", text))


if __name__ == "__main__":
    build(Path(sys.argv[1]) if len(sys.argv) > 1 else MODEL)
