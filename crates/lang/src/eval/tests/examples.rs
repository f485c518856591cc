//! The built-in functions: their examples, and the arguments that they reject.

use super::{SampleScope, exact, expr, type_of};
use crate::eval::builtins::{self, Builtin};
use crate::eval::{ExprKind, Halt, eval};
use lockstep_base::value::{Type, Value};

#[test]
fn they_are_sorted_and_found_by_name() {
    let names: Vec<&str> = builtins::ALL.iter().map(|builtin| builtin.name).collect();
    assert!(names.is_sorted(), "{names:?}");
    for builtin in builtins::ALL {
        assert!(std::ptr::eq(
            builtins::find(builtin.name).expect("it is there"),
            *builtin
        ));
    }
    assert!(builtins::find("nothing").is_none());
    // The list of the language, and the connections.
    let language = "length lower upper trim split join replace contains starts-with ends-with \
        matches format keys values merge flatten distinct sort reverse range min max sum string \
        int float json from-json base64 from-base64 sha256 basename dirname env file \
        local ssh container image pod lookup \
        capture replace-all slice first last any all count zip chunk entries without abs round \
        floor ceil bool duration percent seconds minutes from-yaml yaml from-toml url-encode \
        indent lines format-time deployed";
    let mut language: Vec<&str> = language.split_whitespace().collect();
    language.sort_unstable();
    assert_eq!(names, language);
}

#[test]
fn all_are_documented() {
    for builtin in builtins::ALL {
        assert!(builtin.doc.ends_with('.'), "{}", builtin.name);
        // An example compiles in a file of its own; what is declared is not there.
        let takes_declared = builtin
            .params
            .iter()
            .any(|param| matches!((param.ty)(), Type::Service(_) | Type::Infrastructure(_)));
        assert_eq!(
            builtin.examples.is_empty(),
            takes_declared,
            "{}",
            builtin.name
        );
        let first_optional = builtin.params.iter().position(|param| param.optional);
        let after = &builtin.params[first_optional.unwrap_or(builtin.params.len())..];
        assert!(after.iter().all(|param| param.optional), "{}", builtin.name);
        for param in after {
            let ty = (param.ty)();
            assert!(ty.accepts(&Type::None), "{} {}", builtin.name, param.name);
        }
    }
}

#[test]
fn signatures() {
    for (name, signature, arity) in [
        (
            "join",
            "join(list: [anything], separator: string)",
            (2, Some(2)),
        ),
        (
            "range",
            "range(from: int, to: int, step?: int)",
            (2, Some(3)),
        ),
        (
            "format",
            "format(pattern: string, values: anything…)",
            (1, None),
        ),
        ("local", "local()", (0, Some(0))),
    ] {
        let builtin = builtins::find(name).expect("it is there");
        assert_eq!(builtin.signature(), signature);
        assert_eq!(builtin.arity(), arity);
    }
}

#[test]
fn the_examples_give_what_they_say() {
    for builtin in builtins::ALL {
        for (source, expected) in builtin.examples {
            let given = exact(source);
            // The one example that depends on a file of its reader's.
            let given = given.replace("1.4.2\\n", "1.4.2");
            assert_eq!(given, exact(expected), "{source}");
        }
    }
}

/// Whether a value is one of this type.
fn is_of(value: &Value, ty: &Type) -> bool {
    match (value, ty) {
        (Value::Map(entries), Type::Connection) => entries.contains_key("type"),
        (_, Type::Json) => true,
        (value, ty) => ty.accepts(&type_of(value)),
    }
}

/// Checks each call inside an example: whether its arguments are accepted, and whether its result
/// is of the declared type.
fn check_call(builtin: &Builtin, args: &[crate::eval::Expr], whole: &str, value: &Value) {
    let types: Vec<Type> = args
        .iter()
        .map(|arg| type_of(&eval(arg, &SampleScope).expect("an argument")))
        .collect();
    for (at, ty) in types.iter().enumerate() {
        let last = builtin.params.len() - 1;
        let param = (builtin.params[at.min(last)].ty)();
        assert!(param.accepts(ty), "{whole}: {param} for {ty}");
    }
    assert_eq!((builtin.check)(&types), Ok(()), "{whole}");
    let result = (builtin.result)(&types);
    assert!(is_of(value, &result), "{whole}: {value:?} for {result}");
}

#[test]
fn the_examples_have_the_types_they_promise() {
    let mut seen = 0;
    for builtin in builtins::ALL {
        for (source, _) in builtin.examples {
            let expr = expr(source);
            let value = eval(&expr, &SampleScope).expect("a value");
            if let ExprKind::Call(function, args) = &expr.kind {
                check_call(function.0, args, source, &value);
                seen += 1;
            }
        }
    }
    assert!(seen > 60, "only {seen} calls");
}

/// The message of a refused call.
fn refusal(source: &str) -> String {
    match eval(&expr(source), &SampleScope) {
        Err(Halt::Fault(fault)) => {
            let name = source.split('(').next().unwrap_or_default();
            let start = format!("`{name}` has no result here: ");
            match fault.message.strip_prefix(&start) {
                Some(reason) => reason.into(),
                None => fault.message,
            }
        }
        other => panic!("{source} gives {other:?}"),
    }
}

#[test]
fn what_they_refuse() {
    for (source, reason) in [
        (
            "length(1)",
            "expected a text, a list, a map or a record, but this is an int",
        ),
        ("lower(data[0])", "expected a text, but this is none"),
        (
            "replace(\"a\", \"\", \"b\")",
            "there is nothing to replace in an empty text",
        ),
        ("contains(1, 2)", "an int cannot be in an int"),
        (
            "matches(\"a\", \"(\")",
            "this is not a regular expression: unclosed group",
        ),
        (
            "matches(\"a\", \"(?:a{1000}){1000}\")",
            "this is not a regular expression: Compiled regex exceeds size limit of 10485760 \
             bytes.",
        ),
        (
            "matches(\"a\", \"(?=a)\")",
            "this is not a regular expression: look-around, including look-ahead and look-behind, \
             is not supported",
        ),
        (
            "format(\"{}\")",
            "it asks for value 0, but there are 0 (counted from 0)",
        ),
        (
            "format(\"{5}\", 1)",
            "it asks for value 5, but there are 1 (counted from 0)",
        ),
        (
            "format(\"{}\", 1, 2)",
            "the pattern does not use this value",
        ),
        (
            "format(\"{0}\", 1, 2)",
            "the pattern does not use this value",
        ),
        (
            "format(\"{\", 1)",
            "a brace has no partner; write `{{` or `}}` for a brace",
        ),
        (
            "format(\"a}\", 1)",
            "a brace has no partner; write `{{` or `}}` for a brace",
        ),
        ("format(\"{x}\", 1)", "`{x}` is not a placeholder"),
        ("format(\"{:x}\", 1)", "`{:x}` is not a placeholder"),
        ("format(\"{:1001}\", 1)", "`{:1001}` is not a placeholder"),
        ("format(\"{:.}\", 1)", "`{:.}` is not a placeholder"),
        (
            "format(\"{:99999999999999999999}\", 1)",
            "`{:99999999999999999999}` is not a placeholder",
        ),
        ("format(\"{:-5}\", 1)", "`{:-5}` is not a placeholder"),
        ("format(\"{:.2}\", \"a\")", "a text cannot be rounded"),
        (
            "format(\"{:05}\", \"a\")",
            "a text cannot be padded with zeros",
        ),
        ("keys([1])", "expected a map, but this is a list"),
        ("merge({ a: 1 }, [1])", "expected a map, but this is a list"),
        (
            "flatten([[1], 2])",
            "element 1 should be a list, but is an int",
        ),
        ("sort([1, \"a\"])", "an int and a text have no order"),
        (
            "sort([true, false])",
            "there is no order among values such as a bool",
        ),
        (
            "sort([[1]])",
            "there is no order among values such as a list",
        ),
        ("sort(data)", "there is no order among values such as none"),
        ("min([])", "the list is empty"),
        ("max([])", "the list is empty"),
        ("max([1, 1s])", "an int and a duration have no order"),
        ("range(0, 1, 0)", "the step must not be 0"),
        (
            "sum([9223372036854775807, 1])",
            "the result does not fit into 64 bits",
        ),
        ("sum([huge, huge])", "the result is larger than any float"),
        ("sum([1s])", "a duration cannot be added to an int"),
        ("sum([1, \"2\"])", "a text cannot be added"),
        ("sum([[1]], [2])", "a list cannot be added"),
        ("string(token)", "a secret has no text"),
        ("string([token])", "a secret has no text"),
        ("string(eu)", "an infrastructure has no text"),
        ("join([shop], \"\")", "a service has no text"),
        ("int(\"\")", "\"\" is not a 64-bit integer"),
        ("int(\"1.5\")", "\"1.5\" is not a 64-bit integer"),
        (
            "int(\"9223372036854775808\")",
            "\"9223372036854775808\" is not a 64-bit integer",
        ),
        ("int(huge)", "the number does not fit into 64 bits"),
        (
            "int(9223372036854775808.0)",
            "the number does not fit into 64 bits",
        ),
        (
            "int(true)",
            "expected a text or a number, but this is a bool",
        ),
        ("float(\"inf\")", "\"inf\" is not a number"),
        (
            "float(1s)",
            "expected a text or a number, but this is a duration",
        ),
        (
            "from-json(\"{\")",
            "the text is not JSON at line 1, column 1: EOF while parsing an object; it got \"{\"",
        ),
        (
            "from-json(\"\")",
            "the text is not JSON at line 1, column 0: EOF while parsing a value; it got an empty text",
        ),
        (
            "from-json(\"[18446744073709551615]\")",
            "the text is not JSON at line 1, column 2: `18446744073709551615` does not fit into 64 \
             bits; write it as a text; it got \"[18446744073709551615]\"",
        ),
        (
            "from-json(\"1e999\")",
            "the text is not JSON at line 1, column 5: number out of range; it got \"1e999\"",
        ),
        ("from-base64(\"***\")", "the text is not Base64"),
        (
            "from-base64(\"/w==\")",
            "the bytes in it are not UTF-8 text",
        ),
        ("ssh(\"\")", "this must not be empty"),
        ("ssh(\"-oProxyCommand=x\")", "this must not begin with `-`"),
        ("ssh(\"a\\nb\")", "this must be plain text"),
        (
            "ssh(\"h\", \"u\", 0)",
            "a port is a number from 1 to 65535, not 0",
        ),
        (
            "ssh(\"h\", none, 65536)",
            "a port is a number from 1 to 65535, not 65536",
        ),
        ("container(\"\")", "this must not be empty"),
        ("pod(\"a\", \"b\", \"--c\")", "this must not begin with `-`"),
    ] {
        assert_eq!(refusal(source), reason, "{source}");
    }
}

#[test]
fn further_results() {
    for (source, expected) in [
        ("lower(\"\")", "\"\""),
        ("upper(\"ß\")", "\"SS\""),
        ("trim(\"\u{a0} a b\u{3000}\")", "\"a b\""),
        ("split(\",\", \",\")", "[\"\", \"\"]"),
        ("join(split(\"a,b\", \",\"), \",\")", "\"a,b\""),
        ("join([2, 1h, [1]], \"/\")", "\"2/1h/[1]\""),
        ("replace(\"äöä\", \"ä\", \"\")", "\"ö\""),
        ("contains(\"\", \"\")", "true"),
        ("contains(qa.*, eu)", "true"),
        ("matches(\"\", \"\")", "true"),
        ("matches(\"ü\", \"^.$\")", "true"),
        ("format(\"\")", "\"\""),
        ("format(\"{:3}|{:3}\", \"ü\", \"abcd\")", "\"ü  |abcd\""),
        ("format(\"{:.0} {:.0}\", 2.5, 7)", "\"2 7\""),
        ("format(\"{:5}{:5}\", -1.5, true)", "\" -1.5true \""),
        ("format(\"{} {}\", 2, [1])", "\"2 [1]\""),
        ("values({ a: 1, b: \"x\" })", "[1, \"x\"]"),
        ("merge({ a: { b: 1 } }, { a: { c: 2 } })", "{ a: { c: 2 } }"),
        ("merge({}, {}, {})", "{}"),
        ("distinct([1, 1.0, \"1\", 1s, 1%])", "[1, \"1\", 1s, 1%]"),
        (
            "distinct([[1], [1.0], { a: 1, b: 2 }, { b: 2, a: 1 }])",
            "[[1], { a: 1, b: 2 }]",
        ),
        ("distinct([none, none, eu, shop, eu])", "[none, eu, shop]"),
        // Stable: of equal elements the first stays first.
        ("sort([2, 1.0, 1, 2.0])", "[1.0, 1, 2, 2.0]"),
        ("sort([10%, 5%])", "[5%, 10%]"),
        (
            "sort([2, 9007199254740993, 9007199254740992.0])",
            "[2, 9007199254740992.0, 9007199254740993]",
        ),
        ("min([1.0, 1])", "1.0"),
        ("max([1, 1.0])", "1"),
        ("max([\"\", \"a\"])", "\"a\""),
        (
            "range(9223372036854775806, 9223372036854775807)",
            "[9223372036854775806]",
        ),
        (
            "length(range(least, 9223372036854775807, 9223372036854775807))",
            "3",
        ),
        ("range(0, 5, 9223372036854775807)", "[0]"),
        ("range(5, 0, least)", "[5]"),
        ("range(0, 0)", "[]"),
        ("range(0, 2, none)", "[0, 1]"),
        ("sum([], 0s)", "0s"),
        ("sum([10%, 5%], 0%)", "15%"),
        ("sum([0.5, 1])", "1.5"),
        ("string(-0.0)", "\"0\""),
        ("string(-90s)", "\"-1m30s\""),
        ("string(\"a\")", "\"a\""),
        ("int(-0.9)", "0"),
        ("int(least)", "least"),
        ("float(9007199254740993)", "9007199254740992.0"),
        ("json(\"</\\\"\\\\\")", "\"\\\"</\\\\\\\"\\\\\\\\\\\"\""),
        ("json(2.0)", "\"2.0\""),
        (
            "from-json(json({ a: [1, 2.5, \"ü\", none, true] }))",
            "{ a: [1, 2.5, \"ü\", none, true] }",
        ),
        ("from-json(\"9007199254740993\")", "9007199254740993"),
        ("from-json(\" null \")", "none"),
        ("from-base64(\"Z3LDvG4\")", "\"grün\""),
        ("from-base64(\"\")", "\"\""),
        (
            "sha256(\"\")",
            "\"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\"",
        ),
        ("basename(\"a\")", "\"a\""),
        ("basename(\"//\")", "\"/\""),
        ("dirname(\"\")", "\".\""),
        ("dirname(\"//\")", "\"/\""),
        ("dirname(\"/a/b\")", "\"/a\""),
        (
            "ssh(\"h\", none, none, \"k\")",
            "{ type: \"ssh\", host: \"h\", identity: \"k\" }",
        ),
    ] {
        assert_eq!(exact(source), exact(expected), "{source}");
    }
}

#[test]
fn which_argument_types_they_take() {
    let misfit = |name: &str, types: &[Type]| {
        let builtin = builtins::find(name).expect("it is there");
        (builtin.check)(types)
            .err()
            .map(|misfit| (misfit.argument, misfit.wanted))
    };
    let record = |fields: &[(&'static str, Type)]| Type::record(fields.iter().cloned());
    use Type::{Any, Bool, Duration, Float, Int, Json, Percent, Secret, String};
    let list = Type::list;
    let ordered = "a list of texts, numbers, durations or percents";
    let text_form = "something that can be put into a string";
    for (name, types, refused) in [
        (
            "length",
            vec![Int],
            Some((0, "a text, a list, a map or a record")),
        ),
        (
            "length",
            vec![Type::optional(String)],
            Some((0, "a text, a list, a map or a record")),
        ),
        ("length", vec![Json], None),
        ("length", vec![Any], None),
        (
            "join",
            vec![list(Secret), String],
            Some((0, "a list of what can be put into a string")),
        ),
        (
            "join",
            vec![list(Type::optional(Int)), String],
            Some((0, "a list of what can be put into a string")),
        ),
        ("join", vec![Json, String], None),
        ("contains", vec![String, Int], Some((1, "a text"))),
        (
            "contains",
            vec![list(Int), String],
            Some((1, "something that may be an element of the list")),
        ),
        ("contains", vec![list(Int), Float], None),
        (
            "contains",
            vec![Int, Int],
            Some((0, "a text, a list or a map")),
        ),
        (
            "contains",
            vec![record(&[("a", Int)]), Int],
            Some((1, "a text, the key")),
        ),
        ("format", vec![String, Int, Secret], Some((2, text_form))),
        (
            "format",
            vec![String, Type::None, list(Int)],
            Some((1, text_form)),
        ),
        ("string", vec![Type::Environment], Some((0, text_form))),
        ("keys", vec![list(Int)], Some((0, "a map or a record"))),
        (
            "values",
            vec![record(&[("a", Int), ("b", String)])],
            Some((0, "a record whose fields all have one type")),
        ),
        (
            "merge",
            vec![record(&[("a", Int)]), record(&[("b", String)])],
            None,
        ),
        (
            "merge",
            vec![Type::Map(Box::new(Int)), record(&[("b", String)])],
            Some((1, "a map whose values have the same type")),
        ),
        ("flatten", vec![list(Int)], Some((0, "a list of lists"))),
        ("sort", vec![list(Bool)], Some((0, ordered))),
        ("sort", vec![list(Type::optional(Int))], Some((0, ordered))),
        ("sort", vec![Json], None),
        ("min", vec![list(Percent)], None),
        (
            "sum",
            vec![list(String)],
            Some((0, "a list of numbers, durations or percents")),
        ),
        (
            "sum",
            vec![list(Duration)],
            Some((0, "`0s` after the list, to begin with")),
        ),
        (
            "sum",
            vec![list(Percent), Type::None],
            Some((0, "`0%` after the list, to begin with")),
        ),
        ("sum", vec![list(Duration), Duration], None),
        ("sum", vec![list(Duration), Int], Some((1, "a duration"))),
        ("sum", vec![list(Int), Float], None),
        ("sum", vec![list(Int), Duration], Some((1, "a number"))),
        ("sum", vec![list(Any)], None),
        ("int", vec![Bool], Some((0, "a text or a number"))),
        ("float", vec![Json], None),
        (
            "json",
            vec![list(Secret)],
            Some((0, "data without secrets, services or places")),
        ),
        ("json", vec![record(&[("a", Duration)])], None),
    ] {
        assert_eq!(misfit(name, &types), refused, "{name} {types:?}");
    }
}

#[test]
fn result_types() {
    let result = |name: &str, types: &[Type]| {
        let builtin = builtins::find(name).expect("it is there");
        (builtin.result)(types).to_string()
    };
    let record = |fields: &[(&'static str, Type)]| Type::record(fields.iter().cloned());
    use Type::{Any, Duration, Float, Int, Json, String};
    let list = Type::list;
    for (name, types, expected) in [
        ("values", vec![Type::Map(Box::new(Int))], "[int]"),
        (
            "values",
            vec![record(&[("a", Int), ("b", Type::None)])],
            "[int?]",
        ),
        ("values", vec![Json], "[json]"),
        (
            "merge",
            vec![record(&[("a", Int), ("b", Int)]), record(&[("b", String)])],
            "{ a: int, b: string }",
        ),
        (
            "merge",
            vec![record(&[("a", Int)]), record(&[("a", Type::optional(Int))])],
            "{ a: int? }",
        ),
        (
            "merge",
            vec![Type::Map(Box::new(Int)), record(&[("b", Int)])],
            "{string: int}",
        ),
        ("flatten", vec![list(list(Int))], "[int]"),
        ("flatten", vec![list(Any)], "[anything]"),
        ("flatten", vec![Json], "[json]"),
        ("distinct", vec![list(Int)], "[int]"),
        ("min", vec![list(Duration)], "duration"),
        ("min", vec![Json], "json"),
        ("sum", vec![list(Int)], "int"),
        ("sum", vec![list(Int), Float], "float"),
        ("sum", vec![list(Float), Int], "float"),
        ("sum", vec![list(Any)], "int"),
        ("sum", vec![list(Any), Duration], "duration"),
        ("env", vec![String], "string"),
        ("env", vec![String, String], "string"),
        ("env", vec![String, Type::None], "string?"),
        ("ssh", vec![String], "connection"),
    ] {
        assert_eq!(result(name, &types), expected, "{name} {types:?}");
    }
}
