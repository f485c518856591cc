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

let s:in_head = '^\s*\%(serial\|parallel\|where\|include\|max\|batches\|tolerate\|atomic\|fail\)\>'

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
  let text = getline(a:line)
  " A clause on a line of its own continues a statement: it stays where it is.
  if text =~# '^\s*\%(retry\|timeout\|grace\|using\|env\|stdin\|every\|by\|to\|tolerate\|batches\|starts\)\s'
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
  " The head of a matrix may take several lines; its body is as far in as its first word.
  let head = before
  while head > 0 && text =~# '^\s*{' && getline(head) =~# s:in_head
    let head -= 1
  endwhile
  if getline(head) =~# '^\s*matrix\s*$'
    return indent(head) + (text =~# '^\s*{' ? 0 : shiftwidth())
  endif
  if text =~# '^\s*[])}]'
    let indent -= shiftwidth()
  endif
  return max([indent, 0])
endfunction
