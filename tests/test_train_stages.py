"""builders/train.py from tables to an exported model, on a tiny one: trained, killed, resumed."""

import json
import os
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer as Backend
from tokenizers import models as backends
from tokenizers import pre_tokenizers
from torch import Tensor

from builders.stages import shared, tables
from builders.stages.decoder import make_pairs
from builders.stages.export import validation_folder
from builders.stages.start import build_model, build_tokenizer
from builders.train import run
from leximind.errors import InputError, LexiMindError
from leximind.evaluation.pools import is_test_half
from leximind.inference.analyzer import LexiMind
from leximind.model import config as configs
from leximind.model.config import MultiTaskConfig
from leximind.model.layers import LoRALinear
from leximind.model.multitask import MultiTask
from leximind.settings import ROOT
from leximind.training.distributed import SINGLE
from leximind.training.loop import Trainer
from tests.peers import t5
from tests.training_data import WORDS, make_config, sentence, tiny_run, write_data


def read_log(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]


def same_weights(left: MultiTask, right: MultiTask) -> bool:
    theirs = right.state_dict()
    return all(torch.equal(value, theirs[name]) for name, value in left.state_dict().items())


class KilledError(BaseException):
    """Stands for a kill, which nothing catches."""


def kill_at(monkeypatch: pytest.MonkeyPatch, step: int) -> None:
    advance = Trainer._advance

    def die(trainer: Trainer) -> None:
        if trainer.step == step:
            raise KilledError
        advance(trainer)

    monkeypatch.setattr(Trainer, "_advance", die)


def test_multitask_trains_every_task_is_killed_goes_on_and_exports(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    overrides = [*tiny_run(tmp_path), "training.multitask.loop.n_steps=9", "profile=true"]
    train = [*overrides, "stages=[multitask]"]
    whole = run(make_config(*train, f"output={tmp_path / 'whole'}"), SINGLE)

    with monkeypatch.context() as patch, pytest.raises(KilledError):
        kill_at(patch, 5)
        run(make_config(*train), SINGLE)
    kept = sorted(path.name for path in (tmp_path / "run/multitask/checkpoints").iterdir())
    assert "step-00000004" in kept and "step-00000006" not in kept
    resumed = run(make_config(*overrides, "stages=[multitask,export]"), SINGLE)
    assert same_weights(resumed, whole)
    assert not same_weights(whole, MultiTask.from_pretrained(tmp_path / "start"))

    log = read_log(tmp_path / "run/multitask")
    assert {task for line in log for task in line.get("loss", ())} == {"emotion", "topic", "summarization"}
    metrics = next(line["validation"] for line in log if "validation" in line)
    weighted = metrics["emotion_loss"] + 0.3 * metrics["topic_loss"] + metrics["summarization_loss"]
    assert metrics["loss"] == pytest.approx(weighted)
    assert {"emotion_macro_f1_untuned", "topic_accuracy"} <= set(metrics)
    assert (tmp_path / "whole/multitask/trace.json").stat().st_size > 1000

    exported = LexiMind.from_pretrained(tmp_path / "run/model")
    (analysis,) = exported.analyze(["The captain was afraid of the whale in the storm. He wrote a letter."])
    assert analysis.summary and len(analysis.emotions) == 28


def test_the_stages_of_the_embedded_model_follow_each_other(tmp_path: Path) -> None:
    overrides = tiny_run(tmp_path)
    start = MultiTask.from_pretrained(tmp_path / "start").state_dict()
    encoder = run(make_config(*overrides, "stages=[encoder]"), SINGLE)
    branch = encoder.emotion_blocks.state_dict()
    for name, value in encoder.backbone.encoder.blocks[-1:].state_dict().items():
        assert torch.equal(value, branch[name]), "the branch begins where the encoder is"
    encoded = {k: v for k, v in encoder.state_dict().items() if not k.startswith("emotion_blocks")}
    moved = {name.split(".")[1] for name, value in encoded.items() if not torch.equal(value, start[name])}
    assert {"encoder", "emotion", "topic", "embedding"} >= moved >= {"encoder", "emotion", "topic"}
    assert all(torch.equal(v, start[k]) for k, v in encoded.items() if k.startswith("backbone.decoder"))

    before = encoder.state_dict()
    for stages, wanted in (
        ("words", {"heads.topic"}),
        ("emotion", {"emotion_blocks.0", "heads.emotion"}),
        ("selection", {"heads.selection"}),
        ("embedding", {"heads.embedding"}),
        ("decoder,export", {"backbone.decoder", "backbone.copy_head", "backbone.lm_bias"}),
    ):
        after = run(make_config(*overrides, f"stages=[{stages}]"), SINGLE).state_dict()
        moved = {
            ".".join(name.split(".")[:2])
            for name, value in after.items()
            if not torch.equal(value, before[name])
        }
        assert moved and moved <= wanted, f"{stages} trains its own part and nothing else"
        before = after
    assert "tldr_loss" in next(
        line["validation"] for line in read_log(tmp_path / "run/decoder") if "validation" in line
    )
    assert LexiMind.from_pretrained(tmp_path / "run/model").name


def test_what_the_embedding_learned_is_blended_with_the_identity(tmp_path: Path) -> None:
    overrides = [*tiny_run(tmp_path), "model.stages=[embedding]", "stages=[embedding]"]

    def projection(blend: float) -> Tensor:
        made: Any = run(make_config(*overrides, f"training.embedding.blend={blend}", "resume=never"), SINGLE)
        weight: Tensor = made.heads["embedding"].projection.weight
        return weight.detach()

    learned = projection(1.0)
    torch.testing.assert_close(projection(0.0), torch.eye(16))
    torch.testing.assert_close(projection(0.75), 0.75 * learned + 0.25 * torch.eye(16))
    assert (learned - torch.eye(16)).abs().max() > 0.01


def test_tokens_of_the_embedding_are_weighed_as_the_words_are(tmp_path: Path) -> None:
    overrides = [*tiny_run(tmp_path), "model.stages=[words,embedding]", "stages=[words,embedding]"]
    made: Any = run(make_config(*overrides), SINGLE)
    weights, idf = made.heads["embedding"].weights, made.heads["topic"].words.idf
    assert (idf > 0).any() and torch.allclose(weights[idf > 0], idf[idf > 0].sqrt())
    unseen = torch.ones(len(idf), dtype=torch.bool)
    unseen[[101, 102]] = False
    assert torch.allclose(weights[unseen & (idf == 0)], idf.max().sqrt())
    assert torch.allclose(weights[[101, 102]], torch.tensor(0.3))

    alone: Any = run(
        make_config(
            *overrides[:-2], "model.stages=[embedding]", "stages=[embedding]", f"output={tmp_path}/x"
        ),
        SINGLE,
    )
    assert (alone.heads["embedding"].weights == 1).all(), "no words were counted"


def test_distillation_holds_the_embedding_back(tmp_path: Path) -> None:
    overrides = [*tiny_run(tmp_path), "stages=[encoder]", "training.encoder.loop.n_steps=20"]
    start = MultiTask.from_pretrained(tmp_path / "start")
    ids = torch.randint(1000, 2000, (16, 12), generator=torch.Generator().manual_seed(0))
    kept = {}
    for weight in (0.0, 50.0):
        options = f"training.encoder.distillation={weight}", f"output={tmp_path}/{weight}"
        config = make_config(*overrides, *options)
        config.training.encoder.loop.rates = {"": 3e-3}
        after = run(config, SINGLE)
        with torch.inference_mode():
            kept[weight] = float((after("embedding", ids) * start("embedding", ids)).sum(1).mean())
    assert kept[50.0] > kept[0.0] + 0.01, kept


def test_a_run_is_not_continued_with_other_settings_or_other_weights(tmp_path: Path) -> None:
    overrides = [*tiny_run(tmp_path), "stages=[decoder]"]
    first = [*overrides, "model.stages=[decoder]"]
    run(make_config(*first), SINGLE)
    run(make_config(*first, "training.decoder.loop.log_every=5", "threads=2"), SINGLE)  # changes nothing
    with pytest.raises(InputError, match=r"began with n_steps 6, but this one has 8"):
        run(make_config(*first, "training.decoder.loop.n_steps=8"), SINGLE)
    overrides = [*overrides, "model.stages=[encoder,decoder]"]
    run(make_config(*overrides, "stages=[encoder]"), SINGLE)
    with pytest.raises(InputError, match="began with weights"):
        run(make_config(*overrides), SINGLE)
    run(make_config(*overrides, "resume=never"), SINGLE)


def test_adapters_are_saved_alone_and_merged_for_the_next_stage(tmp_path: Path) -> None:
    overrides = [*tiny_run(tmp_path), "lora.rank=4", "lora.rate=1.0e-2", "model.stages=[multitask,export]"]
    merged = run(make_config(*overrides, "stages=[multitask]"), SINGLE)
    assert not any(isinstance(part, LoRALinear) for part in merged.modules())
    start = MultiTask.from_pretrained(tmp_path / "start").state_dict()
    moved = {n for n, value in merged.state_dict().items() if not torch.equal(value, start[n])}
    assert {name.split(".")[-2] for name in moved if name.startswith("backbone")} == {"q", "v"}
    folder = tmp_path / "run/multitask/adapters"
    assert {path.name for path in folder.iterdir()} == {"adapters.json", "adapters.safetensors"}
    again = run(make_config(*overrides, "stages=[export]"), SINGLE)
    assert same_weights(again, merged), "the export takes up the adapters"
    with pytest.raises(InputError, match="lora and fsdp do not go together"):
        run(make_config(*overrides, "stages=[multitask]", "training.multitask.loop.fsdp=true"), SINGLE)


@pytest.fixture
def tiny_t5(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder as transformers writes a T5, a tokenizer beside it, and a preset of its shape."""
    vocabulary = {name: i for i, name in enumerate(["<pad>", "</s>", "<unk>", *WORDS])}
    theirs, ours = t5(vocab_size=64, num_layers=2)
    folder = tmp_path / "t5"
    state = {k: v.contiguous().clone() for k, v in theirs.state_dict().items() if "embed_tokens" not in k}
    folder.mkdir()
    save_file(state, folder / "model.safetensors", metadata={"format": "pt"})
    (folder / "config.json").write_text(json.dumps(theirs.config.to_dict()))
    backend = Backend(backends.WordLevel(vocabulary, unk_token="<unk>"))
    backend.pre_tokenizer = pre_tokenizers.Whitespace()
    backend.save(str(folder / "tokenizer.json"))
    preset = MultiTaskConfig(ours.config, d_emotion=16, d_embedding=32)
    monkeypatch.setitem(configs.PRESETS, "leximind-base", preset)
    return folder


def test_a_t5_preset_starts_from_its_folder_and_trains(tiny_t5: Path, tmp_path: Path) -> None:
    overrides = [
        *tiny_run(tmp_path), "model=base", f"model.weights={tiny_t5}", 'model.tokenizer=""',
        "model.frozen=[backbone.encoder.blocks.0.]",
    ]  # fmt: skip
    config = make_config(*overrides)
    start = build_model(config.model, 0)
    theirs = t5(vocab_size=64, num_layers=2)[0]
    torch.testing.assert_close(start.backbone.embedding.weight, theirs.shared.weight)
    tokenizer = build_tokenizer(config.model)
    assert tokenizer.encode(["whale ship"]) == [[3, 4, tokenizer.eos_id]]

    trained = run(make_config(*overrides, "stages=[multitask]"), SINGLE)
    before = start.state_dict()
    moved = {n for n, value in trained.state_dict().items() if not torch.equal(value, before[n])}
    assert not any(name.startswith("backbone.encoder.blocks.0.") for name in moved)
    assert any(name.startswith("backbone.encoder.blocks.1.") for name in moved)
    assert {"backbone.lm_head.weight", "heads.topic.out.weight"} <= moved


def test_weights_of_another_shape_or_family_are_refused(tiny_t5: Path, tmp_path: Path) -> None:
    described = json.loads((tiny_t5 / "config.json").read_text())
    model = make_config("model=base", f"model.weights={tiny_t5}").model
    for change, said in (
        ({"num_heads": 2, "d_kv": 16}, "n_heads 2, but the preset's is 4"),
        ({"model_type": "gpt2"}, "is of a 'gpt2' model, but t5, bert or one of ours"),
    ):
        (tiny_t5 / "config.json").write_text(json.dumps(described | change))
        with pytest.raises(LexiMindError, match=said):
            build_model(model, 0)
    (tiny_t5 / "config.json").write_text(json.dumps(described))
    (tiny_t5 / "model.safetensors").rename(tiny_t5 / "pytorch_model.bin")
    with pytest.raises(LexiMindError, match=r"holds no \.safetensors file"):
        build_model(model, 0)


def test_no_training_row_repeats_a_held_out_one_and_tables_are_kept(tmp_path: Path) -> None:
    overrides = tiny_run(tmp_path)
    folder = tmp_path / "data"
    held = pd.read_parquet(folder / "topic/topic_validation.parquet")["text"][0]
    tldr = " ".join(pd.read_parquet(folder / "summarization/scitldr_validation.parquet")["targets"][0])
    path = folder / "papers/arxiv_papers.parquet"
    papers = pd.read_parquet(path)
    leaks = [
        {"arxiv_id": "l1", "title": "A leak", "abstract": f"{WORDS[0]} {held}"},
        {"arxiv_id": "l2", "title": tldr, "abstract": "an abstract with a summary that is held out"},
    ]
    pd.concat([papers, pd.DataFrame(leaks)]).to_parquet(path)
    config = make_config(*overrides)
    made = tables.prepare(config)
    titles = made.train["summarization"]
    assert not set(titles["document"]) & {"l1", "l2"} and "p0" in set(titles["document"])
    assert made.report["dropped"]["summarization"] == {"near of validation.topic": 1}
    assert made.report["dropped"]["summarization.targets"] == {"prefix of validation.summarization": 1} or (
        made.report["dropped"]["summarization.targets"] == {"prefix of validation.summarization.targets": 1}
    )
    assert len(made.validation["topic"]) == 40

    stamp = (made.folder / "report.json").stat().st_mtime_ns
    assert (tables.prepare(config).folder / "report.json").stat().st_mtime_ns == stamp, "made once"
    leaky = tables.prepare(make_config(*overrides, "data.deduplicate=false"))
    assert {"l1", "l2"} <= set(leaky.train["summarization"]["document"]) and leaky.folder != made.folder
    papers.to_parquet(path)
    assert tables.prepare(config).folder != made.folder, "another file, other tables"


def test_without_validation_sources_whole_documents_are_held_out(tmp_path: Path) -> None:
    rng = random.Random(0)
    rows = [{"text": sentence(rng, 30), "topic": "Arts", "doc": f"d{i // 4}"} for i in range(400)]
    pd.DataFrame(rows).to_json(tmp_path / "t.jsonl", orient="records", lines=True)
    config = make_config(
        f"output={tmp_path}", "data.validation.topic=[]",
        "data.train.emotion=[]", "data.train.summarization=[]",
        "data.validation.emotion=[]", "data.validation.summarization=[]", "data.validation_share=0.2",
        *(f"data.{split}.{view}=[]" for split in ("train", "validation") for view in tables.VIEWS),
        f"data.train.topic=[{{path: {tmp_path / 't.jsonl'}, columns: {{document: doc}}}}]",
    )  # fmt: skip
    made = tables.prepare(config)
    train, held = (set(frame["topic"]["document"]) for frame in (made.train, made.validation))
    assert not train & held and len(train | held) == 100 and 8 <= len(held) <= 35
    with pytest.raises(InputError, match=r"needs rows for emotion, but data.train gives none"):
        made.need("topic", "emotion")


def test_row_limits_of_the_training_are_kept(tmp_path: Path) -> None:
    made = tables.prepare(
        make_config(*tiny_run(tmp_path), "training.rows.topic=10", "data.deduplicate=false")
    )
    assert len(made.train["topic"]) == 10 and len(made.train["emotion"]) > 40
    assert len(made.validation["topic"]) == 40


def test_pairs_are_titles_then_key_sentences_then_real_summaries(tmp_path: Path) -> None:
    config = make_config(*tiny_run(tmp_path), "training.decoder.n_titles=12", "training.decoder.n_keys=6")
    made = tables.prepare(config)
    pairs = make_pairs(made, config.training.decoder, 0)
    kinds = [kind for _, _, kind in pairs]
    assert kinds.count("title") == 12 and 0 < kinds.count("key") <= 9
    n_books = sum(not is_test_half(f"b{i}") for i in range(8))
    assert 0 < n_books < 8
    assert kinds.count("tldr") == 2 * 40 + n_books, "two summaries a paper, one a book for training"
    assert all(summary in source for source, summary, kind in pairs if kind == "key")
    frame = made.train["summarization"].assign(kind="blurb")
    with pytest.raises(InputError, match="of kind 'blurb', but one of title, tldr"):
        make_pairs(tables.Tables({"summarization": frame}, {}, made.folder, {}), config.training.decoder, 0)


def test_the_export_of_a_hub_run_calibrates_on_the_rows_it_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_data(tmp_path / "data")

    def load_dataset(name: str, configuration: str | None, **options: Any) -> datasets.Dataset:
        task = "topic/topic" if "arxiv" in name else "emotion/goemotions"
        frame = pd.read_parquet(tmp_path / "data" / f"{task}_{options['split']}.parquet")
        return datasets.Dataset.from_pandas(frame)

    monkeypatch.setattr(datasets, "load_dataset", load_dataset)
    config = make_config(
        "data=hub", "data.validation_share=0.3", f"output={tmp_path / 'run'}", "data.train.summarization=[]",
        "data.validation.summarization=[]",
        "data.train.topic=[{path: 'hub:o/arxiv/default:train', columns: {document: source_id}}]",
    )  # fmt: skip
    folder = validation_folder(config)
    emotion = pd.read_parquet(folder / "emotion/goemotions_validation.parquet")
    assert len(emotion) == 40 and list(emotion.columns) == ["text", "labels"]
    assert len(pd.read_parquet(folder / "topic/topic_validation.parquet")) > 0
    local = make_config(f"data.folder={tmp_path / 'data'}")
    assert validation_folder(local) == tmp_path / "data"


def test_predictions_keep_the_order_of_the_rows(tmp_path: Path) -> None:
    tiny_run(tmp_path)
    model = MultiTask.from_pretrained(tmp_path / "start")
    rng = np.random.default_rng(0)
    rows = [
        shared.Example(np.array([101, *rng.integers(1000, 2000, n), 102], dtype=np.int32), np.array(0))
        for n in rng.integers(1, 30, 150)
    ]
    together = shared.predict(model, "topic", rows)
    alone = np.concatenate([shared.predict(model, "topic", [row]) for row in rows])
    np.testing.assert_allclose(together, alone, atol=0.05)
    assert (together.argmax(1) == alone.argmax(1)).mean() > 0.95


def test_an_unknown_tracker_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="tracking is 'wandb', but none or mlflow was expected"):
        run(make_config(*tiny_run(tmp_path), "stages=[multitask]", "tracking=wandb"), SINGLE)


def train(arguments: list[str], *launcher: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "HYDRA_FULL_ERROR": "1"}
    command = [*(launcher or (sys.executable,)), str(ROOT / "builders/train.py"), *arguments]
    return subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=600
    )


@pytest.mark.timeout(600)
def test_the_command_trains_in_two_processes_and_names_its_mistakes(tmp_path: Path) -> None:
    overrides = [*tiny_run(tmp_path), "stages=[multitask]", "training.multitask.loop.n_steps=4"]
    launcher = (sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2")
    done = train([*overrides, "training.multitask.loop.precision=float32"], *launcher)
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.count("multitask: ") == 1, "the first process speaks alone"
    assert [line["step"] for line in read_log(tmp_path / "run/multitask") if "loss" in line] == [1, 2, 3, 4]

    wrong = train([*overrides, "training.multitask.lop.n_steps=4"])
    assert wrong.returncode != 0 and "lop" in wrong.stderr
    other = train(
        [*overrides, "training.multitask.loop.n_steps=5", "training.multitask.loop.precision=float32"]
    )
    assert other.returncode == 1 and "error: " in other.stderr and "Traceback" not in other.stderr


def test_tensors_of_a_fingerprint_count() -> None:
    layer = torch.nn.Linear(2, 2)
    before = shared.fingerprint(layer)
    with torch.no_grad():
        weight: Tensor = layer.weight
        weight[0, 0] += 1e-3
    assert shared.fingerprint(layer) != before
