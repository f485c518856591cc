; For nvim-treesitter.

[
  (block)
  (fields)
  (environment_body)
  (infrastructure_body)
  (kind_body)
  (field_declarations)
  (test_body)
  (parameters)
  (arguments)
  (list)
  (comprehension)
  (record)
  (record_type)
  (classes)
  (parenthesized_expression)
] @indent.begin

[ "}" "]" ")" ] @indent.branch @indent.end

; The text of a string keeps its own indentation.
(string) @indent.auto
(ERROR) @indent.auto
