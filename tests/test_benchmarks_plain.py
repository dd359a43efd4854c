"""The peer of the benchmarks is the same model: its scores and sentences are ours, also after loading."""

from pathlib import Path

import analyse
import numpy as np
import plain
import pytest
import torch
from models import tiny_analyzer

TEXT = "The sea was calm. They slept all night and woke to rain. Nobody was afraid of the storm any more."


@pytest.fixture(scope="module")
def peer() -> plain.Plain:
    torch.set_num_threads(1)
    return plain.Plain.export(tiny_analyzer())


def test_the_peer_is_the_same_model(peer: plain.Plain) -> None:
    found = analyse.compare_answers(tiny_analyzer(), peer, [TEXT, f"{TEXT} {TEXT}"])
    assert found["same_sentence"] == 1
    assert max(found["largest_difference"].values()) < 1e-4


def test_another_copy_head_would_be_noticed(peer: plain.Plain) -> None:
    gate = peer.writer.decoder.copy_head.gate.bias
    before = gate.detach().clone()
    with torch.no_grad():
        gate += 1
    try:
        found = analyse.compare_answers(tiny_analyzer(), peer, [TEXT])
    finally:
        with torch.no_grad():
            gate.copy_(before)
    assert found["largest_difference"]["scores"] > 1e-3


def test_parts_are_timed_in_order() -> None:
    times = analyse.take_times(iter("abc"))
    assert tuple(times) == analyse.PARTS
    with pytest.raises(ValueError, match="zip"):
        analyse.take_times(iter("ab"))


def test_turns_are_summed_up() -> None:
    ours = {"read": 1.0, "feel": 1.0, "write": 2.0, "write whole": 4.0}
    theirs = {"read": 4.0, "feel": 4.0, "write": 12.0}
    bounds = {"read": 0.5, "feel": 0.25, "write": 1.0}
    found = analyse.summarise([{"ours a": ours, "theirs": theirs}] * 3, bounds)
    assert found["best"] == "ours a"
    assert found["ratios"] == {"theirs": 5.0}
    assert found["ratios_written_whole"] == {"theirs": pytest.approx(20 / 6)}
    one = found["contestants"]["ours a"]
    assert one["shares"] == {"read": 0.25, "feel": 0.25, "write": 0.5}
    assert one["share_of_bound"] == {"read": 0.5, "feel": 0.25, "write": 0.25, "all": pytest.approx(1.75 / 6)}


def test_what_is_saved_is_what_is_loaded(peer: plain.Plain, tmp_path: Path) -> None:
    from leximind.settings import MODEL_DIR

    embedded = plain.Plain.export(plain.LexiMind.from_pretrained(MODEL_DIR))
    embedded.save(tmp_path)
    loaded = plain.Plain.load(tmp_path)
    one, other = embedded.analyze(TEXT), loaded.analyze(TEXT)
    assert one["draft"] == other["draft"]
    assert np.allclose(one["emotions"], other["emotions"], atol=1e-6)
    assert np.allclose(one["embedding"], other["embedding"], atol=1e-6)
