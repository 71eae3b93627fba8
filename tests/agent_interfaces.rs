//! Each way to act, from scripted replies to the answer, on a tabletop with known truth.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test ends at the first thing that is missing")]

use crate::support::tabletop;

use std::sync::{Arc, LazyLock};

use serde_json::{Value, json};
use spatialclaw::{
    agent::{Agent, AgentSettings, Event, Goal, Interface, Outcome, interface::AnswerRules},
    answer::{AnswerKind, AnswerValue},
    error_code::ErrorCode,
    llm::{
        Abilities, ChatReply, FinishReason, ModelError, Role, ToolCall,
        offline::OfflineBrain,
        scripted::{ScriptedModel, Turn},
    },
    scene::Snapshot,
};
use tabletop::{goal, perception, solve, story};

static SNAPSHOT: LazyLock<Arc<Snapshot>> = LazyLock::new(|| Arc::new(tabletop::snapshot()));
const NATIVE: Abilities =
    Abilities { tool_calls: true, response_schema: true, writes_programs_only: false, max_context_tokens: 0 };

struct Played {
    outcome: Outcome,
    events: Vec<Event>,
    model: Arc<ScriptedModel>,
}

impl Played {
    fn number(&self) -> (f64, String) {
        match &self.outcome.result {
            Ok(answer) => match &answer.value {
                AnswerValue::Number(quantity) => (quantity.value(), quantity.unit().symbol().to_owned()),
                other => panic!("{other:?}"),
            },
            Err(refusal) => panic!("{refusal:?}\n{}", story(&self.events)),
        }
    }

    fn code(&self) -> ErrorCode {
        let refusal = self.outcome.result.as_ref().unwrap_err();
        assert!(!refusal.message.is_empty());
        refusal.code
    }

    fn last_told(&self) -> String {
        self.model.requests().last().unwrap().messages.last().unwrap().text.clone()
    }
}

fn play_with(
    interface: Interface,
    abilities: Abilities,
    turns: Vec<Turn>,
    goal: Goal,
    settings: AgentSettings,
) -> Played {
    let model = Arc::new(ScriptedModel::new("script", turns).with_abilities(abilities));
    let agent = Agent { settings, ..Agent::new(model.clone(), perception()) };
    let goal = Goal { interface, ..goal };
    let (outcome, events) = solve(&agent, &goal, &SNAPSHOT);
    Played { outcome, events, model }
}

fn play(interface: Interface, abilities: Abilities, turns: Vec<Turn>, goal: Goal) -> Played {
    play_with(interface, abilities, turns, goal, AgentSettings::default())
}

fn texts(texts: &[&str]) -> Vec<Turn> {
    texts.iter().map(|text| Turn::Reply((*text).to_owned())).collect()
}

fn calls(calls: &[(&str, Value)]) -> Turn {
    let tool_calls = calls
        .iter()
        .enumerate()
        .map(|(index, (name, arguments))| ToolCall {
            id: format!("call_{index}"),
            name: (*name).to_owned(),
            arguments: arguments.to_string(),
        })
        .collect();
    Turn::Say(Box::new(ChatReply { tool_calls, finish: FinishReason::ToolCalls, ..ChatReply::new("I look.") }))
}

fn block(calls: Value) -> String {
    format!("```json\n{}\n```\n", json!({"purpose": "measure", "calls": calls}))
}

fn cell(code: &str) -> String {
    format!("**Purpose**\nTest.\n\n**Reasoning**\nNone.\n\n**Next Goal**\nNone.\n\n**Code**\n```rhai\n{code}\n```\n")
}

fn find(name: &str) -> (&'static str, Value) {
    ("Scene_find", json!({"name": name}))
}

fn answer(reference: &str) -> (&'static str, Value) {
    ("ReturnAnswer", json!({"value": {"ref": reference}, "options": null}))
}

#[test]
fn native_tool_calls_measure_in_one_kernel() {
    let turns = vec![
        calls(&[
            find("mug"),
            ("Geometry_height", json!({"a": {"ref": "r1"}})),
            ("show", json!({"pictures": {"ref": "r1"}, "label": "mug"})),
        ]),
        calls(&[answer("r2")]),
    ];
    let played = play(Interface::ToolCalls, NATIVE, turns, goal("How tall is the mug?"));
    let (metres, unit) = played.number();
    assert!((metres - 0.1).abs() < 0.01 && unit == "m", "{metres} {unit}");
    assert_eq!((played.outcome.n_steps, played.outcome.interface), (4, Interface::ToolCalls));
    let requests = played.model.requests();
    assert!(requests[0].tools.iter().any(|tool| tool["function"]["name"] == "Geometry_height"));
    let after: Vec<Role> = requests[1].messages.iter().skip(2).map(|message| message.role).collect();
    assert_eq!(after, [Role::Assistant, Role::Tool, Role::Tool, Role::Tool, Role::User]);
    let message = &requests[1].messages[3];
    assert_eq!(message.tool_call_id.as_deref(), Some("call_0"));
    assert!(message.text.starts_with("## r1 = Scene_find\nresult: Object mug"), "{}", message.text);
    assert_eq!(requests[1].messages[6].pictures.len(), 1);
    assert_eq!(requests[1].messages[2].tool_calls.len(), 3);
    assert!(
        played.events.iter().any(|event| event.code == "let r2 = tools.Geometry.height(r1);\n"),
        "{}",
        story(&played.events)
    );
}

#[test]
fn calls_in_text_measure_the_same() {
    let turns = texts(&[
        &block(json!([
            {"name": "Scene_find_together", "arguments": {"names": ["mug", "box"]}},
            {"name": "Geometry_surface_distance", "arguments": {"a": {"ref": "r1[0]"}, "b": {"ref": "r1[-1]"}}},
        ])),
        &block(json!([{"name": "ReturnAnswer", "arguments": {"value": {"ref": "r2"}, "options": {"text": "apart"}}}])),
    ]);
    let played = play(Interface::ToolCalls, Abilities::default(), turns, goal("How far is the mug from the box?"));
    let truth = tabletop::visible_distance_m(tabletop::id_of("mug"), tabletop::id_of("box"));
    assert!((played.number().0 - truth).abs() < 0.02, "{} {truth}", played.number().0);
    assert_eq!(played.outcome.result.as_ref().unwrap().text, "apart");
    assert!(played.model.requests()[0].tools.is_empty());
    assert!(
        played.model.requests()[0].messages[0].text.contains("`Geometry_height(a: Object | Points) -> Measurement`")
    );
}

#[test]
fn a_call_that_does_not_fit_runs_nothing_and_is_told_with_its_path() {
    let turns = vec![
        calls(&[find("mug"), ("Geometry_height", json!({"a": "mug"}))]),
        calls(&[("Geometry_hight", json!({}))]),
        calls(&[("Refuse", json!({"code": "NOT_VISIBLE", "message": "no cat"}))]),
    ];
    let played = play(Interface::ToolCalls, NATIVE, turns, goal("?"));
    assert_eq!((played.code(), played.outcome.n_steps), (ErrorCode::NotVisible, 1));
    let requests = played.model.requests();
    let told = &requests[1].messages.last().unwrap().text;
    assert!(
        told.contains("calls[1].arguments.a: found the string \"mug\", wanted Object | Points, as a reference"),
        "{told}"
    );
    assert!(requests[2].messages.last().unwrap().text.contains("there is no function \"Geometry_hight\""));
    assert!(requests[1].messages.iter().all(|message| message.tool_calls.is_empty()), "a bad call is not sent again");
}

#[test]
fn after_a_failed_call_the_rest_of_the_reply_does_not_run() {
    let turns = vec![
        calls(&[find("unicorn"), ("Geometry_height", json!({"a": {"ref": "r1"}})), answer("r2")]),
        calls(&[("Refuse", json!({"code": "NOT_VISIBLE", "message": "no unicorn"}))]),
    ];
    let played = play(Interface::ToolCalls, NATIVE, turns, goal("?"));
    assert_eq!((played.code(), played.outcome.n_steps), (ErrorCode::NotVisible, 2));
    let messages = played.model.requests()[1].messages.clone();
    assert!(messages[3].text.contains("error NOT_VISIBLE"), "{}", messages[3].text);
    assert!(messages[4].text.contains("not run") && messages[5].text.contains("not run"));
}

#[test]
fn calls_beyond_the_last_cell_do_not_run() {
    let turns = vec![calls(&[find("mug"), find("box"), ("Scene_labels", json!({}))])];
    let played = play(Interface::ToolCalls, NATIVE, turns, Goal { max_steps: 2, ..goal("?") });
    assert_eq!((played.code(), played.outcome.n_steps), (ErrorCode::BudgetExceeded, 2));
}

#[test]
fn a_server_that_takes_no_tools_is_asked_in_text() {
    let refused =
        ModelError::BadRequest { model: "script".into(), status: 400, reason: "tools are not enabled".into() };
    let mut turns = vec![Turn::Fail(refused)];
    turns.extend(texts(&[&block(json!([
        {"name": "Scene_count", "arguments": {"name": "cone"}},
        {"name": "ReturnAnswer", "arguments": {"value": {"ref": "r1"}}},
    ]))]));
    let played = play(Interface::ToolCalls, NATIVE, turns, goal("How many cones are there?"));
    assert_eq!(played.number(), (2.0, "1".to_owned()));
    let requests = played.model.requests();
    assert!(!requests[0].tools.is_empty() && requests[1].tools.is_empty() && requests[1].response_schema.is_none());
    assert!(requests[1].messages[0].text.contains("Every reply is one closed JSON block"));
}

#[test]
fn a_fallback_that_writes_only_programs_takes_over_in_code() {
    let down = ModelError::Unavailable { model: "script".into(), reason: "connection refused".into() };
    let model =
        Arc::new(ScriptedModel::new("script", [calls(&[find("mug")]), Turn::Fail(down)]).with_abilities(NATIVE));
    let agent = Agent::new(model, perception()).with_fallback(Arc::new(OfflineBrain));
    let goal = Goal { interface: Interface::ToolCalls, ..goal("How tall is the mug?") };
    let (outcome, _) = solve(&agent, &goal, &SNAPSHOT);
    assert!(outcome.result.is_ok(), "{:?}", outcome.result);
    assert_eq!((outcome.interface, outcome.models.len()), (Interface::Code, 2));
}

#[test]
fn code_as_json_where_the_server_holds_it_to_a_schema() {
    let reply = json!({
        "purpose": "measure", "reasoning": "tall is up", "next_goal": "answer",
        "code": "let h = tools.Geometry.height(tools.Scene.find(\"mug\"));\nReturnAnswer(h);",
    });
    let played = play(Interface::Code, NATIVE, texts(&[&reply.to_string()]), goal("How tall is the mug?"));
    assert!((played.number().0 - 0.1).abs() < 0.01);
    assert_eq!(played.model.requests()[0].response_schema.as_ref().unwrap().name, "cell");
}

#[test]
fn a_single_pass_is_one_program() {
    let program = cell("let h = tools.Geometry.height(tools.Scene.find(\"mug\"));\nReturnAnswer(h);");
    let played = play(Interface::SinglePass, Abilities::default(), texts(&[&program]), goal("How tall is the mug?"));
    assert!((played.number().0 - 0.1).abs() < 0.01);
    assert_eq!((played.outcome.n_steps, played.outcome.interface), (1, Interface::SinglePass));
    assert!(played.model.requests()[0].messages[0].text.contains("You have one reply."));
}

#[test]
fn a_program_that_cannot_submit_never_runs_and_may_be_mended() {
    let turns = texts(&[
        "no program at all",
        &cell("let h = tools.Geometry.height(tools.Scene.find(\"mug\"));\nprint(h);"),
        &cell("ReturnAnswer(tools.Scene.count(\"cone\"));"),
    ]);
    let settings = AgentSettings::default();
    let played = play_with(Interface::SinglePass, Abilities::default(), turns, goal("How many cones?"), settings);
    assert_eq!(played.number().0, 2.0);
    let told = played.model.requests()[2].messages.last().unwrap().text.clone();
    assert!(told.contains("the program never submits"), "{told}");
    assert_eq!(played.outcome.n_tool_calls, 1, "the program that was refused called nothing");
}

#[test]
fn a_program_that_ran_has_no_second_turn() {
    let turns =
        || texts(&[&cell("let u = tools.Scene.find(\"unicorn\");\nReturnAnswer(u);"), &cell("ReturnAnswer(true);")]);
    let played = play(Interface::SinglePass, Abilities::default(), turns(), goal("?"));
    assert_eq!((played.code(), played.model.requests().len()), (ErrorCode::NotVisible, 1));
    let ends = texts(&[&cell("if 1 > 2 { ReturnAnswer(true); }"), &cell("ReturnAnswer(true);")]);
    let played = play(Interface::SinglePass, Abilities::default(), ends, goal("?"));
    assert_eq!((played.code(), played.model.requests().len()), (ErrorCode::NoAnswer, 1));
}

#[test]
fn the_offline_brain_takes_a_single_pass() {
    let agent = Agent::new(Arc::new(OfflineBrain), perception());
    let goal = Goal { interface: Interface::SinglePass, ..goal("How tall is the mug?") };
    let (outcome, events) = solve(&agent, &goal, &SNAPSHOT);
    assert!(outcome.result.is_ok(), "{:?}\n{}", outcome.result, story(&events));
}

#[test]
fn without_tools_an_answer_says_that_it_was_not_measured() {
    let question =
        Goal { choices: vec!["left".into(), "right".into()], answer_kind: AnswerKind::Choice, ..goal("Which side?") };
    let turns = texts(&["I see it. \\boxed{up}", "{\"answer\": \"Left\", \"text\": \"the mug is left\"}"]);
    let played = play(Interface::NoTools, Abilities::default(), turns, question);
    let answer = played.outcome.result.as_ref().unwrap();
    assert_eq!(answer.value, AnswerValue::Choice { text: "left".into(), index: Some(0) });
    assert_eq!(answer.text, "the mug is left (judged from the pictures, not measured)");
    assert!(answer.evidence.is_empty());
    assert_eq!(played.outcome.interface, Interface::NoTools);
    assert!(played.last_told().contains("none of the goal's choices"), "{}", played.last_told());
    assert!(!played.model.requests()[0].messages[0].text.contains("## Tools"));
    assert_eq!(played.model.requests()[0].messages[1].pictures.len(), 2);
}

#[test]
fn without_tools_a_number_is_refused_before_a_model_is_asked() {
    let wants = Goal { answer_kind: AnswerKind::Number, ..goal("How tall is the mug?") };
    let played = play(Interface::NoTools, Abilities::default(), texts(&["{\"answer\": 0.1}"]), wants.clone());
    assert_eq!((played.code(), played.model.requests().len()), (ErrorCode::NotMeasurable, 0));
    let any = play(Interface::NoTools, Abilities::default(), texts(&["{\"answer\": 0.1, \"unit\": \"m\"}"]), goal("?"));
    assert_eq!((any.code(), any.model.requests().len()), (ErrorCode::NotMeasurable, 1));
    let settings = AgentSettings { rules: AnswerRules { estimate_sigma_ratio: Some(0.5) }, ..AgentSettings::default() };
    let allowed = texts(&["{\"answer\": 10, \"unit\": \"cm\"}"]);
    let played = play_with(Interface::NoTools, Abilities::default(), allowed, wants, settings);
    let AnswerValue::Number(quantity) = played.outcome.result.as_ref().unwrap().value else { panic!("no number") };
    assert_eq!((quantity.value(), quantity.sigma()), (0.1, 0.05));
}

#[test]
fn a_reply_out_of_tokens_is_never_run() {
    let cut =
        ChatReply { finish: FinishReason::Length, ..ChatReply::new(cell("Refuse(\"INTERNAL_ERROR\", \"ran\");")) };
    let turns = vec![Turn::Say(Box::new(cut)), Turn::Reply(cell("Refuse(\"NOT_VISIBLE\", \"no cat\");"))];
    let played = play(Interface::Code, Abilities::default(), turns, goal("?"));
    assert_eq!(played.code(), ErrorCode::NotVisible);
    assert!(played.last_told().contains("cut off at the limit of tokens"));
}
