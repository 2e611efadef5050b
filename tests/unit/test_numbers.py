"""The numbers that a config asks for, and what each comes from."""

from scripts.plan.numbers import numbers, published_updates

CONFIG = {
    "checkpoints": {"english": {}},
    "pretraining": {"mandarin": {"milestones": [0, 800], "updates": 1000, "best": True}},
    "finetuning": {"aishell1": {"learning_rates": [0.004, 2e-05], "seeds": [1, 2], "average_last": 3}},
    "experiments": [{"finetuning": "aishell1", "from": ["mandarin", "english"]}],
}


def test_numbers_come_in_the_order_of_rows() -> None:
    found = [(n.model, n.checkpoint, n.lr, n.seed, n.subset) for n in numbers(CONFIG)]
    assert len(found) == 4 * 2 * 2 * 2  # checkpoints, rates, seeds, subsets
    assert found[:3] == [
        ("mandarin", "after-0-updates", "0.004", "1", "dev"),
        ("mandarin", "after-0-updates", "0.004", "1", "test"),
        ("mandarin", "after-0-updates", "0.004", "2", "dev"),
    ]
    assert list(dict.fromkeys(checkpoint for _, checkpoint, *_ in found)) == [
        *("after-0-updates", "after-800-updates", "best", "given")
    ]
    assert found[-1] == ("english", "given", "2e-05", "2", "test")


def test_the_parts_of_a_number() -> None:
    number = numbers(CONFIG)[1]
    branch = "results/finetune/aishell1/from/mandarin/after-0-updates"
    assert [(part.rule, part.file) for part in number.parts] == [
        ("initialise", "results/pretrain/mandarin/after-0-updates.pt"),
        ("prepare_encoder", f"{branch}/encoder.pt"),
        ("finetune", f"{branch}/lr-0.004/seed-1/epochs"),
        ("average_weights", f"{branch}/lr-0.004/seed-1/average-of-last-3.pth"),
        ("transcribe", "results/transcripts/aishell1/test/from/mandarin/after-0-updates/lr-0.004/seed-1/text"),
        ("score_cer", "results/cer/aishell1/test/from/mandarin/after-0-updates/lr-0.004/seed-1.json"),
    ]
    makers = {number.checkpoint: number.parts[0].rule for number in numbers(CONFIG)}
    assert makers == {
        "after-0-updates": "initialise",
        "after-800-updates": "pretrain",
        "best": "choose_best",
        "given": "provide_checkpoint",
    }


def test_the_end_of_a_run_is_published_too_and_0_is_not_trained() -> None:
    assert published_updates(CONFIG["pretraining"]["mandarin"]) == [800, 1000]
    assert published_updates({"milestones": [3, 1], "updates": 3}) == [1, 3]
