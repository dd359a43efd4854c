"""The decoder learns to summarise what the encoder reads; the encoder rests."""

from dataclasses import dataclass, field

import pandas as pd
from rouge_score.rouge_scorer import RougeScorer

from builders.schema import Config, Loop
from builders.stages import shared
from builders.stages.tables import Tables, prepare
from leximind.errors import InputError
from leximind.model.multitask import MultiTask
from leximind.text.tokenizer import Tokenizer
from leximind.training import examples
from leximind.training.batches import BatchPlan
from leximind.training.distributed import Processes

STAGE = "decoder"
TRAINED = ("backbone.decoder", "backbone.copy_head", "backbone.lm_bias", "backbone.lm_head")
TITLE, KEY = "title", "key"
Pair = tuple[str, str, str]


@dataclass
class Options:
    """Attributes:
    n_titles: texts of kind `title` whose summary is their title.
    n_keys: texts whose summary is their own best sentence: further ones of kind `title`, and up to half as
        many passages of the topic table.
    repeat: kind to how often its pairs are seen more than once, for the small sets of real summaries.
    held_kind, n_held: kind and number of validation pairs to measure the loss on.
    """

    loop: Loop = field(default_factory=Loop)
    n_titles: int = 0
    n_keys: int = 0
    repeat: dict[str, int] = field(default_factory=dict)
    held_kind: str = "tldr"
    n_held: int = 192
    label_smoothing: float = 0.0
    rows: int = 24
    tokens: int = 4608
    max_tokens: int = 224
    max_target: int = 48


def run(config: Config, model: MultiTask, tokenizer: Tokenizer, processes: Processes) -> MultiTask:
    """Train the decoder on the frozen encoder."""
    options: Options = config.training.decoder
    tables = prepare(config, processes)
    tables.need("summarization")
    pairs = cached_pairs(config, tables, processes)
    rows = examples.summary_examples(pairs, tokenizer, options.max_tokens, options.max_target)
    for kind, times in options.repeat.items():
        rows += [row for row in rows if row.start == examples.SUMMARY_STARTS[kind]] * (times - 1)
    frame = tables.validation["summarization"]
    held_pairs = first_targets(frame[frame["kind"] == options.held_kind])
    if not held_pairs:
        raise InputError(
            f"No validation row is of kind {options.held_kind!r}.", hint="Set training.decoder.held_kind."
        )
    held = examples.summary_examples(held_pairs, tokenizer, options.max_tokens, options.max_target)

    def evaluate(model: MultiTask) -> dict[str, float]:
        return {f"{options.held_kind}_loss": shared.summary_loss(model, held[: options.n_held])}

    shared.train(
        config,
        STAGE,
        model,
        processes,
        plans={"summarization": BatchPlan(rows, options.rows, options.tokens, config.seed)},
        probabilities={"summarization": 1.0},
        loss=shared.make_loss(options.label_smoothing),
        evaluate=evaluate,
        frozen=shared.all_but(model, TRAINED),
    )
    return shared.finish(config, STAGE, model)


def check_kinds(frame: pd.DataFrame) -> None:
    """Raise InputError for a kind of summary that the decoder has no start token for."""
    for kind in frame["kind"].unique():
        if kind not in examples.SUMMARY_STARTS:
            raise InputError(
                f"A summarization source is of kind {kind!r}, but one of "
                f"{', '.join(examples.SUMMARY_STARTS)} was expected.",
                hint="Say kind: KIND beside the source's path.",
            )


def all_targets(frame: pd.DataFrame) -> list[Pair]:
    """Source, summary and kind, a pair for each summary of a row."""
    check_kinds(frame)
    return [(row.source, target, row.kind) for row in frame.itertuples() for target in row.targets]


def first_targets(frame: pd.DataFrame) -> list[Pair]:
    """Source, first summary and kind of each row."""
    check_kinds(frame)
    return [(row.source, row.targets[0], row.kind) for row in frame.itertuples()]


def cached_pairs(config: Config, tables: Tables, processes: Processes) -> list[Pair]:
    """The training pairs; choosing key sentences takes minutes, so they are kept with the tables."""
    options: Options = config.training.decoder
    path = tables.folder / f"pairs-{options.n_titles}-{options.n_keys}.parquet"
    if processes.is_first and not path.exists():
        partial = path.with_suffix(".partial")
        pairs = make_pairs(tables, options, config.seed)
        pd.DataFrame(pairs, columns=["source", "summary", "kind"]).to_parquet(partial)
        partial.replace(path)
    processes.barrier()
    return list(pd.read_parquet(path).itertuples(index=False, name=None))


def make_pairs(tables: Tables, options: Options, seed: int) -> list[Pair]:
    """Texts with titles, texts with key sentences, and every other pair of the table."""
    frame = tables.train["summarization"]
    titled = frame[frame["kind"] == TITLE].sample(frac=1.0, random_state=seed)
    pairs = all_targets(titled.head(options.n_titles))
    further = titled.iloc[options.n_titles : options.n_titles + options.n_keys]
    texts = [(row.source, row.targets[0]) for row in further.itertuples()]
    if (topics := tables.train.get("topic")) is not None:
        passages = topics[topics["kind"] == "book_passage"].sample(frac=1.0, random_state=seed)
        texts += [(passage, "") for passage in passages["text"].head(options.n_keys // 2)]
    scorer = RougeScorer(["rouge1"])
    for text, title in texts:
        if (best := examples.key_sentence(text, title, scorer)) is not None:
            pairs.append((text, best, KEY))
    return pairs + all_targets(frame[frame["kind"] != TITLE])
