# SPDX-License-Identifier: Apache-2.0
"""make bench: spatialclaw's kernel and geometry against an interpreter with numpy and scipy, in one run, taking turns.

Both halves read the same bytes. A row is the median of the passes with the ratio of each pass's pair; what both compute is compared.
"""
import argparse
import dataclasses
import json
import os
import pathlib
import platform
import statistics
import subprocess
import sys
import time

import numpy as np
import scipy

from . import peers
from .peers import timed

SIZES = ('640x480', '1280x720')


class Ours:
    """The benchmark binary, asked line by line."""

    def __init__(self, binary, cores):
        self.process = subprocess.Popen([binary, 'serve'], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                        preexec_fn=lambda: os.sched_setaffinity(0, cores))
        self.cores = self.read('start')['cores']

    def ask(self, request):
        before = self.cpu_ms()
        self.process.stdin.write(request + '\n')
        self.process.stdin.flush()
        answer = self.read(request)
        return {**answer, 'cpu_ms': self.cpu_ms() - before}

    def cpu_ms(self):
        """Of all threads, in whole ticks; sums over many requests are exact to one tick."""
        with open(f'/proc/{self.process.pid}/stat', encoding='ascii') as stat:
            ticks = stat.read().rsplit(')', 1)[1].split()[11:13]
        return sum(map(int, ticks)) * 1e3 / os.sysconf('SC_CLK_TCK')

    def read(self, request):
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f'the benchmark binary ended at "{request}", exit code {self.process.wait()}')
        return json.loads(line)

    def close(self):
        self.process.stdin.close()
        self.process.wait()


class Scene:
    """One image as the binary wrote it."""

    def __init__(self, folder, size):
        about = json.loads((folder / f'{size}.json').read_text())
        shape = (about['height'], about['width'])
        self.depth = np.fromfile(folder / f'{size}.depth.f32', np.float32).reshape(shape)
        self.labels = np.fromfile(folder / f'{size}.labels.u32', np.uint32).reshape(shape)
        self.k = about['k']
        pose = np.array(about['fixed_from_camera'])
        self.rotation, self.translation = pose[:3, :3], pose[:3, 3]
        self.ids = about['labels']
        u, v = np.arange(shape[1]), np.arange(shape[0])
        x, y, z = self.rotation.T
        self.columns = (((u - self.k[2]) / self.k[0])[:, None] * x + z).astype(np.float32)
        self.rows = (((v - self.k[3]) / self.k[1])[:, None] * y).astype(np.float32)
        self.buffer = np.empty((*shape, 3), np.float32)
        self.translation_f32 = self.translation.astype(np.float32)
        self.known = np.isfinite(self.depth)

    def usual_map(self):
        return peers.point_map_usual(self.depth, self.k, self.rotation, self.translation)

    def good_map(self):
        return peers.point_map_good(self.depth, self.columns, self.rows, self.translation_f32, self.buffer)

    def mask(self, name):
        return self.labels == self.ids[name]

    def points(self, name):
        """In double precision, as the interpreter's k-d tree takes them."""
        return self.good_map()[self.mask(name) & self.known].astype(np.float64)


@dataclasses.dataclass
class Times:
    """Of one pair: wall milliseconds of each pass, processor milliseconds of all passes and threads together."""

    theirs: list = dataclasses.field(default_factory=list)
    ours: list = dataclasses.field(default_factory=list)
    theirs_cpu_ms: float = 0.0
    ours_cpu_ms: float = 0.0


class Table:
    """Rows of (what, peer ms, ours ms, ratio)."""

    LEAST_CPU_MS = 100  # below, ticks are too coarse for a ratio

    def __init__(self):
        self.rows = []

    def add(self, what, peer, times, aim=None, unit='ms'):
        ratio = statistics.median(t / o for t, o in zip(times.theirs, times.ours))
        cpu = times.theirs_cpu_ms / times.ours_cpu_ms if times.ours_cpu_ms >= self.LEAST_CPU_MS else None
        row = {'what': what, 'peer': peer, 'theirs': statistics.median(times.theirs), 'ours': statistics.median(times.ours),
               'ratio': ratio, 'cpu_ratio': cpu, 'aim': aim, 'unit': unit, 'passes': len(times.theirs)}
        self.rows.append(row)
        reached = '' if aim is None else f', aim {aim:g}: ' + ('reached' if ratio >= aim else 'NOT reached')
        by_cpu = '' if cpu is None else f' (processor time {cpu:.1f}x)'
        print(f"{what}: {row['theirs']:.4g} {unit} ({peer}) / {row['ours']:.4g} {unit} = {ratio:.1f}x{by_cpu}{reached}", flush=True)

    def markdown(self):
        lines = ['| what | peer | peer took | ours | ratio | by processor time | aim |', '|---|---|---|---|---|---|---|']
        for row in self.rows:
            aim = '' if row['aim'] is None else f"{row['aim']:g}x"
            cpu = '' if row['cpu_ratio'] is None else f"{row['cpu_ratio']:.1f}x"
            lines.append(f"| {row['what']} | {row['peer']} | {row['theirs']:.4g} {row['unit']} | "
                         f"{row['ours']:.4g} {row['unit']} | **{row['ratio']:.1f}x** | {cpu} | {aim} |")
        return '\n'.join(lines) + '\n'


def agree(what, ours, theirs, tolerance):
    """Ends the run when two results differ by more than the tolerance, absolute, in any number."""
    ours, theirs = np.ravel(ours), np.ravel(theirs)
    if ours.shape != theirs.shape or not np.all(np.abs(ours - theirs) <= tolerance):
        raise SystemExit(f'bench: {what}: ours {ours}, peer {theirs}, they must agree within {tolerance}')


def printed(answer):
    return np.array(json.loads(answer['printed']), dtype=float)


def take_turns(passes, *pairs):
    """Milliseconds of every pair of (peer, ours), one after the other in each pass. A peer in several pairs runs once a pass.

    Ours run once before, to warm up as the peers did when results were compared.
    """
    times = [Times() for _ in pairs]
    for _, ours in pairs:
        ours()
    for _ in range(passes):
        measured = {}
        for (theirs, ours), row in zip(pairs, times):
            if theirs not in measured:
                cpu = time.process_time()
                measured[theirs] = timed(theirs)[0], (time.process_time() - cpu) * 1e3
            answer = ours()
            row.theirs.append(measured[theirs][0])
            row.theirs_cpu_ms += measured[theirs][1]
            row.ours.append(answer['ms'])
            row.ours_cpu_ms += answer['cpu_ms']
    return times


def interpreter_rows(ours, table, passes):
    bare, ready, start, cell, cell_ours, memory, memory_ours = [], [], [], [], [], [], []
    for _ in range(passes):
        start.append(statistics.median(ours.ask('kernel_start')['ms'] for _ in range(5)))
        interpreter = peers.Interpreter()
        try:
            bare.append(interpreter.ready_ms)
            ready.append(interpreter.ready_ms + interpreter.import_ms)
            cell.append(statistics.median(interpreter.cell_ms('1 + 1') for _ in range(30)))
            memory.append(interpreter.resident_mib())
        finally:
            interpreter.close()
        cell_ours.append(statistics.median(ours.ask('trivial_cells 30')['ms']))
        memory_ours.append(ours.ask('kernel_memory')['mib'])
    table.add('kernel ready', 'ipykernel', Times(bare, start))
    table.add('kernel ready', 'ipykernel with numpy and scipy', Times(ready, start), 2000)
    table.add('trivial cell', 'ipykernel', Times(cell, cell_ours), 1000)
    table.add('memory of a kernel', 'ipykernel with numpy and scipy', Times(memory, memory_ours), unit='MiB')


def distance_rows(ours, alone, scene, table, passes):
    a, b = scene.points('near'), scene.points('far')
    size = '1280x720'
    agree('number of points', printed(ours.ask(f'count {size}')), [len(a), len(b)], 0)
    shifted = a + [0.004, 0.003, 0.002]
    distances = peers.nearest_full(a, b, -1)
    smallest = float(distances.min())
    agree('smallest distance', printed(ours.ask(f'query_apart {size}')), smallest, 1e-6)
    agree('smallest distance, bounded', peers.nearest_bounded(a, b), smallest, 1e-9)
    agree('mean distance', printed(ours.ask(f'query_near {size}')), peers.nearest_full(shifted, a, -1).mean(), 1e-6)
    # Ours is the distance of the surfaces: silhouettes end half a pixel further out and noise is averaged.
    agree('surface distance', printed(ours.ask(f'min_distance {size}')), smallest, 3e-3)
    agree('surface distance', printed(ours.ask(f'surface_distance {size}'))[0], smallest, 3e-3)
    n = f'{len(a):,} and {len(b):,} points'

    def full_one():
        return peers.nearest_full(a, b, 1).min()

    def full_all():
        return peers.nearest_full(a, b, -1).min()

    def near_one():
        return peers.nearest_full(shifted, a, 1).mean()

    def near_all():
        return peers.nearest_full(shifted, a, -1).mean()

    def asked(process, name):
        return lambda: process.ask(f'{name} {size}')

    def bounded():
        return peers.nearest_bounded(a, b)

    rows = (
        (f'nearest distance of two things, {n}', 'scipy KDTree, every point', full_one, asked(ours, 'query_apart'), 20),
        ('the same', 'scipy KDTree, bounded', bounded, asked(ours, 'query_apart'), 1),
        ('the same with noise averaged and sigma', 'scipy KDTree, every point', full_one, asked(ours, 'surface_distance'), 20),
        ('the same with noise averaged and sigma', 'scipy KDTree, bounded', bounded, asked(ours, 'surface_distance'), 1),
        ('every nearest neighbour, things apart, all cores', 'scipy KDTree, workers=-1', full_all, asked(ours, 'query_apart'), 3),
        ('every nearest neighbour, things apart, one core', 'scipy KDTree, one worker', full_one, asked(alone, 'query_apart'), None),
        ('every nearest neighbour, surfaces 5 mm apart, all cores', 'scipy KDTree, workers=-1', near_all, asked(ours, 'query_near'), 3),
        ('every nearest neighbour, surfaces 5 mm apart, one core', 'scipy KDTree, one worker', near_one, asked(alone, 'query_near'), None),
    )
    times = take_turns(passes, *[(theirs, mine) for _, _, theirs, mine, _ in rows])
    for (what, peer, _, _, aim), row in zip(rows, times):
        table.add(what, peer, row, aim)


def image_rows(ours, alone, scenes, table, passes):
    for size, scene in scenes.items():
        mask = scene.mask('floor')
        usual, good = scene.usual_map(), scene.good_map()
        agree('point map', np.nansum(good.astype(float).reshape(-1, 3), 0) / good.size, np.nansum(usual.reshape(-1, 3), 0) / good.size, 1e-6)
        agree('point map', printed(ours.ask(f'check_map {size}')) / good.size, np.nansum(usual.reshape(-1, 3), 0) / good.size, 1e-9)
        valid = usual[scene.known]
        agree('points', printed(ours.ask(f'check_points {size}')), [len(valid), *valid.mean(0)], 1e-5)
        chosen = usual[mask & scene.known]
        agree('masked points', printed(ours.ask(f'check_masked {size}')), [len(chosen), *chosen.mean(0)], 1e-5)
        agree('masked points', len(peers.masked_good(good, mask, scene.known)), len(peers.masked_usual(good, mask)), 0)
        share = f'{mask.mean() * 100:.0f} % of {size}'

        def masked_usual():
            return peers.masked_usual(good, mask)

        def masked_good():
            return peers.masked_good(good, mask, scene.known)

        usual_map, good_map = scene.usual_map, scene.good_map
        rows = (
            (f'depth to points in the fixed frame, {size}', 'numpy as usually written', usual_map, ours, 'points', 5),
            (f'depth to points in the fixed frame, {size}', 'numpy, well written', good_map, ours, 'points', 1),
            (f'the same on one core, {size}', 'numpy, well written', good_map, alone, 'points', None),
            (f'depth to an H×W×3 array of doubles, {size}', 'numpy as usually written', usual_map, ours, 'map', 5),
            (f'masked points, {share}', 'numpy as usually written', masked_usual, ours, 'masked', 5),
            (f'masked points, {share}', 'numpy, well written', masked_good, ours, 'masked', 1),
        )
        pairs = [(theirs, lambda p=process, c=cell: p.ask(f'{c} {size}')) for _, _, theirs, process, cell, _ in rows]
        for (what, peer, _, _, _, aim), row in zip(rows, take_turns(3 * passes, *pairs)):
            table.add(what, peer, row, aim)


def example_rows(ours, scenes, table, passes):
    """The whole example: a kernel's start, reconstruction, two masks, pictures, points, k-d tree, surfaces, answer."""
    for size, scene in scenes.items():
        def usual(scene=scene):
            points = scene.usual_map()
            heater, door = (peers.masked_usual(points, scene.mask(name)) for name in ('near', 'far'))
            return peers.nearest_full(heater, door, 1).min()

        answer = ours.ask(f'heater_and_door room-{size}')
        raw = float(answer['printed'].split('raw points: ')[1].split(' m')[0])
        agree('heater and door, raw points', raw, usual(), 1e-3)
        agree('heater and door, truth', float(answer['answer'].split()[0]), 0.35, 0.01)
        (times,) = take_turns(passes, (usual, lambda s=size: ours.ask(f'heater_and_door room-{s}')))
        table.add(f'heater and door, from kernel start to answer, {size}', 'numpy and scipy, points and tree only', times)


def plane_rows(ours, scene, table, passes):
    points = scene.usual_map()[scene.known]
    normal, n_inliers = peers.ransac_plane(points)
    found = printed(ours.ask('ground_plane 640x480'))
    agree('ground plane, cosine', abs(float(found[:3] @ normal)), 1.0, 1e-3)
    agree('ground plane, inliers', found[3], n_inliers, 0.03 * n_inliers)
    agree('plane with sigma, cosine', abs(float(printed(ours.ask('fit_plane 640x480')) @ normal)), 1.0, 1e-3)
    peer = 'numpy RANSAC, 1000 iterations'

    def ransac():
        return peers.ransac_plane(points)

    times = take_turns(passes, (ransac, lambda: ours.ask('ground_plane 640x480')),
                       (ransac, lambda: ours.ask('fit_plane 640x480')))
    table.add(f'ground plane in {len(points):,} points', peer, times[0], 50)
    table.add('the same with sigma', peer, times[1], 50)


def processor():
    with open('/proc/cpuinfo', encoding='ascii', errors='replace') as info:
        names = [line.split(':', 1)[1].strip() for line in info if line.startswith('model name')]
    return f'{len(os.sched_getaffinity(0))} cores of {names[0] if names else platform.machine()}'


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--binary', required=True)
    parser.add_argument('--out', type=pathlib.Path, default=pathlib.Path('out/bench'))
    parser.add_argument('--passes', type=int, default=5)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    subprocess.run([options.binary, 'prepare', str(options.out)], check=True, stdout=subprocess.DEVNULL)
    scenes = {size: Scene(options.out, size) for size in SIZES}
    cores = os.sched_getaffinity(0)
    ours, alone, table = Ours(options.binary, cores), Ours(options.binary, {min(cores)}), Table()
    try:
        # The longest last: what was printed before stands if it is stopped.
        image_rows(ours, alone, scenes, table, options.passes)
        example_rows(ours, {size: Scene(options.out, f'room-{size}') for size in SIZES}, table, options.passes)
        interpreter_rows(ours, table, options.passes)
        distance_rows(ours, alone, scenes['1280x720'], table, options.passes)
        plane_rows(ours, scenes['640x480'], table, min(options.passes, 2))
    finally:
        ours.close()
        alone.close()
    about = (f'{processor()}; Python {platform.python_version()}, numpy {np.__version__}, scipy {scipy.__version__}; '
             f'medians of {options.passes} passes or more\n\n')
    (options.out / 'bench.md').write_text(about + table.markdown())
    (options.out / 'bench.json').write_text(json.dumps(table.rows, indent=1) + '\n')
    missed = [row for row in table.rows if row['aim'] is not None and row['ratio'] < row['aim']]
    print(f'bench: {len(table.rows)} rows in {options.out}/bench.md; {len(missed)} below their aim', file=sys.stderr)


if __name__ == '__main__':
    main()
