//! `lockstep plan`: shows what a pipeline would do, without doing it.

use std::sync::Arc;

use super::arguments::{FailureChoiceArgument, FailureKind, Plan, PlanFormat};
use super::exit::Exit;
use super::output::Output;
use super::plan_file::PlanFile;
use super::prepare::{self, Prepared};
use super::run::execute::engine;
use lockstep_api::queries::AskedQueries;
use lockstep_api::session::source_folders;
use lockstep_base::diagnostic::{Diagnostic, codes, suggest};
use lockstep_engine::FailureChoice;
use lockstep_lang::ir::FailureClass;
use lockstep_outline::Outline;
use lockstep_verify::testing::LentResults;
use lockstep_verify::what_if::{QueryAnswers, WhatIfError, WhatIfReport, WhatIfRequest, what_if};
use lockstep_view::Style;
use lockstep_view::plan::{self, PlanTextOptions};
use lockstep_view::what_if::{self, WhatIfLayout};

pub(super) fn run(arguments: &Plan, output: &mut Output) -> Exit {
    let instead = "it plans a file of this machine; the pages of the server show its plans";
    if let Err(exit) = arguments
        .state
        .refuse_server("plan", instead, false, output)
    {
        return exit;
    }
    if let Err(exit) = arguments.state.connect(output) {
        return exit;
    }
    let given = arguments.given.as_deref();
    let prepared = prepare::prepare_given(&arguments.target, &arguments.state, given, output);
    let Prepared { plan, asked, lent } = match prepared {
        Ok(prepared) => prepared,
        Err(exit) => return exit,
    };
    if let Some(path) = &arguments.out
        && let Err(exit) = PlanFile::of(&plan, &asked).write(path, output)
    {
        return exit;
    }
    if arguments.blast || arguments.if_fails.is_some() {
        return print_what_if(arguments, plan, lent, output);
    }
    let outline = Outline::with(&plan, arguments.listed_cells());
    let style = output.stdout_style();
    let text = match arguments.format {
        PlanFormat::Text => plan::text(
            &outline,
            PlanTextOptions {
                style: report_style(output),
                width: style.width,
                full: arguments.full,
            },
        ),
        PlanFormat::Json => plan::json(&outline),
        PlanFormat::Mermaid => plan::mermaid(&outline, arguments.full),
        PlanFormat::Dot => plan::dot(&outline, arguments.full),
        PlanFormat::Html => plan::html(&outline, file(&plan)),
    };
    output.print(&text);
    Exit::Succeeded
}

impl Plan {
    /// A page has room for all that a person would look through: it shows many as their count, and
    /// lists them when it is asked.
    fn listed_cells(&self) -> usize {
        let default = match self.format {
            PlanFormat::Text | PlanFormat::Json | PlanFormat::Mermaid | PlanFormat::Dot => 60,
            PlanFormat::Html => 10_000,
        };
        self.cells.unwrap_or(default)
    }
}

/// The file whose pipeline is planned.
fn file(plan: &lockstep_plan::Plan) -> &str {
    let file = plan.bound.program.sources.iter().next();
    file.map_or("", |(_, source)| &source.name)
}

fn report_style(output: &Output) -> Style {
    let style = output.stdout_style();
    Style {
        color: style.color,
        unicode: style.unicode,
    }
}

/// What-if: `--if-fails` and `--blast`.
fn print_what_if(
    arguments: &Plan,
    plan: lockstep_plan::Plan,
    lent: Option<LentResults>,
    output: &mut Output,
) -> Exit {
    let queries = match arguments.query {
        true => match queries(&plan) {
            Ok(queries) => Some(Arc::new(queries) as Arc<dyn QueryAnswers>),
            Err(error) => {
                let message = format!("queries cannot be asked: {error}");
                return output.refuse(&Diagnostic::without_place(codes::CANNOT_FORESEE, message));
            }
        },
        false => None,
    };
    let ask = WhatIfRequest {
        path: arguments.if_fails.clone(),
        class: class(arguments.class),
        choice: answer(arguments.choose),
        lent,
        queries,
    };
    let sources = plan.bound.program.sources.clone();
    let foresight = match what_if(plan, &ask) {
        Ok(foresight) => foresight,
        Err(blind) => {
            let mistake = mistake(&blind, arguments.if_fails.as_deref().unwrap_or_default());
            return prepare::show(&[mistake], &sources, output);
        }
    };
    let place = |span| sources.place(span);
    let look = WhatIfLayout {
        style: report_style(output),
        width: output.stdout_style().width,
        place: &place,
    };
    let text = match arguments.format {
        PlanFormat::Json => what_if::json(&foresight),
        PlanFormat::Text => drawn(arguments, &foresight, look),
        PlanFormat::Mermaid | PlanFormat::Dot | PlanFormat::Html => {
            let message = "what-if analysis can be shown as text or json";
            return output.refuse(&Diagnostic::without_place(codes::NO_SUCH_FORM, message));
        }
    };
    output.print(&text);
    Exit::Succeeded
}

/// What asks the queries of a plan.
fn queries(plan: &lockstep_plan::Plan) -> std::io::Result<AskedQueries> {
    let here = std::env::current_dir()?;
    let folders = source_folders(&plan.bound.program, &here);
    AskedQueries::new(&engine(), &folders)
}

fn drawn(arguments: &Plan, foresight: &WhatIfReport, look: WhatIfLayout) -> String {
    match arguments.blast {
        true => what_if::table(foresight, look),
        false => what_if::cases(foresight, look),
    }
}

fn mistake(blind: &WhatIfError, path: &str) -> Diagnostic {
    match blind {
        WhatIfError::FailsAnyway(failure) => {
            let message = format!(
                "what-if analysis is not possible: whatever commands print, `{}` fails anyway: {}",
                failure.node, failure.message
            );
            let mistake = match failure.span {
                Some(span) => Diagnostic::error(codes::CANNOT_FORESEE, span, message),
                None => Diagnostic::without_place(codes::CANNOT_FORESEE, message),
            };
            mistake.help(
                "write a `test` that says what the commands print, and lend its `given`s with \
                 `--given TEST`",
            )
        }
        WhatIfError::NoSuchPath(paths) => {
            let message = format!("nothing that can fail has the path `{path}`");
            let ends = paths.iter().flat_map(|path| endings(path));
            let near = suggest::did_you_mean(path, ends);
            let first = paths.iter().take(3).map(ToString::to_string);
            let help = match first.collect::<Vec<_>>().as_slice() {
                [] => String::from("this pipeline runs nothing that could fail"),
                some => format!("paths are such as {}", suggest::or_list(some)),
            };
            Diagnostic::without_place(codes::CANNOT_FORESEE, message).help(near.unwrap_or(help))
        }
        WhatIfError::NoDeployments => {
            let message = "this pipeline deploys nothing";
            Diagnostic::without_place(codes::CANNOT_FORESEE, message)
                .help("name what is to fail with `--if-fails PATH`")
        }
    }
}

/// A path and all its suffixes, each of which may be given.
fn endings(path: &str) -> Vec<&str> {
    let parts = lockstep_base::node_path::ancestors(path);
    let starts = parts.map(|above| above.len() + 1).chain([0]);
    starts.filter_map(|start| path.get(start..)).collect()
}

fn class(kind: FailureKind) -> FailureClass {
    match kind {
        FailureKind::Exit => FailureClass::Exit,
        FailureKind::Signal => FailureClass::Signal,
        FailureKind::Timeout => FailureClass::Timeout,
        FailureKind::Connection => FailureClass::Connection,
        FailureKind::Authentication => FailureClass::Authentication,
        FailureKind::Failed => FailureClass::Failed,
    }
}

fn answer(choice: FailureChoiceArgument) -> FailureChoice {
    match choice {
        FailureChoiceArgument::Retry => FailureChoice::Retry,
        FailureChoiceArgument::Ignore => FailureChoice::Ignore,
        FailureChoiceArgument::Rollback => FailureChoice::Rollback,
        FailureChoiceArgument::Abort => FailureChoice::Abort,
    }
}
