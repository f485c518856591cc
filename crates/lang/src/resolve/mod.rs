//! Name resolution, from paths to files and from names to declarations: loads a file and all that
//! it imports, and finds what every name in them refers to.

mod cycles;
mod errors;
mod kinds;
mod load;
mod lookup;
mod names;
mod path;
mod std;
mod uses;

use ::std::collections::HashSet;
use ::std::sync::Arc;

use indexmap::IndexMap;

use lockstep_base::diagnostic::{Diagnostic, Diagnostics};
use lockstep_base::source::{FileId, Name, Sources, Span};
use lockstep_base::value::KindRef;
use lockstep_base::world::Files;
use lockstep_syntax::{self as syntax, Comment, ast};

pub use self::std::{find as library_file, paths as library_paths};
pub use errors::{duplicate, reserved, with_suggestion};
pub use load::words;
pub use lookup::{Lookup, ResolvedName};
pub use path::{is_std, join};
pub use uses::{NameUses, RecordedUses};

/// All files of a program, with the meaning of their names.
#[derive(Debug, Default)]
pub struct Modules {
    /// The texts; a module has the id of its text.
    pub sources: Sources,
    /// The files, the requested one first.
    pub files: Vec<Module>,
    /// All declarations by kind.
    pub decls: DeclTable,
    /// What every name refers to, if that is recorded.
    pub uses: NameUses,
}

/// One file with its names.
#[derive(Debug)]
pub struct Module {
    /// Its tree.
    pub ast: Arc<ast::File>,
    /// Its comments, in order.
    pub comments: Arc<[Comment]>,
    /// The files that it imports, with the place of each path; `None` where that failed.
    pub imports: Vec<Import>,
    /// What its names refer to, in source order.
    pub names: IndexMap<Name, NameBinding>,
    /// Words inside text that could not be read: an unknown name among them is no news.
    pub lost: HashSet<Name>,
    /// Places of mistakes in the form of its text.
    pub broken: Vec<Span>,
}

/// An import of a file.
#[derive(Debug, Clone, Copy)]
pub struct Import {
    /// Which declaration of the file it is.
    pub item: usize,
    /// Where its path stands.
    pub span: Span,
    /// The file, if it could be read.
    pub file: Option<FileId>,
}

/// A name of a file.
#[derive(Debug, Clone, Copy)]
pub struct NameBinding {
    /// Where it is introduced in this file.
    pub span: Span,
    /// What it refers to.
    pub target: NameTarget,
    /// Whether it comes from another file.
    pub imported: bool,
}

/// What a name refers to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NameTarget {
    /// A declaration.
    Decl(Decl),
    /// A file, as `ns` in `ns.name`.
    Namespace(FileId),
    /// Something that could not be loaded; it has been reported.
    Lost,
}

/// A declaration, by its kind and its index in the table of that kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Decl {
    /// Its kind of declaration.
    pub sort: DeclKind,
    /// Its place; inputs, `let`s and groups share one table.
    pub index: u32,
}

/// The sorts of declarations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the words of the language")]
pub enum DeclKind {
    Input,
    Let,
    Group,
    Secret,
    Service,
    Environment,
    Kind,
    Workflow,
    Action,
    Pipeline,
    Function,
    Type,
    Trigger,
    Window,
}

impl DeclKind {
    /// The kind of declaration for people, with its article.
    pub fn with_article(self) -> &'static str {
        match self {
            Self::Input => "an input",
            Self::Let => "a `let`",
            Self::Group => "a group",
            Self::Secret => "a secret",
            Self::Service => "a service",
            Self::Environment => "an environment",
            Self::Kind => "a kind",
            Self::Workflow => "a workflow",
            Self::Action => "an action",
            Self::Pipeline => "a pipeline",
            Self::Function => "a function",
            Self::Type => "a type",
            Self::Trigger => "a trigger",
            Self::Window => "a window",
        }
    }

    /// The kind of declaration for people.
    pub fn word(self) -> &'static str {
        match self {
            Self::Input => "input",
            Self::Let => "`let`",
            Self::Group => "group",
            Self::Secret => "secret",
            Self::Service => "service",
            Self::Environment => "environment",
            Self::Kind => "kind",
            Self::Workflow => "workflow",
            Self::Action => "action",
            Self::Pipeline => "pipeline",
            Self::Function => "function",
            Self::Type => "type",
            Self::Trigger => "trigger",
            Self::Window => "window",
        }
    }
}

/// Where a declaration stands.
#[derive(Debug, Clone)]
pub struct DeclSite {
    /// Its file.
    pub file: FileId,
    /// Which declaration of the file it is.
    pub item: usize,
    /// Its name.
    pub name: ast::Ident,
    /// Its kind of declaration.
    pub sort: DeclKind,
}

/// All declarations of all files; the places in these tables are the ids of the program.
#[derive(Debug, Default)]
pub struct DeclTable {
    /// Inputs, `let`s and groups.
    pub globals: Vec<DeclSite>,
    /// Secrets.
    pub secrets: Vec<DeclSite>,
    /// Services.
    pub services: Vec<DeclSite>,
    /// What declares a service for each element of a list. No name refers to it.
    pub service_templates: Vec<DeclSite>,
    /// Environments.
    pub environments: Vec<DeclSite>,
    /// Kinds.
    pub kinds: Vec<DeclSite>,
    /// For each kind those that it extends, the nearest first.
    pub kind_bases: Vec<Arc<[KindRef]>>,
    /// Workflows.
    pub workflows: Vec<DeclSite>,
    /// Actions.
    pub actions: Vec<DeclSite>,
    /// Pipelines.
    pub pipelines: Vec<DeclSite>,
    /// Functions.
    pub functions: Vec<DeclSite>,
    /// Named types.
    pub types: Vec<DeclSite>,
    /// Triggers.
    pub triggers: Vec<DeclSite>,
    /// Deployment windows.
    pub windows: Vec<DeclSite>,
}

impl DeclTable {
    /// The table of a kind of declarations.
    pub fn table(&self, sort: DeclKind) -> &[DeclSite] {
        match sort {
            DeclKind::Input | DeclKind::Let | DeclKind::Group => &self.globals,
            DeclKind::Secret => &self.secrets,
            DeclKind::Service => &self.services,
            DeclKind::Environment => &self.environments,
            DeclKind::Kind => &self.kinds,
            DeclKind::Workflow => &self.workflows,
            DeclKind::Action => &self.actions,
            DeclKind::Pipeline => &self.pipelines,
            DeclKind::Function => &self.functions,
            DeclKind::Type => &self.types,
            DeclKind::Trigger => &self.triggers,
            DeclKind::Window => &self.windows,
        }
    }

    /// A kind as types name it.
    pub fn kind_ref(&self, id: u32) -> KindRef {
        KindRef {
            id,
            name: self.kinds[id as usize].name.name.clone(),
            bases: self
                .kind_bases
                .get(id as usize)
                .cloned()
                .unwrap_or_default(),
        }
    }

    /// Where a declaration stands.
    pub fn site(&self, decl: Decl) -> &DeclSite {
        &self.table(decl.sort)[decl.index as usize]
    }

    fn add(&mut self, site: DeclSite) -> Decl {
        let sort = site.sort;
        let table = match sort {
            DeclKind::Input | DeclKind::Let | DeclKind::Group => &mut self.globals,
            DeclKind::Secret => &mut self.secrets,
            DeclKind::Service => &mut self.services,
            DeclKind::Environment => &mut self.environments,
            DeclKind::Kind => &mut self.kinds,
            DeclKind::Workflow => &mut self.workflows,
            DeclKind::Action => &mut self.actions,
            DeclKind::Pipeline => &mut self.pipelines,
            DeclKind::Function => &mut self.functions,
            DeclKind::Type => &mut self.types,
            DeclKind::Trigger => &mut self.triggers,
            DeclKind::Window => &mut self.windows,
        };
        table.push(site);
        Decl {
            sort,
            index: table.len() as u32 - 1,
        }
    }
}

/// Whether what a secret comes from may be missing: `env("TOKEN", none)`.
pub fn has_none(source: &ast::Expr) -> bool {
    match &source.kind {
        ast::ExprKind::Paren(inner) => has_none(inner),
        ast::ExprKind::Call(callee, args) => {
            let of_env = matches!(&callee.kind, ast::ExprKind::Name(name) if &*name.name == "env");
            of_env && args.len() > 1
        }
        _ => false,
    }
}

impl Modules {
    /// Whether a secret may be missing, by its place in the table.
    pub fn is_optional_secret(&self, index: u32) -> bool {
        let site = self.decls.secrets.get(index as usize);
        site.is_some_and(|site| match &self.item(site).kind {
            ast::ItemKind::Secret { source, .. } => has_none(source),
            _ => false,
        })
    }

    /// The file with this id.
    pub fn module(&self, file: FileId) -> &Module {
        &self.files[file.0 as usize]
    }

    /// Whether there is a mistake in the form of the text at a place, so that something of it may
    /// be missing.
    pub fn is_broken(&self, span: Span) -> bool {
        self.module(span.file)
            .broken
            .iter()
            .any(|broken| span.start <= broken.start && broken.start <= span.end)
    }

    /// A file and all that it imports, directly or through others.
    pub fn reach(&self, file: FileId) -> HashSet<FileId> {
        let mut reached = HashSet::from([file]);
        let mut open = vec![file];
        while let Some(file) = open.pop() {
            let imports = self.module(file).imports.iter();
            open.extend(
                imports
                    .filter_map(|import| import.file)
                    .filter(|it| reached.insert(*it)),
            );
        }
        reached
    }

    /// The declaration at a site.
    pub fn item(&self, site: &DeclSite) -> &ast::Item {
        &self.module(site.file).ast.items[site.item]
    }
}

/// Loads the file at `path` and all it imports. Mistakes go to `diagnostics`; there is always at
/// least one module, which is empty where the file cannot be read.
pub fn resolve(files: &dyn Files, path: &str, diagnostics: &mut Diagnostics) -> Modules {
    let parse = |file, text: &str| ParsedFile::from(syntax::parse(file, text));
    resolve_with(files, path, &parse, NameUses::default(), diagnostics)
}

/// A loaded file, to be cached and reused.
#[derive(Debug, Clone)]
pub struct ParsedFile {
    /// The tree.
    pub ast: Arc<ast::File>,
    /// The comments, in order.
    pub comments: Arc<[Comment]>,
    /// What is wrong, in source order.
    pub diagnostics: Arc<[Diagnostic]>,
}

impl From<syntax::Parse> for ParsedFile {
    fn from(parse: syntax::Parse) -> Self {
        Self {
            ast: Arc::new(parse.file),
            comments: parse.comments.into(),
            diagnostics: parse.diagnostics.into(),
        }
    }
}

/// Reads the text of a file into a tree, perhaps by remembering it.
pub type TreeReader<'a> = &'a dyn Fn(FileId, &str) -> ParsedFile;

/// Like [`resolve`], for editors: with a reader that may remember files that have not changed,
/// and records what every name refers to.
pub fn resolve_with(
    files: &dyn Files,
    path: &str,
    reader: TreeReader<'_>,
    uses: NameUses,
    diagnostics: &mut Diagnostics,
) -> Modules {
    let mut modules = load::load(files, path, reader, diagnostics);
    modules.uses = uses;
    cycles::check(&modules, diagnostics);
    names::bind(&mut modules, diagnostics);
    kinds::extend(&mut modules, diagnostics);
    modules
}
