//! Vectors and matrices; all of them also as `np.linalg.f`.

use rhai::{Dynamic, ImmutableString, Map};

use crate::{
    array::{
        Arr,
        linalg::{self, Norm},
        reduce::{self, Over},
    },
    tools::{
        RhaiResult,
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
    Everywhere ["dot", "matmul"] ("a", "b") "" "np.dot([1, 2, 3], [4, 5, 6])" => "int 32", product;
    Np ["vdot", "inner"] ("a", "b") "of vectors" "np.vdot([1, 2], [3, 4])" => "int 11", |call| {
        let (a, b) = (call.arr(0)?, call.arr(1)?);
        if a.rank() > 1 || b.rank() > 1 {
            return Err(call.mistake("wanted two vectors; np.matmul(a, b) multiplies matrices"));
        }
        Ok(convert::value(linalg::product(&a.reshaped(&[a.len()])?, &b.reshaped(&[b.len()])?, &call.work)?))
    };
    Np ["outer"] ("a", "b") "" "np.outer([1, 2], [3, 4])" => "Arr 2x2 [[3, 4], [6, 8]]", |call| {
        let (a, b) = (call.arr(0)?, call.arr(1)?);
        let (column, row) = (a.reshaped(&[a.len(), 1])?, b.reshaped(&[1, b.len()])?);
        Ok(convert::value(column.zip(&row, crate::array::elementwise::Whole::Kept, &call.work, |x, y| x * y)?))
    };
    Everywhere ["cross"] ("a", "b") "" "np.cross([1, 0, 0], [0, 1, 0])" => "Arr [0, 0, 1]", |call| {
        Ok(convert::value(linalg::cross(&call.arr(0)?, &call.arr(1)?, &call.work)?))
    };
    Everywhere ["norm"] ("x", "ord?", "axis?", "keepdims?") "" "np.linalg.norm([[3, 4], [6, 8]], #{axis: 1})" => "Arr [5.0, 10.0]", norm;
    Method ["trace"] ("a") "" "np.trace([[1, 2], [3, 4]])" => "int 5", |call| {
        let a = call.arr(0)?;
        a.matrix_shape("the array")?;
        let diagonal = a.diagonal(&call.work)?;
        Ok(convert::value(diagonal.reduced(&Over::All, &call.work, |v| Ok(reduce::sum(v)))?.counted_as_whole(a.is_whole())))
    };
    Np ["det"] ("a") "" "np.linalg.det([[2, 0], [0, 3]])" => "float 6.0", |call| Ok(Dynamic::from_float(linalg::det(&call.arr(0)?)?));
    Np ["inv"] ("a") "" "np.linalg.inv([[2, 0], [0, 4]])" => "Arr 2x2 [[0.5, 0.0], [0.0, 0.25]]", |call| Ok(convert::value(linalg::inv(&call.arr(0)?)?));
    Np ["pinv"] ("a") "" "np.linalg.pinv([[1], [1]]).round(3)" => "Arr 1x2 [[0.5, 0.5]]", |call| Ok(convert::value(linalg::pinv(&call.arr(0)?, &call.work)?));
    Np ["solve"] ("a", "b") "" "np.linalg.solve([[2, 0], [0, 4]], [2, 2])" => "Arr [1.0, 0.5]", |call| Ok(convert::value(linalg::solve(&call.arr(0)?, &call.arr(1)?)?));
    Np ["lstsq"] ("a", "b", "rcond?") "[x, residuals, rank, s]" "np.linalg.lstsq([[1, 0], [1, 1], [1, 2]], [1, 3, 5])[0].round(6)" => "Arr [1.0, 2.0]", |call| {
        let found = linalg::lstsq(&call.arr(0)?, &call.arr(1)?, &call.work)?;
        Ok(Dynamic::from_array(vec![
            convert::value(found.x),
            Dynamic::from(found.residuals),
            Dynamic::from_int(found.rank as i64),
            Dynamic::from(found.s),
        ]))
    };
    Np ["matrix_rank"] ("a") "" "np.linalg.matrix_rank([[1, 2], [2, 4]])" => "int 1", |call| Ok(Dynamic::from_int(linalg::rank(&call.arr(0)?, &call.work)? as i64));
    Np ["eigh"] ("a") "[ascending values, vectors as columns] of a symmetric matrix" "np.linalg.eigh([[2, 0], [0, 1]])[0]" => "Arr [1.0, 2.0]", |call| {
        let (values, vectors) = linalg::eigh(&call.arr(0)?)?;
        Ok(Dynamic::from_array(vec![Dynamic::from(values), Dynamic::from(vectors)]))
    };
    Np ["eigvalsh"] ("a") "" "np.linalg.eigvalsh([[2, 0], [0, 1]])" => "Arr [1.0, 2.0]", |call| Ok(Dynamic::from(linalg::eigh(&call.arr(0)?)?.0));
    Np ["eig", "eigvals"] ("a") "of symmetric matrices only, as eigh" "np.linalg.eig([[2, 0], [0, 1]])[0]" => "Arr [1.0, 2.0]", |call| {
        let (values, vectors) = linalg::eigh(&call.arr(0)?)?;
        Ok(Dynamic::from_array(vec![Dynamic::from(values), Dynamic::from(vectors)]))
    };
    Np ["svd"] ("a", "full_matrices?") "[U, s, Vt]; U has one column per value of s, Vt as many rows as a has columns" "np.linalg.svd([[3, 0], [0, 2]])[1]" => "Arr [3.0, 2.0]", |call| {
        let found = linalg::svd(&call.arr(0)?, call.flag(1, true)?, &call.work)?;
        Ok(Dynamic::from_array(vec![Dynamic::from(found.u), Dynamic::from(found.s), Dynamic::from(found.vt)]))
    };
    Everywhere ["pca"] ("points") "#{mean, components (rows), explained_variance, explained_variance_ratio}" "pca([[0, 0], [2, 0], [4, 0]]).components[0]" => "Arr [1.0, 0.0]", |call| {
        let found = linalg::pca(&call.arr(0)?, &call.work)?;
        let map: Map = [
            ("mean".into(), Dynamic::from(found.mean)),
            ("components".into(), Dynamic::from(found.components)),
            ("explained_variance".into(), Dynamic::from(found.explained_variance)),
            ("explained_variance_ratio".into(), Dynamic::from(found.explained_variance_ratio)),
        ]
        .into();
        Ok(Dynamic::from_map(map))
    };
};

fn product(call: &Call<'_>) -> RhaiResult<Dynamic> {
    let (a, b) = (call.arr(0)?, call.arr(1)?);
    if a.rank() == 0 || b.rank() == 0 {
        return Ok(convert::value(a.zip(&b, crate::array::elementwise::Whole::Kept, &call.work, |x, y| x * y)?));
    }
    Ok(convert::value(linalg::product(&a, &b, &call.work)?))
}

fn norm(call: &Call<'_>) -> RhaiResult<Dynamic> {
    let a = call.arr(0)?;
    let over = call.over(2)?;
    let is_matrix = a.rank() == 2 && over == Over::All;
    let word = call.arg(1).read_lock::<ImmutableString>().map(|word| word.to_string());
    let kind = match (word.as_deref(), call.has(1)) {
        (Some("fro"), _) | (None, false) => Norm::Euclidean,
        (Some(_), _) => return Err(call.wanted(1, "a number, np.inf or \"fro\"")),
        (None, true) => match call.number(1)? {
            _ if is_matrix => {
                return Err(
                    call.mistake("of a matrix only the Frobenius norm is known; give an axis for norms of rows")
                );
            }
            2.0 => Norm::Euclidean,
            1.0 => Norm::Sum,
            0.0 => Norm::NonZero,
            f64::INFINITY => Norm::Largest,
            f64::NEG_INFINITY => Norm::Smallest,
            p => Norm::Power(p),
        },
    };
    let found: Arr = a.reduced(&over, &call.work, |v| Ok(kind.of(v)))?;
    if call.flag(3, false)? {
        return Ok(Dynamic::from(found.reshaped(&reduce::reduced_shape(a.shape(), &over, true)?)?));
    }
    Ok(convert::value(found))
}
