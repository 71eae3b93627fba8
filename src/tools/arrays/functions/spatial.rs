//! Distances, neighbours and hulls, as in scipy.spatial.

use rhai::{Dynamic, Map};

use crate::{
    array::{
        Arr, Tree,
        distances::{self, METRICS, Metric},
        hull,
        tree::Near,
    },
    tools::{
        RhaiResult, ToolError,
        arrays::{
            call::Call,
            convert,
            declaration::{Form, Function, Run},
        },
    },
};

macro_rules! table {
    ($($form:ident [$($name:literal),+] ($($param:literal),*) $doc:literal $example:literal => $result:literal, $run:expr;)*) => {
        &[$(Function {
            names: &[$($name),+],
            params: &[$($param),*],
            form: Form::$form,
            doc: $doc,
            example: ($example, $result),
            run: Run::Call($run),
        }),*]
    };
}

/// Declarations.
pub const FUNCTIONS: &[Function] = table! {
    Everywhere ["cdist"] ("a", "b", "metric?") "all distances between rows, one row per row of a" "cdist([[0, 0]], [[3, 4], [0, 1]])" => "Arr 1x2 [[5.0, 1.0]]", |call| {
        Ok(Dynamic::from(distances::cdist(&rows(call, 0)?, &rows(call, 1)?, metric(call, 2)?, &call.work)?))
    };
    Everywhere ["pdist"] ("x", "metric?") "" "pdist([[0, 0], [3, 4], [0, 1]]).min()" => "float 1.0", |call| {
        Ok(Dynamic::from(distances::pdist(&rows(call, 0)?, metric(call, 1)?, &call.work)?))
    };
    Everywhere ["squareform"] ("x") "" "squareform([5])" => "Arr 2x2 [[0.0, 5.0], [5.0, 0.0]]", |call| {
        Ok(Dynamic::from(distances::squareform(&call.arr(0)?.counted_as_whole(false), &call.work)?))
    };
    Everywhere ["KDTree", "cKDTree"] ("data") "of Points or a KxD array, D up to 8" "KDTree([[0, 0, 0], [1, 0, 0]]).query([0.9, 0, 0])[1]" => "int 1", |call| {
        Ok(Dynamic::from(Tree::new(&rows(call, 0)?, &call.work)?))
    };
    Bare ["query"] ("tree", "x", "k?", "distance_upper_bound?") "as tree.query(p): [distance, index]; of many places, or with k above 1, two Arr" "KDTree([[0, 0], [1, 0]]).query([[0.9, 0], [0, 0]])[0].round(3)" => "Arr [0.1, 0.0]", query;
    Bare ["query_ball_point", "query_radius"] ("tree", "x", "r") "as tree.query_radius(p, r): Arr of indices; of many places a list of them" "KDTree([[0, 0], [1, 0]]).query_radius([0, 0], 1)" => "Arr [0, 1]", within;
    Everywhere ["convex_hull", "ConvexHull"] ("points") "#{vertices, simplices, volume, area} of Kx2 or Kx3; in the plane volume is the area" "convex_hull([[0, 0], [2, 0], [0, 1]]).volume" => "float 1.0", |call| {
        let points = rows(call, 0)?;
        let found = hull::convex_hull(&points, &call.work)?;
        let width = found.simplices.first().map_or(0, Vec::len);
        let corners: Vec<f64> = found.simplices.iter().flatten().map(|at| *at as f64).collect();
        let simplices = Arr::new(&[found.simplices.len(), width], corners)?.counted_as_whole(true);
        let map: Map = [
            ("vertices".into(), Dynamic::from(Arr::of_counts(found.vertices))),
            ("simplices".into(), Dynamic::from(simplices)),
            ("volume".into(), Dynamic::from_float(found.volume)),
            ("area".into(), Dynamic::from_float(found.area)),
            ("points".into(), Dynamic::from(points)),
        ]
        .into();
        Ok(Dynamic::from_map(map))
    };
};

/// Points as rows; a single one is one row.
fn rows(call: &Call<'_>, at: usize) -> RhaiResult<Arr> {
    let a = call.arr(at)?;
    if a.rank() == 1 && matches!(call.param(at), "a" | "b") {
        return Ok(a.reshaped(&[1, a.len()])?);
    }
    Ok(a)
}

fn metric(call: &Call<'_>, at: usize) -> RhaiResult<Metric> {
    let Some(word) = call.word(at)? else { return Ok(Metric::Euclidean) };
    METRICS.iter().find(|(name, _)| *name == word).map(|(_, metric)| *metric).ok_or_else(|| {
        let names: Vec<&str> = METRICS.iter().map(|(name, _)| *name).collect();
        call.wanted(at, &format!("one of {}", names.join(", ")))
    })
}

fn tree(call: &Call<'_>) -> RhaiResult<Tree> {
    call.arg(0)
        .read_lock::<Tree>()
        .map(|tree| tree.clone())
        .ok_or_else(|| ToolError::argument("query is a method of a tree: KDTree(points).query(p)").into())
}

/// Places to ask for, and whether there is only one, as a vector.
fn places(call: &Call<'_>) -> RhaiResult<(Arr, bool)> {
    let places = call.arr(1)?;
    match places.rank() {
        0 | 1 => Ok((places.reshaped(&[1, places.len()])?, true)),
        _ => Ok((places, false)),
    }
}

fn query(call: &Call<'_>) -> RhaiResult<Dynamic> {
    let (tree, (places, is_single)) = (tree(call)?, places(call)?);
    let k = call.count(2, 1)?;
    let reach = call.optional_number(3)?.unwrap_or(f64::INFINITY);
    let found: Vec<Near> = tree.nearest(&places, k, reach, &call.work)?;
    let n = places.shape().first().copied().unwrap_or(0);
    let shape: Vec<usize> = match (is_single, k) {
        (true, 1) => vec![],
        (true, k) => vec![k],
        (false, 1) => vec![n],
        (false, k) => vec![n, k],
    };
    let distances = Arr::new(&shape, found.iter().map(|near| near.distance).collect())?;
    let at = Arr::new(&shape, found.iter().map(|near| near.at as f64).collect())?.counted_as_whole(true);
    Ok(Dynamic::from_array(vec![convert::value(distances), convert::value(at)]))
}

fn within(call: &Call<'_>) -> RhaiResult<Dynamic> {
    let (tree, (places, is_single)) = (tree(call)?, places(call)?);
    let found = tree.within(&places, call.number(2)?, &call.work)?;
    let mut lists: Vec<Dynamic> = found.into_iter().map(|list| Dynamic::from(Arr::of_counts(list))).collect();
    if is_single {
        return Ok(lists.pop().unwrap_or(Dynamic::UNIT));
    }
    Ok(Dynamic::from_array(lists))
}
