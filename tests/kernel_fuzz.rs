//! Cells made at random from both languages, with types that fit and without, and from the attempts in `tests/escape/`, run one after the
//! other. Whatever they are,
//! the kernel comes back in time, within its memory, without a panic, and answers the next cell.
//!
//! `make fuzz SECONDS=3600` runs it longer; the cell at hand then stands in `target/fuzz/last_cell.txt`.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "a test ends at the first surprise")]

use crate::support::{table_world, typed_cells};

use std::{
    collections::BTreeMap,
    fs,
    path::Path,
    time::{Duration, Instant},
};

use spatialclaw::kernel::{CellReport, CellStatus};
use table_world::*;

/// Cells of the short run.
const N_SHORT: usize = 250;
/// Cells that one kernel gets.
const N_PER_KERNEL: usize = 25;
const MAX_MEMORY_BYTES: usize = 32 << 20;
const CELL_TIME: Duration = Duration::from_secs(1);
/// A measurement that has begun is finished; on a busy machine that takes a while.
const MAX_ELAPSED: Duration = Duration::from_secs(20);

const PRELUDE: &str = "x = 3\ny = 0.5\nl = [3, 1, 2]\nd = {'a': 1}\ns = 'ab'\nf = lambda q: q\n\
    mug = tools.Scene.find('mug')\nobjs = tools.Scene.objects()\na = np.array([1.0, 2.0, 3.0])\nm = a > 1.5\nk = 7";

/// xorshift64* (Vigna 2016): the same cells in every run with the same seed.
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        ((self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize) % n.max(1)
    }

    fn of<'a>(&mut self, items: &[&'a str]) -> &'a str {
        items[self.below(items.len())]
    }
}

const NAMES: [&str; 12] = ["x", "y", "l", "d", "s", "f", "mug", "objs", "a", "m", "k", "tools"];
const VALUES: [&str; 34] = [
    "0",
    "1",
    "-3",
    "2.5",
    "1e300",
    "9223372036854775807",
    "\"a\"",
    "'b'",
    "f\"{x:.2f}\"",
    "`${x}`",
    "[]",
    "[1, 2, 3]",
    "[[1, 2], [3, 4]]",
    "{}",
    "{'a': 1}",
    "{1: [2]}",
    "#{a: 1}",
    "()",
    "None",
    "True",
    "(1, 2)",
    "|q| q",
    "lambda q: q + 1",
    "range(5)",
    "np.array([1.0, 2.0])",
    "np.zeros([3, 3])",
    "tools.Scene.find(\"mug\")",
    "tools.Scene.labels()",
    "InputImages[0]",
    "Metadata.question",
    "\"ab\" * 1000",
    "[0] * 1000",
    "np.pi",
    "dict()",
];
const OPERATORS: [&str; 26] = [
    "+", "-", "*", "/", "%", "**", "==", "!=", "<", "<=", ">", ">=", "and", "or", "&&", "||", "&", "|", "^", "in",
    "not in", "is", "..", "<<", "@", "??",
];
const METHODS: [&str; 51] = [
    "append", "push", "pop", "insert", "remove", "extend", "sort", "reverse", "clear", "copy", "len", "keys", "values",
    "items", "get", "update", "split", "join", "replace", "strip", "upper", "format", "find", "index", "count", "map",
    "filter", "reduce", "slice", "nd", "nd_set", "sum", "mean", "min", "max", "reshape", "flatten", "T", "shape",
    "tolist", "center", "points", "size", "value", "pad", "splice", "to_json", "curry", "call", "dedup", "zfill",
];
const FUNCTIONS: [&str; 40] = [
    "len",
    "sum",
    "min",
    "max",
    "sorted",
    "range",
    "enumerate",
    "zip",
    "map",
    "filter",
    "list",
    "dict",
    "set",
    "str",
    "int",
    "float",
    "bool",
    "round",
    "abs",
    "any",
    "all",
    "print",
    "isinstance",
    "type",
    "sqrt",
    "reversed",
    "int_div",
    "divmod",
    "fmt",
    "repr",
    "chr",
    "ord",
    "norm",
    "mean",
    "median",
    "np.concatenate",
    "np.where",
    "tools.Geometry.distance_from",
    "tools.Scene.find",
    "show",
];

fn expression(random: &mut Random, depth: usize) -> String {
    if depth == 0 || random.below(3) == 0 {
        return match random.below(2) {
            0 => random.of(&NAMES).to_owned(),
            _ => random.of(&VALUES).to_owned(),
        };
    }
    let inner = |random: &mut Random| expression(random, depth - 1);
    match random.below(12) {
        0 | 1 => format!("{} {} {}", inner(random), random.of(&OPERATORS), inner(random)),
        2 => format!("({})", inner(random)),
        3 => format!("{}({})", random.of(&FUNCTIONS), inner(random)),
        4 => format!("{}({}, {})", random.of(&FUNCTIONS), inner(random), inner(random)),
        5 => format!("{}.{}({})", inner(random), random.of(&METHODS), inner(random)),
        6 => format!("{}.{}", inner(random), random.of(&METHODS)),
        7 => format!("{}[{}]", inner(random), inner(random)),
        8 => format!("{}[{}:{}]", inner(random), inner(random), inner(random)),
        9 => format!("[{} for {} in {}]", inner(random), random.of(&NAMES), inner(random)),
        10 => format!("{} if {} else {}", inner(random), inner(random), inner(random)),
        _ => format!("not {}", inner(random)),
    }
}

fn statement(random: &mut Random, indent: usize, out: &mut String) {
    let blank = " ".repeat(indent);
    let value = expression(random, 3);
    let name = random.of(&NAMES);
    let line = match random.below(16) {
        0..=3 => format!("{name} = {value}"),
        4 => format!("let {name} = {value};"),
        5 => format!("{name} {} {value}", random.of(&["+=", "-=", "*=", "/=", "**=", "|="])),
        6 => format!("{name}[{}] = {value}", expression(random, 1)),
        7 => format!("{name}, {} = {value}", random.of(&NAMES)),
        8 => format!("print({value})"),
        9 => format!("if {value}:"),
        10 => format!("for {name} in {value}:"),
        11 => format!("while {value}:"),
        12 => format!("def {name}({}):", random.of(&NAMES)),
        13 => format!("if {value} {{ {name} = {} }}", expression(random, 2)),
        14 => "try:".to_owned(),
        _ => value,
    };
    let has_block = line.ends_with(':');
    out.push_str(&format!("{blank}{line}\n"));
    if has_block && indent < 16 {
        for _ in 0..=random.below(2) {
            statement(random, indent + 4, out);
        }
        if line == "try:" {
            out.push_str(&format!("{blank}except:\n{blank}    pass\n"));
        }
    }
}

fn corpus() -> Vec<Vec<char>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/escape");
    let mut names: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    names.sort();
    let mut cells = Vec::new();
    for name in names {
        let text = fs::read_to_string(name).unwrap();
        cells.extend(text.split("=== ").skip(1).filter_map(|block| Some(block.split_once('\n')?.1.chars().collect())));
    }
    assert!(cells.len() >= 400, "only {} cells in the corpus", cells.len());
    cells
}

/// A cell of the corpus with pieces taken out, doubled, or put in from elsewhere.
fn mutated(random: &mut Random, corpus: &[Vec<char>]) -> String {
    let mut cell = corpus[random.below(corpus.len())].clone();
    for _ in 0..=random.below(6) {
        let at = random.below(cell.len() + 1);
        let other = &corpus[random.below(corpus.len())];
        let from = random.below(other.len() + 1);
        let to = (from + random.below(30)).min(other.len());
        match random.below(4) {
            0 => drop(cell.drain(at..(at + random.below(12)).min(cell.len()))),
            1 => drop(cell.splice(at..at, other[from..to].to_vec())),
            2 => drop(cell.splice(at..at, expression(random, 2).chars().collect::<Vec<char>>())),
            _ => {
                let piece: Vec<char> = cell[at..(at + random.below(20)).min(cell.len())].to_vec();
                drop(cell.splice(at..at, piece));
            }
        }
    }
    cell.into_iter().collect()
}

fn next_cell(random: &mut Random, corpus: &[Vec<char>]) -> String {
    match random.below(3) {
        0 => return mutated(random, corpus),
        1 => return typed_cells::cell(&mut |n| random.below(n)),
        _ => {}
    }
    let mut cell = String::new();
    for _ in 0..=random.below(6) {
        statement(random, 0, &mut cell);
    }
    cell
}

fn check(source: &str, report: &CellReport) {
    let panicked = match &report.status {
        CellStatus::Failed(error) => error.message.contains(" broke: "),
        _ => false,
    };
    assert!(!panicked, "a native function panicked: {:?}\n{source}", report.status);
    assert!(report.memory.peak_bytes <= 2 * MAX_MEMORY_BYTES, "{} MiB\n{source}", report.memory.peak_bytes >> 20);
    assert!(report.elapsed <= MAX_ELAPSED, "{:?}\n{source}", report.elapsed);
}

#[test]
fn cells_at_random_do_no_harm() {
    let seconds = std::env::var("SPATIALCLAW_FUZZ_SECONDS").ok().and_then(|seconds| seconds.parse::<u64>().ok());
    let seed = std::env::var("SPATIALCLAW_FUZZ_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(1);
    on_kernel_thread(move || run(seconds.map(Duration::from_secs), seed));
}

fn run(time: Option<Duration>, seed: u64) {
    let corpus = corpus();
    let mut random = Random(0x9e37_79b9_7f4a_7c15 ^ seed);
    let started = Instant::now();
    let last_cell = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/fuzz/last_cell.txt");
    if time.is_some() {
        fs::create_dir_all(last_cell.parent().unwrap()).unwrap();
    }
    let mut n_cells = 0usize;
    let mut n_completed = 0usize;
    let mut ends: BTreeMap<String, usize> = BTreeMap::new();
    while time.map_or(n_cells < N_SHORT, |time| started.elapsed() < time) {
        let mut bench = Bench::with(|context| {
            context.limits.max_memory_bytes = MAX_MEMORY_BYTES;
            context.limits.max_operations = 20_000;
            context.limits.max_cell_time = CELL_TIME;
        });
        // Cells that name unknown variables do not get far.
        bench.run(PRELUDE);
        for _ in 0..N_PER_KERNEL {
            let source = next_cell(&mut random, &corpus);
            if time.is_some() {
                fs::write(&last_cell, &source).unwrap();
            }
            let report = bench.run(&source);
            check(&source, &report);
            n_completed += usize::from(report.status == CellStatus::Completed);
            *ends.entry(format!("{:?}", report.status).chars().take(110).collect()).or_default() += 1;
            n_cells += 1;
        }
        let two = bench.run("1 + 1");
        assert_eq!(two.value.as_deref(), Some("int 2"), "{:?}", two.status);
    }
    println!("{n_cells} cells in {:.0} s, {n_completed} completed", started.elapsed().as_secs_f64());
    let mut often: Vec<_> = ends.into_iter().map(|(end, n)| (n, end)).collect();
    often.sort();
    often.reverse();
    often.truncate(12);
    assert!(n_completed * 10 > n_cells, "only {n_completed} of {n_cells} cells completed; most ended by {often:#?}");
}
