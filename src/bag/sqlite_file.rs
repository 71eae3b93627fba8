//! Bags in SQLite files, as rosbag2 writes them where it is told `sqlite3`.

use std::path::Path;

use rusqlite::{Connection, OpenFlags, types::ValueRef};

use super::{
    BagError, MAX_MESSAGE_BYTES,
    rosbag::{Each, RawMessage},
};

/// Hands every message to `each`, in the order in which they were received.
///
/// # Errors
/// [`BagError`], and those of `each`.
pub fn read(path: &Path, each: &mut Each<'_>) -> Result<(), BagError> {
    let damaged = |error: rusqlite::Error| BagError::damaged(path, format!("SQLite says: {error}"));
    let connection = connect(path).map_err(damaged)?;
    check_tables(&connection, path)?;
    // Receiving numbers messages, and no index is needed for that order.
    let mut statement = connection
        .prepare("SELECT t.name, t.type, t.serialization_format, m.data FROM messages m JOIN topics t ON t.id = m.topic_id ORDER BY m.id")
        .map_err(damaged)?;
    let mut rows = statement.query([]).map_err(damaged)?;
    let mut n_messages = 0_u64;
    while let Some(row) = rows.next().map_err(damaged)? {
        n_messages += 1;
        let text = |column: usize| match row.get_ref(column) {
            Ok(ValueRef::Text(bytes)) => Ok(String::from_utf8_lossy(bytes)),
            Ok(other) => Err(unexpected(path, n_messages, "a text", other.data_type())),
            Err(error) => Err(damaged(error)),
        };
        let (topic, type_name, format) = (text(0)?, text(1)?, text(2)?);
        let data = match row.get_ref(3).map_err(damaged)? {
            ValueRef::Blob(data) if data.len() <= MAX_MESSAGE_BYTES => data,
            ValueRef::Blob(data) => {
                let problem = format!("message {n_messages} has {} bytes, at most {MAX_MESSAGE_BYTES}", data.len());
                return Err(BagError::damaged(path, problem));
            }
            other => return Err(unexpected(path, n_messages, "bytes", other.data_type())),
        };
        let type_name = if format == "cdr" { type_name.as_ref() } else { "" };
        each(RawMessage { topic: &topic, type_name, data })?;
    }
    Ok(())
}

/// Reads only. Without a log of changes beside it the file is taken as it stands, which works where nothing may be written.
fn connect(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    let connection = match path.to_str() {
        Some(text) if !Path::new(&log).exists() => {
            let escaped = text.replace('%', "%25").replace('?', "%3f").replace('#', "%23");
            let uri = format!("file:{escaped}?immutable=1");
            Connection::open_with_flags(uri, flags | OpenFlags::SQLITE_OPEN_URI)?
        }
        _ => Connection::open_with_flags(path, flags)?,
    };
    // What stands in the file's own schema must not run.
    connection
        .execute_batch("PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON; PRAGMA cache_size = -16384;")?;
    Ok(connection)
}

/// Tables, not views: those could compute for ever.
fn check_tables(connection: &Connection, path: &Path) -> Result<(), BagError> {
    let count = "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name IN ('topics', 'messages') AND sql LIKE 'CREATE TABLE%'";
    let n_tables: i64 = connection
        .query_row(count, [], |row| row.get(0))
        .map_err(|error| BagError::damaged(path, format!("SQLite says: {error}")))?;
    if n_tables != 2 {
        return Err(BagError::other_kind(
            path,
            "an SQLite file without the tables \"topics\" and \"messages\"",
            "a rosbag2 (.db3)",
        ));
    }
    Ok(())
}

fn unexpected(path: &Path, n_messages: u64, expected: &str, found: rusqlite::types::Type) -> BagError {
    BagError::damaged(path, format!("message {n_messages} has {found} where {expected} should be"))
}
