# SPDX-License-Identifier: Apache-2.0
"""A stand-in action server that answers from the simulator's own truth: it tests the client, never the node.

With ``--wrong N`` every N-th answer is spoiled, so that a test can see the client notice.
"""

from __future__ import annotations

import argparse
import json
import math
import re
import signal
from typing import Any

import numpy as np
import rclpy
from demo.layout import LabelTable
from demo.questions import QUESTIONS
from demo.robot_camera import stamp
from demo.scene import World, WorldLog
from demo.truth import Truth
from geometry_msgs.msg import Point
from rclpy.action import ActionServer
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.qos import DurabilityPolicy, QoSProfile, qos_profile_sensor_data
from rclpy.signals import SignalHandlerOptions
from sensor_msgs.msg import Image
from spatialclaw.action import AskSpatial
from spatialclaw.msg import Evidence, Quantity, SpatialValue
from std_msgs.msg import String


class FakeNode(Node):
    """Answers each known question with its truth at the newest image's stamp."""

    def __init__(self, wrong_every: int) -> None:
        super().__init__("spatialclaw", parameter_overrides=[Parameter("use_sim_time", value=True)])
        self._world, self._wrong_every, self._n = World(), wrong_every, 0
        self._truth = Truth(self._world)
        self._newest = 0
        self._last: Image | None = None
        self._questions = {q.text: q for q in QUESTIONS}
        latched = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
        self.create_subscription(String, "/sim/world_log", self._on_log, latched)
        self.create_subscription(Image, "/front/image", self._on_image, qos_profile_sensor_data)
        self._debug = self.create_publisher(Image, "/spatialclaw/debug/image", 1)
        self._server = ActionServer(self, AskSpatial, "/spatialclaw/ask", self._execute)

    def _on_log(self, message: String) -> None:
        self._world.log = WorldLog.from_json(json.loads(message.data)["moves"])

    def _on_image(self, message: Image) -> None:
        self._last = message
        self._newest = message.header.stamp.sec * 1_000_000_000 + message.header.stamp.nanosec

    def _execute(self, handle: Any) -> Any:
        question = self._questions[handle.request.question]
        self._truth.at(self._newest * 1e-9)
        blank = {
            "success": True,
            "value": {"kind": 0, "items": [], "text": ""},
            "text": "",
            "error_code": 0,
            "error_msg": "",
        }
        truth = question.make(self._truth)(blank).truth
        result = AskSpatial.Result()
        if truth.startswith("refusal"):
            result.error_code = int(getattr(AskSpatial.Result, truth.split()[1].upper()))
            result.error_msg = "refused by the stand-in"
            handle.abort()
            return result
        self._n += 1
        wrong = self._wrong_every and self._n % self._wrong_every == 0
        result.success, result.text = True, truth
        result.value = self._value(question, truth, wrong)
        result.evidence = self._evidence(question.text)
        if self._last is not None:
            self._debug.publish(self._last)
        handle.succeed()
        return result

    def _value(self, question: Any, truth: str, wrong: bool) -> SpatialValue:
        value = SpatialValue()
        if truth.startswith(("yes", "no")) and question.text.split()[0] in ("Is", "Did"):
            value.kind, value.truth = SpatialValue.KIND_BOOL, truth.startswith("yes") != wrong
        elif truth.startswith("("):
            value.kind = SpatialValue.KIND_POINT
            p = value.placement.pose.pose.position
            p.x, p.y, p.z = (float(x) + (0.3 if wrong else 0.0) for x in re.findall(r"-?\d+\.\d+", truth))
            value.placement.header.frame_id = question.target_frame or "map"
            value.placement.pose.covariance = (np.eye(6) * 1e-4).ravel()
        elif (found := re.match(r"(-?[\d.]+?)(?:\.\.(-?[\d.]+))?(?: (m|rad))?$", truth)) is not None:
            numbers = [float(x) for x in found.groups()[:2] if x]
            number = sum(numbers) / len(numbers) + (0.3 if wrong else 0.0)
            value.kind = SpatialValue.KIND_NUMBER
            value.number = Quantity(value=number, sigma=0.004 if found.group(3) else 0.0, unit=found.group(3) or "1")
        elif ", " in truth:
            value.kind, value.items = SpatialValue.KIND_LIST, truth.split(", ")[1 if wrong else 0 :]
        else:
            value.kind, value.text = SpatialValue.KIND_CHOICE, "nothing" if wrong else f"the {truth}"
        return value

    def _evidence(self, text: str) -> list[Evidence]:
        named = [n for n in dict.fromkeys(LabelTable().names) if re.search(rf"\b{n}\b", text)][:2]
        out = []
        for name in named:
            label = self._world.labels(name)[0]
            seen = self._truth.visible().get(label)
            if seen is None:
                continue
            evidence = Evidence(id=f"{name}#{label}@front", label=name, camera="front", n_pixels=len(seen))
            evidence.header.stamp, evidence.header.frame_id = stamp(self._newest), "map"
            middle = seen[np.argmin(np.linalg.norm(seen - seen.mean(axis=0), axis=1))]
            evidence.points = [Point(**dict(zip("xyz", map(float, middle), strict=True)))]
            evidence.score = float(math.exp(-1))
            out.append(evidence)
        return out


def main() -> None:
    """Serves until shut down."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--wrong", type=int, default=0)
    args = parser.parse_args()
    rclpy.init(signal_handler_options=SignalHandlerOptions.NO)
    node = FakeNode(args.wrong)
    # No clean-up: nothing here outlives the process, and a waiting executor would not notice the signal.
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    rclpy.spin(node)


if __name__ == "__main__":
    main()
