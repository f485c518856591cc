((comment) @injection.content
  (#set! injection.language "comment"))
((doc_comment) @injection.content
  (#set! injection.language "comment"))

; The text of a command is shell; its interpolations and escapes are children, and left out.
((run_statement
  command: (string (string_content) @injection.content))
  (#set! injection.language "bash"))
((query_statement
  command: (string (string_content) @injection.content))
  (#set! injection.language "bash"))

; Rules of inputs are mostly regular expressions.
((call_expression
  function: (identifier) @_matches
  (arguments . (_) . (string (string_content) @injection.content)))
  (#eq? @_matches "matches")
  (#set! injection.language "regex"))
