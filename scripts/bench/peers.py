# SPDX-License-Identifier: Apache-2.0
"""What the benchmark compares against: an interpreter with numpy and scipy, as agents that write Python use it."""
import queue
import time

import numpy as np
from scipy.spatial import KDTree


def timed(call):
    """Wall milliseconds of one call, and its result."""
    start = time.perf_counter()
    result = call()
    return (time.perf_counter() - start) * 1e3, result


class Interpreter:
    """An ipykernel driven through jupyter_client, the way notebook agents drive it."""

    def __init__(self):
        from jupyter_client.manager import start_new_kernel

        self.ready_ms, (self.manager, self.client) = timed(lambda: start_new_kernel(startup_timeout=120))
        self.import_ms = self.cell_ms('import numpy as np, scipy.spatial')

    def cell_ms(self, source):
        """From sending a cell to the kernel being idle again with its reply."""
        def run():
            request = self.client.execute(source)
            while True:
                message = self.client.get_iopub_msg(timeout=120)
                ours = message['parent_header'].get('msg_id') == request
                if ours and message['msg_type'] == 'status' and message['content']['execution_state'] == 'idle':
                    break
            while True:
                try:
                    reply = self.client.get_shell_msg(timeout=120)
                except queue.Empty as error:
                    raise RuntimeError('the interpreter gave no reply within 120 s') from error
                if reply['parent_header'].get('msg_id') == request:
                    if reply['content']['status'] != 'ok':
                        raise RuntimeError(f"the interpreter failed: {reply['content'].get('evalue')}")
                    return

        return timed(run)[0]

    def resident_mib(self):
        with open(f'/proc/{self.manager.provisioner.pid}/status', encoding='ascii') as status:
            kib = next(int(line.split()[1]) for line in status if line.startswith('VmRSS'))
        return kib / 1024

    def close(self):
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)


def nearest_full(a, b, workers):
    """Build a tree and query every point: what a cell usually writes."""
    return KDTree(b).query(a, workers=workers)[0]


def nearest_bounded(a, b):
    """The same with a bound from a sample, for whoever knows the trick."""
    tree = KDTree(b)
    bound = float(tree.query(a[:: max(1, len(a) // 64)])[0].min())
    distances, _ = tree.query(a, distance_upper_bound=bound * (1 + 1e-6))
    return min(bound, float(distances.min()))


def point_map_usual(depth, k, rotation, translation):
    """As cells usually write it: pixel grids, divisions, a stack, then the pose; double precision."""
    height, width = depth.shape
    u, v = np.meshgrid(np.arange(width), np.arange(height))
    x = (u - k[2]) * depth / k[0]
    y = (v - k[3]) * depth / k[1]
    return np.stack([x, y, depth], axis=-1) @ rotation.T + translation


def point_map_good(depth, columns, rows, translation, out):
    """Well written: the pose folded into one ray a column and one a row, single precision, in place, nothing allocated."""
    np.add(rows[:, None, :], columns[None, :, :], out=out)
    out *= depth[..., None]
    out += translation
    return out


def masked_usual(points, mask):
    """As cells usually write it, with the point map at hand."""
    chosen = points[mask]
    return chosen[np.isfinite(chosen).all(axis=1)]


def masked_good(points, mask, known):
    """Well written: known pixels noted before, positions instead of truth values."""
    return np.take(points.reshape(-1, 3), np.flatnonzero(mask & known), axis=0)


def ransac_plane(points, iterations=1000, band_m=0.05, seed=42):
    """The straightforward one: every point against every candidate, then a refit by SVD."""
    generator = np.random.default_rng(seed)
    best, best_count = None, 0
    for _ in range(iterations):
        a, b, c = points[generator.choice(len(points), 3, replace=False)]
        normal = np.cross(b - a, c - a)
        length = np.linalg.norm(normal)
        if length < 1e-9:
            continue
        normal /= length
        inliers = np.abs((points - a) @ normal) < band_m
        count = int(inliers.sum())
        if count > best_count:
            best, best_count = inliers, count
    chosen = points[best]
    center = chosen.mean(axis=0)
    _, _, rows = np.linalg.svd(chosen - center, full_matrices=False)
    return rows[2], best_count
