"""What is written of a validation, and what a resumed run keeps of it."""

from __future__ import annotations

import json

import pytest

from photochrom.training import run_folder

ROWS = [{"psnr": 24.125, "cross_entropy": 3.0}, {"psnr": 21.5, "cross_entropy": 2.25}]


def test_the_last_validation_comes_back_row_by_row(tmp_path):
    assert run_folder.load_validation(tmp_path) == (0, [])
    run_folder.append_validation(tmp_path, 100, [{"psnr": 23.123456789}])
    assert run_folder.load_validation(tmp_path) == (100, [{"psnr": 23.1235}])  # four digits
    run_folder.append_validation(tmp_path, 200, ROWS)
    assert run_folder.load_validation(tmp_path) == (200, ROWS)
    lines = (tmp_path / "validation.jsonl").read_text().splitlines()
    assert [json.loads(line)["step"] for line in lines] == [100, 200]
    assert json.loads(lines[1])["psnr"] == [24.125, 21.5]  # a list for each figure


def test_a_line_that_was_being_written_when_the_run_was_killed_does_not_count(tmp_path):
    run_folder.append_validation(tmp_path, 100, ROWS)
    with (tmp_path / "validation.jsonl").open("a") as file:
        file.write('{"step": 200, "psnr": [24.')
    assert run_folder.load_validation(tmp_path) == (100, ROWS)


@pytest.mark.parametrize(("step", "kept"), [(0, []), (100, [100]), (250, [100, 200]), (300, None)])
def test_a_resumed_run_forgets_what_came_after_its_checkpoint(tmp_path, step, kept):
    run_folder.forget_metrics_after(tmp_path, step)
    assert list(tmp_path.iterdir()) == []
    for at in (100, 200, 300):
        run_folder.append_validation(tmp_path, at, ROWS)
        run_folder.append_metrics(tmp_path, {"step": at, "loss": 1.0})
    with (tmp_path / "validation.jsonl").open("a") as file:
        file.write('{"step": 300, "psnr": [24.')
    run_folder.forget_metrics_after(tmp_path, step)
    for name in ("validation.jsonl", "metrics.jsonl"):
        text = (tmp_path / name).read_text()
        assert [json.loads(line)["step"] for line in text.splitlines()] == (
            [100, 200, 300] if kept is None else kept
        )
    assert run_folder.load_validation(tmp_path)[0] == (300 if kept is None else max([0, *kept]))
