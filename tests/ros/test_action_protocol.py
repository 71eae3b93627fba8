# SPDX-License-Identifier: Apache-2.0
"""The action protocol, and the topics beside it, as clients of every kind meet them."""

import math
import os
import signal
import subprocess
import sys
import time
import uuid

import pytest
from action_msgs.msg import GoalInfo, GoalStatus, GoalStatusArray
from action_msgs.srv import CancelGoal
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from helpers import LATCHED, Repeat, Ros, stamp, wait_until
from rcl_interfaces.msg import Log
from rclpy.qos import DurabilityPolicy, QoSProfile
from scenes import (
    DESK_CAMERA, QUESTION, assert_desk_answered, code_name, heard, quaternion, refusal, running_node)
from sensor_msgs.msg import Image
from spatialclaw.action import AskSpatial
from spatialclaw.msg import SpatialAnswer
from spatialclaw.srv import CheckInputs
from unique_identifier_msgs.msg import UUID
from visualization_msgs.msg import Marker, MarkerArray

ACTION = '/spatialclaw/ask/_action'
Feedback = AskSpatial.Feedback
WAIT_SECS = 10.0  # the most that is allowed, and longer than any test lets a slow goal run
ROSOUT = QoSProfile(depth=1000, durability=DurabilityPolicy.TRANSIENT_LOCAL)


@pytest.fixture(scope='module')
def rig():
    parameters = {'cameras': ['camera', 'slow', 'mute'], 'tf': {'wait_secs': WAIT_SECS}, 'result_timeout_secs': 120.0}
    with running_node('action_protocol', parameters) as rig:
        rig.place_base()
        camera = rig.camera('camera')
        rig.camera('slow', frame='slow_optical', placed=False)
        for seconds in (4, 3):
            rig.tf.dynamic('base_link', 'slow_optical', DESK_CAMERA[:3, 3], quaternion(DESK_CAMERA), stamp=stamp(time.time() - seconds))
        with Repeat(lambda: (rig.show(camera), rig.show(rig.cameras['slow'])), 0.2):
            time.sleep(0.6)
            yield rig


def ask(rig, **fields):
    return rig.ros.ask(QUESTION, cameras=['camera'], **fields)


def send_slow(ros):
    """A goal that runs until it is canceled: its camera has no transform, and WAIT_SECS are long."""
    return ros.send(QUESTION, cameras=['slow'])


def uuid_message():
    return UUID(uuid=list(uuid.uuid4().bytes))


# ---- one goal


def test_accepted_fed_back_and_answered(rig):
    # Heard on the topic: rclpy's action client drops what arrives after the result.
    messages = rig.ros.listen(AskSpatial.Impl.FeedbackMessage, f'{ACTION}/feedback')
    time.sleep(0.3)
    goal = rig.ros.send(QUESTION, cameras=['camera'])
    answer = goal.answer()
    assert answer.status == GoalStatus.STATUS_SUCCEEDED
    assert_desk_answered(answer)
    heard(messages, lambda m: m.feedback.stage == Feedback.STAGE_ANSWER, what='the last feedback')
    feedback = [m.feedback for m in messages if bytes(m.goal_id.uuid) == bytes(goal.handle.goal_id.uuid)]
    stages = [f.stage for f in feedback]
    print('stages', stages)
    assert stages == sorted(stages), 'one cell: each stage once, in order'
    assert {Feedback.STAGE_SNAPSHOT, Feedback.STAGE_GENERATE, Feedback.STAGE_RUN, Feedback.STAGE_ANSWER} <= set(stages)
    steps = [f.step for f in feedback]
    assert steps == sorted(steps) and steps[-1] >= 1
    elapsed = [f.elapsed.sec + f.elapsed.nanosec * 1e-9 for f in feedback]
    assert elapsed == sorted(elapsed)
    assert any('Scene' in f.code for f in feedback), 'the cell is shown'
    provenance = answer.result.provenance
    assert provenance.n_steps == steps[-1] and provenance.n_tool_calls > 0
    assert provenance.fixed_frame == 'map' and provenance.models == ['offline-grammar'] and provenance.version


def test_evidence_names_what_was_measured(rig):
    result = ask(rig).result
    assert {evidence.label for evidence in result.evidence} >= {'mug', 'box'}
    assert len({evidence.id for evidence in result.evidence}) == len(result.evidence)
    for evidence in result.evidence:
        assert evidence.header.frame_id == 'map' and evidence.camera == 'camera'
        assert evidence.header.stamp.sec > 0
        assert evidence.method
        if evidence.label in ('mug', 'box'):
            assert evidence.n_pixels > 100
            assert evidence.roi.width > 0 and evidence.roi.x_offset + evidence.roi.width <= 320


def test_answer_in_another_frame(rig):
    result = rig.ros.ask('Where is the mug?', cameras=['camera'], answer_kind=AskSpatial.Goal.ANSWER_POINT, target_frame='camera_optical').result
    assert result.success, refusal(result)
    assert result.value.placement.header.frame_id == 'camera_optical'
    # The mug stands in front of the camera, to its left.
    position = result.value.placement.pose.pose.position
    assert 1.0 < position.z < 1.6 and -0.3 < position.x < -0.1


# ---- cancelling


def test_cancel_ends_a_goal_at_once(rig):
    goal = send_slow(rig.ros)
    wait_until(lambda: goal.feedback, 2, 'feedback')
    start = time.monotonic()
    response = goal.cancel()
    answer = goal.answer(5)
    took = time.monotonic() - start
    print(f'cancelled within {took * 1e3:.0f} ms')
    assert response.return_code == CancelGoal.Response.ERROR_NONE and len(response.goals_canceling) == 1
    assert answer.status == GoalStatus.STATUS_CANCELED
    assert code_name(answer.result.error_code) == 'CANCELED'
    assert took < 1.0  # 0.2 s is the aim; the machine may be busy


def test_cancel_all(rig):
    goals = [send_slow(rig.ros), send_slow(rig.ros)]
    response = rig.ros.call(CancelGoal, f'{ACTION}/cancel_goal', CancelGoal.Request())  # zero id, zero stamp
    assert response.return_code == CancelGoal.Response.ERROR_NONE
    assert {bytes(info.goal_id.uuid) for info in response.goals_canceling} == {bytes(goal.handle.goal_id.uuid) for goal in goals}
    assert [goal.answer(5).status for goal in goals] == [GoalStatus.STATUS_CANCELED] * 2


def test_cancel_of_a_goal_accepted_before_a_time(rig):
    first = send_slow(rig.ros)
    time.sleep(0.05)
    between = rig.ros.now()
    time.sleep(0.05)
    second = send_slow(rig.ros)
    response = rig.ros.call(CancelGoal, f'{ACTION}/cancel_goal', CancelGoal.Request(goal_info=GoalInfo(stamp=between)))
    assert [bytes(info.goal_id.uuid) for info in response.goals_canceling] == [bytes(first.handle.goal_id.uuid)]
    assert first.answer(5).status == GoalStatus.STATUS_CANCELED
    second.cancel()
    assert second.answer(5).status == GoalStatus.STATUS_CANCELED


def test_cancel_of_an_unknown_goal_is_refused(rig):
    response = rig.ros.call(CancelGoal, f'{ACTION}/cancel_goal', CancelGoal.Request(goal_info=GoalInfo(goal_id=uuid_message())))
    assert response.return_code == CancelGoal.Response.ERROR_UNKNOWN_GOAL_ID and response.goals_canceling == []


def test_cancel_of_an_ended_goal_is_refused(rig):
    goal = rig.ros.send(QUESTION, cameras=['camera'])
    assert goal.answer().status == GoalStatus.STATUS_SUCCEEDED
    assert goal.cancel().return_code == CancelGoal.Response.ERROR_GOAL_TERMINATED


# ---- several goals


def test_one_runs_one_waits_and_the_newest_wins(rig):
    running, older, newer = (send_slow(rig.ros) for _ in range(3))
    preempted = older.answer(2)
    assert preempted.status == GoalStatus.STATUS_ABORTED
    assert code_name(preempted.result.error_code) == 'PREEMPTED' and preempted.result.error_msg
    assert {feedback.stage for feedback in newer.feedback} <= {Feedback.STAGE_QUEUED}
    running.cancel()
    assert running.answer(5).status == GoalStatus.STATUS_CANCELED
    wait_until(lambda: any(feedback.stage == Feedback.STAGE_SNAPSHOT for feedback in newer.feedback), 2, 'the pending goal to start')
    newer.cancel()
    assert newer.answer(5).status == GoalStatus.STATUS_CANCELED


def test_a_dead_clients_goal_does_not_block(rig):
    """The client vanishes with a goal running: others are answered as soon as that goal has ended by itself."""
    script = ('import os, sys, time; sys.path.insert(0, sys.argv[1])\n'
              'from helpers import Ros\n'
              'ros = Ros("doomed"); ros.send(sys.argv[2], cameras=["slow"]); print("sent", flush=True); os._exit(9)')
    done = subprocess.run([sys.executable, '-c', script, os.path.dirname(__file__), QUESTION], capture_output=True, text=True, timeout=30)
    assert done.stdout == 'sent\n', done.stderr
    start = time.monotonic()
    answer = ask(rig)
    print(f'answered {time.monotonic() - start:.1f} s after the other client died')
    assert_desk_answered(answer)


# ---- results


def get_result(ros, goal_id):
    return ros.call(AskSpatial.Impl.GetResultService, f'{ACTION}/get_result', AskSpatial.Impl.GetResultService.Request(goal_id=goal_id))


def test_result_of_an_unknown_goal(rig):
    response = get_result(rig.ros, uuid_message())
    assert response.status == GoalStatus.STATUS_UNKNOWN
    assert not response.result.success


def test_late_result_for_a_client_that_restarted(rig):
    with Ros('first_life') as first:
        goal = first.send(QUESTION, cameras=['camera'])
        goal_id = goal.handle.goal_id
        expected = goal.answer().result
    with Ros('second_life') as second:
        response = get_result(second, goal_id)
    assert response.status == GoalStatus.STATUS_SUCCEEDED
    assert response.result == expected


def test_a_goal_id_serves_once(rig):
    kind = AskSpatial.Impl.SendGoalService
    request = kind.Request(goal_id=uuid_message(), goal=AskSpatial.Goal(question=QUESTION, cameras=['camera']))
    assert rig.ros.call(kind, f'{ACTION}/send_goal', request).accepted
    assert not rig.ros.call(kind, f'{ACTION}/send_goal', request).accepted
    assert get_result(rig.ros, request.goal_id).status == GoalStatus.STATUS_SUCCEEDED
    assert not rig.ros.call(kind, f'{ACTION}/send_goal', request).accepted, 'not after its end either'


def test_status_is_latched_and_follows_a_goal(rig):
    with Ros('late_watcher') as late:
        goal = send_slow(rig.ros)
        wait_until(lambda: goal.feedback, 5, 'feedback')
        arrays = late.listen(GoalStatusArray, f'{ACTION}/status', LATCHED)

        def status_is(wanted):
            def accept(array):
                return any(s.status == wanted and bytes(s.goal_info.goal_id.uuid) == bytes(goal.handle.goal_id.uuid)
                           for s in array.status_list)
            return accept

        heard(arrays, status_is(GoalStatus.STATUS_EXECUTING), what='the executing status')
        goal.cancel()
        goal.answer(5)
        heard(arrays, status_is(GoalStatus.STATUS_CANCELED), what='the canceled status')
        ids = [bytes(s.goal_info.goal_id.uuid) for s in arrays[-1].status_list]
        assert len(ids) == len(set(ids))


# ---- what is published beside the action


def test_last_answer_is_latched_for_late_subscribers(rig):
    answer = ask(rig)
    with Ros('late_listener') as late:
        answers = late.listen(SpatialAnswer, '/spatialclaw/answer', LATCHED)
        last = heard(answers, lambda m: m.value == answer.result.value)
    assert last.question == QUESTION and last.success and last.text == answer.result.text
    assert last.header.frame_id == 'map' and last.header.stamp == answer.result.evidence[0].header.stamp
    assert last.evidence == answer.result.evidence and last.provenance == answer.result.provenance


def test_a_refusal_is_latched_too(rig):
    rig.ros.ask('How far is the zebra from the box?', cameras=['camera'])
    with Ros('late_listener') as late:
        last = heard(late.listen(SpatialAnswer, '/spatialclaw/answer', LATCHED), lambda m: not m.success)
    assert code_name(last.error_code) == 'NOT_VISIBLE' and 'zebra' in last.error_msg and last.evidence == []


def numbers_in(marker):
    pose, scale = marker.pose, marker.scale
    yield from (pose.position.x, pose.position.y, pose.position.z, pose.orientation.x, pose.orientation.y, pose.orientation.z,
                pose.orientation.w, scale.x, scale.y, scale.z, marker.color.r, marker.color.a)
    for point in marker.points:
        yield from (point.x, point.y, point.z)


def test_markers_show_the_evidence(rig):
    arrays = rig.ros.listen(MarkerArray, '/spatialclaw/markers', LATCHED)
    time.sleep(0.3)
    namespaces = []
    for question in (QUESTION, 'How tall is the box?'):
        del arrays[:]
        result = rig.ros.ask(question, cameras=['camera']).result
        assert result.success, refusal(result)
        array = heard(arrays, lambda a: any(m.action == Marker.ADD for m in a.markers), what='markers')
        added = [m for m in array.markers if m.action == Marker.ADD]
        assert len({(m.ns, m.id) for m in added}) == len(added), 'each (ns, id) once'
        for marker in added:
            assert all(math.isfinite(number) for number in numbers_in(marker)), marker
            assert marker.header.frame_id == 'map'
            assert marker.header.stamp in [evidence.header.stamp for evidence in result.evidence], 'the time of the data'
            orientation = marker.pose.orientation
            assert math.isclose(math.hypot(orientation.x, orientation.y, orientation.z, orientation.w), 1, abs_tol=1e-6)
            # RViz warns of a zero scale on all axes, and does not draw it.
            assert max(marker.scale.x, marker.scale.y, marker.scale.z) > 0
        removed = {m.ns for m in array.markers if m.action == Marker.DELETEALL}
        order = [m.action for m in array.markers]
        if namespaces:
            assert '' in removed or namespaces[-1] <= removed, 'the last answer is wiped, namespace by namespace'
            assert Marker.DELETEALL not in order[order.index(Marker.ADD):], 'first wiped, then drawn'
        namespaces.append({m.ns for m in added})


def test_debug_image_shows_the_measured_image(rig):
    images = rig.ros.listen(Image, '/spatialclaw/debug/image', 1)
    time.sleep(0.3)
    result = ask(rig).result
    image = heard(images, lambda m: m.header.stamp == result.evidence[0].header.stamp, what='the debug image')
    assert image.width == 320 and image.height >= 240  # with a caption
    assert len(image.data) == image.step * image.height


def test_diagnostics_come_once_a_second_and_say_what_is_wrong(rig):
    heard_at = []
    subscription = rig.ros.node.create_subscription(
        DiagnosticArray, '/diagnostics', lambda m: heard_at.append((time.monotonic(), m)), 10)
    wait_until(lambda: len(heard_at) >= 4, 10, 'four diagnostics')
    rig.ros.node.destroy_subscription(subscription)
    gaps = [b[0] - a[0] for a, b in zip(heard_at, heard_at[1:])]
    print('gaps', [round(gap, 2) for gap in gaps])
    assert all(0.3 < gap < 3.0 for gap in gaps)
    statuses = {status.name: status for status in heard_at[-1][1].status}
    assert all('spatialclaw' in name for name in statuses), statuses
    fine, mute = ([s for name, s in statuses.items() if key in name] for key in ('camera', 'mute'))
    assert any(s.level == DiagnosticStatus.OK for s in fine), fine
    assert any(s.level in (DiagnosticStatus.WARN, DiagnosticStatus.ERROR, DiagnosticStatus.STALE) and s.message for s in mute), mute
    for status in statuses.values():
        print(status.name, status.level, status.message, {v.key: v.value for v in status.values})


def test_rosout_tells_of_a_degraded_answer(rig):
    logs = rig.ros.listen(Log, '/rosout', ROSOUT)
    cut = rig.cameras['camera'].intrinsics.message()
    cut.distortion_model = 'crystal_ball'
    mute = rig.camera('mute')
    rig.show(mute, info=cut)
    rig.show(mute, info=cut)
    rig.ros.ask(QUESTION, cameras=['mute'])
    log = heard(logs, lambda m: 'mute/camera_info' in m.msg, what='a warning')
    print(log.name, log.level, log.msg)
    assert log.name == 'spatialclaw' and 'crystal_ball' in log.msg
    assert log.level == Log.WARN


def test_input_doctor_finds_what_is_wrong(rig):
    findings = rig.ros.call(CheckInputs, '/spatialclaw/check_inputs')
    text = '\n'.join(f'{f.level} {f.name}: {f.message}' for f in findings.findings)
    print(text)
    assert not findings.ok, 'slow and mute cannot be used'
    for topic_or_frame in ('mute/', 'slow_optical'):
        assert topic_or_frame in text + str([(v.key, v.value) for f in findings.findings for v in f.values])


def test_shutdown_ends_the_running_goal(rig):
    """Last, since the node ends: its client is told, and the exit code is 0."""
    goal = send_slow(rig.ros)
    wait_until(lambda: goal.feedback, 2, 'feedback')
    rig.process.process.send_signal(signal.SIGINT)
    answer = goal.answer(5)
    assert answer.status == GoalStatus.STATUS_ABORTED
    assert code_name(answer.result.error_code) == 'SHUTTING_DOWN', refusal(answer.result)
    assert rig.process.wait() == 0
    assert rig.process.leftovers() == []
