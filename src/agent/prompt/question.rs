//! The question, what can be seen, and pictures of it.

use std::fmt::Write;

use super::{PromptSettings, key_frames};
use crate::{
    agent::Goal,
    answer::AnswerKind,
    llm::{
        Message, Picture, Role,
        question_brief::{EARLIER_HEADING, QuestionBrief},
    },
    scene::{Snapshot, View},
};

/// Images listed one by one.
const MAX_LISTED: usize = 16;

/// The first message after the instructions, with at most `max_pictures` pictures.
pub fn question_message(settings: &PromptSettings, goal: &Goal, snapshot: &Snapshot, max_pictures: usize) -> Message {
    let key_views = key_frames::choose(&snapshot.views, max_pictures);
    let pictures: Vec<Picture> = key_views
        .iter()
        .map(|view| Picture {
            label: format!("InputImages[{}], camera {}", view.view_idx, view.camera),
            image: view.image.clone(),
        })
        .collect();
    let input =
        settings.section("session_input").replace("{{session_input}}", &session_input(snapshot, key_views.len()));
    let text = format!("{}{}\n{}\n", earlier(settings, goal), brief(goal).to_section(), input.trim());
    Message { pictures, ..Message::new(Role::User, text) }
}

/// What is asked and what there is to see, in words alone.
pub fn blind_question(settings: &PromptSettings, goal: &Goal, snapshot: &Snapshot) -> Message {
    let input = settings.section("session_input").replace("{{session_input}}", &session_input(snapshot, 0));
    let text = format!("{}{}\n{}\n", earlier(settings, goal), brief(goal).to_section(), input.trim());
    Message::new(Role::User, text)
}

/// The questions before this one. They stand first and only grow, so that a server can use its work on them again; JSON keeps each on
/// one line, so nothing that was said in them can pass for a section.
fn earlier(settings: &PromptSettings, goal: &Goal) -> String {
    if goal.earlier.is_empty() {
        return String::new();
    }
    let about = settings.section("earlier");
    format!("{EARLIER_HEADING}\n\n{about}\n\n```json\n{}\n```\n\n", goal.earlier.trim_end())
}

/// Cameras, stamps, frames and robot of this question.
pub fn session_input(snapshot: &Snapshot, n_pictures: usize) -> String {
    let newest = snapshot.views.last().map_or_else(String::new, |view| format!(" The newest is of {} s.", view.stamp));
    format!(
        "## Images\n\n{}\nFixed frame {}, robot frame {}.{newest} {n_pictures} of {} images follow as pictures.\n",
        image_list(snapshot),
        snapshot.fixed_frame,
        snapshot.robot_frame,
        snapshot.views.len(),
    )
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
    let mut text = String::from(
        "| InputImages | camera | optical frame | size, px | s before the newest | lacks |\n|---|---|---|---|---|---|\n",
    );
    let half = MAX_LISTED / 2;
    for (index, view) in snapshot.views.iter().enumerate() {
        if n_views > MAX_LISTED && index == half {
            let _ = writeln!(text, "| ... | {} more | | | | |", n_views - 2 * half);
        }
        if n_views > MAX_LISTED && (half..n_views - half).contains(&index) {
            continue;
        }
        let _ = writeln!(
            text,
            "| [{index}] | {} | {} | {}x{} | {:.2} | {} |",
            view.camera,
            view.optical_frame,
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
