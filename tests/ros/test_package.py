# SPDX-License-Identifier: Apache-2.0
"""The package as a user meets it: its interfaces, what gets installed, its launch file, start and end."""

import json
import os
import pathlib
import signal
import subprocess
import sys

import interfaces_lock
import pytest
from ament_index_python.packages import get_package_prefix, get_package_share_directory, get_resource
from helpers import LAUNCH_FILE, ROOT, NodeProcess
from tf2_msgs.msg import TFMessage

PREFIX = pathlib.Path(get_package_prefix('spatialclaw'))
SHARE = pathlib.Path(get_package_share_directory('spatialclaw'))
BUMP = 'An interface changed: see the head of tests/ros/interfaces_lock.py for what that means and how to do it on purpose.'


def test_interface_sources_are_frozen():
    assert interfaces_lock.source_hashes() == interfaces_lock.read()['sources'], BUMP


def test_interface_types_are_frozen():
    if os.environ['ROS_DISTRO'] == 'humble':
        return  # type hashes came with Iron
    types = interfaces_lock.type_hashes(SHARE)
    assert types['spatialclaw/action/AskSpatial'].startswith('RIHS01_')
    assert types == interfaces_lock.read()['types'], BUMP


@pytest.mark.parametrize('text, expected', [
    ('# a\n\nuint8  A = 1   # b\n', 'uint8 A=1\n'),
    ('string s "a # b" # c\n', 'string s "a # b"\n'),
    ('---\nint32 x -1\n', '---\nint32 x -1\n'),
])
def test_canonical_form(text, expected):
    assert interfaces_lock.canonical(text) == expected


def test_tf_message_is_the_real_one():
    """The stand-in for tf2_msgs, where one is used, must be wire-identical."""
    if os.environ['ROS_DISTRO'] == 'humble':
        return
    description = pathlib.Path(get_package_share_directory('tf2_msgs')) / 'msg' / 'TFMessage.json'
    assert 'RIHS01_e369d0f05a23ae52508854b66f6aa0437f3449d652e8cbf22d5abe85d020f087' in description.read_text()
    assert TFMessage().transforms == []


def test_installed_files():
    assert os.access(PREFIX / 'lib' / 'spatialclaw' / 'spatialclaw_node', os.X_OK)
    assert os.access(PREFIX / 'lib' / 'spatialclaw' / 'spatialclaw', os.X_OK)
    for file in ('launch/spatialclaw.launch.py', 'config/spatialclaw.yaml', 'config/spatialclaw.rviz',
                 'config/fastdds_lossless.xml', 'config/fastdds_lossless_loopback.xml', 'package.xml', 'action/AskSpatial.action'):
        assert (SHARE / file).is_file(), file
    index, _ = get_resource('rosidl_interfaces', 'spatialclaw')
    assert 'action/AskSpatial.idl' in index.splitlines()


def test_dds_profiles_differ_in_reach_only():
    """The profile for tests is the robot's, held to this machine."""
    robot = (ROOT / 'config/fastdds_lossless.xml').read_text().split('<profiles')[1]
    loopback = (ROOT / 'config/fastdds_lossless_loopback.xml').read_text().split('<profiles')[1]
    whitelist = loopback[loopback.index('      <interfaceWhiteList>'):loopback.index('</interfaceWhiteList>') + len('</interfaceWhiteList>\n')]
    assert '127.0.0.1' in whitelist
    assert loopback.replace(whitelist, '') == robot


# ---- the launch file


def run_launch(*arguments, dry_run=False):
    command = [sys.executable, str(ROOT / 'scripts/launch.py'), *(['--dry-run'] if dry_run else []), str(LAUNCH_FILE), *arguments]
    return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30)


def evaluate(**arguments):
    """The nodes that the launch file would start, as the stand-in for launch has it."""
    done = run_launch(*[f'{name}:={value}' for name, value in arguments.items()], dry_run=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def remappings(node):
    words = node['command']
    return dict(words[i + 1].split(':=', 1) for i, word in enumerate(words) if word == '-r')


def test_launch_defaults():
    (node,) = evaluate()
    assert node['command'][0] == str(PREFIX / 'lib/spatialclaw/spatialclaw_node')
    assert str(SHARE / 'config/spatialclaw.yaml') in node['command']
    assert node['command'][node['command'].index('--log-level') + 1] == 'info'
    assert node['respawn'] is False
    names = remappings(node)
    assert names['__node'] == 'spatialclaw' and '__ns' not in names
    assert names['/tf'] == 'tf' and names['/tf_static'] == 'tf_static'
    assert names['camera/image'] == 'camera/image'


def test_launch_arguments(tmp_path, monkeypatch):
    parameters = tmp_path / 'my parameters.yaml'
    parameters.write_text('/**: {ros__parameters: {fixed_frame: $(env FRAME map), camera: $(var camera)}}\n')
    monkeypatch.setenv('FRAME', 'odom')
    (node,) = evaluate(
        namespace='/robot1/', use_sim_time='true', params_file=str(parameters), log_level='debug', use_respawn='True',
        rviz='false', camera='front', image_topic='/zed/left/image', depth_topic='/zed/depth',
        camera_info_topic='/zed/left/camera_info', labels_topic='seg/labels', label_names_topic='seg/names')
    assert node['command'][node['command'].index('--log-level') + 1] == 'debug'
    assert node['respawn'] is True
    names = remappings(node)
    assert names['__ns'] == '/robot1'
    assert [names[f'front/{leaf}'] for leaf in ('image', 'depth', 'camera_info', 'labels', 'label_names')] == [
        '/zed/left/image', '/zed/depth', '/zed/left/camera_info', 'seg/labels', 'seg/names']
    from_file, from_arguments = node['parameter_files']
    assert 'fixed_frame: odom, camera: front' in from_file
    assert 'use_sim_time: true' in from_arguments


def test_launch_starts_rviz_only_when_asked():
    done = run_launch('rviz:=true', dry_run=True)
    if done.returncode == 0:
        assert 'rviz2' in json.loads(done.stdout)[1]['command'][0]
    else:
        assert 'rviz2' in done.stderr


@pytest.mark.parametrize('argument, message', [
    ('no_such_argument:=1', 'no such launch argument: no_such_argument'),
    ('params_file:=/nowhere.yaml', '/nowhere.yaml'),
    ('use_respawn:=perhaps', 'neither true nor false'),
    ('namespace', 'not NAME:=VALUE'),
])
def test_launch_refuses(argument, message):
    done = run_launch(argument, dry_run=True)
    assert done.returncode == 2
    assert message in done.stderr


def test_launch_passes_on_exit_code_and_signal(tmp_path):
    """Of any node: here a shell script in the node's place."""
    script = tmp_path / 'node.sh'
    script.write_text('#!/bin/bash\ntrap "exit 7" INT\ntrap "exit 8" TERM\ntouch "$READY"\nwhile :; do sleep 0.05; done\n')
    script.chmod(0o755)
    launch_file = tmp_path / 'x.launch.py'
    launch_file.write_text(f'''
from launch import LaunchDescription
from launch_ros.actions import Node
class Script(Node):
    def visit(self, context):
        self.command, self.respawn = [{str(script)!r}], False
        context.nodes.append(self)
def generate_launch_description():
    return LaunchDescription([Script(package='x', executable='x')])
''')
    for number, code in ((signal.SIGINT, 7), (signal.SIGTERM, 8)):
        ready = tmp_path / f'ready{code}'
        process = NodeProcess(log=tmp_path / 'log', launch_file=launch_file, environment={'READY': str(ready)})
        while not ready.exists():
            assert process.running(), process.output()
        assert process.stop(number) == code
        assert process.leftovers() == []


# ---- the node


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM])
def test_node_starts_and_ends_cleanly(start_node, number):
    node = start_node()
    assert node.running()
    assert node.stop(number) == 0, node.output()
    assert node.leftovers() == []


def test_node_ends_when_idle_in_a_namespace(start_node):
    node = start_node(namespace='robot1')
    assert node.stop() == 0, node.output()


def test_question_without_input_is_refused_with_a_code(start_node, ros):
    """No camera publishes: the goal ends with a typed reason, in words too."""
    start_node()
    _, result, _ = ros.ask('How far is the mug?')
    assert not result.success
    assert result.error_code != result.NONE and result.error_msg
