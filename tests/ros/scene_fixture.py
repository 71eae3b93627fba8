# SPDX-License-Identifier: Apache-2.0
"""A scene with a known answer: two flat objects that face the camera at the same depth, before a wall.

The camera stands 0.5 m above the origin of `map` and looks along +x, so what lies left in the image lies at +y. The nearest points
of the two objects are the last column of the left one and the first column of the right one.
"""

import numpy as np
from helpers import FakeCamera, FakeTf, Intrinsics

LENS = Intrinsics(fx=500.0, fy=500.0)
DEPTH_M = 1.0
MUG_COLUMNS, BOWL_COLUMNS, ROWS = (100, 180), (400, 480), (200, 280)
NAMES = {5: 'mug', 7: 'bowl', 9: 'wall'}
QUESTION = 'How far is the mug from the bowl?'
# From pixel centre to pixel centre; a pixel at each end is uncertain, and the edges of masks are left out on purpose.
DISTANCE_M = (BOWL_COLUMNS[0] - (MUG_COLUMNS[1] - 1)) * DEPTH_M / LENS.fx
DISTANCE_TOLERANCE_M = 3 * DEPTH_M / LENS.fx


def pictures():
    """Keyword arguments for FakeCamera.publish and FakeCamera.stream."""
    image = np.full((LENS.height, LENS.width, 3), 120, np.uint8)
    depth = np.full((LENS.height, LENS.width), 2000, np.uint16)
    labels = np.full((LENS.height, LENS.width), 9, np.uint16)
    for number, (first, end) in ((5, MUG_COLUMNS), (7, BOWL_COLUMNS)):
        at = (slice(*ROWS), slice(first, end))
        image[at], depth[at], labels[at] = (number * 30, 80, 200), int(DEPTH_M * 1000), number
    return {'image': image, 'depth': depth, 'labels': labels, 'names': NAMES}


def camera(ros, **arguments):
    return FakeCamera(ros, frame='camera_optical', intrinsics=LENS, **arguments)


def static_tf(ros, prefix=''):
    """map, base_link and the camera, none of which moves."""
    tf = FakeTf(ros, prefix)
    tf.static('map', 'base_link')
    tf.static('base_link', 'camera_optical', xyz=(0.0, 0.0, 0.5), quaternion=(-0.5, 0.5, -0.5, 0.5))
    return tf
