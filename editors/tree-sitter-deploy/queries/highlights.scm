; Later patterns win over earlier ones.

(identifier) @variable
(comment) @comment
(doc_comment) @comment.documentation

; ----- Literals -----

(string) @string
(escape_sequence) @string.escape
(interpolation
  "${" @punctuation.special
  "}" @punctuation.special)
(integer) @number
(float) @number.float
(percent) @number
(duration) @number
(true) @boolean
(false) @boolean
(none) @constant.builtin

; ----- Types -----

(secret_type) @type.builtin
(named_type name: (identifier) @type)
((named_type name: (identifier) @type.builtin)
  (#any-of? @type.builtin
    "string" "path" "int" "float" "bool" "duration" "percent" "json" "secret" "service"
    "environment" "infrastructure"))
(named_type of: (path name: (identifier) @type))
(one_of_type "|" @operator)
(named_type namespace: (identifier) @module)
(optional_type "?" @operator)
(maybe_expression "?" @operator)
(type_entry name: (identifier) @property)

; ----- Expressions -----

(field_expression field: (identifier) @property)
(star_expression "*" @character.special)
(entry key: (identifier) @property)
(entry key: (string) @property)
(argument name: (identifier) @variable.parameter)
(call_expression function: (identifier) @function.call)
(call_expression function: (field_expression field: (identifier) @function.call))
((call_expression function: (identifier) @function.builtin)
  (#any-of? @function.builtin
    "length" "lower" "upper" "trim" "split" "join" "replace" "contains" "starts-with" "ends-with"
    "matches" "format" "keys" "values" "merge" "flatten" "distinct" "sort" "reverse" "range" "min"
    "max" "sum" "string" "int" "float" "json" "from-json" "base64" "from-base64" "sha256"
    "basename" "dirname" "env" "file" "lookup" "capture" "replace-all" "slice" "first" "last"
    "any" "all" "count" "zip" "chunk" "entries" "without" "abs" "round" "floor" "ceil" "bool"
    "duration" "percent" "seconds" "minutes" "from-yaml" "yaml" "from-toml" "url-encode" "indent"
    "lines" "format-time"))

[
  "+" "-" "*" "/" "%" "==" "!=" "<" "<=" ">" ">=" "??" "=" "->" ".."
] @operator
(named_type ["<" ">"] @punctuation.bracket)

[ "and" "or" "not" "in" ] @keyword.operator
(comprehension [ "for" "in" "if" ] @keyword)
(map_comprehension [ "for" "in" "if" ] @keyword)
(map_comprehension (entry key: (identifier) @variable))
(for_each [ "for" "in" "if" ] @keyword)
(if_expression [ "if" "then" "else" ] @keyword.conditional)

[ "{" "}" "[" "]" "(" ")" ] @punctuation.bracket
[ "," ":" "." ] @punctuation.delimiter

; ----- Declarations -----

[ "import" "from" "as" ] @keyword.import
[ "input" "secret" "let" "group" "window" ] @keyword
[ "service" "environment" "infrastructure" "override" "kind" ] @keyword.type
[ "workflow" "action" "function" "pipeline" "test" "trigger" ] @keyword.function
"type" @keyword.type
[ "where" "using" "extends" "requires" "queue" "keep" "starts" ] @keyword
(queue keep: (identifier) @keyword)

(import alias: (identifier) @module)
(import_name name: (identifier) @variable)
(path namespace: (identifier) @module)
(input name: (identifier) @constant)
(secret name: (identifier) @constant)
(let_declaration name: (identifier) @constant)
(service name: (identifier) @type.definition)
(service kind: (path name: (identifier) @type))
(environment name: (identifier) @type.definition)
(infrastructure name: (identifier) @type.definition)
(infrastructure kind: (path name: (identifier) @type))
(kind base: (path name: (identifier) @type))
(override service: (path name: (identifier) @variable))
(group name: (identifier) @type.definition)
(window name: (identifier) @type.definition)
(kind name: (identifier) @type.definition)
(using workflow: (path name: (identifier) @function))
(workflow name: (identifier) @function)
(action name: (identifier) @function)
(function name: (identifier) @function)
(type_declaration name: (identifier) @type.definition)
(pipeline name: (identifier) @function)
(test name: (string) @string.special)
(trigger name: (identifier) @function)
(trigger_source source: (identifier) @function.builtin)
(trigger_start pipeline: (identifier) @function)
(field name: (identifier) @property)
(field_declaration name: (identifier) @property)
(parameter name: (identifier) @variable.parameter)

; ----- Statements -----

[
  "stage" "step" "deploy" "to" "run" "query" "with" "env" "stdin" "barrier" "lock" "limit" "approve"
  "by" "count" "except" "wait" "verify" "send" "fetch" "text" "mode"
  "every" "log" "yield" "on" "include" "across"
] @keyword
[ "serial" "parallel" "matrix" ] @keyword.repeat
(during "for" @keyword)
(across scope: _ @keyword)
"return" @keyword.return
"fail" @keyword.exception
(if_statement "if" @keyword.conditional)
(else_if [ "else" "if" ] @keyword.conditional)
(else "else" @keyword.conditional)
(ask_statement [ "ask" "else" ] @keyword.exception)
(retry_statement "retry" @keyword.exception)
(rollback_statement "rollback" @keyword.exception)
(rollback_statement scope: _ @keyword.exception)
[ (ignore_statement) (abort_statement) ] @keyword.exception

[ "timeout" "grace" "max" "batches" "between" "tolerate" "fail fast" ] @keyword.modifier
(retry [ "retry" "every" ".." ] @keyword.modifier)
[ (atomic) (once) (quiet) ] @keyword.modifier
(replacing) @keyword

; At the very end of a handler it is the verdict, not a modifier of what stands before it.
(on_failure
  body: (block
    [
      (run_statement (retry "retry" @keyword.exception !every) .)
      (query_statement (retry "retry" @keyword.exception !every) .)
      (send_statement (retry "retry" @keyword.exception !every) .)
      (fetch_statement (retry "retry" @keyword.exception !every) .)
      (deploy_statement (retry "retry" @keyword.exception !every) .)
      (call_statement (retry "retry" @keyword.exception !every) .)
      (barrier_statement (retry "retry" @keyword.exception !every) .)
      (approve_statement (retry "retry" @keyword.exception !every) .)
    ] .))

[ "undo" "always" "watch" "on failure" ] @keyword.exception
(classes (identifier) @constant)
(fail_statement "as" @keyword)
(fail_statement class: (identifier) @constant)

(stage_statement name: (identifier) @label)
(step_statement name: (identifier) @label)
(barrier_statement name: (identifier) @label)
(call_statement function: (identifier) @function.call)
(call_statement function: (field_expression value: (identifier) @module))
(call_statement function: (field_expression field: (identifier) @function.call))
(run_using shell: (identifier) @constant)

; ----- Tests -----

[ "given" "start" "expect" "before" "returns" "fails" "approved" (refused) ] @keyword
(given_input name: (identifier) @constant)
(start pipeline: (identifier) @function)
(expect_status status: (identifier) @constant)
(fails class: (identifier) @constant)
