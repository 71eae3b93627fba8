//! `tools.Scene`: the things in view, by name.

mod find;
mod look;
mod recall;
mod survey;

pub use survey::is_room_surface;

use super::{
    Kind, Param, TEXT, ToolSpec, Toolbox,
    arguments::{names, number, text},
};

/// Keeps this group's functions apart.
#[derive(Clone)]
pub struct Scene;

const NAME: Param = Param::required("name", TEXT);

/// Declarations.
pub const SPECS: &[ToolSpec] = &[
    ToolSpec {
        path: "tools.Scene.find",
        params: &[NAME],
        returns: "Object",
        doc: "The one visible thing of this name, in the newest image of the camera that sees it best. NOT_VISIBLE lists what is \
              visible, AMBIGUOUS_REFERENT where each candidate is.",
        example: "let mug = tools.Scene.find(\"mug\"); print(mug.center);",
    },
    ToolSpec {
        path: "tools.Scene.find_all",
        params: &[NAME],
        returns: "list of Object",
        doc: "Every visible thing of this name in the newest images; empty when there is none.",
        example: "for thing in tools.Scene.find_all(\"cup\") { print(thing.id); }",
    },
    ToolSpec {
        path: "tools.Scene.find_together",
        params: &[Param::required("names", Kind::ListOf(&TEXT))],
        returns: "list of Object",
        doc: "One Object per name, all from one image where possible, so that the camera's placement error cancels between them.",
        example: "let both = tools.Scene.find_together([\"mug\", \"bowl\"]); print(both[0].stamp == both[1].stamp);",
    },
    ToolSpec {
        path: "tools.Scene.find_at",
        params: &[NAME, Param::required("secs_ago", Kind::Number)],
        returns: "Object",
        doc: "The thing as it was that many seconds before the newest image. NOT_BUFFERED when no image is near that time.",
        example: "let before = tools.Scene.find_at(\"mug\", 0.0); print(before.stamp);",
    },
    ToolSpec {
        path: "tools.Scene.objects",
        params: &[],
        returns: "list of Object",
        doc: "Every visible named thing that can be measured, except floor, wall, ceiling and ground; what was left out is printed.",
        example: "for thing in tools.Scene.objects() { print(thing.label); }",
    },
    ToolSpec {
        path: "tools.Scene.labels",
        params: &[],
        returns: "list of string",
        doc: "Sorted names of everything visible in the newest images; needs no depth.",
        example: "print(tools.Scene.labels());",
    },
    ToolSpec {
        path: "tools.Scene.count",
        params: &[NAME],
        returns: "Measurement",
        doc: "How many things of this name are visible; needs no depth with one camera.",
        example: "ReturnAnswer(tools.Scene.count(\"mug\"));",
    },
    ToolSpec {
        path: "tools.Scene.remembered",
        params: &[],
        returns: "list of Remembered",
        doc: "Objects that earlier questions measured, seen last first. They are memories: nothing here was looked at for this question.",
        example: "for old in tools.Scene.remembered() { print(old); } print(tools.Scene.remembered().len());",
    },
    ToolSpec {
        path: "tools.Scene.recall",
        params: &[NAME],
        returns: "Remembered",
        doc: "Where a thing was seen last by an earlier question, with its age. NOT_VISIBLE when nothing of this name is remembered, \
              AMBIGUOUS_REFERENT when several things are.",
        example: "try { print(tools.Scene.recall(\"mug\")); } catch (e) { print(e.code); }",
    },
];

/// Makes the group known.
pub fn register(tools: &mut Toolbox<'_, Scene>) {
    tools.add("find", |session, [name]| find::find(session, &text(&name, "name")?));
    tools.add("find_all", |session, [name]| Ok(survey::list(survey::find_all(session, &text(&name, "name")?)?)));
    tools.add("find_together", |session, [wanted]| {
        Ok(survey::list(find::find_together(session, &names(&wanted, "names")?)?))
    });
    tools.add("find_at", |session, [name, secs_ago]| {
        find::find_at(session, &text(&name, "name")?, number(&secs_ago, "secs_ago")?)
    });
    tools.add("objects", |session, []| Ok(survey::list(survey::objects(session)?)));
    tools.add("labels", |session, []| survey::labels(session));
    tools.add("remembered", |session, []| Ok(recall::remembered(session)));
    tools.add("recall", |session, [name]| recall::recall(session, &text(&name, "name")?));
    tools.add("count", |session, [name]| survey::count(session, &text(&name, "name")?));
}
