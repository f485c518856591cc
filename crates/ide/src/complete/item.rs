//! The data of a completion.

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

/// A completion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Completion {
    /// What is shown, and typed to select it.
    pub label: String,
    /// What it stands for.
    pub kind: CompletionKind,
    /// A type or a signature.
    pub detail: Option<String>,
    /// Documentation in Markdown.
    pub doc: Option<String>,
    /// The inserted text, where it differs from the label.
    pub insert: Option<String>,
    /// The inserted text with placeholders, written `${1:name}` and `$0`, for editors that support
    /// snippets.
    pub snippet: Option<String>,
    /// A change elsewhere that comes with it: an import.
    pub import: Option<(Span, String)>,
    /// The best match has the smallest number.
    pub rank: u8,
}

impl Completion {
    /// A completion that inserts its label.
    pub fn new(label: impl Into<String>, kind: CompletionKind) -> Self {
        Self {
            label: label.into(),
            kind,
            detail: None,
            doc: None,
            insert: None,
            snippet: None,
            import: None,
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

    /// Sets the inserted text.
    pub fn insert(mut self, insert: impl Into<String>) -> Self {
        self.insert = Some(insert.into());
        self
    }

    /// Sets the inserted snippet.
    pub fn snippet(mut self, snippet: impl Into<String>) -> Self {
        self.snippet = Some(snippet.into());
        self
    }

    /// Sets the rank.
    pub fn rank(mut self, rank: u8) -> Self {
        self.rank = rank;
        self
    }
}

/// The completions at a place.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Completions {
    /// The span that a completion replaces, up to the cursor and beyond it.
    pub replace: Option<Span>,
    /// The completions, in no particular order.
    pub items: Vec<Completion>,
    /// Whether items that do not match the typed text are left out.
    pub partial: bool,
}
