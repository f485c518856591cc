// The tokens of Lockstep that no regular expression can read: strings with interpolations, numbers
// with units, comments, and words whose meaning depends on what stands directly behind them.
// `grammar/deploy.pest` and `src/syntax` define them.

#include "tree_sitter/alloc.h"
#include "tree_sitter/parser.h"

#include <string.h>

enum Token {
  STRING_START,
  TEXT,
  ESCAPE,
  INTERPOLATION_START,
  INTERPOLATION_END,
  STRING_END,
  INTEGER,
  FLOAT,
  PERCENT,
  DURATION,
  COMMENT,
  DOC_COMMENT,
  CALL_NAME,
  LEAST,
  NOTHING,
  FAIL_FAST,
  ON_FAILURE,
  UNEXPECTED,
  RECOVERING,
};

// The strings that are open, and the largest indentation of a closing `"""` that is compared.
#define MAX_STRINGS 64
#define MAX_INDENT 120
#define MAX_STATE TREE_SITTER_SERIALIZATION_BUFFER_SIZE

// An open string.
typedef struct {
  // Whether it is one between three quotes.
  bool is_long;
  // Whether it is a raw text, between `'`.
  bool is_raw;
  // Whether an interpolation of it is being read.
  bool in_interpolation;
  // The blanks before the closing `"""`, which every line must begin with.
  uint8_t length;
  char indent[MAX_INDENT];
} String;

typedef struct {
  unsigned depth;
  String strings[MAX_STRINGS];
} Scanner;

static inline void advance(TSLexer *lexer) { lexer->advance(lexer, false); }

static inline bool is_digit(int32_t c) { return c >= '0' && c <= '9'; }

static inline bool is_letter(int32_t c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c >= 0x80;
}

static inline bool is_word(int32_t c) { return is_letter(c) || is_digit(c); }

static inline bool is_blank(int32_t c) { return c == ' ' || c == '\t'; }

static inline bool is_space(int32_t c) { return is_blank(c) || c == '\r' || c == '\n'; }

static inline bool found(TSLexer *lexer, enum Token token) {
  lexer->result_symbol = token;
  return true;
}

// ----- Comments -----

static bool comment(TSLexer *lexer) {
  unsigned signs = 0;
  while (lexer->lookahead == '#') {
    signs++;
    advance(lexer);
  }
  lexer->mark_end(lexer);
  while (lexer->lookahead != '\n' && !lexer->eof(lexer)) {
    bool is_return = lexer->lookahead == '\r';
    advance(lexer);
    if (!is_return || (lexer->lookahead != '\n' && !lexer->eof(lexer))) {
      lexer->mark_end(lexer);
    }
  }
  return found(lexer, signs == 2 ? DOC_COMMENT : COMMENT);
}

static void skip_trivia(TSLexer *lexer) {
  for (;;) {
    if (is_space(lexer->lookahead)) {
      advance(lexer);
    } else if (lexer->lookahead == '#') {
      while (lexer->lookahead != '\n' && !lexer->eof(lexer)) advance(lexer);
    } else {
      return;
    }
  }
}

// ----- Numbers -----

#define MAX_NUMBER 400

// Whether each `_` stands between two digits.
static bool underscores_fit(const char *text, unsigned length) {
  for (unsigned at = 0; at < length; at++) {
    if (text[at] != '_') continue;
    if (at == 0 || at + 1 == length) return false;
    if (!is_digit(text[at - 1]) || !is_digit(text[at + 1])) return false;
  }
  return true;
}

// The value of the digits; false if it is larger than `most`.
static bool value_of(const char *text, unsigned length, uint64_t most, uint64_t *value) {
  *value = 0;
  for (unsigned at = 0; at < length; at++) {
    if (text[at] == '_') continue;
    uint64_t digit = (uint64_t)(text[at] - '0');
    if (*value > (most - digit) / 10) return false;
    *value = *value * 10 + digit;
  }
  return true;
}

static int64_t unit_size(const char *text, unsigned length) {
  if (length == 2 && text[0] == 'm' && text[1] == 's') return 1;
  if (length != 1) return 0;
  switch (text[0]) {
    case 'd': return 86400000;
    case 'h': return 3600000;
    case 'm': return 60000;
    case 's': return 1000;
    default: return 0;
  }
}

// `1h30m`: each unit once, from large to small.
static bool is_duration(const char *text, unsigned length) {
  int64_t smallest = INT64_MAX;
  int64_t total = 0;
  unsigned at = 0;
  while (at < length) {
    unsigned start = at;
    while (at < length && (is_digit(text[at]) || text[at] == '_')) at++;
    unsigned unit = at;
    while (at < length && !is_digit(text[at])) at++;
    int64_t size = unit_size(text + unit, at - unit);
    uint64_t count;
    if (unit == start || size == 0 || size >= smallest) return false;
    if (!underscores_fit(text + start, unit - start)) return false;
    if (!value_of(text + start, unit - start, (uint64_t)((INT64_MAX - total) / size), &count)) {
      return false;
    }
    total += (int64_t)count * size;
    smallest = size;
  }
  return true;
}

static bool number(TSLexer *lexer, const bool *valid) {
  char text[MAX_NUMBER];
  unsigned length = 0;
  bool has_point = false;
  bool has_unit = false;
  for (;;) {
    while (is_word(lexer->lookahead)) {
      if (length == MAX_NUMBER || lexer->lookahead >= 0x80) return false;
      has_unit |= lexer->lookahead != '_' && !is_digit(lexer->lookahead);
      text[length++] = (char)lexer->lookahead;
      advance(lexer);
    }
    lexer->mark_end(lexer);
    if (has_point || lexer->lookahead != '.') break;
    advance(lexer);
    if (!is_digit(lexer->lookahead)) break;
    if (length == MAX_NUMBER) return false;
    text[length++] = '.';
    has_point = true;
  }
  bool has_percent = lexer->lookahead == '%';
  if (has_percent) {
    advance(lexer);
    lexer->mark_end(lexer);
  }
  if (has_unit) {
    if (has_percent || has_point || !is_duration(text, length)) return false;
    return found(lexer, DURATION);
  }
  uint64_t value;
  if (!underscores_fit(text, length)) return false;
  if (has_percent) return found(lexer, PERCENT);
  if (has_point) return found(lexer, FLOAT);
  if (value_of(text, length, INT64_MAX, &value)) return found(lexer, INTEGER);
  // Only behind a `-`.
  if (!valid[LEAST] || !value_of(text, length, (uint64_t)INT64_MAX + 1, &value)) return false;
  return found(lexer, LEAST);
}

// ----- Words -----

// The words that begin a statement or a modifier: directly before `(` or `.` they are names.
static const char *const WORDS[] = {
  "abort", "always", "approve", "ask", "atomic", "barrier", "batches", "between", "count",
  "deploy", "except", "fail", "fast", "fetch", "grace", "ignore", "let", "lock", "log", "matrix",
  "max", "mode", "on", "once", "parallel", "query", "quiet", "replacing", "retry", "return",
  "rollback", "run", "send", "serial", "stage", "step", "text", "timeout", "tolerate", "undo",
  "verify", "wait", "watch", "with", "yield",
};

#define MAX_WORD 9

static unsigned read_word(TSLexer *lexer, char *word) {
  unsigned length = 0;
  while (lexer->lookahead >= 'a' && lexer->lookahead <= 'z' && length < MAX_WORD) {
    word[length++] = (char)lexer->lookahead;
    advance(lexer);
  }
  word[length] = 0;
  return length;
}

// Whether a keyword ends here. If it is followed by `(` or `.name`, it is a name instead.
static bool keyword_ends(TSLexer *lexer, bool *is_name) {
  *is_name = false;
  int32_t next = lexer->lookahead;
  if (is_word(next)) return false;
  if (next == '(') {
    *is_name = true;
  } else if (next == '.') {
    advance(lexer);
    *is_name = is_letter(lexer->lookahead);
  } else if (next == '-') {
    advance(lexer);
    return !is_word(lexer->lookahead) || lexer->lookahead == '_';
  }
  return true;
}

// Whether a `return` has no value: whether this word begins the next statement.
static bool begins_statement(TSLexer *lexer, const char *word) {
  static const char *const NEVER[] = {
    "abort", "atomic", "batches", "between", "count", "except", "fast", "grace", "ignore", "max",
    "mode", "once", "quiet", "replacing", "text", "timeout", "tolerate", "watch",
  };
  for (unsigned at = 0; at < sizeof NEVER / sizeof *NEVER; at++) {
    if (strcmp(word, NEVER[at]) == 0) return false;
  }
  while (is_blank(lexer->lookahead)) advance(lexer);
  int32_t next = lexer->lookahead;
  return is_word(next) || next == '"' || next == '\'' || next == '{' || next == '[' || next == '(';
}

static bool word(TSLexer *lexer, const bool *valid) {
  char text[MAX_WORD + 1];
  lexer->mark_end(lexer);
  read_word(lexer, text);
  bool is_open = valid[NOTHING] && !valid[RECOVERING];
  // If there is no value behind a `return`, the token is empty and ends before the word.
  if (!is_open || lexer->lookahead == '(' || lexer->lookahead == '.') lexer->mark_end(lexer);
  bool known = false;
  for (unsigned at = 0; at < sizeof WORDS / sizeof *WORDS && !known; at++) {
    known = strcmp(text, WORDS[at]) == 0;
  }
  bool is_name;
  int32_t next = lexer->lookahead;
  if (!known || !keyword_ends(lexer, &is_name)) return false;
  if (is_name) return found(lexer, CALL_NAME);
  if (is_open) return begins_statement(lexer, text) && found(lexer, NOTHING);
  if (!is_space(next) && next != '#') return false;
  if (strcmp(text, "undo") == 0 || strcmp(text, "always") == 0) {
    // Without a body it is no handler.
    skip_trivia(lexer);
    return (lexer->lookahead == '(' || lexer->lookahead == '.') && found(lexer, CALL_NAME);
  }
  if (strcmp(text, "fail") == 0 && valid[FAIL_FAST]) {
    skip_trivia(lexer);
    read_word(lexer, text);
    if (strcmp(text, "fast") != 0) return false;
    lexer->mark_end(lexer);
    return keyword_ends(lexer, &is_name) && !is_name && found(lexer, FAIL_FAST);
  }
  if (strcmp(text, "on") == 0) {
    skip_trivia(lexer);
    read_word(lexer, text);
    if (strcmp(text, "failure") != 0 || is_word(lexer->lookahead)) return false;
    lexer->mark_end(lexer);
    skip_trivia(lexer);
    // A name of an infrastructure it is only where that cannot be a handler's head.
    if (lexer->lookahead == '{' || (lexer->lookahead == '(' && valid[ON_FAILURE])) {
      return found(lexer, ON_FAILURE);
    }
  }
  return false;
}

// ----- Strings -----

// Looks ahead to the end of a `"""` string and notes the blanks before it, if nothing else stands
// before it on its line.
static void find_indent(TSLexer *lexer, String *string) {
  // What is open: a long string, a short one, or a bracket.
  char open[256];
  unsigned depth = 1;
  bool only_blanks = false;
  unsigned length = 0;
  open[0] = 'L';
  while (!lexer->eof(lexer) && depth < sizeof open - 1) {
    int32_t c = lexer->lookahead;
    bool outer = depth == 1;
    char top = open[depth - 1];
    advance(lexer);
    if (top == 'B') {
      if (c == '(' || c == '[' || c == '{') {
        open[depth++] = 'B';
      } else if (c == ')' || c == ']' || c == '}') {
        depth--;
      } else if (c == '#') {
        while (lexer->lookahead != '\n' && !lexer->eof(lexer)) advance(lexer);
      } else if (c == '"' && lexer->lookahead != '"') {
        open[depth++] = 'S';
      } else if (c == '"') {
        advance(lexer);
        if (lexer->lookahead == '"') {
          advance(lexer);
          open[depth++] = 'L';
        }
      }
      continue;
    }
    if (c == '"') {
      unsigned quotes = 1;
      while (top == 'L' && quotes < 3 && lexer->lookahead == '"') {
        quotes++;
        advance(lexer);
      }
      if (top == 'S' || quotes == 3) depth--;
      if (depth == 0) {
        string->length = only_blanks && length <= MAX_INDENT ? (uint8_t)length : 0;
        return;
      }
    } else if (c == '\\') {
      if (!lexer->eof(lexer)) advance(lexer);
    } else if (c == '$' && lexer->lookahead == '{') {
      advance(lexer);
      open[depth++] = 'B';
    } else if (c == '\n') {
      if (top == 'S') return;
      if (outer) {
        only_blanks = true;
        length = 0;
      }
      continue;
    }
    if (outer && is_blank(c) && only_blanks) {
      if (length < MAX_INDENT) string->indent[length] = (char)c;
      length++;
    } else if (outer) {
      only_blanks = false;
    }
  }
}

static bool string_start(Scanner *scanner, TSLexer *lexer) {
  if (scanner->depth == MAX_STRINGS) return false;
  String *string = &scanner->strings[scanner->depth];
  advance(lexer);
  lexer->mark_end(lexer);
  string->is_long = false;
  string->is_raw = false;
  string->in_interpolation = false;
  string->length = 0;
  if (lexer->lookahead == '"') {
    advance(lexer);
    if (lexer->lookahead == '"') {
      advance(lexer);
      lexer->mark_end(lexer);
      string->is_long = true;
      find_indent(lexer, string);
    }
  }
  scanner->depth++;
  return found(lexer, STRING_START);
}

// A raw text: `'`, or `'''` and a line break.
static bool raw_start(Scanner *scanner, TSLexer *lexer) {
  if (scanner->depth == MAX_STRINGS) return false;
  String *string = &scanner->strings[scanner->depth];
  advance(lexer);
  lexer->mark_end(lexer);
  string->is_long = false;
  string->is_raw = true;
  string->in_interpolation = false;
  string->length = 0;
  if (lexer->lookahead == '\'') {
    advance(lexer);
    if (lexer->lookahead == '\'') {
      advance(lexer);
      lexer->mark_end(lexer);
      string->is_long = true;
      while (is_blank(lexer->lookahead) || lexer->lookahead == '\r') advance(lexer);
      if (lexer->lookahead != '\n') return false;
    }
  }
  scanner->depth++;
  return found(lexer, STRING_START);
}

// Reads on in a raw text, to its end.
static bool in_raw(Scanner *scanner, TSLexer *lexer) {
  String *string = &scanner->strings[scanner->depth - 1];
  bool has_text = false;
  // Whether nothing but blanks stands before on the line, behind the first line end; where it
  // reads on, its closing quotes are next.
  bool is_fresh = true;
  while (!lexer->eof(lexer)) {
    int32_t c = lexer->lookahead;
    if (c == '\'' && (!string->is_long || is_fresh)) {
      unsigned wanted = string->is_long ? 3 : 1;
      unsigned quotes = 0;
      lexer->mark_end(lexer);
      while (quotes < wanted && lexer->lookahead == '\'') {
        quotes++;
        advance(lexer);
      }
      if (quotes == wanted) {
        if (has_text) return found(lexer, TEXT);
        lexer->mark_end(lexer);
        scanner->depth--;
        return found(lexer, STRING_END);
      }
      is_fresh = false;
      has_text = true;
      continue;
    }
    if (c == '\n' && !string->is_long) {
      // The text is not closed: what follows is no part of it.
      if (has_text) return found(lexer, TEXT);
      advance(lexer);
      lexer->mark_end(lexer);
      scanner->depth--;
      return found(lexer, UNEXPECTED);
    }
    is_fresh = c == '\n' || (is_fresh && is_blank(c));
    advance(lexer);
    has_text = true;
    lexer->mark_end(lexer);
  }
  return has_text && found(lexer, TEXT);
}

static int hex_digit(int32_t c) {
  if (is_digit(c)) return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

static bool escape(TSLexer *lexer) {
  advance(lexer);
  lexer->mark_end(lexer);
  switch (lexer->lookahead) {
    case 'n':
    case 'r':
    case 't':
    case '"':
    case '\\':
    case '$':
      advance(lexer);
      lexer->mark_end(lexer);
      return found(lexer, ESCAPE);
    case 'u':
      break;
    default:
      return found(lexer, UNEXPECTED);
  }
  advance(lexer);
  if (lexer->lookahead != '{') return found(lexer, UNEXPECTED);
  advance(lexer);
  uint32_t value = 0;
  unsigned digits = 0;
  while (hex_digit(lexer->lookahead) >= 0) {
    if (digits++ < 6) value = value * 16 + (uint32_t)hex_digit(lexer->lookahead);
    advance(lexer);
  }
  bool is_character = value <= 0x10FFFF && !(value >= 0xD800 && value <= 0xDFFF);
  if (lexer->lookahead != '}' || digits == 0 || digits > 6 || !is_character) {
    return found(lexer, UNEXPECTED);
  }
  advance(lexer);
  lexer->mark_end(lexer);
  return found(lexer, ESCAPE);
}

// Reads a line end in a `"""` string and the blanks behind it. Returns whether the line that
// begins there is indented far enough.
static bool line_end(TSLexer *lexer, const String *string, bool has_text) {
  advance(lexer);
  unsigned same = 0;
  bool fits = string->length == 0;
  while (is_blank(lexer->lookahead)) {
    if (!fits && lexer->lookahead == string->indent[same]) {
      fits = ++same == string->length;
    } else if (!fits) {
      break;
    }
    advance(lexer);
  }
  if (fits) return true;
  if (!has_text) lexer->mark_end(lexer);
  while (is_blank(lexer->lookahead)) advance(lexer);
  if (lexer->lookahead == '\r') advance(lexer);
  return lexer->lookahead == '\n' || lexer->eof(lexer);
}

// Reads on in the innermost string.
static bool in_string(Scanner *scanner, TSLexer *lexer) {
  String *string = &scanner->strings[scanner->depth - 1];
  bool has_text = false;
  while (!lexer->eof(lexer)) {
    lexer->mark_end(lexer);
    switch (lexer->lookahead) {
      case '\\':
        return has_text ? found(lexer, TEXT) : escape(lexer);
      case '"': {
        unsigned quotes = 0;
        unsigned wanted = string->is_long ? 3 : 1;
        while (quotes < wanted && lexer->lookahead == '"') {
          quotes++;
          advance(lexer);
        }
        if (quotes < wanted) break;
        if (has_text) return found(lexer, TEXT);
        lexer->mark_end(lexer);
        scanner->depth--;
        return found(lexer, STRING_END);
      }
      case '$':
        advance(lexer);
        if (lexer->lookahead != '{') break;
        if (has_text) return found(lexer, TEXT);
        advance(lexer);
        lexer->mark_end(lexer);
        string->in_interpolation = true;
        return found(lexer, INTERPOLATION_START);
      case '\n':
        if (!string->is_long) {
          if (has_text) return found(lexer, TEXT);
          // The string is not closed: what follows is no part of it.
          advance(lexer);
          lexer->mark_end(lexer);
          scanner->depth--;
          return found(lexer, UNEXPECTED);
        }
        if (!line_end(lexer, string, has_text)) {
          return found(lexer, has_text ? TEXT : UNEXPECTED);
        }
        break;
      default:
        advance(lexer);
    }
    has_text = true;
  }
  lexer->mark_end(lexer);
  return has_text && found(lexer, TEXT);
}

// ----- Interface -----

void *tree_sitter_deploy_external_scanner_create(void) {
  return ts_calloc(1, sizeof(Scanner));
}

void tree_sitter_deploy_external_scanner_destroy(void *payload) { ts_free(payload); }

unsigned tree_sitter_deploy_external_scanner_serialize(void *payload, char *buffer) {
  const Scanner *scanner = payload;
  unsigned size = 0;
  for (unsigned at = 0; at < scanner->depth; at++) {
    const String *string = &scanner->strings[at];
    unsigned length = size + 2 + string->length <= MAX_STATE ? string->length : 0;
    if (size + 2 > MAX_STATE) break;
    buffer[size++] = (char)(string->is_long | (string->in_interpolation << 1) |
                            (string->is_raw << 2));
    buffer[size++] = (char)length;
    memcpy(buffer + size, string->indent, length);
    size += length;
  }
  return size;
}

void tree_sitter_deploy_external_scanner_deserialize(void *payload, const char *buffer,
                                                     unsigned size) {
  Scanner *scanner = payload;
  scanner->depth = 0;
  unsigned at = 0;
  while (at + 1 < size && scanner->depth < MAX_STRINGS) {
    String *string = &scanner->strings[scanner->depth++];
    string->is_long = buffer[at] & 1;
    string->in_interpolation = (buffer[at] >> 1) & 1;
    string->is_raw = (buffer[at] >> 2) & 1;
    string->length = (uint8_t)buffer[at + 1];
    memcpy(string->indent, buffer + at + 2, string->length);
    at += 2 + string->length;
  }
}

bool tree_sitter_deploy_external_scanner_scan(void *payload, TSLexer *lexer, const bool *valid) {
  Scanner *scanner = payload;
  String *string = scanner->depth == 0 ? NULL : &scanner->strings[scanner->depth - 1];
  if (string && string->is_raw) return in_raw(scanner, lexer);
  if (string && !string->in_interpolation) return in_string(scanner, lexer);
  bool on_one_line = false;
  for (unsigned at = 0; at < scanner->depth; at++) {
    on_one_line |= !scanner->strings[at].is_long;
  }
  while (is_space(lexer->lookahead)) {
    // A string between `"` does not span lines, nor do its interpolations.
    if (lexer->lookahead == '\n' && on_one_line) {
      advance(lexer);
      lexer->mark_end(lexer);
      return found(lexer, UNEXPECTED);
    }
    lexer->advance(lexer, true);
  }
  if (lexer->lookahead == '#') return comment(lexer);
  if (lexer->lookahead == '"') return string_start(scanner, lexer);
  if (lexer->lookahead == '\'') return raw_start(scanner, lexer);
  if (is_digit(lexer->lookahead)) return number(lexer, valid);
  if (string && lexer->lookahead == '}' && valid[INTERPOLATION_END]) {
    advance(lexer);
    lexer->mark_end(lexer);
    string->in_interpolation = false;
    return found(lexer, INTERPOLATION_END);
  }
  if (lexer->lookahead == '}' && valid[NOTHING] && !valid[RECOVERING]) {
    lexer->mark_end(lexer);
    return found(lexer, NOTHING);
  }
  if (lexer->lookahead >= 'a' && lexer->lookahead <= 'z') return word(lexer, valid);
  return false;
}
