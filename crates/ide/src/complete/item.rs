//! What a completion is. It does not know which there are.

use lockstep_base::source::Span;

/// What a completion stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum CompletionKind {
    Keyword,
    Value,
    Variable,
    Service,
    Environment,
    Infrastructure,
    Kind,
    Field,
    Parameter,
    Function,
    Workflow,
    Action,
    Pipeline,
    Namespace,
    File,
    Type,
    Word,
}

/// Something that could stand at a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Completion {
    /// What is shown, and typed to choose it.
    pub label: String,
    /// What it stands for.
    pub kind: CompletionKind,
    /// A type or a signature.
    pub detail: Option<String>,
    /// Documentation in Markdown.
    pub doc: Option<String>,
    /// What is put in, where it is more than the label.
    pub insert: Option<String>,
    /// What is put in where the editor can fill in gaps, written `${1:name}` and `$0`.
    pub snippet: Option<String>,
    /// What fits best has the smallest number.
    pub rank: u8,
}

impl Completion {
    /// A completion that puts in what it shows.
    pub fn new(label: impl Into<String>, kind: CompletionKind) -> Self {
        Self {
            label: label.into(),
            kind,
            detail: None,
            doc: None,
            insert: None,
            snippet: None,
            rank: 5,
        }
    }

    /// Adds a type or a signature.
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// Adds documentation.
    pub fn doc(mut self, doc: Option<impl ToString>) -> Self {
        self.doc = doc.map(|doc| doc.to_string());
        self
    }

    /// Puts in something else than it shows.
    pub fn insert(mut self, insert: impl Into<String>) -> Self {
        self.insert = Some(insert.into());
        self
    }

    /// Puts in a text with gaps, where the editor can.
    pub fn snippet(mut self, snippet: impl Into<String>) -> Self {
        self.snippet = Some(snippet.into());
        self
    }

    /// Says how well it fits.
    pub fn rank(mut self, rank: u8) -> Self {
        self.rank = rank;
        self
    }
}

/// What could stand at a place.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Completions {
    /// The text that a completion replaces, up to the cursor and beyond it.
    pub replace: Option<Span>,
    /// The completions, in no order.
    pub items: Vec<Completion>,
    /// Whether those are left out that do not fit what has been typed.
    pub partial: bool,
}
