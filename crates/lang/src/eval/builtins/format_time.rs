//! The built-in function `format-time`.

use jiff::Timestamp;
use jiff::fmt::strtime;
use jiff::tz::TimeZone;

use super::args::{gives_string, no_more, required, string, text};
use super::{Builtin, BuiltinBody, BuiltinError};
use lockstep_base::value::Value;

pub(super) static FUNCTION: Builtin = Builtin {
    name: "format-time",
    doc: "A point of time such as `run.started-at` \
          in another form, in UTC: `%Y` year, `%m` month, `%d` day, \
          `%H` hour, `%M` minute, `%S` second, `%j` day of the year, \
          `%s` seconds since 1970.",
    params: &[required("time", string), required("pattern", string)],
    check: no_more,
    result: gives_string,
    examples: &[
        (
            "format-time(\"2026-03-09T08:05:00Z\", \"%Y%m%d-%H%M\")",
            "\"20260309-0805\"",
        ),
        (
            "format-time(\"2026-03-09T08:05:00+02:00\", \"%H:%M\")",
            "\"06:05\"",
        ),
    ],
    call: BuiltinBody::Pure(call),
};

fn call(args: &[Value]) -> Result<Value, BuiltinError> {
    let (time, pattern) = (text(args, 0)?, text(args, 1)?);
    let time: Timestamp = time.trim().parse().map_err(|_| {
        let start: String = time.chars().take(60).collect();
        let message = format!("{start:?} is not a point of time such as \"2026-03-09T08:05:00Z\"");
        BuiltinError::Argument(0, message)
    })?;
    let made = strtime::format(&**pattern, &time.to_zoned(TimeZone::UTC));
    made.map(Value::string)
        .map_err(|error| BuiltinError::Argument(1, format!("this is no form of a time: {error}")))
}
