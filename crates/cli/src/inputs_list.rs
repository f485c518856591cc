//! `lockstep inputs`: lists the inputs of a file's pipelines.

use serde::Serialize;

use super::arguments::{Inputs, InputsFormat};
use super::exit::Exit;
use super::output::Output;
use super::prepare;
use lockstep_base::diagnostic::render::clean;
use lockstep_base::source::Name;
use lockstep_lang::ir::{Global, GlobalSource, Program};
use lockstep_plan as plan;
use lockstep_view::Style;
use lockstep_view::style::{StyledLine, Tone};

/// Blanks between columns.
const COLUMN_GAP: usize = 2;

/// An input. As JSON it is stable: fields may be added, none is removed.
#[derive(Debug, Serialize)]
struct InputJson {
    name: String,
    #[serde(rename = "type")]
    ty: String,
    /// Whether it has no default and so must be given.
    required: bool,
    /// Its default in source form.
    default: Option<String>,
    /// Its constraint, in source form as after `where`.
    rule: Option<String>,
    doc: Option<String>,
    /// The pipelines that use it, each with its stages that do.
    pipelines: Vec<PipelineUseJson>,
    /// The services of which a field is made from it.
    services: Vec<String>,
}

/// A pipeline that uses an input.
#[derive(Debug, Serialize)]
struct PipelineUseJson {
    name: String,
    stages: Vec<String>,
}

pub(super) fn run(arguments: &Inputs, output: &mut Output) -> Exit {
    let (_, program) = match prepare::check(arguments.file.file.as_deref(), output) {
        Ok(checked) => checked,
        Err(exit) => return exit,
    };
    let inputs: Vec<InputJson> = plan::inputs(&program)
        .map(|input| describe(input, &program))
        .collect();
    match arguments.format {
        InputsFormat::Json => {
            // Plain texts can always be serialized.
            let text = serde_json::to_string_pretty(&inputs).unwrap_or_default();
            output.print(&format!("{text}\n"));
        }
        InputsFormat::Text => {
            let style = output.stdout_style();
            let look = Style {
                color: style.color,
                unicode: style.unicode,
            };
            output.print(&table(&inputs, look, style.width));
            output.print(&fields(&program, look, style.width));
        }
    }
    Exit::Succeeded
}

fn describe(input: &Global, program: &Program) -> InputJson {
    let (default, rule) = match &input.source {
        GlobalSource::Input { default, rule } => (default.as_deref(), rule.as_ref()),
        GlobalSource::Let(_) => (None, None),
    };
    let said = |expr: &lockstep_lang::eval::Expr| program.sources.text(expr.span).to_string();
    let plan::InputUses {
        pipelines,
        services,
    } = plan::input_uses(program, &input.name);
    let names = |names: Vec<Name>| names.iter().map(ToString::to_string).collect();
    InputJson {
        pipelines: pipelines
            .into_iter()
            .map(|(name, stages)| PipelineUseJson {
                name: name.to_string(),
                stages: names(stages),
            })
            .collect(),
        services: names(services),
        name: input.name.to_string(),
        ty: input.ty.to_string(),
        required: default.is_none(),
        default: default.map(said),
        rule: rule.map(said),
        doc: input.doc.as_ref().map(ToString::to_string),
    }
}

/// A line for each input, with its documentation and its constraint below.
fn table(inputs: &[InputJson], style: Style, width: usize) -> String {
    if inputs.is_empty() {
        return String::from("this file declares no inputs\n");
    }
    let widest = |cell: fn(&InputJson) -> String| {
        let widths = inputs.iter().map(|it| columns(&cell(it)));
        widths.max().unwrap_or(0) + COLUMN_GAP
    };
    // On a narrow terminal the columns overlap instead of pushing each other off the screen.
    let types = widest(|it| one_line(&it.name)).min(width / 3);
    let defaults = types + widest(|it| one_line(&it.ty)).min(width / 2);
    let mut lines = Vec::new();
    for input in inputs {
        let mut line = StyledLine::of(Tone::Bold, one_line(&input.name));
        line.pad(types);
        line.add(Tone::Note, format!("{}  ", one_line(&input.ty)));
        line.pad(defaults);
        let tone = match input.required {
            true => Tone::Warn,
            false => Tone::Plain,
        };
        line.add(tone, default(input));
        lines.push(line);
        let rule = input.rule.as_ref().map(|rule| format!("where {rule}"));
        let doc = input.doc.iter().flat_map(|doc| doc.lines());
        for text in doc.map(String::from).chain(rule).chain([uses(input)]) {
            let mut line = StyledLine::new();
            line.pad(types).add(Tone::Dim, one_line(&text));
            lines.push(line);
        }
    }
    let text = |mut line: StyledLine| format!("{}\n", line.fit(width, style).paint(style));
    lines.into_iter().map(text).collect()
}

/// `used by ship (stages qa, prod) and service web`
fn uses(input: &InputJson) -> String {
    let pipelines = input
        .pipelines
        .iter()
        .map(|used| match used.stages.as_slice() {
            [] => used.name.clone(),
            [stage] => format!("{} (stage {stage})", used.name),
            stages => format!("{} (stages {})", used.name, stages.join(", ")),
        });
    let services = match input.services.as_slice() {
        [] => None,
        [service] => Some(format!("service {service}")),
        services => Some(format!("services {}", services.join(", "))),
    };
    let all: Vec<String> = pipelines.chain(services).collect();
    match all.is_empty() {
        true => String::from("used by no pipeline of this file"),
        false => format!("used by {}", all.join("; ")),
    }
}

/// The fields that `--set` can fix, with their types.
fn fields(program: &Program, style: Style, width: usize) -> String {
    let fields = plan::settable_fields(program);
    if fields.is_empty() {
        return String::new();
    }
    let widest = fields.iter().map(|(path, _)| columns(path)).max();
    let mut lines = vec![
        StyledLine::new(),
        StyledLine::of(Tone::Plain, "fields that --set fixes for a run"),
    ];
    for (path, ty) in &fields {
        let mut line = StyledLine::of(Tone::Bold, format!("  {}", clean(path)));
        line.pad(widest.unwrap_or(0) + 2 + COLUMN_GAP);
        line.add(Tone::Note, clean(&ty.to_string()));
        lines.push(line);
    }
    let text = |mut line: StyledLine| format!("{}\n", line.fit(width, style).paint(style));
    lines.into_iter().map(text).collect()
}

fn columns(text: &str) -> usize {
    StyledLine::of(Tone::Plain, text).width()
}

fn default(input: &InputJson) -> String {
    match &input.default {
        Some(default) => format!("= {}", one_line(default)),
        None => String::from("must be given"),
    }
}

/// Text of the source on one line.
fn one_line(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    clean(&words.join(" "))
}
