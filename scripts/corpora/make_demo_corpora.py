"""Make the demo's corpora: synthetic speech in the formats in which AISHELL-1 and AISHELL-2 are distributed.

    python -m scripts.corpora.make_demo_corpora --output DIR --seed 1 [--scale 0.1]

DIR/AISHELL-2/iOS/data/   Mandarin for pre-training; some of its transcripts occur in data_aishell's dev and test
DIR/English/iOS/data/     English for pre-training, in AISHELL-2's format
DIR/data_aishell/         strings of spoken digits for fine-tuning; train, dev and test have different speakers

Everything follows from the seed and the scale: the same call writes the same bytes.
"""

import argparse
import os
import shutil
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from itertools import groupby
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import soundfile

from scripts.common.errors import StepError, exit_on_error
from scripts.common.files import write_json, write_text
from scripts.common.rates import SAMPLE_RATE
from scripts.corpora.demo_voices import ENGLISH, MANDARIN, Voice, draw_voices, pinyin, record

MARK = ".demo-corpora.json"  # says that a directory is ours to replace
DIGITS = list("零一二三四五六七八九")  # the closed vocabulary of fine-tuning

MANDARIN_WORDS = """
春天 夏季 秋收 冬至 早上 中午 傍晚 半夜 一月 二十 三号 四周 五年 六点 七成 八百 九千 十万 零下 百分 万分 第一 第二
北京 上海 广东 四川 云南 西安 杭州 长江 黄河 草原 高山 大海 沙漠 岛屿 太阳 月亮 星空 雨水 大风 雪花 雷电 雾气
父亲 母亲 哥哥 姐姐 弟弟 妹妹 爷爷 奶奶 儿子 女儿 同学 同事 邻居 客人 工人 农民 警察 司机 演员 画家 护士 律师
吃饭 喝水 睡觉 走路 跑步 唱歌 跳舞 写字 读书 说话 听见 看到 买菜 卖鱼 做梦 洗澡 开门 关窗 打球 骑马 游泳 旅行
桌子 椅子 杯子 盘子 筷子 衣服 裤子 鞋子 帽子 眼镜 钥匙 钱包 雨伞 铅笔 本子 报纸 照片 地图 镜子 梯子 锤子 轮胎
牛肉 羊肉 鸡蛋 豆腐 白菜 萝卜 土豆 西瓜 葡萄 草莓 面包 糖果 盐巴 酱油 红茶 果汁 鱼汤 米粥 饺子 包子 玉米 花生
快乐 伤心 生气 害怕 安静 热闹 漂亮 聪明 勇敢 善良 便宜 昂贵 干净 简单 困难 重要 奇怪 新鲜 温暖 寒冷 遥远 附近
公园 广场 学院 图书 剧场 工厂 码头 隧道 桥梁 楼房 街道 市区 乡下 海边 宾馆 饭店 邮局 法院 国家 民族 世界 人类
计划 决定 会议 合同 收入 支出 税收 股票 保险 债务 利润 成本 订单 货物 仓库 运输 出口 进口 竞争 合作 风险 机会
数学 物理 化学 生物 地理 语言 诗歌 小说 绘画 雕刻 戏剧 体操 足球 篮球 冠军 比赛 训练 成绩 考试 答案 实验 证据
"""

ENGLISH_WORDS = """
spring summer autumn winter morning noon evening midnight first second third hundred thousand million zero one two three
four five six seven eight nine ten eleven twelve twenty north south east west river ocean mountain desert island valley
sun moon star rain wind snow thunder cloud father mother brother sister grandson daughter uncle neighbour guest worker
farmer driver painter singer nurse lawyer captain baker eat drink sleep walk run sing dance write read speak listen
buy sell dream wash open close throw ride swim travel table chair cup plate spoon shirt trousers shoes hat glasses key
wallet umbrella pencil notebook newspaper picture map mirror ladder hammer wheel beef chicken egg cabbage carrot potato
melon grape berry bread sugar salt pepper juice soup porridge corn peanut happy sad angry afraid quiet noisy pretty
brave kind cheap expensive clean simple difficult important strange fresh warm cold distant nearby garden square college
library theatre factory harbour tunnel bridge tower street village beach hotel restaurant court nation people world plan
decision meeting contract income tax stock insurance debt profit cost order goods warehouse transport export import risk
chance science physics chemistry biology language poem novel drawing theory football champion match training result exam
answer experiment evidence the a and of in with from under over before after because never always
"""


@dataclass(frozen=True)
class Utterance:
    """What one wav will hold, and where it lies (relative to the output directory)."""

    name: str
    path: str
    speaker: str
    voice: Voice
    language: str
    transcript: str


def sentence(words: list[str], shortest: int, longest: int, joint: str) -> Callable[[np.random.Generator], str]:
    """A maker of transcripts: `shortest` to `longest` words drawn alike."""
    return lambda generator: joint.join(generator.choice(words, generator.integers(shortest, longest + 1)))


def plan_aishell2(
    root: str, language: str, count: int, write: Callable, generator: np.random.Generator
) -> list[Utterance]:
    """`count` utterances of up to 20 speakers, named as AISHELL-2 names them."""
    voices = draw_voices(min(20, count), generator)
    plan = []
    for index in range(count):
        turn, number = divmod(index, len(voices))
        speaker, name = f"C{number + 1:04d}", f"IC{number + 1:04d}W{turn + 1:04d}"
        path = f"{root}/iOS/data/wav/{speaker}/{name}.wav"
        plan.append(Utterance(name, path, speaker, voices[number], language, write(generator)))
    return plan


def plan_aishell1(
    subset: str, first: int, speakers: int, count: int, generator: np.random.Generator
) -> list[Utterance]:
    """`count` strings of digits; speakers are numbered from `first`, as AISHELL-1 names them."""
    voices = draw_voices(min(speakers, count), generator)
    write = sentence(DIGITS, 4, 8, "")
    plan = []
    for index in range(count):
        turn, number = divmod(index, len(voices))
        speaker = f"S{first + number:04d}"
        name = f"BAC009{speaker}W{122 + turn:04d}"
        path = f"data_aishell/wav/{subset}/{speaker}/{name}.wav"
        plan.append(Utterance(name, path, speaker, voices[number], MANDARIN, write(generator)))
    return plan


def leak(
    plan: list[Utterance], heldout: list[Utterance], count: int, generator: np.random.Generator
) -> list[Utterance]:
    """The plan with `count` transcripts replaced by some that occur in the held-out subsets."""
    changed, leaked = (generator.choice(len(part), count, replace=False) for part in (plan, heldout))
    replaced = dict(zip(changed.tolist(), (heldout[index].transcript for index in leaked), strict=True))
    return [replace(u, transcript=replaced.get(index, u.transcript)) for index, u in enumerate(plan)]


def plan_corpora(seed: int, scale: float) -> dict[str, list[Utterance]]:
    """What each corpus will hold: the keys are mandarin, english, train, dev and test."""
    streams = [np.random.default_rng([seed, stream]) for stream in range(6)]

    def scaled(count: int) -> int:
        return max(2, round(count * scale))

    plans = {
        "mandarin": plan_aishell2(
            "AISHELL-2", MANDARIN, scaled(600), sentence(MANDARIN_WORDS.split(), 3, 5, ""), streams[0]
        ),
        "english": plan_aishell2(
            "English", ENGLISH, scaled(600), sentence(ENGLISH_WORDS.split(), 4, 7, " "), streams[1]
        ),
        "train": plan_aishell1("train", 2, 24, scaled(576), streams[2]),
        "dev": plan_aishell1("dev", 724, 10, scaled(160), streams[3]),
        "test": plan_aishell1("test", 764, 10, scaled(160), streams[4]),
    }
    plans["mandarin"] = leak(plans["mandarin"], plans["dev"] + plans["test"], scaled(12), streams[5])
    return plans


def record_speaker(job: tuple[Path, int, list[Utterance]]) -> int:
    """Write one speaker's wavs; returns their samples. Each utterance's chance follows from the seed and its path."""
    output, seed, utterances = job
    samples = 0
    for utterance in utterances:
        generator = np.random.default_rng([seed, zlib.crc32(utterance.path.encode())])
        text = pinyin(utterance.transcript) if utterance.language == MANDARIN else utterance.transcript
        speech = record(text, utterance.language, utterance.voice, generator)
        path = output / utterance.path
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, speech, SAMPLE_RATE, subtype="PCM_16")
        samples += len(speech)
    return samples


def record_all(output: Path, seed: int, plan: Iterable[Utterance], processes: int) -> float:
    """Write every wav; returns the hours of speech."""

    def folder(utterance: Utterance) -> str:
        return os.path.dirname(utterance.path)

    jobs = [(output, seed, list(group)) for _, group in groupby(sorted(plan, key=lambda u: u.path), folder)]
    # A new process for each speaker: espeak-ng's sound depends on what the process said before.
    with get_context("fork").Pool(processes, maxtasksperchild=1) as pool:
        return sum(pool.imap_unordered(record_speaker, jobs, chunksize=1)) / SAMPLE_RATE / 3600


def write_aishell2_lists(folder: Path, plan: list[Utterance]) -> None:
    """wav.scp, trans.txt and spk_info.txt, apart by TAB, paths relative to `folder`."""
    ordered = sorted(plan, key=lambda u: u.name)
    genders = {u.speaker: {"F": "女", "M": "男"}[u.voice.gender] for u in ordered}
    write_text(folder / "wav.scp", "".join(f"{u.name}\twav/{u.speaker}/{u.name}.wav\n" for u in ordered))
    write_text(folder / "trans.txt", "".join(f"{u.name}\t{u.transcript}\n" for u in ordered))
    write_text(folder / "spk_info.txt", "".join(f"{s}\t30\t{genders[s]}\tSynthetic\n" for s in sorted(genders)))


def write_aishell1_lists(folder: Path, plan: list[Utterance]) -> None:
    """The transcripts of all subsets, words apart by spaces, and who speaks."""
    ordered = sorted(plan, key=lambda u: u.name)
    genders = {u.speaker[1:]: u.voice.gender for u in ordered}
    lines = [f"{u.name} {' '.join(u.transcript)}\n" for u in ordered]
    write_text(folder / "transcript/aishell_transcript_v0.8.txt", "".join(lines))
    write_text(folder / "resource_aishell/speaker.info", "".join(f"{s} {genders[s]}\n" for s in sorted(genders)))


def check_replaceable(output: Path) -> None:
    """Refuse a directory that holds files which this step did not write."""
    if output.exists() and not (output / MARK).exists() and any(path.is_file() for path in output.rglob("*")):
        raise StepError(f"{output} holds files that are not the demo's corpora: give --output another directory")


def make_corpora(output: Path, seed: int, scale: float, processes: int = 2) -> dict:
    """Write the three corpora, whole or not at all; returns counts. An earlier set in `output` is replaced."""
    check_replaceable(output)
    temporary = output.with_name(f".{output.name}.{os.getpid()}.tmp")
    try:
        plans = plan_corpora(seed, scale)
        hours = record_all(temporary, seed, [u for plan in plans.values() for u in plan], processes)
        write_aishell2_lists(temporary / "AISHELL-2/iOS/data", plans["mandarin"])
        write_aishell2_lists(temporary / "English/iOS/data", plans["english"])
        write_aishell1_lists(temporary / "data_aishell", plans["train"] + plans["dev"] + plans["test"])
        counts = {name: len(plan) for name, plan in plans.items()}
        write_json(temporary / MARK, {"seed": seed, "scale": scale, "utterances": counts})
        shutil.rmtree(output, ignore_errors=True)
        os.replace(temporary, output)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return counts | {"hours": round(hours, 3)}


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--output", type=Path, required=True, help="directory to make; an earlier demo set is replaced")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--scale", type=float, default=1.0, help="size relative to the demo's; 0.1 for a tenth")
    parser.add_argument("--processes", type=int, default=2)
    arguments = parser.parse_args()
    counts = make_corpora(arguments.output.absolute(), arguments.seed, arguments.scale, arguments.processes)
    hours = counts.pop("hours")
    said = ", ".join(f"{name} {count}" for name, count in counts.items())
    print(f"{arguments.output}: {hours:.2f} h of synthetic speech; utterances: {said}")


if __name__ == "__main__":
    exit_on_error(main)
