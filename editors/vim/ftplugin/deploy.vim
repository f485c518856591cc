" Lockstep: comments, names, formatting.
if exists('b:did_ftplugin')
  finish
endif
let b:did_ftplugin = 1

setlocal comments=:##,:#
setlocal commentstring=#\ %s
setlocal formatoptions-=t
setlocal formatoptions+=croql
setlocal expandtab
setlocal shiftwidth=2
setlocal softtabstop=2
setlocal suffixesadd=.deploy
setlocal include=^\\s*\\%(import\\\|from\\)
" A `-` is a part of names.
setlocal iskeyword+=-

if executable('lockstep')
  setlocal formatprg=lockstep\ fmt\ -
endif

if exists('g:loaded_matchit')
  let b:match_words = '\<if\>:\<else\>'
endif

let b:undo_ftplugin = 'setlocal comments< commentstring< formatoptions< expandtab< shiftwidth<'
      \ . ' softtabstop< suffixesadd< include< iskeyword< formatprg<'
      \ . ' | unlet! b:match_words'
