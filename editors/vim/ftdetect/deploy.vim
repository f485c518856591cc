autocmd BufRead,BufNewFile *.deploy set filetype=deploy
