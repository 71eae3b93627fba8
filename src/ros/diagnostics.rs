use super::convert;
use crate::app::App;
use futures::future::BoxFuture;
use std::sync::Arc;
pub fn create(_node: &mut r2r::Node, _app: &Arc<App>, _name: &str) -> r2r::Result<Vec<BoxFuture<'static, ()>>> { Ok(vec![]) }
