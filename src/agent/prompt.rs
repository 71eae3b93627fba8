//! The first two messages of every conversation.

use std::fmt::Write;

use super::Goal;
use crate::{
    answer::AnswerKind,
    llm::{Message, Picture, Role, question_brief::QuestionBrief},
    scene::{Snapshot, View},
};

const SYSTEM: &str = include_str!("prompts/system.md");

/// Pictures in the first user message, evenly over all images.
const MAX_KEY_PICTURES: usize = 8;
/// Images listed one by one.
const MAX_LISTED: usize = 16;

/// Instructions, with the manual of the tools in its place.
pub fn system_message(tools_manual: &str) -> Message {
    Message::new(Role::System, SYSTEM.replace("{{tools}}", tools_manual.trim()))
}

/// The question, what can be seen, and pictures of it.
pub fn question_message(goal: &Goal, snapshot: &Snapshot) -> Message {
    let key_views = evenly_spaced(&snapshot.views, MAX_KEY_PICTURES);
    let pictures = key_views
        .iter()
        .map(|view| Picture {
            label: format!("InputImages[{}], camera {}", view.view_idx, view.camera),
            image: view.image.clone(),
        })
        .collect();
    let text = format!(
        "{}\n## Images\n\n{}\nFixed frame {}, robot frame {}. {} of {} images follow as pictures.\n",
        brief(goal).to_section(),
        image_list(snapshot),
        snapshot.fixed_frame,
        snapshot.robot_frame,
        key_views.len(),
        snapshot.views.len(),
    );
    Message { pictures, ..Message::new(Role::User, text) }
}

fn brief(goal: &Goal) -> QuestionBrief {
    QuestionBrief {
        question: goal.question.clone(),
        answer_kind: kind_name(goal.answer_kind).to_owned(),
        choices: goal.choices.clone(),
        target_frame: goal.target_frame.to_string(),
        window_secs: goal.window_secs,
    }
}

fn kind_name(kind: AnswerKind) -> &'static str {
    match kind {
        AnswerKind::Any => "Any",
        AnswerKind::Number => "Number",
        AnswerKind::Bool => "Bool",
        AnswerKind::Choice => "Choice",
        AnswerKind::Text => "Text",
        AnswerKind::Point => "Point",
        AnswerKind::Pose => "Pose",
        AnswerKind::List => "List",
    }
}

fn image_list(snapshot: &Snapshot) -> String {
    let n_views = snapshot.views.len();
    let Some(newest) = snapshot.views.last() else { return "none\n".to_owned() };
    let mut text =
        String::from("| InputImages | camera | size, px | s before the newest | lacks |\n|---|---|---|---|---|\n");
    let half = MAX_LISTED / 2;
    for (index, view) in snapshot.views.iter().enumerate() {
        if n_views > MAX_LISTED && index == half {
            let _ = writeln!(text, "| ... | {} more | | | |", n_views - 2 * half);
        }
        if n_views > MAX_LISTED && (half..n_views - half).contains(&index) {
            continue;
        }
        let _ = writeln!(
            text,
            "| [{index}] | {} | {}x{} | {:.2} | {} |",
            view.camera,
            view.intrinsics.width_px,
            view.intrinsics.height_px,
            newest.stamp.secs_since(view.stamp),
            lacks(view)
        );
    }
    text
}

fn lacks(view: &View) -> String {
    let problems = [
        ("depth", view.depth.as_ref().err()),
        ("labels", view.labels.as_ref().err()),
        ("place", view.posed.as_ref().err()),
    ];
    let lacking: Vec<String> = problems
        .iter()
        .filter_map(|(what, problem)| problem.map(|problem| format!("{what} ({})", problem.code)))
        .collect();
    lacking.join(", ")
}

fn evenly_spaced(views: &[View], max: usize) -> Vec<&View> {
    if views.len() <= max {
        return views.iter().collect();
    }
    let last = views.len() - 1;
    (0..max).filter_map(|i| views.get((i * last + (max - 1) / 2) / (max - 1))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_manual_stands_in_the_instructions() {
        let text = system_message("### Scene\n- `tools.Scene.find(name)`\n").text;
        assert!(text.contains("## Tools\n\n### Scene\n- `tools.Scene.find(name)`\n\n## Frames of reference"));
        assert!(!text.contains("{{"));
    }
}
