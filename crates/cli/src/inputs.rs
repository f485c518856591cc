//! The values for inputs and overridden fields, from the command line and from files.

use std::path::Path;

use clap::Args;
use indexmap::IndexMap;
use serde_json::{Map, Value};

use lockstep_base::diagnostic::{Diagnostic, codes};
use lockstep_base::value::parse_json;
use lockstep_base::world::FileError;
use lockstep_plan::{InputValue, RunRequest};
use lockstep_runtime::text_file;

/// The arguments of every command that takes inputs.
#[derive(Debug, Clone, Default, Args)]
pub struct InputArguments {
    /// Give an input a value; can be repeated.
    #[arg(short = 'i', value_name = "NAME=VALUE", value_parser = assignment)]
    inputs: Vec<(String, String)>,

    /// Read inputs from a JSON, YAML or TOML file; can be repeated.
    #[arg(long = "inputs", value_name = "FILE")]
    files: Vec<String>,

    /// Override a field for this run, such as checkout.replicas=9; can be repeated.
    #[arg(long, value_name = "PATH=VALUE", value_parser = assignment)]
    set: Vec<(String, String)>,
}

impl InputArguments {
    /// All given values together. The command line has precedence over files, and a later file over
    /// an earlier one. All errors are reported together.
    pub fn read(&self, pipeline: Option<&str>) -> Result<RunRequest, Vec<Diagnostic>> {
        let mut asked = RunRequest {
            pipeline: pipeline.map(String::from),
            ..RunRequest::default()
        };
        let mut mistakes = Vec::new();
        for path in &self.files {
            let text = text_file::read_handed_over(Path::new(path)).map_err(InputsError::from);
            match text.and_then(|text| parse(path, &text)) {
                Ok(values) => asked.inputs.extend(
                    values
                        .into_iter()
                        .map(|(name, value)| (name, InputValue::Json(value))),
                ),
                Err(why) => {
                    let message = format!("cannot read inputs from `{path}`: {why}");
                    mistakes.push(Diagnostic::without_place(codes::INPUTS_FILE, message));
                }
            }
        }
        for name in repeated(&self.inputs) {
            mistakes.push(twice(format!("`-i {name}=…` is given more than once")));
        }
        for name in repeated(&self.set) {
            mistakes.push(twice(format!("`--set {name}=…` is given more than once")));
        }
        for (name, text) in &self.inputs {
            let raw = InputValue::Text(text.clone());
            asked.inputs.insert(name.clone(), raw);
        }
        for (path, text) in &self.set {
            asked.fields.insert(path.clone(), text.clone());
        }
        match mistakes.is_empty() {
            true => Ok(asked),
            false => Err(mistakes),
        }
    }
}

/// The error of two values for the same name.
fn twice(message: String) -> Diagnostic {
    Diagnostic::without_place(codes::GIVEN_TWICE, message).help("leave out all but one")
}

/// `name=value`; the value is everything after the first `=`.
fn assignment(text: &str) -> Result<(String, String), NotAssignment> {
    match text.split_once('=') {
        Some((name, value)) if !name.trim().is_empty() => {
            Ok((name.trim().to_string(), value.to_string()))
        }
        _ => Err(NotAssignment),
    }
}

/// A text has no name before a `=`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct NotAssignment;

impl std::fmt::Display for NotAssignment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("write it as name=value")
    }
}

impl std::error::Error for NotAssignment {}

/// Why a file yields no values. It is displayed after the path and a colon.
#[derive(Debug, Clone, PartialEq, Eq)]
enum InputsError {
    /// It cannot be read.
    File(FileError),
    /// Its extension is not that of a known format.
    UnknownFormat,
    /// It has a syntax error; the parser's message.
    Syntax(String),
    /// Its content is not a map.
    NotMap,
    /// A key of a map is not a string.
    Key,
    /// A number that the language cannot represent.
    Number(String),
    /// A tag of YAML.
    Tag(String),
}

impl std::fmt::Display for InputsError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::File(error) => error.fmt(f),
            Self::UnknownFormat => f.write_str("its name does not end in .json, .yaml or .toml"),
            Self::Syntax(said) => f.write_str(said),
            Self::NotMap => f.write_str("it is not a map from input names to values"),
            Self::Key => f.write_str("a key is not a string; put it in quotes"),
            Self::Number(number) => write!(f, "{number} is not a number that can be used"),
            Self::Tag(tag) => write!(f, "the tag {tag} cannot be used here"),
        }
    }
}

impl std::error::Error for InputsError {}

impl From<FileError> for InputsError {
    fn from(error: FileError) -> Self {
        Self::File(error)
    }
}

/// The names that occur more than once, each once.
fn repeated(pairs: &[(String, String)]) -> Vec<&str> {
    let mut counts: IndexMap<&str, usize> = IndexMap::new();
    for (name, _) in pairs {
        *counts.entry(name).or_default() += 1;
    }
    counts.retain(|_, count| *count > 1);
    counts.into_keys().collect()
}

/// The values of a file, parsed by its extension.
fn parse(path: &str, text: &str) -> Result<Map<String, Value>, InputsError> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let ending = path
        .rsplit_once('.')
        .map(|(_, ending)| ending.to_ascii_lowercase());
    let value = match ending.as_deref() {
        Some("json") => from_json(text)?,
        Some("yaml" | "yml") => from_yaml(text)?,
        Some("toml") => from_toml(text)?,
        _ => {
            return Err(InputsError::UnknownFormat);
        }
    };
    match value {
        Value::Object(values) => Ok(values),
        Value::Null
            if text
                .lines()
                .all(|line| line.trim_start().starts_with('#') || line.trim().is_empty()) =>
        {
            Ok(Map::new())
        }
        _ => Err(InputsError::NotMap),
    }
}

fn syntax(error: impl std::error::Error) -> InputsError {
    InputsError::Syntax(error.to_string())
}

fn from_json(text: &str) -> Result<Value, InputsError> {
    parse_json(text).map_err(syntax)
}

fn from_yaml(text: &str) -> Result<Value, InputsError> {
    let value: serde_yaml_ng::Value = serde_yaml_ng::from_str(text).map_err(syntax)?;
    of_yaml(value)
}

fn from_toml(text: &str) -> Result<Value, InputsError> {
    let table: toml::Table = toml::from_str(text).map_err(|error| {
        let place = error.span().map_or(String::new(), |span| {
            let line = text
                .get(..span.start)
                .unwrap_or_default()
                .matches('\n')
                .count()
                + 1;
            format!(" at line {line}")
        });
        let message = error.message().replace('\n', ", ");
        InputsError::Syntax(format!("{message}{place}"))
    })?;
    of_toml(toml::Value::Table(table))
}

fn of_yaml(value: serde_yaml_ng::Value) -> Result<Value, InputsError> {
    use serde_yaml_ng::Value as Yaml;
    Ok(match value {
        Yaml::Null => Value::Null,
        Yaml::Bool(value) => Value::Bool(value),
        Yaml::String(text) => Value::String(text),
        Yaml::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(number), _) => Value::from(number),
            (None, Some(_)) if number.is_u64() => {
                return Err(InputsError::Number(number.to_string()));
            }
            (None, Some(number)) => of_float(number)?,
            (None, None) => return Err(InputsError::Number(number.to_string())),
        },
        Yaml::Sequence(items) => {
            Value::Array(items.into_iter().map(of_yaml).collect::<Result<_, _>>()?)
        }
        Yaml::Mapping(entries) => {
            let mut map = Map::new();
            for (key, value) in entries {
                let Yaml::String(key) = key else {
                    return Err(InputsError::Key);
                };
                map.insert(key, of_yaml(value)?);
            }
            Value::Object(map)
        }
        Yaml::Tagged(tagged) => {
            return Err(InputsError::Tag(tagged.tag.to_string()));
        }
    })
}

fn of_toml(value: toml::Value) -> Result<Value, InputsError> {
    Ok(match value {
        toml::Value::String(text) => Value::String(text),
        toml::Value::Integer(number) => Value::from(number),
        toml::Value::Float(number) => of_float(number)?,
        toml::Value::Boolean(value) => Value::Bool(value),
        // The language has no dates; a date becomes a string.
        toml::Value::Datetime(date) => Value::String(date.to_string()),
        toml::Value::Array(items) => {
            Value::Array(items.into_iter().map(of_toml).collect::<Result<_, _>>()?)
        }
        toml::Value::Table(entries) => {
            let mut map = Map::new();
            for (key, value) in entries {
                map.insert(key, of_toml(value)?);
            }
            Value::Object(map)
        }
    })
}

/// A finite number; the language has no others.
fn of_float(number: f64) -> Result<Value, InputsError> {
    serde_json::Number::from_f64(number)
        .map(Value::Number)
        .ok_or_else(|| InputsError::Number(number.to_string()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_assignment_has_a_name_and_a_value() {
        let pair = |a: &str, b: &str| Ok((a.to_string(), b.to_string()));
        assert_eq!(assignment("tag=v1"), pair("tag", "v1"));
        assert_eq!(assignment("tag="), pair("tag", ""));
        assert_eq!(assignment("a.b= x=y "), pair("a.b", " x=y "));
        assert!(assignment("tag").is_err());
        assert!(assignment("=v1").is_err());
    }

    #[test]
    fn all_formats_give_the_same() {
        let want =
            json!({ "tag": "v1", "n": 3, "f": 1.5, "hosts": ["a", "b"], "m": { "k": true } });
        let json = r#"{"tag":"v1","n":3,"f":1.5,"hosts":["a","b"],"m":{"k":true}}"#;
        let yaml = "tag: v1\nn: 3\nf: 1.5\nhosts: [a, b]\nm: { k: true }\n";
        let toml = "tag = \"v1\"\nn = 3\nf = 1.5\nhosts = [\"a\", \"b\"]\nm = { k = true }\n";
        for (path, text) in [("a.json", json), ("b.YAML", yaml), ("c.toml", toml)] {
            assert_eq!(
                parse(path, text).map(Value::Object),
                Ok(want.clone()),
                "{path}"
            );
        }
    }

    #[test]
    fn an_empty_file_gives_nothing() {
        for path in ["a.yaml", "a.toml"] {
            assert_eq!(parse(path, "# nothing yet\n"), Ok(Map::new()), "{path}");
        }
    }

    #[test]
    fn mistakes_in_files_are_sentences() {
        let why = |path: &str, text: &str| match parse(path, text) {
            Ok(values) => panic!("{path} gave {values:?}"),
            Err(why) => why.to_string(),
        };
        assert_eq!(
            why("a.txt", ""),
            "its name does not end in .json, .yaml or .toml"
        );
        assert_eq!(
            why("a.json", "[1]"),
            "it is not a map from input names to values"
        );
        assert_eq!(
            why("a.json", "{\"a\": 1,\n \"a\": 2}"),
            "`a` is given twice at line 2 column 8"
        );
        assert!(why("a.json", "{\"a\": {\"b\": 1, \"b\": 2}}").starts_with("`b` is given twice"));
        assert!(why("a.yaml", "a: 1\na: 2\n").contains("duplicate"));
        assert_eq!(
            why("a.yaml", "1: x\n"),
            "a key is not a string; put it in quotes"
        );
        assert_eq!(
            why("a.yaml", "a: .nan\n"),
            "NaN is not a number that can be used"
        );
        assert_eq!(
            why("a.yaml", "a: !secret x\n"),
            "the tag !secret cannot be used here"
        );
        assert!(why("a.toml", "a = 1\nb = \n").ends_with("at line 2"));
        assert!(why("a.json", &"[".repeat(100_000)).contains("recursion"));
        assert!(why("a.yaml", &"[".repeat(100_000)).contains("recursion"));
        assert!(why("a.toml", &format!("a = {}", "[".repeat(100_000))).contains("recursion"));
    }

    #[test]
    fn the_command_line_stands_above_files() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).expect("written");
            path.display().to_string()
        };
        let arguments = InputArguments {
            inputs: vec![(String::from("tag"), String::from("v3"))],
            files: vec![
                file("a.yaml", "tag: v1\nn: 1\n"),
                file("b.json", "{\"n\": 2}"),
            ],
            set: vec![(String::from("a.b"), String::from("9"))],
        };
        let asked = arguments.read(Some("release")).expect("no mistakes");
        let inputs = Vec::from_iter(asked.inputs);
        let tag = (String::from("tag"), InputValue::Text(String::from("v3")));
        let number = (String::from("n"), InputValue::Json(json!(2)));
        assert_eq!(inputs, [tag, number]);
        let field = (String::from("a.b"), String::from("9"));
        assert_eq!(Vec::from_iter(asked.fields), [field]);
        assert_eq!(asked.pipeline.as_deref(), Some("release"));
    }

    #[test]
    fn all_mistakes_come_together() {
        let twice = |name: &str| vec![(String::from(name), String::new()); 3];
        let arguments = InputArguments {
            inputs: twice("tag"),
            files: vec![String::from("/nowhere/a.json")],
            set: twice("a.b"),
        };
        let mistakes = arguments.read(None).expect_err("three mistakes");
        let messages: Vec<&str> = mistakes.iter().map(|it| it.message.as_str()).collect();
        assert_eq!(
            messages,
            [
                "cannot read inputs from `/nowhere/a.json`: no such file",
                "`-i tag=…` is given more than once",
                "`--set a.b=…` is given more than once",
            ]
        );
    }
}
