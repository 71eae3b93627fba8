//! Declarations of `tools.Geometry`.

use crate::tools::{Kind, Param, ToolSpec};

const THING: Kind = Kind::AnyOf(&[Kind::Value("Object"), Kind::Value("Points")]);
const FRAME_NAME: Kind = Kind::Text("\"robot\" | frame name");
const WHERE: Kind =
    Kind::AnyOf(&[Kind::Text("\"robot\" | \"camera\" | frame name"), Kind::Value("Object"), Kind::Position]);
const REFERENCE: Kind = Kind::AnyOf(&[Kind::OneOf(&["floor"]), Kind::Value("Object"), Kind::Value("Points")]);

const POSITIONS: Kind = Kind::AnyOf(&[Kind::Position, Kind::ListOf(&Kind::Position), Kind::Value("Points")]);
const LOOKED_UP: &[Param] =
    &[Param::required("position", Kind::Position), Param::required("quaternion_xyzw", Kind::Numbers)];
const MATRIX: Kind = Kind::AnyOf(&[Kind::ListOf(&Kind::Numbers), Kind::Options(LOOKED_UP)]);
const LINE: Kind =
    Kind::AnyOf(&[Kind::Value("Plane"), Kind::Value("OrientedBox"), Kind::Value("Object"), Kind::Position]);

const THING_PARAM: Param = Param::required("thing", THING);
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
        doc: "Height of the thing's bottom or top above the floor or above another thing's top surface (where that is nearest), metres.",
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
        doc: "The candidates that rest on b, directly, inside it, or on one another.",
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
        path: "tools.Geometry.oriented_box",
        params: &[THING_PARAM],
        returns: "OrientedBox",
        doc: "The smallest box of any orientation around the visible surface: sides, axes and sigma per side.",
        example: "print(tools.Geometry.oriented_box(tools.Scene.find(\"box\")).sides[0]);",
    },
    ToolSpec {
        path: "tools.Geometry.fit_plane",
        params: &[THING_PARAM, Param::optional("normal", Kind::Position, "any").about("within 30 degrees of it")],
        returns: "Plane",
        doc: "The dominant plane of a thing, by RANSAC and total least squares; of a table from the front that may be its front, so pass \
              [0, 0, 1] to get its top.",
        example: "let top = tools.Geometry.fit_plane(tools.Scene.find(\"table\"), [0, 0, 1]); \
                  print(top.normal); print(top.height_of(tools.Scene.find(\"mug\")));",
    },
    ToolSpec {
        path: "tools.Geometry.angle_between",
        params: &[Param::required("a", LINE), Param::required("b", LINE)],
        returns: "Measurement",
        doc: "Angle in radians (see .degrees) between planes, boxes (their longest side) and directions: 0..180 degrees between two \
              directions, else 0..90; a plane counts by its surface, so a direction along it has angle 0.",
        example: "let top = tools.Geometry.fit_plane(tools.Scene.find(\"table\"), [0, 0, 1]); \
                  print(tools.Geometry.angle_between(top, [0, 0, 1]).degrees);",
    },
    ToolSpec {
        path: "tools.Geometry.free_space_between",
        params: &[
            A,
            B,
            Param::optional("height", Kind::Number, "the lower one's")
                .about("metres above what they stand on that must be free"),
        ],
        returns: "FreeSpace",
        doc: "Gap between two things and the widest straight lane between them, given everything else that is visible. What no camera \
              saw is unknown, not free.",
        example: "let both = tools.Scene.find_together([\"mug\", \"bowl\"]); \
                  print(tools.Geometry.free_space_between(both[0], both[1]));",
    },
    ToolSpec {
        path: "tools.Geometry.fits",
        params: &[
            Param::required("thing", Kind::AnyOf(&[Kind::Value("Object"), Kind::Numbers]))
                .about("or [length, width, height] in metres, numbers or Measurements"),
            A,
            B,
        ],
        returns: "Relation",
        doc: "Whether a thing, upright and turned to fit, passes between two others; NOT_MEASURABLE when that depends on what no camera saw.",
        example: "let both = tools.Scene.find_together([\"mug\", \"bowl\"]); \
                  ReturnAnswer(tools.Geometry.fits([0.1, 0.05, 0.05], both[0], both[1]));",
    },
    ToolSpec {
        path: "tools.Geometry.clearance",
        params: &[THING_PARAM],
        returns: "Measurement",
        doc: "Distance to the nearest other visible surface, metres; what the thing stands on does not count.",
        example: "ReturnAnswer(tools.Geometry.clearance(tools.Scene.find(\"mug\")));",
    },
    ToolSpec {
        path: "tools.Geometry.motion",
        params: &[
            Param::required(
                "what",
                Kind::AnyOf(&[
                    Kind::Text("name"),
                    Kind::Value("Object"),
                    Kind::Value("PerFrameMask"),
                    Kind::ListOf(&Kind::Value("Object")),
                ]),
            ),
            Param::optional("window_secs", Kind::Number, "all images"),
            Param::optional("min_move_m", Kind::Number, "0.02"),
        ],
        returns: "Motion",
        doc: "Whether a thing stood still or moved over the images of the last seconds, with velocity, path and direction in the fixed \
              frame. The camera's own motion does not count.",
        example: "try { print(tools.Geometry.motion(\"mug\")); } catch (e) { print(e.code); }",
    },
    ToolSpec {
        path: "tools.Geometry.direction_of",
        params: &[
            A,
            Param::optional("from", WHERE, "\"robot\""),
            Param::optional("frame", FRAME_NAME, "\"robot\"").about("whose axes count"),
        ],
        returns: "Direction",
        doc: "Where a thing lies from a place by the axes of a frame (x forward, y left): word, angle, elevation.",
        example: "print(tools.Geometry.direction_of(tools.Scene.find(\"mug\"), \"robot\"));",
    },
    ToolSpec {
        path: "tools.Geometry.gravity",
        params: &[Param::optional("source", Kind::OneOf(&["tf", "imu", "ransac"]), "the first that knows")],
        returns: "Gravity",
        doc: "Up in the fixed frame: from the frame itself (map, odom), from an IMU at rest, or from the plane of the floor or a table, in \
              that order unless asked. Sources that disagree are reported.",
        example: "print(tools.Geometry.gravity());",
    },
    ToolSpec {
        path: "tools.Geometry.euclidean_distance",
        params: &[Param::required("p", POSITIONS), Param::required("q", POSITIONS)],
        returns: "float, or Arr of float",
        doc: "Distance between two positions, or between each of a list and one or as many others, without sigma.",
        example: "print(tools.Geometry.euclidean_distance([0, 0, 0], [3, 4, 0]));",
    },
    ToolSpec {
        path: "tools.Geometry.angle_between_vectors",
        params: &[
            Param::required("u", Kind::Position),
            Param::required("v", Kind::Position),
            Param::optional("degrees", Kind::Bool, "false"),
        ],
        returns: "float",
        doc: "Angle between two directions, radians unless degrees is true, without sigma.",
        example: "print(tools.Geometry.angle_between_vectors([1, 0, 0], [0, 1, 0], #{degrees: true}));",
    },
    ToolSpec {
        path: "tools.Geometry.project_point_to_camera",
        params: &[
            Param::required("point", POSITIONS),
            Param::required("camera", Kind::AnyOf(&[Kind::Value("Frame"), MATRIX]))
                .about("a pose is world from camera"),
            Param::optional("fx", Kind::Number, "").about("pixels; fx, fy, cx, cy only with a pose"),
            Param::optional("fy", Kind::Number, ""),
            Param::optional("cx", Kind::Number, ""),
            Param::optional("cy", Kind::Number, ""),
        ],
        returns: "[u, v], or list of these",
        doc: "Pixel of a position (fixed frame with a Frame); () behind the camera. It may lie outside the image.",
        example: "print(tools.Geometry.project_point_to_camera(tools.Scene.find(\"mug\").center, InputImages[-1]));",
    },
    ToolSpec {
        path: "tools.Geometry.rotation_matrix_from_vectors",
        params: &[Param::required("from", Kind::Position), Param::required("to", Kind::Position)],
        returns: "3x3 Arr",
        doc: "The smallest rotation that turns one direction into another.",
        example: "print(tools.Geometry.rotation_matrix_from_vectors([1, 0, 0], [0, 1, 0]));",
    },
    ToolSpec {
        path: "tools.Geometry.transform_points",
        params: &[Param::required("points", POSITIONS), Param::required("matrix", MATRIX)],
        returns: "positions in the same shape",
        doc: "Positions moved by a 4x4 matrix or by what tools.TF.lookup returns; Points become an Arr.",
        example: "print(tools.Geometry.transform_points([1, 0, 0], tools.TF.lookup(\"map\", \"base_link\")));",
    },
    ToolSpec {
        path: "tools.Geometry.fit_ground_plane_ransac",
        params: &[
            Param::required("points", POSITIONS),
            Param::optional("confidence", Kind::Numbers, "all count"),
            Param::optional("conf_threshold", Kind::Number, "0.3"),
            Param::optional("n_iterations", Kind::Int, "1000"),
            Param::optional("inlier_threshold", Kind::Number, "0.05").about("metres"),
        ],
        returns: "[normal, inliers]",
        doc: "The plane that holds most points: unit normal (upward) and Bools that say which lie on it (points[inliers] of an Arr or Points); \
              [(), ()] below 100 points or 50 inliers. tools.Geometry.fit_plane gives a Plane with sigma.",
        example: "print(tools.Geometry.fit_ground_plane_ransac(tools.Scene.find(\"table\").points)[0]);",
    },
    ToolSpec {
        path: "tools.Geometry.normalized_to_pixel",
        params: &[
            Param::required("coords", Kind::Numbers).about("x and y in turn, 0..1000"),
            Param::required("width", Kind::Number),
            Param::required("height", Kind::Number),
        ],
        returns: "pixels in the same shape",
        doc: "Coordinates in thousandths of the image as pixels.",
        example: "print(tools.Geometry.normalized_to_pixel([500, 250, 1000, 1000], 640, 480));",
    },
];
