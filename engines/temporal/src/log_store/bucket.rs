//! Logs in a bucket of an object store that speaks S3. Objects cannot be appended to, so a log is a
//! row of objects, each named by where it begins: `PREFIX/RUN/NODE.log/000000000000002a`.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use lockstep_access::http_agent;
use lockstep_base::node_path::NodePath;
use lockstep_engine::run_event::Stream;
use lockstep_runtime::logs::{file_name, node_of};
use lockstep_runtime::process::OutputLine;
use rusty_s3::actions::ListObjectsV2;
use rusty_s3::{Bucket, Credentials, S3Action, UrlStyle};
use url::Url;

use super::{LogEnds, LogPiece, PresentLog};

/// A request to the store that takes longer has failed.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

/// So long the signature of a request is good for.
const SIGNED_FOR: Duration = Duration::from_secs(300);

/// A request that fails is made so often.
const TRIES: u32 = 4;

/// An answer is not longer than this.
const MAX_ANSWER_BYTES: u64 = 64 * 1024 * 1024;

/// The region of a store that has none.
const DEFAULT_REGION: &str = "us-east-1";

/// The XML namespace of answers, and the one that some stores still have.
const NAMESPACE: &str = "http://s3.amazonaws.com/doc/2006-03-01/";
const OLD_NAMESPACE: &str = "http://doc.s3.amazonaws.com/2006-03-01/";

/// Why a bucket cannot be used: a sentence for people, without a full stop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BucketError(String);

impl std::fmt::Display for BucketError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for BucketError {}

/// A bucket of logs. Its clones are the same.
#[derive(Debug, Clone)]
pub(super) struct BucketLogs(Arc<BucketParts>);

struct BucketParts {
    bucket: Bucket,
    credentials: Credentials,
    /// What the names of all objects begin with; empty, or with `/` at its end.
    prefix: String,
    agent: ureq::Agent,
}

impl std::fmt::Debug for BucketParts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The credentials are secret.
        write!(f, "BucketParts({})", self.bucket.name())
    }
}

impl BucketLogs {
    /// The bucket `BUCKET/PREFIX`.
    pub(super) fn named(
        name: &str,
        variable: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self, BucketError> {
        let set = |name: &str| variable(name).filter(|text| !text.trim().is_empty());
        let needs = |name: &str| {
            let missing = || BucketError(format!("the bucket needs the variable `{name}`"));
            set(name).ok_or_else(missing)
        };
        let (bucket, prefix) = name.split_once('/').unwrap_or((name, ""));
        let region = set("AWS_REGION").or_else(|| set("AWS_DEFAULT_REGION"));
        let region = region.unwrap_or_else(|| String::from(DEFAULT_REGION));
        let named = set("AWS_ENDPOINT_URL_S3").or_else(|| set("AWS_ENDPOINT_URL"));
        let (endpoint, style) = match named {
            // Stores other than that of AWS have no names for each bucket.
            Some(endpoint) => (endpoint, UrlStyle::Path),
            None => (
                format!("https://s3.{region}.amazonaws.com"),
                UrlStyle::VirtualHost,
            ),
        };
        let malformed = || BucketError(format!("`s3://{name}` at `{endpoint}` is no bucket"));
        let url: Url = endpoint.parse().map_err(|_| malformed())?;
        let bucket = Bucket::new(url, style, bucket.to_owned(), region);
        let bucket = bucket.map_err(|_| malformed())?;
        let (key, secret) = (needs("AWS_ACCESS_KEY_ID")?, needs("AWS_SECRET_ACCESS_KEY")?);
        let credentials = match set("AWS_SESSION_TOKEN") {
            Some(token) => Credentials::new_with_token(key, secret, token),
            None => Credentials::new(key, secret),
        };
        let prefix = prefix.trim_matches('/');
        let prefix = match prefix.is_empty() {
            true => String::new(),
            false => format!("{prefix}/"),
        };
        Ok(Self(Arc::new(BucketParts {
            bucket,
            credentials,
            prefix,
            agent: http_agent(REQUEST_TIMEOUT),
        })))
    }

    fn of_run(&self, run: &str) -> String {
        format!("{}{run}/", self.0.prefix)
    }

    fn of_node(&self, run: &str, node: &str) -> String {
        format!("{}{}/", self.of_run(run), file_name(node))
    }

    pub(super) fn writer(&self, run: &str, node: &NodePath) -> BucketWriter {
        BucketWriter {
            bucket: self.clone(),
            key: self.of_node(run, node),
            end: None,
            held: Vec::new(),
            unended: None,
        }
    }

    pub(super) fn present(&self, run: &str) -> Result<Vec<PresentLog>, BucketError> {
        let prefix = self.of_run(run);
        let mut lengths: BTreeMap<String, u64> = BTreeMap::new();
        for (key, size) in self.list(&prefix, None)? {
            let rest = key.strip_prefix(&prefix).unwrap_or_default();
            let Some((name, offset)) = rest.split_once('/') else {
                continue;
            };
            if let Ok(offset) = u64::from_str_radix(offset, 16) {
                let length = lengths.entry(name.to_owned()).or_default();
                *length = (*length).max(offset + size);
            }
        }
        // One whose name is shortened is read when its command has ended.
        let known = |(name, length): (String, u64)| {
            let node = node_of(&name)?;
            Some(PresentLog { node, length })
        };
        Ok(lengths.into_iter().filter_map(known).collect())
    }

    pub(super) fn new_pieces(
        &self,
        run: &str,
        node: &NodePath,
        limit: u64,
        ends: &mut LogEnds,
    ) -> Result<Vec<LogPiece>, BucketError> {
        let prefix = self.of_node(run, node);
        let end = ends.0.entry(node.clone()).or_default();
        if *end >= limit {
            return Ok(Vec::new());
        }
        // What was read last is the one before the end.
        let after = end
            .checked_sub(1)
            .map(|last| format!("{prefix}{last:016x}"));
        let mut pieces = Vec::new();
        for (key, _) in self.list(&prefix, after)? {
            let offset = key.strip_prefix(&prefix);
            let offset = offset.and_then(|offset| u64::from_str_radix(offset, 16).ok());
            let Some(offset) = offset.filter(|offset| *offset >= *end && *offset < limit) else {
                continue;
            };
            let action = self.0.bucket.get_object(Some(&self.0.credentials), &key);
            let bytes = self.ask(&action.sign(SIGNED_FOR), None)?;
            *end = offset + bytes.len() as u64;
            let node = node.clone();
            pieces.push(LogPiece {
                node,
                offset,
                bytes,
            });
        }
        Ok(pieces)
    }

    /// The objects whose names begin like this, behind one of them, with their sizes.
    fn list(&self, prefix: &str, after: Option<String>) -> Result<Vec<(String, u64)>, BucketError> {
        let mut found = Vec::new();
        let mut token: Option<String> = None;
        loop {
            let mut action = self.0.bucket.list_objects_v2(Some(&self.0.credentials));
            action.with_prefix(prefix.to_owned());
            if let Some(after) = &after {
                action.with_start_after(after.clone());
            }
            if let Some(token) = &token {
                action.with_continuation_token(token.clone());
            }
            let answer = self.ask(&action.sign(SIGNED_FOR), None)?;
            let answer = String::from_utf8_lossy(&answer).replace(OLD_NAMESPACE, NAMESPACE);
            let listed = ListObjectsV2::parse_response(&answer);
            let listed = listed.map_err(|error| {
                BucketError(format!(
                    "the answer of the log store cannot be read: {error}"
                ))
            })?;
            found.extend(
                listed
                    .contents
                    .into_iter()
                    .map(|it| (it.key, it.size.unwrap_or(0))),
            );
            token = listed.next_continuation_token;
            if token.is_none() {
                return Ok(found);
            }
        }
    }

    fn put(&self, key: &str, bytes: &[u8]) -> Result<(), BucketError> {
        let action = self.0.bucket.put_object(Some(&self.0.credentials), key);
        self.ask(&action.sign(SIGNED_FOR), Some(bytes)).map(drop)
    }

    /// Makes a request, with something to be put, if there is.
    fn ask(&self, url: &Url, put: Option<&[u8]>) -> Result<Vec<u8>, BucketError> {
        let mut why = String::new();
        for again in 0..TRIES {
            if again > 0 {
                std::thread::sleep(Duration::from_millis(200 << again));
            }
            let asked = match put {
                Some(bytes) => self.0.agent.put(url.as_str()).send(bytes),
                None => self.0.agent.get(url.as_str()).call(),
            };
            let mut answer = match asked {
                Ok(answer) => answer,
                Err(error) => {
                    why = error.to_string();
                    continue;
                }
            };
            let status = answer.status();
            if status.is_success() {
                let body = answer.body_mut().with_config().limit(MAX_ANSWER_BYTES);
                match body.read_to_vec() {
                    Ok(body) => return Ok(body),
                    Err(error) => why = error.to_string(),
                }
            } else {
                why = format!("status {status}");
                if status.is_client_error() && status.as_u16() != 429 {
                    break;
                }
            }
        }
        let name = self.0.bucket.name();
        Err(BucketError(format!(
            "the log store `s3://{name}` cannot be used: {why}"
        )))
    }
}

/// Writes the log of one node to a bucket.
#[derive(Debug)]
pub struct BucketWriter {
    bucket: BucketLogs,
    /// What the names of its objects begin with.
    key: String,
    /// How long the log is; nothing where that is not known yet.
    end: Option<u64>,
    held: Vec<u8>,
    /// The stream whose line has no end yet.
    unended: Option<Stream>,
}

impl BucketWriter {
    /// Appends a line, or a piece of one.
    pub(super) fn line(&mut self, line: OutputLine<'_>) {
        if self.unended.is_some_and(|unended| unended != line.stream) {
            self.held.push(b'\n');
        }
        self.held.extend_from_slice(line.text.as_bytes());
        self.unended = (!line.is_ended).then_some(line.stream);
        if line.is_ended {
            self.held.push(b'\n');
        }
    }

    /// Writes what has been appended.
    pub(super) fn flush(&mut self) -> Result<(), BucketError> {
        if self.held.is_empty() {
            return Ok(());
        }
        let end = match self.end {
            Some(end) => end,
            // Another try of the node may have written to it.
            None => {
                let known = self.bucket.list(&self.key, None)?;
                let ends = known.iter().filter_map(|(key, size)| {
                    let offset = key.strip_prefix(&self.key)?;
                    Some(u64::from_str_radix(offset, 16).ok()? + size)
                });
                ends.max().unwrap_or(0)
            }
        };
        self.bucket
            .put(&format!("{}{end:016x}", self.key), &self.held)?;
        self.end = Some(end + self.held.len() as u64);
        self.held.clear();
        Ok(())
    }
}
