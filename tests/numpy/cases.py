# SPDX-License-Identifier: Apache-2.0
"""Prints cells and what numpy and scipy give for the same arrays, one case a line: cell, tolerance, expected value; tabs between.

The random arrays come from a fixed seed. Cells name functions as numpy does, so most templates are the Python expression itself;
where Rhai is written differently, a case has both.
"""
import re
import sys
import warnings

import numpy as np
from scipy.spatial import ConvexHull, KDTree
from scipy.spatial.distance import cdist, pdist, squareform

rng = np.random.default_rng(20240607)
SHAPES = [(1,), (2,), (7,), (9,), (130,), (1, 1), (3, 1), (1, 4), (3, 4), (17, 9), (2, 3, 4), (1, 5, 2), (2, 2, 3, 2)]


def number(x):
    x = float(x)
    if np.isnan(x):
        return "np.nan"
    if np.isinf(x):
        return "np.inf" if x > 0 else "-np.inf"
    return repr(x) if "e" not in repr(x) else f"{x:.25f}".rstrip("0") + "0"


def literal(a):
    a = np.asarray(a)
    if a.ndim == 0:
        return str(a).lower() if a.dtype == bool else str(int(a)) if a.dtype.kind == "i" else number(a)
    return "[" + ", ".join(literal(row) for row in a) + "]"


def shown(value):
    if isinstance(value, (tuple, list)):
        return "[" + ", ".join(shown(item) for item in value) + "]"
    return str(np.asarray(value).tolist())


def case(cell, value, tolerance=1e-9):
    print(cell, tolerance, shown(value), sep="\t")


def both(expression, tolerance=1e-9, **arrays):
    """One expression in both languages. `True` and `axis=0` are written as Rhai wants them; `a[:, None]` needs its own case."""
    value = eval(expression, {"np": np, "cdist": cdist, "pdist": pdist, "squareform": squareform}, arrays)
    case(in_rhai(expression, arrays), value, tolerance)


def in_rhai(expression, arrays):
    expression = re.sub(r"(\w+)=(\[[^]]*\]|[^,()]+(?:\([^()]*\))?)", r"#{\1: \2}", expression)
    expression = re.sub(r"\}, #\{", ", ", expression).replace("True", "true").replace("False", "false")
    lets = "".join(f"let {name} = np.array({literal(a)}); " for name, a in arrays.items())
    return lets + expression


def floats(shape):
    return rng.normal(0.0, 3.0, shape)


def ints(shape):
    return rng.integers(-4, 5, shape)


def with_nan(shape):
    a = floats(shape)
    a.flat[rng.integers(0, a.size)] = np.nan
    return a


def elementwise():
    one = ["abs", "exp", "sin", "cos", "tan", "arctan", "floor", "ceil", "trunc", "rint", "sign", "square", "deg2rad", "rad2deg",
           "isnan", "isfinite", "sinh", "cosh", "tanh"]
    positive = ["sqrt", "log", "log2", "log10"]
    for shape in SHAPES:
        for name in one:
            both(f"np.{name}(a)", a=floats(shape))
        for name in positive:
            both(f"np.{name}(a)", a=np.abs(floats(shape)) + 0.1)
        for name in ["arcsin", "arccos"]:
            both(f"np.{name}(a)", a=rng.uniform(-1, 1, shape))
        for digits in [0, 1, 3, -1]:
            both(f"np.round(a, {digits})", a=np.round(floats(shape) * 4) / 8)
        both("np.clip(a, -1, 2)", a=floats(shape))
        both("np.nan_to_num(a)", a=with_nan(shape))
    pairs = [((), ()), ((5,), (5,)), ((3, 4), (4,)), ((3, 4), (3, 1)), ((3, 1), (1, 4)), ((2, 3, 4), (3, 1)), ((4,), (2, 1, 4)),
             ((1,), (3, 2)), ((2, 1, 3, 1), (2, 1, 4))]
    for left, right in pairs:
        for make in [floats, ints]:
            a, b = make(left), make(right)
            for operator in ["+", "-", "*", "/", "<", "<=", ">", ">=", "==", "!="]:
                with np.errstate(all="ignore"):
                    if operator == "/" and make is ints:
                        b = np.where(b == 0, 7, b)
                    both(f"a {operator} b", a=a, b=b)
            b = np.where(b == 0, 3, b)
            both("np.mod(a, b)", a=a, b=b)
            both("a % b", a=a, b=b)
            both("np.floor_divide(a, b)", a=a, b=b)
            case(in_rhai("int_div(a, b)", {"a": a, "b": b}), a // b)
            both("np.arctan2(a, b)", a=a, b=b)
            both("np.hypot(a, b)", a=a, b=b)
            both("np.minimum(a, b)", a=a, b=b)
            both("np.maximum(a, b)", a=a, b=b)
            both("np.where(a > b, a, b)", a=a, b=b)
            both("np.power(np.abs(a) + 0.5, b)", a=a, b=b)
            both("(a > 0) & (b > 0)", a=a, b=b)
            both("(a > 0) | (b > 0)", a=a, b=b)
            both("(a > 0) ^ (b > 0)", a=a, b=b)
    both("np.minimum(a, b)", a=with_nan((6,)), b=floats((6,)))
    both("a < b", a=with_nan((6,)), b=floats((6,)))
    both("a != a", a=with_nan((6,)))
    both("np.fmax(a, b)", a=with_nan((6,)), b=floats((6,)))
    both("np.interp(a, b, c)", a=floats((9,)), b=np.sort(floats((6,))), c=floats((6,)))
    both("np.isclose(a, b)", a=np.array([1.0, np.nan, np.inf, 2.0]), b=np.array([1.0 + 1e-7, np.nan, np.inf, 2.1]))


def reductions():
    for shape in SHAPES:
        axes = [""] + [f", axis={axis}" for axis in range(-len(shape), len(shape))]
        for name in ["sum", "mean", "median", "std", "var", "min", "max", "argmin", "argmax", "prod", "ptp", "cumsum", "any", "all"]:
            for axis in axes:
                for make in [floats, ints, with_nan]:
                    if name in ("argmin", "argmax") and make is ints:
                        continue
                    both(f"np.{name}(a{axis})", a=make(shape))
        for axis in axes[1:]:
            both(f"np.mean(a{axis}, keepdims=True)", a=floats(shape))
            both(f"np.sort(a{axis})", a=floats(shape))
            both(f"np.diff(a{axis})", a=floats(shape))
            case(in_rhai(f"np.argsort(a{axis})", {"a": (f := floats(shape))}), np.argsort(f, int(axis.split("=")[1])))
            both(f"np.flip(a{axis})", a=floats(shape))
        with np.errstate(all="ignore"):
            for name in ["nansum", "nanmean", "nanmedian", "nanmin", "nanmax", "nanstd", "nanvar"]:
                a = with_nan(shape) if np.prod(shape) > 1 else floats(shape)
                both(f"np.{name}(a)", a=a)
        for q in [0, 10, 33.3, 50, 95, 100]:
            both(f"np.percentile(a, {q})", a=floats(shape))
        both("np.percentile(a, [5, 50, 95], axis=0)", a=floats(shape))
        both("np.quantile(a, 0.77, axis=-1)", a=floats(shape))
    both("np.nanmean(a, axis=0)", a=with_nan((5, 4)))
    both("np.nanargmin(a)", a=with_nan((9,)))
    both("np.nanpercentile(a, 40)", a=with_nan((9,)))
    for left in [7.5, -7.5, 0.3]:
        for right in [2, -2, 0.7, -0.7]:
            case(f"({left}) % ({right})", left % right)
            case(f"int_div({left}, {right})", left // right)
    both("np.std(a, ddof=1)", a=floats((9,)))
    both("np.var(a, axis=0, ddof=1)", a=floats((5, 4)))
    both("np.average(a, axis=0, weights=b)", a=floats((5, 4)), b=np.abs(floats((5,))) + 0.1)
    both("np.average(a, weights=b)", a=floats((5, 4)), b=np.abs(floats((5, 4))) + 0.1)
    both("np.cov(a)", a=floats((3, 20)))
    both("np.corrcoef(a, b)", a=floats((20,)), b=floats((20,)))
    both("np.diff(a, 2)", a=floats((9,)))
    both("np.cumprod(a)", a=ints((9,)))
    case(in_rhai("a.mean([0, 1])", {"a": (f := floats((2, 3, 4)))}), f.mean((0, 1)))
    case(in_rhai("a.sum([0, 2])", {"a": f}), f.sum((0, 2)))
    for name in ["sum", "mean", "std"]:
        both(f"np.{name}(a)", a=floats((1000,)) + 1e6, tolerance=1e-6)


def indexing():
    a, m, t = floats((9,)), floats((5, 6)), floats((3, 4, 5))
    for start in [None, 0, 2, -3, 20, -20]:
        for stop in [None, 0, 5, -1, 20, -20]:
            for step in [None, 1, 2, -1, -3]:
                bounds = ["()" if x is None else str(x) for x in (start, stop, step)]
                case(in_rhai(f"a.slice({', '.join(bounds)})", {"a": a}), a[start:stop:step])
    for i in range(-5, 5):
        case(in_rhai(f"m[{i}]", {"m": m}), m[i])
        case(in_rhai(f"m.nd([(), {i}])", {"m": m}), m[:, i])
        case(in_rhai(f"m[{i}][-1]", {"m": m}), m[i][-1])
    case(in_rhai("m[m > 0.5]", {"m": m}), m[m > 0.5])
    case(in_rhai("m[m.nd([(), 0]) > 0]", {"m": m}), m[m[:, 0] > 0])
    case(in_rhai("m.nd([m.nd([(), 0]) > 0, 2])", {"m": m}), m[m[:, 0] > 0, 2])
    case(in_rhai("m.nd([(), [1, (), 2]])", {"m": m}), m[:, 1::2])
    case(in_rhai("m.nd([[(), (), -1], [4, 1, -1]])", {"m": m}), m[::-1, 4:1:-1])
    case(in_rhai("m.nd([(), np.newaxis]).shape", {"m": m}), m[:, None].shape)
    case(in_rhai("m[[4, 0, -1]]", {"m": m}), m[[4, 0, -1]])
    case(in_rhai("m.nd([np.array([0, 4]), np.array([1, 5])])", {"m": m}), m[[0, 4], [1, 5]])
    case(in_rhai("t.nd([(), np.array([0, 3])])", {"t": t}), t[:, [0, 3]])
    case(in_rhai("t.nd([np.array([0, 2]), (), np.array([1, 4])])", {"t": t}), t[[0, 2], :, [1, 4]])
    case(in_rhai("t.nd([0, (), np.array([1, 4])])", {"t": t}), t[0, :, [1, 4]])
    case(in_rhai("t.nd([(), 0, np.array([1, 4])])", {"t": t}), t[:, 0, [1, 4]])
    case(in_rhai("t[1][2][3]", {"t": t}), t[1, 2, 3])
    b = m.copy()
    b[b < 0] = 0
    b[1] = 7
    b[:, 2] = np.arange(5)
    b[[0, 3]] = [[1], [2]]
    case(in_rhai("m[m < 0] = 0; m[1] = 7; m.nd_set([(), 2], np.arange(5)); m[[0, 3]] = [[1], [2]]; m", {"m": m}), b)
    for expression in ["m.T", "m.flatten()", "np.transpose(t, [2, 0, 1])", "np.concatenate([m, m], axis=1)", "np.stack([m, m * 2], axis=2)",
                       "np.vstack([m, m])", "np.hstack([m, m])", "np.column_stack([m.T[0], m])", "np.roll(m, 2, axis=1)", "np.roll(m, -3)",
                       "np.repeat(m, 2, axis=0)", "np.tile(m, [2, 1])", "np.diag(m)", "np.eye(3, 4, 1)", "np.outer(m[0], m[1])"]:
        if "np.diag" in expression:
            both(expression, m=m[:, :5])
        else:
            both(expression, **{name: value for name, value in {"m": m, "t": t}.items() if name in expression.replace("np.t", "")})
    case("np.meshgrid([1, 2, 3], [4, 5])", np.meshgrid([1, 2, 3], [4, 5]))
    for args in [(5,), (2, 9), (2, 9, 3), (0, 1, 0.1), (5, 1, -1), (0, 1, 0.3)]:
        case(f"np.arange({', '.join(map(str, args))})", np.arange(*args))
    for args in [(0, 1, 7), (3, -3, 4), (1, 1, 1)]:
        case(f"np.linspace({', '.join(map(str, args))})", np.linspace(*args))


def ordering():
    for n in [1, 5, 40]:
        a = ints((n,))
        both("np.unique(a)", a=a)
        case(in_rhai("np.unique(a, #{return_index: true, return_inverse: true, return_counts: true})", {"a": a}),
             np.unique(a, return_index=True, return_inverse=True, return_counts=True))
        case(in_rhai("np.argsort(a)", {"a": a}), np.argsort(a, kind="stable"))
        both("np.bincount(np.abs(a))", a=a)
        both("np.histogram(a, bins=5)", a=floats((n,)))
        both("np.histogram(a, bins=4, range=[-2, 3])", a=floats((n,)))
        both("np.searchsorted(a, b)", a=np.sort(a), b=ints((6,)))
        both("np.digitize(a, b)", a=floats((n,)), b=np.array([-1.0, 0.0, 2.0]))
        both("np.isin(a, b)", a=a, b=ints((3,)))
        both("np.count_nonzero(a)", a=a)
        both("np.flatnonzero(a)", a=a)
        both("np.argwhere(a > 0)", a=floats((3, n)))
    case(in_rhai("np.sort(a)", {"a": np.array([2.0, np.nan, 1.0])}), [1.0, 2.0, np.nan])
    case(in_rhai("np.unique(a, #{axis: 0})", {"a": (rows := rng.integers(0, 2, (9, 2)))}), np.unique(rows, axis=0))
    case(in_rhai("np.histogram(a, b)", {"a": floats((30,)) * 0 + 1.5, "b": np.array([0.0, 1.0, 1.5])}), np.histogram(np.full(30, 1.5), [0, 1, 1.5]))


def linear():
    for shapes in [((3,), (3,)), ((2, 3), (3,)), ((3,), (3, 4)), ((5, 3), (3, 4)), ((70, 30), (30, 50)), ((2, 3, 4), (4, 5)), ((2, 3, 4), (2, 4, 2))]:
        both("np.matmul(a, b)", a=floats(shapes[0]), b=floats(shapes[1]))
    both("np.dot(a, b)", a=floats((4, 3)), b=floats((3,)))
    for shapes in [((3,), (3,)), ((5, 3), (3,)), ((5, 3), (5, 3)), ((3,), (2, 3))]:
        both("np.cross(a, b)", a=floats(shapes[0]), b=floats(shapes[1]))
    for shape in [(3,), (4, 3)]:
        both("np.linalg.norm(a)", a=floats(shape))
    for order in ["1", "2", "3", "np.inf", "-np.inf", "0"]:
        both(f"np.linalg.norm(a, {order})", a=floats((7,)))
        both(f"np.linalg.norm(a, {order}, axis=1)", a=floats((7, 3)))
    both("np.linalg.norm(a, axis=0)", a=floats((7, 3)))
    for n in [1, 2, 3, 6, 12]:
        a = floats((n, n)) + 4 * np.eye(n)
        both("np.linalg.det(a)", tolerance=1e-8 * max(1.0, abs(np.linalg.det(a))), a=a)
        both("np.linalg.inv(a)", a=a)
        both("np.linalg.solve(a, b)", a=a, b=floats((n,)))
        both("np.linalg.solve(a, b)", a=a, b=floats((n, 2)))
        symmetric = a + a.T
        values, vectors = np.linalg.eigh(symmetric)
        lets = in_rhai("let e = np.linalg.eigh(a); ", {"a": symmetric})
        case(lets + "e[0]", values)
        case(lets + "np.abs(e[1])", np.abs(vectors), 1e-6)
        case(lets + "np.matmul(e[1] * e[0], e[1].T) - a", np.zeros((n, n)))
    for shape in [(4, 3), (3, 5), (300, 3), (1, 4)]:
        a = floats(shape)
        s = np.linalg.svd(a, compute_uv=False)
        lets = in_rhai("let d = np.linalg.svd(a); ", {"a": a}) + "let n = d[1].len(); "
        case(lets + "d[1]", s)
        case(lets + "np.matmul(d[0] * d[1], d[2].slice(0, n)) - a", np.zeros(shape))
        case(lets + "np.matmul(d[2], d[2].T)", np.eye(shape[1]))
        both("np.linalg.pinv(a)", a=a)
        both("np.linalg.matrix_rank(a)", a=a)
        b = floats((shape[0],))
        x, residuals, rank, _ = np.linalg.lstsq(a, b, rcond=None)
        lets = in_rhai("let f = np.linalg.lstsq(a, b); ", {"a": a, "b": b})
        case(lets + "f[0]", x)
        case(lets + "f[1]", residuals)
        case(lets + "f[2]", rank)
    flat = np.column_stack([floats((200, 2)), np.zeros(200)])
    case(in_rhai("np.linalg.matrix_rank(a)", {"a": flat}), 2)
    case(in_rhai("let d = np.linalg.svd(a); np.abs(d[2][2])", {"a": flat}), [0, 0, 1])
    points = floats((50, 3)) * [3, 1, 0.2]
    values = np.linalg.eigvalsh(np.cov(points.T))[::-1]
    case(in_rhai("pca(a).explained_variance", {"a": points}), values)
    case(in_rhai("pca(a).mean", {"a": points}), points.mean(0))


def spatial():
    for width in [1, 2, 3, 5]:
        a, b = floats((9, width)), floats((6, width))
        for metric in ["euclidean", "sqeuclidean", "cityblock", "chebyshev", "cosine"]:
            case(in_rhai(f'cdist(a, b, "{metric}")', {"a": a, "b": b}), cdist(a, b, metric))
        both("pdist(a)", a=a)
        case(in_rhai("squareform(pdist(a))", {"a": a}), squareform(pdist(a)))
    for width in [1, 2, 3, 6]:
        a, b = floats((200, width)), floats((20, width))
        tree = KDTree(a)
        lets = in_rhai("let t = KDTree(a); ", {"a": a, "b": b})
        case(lets + "t.query(b)", tree.query(b))
        case(lets + "t.query(b, 4)", tree.query(b, 4))
        case(lets + "t.query(b[0], 3)", tree.query(b[0], 3))
        case(lets + "t.query(b, #{k: 3, distance_upper_bound: 1.0})", tree.query(b, 3, distance_upper_bound=1.0))
        case(lets + "t.query_radius(b[1], 2.5)", sorted(tree.query_ball_point(b[1], 2.5)))
    for points in [floats((40, 2)), floats((60, 3)), rng.integers(0, 3, (60, 3)), np.array(np.meshgrid([0, 1, 2], [0, 1], [0, 3])).T.reshape(-1, 3)]:
        hull = ConvexHull(points)
        lets = in_rhai("let h = convex_hull(a); ", {"a": points})
        case(lets + "[h.volume, h.area]", [hull.volume, hull.area])
        if points.dtype.kind == "f":
            case(lets + "np.sort(h.vertices)", np.sort(hull.vertices))


np.seterr(all="ignore")
warnings.simplefilter("ignore")
for part in (elementwise, reductions, indexing, ordering, linear, spatial):
    part()
sys.stdout.flush()
