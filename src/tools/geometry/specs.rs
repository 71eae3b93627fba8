//! Declarations of `tools.Geometry`.

use crate::tools::{Kind, Param, ToolSpec};

const THING: Kind = Kind::AnyOf(&[Kind::Value("Object"), Kind::Value("Points")]);
const FRAME_NAME: Kind = Kind::Text("\"robot\" | frame name");
const WHERE: Kind =
    Kind::AnyOf(&[Kind::Text("\"robot\" | \"camera\" | frame name"), Kind::Value("Object"), Kind::Position]);
const REFERENCE: Kind = Kind::AnyOf(&[Kind::OneOf(&["floor"]), Kind::Value("Object"), Kind::Value("Points")]);

const A: Param = Param::required("a", THING);
const B: Param = Param::required("b", THING);
const VIEWER: Param = Param::required("viewer", WHERE);
const CANDIDATES: Param = Param::required("candidates", Kind::ListOf(&Kind::Value("Object")));
const OBJECTS: Param = Param::required("objects", Kind::ListOf(&Kind::Value("Object")));
const SIDE: Param = Param::required("side", Kind::OneOf(&["left", "right", "front", "behind"]));

/// Declarations.
pub const SPECS: &[ToolSpec] = &[
    ToolSpec {
        path: "tools.Geometry.surface_distance",
        params: &[A, B],
        returns: "Measurement",
        doc: "Smallest distance between the visible surfaces, metres.",
        example: "let both = tools.Scene.find_together([\"mug\", \"bowl\"]); \
                  ReturnAnswer(tools.Geometry.surface_distance(both[0], both[1]));",
    },
    ToolSpec {
        path: "tools.Geometry.distance_from",
        params: &[Param::required("origin", WHERE), A],
        returns: "Measurement",
        doc: "Distance from an origin to the nearest visible point, metres.",
        example: "ReturnAnswer(tools.Geometry.distance_from(\"robot\", tools.Scene.find(\"mug\")));",
    },
    ToolSpec {
        path: "tools.Geometry.distance_to_edge",
        params: &[A, Param::required("surface", Kind::Value("Object"))],
        returns: "Measurement",
        doc: "Horizontal distance from a thing to the nearest edge of the surface it stands on, metres; negative where it overhangs.",
        example: "ReturnAnswer(tools.Geometry.distance_to_edge(tools.Scene.find(\"mug\"), tools.Scene.find(\"table\")));",
    },
    ToolSpec {
        path: "tools.Geometry.bearing",
        params: &[A, Param::optional("frame", FRAME_NAME, "\"robot\"")],
        returns: "Measurement",
        doc: "Angle of the thing's centre about the frame's +z from its +x, radians; positive is left.",
        example: "ReturnAnswer(tools.Geometry.bearing(tools.Scene.find(\"mug\")));",
    },
    ToolSpec {
        path: "tools.Geometry.height",
        params: &[A],
        returns: "Measurement",
        doc: "Vertical extent of the visible part, metres.",
        example: "ReturnAnswer(tools.Geometry.height(tools.Scene.find(\"mug\")));",
    },
    ToolSpec {
        path: "tools.Geometry.width",
        params: &[A],
        returns: "Measurement",
        doc: "Shorter horizontal side of the visible part's box, metres.",
        example: "ReturnAnswer(tools.Geometry.width(tools.Scene.find(\"mug\")));",
    },
    ToolSpec {
        path: "tools.Geometry.length",
        params: &[A],
        returns: "Measurement",
        doc: "Longer horizontal side of the visible part's box, metres.",
        example: "ReturnAnswer(tools.Geometry.length(tools.Scene.find(\"table\")));",
    },
    ToolSpec {
        path: "tools.Geometry.height_above",
        params: &[A, Param::required("reference", REFERENCE), Param::required("part", Kind::OneOf(&["bottom", "top"]))],
        returns: "Measurement",
        doc: "Height of the thing's bottom or top above the floor or above another thing's top surface, metres.",
        example: "ReturnAnswer(tools.Geometry.height_above(tools.Scene.find(\"mug\"), tools.Scene.find(\"table\"), \"top\"));",
    },
    ToolSpec {
        path: "tools.Geometry.side_of",
        params: &[A, SIDE, B, VIEWER],
        returns: "Relation",
        doc: "Whether a is on that side of b for a viewer who looks at b.",
        example: "ReturnAnswer(tools.Geometry.side_of(tools.Scene.find(\"mug\"), \"left\", tools.Scene.find(\"bowl\"), \"robot\"));",
    },
    ToolSpec {
        path: "tools.Geometry.side_of_frame",
        params: &[A, SIDE, Param::required("frame", FRAME_NAME)],
        returns: "Relation",
        doc: "Whether a is on that side of the frame's origin by the frame's own axes (x forward, y left).",
        example: "ReturnAnswer(tools.Geometry.side_of_frame(tools.Scene.find(\"mug\"), \"front\", \"robot\"));",
    },
    ToolSpec {
        path: "tools.Geometry.on_top_of",
        params: &[A, B],
        returns: "Relation",
        doc: "Whether a rests on b.",
        example: "ReturnAnswer(tools.Geometry.on_top_of(tools.Scene.find(\"mug\"), tools.Scene.find(\"table\")));",
    },
    ToolSpec {
        path: "tools.Geometry.inside",
        params: &[A, B],
        returns: "Relation",
        doc: "Whether a is inside the container b.",
        example: "print(tools.Geometry.inside(tools.Scene.find(\"mug\"), tools.Scene.find(\"bowl\")));",
    },
    ToolSpec {
        path: "tools.Geometry.under",
        params: &[A, B],
        returns: "Relation",
        doc: "Whether a is below b, touching or not.",
        example: "print(tools.Geometry.under(tools.Scene.find(\"table\"), tools.Scene.find(\"mug\")));",
    },
    ToolSpec {
        path: "tools.Geometry.support_of",
        params: &[A, CANDIDATES],
        returns: "Object",
        doc: "The candidate directly beneath a; NOT_MEASURABLE when a rests on none of them.",
        example: "print(tools.Geometry.support_of(tools.Scene.find(\"mug\"), tools.Scene.objects()).label);",
    },
    ToolSpec {
        path: "tools.Geometry.resting_on",
        params: &[B, CANDIDATES],
        returns: "list of Object",
        doc: "The candidates that rest directly on b.",
        example: "ReturnAnswer(tools.Geometry.resting_on(tools.Scene.find(\"table\"), tools.Scene.objects()));",
    },
    ToolSpec {
        path: "tools.Geometry.stacked_on",
        params: &[B, CANDIDATES],
        returns: "list of Object",
        doc: "The candidates that rest on b, directly or on one another.",
        example: "print(tools.Geometry.stacked_on(tools.Scene.find(\"table\"), tools.Scene.objects()).len());",
    },
    ToolSpec {
        path: "tools.Geometry.order_left_to_right",
        params: &[OBJECTS, VIEWER],
        returns: "list of Object",
        doc: "The objects from the viewer's left to right; NOT_MEASURABLE when two are too close to call.",
        example: "ReturnAnswer(tools.Geometry.order_left_to_right(tools.Scene.find_together([\"mug\", \"bowl\"]), \"robot\"));",
    },
    ToolSpec {
        path: "tools.Geometry.nearest_to",
        params: &[OBJECTS, Param::required("to", WHERE)],
        returns: "Object",
        doc: "The object with the smallest surface distance; NOT_MEASURABLE when two are too close to call.",
        example: "print(tools.Geometry.nearest_to(tools.Scene.find_together([\"mug\", \"bowl\"]), \"robot\").label);",
    },
    ToolSpec {
        path: "tools.Geometry.displacement",
        params: &[
            Param::required("earlier", Kind::Value("Object")),
            Param::required("later", Kind::Value("Object")),
            Param::optional("min_move_m", Kind::Number, "0.02"),
        ],
        returns: "Displacement",
        doc: "Whether and how far a thing moved between two images (see tools.Scene.find_at).",
        example: "print(tools.Geometry.displacement(tools.Scene.find_at(\"mug\", 0.0), tools.Scene.find(\"mug\")).moved);",
    },
    ToolSpec {
        path: "tools.Geometry.euclidean_distance",
        params: &[Param::required("p", Kind::Position), Param::required("q", Kind::Position)],
        returns: "float",
        doc: "Distance between two positions, without sigma.",
        example: "print(tools.Geometry.euclidean_distance([0, 0, 0], [3, 4, 0]));",
    },
    ToolSpec {
        path: "tools.Geometry.angle_between_vectors",
        params: &[Param::required("u", Kind::Position), Param::required("v", Kind::Position)],
        returns: "float",
        doc: "Angle between two directions, radians.",
        example: "print(tools.Geometry.angle_between_vectors([1, 0, 0], [0, 1, 0]));",
    },
    ToolSpec {
        path: "tools.Geometry.fit_plane",
        params: &[Param::required("points", Kind::AnyOf(&[Kind::Value("Points"), Kind::Value("Object")]))],
        returns: "#{normal: [x, y, z], offset: metres, residual: metres, inliers: int}",
        doc: "The dominant plane, all p with normal . p = offset.",
        example: "print(tools.Geometry.fit_plane(tools.Scene.find(\"table\").points).normal);",
    },
];
