/**
 * @file The Lockstep deployment language for tree-sitter.
 * @license MIT OR Apache-2.0
 *
 * `grammar/deploy.pest` is the only definition of the syntax; this is its translation, in the same
 * sections. A test (`tests/editors`) holds both together: the same words and signs, and an error
 * in a text exactly where the program reports one.
 *
 * How it differs from the definition:
 * - Strings, numbers, comments and a few words are read by `src/scanner.c`: what they are depends
 *   on more than their own characters.
 * - `_call_name` is a word that begins a statement or a modifier (`kk` in the definition), but
 *   stands directly before `(` or `.`, so that it is a name.
 * - `_expression_without_in` is a `value` there: `in` is no operator in it, since it may follow.
 * - Expressions come in two shapes so that comparisons cannot be chained: `_closed` ones, behind
 *   which an operator may stand, and `_open` ones, which end in a `not …` or an `if …` that takes
 *   all operators behind it.
 */

/// <reference types="tree-sitter-cli/dsl" />
// @ts-check

const PREC = {
  fallback: 1,
  or: 2,
  and: 3,
  not: 4,
  compare: 5,
  sum: 6,
  product: 7,
  negate: 8,
};

/** The words that can never be names. */
const RESERVED = ['and', 'or', 'not', 'if', 'then', 'else', 'for', 'in'];

/** The words that begin a statement and may be names. */
const STATEMENT_WORDS = [
  'stage', 'step', 'serial', 'parallel', 'matrix', 'deploy', 'run', 'query', 'with', 'let', 'barrier', 'lock',
  'approve', 'wait', 'verify', 'log', 'fail', 'return', 'yield', 'on', 'ignore', 'rollback',
  'abort', 'retry', 'ask', 'send', 'fetch',
];

/** The clauses of `run` and `query`, each of which may stand once. */
const RUN_CLAUSES = ['using', 'in', 'env', 'stdin', 'on'];

/** Items with commas between them, and one at the end if you like. */
function commas(rule) {
  return seq(rule, repeat(seq(',', rule)), optional(','));
}

/** A word that is a name here, although it begins something else at this place. */
function named($, ...words) {
  return alias(words.length === 1 ? words[0] : choice(...words), $.identifier);
}

/** `rule` twice: for expressions, and for values, in which `in` is no operator. */
function twice(make) {
  return {
    [`_${make.name}`]: ($) => make($, '', ['==', '!=', '<', '<=', '>', '>=', 'in']),
    [`_${make.name}_without_in`]: ($) =>
      make($, '_without_in', ['==', '!=', '<', '<=', '>', '>=']),
  };
}

function expression($, kind) {
  return choice(
    $[`_comparison${kind}`],
    alias($[`_logical${kind}`], $.binary_expression),
  );
}

function logical($, kind) {
  const side = $[`_expression${kind}`];
  const binary = (level, operator) =>
    prec.left(
      level,
      seq(field('left', side), field('operator', operator), field('right', side)),
    );
  return choice(
    binary(PREC.fallback, '??'),
    binary(PREC.or, 'or'),
    binary(PREC.and, 'and'),
  );
}

function comparison($, kind) {
  return choice($._closed, $[`_open${kind}`], alias($[`_compare${kind}`], $.binary_expression));
}

function compare($, kind, operators) {
  return prec.right(
    PREC.compare,
    seq(
      field('left', $._closed),
      field('operator', choice(...operators)),
      field('right', choice($._closed, $[`_open${kind}`])),
    ),
  );
}

function open($, kind) {
  return choice(
    alias($[`_not${kind}`], $.unary_expression),
    $.if_expression,
    alias($[`_open_negation${kind}`], $.unary_expression),
    alias($[`_open_arithmetic${kind}`], $.binary_expression),
  );
}

function not($, kind) {
  return prec.right(
    PREC.not,
    seq(field('operator', 'not'), field('operand', $[`_comparison${kind}`])),
  );
}

function open_negation($, kind) {
  return prec(
    PREC.negate,
    seq(field('operator', '-'), field('operand', $[`_open${kind}`])),
  );
}

function open_arithmetic($, kind) {
  return arithmetic($._closed, $[`_open${kind}`]);
}

function arithmetic(left, right) {
  const binary = (level, ...operators) =>
    prec.left(
      level,
      seq(
        field('left', left),
        field('operator', choice(...operators)),
        field('right', right),
      ),
    );
  return choice(binary(PREC.sum, '+', '-'), binary(PREC.product, '*', '/', '%'));
}

/** A statement of a word and an expression. `retry` behind it is a statement. */
function plain($, word, name) {
  return prec.right(
    seq(
      word,
      field(name, $._expression),
      repeat($._plain_modifier),
      repeat($._handler),
    ),
  );
}

/** What may follow the text of a `run`: modifiers, and those of `clauses` that are left. */
function runTails() {
  const rules = {};
  const nameOf = (clauses) => `_run_${clauses.join('_') || 'tail'}`;
  for (let bits = 0; bits < 1 << RUN_CLAUSES.length; bits++) {
    const left = RUN_CLAUSES.filter((_, at) => bits & (1 << at));
    rules[nameOf(left)] = ($) =>
      choice(
        seq($._modifier, optional($[nameOf(left)])),
        ...left.map((clause) =>
          seq(
            $[`run_${clause}`],
            optional($[nameOf(left.filter((other) => other !== clause))]),
          ),
        ),
      );
  }
  return rules;
}

module.exports = grammar({
  name: 'deploy',

  externals: ($) => [
    $._string_start,
    $._text,
    $.escape_sequence,
    $._interpolation_start,
    $._interpolation_end,
    $._string_end,
    $.integer,
    $.float,
    $.percent,
    $.duration,
    $.comment,
    $.doc_comment,
    $._call_name,
    $._least,
    $._nothing,
    $._fail_fast,
    $._on_failure,
    // Never part of a tree: what is wrong inside of a string, and the sign that a parser which
    // recovers from an error asks for everything.
    $._unexpected,
    $._recovering,
  ],

  extras: ($) => [/[ \t\r\n]/, $.comment, $.doc_comment],

  word: ($) => $.identifier,

  reserved: {
    global: (_) => [...RESERVED, 'true', 'false', 'none'],
    field: (_) => RESERVED,
  },

  supertypes: ($) => [$.declaration, $.statement, $.type],

  inline: ($) => [$._atom],

  conflicts: ($) => [
    // `let x = serial` before `f()`, and a loop.
    [$._any_name, $._serial_effect],
    [$._any_name, $._parallel_effect],
    [$._any_name, $._matrix_effect],
    // `run "x" on eu`, and `run "x"` before `on eu { … }`; likewise `retry`.
    [$.run_statement],
    [$.query_statement],
    [$.send_statement],
    [$.fetch_statement],
    // `let x = send` before a statement, and a transfer.
    [$._any_name, $.send_statement],
    [$._any_name, $.fetch_statement],
    ...Object.keys(runTails()).map((name) => [$[name]]),
  ],

  rules: {
    file: ($) => repeat($.declaration),

    // ===== 2. Lexical structure =====

    // A `-` belongs to a name where a letter or digit follows it.
    identifier: (_) =>
      new RustRegex(
        String.raw`[\p{Alphabetic}\p{N}_&&[^0-9]]` +
          String.raw`[\p{Alphabetic}\p{N}_]*(-[\p{Alphabetic}\p{N}][\p{Alphabetic}\p{N}_]*)*`,
      ),

    _name: ($) => choice($.identifier, alias($._call_name, $.identifier)),

    string: ($) =>
      seq(
        alias($._string_start, '"'),
        optional($.string_content),
        alias($._string_end, '"'),
      ),
    string_content: ($) => repeat1(choice($._text, $.escape_sequence, $.interpolation)),
    interpolation: ($) =>
      seq(
        alias($._interpolation_start, '${'),
        $._expression,
        alias($._interpolation_end, '}'),
      ),

    path: ($) =>
      seq(
        optional(seq(field('namespace', $._name), '.')),
        field('name', $._name),
      ),

    // ===== 3. Types and values =====

    type: ($) =>
      choice(
        $.named_type,
        $.one_of_type,
        $.list_type,
        $.record_type,
        $.optional_type,
      ),
    _plain_type: ($) => choice($.named_type, $.one_of_type, $.list_type, $.record_type),
    named_type: ($) =>
      choice(
        seq(field('name', $._name), optional(seq('<', field('of', $.path), '>'))),
        seq(field('namespace', $._name), '.', field('name', $._name)),
      ),
    one_of_type: ($) => seq($.string, repeat(seq('|', $.string))),
    list_type: ($) => seq('[', $.type, ']'),
    record_type: ($) => seq('{', optional(commas($.type_entry)), '}'),
    type_entry: ($) => seq(field('name', $._name), ':', field('type', $.type)),
    optional_type: ($) => seq($._plain_type, '?'),

    ...twice(expression),
    ...twice(logical),
    ...twice(comparison),
    ...twice(compare),
    ...twice(open),
    ...twice(not),
    ...twice(open_negation),
    ...twice(open_arithmetic),

    _closed: ($) =>
      choice(
        $._atom,
        alias($._closed_negation, $.unary_expression),
        alias($._closed_arithmetic, $.binary_expression),
      ),
    _closed_negation: ($) =>
      prec(
        PREC.negate,
        seq(
          field('operator', '-'),
          // The least integer: its digits alone are too large.
          field('operand', choice($._closed, alias($._least, $.integer))),
        ),
      ),
    _closed_arithmetic: ($) => arithmetic($._closed, $._closed),

    if_expression: ($) =>
      prec.right(
        seq(
          'if',
          field('condition', $._expression),
          'then',
          field('then', $._expression),
          'else',
          field('else', $._expression),
        ),
      ),

    _atom: ($) => choice($._any_name, alias($._member, $.field_expression), $._compound),
    // After `let x =` and `return` these words may also begin something else.
    _any_name: ($) => choice($._name, named($, ...STATEMENT_WORDS)),
    _compound: ($) =>
      choice(
        $.true,
        $.false,
        $.none,
        $.string,
        $.integer,
        $.float,
        $.percent,
        $.duration,
        $.list,
        $.comprehension,
        $.map_comprehension,
        $.record,
        $.parenthesized_expression,
        $.field_expression,
        $.star_expression,
        $.index_expression,
        $.call_expression,
      ),
    true: (_) => 'true',
    false: (_) => 'false',
    none: (_) => 'none',

    // `name.name` is a rule of its own, since nothing else with a `.` can be called.
    field_expression: ($) =>
      seq(
        field(
          'value',
          choice(alias($._member, $.field_expression), $._compound, $.maybe_expression),
        ),
        '.',
        $._field_name,
      ),
    star_expression: ($) => seq(field('value', $._atom), '.', '*'),
    index_expression: ($) =>
      seq(
        field('value', choice($._atom, $.maybe_expression)),
        '[',
        field('index', $._expression),
        ']',
      ),
    // What may be `none`, before `.name` or `[index]`.
    maybe_expression: ($) => seq(field('value', $._atom), '?'),
    call_expression: ($) =>
      seq(
        field('function', choice($._any_name, alias($._member, $.field_expression))),
        $.arguments,
      ),
    _member: ($) =>
      seq(field('value', $._any_name), '.', $._field_name),
    _field_name: ($) =>
      field(
        'field',
        choice(reserved('field', $.identifier), alias($._call_name, $.identifier)),
      ),
    arguments: ($) => seq('(', optional(commas(choice($._expression, $.argument))), ')'),
    argument: ($) => seq(field('name', $._any_name), ':', field('value', $._expression)),
    list: ($) => seq('[', optional(commas($._expression)), ']'),
    comprehension: ($) =>
      seq(
        '[',
        field('body', $._expression),
        $._for,
        ']',
      ),
    map_comprehension: ($) => seq('{', $.entry, $._for, '}'),
    _for: ($) =>
      seq(
        'for',
        field('variable', $._name),
        optional($._second),
        'in',
        field('list', $._expression),
        optional(seq('if', field('condition', $._expression))),
      ),
    _second: ($) => seq(',', field('second', $._name)),
    parenthesized_expression: ($) => seq('(', $._expression, ')'),
    record: ($) => seq('{', optional(commas($.entry)), '}'),
    entry: ($) =>
      seq(field('key', choice($._name, $.string)), ':', field('value', $._expression)),

    // ===== 4. Declarations =====

    declaration: ($) =>
      choice(
        $.import,
        $.from_import,
        $.input,
        $.secret,
        $.let_declaration,
        $.service,
        $.environment,
        $.group,
        $.window,
        $.kind,
        $.workflow,
        $.action,
        $.function,
        $.type_declaration,
        $.pipeline,
        $.test,
        $.trigger,
      ),

    import: ($) =>
      seq('import', field('path', $.string), 'as', field('alias', $._name)),
    from_import: ($) =>
      seq(
        'from',
        field('path', $.string),
        'import',
        $.import_name,
        repeat(seq(',', $.import_name)),
      ),
    import_name: ($) =>
      seq(field('name', $._name), optional(seq('as', field('alias', $._name)))),
    input: ($) =>
      seq(
        'input',
        field('name', $._name),
        $._of_type,
        optional($._default),
        optional(seq('where', field('rule', $._expression))),
      ),
    _of_type: ($) => seq(':', field('type', $.type)),
    _default: ($) => seq('=', field('value', $._expression)),
    secret: ($) =>
      seq(
        'secret',
        field('name', $._name),
        optional(seq(':', field('type', $.secret_type))),
        $._default,
      ),
    secret_type: () => seq('secret', optional('?')),
    let_declaration: ($) =>
      seq('let', field('name', $._name), optional($._of_type), $._default),

    service: ($) =>
      seq(
        'service',
        // A text is the name of each that is made of the elements of a list.
        choice(
          seq(field('name', $._name), $._of_kind, optional($.using)),
          seq(field('name', $.string), $._of_kind, optional($.using), $.for_each),
        ),
        field('body', $.fields),
      ),
    // One is declared for each element of the list.
    for_each: ($) => $._for,
    _of_kind: ($) => seq(':', field('kind', $.path)),
    using: ($) => seq('using', field('workflow', $.path), optional($.arguments)),
    fields: ($) => seq('{', repeat(seq($.field, optional(','))), '}'),
    field: ($) => seq(field('name', $._name), '=', field('value', $._expression)),

    environment: ($) =>
      seq('environment', field('name', $._name), field('body', $.environment_body)),
    environment_body: ($) =>
      seq(
        '{',
        repeat(
          seq(
            choice($.override, $.infrastructure, alias($._odd_field, $.field), $.field),
            optional(','),
          ),
        ),
        '}',
      ),
    _odd_field: ($) =>
      seq(
        field('name', named($, 'override', 'infrastructure')),
        '=',
        field('value', $._expression),
      ),
    infrastructure: ($) =>
      seq(
        'infrastructure',
        choice(
          seq(field('name', $._name), $._of_kind),
          seq(field('name', $.string), $._of_kind, $.for_each),
        ),
        field('body', $.infrastructure_body),
      ),
    infrastructure_body: ($) =>
      seq(
        '{',
        repeat(
          seq(
            choice($.override, alias($._odd_override, $.field), $.field),
            optional(','),
          ),
        ),
        '}',
      ),
    _odd_override: ($) =>
      seq(field('name', named($, 'override')), '=', field('value', $._expression)),
    override: ($) =>
      seq(
        'override',
        field('service', $.path),
        optional(seq('[', field('index', $._expression), ']')),
        field('body', $.fields),
      ),

    group: ($) => seq('group', field('name', $._name), $._default),
    window: ($) => seq('window', field('name', $._name), field('body', $.fields)),

    kind: ($) =>
      seq(
        'kind',
        field('name', $._name),
        optional(seq('extends', field('base', $.path))),
        field('body', $.kind_body),
      ),
    kind_body: ($) =>
      seq(
        '{',
        repeat(
          seq(choice($.kind_service, $.kind_infrastructure, $.kind_deploy, $.requires), optional(',')),
        ),
        '}',
      ),
    kind_service: ($) => seq('service', $.field_declarations),
    kind_infrastructure: ($) => seq('infrastructure', $.field_declarations),
    // A program that must be there: its name, its version, and the command that says it.
    requires: ($) =>
      prec.right(
        seq(
          'requires',
          field('program', $.string),
          optional(field('version', $.string)),
          optional(seq('by', field('by', $.string))),
        ),
      ),
    // Where a run waits for others: the queue's name, and which of those that wait are kept.
    queue: ($) =>
      prec.right(
        seq('queue', field('name', $.string), optional(seq('keep', field('keep', $._name)))),
      ),
    kind_deploy: ($) => seq('deploy', $.using),
    field_declarations: ($) =>
      seq('{', repeat(seq($.field_declaration, optional(','))), '}'),
    field_declaration: ($) =>
      seq(field('name', $._name), $._of_type, optional($._default)),

    workflow: ($) =>
      seq(
        'workflow',
        field('name', $._name),
        $.parameters,
        optional($._result),
        repeat($.requires),
        field('body', $.block),
      ),
    action: ($) => seq('action', field('name', $._name), $.parameters, optional($._result)),
    function: ($) =>
      seq('function', field('name', $._name), $.parameters, $._result, $._default),
    type_declaration: ($) =>
      seq('type', field('name', $._name), '=', field('type', $.type)),
    // What fires, under which condition, and the pipeline that it starts.
    trigger: ($) =>
      seq(
        'trigger',
        field('name', $._name),
        $.trigger_source,
        optional(seq('where', field('condition', $._expression))),
        $.trigger_start,
      ),
    trigger_source: ($) => seq('on', field('source', $._name), optional($.arguments)),
    trigger_start: ($) => seq('starts', field('pipeline', $._name), optional($.arguments)),
    parameters: ($) => seq('(', optional(commas($.parameter)), ')'),
    parameter: ($) => seq(field('name', $._name), $._of_type, optional($._default)),
    _result: ($) => seq('->', field('result', $.type)),

    pipeline: ($) =>
      seq(
        'pipeline',
        field('name', $._name),
        repeat(choice($.requires, $.queue, $._modifier)),
        field('body', $.block),
        repeat($._handler),
      ),

    // ===== 5. Statements =====

    block: ($) => seq('{', repeat($.statement), '}'),

    statement: ($) =>
      choice(
        $.stage_statement,
        $.step_statement,
        $.serial_statement,
        $.parallel_statement,
        $.matrix_statement,
        $.deploy_statement,
        $.run_statement,
        $.query_statement,
        $.send_statement,
        $.fetch_statement,
        $.call_statement,
        $.let_statement,
        $.if_statement,
        $.barrier_statement,
        $.lock_statement,
        $.approve_statement,
        $.wait_statement,
        $.verify_statement,
        $.log_statement,
        $.fail_statement,
        $.return_statement,
        $.yield_statement,
        $.on_statement,
        $.with_statement,
        $.ignore_statement,
        $.rollback_statement,
        $.abort_statement,
        $.retry_statement,
        $.ask_statement,
      ),

    stage_statement: ($) => seq('stage', field('name', $._name), $._body),
    step_statement: ($) => seq('step', field('name', $._name), $._body),
    _body: ($) =>
      prec.right(
        seq(repeat($._modifier), field('body', $.block), repeat($._handler)),
      ),

    serial_statement: ($) => seq('serial', optional($._over), $._body),
    parallel_statement: ($) => seq('parallel', optional($._over), $._body),
    _over: ($) =>
      seq(
        field('variable', choice($._any_name, $._modifier_name)),
        optional($._second),
        'in',
        field('list', $._expression),
        optional($._cell_name),
      ),
    // What the cells of an axis are called.
    _cell_name: ($) => seq('by', field('name', $._expression)),
    _modifier_name: ($) =>
      named(
        $,
        'timeout',
        'grace',
        'max',
        'batches',
        'tolerate',
        'atomic',
        'once',
        'quiet',
        'undo',
        'always',
        'watch',
        'between',
      ),

    matrix_statement: ($) =>
      prec.right(
        seq(
          'matrix',
          $._matrix_head,
          field('body', $.block),
          repeat($._handler),
        ),
      ),
    // At least one axis, and at most one `where`.
    _matrix_head: ($) =>
      choice(
        seq(repeat($._matrix_other), $.axis, repeat($._matrix_more)),
        seq(
          repeat($._matrix_other),
          $.axis,
          repeat($._matrix_more),
          $.filter,
          repeat($._matrix_more),
        ),
        seq(
          repeat($._matrix_other),
          $.filter,
          repeat($._matrix_other),
          $.axis,
          repeat($._matrix_more),
        ),
      ),
    _matrix_other: ($) => choice($.include, $._modifier),
    _matrix_more: ($) => choice($.axis, $._matrix_other),
    axis: ($) =>
      seq(
        choice(
          seq(field('order', choice('serial', 'parallel')), field('variable', $._name)),
          field(
            'variable',
            choice(
              $._any_name,
              $._modifier_name,
              named($, 'where', 'include'),
            ),
          ),
        ),
        optional($._second),
        'in',
        field('list', $._expression),
        optional($._cell_name),
      ),
    filter: ($) => seq('where', field('condition', $._expression)),
    include: ($) => seq('include', field('cells', $._expression)),

    deploy_statement: ($) =>
      prec.right(
        seq(
          'deploy',
          field('service', $._expression),
          'to',
          field('target', $._expression),
          repeat($._modifier),
          optional(seq($.using, repeat($._modifier))),
          repeat($._handler),
        ),
      ),

    run_statement: ($) =>
      seq(
        'run',
        field('command', $.string),
        optional($._run_using_in_env_stdin_on),
        repeat($._handler),
      ),
    // A command that changes nothing.
    query_statement: ($) =>
      seq(
        'query',
        field('command', $.string),
        optional($._run_using_in_env_stdin_on),
        repeat($._handler),
      ),
    // A file, a folder or a text that goes to the place of the commands around it, or comes from
    // there. `send text to` sends what is called `text`.
    send_statement: ($) =>
      seq(
        'send',
        choice(
          seq(optional('text'), field('source', $._expression)),
          field('source', named($, 'text')),
        ),
        'to',
        field('path', $._expression),
        optional($._transfer_tail),
        repeat($._handler),
      ),
    fetch_statement: ($) =>
      seq(
        'fetch',
        field('source', $._expression),
        'to',
        field('path', $._expression),
        optional($._transfer_tail),
        repeat($._handler),
      ),
    _transfer_tail: ($) =>
      repeat1(choice($._modifier, $.replacing, $.file_mode, $.run_on)),
    replacing: (_) => 'replacing',
    file_mode: ($) => seq('mode', field('mode', $.integer)),
    ...runTails(),
    run_using: ($) => seq('using', field('shell', $._name)),
    run_in: ($) => seq('in', field('directory', $._expression_without_in)),
    run_env: ($) => seq('env', field('variables', $.record)),
    run_stdin: ($) => seq('stdin', field('text', $._expression_without_in)),
    run_on: ($) => seq('on', field('target', $._expression_without_in)),

    call_statement: ($) =>
      prec.right(
        seq(
          field('function', $._statement_callee),
          $.arguments,
          repeat($._modifier),
          repeat($._handler),
        ),
      ),
    _statement_callee: ($) => choice($._name, alias($._statement_member, $.field_expression)),
    _statement_member: ($) => seq(field('value', $._name), '.', field('field', $._name)),

    let_statement: ($) =>
      prec.right(
        seq(
          'let',
          field('name', $._name),
          optional($._of_type),
          '=',
          field(
            'value',
            choice(
              $._expression,
              $.run_statement,
              $.query_statement,
              $.send_statement,
              $.fetch_statement,
              alias($._serial_effect, $.serial_statement),
              alias($._parallel_effect, $.parallel_statement),
              alias($._matrix_effect, $.matrix_statement),
              alias($._approve_effect, $.approve_statement),
            ),
          ),
          repeat($._modifier),
          repeat($._handler),
        ),
      ),

    // Behind `let x =` a loop begins with its body or its variable, a matrix with an axis, and an
    // approval with a text.
    _approve_effect: ($) =>
      prec.right(
        seq(
          'approve',
          field('question', $.string),
          repeat(choice($.by, $.count, $.except, $._modifier)),
          repeat($._handler),
        ),
      ),
    _serial_effect: ($) => seq('serial', $._effect),
    _parallel_effect: ($) => seq('parallel', $._effect),
    _effect: ($) =>
      prec.right(
        choice(
          seq($._over, $._body),
          seq(field('body', $.block), repeat($._handler)),
        ),
      ),
    _matrix_effect: ($) =>
      prec.right(
        seq(
          'matrix',
          $.axis,
          repeat($._matrix_more),
          optional(seq($.filter, repeat($._matrix_more))),
          field('body', $.block),
          repeat($._handler),
        ),
      ),

    if_statement: ($) =>
      prec.right(
        seq(
          'if',
          field('condition', $._expression),
          field('then', $.block),
          repeat($.else_if),
          optional($.else),
          repeat($._handler),
        ),
      ),
    else_if: ($) =>
      seq('else', 'if', field('condition', $._expression), field('then', $.block)),
    else: ($) => seq('else', field('body', $.block)),

    barrier_statement: ($) =>
      prec.right(
        seq(
          'barrier',
          field('name', $._name),
          optional(seq('[', field('key', $._expression), ']')),
          repeat($._modifier),
          optional(seq($.across, repeat($._modifier))),
          repeat($._handler),
        ),
      ),
    across: ($) => seq('across', field('scope', choice('stage', 'pipeline'))),
    lock_statement: ($) =>
      prec.right(
        seq(
          'lock',
          field('resource', $._expression),
          repeat(choice($.limit, $._modifier)),
          field('body', $.block),
          repeat($._handler),
        ),
      ),
    limit: ($) => seq('limit', field('places', $._expression_without_in)),
    approve_statement: ($) =>
      prec.right(
        seq(
          'approve',
          field('question', $._expression),
          repeat(choice($.by, $.count, $.except, $._modifier)),
          repeat($._handler),
        ),
      ),
    by: ($) => seq('by', field('groups', $._expression)),
    count: ($) => seq('count', field('people', $._expression_without_in)),
    except: ($) => seq('except', field('people', $._expression)),
    wait_statement: ($) => plain($, 'wait', 'time'),
    verify_statement: ($) =>
      prec.right(
        seq('verify', $._verify_head, field('body', $.block), repeat($._handler)),
      ),
    // Both `for` and `every`, in any order.
    _verify_head: ($) =>
      choice(
        seq(
          repeat($._modifier),
          $.during,
          repeat(choice($.during, $._modifier)),
          $.every,
          repeat($._verify_any),
        ),
        seq(
          repeat($._modifier),
          $.every,
          repeat(choice($.every, $._modifier)),
          $.during,
          repeat($._verify_any),
        ),
      ),
    _verify_any: ($) => choice($.during, $.every, $._modifier),
    during: ($) => seq('for', field('time', $._expression_without_in)),
    every: ($) => seq('every', field('time', $._expression_without_in)),
    log_statement: ($) => plain($, 'log', 'text'),
    fail_statement: ($) =>
      prec.right(
        seq(
          'fail',
          field('message', $._expression),
          optional(seq('as', field('class', $._name))),
          repeat($._plain_modifier),
          repeat($._handler),
        ),
      ),
    // Whether a value follows is seen by the words behind `return`.
    return_statement: ($) =>
      seq('return', choice($._nothing, field('value', $._expression))),
    yield_statement: ($) => seq('yield', field('value', $._expression)),
    // `failure` alone is no infrastructure: such a handler has nothing that it could handle.
    on_statement: ($) =>
      seq(
        'on',
        field(
          'target',
          choice(
            $._expression,
            alias($._of_failure, $.field_expression),
            alias($._call_of_failure, $.call_expression),
          ),
        ),
        $._body,
      ),
    // A place, a folder and variables for the commands in its body.
    with_statement: ($) =>
      prec.right(
        seq(
          'with',
          repeat(choice($.run_on, $.run_in, $.run_env, $._modifier)),
          field('body', $.block),
          repeat($._handler),
        ),
      ),
    _call_of_failure: ($) => seq(field('function', named($, 'failure')), $.arguments),
    _of_failure: ($) => seq(field('value', named($, 'failure')), '.', $._field_name),

    // The ends of a handler.
    ignore_statement: (_) => 'ignore',
    rollback_statement: ($) =>
      prec.right(seq('rollback', optional(field('scope', choice('stage', 'pipeline'))))),
    abort_statement: (_) => 'abort',
    retry_statement: ($) => seq('retry', field('times', $._expression_without_in)),
    ask_statement: ($) =>
      prec.right(
        seq('ask', optional($.timeout), optional(seq('else', field('else', $._name)))),
      ),

    // Modifiers.
    _modifier: ($) => choice($._plain_modifier, $.retry),
    _plain_modifier: ($) =>
      choice(
        $.timeout,
        $.grace,
        $.max,
        $.batches,
        $.tolerate,
        $.fail_fast,
        $.atomic,
        $.once,
        $.quiet,
      ),
    timeout: ($) => seq('timeout', field('time', $._expression_without_in)),
    grace: ($) => seq('grace', field('time', $._expression_without_in)),
    // Behind a statement that may be tried again it is a modifier, not a statement.
    retry: ($) =>
      prec.dynamic(
        1,
        prec.right(
          seq(
            'retry',
            field('times', $._expression_without_in),
            optional(
              seq(
                'every',
                field('every', $._expression_without_in),
                optional(seq('..', field('upto', $._expression_without_in))),
              ),
            ),
          ),
        ),
      ),
    max: ($) => seq('max', field('places', $._expression_without_in)),
    batches: ($) =>
      prec.right(seq('batches', field('sizes', $._expression_without_in), optional($.between))),
    between: ($) => seq('between', field('body', $.block)),
    tolerate: ($) => seq('tolerate', field('failures', $._expression_without_in)),
    fail_fast: ($) => alias($._fail_fast, 'fail fast'),
    atomic: (_) => 'atomic',
    once: (_) => 'once',
    quiet: (_) => 'quiet',

    // Handlers.
    _handler: ($) => choice($.undo, $.always, $.on_failure, $.watch),
    undo: ($) =>
      seq(
        'undo',
        choice(
          field('body', $.block),
          seq($.none, field('reason', $._expression_without_in)),
        ),
      ),
    always: ($) => seq('always', field('body', $.block)),
    watch: ($) => seq('watch', $.every, field('body', $.block)),
    on_failure: ($) =>
      seq(
        alias($._on_failure, 'on failure'),
        optional($.classes),
        field('body', $.block),
      ),
    classes: ($) => seq('(', optional(commas($._name)), ')'),

    // ===== 11. Tests =====

    test: ($) => seq('test', field('name', $.string), field('body', $.test_body)),
    test_body: ($) =>
      seq(
        '{',
        repeat(
          choice(
            $.given_run,
            $.given_deployed,
            $.given_node,
            $.given_input,
            $.start,
            $.expect_status,
            $.expect_order,
            $.expect_condition,
          ),
        ),
        '}',
      ),
    given_run: ($) => seq('given', 'run', field('pattern', $.string), $._then),
    given_deployed: ($) =>
      prec(
        1,
        seq(
          'given',
          'deployed',
          '(',
          field('service', $._expression),
          ',',
          field('infrastructure', $._expression),
          ')',
          '=',
          field('value', $._expression),
        ),
      ),
    given_node: ($) => seq('given', field('node', $.string), $._then),
    given_input: ($) =>
      seq('given', field('name', choice($._name, named($, 'run'))), $._default),
    _then: ($) => choice($.returns, $.fails, $.refused, $.approved),
    returns: ($) => seq('returns', field('value', $._expression)),
    fails: ($) => prec.right(seq('fails', optional(field('class', $._name)))),
    refused: (_) => 'refused',
    approved: ($) =>
      prec.right(seq('approved', optional(seq('by', field('people', $._expression))))),
    start: ($) => seq('start', field('pipeline', $._any_name)),
    expect_status: ($) =>
      seq('expect', field('node', choice($.string, $._any_name)), field('status', $._name)),
    expect_order: ($) =>
      seq(
        'expect',
        field('node', choice($.string, $._name)),
        'before',
        field('other', choice($.string, $._name)),
      ),
    // Any other expression than a text or a name.
    expect_condition: ($) => seq('expect', field('condition', $._expression)),
  },
});
