# SPDX-License-Identifier: Apache-2.0
"""ROS 2 node: the simulated robot with its moving depth camera.

Publishes ``/clock``, ``/tf``, ``/tf_static`` and, per exposure with one common stamp, ``/front/image``,
``/front/depth``, ``/front/camera_info`` and ``/front/labels``; ``/front/label_names`` is latched.
``/sim/slide`` (std_srvs/Trigger) displaces the duck; ``/sim/world_log`` (std_msgs/String, latched JSON) says
what has moved when, for whoever computes truth.

Time is simulated and uniform: the clock ticks at a fixed fraction of real time, pictures are taken at exact
multiples of the frame period by a second process, and the clock waits should a picture not be ready.
Pictures arrive a little after their stamp, as they do on a robot: who uses the newest transform instead of the
one at the stamp measures in the wrong place.
"""

from __future__ import annotations

import argparse
import array
import json
import multiprocessing
import signal
import time
from multiprocessing.connection import Connection
from typing import Any

import numpy as np
import rclpy
from builtin_interfaces.msg import Time
from geometry_msgs.msg import TransformStamped
from rclpy.executors import ExternalShutdownException
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile, qos_profile_sensor_data
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import CameraInfo, Image
from spatialclaw.msg import LabelNames
from std_msgs.msg import String
from std_srvs.srv import Trigger
from tf2_msgs.msg import TFMessage

from . import camera, trajectory
from .layout import LabelTable
from .scene import World, WorldLog

TICK_NANOS = 10_000_000
TF_EVERY_TICKS = 2
START_NANOS = 1_000_000_000_000
OPTICAL_FRAME = "front_optical_frame"


def stamp(nanos: int) -> Time:
    """ROS time of integer nanoseconds."""
    return Time(sec=nanos // 1_000_000_000, nanosec=nanos % 1_000_000_000)


def render_forever(pipe: Connection) -> None:
    """The second process: answers (index, nanos, moves) with a sensed frame until the pipe closes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    world = World()
    pipe.send("ready")
    while True:
        try:
            index, nanos, moves = pipe.recv()
            world.log = WorldLog.from_json(moves)
            pipe.send(camera.sense(camera.render(world, nanos * 1e-9), index))
        except (EOFError, BrokenPipeError, ConnectionResetError):
            return


class RobotCamera(Node):
    """The publishing side. ``run`` returns when the context shuts down."""

    def __init__(self, pipe: Connection, args: argparse.Namespace) -> None:
        super().__init__("robot_camera")
        self._pipe = pipe
        self._args = args
        self._period = int(round(args.frame_period * 1e9)) // TICK_NANOS * TICK_NANOS
        self._latency = int(round(args.latency * 1e9)) // TICK_NANOS * TICK_NANOS
        if not 0 <= self._latency < self._period:
            raise ValueError(f"latency {args.latency} s must lie in [0, {args.frame_period}) s, the frame period")
        latched = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
        self._clock_out = self.create_publisher(Clock, "/clock", 10)
        self._tf_out = self.create_publisher(TFMessage, "/tf", 100)
        self._tf_static_out = self.create_publisher(TFMessage, "/tf_static", latched)
        self._image_out = self.create_publisher(Image, "/front/image", qos_profile_sensor_data)
        self._depth_out = self.create_publisher(Image, "/front/depth", qos_profile_sensor_data)
        self._labels_out = self.create_publisher(Image, "/front/labels", qos_profile_sensor_data)
        self._info_out = self.create_publisher(CameraInfo, "/front/camera_info", qos_profile_sensor_data)
        self._names_out = self.create_publisher(LabelNames, "/front/label_names", latched)
        self._log_out = self.create_publisher(String, "/sim/world_log", latched)
        self.create_service(Trigger, "/sim/slide", self._slide)
        # This world only keeps the log; the second process owns the pictures.
        self._log = WorldLog()
        self._world = World(settle=False)
        self._now = START_NANOS
        self._frame_idx = 0
        self._frame_nanos = START_NANOS
        self._n_stalls = 0

    def run(self) -> None:
        """Advances simulated time until shutdown."""
        self._publish_static()
        self._request(START_NANOS)
        pending = START_NANOS
        wall_start, sim_start = time.monotonic(), self._now
        last_report = wall_start
        while rclpy.ok():
            if self._args.hold_after and self._now - START_NANOS >= self._args.hold_after * 1e9:
                self._clock_out.publish(Clock(clock=stamp(self._now)))
                rclpy.spin_once(self, timeout_sec=0.05)
                continue
            if self._now == pending + self._latency:
                if not self._pipe.poll():
                    self._n_stalls += 1
                    while rclpy.ok() and not self._pipe.poll(0.005):
                        rclpy.spin_once(self, timeout_sec=0.0)
                    # Simulated time stood still: the real-time factor counts from here on.
                    wall_start, sim_start = time.monotonic(), self._now
                self._publish_frame(self._pipe.recv(), pending)
                pending += self._period
                self._request(pending)
            self._clock_out.publish(Clock(clock=stamp(self._now)))
            if (self._now // TICK_NANOS) % TF_EVERY_TICKS == 0:
                links = trajectory.moving_links(self._now * 1e-9)
                self._tf_out.publish(TFMessage(transforms=[_link(*link, self._now) for link in links]))
            self._now += TICK_NANOS
            due = wall_start + (self._now - sim_start) * 1e-9 / self._args.rtf
            while rclpy.ok() and (left := due - time.monotonic()) > 0:
                rclpy.spin_once(self, timeout_sec=left)
            if time.monotonic() - last_report > 10.0:
                last_report = time.monotonic()
                self.get_logger().info(
                    f"simulated {(self._now - START_NANOS) * 1e-9:.1f} s, {self._frame_idx} pictures, "
                    f"clock waited {self._n_stalls} times"
                )

    def _request(self, nanos: int) -> None:
        self._frame_nanos = nanos
        self._pipe.send((self._frame_idx, nanos, self._log.to_json()))
        self._frame_idx += 1

    def _slide(self, _request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        # The picture under way already has its world, so the displacement begins at that picture's stamp.
        self._world.log = self._log
        move = self._world.slide(self._frame_nanos * 1e-9)
        self._publish_log()
        response.success, response.message = True, json.dumps(vars(move))
        return response

    def _publish_log(self) -> None:
        self._log_out.publish(String(data=json.dumps({"period_nanos": self._period, "moves": self._log.to_json()})))

    def _publish_static(self) -> None:
        links = [_link(*link, START_NANOS) for link in trajectory.STATIC_LINKS]
        self._tf_static_out.publish(TFMessage(transforms=links))
        table = LabelTable()
        names = LabelNames(ids=list(table.ids), names=list(table.names))
        names.header.stamp, names.header.frame_id = stamp(START_NANOS), OPTICAL_FRAME
        self._names_out.publish(names)
        self._publish_log()

    def _publish_frame(self, frame: camera.Frame, nanos: int) -> None:
        if self._args.depth_encoding == "16UC1":
            depth = _image(camera.millimetres(frame.depth_m), "16UC1", nanos)
        else:
            depth = _image(frame.depth_m, "32FC1", nanos)
        self._info_out.publish(_camera_info(nanos))
        self._image_out.publish(_image(frame.rgb, "rgb8", nanos))
        self._depth_out.publish(depth)
        self._labels_out.publish(_image(frame.labels, "16UC1", nanos))


def _image(pixels: np.ndarray, encoding: str, nanos: int) -> Image:
    message = Image(height=pixels.shape[0], width=pixels.shape[1], encoding=encoding, is_bigendian=0)
    message.header.stamp, message.header.frame_id = stamp(nanos), OPTICAL_FRAME
    message.step = pixels.strides[0]
    message.data = array.array("B", np.ascontiguousarray(pixels).tobytes())
    return message


def _camera_info(nanos: int) -> CameraInfo:
    k = camera.k_matrix()
    message = CameraInfo(height=camera.HEIGHT_PX, width=camera.WIDTH_PX, distortion_model="plumb_bob")
    message.header.stamp, message.header.frame_id = stamp(nanos), OPTICAL_FRAME
    message.d = [0.0] * 5
    message.k = k
    message.r = [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0]
    message.p = [*k[0:3], 0.0, *k[3:6], 0.0, *k[6:9], 0.0]
    return message


def _link(parent: str, child: str, parent_from_child: trajectory.Matrix, nanos: int) -> TransformStamped:
    message = TransformStamped(child_frame_id=child)
    message.header.stamp, message.header.frame_id = stamp(nanos), parent
    t, r = message.transform.translation, message.transform.rotation
    t.x, t.y, t.z = (float(v) for v in parent_from_child[:3, 3])
    r.x, r.y, r.z, r.w = trajectory.quaternion(parent_from_child)
    return message


def main(argv: list[str] | None = None) -> None:
    """Entry point: ``python -m demo.robot_camera``."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rtf", type=float, default=0.5, help="simulated seconds per real second")
    parser.add_argument("--frame-period", type=float, default=0.2, help="simulated seconds between pictures")
    parser.add_argument("--latency", type=float, default=0.1, help="simulated seconds from stamp to publication")
    parser.add_argument("--hold-after", type=float, default=0.0, help="simulated seconds after which time stands still")
    parser.add_argument("--depth-encoding", choices=("32FC1", "16UC1"), default="32FC1")
    args = parser.parse_args(argv)
    context: Any = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    worker = context.Process(target=render_forever, args=(theirs,), daemon=True)
    worker.start()
    theirs.close()
    if ours.recv() != "ready":
        raise RuntimeError("the renderer did not start")
    rclpy.init()
    node = RobotCamera(ours, args)
    try:
        node.run()
    except (KeyboardInterrupt, ExternalShutdownException):
        pass
    finally:
        ours.close()
        worker.join(timeout=5)
        node.destroy_node()
        rclpy.try_shutdown()


if __name__ == "__main__":
    main()
