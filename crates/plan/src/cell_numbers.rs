//! Numbers for cells whose names are equal: `parallel[h1]`, `parallel[h1]#2`. They count in source
//! order, so that they do not depend on which cell starts first.

use std::collections::{HashMap, HashSet};
use std::hash::Hash;

use lockstep_base::node_path::{PathPart, hash};
use lockstep_base::value::Value;
use lockstep_lang::ir::Axis;

use super::grid::{Axes as _, Position};
use super::locals::Locals;
use super::walk::{MatrixAxes, PlanWalk};

/// The numbers of the cells that are not the first with their name, by place.
pub type CellNumbers = HashMap<Position, u32>;

impl MatrixAxes<'_> {
    /// The numbers of all cells that have one. An axis that cannot be evaluated has no cells.
    pub fn cell_numbers(&mut self, locals: &Locals) -> CellNumbers {
        let included = self.included(locals).unwrap_or_default();
        if included.is_empty() && !self.may_have_equals(0, locals) {
            return CellNumbers::default();
        }
        self.count_names(locals, &included)
    }

    /// The numbers that cells have for a retry, by place.
    pub fn kept_numbers(&mut self, locals: &Locals) -> CellNumbers {
        let included = self.included(locals).unwrap_or_default();
        self.count(locals, &included, |walk, axis, value, locals| {
            walk.kept_on_axis(axis, value, locals)
        })
    }

    /// Whether two of these elements of an axis have one name.
    pub fn has_equal_names(&self, axis: usize, values: &[Value], locals: &Locals) -> bool {
        let axis = self.matrix.axes.get(axis).filter(|axis| axis.by.is_some());
        match values {
            [] | [_] => false,
            [_, ..] if axis.is_some() => {
                let name = |value: &Value| Some(self.walk.name_on_axis(axis, value, locals));
                has_twice(values, name) == Some(true)
            }
            [Value::Int(first), rest @ ..] => {
                // Most lists of numbers are ranges.
                let mut last = *first;
                let grows = rest.iter().all(|value| match value {
                    Value::Int(next) => std::mem::replace(&mut last, *next) < *next,
                    _ => false,
                });
                !grows && self.has_equal_texts(values)
            }
            // A path below the pipeline's folder may be called like another text.
            [Value::String(_), ..] if self.walk.has_paths() => self.has_equal_texts(values),
            [Value::String(_), ..] => {
                let text = |value: &Value| match value {
                    Value::String(text) => Some(text.clone()),
                    _ => None,
                };
                match has_twice(values, text) {
                    Some(twice) => twice,
                    None => self.has_equal_texts(values),
                }
            }
            [Value::Infrastructure(_), ..] => {
                let id = |value: &Value| match value {
                    Value::Infrastructure(id) => Some(*id),
                    _ => None,
                };
                match has_twice(values, id) {
                    Some(twice) => twice,
                    None => self.has_equal_texts(values),
                }
            }
            [_, ..] => self.has_equal_texts(values),
        }
    }

    fn has_equal_texts(&self, values: &[Value]) -> bool {
        has_twice(values, |value| Some(self.walk.name(value))) == Some(true)
    }

    fn may_have_equals(&mut self, axis: usize, locals: &Locals) -> bool {
        let Ok(values) = self.values(axis, locals) else {
            return false;
        };
        let is_last = axis + 1 >= self.matrix.axes.len();
        self.has_equal_names(axis, &values, locals)
            || !is_last
                && values.iter().any(|value| {
                    let inner = self.bind(axis, value, locals);
                    self.may_have_equals(axis + 1, &inner)
                })
    }

    /// Counts all cells by their names.
    pub fn count_names(&mut self, locals: &Locals, included: &[Vec<Value>]) -> CellNumbers {
        self.count(locals, included, |walk, axis, value, locals| {
            walk.name_on_axis(Some(axis), value, locals)
        })
    }

    fn count(&mut self, locals: &Locals, included: &[Vec<Value>], name: AxisName) -> CellNumbers {
        let mut names = NameCounts {
            name,
            seen: HashMap::new(),
            numbers: CellNumbers::default(),
        };
        self.count_level(locals, &mut Position::new(), &mut Vec::new(), &mut names);
        let first = self.values(0, locals).map_or(0, |values| values.len());
        for (at, values) in included.iter().enumerate() {
            let axes = self.matrix.axes.iter().zip(values);
            let values: Vec<String> = axes
                .map(|(axis, it)| name(&self.walk, axis, it, locals))
                .collect();
            names.count(&vec![(first + at) as u32], &values);
        }
        names.numbers
    }

    fn count_level(
        &mut self,
        locals: &Locals,
        position: &mut Position,
        values: &mut Vec<String>,
        names: &mut NameCounts,
    ) {
        let axis = position.len();
        if axis == self.matrix.axes.len() {
            if self.keep(locals).is_ok_and(|keep| keep) {
                names.count(position, values);
            }
            return;
        }
        let Some(of) = self.matrix.axes.get(axis) else {
            return;
        };
        let elements = self.values(axis, locals).unwrap_or_default();
        for (at, value) in elements.iter().enumerate() {
            let inner = self.bind(axis, value, locals);
            position.push(at as u32);
            values.push((names.name)(&self.walk, of, value, locals));
            self.count_level(&inner, position, values, names);
            position.pop();
            values.pop();
        }
    }
}

/// What the cells with a value of an axis are called.
type AxisName = fn(&PlanWalk<'_>, &Axis, &Value, &Locals) -> String;

/// How often each name has occurred.
struct NameCounts {
    /// Which name it is.
    name: AxisName,
    /// By the hash of the name: two names with one hash have two numbers, which does no harm.
    seen: HashMap<u128, u32>,
    numbers: CellNumbers,
}

impl NameCounts {
    fn count(&mut self, position: &Position, values: &[String]) {
        let values = values.iter().map(|value| value.as_str().into()).collect();
        let name = PathPart::cell("", 1, values, 1).text();
        let count = self.seen.entry(hash(&name)).or_default();
        *count += 1;
        if *count > 1 {
            self.numbers.insert(position.clone(), *count);
        }
    }
}

/// Whether something occurs twice; nothing where a value is of another type.
fn has_twice<K: Hash + Eq>(values: &[Value], key: impl Fn(&Value) -> Option<K>) -> Option<bool> {
    let mut seen = HashSet::with_capacity(values.len());
    for value in values {
        if !seen.insert(key(value)?) {
            return Some(true);
        }
    }
    Some(false)
}
