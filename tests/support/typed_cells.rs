//! Cells made at random in which most things have a type that fits, so that they run far: what is wrong with them is seldom their first line.

#![allow(dead_code, missing_docs, reason = "each including test uses a part")]

/// Picks a number below `n`.
pub type Below<'a> = &'a mut dyn FnMut(usize) -> usize;

fn one_of(below: Below<'_>, items: &[&str]) -> String {
    items[below(items.len())].to_owned()
}

/// Replaces «N», «B», «L», «T», «A», «O» and «P» by what has that type.
fn filled(below: Below<'_>, depth: usize, templates: &[&str]) -> String {
    let template = one_of(below, templates);
    let mut out = String::new();
    let mut rest = template.as_str();
    while let Some(at) = rest.find('\u{ab}') {
        let (before, after) = rest.split_at(at);
        let mut chars = after.chars();
        let kind = chars.nth(1).unwrap_or('N');
        chars.next();
        out.push_str(before);
        out.push_str(&typed(below, depth.saturating_sub(1), kind));
        rest = chars.as_str();
    }
    out.push_str(rest);
    out
}

/// An expression of a number, truth value, list of numbers, text, array, object or Points.
fn typed(below: Below<'_>, depth: usize, kind: char) -> String {
    let leaf = depth == 0 || below(4) == 0;
    match (kind, leaf) {
        ('B', true) => one_of(below, &["True", "False", "true", "x > 1"]),
        ('B', false) => filled(
            below,
            depth,
            &[
                "«N» < «N»",
                "«N» == «N»",
                "«B» and «B»",
                "not («B»)",
                "«N» in «L»",
                "any([«B», «B»])",
                "«T» != «T»",
                "«N» < «N» < «N»",
                "«O».visible",
            ],
        ),
        ('L', true) => one_of(below, &["l", "[1, 2, 3]", "[0.5, -2.0]", "list(range(4))"]),
        ('L', false) => filled(
            below,
            depth,
            &[
                "«L» + «L»",
                "sorted(«L»)",
                "[q + «N» for q in «L»]",
                "[q for q in «L» if q > «N»]",
                "«L»[1:]",
                "«L»[::-1]",
                "list(reversed(«L»))",
                "«A».tolist()",
                "[«N», «N», «N»]",
                "[max(p) for p in zip(«L», «L»)]",
                "list(map(lambda q: q * 2, «L»))",
                "«L» * 3",
                "[i * q for i, q in enumerate(«L»)]",
                "sorted(«L», key=lambda q: -q)",
                "list(«O».center)",
            ],
        ),
        ('T', true) => one_of(below, &["s", "'ab'", "\"c d\"", "Metadata.question", "mug.label"]),
        ('T', false) => filled(
            below,
            depth,
            &[
                "f'{«N»:.2f}'",
                "«T» + «T»",
                "«T».upper()",
                "«T».replace('a', «T»)",
                "', '.join([«T», «T»])",
                "str(«N»)",
                "«T» * 3",
                "«T»[0:2]",
                "«T».strip()",
                "' '.join(«T».split())",
                "'{} {}'.format(«N», «T»)",
                "«T» if «B» else «T»",
                "str(«L»)",
                "repr(«A»)",
                "«T».zfill(9)",
            ],
        ),
        ('A', true) => one_of(below, &["a", "np.array([1.0, 2.0, 3.0])", "np.zeros(3)", "np.arange(4)", "np.eye(3)"]),
        ('A', false) => filled(
            below,
            depth,
            &[
                "«A» + «A»",
                "«A» * «N»",
                "np.array(«L»)",
                "np.sort(«A»)",
                "«A»[«A» > «N»]",
                "np.where(«A» > «N», «A», 0.0)",
                "np.cumsum(«A»)",
                "np.linspace(0, «N», 7)",
                "«P».arr",
                "«P».arr[:, 2]",
                "np.concatenate([«A», «A»])",
                "«A».reshape(-1)",
                "np.abs(«A»)",
                "«A» ** 2",
                "np.clip(«A», -1, «N»)",
                "np.percentile(«A», [10, 50, 90])",
                "np.unique(«A»)",
                "«P».arr.mean(axis=0)",
                "np.cross([1, 0, 0], «P».arr[0])",
                "np.linalg.norm(«P».arr - «O».center, axis=1)",
                "np.KDTree(«P»).query(«P».arr[:5])[0]",
                "np.stack([«A», «A»])",
                "np.diff(«A»)",
            ],
        ),
        ('O', _) => {
            one_of(below, &["mug", "objs[0]", "objs[-1]", "tools.Scene.find('bowl')", "tools.Scene.find('mug')"])
        }
        ('P', true) => one_of(below, &["mug.points", "objs[0].points"]),
        ('P', false) => filled(below, depth, &["«O».points", "«P»[«P».arr[:, 2] > «N»]", "«P»[:50]"]),
        (_, true) => one_of(below, &["x", "y", "k", "0", "1", "-2", "0.5", "1e9", "7"]),
        _ => filled(
            below,
            depth,
            &[
                "(«N» + «N»)",
                "(«N» - «N»)",
                "«N» * «N»",
                "«N» / 2",
                "«N» // 3",
                "«N» % 5",
                "«N» ** 2",
                "abs(«N»)",
                "min(«N», «N»)",
                "max(«L»)",
                "len(«L»)",
                "len(«T»)",
                "sum(«L»)",
                "«A».mean()",
                "«A».sum()",
                "np.sqrt(abs(«N»))",
                "float(«N»)",
                "round(«N», 2)",
                "int(«N»)",
                "«O».center[0]",
                "tools.Geometry.height(«O»).value",
                "(«N» if «B» else «N»)",
                "«A».size",
                "math.atan2(«N», «N»)",
                "«L»[0]",
                "«L»[-1]",
                "np.median(«A»)",
                "np.argmax(«A»)",
                "«A».std()",
                "d.get('a', «N»)",
                "np.linalg.norm(«O».center)",
                "tools.Geometry.surface_distance(mug, objs[0]).value",
                "(lambda q: q + «N»)(«N»)",
                "«O».sigma",
                "tools.Geometry.oriented_box(«O»).size[0]",
                "tools.Time.now()",
            ],
        ),
    }
}

fn statement(below: Below<'_>, indent: usize, out: &mut String) {
    let blank = " ".repeat(indent);
    let line = filled(
        below,
        3,
        &[
            "x = «N»",
            "y = «N»",
            "k = int(«N»)",
            "l = «L»",
            "s = «T»",
            "a = «A»",
            "x += «N»",
            "l.append(«N»)",
            "l.extend(«L»)",
            "d['a'] = «N»",
            "d[«T»] = «L»",
            "print(«N», «T»)",
            "print(f'{«N»:.3f} {«T»}')",
            "show(InputImages[0], label=«T»)",
            "x, y = «N», «N»",
            "l.sort()",
            "l[0] = «N»",
            "a[0] = «N»",
            "a[a > «N»] = 0",
            "m = a > «N»",
            "assert «B», «T»",
            "print(«A»)",
            "if «B»:",
            "for q in «L»:",
            "for i in range(4):",
            "for q in «A»:",
            "while k < 3:",
            "def half(q, r=2):",
            "try:",
            "with_noise = Quantity(«N», 0.1, 'm')",
            "objs = [o for o in objs if o.height > 0]",
        ],
    );
    out.push_str(&format!("{blank}{line}\n"));
    if !line.ends_with(':') {
        return;
    }
    if line.starts_with("while") {
        out.push_str(&format!("{blank}    k += 1\n"));
    }
    if line.starts_with("def") {
        out.push_str(&format!("{blank}    return q / r\n{blank}y = half({})\n", typed(below, 2, 'N')));
        return;
    }
    match indent < 12 {
        true => (0..=below(2)).for_each(|_| statement(below, indent + 4, out)),
        false => out.push_str(&format!("{blank}    pass\n")),
    }
    if line == "try:" {
        out.push_str(&format!("{blank}except Exception as e:\n{blank}    print(e)\n"));
    }
}

/// One cell of one to six statements.
pub fn cell(below: Below<'_>) -> String {
    let mut out = String::new();
    for _ in 0..=below(6) {
        statement(below, 0, &mut out);
    }
    out
}
