//! What comes with a request, refused as a problem where it cannot be understood.

use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, JsonRejection, PathRejection, QueryRejection};
use axum::extract::{FromRequest, FromRequestParts, Query, Request};
use axum::http::StatusCode;
use axum::http::request::Parts;
use serde::de::DeserializeOwned;

use super::problem::Problem;

/// The parameters of the query.
pub(crate) struct Params<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Params<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let read = Query::<T>::from_request_parts(parts, state).await;
        let why = |error: QueryRejection| Problem::bad_request(plain(&error.body_text()));
        read.map(|Query(read)| Self(read)).map_err(why)
    }
}

/// The parts of the address that differ.
pub(crate) struct Path<T>(pub(crate) T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Path<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let read = axum::extract::Path::<T>::from_request_parts(parts, state).await;
        let why = |error: PathRejection| Problem::bad_request(plain(&error.body_text()));
        read.map(|axum::extract::Path(read)| Self(read))
            .map_err(why)
    }
}

/// The body as it came.
pub(crate) struct RawBody(pub(crate) Bytes);

impl<S: Send + Sync> FromRequest<S> for RawBody {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let read = Bytes::from_request(request, state).await;
        read.map(Self).map_err(|error| not_read(&error))
    }
}

fn not_read(error: &BytesRejection) -> Problem {
    match error.status() {
        StatusCode::PAYLOAD_TOO_LARGE => Problem::too_large(),
        _ => Problem::bad_request(plain(&error.body_text())),
    }
}

/// What the libraries say, without the types of this program.
fn plain(said: &str) -> String {
    let said = match said.rsplit_once("target type: ") {
        Some((_, why)) => why,
        None => said,
    };
    let types = ["i64", "u64", "u32", "usize"];
    let words = said.split(' ').map(|word| {
        let bare = word.trim_matches(|char: char| !char.is_alphanumeric());
        match types.contains(&bare) {
            true => word.replace(bare, "number").replace('`', ""),
            false => word.to_owned(),
        }
    });
    words.collect::<Vec<_>>().join(" ")
}

/// The body, as JSON. An empty one is `{}`.
pub(crate) struct Body<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let read = axum::Json::<T>::from_request(request, state).await;
        read.map(|axum::Json(read)| Self(read))
            .map_err(|error| match error {
                JsonRejection::BytesRejection(error) => not_read(&error),
                error => Problem::bad_request(plain(&error.body_text())),
            })
    }
}

#[cfg(test)]
mod tests {
    use super::plain;

    #[test]
    fn no_type_of_this_program_is_named() {
        for (said, wanted) in [
            (
                "Invalid URL: Cannot parse `x` to a `i64`",
                "Invalid URL: Cannot parse `x` to a number",
            ),
            (
                "Failed to deserialize the JSON body into the target type: days: invalid value: \
                 integer `-1`, expected u32 at line 1 column 9",
                "days: invalid value: integer `-1`, expected number at line 1 column 9",
            ),
        ] {
            assert_eq!(plain(said), wanted);
        }
    }
}
