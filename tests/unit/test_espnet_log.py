"""What ESPnet's log says of each epoch, of lines as ESPnet writes them."""

from pathlib import Path

import pytest

from scripts.trainers.espnet_log import Epoch, only_blanks, read, read_table, write

# as a small demo's log has it
FIRST = (
    "INFO:root:1epoch results: [train] iter_time=0.004, forward_time=0.094, loss_ctc=1.256e+03, loss=1.256e+03, "
    "backward_time=0.017, grad_norm=483.437, clip=100.000, loss_scale=1.000, optim_step_time=7.897e-04, "
    "optim0_lr0=6.333e-04, train_time=0.120, time=4.23 seconds, total_count=35, [valid] loss_ctc=1.096e+03, "
    "cer_ctc=6.604, loss_att=nan, acc=nan, cer=nan, wer=nan, loss=1.097e+03, time=0.74 seconds, total_count=2\n"
)


def ended(epoch: int, cer: str) -> str:
    return FIRST.replace("1epoch", f"{epoch}epoch").replace("cer_ctc=6.604", f"cer_ctc={cer}")


def log(folder: Path, *lines: str) -> Path:
    (folder / "train.log").write_text("".join(lines), encoding="utf-8")
    return folder / "train.log"


def test_an_epoch(tmp_path: Path) -> None:
    assert read(log(tmp_path, "INFO:root:1/3epoch started\n", FIRST)) == [Epoch(1, 1256.0, 1097.0, 6.604, 6.333e-04)]


def test_epochs_that_were_trained_again(tmp_path: Path) -> None:
    epochs = read(log(tmp_path, ended(1, "0.9"), ended(2, "0.8"), ended(3, "0.7"), ended(2, "0.6")))
    assert [(epoch.epoch, epoch.valid_cer) for epoch in epochs] == [(1, 0.9), (2, 0.6)]


def test_a_line_that_is_still_being_written_and_no_log(tmp_path: Path) -> None:
    assert [epoch.epoch for epoch in read(log(tmp_path, ended(1, "0.9"), ended(2, "0.8").rstrip()))] == [1]
    assert read(tmp_path / "none.log") == []


@pytest.mark.parametrize(
    ("errors", "expected"),
    [(("0.5", "1.000"), True), (("1.000", "0.999"), False), (("1.001",), False), (("6.604",), False), ((), False)],
)
def test_nothing_but_blanks_to_the_end(tmp_path: Path, errors: tuple[str, ...], expected: bool) -> None:
    lines = [ended(number, text) for number, text in enumerate(errors, 1)]
    assert only_blanks(read(log(tmp_path, *lines))) is expected


def test_a_table_comes_back_as_it_was(tmp_path: Path) -> None:
    epochs = [Epoch(1, 1256.0, None, 6.604, 6.333e-04), Epoch(2)]
    write(epochs, tmp_path / "curve.tsv")
    assert read_table(tmp_path / "curve.tsv") == epochs
    header = (tmp_path / "curve.tsv").read_text().splitlines()[0]
    assert header == "epoch\ttrain_loss\tvalid_loss\tvalid_cer\tlearning_rate"
