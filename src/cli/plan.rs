//! `lockstep plan`: shows what a pipeline would do, without doing it.
//! It does not know how a plan is made, nor how it is drawn.

use super::arguments::{Plan, PlanFormat};
use super::exit::Exit;
use super::output::Output;
use super::prepare;
use crate::plan::Outline;
use crate::report::Style;
use crate::report::outline::{self, Text};

pub(super) fn run(arguments: &Plan, output: &mut Output) -> Exit {
    let plan = match prepare::prepare(&arguments.target, output) {
        Ok(plan) => plan,
        Err(exit) => return exit,
    };
    let outline = Outline::with(&plan, arguments.cells);
    let style = output.stdout_style();
    let text = match arguments.format {
        PlanFormat::Text => outline::text(
            &outline,
            Text {
                style: Style {
                    color: style.color,
                    unicode: style.unicode,
                },
                width: style.width,
                full: arguments.full,
            },
        ),
        PlanFormat::Json => outline::json(&outline),
        PlanFormat::Mermaid => outline::mermaid(&outline, arguments.full),
        PlanFormat::Dot => outline::dot(&outline, arguments.full),
    };
    output.print(&text);
    Exit::Succeeded
}
