//! The transport: messages on a pair of streams, a header with the length, then JSON.

use std::io::{self, BufRead, Read, Write};

use lsp_server::{ErrorCode, Message};
use serde_json::{Value, json};

/// The maximum length of a message, in bytes.
const MAX_MESSAGE_BYTES: usize = 1 << 30;

/// An incoming message.
#[derive(Debug)]
pub(super) enum Incoming {
    /// A message.
    Message(Message),
    /// A malformed message, and the error response to it.
    Malformed(Value),
}

/// Reads the next message; `None` where the stream ends.
pub(super) fn read(input: &mut impl BufRead) -> io::Result<Option<Incoming>> {
    let Some(length) = header(input)? else {
        return Ok(None);
    };
    if length > MAX_MESSAGE_BYTES {
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "a message is larger than 1 GiB",
        ));
    }
    let mut body = Vec::new();
    input.take(length as u64).read_to_end(&mut body)?;
    if body.len() < length {
        return Ok(None);
    }
    Ok(Some(message(&body)))
}

/// Reads headers up to the empty line after one with the length; malformed headers are skipped.
fn header(input: &mut impl BufRead) -> io::Result<Option<usize>> {
    let mut length = None;
    let mut line = Vec::new();
    loop {
        line.clear();
        // A header without end is cut.
        let read = input.by_ref().take(1 << 16).read_until(b'\n', &mut line)?;
        if read == 0 {
            return Ok(None);
        }
        let text = String::from_utf8_lossy(&line);
        let text = text.trim();
        match text.split_once(':') {
            Some((name, value)) if name.trim().eq_ignore_ascii_case("content-length") => {
                length = value.trim().parse::<usize>().ok().or(length);
            }
            _ if text.is_empty() && length.is_some() => return Ok(length),
            _ => {}
        }
    }
}

fn message(body: &[u8]) -> Incoming {
    let value: Value = match serde_json::from_slice(body) {
        Ok(value) => value,
        Err(error) => {
            let why = format!("this is not JSON: {error}");
            return Incoming::Malformed(refusal(&Value::Null, ErrorCode::ParseError, &why));
        }
    };
    let id = value.get("id").cloned().unwrap_or(Value::Null);
    // Anything else with an id would be parsed as a response.
    let method = value.get("method");
    let good = match method {
        Some(method) => method.is_string(),
        None => value.get("result").is_some() || value.get("error").is_some(),
    };
    match serde_json::from_value(value) {
        Ok(message) if good => Incoming::Message(message),
        _ => {
            let why = "this is neither a request nor a notification nor a response";
            Incoming::Malformed(refusal(&id, ErrorCode::InvalidRequest, why))
        }
    }
}

/// The error response to a malformed message.
fn refusal(id: &Value, code: ErrorCode, why: &str) -> Value {
    json!({ "id": id, "error": { "code": code as i32, "message": why } })
}

/// Writes a message: the fields of a JSON object.
pub(super) fn write(output: &mut dyn Write, message: &Value) -> io::Result<()> {
    let mut whole = json!({ "jsonrpc": "2.0" });
    if let (Some(whole), Some(fields)) = (whole.as_object_mut(), message.as_object()) {
        whole.extend(
            fields
                .iter()
                .map(|(name, value)| (name.clone(), value.clone())),
        );
    }
    let body = serde_json::to_vec(&whole)?;
    write!(output, "Content-Length: {}\r\n\r\n", body.len())?;
    output.write_all(&body)?;
    output.flush()
}
