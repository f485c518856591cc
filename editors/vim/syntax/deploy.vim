" Lockstep. The words are compared with the language's grammar by a test.
if exists('b:current_syntax')
  finish
endif

syntax iskeyword @,48-57,_,-,192-255
syntax sync minlines=200

" ----- Names, numbers, signs -----

syntax match deployOperator "==\|!=\|<=\|>=\|<\|>\|??\|->\|\.\.\|=\|+\|-\|\*\|/\|%\|?\||"
syntax match deployDelimiter "{\|}\|\[\|\]\|(\|)\|,\|:\|\."
syntax match deployName "\<\K\k*\>"
syntax match deployCall "\<\K\k*\>\ze("
syntax match deployProperty "\<\K\k*\>\ze\s*\%(:\|==\@!\)"
syntax match deployProperty "\.\@<!\.\K\k*\>"hs=s+1
syntax match deployNumber "\<\d[0-9_]*\>"
syntax match deployNumber "\<\d[0-9_]*\.\d[0-9_]*\>"
syntax match deployNumber "\<\d[0-9_]*\%(\.\d[0-9_]*\)\=%"
syntax match deployDuration "\<\%(\d[0-9_]*\%(ms\|[dhms]\)\)\+\>"
syntax match deployType "\%(:\|->\)\s*\[*\zs\%(string\|path\|int\|float\|bool\|duration\|percent\|json\|secret\|service\|environment\|infrastructure\)\>"

" ----- Words -----

" Most words may be names too: they are when they are followed by a sign for names, or by `(`.
syntax match deployStatement "\v\.@<!<%(stage|serial|parallel|matrix|deploy|step|run|query|with|send|fetch|barrier|lock|approve|wait|verify|log|return|yield|on)>%(\s*%([:,)\]]|\=\=@!)|\(|\.\K)@!"
syntax match deployClause "\v\.@<!<%(using|env|stdin|to|replacing|mode|by|limit|where|include|across|every|count|except|requires|queue|keep|extends|starts)>%(\s*%([:,)\]]|\=\=@!))@!"
syntax match deployClause "\v%(\.@<!<send )@<=<%(text)>\ze +%(to>)@![[:alnum:]_\"'(]"
syntax match deployClause "\v\.@<!<%(for)>"
syntax match deployModifier "\v\.@<!<%(timeout|grace|max|batches|tolerate|atomic|once|quiet|between)>%(\s*%([:,)\]]|\=\=@!)|\(|\.\K)@!"
syntax match deployModifier "\v\.@<!<%(fail)\s+%(fast)>"
syntax match deployHandler "\v\.@<!<%(undo|always)>\ze%(\s*\{|\s*$|\s+none>)"
syntax match deployHandler "\v\.@<!<%(watch)>\ze\s+every>"
syntax match deployHandler "\v\.@<!<%(on)\s+%(failure)>"
syntax match deployFailure "\v\.@<!<%(fail|ignore|rollback|abort|retry|ask)>%(\s*%([:,)\]]|\=\=@!)|\(|\.\K|\s+fast>)@!"
syntax match deployTestWord "\v\.@<!<%(given|start|expect|before|returns|fails|refused|approved)>%(\s*%([:,)\]]|\=\=@!)|\(|\.\K)@!"
syntax match deployDeclare "\v\.@<!<%(service|environment|infrastructure|override|group|window|kind|workflow|action|function|type|pipeline|trigger|input|secret|let)>\ze\s+\K" nextgroup=deployDefined skipwhite
syntax match deployDeclare "\v\.@<!<%(service|infrastructure)>\ze\s*\{"
syntax match deployDeclare "\v\.@<!<%(test)>\ze\s+\""
syntax match deployImport "\v\.@<!<%(import|from)>\ze\s+%(\"|\K)"
syntax match deployImport "\v\.@<!<%(as)>\ze\s+\K"
syntax match deployDefined "\K\k*" contained
syntax keyword deployConditional if then else
syntax keyword deployWordOperator and or not in
syntax keyword deployConstant true false none

" ----- Strings and comments -----

syntax match deployEscape "\\\%([nrt\"\\$]\|u{\x\{1,6}}\)" contained
syntax region deployInterpolation matchgroup=deploySpecial start="\${" end="}" contained contains=TOP
syntax region deployString start=+"+ end=+"\|$+ contains=deployEscape,deployInterpolation
syntax region deployLongString start=+"""+ end=+"""+ contains=deployEscape,deployInterpolation
syntax region deployRawString start=+'+ end=+'\|$+
syntax region deployLongRawString start=+'''\s*$+ end=+^\s*'''+

" A command is shell.
syntax match deployShellVariable "\$\%(\h\w*\|[0-9@*#?$!-]\)" contained
syntax match deployShellOption "\%(^\|\s\)\@<=--\=\a[0-9A-Za-z_-]*" contained
syntax match deployShellOperator "&&\|||\|[|;&<>]" contained
syntax match deployShellText "'[^'\"$\\]*'" contained
syntax region deployCommand matchgroup=deployString start=+\%(\<\%(run\|query\)\_s\+\)\@10<="+ end=+"\|$+ contains=deployEscape,deployInterpolation,deployShellVariable,deployShellOption,deployShellOperator,deployShellText
syntax region deployLongCommand matchgroup=deployString start=+\%(\<\%(run\|query\)\_s\+\)\@10<="""+ end=+"""+ contains=deployEscape,deployInterpolation,deployShellVariable,deployShellOption,deployShellOperator,deployShellText

syntax match deployComment "#.*$" contains=@Spell
syntax match deployDoc "##\%(#\)\@!.*$" contains=@Spell

highlight default link deployOperator Operator
highlight default link deployDelimiter Delimiter
highlight default link deployCall Function
highlight default link deployProperty Identifier
highlight default link deployNumber Number
highlight default link deployDuration Number
highlight default link deployType Type
highlight default link deployStatement Statement
highlight default link deployClause Statement
highlight default link deployModifier StorageClass
highlight default link deployHandler Exception
highlight default link deployFailure Exception
highlight default link deployTestWord Statement
highlight default link deployDeclare Structure
highlight default link deployDefined Function
highlight default link deployImport Include
highlight default link deployConditional Conditional
highlight default link deployWordOperator Operator
highlight default link deployConstant Constant
highlight default link deployEscape SpecialChar
highlight default link deploySpecial Special
highlight default link deployString String
highlight default link deployLongString String
highlight default link deployRawString String
highlight default link deployLongRawString String
highlight default link deployShellVariable Identifier
highlight default link deployShellOption Special
highlight default link deployShellOperator Operator
highlight default link deployShellText String
highlight default link deployComment Comment
highlight default link deployDoc SpecialComment

let b:current_syntax = 'deploy'
