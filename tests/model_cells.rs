// SPDX-License-Identifier: Apache-2.0
//! Cells as a model writes them at its first try, from our instructions alone: what each gives.
//!
//! `tests/cells/questions.jsonl` has the questions with the truth of the scene they are asked in, `tests/cells/<language>.txt` one cell
//! for each, never edited after it was written. The snapshot holds the share that is right and, for every other cell, what the model is
//! told; a cell that counts as right is compared with the truth, not with the snapshot.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test ends at the first surprise")]

use std::{collections::BTreeMap, fmt::Write, fs, path::Path};

use crate::support::{
    analytic_scene::{look_at, vga_camera},
    table_world::*,
};
use nalgebra::Point3;
use serde::Deserialize;
use serde_json::Value;
use spatialclaw::{
    answer::{AnswerKind, AnswerValue},
    geometry::Unit,
    kernel::{CellError, CellStatus, Submission},
    scene::FrameId,
};

#[derive(Deserialize)]
struct Asked {
    id: String,
    scene: String,
    question: String,
    answer_kind: String,
    choices: Vec<String>,
    /// A number in the asked unit, a position, a choice, a word, `refuse`, or `{rendered, label}` for what only the pixels tell.
    truth: Value,
    tolerance: Option<f64>,
    /// SI units in one of the asked unit.
    unit_scale: f64,
}

fn read(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cells").join(name)).unwrap()
}

fn questions() -> Vec<Asked> {
    read("questions.jsonl").lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn cells(text: &str) -> BTreeMap<&str, &str> {
    text.split("=== ")
        .skip(1)
        .map(|block| block.split_once('\n').unwrap())
        .map(|(id, cell)| (id.trim(), cell))
        .collect()
}

impl Asked {
    fn kind(&self) -> AnswerKind {
        match self.answer_kind.as_str() {
            "Any" => AnswerKind::Any,
            "Number" => AnswerKind::Number,
            "Choice" => AnswerKind::Choice,
            "Text" => AnswerKind::Text,
            "Point" => AnswerKind::Point,
            other => panic!("{other}"),
        }
    }

    fn run(&self, cell: &str) -> String {
        let mut bench = Bench::with(|context| {
            let views = if self.scene == "moving" { moving_views(5) } else { vec![front_view()] };
            context.snapshot = std::sync::Arc::new(snapshot_of(views));
            context.question = self.question.clone();
            context.answer_kind = self.kind();
            context.choices = self.choices.clone();
            if self.question.contains("base_link") {
                context.target_frame = FrameId::new("base_link");
            }
        });
        let report = bench.run(cell);
        match (&report.status, &report.submission) {
            (CellStatus::Completed, Some(submission)) => self.judge(submission),
            (CellStatus::Completed, None) => "no answer yet".to_owned(),
            (CellStatus::Rejected(errors), _) => format!("rejected {}", said(&errors[0])),
            (CellStatus::Failed(error), _) => format!("failed {}", said(error)),
            (other, _) => format!("{other:?}"),
        }
    }

    fn judge(&self, submission: &Submission) -> String {
        let answer = match submission {
            Submission::Answer(answer) => answer,
            Submission::Refusal(_) if self.truth == "refuse" => return "right".to_owned(),
            Submission::Refusal(refusal) => return format!("refused {} {}", refusal.code.name(), refusal.message),
        };
        if self.is_true(&answer.value) { "right".to_owned() } else { format!("wrong {:?}", answer.value) }
    }

    fn is_true(&self, value: &AnswerValue) -> bool {
        match value {
            AnswerValue::Number(found) => {
                let scale = if found.unit() == Unit::One { self.unit_scale } else { 1.0 };
                self.is_near(&[found.value() * scale / self.unit_scale])
            }
            AnswerValue::Point(found) | AnswerValue::Pose(found) => {
                self.is_near(found.frame_from_object.translation.vector.as_slice())
            }
            AnswerValue::List { numbers, .. } if !numbers.is_empty() => {
                self.is_near(&numbers.iter().map(spatialclaw::geometry::Quantity::value).collect::<Vec<_>>())
            }
            AnswerValue::List { items, .. } => {
                self.is_near(&items.iter().filter_map(|item| item.parse().ok()).collect::<Vec<_>>())
            }
            AnswerValue::Bool(found) => self.truth == if *found { "yes" } else { "no" },
            AnswerValue::Choice { text, .. } => self.truth == text.as_str(),
            AnswerValue::Text(text) if self.truth.is_array() || self.truth.is_object() => {
                self.is_near(&numbers_in(text))
            }
            AnswerValue::Text(text) => self.truth.as_str().is_some_and(|truth| text.to_lowercase().contains(truth)),
        }
    }

    fn is_near(&self, found: &[f64]) -> bool {
        let truth = self.true_numbers();
        // A position may be told with its height where only the ground plane was asked for.
        let enough = found.len() >= truth.len() && !truth.is_empty();
        let tolerance = self.tolerance.unwrap_or_default() + 1e-9;
        enough && truth.iter().zip(found).all(|(truth, found)| (truth - found).abs() <= tolerance)
    }

    fn true_numbers(&self) -> Vec<f64> {
        match &self.truth {
            Value::Number(number) => vec![number.as_f64().unwrap()],
            Value::Array(numbers) => numbers.iter().map(|number| number.as_f64().unwrap()).collect(),
            Value::Object(of_pixels) => rendered(of_pixels["rendered"].as_str().unwrap(), &of_pixels["label"]),
            _ => Vec::new(),
        }
    }
}

fn rendered(what: &str, label: &Value) -> Vec<f64> {
    let eye = look_at(Point3::new(0.3, 0.0, 1.4), Point3::new(1.5, 0.0, TABLE_TOP_M));
    let view = scene_of(shapes()).render(&vga_camera(), &eye);
    let label = u32::try_from(label.as_u64().unwrap()).unwrap();
    let width = view.intrinsics.width_px as usize;
    let pixels: Vec<usize> = (0..view.label_ids.len()).filter(|i| view.label_ids[*i] == label).collect();
    let n_pixels = pixels.len() as f64;
    match what {
        "n_pixels" => vec![n_pixels],
        "fraction" => vec![n_pixels / view.label_ids.len() as f64],
        "median_depth" => {
            let mut depths_m: Vec<f32> = pixels.iter().map(|i| view.depth_m[*i]).collect();
            depths_m.sort_by(f32::total_cmp);
            vec![f64::from(depths_m[depths_m.len() / 2])]
        }
        "centroid" => vec![
            pixels.iter().map(|i| (i / width) as f64).sum::<f64>() / n_pixels,
            pixels.iter().map(|i| (i % width) as f64).sum::<f64>() / n_pixels,
        ],
        other => panic!("{other}"),
    }
}

fn numbers_in(text: &str) -> Vec<f64> {
    text.split(|c: char| !(c.is_ascii_digit() || c == '.' || c == '-')).filter_map(|word| word.parse().ok()).collect()
}

fn said(error: &CellError) -> String {
    let place = error.line.map_or(String::new(), |line| format!("{line}: "));
    let code = error.code.map_or(String::new(), |code| format!("{} ", code.name()));
    format!("{place}{code}{}", error.message)
}

fn outcomes(file: &str) -> String {
    let text = read(file);
    let cells = cells(&text);
    let mut told = String::new();
    let (mut n, mut n_right, mut n_ran) = (0, 0, 0);
    for asked in questions() {
        let outcome = asked.run(cells[asked.id.as_str()]);
        n += 1;
        n_right += usize::from(outcome == "right");
        n_ran += usize::from(!outcome.starts_with("failed") && !outcome.starts_with("rejected"));
        if outcome != "right" {
            let _ = writeln!(told, "{} {}", asked.id, outcome);
        }
    }
    format!("{n} first cells: {n_ran} ran, {n_right} answered right\n{told}")
}

#[test]
fn first_cells_in_python() {
    on_kernel_thread(|| insta::assert_snapshot!(outcomes("python.txt")));
}

#[test]
fn first_cells_in_rhai() {
    on_kernel_thread(|| insta::assert_snapshot!(outcomes("rhai.txt")));
}
