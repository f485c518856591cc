; For Helix.

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
] @indent

[ "}" "]" ")" ] @outdent
