" Lockstep: a line is indented by the brackets that are open before it.
if exists('b:did_indent')
  finish
endif
let b:did_indent = 1

setlocal indentexpr=DeployIndent(v:lnum)
setlocal indentkeys=0{,0},0),0],!^F,o,O
setlocal nosmartindent

let b:undo_indent = 'setlocal indentexpr< indentkeys< smartindent<'

if exists('*DeployIndent')
  finish
endif

" Whether a place is inside of a string or a comment.
function! s:is_text(line, column) abort
  for id in synstack(a:line, a:column)
    if synIDattr(id, 'name') =~# '^deploy\%(Comment\|Doc\|String\|Long\|Command\)'
      return 1
    endif
  endfor
  return 0
endfunction

" How many more brackets a line opens than it closes; those that it closes first do not count.
function! s:opened(line) abort
  let text = getline(a:line)
  let depth = 0
  let column = match(text, '[][(){}]')
  while column >= 0
    if !s:is_text(a:line, column + 1)
      if text[column] =~# '[[({]'
        let depth += 1
      elseif depth > 0
        let depth -= 1
      endif
    endif
    let column = match(text, '[][(){}]', column + 1)
  endwhile
  return depth
endfunction

function! DeployIndent(line) abort
  " The text of a `"""` string keeps its own indentation.
  if s:is_text(a:line, 1) && getline(a:line - 1) !~# '^\s*#'
    return -1
  endif
  let before = prevnonblank(a:line - 1)
  if before == 0
    return 0
  endif
  let indent = indent(before)
  if s:opened(before) > 0
    let indent += shiftwidth()
  endif
  if getline(a:line) =~# '^\s*[])}]'
    let indent -= shiftwidth()
  endif
  return max([indent, 0])
endfunction
