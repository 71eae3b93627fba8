# SPDX-License-Identifier: Apache-2.0
"""The life of goals, seen by an rclpy client. Questions are kept busy by a transform that never comes."""

import time
import uuid

import pytest
from action_msgs.srv import CancelGoal
from helpers import GoalRejected, GoalStatus, duration, wait_until
from rcl_interfaces.msg import Log
from rclpy.qos import DurabilityPolicy, QoSProfile
from scene_fixture import QUESTION, camera, pictures
from spatialclaw.action import AskSpatial
from spatialclaw.msg import SpatialAnswer
from spatialclaw.srv import CheckInputs
from unique_identifier_msgs.msg import UUID

Code = AskSpatial.Result
EVERYTHING = QoSProfile(depth=1000, durability=DurabilityPolicy.TRANSIENT_LOCAL)
BUSY_SECS = 6.0
WARN = 30  # rcl_interfaces/Log, whose constants are bytes here and numbers there


@pytest.fixture
def busy(start_node, ros):
    """The node, with images but without transforms: every question waits for some seconds."""
    node = start_node({'tf': {'wait_secs': BUSY_SECS}, 'result_timeout_secs': 3.0})
    cam = camera(ros)
    cam.wait_for_node()
    with cam.stream(hz=10, **pictures()):
        wait_until(lambda: 'map' in ' '.join(status_text(ros)), 10, 'an image in the node')
        yield node


def status_text(ros):
    return [finding.message for finding in ros.call(CheckInputs, '/spatialclaw/check_inputs').findings]


def service(ros, name, request):
    kind = {'send_goal': AskSpatial.Impl.SendGoalService, 'get_result': AskSpatial.Impl.GetResultService, 'cancel_goal': CancelGoal}[name]
    return ros.call(kind, f'/spatialclaw/ask/_action/{name}', request)


def send_raw(ros, goal_id, **goal):
    request = AskSpatial.Impl.SendGoalService.Request(goal_id=goal_id, goal=AskSpatial.Goal(question=QUESTION, **goal))
    return service(ros, 'send_goal', request)


def result_of(ros, goal_id):
    return service(ros, 'get_result', AskSpatial.Impl.GetResultService.Request(goal_id=goal_id))


def new_id():
    return UUID(uuid=list(uuid.uuid4().bytes))


def test_a_waiting_goal_runs_when_its_turn_comes(busy, ros):
    first = ros.send(QUESTION)
    second = ros.send(QUESTION)
    first.cancel()
    wait_until(lambda: AskSpatial.Feedback.STAGE_SNAPSHOT in [f.stage for f in second.feedback], 5, 'the second goal to run')
    assert second.cancel().return_code == CancelGoal.Response.ERROR_NONE


def test_deadlines_end_running_and_waiting_goals(busy, ros):
    start = time.monotonic()
    running = ros.send(QUESTION, deadline=1.5)
    waiting = ros.send(QUESTION, deadline=1.0)
    answers = [waiting.answer(), running.answer()]
    assert [answer.result.error_code for answer in answers] == [Code.DEADLINE_EXCEEDED] * 2
    assert [answer.status for answer in answers] == [GoalStatus.STATUS_ABORTED] * 2
    assert time.monotonic() - start < 3.0


def test_one_goal_of_a_conversation_at_a_time(busy, ros):
    answers = ros.listen(SpatialAnswer, '/spatialclaw/answer', EVERYTHING)
    first = ros.send(QUESTION, conversation_id='c')
    wait_until(lambda: AskSpatial.Feedback.STAGE_SNAPSHOT in [f.stage for f in first.feedback], 5, 'the first goal to run')
    with pytest.raises(GoalRejected):
        ros.send(QUESTION, conversation_id='c')
    wait_until(lambda: any(answer.error_code == Code.CONVERSATION_BUSY for answer in answers), 5, 'the reason on ~/answer')
    assert 'wait for its result or cancel it' in answers[-1].error_msg
    other = ros.send(QUESTION, conversation_id='d')
    assert other.cancel().return_code == CancelGoal.Response.ERROR_NONE
    assert first.cancel().return_code == CancelGoal.Response.ERROR_NONE


def test_bad_goals_are_rejected_with_the_reason_on_answer_and_rosout(busy, ros):
    answers = ros.listen(SpatialAnswer, '/spatialclaw/answer', EVERYTHING)
    log = ros.listen(Log, '/rosout', EVERYTHING)
    for fields, reason in (
        ({'question': ' '}, 'question is empty'),
        ({'question': 'x', 'cameras': ['rear']}, 'camera "rear" is unknown, expected one of ["camera"]'),
        ({'question': 'x', 'interface': 'telepathy'}, 'interface is "telepathy"'),
        ({'question': 'x', 'answer_kind': 99}, 'answer_kind is 99'),
        ({'question': 'x', 'time_mode': 9}, 'time_mode is 9'),
        ({'question': 'x', 'answer_kind': AskSpatial.Goal.ANSWER_CHOICE}, 'choices is empty'),
        ({'question': 'x', 'deadline': -1.0}, 'deadline is -1 s'),
    ):
        before = len(answers)
        with pytest.raises(GoalRejected):
            ros.send(**fields)
        wait_until(lambda: len(answers) > before, 5, 'the reason on ~/answer')
        assert answers[-1].error_code == Code.INVALID_GOAL
        assert reason in answers[-1].error_msg
        wait_until(lambda: any(reason in line.msg and line.level == WARN for line in log), 5, f'{reason} on /rosout')


def test_results_are_kept_for_late_clients_and_then_forgotten(busy, ros):
    assert result_of(ros, new_id()).status == GoalStatus.STATUS_UNKNOWN
    goal_id = new_id()
    assert send_raw(ros, goal_id, deadline=duration(0.5)).accepted
    assert not send_raw(ros, goal_id).accepted, 'an id is taken once'
    time.sleep(1.0)
    late = result_of(ros, goal_id)
    assert (late.status, late.result.error_code) == (GoalStatus.STATUS_ABORTED, Code.DEADLINE_EXCEEDED)
    time.sleep(4.5)
    assert result_of(ros, goal_id).status == GoalStatus.STATUS_UNKNOWN


