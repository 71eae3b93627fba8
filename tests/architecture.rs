//! Holds the order of modules, the homes of heavy dependencies, and the size of files.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// Each module may use itself and those before it.
const ORDER: &[&str] = &[
    "error_code",
    "memory",
    "geometry",
    "array",
    "scene",
    "bag",
    "perception",
    "llm",
    "answer",
    "tools",
    "kernel",
    "agent",
    "session",
    "config",
    "app",
    "ros",
];

/// Dependencies that live in a few modules only.
const HOMES: &[(&str, &[&str])] = &[
    ("r2r", &["ros"]),
    ("rhai", &["kernel", "tools"]),
    ("kiddo", &["geometry", "array"]),
    ("ndarray", &["array", "tools"]),
    ("reqwest", &["llm"]),
    ("rusqlite", &["bag"]),
    ("mcap", &["bag", "session"]),
    ("libc", &["memory", "kernel"]),
    ("nix", &["kernel"]),
    ("seccompiler", &["kernel"]),
];

/// The allocator, which cannot be written without it.
const UNSAFE_FILES: [&str; 2] = ["memory/account.rs", "memory/large.rs"];
const MAX_LINES: usize = 800;

struct SourceFile {
    path: String,
    module: String,
    code: String,
}

#[test]
fn modules_use_only_those_before_them() {
    let mut violations = Vec::new();
    for file in source_files() {
        let Some(own) = ORDER.iter().position(|module| *module == file.module) else { continue };
        for later in &ORDER[own + 1..] {
            if file.code.contains(&format!("crate::{later}")) {
                violations.push(format!("{} uses crate::{later}, which stands after {}", file.path, file.module));
            }
        }
    }
    assert_eq!(violations, Vec::<String>::new());
}

#[test]
fn every_module_has_its_place_in_the_order() {
    let lib = fs::read_to_string(source_dir().join("lib.rs")).unwrap();
    let declared: Vec<&str> =
        lib.lines().filter_map(|line| line.trim().strip_prefix("pub mod ")?.strip_suffix(';')).collect();
    let missing: Vec<&&str> = declared.iter().filter(|module| !ORDER.contains(module)).collect();
    assert!(missing.is_empty(), "not in ORDER: {missing:?}");
    assert!(declared.len() >= 9, "only {declared:?} found in lib.rs");
}

#[test]
fn heavy_dependencies_stay_at_home() {
    let mut violations = Vec::new();
    for file in source_files() {
        for (dependency, homes) in HOMES {
            let used =
                [" ", "(", "&", "<", "!"].iter().any(|before| file.code.contains(&format!("{before}{dependency}::")));
            if used && !homes.contains(&file.module.as_str()) && file.module != "bin" {
                violations.push(format!("{} uses {dependency}, which lives in {homes:?}", file.path));
            }
        }
        let is_unsafe =
            file.code.contains("unsafe {") || file.code.contains("unsafe impl") || file.code.contains("unsafe fn");
        if is_unsafe && !UNSAFE_FILES.contains(&file.path.as_str()) {
            violations.push(format!("{} has unsafe code; only {UNSAFE_FILES:?} may", file.path));
        }
    }
    assert_eq!(violations, Vec::<String>::new());
}

#[test]
fn files_stay_short() {
    let too_long: Vec<(String, usize)> = source_files()
        .into_iter()
        .map(|file| (file.path, file.code.lines().count()))
        .filter(|(_, n_lines)| *n_lines > MAX_LINES)
        .collect();
    assert_eq!(too_long, vec![]);
}

fn source_dir() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// Code without trailing tests and without comments.
fn source_files() -> Vec<SourceFile> {
    let mut files = Vec::new();
    collect(&source_dir(), &mut files);
    assert!(files.len() > 20, "only {} source files found", files.len());
    files
}

fn collect(dir: &Path, files: &mut Vec<SourceFile>) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            let relative = path.strip_prefix(source_dir()).unwrap().to_str().unwrap().to_owned();
            let module = relative.split(['/', '.']).next().unwrap().to_owned();
            let code = text.split("#[cfg(test)]\nmod ").next().unwrap();
            let code = code.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n");
            files.push(SourceFile { path: relative, module, code });
        }
    }
}

#[test]
fn every_file_of_tests_is_run() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let listed = fs::read_to_string(folder.join("all.rs")).unwrap();
    for entry in fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap();
        let is_test = path.extension().is_some_and(|extension| extension == "rs") && name != "all";
        assert!(!is_test || listed.contains(&format!("mod {name};")), "add `mod {name};` to tests/all.rs");
    }
}
