# SPDX-License-Identifier: Apache-2.0
"""Tools for tests of the running node.

    def test_something(start_node, ros):          # fixtures of conftest.py
        start_node({'fixed_frame': 'map'})        # runs the installed node through the launch file
        tf, camera = FakeTf(ros), FakeCamera(ros, 'camera')
        tf.static('map', 'camera_optical', xyz=(0, 0, 1))
        camera.publish(image=rgb, depth=metres, labels=ids, names={5: 'mug'})
        status, result, feedback = ros.ask('How far is the mug?')
        assert status == GoalStatus.STATUS_SUCCEEDED

Images are numpy arrays; times are builtin_interfaces Time, or seconds; what is left out gets a sensible default.
"""

import array
import collections
import dataclasses
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import threading
import time
from typing import NamedTuple

import numpy as np
import rclpy
import yaml
from action_msgs.msg import GoalStatus
from builtin_interfaces.msg import Duration, Time
from geometry_msgs.msg import TransformStamped
from rcl_interfaces.srv import ListParameters
from rclpy.action import ActionClient
from rclpy.executors import ExternalShutdownException, MultiThreadedExecutor, SingleThreadedExecutor
from rclpy.parameter import Parameter
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import CameraInfo, Image
from spatialclaw.action import AskSpatial
from spatialclaw.msg import LabelNames
from tf2_msgs.msg import TFMessage

ROOT = pathlib.Path(__file__).resolve().parents[2]
LAUNCH_FILE = ROOT / 'launch' / 'spatialclaw.launch.py'

SENSOR = QoSProfile(depth=5, reliability=ReliabilityPolicy.BEST_EFFORT)
RELIABLE = QoSProfile(depth=100)
LATCHED = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)


class GoalRejected(Exception):
    """The action server did not accept the goal."""


class Answer(NamedTuple):
    status: int  # GoalStatus.STATUS_...
    result: AskSpatial.Result
    feedback: list  # of AskSpatial.Feedback


def stamp(seconds):
    """Seconds to builtin_interfaces Time; a Time is let through."""
    if isinstance(seconds, Time):
        return seconds
    nanoseconds = round(seconds * 1e9)
    return Time(sec=nanoseconds // 10**9, nanosec=nanoseconds % 10**9)


def duration(seconds):
    t = stamp(seconds)
    return Duration(sec=t.sec, nanosec=t.nanosec)


def wait_until(condition, timeout=10.0, what='the condition'):
    """Polls until `condition()` is true and returns its value; TimeoutError otherwise."""
    end = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise TimeoutError(f'{what} did not come within {timeout:g} s')
        time.sleep(0.02)


class Ros:
    """A test's own ROS node, spun by a thread in the background. A context manager."""

    def __init__(self, name='spatialclaw_test', use_sim_time=False, threads=1):
        self.context = rclpy.Context()
        rclpy.init(context=self.context)
        self.node = rclpy.create_node(
            name, context=self.context, parameter_overrides=[Parameter('use_sim_time', value=use_sim_time)])
        self._executor = MultiThreadedExecutor(threads, context=self.context) if threads > 1 else SingleThreadedExecutor(context=self.context)
        self._executor.add_node(self.node)
        self._thread = threading.Thread(target=self._spin, daemon=True)
        self._thread.start()
        self._clients = {}
        self._feedback = collections.defaultdict(list)  # by goal id
        self._is_unknown = False  # whether something was made here since `meet`

    def _spin(self):
        try:
            self._executor.spin()
        except ExternalShutdownException:
            pass

    def close(self):
        self._executor.shutdown(timeout_sec=5)
        self._thread.join(5)
        self.node.destroy_node()
        rclpy.shutdown(context=self.context)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def now(self):
        return self.node.get_clock().now().to_msg()

    def meet(self, node='/spatialclaw', timeout=20.0):
        """Until that node knows every publisher, subscription and client made here so far.

        Finding it from here is not enough: until it has found them too, what is sent to it is lost, and so are its replies. It learns of
        them in the order in which they were made, so that a reply to a client made last shows that it knows them all.
        """
        client = self.node.create_client(ListParameters, f'{node}/list_parameters')
        end = time.monotonic() + timeout
        try:
            if not client.wait_for_service(timeout):
                raise TimeoutError(f'no node {node} within {timeout:g} s')
            while True:
                try:
                    wait_for(self.spinning(lambda: client.call_async(ListParameters.Request())), 2.0, f'a reply of {node}')
                    break
                except TimeoutError:
                    if time.monotonic() > end:
                        raise
            self._is_unknown = False
        finally:
            self.node.destroy_client(client)

    def publisher(self, kind, topic, qos=RELIABLE):
        self._is_unknown = True
        return self.node.create_publisher(kind, topic, qos)

    def listen(self, kind, topic, qos=RELIABLE):
        """A list that grows by every message heard on the topic."""
        heard = []
        self._is_unknown = True
        self.node.create_subscription(kind, topic, heard.append, qos)
        return heard

    def call(self, kind, name, request=None, timeout=10.0):
        """Calls a service of a node, `<node>/<service>` or one of its action, and returns its response."""
        client = self.node.create_client(kind, name)
        try:
            if not client.wait_for_service(timeout):
                raise TimeoutError(f'no service {name} within {timeout:g} s')
            self.meet(name.partition('/ask/_action/')[0] if '/_action/' in name else name.rsplit('/', 1)[0])
            return wait_for(client.call_async(request or kind.Request()), timeout, f'the response of {name}')
        finally:
            self.node.destroy_client(client)

    def spinning(self, function):
        """What `function` returns, called by the thread that spins.

        rclpy's action client notes a request only after it was sent: called from elsewhere it may lose a quick reply.
        """
        done = threading.Event()
        returned = []

        def call():
            returned.append(function())
            done.set()

        self._executor.create_task(call)
        if not done.wait(10):
            raise TimeoutError('the spinning thread is busy or gone')
        return returned[0]

    def wait_for_subscribers(self, publisher, count=1, timeout=10.0):
        wait_until(lambda: publisher.get_subscription_count() >= count, timeout, f'a subscriber of {publisher.topic_name}')

    def action(self, name='/spatialclaw/ask'):
        """The (one) action client of this name."""
        if name not in self._clients:
            self._clients[name] = ActionClient(self.node, AskSpatial, name)
            # The action client's own feedback ends with the result, although the two travel apart and either may come first.
            self.node.create_subscription(
                AskSpatial.Impl.FeedbackMessage, f'{name}/_action/feedback',
                lambda m: self._feedback[bytes(m.goal_id.uuid)].append(m.feedback), RELIABLE)
            self._is_unknown = True
        return self._clients[name]

    def wait_for_action(self, name='/spatialclaw/ask', timeout=20.0):
        if not self.action(name).wait_for_server(timeout):
            raise TimeoutError(f'no action server {name} within {timeout:g} s')
        if self._is_unknown:
            self.meet(name.rsplit('/', 1)[0], timeout)

    def send(self, question, *, action='/spatialclaw/ask', timeout=20.0, **fields):
        """Sends a goal and returns it, running, as a `Goal`; GoalRejected if it is not accepted.

        `fields` are the goal's other fields; `deadline`, `window` and `stamp` may be seconds.
        """
        for name in ('deadline', 'window'):
            if isinstance(fields.get(name), (int, float)):
                fields[name] = duration(fields[name])
        if 'stamp' in fields:
            fields['stamp'] = stamp(fields['stamp'])
        self.wait_for_action(action, timeout)
        goal = AskSpatial.Goal(question=question, **fields)
        future = self.spinning(lambda: self.action(action).send_goal_async(goal))
        handle = wait_for(future, timeout, 'the reply to the goal')
        if not handle.accepted:
            raise GoalRejected(question)
        return Goal(self, handle, self._feedback[bytes(handle.goal_id.uuid)])

    def ask(self, question, *, timeout=30.0, **fields):
        """Asks and waits: (status, result, feedback). `fields` as for `send`."""
        return self.send(question, timeout=min(timeout, 20.0), **fields).answer(timeout)


class Goal:
    """An accepted goal."""

    def __init__(self, ros, handle, feedback):
        self._ros = ros
        self.handle = handle
        self.feedback = feedback
        self._result = ros.spinning(handle.get_result_async)

    def answer(self, timeout=30.0):
        response = wait_for(self._result, timeout, 'the result')
        return Answer(response.status, response.result, self.feedback)

    def cancel(self, timeout=10.0):
        """The CancelGoal response; then call `answer`."""
        return wait_for(self._ros.spinning(self.handle.cancel_goal_async), timeout, 'the reply to the cancel request')


def wait_for(future, timeout, what):
    """The result of an rclpy future that the background thread completes."""
    done = threading.Event()
    future.add_done_callback(lambda _: done.set())
    if not done.wait(timeout):
        raise TimeoutError(f'{what} did not come within {timeout:g} s')
    return future.result()


# ---- fake sensors


@dataclasses.dataclass(frozen=True)
class Intrinsics:
    """A pinhole camera."""

    width: int = 640
    height: int = 480
    fx: float = 525.0
    fy: float = 525.0
    cx: float = 319.5
    cy: float = 239.5
    distortion_model: str = 'plumb_bob'
    d: tuple = (0.0, 0.0, 0.0, 0.0, 0.0)

    def message(self):
        return CameraInfo(
            width=self.width, height=self.height, distortion_model=self.distortion_model, d=list(self.d),
            k=[self.fx, 0.0, self.cx, 0.0, self.fy, self.cy, 0.0, 0.0, 1.0], r=[1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0],
            p=[self.fx, 0.0, self.cx, 0.0, 0.0, self.fy, self.cy, 0.0, 0.0, 0.0, 1.0, 0.0])


def image_message(pixels, encoding=None, row_padding=0):
    """An Image from an array: HxWx3 uint8 is rgb8, HxW uint8 mono8, uint16 16UC1, float 32FC1, unless `encoding` says else."""
    pixels = np.asarray(pixels)
    if np.issubdtype(pixels.dtype, np.floating):
        pixels = pixels.astype('<f4')
    if encoding is None:
        encoding = {('u1', 3): 'rgb8', ('u1', 2): 'mono8', ('u2', 2): '16UC1', ('f4', 2): '32FC1'}[pixels.dtype.str[1:], pixels.ndim]
    height, width = pixels.shape[:2]
    rows = np.ascontiguousarray(pixels).view(np.uint8).reshape(height, -1)
    rows = np.pad(rows, ((0, 0), (0, row_padding)))
    message = Image(height=height, width=width, encoding=encoding, step=rows.shape[1], is_bigendian=0)
    message.data = array.array('B', rows.tobytes())
    return message


class FakeCamera:
    """Publishes as a camera driver and a segmenter do, on `<name>/image`, `depth`, `camera_info`, `labels`, `label_names`.

    Images are best effort, as cameras send them, unless `reliable`. `prefix` is a namespace, such as '/robot1'.
    """

    def __init__(self, ros, name='camera', *, frame='camera_optical', intrinsics=Intrinsics(), reliable=False, prefix=''):
        self.ros = ros
        self.frame = frame
        self.intrinsics = intrinsics
        self._prefix = prefix
        base = f'{prefix}/{name}'
        qos = QoSProfile(depth=5) if reliable else SENSOR
        self.image = ros.publisher(Image, f'{base}/image', qos)
        self.depth = ros.publisher(Image, f'{base}/depth', qos)
        self.camera_info = ros.publisher(CameraInfo, f'{base}/camera_info', qos)
        self.labels = ros.publisher(Image, f'{base}/labels', qos)
        self.label_names = ros.publisher(LabelNames, f'{base}/label_names', LATCHED)

    def wait_for_node(self, timeout=10.0):
        """Until the node has subscribed and knows of the publishers: what is sent earlier is lost."""
        for publisher in (self.image, self.depth, self.camera_info):
            self.ros.wait_for_subscribers(publisher, timeout=timeout)
        self.ros.meet(f'{self._prefix}/spatialclaw')

    def publish(self, *, image=None, depth=None, labels=None, names=None, info=True, stamp=None, frame=None, image_encoding=None):
        """Publishes what is given, all with one stamp (default: now), and returns that stamp.

        depth: metres as float, or millimetres as uint16. labels: integers, 0 is background.
        names: {id: name} or {id: (name, score)}. info: True for this camera's intrinsics, or a CameraInfo, or False.
        """
        when = self.ros.now() if stamp is None else globals()['stamp'](stamp)
        frame = self.frame if frame is None else frame
        messages = []
        if names is not None:
            messages.append((self.label_names, label_names(names)))
        if info:
            messages.append((self.camera_info, self.intrinsics.message() if info is True else info))
        if labels is not None:
            messages.append((self.labels, image_message(np.asarray(labels).astype('<u2'))))
        if depth is not None:
            messages.append((self.depth, image_message(depth)))
        if image is not None:
            messages.append((self.image, image_message(image, image_encoding)))
        for publisher, message in messages:
            message.header.stamp = when
            message.header.frame_id = frame
            publisher.publish(message)
        return when

    def stream(self, hz=10.0, **what):
        """Publishes the same again and again, newly stamped, in the background: `with camera.stream(depth=...): ...`"""
        return Repeat(lambda: self.publish(**what), 1.0 / hz)


def label_names(names):
    """LabelNames from {id: name} or {id: (name, score)}."""
    message = LabelNames(ids=list(names), names=[n if isinstance(n, str) else n[0] for n in names.values()])
    if names and not isinstance(next(iter(names.values())), str):
        message.scores = [float(score) for _, score in names.values()]
    return message


class FakeTf:
    """Publishes /tf and /tf_static. Parent and child name frames; x, y, z in metres; quaternion x, y, z, w."""

    def __init__(self, ros, prefix=''):
        self.ros = ros
        self.dynamic_publisher = ros.publisher(TFMessage, f'{prefix}/tf', RELIABLE)
        self.static_publisher = ros.publisher(TFMessage, f'{prefix}/tf_static', LATCHED)
        self._static = {}

    def static(self, parent, child, xyz=(0.0, 0.0, 0.0), quaternion=(0.0, 0.0, 0.0, 1.0)):
        self._static[child] = self._transform(parent, child, xyz, quaternion, Time())
        self.static_publisher.publish(TFMessage(transforms=list(self._static.values())))

    def dynamic(self, parent, child, xyz=(0.0, 0.0, 0.0), quaternion=(0.0, 0.0, 0.0, 1.0), stamp=None):
        when = self.ros.now() if stamp is None else globals()['stamp'](stamp)
        self.dynamic_publisher.publish(TFMessage(transforms=[self._transform(parent, child, xyz, quaternion, when)]))

    @staticmethod
    def _transform(parent, child, xyz, quaternion, when):
        t = TransformStamped(child_frame_id=child)
        t.header.frame_id = parent
        t.header.stamp = when
        t.transform.translation.x, t.transform.translation.y, t.transform.translation.z = map(float, xyz)
        r = t.transform.rotation
        r.x, r.y, r.z, r.w = map(float, quaternion)
        return t


class FakeClock:
    """Publishes /clock, for nodes with use_sim_time."""

    def __init__(self, ros):
        self._publisher = ros.publisher(Clock, '/clock', SENSOR)

    def set(self, seconds):
        self._publisher.publish(Clock(clock=stamp(seconds)))


class Repeat:
    """Calls a function every `period` seconds in a thread while its `with` block runs."""

    def __init__(self, function, period):
        self._function = function
        self._period = period
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _run(self):
        while not self._stop.wait(self._period):
            self._function()

    def __enter__(self):
        self._function()
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join()


# ---- the node under test


class NodeProcess:
    """The installed node, run through its launch file in a process group of its own."""

    def __init__(self, parameters=None, *, log, launch_file=LAUNCH_FILE, environment=None, **arguments):
        """`parameters` go to a parameter file; `arguments` are launch arguments; `log` is the file for what it prints."""
        self.log = pathlib.Path(log)
        self._scratch = tempfile.TemporaryDirectory(prefix='spatialclaw_test_')
        if parameters is not None:
            file = pathlib.Path(self._scratch.name) / 'parameters.yaml'
            file.write_text(yaml.safe_dump({'/**': {'ros__parameters': parameters}}))
            arguments['params_file'] = file
            arguments.setdefault('use_sim_time', str(parameters.get('use_sim_time', False)).lower())
        command = [sys.executable, str(ROOT / 'scripts' / 'launch.py'), str(launch_file)]
        command += [f'{name}:={value}' for name, value in arguments.items()]
        with self.log.open('ab') as out:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT, start_new_session=True,
                env={**os.environ, **(environment or {})})

    def output(self):
        return self.log.read_text(errors='replace')

    def running(self):
        return self.process.poll() is None

    def stop(self, number=signal.SIGINT, timeout=15.0):
        """Asks the node to end and returns its exit code; AssertionError, and an end by force, if it does not within the time."""
        try:
            if self.running():
                self.process.send_signal(number)
            return self.wait(timeout)
        except subprocess.TimeoutExpired:
            raise AssertionError(f'the node did not end within {timeout:g} s of {signal.Signals(number).name}:\n{self.output()}') from None
        finally:
            self.kill()

    def wait(self, timeout=15.0):
        """The exit code, once it ends by itself."""
        return self.process.wait(timeout)

    def kill(self):
        """Ends whatever is left of the process group."""
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()
        self._scratch.cleanup()

    def leftovers(self):
        """Process ids still in the group: there should be none after the node has ended."""
        ids = []
        for path in pathlib.Path('/proc').glob('[0-9]*/stat'):
            try:
                state, _parent, group = path.read_text().rsplit(')', 1)[1].split()[:3]
            except OSError:
                continue
            if int(group) == self.process.pid and state != 'Z':
                ids.append(int(path.parent.name))
        return ids
