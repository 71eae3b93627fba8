# SPDX-License-Identifier: Apache-2.0
"""The demo's client: asks every question over the action, compares with the simulator's truth, prints a table.

Exit code 0 only when every verdict is right. Writes answers.json and scene.png.
"""

from __future__ import annotations

import argparse
import array
import json
import math
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import rclpy
from rclpy.action import ActionClient
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.qos import DurabilityPolicy, QoSProfile, qos_profile_sensor_data
from sensor_msgs.msg import Image
from spatialclaw.action import AskSpatial
from std_msgs.msg import String
from std_srvs.srv import Trigger

from . import judge, picture
from .questions import QUESTIONS, Question
from .scene import World, WorldLog
from .truth import Truth

WARM_UP_SECS = 3.0  # simulated: buffers and transforms fill
AFTER_SLIDE_SECS = 1.0  # simulated: the displaced object has been seen at rest
MAX_AGE_SECS = 1.5  # simulated: oldest image that still counts as now
GOAL_STATES = {4: "succeeded", 5: "canceled", 6: "aborted"}


class DemoFailed(Exception):
    """The demo cannot go on; the message says what to look at."""


class Client(Node):
    """Asks, waits, and keeps the simulator's log and the node's newest debug image."""

    def __init__(self, action: str) -> None:
        super().__init__("ask_demo", parameter_overrides=[Parameter("use_sim_time", value=True)])
        self.action_name = action
        self.log: dict[str, Any] = {}
        self.debug: Image | None = None
        latched = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
        self.create_subscription(String, "/sim/world_log", self._on_log, latched)
        debug_topic = action.rsplit("/", 1)[0] + "/debug/image"
        self.create_subscription(Image, debug_topic, self._on_debug, qos_profile_sensor_data)
        self._slide = self.create_client(Trigger, "/sim/slide")
        self._asker = ActionClient(self, AskSpatial, action)

    def sim_nanos(self) -> int:
        """Simulated now."""
        return int(self.get_clock().now().nanoseconds)

    def wait_ready(self, timeout_secs: float) -> None:
        """Returns once clock, simulator and action server are there and some simulated time has passed."""
        end, said = time.monotonic() + timeout_secs, 0.0
        first: int | None = None
        while True:
            rclpy.spin_once(self, timeout_sec=0.1)
            missing = [
                what
                for what, there in (
                    ("the simulator's /clock", self.sim_nanos() > 0),
                    ("the simulator's /sim/world_log", bool(self.log)),
                    (
                        f"the action server {self.action_name} (is the node running in this ROS domain?)",
                        self._asker.server_is_ready(),
                    ),
                )
                if not there
            ]
            if not missing:
                first = first or self.sim_nanos()
                if self.sim_nanos() - first > WARM_UP_SECS * 1e9:
                    return
            if time.monotonic() > end:
                raise DemoFailed(f"after {timeout_secs:.0f} s still missing: {'; '.join(missing) or 'warm-up'}")
            if time.monotonic() - said > 5.0:
                said = time.monotonic()
                print(f"waiting for {'; '.join(missing) or 'the buffers to fill'} ...", flush=True)

    def slide(self) -> None:
        """Has the simulator displace its object and waits until it has been seen at rest."""
        if not self._slide.wait_for_service(timeout_sec=10.0):
            raise DemoFailed("the simulator's service /sim/slide is not there")
        reply = self._finish(self._slide.call_async(Trigger.Request()), 10.0)
        if reply is None or not reply.success:
            raise DemoFailed("the simulator did not displace its object")
        until = int((json.loads(reply.message)["end_secs"] + AFTER_SLIDE_SECS) * 1e9)
        end = time.monotonic() + 60.0
        while self.sim_nanos() < until or not self.log.get("moves"):
            rclpy.spin_once(self, timeout_sec=0.1)
            if time.monotonic() > end:
                raise DemoFailed("simulated time stands still")

    def ask(self, question: Question, timeout_secs: float, **fields: Any) -> dict[str, Any]:
        """One goal, with further fields. Returns times, state and the result as plain data, or why there is none."""
        goal = AskSpatial.Goal(question=question.text, target_frame=question.target_frame, **fields)
        if question.last_secs > 0:
            goal.time_mode = AskSpatial.Goal.TIME_LAST
            goal.window.sec = int(question.last_secs)
            goal.window.nanosec = int((question.last_secs % 1.0) * 1e9)
        self.debug = None  # an earlier answer may rest on the very same images
        stages: list[int] = []
        out: dict[str, Any] = {"question": question.text, "asked_nanos": self.sim_nanos(), "result": None}
        start = time.monotonic()
        handle = self._finish(
            self._asker.send_goal_async(goal, feedback_callback=lambda m: stages.append(int(m.feedback.stage))),
            timeout_secs,
        )
        if handle is None or not handle.accepted:
            out["fault"] = (
                "goal rejected" if handle is not None else f"no reply to the goal within {timeout_secs:.0f} s"
            )
        else:
            left = timeout_secs - (time.monotonic() - start)
            reply = self._finish(handle.get_result_async(), max(0.1, left))
            if reply is None:
                handle.cancel_goal_async()
                out["fault"] = f"no result within {timeout_secs:.0f} s"
            else:
                out["state"] = GOAL_STATES.get(reply.status, str(reply.status))
                out["result"] = plain(reply.result)
        out.update(done_nanos=self.sim_nanos(), wall_secs=round(time.monotonic() - start, 3), feedback_stages=stages)
        return out

    def unasked(self, question: Question) -> dict[str, Any]:
        """The record of a question for which no time is left."""
        now = self.sim_nanos()
        fault = "not asked, the demo's time is used up"
        return {
            "question": question.text,
            "asked_nanos": now,
            "done_nanos": now,
            "wall_secs": 0.0,
            "result": None,
            "fault": fault,
        }

    def wait_debug(self, at_least_nanos: int, timeout_secs: float) -> Image | None:
        """The last answer's debug image: the newest, once none came for half a second (answers may share an exposure)."""
        end = time.monotonic() + timeout_secs
        newest, quiet_since = self.debug, time.monotonic()
        while time.monotonic() < min(end, quiet_since + 0.5 if newest else end):
            rclpy.spin_once(self, timeout_sec=0.1)
            if self.debug is not newest:
                newest, quiet_since = self.debug, time.monotonic()
        return newest if newest and judge.nanos_of(plain(newest.header.stamp)) >= at_least_nanos else None

    def _finish(self, future: Any, timeout_secs: float) -> Any:
        rclpy.spin_until_future_complete(self, future, timeout_sec=timeout_secs)
        return future.result() if future.done() else None

    def _on_log(self, message: String) -> None:
        self.log = json.loads(message.data)

    def _on_debug(self, message: Image) -> None:
        self.debug = message


def plain(message: Any) -> Any:
    """A ROS message as nested dicts, lists, numbers and strings."""
    if hasattr(message, "get_fields_and_field_types"):
        return {name: plain(getattr(message, name)) for name in message.get_fields_and_field_types()}
    if isinstance(message, (list, tuple, np.ndarray, array.array)):
        return [plain(item) for item in message]
    return message.item() if isinstance(message, np.generic) else message


def judge_one(
    question: Question, asked: dict[str, Any], truth: Truth, period: int, second_line_secs: float = 0.0
) -> judge.Verdict:
    """The verdict on one asked question; poses the truth's world at the newest stamp the answer names.

    Evidence may be older than that by ``second_line_secs``, where an older image can be a second line of evidence.
    """
    result = asked["result"]
    latest = asked["done_nanos"]
    stamps = [judge.nanos_of(e["header"]["stamp"]) for e in result["evidence"]] if result else []
    # The question's moment, when an answer names none or one that cannot be.
    at = max((s for s in stamps if 0 < s <= latest), default=asked["asked_nanos"])
    truth.at(at * 1e-9)
    rule = question.make(truth)
    if result is None:
        return judge.Verdict(False, "-", asked["fault"])
    verdict = rule(result)
    if verdict.right and question.measured:
        newest_from = asked["asked_nanos"] - int((MAX_AGE_SECS + question.last_secs) * 1e9)
        fault = judge.evidence_fault(result, newest_from - int(second_line_secs * 1e9), latest, period)
        if not fault and at < newest_from:
            fault = f"its newest evidence is from {at * 1e-9:.3f} s, asked at {latest * 1e-9:.3f} s"
        if fault:
            return judge.Verdict(False, verdict.truth, fault)
    return verdict


def shown(result: dict[str, Any] | None) -> str:
    """The answer as the table shows it."""
    if result is None:
        return "-"
    if not result["success"]:
        code = judge.CODES.get(result["error_code"], str(result["error_code"]))
        return f"refused: {code}"
    value, frame = result["value"], _frame(result)
    if value["kind"] == judge.KIND_NUMBER:
        n = value["number"]
        if n["unit"] == "1":
            return f"{n['value']:g}"
        return f"{n['value']:.3f} ± {n['sigma']:.3f} {n['unit']}{frame}"
    if value["kind"] == judge.KIND_BOOL:
        said = judge.displacement(result["text"])
        return ("yes" if value["truth"] else "no") + (f", {said[0]:.3f} ± {said[1]:.3f} m" if said else "")
    if value["kind"] in (judge.KIND_POINT, judge.KIND_POSE):
        p, c = value["placement"]["pose"]["pose"]["position"], value["placement"]["pose"]["covariance"]
        sigma = math.sqrt(max(0.0, c[0], c[7], c[14]))
        return (
            f"({p['x']:.3f}, {p['y']:.3f}, {p['z']:.3f}) ± {sigma:.3f} m [{value['placement']['header']['frame_id']}]"
        )
    if value["kind"] == judge.KIND_LIST:
        return ", ".join(value["items"])
    return str(value["text"])


def _frame(result: dict[str, Any]) -> str:
    frames = sorted({e["header"]["frame_id"] for e in result["evidence"]})
    return f" [{', '.join(frames)}]" if frames else ""


def print_table(rows: list[tuple[str, str, str, str]]) -> None:
    """Question, answer, truth, verdict in columns as wide as needed."""
    head = ("question", "answer", "simulator's truth", "verdict")
    limits = (62, 58, 40, 60)
    cells = [
        tuple(c if len(c) <= m else c[: m - 1] + "…" for c, m in zip(r, limits, strict=True)) for r in (head, *rows)
    ]
    widths = [max(len(r[i]) for r in cells) for i in range(4)]
    for idx, row in enumerate(cells):
        print("  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip())
        if idx == 0:
            print("  ".join("-" * w for w in widths))


def run(client: Client, args: argparse.Namespace) -> bool:
    """Asks everything, prints and writes; true when every verdict is right."""
    world = World()
    truth = Truth(world)
    client.wait_ready(args.wait)
    started = time.monotonic()
    rows: list[tuple[str, str, str, str]] = []
    records: list[dict[str, Any]] = []
    last_distance: tuple[dict[str, Any], str] | None = None
    questions = [q for q in QUESTIONS if args.only.lower() in q.text.lower()]
    if not questions:
        raise DemoFailed(f"no question contains {args.only!r}")
    for idx, question in enumerate(questions, 1):
        if question.slide_first and time.monotonic() - started < args.budget:
            print("    (the simulator displaces the duck)", flush=True)
            client.slide()
        left = args.budget - (time.monotonic() - started)
        asked = client.ask(question, min(args.timeout, left)) if left > 0 else client.unasked(question)
        world.log = WorldLog.from_json(client.log["moves"])
        verdict = judge_one(question, asked, truth, client.log["period_nanos"])
        answer = shown(asked["result"])
        rows.append((question.text, answer, verdict.truth, "right" if verdict.right else f"WRONG: {verdict.why}"))
        records.append({**asked, "answer": answer, "truth": verdict.truth, "right": verdict.right, "why": verdict.why})
        mark = "right" if verdict.right else "WRONG"
        print(f"[{idx:2}/{len(questions)}] {mark}  {asked['wall_secs']:6.2f} s  {question.text}  {answer}", flush=True)
        if asked["result"] and asked["result"]["evidence"] and question.text.startswith("How far"):
            last_distance = asked["result"], f"{question.text}  {answer}"
    n_right = sum(r["right"] for r in records)
    print(f"\n{judge.SCORING}\n")
    print_table(rows)
    print(f"\n{n_right} of {len(rows)} right, asked in {time.monotonic() - started:.0f} s")
    args.out.mkdir(parents=True, exist_ok=True)
    report = {"scoring": judge.SCORING, "right": n_right, "asked": len(rows), "questions": records}
    (args.out / "answers.json").write_text(json.dumps(report, indent=2, allow_nan=True) + "\n", encoding="utf-8")
    if last_distance is not None:
        result, caption = last_distance
        newest = max(judge.nanos_of(e["header"]["stamp"]) for e in result["evidence"])
        debug = client.wait_debug(newest, 2.0)
        picture.compose(world, result, caption, picture.decode(debug) if debug else None, args.out / "scene.png")
    print(f"written: {args.out}/answers.json" + (f", {args.out}/scene.png" if last_distance else ""))
    world.close()
    return n_right == len(rows)


def main(argv: list[str] | None = None) -> int:
    """Entry point: ``python -m demo.ask_demo``."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("out/demo"), help="where answers.json and scene.png go")
    parser.add_argument("--action", default="/spatialclaw/ask")
    parser.add_argument("--only", default="", metavar="WORDS", help="ask only the questions that contain these words")
    parser.add_argument("--timeout", type=float, default=30.0, help="real seconds per question")
    parser.add_argument("--budget", type=float, default=240.0, help="real seconds for all questions together")
    parser.add_argument("--wait", type=float, default=90.0, help="real seconds to wait for simulator and node")
    args = parser.parse_args(argv)
    rclpy.init()
    client = Client(args.action)
    try:
        return 0 if run(client, args) else 1
    except DemoFailed as failure:
        print(f"demo: {failure}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    finally:
        client.destroy_node()
        rclpy.try_shutdown()


if __name__ == "__main__":
    sys.exit(main())
