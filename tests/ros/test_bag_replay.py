# SPDX-License-Identifier: Apache-2.0
"""A recorded moving camera, replayed at its own stamps: one physical patch stays where it is, whenever it is asked about.

The bag has no annotations. Flat patches are picked in one frame; which pixels of the other frames show them is worked out here from
the bag's depth and transforms, and published as label images. What the node then measures 1 s and half a metre apart must agree.
"""

import time

import numpy as np
import pytest
from action_msgs.msg import GoalStatus
from helpers import LATCHED, SENSOR, FakeClock, Intrinsics, image_message, label_names, stamp
from rosbags.highlevel import AnyReader
from rosbags.typesys import Stores, get_typestore
from scenes import apply, pixel_rays, refusal, running_node, shared_data, transform
from sensor_msgs.msg import CameraInfo, CompressedImage, Image
from spatialclaw.action import AskSpatial
from spatialclaw.msg import LabelNames, SpatialValue
from tf2_msgs.msg import TFMessage

COLOUR, DEPTH = '/camera/color/image_raw', '/camera/aligned_depth_to_color/image_raw'
INFO, TF = '/camera/color/camera_info', '/tf'
KINDS = {f'{COLOUR}/compressed': CompressedImage, DEPTH: Image, INFO: CameraInfo, TF: TFMessage}
INTRINSICS = Intrinsics(640, 480, 525.0, 525.0, 319.5, 239.5)
LATER = 10  # frames, at 10 Hz
HALF_PX = 7  # patches are 15x15 px where they are picked
# Frame, u and v of each patch's middle: walls, floor and furniture that are flat to 1 mm over the patch.
PATCHES = {'patch 1': (0, 400, 160), 'patch 2': (3, 280, 160), 'patch 3': (6, 520, 160), 'patch 4': (3, 400, 400)}


class Bag:
    """The bag's messages in order, and depth and camera pose of each frame."""

    def __init__(self, path):
        self.messages, self.depth, self.map_from_optical = [], {}, {}
        with AnyReader([path], default_typestore=get_typestore(Stores.ROS2_JAZZY)) as reader:
            for connection, when, raw in reader.messages():
                self.messages.append((when, connection.topic, bytes(raw)))
                message = reader.deserialize(raw, connection.msgtype)
                if connection.topic == DEPTH:
                    assert message.encoding == '16UC1' and not message.is_bigendian
                    self.depth[when] = np.frombuffer(message.data, '<u2').reshape(message.height, message.width) * 1e-3
                elif connection.topic == TF:
                    found, = message.transforms
                    t, q = found.transform.translation, found.transform.rotation
                    at = found.header.stamp.sec * 10**9 + found.header.stamp.nanosec
                    self.map_from_optical[at] = transform((t.x, t.y, t.z), (q.x, q.y, q.z, q.w))
        self.stamps = sorted(self.depth)

    def points_in_map(self, at):
        """HxWx3, by this frame's own depth and pose."""
        return apply(self.map_from_optical[at], pixel_rays(INTRINSICS) * self.depth[at][..., None])

    def pixels_of(self, patch, at):
        """Mask of the pixels of the frame at `at` that show the patch."""
        frame, u, v = PATCHES[patch]
        home = self.stamps[frame]
        seen = apply(np.linalg.inv(self.map_from_optical[home]), self.points_in_map(at))
        with np.errstate(divide='ignore', invalid='ignore'):
            back = seen[..., :2] / seen[..., 2:] * [INTRINSICS.fx, INTRINSICS.fy] + [INTRINSICS.cx, INTRINSICS.cy]
        same_ray = np.abs(back - [u, v]).max(axis=-1) <= HALF_PX + 0.5
        same_depth = np.abs(seen[..., 2] - self.depth[home][v, u]) < 0.1  # beyond the patch's own slant
        return same_ray & same_depth & (self.depth[at] > 0)


@pytest.fixture(scope='module')
def bag():
    return Bag(shared_data('icl_livingroom1') / 'icl_first20.mcap')


@pytest.fixture(scope='module')
def rig(bag):
    """The node after it has heard the whole bag."""
    parameters = {
        'use_sim_time': True, 'cameras': ['icl'], 'robot_frame': 'camera_color_optical_frame',
        'icl': {'image_topic': COLOUR, 'image_transport': 'compressed', 'depth_topic': DEPTH, 'camera_info_topic': INFO}}
    with running_node('bag_replay', parameters) as rig:
        ros = rig.ros
        clock = FakeClock(ros)
        publishers = {topic: ros.publisher(kind, topic, SENSOR if topic != TF else 100) for topic, kind in KINDS.items()}
        labels = ros.publisher(Image, '/icl/labels', SENSOR)
        names = ros.publisher(LabelNames, '/icl/label_names', LATCHED)
        for publisher in (*publishers.values(), labels, names):
            ros.wait_for_subscribers(publisher)
        ros.meet()
        names.publish(label_names(dict(enumerate(PATCHES, start=1))))
        masks = {at: sum(i * bag.pixels_of(patch, at).astype(np.uint16) for i, patch in enumerate(PATCHES, start=1))
                 for at in bag.stamps}

        def replay(until):
            """From the start of the bag, at its own pace."""
            start = time.monotonic()
            labelled = set()
            for when, topic, raw in bag.messages:
                if when > until:
                    break
                time.sleep(max(0.0, (when - bag.stamps[0]) * 1e-9 - (time.monotonic() - start)))
                clock.set(when * 1e-9)
                if when not in labelled:
                    labelled.add(when)
                    message = image_message(masks[when])
                    message.header.frame_id, message.header.stamp = 'camera_color_optical_frame', stamp_of(when)
                    labels.publish(message)
                publishers[topic].publish(raw)
            time.sleep(0.2)

        rig.replay = replay
        replay(bag.stamps[-1])
        yield rig


def stamp_of(nanos):
    time_message = stamp(0)
    time_message.sec, time_message.nanosec = divmod(nanos, 10**9)
    return time_message


def test_the_patches_are_flat_and_seen_twice(bag):
    """What this file rests on, from the bag alone."""
    for patch, (frame, u, v) in PATCHES.items():
        first, second = bag.stamps[frame], bag.stamps[frame + LATER]
        assert second - first == 10**9
        for at in (first, second):
            seen = bag.points_in_map(at)[bag.pixels_of(patch, at)]
            assert len(seen) > 80, patch
            thickness = np.linalg.svd(seen - seen.mean(axis=0), compute_uv=False)[2] / len(seen) ** 0.5
            assert thickness < 0.002, (patch, thickness)


def ask_where(rig, patch, at):
    return rig.ros.ask(f'Where is {patch}?', answer_kind=AskSpatial.Goal.ANSWER_POINT, time_mode=AskSpatial.Goal.TIME_STAMP, stamp=stamp_of(at))


@pytest.mark.parametrize('patch', PATCHES)
def test_a_patch_stays_where_it_is(rig, bag, patch):
    frame = PATCHES[patch][0]
    places = []
    for at in (bag.stamps[frame], bag.stamps[frame + LATER]):
        status, result, _ = ask_where(rig, patch, at)
        assert status == GoalStatus.STATUS_SUCCEEDED, refusal(result)
        assert result.value.kind == SpatialValue.KIND_POINT
        placement = result.value.placement
        assert placement.header.frame_id == 'map'
        assert placement.header.stamp == stamp_of(at)
        position = placement.pose.pose.position
        place = np.array([position.x, position.y, position.z])
        seen = bag.points_in_map(at)[bag.pixels_of(patch, at)]
        assert np.linalg.norm(place - (seen.min(axis=0) + seen.max(axis=0)) / 2) < 0.02
        places.append(place)
    apart = np.linalg.norm(places[1] - places[0])
    # The same pixels placed by the other frame's pose show what a wrong time would have done.
    wrong = bag.map_from_optical[bag.stamps[frame]] @ np.linalg.inv(bag.map_from_optical[bag.stamps[frame + LATER]])
    wrong_by = np.linalg.norm(apply(wrong, places[1]) - places[0])
    print(f'{patch}: {places[0].round(3)} and 1 s later {places[1].round(3)}, {apart * 1e3:.1f} mm apart; '
          f'with the transform of 1 s before {wrong_by * 1e3:.0f} mm')
    assert apart < 0.02
    assert wrong_by > 0.1


def test_a_clock_that_is_set_back_starts_afresh(rig, bag):
    """The bag is played again: nothing of the first time, which lies ahead now, is used."""
    at, ahead = bag.stamps[PATCHES['patch 1'][0]], bag.stamps[PATCHES['patch 1'][0] + LATER]
    assert ask_where(rig, 'patch 1', ahead).status == GoalStatus.STATUS_SUCCEEDED
    rig.replay(bag.stamps[3])
    result = ask_where(rig, 'patch 1', ahead).result
    assert result.error_code == AskSpatial.Result.NOT_BUFFERED, refusal(result)
    result = ask_where(rig, 'patch 1', at).result
    assert result.success, refusal(result)
