# SPDX-License-Identifier: Apache-2.0
"""The node at rest: a camera runs, nobody asks. Figures of loss, CPU and memory; only loss, and absurd figures, fail."""

import os
import pathlib
import time

import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticArray
from helpers import Intrinsics, Repeat, image_message, label_names
from scenes import desk_picture, heard, running_node

HZ, SECONDS = 30, 10
VGA = Intrinsics()


class Usage:
    """CPU seconds and memory of a process, from /proc."""

    def __init__(self, pid):
        self.at = time.monotonic()
        fields = pathlib.Path(f'/proc/{pid}/stat').read_text().rsplit(')', 1)[1].split()
        self.cpu_secs = (int(fields[11]) + int(fields[12])) / os.sysconf('SC_CLK_TCK')
        self.resident_mb = int(pathlib.Path(f'/proc/{pid}/statm').read_text().split()[1]) * os.sysconf('SC_PAGE_SIZE') / 1e6

    def percent_since(self, before):
        return 100 * (self.cpu_secs - before.cpu_secs) / (self.at - before.at)


def counts(rig, diagnostics):
    """Messages received and refused by topic, by the next diagnostics."""
    del diagnostics[:]
    status = heard(diagnostics, lambda m: any(s.name.endswith('camera camera') for s in m.status))
    values = {v.key: v.value for s in status.status if s.name.endswith('camera camera') for v in s.values}
    return {key: int(values[key]) for key in values if key.endswith(('.received', '.refused'))}


@pytest.fixture(scope='module')
def figures():
    with running_node('rest', {'cameras': ['camera']}) as rig:
        rig.place_base()
        camera = rig.camera('camera', intrinsics=VGA)
        diagnostics = rig.ros.listen(DiagnosticArray, '/diagnostics')
        picture = desk_picture(VGA)
        camera.label_names.publish(label_names({3: 'mug', 4: 'box'}))
        messages = {
            'image': image_message(picture.image), 'depth': image_message((np.nan_to_num(picture.depth) * 1000).astype(np.uint16)),
            'labels': image_message(picture.labels), 'camera_info': VGA.message()}
        pid = rig.node_pid()
        empty = Usage(pid)
        time.sleep(2)
        idle = Usage(pid)
        before = counts(rig, diagnostics)
        start = time.monotonic()
        begun = Usage(pid)
        for i in range(HZ * SECONDS):
            time.sleep(max(0.0, start + i / HZ - time.monotonic()))
            now = rig.ros.now()
            for topic, message in messages.items():
                message.header.stamp, message.header.frame_id = now, camera.frame
                getattr(camera, topic).publish(message)
        took = time.monotonic() - start
        end = Usage(pid)
        time.sleep(0.3)
        after = counts(rig, diagnostics)
        with Repeat(lambda: rig.show(camera, picture), 1 / HZ):
            time.sleep(0.3)
            answer = rig.ros.ask('How far is the mug from the box?')
        yield {
            'sent': HZ * SECONDS, 'took': took, 'before': before, 'after': after, 'idle_percent': idle.percent_since(empty),
            'busy_percent': end.percent_since(begun), 'resident_mb': end.resident_mb, 'idle_mb': idle.resident_mb, 'answer': answer}


def test_no_frame_is_lost(figures):
    received = {topic: figures['after'][f'{topic}.received'] - figures['before'][f'{topic}.received'] for topic in ('image', 'depth', 'labels')}
    print(f'640x480 image, depth and labels at {HZ} Hz for {figures["took"]:.1f} s: sent {figures["sent"]} each, received {received}')
    assert set(received.values()) == {figures['sent']}
    assert all(n == 0 for key, n in figures['after'].items() if key.endswith('.refused'))


def test_cpu_and_memory_are_sane(figures):
    print(f'CPU without images {figures["idle_percent"]:.1f} %, with {figures["busy_percent"]:.1f} % of one core; '
          f'memory {figures["idle_mb"]:.0f} MB, {figures["resident_mb"]:.0f} MB with full buffers')
    assert figures['idle_percent'] < 30
    assert figures['busy_percent'] < 80
    assert figures['resident_mb'] < 1500


def test_an_answer_after_rest_is_at_once(figures):
    result = figures['answer'].result
    assert result.success, result.error_msg
    elapsed = result.provenance.elapsed.sec + result.provenance.elapsed.nanosec * 1e-9
    print(f'{result.text} in {elapsed * 1e3:.0f} ms')
    assert elapsed < 5
