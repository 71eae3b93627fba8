# SPDX-License-Identifier: Apache-2.0
"""Asks every open question by each of the four action interfaces and has the simulator's truth judge the answers.

The model is ``demo.recorded_model`` with the replies in ``replies/``. Writes docs/interfaces.md. Exit code 0 only when
every outcome is the one in ``replies/expected.json``.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import rclpy
from builtin_interfaces.msg import Duration

from . import judge
from .ask_demo import Client, DemoFailed, judge_one, shown
from .open_questions import OPEN_QUESTIONS, OpenQuestion
from .recorded_model import Conversation, RecordedModel, Recordings
from .scene import World, WorldLog
from .truth import Truth



@dataclass(frozen=True)
class Way:
    """How questions are asked: fields of the goal, and the folder of the replies where it is not the way's name."""

    interface: str = ""
    model: str = "recorded"
    replies: str = ""


WAYS: dict[str, Way] = {
    "code": Way("code"),
    "code_python": Way("code"),  # the cells are written as Python
    "tool_calls": Way("tool_calls"),
    "tool_calls_native": Way("tool_calls", "recorded-native", "tool_calls"),
    "single_pass": Way("single_pass"),
    "single_pass_schema": Way("single_pass", "recorded-native", "single_pass"),
    "no_tools": Way("no_tools"),
    "offline": Way(model="offline-grammar"),  # the built-in brain, which does not know these questions
}
REPLIES = Path(__file__).parent / "replies"
PORT = 18777  # as in interfaces_params.yaml
WINDOW_SECS = 5.0  # the node's window_secs: how far back a question's images go
RIGHT, WRONG, REFUSED, FAILED = "right", "wrong", "refused", "failed"
REFUSAL_CODES = {12040, 12041, 12042, 12043, 12044, 12050}  # what a model may say itself; others are failures


@dataclass(frozen=True)
class Row:
    """One question asked by one interface."""

    interface: str
    key: str
    outcome: str
    answer: str
    truth: str
    why: str
    n_steps: int
    n_requests: int
    n_sent_bytes: int
    n_prompt_tokens: int
    n_completion_tokens: int
    own_secs: float  # from goal to result, less the server's own time


def outcome_of(result: dict[str, Any] | None, verdict: judge.Verdict) -> str:
    """Right, wrong, refused by the model or the node, or failed: no answer and no refusal of the question."""
    if result is None:
        return FAILED
    if not result["success"]:
        return REFUSED if result["error_code"] in REFUSAL_CODES else FAILED
    return RIGHT if verdict.right else WRONG


def row_of(
    interface: str, question: OpenQuestion, asked: dict[str, Any], verdict: judge.Verdict, said: Conversation
) -> Row:
    """The row of one goal."""
    result = asked["result"]
    origin = result["provenance"] if result else {"n_steps": 0, "elapsed": {"sec": 0, "nanosec": 0}}
    elapsed = judge.nanos_of(origin["elapsed"]) * 1e-9
    why = verdict.why
    if result is None or not result["success"]:
        why = said.missing or (result["error_msg"] if result else asked["fault"])
    return Row(
        interface,
        question.key,
        outcome_of(result, verdict),
        shown(result),
        verdict.truth,
        why,
        origin["n_steps"],
        said.n_requests,
        sum(e.n_request_bytes for e in said.exchanges),
        sum(e.n_prompt_tokens for e in said.exchanges),
        sum(e.n_completion_tokens for e in said.exchanges),
        elapsed - sum(e.secs for e in said.exchanges),
    )


def totals(rows: Sequence[Row]) -> list[tuple[str, ...]]:
    """One line an interface: outcomes, then means over its questions."""
    lines = []
    for interface in dict.fromkeys(r.interface for r in rows):
        mine = [r for r in rows if r.interface == interface]
        n = len(mine)
        counted = [sum(r.outcome == o for r in mine) for o in (RIGHT, WRONG, REFUSED, FAILED)]
        wrong = counted[1] + counted[3]
        lines.append(
            (
                interface,
                str(counted[0]),
                str(wrong),
                str(counted[2]),
                f"{sum(r.n_steps for r in mine) / n:.1f}",
                f"{sum(r.n_requests for r in mine) / n:.1f}",
                f"{sum(r.n_prompt_tokens for r in mine) / n:.0f}",
                f"{sum(r.n_completion_tokens for r in mine) / n:.0f}",
                f"{sum(r.n_sent_bytes for r in mine) / n / 1024:.0f} KiB",
                f"{sorted(r.own_secs for r in mine)[n // 2] * 1e3:.0f} ms",
            )
        )
    return lines


HEAD = (
    "interface", "right", "wrong", "refused", "steps", "requests", "tokens read", "tokens written", "bytes sent",
    "our own time",
)  # fmt: skip

INTRODUCTION = """\
# The four action interfaces compared

Written by `make interfaces`: the demo's simulator, the node, and a model server that plays recorded replies
([`scripts/demo/recorded_model.py`](../scripts/demo/recorded_model.py)). No question is in the [offline grammar](questions.md); the row
`offline` is the built-in brain, asked the same. The simulator's truth judges, by the rules of `make demo`; its time stands still, so
that all rows are about the same images.

What the table shows is that each interface can carry such a question through, what it costs, and that the answers hold. It does not rank
models: the replies in `scripts/demo/replies/` are scripted, written turn by turn against the requests that the node had sent, with knowledge
of the questions' scene. That favours `no_tools` most, whose answers are judged from the pictures alone. First replies stand as they
were written. `code_python` is `code` once more, with cells in Python; `tool_calls_native` are the same calls as native function calls,
`single_pass_schema` the same programs in an object of a JSON schema.

Programs decide by what they measure, each time anew. With `code` and `tool_calls`, verdicts that a reply states in its own words are
recorded with it, after it had read the measurements; numbers come from the tools, but for the angle by `tool_calls`, which cannot subtract.

Steps, requests, tokens and bytes are means a question; *our own time* is the median time from goal to result, less the model
server's. A step is a cell; with `tool_calls` each call is one. Tokens are counted without a tokeniser: 4 bytes of text, or 32 x 32 px of
a picture, are one. *refused* is a typed refusal; `no_tools` measures nothing and has to refuse numbers.
"""


def markdown(rows: Sequence[Row], first_cells: str) -> str:
    """The page."""
    lines = [INTRODUCTION, "| " + " | ".join(HEAD) + " |", "|---|" + "---:|" * (len(HEAD) - 1)]
    lines += ["| " + " | ".join((f"`{line[0]}`", *line[1:])) + " |" for line in totals(rows)]
    if first_cells:
        lines += ["", first_cells]
    interfaces = list(dict.fromkeys(r.interface for r in rows))
    lines += ["", "| question | truth | " + " | ".join(f"`{i}`" for i in interfaces) + " |"]
    lines += ["|---|---|" + "---|" * len(interfaces)]
    for question in OPEN_QUESTIONS:
        mine = {r.interface: r for r in rows if r.key == question.key}
        if not mine:
            continue
        # An answer's truth is that at its evidence's stamp, a refusal's that at the time of asking.
        truth = next((r.truth for r in mine.values() if r.outcome == RIGHT), next(iter(mine.values())).truth)
        said = (_cell(mine[i]) if i in mine else "" for i in interfaces)
        lines.append(f"| {question.text} | {truth} | " + " | ".join(said) + " |")
    return "\n".join(lines) + "\n"


def _cell(row: Row) -> str:
    return row.answer if row.outcome in (RIGHT, REFUSED) else f"**{row.outcome}**: {row.answer}"


def differences(rows: Sequence[Row], expected: dict[str, dict[str, str]]) -> list[str]:
    """Outcomes that are not the expected ones, in words."""
    return [
        f"{r.interface} {r.key}: {r.outcome}, expected {expected.get(r.interface, {}).get(r.key, 'nothing')}: "
        f"answer {r.answer}, truth {r.truth}{'; ' + r.why if r.why else ''}"
        for r in rows
        if r.outcome != expected.get(r.interface, {}).get(r.key)
    ]


def first_cells_of(notes: Path) -> str:
    """What the recording's notes say about first cells, or nothing."""
    if not notes.is_file():
        return ""
    counted = json.loads(notes.read_text(encoding="utf-8"))
    said = ", ".join(f"`{i}` {n['without_error']} of {n['written']}" for i, n in counted["first_replies"].items())
    return f"First replies that ran without an error when they were recorded: {said}. {counted['errors']}"


def wait_still(client: Client, timeout_secs: float) -> None:
    """Returns once simulated time stands still, so that every question is asked of the same images."""
    end = time.monotonic() + timeout_secs
    since, seen = time.monotonic(), client.sim_nanos()
    while time.monotonic() - since < 1.0:
        if time.monotonic() > end:
            raise DemoFailed(f"after {timeout_secs:.0f} s simulated time still goes on: start it with --hold-after")
        rclpy.spin_once(client, timeout_sec=0.1)
        if client.sim_nanos() != seen:
            since, seen = time.monotonic(), client.sim_nanos()


def run(client: Client, server: RecordedModel, args: argparse.Namespace) -> bool:
    """All questions by all interfaces. True when every outcome is the expected one."""
    client.wait_ready(args.wait)
    if not args.moving:
        wait_still(client, args.wait)
    world = World()
    truth = Truth(world)
    wanted = [q for q in OPEN_QUESTIONS if not args.only or q.key in args.only.split(",")]
    if not wanted:
        raise DemoFailed(f"no open question is called {args.only!r}, there are {[q.key for q in OPEN_QUESTIONS]}")
    deadline = Duration(sec=int(args.deadline))
    rows: list[Row] = []
    records: list[dict[str, Any]] = []
    started = time.monotonic()
    for interface in args.interfaces.split(","):
        for question in wanted:
            way = WAYS[interface]
            said = server.recordings.begin(f"{way.replies or interface}/{question.key}")
            how = {"interface": way.interface, "model": way.model, "record": args.record_goals}
            asked = client.ask(question, args.deadline + 5.0, deadline=deadline, **how)
            world.log = WorldLog.from_json(client.log["moves"])
            verdict = judge_one(question, asked, truth, client.log["period_nanos"], WINDOW_SECS)
            row = row_of(interface, question, asked, verdict, said)
            rows.append(row)
            records.append({**vars(row), **asked})
            print(f"{row.outcome:8} {interface:12} {row.key:9} {row.answer}  [{row.truth}] {row.why}"[:300], flush=True)
    args.out.mkdir(parents=True, exist_ok=True)
    (args.out / "interfaces.json").write_text(json.dumps(records, indent=2) + "\n", encoding="utf-8")
    page = markdown(rows, first_cells_of(args.replies / "first_cells.json"))
    print(f"\n{page}\nasked in {time.monotonic() - started:.0f} s")
    if args.doc is not None:
        args.doc.write_text(page, encoding="utf-8")
    expected = json.loads((args.replies / "expected.json").read_text(encoding="utf-8"))
    found = differences(rows, expected)
    for line in found:
        print(f"DIFFERENT: {line}", flush=True)
    world.close()
    return not found


def main(argv: list[str] | None = None) -> int:
    """Entry point: ``python -m demo.compare_interfaces``."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("out/interfaces"), help="where interfaces.json goes")
    parser.add_argument("--doc", type=Path, help="the page to write")
    parser.add_argument("--replies", type=Path, default=REPLIES)
    parser.add_argument("--requests", type=Path, help="keep every request there, to record replies")
    parser.add_argument("--wait-reply", type=float, default=0.0, help="seconds to wait for a reply that is missing")
    parser.add_argument("--interfaces", default=",".join(WAYS))
    parser.add_argument("--only", default="", metavar="KEYS", help="ask only the questions of these keys")
    parser.add_argument("--action", default="/spatialclaw/ask")
    parser.add_argument("--deadline", type=float, default=30.0, help="real seconds per question")
    parser.add_argument("--wait", type=float, default=90.0, help="real seconds to wait for simulator and node")
    parser.add_argument("--moving", action="store_true", help="ask while simulated time goes on")
    parser.add_argument("--record-goals", action="store_true", help="have the node keep a record of every question")
    args = parser.parse_args(argv)
    try:
        server = RecordedModel(Recordings(args.replies, args.requests, args.wait_reply), port=PORT)
    except OSError as problem:
        print(f"compare_interfaces: port {PORT} cannot be used: {problem}", file=sys.stderr)
        return 2
    server.start()
    rclpy.init()
    client = Client(args.action)
    try:
        return 0 if run(client, server, args) else 1
    except DemoFailed as failure:
        print(f"compare_interfaces: {failure}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    finally:
        server.shutdown()
        client.destroy_node()
        rclpy.try_shutdown()


if __name__ == "__main__":
    sys.exit(main())
