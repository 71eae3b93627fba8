# SPDX-License-Identifier: Apache-2.0
"""Up by TF, by an IMU and by the floor, through the running node: a robot that is tilted by a known angle.

The robot stands pitched and rolled, as with one wheel on a step. What its accelerometer feels at rest follows from the tilt in closed
form, and so does what its camera sees of the level floor. A model that plays a recorded cell asks every source for up.
"""

import json
import math
import sys
import time

import numpy as np
import pytest
from action_msgs.msg import GoalStatus
from diagnostic_msgs.msg import DiagnosticArray
from helpers import ROOT, SENSOR, Repeat, stamp, wait_until
from scenes import DESK, OPTICAL, SMALL, depth_sigma, heard, quaternion, refusal, render, running_node, transform
from sensor_msgs.msg import Imu
from spatialclaw.action import AskSpatial

sys.path.insert(0, str(ROOT / 'scripts'))
from demo.recorded_model import RecordedModel, Recordings  # noqa: E402

GRAVITY = 9.80665
NOISE = 0.03  # m/s² of each axis, one standard deviation
HZ = 100.0
BUFFER_SECS = 1.0
SOURCES = ('first', 'tf', 'imu', 'ransac')
NAMES = {1: 'floor', 2: 'table', 3: 'mug', 4: 'box'}

CELL = """**Purpose**
Ask every source which way is up.

**Reasoning**
They may disagree or know nothing; each says so by itself.

**Next Goal**
Submit the source that is trusted first.

**Code**
```rhai
let first = "none";
for source in ["first", "tf", "imu", "ransac"] {
    try {
        let g = if source == "first" { tools.Geometry.gravity() } else { tools.Geometry.gravity(source) };
        if source == "first" { first = g.source; }
        let told = #{
            asked: source, source: g.source, how: g.how, up: g.up.tolist(), down: g.down.tolist(), sigma: g.sigma, agrees: g.agrees,
            checks: g.checks, frame: g.frame, in_robot: g.in_frame("robot").tolist(), in_imu: g.in_frame("imu_link").tolist()
        };
        print("TOLD " + told.to_json());
    } catch (e) {
        print("TOLD " + #{asked: source, code: e.code, message: e.message}.to_json());
    }
}
```
"""
SUBMIT = """**Purpose**
Submit.

**Reasoning**
The sources were asked.

**Next Goal**
None.

**Code**
```rhai
ReturnAnswer(first);
```
"""


def turn(roll=0.0, pitch=0.0, yaw=0.0):
    """Rotation by roll about x, then pitch about y, then yaw about z, all of the fixed axes."""
    matrix = np.eye(4)
    for angle, axis in ((roll, 0), (pitch, 1), (yaw, 2)):
        half = [0.0, 0.0, 0.0, math.cos(angle / 2)]
        half[axis] = math.sin(angle / 2)
        matrix = transform(quaternion=half) @ matrix
    return matrix


MAP_FROM_BASE = turn(roll=math.radians(4.0), pitch=math.radians(-7.0), yaw=0.6)
# The IMU is mounted on its side, as on many robots.
BASE_FROM_IMU = transform((0.1, -0.05, 0.2)) @ turn(roll=math.radians(90.0), pitch=0.3, yaw=-1.1)
BASE_FROM_CAMERA = transform((0.0, 0.0, 1.2)) @ turn(pitch=0.45) @ transform(quaternion=OPTICAL)
UP_IN_BASE = MAP_FROM_BASE[:3, :3].T @ [0.0, 0.0, 1.0]


def force_in_imu(up_in_base):
    """What an accelerometer at rest feels: gravity's reaction, along up (REP-145)."""
    return BASE_FROM_IMU[:3, :3].T @ np.asarray(up_in_base) * GRAVITY


def angle(u, v):
    u, v = np.asarray(u, float), np.asarray(v, float)
    return math.atan2(np.linalg.norm(np.cross(u, v)), u @ v)


class Robot:
    """The node, a camera and an IMU that says what a test wants; `fixed_frame` decides whether TF knows up."""

    def __init__(self, rig, server, fixed_frame):
        self.rig, self.recordings, self.fixed_frame = rig, server.recordings, fixed_frame
        self.imu = rig.ros.publisher(Imu, '/imu/data', SENSOR)
        self.diagnostics = rig.ros.listen(DiagnosticArray, '/diagnostics')
        self._noise = np.random.default_rng(145)
        if fixed_frame == 'map':
            rig.tf.static('map', 'base_link', quaternion=quaternion(MAP_FROM_BASE))
        rig.tf.static('base_link', 'imu_link', BASE_FROM_IMU[:3, 3], quaternion(BASE_FROM_IMU))
        rig.tf.static('base_link', 'camera_optical', BASE_FROM_CAMERA[:3, 3], quaternion(BASE_FROM_CAMERA))
        self.camera = rig.camera('camera', frame='camera_optical', placed=False)
        self.picture = render(DESK, MAP_FROM_BASE @ BASE_FROM_CAMERA, SMALL)
        self.picture.depth[:] += self._noise.normal(size=self.picture.depth.shape) * depth_sigma(self.picture.depth)
        rig.ros.wait_for_subscribers(self.imu)
        rig.until_usable(self.look, 'camera')

    def look(self):
        self.rig.show(self.camera, self.picture, NAMES)

    def sample(self, force, frame='imu_link', rate=(0.0, 0.0, 0.0), noise=NOISE, when=None):
        """Publishes one message; `force` in the IMU's axes, m/s²."""
        message = Imu()
        message.header.frame_id = frame
        message.header.stamp = self.rig.ros.now() if when is None else stamp(when)
        felt = np.asarray(force, float) + self._noise.normal(size=3) * noise
        a, r = message.linear_acceleration, message.angular_velocity
        a.x, a.y, a.z = map(float, felt)
        r.x, r.y, r.z = map(float, rate)
        message.orientation_covariance[0] = -1.0
        self.imu.publish(message)

    def ask(self, name, *, force=None, secs=1.3 * BUFFER_SECS, **sample):
        """What each source says after that many seconds of IMU messages, by source; `force` None = the IMU is silent."""
        self.recordings.begin(name)
        with Repeat(self.look, 0.1):
            if force is None:
                time.sleep(0.4)
                return self.answered()
            with Repeat(lambda: self.sample(force, **sample), 1 / HZ):
                time.sleep(secs)
                return self.answered()

    def answered(self):
        answer = self.rig.ros.ask('Which way is up?', answer_kind=AskSpatial.Goal.ANSWER_TEXT)
        if answer.status == GoalStatus.STATUS_SUCCEEDED:  # feedback and result travel apart: either may come first
            wait_until(lambda: any(f.stage == AskSpatial.Feedback.STAGE_ANSWER for f in answer.feedback), 5, 'the last feedback')
        output = '\n'.join(f.output for f in answer.feedback if f.stage == AskSpatial.Feedback.STAGE_OBSERVE)
        assert answer.status == GoalStatus.STATUS_SUCCEEDED, f'{refusal(answer.result)}\n{output}'
        told = [json.loads(line.removeprefix('TOLD ')) for line in output.splitlines() if line.startswith('TOLD ')]
        assert tuple(t['asked'] for t in told[:4]) == SOURCES, output
        told = {t['asked']: t for t in told[:4]}
        assert answer.result.value.text == told['first'].get('source', 'none')
        told['output'] = output
        return told

    def status_of_imu(self, accept):
        """Message and numbers of the next diagnostics of the IMU that `accept` takes."""
        del self.diagnostics[:]

        def of_imu(message):
            return next((s for s in message.status if s.name.endswith(': imu') and accept(s)), None)

        return of_imu(heard(self.diagnostics, of_imu, what='the status of the IMU'))


@pytest.fixture(scope='module')
def server(tmp_path_factory):
    """Plays the same two cells for every question."""
    folder = tmp_path_factory.mktemp('replies')

    class TwoCells(Recordings):
        def reply(self, name, turn):
            return {'content': CELL if turn == 1 else SUBMIT, 'tool_calls': []}

    server = RecordedModel(TwoCells(folder))
    server.start()
    yield server
    server.shutdown()


def parameters(server, **differing):
    return {
        'cameras': ['camera'], 'imu': {'topic': '/imu/data'}, 'buffer': {'seconds': BUFFER_SECS}, 'window_secs': BUFFER_SECS,
        'agent': {'planning': False},
        'model': {'base_url': f'http://127.0.0.1:{server.server_port}/v1', 'name': 'recorded', 'fallback': {'offline': False}},
        **differing}


@pytest.fixture(scope='module')
def placed(server):
    """TF knows up: the fixed frame is `map`."""
    with running_node('imu_placed', parameters(server)) as rig:
        yield Robot(rig, server, 'map')


@pytest.fixture(scope='module')
def unplaced(server, placed):
    """TF does not know up: all there is is the tilted robot. `placed` is named so that its tests have run before this node starts."""
    placed.rig.process.stop()
    with running_node('imu_unplaced', parameters(server, fixed_frame='base_link')) as rig:
        yield Robot(rig, server, 'base_link')


def assert_up(told, truth):
    off = angle(told['up'], truth)
    assert 0 < told['sigma'] < 0.03 and off <= 3 * told['sigma'], f'{math.degrees(off):.3f}° off: {told}'
    assert np.allclose(told['down'], -np.asarray(told['up'])) and np.linalg.norm(told['up']) == pytest.approx(1.0)
    print(f"{told['asked']}: {math.degrees(off):.3f}° off, sigma {math.degrees(told['sigma']):.3f}°")


def check_of(told, source):
    return next(check for check in told['checks'] if check['source'] == source)


def leaning(roll, pitch):
    """An IMU whose up is off by these degrees from the robot's, and the angle between them in radians."""
    up = turn(roll=math.radians(roll), pitch=math.radians(pitch))[:3, :3] @ UP_IN_BASE
    return up, angle(up, UP_IN_BASE)


# ---- TF knows


def test_an_imu_that_never_spoke_is_no_source(placed):
    told = placed.ask('silent')
    assert (told['first']['source'], told['ransac']['source']) == ('tf', 'ransac')
    assert told['imu']['code'] == 'NOT_MEASURABLE' and 'no IMU was heard' in told['imu']['message'], told['imu']
    assert [check['source'] for check in told['first']['checks']] == ['ransac'] and told['first']['agrees']
    assert 'imu/data' in placed.status_of_imu(lambda s: s.level == b'\x01').message


def test_tf_comes_first_and_the_imu_agrees(placed):
    told = placed.ask('level', force=force_in_imu(UP_IN_BASE))
    assert [told[s]['source'] for s in SOURCES] == ['tf', 'tf', 'imu', 'ransac']
    assert told['first']['frame'] == 'map' and 'map' in told['first']['how']
    assert_up(told['first'], [0, 0, 1])
    for source in ('imu', 'ransac'):
        assert_up(told[source], [0, 0, 1])
        assert check_of(told['first'], source)['agrees']
    assert told['first']['agrees'] and 'samples at rest' in told['imu']['how'] and 'floor' in told['ransac']['how']
    # The tilt, in the robot's own axes and in the IMU's.
    for source in SOURCES:
        assert angle(told[source]['in_robot'], UP_IN_BASE) <= 3 * told[source]['sigma'], told[source]
        assert angle(told[source]['in_imu'], force_in_imu(UP_IN_BASE)) <= 3 * told[source]['sigma'], told[source]
    placed.status_of_imu(lambda s: s.level == b'\x00')


@pytest.mark.parametrize('roll, pitch, agrees', [(0.3, -0.4, True), (4.0, 3.0, False), (-20.0, 0.0, False), (180.0, 0.0, False)])
def test_an_imu_that_leans_is_told_from_one_that_agrees(placed, roll, pitch, agrees):
    """The last of these is a driver that reports what pulls instead of what is felt."""
    up, lean = leaning(roll, pitch)
    told = placed.ask(f'leaning{round(10 * lean)}', force=force_in_imu(up))
    check = check_of(told['first'], 'imu')
    assert told['first']['source'] == 'tf' and (check['agrees'], told['first']['agrees']) == (agrees, agrees)
    assert abs(check['angle'] - lean) <= 3 * check['sigma'], (check, lean)
    assert ('tf and imu disagree' in told['output']) == (not agrees)
    assert check_of(told['first'], 'ransac')['agrees']
    assert_up(told['imu'], MAP_FROM_BASE[:3, :3] @ up)
    assert check_of(told['imu'], 'tf')['agrees'] == agrees


@pytest.mark.parametrize('name, sample, words', [
    ('zero', {'force': (0.0, 0.0, 0.0)}, 'at rest in 0 of'),
    ('pushed', {'force': 1.1 * force_in_imu(UP_IN_BASE)}, 'at rest in 0 of'),
    ('in_g', {'force': force_in_imu(UP_IN_BASE) / GRAVITY, 'noise': 0.001}, 'at rest in 0 of'),
    ('spinning', {'force': force_in_imu(UP_IN_BASE), 'rate': (0.0, 0.4, 0.0)}, 'at rest in 0 of'),
    ('lost', {'force': force_in_imu(UP_IN_BASE), 'frame': 'imu_lost'}, 'imu_lost'),
])
def test_an_imu_that_cannot_tell_says_why(placed, name, sample, words):
    told = placed.ask(name, **sample)
    assert told['imu']['code'] == 'NOT_MEASURABLE' and words in told['imu']['message'], told['imu']
    assert told['first']['source'] == 'tf' and [check['source'] for check in told['first']['checks']] == ['ransac']


def test_numbers_that_are_none_are_refused_and_the_imu_recovers(placed):
    """What was good before and comes after counts; a NaN is no zero."""
    good = force_in_imu(UP_IN_BASE)
    with Repeat(lambda: placed.sample((math.nan, 0.0, GRAVITY)), 1 / HZ):
        time.sleep(0.3)
        status = placed.status_of_imu(lambda s: s.level == b'\x01' and 'finite' in s.message)
        assert int({v.key: v.value for v in status.values}['refused']) > 0
    told = placed.ask('recovered', force=good)
    assert_up(told['imu'], [0, 0, 1])
    mixed = iter(range(10**6))
    placed.recordings.begin('mixed')
    with Repeat(placed.look, 0.1), Repeat(lambda: placed.sample(good if next(mixed) % 2 else (math.inf, 0, 0)), 1 / HZ):
        time.sleep(1.3 * BUFFER_SECS)
        assert_up(placed.answered()['imu'], [0, 0, 1])


def test_each_sample_is_placed_by_the_transform_at_its_own_time(placed):
    """The IMU sits on an arm that tilts steadily: the arm's newest transform would turn the mean of a second by more than a degree."""
    placed.rig.tf.static('arm', 'imu_arm', BASE_FROM_IMU[:3, 3], quaternion(BASE_FROM_IMU))
    zero, rate = time.time(), 0.045  # rad/s, still at rest for an accelerometer

    def map_from_arm(when):
        return turn(roll=0.2, pitch=rate * (when - zero), yaw=-0.8)

    def send_transform():
        now = time.time()
        placed.rig.tf.dynamic('map', 'arm', quaternion=quaternion(map_from_arm(now)), stamp=now)

    def send_sample():
        now = time.time()
        map_from_imu = map_from_arm(now)[:3, :3] @ BASE_FROM_IMU[:3, :3]
        placed.sample(map_from_imu.T @ [0.0, 0.0, GRAVITY], frame='imu_arm', rate=map_from_imu.T @ [0.0, rate, 0.0], when=now)

    placed.recordings.begin('arm')
    with Repeat(placed.look, 0.1), Repeat(send_transform, 0.02), Repeat(send_sample, 1 / HZ):
        time.sleep(2 * BUFFER_SECS)
        told = placed.answered()
        turned = angle(map_from_arm(time.time())[:3, :3].T @ [0, 0, 1], map_from_arm(time.time() - BUFFER_SECS / 2)[:3, :3].T @ [0, 0, 1])
    assert_up(told['imu'], [0, 0, 1])
    assert angle(told['imu']['up'], [0, 0, 1]) < turned / 2, f'{math.degrees(turned):.2f}° were to be made up for'
    assert check_of(told['first'], 'imu')['agrees']


def test_a_stamp_from_the_future_does_not_silence_the_imu(placed):
    """A driver whose clock was wrong for one message."""
    placed.sample(force_in_imu(UP_IN_BASE), when=time.time() + 3600.0)
    time.sleep(0.2)
    told = placed.ask('after_future', force=force_in_imu(UP_IN_BASE))['imu']
    assert told.get('source') == 'imu', told
    assert_up(told, [0, 0, 1])


# ---- TF does not know


def test_without_a_level_frame_the_imu_comes_first_then_the_floor(unplaced):
    silent = unplaced.ask('floor')
    assert [silent[s].get('source') for s in SOURCES] == ['ransac', None, None, 'ransac']
    assert 'REP-105' in silent['tf']['message'] and 'no IMU was heard' in silent['imu']['message']
    assert_up(silent['first'], UP_IN_BASE)
    assert silent['first']['frame'] == 'base_link' and silent['first']['checks'] == [] and silent['first']['agrees']

    told = unplaced.ask('tilted', force=force_in_imu(UP_IN_BASE))
    assert [told[s].get('source') for s in SOURCES] == ['imu', None, 'imu', 'ransac']
    assert_up(told['first'], UP_IN_BASE)
    assert check_of(told['first'], 'ransac')['agrees']
    assert angle(told['first']['up'], [0, 0, 1]) == pytest.approx(angle(UP_IN_BASE, [0, 0, 1]), abs=3 * told['first']['sigma'])


def test_an_imu_and_a_floor_that_disagree_are_both_told(unplaced):
    up, lean = leaning(0.0, 12.0)
    told = unplaced.ask('ramp', force=force_in_imu(up))
    check = check_of(told['first'], 'ransac')
    assert told['first']['source'] == 'imu' and not check['agrees'] and not told['first']['agrees']
    assert abs(check['angle'] - lean) <= 3 * check['sigma']
    assert_up(told['first'], up)
    assert 'imu and ransac disagree' in told['output']


@pytest.mark.parametrize('name, sample', [
    ('free_fall', {'force': (0.0, 0.0, 0.0)}),
    ('unknown_mount', {'force': force_in_imu(UP_IN_BASE), 'frame': 'imu_lost'}),
])
def test_an_imu_that_cannot_tell_leaves_it_to_the_floor(unplaced, name, sample):
    told = unplaced.ask(name, **sample)
    assert told['first']['source'] == 'ransac' and told['imu']['code'] == 'NOT_MEASURABLE'
    assert_up(told['first'], UP_IN_BASE)


def test_an_imu_that_fell_silent_does_not_speak_for_a_robot_that_was_tilted_since(unplaced):
    """It spoke while the robot was level. The samples are older than anything else that is kept."""
    unplaced.ask('was_level', force=force_in_imu([0.0, 0.0, 1.0]))
    time.sleep(3 * BUFFER_SECS)
    told = unplaced.ask('fell_silent')
    assert told['first']['source'] == 'ransac', told['first']
    assert_up(told['first'], UP_IN_BASE)
