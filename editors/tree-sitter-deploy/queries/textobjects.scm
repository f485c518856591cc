; For nvim-treesitter-textobjects and Helix.

(workflow body: (block) @function.inner) @function.outer
(pipeline body: (block) @function.inner) @function.outer
(workflow body: (block) @function.inside) @function.around
(pipeline body: (block) @function.inside) @function.around

(service body: (_) @class.inner) @class.outer
(environment body: (_) @class.inner) @class.outer
(infrastructure body: (_) @class.inner) @class.outer
(kind body: (_) @class.inner) @class.outer
(service body: (_) @class.inside) @class.around
(environment body: (_) @class.inside) @class.around
(infrastructure body: (_) @class.inside) @class.around
(kind body: (_) @class.inside) @class.around

(test body: (_) @test.inside) @test.around

(stage_statement body: (block) @block.inner) @block.outer
(step_statement body: (block) @block.inner) @block.outer
(serial_statement body: (block) @block.inner) @block.outer
(parallel_statement body: (block) @block.inner) @block.outer
(matrix_statement body: (block) @block.inner) @block.outer

(parameters (parameter) @parameter.inner @parameter.outer)
(parameters (parameter) @parameter.inside @parameter.around)
(arguments (_) @parameter.inner @parameter.outer)
(arguments (_) @parameter.inside @parameter.around)

(call_statement) @call.outer
(call_expression) @call.outer

[ (comment) (doc_comment) ] @comment.outer
[ (comment) (doc_comment) ]+ @comment.around
(comment) @comment.inside
(doc_comment) @comment.inside
