//! Cells as a Python-trained model writes them, in one kernel: what they give, or the words that put them right. What Python gives
//! was taken from Python 3.11 where it is not plain arithmetic.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test ends at the first surprise")]

use crate::support::table_world;

use spatialclaw::kernel::{Cell, CellStatus};
use table_world::*;

/// Runs each cell in a fresh kernel.
fn check_prints(cells: &[(&str, &str)]) {
    let wrong: Vec<String> = cells
        .iter()
        .filter_map(|(source, expected)| {
            let report = Bench::new().run(source);
            let is_right = report.status == CellStatus::Completed && report.stdout.trim_end() == *expected;
            (!is_right)
                .then(|| format!("{source}\nwanted {expected:?}, found {:?}, {:?}", report.stdout, report.status))
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

fn check_failures(cells: &[(&str, &str)]) {
    let mut wrong = Vec::new();
    for (source, expected) in cells {
        let mut bench = Bench::new();
        let report = bench.run(source);
        let message = match &report.status {
            CellStatus::Rejected(errors) => errors[0].message.clone(),
            CellStatus::Failed(error) => error.message.clone(),
            other => format!("{other:?}"),
        };
        if !message.contains(expected) {
            wrong.push(format!("{source}\nwanted {expected:?}, found {message:?}"));
        }
        assert_eq!(bench.run("1 + 1").value.as_deref(), Some("int 2"));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[test]
fn the_seven_silent_traps_are_cured_or_refused() {
    check_prints(&[
        ("print(1 / 2, 7 / 2)", "0.5 3.5"),
        ("print(1 << 4, -8 >> 1, 1 >> 100)", "16 -4 0"),
        ("x = 7\nx /= 2\nprint(x)", "3.5"),
        ("l = [7]\nl[0] /= 2\nprint(l)", "[3.5]"),
        ("print(1 < 2 < 3, 3 > 2 > 2, 1 == 1 == 1)", "true false true"),
        ("print(-7 % 3, 7 % -3, -7.5 % 2)", "2 -2 0.5"),
        ("a = [1]\nb = a.copy()\nb.append(2)\nprint(a, b)", "[1] [1, 2]"),
        ("a = [1]\nb = a[:]\nb.append(2)\nprint(a, b)", "[1] [1, 2]"),
        ("d = {'a': [1]}\ne = d\ne['b'] = 2\nprint(d)", "{\"a\": [1], \"b\": 2}"),
        ("n = 3\nm = n\nm += 1\nprint(n, m)", "3 4"),
        ("def f(x):\n    x += 1\n    return x\nprint(f(1))", "2"),
        ("for o in [{'n': 1}]:\n    o['m'] = 2\n    print(o)", "{\"n\": 1, \"m\": 2}"),
        ("def f(x):\n    x + 1\nprint(f(1), None, f'{f(1)} {None}', `${()}`)\nprint(None)", "() () () () ()\n()"),
        ("i = 9\nfor i in range(3):\n    pass\nprint(i)", "2"),
        ("print(-2 ** 2, 2 ** -1, 2 ** 3 ** 2)", "-4 0.5 512"),
        ("print(not 1 == 2, not 1 > 2 and True)", "true true"),
        ("s = 'a-b'\nt = s.replace('-', '+')\nprint(s, t)", "a-b a+b"),
        ("l = [[1, 2]]\nl.append([3])\nprint(l)", "[[1, 2], [3]]"),
        ("print(round(0.5), round(1.5), round(2.675, 2))", "0 2 2.67"),
    ]);
    check_failures(&[
        ("total = 9\nn = total // 2", "the line would be: n = int_div(total, 2)"),
        ("n = len([1, 2]) // 2 + 1", "the line would be: n = int_div(len([1, 2]), 2) + 1"),
        ("n = 7\nn //= 2", "int_div"),
        ("a = [1]\nb = a\nb.append(2)", "write `b = a.copy()` to change only `b`"),
        ("a = [1]\nb = a\na.append(2)\nprint(b)", "`b` is a copy of `a`"),
        ("g = [[1], [2]]\nr = g[0]\nr.append(3)", "write `r = g[0].copy()`"),
        ("for r in [[1], [2]]:\n    r.append(3)", "`r` is a copy of an item of `[[1], [2]]`"),
        ("def f(l):\n    l.append(1)\nx = [0]\nf(x)", "`l` is a copy of what `f` is called with"),
        ("d = {'a': 1}\nd['b']", "the dict has no key \"b\"; it has \"a\""),
        ("let m = #{a: 1}; m[\"b\"]", "the map has no key `b`"),
        ("const L = [1]; L.push(2);", "`L` is a constant"),
        ("1 < 2 & 3 < 4", "put each comparison in brackets; the line would be: (1 < 2) & (3 < 4)"),
        ("l = [3, 1]\nl.remove(1)", "could mean the place 1 or the value 1"),
        ("for (a, b) in [[1, 2]] { print(a, b); }", "`for a, b in list` to take them apart"),
        ("[].pop()", "nothing to pop"),
        ("1.0 / 0", "has no value"),
        ("1 << 64", "has no value"),
        ("1 << -1", "has no value"),
        ("'x'.ljust(1000000000)", "a width of 1000000000 is too large"),
    ]);
}

#[test]
fn a_copy_made_in_an_earlier_cell_is_not_changed_unseen() {
    let mut bench = Bench::new();
    bench.prints("a = [1, 2]\nb = a\nn = 1\nm = n");
    assert!(bench.fails("b.append(3)").contains("`b` is a copy of `a`"));
    bench.prints("m += 1\nb = a.copy()");
    assert_eq!(bench.prints("b.append(3)\nprint(a, b, m)"), "[1, 2] [1, 2, 3] 2\n");
}

#[test]
fn statements_of_python_work() {
    check_prints(&[
        ("x = 3\nif x > 2:\n    y = 'big'\nelif x > 1:\n    y = 'mid'\nelse:\n    y = 'small'\nprint(y)", "big"),
        ("n = 0\nwhile n < 3:\n    n += 1\n    if n == 2: continue\nprint(n)", "3"),
        ("for i, (a, b) in enumerate([(1, 2), (3, 4)]):\n    print(i, a + b)", "0 3\n1 7"),
        ("try:\n    raise ValueError('bad')\nexcept ValueError as e:\n    print('caught', e)", "caught bad"),
        ("try:\n    x = [1][5]\nexcept:\n    x = None\nprint(x is None)", "true"),
        ("def surface(w, h=2):\n    return w * h\nprint(surface(3), surface(3, 4), surface(h=5, w=1))", "6 12 5"),
        ("k = 10\ndef add(x):\n    y = x + k\n    return y\nprint(add(1))", "11"),
        ("def fact(n):\n    if n <= 1:\n        return 1\n    return n * fact(n - 1)\nprint(fact(5))", "120"),
        ("a, b = 1, 2\na, b = b, a\nprint(a, b)", "2 1"),
        ("(x, y), z = [1, 2], 3\nprint(x, y, z)", "1 2 3"),
        ("a = b = 4\nprint(a, b)", "4 4"),
        ("f = lambda a, b: a * b\nprint(f(3, 4))", "12"),
        ("fs = [lambda v: v + 1]\nprint(fs[0](3))", "4"),
        ("x: int = 5\nprint(x)", "5"),
        ("d = {'a': 1, 'b': 2}\ndel d['a']\nprint(d)", "{\"b\": 2}"),
        ("l = [1, 2, 3]\ndel l[0]\nprint(l)", "[2, 3]"),
        ("assert 1 + 1 == 2, 'odd'\nprint('even')", "even"),
        ("import math\nfrom math import sqrt, pi\nprint(sqrt(16), round(pi, 3))", "4.0 3.142"),
        ("import numpy as np\nprint(np.mean([1, 2, 3]))", "2.0"),
        ("x = (1 +\n     2)\ny = [\n  1,\n  2,\n]\nprint(x, y)", "3 [1, 2]"),
        ("x = 1 + \\\n    2\nprint(x)", "3"),
        ("print('a'); print('b')", "a\nb"),
        ("if True: print('one line')", "one line"),
        ("def outer(x):\n    def inner(y):\n        return y * 2\n    return inner(x) + 1\nprint(outer(3))", "7"),
        ("total = 0\nfor r in [[1, 2], [3]]:\n    for v in r:\n        total += v\nprint(total)", "6"),
    ]);
}

#[test]
fn names_and_indexes_that_rhai_does_not_have_work() {
    check_prints(&[
        ("for _ in range(2):\n    print('a')", "a\na"),
        ("a, _ = 1, 2\nprint(a, [v for _, v in [(1, 2)]])", "1 [2]"),
        ("(best, d), (_, e) = [(1, 2), (3, 4)]\nprint(best, d, e)", "1 2 4"),
        ("end = 3\nthen = end + 1\nprint(then, dict(end=1), sum([1, 2]))", "4 {\"end\": 1} 3"),
        ("let end = 3; let new = end + 1; print(new);", "4"),
        ("def gap(begin, end=5):\n    return end - begin\nprint(gap(1), gap(1, 9))", "4 8"),
        ("print('a', end='!')", "a!"),
        ("l = [1, 2, 3, 4]\nprint(l[0..2], l[2..], l[1..=2])", "[1, 2] [3, 4] [2, 3]"),
        ("g = np.arange(6).reshape(2, 3)\nprint(g[:, [0, 2]].shape, g[[0, 1], 1].tolist())", "[2, 2] [1, 4]"),
        ("b = -np.inf\nprint(1.0 > b, 0.5 < np.inf)", "true true"),
        ("n = 3\nprint(f\"{'#' * int(40 * 0.3 / n)}|\")", "####|"),
        ("print(len(InputImages[0:1]), len(InputImages[::-1]), InputImages[-1:][0].index)", "1 1 0"),
    ]);
}

#[test]
fn expressions_of_python_work() {
    check_prints(&[
        ("print([x * 2 for x in range(4) if x % 2 == 1])", "[2, 6]"),
        ("print([a + b for a in [1, 2] for b in [10, 20]])", "[11, 21, 12, 22]"),
        ("print({k: v for k, v in [('a', 1)]})", "{\"a\": 1}"),
        ("print(sum(x for x in [1, 2]), any(x > 1 for x in [1, 2]), all(x > 1 for x in [1, 2]))", "3 true false"),
        ("print('yes' if 1 > 2 else 'no')", "no"),
        ("print(3 in [1, 3], 4 not in [1, 3], 'a' in 'abc', 'k' in {'k': 1})", "true true true true"),
        ("l = [1, 2, 3, 4]\nprint(l[1:3], l[::-1], l[-2:], l[:-1], l[-1])", "[2, 3] [4, 3, 2, 1] [3, 4] [1, 2, 3] 4"),
        ("l = [1, 2, 3, 4]\nl[1:3] = [9]\nprint(l)", "[1, 9, 4]"),
        ("print('hello'[1:3], 'hello'[::-1])", "el olleh"),
        ("g = [[1, 2], [3, 4]]\nprint(g[1, 0], g[:, 1])", "3 [2, 4]"),
        ("print(max([3, 1], key=lambda v: -v), min([], default=7), sorted([3, 1], reverse=True))", "1 7 [3, 1]"),
        ("print(f'{3.14159:.2f}|{5:>4}|{\"a\":<3}|{1234567:,}|{0.5:.0%}|{7:03d}')", "3.14|   5|a  |1,234,567|50%|007"),
        ("x = 2\nprint(f'{x=} {x!r} {{}} {x + 1}')", "x=2 2 {} 3"),
        ("print('{} {:.1f} {name}'.format(1, 2.25, name='z'))", "1 2.2 z"),
        ("print('%d %s %.2f %%' % (3, 'a', 1.5))", "3 a 1.50 %"),
        ("print('a' 'b', 'ab' * 2, [0] * 3)", "ab abab [0, 0, 0]"),
        ("print(1, 2, sep='-', end='!')", "1-2!"),
        ("print(isinstance(3, int), isinstance([1], (list, tuple)), type(2.5) == float)", "true true true"),
        ("print(type('a').__name__, str(3) + '!', int('4') + float('0.5'))", "str 3! 4.5"),
        ("print(list(map(str, [1, 2])), list(filter(lambda v: v > 1, [1, 2])))", "[\"1\", \"2\"] [2]"),
        (
            "print(list(zip([1, 2], 'ab')), list(range(6, 0, -2)), list(reversed([1, 2])))",
            "[[1, \"a\"], [2, \"b\"]] [6, 4, 2] [2, 1]",
        ),
        ("print(list(enumerate(['a'], start=1)), dict(a=1), set([1, 1, 2]))", "[[1, \"a\"]] {\"a\": 1} [1, 2]"),
        ("print(divmod(7, 2), pow(2, 3), abs(-3), 7 ^ 2)", "[3, 1] 8 3 5"),
        ("print(None is None, 1 is not None, True and not False)", "true true true"),
        (
            "print(' a '.strip(), 'A'.lower(), 'a,b'.split(','), '-'.join(['x', 'y']), 'abc'.find('c'))",
            "a a [\"a\", \"b\"] x-y 2",
        ),
        (
            "print('x1'.isdigit(), '12'.isdigit(), 'ab'.startswith('a'), 'ab'.upper(), 'a b'.title())",
            "false true true AB A B",
        ),
    ]);
}

#[test]
fn dicts_are_those_of_python() {
    check_prints(&[
        (
            "d = {}\nd[15] = 'x'\nd['a'] = 1\nd[1.5] = 2\nprint(d, 15 in d, len(d))",
            "{15: \"x\", \"a\": 1, 1.5: 2} true 3",
        ),
        ("d = {'b': 1, 'a': 2}\nfor k in d:\n    print(k)\nprint(list(d.values()))", "b\na\n[1, 2]"),
        ("d = {(1, 2): 'p'}\nprint(d[(1, 2)], d.get('q'), d.get('q', 0))", "p () 0"),
        ("d = {}\nd.setdefault('l', [])\nd['l'].append(3)\nprint(d, d.pop('l'), d)", "{} [3] {}"),
        ("d = {'a': 1}\nd.update({'b': 2})\nprint(d.items(), d == {'b': 2, 'a': 1})", "[[\"a\", 1], [\"b\", 2]] true"),
        ("d = {1: 'a'}\nprint(d[1.0], d[True])", "a a"),
        (
            "c = {}\nfor w in ['x', 'y', 'x']:\n    c[w] = c.get(w, 0) + 1\nprint(sorted(c), max(c, key=lambda k: c[k]))",
            "[\"x\", \"y\"] x",
        ),
    ]);
}

#[test]
fn mistakes_say_the_line_that_works() {
    check_failures(&[
        ("xs = [1]\nif xs:\n    print(1)", "write `len(xs) > 0`"),
        ("n = 2\nwhile n:\n    n -= 1", "write `n != 0`"),
        ("xs = []\nif not xs:\n    print(1)", "write `len(xs) == 0`"),
        ("x = None\nif x: print(1)", "write `x != None`"),
        ("d = tools.Geometry.height(tools.Scene.find('mug'))\nif d: print(1)", "write `d.value > 0`"),
        ("if False:\n    q = 1\nprint(q + 1)", "it is set only in a branch that did not run, so set it before"),
        ("class A:\n    pass", "there are no classes"),
        ("def area(w, h=2):\n    return w * h\nprint(area(3))", "`area` is built in and cannot be defined again"),
        ("x = __unset()", "which the kernel keeps for itself"),
        ("fn __own(a, b, c, d) { a }", "which the kernel keeps for itself"),
        ("with open('x') as f:\n    pass", "`with` is not available"),
        ("import os", "there is no module os"),
        ("from scipy.spatial import cKDTree", "there is no module scipy.spatial; np has"),
        ("print(*[1, 2])", "cannot be spread"),
        ("try:\n    pass\nfinally:\n    pass", "`finally` is not available"),
        ("x = 3\nx.foo()", "no value has a method `foo`"),
        ("x = [1, 2\nprint(x)", "`[` is never closed"),
        ("a = [1, 2]\na.append(1, 2)", "`append` does not take (list, int, int)"),
        ("a, b = [1, 2, 3]", "a list of 3 has 3 items, wanted 2 for a, b"),
        ("s = 'a'\ns.replace('a', 'b')\nprint(s)", "write `s = s.replace(\"a\", \"b\")`"),
    ]);
}

#[test]
fn what_the_prompt_says_of_the_language_holds() {
    let cell = "\
# comment
let r = 1; x = 1
def f(x, k=2):
    return x + k
def g(y):
    return y + x
h = lambda v: v + 1
i = |v| v + 1
pairs = [(1, 2), (3, 4)]
for a, b in pairs:
    if a > 1 and not b == 0:
        print(f\"{a / b:.2f} m\", a if b > 3 else b)
    elif a is None: print(False)
    else { print(f(a), f(a, k=3), g(1), h(1), i(1)) }
try:
    [][3]
except Exception as e:
    print('none')
l = [1, 2, 3]
print(l[1:3], 5 not in l, 0 < x < 3, (1, 2), set([1, 1]), [q * 2 for q in l if q > 1])
print(np.array([[1, 2], [3, 4]]).sum(), np.sum([[1, 2], [3, 4]]), sum(np.array([[1, 2], [3, 4]])), math.pi > 3)
print(int(2.7), int(-2.7), float(2), str(3), isinstance(3, int), int_div(7, 2), None)
n = 0
while n < 2:
    n += 1
d = {'n': n}
e = d
e['n'] = 5
print(d, Geometry.bearing(tools.Scene.find('mug'), frame='map').unit)
";
    check_prints(&[(
        cell,
        "3 4 2 2 2\n0.75 m 3\nnone\n[2, 3] true true [1, 2] [1] [4, 6]\n10 10 [4, 6] true\n2 -2 2.0 3 true 3 ()\n{\"n\": 5} rad",
    )]);
    check_failures(&[
        ("def find(x):\n    return x", "cannot be defined again"),
        ("def f(*a):\n    pass", "takes a fixed number of parameters"),
        ("def f():\n    yield 1", "`yield`"),
        ("async def f():\n    pass", "`async`"),
        ("@cache\ndef f():\n    pass", "no decorators"),
        ("eval('1')", "`eval` is not available"),
    ]);
}

#[test]
fn a_program_that_runs_once_must_be_able_to_submit() {
    let once = |source: &str| {
        Bench::new().kernel.run_program(&Cell { id: 1, purpose: String::new(), source: source.to_owned() })
    };
    for source in [
        "ReturnAnswer(\"a\")",
        "if 1 > 2:\n    ReturnAnswer('a')\nelse:\n    Refuse('NO_ANSWER', 'none')",
        "def done(x):\n    ReturnAnswer(x)\ndone('a')",
        "f = lambda x: ReturnAnswer(x)\nf('a')",
        "while True:\n    ReturnAnswer('a')",
        "try:\n    throw 1;\nexcept:\n    ReturnAnswer('a')",
    ] {
        assert!(!matches!(once(source).status, CellStatus::Rejected(_)), "{source}: {:?}", once(source).status);
    }
    for (source, line, words) in [
        ("x = 1\nprint(x)", 2, "never submits"),
        ("return 1;\nReturnAnswer('a')", 2, "never reached"),
        ("x = 1\nwhile True:\n    x += 1\nReturnAnswer('a')", 4, "never reached"),
        ("throw 'x';\nReturnAnswer('a')", 2, "never reached"),
        ("if 1 > 0 {\n  return 1;\n} else {\n  throw 2;\n}\nReturnAnswer('a')", 6, "never reached"),
        ("fn done(x) { ReturnAnswer(x) }\n1", 1, "never reached"),
    ] {
        let CellStatus::Rejected(errors) = once(source).status else { panic!("{source}: {:?}", once(source).status) };
        assert_eq!(errors[0].line, Some(line), "{source}");
        assert!(errors[0].message.contains(words), "{source}: {}", errors[0].message);
    }
}

#[test]
fn errors_stand_at_the_models_own_place() {
    let mut bench = Bench::new();
    assert_eq!(bench.fails("x = 1\ny = [1 / (i - 1) for i in range(3)]"), "2:8 1 / 0 has no value");
    assert_eq!(bench.fails("x = 1 if True else 2\nz = x + [1 / 0][0]"), "2:12 1 / 0 has no value");
    assert_eq!(
        bench.refuses("x = 3 if True else oops"),
        ["1:20 variable `oops` is not defined; functions see only their parameters, tools, InputImages and Metadata"]
    );
    let place = bench.fails("for i in range(2):\n    q = f'{1 / 0}'");
    assert!(place.starts_with("2:14 "), "{place}");
}

#[test]
fn a_failed_cell_keeps_what_it_changed_in_place() {
    let mut bench = Bench::new();
    bench.prints("d = {'n': 1}\nl = [1]\na = np.array([1.0, 2.0])\nk = 1\nf = lambda: k\nuntouched = 5");
    let report = bench.run("d['n'] = 2\nl.append(2)\na[0] = 9.0\nk = 7\nfresh = 3\nthrow 'stop'\nnever = 1");
    assert!(matches!(report.status, CellStatus::Failed(_)), "{:?}", report.status);
    let mut told: Vec<(String, bool)> = report.variables.iter().map(|v| (v.name.clone(), v.is_new)).collect();
    told.sort();
    let expected = [("a", false), ("d", false), ("f", false), ("fresh", true), ("k", false), ("l", false)];
    assert_eq!(told, expected.map(|(name, is_new)| (name.to_owned(), is_new)));
    assert_eq!(bench.prints("print(d, l, a[0], k, f(), fresh, untouched)"), "{\"n\": 2} [1, 2] 9.0 7 7 3 5\n");
    bench.refuses("never");
}

#[test]
fn a_time_out_loses_nothing() {
    let mut bench = Bench::with(|context| {
        context.limits.max_cell_time = std::time::Duration::from_millis(200);
        context.limits.max_operations = u64::MAX;
    });
    bench.prints("d = {'n': 1}\nl = [1]");
    let report = bench.run("d['n'] = 2\nl.append(2)\nfresh = [3]\nwhile True:\n    pass");
    assert_eq!(report.status, CellStatus::TimedOut);
    let mut told: Vec<String> = report.variables.iter().map(|v| v.name.clone()).collect();
    told.sort();
    assert_eq!(told, ["d", "fresh", "l"]);
    assert_eq!(bench.prints("print(d, l, fresh)"), "{\"n\": 2} [1, 2] [3]\n");
}

#[test]
fn ranges_of_the_largest_numbers_are_right() {
    let mut bench = Bench::new();
    let report = bench.run("range(922337203684775807, -9223372036854775807, -9223336854775807)[-1]");
    // Python: list(range(922337203684775807, -9223372036854775807, -9223336854775807))[-1]
    assert_eq!(report.value.as_deref(), Some("int -9223333336568611893"));
    assert!(bench.fails("list(range(-9223372036854775807, 9223372036854775807))").contains("too long"));
    assert_eq!(
        bench.run("range(-9223372036854775807, 9223372036854775807).len()").value.unwrap(),
        format!("int {}", i64::MAX)
    );
}

#[test]
fn a_list_that_has_no_order_is_refused_and_stays() {
    let mut bench = Bench::new();
    bench.run("l = [i * 7 % 31 for i in range(40)]\nl[17] = 'a'\nl[30] = [1]");
    let message = bench.fails("l.sort()");
    assert!(message.contains("have no order"), "{message}");
    assert!(bench.fails("sorted(l)").contains("no order"));
    assert_eq!(bench.run("len(l)").value.as_deref(), Some("int 40"));
    let never_the_same = "rows = list(range(60))\nrows.sort(|a, b| if (a + b) % 3 == 0 { 1 } else { -1 })\nlen(rows)";
    assert_eq!(bench.run(never_the_same).value.as_deref(), Some("int 60"));
}

#[test]
fn a_fresh_kernel_is_small() {
    let mut bench = Bench::new();
    let report = bench.run("1 + 1");
    assert!(report.memory.held_bytes > 1_000, "{:?}", report.memory);
    assert!(report.memory.held_bytes < 100_000, "{:?}", report.memory);
    assert!(report.memory.peak_bytes >= report.memory.held_bytes, "{:?}", report.memory);
    let big = bench.run("big = [0] * 100000");
    let grown = big.memory.held_bytes - report.memory.held_bytes;
    assert!((1_600_000..2_000_000).contains(&grown), "{grown}");
}

#[test]
fn arrays_count_against_the_memory_of_the_goal() {
    on_kernel_thread(|| {
        let mut bench = Bench::with(|context| context.limits.max_memory_bytes = 64 << 20);
        let held = bench.run("a = np.zeros(1000000)\na.size").memory.held_bytes;
        assert!(held > 8_000_000, "{held}");
        let message = bench.hits_limit("b = np.zeros([4000, 4000])");
        assert!(message.contains("the cell needs more than 64 MiB"), "{message}");
        bench.hits_limit("l = [a]\nwhile True:\n    l.append(a + 1)");
        assert_eq!(bench.run("a.size").value.as_deref(), Some("int 1000000"));
    });
}
